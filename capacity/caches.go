package capacity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// Caches is the cheapest plan for image caches that keeps a limit in the simulation: the
// planner's own limit is adjusted until the plan, simulated with all that many starts at once
// bring, keeps the one that was asked for.
func (q *Question) Caches(ctx context.Context, slo SLO) (*reports.Capacity, error) {
	c, k, err := q.cheapest(ctx, slo)
	if k != nil {
		k.words()
		k.curve()
		q.outside(c)
	}
	return c, err
}

// cheapest searches; k has what was found.
func (q *Question) cheapest(ctx context.Context, slo SLO) (*reports.Capacity, *cachePlans, error) {
	f, fraction, known := slo.figure()
	if !known {
		return nil, nil, fmt.Errorf("%q is no figure of startup times", slo.Figure)
	}
	if !slices.ContainsFunc(q.apps(), func(app workloadApp) bool { return !onPool(app) }) {
		return nil, nil, fmt.Errorf("%w: image caches are for apps on instances of their own, and all are on node pools: ask capacity node-disk", cachebench.ErrUnfit)
	}
	q.Arm = simulate.ArmCached
	q.judges(slo)
	c, err := q.answer(ctx, "caches")
	if c == nil {
		return nil, nil, err
	}
	k := &cachePlans{Question: q, c: c, slo: slo, f: f, fraction: fraction, known: make(map[string]*cachePlan), asked: make(map[[2]float64]*cachePlan)}
	if k.effort = q.Scenario.PlanOptions.Effort; k.effort == 0 && len(q.apps()) > manyApps {
		k.effort = manyEffort
		c.Assumptions = append(c.Assumptions, fmt.Sprintf("With %s the planner searches %g times as long as cachebench plan for each limit that it is asked for; plan.effort of the scenario sets it.", plural(len(q.apps()), "app"), manyEffort))
	}
	return c, k, errors.Join(err, stopped(c, k.findInTime(ctx)))
}

// findInTime searches until its time limit, where it has one. What was found by then is an
// answer.
func (k *cachePlans) findInTime(ctx context.Context) error {
	if k.TimeLimit <= 0 {
		err := k.find(ctx)
		k.cut = err != nil && ctx.Err() != nil
		return err
	}
	k.end = time.Now().Add(k.TimeLimit)
	searching, stop := context.WithDeadline(ctx, k.end)
	defer stop()
	err := k.find(searching)
	k.cut = err != nil && searching.Err() != nil
	if !k.cut || ctx.Err() != nil {
		return err
	}
	if k.automatic.Value == 0 && !k.automatic.never && k.best == nil {
		return fmt.Errorf("the time limit of %s ended before anything was simulated: give more (--time-limit): %w", k.TimeLimit, cachebench.ErrTooMuch)
	}
	return nil
}

type cachePlans struct {
	*Question
	c        *reports.Capacity
	slo      SLO
	f        figure
	fraction float64
	// effort is the planner's; 0 is its own. It plans with planner and matches.
	effort  float64
	planner *cachebench.Job
	matches *matcher.Matches
	// known are the plans that were simulated, by what they build; asked the same by the
	// limit that the planner was given.
	known map[string]*cachePlan
	asked map[[2]float64]*cachePlan
	// asIs is with no cache at all, where the scenario's baseline is cold; nil else. automatic is
	// without a cache of one's own; best is what was chosen, nil for none.
	asIs          *cachePlan
	automatic     outcome
	automaticCost *float64 // of the caches that there are; nil is unknown
	best          *cachePlan
	// end is when the time limit ends the search; cut says that it was ended, by that or from
	// outside.
	end time.Time
	cut bool
}

// cachePlan is a plan with what it costs and comes to.
type cachePlan struct {
	*plan.Plan
	limit, fraction float64
	// cost is what it adds to the bill of the caches that there are.
	cost float64
	// set: it is a set of caches that each were planned alone.
	set bool
	// arm is the one without a plan.
	arm string
	outcome
}

