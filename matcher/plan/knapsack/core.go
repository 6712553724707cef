package knapsack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Solve finds a choice and a bound, by counts alone as Solver.Solve does, in three steps.
//
// The greedy choice, and a bound by dual ascent at a few prices of the budget (ascent.go),
// take no options: some 0.2 s and 30 MB for 5,000 customers, 12,000 sets and 8.4 million
// pairs of such that share an item. The ascent tells of each set by how much less than the
// bound any choice gains that has it. Then opt.Iterations are spent on cores: problems of
// the sets of which that is least, with those of the choices found before, a few at first
// and then more. Last, if opt.BoundIterations is not 0, all sets that may still be in a
// better choice are bounded, and branched on, as Solver.Solve does: what is proven of them
// is proven of all. That is left out where their options are more than mostOptions.
//
// Errors name the place of what cannot be.
func (l *Layered) Solve(ctx context.Context, opt SolveOptions) (Answer, error) {
	if err := l.validate(); err != nil {
		return Answer{}, fmt.Errorf("knapsack: %w", err)
	}
	c := l.inSegments()
	g := c.newCovering()
	g.fill()
	a := c.newAscent()
	a.search(priceOfLate*g.lateRatio, ascentPasses)
	x := &coring{Layered: l, ascent: a, found: c.of(g.list), elite: slices.Clone(g.list)}
	x.rank()
	x.search(ctx, opt)
	answer := Answer{Choice: x.found, Bound: max(a.bound, x.found.Gain)}
	if opt.BoundIterations > 0 {
		x.prove(ctx, opt, &answer)
	}
	answer.Optimal = answer.Bound <= answer.Gain*(1+2*slack)
	return answer, nil
}

const (
	// The best price of a budget is about this part of what the greedy choice had for it
	// late; from there it takes few passes.
	priceOfLate  = 0.5
	ascentPasses = 4
	// The iterations of one core; how many times as many sets as the greedy choice the
	// smallest takes, or at least; and how many sizes there are, each twice the one before,
	// which come again and again.
	coreIterations = 200
	timesChosen    = 2
	fewestInCore   = 50
	coreSizes      = 4
	// mostOptions limits the time and the memory of a bound: some 30 ms an iteration, and
	// 300 MB, with a dozen items a set.
	mostOptions = 1_000_000
)

// coring is where the search of cores stands.
type coring struct {
	*Layered
	*ascent
	found Choice
	// elite are sets of all choices that were the best of a core; ranked are all sets, those
	// first that the ascent thinks most of.
	elite  []int32
	ranked []int32
}

func (x *coring) rank() {
	reduced := make([]float64, x.setCount())
	for j := range int32(x.setCount()) {
		reduced[j] = x.reduced(j)
		x.ranked = append(x.ranked, j)
	}
	slices.SortFunc(x.ranked, func(a, b int32) int { return cmp.Or(cmp.Compare(reduced[a], reduced[b]), cmp.Compare(a, b)) })
}

func (x *coring) search(ctx context.Context, opt SolveOptions) {
	smallest := max(timesChosen*len(x.found.Sets), fewestInCore)
	for run, left := uint64(0), opt.Iterations; left > 0 && ctx.Err() == nil && x.found.Gain*(1+slack) < x.bound; run++ {
		s, sets := x.only(x.core(smallest << (run % coreSizes)))
		got := s.Search(ctx, SearchOptions{Seed: opt.Seed + run, Iterations: min(left, coreIterations)})
		left -= coreIterations
		whole := make([]int32, len(got.Sets))
		for k, j := range got.Sets {
			whole[k] = sets[j]
		}
		x.elite = append(x.elite, whole...)
		if got.Gain > x.found.Gain*(1+slack) {
			x.found = x.compact.of(whole)
		}
	}
}

// core are some sets of the first rank, and the elite, in rising order.
func (x *coring) core(n int) []int32 {
	core := append(slices.Clone(x.ranked[:min(n, len(x.ranked))]), x.elite...)
	slices.Sort(core)
	return slices.Compact(core)
}

// only is the problem of some sets, and which these are.
func (x *coring) only(sets []int32) (*Solver, []int32) {
	part := *x.Layered
	part.Sets = nil
	for _, j := range sets {
		part.Sets = append(part.Sets, x.Sets[j])
	}
	s, err := New(part.problem())
	if err != nil {
		panic(fmt.Sprintf("knapsack: a part of a valid problem: %v", err)) // cannot be
	}
	return s, sets
}

// prove bounds the sets that may be in a choice better than the one found.
func (x *coring) prove(ctx context.Context, opt SolveOptions, answer *Answer) {
	var may []int32
	for _, j := range x.ranked {
		if x.bound-x.reduced(j) > x.found.Gain {
			may = append(may, j)
		}
	}
	for _, j := range x.found.Sets {
		may = append(may, int32(j))
	}
	slices.Sort(may)
	may = slices.Compact(may)
	s, sets := x.only(may)
	if len(s.optionSet) > mostOptions {
		return
	}
	found := Choice{Gain: x.found.Gain, Cost: x.found.Cost}
	for _, j := range x.found.Sets {
		at, _ := slices.BinarySearch(sets, int32(j))
		found.Sets = append(found.Sets, at)
	}
	r := s.relax()
	if x.Separate { // with items the volume algorithm comes further from nothing
		r.start = x.prices(r)
	}
	proven := s.prove(ctx, found, r, opt)
	answer.Bound = min(answer.Bound, proven.Bound)
	if proven.Gain > answer.Gain {
		whole := make([]int32, len(proven.Sets))
		for k, j := range proven.Sets {
			whole[k] = sets[j]
		}
		answer.Choice = x.compact.of(whole)
	}
	answer.Bound = max(answer.Bound, answer.Gain)
}

// prices are those of the ascent, for the relaxation of some sets that pay for themselves
// alone: they prove its bound, or a better one, of these.
func (x *coring) prices(r *relaxation) *prices {
	at := r.newPrices()
	room := make([]float64, r.setCount())
	for j := range room {
		room[j] = x.price * r.setCost[j]
	}
	for _, i := range x.order {
		least := 0.0
		from, to := r.optionsFrom[i], r.optionsFrom[i+1]
		for k := from; k < to; k++ {
			least = max(least, r.optionGain[k]-room[r.optionSet[k]])
		}
		for k := from; k < to; k++ {
			at.fee[k] = max(0, r.optionGain[k]-least)
			room[r.optionSet[k]] = max(0, room[r.optionSet[k]]-at.fee[k])
		}
	}
	return at
}
