// Package tarscan reads a layer blob once, as a stream, and says what is in it.
//
// The model: a blob is a tar, compressed by gzip or zstd or not at all, and a
// tar is a list of entries. Three goroutines hand blocks of bytes on: one reads
// the blob and hashes it (the digest), one inflates, one hashes the tar (the
// diffID), walks its headers and hashes the contents. Memory is bounded by a few
// MiB whatever the blob holds, but for zstd's window (at most 128 MiB) and the
// path table of a Footprint (24 bytes a path, about twice that while it grows).
//
// It extracts nothing, compares nothing with a manifest (the caller does, by
// Digest and DiffID), follows no symbolic link and talks to no registry.
//
// Sources of the rules: OCI image specification v1.1.1, layer.md (entries,
// whiteouts); RFC 1952 (gzip) and RFC 8878 (zstd, skippable frames); POSIX.1-2017
// pax and the GNU tar manual, "Tar Internals" (headers, sparse files); where they
// leave a choice, what Go's archive/tar reads, since Docker and containerd
// unpack with it. The eStargz specification (stargz-snapshotter, docs/estargz.md)
// and zstd:chunked (containers/storage, pkg/chunked) for lazy formats.
//
// Use: Scan each distinct blob of an image, with Options.Footprint if layers are
// to be laid over each other; then Compose the Footprints, base layer first.
package tarscan

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"
)

// Options say how a blob is scanned. The zero value works.
type Options struct {
	// Limits bound what a blob may hold; see there for the zero value.
	Limits Limits
	// Inflater is who inflates gzip: empty for klauspost/compress in this
	// process, "igzip" or "unpigz" for that program on PATH, called with -d -c as
	// containerd calls it. The result is the same; a program uses a third of the
	// processor time (igzip) or reads ahead on cores of its own (unpigz).
	Inflater string
	// Largest is how many of the largest files are named; zero means 10, a
	// negative number none.
	Largest int
	// Footprint keeps the table of paths that Compose needs.
	Footprint bool
}

// Scan reads blob to its end and returns what it holds. compressedBytes is the
// size that the manifest states, -1 if unknown; a blob of another size is an
// error.
//
// Every error is an *Error, and whatever was counted until then comes beside it.
// Digest is set whenever the blob was read to its end, also beside an error, and
// DiffID whenever it was inflated to its end: with them a caller can tell a blob
// that was built wrong from one that was damaged on the way.
//
// Scan ends all goroutines and programs that it starts before it returns. When
// ctx ends, it returns as soon as a pending blob.Read does: give it a reader that
// obeys ctx, as an HTTP response body does.
func Scan(ctx context.Context, blob io.Reader, compressedBytes int64, opt Options) (*Layer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newScan(ctx, compressedBytes, opt)
	var stages sync.WaitGroup
	stages.Go(func() { s.source.run(blob) })
	stages.Go(func() { s.inflater.run(ctx, s.source.belt) })
	overrun := s.walk()
	if overrun != nil {
		cancel() // or else the stages take the blob to its end, for its digest
	}
	stages.Wait()
	return s.layer, s.finish(overrun)
}

// scan is one blob on its way through the three stages.
type scan struct {
	limits   Limits
	source   *source
	inflater *inflater
	walker   *walker
	layer    *Layer
	tarHash  hash.Hash
}

func newScan(ctx context.Context, compressedBytes int64, opt Options) *scan {
	limits := opt.Limits.withDefaults()
	layer := new(Layer)
	return &scan{
		limits:   limits,
		source:   newSource(ctx, compressedBytes, limits),
		inflater: newInflater(ctx, opt.Inflater),
		walker:   newWalker(layer, limits, opt),
		layer:    layer,
		tarHash:  sha256.New(),
	}
}

// walk takes the tar's blocks until they end or a limit is passed; only a limit
// is returned, the walker keeps what it has to say about the tar.
func (s *scan) walk() *Error {
	for {
		block, compressed, ok := s.inflater.belt.receive()
		if !ok {
			s.walker.close()
			return nil
		}
		// The hash of an uncompressed blob is taken on its way in.
		if s.inflater.compression != None {
			s.tarHash.Write(block)
		}
		s.layer.UnpackedBytes += int64(len(block))
		err := s.overrun(compressed)
		if err == nil {
			s.walker.write(block)
			err = s.walker.overrun
		}
		s.inflater.belt.recycle(block)
		if err != nil {
			return err
		}
	}
}

// overrun says whether the tar is longer than allowed, given how many bytes of
// the blob it took so far.
func (s *scan) overrun(compressed int64) *Error {
	if s.source.stated >= 0 {
		compressed = s.source.stated
	}
	limit, name := s.limits.MaxUnpackedBytes, "unpacked bytes"
	if byRatio := s.limits.ratioBytes(compressed); byRatio < limit {
		limit, name = byRatio, fmt.Sprintf("unpacked bytes (%g times the compressed ones)", s.limits.MaxRatio)
	}
	if s.layer.UnpackedBytes <= limit {
		return nil
	}
	return exceeded(name, s.layer.UnpackedBytes, limit, s.walker.offset)
}

// finish fills in what is known only at the end and picks the error that caused
// the others: a blob cut short inflates badly, and what inflates badly is no tar.
func (s *scan) finish(overrun *Error) error {
	l := s.layer
	l.Compression = s.inflater.compression
	l.CompressedBytes = s.source.bytes
	if s.source.complete {
		l.Digest = digest(s.source.hash)
		l.Lazy = lazyFormat(l.Compression, s.source.tail)
	}
	inflated := overrun == nil && s.source.err == nil && s.inflater.err == nil
	switch {
	case inflated && l.Compression == None:
		l.DiffID = l.Digest
	case inflated:
		l.DiffID = digest(s.tarHash)
	}
	l.Largest = s.walker.largest
	for _, err := range []*Error{overrun, s.source.err, s.inflater.err, s.walker.err} {
		if err != nil {
			err.Entry = s.walker.current()
			return err
		}
	}
	s.walker.summarise()
	return nil
}

func digest(h hash.Hash) string { return fmt.Sprintf("sha256:%x", h.Sum(nil)) }
