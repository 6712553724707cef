package knapsack

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Solver holds a problem in rows that are quick to go through. It is not changed by its
// methods, which may be called at once.
type Solver struct {
	ordered       bool
	quota         int
	budget, price float64
	rows
	// items of sets, and sets of items.
	itemsFrom, items []int32
	setsFrom, sets   []int32
	itemCost         []float64
	setCost          []float64
	uncounted        []bool // by set
	// mostGain is what customers gain, or lose, at the most together; mostCost what all
	// sets, items, and each customer's dearest option cost: the scales of rounding.
	mostGain, mostCost float64
	// mostSpared is what options of costs below 0 may spare at the most.
	mostSpared float64
}

// rows are the options of customers in an order: that of the customer where it is fixed,
// else the best first.
type rows struct {
	// Those of customer i are at optionsFrom[i] to optionsFrom[i+1].
	optionsFrom []int32
	optionSet   []int32
	optionGain  []float64
	optionCost  []float64 // nil where none has a cost
	position    []int32   // of the option in the problem
	// customers of sets: the customer, and the place of the set among its options.
	customersFrom []int32
	customer      []int32
	place         []int32
}

// New checks a problem and prepares it.
func New(p *Problem) (*Solver, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("knapsack: %w", err)
	}
	s := &Solver{ordered: p.Ordered, quota: p.Quota, budget: p.Budget, price: p.Price, itemCost: slices.Clone(p.ItemCost)}
	if s.quota == 0 {
		s.quota = len(p.Sets)
	}
	s.addItems(p)
	s.addOptions(p)
	s.addScales()
	return s, nil
}

func (s *Solver) addItems(p *Problem) {
	holders := make([][]int32, len(p.ItemCost))
	s.itemsFrom = append(s.itemsFrom, 0)
	for j := range p.Sets {
		s.setCost = append(s.setCost, p.Sets[j].Cost)
		s.uncounted = append(s.uncounted, p.Sets[j].Uncounted)
		for _, item := range p.Sets[j].Items {
			s.items = append(s.items, int32(item))
			holders[item] = append(holders[item], int32(j))
		}
		s.itemsFrom = append(s.itemsFrom, int32(len(s.items)))
	}
	s.setsFrom, s.sets = joined(holders)
}

// joined are lists one after another, and where each begins.
func joined(lists [][]int32) (from, all []int32) {
	from = append(from, 0)
	for _, list := range lists {
		all = append(all, list...)
		from = append(from, int32(len(all)))
	}
	return from, all
}

// addOptions adds those that may be of use: where the choice says who serves a customer,
// none is taken that gains nothing and spares nothing.
func (s *Solver) addOptions(p *Problem) {
	costs := false
	for _, options := range p.Customers {
		s.optionsFrom = append(s.optionsFrom, int32(len(s.optionSet)))
		order := make([]int32, 0, len(options))
		for k, o := range options {
			if p.Ordered || o.Gain > 0 || o.Cost < 0 {
				order = append(order, int32(k))
			}
		}
		if !p.Ordered {
			slices.SortFunc(order, func(x, y int32) int {
				return cmp.Or(cmp.Compare(options[y].Gain, options[x].Gain), cmp.Compare(options[x].Set, options[y].Set))
			})
		}
		for _, k := range order {
			s.optionSet, s.position = append(s.optionSet, int32(options[k].Set)), append(s.position, k)
			s.optionGain, s.optionCost = append(s.optionGain, options[k].Gain), append(s.optionCost, options[k].Cost)
			costs = costs || options[k].Cost != 0
		}
	}
	s.optionsFrom = append(s.optionsFrom, int32(len(s.optionSet)))
	s.addCustomers(len(p.Sets))
	if !costs {
		s.optionCost = nil
	}
}

// addCustomers are those of each set, in their order.
func (r *rows) addCustomers(sets int) {
	r.customersFrom = make([]int32, sets+1)
	for _, j := range r.optionSet {
		r.customersFrom[j+1]++
	}
	for j := range sets {
		r.customersFrom[j+1] += r.customersFrom[j]
	}
	next := slices.Clone(r.customersFrom)
	r.customer, r.place = make([]int32, len(r.optionSet)), make([]int32, len(r.optionSet))
	for i := range len(r.optionsFrom) - 1 {
		for k := r.optionsFrom[i]; k < r.optionsFrom[i+1]; k++ {
			j := r.optionSet[k]
			r.customer[next[j]], r.place[next[j]] = int32(i), k-r.optionsFrom[i]
			next[j]++
		}
	}
}

