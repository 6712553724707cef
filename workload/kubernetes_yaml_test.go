package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
)

// The forms of one and the same two Deployments.
func TestYAMLForms(t *testing.T) {
	const one = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: a
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: c
        image: nginx:1.27
        resources: {requests: {cpu: 500m, memory: 1Gi}}
`
	two := strings.Replace(one, "name: a", "name: b", 1)
	indented := func(text string) string {
		return "- " + strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\n  "), "  ")
	}
	nested := func(text string) string {
		return "  " + strings.TrimSuffix(strings.ReplaceAll(indented(strings.Replace(text, "kind: Deployment\n", "", 1)), "\n", "\n  "), "  ")
	}
	const inJSON = `{"kind":"Deployment","metadata":{"name":"%s"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"c","image":"nginx:1.27","resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}]}}}}`
	a, b := fmt.Sprintf(inJSON, "a"), fmt.Sprintf(inJSON, "b")
	want, err := FromKubernetes("a.json", strings.NewReader(a+b))
	if err != nil || want.Manifests != 2 || want.Workload.Apps[0].CPU != 0.5 {
		t.Fatalf("JSON: %+v, %v", want, err)
	}
	for name, text := range map[string]string{
		"documents":             one + "---\n" + two,
		"empty documents":       "---\n# Source: x\n---\n---\n" + one + "---\n\n---\nnull\n--- \n" + two + "---\n",
		"document ends":         "%YAML 1.1\n---\n" + one + "...\n---\n" + two + "...\n",
		"kubectl's List":        "apiVersion: v1\nitems:\n" + indented(one) + indented(two) + "kind: List\nmetadata:\n  resourceVersion: \"\"\n",
		"a list of lists":       "kind: List\nitems:\n- kind: DeploymentList\n  items:\n" + nested(one) + nested(two),
		"an array":              indented(one) + indented(two),
		"comments":              "# first\n\n" + strings.ReplaceAll(one, "\n", "  # here\n") + "--- # next\n" + two,
		"CRLF":                  strings.ReplaceAll(one+"---\n"+two, "\n", "\r\n"),
		"byte order marks":      "\xef\xbb\xbf" + one + "---\n\xef\xbb\xbf" + two,
		"JSON in documents":     "---\n" + a + "\n---\n" + b + "\n",
		"JSON, then ---":        a + "\n---\n" + b + "\n---\n",
		"JSON, marks, then ---": "\xef\xbb\xbf" + a + "\n---\r\n\xef\xbb\xbf" + b,
		"JSON on one line":      a + b,
		"quoted":                strings.NewReplacer("kind: Deployment", `"kind": 'Deployment'`, "nginx:1.27", `"nginx:\x31.27"`).Replace(one + "---\n" + two),
		"folded":                strings.ReplaceAll(one+"---\n"+two, "nginx:1.27", ">-\n          nginx:1.27"),
		"flow":                  "{kind: Deployment, metadata: {name: a}, spec: {replicas: 0x2, template: {spec: {containers: [{name: c, image: nginx:1.27, resources: {requests: {cpu: .5, memory: 1_073741824}}}]}}}}\n---\n" + two,
		"anchors": `kind: List
items:
- &a
  kind: Deployment
  metadata: {name: a}
  spec: &spec
    replicas: &two 2
    template: {spec: {containers: [{name: c, image: "nginx:1.27", resources: &r {requests: {cpu: 500m, memory: 1Gi}}}]}}
- {kind: Deployment, metadata: {name: b}, spec: *spec}
- *a
`,
		"merges": `kind: List
x-base: &base
  kind: Deployment
  metadata: {name: none}
x-more: &more {kind: None, spec: {replicas: 2, template: {spec: {containers: [&c {name: c, image: "nginx:1.27", resources: {requests: {cpu: 500m, memory: 1Gi}}}]}}}}
items:
- <<: [*base, *more]
  metadata: {name: a}
- metadata: {name: b}
  <<: *base
  spec: {replicas: 2, template: {spec: {containers: [{<<: *c, name: c}]}}}
`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "flow" {
				text = "--- " + text
			}
			got, err := FromKubernetes("a.yaml", iotest.OneByteReader(strings.NewReader(text)))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Imported{})); diff != "" {
				t.Errorf("-want +got:\n%s\n%s", diff, text)
			}
			uses, _, err := ImagesOf("a.yaml", strings.NewReader(text))
			if err != nil || len(uses) != 1 || uses[0].Reference != "nginx:1.27" {
				t.Errorf("images: %v, %v", uses, err)
			}
		})
	}
}

