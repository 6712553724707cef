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
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// BurstOptions say what is asked of a burst.
type BurstOptions struct {
	// Within is the time from the first request by which every start is to be ready.
	Within time.Duration
	// CPUQuota is how many vCPUs there may be at once, Addresses how many instances can have
	// an address, with those that run beside the burst; 0 is unknown.
	CPUQuota, Addresses float64
}

// Burst says whether the scenario's bursts are ready in time, what holds them up, and the
// least of each parameter that meets the limit.
func (q *Question) Burst(ctx context.Context, opt BurstOptions) (*reports.Capacity, error) {
	if len(q.Scenario.Bursts) == 0 {
		return nil, fmt.Errorf("%w: say how many starts, as --count 1000, or under bursts in the scenario", ErrNoBurst)
	}
	if err := q.boundsApply(opt); err != nil {
		return nil, err
	}
	c, err := q.answer(ctx, "burst")
	if c == nil {
		return nil, err
	}
	q.sameCaches = true
	c.Assumptions = append(c.Assumptions, "Caches before the burst are as the month's starts leave them on the profile as it is, whatever value is tried.")
	b := &burst{Question: q, opt: opt, c: c, limit: opt.Within.Seconds(), parameters: q.burstParameters(), known: make(map[string]*response)}
	return c, errors.Join(err, stopped(c, b.find(ctx)))
}

// boundsApply refuses bounds of instances of their own where there are none: they would
// bound nothing, and the verdict would look as if they had been kept.
func (q *Question) boundsApply(opt BurstOptions) error {
	if opt.CPUQuota == 0 && opt.Addresses == 0 || slices.ContainsFunc(q.apps(), func(app workload.App) bool { return !onPool(app) }) || len(q.apps()) == 0 {
		return nil
	}
	var where []string
	for _, app := range q.apps() {
		where = append(where, app.Name+" on "+app.NodePool)
	}
	return fmt.Errorf("%w: --vcpu-quota and --addresses bound instances of their own, and all apps of the burst start on node pools (%s): leave them out; what bounds nodes are count, cpu and memoryGiB of the pool", cachebench.ErrUnfit, list(where))
}

// burst is a question of a burst under way.
type burst struct {
	*Question
	opt   BurstOptions
	c     *reports.Capacity
	limit float64
	now   outcome
	// refuses says what of the account has no room for so many starts, empty where all has;
	// tooSmall that the nodes' disks have none for any. Both are nothing that is simulated.
	refuses  func(starts int) (why string)
	tooSmall bool
	// notKnown is what a bound that was given could not be held to, notCounted for which
	// starts it does not count.
	notKnown, notCounted string
	// parameters are those that are searched for, known what was found of each by itself.
	parameters []parameter
	known      map[string]*response
	// aheadWords say whose images on the nodes meet the limit, cachedWords with whose caches.
	aheadWords, cachedWords string
}

