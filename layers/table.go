package layers

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A table interns the layers of images while they are read, in any order and by
// many goroutines. What it says of a layer does not depend on that order: where
// manifests or configs differ about one blob, those of the manifest with the
// smallest digest hold, and the difference is kept as a doubt.
type table struct {
	mu      sync.Mutex
	numbers map[hash]int
	entries []*tableEntry
	// room is where the next entries are, so that each is not allocated by itself.
	room []tableEntry
}

// A tableEntry is one distinct blob.
type tableEntry struct {
	digest    hash
	diffID    hash
	size      int64
	mediaType string
	createdBy string
	lazy      string
	foreign   bool
	// manifest is the one that the entry is described by; kind is the one by which its media
	// type and what is foreign are, which is one that makes it odd, where there is one.
	manifest, kind hash
	// sizes and diffIDs say that manifests differ about them.
	sizes, diffIDs bool
	// stored is what the source says of a layer that it keeps without a manifest;
	// nil for all others.
	stored *storedLayer
}

// storedLayer is what a source without manifests says of a layer.
type storedLayer struct {
	// unpackedBytes is -1 when unknown; engine says that it is a sum of files, not
	// the length of a tar.
	unpackedBytes int64
	engine        bool
}

func newTable() *table { return &table{numbers: make(map[hash]int)} }

// content is what a manifest and its config say of one image, shared by all
// references that mean it.
type content struct {
	// layers are numbers of table entries until collect numbers them anew.
	layers    []int
	collected bool
	platform  platform
	created   time.Time
	config    hash
	mediaType string
	lazy      string
}

// intern enters the layers of an image.
func (t *table) intern(manifest hash, doc *manifestDocument, conf *config, steps []jsonText) *content {
	c := &content{
		layers: make([]int, len(doc.layers)), platform: conf.platform, created: conf.createdAt(),
		config: doc.config.hash, mediaType: doc.mediaType,
	}
	if doc.soci {
		c.lazy = SOCI
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range doc.layers {
		d := &doc.layers[i]
		number, known := t.numbers[d.hash]
		if !known {
			number = t.add(d.hash)
		}
		c.layers[i] = number
		e := t.entries[number]
		e.takeKind(d, manifest, !known || e.stored != nil)
		if known && e.stored == nil {
			e.sizes = e.sizes || e.size != d.size
			e.diffIDs = e.diffIDs || e.diffID != conf.hashes[i]
			if bytes.Compare(e.manifest[:], manifest[:]) <= 0 {
				continue
			}
		}
		e.stored = nil
		e.manifest, e.diffID, e.size = manifest, conf.hashes[i], d.size
		e.lazy = d.lazy
		if e.lazy == "" && d.mediaType == nydusBlobType {
			e.lazy = Nydus
		}
		if !known || !steps[i].is(e.createdBy) {
			e.createdBy = steps[i].String()
		}
	}
	return c
}

// takeKind takes a manifest's media type of the layer, where it is the first to state one,
// the first to make it odd, or of a smaller digest than the others like it.
func (e *tableEntry) takeKind(d *descriptor, manifest hash, first bool) {
	was, is := oddKind(e.mediaType, e.foreign) != "", oddKind(d.mediaType, d.isForeign()) != ""
	if first || is && !was || is == was && bytes.Compare(manifest[:], e.kind[:]) < 0 {
		e.mediaType, e.foreign, e.kind = d.mediaType, d.isForeign(), manifest
	}
}

func (t *table) add(h hash) int {
	if len(t.room) == 0 {
		t.room = make([]tableEntry, 256)
	}
	e := &t.room[0]
	t.room = t.room[1:]
	e.digest = h
	number := len(t.entries)
	t.numbers[h] = number
	t.entries = append(t.entries, e)
	return number
}

// layer is the entry as an Inventory has it.
func (e *tableEntry) layer() Layer {
	return Layer{
		Digest: e.digest.digest(), DiffID: e.diffID.digest(), MediaType: e.mediaType, CompressedBytes: e.size,
		CreatedBy: e.createdBy, Foreign: e.foreign, LazyFormat: lazyOfLayer(e.lazy),
	}
}

// lazyOfLayer leaves out the formats of whole images.
func lazyOfLayer(lazy string) string {
	if lazy == SOCI {
		return ""
	}
	return lazy
}

// doubts says on what images differ about one blob, in order of digest.
func (t *table) doubts() []string {
	var odd []*tableEntry
	for i := range t.entries {
		if e := t.entries[i]; e.sizes || e.diffIDs {
			odd = append(odd, e)
		}
	}
	slices.SortFunc(odd, func(a, b *tableEntry) int { return bytes.Compare(a.digest[:], b.digest[:]) })
	var doubts []string
	for _, e := range odd {
		what := "two diffIDs"
		switch {
		case e.sizes && e.diffIDs:
			what = "two sizes and two diffIDs"
		case e.sizes:
			what = "two sizes"
		}
		doubts = append(doubts, fmt.Sprintf("Images give layer %s %s; at most one of them can be right: %d bytes and diffID %s are taken.", e.digest, what, e.size, e.diffID))
	}
	return doubts
}
