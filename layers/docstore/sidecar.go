package docstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// The index of a finished pack stands beside it, so that opening a store reads
// no bodies. It is a help only: what it says is checked when a record is read,
// and it is made anew from the pack when it is missing or damaged.
//
//	head   magic [8] · mark [8] · pack bytes uint64 · entries uint32
//	entry  sum [32] · kind uint8 · 0 uint8 · key bytes uint16 · offset uint32 ·
//	       body bytes uint32 · stamp int64
//	tail   checksum of all before it uint32
const (
	sidecarMagic     = "cbindex\x01"
	sidecarHeadBytes = 28
	entryBytes       = 52
	sidecarTailBytes = 4
)

// entry is a record as an index lists it.
type entry struct {
	sum       sum
	kind      kind
	keyBytes  uint16
	offset    uint32
	bodyBytes uint32
	stamp     int64
}

// end is where the record ends in its pack.
func (e *entry) end() int64 {
	return int64(e.offset) + recordHeadBytes + int64(e.keyBytes) + int64(e.bodyBytes)
}

func sidecarBytes(entries int) int64 {
	return sidecarHeadBytes + int64(entries)*entryBytes + sidecarTailBytes
}

func appendSidecar(b []byte, m mark, packBytes int64, entries []entry) []byte {
	start := len(b)
	b = append(append(b, sidecarMagic...), m[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(packBytes))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(entries)))
	for i := range entries {
		e := &entries[i]
		b = append(b, e.sum[:]...)
		b = append(b, byte(e.kind), 0)
		b = binary.LittleEndian.AppendUint16(b, e.keyBytes)
		b = binary.LittleEndian.AppendUint32(b, e.offset)
		b = binary.LittleEndian.AppendUint32(b, e.bodyBytes)
		b = binary.LittleEndian.AppendUint64(b, uint64(e.stamp))
	}
	return binary.LittleEndian.AppendUint32(b, checksum(0, b[start:]))
}

// parseSidecar checks the index of a pack of packBytes and returns its entries
// as they stand; false unless all of it is sound.
func parseSidecar(b []byte, packBytes int64) (m mark, entries []byte, ok bool) {
	if len(b) < sidecarHeadBytes+sidecarTailBytes || string(b[:8]) != sidecarMagic ||
		binary.LittleEndian.Uint64(b[16:]) != uint64(packBytes) {
		return m, nil, false
	}
	n := int64(binary.LittleEndian.Uint32(b[24:]))
	body, tail := b[:len(b)-sidecarTailBytes], b[len(b)-sidecarTailBytes:]
	if int64(len(body)) != sidecarHeadBytes+n*entryBytes || checksum(0, body) != binary.LittleEndian.Uint32(tail) {
		return m, nil, false
	}
	return mark(b[8:16]), body[sidecarHeadBytes:], true
}

// parseEntries calls add for each entry that fits a pack of packBytes.
func parseEntries(b []byte, packBytes int64, add func(*entry)) {
	var e entry
	for ; len(b) >= entryBytes; b = b[entryBytes:] {
		e.parse(b)
		if plausible(e.kind, int(e.keyBytes), e.bodyBytes) && e.end() <= packBytes {
			add(&e)
		}
	}
}

func (e *entry) parse(b []byte) {
	_ = b[entryBytes-1]
	e.sum = sum(b[:32])
	e.kind = kind(b[32])
	e.keyBytes = binary.LittleEndian.Uint16(b[34:])
	e.offset = binary.LittleEndian.Uint32(b[36:])
	e.bodyBytes = binary.LittleEndian.Uint32(b[40:])
	e.stamp = int64(binary.LittleEndian.Uint64(b[44:]))
}

// readSidecar reads the index file of a pack of packBytes, in buf where it fits.
// A file that is too large for such a pack is not read.
func readSidecar(dir *os.Root, name string, packBytes int64, buf []byte) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > sidecarHeadBytes+sidecarTailBytes+packBytes/recordHeadBytes*entryBytes {
		return nil, errors.New("too large")
	}
	buf = slices.Grow(buf[:0], int(info.Size()))[:info.Size()]
	_, err = io.ReadFull(f, buf)
	return buf, err
}

// writeSidecar puts the index in place in one step.
func writeSidecar(dir *os.Root, name string, m mark, packBytes int64, entries []entry) error {
	b := appendSidecar(make([]byte, 0, sidecarBytes(len(entries))), m, packBytes, entries)
	temp := tempName()
	err := dir.WriteFile(temp, b, 0o600)
	if err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		_ = dir.Remove(temp)
		return fmt.Errorf("write a pack's index: %w", err)
	}
	return nil
}
