package capacity_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// TestSensitivityOfAdmission: of 1,000 starts 900 wait for a rate of 20 a second: at half the
// rate the last is 45 s later, at twice 22.5 s sooner; with half the starts 400 wait, 25 s
// less, with twice 1,900, 50 s more; what is provisioned in 10 s is one of the rest.
func TestSensitivityOfAdmission(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "web", Count: 1000}} })
	c, err := q.Sensitivity(t.Context(), capacity.SensitivityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]float64{"starts of the burst": {-25, 50}, "start.admitPerSecond": {45, -22.5}, "start.provisionSeconds": {-5, 10}}
	for i := range c.Effects {
		e := &c.Effects[i]
		if i > 0 && e.Swing > c.Effects[i-1].Swing {
			t.Errorf("%s moves it by %v, after one of %v", e.Parameter, e.Swing, c.Effects[i-1].Swing)
		}
		if w, ok := want[e.Parameter]; ok {
			if e.Less == nil || e.More == nil || math.Abs(e.Less.Value-w[0]) > 1e-6 || math.Abs(e.More.Value-w[1]) > 1e-6 {
				t.Errorf("%s: %+v, %+v, want %v", e.Parameter, e.Less, e.More, w)
			}
			delete(want, e.Parameter)
		}
	}
	if len(want) > 0 || !strings.HasPrefix(c.Headline, "What moves the answer most: starts of the burst, by 50.0 s") {
		t.Errorf("not told: %v; %s", want, c.Headline)
	}
}

