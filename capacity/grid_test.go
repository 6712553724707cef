package capacity_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// verdictOf asks for the verdict alone.
func verdictOf(t *testing.T, q *capacity.Question, within time.Duration) *reports.Capacity {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	q.Progress = func(what string) {
		if strings.HasPrefix(what, "looking at the slowest") {
			cancel()
		}
	}
	c, err := q.Burst(ctx, capacity.BurstOptions{Within: within})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return c
}

// TestBurstVerdictsAgreeWithAGrid: over numbers of starts, limits, rates of the registry and
// copies of caches, the verdict is what simulating the burst by itself says.
func TestBurstVerdictsAgreeWithAGrid(t *testing.T) {
	race.Skip(t)
	agree, points, met := 0, 0, 0
	check := func(q *capacity.Question, arm string, count int, withins ...time.Duration) {
		q.Arm = arm
		last := lastReady(t, q, arm, count, nil)
		for _, within := range append(withins, time.Duration(math.Round(last*1e9)), time.Duration(math.Round(last*1e9))-1) {
			points++
			c := verdictOf(t, q, within)
			want := reports.CapacityNotMet
			if last <= within.Seconds() {
				want = reports.CapacityMet
				met++
			}
			if c.Verdict != want || math.Abs(c.Figures[0].Value-last) > 1e-9 {
				t.Errorf("%d starts within %v: %s, %v; simulated alone %v", count, within, c.Verdict, c.Figures[0].Value, last)
				continue
			}
			agree++
		}
	}
	for _, count := range []int{10, 40, 120} {
		for _, rate := range []network.Rate{50e6, 200e6, 1e9} {
			check(questionOf(t, "", func(s *cachebench.Scenario) {
				s.Profile, _ = simulate.BuiltIn("containerd")
				s.Profile.Network.Registry.Value = rate
				s.Bursts = []cachebench.StartBurst{{App: "ci", Count: count}}
			}), simulate.ArmCold, count, 6*time.Second, 20*time.Second, 60*time.Second)
		}
		for _, copies := range []int64{1, 3, 8} {
			check(questionOf(t, "", func(s *cachebench.Scenario) {
				p := *s.Profile
				p.Cache.Copies.Value, p.Cache.Copy.Value = copies, 20e6
				s.Profile, s.Bursts = &p, []cachebench.StartBurst{{App: "web", Count: count}}
			}), simulate.ArmAutomatic, count, 13*time.Second, 15*time.Second, 20*time.Second)
		}
	}
	if points < 80 || met < points/4 || met > points*3/4 {
		t.Errorf("%d points, %d met: no grid with an edge", points, met)
	}
	t.Logf("%d of %d points agree, %d of them met", agree, points, met)
}

// setters put a value in, by the name that an answer has for it.
var setters = map[string]func(*simulate.Profile, float64){
	"pull.maxParallelPulls":             func(p *simulate.Profile, v float64) { p.Pull.MaxParallelPulls.Value = int64(v) },
	"pull.maxConcurrentDownloads":       func(p *simulate.Profile, v float64) { p.Pull.MaxConcurrentDownloads.Value = int64(v) },
	"start.admitPerSecond":              func(p *simulate.Profile, v float64) { p.Start.AdmitPerSecond.Value = v },
	"network.registryBytesPerSecond":    func(p *simulate.Profile, v float64) { p.Network.Registry.Value = network.Rate(v) },
	"network.registryRequestsPerSecond": func(p *simulate.Profile, v float64) { p.Network.RegistryRequests.Value = v },
	"network.uplinkBytesPerSecond":      func(p *simulate.Profile, v float64) { p.Network.Uplink.Value = network.Rate(v) },
	"network.nodeBytesPerSecond":        func(p *simulate.Profile, v float64) { p.Network.Node.Value = network.Rate(v) },
	"network.connectionBytesPerSecond":  func(p *simulate.Profile, v float64) { p.Network.Connection.Value = network.Rate(v) },
	"unpack.gzipBytesPerSecond":         func(p *simulate.Profile, v float64) { p.Unpack.Gzip.Value = network.Rate(v) },
	"unpack.zstdBytesPerSecond":         func(p *simulate.Profile, v float64) { p.Unpack.Zstd.Value = network.Rate(v) },
	"unpack.parallel":                   func(p *simulate.Profile, v float64) { p.Unpack.Parallel.Value = v > 0 },
	"unpack.cores":                      func(p *simulate.Profile, v float64) { p.Unpack.Cores.Value = v },
	"unpack.diskBytesPerSecond":         func(p *simulate.Profile, v float64) { p.Unpack.Disk.Value = network.Rate(v) },
	"cache.firstReadBytesPerSecond":     func(p *simulate.Profile, v float64) { p.Cache.FirstRead.Value = network.Rate(v) },
	"node.diskGiB":                      func(p *simulate.Profile, v float64) { p.Node.DiskGiB.Value = v },
}

