package local

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// recorded are the documents of real images, without their layers.
const recorded = "../../testdata/images"

// testImage is an image of go-containerregistry's, which is the oracle of most
// tests here: with a platform, a date and a history whose second step is empty.
func testImage(t testing.TB, seed int64, layers int) v1.Image {
	t.Helper()
	source := random.WithSource(rand.NewSource(seed))
	config := &v1.ConfigFile{OS: "linux", Architecture: "arm64", Variant: "v8", Created: v1.Time{Time: time.Unix(1767323045, 0).UTC()}}
	// skopeo passes over Docker's types in a layout.
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.ConfigFile(img, config)
	for i := range layers {
		if err != nil {
			t.Fatal(err)
		}
		var adds []mutate.Addendum
		adds = append(adds, mutate.Addendum{
			Layer:   must[v1.Layer](t)(random.Layer(3000, types.OCILayer, source)),
			History: v1.History{CreatedBy: "RUN step " + string(rune('a'+i))},
		})
		if i == 0 {
			adds = append(adds, mutate.Addendum{History: v1.History{CreatedBy: "ENV X=1", EmptyLayer: true}})
		}
		img, err = mutate.Append(img, adds...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// named is an entry of a layout's index.
type named struct {
	name string
	img  v1.Image
}

// writeLayout writes an OCI layout with go-containerregistry.
func writeLayout(t testing.TB, images ...named) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range images {
		if err := path.AppendImage(n.img, layout.WithAnnotations(map[string]string{refNameAnnotation: n.name})); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// file is an entry of a test's tar: link makes it a symbolic link, or a hard one
// if it begins with "=".
type file struct {
	name    string
	content []byte
	link    string
}

// layoutFiles are the files of a directory, in the order of their names.
func layoutFiles(t testing.TB, dir string) []file {
	t.Helper()
	var files []file
	root := os.DirFS(dir)
	paths, err := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"index.json", "oci-layout"}
	for _, p := range paths {
		names = append(names, "blobs/sha256/"+filepath.Base(p))
	}
	slices.Sort(names)
	for _, n := range names {
		f, err := root.Open(n)
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		files = append(files, file{name: n, content: content})
	}
	return files
}

func makeTar(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(f.content))}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if target, ok := strings.CutPrefix(f.link, "="); ok {
			h.Typeflag, h.Linkname = tar.TypeLink, target
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(content, nil)
}

func writeFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive.tar")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func readAll(t testing.TB, r io.ReadCloser) []byte {
	t.Helper()
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wantError checks that an error says what it must.
func wantError(t testing.TB, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: error %v, want one with %q", what, err, want)
	}
}

// checkStore compares what a store has of an image with go-containerregistry:
// every document and layer byte for byte.
func checkStore(t *testing.T, s Store, name string, img v1.Image) {
	t.Helper()
	ctx := t.Context()
	d, err := s.Lookup(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	manifest := must[[]byte](t)(img.RawManifest())
	if want := (Descriptor{string(must[*v1.Manifest](t)(img.Manifest()).MediaType), digestOf(manifest), int64(len(manifest))}); d != want {
		t.Fatalf("%q is %+v, want %+v", name, d, want)
	}
	if got := must[[]byte](t)(s.Document(ctx, d.Digest, 1<<20)); !bytes.Equal(got, manifest) {
		t.Errorf("manifest %s, want %s", got, manifest)
	}
	config := must[[]byte](t)(img.RawConfigFile())
	if got := must[[]byte](t)(s.Document(ctx, digestOf(config), int64(len(config)))); !bytes.Equal(got, config) {
		t.Errorf("config %s, want %s", got, config)
	}
	_, err = s.Document(ctx, digestOf(config), int64(len(config)-1))
	wantError(t, "a document over the limit", err, "more than")
	for _, l := range must[[]v1.Layer](t)(img.Layers()) {
		want := readAll(t, must[io.ReadCloser](t)(l.Compressed()))
		digest := must[v1.Hash](t)(l.Digest()).String()
		if got := readAll(t, must[io.ReadCloser](t)(s.Blob(ctx, digest))); !bytes.Equal(got, want) {
			t.Errorf("layer %s differs", digest)
		}
	}
	for _, read := range []func(string) error{
		func(digest string) error { _, err := s.Document(ctx, digest, 1<<20); return err },
		func(digest string) error { _, err := s.Blob(ctx, digest); return err },
	} {
		if err := read(digestOf([]byte("other"))); !IsAbsent(err) {
			t.Errorf("content that is not there: %v", err)
		}
		for _, digest := range []string{"", "sha256:", "sha256:../../index.json", "md5:" + strings.Repeat("0", 32), "sha256:" + strings.Repeat("A", 64)} {
			if err := read(digest); err == nil || IsAbsent(err) {
				t.Errorf("digest %q: %v", digest, err)
			}
		}
	}
}

func TestStores(t *testing.T) {
	web, api := testImage(t, 1, 3), testImage(t, 2, 1)
	dir := writeLayout(t, named{"web:1", web}, named{"example.com/api:2", api})
	plain := makeTar(t, layoutFiles(t, dir)...)
	stores := map[string]Store{
		"layout":     must[*Layout](t)(OpenLayout(dir)),
		"archive":    must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, plain))),
		"tar.gz":     must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, gzipped(t, plain)))),
		"tar.zst":    must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, zstded(t, plain)))),
		"containerd": containerdStore(t, dir, "default", map[string]v1.Image{"web:1": web, "example.com/api:2": api}),
	}
	for kind, s := range stores {
		t.Run(kind, func(t *testing.T) {
			defer s.Close()
			checkStore(t, s, "web:1", web)
			checkStore(t, s, "example.com/api:2", api)
			checkStore(t, s, must[v1.Hash](t)(api.Digest()).String(), api)
			if _, err := s.Lookup(t.Context(), "web:2"); !IsAbsent(err) || !strings.Contains(err.Error(), "it has example.com/api:2, web:1") && !strings.Contains(err.Error(), "it has web:1, example.com/api:2") {
				t.Errorf("a name that is not there: %v", err)
			}
			_, err := s.Lookup(t.Context(), "")
			wantError(t, "no name", err, "it holds 2 images: name one")
			if kind != "containerd" {
				checkStore(t, s, "@1", api)
				_, err = s.Lookup(t.Context(), "@2")
				wantError(t, "@2", err, "there are 2")
			}
		})
	}
}

