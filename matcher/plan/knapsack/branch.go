package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// branching is a branch and bound that goes on where the bound is greatest. It branches
// where the relaxation is of two minds: on what a customer pays, or on a set. Prices are
// made better for every node as far as that is cheap.
type branching struct {
	*volume
	*decisions
	judge *evaluator
	best  found
	known bool // whether best meets the goal
	heap  []*node
	// left is the greatest bound of what was given up.
	left    float64
	scratch []int
	used    []bool
	// iterations of the volume algorithm at a node.
	iterations int
}

// node is a part of all choices.
type node struct {
	bound   float64
	path    []turn
	prices  *prices
	average *average
	// turn is where to branch.
	turn turn
}

// turn is a decision: for a set, or for what a customer pays.
type turn struct {
	customer, set int32
	limit         float64
	// yes: the set is in; the customer pays more than the limit.
	yes bool
}

// Nodes of problems of up to smallOptions have prices of their own, found in nodeIterations.
// A node whose turns are found to be sure is looked at again up to mostRounds times.
const (
	smallOptions   = 50_000
	nodeIterations = 12
	mostRounds     = 8
)

func (v *volume) branch(best found) *branching {
	b := &branching{
		volume: v, decisions: v.newDecisions(), judge: v.evaluator(v.goal),
		best: best, left: math.Inf(-1), known: v.goal.feasible(best.gain, best.cost), used: make([]bool, v.setCount()),
	}
	v.decided = b.decisions
	if len(v.optionSet)+len(v.priced) <= smallOptions {
		b.iterations = nodeIterations
	}
	if b.known && b.goal.cheapest {
		b.shut(best.cost)
	}
	return b
}

// run decides what bounds alone decide, then looks at a number of nodes. It returns what
// no choice exceeds that is better than the best.
func (b *branching) run(ctx context.Context, nodes int) float64 {
	b.setPrices(b.volume.best)
	b.bound(mostSteps)
	b.settle(ctx)
	root := &node{bound: math.Inf(1), prices: b.volume.best, average: b.average}
	for _, d := range b.trail {
		root.path = append(root.path, turn{customer: -1, set: d.set, yes: b.state[d.set] == in})
	}
	b.look(ctx, root)
	for ; len(b.heap) > 0 && nodes > 0 && ctx.Err() == nil; nodes -= 2 {
		n := b.pop()
		if n.bound <= b.enough() {
			b.heap = nil
			break
		}
		for _, yes := range []bool{true, false} {
			t := n.turn
			t.yes = yes
			b.look(ctx, &node{bound: n.bound, prices: n.prices, average: n.average, path: append(slices.Clone(n.path), t)})
		}
	}
	if len(b.heap) > 0 {
		b.left = max(b.left, b.heap[0].bound)
	}
	return b.left
}

func (b *branching) setPrices(p *prices) {
	b.volume.best = p
	b.price(p, b.offers)
	if b.pure {
		b.addWorths(p, b.offers)
	}
}

// follow takes the turns of a path, and says whether any choice may be left.
func (b *branching) follow(path []turn) bool {
	b.back(0)
	for _, t := range path {
		if !b.turn(t) {
			return false
		}
	}
	return true
}

func (b *branching) turn(t turn) bool {
	switch {
	case t.customer >= 0:
		return b.narrow(t.customer, t.limit, t.yes)
	case b.state[t.set] != undecided:
		return (b.state[t.set] == in) == t.yes
	case !t.yes:
		b.leaveOut(t.set)
	case !b.mayChoose(t.set):
		return false
	default:
		b.choose(t.set)
	}
	return true
}

// look bounds a node, and keeps it if it may hold a better choice than the best.
func (b *branching) look(ctx context.Context, n *node) {
	if !b.follow(n.path) {
		return
	}
	b.setPrices(n.prices)
	n.bound = min(n.bound, b.bound(8))
	if n.bound <= b.enough() {
		return
	}
	if b.iterations > 0 {
		n.prices, n.average = b.newPrices(), n.average.clone()
		n.prices.copy(b.volume.best)
	}
	for range mostRounds {
		if b.iterations > 0 && !b.improve(ctx, n) {
			return
		}
		b.round()
		n.path = b.settleByWorth(n.path)
		t, ok, sure := b.split(n.bound)
		if !ok {
			b.leaf(n.bound)
			return
		}
		n.turn = t
		if len(sure) == 0 {
			break
		}
		for _, t := range sure {
			if !b.turn(t) {
				return
			}
			n.path = append(n.path, t)
		}
	}
	if b.parted(n.turn) {
		b.push(n)
		return
	}
	// The last sure turns left nothing to branch on there.
	t, ok := b.lastWay()
	if !ok {
		b.leaf(n.bound)
		return
	}
	n.turn = t
	b.push(n)
}

