package calibrate

import (
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// miss is one relative error and where it is.
type miss struct {
	error float64
	arm   string
}

// score sums relative errors up; ok is false where there is none.
func score(by string, misses []miss) (s Score, ok bool) {
	s.By = by
	var amounts []float64
	for _, m := range misses {
		if math.IsNaN(m.error) || math.IsInf(m.error, 0) {
			continue
		}
		a := math.Abs(m.error)
		amounts = append(amounts, a)
		s.Mean, s.Bias = s.Mean+a, s.Bias+m.error
		if a > s.Worst || s.Count == 0 {
			s.Worst, s.WorstArm = a, m.arm
		}
		s.Count++
	}
	if s.Count == 0 {
		return s, false
	}
	n := float64(s.Count)
	s.Mean, s.Bias = digits(s.Mean/n), digits(s.Bias/n)
	s.Median, s.P90, s.Worst = digits(quantile(amounts, 0.5)), digits(quantile(amounts, 0.9)), digits(s.Worst)
	return s, true
}

// digits rounds to six significant ones: more would be noise in a file.
func digits(v float64) float64 { return significant(v, 6) }

func significant(v float64, n int) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	scale := math.Pow(10, float64(n-1)-math.Floor(math.Log10(math.Abs(v))))
	if math.IsInf(scale, 0) {
		return v
	}
	return math.Round(v*scale) / scale
}

// prediction is a way to predict arms: by their places in the list of all.
type prediction struct {
	by       string
	outcomes []outcome // NaN where it says nothing
}

// figure is one of an outcome: the total, or a phase.
type figure func(*outcome) float64

func total(o *outcome) float64 { return o.total }

// scored scores every prediction of some arms, and the noise of their runs. Where the
// fit knew only some arms it is scored on those, and all else on the others.
func (d *Data) scored(what string, predictions []prediction, of figure, in func(*cell) bool) (Scored, bool) {
	s := Scored{What: what}
	parted := slices.ContainsFunc(d.cells, func(c *cell) bool { return c.fitted })
	counts := func(c *cell, by string) bool { return in(c) && (!parted || c.fitted == (by == ByFit)) }
	for _, p := range predictions {
		var misses []miss
		for i, c := range d.cells {
			if m := of(&c.measured); counts(c, p.by) && m > 0 {
				misses = append(misses, miss{of(&p.outcomes[i])/m - 1, c.arm})
			}
		}
		if one, ok := score(p.by, misses); ok {
			s.Scores = append(s.Scores, one)
		}
	}
	var noise []miss
	for _, c := range d.cells {
		if counts(c, Noise) {
			noise = append(noise, c.noise(of)...)
		}
	}
	if one, ok := score(Noise, noise); ok {
		s.Scores = append(s.Scores, one)
	}
	return s, len(s.Scores) > 0
}

// noise is how far each run is from the median of the others; of fewer than three
// it is not told.
func (c *cell) noise(of figure) []miss {
	if len(c.runs) < 3 {
		return nil
	}
	var misses []miss
	for i := range c.runs {
		var others []float64
		for k := range c.runs {
			if v := of(&c.runs[k].outcome); k != i && !math.IsNaN(v) {
				others = append(others, v)
			}
		}
		if m := median(others); m > 0 {
			misses = append(misses, miss{of(&c.runs[i].outcome)/m - 1, c.arm})
		}
	}
	return misses
}

// brief says that next to nothing happens in an arm: its relative error would be
// noise, so it is in its class alone.
func (c *cell) brief() bool { return c.class == ClassPresent && c.measured.total < 0.05 }

// judge fills in the errors of some predictions; the last one of base, fitted,
// held-out or profile is that of the arms listed.
func (d *Data) judge(c *Calibration, predictions []prediction, shown int) {
	add := func(list *[]Scored, what string, of figure, in func(*cell) bool) {
		if s, ok := d.scored(what, predictions, of, in); ok {
			*list = append(*list, s)
		}
	}
	add(&c.Totals, "all", total, func(c *cell) bool { return !c.brief() })
	for _, class := range Classes() {
		add(&c.Totals, class, total, func(c *cell) bool { return c.class == class })
	}
	for i, p := range simulate.AllPhases() {
		// A phase that takes no time has no relative error, nor has one that the
		// arms know only as nothing.
		add(&c.Phases, string(p), func(o *outcome) float64 { return o.phases[i] }, (*cell).single)
	}
	for _, image := range d.imagesOf() {
		add(&c.Images, image, total, func(c *cell) bool { return c.single() && len(c.images) == 1 && c.images[0] == image })
	}
	for i, x := range d.cells {
		predicted := predictions[shown].outcomes[i].total
		if math.IsNaN(predicted) { // of an arm that was fitted
			predicted = predictions[shown-1].outcomes[i].total
		}
		cell := Cell{
			Arm: x.arm, Class: x.class, Images: x.images, Runs: len(x.runs),
			Measured: seconds(x.measured.total), Predicted: seconds(predicted), Error: digits(predicted/x.measured.total - 1), Fitted: x.fitted,
		}
		if s, ok := score(Noise, x.noise(total)); ok {
			cell.Noise = &s.Mean
		}
		c.Cells = append(c.Cells, cell)
	}
}
