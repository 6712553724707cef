package plan

import "slices"

// effect is what one candidate does for one app in a month.
type effect struct {
	// served starts get the candidate; missed ones of them find it stale.
	served, missed float64
	// readySaved and billedSaved are seconds less than on the baseline.
	readySaved, billedSaved float64
	// use is money for the candidate's disks, useSaved what the baseline's cost.
	use, useSaved float64
	// useSavedPerSecond is by how much useSaved grows with each second of a run.
	useSavedPerSecond float64
	// priming is what of use the instances of priming starts cost.
	priming float64
	// billed is the seconds of a start on the fresh candidate.
	billed float64
	// within is by how much more of the app keeps the goal's limit: starts, or the app.
	within float64
}

// worked is an effect with what of it no limit changes.
type worked struct {
	effect effect
	// paces are what starts take then, with a goal that needs it.
	paces []pace
}

// pace is how long so many starts a month take, in seconds.
type pace struct{ starts, ready float64 }

func paces(found []finding) []pace {
	all := make([]pace, len(found))
	for k, f := range found {
		all[k] = pace{f.starts, f.ready}
	}
	return all
}

// effect is what changes when the served starts find a candidate instead. It is worked out
// once, but for what a limit makes of it.
func (m *model) effect(a *app, candidate int, servedBy func(*app, *candidate) []finding) (effect, error) {
	c := m.candidates[candidate]
	w := a.known[c]
	if w == nil {
		var err error
		if w, err = m.work(a, c, servedBy(a, c)); err != nil {
			return effect{}, err
		}
		if m.Assign == Auto || m.prepared {
			a.known[c] = w // under explicit it is asked for once
		}
	}
	e := w.effect
	e.within = m.within(a, w.paces) - a.withinNow
	return e, nil
}

// work adds up what changes when the served starts find a candidate instead.
func (m *model) work(a *app, c *candidate, served []finding) (*worked, error) {
	estimate := m.estimate(a, c.numbers)
	hit := inSeconds(estimate)
	missed := m.missedFraction(a, c)
	e := effect{billed: hit.billed}
	for _, f := range served {
		e.served += f.starts
		e.readySaved += f.starts * (f.ready - (1-missed)*hit.ready - missed*a.cold.ready)
		e.billedSaved += f.starts * (f.billed - (1-missed)*hit.billed - missed*a.cold.billed)
		e.useSaved += f.starts * f.use
		e.useSavedPerSecond += f.starts * f.usePerSecond
	}
	e.missed = e.served * missed
	w := &worked{}
	if m.Goal == GoalLimit {
		w.paces = append(w.paces, pace{e.served - e.missed, hit.ready}, pace{e.missed, a.cold.ready})
		w.paces = append(w.paces, paces(unserved(a.baseline, served))...)
	}
	use, err := m.useOf(a, &c.cache, estimate)
	e.use = (e.served - e.missed) * use
	w.effect = e
	return w, err
}

// unserved are the findings that are not among the served ones.
func unserved(all, served []finding) []finding {
	if len(served) == len(all) {
		return nil
	}
	var rest []finding
	for _, f := range all {
		if !slices.ContainsFunc(served, func(s finding) bool { return s.cache == f.cache && s.startup == f.startup && s.starts == f.starts }) {
			rest = append(rest, f)
		}
	}
	return rest
}

// within is what of an app keeps the goal's limit when its starts find this: its starts
// one by one, or 1 where their mean does.
func (m *model) within(a *app, found []pace) float64 {
	if m.Goal != GoalLimit || a.starts == 0 {
		return 0
	}
	limit := m.Limit.Seconds()
	starts, total := 0.0, 0.0
	for _, f := range found {
		total += f.starts * f.ready
		if f.ready <= limit {
			starts += f.starts
		}
	}
	switch {
	case m.LimitStartsFraction > 0:
		return starts
	case total <= limit*a.starts*(1+1e-12): // for rounding, where every start takes the limit
		return 1
	}
	return 0
}

// missedFraction is the share of the app's starts between a release of its first image, by
// any app that has it as its first too, and the end of the rebuild.
func (m *model) missedFraction(a *app, c *candidate) float64 {
	if !slices.Contains(c.images, a.Images[0]) {
		return 0
	}
	return min(1, m.releases(a.Images[0])*c.build.Seconds()/month.Seconds())
}

// releases are those of an image in a month.
func (m *model) releases(reference string) float64 {
	total, ok := m.released[reference]
	if ok {
		return total
	}
	for _, a := range m.Apps {
		if a.App.Images[0] == reference {
			total += a.App.ReleasesPerMonth
		}
	}
	m.released[reference] = total
	return total
}
