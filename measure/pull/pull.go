package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// Result is one pull.
type Result struct {
	// Reference is as it was given; Digest is the manifest's of the platform.
	Reference string
	Digest    layers.Digest
	Platform  string
	// Layers are the image's, base layer first.
	Layers []Layer
	// Startup has the pull's times, with spans of arm pull.
	Startup simulate.Startup
	// Skipped counts what of the layers unpacked now could not be made here.
	Skipped Skipped

	// blobs are all that the image is made of; foundBlobs and foundChains were
	// present when they were first looked for.
	blobs, foundBlobs, foundChains []layers.Digest
}

// Layer is a layer of a pulled image.
type Layer struct {
	Digest, DiffID, ChainID layers.Digest
	CompressedBytes         int64
	// Dir holds what the layer changes.
	Dir string
}

// Pull fetches and unpacks what of an image is not present. When it fails, the
// Result, where there is one, tells how far it came, and all that was not finished is
// removed.
func (h *Host) Pull(ctx context.Context, reference string) (*Result, error) {
	name, err := layers.ParseName(reference)
	if err != nil {
		return nil, err
	}
	name = name.At(h.opt.Aliases)
	client, err := h.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pull{
		host: h, reference: reference, name: name, client: client,
		repo:  distribution.Repository{Host: name.Registry, Path: name.Repository},
		since: time.Now(), spans: make([]simulate.Span, 0, 64),
	}
	img, err := p.run(ctx)
	r := p.result(img)
	if err != nil {
		err = fmt.Errorf("pull %s: %w", reference, err)
		r.Startup.Void = err.Error()
		return r, err
	}
	h.remember(r)
	return r, nil
}

// pull is one pull under way.
type pull struct {
	host      *Host
	reference string
	name      layers.Name
	repo      distribution.Repository
	client    *distribution.Client
	since     time.Time

	mu    sync.Mutex
	spans []simulate.Span
	// fetched are compressed bytes, unpacked uncompressed ones.
	fetched, unpacked int64
	skipped           Skipped
	blobs             []layers.Digest
	foundBlobs        []layers.Digest
	foundChains       []layers.Digest
}

func (p *pull) run(ctx context.Context) (*image, error) {
	begin := p.now()
	img, err := p.resolve(ctx)
	p.span(simulate.Resolve, "", begin, 0)
	if err != nil {
		return nil, err
	}
	for _, l := range img.layers {
		p.blobs = append(p.blobs, l.digest)
		if p.host.snapshots.has(l.chain) {
			p.foundChains = append(p.foundChains, l.chain)
		}
	}
	return img, p.unpackAll(ctx, img)
}

func (p *pull) now() time.Duration { return time.Since(p.since) }

// span notes what went on since begin.
func (p *pull) span(phase simulate.Phase, layer layers.Digest, begin time.Duration, bytes int64) {
	end := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spans = append(p.spans, simulate.Span{Phase: phase, Image: p.reference, Layer: layer, Start: begin, End: end, Bytes: bytes})
}

// result words what was noted.
func (p *pull) result(img *image) *Result {
	r := &Result{Reference: p.reference, Skipped: p.skipped, blobs: p.blobs, foundBlobs: p.foundBlobs, foundChains: p.foundChains}
	slices.SortStableFunc(p.spans, func(a, b simulate.Span) int {
		return int(min(1, max(-1, a.Start-b.Start)))
	})
	s := simulate.Startup{
		Source: simulate.Measured, Arm: "pull", App: p.reference, Images: []string{p.reference},
		FetchedBytes: p.fetched, UnpackedBytes: p.unpacked, LayersReused: len(p.foundChains), Hit: matcher.Miss, Spans: p.spans,
	}
	for _, span := range p.spans {
		s.Ready = max(s.Ready, span.End)
	}
	s.FetchBusy, s.UnpackBusy = measure.Busy(p.spans, simulate.Fetch), measure.Busy(p.spans, simulate.Unpack)
	s.Phases = simulate.PhasesOf(p.spans, s.Ready)
	// Nothing is provisioned or started here, so nothing is known of it.
	s.Phases.Admit, s.Phases.Provision, s.Phases.Attach = nil, nil, nil
	s.Phases.Create, s.Phases.Ready = nil, nil
	if img != nil {
		r.Digest, r.Platform = img.manifest, img.platform
		s.Hit = hit(len(p.foundChains), len(img.layers))
		for _, l := range img.layers {
			r.Layers = append(r.Layers, Layer{l.digest, l.diffID, l.chain, l.size, p.host.snapshots.path(l.chain)})
		}
	}
	r.Startup = s
	return r
}

