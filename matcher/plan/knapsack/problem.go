// Package knapsack chooses sets under a budget, where sets share what they are made of
// and each customer is served by the best chosen one; and proves how good the choice is.
//
// The problem. Sets are made of items; an item is paid for once, however many chosen sets
// hold it, and a set has a cost of its own beside. Each customer gains by the one chosen
// set that is best for it, or not at all. The costs of the chosen sets and of their items
// are to stay within a budget, the number of sets within a quota, and the sum of gains is
// to be as large as can be. For image caches sets are caches, items layers, customers
// apps: "shared" storage has layers as items, "separate" storage has no items and each
// set's own cost is that of all its layers. It is NP-hard: with one customer for each set
// and no items it is the 0-1 knapsack.
//
// The choice is found by greedy filling, then by ruin and recreate (search.go). The bound
// is that of a linear relaxation, found by the volume algorithm (bound.go); it is tighter
// than the usual one, which pays half of an item that two half-chosen sets share.
//
// It knows no times, caches or money: amounts are float64 in the caller's units.
//
// Use: fill a Problem, New it, then Search and Bound; or, where gains come from the items
// that customers and sets have in common, a Layered problem, and Solve it.
package knapsack

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Problem is what to choose from, and for whom.
type Problem struct {
	// ItemCost is what each item costs, once.
	ItemCost []float64
	Sets     []Set
	// Customers are the options of each: at most one for each set.
	Customers [][]Option
	// Budget is the most that a choice may cost, Quota the most sets; 0 is no quota.
	Budget float64
	Quota  int
}

// Set is one that may be chosen.
type Set struct {
	// Items are positions in ItemCost, each once.
	Items []int
	// Cost is the set's own, beside that of its items.
	Cost float64
}

// Option is what a customer gains by a set, if it is the best of those chosen.
type Option struct {
	Set  int
	Gain float64
}

// Choice is an answer.
type Choice struct {
	// Sets are positions in Problem.Sets, in rising order.
	Sets       []int
	Gain, Cost float64
}

// Solver holds a problem in rows that are quick to go through. It is not changed by its
// methods, which may be called at once.
type Solver struct {
	quota  int
	budget float64
	// options of customers, the best first: those of customer i are at optionsFrom[i] to
	// optionsFrom[i+1].
	optionsFrom []int32
	optionSet   []int32
	optionGain  []float64
	// customers of sets: the customer, and the place of the set among its options.
	customersFrom []int32
	customer      []int32
	place         []int32
	// items of sets, and sets of items.
	itemsFrom, items []int32
	setsFrom, sets   []int32
	itemCost         []float64
	setCost          []float64
}

// New checks a problem and prepares it.
func New(p *Problem) (*Solver, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("knapsack: %w", err)
	}
	s := &Solver{quota: p.Quota, budget: p.Budget, itemCost: slices.Clone(p.ItemCost)}
	if s.quota == 0 {
		s.quota = len(p.Sets)
	}
	s.addItems(p)
	s.addOptions(p)
	return s, nil
}

func (s *Solver) addItems(p *Problem) {
	holders := make([][]int32, len(p.ItemCost))
	s.itemsFrom = append(s.itemsFrom, 0)
	for j := range p.Sets {
		s.setCost = append(s.setCost, p.Sets[j].Cost)
		for _, item := range p.Sets[j].Items {
			s.items = append(s.items, int32(item))
			holders[item] = append(holders[item], int32(j))
		}
		s.itemsFrom = append(s.itemsFrom, int32(len(s.items)))
	}
	s.setsFrom, s.sets = rows(holders)
}

func (s *Solver) addOptions(p *Problem) {
	type visitor struct{ customer, place int32 }
	visitors := make([][]visitor, len(p.Sets))
	s.optionsFrom = append(s.optionsFrom, 0)
	for i, options := range p.Customers {
		useful := slices.DeleteFunc(slices.Clone(options), func(o Option) bool { return o.Gain <= 0 })
		slices.SortFunc(useful, func(x, y Option) int {
			return cmp.Or(cmp.Compare(y.Gain, x.Gain), cmp.Compare(x.Set, y.Set))
		})
		for k, o := range useful {
			s.optionSet, s.optionGain = append(s.optionSet, int32(o.Set)), append(s.optionGain, o.Gain)
			visitors[o.Set] = append(visitors[o.Set], visitor{int32(i), int32(k)})
		}
		s.optionsFrom = append(s.optionsFrom, int32(len(s.optionSet)))
	}
	s.customersFrom = append(s.customersFrom, 0)
	for _, list := range visitors {
		for _, v := range list {
			s.customer, s.place = append(s.customer, v.customer), append(s.place, v.place)
		}
		s.customersFrom = append(s.customersFrom, int32(len(s.customer)))
	}
}

