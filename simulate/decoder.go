package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

// Decoder is a program or library that inflates gzip for a runtime.
type Decoder struct {
	// Name stands in a profile as unpack.decoder.
	Name string
	// What is its full name.
	What string
	// Gzip is its speed on one core, in unpacked bytes a second.
	Gzip Parameter[network.Rate]
}

// Decoders lists those that a profile can name. The speed of go is from runs on
// record. The others are assumed from comparisons that are not: traces of real pulls,
// and the four on 600 MB of a Debian system's files as one gzip stream, inflated in turn
// and not written, ten times on 2 shared cores, 2026-11; medians: compress/gzip 114
// MB/s, klauspost 162, unpigz 176, igzip 324. The speeds of go-std and pigz stand to
// that of go about as they did there.
func Decoders() []Decoder {
	return []Decoder{
		{"go", "github.com/klauspost/compress, inside the daemon: containerd 2.4 without igzip or unpigz on PATH",
			is[network.Rate](195*mega, "measured: 188 to 203 MB/s in memory and on ext4, "+ownRuns)},
		{"go-std", "Go's own compress/gzip, inside the daemon: containerd before 2.4, docker",
			is[network.Rate](140*mega, "assumed: 0.7 of go's speed, as Go 1.26's compress/gzip had beside it, 2026-11")},
		{"pigz", "unpigz, a process of its own: used by containerd and docker where it is on PATH",
			is[network.Rate](210*mega, "assumed: 1.1 of go's speed, as unpigz 2.6 had beside it, 2026-11")},
		{"igzip", "igzip of ISA-L, a process of its own: used by containerd 2 where it is on PATH",
			is[network.Rate](415*mega, "assumed: 370 to 460 MB/s, as igzip had in traces of pulls, 2026-11")},
	}
}

func decoderNamed(name string) (Decoder, bool) {
	all := Decoders()
	i := slices.IndexFunc(all, func(d Decoder) bool { return d.Name == name })
	if i < 0 {
		return Decoder{}, false
	}
	return all[i], true
}

// use takes a decoder with its speed.
func (u *UnpackProfile) use(name, source string) {
	d, _ := decoderNamed(name)
	u.Decoder, u.Gzip = is(name, source), d.Gzip
}

// useDecoder takes the speed of the decoder that a profile's unpack block names,
// before the block is read over it: a speed beside it goes first. What is wrong
// with the block is told when it is read.
func (u *UnpackProfile) useDecoder(block document.Raw) {
	var keys map[string]document.Raw
	var name Parameter[string]
	if block.Decode(&keys) != nil || keys["decoder"].Decode(&name) != nil {
		return
	}
	if d, ok := decoderNamed(name.Value); ok {
		u.Gzip = d.Gzip
	}
}

// decoder is a name of Decoders; none where a profile states the speed alone.
func decoder(name string, p *Parameter[string]) value {
	v := plain(name, p)
	v.check = func() error {
		if _, ok := decoderNamed(p.Value); !ok && p.Value != "" {
			var names []string
			for _, d := range Decoders() {
				names = append(names, d.Name)
			}
			return fmt.Errorf("%q is none of %s; state another program's speed as unpack.gzipBytesPerSecond and name it in its source", p.Value, strings.Join(names, ", "))
		}
		return constant(p)
	}
	return v
}
