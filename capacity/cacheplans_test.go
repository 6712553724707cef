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
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// figureOf is a figure of an answer by how its name begins; NaN where there is none.
func figureOf(c *reports.Capacity, begin string) float64 {
	for i := range c.Figures {
		if strings.HasPrefix(c.Figures[i].Name, begin) {
			return c.Figures[i].Value
		}
	}
	return math.NaN()
}

// TestStartsAheadAreInTheBill: a start ahead of others costs what the app's instance does for
// one cold start, worked out from the estimate of that start, the price of an instance and how
// often the app is released and its bursts come.
func TestStartsAheadAreInTheBill(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", nil)
	c, err := q.Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p := planned(t, q, 20*time.Second, 0.99, func(s *cachebench.Scenario) { s.BudgetPerMonth = math.Inf(1) })
	if len(p.Primes) == 0 || len(p.Caches) > 0 {
		t.Fatalf("the plan builds %d caches and starts %d apps ahead: no test", len(p.Caches), len(p.Primes))
	}
	want := 0.0
	for _, prime := range p.Primes {
		i := slices.IndexFunc(q.Scenario.Workload.Apps, func(app workload.App) bool { return app.Name == prime.App })
		app := &q.Scenario.Workload.Apps[i]
		cost := aheadCost(t, q, app, prime.StartsPerMonth)
		if got := prime.Instances.Amount; math.Abs(got-cost) > 1e-9+1e-4*cost {
			t.Errorf("%s: %v starts cost %v, worked out %v", prime.App, prime.StartsPerMonth, got, cost)
		}
		want += cost
	}
	if got := figureOf(c, "of it instances of starts ahead"); !(want > 0) || math.Abs(got-want) > 1e-4*want {
		t.Errorf("starts ahead cost %v, worked out %v", got, want)
	}
	if got := figureOf(c, "added to the bill"); got < want*(1-1e-4) {
		t.Errorf("%v is added to the bill, starts ahead alone cost %v", got, want)
	}
	if !strings.Contains(strings.Join(c.Assumptions, " "), "A start ahead of others costs") {
		t.Errorf("it is not said what a start ahead is taken to cost: %q", c.Assumptions)
	}
	if strings.Contains(c.Headline, "USD 0.00 a month") {
		t.Errorf("%s", c.Headline)
	}
}

// aheadCost is what an app's instance costs for so many cold starts until they are ready.
func aheadCost(t *testing.T, q *capacity.Question, app *workload.App, starts float64) float64 {
	t.Helper()
	start := simulate.Start{App: app.Name, PullPolicy: app.PullPolicy, Runtime: app.Runtime, Ready: app.Ready, ReadFraction: app.ReadFraction}
	for _, ref := range app.AllImages() {
		start.Images = append(start.Images, q.Inventory.Find(ref, "linux/amd64", q.Scenario.Now))
	}
	e, err := simulate.EstimateStart(q.Inventory.Estimated(), q.Scenario.Profile, &start)
	if err != nil {
		t.Fatal(err)
	}
	hour, err := q.Scenario.Prices.Instance(app.CPU, app.MemoryGiB, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return starts * hour.Amount * e.Billed.Hours()
}

// TestBoundOfCaches: no plan that is proven optimal for the limit itself and its share of the
// starts costs less than the bound that the answer has.
func TestBoundOfCaches(t *testing.T) {
	race.Skip(t)
	said := 0
	for _, limit := range []time.Duration{12 * time.Second, 14 * time.Second, 16 * time.Second, 20 * time.Second, 30 * time.Second} {
		q := questionOf(t, "", nil)
		c, err := q.Caches(t.Context(), capacity.SLO{Figure: "p90", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		bound := figureOf(c, "bound of the bill")
		if math.IsNaN(bound) {
			continue
		}
		said++
		p := planned(t, q, limit, 0.9, func(s *cachebench.Scenario) {
			s.BudgetPerMonth, s.PlanOptions.GapFraction = math.Inf(1), new(float64)
		})
		if p.Status != plan.Optimal {
			t.Fatalf("%v: the plan is %s", limit, p.Status)
		}
		least := p.CostPerMonth().Amount
		for i := range p.Caches {
			least -= p.Caches[i].Cost.UseSaved.Amount
		}
		if bound > least+1e-3 {
			t.Errorf("%v: bound %v above the cheapest, %v", limit, bound, least)
		}
		if !strings.Contains(strings.Join(c.Sentences, " "), "Proven is a bound for starts by themselves") {
			t.Errorf("%v: %q", limit, c.Sentences)
		}
	}
	if said == 0 {
		t.Error("no answer has a bound: no test")
	}
}

// TestCurveNamesPlans: each point of the curve of bills names what is built.
func TestCurveNamesPlans(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", nil)
	c, err := q.Caches(t.Context(), capacity.SLO{Figure: "p99", Limit: 13 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	points := c.Curves[0].Points
	if len(points) < 2 || points[0].Name != "nothing" || points[0].Built != nil {
		t.Fatalf("%+v", points)
	}
	for _, p := range points[1:] {
		if p.Name == "" || len(p.Built) == 0 {
			t.Errorf("nothing is named at %v: %+v", p.X, p)
		}
		has := func(o reports.CapacityOption) bool {
			return !slices.ContainsFunc(p.Built, func(name string) bool {
				return !strings.Contains(o.Name, strings.TrimPrefix(name, "a start ahead of those of "))
			})
		}
		if !slices.ContainsFunc(c.Options, func(o reports.CapacityOption) bool { return o.Cost != nil && o.Cost.Value == p.X && has(o) }) {
			t.Errorf("no option costs %v and builds %q", p.X, p.Built)
		}
	}
}

// TestCachesOfManyApps: where limits are skipped, a grid of limits with all the planner's
// effort has no cheaper plan that keeps the limit in the simulation, but for what the planner
// itself may be off by.
func TestCachesOfManyApps(t *testing.T) {
	race.Skip(t)
	q := madeUp(t, 50, 7)
	automatic := rankOf(played(t, q, simulate.ArmAutomatic, nil, nil), 99)
	slo := capacity.SLO{Figure: "p99", Limit: 16 * time.Second}
	c, err := q.Caches(t.Context(), slo)
	t.Logf("p99 %v on automatic caches: %s", automatic, c.Headline)
	if err != nil || c.Verdict != reports.CapacityMet {
		t.Fatalf("%v: %+v", err, c)
	}
	cost := figureOf(c, "added to the bill")
	met, not := 0, 0
	for _, limit := range []float64{16, 17, 19} {
		p := planned(t, q, time.Duration(limit*1e9), 0.99, func(s *cachebench.Scenario) {
			s.BudgetPerMonth, s.PlanOptions.Effort = math.Inf(1), 0.1
		})
		if rankOf(played(t, q, simulate.ArmCached, p, nil), 99) > slo.Limit {
			not++
			continue
		}
		met++
		least := p.CostPerMonth().Amount
		for i := range p.Caches {
			least -= p.Caches[i].Cost.UseSaved.Amount
		}
		if cost > least*1.02 {
			t.Errorf("%v a month; planned for %v s it is %v", cost, limit, least)
		}
	}
	if met == 0 || not == 0 {
		t.Errorf("%d of the grid keep the limit and %d do not: no test", met, not)
	}
}