// slow has connections so slow that three at once do not do, and the order of layers fixed.
func slow(s *cachebench.Scenario) {
	s.Profile, _ = simulate.BuiltIn("containerd")
	s.Profile.Network.Connection.Value, s.Profile.Pull.RequestOrder.Value = 10e6, "manifest"
	s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 20}}
}

// TestBurstNeedsAreBracketed: of every least value that is named, simulating with it alone keeps
// the limit, and with just less of it does not.
func TestBurstNeedsAreBracketed(t *testing.T) {
	race.Skip(t)
	brackets, turns := 0, 0
	for _, x := range []struct {
		arm    string
		within time.Duration
		change func(*cachebench.Scenario)
	}{
		{simulate.ArmCold, 40 * time.Second, func(s *cachebench.Scenario) {
			s.Profile, _ = simulate.BuiltIn("containerd")
			s.Profile.Network.Registry.Value, s.Profile.Pull.RequestOrder.Value = 100e6, "manifest"
			s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 60}}
		}},
		{simulate.ArmCold, 6 * time.Second, slow},
		{simulate.ArmCold, 10 * time.Second, slow},
		{simulate.ArmAutomatic, 20 * time.Second, func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "web", Count: 300}} }},
		{simulate.ArmAutomatic, 31 * time.Second, func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "report", Count: 50}} }},
		{simulate.ArmWarm, 0, func(s *cachebench.Scenario) {
			fresh(s)
			s.Profile.Unpack.Cores.Value = 8
			s.Bursts = []cachebench.StartBurst{{App: "web", Count: 6}, {App: "ci", Count: 6}, {App: "report", Count: 6}}
		}},
	} {
		q := questionOf(t, x.arm, x.change)
		count := q.Scenario.Bursts[0].Count
		if x.within == 0 { // a little less than it takes now
			x.within = time.Duration(0.9 * lastReady(t, q, x.arm, count, nil) * 1e9)
		}
		c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: x.within})
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Needs {
			n := &c.Needs[i]
			set := setters[n.Parameter]
			if n.Need == nil || set == nil {
				continue
			}
			less := *n.Need / 1.0051
			if strings.HasPrefix(n.Parameter, "pull.max") {
				less = *n.Need - 1
				if n.Parameter == "pull.maxParallelPulls" {
					turns++
				}
			}
			if slices.Contains([]float64{1, 0.1, 1e6, 0.25}, *n.Need) {
				continue // nothing less is tried
			}
			brackets++
			at := lastReady(t, q, x.arm, count, func(p *simulate.Profile) { set(p, *n.Need) })
			below := lastReady(t, q, x.arm, count, func(p *simulate.Profile) { set(p, less) })
			if limit := x.within.Seconds(); at > limit || below <= limit {
				t.Errorf("%d within %v: with %s of %v the last is ready after %v s, with %v after %v s", count, x.within, n.Parameter, *n.Need, at, less, below)
			}
		}
	}
	if turns == 0 {
		t.Error("no number of pulls at once is named")
	}
	if brackets < 12 {
		t.Errorf("only %d values are named", brackets)
	}
	t.Logf("%d values keep their limit, and just less does not", brackets)
}

// TestBurstNamesConnections: the number of connections, which costs nothing, comes first, and
// is the least of a scan.
func TestBurstNamesConnections(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
		slow(s)
		s.Profile.Pull.RequestOrder.Value = "race" // the large layer waits for others
	})
	downloads := setters["pull.maxConcurrentDownloads"]
	last := func(n int) float64 {
		return lastReady(t, q, simulate.ArmCold, 20, func(p *simulate.Profile) { downloads(p, float64(n)) })
	}
	limit := (last(3) + last(12)) / 2
	least := 4
	for last(least) > limit {
		least++
	}
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(limit * 1e9)})
	if err != nil {
		t.Fatal(err)
	}
	if n := &c.Needs[0]; n.Parameter != "pull.maxConcurrentDownloads" || n.Need == nil || int(*n.Need) != least || *n.Now != 3 {
		t.Errorf("%+v first, a scan has %d", n, least)
	}
	if said := strings.Join(c.Sentences, " "); !strings.Contains(said, "by itself: pull.maxConcurrentDownloads of") || !strings.Contains(said, "it costs nothing") {
		t.Errorf("%q", said)
	}
	if n := need(t, c, "network.connectionBytesPerSecond"); n.Need == nil {
		t.Errorf("%+v", n)
	}
}

