package knapsack

import (
	"cmp"
	"math"
	"slices"
)

// pickNodes are how many nodes the branch and bound over the picks of chosen sets may have.
const pickNodes = 20_000

// evaluator finds who serves whom where sets are chosen. Where that is free and options
// have costs it is a multiple-choice knapsack: steps along the upper hull of each
// customer's options are taken by gain per cost (Sinha and Zoltners, Operations Research
// 27(3), 1979), then single picks are changed as long as that is better.
type evaluator struct {
	*Solver
	goal
	chosen []bool
	held   []int32 // by how many chosen sets each item is
	// mine are the options of chosen sets, those of customer i at mineFrom[i] to
	// mineFrom[i+1] in their order: few of all, where there are many sets to choose from.
	mine, mineFrom []int32
	// mineGain and mineCost are theirs: changing picks goes through them again and again.
	mineGain, mineCost []float64
	byCost             []int32 // of one customer
	// pick is the option of each customer, −1 none.
	pick       []int32
	gain, cost float64
	// rate is the gain per cost at which steps ended.
	rate    float64
	steps   []step
	hull    []corner
	stopped []bool
}

// corner is an option on a customer's hull; −1 is none, of no gain and cost.
type corner struct {
	option     int32
	gain, cost float64
}

// step takes a customer from one corner to the next.
type step struct {
	customer, to     int32
	gain, cost, rate float64
}

func (s *Solver) evaluator(g goal) *evaluator {
	return &evaluator{
		Solver: s, goal: g, chosen: make([]bool, s.setCount()), held: make([]int32, s.itemCount()),
		pick: make([]int32, s.customerCount()), stopped: make([]bool, s.customerCount()), mineFrom: make([]int32, s.customerCount()+1),
	}
}

func (e *evaluator) choose(sets []int) {
	clear(e.chosen)
	clear(e.held)
	for _, j := range sets {
		e.chosen[j] = true
		for _, item := range e.itemsOf(int32(j)) {
			e.held[item]++
		}
	}
	e.list(sets)
}

// list sets mine.
func (e *evaluator) list(sets []int) {
	clear(e.mineFrom)
	for _, j := range sets {
		for _, i := range e.customer[e.customersFrom[j]:e.customersFrom[j+1]] {
			e.mineFrom[i+1]++
		}
	}
	for i := range e.pick {
		e.mineFrom[i+1] += e.mineFrom[i]
	}
	e.mine = slices.Grow(e.mine[:0], int(e.mineFrom[len(e.pick)]))[:e.mineFrom[len(e.pick)]]
	for _, j := range sets {
		for k := e.customersFrom[j]; k < e.customersFrom[j+1]; k++ {
			i := e.customer[k]
			e.mine[e.mineFrom[i]] = e.optionsFrom[i] + e.place[k]
			e.mineFrom[i]++
		}
	}
	copy(e.mineFrom[1:], e.mineFrom)
	e.mineFrom[0] = 0
	for i := range e.pick {
		slices.Sort(e.mineOf(i))
	}
	if e.priced() {
		e.mineGain, e.mineCost = e.mineGain[:0], e.mineCost[:0]
		for _, k := range e.mine {
			e.mineGain, e.mineCost = append(e.mineGain, e.optionGain[k]), append(e.mineCost, e.optionCost[k])
		}
	}
}

func (e *evaluator) mineOf(i int) []int32 { return e.mine[e.mineFrom[i]:e.mineFrom[i+1]] }

// evaluate finds picks for the chosen sets, and returns their gain and what all costs.
func (e *evaluator) evaluate() (gain, cost float64) {
	e.gain, e.cost = 0, e.fixedCost(e.chosen, e.held)
	if e.priced() {
		e.takeSteps()
		e.improve()
		e.sum()
		return e.gain, e.cost
	}
	for i := range e.pick {
		e.pick[i] = -1
		if mine := e.mineOf(i); len(mine) > 0 {
			e.pick[i] = mine[0]
		}
	}
	e.sum()
	return e.gain, e.cost
}

// sum adds up in one order, so that equal choices have equal sums.
func (e *evaluator) sum() {
	e.gain, e.cost = 0, e.fixedCost(e.chosen, e.held)
	for _, k := range e.pick {
		if k >= 0 {
			e.gain += e.optionGain[k]
			e.cost += e.costOf(k)
		}
	}
}

