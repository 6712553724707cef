package tarscan

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// source reads the blob, hashes it and puts it on its belt.
type source struct {
	ctx    context.Context
	stated int64 // the blob's size by its manifest, -1 if unknown
	most   int64 // how many bytes are read at most
	belt   *belt

	// The rest may be read once the belt is closed and the goroutine is done.

	hash     hash.Hash
	bytes    int64  // read so far
	tail     []byte // the blob's last bytes, at most tailBytes
	complete bool   // the blob was read to its end
	err      *Error
}

func newSource(ctx context.Context, stated int64, limits Limits) *source {
	most := stated
	if stated < 0 {
		stated, most = -1, limits.MaxUnpackedBytes
	}
	return &source{ctx: ctx, stated: stated, most: most, belt: newBelt(ctx.Done()), hash: sha256.New()}
}

// run reads until the blob ends, fails, or is longer than it may be.
func (s *source) run(blob io.Reader) {
	defer s.belt.close()
	for s.err == nil && !s.complete {
		buf := s.belt.buffer()
		if buf == nil {
			s.fail(ReadFailed, context.Cause(s.ctx))
			return
		}
		n, err := fill(blob, buf)
		if excess := s.bytes + int64(n) - s.most; excess > 0 {
			n -= int(excess)
			err = s.tooLong()
		}
		s.take(buf[:n])
		s.end(err)
	}
}

// take hands n more bytes on. They are hashed first: a sent block may change.
func (s *source) take(block []byte) {
	s.hash.Write(block)
	s.bytes += int64(len(block))
	s.tail = append(s.tail, block[max(0, len(block)-tailBytes):]...)
	s.tail = append(s.tail[:0], s.tail[max(0, len(s.tail)-tailBytes):]...)
	s.belt.send(block, s.bytes)
}

// end notes how the blob ends, if it does.
func (s *source) end(err error) {
	var own *Error
	switch {
	case err == nil:
	case errors.As(err, &own):
		s.err = own
	case errors.Is(err, io.ErrUnexpectedEOF):
		s.fail(Truncated, s.ends(err))
	case !errors.Is(err, io.EOF):
		s.fail(ReadFailed, err)
	case s.bytes < s.stated:
		s.complete = true
		s.fail(Truncated, s.ends(io.ErrUnexpectedEOF))
	default:
		s.complete = true
	}
}

func (s *source) ends(err error) error {
	if s.stated < 0 {
		return fmt.Errorf("the blob ends after %d bytes: %w", s.bytes, err)
	}
	return fmt.Errorf("the blob ends after %d of %d bytes: %w", s.bytes, s.stated, err)
}

func (s *source) tooLong() *Error {
	if s.stated < 0 {
		err := exceeded("bytes of a blob of unknown size", s.most+1, s.most, s.most)
		err.InTar = false
		return err
	}
	return &Error{Reason: TooLong, Offset: s.most, Err: fmt.Errorf("the blob goes on after its %d bytes", s.most)}
}

func (s *source) fail(r Reason, err error) { s.err = &Error{Reason: r, Offset: s.bytes, Err: err} }

// fill reads until buf is full or the reader ends. Full blocks make all that
// follows the same however the bytes trickle in.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for empty := 0; n < len(buf) && err == nil; {
		var m int
		m, err = r.Read(buf[n:])
		if n += m; m > 0 {
			empty = 0
		} else if empty++; empty > 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}
