// Package layers turns image references into an Inventory: which layers each
// image is made of, base layer first, how big they are, and which of them are
// the same; and says what the images of an Inventory share.
//
// The model is the registry's own: a reference names an index or a manifest;
// an index names a manifest for each platform; a manifest names a config and
// the layers' blobs; the config names the layers' diffIDs. No layer blob is
// downloaded unless the options ask for it. References name registries, or
// sources on this machine as containers-transports(5) does: oci:, oci-archive:,
// docker-archive:, docker-daemon:, containerd:.
//
// Four sizes are kept apart: a blob's compressed bytes are stated by the manifest,
// or measured or estimated where the source keeps none compressed
// (CompressedSource); a tar's unpacked bytes are measured, or estimated by the
// gzip trailer or by a ratio (UnpackedSource, UnpackedMethod).
//
// It does not decide what to cache and does not know ECI; see packages matcher
// and plan. Registries are spoken to by package distribution, what was looked up
// is kept by docstore, local reads what is on this machine, tarscan a layer's tar.
//
// Sources of the rules: the OCI image specification v1.1.1 (manifest.md,
// config.md, image-index.md, layer.md) and the Docker Image Manifest Version 2,
// Schema 2 specification.
//
// Use: Resolve references into an Inventory, or Read one from a file; then ask
// it for Find, Chains, Union and Sharing. LastTags finds a repository's newest
// images.
package layers

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// InventoryKind is the kind of a saved Inventory (design: files).
const InventoryKind = "Inventory"

// Where an unpacked size comes from.
const (
	// Measured sizes were counted on the uncompressed tar.
	Measured = "measured"
	// Estimated sizes are a ratio times the compressed size.
	Estimated = "estimated"
)

// Inventory lists images and the distinct layers that they are made of.
type Inventory struct {
	// ResolvedAt is when the references were looked up.
	ResolvedAt time.Time `json:"resolvedAt"`
	// Images are in the order in which the references were given; one reference
	// stands once for each platform asked for, and again with a later From when
	// its tag moved.
	Images []Image `json:"images"`
	// Layers are interned: each digest stands once.
	Layers []Layer `json:"layers"`
	// Unresolved lists references that could not be read, with the reason.
	Unresolved []Unresolved `json:"unresolved,omitempty"`
	// Unscanned lists layers that were to be read and could not be, and those that a
	// layout or archive on this machine should hold and does not.
	Unscanned []Unscanned `json:"unscanned,omitempty"`
	// Doubts are reasons to trust an entry less, one sentence each: a digest that
	// two images give different diffIDs, a layer that could not be scanned.
	Doubts []string `json:"doubts,omitempty"`
}

// Image is one platform's image behind a reference.
type Image struct {
	// Reference is the name as the user wrote it.
	Reference string `json:"reference" document:"required"`
	// Digest is that of the platform's own manifest, or of the config where the
	// source keeps no manifest (docker-archive, docker-daemon); MediaType tells.
	Digest Digest `json:"digest" document:"required"`
	// IndexDigest is that of the index the manifest was chosen from; empty when
	// the reference names a manifest directly.
	IndexDigest Digest `json:"indexDigest,omitempty"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform" document:"required"`
	// MediaType is that of the document that Digest names.
	MediaType string `json:"mediaType"`
	// LazyFormat is a format for lazy pulling that the image as a whole is
	// prepared for, beside those of its layers.
	LazyFormat string `json:"lazyFormat,omitempty" document:"enum=soci|nydus"`
	// ConfigDigest is that of the image's config document.
	ConfigDigest Digest `json:"configDigest"`
	// CreatedAt is the time the config states; absent when it states none.
	CreatedAt time.Time `json:"createdAt,omitzero"`
	// From is the time from which the reference means this image; absent for
	// the first meaning.
	From time.Time `json:"from,omitzero"`
	// Layers are positions in Inventory.Layers, base layer first; [] of an image that has
	// none.
	Layers []int `json:"layers" document:"required"`
	// Hidden says, for each of Layers, which bytes of the layers below it hides;
	// absent unless every layer was scanned.
	Hidden []Hidden `json:"hidden,omitempty"`
}

// Hidden is what a layer of an image hides of the layers below: bytes that are
// fetched and unpacked though no container sees them.
type Hidden struct {
	// OverwrittenBytes are contents of files that the layer has again.
	OverwrittenBytes int64 `json:"overwrittenBytes,omitempty"`
	// DeletedBytes are contents of files that the layer's whiteouts delete.
	DeletedBytes int64 `json:"deletedBytes,omitempty"`
}

