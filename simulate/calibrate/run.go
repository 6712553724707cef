package calibrate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

func seconds(v float64) time.Duration { return time.Duration(math.Round(v * 1e9)) }

// imagesOf lists what single starts started, each once.
func (d *Data) imagesOf() []string {
	var list []string
	for _, c := range d.cells {
		if c.single() && len(c.images) == 1 && !slices.Contains(list, c.images[0]) {
			list = append(list, c.images[0])
		}
	}
	slices.Sort(list)
	return list
}

// begin is a Calibration before its errors.
func (d *Data) begin() *Calibration {
	return &Calibration{
		Tools: d.tools, Hosts: d.hosts, Basis: "layers", Base: d.opt.Base.Name, Profile: d.opt.Base.Name,
		Runs: d.runs - d.voidRuns, VoidRuns: d.voidRuns, Startups: d.startups, Arms: len(d.cells),
		Provenance: simulate.Provenance{Seed: d.opt.Seed, Profile: d.opt.Base.Name, ProfileBasis: d.opt.Base.Basis(), Now: d.last, Inputs: d.inputs},
		Doubts:     slices.Clone(d.doubts),
	}
}

// predict simulates all arms on a profile's values.
func (d *Data) predict(ctx context.Context, by string, cells []*cell, v *values, ready readinessFor) (prediction, error) {
	out, err := d.replayEach(ctx, cells, v, ready, d.opt.Repeats)
	return prediction{by, out}, err
}

// naives are the naive predictions of some arms by a profile's values.
func (d *Data) naives(cells []*cell, v *values, ready readinessFor) []prediction {
	byBytes, bySum := make([]outcome, len(cells)), make([]outcome, len(cells))
	for i, c := range cells {
		of := ready(c)
		byBytes[i], bySum[i] = unknownOutcome(), unknownOutcome()
		byBytes[i].total, bySum[i].total = d.naive(c, v, of)
		_, byBytes[i].bare = of.of(c)
		bySum[i].bare = byBytes[i].bare
	}
	return []prediction{{ByBytes, byBytes}, {BySum, bySum}}
}

// readyApart is what arms outside an arm's own part tell of the programs' own times to
// ready: what an arm itself took would make its prediction look better than it is.
func (d *Data) readyApart(part func(*cell) string) readinessFor {
	of := make(map[string]readiness)
	return func(c *cell) readiness {
		k := part(c)
		if _, known := of[k]; !known {
			others, _ := split(d.cells, func(x *cell) bool { return part(x) != k })
			of[k] = readinessOf(others)
		}
		return of[k]
	}
}

// Check says how wrong the base is of what was measured; nothing is fitted but the
// programs' own times to ready, which no profile knows.
func (d *Data) Check(ctx context.Context) (*Calibration, error) {
	switch {
	case len(d.pulls) > 0:
		return d.checkPulls(ctx)
	case len(d.cells) == 0:
		return d.checkOnlyCounts(ctx)
	}
	if err := d.rankAll(ctx); err != nil {
		return nil, err
	}
	c := d.begin()
	c.Base = ""
	ready := d.readyApart(func(x *cell) string { return x.arm })
	v := unset()
	p, err := d.predict(ctx, ByProfile, d.cells, &v, ready)
	if err != nil {
		return nil, err
	}
	d.judge(c, append([]prediction{p}, d.naives(d.cells, &v, ready)...), 0)
	c.Apps = appsOf(readinessOf(d.cells))
	d.doubtOwnRuns(c)
	d.doubtCells(c)
	if err := d.checkCounts(ctx, c, d.opt.Base); err != nil {
		return nil, err
	}
	c.Simulated = d.evaluations
	return c, nil
}

