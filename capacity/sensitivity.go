package capacity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// Sensitivity says which parameter moves the answer most, one at a time: each quantity of the
// profile, and the number of starts of a burst, at half and at twice its value. The figure is
// when the last start of the bursts is ready, or where there is none that of slo.
func (q *Question) Sensitivity(ctx context.Context, slo SLO) (*reports.Capacity, error) {
	c, err := q.answer(ctx, "sensitivity")
	if c == nil {
		return nil, err
	}
	f := lastReady
	if len(q.Scenario.Bursts) == 0 {
		var known bool
		if f, _, known = slo.figure(); !known {
			return nil, fmt.Errorf("%q is no figure of startup times", slo.Figure)
		}
		q.judges(slo)
		f.name += " of all starts"
	}
	return c, errors.Join(err, stopped(c, q.sensitivity(ctx, c, f)))
}

func (q *Question) sensitivity(ctx context.Context, c *reports.Capacity, f figure) error {
	q.tell("simulating it as it is")
	t, err := q.simulate(ctx, change{})
	if err != nil {
		return err
	}
	s, voids := q.whole(t)
	c.Doubts = append(c.Doubts, t.Doubts...)
	if s == nil || voids > 0 {
		c.Headline = "No answer: some starts are never ready."
		return nil
	}
	now := outcome{Statistic: f.of(s)}
	c.Figures = append(c.Figures, now.figure(f.name, reports.UnitSeconds, nil))
	c.Assumptions = append(c.Assumptions, "Half and twice are no range that a value is known to lie in: judge by how well it is known (its source). Parameters are changed one at a time; what two do together is left out.")
	if c.Repeats > 1 {
		c.Assumptions = append(c.Assumptions, "The interval of a change is that of both means, one against the other; as the draws are shared, it is wider than it need be.")
	}
	defer func() {
		slices.SortStableFunc(c.Effects, func(a, b reports.CapacityEffect) int { return cmp.Compare(b.Swing, a.Swing) })
		q.sensitivityWords(c, f, &now)
	}()
	if len(q.Scenario.Bursts) > 0 {
		if err := q.effect(ctx, c, f, &now, reports.CapacityEffect{Parameter: "starts of the burst", Source: "the question"}, func(factor float64) *change {
			bursts := slices.Clone(q.Scenario.Bursts)
			for i := range bursts {
				bursts[i].Count = max(1, int(math.Round(factor*float64(bursts[i].Count))))
			}
			return &change{bursts: bursts}
		}); err != nil {
			return err
		}
	}
	for _, v := range q.Scenario.Profile.Values() {
		if err := q.effect(ctx, c, f, &now, reports.CapacityEffect{Parameter: v.Name, Source: v.Source}, func(factor float64) *change {
			scaled, ok := q.Scenario.Profile.Scaled(v.Name, factor)
			if !ok || scaled.Digest() == q.Scenario.Profile.Digest() || scaled.Validate() != nil {
				return nil
			}
			return &change{profile: func(p *simulate.Profile) { *p = *scaled }}
		}); err != nil {
			return err
		}
	}
	return nil
}

// effect tries one parameter; one that changes nothing is counted and not listed.
func (q *Question) effect(ctx context.Context, c *reports.Capacity, f figure, now *outcome, e reports.CapacityEffect, with func(factor float64) *change) error {
	some := false
	for _, factor := range []float64{0.5, 2} {
		changed := with(factor)
		if changed == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		q.tell("trying %s x%g", e.Parameter, factor)
		o, err := q.measure(ctx, f, *changed)
		if errors.Is(err, cachebench.ErrTooMuch) {
			continue
		}
		if err != nil {
			return err
		}
		if o.never {
			c.Doubts = append(c.Doubts, fmt.Sprintf("With %s x%g some starts are never ready.", e.Parameter, factor))
			continue
		}
		d := difference(&o, now)
		e.Swing = max(e.Swing, math.Abs(d.Value))
		if factor < 1 {
			e.Less = &d
		} else {
			e.More = &d
		}
		some = some || d.Value != 0
	}
	if some {
		c.Effects = append(c.Effects, e)
	}
	return nil
}

// difference is how much more o is than now.
func difference(o, now *outcome) reports.CapacityFigure {
	d := reports.CapacityFigure{Name: "change", Unit: reports.UnitSeconds, Value: o.Value - now.Value}
	if o.Low != nil && o.High != nil && now.Low != nil && now.High != nil {
		low, high := *o.Low-*now.High, *o.High-*now.Low
		d.Low, d.High = &low, &high
	}
	return d
}

func (q *Question) sensitivityWords(c *reports.Capacity, f figure, now *outcome) {
	x := now.figure("", reports.UnitSeconds, nil)
	if len(c.Effects) == 0 {
		c.Headline = fmt.Sprintf("No parameter that was tried moves the answer: %s is %s.", f.name, x.Words())
		return
	}
	e := &c.Effects[0]
	c.Headline = fmt.Sprintf("%s moves the answer most: by %s of %s (%s).", e.Parameter, secondsWords(e.Swing), x.Words(), f.name)
	var known []string
	for i := range c.Effects {
		if e := &c.Effects[i]; len(e.Source) > 7 && e.Source[:7] == "assumed" && e.Swing > 0.02*now.Value {
			known = append(known, fmt.Sprintf("%s (%s)", e.Parameter, secondsWords(e.Swing)))
		}
	}
	if len(known) > 0 {
		c.Sentences = []string{"Measure first, for these are only assumed and move it by more than 2 %: " + list(known[:min(5, len(known))]) + "."}
	}
}
