package knapsack

import (
	"math"
	"slices"
)

// round offers the sets that customers take where the limit is kept.
func (b *branching) round() {
	side := b.offers.high
	if b.offers.part == 1 {
		side = b.offers.low
	}
	b.scratch = append(b.scratch[:0], b.in...)
	used := b.used
	clear(used)
	for _, j := range b.in {
		used[j] = true
	}
	counted := b.counted
	for _, k := range side.best {
		if k < 0 {
			continue
		}
		j := b.optionSet[k]
		if used[j] || counted >= b.quota && !b.uncounted[j] {
			continue
		}
		if used[j] = true; !b.uncounted[j] {
			counted++
		}
		b.scratch = append(b.scratch, int(j))
	}
	b.offer(b.scratch, 0)
}

// leaf is where all sets are decided.
func (b *branching) leaf(bound float64) {
	if !b.offer(b.in, pickNodes) {
		b.left = max(b.left, bound)
	}
}

// offer takes sets as the best choice if they are, with picks looked for in some nodes,
// and says whether no picks of them are better.
func (b *branching) offer(sets []int, nodes int) bool {
	b.judge.choose(sets)
	gain, cost, may := b.judge.evaluateOver(b.known() - 4*b.goal.grain)
	if !may {
		return true
	}
	complete := true
	if nodes > 0 && b.Solver.priced() {
		gain, cost, complete = b.judge.prove(nodes)
	}
	f := found{gain: gain, cost: cost}
	if b.beats(&f) {
		f.sets = indices(sets)
		slices.Sort(f.sets)
		b.accept(f)
	}
	return complete
}

func (b *branching) beats(f *found) bool {
	return b.goal.feasible(f.gain, f.cost) && (!b.found || b.goal.better(f.gain, f.cost, b.best.gain, b.best.cost))
}

// accept takes a choice if it is better than the best.
func (b *branching) accept(f found) {
	if b.beats(&f) {
		b.best, b.found = f, true
	}
}

// evaluateOver is evaluate, but for sets of which no picks within the budget are worth more
// than a value: it says so, and leaves picks as they are.
func (e *evaluator) evaluateOver(value float64) (gain, cost float64, may bool) {
	if e.priced() && !e.cheapest {
		e.gain, e.cost = 0, e.fixedCost(e.chosen, e.held)
		e.takeSteps()
		if e.most() < value {
			return 0, 0, false
		}
	}
	gain, cost = e.evaluate()
	return gain, cost, true
}

// most is what no picks of the chosen sets exceed in value: that of the relaxation, at the
// gain per cost at which steps ended.
func (e *evaluator) most() float64 {
	if math.IsInf(e.rate, 1) {
		return math.Inf(1)
	}
	most := -e.rate * e.fixedCost(e.chosen, e.held)
	if e.rate > e.perCost {
		most += (e.rate - e.perCost) * e.limit
	}
	for i := range e.pick {
		best := 0.0
		for n := e.mineFrom[i]; n < e.mineFrom[i+1]; n++ {
			best = max(best, e.mineGain[n]-e.rate*e.mineCost[n])
		}
		most += best
	}
	return most
}
