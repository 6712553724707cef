// Package segment cuts the images of an Inventory into segments: chains that follow
// each other and are in the same images, so that a node needs all of one or none.
// Most images are one or two.
package segment

import (
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// Segments are those of an Inventory.
type Segments struct {
	// All are the segments by number.
	All []Segment
	// OfImage are the numbers of each image's.
	OfImage [][]int32
	// Chains and Layers are where each chain, and each layer's blob, stands. A layer
	// that lies above different chains in different images has a segment of its own.
	Chains, Layers []Place
}

// Segment has up to 32 chains.
type Segment struct {
	// Chains and Layers are the chains and their top layers, by bit; where Chains is
	// empty the segment is a layer's own.
	Chains, Layers []int32
	// Blobs has the bits of the layers whose place is here.
	Blobs uint32
}

// AllChains has the bits of all chains.
func (s *Segment) AllChains() uint32 { return uint32(1)<<len(s.Chains) - 1 }

// Place is a segment and a bit in it.
type Place uint32

const bitSize = 5 // bits of the number of a bit

func placeOf(segment, bit int) Place { return Place(segment<<bitSize | bit) }

// Segment is the number of the segment.
func (p Place) Segment() int32 { return int32(p >> bitSize) }

// Bit is a word with the place's bit alone.
func (p Place) Bit() uint32 { return 1 << (p & (1<<bitSize - 1)) }

// Of cuts the images of an Inventory, whose chains are given.
func Of(inv *layers.Inventory, chains *layers.Chains) *Segments {
	b := builder{inv: inv, chains: chains, imagesOf: make([]int, len(chains.Parents)), chainsOf: make([]int, len(inv.Layers))}
	for i := range inv.Images {
		for j, c := range chains.Images[i] {
			if b.imagesOf[c]++; b.imagesOf[c] == 1 {
				b.chainsOf[inv.Images[i].Layers[j]]++
			}
		}
	}
	b.OfImage = make([][]int32, len(inv.Images))
	b.Chains, b.Layers = unplaced(len(chains.Parents)), unplaced(len(inv.Layers))
	for i := range inv.Images {
		for j, c := range chains.Images[i] {
			layer := inv.Images[i].Layers[j]
			if b.Chains[c] == nowhere {
				b.placeChain(c, layer)
			}
			if b.Layers[layer] == nowhere {
				b.Layers[layer] = placeOf(len(b.All), 0)
				b.All = append(b.All, Segment{Layers: []int32{int32(layer)}, Blobs: 1})
			}
			b.list(i, b.Chains[c].Segment())
			b.list(i, b.Layers[layer].Segment())
		}
	}
	return &b.Segments
}

const nowhere = ^Place(0)

func unplaced(n int) []Place { return slices.Repeat([]Place{nowhere}, n) }

type builder struct {
	Segments
	inv    *layers.Inventory
	chains *layers.Chains
	// imagesOf counts the images that have a chain, chainsOf the chains that end
	// with a layer.
	imagesOf, chainsOf []int
}

// placeChain puts a chain into the segment of the one below it, if both are in the
// same images and that has room, else into a new one.
func (b *builder) placeChain(c, layer int) {
	id := len(b.All)
	if below := b.chains.Parents[c]; below >= 0 && b.imagesOf[below] == b.imagesOf[c] {
		if last := int(b.Chains[below].Segment()); len(b.All[last].Chains) < 1<<bitSize {
			id = last
		}
	}
	if id == len(b.All) {
		b.All = append(b.All, Segment{})
	}
	s := &b.All[id]
	b.Chains[c] = placeOf(id, len(s.Chains))
	s.Chains, s.Layers = append(s.Chains, int32(c)), append(s.Layers, int32(layer))
	if b.chainsOf[layer] == 1 {
		b.Layers[layer] = b.Chains[c]
		s.Blobs |= b.Layers[layer].Bit()
	}
}

func (b *builder) list(image int, segment int32) {
	if !slices.Contains(b.OfImage[image], segment) {
		b.OfImage[image] = append(b.OfImage[image], segment)
	}
}
