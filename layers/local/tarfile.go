package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compressions that a DockerLayer states.
const (
	Gzip = "gzip"
	Zstd = "zstd"
)

// Compressions that are recognised so that they can be refused by name.
const (
	xz    = "xz"
	bzip2 = "bzip2"
)

// compressionOf tells a compression by its first bytes: RFC 1952, RFC 8878 (a frame,
// or the skippable one that zstd:chunked and pzstd begin with), the .xz file
// format, bzip2.
func compressionOf(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}):
		return Zstd
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return xz
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2
	}
	return ""
}

// openTar lists the contents of an archive file, plain or compressed.
func openTar(ctx context.Context, name string) (*contents, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, plainPathError(err)
	case info.IsDir():
		return nil, fmt.Errorf("it is a directory, not an archive: name an OCI layout as oci:%s", name)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file: an archive is read at random, so save it to a file first")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, plainPathError(err)
	}
	c, err := readTar(ctx, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

// A tarFile is where an archive's bytes come from.
type tarFile interface {
	io.ReaderAt
	io.Closer
}

// readTar lists the contents of a tar of the given length, plain or compressed.
func readTar(ctx context.Context, f tarFile, size int64) (*contents, error) {
	head := make([]byte, min(size, headBytes))
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, err
	}
	switch compression := compressionOf(head); compression {
	case "":
		return plainContents(ctx, &plainTar{f, size})
	case Gzip, Zstd:
		return packedContents(ctx, &packedTar{file: f, size: size, compression: compression})
	default:
		return nil, fmt.Errorf("it is compressed with %s, which is not read: unpack it first with %s -dk", compression, compression)
	}
}

// plainTar reads an uncompressed tar at random.
type plainTar struct {
	file tarFile
	size int64
}

func plainContents(ctx context.Context, p *plainTar) (*contents, error) {
	r := io.NewSectionReader(p.file, 0, p.size)
	scan := tarScan{r: r, position: func() int64 {
		at, _ := r.Seek(0, io.SeekCurrent) // of a section: cannot fail
		return at
	}}
	c, err := scan.contents(ctx)
	if err != nil {
		return nil, err
	}
	c.source = p
	return c, nil
}

func (p *plainTar) section(_ context.Context, offset, size int64) (io.ReadCloser, error) {
	if offset+size > p.size {
		return nil, io.ErrUnexpectedEOF
	}
	return tarSection{io.NewSectionReader(p.file, offset, size)}, nil
}

// tarSection is a file in a plain tar. Unlike io.NopCloser it can be read at
// random, so that a blob's end costs no reading of the rest.
type tarSection struct{ *io.SectionReader }

func (tarSection) Close() error { return nil }

func (p *plainTar) close() error { return p.file.Close() }

// packedTar reads a compressed tar, which has no way in but its beginning. The
// stream that was read last is kept, so that sections that are read in the order
// of their offsets cost one pass together.
type packedTar struct {
	file        tarFile
	size        int64
	compression string

	mu     sync.Mutex
	parked *tarStream
}

func packedContents(ctx context.Context, p *packedTar) (*contents, error) {
	s, err := p.stream()
	if err != nil {
		return nil, err
	}
	defer s.close()
	scan := tarScan{r: s.reader(ctx), position: func() int64 { return s.at }, keep: true}
	c, err := scan.contents(ctx)
	if err != nil {
		return nil, err
	}
	c.source = p
	return c, nil
}

// maxWindowBytes is what zstd may ask of memory: that of zstd --long.
const maxWindowBytes = 128 << 20

// readAheadBytes is how much of a compressed archive is read at once.
const readAheadBytes = 256 << 10

// stream starts at the beginning of the uncompressed tar.
func (p *packedTar) stream() (*tarStream, error) {
	// Decompressors left alone read 4 KiB at a time.
	file := bufio.NewReaderSize(io.NewSectionReader(p.file, 0, p.size), readAheadBytes)
	if p.compression == Zstd {
		z, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, fmt.Errorf("decompress: %w", err)
		}
		return &tarStream{r: z, close: z.Close}, nil
	}
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return &tarStream{r: z, close: func() { z.Close() }}, nil
}

// section implements tarSource.
func (p *packedTar) section(ctx context.Context, offset, size int64) (io.ReadCloser, error) {
	s, err := p.from(offset)
	if err != nil {
		return nil, err
	}
	r := s.reader(ctx)
	if _, err := io.CopyN(io.Discard, r, offset-s.at); err != nil {
		s.close()
		return nil, cutOff(err)
	}
	return &packedSection{tar: p, stream: s, r: io.LimitReader(r, size), end: offset + size}, nil
}

// from returns a stream at or before offset: the parked one if it is.
func (p *packedTar) from(offset int64) (*tarStream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.parked; s != nil && s.at <= offset {
		p.parked = nil
		return s, nil
	}
	return p.stream()
}

// park keeps s for the next section and drops what was kept before.
func (p *packedTar) park(s *tarStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parked != nil {
		p.parked.close()
	}
	p.parked = s
}

func (p *packedTar) close() error {
	p.park(nil)
	return p.file.Close()
}

// tarStream is an uncompressed tar being read from its beginning.
type tarStream struct {
	r     io.Reader
	at    int64
	close func()
}

// reader reads on until ctx ends.
func (s *tarStream) reader(ctx context.Context) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := s.r.Read(p)
		s.at += int64(n)
		return n, err
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// cutOff names the end of a file where there should be more.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// packedSection is one entry of a compressed tar being read.
type packedSection struct {
	tar    *packedTar
	stream *tarStream
	r      io.Reader
	end    int64
	failed bool
}

func (s *packedSection) Read(p []byte) (int, error) {
	if s.stream == nil {
		return 0, errors.New("read after close")
	}
	n, err := s.r.Read(p)
	if err == io.EOF && s.stream.at < s.end {
		err = io.ErrUnexpectedEOF
	}
	s.failed = s.failed || (err != nil && err != io.EOF)
	return n, err
}

func (s *packedSection) Close() error {
	switch {
	case s.stream == nil:
	case s.failed:
		s.stream.close()
	default:
		s.tar.park(s.stream)
	}
	s.stream = nil
	return nil
}
