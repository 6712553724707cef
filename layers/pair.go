package layers

import (
	"cmp"
	"slices"
)

// SharedPair is what two images have in common.
type SharedPair struct {
	// A and B are positions in SharedSet.Images, A before B.
	A int `json:"a"`
	B int `json:"b"`
	// Shared is what both have: by digest the blobs that one download serves, by
	// chain what is unpacked once for both.
	Shared Amount `json:"shared"`
}

const (
	defaultMaxPairs = 1000
	defaultAllPairs = 100
)

// maxPairs is how many pairs of a set of images are listed.
func (opt SharingOptions) maxPairs(images int) int {
	all := cmp.Or(opt.AllPairs, defaultAllPairs)
	if images <= all {
		return images * (images - 1) / 2
	}
	return cmp.Or(opt.MaxPairs, defaultMaxPairs)
}

// match is a pair as it is ranked: its compressed bytes by digest, then its
// unpacked bytes by chain.
type match struct {
	a, b             int32
	digest, unpacked int64
}

func (m *match) compare(n *match) int {
	return cmp.Or(cmp.Compare(n.digest, m.digest), cmp.Compare(n.unpacked, m.unpacked), cmp.Compare(m.a, n.a), cmp.Compare(m.b, n.b))
}

// pairs returns the limit pairs of images that share most and the number of
// those that share anything. For each image it goes through the postings of its
// layers, so images that share nothing cost nothing, and it holds no more than
// one row of the matrix.
func (f *family) pairs(limit int) ([]SharedPair, int) {
	best := topMatches{limit: limit}
	rest := slices.Clone(f.holders)
	row := make([]struct {
		bytes int64
		blobs int32
	}, len(f.images))
	bottoms, total := f.bottoms(), 0
	for a := range f.images {
		for _, l := range f.distinct[a] {
			rest[l] = rest[l][1:]
			bytes := f.inv.Layers[l].CompressedBytes
			for _, b := range rest[l] {
				row[b].bytes += bytes
				row[b].blobs++
			}
		}
		for b := a + 1; b < len(row); b++ {
			if row[b].blobs == 0 && (bottoms[a] < 0 || bottoms[a] != bottoms[b]) {
				continue // images that share a chain share the lowest
			}
			total++
			if best.wants(row[b].bytes) {
				best.offer(match{int32(a), int32(b), row[b].bytes, f.commonChain(a, b).UnpackedBytes})
			}
			row[b].bytes, row[b].blobs = 0, 0
		}
	}
	var list []SharedPair
	for _, m := range best.sorted() {
		list = append(list, SharedPair{int(m.a), int(m.b), Amount{f.commonBlobs(int(m.a), int(m.b)), f.commonChain(int(m.a), int(m.b))}})
	}
	return list, total
}

// bottoms returns the lowest chain of each image, -1 where it has no layers.
func (f *family) bottoms() []int {
	list := make([]int, len(f.images))
	for i := range list {
		list[i] = -1
		if path := f.path(i); len(path) > 0 {
			list[i] = path[0]
		}
	}
	return list
}

func (f *family) commonChain(a, b int) Size {
	var s Size
	x, y := f.path(a), f.path(b)
	for j := 0; j < min(len(x), len(y)) && x[j] == y[j]; j++ {
		s.add(f.layerOf(x[j]))
	}
	return s
}

func (f *family) commonBlobs(a, b int) Size {
	var s Size
	for _, l := range f.distinct[a] {
		if slices.Contains(f.distinct[b], l) {
			s.add(&f.inv.Layers[l])
		}
	}
	return s
}

// topMatches keeps the best of many matches in a list of at most twice as many.
type topMatches struct {
	limit int
	list  []match
	// worst is the last match of the best limit ones so far; nil before there are
	// so many.
	worst *match
}

// wants says whether a match with so many bytes by digest may be among the best.
func (t *topMatches) wants(digest int64) bool {
	return t.limit > 0 && (t.worst == nil || digest >= t.worst.digest)
}

func (t *topMatches) offer(m match) {
	if t.worst != nil && m.compare(t.worst) > 0 {
		return
	}
	t.list = append(t.list, m)
	if len(t.list) >= 2*t.limit {
		t.list = t.sorted()
		worst := t.list[len(t.list)-1]
		t.worst = &worst
	}
}

func (t *topMatches) sorted() []match {
	slices.SortFunc(t.list, func(m, n match) int { return m.compare(&n) })
	return t.list[:min(len(t.list), t.limit)]
}
