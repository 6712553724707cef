package registry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func indexOf(names map[string]string) string {
	var entries []string
	for name, digest := range names {
		entries = append(entries, fmt.Sprintf(`{"mediaType":"m","digest":"sha256:%s","annotations":{%q:%q}}`, digest, refNameAnnotation, name))
	}
	return `{"manifests":[` + strings.Join(entries, ",") + `]}`
}

// blobDir is a directory of blobs alone.
func blobDir(t *testing.T, blobs ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, blob := range blobs {
		if err := os.WriteFile(filepath.Join(dir, "blobs/sha256", digestOf(blob)), []byte(blob), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestTags: blobs alone are served under the names that are given for them, without
// an index, with the media types that documents have or show.
func TestTags(t *testing.T) {
	const (
		manifestType = "application/vnd.oci.image.manifest.v1+json"
		indexType    = "application/vnd.oci.image.index.v1+json"
		plain        = `{"schemaVersion":2,"config":{"digest":"sha256:0"}}`
		index        = `{"schemaVersion":2,"manifests":[]}`
	)
	layer := strings.Repeat("0123456789abcdef", 1<<18) // 4 MiB
	dir := blobDir(t, manifest, plain, index, layer)
	s, err := Serve(Tags(os.DirFS(dir), map[string]string{
		"team/app:1": "sha256:" + digestOf(manifest), "team/app:plain": "sha256:" + digestOf(plain), "team/app:index": "sha256:" + digestOf(index),
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		path   string
		status int
		kind   string
		want   string
	}{
		{"/v2/team/app/manifests/1", 200, manifestType, manifest},
		{"/v2/team/app/manifests/plain", 200, manifestType, plain},
		{"/v2/team/app/manifests/index", 200, indexType, index},
		{"/v2/team/app/manifests/sha256:" + digestOf(index), 200, indexType, index},
		{"/v2/team/app/blobs/sha256:" + digestOf(layer), 200, "application/octet-stream", layer},
		{"/v2/other/manifests/1", 404, "application/json", ""},
	} {
		resp, err := http.Get("http://" + s.Addr + test.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		kind := resp.Header.Get("Content-Type")
		if err != nil || resp.StatusCode != test.status || kind != test.kind || test.want != "" && !bytes.Equal(body, []byte(test.want)) {
			t.Errorf("%s: %d, %s with %d bytes, %v; want %d, %s with %d", test.path, resp.StatusCode, kind, len(body), err, test.status, test.kind, len(test.want))
		}
	}
}

// TestDockerHub: its images are found by either of its names, and where a layout
// leaves library out.
func TestDockerHub(t *testing.T) {
	dir := fstest.MapFS{
		"index.json": {Data: []byte(indexOf(map[string]string{
			"docker.io/nginx:1": digestOf(manifest), "index.docker.io/library/redis:7": digestOf(manifest),
			"docker.io/team/app:1": digestOf(manifest), "other.example.com/app:2": digestOf(manifest),
		}))},
		"blobs/sha256/" + digestOf(manifest): {Data: []byte(manifest)},
	}
	for _, host := range []string{"docker.io", "index.docker.io"} {
		handler, err := Handler(host, dir)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{
			"library/nginx/manifests/1": 200, "library/redis/manifests/7": 200, "team/app/manifests/1": 200,
			"nginx/manifests/1": 404, "app/manifests/2": 404, "library/app/manifests/2": 404,
		} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", "/v2/"+path, nil))
			if w.Code != want {
				t.Errorf("%s of %s: %d, want %d", path, host, w.Code, want)
			}
		}
	}
}

// TestFiles: layers are handed on as files, which the kernel sends without copying
// them.
func TestFiles(t *testing.T) {
	dir := blobDir(t, manifest)
	w := &fileWriter{ResponseRecorder: httptest.NewRecorder()}
	Tags(os.DirFS(dir), nil).ServeHTTP(w, httptest.NewRequest("GET", "/v2/app/blobs/sha256:"+digestOf(manifest), nil))
	if w.files != 1 || w.Body.String() != manifest {
		t.Errorf("%d files were handed on, %d %q", w.files, w.Code, w.Body)
	}
}

// fileWriter counts the files that it is given to send.
type fileWriter struct {
	*httptest.ResponseRecorder
	files int
}

func (w *fileWriter) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return io.Copy(w.ResponseRecorder, src)
	}
	if _, ok := limited.R.(*os.File); ok {
		w.files++
	}
	return io.Copy(w.ResponseRecorder, src)
}
