package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

func judgePlan(v *Verdict, r *Report) {
	p := r.Plan
	own := planFigures(r)
	*v = own.of(v)
	v.Headline = planHeadline(&own, p)
	if p.Better != nil {
		v.Sentences = betterSentences(p, v.Headline)
		if advisesBetter(p) {
			better := betterFigures(r)
			*v = better.of(v)
			v.Headline = betterHeadline(&better, p)
		}
	}
	v.Sentences = append(v.Sentences, planSentences(&own, r)...)
}

// of are the figures, with all else as v has it.
func (figures Verdict) of(v *Verdict) Verdict {
	figures.Headline, figures.Sentences, figures.Sure = v.Headline, v.Sentences, v.Sure
	return figures
}

// advisesBetter says that what does better than a plan is to be done in its place.
func advisesBetter(p *plan.Plan) bool { return p.Better != nil && p.Advice() == p.Better.Action }

// planFigures are those of the plan's own choice.
func planFigures(r *Report) Verdict {
	p := r.Plan
	v := Verdict{Advice: p.Verdict, GapFraction: &p.GapFraction, NetSavedPerMonth: netOf(p)}
	v.save(p, p.SavedSeconds)
	if r.Provenance.Starts == "" { // else the startups are not the month's
		v.SavedBytesPerStart = savedBytes(r, simulate.ArmCached)
	}
	return v
}

// betterFigures are those of what does better than the plan; nothing is proven of it.
func betterFigures(r *Report) Verdict {
	better := r.Plan.Better
	v := Verdict{Advice: better.Action, NetSavedPerMonth: &better.NetSavedPerMonth}
	v.save(r.Plan, better.SavedSeconds)
	if r.Provenance.Starts == "" {
		v.SavedBytesPerStart = savedBytes(r, simulate.ArmAutomatic)
	}
	return v
}

// save sets what a start is sooner where a month of them saves so much on the baseline.
func (v *Verdict) save(p *plan.Plan, saved time.Duration) {
	if starts := startsPerMonth(p); starts > 0 {
		each := time.Duration(float64(saved) / starts)
		v.SavedPerStart = &each
	}
	if base := totalOf(p, p.Baseline); base != nil && base.StartupSeconds > 0 {
		fraction := float64(saved) / float64(base.StartupSeconds)
		v.SavedFraction = &fraction
	}
}

// betterHeadline is the verdict where something free does better than the plan.
func betterHeadline(v *Verdict, p *plan.Plan) string {
	head := sentenceWord(v.Advice)
	var list []string
	if keepsLimit(p) && p.LimitSeconds != nil {
		list = append(list, "they alone keep the limit of "+plan.SpellLimit(*p.LimitSeconds))
	}
	if v.SavedPerStart != nil {
		list = append(list, fmt.Sprintf("a start is ready %s sooner%s", seconds(*v.SavedPerStart), fractionWords(v.SavedFraction)))
	}
	if list != nil {
		head += ": " + strings.Join(list, "; ")
	}
	return sentence(head + netWords(p.Better.NetSavedPerMonth) + ", and nothing is built")
}

// keepsLimit says that what does better than a plan keeps its limit, and that nothing done does
// not.
func keepsLimit(p *plan.Plan) bool {
	return p.Verdict != plan.BuildNothing && p.Better.LimitKept != nil && *p.Better.LimitKept
}

// betterSentences say how that is done, by how much it is better, and what the plan is, whose
// headline is given, where it is not done.
func betterSentences(p *plan.Plan, headline string) []string {
	list := []string{sentence("How to " + p.Better.Action + ": " + p.Better.How)}
	if auto, planned := totalOf(p, plan.Automatic), totalOf(p, armPlanned); auto != nil && planned != nil {
		waiting := evenTimes([]time.Duration{auto.StartupSeconds, planned.StartupSeconds})
		with := "alone"
		if len(p.Existing) > 0 {
			with = "with the caches that exist"
		}
		do := "do better"
		if keepsLimit(p) {
			do = "keep the limit"
		}
		list = append(list, sentence(fmt.Sprintf("ECI's free automatic caches "+with+" "+do+": %s of waiting in a month and %s net saved, where the plan has %s and %s",
			waiting[0], signedMoney(auto.NetSaved), waiting[1], signedMoney(planned.NetSaved))))
	}
	if !advisesBetter(p) { // the headline is the plan's
		return list
	}
	return append(list, sentence("without them the plan is: "+lower(headline)))
}

