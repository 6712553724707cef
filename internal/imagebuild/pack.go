package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compression is how a layer is stored.
type compression int

const (
	gzipped compression = iota
	zstandard
)

// writer returns a compressing writer with the level that builders use.
func (c compression) writer(w io.Writer) (io.WriteCloser, error) {
	if c == zstandard {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	}
	return gzip.NewWriterLevel(w, gzip.DefaultCompression)
}

// blob is a layer as stored in the layout.
type blob struct {
	digest, diffID                 v1.Hash
	compressedBytes, unpackedBytes int64
	entries                        int // tar entries
}

// packTree writes the directory as a layer into the blobs of a layout.
func packTree(ctx context.Context, dir, blobs string, c compression, latest time.Time) (blob, error) {
	nodes, err := scanTree(dir)
	if err != nil {
		return blob{}, fmt.Errorf("list layer %s: %w", dir, err)
	}
	temporary, err := os.CreateTemp(blobs, "layer-*")
	if err != nil {
		return blob{}, err
	}
	defer os.Remove(temporary.Name())
	defer temporary.Close()

	packed, err := pack(ctx, temporary, nodes, c, latest)
	if err != nil {
		return blob{}, fmt.Errorf("pack layer %s: %w", dir, err)
	}
	if err := temporary.Chmod(0o644); err != nil {
		return blob{}, err
	}
	return packed, os.Rename(temporary.Name(), filepath.Join(blobs, packed.digest.Hex))
}

// pack writes nodes to w as a compressed tar and measures it on the way.
func pack(ctx context.Context, w io.Writer, nodes []node, c compression, latest time.Time) (blob, error) {
	stored := newMeter(w)
	compressor, err := c.writer(stored)
	if err != nil {
		return blob{}, err
	}
	plain := newMeter(compressor)
	entries, err := writeTree(ctx, plain, nodes, latest)
	if err != nil {
		return blob{}, err
	}
	if err := compressor.Close(); err != nil {
		return blob{}, err
	}
	return blob{
		digest: stored.sum(), compressedBytes: stored.bytes,
		diffID: plain.sum(), unpackedBytes: plain.bytes,
		entries: entries,
	}, nil
}

// meter hands on what is written, counted and hashed.
type meter struct {
	next  io.Writer
	hash  hash.Hash
	bytes int64
}

func newMeter(next io.Writer) *meter { return &meter{next: next, hash: sha256.New()} }

func (m *meter) Write(data []byte) (int, error) {
	n, err := m.next.Write(data)
	m.hash.Write(data[:n])
	m.bytes += int64(n)
	return n, err
}

// sum returns the digest of all that was written.
func (m *meter) sum() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(m.hash.Sum(nil))}
}
