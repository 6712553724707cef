package segment

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// inventory has one image for each list of layers' names.
func inventory(images ...[]string) *layers.Inventory {
	inv, known := &layers.Inventory{}, map[string]int{}
	for i, names := range images {
		img := layers.Image{Digest: layers.Digest(fmt.Sprint("image", i))}
		for _, name := range names {
			id, ok := known[name]
			if !ok {
				id = len(inv.Layers)
				known[name] = id
				inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(name), DiffID: layers.Digest(name)})
			}
			img.Layers = append(img.Layers, id)
		}
		inv.Images = append(inv.Images, img)
	}
	return inv
}

// TestSegments: two images on a base of two layers and one without it, in which
// the layer x comes again, above another chain.
func TestSegments(t *testing.T) {
	inv := inventory([]string{"base", "libs", "x", "app"}, []string{"base", "libs", "other"}, []string{"x"})
	got := fmt.Sprint(Of(inv, inv.Chains()).All)
	// Chains 0 to 5 are base, libs, x on them, app, other, x alone; layers 0 to 4
	// are base, libs, x, app, other.
	want := fmt.Sprint([]Segment{
		{Chains: []int32{0, 1}, Layers: []int32{0, 1}, Blobs: 0b11},
		{Chains: []int32{2, 3}, Layers: []int32{2, 3}, Blobs: 0b10},
		{Layers: []int32{2}, Blobs: 1},
		{Chains: []int32{4}, Layers: []int32{4}, Blobs: 1},
		{Chains: []int32{5}, Layers: []int32{2}},
	})
	if got != want {
		t.Errorf("segments\n%s, want\n%s", got, want)
	}
}

// TestSegmentsCover: an image's segments have its chains and its layers, all of
// them and no other.
func TestSegmentsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		images := rapid.SliceOfN(rapid.SliceOfN(name, 0, 70), 1, 6).Draw(t, "images")
		inv := inventory(images...)
		chains := inv.Chains()
		s := Of(inv, chains)
		for i := range inv.Images {
			var gotChains, gotLayers []int
			for _, id := range s.OfImage[i] {
				seg := &s.All[id]
				if bits.OnesCount32(seg.AllChains()) != len(seg.Chains) || len(seg.Chains) > 32 {
					t.Fatalf("segment %+v has bits %b", seg, seg.AllChains())
				}
				for k, l := range seg.Layers {
					if seg.Blobs&(1<<k) != 0 {
						gotLayers = append(gotLayers, int(l))
						if p := s.Layers[l]; p.Segment() != id || p.Bit() != 1<<k {
							t.Fatalf("layer %d is at %d, bit %b", l, p.Segment(), p.Bit())
						}
					}
				}
				for k, c := range seg.Chains {
					gotChains = append(gotChains, int(c))
					if p := s.Chains[c]; p.Segment() != id || p.Bit() != 1<<k {
						t.Fatalf("chain %d is at %d, bit %b", c, p.Segment(), p.Bit())
					}
				}
			}
			if !equal(gotChains, chains.Images[i]) || !equal(gotLayers, slices.Compact(slices.Sorted(slices.Values(inv.Images[i].Layers)))) {
				t.Fatalf("image %d has chains %v and layers %v in its segments, and is %v of %v", i, gotChains, gotLayers, chains.Images[i], inv.Images[i].Layers)
			}
		}
	})
}

func equal(got, want []int) bool {
	return slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}
