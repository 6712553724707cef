package plan

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/cost"
)

func (m *model) whyPicked(a *app, c *candidate, e *effect) string {
	held := 0
	for _, ref := range a.group.Images {
		if slices.Contains(c.images, ref) {
			held++
		}
	}
	for _, ref := range a.group.InitImages {
		if slices.Contains(c.images, ref) {
			held++
		}
	}
	of := fmt.Sprintf("holds %d of %d images", held, len(a.AllImages()))
	switch {
	case m.Assign == Explicit && m.gain(a, e) <= 0:
		return of + "; it gains nothing by that, and leaves a cache that exists, whose place of the quota the plan needs"
	case m.Assign == Explicit:
		return fmt.Sprintf("%s; of what the budget allows, this cache fits the plan best", of)
	}
	if e.served < a.starts*0.995 {
		return fmt.Sprintf("%s; ECI prefers it for %.3g of %.4g starts, the others keep their automatic cache", of, e.served, a.starts)
	}
	return of + "; ECI's order puts it before every other cache there would be"
}

// whyPrimed says what priming does for an app.
func (m *model) whyPrimed(a *app) string {
	when := "before each burst"
	switch {
	case a.ReleasesPerMonth > 0 && len(a.Bursts) > 0:
		when = "after each release and before each burst"
	case a.ReleasesPerMonth > 0:
		when = "after each release"
	}
	return fmt.Sprintf("one short start %s, %.3g a month, has its free automatic cache made before the others come", when, a.primes)
}

// whyNone returns the existing cache that serves the app, if any, and says why no
// planned one does.
func (m *model) whyNone(a *app, c *choice) (cache, reason string) {
	if m.Baseline == Automatic {
		if cache = m.existingFor(a, c); cache != "" {
			return cache, "ECI's matching gives it this cache, which exists already"
		}
	}
	most := m.mostFor(a)
	if most == nil {
		return "", fmt.Sprintf("no candidate %s than %s", m.better(), m.baselineWords(a))
	}
	bill := m.bill(most)
	why := "the budget or the quota does more elsewhere"
	switch {
	case m.program.price*bill > m.gain(a, &most.effect) && m.Goal == GoalNet:
		why = "that is more than it saves"
	case m.program.price*bill > m.gain(a, &most.effect):
		why = fmt.Sprintf("that is more than %s for an hour saved", m.spellAmount(m.WorthPerHour))
	case m.Goal == GoalLimit && m.keepsLimit(c):
		why = "the limit is kept without it for less"
	}
	return "", fmt.Sprintf("the best cache for it would save %s a month for %s, of which %s is disks in use; %s",
		spell(most.effect.readySaved), m.spellAmount(bill), m.spellAmount(most.effect.use), why)
}

// keepsLimit says whether a choice keeps the goal's limit, as the search does.
func (m *model) keepsLimit(c *choice) bool { return c.Gain >= m.program.target*(1-1e-9) }

// better is what a candidate has to do, to count for the goal.
func (m *model) better() string {
	switch m.Goal {
	case GoalNet:
		return "makes its instances cost less"
	case GoalLimit:
		return "brings more of its starts under the limit"
	}
	return "makes its starts faster"
}

func (m *model) baselineWords(a *app) string {
	if m.Baseline == Cold {
		return "a cold start"
	}
	full := 0.0
	for _, f := range a.baseline {
		if f.full {
			full += f.starts
		}
	}
	if a.starts == 0 {
		return "now: it never starts"
	}
	return fmt.Sprintf("the automatic baseline, on which %s of them find every image", percent(full/a.starts))
}

// reason explains the verdict in one sentence, or two.
func (m *model) reason(ctx context.Context, p *Plan, s *solution) string {
	switch p.Verdict {
	case BuildNothing:
		return m.whyNothing(ctx)
	case Prime:
		return m.whyPrime(p)
	case LimitNotMet:
		return m.whyNotMet(s, p.LeastBudgetPerMonth) + m.budgetWords(p)
	}
	use, instances, otherUse := 0.0, 0.0, 0.0
	for _, c := range p.Caches {
		use += c.Cost.Use.Amount
	}
	for i, a := range m.apps {
		if e := m.effectOf(&s.choice, i); e != nil {
			instances += e.billedSaved * a.instance
			otherUse += e.useSaved
		}
	}
	savers := "instances"
	if otherUse != 0 {
		savers = "instances and other caches' disks"
	}
	net := s.Cost - instances - otherUse
	effect := fmt.Sprintf("a net cost of %s", m.spellAmount(net))
	if net < 0 {
		effect = fmt.Sprintf("a net saving of %s", m.spellAmount(-net))
	}
	return fmt.Sprintf("%s %s %s of startup time a month beyond the %s baseline for %s, of which %s is disks in use; what %s save is worth %s, so it comes to %s.%s",
		plural(len(p.Caches), "cache"), verb(len(p.Caches), "save"), spell(p.SavedSeconds.Seconds()), m.Baseline, m.spellAmount(s.Cost), m.spellAmount(use),
		savers, m.spellAmount(instances+otherUse), effect, m.primeWords(p))
}