func (b *burst) find(ctx context.Context) error {
	b.tell("simulating the burst as it is")
	t, err := b.simulate(ctx, change{})
	if err != nil {
		return err
	}
	s, voids := b.whole(t)
	b.c.Doubts = append(b.c.Doubts, t.Doubts...)
	b.now = outcome{never: s == nil || voids > 0}
	if s != nil {
		b.now.Statistic = s.Makespan
		b.now.values, b.now.repeats = s.EachMakespan()
		limit := b.limit
		b.c.Figures = append(b.c.Figures, b.now.figure("last ready, from the first request", reports.UnitSeconds, &limit))
		if share := b.now.share(limit); share != nil {
			b.c.Figures = append(b.c.Figures, *share)
		}
		for i := range sloFigures {
			if f := &sloFigures[i]; f.name == "p50" || f.name == "p99" {
				b.c.Figures = append(b.c.Figures, (&outcome{Statistic: f.of(s)}).figure(f.name+" of a start", reports.UnitSeconds, nil))
			}
		}
	}
	for _, app := range b.apps() {
		if pool := b.Scenario.Workload.Pool(app.NodePool); pool != nil && pool.NodeClass != "" {
			b.c.Doubts = append(b.c.Doubts, fmt.Sprintf("Nodes of class %s keep the values that the class states, whatever is tried.", pool.NodeClass))
			break
		}
	}
	b.c.Verdict = judgeBurst(&b.now, b.limit)
	b.refuses = func(int) string { return "" }
	refused := b.quotas()
	if refused, err = b.disks(refused); err != nil {
		return err
	}
	b.headline(refused)
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return b.explain(ctx, t) }, b.counts, b.needs, b.caches, b.ahead, b.cached, b.copies,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			b.headline(refused)
			return err
		}
	}
	for i := range b.c.Needs {
		if n := &b.c.Needs[i]; len(refused) > 0 && !b.tooSmall && n.Need != nil && n.Parameter != quotaName && n.Parameter != addressesName {
			n.Note = strings.TrimPrefix(n.Note+"; not by itself: the account refuses starts", "; ")
		}
	}
	b.headline(refused)
	return nil
}

// disks adds pulls at once and the size of nodes' disks to what is searched for where the
// burst's apps are on nodes, the latter where their classes leave it to the profile, and to
// what refuses starts where it is too small for an app.
func (b *burst) disks(refused []string) ([]string, error) {
	if slices.ContainsFunc(b.apps(), onPool) {
		b.parameters = slices.Insert(b.parameters, 1, parallelPulls)
	}
	largest, err := b.largestApp()
	if err != nil || largest.app == "" {
		return refused, err
	}
	now := diskSize.get(b.Scenario.Profile)
	p := diskSize
	p.bracket.high = math.Ceil(max(8*now, 2*largest.gib))
	p.impossible = func(gib float64) bool { return !largest.fits(gib) }
	b.parameters = append(b.parameters, p)
	if !largest.fits(now) {
		b.c.Verdict, b.tooSmall = reports.CapacityNotMet, true
		// The simulator lets a disk grow to an image that it does not hold: what it tells of
		// such starts is of other disks.
		b.now = outcome{never: true, why: disksWhy}
		b.c.Figures = slices.DeleteFunc(b.c.Figures, func(f reports.CapacityFigure) bool { return f.Unit != "vCPUs" && f.Unit != "instances" })
		for i := range b.c.Needs {
			b.c.Needs[i].Best = nil
		}
		refused = append(refused, "the nodes' disks: the "+largest.words()+"; they are of "+reports.CapacityAmount(now, "GiB"))
	}
	return refused, nil
}

// What keeps starts from being ready, as points of curves tell it.
const (
	disksWhy     = "nodes' disks too small"
	quotaWhy     = "quota"
	addressesWhy = "addresses"
)

// starts is how many there are in all bursts.
func (b *burst) starts() int {
	n := 0
	for _, x := range b.Scenario.Bursts {
		n += x.Count
	}
	return n
}

