package capacity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// Of many apps the planner takes long for each limit, and is asked for many: a tenth of its
// steps come to nearly the same bill, and a hundredth tell which limit is worth that.
const (
	manyApps   = 40
	manyEffort = 0.1
	// A part of the effort is spent on each limit, all of it on that of the cheapest plan that
	// keeps the limit of the question.
	scanParts = 10
	// leastGain of the bill is what a limit that is tried has to be able to save: as near to its
	// bound the planner's own plans are.
	leastGain = cachebench.DefaultGapFraction
	// Of very many apps it is asked for fewer shares.
	veryManyApps = 200
)

// steps is how many limits the planner is asked for at most of each share, beside the first.
const steps = 10

// terms are what the planner was asked for.
type terms struct{ limit, fraction, effort float64 }

func (k *cachePlans) many() bool { return len(k.apps()) > manyApps }

// scanEffort is that with which limits are first tried.
func (k *cachePlans) scanEffort() float64 {
	if k.many() {
		return k.effort / scanParts
	}
	return k.effort
}

// cheapestKnown is the bill of the cheapest plan that keeps a limit with the whole interval.
func (k *cachePlans) cheapestKnown(limit float64) float64 {
	best := math.Inf(1)
	for _, p := range k.known {
		if p.surely(limit) {
			best = min(best, p.cost)
		}
	}
	return best
}

// fractions are the shares of starts that the planner is asked for, one after another. Its
// share is of a month: what is simulated may have more of the slow ones.
func (k *cachePlans) fractions() []float64 {
	f := k.fraction
	if f == 0 {
		return []float64{0, 0.99, 1} // a mean of each app, then of all
	}
	if len(k.apps()) > veryManyApps {
		return slices.Compact([]float64{f, 1})
	}
	return slices.Compact([]float64{f, (1 + f) / 2, (3 + f) / 4, 1})
}

// limits asks the planner for a share of starts within less and less, or more and more. Its
// seconds are those of one start by itself: where many come at once it has to be asked for
// less, and else more may do.
func (k *cachePlans) limits(ctx context.Context, limit, fraction float64) error {
	low, high := limit/64, limit
	p := &cachePlan{}
	dearer := k.dearer(limit, limit, fraction)
	if !dearer {
		var err error
		if p, err = k.try(ctx, limit, fraction); err != nil {
			return err
		}
	}
	if dearer || p.surely(limit) || p.Verdict == plan.LimitNotMet {
		// What the planner cannot do for one start may be kept all the same, and what it can
		// do for a longer limit is what comes closest.
		if low, high = limit, 2*limit; k.automatic.never {
			high = 64 * limit
		} else {
			high = max(high, 2*k.automatic.Value)
		}
	}
	// Whatever the limit, some are the same, so that a longer one finds what a shorter does.
	if !k.automatic.never && !(k.many() && fraction != k.fraction) {
		for _, of := range []float64{0.25, 0.5, 0.85, 1.4} {
			x := of * k.automatic.Value
			if k.dearer(limit, x, fraction) {
				continue
			}
			if _, err := k.try(ctx, x, fraction); err != nil {
				return err
			}
		}
	}
	low, high = k.narrowed(limit, fraction, low, high)
	for range steps {
		x := math.Sqrt(low * high)
		if high/low < 1.02 || k.idle(limit, high, fraction) {
			break
		}
		if k.dearer(limit, x, fraction) {
			low = x // what a longer limit brings is the question
			continue
		}
		p, err := k.try(ctx, x, fraction)
		if err != nil {
			return err
		}
		if p.surely(limit) || p.Verdict == plan.LimitNotMet {
			low = x // of less than there can be, a plan tells nothing
		} else {
			high = x
		}
	}
	return nil
}

// narrowed are the ends of a bracket, as far as what was tried tells already.
func (k *cachePlans) narrowed(asked, fraction, low, high float64) (from, to float64) {
	if !k.many() {
		return low, high // that is soon planned, and tells what a larger bill buys
	}
	goesOn := func(p *cachePlan) bool { return p.surely(asked) || p.Verdict == plan.LimitNotMet }
	for _, p := range k.asked {
		if p.fraction == fraction && p.limit > low && p.limit < high && !goesOn(p) {
			high = p.limit
		}
	}
	for _, p := range k.asked {
		if p.fraction == fraction && p.limit > low && p.limit < high {
			low = p.limit
		}
	}
	return low, high
}

