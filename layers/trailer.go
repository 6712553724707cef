package layers

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/local"
)

// A gzip file ends with the length of its uncompressed content modulo 4 GiB
// (RFC 1952, ISIZE). That tells a layer's unpacked size where the layer is one
// gzip member, as docker, BuildKit and most others write it, and small enough.
const (
	// trailerBytes is what is read: the length and, before it, what tells an
	// eStargz footer (estargz.md, "eStargz Footer": 51 bytes, a member of its own).
	trailerBytes = 64
	// maxTrailerRatio is more than large layers are compressed by: a layer whose
	// size times it is below 4 GiB is taken to be so small that ISIZE is its size.
	// Of the 56 layers of testdata/images the largest ratio of those over 1 MB is
	// 4.0; tiny ones reach 34, but cannot reach 4 GiB.
	maxTrailerRatio = 10
	// defaultMaxTrailers bounds the requests of a run that asked for no number.
	defaultMaxTrailers = 1000
	// maxDeflateRatio is the most that deflate compresses (zlib's "Technical
	// Details": 1032 to 1).
	maxDeflateRatio = 1032
	// tarBlock is what a tar's length is a multiple of (POSIX pax, "ustar
	// Interchange Format").
	tarBlock = 512
)

// factTrailer is the kind of fact under which a layer's trailer is kept.
const factTrailer = "trailer"

// trailerFact is what the end of a layer's blob told: bytes, or that it tells
// nothing. Lazy is set where it is the footer of a lazy format.
type trailerFact struct {
	UnpackedBytes int64  `json:"unpackedBytes,omitempty"`
	Lazy          string `json:"lazy,omitempty"`
}

// trailers reads the ends of gzip layers whose unpacked size is only estimated
// by a ratio, of the largest first. A layer that cannot be asked keeps its
// estimate.
func (r *resolver) trailers(ctx context.Context, inv *Inventory, places *places) {
	ask := r.untold(inv)
	if !r.opt.Trailers {
		ask = slices.DeleteFunc(ask, func(i int) bool {
			_, elsewhere := places.registry(ctx, i)
			return elsewhere
		})
		if len(ask) == 0 {
			return
		}
	}
	limit := r.opt.MaxTrailers
	if limit == 0 {
		limit = defaultMaxTrailers
	}
	if len(ask) > limit {
		inv.Doubts = append(inv.Doubts, fmt.Sprintf("The unpacked sizes of the %d smallest layers were not asked for, only those of %d: they are estimated by a ratio.", len(ask)-limit, limit))
		ask = ask[:limit]
	}
	r.progress.begin("layer sizes", int64(len(ask)))
	t := &trailing{resolver: r, inv: inv, places: places}
	ask = t.probe(ctx, ask)
	t.readAll(ctx, ask)
	if n := t.refused.Load(); n > 0 && ctx.Err() == nil {
		inv.Doubts = append(inv.Doubts, fmt.Sprintf("The ends of %d layers could not be read by range: their unpacked sizes are estimated by a ratio.", n))
	}
}

// trailing is one run over the ends of layers.
type trailing struct {
	*resolver
	inv     *Inventory
	places  *places
	refused atomic.Int64
}

// probe reads one layer at each registry, and returns the layers that are still
// to be read: none of those at a registry that serves no ranges. Which these are
// must not depend on who answers first.
func (t *trailing) probe(ctx context.Context, ask []int) (rest []int) {
	serves := make(map[string]bool)
	for _, i := range ask {
		registry, ok := t.places.registry(ctx, i)
		if !ok {
			rest = append(rest, i)
			continue
		}
		host := registry.repo.Host
		known, asked := serves[host]
		switch {
		case !asked && !t.mayServe(registry):
			serves[host] = false
		case !asked:
			serves[host] = !errors.Is(t.read(ctx, i), distribution.ErrNoRanges)
			if !serves[host] && registry.store != nil {
				t.keepFact(factRangeless, host, time.Now())
			}
			continue
		case known:
			rest = append(rest, i)
			continue
		}
		t.refused.Add(1)
		t.progress.add(1)
	}
	return rest
}

// mayServe is false for a registry that lately served no ranges, and offline.
func (t *trailing) mayServe(p *registryPlace) bool {
	var since time.Time
	return !p.offline && (p.store == nil || !t.fact(factRangeless, p.repo.Host, &since) || time.Since(since) > rangelessFor)
}