// name says what the plan builds.
func (p *cachePlan) name() string {
	if p.arm == simulate.ArmCold || p.arm == simulate.ArmWarm {
		return "no cache at all, as the scenario's baseline has it"
	}
	if p.Plan == nil || len(p.Caches) == 0 && len(p.Primes) == 0 {
		return "no cache of one's own (automatic ones only)"
	}
	var names []string
	for i := range p.Caches {
		names = append(names, p.Caches[i].Name)
	}
	text := "no cache of one's own"
	if len(names) > 0 {
		text = plural(len(names), "cache") + ": " + list(names)
	}
	if len(p.Primes) > 0 {
		var primed []string
		for i := range p.Primes {
			primed = append(primed, p.Primes[i].App)
		}
		text += "; a start ahead of those of " + list(primed) + ", for their automatic caches"
	}
	return text
}

// Of many apps the planner takes seconds for each limit, and is asked for many: a tenth of its
// steps come to nearly the same bill.
const (
	manyApps   = 40
	manyEffort = 0.1
	// Of very many it is asked for fewer, or the search would take a quarter of an hour.
	veryManyApps  = 200
	veryManySteps = 4
)

// steps is how many limits the planner is asked for at most of each share, beside the first.
const steps = 10

func (k *cachePlans) find(ctx context.Context) error {
	limit := k.slo.Limit.Seconds()
	if k.cold() {
		k.tell("simulating no cache at all")
		arm := k.baseline()
		asIs, err := k.measure(ctx, k.f, change{arm: arm})
		if err != nil {
			return err
		}
		k.asIs = &cachePlan{arm: arm, outcome: asIs}
		if asIs.within(limit) {
			k.best = k.asIs
			return nil
		}
		k.c.Assumptions = append(k.c.Assumptions, "The scenario's baseline is cold. ECI's automatic caches cost nothing, so they are on beside whatever is built: turn them on too.")
	}
	k.tell("simulating automatic caches alone")
	t, err := k.simulate(ctx, change{arm: simulate.ArmAutomatic})
	if err != nil {
		return err
	}
	s, voids := k.whole(t)
	k.automatic = outcome{never: s == nil || voids > 0}
	if s != nil {
		k.automatic.Statistic = k.f.of(s)
	}
	k.c.Doubts = append(k.c.Doubts, t.Doubts...)
	if k.automatic.within(limit) {
		k.best = &cachePlan{outcome: k.automatic}
		return nil
	}
	defer k.choose(limit)
	for _, fraction := range k.fractions() {
		if err := k.limits(ctx, limit, fraction); err != nil {
			return err
		}
	}
	return k.sets(ctx, limit)
}

// sets tries all sets of one cache for each app that cost less than what was found, the
// cheapest first: the planner counts a month's starts, each by itself, and may take one cache
// where the simulation is content with a cheaper one.
func (k *cachePlans) sets(ctx context.Context, limit float64) error {
	var own []string
	for _, app := range k.apps() {
		if !onPool(app) && (k.App == "" || app.Name == k.App) {
			own = append(own, app.Name)
		}
	}
	if len(own) > mostSubsets {
		return nil
	}
	bills := make([]float64, len(own))
	caches := make([][]plan.PlannedCache, len(own))
	for i, name := range own {
		k.tell("planning a cache of %s", name)
		made, err := k.plan(ctx, func(s *cachebench.Scenario) {
			k.onlyAnswer(s)
			s.PlanOptions.Goal, s.NoPrimes = plan.GoalSeconds, true
			s.Workload = appsOf(s.Workload, name)
		})
		if err != nil {
			return err
		}
		bills[i], caches[i] = added(made), made.Caches
	}
	var all []*cachePlan
	for _, set := range cacheSets(len(own)) {
		p := &cachePlan{Plan: &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}, set: true}
		for _, i := range set {
			p.cost += bills[i]
			p.Caches = append(p.Caches, caches[i]...)
		}
		if len(p.Caches) > 0 {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b *cachePlan) int { return cmp.Compare(a.cost, b.cost) })
	best := k.cheapestKnown(limit)
	for _, p := range all {
		if p.cost >= best {
			break
		}
		if k.known[p.name()] != nil {
			continue
		}
		k.tell("simulating a set of %s", plural(len(p.Caches), "cache"))
		var err error
		if p.outcome, err = k.measure(ctx, k.f, change{plan: p.Plan, arm: simulate.ArmCached}); err != nil {
			return err
		}
		k.known[p.name()] = p
		if p.within(limit) {
			k.c.Assumptions = append(k.c.Assumptions, "A set of caches costs what its caches do, each planned by itself.")
			break
		}
	}
	return nil
}