// idle says that what the planner makes for less than a limit and a share can hardly be
// cheaper than a plan that keeps the limit of the question: so it is for that one.
func (k *cachePlans) idle(asked, limit, fraction float64) bool {
	if !k.many() {
		return false
	}
	p := k.asked[terms{limit, fraction, k.scanEffort()}]
	return p != nil && p.Verdict != plan.LimitNotMet && p.cost >= k.cheapestKnown(asked)*(1-leastGain)
}

// dearer says that what the planner makes for a limit and a share can hardly be cheaper than a
// plan that keeps the limit of the question, or that it makes none: so it was for a longer
// limit and no larger share. Its search is what takes time where there are many apps.
func (k *cachePlans) dearer(asked, limit, fraction float64) bool {
	if !k.many() {
		return false // that is soon planned, and tells what a larger bill buys
	}
	best := k.cheapestKnown(asked) * (1 - leastGain)
	for _, p := range k.asked {
		if p.limit >= limit && p.fraction <= fraction && (p.fraction > 0) == (fraction > 0) && (p.Verdict == plan.LimitNotMet || p.cost >= best) {
			return true
		}
	}
	return false
}

// sharpen asks the planner with all its effort for what the cheapest plan that keeps the limit
// was planned for.
func (k *cachePlans) sharpen(ctx context.Context, limit float64) error {
	if k.scanEffort() == k.effort {
		return nil
	}
	for _, p := range k.plans() {
		if p.surely(limit) {
			_, err := k.tryWith(ctx, terms{p.limit, p.fraction, k.effort})
			return err
		}
	}
	return nil
}

// try asks the planner for a limit, and simulates what it plans unless that was simulated
// before.
func (k *cachePlans) try(ctx context.Context, limit, fraction float64) (*cachePlan, error) {
	return k.tryWith(ctx, terms{limit, fraction, k.scanEffort()})
}

func (k *cachePlans) tryWith(ctx context.Context, t terms) (*cachePlan, error) {
	if p := k.asked[t]; p != nil {
		return p, nil
	}
	made, err := k.planFor(ctx, t)
	if err != nil {
		return nil, err
	}
	p := &cachePlan{Plan: made, terms: t, cost: added(made)}
	bill := billOf(made, plan.Automatic)
	k.automaticCost = &bill
	key := p.key()
	if same := k.known[key]; same != nil {
		p.outcome = same.outcome // its verdict may be another
		k.asked[t] = p
		return p, nil
	}
	k.tell("simulating a plan of %s", plural(len(made.Caches), "cache"))
	if p.outcome, err = k.measure(ctx, k.f, change{plan: made, arm: simulate.ArmCached}); err != nil {
		return nil, err
	}
	k.asked[t], k.known[key] = p, p
	return p, nil
}

// key tells apart what is simulated of plans: what they build, whatever the order; and where
// starts name their caches, which.
func (p *cachePlan) key() string {
	var parts []string
	for i := range p.Caches {
		parts = append(parts, p.Caches[i].Name)
	}
	slices.Sort(parts)
	parts = append(parts, "; primed:")
	for i := range p.Primes {
		parts = append(parts, p.Primes[i].App)
	}
	if p.Assign == plan.Explicit {
		for i := range p.Assignments {
			parts = append(parts, p.Assignments[i].App+" on "+p.Assignments[i].Cache)
		}
	}
	return strings.Join(parts, "\n")
}

// planFor is the planner's for a limit.
func (k *cachePlans) planFor(ctx context.Context, t terms) (*plan.Plan, error) {
	k.asking = "a limit of " + secondsWords(t.limit)
	k.tell("planning for %s", k.asking)
	if err := k.prepare(ctx); err != nil {
		return nil, err
	}
	of := plan.Terms{Limit: time.Duration(t.limit * float64(time.Second)), LimitStartsFraction: t.fraction, Effort: t.effort, TimeLimit: k.Scenario.PlanOptions.TimeLimit}
	if !k.end.IsZero() {
		// A planner that would take all the time leaves half of it for what it finds to be
		// simulated.
		left := max(time.Until(k.end)/2, time.Millisecond)
		if of.TimeLimit == 0 || left < of.TimeLimit {
			of.TimeLimit = left
		}
	}
	return k.planner.Plan(ctx, of)
}

