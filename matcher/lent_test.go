package matcher

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLentAgainstOverlap, on random worlds: the quick count for many caches is what
// an Overlap has, though counts of one need must not disturb those of another.
func TestLentAgainstOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := randomWorld(t)
		m := New(inv, "", now, DefaultPolicy())
		some := func(label string) []int {
			return rapid.SliceOfN(rapid.IntRange(0, len(inv.Images)-1), 0, 4).Draw(t, label)
		}
		need := some("need")
		lending := m.lending(need)
		for range 3 {
			held := some("held")
			o := m.overlap(need, m.store(held))
			want := lent{o.ByDigest.PresentLayers, o.ByChain.PresentLayers, o.ByDigest.PresentBytes, o.UnpackedBytes - o.ByChain.UnpackBytes}
			if got := lending.of(held); got != want {
				t.Fatalf("%v spare %v %+v, want %+v", held, need, got, want)
			}
		}
	})
}

// TestServiceRepeatsItself: a reply that names a cache twice is in another order
// than ours, not the end of the comparison.
func TestServiceRepeatsItself(t *testing.T) {
	answers := []ServiceAnswer{{Images: []string{"r.example/a:1"}, CacheIDs: []string{"x", "x"}}}
	r := CompareService(answers, []Cache{cache("x", 30, 0, "a:1")}, DefaultPolicy(), now, func(p Policy, at time.Time) *Matcher {
		return New(world(), "linux/amd64", at, p)
	})
	if got := r.Compared[0]; got.Difference != OtherOrder || got.Position != 2 {
		t.Errorf("difference %q at %d, want %q at 2", got.Difference, got.Position, OtherOrder)
	}
}