// TestSensitivityIsPaired: a start takes what is drawn for its provisioning once or twice; of
// repeats that draw the same the difference is that of each of them, worked out by simulating
// each value alone, and its interval is narrower than both means'.
func TestSensitivityIsPaired(t *testing.T) {
	race.Skip(t)
	const repeats = 6
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts, s.Repeats = []cachebench.StartBurst{{App: "web", Count: 8}}, repeats
		p := *s.Profile
		p.Start.Provision = simulate.Parameter[time.Duration]{Distribution: "lognormal", Median: 10 * time.Second, Sigma: 0.5, Source: "assumed: for the test"}
		s.Profile = &p
	})
	c, err := q.Sensitivity(t.Context(), capacity.SensitivityOptions{Within: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ends := func(factor float64) []float64 {
		last := make([]float64, repeats)
		timeline := played(t, q, simulate.ArmAutomatic, nil, func(s *cachebench.Scenario) {
			s.Profile.Start.Provision.Median = time.Duration(factor * 10e9)
		})
		for i := range timeline.Startups {
			s := &timeline.Startups[i]
			last[s.Repeat] = max(last[s.Repeat], (s.Requested + s.Ready).Seconds())
		}
		return last
	}
	now, twice := ends(1), ends(2)
	var sum, squares float64
	for i := range repeats {
		sum += (twice[i] - now[i]) / repeats
	}
	for i := range repeats {
		squares += math.Pow(twice[i]-now[i]-sum, 2)
	}
	half := 2.570582 * math.Sqrt(squares/(repeats-1)/repeats) // Student's t, 5 degrees of freedom
	for i := range c.Effects {
		if e := &c.Effects[i]; e.Parameter == "start.provisionSeconds" {
			if m := e.More; math.Abs(m.Value-sum) > 1e-6 || math.Abs(*m.Low-(sum-half)) > 1e-4 || math.Abs(*m.High-(sum+half)) > 1e-4 {
				t.Errorf("%v (%v to %v), worked out %v ± %v", m.Value, *m.Low, *m.High, sum, half)
			}
			if c.Verdict == e.MoreVerdict || !strings.Contains(strings.Join(c.Sentences, " "), "start.provisionSeconds at twice (not met)") {
				t.Errorf("%s, with twice %s: %q", c.Verdict, e.MoreVerdict, c.Sentences)
			}
			return
		}
	}
	t.Error("provisioning is not listed")
}

// TestSensitivityOfTheWorkload: of apps on nodes, twice the starts move the mean as simulating
// them alone does, larger images slow it, and the nodes' disks are among what is tried.
func TestSensitivityOfTheWorkload(t *testing.T) {
	race.Skip(t)
	small := func(s *cachebench.Scenario) {
		pooled(s)
		s.Profile.Node.DiskGiB.Value = 4
	}
	c, err := questionOf(t, "", small).Sensitivity(t.Context(), capacity.SensitivityOptions{SLO: capacity.SLO{Figure: "mean"}})
	if err != nil {
		t.Fatal(err)
	}
	q := questionOf(t, "", small)
	mean := func(change func(*cachebench.Scenario)) float64 {
		timeline := played(t, q, simulate.ArmWarm, nil, change)
		var sum float64
		for i := range timeline.Startups {
			sum += timeline.Startups[i].Ready.Seconds() / float64(len(timeline.Startups))
		}
		return sum
	}
	now, twice := mean(nil), mean(func(s *cachebench.Scenario) {
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		for i := range w.Apps {
			w.Apps[i] = w.Apps[i].Paired(2, 1)
		}
		s.Workload = &w
	})
	said := make(map[string]*reports.CapacityEffect)
	for i := range c.Effects {
		said[c.Effects[i].Parameter] = &c.Effects[i]
	}
	if e := said["starts of all apps"]; e == nil || math.Abs(e.More.Value-(twice-now)) > 1e-9 || e.MoreVerdict != "" {
		t.Errorf("%+v, want %v", e, twice-now)
	}
	if e := said["sizes of all images"]; e == nil || !(e.More.Value > 0) || !(e.Less.Value < 0) {
		t.Errorf("sizes: %+v", e)
	}
	if said["node.diskGiB"] == nil || said["network.nodeBytesPerSecond"] == nil {
		t.Errorf("the nodes' own are not there: %v", said)
	}
}

// TestSensitivityWithoutSource: a value that nobody has said where it is from is at best
// assumed, and is among those to be measured first.
func TestSensitivityWithoutSource(t *testing.T) {
	race.Skip(t)
	for source, want := range map[string]string{"": "start.provisionSeconds (10.0 s, no source stated)", "assumed: a guess": "start.provisionSeconds (10.0 s)", "measured: here": ""} {
		q := questionOf(t, "", func(s *cachebench.Scenario) {
			s.Bursts = []cachebench.StartBurst{{App: "web", Count: 1000}}
			p := *s.Profile
			p.Start.Provision.Source = source
			s.Profile = &p
		})
		c, err := q.Sensitivity(t.Context(), capacity.SensitivityOptions{})
		if err != nil {
			t.Fatal(err)
		}
		_, measure, _ := strings.Cut(strings.Join(c.Sentences, " "), "Measure first")
		if !strings.Contains(measure, want) || (want == "") == strings.Contains(measure, "provisionSeconds") {
			t.Errorf("source %q: %q", source, measure)
		}
	}
}

// TestSensitivityOfFewerStarts: with some of the starts left out the others wait less for a warm
// instance, and with others besides longer, whatever the seed; and half the starts that come one
// by one are among those that there are, at the same times, as simulating each alone has them.
func TestSensitivityOfFewerStarts(t *testing.T) {
	race.Skip(t)
	for seed := range uint64(2) {
		q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
			s.Seed, s.Repeats, s.Window = seed, 3, 12*time.Hour
			w := *s.Workload
			w.Apps = slices.Clone(w.Apps[:1])
			w.Apps[0].StartsPerDay, w.Apps[0].Bursts, w.Apps[0].ReleasesPerMonth = 300, nil, 0
			s.Workload = &w
		})
		c, err := q.Sensitivity(t.Context(), capacity.SensitivityOptions{Of: capacity.OfPool, SLO: capacity.SLO{Figure: "mean", Limit: 5 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(c.Effects, func(e reports.CapacityEffect) bool { return e.Parameter == "starts of all apps" })
		if i < 0 || !(c.Effects[i].Less.Value < 0) || !(c.Effects[i].More.Value > 0) {
			t.Errorf("seed %d: %s: %+v", seed, c.Headline, c.Effects)
		}
		at := func(factor float64) map[time.Duration]bool {
			timeline := played(t, q, simulate.ArmCold, nil, func(s *cachebench.Scenario) {
				w := *s.Workload
				w.Apps = []workload.App{w.Apps[0].Paired(factor, 1)}
				s.Workload = &w
			})
			times := make(map[time.Duration]bool)
			for i := range timeline.Startups {
				if x := &timeline.Startups[i]; x.Repeat == 0 {
					times[x.Requested] = true
				}
			}
			return times
		}
		half, now := at(0.5), at(1)
		for requested := range half {
			if !now[requested] {
				t.Errorf("seed %d: the start at %v is in half of them alone", seed, requested)
			}
		}
		if share := float64(len(half)) / float64(len(now)); math.Abs(share-0.5) > 0.1 {
			t.Errorf("seed %d: half the starts are %d of %d", seed, len(half), len(now))
		}
	}
}

// TestSensitivityOfWhatWasChosen: with caches or warm instances that stay, the figure is that
// of the answer that chose them.
func TestSensitivityOfWhatWasChosen(t *testing.T) {
	race.Skip(t)
	slo := capacity.SLO{Figure: "p99", Limit: 20 * time.Second}
	caches, err := questionOf(t, "", nil).Caches(t.Context(), slo)
	if err != nil {
		t.Fatal(err)
	}
	c, err := questionOf(t, "", nil).Sensitivity(t.Context(), capacity.SensitivityOptions{Of: capacity.OfCaches, SLO: slo})
	if err != nil || c.Figures[0].Value != caches.Figures[0].Value || c.Verdict != reports.CapacityMet || c.Effects[0].Parameter != "start.provisionSeconds" || c.Effects[0].MoreVerdict != reports.CapacityNotMet {
		t.Errorf("%+v, %v; the answer has %v", c, err, caches.Figures[0])
	}
	burst := func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 300, Within: 20 * time.Second}}
	}
	slo = capacity.SLO{Figure: "p90", Limit: 9 * time.Second}
	pool, err := questionOf(t, "", burst).Pool(t.Context(), capacity.PoolOptions{SLO: slo})
	if err != nil {
		t.Fatal(err)
	}
	c, err = questionOf(t, "", burst).Sensitivity(t.Context(), capacity.SensitivityOptions{Of: capacity.OfPool, SLO: slo})
	if err != nil || c.Figures[0].Value != pool.Options[0].Ready.Value || len(c.Effects) == 0 {
		t.Errorf("%+v, %v; the answer has %v", c, err, pool.Options[0].Ready)
	}
	if _, err := questionOf(t, "", burst).Sensitivity(t.Context(), capacity.SensitivityOptions{Of: capacity.OfPool, SLO: capacity.SLO{Figure: "p90"}}); !errors.Is(err, cachebench.ErrUnfit) {
		t.Errorf("without a limit: %v", err)
	}
}

