package knapsack

// ascentRounds are how often each customer is lowered by a step.
const ascentRounds = 60

// ascend finds prices to start from. Where sets have no items in common it is the dual
// ascent of facility location (Erlenkotter, Operations Research 26(6), 1978): each
// customer starts at its best option without fees and is lowered step by step, to the next
// option or as far as the sets above it can still take a fee.
func (r *relaxation) ascend() *prices {
	p := r.newPrices()
	if r.itemCount() > 0 {
		return p
	}
	p.multiplier = max(r.unit, r.goal.least())
	if !r.goal.limited() {
		p.multiplier = r.goal.least()
	}
	a := &ascent{relaxation: r, fee: p.fee, left: make([]float64, r.setCount()), worth: make([]float64, len(r.optionSet))}
	o := r.newOffers()
	best, bestValue := r.newPrices(), 0.0
	// The multiplier that is best at the fees leads to new fees.
	for n := range 6 {
		clear(p.fee)
		a.run(p.multiplier)
		if value := r.value(p, o); n == 0 || value < bestValue {
			bestValue = value
			best.copy(p)
		} else {
			break
		}
	}
	return best
}

type ascent struct {
	*relaxation
	fee   []float64 // by option
	left  []float64 // by set, of what fees may come to
	worth []float64 // by option
	level []float64 // by customer
}

func (a *ascent) run(multiplier float64) {
	gain, cost := a.goal.weights(multiplier)
	for j, c := range a.setCost {
		a.left[j] = cost * c
	}
	a.level = make([]float64, a.customerCount())
	for i := range a.level {
		for k := a.optionsFrom[i]; k < a.optionsFrom[i+1]; k++ {
			a.worth[k] = gain*a.optionGain[k] - cost*a.costOf(k)
			a.level[i] = max(a.level[i], a.worth[k])
		}
	}
	for range ascentRounds {
		changed := false
		for i := range a.level {
			changed = a.lower(i) || changed
		}
		if !changed {
			return
		}
	}
}

// lower moves one customer's level down a step and charges the sets above it.
func (a *ascent) lower(i int) bool {
	now, next := a.level[i], 0.0
	for k := a.optionsFrom[i]; k < a.optionsFrom[i+1]; k++ {
		if a.worth[k] < now {
			next = max(next, a.worth[k])
		}
		next = max(next, a.worth[k]-a.fee[k]-a.left[a.optionSet[k]])
	}
	if !(next < now) {
		return false
	}
	a.level[i] = next
	for k := a.optionsFrom[i]; k < a.optionsFrom[i+1]; k++ {
		fee := max(0, a.worth[k]-next)
		a.left[a.optionSet[k]] -= fee - a.fee[k]
		a.fee[k] = fee
	}
	return true
}
