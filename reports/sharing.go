package reports

import (
	"cmp"
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// Sharing says how big images are and which layers they have in common.
type Sharing struct {
	// Images are in the Inventory's order.
	Images []ImageSize `json:"images,omitempty"`
	// Sum counts a layer once for each image that has it; Union counts each
	// distinct layer once (by digest).
	Sum   layers.Size `json:"sum"`
	Union layers.Size `json:"union"`
	// SharingFactor is Sum over Union in compressed bytes: 1 when nothing is
	// shared, 3 when a layer is used by three images on average; 0 when there
	// are no bytes.
	SharingFactor float64 `json:"sharingFactor"`
	// Layers are the distinct layers, the largest compressed first.
	Layers []LayerUse `json:"layers,omitempty"`
	// Pairs are the pairs of images that share most bytes by digest, most
	// first, at most 10; pairs that share nothing are left out.
	Pairs []Pair `json:"pairs,omitempty"`
	// Unresolved are references that could not be read.
	Unresolved []layers.Unresolved `json:"unresolved,omitempty"`
}

// ImageSize is the size of one image.
type ImageSize struct {
	Reference string        `json:"reference" document:"required"`
	Digest    layers.Digest `json:"digest"`
	// Platform is os/arch[/variant].
	Platform string      `json:"platform"`
	Size     layers.Size `json:"size"`
	// Own is the part of Size that no other of the images has (by digest).
	Own layers.Size `json:"own"`
}

// LayerUse is one layer and how many images have it.
type LayerUse struct {
	Digest layers.Digest `json:"digest" document:"required"`
	Size   layers.Size   `json:"size"`
	// Images counts the images that have it.
	Images int `json:"images"`
	// CreatedBy is the build step that made it, where known.
	CreatedBy string `json:"createdBy,omitempty"`
}

// Pair is what two images have in common. The two overlaps are never added:
// see matcher.Overlap.
type Pair struct {
	// A and B are references.
	A string `json:"a" document:"required"`
	B string `json:"b" document:"required"`
	// ByDigest are layers with the same stored blob: one download serves both.
	ByDigest layers.Size `json:"byDigest"`
	// ByChain are layers of B that are unpacked already where A is, because
	// all layers below are the same too; sizes are those stored for B.
	ByChain layers.Size `json:"byChain"`
}

// maxPairs bounds Sharing.Pairs.
const maxPairs = 10

// share measures the images of platform, all images when it is empty.
func share(inv *layers.Inventory, platform string) *Sharing {
	if inv == nil {
		return nil
	}
	s := &Sharing{Unresolved: inv.Unresolved}
	var chosen []int
	for i, img := range inv.Images {
		if platform == "" || img.Platform == platform {
			chosen = append(chosen, i)
		}
	}
	uses := usesOf(inv, chosen)
	for _, i := range chosen {
		img := inv.Images[i]
		size := inv.Union(i)
		s.Images = append(s.Images, ImageSize{img.Reference, img.Digest, img.Platform, size, ownOf(inv, i, uses)})
		s.Sum = added(s.Sum, size)
	}
	s.Layers = layerUses(inv, uses)
	s.Union = inv.Union(chosen...)
	if s.Union.CompressedBytes > 0 {
		s.SharingFactor = float64(s.Sum.CompressedBytes) / float64(s.Union.CompressedBytes)
	}
	s.Pairs = topPairs(inv, chosen)
	return s
}

// usesOf counts, for each layer of the Inventory, the images that have it.
func usesOf(inv *layers.Inventory, images []int) []int {
	uses := make([]int, len(inv.Layers))
	for _, i := range images {
		for l := range setOf(inv.Images[i].Layers) {
			uses[l]++
		}
	}
	return uses
}

func ownOf(inv *layers.Inventory, image int, uses []int) (own layers.Size) {
	for l := range setOf(inv.Images[image].Layers) {
		if uses[l] == 1 {
			own = added(own, sizeOf(inv.Layers[l]))
		}
	}
	return own
}

func layerUses(inv *layers.Inventory, uses []int) []LayerUse {
	var list []LayerUse
	for l, n := range uses {
		if n > 0 {
			list = append(list, LayerUse{inv.Layers[l].Digest, sizeOf(inv.Layers[l]), n, inv.Layers[l].CreatedBy})
		}
	}
	slices.SortStableFunc(list, func(x, y LayerUse) int {
		return cmp.Compare(y.Size.CompressedBytes, x.Size.CompressedBytes)
	})
	return list
}

func added(a, b layers.Size) layers.Size {
	a.Layers += b.Layers
	a.CompressedBytes += b.CompressedBytes
	a.UnpackedBytes += b.UnpackedBytes
	a.EstimatedBytes += b.EstimatedBytes
	a.UnknownLayers += b.UnknownLayers
	return a
}

// topPairs compares every image with every other on its platform: for 400
// images that is 80,000 comparisons of some ten layers.
func topPairs(inv *layers.Inventory, images []int) []Pair {
	chains := inv.Chains()
	var pairs []Pair
	for n, a := range images {
		digests := setOf(inv.Images[a].Layers)
		held := setOf(chains.Images[a])
		for _, b := range images[n+1:] {
			if inv.Images[a].Platform != inv.Images[b].Platform {
				continue
			}
			pair := Pair{A: inv.Images[a].Reference, B: inv.Images[b].Reference}
			counted := make(map[int]bool)
			for j, l := range inv.Images[b].Layers {
				if held[chains.Images[b][j]] {
					pair.ByChain = added(pair.ByChain, sizeOf(inv.Layers[l]))
				}
				if digests[l] && !counted[l] {
					counted[l] = true
					pair.ByDigest = added(pair.ByDigest, sizeOf(inv.Layers[l]))
				}
			}
			if pair.ByDigest.Layers+pair.ByChain.Layers > 0 {
				pairs = append(pairs, pair)
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q Pair) int {
		return cmp.Or(
			cmp.Compare(q.ByDigest.CompressedBytes, p.ByDigest.CompressedBytes),
			cmp.Compare(q.ByChain.UnpackedBytes, p.ByChain.UnpackedBytes))
	})
	return slices.Clone(pairs[:min(len(pairs), maxPairs)])
}

func setOf(list []int) map[int]bool {
	set := make(map[int]bool, len(list))
	for _, i := range list {
		set[i] = true
	}
	return set
}

func sizeOf(l layers.Layer) layers.Size {
	s := layers.Size{Layers: 1, CompressedBytes: l.CompressedBytes}
	if l.UnpackedBytes == nil {
		s.UnknownLayers = 1
		return s
	}
	s.UnpackedBytes = *l.UnpackedBytes
	if l.UnpackedSource == layers.Estimated {
		s.EstimatedBytes = s.UnpackedBytes
	}
	return s
}
