package layers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// recorded are the documents of real images, without their layers.
const recorded = "../testdata/images"

func recordedSizes(t testing.TB) map[Digest]Measurement {
	t.Helper()
	f, err := os.Open(filepath.Join(recorded, "layers.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sizes, err := ReadSizes("layers.csv", f)
	if err != nil {
		t.Fatal(err)
	}
	return sizes
}

// recordedReferences are all of the recorded images.
func recordedReferences(t testing.TB) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(recorded, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	var references []string
	for _, m := range index.Manifests {
		references = append(references, "oci:"+recorded+":"+m.Annotations["org.opencontainers.image.ref.name"])
	}
	return references
}

func layoutRef(ref string) string { return "oci:" + recorded + ":registry.example.com/" + ref }

// TestRecordedImages reads real images from an OCI layout. The expected figures
// are those of testdata/images/README.md, which the images' builder wrote.
func TestRecordedImages(t *testing.T) {
	refs := []string{layoutRef("shop/web:1.4.0"), layoutRef("shop/web:1.4.1"), layoutRef("ci/runner:2026.11"), layoutRef("mesh/proxy:1.2"), layoutRef("tools/shell:1.0"), layoutRef("web/nginx:1.22")}
	inv, err := Resolve(t.Context(), refs, Options{Sizes: recordedSizes(t), Now: time.Unix(0, 0)})
	if err != nil || len(inv.Unresolved) > 0 || len(inv.Images) != len(refs) {
		t.Fatalf("err %v, %d images, unresolved %v", err, len(inv.Images), inv.Unresolved)
	}
	old, new := inv.Images[0].Layers, inv.Images[1].Layers
	if n := len(old); n != len(new) || !slices.Equal(old[:n-1], new[:n-1]) || old[n-1] == new[n-1] {
		t.Errorf("versions 1.4.0 %v and 1.4.1 %v should share all but the last layer", old, new)
	}
	if n := len(inv.Images[2].Layers); n <= 20 {
		t.Errorf("ci/runner has %d layers, want more than 20", n)
	}
	zstd := func(l int) bool { return strings.HasSuffix(inv.Layers[l].MediaType, "+zstd") }
	if !slices.ContainsFunc(inv.Images[3].Layers, zstd) {
		t.Error("mesh/proxy has no zstd layer")
	}
	if shell := inv.Images[4]; shell.Platform != "linux/amd64" || shell.IndexDigest == "" || shell.IndexDigest == shell.Digest {
		t.Errorf("tools/shell: platform %s, index %s, manifest %s", shell.Platform, shell.IndexDigest, shell.Digest)
	}
	if nginx := inv.Images[5]; nginx.MediaType != dockerManifest {
		t.Errorf("web/nginx is of type %s", nginx.MediaType)
	}
	for _, l := range inv.Layers {
		if l.UnpackedBytes == nil || l.UnpackedSource != Measured || *l.Files == 0 || l.CreatedBy == "" || l.DiffID == "" {
			t.Errorf("layer %s lacks something: %+v", l.Digest, l)
		}
	}
	if err := inv.Validate(); err != nil {
		t.Error(err)
	}
}

// TestPlatforms: the child is chosen by platform, variants normalised,
// attestations left out.
func TestPlatforms(t *testing.T) {
	for _, test := range []struct{ platform, want string }{
		{"linux/amd64", ""}, {"linux/arm64", ""}, {"linux/arm64/v8", ""},
		{"linux/s390x", "the index has no image for linux/s390x, only for linux/amd64, linux/arm64/v8"},
		{"unknown/unknown", "the index has no image for unknown/unknown, only for linux/amd64, linux/arm64/v8"},
	} {
		inv, err := Resolve(t.Context(), []string{layoutRef("tools/shell:1.0")}, Options{Platforms: []string{test.platform}})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case test.want != "" && (len(inv.Unresolved) != 1 || inv.Unresolved[0].Reason != test.want):
			t.Errorf("%s: %v, want %s", test.platform, inv.Unresolved, test.want)
		case test.want == "" && (len(inv.Images) != 1 || inv.Images[0].Platform != test.platform):
			t.Errorf("%s: %v %v", test.platform, inv.Images, inv.Unresolved)
		}
	}
	if _, err := Resolve(t.Context(), []string{"x"}, Options{Platforms: []string{"amd64"}}); err == nil {
		t.Error("platform amd64 is accepted")
	}
	inv, _ := Resolve(t.Context(), []string{layoutRef("base/debian:12")}, Options{Platforms: []string{"linux/arm64"}})
	if len(inv.Unresolved) != 1 || inv.Unresolved[0].Reason != "the image is for linux/amd64, not for linux/arm64" {
		t.Errorf("a manifest of another platform: %v", inv.Unresolved)
	}
}

// fakeRegistry is go-containerregistry's own server, with what a test adds.
func fakeRegistry(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	server := httptest.NewServer(wrap(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func push(t *testing.T, ref string, img v1.Image) {
	t.Helper()
	r, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(r, img); err != nil {
		t.Fatal(err)
	}
}

func randomImage(t *testing.T, seed int64, n int64) v1.Image {
	t.Helper()
	img, err := random.Image(1000, n, random.WithSource(rand.NewSource(seed)))
	if err != nil {
		t.Fatal(err)
	}
	img, err = mutate.ConfigFile(img, func() *v1.ConfigFile {
		c, _ := img.ConfigFile()
		c = c.DeepCopy()
		c.OS, c.Architecture = "linux", "amd64"
		return c
	}())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func same(h http.Handler) http.Handler { return h }

// TestAgainstRegistry compares with what go-containerregistry computes of the
// same images, and checks that one bad reference does not lose the others.
func TestAgainstRegistry(t *testing.T) {
	host := fakeRegistry(t, same)
	a, b := randomImage(t, 1, 3), randomImage(t, 2, 0)
	push(t, host+"/team/a:1", a)
	push(t, host+"/team/b:1", b)
	refs := []string{host + "/team/a:1", host + "/team/missing:1", "docker://" + host + "/team/b:1", "UPPER/case:1"}
	inv, err := Resolve(t.Context(), refs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Images) != 2 || len(inv.Unresolved) != 2 {
		t.Fatalf("%d images, unresolved %v", len(inv.Images), inv.Unresolved)
	}
	for i, img := range []v1.Image{a, b} {
		digest, _ := img.Digest()
		if got := inv.Images[i].Digest; string(got) != digest.String() {
			t.Errorf("image %d: digest %s, want %s", i, got, digest)
		}
		all, _ := img.Layers()
		for j, l := range all {
			d, _ := l.Digest()
			diff, _ := l.DiffID()
			size, _ := l.Size()
			got := inv.Layers[inv.Images[i].Layers[j]]
			if string(got.Digest) != d.String() || string(got.DiffID) != diff.String() || got.CompressedBytes != size || got.UnpackedSource != Estimated {
				t.Errorf("image %d layer %d: %+v", i, j, got)
			}
		}
	}
	if r := inv.Unresolved[0].Reason; !strings.Contains(r, "no such repository or tag") {
		t.Errorf("missing image: %s", r)
	}
	if r := inv.Unresolved[1].Reason; !strings.Contains(r, "is not an image reference such as") {
		t.Errorf("bad reference: %s", r)
	}
}

// TestNamesServedElsewhere: a reference keeps its name while it is fetched from
// an address, by an alias, or by a locked digest.
func TestNamesServedElsewhere(t *testing.T) {
	host := fakeRegistry(t, same)
	old, img := randomImage(t, 3, 1), randomImage(t, 4, 2)
	push(t, host+"/team/a:1", old)
	push(t, host+"/team/a:1", img)
	oldDigest, _ := old.Digest()
	for name, opt := range map[string]Options{
		"served": {Registries: map[string]string{"registry.example.com": host}},
		"alias":  {Aliases: map[string]string{"registry.example.com": host}, PlainHTTP: []string{host}},
		"locked": {Registries: map[string]string{"registry.example.com": host}, Digests: map[string]Digest{"registry.example.com/team/a:1": Digest(oldDigest.String())}},
	} {
		inv, err := Resolve(t.Context(), []string{"registry.example.com/team/a:1"}, opt)
		if err != nil || len(inv.Images) != 1 {
			t.Fatalf("%s: err %v, unresolved %v", name, err, inv.Unresolved)
		}
		if got := inv.Images[0].Reference; got != "registry.example.com/team/a:1" {
			t.Errorf("%s: reference became %s", name, got)
		}
		if got := len(inv.Images[0].Layers); (name == "locked") != (got == 1) {
			t.Errorf("%s: %d layers", name, got)
		}
	}
}

// A digest that a lock pins and the registry has deleted: the tag may be there, and the lock
// is where to look.
func TestPinnedDigestGone(t *testing.T) {
	host := fakeRegistry(t, same)
	push(t, host+"/team/a:1", randomImage(t, 4, 2))
	const reference = "registry.example.com/team/a:1"
	gone := Digest("sha256:" + strings.Repeat("ab", 32))
	for place, want := range map[string]string{"lock.yaml:7": "lock.yaml:7", "": "the lock"} {
		opt := Options{Registries: map[string]string{"registry.example.com": host}, Digests: map[string]Digest{reference: gone}}
		if place != "" {
			opt.DigestPlaces = map[string]string{reference: place}
		}
		inv, err := Resolve(t.Context(), []string{reference}, opt)
		if err != nil || len(inv.Unresolved) != 1 {
			t.Fatalf("err %v, unresolved %v", err, inv.Unresolved)
		}
		got := inv.Unresolved[0].Reason
		if !strings.Contains(got, "404") || !strings.Contains(got, "digest "+string(gone)+", which "+want+" pins, is gone") || strings.Contains(got, "push the image again") {
			t.Errorf("place %q: %s", place, got)
		}
	}
}

// TestRefusedDocuments: what is not an image, or not what was promised, is
// refused by name.
func TestRefusedDocuments(t *testing.T) {
	img := randomImage(t, 5, 2)
	manifest, _ := img.RawManifest()
	config, _ := img.RawConfigFile()
	artifact := strings.Replace(string(manifest), string(types.DockerConfigJSON), "application/vnd.cncf.helm.config.v1+json", 1)
	for _, test := range []struct {
		name, contentType, body, config, want string
	}{
		{"schema 1", dockerSchema1Sign, `{"schemaVersion":1,"fsLayers":[]}`, "", "the manifest is Docker schema 1, which states neither layer sizes nor diffIDs"},
		{"artifact", string(types.DockerManifestSchema2), artifact, "", "this is a Helm chart (type \"application/vnd.cncf.helm.config.v1+json\"), not a container image"},
		{"not JSON", "text/html", "<html>", "", "the registry answers with text/html, not with a manifest"},
		{"other version", "application/json", `{"schemaVersion":7}`, "", "schemaVersion 7 and is no image manifest"},
		{"changed config", string(types.DockerManifestSchema2), string(manifest), strings.Replace(string(config), "amd64", "arm64", 1), "it was changed or cut off on the way"},
		{"empty index", string(types.OCIImageIndex), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`, "", "the index has no image for linux/amd64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.Contains(r.URL.Path, "/manifests/"):
					w.Header().Set("Content-Type", test.contentType)
					fmt.Fprint(w, test.body)
				case strings.Contains(r.URL.Path, "/blobs/"):
					fmt.Fprint(w, test.config)
				}
			}))
			defer server.Close()
			ref := strings.TrimPrefix(server.URL, "http://") + "/a:1"
			inv, err := Resolve(t.Context(), []string{ref}, Options{})
			if err != nil || len(inv.Unresolved) != 1 || !strings.Contains(inv.Unresolved[0].Reason, test.want) {
				t.Errorf("err %v, unresolved %v, want %q", err, inv.Unresolved, test.want)
			}
		})
	}
}

// TestOddDocuments: what is legal though unusual is read, what is impossible is
// refused.
func TestOddDocuments(t *testing.T) {
	good := strings.Repeat("a", 64)
	manifest := func(size string) string {
		return `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:` + good + `","size":2},"layers":[{"mediaType":"x","digest":"sha256:` + good + `","size":` + size + `}]}`
	}
	if _, err := parseManifest([]byte(manifest("1")), "application/vnd.oci.image.manifest.v1+json; charset=utf-8"); err != nil {
		t.Errorf("a content type with a parameter: %v", err)
	}
	if _, err := parseManifest([]byte(manifest("9000000000000000000")), "application/vnd.oci.image.manifest.v1+json"); err == nil {
		t.Error("a layer of 9 exabytes is accepted")
	}
	asked := platform{"linux", "arm", "v6"}
	for _, test := range []struct {
		config platform
		want   bool
	}{{platform{"linux", "arm", ""}, true}, {platform{"linux", "arm", "v6"}, true}, {platform{"linux", "arm", "v7"}, false}, {platform{"linux", "arm64", ""}, false}} {
		if test.config.serves(asked) != test.want {
			t.Errorf("config %s for %s: want %v", test.config, asked, test.want)
		}
	}
}

// TestDockerHub: docker.io is the registry that references call index.docker.io.
func TestDockerHub(t *testing.T) {
	host := fakeRegistry(t, same)
	push(t, host+"/library/nginx:1", randomImage(t, 9, 1))
	for name, opt := range map[string]Options{
		"served": {Registries: map[string]string{"docker.io": host}},
		"alias":  {Aliases: map[string]string{"docker.io": host}},
	} {
		inv, err := Resolve(t.Context(), []string{"nginx:1"}, opt)
		if err != nil || len(inv.Images) != 1 {
			t.Errorf("%s: err %v, unresolved %v", name, err, inv.Unresolved)
		}
	}
}

// TestOneSizeForOneTar: a measured size holds for the same content compressed
// otherwise; where none is measured, there is one estimate. An Inventory without
// sizes can be estimated later.
func TestOneSizeForOneTar(t *testing.T) {
	measured := int64(70)
	inv := &Inventory{Layers: []Layer{
		{Digest: "a", DiffID: "x", CompressedBytes: 10}, {Digest: "b", DiffID: "x", CompressedBytes: 20, UnpackedBytes: &measured, UnpackedSource: Measured},
		{Digest: "c", DiffID: "y", CompressedBytes: 10}, {Digest: "d", DiffID: "y", CompressedBytes: 20},
	}}
	whole := inv.Estimated()
	// 10 bytes times 2.6, in blocks of 512, and what every tar has: 3 blocks.
	for i, want := range []int64{70, 70, 2048, 2048} {
		if got := *whole.Layers[i].UnpackedBytes; got != want {
			t.Errorf("layer %d has %d bytes, want %d", i, got, want)
		}
	}
	if whole.Layers[0].UnpackedSource != Measured || whole.Layers[3].UnpackedSource != Estimated || inv.Layers[0].UnpackedBytes != nil {
		t.Errorf("sources %s and %s; the original has %v", whole.Layers[0].UnpackedSource, whole.Layers[3].UnpackedSource, inv.Layers[0].UnpackedBytes)
	}
}

// TestInterrupted: what was found stays, the rest is listed, the error says why.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	host := fakeRegistry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/slow/") {
				<-r.Context().Done()
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	push(t, host+"/fast/a:1", randomImage(t, 6, 1))
	inv, err := Resolve(ctx, []string{host + "/fast/a:1", host + "/slow/b:1"}, Options{
		Progress: func(p Progress) {
			if p.What == "references" && p.Done == 1 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err %v", err)
	}
	if len(inv.Images) != 1 || len(inv.Unresolved) != 1 || inv.Unresolved[0].Reason != "not looked up: interrupted" {
		t.Errorf("%d images, unresolved %v", len(inv.Images), inv.Unresolved)
	}
}

// TestBoundedConcurrency: never more than Jobs references at once.
func TestBoundedConcurrency(t *testing.T) {
	slots := make(chan struct{}, 3)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
		default:
			t.Error("more than 3 requests at once")
		}
		time.Sleep(5 * time.Millisecond)
		<-slots
		http.NotFound(w, r)
	}))
	defer server.Close()
	var refs []string
	for i := range 20 {
		refs = append(refs, fmt.Sprintf("%s/a%d:1", strings.TrimPrefix(server.URL, "http://"), i))
	}
	if inv, _ := Resolve(t.Context(), refs, Options{Jobs: 3}); len(inv.Unresolved) != 20 {
		t.Errorf("%d unresolved, want 20", len(inv.Unresolved))
	}
}

// TestChains: a layer counts as the same step only above the same layers.
// The chainIDs are those of the worked rule: ChainID(a) = a,
// ChainID(a, b) = sha256("a b").
func TestChains(t *testing.T) {
	inv := &Inventory{
		Images: []Image{{Layers: []int{0, 1}}, {Layers: []int{1}}, {Layers: []int{0, 1, 2}}, {Layers: []int{3, 1}}},
		Layers: []Layer{{Digest: "da", DiffID: "a"}, {Digest: "db", DiffID: "b"}, {Digest: "dc", DiffID: "c"}, {Digest: "recompressed", DiffID: "a"}},
	}
	c := inv.Chains()
	if diff := cmp.Diff([][]int{{0, 1}, {2}, {0, 1, 3}, {0, 1}}, c.Images); diff != "" {
		t.Errorf("chains -want +got:\n%s", diff)
	}
	ids := c.IDs()
	if ids[0] != "a" || ids[1] != digestOf([]byte("a b")) || ids[2] != "b" || ids[3] != digestOf([]byte(string(ids[1])+" c")) {
		t.Errorf("IDs %v", ids)
	}
}

func TestParseName(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for in, want := range map[string]string{
		"nginx":                             "index.docker.io/library/nginx:latest",
		"docker://nginx:1.25":               "index.docker.io/library/nginx:1.25",
		"registry.example.com:5000/a/b":     "registry.example.com:5000/a/b:latest",
		"a.example/b:1@" + digest:           "a.example/b:1@" + digest,
		"a.example/b@" + digest:             "a.example/b@" + digest,
		"oci:some/dir:registry.example/c:2": "registry.example/c:2",
	} {
		n, err := ParseName(in)
		if err != nil || n.String() != want {
			t.Errorf("%s: %s, %v, want %s", in, n, err, want)
		}
	}
}

// TestWrongNames: what is wrong is said in words for the user of a command line.
func TestWrongNames(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "it is empty",
		"https://a.example/b:1":    "write it without https://",
		"dir:/some/dir":            "images are not read from dir: here",
		"a.example/B:1":            "repository can only contain the characters",
		"a.example/b@sha256:abc":   "invalid checksum digest length",
		"a.example/b:":             "must specify a tag name after the colon",
		"a.example:not-a-port/b:1": "registries must be valid RFC 3986 URI authorities",
	} {
		if n, err := ParseName(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", in, n, err, want)
		}
	}
}

// FuzzNames: a name that is remembered is the one that ParseName gives.
func FuzzNames(f *testing.F) {
	for _, reference := range []string{"nginx:1.25", "a.example:5000/b:1", "localhost:5000", "a.example/b:.x", "a.example/B:1", "docker://a/b:1", "a:b:c", "oci:dir:x", ":1", "a/b:" + strings.Repeat("t", 129)} {
		f.Add(reference, "latest")
	}
	f.Fuzz(func(t *testing.T, reference, tag string) {
		var n names
		n.parse(reference)
		repository, _, ok := cutTag(reference)
		if !ok {
			return
		}
		for _, again := range []string{reference, repository + ":" + tag} {
			got, gotErr := n.parse(again)
			want, wantErr := ParseName(again)
			if got != want || (gotErr == nil) != (wantErr == nil) {
				t.Errorf("%q after %q: %v, %v, want %v, %v", again, reference, got, gotErr, want, wantErr)
			}
		}
	})
}

// TestUnion counts each layer once, and keeps estimated apart from measured.
func TestUnion(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	inv := &Inventory{
		Images: []Image{{Layers: []int{0, 1, 1}}, {Layers: []int{0, 2}}, {Layers: []int{3}}},
		Layers: []Layer{
			{Digest: "a", CompressedBytes: 1, UnpackedBytes: n(10), UnpackedSource: Measured},
			{Digest: "b", CompressedBytes: 2, UnpackedBytes: n(20), UnpackedSource: Estimated},
			{Digest: "c", CompressedBytes: 4, UnpackedBytes: n(40), UnpackedSource: Measured},
			{Digest: "d", CompressedBytes: 8},
		},
	}
	want := Size{Layers: 4, CompressedBytes: 15, UnpackedBytes: 70, EstimatedBytes: 20, UnknownLayers: 1}
	if got := inv.Total(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestFind: a tag that moved means another image from then on.
func TestFind(t *testing.T) {
	moved := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	inv := &Inventory{Images: []Image{
		{Reference: "a", Platform: "linux/amd64"}, {Reference: "a", Platform: "linux/arm64"}, {Reference: "a", Platform: "linux/amd64", From: moved},
	}}
	for _, test := range []struct {
		platform string
		at       time.Time
		want     int
	}{{"linux/amd64", moved.Add(-1), 0}, {"linux/amd64", moved, 2}, {"linux/arm64", moved, 1}, {"", moved, 2}, {"linux/s390x", moved, -1}} {
		if got := inv.Find("a", test.platform, test.at); got != test.want {
			t.Errorf("Find(%q, %v) = %d, want %d", test.platform, test.at, got, test.want)
		}
		if got := inv.Lookup().Find("a", test.platform, test.at); got != test.want {
			t.Errorf("Lookup.Find(%q, %v) = %d, want %d", test.platform, test.at, got, test.want)
		}
	}
}

func TestReadSizes(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "sizes.csv: read the header: EOF"},
		{"digest,entries\n", `sizes.csv:1: no column "unpacked_bytes" in the header`},
		{"digest,unpacked_bytes,entries\nsha256:a,-1,2\n", `sizes.csv:2: unpacked_bytes "-1" is not a number of bytes`},
		{"digest,unpacked_bytes,entries\nsha256:a,1,many\n", `sizes.csv:2: entries "many" is not a number of tar entries from 0 to 0, which is as many as 1 bytes hold`},
	} {
		if _, err := ReadSizes("sizes.csv", strings.NewReader(test.in)); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.in, err, test.want)
		}
	}
}

func addBlobs(f *testing.F, add func([]byte)) {
	files, err := filepath.Glob(recorded + "/blobs/sha256/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded documents: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if json.Valid(raw) {
			add(raw)
		}
	}
}