// kubectl's YAML says the same as its JSON, of pods that are read in all detail.
func TestYAMLPods(t *testing.T) {
	data, err := os.ReadFile("testdata/pods.json")
	if err != nil {
		t.Fatal(err)
	}
	compareForms(t, data)
}

// compareForms reads the JSON value once more as YAML: all but lines is the same.
func compareForms(t interface {
	Helper()
	Fatalf(string, ...any)
}, data []byte) {
	t.Helper()
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		t.Fatalf("%v", err)
	}
	inJSON, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatalf("%v", err)
	}
	inYAML, err := yaml.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	// Not all that the YAML package writes does it read again, as "\t\n".
	var back any
	if yaml.Unmarshal(inYAML, &back) != nil {
		return
	}
	if again, err := json.MarshalIndent(back, "", " "); err != nil || !bytes.Equal(again, inJSON) {
		return
	}
	inYAML = append([]byte("---\n"), inYAML...)
	want, wantErr := FromKubernetes("a", bytes.NewReader(inJSON))
	got, gotErr := FromKubernetes("a", bytes.NewReader(inYAML))
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("JSON: %v\nYAML: %v\n%s\n%s", wantErr, gotErr, inJSON, inYAML)
	}
	// Notes name lines.
	if want != nil && got != nil {
		for i := range want.Notes {
			if len(got.Notes) != len(want.Notes) || !strings.Contains(want.Notes[i], "not rendered") && got.Notes[i] != want.Notes[i] {
				t.Fatalf("notes: %q, of YAML %q", want.Notes, got.Notes)
			}
		}
		want.Notes, got.Notes = nil, nil
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Imported{})); diff != "" {
		t.Fatalf("-JSON +YAML:\n%s\n%s", diff, inYAML)
	}
	for _, form := range [][]byte{inJSON, inYAML} {
		compareImages(t, form, wantErr == nil, want)
	}
}