// startsSentence sums up startups that are of others than the month's starts.
func (r *Report) startsSentence() string {
	var half, nearly []string
	for i := range r.Arms {
		s := &r.Arms[i]
		half = append(half, seconds(s.P50)+" "+r.seriesLabel(s.Arm, s.Source))
		nearly = append(nearly, seconds(s.P99))
	}
	return sentence(fmt.Sprintf("for %s (%s): half of the starts are ready within %s; 99 %% within %s", r.starts(), r.sourceWords(), join(half), join(nearly)))
}

// starts says which starts were simulated where they are not the workload's, and beside a
// plan that they are not what it is for.
func (r *Report) starts() string {
	if r.Plan == nil {
		return r.Provenance.Starts
	}
	return r.Provenance.Starts + ", in place of the month's"
}

// ofStarts names the startups where they are others than what the plan is for.
func (r *Report) ofStarts() string {
	if r.Provenance.Starts == "" || r.Plan == nil {
		return ""
	}
	return ", of " + r.Provenance.Starts
}

// meanLimit is within what the mean start of every app is to be; nil where nothing is.
func (r *Report) meanLimit() *time.Duration {
	if r.Plan == nil || r.Plan.LimitStartsFraction != nil {
		return nil
	}
	return r.Plan.LimitSeconds
}

func startsPerMonth(p *plan.Plan) float64 {
	var starts float64
	for _, a := range p.Assignments {
		starts += a.StartsPerMonth
	}
	return starts
}

func totalOf(p *plan.Plan, arm string) *plan.Total {
	for i := range p.Totals {
		if p.Totals[i].Arm == arm {
			return &p.Totals[i]
		}
	}
	return nil
}

// meanStart is the mean time to ready of a start of the workload in an arm; 0
// when it is unknown.
func meanStart(p *plan.Plan, arm string) time.Duration {
	total, starts := totalOf(p, arm), startsPerMonth(p)
	if total == nil || starts == 0 {
		return 0
	}
	return time.Duration(float64(total.StartupSeconds) / starts)
}

// netOf is the baseline's bill less the planned arm's; nil when a total is
// missing or in another currency.
func netOf(p *plan.Plan) *cost.Money {
	planned, base := totalOf(p, armPlanned), totalOf(p, p.Baseline)
	if planned == nil || base == nil {
		return nil
	}
	net, err := planned.NetSaved.Minus(base.NetSaved)
	if err != nil {
		return nil
	}
	return &net
}

// armPlanned is the Total of the plan, whose startups are of arm cached.
const armPlanned = "planned"

// savedBytes compares an arm of the Timeline with the baseline, each app weighted by its starts.
func savedBytes(r *Report, arm string) *int64 {
	var saved, starts float64
	for _, a := range r.Plan.Assignments {
		base, cached := r.summary(a.App, r.Plan.Baseline), r.summary(a.App, arm)
		if base == nil || cached == nil || base.Source != cached.Source {
			continue
		}
		saved += a.StartsPerMonth * float64(base.MeanFetchedBytes-cached.MeanFetchedBytes)
		starts += a.StartsPerMonth
	}
	if starts == 0 {
		return nil
	}
	bytes := int64(saved / starts)
	return &bytes
}

func planHeadline(v *Verdict, p *plan.Plan) string {
	switch {
	case p.Verdict == plan.LimitNotMet:
		return notMetHeadline(p)
	case len(p.Caches) == 0 && len(p.Primes) == 0:
		return nothingHeadline(p)
	}
	head := sentence(fmt.Sprintf("%s %s", p.Verdict, count(len(p.Caches), "cache")))
	if len(p.Caches) == 0 {
		head = sentence(fmt.Sprintf("%s %s and build nothing", p.Verdict, count(len(p.Primes), "app")))
	}
	if v.SavedPerStart != nil {
		head = fmt.Sprintf("%s: a start is ready %s sooner%s", strings.TrimSuffix(head, "."), seconds(*v.SavedPerStart), fractionWords(v.SavedFraction))
	}
	if v.NetSavedPerMonth != nil {
		head = strings.TrimSuffix(head, ".") + netWords(*v.NetSavedPerMonth)
	}
	return sentence(head)
}

func notMetHeadline(p *plan.Plan) string {
	what := "the mean start of every app"
	if p.LimitStartsFraction != nil {
		what = percent(*p.LimitStartsFraction) + " of starts"
	}
	limit := "the limit"
	if p.LimitSeconds != nil {
		limit = plan.SpellLimit(*p.LimitSeconds)
	}
	found, nearest := "", ""
	switch {
	case !provenBest(p):
		found = " was found that"
	case len(p.Caches) > 0:
		nearest = fmt.Sprintf("; %s nearest", countVerb(len(p.Caches), "cache", "come"))
	}
	if p.LeastBudgetPerMonth != nil {
		nearest += fmt.Sprintf("; a budget of %s a month would do", money(*p.LeastBudgetPerMonth))
	}
	return sentence(fmt.Sprintf("Limit not met: no choice of caches%s%s has %s ready within %s%s", withinBudget(p), found, what, limit, nearest))
}

