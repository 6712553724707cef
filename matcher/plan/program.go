package plan

import (
	"cmp"
	"math"
	"slices"
)

// program is a Problem in bare numbers: open caches, give each app one of its
// options whose cache is open or none, within the budget and the quota, for the
// most gain. Money and seconds are float64 here, for they are added, compared
// and traded; they become cost.Money and time.Duration in the Plan.
type program struct {
	// explicit programs choose the option; under auto an app takes its first
	// option whose cache is open, whatever it gains.
	explicit bool
	// fixed is the money a month of each cache, whoever uses it.
	fixed []float64
	// options are those of each app: under auto in ECI's order, down to where an
	// existing cache is preferred; else those with a gain, by gain.
	options [][]option
	budget  float64
	quota   int
	// tolerance is the gain below which two choices are alike: rounding of sums.
	tolerance float64
}

// option is one cache for one app.
type option struct {
	cache int
	// gain is seconds saved a month beyond the baseline.
	gain float64
	// use is the money a month that the app's starts pay for the cache's disks.
	use float64
}

// none is the pick of an app without a planned cache.
const none = -1

// choice is an answer to a program.
type choice struct {
	open []bool
	// pick is the position among the app's options, or none.
	pick []int
	gain float64
	cost float64
}

func newProgram(explicit bool, fixed []float64, options [][]option, budget float64, quota int) *program {
	p := &program{explicit: explicit, fixed: fixed, options: options, budget: budget, quota: quota}
	p.tolerance = 1e-9 * p.mostGain()
	return p
}

func (p *program) nothing() choice {
	return choice{open: make([]bool, len(p.fixed)), pick: p.noPicks()}
}

func (p *program) noPicks() []int {
	pick := make([]int, len(p.options))
	for i := range pick {
		pick[i] = none
	}
	return pick
}

// matched is the choice that ECI's matching makes of open caches.
func (p *program) matched(open []bool) choice {
	c := choice{open: slices.Clone(open), pick: p.noPicks()}
	for app, options := range p.options {
		c.pick[app] = slices.IndexFunc(options, func(o option) bool { return open[o.cache] })
	}
	p.sum(&c)
	return c
}

// named is the choice of picks, with the caches open that they need.
func (p *program) named(pick []int) choice {
	c := choice{open: make([]bool, len(p.fixed)), pick: slices.Clone(pick)}
	for app, i := range pick {
		if i != none {
			c.open[p.options[app][i].cache] = true
		}
	}
	p.sum(&c)
	return c
}

// restrict is c with only the caches in open.
func (p *program) restrict(c choice, open []bool) choice {
	if !p.explicit {
		return p.matched(open)
	}
	pick := slices.Clone(c.pick)
	for app, i := range pick {
		if i != none && !open[p.options[app][i].cache] {
			pick[app] = none
		}
	}
	return p.named(pick)
}

// sum adds gain and cost in one order, so that equal choices have equal sums.
func (p *program) sum(c *choice) {
	c.gain, c.cost = 0, 0
	for i, fixed := range p.fixed {
		if c.open[i] {
			c.cost += fixed
		}
	}
	for app, i := range c.pick {
		if i != none {
			o := p.options[app][i]
			c.gain += o.gain
			c.cost += o.use
		}
	}
}

// prune leaves out, worst first, caches whose part of the gain is nothing, or
// less than perMoney for each unit of money that they cost; perMoney 0 keeps
// whatever gains. A budget is a limit, not a goal.
func (p *program) prune(c choice, perMoney float64) choice {
	for {
		best, worst := c, 0.0
		for i := range c.open {
			if !c.open[i] {
				continue
			}
			open := slices.Clone(c.open)
			open[i] = false
			without := p.restrict(c, open)
			lost, spared := c.gain-without.gain, c.cost-without.cost
			if excess := spared*perMoney - lost; spared >= 0 && (lost <= p.tolerance || excess > 0) && excess+p.tolerance >= worst {
				best, worst = without, excess+p.tolerance
			}
		}
		if count(best.open) == count(c.open) {
			return c
		}
		c = best
	}
}