// prepare makes the planner, which plans for what the starts of all repeats find.
func (k *cachePlans) prepare(ctx context.Context) error {
	if k.planner != nil {
		return nil
	}
	job, matches, err := k.matched(ctx, func(s *cachebench.Scenario) {
		k.onlyAnswer(s)
		s.NoPrimes = s.NoPrimes || len(s.Bursts) > 0 // the plan's are ahead of the workload's bursts, not of these
		if k.App != "" && s.Workload != nil {
			s.Workload = appsOf(s.Workload, k.App)
		}
		s.Progress = func(what string) { k.tell("for %s: %s", k.asking, what) }
	})
	if err != nil {
		return err
	}
	k.planner, err = job.LimitPlanner(ctx, matches)
	return err
}

// bound is what is proven of the bill of every set of caches that the planner has considered
// with which the share of a month's starts that the limit is about, each by itself, keeps it;
// nil where nothing is. None says that there is none at all, whatever it costs.
func (k *cachePlans) bound() (least *float64, none bool) {
	limit := k.slo.Limit.Seconds()
	if k.fraction == 0 || k.automaticCost == nil {
		return nil, false // the mean of each app is not that of all
	}
	for _, p := range k.asked {
		if p.limit < limit || p.fraction > k.fraction || p.fraction == 0 {
			continue
		}
		switch {
		case p.Verdict == plan.LimitNotMet && p.Status == plan.Optimal:
			none = true
		case p.BoundMoney != nil:
			// The bill of what is planned is bounded; of what there is, no more than all of
			// it is spared.
			bill := max(0, p.BoundMoney.Amount-*k.automaticCost)
			if least == nil || bill > *least {
				least = &bill
			}
		}
	}
	return least, none
}

// proven says what is known of cheaper plans than the one that was chosen.
func (k *cachePlans) proven() string {
	share := fmt.Sprintf("%s of a month's starts ready within %s, each start by itself", shareWords(k.fraction), limitWords(k.slo.Limit.Seconds()))
	least, none := k.bound()
	set := fmt.Sprintf("no set of at most %d of the caches that the planner considered", k.Scenario.Quota)
	switch {
	case none:
		return fmt.Sprintf("It is proven that with %s are %s.", set, share)
	case least == nil:
		return ""
	case k.best == nil || k.best.Plan == nil:
		return fmt.Sprintf("It is proven that %s has %s, for less than %s a month.", set, share, k.money(*least))
	}
	words := fmt.Sprintf("Proven is a bound for starts by themselves: %s has %s, for less than %s a month", set, share, k.money(*least))
	if more := k.best.cost - *least; more > 0 && k.money(k.best.cost) != k.money(*least) {
		return words + fmt.Sprintf("; the plan is %s above it.", k.money(more))
	} else if more < -0.005 {
		return words + "; the starts of the window are kinder than a month's, so that the plan costs less."
	}
	return words + ", which is what the plan costs."
}

// quotaWords say that plans use the whole quota; empty where none does.
func (k *cachePlans) quotaWords() string {
	quota := k.Scenario.Quota
	for _, p := range k.known {
		if len(p.Caches) >= quota {
			return fmt.Sprintf("Some plans use the whole quota of %s: with a larger one (quota of the scenario) others are possible.", plural(quota, "manual cache"))
		}
	}
	return ""
}

func shareWords(fraction float64) string { return fmt.Sprintf("%.4g %%", 100*fraction) }

// plans are those that were simulated, the cheapest first.
func (k *cachePlans) plans() []*cachePlan {
	var all []*cachePlan
	for _, p := range k.known {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *cachePlan) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.Value, b.Value), strings.Compare(a.name(), b.name()))
	})
	return all
}
