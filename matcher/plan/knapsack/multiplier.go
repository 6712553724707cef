package knapsack

import "math"

// mostSteps are how often a multiplier is changed in search of the best.
const mostSteps = 40

// mostUnits is how many first guesses a multiplier is at the most.
const mostUnits = 1e12

// minimum is the least bound found and where.
type minimum struct{ bound, multiplier float64 }

// minimise searches the multiplier of the least bound, which is convex and of straight
// pieces: from a start outwards, then to where the tangents of both sides meet. It ends
// early where the bound is no more than enough.
func (r *relaxation) minimise(o *offers, start float64, d *decisions, enough float64, steps int) minimum {
	found := minimum{bound: math.Inf(1)}
	try := func(x float64) {
		if r.respond(x, o, o.trial, d); o.trial.value < found.bound {
			found = minimum{o.trial.value, x}
		}
	}
	least := r.goal.least()
	if !r.goal.limited() {
		try(least)
		o.low, o.trial, o.part = o.trial, o.low, 1
		return found
	}
	if !r.bracket(o, max(min(start, r.unit*mostUnits), least), try, &found, enough) {
		return found
	}
	for n := range steps {
		if found.bound <= enough {
			break
		}
		low, high := o.low, o.high
		x := (high.value - low.value + low.slope*low.multiplier - high.slope*high.multiplier) / (low.slope - high.slope)
		if n%4 == 3 { // tangents alone may creep
			x = (low.multiplier + high.multiplier) / 2
		}
		if !(x > low.multiplier && x < high.multiplier) {
			break
		}
		tangent := low.value + low.slope*(x-low.multiplier)
		try(x)
		if n%4 != 3 && o.trial.value-tangent <= 1e-12*(math.Abs(tangent)+math.Abs(low.value)) {
			break
		}
		if o.trial.slope < 0 {
			o.low, o.trial = o.trial, o.low
		} else {
			o.high, o.trial = o.trial, o.high
		}
	}
	o.part = o.high.slope / (o.high.slope - o.low.slope)
	return found
}

// bracket finds a side where the bound falls with the multiplier and one where it does
// not; it says whether there are both. Where there is one alone it has the whole part.
func (r *relaxation) bracket(o *offers, x float64, try func(x float64), found *minimum, enough float64) bool {
	least := r.goal.least()
	try(x)
	if found.bound <= enough {
		o.low, o.trial, o.part = o.trial, o.low, 1
		return false
	}
	growth := 1.02
	if o.trial.slope < 0 {
		for range mostSteps {
			o.low, o.trial, o.part = o.trial, o.low, 1
			// The bound falls without end where the limit cannot be met.
			if x >= r.unit*mostUnits {
				return false
			}
			x = min(max(x*growth, least+r.unit*1e-6), r.unit*mostUnits)
			growth *= growth
			if try(x); found.bound <= enough {
				return false
			}
			if o.trial.slope >= 0 {
				o.high, o.trial = o.trial, o.high
				return true
			}
		}
		return false
	}
	for {
		o.high, o.trial, o.part = o.trial, o.high, 0
		if x <= least {
			return false
		}
		if x /= growth; x < least+r.unit*1e-6 {
			x = least
		}
		growth *= growth
		if try(x); found.bound <= enough {
			return false
		}
		if o.trial.slope < 0 {
			o.low, o.trial = o.trial, o.low
			return true
		}
	}
}
