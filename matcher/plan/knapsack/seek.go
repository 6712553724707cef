package knapsack

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// found is a choice of sets with what it gains and costs.
type found struct {
	sets       []int32
	gain, cost float64
}

func (f *found) ints() []int {
	sets := make([]int, len(f.sets))
	for k, j := range f.sets {
		sets[k] = int(j)
	}
	slices.Sort(sets)
	return sets
}

// seeker looks for good choices of any goal by ruin and recreate, as Search does. Where
// options have costs and customers are free it does so with customers that take what is
// best at a price of money; every choice of sets is then judged by the picks that the
// evaluator finds for it.
type seeker struct {
	*Solver
	goal
	random *rand.Rand
	judge  *evaluator
	best   found
	// searching has the state that run works on.
	*searching
	// money is the gain that a unit of money is worth.
	money float64
	// banned sets are not chosen in this iteration, barred ones in none; nil is none.
	banned, barred []bool
	// tell is told of better choices; nil is none.
	tell       func(iteration int, gain float64)
	iterations int
}

// worseAtFirst is by which share of its score a choice may be worse than the last, at first.
const worseAtFirst = 0.02

func (s *Solver) seeker(g goal, seed uint64) *seeker {
	x := &seeker{Solver: s, goal: g, random: rand.New(rand.NewPCG(seed, 0x7365656b)), judge: s.evaluator(g), banned: make([]bool, s.setCount())}
	x.offer(nil)
	return x
}

// judged is a choice with its true gain and cost.
func (x *seeker) judged(sets []int32) found {
	f := found{sets: sets}
	x.judge.choose(f.ints())
	f.gain, f.cost = x.judge.evaluate()
	return f
}

// offer takes a choice if it is better than the best, and says whether it is.
func (x *seeker) offer(sets []int32) bool {
	f := x.judged(sets)
	if !x.within(f.cost) || x.best.sets != nil && !x.better(f.gain, f.cost, x.best.gain, x.best.cost) {
		return false
	}
	x.best = f
	x.best.sets = append([]int32{}, sets...)
	if x.tell != nil {
		x.tell(x.iterations, f.gain)
	}
	return true
}

// finish makes the picks of the best choice as good as they get.
func (x *seeker) finish() {
	if !x.priced() {
		return
	}
	x.judge.choose(x.best.ints())
	x.judge.evaluate()
	x.best.gain, x.best.cost, _ = x.judge.prove(pickNodes)
}

// score ranks choices within the budget: those that miss the target by what they miss.
func (x *seeker) score(f *found) float64 {
	value := x.value(f.gain, f.cost)
	if !x.reached(f.gain) {
		value -= 4 * (x.target - f.gain) / x.money
	}
	return value
}

// run searches at a multiplier of the goal from a choice, for some iterations.
func (x *seeker) run(ctx context.Context, multiplier float64, from []int32, iterations int) {
	weightGain, weightCost := x.weights(multiplier)
	if x.money = x.worthOfMoney(multiplier); math.IsInf(x.money, 0) {
		return
	}
	view := x.Solver.at(weightGain, weightCost)
	x.searching = view.newSearching(x.random)
	for _, j := range from {
		if x.fits(j) || x.ordered && x.placed(j) {
			x.add(j)
		}
	}
	x.shrink()
	x.refill(0, 1)
	now := x.current()
	x.offer(now.sets)
	for it := range iterations {
		if ctx.Err() != nil || x.setCount() == 0 {
			return
		}
		x.iterations++
		if it%fresh == fresh-1 {
			x.reset(now.sets)
		}
		x.shake()
		pass := x.random.Float64()
		x.refill(0.5*pass*pass*pass, 0.4+1.2*x.random.Float64())
		if x.random.IntN(6) == 0 {
			x.swap()
		}
		next := x.current()
		if x.better(next.gain, next.cost, x.best.gain, x.best.cost) {
			x.offer(next.sets)
		}
		left := 1 - float64(it)/float64(iterations)
		score := x.score(&now)
		if x.within(next.cost) && x.score(&next) > score+worseAtFirst*math.Abs(score)*left*left*math.Log(1-x.random.Float64()) {
			now.sets = append(now.sets[:0], next.sets...)
			now.gain, now.cost = next.gain, next.cost
		} else {
			x.become(now.sets, x.wanted)
		}
	}
}

