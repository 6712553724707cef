package calibrate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// miss is one relative error and where it is.
type miss struct {
	error float64
	arm   string
}

// score sums relative errors up; ok is false where there is none. The noise of a median
// has no sign, and so no bias.
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
	if by == Noise {
		s.Bias = 0
	}
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
// fit knew only some arms it is scored on those, and all else on the others. What a
// prediction does not know of an arm is in neither side of its error.
func (d *Data) scored(what string, predictions []prediction, of figure, in func(*cell) bool) (Scored, bool) {
	s := Scored{What: what}
	parted := slices.ContainsFunc(d.cells, func(c *cell) bool { return c.fitted })
	counts := func(c *cell, by string) bool { return in(c) && (!parted || c.fitted == (by == ByFit)) }
	add := func(by string, misses []miss) {
		if one, ok := score(by, misses); ok {
			s.Scores = append(s.Scores, one)
		}
	}
	for _, p := range predictions {
		var misses []miss
		for i, c := range d.cells {
			measured := c.measured.against(&p.outcomes[i])
			if m := of(&measured); counts(c, p.by) && m > 0 {
				misses = append(misses, miss{of(&p.outcomes[i])/m - 1, c.arm})
			}
		}
		add(p.by, misses)
	}
	if s.Scores == nil {
		return s, false // of what nothing is predicted the noise says nothing either
	}
	var noise, runs []miss
	for i, c := range d.cells {
		if counts(c, Noise) {
			spread := c.spread.against(&predictions[len(predictions)-1].outcomes[i])
			noise = append(noise, miss{of(&spread), c.arm})
			runs = append(runs, c.noise(of)...)
		}
	}
	add(Noise, noise)
	add(RunNoise, runs)
	return s, true
}

// noise is how far each run is from the median of the others; of fewer than three
// it is not told.
func (c *cell) noise(of figure) []miss {
	times := make([]float64, len(c.runs))
	for i := range c.runs {
		times[i] = of(&c.runs[i].outcome)
	}
	return noiseOf(times, c.arm)
}

// noiseOf is how far each time is from the median of the others, in their order; of
// fewer than three, or where it is not known, it is not told.
func noiseOf(times []float64, arm string) []miss {
	if len(times) < 3 {
		return nil
	}
	order := make([]int, 0, len(times))
	for i, t := range times {
		if !math.IsNaN(t) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(times[i], times[j]) })
	sorted := make([]float64, len(order))
	for rank, i := range order {
		sorted[rank] = times[i]
	}
	list := make([]miss, len(times))
	for i := range list {
		list[i] = miss{math.NaN(), arm}
	}
	for rank, i := range order {
		if m := medianBut(sorted, rank); m > 0 {
			list[i].error = times[i]/m - 1
		}
	}
	return list
}

// medianBut is the median of sorted values without that of a rank.
func medianBut(sorted []float64, rank int) float64 {
	at := func(i int) float64 { // of the others
		if i >= rank {
			i++
		}
		return sorted[i]
	}
	n := len(sorted) - 1
	if n == 0 {
		return math.NaN()
	}
	return (at((n-1)/2) + at(n/2)) / 2
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
	bare := 0
	for i, x := range d.cells {
		predicted := &predictions[shown].outcomes[i]
		if math.IsNaN(predicted.total) && shown > 0 { // of an arm that was fitted
			predicted = &predictions[shown-1].outcomes[i]
		}
		if predicted.bare {
			bare++
		}
		c.Cells = append(c.Cells, x.listed(predicted))
	}
	if bare > 0 {
		c.Doubts = append(c.Doubts, fmt.Sprintf("Of %d of %d arms no other arm tells the program's own time to ready, which no profile knows: they are compared until their containers are created.", bare, len(d.cells)))
	}
}

// listed is an arm beside what was predicted of it.
func (c *cell) listed(predicted *outcome) Cell {
	measured, spread := c.measured.against(predicted), c.spread.against(predicted)
	cell := Cell{
		Arm: c.arm, Class: c.class, Images: c.images, Runs: len(c.runs),
		Measured: seconds(measured.total), Predicted: seconds(predicted.total), UntilCreated: predicted.bare, Fitted: c.fitted,
	}
	if measured.total > 0 {
		cell.Error = digits(predicted.total/measured.total - 1)
	}
	if !math.IsNaN(spread.total) {
		noise := digits(spread.total)
		cell.Noise = &noise
	}
	return cell
}
