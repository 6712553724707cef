package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Curve returns choices from that of nothing to that of most gain within the budget, in
// rising cost and gain: at most so many points, at least 2, of which each is the best that
// was found for its cost, and its bound what no choice that costs no more gains. The
// problem's price does not matter to it. Points are put where least is known: each halves
// the budgets between two others between which gain and cost change most.
//
// A bound of one budget is one of all: at its prices the bound is a straight line over
// budgets.
func (s *Solver) Curve(ctx context.Context, points int, opt SolveOptions) []Answer {
	c := &curve{Solver: s, opt: opt}
	c.look(ctx, s.budget)
	most := slices.MaxFunc(c.found, func(x, y Choice) int { return cmp.Compare(x.Gain, y.Gain) })
	c.look(ctx, 0)
	if most.Gain > 0 && most.Cost > 0 {
		c.look(ctx, most.Cost)
		c.refine(ctx, points, most)
	}
	return c.answers(ctx)
}

type curve struct {
	*Solver
	opt SolveOptions
	// warm is where the next look starts.
	warm  start
	found []Choice
	proof []line
}

// line is a bound of a budget, and, where steep is not NaN, of others along a line.
type line struct{ budget, bound, straight, steep float64 }

// at is the bound of a budget.
func (l line) at(budget float64) float64 {
	bound := math.Inf(1)
	if budget <= l.budget*(1+slack) {
		bound = l.bound
	}
	if !math.IsNaN(l.steep) {
		bound = min(bound, l.straight+l.steep*(budget-l.budget))
	}
	return bound
}

// look solves for a budget.
func (c *curve) look(ctx context.Context, budget float64) {
	s := *c.Solver
	s.budget, s.price = budget, 0
	g := s.mostValue()
	best, bound := s.pursue(ctx, g, c.opt, &c.warm)
	a := s.answer(g, best)
	c.found = append(c.found, a.Choice)
	l := line{budget: budget, bound: bound, straight: math.Inf(1), steep: math.NaN()}
	if g.limited() {
		r := s.relax(g)
		at := r.newPrices()
		at.copy(c.warm.prices)
		l.straight = r.value(at, r.newOffers())
		l.straight += slack*math.Abs(l.straight) + g.grain
		l.steep = at.multiplier
	}
	c.proof = append(c.proof, l)
	c.warm.sets = best.sets
	// Prices that nobody pays teach nothing to a start with another budget.
	if budget == 0 || !g.limited() {
		c.warm = start{}
	}
}

// refine looks at budgets between.
func (c *curve) refine(ctx context.Context, points int, most Choice) {
	budgets := []float64{0, most.Cost}
	for len(budgets) < points && ctx.Err() == nil {
		split, widest := 0, 0.0
		for n := range budgets[1:] {
			gain := c.best(budgets[n+1]).Gain - c.best(budgets[n]).Gain
			width := max(gain/most.Gain, 0.01) * (budgets[n+1] - budgets[n]) / most.Cost
			if width > widest {
				split, widest = n, width
			}
		}
		middle := (budgets[split] + budgets[split+1]) / 2
		if widest < 1e-9 || !(middle > budgets[split] && middle < budgets[split+1]) {
			return
		}
		c.warm.sets = nil
		c.look(ctx, middle)
		budgets = slices.Insert(budgets, split+1, middle)
	}
}

// best is the choice of most gain within a budget.
func (c *curve) best(budget float64) *Choice {
	var best *Choice
	for n := range c.found {
		f := &c.found[n]
		if f.Cost > budget*(1+slack) && f.Cost > 0 {
			continue
		}
		if best == nil || f.Gain > best.Gain || f.Gain == best.Gain && f.Cost < best.Cost {
			best = f
		}
	}
	return best
}

// answers are the choices that no other beats, by rising cost.
func (c *curve) answers(ctx context.Context) []Answer {
	slices.SortStableFunc(c.found, func(x, y Choice) int {
		return cmp.Or(cmp.Compare(x.Cost, y.Cost), cmp.Compare(y.Gain, x.Gain))
	})
	var all []Answer
	for _, f := range c.found {
		if n := len(all); n > 0 && f.Gain <= all[n-1].Gain+slack*c.mostGain {
			continue
		}
		a := Answer{Choice: f, Objective: f.Gain, Bound: math.Inf(1), Reached: true, Stopped: ctx.Err() != nil}
		for _, l := range c.proof {
			a.Bound = min(a.Bound, l.at(f.Cost))
		}
		a.Bound = max(a.Bound, f.Gain)
		a.Optimal = a.Bound <= f.Gain+4*slack*c.mostGain
		all = append(all, a)
	}
	return all
}
