package layers

import (
	"cmp"
	"slices"
	"time"
)

// Sharing says how big images are, which layers they have in common, and what
// would make them have more in common.
//
// There are two overlaps, never added to each other (see Amount). Images of
// different platforms share next to nothing and are never started on the same
// host: each platform is a set of its own.
//
// An image counts once however many references name it; its other names stand
// beside it (SharedImage.AlsoNamed). A layer that stands twice in an image is
// fetched once and unpacked twice.
type Sharing struct {
	// Sets are the images by platform, in the order of the Inventory.
	Sets []SharedSet `json:"sets,omitempty"`
	// Unresolved are references that could not be read; they count nowhere.
	Unresolved []Unresolved `json:"unresolved,omitempty"`
	// Unread are layers that could not be read: what is said of them is a manifest's word.
	Unread []Unscanned `json:"unread,omitempty"`
}

// SharingOptions chooses what Inventory.Sharing looks at. The zero value takes
// all images, each platform by itself.
type SharingOptions struct {
	// Platform takes the images of one platform; empty takes all.
	Platform string
	// MixPlatforms counts images of all platforms in one set.
	MixPlatforms bool
	// MaxPairs bounds SharedSet.Pairs of a set too large for all of them; 0
	// means 1,000.
	MaxPairs int
	// AllPairs is the largest number of images of which every pair is listed; 0
	// means 100, less than 0 none.
	AllPairs int
}

// SharedSet is what the images of one platform have in common.
type SharedSet struct {
	// Platform is os/arch[/variant]; empty when platforms are mixed.
	Platform string `json:"platform,omitempty"`
	// References counts the names that the images have.
	References int `json:"references"`
	// Images are the distinct images, in the Inventory's order.
	Images []SharedImage `json:"images"`
	// Sum is the images each by itself, Union all of them together.
	Sum   Amount `json:"sum"`
	Union Amount `json:"union"`
	// SharedFraction is the part of the sum that need not be stored or fetched
	// again: 1 - union / sum, in compressed bytes by digest. It is 0 when nothing
	// is shared or there are no bytes, and always less than 1.
	SharedFraction float64 `json:"sharedFraction"`
	// UnpackedSharedFraction is the part of the sum that need not be unpacked
	// again: 1 - union / sum, in unpacked bytes by chain.
	UnpackedSharedFraction float64 `json:"unpackedSharedFraction"`
	// SharingFactor is sum / union in compressed bytes by digest: how many images
	// use a byte, on average; 0 when there are no bytes.
	SharingFactor float64 `json:"sharingFactor"`
	// Hidden are the unpacked bytes that later layers hide, each chain counted
	// once; nil unless every layer of every image was scanned.
	Hidden *Hidden `json:"hidden,omitempty"`
	// Layers are the distinct layers, the largest compressed first.
	Layers []SharedLayer `json:"layers,omitempty"`
	// Holders says how many bytes are held by one image, by two, and so on.
	Holders []Holders `json:"holders,omitempty"`
	// Bases are the base images, the one with most images first.
	Bases []Base `json:"bases,omitempty"`
	// Moves are what would be saved if all images had one base, best first.
	Moves []Move `json:"moves,omitempty"`
	// Pairs are the pairs of images that share anything, the one that shares
	// most bytes by digest first.
	Pairs []SharedPair `json:"pairs,omitempty"`
	// SharingPairs counts the pairs that share anything; more than there are in
	// Pairs when the set is too large to list them all.
	SharingPairs int `json:"sharingPairs"`
	// NearDuplicates are layers that could be one, the group that would save
	// most bytes first.
	NearDuplicates []NearDuplicate `json:"nearDuplicates,omitempty"`
}

// Amount is an amount of layers counted in two ways that are never added. A
// blob that is present saves a download; a chain that is present saves
// unpacking too.
type Amount struct {
	// ByDigest counts each stored blob once: what a registry stores and a host
	// that has nothing fetches.
	ByDigest Size `json:"byDigest"`
	// ByChain counts each chain once, a layer together with all layers below it:
	// what a host unpacks and keeps on its disk. Where one chain is stored as
	// several blobs, sizes are those of one of them.
	ByChain Size `json:"byChain"`
}

