package layers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func parseManifest(raw []byte, contentType string) (*manifestDocument, error) {
	doc := new(manifestDocument)
	return doc, doc.parse(raw, contentType)
}

func parseConfig(raw []byte, layers int) (*config, error) {
	c := new(config)
	return c, c.parse(raw, layers)
}

// FuzzManifest: what is accepted is a complete manifest or index, and reads as
// encoding/json does; no document makes the parser panic.
func FuzzManifest(f *testing.F) {
	addBlobs(f, func(raw []byte) { f.Add(raw, "application/vnd.oci.image.index.v1+json") })
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"sha256:0"}]}`), dockerIndex)
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"`+dockerIndex+`","manifests":[{"digest":"sha256:`+strings.Repeat("0", 64)+`","platform":{"os":"linux","os":null},"size":1}]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, contentType string) {
		doc, err := parseManifest(raw, contentType)
		if err != nil {
			return
		}
		want, err := newOracle(raw)
		if err != nil {
			t.Fatalf("accepted, but encoding/json says %v", err)
		}
		if doc.isIndex() {
			compareAll(t, doc.manifests, want.get("manifests"))
			choose(doc.manifests, platform{OS: "linux", Architecture: "amd64"})
			return
		}
		compareAll(t, doc.layers, want.get("layers"))
		compareDescriptor(t, &doc.config, want.get("config"))
	})
}

func compareAll(t *testing.T, got []descriptor, want oracle) {
	list, ok := want.list()
	if !ok || len(list) != len(got) {
		t.Fatalf("%d entries, want %d", len(got), len(list))
	}
	for i := range got {
		compareDescriptor(t, &got[i], list[i])
	}
}

func compareDescriptor(t *testing.T, got *descriptor, want oracle) {
	t.Helper()
	digest, ok1 := want.get("digest").text()
	size, ok2 := want.get("size").integer()
	mediaType, ok3 := want.get("mediaType").text()
	os, ok4 := want.get("platform").get("os").text()
	arch, ok5 := want.get("platform").get("architecture").text()
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		t.Fatalf("accepted %+v of %v", got, want.value)
	}
	if string(got.hash.digest()) != digest || got.size != size || got.mediaType != mediaType || got.platform.OS != os || got.platform.Architecture != arch {
		t.Errorf("read %+v of %v", got, want.value)
	}
}

// FuzzConfig: likewise for configs.
func FuzzConfig(f *testing.F) {
	addBlobs(f, func(raw []byte) { f.Add(raw, 3) })
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		c, err := parseConfig(raw, n)
		if err != nil {
			return
		}
		want, err := newOracle(raw)
		if err != nil {
			t.Fatalf("accepted, but encoding/json says %v", err)
		}
		ids, _ := want.get("rootfs").get("diff_ids").list()
		if len(ids) != n || len(c.hashes) != n || len(c.createdBy(nil)) != n {
			t.Fatalf("accepted %d diffIDs, %d steps for %d layers", len(c.hashes), len(c.createdBy(nil)), n)
		}
		for i, id := range ids {
			if text, _ := id.text(); text != string(c.hashes[i].digest()) {
				t.Errorf("diffID %d is %s, want %s", i, c.hashes[i], text)
			}
		}
		if os, _ := want.get("os").text(); os != c.OS {
			t.Errorf("os %q, want %q", c.OS, os)
		}
		history, _ := want.get("history").list()
		if len(history) != len(c.history) {
			t.Fatalf("%d steps, want %d", len(c.history), len(history))
		}
		for i, h := range history {
			if text, _ := h.get("created_by").text(); text != c.history[i].createdBy.String() {
				t.Errorf("step %d is %q, want %q", i, c.history[i].createdBy, text)
			}
		}
	})
}

// FuzzDigest: what is taken for a digest is written as it was read.
func FuzzDigest(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("0a", 32))
	f.Add("sha256:" + strings.Repeat("0A", 32))
	f.Fuzz(func(t *testing.T, text string) {
		if h, ok := parseHash([]byte(text)); ok && string(h.digest()) != text {
			t.Errorf("%q is read as %s", text, h)
		}
	})
}

// BenchmarkParse reads one real manifest and config of 26 layers.
func BenchmarkParse(b *testing.B) {
	manifest, config := largest(b, `"schemaVersion"`), largest(b, `"diff_ids"`)
	var doc manifestDocument
	var conf configFile
	b.ReportAllocs()
	b.SetBytes(int64(len(manifest) + len(config)))
	for b.Loop() {
		if err := doc.parse(manifest, ""); err != nil {
			b.Fatal(err)
		}
		if err := conf.parse(config, len(doc.layers)); err != nil {
			b.Fatal(err)
		}
	}
}

type configFile = config

func largest(tb testing.TB, word string) (largest []byte) {
	files, _ := filepath.Glob(recorded + "/blobs/sha256/*")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		if len(raw) > len(largest) && strings.Contains(string(raw), word) {
			largest = raw
		}
	}
	return largest
}
