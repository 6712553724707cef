package matcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// fewest is by trying everything: each group in each set begun so far, or in one
// of its own. It shares no code with what it checks.
func fewest(groups [][]string) int {
	best := len(groups)
	var sets []map[string]int
	var try func(k int)
	try = func(k int) {
		if k == len(groups) {
			best = min(best, len(sets))
			return
		}
		for i := 0; i <= len(sets) && i < best; i++ {
			if i == len(sets) {
				sets = append(sets, map[string]int{})
			}
			for _, ref := range groups[k] {
				sets[i][ref]++
			}
			if len(sets[i]) <= 20 {
				try(k + 1)
			}
			for _, ref := range groups[k] {
				if sets[i][ref]--; sets[i][ref] == 0 {
					delete(sets[i], ref)
				}
			}
			if len(sets) > 0 && len(sets[len(sets)-1]) == 0 {
				sets = sets[:len(sets)-1]
				break
			}
		}
	}
	try(0)
	return best
}

// TestFewestByHand: groups that filling one cache after another puts in one more
// than needed, and groups that overlap. (The brute force is held to these too.)
func TestFewestByHand(t *testing.T) {
	inv, refs := family(4, 30)
	cut := func(sizes ...int) (groups [][]string) {
		left := refs
		for _, n := range sizes {
			groups, left = append(groups, left[:n]), left[n:]
		}
		return groups
	}
	for _, test := range []struct {
		name   string
		groups [][]string
		want   int
	}{
		{"60 images in 3: 12+8, 9+6+5, 8+7+5", cut(5, 5, 9, 8, 12, 6, 7, 8), 3},
		{"no two fit together", cut(11, 11, 11), 3},
		{"12+8 twice", cut(12, 8, 12, 8), 2},
		{"overlap makes room: 15 and 15 with 10 in common are 20", [][]string{refs[:15], refs[5:20]}, 1},
		{"15 and 15 with 9 in common are 21", [][]string{refs[:15], refs[6:21]}, 2},
	} {
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		if got := len(m.split(test.groups)); got != test.want {
			t.Errorf("%s: %d sets, want %d", test.name, got, test.want)
		}
		if got := fewest(test.groups); got != test.want {
			t.Errorf("%s: the brute force says %d, want %d", test.name, got, test.want)
		}
	}
}

// TestFewest, on random groups that may overlap: no split has fewer sets.
func TestFewest(t *testing.T) {
	inv, refs := family(4, 12)
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.SliceOfN(rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 14, rapid.ID[string]), 1, 7).Draw(t, "groups")
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		if got, want := len(m.split(groups)), fewest(groups); got != want {
			t.Fatalf("%d sets, want %d", got, want)
		}
	})
}

// TestFewestApart is TestFewest for groups without an image in common, where
// filling one set after another falls short in about 1 of 70.
func TestFewestApart(t *testing.T) {
	inv, refs := family(4, 30)
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		var groups [][]string
		for left := refs; len(groups) < 8; {
			n := min(1+r.IntN(14), len(left))
			if n == 0 {
				break
			}
			groups, left = append(groups, slices.Clone(left[:n])), left[n:]
		}
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		if got, want := len(m.split(groups)), fewest(groups); got != want {
			t.Fatalf("%v: %d sets, want %d", groups, got, want)
		}
	}
}

// TestSharingSplitIsSmaller: sets made by what images share have fewer bytes than
// the same images cut in the order given.
func TestSharingSplitIsSmaller(t *testing.T) {
	inv, refs := family(5, 20)
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	bytes := func(sets [][]string) (total int64) {
		for _, set := range sets {
			total += m.overlap(m.images(set), store{}).CompressedBytes
		}
		return total
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		r.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		var single, cut [][]string
		for _, ref := range refs {
			single = append(single, []string{ref})
		}
		cut = slices.Collect(slices.Chunk(refs, MaxCacheImages))
		// 5 bases of 100 bytes and 100 images of 1, each base once.
		if got := bytes(m.split(single)); got != 600 || bytes(cut) <= got {
			t.Fatalf("%d bytes by what is shared, want 600; %d in the order %s", got, bytes(cut), fmt.Sprint(refs))
		}
	}
}
