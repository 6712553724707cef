package layers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// shelf serves documents written by hand, by tag and by digest.
type shelf struct {
	tags    map[string]string
	digests map[string]string
	types   map[string]string
}

func newShelf() *shelf {
	return &shelf{map[string]string{}, map[string]string{}, map[string]string{}}
}

// add puts a document on the shelf and returns its descriptor, with more fields
// where given.
func (s *shelf) add(tag, mediaType, body string, more ...string) string {
	digest := string(digestOf([]byte(body)))
	s.digests[digest], s.types[digest] = body, mediaType
	if tag != "" {
		s.tags[tag] = digest
	}
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, mediaType, digest, len(body), strings.Join(append([]string{""}, more...), ","))
}

// image puts a manifest with its config on the shelf; layers are descriptors.
func (s *shelf) image(tag string, diffIDs int, layers []string, more ...string) string {
	var ids []string
	for i := range diffIDs {
		ids = append(ids, fmt.Sprintf(`"sha256:%064x"`, i+1))
	}
	config := s.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[`+strings.Join(ids, ",")+`]}}`)
	manifest := `{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageManifest + `","config":` + config + `,"layers":[` + strings.Join(layers, ",") + `]}`
	return s.add(tag, v1.MediaTypeImageManifest, manifest, more...)
}

func (s *shelf) index(tag string, children ...string) string {
	return s.add(tag, v1.MediaTypeImageIndex, `{"schemaVersion":2,"mediaType":"`+v1.MediaTypeImageIndex+`","manifests":[`+strings.Join(children, ",")+`]}`)
}

func blob(n int, mediaType string, size int64, more ...string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%064x","size":%d%s}`, mediaType, 0xb000+n, size, strings.Join(append([]string{""}, more...), ","))
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if digest, ok := s.tags[name]; ok {
		name = digest
	}
	body, ok := s.digests[name]
	if !ok && r.URL.Path != "/v2/" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", s.types[name])
	fmt.Fprint(w, body)
}

