package local

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// memory is a file in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func openMemory(t testing.TB, content []byte) (*contents, error) {
	return readTar(t.Context(), memory{bytes.NewReader(content)}, int64(len(content)))
}

// extracted is the oracle of an archive's contents: its files as archive/tar
// gives them one after the other, the last of a name counting.
func extracted(content []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(content))
	for {
		header, err := r.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		name := cleanName(header.Name)
		switch header.Typeflag {
		case tar.TypeReg:
			if files[name], err = io.ReadAll(r); err != nil {
				return nil, err
			}
		case tar.TypeSymlink, tar.TypeLink:
			delete(files, name)
		}
	}
}

// checkContents compares an archive's contents with the oracle's.
func checkContents(t *testing.T, c *contents, files map[string][]byte) {
	for name, e := range c.entries {
		want, ok := files[name]
		if ok != (e.link == "") {
			t.Fatalf("%q: link %q, a file %v", name, e.link, ok)
		}
		if !ok {
			continue
		}
		r, err := c.open(t.Context(), e)
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, want) || (e.kept != nil && !bytes.Equal(e.kept, want)) {
			t.Fatalf("%q: %d bytes, kept %d, error %v; want %d bytes", name, len(got), len(e.kept), err, len(want))
		}
	}
	if got := len(slices.DeleteFunc(slices.Collect(maps.Values(c.entries)), func(e entry) bool { return e.link != "" })); got != len(files) {
		t.Fatalf("%d files, want %d", got, len(files))
	}
}

// fuzzTar lists a tar's contents plain and compressed, and compares both with
// the oracle. ok is false for a tar that is refused.
func fuzzTar(t *testing.T, content []byte) (plain, packed *contents, ok bool) {
	if compressionOf(content) != "" {
		if c, err := openMemory(t, content); err == nil {
			c.source.close()
		}
		return nil, nil, false
	}
	plain, err := openMemory(t, content)
	packed, packedErr := openMemory(t, zstded(t, content))
	if err != nil || packedErr != nil {
		if (err == nil) != (packedErr == nil) {
			t.Fatalf("plain: %v, compressed: %v", err, packedErr)
		}
		return nil, nil, false
	}
	files, err := extracted(content)
	if err != nil {
		t.Fatalf("archive/tar refuses it: %v", err)
	}
	checkContents(t, plain, files)
	checkContents(t, packed, files)
	return plain, packed, true
}

func FuzzOCIArchive(f *testing.F) {
	files := layoutFiles(f, writeLayout(f, named{"x", testImage(f, 1, 1)}))
	f.Add(makeTar(f, files...))
	f.Add(makeTar(f, files[len(files)-2:]...))
	f.Add(makeTar(f, append(files, file{name: "a", link: "b"}, file{name: "c", link: "=index.json"}, file{name: "index.json", link: "c"})...))
	f.Add(gzipped(f, makeTar(f, files[len(files)-2:]...)))
	f.Add(zstded(f, makeTar(f, files[len(files)-2:]...)))
	f.Add(sparseTar())
	f.Fuzz(func(t *testing.T, content []byte) {
		plain, packed, ok := fuzzTar(t, content)
		if !ok {
			return
		}
		a, err := newArchive(t.Context(), "x", plain)
		b, packedErr := newArchive(t.Context(), "x", packed)
		if fmt.Sprint(err) != fmt.Sprint(packedErr) {
			t.Fatalf("plain: %v, compressed: %v", err, packedErr)
		}
		if err != nil {
			return
		}
		for _, s := range []*Archive{a, b} {
			d, err := s.Lookup(t.Context(), "")
			if err != nil {
				continue
			}
			raw, err := s.Document(t.Context(), d.Digest, 1<<20)
			if offset, ok := s.Position(d.Digest); ok && (offset <= 0 || offset > int64(len(content))) {
				t.Errorf("position %d in %d bytes", offset, len(content))
			}
			if err == nil && raw == nil {
				t.Error("a document is nil")
			}
		}
	})
}

func FuzzDockerArchive(f *testing.F) {
	img := testImage(f, 1, 2)
	for _, files := range [][]file{
		legacyFiles(f, savedImage{[]string{"x:1"}, img}, savedImage{nil, img}),
		modernFiles(f, false, savedImage{[]string{"x:1"}, img}),
		modernFiles(f, true, savedImage{[]string{"x:1"}, img}),
	} {
		f.Add(makeTar(f, files...))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		plain, packed, ok := fuzzTar(t, content)
		if !ok {
			return
		}
		checkImages(t, plain, packed)
		// A stream that keeps nothing but documents finds the same images.
		shown := map[string]int{}
		img, err := exported(t.Context(), bytes.NewReader(content), func(entry string, r io.Reader) error {
			shown[entry]++
			return nil
		})
		if err != nil {
			return
		}
		for _, l := range img.Layers {
			// A layer that is JSON is no tar: it is not shown.
			if e := plain.entries[l.Entry]; shown[l.Entry] == 0 && !isDocument(head(t, plain, e)) {
				t.Errorf("layer %q was not shown", l.Entry)
			}
		}
	})
}