// hit words what was found, as simulations do: by unpacked layers.
func hit(present, all int) matcher.Hit {
	switch {
	case present == 0:
		return matcher.Miss
	case present < all:
		return matcher.PartialHit
	}
	return matcher.FullHit
}

// fetchKind says what is fetched: a layer, or a document of the image.
type fetchKind interface {
	open(ctx context.Context, p *pull, b blob) (io.ReadCloser, error)
	layer() bool
}

type layerFetch struct{}

func (layerFetch) layer() bool { return true }

func (layerFetch) open(ctx context.Context, p *pull, b blob) (io.ReadCloser, error) {
	return p.client.Blob(ctx, p.repo, string(b.digest), b.size)
}

type documentFetch struct{ manifest bool }

func (documentFetch) layer() bool { return false }

func (d documentFetch) open(ctx context.Context, p *pull, b blob) (io.ReadCloser, error) {
	var body []byte
	var err error
	if d.manifest {
		var doc distribution.Document
		doc, err = p.client.Manifest(ctx, p.repo, string(b.digest), nil)
		body = doc.Body
	} else {
		body, err = p.client.Document(ctx, p.repo, string(b.digest), b.size, nil)
	}
	return io.NopCloser(bytes.NewReader(body)), err
}

// fetch stores a blob unless it is present: in containerd's order the digest's lock,
// the ingest, a slot, the request, and the slot is held until the blob is stored.
func (p *pull) fetch(ctx context.Context, b blob, kind fetchKind) error {
	about := layers.Digest("")
	if kind.layer() {
		about = b.digest
	}
	begin := p.now()
	unlock, waited, err := p.host.locks.lock(ctx, blobKey(b.digest))
	if waited {
		p.span(simulate.WaitOtherPull, about, begin, 0)
	}
	if err != nil {
		return err
	}
	defer unlock()
	if p.host.content.has(b.digest) {
		p.found(b.digest)
		return nil
	}
	in, err := p.host.content.begin(b.digest)
	if err != nil {
		return fmt.Errorf("store %s: %w", b.digest, err)
	}
	defer in.abort()
	if err := p.takeSlot(ctx, p.host.downloads, about); err != nil {
		return err
	}
	defer p.host.downloads.Release(1)
	begin = p.now()
	if err := p.transfer(ctx, in, b, kind); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("fetch %s: %w", b.digest, err)
	}
	p.stored(b, kind, begin)
	return nil
}

func (p *pull) transfer(ctx context.Context, in *ingest, b blob, kind fetchKind) error {
	r, err := kind.open(ctx, p, b)
	if err != nil {
		return err
	}
	p.host.note(blobKey(b.digest))
	err = in.copy(ctx, r, b.digest, b.size)
	return errors.Join(err, r.Close())
}

func (p *pull) stored(b blob, kind fetchKind, begin time.Duration) {
	if kind.layer() {
		p.span(simulate.Fetch, b.digest, begin, b.size)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind.layer() {
		p.fetched += b.size
	} else {
		p.blobs = append(p.blobs, b.digest)
	}
}

// found notes a blob that was present.
func (p *pull) found(d layers.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.foundBlobs = append(p.foundBlobs, d)
	p.blobs = append(p.blobs, d)
}

func (p *pull) takeSlot(ctx context.Context, slots *semaphore.Weighted, about layers.Digest) error {
	if slots.TryAcquire(1) {
		return nil
	}
	begin := p.now()
	err := slots.Acquire(ctx, 1)
	p.span(simulate.WaitSlot, about, begin, 0)
	return err
}
