package measure

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// Decoder is what inflates gzip.
type Decoder struct {
	// Name is one of simulate.Decoders: igzip, pigz or go.
	Name string
	// Path is the program's; empty for go, which needs none.
	Path string
	// Version is the first line that the program says of itself.
	Version string
}

// Fact names the decoder with its version.
func (d *Decoder) Fact() simulate.Fact {
	value := d.Name
	if d.Version != "" {
		value += " (" + d.Version + ")"
	}
	return simulate.Fact{Name: FactDecoder, Value: value}
}

// DecoderOnPath is what containerd 2.4 inflates gzip with when it has this
// process's PATH and environment: igzip, else unpigz, each unless
// CONTAINERD_DISABLE_IGZIP, CONTAINERD_DISABLE_PIGZ is true, else Go (containerd
// v2.4.2, pkg/archive/compression/compression.go).
func DecoderOnPath(ctx context.Context) Decoder {
	d := decoderOf(os.Getenv, exec.LookPath)
	if d.Path != "" {
		d.Version = versionOf(ctx, d.Path)
	}
	return d
}

func decoderOf(getenv func(string) string, lookPath func(string) (string, error)) Decoder {
	for _, d := range []struct{ name, program, disabledBy string }{
		{"igzip", "igzip", "CONTAINERD_DISABLE_IGZIP"},
		{"pigz", "unpigz", "CONTAINERD_DISABLE_PIGZ"},
	} {
		if disabled, err := strconv.ParseBool(getenv(d.disabledBy)); err == nil && disabled {
			continue
		}
		if path, err := lookPath(d.program); err == nil {
			return Decoder{Name: d.name, Path: path}
		}
	}
	return Decoder{Name: "go"}
}

// versionOf asks a program; one that does not answer has none.
func versionOf(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
