package calibrate

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// fit is a profile fitted to some arms.
type fit struct {
	stage  *estimate
	chosen *decision
	values values
	ready  readiness
	search *search
	// x is the point, r the residuals there.
	x, r []float64
	// told are the parameters whose interval tells enough.
	told [parameters]bool
}

// choicesWords say what runs that were left out decided.
func (f *fit) choicesWords() []string { return f.chosen.words }

// optionStart is where the search for an option begins, and how freely: small, for that
// is what it adds to; but what transfers take of the cores not so small that it leaves a
// core for one unpack, where no arm would show it.
func (d *Data) optionStart(i int, cells []*cell, v *values) (value, width float64) {
	switch i {
	case fetchRate:
		const left = 0.5 // of a core, beside the fastest transfers
		for _, c := range cells {
			rate, _ := d.linkSpeed(c, v)
			value = max(value, rate/max(c.profile.Unpack.Cores.Value-left, left))
		}
		if value == 0 {
			value = 1e9
		}
		return value, 1
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

// fit fits a profile to arms: the choices first, among these arms, then all.
func (d *Data) fit(ctx context.Context, cells []*cell) (*fit, error) {
	chosen, err := d.choose(ctx, cells)
	if err != nil {
		return nil, err
	}
	f := d.prepare(ctx, cells, chosen.with, d.prior(cells, chosen.with.bound, whole))
	f.chosen = chosen
	for _, i := range options() {
		if !slices.Contains(chosen.with.more, i) {
			f.stage.cannot(i, chosen.why[i], chosen.measure[i])
		}
	}
	return f, f.run(whole)
}

// prior is what the stages know of some arms, and as logarithms how well: twice its
// standard error over samples of the arms, between 3 % and half.
type prior struct {
	stage  *estimate
	widths values
}

func (d *Data) prior(cells []*cell, bound bounding, how effort) *prior {
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x7769647468))
	var all [parameters][]float64
	for range how.samples {
		list, _ := sample(cells, random)
		one := d.stages(list, &bound)
		for i, v := range one.value {
			if !math.IsNaN(v) {
				all[i] = append(all[i], math.Log(v))
			}
		}
	}
	k := &prior{stage: d.stages(cells, &bound)}
	for i, list := range all {
		k.widths[i] = 0.5
		if len(list) > 1 {
			const normalQuartiles = 1.349 // standard deviations between them
			k.widths[i] = min(max(2*spread(list)/normalQuartiles, 0.03), 0.5)
		}
	}
	return k
}

// prepare makes the search for some arms under some choices.
func (d *Data) prepare(ctx context.Context, cells []*cell, with choices, k *prior) *fit {
	f := &fit{stage: k.stage, ready: readinessOf(cells)}
	s := &search{d: d, ctx: ctx, cells: cells, ready: f.ready, scale: lossScale, repeats: max(1, (d.opt.Repeats+2)/3)}
	s.fixed = f.stage.taken
	for i, v := range f.stage.value {
		free := !math.IsNaN(v)
		width := k.widths[i]
		if slices.Contains(with.more, i) {
			v, width = d.optionStart(i, cells, &f.stage.value)
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
