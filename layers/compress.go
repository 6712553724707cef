package layers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/tarscan"
)

// factCompressed is the kind of fact under which a measured compressed size is
// kept, by diffID.
const factCompressed = "gzipped"

// compressedFact is what a layer's tar is when it is compressed as here.
type compressedFact struct {
	CompressedBytes int64 `json:"compressedBytes"`
	UnpackedBytes   int64 `json:"unpackedBytes"`
}

// compressedTo takes what compressing the layer told.
func (l *Layer) compressedTo(f compressedFact) {
	l.CompressedBytes, l.CompressedSource = f.CompressedBytes, Measured
	if l.UnpackedSource != Measured && f.UnpackedBytes > 0 {
		l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod = &f.UnpackedBytes, Measured, ""
	}
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
		if bytes, known := stated[l.diffID()]; known {
			l.compressedTo(compressedFact{CompressedBytes: bytes})
			continue
		}
		if r.fact(factCompressed, string(l.DiffID), &fact) {
			l.compressedTo(fact)
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
			job(ctx, func(ctx context.Context, layers []int, sure bool, blob io.Reader, err error) (int, error) {
				return r.compressOne(ctx, inv, layers, sure, blob, err, failed)
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

func (r *resolver) compressOne(ctx context.Context, inv *Inventory, layers []int, sure bool, blob io.Reader, err error, failed []error) (int, error) {
	var diffID Digest
	var fact compressedFact
	if err == nil {
		diffID, fact, err = r.compressed(ctx, &counted{blob, &r.progress})
	}
	i := layers[0]
	if n := slices.IndexFunc(layers, func(l int) bool { return err == nil && inv.Layers[l].DiffID == diffID }); n >= 0 {
		i = layers[n]
	} else if !sure {
		return -1, err
	} else if err == nil {
		err = fmt.Errorf("its tar has diffID %s, the config says %s", diffID, inv.Layers[i].DiffID)
	}
	if failed[i] = err; err != nil {
		return i, nil
	}
	inv.Layers[i].compressedTo(fact)
	r.keepFact(factCompressed, string(diffID), fact)
	return i, nil
}

// compressed returns the diffID of a layer and how many bytes it is when it is
// compressed. An engine with containerd's image store exports layers as they were
// pulled or built: those that are compressed are measured as they are.
func (r *resolver) compressed(ctx context.Context, blob io.Reader) (Digest, compressedFact, error) {
	head := bufio.NewReader(blob)
	if magic, _ := head.Peek(len(zstdMagic)); bytes.HasPrefix(magic, gzipMagic) || bytes.Equal(magic, zstdMagic) {
		found, err := tarscan.Scan(ctx, head, -1, tarscan.Options{Limits: r.opt.ScanLimits})
		if err != nil {
			return "", compressedFact{}, err
		}
		return Digest(found.DiffID), compressedFact{found.CompressedBytes, found.UnpackedBytes}, nil
	}
	var size byteCount
	sum := sha256.New()
	packer := gzip.NewWriter(&size)
	n, err := io.Copy(io.MultiWriter(packer, sum), &untilDone{ctx, head})
	if closeErr := packer.Close(); err == nil {
		err = closeErr
	}
	return hash(sum.Sum(nil)).digest(), compressedFact{int64(size), n}, err
}

// What compressed files begin with (RFC 1952, RFC 8878).
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

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
