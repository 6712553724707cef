// Package knapsack chooses sets under a budget, where sets share what they are made of
// and each customer is served by one chosen set; and proves how good the choice is.
//
// The problem. Sets are made of items; an item is paid for once, however many chosen sets
// hold it, and a set has a cost of its own beside. Each customer has options: sets that it
// may be served by, with what it gains and what its use costs. The costs of the chosen
// sets, of their items and of the options taken are to stay within a budget, the number of
// sets within a quota. Solve looks for the most gain, less a price of the cost if there is
// one; Cheapest for the least cost that gains enough; Curve for all between.
//
// Who serves a customer is for the choice to say (explicit), or follows from the chosen
// sets: the first of them in the customer's order (Ordered), even if it loses by that.
//
// For image caches sets are caches, items layers, customers apps, and the cost of an
// option the disks in use: "shared" storage has layers as items, "separate" storage has no
// items and each set's own cost is that of all its layers. It is NP-hard: with one
// customer for each set and no items it is the 0-1 knapsack.
//
// The choice is found by greedy filling, then by ruin and recreate (search.go, seek.go).
// The bound is that of a linear relaxation, found by the volume algorithm (relax.go,
// bound.go); it is tighter than the usual one, which pays half of an item that two
// half-chosen sets share. Branch and bound (branch.go) closes the gap where it can.
//
// It knows no times, caches or money: amounts are float64 in the caller's units, gains in
// one and costs in another.
//
// Use: fill a Problem, New it, then Solve, Cheapest or Curve; or, where gains come from the
// items that customers and sets have in common, fill a Layered problem, or where items are a
// tree, a Tree, and Solve it.
package knapsack

import (
	"fmt"
	"math"
)

// Problem is what to choose from, and for whom.
type Problem struct {
	// ItemCost is what each item costs, once.
	ItemCost []float64
	Sets     []Set
	// Customers are the options of each: at most one for each set.
	Customers [][]Option
	// Ordered: a customer takes the first chosen set in the order of its options,
	// whatever it gains; else it takes what is best for the whole, or none.
	Ordered bool
	// Budget is the most that a choice may cost; +Inf is none.
	Budget float64
	// Quota is the most sets that are counted; 0 is none.
	Quota int
	// Price is what Solve takes off the gain for each unit of cost, in units of gain.
	Price float64
}

// Set is one that may be chosen.
type Set struct {
	// Items are positions in ItemCost, each once.
	Items []int
	// Cost is the set's own, beside that of its items.
	Cost float64
	// Uncounted sets do not count towards the quota.
	Uncounted bool
}

// Option is a set that may serve a customer.
type Option struct {
	Set int
	// Gain is the customer's if it takes the option; it may be below 0, which matters
	// where customers are Ordered.
	Gain float64
	// Cost is paid beside the set's if the option is taken. It may be below 0: what the
	// customer no longer pays elsewhere.
	Cost float64
}

// Choice is an answer.
type Choice struct {
	// Sets are positions in Problem.Sets, in rising order.
	Sets []int
	// Picks are positions among each customer's options; −1 is none.
	Picks []int
	Gain  float64
	// Cost is of sets, their items, and the options taken.
	Cost float64
}

func (p *Problem) validate() error {
	switch {
	case !(p.Budget >= 0):
		return fmt.Errorf("a budget of %v: it must be a number of at least 0", p.Budget)
	case p.Quota < 0:
		return fmt.Errorf("a quota of %d sets: it must be at least 1, or 0 for none", p.Quota)
	case !(p.Price >= 0) || math.IsInf(p.Price, 1):
		return fmt.Errorf("a price of %v: it must be a finite number of at least 0", p.Price)
	case len(p.Sets) > math.MaxInt32 || len(p.Customers) > math.MaxInt32 || len(p.ItemCost) > math.MaxInt32:
		return fmt.Errorf("%d sets, %d customers, %d items: too many", len(p.Sets), len(p.Customers), len(p.ItemCost))
	}
	for i, cost := range p.ItemCost {
		if !(cost >= 0) || math.IsInf(cost, 1) {
			return fmt.Errorf("item %d costs %v: it must be a finite number of at least 0", i, cost)
		}
	}
	held := make([]int, len(p.ItemCost)) // the last set that held the item, from 1
	for j := range p.Sets {
		if err := p.validateSet(j, held); err != nil {
			return err
		}
	}
	return p.validateOptions()
}

func (p *Problem) validateSet(j int, held []int) error {
	set := &p.Sets[j]
	if !(set.Cost >= 0) || math.IsInf(set.Cost, 1) {
		return fmt.Errorf("set %d costs %v: it must be a finite number of at least 0", j, set.Cost)
	}
	for _, item := range set.Items {
		switch {
		case item < 0 || item >= len(p.ItemCost):
			return fmt.Errorf("set %d holds item %d, of %d items", j, item, len(p.ItemCost))
		case held[item] == j+1:
			return fmt.Errorf("set %d holds item %d twice", j, item)
		}
		held[item] = j + 1
	}
	return nil
}

func (p *Problem) validateOptions() error {
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
			case math.IsNaN(o.Cost) || math.IsInf(o.Cost, 0):
				return fmt.Errorf("customer %d pays %v for set %d: it must be a finite number", i, o.Cost, o.Set)
			}
			seen[o.Set] = i + 1
		}
	}
	if options > math.MaxInt32 {
		return fmt.Errorf("%d options: too many", options)
	}
	return nil
}
