package matcher

import (
	"cmp"

	"github.com/cachebench/cachebench/layers"
)

// How near an image's nearest base is.
const (
	// WholeBase: all layers of the base are the image's lowest ones. It is the
	// deepest such image, so the largest named base that layers.Sharing recognises
	// under the image.
	WholeBase = "base"
	// SharedChain: no image is a base; this one has most unpacked bytes in common
	// from the base layer up.
	SharedChain = "chain"
	// SharedBlobs: none has the same base layer; this one has most compressed
	// bytes in common by digest.
	SharedBlobs = "digest"
	// NoBase: no other image has anything in common with it.
	NoBase = "none"
)

// NearestBase is the image that another one is, or could be, built on.
type NearestBase struct {
	Reference string `json:"reference" document:"required"`
	// Kind says how near Base is.
	Kind string `json:"kind" document:"required,enum=base|chain|digest|none"`
	// Base and BaseDigest name it; empty when there is none.
	Base       string        `json:"base,omitempty"`
	BaseDigest layers.Digest `json:"baseDigest,omitempty"`
	// Layers counts the image's layers, SharedLayers those that it has in common
	// with the base from the base layer up, BaseLayers those of the base.
	Layers       int `json:"layers"`
	SharedLayers int `json:"sharedLayers"`
	BaseLayers   int `json:"baseLayers,omitempty"`
	// DigestBytes and ChainBytes (compressed), and ChainUnpackedBytes, are what of
	// the image a host with the base spares; see Matrix. CompressedBytes and
	// UnpackedBytes are the whole image.
	DigestBytes        int64 `json:"digestBytes"`
	ChainBytes         int64 `json:"chainBytes"`
	ChainUnpackedBytes int64 `json:"chainUnpackedBytes"`
	CompressedBytes    int64 `json:"compressedBytes"`
	UnpackedBytes      int64 `json:"unpackedBytes"`
	// SameLayers are other images of exactly the same layers; they are no bases.
	SameLayers []string `json:"sameLayers,omitempty"`
}

// Nearest finds the nearest base of each image, among the images that other
// references mean, or among all of the Inventory on its platform where none are
// given. Of two that are equally near, the one given first is taken; what is
// built on the image itself is no base of it. References
// that the Inventory lacks are left out.
func (m *Matcher) Nearest(references, among []string) []NearestBase {
	images := m.images(references)
	candidates := m.images(among)
	if among == nil {
		candidates = m.ofPlatform()
	}
	known := make(map[int]int, len(images)+len(candidates))
	var all []int
	for _, i := range append(candidates, images...) {
		if _, ok := known[i]; !ok {
			known[i] = len(all)
			all = append(all, i)
		}
	}
	isCandidate := make([]bool, len(all))
	for _, i := range candidates {
		isCandidate[known[i]] = true
	}
	k := m.kin(all)
	var list []NearestBase
	for _, ref := range references {
		if i := m.find(ref, m.at); i >= 0 {
			list = append(list, k.nearest(ref, known[i], isCandidate))
		}
	}
	return list
}

// ofPlatform are the Inventory's images for the Matcher's platform.
func (m *Matcher) ofPlatform() []int {
	images := []int{}
	for i := range m.inv.Images {
		if m.platform == "" || layers.SamePlatform(m.inv.Images[i].Platform, m.platform) {
			images = append(images, i)
		}
	}
	return images
}

// relative is a candidate for the nearest base: kind ranks it.
type relative struct {
	kinship
	position, kind int
}

// The kinds of a relative, the nearest last.
const (
	unrelated = iota
	sharesBlobs
	sharesChain
	isBase
)

// nearest compares the candidates that have anything in common with the a-th
// image.
func (k *kin) nearest(reference string, a int, isCandidate []bool) NearestBase {
	image := &k.m.inv.Images[k.images[a]]
	need := k.m.overlap([]int{k.images[a]}, store{})
	n := NearestBase{Reference: reference, Kind: NoBase, Layers: len(image.Layers), CompressedBytes: need.CompressedBytes, UnpackedBytes: need.UnpackedBytes}
	best := relative{}
	k.row(a, func(b int, common kinship) {
		other := &k.m.inv.Images[k.images[b]]
		switch {
		case b == a || !isCandidate[b] || image.Digest != "" && image.Digest == other.Digest:
		case common.depth == len(image.Layers) && common.depth == len(other.Layers):
			n.SameLayers = append(n.SameLayers, other.Reference)
		case common.depth > 0 && common.depth == len(image.Layers):
			// It is built on the image, and so no base of it.
		default:
			if r := (relative{common, b, k.kind(b, &common)}); r.compare(&best) > 0 {
				best = r
			}
		}
	})
	if best.kind == unrelated {
		return n
	}
	base := &k.m.inv.Images[k.images[best.position]]
	n.Kind = []string{NoBase, SharedBlobs, SharedChain, WholeBase}[best.kind]
	n.Base, n.BaseDigest, n.BaseLayers, n.SharedLayers = base.Reference, base.Digest, len(base.Layers), best.depth
	n.DigestBytes, n.ChainBytes, n.ChainUnpackedBytes = best.digestBytes, best.chainBytes, best.chainUnpackedBytes
	return n
}

// kind says how near the b-th image is, given what it has in common.
func (k *kin) kind(b int, common *kinship) int {
	switch {
	case common.depth > 0 && common.depth == len(k.m.inv.Images[k.images[b]].Layers):
		return isBase
	case common.chainUnpackedBytes > 0 || common.chainBytes > 0:
		return sharesChain
	case common.digestBytes > 0:
		return sharesBlobs
	}
	return unrelated
}

// compare orders by kind; bases by depth, others by unpacked bytes by chain,
// compressed bytes by chain and by digest. Where unpacked sizes are unknown the
// compressed bytes decide.
func (r *relative) compare(s *relative) int {
	order := cmp.Compare(r.kind, s.kind)
	if order == 0 && r.kind == isBase {
		return cmp.Compare(r.depth, s.depth)
	}
	return cmp.Or(order, cmp.Compare(r.chainUnpackedBytes, s.chainUnpackedBytes), cmp.Compare(r.chainBytes, s.chainBytes), cmp.Compare(r.digestBytes, s.digestBytes))
}
