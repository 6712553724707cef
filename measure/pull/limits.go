package pull

import (
	"fmt"
	"math"
	"strings"
)

// Limits bound what a layer may hold, so that a hostile one is refused before it
// fills the disk. A value of zero or less takes the default.
type Limits struct {
	// MaxRatio is how many times larger than its blob a layer's tar, and its files
	// together, may be; default 200, where common layers stay below 10. The first
	// 256 MiB are free.
	MaxRatio float64
	// MaxEntries bounds the tar's entries, together with the directories that their
	// names imply; default 4,000,000.
	MaxEntries int64
	// MaxUnpackedBytes bounds the tar and its files together; default 1 TiB.
	MaxUnpackedBytes int64
}

// tooMuch ends the errors of what is beyond Limits.
const tooMuch = ": an image that is to be trusted can be measured with containerd, which has no such limit"

// freeBytes are not measured against MaxRatio: small layers of zeros are harmless,
// and gzip reaches 1,032.
const freeBytes = 256 << 20

// maxPathBytes bounds names and link targets (PATH_MAX of Linux).
const maxPathBytes = 4096

func (l Limits) withDefaults() Limits {
	if !(l.MaxRatio > 0) {
		l.MaxRatio = 200
	}
	if l.MaxEntries <= 0 {
		l.MaxEntries = 4_000_000
	}
	if l.MaxUnpackedBytes <= 0 {
		l.MaxUnpackedBytes = 1 << 40
	}
	return l
}

// tarBytes is how long the tar of a blob of so many bytes may be.
func (l Limits) tarBytes(compressedBytes int64) int64 {
	most := l.MaxRatio * float64(compressedBytes)
	if most >= math.MaxInt64 {
		return l.MaxUnpackedBytes
	}
	return min(l.MaxUnpackedBytes, max(freeBytes, int64(most)))
}

// Skipped counts what layers hold and could not be made here, or not as it is.
type Skipped struct {
	// Devices and Fifos were left out, which need root.
	Devices, Fifos int64
	// Owners are entries that belong to this user, since only root gives files away.
	Owners int64
	// Xattrs are extended attributes that were not permitted.
	Xattrs int64
	// Whiteouts and OpaqueDirectories are kept as files of the tar's names, not as
	// overlayfs has them.
	Whiteouts, OpaqueDirectories int64
	// LinksBelow are hard links to files of lower layers, of which a copy was made;
	// LostLinks such links to what is in no layer that is visible then.
	LinksBelow, LostLinks int64
}

// or is the larger count of each.
func (s Skipped) or(t Skipped) Skipped {
	return Skipped{
		Devices: max(s.Devices, t.Devices), Fifos: max(s.Fifos, t.Fifos), Owners: max(s.Owners, t.Owners), Xattrs: max(s.Xattrs, t.Xattrs),
		Whiteouts: max(s.Whiteouts, t.Whiteouts), OpaqueDirectories: max(s.OpaqueDirectories, t.OpaqueDirectories),
		LinksBelow: max(s.LinksBelow, t.LinksBelow), LostLinks: max(s.LostLinks, t.LostLinks),
	}
}

func (s *Skipped) add(t Skipped) {
	s.Devices += t.Devices
	s.Fifos += t.Fifos
	s.Owners += t.Owners
	s.Xattrs += t.Xattrs
	s.Whiteouts += t.Whiteouts
	s.OpaqueDirectories += t.OpaqueDirectories
	s.LinksBelow += t.LinksBelow
	s.LostLinks += t.LostLinks
}

// String lists what there is; empty when nothing was skipped.
func (s Skipped) String() string {
	var parts []string
	for _, c := range []struct {
		n    int64
		what string
	}{
		{s.Devices, "devices left out"},
		{s.Fifos, "fifos left out"},
		{s.Owners, "entries with another owner than stated"},
		{s.Xattrs, "extended attributes left out"},
		{s.Whiteouts, "whiteouts kept as marker files"},
		{s.OpaqueDirectories, "opaque directories kept as marker files"},
		{s.LinksBelow, "hard links to lower layers copied"},
		{s.LostLinks, "hard links to nothing left out"},
	} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	return strings.Join(parts, ", ")
}
