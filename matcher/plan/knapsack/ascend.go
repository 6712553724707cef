package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
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
		left: make([]float64, r.setCount()), byWorth: make([]worthy, len(r.optionSet)), level: make([]float64, r.customerCount()),
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
	// byWorth are the options of each customer, those of most worth first.
	byWorth []worthy
	level   []float64 // by customer
}

type worthy struct {
	worth  float64
	option int32
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
		row := a.of(i)
		for n := range row {
			k := a.optionsFrom[i] + int32(n)
			row[n] = worthy{gain*a.optionGain[k] - cost*a.costOf(k), k}
		}
		if a.ordered || a.optionCost != nil { // else they are in this order
			slices.SortFunc(row, func(x, y worthy) int { return cmp.Or(cmp.Compare(y.worth, x.worth), cmp.Compare(x.option, y.option)) })
		}
		if a.level[i] = 0; len(row) > 0 {
			a.level[i] = max(0, row[0].worth)
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

func (a *lowering) of(i int) []worthy { return a.byWorth[a.optionsFrom[i]:a.optionsFrom[i+1]] }

// lower moves one customer's level down a step and charges the sets above it. Options below
// the next step do not matter yet; where rounding left a set a little too much charged, the
// step ends as much above its option.
func (a *lowering) lower(i int) bool {
	row := a.of(i)
	now, next, above := a.level[i], 0.0, 0
	for n, below := 0, math.Inf(-1); n < len(row) && row[n].worth >= below; n++ {
		x := row[n]
		if x.worth < now {
			below = x.worth
			next = max(next, below)
		} else {
			above++
		}
		next = max(next, x.worth-a.fee[x.option]-a.left[a.optionSet[x.option]])
	}
	if !(next < now) {
		return false
	}
	a.level[i] = next
	for _, x := range row[:above] {
		fee := max(0, x.worth-next)
		a.left[a.optionSet[x.option]] -= fee - a.fee[x.option]
		a.fee[x.option] = fee
	}
	return true
}