// quotas says which of the account's bounds refuse starts, whatever their speed.
func (b *burst) quotas() []string {
	var over []string
	bounded := b.opt.CPUQuota > 0 || b.opt.Addresses > 0
	cpus, own, unsized := b.sizes(b.Scenario.Bursts)
	if own == 0 {
		return nil
	}
	if pooled := b.starts() - own; bounded && pooled > 0 {
		b.notCounted = fmt.Sprintf("Quota and addresses are held to %s on instances of their own; for %s on node pools they do not count.", plural(own, "start"), plural(pooled, "start"))
	}
	others := othersOf(b.Scenario.Workload)
	// beside says what runs beside the burst, where anything does.
	beside := func(n float64, noun string) string {
		if others.instances == 0 {
			return ""
		}
		return " beside " + reports.CapacityAmount(n, noun) + " of what runs meanwhile"
	}
	hold := func(name, noun, bounds string, burst, meanwhile, bound float64, words string) {
		if bound == 0 {
			return
		}
		now, needed := bound, burst+meanwhile
		if bounds == addressesName {
			needed = math.Ceil(needed)
		}
		need := reports.CapacityNeed{Parameter: bounds, Unit: noun, Now: &now, Need: &needed, Note: "whatever else is changed", Tried: 1}
		if !b.now.never {
			need.Best = &b.now.Value
		}
		b.c.Needs = append(b.c.Needs, need)
		b.c.Figures = append(b.c.Figures, reports.CapacityFigure{Name: name, Unit: noun, Value: burst + meanwhile, Limit: &bound})
		if burst+meanwhile > bound {
			over = append(over, words)
		}
	}
	quota := b.opt.CPUQuota
	if quota > 0 && len(unsized) > 0 {
		quota = 0
		b.notKnown = "it is not known how many vCPUs the starts need"
		if b.c.Verdict == reports.CapacityMet {
			b.c.Verdict = reports.CapacityUnclear
		}
	}
	b.refuses = func(starts int) string {
		cpus, own, _ := b.sizes(b.scaled(starts, b.starts()))
		var why []string
		if quota > 0 && cpus+others.cpus > quota {
			why = append(why, quotaWhy)
		}
		if b.opt.Addresses > 0 && float64(own)+others.instances > b.opt.Addresses {
			why = append(why, addressesWhy)
		}
		return list(why)
	}
	hold("vCPUs at once, with what runs meanwhile", "vCPUs", quotaName, cpus, others.cpus, quota,
		fmt.Sprintf("quota: the starts have %s vCPUs at once%s, the account %s", reports.CapacityAmount(cpus, ""), beside(others.cpus, "vCPUs"), reports.CapacityAmount(b.opt.CPUQuota, "")))
	hold("instances at once, with what runs meanwhile", "instances", addressesName, float64(own), others.instances, b.opt.Addresses,
		fmt.Sprintf("addresses: %d instances need one each%s, the vSwitches have %s", own, beside(others.instances, "instances"), reports.CapacityAmount(b.opt.Addresses, "")))
	var unknown []string
	switch {
	case b.opt.CPUQuota == 0:
		unknown = append(unknown, "the account's quota of vCPUs (--vcpu-quota)")
	case len(unsized) > 0:
		unknown = append(unknown, "how many vCPUs the starts need (cpu of app "+list(unsized)+"), beside the quota given")
	}
	if b.opt.Addresses == 0 {
		unknown = append(unknown, "free addresses of the vSwitches (--addresses)")
	}
	if len(unknown) > 0 {
		b.c.Doubts = append(b.c.Doubts, "Not looked at, because not known: "+strings.Join(unknown, "; ")+".")
	}
	if bounded {
		b.beside(&others, cpus, float64(own))
	}
	if len(over) > 0 {
		b.c.Verdict = reports.CapacityNotMet
	}
	return over
}

// The account's bounds, as what is needed names them.
const (
	quotaName     = "quota of vCPUs (--vcpu-quota)"
	addressesName = "addresses (--addresses)"
)

// sizes are the vCPUs and the number of starts of bursts on instances of their own, and the
// apps whose vCPUs are not known.
func (b *burst) sizes(bursts []cachebench.StartBurst) (cpus float64, own int, unsized []string) {
	for _, x := range bursts {
		for i := range b.Scenario.Workload.Apps {
			app := &b.Scenario.Workload.Apps[i]
			if app.Name != x.App || app.NodePool != "" {
				continue
			}
			cpus += app.CPU * float64(x.Count)
			own += x.Count
			if app.CPU == 0 && !slices.Contains(unsized, app.Name) {
				unsized = append(unsized, app.Name)
			}
		}
	}
	return cpus, own, unsized
}

