package plan_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// primedAndCached is web of TestPriming beside job, whose own cache has a bill of 0.426939
// (TestHandWorked) and saves 30 × 118 s.
func primedAndCached() plan.Problem {
	p := twoApps()
	p.Baseline = plan.Automatic
	web := *p.Apps[0].App
	web.ReleasesPerMonth = 3
	p.Apps[0] = found(&web, nothing(100), automatic(200, "r/web:1"))
	primed := found(&web, nothing(1), automatic(299, "r/web:1")).Outcome
	p.Apps[0].Primed, p.Apps[0].PrimesPerMonth = &primed, 3
	p.Apps[1] = found(p.Apps[1].App, nothing(30))
	p.BudgetPerMonth = 0.44
	return p
}

var amounts = regexp.MustCompile(`USD (\d+(\.\d+)?)`)

// TestReasonAddsUp: with primes beside caches the reason's bill is that of both, 0.005887 +
// 0.426939, and what instances save is so too: (99 × 98 + 30 × 118) × 0.00001924 = 0.254776.
func TestReasonAddsUp(t *testing.T) {
	got := choose(t, primedAndCached())
	if got.Verdict != plan.Build || len(got.Caches) != 1 || len(got.Primes) != 1 {
		t.Fatalf("%s: %d caches, %d primes; want one of each", got.Verdict, len(got.Caches), len(got.Primes))
	}
	var said []float64
	for _, found := range amounts.FindAllStringSubmatch(got.Reason, -1) {
		amount, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, amount)
	}
	want := []float64{0.432826, 0.300333, 0.254776, 0.178050, 0.005887} // bill, disks, saved, net, primes
	if len(said) != len(want) {
		t.Fatalf("amounts %v in %q, want %v", said, got.Reason, want)
	}
	for i := range want {
		if !near(said[i], want[i], 0.0051) { // as people read money
			t.Errorf("amount %d is %v, want %v: %s", i, said[i], want[i], got.Reason)
		}
	}
	if planned := got.Totals[len(got.Totals)-1]; !near(planned.NetSaved.Amount, -want[3], 1e-5) {
		t.Errorf("the total saves %v net, want %v", planned.NetSaved, -want[3])
	} else if net := got.Primes[0].NetSaved.Amount; !near(net, 99*98*0.00001924-0.005887, 1e-5) || !near(net+got.Caches[0].Cost.NetSaved.Amount, planned.NetSaved.Amount, 1e-9) {
		t.Errorf("priming saves %v net, the cache %v, both %v", net, got.Caches[0].Cost.NetSaved, planned.NetSaved)
	}
	if !strings.Contains(got.Reason, "what instances save") {
		t.Errorf("no other cache's disk is spared: %s", got.Reason)
	}
}

// TestReasonNamesDisksSpared: starts that leave the caches that exist pay for no disk of
// theirs any more, which is no saving of instances.
func TestReasonNamesDisksSpared(t *testing.T) {
	p := twoApps()
	p.Baseline, p.Apps = plan.Automatic, p.Apps[:1]
	big := automatic(300, "r/job:1")
	big.SizeGiB = 300
	p.Apps[0] = found(p.Apps[0].App, big)
	got := choose(t, p)
	if got.Verdict != plan.Build || got.Caches[0].Cost.UseSaved.Amount <= 0 {
		t.Fatalf("%s, caches %+v: want one that spares disks", got.Verdict, got.Caches)
	}
	if !strings.Contains(got.Reason, "what instances and other caches' disks save is worth") {
		t.Errorf("%s", got.Reason)
	}
}

// TestWhyBelowLimit: what the budget leaves out is not left out because the limit is kept
// without it, where it is not kept.
func TestWhyBelowLimit(t *testing.T) {
	p := twoApps()
	p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, 50*time.Second, 0.7
	got := choose(t, p)
	if why := whyNone(got); got.Verdict != plan.LimitNotMet || !strings.HasSuffix(why, "; the budget or the quota does more elsewhere") {
		t.Errorf("%s: %q", got.Verdict, why)
	}
	// 300 of 330 starts are web's.
	p.Limit, p.LimitStartsFraction, p.BudgetPerMonth = 10*time.Second, 0.9, math.Inf(1)
	got = choose(t, p)
	if why := whyNone(got); got.Verdict != plan.Build || !strings.HasSuffix(why, "; the limit is kept without it for less") {
		t.Errorf("%s: %q", got.Verdict, why)
	}
}

