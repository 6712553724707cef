package knapsack

import (
	"math"
	"math/rand/v2"
	"testing"
)

// tinyMoney is a random problem small enough to try all picks: options with costs, some
// of them below 0, gains below 0 where customers are ordered, sets that the quota does
// not count, sometimes no budget, sometimes a price.
func tinyMoney(r *rand.Rand, ordered bool) *Problem {
	p := &Problem{Ordered: ordered, Budget: float64(r.IntN(60))}
	if r.IntN(8) == 0 {
		p.Budget = math.Inf(1)
	}
	if r.IntN(3) == 0 {
		p.Price = float64(r.IntN(5)) / 2
	}
	if r.IntN(3) == 0 {
		p.Quota = 1 + r.IntN(3)
	}
	for range r.IntN(4) {
		p.ItemCost = append(p.ItemCost, float64(r.IntN(10)))
	}
	for range 1 + r.IntN(5) {
		set := Set{Cost: float64(r.IntN(12)), Uncounted: r.IntN(5) == 0}
		for l := range p.ItemCost {
			if r.IntN(3) == 0 {
				set.Items = append(set.Items, l)
			}
		}
		p.Sets = append(p.Sets, set)
	}
	for range r.IntN(5) {
		var options []Option
		for _, j := range r.Perm(len(p.Sets)) {
			if r.IntN(3) == 0 {
				continue
			}
			o := Option{Set: j, Gain: float64(r.IntN(40)), Cost: float64(r.IntN(16))}
			if r.IntN(5) == 0 {
				o.Gain = -float64(r.IntN(20))
			}
			if r.IntN(8) == 0 {
				o.Cost = -float64(r.IntN(6))
			}
			options = append(options, o)
		}
		p.Customers = append(p.Customers, options)
	}
	return p
}

// everyChoice calls f with the gain and cost of every choice within budget and quota, by
// the problem's own words.
func everyChoice(p *Problem, f func(gain, cost float64)) {
	for chosen := range uint(1) << len(p.Sets) {
		fixed, counted := 0.0, 0
		paid := make(map[int]bool)
		for j, set := range p.Sets {
			if chosen>>j&1 == 0 {
				continue
			}
			if !set.Uncounted {
				counted++
			}
			fixed += set.Cost
			for _, item := range set.Items {
				if !paid[item] {
					paid[item] = true
					fixed += p.ItemCost[item]
				}
			}
		}
		if p.Quota > 0 && counted > p.Quota {
			continue
		}
		everyPick(p, chosen, 0, 0, fixed, func(gain, cost float64) {
			if cost <= p.Budget {
				f(gain, cost)
			}
		})
	}
}

func everyPick(p *Problem, chosen uint, customer int, gain, cost float64, f func(gain, cost float64)) {
	if customer == len(p.Customers) {
		f(gain, cost)
		return
	}
	served := false
	for _, o := range p.Customers[customer] {
		if chosen>>o.Set&1 == 0 {
			continue
		}
		served = true
		everyPick(p, chosen, customer+1, gain+o.Gain, cost+o.Cost, f)
		if p.Ordered {
			return
		}
	}
	if !served || !p.Ordered {
		everyPick(p, chosen, customer+1, gain, cost, f)
	}
}

