package knapsack

import (
	"context"
	"math"
)

// SolveOptions are how long each step may take; all are counts, so that the same problem
// has the same answer everywhere.
type SolveOptions struct {
	Seed uint64
	// Iterations of the search, BoundIterations of the bound, and Nodes of the branch
	// and bound that closes the gap where it can.
	Iterations, BoundIterations, Nodes int
	// Gap at which branch and bound ends, as a share of the objective; 0 is none.
	Gap float64
	// Progress is told of the objective of the best choice so far, ±Inf while there is
	// none, and of its bound, now and then; nil is none.
	Progress func(objective, bound float64)
}

// Answer is a choice with its proof.
type Answer struct {
	Choice
	// Objective is what was looked for: of Solve the gain less the price of the cost, of
	// Cheapest the cost.
	Objective float64
	// Bound is proven: no choice within budget and quota has a greater objective, of
	// Cheapest none that meets the target a smaller one; +Inf where it is proven that
	// none meets it.
	Bound float64
	// Optimal: none is better than this one, but for rounding.
	Optimal bool
	// Reached: the target is met; always so of Solve. If not, the choice is that of most
	// gain that was found, and Proven says that no other meets the target either.
	Reached, Proven bool
	// Stopped: the context was done before the counts were.
	Stopped bool
}

// Solve searches for the most gain less the price of the cost, bounds, and then tries to
// prove the choice the best, or to find a better one, by branch and bound. When ctx is
// done it returns the best so far with its bound.
func (s *Solver) Solve(ctx context.Context, opt SolveOptions) Answer {
	g := s.mostValue()
	best, bound := s.pursue(ctx, g, opt, &start{})
	a := s.answer(g, best)
	a.Objective = g.value(a.Gain, a.Cost)
	a.Bound = max(bound, a.Objective)
	a.Optimal = a.Bound <= a.Objective+3*g.grain+2*slack*math.Abs(a.Objective)
	a.Reached, a.Stopped = true, ctx.Err() != nil
	return a
}

// answer is the choice of sets with the best picks for a goal.
func (s *Solver) answer(g goal, best found) Answer {
	e := s.evaluator(g)
	sets := best.ints()
	e.choose(sets)
	gain, cost := e.evaluate()
	if s.priced() {
		gain, cost, _ = e.prove(pickNodes)
	}
	return Answer{Choice: Choice{Sets: sets, Picks: e.picks(), Gain: gain, Cost: cost}}
}

// leadIterations are how long the search follows what branching finds.
const leadIterations = 40

func indices(sets []int) []int32 {
	list := make([]int32, len(sets))
	for k, j := range sets {
		list[k] = int32(j)
	}
	return list
}

// start is a choice to begin with, nil where none is known. pursue leaves there the bound
// of the relaxation alone, and its multiplier.
type start struct {
	sets              []int32
	bound, multiplier float64
}

// pursue looks for a goal and returns the best choice and what none exceeds in value:
// −Inf where it is proven that there is none.
func (s *Solver) pursue(ctx context.Context, g goal, opt SolveOptions, from *start) (found, float64) {
	limit := g.limit
	if g.cheapest {
		limit = min(limit, s.someCost(ctx, g, opt, from))
	}
	s = s.reduced(limit)
	x := s.seeker(g, opt.Seed)
	if from.sets != nil {
		x.offer(from.sets)
	}
	r := s.relax(g)
	v := r.volume(ctx)
	if s.pure() && !g.cheapest {
		x.offer(s.search(ctx, SearchOptions{Seed: opt.Seed, Iterations: opt.Iterations}))
		v.run(ctx, BoundOptions{Gain: x.known(), Iterations: opt.BoundIterations})
	} else {
		x.pursue(ctx, v, opt)
	}
	x.finish()
	bound := v.bound()
	from.bound, from.multiplier = bound, v.best.multiplier
	opt.tell(&g, x.known(), bound)
	if bound <= x.known()+g.grain || opt.Nodes == 0 {
		return x.best, bound
	}
	if s.enumerable() && !g.cheapest {
		e := newEnumeration(v)
		bound = min(bound, e.run(ctx, x.known(), opt.Nodes*rowsPerNode)+g.grain)
		if e.best.sets != nil {
			x.offer(e.best.sets)
		}
		if bound <= x.known()+2*g.grain {
			return x.best, bound
		}
	}
	b := v.branch(x.best)
	if !s.pure() {
		b.searched(ctx, x, from.multiplier)
	}
	b.tell = func(left float64) { opt.tell(&g, b.known(), min(bound, left)) }
	b.begin(ctx)
	left := b.run(ctx, opt.Nodes, opt.Gap)
	if !b.found {
		return b.best, min(bound, left)
	}
	return b.best, min(bound, max(b.known(), left)+2*g.grain)
}

// searched has a search follow what the relaxations of parts want: that may lead to better
// choices of the whole.
func (b *branching) searched(ctx context.Context, x *seeker, multiplier float64) {
	b.lead = func(sets []int32) {
		if x.ordered {
			x.barred = b.barredSets()
		}
		x.run(ctx, multiplier, sets, leadIterations)
		x.barred = nil
		b.accept(x.best)
	}
}

// tell turns values of a goal into its objective.
func (o *SolveOptions) tell(g *goal, value, bound float64) {
	switch {
	case o.Progress == nil:
	case g.cheapest:
		o.Progress(0-value, 0-bound)
	default:
		o.Progress(value, max(value, bound))
	}
}

// known is the value of the best choice found, −Inf if none meets the goal.
func (x *seeker) known() float64 {
	if !x.feasible(x.best.gain, x.best.cost) {
		return math.Inf(-1)
	}
	return x.value(x.best.gain, x.best.cost)
}

// pursue takes turns at bounding and at searching where the bound points to.
func (x *seeker) pursue(ctx context.Context, v *volume, opt SolveOptions) {
	x.run(ctx, v.best.multiplier, nil, opt.Iterations/10)
	v.run(ctx, BoundOptions{Gain: x.known(), Iterations: opt.BoundIterations / 2})
	for _, factor := range []float64{1, 0.8, 1.25, 0.9, 1.1} {
		if v.bound() <= x.known()+v.goal.grain {
			return
		}
		from := x.best.sets
		if factor == 1 {
			from = v.wanted(0.5)
		}
		if factor == 0.9 && x.ordered {
			x.barred = v.unwanted()
			from = nil
		}
		x.run(ctx, factor*v.best.multiplier, from, opt.Iterations*9/50)
		x.barred = nil
	}
	v.run(ctx, BoundOptions{Gain: x.known(), Iterations: opt.BoundIterations - opt.BoundIterations/2})
	if x.cheapest && v.bound() > x.known()+v.goal.grain {
		x.halve(ctx, -v.bound(), v.best.multiplier, opt.Iterations/5)
	}
}

// wanted are sets that the relaxation wants more than a part of.
func (v *volume) wanted(least float64) []int32 {
	var sets []int32
	for j, part := range v.average.set {
		if part > least {
			sets = append(sets, int32(j))
		}
	}
	return sets
}

// unwanted are sets that the relaxation wants hardly any of. Where customers are ordered
// the search leaves them out at times: each of them may make customers pay that no other
// set in reach makes pay, and a choice that has one of these is far from all that have none.
func (v *volume) unwanted() []bool {
	out := make([]bool, v.setCount())
	for j, part := range v.average.set {
		out[j] = part < 0.05
	}
	return out
}
