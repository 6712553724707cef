package tarscan

import "math"

// Limits bound what a blob may hold, so that a hostile one is refused by name
// before it costs much. A value of zero or less takes the default.
type Limits struct {
	// MaxRatio is how many times larger than the blob the tar may be; default
	// 200, where common layers stay below 10. The first 256 MiB of a tar are
	// free, since small layers of zeros are harmless and gzip reaches 1,032. The
	// blob's size is the stated one if known, else what was read so far.
	MaxRatio float64
	// MaxEntries bounds the entries; default 4,000,000. With Options.Footprint it
	// bounds the path table too (24 bytes an entry, sorted at the end).
	MaxEntries int64
	// MaxPathBytes bounds each path and link target; default 4,096 (PATH_MAX of
	// Linux).
	MaxPathBytes int
	// MaxUnpackedBytes bounds the tar, and a blob of unknown size; default 1 TiB.
	MaxUnpackedBytes int64
}

// freeBytes is the length up to which a tar is not measured against MaxRatio.
const freeBytes = 256 << 20

// maxExtensionBytes bounds a header that extends the next one (pax records, GNU
// long names, sparse maps), as archive/tar and libarchive do.
const maxExtensionBytes = 1 << 20

func (l Limits) withDefaults() Limits {
	if !(l.MaxRatio > 0) {
		l.MaxRatio = 200
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = 4_000_000
	}
	if l.MaxPathBytes <= 0 {
		l.MaxPathBytes = 4096
	}
	if l.MaxUnpackedBytes <= 0 {
		l.MaxUnpackedBytes = 1 << 40
	}
	return l
}

// ratioBytes is how long the tar of a blob of so many bytes may be.
func (l Limits) ratioBytes(compressedBytes int64) int64 {
	bytes := l.MaxRatio * float64(compressedBytes)
	if bytes >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(freeBytes, int64(bytes))
}
