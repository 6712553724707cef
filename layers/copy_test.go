package layers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/cachebench/cachebench/layers"
)

// TestCopy copies an image from a layout; another library reads and verifies it.
func TestCopy(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	img, err := random.Image(100_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	path, err := layout.Write(from, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	name := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "registry.example.com/a:1"})
	if err := path.AppendImage(img, name); err != nil {
		t.Fatal(err)
	}
	reference := "oci:" + from + ":registry.example.com/a:1"
	inv, err := layers.Resolve(t.Context(), []string{reference}, layers.Options{})
	if err != nil || len(inv.Images) != 1 {
		t.Fatal(err, inv)
	}
	called := func(r string) string { return strings.TrimPrefix(r, "oci:"+from+":") }
	for range 2 { // the second time everything is there
		if err := inv.Copy(t.Context(), to, called, layers.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	index, err := layout.ImageIndexFromPath(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	again, err := layers.Resolve(t.Context(), []string{"oci:" + to + ":registry.example.com/a:1"}, layers.Options{})
	if err != nil || len(again.Images) != 1 {
		t.Fatal(err, again)
	}
	if diff := cmp.Diff(inv.Layers, again.Layers); diff != "" || again.Images[0].Digest != inv.Images[0].Digest {
		t.Errorf("the copy differs: %s", diff)
	}

	// A blob that was changed is refused by its digest, and not kept.
	l := inv.Layers[1]
	file := filepath.Join("blobs", "sha256", strings.TrimPrefix(string(l.Digest), "sha256:"))
	raw, err := os.ReadFile(filepath.Join(from, file))
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(filepath.Join(from, file), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	bad := t.TempDir()
	if err := inv.Copy(t.Context(), bad, called, layers.Options{}); err == nil || !strings.Contains(err.Error(), string(l.Digest)) {
		t.Errorf("a changed layer: %v", err)
	}
	if _, err := os.Stat(filepath.Join(bad, file)); err == nil {
		t.Error("a changed layer was kept")
	}
}