func (s *Solver) addScales() {
	s.mostGain, s.mostCost, s.mostSpared = 0, 0, 0
	for _, cost := range s.itemCost {
		s.mostCost += cost
	}
	for _, cost := range s.setCost {
		s.mostCost += cost
	}
	for i := range s.customerCount() {
		gain, cost, spared := 0.0, 0.0, 0.0
		for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
			gain = max(gain, math.Abs(s.optionGain[k]))
			cost = max(cost, math.Abs(s.costOf(k)))
			spared = max(spared, -s.costOf(k))
		}
		s.mostGain += gain
		s.mostCost += cost
		s.mostSpared += spared
	}
}

// costOf is what the option at k costs.
func (s *Solver) costOf(k int32) float64 {
	if s.optionCost == nil {
		return 0
	}
	return s.optionCost[k]
}

// priced says whether who is best for a customer depends on what money is worth.
func (s *Solver) priced() bool { return !s.ordered && s.optionCost != nil }

// pure says whether only gains matter, and the best is always taken.
func (s *Solver) pure() bool { return !s.ordered && s.optionCost == nil && s.price == 0 }

// at is the solver with options in the order of what they are worth where gain counts
// gain times and cost takes cost times off; those that are worth nothing are left out.
// It is s itself where the order is always the same.
func (s *Solver) at(gain, cost float64) *Solver {
	if !s.priced() {
		return s
	}
	worth := func(k int32) float64 { return gain*s.optionGain[k] - cost*s.optionCost[k] }
	return s.with(func(order []int32) []int32 {
		order = slices.DeleteFunc(order, func(k int32) bool { return worth(k) <= 0 })
		slices.SortFunc(order, func(x, y int32) int { return cmp.Or(cmp.Compare(worth(y), worth(x)), cmp.Compare(x, y)) })
		return order
	})
}

// with is the solver with what f makes of each customer's options.
func (s *Solver) with(f func(options []int32) []int32) *Solver {
	v := *s
	v.rows = rows{}
	var list []int32
	for i := range s.customerCount() {
		v.optionsFrom = append(v.optionsFrom, int32(len(v.optionSet)))
		list = list[:0]
		for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
			list = append(list, k)
		}
		for _, k := range f(list) {
			v.optionSet, v.position = append(v.optionSet, s.optionSet[k]), append(v.position, s.position[k])
			v.optionGain = append(v.optionGain, s.optionGain[k])
			if s.optionCost != nil {
				v.optionCost = append(v.optionCost, s.optionCost[k])
			}
		}
	}
	v.optionsFrom = append(v.optionsFrom, int32(len(v.optionSet)))
	v.addCustomers(s.setCount())
	return &v
}

func (s *Solver) setCount() int      { return len(s.setCost) }
func (s *Solver) itemCount() int     { return len(s.itemCost) }
func (s *Solver) customerCount() int { return len(s.optionsFrom) - 1 }

// itemsOf are the items of a set.
func (s *Solver) itemsOf(set int32) []int32 {
	return s.items[s.itemsFrom[set]:s.itemsFrom[set+1]]
}

// Of is the choice of some sets, whether or not they are within the budget, with its gain
// and cost. Where the choice says who serves a customer it is the best for the whole that
// is within the budget; where customers' options have costs that is a knapsack of its own,
// solved nearly or quite.
func (s *Solver) Of(sets []int) Choice {
	e := s.evaluator(s.mostValue())
	c := Choice{Sets: slices.Compact(slices.Sorted(slices.Values(sets)))}
	e.choose(c.Sets)
	c.Gain, c.Cost = e.evaluate()
	if s.priced() {
		c.Gain, c.Cost, _ = e.prove(pickNodes)
	}
	c.Picks = e.picks()
	return c
}

// slack allows for rounding where sums are compared with the budget.
const slack = 1e-9

// affordable says whether a cost is within the budget.
func (s *Solver) affordable(cost float64) bool { return cost <= s.budget*(1+slack) }

// fixedCost is what sets and their items cost.
func (s *Solver) fixedCost(chosen []bool, held []int32) float64 {
	cost := 0.0
	for j, in := range chosen {
		if in {
			cost += s.setCost[j]
		}
	}
	for item, n := range held {
		if n > 0 {
			cost += s.itemCost[item]
		}
	}
	return cost
}
