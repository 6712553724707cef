package knapsack

import (
	"context"
	"math"
)

// BoundOptions are how long to look for a bound, and from where.
type BoundOptions struct {
	// Gain is that of the best choice known, less the problem's price of its cost: the
	// bound is sought towards it, and the search ends when it is reached.
	Gain float64
	// Iterations, a count and not a time.
	Iterations int
	// Progress is told of bounds now and then; nil is none.
	Progress func(iteration int, bound float64)
}

// Bound returns what no choice gains more than, less the problem's price of its cost.
func (s *Solver) Bound(ctx context.Context, opt BoundOptions) float64 {
	v := s.relax(s.mostValue()).volume(nil)
	v.run(ctx, opt)
	return max(v.bound(), opt.Gain)
}

// How the steps and the weight of new picks change: Barahona and Anbil's rules.
const (
	mixEvery   = 100
	mixDecay   = 0.95
	leastMixed = 0.005
	mostFailed = 20 // in a row, before steps become shorter
	leastStep  = 1e-4
	mostStep   = 2.0
)

// volume finds prices by the volume algorithm (Barahona and Anbil, Mathematical
// Programming 87, 2000), which follows averages of what customers take in place of what
// they took last.
type volume struct {
	*relaxation
	// best are the prices of the least bound, trial those tried.
	best, trial  *prices
	lowest       float64
	offers       *offers
	average      *average
	step, mixed  float64
	target       float64
	failedInARow int
	iterations   int
}

// average is of what was best at the prices so far.
type average struct {
	option []float64 // of customers, by option
	used   []float64 // of items by customers, by share
	upTo   []float64 // of option, summed up to each one in the customer's order
	item   []float64 // bought
	set    []float64 // bought
}

// volume starts from prices, nil for the best that are easily found.
func (r *relaxation) volume(from *prices) *volume {
	v := &volume{relaxation: r, best: from, trial: r.newPrices(), offers: r.newOffers(), step: 0.1, mixed: 0.1, target: math.Inf(1)}
	if from == nil {
		v.best = r.ascend()
	}
	v.average = &average{
		option: make([]float64, len(r.optionSet)), used: make([]float64, len(r.priced)),
		item: make([]float64, r.itemCount()), set: make([]float64, r.setCount()),
	}
	if r.ordered {
		v.average.upTo = make([]float64, len(r.optionSet))
	}
	v.lowest = r.value(v.best, v.offers)
	v.mix(1)
	return v
}

// bound allows for a million terms that are rounded.
func (v *volume) bound() float64 { return v.lowest + slack*math.Abs(v.lowest) + v.goal.grain }

// run looks for lower bounds in a number of iterations, more of them each time that it is
// called.
func (v *volume) run(ctx context.Context, opt BoundOptions) {
	for range opt.Iterations {
		if ctx.Err() != nil || v.lowest <= opt.Gain+v.goal.grain {
			return
		}
		length := v.stepLength(opt.Gain)
		if length == 0 {
			return
		}
		v.move(length)
		value := v.value(v.trial, v.offers)
		along := v.along()
		v.mix(v.mixed)
		if value < v.lowest {
			v.lowest = value
			v.best, v.trial = v.trial, v.best
			v.gained(along)
		} else {
			v.failed()
		}
		if v.iterations++; v.iterations%mixEvery == 0 {
			v.mixed = max(v.mixed*mixDecay, leastMixed)
			if opt.Progress != nil {
				opt.Progress(v.iterations, v.lowest)
			}
		}
	}
}

