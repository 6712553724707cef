package layers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/cachebench/cachebench/internal/registry"
)

// TestPresent: a blob that a layout lacks, or has cut off or altered, is found whatever
// an earlier run kept of it and whoever else has it.
func TestPresent(t *testing.T) {
	img := realImage(t)
	all, _ := img.Layers()
	digest, _ := all[0].Digest()
	whole, kept := "oci:"+writeLayout(t, img, "x"), t.TempDir()
	if inv := runWithStore(t, kept, []string{whole}, Options{Deep: true}); len(inv.Unscanned) > 0 {
		t.Fatalf("a whole image: %v", inv.Unscanned)
	}
	for name, test := range map[string]struct {
		change func([]byte) []byte
		reason string
		deep   bool // only reading finds it
	}{
		"whole":   {func(b []byte) []byte { return b }, "", false},
		"missing": {func([]byte) []byte { return nil }, "has no content of sha256:", false},
		"cut off": {func(b []byte) []byte { return b[:len(b)-5] }, "its blob has ", false},
		"altered": {func(b []byte) []byte { b = slices.Clone(b); b[len(b)/2] ^= 1; return b }, "its content has digest sha256:", true},
	} {
		dir := writeLayout(t, img, "x")
		blob := filepath.Join(dir, "blobs/sha256", digest.Hex)
		raw, err := os.ReadFile(blob)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(blob)
		if raw = test.change(raw); raw != nil {
			if err := os.WriteFile(blob, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, source := range []string{"oci:" + dir, "oci-archive:" + writeTar(t, dir)} {
			for _, opt := range []Options{{Present: true}, {Deep: true}, {Present: true, Trailers: true}} {
				// The store knows the layer, and so does the whole image beside it.
				inv := runWithStore(t, kept, []string{whole, source}, opt)
				want := test.reason
				if test.deep && !opt.Deep {
					want = ""
				}
				if len(inv.Unscanned) > 1 || (len(inv.Unscanned) == 1) != (want != "") || want != "" && (!strings.Contains(inv.Unscanned[0].Reason, want) || string(inv.Unscanned[0].Digest) != digest.String()) {
					t.Errorf("%s, %s, deep %v: %v, want %q", name, source, opt.Deep, inv.Unscanned, want)
				}
			}
		}
	}
	// What is only looked up, without a rule to pass, is told by its manifest.
	if inv := runWithStore(t, kept, []string{whole}, Options{}); len(inv.Unscanned) > 0 {
		t.Errorf("%v", inv.Unscanned)
	}
}

// TestManifestsAlone: a layout that holds no layer at all is taken at its manifests' word
// where that is asked for, with a doubt; one that lacks a single layer is not. An Inventory
// that was made before, or of a layout that was broken since, is looked through again, and
// taken at its word only where it says itself that it is of such a recording.
func TestManifestsAlone(t *testing.T) {
	img := realImage(t)
	all, _ := img.Layers()
	if len(all) < 2 {
		t.Fatalf("the image has %d layers", len(all))
	}
	opt := Options{Present: true, ManifestsAlone: true}
	for gone := range len(all) + 1 {
		dir := writeLayout(t, img, "x")
		source := "oci:" + dir
		before := runWithStore(t, t.TempDir(), []string{source}, opt)
		if len(before.Unscanned)+len(before.Doubts) > 0 {
			t.Fatalf("a whole image: %v, %q", before.Unscanned, before.Doubts)
		}
		for _, l := range all[:gone] {
			digest, _ := l.Digest()
			os.Remove(filepath.Join(dir, "blobs/sha256", digest.Hex))
		}
		now := runWithStore(t, t.TempDir(), []string{source}, opt)
		isKnown, err := before.Look(t.Context(), 0, Options{})
		if err != nil || !isKnown {
			t.Fatalf("%v, %v", isKnown, err)
		}
		again := runWithStore(t, t.TempDir(), []string{source}, opt)
		if isKnown, err := again.Look(t.Context(), 0, Options{}); err != nil || !isKnown || len(again.Unscanned) != len(now.Unscanned) || len(again.Doubts) != len(now.Doubts) {
			t.Errorf("%d of %d gone, looked through twice: %v, %v, %v, %q", gone, len(all), isKnown, err, again.Unscanned, again.Doubts)
		}
		for name, inv := range map[string]*Inventory{"resolved": now, "looked through": before} {
			isRecording := gone == len(all) && name == "resolved"
			isTold := slices.ContainsFunc(inv.Doubts, func(doubt string) bool {
				return strings.Contains(doubt, "holds manifests alone") && inv.IsAbout(doubt, 0)
			})
			want := gone
			if isRecording {
				want = 0
			}
			if len(inv.Unscanned) != want || isTold != isRecording {
				t.Errorf("%s, %d of %d gone: %v, %q", name, gone, len(all), inv.Unscanned, inv.Doubts)
			}
			for _, u := range inv.Unscanned {
				if !u.Absent {
					t.Errorf("%s: %v", name, u)
				}
			}
		}
		os.RemoveAll(dir)
		if isKnown, err := now.Look(t.Context(), 0, Options{}); err != nil || isKnown {
			t.Errorf("a layout that is gone: %v, %v", isKnown, err)
		}
	}
}

// TestNoRecording: where one layer is all that is missing, or another image of the layout
// has one, it was lost. A single layer of a recording of more is none.
func TestNoRecording(t *testing.T) {
	opt := Options{Present: true, ManifestsAlone: true}
	check := func(name, reference string, missing int) {
		t.Helper()
		inv := runWithStore(t, t.TempDir(), []string{reference}, opt)
		if len(inv.Images) != 1 || len(inv.Unscanned) != missing || (len(inv.Doubts) > 0) != (missing == 0) {
			t.Errorf("%s: %d images, %v, %q, want %d missing", name, len(inv.Images), inv.Unscanned, inv.Doubts, missing)
		}
	}
	drop := func(dir string, images ...v1.Image) {
		for _, img := range images {
			all, _ := img.Layers()
			for _, l := range all {
				digest, _ := l.Digest()
				os.Remove(filepath.Join(dir, "blobs/sha256", digest.Hex))
			}
		}
	}
	one, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	alone := writeLayout(t, one, "one")
	drop(alone, one)
	check("one layer", "oci:"+alone, 1)

	both := writeLayout(t, one, "one")
	to, err := layout.FromPath(both)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.AppendImage(two, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "two"})); err != nil {
		t.Fatal(err)
	}
	drop(both, two)
	check("both layers, and another image has its own", "oci:"+both+":two", 2)
	drop(both, one)
	check("no layer of any image", "oci:"+both+":two", 0)
	check("one layer of those", "oci:"+both+":one", 0)
}

