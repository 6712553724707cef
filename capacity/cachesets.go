package capacity

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// mostSets is how many sets of what each app may have are tried with caches and starts ahead of
// others mixed; where there are more, those of caches alone and of starts ahead alone.
const mostSets = 128

// part is one of what a set is made of: caches, or the starts ahead of one app's others.
type part struct {
	caches []plan.PlannedCache
	prime  *plan.PrimedApp
	cost   float64
}

// sets tries, of few apps, all sets of one cache for each, of starts ahead of each one's others,
// and of caches that the planner makes for some of the apps together, as long as they cost less
// than what was found, the cheapest first: the planner counts a month's starts, each by itself,
// and may take one cache where the simulation is content with a cheaper one.
func (k *cachePlans) sets(ctx context.Context, limit float64) error {
	var own []string
	for _, app := range k.apps() {
		if !onPool(app) && (k.App == "" || app.Name == k.App) {
			own = append(own, app.Name)
		}
	}
	if len(own) > mostSubsets {
		return nil
	}
	k.asking = "sets of caches"
	if err := k.prepare(ctx); err != nil {
		return err
	}
	all, err := k.allSets(ctx, own, limit)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b *cachePlan) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(len(a.Caches)+len(a.Primes), len(b.Caches)+len(b.Primes)))
	})
	best := k.cheapestKnown(limit)
	for _, p := range all {
		if p.cost >= best {
			break
		}
		if k.known[p.key()] != nil {
			continue
		}
		k.tell("simulating %s", p.name())
		if p.outcome, err = k.measure(ctx, k.f, change{plan: p.Plan, arm: simulate.ArmCached}); err != nil {
			return err
		}
		k.known[p.key()] = p
		if p.surely(limit) {
			break
		}
	}
	return nil
}

// allSets are the sets of caches and of starts ahead, none of them simulated.
func (k *cachePlans) allSets(ctx context.Context, own []string, limit float64) ([]*cachePlan, error) {
	choices := make([][]part, len(own))
	combined := 1
	ahead := k.planner.StartsAhead()
	for i, name := range own {
		k.tell("planning a cache of %s", name)
		caches, err := k.cachesOf(ctx, []string{name}, limit)
		if err != nil {
			return nil, err
		}
		choices[i] = caches
		for p := range ahead {
			if prime := &ahead[p]; prime.App == name {
				choices[i] = append(choices[i], part{prime: prime, cost: primeCost(&plan.Plan{Primes: ahead[p : p+1]})})
			}
		}
		combined *= 1 + len(choices[i])
	}
	all := setsOf(choices, nil)
	if combined > mostSets {
		all = slices.Concat(setsOf(choices, func(p part) bool { return p.prime == nil }), setsOf(choices, func(p part) bool { return p.prime != nil }))
	}
	for _, set := range cacheSets(len(own)) {
		if len(set) < 2 {
			continue
		}
		var names []string
		for _, i := range set {
			names = append(names, own[i])
		}
		k.tell("planning caches of %s together", list(names))
		parts, err := k.cachesOf(ctx, names, limit)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			all = append(all, setOf([]part{p}))
		}
	}
	return all, nil
}

// cachesOf are the cheapest caches with which the starts of some apps, each by itself, keep a
// limit, and those with which they are shortest, as if there were no other apps.
func (k *cachePlans) cachesOf(ctx context.Context, apps []string, limit float64) ([]part, error) {
	planner, err := k.planner.CachesOf(apps...)
	if err != nil {
		return nil, err
	}
	shortest, err := planner.Shortest(ctx, k.effort)
	if err != nil {
		return nil, err
	}
	enough, err := planner.Plan(ctx, plan.Terms{Limit: time.Duration(limit * float64(time.Second)), LimitStartsFraction: 1, Effort: k.effort})
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, made := range []*plan.Plan{shortest, enough} {
		same := func(p part) bool {
			return (&cachePlan{Plan: &plan.Plan{Caches: p.caches}}).key() == (&cachePlan{Plan: made}).key()
		}
		if len(made.Caches) > 0 && !slices.ContainsFunc(parts, same) {
			parts = append(parts, part{caches: made.Caches, cost: added(made)})
		}
	}
	return parts, nil
}

// setsOf are all sets of at most one part for each app, of those that are wanted; nil wants all.
func setsOf(choices [][]part, want func(part) bool) []*cachePlan {
	all := [][]part{nil}
	for _, of := range choices {
		for _, set := range slices.Clone(all) {
			for _, p := range of {
				if want == nil || want(p) {
					all = append(all, slices.Concat(set, []part{p}))
				}
			}
		}
	}
	var sets []*cachePlan
	for _, parts := range all[1:] {
		sets = append(sets, setOf(parts))
	}
	return sets
}

func setOf(parts []part) *cachePlan {
	p := &cachePlan{Plan: &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}, set: true}
	for _, x := range parts {
		p.cost += x.cost
		p.Caches = append(p.Caches, x.caches...)
		if x.prime != nil {
			p.Primes = append(p.Primes, *x.prime)
		}
	}
	return p
}
