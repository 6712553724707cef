package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`

func serve(t *testing.T) string {
	t.Helper()
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","annotations":{%q:"registry.example.com/team/app:1"}},
		{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","annotations":{%q:"elsewhere.example.com/team/app:2"}}]}`,
		digestOf(manifest), refNameAnnotation, digestOf(manifest), refNameAnnotation)
	handler, err := Handler("registry.example.com", fstest.MapFS{
		"index.json":                         {Data: []byte(index)},
		"secret":                             {Data: []byte("secret")},
		"blobs/sha256/" + digestOf(manifest): {Data: []byte(manifest)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + s.Addr
}

// TestPull follows the pull half of the distribution specification.
func TestPull(t *testing.T) {
	base := serve(t)
	digest := "sha256:" + digestOf(manifest)
	for _, test := range []struct {
		method, path string
		status       int
		contentType  string
		body         string
	}{
		{"GET", "/v2/", 200, "", ""},
		{"GET", "/v2/team/app/manifests/1", 200, "application/vnd.oci.image.manifest.v1+json", manifest},
		{"HEAD", "/v2/team/app/manifests/1", 200, "application/vnd.oci.image.manifest.v1+json", ""},
		{"GET", "/v2/team/app/manifests/" + digest, 200, "application/vnd.oci.image.manifest.v1+json", manifest},
		{"GET", "/v2/team/app/blobs/" + digest, 200, "application/octet-stream", manifest},
		{"GET", "/v2/team/app/tags/list", 200, "application/json", `{"name":"team/app","tags":["1"]}`},
		{"GET", "/v2/team/other/tags/list", 404, "application/json", "NAME_UNKNOWN"},
		{"GET", "/v2/team/app/manifests/2", 404, "application/json", "MANIFEST_UNKNOWN"},
		{"GET", "/v2/team/app/blobs/sha256:" + strings.Repeat("0", 64), 404, "application/json", "BLOB_UNKNOWN"},
		{"GET", "/v2/team/app/blobs/sha256:..%2F..%2Fsecret", 404, "application/json", "NAME_UNKNOWN"},
		{"GET", "/v2/team/app/blobs/secret", 400, "application/json", "DIGEST_INVALID"},
		{"PUT", "/v2/team/app/manifests/1", 405, "application/json", "UNSUPPORTED"},
		{"GET", "/elsewhere", 404, "application/json", "NAME_UNKNOWN"},
	} {
		req, err := http.NewRequest(test.method, base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != test.status || test.contentType != "" && resp.Header.Get("Content-Type") != test.contentType || !strings.Contains(string(body), test.body) {
			t.Errorf("%s %s: %d %s %q, %v", test.method, test.path, resp.StatusCode, resp.Header.Get("Content-Type"), body, err)
		}
		if test.status == 200 && strings.Contains(test.path, "manifests") && resp.Header.Get("Docker-Content-Digest") != digest {
			t.Errorf("%s %s: digest %s", test.method, test.path, resp.Header.Get("Docker-Content-Digest"))
		}
	}
}

// TestRange: the end of a blob costs no reading of the rest.
func TestRange(t *testing.T) {
	req, err := http.NewRequest("GET", serve(t)+"/v2/team/app/blobs/sha256:"+digestOf(manifest), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(manifest)-5))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	want := manifest[len(manifest)-5:]
	if err != nil || resp.StatusCode != http.StatusPartialContent || string(body) != want {
		t.Errorf("got %d %q, %v, want 206 %q", resp.StatusCode, body, err, want)
	}
}

// TestHandlerErrors: a directory that cannot be served is refused when the
// server is made, not when it is asked.
func TestHandlerErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		dir  fstest.MapFS
		want string
	}{
		{"no layout", fstest.MapFS{}, "serve a.example: read the OCI layout's index.json"},
		{"not JSON", fstest.MapFS{"index.json": {Data: []byte("<")}}, "serve a.example: read the OCI layout's index.json: invalid character"},
		{"other registry", fstest.MapFS{"index.json": {Data: []byte(`{"manifests":[]}`)}}, "names no image of that registry"},
		{"a VPC's name", fstest.MapFS{"index.json": {Data: []byte(`{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"b.example/x/y:1"}},{"annotations":{"org.opencontainers.image.ref.name":"b.example/z:1"}}]}`)}},
			"its images are of b.example: --registry b.example=DIR with --registry-alias a.example=b.example takes them"},
	} {
		if _, err := Handler("a.example", test.dir); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

func TestRequestOf(t *testing.T) {
	for path, want := range map[string]Request{
		"/v2/web/manifests/1.4":              {Repository: "web", Reference: "1.4"},
		"/v2/shop/web/manifests/sha256:ab":   {Repository: "shop/web", Reference: "sha256:ab"},
		"/v2/library/debian/blobs/sha256:ab": {Repository: "library/debian", Blob: true, Reference: "sha256:ab"},
	} {
		if got, ok := RequestOf(path); !ok || got != want {
			t.Errorf("%s: %+v, %v, want %+v", path, got, ok, want)
		}
	}
	for _, path := range []string{"", "/v2/", "/v2/web/tags/list", "/v2/web/blobs/", "/v2/web/blobs/a/b", "/v1/web/blobs/a", "/v2/blobs/a"} {
		if got, ok := RequestOf(path); ok {
			t.Errorf("%s is taken for %+v", path, got)
		}
	}
}