// onlyAnswer leaves out of planning what no answer needs; the bill is no bound, but the answer.
func (k *cachePlans) onlyAnswer(s *cachebench.Scenario) {
	s.BudgetPerMonth, s.PlanOptions.Effort = math.Inf(1), k.effort
	s.PlanOptions.CurvePoints, s.PlanOptions.Sensitivity, s.PlanOptions.HoldOutFraction = 0, false, 0
}

// appsOf is a workload with one app alone.
func appsOf(w *workload.Workload, name string) *workload.Workload {
	own := *w
	own.Apps = slices.DeleteFunc(slices.Clone(w.Apps), func(app workloadApp) bool { return app.Name != name })
	return &own
}

// billOf is the bill of an arm's caches.
func billOf(p *plan.Plan, arm string) float64 {
	for i := range p.Totals {
		if p.Totals[i].Arm == arm {
			return p.Totals[i].Caches.Amount
		}
	}
	return 0
}

// added is what a plan adds to the bill of the caches that there are.
func added(p *plan.Plan) float64 { return billOf(p, "planned") - billOf(p, plan.Automatic) }

// cheapestKnown is the bill of the cheapest plan that keeps a limit.
func (k *cachePlans) cheapestKnown(limit float64) float64 {
	best := math.Inf(1)
	for _, p := range k.known {
		if p.within(limit) {
			best = min(best, p.cost)
		}
	}
	return best
}

// fractions are the shares of starts that the planner is asked for, one after another. Its
// share is of a month: what is simulated may have more of the slow ones.
func (k *cachePlans) fractions() []float64 {
	f := k.fraction
	if f == 0 {
		return []float64{0, 0.99, 1} // a mean of each app, then of all
	}
	if len(k.apps()) > veryManyApps {
		return slices.Compact([]float64{f, 1})
	}
	return slices.Compact([]float64{f, (1 + f) / 2, (3 + f) / 4, 1})
}

// limits asks the planner for a share of starts within less and less, or more and more. Its
// seconds are those of one start by itself: where many come at once it has to be asked for
// less, and else more may do.
func (k *cachePlans) limits(ctx context.Context, limit, fraction float64) error {
	low, high := limit/64, limit
	p := &cachePlan{}
	dearer := k.dearer(limit, limit, fraction)
	if !dearer {
		var err error
		if p, err = k.try(ctx, limit, fraction); err != nil {
			return err
		}
	}
	if dearer || p.within(limit) || p.Verdict == plan.LimitNotMet {
		// What the planner cannot do for one start may be kept all the same, and what it can
		// do for a longer limit is what comes closest.
		if low, high = limit, 2*limit; k.automatic.never {
			high = 64 * limit
		} else {
			high = max(high, 2*k.automatic.Value)
		}
	}
	// Whatever the limit, some are the same, so that a longer one finds what a shorter does.
	if !k.automatic.never {
		for _, of := range []float64{0.25, 0.5, 0.85, 1.4} {
			x := of * k.automatic.Value
			if k.dearer(limit, x, fraction) {
				continue
			}
			if _, err := k.try(ctx, x, fraction); err != nil {
				return err
			}
		}
	}
	halvings := steps
	if len(k.apps()) > veryManyApps {
		halvings = veryManySteps
	}
	for range halvings {
		x := math.Sqrt(low * high)
		if high/low < 1.02 {
			break
		}
		if k.dearer(limit, x, fraction) {
			low = x // what a longer limit brings is the question
			continue
		}
		p, err := k.try(ctx, x, fraction)
		if err != nil {
			return err
		}
		if p.within(limit) || p.Verdict == plan.LimitNotMet {
			low = x // of less than there can be, a plan tells nothing
		} else {
			high = x
		}
	}
	return nil
}

