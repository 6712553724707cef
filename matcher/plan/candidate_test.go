package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// Sets are apps' own, unions of two that share layers, and larger ones; what a
// limit cuts off is said.
func TestCandidates(t *testing.T) {
	inv := inventory([]float64{4, 1, 1, 1, 9}, map[string][]int{
		"a": {0, 1}, "b": {0, 2}, "c": {0, 3}, "d": {4},
	})
	var apps []plan.App
	for _, ref := range []string{"a", "b", "c", "d"} {
		apps = append(apps, found(&workload.App{Name: "app-" + ref, Images: []string{ref}}))
	}
	p := problem(inv, apps...)
	p.Candidates = [][]string{{"d", "a", "d"}}
	_, images, sizes := plan.Candidates(p)
	// d shares nothing: it is alone but for what the caller gives.
	want := [][]string{{"a"}, {"a", "b"}, {"a", "b", "c"}, {"a", "c"}, {"a", "d"}, {"b"}, {"b", "c"}, {"c"}, {"d"}}
	if fmt.Sprint(images) != fmt.Sprint(want) {
		t.Errorf("considers %v, want %v", images, want)
	}
	if slices.Max(sizes) != 20 {
		t.Errorf("sizes %v, want 20 GiB for at most 14 GiB and headroom", sizes)
	}
	if got := choose(t, p); got.Candidates != len(want) || strings.Contains(got.LeftOut, "limit") {
		t.Errorf("%d candidates, left out: %s", got.Candidates, got.LeftOut)
	}
	p.MaxCandidates = 1
	if got := choose(t, p); got.Candidates != 6 || !strings.Contains(got.LeftOut, "3 unions beyond the limit of 1") {
		t.Errorf("%d candidates, left out: %s", got.Candidates, got.LeftOut)
	}
}

// The size is the smallest whole number of GiB that holds the layers, each once,
// and a tenth more: 19 GiB need 20.9.
func TestCandidateSize(t *testing.T) {
	for unpacked, want := range map[float64]float64{1: 20, 18: 20, 19: 21, 100: 110} {
		inv := inventory([]float64{unpacked}, map[string][]int{"a": {0}, "b": {0}})
		_, _, sizes := plan.Candidates(problem(inv, found(&workload.App{Name: "app", Images: []string{"a", "b"}})))
		if len(sizes) != 1 || sizes[0] != want {
			t.Errorf("%v GiB unpacked: %v GiB, want %v", unpacked, sizes, want)
		}
	}
}

// An unknown unpacked size is not 0: it is taken as twice the compressed one, and
// the plan says so.
func TestUnknownSizes(t *testing.T) {
	inv := inventory([]float64{30}, map[string][]int{"a": {0}})
	p := problem(inv, found(&workload.App{Name: "app", Images: []string{"a"}}))
	inv.Layers[0] = layers.Layer{Digest: inv.Layers[0].Digest, CompressedBytes: 15 * gib}
	p.Estimate = func(*workload.App, []string) plan.Estimate { return plan.Estimate{} }
	if _, _, sizes := plan.Candidates(p); sizes[0] != 33 {
		t.Errorf("15 GiB compressed: %v GiB, want 33", sizes)
	}
	got := choose(t, p)
	if !strings.Contains(strings.Join(got.Assumptions, " "), "unknown unpacked size count as 2 times") {
		t.Errorf("assumptions: %q", got.Assumptions)
	}
}

func TestTooManyImages(t *testing.T) {
	images := make(map[string][]int)
	app := &workload.App{Name: "app", StartsPerDay: 1}
	for i := range 21 {
		ref := fmt.Sprint("image", i)
		images[ref] = []int{0}
		app.Images = append(app.Images, ref)
	}
	p := problem(inventory([]float64{1}, images), found(app, nothing(1)))
	got := choose(t, p)
	if got.Verdict != plan.BuildNothing || !strings.Contains(got.LeftOut, "the sets of app, of more than 20 images") {
		t.Errorf("verdict %q, left out: %s", got.Verdict, got.LeftOut)
	}
	if !strings.Contains(got.Reason, "No candidate saves time") {
		t.Errorf("reason: %s", got.Reason)
	}
}