// Layer is one stored blob of an image.
type Layer struct {
	// Digest is the hash of the stored, usually compressed blob. Where the source
	// keeps layers uncompressed it is the diffID.
	Digest Digest `json:"digest" document:"required"`
	// DiffID is the hash of the uncompressed tar.
	DiffID Digest `json:"diffID,omitempty"`
	// MediaType tells the compression.
	MediaType string `json:"mediaType"`
	// CompressedBytes is the blob's size as stored, or what it would be where the
	// source keeps no compressed blob (see CompressedSource).
	CompressedBytes int64 `json:"compressedBytes" document:"required"`
	// CompressedSource says where CompressedBytes comes from: empty, it is stated
	// by the manifest or is the stored blob's; measured, the layer was compressed
	// here; estimated, it was not.
	CompressedSource string `json:"compressedSource,omitempty" document:"enum=measured|estimated"`
	// UnpackedBytes is the size of the uncompressed tar; nil when unknown.
	UnpackedBytes *int64 `json:"unpackedBytes,omitempty"`
	// UnpackedSource says where UnpackedBytes comes from; empty when unknown.
	UnpackedSource string `json:"unpackedSource,omitempty" document:"enum=measured|estimated"`
	// UnpackedMethod says how UnpackedBytes was estimated; empty when it was not.
	UnpackedMethod string `json:"unpackedMethod,omitempty" document:"enum=gzipTrailer|engine|createdBy|ratio"`
	// Files counts the tar's entries, each of at least 512 bytes; nil when unknown.
	Files *int64 `json:"files,omitempty"`
	// CreatedBy is the build step that made the layer, from the config's history.
	CreatedBy string `json:"createdBy,omitempty"`
	// Foreign layers are fetched from URLs of their own, not from the registry
	// (non-distributable layers, OCI image specification, layer.md).
	Foreign bool `json:"foreign,omitempty"`
	// LazyFormat is the format for lazy pulling that the layer is in, if any.
	LazyFormat string `json:"lazyFormat,omitempty" document:"enum=estargz|zstd:chunked|nydus|overlaybd"`
	// Scan is what reading the layer told; nil when it was not read.
	Scan *Scan `json:"scan,omitempty"`
}

