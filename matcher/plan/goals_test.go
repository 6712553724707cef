package plan_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// The bills of TestHandWorked, and besides, explicit with both apps on job's cache, whose
// 6 GiB hold web's base: keep 0.12, job 0.300333, web 300 × 20 × 0.0005 × (600 + 24) / 3600
// = 0.52; with the build 0.946938. Web cold takes 105 s and job 125 s, on their own caches
// 7 s, job on web's 47 s.
func TestLimit(t *testing.T) {
	tests := []struct {
		name   string
		assign string
		limit  time.Duration
		share  float64
		bill   float64
		caches int
	}{
		{"both within it already", plan.Auto, 126 * time.Second, 0, 0, 0},
		{"one cache for both: ECI matches images", plan.Auto, 100 * time.Second, 0, 0.950272, 1},
		{"job on web's cache", plan.Explicit, 100 * time.Second, 0, 0.913605, 1},
		{"job needs its own images", plan.Explicit, 40 * time.Second, 0, 0.946938, 1},
		{"job alone", plan.Auto, 106 * time.Second, 0, 0.426939, 1},
		{"300 of 330 starts are web's", plan.Auto, 10 * time.Second, 0.9, 0.609939, 1},
		{"a tenth of the starts", plan.Explicit, 10 * time.Second, 30.0 / 330, 0.426939, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := twoApps()
			p.Goal, p.Assign, p.Limit, p.LimitStartsFraction, p.BudgetPerMonth = plan.GoalLimit, test.assign, test.limit, test.share, math.Inf(1)
			got := choose(t, p)
			if got.Status != plan.Optimal || !near(got.ObjectiveMoney.Amount, test.bill, 1e-5) || len(got.Caches) != test.caches {
				t.Errorf("%s: %d caches for %v, want %d for %v", got.Status, len(got.Caches), got.ObjectiveMoney, test.caches, test.bill)
			}
			if want := map[bool]string{true: plan.BuildNothing, false: plan.Build}[test.caches == 0]; got.Verdict != want {
				t.Errorf("verdict %q (%s), want %q", got.Verdict, got.Reason, want)
			}
		})
	}
}

func TestLimitNotMet(t *testing.T) {
	p := twoApps()
	p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, 5*time.Second, math.Inf(1)
	got := choose(t, p)
	if got.Verdict != plan.LimitNotMet || got.Status != plan.Optimal || !strings.Contains(got.Reason, "job (7.00 s at best), web (7.00 s at best)") {
		t.Errorf("%s, %s: %s", got.Verdict, got.Status, got.Reason)
	}
	// One of two is nearer than none.
	p.Limit, p.BudgetPerMonth = 50*time.Second, 0.7
	got = choose(t, p)
	if got.Verdict != plan.LimitNotMet || len(got.Caches) != 1 || !strings.Contains(got.Reason, "Above it stay job (106.0 s as planned, 7.00 s with the cache that suits it best, which the budget does not pay for)") && !strings.Contains(got.Reason, "Above it stay web (105.0 s as planned, 7.00 s with the cache that suits it best, which the budget does not pay for)") {
		t.Errorf("%s with %d caches: %s", got.Verdict, len(got.Caches), got.Reason)
	}
}

