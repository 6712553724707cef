package cachebench

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// An explicit plan, judged on the month that it was planned on, saves what it says. Its
// estimate takes rates for counts and spreads releases evenly, which is within 2 % of what
// the month has of both. App long has the images of ci and runs for too long to pay for a
// disk: ECI's matching would have it find the cache of ci, and the plan counts it without.
func TestExplicitPlanSavesWhatItSays(t *testing.T) {
	race.Skip(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for seed := range uint64(3) {
		for _, baseline := range []string{plan.Cold, plan.Automatic} {
			s := quick(t)
			s.Seed, s.Baseline, s.Assign = seed+1, baseline, plan.Explicit
			s.BudgetPerMonth, s.PlanOptions.Effort = 50+400*rng.Float64(), 0.1
			for i := range s.Workload.Apps {
				s.Workload.Apps[i].ReleasesPerMonth *= 20
			}
			long := s.Workload.Apps[slices.IndexFunc(s.Workload.Apps, func(a workload.App) bool { return a.Name == "ci" })]
			long.Name, long.Runtime, long.StartsPerDay = "long", 100*time.Hour, 100
			s.Workload.Apps = append(s.Workload.Apps, long)
			j, p := plannedJob(t, s)
			if len(p.Caches) == 0 || p.Assignments[slices.IndexFunc(p.Assignments, func(a plan.Assignment) bool { return a.App == "long" })].Cache != "" {
				t.Fatalf("seed %d, %s: %d caches, assigned %+v", s.Seed, baseline, len(p.Caches), p.Assignments)
			}
			means := make(map[*plan.Plan]time.Duration)
			for _, of := range []*plan.Plan{nil, p} {
				x, err := j.judge(t.Context(), j.baselineOf(of), 0)
				if err != nil {
					t.Fatal(err)
				}
				means[of] = x.mean()
			}
			if said, saved := perStart(p), means[nil]-means[p]; (said - saved).Abs() > said/50 {
				t.Errorf("seed %d, %s: the plan says that a start saves %v, its month %v", s.Seed, baseline, said, saved)
			}
			simulated, err := j.replay(t.Context(), simulate.ArmCached, p)
			if err != nil {
				t.Fatal(err)
			}
			checkNamed(t, p, simulated.outcomes)
		}
	}
}

// checkNamed: starts find the planned cache of their app, or none that is planned.
func checkNamed(t *testing.T, p *plan.Plan, outcomes []matcher.Outcome) {
	t.Helper()
	assigned := make(map[string]string)
	for _, a := range p.Assignments {
		assigned[a.App] = a.Cache
	}
	for _, o := range outcomes {
		found := 0
		for _, f := range o.Found {
			switch planned := slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == f.CacheID }); {
			case planned && f.CacheID != assigned[o.App]:
				t.Errorf("%d starts of %s find %s, and the plan gives it %q", f.Starts, o.App, f.CacheID, assigned[o.App])
			case planned:
				found += f.Starts
			}
		}
		if built := slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == assigned[o.App] }); built && found < o.Starts*9/10 {
			t.Errorf("%d of %d starts of %s find %s", found, o.Starts, o.App, assigned[o.App])
		}
	}
}

func quick(t *testing.T) *Scenario {
	t.Helper()
	const name = "testdata/quickstart/scenario.yaml"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := ReadScenarioFile(name, data)
	if err != nil {
		t.Fatal(err)
	}
	s, err := file.Scenario(name, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plannedJob(t *testing.T, s *Scenario) (*Job, *plan.Plan) {
	t.Helper()
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	m, err := j.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := j.Plan(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return j, p
}