func (s *shelf) resolve(t *testing.T, tag string, opt Options) *Inventory {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	inv, err := Resolve(t.Context(), []string{strings.TrimPrefix(server.URL, "http://") + "/a:" + tag}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// TestOddImages: what is legal though unusual is read, and labelled.
func TestOddImages(t *testing.T) {
	const gzip, zstd = v1.MediaTypeImageLayerGzip, v1.MediaTypeImageLayerZstd
	annotation := func(key string) string { return fmt.Sprintf(`"annotations":{%q:"x"}`, key) }
	s := newShelf()
	var many []string
	for i := range 130 {
		many = append(many, blob(100+i, gzip, 1))
	}
	s.image("many", 130, many)
	s.image("large", 1, []string{blob(1, gzip, 12<<30)})
	s.image("repeated", 3, []string{blob(2, gzip, 10), blob(3, gzip, 20), blob(2, gzip, 10)})
	s.image("none", 0, nil)
	s.image("empty", 1, []string{blob(4, gzip, 32)})
	s.image("plain", 1, []string{blob(5, v1.MediaTypeImageLayer, 5120)})
	s.image("foreign", 2, []string{blob(6, dockerForeign, 10), blob(7, gzip, 10, `"urls":["https://example.com/x"]`)})
	s.image("lazy", 4, []string{
		blob(8, gzip, 1, annotation(estargzTOC)), blob(9, zstd, 1, annotation(zstdChunkedSum)),
		blob(10, gzip, 1, annotation(overlaybdDigest)), blob(11, nydusBlobType, 1, annotation(nydusBlob)),
	})
	for tag, want := range map[string]struct {
		layers, distinct int
		compressed       int64
		foreign          int
		lazy             []string
	}{
		"many":     {130, 130, 130, 0, nil},
		"large":    {1, 1, 12 << 30, 0, nil},
		"repeated": {3, 2, 30, 0, nil},
		"none":     {0, 0, 0, 0, nil},
		"empty":    {1, 1, 32, 0, nil},
		"plain":    {1, 1, 5120, 0, nil},
		"foreign":  {2, 2, 20, 2, nil},
		"lazy":     {4, 4, 4, 0, []string{EStargz, ZstdChunked, Overlaybd, Nydus}},
	} {
		inv := s.resolve(t, tag, Options{})
		if len(inv.Images) != 1 {
			t.Errorf("%s: unresolved %v", tag, inv.Unresolved)
			continue
		}
		foreign, lazy := 0, []string(nil)
		for _, l := range inv.Layers {
			if l.Foreign {
				foreign++
			}
			if l.LazyFormat != "" {
				lazy = append(lazy, l.LazyFormat)
			}
		}
		if total := inv.Total(); len(inv.Images[0].Layers) != want.layers || total.Layers != want.distinct || total.CompressedBytes != want.compressed || foreign != want.foreign {
			t.Errorf("%s: %d layers, %d distinct of %d bytes, %d foreign; want %+v", tag, len(inv.Images[0].Layers), total.Layers, total.CompressedBytes, foreign, want)
		}
		if diff := cmp.Diff(want.lazy, lazy); diff != "" {
			t.Errorf("%s: lazy formats -want +got:\n%s", tag, diff)
		}
		if err := inv.Validate(); err != nil {
			t.Errorf("%s: %v", tag, err)
		}
	}
	if l := s.resolve(t, "plain", Options{}).Layers[0]; l.UnpackedSource != Measured || *l.UnpackedBytes != 5120 {
		t.Errorf("an uncompressed layer is of %d bytes, %s", *l.UnpackedBytes, l.UnpackedSource)
	}
}

// TestIndexes: the child is chosen by platform in nested indexes too; what is no
// image is left out; an index that never ends is refused.
func TestIndexes(t *testing.T) {
	amd64 := `"platform":{"os":"linux","architecture":"amd64"}`
	s := newShelf()
	layer := []string{blob(1, v1.MediaTypeImageLayerGzip, 10)}
	image := s.image("", 1, layer, amd64)
	bare := s.image("", 1, layer)
	attestation := s.image("", 1, []string{blob(2, "application/vnd.in-toto+json", 10)}, `"platform":{"os":"unknown","architecture":"unknown"}`, `"annotations":{"vnd.docker.reference.type":"attestation-manifest"}`)
	sbom := s.image("", 1, layer, `"artifactType":"application/spdx+json"`, amd64)
	arm := s.image("", 1, []string{blob(3, v1.MediaTypeImageLayerGzip, 10)}, `"platform":{"os":"linux","architecture":"arm","variant":"v6"}`)
	s.index("flat", sbom, attestation, arm, image)
	inner := s.index("", image)
	s.index("nested", attestation, inner)
	s.index("bare", attestation, bare)
	s.index("deep", s.index("", s.index("", s.index("", image))))
	s.index("arm", arm)
	s.index("soci", image, s.add("", sociV2, "{}", `"artifactType":"`+sociV2+`"`))
	for tag, want := range map[string]string{
		"flat": "", "nested": "", "bare": "", "soci": "",
		"deep": "the index is nested more than 3 levels deep",
		"arm":  "the index has no image for linux/amd64, only for linux/arm/v6",
	} {
		inv := s.resolve(t, tag, Options{})
		switch {
		case want != "" && (len(inv.Unresolved) != 1 || inv.Unresolved[0].Reason != want):
			t.Errorf("%s: %v, want %s", tag, inv.Unresolved, want)
		case want == "" && len(inv.Images) != 1:
			t.Errorf("%s: %v", tag, inv.Unresolved)
		case want == "" && (inv.Images[0].IndexDigest == "" || inv.Images[0].IndexDigest == inv.Images[0].Digest || inv.Total().CompressedBytes != 10):
			t.Errorf("%s: %+v, %d bytes", tag, inv.Images[0], inv.Total().CompressedBytes)
		}
	}
	if inv := s.resolve(t, "soci", Options{}); inv.Images[0].LazyFormat != SOCI {
		t.Errorf("an index with a SOCI v2 index is labelled %q", inv.Images[0].LazyFormat)
	}
	// The child for arm has a config that says otherwise.
	if inv := s.resolve(t, "flat", Options{Platforms: []string{"linux/amd64", "linux/arm/v6", "linux/s390x"}}); len(inv.Images) != 1 || len(inv.Unresolved) != 2 {
		t.Errorf("three platforms: %d images, %v", len(inv.Images), inv.Unresolved)
	}
}

// TestArtifacts: what is no image is refused by name.
func TestArtifacts(t *testing.T) {
	config := func(mediaType string) string {
		return `{"mediaType":"` + mediaType + `","digest":"sha256:` + strings.Repeat("a", 64) + `","size":2}`
	}
	manifest := func(config, artifactType string, layers ...string) string {
		return `{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageManifest + `","artifactType":"` + artifactType + `","config":` + config + `,"layers":[` + strings.Join(layers, ",") + `]}`
	}
	image := config(v1.MediaTypeImageConfig)
	for body, want := range map[string]string{
		manifest(config("application/vnd.cncf.helm.config.v1+json"), ""):                                                  "this is a Helm chart",
		manifest(image, "", blob(1, "application/vnd.dev.cosign.simplesigning.v1+json", 1)):                               "this is a cosign signature",
		manifest(image, "", blob(1, "application/vnd.in-toto+json", 1)):                                                   "this is a build attestation",
		manifest(config(emptyConfig), "application/spdx+json", blob(1, "application/spdx+json", 1)):                       "this is an SPDX bill of materials",
		manifest(config(emptyConfig), ""):                                                                                 "this is an artifact (type \"application/vnd.oci.empty.v1+json\")",
		manifest(config("application/x-unheard"), ""):                                                                     "this is an artifact (type \"application/x-unheard\")",
		manifest(config("application/vnd.wasm.config.v0+json"), ""):                                                       "this is a WebAssembly module",
		`{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageIndex + `","artifactType":"` + sociV2 + `","manifests":[]}`: "this is a SOCI index",
		`{"schemaVersion":2,"mediaType":"application/vnd.example+json"}`:                                                  `the document is of type "application/vnd.example+json", neither an image manifest nor an index`,
		`{"schemaVersion":1,"fsLayers":[]}`:                                                                               "the manifest is Docker schema 1",
		`<!DOCTYPE html><title>Log in`:                                                                                    "the answer is a web page, not a manifest",
		`{"schemaVersion":2,`:                                                                                             "the manifest is not JSON as manifests are",
	} {
		_, err := parseManifest([]byte(body), v1.MediaTypeImageManifest)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", body, err, want)
		}
	}
}

// TestConflicts: when images say different things of one blob, one of them is
// taken whatever the order, and that is a doubt.
func TestConflicts(t *testing.T) {
	s := newShelf()
	s.image("a", 1, []string{blob(1, v1.MediaTypeImageLayerGzip, 10)})
	s.image("b", 1, []string{blob(1, v1.MediaTypeImageLayerGzip, 11)})
	s.image("c", 2, []string{blob(2, v1.MediaTypeImageLayerGzip, 5), blob(1, v1.MediaTypeImageLayerGzip, 10)})
	server := httptest.NewServer(s)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	var first *Layer
	for _, order := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "a", "c"}} {
		var references []string
		for _, tag := range order {
			references = append(references, host+"/a:"+tag)
		}
		inv, err := Resolve(t.Context(), references, Options{Jobs: 1})
		if err != nil || len(inv.Doubts) != 1 || !strings.Contains(inv.Doubts[0], "two sizes and two diffIDs") {
			t.Fatalf("err %v, doubts %v", err, inv.Doubts)
		}
		for i := range inv.Layers {
			l := inv.Layers[i]
			if l.Digest != Digest(fmt.Sprintf("sha256:%064x", 0xb001)) {
				continue
			}
			if first == nil {
				first = &l
			} else if diff := cmp.Diff(*first, l); diff != "" {
				t.Errorf("order %v -first +this:\n%s", order, diff)
			}
		}
	}
}