// TestPoolNamesWhatSurelyKeeps: where repeats differ, the number that is named keeps the limit
// with its whole interval, and a number that only its mean keeps is unclear.
func TestPoolNamesWhatSurelyKeeps(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) { s.Window, s.Repeats = 3*24*time.Hour, 4 })
	c, err := q.Pool(t.Context(), capacity.PoolOptions{App: "web", SLO: capacity.SLO{Figure: "p99", Limit: 2 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	n := need(t, c, "warm instances of web")
	o := &c.Options[0]
	if n.Low == nil || *n.Low == *n.High || *n.Need == *n.High {
		t.Fatalf("no interval to judge by: %+v", n)
	}
	if o.Verdict() != reports.CapacityMet || !strings.HasPrefix(c.Headline, "Met: with "+reports.CapacityAmount(*n.High, "warm instances")+" of web") {
		t.Errorf("%+v: %s", o, c.Headline)
	}
	for _, p := range c.Curves[0].Points {
		if *p.Low < 0 {
			t.Errorf("%v warm instances: a time of %v", p.X, *p.Low)
		}
	}
	if !strings.Contains(strings.Join(c.Doubts, " "), "4 repeats are few: an interval by Student's t with 3 degrees of freedom is 3.2") {
		t.Errorf("%q", c.Doubts)
	}
}

// TestCachesAgreeWithAGrid: what is found is as cheap as the cheapest of the plans for many
// limits, each planned and simulated by itself, that keeps the limit.
func TestCachesAgreeWithAGrid(t *testing.T) {
	race.Skip(t)
	change := func(s *cachebench.Scenario) {
		s.Window = 10 * 24 * time.Hour
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		w.Apps[2].Bursts = slices.Clone(w.Apps[2].Bursts)
		w.Apps[2].Bursts[0].Count = 300 // admission holds them up, which the planner leaves out
		s.Workload = &w
		s.Baseline = plan.Cold
	}
	slo := capacity.SLO{Figure: "p99", Limit: 20 * time.Second}
	c, err := questionOf(t, "", change).Caches(t.Context(), slo)
	if err != nil {
		t.Fatal(err)
	}
	if c.Verdict != reports.CapacityMet {
		t.Fatalf("%s", c.Headline)
	}
	var chosen *reports.CapacityOption
	for i := range c.Options {
		if c.Options[i].Chosen {
			chosen = &c.Options[i]
		}
	}
	if chosen == nil || chosen.Cost == nil || !(chosen.Cost.Value > 0) || chosen.Ready.Value > 20 {
		t.Fatalf("chosen: %+v of %+v", chosen, c.Options)
	}
	cheapest, some := math.Inf(1), false
	q := questionOf(t, "", change)
	for limit := 8.0; limit < 45; limit *= 1.12 {
		p := planned(t, q, time.Duration(limit*1e9), 0.99, func(s *cachebench.Scenario) { s.BudgetPerMonth = math.Inf(1) })
		if p99 := rankOf(played(t, q, simulate.ArmCached, p, nil), 99); p99 <= slo.Limit {
			cheapest = min(cheapest, p.Totals[len(p.Totals)-1].Caches.Amount)
		} else {
			some = true
		}
	}
	if !some || math.IsInf(cheapest, 1) {
		t.Fatalf("the grid has no edge: %v", cheapest)
	}
	if chosen.Cost.Value > cheapest*1.001 {
		t.Errorf("%v a month; the grid has a plan for %v that keeps the limit", chosen.Cost.Value, cheapest)
	}
}

func TestCachesBuildNothing(t *testing.T) {
	race.Skip(t)
	c, err := questionOf(t, "", nil).Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: time.Minute})
	if err != nil || c.Verdict != reports.CapacityMet || !strings.Contains(c.Headline, "build nothing") {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = questionOf(t, "", nil).Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: time.Second})
	if err != nil || c.Verdict != reports.CapacityNotMet {
		t.Errorf("a second: %+v, %v", c, err)
	}
}