// rangelessFor is how long a registry that knew no ranges is not asked for one
// again.
const rangelessFor = 24 * time.Hour

// factRangeless is the kind of fact that tells since when a registry is known to
// serve no ranges.
const factRangeless = "rangeless"

func (t *trailing) readAll(ctx context.Context, ask []int) {
	var group errgroup.Group
	group.SetLimit(t.opt.jobs())
	for _, i := range ask {
		group.Go(func() error {
			t.read(ctx, i)
			return nil
		})
	}
	group.Wait()
}

// read takes what a layer's end tells. No other goroutine has that layer.
func (t *trailing) read(ctx context.Context, i int) error {
	defer t.progress.add(1)
	if err := ctx.Err(); err != nil {
		return err
	}
	l := &t.inv.Layers[i]
	end, err := t.places.end(ctx, i)
	if err != nil {
		// A layout may hold documents alone: nothing was refused then.
		if !local.IsAbsent(err) {
			t.refused.Add(1)
		}
		return err
	}
	fact := readTrailer(end, l.CompressedBytes)
	t.keepFact(factTrailer, string(l.Digest), fact)
	l.take(*fact)
	return nil
}

// untold are the layers whose ends may tell their size and that no earlier run
// has read, the largest first.
func (r *resolver) untold(inv *Inventory) (layers []int) {
	for i := range inv.Layers {
		l := &inv.Layers[i]
		var fact trailerFact
		switch {
		case !l.hasTrailer():
		case r.fact(factTrailer, string(l.Digest), &fact):
			l.take(fact)
		default:
			layers = append(layers, i)
		}
	}
	slices.SortStableFunc(layers, func(a, b int) int {
		return cmp.Compare(inv.Layers[b].CompressedBytes, inv.Layers[a].CompressedBytes)
	})
	return layers
}

// hasTrailer says whether the layer's end may tell its unpacked size.
func (l *Layer) hasTrailer() bool {
	switch l.MediaType {
	case v1.MediaTypeImageLayerGzip, dockerTarGzip:
	default:
		return false
	}
	return (l.UnpackedMethod == ByRatio || l.UnpackedMethod == ByCreatedBy) &&
		!l.Foreign && l.LazyFormat == "" && l.CompressedSource == "" &&
		l.CompressedBytes >= 18 && l.CompressedBytes <= (1<<32-1)/maxTrailerRatio
}

// take uses what a layer's end told.
func (l *Layer) take(fact trailerFact) {
	if l.LazyFormat == "" {
		l.LazyFormat = fact.Lazy
	}
	if fact.UnpackedBytes > 0 {
		l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod = &fact.UnpackedBytes, Estimated, GzipTrailer
	}
}

// readTrailer reads the end of a gzip blob. A length that no tar of this blob
// can have tells nothing: the blob is of several members then, or wrapped.
func readTrailer(end []byte, compressedBytes int64) *trailerFact {
	fact := &trailerFact{}
	if len(end) < 4 {
		return fact
	}
	if isStargzFooter(end) {
		fact.Lazy = EStargz
		return fact
	}
	n := int64(binary.LittleEndian.Uint32(end[len(end)-4:]))
	if n >= tarBlock && n%tarBlock == 0 && n >= compressedBytes-compressedBytes/100-64 && n <= compressedBytes*maxDeflateRatio {
		fact.UnpackedBytes = n
	}
	return fact
}

// isStargzFooter tells the footer of an eStargz blob: an empty gzip member whose
// extra field has the subfield SG with 16 hex digits and "STARGZ" (estargz.md,
// "eStargz Footer").
func isStargzFooter(end []byte) bool {
	const footer = 51
	if len(end) < footer {
		return false
	}
	f := end[len(end)-footer:]
	return f[0] == 0x1f && f[1] == 0x8b && f[3]&4 != 0 && f[12] == 'S' && f[13] == 'G' && string(f[32:38]) == "STARGZ"
}

// fact reads what is known from earlier runs, of a layer by its digest.
func (r *resolver) fact(kind, key string, into any) bool {
	if r.opt.Store == nil {
		return false
	}
	raw, ok := r.opt.Store.Fact(kind, key)
	return ok && json.Unmarshal(raw, into) == nil
}

// keepFact keeps what was found out, for later runs.
func (r *resolver) keepFact(kind, key string, fact any) {
	if r.opt.Store == nil {
		return
	}
	if raw, err := json.Marshal(fact); err == nil {
		r.opt.Store.PutFact(kind, key, raw)
	}
}
