package capacity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench"
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
		if err == nil {
			err = k.compareWithPlan(ctx)
		}
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
	k := &cachePlans{Question: q, c: c, slo: slo, f: f, fraction: fraction, known: make(map[string]*cachePlan), asked: make(map[terms]*cachePlan)}
	if k.effort = q.Scenario.PlanOptions.Effort; k.effort == 0 && len(q.apps()) > manyApps {
		k.effort = manyEffort
		c.Assumptions = append(c.Assumptions, fmt.Sprintf("With %s the planner searches %g times as long as cachebench plan for each limit that it is asked for, and %g times for that of the cheapest plan that keeps the limit; plan.effort of the scenario sets the latter.", plural(len(q.apps()), "app"), manyEffort/scanParts, manyEffort))
	}
	if k.effort == 0 {
		k.effort = 1
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
		return fmt.Errorf("the time limit of %s ended before anything was simulated: give more (--time-limit)", k.TimeLimit)
	}
	return nil
}

type cachePlans struct {
	*Question
	c        *reports.Capacity
	slo      SLO
	f        figure
	fraction float64
	// effort is the planner's in the end. It plans with planner.
	effort  float64
	planner *cachebench.LimitPlanner
	// known are the plans that were simulated, by what they build; asked the same by the
	// limit that the planner was given.
	known map[string]*cachePlan
	// asking says what the planner is asked for now.
	asking string
	asked  map[terms]*cachePlan
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
	// elsewhere: for the limit that the planner was asked for, cachebench plan makes another
	// plan than the one that was chosen, or may.
	elsewhere bool
}

// cachePlan is a plan with what it costs and comes to.
type cachePlan struct {
	*plan.Plan
	terms
	// cost is what it adds to the bill of the caches that there are, with starts ahead of
	// others.
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
	if k.automatic.surely(limit) {
		k.best = &cachePlan{outcome: k.automatic}
		return nil
	}
	defer k.choose(limit)
	for _, fraction := range k.fractions() {
		if err := k.limits(ctx, limit, fraction); err != nil {
			return err
		}
	}
	if err := k.sharpen(ctx, limit); err != nil {
		return err
	}
	return k.sets(ctx, limit)
}

// built are the names of what a plan builds, and the apps that it has started ahead.
func (p *cachePlan) built() []string {
	if p.Plan == nil {
		return nil
	}
	var names []string
	for i := range p.Caches {
		names = append(names, p.Caches[i].Name)
	}
	for i := range p.Primes {
		names = append(names, "a start ahead of those of "+p.Primes[i].App)
	}
	return names
}

// short is name in a few words: of more than one cache, or more than one app that is started
// ahead, the number.
func (p *cachePlan) short() string {
	if p.Plan == nil || len(p.Caches) == 0 && len(p.Primes) == 0 {
		return "nothing"
	}
	var parts []string
	switch n := len(p.Caches); {
	case n == 1:
		parts = append(parts, p.Caches[0].Name)
	case n > 1:
		parts = append(parts, plural(n, "cache"))
	}
	switch n := len(p.Primes); {
	case n == 1:
		parts = append(parts, "starts ahead of "+p.Primes[0].App)
	case n > 1:
		parts = append(parts, "starts ahead of "+plural(n, "app"))
	}
	return list(parts)
}

// primeWords say what starts ahead of others are taken to cost.
const primeWords = "A start ahead of others costs the app's instance until it is ready, estimated for one cold start, as often as the app is released and its bursts come in a month; nothing is taken to run on after that."