// TestBurstNamesNodeDisks: web, ci, report and web again start one after another on one node:
// where its disk is too small for all, web's images are evicted and pulled again. The least
// size is that of a scan; one that does not hold report's is none.
func TestBurstNamesNodeDisks(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		pooled(s)
		s.Workload.NodePools[0].Count = 1
		s.Profile.Node.DiskGiB.Value = 2
		s.Profile.Pull.RequestOrder.Value = "manifest"
		for i, app := range []string{"web", "ci", "report", "web"} {
			s.Bursts = append(s.Bursts, cachebench.StartBurst{App: app, Count: 2, At: time.Duration(i) * 5 * time.Minute})
		}
	})
	within := 15*time.Minute + 2*time.Second
	keeps := func(gib int) bool {
		timeline := played(t, q, simulate.ArmWarm, nil, func(s *cachebench.Scenario) { s.Profile.Node.DiskGiB.Value = float64(gib) })
		for _, doubt := range timeline.Doubts {
			if strings.Contains(doubt, "Larger than the whole disk") {
				return false
			}
		}
		return endOf(timeline) <= within.Seconds()
	}
	least := 16
	for least > 1 && keeps(least-1) {
		least--
	}
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: within})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, c, "node.diskGiB"); least <= 2 || least == 16 || n.Need == nil || int(*n.Need) != least || *n.Now != 2 {
		t.Errorf("%+v, a scan has %d; %s", n, least, c.Headline)
	}
	q.Scenario.Profile.Node.DiskGiB.Value = 1
	q.Progress = nil
	c, err = q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	// What is simulated is of a disk that grew: nothing of it may be told as if it were so.
	if slices.ContainsFunc(c.Figures, func(f reports.CapacityFigure) bool { return f.Unit == reports.UnitSeconds }) || len(c.Held) > 0 || !strings.Contains(c.Headline, "the last is never ready") {
		t.Errorf("%s, %+v, %+v", c.Headline, c.Figures, c.Held)
	}
	for _, p := range c.Curves[0].Points {
		if p.Y != nil || p.Why != "nodes' disks too small" {
			t.Errorf("%v starts: %+v", p.X, p)
		}
	}
	if c.Verdict != reports.CapacityNotMet || !strings.Contains(strings.Join(c.Sentences, " "), "a disk below 2 GiB does not hold them; they are of 1 GiB") {
		t.Errorf("%s, %q", c.Headline, c.Sentences)
	}
}

// TestCachesAgreeWithAllSets: of every set of the apps' caches, each simulated by itself and
// priced by its caches' bills, the cheapest that keeps a limit costs no less than the answer,
// and the answer keeps the limit where some set does.
func TestCachesAgreeWithAllSets(t *testing.T) {
	race.Skip(t)
	change := func(s *cachebench.Scenario) {
		s.Window, s.Baseline, s.NoPrimes, s.BudgetPerMonth = 5*24*time.Hour, plan.Cold, true, math.Inf(1)
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		for i := range w.Apps {
			w.Apps[i].StartsPerDay, w.Apps[i].ReleasesPerMonth, w.Apps[i].Bursts = 8, 20, nil
		}
		s.Workload = &w
	}
	q := questionOf(t, "", change)
	apps := q.Scenario.Workload.Apps
	bills := make([]float64, len(apps))
	caches := make([]plan.PlannedCache, len(apps))
	for i := range apps {
		p := planned(t, q, 0, 0, func(s *cachebench.Scenario) {
			w := *s.Workload
			w.Apps = w.Apps[i : i+1]
			s.Workload, s.PlanOptions.Goal = &w, plan.GoalSeconds
		})
		if len(p.Caches) != 1 {
			t.Fatalf("%s: %d caches", apps[i].Name, len(p.Caches))
		}
		bills[i], caches[i] = p.Totals[len(p.Totals)-1].Caches.Amount, p.Caches[0]
	}
	type set struct {
		bill  float64
		ready time.Duration
	}
	var sets []set
	for bits := range 1 << len(apps) {
		x := set{}
		p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
		for i := range apps {
			if bits&(1<<i) != 0 {
				x.bill += bills[i]
				p.Caches = append(p.Caches, caches[i])
			}
		}
		x.ready = rankOf(played(t, q, simulate.ArmCached, p, nil), 90)
		sets = append(sets, x)
	}
	agree := 0
	limits := []time.Duration{}
	for _, x := range sets {
		limits = append(limits, x.ready, x.ready-time.Millisecond)
	}
	slices.Sort(limits)
	limits = slices.Compact(limits)
	for _, limit := range limits {
		cheapest := math.Inf(1)
		for _, x := range sets {
			if x.ready <= limit {
				cheapest = min(cheapest, x.bill)
			}
		}
		c, err := questionOf(t, "", change).Caches(t.Context(), capacity.SLO{Figure: "p90", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		chosen := math.Inf(1)
		for i := range c.Options {
			if o := &c.Options[i]; o.Chosen {
				if chosen = 0; o.Cost != nil {
					chosen = o.Cost.Value
				}
			}
		}
		switch {
		case chosen > cheapest+0.01:
			t.Errorf("p90 of %v: the answer costs %v, a set %v: %s", limit, chosen, cheapest, c.Headline)
		case (c.Verdict == reports.CapacityMet) != !math.IsInf(chosen, 1):
			t.Errorf("p90 of %v: %s", limit, c.Headline)
		default:
			agree++
		}
	}
	if len(limits) < 4 {
		t.Errorf("only %d limits: %v", len(limits), sets)
	}
	t.Logf("%d of %d limits agree with %d sets: %v", agree, len(limits), len(sets), sets)
}
