package capacity_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// TestCachesJudgeExactly: a limit of just what starts take without a cache of one's own is
// kept by building nothing, and one of a microsecond less is not.
func TestCachesJudgeExactly(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", nil)
	timeline := played(t, q, simulate.ArmAutomatic, nil, nil)
	for figure, percent := range map[string]int{"p50": 50, "p90": 90, "p99": 99} {
		exact := rankOf(timeline, percent)
		for _, limit := range []time.Duration{exact, exact - time.Microsecond} {
			c, err := questionOf(t, "", nil).Caches(t.Context(), capacity.SLO{Figure: figure, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(c.Headline, "build nothing"); got != (limit == exact) {
				t.Errorf("%s of %v, exactly %v: %s", figure, limit, exact, c.Headline)
			}
			if o := &c.Options[0]; o.Met != (limit == exact) || o.Ready.Value != exact.Seconds() {
				t.Errorf("%s of %v, exactly %v: %+v, %+v", figure, limit, exact, o, o.Ready)
			}
		}
	}
}

// TestCachesOutOfReach: where no plan keeps a limit, the closest is as close as what a longer
// limit finds.
func TestCachesOutOfReach(t *testing.T) {
	race.Skip(t)
	least := math.Inf(1)
	for _, limit := range []time.Duration{13 * time.Second, 20 * time.Second, 30 * time.Second} {
		c, err := questionOf(t, "", nil).Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Options {
			if r := c.Options[i].Ready; r != nil {
				least = min(least, r.Value)
			}
		}
	}
	limit := time.Second
	c, err := questionOf(t, "", nil).Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: limit})
	if err != nil || c.Verdict != reports.CapacityNotMet {
		t.Fatalf("%+v, %v", c, err)
	}
	closest := math.Inf(1)
	for i := range c.Options {
		if r := c.Options[i].Ready; r != nil {
			closest = min(closest, r.Value)
		}
	}
	if closest > least*1.001 || !strings.Contains(c.Headline, "the closest comes to "+reports.CapacityAmount(closest, reports.UnitSeconds)) {
		t.Errorf("the closest of %v, and others find %v: %s", closest, least, c.Headline)
	}
}

// TestNodeDiskHoldsTheLargestApp: where each node starts one app, no disk smaller than its
// images, unpacked and as blobs, under the kubelet's high mark is enough.
func TestNodeDiskHoldsTheLargestApp(t *testing.T) {
	alone := func(now float64) func(*cachebench.Scenario) {
		return func(s *cachebench.Scenario) {
			pooled(s)
			s.Workload.Apps = s.Workload.Apps[2:3]
			s.Profile.Node.DiskGiB.Value = now
		}
	}
	q := questionOf(t, "", alone(8))
	app := &q.Scenario.Workload.Apps[0]
	var bytes int64
	seen := make(map[string]bool)
	for i := range q.Inventory.Images {
		if !slices.Contains(app.AllImages(), q.Inventory.Images[i].Reference) {
			continue
		}
		for _, k := range q.Inventory.Images[i].Layers {
			if l := &q.Inventory.Layers[k]; !seen[string(l.Digest)] {
				seen[string(l.Digest)] = true
				bytes += *l.UnpackedBytes + l.CompressedBytes
			}
		}
	}
	floor := math.Ceil(float64(bytes) / 0.85 / (1 << 30))
	if floor < 2 {
		t.Fatalf("%d bytes fit onto the smallest disk", bytes)
	}
	c, err := q.NodeDisk(t.Context(), capacity.NodeDiskOptions{MostGiB: 16})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Figures {
		if f.Name == "least disk that is enough" && f.Value < floor || f.Name == "least disk that holds the images of "+app.Name && f.Value != floor {
			t.Errorf("%s: %v, %d bytes need %v", f.Name, f.Value, bytes, floor)
		}
	}
	if !strings.Contains(strings.Join(c.Sentences, " "), "images of "+app.Name) {
		t.Errorf("the app is not named: %q", c.Sentences)
	}
	c, err = questionOf(t, "", alone(floor-0.9)).NodeDisk(t.Context(), capacity.NodeDiskOptions{MostGiB: 16, SLO: capacity.SLO{Figure: "p99", Limit: time.Hour}})
	if err != nil || c.Verdict != reports.CapacityNotMet || !strings.Contains(strings.Join(c.Sentences, " "), "too small for the images of "+app.Name) {
		t.Errorf("a disk of %v: %+v, %v", floor-0.9, c, err)
	}
	if n := need(t, c, "node.diskGiB"); n.Need == nil || *n.Need != floor {
		t.Errorf("an hour needs %+v, want %v", n, floor)
	}
}

// TestPoolComparesCaches: for starts that no plan foresees, a cache of their app keeps what it
// keeps when it is simulated, as a burst's caches do, for less than many warm instances.
func TestPoolComparesCaches(t *testing.T) {
	race.Skip(t)
	burst := func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "report", Count: 80, Within: 40 * time.Second}}
	}
	within := 20 * time.Second
	b, err := questionOf(t, "", burst).Burst(t.Context(), capacity.BurstOptions{Within: within + 40*time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, b, "caches of the burst's apps"); n.Need == nil {
		t.Fatalf("no cache is enough: %+v", n)
	}
	c, err := questionOf(t, "", burst).Pool(t.Context(), capacity.PoolOptions{SLO: capacity.SLO{Figure: "p99", Limit: within}})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, c, "warm instances of report"); n.Need == nil || *n.Need < 5 {
		t.Fatalf("warm instances: %+v", n)
	}
	if o := &c.Options[1]; !o.Met || !o.Chosen || !strings.Contains(o.Name, "1 cache") {
		t.Errorf("%+v; %s", o, c.Headline)
	}
	c, err = questionOf(t, "", func(s *cachebench.Scenario) {
		burst(s)
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		for i := range w.Apps {
			w.Apps[i].CPU, w.Apps[i].MemoryGiB = 0, 0
		}
		s.Workload = &w
	}).Pool(t.Context(), capacity.PoolOptions{SLO: capacity.SLO{Figure: "p99", Limit: within}})
	if err != nil || c.Options[0].Cost != nil || !strings.Contains(c.Headline, "their price is not known") {
		t.Errorf("without a size: %+v, %v", c, err)
	}
}

// TestCachesLongerLimitIsNoDearer: of limits one longer than the other, the longer has no
// dearer answer.
func TestCachesLongerLimitIsNoDearer(t *testing.T) {
	race.Skip(t)
	last := math.Inf(1)
	for limit := 12 * time.Second; limit < 34*time.Second; limit += 4400 * time.Millisecond {
		c, err := questionOf(t, "", func(s *cachebench.Scenario) { s.Baseline = "cold" }).Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Options {
			if o := &c.Options[i]; o.Chosen && o.Cost != nil {
				if o.Cost.Value > last+1e-9 {
					t.Errorf("%v costs %v, a shorter limit %v", limit, o.Cost.Value, last)
				}
				last = min(last, o.Cost.Value)
			}
		}
	}
}
