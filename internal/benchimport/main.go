// Command benchimport measures how fast cachebench reads a history of events, and in how
// much memory: it writes a seeded history, imports it in a process of its own, and prints
// the time, the CPU time and the peak of memory as lines of Go's benchmarks, which compare
// reads.
//
// usage: go run ./internal/benchimport [flags], from the root of the repository
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cachebench/cachebench/internal/clusterhistory"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "benchimport:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("benchimport", flag.ContinueOnError)
	size := flags.Int64("bytes", 1_000_000_000, "size of the history")
	seed := flags.Uint64("seed", 1, "of the history")
	command := flags.String("cachebench", "build/cachebench", "the program that is measured")
	count := flags.Int("count", 1, "how often it is measured")
	limit := flags.Duration("limit", 0, "fail where an import takes longer; 0 is no limit")
	wrapped := flags.Bool("wrapped", true, "as kube-eventer's log-service sink writes it; else plain events")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "benchimport-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "events.jsonl")
	opt, err := history(*seed, *size, *wrapped)
	if err != nil {
		return err
	}
	truth, err := write(name, opt)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "%d events, %d bytes, %.1f days\n", truth.Events, truth.Bytes, truth.To.Sub(truth.From).Hours()/24)
	for range *count {
		m, err := measure(ctx, *command, name, filepath.Join(dir, "workload.yaml"))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "BenchmarkImport/bytes=%d 1 %d ns/op %.1f MB/s %.2f cpu-seconds/op %.1f peak-MB\n",
			truth.Bytes, m.took.Nanoseconds(), float64(truth.Bytes)/1e6/m.took.Seconds(), m.cpu.Seconds(), float64(m.peakBytes)/1e6)
		if *limit > 0 && m.took > *limit {
			return fmt.Errorf("importing %d bytes took %v, want at most %v", truth.Bytes, m.took, *limit)
		}
	}
	return nil
}

// leastBytes is the smallest history whose days can be told.
const leastBytes = 10_000_000

// history are the options of a history of so many bytes. A smaller one is that of a smaller
// cluster, not of less time: of less than a day import makes no workload.
func history(seed uint64, size int64, wrapped bool) (clusterhistory.Options, error) {
	if size < leastBytes {
		return clusterhistory.Options{}, fmt.Errorf("-bytes %d: a history that small covers less than the day that an import needs: give %d or more", size, leastBytes)
	}
	share := min(1, float64(size)/1e9)
	return clusterhistory.Options{
		Seed: seed, Bytes: size, Wrapped: wrapped,
		Apps: max(10, int(200*share)), Nodes: max(5, int(100*share)), StartsPerDay: 20_000 * share,
	}, nil
}

func write(name string, opt clusterhistory.Options) (*clusterhistory.Truth, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	truth, err := clusterhistory.Write(f, opt)
	return truth, errors.Join(err, f.Close())
}

// measured is what one import took.
type measured struct {
	took, cpu time.Duration
	peakBytes int64
}

func measure(ctx context.Context, command, name, save string) (*measured, error) {
	c := exec.CommandContext(ctx, command, "workload", "import", name, "--save", save)
	c.Stderr = os.Stderr
	begin := time.Now()
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("run %s workload import: %w (make bench-import builds it)", command, err)
	}
	m := &measured{took: time.Since(begin)}
	m.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	m.peakBytes = peakBytes(c.ProcessState)
	return m, nil
}
