package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// BenchmarkReport times the program as a whole, from its start to its end: the report of
// 100,000 starts in each format. What it takes at most of memory is peak-B, on all cores
// together it computes cpu-sec.
func BenchmarkReport(b *testing.B) {
	const starts = 100_000
	timeline := filepath.Join(b.TempDir(), "timeline.json")
	data, err := document.Marshal(simulate.TimelineKind, manyStarts(starts))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(timeline, data, 0o666); err != nil {
		b.Fatal(err)
	}
	for _, format := range startFormats() {
		b.Run(fmt.Sprintf("starts=%d/format=%s", starts, format), func(b *testing.B) {
			process(b, "report", timeline, "--output", string(format))
		})
	}
}

// BenchmarkWrite times what handing a large result to the standard output costs besides
// the output itself: next to nothing.
func BenchmarkWrite(b *testing.B) {
	line := []byte(`{"arm": "cold", "app": "shop/web", "readySeconds": 12.345},` + "\n")
	data := bytes.Repeat(line, 64<<20/len(line))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := (&streams{}).write(io.Discard, data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHelp times what somebody waits for who looks something up.
func BenchmarkHelp(b *testing.B) {
	for _, args := range [][]string{{"--help"}, {"plan", "--help"}} {
		b.Run("args="+strings.Join(args, "_"), func(b *testing.B) { process(b, args...) })
	}
}

// process runs the program as a process of its own.
func process(b *testing.B, args ...string) {
	var cpu time.Duration
	peak := int64(0)
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), os.Args[0], args...)
		cmd.Args[0] = "cachebench" // as which the test's own program runs the command
		var out, faults bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &faults
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		watched := make(chan int64)
		go func() { watched <- highWater(cmd.Process.Pid) }()
		if err := cmd.Wait(); err != nil || out.Len() == 0 {
			b.Fatalf("%v: %v, %d bytes; %s", args, err, out.Len(), faults.Bytes())
		}
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		peak = max(peak, <-watched)
	}
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-sec")
	if peak > 0 {
		b.ReportMetric(float64(peak), "peak-B")
	}
}

// highWater looks at the most memory that a process has had until it ends; 0 where the
// system does not tell. What wait4 tells would be that of the test's program too, of which
// the process is a copy before it is itself.
func highWater(pid int) (bytes int64) {
	for ; ; time.Sleep(time.Millisecond) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, after, ok := strings.Cut(string(status), "VmHWM:")
		if err != nil || !ok {
			return bytes // it has ended
		}
		kib, _, _ := strings.Cut(strings.TrimSpace(after), " ")
		n, err := strconv.ParseInt(kib, 10, 64)
		if err != nil {
			return bytes
		}
		bytes = max(bytes, n<<10)
	}
}

// manyStarts is a timeline of two arms of 100 apps on 1,000 nodes, no two starts alike.
func manyStarts(n int) *simulate.Timeline {
	t := &simulate.Timeline{Provenance: simulate.Provenance{Version: "test", Profile: "eci", Seed: 1}}
	for i := range n {
		of := func(ms int) *time.Duration { d := time.Duration(ms)*time.Millisecond + time.Duration(i); return &d }
		s := simulate.Startup{
			Source: simulate.Simulated, Arm: simulate.ArmCold, App: fmt.Sprintf("app-%d", i/2%100), Hit: matcher.Miss, Node: fmt.Sprintf("node-%d", i%1000),
			Images: []string{fmt.Sprintf("registry.example.com/team/app-%d:v1", i/2%100)}, Requested: time.Duration(i) * 26 * time.Second,
			FetchBusy: 2 * time.Second, UnpackBusy: 3 * time.Second, FetchedBytes: 1e8 + int64(i), UnpackedBytes: 3e8 + int64(i),
			Phases: simulate.Phases{Provision: of(10_000), Resolve: of(30), Fetch: of(2000), Unpack: of(3000), Create: of(500)},
		}
		if i%2 == 1 {
			s.Arm, s.Hit, s.CacheID = simulate.ArmCached, matcher.FullHit, fmt.Sprintf("imc-%d", i/2%100)
			s.FetchBusy, s.UnpackBusy, s.FetchedBytes, s.UnpackedBytes = 0, 0, 0, 0
			s.Phases = simulate.Phases{Provision: of(10_000), Attach: of(1500), Create: of(500)}
		}
		for _, d := range []*time.Duration{s.Phases.Provision, s.Phases.Attach, s.Phases.Resolve, s.Phases.Fetch, s.Phases.Unpack, s.Phases.Create} {
			if d != nil {
				s.Ready += *d
			}
		}
		t.Startups = append(t.Startups, s)
	}
	return t
}
