package plan

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// answer turns the solution of the program into the Plan.
func (m *model) answer(s solution) (*Plan, error) {
	p := &Plan{
		Platform:  m.Platform,
		Objective: m.objective(),
		Baseline:  m.Baseline, Assign: m.Assign,
		BudgetPerMonth: m.Prices.Money(m.BudgetPerMonth), Quota: m.Quota,
		SavedSeconds: duration(s.gain), BoundSeconds: duration(max(s.gain, s.bound)),
		Status:     Optimal,
		Candidates: len(m.candidates), LeftOut: m.leftOut,
		Verdict: Build,
	}
	if s.bound > s.gain {
		p.GapFraction = (s.bound - s.gain) / s.bound
	}
	if p.GapFraction > 0 && (!s.exhaustive || m.pruned.gain > 0) {
		p.Status = Bounded
	}
	p.Caches = m.planned(s.choice)
	if len(p.Caches) == 0 {
		p.Verdict = BuildNothing
	}
	p.Totals = m.totals(s.choice)
	p.Existing = m.advice(s.choice)
	for i, a := range m.apps {
		assignment, err := m.assignment(a, s.pick[i], s.choice)
		if err != nil {
			return nil, fmt.Errorf("plan: app %q: %w", a.Name, err)
		}
		p.Assignments = append(p.Assignments, assignment)
	}
	p.Reason = m.reason(p)
	p.Assumptions = m.assumptions()
	return p, nil
}

func (m *model) objective() string {
	s := "most startup seconds saved a month within the budget"
	if m.WorthPerHour > 0 {
		s += fmt.Sprintf(", each cache at no more than %s for an hour that it saves", m.Prices.Money(m.WorthPerHour))
	}
	return s
}

// duration is seconds as a time.Duration, at the ends where they do not fit.
func duration(seconds float64) time.Duration {
	ns := math.Round(seconds * float64(time.Second))
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(max(ns, math.MinInt64))
}

// planned are the open caches, each the one that adds most to those before it.
func (m *model) planned(c choice) []PlannedCache {
	so := m.program.nothing()
	var caches []PlannedCache
	for range count(c.open) {
		next := none
		var with choice
		for i := range c.open {
			if !c.open[i] || so.open[i] {
				continue
			}
			open := slices.Clone(so.open)
			open[i] = true
			if trial := m.program.restrict(c, open); next == none || trial.gain > with.gain {
				next, with = i, trial
			}
		}
		planned := m.plannedCache(next, c)
		planned.SavedSeconds = duration(with.gain - so.gain)
		planned.CumulativeSeconds = duration(with.gain)
		planned.CumulativeCost = m.Prices.Money(with.cost)
		caches = append(caches, planned)
		so = with
	}
	return caches
}

func (m *model) plannedCache(index int, c choice) PlannedCache {
	cache := m.candidates[index]
	p := PlannedCache{
		Name: cache.cache.ID, Images: cache.images,
		SizeGiB: cache.cache.SizeGiB, UnpackedBytes: cache.unpackedBytes,
	}
	var use, instance, useSaved float64
	for i, a := range m.apps {
		if c.pick[i] == none || a.options[c.pick[i]].cache != index {
			continue
		}
		e := a.effects[c.pick[i]]
		use += e.use
		useSaved += e.useSaved
		instance += e.billedSaved * a.instance
		p.Apps = append(p.Apps, a.Name)
	}
	total := cache.fixed() + use
	p.Cost = Bill{
		Build: m.Prices.Money(cache.buildMoney), Keep: m.Prices.Money(cache.keepMoney), Use: m.Prices.Money(use),
		InstanceSaved: m.Prices.Money(instance), UseSaved: m.Prices.Money(useSaved),
		Total: m.Prices.Money(total), Net: m.Prices.Money(total - instance - useSaved),
	}
	return p
}

// arm is one arm's month: seconds and money.
type arm struct{ ready, caches, instances float64 }

func (m *model) totals(c choice) []Total {
	var cold, automatic, baseline arm
	known := true
	for _, a := range m.apps {
		cold.add(a, []finding{{starts: a.starts, startup: a.cold}})
		automatic.add(a, a.automatic)
		baseline.add(a, a.baseline)
		known = known && (a.automatic != nil || a.starts == 0)
	}
	planned := baseline
	planned.ready -= c.gain
	planned.caches += c.cost
	for i, a := range m.apps {
		if c.pick[i] != none {
			e := a.effects[c.pick[i]]
			planned.caches -= e.useSaved
			planned.instances -= e.billedSaved * a.instance
		}
	}
	totals := []Total{m.total("cold", cold, baseline)}
	if known {
		totals = append(totals, m.total("automatic", automatic, baseline))
	}
	return append(totals, m.total("planned", planned, baseline))
}

func (t *arm) add(a *app, found []finding) {
	for _, f := range found {
		t.ready += f.starts * f.ready
		t.caches += f.starts * f.use
		t.instances += f.starts * f.billed * a.instance
	}
}

func (m *model) total(name string, t, baseline arm) Total {
	return Total{
		Arm: name, StartupSeconds: duration(t.ready),
		Caches: m.Prices.Money(t.caches), Instances: m.Prices.Money(t.instances),
		Net: m.Prices.Money(t.caches + t.instances - baseline.caches - baseline.instances),
	}
}

func (m *model) assignment(a *app, pick int, c choice) (Assignment, error) {
	given := Assignment{
		App: a.Name, StartsPerMonth: a.starts,
		ColdSeconds: duration(a.cold.ready), BaselineSeconds: duration(a.meanBaseline()),
	}
	given.PlannedSeconds = given.BaselineSeconds
	if pick == none {
		given.Cache, given.Reason = m.whyNone(a, c)
		return given, nil
	}
	e, cache := a.effects[pick], m.candidates[a.options[pick].cache]
	given.Cache, given.MissedPerMonth = cache.cache.ID, e.missed
	given.Reason = m.whyPicked(a, cache, e)
	if a.starts > 0 {
		given.PlannedSeconds = duration(a.meanBaseline() - e.readySaved/a.starts)
	}
	var err error
	given.BreakEvenSeconds, err = m.breakEven(a, cache, e)
	return given, err
}

func (a *app) meanBaseline() float64 {
	total, starts := 0.0, 0.0
	for _, f := range a.baseline {
		total += f.starts * f.ready
		starts += f.starts
	}
	if starts == 0 {
		return a.cold.ready
	}
	return total / starts
}

// breakEven solves instance time saved = build + keep + disk × (run time +
// start) × served starts for the run time; nil when there is no answer.
func (m *model) breakEven(a *app, c *candidate, e effect) (*time.Duration, error) {
	second, err := m.Prices.Use(c.cache.SizeGiB, time.Second)
	if err != nil {
		return nil, err
	}
	left := e.billedSaved*a.instance - c.fixed()
	perSecond := second.Amount * (e.served - e.missed)
	if left <= 0 || perSecond <= 0 || left/perSecond < e.billed {
		return nil, nil
	}
	run := duration(left/perSecond - e.billed)
	return &run, nil
}