// TestLookup: index.json with names of several kinds.
func TestLookup(t *testing.T) {
	a, b, c := digestOf([]byte("a")), digestOf([]byte("b")), digestOf([]byte("c"))
	entry := func(digest, annotations, platform string) string {
		return `{"mediaType":"m","size":7,"digest":"` + digest + `","annotations":{` + annotations + `}` + platform + `}`
	}
	ref := func(name string) string { return `"` + refNameAnnotation + `":"` + name + `"` }
	image := func(name string) string { return `"` + imageNameAnnotation + `":"` + name + `"` }
	amd, arm := `,"platform":{"os":"linux","architecture":"amd64"}`, `,"platform":{"os":"linux","architecture":"arm64"}`
	for _, test := range []struct {
		title   string
		entries []string
		name    string
		want    string // a digest, "index", or what the error says
	}{
		{"the only one", []string{entry(a, "", "")}, "", a},
		{"the only one, by name", []string{entry(a, ref("x"), "")}, "x", a},
		{"the same twice", []string{entry(a, ref("x"), ""), entry(a, ref("y"), "")}, "", a},
		{"containerd's name", []string{entry(a, ref("1")+","+image("docker.io/library/x:1"), ""), entry(b, ref("2"), "")}, "docker.io/library/x:1", a},
		{"by digest", []string{entry(a, ref("x"), ""), entry(b, ref("y"), "")}, b, b},
		{"by place", []string{entry(a, ref("x"), ""), entry(b, ref("y"), "")}, "@1", b},
		{"no names", []string{entry(a, "", ""), entry(b, "", "")}, "", "they have no names, but places"},
		{"an index in place", []string{entry(a, "", amd), entry(b, "", arm)}, "", "index"},
		{"a named index in place", []string{entry(a, ref("x"), amd), entry(b, ref("x"), arm)}, "x", "index"},
		{"platforms of two images", []string{entry(a, ref("x"), amd), entry(b, ref("y"), arm)}, "", "it holds 2 images"},
		{"two of a name", []string{entry(a, ref("x"), ""), entry(b, ref("x"), ""), entry(c, ref("y"), "")}, "x", "2 of its images are named x"},
		{"platforms of one among others", []string{entry(a, ref("x"), amd), entry(b, ref("x"), arm), entry(c, ref("y"), "")}, "x", "2 of its images are named x"},
		{"many names", []string{entry(a, ref("1"), ""), entry(a, ref("2"), ""), entry(a, ref("3"), ""), entry(a, ref("4"), ""), entry(a, ref("5"), ""), entry(a, ref("6"), ""), entry(a, ref("7"), "")}, "8", "it has 1, 2, 3, 4, 5 and 2 more"},
		{"a name that a terminal obeys", []string{entry(a, ref(`\u001b[2J`), "")}, "x", `it has "\x1b[2J"`},
	} {
		x, err := parseIndex([]byte(`{"schemaVersion":2,"manifests":[` + strings.Join(test.entries, ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		d, err := x.lookup(test.name)
		switch {
		case err != nil:
			wantError(t, test.title, err, test.want)
		case test.want == "index" && (d.Digest != digestOf(x.raw) || d.Size != int64(len(x.raw)) || d.MediaType != indexMediaType),
			test.want != "index" && d != Descriptor{"m", test.want, 7}:
			t.Errorf("%s: %+v, want %s", test.title, d, test.want)
		}
	}
	for raw, want := range map[string]string{
		"":                                    "not JSON",
		`{"schemaVersion":1}`:                 "schemaVersion 1",
		`{"schemaVersion":2}`:                 "lists no image",
		`{"schemaVersion":2,"manifests":[1]}`: "not JSON of an image index",
	} {
		_, err := parseIndex([]byte(raw))
		wantError(t, raw, err, want)
	}
}

// TestIndexInPlace: a layout whose index.json is the image's own index gives
// that index as a document.
func TestIndexInPlace(t *testing.T) {
	dir := t.TempDir()
	path := must[layout.Path](t)(layout.Write(dir, empty.Index))
	for i, arch := range []string{"amd64", "arm64"} {
		if err := path.AppendImage(testImage(t, int64(i), 1), layout.WithPlatform(v1.Platform{OS: "linux", Architecture: arch})); err != nil {
			t.Fatal(err)
		}
	}
	want := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "index.json")))
	for kind, s := range map[string]Store{
		"layout":  must[*Layout](t)(OpenLayout(dir)),
		"archive": must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, makeTar(t, layoutFiles(t, dir)...)))),
	} {
		d := must[Descriptor](t)(s.Lookup(t.Context(), ""))
		if got := must[[]byte](t)(s.Document(t.Context(), d.Digest, 1<<20)); !bytes.Equal(got, want) {
			t.Errorf("%s: %s, want index.json", kind, got)
		}
	}
}