// TestPresentServed: a layout that is served under a registry's name, or that of its alias,
// is looked through as any other; a registry that only has the same blob is not.
func TestPresentServed(t *testing.T) {
	img := realImage(t)
	all, _ := img.Layers()
	digest, _ := all[0].Digest()
	dir := writeLayout(t, img, "registry.example.com/team/app:1")
	handler, err := registry.Handler("registry.example.com", os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	server, err := registry.Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	served := map[string]string{"registry.example.com": server.Addr}
	check := func(name, reference string, opt Options, want string) {
		t.Helper()
		opt.Registries = served
		inv := runWithStore(t, t.TempDir(), []string{reference}, opt)
		if len(inv.Images) != 1 || (len(inv.Unscanned) == 1) != (want != "") || want != "" && !strings.Contains(inv.Unscanned[0].Reason, want) {
			t.Errorf("%s: %d images, %v, want %q", name, len(inv.Images), inv.Unscanned, want)
		}
	}
	layouts := map[string]string{"registry.example.com": dir}
	check("whole", "registry.example.com/team/app:1", Options{Present: true, Layouts: layouts}, "")
	if err := os.Remove(filepath.Join(dir, "blobs/sha256", digest.Hex)); err != nil {
		t.Fatal(err)
	}
	check("missing", "registry.example.com/team/app:1", Options{Present: true, Layouts: layouts}, "has no content of "+digest.String())
	check("alias", "mirror.example.com/team/app:1", Options{Present: true, Layouts: layouts, Aliases: map[string]string{"mirror.example.com": "registry.example.com"}}, "has no content of")
	check("not a layout of ours", "registry.example.com/team/app:1", Options{Present: true}, "")
	check("nothing to pass", "registry.example.com/team/app:1", Options{Layouts: layouts}, "")
}

// TestConfigOfEachSource: of two layouts with one manifest each must hold the image's
// configuration itself, whichever of them is looked at first.
func TestConfigOfEachSource(t *testing.T) {
	img := realImage(t)
	config, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	whole := "oci:" + writeLayout(t, img, "x")
	for name, change := range map[string]func([]byte) []byte{
		"missing": func([]byte) []byte { return nil },
		"altered": func(b []byte) []byte { return append([]byte{' '}, b...)[:len(b)] },
	} {
		dir := writeLayout(t, img, "x")
		file := filepath.Join(dir, "blobs/sha256", config.Hex)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		if raw = change(raw); raw != nil {
			if err := os.WriteFile(file, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 20 {
			references := []string{whole, "oci:" + dir}
			if i%2 == 1 {
				slices.Reverse(references)
			}
			inv, err := Resolve(t.Context(), references, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(inv.Images) != 1 || inv.Images[0].Reference != whole || len(inv.Unresolved) != 1 || inv.Unresolved[0].Reference != "oci:"+dir {
				t.Fatalf("%s, attempt %d: %d images, unresolved %v", name, i, len(inv.Images), inv.Unresolved)
			}
		}
	}
}
