package export

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

const (
	digestA = layers.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	digestB = layers.Digest("sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
)

// shop is a plan of two caches and a pool, with names as they come from a cluster.
func shop() Input {
	return Input{
		Plan: &plan.Plan{
			Platform: "linux/amd64", Assign: plan.Explicit, Verdict: plan.Build, Reason: "It pays.",
			Caches: []plan.PlannedCache{
				{
					Name: "shop-web-1a2b3c4d", Images: []string{"registry.example.com/shop/web:1.4.1", "docker://registry.example.com/mesh/proxy:1.2"},
					SizeGiB: 20, UnpackedBytes: 3 << 30, Apps: []string{"shop/web", "shop/Sidecar UI"}, SavedSeconds: 90 * time.Minute,
				},
				{
					Name: "Batch/Report", Images: []string{"registry.example.com/batch/report:2026.11"},
					SizeGiB: 40.5, UnpackedBytes: 40 << 30, Apps: []string{"batch/CronJob/report"}, SavedSeconds: 30 * time.Second,
				},
			},
			Assignments: []plan.Assignment{
				{App: "shop/web", Cache: "shop-web-1a2b3c4d"},
				{App: "shop/Sidecar UI", Cache: "shop-web-1a2b3c4d"},
				{App: "batch/CronJob/report", Cache: "Batch/Report"},
				{App: "batch/Job/once", Cache: "imc-old"},
				{App: "ci"},
			},
		},
		Pools: []Pool{{
			Name: "general", Platform: "linux/arm64/v8", Verdict: PrePull,
			Images: []Image{
				{"registry.example.com/shop/web:1.4.1", digestA},
				{"nginx", ""},
				{"docker.io/library/redis@" + string(digestB), digestA},
			},
			NodeSelector: map[string]string{"example.com/pool": "general"},
			Warnings:     []string{"The disks are 84 % full when all images are there, and the kubelet begins to remove images at 85 %, the least recently used first."},
		}},
		Existing: []matcher.Cache{
			{ID: "imc-web", Name: "shop-web-1a2b3c4d", Images: []string{"registry.example.com/mesh/proxy:1.2", "registry.example.com/shop/web:1.4.1"}, Status: matcher.StatusReady},
			{ID: "imc-report", Name: "batch-report", Images: []string{"registry.example.com/batch/report:2026.11"}, Status: matcher.StatusReady},
			{ID: "imc-old", Images: []string{"registry.example.com/batch/once:1"}, Status: matcher.StatusReady},
		},
	}
}

// render writes a format, which must succeed.
func render(t rapid.TB, format Format, in Input, opt Options) []byte {
	t.Helper()
	data, err := Render(format, in, opt)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return data
}

// documents splits YAML as kubectl does.
func documents(t rapid.TB, data []byte) [][]byte {
	t.Helper()
	var list [][]byte
	r := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		d, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
}

// strictly decodes a document into a type of Kubernetes' own, which must know all that
// stands in it.
func strictly(t rapid.TB, data []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%v:\n%s", err, data)
	}
}

// kindIn is the kind of a document.
func kindIn(t rapid.TB, data []byte) string {
	t.Helper()
	var o struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o.Kind
}

// schema compiles a schema of testdata.
func schema(t rapid.TB, name string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid holds a document to a schema.
func valid(t rapid.TB, s *jsonschema.Schema, data []byte) {
	t.Helper()
	if err := s.Validate(decoded(t, data)); err != nil {
		t.Errorf("%v:\n%s", err, data)
	}
}

// decoded is a document as JSON has it.
func decoded(t rapid.TB, data []byte) any {
	t.Helper()
	text, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// lines are those of a text, without the last line's end.
func lines(data []byte) []string {
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