// nothingHeadline says why in the headline itself, in the plan's words when they
// are short enough.
func nothingHeadline(p *plan.Plan) string {
	switch {
	case saysReason(p):
		return sentence(p.Verdict + ": " + strings.ToLower(p.Reason[:1]) + p.Reason[1:])
	case p.Verdict == plan.BuildNothing:
		return sentence(fmt.Sprintf("%s: no cache%s %s", p.Verdict, withinBudget(p), worthBuilding(p)))
	}
	return sentence(p.Verdict)
}

func saysReason(p *plan.Plan) bool {
	return p.Verdict == plan.BuildNothing && p.Reason != "" && columns(p.Reason) <= 80
}

func baselineNoun(p *plan.Plan) string {
	if p.Baseline == plan.Cold {
		return "no cache"
	}
	return "the free automatic caches"
}

func fractionWords(fraction *float64) string {
	if fraction == nil {
		return ""
	}
	return " (" + percent(*fraction) + ")"
}

func netWords(net cost.Money) string {
	switch {
	case net.Amount < 0:
		return ", at a net cost of " + money(net.Times(-1)) + " a month"
	case net.Amount > 0:
		return ", with a net saving of " + money(net) + " a month"
	}
	return ", at no net cost"
}

func planSentences(v *Verdict, r *Report) []string {
	p := r.Plan
	var list []string
	add := func(format string, args ...any) { list = append(list, sentence(fmt.Sprintf(format, args...))) }
	if len(p.Caches) > 0 {
		var names []string
		for _, c := range p.Caches {
			names = append(names, fmt.Sprintf("%s (%s: %s)", ellipsis(c.Name, 40), gibibytes(c.SizeGiB), some(shortened(c.Apps, 40), 3)))
		}
		order := "Build in this order"
		if advisesBetter(p) {
			order = "Without them, what is built is in this order"
		}
		add("%s: %s", order, some(names, 3))
	}
	list = append(list, waitSentence(v, p)...)
	if p.Goal == plan.GoalLimit && p.LimitSeconds != nil && p.Verdict != plan.LimitNotMet {
		add("%s %s within %s", withPlan(p, "With it"), limitKeptBy(p), plan.SpellLimit(*p.LimitSeconds))
	}
	if p.Reason != "" && !saysReason(p) {
		add("%s", p.Reason)
	}
	return append(append(list, gapSentence(p)), stoppedSentence(p)...)
}

// withPlan begins a sentence on what the plan brings, in words that name it where something
// else is advised.
func withPlan(p *plan.Plan, words string) string {
	switch {
	case !advisesBetter(p):
		return words
	case words == "With it":
		return "With the plan"
	}
	return "With the plan " + lower(words)
}

// limitKeptBy says what is within the limit of a plan that keeps it.
func limitKeptBy(p *plan.Plan) string {
	if p.LimitStartsFraction != nil {
		return percent(*p.LimitStartsFraction) + " of starts are ready"
	}
	return "the mean start of every app is ready"
}

// waitSentence compares the mean start of the baseline and of the plan.
func waitSentence(v *Verdict, p *plan.Plan) []string {
	base, planned := meanStart(p, p.Baseline), meanStart(p, armPlanned)
	if base == 0 || planned == 0 {
		return nil
	}
	if len(p.Caches) == 0 && len(p.Primes) == 0 {
		s := fmt.Sprintf("A start takes %s on average %s", seconds(base), baselineWords(p))
		if cold := meanStart(p, plan.Cold); cold > 0 && p.Baseline != plan.Cold {
			s += fmt.Sprintf(", %s without any cache", seconds(cold))
		}
		return []string{sentence(s)}
	}
	s := fmt.Sprintf("%s takes %s on average instead of %s %s", withPlan(p, "A start"), seconds(planned), seconds(base), baselineWords(p))
	if v.SavedBytesPerStart != nil && *v.SavedBytesPerStart > 0 {
		s += fmt.Sprintf(" and fetches %s less", size(*v.SavedBytesPerStart))
	}
	return []string{sentence(s)}
}

func baselineWords(p *plan.Plan) string {
	if p.Baseline == plan.Cold {
		return "without any cache"
	}
	return "with the free automatic caches alone"
}
