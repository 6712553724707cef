package layers_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/cachebench/cachebench/layers"
)

func named(name string) layout.Option {
	return layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": name})
}

// randomImage is of linux/amd64.
func randomImage(t *testing.T, below ...v1.Layer) v1.Image {
	t.Helper()
	img, err := random.Image(20_000, 2)
	if err != nil {
		t.Fatal(err)
	}
	own, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	if img, err = mutate.AppendLayers(empty.Image, append(below, own...)...); err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	return img
}

// copyLayout is a layout with these images, and the inventory of them all.
func copyLayout(t *testing.T, images map[string]v1.Image) (dir string, inv *layers.Inventory) {
	t.Helper()
	dir = t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	var references []string
	for _, called := range slices.Sorted(maps.Keys(images)) {
		if err := path.AppendImage(images[called], named(called)); err != nil {
			t.Fatal(err)
		}
		references = append(references, "oci:"+dir+":"+called)
	}
	return dir, resolved(t, references, layers.Options{})
}

func resolved(t *testing.T, references []string, opt layers.Options) *layers.Inventory {
	t.Helper()
	inv, err := layers.Resolve(t.Context(), references, opt)
	if err != nil || len(inv.Images) != len(references) {
		t.Fatal(err, inv.Unresolved)
	}
	return inv
}

// tagOf is what a reference to a layout calls its image.
func tagOf(reference string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(reference, "oci:"), ":")
	return rest
}