// TestPoolOfABurst: 300 starts at once of which 15 % may wait as long as a start takes: the
// least number of warm instances is that of a scan, worked out from the simulated starts.
func TestPoolOfABurst(t *testing.T) {
	change := func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 300, Within: 20 * time.Second}}
	}
	q := questionOf(t, "", change)
	slo := capacity.SLO{Figure: "p90", Limit: 9 * time.Second}
	c, err := q.Pool(t.Context(), capacity.PoolOptions{SLO: slo})
	if err != nil {
		t.Fatal(err)
	}
	timeline := played(t, q, simulate.ArmAutomatic, nil, nil)
	p90 := func(warm int) time.Duration {
		ready := make([]time.Duration, warm)
		for i := range ready {
			ready[i] = -time.Hour
		}
		var asked, waited []time.Duration
		for i := range timeline.Startups {
			x := &timeline.Startups[i]
			asked, ready = append(asked, x.Requested), append(ready, x.Requested+x.Ready)
		}
		slices.Sort(asked)
		slices.Sort(ready)
		for i, at := range asked {
			waited = append(waited, max(0, ready[i]-at))
		}
		slices.Sort(waited)
		return waited[270-1]
	}
	least := 0
	for p90(least) > slo.Limit {
		least++
	}
	for _, p := range c.Curves[0].Points {
		if want := p90(int(p.X)).Seconds(); math.Abs(*p.Y-want) > 1e-9 {
			t.Errorf("with %v warm instances %v s, a queue has %v s", p.X, *p.Y, want)
		}
	}
	n := need(t, c, "warm instances of web")
	if least < 5 || n.Need == nil || int(*n.Need) != least {
		t.Errorf("%+v, a scan has %d", n, least)
	}
	money, err := q.Scenario.Prices.Instance(2, 4, workload.Month)
	if err != nil {
		t.Fatal(err)
	}
	if o := c.Options[0]; !o.Met || math.Abs(o.Cost.Value-float64(least)*money.Amount) > 1e-6 || !o.Chosen {
		t.Errorf("%+v, want %d instances of %v", o, least, money)
	}
	for want, opt := range map[string]capacity.PoolOptions{"app \"wob\" is not simulated": {App: "wob", SLO: slo}, "is no figure": {App: "web"}} {
		if _, err := q.Pool(t.Context(), opt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", opt, err, want)
		}
	}
}

