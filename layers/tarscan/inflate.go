package tarscan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// inflater turns the blob's blocks into the tar's.
type inflater struct {
	program string
	belt    *belt
	// compression is set before the first block is sent.
	compression string
	// err may be read once the goroutine is done.
	err *Error
}

func newInflater(ctx context.Context, program string) *inflater {
	return &inflater{program: program, belt: newBelt(ctx.Done())}
}

// run inflates until the input ends or is wrong; either way the rest of the
// input is taken, so that its digest is known.
func (f *inflater) run(ctx context.Context, in *belt) {
	blob := &beltReader{belt: in}
	f.inflate(ctx, blob)
	f.belt.close()
	blob.release()
	in.drain()
}

func (f *inflater) inflate(ctx context.Context, blob *beltReader) {
	// Decoders of klauspost/compress are fastest on a *bufio.Reader.
	in := bufio.NewReaderSize(blob, 64<<10)
	tar, err := f.open(ctx, in)
	taken := func() int64 {
		if _, ok := tar.(*program); ok {
			return blob.taken.Load() // in belongs to the program's own goroutine
		}
		return blob.taken.Load() - int64(in.Buffered())
	}
	if err == nil {
		err = f.copy(ctx, tar, taken)
		if closing := tar.Close(); err == nil {
			err = closing
		}
	}
	if err != nil {
		f.err = f.explain(err, taken())
	}
}

// copy sends all that r yields, also what comes before an error.
func (f *inflater) copy(ctx context.Context, r io.Reader, taken func() int64) error {
	for {
		buf := f.belt.buffer()
		if buf == nil {
			return &Error{Reason: ReadFailed, Err: context.Cause(ctx)}
		}
		n, err := fill(r, buf)
		f.belt.send(buf[:n], taken())
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// magics are the first bytes of what a blob may be; see the formats' own
// specifications.
var magics = []struct {
	magic, compression string
}{
	{"\x1f\x8b\x08", Gzip},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"BZh", "bzip2"},
	{"\xfd7zXZ\x00", "xz"},
}

func compressionOf(start []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(start, []byte(m.magic)) {
			return m.compression
		}
	}
	if len(start) >= 4 && start[0]&0xf0 == 0x50 && bytes.Equal(start[1:4], []byte("\x2a\x4d\x18")) {
		return Zstd // a skippable frame (RFC 8878, section 3.1.2)
	}
	return None
}

// open tells the compression and returns the tar in it.
func (f *inflater) open(ctx context.Context, in *bufio.Reader) (io.ReadCloser, error) {
	if f.program != "" && !slices.Contains(programs, f.program) {
		return nil, &Error{Reason: InflaterFailed, Err: fmt.Errorf("inflater %q is unknown: give %s, or none", f.program, strings.Join(programs, " or "))}
	}
	start, _ := in.Peek(6) // fewer at the end; the error comes again
	switch c := compressionOf(start); c {
	case Gzip:
		f.compression = c
		if f.program != "" {
			return startProgram(ctx, f.program, in)
		}
		return gzip.NewReader(in)
	case Zstd:
		f.compression = c
		return openZstd(in)
	case None:
		f.compression = c
		return io.NopCloser(in), nil
	default:
		return nil, &Error{Reason: UnsupportedCompression, Err: fmt.Errorf("the blob is compressed by %s, layers may be by gzip, zstd or not at all", c)}
	}
}

// maxWindowBytes is how far back a zstd stream may refer, and so what its
// decoder may allocate: what the zstd program accepts unless told otherwise.
const maxWindowBytes = 128 << 20

func openZstd(in io.Reader) (io.ReadCloser, error) {
	// One goroutine of its own is what a layer gets, and the frame's stated size
	// must not be refused here: Limits judge what really comes out.
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindowBytes), zstd.WithDecoderMaxMemory(1<<62))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// explain gives an inflating error its reason.
func (f *inflater) explain(err error, taken int64) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		if own.Reason == CorruptCompression || own.Reason == ReadFailed {
			own.Offset = taken
		}
		return own
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return &Error{Reason: Truncated, Offset: taken, Err: fmt.Errorf("the %s stream ends early: %w", f.compression, io.ErrUnexpectedEOF)}
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &Error{Reason: LimitExceeded, Offset: taken, Limit: "zstd window", Max: maxWindowBytes,
			Err: fmt.Errorf("zstd window: at most %d bytes are allowed: %w", maxWindowBytes, err)}
	default:
		return &Error{Reason: CorruptCompression, Offset: taken, Err: err}
	}
}