// SharedImage is one image of a set.
type SharedImage struct {
	Reference string `json:"reference" document:"required"`
	// AlsoNamed are other references to the same image.
	AlsoNamed []string `json:"alsoNamed,omitempty"`
	// Digest is that of the platform's own manifest, IndexDigest that of the
	// index that it was chosen from, if any.
	Digest      Digest `json:"digest"`
	IndexDigest Digest `json:"indexDigest,omitempty"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform"`
	// From is the time from which the reference means this image; absent for its
	// first meaning.
	From time.Time `json:"from,omitzero"`
	// LazyFormat is the format for lazy pulling that the image as a whole is
	// prepared for.
	LazyFormat string `json:"lazyFormat,omitempty"`
	// Total is the whole image; Own the part that no other image has, Shared the
	// rest of it.
	Total  Amount `json:"total"`
	Own    Amount `json:"own"`
	Shared Amount `json:"shared"`
	// Hidden are the unpacked bytes that later layers hide; nil unless every
	// layer was scanned.
	Hidden *Hidden `json:"hidden,omitempty"`
	// Base is the position in SharedSet.Bases of the largest base that the image
	// is built on; nil when none is recognised.
	Base *int `json:"base,omitempty"`
	// Layers are the image's layers, base layer first.
	Layers []PlacedLayer `json:"layers,omitempty"`
}

// PlacedLayer is a layer in its place in an image.
type PlacedLayer struct {
	// Layer is a position in SharedSet.Layers.
	Layer int `json:"layer"`
	// ChainID is the hash of the layer on all those below it.
	ChainID Digest `json:"chainID"`
	// Hidden is what the layer hides of those below; nil when not scanned.
	Hidden *Hidden `json:"hidden,omitempty"`
}

// SharedLayer is one stored blob and how many images of the set have it.
type SharedLayer struct {
	Layer
	// Images counts the images that have it.
	Images int `json:"images"`
}

// Holders are the layers that the same number of images have.
type Holders struct {
	// Images is that number.
	Images int `json:"images"`
	// Size counts each such blob once.
	Size Size `json:"size"`
}

// Sharing measures what the Inventory's images have in common.
func (inv *Inventory) Sharing(opt SharingOptions) *Sharing {
	s := &Sharing{Unresolved: inv.Unresolved, Unread: inv.Unscanned}
	chains := inv.Chains()
	ids := chains.IDs()
	for _, platform := range inv.platforms(opt) {
		f := newFamily(inv, chains, platform)
		s.Sets = append(s.Sets, f.set(ids, opt))
	}
	return s
}