// beside says what quota and addresses are held to beside the burst, and what is not known of
// it.
func (b *burst) beside(others *running, cpus, own float64) {
	if len(others.unknown) > 0 {
		b.c.Doubts = append(b.c.Doubts, "How many of these run meanwhile is not known, for they have starts and no run time or size: "+list(others.unknown)+".")
	}
	if others.instances == 0 {
		words := "the workload tells of nothing that runs meanwhile"
		if len(others.unknown) > 0 {
			words = "the workload does not tell how much of it runs meanwhile"
		}
		b.c.Doubts = append(b.c.Doubts, "Quota and addresses are held to the burst's starts alone: "+words+". Give what is free of them.")
		return
	}
	b.c.Assumptions = append(b.c.Assumptions, fmt.Sprintf("Meanwhile %s with %s run: of each app on instances of its own, starts a day times run time (Little's law), the mean, without the bursts of the workload. Quota and addresses are all that the account and the vSwitches have, and these are taken off.",
		reports.CapacityAmount(others.instances, "instances"), reports.CapacityAmount(others.cpus, "vCPUs")))
	over := func(burst, meanwhile, peak, bound float64) bool {
		return bound > 0 && burst+meanwhile <= bound && burst+peak > bound
	}
	if over(cpus, others.cpus, others.peakCPUs, b.opt.CPUQuota) || over(own, others.instances, others.peakInstances, b.opt.Addresses) {
		b.c.Doubts = append(b.c.Doubts, fmt.Sprintf("In the hour with the most starts up to %s with %s run beside the burst, and there is no room for that.",
			reports.CapacityAmount(others.peakInstances, "instances"), reports.CapacityAmount(others.peakCPUs, "vCPUs")))
	}
}

// running is what runs at any time on instances of their own, in the mean, and at most in the
// hour of the week in which most starts come.
type running struct {
	instances, cpus, peakInstances, peakCPUs float64
	// unknown are the apps of which it is not known.
	unknown []string
}

// othersOf is what single starts of a workload keep running, by Little's law.
func othersOf(w *workload.Workload) running {
	var all running
	const hours = 7 * 24
	var instances, cpus [hours]float64
	for i := range w.Apps {
		app := &w.Apps[i]
		if app.NodePool != "" || app.StartsPerDay == 0 {
			continue
		}
		if app.Runtime == 0 || app.CPU == 0 {
			all.unknown = append(all.unknown, app.Name)
		}
		n := app.StartsPerDay * app.Runtime.Hours() / 24
		all.instances, all.cpus = all.instances+n, all.cpus+n*app.CPU
		mean := 0.0
		for _, weight := range app.HourlyWeights {
			mean += weight / float64(len(app.HourlyWeights))
		}
		for h := range hours {
			at := n
			if mean > 0 {
				at = n * app.HourlyWeights[h%len(app.HourlyWeights)] / mean
			}
			instances[h], cpus[h] = instances[h]+at, cpus[h]+at*app.CPU
		}
	}
	all.peakInstances, all.peakCPUs = slices.Max(instances[:]), slices.Max(cpus[:])
	return all
}

