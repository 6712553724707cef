package pull

import (
	"bufio"
	"bytes"
	stdgzip "compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cachebench/cachebench/measure"
)

// decoder inflates gzip: a program, or a library.
type decoder struct{ measure.Decoder }

// findDecoder finds the decoder that is asked for, or the one that containerd 2.4 would
// take.
func findDecoder(name string) (decoder, error) {
	// The program found is asked for its version alone, which does not take long.
	d, err := measure.FindDecoder(context.Background(), name, 2, 4)
	return decoder{d}, err
}

// What a blob is compressed by, told by its first bytes as containerd tells it.
var (
	gzipMagic = []byte{0x1f, 0x8b, 0x08}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// isSkippable tells a skippable frame of zstd (RFC 8878, section 3.1.2).
func isSkippable(start []byte) bool {
	return len(start) >= 8 && start[0]&0xf0 == 0x50 && bytes.Equal(start[1:4], []byte{0x2a, 0x4d, 0x18})
}

// maxWindowBytes is how far back a zstd stream may refer, and so what its decoder
// may allocate: what the zstd program accepts unless told otherwise.
const maxWindowBytes = 128 << 20

// open returns the tar in a blob's file, which is at its beginning.
func (d decoder) open(ctx context.Context, f *os.File) (io.ReadCloser, error) {
	start := make([]byte, 10)
	n, err := f.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	// containerd's buffer is as large.
	in := bufio.NewReaderSize(f, 32<<10)
	switch start = start[:n]; {
	case bytes.HasPrefix(start, gzipMagic):
		switch {
		case d.Path != "":
			return startProgram(ctx, d.Path, f)
		case d.Name == "go-std":
			return stdgzip.NewReader(in)
		}
		return gzip.NewReader(in)
	case bytes.HasPrefix(start, zstdMagic), isSkippable(start):
		z, err := zstd.NewReader(in, zstd.WithDecoderLowmem(false), zstd.WithDecoderMaxWindow(maxWindowBytes), zstd.WithDecoderMaxMemory(1<<62))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(in), nil
}

// program is a running inflater; it reads as the inflated stream, and fails at its
// end where the program does.
type program struct {
	cmd    *exec.Cmd
	out    io.ReadCloser
	cancel context.CancelFunc
	said   head
	err    error // not nil: it has ended
}

func startProgram(ctx context.Context, path string, in *os.File) (*program, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &program{cmd: exec.CommandContext(ctx, path, "-d", "-c"), cancel: cancel}
	p.cmd.Stdin, p.cmd.Stderr = in, &p.said
	p.cmd.WaitDelay = waitDelay
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	p.out = out
	return p, nil
}

// waitDelay is how long an ended program's own children may keep its complaints
// open.
const waitDelay = time.Second

// head keeps the first bytes written to it, which is what of a program's complaint
// is quoted.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	const most = 300
	*h = append(*h, b[:min(len(b), most-len(*h))]...)
	return len(b), nil
}

func (p *program) Read(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	n, err := p.out.Read(b)
	if err == nil {
		return n, nil
	}
	p.err = err
	if ended := p.cmd.Wait(); ended != nil {
		said := strings.TrimSpace(strings.ToValidUTF8(string(p.said), "?"))
		p.err = fmt.Errorf("%s: %w: %s", p.cmd.Path, ended, said)
	}
	return n, p.err
}

// Close ends the program where it has not ended.
func (p *program) Close() error {
	p.cancel()
	if p.err == nil {
		p.err = errors.New("closed")
		_ = p.cmd.Wait() // it was ended
	}
	return nil
}
