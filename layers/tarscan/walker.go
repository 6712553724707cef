package tarscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// walker takes a tar block by block, however it is cut, and fills in a Layer.
// It copies headers at most, never contents.
//
// It reads what archive/tar reads. What differs: a sparse file is taken as it is
// stored, its holes are neither checked nor filled.
type walker struct {
	layer  *Layer
	limits Limits
	// err is what is wrong with the tar; nothing after it is read. overrun is the
	// limit that was passed.
	err, overrun *Error

	offset  int64 // of the next byte
	blockAt int64 // where the header block that was read last begins
	state   state
	block   []byte // of a header that came in pieces
	zeros   int    // blocks of zeros met in a row
	left    int64  // bytes left of the body that is being read
	padding int64  // bytes that fill the last block of that body

	extension extension
	entry     entry
	fingerprint
	largest  []File
	nLargest int
	recorder *recorder // nil if no Footprint is wanted
}

type state uint8

const (
	inHeader state = iota
	inExtension
	inSparseMap
	inContent
	inPadding
	afterEnd
)

// extension is what extension headers say about the next entry.
type extension struct {
	typ                byte // of the body being read
	body               []byte
	records            []byte // the pax header's own memory
	pax                paxHeader
	longName, longLink []byte
}

// reset forgets all but the memory.
func (x *extension) reset() {
	x.pax = paxHeader{kept: x.pax.kept[:0]}
	x.longName, x.longLink = x.longName[:0], x.longLink[:0]
}

func newWalker(layer *Layer, limits Limits, opt Options) *walker {
	w := &walker{layer: layer, limits: limits, nLargest: opt.Largest}
	if w.nLargest == 0 {
		w.nLargest = 10
	}
	if opt.Footprint {
		w.recorder = newRecorder(limits.MaxEntries)
	}
	return w
}

// write takes the next bytes of the tar.
func (w *walker) write(p []byte) {
	for len(p) > 0 && w.err == nil && w.overrun == nil {
		n := w.step(p)
		p = p[n:]
		w.offset += int64(n)
	}
}

// step takes as many bytes as belong together and says how many.
func (w *walker) step(p []byte) int {
	switch w.state {
	case inHeader, inSparseMap:
		return w.stepBlock(p)
	case afterEnd:
		w.trailing(p)
		return len(p)
	}
	n := int(min(int64(len(p)), w.left))
	switch w.state {
	case inExtension:
		w.extension.body = append(w.extension.body, p[:n]...)
	case inContent:
		w.content(p[:n], int64(n) == w.left)
	}
	if w.left -= int64(n); w.left == 0 {
		w.endBody()
	}
	return n
}

// stepBlock gathers a whole block.
func (w *walker) stepBlock(p []byte) int {
	if len(w.block) == 0 {
		w.blockAt = w.offset
	}
	if len(w.block) == 0 && len(p) >= headerBytes {
		w.takeBlock(p[:headerBytes])
		return headerBytes
	}
	n := min(len(p), headerBytes-len(w.block))
	w.block = append(w.block, p[:n]...)
	if len(w.block) == headerBytes {
		w.takeBlock(w.block)
		w.block = w.block[:0]
	}
	return n
}

func (w *walker) takeBlock(b []byte) {
	if w.state == inSparseMap {
		w.sparseMap(b)
		return
	}
	switch {
	case isZero(b):
		w.zero()
	case w.zeros > 0:
		w.corrupt(errors.New("a block of zeros is followed by something else"))
	default:
		w.takeHeader(b)
	}
}

// zero counts the blocks of zeros: two end the tar.
func (w *walker) zero() {
	if w.zeros++; w.zeros == 2 {
		w.end()
	}
}

func (w *walker) end() {
	w.state = afterEnd
	w.layer.EndMarker = true
	w.entry.name = w.entry.name[:0]
}

func (w *walker) takeHeader(b []byte) {
	h, err := parseHeader(b)
	switch {
	case err != nil:
		w.corrupt(err)
	case h.typ == typeRecords || h.typ == typeGlobal || h.typ == typeLongName || h.typ == typeLongLink:
		w.beginExtension(&h)
	default:
		w.beginEntry(&h, b)
	}
}

func (w *walker) beginExtension(h *header) {
	switch {
	case h.bodyBytes < 0:
		w.corrupt(errNegative)
	case h.bodyBytes > maxExtensionBytes:
		w.exceed("bytes of an extension header", h.bodyBytes, maxExtensionBytes)
	default:
		w.extension.typ, w.extension.body = h.typ, w.extension.body[:0]
		w.body(inExtension, h.bodyBytes)
	}
}

var errNegative = errors.New("the header's size is negative")

// body begins a body of so many bytes.
func (w *walker) body(s state, bytes int64) {
	w.state, w.left, w.padding = s, bytes, -bytes&(headerBytes-1)
	if bytes == 0 {
		w.endBody()
	}
}

// endBody ends what was being read and goes on with its padding or, without any,
// with the next header.
func (w *walker) endBody() {
	switch w.state {
	case inExtension:
		w.endExtension()
	case inContent:
		w.endEntry()
	}
	w.state = inHeader
	if w.padding > 0 {
		w.state, w.left, w.padding = inPadding, w.padding, 0
	}
}

func (w *walker) endExtension() {
	x := &w.extension
	switch x.typ {
	case typeLongName:
		x.longName = append(x.longName[:0], cString(x.body)...)
	case typeLongLink:
		x.longLink = append(x.longLink[:0], cString(x.body)...)
	default:
		// The records point into the body, which the next extension overwrites.
		x.records = append(x.records[:0], x.body...)
		if err := x.pax.parse(x.records); err != nil {
			w.corrupt(err)
		}
	}
	// archive/tar, and so every runtime, ignores global records, and with them
	// what stood before: they are an entry of their own to it.
	if x.typ == typeGlobal {
		x.reset()
	}
}

// trailing takes what follows the tar's end.
func (w *walker) trailing(p []byte) {
	if w.layer.TrailingBytes == 0 {
		p = bytes.TrimLeft(p, "\x00")
	}
	w.layer.TrailingBytes += int64(len(p))
}

// close says that there is no more.
func (w *walker) close() {
	switch {
	case w.err != nil || w.overrun != nil || w.state == afterEnd:
	case w.state == inPadding || w.state == inHeader && len(w.block) == 0:
		if w.zeros == 1 {
			w.end()
		}
	default:
		w.err = &Error{Reason: Truncated, InTar: true, Offset: w.offset, Err: fmt.Errorf("the tar ends early: %w", io.ErrUnexpectedEOF)}
	}
}

func (w *walker) corrupt(err error) {
	if w.err == nil {
		w.err = &Error{Reason: CorruptTar, InTar: true, Offset: w.blockAt, Err: err}
	}
}

func (w *walker) exceed(limit string, value, most int64) {
	if w.overrun == nil {
		w.overrun = exceeded(limit, value, most, w.blockAt)
	}
}

// current names the entry that is being read, or the one before.
func (w *walker) current() string { return string(w.entry.name) }

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
