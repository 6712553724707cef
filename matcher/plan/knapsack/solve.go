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

// Cheapest searches for the least cost that gains at least a target, within budget and
// quota; the problem's price does not matter to it. When ctx is done it returns the best
// so far with its bound.
func (s *Solver) Cheapest(ctx context.Context, target float64, opt SolveOptions) Answer {
	g := s.leastCost(target)
	most := *s
	most.price = 0
	from := &start{}
	x := s.seeker(g, opt.Seed)
	if !x.reached(x.best.gain) {
		// What gains most is a start, and an answer where none meets the target.
		some := opt
		some.Iterations, some.BoundIterations, some.Nodes = opt.Iterations/4, opt.BoundIterations/4, 0
		found, _ := most.pursue(ctx, most.mostValue(), some, &start{})
		from.sets = found.sets
	}
	best, bound := s.pursue(ctx, g, opt, from)
	a := s.answer(g, best)
	a.Reached, a.Stopped = g.reached(a.Gain), ctx.Err() != nil
	if a.Bound = -bound; !a.Reached {
		m := most.Solve(ctx, opt)
		if g.reached(m.Gain) {
			best.sets = best.sets[:0]
			for _, j := range m.Sets {
				best.sets = append(best.sets, int32(j))
			}
			a = s.answer(g, best)
			a.Reached, a.Stopped = true, ctx.Err() != nil
			a.Bound = -bound
		} else {
			a.Choice = m.Choice
			if a.Proven = math.IsInf(a.Bound, 1) || !g.reached(m.Bound); a.Proven {
				a.Bound = math.Inf(1)
			}
		}
	}
	a.Objective = a.Cost
	if a.Reached {
		a.Bound = min(a.Bound, a.Cost)
		a.Optimal = a.Bound >= a.Objective-3*g.grain-2*slack*math.Abs(a.Objective)
	}
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

// start is where to begin: a choice, and prices of the same relaxation; nil where none is
// known. pursue leaves its best prices in it.
type start struct {
	sets   []int32
	prices *prices
}

// pursue looks for a goal and returns the best choice and what none exceeds in value:
// −Inf where it is proven that there is none.
func (s *Solver) pursue(ctx context.Context, g goal, opt SolveOptions, from *start) (found, float64) {
	x := s.seeker(g, opt.Seed)
	if from.sets != nil {
		x.offer(from.sets)
	}
	r := s.relax(g)
	v := r.volume(from.prices)
	if s.pure() && !g.cheapest {
		x.offer(s.search(ctx, SearchOptions{Seed: opt.Seed, Iterations: opt.Iterations}))
		v.run(ctx, BoundOptions{Gain: x.known(), Iterations: opt.BoundIterations})
	} else {
		x.pursue(ctx, v, opt)
	}
	x.finish()
	from.prices = v.best
	bound := v.bound()
	if bound <= x.known()+g.grain || opt.Nodes == 0 {
		return x.best, bound
	}
	b := v.branch(x.best, opt.Nodes)
	b.run(ctx)
	if !b.known {
		return b.best, min(bound, b.left)
	}
	value := g.value(b.best.gain, b.best.cost)
	return b.best, min(bound, max(value, b.left)+2*g.grain)
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
			from = v.wanted()
		}
		x.run(ctx, factor*v.best.multiplier, from, opt.Iterations*9/50)
	}
	v.run(ctx, BoundOptions{Gain: x.known(), Iterations: opt.BoundIterations - opt.BoundIterations/2})
}

// wanted are sets that the relaxation wants more than half of.
func (v *volume) wanted() []int32 {
	var sets []int32
	for j, part := range v.average.set {
		if part > 0.5 {
			sets = append(sets, int32(j))
		}
	}
	return sets
}
