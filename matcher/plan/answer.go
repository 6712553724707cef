package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// answer turns the solution of the program into the Plan.
func (m *model) answer(ctx context.Context, s *solution) (*Plan, error) {
	p := &Plan{
		Platform: m.Platform, Goal: m.Goal, Storage: m.Storage, Objective: m.objective(),
		Baseline: m.Baseline, Assign: m.Assign, Quota: m.Quota,
		SavedSeconds: duration(m.saved(&s.choice)),
		Candidates:   len(m.candidates), LeftOut: m.generator.leftOut(),
		Verdict: m.verdict(s),
	}
	m.setTerms(p)
	m.setObjective(p, s)
	p.Caches = m.planned(&s.choice)
	p.Primes = m.primes(&s.choice)
	p.Totals = m.totals(&s.choice)
	p.Better = m.freeAction(p, &s.choice)
	p.Existing = m.advice(&s.choice)
	for i, a := range m.apps {
		assignment, err := m.assignment(a, s.Picks[i], &s.choice)
		if err != nil {
			return nil, fmt.Errorf("plan: app %q: %w", a.Name, err)
		}
		p.Assignments = append(p.Assignments, assignment)
	}
	if p.Verdict == LimitNotMet {
		var err error
		if p.LeastBudgetPerMonth, m.noBudget, err = m.leastBudget(ctx); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	p.Reason = m.reason(ctx, p, s) + m.quotaWords(&s.choice)
	p.Assumptions = m.assumptions()
	if err := m.setCurve(ctx, p, s); err != nil {
		return nil, fmt.Errorf("plan: curve: %w", err)
	}
	if ctx.Err() != nil && (len(p.Curve) < m.Points || m.wantsMore() && p.Sensitivity == nil) {
		p.LeftOut += "; other budgets (stopped before all were tried)"
	}
	for _, name := range m.Explain {
		p.Explained = append(p.Explained, m.explain(name, s))
	}
	return p, nil
}

// setTerms are what the plan was asked for.
func (m *model) setTerms(p *Plan) {
	if !math.IsInf(m.BudgetPerMonth, 1) {
		p.BudgetPerMonth = m.money(m.BudgetPerMonth)
	}
	if m.Goal == GoalSeconds && m.WorthPerHour > 0 {
		p.WorthPerHour = m.money(m.WorthPerHour)
	}
	if m.Goal == GoalLimit {
		p.LimitSeconds = &m.Limit
		if m.LimitStartsFraction > 0 {
			p.LimitStartsFraction = &m.LimitStartsFraction
		}
	}
}

func (m *model) money(amount float64) *cost.Money {
	money := m.Prices.Money(amount)
	return &money
}

// setObjective says what the plan reaches, and what is proven of all.
func (m *model) setObjective(p *Plan, s *solution) {
	if m.Goal == GoalSeconds {
		p.ObjectiveSeconds, p.BoundSeconds = duration(s.objective), duration(s.bound)
	} else {
		p.ObjectiveMoney, p.BoundMoney = m.money(s.objective), m.money(s.bound)
	}
	p.Status = Stopped
	switch p.GapFraction = s.gapFraction(m.Goal); {
	case !s.reached:
		// A bill that does not keep the limit is no bound of those that do.
		p.BoundMoney, p.GapFraction = nil, 0
		if s.optimal {
			p.Status = Optimal
		}
	case s.optimal:
		p.Status, p.GapFraction, p.BoundSeconds, p.BoundMoney = Optimal, 0, p.ObjectiveSeconds, p.ObjectiveMoney
	case p.GapFraction <= m.GapFraction:
		p.Status = GapReached
	}
}

func (m *model) verdict(s *solution) string {
	switch {
	case !s.reached:
		return LimitNotMet
	case m.isPriming(&s.choice):
		return Prime
	case len(s.Sets) == 0:
		return BuildNothing
	}
	return Build
}

func (m *model) objective() string {
	within := ""
	if !math.IsInf(m.BudgetPerMonth, 1) {
		within = " within the budget"
	}
	switch m.Goal {
	case GoalNet:
		return "most money saved a month" + within
	case GoalLimit:
		if m.LimitStartsFraction > 0 {
			return fmt.Sprintf("least cost with %s of starts ready within %s", percent(m.LimitStartsFraction), SpellLimit(m.Limit)) + within
		}
		return fmt.Sprintf("least cost with every app's mean start ready within %s", SpellLimit(m.Limit)) + within
	}
	s := "most startup seconds saved a month" + within
	if m.WorthPerHour > 0 {
		s += fmt.Sprintf(", less an hour for each %s that the caches cost", m.Prices.Money(m.WorthPerHour))
	}
	return s
}

// effectOf is what an app's pick does; nil where it has none.
func (m *model) effectOf(c *choice, app int) *effect {
	if c.Picks[app] == none {
		return nil
	}
	return &m.apps[app].options[c.Picks[app]].effect
}

// saved are the seconds that a choice saves.
func (m *model) saved(c *choice) float64 {
	total := 0.0
	for i := range m.apps {
		if e := m.effectOf(c, i); e != nil {
			total += e.readySaved
		}
	}
	return total
}

// duration is seconds as a time.Duration, at the ends where they do not fit.
func duration(seconds float64) time.Duration {
	ns := math.Round(seconds * float64(time.Second))
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(max(ns, math.MinInt64))
}

// planned are the chosen caches, each the one that adds most to those before it. What
// is primed is so from the first.
func (m *model) planned(c *choice) []PlannedCache {
	in := make(map[int]bool)
	for _, j := range c.Sets {
		in[j] = m.candidateOf(j) == nil
	}
	so := m.program.among(c, func(j int) bool { return in[j] })
	var caches []PlannedCache
	var held layerSet
	var stored int64
	for {
		next := none
		var with choice
		for _, j := range c.Sets {
			if in[j] {
				continue
			}
			trial := m.program.among(c, func(other int) bool { return in[other] || other == j })
			if next == none || m.program.objective(&trial) > m.program.objective(&with) {
				next, with = j, trial
			}
		}
		if next == none {
			return caches
		}
		in[next] = true
		planned := m.plannedCache(next, c, held)
		planned.SavedSeconds = duration(m.saved(&with) - m.saved(&so))
		planned.CumulativeSeconds = duration(m.saved(&with))
		planned.CumulativeCost = m.Prices.Money(with.Cost)
		candidate := m.candidateOf(next)
		held = union(imageSet{layers: held}, imageSet{layers: candidate.layers}).layers
		if stored += candidate.unpackedBytes; m.Storage == Shared {
			stored, _ = m.unpacked(held)
		}
		planned.CumulativeUnpackedBytes = stored
		caches = append(caches, planned)
		so = with
	}
}

// plannedCache is a chosen candidate; of shared storage, held are the layers that the
// caches before it store already.
func (m *model) plannedCache(set int, c *choice, held layerSet) PlannedCache {
	cache := m.candidateOf(set)
	p := PlannedCache{
		Name: cache.cache.ID, Images: cache.images, Contents: m.contents(cache.images),
		SizeGiB: cache.cache.SizeGiB, UnpackedBytes: cache.unpackedBytes,
	}
	var use, instance, useSaved float64
	for i, a := range m.apps {
		if c.Picks[i] == none || a.options[c.Picks[i]].set != set {
			continue
		}
		e := m.effectOf(c, i)
		use += e.use
		useSaved += e.useSaved
		instance += e.billedSaved * a.instance
		p.Apps = append(p.Apps, a.Name)
	}
	keep := cache.keepMoney
	if m.Storage == Shared {
		keep = 0
		for _, l := range cache.layers {
			if _, stored := slices.BinarySearch(held, l); !stored {
				keep += m.layerMoney[l]
			}
		}
	}
	total := cache.buildMoney + keep + use
	p.Cost = Bill{
		Build: m.Prices.Money(cache.buildMoney), Keep: m.Prices.Money(keep), Use: m.Prices.Money(use),
		InstanceSaved: m.Prices.Money(instance), UseSaved: m.Prices.Money(useSaved),
		Total: m.Prices.Money(total), NetSaved: m.Prices.Money(instance + useSaved - total),
	}
	return p
}

// contents are the digests of references that a registry serves, as it knows them: an
// index's where there is one, which is the same on every platform.
func (p *Problem) contents(references []string) []matcher.Content {
	var contents []matcher.Content
	for _, ref := range references {
		i := p.find(ref)
		if _, served := layers.RegistryOf(ref); !served || i < 0 {
			continue // of a disk or an engine it may be the digest of a config
		}
		img := &p.Inventory.Images[i]
		if digest := cmp.Or(img.IndexDigest, img.Digest); digest != "" {
			contents = append(contents, matcher.Content{Reference: ref, Digest: string(digest)})
		}
	}
	return contents
}

func (m *model) assignment(a *app, pick int, c *choice) (Assignment, error) {
	given := Assignment{
		App: a.Name, Controller: a.Controller, StartsPerMonth: a.starts,
		ColdSeconds: duration(a.cold.ready), BaselineSeconds: duration(a.meanBaseline()),
	}
	if m.Goal == GoalLimit && a.floor > 0 {
		given.FloorSeconds = &a.floor
	}
	if m.Baseline == Cold && len(a.automatic) > 0 {
		mean := duration(a.meanOf(a.automatic))
		given.AutomaticSeconds = &mean
	}
	given.PlannedSeconds = given.BaselineSeconds
	if pick == none {
		given.Cache, given.Reason = m.whyNone(a, c)
		return given, m.setBestBreakEven(&given, a)
	}
	o := &a.options[pick]
	if a.starts > 0 {
		given.PlannedSeconds = duration(a.meanBaseline() - o.effect.readySaved/a.starts)
	}
	cache := m.candidateOf(o.set)
	if cache == nil {
		given.Primed, given.Reason = true, m.whyPrimed(a)
		return given, m.setBestBreakEven(&given, a)
	}
	given.Cache, given.MissedPerMonth = cache.cache.ID, o.effect.missed
	given.Reason = m.whyPicked(a, cache, &o.effect)
	var err error
	given.BreakEven, given.BreakEvenSeconds, err = m.breakEven(a, cache, &o.effect)
	return given, err
}

func (a *app) meanBaseline() float64 { return a.meanOf(a.baseline) }

// meanOf is the mean time to ready of what starts find.
func (a *app) meanOf(found []finding) float64 {
	total, starts := 0.0, 0.0
	for _, f := range found {
		total += f.starts * f.ready
		starts += f.starts
	}
	if starts == 0 {
		return a.cold.ready
	}
	return total / starts
}