// dearer says that what the planner makes for a limit and a share can be no cheaper than a plan
// that keeps the limit of the question, or that it makes none: so it was for a longer limit and
// no larger share. Its search is what takes time where there are many apps.
func (k *cachePlans) dearer(asked, limit, fraction float64) bool {
	if len(k.apps()) <= manyApps {
		return false // that is soon planned, and tells what a larger bill buys
	}
	best := k.cheapestKnown(asked)
	for _, p := range k.asked {
		if p.limit >= limit && p.fraction <= fraction && (p.fraction > 0) == (fraction > 0) && (p.Verdict == plan.LimitNotMet || p.cost >= best) {
			return true
		}
	}
	return false
}

// try asks the planner for a limit, and simulates what it plans unless that was simulated
// before.
func (k *cachePlans) try(ctx context.Context, limit, fraction float64) (*cachePlan, error) {
	if p := k.asked[[2]float64{limit, fraction}]; p != nil {
		return p, nil
	}
	k.tell("planning for a limit of %s", secondsWords(limit))
	made, err := k.planFor(ctx, limit, fraction)
	if err != nil {
		return nil, err
	}
	p := &cachePlan{Plan: made, limit: limit, fraction: fraction, cost: added(made)}
	bill := billOf(made, plan.Automatic)
	k.automaticCost = &bill
	key := p.name()
	k.asked[[2]float64{limit, fraction}] = p
	if same := k.known[key]; same != nil {
		p.outcome = same.outcome // its verdict may be another
		return p, nil
	}
	k.tell("simulating a plan of %s", plural(len(made.Caches), "cache"))
	if p.outcome, err = k.measure(ctx, k.f, change{plan: made, arm: simulate.ArmCached}); err != nil {
		delete(k.asked, [2]float64{limit, fraction})
		return nil, err
	}
	k.known[key] = p
	return p, nil
}

// planFor is the planner's for a limit. What it matches is the same for all of them.
func (k *cachePlans) planFor(ctx context.Context, limit float64, fraction float64) (*plan.Plan, error) {
	if k.planner == nil {
		var err error
		k.planner, k.matches, err = k.matched(ctx, func(s *cachebench.Scenario) {
			k.onlyAnswer(s)
			s.NoPrimes = s.NoPrimes || len(s.Bursts) > 0 // the plan's are ahead of the workload's bursts, not of these
			if k.App != "" && s.Workload != nil {
				s.Workload = appsOf(s.Workload, k.App)
			}
		})
		if err != nil {
			k.planner = nil
			return nil, err
		}
	}
	job, s := *k.planner, *k.planner.Scenario
	if !k.end.IsZero() {
		// A planner that would take all the time leaves half of it for what it finds to be
		// simulated.
		left := max(time.Until(k.end)/2, time.Millisecond)
		if of := s.PlanOptions.TimeLimit; of == 0 || left < of {
			s.PlanOptions.TimeLimit = left
		}
	}
	s.PlanOptions.Goal, s.PlanOptions.Limit, s.PlanOptions.LimitStartsFraction = plan.GoalLimit, time.Duration(limit*float64(time.Second)), fraction
	job.Scenario = &s
	return job.Plan(ctx, k.matches)
}

// choose takes the cheapest plan that keeps the limit when it is simulated.
func (k *cachePlans) choose(limit float64) {
	for _, p := range k.plans() {
		if p.within(limit) && (k.best == nil || p.cost < k.best.cost) {
			k.best = p
		}
	}
}

// plans are those that were simulated, the cheapest first.
func (k *cachePlans) plans() []*cachePlan {
	var all []*cachePlan
	for _, p := range k.known {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *cachePlan) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.Value, b.Value), strings.Compare(a.name(), b.name()))
	})
	return all
}

// stoppedBy says what ended the search.
func (k *cachePlans) stoppedBy() string {
	if k.end.IsZero() || time.Now().Before(k.end) {
		return ""
	}
	return fmt.Sprintf(" by the time limit of %s", k.TimeLimit)
}

func (k *cachePlans) currency() string { return k.Scenario.Prices.Currency }