// parted says whether a turn parts what is left.
func (b *branching) parted(t turn) bool {
	if t.customer >= 0 {
		return b.parts(t.customer, t.limit)
	}
	return b.state[t.set] == undecided
}

// improve looks for better prices of a node, and says whether it may hold a better choice
// than the best.
func (b *branching) improve(ctx context.Context, n *node) bool {
	b.restart(n.prices, n.average)
	b.volume.run(ctx, BoundOptions{Gain: b.enough(), Iterations: b.iterations})
	n.prices = b.volume.best
	b.setPrices(n.prices)
	n.bound = min(n.bound, b.bound(8))
	return n.bound > b.enough()
}

// settleByWorth adds turns for sets that are bought, or are not, by so much that the other
// way leaves nothing better.
func (b *branching) settleByWorth(path []turn) []turn {
	side := b.offers.high
	if b.offers.part == 1 {
		side = b.offers.low
	}
	_, weight := b.goal.weights(side.multiplier)
	spare := side.value - b.enough()
	full := len(b.offers.ranked) > b.quota-b.counted
	for j, d := range b.state {
		if d != undecided {
			continue
		}
		worth := b.offers.setPaid[j] - weight*b.setCost[j]
		switch {
		case -worth >= spare && worth < 0:
			path = append(path, turn{customer: -1, set: int32(j)})
			b.leaveOut(int32(j))
		case worth >= spare && worth > 0 && side.set[j] && !full:
			path = append(path, turn{customer: -1, set: int32(j), yes: true})
			b.choose(int32(j))
		}
	}
	return path
}

func (b *branching) push(n *node) {
	at, _ := slices.BinarySearchFunc(b.heap, n, func(x, y *node) int { return cmp.Compare(y.bound, x.bound) })
	b.heap = slices.Insert(b.heap, at, n)
}

func (b *branching) pop() *node {
	n := b.heap[0]
	b.heap = b.heap[1:]
	return n
}

// enough is the bound below which nothing better is to be found: also where the limit
// cannot be met at all, which sends the bound below any value.
func (b *branching) enough() float64 {
	if b.known {
		return b.goal.value(b.best.gain, b.best.cost) + b.goal.grain
	}
	if b.goal.cheapest {
		return -2*b.mostCost - 1
	}
	return -2*(b.mostGain+b.goal.perCost*b.mostCost) - 1
}

// bound is what no choice that agrees with the decisions exceeds.
func (b *branching) bound(steps int) float64 {
	limit := b.goal.limit
	if b.known && b.goal.cheapest {
		limit = min(limit, b.best.cost)
	}
	if b.setFloors(limit); b.room < 0 {
		return math.Inf(-1)
	}
	if b.pure {
		b.takeDecided(b.offers, b.decisions)
	}
	m := b.minimise(b.offers, b.volume.best.multiplier, b.decisions, b.enough(), steps)
	b.volume.best.multiplier = m.multiplier
	return m.bound
}

// settleWork is how many options may be gone through to settle sets.
const settleWork = 200_000_000

// settle decides for sets whose one decision leaves nothing better, again as long as
// there are any.
func (b *branching) settle(ctx context.Context) {
	work := 0
	for changed := true; changed; {
		changed = false
		for j := range int32(b.setCount()) {
			if work += 8 * len(b.optionSet); work > settleWork || ctx.Err() != nil {
				return
			}
			if b.state[j] != undecided {
				continue
			}
			here := len(b.trail)
			if !b.mayChoose(j) {
				b.leaveOut(j)
				changed = true
				continue
			}
			b.choose(j)
			hopeless := b.bound(3) <= b.enough()
			if b.back(here); hopeless {
				b.leaveOut(j)
				changed = true
				continue
			}
			b.leaveOut(j)
			hopeless = b.bound(3) <= b.enough()
			if b.back(here); hopeless {
				b.choose(j)
				changed = true
			}
		}
	}
}

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
	gain, cost := b.judge.evaluate()
	complete := true
	if nodes > 0 && b.Solver.priced() {
		gain, cost, complete = b.judge.prove(nodes)
	}
	if b.goal.feasible(gain, cost) && (!b.known || b.goal.better(gain, cost, b.best.gain, b.best.cost)) {
		b.best, b.known = found{gain: gain, cost: cost}, true
		for _, j := range sets {
			b.best.sets = append(b.best.sets, int32(j))
		}
		slices.Sort(b.best.sets)
	}
	return complete
}
