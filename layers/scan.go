package layers

import (
	"context"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/tarscan"
)

// measure finds out what the manifests do not say, as far as the options ask.
func (r *resolver) measure(ctx context.Context, inv *Inventory) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	readAt := make([]string, len(inv.Layers))
	if r.opt.Compress || r.opt.Deep || r.opt.Trailers || r.opt.LocalTrailers {
		r.readLayers(ctx, inv, readAt)
	}
	if r.opt.Present || r.opt.Deep {
		r.present(ctx, inv, readAt)
	}
	inv.unstated()
	return ctx.Err()
}

// readLayers reads layers, and notes of those whose content was verified where it
// was read.
func (r *resolver) readLayers(ctx context.Context, inv *Inventory, readAt []string) {
	places := r.placesOf(inv)
	if r.opt.Compress {
		r.compress(ctx, inv, places)
	}
	switch {
	case r.opt.Deep:
		r.scan(ctx, inv, places, readAt)
	case r.opt.Trailers, r.opt.LocalTrailers:
		r.trailers(ctx, inv, places)
	}
	inv.shareSizes()
}

// unstated lists the layers that have no size at all among those that could not
// be read: an engine does not always tell which step of the history made which
// layer. They would count as 0 bytes.
func (inv *Inventory) unstated() {
	listed := make(map[Digest]bool)
	for _, u := range inv.Unscanned {
		listed[u.Digest] = true
	}
	for i := range inv.Layers {
		l := &inv.Layers[i]
		if l.CompressedSource == Estimated && l.CompressedBytes == 0 && l.UnpackedMethod == ByRatio && !listed[l.Digest] {
			inv.Unscanned = append(inv.Unscanned, Unscanned{Digest: l.Digest, Reason: "its source does not state its size, so it counts as 0 bytes: --deep reads it"})
		}
	}
}

// Kinds of facts under which a scan is kept: what it told, and the table that
// tells which files it hides of other layers.
const (
	factScan      = "scan"
	factFootprint = "footprint"
)

// scanFact is a scan as it is kept.
type scanFact struct {
	DiffID        Digest `json:"diffID"`
	UnpackedBytes int64  `json:"unpackedBytes"`
	Entries       int64  `json:"entries"`
	Lazy          string `json:"lazy,omitempty"`
	Scan          *Scan  `json:"scan"`
}

// A scanning is one run over the layers of an Inventory.
type scanning struct {
	*resolver
	inv *Inventory
	// footprints are by layer, nil where a layer was not scanned, failed says why.
	footprints []*tarscan.Footprint
	failed     []error
	// readAt are by layer the sources of those that were read and verified.
	readAt []string
	places *places
}

// scan reads every distinct layer that no earlier run has read.
func (r *resolver) scan(ctx context.Context, inv *Inventory, places *places, readAt []string) {
	s := &scanning{
		resolver: r, inv: inv, footprints: make([]*tarscan.Footprint, len(inv.Layers)), failed: make([]error, len(inv.Layers)),
		readAt: readAt, places: places,
	}
	total := int64(0)
	var todo []int
	for i := range inv.Layers {
		if !s.recall(i) {
			todo = append(todo, i)
			total += inv.Layers[i].CompressedBytes
		}
	}
	r.progress.begin("layers", total)
	var group errgroup.Group
	group.SetLimit(scanJobs())
	for _, job := range places.jobs(todo) {
		group.Go(func() error {
			job(ctx, s.read)
			return nil
		})
	}
	group.Wait()
	for i, err := range s.failed {
		if err != nil {
			inv.Unscanned = append(inv.Unscanned, Unscanned{Digest: inv.Layers[i].Digest, Reason: reason(err)})
		}
	}
	s.compose()
}

// recall takes what an earlier run found out about a layer.
func (s *scanning) recall(i int) bool {
	var fact scanFact
	l := &s.inv.Layers[i]
	if s.opt.Store == nil || !s.fact(factScan, string(l.Digest), &fact) || fact.DiffID != l.diffID() || fact.Scan == nil {
		return false
	}
	raw, ok := s.opt.Store.Fact(factFootprint, string(l.Digest))
	footprint := new(tarscan.Footprint)
	if !ok || footprint.UnmarshalBinary(raw) != nil {
		return false
	}
	s.footprints[i] = footprint
	l.scanned(&fact)
	return true
}

