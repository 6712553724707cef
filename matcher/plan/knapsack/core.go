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
// is proven of all. Where sets pay for themselves alone the bound of all sets is looked for
// as well, by an ascent that takes more steps. Both are left out where that needs more
// options than mostOptions.
//
// The answer has no Picks: a customer is served by the best chosen set. Errors name the
// place of what cannot be.
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
	x.tell(opt)
	x.enumerate(ctx, opt, opt.Iterations*rowsPerIteration)
	x.search(ctx, opt)
	if opt.BoundIterations > 0 && x.open() {
		x.prove(ctx, opt)
	}
	answer := Answer{Choice: x.found, Objective: x.found.Gain, Bound: max(x.bound, x.found.Gain), Reached: true}
	answer.Optimal, answer.Stopped = !x.open(), ctx.Err() != nil
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
	// 300 MB, with a dozen items a set. The bound of all sets takes a second.
	mostOptions = 1_000_000
	// Of an enumeration, for each iteration of the search: as long as that takes, or as two.
	rowsPerIteration = 40_000
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
	// relaxed is of all sets, if it was needed.
	relaxed *volume
	// grain is a gain that counts as nothing in what was proven: rounding.
	grain float64
}

// open says whether there may be a better choice than the one found, but for rounding.
func (x *coring) open() bool { return x.bound > x.found.Gain*(1+2*slack)+3*x.grain }

func (x *coring) tell(opt SolveOptions) {
	if opt.Progress != nil {
		opt.Progress(x.found.Gain, max(x.bound, x.found.Gain))
	}
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
	for run, left := uint64(0), opt.Iterations; left > 0 && ctx.Err() == nil && x.open(); run++ {
		sets := x.core(smallest << (run % coreSizes))
		got := x.only(sets).Search(ctx, SearchOptions{Seed: opt.Seed + run, Iterations: min(left, coreIterations)})
		left -= coreIterations
		whole := of(sets, indices(got.Sets))
		x.elite = append(x.elite, whole...)
		if got.Gain > x.found.Gain*(1+slack) {
			x.found = x.compact.of(whole)
			x.tell(opt)
		}
	}
}

// of are the entries of a list at some places.
func of(list, places []int32) []int32 {
	entries := make([]int32, len(places))
	for k, place := range places {
		entries[k] = list[place]
	}
	return entries
}

// core are some sets of the first rank, and the elite, in rising order.
func (x *coring) core(n int) []int32 {
	core := append(slices.Clone(x.ranked[:min(n, len(x.ranked))]), x.elite...)
	slices.Sort(core)
	return slices.Compact(core)
}

// only is the problem of some sets.
func (x *coring) only(sets []int32) *Solver {
	part := *x.Layered
	part.Sets = nil
	for _, j := range sets {
		part.Sets = append(part.Sets, x.Sets[j])
	}
	s, err := New(part.problem())
	if err != nil {
		panic(fmt.Sprintf("knapsack: a part of a valid problem: %v", err)) // cannot be
	}
	return s
}

// prove bounds the sets that may be in a choice better than the one found.
func (x *coring) prove(ctx context.Context, opt SolveOptions) {
	var may []int32
	for _, j := range x.ranked {
		if x.bound-x.reduced(j) > x.found.Gain {
			may = append(may, j)
		}
	}
	if x.Separate {
		x.relaxedAll(ctx, mostOptions)
		x.enumerate(ctx, opt, opt.BoundIterations*rowsPerIteration)
	}
	sets := append(may, indices(x.found.Sets)...)
	slices.Sort(sets)
	sets = slices.Compact(sets)
	if !x.open() || x.pairs(sets, mostOptions) > mostOptions {
		return
	}
	found := make([]int32, len(x.found.Sets))
	for k, j := range x.found.Sets {
		at, _ := slices.BinarySearch(sets, int32(j))
		found[k] = int32(at)
	}
	opt.Iterations = 0 // cores have been searched
	if tell := opt.Progress; tell != nil {
		most := x.bound
		opt.Progress = func(gain, bound float64) { tell(gain, min(bound, most)) }
	}
	s := x.only(sets)
	g := s.mostValue()
	best, bound := s.pursue(ctx, g, opt, &start{sets: found})
	x.bound, x.grain = min(x.bound, bound), g.grain
	if best.gain > x.found.Gain {
		x.found = x.compact.of(of(sets, best.sets))
	}
}

// relaxedAll is the relaxation of all sets, at prices of an ascent that takes more steps;
// nil where that needs more options than most. Of fewer sets that ascent is worse: with
// fewer options its steps are longer.
func (x *coring) relaxedAll(ctx context.Context, most int) *volume {
	all := slices.Sorted(slices.Values(x.ranked))
	if x.relaxed == nil && x.pairs(all, most) <= most {
		s := x.only(all)
		g := s.mostValue()
		x.relaxed, x.grain = s.reduced(g.limit).relax(g).volume(ctx), g.grain
		x.bound = min(x.bound, x.relaxed.bound())
	}
	return x.relaxed
}

// enumerate looks for the best choice of sets that pay for themselves alone, in a number of
// rows.
func (x *coring) enumerate(ctx context.Context, opt SolveOptions, rows int) {
	if !x.Separate || rows == 0 || !x.open() {
		return
	}
	v := x.relaxedAll(ctx, mostEnumerated)
	if v == nil || !x.open() {
		return
	}
	e := newEnumeration(v)
	x.bound = min(x.bound, e.run(ctx, x.found.Gain, rows))
	if e.best.sets != nil {
		x.elite = append(x.elite, e.best.sets...)
		x.found = x.compact.of(e.best.sets)
	}
	x.tell(opt)
}