// pooled has the scenario's apps on a node pool.
func pooled(s *cachebench.Scenario) {
	s.Profile, _ = simulate.BuiltIn("containerd")
	w := *s.Workload
	w.NodePools = []workload.NodePool{{Name: "general", Platform: "linux/amd64", Count: 3, LifetimeHours: 240}}
	w.Apps = slices.Clone(w.Apps)
	for i := range w.Apps {
		w.Apps[i].NodePool, w.Apps[i].Bursts, w.Apps[i].StartsPerDay = "general", nil, 100
		w.Apps[i].Runtime = time.Minute
	}
	s.Workload = &w
	p := *s.Profile
	p.Node.DiskGiB.Value = 6
	s.Profile = &p
}

// TestNodeDiskAgreesWithAScan: the least disk that is enough is that of simulating every size
// by itself.
func TestNodeDiskAgreesWithAScan(t *testing.T) {
	q := questionOf(t, "", pooled)
	c, err := q.NodeDisk(t.Context(), capacity.NodeDiskOptions{SLO: capacity.SLO{Figure: "mean", Limit: 2 * time.Second}, MostGiB: 16})
	if err != nil {
		t.Fatal(err)
	}
	hits, means := make([]float64, 17), make([]float64, 17)
	for gib := 1; gib <= 16; gib++ {
		timeline := played(t, q, simulate.ArmWarm, nil, func(s *cachebench.Scenario) { s.Profile.Node.DiskGiB.Value = float64(gib) })
		var sum time.Duration
		for i := range timeline.Startups {
			x := &timeline.Startups[i]
			if x.Hit == "hit" {
				hits[gib] += 1 / float64(len(timeline.Startups))
			}
			if x.Void != "" {
				means[gib] = math.Inf(1)
			}
			sum += x.Ready
		}
		means[gib] += sum.Seconds() / float64(len(timeline.Startups))
		if math.IsInf(means[gib], 1) {
			hits[gib] = 0
		}
	}
	enough, keeps := 16, 17
	for gib := 16; gib >= 1 && hits[gib] >= hits[16]-0.01; gib-- {
		enough = gib
	}
	for gib := 16; gib >= 1 && means[gib] <= 2; gib-- {
		keeps = gib
	}
	if enough == 1 || keeps == 17 || keeps == 1 {
		t.Fatalf("the scan has no edge: %v, %v", hits, means)
	}
	for _, f := range c.Figures {
		if f.Name == "least disk that is enough" && int(f.Value) != enough {
			t.Errorf("%v GiB are enough, a scan has %d: %v", f.Value, enough, hits)
		}
	}
	if n := need(t, c, "node.diskGiB"); n.Need == nil || int(*n.Need) != keeps {
		t.Errorf("%+v, a scan has %d: %v", n, keeps, means)
	}
	for i, want := range [][]float64{hits, means} {
		for _, p := range c.Curves[i].Points {
			gib, y := int(p.X), math.Inf(1)
			if p.Y != nil {
				y = *p.Y
			}
			// A disk of 1 GiB does not hold report's images, and the simulator lets it grow: its
			// starts are never ready there, and none of the hits is theirs.
			if i == 0 && gib == 1 {
				timeline := played(t, q, simulate.ArmWarm, nil, func(s *cachebench.Scenario) { s.Profile.Node.DiskGiB.Value = 1 })
				want[gib] = 0
				for k := range timeline.Startups {
					if x := &timeline.Startups[k]; x.Hit == "hit" && x.App != "report" {
						want[gib] += 1 / float64(len(timeline.Startups))
					}
				}
			}
			if wrong := math.Abs(y-want[gib]) > 1e-9; (gib > 1 || i == 0) && wrong || gib == 1 && i == 1 && p.Y != nil {
				t.Errorf("%s of %d GiB: %v, simulated alone %v", c.Curves[i].Figure, gib, y, want[gib])
			}
		}
	}
	if len(c.Tables) != 3 || len(c.Curves) != 2 {
		t.Errorf("%d tables, %d curves", len(c.Tables), len(c.Curves))
	}
	if _, err := questionOf(t, "", nil).NodeDisk(t.Context(), capacity.NodeDiskOptions{}); !errors.Is(err, capacity.ErrNoPool) {
		t.Errorf("without a pool: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	q.Progress = func(what string) {
		if strings.HasPrefix(what, "choosing") {
			cancel()
		}
	}
	if c, err := q.NodeDisk(ctx, capacity.NodeDiskOptions{MostGiB: 16}); !errors.Is(err, context.Canceled) || !c.Interrupted || !strings.Contains(c.Headline, "are enough") {
		t.Errorf("interrupted: %+v, %v", c, err)
	}
}

// TestCachesAdjustThePlan: of the window's starts more are slow than of a month's, so that the
// plan for the limit as it is does not keep it when it is simulated; the answer's does.
func TestCachesAdjustThePlan(t *testing.T) {
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Window = 10 * 24 * time.Hour
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		w.Apps[0].StartsPerDay, w.Apps[1].StartsPerDay, w.Apps[1].ReleasesPerMonth = 100, 0, 0
		w.Apps[1].Bursts = []workload.Burst{{Count: 100, First: 6 * time.Hour, Every: 9 * 24 * time.Hour}}
		w.Apps[2].Bursts = []workload.Burst{{Count: 100, First: 6 * time.Hour, Every: 20 * 24 * time.Hour}}
		s.Workload = &w
		p := *s.Profile
		p.Network.Registry.Value = 250e6
		s.Profile = &p
	})
	slo := capacity.SLO{Figure: "p90", Limit: 19 * time.Second}
	p90 := func(limit time.Duration, fraction float64) time.Duration {
		p := planned(t, q, limit, fraction, func(s *cachebench.Scenario) { s.BudgetPerMonth = math.Inf(1) })
		return rankOf(played(t, q, simulate.ArmCached, p, nil), 90)
	}
	if got := p90(slo.Limit, 0.9); got <= slo.Limit {
		t.Fatalf("the plan for the limit keeps it as it is: %v", got)
	}
	c, err := q.Caches(t.Context(), slo)
	if err != nil || c.Verdict != reports.CapacityMet {
		t.Fatalf("%+v, %v", c, err)
	}
	said := strings.Join(c.Sentences, " ")
	_, apply, ok := strings.Cut(said, "--goal limit --limit ")
	text, rest, _ := strings.Cut(apply, " --limit-starts ")
	share, _, _ := strings.Cut(rest, ",")
	limit, limitErr := time.ParseDuration(text)
	fraction, fractionErr := strconv.ParseFloat(share, 64)
	if !ok || limitErr != nil || fractionErr != nil {
		t.Fatalf("no command to apply it in %q", said)
	}
	if got := p90(limit, fraction); got > slo.Limit || math.Abs(got.Seconds()-c.Figures[0].Value) > 0.01*got.Seconds() {
		t.Errorf("planned for %v and %v it comes to %v, the answer says %v", limit, fraction, got, c.Figures[0].Value)
	}
}

