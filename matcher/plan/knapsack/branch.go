package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// branching is a depth-first branch and bound over the sets, each chosen or not, at the
// prices of the bound.
type branching struct {
	*relaxation
	decisions
	offers     *offers
	multiplier float64
	judge      *evaluator
	// order is that of decisions: sets that the relaxation wants most first.
	order   []int32
	average []float64
	in      []int
	spent   float64
	best    found
	known   bool // whether best meets the goal
	nodes   int
	stopped bool
	// left is the greatest bound of what was not looked at.
	left float64
}

func (v *volume) branch(best found, nodes int) *branching {
	b := &branching{
		relaxation: v.relaxation, offers: v.offers, multiplier: v.best.multiplier, judge: v.evaluator(v.goal),
		average: v.average.set, best: best, nodes: nodes, left: math.Inf(-1), known: v.goal.feasible(best.gain, best.cost),
	}
	b.state, b.held = make([]decision, v.setCount()), make([]int32, v.itemCount())
	v.price(v.best, v.offers)
	v.addWorths(v.best, v.offers)
	return b
}

// run decides what bounds alone decide, then branches on the rest.
func (b *branching) run(ctx context.Context) {
	root := b.bound(mostSteps)
	b.settle(ctx)
	for j, d := range b.state {
		if d == undecided {
			b.order = append(b.order, int32(j))
		}
	}
	slices.SortFunc(b.order, func(x, y int32) int { return cmp.Or(cmp.Compare(b.average[y], b.average[x]), cmp.Compare(x, y)) })
	b.visit(ctx, 0, root)
}

// enough is the bound below which nothing better is to be found.
func (b *branching) enough() float64 {
	if !b.known {
		return math.Inf(-1)
	}
	return b.goal.value(b.best.gain, b.best.cost) + b.goal.grain
}

// hopeless says whether a bound leaves nothing better: also where the limit cannot be met
// at all, which sends the bound below any value.
func (b *branching) hopeless(bound float64) bool {
	return bound <= b.enough() || bound < b.worst()
}

// worst is a value that every choice exceeds.
func (b *branching) worst() float64 {
	if b.goal.cheapest {
		return -2*b.mostCost - 1
	}
	return -2*(b.mostGain+b.goal.perCost*b.mostCost) - 1
}

// bound is what no choice that agrees with the decisions exceeds.
func (b *branching) bound(steps int) float64 {
	if b.pure {
		b.takeDecided(b.offers, &b.decisions)
	}
	return b.minimise(b.offers, b.multiplier, &b.decisions, max(b.enough(), b.worst()), steps).bound
}

// settleWork is how many options may be gone through to settle sets.
const settleWork = 200_000_000

// settle decides for sets whose one decision leaves nothing better, again as long as
// there are any.
func (b *branching) settle(ctx context.Context) {
	work := 0
	for changed := true; changed; {
		changed = false
		for j := range b.state {
			if work += 8 * len(b.optionSet); work > settleWork || ctx.Err() != nil {
				return
			}
			if b.state[j] != undecided {
				continue
			}
			if !b.mayChoose(int32(j)) {
				b.state[j] = out
				changed = true
				continue
			}
			b.choose(int32(j))
			if b.hopeless(b.bound(3)) {
				b.unchoose(int32(j))
				b.state[j] = out
				changed = true
				continue
			}
			b.unchoose(int32(j))
			b.state[j] = out
			if hopeless := b.hopeless(b.bound(3)); hopeless {
				b.choose(int32(j))
				changed = true
			} else {
				b.state[j] = undecided
			}
		}
	}
}

// visit decides for the set at a depth, those before it being decided; bound is that of
// the branch.
func (b *branching) visit(ctx context.Context, depth int, bound float64) {
	if b.nodes--; b.nodes < 0 || ctx.Err() != nil {
		b.stopped = true
	}
	if b.stopped {
		b.left = max(b.left, bound)
		return
	}
	bound = min(bound, b.bound(6))
	if b.hopeless(bound) {
		return
	}
	if depth == len(b.order) {
		b.leaf(bound)
		return
	}
	j := b.order[depth]
	if b.average[j] < 0.5 {
		b.without(ctx, j, depth, bound)
		b.with(ctx, j, depth, bound)
		return
	}
	b.with(ctx, j, depth, bound)
	b.without(ctx, j, depth, bound)
}

func (b *branching) with(ctx context.Context, j int32, depth int, bound float64) {
	if !b.mayChoose(j) {
		return
	}
	if b.choose(j); b.goal.within(b.spent - b.mostSpared) {
		b.offer(0)
		b.visit(ctx, depth+1, bound)
	}
	b.unchoose(j)
}

func (b *branching) without(ctx context.Context, j int32, depth int, bound float64) {
	b.state[j] = out
	b.visit(ctx, depth+1, bound)
	b.state[j] = undecided
}

// leaf is where all sets are decided.
func (b *branching) leaf(bound float64) {
	if !b.offer(max(1, min(b.nodes, pickNodes))) {
		b.left = max(b.left, bound)
	}
}

// offer takes the chosen sets as the best choice if they are, with picks looked for in
// some nodes, and says whether no picks of them are better.
func (b *branching) offer(nodes int) bool {
	b.judge.choose(b.in)
	gain, cost := b.judge.evaluate()
	complete := true
	if nodes > 0 && b.Solver.priced() {
		gain, cost, complete = b.judge.prove(nodes)
	}
	if b.goal.feasible(gain, cost) && (!b.known || b.goal.better(gain, cost, b.best.gain, b.best.cost)) {
		b.best, b.known = found{gain: gain, cost: cost}, true
		for _, j := range b.in {
			b.best.sets = append(b.best.sets, int32(j))
		}
	}
	return complete
}

// mayChoose says whether the quota leaves room for a set.
func (b *branching) mayChoose(j int32) bool { return b.counted < b.quota || b.uncounted[j] }

func (b *branching) choose(j int32) {
	b.in = append(b.in, int(j))
	b.state[j] = in
	if !b.uncounted[j] {
		b.counted++
	}
	b.spent += b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]++; b.held[item] == 1 {
			b.spent += b.itemCost[item]
		}
	}
}

func (b *branching) unchoose(j int32) {
	b.in = b.in[:len(b.in)-1]
	b.state[j] = undecided
	if !b.uncounted[j] {
		b.counted--
	}
	b.spent -= b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]--; b.held[item] == 0 {
			b.spent -= b.itemCost[item]
		}
	}
}
