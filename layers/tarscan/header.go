package tarscan

import (
	"bytes"
	"errors"
	"strconv"
)

// headerBytes is the length of a tar header and the unit of all that follows it.
const headerBytes = 512

// Types of entries (POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual,
// "Basic Tar Format").
const (
	typeRegular   = '0'
	typeRegularV7 = 0
	typeHardLink  = '1'
	typeSymlink   = '2'
	typeChar      = '3'
	typeBlock     = '4'
	typeDirectory = '5'
	typeFifo      = '6'
	typeLongName  = 'L' // GNU: the body is the next entry's name
	typeLongLink  = 'K' // GNU: the body is the next entry's link target
	typeRecords   = 'x' // pax: the body extends the next header
	typeGlobal    = 'g' // pax: the body extends all headers from here on
	typeSparse    = 'S' // GNU, old format
)

// header is one header block, decoded. The slices point into the block.
type header struct {
	typ                byte
	gnu                bool // the block is in GNU's format
	prefix, name, link []byte
	bodyBytes          int64 // by the size field; meaningless for types without a body
	mode, uid, gid     int64
	major, minor       int64
}

var errChecksum = errors.New("not a tar header: its checksum is wrong")

// parseHeader decodes a block as archive/tar does, timestamps and owner names
// left out.
func parseHeader(b []byte) (header, error) {
	if !checksumFits(b) {
		return header{}, errChecksum
	}
	var n numbers
	h := header{
		name: cString(b[:100]), mode: n.parse("mode", b[100:108]), uid: n.parse("uid", b[108:116]), gid: n.parse("gid", b[116:124]),
		bodyBytes: n.parse("size", b[124:136]), typ: b[156], link: cString(b[157:257]),
	}
	ustar, gnu := string(b[257:263]) == "ustar\x00", string(b[257:265]) == "ustar  \x00"
	if ustar || gnu {
		h.major, h.minor = n.parse("major device number", b[329:337]), n.parse("minor device number", b[337:345])
	}
	switch {
	case ustar && string(b[508:512]) == "tar\x00": // Schily's star
		h.prefix = cString(b[345:476])
	case ustar:
		h.prefix = cString(b[345:500])
	case gnu:
		h.gnu = true
		h.prefix = oldGoPrefix(b)
	}
	return h, n.err
}

// oldGoPrefix returns the prefix that Go before 1.8 wrote by mistake where GNU's
// format has times, if that is what stands there (golang.org/issue/12594).
func oldGoPrefix(b []byte) []byte {
	var times numbers
	for _, field := range [][]byte{b[345:357], b[357:369]} {
		if field[0] != 0 {
			times.parse("time", field)
		}
	}
	prefix := cString(b[345:500])
	isASCII := !bytes.ContainsFunc(prefix, func(r rune) bool { return r >= 0x80 })
	if times.err == nil || !isASCII {
		return nil
	}
	return prefix
}

// checksumFits compares the sum of the block's bytes with the one stated. Old Sun
// tars summed signed bytes.
func checksumFits(b []byte) bool {
	var unsigned, signed int64
	for _, c := range b[:headerBytes] {
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	for _, c := range b[148:156] { // the field itself counts as spaces
		unsigned += ' ' - int64(c)
		signed += ' ' - int64(int8(c))
	}
	var n numbers
	stated := n.octal("checksum", b[148:156])
	return n.err == nil && (stated == unsigned || stated == signed)
}

// cString returns b up to its first NUL.
func cString(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}

// numbers parses numeric fields and keeps the first error.
type numbers struct{ err error }

// parse reads octal digits or, if the first bit is set, a big-endian two's
// complement number (GNU tar manual, "Extensions", base-256).
func (n *numbers) parse(field string, b []byte) int64 {
	if b[0]&0x80 == 0 {
		return n.octal(field, b)
	}
	var invert byte
	if b[0]&0x40 != 0 {
		invert = 0xff
	}
	var x uint64
	for i, c := range b {
		c ^= invert
		if i == 0 {
			c &= 0x7f
		}
		if x>>55 > 0 {
			n.fail(field)
			return 0
		}
		x = x<<8 | uint64(c)
	}
	if invert != 0 {
		return ^int64(x)
	}
	return int64(x)
}

// octal reads octal digits, with spaces and NULs around them; none is zero.
func (n *numbers) octal(field string, b []byte) int64 {
	b = cString(bytes.Trim(b, " \x00"))
	if len(b) == 0 {
		return 0
	}
	var x int64
	for _, c := range b {
		if c < '0' || c > '7' {
			n.fail(field)
			return 0
		}
		x = x<<3 | int64(c-'0') // at most 12 digits: 36 bits
	}
	return x
}

// decimal reads a number of a pax record.
func (n *numbers) decimal(field string, b []byte) int64 {
	x, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		n.fail(field)
	}
	return x
}

func (n *numbers) fail(field string) {
	if n.err == nil {
		n.err = errors.New("the header's " + field + " is no number")
	}
}
