package export

import (
	"path/filepath"
	"testing"

	"github.com/cachebench/cachebench/internal/golden"
)

// TestGolden holds every format to a file that was read in review.
func TestGolden(t *testing.T) {
	for _, d := range Formats() {
		in := shop()
		if d.Format == ImageListGKE || d.Format == ImageListCtr {
			in.Plan.Caches = nil // the pool's
		}
		got := render(t, d.Format, in, Options{Caches: CacheOptions{RetentionDays: 30, Reuse: true}})
		golden.Equal(t, filepath.Join("testdata", "golden", string(d.Format)+".txt"), got)
		if again := render(t, d.Format, in, Options{Caches: CacheOptions{RetentionDays: 30, Reuse: true}}); string(again) != string(got) {
			t.Errorf("%s: the same plan gives other bytes", d.Format)
		}
	}
	placeholders := shop()
	placeholders.Existing = placeholders.Existing[1:2]
	placeholders.Plan.Assignments = placeholders.Plan.Assignments[:3]
	got := render(t, PodPatches, placeholders, Options{Patches: PatchOptions{AllowPlaceholders: true}})
	golden.Equal(t, filepath.Join("testdata", "golden", "pod-patches-placeholders.txt"), got)
}

// TestFormats: every format is described, and found by its name.
func TestFormats(t *testing.T) {
	for _, d := range Formats() {
		if f, err := ParseFormat(string(d.Format)); err != nil || f != d.Format || d.About == "" {
			t.Errorf("%s: %q, %v", d.Format, f, err)
		}
	}
	if _, err := ParseFormat("helm"); err == nil {
		t.Error("helm is a format")
	}
	if _, err := Render("helm", shop(), Options{}); err == nil {
		t.Error("helm is rendered")
	}
}