// read scans the blob of one of the layers, or notes why there is none; see
// reader.
func (s *scanning) read(ctx context.Context, layers []int, sure bool, blob io.Reader, err error) (int, error) {
	var found *tarscan.Layer
	if err == nil {
		stated := int64(-1)
		if l := &s.inv.Layers[layers[0]]; sure && l.CompressedSource == "" {
			stated = l.CompressedBytes
		}
		found, err = tarscan.Scan(ctx, &counted{blob, &s.progress}, stated, tarscan.Options{Limits: s.opt.ScanLimits, Inflater: s.opt.Inflater, Footprint: true})
	}
	i := layers[0]
	if !sure {
		n := slices.IndexFunc(layers, func(l int) bool { return err == nil && found.DiffID == string(s.inv.Layers[l].DiffID) })
		if n < 0 {
			return -1, err
		}
		i = layers[n]
	}
	if err == nil {
		err = s.inv.Layers[i].verify(found)
	}
	if s.failed[i] = err; err == nil {
		// Where the first holder's blob is missing, present finds that out.
		s.readAt[i] = sourceOf(s.inv.Images[s.places.holders[i][0]].Reference)
		s.take(i, found)
	}
	return i, nil
}

// verify refuses content that is not what the manifest and the config promise.
func (l *Layer) verify(found *tarscan.Layer) error {
	switch {
	case l.CompressedSource == "" && found.Digest != string(l.Digest):
		return fmt.Errorf("its content has digest %s: it was changed or cut off on the way", found.Digest)
	case l.DiffID != "" && found.DiffID != string(l.DiffID):
		return fmt.Errorf("its tar has diffID %s, the config says %s: runtimes refuse to unpack it", found.DiffID, l.DiffID)
	}
	return nil
}

// take uses what a scan told, and keeps it for later runs.
func (s *scanning) take(i int, found *tarscan.Layer) {
	fact := scanFactOf(found)
	l := &s.inv.Layers[i]
	s.footprints[i] = found.Footprint
	l.scanned(fact)
	s.keepFact(factScan, string(l.Digest), fact)
	if raw, err := found.Footprint.MarshalBinary(); err == nil && s.opt.Store != nil {
		s.opt.Store.PutFact(factFootprint, string(l.Digest), raw)
	}
}

// counted reports what is read of a blob.
type counted struct {
	io.Reader
	progress *progress
}

func (c *counted) Read(into []byte) (int, error) {
	n, err := c.Reader.Read(into)
	c.progress.add(int64(n))
	return n, err
}

func scanFactOf(t *tarscan.Layer) *scanFact {
	f := &scanFact{
		DiffID: Digest(t.DiffID), UnpackedBytes: t.UnpackedBytes, Entries: t.Entries, Lazy: t.Lazy,
		Scan: &Scan{
			FileBytes: t.FileBytes, Regular: t.Files, Directories: t.Directories, Symlinks: t.Symlinks, HardLinks: t.HardLinks,
			Devices: t.Devices, Fifos: t.Fifos, Whiteouts: t.Whiteouts, OpaqueDirectories: t.OpaqueDirectories,
			Fingerprint: t.ContentFingerprint,
		},
	}
	for _, file := range t.Largest {
		f.Scan.Largest = append(f.Scan.Largest, File{file.Path, file.Bytes})
	}
	return f
}

// scanned takes what a scan told.
func (l *Layer) scanned(f *scanFact) {
	bytes, entries := f.UnpackedBytes, f.Entries
	l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod, l.Files = &bytes, Measured, "", &entries
	if l.LazyFormat == "" {
		l.LazyFormat = f.Lazy
	}
	l.Scan = f.Scan
}

// compose says of every image whose layers were all scanned what its layers
// hide of each other.
func (s *scanning) compose() {
	for i := range s.inv.Images {
		img := &s.inv.Images[i]
		stack := make([]*tarscan.Footprint, len(img.Layers))
		for j, l := range img.Layers {
			stack[j] = s.footprints[l]
		}
		if hidden, ok := compose(stack); ok {
			img.Hidden = hidden
		}
	}
}

func compose(stack []*tarscan.Footprint) ([]Hidden, bool) {
	for _, footprint := range stack {
		if footprint == nil {
			return nil, false
		}
	}
	hidden := make([]Hidden, len(stack))
	for j, c := range tarscan.Compose(stack) {
		hidden[j] = Hidden{OverwrittenBytes: c.OverwrittenBytes, DeletedBytes: c.DeletedBytes}
	}
	return hidden, true
}
