package capacity_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
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
	"github.com/cachebench/cachebench/workload"
)

// questionOf reads the scenario of deploy/kubernetes, changed.
func questionOf(t *testing.T, arm string, change func(*cachebench.Scenario)) *capacity.Question {
	t.Helper()
	name := filepath.Join("..", "deploy", "kubernetes", "scenario.yaml")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := cachebench.ReadScenarioFile(name, data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := file.Scenario(name, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	s.Workers = 1
	if change != nil {
		change(s)
	}
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &capacity.Question{Scenario: s, Inventory: inv, Arm: arm}
}

func need(t *testing.T, c *reports.Capacity, parameter string) *reports.CapacityNeed {
	t.Helper()
	for i := range c.Needs {
		if c.Needs[i].Parameter == parameter {
			return &c.Needs[i]
		}
	}
	t.Fatalf("nothing is said of %s: %+v", parameter, c.Needs)
	return nil
}

// TestBurstOfAdmission: 1,000 starts of which 100 are admitted at once and then 20 a second
// are all admitted after 45 s; the least rate for a limit is 900 over what is left of it, and
// the most starts 100 and 20 for each second that is left.
func TestBurstOfAdmission(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "web", Count: 1000}} })
	one := lastReady(t, q, simulate.ArmAutomatic, 1, nil)
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if c.Verdict != reports.CapacityNotMet || !strings.HasPrefix(c.Headline, "Not met: of 1,000 starts of web within 30.0 s") {
		t.Errorf("%s: %s", c.Verdict, c.Headline)
	}
	if got := c.Figures[0].Value; math.Abs(got-(45+one)) > 1e-6 {
		t.Errorf("the last is ready after %v s, want 45 s of admission and %v s", got, one)
	}
	if h := c.Held[0]; !strings.HasPrefix(h.Cause, "admission") || h.Time != 45*time.Second {
		t.Errorf("held up most by %+v, want 45 s of admission", h)
	}
	least := 900 / (30 - one)
	if n := need(t, c, "start.admitPerSecond"); n.Need == nil || *n.Need < least || *n.Need > least*1.0051 || *n.Now != 20 {
		t.Errorf("%+v, want %v", n, least)
	}
	most := 100 + math.Floor(20*(30-one))
	found := false
	for _, f := range c.Figures {
		found = found || strings.HasPrefix(f.Name, "largest burst of which every start is ready in time") && f.Value == most
	}
	if !found {
		t.Errorf("%v starts are ready in time, not told in %+v", most, c.Figures)
	}
	if n := need(t, c, "caches of the burst's apps"); n.Need != nil {
		t.Errorf("caches meet it: %+v", n)
	}
}

// TestBurstAgreesWithAGrid: the least registry rate that is found is between two neighbours of
// a fine grid, each simulated by itself, of which the smaller one does not keep the limit and
// the larger one and all above do.
func TestBurstAgreesWithAGrid(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 60}}
		s.Profile, _ = simulate.BuiltIn("containerd")
	})
	const limit = 60.0
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: limit * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	n := need(t, c, "network.registryBytesPerSecond")
	if n.Need == nil {
		t.Fatalf("no rate is found: %+v", n)
	}
	var grid []float64
	for x := 20e6; x < 2e9; x *= 1.02 {
		grid = append(grid, x)
	}
	least := math.Inf(1)
	for _, x := range slices.Backward(grid) {
		y := lastReady(t, q, simulate.ArmCold, 60, func(p *simulate.Profile) { p.Network.Registry.Value = network.Rate(x) })
		if y > limit {
			break
		}
		least = x
	}
	if math.IsInf(least, 1) || least == grid[0] {
		t.Fatalf("the grid has no edge: %v", least)
	}
	if *n.Need > least*1.0051 || *n.Need < least/1.02 {
		t.Errorf("found %v, the grid's least is %v", *n.Need, least)
	}
	if c.Repeats != 1 || len(c.Curves) < 2 {
		t.Errorf("%d repeats, %d curves", c.Repeats, len(c.Curves))
	}
}

