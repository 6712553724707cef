package pull

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	digestlib "github.com/opencontainers/go-digest"

	"github.com/cachebench/cachebench/layers"
)

// testHost is what the test registry is called.
const testHost = "registry.example.com"

// tarOf makes a tar of entries. Regular files hold what their header's Linkname
// says, which the tar has not.
func tarOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1700000000, 0)
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content, Mode: 0o644}
}

func folder(name string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: mode}
}

func symlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
}

func hardlink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}
}

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(content)
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
	return w.EncodeAll(content, nil)
}

func sha(b []byte) layers.Digest {
	sum := sha256.Sum256(b)
	return layers.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// testLayer is a layer of a test image.
type testLayer struct {
	tar, blob []byte
	mediaType string
}

func layerOf(t testing.TB, entries ...tar.Header) testLayer {
	content := tarOf(t, entries...)
	return testLayer{content, gzipped(t, content), v1.MediaTypeImageLayerGzip}
}

// sized is a layer with one file of so many bytes that do not compress.
func sized(t testing.TB, name string, bytes int) testLayer {
	var b strings.Builder
	for i := 0; b.Len() < bytes; i++ {
		fmt.Fprintf(&b, "%x", sha256.Sum256([]byte(name+fmt.Sprint(i))))
	}
	return layerOf(t, file(name, b.String()[:bytes]))
}

// fakeRegistry serves test images and remembers what it was asked for.
type fakeRegistry struct {
	*httptest.Server
	// before is called before an answer, if set; true is that it has answered.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu    sync.Mutex
	blobs map[string][]byte // by digest
	types map[string]string
	tags  map[string]string // digest by repository:tag
	asked []string
}

func newRegistry(t testing.TB) *fakeRegistry {
	f := &fakeRegistry{blobs: map[string][]byte{}, types: map[string]string{}, tags: map[string]string{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) put(b []byte, mediaType string) v1.Descriptor {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := string(sha(b))
	f.blobs[d], f.types[d] = b, mediaType
	return v1.Descriptor{MediaType: mediaType, Digest: digestlib.Digest(d), Size: int64(len(b))}
}

// push stores an image and returns its reference.
func (f *fakeRegistry) push(t testing.TB, name string, list ...testLayer) string {
	t.Helper()
	m := f.manifest(t, "amd64", list)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags[name] = string(m.Digest)
	return testHost + "/" + name
}

func (f *fakeRegistry) manifest(t testing.TB, architecture string, list []testLayer) v1.Descriptor {
	t.Helper()
	config := v1.Image{Platform: v1.Platform{OS: "linux", Architecture: architecture}, RootFS: v1.RootFS{Type: "layers"}}
	m := v1.Manifest{MediaType: v1.MediaTypeImageManifest}
	m.SchemaVersion = 2
	for _, l := range list {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digestlib.Digest(sha(l.tar)))
		m.Layers = append(m.Layers, f.put(l.blob, l.mediaType))
	}
	m.Config = f.put(asJSON(t, config), v1.MediaTypeImageConfig)
	d := f.put(asJSON(t, m), v1.MediaTypeImageManifest)
	d.Platform = &config.Platform
	return d
}

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := path.Base(r.URL.Path)
	repository, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	f.mu.Lock()
	f.asked = append(f.asked, r.Method+" "+what)
	if d, ok := f.tags[repository+":"+what]; ok {
		what = d
	}
	body, ok := f.blobs[what]
	mediaType, before := f.types[what], f.before
	f.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	if strings.Contains(r.URL.Path, "/manifests/") {
		w.Header().Set("Content-Type", mediaType)
	}
	w.Header().Set("Docker-Content-Digest", what)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// requests returns what was asked since the last call.
func (f *fakeRegistry) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func (f *fakeRegistry) aliases() map[string]string {
	return map[string]string{testHost: strings.TrimPrefix(f.URL, "http://")}
}

// hostFor makes a host that pulls from the registry.
func hostFor(t testing.TB, f *fakeRegistry, opt HostOptions) *Host {
	t.Helper()
	opt.Root, opt.Aliases = t.TempDir(), f.aliases()
	opt.Registry.Attempts = 1
	h, err := NewHost(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