// TestRecorded: every image of the recorded layout is found by its name, and its
// manifest and config are what their digests say.
func TestRecorded(t *testing.T) {
	l := must[*Layout](t)(OpenLayout(recorded))
	index := must[*v1.IndexManifest](t)(must[v1.ImageIndex](t)(layout.ImageIndexFromPath(recorded)).IndexManifest())
	if len(index.Manifests) < 10 {
		t.Fatalf("only %d images", len(index.Manifests))
	}
	for _, want := range index.Manifests {
		name := want.Annotations[refNameAnnotation]
		d := must[Descriptor](t)(l.Lookup(t.Context(), name))
		if d != (Descriptor{string(want.MediaType), want.Digest.String(), want.Size}) {
			t.Errorf("%s: %+v, want %+v", name, d, want)
		}
		if raw := must[[]byte](t)(l.Document(t.Context(), d.Digest, 4<<20)); digestOf(raw) != d.Digest {
			t.Errorf("%s: manifest with digest %s", name, digestOf(raw))
		}
	}
}

// TestLayoutFaults: directories that are no layout, or hostile ones.
func TestLayoutFaults(t *testing.T) {
	img := testImage(t, 1, 1)
	fresh := func() string { return writeLayout(t, named{"x", img}) }
	dir := fresh()
	outside := filepath.Join(dir, "../outside.json")
	if err := os.WriteFile(outside, must[[]byte](t)(os.ReadFile(filepath.Join(dir, "index.json"))), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		title  string
		change func(dir string) error
		want   string
	}{
		{"no index.json", func(d string) error { return os.Remove(filepath.Join(d, "index.json")) }, "it has no index.json"},
		{"index.json leads out", func(d string) error {
			os.Remove(filepath.Join(d, "index.json"))
			return os.Symlink(outside, filepath.Join(d, "index.json"))
		}, "path escapes"},
		{"index.json is a directory", func(d string) error {
			os.Remove(filepath.Join(d, "index.json"))
			return os.Mkdir(filepath.Join(d, "index.json"), 0o755)
		}, "not a regular file"},
		{"index.json is huge", func(d string) error { return os.Truncate(filepath.Join(d, "index.json"), maxIndexBytes+1) }, "more than"},
		{"another version", func(d string) error {
			return os.WriteFile(filepath.Join(d, "oci-layout"), []byte(`{"imageLayoutVersion":"2.0.0"}`), 0o644)
		}, "version 2.0.0"},
		{"oci-layout is not JSON", func(d string) error { return os.WriteFile(filepath.Join(d, "oci-layout"), nil, 0o644) }, "oci-layout is not JSON"},
	} {
		dir := fresh()
		if err := test.change(dir); err != nil {
			t.Fatal(err)
		}
		_, err := OpenLayout(dir)
		wantError(t, test.title, err, test.want)
		wantError(t, test.title, err, "open OCI layout "+dir)
	}
	_, err := OpenLayout(filepath.Join(t.TempDir(), "none"))
	wantError(t, "no directory", err, "no such file or directory")
	_, err = OpenLayout(outside)
	wantError(t, "a file", err, "oci-archive:")

	digest := must[v1.Hash](t)(img.ConfigName())
	blob := filepath.Join(dir, "blobs/sha256", digest.Hex)
	want := must[[]byte](t)(os.ReadFile(blob))
	elsewhere := filepath.Join(t.TempDir(), "blob")
	if err := os.Rename(blob, elsewhere); err != nil {
		t.Fatal(err)
	}
	l := must[*Layout](t)(OpenLayout(dir))
	if _, err := l.Blob(t.Context(), digest.String()); !IsAbsent(err) {
		t.Errorf("a blob that was removed: %v", err)
	}
	if err := os.Symlink(elsewhere, blob); err != nil {
		t.Fatal(err)
	}
	if got := must[[]byte](t)(l.Document(t.Context(), digest.String(), 1<<20)); !bytes.Equal(got, want) {
		t.Error("a blob that is a link is not read through it")
	}
	if err := os.Remove(filepath.Join(dir, "oci-layout")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLayout(dir); err != nil {
		t.Errorf("without the file oci-layout: %v", err)
	}
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", blob); err != nil {
		t.Fatal(err)
	}
	_, err = l.Document(t.Context(), digest.String(), 1<<20)
	wantError(t, "a blob that is a device", err, "not a regular file")
}