// headline says what is known by now.
func (b *burst) headline(refused []string) {
	c := b.c
	what := plural(b.starts(), "start")
	if apps := b.apps(); len(apps) == 1 {
		what += " of " + apps[0].Name
	}
	ready := "the last is never ready"
	if !b.now.never {
		f := b.now.figure("", reports.UnitSeconds, &b.limit)
		ready = "the last is ready after " + f.Words()
		if len(refused) > 0 && !b.tooSmall {
			ready = "the last, were none refused, is ready after " + f.Words()
		}
	}
	begin := word(c.Verdict)
	if b.notKnown != "" && c.Verdict == reports.CapacityUnclear && b.now.enough(b.limit) {
		begin = "Unclear, for " + b.notKnown
	}
	if begin == word(reports.CapacityUnclear) && b.now.surely(b.limit) {
		begin = "Unclear, for not every repeat is in time"
	}
	if words := b.now.shareWords(b.limit); words != "" {
		ready += ", " + words
	}
	c.Headline = fmt.Sprintf("%s: of %s within %s %s.", begin, what, limitWords(b.limit), ready)
	c.Sentences = nil
	for i, r := range refused {
		after := "Starts beyond that are refused, however fast the others are."
		if b.tooSmall && i == len(refused)-1 {
			after = "Starts of such an app are never ready, whatever else is changed."
		}
		c.Sentences = append(c.Sentences, "Held up by "+r+". "+after)
	}
	if b.tooSmall {
		refused = refused[:len(refused)-1] // a larger disk is among what is needed
	}
	if b.notCounted != "" {
		c.Sentences = append(c.Sentences, b.notCounted)
	}
	if len(c.Held) > 0 {
		var words []string
		for _, h := range c.Held[:min(3, len(c.Held))] {
			words = append(words, fmt.Sprintf("%s %s", h.Cause, secondsWords(h.Time.Seconds())))
		}
		of := ""
		if c.HeldOf != "" {
			of = " (" + c.HeldOf + ")"
		}
		c.Sentences = append(c.Sentences, "What holds the slowest start up longest"+of+": "+list(words)+".")
	}
	if b.now.enough(b.limit) {
		return
	}
	var single []string
	for i := range c.Needs {
		if n := &c.Needs[i]; n.Need != nil && n.Parameter != quotaName && n.Parameter != addressesName {
			text := neededWords(n)
			switch n.Parameter {
			case aheadName:
				text = b.aheadWords
			case cachedName:
				text = b.cachedWords
			}
			for k := range b.parameters {
				if p := &b.parameters[k]; p.name == n.Parameter {
					if words := b.costWords(p, n); words != "" {
						text += " (" + words + ")"
					}
				}
			}
			single = append(single, text)
		}
	}
	switch {
	case len(refused) > 0 && len(single) == 1:
		c.Sentences = append(c.Sentences, "Were that lifted, the least that would meet the limit: "+single[0]+".")
	case len(refused) > 0 && len(single) > 1:
		c.Sentences = append(c.Sentences, "Were that lifted, each of these would meet the limit: "+list(single)+".")
	case len(single) == 1:
		c.Sentences = append(c.Sentences, "The least that would meet it: "+single[0]+".")
	case len(single) > 1:
		c.Sentences = append(c.Sentences, "Each of these would meet it by itself: "+list(single)+".")
	case len(c.Together) > 0:
		var words []string
		for i := range c.Together {
			words = append(words, neededWords(&c.Together[i]))
		}
		begin := "Nothing meets it by itself; together do "
		if len(refused) > 0 {
			begin = "Were that lifted, nothing else meets it by itself; together do "
		}
		c.Sentences = append(c.Sentences, begin+list(words)+".")
	}
}

// neededWords name a parameter with the value that is needed.
func neededWords(n *reports.CapacityNeed) string {
	switch n.Parameter {
	case automaticName:
		return automaticName
	case parallelUnpack.name:
		return parallelUnpack.name + ", turned on"
	}
	text := fmt.Sprintf("%s of %s", n.Parameter, reports.CapacityNeeded(*n.Sure(), n.Unit))
	if n.AtMost {
		text += " or less"
	}
	return text
}

// explain says what held up the start that took longest, of the first repeat; nothing where the
// disks hold no start.
func (b *burst) explain(ctx context.Context, t *simulate.Timeline) error {
	if b.tooSmall {
		return nil
	}
	slowest := ""
	var most float64
	for i := range t.Summaries {
		if s := &t.Summaries[i]; s.App != "" && (slowest == "" || s.Slowest.Value > most) {
			slowest, most = s.App, s.Slowest.Value
		}
	}
	if slowest == "" {
		return nil
	}
	b.tell("looking at the slowest start of %s", slowest)
	explained, err := b.simulate(ctx, change{explain: slowest})
	if errors.Is(err, cachebench.ErrTooMuch) {
		b.c.Doubts = append(b.c.Doubts, "There are too many starts to say what holds the slowest one up.")
		return nil
	}
	if err != nil {
		return err
	}
	for i := range explained.Explanations {
		b.c.Held, b.c.HeldOf = reports.CapacityHolds(&explained.Explanations[i]), b.explainedWords()
	}
	return nil
}

