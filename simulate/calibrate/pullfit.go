package calibrate

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// pullTimes are how long each image takes to pull on a profile, on an idle node.
func (d *Data) pullTimes(p *simulate.Profile) ([]float64, error) {
	e, err := simulate.NewEstimator(d.pulled, p)
	if err != nil {
		return nil, err
	}
	times := make([]float64, len(d.pulled.Images))
	for i := range times {
		estimate, err := e.Estimate(&simulate.Start{App: d.pulled.Images[i].Reference, Images: []int{i}, PullPolicy: "Always"})
		if err != nil {
			return nil, err
		}
		times[i] = estimate.Pull.Seconds()
	}
	d.evaluations += len(times)
	return times, nil
}

// models part the base's time of each image by what moves it.
func (d *Data) models() ([]pullModel, error) {
	times := func(trip, request time.Duration) ([]float64, error) {
		p := *d.opt.Base
		p.Network.RoundTrip = simulate.Parameter[time.Duration]{Value: trip}
		p.Network.Request = simulate.Parameter[time.Duration]{Value: request}
		return d.pullTimes(&p)
	}
	trip := seconds(d.all[roundTrip].get(d.opt.Base))
	const second = time.Second / 10
	bare, err := times(0, 0)
	if err != nil {
		return nil, err
	}
	tripped, err := times(trip, 0)
	if err != nil {
		return nil, err
	}
	answered, err := times(0, second)
	if err != nil {
		return nil, err
	}
	list := make([]pullModel, len(bare))
	for i := range list {
		list[i] = pullModel{bare[i], (answered[i] - bare[i]) / second.Seconds(), tripped[i] - bare[i]}
	}
	return list, nil
}

// pullFit is a fit to pulls: 1 is as the base. told says whether the fixed time is.
type pullFit struct {
	factor, request float64
	told            bool
}

// fitPullsTo is a robust regression of times on what the base says, in its parts.
func (d *Data) fitPullsTo(pulls []*pull, models []pullModel) pullFit {
	rows := make([]term, 0, len(pulls))
	for _, p := range pulls {
		m := &models[p.at]
		rows = append(rows, term{[]float64{m.scaled, m.answers}, max(p.seconds-m.fixed, p.seconds/10)})
	}
	c := regress(rows)
	f := pullFit{factor: 1, request: c[1], told: c[1] > 0}
	if c[0] > 0 {
		f.factor = 1 / c[0]
	}
	if !f.told { // with the base's answers, the factor alone
		f.request = d.all[request].get(d.opt.Base)
		for i, p := range pulls {
			m := &models[p.at]
			rows[i] = term{[]float64{m.scaled}, max(p.seconds-m.fixed-m.answers*f.request, p.seconds/10)}
		}
		if c := regress(rows); c[0] > 0 {
			f.factor = 1 / c[0]
		}
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
		d.all[request].put(p, significant(f.request, 4), source)
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

// decidePulls fits both values, or the factor alone where the fixed time is not told.
func (d *Data) decidePulls(pulls []*pull, models []pullModel) (f pullFit, factor, fixed interval) {
	if factor, fixed = d.pullIntervals(pulls, models); fixed.vague() || imagesIn(pulls) < 3 {
		return d.withoutFixed(pulls, models), factor, fixed
	}
	return d.fitPullsTo(pulls, models), factor, fixed
}

// withoutFixed fits the factor alone.
func (d *Data) withoutFixed(pulls []*pull, models []pullModel) pullFit {
	none := slices.Clone(models)
	at := d.all[request].get(d.opt.Base)
	for i := range none {
		none[i].fixed += none[i].answers * at
		none[i].answers = 0
	}
	f := d.fitPullsTo(pulls, none)
	f.told, f.request = false, at
	return f
}

// pullIntervals are those of the factor and of the fixed time, from samples of
// images.
func (d *Data) pullIntervals(pulls []*pull, models []pullModel) (factor, fixed interval) {
	byImage := make(map[string][]*pull)
	var names []string
	for _, p := range pulls {
		if byImage[p.image] == nil {
			names = append(names, p.image)
		}
		byImage[p.image] = append(byImage[p.image], p)
	}
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x70756c6c73))
	var factors, requests []float64
	for range d.opt.Samples {
		var list []*pull
		for range names {
			list = append(list, byImage[names[random.IntN(len(names))]]...)
		}
		f := d.fitPullsTo(list, models)
		factors = append(factors, f.factor)
		if f.told {
			requests = append(requests, f.request)
		} else {
			requests = append(requests, 0)
		}
	}
	of := func(list []float64) interval {
		return interval{quantile(list, (1-level)/2), quantile(list, (1+level)/2)}
	}
	return of(factors), of(requests)
}
