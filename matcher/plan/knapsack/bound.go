package knapsack

import (
	"cmp"
	"context"
	"slices"
)

// BoundOptions are how long to look for a bound, and from where.
type BoundOptions struct {
	// Gain is that of the best choice known: the bound is sought towards it, and the
	// search ends when it is reached.
	Gain float64
	// Iterations, a count and not a time.
	Iterations int
	// Progress is told of bounds now and then; nil is none.
	Progress func(iteration int, bound float64)
}

// Bound returns what no choice gains more than.
//
// It is a Lagrangian bound of this relaxation, with x the share of customer i that is
// served by set j, y the share of a set and z that of an item that is bought:
//
//	most  Σ gain(i,j) x(i,j)
//	with  Σ over sets j that hold l of x(i,j) ≤ z(l)  for each customer i and item l
//	      x(i,j) ≤ y(j)                               for each customer i and set j
//	      Σ x(i,j) over j ≤ 1, and costs of y and z within the budget
//
// The first line is what makes it tight. It holds of every choice, for a customer is
// served by one set; the usual one, y(j) ≤ z(l), lets a customer be served by halves of
// two sets that share an item of which half is paid. Each customer pays a share of every
// item and a fee for every set that it may use; prices whatever they are prove a bound:
// each customer takes its best option at these prices, and the budget buys what has been
// paid most for.
//
// Prices are found by the volume algorithm (Barahona and Anbil, Mathematical Programming
// 87, 2000), which follows averages of the customers' picks in place of the last ones.
func (s *Solver) Bound(ctx context.Context, opt BoundOptions) float64 {
	bound, _, _ := s.bound(ctx, opt, s.relax())
	return bound
}

