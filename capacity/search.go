package capacity

import (
	"context"
	"math"
	"slices"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// outcome is what a value of a parameter comes to.
type outcome struct {
	simulate.Statistic
	// never: some starts are never ready, and the figure says nothing.
	never bool
	// none: there are no starts, so that the figure is not known; never is true too.
	none bool
	// why says what keeps starts from being ready, where it is known.
	why string
	// values are the figure of each repeat that has starts, where they are listed; repeats says
	// of each which it is.
	values  []float64
	repeats []int
}

// pairedWith are the differences to another outcome, of the repeats that both have.
func (o *outcome) pairedWith(other *outcome) []float64 {
	var list []float64
	for i, repeat := range o.repeats {
		if k := slices.Index(other.repeats, repeat); k >= 0 {
			list = append(list, o.values[i]-other.values[k])
		}
	}
	return list
}

// within says that the figure keeps a limit.
func (o *outcome) within(limit float64) bool { return !o.never && o.Value <= limit }

// surely and maybe say the same of the ends of its interval.
func (o *outcome) surely(limit float64) bool {
	return o.within(limit) && (o.High == nil || *o.High <= limit)
}

func (o *outcome) maybe(limit float64) bool {
	return !o.never && (o.Value <= limit || o.Low != nil && *o.Low <= limit)
}

// figure is the outcome as a report has it.
func (o *outcome) figure(name, unit string, limit *float64) reports.CapacityFigure {
	return reports.CapacityFigure{Name: name, Unit: unit, Value: o.Value, Low: o.Low, High: o.High, Limit: limit}
}

// response is a figure as a function of one parameter, each value simulated once, with the
// same random numbers.
type response struct {
	at    func(ctx context.Context, x float64) (outcome, error)
	known map[float64]outcome
	// burst is the limit of a burst, which is held to it repeat by repeat too; 0 for others.
	burst float64
}

func (r *response) of(ctx context.Context, x float64) (*outcome, error) {
	if o, ok := r.known[x]; ok {
		return &o, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o, err := r.at(ctx, x)
	if err != nil {
		return nil, err
	}
	if r.known == nil {
		r.known = make(map[float64]outcome)
	}
	r.known[x] = o
	return &o, nil
}

// values are those that are known, in order.
func (r *response) values() []float64 {
	var list []float64
	for x := range r.known {
		list = append(list, x)
	}
	slices.Sort(list)
	return list
}

// points are the known values as a curve has them.
func (r *response) points() []reports.CapacityPoint {
	var list []reports.CapacityPoint
	for _, x := range r.values() {
		o := r.known[x]
		p := reports.CapacityPoint{X: x, Why: o.why}
		if !o.never {
			p.Y, p.Low, p.High = &o.Value, o.Low, o.High
		}
		if r.burst > 0 {
			p.Verdict = judgeBurst(&o, r.burst)
			if share := o.share(r.burst); share != nil {
				p.InTime = &share.Value
			}
		}
		list = append(list, p)
	}
	return list
}

// bracket are the values between which is searched, whole ones or any.
type bracket struct {
	low, high float64
	whole     bool
}

// precision is how far a value that was found may be from the least, as a share of it.
const precision = 0.005

// middle is a value between two; ok is false where they are close enough.
func (b *bracket) middle(low, high float64) (x float64, ok bool) {
	if b.whole {
		return math.Floor((low + high) / 2), high-low > 1
	}
	if low <= 0 {
		return (low + high) / 2, high-low > precision*high
	}
	return math.Sqrt(low * high), high/low > 1+precision
}

// grid are n values from the bracket's low to its high end, evenly by their logarithm.
func (b *bracket) grid(n int) []float64 {
	var list []float64
	for i := range n {
		x := b.low + (b.high-b.low)*float64(i)/float64(n-1)
		if b.low > 0 {
			x = b.low * math.Pow(b.high/b.low, float64(i)/float64(n-1))
		}
		if i == n-1 {
			x = b.high
		}
		if b.whole {
			x = math.Round(x)
		}
		if len(list) == 0 || x > list[len(list)-1] {
			list = append(list, x)
		}
	}
	return list
}

// least is the least value of a bracket that is good enough, where larger ones are too.
// Both ends are tried: found is false where not even the high one is good enough, and where
// the low one is, it is the answer.
func (r *response) least(ctx context.Context, b bracket, good func(*outcome) bool) (x float64, found bool, err error) {
	high, err := r.of(ctx, b.high)
	if err != nil || !good(high) {
		return 0, false, err
	}
	low, err := r.of(ctx, b.low)
	if err != nil {
		return 0, false, err
	}
	if good(low) {
		return b.low, true, nil
	}
	return r.between(ctx, b, b.low, b.high, good)
}

// between halves until the ends are close enough: low is not good, high is.
func (r *response) between(ctx context.Context, b bracket, low, high float64, good func(*outcome) bool) (float64, bool, error) {
	for {
		x, ok := b.middle(low, high)
		if !ok {
			return high, true, nil
		}
		o, err := r.of(ctx, x)
		if err != nil {
			return 0, false, err
		}
		if good(o) {
			high = x
		} else {
			low = x
		}
	}
}

// Probes beside the search: more values that tell whether the response is monotone.
const probes = 7

// steady looks at more values of the bracket and says whether more of the parameter always
// brings the figure down, but for a thousandth; else x is moved to the least value above
// which every known one is good.
func (r *response) steady(ctx context.Context, b bracket, x float64, good func(*outcome) bool) (float64, bool, error) {
	for _, v := range b.grid(probes) {
		if _, err := r.of(ctx, v); err != nil {
			return x, false, err
		}
	}
	monotone := r.falls(b)
	for range 5 {
		bad := math.Inf(-1)
		for _, v := range r.values() {
			if o := r.known[v]; v > x && v <= b.high && !good(&o) {
				bad = v
			}
		}
		if math.IsInf(bad, -1) {
			break
		}
		monotone = false
		next := b.high
		for _, v := range r.values() {
			if v > bad && v < next {
				next = v
			}
		}
		var err error
		if x, _, err = r.between(ctx, b, bad, next, good); err != nil {
			return x, false, err
		}
	}
	return x, monotone, nil
}

// falls says that no known value of the bracket has a figure above that of a smaller one.
func (r *response) falls(b bracket) bool {
	const noise = 1e-3
	least := math.Inf(1)
	for _, v := range r.values() {
		if v < b.low || v > b.high {
			continue
		}
		o := r.known[v]
		y := o.Value
		if o.never {
			y = math.Inf(1)
		}
		if y > least*(1+noise)+1e-9 {
			return false
		}
		least = min(least, y)
	}
	return true
}

// need finds the least value of a parameter that keeps the limit, with those of the ends of
// the interval; of a burst the least with which it is met.
func (r *response) need(ctx context.Context, b bracket, limit float64) (*reports.CapacityNeed, bool, error) {
	n := &reports.CapacityNeed{}
	good := func(o *outcome) bool { return o.within(limit) }
	if r.burst > 0 {
		good = func(o *outcome) bool { return o.enough(limit) }
	}
	x, found, err := r.least(ctx, b, good)
	if err != nil {
		return n, true, err
	}
	monotone := true
	if found {
		if x, monotone, err = r.steady(ctx, b, x, good); err != nil {
			return n, true, err
		}
		n.Need = &x
		n.AtMost = !b.whole && x <= b.low
		at := r.known[x]
		if r.burst == 0 && at.Low != nil && at.High != nil && *at.High > *at.Low {
			low, some, lowErr := r.least(ctx, b, func(o *outcome) bool { return o.maybe(limit) })
			if lowErr != nil {
				return n, true, lowErr
			}
			if high, all, highErr := r.least(ctx, b, func(o *outcome) bool { return o.surely(limit) }); highErr != nil {
				return n, true, highErr
			} else if some && all {
				n.Low, n.High = &low, &high
			} else if !all {
				n.Note = "kept by the mean alone: no value that was tried keeps the limit with its whole interval"
			}
		}
	} else {
		for _, v := range b.grid(probes) {
			if _, err := r.of(ctx, v); err != nil {
				return n, true, err
			}
		}
		monotone = r.falls(b)
		// A response that turns up again may keep the limit on the way.
		bad := math.NaN()
		for _, v := range r.values() {
			if o := r.known[v]; !good(&o) {
				bad = v
				continue
			}
			if !math.IsNaN(bad) {
				if v, _, err = r.between(ctx, b, bad, v, good); err != nil {
					return n, true, err
				}
			}
			n.Need, n.Note = &v, "much more than that exceeds the limit again"
			break
		}
	}
	best := r.known[b.high]
	for _, o := range r.known {
		if best.never || !o.never && o.Value < best.Value {
			best = o
		}
	}
	if !best.never {
		n.Best = &best.Value
	}
	if n.Need == nil && best.within(limit) {
		n.Note = shortOf(&best, limit)
	}
	if !monotone && n.Note == "" {
		n.Note = "not monotone: more does not always bring less"
	}
	n.Tried = len(r.known)
	return n, monotone, nil
}
