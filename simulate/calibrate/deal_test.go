package calibrate

import (
	"slices"
	"testing"
)

// TestFoldBy: arms to which FoldBy gives one name are in one fold and one half, and it
// is told what they start; without it arms are dealt one by one.
func TestFoldBy(t *testing.T) {
	w := newWorld(t, 3)
	w.small(1)
	first := func(a Arm) string { return a.Images[0] }
	foldsOf := func(opt Options) map[string][]int {
		folds := make(map[string][]int)
		for _, c := range w.load(opt).cells {
			if !slices.Equal(c.public().Images, c.images) || len(c.images) == 0 {
				t.Fatalf("arm %s starts %q, and is said to start %q", c.arm, c.images, c.public().Images)
			}
			if name := first(c.public()); !slices.Contains(folds[name], 10*c.fold+c.half) {
				folds[name] = append(folds[name], 10*c.fold+c.half)
			}
		}
		return folds
	}
	together, apart, used := foldsOf(Options{Seed: 1, FoldBy: first}), foldsOf(Options{Seed: 1}), map[int]bool{}
	several := 0
	for image, folds := range together {
		if len(folds) != 1 {
			t.Errorf("the arms of %s are in folds and halves %v", image, folds)
		}
		if used[folds[0]/10] = true; len(apart[image]) > 1 {
			several++
		}
	}
	if len(used) < 5 || several == 0 {
		t.Errorf("%d of 5 folds are used by %d images; without FoldBy %d images are in several", len(used), len(together), several)
	}
}
