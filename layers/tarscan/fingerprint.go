package tarscan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"
)

// fingerprint adds up the hashes of a tar's entries, modulo 2^128: the same
// whatever their order.
type fingerprint struct {
	total xxh3.Uint128
	count uint64
	// encoded is the current entry but for its contents.
	encoded []byte
	// contents of the current entry: hash, if they came in one piece, else hasher.
	hash   xxh3.Uint128
	hasher xxh3.Hasher
	pieces bool
}

// encode begins an entry with all of it but its contents. Every part has its
// length before it, so that no two entries are encoded alike.
func (f *fingerprint) encode(e *entry) {
	h, b := &e.header, f.encoded[:0]
	typ := h.typ
	if typ == typeSparse {
		typ = typeRegular
	}
	b = append(b, typ)
	b = appendBytes(b, e.path)
	b = binary.AppendVarint(b, h.uid)
	b = binary.AppendVarint(b, h.gid)
	switch typ {
	case typeSymlink: // its mode means nothing, and tools disagree about it
		b = appendBytes(b, e.link)
	case typeHardLink:
		b = appendBytes(b, cleanPath(e.link))
		b = binary.AppendVarint(b, h.mode&0o7777)
	case typeChar, typeBlock:
		b = binary.AppendVarint(b, h.major)
		b = binary.AppendVarint(b, h.minor)
		fallthrough
	default:
		b = binary.AppendVarint(b, h.mode&0o7777)
	}
	slices.SortStableFunc(e.records, func(a, b record) int { return bytes.Compare(a.key, b.key) })
	for _, r := range e.records {
		b = appendBytes(appendBytes(b, r.key), r.value)
	}
	f.encoded = binary.AppendVarint(b, e.bytes)
	f.hash, f.pieces = xxh3.Hash128(nil), false
}

func appendBytes(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

// content takes the entry's next contents; last says that no more follow.
func (f *fingerprint) content(p []byte, last bool) {
	if last && !f.pieces {
		f.hash = xxh3.Hash128(p)
		return
	}
	if !f.pieces {
		f.hasher.Reset()
		f.pieces = true
	}
	f.hasher.Write(p)
}

// addEntry ends the entry and, if wanted, adds it to the sum.
func (f *fingerprint) addEntry(wanted bool) {
	if !wanted {
		return
	}
	if f.pieces {
		f.hash = f.hasher.Sum128()
	}
	contents := f.hash.Bytes()
	f.encoded = append(f.encoded, contents[:]...)
	h := xxh3.Hash128(f.encoded)
	var carry uint64
	f.total.Lo, carry = bits.Add64(f.total.Lo, h.Lo, 0)
	f.total.Hi, _ = bits.Add64(f.total.Hi, h.Hi, carry)
	f.count++
}

func (f *fingerprint) sum() string {
	b := f.total.Bytes()
	h := xxh3.Hash128(binary.LittleEndian.AppendUint64(b[:], f.count)).Bytes()
	return fmt.Sprintf("%x", h[:])
}
