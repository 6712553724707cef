package tarscan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// programs are those that containerd uses (archive/compression), with the same
// arguments.
var programs = []string{"igzip", "unpigz"}

// program is a running inflater; it reads as the inflated stream.
type program struct {
	name   string
	cmd    *exec.Cmd
	out    io.ReadCloser
	stderr head
	ended  bool // out was read to its end
}

func startProgram(ctx context.Context, name string, in io.Reader) (*program, error) {
	p := &program{name: name, cmd: exec.CommandContext(ctx, name, "-d", "-c")}
	p.cmd.Stdin, p.cmd.Stderr = in, &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, &Error{Reason: InflaterFailed, Err: fmt.Errorf("start %s: %w", name, err)}
	}
	p.out = out
	return p, nil
}

func (p *program) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	p.ended = p.ended || err == io.EOF
	return n, err
}

// Close waits for the program. One that is stopped before its output ended has
// no say any more.
func (p *program) Close() error {
	p.out.Close()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil || !p.ended:
		return nil
	case !errors.As(err, &exit):
		return &Error{Reason: InflaterFailed, Err: fmt.Errorf("run %s: %w", p.name, err)}
	}
	said := strings.TrimSpace(strings.ToValidUTF8(string(p.stderr), "?"))
	return &Error{Reason: CorruptCompression, Err: fmt.Errorf("%s: %w: %s", p.name, err, quote(said))}
}

// head keeps the first bytes written to it.
type head []byte

func (h *head) Write(b []byte) (int, error) {
	const most = 1 << 10
	*h = append(*h, b[:min(len(b), most-len(*h))]...)
	return len(b), nil
}