// picks are positions among the options of the problem.
func (e *evaluator) picks() []int {
	picks := make([]int, len(e.pick))
	for i, k := range e.pick {
		picks[i] = -1
		if k >= 0 {
			picks[i] = int(e.position[k])
		}
	}
	return picks
}

// makeHull leaves the corners of a customer's upper hull by rising cost and gain.
func (e *evaluator) makeHull(i int) {
	e.hull = e.hull[:0]
	none := false
	e.byCost = append(e.byCost[:0], e.mineOf(i)...)
	slices.SortFunc(e.byCost, func(x, y int32) int {
		return cmp.Or(cmp.Compare(e.optionCost[x], e.optionCost[y]), cmp.Compare(e.optionGain[y], e.optionGain[x]), cmp.Compare(x, y))
	})
	for _, k := range e.byCost {
		if !none && e.optionCost[k] >= 0 {
			none = true
			e.addCorner(corner{option: -1})
		}
		e.addCorner(corner{k, e.optionGain[k], e.optionCost[k]})
	}
	if !none {
		e.addCorner(corner{option: -1})
	}
}

func (e *evaluator) addCorner(c corner) {
	n := len(e.hull)
	if n > 0 && c.gain <= e.hull[n-1].gain {
		return
	}
	for ; n > 1; n-- {
		last, before := e.hull[n-1], e.hull[n-2]
		if (c.gain-last.gain)*(last.cost-before.cost) < (last.gain-before.gain)*(c.cost-last.cost) {
			break
		}
	}
	e.hull = append(e.hull[:n], c)
}

func (e *evaluator) takeSteps() {
	e.steps = e.steps[:0]
	for i := range e.pick {
		e.makeHull(i)
		e.stopped[i] = false
		first := e.hull[0]
		e.pick[i] = first.option
		e.gain, e.cost = e.gain+first.gain, e.cost+first.cost
		for n, c := range e.hull[1:] {
			s := step{customer: int32(i), to: c.option, gain: c.gain - e.hull[n].gain, cost: c.cost - e.hull[n].cost}
			s.rate = s.gain / s.cost // +Inf where it costs nothing
			e.steps = append(e.steps, s)
		}
	}
	slices.SortFunc(e.steps, func(x, y step) int {
		return cmp.Or(cmp.Compare(y.rate, x.rate), cmp.Compare(x.customer, y.customer), cmp.Compare(x.gain, y.gain))
	})
	e.rate = e.perCost
	for _, s := range e.steps {
		if e.cheapest && e.reached(e.gain) || !e.cheapest && s.rate <= e.perCost {
			break
		}
		if e.stopped[s.customer] {
			continue
		}
		if !e.within(e.cost + s.cost) {
			e.stopped[s.customer] = true
			e.rate = max(e.rate, s.rate)
			continue
		}
		e.pick[s.customer] = s.to
		e.gain, e.cost = e.gain+s.gain, e.cost+s.cost
		if e.cheapest {
			e.rate = s.rate
		}
	}
}

// improve changes single picks, the best change first, as long as that is better.
func (e *evaluator) improve() {
	for range len(e.pick) {
		customer, to := -1, int32(-1)
		gain, cost := e.gain, e.cost
		most := e.value(gain, cost)
		try := func(i int, k int32, g, c float64) {
			if !e.cheapest && e.value(g, c) < most-2*e.grain {
				return // so are nearly all
			}
			if e.within(c) && e.better(g, c, gain, cost) {
				customer, to, gain, cost = i, k, g, c
				most = e.value(gain, cost)
			}
		}
		for i, old := range e.pick {
			g, c := e.gain, e.cost
			if old >= 0 {
				g, c = g-e.optionGain[old], c-e.optionCost[old]
				try(i, -1, g, c)
			}
			for n := e.mineFrom[i]; n < e.mineFrom[i+1]; n++ {
				if k := e.mine[n]; k != old {
					try(i, k, g+e.mineGain[n], c+e.mineCost[n])
				}
			}
		}
		if customer < 0 {
			return
		}
		e.pick[customer], e.gain, e.cost = to, gain, cost
	}
}

// proof is a branch and bound over the picks of chosen sets, at one multiplier.
type proof struct {
	*evaluator
	open  []open
	nodes int
	// room is how much worse than the relaxed best a better choice may be.
	room float64
	// leastCost and mostGain are of open customers from a place on.
	leastCost, mostGain []float64
	now, best           []int32
	bestGain, bestCost  float64
	relaxed             float64
}