// compareImages checks ImagesOf against FromKubernetes: it has every image of
// the apps, once, and each in a line that says so.
func compareImages(t interface {
	Helper()
	Fatalf(string, ...any)
}, text []byte, isFine bool, in *Imported) {
	t.Helper()
	uses, _, err := ImagesOf("a", bytes.NewReader(text))
	if err != nil {
		if isFine && !isUnused(err) {
			t.Fatalf("images: %v\n%s", err, text)
		}
		return
	}
	lines := strings.Split(string(text), "\n")
	seen := map[string]bool{}
	for _, u := range uses {
		if seen[u.Reference] {
			t.Fatalf("%s stands twice", u.Reference)
		}
		seen[u.Reference] = true
		if u.Line < 1 || u.Line > len(lines) {
			t.Fatalf("%s is in line %d of %d", u.Reference, u.Line, len(lines))
		}
		// Long and odd texts may stand in another form, over several lines.
		line := lines[u.Line-1]
		isPlain := len(u.Reference) < 40 && !strings.ContainsAny(u.Reference, "'\"\\<>&") && !strings.HasSuffix(line, `"`) == !strings.Contains(line, `\`)
		if isPlain && !strings.Contains(line, u.Reference) && !strings.HasSuffix(line, "-") {
			t.Fatalf("%s is not in line %d: %s\n%s", u.Reference, u.Line, line, text)
		}
	}
	if in == nil {
		return
	}
	for _, reference := range in.Workload.References() {
		if !seen[reference] {
			t.Fatalf("%s is an app's, but not among the images\n%s", reference, text)
		}
	}
}

// isUnused tells a fault of an object that makes no app.
func isUnused(err error) bool { return strings.Contains(err.Error(), "is not an image reference") }

// Any objects say the same in JSON and in YAML.
func TestYAMLLikeJSON(t *testing.T) {
	name := rapid.SampledFrom([]string{"a", "b", "web-7d4b9", "n-29923320", "1", "true", "null", "1e3", "0x10", "1.0", "2026-01-01", "~", "no"})
	image := rapid.SampledFrom([]string{"a:1", "b:1", "reg.example.com:5000/x/y:2", "c@sha256:" + strings.Repeat("ab", 32), "{{ .Values.x }}", "$(X)", "", "7", "a: b"})
	kind := rapid.SampledFrom([]string{"Pod", "Deployment", "ReplicaSet", "Job", "CronJob", "Task", "Workflow", "ImageCache", "ConfigMap", "SidecarSet", "Custom", ""})
	rapid.Check(t, func(t *rapid.T) {
		var items []any
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			containers := func(label string) any {
				var all []any
				for range rapid.IntRange(0, 3).Draw(t, label) {
					c := map[string]any{"name": name.Draw(t, "container"), "image": image.Draw(t, "image")}
					if rapid.Bool().Draw(t, "sized") {
						c["resources"] = map[string]any{"requests": map[string]any{"cpu": rapid.SampledFrom([]any{1.5, 2, "250m", 0}).Draw(t, "cpu"), "memory": rapid.SampledFrom([]any{"1Gi", 1e9, "5e8", 1.5e20}).Draw(t, "memory")}}
					}
					all = append(all, c)
				}
				return all
			}
			pod := map[string]any{}
			for _, key := range []string{"containers", "initContainers", "steps", "sidecars", "container", "images", "volumes"} {
				if rapid.IntRange(0, 3).Draw(t, key+"?") == 0 || key == "containers" {
					pod[key] = containers(key)
				}
			}
			spec := any(pod)
			for range rapid.IntRange(0, 3).Draw(t, "depth") {
				spec = map[string]any{rapid.SampledFrom([]string{"template", "jobTemplate", "taskSpec", "x"}).Draw(t, "key"): map[string]any{"spec": spec}, "replicas": rapid.IntRange(0, 5).Draw(t, "replicas")}
			}
			meta := map[string]any{"name": name.Draw(t, "name")}
			if rapid.Bool().Draw(t, "owned") {
				meta["ownerReferences"] = []any{map[string]any{"kind": kind.Draw(t, "owner"), "name": name.Draw(t, "owner name"), "controller": true}}
			}
			item := map[string]any{"kind": kind.Draw(t, "kind"), "metadata": meta, "spec": spec}
			if rapid.Bool().Draw(t, "noise") {
				item["data"] = map[string]any{"text": rapid.String().Draw(t, "text"), "list": []any{nil, true, "a\nb\n", -0.25, []any{}, map[string]any{}}}
			}
			items = append(items, item)
		}
		data, err := json.Marshal(map[string]any{"kind": "List", "items": items})
		if err != nil {
			t.Fatal(err)
		}
		compareForms(t, data)
	})
}

// A few lines that would fill the memory, or keep the program busy for ever.
func TestYAMLBombs(t *testing.T) {
	laughs := func(item string, n int, next string) string {
		text := "a0: &a0 " + item + "\n"
		for i := 1; i < n; i++ {
			text += fmt.Sprintf("a%d: &a%d "+next+"\n", i, i, i-1)
		}
		return text
	}
	list := strings.ReplaceAll("[X, X, X, X, X, X, X, X, X]", "X", "*a%[3]d")
	for _, test := range []struct{ name, text, want string }{
		{"a billion laughs", laughs("ha", 30, list), "aliases make more than"},
		{"a billion nothings", laughs("[]", 30, list), "aliases make more than"},
		{"few but large", "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a, ", 1000) + "]\n", "aliases make more than"},
		{"merges", laughs("{k: v}", 30, strings.ReplaceAll("{<<: "+list+"}", "%[3]d", "%[3]d")), "aliases make more than"},
		{"a merge of itself", "a: &a {<<: *a, k: v}\n", "holds itself"},
		{"a value of itself", "a: &a [1, *a]\n", "holds itself"},
		{"a merge of a text", "a: {<<: b}\n", "<< takes a mapping or a list of mappings"},
		{"deep", "a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "nested deeper than 1000"},
		{"deep in blocks", strings.Repeat("- ", 5000) + "a", "nested deeper than 1000"},
		{"deeper than the YAML package takes", "a: " + strings.Repeat("[", 100_000), "exceeded max depth"},
		{"deep by aliases", laughs("[[[[[[[[[[[[]]]]]]]]]]]]", 200, "[[[[[[[[*a%[3]d]]]]]]]]"), "nested deeper than 1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := FromKubernetes("a.yaml", strings.NewReader("kind: ConfigMap\ndata:\n"+strings.ReplaceAll("\n"+test.text, "\n", "\n  ")))
			runtime.ReadMemStats(&after)
			var fault *document.Error
			if !errors.As(err, &fault) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 1024 {
				t.Errorf("%d MiB were made", grown)
			}
		})
	}
}

// What is too large to be held is refused, not read to its end.
func TestTooLarge(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("kind: A\n---\nkind: ConfigMap\ndata: |\n"), repeated(strings.Repeat("  on and on\n", 100)))
	y := newYAMLText("a.yaml", bufio.NewReader(endless))
	if y.most != 64<<20 {
		t.Errorf("a document may have %d bytes", y.most)
	}
	y.most = 1 << 20
	_, yamlErr := io.ReadAll(y)

	object := io.MultiReader(strings.NewReader("{\"kind\":\"A\",\n\"spec\":\""), io.LimitReader(repeated("text"), 17<<20), strings.NewReader("\"}"))
	_, jsonErr := FromKubernetes("a.json", object)
	for _, test := range []struct {
		err  error
		want string
	}{
		{yamlErr, "not Kubernetes objects: a document of YAML is larger than 1 MiB: have it written as JSON"},
		{jsonErr, "a.json:1: not Kubernetes objects: an object of more than 16 MiB, which no cluster stores"},
	} {
		var fault *document.Error
		if !errors.As(test.err, &fault) || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("got %v, want %s", test.err, test.want)
		}
	}
}

// A repeated text comes again and again, from its beginning at each Read.
type repeated string

func (r repeated) Read(into []byte) (int, error) { return copy(into, r), nil }

// Errors name YAML's own lines.
func TestYAMLFaults(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a wrong type", "---\n# x\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        image: 5\n", "a.yaml:9: not Kubernetes objects: spec.template.spec.containers.image is a number, which no pod has there"},
		{"a wrong type in a list", "items:\n- kind: Pod\n  metadata:\n    name: [a]\n  spec: {containers: [{image: a}]}\n", "a.yaml:4: not Kubernetes objects: item 1: metadata.name is a array"},
		{"a quantity", "kind: A\nspec: {}\n---\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: a, resources: {requests: {cpu: much}}}]}}}\n", `a.yaml:4: not Kubernetes objects: Deployment default/a: cpu: "much" is not a quantity`},
		{"a name", "kind: Job\nmetadata: {name: a b}\nspec: {template: {spec: {containers: [{image: a}]}}}\n", `a.yaml:1: not Kubernetes objects: Job "a b": "a b" is not a name`},
		{"a reference", "kind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: a b}]}}}\n", `a.yaml:1: not Kubernetes objects: Job "a": "a b" is not an image reference`},
		{"a policy", "kind: Job\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{image: a, imagePullPolicy: Now}]}}}\n", `Job default/a: "Now" is not a pull policy`},
		{"a number", "--- 12\n", "a.yaml:1: not Kubernetes objects: 12 stands where an object"},
		{"a text in a later document", "kind: A\n---\nwhat\n", "a.yaml:3: not Kubernetes objects: \"what\" stands where an object"},
		{"a tab", "kind: A\nspec:\n\tx: 1\n", "a.yaml:3: not Kubernetes objects: the YAML is not valid: found character that cannot start any token"},
		{"a bracket", "kind: A\nspec: {a: [1, 2}\n", "a.yaml:2: not Kubernetes objects: the YAML is not valid: did not find expected"},
		{"an anchor", "kind: A\nspec: 1\n---\nkind: A\nspec: *b\n", "a.yaml:5: not Kubernetes objects: the YAML is not valid: unknown anchor 'b' referenced"},
		{"indentation", "kind: A\nspec:\n  a: 1\n b: 2\n", "a.yaml:4: not Kubernetes objects: the YAML is not valid: did not find expected key"},
		{"a key", "kind: A\nspec:\n  ? [a]\n  : b\n", "a.yaml:3: not Kubernetes objects: the YAML is not valid: a key must be a text"},
		{"UTF-8", "kind: A\nspec: \xff\n", "the YAML is not valid: "},
		{"a chart's template", "{{- if .Values.x }}\nkind: A\n{{- end }}\n", "a template that was not rendered stands in line 1; render it first, as helm template does"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := FromKubernetes("a.yaml", strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
			var fault *document.Error
			if !errors.As(err, &fault) || !strings.HasSuffix(err.Error(), howTo) {
				t.Errorf("%T: %[1]v", err)
			}
			if strings.Contains(test.want, "policy") || strings.Contains(test.want, "name") || strings.Contains(test.want, "quantity") {
				return // which images alone do not need
			}
			if _, _, err := ImagesOf("a.yaml", strings.NewReader(test.text)); err == nil {
				t.Error("ImagesOf finds no fault")
			}
		})
	}
}

// A reader that fails is not to be taken for a bad file.
func TestYAMLReadError(t *testing.T) {
	broken := errors.New("cable pulled")
	for _, before := range []string{"kind: A\n", "kind: A\n---\nkind: B\nspec:\n  - " + strings.Repeat("x", 100_000)} {
		_, err := FromKubernetes("a.yaml", io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
		var fault *document.Error
		if !errors.Is(err, broken) || errors.As(err, &fault) {
			t.Errorf("after %d bytes: %v", len(before), err)
		}
	}
}

// Numbers that JSON writes otherwise; what is none to JSON stays a text.
func TestJSONNumber(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"1", "1"}, {"-1.5e3", "-1.5e3"}, {"1.10", "1.10"}, {"+5", "5"}, {"010", "8"}, {"0o17", "15"}, {"0x10", "16"}, {"0b11", "3"}, {"1_000", "1000"}, {".5", "0.5"}, {"5.", "5"},
		{".inf", ""}, {".nan", ""}, {"-.inf", ""}, {"x", ""}, {strings.Repeat("0", 100), ""},
	} {
		got, ok := jsonNumber(test.text)
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%s: got %q %v, want %q", test.text, got, ok, test.want)
		}
	}
}

// Whatever the text is, it is read or refused by file and line, and the forms of
// what can be read agree.
func FuzzKubernetesYAML(f *testing.F) {
	for _, seed := range []string{
		"kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: a:1}]}\n",
		workloadManifest("apps/v1", "Deployment", "replicas: 3"),
		"---\n---\nkind: List\nitems:\n- &a {kind: Task, metadata: {name: t}, spec: {steps: [{image: 'a:1'}]}}\n- *a\n- <<: *a\n  kind: Other\n",
		"kind: CronJob\nmetadata: {name: a}\nspec: {schedule: '*/5 * * * *', jobTemplate: {spec: {template: {spec: {containers: [{image: {{ .Values.x }} }]}}}}}\n",
		"kind: Workflow\nmetadata: {generateName: a-}\nspec: {templates: [{name: x, script: {image: \"a:1\"}}, {name: y, containerSet: {containers: [{image: b}]}}]}\n",
		"kind: ImageCache\nspec: {images: [a, b]}\n---\nkind: SidecarSet\nspec: {containers: [{image: |\n a\n}]}\n",
		"- kind: ReplicaSet\n  metadata: {name: a-1, ownerReferences: [{kind: Deployment, name: a}]}\n  spec: {replicas: 0, template: {spec: {containers: [{image: a}]}}}\n",
		"kind: StatefulSet\nmetadata: {name: a}\nspec: {replicas: 1e3, template: {spec: {volumes: [{image: {reference: v}}], containers: [{image: a}]}}}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte("---\n"), data...) // YAML, whatever follows
		in, err := FromKubernetes("a.yaml", bytes.NewReader(data))
		uses, _, imagesErr := ImagesOf("a.yaml", bytes.NewReader(data))
		for _, err := range []error{err, imagesErr} {
			var fault *document.Error
			if err != nil && (!errors.As(err, &fault) || fault.Line < 1 || strings.ContainsAny(err.Error(), "\n\x1b")) {
				t.Errorf("%T %q", err, err)
			}
		}
		if err != nil {
			return
		}
		if imagesErr != nil {
			if isUnused(imagesErr) {
				return
			}
			t.Fatalf("the images alone: %v", imagesErr)
		}
		if err := in.Workload.Validate(); len(in.Workload.Apps) > 0 && err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		seen := map[string]bool{}
		for _, u := range uses {
			if seen[u.Reference] = true; u.Line < 1 || u.Line > lines || strings.ContainsAny(u.Where, "\n\x1b") {
				t.Errorf("%+v in %d lines", u, lines)
			}
		}
		var value any
		if yaml.Unmarshal(data, &value) == nil { // which refuses keys that stand twice
			for _, reference := range in.Workload.References() {
				if !seen[reference] {
					t.Errorf("%s is an app's, but not among the images", reference)
				}
			}
			if text, err := json.Marshal(value); err == nil && (text[0] == '{' || text[0] == '[') {
				compareForms(t, text)
			}
		}
	})
}
