package simulate

import (
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// segmentation cuts the images into segments: chains that follow each other and
// are in the same images, so that a node needs all of one or none. What a node has
// is kept by segment, most images being one or two.
type segmentation struct {
	segments []segmentFacts
	// segmentsOf are those of each image.
	segmentsOf [][]int32
	// chainPlaces and layerPlaces are where each of them stands. A layer that lies
	// above different chains in different images has a segment of its own.
	chainPlaces, layerPlaces []place
}

// segmentFacts are the chains of a segment and their top layers, by bit; blobs has
// the bits of the layers whose place is here.
type segmentFacts struct {
	chains, layers []int32
	blobs          uint32
}

// place is a segment and a bit in it.
type place uint32

const segmentBits = 5 // of a bit's number: a segment has as many chains as a word has bits

func placeOf(segment int32, bit int) place { return place(segment)<<segmentBits | place(bit) }

func (p place) segment() int32 { return int32(p >> segmentBits) }

func (p place) mask() uint32 { return 1 << (p & (1<<segmentBits - 1)) }

func newSegmentation(inv *layers.Inventory, chains *layers.Chains) segmentation {
	s := segmentation{
		segmentsOf:  make([][]int32, len(inv.Images)),
		chainPlaces: make([]place, len(chains.Parents)), layerPlaces: make([]place, len(inv.Layers)),
	}
	inImages := make([]int, len(chains.Parents)) // how many have the chain
	above := make([]int, len(inv.Layers))        // how many chains end with the layer
	for i := range inv.Images {
		for j, c := range chains.Images[i] {
			if inImages[c]++; inImages[c] == 1 {
				above[inv.Images[i].Layers[j]]++
			}
		}
	}
	known, own := make([]bool, len(chains.Parents)), make([]int32, len(inv.Layers))
	for i := range inv.Images {
		below := -1
		for j, c := range chains.Images[i] {
			layer := inv.Images[i].Layers[j]
			if !known[c] {
				known[c] = true
				s.chainPlaces[c] = s.next(below >= 0 && inImages[below] == inImages[c], below)
				f := &s.segments[s.chainPlaces[c].segment()]
				f.chains, f.layers = append(f.chains, int32(c)), append(f.layers, int32(layer))
				if above[layer] == 1 {
					s.layerPlaces[layer] = s.chainPlaces[c]
					f.blobs |= s.layerPlaces[layer].mask()
				} else if own[layer] == 0 {
					s.segments = append(s.segments, segmentFacts{layers: []int32{int32(layer)}, blobs: 1})
					own[layer] = int32(len(s.segments))
					s.layerPlaces[layer] = placeOf(own[layer]-1, 0)
				}
			}
			below = c
			for _, id := range [2]int32{s.chainPlaces[c].segment(), s.layerPlaces[layer].segment()} {
				if !slices.Contains(s.segmentsOf[i], id) {
					s.segmentsOf[i] = append(s.segmentsOf[i], id)
				}
			}
		}
	}
	return s
}

// next is the place of a chain in the segment of the one below it, if it belongs
// there and that has room, else in a new one.
func (s *segmentation) next(belongs bool, below int) place {
	if belongs {
		id := s.chainPlaces[below].segment()
		if n := len(s.segments[id].chains); n < 1<<segmentBits {
			return placeOf(id, n)
		}
	}
	s.segments = append(s.segments, segmentFacts{})
	return placeOf(int32(len(s.segments)-1), 0)
}

// portion is what a node has of a segment: its chains unpacked, and its layers as
// blobs.
type portion struct{ chains, blobs holding }

// holding says by bits which are present, unpacked or stored, and which are
// claimed, about to be by a pull; refs counts the images and pulls that need them.
// Images and pulls have numbers of 31 bits, so that refs cannot overflow.
type holding struct{ present, claimed, refs uint32 }

// The states of a chain or a blob.
const (
	absent = iota
	present
	claimed
)

func (h *holding) state(bit uint32) uint8 {
	switch {
	case h.present&bit != 0:
		return present
	case h.claimed&bit != 0:
		return claimed
	}
	return absent
}

// set makes a bit present; false where it was.
func (h *holding) set(bit uint32) bool {
	was := h.present & bit
	h.claimed &^= bit
	h.present |= bit
	return was == 0
}

// need counts so many more that need it, or less, and returns what goes since
// nobody needs it any more.
func (h *holding) need(by int) (gone uint32) {
	if h.refs = uint32(int(h.refs) + by); h.refs > 0 {
		return 0
	}
	gone, h.present = h.present, 0
	return gone
}
