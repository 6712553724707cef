package tarscan

import "bytes"

// Formats that let a runtime read a blob in parts.
const (
	EStargz     = "estargz"
	ZstdChunked = "zstd:chunked"
)

// tailBytes is the length of the longest footer: zstd:chunked's frame.
const tailBytes = 72

var zstdChunkedMagic = []byte("GNUlInUx")

// lazyFormat tells a lazy format by the blob's last bytes.
//
// eStargz ends with an empty gzip member whose extra field holds the offset of
// the table of contents and "STARGZ": 51 bytes, or 47 as first defined (CRFS).
// zstd:chunked ends with a skippable frame of 64 bytes (containers/storage) or 40
// (stargz-snapshotter), of which the last eight are "GNUlInUx".
func lazyFormat(compression string, tail []byte) string {
	switch {
	case compression == Gzip && (isStargzFooter(tail, 51, 16) || isStargzFooter(tail, 47, 12)):
		return EStargz
	case compression == Zstd && (isChunkedFooter(tail, 64) || isChunkedFooter(tail, 40)):
		return ZstdChunked
	}
	return ""
}

// isStargzFooter looks for a footer of n bytes whose 16 hex digits start at the
// given place.
func isStargzFooter(tail []byte, n, digits int) bool {
	if len(tail) < n {
		return false
	}
	footer := tail[len(tail)-n:]
	return bytes.HasPrefix(footer, []byte("\x1f\x8b\x08\x04")) && bytes.HasPrefix(footer[digits+16:], []byte("STARGZ"))
}

// isChunkedFooter looks for a skippable frame of n bytes of content.
func isChunkedFooter(tail []byte, n int) bool {
	if len(tail) < n+8 {
		return false
	}
	frame := tail[len(tail)-n-8:]
	return bytes.HasPrefix(frame, []byte{0x50, 0x2a, 0x4d, 0x18, byte(n), 0, 0, 0}) && bytes.HasSuffix(frame, zstdChunkedMagic)
}

// isLazyEntry says whether a lazy format added the regular file at path.
func isLazyEntry(path []byte) bool {
	switch string(path) {
	case "stargz.index.json", ".prefetch.landmark", ".no.prefetch.landmark":
		return true
	}
	return false
}
