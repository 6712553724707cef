package calibrate

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// pullTimes are how long each image takes to pull on a profile, on an idle node.
func (d *Data) pullTimes(ctx context.Context, p *simulate.Profile) ([]float64, error) {
	return d.timesOf(ctx, d.pulled, p)
}

// timesOf are how long each image of an inventory takes.
func (d *Data) timesOf(ctx context.Context, inv *layers.Inventory, p *simulate.Profile) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := simulate.NewEstimator(inv, p)
	if err != nil {
		return nil, err
	}
	times := make([]float64, len(inv.Images))
	for i := range times {
		estimate, err := e.Estimate(&simulate.Start{App: inv.Images[i].Reference, Images: []int{i}, PullPolicy: "Always"})
		if err != nil {
			return nil, err
		}
		times[i] = estimate.Pull.Seconds()
	}
	d.evaluations += len(times)
	return times, nil
}

// models part the base's time of each image by what moves it: waiting for answers and
// the runtime's own time for a layer stay as they are.
func (d *Data) models(ctx context.Context) ([]pullModel, error) {
	times := func(change func(*simulate.Profile)) ([]float64, error) {
		p := *d.opt.Base
		p.Pull.Start = simulate.Parameter[time.Duration]{}
		change(&p)
		return d.pullTimes(ctx, &p)
	}
	const start = time.Second / 10
	bare, err := times(func(p *simulate.Profile) {
		none := simulate.Parameter[time.Duration]{}
		p.Network.RoundTrip, p.Network.Request, p.Pull.Blob = none, none, none
	})
	if err != nil {
		return nil, err
	}
	waiting, err := times(func(*simulate.Profile) {})
	if err != nil {
		return nil, err
	}
	started, err := times(func(p *simulate.Profile) { p.Pull.Start.Value = start })
	if err != nil {
		return nil, err
	}
	list := make([]pullModel, len(bare))
	for i := range list {
		list[i] = pullModel{bare[i], (started[i] - waiting[i]) / start.Seconds(), waiting[i] - bare[i]}
	}
	return list, nil
}

// pullFit is a fit to pulls: a factor of 1 is as the base. start is the fixed time of a
// pull in seconds, told whether it is, and not the base's.
type pullFit struct {
	factor, start float64
	told          bool
}

// fitPullsTo is a robust regression of times on what the base says, in its parts.
func (d *Data) fitPullsTo(pulls []*pull, models []pullModel) pullFit {
	rows := make([]term, 0, len(pulls))
	for _, p := range pulls {
		m := &models[p.at]
		rows = append(rows, term{[]float64{m.scaled, m.starts}, max(p.seconds-m.fixed, p.seconds/10)})
	}
	c := regress(rows)
	f := pullFit{factor: 1, start: c[1], told: c[1] > 0}
	if c[0] > 0 {
		f.factor = 1 / c[0]
	}
	return f
}

// fitFactorTo is the same of the factor alone, with the base's fixed time.
func (d *Data) fitFactorTo(pulls []*pull, models []pullModel) pullFit {
	f := pullFit{factor: 1, start: d.all[pullStart].get(d.opt.Base)}
	rows := make([]term, 0, len(pulls))
	for _, p := range pulls {
		m := &models[p.at]
		rows = append(rows, term{[]float64{m.scaled}, max(p.seconds-m.fixed-m.starts*f.start, p.seconds/10)})
	}
	if c := regress(rows); c[0] > 0 {
		f.factor = 1 / c[0]
	}
	return f
}

// on is the base by a fit.
func (f pullFit) on(d *Data, source string) *simulate.Profile {
	p := d.derived()
	rates := []*simulate.Parameter[network.Rate]{
		&p.Network.Registry, &p.Network.Uplink, &p.Network.Node, &p.Network.Connection, &p.Unpack.Gzip, &p.Unpack.Zstd, &p.Unpack.Disk,
	}
	for _, r := range rates {
		if v := scaledBy(r, f.factor); v.Distribution != "" || v.Value < network.Unlimited {
			v.Source = source
			*r = v
		}
	}
	for _, t := range []*simulate.Parameter[time.Duration]{&p.Unpack.Layer, &p.Unpack.File} {
		*t = scaledBy(t, 1/f.factor)
		t.Source = source
	}
	if f.told {
		d.all[pullStart].put(p, significant(f.start, 4), source)
	}
	return p
}

// scaledBy scales a constant or a distribution, to four digits.
func scaledBy[T ~int64 | ~float64](p *simulate.Parameter[T], by float64) simulate.Parameter[T] {
	q := *p
	for _, v := range []*T{&q.Value, &q.Median, &q.Min, &q.Max} {
		*v = T(significant(float64(*v)*by, 4))
	}
	return q
}

// pullIntervals are those of a fit to pulls.
type pullIntervals struct{ factor, start interval }

// decidePulls fits both values, or the factor alone where the fixed time is not told;
// the intervals are of what is fitted.
func (d *Data) decidePulls(ctx context.Context, pulls []*pull, models []pullModel, samples int) (pullFit, pullIntervals, error) {
	both := func(list []*pull) pullFit { return d.fitPullsTo(list, models) }
	f := both(pulls)
	around, err := d.bootstrapPulls(ctx, pulls, both, samples)
	if err != nil || f.told && !around.start.vague() && imagesIn(pulls) >= 3 {
		return f, around, err
	}
	alone := func(list []*pull) pullFit { return d.fitFactorTo(list, models) }
	around, err = d.bootstrapPulls(ctx, pulls, alone, samples)
	return alone(pulls), around, err
}

// mostRows is of how many pulls a sample is drawn: more would say little more of the
// intervals, and take minutes of a large cluster.
const mostRows = 2000

// bootstrapPulls are the intervals of a fit over samples of images. Of more pulls than
// mostRows as many of each image are taken, evenly by time, and of more images than that
// as many images are drawn; the intervals are then rather wider than they need be.
func (d *Data) bootstrapPulls(ctx context.Context, pulls []*pull, fit func([]*pull) pullFit, samples int) (pullIntervals, error) {
	var images [][]*pull
	for i, p := range pulls {
		if i == 0 || pulls[i-1].image != p.image {
			images = append(images, nil)
		}
		k := len(images) - 1
		images[k] = append(images[k], p)
	}
	if len(pulls) > mostRows {
		for k := range images {
			images[k] = thinned(images[k], max(1, mostRows/len(images)))
		}
	}
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x70756c6c73))
	var factors, starts []float64
	for range samples {
		if err := ctx.Err(); err != nil {
			return pullIntervals{}, err
		}
		var list []*pull
		for range min(len(images), mostRows) {
			list = append(list, images[random.IntN(len(images))]...)
		}
		f := fit(list)
		factors = append(factors, f.factor)
		if !f.told {
			f.start = 0
		}
		starts = append(starts, f.start)
	}
	of := func(list []float64) interval {
		return interval{quantile(list, (1-level)/2), quantile(list, (1+level)/2)}
	}
	return pullIntervals{of(factors), of(starts)}, nil
}

// thinned takes at most so many, evenly by the time that they took.
func thinned(pulls []*pull, most int) []*pull {
	if len(pulls) <= most {
		return pulls
	}
	sorted := slices.Clone(pulls)
	slices.SortStableFunc(sorted, func(x, y *pull) int { return cmp.Compare(x.seconds, y.seconds) })
	list := make([]*pull, most)
	for i := range list {
		list[i] = sorted[(2*i+1)*len(sorted)/(2*most)]
	}
	return list
}
