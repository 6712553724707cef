package plan

import (
	"math"
	"time"
)

// For which run times a cache pays for itself: Assignment.BreakEven.
const (
	PaysUpTo = "upTo"
	PaysFrom = "from"
	// PaysAlways and PaysNever are of every run time.
	PaysAlways = "always"
	PaysNever  = "never"
	// PaysNoCache is of an app for which no cache does anything for the goal: there is none
	// to break even.
	PaysNoCache = "noCache"
)

// setBestBreakEven gives an app without a planned cache the break-even of the best one for
// it: how short its runs would have to be for the verdict on it to be another.
func (m *model) setBestBreakEven(given *Assignment, a *app) error {
	most := m.mostFor(a)
	if most == nil {
		given.BreakEven = PaysNoCache
		return nil
	}
	best := m.candidateOf(most.set)
	given.BreakEvenOf = best.images
	var err error
	given.BreakEven, given.BreakEvenSeconds, err = m.breakEven(a, best, &most.effect)
	return err
}

// breakEven solves instance time saved + the baseline's disks = build + keep + disk × (run
// time + start) × served starts for the run time. Where the baseline's disks cost more than
// the cache's, it pays from there on in place of up to there.
func (m *model) breakEven(a *app, c *candidate, e *effect) (pays string, at *time.Duration, err error) {
	// An amount is rounded: that of an hour tells a second's more exactly.
	hour, err := m.Prices.Use(c.cache.SizeGiB, time.Hour)
	if err != nil {
		return "", nil, err
	}
	second := hour.Amount / time.Hour.Seconds() * (e.served - e.missed)
	// What the baseline's disks cost is saved as well, and grows with the run time too.
	perSecond := second - e.useSavedPerSecond
	left := e.billedSaved*a.instance - c.fixed() + e.useSaved - e.useSavedPerSecond*a.Runtime.Seconds() - second*e.billed
	switch {
	case math.Abs(perSecond) <= 1e-9*second: // equal disks, but for rounding
		perSecond = 0
	case perSecond > 0 == (left > 0):
		run := duration(left / perSecond)
		if perSecond < 0 {
			return PaysFrom, &run, nil
		}
		return PaysUpTo, &run, nil
	}
	if perSecond < 0 || perSecond == 0 && left > 0 {
		return PaysAlways, nil, nil
	}
	return PaysNever, nil, nil
}

// mostFor is the candidate that does most for an app, of those that do as much the one
// with the least bill; nil where none helps.
func (m *model) mostFor(a *app) *option {
	var most *option
	for k := range a.options {
		o := &a.options[k]
		if m.candidateOf(o.set) == nil || m.gain(a, &o.effect) <= 0 {
			continue
		}
		if most == nil || m.gain(a, &o.effect) > m.gain(a, &most.effect) ||
			m.gain(a, &o.effect) == m.gain(a, &most.effect) && m.bill(o) < m.bill(most) {
			most = o
		}
	}
	return most
}

// bill is what an option's candidate costs a month, were it for one app alone.
func (m *model) bill(o *option) float64 { return o.effect.use + m.candidateOf(o.set).fixed() }
