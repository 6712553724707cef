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
	// loose: whole runs may say otherwise of unpacking than spans do, as where
	// transfers slow it down.
	loose bool
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
	// x is the point, r the residuals there.
	x, r []float64
	// told are the parameters whose interval tells enough.
	told [parameters]bool
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
		if with.loose && isUnpack(i) {
			width = 0.5
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
// another: what bounds unpacking, then what transfers take from it, then the cores.
func (d *Data) choose(ctx context.Context, cells []*cell) (choices, error) {
	c := &chooser{d: d, ctx: ctx, cells: cells}
	e := d.stages(cells, nil)
	together := slices.ContainsFunc(cells, func(c *cell) bool { return c.class == ClassTogether })
	unshaped := slices.ContainsFunc(cells, func(c *cell) bool { return !c.shaped() && c.work.fetchBytes > 0 })
	if !together && !unshaped {
		return c.with, nil
	}
	c.least = c.error(c.with)
	if e.undecided && together {
		c.bound(!e.diskBound)
	}
	c.transfers()
	if together && c.isFree(cores) {
		more := c.with
		more.more = append(slices.Clone(more.more), cores)
		c.take(more, 0.97)
	}
	return c.with, c.err
}

// A chooser holds what is chosen so far, with its error.
type chooser struct {
	d     *Data
	ctx   context.Context // of one call of choose
	cells []*cell
	with  choices
	least float64
	err   error
}

// error is that of runs left out; NaN after a fault, so that nothing is taken.
func (c *chooser) error(with choices) float64 {
	if c.err != nil || math.IsNaN(c.least) {
		return math.NaN()
	}
	e, err := c.d.leftOut(c.ctx, c.cells, with)
	if c.err = err; err != nil {
		return math.NaN()
	}
	return e
}

func (c *chooser) isFree(i int) bool {
	return slices.ContainsFunc(c.cells, func(x *cell) bool { return !x.held[i] })
}

// take takes choices whose error is below so much of what it is; what helps by
// chance helps little.
func (c *chooser) take(with choices, share float64) (error float64, taken bool) {
	error = c.error(with)
	if error < share*c.least-0.001 {
		c.with, c.least = with, error
		return error, true
	}
	return error, false
}

// bound tries whether the disk bounds unpacking, or the decoder, otherwise than the
// stages see it.
func (c *chooser) bound(disk bool) {
	with := c.with
	with.diskBound = &disk
	if e, taken := c.take(with, 0.97); !taken && c.least < 0.97*e-0.001 {
		asSeen := !disk // now it is known, not only taken
		c.with.diskBound = &asSeen
	}
}

// transfers tries what they take from unpacking. The spans of layers were unpacked
// beside transfers too, so they are then trusted less, and that alone may lower the
// error: it has to lower it by more.
func (c *chooser) transfers() {
	loose := c.with
	loose.loose = true
	const much = 0.85
	alone, _ := c.take(loose, much)
	for _, i := range []int{fetchCores, fetchDisk} {
		if !c.isFree(i) {
			continue
		}
		more := c.with
		more.loose = true
		more.more = append(slices.Clone(more.more), i)
		before := c.with
		if e, taken := c.take(more, much); taken && !(e < 0.95*alone) {
			c.with = before
		}
	}
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