// Web runs for a minute: its cache costs 0.006605 + 0.10 + 300 × 20 × 0.0005 × 64 / 3600 =
// 0.159939 and saves 29,400 s of an instance of 0.00001924, 0.565656. Job's hour costs more
// than its 3,540 s are worth, 0.068110.
func TestNet(t *testing.T) {
	p := twoApps()
	web := *p.Apps[0].App
	web.Runtime = time.Minute
	p.Apps[0].App = &web
	p.Goal, p.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	got := choose(t, p)
	if got.Status != plan.Optimal || len(got.Caches) != 1 || !near(got.ObjectiveMoney.Amount, 0.565656-0.159939, 1e-5) {
		t.Fatalf("%s: %d caches save %v, want 0.405717", got.Status, len(got.Caches), got.ObjectiveMoney)
	}
	if total := got.Totals[len(got.Totals)-1]; !near(total.NetSaved.Amount, got.ObjectiveMoney.Amount, 1e-9) {
		t.Errorf("net of the planned arm is %v, the plan saves %v", total.NetSaved, got.ObjectiveMoney)
	}
	if got.BudgetPerMonth != nil || got.BoundMoney.Amount != got.ObjectiveMoney.Amount {
		t.Errorf("budget %v, bound %v", got.BudgetPerMonth, got.BoundMoney)
	}
	// At ten minutes nothing pays.
	p = twoApps()
	p.Goal, p.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	got = choose(t, p)
	if got.Verdict != plan.BuildNothing || !strings.Contains(got.Reason, "No cache saves what it costs: the nearest") {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}

// Of what the disk's price is a part: the build's 0.000833 and the use's 0.053333. So net is
// 0.565656 − 0.105772 − 0.054167 f, which is 0 at f = 8.49.
func TestTurns(t *testing.T) {
	p := twoApps()
	web := *p.Apps[0].App
	web.Runtime = time.Minute
	p.Apps[0].App = &web
	p.Goal, p.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	got, err := plan.Turns(context.Background(), plan.Build, []plan.Trial{
		{Name: "diskGiBHour", Problem: func(factor float64) (plan.Problem, error) {
			varied, price := p, *p.Prices.DiskGiBHour*factor
			varied.Prices.DiskGiBHour = &price
			return varied, nil
		}},
		{Name: "snapshotGiBMonth", Problem: func(factor float64) (plan.Problem, error) {
			varied, price := p, *p.Prices.SnapshotGiBMonth*min(factor, 2)
			varied.Prices.SnapshotGiBMonth = &price
			return varied, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f := got[0].Factor; f == nil || *f < 8.49 || *f > 8.49*math.Pow(10, 1.0/64) || got[0].Verdict != plan.BuildNothing {
		t.Errorf("disks: %+v, want nothing worth building from 8.49 times their price", got[0])
	}
	if got[1].Factor != nil {
		t.Errorf("snapshots: %+v, want no other verdict", got[1])
	}
}

// Where the search does not find the verdict with the price as it is, there is nothing to
// turn from: no factor of 1, and none that would bring the verdict back.
func TestNoTurnFromAnotherVerdict(t *testing.T) {
	p := twoApps()
	p.Goal, p.BudgetPerMonth = plan.GoalNet, math.Inf(1)
	got, err := plan.Turns(context.Background(), plan.Prime, []plan.Trial{{Name: "none", Problem: func(float64) (plan.Problem, error) { return p, nil }}})
	if err != nil || len(got) != 0 {
		t.Errorf("%+v, %v: want none", got, err)
	}
}

// Web finds nothing in 100 of 300 starts; primed three times a month, in 1. That saves 99 × 98
// s less 3 × 105 s of its own, 9,387 s, for 3 × 102 s of an instance, 0.005887. A cache of its
// own saves all of 9,800 s for 0.609939.
func TestPriming(t *testing.T) {
	p := twoApps()
	p.Apps = p.Apps[:1]
	p.Baseline = plan.Automatic
	web := *p.Apps[0].App
	web.ReleasesPerMonth = 3
	p.Apps[0] = found(&web, nothing(100), automatic(200, "r/web:1"))
	primed := found(&web, nothing(1), automatic(299, "r/web:1")).Outcome
	p.Apps[0].Primed, p.Apps[0].PrimesPerMonth = &primed, 3
	p.BudgetPerMonth = 0.01
	got := choose(t, p)
	if got.Verdict != plan.Prime || got.SavedSeconds != seconds(9387) || len(got.Primes) != 1 || !near(got.Primes[0].Cost.Amount, 0.005887, 1e-6) {
		t.Fatalf("%s saves %v: %+v", got.Verdict, got.SavedSeconds, got.Primes)
	}
	if a := got.Assignments[0]; !a.Primed || a.Cache != "" || !strings.Contains(a.Reason, "after each release, 3 a month") {
		t.Errorf("assignment: %+v", a)
	}
	if planned := got.Totals[2]; !near(planned.NetSaved.Amount, 99*98*0.00001924-0.005887, 1e-6) {
		t.Errorf("net %v", planned.NetSaved)
	}
	p.BudgetPerMonth = 1
	if got := choose(t, p); got.Verdict != plan.Build || len(got.Primes) != 0 {
		t.Errorf("with money for a cache: %s", got.Verdict)
	}
	p.WorthPerHour = 1 // the cache's 413 s more are worth 0.11, and cost 0.60
	if got := choose(t, p); got.Verdict != plan.Prime || got.WorthPerHour.Amount != 1 {
		t.Errorf("where an hour is worth 1: %s", got.Verdict)
	}
	p.WorthPerHour, p.Goal, p.BudgetPerMonth = 0, plan.GoalNet, math.Inf(1)
	if got := choose(t, p); got.Verdict != plan.Prime || !strings.Contains(got.Reason, "Short starts of web") {
		t.Errorf("for most money: %s: %s", got.Verdict, got.Reason)
	}
}

// A base of 18 GiB under web's 1 and job's 2: caches of 21 and 22 GiB, of both 24. Stored
// apart, one for both keeps 21 GiB and not 39, which is more than its larger disks cost;
// where layers are stored once, two keep 21 GiB as well.
func TestSharedStorage(t *testing.T) {
	p := twoApps()
	p.Inventory = inventory([]float64{18, 1, 2}, map[string][]int{"r/web:1": {0, 1}, "r/job:1": {0, 2}})
	p.Estimate = estimator(p.Inventory)
	if got := choose(t, p); len(got.Caches) != 1 || got.Caches[0].SizeGiB != 24 || !near(got.Caches[0].Cost.Keep.Amount, 0.42, 1e-9) {
		t.Errorf("separate: %+v", got.Caches)
	}
	// A worth of time at which money counts, for both save the same.
	p.Storage, p.WorthPerHour = plan.Shared, 1000
	got := choose(t, p)
	if len(got.Caches) != 2 || got.Storage != plan.Shared {
		t.Fatalf("shared: %+v", got.Caches)
	}
	first, last := got.Caches[0], got.Caches[1]
	if !near(first.Cost.Keep.Amount+last.Cost.Keep.Amount, 0.42, 1e-9) || last.CumulativeUnpackedBytes != 21*gib {
		t.Errorf("they keep %v and %v, in all %d bytes", first.Cost.Keep, last.Cost.Keep, last.CumulativeUnpackedBytes)
	}
	if !near(last.CumulativeCost.Amount, first.Cost.Total.Amount+last.Cost.Total.Amount, 1e-9) {
		t.Errorf("bills %v and %v, in all %v", first.Cost.Total, last.Cost.Total, last.CumulativeCost)
	}
}

// Each point of the curve is what a plan with that budget saves.
func TestCurve(t *testing.T) {
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p := twoApps()
		p.Assign, p.Points, p.More, p.BudgetPerMonth = assign, 6, true, 0.8
		got := choose(t, p)
		if len(got.Curve) != 6 || got.Sensitivity == nil || got.Sensitivity.More == nil {
			t.Fatalf("%s: %d points, %+v", assign, len(got.Curve), got.Sensitivity)
		}
		for i, point := range append(got.Curve, *got.Sensitivity.More) {
			p.Points, p.More, p.BudgetPerMonth = 0, false, point.BudgetPerMonth.Amount
			if want := choose(t, p).SavedSeconds; point.SavedSeconds != want || *point.BoundSeconds < want {
				t.Errorf("%s, point %d: saves %v, at most %v, for %v; a plan for that saves %v", assign, i, point.SavedSeconds, point.BoundSeconds, point.BudgetPerMonth, want)
			}
			if point.Cost.Amount > point.BudgetPerMonth.Amount*(1+1e-9) {
				t.Errorf("%s, point %d costs %v of %v", assign, i, point.Cost, point.BudgetPerMonth)
			}
		}
		if last := got.Curve[5]; last.SavedSeconds != seconds(32940) || last.Caches != 1 {
			t.Errorf("%s: the last point is %+v, want all that can be saved, by one cache", assign, last)
		}
	}
}

// A tenth more of budget of the other goals. Of net, web running 30 s: its cache costs
// 0.106605 and 300 × 20 × 0.0005 × 34 / 3600 of disks, 0.134939 in all, and saves 0.565656;
// job's never pays. Of a limit of 10 s, one cache for both is the least, 0.950272.
func TestMoreOfOtherGoals(t *testing.T) {
	for _, test := range []struct {
		goal       string
		budget     float64
		caches     int
		cost       float64
		saved      float64
		boundMoney float64 // NaN is none
	}{
		{plan.GoalNet, 0.12, 0, 0, 0, 0},
		{plan.GoalNet, 0.13, 1, 0.134939, 29400, 0.565656 - 0.134939},
		{plan.GoalLimit, 0.5, 1, 0.426939, 3540, math.NaN()},
		{plan.GoalLimit, 0.9, 1, 0.950272, 32940, 0.950272},
		{plan.GoalLimit, 1, 1, 0.950272, 32940, 0.950272},
	} {
		p := twoApps()
		p.Goal, p.BudgetPerMonth, p.More = test.goal, test.budget, true
		if p.Limit = 10 * time.Second; test.goal == plan.GoalNet {
			web := *p.Apps[0].App
			web.Runtime, p.Limit = 30*time.Second, 0
			p.Apps[0].App = &web
		}
		got := choose(t, p)
		more := got.Sensitivity.More
		if more.Caches != test.caches || !near(more.Cost.Amount, test.cost, 1e-5) || more.SavedSeconds != seconds(test.saved) || !near(more.BudgetPerMonth.Amount, 1.1*test.budget, 1e-9) {
			t.Errorf("%s, %v: %+v, want %d caches for %v that save %v s", test.goal, test.budget, more, test.caches, test.cost, test.saved)
		}
		none := math.IsNaN(test.boundMoney)
		if more.BoundSeconds != nil || (more.BoundMoney == nil) != none || more.BoundMoney != nil && !near(more.BoundMoney.Amount, test.boundMoney, 1e-5) {
			t.Errorf("%s, %v: bounds %v and %v, want %v", test.goal, test.budget, more.BoundSeconds, more.BoundMoney, test.boundMoney)
		}
		if more.LimitNotMet != none {
			t.Errorf("%s, %v: limit not met: %t, want %t", test.goal, test.budget, more.LimitNotMet, none)
		}
	}
}

// Explicit, web has its own cache, and job goes without; with job on it as well the plan
// would save more, but not within the budget.
func TestExplain(t *testing.T) {
	p := twoApps()
	p.Assign, p.BudgetPerMonth, p.Explain = plan.Explicit, 0.8, []string{"web", "job"}
	got := choose(t, p)
	web, job := got.Explained[0], got.Explained[1]
	if !web.Options[0].Chosen || !web.Options[0].Built || web.Options[0].SavedSeconds != seconds(29400) {
		t.Errorf("web's first option: %+v", web.Options[0])
	}
	// The cache for both, which its disk is no larger for, keeps 0.04 more.
	if !strings.HasPrefix(web.RunnerUp, "job-") || !strings.Contains(web.RunnerUp, "be worth as much, and cost USD 0.04 a month more") {
		t.Errorf("web's runner-up: %s", web.RunnerUp)
	}
	for _, o := range job.Options {
		if o.PlanChange != nil || o.Why != "it breaks the budget or the quota" {
			t.Errorf("job's option %+v", o)
		}
	}
	if job.RunnerUp != "" || job.Considered < 3 {
		t.Errorf("job: %+v", job)
	}
}

// 20,000 one-hour pods a day pay for a cache's disk an hour each, whatever it saves them;
// 20,000 half-minute pods on it save more than they pay. A start on the cache of 20 GiB saves
// 98 s of an instance, 0.0018855, and pays for the disk 20 × 0.0005 / 3600 × (run + 4 s):
// the same at a run of 674.8 s (eci §5.3), which the plan says too where it builds nothing,
// and where the budget is short of any cache.
func TestPaysForShortRunsOnly(t *testing.T) {
	inv := inventory([]float64{4, 1}, map[string][]int{"r/web:1": {0, 1}})
	for _, test := range []struct {
		run  time.Duration
		want string
	}{{time.Hour, plan.BuildNothing}, {680 * time.Second, plan.BuildNothing}, {670 * time.Second, plan.Build}, {30 * time.Second, plan.Build}} {
		p := problem(inv, found(&workload.App{Name: "web", Images: []string{"r/web:1"}, StartsPerDay: 20000, Runtime: test.run, CPU: 2, MemoryGiB: 4}))
		p.Goal, p.Baseline, p.BudgetPerMonth = plan.GoalNet, plan.Cold, math.Inf(1)
		got := choose(t, p)
		if got.Verdict != test.want || got.Status != plan.Optimal {
			t.Errorf("runs of %v: %s (%s), want %s", test.run, got.Verdict, got.Reason, test.want)
		}
		p.Goal, p.BudgetPerMonth = plan.GoalSeconds, 0
		for i, got := range []*plan.Plan{got, choose(t, p)} {
			a := got.Assignments[0]
			if a.BreakEven != plan.PaysUpTo || a.BreakEvenSeconds == nil || !near(a.BreakEvenSeconds.Seconds(), 674.8, 0.1) {
				t.Errorf("runs of %v, %s: pays %s %v, want up to 674.8 s", test.run, got.Goal, a.BreakEven, a.BreakEvenSeconds)
			}
			if best := a.Cache == ""; best != slices.Equal(a.BreakEvenOf, []string{"r/web:1"}) || i == 1 && !best {
				t.Errorf("runs of %v, %s: cache %q, break-even of %v", test.run, got.Goal, a.Cache, a.BreakEvenOf)
			}
		}
	}
}

// TestNoCacheBreaksEven: an app whose mean start keeps the limit already, and one that no cache
// brings within it, have no cache that does anything for goal limit: there is none to break
// even, and the plan says so. Of goal seconds, each has one.
func TestNoCacheBreaksEven(t *testing.T) {
	inv := inventory([]float64{4, 0.1}, map[string][]int{"r/large:1": {0}, "r/small:1": {1}})
	app := func(name string) plan.App {
		return found(&workload.App{Name: name, Images: []string{"r/" + name + ":1"}, StartsPerDay: 10, Runtime: time.Hour, CPU: 2, MemoryGiB: 4}, nothing(1))
	}
	p := problem(inv, app("large"), app("small"))
	p.Baseline, p.Goal, p.Limit = plan.Cold, plan.GoalLimit, 7*time.Second // large takes 85 s, and 7 with a cache
	got := choose(t, p)
	if large, small := got.Assignments[0], got.Assignments[1]; large.BreakEven == plan.PaysNoCache || small.BreakEven != plan.PaysNoCache {
		t.Errorf("large breaks even %q, small %q; want a figure, and none", large.BreakEven, small.BreakEven)
	}
	p.Limit = 6 * time.Second // small takes 7 s, and 7 with a cache
	for _, a := range choose(t, p).Assignments {
		if a.BreakEven != plan.PaysNoCache || a.BreakEvenSeconds != nil || a.BreakEvenOf != nil {
			t.Errorf("%s breaks even %q; want no cache that could", a.App, a.BreakEven)
		}
	}
}
