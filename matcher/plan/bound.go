package plan

import "math"

// dual is a proof that no choice gains more than total. It prices the budget at
// perMoney seconds a unit and the quota at perCache seconds a place; then every
// cache has a price in seconds, of which each app carries a share, and every app
// is worth at most its best option less use and share. Any prices and shares
// prove a bound, provided the shares of a cache do not exceed its price
// (Lagrangian relaxation; the shares are the dual ascent of uncapacitated
// facility location, Erlenkotter, Operations Research 26(6), 1978).
//
// Auto chooses from the same options with less freedom, so the proof holds for
// both ways to assign.
type dual struct {
	perMoney, perCache float64
	// share is aligned with program.options.
	share [][]float64
	total float64
}

// The steps of the search for prices; enough for three digits of the bound.
const (
	gridSteps   = 24
	goldenSteps = 16
	ascentSteps = 40
)

// dual returns the best proof found in a fixed number of steps.
func (p *program) dual() dual {
	// Free budget and free places: every app's best option.
	best := p.priced(0, 0)
	try := func(perMoney, perCache float64) float64 {
		d := p.priced(perMoney, perCache)
		if d.total < best.total {
			best = d
		}
		return d.total
	}
	if low, high, ok := p.rates(); ok {
		p.searchMoney(low, high, best.perCache, try)
	}
	if len(p.fixed) > p.quota {
		// The bound is convex in each price: one, then the other, then again.
		most := p.mostGain()
		golden(0, most, func(x float64) float64 { return try(best.perMoney, x) })
		if best.perMoney > 0 {
			at := best.perMoney
			golden(at/4, at*4, func(x float64) float64 { return try(x, best.perCache) })
		}
		golden(0, most, func(x float64) float64 { return try(best.perMoney, x) })
	}
	return best
}

// rates are the least and the greatest gain per money of a single option, the
// range in which a price of money matters.
func (p *program) rates() (low, high float64, ok bool) {
	low, high = math.Inf(1), 0
	for _, options := range p.options {
		for _, o := range options {
			if o.gain <= 0 {
				continue
			}
			if all := o.use + p.fixed[o.cache]; all > 0 {
				low = min(low, o.gain/all)
			}
			if o.use > 0 {
				high = max(high, o.gain/o.use)
			} else if p.fixed[o.cache] > 0 {
				high = max(high, o.gain/p.fixed[o.cache])
			}
		}
	}
	// One cache may serve every app, so money can be worth that much more.
	high *= float64(len(p.options))
	low /= 2
	return low, high, low > 0 && high > low && !math.IsInf(high, 1)
}

// searchMoney scans a geometric grid, then narrows around its best point.
func (p *program) searchMoney(low, high, perCache float64, try func(perMoney, perCache float64) float64) {
	step := math.Pow(high/low, 1.0/gridSteps)
	at, least := low, math.Inf(1)
	for i := range gridSteps + 1 {
		x := low * math.Pow(step, float64(i))
		if total := try(x, perCache); total < least {
			at, least = x, total
		}
	}
	golden(at/step, at*step, func(x float64) float64 { return try(x, perCache) })
}

// golden narrows the interval of a convex function's least value.
func golden(low, high float64, f func(float64) float64) {
	const ratio = 0.6180339887498949
	x, y := high-ratio*(high-low), low+ratio*(high-low)
	fx, fy := f(x), f(y)
	for range goldenSteps {
		if fx <= fy {
			high, y, fy = y, x, fx
			x = high - ratio*(high-low)
			fx = f(x)
		} else {
			low, x, fx = x, y, fy
			y = low + ratio*(high-low)
			fy = f(y)
		}
	}
}

// priced finds shares for given prices. Each app starts at its best option with
// no share and is lowered step by step, to the next option or as far as the
// caches above it can still take a share.
func (p *program) priced(perMoney, perCache float64) dual {
	d := dual{perMoney: perMoney, perCache: perCache, share: make([][]float64, len(p.options))}
	left := make([]float64, len(p.fixed))
	for c, fixed := range p.fixed {
		left[c] = perMoney*fixed + perCache
	}
	level := make([]float64, len(p.options))
	for app, options := range p.options {
		d.share[app] = make([]float64, len(options))
		for _, o := range options {
			level[app] = max(level[app], d.worth(o))
		}
	}
	for range ascentSteps {
		changed := false
		for app := range p.options {
			changed = p.lower(&d, app, level, left) || changed
		}
		if !changed {
			break
		}
	}
	d.total = d.spare(p.budget, p.quota)
	for _, l := range level {
		d.total += l
	}
	return d
}

// worth is an option's gain less the price of its use.
func (d *dual) worth(o option) float64 { return o.gain - d.perMoney*o.use }

// spare is what unspent money and unused places are worth.
func (d *dual) spare(money float64, places int) float64 {
	return d.perMoney*money + d.perCache*float64(places)
}

// lower moves one app's level down a step and charges the caches above it.
func (p *program) lower(d *dual, app int, level, left []float64) bool {
	now := level[app]
	next := 0.0
	for _, o := range p.options[app] {
		if w := d.worth(o); w < now {
			next = max(next, w)
		}
	}
	for i, o := range p.options[app] {
		next = max(next, d.worth(o)-d.share[app][i]-left[o.cache])
	}
	if !(next < now) {
		return false
	}
	level[app] = next
	for i, o := range p.options[app] {
		share := max(0, d.worth(o)-next)
		left[o.cache] -= share - d.share[app][i]
		d.share[app][i] = share
	}
	return true
}