func (p *program) feasible(c *choice) bool {
	return p.affordable(c.cost) && count(c.open) <= p.quota
}

// affordable allows for rounding, so that a plan that costs the very budget is
// found whatever the order in which its bills are added.
func (p *program) affordable(money float64) bool {
	return money <= p.budget*(1+1e-12)
}

func count(open []bool) int {
	n := 0
	for _, o := range open {
		if o {
			n++
		}
	}
	return n
}

// mostGain is what each app gains at best; no choice gains more in sum.
func (p *program) mostGain() float64 {
	total := 0.0
	for _, options := range p.options {
		most := 0.0
		for _, o := range options {
			most = max(most, o.gain)
		}
		total += most
	}
	return total
}

// better says whether x beats y: more gain, or the same for less money.
func (p *program) better(x, y *choice) bool {
	if math.Abs(x.gain-y.gain) > p.tolerance {
		return x.gain > y.gain
	}
	return x.cost < y.cost-1e-12*(math.Abs(x.cost)+math.Abs(y.cost))
}

// greedy opens one cache after the other, by gain per money, by gain alone, and
// by gain less the price of money for prices around perMoney, and returns the
// best: each rule by itself can be arbitrarily bad, the first where the quota is
// short, the second where the budget is.
func (p *program) greedy(perMoney float64) choice {
	best := p.greedyBy(p.nothing(), 0, func(gain, money float64) float64 {
		if money <= 0 {
			return math.Inf(1)
		}
		return gain / money
	})
	for _, factor := range []float64{0, 0.25, 0.5, 1, 2, 4} {
		price := factor * perMoney
		c := p.greedyBy(p.nothing(), price, func(gain, money float64) float64 { return gain - price*money })
		// What is left of the budget is worth nothing unspent.
		c = p.greedyBy(c, 0, func(gain, _ float64) float64 { return gain })
		if p.better(&c, &best) {
			best = c
		}
	}
	return best
}

// greedyBy adds to best the cache of most worth, above 0, as long as there is
// one; apps move to it where that is worth more than perMoney.
func (p *program) greedyBy(best choice, perMoney float64, worth func(gain, money float64) float64) choice {
	for {
		var next *choice
		worthNext := 0.0
		for c := range p.fixed {
			if best.open[c] && !p.explicit {
				continue
			}
			with := p.with(best, c, perMoney)
			if !p.feasible(&with) || !p.better(&with, &best) {
				continue
			}
			if w := worth(with.gain-best.gain, with.cost-best.cost); w > worthNext {
				next, worthNext = &with, w
			}
		}
		if next == nil {
			return best
		}
		best = *next
	}
}

// with is the choice c after cache is opened as well.
func (p *program) with(c choice, cache int, perMoney float64) choice {
	if p.explicit {
		return p.withNamed(c, cache, perMoney)
	}
	open := slices.Clone(c.open)
	open[cache] = true
	return p.matched(open)
}

// withNamed moves apps to cache where that gains more than perMoney, those with
// the most gain per money first, as long as the budget lasts.
func (p *program) withNamed(c choice, cache int, perMoney float64) choice {
	type move struct {
		app, pick   int
		gain, money float64
	}
	var moves []move
	for app, options := range p.options {
		i := slices.IndexFunc(options, func(o option) bool { return o.cache == cache })
		if i == none {
			continue
		}
		m := move{app, i, options[i].gain, options[i].use}
		if old := c.pick[app]; old != none {
			m.gain -= options[old].gain
			m.money -= options[old].use
		}
		if m.gain > 0 && m.gain > perMoney*m.money {
			moves = append(moves, m)
		}
	}
	// Cross-multiplied, for money can be 0 or less.
	slices.SortStableFunc(moves, func(x, y move) int { return cmp.Compare(y.gain*x.money, x.gain*y.money) })
	left := p.budget - c.cost
	if !c.open[cache] {
		left -= p.fixed[cache]
	}
	pick := slices.Clone(c.pick)
	for _, m := range moves {
		if m.money <= left {
			pick[m.app] = m.pick
			left -= m.money
		}
	}
	return p.named(pick)
}
