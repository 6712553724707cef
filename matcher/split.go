package matcher

import (
	"cmp"
	"slices"
	"strings"
)

// part is a group of images that are to be in one cache, with their distinct
// layers.
type part struct {
	// images are in order of name.
	images []string
	layers []int
	// compressedBytes are of all the layers.
	compressedBytes int64
}

// split makes sets of at most MaxCacheImages images of the groups', each group in
// one set, those that share layers together. It fills one set after another; where
// that makes more sets than the number of images asks for, it searches for fewer.
// They are the fewest there can be for groups of one image each, and where the
// search ends (packingSteps), as with eight groups. Images are in each set in
// order of name.
func (m *Matcher) split(groups [][]string) [][]string {
	var sets [][]string
	parts := m.parts(groups)
	for left := parts; len(left) > 0; {
		var set []string
		set, left = m.fill(left)
		sets = append(sets, set)
	}
	distinct := len(joined(slices.Concat(groups...), nil))
	steps := packingSteps
	for n := (distinct + MaxCacheImages - 1) / MaxCacheImages; n < len(sets) && steps > 0; n++ {
		if fewer := m.pack(parts, n, &steps); fewer != nil {
			return fewer
		}
	}
	return sets
}

// parts are the groups without repeats, those with more images than a cache holds
// image by image; the ones with most bytes first.
func (m *Matcher) parts(groups [][]string) []part {
	var parts []part
	add := func(images []string) {
		p := part{images: images}
		for _, i := range m.images(images) {
			p.layers = append(p.layers, m.inv.Images[i].Layers...)
		}
		slices.Sort(p.layers)
		p.layers = slices.Compact(p.layers)
		for _, l := range p.layers {
			p.compressedBytes += m.inv.Layers[l].CompressedBytes
		}
		parts = append(parts, p)
	}
	for _, group := range groups {
		images := joined(group, nil)
		switch {
		case len(images) > MaxCacheImages:
			// It cannot be together: its images go where they share most.
			for i := range images {
				add(images[i : i+1])
			}
		case len(images) > 0:
			add(images)
		}
	}
	slices.SortFunc(parts, func(x, y part) int {
		return cmp.Or(cmp.Compare(y.compressedBytes, x.compressedBytes), slices.CompareFunc(x.images, y.images, strings.Compare))
	})
	return slices.CompactFunc(parts, func(x, y part) bool { return slices.Equal(x.images, y.images) })
}

// fill takes the first part, and then, as long as one fits, the one that shares
// most bytes with what is taken.
func (m *Matcher) fill(parts []part) (set []string, left []part) {
	taken := parts[0]
	set, left = taken.images, slices.Clone(parts[1:])
	s := &m.scratch
	s.begin(m)
	for {
		for _, l := range taken.layers {
			s.blob(l)
		}
		next, most := -1, int64(-1)
		for i := range left {
			if len(joined(set, left[i].images)) > MaxCacheImages {
				continue
			}
			if shared := m.marked(left[i].layers); shared > most {
				next, most = i, shared
			}
		}
		if next < 0 {
			return set, left
		}
		taken = left[next]
		set, left = joined(set, taken.images), slices.Delete(left, next, next+1)
	}
}

// marked are the compressed bytes of the layers that are marked as taken.
func (m *Matcher) marked(layers []int) int64 {
	var bytes int64
	for _, l := range layers {
		if m.scratch.heldBlob(l) {
			bytes += m.inv.Layers[l].CompressedBytes
		}
	}
	return bytes
}

// joined are the images of both, in order of name, each once.
func joined(x, y []string) []string {
	all := slices.Concat(x, y)
	slices.Sort(all)
	return slices.Compact(all)
}
