package knapsack

import (
	"cmp"
	"math"
	"slices"
)

// mostTried are how many ways to branch of each kind are tried at a node.
const mostTried = 8

// unpriced is the part of what a customer is of two minds about by which a bound is taken
// to fall at the least: at the prices that hold before a turn a customer that must pay
// costs next to nothing, and only prices made for it show what it does.
const unpriced = 0.25

// way is a turn with how much it seems to part.
type way struct {
	turn
	width float64
}

// split is where to branch: of the customers whose average pays most more or less than its
// mean, and of the sets that are half wanted at most cost, that where the bounds of both
// ways fall most; it says whether there is any. Where a way leaves nothing better it
// returns the other ones, of all such turns, as sure.
func (b *branching) split(bound float64) (t turn, ok bool, sure []turn) {
	ways := append(b.customerWays(), b.setWays()...)
	if len(ways) == 0 {
		t, ok = b.lastWay()
		return t, ok, nil
	}
	if b.iterations == 0 {
		return ways[0].turn, true, nil
	}
	best, most := ways[0], math.Inf(-1)
	_, weight := b.goal.weights(b.volume.best.multiplier)
	for _, w := range ways {
		least := b.goal.grain
		if w.customer >= 0 {
			least = max(least, unpriced*weight*w.width)
		}
		fall := [2]float64{}
		for n, yes := range []bool{true, false} {
			w.yes = yes
			left := b.try(w.turn)
			if left <= b.enough() {
				w.yes = !yes
				sure = append(sure, w.turn)
				break
			}
			fall[n] = max(bound-left, least)
		}
		// The way that falls less is the one that is left over: it counts twice.
		if score := fall[0] * fall[1] * min(fall[0], fall[1]); score > most {
			best, most = w, score
		}
	}
	return best.turn, true, sure
}

// try is the bound of a turn, no less than what is enough.
func (b *branching) try(t turn) float64 {
	here := len(b.trail)
	bound := b.enough()
	if b.turn(t) {
		bound = max(bound, b.bound(3))
	}
	b.back(here)
	return bound
}

// customerWays are the customers that are most of two minds of what to pay.
func (b *branching) customerWays() []way {
	if b.optionCost == nil {
		return nil
	}
	var ways []way
	least := 1e-3 * min(b.mostCost, b.goal.limit)
	for i := range b.customerCount() {
		mean, none := 0.0, 1.0
		b.shares(int32(i), func(k int32, share float64) {
			mean += share * b.optionCost[k]
			none -= share
		})
		spread := max(0, none) * math.Abs(mean)
		b.shares(int32(i), func(k int32, share float64) { spread += share * math.Abs(b.optionCost[k]-mean) })
		if spread > least && b.parts(int32(i), mean) {
			ways = append(ways, way{turn{customer: int32(i), set: -1, limit: mean}, spread})
		}
	}
	return widest(ways)
}

// shares calls f with the average share of each option that a customer takes. Where
// customers are ordered it takes no less than is bought of any of its sets, however far
// the averages are from that yet: else one whom many sets would make pay much, and whom
// prices keep from taking anything, would never be looked at.
func (b *branching) shares(i int32, f func(k int32, share float64)) {
	upTo, bought := 0.0, 0.0
	for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
		share := b.average.option[k]
		if b.ordered {
			bought = max(bought, b.average.set[b.optionSet[k]])
			share = min(max(share, bought-upTo), 1-upTo)
			upTo += share
		}
		f(k, share)
	}
}

// setWays are the undecided sets that are most in parts, by what those they are wanted for
// pay.
func (b *branching) setWays() []way {
	var ways []way
	for j, d := range b.state {
		part := b.average.set[j]
		if d != undecided || part < 0.02 || part > 0.98 {
			continue
		}
		width := min(part, 1-part) * (b.offers.setPaid[j] + b.mostGain*slack)
		ways = append(ways, way{turn{customer: -1, set: int32(j)}, width})
	}
	return widest(ways)
}

func widest(ways []way) []way {
	slices.SortStableFunc(ways, func(x, y way) int { return cmp.Compare(y.width, x.width) })
	return ways[:min(len(ways), mostTried)]
}

// lastWay is where to branch where averages say nothing.
func (b *branching) lastWay() (turn, bool) {
	if t, ok := b.splitSides(); ok {
		return t, true
	}
	t, most := turn{customer: -1, set: -1}, math.Inf(-1)
	for j, d := range b.state {
		if d != undecided {
			continue
		}
		if wanted := -math.Abs(b.average.set[j] - 0.5); wanted > most {
			t.set, most = int32(j), wanted
		}
	}
	return t, t.set >= 0
}

// parts says whether a customer may pay more than a limit, and less.
func (b *branching) parts(i int32, limit float64) bool {
	more, less := false, false
	if !b.must[i] {
		more, less = limit < 0, limit >= 0
	}
	for k := b.optionsFrom[i]; k < b.optionsFrom[i+1]; k++ {
		if !b.barred[k] && b.state[b.optionSet[k]] != out {
			more, less = more || b.optionCost[k] > limit, less || b.optionCost[k] <= limit
		}
	}
	return more && less
}

// splitSides branches by what the sides of the best multiplier differ in.
func (b *branching) splitSides() (turn, bool) {
	t, wide := turn{customer: -1, set: -1}, 0.0
	if b.offers.part <= 0 || b.offers.part >= 1 {
		return t, false
	}
	low, high := b.offers.low, b.offers.high
	for i := range low.best {
		x, y := b.pickCost(low.best[i]), b.pickCost(high.best[i])
		if math.Abs(x-y) > wide {
			t, wide = turn{customer: int32(i), set: -1, limit: (x + y) / 2}, math.Abs(x-y)
		}
	}
	for j := range low.set {
		if low.set[j] != high.set[j] && b.state[j] == undecided && b.setCost[j] > wide {
			t, wide = turn{customer: -1, set: int32(j)}, b.setCost[j]
		}
	}
	return t, wide > 0
}

func (b *branching) pickCost(k int32) float64 {
	if k < 0 {
		return 0
	}
	return b.costOf(k)
}