func head(t *testing.T, c *contents, e entry) []byte {
	r, err := c.open(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	raw, err := io.ReadAll(io.LimitReader(r, headBytes))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// checkImages opens every image of an archive, plain and compressed: both say
// the same, and what they say holds.
func checkImages(t *testing.T, plain, packed *contents) {
	items, err := dockerItems(t.Context(), plain)
	_, packedErr := dockerItems(t.Context(), packed)
	if fmt.Sprint(err) != fmt.Sprint(packedErr) {
		t.Fatalf("plain: %v, compressed: %v", err, packedErr)
	}
	a, b := &DockerArchive{"x", plain, items}, &DockerArchive{"x", packed, items}
	for i := range min(len(items), 10) {
		ref := fmt.Sprintf("@%d", i)
		img, err := a.Image(t.Context(), ref)
		other, packedErr := b.Image(t.Context(), ref)
		if fmt.Sprint(err) != fmt.Sprint(packedErr) {
			t.Fatalf("%s: plain: %v, compressed: %v", ref, err, packedErr)
		}
		if diff := cmp.Diff(img, other); diff != "" {
			t.Fatal(diff)
		}
		if err != nil {
			continue
		}
		if len(img.Layers) != len(items[i].Layers) || img.ID != digestOf(img.Config) {
			t.Errorf("%d layers of %d, ID %s", len(img.Layers), len(items[i].Layers), img.ID)
		}
		for _, l := range img.Layers {
			r, err := a.OpenLayer(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if raw := readAll(t, r); int64(len(raw)) != l.StoredBytes || (l.Compression == "") != (l.UnpackedBytes == l.StoredBytes) {
				t.Errorf("layer %+v has %d bytes", l, len(raw))
			}
		}
		for _, tag := range items[i].RepoTags[:min(3, len(items[i].RepoTags))] {
			if j, err := a.choose(tag); err == nil && !items[j].has(tag) {
				t.Errorf("%q leads to image %d, which has not that tag", tag, j)
			}
		}
	}
}

// FuzzDockerManifest has any manifest.json and config in an archive with two
// layers.
func FuzzDockerManifest(f *testing.F) {
	img := testImage(f, 1, 2)
	files := legacyFiles(f, savedImage{[]string{"x:1"}, img})
	manifest := files[len(files)-2].content
	config := files[len(files)-3]
	manifest = bytes.ReplaceAll(manifest, []byte(config.name), []byte("config"))
	f.Add(manifest, config.content)
	f.Add([]byte(`[{"Config":"config","RepoTags":null,"Layers":[]}]`), []byte(`{}`))
	f.Add([]byte(`[{"Config":"../config","RepoTags":["a","a:latest"],"Layers":["loop"]},{"Config":"manifest.json"}]`), []byte(`{"rootfs":{"diff_ids":["sha256:0"]},"history":[{}]}`))
	f.Fuzz(func(t *testing.T, manifest, config []byte) {
		files := append(slices.Clone(files[:len(files)-3]),
			file{name: "config", content: config}, file{name: "manifest.json", content: manifest},
			file{name: "loop", link: "loop2"}, file{name: "loop2", link: "loop"})
		content := makeTar(t, files...)
		plain, err := openMemory(t, content)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := openMemory(t, gzipped(t, content))
		if err != nil {
			t.Fatal(err)
		}
		checkImages(t, plain, packed)
	})
}

// FuzzIndex looks any name up in any index.json: what is found is one of its
// entries, or the index.
func FuzzIndex(f *testing.F) {
	for _, file := range layoutFiles(f, writeLayout(f, named{"x", testImage(f, 1, 1)}, named{"y", testImage(f, 2, 1)})) {
		if file.name == "index.json" {
			f.Add(file.content, "x")
			f.Add(file.content, "@1")
		}
	}
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"a","platform":{"os":"linux"}},{"digest":"b","platform":{"os":"linux"}}]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		x, err := parseIndex(raw)
		if err != nil {
			return
		}
		var doc struct{ Manifests []map[string]any }
		unmarshal(t, raw, &doc)
		if len(doc.Manifests) != len(x.entries) {
			t.Fatalf("%d entries, want %d", len(x.entries), len(doc.Manifests))
		}
		d, err := x.lookup(name)
		if err != nil {
			if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("the error has control characters: %q", text)
			}
			return
		}
		if d.Digest != digestOf(raw) && !slices.ContainsFunc(x.entries, func(e indexEntry) bool { return e.descriptor() == d }) {
			t.Errorf("%q is %+v, which is no entry", name, d)
		}
	})
}

// FuzzEngine has any replies of an engine: an image's layers are those that it
// lists, and no size is made up.
func FuzzEngine(f *testing.F) {
	e := newEngine(f, "x:1", testImage(f, 1, 3), nil)
	f.Add([]byte(e.inspect), []byte(e.history))
	f.Add([]byte(`{"RootFS":{"Layers":[]}}`), []byte(`[{"Size":-1}]`))
	f.Fuzz(func(t *testing.T, inspect, history []byte) {
		var found engineImage
		var steps []engineStep
		if err := errors.Join(json.Unmarshal(inspect, &found), json.Unmarshal(history, &steps)); err != nil {
			return
		}
		img, err := found.image(steps)
		if err != nil {
			return
		}
		if len(img.Layers) != len(found.RootFS.Layers) || len(img.History) != len(steps) {
			t.Fatalf("%d layers of %d, %d steps of %d", len(img.Layers), len(found.RootFS.Layers), len(img.History), len(steps))
		}
		sizes := map[int64]bool{-1: true}
		for _, s := range steps {
			sizes[s.Size] = true
		}
		for i, l := range img.Layers {
			if l.DiffID != found.RootFS.Layers[i] || !sizes[l.FileBytes] || l.FileBytes < -1 {
				t.Errorf("layer %d: %+v", i, l)
			}
		}
	})
}
