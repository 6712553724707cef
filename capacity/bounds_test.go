package capacity_test

import (
	"errors"
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

// withApps changes the workload's apps of a scenario.
func withApps(s *cachebench.Scenario, change func(*workload.App)) {
	w := *s.Workload
	w.Apps = append([]workload.App(nil), w.Apps...)
	for i := range w.Apps {
		change(&w.Apps[i])
	}
	s.Workload = &w
}

// TestNoStartsAreSaid: without any start there is no answer, and what to do is said.
func TestNoStartsAreSaid(t *testing.T) {
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		withApps(s, func(app *workload.App) { app.StartsPerDay, app.Bursts = 1e-6, nil })
	})
	c, err := q.Sensitivity(t.Context(), capacity.SensitivityOptions{Of: capacity.OfStarts, SLO: capacity.SLO{Figure: "p99"}})
	if !errors.Is(err, cachebench.ErrNoStart) || !strings.Contains(err.Error(), "--window") || strings.Contains(c.Headline, "never ready") {
		t.Errorf("%v: %s", err, c.Headline)
	}
}

// TestBurstFollowsTheBaseline: without an arm given, a burst of a scenario whose baseline is
// cold is that of arm cold, and says so.
func TestBurstFollowsTheBaseline(t *testing.T) {
	race.Skip(t)
	burst := func(baseline string) func(s *cachebench.Scenario) {
		return func(s *cachebench.Scenario) {
			s.Baseline, s.Bursts = baseline, []cachebench.StartBurst{{App: "web", Count: 20}}
		}
	}
	for baseline, arm := range map[string]string{plan.Cold: simulate.ArmCold, plan.Automatic: simulate.ArmAutomatic} {
		q := questionOf(t, "", burst(baseline))
		want := lastReady(t, q, arm, 20, nil)
		c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: 14 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(c.Assumptions, " "), "The scenario's baseline is cold: starts find no cache (arm cold).")
		if c.Arm != arm || c.Figures[0].Value != want || said != (baseline == plan.Cold) {
			t.Errorf("%s: arm %s, %v, want %s, %v; said: %v", baseline, c.Arm, c.Figures[0].Value, arm, want, said)
		}
	}
	// Automatic caches are what such a burst may turn on; no number of 0 caches meets it.
	cold := lastReady(t, questionOf(t, "", burst(plan.Cold)), simulate.ArmCold, 20, nil)
	warm := lastReady(t, questionOf(t, "", burst(plan.Cold)), simulate.ArmAutomatic, 20, nil)
	if warm >= cold {
		t.Fatalf("automatic caches bring nothing: %v, cold %v", warm, cold)
	}
	c, err := questionOf(t, "", burst(plan.Cold)).Burst(t.Context(), capacity.BurstOptions{Within: time.Duration((warm + cold) / 2 * 1e9)})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, c, "ECI's automatic caches, turned on"); n.Need == nil || *n.Best != warm {
		t.Errorf("%+v, want %v", n, warm)
	}
	for _, n := range c.Needs {
		if strings.HasPrefix(n.Parameter, "caches of the burst's apps") && n.Need != nil && *n.Need == 0 {
			t.Errorf("no cache meets what is not met: %+v", n)
		}
	}
}

// TestCachesFollowTheBaseline: with a cold baseline "build nothing" is said of starts without
// any cache where these keep the limit, and of automatic caches to be turned on where only
// they do.
func TestCachesFollowTheBaseline(t *testing.T) {
	race.Skip(t)
	mean := func(arm string) float64 {
		q := questionOf(t, "", nil)
		timeline := played(t, q, arm, nil, nil)
		for i := range timeline.Summaries {
			if timeline.Summaries[i].App == "" {
				return timeline.Summaries[i].Mean.Value
			}
		}
		t.Fatal("no summary of all")
		return 0
	}
	cold, automatic := mean(simulate.ArmCold), mean(simulate.ArmAutomatic)
	if automatic >= cold {
		t.Fatalf("automatic caches bring nothing: %v, cold %v", automatic, cold)
	}
	for _, c := range []struct {
		limit float64
		want  string
	}{{cold + 1, "Met: build nothing; with no cache at all"}, {(cold + automatic) / 2, "Met: turn on ECI's free automatic caches and build nothing"}} {
		q := questionOf(t, "", func(s *cachebench.Scenario) { s.Baseline = plan.Cold })
		got, err := q.Caches(t.Context(), capacity.SLO{Figure: "mean", Limit: time.Duration(c.limit * 1e9)})
		if err != nil || !strings.HasPrefix(got.Headline, c.want) {
			t.Errorf("%v s: %v, %v", c.limit, got.Headline, err)
		}
	}
}