// whyNone is the reason of the first app without a cache.
func whyNone(p *plan.Plan) string {
	for _, a := range p.Assignments {
		if a.Cache == "" {
			return a.Reason
		}
	}
	return ""
}

// TestLimitKeptAlready: cold, web takes 105 s and job 125 s.
func TestLimitKeptAlready(t *testing.T) {
	p := twoApps()
	p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, 126*time.Second, math.Inf(1)
	for share, want := range map[float64]string{0: "the mean start of every app is ready", 0.95: "95 % of starts are ready"} {
		p.LimitStartsFraction = share
		if got := choose(t, p); got.Reason != "On the cold baseline "+want+" within 126 s already." {
			t.Errorf("%s", got.Reason)
		}
	}
}

// TestAboveLimitOfStarts: an app that starts less than once a month, and always within the
// limit, does not stay above it; nor does web, which has its cache.
func TestAboveLimitOfStarts(t *testing.T) {
	p := twoApps()
	inv := inventory([]float64{4, 1, 2, 0.1}, map[string][]int{"r/web:1": {0, 1}, "r/job:1": {0, 2}, "r/tiny:1": {3}})
	tiny := found(&workload.App{Name: "tiny", Images: []string{"r/tiny:1"}, StartsPerDay: 1.0 / 60, Runtime: time.Minute, CPU: 2, MemoryGiB: 4})
	p = problem(inv, append(p.Apps, tiny)...)
	p.Baseline, p.Assign = plan.Cold, plan.Explicit
	p.Goal, p.Limit, p.LimitStartsFraction, p.BudgetPerMonth = plan.GoalLimit, 10*time.Second, 0.99, 0.7
	got := choose(t, p)
	if got.Verdict != plan.LimitNotMet || !strings.HasSuffix(got.Reason, " Above it stay starts of job (0 % within it). A budget of USD 0.96 a month would do.") {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}

// TestLimitNotProven: a search that proves nothing says that it found no choice.
func TestLimitNotProven(t *testing.T) {
	p := twoApps()
	p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, 10*time.Second, 0.7
	for proven, want := range map[bool]string{
		true:  "No set of the candidates within the budget and the quota has the mean start of every app ready within 10 s. ",
		false: "No set of the candidates within the budget and the quota was found that has the mean start of every app ready within 10 s. ",
	} {
		if got := plan.WhyNotMet(p, proven); !strings.HasPrefix(got, want) {
			t.Errorf("proven %t: %s", proven, got)
		}
	}
}

// TestBoundCountsPrimes: 6 of the 10 that are saved are the primes', and the bill of 4 is
// all theirs, worth two hours.
func TestBoundCountsPrimes(t *testing.T) {
	usd := func(amount float64) cost.Money { return cost.Money{Amount: amount, Currency: "USD"} }
	objective, bound, worth := usd(10), usd(12.5), usd(2)
	p := plan.Plan{Goal: plan.GoalNet, ObjectiveMoney: &objective, BoundMoney: &bound, Caches: []plan.PlannedCache{{Cost: plan.Bill{NetSaved: usd(3)}}, {Cost: plan.Bill{NetSaved: usd(1)}}}}
	if first, all := p.ShareOfBound(0), p.ShareOfBound(1); !near(first, 0.72, 1e-9) || !near(all, 0.8, 1e-9) {
		t.Errorf("shares %v and %v, want 0.72 and 0.8", first, all)
	}
	p = plan.Plan{Goal: plan.GoalSeconds, WorthPerHour: &worth, BoundSeconds: time.Hour, Primes: []plan.PrimedApp{{Cost: usd(1)}, {Cost: usd(3)}}}
	if got := p.BoundSaved(); got != 3*time.Hour {
		t.Errorf("%v is the most that the bill can save, want 3h", got)
	}
}

// TestProgressTellsBound: while it searches a plan tells how near it is to its bound, ever
// nearer, and at last as the plan says.
func TestProgressTellsBound(t *testing.T) {
	race.Skip(t)
	p := many(60)
	p.BudgetPerMonth = 50
	var told []string
	p.Progress = func(what string) { told = append(told, what) }
	choose(t, p)
	within := regexp.MustCompile(`^choosing among [0-9,]+ candidates: within [0-9.]+ % of the best there can be$`)
	n := 0
	for _, what := range told {
		if within.MatchString(what) {
			n++
		}
	}
	if n < 3 {
		t.Errorf("told %d times how near it is: %q", n, told)
	}
}
