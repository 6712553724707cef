package matcher

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// scan is the plain answer: every cache's set is compared with the image's.
func scan(sizes []int64, caches [][]uint32, image []uint32) Best {
	best := Best{Cache: -1}
	for i, held := range caches {
		var shared int64
		for _, l := range image {
			if slices.Contains(held, l) {
				shared += sizes[l]
			}
		}
		if shared > best.SharedBytes {
			best = Best{i, shared}
		}
	}
	return best
}

// TestIndexAgainstScan: on random sets, nested or not, with ties, empty caches,
// layers without bytes and layers that no cache holds, and after any history of
// caches added and removed, the Index answers as the plain scan does.
func TestIndexAgainstScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layerCount := rapid.SampledFrom([]int{3, 12, 200}).Draw(t, "layers")
		sizes := make([]int64, layerCount)
		digests := make([]layers.Digest, layerCount)
		for l := range sizes {
			sizes[l] = rapid.SampledFrom([]int64{0, 1, 1, 2, 4, 1 << 40}).Draw(t, "size")
			digests[l] = layers.Digest(fmt.Sprintf("sha256:%064x", l))
		}
		set := rapid.SliceOfNDistinct(rapid.Uint32Range(0, uint32(layerCount-1)), 0, layerCount, rapid.ID[uint32])
		caches := rapid.SliceOfN(set, 0, 80).Draw(t, "caches")
		x := NewIndex(sizes, digests, caches)
		check := func() {
			s := x.Search()
			for range 4 {
				image := set.Draw(t, "image")
				if got, want := s.Best(image), scan(sizes, caches, image); got != want {
					t.Fatalf("image %v: got %v, want %v", image, got, want)
				}
			}
			for _, held := range caches {
				for _, l := range held {
					if id, ok := x.Layer(digests[l]); !ok || id != l {
						t.Fatalf("digest of layer %d gives %d %v", l, id, ok)
					}
				}
			}
		}
		check()
		for range rapid.IntRange(0, 10).Draw(t, "changes") {
			if len(caches) > 0 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(caches)-1).Draw(t, "which")
				x.Remove(i)
				caches[i] = nil
			} else {
				held := set.Draw(t, "added")
				if i := x.Add(sizes, digests, held); i != len(caches) {
					t.Fatalf("added as %d, want %d", i, len(caches))
				}
				caches = append(caches, held)
			}
			check()
		}
	})
}

// TestSearchAllocatesNothing, once its space has grown to the images.
func TestSearchAllocatesNothing(t *testing.T) {
	f := newFleet(fleetShape{images: 300, caches: 100, imagesPerCache: 6, zipf: 1})
	s := NewIndex(f.sizes, nil, f.caches).Search()
	found := 0
	allocations := testing.AllocsPerRun(10, func() {
		for _, image := range f.images {
			if s.Best(image).Cache >= 0 {
				found++
			}
		}
	})
	if allocations != 0 || found == 0 {
		t.Errorf("%v allocations in searches that found %d", allocations, found)
	}
}

// TestBestOfAll: together or one by one, the answers are the same; also for
// images that are alike up to a layer, shorter ones, and empty ones.
func TestBestOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := []int64{1, 2, 4, 8, 16, 32}
		set := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 5), 0, 6, rapid.ID[uint32])
		caches := rapid.SliceOfN(set, 0, 6).Draw(t, "caches")
		images := rapid.SliceOfN(set, 0, 12).Draw(t, "images")
		answers := make([]Best, len(images))
		NewIndex(sizes, nil, caches).Search().BestOfAll(images, answers)
		for i, image := range images {
			if want := scan(sizes, caches, image); answers[i] != want {
				t.Fatalf("image %d %v: got %v, want %v", i, image, answers[i], want)
			}
		}
	})
}

// TestFirstCandidates: of many caches, a Match lists the first as the order of
// all of them has it.
func TestFirstCandidates(t *testing.T) {
	f := newFleet(fleetShape{images: 60, caches: 400, imagesPerCache: 6, zipf: 1})
	inv, caches := f.named()
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	p := m.Picker(caches)
	cut := 0
	for _, g := range f.groups(inv, 50) {
		all, got := m.Rank(g, caches), p.Match(g)
		if got.MoreCandidates > 0 {
			cut++
		}
		for i, c := range got.Candidates {
			want := all[i]
			if c.CacheID != want.CacheID || c.PlacedBy != want.PlacedBy {
				t.Fatalf("group %v: candidate %d is %s by %s, want %s by %s", g.Images, i, c.CacheID, c.PlacedBy, want.CacheID, want.PlacedBy)
			}
		}
	}
	if cut == 0 {
		t.Error("no list was cut")
	}
}