// Scan is what reading a layer's tar to its end told about it.
type Scan struct {
	// FileBytes is the sum of the regular files' contents.
	FileBytes int64 `json:"fileBytes"`
	// Regular and the counts after it are the tar's entries by kind.
	Regular     int64 `json:"regular,omitempty"`
	Directories int64 `json:"directories,omitempty"`
	Symlinks    int64 `json:"symlinks,omitempty"`
	HardLinks   int64 `json:"hardLinks,omitempty"`
	Devices     int64 `json:"devices,omitempty"`
	Fifos       int64 `json:"fifos,omitempty"`
	// Whiteouts delete one path of the layers below, opaque directories all that
	// they hold there.
	Whiteouts         int64 `json:"whiteouts,omitempty"`
	OpaqueDirectories int64 `json:"opaqueDirectories,omitempty"`
	// Largest are the largest files, the largest first.
	Largest []File `json:"largest,omitempty"`
	// Fingerprint is the same for two layers whose files are the same but for
	// their timestamps.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// File is a file of a layer.
type File struct {
	Path  string `json:"path" document:"required"`
	Bytes int64  `json:"bytes"`
}

// How an unpacked size was estimated.
const (
	// GzipTrailer sizes stand at the end of the gzip file, modulo 4 GiB (RFC
	// 1952, ISIZE).
	GzipTrailer = "gzipTrailer"
	// Engine sizes are the sum of files that a Docker engine states.
	Engine = "engine"
	// ByCreatedBy sizes are the compressed size times a ratio that depends on the
	// build step.
	ByCreatedBy = "createdBy"
	// ByRatio sizes are the compressed size times one ratio.
	ByRatio = "ratio"
)

// Formats for lazy pulling.
const (
	EStargz     = "estargz"
	ZstdChunked = "zstd:chunked"
	SOCI        = "soci"
	Nydus       = "nydus"
	Overlaybd   = "overlaybd"
)

// Unresolved is a reference that could not be read.
type Unresolved struct {
	Reference string `json:"reference"`
	Reason    string `json:"reason"`
}

// Unscanned is a layer that could not be read.
type Unscanned struct {
	Digest Digest `json:"digest" document:"required"`
	Reason string `json:"reason"`
	// Absent: it was looked for and not read, and its layout or archive does not hold it,
	// or something else in its place.
	Absent bool `json:"absent,omitempty"`
}

// UnreadOf are the layers of the images behind references that are Unscanned.
func (inv *Inventory) UnreadOf(references []string) (list []Unscanned) {
	if inv == nil || len(inv.Unscanned) == 0 {
		return nil
	}
	asked, used := make(map[string]bool), make(map[Digest]bool)
	for _, reference := range references {
		asked[reference] = true
	}
	for i := range inv.Images {
		if asked[inv.Images[i].Reference] {
			for _, l := range inv.Images[i].Layers {
				used[inv.Layers[l].Digest] = true
			}
		}
	}
	for _, u := range inv.Unscanned {
		if used[u.Digest] {
			list = append(list, u)
		}
	}
	return list
}

// Read reads a saved Inventory from the bytes of the file called name.
func Read(name string, data []byte) (*Inventory, error) {
	var inv Inventory
	if err := document.Read(name, data, InventoryKind, &inv); err != nil {
		return nil, err
	}
	return &inv, nil
}

// Validate reports layer positions out of range, repeated layers in the layer
// table and sizes that cannot be.
func (inv *Inventory) Validate() error {
	seen := make(map[Digest]int, len(inv.Layers))
	for i, l := range inv.Layers {
		if first, ok := seen[l.Digest]; ok {
			return document.At(fmt.Sprintf("layers[%d].digest", i), "layer %s stands already at layers[%d]: list each digest once", l.Digest, first)
		}
		seen[l.Digest] = i
		if l.CompressedBytes > maxBytes || l.UnpackedBytes != nil && *l.UnpackedBytes > maxBytes {
			return document.At(fmt.Sprintf("layers[%d]", i), "layer %s has an impossible size: more than 1 PiB", l.Digest)
		}
		if (l.UnpackedBytes == nil) != (l.UnpackedSource == "") {
			return document.At(fmt.Sprintf("layers[%d]", i), "unpackedBytes and unpackedSource go together: give both or neither")
		}
		if l.Files != nil {
			if err := l.checkFiles(); err != nil {
				return document.At(fmt.Sprintf("layers[%d].files", i), "%v", err)
			}
		}
	}
	for i, img := range inv.Images {
		for j, l := range img.Layers {
			if l < 0 || l >= len(inv.Layers) {
				return document.At(fmt.Sprintf("images[%d].layers[%d]", i, j), "layer %d of image %s is outside the layer table (0 to %d)", l, img.Reference, len(inv.Layers)-1)
			}
		}
	}
	return nil
}

// entryBytes is what a tar entry takes at least, its header (POSIX.1-1988, ustar).
const entryBytes = 512

// checkFiles refuses a number of tar entries that the layer cannot have.
func (l *Layer) checkFiles() error {
	room := int64(maxBytes)
	if l.UnpackedSource == Measured {
		room = *l.UnpackedBytes
	}
	if *l.Files < 0 || *l.Files > room/entryBytes {
		return fmt.Errorf("layer %s cannot have %d tar entries: give 0 to %d, or leave files out where it is not known", l.Digest, *l.Files, room/entryBytes)
	}
	return nil
}

// Find returns the position of the image that reference means on platform at
// time at, or -1. An empty platform takes the first platform listed. Use a
// Lookup to find many.
func (inv *Inventory) Find(reference, platform string, at time.Time) int {
	best := -1
	for i := range inv.Images {
		if inv.Images[i].Reference == reference {
			best = inv.later(best, i, platform, at)
		}
	}
	return best
}

// later returns i if it is what its reference means on platform at at, given
// that best is of the images before it; else best.
func (inv *Inventory) later(best, i int, platform string, at time.Time) int {
	img := &inv.Images[i]
	if platform != "" && img.Platform != platform || img.From.After(at) {
		return best
	}
	if best < 0 || img.From.After(inv.Images[best].From) && img.Platform == inv.Images[best].Platform {
		return i
	}
	return best
}

// ByDiffID returns the layers by the hash of their uncompressed tars; of several
// with one diffID the first.
func (inv *Inventory) ByDiffID() map[Digest]Layer {
	known := make(map[Digest]Layer, len(inv.Layers))
	for _, l := range inv.Layers {
		if _, ok := known[l.DiffID]; !ok && l.DiffID != "" {
			known[l.DiffID] = l
		}
	}
	return known
}

// Lookup finds images of an Inventory by reference, for many questions. The
// Inventory must not change meanwhile.
type Lookup struct {
	inv    *Inventory
	images map[string][]int
}

// Lookup prepares to find images.
func (inv *Inventory) Lookup() *Lookup {
	l := &Lookup{inv, make(map[string][]int, len(inv.Images))}
	for i := range inv.Images {
		ref := inv.Images[i].Reference
		l.images[ref] = append(l.images[ref], i)
	}
	return l
}

// Find answers as Inventory.Find does.
func (l *Lookup) Find(reference, platform string, at time.Time) int {
	best := -1
	for _, i := range l.images[reference] {
		best = l.inv.later(best, i, platform, at)
	}
	return best
}

// UnreadLayers are those of an image that could not be read: those that are Unscanned, and
// those that need not be where the image is and of which nothing but a guess is known.
func (inv *Inventory) UnreadLayers(image int) (unread []Unscanned) {
	for _, l := range inv.Images[image].Layers {
		layer := &inv.Layers[l]
		i := slices.IndexFunc(inv.Unscanned, func(u Unscanned) bool { return u.Digest == layer.Digest })
		var u Unscanned
		switch odd := layer.odd(); {
		case i >= 0:
			u = inv.Unscanned[i]
		case odd != "" && layer.Scan == nil && layer.isGuessed():
			u = Unscanned{Digest: layer.Digest, Reason: odd + ", and it was not read (--deep reads what is there)", Absent: true}
		default:
			continue
		}
		if !slices.Contains(unread, u) {
			unread = append(unread, u)
		}
	}
	return unread
}

// isGuessed says that the unpacked size is not known, nor told by the end of the blob.
func (l *Layer) isGuessed() bool {
	return l.UnpackedBytes == nil || l.UnpackedSource == Estimated && l.UnpackedMethod != GzipTrailer
}

// Estimated returns the Inventory with an estimate, marked so, for every layer
// without an unpacked size; itself when there are none.
func (inv *Inventory) Estimated() *Inventory {
	if !slices.ContainsFunc(inv.Layers, func(l Layer) bool { return l.UnpackedBytes == nil }) {
		return inv
	}
	whole := *inv
	whole.Layers = slices.Clone(inv.Layers)
	whole.estimateMissing()
	return &whole
}

// Size is an amount of layers, each distinct layer counted once.
type Size struct {
	// Layers is the number of distinct layers.
	Layers int `json:"layers"`
	// CompressedBytes is their size as stored.
	CompressedBytes int64 `json:"compressedBytes"`
	// CompressedEstimatedBytes is the part of CompressedBytes that is estimated,
	// because the source keeps no compressed blob.
	CompressedEstimatedBytes int64 `json:"compressedEstimatedBytes,omitempty"`
	// UnpackedBytes is the size of their uncompressed tars.
	UnpackedBytes int64 `json:"unpackedBytes"`
	// EstimatedBytes is the part of UnpackedBytes that is estimated.
	EstimatedBytes int64 `json:"estimatedBytes"`
	// UnknownLayers counts layers without an unpacked size; they are missing
	// from UnpackedBytes.
	UnknownLayers int `json:"unknownLayers,omitempty"`
}

// Union returns the size of the distinct layers of the images at positions images.
func (inv *Inventory) Union(images ...int) Size {
	var all []int
	for _, i := range images {
		all = append(all, inv.Images[i].Layers...)
	}
	slices.Sort(all)
	return inv.sum(slices.Compact(all))
}

// Total returns the size of all distinct layers of the Inventory's images.
func (inv *Inventory) Total() Size {
	all := make([]int, len(inv.Images))
	for i := range all {
		all[i] = i
	}
	return inv.Union(all...)
}

func (inv *Inventory) sum(layers []int) Size {
	var s Size
	for _, l := range layers {
		s.add(&inv.Layers[l])
	}
	return s
}

// add counts one more layer.
func (s *Size) add(l *Layer) {
	s.Layers++
	s.CompressedBytes += l.CompressedBytes
	if l.CompressedSource == Estimated {
		s.CompressedEstimatedBytes += l.CompressedBytes
	}
	if l.UnpackedBytes == nil {
		s.UnknownLayers++
		return
	}
	s.UnpackedBytes += *l.UnpackedBytes
	if l.UnpackedSource == Estimated {
		s.EstimatedBytes += *l.UnpackedBytes
	}
}

// plus returns the sum of two amounts that have no layer in common.
func (s Size) plus(t Size) Size {
	s.Layers += t.Layers
	s.CompressedBytes += t.CompressedBytes
	s.CompressedEstimatedBytes += t.CompressedEstimatedBytes
	s.UnpackedBytes += t.UnpackedBytes
	s.EstimatedBytes += t.EstimatedBytes
	s.UnknownLayers += t.UnknownLayers
	return s
}

// minus returns what is left of an amount without t, which is part of it.
func (s Size) minus(t Size) Size {
	s.Layers -= t.Layers
	s.CompressedBytes -= t.CompressedBytes
	s.CompressedEstimatedBytes -= t.CompressedEstimatedBytes
	s.UnpackedBytes -= t.UnpackedBytes
	s.EstimatedBytes -= t.EstimatedBytes
	s.UnknownLayers -= t.UnknownLayers
	return s
}
