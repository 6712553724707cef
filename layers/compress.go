package layers

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// factCompressed is the kind of fact under which a measured compressed size is
// kept, by diffID.
const factCompressed = "gzipped"

// compressedFact is what a layer's tar is when it is compressed as here.
type compressedFact struct {
	CompressedBytes int64 `json:"compressedBytes"`
}

// compress measures what the layers would be whose source keeps no compressed
// blob: it compresses each in memory, at gzip's default level, as docker push
// does. Another compressor differs by some per cent. A layer whose diffID another
// layer has takes that one's size: the registry holds it already.
func (r *resolver) compress(ctx context.Context, inv *Inventory, places *places) {
	stated := make(map[Digest]int64)
	for i := range inv.Layers {
		if l := &inv.Layers[i]; l.CompressedSource == "" {
			stated[l.diffID()] = l.CompressedBytes
		}
	}
	var todo []int
	total := int64(0)
	for i := range inv.Layers {
		l := &inv.Layers[i]
		if l.CompressedSource != Estimated {
			continue
		}
		var fact compressedFact
		bytes, known := stated[l.diffID()]
		if !known && r.fact(factCompressed, string(l.DiffID), &fact) {
			bytes, known = fact.CompressedBytes, true
		}
		if known {
			l.CompressedBytes, l.CompressedSource = bytes, Measured
			continue
		}
		todo = append(todo, i)
		if l.UnpackedBytes != nil {
			total += *l.UnpackedBytes
		}
	}
	r.progress.begin("layers", total)
	failed := make([]error, len(inv.Layers))
	var group errgroup.Group
	group.SetLimit(scanJobs())
	for _, job := range places.jobs(todo) {
		group.Go(func() error {
			job(ctx, func(ctx context.Context, layers []int, blob io.Reader, err error) int {
				return r.compressOne(ctx, inv, layers, blob, err, failed)
			})
			return nil
		})
	}
	group.Wait()
	for i, err := range failed {
		if err != nil && ctx.Err() == nil {
			inv.Doubts = append(inv.Doubts, fmt.Sprintf("Layer %s could not be read, so its compressed size is estimated: %s.", inv.Layers[i].Digest, reason(err)))
		}
	}
}

func (r *resolver) compressOne(ctx context.Context, inv *Inventory, layers []int, blob io.Reader, err error, failed []error) int {
	var diffID Digest
	var bytes int64
	if err == nil {
		diffID, bytes, err = compressed(ctx, &counted{blob, &r.progress})
	}
	i := layers[0]
	if n := slices.IndexFunc(layers, func(l int) bool { return inv.Layers[l].DiffID == diffID }); n >= 0 {
		i = layers[n]
	} else if len(layers) > 1 {
		return -1
	} else if err == nil {
		err = fmt.Errorf("its tar has diffID %s, the config says %s", diffID, inv.Layers[i].DiffID)
	}
	if failed[i] = err; err != nil {
		return i
	}
	l := &inv.Layers[i]
	l.CompressedBytes, l.CompressedSource = bytes, Measured
	r.keepFact(factCompressed, string(l.DiffID), compressedFact{bytes})
	return i
}

// compressed returns the diffID of a tar and how many bytes it is when it is
// compressed.
func compressed(ctx context.Context, tar io.Reader) (Digest, int64, error) {
	var size byteCount
	sum := sha256.New()
	packer := gzip.NewWriter(&size)
	_, err := io.Copy(io.MultiWriter(packer, sum), &untilDone{ctx, tar})
	if closeErr := packer.Close(); err == nil {
		err = closeErr
	}
	return hash(sum.Sum(nil)).digest(), int64(size), err
}

// byteCount counts what is written to it.
type byteCount int64

func (n *byteCount) Write(p []byte) (int, error) {
	*n += byteCount(len(p))
	return len(p), nil
}

// untilDone reads until its context ends.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r *untilDone) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}
