package matcher

import (
	"cmp"
	"slices"
	"strings"
)

// packingSteps bounds the search for fewer sets, of any number, by the looks at a
// set: well below a second.
const packingSteps = 200_000

// packing is a search for a given number of sets that hold all parts.
type packing struct {
	m     *Matcher
	parts []part
	sets  []packedSet
	// steps are those left.
	steps *int
}

// packedSet counts, for each image and layer in it, the parts that have it.
type packedSet struct {
	images map[string]int
	layers map[int]int
}

// pack puts the parts in n sets of at most MaxCacheImages images; nil where that
// cannot be, or is not found within the steps, which it takes from.
func (m *Matcher) pack(parts []part, n int, steps *int) [][]string {
	p := &packing{m: m, parts: slices.Clone(parts), sets: make([]packedSet, n), steps: steps}
	for i := range p.sets {
		p.sets[i] = packedSet{make(map[string]int), make(map[int]int)}
	}
	// Large ones first: what cannot be is then found early.
	slices.SortStableFunc(p.parts, func(x, y part) int { return cmp.Compare(len(y.images), len(x.images)) })
	if !p.place(0) {
		return nil
	}
	var sets [][]string
	for _, s := range p.sets {
		var images []string
		for ref := range s.images {
			images = append(images, ref)
		}
		if len(images) > 0 {
			slices.Sort(images)
			sets = append(sets, images)
		}
	}
	slices.SortFunc(sets, func(x, y []string) int { return slices.CompareFunc(x, y, strings.Compare) })
	return sets
}

// place puts the parts from the k-th on, each where it shares most first.
func (p *packing) place(k int) bool {
	if k == len(p.parts) {
		return true
	}
	for _, i := range p.choices(k) {
		p.sets[i].count(&p.parts[k], 1)
		if p.place(k + 1) {
			return true
		}
		p.sets[i].count(&p.parts[k], -1)
	}
	return false
}

// choices are the sets that the k-th part fits in, those that share most bytes
// with it first. Of empty sets one is enough; and one that has all its images
// already costs nothing, so that no other needs a try.
func (p *packing) choices(k int) []int {
	part := &p.parts[k]
	var choices []int
	shared := make(map[int]int64)
	for i, s := range p.sets {
		if *p.steps <= 0 {
			return nil
		}
		*p.steps--
		more := 0
		for _, ref := range part.images {
			if s.images[ref] == 0 {
				more++
			}
		}
		if more == 0 {
			return []int{i}
		}
		if len(s.images)+more > MaxCacheImages {
			continue
		}
		choices = append(choices, i)
		if len(s.images) == 0 {
			break
		}
		for _, l := range part.layers {
			if s.layers[l] > 0 {
				shared[i] += p.m.inv.Layers[l].CompressedBytes
			}
		}
	}
	slices.SortStableFunc(choices, func(x, y int) int { return cmp.Compare(shared[y], shared[x]) })
	return choices
}

// count adds the part to the set, or with -1 takes it out again.
func (s packedSet) count(p *part, by int) {
	for _, ref := range p.images {
		if s.images[ref] += by; s.images[ref] == 0 {
			delete(s.images, ref)
		}
	}
	for _, l := range p.layers {
		s.layers[l] += by
	}
}