// counts is how many starts meet the limit, and the curve over their number.
func (b *burst) counts(ctx context.Context) error {
	all := b.starts()
	now := b.now
	if why := b.refuses(all); why != "" && !b.tooSmall {
		now = outcome{never: true, why: why}
	}
	r := &response{burst: b.limit, at: func(ctx context.Context, x float64) (outcome, error) {
		if b.tooSmall {
			return b.now, nil
		}
		if why := b.refuses(int(x)); why != "" {
			return outcome{never: true, why: why}, nil
		}
		b.tell("simulating %.0f starts", x)
		return b.measure(ctx, lastReady, change{bursts: b.scaled(int(x), all)})
	}, known: map[float64]outcome{float64(all): now}}
	defer func() {
		if len(r.known) > 1 {
			b.c.Curves = append(b.c.Curves, b.curve("Starts at once", "starts", "starts", r, float64(all), false))
		}
	}()
	most := float64(min(4*all, cachebench.MaxStartups))
	for _, f := range []float64{0.25, 0.5, 0.75, 1.5, 2} {
		if x := math.Round(f * float64(all)); x >= 1 && x <= most {
			if _, err := r.of(ctx, x); err != nil {
				return err
			}
		}
	}
	if b.limit <= burstEnd(b.Scenario.Bursts).Seconds() {
		return nil // starts are requested after the limit, whatever their number
	}
	// largest is the largest burst before the first one that does not surely meet the limit.
	largest := func(late func(*outcome) bool) (n float64, more bool, err error) {
		first, found, err := r.least(ctx, bracket{low: 1, high: most, whole: true}, late)
		if !found {
			return most, true, err
		}
		return first - 1, false, err
	}
	f := reports.CapacityFigure{Name: "largest burst of which every start is ready in time", Unit: "starts"}
	var err error
	if f.Value, f.AtLeast, err = largest(func(o *outcome) bool { return !o.enough(b.limit) }); err != nil {
		return err
	}
	b.c.Figures = append(b.c.Figures, f)
	return nil
}

// scaled are the bursts with so many starts of all.
func (b *burst) scaled(n, all int) []cachebench.StartBurst {
	list := slices.Clone(b.Scenario.Bursts)
	left, of := n, all
	for i := range list {
		share := int(math.Round(float64(left) * float64(list[i].Count) / float64(of)))
		of -= list[i].Count
		left -= share
		list[i].Count = share
	}
	return slices.DeleteFunc(list, func(x cachebench.StartBurst) bool { return x.Count < 1 })
}

func (b *burst) curve(title, parameter, unit string, r *response, now float64, notMonotone bool) reports.CapacityCurve {
	limit := b.limit
	return reports.CapacityCurve{Title: title, Parameter: parameter, XUnit: unit, Figure: "last ready", YUnit: reports.UnitSeconds, Now: bounded(now), Limit: &limit, NotMonotone: notMonotone, Points: r.points()}
}

// needs are the least values of each parameter, and of several together where none meets
// the limit by itself.
func (b *burst) needs(ctx context.Context) error {
	account := len(b.c.Needs)
	for _, p := range b.parameters {
		if b.tooSmall && p.impossible == nil {
			continue // nothing else makes up for disks that are too small
		}
		if err := b.needOf(ctx, p, change{}); err != nil {
			return err
		}
	}
	if b.tooSmall || b.now.enough(b.limit) || slices.ContainsFunc(b.c.Needs[account:], func(n reports.CapacityNeed) bool { return n.Need != nil }) {
		return nil
	}
	return b.together(ctx)
}