func (d *Data) rankAll(ctx context.Context) error {
	for _, c := range d.cells {
		if err := d.rankDraws(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func appsOf(ready readiness) []AppReady {
	var list []AppReady
	for app, t := range ready {
		list = append(list, AppReady{app, t})
	}
	slices.SortFunc(list, func(x, y AppReady) int { return strings.Compare(x.App, y.App) })
	return list
}

// Fit fits a profile to what was measured, and says how wrong it is of what it was
// not fitted to.
func (d *Data) Fit(ctx context.Context) (*Calibration, *simulate.Profile, error) {
	switch {
	case len(d.pulls) > 0:
		return d.fitPulls(ctx)
	case len(d.cells) == 0:
		all, _ := d.countedPulls()
		return nil, nil, fmt.Errorf("%w: %d pulls that are only counted, by size, fit no profile, for they tell no images: hold one against them with --check, or import events of single pulls", ErrNothing, all)
	}
	if err := d.rankAll(ctx); err != nil {
		return nil, nil, err
	}
	c := d.begin()
	cells, rest := d.cells, []*cell(nil)
	if d.opt.FitOn != nil {
		if cells, rest = split(d.cells, func(x *cell) bool { return d.opt.FitOn(x.public()) }); len(cells) == 0 || len(rest) == 0 {
			return nil, nil, fmt.Errorf("%w: of %d arms %d are to be fitted, and %d are left to check with: both need some", ErrNothing, len(d.cells), len(cells), len(rest))
		}
		c.FittedArms = len(cells)
		for _, x := range cells {
			x.fitted = true
		}
	}
	d.opt.Progress(fmt.Sprintf("fitting to %d arms", len(cells)))
	f, err := d.fit(ctx, cells)
	if err != nil {
		return nil, nil, err
	}
	around, err := d.intervals(f)
	if err != nil {
		return nil, nil, err
	}
	d.forget(f, &around)
	ready := always(f.ready)
	if d.folded() {
		ready = d.readyApart(func(x *cell) string { return fmt.Sprint(x.fold) })
	}
	v := unset()
	base, err := d.predict(ctx, ByBase, d.cells, &v, ready)
	if err != nil {
		return nil, nil, err
	}
	fitted, err := d.predict(ctx, ByFit, d.cells, &f.values, always(f.ready))
	if err != nil {
		return nil, nil, err
	}
	heldOut, err := d.heldOut(ctx, c, f, fitted)
	if err != nil {
		return nil, nil, err
	}
	list, shown := append([]prediction{base, fitted}, heldOut...), 1
	if len(heldOut) > 0 {
		shown = 2
	} else {
		list = append(list, d.naives(d.cells, &f.values, ready)...)
	}
	d.judge(c, list, shown)
	p, err := d.profileOf(f, &around)
	if err != nil {
		return nil, nil, err
	}
	c.Parameters, c.Choices, c.Apps = d.parametersOf(f, &around, p), f.choicesWords(), appsOf(f.ready)
	d.doubtCells(c)
	if err := d.checkCounts(ctx, c, p); err != nil {
		return nil, nil, err
	}
	c.Profile, c.Settings, c.Simulated = p.Name, d.settingsOf(), d.evaluations
	return c, p, p.Validate()
}

// fewestArms are needed for intervals: samples of fewer arms are mostly alike, as if
// nothing were more certain.
const fewestArms = 3

// forget gives up parameters whose interval tells too little; the others of the fit
// are told. They stay where they were fitted, for the rest was fitted beside them.
func (d *Data) forget(f *fit, around *[parameters]interval) {
	for _, i := range f.search.free {
		why := d.all[i].untold(around[i])
		if n := len(f.search.cells); n < fewestArms {
			why = fmt.Sprintf("there are %d arms to fit to, and it takes %d to tell how sure a value is", n, fewestArms)
			if n == 1 {
				why = fmt.Sprintf("there is one arm to fit to, and it takes %d to tell how sure a value is", fewestArms)
			}
		}
		if f.told[i] = why == ""; f.told[i] {
			continue
		}
		measure := f.stage.measure[i]
		if measure == "" {
			measure = "more arms, and more different ones"
		}
		f.stage.cannot(i, why, measure)
		if digits(f.values[i]) == digits(d.all[i].get(d.opt.Base)) {
			f.values[i] = math.NaN() // nothing contradicts the base's
		}
	}
}

// folded says whether arms are left out in turn: where the caller does not say which
// ones are, and there are enough.
func (d *Data) folded() bool {
	const fewest = 4 // arms in a fit
	return d.opt.FitOn == nil && len(d.cells)-(len(d.cells)+d.opt.Folds-1)/d.opt.Folds >= fewest
}

// heldOut predicts every arm by a fit that did not know it, and beside it naively by
// the values of the same fit; nil where there are too few arms. With arms of which some
// were not fitted it is those.
func (d *Data) heldOut(ctx context.Context, c *Calibration, f *fit, fitted prediction) ([]prediction, error) {
	if d.opt.FitOn != nil {
		out := prediction{ByHeldOut, slices.Clone(fitted.outcomes)}
		for i, x := range d.cells {
			if slices.Contains(f.search.cells, x) {
				out.outcomes[i] = unknownOutcome()
			}
		}
		return append([]prediction{out}, d.naives(d.cells, &f.values, always(f.ready))...), nil
	}
	folds := d.opt.Folds
	if !d.folded() {
		c.Doubts = append(c.Doubts, fmt.Sprintf("There are %d arms, too few to leave some out: the error of the fit is on what it was fitted to.", len(d.cells)))
		return nil, nil
	}
	c.Folds = folds
	var list []prediction
	for k := range folds {
		in, left := split(d.cells, func(x *cell) bool { return x.fold != k })
		if len(left) == 0 {
			continue
		}
		d.opt.Progress(fmt.Sprintf("fitting with some arms left out: %d %% of %d fits", 100*k/folds, folds))
		part, err := d.fit(ctx, in)
		if err != nil {
			return nil, err
		}
		p, err := d.predict(ctx, ByHeldOut, left, &part.values, always(part.ready))
		if err != nil {
			return nil, err
		}
		of := append([]prediction{p}, d.naives(left, &part.values, always(part.ready))...)
		if list == nil {
			for _, one := range of {
				list = append(list, prediction{one.by, make([]outcome, len(d.cells))})
			}
		}
		n := 0
		for i, x := range d.cells {
			if x.fold == k {
				for j := range of {
					list[j].outcomes[i] = of[j].outcomes[n]
				}
				n++
			}
		}
	}
	return list, nil
}

// doubtCells adds doubts that follow from the arms themselves.
func (d *Data) doubtCells(c *Calibration) {
	few, brief := 0, 0
	for _, x := range d.cells {
		if len(x.runs) < 3 {
			few++
		}
		if x.brief() {
			brief++
		}
	}
	if brief > 0 {
		c.Doubts = append(c.Doubts, fmt.Sprintf("Arms in which everything is present and that take less than 50 ms, %d of them, are scored in their class alone.", brief))
	}
	if few > 0 {
		c.Doubts = append(c.Doubts, fmt.Sprintf("%d of %d arms have fewer than three runs, so that their noise is not known: measure with more repeats.", few, len(d.cells)))
	}
	if slices.ContainsFunc(d.cells, func(x *cell) bool {
		return slices.ContainsFunc(x.inv.Layers, func(l layers.Layer) bool { return l.UnpackedSource == layers.Estimated })
	}) {
		c.Doubts = append(c.Doubts, "Unpacked sizes of some layers are estimated: analyze --deep measures them.")
	}
}
