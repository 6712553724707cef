package knapsack

import (
	"cmp"
	"slices"
)

// One in exactEvery times the budget is filled by branch and bound, of as many nodes as
// look at exactLooks sets, about a millisecond; if sets are no more than mostExact.
const (
	exactEvery = 10
	exactLooks = 12_000
	mostExact  = 1_000
)

// filling fills the rest of a budget by branch and bound: with the set of the best ratio or
// without it. What sets would add falls as others are added, so that what fits of the best
// ratios, the last in part, is a limit where sets share no items.
type filling struct {
	*searching
	nodes int // that are left
	most  float64
	best  []int32
	out   []bool // by set
}

// fillExact fills the rest of the budget as well as it can in its nodes.
func (x *searching) fillExact() {
	f := &filling{searching: x, nodes: exactLooks / max(1, x.setCount()), most: x.gain, best: slices.Clone(x.list), out: make([]bool, x.setCount())}
	f.visit()
	x.become(f.best, x.wanted)
}

func (f *filling) visit() {
	if f.gain > f.most*(1+slack) {
		f.most, f.best = f.gain, append(f.best[:0], f.list...)
	}
	if f.nodes--; f.nodes < 0 {
		return
	}
	var may []ranked
	for j := range int32(f.setCount()) {
		if f.addGain[j] > f.least && !f.out[j] && f.fits(j) {
			may = append(may, ranked{j, f.ratio(j)})
		}
	}
	if len(may) == 0 {
		return
	}
	slices.SortFunc(may, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.worth, a.worth), cmp.Compare(a.set, b.set)) })
	limit, left := f.gain, f.budget-f.cost
	for _, r := range may {
		if f.addCost[r.set] >= left {
			limit += r.worth * left
			break
		}
		limit += f.addGain[r.set]
		left -= f.addCost[r.set]
	}
	if limit <= f.most*(1+slack) {
		return
	}
	first := may[0].set
	f.add(first)
	f.visit()
	f.drop(first)
	f.out[first] = true
	f.visit()
	f.out[first] = false
}