// TestArchiveFaults: files that are no OCI archive, or hostile ones.
func TestArchiveFaults(t *testing.T) {
	files := layoutFiles(t, writeLayout(t, named{"x", testImage(t, 1, 2)}))
	whole := makeTar(t, files...)
	pax := func(h tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Typeflag = tar.TypeReg
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, test := range []struct {
		title   string
		content []byte
		want    string
	}{
		{"empty", nil, "it has no index.json"},
		{"no tar", bytes.Repeat([]byte("text"), 1000), "it is not a tar, or damaged"},
		{"cut off in a header", whole[:len(whole)/1024*512+100], "it ends early"},
		{"cut off in a file", whole[:1024+10], "it ends early"},
		{"cut off, gzip", gzipped(t, whole)[:2000], "it ends early"},
		{"docker archive", makeTar(t, file{name: "manifest.json", content: []byte("[]")}), "docker-archive:"},
		{"xz", []byte("\xfd7zXZ\x00........"), "xz -dk"},
		{"bzip2", []byte("BZh91AY......"), "bzip2 -dk"},
		{"damaged zstd", append(zstded(t, whole)[:500], make([]byte, 500)...), "open OCI archive"},
		{"long path", pax(tar.Header{Name: strings.Repeat("a/", 3000) + "a"}), "more than 4096 bytes"},
		{"impossible size", pax(tar.Header{Name: "x", Size: 1 << 43}), "more than 4 TiB"},
		{"overflowing size", pax(tar.Header{Name: "x", Size: 1<<63 - 1}), "more than 4 TiB"},
		{"sparse", sparseTar(), "is sparse"},
		{"version", makeTar(t, append(slices.Clone(files), file{name: "oci-layout", content: []byte(`{"imageLayoutVersion":"3"}`)})...), "version 3"},
	} {
		_, err := OpenArchive(t.Context(), writeFile(t, test.content))
		wantError(t, test.title, err, test.want)
	}
	_, err := OpenArchive(t.Context(), t.TempDir())
	wantError(t, "a directory", err, "oci:")
	_, err = OpenArchive(t.Context(), "/dev/null")
	wantError(t, "a device", err, "not a regular file")
	_, err = OpenArchive(t.Context(), filepath.Join(t.TempDir(), "none"))
	wantError(t, "no file", err, "no such file")
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenArchive(stopped, writeFile(t, gzipped(t, whole))); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("interrupted: %v", err)
	}
}