// TestBurstQuotas: what the account refuses is not met, however fast starts are. Beside 50
// starts of web with 2 vCPUs each run, by hand, 48 starts a day of web for 90 min, which are 3
// instances with 6 vCPUs, and 12 a day of ci for 4 h, which are 2 instances with 8 vCPUs; what
// runs on nodes has neither.
func TestBurstQuotas(t *testing.T) {
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 50}}
		w := *s.Workload
		w.NodePools = []workload.NodePool{{Name: "general", Platform: "linux/amd64", Count: 3}}
		w.Apps = slices.Clone(w.Apps)
		for i, app := range []workload.App{{StartsPerDay: 48, Runtime: 90 * time.Minute, CPU: 2}, {StartsPerDay: 12, Runtime: 4 * time.Hour, CPU: 4}, {StartsPerDay: 5000, Runtime: time.Hour, CPU: 8, NodePool: "general"}} {
			own := &w.Apps[i]
			own.StartsPerDay, own.Runtime, own.CPU, own.NodePool, own.HourlyWeights = app.StartsPerDay, app.Runtime, app.CPU, app.NodePool, nil
		}
		// All of ci's starts come in one hour of the day: 24 times as many run then.
		w.Apps[1].HourlyWeights = make([]float64, 24)
		w.Apps[1].HourlyWeights[9] = 1
		s.Workload = &w
	})
	peak := "up to 51 instances with 198 vCPUs run beside the burst"
	ask := func(opt capacity.BurstOptions, want, doubt string) *reports.Capacity {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		q.Progress = func(what string) {
			if strings.HasPrefix(what, "looking at the slowest") {
				cancel() // the verdict is known
			}
		}
		opt.Within = 10 * time.Minute
		c, err := q.Burst(ctx, opt)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if met := c.Verdict == reports.CapacityMet; met != (want == "") || !strings.Contains(strings.Join(c.Sentences, " "), want) || !strings.Contains(strings.Join(c.Doubts, " "), doubt) {
			t.Errorf("%+v: %s, %q, %q; want %q, %q", opt, c.Verdict, c.Sentences, c.Doubts, want, doubt)
		}
		return c
	}
	c := ask(capacity.BurstOptions{CPUQuota: 114, Addresses: 55}, "", peak)
	if !strings.Contains(strings.Join(c.Assumptions, " "), "Meanwhile 5 instances with 14 vCPUs run") {
		t.Errorf("%q", c.Assumptions)
	}
	if roomy := ask(capacity.BurstOptions{CPUQuota: 298, Addresses: 101}, "", ""); strings.Contains(strings.Join(roomy.Doubts, " "), "beside the burst") {
		t.Errorf("there is room for the hour with the most starts: %q", roomy.Doubts)
	}
	ask(capacity.BurstOptions{CPUQuota: 113}, "the starts have 100 vCPUs at once beside 14 vCPUs of what runs meanwhile, the account 113", "addresses of the vSwitches")
	ask(capacity.BurstOptions{Addresses: 54}, "50 instances need one each beside 5 instances of what runs meanwhile, the vSwitches have 54", "quota of vCPUs")
	for i := range q.Scenario.Workload.Apps {
		q.Scenario.Workload.Apps[i].StartsPerDay = 0
	}
	ask(capacity.BurstOptions{CPUQuota: 100, Addresses: 50}, "", "held to the burst's starts alone")
	ask(capacity.BurstOptions{CPUQuota: 99}, "the starts have 100 vCPUs at once, the account 99", "held to the burst's starts alone")
}

// TestBurstIsTheSame: an answer has the same bytes on any number of workers, and repeats that
// draw give intervals which hold the mean.
func TestBurstIsTheSame(t *testing.T) {
	race.Skip(t)
	var made []string
	for _, workers := range []int{1, 3} {
		q := questionOf(t, "", func(s *cachebench.Scenario) {
			s.Bursts = []cachebench.StartBurst{{App: "web", Count: 40}}
			s.Repeats, s.Workers = 4, workers
			p := *s.Profile
			p.Start.Provision = simulate.Parameter[time.Duration]{Distribution: "lognormal", Median: 10 * time.Second, Sigma: 0.5, Source: "assumed: for the test"}
			s.Profile = &p
		})
		c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: 40 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		f := c.Figures[0]
		if f.Low == nil || f.High == nil || !(*f.Low < f.Value && f.Value < *f.High) {
			t.Errorf("the interval of %+v", f)
		}
		var b strings.Builder
		for _, format := range reports.CapacityFormats() {
			if err := reports.WriteCapacity(&b, format, c, reports.Options{}); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		made = append(made, b.String())
	}
	if made[0] != made[1] {
		t.Error("two numbers of workers come to two answers")
	}
}

// TestBurstInterrupted: an answer that is cut off has its verdict and says so.
func TestBurstInterrupted(t *testing.T) {
	q := questionOf(t, "", func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "web", Count: 1000}} })
	ctx, cancel := context.WithCancel(t.Context())
	q.Progress = func(what string) {
		if strings.HasPrefix(what, "trying start.admitPerSecond") {
			cancel()
		}
	}
	c, err := q.Burst(ctx, capacity.BurstOptions{Within: 30 * time.Second})
	if !errors.Is(err, context.Canceled) || c == nil || !c.Interrupted || c.Verdict != reports.CapacityNotMet || len(c.Held) == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	q.Scenario.Bursts = nil
	if _, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Second}); !errors.Is(err, capacity.ErrNoBurst) {
		t.Errorf("without a burst: %v", err)
	}
}

// TestBurstCopiesAgreeWithAScan: the least number of copies of a snapshot, and the sets of
// caches, are those of simulating each by itself. Copies fill disks at so little that one is
// not enough.
func TestBurstCopiesAgreeWithAScan(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "report", Count: 60}}
		p := *s.Profile
		p.Cache.Copy.Value = 20e6
		s.Profile = &p
	})
	const limit = 20.0
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: limit * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	caches := &plan.Plan{Assign: plan.Auto, Caches: []plan.PlannedCache{{Name: "c", Images: []string{"registry.example.com/batch/report:2026.11"}, SizeGiB: 20}}}
	last := func(copies int64, p *plan.Plan) float64 {
		return endOf(played(t, q, simulate.ArmCached, p, func(s *cachebench.Scenario) { s.Profile.Cache.Copies.Value = copies }))
	}
	least := int64(1)
	for last(least, caches) > limit {
		least++
	}
	if least < 3 {
		t.Fatalf("%d copies are enough: the scan has no edge", least)
	}
	if n := need(t, c, "cache.copies (with a cache for every app)"); n.Need == nil || int64(*n.Need) != least {
		t.Errorf("%+v, a scan has %d", n, least)
	}
	if n := need(t, c, "caches of the burst's apps"); n.Need != nil || n.Tried != 2 {
		t.Errorf("with one copy no caches are enough: %+v", n)
	}
	q.Scenario.Profile.Cache.Copies.Value = least
	c, err = q.Burst(t.Context(), capacity.BurstOptions{Within: limit * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	none := last(least, &plan.Plan{Assign: plan.Auto}) <= limit
	if n := need(t, c, "caches of the burst's apps"); none || n.Need == nil || *n.Need != 1 {
		t.Errorf("with %d copies one cache is enough: %+v", least, n)
	}
}
