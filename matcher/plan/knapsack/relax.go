package knapsack

import "math"

// relaxation bounds a goal. With x the share of customer i that takes option k, y the
// share of a set and z that of an item that is bought it is
//
//	most  the goal's value of x, y and z
//	with  Σ over options k whose sets hold item l of x(i,k) ≤ z(l)   for each customer i and item l
//	      x(i,k) ≤ y(set of k)                                       for each option
//	      y(set of k) ≤ Σ over options k' up to k of x(i,k')         for each option, where customers are ordered
//	      Σ x(i,k) over k ≤ 1, the goal's limit, counted y within the quota
//
// The first line is what makes it tight. It holds of every choice, for a customer takes
// one option; the usual one, y(j) ≤ z(l), lets a customer be served by halves of two sets
// that share an item of which half is paid. The third line says that a customer takes
// nothing behind a chosen set, and not none.
//
// The first three lines are priced: each customer pays a share of every item and a fee for
// every set that it may use, and is paid for what it takes before a set whose place it
// thereby makes dear. Prices whatever they are prove a bound: each customer takes its best
// option at these prices, and what is paid more for than it costs is bought. What is left
// of the problem has one limit alone, that of the goal, whose best multiplier is found by
// a search of its own.
type relaxation struct {
	*Solver
	goal goal
	// priced is the item of each share: each customer has one for every item that an
	// option of its holds.
	priced []int32
	// The shares of an option's items are at sharesOf[from[k]:from[k+1]].
	from     []int32
	sharesOf []int32
	// cost of options, 0 where there is none.
	cost []float64
	// pure: what customers take does not depend on the multiplier.
	pure bool
	// unit is a first guess of the multiplier.
	unit float64
	// dear options cost more than any choice may; nil where there are none.
	dear []bool
}

func (s *Solver) relax(g goal) *relaxation {
	r := &relaxation{Solver: s, goal: g, from: []int32{0}, cost: s.optionCost, pure: !g.cheapest && !s.ordered && s.optionCost == nil}
	if r.cost == nil && !r.pure {
		r.cost = make([]float64, len(s.optionSet))
	}
	place, last := make([]int32, s.itemCount()), make([]int32, s.itemCount())
	for i := range s.customerCount() {
		for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
			for _, item := range s.itemsOf(s.optionSet[k]) {
				if last[item] != int32(i)+1 {
					last[item], place[item] = int32(i)+1, int32(len(r.priced))
					r.priced = append(r.priced, item)
				}
				r.sharesOf = append(r.sharesOf, place[item])
			}
			r.from = append(r.from, int32(len(r.sharesOf)))
		}
	}
	if s.ordered {
		r.shut(g.limit)
	}
	r.unit = 1
	if most := min(s.mostCost, g.limit); s.mostGain > 0 && most > 0 {
		if r.unit = s.mostGain / most; g.cheapest {
			r.unit = 1 / r.unit
		}
	}
	return r
}

// shut marks options that cost more than a limit with their sets: where customers are
// ordered such a set may be chosen yet if an earlier one is.
func (r *relaxation) shut(limit float64) {
	for k := range r.optionSet {
		if r.tooDear(int32(k), limit) {
			if r.dear == nil {
				r.dear = make([]bool, len(r.optionSet))
			}
			r.dear[k] = true
		}
	}
}

func (r *relaxation) isDear(k int32) bool { return r.dear != nil && r.dear[k] }

func (r *relaxation) sharesOfOption(k int32) []int32 { return r.sharesOf[r.from[k]:r.from[k+1]] }

// prices are what customers pay: shares of items, and fees for sets, by option; what they
// are paid for taking nothing behind a set (push), by option; and the goal's multiplier.
type prices struct {
	share, fee, push []float64
	multiplier       float64
}

func (r *relaxation) newPrices() *prices {
	p := &prices{share: make([]float64, len(r.priced)), fee: make([]float64, len(r.optionSet)), multiplier: r.unit}
	if r.ordered {
		p.push = make([]float64, len(r.optionSet))
	}
	return p
}

