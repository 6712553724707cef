package knapsack

import (
	"context"
	"math"
	"slices"
)

// Curve returns an answer for each of some rising budgets, which follow from the choice of
// most gain within the solver's own: the best found, and what no choice within that budget
// exceeds. Known are choices of sets to start from, of any cost. When ctx is done it
// returns those that it has looked at, the last ones.
//
// One budget helps another. The search of each starts from what was found for its
// neighbours, and its bound from their prices; a choice within a budget is one within all
// larger ones, and a bound of a budget, a straight line over budgets at its prices, is one
// of all smaller ones.
//
// Nodes of opt are for all budgets together; those of one that leaves fewer options count
// less, by how many it leaves.
func (s *Solver) Curve(ctx context.Context, budgets func(most Choice) []float64, known [][]int, opt SolveOptions) []Answer {
	c := &curve{Solver: s, opt: opt, known: known}
	most := c.look(ctx, s.budget)
	for _, budget := range slices.Backward(budgets(s.answer(most.goal, most.best).Choice)) {
		if ctx.Err() != nil {
			break
		}
		c.look(ctx, budget)
	}
	c.points = c.points[1:]
	slices.Reverse(c.points)
	for _, p := range c.points {
		p.bound = min(p.bound, most.bound, c.bound(p.limit))
	}
	c.climb(ctx)
	c.prove(ctx)
	c.lift()
	answers := make([]Answer, len(c.points))
	for n, p := range c.points {
		answers[n] = c.answer(ctx, p)
	}
	return answers
}

type curve struct {
	*Solver
	opt   SolveOptions
	known [][]int
	// points are the budgets that were looked at, in the end by rising budget.
	points []*point
}

// point is what is known of a budget.
type point struct {
	*seeker
	volume *volume
	// straight is the bound of the relaxation alone, at a multiplier; bound the least.
	straight, multiplier, bound float64
	// branching is under way after so many parts of the nodes, nil before; done is that
	// nothing is left of it.
	branching *branching
	parts     int
	done      bool
}

// at is the bound of a smaller budget.
func (p *point) at(budget float64) float64 {
	switch {
	case budget > p.limit*(1+slack):
		return math.Inf(1)
	case math.IsInf(p.limit, 1):
		return p.bound
	}
	// The line is of gains less the price of cost, at a budget's multiplier of both.
	return min(p.bound, p.straight+(p.multiplier-p.perCost)*(budget-p.limit))
}

// look searches and bounds for a budget, from what the last one left.
func (c *curve) look(ctx context.Context, budget float64) *point {
	if n := len(c.points); n > 0 && c.points[n-1].limit == budget {
		c.points = append(c.points, c.points[n-1])
		return c.points[n-1]
	}
	whole := *c.Solver
	whole.budget = budget
	g := whole.mostValue()
	s := whole.reduced(budget)
	p := &point{seeker: s.seeker(g, c.opt.Seed), volume: c.volume(ctx, s.relax(g)), bound: math.Inf(1)}
	for _, sets := range c.known {
		p.offer(indices(sets))
	}
	if n := len(c.points); n > 0 {
		p.run(ctx, p.volume.best.multiplier, c.points[n-1].best.sets, c.opt.Iterations/10)
	}
	if s.pure() {
		p.offer(s.search(ctx, SearchOptions{Seed: c.opt.Seed, Iterations: c.opt.Iterations}))
		p.volume.run(ctx, BoundOptions{Gain: p.seeker.known(), Iterations: c.opt.BoundIterations})
	} else {
		p.pursue(ctx, p.volume, c.opt)
	}
	p.finish()
	p.straight, p.multiplier = p.volume.bound(), p.volume.best.multiplier
	p.bound = p.straight
	c.points = append(c.points, p)
	return p
}

// volume starts from the prices of the last budget.
func (c *curve) volume(ctx context.Context, r *relaxation) *volume {
	if len(c.points) == 0 {
		return r.volume(ctx)
	}
	last := c.points[len(c.points)-1].volume
	v := &volume{relaxation: r, best: c.carried(last, r), trial: r.newPrices(), offers: r.newOffers(), step: 0.1, mixed: 0.1, target: math.Inf(1)}
	v.average = r.newAverage()
	v.lowest = r.value(v.best, v.offers, nil)
	v.mix(1)
	return v
}

// carried are the prices of a volume for another relaxation, of which the options are
// others of the same solver.
func (c *curve) carried(from *volume, to *relaxation) *prices {
	p := to.newPrices()
	p.multiplier = max(from.best.multiplier, to.goal.least())
	share, of := make([]float64, c.itemCount()), make([]int, c.itemCount()) // by item, and whose they are
	for i := range c.customerCount() {
		x, y := from.optionsFrom[i], to.optionsFrom[i]
		for _, position := range c.position[c.optionsFrom[i]:c.optionsFrom[i+1]] {
			had := x < from.optionsFrom[i+1] && from.position[x] == position
			has := y < to.optionsFrom[i+1] && to.position[y] == position
			if had && has {
				if p.fee[y] = from.best.fee[x]; p.push != nil {
					p.push[y] = from.best.push[x]
				}
			}
			if had {
				for _, a := range from.sharesOfOption(x) {
					share[from.priced[a]], of[from.priced[a]] = from.best.share[a], i+1
				}
				x++
			}
			if has {
				y++
			}
		}
		for k := to.optionsFrom[i]; k < to.optionsFrom[i+1]; k++ {
			for _, a := range to.sharesOfOption(k) {
				if of[to.priced[a]] == i+1 {
					p.share[a] = share[to.priced[a]]
				}
			}
		}
	}
	return p
}

// climb searches once more, from what was found for the budgets beside each, at money worth
// a little more or less.
func (c *curve) climb(ctx context.Context) {
	for n, p := range c.points {
		if p.bound <= p.seeker.known()+p.grain {
			continue
		}
		froms := [][]int32{p.best.sets}
		if n > 0 {
			froms = append(froms, c.points[n-1].best.sets)
		}
		if n+1 < len(c.points) {
			froms = append(froms, c.points[n+1].best.sets)
		}
		for _, from := range froms {
			p.offer(from)
			for _, factor := range []float64{1, 0.9, 1.1} {
				p.run(ctx, factor*p.multiplier, from, c.opt.Iterations/2)
			}
		}
		if !p.near(c.opt.Gap) {
			p.grow(ctx)
		}
		p.finish()
	}
}

// bound is what no choice within a budget exceeds.
func (c *curve) bound(budget float64) float64 {
	least := math.Inf(1)
	for _, p := range c.points {
		least = min(least, p.at(budget))
	}
	return least
}

// near says whether the best is within a share of the bound.
func (p *point) near(gap float64) bool {
	known := p.seeker.known()
	return p.bound <= known+gap*math.Abs(known)+p.grain
}

// lift gives every budget what smaller ones found, if that is better.
func (c *curve) lift() {
	for n := 1; n < len(c.points); n++ {
		if p := c.points[n]; p.offer(c.points[n-1].best.sets) {
			p.finish()
		}
	}
}

// answer is the best choice found for a budget.
func (c *curve) answer(ctx context.Context, p *point) Answer {
	s := *c.Solver
	s.budget = p.limit
	a := s.answer(p.goal, p.best)
	a.Objective = p.value(a.Gain, a.Cost)
	a.Bound = max(c.bound(p.limit), a.Objective)
	a.Optimal = a.Bound <= a.Objective+3*p.grain+2*slack*math.Abs(a.Objective)
	a.Reached, a.Stopped = true, ctx.Err() != nil
	return a
}
