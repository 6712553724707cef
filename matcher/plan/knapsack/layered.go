package knapsack

import (
	"fmt"
	"math"
	"slices"
)

// Layered is a problem whose gains come from the items: a customer gains, by a set, its
// weight times what the items are worth that both hold. It is far smaller than the options
// of a Problem where customers share items with many sets, and Solve is quicker and better
// than that of a Solver: it never makes options of all sets. Pools of nodes are no such
// problem, for a layer counts only above those below it: they are a Tree.
type Layered struct {
	// ItemCost is what each item costs, once; or, if Separate, each time that a chosen set
	// holds it.
	ItemCost []float64
	Separate bool
	// ItemWorth is what a customer of weight 1 gains by each item, at least 0.
	ItemWorth []float64
	Sets      []Set
	Customers []Holder
	// Budget is the most that a choice may cost; +Inf is none. Quota is the most sets that
	// are counted; 0 is none.
	Budget float64
	Quota  int
}

// Holder is a customer of a Layered problem.
type Holder struct {
	// Items are positions in Layered.ItemCost, each once.
	Items []int
	// Weight is at least 0.
	Weight float64
}

// Problem is the same with an option for every pair of a customer and a set that share an
// item of worth.
func (l *Layered) Problem() (*Problem, error) {
	if err := l.validate(); err != nil {
		return nil, fmt.Errorf("knapsack: %w", err)
	}
	return l.problem(), nil
}

func (l *Layered) problem() *Problem {
	p := &Problem{ItemCost: l.ItemCost, Sets: l.Sets, Budget: l.Budget, Quota: l.Quota}
	if l.Separate {
		p.ItemCost, p.Sets = nil, nil
		for _, set := range l.Sets {
			p.Sets = append(p.Sets, Set{Cost: l.whole(set), Uncounted: set.Uncounted})
		}
	}
	holders := make([][]int, len(l.ItemCost))
	for j, set := range l.Sets {
		for _, item := range set.Items {
			holders[item] = append(holders[item], j)
		}
	}
	gains := make([]float64, len(l.Sets))
	for _, c := range l.Customers {
		var met []int
		for _, item := range c.Items {
			for _, j := range holders[item] {
				if gain := c.Weight * l.ItemWorth[item]; gain > 0 {
					if gains[j] == 0 {
						met = append(met, j)
					}
					gains[j] += gain
				}
			}
		}
		options := make([]Option, 0, len(met))
		for _, j := range met {
			options = append(options, Option{Set: j, Gain: gains[j]})
			gains[j] = 0
		}
		p.Customers = append(p.Customers, options)
	}
	return p
}

// whole is what a set costs with all its items.
func (l *Layered) whole(set Set) float64 {
	cost := set.Cost
	for _, item := range set.Items {
		cost += l.ItemCost[item]
	}
	return cost
}

func (l *Layered) validate() error {
	p := &Problem{ItemCost: l.ItemCost, Sets: l.Sets, Budget: l.Budget, Quota: l.Quota}
	if err := p.validate(); err != nil {
		return err
	}
	if len(l.ItemWorth) != len(l.ItemCost) {
		return fmt.Errorf("the worth of %d items, the cost of %d: they must be as many", len(l.ItemWorth), len(l.ItemCost))
	}
	for i, worth := range l.ItemWorth {
		if !(worth >= 0) || math.IsInf(worth, 1) {
			return fmt.Errorf("item %d is worth %v: it must be a finite number of at least 0", i, worth)
		}
	}
	if len(l.Customers) > math.MaxInt32 {
		return fmt.Errorf("%d customers: too many", len(l.Customers))
	}
	for i, c := range l.Customers {
		if !(c.Weight >= 0) || math.IsInf(c.Weight, 1) {
			return fmt.Errorf("customer %d has a weight of %v: it must be a finite number of at least 0", i, c.Weight)
		}
		held := slices.Sorted(slices.Values(c.Items))
		for k, item := range held {
			switch {
			case item < 0 || item >= len(l.ItemCost):
				return fmt.Errorf("customer %d holds item %d, of %d items", i, item, len(l.ItemCost))
			case k > 0 && held[k-1] == item:
				return fmt.Errorf("customer %d holds item %d twice", i, item)
			}
		}
	}
	return nil
}
