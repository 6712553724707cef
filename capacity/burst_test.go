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

// lastReady simulates a burst by the root package alone, as cachebench simulate does.
func lastReady(t *testing.T, q *capacity.Question, arm string, count int, profile func(*simulate.Profile)) float64 {
	t.Helper()
	s := *q.Scenario
	s.Arms = []string{arm}
	s.Bursts = slices.Clone(s.Bursts)
	s.Bursts[0].Count = count
	p := *s.Profile
	if profile != nil {
		profile(&p)
	}
	s.Profile = &p
	job, err := s.Cover(q.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	timeline, err := job.Simulate(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Duration
	for i := range timeline.Startups {
		last = max(last, timeline.Startups[i].Requested+timeline.Startups[i].Ready)
	}
	return last.Seconds()
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
		found = found || strings.HasPrefix(f.Name, "starts that are ready in time") && f.Value == most
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

// TestBurstQuotas: what the account refuses is not met, however fast starts are.
func TestBurstQuotas(t *testing.T) {
	q := questionOf(t, "", func(s *cachebench.Scenario) { s.Bursts = []cachebench.StartBurst{{App: "web", Count: 50}} })
	for want, opt := range map[string]capacity.BurstOptions{
		"":                           {CPUQuota: 100, Addresses: 50},
		"the starts have 100 vCPUs":  {CPUQuota: 99},
		"50 instances need one each": {Addresses: 49},
	} {
		opt.Within = 10 * time.Minute
		c, err := q.Burst(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		if met := c.Verdict == reports.CapacityMet; met != (want == "") || !strings.Contains(strings.Join(c.Sentences, " "), want) {
			t.Errorf("%+v: %s, %q; want %q", opt, c.Verdict, c.Sentences, want)
		}
	}
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
		s := *q.Scenario
		profile := *s.Profile
		profile.Cache.Copies.Value = copies
		s.Profile, s.Arms = &profile, []string{simulate.ArmCached}
		job, err := s.Cover(q.Inventory)
		if err != nil {
			t.Fatal(err)
		}
		timeline, err := job.Simulate(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var last time.Duration
		for i := range timeline.Startups {
			last = max(last, timeline.Startups[i].Requested+timeline.Startups[i].Ready)
		}
		return last.Seconds()
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
