package measure

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// Decoder is what inflates gzip.
type Decoder struct {
	// Name is one of simulate.Decoders: igzip, pigz, go or go-std.
	Name string
	// Path is the program's; empty for the latter two, which need none.
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

// FindDecoder is what containerd of a version inflates gzip with when it has this
// process's PATH and environment: igzip, else unpigz, each unless
// CONTAINERD_DISABLE_IGZIP, CONTAINERD_DISABLE_PIGZ is true, else what is in it: go, or
// go-std before 2.4 (containerd v2.4.2, pkg/archive/compression/compression.go). A name of
// simulate.Decoders asks for that one, whatever is disabled; go asks for what is in it.
func FindDecoder(ctx context.Context, name string, major, minor int) (Decoder, error) {
	d, err := decoderOf(name, major, minor, os.Getenv, exec.LookPath)
	if d.Path != "" {
		d.Version = versionOf(ctx, d.Path)
	}
	return d, err
}

func decoderOf(name string, major, minor int, getenv func(string) string, lookPath func(string) (string, error)) (Decoder, error) {
	inside := Decoder{Name: "go-std"}
	if major > 2 || major == 2 && minor >= 4 {
		inside.Name = "go"
	}
	switch name {
	case "", "igzip", "pigz":
	case "go":
		return inside, nil
	case "go-std":
		return Decoder{Name: name}, nil
	default:
		return Decoder{}, fmt.Errorf("decoder %q is none of igzip, pigz, go and go-std", name)
	}
	for _, i := range []struct {
		name, program, disabledBy string
		since                     int // the first version of containerd that looks for it
	}{
		{"igzip", "igzip", "CONTAINERD_DISABLE_IGZIP", 2},
		{"pigz", "unpigz", "CONTAINERD_DISABLE_PIGZ", 1},
	} {
		asked := name == i.name
		if name != "" && !asked {
			continue
		}
		if major < i.since {
			if asked {
				return Decoder{}, fmt.Errorf("decoder %s: containerd %d.%d does not look for it, only %d.0 and later do: take another", name, major, minor, i.since)
			}
			continue
		}
		if off, err := strconv.ParseBool(getenv(i.disabledBy)); err == nil && off && !asked {
			continue
		}
		path, err := lookPath(i.program)
		if err == nil {
			return Decoder{Name: i.name, Path: path}, nil
		}
		if asked {
			return Decoder{}, fmt.Errorf("decoder %s: %w: install it, or take another", name, err)
		}
	}
	return inside, nil
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
