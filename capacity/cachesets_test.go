package capacity_test

import (
	"fmt"
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

// highOf is the upper end of the interval of the mean over repeats of a quantile by nearest
// rank, in seconds, by Student's t with nine degrees of freedom.
func highOf(t *testing.T, timeline *simulate.Timeline, percent int) float64 {
	t.Helper()
	repeats := make(map[int][]float64)
	for i := range timeline.Startups {
		x := &timeline.Startups[i]
		repeats[x.Repeat] = append(repeats[x.Repeat], x.Ready.Seconds())
	}
	if len(repeats) != 10 {
		t.Fatalf("%d repeats have starts", len(repeats))
	}
	var sum, squares float64
	var values []float64
	for _, list := range repeats {
		slices.Sort(list)
		values = append(values, list[(len(list)*percent+99)/100-1])
		sum += values[len(values)-1]
	}
	mean := sum / 10
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return mean + 2.262157*math.Sqrt(squares/9/10)
}

// rare is a question about three apps that start three times a month, in repeats of which some
// have no start of an app.
func rare(t *testing.T, seed uint64) *capacity.Question {
	t.Helper()
	q := madeUp(t, 3, 5)
	q.Scenario.Seed, q.Scenario.Repeats, q.Scenario.Window = seed, 10, workload.Month
	for i := range q.Scenario.Workload.Apps {
		app := &q.Scenario.Workload.Apps[i]
		app.StartsPerDay, app.Bursts, app.ReleasesPerMonth = 0.1, nil, 0
	}
	return q
}

// TestCachesOfRareApps: of three apps that seldom start, every set of caches, one for each app, is
// simulated with all repeats. The answer is met where one of them
// keeps the limit with the whole interval, and costs no more than the cheapest that does.
func TestCachesOfRareApps(t *testing.T) {
	race.Skip(t)
	met, bought := 0, 0
	for seed := uint64(1); seed <= 4; seed++ {
		for _, percent := range []int{50, 99} {
			q := rare(t, seed)
			apps := q.Scenario.Workload.Apps
			least := math.Inf(1)
			type set struct{ cost, high float64 }
			var sets []set
			costs := make(map[int]float64)
			made := make(map[int][]plan.PlannedCache)
			for k := range apps {
				p := planned(t, q, 0, 0, func(s *cachebench.Scenario) {
					w := *s.Workload
					w.Apps = slices.Clone(w.Apps[k : k+1])
					s.Workload, s.BudgetPerMonth, s.WorthPerHour, s.PlanRepeats = &w, math.Inf(1), 1e6, true
					s.PlanOptions = cachebench.PlanOptions{Goal: plan.GoalSeconds}
				})
				if len(p.Caches) != 1 {
					t.Fatalf("%d caches of %s: %s", len(p.Caches), apps[k].Name, p.Reason)
				}
				costs[1<<k], made[1<<k] = p.CostPerMonth().Amount-p.Caches[0].Cost.UseSaved.Amount, p.Caches
			}
			for bits := range 1 << len(apps) {
				p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
				cost := 0.0
				for i := range apps {
					if bits&(1<<i) != 0 {
						cost += costs[1<<i]
						p.Caches = append(p.Caches, made[1<<i]...)
					}
				}
				sets = append(sets, set{cost, highOf(t, played(t, q, simulate.ArmCached, p, nil), percent)})
			}
			limit := math.Ceil(sets[len(sets)-1].high*10+2) / 10
			for _, s := range sets {
				if s.high <= limit {
					least = min(least, s.cost)
				}
			}
			what := fmt.Sprintf("seed %d, p%d of %v s", seed, percent, limit)
			c, err := q.Caches(t.Context(), capacity.SLO{Figure: fmt.Sprintf("p%d", percent), Limit: time.Duration(math.Round(limit * 1e9))})
			if err != nil || c.Verdict != reports.CapacityMet {
				t.Errorf("%s: a set for %v keeps it: %v: %s", what, least, err, c.Headline)
				continue
			}
			met++
			cost := 0.0
			var chosen string
			for _, o := range c.Options {
				if o.Chosen {
					cost, chosen = o.Cost.Value, o.Name
				}
			}
			if cost > 0 {
				bought++
			}
			for _, s := range sets {
				if s.cost == cost && s.high > limit {
					t.Errorf("%s: %s is said to keep it, simulated up to %v s", what, chosen, s.high)
				}
			}
			if cost > least*1.001 {
				t.Errorf("%s: %v a month for %s, a set of %v keeps it: %v", what, cost, chosen, least, sets)
			}
			t.Logf("%s: %v of %v: %s", what, cost, least, c.Headline)
		}
	}
	if met == 0 || bought == 0 {
		t.Errorf("%d met, %d with caches: no test", met, bought)
	}
}

// bursty is a question about three apps that start in bursts, which come so rarely that the
// automatic caches of the last one are gone.
func bursty(t *testing.T) *capacity.Question {
	t.Helper()
	q := madeUp(t, 3, 5)
	q.Scenario.Window = workload.Month
	for i := range q.Scenario.Workload.Apps {
		app := &q.Scenario.Workload.Apps[i]
		app.StartsPerDay, app.ReleasesPerMonth = 0, 0
		app.Bursts = []workload.Burst{{Count: 10 + 5*i, First: time.Duration(i+1) * 30 * time.Hour, Every: 10 * 24 * time.Hour}}
	}
	return q
}

// TestFewestStartsAhead: where starts ahead of others of some apps keep a limit, the cheapest
// such set of apps is named, or something that costs less: all sets are simulated.
func TestFewestStartsAhead(t *testing.T) {
	race.Skip(t)
	q := bursty(t)
	var primes []plan.PrimedApp
	var costs []float64
	for i := range q.Scenario.Workload.Apps {
		app := &q.Scenario.Workload.Apps[i]
		primes = append(primes, plan.PrimedApp{App: app.Name})
		costs = append(costs, aheadCost(t, q, app, 3))
	}
	type set struct {
		names []string
		cost  float64
		mean  float64
	}
	var sets []set
	for bits := range 1 << len(primes) {
		made := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
		var x set
		for i := range primes {
			if bits&(1<<i) != 0 {
				made.Primes = append(made.Primes, primes[i])
				x.names, x.cost = append(x.names, primes[i].App), x.cost+costs[i]
			}
		}
		timeline := played(t, q, simulate.ArmCached, made, nil)
		for i := range timeline.Startups {
			x.mean += timeline.Startups[i].Ready.Seconds() / float64(len(timeline.Startups))
		}
		sets = append(sets, x)
	}
	tried := 0
	for _, edge := range sets[1:] {
		limit := math.Ceil(edge.mean*1e4) / 1e4
		if sets[0].mean <= limit {
			continue
		}
		tried++
		least, names := math.Inf(1), ""
		for _, x := range sets {
			if x.mean <= limit && x.cost < least {
				least, names = x.cost, strings.Join(x.names, ", ")
			}
		}
		c, err := bursty(t).Caches(t.Context(), capacity.SLO{Figure: "mean", Limit: time.Duration(math.Round(limit * 1e9))})
		if err != nil || c.Verdict != reports.CapacityMet {
			t.Errorf("mean of %v s: %v: %s", limit, err, c.Headline)
			continue
		}
		if cost := figureOf(c, "added to the bill"); cost > least*(1+1e-4)+1e-9 {
			t.Errorf("mean of %v s: %v a month, starts ahead of %s cost %v: %s", limit, cost, names, least, c.Headline)
		}
		t.Log(c.Headline, least, names)
	}
	if tried < 2 {
		t.Errorf("%d limits: no test", tried)
	}
}