// primeWords tell of the apps that are primed beside the caches.
func (m *model) primeWords(p *Plan) string {
	if len(p.Primes) == 0 {
		return m.onlyPrimed()
	}
	return fmt.Sprintf(" Of that time, %s is saved by short starts of %s ahead of the others, which have free automatic caches made; of that bill they are %s.",
		spell(primed(p)), appNames(p.Primes), m.spellAmount(primesBill(p)))
}

// onlyPrimed tells what priming alone would do, where caches do more.
func (m *model) onlyPrimed() string {
	var names []string
	saved, bill := 0.0, 0.0
	for _, a := range m.primings {
		names = append(names, a.Name)
		saved += a.primed.readySaved
		bill += a.primed.use
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" Without any cache, short starts of %s ahead of the others would save %s for %s.", strings.Join(names, ", "), spell(saved), m.spellAmount(bill))
}

func primed(p *Plan) float64 {
	total := 0.0
	for _, prime := range p.Primes {
		total += prime.SavedSeconds.Seconds()
	}
	return total
}

// primesBill is what the short starts cost.
func primesBill(p *Plan) float64 {
	bill := 0.0
	for _, prime := range p.Primes {
		bill += prime.Cost.Amount
	}
	return bill
}

func appNames(primes []PrimedApp) string {
	names := make([]string, 0, len(primes))
	for _, prime := range primes {
		names = append(names, prime.App)
	}
	return strings.Join(names, ", ")
}

func (m *model) whyPrime(p *Plan) string {
	within := ""
	if p.BudgetPerMonth != nil {
		within = " within the budget"
	}
	return fmt.Sprintf("Short starts of %s %s have free automatic caches made before the others come: that saves %s a month for %s of instances, and no cache%s is worth building beside them.",
		appNames(p.Primes), m.whenPrimed(p), spell(primed(p)), m.spellAmount(primesBill(p)), within)
}

// whenPrimed says when the priming starts of a plan come.
func (m *model) whenPrimed(p *Plan) string {
	releases, bursts := false, false
	for _, a := range m.apps {
		if slices.ContainsFunc(p.Primes, func(x PrimedApp) bool { return x.App == a.Name }) {
			releases, bursts = releases || a.ReleasesPerMonth > 0, bursts || len(a.Bursts) > 0
		}
	}
	switch {
	case !bursts:
		return "after releases"
	case !releases:
		return "before bursts"
	}
	return "after releases and before bursts"
}

// whyNotMet names what stays above the limit: apps whose mean start does, or those with
// starts that do.
func (m *model) whyNotMet(s *solution, least *cost.Money) string {
	var above []string
	for i, a := range m.apps {
		within, want := a.withinNow, 1.0
		if e := m.effectOf(&s.choice, i); e != nil {
			within += e.within
		}
		if m.LimitStartsFraction > 0 {
			want = a.starts
		}
		if a.starts > 0 && within < want*(1-1e-9) {
			how := ""
			switch fastest := m.fastest(a); {
			case m.LimitStartsFraction > 0:
				how = percent(within/a.starts) + " within it"
			case fastest <= m.Limit.Seconds():
				// One of its candidates would do, and does not fit in beside the others.
				how = fmt.Sprintf("%s as planned, %s with the cache that suits it best, %s", m.besideLimit(m.meanOf(s, i)), m.besideLimit(fastest), tooDear(least))
			default:
				how = m.besideLimit(fastest) + " at best" + m.floorWords(a)
			}
			above = append(above, fmt.Sprintf("%s (%s)", a.Name, how))
		}
	}
	found, stay := "", "Above it stay"
	if !s.optimal {
		found = " was found that"
	}
	if m.LimitStartsFraction > 0 {
		stay += " starts of"
	}
	return fmt.Sprintf("No set of the candidates within the budget and the quota%s has %s within %s. %s %s.",
		found, m.limitWords(), SpellLimit(m.Limit), stay, strings.Join(above, ", "))
}

