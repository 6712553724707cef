package matcher

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// An Index finds, of many caches, the one that shares most bytes with an image.
//
// Layers that are in exactly the same caches form a class, so that what a base
// image brings is looked at once and not layer by layer. Each class lists its
// caches, and has a bit for each of them besides where they are many. A search
// begins at the rarest class of the image: images are chains, so the caches that
// hold a rare layer mostly hold what is below it too, and the first of them can
// mostly not be beaten.
//
// Searches may run at the same time, each by a Search of its own, but not while
// caches are added or removed.
type Index struct {
	layers []indexedLayer
	// large are the bytes of layers whose number does not fit their entry.
	large   map[uint32]int64
	classes []layerClass
	// bits are those of the classes that many caches have.
	bits [][]uint64
	// caches are the layers of each cache; nil for one that was removed.
	caches [][]uint32
	// digests are those of the layers in known, found through table; the first is
	// none's. All are nil without digests.
	digests [][sha256.Size]byte
	known   []uint32
	table   []uint32
	// split is space for entering a cache.
	split []splitClass
}

// indexedLayer is a layer's class, 0 where no cache ever had it, and its
// compressed bytes, largeLayer where they are more than fit.
type indexedLayer struct{ class, bytes uint32 }

const largeLayer = math.MaxUint32

// layerClass is a set of layers that are in exactly the same caches.
type layerClass struct {
	// caches are in ascending order.
	caches []uint32
	// layers is how many the class has; bits is the position of its bits, 0: none.
	layers, bits uint32
}

// splitClass counts, while a cache is entered, how many layers of a class it has.
type splitClass struct{ cache, touched, into uint32 }

// manyCaches is from how many caches on a class has bits; a shorter list is
// searched instead, which spares their memory.
const manyCaches = 64

// NewIndex builds an Index of caches, each a list of distinct layers by number.
// sizes are the layers' compressed bytes; digests, which may be nil, are kept of
// the layers that the caches hold.
func NewIndex(sizes []int64, digests []layers.Digest, caches [][]uint32) *Index {
	x := &Index{classes: make([]layerClass, 1), bits: make([][]uint64, 1), split: make([]splitClass, 1), caches: make([][]uint32, len(caches))}
	x.size(sizes)
	memberships := 0
	for _, c := range caches {
		memberships += len(c)
	}
	members := make([]uint32, 0, memberships)
	for i, held := range caches {
		from := len(members)
		members = append(members, held...)
		x.caches[i] = members[from:len(members):len(members)]
		x.refine(uint32(i), x.caches[i], nil)
	}
	x.list(memberships)
	if digests != nil {
		x.digests, x.known = make([][sha256.Size]byte, 1), make([]uint32, 1)
		for l := range x.layers {
			if x.layers[l].class != 0 {
				x.known = append(x.known, uint32(l))
			}
		}
		x.keep(digests)
		x.known = slices.Clip(x.known)
	}
	x.classes, x.split = slices.Clip(x.classes), nil
	return x
}

// size makes entries for the layers that have none yet.
func (x *Index) size(sizes []int64) {
	first := len(x.layers)
	if first == len(sizes) {
		return
	}
	x.layers = append(x.layers, make([]indexedLayer, len(sizes)-first)...)
	for l := first; l < len(sizes); l++ {
		if sizes[l] < largeLayer {
			x.layers[l].bytes = uint32(sizes[l])
			continue
		}
		x.layers[l].bytes = largeLayer
		if x.large == nil {
			x.large = make(map[uint32]int64)
		}
		x.large[uint32(l)] = sizes[l]
	}
}

// refine splits the classes that a cache has in part, in two: what it has and
// what it has not. moved, where not nil, is told of each new class and the one
// that it was split from; layers that no cache had are of class 0.
func (x *Index) refine(cache uint32, held []uint32, moved func(from, into uint32)) {
	for _, l := range held {
		t := &x.split[x.layers[l].class]
		if t.cache != cache+1 {
			*t = splitClass{cache: cache + 1}
		}
		t.touched++
	}
	for _, l := range held {
		from := x.layers[l].class
		t := &x.split[from]
		if from != 0 && t.touched == x.classes[from].layers {
			continue
		}
		if t.into == 0 {
			into := uint32(len(x.classes))
			x.classes, x.split = append(x.classes, layerClass{layers: t.touched}), append(x.split, splitClass{})
			t = &x.split[from]
			t.into = into
			if from != 0 {
				x.classes[from].layers -= t.touched
				// Its layers that are still to be moved are not all it has.
				t.touched = 0
			}
			if moved != nil {
				moved(from, into)
			}
		}
		x.layers[l].class = t.into
	}
}

// list fills the classes' lists of caches; memberships is how many layers all
// caches have.
func (x *Index) list(memberships int) {
	// pairs are the classes of each cache, one cache after another; seen is the
	// last cache, plus one, that was found to have a class.
	pairs := make([]uint32, 0, memberships)
	ends := make([]int, len(x.caches))
	seen, counts := make([]uint32, len(x.classes)), make([]uint32, len(x.classes))
	for i, held := range x.caches {
		for _, l := range held {
			if c := x.layers[l].class; seen[c] != uint32(i)+1 {
				seen[c] = uint32(i) + 1
				counts[c]++
				pairs = append(pairs, c)
			}
		}
		ends[i] = len(pairs)
	}
	all := make([]uint32, len(pairs))
	for c, n := range counts {
		x.classes[c].caches, all = all[:0:n], all[n:]
	}
	from := 0
	for i, end := range ends {
		for _, c := range pairs[from:end] {
			x.classes[c].caches = append(x.classes[c].caches, uint32(i))
		}
		from = end
	}
	for c := range x.classes {
		x.setBits(&x.classes[c])
	}
}

