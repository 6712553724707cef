package simulate

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cachebench/cachebench/internal/fleet"
	"github.com/cachebench/cachebench/simulate/network"
)

// peakBytes is the most memory that the process has had (VmHWM of proc(5)), 0
// where the system does not tell.
func peakBytes() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// TestRecordSizes: what each start and each transfer under way takes stays within
// the cache lines that the records are made for.
func TestRecordSizes(t *testing.T) {
	const line = 64
	if size := unsafe.Sizeof(startup{}); size > 2*line {
		t.Errorf("a startup takes %d bytes, more than two cache lines: what few startups have belongs into an aside", size)
	}
	if size := unsafe.Sizeof(pull{}); size > line {
		t.Errorf("a pull takes %d bytes, more than a cache line", size)
	}
}

const childStarts = "CACHEBENCH_TEST_STARTS"

// TestChild is the process that BenchmarkFleetMemory looks at: so many pulls of
// the images of a fleet of 1,000, handed on as they become ready; none at all for
// 0.
func TestChild(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv(childStarts))
	if err != nil {
		n = 100 // where BenchmarkFleetMemory does not ask
	}
	if n > 0 {
		s := scenarioOf(t, fleet.Star(1000, 1))
		s.w.profile.Network.Uplink = is(network.Rate(n)*12*mb, "")
		ready := 0
		err := newEngine(s.w, &Options{}, 0, func(int, *Startup) { ready++ }).run(context.Background(), func(yield func(int, *Start) bool) {
			var start Start
			for i := range n {
				start = s.starts[mix(uint64(i))%uint64(len(s.starts))]
				start.Requested = time.Duration(i) * 20 * time.Second / time.Duration(n)
				if !yield(i, &start) {
					return
				}
			}
		})
		if err != nil || ready != n {
			t.Fatalf("%d of %d are ready: %v", ready, n, err)
		}
	}
	fmt.Printf("peak %d\n", peakBytes())
}

// BenchmarkFleetMemory is the peak memory of a process that simulates 100,000
// pulls, inputs included, above that of one that simulates nothing.
func BenchmarkFleetMemory(b *testing.B) {
	peak := func(n int) float64 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestChild$")
		cmd.Env = append(os.Environ(), childStarts+"="+strconv.Itoa(n))
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(out), "peak ")
		bytes, _ := strconv.ParseFloat(strings.Fields(rest + " 0")[0], 64)
		return bytes
	}
	const n = 100_000
	for b.Loop() {
		b.ReportMetric((peak(n)-peak(0))/n, "B/pull")
	}
}

// BenchmarkMonth is a month of starts on 1,000 nodes that keep what they pulled
// and evict: 2,000 images of 5 to 11 layers, picked by Zipf's law, that do not fit
// on a node together.
func BenchmarkMonth(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint("starts=", n), func(b *testing.B) {
			f := fleet.Star(2000, 1)
			inv, _ := fleetImages(f)
			p := Containerd()
			p.Network.Node.Value = 250 * mb
			p.Node.DiskGiB.Value = 60
			for b.Loop() {
				begin := cpuTime()
				misses := monthOf(b, n, func(emit func(int, *Startup), next func(yield func(*Start) bool)) error {
					return Stream(context.Background(), inv, p, next, Options{}, emit)
				})
				b.ReportMetric((cpuTime() - begin).Seconds(), "cpu-sec/op")
				b.ReportMetric(misses, "misses/start")
				b.ReportMetric(float64(peakBytes())/(1<<20), "peak-MiB")
			}
		})
	}
}

func monthOf(b *testing.B, n int, run func(emit func(int, *Startup), next func(yield func(*Start) bool)) error) float64 {
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprint("node", i)
	}
	ready, misses := 0, 0
	err := run(func(_ int, s *Startup) {
		ready++
		if s.FetchedBytes > 0 {
			misses++
		}
	}, func(yield func(*Start) bool) {
		start := Start{App: "a", Images: []int{0}, PullPolicy: "IfNotPresent", Runtime: time.Hour}
		for i := range n {
			u := uniform(mix(uint64(i)))
			// Zipf of exponent 1 over 2,000 ranks, by its continuous form.
			start.Images = []int{min(1999, int(math.Pow(2001, u))-1)}
			start.Node = names[mix(uint64(i)+1<<40)%1000]
			start.Requested = time.Duration(i) * (30 * 24 * time.Hour / time.Duration(n))
			if !yield(&start) {
				return
			}
		}
	})
	if err != nil || ready != n {
		b.Fatalf("%d of %d are ready: %v", ready, n, err)
	}
	return float64(misses) / float64(n)
}