// open is a customer with more than one pick that may be of use.
type open struct {
	customer int32
	options  []loss
}

// loss is how much worse an option is than the customer's best at the multiplier.
type loss struct {
	option           int32
	gain, cost, loss float64
}

// prove looks for better picks than those that evaluate found, in a number of nodes, and
// says whether it looked at all that might be better.
func (e *evaluator) prove(nodes int) (gain, cost float64, complete bool) {
	multiplier := e.rate
	if e.cheapest {
		multiplier = 1 / max(e.rate, math.SmallestNonzeroFloat64)
		if math.IsInf(multiplier, 1) || math.IsInf(e.rate, 1) {
			multiplier = 0
		}
	} else if math.IsInf(e.rate, 1) {
		multiplier = e.perCost
	}
	p := &proof{evaluator: e, nodes: nodes, best: slices.Clone(e.pick), bestGain: e.gain, bestCost: e.cost}
	fixedGain, fixedCost := p.prepare(multiplier)
	p.visit(0, 0, fixedGain, fixedCost)
	copy(e.pick, p.best)
	e.sum()
	return e.gain, e.cost, p.nodes >= 0
}

// prepare lists each customer's options by loss and settles customers for whom only one
// may be of use.
func (p *proof) prepare(multiplier float64) (gain, cost float64) {
	cost = p.fixedCost(p.chosen, p.held)
	weightGain, weightCost := p.weights(multiplier)
	p.relaxed = p.constant(multiplier) - weightCost*cost
	all := make([]open, 0, len(p.pick))
	for i := range p.pick {
		list := []loss{{option: -1}}
		for _, k := range p.mineOf(i) {
			list = append(list, loss{option: k, gain: p.optionGain[k], cost: p.optionCost[k]})
		}
		best := math.Inf(-1)
		for n := range list {
			list[n].loss = weightGain*list[n].gain - weightCost*list[n].cost
			best = max(best, list[n].loss)
		}
		for n := range list {
			list[n].loss = best - list[n].loss
		}
		slices.SortFunc(list, func(x, y loss) int { return cmp.Or(cmp.Compare(x.loss, y.loss), cmp.Compare(x.option, y.option)) })
		p.relaxed += best
		all = append(all, open{int32(i), list})
	}
	p.setRoom()
	p.now = make([]int32, len(p.pick))
	for _, o := range all {
		o.options = slices.DeleteFunc(o.options, func(l loss) bool { return l.loss > p.room && l.loss > 0 })
		p.now[o.customer] = o.options[0].option
		if len(o.options) == 1 {
			gain, cost = gain+o.options[0].gain, cost+o.options[0].cost
			continue
		}
		p.open = append(p.open, o)
	}
	slices.SortStableFunc(p.open, func(x, y open) int { return cmp.Compare(y.options[1].loss, x.options[1].loss) })
	p.leastCost, p.mostGain = make([]float64, len(p.open)+1), make([]float64, len(p.open)+1)
	for n := len(p.open) - 1; n >= 0; n-- {
		least, most := math.Inf(1), math.Inf(-1)
		for _, l := range p.open[n].options {
			least, most = min(least, l.cost), max(most, l.gain)
		}
		p.leastCost[n], p.mostGain[n] = p.leastCost[n+1]+least, p.mostGain[n+1]+most
	}
	return gain, cost
}

func (p *proof) setRoom() {
	p.room = math.Inf(1)
	if p.feasible(p.bestGain, p.bestCost) {
		p.room = p.relaxed - p.value(p.bestGain, p.bestCost)
	}
}

func (p *proof) visit(n int, lost, gain, cost float64) {
	if p.nodes--; p.nodes < 0 || lost > p.room || !p.within(cost+p.leastCost[n]) || !p.reached(gain+p.mostGain[n]) {
		return
	}
	if n == len(p.open) {
		if p.better(gain, cost, p.bestGain, p.bestCost) || !p.within(p.bestCost) {
			copy(p.best, p.now)
			p.bestGain, p.bestCost = gain, cost
			p.setRoom()
		}
		return
	}
	for _, l := range p.open[n].options {
		p.now[p.open[n].customer] = l.option
		p.visit(n+1, lost+l.loss, gain+l.gain, cost+l.cost)
	}
}