// files are those of a directory, with when each was written.
func files(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	found := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			found[path] = info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestCopy copies images that share a layer from a layout; another library reads and
// verifies them. The second time no blob is read or written.
func TestCopy(t *testing.T) {
	to := t.TempDir()
	shared := randomImage(t)
	below, err := shared.Layers()
	if err != nil {
		t.Fatal(err)
	}
	from, inv := copyLayout(t, map[string]v1.Image{"registry.example.com/a:1": randomImage(t, below...), "registry.example.com/b:1": randomImage(t, below...)})
	if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	again := resolved(t, []string{"oci:" + to + ":registry.example.com/a:1", "oci:" + to + ":registry.example.com/b:1"}, layers.Options{})
	if diff := cmp.Diff(inv.Layers, again.Layers); diff != "" || again.Images[0].Digest != inv.Images[0].Digest || len(inv.Layers) != 6 {
		t.Errorf("the copy differs: %s", diff)
	}

	// The source's layers are broken now: nobody looks at them.
	before := files(t, to)
	var broken []string
	for _, l := range inv.Layers {
		file := filepath.Join("blobs", "sha256", strings.TrimPrefix(string(l.Digest), "sha256:"))
		if err := os.WriteFile(filepath.Join(from, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		broken = append(broken, file)
	}
	if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err != nil {
		t.Error(err)
	}
	after := files(t, to)
	for path, at := range before {
		if strings.Contains(path, "blobs") && !after[path].Equal(at) {
			t.Errorf("%s was written again", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, then %d", len(before), len(after))
	}
	// Elsewhere they are refused, and nothing of them is kept.
	bad := t.TempDir()
	if err := inv.Copy(t.Context(), bad, tagOf, layers.Options{}); err == nil || !strings.Contains(err.Error(), "copy layer sha256:") {
		t.Errorf("broken layers: %v", err)
	}
	for path := range files(t, bad) {
		if slices.ContainsFunc(broken, func(file string) bool { return strings.HasSuffix(path, file) }) || strings.Contains(path, ".copy-") {
			t.Errorf("%s of a broken layer was kept", path)
		}
	}
}

// TestCopyChanged: a blob of the right size whose content is another is refused by its
// digest, and not kept.
func TestCopyChanged(t *testing.T) {
	from, inv := copyLayout(t, map[string]v1.Image{"registry.example.com/a:1": randomImage(t)})
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
	if err := inv.Copy(t.Context(), bad, tagOf, layers.Options{}); err == nil || !strings.Contains(err.Error(), string(l.Digest)) {
		t.Errorf("a changed layer: %v", err)
	}
	if _, err := os.Stat(filepath.Join(bad, file)); err == nil {
		t.Error("a changed layer was kept")
	}
}

// namesIn are the names in a layout's index with their digests.
func namesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range index.Manifests {
		name := m.Annotations["org.opencontainers.image.ref.name"]
		if _, twice := found[name]; twice {
			t.Errorf("%s is named twice", name)
		}
		found[name] = m.Digest.String()
	}
	return found
}

// TestCopyKeeps: what the layout names stays, but for what is copied under the same
// name.
func TestCopyKeeps(t *testing.T) {
	to, old := copyLayout(t, map[string]v1.Image{"a:1": randomImage(t), "b:1": randomImage(t)})
	_, inv := copyLayout(t, map[string]v1.Image{"b:1": randomImage(t), "c:1": randomImage(t)})
	if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a:1": string(old.Images[0].Digest), "b:1": string(inv.Images[0].Digest), "c:1": string(inv.Images[1].Digest)}
	if diff := cmp.Diff(want, namesIn(t, to)); diff != "" {
		t.Error(diff)
	}
	// An index that cannot be read is not written over.
	if err := os.WriteFile(filepath.Join(to, "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err == nil || !strings.Contains(err.Error(), "index.json") {
		t.Errorf("an index that cannot be read: %v", err)
	}
	if raw, _ := os.ReadFile(filepath.Join(to, "index.json")); string(raw) != "{" {
		t.Errorf("it was written over: %q", raw)
	}
	one := func(string) string { return "one:1" }
	if err := inv.Copy(t.Context(), t.TempDir(), one, layers.Options{}); err == nil || !strings.Contains(err.Error(), "would both be called one:1") {
		t.Errorf("two images of one name: %v", err)
	}
}

// TestCopyAtOnce: several copy to one directory at once, and none loses what another
// wrote; what a killed one left half copied goes.
func TestCopyAtOnce(t *testing.T) {
	to := t.TempDir()
	left := filepath.Join(to, "blobs", "sha256", ".copy-123")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	want := map[string]string{}
	for _, called := range []string{"a:1", "b:1", "c:1", "d:1"} {
		_, inv := copyLayout(t, map[string]v1.Image{called: randomImage(t)})
		want[called] = string(inv.Images[0].Digest)
		all.Go(func() {
			if err := inv.Copy(t.Context(), to, tagOf, layers.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff(want, namesIn(t, to)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed process left is still there")
	}
}

// TestCopyRegistry: from a registry, an image of several platforms comes with its
// index, so that the copy is asked as the registry is.
func TestCopyRegistry(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	ours := randomImage(t)
	inner := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: randomImage(t), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: ours, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	for path, index := range map[string]v1.ImageIndex{"plain": inner, "nested": mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: inner})} {
		tag, err := name.NewTag(host + "/" + path + ":1")
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.WriteIndex(tag, index); err != nil {
			t.Fatal(err)
		}
		inv := resolved(t, []string{tag.String()}, layers.Options{})
		to := t.TempDir()
		if err := inv.Copy(t.Context(), to, func(string) string { return "copy:1" }, layers.Options{}); err != nil {
			t.Fatal(err)
		}
		copied := resolved(t, []string{"oci:" + to + ":copy:1"}, layers.Options{})
		got, want := copied.Images[0], inv.Images[0]
		got.Reference = want.Reference
		if diff := cmp.Diff(want, got); diff != "" || want.IndexDigest == "" {
			t.Errorf("%s: %s", path, diff)
		}
		// Two manifests, the config, the layers, and indexes: not the other platform's.
		if blobs := files(t, filepath.Join(to, "blobs")); len(blobs) != 1+1+2+map[string]int{"plain": 1, "nested": 2}[path] {
			t.Errorf("%s: %d blobs", path, len(blobs))
		}
	}
}

// TestCopyRefused: Docker's archives have no manifests to copy; a copy that is
// cancelled ends, and names no image.
func TestCopyRefused(t *testing.T) {
	img := randomImage(t)
	archive := filepath.Join(t.TempDir(), "x.tar")
	tag, err := name.NewTag("registry.example.com/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(archive, tag, img); err != nil {
		t.Fatal(err)
	}
	inv := resolved(t, []string{"docker-archive:" + archive + ":registry.example.com/app:1"}, layers.Options{})
	if err := inv.Copy(t.Context(), t.TempDir(), tagOf, layers.Options{}); err == nil || !strings.Contains(err.Error(), "has no manifest to copy") {
		t.Errorf("a Docker archive: %v", err)
	}
	_, inv = copyLayout(t, map[string]v1.Image{"a:1": img})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	to := t.TempDir()
	if err := inv.Copy(ended, to, tagOf, layers.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for path := range files(t, to) {
		if strings.Contains(path, ".copy-") || strings.Contains(path, "index.json") {
			t.Errorf("left %s", path)
		}
	}
}
