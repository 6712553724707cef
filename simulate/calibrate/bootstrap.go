package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// level is that of the intervals of parameters.
const level = 0.90

// interval is where level of the samples lie.
type interval struct{ low, high float64 }

// intervals are those of the free parameters of a fit, from samples of its arms: the
// stages are done again for each; the search in its linear form about the fit.
func (d *Data) intervals(f *fit) ([parameters]interval, error) {
	var all [parameters]interval
	for i := range all {
		all[i] = interval{math.NaN(), math.NaN()}
	}
	s := f.search
	if len(s.free) == 0 {
		return all, nil
	}
	j := s.slopes(f.x, f.r)
	if s.err != nil {
		return all, s.err
	}
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x626f6f74))
	drawn := make([][]float64, len(s.free))
	for range d.opt.Samples {
		list, counts := sample(s.cells, random)
		e := d.stages(list, &f.chosen.with.bound)
		x := s.resampled(f, j, e, counts)
		for k := range x {
			drawn[k] = append(drawn[k], x[k])
		}
	}
	for k, i := range s.free {
		low, high := quantile(drawn[k], (1-level)/2), quantile(drawn[k], (1+level)/2)
		all[i] = interval{d.all[i].clamp(math.Exp(low)), d.all[i].clamp(math.Exp(high))}
	}
	return all, nil
}

// resampled is where the search would end with other counts of the arms and other
// stages, in its linear form.
func (s *search) resampled(f *fit, j *mat.Dense, e *estimate, counts []float64) []float64 {
	moved := *s
	moved.center = slices.Clone(s.center)
	for k, i := range s.free {
		if v := e.value[i]; !math.IsNaN(v) {
			moved.center[k] = math.Log(v)
		}
	}
	x := slices.Clone(f.x)
	r := make([]float64, len(f.r))
	for range 5 {
		for i := range r {
			r[i] = f.r[i]
			for k := range x {
				r[i] += j.At(i, k) * (x[k] - f.x[k])
			}
		}
		x = moved.step(x, r, j, counts, 0)
	}
	return x
}

// vague says that an interval tells too little: its ends are more than a factor of
// ten apart.
func (x interval) vague() bool { return x.high > 10*x.low }

// untold says why samples within an interval do not tell a parameter; empty where they
// do. One that holds all that a parameter can be is as vague, and one that lies at the
// limit of that is not measured but held there.
func (p *parameter) untold(x interval) string {
	const edge = 1e-3
	switch {
	case x.vague(), x.low <= p.low && x.high >= p.high:
		return fmt.Sprintf("the runs allow anything from %s to %s", p.show(x.low), p.show(x.high))
	case x.low >= p.high*(1-edge):
		return fmt.Sprintf("the runs put it at %s, the most that it can be, or beyond", p.show(p.high))
	case x.high <= p.low*(1+edge):
		return fmt.Sprintf("the runs put it at %s, the least that it can be, or below", p.show(p.low))
	}
	return ""
}
