package knapsack

import (
	"context"
	"slices"
)

// mostPairLooks is how many pairs of sets one round of exchangePairs may look at: some
// milliseconds.
const mostPairLooks = 2_000_000

// exchangePairs puts up to two sets in the place of one or two others as long as that
// gains. With few chosen sets, each a large part of the budget, no single exchange fits
// where the best choice is another division of the budget. It does nothing where one
// round would look at more than mostPairLooks.
func (x *searching) exchangePairs(ctx context.Context) {
	for ctx.Err() == nil {
		n := len(x.list)
		if n*(n+1)/2*x.setCount()*x.setCount() > mostPairLooks {
			return
		}
		most, best := x.gain*(1+slack), []int32(nil)
		chosen := slices.Clone(x.list)
		slices.Sort(chosen)
		for k, first := range chosen {
			x.drop(first)
			most, best = x.bestPair(most, best)
			for _, second := range chosen[k+1:] {
				x.drop(second)
				most, best = x.bestPair(most, best)
				x.add(second)
			}
			x.add(first)
		}
		if best == nil {
			return
		}
		x.become(best, x.wanted)
		x.fillByRatio(0)
	}
}

// bestPair looks for two sets to add that gain more in all than most, and returns that
// and the choice, or what it was given.
func (x *searching) bestPair(most float64, best []int32) (float64, []int32) {
	for o := range int32(x.setCount()) {
		if x.addGain[o] <= x.least || !x.fits(o) {
			continue
		}
		x.add(o)
		in, gain := int32(-1), most
		if x.gain > gain {
			in, gain = o, x.gain
		}
		for p := o + 1; p < int32(x.setCount()); p++ {
			if with := x.gain + x.addGain[p]; with > gain && x.fits(p) {
				in, gain = p, with
			}
		}
		if in >= 0 {
			most, best = gain, slices.Clone(x.list)
			if in != o {
				best = append(best, in)
			}
		}
		x.drop(o)
	}
	return most, best
}
