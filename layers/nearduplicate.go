package layers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Why layers could be one (NearDuplicate.Kind).
const (
	// Recompressed layers are the same tar under other digests.
	Recompressed = "recompressed"
	// OtherTimestamps layers have the same files but for their timestamps. Only a
	// scan tells.
	OtherTimestamps = "otherTimestamps"
	// SameStep layers were made by the same build step and are of much the same
	// size. That is weak evidence: they may hold other things for good reason.
	SameStep = "sameStep"
	// OtherParent layers are the same tar on other layers below.
	OtherParent = "otherParent"
)

// NearDuplicate is a group of layers that could be one. A layer is in at most
// one group of each kind. What the groups of the first three kinds save may be
// added: a group of a later kind counts the layers of one of an earlier kind
// as one.
type NearDuplicate struct {
	Kind string `json:"kind" document:"enum=recompressed|otherTimestamps|sameStep|otherParent"`
	// Hint is what to do about it.
	Hint string `json:"hint"`
	// Layers are positions in SharedSet.Layers, Images positions in
	// SharedSet.Images, of all images that have any of the layers.
	Layers []int `json:"layers"`
	Images []int `json:"images"`
	// SavedCompressedBytes need not be stored and fetched any more if the layers
	// were one, the largest of them; 0 for other parents, which are fetched once
	// already.
	SavedCompressedBytes int64 `json:"savedCompressedBytes,omitempty"`
	// SavedUnpackedBytes need not be unpacked any more if the layers stood on the
	// same ones; known for other parents alone.
	SavedUnpackedBytes int64 `json:"savedUnpackedBytes,omitempty"`
	// Estimated says that a size behind these is estimated or unknown.
	Estimated bool `json:"estimated,omitempty"`
}

// sameSize is how much larger than the smallest layer of a group by step the
// largest may be: 10 %.
const sameSizePercent = 10

func hintOf(kind string) string {
	switch kind {
	case Recompressed:
		return "One tar was compressed more than once: push these images with one compressor and level, or reuse the blob that the registry has."
	case OtherTimestamps:
		return "Only timestamps differ: build with SOURCE_DATE_EPOCH set and BuildKit's rewrite-timestamp=true."
	case SameStep:
		return "May be one layer, built at other times or on other bases: build it once and use it as a base, pin versions, or build reproducibly (SOURCE_DATE_EPOCH, rewrite-timestamp=true)."
	}
	return "One layer stands on different ones and is unpacked for each: build these images on the same base, in the same order."
}

// nearDuplicates finds all groups. Each of the first three kinds looks at what
// the one before left: one layer of each of its groups.
func (f *family) nearDuplicates() []NearDuplicate {
	var list []NearDuplicate
	rest := f.merge(f.blobs, &list, Recompressed, func(l *Layer) string { return string(l.DiffID) })
	rest = f.merge(rest, &list, OtherTimestamps, func(l *Layer) string {
		if l.Scan == nil {
			return ""
		}
		return l.Scan.Fingerprint
	})
	f.sameSteps(rest, &list)
	f.otherParents(&list)
	slices.SortStableFunc(list, func(a, b NearDuplicate) int {
		return cmp.Or(cmp.Compare(b.SavedCompressedBytes, a.SavedCompressedBytes), cmp.Compare(b.SavedUnpackedBytes, a.SavedUnpackedBytes))
	})
	return list
}

// merge makes groups of layers that have the same key, and returns one layer of
// each, the largest. Layers with an empty key stay by themselves.
func (f *family) merge(layers []int, list *[]NearDuplicate, kind string, key func(*Layer) string) []int {
	groups, single := grouped(layers, func(l int) string { return key(&f.inv.Layers[l]) })
	for _, group := range groups {
		f.largestFirst(group)
		single = append(single, group[0])
		if len(group) > 1 {
			*list = append(*list, f.group(kind, group))
		}
	}
	return single
}

// sameSteps makes groups of layers made by the same step, of much the same size.
func (f *family) sameSteps(layers []int, list *[]NearDuplicate) {
	groups, _ := grouped(layers, func(l int) string {
		if s := step(f.inv.Layers[l].CreatedBy); telling(s) {
			return s
		}
		return ""
	})
	for _, group := range groups {
		f.largestFirst(group)
		for len(group) > 0 {
			n, largest := 1, f.inv.Layers[group[0]].CompressedBytes
			for n < len(group) && 100*largest <= (100+sameSizePercent)*f.inv.Layers[group[n]].CompressedBytes {
				n++
			}
			if n > 1 && !f.inOneImage(group[:n]) {
				*list = append(*list, f.group(SameStep, group[:n]))
			}
			group = group[n:]
		}
	}
}

