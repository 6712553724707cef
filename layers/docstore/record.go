package docstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// A pack is a head and then records, each a head, a key and a body; numbers are
// little-endian, checksums are CRC-32C (which finds every single damaged byte).
//
//	pack head    magic [8] · mark [8] · checksum of these uint32 · 0 uint32
//	record head  mark [8] · kind uint8 · 0 uint8 · key bytes uint16 ·
//	             body bytes uint32 · stamp int64 · checksum of the body uint32 ·
//	             checksum of head and key uint32
//
// The mark is random, one for each pack. A reader that meets damage looks for
// the next mark; a document that somebody else wrote cannot hold it, and so
// cannot pass part of itself off as a record.
const (
	packMagic       = "cbpack\x00\x01"
	packHeadBytes   = 24
	recordHeadBytes = 32
	maxKeyBytes     = 4 << 10
	// MaxDocumentBytes is the largest body that a store keeps.
	MaxDocumentBytes = 16 << 20
)

type (
	sum  [sha256.Size]byte
	mark [8]byte
	kind uint8
)

const (
	// kindDocument records have a digest as key.
	kindDocument kind = iota + 1
	// kindMeaning records have a reference as key.
	kindMeaning
	// kindFact records have the fact's kind, a zero byte and its key as key.
	kindFact
)

// castagnoli is made by the first call of crc32.MakeTable and then shared.
func checksum(crc uint32, b []byte) uint32 {
	return crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), b)
}

// record is what a record's head says, with its key.
type record struct {
	kind         kind
	key          []byte
	bodyBytes    uint32
	stamp        int64
	bodyChecksum uint32
}

// sum is the record's key in an index: the digest of a document, a hash of any
// other key.
func (r *record) sum() sum {
	if r.kind == kindDocument {
		return sum(r.key)
	}
	return hashKey(r.kind, r.key)
}

func hashKey(k kind, key []byte) sum {
	return sha256.Sum256(append([]byte{byte(k)}, key...))
}

func (r *record) appendHead(b []byte, m mark) []byte {
	start := len(b)
	b = append(b, m[:]...)
	b = append(b, byte(r.kind), 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(r.key)))
	b = binary.LittleEndian.AppendUint32(b, r.bodyBytes)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.stamp))
	b = binary.LittleEndian.AppendUint32(b, r.bodyChecksum)
	crc := checksum(checksum(0, b[start:]), r.key)
	b = binary.LittleEndian.AppendUint32(b, crc)
	return append(b, r.key...)
}

// parseHead reads a record's head and key from the start of b; false if they
// are cut off, damaged, or those of another pack.
func parseHead(b []byte, m mark) (record, bool) {
	if len(b) < recordHeadBytes || mark(b[:8]) != m {
		return record{}, false
	}
	r := record{
		kind:         kind(b[8]),
		bodyBytes:    binary.LittleEndian.Uint32(b[12:]),
		stamp:        int64(binary.LittleEndian.Uint64(b[16:])),
		bodyChecksum: binary.LittleEndian.Uint32(b[24:]),
	}
	end := recordHeadBytes + int(binary.LittleEndian.Uint16(b[10:]))
	if end > len(b) {
		return record{}, false
	}
	r.key = b[recordHeadBytes:end]
	want := binary.LittleEndian.Uint32(b[28:])
	if checksum(checksum(0, b[:28]), r.key) != want {
		return record{}, false
	}
	return r, plausible(r.kind, len(r.key), r.bodyBytes)
}

func plausible(k kind, keyBytes int, bodyBytes uint32) bool {
	return k >= kindDocument && k <= kindFact && keyBytes <= maxKeyBytes && bodyBytes <= MaxDocumentBytes &&
		(k != kindDocument || keyBytes == len(sum{}))
}

func appendPackHead(b []byte, m mark) []byte {
	b = append(append(b, packMagic...), m[:]...)
	b = binary.LittleEndian.AppendUint32(b, checksum(0, b))
	return append(b, 0, 0, 0, 0)
}

func parsePackHead(b []byte) (m mark, ok bool) {
	if len(b) < packHeadBytes || string(b[:8]) != packMagic || binary.LittleEndian.Uint32(b[16:]) != checksum(0, b[:16]) {
		return m, false
	}
	return mark(b[8:16]), true
}

// scan finds the sound records of a pack of size bytes, whatever it holds. It
// keeps at most some 64 KiB of it in memory. Damaged counts the places after
// which more records were found; a record cut off at the end is none of them:
// its writer was stopped or is still at work. Time is linear in size: once as
// many bytes as the pack has stood in records that turned out damaged, the rest
// is given up.
func scan(r io.ReaderAt, size int64) (m mark, entries []entry, damaged int) {
	w := window{r: r, size: min(size, maxPackFileBytes)}
	m, ok := parsePackHead(w.at(0, packHeadBytes))
	if !ok {
		return m, nil, 0
	}
	for pos := int64(packHeadBytes); pos < w.size && w.wasted <= w.size; {
		if e, next, ok := w.record(pos, m); ok {
			entries = append(entries, e)
			pos = next
			continue
		}
		if pos, ok = w.find(pos+1, m); !ok {
			break
		}
		damaged++
	}
	return m, entries, damaged
}

// window reads a file of size bytes piece by piece.
type window struct {
	r     io.ReaderAt
	size  int64
	start int64
	buf   []byte
	// wasted counts the body bytes of damaged records.
	wasted int64
}

const windowBytes = 64 << 10

// at returns up to n bytes from pos on, n at most windowBytes; fewer at the end
// of the file or if it cannot be read. They are valid until the next call.
func (w *window) at(pos int64, n int) []byte {
	if pos < w.start || pos+int64(n) > w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowBytes)
		}
		got, _ := w.r.ReadAt(w.buf[:min(windowBytes, max(0, w.size-pos))], pos)
		w.start, w.buf = pos, w.buf[:got]
	}
	have := w.buf[min(int64(len(w.buf)), pos-w.start):]
	return have[:min(n, len(have))]
}

// record reads the record at pos and returns where the next one starts.
func (w *window) record(pos int64, m mark) (e entry, next int64, ok bool) {
	rec, ok := parseHead(w.at(pos, recordHeadBytes+maxKeyBytes), m)
	if !ok {
		return entry{}, 0, false
	}
	e = entry{rec.sum(), rec.kind, uint16(len(rec.key)), uint32(pos), rec.bodyBytes, rec.stamp}
	body := pos + recordHeadBytes + int64(len(rec.key))
	next = body + int64(rec.bodyBytes)
	if next > w.size {
		return entry{}, 0, false
	}
	var crc uint32
	for body < next {
		part := w.at(body, int(min(next-body, windowBytes)))
		if len(part) == 0 {
			return entry{}, 0, false
		}
		crc = checksum(crc, part)
		body += int64(len(part))
	}
	if crc != rec.bodyChecksum {
		w.wasted += int64(rec.bodyBytes)
		return entry{}, 0, false
	}
	return e, next, true
}

// find returns the first place from pos on where mark m stands.
func (w *window) find(pos int64, m mark) (int64, bool) {
	for {
		part := w.at(pos, windowBytes)
		if i := bytes.Index(part, m[:]); i >= 0 {
			return pos + int64(i), true
		}
		if len(part) < len(m) {
			return 0, false
		}
		pos += int64(len(part) - len(m) + 1)
	}
}
