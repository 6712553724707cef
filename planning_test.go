package cachebench_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// planOf plans for a scenario.
func planOf(t *testing.T, s *cachebench.Scenario) (*plan.Plan, error) {
	t.Helper()
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return planOn(t, s, inv)
}

func planOn(t *testing.T, s *cachebench.Scenario, inv *layers.Inventory) (*plan.Plan, error) {
	t.Helper()
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	m, err := job.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return job.Plan(t.Context(), m)
}

// The shop's report starts 80 times every ten days, after its automatic cache has expired.
// One start ahead of each burst has it made anew: all but the burst's own later starts find
// it, so that 240 starts a month save 31 − 13 s each, for three cold starts.
func TestPrimeBeforeBursts(t *testing.T) {
	s := load(t)
	s.PlanOptions.Goal = plan.GoalNet
	s.BudgetPerMonth = math.Inf(1)
	p, err := planOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Primes, func(a plan.PrimedApp) bool { return a.App == "report" })
	if p.Verdict != plan.Prime || i < 0 {
		t.Fatalf("verdict %q, primes %+v", p.Verdict, p.Primes)
	}
	var report plan.Assignment
	for _, a := range p.Assignments {
		if a.App == "report" {
			report = a
		}
	}
	prime := p.Primes[i]
	if prime.StartsPerMonth != 3 || !report.Primed || report.PlannedSeconds >= report.ColdSeconds/2 {
		t.Errorf("%v starts, assignment %+v", prime.StartsPerMonth, report)
	}
	want := time.Duration(240)*(report.BaselineSeconds-report.PlannedSeconds) - prime.SavedSeconds
	if want.Abs() > time.Millisecond {
		t.Errorf("it saves %v, and its starts %v each", prime.SavedSeconds, report.BaselineSeconds-report.PlannedSeconds)
	}
	for _, a := range p.Assignments {
		if app := appOf(s.Workload, a.App); a.Primed && app.ReleasesPerMonth == 0 && len(app.Bursts) == 0 {
			t.Errorf("%s is primed, and has neither releases nor bursts", a.App)
		}
	}
}

func appOf(w *workload.Workload, name string) *workload.App {
	return &w.Apps[slices.IndexFunc(w.Apps, func(a workload.App) bool { return a.Name == name })]
}

// A plan of the month's first part, judged on the rest: the plan made for the rest saves
// about as much there or more, and where nothing of the first part recurs nothing is saved.
func TestHoldOutStarts(t *testing.T) {
	race.Skip(t)
	s := load(t)
	s.PlanOptions.HoldOutFraction = 0.5 // the bursts of days 20 and after are in it
	p, err := planOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	h := p.HeldOut[0]
	if h.Of != "starts" || !h.From.Equal(s.Now.Add(15*24*time.Hour)) || h.Starts < 5000 || h.Starts > 8000 {
		t.Errorf("%+v", h)
	}
	if h.ActualSaved <= 0 || *h.BestSaved < h.ActualSaved*9/10 || h.PlannedSaved <= 0 {
		t.Errorf("planned %v, saved %v, at best %v", h.PlannedSaved, h.ActualSaved, *h.BestSaved)
	}
	// From day 21 on there is no burst: the caches of the bursts serve nobody.
	s.PlanOptions.HoldOutFraction = 0.3
	if p, err = planOf(t, s); err != nil {
		t.Fatal(err)
	}
	if last := p.HeldOut[0]; last.ActualSaved >= h.ActualSaved/4 {
		t.Errorf("without bursts %v are saved, with one %v", last.ActualSaved, h.ActualSaved)
	}
}

// What is held out is judged against the plan's own baseline, and with what it primes.
func TestHoldOutBaselines(t *testing.T) {
	race.Skip(t)
	s := load(t)
	s.PlanOptions.HoldOutFraction, s.Baseline, s.BudgetPerMonth, s.WorthPerHour = 0.5, plan.Cold, 1000, 10_000
	p, err := planOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	// Starts come evenly but for the bursts, so that what a start saves beyond a cold one is
	// much the same in both halves.
	if h := p.HeldOut[0]; h.ActualSaved < h.PlannedSaved*8/10 || h.ActualSaved > h.PlannedSaved*12/10 {
		t.Errorf("cold: planned %v, saved %v", h.PlannedSaved, h.ActualSaved)
	}
	s = load(t)
	s.PlanOptions.HoldOutFraction, s.PlanOptions.Goal, s.BudgetPerMonth = 0.5, plan.GoalNet, math.Inf(1)
	if p, err = planOf(t, s); err != nil {
		t.Fatal(err)
	}
	if h := p.HeldOut[0]; p.Verdict != plan.Prime || h.PlannedSaved <= 0 || h.ActualSaved <= 0 {
		t.Errorf("%s: planned %v, saved %v", p.Verdict, h.PlannedSaved, h.ActualSaved)
	}
}

// The simulation of a plan has its priming starts made: report's burst finds its cache.
func TestPrimedStartsAreSimulated(t *testing.T) {
	s := load(t)
	s.PlanOptions.Goal, s.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	r, err := cachebench.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	starts := make(map[string]int)
	ready := make(map[string]time.Duration)
	for _, x := range r.Timeline.Startups {
		if x.App == "report" {
			starts[x.Arm]++
			ready[x.Arm] += x.Ready
		}
	}
	if r.Plan.Verdict != plan.Prime || starts["cached"] != starts["automatic"] || ready["cached"] > ready["automatic"]*2/3 {
		t.Errorf("%s: starts %v take %v", r.Plan.Verdict, starts, ready)
	}
}