// TestDefaultRepeats: what comes at random is simulated often enough for an interval, and what
// does not is simulated once.
func TestDefaultRepeats(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cachebench.Scenario)
		want   int
	}{
		"nothing at random": {func(s *cachebench.Scenario) {}, 1},
		"starts":            {func(s *cachebench.Scenario) { s.Workload.Apps[0].StartsPerDay = 5 }, capacity.Repeats},
		"many starts":       {func(s *cachebench.Scenario) { s.Workload.Apps[0].StartsPerDay = 10001 }, capacity.FewRepeats},
		"a large burst": {func(s *cachebench.Scenario) {
			s.Workload.Apps[0].StartsPerDay = 5
			s.Bursts = []cachebench.StartBurst{{App: s.Workload.Apps[0].Name, Count: 10001}}
		}, capacity.FewRepeats},
		"releases": {func(s *cachebench.Scenario) { s.Workload.Apps[0].ReleasesPerMonth = 1 }, capacity.Repeats},
		"the profile": {func(s *cachebench.Scenario) {
			p := *s.Profile
			p.Start.Provision = simulate.Parameter[time.Duration]{Distribution: "lognormal", Median: 10 * time.Second, Sigma: 0.5, Source: "assumed: for the test"}
			s.Profile = &p
		}, capacity.Repeats},
	} {
		q := questionOf(t, "", func(s *cachebench.Scenario) {
			w := *s.Workload
			w.Apps = slices.Clone(w.Apps)
			for i := range w.Apps {
				w.Apps[i].StartsPerDay, w.Apps[i].ReleasesPerMonth = 0, 0
			}
			s.Workload = &w
			c.change(s)
		})
		if got := capacity.DefaultRepeats(q.Scenario); got != c.want {
			t.Errorf("%s: %d repeats, want %d", name, got, c.want)
		}
	}
}