// mix moves averages towards what is best now by a part.
func (v *volume) mix(part float64) {
	scale := func(list []float64) {
		for i := range list {
			list[i] *= 1 - part
		}
	}
	scale(v.average.option)
	scale(v.average.used)
	scale(v.average.item)
	scale(v.average.set)
	v.offers.sides(func(s *side, share float64) {
		add := part * share
		for l, bought := range s.item {
			if bought {
				v.average.item[l] += add
			}
		}
		for j, bought := range s.set {
			if bought {
				v.average.set[j] += add
			}
		}
		for _, k := range s.best {
			if k < 0 {
				continue
			}
			v.average.option[k] += add
			for _, a := range v.sharesOfOption(k) {
				v.average.used[a] += add
			}
		}
	})
	for i := 0; i < v.customerCount() && v.ordered; i++ {
		sum := 0.0
		for k := v.optionsFrom[i]; k < v.optionsFrom[i+1]; k++ {
			sum += v.average.option[k]
			v.average.upTo[k] = sum
		}
	}
}

// slopes calls functions with how the bound changes with each price, by the averages: what
// is bought of an item or set less what the customer uses of it, or what it takes up to a
// set less what is bought of it. A price of nothing that should be less stays.
func (v *volume) slopes(shares, fees, pushes func(i int, slope float64)) {
	for a, item := range v.priced {
		if slope := v.average.item[item] - v.average.used[a]; slope < 0 || v.best.share[a] > 0 {
			shares(a, slope)
		}
	}
	for k, j := range v.optionSet {
		if slope := v.average.set[j] - v.average.option[k]; slope < 0 || v.best.fee[k] > 0 {
			fees(k, slope)
		}
	}
	for k := range v.best.push {
		if slope := v.average.upTo[k] - v.average.set[v.optionSet[k]]; slope < 0 || v.best.push[k] > 0 {
			pushes(k, slope)
		}
	}
}

// stepLength is Polyak's: what the bound lies above its target, over the square of the
// slopes; 0 where there are none. The target is never quite reached by the bound, and not
// below the value of the best choice known.
func (v *volume) stepLength(known float64) float64 {
	scale := math.Abs(v.lowest)
	if !math.IsInf(known, 0) {
		scale = max(scale, math.Abs(known), v.lowest-known)
		if v.iterations == 0 {
			v.target = known + 0.02*math.Abs(known)
		}
	}
	if v.lowest < v.target+0.01*scale {
		v.target = max(known, v.lowest-0.02*scale)
	}
	v.target = min(v.target, v.lowest-0.01*scale)
	squares := 0.0
	add := func(_ int, slope float64) { squares += slope * slope }
	v.slopes(add, add, add)
	if squares < 1e-12 {
		return 0
	}
	return v.step * (v.lowest - v.target) / squares
}

// move sets the trial's prices a step from the best ones.
func (v *volume) move(length float64) {
	v.trial.copy(v.best)
	step := func(list []float64) func(i int, slope float64) {
		return func(i int, slope float64) { list[i] = max(0, list[i]-length*slope) }
	}
	v.slopes(step(v.trial.share), step(v.trial.fee), step(v.trial.push))
}

// along is how far the slopes of what is best now go the way of the averages'.
func (v *volume) along() float64 {
	sum := 0.0
	add := func(s *side, part float64) {
		for a, item := range v.priced {
			if s.item[item] {
				sum += part * (v.average.item[item] - v.average.used[a])
			}
		}
		for k, j := range v.optionSet {
			if s.set[j] {
				sum += part * (v.average.set[j] - v.average.option[k])
			}
		}
		for _, k := range s.best {
			if k < 0 {
				continue
			}
			sum -= part * (v.average.set[v.optionSet[k]] - v.average.option[k])
			for _, a := range v.sharesOfOption(k) {
				sum -= part * (v.average.item[v.priced[a]] - v.average.used[a])
			}
		}
	}
	v.offers.sides(add)
	return sum
}

func (v *volume) gained(along float64) {
	if v.failedInARow = 0; along > 0 {
		v.step = min(mostStep, 1.1*v.step)
	}
}

func (v *volume) failed() {
	if v.failedInARow++; v.failedInARow >= mostFailed {
		v.step, v.failedInARow = max(0.66*v.step, leastStep), 0
	}
}