// TestUnstatedTypes: a document need not state its own type; what its descriptor,
// its server or its shape says holds, in later runs too.
func TestUnstatedTypes(t *testing.T) {
	s := newShelf()
	config := s.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`)
	body := `{"schemaVersion":2,"config":` + config + `,"layers":[]}`
	manifest := s.add("manifest", v1.MediaTypeImageManifest, body)
	s.add("index", v1.MediaTypeImageIndex, `{"schemaVersion":2,"manifests":[`+manifest+`]}`)
	server := httptest.NewServer(s)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	pinned := map[string]Digest{}
	references := []string{host + "/a@" + string(digestOf([]byte(body))), host + "/a:manifest", host + "/a:index"}
	for tag, digest := range s.tags {
		pinned[host+"/a:"+tag] = Digest(digest)
	}
	dir := t.TempDir()
	for i, opt := range []Options{{}, {}, {Digests: pinned}, {Offline: true, Digests: pinned}} {
		inv := runWithStore(t, dir, references, opt)
		if len(inv.Images) != 3 {
			t.Errorf("run %d: %d images, unresolved %v", i, len(inv.Images), inv.Unresolved)
		}
	}
}

// TestOpenIndexes: children that state no platform, images and nested indexes,
// are looked into until one serves.
func TestOpenIndexes(t *testing.T) {
	s := newShelf()
	image := func(architecture string) (body string) {
		config := s.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"`+architecture+`","rootfs":{"type":"layers","diff_ids":[]}}`)
		return `{"schemaVersion":2,"mediaType":"` + v1.MediaTypeImageManifest + `","config":` + config + `,"layers":[]}`
	}
	arm, amd := image("arm64"), image("amd64")
	plain := func(body string, more ...string) string { return s.add("", v1.MediaTypeImageManifest, body, more...) }
	s.index("images", plain(arm), plain(amd))
	s.index("indexes",
		s.index("", plain(arm, `"platform":{"os":"linux","architecture":"arm64"}`)),
		s.index("", plain(amd, `"platform":{"os":"linux","architecture":"amd64"}`)))
	s.index("many", slices.Repeat([]string{plain(arm)}, maxOpen+1)...)
	for _, tag := range []string{"images", "indexes"} {
		inv := s.resolve(t, tag, Options{Platforms: []string{"linux/amd64", "linux/arm64", "linux/s390x"}})
		if len(inv.Images) != 2 || inv.Images[0].Digest != digestOf([]byte(amd)) || inv.Images[1].Digest != digestOf([]byte(arm)) {
			t.Errorf("%s: %d images, unresolved %v", tag, len(inv.Images), inv.Unresolved)
			continue
		}
		if len(inv.Unresolved) != 1 || inv.Unresolved[0].Reason != "the index has no image for linux/s390x" {
			t.Errorf("%s: unresolved %v", tag, inv.Unresolved)
		}
	}
	if inv := s.resolve(t, "many", Options{}); len(inv.Unresolved) != 1 || !strings.Contains(inv.Unresolved[0].Reason, "17 entries that state no platform") {
		t.Errorf("many: unresolved %v", inv.Unresolved)
	}
}

// TestUnstatedSize: a size that the manifest does not state is not 0.
func TestUnstatedSize(t *testing.T) {
	s := newShelf()
	bare := fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%064x"`, v1.MediaTypeImageLayerGzip, 1)
	s.image("absent", 1, []string{bare + "}"})
	s.image("null", 1, []string{bare + `,"size":null}`})
	for _, tag := range []string{"absent", "null"} {
		if inv := s.resolve(t, tag, Options{}); len(inv.Unresolved) != 1 || !strings.Contains(inv.Unresolved[0].Reason, "is not stated") {
			t.Errorf("%s: unresolved %v, %d images", tag, inv.Unresolved, len(inv.Images))
		}
	}
}

// TestImpossibleSum: sizes that overflow when they are added are refused.
func TestImpossibleSum(t *testing.T) {
	s := newShelf()
	s.image("x", 9000, slices.Repeat([]string{blob(1, v1.MediaTypeImageLayerGzip, maxBytes)}, 9000))
	if inv := s.resolve(t, "x", Options{}); len(inv.Unresolved) != 1 || !strings.Contains(inv.Unresolved[0].Reason, "impossible") {
		t.Errorf("unresolved %v, total %+v", inv.Unresolved, inv.Total())
	}
}
