package workload

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/clusterhistory"
	"github.com/cachebench/cachebench/internal/race"
)

// TestHistoryOfCluster: of a made-up history the importer finds what is in it: each start,
// the bursts, releases, run times, and the daily rhythm.
func TestHistoryOfCluster(t *testing.T) {
	for _, wrapped := range []bool{false, true} {
		if wrapped && race.Enabled {
			continue // as slow again
		}
		var text bytes.Buffer
		truth, err := clusterhistory.Write(&text, clusterhistory.Options{Seed: 3, Apps: 20, Nodes: 12, StartsPerDay: 800, Days: 9, Wrapped: wrapped})
		if err != nil {
			t.Fatal(err)
		}
		var i HistoryImporter
		format, err := i.Read("events.jsonl", &text, "")
		if err != nil || format != EventsInput {
			t.Fatalf("%v, %v", format, err)
		}
		h, err := i.History(PullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		byName := map[string]*App{}
		for n := range h.Workload.Apps {
			byName[h.Workload.Apps[n].Name] = &h.Workload.Apps[n]
		}
		if err := h.Workload.Validate(); err != nil {
			t.Fatal(err)
		}
		days := h.History.Window.Covered.Hours() / 24
		if got := truth.To.Sub(truth.From).Hours() / 24; math.Abs(days-got) > 0.01 {
			t.Errorf("%v days are covered, want %v", days, got)
		}
		total := 0
		for _, want := range truth.Apps {
			total += want.Starts
			a := byName[want.Name]
			if a == nil {
				t.Errorf("app %s is missing", want.Name)
				continue
			}
			checkApp(t, a, &want, days)
		}
		if h.History.Starts != total || len(byName) != len(truth.Apps) {
			t.Errorf("%d starts of %d apps, want %d of %d", h.History.Starts, len(byName), total, len(truth.Apps))
		}
		// At 15:00 the rhythm is at its top, at 3:00 at its bottom: 1.8 to 0.2.
		busiest := h.Workload.Apps[slices.IndexFunc(h.Workload.Apps, func(a App) bool { return a.Name == truth.Apps[0].Name })]
		top, bottom := 0.0, 0.0
		for d := range 7 {
			top += busiest.HourlyWeights[(24*d+15)%len(busiest.HourlyWeights)] / 7
			bottom += busiest.HourlyWeights[(24*d+3)%len(busiest.HourlyWeights)] / 7
		}
		if math.Abs(top-1.8) > 0.25 || math.Abs(bottom-0.2) > 0.1 {
			t.Errorf("weights %.2f at 15:00 and %.2f at 3:00, want 1.8 and 0.2", top, bottom)
		}
		if p := h.Workload.NodePools; len(p) != 1 || p[0].Count != 12 {
			t.Errorf("pools %+v, want 12 nodes", p)
		}
	}
}

func checkApp(t *testing.T, a *App, want *clusterhistory.AppTruth, days float64) {
	t.Helper()
	if !slices.Equal(a.Images, want.Images) {
		t.Errorf("%s: images %v, want %v", a.Name, a.Images, want.Images)
	}
	perDay := a.StartsPerDay
	for _, b := range a.Bursts {
		perDay += float64(b.Count) * float64(day) / float64(b.Every)
	}
	if got := float64(want.Starts) / days; math.Abs(perDay-got) > 0.05*got+0.1 {
		t.Errorf("%s: %.1f starts a day, want %.1f", a.Name, perDay, got)
	}
	switch {
	case want.Bursts == 0 && len(a.Bursts) > 0:
		t.Errorf("%s: bursts %v, want none", a.Name, a.Bursts)
	case want.Bursts > 0 && (len(a.Bursts) != 1 || math.Abs(a.Bursts[0].Every.Hours()-24) > 0.1 || math.Abs(float64(a.Bursts[0].Count-clusterhistory.BurstPods)) > 3 || a.Bursts[0].First/time.Minute < 115 || a.Bursts[0].First/time.Minute > 125):
		t.Errorf("%s: bursts %+v, want %d daily at 2:00", a.Name, a.Bursts, clusterhistory.BurstPods)
	}
	if got := a.ReleasesPerMonth * days / 30; want.Starts > 200 && math.Abs(got-float64(want.Releases)) > 0.1 {
		t.Errorf("%s: %.1f releases, want %d", a.Name, got, want.Releases)
	}
	if mean := float64(want.RunSeconds) / float64(max(1, want.Ended)); want.Ended > 50 && math.Abs(a.Runtime.Seconds()-mean) > 0.2*mean {
		t.Errorf("%s: runs %v, want about %.0f s", a.Name, a.Runtime, mean)
	}
}

// TestHistoryInParts: a history in two files, in either order and with an hour in both, is
// one.
func TestHistoryInParts(t *testing.T) {
	var text bytes.Buffer
	if _, err := clusterhistory.Write(&text, clusterhistory.Options{Seed: 5, Apps: 8, Nodes: 5, StartsPerDay: 900, Days: 2}); err != nil {
		t.Fatal(err)
	}
	all := bytes.SplitAfter(text.Bytes(), []byte("\n"))
	middle := len(all) / 2
	first, second := bytes.Join(all[:middle+400], nil), bytes.Join(all[middle:], nil)
	line := func(parts ...[]byte) string {
		var i HistoryImporter
		for n, p := range parts {
			if _, err := i.Read(fmt.Sprint(n), bytes.NewReader(p), ""); err != nil {
				t.Fatal(err)
			}
		}
		h, err := i.History(PullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		starts := fmt.Sprint(h.History.Starts, len(h.Pulls))
		for _, a := range h.Workload.Apps {
			starts += fmt.Sprint(" ", a.Name, a.StartsPerDay, a.Images)
		}
		return starts
	}
	want := line(text.Bytes())
	for _, parts := range [][][]byte{{first, second}, {first, first, second}, {second, first}} {
		if got := line(parts...); got != want {
			t.Errorf("%d parts: %s\nwant %s", len(parts), got, want)
		}
	}
}

// TestHistoryMemory: what is held does not grow with the history, once it is longer than what
// is held to bring it in order.
func TestHistoryMemory(t *testing.T) {
	size := int64(160 << 20)
	if race.Enabled {
		size = 16 << 20
	}
	heap := func(size int64) uint64 {
		runtime.GC()
		r, w := io.Pipe()
		go func() {
			_, err := clusterhistory.Write(w, clusterhistory.Options{Seed: 1, Bytes: size})
			w.CloseWithError(err)
		}()
		peak := watchHeap(t)
		var i HistoryImporter
		if _, err := i.Read("stdin", r, EventsInput); err != nil {
			t.Fatal(err)
		}
		return peak()
	}
	small, large := heap(size/2), heap(size)
	t.Logf("%d MiB of heap for %d MiB, %d MiB for %d MiB", small>>20, size>>21, large>>20, size>>20)
	if large > small+small/4+(8<<20) || large > 120<<20 {
		t.Errorf("%d MiB of heap for %d MiB, %d MiB for %d MiB", small>>20, size>>21, large>>20, size>>20)
	}
}
