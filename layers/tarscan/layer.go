package tarscan

import "cmp"

// Compressions, told by the blob's first bytes whatever its media type says.
const (
	Gzip = "gzip"
	Zstd = "zstd"
	// None is an uncompressed tar; an empty blob counts as one.
	None = "none"
)

// Layer is what one blob holds.
//
// Files, Directories, Symlinks, HardLinks, Devices, Fifos, Other and Markers add
// up to Entries.
type Layer struct {
	// Digest is the SHA-256 of the blob as read, "sha256:" and hex digits; empty
	// if it was not read to its end.
	Digest string `json:"digest,omitempty"`
	// DiffID is the SHA-256 of the uncompressed tar with all its padding and
	// whatever follows its end; empty if it was not inflated to its end.
	DiffID string `json:"diffID,omitempty"`
	// Compression is Gzip, Zstd or None; empty if not even that could be told.
	Compression string `json:"compression,omitempty"`
	// CompressedBytes is the length of the blob as read.
	CompressedBytes int64 `json:"compressedBytes"`
	// UnpackedBytes is the length of what DiffID is the hash of.
	UnpackedBytes int64 `json:"unpackedBytes"`
	// Entries counts the tar's entries; headers that only extend or describe
	// others (pax, GNU long names) are not among them.
	Entries int64 `json:"entries"`
	// FileBytes is the sum of the regular files' contents; a sparse file counts
	// with what the tar stores of it (data and, in pax format 1.0, its map).
	FileBytes int64 `json:"fileBytes"`

	Files       int64 `json:"files"`
	Directories int64 `json:"directories"`
	Symlinks    int64 `json:"symlinks"`
	HardLinks   int64 `json:"hardLinks"`
	// Devices are character and block devices; Fifos are named pipes.
	Devices int64 `json:"devices"`
	Fifos   int64 `json:"fifos"`
	// Other are entries of a type that runtimes do not unpack.
	Other int64 `json:"other"`
	// Markers are entries that only hide what lower layers hold: ".wh.NAME",
	// ".wh..wh..opq", character device 0/0, and aufs's own ".wh..wh." files.
	Markers int64 `json:"markers"`

	// Whiteouts counts the paths of lower layers that this one deletes.
	Whiteouts int64 `json:"whiteouts"`
	// OpaqueDirectories counts the directories whose contents in lower layers
	// this one hides, by a ".wh..wh..opq" in it or by overlayfs's extended
	// attribute (trusted.overlay.opaque or user.overlay.opaque, value y).
	OpaqueDirectories int64 `json:"opaqueDirectories"`
	// SparseFiles counts the Files that are stored without their holes.
	SparseFiles int64 `json:"sparseFiles,omitempty"`

	// Largest are the largest regular files, largest first, then by path.
	Largest []File `json:"largest,omitempty"`
	// ContentFingerprint is the same for two tars that would be unpacked to the
	// same tree but for timestamps, 32 hex digits. It covers every entry's path,
	// type, permission bits, numeric owner, link target, device numbers, extended
	// attributes and contents. It does not cover timestamps, owner names, the
	// order of entries, header dialect, padding, and what a lazy format adds
	// (LazyEntries). A tar that lists a path twice, or names another of a file's
	// hard links first, has a fingerprint of its own, though it may unpack to the
	// same tree.
	//
	// It is made of XXH3 (128 bits) and is no protection against someone who
	// wants two different layers to look alike. Empty if the tar was not read to
	// its end.
	ContentFingerprint string `json:"contentFingerprint,omitempty"`

	// Lazy names the format that lets a runtime read the blob in parts, told by
	// the blob's footer: EStargz, ZstdChunked, or empty.
	Lazy string `json:"lazy,omitempty"`
	// LazyEntries counts the Files that a lazy format added: stargz.index.json,
	// .prefetch.landmark, .no.prefetch.landmark. They count in Files and
	// FileBytes, since an ordinary runtime unpacks them too. LazyEntries without
	// Lazy means that the blob was recompressed and can no longer be read lazily.
	LazyEntries int64 `json:"lazyEntries,omitempty"`

	// EndMarker says whether the tar ends with its two blocks of zeros (or one,
	// at the very end). Runtimes accept a tar without, but a tar cut off between
	// two entries looks the same.
	EndMarker bool `json:"endMarker"`
	// TrailingBytes counts what follows the end marker, from the first byte there
	// that is not zero; runtimes hash it and ignore it.
	TrailingBytes int64 `json:"trailingBytes,omitempty"`

	// Footprint is the path table, if it was asked for and no error occurred.
	Footprint *Footprint `json:"-"`
}

// File is a regular file of a tar.
type File struct {
	// Path is relative to the root, without leading slash or "./".
	Path string `json:"path"`
	// Bytes is the size of the contents as stored.
	Bytes int64 `json:"bytes"`
}

// compareFiles orders largest first, then by path.
func compareFiles(a, b File) int {
	return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Path, b.Path))
}
