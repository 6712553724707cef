package knapsack

import (
	"context"
	"math"
)

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
		some.Iterations, some.BoundIterations, some.Nodes, some.Progress = opt.Iterations/4, opt.BoundIterations/4, 0, nil
		found, _ := most.pursue(ctx, most.mostValue(), some, &start{})
		from.sets = found.sets
	}
	best, bound := s.pursue(ctx, g, opt, from)
	a := s.answer(g, best)
	a.Reached, a.Stopped = g.reached(a.Gain), ctx.Err() != nil
	if a.Bound = 0 - bound; !a.Reached {
		opt.Progress = nil
		m := most.Solve(ctx, opt)
		if g.reached(m.Gain) {
			a = s.answer(g, found{sets: indices(m.Sets)})
			a.Reached, a.Stopped = true, ctx.Err() != nil
			a.Bound = 0 - bound
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

// someCost is that of a choice that meets the goal, from which to start; the limit where
// none is found.
func (s *Solver) someCost(ctx context.Context, g goal, opt SolveOptions, from *start) float64 {
	x := s.seeker(g, opt.Seed)
	x.offer(from.sets)
	r := s.relax(g)
	x.run(ctx, r.ascend(ctx).multiplier, from.sets, opt.Iterations/5)
	x.finish()
	if !x.reached(x.best.gain) {
		return g.limit
	}
	from.sets = x.best.sets
	return x.best.cost
}

// halvings are how often the cost of the cheapest choice is halved towards its bound.
const halvings = 6

// halve looks for cheaper choices by budgets halfway between a cost below which there is
// none, or none was found, and the least that was found: what gains most within a budget
// is easier to find than what costs least for a target.
func (x *seeker) halve(ctx context.Context, low, multiplier float64, iterations int) {
	money := x.worthOfMoney(multiplier)
	for n := range uint64(halvings) {
		high := x.best.cost
		if !x.reached(x.best.gain) {
			high = x.limit
		}
		middle := (low + high) / 2
		if ctx.Err() != nil || math.IsInf(money, 0) || !(middle > low && middle < high) || middle < 0 {
			return
		}
		s := *x.Solver
		s.budget, s.price = middle, 0
		y := s.reduced(middle).seeker(s.mostValue(), n)
		y.run(ctx, money, x.best.sets, iterations)
		y.finish()
		if x.reached(y.best.gain) {
			x.offer(y.best.sets)
		} else {
			low = middle
		}
	}
}