// checkChoice sums a choice up anew and holds it against budget and quota.
func checkChoice(t *testing.T, p *Problem, c *Choice, limited bool) {
	t.Helper()
	chosen := make(map[int]bool)
	paid := make(map[int]bool)
	gain, cost, counted := 0.0, 0.0, 0
	for _, j := range c.Sets {
		chosen[j] = true
		cost += p.Sets[j].Cost
		if !p.Sets[j].Uncounted {
			counted++
		}
		for _, item := range p.Sets[j].Items {
			if !paid[item] {
				paid[item] = true
				cost += p.ItemCost[item]
			}
		}
	}
	for i, k := range c.Picks {
		if p.Ordered {
			first := -1
			for n, o := range p.Customers[i] {
				if chosen[o.Set] {
					first = n
					break
				}
			}
			if k != first {
				t.Errorf("customer %d picks %d, not the first chosen one, %d", i, k, first)
			}
		}
		if k < 0 {
			continue
		}
		o := p.Customers[i][k]
		if !chosen[o.Set] {
			t.Errorf("customer %d picks set %d, which is not chosen", i, o.Set)
		}
		gain, cost = gain+o.Gain, cost+o.Cost
	}
	scale := 1e-9 * (1 + math.Abs(gain) + math.Abs(cost))
	if len(c.Picks) != len(p.Customers) || math.Abs(gain-c.Gain) > scale || math.Abs(cost-c.Cost) > scale {
		t.Errorf("%+v gains %g for %g", c, gain, cost)
	}
	if limited && (cost > p.Budget*(1+1e-8) || p.Quota > 0 && counted > p.Quota) {
		t.Errorf("%+v: %d sets for %g, budget %g, quota %d", c, counted, cost, p.Budget, p.Quota)
	}
}

var few = SolveOptions{Seed: 1, Iterations: 60, BoundIterations: 60, Nodes: 100_000}

// TestEveryMoneyChoice: of a thousand tiny problems with options that cost, for each way
// to serve, the best choice is found and proven, and so is the cheapest for a target, or
// that none meets it.
func TestEveryMoneyChoice(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		r := rand.New(rand.NewPCG(5, 6))
		unmet := 0
		for n := range 1000 {
			p := tinyMoney(r, ordered)
			target := float64(r.IntN(80))
			most, least := math.Inf(-1), math.Inf(1)
			mostGain := math.Inf(-1)
			everyChoice(p, func(gain, cost float64) {
				most, mostGain = max(most, gain-p.Price*cost), max(mostGain, gain)
				if gain >= target {
					least = min(least, cost)
				}
			})
			s := solverOf(t, p)
			got := s.Solve(t.Context(), few)
			if !near(got.Objective, most) || !got.Optimal || got.Bound < most-1e-9 {
				t.Errorf("ordered %v, problem %d: %+v, the best %g: %+v", ordered, n, got, most, p)
			}
			checkChoice(t, p, &got.Choice, true)
			cheap := s.Cheapest(t.Context(), target, few)
			checkChoice(t, p, &cheap.Choice, true)
			if math.IsInf(least, 1) {
				unmet++
				if cheap.Reached || !cheap.Proven || !near(cheap.Gain, mostGain) {
					t.Errorf("ordered %v, problem %d: %+v, the target %g is not to be met, the most is %g: %+v", ordered, n, cheap, target, mostGain, p)
				}
				continue
			}
			if !cheap.Reached || !near(cheap.Objective, least) || !cheap.Optimal || cheap.Bound > least+1e-9 {
				t.Errorf("ordered %v, problem %d: %+v, the cheapest for %g is %g: %+v", ordered, n, cheap, target, least, p)
			}
			if t.Failed() {
				return
			}
		}
		if unmet < 50 || unmet > 950 {
			t.Errorf("%d of 1000 targets cannot be met: the problems mean little", unmet)
		}
	}
}

// TestNoChoiceBeatsItsBound: bounds of few iterations, told of nothing, are not beaten.
func TestNoChoiceBeatsItsBound(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for n := range 2000 {
		p := tinyMoney(r, n%2 == 0)
		s := solverOf(t, p)
		target := float64(r.IntN(80))
		most, cheap := s.relax(s.mostValue()).volume(nil), s.relax(s.leastCost(target)).volume(nil)
		for range 1 + r.IntN(3) {
			opt := BoundOptions{Gain: math.Inf(-1), Iterations: r.IntN(10)}
			most.run(t.Context(), opt)
			cheap.run(t.Context(), opt)
			everyChoice(p, func(gain, cost float64) {
				if value := gain - p.Price*cost; value > most.bound() {
					t.Fatalf("problem %d: a choice of value %g, bound %g: %+v", n, value, most.bound(), p)
				}
				if gain >= target && cost < -cheap.bound() {
					t.Fatalf("problem %d: %g is gained for %g, bound %g: %+v", n, target, cost, -cheap.bound(), p)
				}
			})
		}
	}
}