func (m *model) limitWords() string {
	if m.LimitStartsFraction > 0 {
		return percent(m.LimitStartsFraction) + " of starts ready"
	}
	return "the mean start of every app ready"
}

// meanOf is the mean time to ready that a solution gives an app.
func (m *model) meanOf(s *solution, app int) float64 {
	a := m.apps[app]
	mean := a.meanBaseline()
	if e := m.effectOf(&s.choice, app); e != nil {
		mean -= e.readySaved / a.starts
	}
	return mean
}

// fastest is the least mean time to ready that any option gives an app.
func (m *model) fastest(a *app) float64 {
	least := a.meanBaseline()
	for _, o := range a.options {
		least = min(least, a.meanBaseline()-o.effect.readySaved/a.starts)
	}
	return least
}

// whyNothing finds the nearest cache that would have helped.
func (m *model) whyNothing(ctx context.Context) string {
	var best *app
	var most *option
	cheapest := math.Inf(1)
	for _, a := range m.apps {
		for k := range a.options {
			o := &a.options[k]
			c := m.candidateOf(o.set)
			if c == nil || m.gain(a, &o.effect) <= 0 {
				continue
			}
			if all := o.effect.use + c.fixed(); all < cheapest {
				best, cheapest, most = a, all, o
			}
		}
	}
	switch {
	case len(m.apps) == 0:
		return "There are no apps to plan for."
	case !slices.ContainsFunc(m.apps, func(a *app) bool { return a.starts > 0 }):
		return "No app ever starts."
	case m.Goal == GoalLimit && m.program.target == 0:
		are := "is ready"
		if m.LimitStartsFraction > 0 {
			are = "are ready"
		}
		return fmt.Sprintf("On the %s baseline %s within %s already.", m.Baseline, strings.Replace(m.limitWords(), "ready", are, 1), SpellLimit(m.Limit))
	case best == nil:
		return fmt.Sprintf("No candidate saves %s beyond the %s baseline: %s of starts find every image already.", m.unit(), m.Baseline, percent(m.fullFraction()))
	case cheapest > m.BudgetPerMonth:
		return fmt.Sprintf("The cheapest cache that saves time, %s for app %s, saves %s a month and costs %s, of which %s is disks in use: more than the budget of %s.",
			m.candidateOf(most.set).cache.ID, best.Name, spell(most.effect.readySaved), m.spellAmount(cheapest), m.spellAmount(most.effect.use), m.spellAmount(m.BudgetPerMonth))
	case m.Goal == GoalNet:
		return fmt.Sprintf("No cache saves what it costs: the nearest, %s for app %s, costs %s a month, of which %s is disks in use, and saves %s of instances and disks.",
			m.candidateOf(most.set).cache.ID, best.Name, m.spellAmount(cheapest), m.spellAmount(most.effect.use), m.spellAmount(m.gain(best, &most.effect)))
	case m.WorthPerHour > 0:
		if s := m.secondsWithin(ctx, m.BudgetPerMonth); s.Gain > 0 {
			return fmt.Sprintf("Caches within the budget would save %s a month for %s: more than %s for an hour saved.",
				spell(s.Gain), m.spellAmount(s.Cost), m.spellAmount(m.WorthPerHour))
		}
	}
	return fmt.Sprintf("No set of caches within the budget of %s saves time once ECI's matching gives starts to them.", m.spellAmount(m.BudgetPerMonth))
}

// unit is what the goal counts.
func (m *model) unit() string {
	if m.Goal == GoalNet {
		return "money"
	}
	return "time"
}

func (m *model) fullFraction() float64 {
	full, all := 0.0, 0.0
	for _, a := range m.apps {
		for _, f := range a.baseline {
			all += f.starts
			if f.full {
				full += f.starts
			}
		}
	}
	if all == 0 {
		return 0
	}
	return full / all
}

// spell is a time of a month as people say it.
func spell(seconds float64) string { return SpellTime(duration(seconds)) }

// percent keeps 99.97 % apart from 100 %.
func percent(fraction float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", 100*fraction), ".00") + " %"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// verb is in the third person for one.
func verb(n int, word string) string {
	if n == 1 {
		return word + "s"
	}
	return word
}

// nearness says how far the best choice so far may be from the best that there can be.
func nearness(objective, bound float64) string {
	switch gap := math.Abs(bound-objective) / math.Max(math.Abs(bound), math.Abs(objective)); {
	case math.IsInf(objective, 0) || math.IsInf(bound, 0) || math.IsNaN(gap):
		return ""
	case gap > 1:
		return ": what was found so far is not yet near to what there can be"
	default:
		return ": within " + percent(gap) + " of the best there can be"
	}
}