// shake takes some sets out. Where customers are ordered every set that one is served by
// may make it pay much: sometimes all of them go, and none comes back at once.
func (x *seeker) shake() {
	clear(x.banned)
	switch n := x.random.IntN(6); {
	case n == 0:
		x.admit()
	case n < 3 && x.ordered:
		for range 1 + x.random.IntN(2) {
			x.evict()
		}
	default:
		x.ruin()
	}
}

// admit chooses a set that gains much, and drops those that bring least for what they cost
// until it fits.
func (x *seeker) admit() {
	best := int32(-1)
	for range 4 {
		if j := int32(x.random.IntN(x.setCount())); x.placed(j) && (x.barred == nil || !x.barred[j]) && (best < 0 || x.addGain[j] > x.addGain[best]) {
			best = j
		}
	}
	if best < 0 {
		return
	}
	for !x.fits(best) && len(x.list) > 0 {
		worst, least := int32(-1), math.Inf(1)
		for _, j := range x.list {
			gain, cost := x.loss(j)
			if w := gain / max(cost, slack*x.mostCost) * (0.5 + x.random.Float64()); w < least {
				worst, least = j, w
			}
		}
		x.drop(worst)
	}
	if x.fits(best) {
		x.add(best)
	}
}

// shrink drops what brings least for what it costs until all is within the budget: single
// sets, or all that serve or may serve a customer, for where customers are ordered one that
// pays much is rid of only with all of these.
func (x *seeker) shrink() {
	for !x.within(x.state.cost) && len(x.list) > 0 {
		over := x.state.cost - x.limit
		out, least := []int32{x.list[0]}, math.Inf(1)
		try := func(sets []int32, gain, cost float64) {
			if w := gain / max(min(cost, over), slack*x.mostCost); w < least {
				out, least = append(out[:0], sets...), w
			}
		}
		for _, j := range x.list {
			gain, cost := x.loss(j)
			try([]int32{j}, gain, cost)
		}
		for i, place := range x.state.best {
			if _, cost := x.served(int32(i), place); cost > 0 {
				sets := x.chosenOf(int32(i))
				gain, cost := x.lossOf(sets)
				try(sets, gain, cost)
			}
		}
		for _, j := range out {
			x.drop(j)
		}
	}
}

// chosenOf are the chosen sets among a customer's options.
func (x *seeker) chosenOf(i int32) []int32 {
	var sets []int32
	for k := x.optionsFrom[i]; k < x.optionsFrom[i+1]; k++ {
		if j := x.optionSet[k]; x.chosen[j] {
			sets = append(sets, j)
		}
	}
	return sets
}

// lossOf is what dropping chosen sets together would lose and spare.
func (x *seeker) lossOf(sets []int32) (gain, cost float64) {
	gain, cost = x.state.gain, x.state.cost
	for _, j := range sets {
		x.drop(j)
	}
	gain, cost = gain-x.state.gain, cost-x.state.cost
	for _, j := range sets {
		x.add(j)
	}
	return gain, cost
}

// evict bars a served customer, more likely one that pays much.
func (x *seeker) evict() {
	customer, most := -1, 0.0
	for i, place := range x.state.best {
		if _, cost := x.served(int32(i), place); cost > 0 {
			if w := math.Pow(x.random.Float64(), x.mostCost/cost/float64(x.customerCount())); w > most {
				customer, most = i, w
			}
		}
	}
	if customer < 0 {
		return
	}
	for k := x.Solver.optionsFrom[customer]; k < x.Solver.optionsFrom[customer+1]; k++ {
		j := x.Solver.optionSet[k]
		x.banned[j] = true
		if x.chosen[j] {
			x.drop(j)
		}
	}
}

// may says whether a set may be added in this iteration.
func (x *seeker) may(j int) bool {
	return !x.banned[j] && (x.barred == nil || !x.barred[j]) && x.fits(int32(j))
}

