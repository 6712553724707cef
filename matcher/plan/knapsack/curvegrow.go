package knapsack

import (
	"cmp"
	"context"
	"slices"
)

const (
	// fewSets is up to how many are chosen by trying all, from growStarts single ones.
	fewSets    = 5
	growStarts = 4
	// growWork is up to how many options of all sets together are gone through for one more.
	growWork = 15_000_000
)

// grow is for budgets of few sets, none of which may be worth all that the customers pay
// who want it at the price of money, so that the search by that price never takes it. Sets
// are judged by the picks that fit: the best is added, again and again, from each of the
// best single ones; then one takes the place of another.
func (p *point) grow(ctx context.Context) {
	if !p.priced() || len(p.best.sets) > fewSets || p.setCount()*len(p.seeker.optionSet) > growWork {
		return
	}
	var starts []found
	p.others(nil, func(f found) { starts = append(starts, f) })
	slices.SortStableFunc(starts, func(x, y found) int { return cmp.Compare(p.value(y.gain, y.cost), p.value(x.gain, x.cost)) })
	for _, f := range starts[:min(len(starts), growStarts)] {
		for next := &f; next != nil && ctx.Err() == nil; {
			f = *next
			if next = nil; len(f.sets) < fewSets {
				next = p.bestOther(f.sets, f)
			}
		}
		p.offer(f.sets)
	}
	for k := 0; k < len(p.best.sets) && ctx.Err() == nil; k++ {
		if next := p.bestOther(slices.Delete(slices.Clone(p.best.sets), k, k+1), p.best); next != nil {
			p.offer(next.sets)
			k = -1
		}
	}
}

// others are the choices within budget and quota of some sets and one more.
func (p *point) others(sets []int32, each func(f found)) {
	counted := 0
	for _, j := range sets {
		if !p.uncounted[j] {
			counted++
		}
	}
	for j := range int32(p.setCount()) {
		if p.customersFrom[j] == p.customersFrom[j+1] || slices.Contains(sets, j) || counted >= p.quota && !p.uncounted[j] {
			continue
		}
		if f := p.judged(append(slices.Clone(sets), j)); p.within(f.cost) {
			each(f)
		}
	}
}

// bestOther is the best choice of some sets and one more that is better than another; nil
// where there is none.
func (p *point) bestOther(sets []int32, than found) *found {
	var best *found
	p.others(sets, func(f found) {
		if p.better(f.gain, f.cost, than.gain, than.cost) {
			best, than = &f, f
		}
	})
	return best
}