// onlyAnswer leaves out of planning what no answer needs; the bill is no bound, but the answer.
func (k *cachePlans) onlyAnswer(s *cachebench.Scenario) {
	s.BudgetPerMonth, s.PlanOptions.Effort = math.Inf(1), k.effort
	s.PlanRepeats = true
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

// added is what a plan adds to the bill of the caches that there are, with what the instances
// of starts ahead of others cost.
func added(p *plan.Plan) float64 {
	return billOf(p, "planned") - billOf(p, plan.Automatic) + primeCost(p)
}

// primeCost is what the instances of starts ahead of others cost until they are ready, at the
// price of the app's instance.
func primeCost(p *plan.Plan) float64 {
	cost := 0.0
	for i := range p.Primes {
		if of := p.Primes[i].Instances; of != nil {
			cost += of.Amount
		}
	}
	return cost
}

// doing says what is done to apply a plan.
func (p *cachePlan) doing() string {
	switch {
	case len(p.Primes) == 0:
		return "build these caches"
	case len(p.Caches) == 0:
		return "make these starts ahead of others"
	}
	return "build these caches and make these starts ahead of others"
}

// compareWithPlan looks whether cachebench plan, which counts the starts of one month, makes the
// plan that was chosen for those of all repeats.
func (k *cachePlans) compareWithPlan(ctx context.Context) error {
	p, s := k.best, k.Scenario
	if p == nil || p.Plan == nil || p.set || s.Repeats < 2 || !s.Random() || len(s.Bursts) > 0 {
		return nil
	}
	if k.elsewhere = k.cut || !k.end.IsZero(); k.elsewhere {
		return nil // there may be no time to look
	}
	k.tell("planning for the starts of the first repeat alone")
	made, err := k.plan(ctx, func(s *cachebench.Scenario) {
		k.onlyAnswer(s)
		s.PlanRepeats = false
		s.PlanOptions.Goal, s.PlanOptions.Limit = plan.GoalLimit, time.Duration(p.limit*float64(time.Second))
		s.PlanOptions.LimitStartsFraction, s.PlanOptions.Effort = p.fraction, p.effort
	})
	if err != nil {
		k.elsewhere = true
		return stopped(k.c, err)
	}
	k.elsewhere = (&cachePlan{Plan: made}).key() != p.key()
	return nil
}

// choose takes the cheapest plan that keeps the limit when it is simulated, with the whole
// interval; where none does, the cheapest that keeps it by the mean, which may be to build
// nothing.
func (k *cachePlans) choose(limit float64) {
	all := slices.Concat([]*cachePlan{{outcome: k.automatic}}, k.plans())
	for _, keeps := range []func(*cachePlan) bool{
		func(p *cachePlan) bool { return p.surely(limit) },
		func(p *cachePlan) bool { return p.within(limit) },
	} {
		if k.best != nil {
			return
		}
		for _, p := range all {
			if keeps(p) && (k.best == nil || p.cost < k.best.cost) {
				k.best = p
			}
		}
	}
}

// stoppedBy says what ended the search.
func (k *cachePlans) stoppedBy() string {
	if k.end.IsZero() || time.Now().Before(k.end) {
		return ""
	}
	return fmt.Sprintf(" by the time limit of %s", k.TimeLimit)
}

func (k *cachePlans) currency() string { return k.Scenario.Prices.Currency }

func (k *cachePlans) money(amount float64) string {
	return reports.CapacityAmount(amount, k.currency())
}

// words writes the verdict and what was compared.
func (k *cachePlans) words() {
	c, limit := k.c, k.slo.Limit.Seconds()
	if k.automatic.Value == 0 && !k.automatic.never && k.best == nil {
		return // interrupted before anything was known
	}
	primed := false
	option := func(p *cachePlan, chosen bool) {
		o := reports.CapacityOption{Name: p.name(), Chosen: chosen, Met: p.within(limit)}
		if !p.never {
			f := p.figure(k.f.name, reports.UnitSeconds, &limit)
			o.Ready = &f
		}
		if p.Plan != nil {
			if o.Note = "each planned by itself"; !p.set {
				o.Note = fmt.Sprintf("planned for %s, %s", secondsWords(p.limit), p.Status)
			}
			if cost := primeCost(p.Plan); cost > 0 {
				primed = true
				o.Note += fmt.Sprintf("; of the cost %s for starts ahead of others", k.money(cost))
			}
		}
		o.Cost = &reports.CapacityFigure{Name: "added to the bill of caches", Unit: k.currency(), Value: p.cost}
		c.Options = append(c.Options, o)
	}
	if k.automaticCost != nil && *k.automaticCost > 0 {
		c.Assumptions = append(c.Assumptions, fmt.Sprintf("Costs are what is added to the bill of the caches that there are, of %s a month.", reports.CapacityAmount(*k.automaticCost, k.currency())))
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
	if primed {
		c.Assumptions = append(c.Assumptions, primeWords)
	}
	if k.best == nil {
		c.Verdict = reports.CapacityNotMet
		f := closest.figure("", reports.UnitSeconds, &limit)
		c.Headline = fmt.Sprintf("%s: no plan that was tried keeps a %s; the closest comes to %s.", word(c.Verdict), k.slo, f.Words())
		if k.cut {
			c.Headline = fmt.Sprintf("Not met by what was tried until the search was stopped: the closest to a %s comes to %s.", k.slo, f.Words())
			c.Sentences = append(c.Sentences, fmt.Sprintf("Stopped%s: %s simulated by then, and that none keeps it is not proven.", k.stoppedBy(), plural(len(k.known), "plan")))
		}
		if proven := k.proven(); proven != "" {
			c.Sentences = append(c.Sentences, proven)
		}
		if quota := k.quotaWords(); quota != "" {
			c.Sentences = append(c.Sentences, quota)
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
		if cost := primeCost(k.best.Plan); cost > 0 {
			c.Figures = append(c.Figures, reports.CapacityFigure{Name: "of it instances of starts ahead of others, estimated", Unit: k.currency(), Value: cost})
		}
		if least, _ := k.bound(); least != nil {
			c.Figures = append(c.Figures, reports.CapacityFigure{Name: "bound of the bill, for starts by themselves, estimated", Unit: k.currency(), Value: *least})
		}
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
		c.Sentences = append(c.Sentences, fmt.Sprintf("Not proven cheapest: stopped%s after %s.", k.stoppedBy(), plural(len(k.known), "plan")))
	}
	if proven := k.proven(); proven != "" {
		c.Sentences = append(c.Sentences, proven)
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
		c.Sentences = append(c.Sentences, "To apply it, "+k.best.doing()+": the planner, whose seconds are those of one start by itself, makes a dearer plan for any limit that it was asked for.")
		return
	}
	if k.elsewhere {
		c.Sentences = append(c.Sentences, "To apply it, "+k.best.doing()+": it is planned for the starts of all repeats, and cachebench plan, which counts one month's, may make another.")
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
	if k.best.effort == cmp.Or(k.Scenario.PlanOptions.Effort, 1) {
		return ""
	}
	return fmt.Sprintf(" --effort %g", k.best.effort)
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
	add := func(x float64, of *cachePlan, o *outcome) {
		p := reports.CapacityPoint{X: x, Name: of.short(), Built: of.built()}
		if !o.never {
			p.Y, p.Low, p.High = &o.Value, o.Low, o.High
		}
		curve.Points = append(curve.Points, p)
	}
	add(0, &cachePlan{}, &k.automatic)
	for _, p := range k.plans() {
		if len(p.Caches) == 0 && len(p.Primes) == 0 {
			continue
		}
		add(p.cost, p, &p.outcome)
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
	k.c.Assumptions = append(k.c.Assumptions, "Plans are those that the planner makes for limits between a 64th and twice of what starts take now, halved, and of few apps all sets of a cache or a start ahead of others for each; a cheaper one that is none of these is not found.")
}
