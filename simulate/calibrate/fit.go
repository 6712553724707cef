package calibrate

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// choices are what spans cannot tell and runs that are left out decide.
type choices struct {
	// diskBound: nil is as the stages see it.
	diskBound *bool
	// more are parameters that are fitted beyond those of the stages.
	more []int
}

// fit is a profile fitted to some arms.
type fit struct {
	stage   *estimate
	choices choices
	values  values
	ready   readiness
	search  *search
	// x, r and j are the point, the residuals there and their slopes.
	x, r []float64
}

// starts are where the search for parameters beyond the stages begins, and how
// freely: small, for that is what they add to.
func (d *Data) optionStart(i int) (value, width float64) {
	switch i {
	case fetchCores:
		return 0.2, 1
	case fetchDisk:
		return 0.1, 1
	}
	return d.all[i].get(d.opt.Base), 0.5
}

// isUnpack says whether a parameter is of unpacking.
func isUnpack(i int) bool { return i >= layer && i <= disk }

// effort is how long a search may take.
type effort struct{ steps, simplex, samples int }

var (
	quick = effort{steps: 3, samples: 20}
	whole = effort{steps: 6, simplex: 12, samples: 60}
)

// prepare makes the search for some arms under some choices.
func (d *Data) prepare(ctx context.Context, cells []*cell, with choices, how effort) *fit {
	f := &fit{stage: d.stages(cells, with.diskBound), choices: with, ready: readinessOf(cells)}
	s := &search{d: d, ctx: ctx, cells: cells, ready: f.ready, scale: lossScale, repeats: max(1, (d.opt.Repeats+2)/3)}
	s.fixed = f.stage.bounds
	widths := d.widths(cells, f.stage, with, how.samples)
	for i, v := range f.stage.value {
		free := !math.IsNaN(v)
		width := widths[i]
		if slices.Contains(with.more, i) {
			v, width = d.optionStart(i)
			free = true
		}
		if isUnpack(i) && (slices.Contains(with.more, fetchCores) || slices.Contains(with.more, fetchDisk)) {
			width = 0.5 // the stages took what transfers take for a slower decoder
		}
		if !free || !slices.ContainsFunc(cells, func(c *cell) bool { return !c.held[i] }) {
			continue
		}
		s.free = append(s.free, i)
		s.center, s.width = append(s.center, math.Log(d.all[i].clamp(v))), append(s.width, width)
	}
	f.search = s
	return f
}

// widths are how well the stages know each parameter, as logarithms: twice its
// standard error over samples of the arms, between 3 % and half.
func (d *Data) widths(cells []*cell, e *estimate, with choices, samples int) values {
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x7769647468))
	var all [parameters][]float64
	for range samples {
		list, _ := sample(cells, random)
		one := d.stages(list, boundOf(e, with))
		for i, v := range one.value {
			if !math.IsNaN(v) {
				all[i] = append(all[i], math.Log(v))
			}
		}
	}
	var w values
	for i, list := range all {
		w[i] = 0.5
		if len(list) > 1 {
			const normalQuartiles = 1.349 // standard deviations between them
			w[i] = min(max(2*spread(list)/normalQuartiles, 0.03), 0.5)
		}
	}
	return w
}

// boundOf keeps what bounds unpacking the same in samples.
func boundOf(e *estimate, with choices) *bool {
	if with.diskBound != nil {
		return with.diskBound
	}
	return &e.diskBound
}

// run searches.
func (f *fit) run(how effort) error {
	s := f.search
	f.x, f.r, _ = s.descend(slices.Clone(s.center), how.steps)
	if how.simplex > 0 && s.err == nil {
		f.x = s.simplex(f.x, how.simplex*(len(f.x)+1))
		f.r = s.residuals(f.x)
	}
	f.values = s.at(f.x)
	return s.err
}

// fit fits a profile to arms: the choices first, by halves that are left out, then
// all.
func (d *Data) fit(ctx context.Context, cells []*cell) (*fit, error) {
	with, err := d.choose(ctx, cells)
	if err != nil {
		return nil, err
	}
	f := d.prepare(ctx, cells, with, whole)
	return f, f.run(whole)
}

// choose takes in what lowers the error of runs that were left out, one after
// another.
func (d *Data) choose(ctx context.Context, cells []*cell) (choices, error) {
	var with choices
	candidates := d.candidates(cells)
	if len(candidates) == 0 {
		return with, nil
	}
	least, err := d.leftOut(ctx, cells, with)
	for _, change := range candidates {
		if err != nil || math.IsNaN(least) {
			return with, err
		}
		changed := change(with)
		var e float64
		switch e, err = d.leftOut(ctx, cells, changed); {
		case helps(e, least):
			with, least = changed, e
		case changed.diskBound != with.diskBound && helps(least, e):
			asSeen := !*changed.diskBound // now it is known, not taken
			with.diskBound = &asSeen
		}
	}
	return with, err
}

// helps says whether one error is less than another by more than chance: what helps
// by chance helps little.
func helps(error, than float64) bool { return error < 0.97*than-0.001 }

// candidates are the choices that the arms could tell.
func (d *Data) candidates(cells []*cell) []func(choices) choices {
	together := slices.ContainsFunc(cells, func(c *cell) bool { return c.class == ClassTogether })
	unshaped := slices.ContainsFunc(cells, func(c *cell) bool { return !c.shaped() && c.work.fetchBytes > 0 })
	var list []func(choices) choices
	more := func(i int) {
		if slices.ContainsFunc(cells, func(c *cell) bool { return !c.held[i] }) {
			list = append(list, func(w choices) choices {
				w.more = append(slices.Clone(w.more), i)
				return w
			})
		}
	}
	if e := d.stages(cells, nil); e.undecided && together {
		list = append(list, func(w choices) choices {
			other := !e.diskBound
			w.diskBound = &other
			return w
		})
	}
	if together || unshaped {
		more(fetchCores)
		more(fetchDisk)
	}
	if together {
		more(cores)
	}
	return list
}

// leftOut is the mean absolute error of the half of the arms that a fit to the other
// does not know; NaN where there are too few.
func (d *Data) leftOut(ctx context.Context, cells []*cell, with choices) (float64, error) {
	sum, n := 0.0, 0
	for half := range 2 {
		in, out := split(cells, func(c *cell) bool { return c.half == half })
		if len(in) < 4 || len(out) < 4 {
			return math.NaN(), nil
		}
		f := d.prepare(ctx, in, with, quick)
		if err := f.run(quick); err != nil {
			return 0, err
		}
		simulated, err := d.replay(ctx, out, &f.values, f.ready, f.search.repeats)
		if err != nil {
			return 0, err
		}
		for _, r := range residuals(out, simulated) {
			sum, n = sum+math.Abs(math.Expm1(r)), n+1
		}
	}
	return sum / float64(n), nil
}
