package layers

import (
	"cmp"
	"slices"
)

// family are the distinct images of one platform, prepared for questions about
// what they have in common.
type family struct {
	inv      *Inventory
	platform string
	// images are positions in the Inventory; other lists of the family have one
	// entry for each of them. names are their further references.
	images []int
	names  [][]string
	// distinct are the image's layers, each once, base layer first.
	distinct [][]int
	// blobs are the layers that any image has; holders gives, for each layer of
	// the Inventory, the images of the family that have it, in order.
	blobs   []int
	holders [][]int32
	// place gives a layer's position in SharedSet.Layers.
	place map[int]int

	chains *Chains
	// uses counts, for each chain, the images of the family that have it; tops
	// gives the layer of the Inventory that stands for it.
	uses []int
	tops []int
}

// newFamily gathers the images of platform, all when it is empty.
func newFamily(inv *Inventory, chains *Chains, platform string) *family {
	f := &family{
		inv: inv, chains: chains, platform: platform,
		holders: make([][]int32, len(inv.Layers)), uses: make([]int, len(chains.Parents)), tops: make([]int, len(chains.Parents)),
	}
	known := make(map[Digest]int)
	for i := range inv.Images {
		img := &inv.Images[i]
		if platform != "" && img.Platform != platform {
			continue
		}
		if first, ok := known[img.Digest]; ok && img.Digest != "" && slices.Equal(img.Layers, inv.Images[f.images[first]].Layers) {
			f.addName(first, img.Reference)
			continue
		}
		known[img.Digest] = len(f.images)
		f.add(i)
	}
	return f
}

// addName notes a further name of an image; a tag that moved away and back is
// no further name.
func (f *family) addName(i int, reference string) {
	if reference != f.inv.Images[f.images[i]].Reference && !slices.Contains(f.names[i], reference) {
		f.names[i] = append(f.names[i], reference)
	}
}

func (f *family) add(image int) {
	i := len(f.images)
	f.images, f.names = append(f.images, image), append(f.names, nil)
	distinct := make([]int, 0, len(f.inv.Images[image].Layers))
	for j, l := range f.inv.Images[image].Layers {
		held := f.holders[l]
		if len(held) == 0 {
			f.blobs = append(f.blobs, l)
		}
		if len(held) == 0 || held[len(held)-1] != int32(i) {
			f.holders[l] = append(held, int32(i))
			distinct = append(distinct, l)
		}
		f.addChain(f.chains.Images[image][j], l)
	}
	f.distinct = append(f.distinct, distinct)
}

// addChain counts a chain. Of several blobs the one whose unpacked size is known
// best stands for it, of these the one with the least digest, so that the order
// of images does not matter.
func (f *family) addChain(c, layer int) {
	f.uses[c]++
	if f.uses[c] == 1 {
		f.tops[c] = layer
		return
	}
	old, new := &f.inv.Layers[f.tops[c]], &f.inv.Layers[layer]
	if cmp.Or(cmp.Compare(new.doubt(), old.doubt()), cmp.Compare(new.Digest, old.Digest)) < 0 {
		f.tops[c] = layer
	}
}

// doubt ranks how well the unpacked size is known, best first.
func (l *Layer) doubt() int {
	switch {
	case l.UnpackedBytes == nil:
		return 2
	case l.UnpackedSource == Estimated:
		return 1
	}
	return 0
}

// path returns the chains of the i-th image, base layer first.
func (f *family) path(i int) []int { return f.chains.Images[f.images[i]] }

// layerOf returns the layer that stands for a chain.
func (f *family) layerOf(chain int) *Layer { return &f.inv.Layers[f.tops[chain]] }
