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
	found bool // whether best meets the goal
	heap  []*node
	// left is the greatest bound of what was given up.
	left    float64
	scratch []int
	used    []bool
	// iterations of the volume algorithm at a node.
	iterations int
	// lead is told of sets that the relaxation of a node wants, now and then; nil is none.
	lead   func(sets []int32)
	looked int
	// tell is told now and then of the greatest bound of what is left.
	tell func(bound float64)
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

const (
	// smallOptions is up to how many options and shares nodes have prices of their own,
	// found in nodeIterations of the volume algorithm.
	smallOptions   = 50_000
	nodeIterations = 25
	// mostRounds is how often a node is looked at again whose turns were sure.
	mostRounds = 8
	// The search follows every leadEvery-th look, progress is told every tellEvery nodes.
	leadEvery = 12
	tellEvery = 50
)

func (v *volume) branch(best found) *branching {
	b := &branching{
		volume: v, decisions: v.newDecisions(), judge: v.evaluator(v.goal),
		best: best, left: math.Inf(-1), found: v.goal.feasible(best.gain, best.cost), used: make([]bool, v.setCount()),
	}
	v.decided = b.decisions
	if len(v.optionSet)+len(v.priced) <= smallOptions {
		b.iterations = nodeIterations
	}
	if b.found && b.goal.cheapest {
		b.shut(best.cost)
	}
	return b
}

// begin decides what bounds alone decide.
func (b *branching) begin(ctx context.Context) {
	b.setPrices(b.volume.best)
	b.bound(mostSteps)
	b.settle(ctx)
	root := &node{bound: math.Inf(1), prices: b.volume.best, average: b.average}
	for _, d := range b.trail {
		root.path = append(root.path, turn{customer: -1, set: d.set, yes: b.state[d.set] == in})
	}
	b.look(ctx, root)
}

// run looks at a number of nodes more, as long as the gap is more than a share. It returns
// what no choice exceeds that is better than the best.
func (b *branching) run(ctx context.Context, nodes int, gap float64) float64 {
	for ; len(b.heap) > 0 && nodes > 0 && ctx.Err() == nil; nodes -= 2 {
		if b.near(gap) {
			break
		}
		if nodes%tellEvery < 2 {
			b.tell(max(b.left, b.heap[0].bound))
		}
		n := b.pop()
		for _, yes := range []bool{true, false} {
			t := n.turn
			t.yes = yes
			b.look(ctx, &node{bound: n.bound, prices: n.prices, average: n.average, path: append(slices.Clone(n.path), t)})
		}
	}
	if len(b.heap) > 0 {
		return max(b.left, b.heap[0].bound)
	}
	return b.left
}

// near says whether what is left is at most a share better than the best.
func (b *branching) near(gap float64) bool {
	return b.found && b.heap[0].bound <= b.enough()+gap*math.Abs(b.known())
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
		if b.looked++; b.lead != nil && b.looked%leadEvery == 0 {
			b.lead(b.led())
		}
		path, ok := b.settleByWorth(n.path)
		if n.path = path; !ok {
			return
		}
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
	b.setFloors(b.mostSpent())
	b.restart(n.prices, n.average)
	b.volume.run(ctx, BoundOptions{Gain: b.enough(), Iterations: b.iterations})
	n.prices = b.volume.best
	b.setPrices(n.prices)
	n.bound = min(n.bound, b.bound(8))
	return n.bound > b.enough()
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

// known is the value of the best choice, −Inf if none meets the goal.
func (b *branching) known() float64 {
	if !b.found {
		return math.Inf(-1)
	}
	return b.goal.value(b.best.gain, b.best.cost)
}

// enough is the bound below which nothing better is to be found: also where the limit
// cannot be met at all, which sends the bound below any value.
func (b *branching) enough() float64 {
	if b.found {
		return b.known() + b.goal.grain
	}
	if b.goal.cheapest {
		return -2*b.mostCost - 1
	}
	return -2*(b.mostGain+b.goal.perCost*b.mostCost) - 1
}

// mostSpent is what a better choice costs at the most.
func (b *branching) mostSpent() float64 {
	if b.found && b.goal.cheapest {
		return min(b.goal.limit, b.best.cost)
	}
	return b.goal.limit
}

// bound is what no choice that agrees with the decisions exceeds.
func (b *branching) bound(steps int) float64 {
	if b.setFloors(b.mostSpent()); b.room < 0 {
		return math.Inf(-1)
	}
	if b.pure {
		b.takeDecided(b.offers, b.decisions)
	}
	m := b.minimise(b.offers, b.volume.best.multiplier, b.decisions, b.enough(), steps)
	b.volume.best.multiplier = m.multiplier
	return m.bound
}

// led are sets for the search to begin with: those that customers take here, or where they
// are ordered, in turn, those that the relaxation wants at least parts of.
func (b *branching) led() []int32 {
	if parts := []float64{0.1, 0.3, 0.5}; b.ordered {
		return b.wanted(parts[b.looked/leadEvery%len(parts)])
	}
	return indices(b.scratch)
}

// barredSets are those that are decided against.
func (b *branching) barredSets() []bool {
	sets := make([]bool, len(b.state))
	for j, d := range b.state {
		sets[j] = d == out
	}
	return sets
}