// needOf searches for one parameter. Nothing is said of one that changes nothing.
func (b *burst) needOf(ctx context.Context, p parameter, base change) error {
	now := p.get(b.Scenario.Profile)
	r := &response{burst: b.limit, at: func(ctx context.Context, x float64) (outcome, error) {
		if p.impossible != nil && p.impossible(x) {
			return outcome{never: true, why: disksWhy}, nil
		}
		b.tell("trying %s %s", p.name, reports.CapacityAmount(x, p.unit))
		with := base
		with.profile = func(profile *simulate.Profile) { p.set(profile, x) }
		return b.measure(ctx, lastReady, with)
	}}
	if v := now; base.plan == nil && (p.impossible == nil || !p.impossible(v)) && constant(p, b.Scenario.Profile) && v >= p.bracket.low && v <= p.bracket.high {
		r.known = map[float64]outcome{v: b.now}
	}
	within := p.bracket
	if now > 0 {
		within.low = min(within.low, now) // what is enough may be below the usual values too
	}
	need, monotone, err := r.need(ctx, within, b.limit)
	if base.plan == nil {
		b.known[p.name] = r
	}
	if p.name == parallelUnpack.name && need.Need != nil && *need.Need == 0 {
		return err // it is enough as it is, and there is nothing less to have
	}
	if (len(r.known) > 2 || within.high-within.low == 1) && varies(r) {
		need.Parameter, need.Unit, need.Now = p.name, p.unit, bounded(now)
		need.Tried = len(r.known)
		if err == nil && need.Need != nil && bounded(now) != nil && *need.Need <= now && !b.now.enough(b.limit) {
			need.Note = "below what it is: distributions are left out when it is tried"
		}
		if need.Need != nil && p.name == parallelUnpack.name {
			need.Note = strings.TrimPrefix(need.Note+"; 1 is on", "; ")
		}
		if words := b.costWords(&p, need); words != "" && !b.now.enough(b.limit) {
			need.Note = strings.TrimPrefix(need.Note+"; "+words, "; ")
		}
		if err == nil {
			b.c.Needs = append(b.c.Needs, *need)
		}
		b.c.Curves = append(b.c.Curves, b.curve(p.name, p.name, p.unit, r, now, !monotone))
	}
	return err
}

// costWords say whose setting it is that costs nothing, or which software brings what is needed;
// empty where it is to be bought, or nothing is enough.
func (b *burst) costWords(p *parameter, need *reports.CapacityNeed) string {
	switch {
	case need.Need == nil:
		return ""
	case p.software:
		return decoderWords(p, *need.Need)
	case !p.free:
		return ""
	case p.whose != "" && !(p.onService && b.Scenario.Profile.OfECI()):
		return p.whose
	case b.Scenario.Profile.OfECI():
		return "a setting of the service's runtime: ask for it"
	}
	return "a setting of the runtime: it costs nothing"
}

// varies says that a parameter changes the figure at all.
func varies(r *response) bool {
	least, most := math.Inf(1), math.Inf(-1)
	for _, o := range r.known {
		if o.never {
			return true
		}
		least, most = min(least, o.Value), max(most, o.Value)
	}
	return most > least
}

// automaticName is what brings a burst that is asked about without them to the service's
// automatic caches.
const automaticName = "ECI's automatic caches, turned on"

// cachesName is what caches are called among what is needed.
const cachesName = "caches of the burst's apps"

// mostSubsets is of how many apps all sets of caches are tried.
const mostSubsets = 6