// words writes the verdict and what was compared.
func (k *cachePlans) words() {
	c, limit := k.c, k.slo.Limit.Seconds()
	if k.automatic.Value == 0 && !k.automatic.never && k.best == nil {
		return // interrupted before anything was known
	}
	option := func(p *cachePlan, chosen bool) {
		o := reports.CapacityOption{Name: p.name(), Chosen: chosen, Met: p.within(limit)}
		if !p.never {
			f := p.figure(k.f.name, reports.UnitSeconds, &limit)
			o.Ready = &f
		}
		if p.Plan != nil {
			if o.Note = "caches planned one by one"; !p.set {
				o.Note = fmt.Sprintf("planned for %s, %s", secondsWords(p.limit), p.Status)
			}
		}
		o.Cost = &reports.CapacityFigure{Name: "added to the bill of caches", Unit: k.currency(), Value: p.cost}
		c.Options = append(c.Options, o)
	}
	if k.automaticCost != nil && *k.automaticCost > 0 {
		c.Assumptions = append(c.Assumptions, fmt.Sprintf("Costs are what is added to the bill of the caches that there are, of %s a month. What starts ahead of others cost is left out.", reports.CapacityAmount(*k.automaticCost, k.currency())))
	}
	free := &cachePlan{outcome: k.automatic}
	if k.asIs != nil {
		option(k.asIs, k.best == k.asIs)
	}
	if k.best == nil || k.best != k.asIs {
		option(free, k.best != nil && k.best.Plan == nil)
	}
	closest := free
	for _, p := range k.plans() {
		if closest.never || !p.never && p.Value < closest.Value {
			closest = p
		}
		if len(p.Caches) == 0 && len(p.Primes) == 0 && p != k.best {
			continue // that is the first
		}
		option(p, p == k.best)
	}
	if k.best == nil {
		c.Verdict = reports.CapacityNotMet
		f := closest.figure("", reports.UnitSeconds, &limit)
		c.Headline = fmt.Sprintf("%s: no plan that was tried keeps a %s; the closest comes to %s.", word(c.Verdict), k.slo, f.Words())
		if k.cut {
			c.Headline = fmt.Sprintf("Not met by what was tried until the search was stopped: the closest to a %s comes to %s.", k.slo, f.Words())
			c.Sentences = append(c.Sentences, fmt.Sprintf("Stopped%s: %s simulated by then, and that none keeps it is not proven.", k.stoppedBy(), plural(len(k.known), "plan")))
		}
		c.Sentences = append(c.Sentences, "What no cache brings down is admission, provisioning, attaching and the program's own start: ask capacity burst for what holds starts up, capacity pool for instances kept warm.")
		return
	}
	c.Verdict = judge(&k.best.outcome, limit)
	name := k.f.name + " of the plan, simulated"
	if k.best.arm != "" {
		name = k.f.name + " with no cache, simulated"
	}
	f := k.best.figure(name, reports.UnitSeconds, &limit)
	c.Figures = append(c.Figures, f)
	if k.best.Plan != nil {
		c.Figures = append(c.Figures, reports.CapacityFigure{Name: "added to the bill of caches a month", Unit: k.currency(), Value: k.best.cost})
	}
	switch {
	case k.best == k.asIs:
		c.Headline = fmt.Sprintf("%s: build nothing; with no cache at all the %s is %s.", word(c.Verdict), k.f.name, f.Words())
		return
	case k.best.Plan == nil && k.asIs != nil:
		now := "some starts are never ready"
		if !k.asIs.never {
			as := k.asIs.figure("", reports.UnitSeconds, &limit)
			now = "it is " + as.Words()
		}
		c.Headline = fmt.Sprintf("%s: turn on ECI's free automatic caches and build nothing; with them alone the %s is %s, and as it is, with no cache, %s.", word(c.Verdict), k.f.name, f.Words(), now)
		return
	case k.best.Plan == nil:
		c.Headline = fmt.Sprintf("%s: build nothing; with the free automatic caches alone the %s is %s.", word(c.Verdict), k.f.name, f.Words())
		return
	}
	if k.cut {
		c.Sentences = append(c.Sentences, fmt.Sprintf("Not proven cheapest: stopped%s after %s. Of what costs less it is only known that to build nothing does not keep the limit: no bound above a bill of %s more is proven.",
			k.stoppedBy(), plural(len(k.known), "plan"), reports.CapacityAmount(0, k.currency())))
	}
	c.Headline = fmt.Sprintf("%s: for %s a month a %s is kept: %s; simulated %s.", word(c.Verdict), reports.CapacityAmount(k.best.cost, k.currency()), k.slo, k.best.name(), f.Words())
	if len(k.Scenario.Bursts) == 0 && !k.best.set && (math.Abs(k.best.limit-limit) > 1e-9 || k.best.fraction != k.fraction) {
		of := "each app's mean"
		if k.best.fraction > 0 {
			of = reports.CapacityAmount(k.best.fraction, reports.UnitFraction) + " of a month's starts"
		}
		c.Sentences = append(c.Sentences, fmt.Sprintf("The planner, whose seconds are those of one start by itself, was asked for %s within %s, so that the simulation keeps a %s.", of, secondsWords(k.best.limit), k.slo))
	}
	if b := k.Scenario.BudgetPerMonth; b > 0 && k.inAll() > b && !math.IsInf(b, 1) {
		c.Sentences = append(c.Sentences, fmt.Sprintf("With what there is that is above the scenario's budget of %s a month.", reports.CapacityAmount(b, k.currency())))
	}
	if len(k.Scenario.Bursts) > 0 {
		c.Sentences = append(c.Sentences, "To apply it, build these caches: a plan may instead make starts ahead of the workload's own bursts, and nobody foresees those of the question.")
		return
	}
	if k.best.set {
		c.Sentences = append(c.Sentences, "To apply it, build these caches: the planner, whose seconds are those of one start by itself, makes a dearer plan for any limit that it was asked for.")
		return
	}
	c.Sentences = append(c.Sentences, fmt.Sprintf("To apply it: cachebench plan --goal limit --limit %s%s, with the same inputs.", time.Duration(k.best.limit*float64(time.Second)), k.share()+k.budget()+k.effortWords()))
}