// A burst as the month begins is primed in the month before, for each month alike.
func TestPrimeAtTheBeginning(t *testing.T) {
	s := load(t)
	report := appOf(s.Workload, "report")
	report.Bursts[0].First, report.Bursts[0].Every = 0, 0
	s.PlanOptions.Goal, s.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	p, err := planOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Primes, func(a plan.PrimedApp) bool { return a.App == "report" })
	if i < 0 || p.Primes[i].StartsPerMonth != 1 || p.Primes[i].SavedSeconds < 20*time.Minute {
		t.Errorf("primes: %+v", p.Primes)
	}
}

// Two weeks later the tag of report means another image: its cache, not built again, saves
// it nothing, and holds bytes for nothing; built again it saves it time.
func TestJudgeAtLaterTags(t *testing.T) {
	s := load(t)
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	later := s.Now.Add(14 * 24 * time.Hour)
	at := slices.IndexFunc(inv.Images, func(i layers.Image) bool { return strings.Contains(i.Reference, "batch/report") })
	other := slices.IndexFunc(inv.Images, func(i layers.Image) bool { return strings.Contains(i.Reference, "shop/orders") })
	moved := inv.Images[other]
	moved.Reference, moved.From = inv.Images[at].Reference, later
	inv.Images = append(inv.Images, moved)
	s.PlanOptions.JudgeAt = later.Add(time.Hour)
	p, err := planOn(t, s, inv)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.HeldOut) != 1 {
		t.Fatalf("held out: %+v", p.HeldOut)
	}
	h := p.HeldOut[0]
	if h.Of != "tags" || h.ActualSaved >= h.PlannedSaved || h.ActualSaved >= *h.BestSaved*9/10 {
		t.Errorf("planned %v, saved %v, built again %v", h.PlannedSaved, h.ActualSaved, *h.BestSaved)
	}
	if h.StaleUnpackedBytes == nil || *h.StaleUnpackedBytes <= 0 {
		t.Errorf("stale: %v", h.StaleUnpackedBytes)
	}
	// A time at which no tag has moved can judge nothing, and the plan is there all the same.
	s.PlanOptions.JudgeAt = s.Now.Add(time.Hour)
	p, err = planOn(t, s, inv)
	if p == nil || err == nil || !strings.Contains(err.Error(), "no tag of the plan's caches means another image by then") {
		t.Errorf("plan %v, error %v", p, err)
	}
}

// The verdict turns where the levers say it does.
func TestSensitivity(t *testing.T) {
	race.Skip(t)
	s := load(t)
	s.PlanOptions.Sensitivity = true
	p, err := planOf(t, s)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Sensitivity.Levers, func(l plan.Lever) bool { return l.Name == "worthPerHour" })
	l := p.Sensitivity.Levers[i]
	if l.Factor == nil || l.Verdict != plan.Prime {
		t.Fatalf("%+v", p.Sensitivity.Levers)
	}
	s.PlanOptions.Sensitivity = false
	for _, side := range []struct {
		factor float64
		want   string
	}{{*l.Factor, l.Verdict}, {*l.Factor * 1.05, p.Verdict}} {
		varied := load(t)
		varied.WorthPerHour *= side.factor
		got, err := planOf(t, varied)
		if err != nil || got.Verdict != side.want {
			t.Errorf("where an hour is worth %v: %s, %v, want %s", varied.WorthPerHour, got.Verdict, err, side.want)
		}
	}
}

// The main job says when the limit that it plans for cannot be kept, with all its results.
func TestRunLimitNotMet(t *testing.T) {
	s := load(t)
	s.PlanOptions = cachebench.PlanOptions{Goal: plan.GoalLimit, Limit: time.Second}
	r, err := cachebench.Run(t.Context(), s)
	if !errors.Is(err, cachebench.ErrLimit) || r.Plan.Verdict != plan.LimitNotMet || r.Report == nil {
		t.Errorf("error %v, plan %+v", err, r.Plan)
	}
}

// How often apps are released is varied too: where none says it, from never on, of every app.
func TestSensitivityOfReleases(t *testing.T) {
	for name, stated := range map[string]float64{"none stated": 0, "stated": 1} {
		t.Run(name, func(t *testing.T) {
			releasing := func(perMonth float64) *cachebench.Scenario {
				s := load(t)
				for i := range s.Workload.Apps {
					s.Workload.Apps[i].ReleasesPerMonth, s.Workload.Apps[i].Bursts = perMonth, nil
				}
				return s
			}
			s := releasing(stated)
			s.PlanOptions.Sensitivity = true
			p, err := planOf(t, s)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Sensitivity.Levers, func(l plan.Lever) bool { return strings.HasPrefix(l.Name, "releasesPerMonth") })
			if i < 0 {
				t.Fatalf("%+v", p.Sensitivity.Levers)
			}
			l := p.Sensitivity.Levers[i]
			if l.Factor == nil || (l.Assumed > 0) != (stated == 0) || strings.Contains(l.Name, "assumed") != (stated == 0) {
				t.Fatalf("verdict %s: %+v", p.Verdict, l)
			}
			value, before := *l.Factor*stated, *l.Factor*stated/1.04
			if *l.Factor < 1 && stated > 0 {
				before = *l.Factor * stated * 1.04
			}
			if l.Assumed > 0 {
				value, before = *l.Factor*l.Assumed, (*l.Factor-1.0/64)*l.Assumed
			}
			for _, side := range []struct {
				perMonth float64
				want     string
			}{{value, l.Verdict}, {before, p.Verdict}} {
				got, err := planOf(t, releasing(side.perMonth))
				if err != nil || got.Verdict != side.want {
					t.Errorf("at %v releases a month: %s, %v, want %s", side.perMonth, got.Verdict, err, side.want)
				}
			}
		})
	}
}
