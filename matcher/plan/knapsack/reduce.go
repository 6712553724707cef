package knapsack

import (
	"math"
	"slices"
)

// reduced is the solver without options that cost more than a limit by themselves, or
// whose sets do with all that they make customers pay; s itself where there are none.
func (s *Solver) reduced(limit float64) *Solver {
	if math.IsInf(limit, 1) {
		return s
	}
	var drop func(k int32) bool
	if s.ordered {
		tooDear := s.dearSets(limit)
		drop = func(k int32) bool { return tooDear[s.optionSet[k]] }
	} else {
		drop = func(k int32) bool { return s.tooDear(k, limit) }
	}
	any := false
	for k := range s.optionSet {
		any = any || drop(int32(k))
	}
	if !any {
		return s
	}
	v := s.with(func(options []int32) []int32 { return slices.DeleteFunc(options, drop) })
	v.addScales()
	return v
}

// tooDear says whether an option and its set alone cost more than a limit.
func (s *Solver) tooDear(k int32, limit float64) bool {
	return s.aloneCost(s.optionSet[k])+s.costOf(k)-s.mostSpared > loose(limit)
}

// aloneCost is what a set costs with its items.
func (s *Solver) aloneCost(j int32) float64 {
	cost := s.setCost[j]
	for _, item := range s.itemsOf(j) {
		cost += s.itemCost[item]
	}
	return cost
}

// dearSets are those that cost more than a limit with the least that their customers then
// pay: these take the set or one before it. Sets that are found out of reach leave others
// less choice, so it looks again as long as there are any.
func (s *Solver) dearSets(limit float64) []bool {
	dear := make([]bool, s.setCount())
	least := make([]float64, s.setCount()) // of each set's customers
	for changed := true; changed; {
		changed = false
		clear(least)
		for i := range s.customerCount() {
			low := math.Inf(1)
			for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
				if j := s.optionSet[k]; !dear[j] {
					low = min(low, s.costOf(k))
					least[j] += max(0, low)
				}
			}
		}
		for j := range dear {
			if !dear[j] && s.aloneCost(int32(j))+least[j]-s.mostSpared > loose(limit) {
				dear[j], changed = true, true
			}
		}
	}
	return dear
}

// loose is a limit of costs with room for rounding.
func loose(limit float64) float64 { return limit + 2*slack*math.Abs(limit) }
