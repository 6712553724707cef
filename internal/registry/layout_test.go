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

// TestLayout: images of several registries, from a directory with all their blobs,
// come from one server.
func TestLayout(t *testing.T) {
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs/sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	layer := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	for name, content := range map[string][]byte{
		filepath.Join(dir, "index.json"): []byte(indexOf(map[string]string{
			"registry.example.com/team/app:1": digestOf(manifest),
			"localhost:5000/base:2":           digestOf(manifest),
			"untitled":                        digestOf(manifest),
		})),
		filepath.Join(blobs, digestOf(manifest)):      []byte(manifest),
		filepath.Join(blobs, digestOf(string(layer))): layer,
	} {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	handler, err := Layout(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		path   string
		status int
		want   []byte
	}{
		// Clients that use a server in place of another name the other in ns.
		{"/v2/team/app/manifests/1?ns=registry.example.com", 200, []byte(manifest)},
		{"/v2/base/manifests/2", 200, []byte(manifest)},
		{"/v2/team/app/blobs/sha256:" + digestOf(string(layer)), 200, layer},
		{"/v2/untitled/manifests/latest", 404, nil},
	} {
		resp, err := http.Get("http://" + s.Addr + test.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != test.status || test.want != nil && !bytes.Equal(body, test.want) {
			t.Errorf("%s: %d with %d bytes, %v; want %d with %d", test.path, resp.StatusCode, len(body), err, test.status, len(test.want))
		}
	}
}

// TestLayoutFiles: layers are handed on as files, which the kernel sends without
// copying them.
func TestLayoutFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"index.json":                         indexOf(map[string]string{"registry.example.com/app:1": digestOf(manifest)}),
		"blobs/sha256/" + digestOf(manifest): manifest,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	handler, err := Layout(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	w := &fileWriter{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/v2/app/blobs/sha256:"+digestOf(manifest), nil))
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

func TestLayoutErrors(t *testing.T) {
	for _, test := range []struct{ name, index, want string }{
		{"not JSON", "<", "read the OCI layout's index.json: invalid character"},
		{"no names", `{"manifests":[{}]}`, "names no image of a registry"},
		{"no host", indexOf(map[string]string{"library/debian:12": "1"}), "names no image of a registry"},
		{"one name twice", indexOf(map[string]string{"a.example/app:1": "1", "b.example/app:1": "2"}), "two images of one name"},
	} {
		_, err := Layout(fstest.MapFS{"index.json": {Data: []byte(test.index)}})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
