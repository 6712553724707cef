//go:build unix

package tarscan

import (
	"archive/tar"
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

var blobFlag = flag.String("blob", "", "benchmark this gzip layer blob instead of a generated one")

// BenchmarkScan compares a deep scan with inflating alone, each from a file, on a
// generated layer of 451 MB in 5,905 entries (see writeLayer) or on -blob. Every
// iteration runs all of them, one after another, so that a noisy machine troubles
// them alike; the figures are medians. Run it as
//
//	go test ./layers/tarscan -run '^$' -bench BenchmarkScan -benchtime 7x
//
// The goals are at most 1.15 for scan-wall/inflate (two cores free) and at most
// 1.3 for scan-cpu/inflate. CPU is user and system time of this process and of
// the programs it ran.
func BenchmarkScan(b *testing.B) {
	path, entries := *blobFlag, int64(0)
	if path == "" {
		path, entries = filepath.Join(b.TempDir(), "layer.tar.gz"), 5905
		compress := func(w io.Writer) io.WriteCloser {
			z, _ := gzip.NewWriterLevel(w, 6)
			return z
		}
		writeLayer(b, path, entries, compress)
	}
	b.Run("compression=gzip", func(b *testing.B) {
		programs := []string{""}
		for _, p := range []string{"igzip", "unpigz"} {
			if _, err := exec.LookPath(p); err == nil {
				programs = append(programs, p)
			}
		}
		compare(b, path, entries, inflateGzip, programs)
	})
	if *blobFlag != "" {
		return
	}
	b.Run("compression=zstd", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "layer.tar.zst")
		writeLayer(b, path, entries, func(w io.Writer) io.WriteCloser {
			z, _ := zstd.NewWriter(w)
			return z
		})
		compare(b, path, entries, inflateZstd, []string{""})
	})
}

func inflateGzip(r io.Reader) (int64, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, z)
}

func inflateZstd(r io.Reader) (int64, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return 0, err
	}
	defer z.Close()
	return io.Copy(io.Discard, z)
}

// compare runs inflate and a scan by each program in turn.
func compare(b *testing.B, path string, entries int64, inflate func(io.Reader) (int64, error), programs []string) {
	b.ReportAllocs()
	costs := make([][]cost, 1+len(programs))
	for b.Loop() {
		var bytes int64
		costs[0] = append(costs[0], measure(b, path, func(r io.Reader, _ int64) (err error) {
			bytes, err = inflate(bufio.NewReaderSize(r, 64<<10))
			return err
		}))
		for i, program := range programs {
			costs[i+1] = append(costs[i+1], measure(b, path, func(r io.Reader, size int64) error {
				l, err := Scan(context.Background(), r, size, Options{Inflater: program, Footprint: true})
				if err == nil && (l.UnpackedBytes != bytes || entries > 0 && l.Entries != entries) {
					err = fmt.Errorf("%d entries, %d bytes, want %d, %d", l.Entries, l.UnpackedBytes, entries, bytes)
				}
				return err
			}))
		}
		b.SetBytes(bytes)
	}
	base := median(costs[0])
	b.ReportMetric(base.wall.Seconds(), "inflate-sec")
	b.ReportMetric(base.cpu.Seconds(), "inflate-cpu-sec")
	for i, program := range programs {
		c, name := median(costs[i+1]), program
		if name == "" {
			name = "scan"
		}
		b.ReportMetric(c.cpu.Seconds(), name+"-cpu-sec")
		b.ReportMetric(c.wall.Seconds()/base.wall.Seconds(), name+"-wall/inflate")
		b.ReportMetric(c.cpu.Seconds()/base.cpu.Seconds(), name+"-cpu/inflate")
	}
}

type cost struct{ wall, cpu time.Duration }

func measure(b *testing.B, path string, run func(r io.Reader, size int64) error) cost {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	start, cpu := time.Now(), cpuTime(b)
	if err := run(f, info.Size()); err != nil {
		b.Fatal(err)
	}
	return cost{time.Since(start), cpuTime(b) - cpu}
}

func cpuTime(b *testing.B) (sum time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

func median(costs []cost) cost {
	var wall, cpu []time.Duration
	for _, c := range costs {
		wall, cpu = append(wall, c.wall), append(cpu, c.cpu)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	return cost{wall[len(wall)/2], cpu[len(cpu)/2]}
}

// writeLayer writes a tar like one of Debian packages: 451 MB in 5,905 entries,
// every eighth a directory, sizes of a heavy tail, a third of the bytes text, the
// rest like machine code; gzip -6 makes a third of it. The same every time.
func writeLayer(b *testing.B, path string, entries int64, compress func(io.Writer) io.WriteCloser) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	z := compress(f)
	w := tar.NewWriter(z)
	g := newGenerator()
	sizes := g.sizes(entries, 451_000_000)
	for i, size := range sizes {
		if size < 0 {
			err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("usr/lib/d%d/", i), Mode: 0o755})
		} else {
			err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("usr/lib/d%d/f%d", i-i%8, i), Mode: 0o644, Size: size})
			if err == nil {
				_, err = w.Write(g.contents(size))
			}
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []io.Closer{w, z, f} {
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// generator makes file contents from a fixed seed.
type generator struct {
	rand  *rand.Rand
	zipf  *rand.Zipf
	words [][]byte
}

func newGenerator() *generator {
	r := rand.New(rand.NewPCG(1, 2))
	g := &generator{rand: r, zipf: rand.NewZipf(r, 1.1, 4, 30_000)}
	for range 30_001 {
		word := make([]byte, 2+r.IntN(9))
		for i := range word {
			word[i] = "etaoinshrdlcumwfgypbvk"[min(r.IntN(22), r.IntN(22))]
		}
		g.words = append(g.words, append(word, ' '))
	}
	return g
}

// sizes draws the sizes of a tar's files, from a heavy tail, so that the tar has
// about so many bytes; -1 is a directory.
func (g *generator) sizes(entries, tarBytes int64) []int64 {
	sizes := make([]int64, entries)
	var sum int64
	for i := range sizes {
		if sizes[i] = -1; i%8 > 0 {
			sizes[i] = int64(min(5e6, 3e3/max(1e-4, g.rand.Float64()*g.rand.Float64())))
			sum += sizes[i]
		}
	}
	contents := tarBytes - entries*768 // a header each, and half a block of padding
	for i := range sizes {
		if sizes[i] > 0 {
			sizes[i] = int64(float64(sizes[i]) * float64(contents) / float64(sum))
		}
	}
	return sizes
}

func (g *generator) contents(size int64) []byte {
	out := make([]byte, 0, size+64)
	for text := g.rand.IntN(3) == 0; int64(len(out)) < size; {
		switch {
		case text:
			out = append(out, g.words[g.zipf.Uint64()]...)
		case g.rand.IntN(3) == 0: // an instruction with a random operand
			op := g.zipf.Uint64()
			out = append(out, byte(op), byte(op>>8), byte(g.rand.Uint32()), byte(g.rand.Uint32()>>8), 0)
		case g.rand.IntN(2) == 0 && len(out) > 4096: // a sequence seen before
			from := len(out) - 1 - g.rand.IntN(4000)
			out = append(out, out[from:min(len(out), from+4+g.rand.IntN(24))]...)
		default:
			out = append(out, byte(g.zipf.Uint64()), 0x48, 0x8b)
		}
	}
	return out[:size]
}