func (p *prices) copy(from *prices) {
	copy(p.share, from.share)
	copy(p.fee, from.fee)
	copy(p.push, from.push)
	p.multiplier = from.multiplier
}

// side is what is best at some prices and one multiplier.
type side struct {
	multiplier, value float64
	// slope is how the value changes with the multiplier.
	slope float64
	// best is each customer's option, −1 for none.
	best      []int32
	item, set []bool // bought
}

// offers are what prices come to, and what is best at them: where the limit is kept
// exactly, a part of one side and the rest of another.
type offers struct {
	// itemPaid and setPaid are what customers pay together.
	itemPaid, setPaid []float64
	// worth is what prices add to each option's; of pure relaxations taken and best say
	// what customers take.
	worth []float64
	taken float64
	best  []int32
	// low and high are sides where the multiplier could be higher and lower.
	low, high, trial *side
	part             float64 // of low
	// itemPart and setPart are how much of each is bought on both sides.
	itemPart, setPart []float64
	// ranked are for the quota.
	ranked []ranked
}

func (r *relaxation) newOffers() *offers {
	newSide := func() *side {
		return &side{best: make([]int32, r.customerCount()), item: make([]bool, r.itemCount()), set: make([]bool, r.setCount())}
	}
	return &offers{
		itemPaid: make([]float64, r.itemCount()), setPaid: make([]float64, r.setCount()), worth: make([]float64, len(r.optionSet)),
		itemPart: make([]float64, r.itemCount()), setPart: make([]float64, r.setCount()),
		best: make([]int32, r.customerCount()), low: newSide(), high: newSide(), trial: newSide(),
	}
}

// sides calls f with each side that has a part.
func (o *offers) sides(f func(s *side, part float64)) {
	if o.part > 0 {
		f(o.low, o.part)
	}
	if o.part < 1 {
		f(o.high, 1-o.part)
	}
}

// value is the bound that prices prove at the best multiplier near theirs, to which it
// sets theirs, and what is best at them; after decisions if there are any.
func (r *relaxation) value(at *prices, o *offers, d *decisions) float64 {
	r.price(at, o)
	if r.pure && d != nil {
		r.addWorths(at, o)
		r.takeDecided(o, d)
	}
	value := r.minimise(o, at.multiplier, d, math.Inf(-1), mostSteps)
	at.multiplier = value.multiplier
	return value.bound
}

// price sums up what prices come to.
func (r *relaxation) price(at *prices, o *offers) {
	clear(o.itemPaid)
	for a, item := range r.priced {
		o.itemPaid[item] += at.share[a]
	}
	clear(o.setPaid)
	for k, j := range r.optionSet {
		o.setPaid[j] += at.fee[k]
	}
	for k, push := range at.push {
		o.setPaid[r.optionSet[k]] -= push
	}
	if r.pure {
		r.take(at, o)
		return
	}
	r.addWorths(at, o)
}

// addWorths sums up what prices add to options.
func (r *relaxation) addWorths(at *prices, o *offers) {
	for i := range r.customerCount() {
		pushed := 0.0
		for k := r.optionsFrom[i+1] - 1; k >= r.optionsFrom[i]; k-- {
			if at.push != nil {
				pushed += at.push[k]
			}
			worth := pushed - at.fee[k]
			for _, a := range r.sharesOfOption(k) {
				worth -= at.share[a]
			}
			if r.isDear(k) {
				worth = math.Inf(-1)
			}
			o.worth[k] = worth
		}
	}
}

// take finds what customers of a pure relaxation take, at any multiplier.
func (r *relaxation) take(at *prices, o *offers) {
	o.taken = 0
	for i := range r.customerCount() {
		best, most := int32(-1), 0.0
		for k := r.optionsFrom[i]; k < r.optionsFrom[i+1]; k++ {
			worth := r.optionGain[k] - at.fee[k]
			if worth <= most || r.isDear(k) {
				continue
			}
			for _, a := range r.sharesOfOption(k) {
				worth -= at.share[a]
			}
			if worth > most {
				best, most = k, worth
			}
		}
		o.best[i] = best
		o.taken += most
	}
}