// setBits gives a class bits when it has many caches.
func (x *Index) setBits(c *layerClass) {
	if c.bits != 0 || len(c.caches) < manyCaches {
		return
	}
	c.bits = uint32(len(x.bits))
	x.bits = append(x.bits, make([]uint64, len(x.caches)/64+1))
	for _, i := range c.caches {
		x.setBit(c.bits, i)
	}
}

func (x *Index) setBit(bits, cache uint32) {
	b := &x.bits[bits]
	for int(cache/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[cache/64] |= 1 << (cache % 64)
}

// Add enters a cache and returns its number. sizes and digests are those of
// NewIndex, longer where layers are new.
func (x *Index) Add(sizes []int64, digests []layers.Digest, held []uint32) int {
	cache := uint32(len(x.caches))
	x.size(sizes)
	if missing := len(x.classes) - len(x.split); missing > 0 {
		x.split = append(x.split, make([]splitClass, missing)...)
	}
	if x.digests != nil {
		for _, l := range held {
			if x.layers[l].class == 0 {
				x.known = append(x.known, l)
			}
		}
	}
	x.caches = append(x.caches, slices.Clone(held))
	x.refine(cache, held, x.copyClass)
	for _, l := range held {
		c := &x.classes[x.layers[l].class]
		if n := len(c.caches); n > 0 && c.caches[n-1] == cache {
			continue
		}
		c.caches = append(c.caches, cache)
		if c.bits != 0 {
			x.setBit(c.bits, cache)
		}
		x.setBits(c)
	}
	if x.digests != nil {
		x.keep(digests)
	}
	return int(cache)
}

// copyClass gives a class the caches of the one that it was split from.
func (x *Index) copyClass(from, into uint32) {
	if from == 0 {
		return
	}
	f, c := &x.classes[from], &x.classes[into]
	c.caches = append(make([]uint32, 0, len(f.caches)+1), f.caches...)
	if f.bits != 0 {
		c.bits = uint32(len(x.bits))
		x.bits = append(x.bits, slices.Clone(x.bits[f.bits]))
	}
}

// Remove takes a cache out; its number is not used again.
func (x *Index) Remove(cache int) {
	for _, l := range x.caches[cache] {
		c := &x.classes[x.layers[l].class]
		if i, ok := slices.BinarySearch(c.caches, uint32(cache)); ok {
			c.caches = slices.Delete(c.caches, i, i+1)
			if c.bits != 0 {
				x.bits[c.bits][cache/64] &^= 1 << (cache % 64)
			}
		}
	}
	x.caches[cache] = nil
}

// Caches is the number of caches that were entered, removed ones included.
func (x *Index) Caches() int { return len(x.caches) }

// has says whether a cache has the layers of a class.
func (x *Index) has(c *layerClass, cache uint32) bool {
	if c.bits != 0 {
		bits := x.bits[c.bits]
		return int(cache/64) < len(bits) && bits[cache/64]&(1<<(cache%64)) != 0
	}
	_, ok := slices.BinarySearch(c.caches, cache)
	return ok
}

// digestKey is a SHA-256 digest's 32 bytes; any other text is hashed to as many.
func digestKey(d layers.Digest) (key [sha256.Size]byte) {
	const prefix = "sha256:"
	if len(d) == len(prefix)+2*sha256.Size && d[:len(prefix)] == prefix {
		if _, err := hex.Decode(key[:], []byte(d[len(prefix):])); err == nil {
			return key
		}
	}
	return sha256.Sum256([]byte(d))
}

// keep remembers the digests of the layers in known that have none yet. They are
// found in a table that is open addressed, a power of two long, and never more
// than three quarters full.
func (x *Index) keep(digests []layers.Digest) {
	first := len(x.digests)
	x.digests = append(x.digests, make([][sha256.Size]byte, len(x.known)-first)...)
	for k := first; k < len(x.known); k++ {
		x.digests[k] = digestKey(digests[x.known[k]])
	}
	if 4*len(x.digests) > 3*len(x.table) {
		n := 16
		for 4*len(x.digests) > 3*n {
			n *= 2
		}
		x.table, first = make([]uint32, n), 1
	}
	for k := first; k < len(x.digests); k++ {
		i := x.place(&x.digests[k])
		for x.table[i] != 0 {
			i = (i + 1) & (len(x.table) - 1)
		}
		x.table[i] = uint32(k)
	}
}

func (x *Index) place(key *[sha256.Size]byte) int {
	return int(binary.LittleEndian.Uint64(key[:])) & (len(x.table) - 1)
}

// Layer returns the number of the layer with a digest, where a cache holds it or
// held it and the Index keeps digests.
func (x *Index) Layer(d layers.Digest) (layer uint32, ok bool) {
	if len(x.table) == 0 {
		return 0, false
	}
	key := digestKey(d)
	for i := x.place(&key); x.table[i] != 0; i = (i + 1) & (len(x.table) - 1) {
		if k := x.table[i]; x.digests[k] == key {
			return x.known[k], true
		}
	}
	return 0, false
}
