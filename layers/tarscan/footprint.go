package tarscan

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"
)

// Footprint is the table of a layer's paths that Compose needs: 24 bytes a path,
// hashes in place of names. Two of a million paths share a hash with a
// probability of one in two million; then a file is taken for the other.
type Footprint struct {
	// repeatedBytes is the contents of files that the same layer lists again.
	repeatedBytes int64
	// paths are sorted by path, then by order.
	paths []pathEntry
}

// pathEntry is what a layer says of one path.
type pathEntry struct {
	path, parent pathHash
	// packed is a pathKind in the upper four bits and, below, a file's size or
	// the pathHash of a hard link's target.
	packed uint64
}

// pathHash is XXH3 of a clean path, cut to 60 bits so that it fits beside a kind.
type pathHash uint64

const (
	valueBits = 60
	valueMask = 1<<valueBits - 1
	entryLen  = 24
)

func hashPath(p []byte) pathHash { return pathHash(xxh3.Hash(p) & valueMask) }

type pathKind uint8

const (
	// The order of kinds is that of entries of one path: what hides lower layers
	// stands before what this layer puts there.
	hidden        pathKind = iota // a whiteout
	hiddenBelow                   // an opaque directory's contents
	impliedFolder                 // not listed, but something in it is
	folder
	regular
	linked  // a hard link
	special // symbolic link, device, pipe
	nKinds
)

func (e pathEntry) kind() pathKind { return pathKind(e.packed >> valueBits) }
func (e pathEntry) value() uint64  { return e.packed & valueMask }

// order tells entries of one path that say different things.
func (e pathEntry) order() pathKind { return min(e.kind(), impliedFolder) }

func compareEntries(a, b pathEntry) int {
	return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.order(), b.order()))
}

// Len returns how many paths the table holds, implied directories among them.
func (f *Footprint) Len() int { return len(f.paths) }

// recorder gathers a Footprint while a tar is walked.
type recorder struct {
	most  int64
	paths []pathEntry
	// known are the directories that are in paths, listed or implied.
	known map[pathHash]struct{}
}

var rootHash = hashPath(nil)

func newRecorder(most int64) *recorder {
	return &recorder{most: most, known: map[pathHash]struct{}{rootHash: {}}}
}

// addEntry records an entry; false means that there are too many.
func (r *recorder) addEntry(e *entry) bool {
	switch e.marker.kind {
	case whiteout:
		return r.add(e.marker.path, hidden, 0)
	case opaque:
		return r.add(e.marker.path, hiddenBelow, 0)
	case opaqueAttribute:
		return r.add(e.path, hiddenBelow, 0) && r.add(e.path, folder, 0)
	case idleMarker:
		return true
	}
	switch e.header.typ {
	case typeRegular, typeSparse:
		return r.add(e.path, regular, uint64(e.bytes)&valueMask)
	case typeHardLink:
		return r.add(e.path, linked, uint64(hashPath(cleanPath(e.link))))
	case typeDirectory:
		return r.add(e.path, folder, 0)
	case typeSymlink, typeChar, typeBlock, typeFifo:
		return r.add(e.path, special, 0)
	}
	return true // runtimes do not unpack it
}

// add records a path and the directories above it that no entry has named yet.
func (r *recorder) add(path []byte, kind pathKind, value uint64) bool {
	dir, _ := splitPath(path)
	hash, parent := hashPath(path), hashPath(dir)
	for int64(len(r.paths)) < r.most {
		r.paths = append(r.paths, pathEntry{hash, parent, uint64(kind)<<valueBits | value})
		if kind == folder || kind == impliedFolder {
			r.known[hash] = struct{}{}
		}
		if _, ok := r.known[parent]; ok {
			return true
		}
		dir, _ = splitPath(dir)
		hash, parent, kind, value = parent, hashPath(dir), impliedFolder, 0
	}
	return false
}

// footprint sorts the paths and keeps what the last entry of each says.
func (r *recorder) footprint() *Footprint {
	slices.SortStableFunc(r.paths, compareEntries)
	f := &Footprint{paths: r.paths[:0]}
	for _, e := range r.paths {
		n := len(f.paths)
		switch {
		case n == 0 || compareEntries(f.paths[n-1], e) != 0:
			f.paths = append(f.paths, e)
		case e.kind() != impliedFolder:
			if last := f.paths[n-1]; last.kind() == regular {
				f.repeatedBytes += int64(last.value())
			}
			f.paths[n-1] = e
		}
	}
	f.paths = slices.Clone(f.paths) // lets go of what the table grew into
	return f
}

// footprintMagic begins a saved Footprint; its last byte is the version.
const footprintMagic = "cbfp\x01"

const footprintHeader = len(footprintMagic) + 16

// MarshalBinary returns the magic, then little-endian: the repeated bytes and the
// number of entries, 8 bytes each, and the entries, three times 8 bytes each.
func (f *Footprint) MarshalBinary() ([]byte, error) {
	b := make([]byte, 0, footprintHeader+entryLen*len(f.paths))
	b = append(b, footprintMagic...)
	b = binary.LittleEndian.AppendUint64(b, uint64(f.repeatedBytes))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(f.paths)))
	for _, e := range f.paths {
		b = binary.LittleEndian.AppendUint64(b, uint64(e.path))
		b = binary.LittleEndian.AppendUint64(b, uint64(e.parent))
		b = binary.LittleEndian.AppendUint64(b, e.packed)
	}
	return b, nil
}

// UnmarshalBinary reads what MarshalBinary wrote and nothing else.
func (f *Footprint) UnmarshalBinary(b []byte) error {
	if len(b) < footprintHeader || string(b[:len(footprintMagic)]) != footprintMagic {
		return errors.New("not a footprint of version 1: scan the layer again")
	}
	repeated := binary.LittleEndian.Uint64(b[len(footprintMagic):])
	n := binary.LittleEndian.Uint64(b[len(footprintMagic)+8:])
	rest := b[footprintHeader:]
	if uint64(len(rest))%entryLen != 0 || uint64(len(rest))/entryLen != n {
		return fmt.Errorf("footprint of %d entries has %d bytes of them, want %d each: scan the layer again", n, len(rest), entryLen)
	}
	g := Footprint{repeatedBytes: int64(repeated), paths: make([]pathEntry, n)}
	for i := range g.paths {
		e := rest[i*entryLen:]
		g.paths[i] = pathEntry{
			path:   pathHash(binary.LittleEndian.Uint64(e)),
			parent: pathHash(binary.LittleEndian.Uint64(e[8:])),
			packed: binary.LittleEndian.Uint64(e[16:]),
		}
	}
	if err := g.check(); err != nil {
		return err
	}
	*f = g
	return nil
}

// check refuses what no scan makes; sums of sizes stay far from overflow.
func (f *Footprint) check() error {
	const mostBytes = 1 << 60
	total := f.repeatedBytes
	for i, e := range f.paths {
		switch {
		case e.path > valueMask || e.parent > valueMask || e.kind() >= nKinds:
			return fmt.Errorf("footprint entry %d is malformed: scan the layer again", i)
		case i > 0 && compareEntries(f.paths[i-1], e) >= 0:
			return fmt.Errorf("footprint entry %d is out of order: scan the layer again", i)
		case e.kind() == regular:
			total += int64(e.value())
		}
		if total < 0 || total > mostBytes {
			return errors.New("footprint has sizes that cannot be: scan the layer again")
		}
	}
	if total < 0 || total > mostBytes {
		return errors.New("footprint has sizes that cannot be: scan the layer again")
	}
	return nil
}