// TestQuotaIsNeeded: where the account refuses starts, that much quota is needed whatever
// else is changed, the largest burst is what there is room for, and nothing is said to meet
// the limit by itself.
func TestQuotaIsNeeded(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 100}}
		withApps(s, func(app *workload.App) { app.CPU, app.StartsPerDay, app.Bursts = 2, 0, nil })
	})
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Minute, CPUQuota: 150})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, c, "quota of vCPUs (--vcpu-quota)"); *n.Need != 200 || *n.Now != 150 {
		t.Errorf("100 starts of 2 vCPUs: %+v", n)
	}
	q.Scenario.Bursts[0].Count = 20
	fits, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Minute, CPUQuota: 150})
	if err != nil || fits.Verdict != reports.CapacityMet || *need(t, fits, "quota of vCPUs (--vcpu-quota)").Need != 40 {
		t.Errorf("20 starts of 2 vCPUs: %v, %v", fits.Headline, err)
	}
	if got := largestBurst(c); got == nil || got.Value != 75 || got.AtLeast {
		t.Errorf("150 vCPUs have room for 75: %+v", got)
	}
	for _, s := range c.Sentences {
		if strings.Contains(s, "by itself") || strings.Contains(s, "The least that would meet it") {
			t.Errorf("said under a quota: %s", s)
		}
	}
	for _, p := range c.Curves[0].Points {
		if p.X > 75 && p.Y != nil {
			t.Errorf("%v starts have no room, and are ready after %v", p.X, *p.Y)
		}
	}
}

func largestBurst(c *reports.Capacity) *reports.CapacityFigure {
	for i := range c.Figures {
		if strings.HasPrefix(c.Figures[i].Name, "largest burst") {
			return &c.Figures[i]
		}
	}
	return nil
}

// TestQuotaOfUnknownSize: starts whose vCPUs are not known are not said to be within a quota;
// other apps that run for an unknown time are no apps that do not run.
func TestQuotaOfUnknownSize(t *testing.T) {
	race.Skip(t)
	bursts := []cachebench.StartBurst{{App: "web", Count: 5}}
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = bursts
		withApps(s, func(app *workload.App) { app.CPU = 0 })
	})
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour, CPUQuota: 10})
	if err != nil || c.Verdict != reports.CapacityUnclear || !strings.HasPrefix(c.Headline, "Unclear, for it is not known how many vCPUs the starts need") {
		t.Errorf("%s, %v", c.Headline, err)
	}
	for _, f := range c.Figures {
		if f.Unit == "vCPUs" {
			t.Errorf("an unknown number is %+v", f)
		}
	}
	q = questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = bursts
		withApps(s, func(app *workload.App) { app.CPU, app.Runtime, app.StartsPerDay = 1, 0, 3000 })
	})
	c, err = q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour, Addresses: 1000})
	doubts := strings.Join(c.Doubts, " ")
	if err != nil || strings.Contains(doubts, "tells of nothing that runs meanwhile") || !strings.Contains(doubts, "they have starts and no run time or size: web, ci, report") {
		t.Errorf("%v: %s", err, doubts)
	}
}

// TestTimeLimitOfCaches: a search that its time limit ends has an answer that says so.
func TestTimeLimitOfCaches(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", nil)
	q.TimeLimit = time.Nanosecond
	if _, err := q.Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: 13 * time.Second}); err == nil || !strings.Contains(err.Error(), "give more (--time-limit)") {
		t.Errorf("of no time at all: %v", err)
	}
	// The clock runs out while the first plan is searched for.
	q = questionOf(t, "", nil)
	q.TimeLimit = 2 * time.Second
	q.Progress = func(what string) {
		if strings.HasPrefix(what, "planning") {
			time.Sleep(2100 * time.Millisecond)
		}
	}
	c, err := q.Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: 13 * time.Second})
	if err != nil || c.Interrupted || !strings.HasPrefix(c.Headline, "Not met by what was tried until the search was stopped") || !strings.Contains(strings.Join(c.Sentences, " "), "Stopped by the time limit of 2s: 0 plans") {
		t.Errorf("%v: %+v", err, c)
	}
	// It runs out with a plan that keeps the limit in hand.
	q = questionOf(t, "", nil)
	q.TimeLimit = 6 * time.Second
	planned := 0
	q.Progress = func(what string) {
		if strings.HasPrefix(what, "planning") {
			if planned++; planned == 2 {
				time.Sleep(6 * time.Second)
			}
		}
	}
	c, err = q.Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: 20 * time.Second})
	if err != nil || c.Verdict != reports.CapacityMet || !strings.Contains(strings.Join(c.Sentences, " "), "Not proven cheapest: stopped by the time limit of 6s after 1 plan.") {
		t.Errorf("%v: %+v", err, c)
	}
}
