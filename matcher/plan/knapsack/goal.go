package knapsack

import "math"

// goal is what a choice is looked for by. Each is a greatest value under one limit beside
// the quota, and that limit has a multiplier in the relaxation:
//
//	Solve:    most gain − price × cost, cost ≤ limit      multiplier: gain a unit of money is worth
//	Cheapest: most −cost, gain ≥ target                    multiplier: money a unit of gain is worth
type goal struct {
	cheapest bool
	// target of the cheapest.
	target float64
	// limit of the cost is one of both, but of the relaxation of the first alone.
	limit, perCost float64
	// grain is a value that counts as nothing: rounding.
	grain float64
}

func (s *Solver) mostValue() goal {
	return goal{limit: s.budget, perCost: s.price, grain: slack * (s.mostGain + s.price*min(s.mostCost, s.budget))}
}

func (s *Solver) leastCost(target float64) goal {
	return goal{cheapest: true, target: target, limit: s.budget, grain: slack * min(s.mostCost, s.budget)}
}

func (g *goal) value(gain, cost float64) float64 {
	if g.cheapest {
		return -cost
	}
	return gain - g.perCost*cost
}

func (g *goal) within(cost float64) bool { return cost <= g.limit*(1+slack) }

// reached says whether a gain meets the target.
func (g *goal) reached(gain float64) bool {
	return !g.cheapest || gain >= g.target-slack*math.Abs(g.target)
}

// feasible leaves the quota aside.
func (g *goal) feasible(gain, cost float64) bool { return g.within(cost) && g.reached(gain) }

// better says whether x, of a gain and cost, beats y, both within the budget: those that
// meet the target first, then by value, then by cost; by gain where neither meets it.
func (g *goal) better(gainX, costX, gainY, costY float64) bool {
	reachedX, reachedY := g.reached(gainX), g.reached(gainY)
	x, y := g.value(gainX, costX), g.value(gainY, costY)
	switch {
	case reachedX != reachedY:
		return reachedX
	case !reachedX && math.Abs(gainX-gainY) > slack*math.Abs(g.target):
		return gainX > gainY
	case reachedX && math.Abs(x-y) > g.grain:
		return x > y
	}
	return costX < costY-slack*math.Abs(costY)
}

// weights are what a unit of gain adds to the relaxed value and one of cost takes off.
func (g *goal) weights(multiplier float64) (gain, cost float64) {
	if g.cheapest {
		return multiplier, 1
	}
	return 1, multiplier
}

// constant is the relaxed value of nothing.
func (g *goal) constant(multiplier float64) float64 {
	switch {
	case g.cheapest:
		return -multiplier * g.target
	case g.limited():
		return (multiplier - g.perCost) * g.limit
	}
	return 0
}

// slope is how the relaxed value of a gain and cost changes with the multiplier.
func (g *goal) slope(gain, cost float64) float64 {
	switch {
	case g.cheapest:
		return gain - g.target
	case g.limited():
		return g.limit - cost
	}
	return 0
}

// least is the least multiplier.
func (g *goal) least() float64 {
	if g.cheapest {
		return 0
	}
	return g.perCost
}

// limited says whether there is a limit at all.
func (g *goal) limited() bool { return g.cheapest || !math.IsInf(g.limit, 1) }

// worthOfMoney is the gain that a unit of money is worth at a multiplier.
func (g *goal) worthOfMoney(multiplier float64) float64 {
	gain, cost := g.weights(multiplier)
	if gain == 0 {
		return math.Inf(1)
	}
	return cost / gain
}