// rows are lists one after another, and where each begins.
func rows(lists [][]int32) (from, all []int32) {
	from = append(from, 0)
	for _, list := range lists {
		all = append(all, list...)
		from = append(from, int32(len(all)))
	}
	return from, all
}

func (s *Solver) setCount() int      { return len(s.setCost) }
func (s *Solver) itemCount() int     { return len(s.itemCost) }
func (s *Solver) customerCount() int { return len(s.optionsFrom) - 1 }

// itemsOf are the items of a set.
func (s *Solver) itemsOf(set int32) []int32 {
	return s.items[s.itemsFrom[set]:s.itemsFrom[set+1]]
}

// Of is the choice of some sets, with its gain and cost.
func (s *Solver) Of(sets []int) Choice {
	c := Choice{Sets: slices.Compact(slices.Sorted(slices.Values(sets)))}
	chosen, paid := make([]bool, s.setCount()), make([]bool, s.itemCount())
	for _, j := range c.Sets {
		chosen[j] = true
		c.Cost += s.setCost[j]
		for _, item := range s.itemsOf(int32(j)) {
			if !paid[item] {
				paid[item] = true
				c.Cost += s.itemCost[item]
			}
		}
	}
	for i := range s.customerCount() {
		for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
			if chosen[s.optionSet[k]] {
				c.Gain += s.optionGain[k]
				break
			}
		}
	}
	return c
}

// slack allows for rounding where sums are compared with the budget.
const slack = 1e-9

// affordable says whether a cost is within the budget.
func (s *Solver) affordable(cost float64) bool { return cost <= s.budget*(1+slack) }

func (p *Problem) validate() error {
	switch {
	case !(p.Budget >= 0) || math.IsInf(p.Budget, 1):
		return fmt.Errorf("a budget of %v: it must be a finite number of at least 0", p.Budget)
	case p.Quota < 0:
		return fmt.Errorf("a quota of %d sets: it must be at least 1, or 0 for none", p.Quota)
	case len(p.Sets) > math.MaxInt32 || len(p.Customers) > math.MaxInt32 || len(p.ItemCost) > math.MaxInt32:
		return fmt.Errorf("%d sets, %d customers, %d items: too many", len(p.Sets), len(p.Customers), len(p.ItemCost))
	}
	for i, cost := range p.ItemCost {
		if !(cost >= 0) || math.IsInf(cost, 1) {
			return fmt.Errorf("item %d costs %v: it must be a finite number of at least 0", i, cost)
		}
	}
	for j := range p.Sets {
		if err := p.validateSet(j); err != nil {
			return err
		}
	}
	seen := make([]int, len(p.Sets)) // the last customer that had an option of the set, from 1
	options := 0
	for i, list := range p.Customers {
		options += len(list)
		for _, o := range list {
			switch {
			case o.Set < 0 || o.Set >= len(p.Sets):
				return fmt.Errorf("customer %d has an option of set %d, of %d sets", i, o.Set, len(p.Sets))
			case seen[o.Set] == i+1:
				return fmt.Errorf("customer %d has two options of set %d", i, o.Set)
			case math.IsNaN(o.Gain) || math.IsInf(o.Gain, 0):
				return fmt.Errorf("customer %d gains %v by set %d: it must be a finite number", i, o.Gain, o.Set)
			}
			seen[o.Set] = i + 1
		}
	}
	if options > math.MaxInt32 {
		return fmt.Errorf("%d options: too many", options)
	}
	return nil
}

func (p *Problem) validateSet(j int) error {
	set := &p.Sets[j]
	if !(set.Cost >= 0) || math.IsInf(set.Cost, 1) {
		return fmt.Errorf("set %d costs %v: it must be a finite number of at least 0", j, set.Cost)
	}
	held := slices.Sorted(slices.Values(set.Items))
	for k, item := range held {
		switch {
		case item < 0 || item >= len(p.ItemCost):
			return fmt.Errorf("set %d holds item %d, of %d items", j, item, len(p.ItemCost))
		case k > 0 && held[k-1] == item:
			return fmt.Errorf("set %d holds item %d twice", j, item)
		}
	}
	return nil
}
