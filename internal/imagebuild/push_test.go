package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestCheckTag(t *testing.T) {
	const manifest = `{"schemaVersion":2}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/shop/web/manifests/1.4.0" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		w.Write([]byte(manifest))
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	digest, _, err := v1.SHA256(strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, image string
		entry       v1.Descriptor
		want        string
	}{
		{"same", "shop/web:1.4.0", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest}, ""},
		{"missing", "shop/web:2", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest}, "404"},
		{"digest", "shop/web:1.4.0", v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: hashOf("a")}, "the layout sha256:aaa"},
		{"media type", "shop/web:1.4.0", v1.Descriptor{MediaType: types.DockerManifestSchema2, Digest: digest}, "media type"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := checkTag(t.Context(), host, test.image, test.entry)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSingleEntry(t *testing.T) {
	entries, err := recorded.entries()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := singleEntry(recorded, entries[3], dir); err != nil {
		t.Fatal(err)
	}
	single, err := layout(dir).entries()
	if err != nil || len(single) != 1 || single[0].Digest != entries[3].Digest {
		t.Fatalf("entries are %v, %v; want only %v", single, err, entries[3])
	}
	want, err := os.ReadFile(recorded.blob(entries[3].Digest))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(layout(dir).blob(entries[3].Digest))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the manifest cannot be read there: %v", err)
	}
}