// platforms lists those that are looked at one by one; an empty one stands for
// all together.
func (inv *Inventory) platforms(opt SharingOptions) []string {
	if opt.MixPlatforms && opt.Platform == "" && len(inv.Images) > 0 {
		return []string{""}
	}
	var list []string
	for i := range inv.Images {
		p := inv.Images[i].Platform
		if (opt.Platform == "" || SamePlatform(p, opt.Platform)) && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

func (f *family) set(ids []Digest, opt SharingOptions) SharedSet {
	s := SharedSet{Platform: f.platform}
	s.Layers, f.place = f.sharedLayers()
	s.Holders = holdersOf(s.Layers)
	for i := range f.images {
		img := f.image(i, ids)
		s.References += 1 + len(img.AlsoNamed)
		s.Sum = s.Sum.plus(img.Total)
		s.Images = append(s.Images, img)
	}
	s.Union = f.union()
	s.SharedFraction = sharedFraction(s.Union.ByDigest.CompressedBytes, s.Sum.ByDigest.CompressedBytes)
	s.UnpackedSharedFraction = sharedFraction(s.Union.ByChain.UnpackedBytes, s.Sum.ByChain.UnpackedBytes)
	if union := s.Union.ByDigest.CompressedBytes; union > 0 {
		s.SharingFactor = float64(s.Sum.ByDigest.CompressedBytes) / float64(union)
	}
	s.Hidden = f.hidden()
	s.Bases, s.Moves = f.bases(ids, s.Images)
	s.Pairs, s.SharingPairs = f.pairs(opt.maxPairs(len(f.images)))
	s.NearDuplicates = f.nearDuplicates()
	return s
}

func sharedFraction(union, sum int64) float64 {
	if sum == 0 {
		return 0
	}
	return float64(sum-union) / float64(sum)
}

// sharedLayers lists the family's blobs, and says where each layer of the
// Inventory stands in the list.
func (f *family) sharedLayers() ([]SharedLayer, map[int]int) {
	order := slices.Clone(f.blobs)
	slices.SortFunc(order, func(a, b int) int {
		x, y := &f.inv.Layers[a], &f.inv.Layers[b]
		return cmp.Or(cmp.Compare(y.CompressedBytes, x.CompressedBytes), cmp.Compare(x.Digest, y.Digest))
	})
	list, place := make([]SharedLayer, 0, len(order)), make(map[int]int, len(order))
	for i, l := range order {
		list = append(list, SharedLayer{f.inv.Layers[l], len(f.holders[l])})
		place[l] = i
	}
	return list, place
}

func holdersOf(list []SharedLayer) []Holders {
	sizes := make(map[int]Size)
	for i := range list {
		size := sizes[list[i].Images]
		size.add(&list[i].Layer)
		sizes[list[i].Images] = size
	}
	var holders []Holders
	for images, size := range sizes {
		holders = append(holders, Holders{images, size})
	}
	slices.SortFunc(holders, func(a, b Holders) int { return cmp.Compare(a.Images, b.Images) })
	return holders
}

// image describes the i-th image of the family.
func (f *family) image(i int, ids []Digest) SharedImage {
	from := &f.inv.Images[f.images[i]]
	img := SharedImage{
		Reference: from.Reference, AlsoNamed: f.names[i], Digest: from.Digest, IndexDigest: from.IndexDigest,
		Platform: from.Platform, From: from.From, LazyFormat: from.LazyFormat,
	}
	for _, l := range f.distinct[i] {
		img.Total.ByDigest.add(&f.inv.Layers[l])
		if len(f.holders[l]) == 1 {
			img.Own.ByDigest.add(&f.inv.Layers[l])
		}
	}
	for j, c := range f.path(i) {
		img.Total.ByChain.add(f.layerOf(c))
		if f.uses[c] == 1 {
			img.Own.ByChain.add(f.layerOf(c))
		}
		placed := PlacedLayer{Layer: f.place[from.Layers[j]], ChainID: ids[c]}
		if len(from.Hidden) == len(from.Layers) {
			placed.Hidden = &from.Hidden[j]
		}
		img.Layers = append(img.Layers, placed)
	}
	img.Shared = img.Total.minus(img.Own)
	if len(from.Hidden) == len(from.Layers) {
		img.Hidden = &Hidden{}
		for _, h := range from.Hidden {
			img.Hidden.add(h)
		}
	}
	return img
}

// union counts the family's blobs and chains once.
func (f *family) union() Amount {
	var a Amount
	for _, l := range f.blobs {
		a.ByDigest.add(&f.inv.Layers[l])
	}
	for c, n := range f.uses {
		if n > 0 {
			a.ByChain.add(f.layerOf(c))
		}
	}
	return a
}

// hidden counts what each chain hides once, nil unless all is known.
func (f *family) hidden() *Hidden {
	var sum Hidden
	seen := make([]bool, len(f.uses))
	for i, image := range f.images {
		from := &f.inv.Images[image]
		if len(from.Hidden) != len(from.Layers) {
			return nil
		}
		for j, c := range f.path(i) {
			if !seen[c] {
				seen[c] = true
				sum.add(from.Hidden[j])
			}
		}
	}
	return &sum
}

// Bytes is all that a layer hides.
func (h Hidden) Bytes() int64 { return h.OverwrittenBytes + h.DeletedBytes }

func (h *Hidden) add(more Hidden) {
	h.OverwrittenBytes += more.OverwrittenBytes
	h.DeletedBytes += more.DeletedBytes
}

func (a Amount) plus(b Amount) Amount {
	return Amount{a.ByDigest.plus(b.ByDigest), a.ByChain.plus(b.ByChain)}
}

func (a Amount) minus(b Amount) Amount {
	return Amount{a.ByDigest.minus(b.ByDigest), a.ByChain.minus(b.ByChain)}
}
