package ecigroup

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
)

// serveVariable makes the test's program an endpoint, so that what an endpoint keeps is
// not counted as the client's.
const serveVariable = "ECIGROUP_TEST_SERVE"

func TestMain(m *testing.M) {
	if where := os.Getenv(runVariable); where != "" {
		runToBeKilled(where)
		return
	}
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	// Each request takes its time: who polls moves the clock.
	server := ecitest.NewServer(ecitest.Options{Seed: 3, Clock: ecitest.NewFakeClock(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Second)})
	fmt.Println(server.URL)
	io.Copy(io.Discard, os.Stdin) // until the parent is gone
}

// waited is a clock that waiting moves, and nothing else.
type waited struct {
	mu sync.Mutex
	at time.Time
}

func (c *waited) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *waited) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

// TestSoak makes 10,000 starts on an endpoint of another process. Besides the timeline,
// which is the result, memory stays flat: what is kept of a start that is over is its
// run and its startup.
func TestSoak(t *testing.T) {
	race.Skip(t)
	client, clock := elsewhere(t)
	exp := web(ArmCold, ArmAutomatic)
	exp.Repeats, exp.Concurrency = 5000, 100
	const early = 2000
	var before uint64
	progress := func(done, _ int, _ string, _ int, _ *simulate.MeasuredRun) {
		if done >= early && before == 0 {
			before = inUse()
		}
	}
	timeline, err := Run(t.Context(), client, exp, Options{
		JournalDir: journalDir(t), Book: cost.International(), Now: clock.now, Sleep: clock.sleep, Poll: time.Second, Progress: progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	after, goroutines := inUse(), runtime.NumGoroutine()
	// A startup with its texts and phases is about a kilobyte; its events alone, which led
	// to it, are several.
	const most = 1500
	if each := (int64(after) - int64(before)) / (10_000 - early); before == 0 || each > most {
		t.Errorf("%d bytes are kept of each start, want at most %d (%d before, %d after)", each, most, before, after)
	}
	if goroutines > 100 {
		t.Errorf("%d goroutines are left", goroutines)
	}
	groups, err := client.AllContainerGroups(t.Context(), eci.ContainerGroupQuery{Tags: []eci.Tag{{Key: TagRun}}})
	if err != nil || len(groups) > 0 {
		t.Errorf("%d groups are left, %v", len(groups), err)
	}
	caches, err := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
	if err != nil || len(caches) > 0 {
		t.Errorf("%d caches are left, %v", len(caches), err)
	}
	runtime.KeepAlive(timeline)
}

// elsewhere is a client of an endpoint in another process.
func elsewhere(t *testing.T) (*eci.Client, *waited) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serveVariable+"=1")
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); server.Wait() })
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return clientAt(strings.TrimSpace(url))
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