// caches is the smallest set of caches that meets the limit: one for the images of each app
// of the burst.
func (b *burst) caches(ctx context.Context) error {
	var own []workload.App
	for _, app := range b.apps() {
		if app.NodePool == "" {
			own = append(own, app)
		}
	}
	if len(own) == 0 || b.tooSmall {
		return nil
	}
	cold := b.arm() == simulate.ArmCold || b.arm() == simulate.ArmWarm
	if cold {
		b.tell("trying automatic caches")
		o, err := b.measure(ctx, lastReady, change{arm: simulate.ArmAutomatic})
		if err != nil {
			return err
		}
		on := 1.0
		automatic := reports.CapacityNeed{Parameter: automaticName, Now: new(float64), Tried: 1, Note: "1 is on; they cost nothing"}
		if !o.never {
			automatic.Best = &o.Value
		}
		if o.enough(b.limit) {
			automatic.Need = &on
		}
		b.c.Needs = append(b.c.Needs, automatic)
		if automatic.Need != nil {
			return nil
		}
	}
	need := reports.CapacityNeed{Parameter: cachesName, Unit: "caches", Now: new(float64)}
	var best *outcome
	for _, set := range cacheSets(len(own)) {
		if cold && len(set) == 0 {
			continue // that is automatic caches alone
		}
		var names []string
		p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
		for _, i := range set {
			names = append(names, own[i].Name)
			p.Caches = append(p.Caches, plan.PlannedCache{Name: "cache-" + own[i].Name, Images: own[i].AllImages(), SizeGiB: diskGiB(0), Apps: []string{own[i].Name}})
		}
		b.tell("trying caches of %s", cmp.Or(list(names), "nothing"))
		o, err := b.measure(ctx, lastReady, change{plan: p, arm: simulate.ArmCached})
		if err != nil {
			return err
		}
		need.Tried++
		if best == nil || best.never || !o.never && o.Value < best.Value {
			best = &o
		}
		if o.enough(b.limit) {
			n := float64(len(set))
			need.Need = &n
			need.Note = "beside those that there are"
			if cold {
				need.Note += " and automatic ones, turned on"
			}
			if len(names) > 0 {
				need.Note = "of " + list(names) + ", " + need.Note
			}
			break
		}
	}
	if !best.never {
		need.Best = &best.Value
	}
	if need.Need == nil && best.within(b.limit) {
		need.Note = shortOf(best, b.limit)
	}
	if len(own) > mostSubsets {
		need.Note = strings.TrimPrefix(need.Note+"; apps were added in their order, not every set was tried", "; ")
	}
	b.c.Needs = append(b.c.Needs, need)
	return nil
}

// cacheSets are the sets of n things, the smallest first; of many the first ones of each
// number.
func cacheSets(n int) [][]int {
	var sets [][]int
	if n > mostSubsets {
		for k := range n + 1 {
			var set []int
			for i := range k {
				set = append(set, i)
			}
			sets = append(sets, set)
		}
		return sets
	}
	for bits := range 1 << n {
		var set []int
		for i := range n {
			if bits&(1<<i) != 0 {
				set = append(set, i)
			}
		}
		sets = append(sets, set)
	}
	slices.SortStableFunc(sets, func(a, b []int) int { return len(a) - len(b) })
	return sets
}

// copies is how many copies of each cache's snapshot meet the limit, with a cache for every
// app of the burst.
func (b *burst) copies(ctx context.Context) error {
	if b.tooSmall || !slices.ContainsFunc(b.apps(), func(app workload.App) bool { return !onPool(app) }) {
		return nil
	}
	if b.Scenario.Profile.Cache.Copy.Value == network.Unlimited {
		b.c.Doubts = append(b.c.Doubts, "How many copies of a snapshot the burst needs is not told: profile "+b.Scenario.Profile.Name+" has cache.copyBytesPerSecond unlimited, so copies change nothing. Measure how fast one copy fills disks.")
		return nil
	}
	p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
	for _, app := range b.apps() {
		if app.NodePool == "" {
			p.Caches = append(p.Caches, plan.PlannedCache{Name: "cache-" + app.Name, Images: app.AllImages(), SizeGiB: diskGiB(0), Apps: []string{app.Name}})
		}
	}
	with := copies
	with.name = "cache.copies (with a cache for every app)"
	return b.needOf(ctx, with, change{plan: p, arm: simulate.ArmCached})
}