// current is the state's choice; where picks are free, with the best found for it.
func (x *seeker) current() found {
	if x.Solver.priced() {
		return x.judged(slices.Clone(x.list))
	}
	return found{sets: slices.Clone(x.list), gain: x.state.gain, cost: x.state.cost}
}

// refill adds sets as long as that helps, at factor times the price of money first, then
// by gain per cost; and drops what is not worth its cost.
func (x *seeker) refill(pass, factor float64) {
	if x.cheapest {
		x.fillToTarget(pass)
		x.trim()
		return
	}
	price := max(factor*x.money, x.perCost)
	x.pack(pass, func(gain, cost float64) float64 { return gain - price*cost })
	x.tidy()
	least := x.perCost
	x.pack(0, func(gain, cost float64) float64 {
		if gain-least*cost <= x.grain {
			return 0
		}
		return gain / max(cost, slack*x.mostCost)
	})
	x.tidy()
}

// pack adds the set of most worth above 0 that fits, again and again, each passed over
// with some probability.
func (x *seeker) pack(pass float64, worth func(gain, cost float64) float64) {
	for range 4 * x.setCount() {
		best, most := int32(-1), x.grain
		for j := range x.setCount() {
			if !x.may(j) {
				continue
			}
			if w := worth(x.addGain[j], x.addCost[j]); w > most && (pass == 0 || x.random.Float64() >= pass) {
				best, most = int32(j), w
			}
		}
		if best < 0 {
			return
		}
		x.add(best)
	}
}

// fillToTarget adds sets by gain per cost until the target is met, or none helps.
func (x *seeker) fillToTarget(pass float64) {
	for !x.reached(x.state.gain) {
		best, most := int32(-1), 0.0
		for j := range x.setCount() {
			if !x.may(j) {
				continue
			}
			gain := min(x.addGain[j], x.target-x.state.gain)
			if gain <= slack*x.mostGain {
				continue
			}
			if w := gain / max(x.addCost[j], slack*x.mostCost); w > most && (pass == 0 || x.random.Float64() >= pass) {
				best, most = int32(j), w
			}
		}
		if best < 0 {
			return
		}
		x.add(best)
	}
}

// tidy drops sets that take from the value at the price of money, the worst first.
func (x *seeker) tidy() {
	price := x.perCost
	if x.Solver.priced() {
		price = x.money
	}
	for {
		worst, least := int32(-1), x.grain
		for _, j := range x.list {
			gain, cost := x.loss(j)
			if w := gain - price*cost; w < least && x.within(x.state.cost-cost) {
				worst, least = j, w
			}
		}
		if worst < 0 {
			return
		}
		x.drop(worst)
	}
}

// trim drops sets without which the target is met at less cost, the dearest first.
func (x *seeker) trim() {
	for x.reached(x.state.gain) {
		worst, most := int32(-1), 0.0
		for _, j := range x.list {
			if gain, cost := x.loss(j); cost > most && x.reached(x.state.gain-gain) {
				worst, most = j, cost
			}
		}
		if worst < 0 {
			return
		}
		x.drop(worst)
	}
}

// swap puts one set in the place of another as long as the score of the state gains.
func (x *seeker) swap() {
	judge := func(gain, cost float64) float64 {
		f := found{gain: gain, cost: cost}
		if score := x.score(&f); !x.Solver.priced() || x.cheapest {
			return score
		}
		return gain - x.money*cost
	}
	for range 8 {
		out, in, most := int32(-1), int32(-1), judge(x.state.gain, x.state.cost)
		most += 1e-9 * math.Abs(most)
		for _, j := range slices.Clone(x.list) {
			x.drop(j)
			for o := range x.setCount() {
				if int32(o) == j || !x.may(o) {
					continue
				}
				if score := judge(x.state.gain+x.addGain[o], x.state.cost+x.addCost[o]); score > most {
					out, in, most = j, int32(o), score
				}
			}
			x.add(j)
		}
		if out < 0 {
			return
		}
		x.drop(out)
		x.add(in)
	}
}
