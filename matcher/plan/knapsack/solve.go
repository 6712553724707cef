package knapsack

import (
	"cmp"
	"context"
	"slices"
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
	// Bound is proven: no choice gains more.
	Bound float64
	// Optimal: none gains more than this one, but for rounding.
	Optimal bool
}

// Solve searches, bounds, and then tries to prove the choice the best, or to find a
// better one, by branch and bound at the prices of the bound. When ctx is done it returns
// the best so far with its bound.
func (s *Solver) Solve(ctx context.Context, opt SolveOptions) Answer {
	return s.prove(ctx, s.Search(ctx, SearchOptions{Seed: opt.Seed, Iterations: opt.Iterations}), s.relax(), opt)
}

// prove is Solve from a choice that was found.
func (s *Solver) prove(ctx context.Context, found Choice, r *relaxation, opt SolveOptions) Answer {
	bound, at, average := s.bound(ctx, BoundOptions{Gain: found.Gain, Iterations: opt.BoundIterations}, r)
	a := Answer{Choice: found, Bound: bound}
	if bound > found.Gain*(1+slack) && opt.Nodes > 0 {
		b := r.branch(at, average, found, opt.Nodes)
		b.visit(ctx, 0)
		if a.Choice = b.best; b.stopped {
			a.Bound = max(a.Bound, a.Gain)
			return a
		}
		a.Bound = b.best.Gain * (1 + slack)
	}
	a.Optimal = a.Bound <= a.Gain*(1+2*slack)
	return a
}

// branching is a depth-first branch and bound over the sets, each chosen or not.
type branching struct {
	*relaxation
	at    *prices
	picks *picks
	// order is that of decisions: sets that the relaxation wants most first.
	order []int32
	out   []bool // by set
	in    []int
	// settled are items and sets that are decided: they are paid for already, or left out.
	settled []bool
	held    []int32 // by how many chosen sets each item is
	spent   float64
	best    Choice
	nodes   int
	stopped bool
}

func (r *relaxation) branch(at *prices, average *picks, found Choice, nodes int) *branching {
	b := &branching{
		relaxation: r, at: at, picks: r.newPicks(), best: found, nodes: nodes,
		out: make([]bool, r.setCount()), settled: make([]bool, r.itemCount()+r.setCount()), held: make([]int32, r.itemCount()),
	}
	r.value(at, b.picks) // for what is paid
	for j := range r.setCount() {
		b.order = append(b.order, int32(j))
	}
	slices.SortFunc(b.order, func(x, y int32) int { return cmp.Or(cmp.Compare(average.set[y], average.set[x]), cmp.Compare(x, y)) })
	return b
}

// visit decides for the set at a depth, those before it being decided.
func (b *branching) visit(ctx context.Context, depth int) {
	if b.nodes--; b.nodes < 0 || ctx.Err() != nil {
		b.stopped = true
	}
	if b.stopped || depth == len(b.order) || b.most() <= b.best.Gain*(1+slack) {
		return
	}
	j := b.order[depth]
	if len(b.in) < b.quota {
		if b.choose(j); b.affordable(b.spent) {
			if c := b.Of(b.in); c.Gain > b.best.Gain {
				b.best = c
			}
			b.visit(ctx, depth+1)
		}
		b.unchoose(j)
	}
	b.out[j], b.settled[b.itemCount()+int(j)] = true, true
	b.visit(ctx, depth+1)
	b.out[j], b.settled[b.itemCount()+int(j)] = false, false
}

func (b *branching) choose(j int32) {
	b.in = append(b.in, int(j))
	b.settled[b.itemCount()+int(j)] = true
	b.spent += b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]++; b.held[item] == 1 {
			b.settled[item] = true
			b.spent += b.itemCost[item]
		}
	}
}

func (b *branching) unchoose(j int32) {
	b.in = b.in[:len(b.in)-1]
	b.settled[b.itemCount()+int(j)] = false
	b.spent -= b.setCost[j]
	for _, item := range b.itemsOf(j) {
		if b.held[item]--; b.held[item] == 0 {
			b.settled[item] = false
			b.spent -= b.itemCost[item]
		}
	}
}

// most is what no choice gains more than that agrees with the decisions: customers take
// their best option of the sets that are left, what is chosen is bought, and the rest of
// the budget buys what has been paid most for.
func (b *branching) most() float64 {
	total := 0.0
	for i := range b.customerCount() {
		most := 0.0
		for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
			worth := b.optionGain[k] - b.at.fee[k]
			if worth <= most || b.out[b.optionSet[k]] {
				continue
			}
			for _, a := range b.pricesOfOption(k) {
				worth -= b.at.share[a]
			}
			most = max(most, worth)
		}
		total += most
	}
	for item, n := range b.held {
		if n > 0 {
			total += b.picks.itemPaid[item]
		}
	}
	for _, j := range b.in {
		total += b.picks.setPaid[j]
	}
	return total + b.buyFor(b.picks, max(0, b.budget-b.spent), b.settled)
}
