package knapsack

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// SearchOptions are how long to search, and by which draws.
type SearchOptions struct {
	Seed uint64
	// Iterations of ruin and recreate; a count and not a time, so that the same problem
	// has the same answer everywhere.
	Iterations int
	// Progress is told of every better choice; nil is none.
	Progress func(iteration int, gain float64)
}

// The ruin of one iteration takes out at most mostRuined sets. A state is made anew after
// every fresh iterations, before roundings add up.
const (
	mostRuined = 8
	fresh      = 500
)

// Search returns the best choice that it finds. When ctx is done the best so far is
// returned.
func (s *Solver) Search(ctx context.Context, opt SearchOptions) Choice {
	if g := s.mostValue(); !s.pure() {
		x := s.seeker(g, opt.Seed)
		v := s.relax(g).volume(nil)
		x.pursue(ctx, v, SolveOptions{Iterations: opt.Iterations})
		x.finish()
		return s.answer(g, x.best).Choice
	}
	best := found{sets: s.search(ctx, opt)}
	return s.Of(best.ints())
}

// search starts from the greedy choice and makes it better by ruin and recreate (Schrimpf
// and others, Journal of Computational Physics 159, 2000): some sets are taken out, at
// random, by what they share or by how little they bring, the rest of the budget is filled
// again with some chance, and the new choice is kept if it is better, or a little worse at
// first (threshold that shrinks to nothing).
func (s *Solver) search(ctx context.Context, opt SearchOptions) []int32 {
	x := &searching{state: s.newState(), random: rand.New(rand.NewPCG(opt.Seed, 0x6b6e6170)), wanted: make([]bool, s.setCount()), mark: make([]bool, s.itemCount())}
	x.fillByRatio(0)
	now, nowGain := slices.Clone(x.list), x.gain
	best, bestGain := slices.Clone(now), nowGain
	const firstThreshold = 0.002 // of the greedy gain
	threshold := firstThreshold * nowGain
	for it := range opt.Iterations {
		if ctx.Err() != nil {
			break
		}
		if it%fresh == fresh-1 {
			x.reset(now)
		}
		x.ruin()
		x.recreate()
		if x.gain > bestGain*(1-firstThreshold) && x.random.IntN(4) == 0 {
			x.exchange()
		}
		left := 1 - float64(it)/float64(opt.Iterations)
		if x.gain > nowGain+threshold*left*left*math.Log(1-x.random.Float64()) {
			now, nowGain = append(now[:0], x.list...), x.gain
		} else {
			x.become(now, x.wanted)
			continue
		}
		if nowGain > bestGain*(1+slack) {
			best, bestGain = append(best[:0], now...), nowGain
			if opt.Progress != nil {
				opt.Progress(it, bestGain)
			}
		}
	}
	return best
}

type searching struct {
	*state
	random *rand.Rand
	wanted []bool // by set, for become
	mark   []bool // by item, for sharing
	ranked []ranked
}

// ranked is a chosen set with what it is ranked by.
type ranked struct {
	set   int32
	worth float64
}

// recreate fills the budget again: by ratio with a chance to pass the best over, or by
// gain less a price of the cost, which is dearer or cheaper than on average.
func (x *searching) recreate() {
	if x.random.IntN(2) == 0 {
		pass := x.random.Float64()
		x.fillByRatio(0.5 * pass * pass * pass) // seldom often
		return
	}
	price := (0.4 + 0.8*x.random.Float64()) * x.gain / x.budget
	x.fill(0, func(gain, cost float64) float64 { return gain - price*cost })
	x.fillByRatio(0)
}

func (x *searching) fillByRatio(pass float64) {
	x.fill(pass, func(gain, cost float64) float64 {
		if cost <= 0 {
			return math.Inf(1)
		}
		return gain / cost
	})
}

// fill adds the set of most worth above 0, again and again, each passed over with some
// probability; and drops those that are of no more use.
func (x *searching) fill(pass float64, worth func(gain, cost float64) float64) {
	// Sets that cost nothing and gain a rounding would come and go without end.
	for range 4*x.setCount() + 16 {
		least := slack * x.gain
		best, most := int32(-1), 0.0
		for j := range x.setCount() {
			if gain := x.addGain[j]; gain > least && x.fits(int32(j)) {
				if w := worth(gain, x.addCost[j]); w > most && (pass == 0 || x.random.Float64() >= pass) {
					best, most = int32(j), w
				}
			}
		}
		if best < 0 {
			return
		}
		x.add(best)
		x.dropUseless(best)
	}
}

// dropUseless drops chosen sets that no customer is served by, but one.
func (x *searching) dropUseless(but int32) {
	for k := len(x.list) - 1; k >= 0; k-- {
		if k >= len(x.list) {
			continue
		}
		if j := x.list[k]; j != but {
			if gain, _ := x.loss(j); gain <= 0 {
				x.drop(j)
			}
		}
	}
}

// exchange puts one set in the place of another as long as that gains.
func (x *searching) exchange() {
	for {
		out, in, most := int32(-1), int32(-1), x.gain*(1+slack)
		for _, j := range slices.Clone(x.list) {
			x.drop(j)
			for o := range x.setCount() {
				if gain := x.gain + x.addGain[o]; gain > most && int32(o) != j && x.fits(int32(o)) {
					out, in, most = j, int32(o), gain
				}
			}
			x.add(j)
		}
		if out < 0 {
			return
		}
		x.drop(out)
		x.add(in)
		x.fill(0, func(gain, _ float64) float64 { return gain })
	}
}

// ruin takes some sets out.
func (x *searching) ruin() {
	if len(x.list) == 0 {
		return
	}
	n := 1 + x.random.IntN(min(len(x.list), mostRuined))
	x.ranked = x.ranked[:0]
	switch x.random.IntN(3) {
	case 0: // any
		for _, j := range x.list {
			x.ranked = append(x.ranked, ranked{j, x.random.Float64()})
		}
	case 1: // those that share most with one
		x.rankBySharing(x.list[x.random.IntN(len(x.list))])
	default: // those that bring least for what they cost
		for _, j := range x.list {
			gain, cost := x.loss(j)
			x.ranked = append(x.ranked, ranked{j, gain / max(cost, slack) * (0.3 + x.random.Float64())})
		}
	}
	slices.SortFunc(x.ranked, func(a, b ranked) int { return cmp.Or(cmp.Compare(a.worth, b.worth), cmp.Compare(a.set, b.set)) })
	for _, r := range x.ranked[:n] {
		x.drop(r.set)
	}
}

func (x *searching) rankBySharing(with int32) {
	for _, item := range x.itemsOf(with) {
		x.mark[item] = true
	}
	for _, j := range x.list {
		shared := 0.0
		for _, item := range x.itemsOf(j) {
			if x.mark[item] {
				shared += x.itemCost[item]
			}
		}
		worth := -shared * (0.5 + x.random.Float64())
		if j == with {
			worth = math.Inf(-1)
		}
		x.ranked = append(x.ranked, ranked{j, worth})
	}
	for _, item := range x.itemsOf(with) {
		x.mark[item] = false
	}
}