// inAll is the bill of what is built and of the caches that there are.
func (k *cachePlans) inAll() float64 {
	if k.automaticCost == nil {
		return k.best.cost
	}
	return k.best.cost + *k.automaticCost
}

func (k *cachePlans) share() string {
	if k.best.fraction == 0 {
		return ""
	}
	return fmt.Sprintf(" --limit-starts %g", k.best.fraction)
}

// effortWords are the planner's effort, where it is not what it takes with the same inputs.
func (k *cachePlans) effortWords() string {
	if k.effort == k.Scenario.PlanOptions.Effort {
		return ""
	}
	return fmt.Sprintf(" --effort %g", k.effort)
}

// budget lifts the scenario's, where the plan is above it.
func (k *cachePlans) budget() string {
	if b := k.Scenario.BudgetPerMonth; b > 0 && k.inAll() > b {
		return fmt.Sprintf(" --budget %.0f", math.Ceil(k.inAll())+1)
	}
	return ""
}

// curve is what a bill buys.
func (k *cachePlans) curve() {
	if len(k.known) == 0 {
		return
	}
	limit := k.slo.Limit.Seconds()
	curve := reports.CapacityCurve{Title: "What a bill of caches buys", Parameter: "added to the bill a month", XUnit: k.currency(), Figure: k.f.name, YUnit: reports.UnitSeconds, Limit: &limit}
	add := func(x float64, o *outcome) {
		p := reports.CapacityPoint{X: x}
		if !o.never {
			p.Y, p.Low, p.High = &o.Value, o.Low, o.High
		}
		curve.Points = append(curve.Points, p)
	}
	add(0, &k.automatic)
	for _, p := range k.plans() {
		if len(p.Caches) == 0 && len(p.Primes) == 0 {
			continue
		}
		add(p.cost, &p.outcome)
	}
	least := math.Inf(1)
	for _, p := range curve.Points {
		if p.Y != nil && *p.Y > least*(1+1e-3) {
			curve.NotMonotone = true
		}
		if p.Y != nil {
			least = min(least, *p.Y)
		}
	}
	k.c.Curves = append(k.c.Curves, curve)
	k.c.Assumptions = append(k.c.Assumptions, "Plans are those that the planner makes for limits between a 64th and twice of what starts take now, halved, and of few apps all sets of a cache for each; a cheaper one that is none of these is not found.")
}
