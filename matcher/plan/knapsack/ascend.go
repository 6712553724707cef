package knapsack

import (
	"context"
	"math"
)

const (
	// ascentRounds are how often each customer is lowered by a step.
	ascentRounds = 60
	// ascentWork is how many options may be gone through in search of a multiplier, beyond
	// leastAscents times all.
	ascentWork   = 10_000_000
	leastAscents = 8
)

// ascend finds prices to start from. Where sets have no items in common it is the dual
// ascent of facility location (Erlenkotter, Operations Research 26(6), 1978), at the
// multiplier of which that gives the least bound: each customer starts at its best option
// without fees and is lowered step by step, to the next option or as far as the sets above
// it can still take a fee.
func (r *relaxation) ascend(ctx context.Context) *prices {
	best := r.newPrices()
	if r.itemCount() > 0 || ctx.Err() != nil {
		return best
	}
	a := &lowering{
		ctx: ctx, relaxation: r, trial: r.newPrices(), best: best, lowest: math.Inf(1), offers: r.newOffers(),
		left: make([]float64, r.setCount()), worth: make([]float64, len(r.optionSet)), level: make([]float64, r.customerCount()),
	}
	if !r.goal.limited() {
		a.bound(r.goal.least())
		return best
	}
	a.search(leastAscents + ascentWork/(1+len(r.optionSet)))
	return best
}

// search narrows the multiplier down in a number of tries: by halves or doubles of the
// first guess as long as the bound falls, then between the neighbours of the least.
func (a *lowering) search(tries int) {
	tries = min(tries, 24)
	factor := 2.0
	x := max(a.unit, a.goal.least())
	at := a.bound(x)
	if half := a.bound(x / factor); half < at {
		x, at, factor = x/factor, half, 1/factor
	}
	for ; tries > leastAscents/2 && a.ctx.Err() == nil; tries-- {
		next := a.bound(x * factor)
		if next >= at {
			break
		}
		x, at = x*factor, next
	}
	for factor = math.Sqrt2; tries > 0 && a.ctx.Err() == nil; tries -= 2 {
		low, high := a.bound(x/factor), a.bound(x*factor)
		switch {
		case low < at && low <= high:
			x, at = x/factor, low
		case high < at:
			x, at = x*factor, high
		default:
			factor = math.Sqrt(factor)
		}
	}
}

// lowering is an ascent under way.
type lowering struct {
	ctx context.Context
	*relaxation
	trial  *prices
	best   *prices
	lowest float64
	offers *offers
	fee    []float64 // by option
	left   []float64 // by set, of what fees may come to
	worth  []float64 // by option
	level  []float64 // by customer
}

// bound is that of the ascent at a multiplier, or above its least.
func (a *lowering) bound(multiplier float64) float64 {
	multiplier = max(multiplier, a.goal.least())
	clear(a.trial.fee)
	a.fee = a.trial.fee
	a.run(multiplier)
	a.trial.multiplier = multiplier
	value := a.value(a.trial, a.offers, nil)
	if value < a.lowest {
		a.lowest = value
		a.best.copy(a.trial)
	}
	return value
}

func (a *lowering) run(multiplier float64) {
	gain, cost := a.goal.weights(multiplier)
	for j, c := range a.setCost {
		a.left[j] = cost * c
	}
	for i := range a.level {
		a.level[i] = 0
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
func (a *lowering) lower(i int) bool {
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