// bound returns as well the prices that prove it, and averages of what is best at such.
func (s *Solver) bound(ctx context.Context, opt BoundOptions, r *relaxation) (float64, *prices, *picks) {
	at := cmp.Or(r.start, r.newPrices())
	picks := r.newPicks()
	best := r.value(at, picks)
	v := &volume{relaxation: r, best: at, average: r.newPicks(), step: 0.1, mixed: 0.1, target: 1.02 * opt.Gain}
	v.average.mix(r, picks, 1)
	trial := r.newPrices()
	for it := range opt.Iterations {
		if ctx.Err() != nil || best <= opt.Gain*(1+slack) {
			break
		}
		length := v.stepLength(best, opt.Gain)
		if length == 0 {
			break
		}
		v.move(trial, length)
		bound := r.value(trial, picks)
		along := v.along(picks)
		v.average.mix(r, picks, v.mixed)
		if bound < best {
			best = bound
			v.best, trial = trial, v.best
			v.gained(along)
		} else {
			v.failed()
		}
		if it%mixEvery == mixEvery-1 {
			v.mixed = max(v.mixed*mixDecay, leastMixed)
			if opt.Progress != nil {
				opt.Progress(it, best)
			}
		}
	}
	// Of a million terms that are rounded.
	return max(best*(1+slack), opt.Gain), v.best, v.average
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

// relaxation is a Solver with the rows of prices: each customer has one for every item
// that an option of its holds.
type relaxation struct {
	*Solver
	// priced is the item of each price.
	priced []int32
	// The prices of an option's items are at pricesOf[from[k]:from[k+1]].
	from     []int32
	pricesOf []int32
	start    *prices   // from which the bound is sought; nil is none
	order    []int32   // of items and sets, by what is paid for them
	ratio    []float64 // of order
}

func (s *Solver) relax() *relaxation {
	r := &relaxation{Solver: s, from: []int32{0}}
	place, last := make([]int32, s.itemCount()), make([]int32, s.itemCount())
	for i := range s.customerCount() {
		for k := s.optionsFrom[i]; k < s.optionsFrom[i+1]; k++ {
			for _, item := range s.itemsOf(s.optionSet[k]) {
				if last[item] != int32(i)+1 {
					last[item], place[item] = int32(i)+1, int32(len(r.priced))
					r.priced = append(r.priced, item)
				}
				r.pricesOf = append(r.pricesOf, place[item])
			}
			r.from = append(r.from, int32(len(r.pricesOf)))
		}
	}
	r.order, r.ratio = make([]int32, s.itemCount()+s.setCount()), make([]float64, s.itemCount()+s.setCount())
	for t := range r.order {
		r.order[t] = int32(t)
	}
	return r
}

func (r *relaxation) pricesOfOption(k int32) []int32 { return r.pricesOf[r.from[k]:r.from[k+1]] }

// prices are what customers pay: shares of items, and fees for sets, by option.
type prices struct{ share, fee []float64 }

func (r *relaxation) newPrices() *prices {
	return &prices{make([]float64, len(r.priced)), make([]float64, len(r.optionSet))}
}

// picks are what is best at some prices, or averages of that.
type picks struct {
	option []float64 // of customers, by option
	used   []float64 // of items by customers, by price
	item   []float64 // bought
	set    []float64 // bought
	// best is each customer's option of one pick, −1 for none; not of averages.
	best []int32
	// itemPaid and setPaid are what customers pay together.
	itemPaid, setPaid []float64
}

func (r *relaxation) newPicks() *picks {
	return &picks{
		option: make([]float64, len(r.optionSet)), used: make([]float64, len(r.priced)),
		item: make([]float64, r.itemCount()), set: make([]float64, r.setCount()), best: make([]int32, r.customerCount()),
		itemPaid: make([]float64, r.itemCount()), setPaid: make([]float64, r.setCount()),
	}
}

// value is the bound that prices prove, and what is best at them.
func (r *relaxation) value(at *prices, p *picks) float64 {
	total := 0.0
	for i := range r.customerCount() {
		best, most := int32(-1), 0.0
		for k := r.optionsFrom[i]; k < r.optionsFrom[i+1]; k++ {
			worth := r.optionGain[k] - at.fee[k]
			if worth <= most {
				continue
			}
			for _, a := range r.pricesOfOption(k) {
				worth -= at.share[a]
			}
			if worth > most {
				best, most = k, worth
			}
		}
		p.best[i] = best
		total += most
	}
	clear(p.itemPaid)
	for a, item := range r.priced {
		p.itemPaid[item] += at.share[a]
	}
	clear(p.setPaid)
	for k, j := range r.optionSet {
		p.setPaid[j] += at.fee[k]
	}
	return total + r.buy(p)
}

// buy spends the budget on what has been paid most for, the last of it on a part; and
// returns what has been paid for that.
func (r *relaxation) buy(p *picks) float64 { return r.buyFor(p, r.budget, nil) }

// buyFor is buy with a budget, of what is not settled already: items first, then sets.
func (r *relaxation) buyFor(p *picks, budget float64, settled []bool) float64 {
	n := r.itemCount()
	of := func(t int32) (paid, cost float64, bought *float64) {
		if int(t) < n {
			return p.itemPaid[t], r.itemCost[t], &p.item[t]
		}
		j := int(t) - n
		return p.setPaid[j], r.setCost[j], &p.set[j]
	}
	for t := range r.ratio {
		paid, cost, bought := of(int32(t))
		*bought, r.ratio[t] = 0, paid/cost // +Inf where it is free, NaN where nothing is paid either
		if !(paid > 0) || settled != nil && settled[t] {
			r.ratio[t] = 0
		}
	}
	slices.SortFunc(r.order, func(a, b int32) int { return cmp.Or(cmp.Compare(r.ratio[b], r.ratio[a]), cmp.Compare(a, b)) })
	left, total := budget, 0.0
	for _, t := range r.order {
		paid, cost, bought := of(t)
		if r.ratio[t] == 0 {
			break
		}
		if cost > left {
			*bought = left / cost
			return total + paid*left/cost
		}
		*bought = 1
		total += paid
		left -= cost
	}
	return total
}

// mix moves averages towards picks by a part.
func (p *picks) mix(r *relaxation, to *picks, part float64) {
	scale := func(list []float64) {
		for i := range list {
			list[i] *= 1 - part
		}
	}
	scale(p.option)
	scale(p.used)
	for l := range p.item {
		p.item[l] += part * (to.item[l] - p.item[l])
	}
	for j := range p.set {
		p.set[j] += part * (to.set[j] - p.set[j])
	}
	for _, k := range to.best {
		if k < 0 {
			continue
		}
		p.option[k] += part
		for _, a := range r.pricesOfOption(k) {
			p.used[a] += part
		}
	}
}

// volume is where the algorithm stands.
type volume struct {
	*relaxation
	best         *prices
	average      *picks
	step, mixed  float64
	target       float64
	failedInARow int
}

// slopes calls f with how the bound changes with each price, by the averages: what is
// bought of an item or set less what the customer uses of it. A price of nothing that
// should be less stays.
func (v *volume) slopes(shares, fees func(i int, slope float64)) {
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
}

// stepLength is Polyak's: what the bound lies above its target, over the square of the
// slopes; 0 where there are none.
func (v *volume) stepLength(best, gain float64) float64 {
	if best < 1.01*v.target {
		v.target = max(gain, 0.98*best)
	}
	v.target = min(v.target, 0.99*best)
	squares := 0.0
	add := func(_ int, slope float64) { squares += slope * slope }
	v.slopes(add, add)
	if squares < 1e-12 {
		return 0
	}
	return v.step * (best - v.target) / squares
}

// move sets prices a step from the best ones.
func (v *volume) move(to *prices, length float64) {
	copy(to.share, v.best.share)
	copy(to.fee, v.best.fee)
	v.slopes(
		func(a int, slope float64) { to.share[a] = max(0, to.share[a]-length*slope) },
		func(k int, slope float64) { to.fee[k] = max(0, to.fee[k]-length*slope) })
}

// along is how far the slopes of new picks go the way of the averages'.
func (v *volume) along(p *picks) float64 {
	sum := 0.0
	for a, item := range v.priced {
		sum += p.item[item] * (v.average.item[item] - v.average.used[a])
	}
	for k, j := range v.optionSet {
		sum += p.set[j] * (v.average.set[j] - v.average.option[k])
	}
	for _, k := range p.best {
		if k < 0 {
			continue
		}
		sum -= v.average.set[v.optionSet[k]] - v.average.option[k]
		for _, a := range v.pricesOfOption(k) {
			sum -= v.average.item[v.priced[a]] - v.average.used[a]
		}
	}
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
