package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/matcher"
)

// mostExplained is how many options of an app are listed.
const mostExplained = 10

// explain says why an app got what it has, and what the runner-up was. Of its options it
// lists the one that it has, and those with which the plan would lose least.
func (m *model) explain(name string, s *solution) Explained {
	i := slices.IndexFunc(m.apps, func(a *app) bool { return a.Name == name })
	a := m.apps[i]
	x := Explained{App: name, Considered: len(a.options)}
	if assignment, err := m.assignment(a, s.Picks[i], &s.choice); err == nil {
		x.Reason = assignment.Reason
	}
	for k := range a.options {
		x.Options = append(x.Options, m.explainOption(s, i, k))
	}
	if o := m.explainExisting(s, i); o != nil {
		x.Considered++
		x.Options = append(x.Options, *o)
	}
	worth := func(o *ExplainedOption) float64 {
		switch {
		case o.Chosen:
			return math.Inf(1)
		case o.PlanChange == nil:
			return math.Inf(-1)
		case m.Goal == GoalLimit:
			return -*o.PlanChange
		}
		return *o.PlanChange
	}
	slices.SortStableFunc(x.Options, func(x, y ExplainedOption) int {
		return cmp.Or(cmp.Compare(worth(&y), worth(&x)), cmp.Compare(y.SavedSeconds, x.SavedSeconds))
	})
	x.Options = x.Options[:min(len(x.Options), mostExplained)]
	if k := slices.IndexFunc(x.Options, func(o ExplainedOption) bool { return !o.Chosen && o.PlanChange != nil }); k >= 0 {
		o := &x.Options[k]
		x.RunnerUp = fmt.Sprintf("%s: with it, and all else as planned, the plan would %s", cmp.Or(o.Cache, "priming"), m.changeWords(*o.PlanChange, o.CostChange.Amount))
	}
	return x
}

func (m *model) explainOption(s *solution, app, k int) ExplainedOption {
	o := &m.apps[app].options[k]
	x := ExplainedOption{
		Built: slices.Contains(s.Sets, o.set), Chosen: k == s.Picks[app],
		SavedSeconds: duration(o.effect.readySaved), Use: m.Prices.Money(o.effect.use), Fixed: m.Prices.Money(0),
		Priming: true,
	}
	c := m.candidateOf(o.set)
	if m.Assign == Auto && c != nil {
		x.Order = k + 1
	}
	if c != nil {
		x.Cache, x.Images, x.SizeGiB, x.Fixed, x.Priming = c.cache.ID, c.images, c.cache.SizeGiB, m.Prices.Money(c.fixed()), false
	}
	with, why := m.with(s, app, k)
	if x.Why = why; with != nil {
		change := m.program.objective(with) - m.program.objective(&s.choice)
		if m.Goal == GoalLimit {
			change = with.Cost - s.Cost
		}
		x.PlanChange, x.CostChange = &change, m.money(with.Cost-s.Cost)
	}
	return x
}

// explainExisting is the existing cache that serves an app to which the plan gives none of
// its own; nil where there is none. It comes after all candidates that would come before
// it in ECI's order, of which the plan builds none.
func (m *model) explainExisting(s *solution, app int) *ExplainedOption {
	a := m.apps[app]
	if s.Picks[app] != none || m.Baseline != Automatic {
		return nil
	}
	id := m.existingFor(a, &s.choice)
	k := slices.IndexFunc(m.Existing, func(e matcher.Cache) bool { return e.ID == id })
	if id == "" || k < 0 {
		return nil
	}
	e := &m.Existing[k]
	x := &ExplainedOption{
		Cache: id, Images: e.Images, SizeGiB: e.SizeGiB, Existing: true, Chosen: true, Fixed: m.Prices.Money(0),
		Why: "it exists: what it saves is part of the baseline",
	}
	use := 0.0
	for _, f := range a.baseline {
		if f.cache != nil && f.cache.ID == id {
			use += f.starts * f.use
		}
	}
	x.Use = m.Prices.Money(use)
	if keep := m.keepExisting[id]; keep != nil {
		x.Fixed = *keep
	}
	if m.Assign == Auto {
		x.Order = 1
		for _, o := range a.options {
			if m.candidateOf(o.set) != nil {
				x.Order++
			}
		}
	}
	return x
}

// with is the plan in which an app has another option: its set is built too, and under
// explicit the app moves to it, under auto every app is matched anew; a set that nobody
// has then is not built. It is nil, with a reason, where that cannot be.
func (m *model) with(s *solution, app, option int) (with *choice, why string) {
	p := m.program
	if option == s.Picks[app] {
		return nil, ""
	}
	sets := slices.Clone(s.Sets)
	set := m.apps[app].options[option].set
	if !slices.Contains(sets, set) {
		sets = append(sets, set)
		slices.Sort(sets)
	}
	picked := m.picked(&s.choice)
	before := picked[app]
	picked[app] = set
	if m.Assign == Auto && before != none && !preferredTo(m.apps[app].options, option, before) {
		sets = slices.DeleteFunc(sets, func(j int) bool { return j == before })
	}
	c := p.of(sets, picked)
	c = p.among(&c, func(j int) bool {
		return slices.Contains(m.picked(&c), j)
	})
	switch {
	case c.Picks[app] != option:
		return nil, "another cache of the plan comes before it"
	case !p.allowed(&c):
		return nil, "it breaks the budget or the quota"
	case m.Goal == GoalLimit && c.Gain < min(s.Gain, p.target)-1e-9*(1+s.Gain):
		return nil, "the limit is not kept with it"
	}
	return &c, ""
}

// preferredTo says whether an option comes before that of a set in ECI's order.
func preferredTo(options []option, k, set int) bool {
	return k < slices.IndexFunc(options, func(o option) bool { return o.set == set })
}

// changeWords say by how much the plan's objective and its bill would change.
func (m *model) changeWords(change, bill float64) string {
	more := fmt.Sprintf("cost %s a month more", m.spellAmount(bill))
	if bill < 0 {
		more = fmt.Sprintf("cost %s a month less", m.spellAmount(-bill))
	}
	none := math.Abs(change) < 1e-9*math.Abs(m.program.price*bill)+1e-9
	switch {
	case m.Goal == GoalLimit:
		return more
	case none:
		return "be worth as much, and " + more
	case m.Goal == GoalSeconds && change < 0:
		return fmt.Sprintf("be worth %s a month less, and %s", spell(-change), more)
	case m.Goal == GoalSeconds:
		return fmt.Sprintf("be worth %s a month more, which the search did not find", spell(change))
	}
	if change > 0 {
		return fmt.Sprintf("save %s a month more, which the search did not find", m.spellAmount(change))
	}
	return fmt.Sprintf("save %s a month less", m.spellAmount(-change))
}
