package knapsack

import (
	"context"
	"math"
)

const (
	// partNodes are the nodes of a part, of a budget that leaves all options.
	partNodes = 8
	// stalled is a gap after a part, as a share of that before, from which the next part
	// comes later.
	stalled = 0.99
)

// prove closes gaps by branch and bound, a part of the nodes at a time where the gap is
// widest for the parts that it has had.
func (c *curve) prove(ctx context.Context) {
	for left := c.opt.Nodes * len(c.optionSet); left > 0 && ctx.Err() == nil; {
		var next *point
		widest := 0.0
		for _, p := range c.points {
			if gap := p.gap() / float64(1+p.parts); gap > widest && !p.near(c.opt.Gap) && !p.done {
				next, widest = p, gap
			}
		}
		if next == nil {
			return
		}
		left -= next.branch(ctx, c.opt.Gap, len(c.optionSet))
	}
}

// gap is what a bound leaves open of itself.
func (p *point) gap() float64 {
	return (p.bound - p.seeker.known()) / max(math.Abs(p.bound), p.grain)
}

// branch looks at some nodes of a budget, fewer the more options they have, and returns how
// many options that were.
func (p *point) branch(ctx context.Context, gap float64, options int) int {
	here, before := 1+len(p.seeker.optionSet), p.gap()
	b := p.branching
	if p.parts++; b == nil {
		b = p.begin(ctx, here < options*3/4)
	}
	b.accept(p.best)
	nodes := 2 + partNodes*options/here
	bound := b.run(ctx, nodes, gap)
	if b.found {
		p.best = b.best
		bound = max(b.known(), bound) + 2*p.grain
	}
	p.bound, p.done = min(p.bound, bound), len(b.heap) == 0
	if p.gap() > stalled*before {
		p.parts *= 2
	}
	return nodes * here
}

// begin is the branch and bound of a budget; where that is quick it decides first for the
// sets for which bounds alone can.
func (p *point) begin(ctx context.Context, settle bool) *branching {
	b := p.volume.branch(p.best)
	p.branching = b
	if !p.pure() {
		b.searched(ctx, p.seeker, p.multiplier)
	}
	b.tell = func(float64) {}
	if settle {
		b.begin(ctx)
		return b
	}
	b.setPrices(b.volume.best)
	b.bound(mostSteps)
	b.look(ctx, &node{bound: math.Inf(1), prices: b.volume.best, average: b.average})
	return b
}