// grouped puts items of the same key together, in the order of the first of
// each; those with an empty key are returned apart.
func grouped(items []int, key func(int) string) (groups [][]int, rest []int) {
	at := make(map[string]int)
	for _, item := range items {
		k := key(item)
		if k == "" {
			rest = append(rest, item)
			continue
		}
		if _, ok := at[k]; !ok {
			at[k] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[k]] = append(groups[at[k]], item)
	}
	return groups, rest
}

func (f *family) largestFirst(layers []int) {
	slices.SortFunc(layers, func(a, b int) int { return cmp.Compare(f.place[a], f.place[b]) })
}

// inOneImage says whether any image has all the layers: then they are steps of
// one build, not the same step of several.
func (f *family) inOneImage(layers []int) bool {
	for _, i := range f.holders[layers[0]] {
		if !slices.ContainsFunc(layers, func(l int) bool { return !slices.Contains(f.distinct[i], l) }) {
			return true
		}
	}
	return false
}

// group describes layers, the largest first, that could be one blob.
func (f *family) group(kind string, layers []int) NearDuplicate {
	n := NearDuplicate{Kind: kind, Hint: hintOf(kind)}
	for i, l := range layers {
		n.Layers = append(n.Layers, f.place[l])
		if i > 0 {
			n.SavedCompressedBytes += f.inv.Layers[l].CompressedBytes
		}
		n.Estimated = n.Estimated || f.inv.Layers[l].CompressedSource == Estimated
		for _, image := range f.holders[l] {
			n.Images = append(n.Images, int(image))
		}
	}
	slices.Sort(n.Images)
	n.Images = slices.Compact(n.Images)
	return n
}

// otherParents makes groups of tars that stand on more chains than any one
// image needs, those of the same images together: where a base differs, all the
// layers above are unpacked again.
func (f *family) otherParents(list *[]NearDuplicate) {
	stacks, order := f.stacks()
	var groups []NearDuplicate
	at := make(map[string]int)
	for _, diffID := range order {
		s := stacks[diffID]
		again := len(s.chains) - s.needed
		if again == 0 {
			continue
		}
		slices.Sort(s.layers)
		s.layers = slices.Compact(s.layers)
		n := f.group(OtherParent, s.layers)
		top := f.layerOf(s.chains[0])
		n.SavedCompressedBytes, n.SavedUnpackedBytes = 0, int64(again)*top.unpacked()
		n.Estimated = top.doubt() > 0
		key := strings.Trim(fmt.Sprint(n.Images), "[]")
		if first, ok := at[key]; ok {
			groups[first].join(n)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, n)
	}
	*list = append(*list, groups...)
}

func (n *NearDuplicate) join(m NearDuplicate) {
	n.Layers = append(n.Layers, m.Layers...)
	slices.Sort(n.Layers)
	n.Layers = slices.Compact(n.Layers)
	n.SavedUnpackedBytes += m.SavedUnpackedBytes
	n.Estimated = n.Estimated || m.Estimated
}

// stack is where one tar stands.
type stack struct {
	// layers are its blobs, in any order, chains the distinct chains that it tops.
	layers, chains []int
	// needed is the most chains of it in one image: more than 1 where the image
	// has the tar twice.
	needed int
}

// stacks finds where each tar stands, and lists them in order of first sight.
func (f *family) stacks() (map[Digest]*stack, []Digest) {
	stacks, seen := make(map[Digest]*stack), make([]bool, len(f.uses))
	var order []Digest
	for i, image := range f.images {
		inImage := make(map[Digest]int)
		for j, c := range f.path(i) {
			diffID := f.chains.DiffIDs[c]
			s, ok := stacks[diffID]
			if !ok {
				s = &stack{}
				stacks[diffID], order = s, append(order, diffID)
			}
			inImage[diffID]++
			s.needed = max(s.needed, inImage[diffID])
			s.layers = append(s.layers, f.inv.Images[image].Layers[j])
			if !seen[c] {
				seen[c] = true
				s.chains = append(s.chains, c)
			}
		}
	}
	return stacks, order
}