// takeDecided is take after decisions, from worths.
func (r *relaxation) takeDecided(o *offers, d *decisions) {
	o.taken = 0
	for i := range r.customerCount() {
		best, most := int32(-1), 0.0
		for _, k := range d.alive[d.aliveFrom[i]:d.aliveFrom[i+1]] {
			if worth := r.optionGain[k] + o.worth[k]; worth > most {
				best, most = k, worth
			}
		}
		o.best[i] = best
		o.taken += most
	}
}

// respond finds what is best at a multiplier, for decisions if there are any.
func (r *relaxation) respond(multiplier float64, o *offers, s *side, d *decisions) {
	s.multiplier, s.value = multiplier, r.goal.constant(multiplier)
	gain, cost := r.serve(o, s, d)
	_, weight := r.goal.weights(multiplier)
	for l, paid := range o.itemPaid {
		s.item[l] = false
		if worth := paid - weight*r.itemCost[l]; worth > 0 || d != nil && d.held[l] > 0 {
			s.item[l] = true
			s.value += worth
			cost += r.itemCost[l]
		}
	}
	left := r.quota
	if d != nil {
		left -= d.counted
	}
	o.ranked = o.ranked[:0]
	for j, paid := range o.setPaid {
		s.set[j] = false
		worth := paid - weight*r.setCost[j]
		free := r.uncounted[j]
		if d != nil && d.state[j] != undecided {
			if d.state[j] == out {
				continue
			}
			free = true
		} else if worth <= 0 {
			continue
		}
		if s.set[j] = true; !free {
			o.ranked = append(o.ranked, ranked{int32(j), worth})
		}
		s.value += worth
		cost += r.setCost[j]
	}
	if len(o.ranked) > left {
		firstOf(o.ranked, left)
		for _, x := range o.ranked[left:] {
			s.set[x.set] = false
			s.value -= x.worth
			cost -= r.setCost[x.set]
		}
	}
	s.slope = r.goal.slope(gain, cost)
}

// serve finds what customers take, and what they gain and pay.
func (r *relaxation) serve(o *offers, s *side, d *decisions) (gain, cost float64) {
	if r.pure {
		copy(s.best, o.best)
		s.value += o.taken
		return 0, 0
	}
	weightGain, weightCost := r.goal.weights(s.multiplier)
	for i := range r.customerCount() {
		best, most := int32(-1), 0.0
		if d == nil {
			for k := r.optionsFrom[i]; k < r.optionsFrom[i+1]; k++ {
				if worth := weightGain*r.optionGain[k] - weightCost*r.cost[k] + o.worth[k]; worth > most {
					best, most = k, worth
				}
			}
		} else {
			if d.forced[i] {
				most = math.Inf(-1)
			}
			for _, k := range d.alive[d.aliveFrom[i]:d.aliveFrom[i+1]] {
				if worth := weightGain*r.optionGain[k] - weightCost*r.cost[k] + o.worth[k]; worth > most {
					best, most = k, worth
				}
			}
		}
		s.best[i] = best
		if s.value += most; best >= 0 {
			gain, cost = gain+r.optionGain[best], cost+r.cost[best]
		}
	}
	return gain, cost
}

// firstOf brings those of most worth to the first places, of equal worth those of lower
// sets, in no order (Hoare's find, Communications of the ACM 4(7), 1961): to sort all took
// half of the time where there is a quota.
func firstOf(list []ranked, places int) {
	before := func(x, y ranked) bool { return x.worth > y.worth || x.worth == y.worth && x.set < y.set }
	for from, to := 0, len(list)-1; from < to; {
		pivot := list[(from+to)/2]
		i, j := from, to
		for i <= j {
			for before(list[i], pivot) {
				i++
			}
			for before(pivot, list[j]) {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case places <= j:
			to = j
		case places > i:
			from = i
		default:
			return
		}
	}
}