// sparseTar is an old GNU sparse header of an empty file.
func sparseTar() []byte {
	header := make([]byte, 512)
	copy(header, "hole")
	for at, s := range map[int]string{100: "0000644\x00", 108: "0000000\x00", 116: "0000000\x00", 124: "00000000000\x00", 136: "00000000000\x00", 156: "S", 257: "ustar  \x00", 483: "00000000000\x00"} {
		copy(header[at:], s)
	}
	sum := 8 * int(' ')
	for i, b := range header {
		if i < 148 || i >= 156 {
			sum += int(b)
		}
	}
	copy(header[148:], []byte{byte('0' + sum>>15&7), byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7), 0, ' '})
	return append(header, make([]byte, 1024)...)
}

// TestArchiveNames: names are relative to the archive's root however they are
// written, links stay in the archive, and the last entry of a name counts.
func TestArchiveNames(t *testing.T) {
	img := testImage(t, 1, 1)
	files := layoutFiles(t, writeLayout(t, named{"x", img}))
	change := func(f func(*file)) []file {
		changed := slices.Clone(files)
		for i := range changed {
			f(&changed[i])
		}
		return changed
	}
	manifest := "blobs/sha256/" + must[v1.Hash](t)(img.Digest()).Hex
	var target []byte
	for _, f := range files {
		if f.name == manifest {
			target = f.content
		}
	}
	link := func(to string) []file {
		return append(change(func(f *file) {
			if f.name == manifest {
				f.link, f.content = to, nil
			}
		}), file{name: "real/manifest", content: target})
	}
	for title, files := range map[string][]file{
		"./":            change(func(f *file) { f.name = "./" + f.name }),
		"absolute":      change(func(f *file) { f.name = "/" + f.name }),
		"above":         change(func(f *file) { f.name = "../../" + f.name }),
		"symlink":       link("../../real/manifest"),
		"absolute link": link("/real/manifest"),
		"link above":    link("../../../../../real/manifest"),
		"hard link":     link("=real/manifest"),
		"last counts":   append([]file{{name: "index.json", content: []byte("{}")}, {name: manifest, content: []byte("{}")}}, files...),
	} {
		for packed, content := range map[string][]byte{"": makeTar(t, files...), " gzip": gzipped(t, makeTar(t, files...))} {
			t.Run(title+packed, func(t *testing.T) {
				a := must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, content)))
				defer a.Close()
				checkStore(t, a, "x", img)
			})
		}
	}
	loop := makeTar(t, append(link("loop"), file{name: "blobs/sha256/loop", link: strings.TrimPrefix(manifest, "blobs/sha256/")})...)
	a := must[*Archive](t)(OpenArchive(t.Context(), writeFile(t, loop)))
	_, err := a.Document(t.Context(), must[v1.Hash](t)(img.Digest()).String(), 1<<20)
	wantError(t, "a loop of links", err, "chain of more than 8 links")
}

// TestEntriesBound: an archive with too many entries is refused.
func TestEntriesBound(t *testing.T) {
	c := &contents{entries: map[string]entry{}}
	for i := range maxEntries {
		c.entries[string(binaryName(i))] = entry{}
	}
	wantError(t, "too many entries", c.admit(&tar.Header{Name: "one more"}), "more than 262144 entries")
	wantError(t, "too long names", (&contents{names: maxNameBytes}).admit(&tar.Header{Name: "x"}), "the paths of its entries")
}

func binaryName(i int) []byte { return []byte{byte(i), byte(i >> 8), byte(i >> 16)} }

