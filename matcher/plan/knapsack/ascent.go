package knapsack

import (
	"cmp"
	"slices"
)

// ascent proves bounds of a compact problem, each at one price of the budget in one pass
// over the customers.
//
// It is a solution of the dual of the relaxation that Solver.Bound solves. At a price p a
// budget spent would have to bring p a unit. Of an item's price each customer that holds it
// pays a share by its weight, or what the item is worth to it, if that is less; what is
// left of gains is net. Of a set's own price customers pay fees: x(i,j) being the net gain
// of customer i by set j, there are fees for any v(i) for which
//
//	Σ over i of max(0, x(i,j) − v(i)) ≤ p cost(j)  for each set j
//
// and then no choice gains more than p budget + Σ v(i). Customers are gone through once,
// the heaviest first, and each v(i) is made as small as what is left of the prices of sets
// allows (dual ascent; Erlenkotter, Operations Research 26, 1978).
type ascent struct {
	*compact
	order []int32
	// net is the net worth of what sets have of segments, by entries of setSegments, and
	// netWorth that of whole segments.
	net, netWorth []float64
	mark          []bool // by segment, of the customer that is looked at
	seen          []int32
	x             []float64 // by set
	// At the best price so far: what is left of the prices of sets and of items.
	bound, price   float64
	room, itemRoom []float64
}

// A segment that more sets than this have something of is broad: sets that share no other
// with a customer are not looked at, and v is at least what they may bring.
const broadSets = 400

func (c *compact) newAscent() *ascent {
	a := &ascent{
		compact: c, net: make([]float64, len(c.setParts)), netWorth: make([]float64, len(c.segmentWorth)),
		mark: make([]bool, len(c.segmentWorth)), seen: make([]int32, c.setCount()), x: make([]float64, c.setCount()),
	}
	for i := range int32(c.customerCount()) {
		a.order = append(a.order, i)
	}
	slices.SortFunc(a.order, func(x, y int32) int { return cmp.Or(cmp.Compare(c.weight[y], c.weight[x]), cmp.Compare(x, y)) })
	return a
}

// search looks for the best price by some passes, from one that is near it.
func (a *ascent) search(price float64, passes int) {
	const first, least = 1.6, 1.05
	a.at(price)
	for step, up := first, true; passes > 1 && step >= least; passes-- {
		before, next := a.bound, a.price/step
		if up {
			next = a.price * step
		}
		if a.at(next); a.bound == before {
			if up = !up; up {
				step = 1 + (step-1)/2
			}
		}
	}
}

// at makes one pass at a price, and keeps it if its bound is the best.
func (a *ascent) at(price float64) {
	itemRoom := a.shares(price)
	room := make([]float64, a.setCount())
	for j := range room {
		room[j] = price * a.setCost[j]
	}
	bound := price * a.budget
	clear(a.seen)
	var met []int32
	for turn, i := range a.order {
		var v float64
		met, v = a.look(i, int32(turn)+1, room, met[:0])
		for _, j := range met {
			if more := a.x[j] - v; more > 0 {
				room[j] = max(0, room[j]-more)
			}
		}
		bound += v
	}
	// Of thousands of terms that are rounded.
	if bound *= 1 + slack; a.room == nil || bound < a.bound {
		a.bound, a.price, a.room, a.itemRoom = bound, price, room, itemRoom
	}
}

// shares sets the net worths, and returns what customers do not pay of the items.
func (a *ascent) shares(price float64) []float64 {
	itemRoom := make([]float64, len(a.itemCost))
	netOfItem := make([]float64, len(a.itemCost))
	clear(a.netWorth)
	for item, cost := range a.itemCost {
		itemRoom[item] = price * cost
		if s := a.segmentOf[item]; s >= 0 && a.segmentWeight[s] > 0 {
			share := min(a.itemWorth[item], price*cost/a.segmentWeight[s])
			itemRoom[item] -= share * a.segmentWeight[s]
			netOfItem[item] = a.itemWorth[item] - share
			a.netWorth[s] += netOfItem[item]
		}
	}
	part := make([]float64, len(a.segmentWorth))
	for j := range int32(a.setCount()) {
		for _, item := range a.worthy.of(j) {
			part[a.segmentOf[item]] += netOfItem[item]
		}
		for k := a.setSegments.from[j]; k < a.setSegments.from[j+1]; k++ {
			s := a.setSegments.all[k]
			a.net[k], part[s] = part[s], 0
		}
	}
	return itemRoom
}

// look sets x of the sets that a customer shares a segment with that is not broad, and
// returns these, and the least v that the rooms of sets allow.
func (a *ascent) look(i, turn int32, room []float64, met []int32) ([]int32, float64) {
	held := a.customerSegments.of(i)
	for _, s := range held {
		a.mark[s] = true
	}
	weight, v, broad := a.weight[i], 0.0, 0.0
	for _, s := range held {
		sets := a.segmentSets.of(s)
		if len(sets) > broadSets {
			broad += a.netWorth[s]
			continue
		}
		for _, j := range sets {
			if a.seen[j] == turn {
				continue
			}
			a.seen[j] = turn
			x := 0.0
			for k := a.setSegments.from[j]; k < a.setSegments.from[j+1]; k++ {
				if a.mark[a.setSegments.all[k]] {
					x += a.net[k]
				}
			}
			x *= weight
			a.x[j] = x
			met = append(met, j)
			v = max(v, x-room[j])
		}
	}
	for _, s := range held {
		a.mark[s] = false
	}
	return met, max(v, weight*broad)
}

// reduced is by how much less than the bound any choice gains that has a set.
func (a *ascent) reduced(j int32) float64 {
	less := a.room[j]
	for _, item := range a.setItems.of(j) {
		less += a.itemRoom[item]
	}
	return less
}
