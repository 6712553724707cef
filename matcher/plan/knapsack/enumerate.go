package knapsack

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// enumeration goes through all choices that may be better than one, by what they lose: for
// problems of sets that share no items, of which few make a choice. Searches stall there,
// for another choice may have no set in common with the one that was found.
//
// At prices of the relaxation (a price of the budget, and fees f(i,j) that customers pay for
// sets) no choice gains more than
//
//	bound = price budget + Σ over i of v(i),  v(i) ≥ x(i,j) − f(i,j), ≥ 0
//
// where x(i,j) is what customer i gains by set j. One that has a set j loses of that at
// least its room, price cost(j) − Σ over i of f(i,j), for what fees do not pay of it is
// bought for nothing; and all fees of a customer but the highest, for it is served once.
// Both only grow with every set more. So sets are tried in the order of their rooms, and a
// part of a choice that loses more than the bound is above the best choice is left.
//
// What may be lost is little at first and then more: the first choice within it is then
// nearly the best, and what is farther off is never looked at.
type enumeration struct {
	*Solver
	bound float64
	room  []float64 // by set
	fee   []float64 // by option
	order []int32   // sets that may be in a choice, by room
	// rows of sets may yet be gone through; below 0 it has ended early. Every nth look is
	// one at the context.
	rows, looks int
	ctx         context.Context
	// most is what may be lost, best the best choice.
	most float64
	best found
	// The choice at hand: by customer, the highest fee and the gain.
	paid, gained []float64
	list         []int32
	counted      int
	old          []float64 // paid and gained of the customers of list
}

// mostEnumerated options are gone through choice by choice; so many rows take no longer than
// a node of branch and bound.
const (
	mostEnumerated = 100_000
	rowsPerNode    = 100_000
)

// enumerable says whether a problem is one to go through.
func (s *Solver) enumerable() bool {
	return s.pure() && s.itemCount() == 0 && len(s.optionSet) <= mostEnumerated
}

// newEnumeration is at prices of a problem without items.
func newEnumeration(v *volume) *enumeration {
	e := &enumeration{
		Solver: v.Solver, room: make([]float64, v.setCount()), fee: make([]float64, len(v.optionSet)),
		paid: make([]float64, v.customerCount()), gained: make([]float64, v.customerCount()),
	}
	price := v.best.multiplier
	e.bound = price * min(e.budget, e.mostCost)
	for j, cost := range e.setCost {
		e.room[j] = price * cost
	}
	for i := range e.customerCount() {
		from, to, least := e.optionsFrom[i], e.optionsFrom[i+1], 0.0
		for k := from; k < to; k++ {
			least = max(least, e.optionGain[k]-v.best.fee[k])
		}
		e.bound += least
		for k := from; k < to; k++ {
			e.fee[k] = max(0, e.optionGain[k]-least)
			e.room[e.optionSet[k]] -= e.fee[k]
		}
	}
	for j, room := range e.room {
		e.bound -= min(0, room) // more than paid: bought, and something is left
		e.room[j] = max(0, room)
		if e.affordable(e.setCost[j]) {
			e.order = append(e.order, int32(j))
		}
	}
	e.bound += slack * math.Abs(e.bound)
	slices.SortFunc(e.order, func(a, b int32) int { return cmp.Or(cmp.Compare(e.room[a], e.room[b]), cmp.Compare(a, b)) })
	return e
}

// What may be lost at first is this part of all that may be, and then it grows.
const (
	firstLost    = 0.125
	lostMore     = 1.5
	looksBetween = 1000
)

// run looks for a choice that gains more than what is known, in a number of rows, and
// returns what none gains more than. best has no sets if none was found.
func (e *enumeration) run(ctx context.Context, known float64, rows int) float64 {
	e.ctx, e.rows, e.best = ctx, rows, found{gain: known}
	proven, all := e.bound, e.bound-known
	for lost := firstLost * all; e.best.gain*(1+slack) < proven; lost *= lostMore {
		lost = min(lost, all)
		e.most = min(lost, e.bound-e.best.gain)
		if e.visit(0, 0, 0, 0); e.rows < 0 {
			break
		}
		proven = max(e.best.gain*(1+slack), e.bound-lost)
	}
	return proven
}

// visit tries to add each set from a place of the order on to a choice that loses and costs
// so much, and gains so much.
func (e *enumeration) visit(from int, lost, cost, gain float64) {
	if e.looks++; e.looks%looksBetween == 0 && e.ctx.Err() != nil {
		e.rows = -1
	}
	for n := from; n < len(e.order) && e.rows >= 0; n++ {
		j := e.order[n]
		// Of thousands of terms that are rounded.
		most := e.most + slack*e.bound
		if lost+e.room[j] > most {
			return
		}
		if !e.affordable(cost+e.setCost[j]) || !e.uncounted[j] && e.counted == e.quota {
			continue
		}
		if with := lost + e.room[j] + e.paidTwice(j); with <= most {
			more := e.add(j)
			if gain+more > e.best.gain*(1+slack) {
				e.best = found{slices.Clone(e.list), gain + more, cost + e.setCost[j]}
				e.most = min(e.most, e.bound-e.best.gain)
			}
			e.visit(n+1, with, cost+e.setCost[j], gain+more)
			e.drop(j)
		}
	}
}

// paidTwice are the fees for a set of customers that pay for another one as well, the lower
// of the two each.
func (e *enumeration) paidTwice(j int32) float64 {
	from, to, twice := e.customersFrom[j], e.customersFrom[j+1], 0.0
	e.rows -= int(to - from)
	for k := from; k < to; k++ {
		i := e.customer[k]
		if paid := e.paid[i]; paid > 0 {
			twice += min(paid, e.fee[e.optionsFrom[i]+e.place[k]])
		}
	}
	return twice
}

// add puts a set into the choice at hand, and returns what it gains more.
func (e *enumeration) add(j int32) float64 {
	more := 0.0
	e.list = append(e.list, j)
	if !e.uncounted[j] {
		e.counted++
	}
	for k := e.customersFrom[j]; k < e.customersFrom[j+1]; k++ {
		i := e.customer[k]
		option := e.optionsFrom[i] + e.place[k]
		e.old = append(e.old, e.paid[i], e.gained[i])
		e.paid[i] = max(e.paid[i], e.fee[option])
		if gain := e.optionGain[option]; gain > e.gained[i] {
			more += gain - e.gained[i]
			e.gained[i] = gain
		}
	}
	return more
}

// drop takes the last set out again.
func (e *enumeration) drop(j int32) {
	from, to := e.customersFrom[j], e.customersFrom[j+1]
	old := e.old[len(e.old)-2*int(to-from):]
	for n, i := range e.customer[from:to] {
		e.paid[i], e.gained[i] = old[2*n], old[2*n+1]
	}
	e.old = e.old[:len(e.old)-len(old)]
	e.list = e.list[:len(e.list)-1]
	if !e.uncounted[j] {
		e.counted--
	}
}