// TestOnePass: blobs of a compressed archive that are read in the order of their
// positions cost one pass over it, whatever part of each is read.
func TestOnePass(t *testing.T) {
	img := testImage(t, 1, 8)
	plain := makeTar(t, layoutFiles(t, writeLayout(t, named{"x", img}))...)
	packed := gzipped(t, plain)
	f := &countedFile{Reader: bytes.NewReader(packed)}
	c := must[*contents](t)(readTar(t.Context(), f, int64(len(packed))))
	a := must[*Archive](t)(newArchive(t.Context(), "x", c))
	var digests []string
	for _, l := range must[[]v1.Layer](t)(img.Layers()) {
		digests = append(digests, must[v1.Hash](t)(l.Digest()).String())
	}
	slices.SortFunc(digests, func(x, y string) int {
		p, _ := a.Position(x)
		q, _ := a.Position(y)
		return int(p - q)
	})
	f.read = 0
	for i, d := range digests {
		r := must[io.ReadCloser](t)(a.Blob(t.Context(), d))
		if i%2 == 0 {
			io.CopyN(io.Discard, r, 100)
			r.Close()
		} else if raw := readAll(t, r); digestOf(raw) != d {
			t.Errorf("blob %s has digest %s", d, digestOf(raw))
		}
	}
	if f.read > len(packed)+1<<20 || f.read == 0 {
		t.Errorf("%d bytes read of %d", f.read, len(packed))
	}
	if _, ok := a.Position(digestOf(nil)); ok {
		t.Error("a blob that is not there has a position")
	}
}

// countedFile counts the bytes that are read of a file in memory.
type countedFile struct {
	*bytes.Reader
	read int
}

func (f *countedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.Reader.ReadAt(p, at)
	f.read += n
	return n, err
}

func (f *countedFile) Close() error { return nil }

func TestExpand(t *testing.T) {
	d := "@" + digestOf(nil)
	for in, want := range map[string]string{
		"nginx":                           "docker.io/library/nginx:latest",
		"nginx:1.27":                      "docker.io/library/nginx:1.27",
		"nginx:1.27" + d:                  "docker.io/library/nginx" + d,
		"team/app":                        "docker.io/team/app:latest",
		"index.docker.io/library/nginx:1": "docker.io/library/nginx:1",
		"docker.io/nginx":                 "docker.io/library/nginx:latest",
		"localhost/x":                     "localhost/x:latest",
		"localhost:5000/x/y":              "localhost:5000/x/y:latest",
		"registry.example.com/a/b:c":      "registry.example.com/a/b:c",
		"registry.example.com/a/b:c" + d:  "registry.example.com/a/b" + d,
		"registry.example.com/a/b" + d:    "registry.example.com/a/b" + d,
	} {
		if got := expand(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
		// go-containerregistry says the same, with its own name of Docker Hub.
		if ref, err := name.ParseReference(in); err != nil || strings.Replace(ref.Name(), "index.docker.io", "docker.io", 1) != want {
			t.Errorf("%s is %v by go-containerregistry (%v), want %s", in, ref, err, want)
		}
	}
}

// TestSkopeo: what skopeo writes is read, where skopeo is at hand.
func TestSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		return // the other tests do not need it
	}
	img := testImage(t, 5, 3)
	dir := writeLayout(t, named{"x", img})
	copyTo := func(to string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), skopeo, "copy", "-q", "oci:"+dir+":x", to).CombinedOutput(); err != nil {
			t.Fatalf("skopeo copy to %s: %v: %s", to, err, out)
		}
	}
	tmp := t.TempDir()
	copyTo("oci-archive:" + tmp + "/oci.tar:registry.example.com/x:1")
	a := must[*Archive](t)(OpenArchive(t.Context(), tmp+"/oci.tar"))
	checkStore(t, a, "registry.example.com/x:1", img)
	checkStore(t, a, "", img)
	copyTo("docker-archive:" + tmp + "/docker.tar:registry.example.com/x:1")
	d := must[*DockerArchive](t)(OpenDockerArchive(t.Context(), tmp+"/docker.tar"))
	checkDocker(t, d, "registry.example.com/x:1", img)
}

// unmarshal reads JSON of a test's own making.
func unmarshal(t testing.TB, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// writeTarball is a docker archive by go-containerregistry.
func writeTarball(t testing.TB, images map[string]v1.Image) string {
	t.Helper()
	refs := map[name.Tag]v1.Image{}
	for n, img := range images {
		refs[must[name.Tag](t)(name.NewTag(n))] = img
	}
	path := filepath.Join(t.TempDir(), "docker.tar")
	if err := tarball.MultiWriteToFile(path, refs); err != nil {
		t.Fatal(err)
	}
	return path
}
