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
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// PoolOptions say what is asked of warm instances.
type PoolOptions struct {
	// App is the app whose starts are served from instances kept warm; it may be empty where
	// there is only one.
	App string
	SLO SLO
	// HandOver is how long a warm instance takes to take a start over.
	HandOver time.Duration
}

// Pool is how many instances of an app have to be kept warm, started and idle, so that its
// starts keep a limit, and whether that or image caches are cheaper.
//
// A start takes a warm instance, the one that has been ready longest, and another is started
// in its place; where none is ready it waits for the next. Those that are started are the
// app's own simulated starts at the same times, with all that slows them.
func (q *Question) Pool(ctx context.Context, opt PoolOptions) (*reports.Capacity, error) {
	app, err := q.pooledApp(opt.App)
	if err != nil {
		return nil, err
	}
	if _, _, known := opt.SLO.figure(); !known {
		return nil, fmt.Errorf("%q is no figure of startup times", opt.SLO.Figure)
	}
	c, err := q.answer(ctx, "pool")
	if c == nil {
		return nil, err
	}
	p := &warmPool{Question: q, c: c, opt: opt, app: app}
	defer q.outside(c, app.Name)
	return c, errors.Join(err, stopped(c, p.find(ctx)))
}

// pooledApp is the app that is asked about.
func (q *Question) pooledApp(name string) (*workload.App, error) {
	var names []string
	for _, app := range q.apps() {
		names = append(names, app.Name)
		if app.Name == name || name == "" && len(q.apps()) == 1 {
			if onPool(app) {
				return nil, fmt.Errorf("%w: app %s is on node pool %s, and what is kept warm there are nodes: ask capacity node-disk", cachebench.ErrUnfit, app.Name, app.NodePool)
			}
			return &app, nil
		}
	}
	if name == "" {
		return nil, fmt.Errorf("%w: of which app are instances to be kept warm? say --app; there are %s", cachebench.ErrUnfit, list(names))
	}
	return nil, fmt.Errorf("%w: app %q is not simulated; there are %s", cachebench.ErrUnfit, name, list(names))
}

type warmPool struct {
	*Question
	c   *reports.Capacity
	opt PoolOptions
	app *workload.App
	// arrivals are the starts of each repeat that has some, in order of their requests; repeats
	// says which these are.
	arrivals [][]arrival
	// few says why these are too few to tell that the limit is kept; empty where they are
	// enough, or the starts are those of a burst.
	few     string
	repeats []int
}

// arrival is a start: when it is asked for, and how long one that is begun then takes.
type arrival struct{ at, takes time.Duration }

// waits are how long starts wait for an instance where so many are kept warm.
func waits(arrivals []arrival, warm int, handOver time.Duration) []time.Duration {
	ready := make([]time.Duration, warm, warm+len(arrivals))
	for i := range ready {
		ready[i] = math.MinInt64
	}
	for _, a := range arrivals {
		ready = append(ready, a.at+a.takes)
	}
	slices.Sort(ready)
	list := make([]time.Duration, len(arrivals))
	for i, a := range arrivals {
		if ready[i] > a.at {
			list[i] = ready[i] - a.at
		}
		list[i] += handOver
	}
	return list
}

// outcome is the SLO's figure where so many instances are kept warm, over the repeats.
func (p *warmPool) outcome(warm int) outcome {
	_, fraction, _ := p.opt.SLO.figure()
	var values []float64
	for _, arrivals := range p.arrivals {
		values = append(values, timeAt(waits(arrivals, warm, p.opt.HandOver), fraction))
	}
	return outcome{Statistic: atLeast(statisticOf(values), p.opt.HandOver.Seconds()), values: values, repeats: p.repeats}
}

// response is the SLO's figure by how many instances are kept warm.
func (p *warmPool) response() *response {
	return &response{at: func(_ context.Context, x float64) (outcome, error) { return p.outcome(int(x)), nil }}
}

func (p *warmPool) find(ctx context.Context) error {
	p.tell("simulating the starts of %s", p.app.Name)
	t, err := p.simulate(ctx, change{list: true})
	if err != nil {
		return err
	}
	p.c.Doubts = append(p.c.Doubts, t.Doubts...)
	most, err := p.take(t)
	if err != nil {
		return err
	}
	limit := p.opt.SLO.Limit.Seconds()
	r := p.response()
	need, monotone, err := r.need(ctx, bracket{low: 0, high: float64(most), whole: true}, limit)
	if err != nil {
		return err
	}
	need.Parameter, need.Unit, need.Now = "warm instances of "+p.app.Name, "instances", new(float64)
	p.c.Needs = append(p.c.Needs, *need)
	p.c.Curves = append(p.c.Curves, reports.CapacityCurve{
		Title: "Starts of " + p.app.Name + " by warm instances", Parameter: "warm instances", XUnit: "instances", Figure: p.opt.SLO.Figure,
		YUnit: reports.UnitSeconds, Limit: &limit, NotMonotone: !monotone, Points: r.points(),
	})
	p.c.Assumptions = append(p.c.Assumptions,
		fmt.Sprintf("A warm instance takes a start over in %s (--hand-over). Another is started at once in its place, and takes what that start would have taken by itself.", secondsWords(p.opt.HandOver.Seconds())),
		"Warm instances are paid all month like those that run, and are the app's size; that they are idle brings nothing else.")
	return p.compare(ctx, need, r)
}

// take keeps the app's starts by repeat, and returns how many there are in one at most.
func (p *warmPool) take(t *simulate.Timeline) (most int, err error) {
	p.arrivals = make([][]arrival, max(1, p.Scenario.Repeats))
	for i := range t.Startups {
		if s := &t.Startups[i]; s.App == p.app.Name {
			if s.Void != "" {
				return 0, fmt.Errorf("%w: a start of %s is never ready (%s), so none can be kept warm", cachebench.ErrUnfit, s.App, s.Void)
			}
			p.arrivals[s.Repeat] = append(p.arrivals[s.Repeat], arrival{s.Requested, s.Ready})
		}
	}
	p.repeats = nil
	for repeat, arrivals := range p.arrivals {
		if len(arrivals) > 0 {
			p.repeats = append(p.repeats, repeat)
		}
	}
	p.arrivals = slices.DeleteFunc(p.arrivals, func(a []arrival) bool { return len(a) == 0 })
	if len(p.arrivals) == 0 {
		return 0, fmt.Errorf("%w: no start of %s falls into the window: make it longer (--window), or give a burst (--count)", cachebench.ErrNoStart, p.app.Name)
	}
	for _, arrivals := range p.arrivals {
		slices.SortStableFunc(arrivals, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
		most = max(most, len(arrivals))
	}
	return most, nil
}

// compare sets what the warm instances cost beside the caches that keep the same limit.
func (p *warmPool) compare(ctx context.Context, need *reports.CapacityNeed, r *response) error {
	limit := p.opt.SLO.Limit.Seconds()
	warm := reports.CapacityOption{Name: "warm instances", Note: "no number of them is enough"}
	if sure := need.Sure(); sure != nil {
		money, err := p.Scenario.Prices.Instance(p.app.CPU, p.app.MemoryGiB, workload.Month)
		if err != nil {
			return fmt.Errorf("price warm instances: %w", err)
		}
		at := r.known[*sure]
		f := at.figure(p.opt.SLO.Figure, reports.UnitSeconds, &limit)
		warm = reports.CapacityOption{
			Name: plural(int(*sure), "warm instance") + " of " + p.app.Name, Ready: &f, Met: true,
			Cost: &reports.CapacityFigure{Name: "warm instances a month", Unit: money.Currency, Value: money.Amount * *sure},
		}
		if p.app.CPU == 0 && p.app.MemoryGiB == 0 && *sure > 0 {
			warm.Cost, warm.Note = nil, "their price is not known: the app has no cpu and memoryGiB"
			p.c.Doubts = append(p.c.Doubts, fmt.Sprintf("What warm instances cost is not known: app %s has no cpu and memoryGiB. Give them in a workload.", p.app.Name))
		}
		p.c.Verdict = judge(&at, limit)
		p.few = p.tooFew(int(*sure))
		p.c.Verdict = weaker(p.c.Verdict, p.few)
	} else {
		p.c.Verdict = reports.CapacityNotMet
	}
	p.c.Options = append(p.c.Options, warm)
	p.words(nil)
	caches := &Question{Scenario: p.Scenario, Inventory: p.Inventory, App: p.app.Name, Progress: p.Progress, tried: p.tried, TimeLimit: p.TimeLimit}
	_, k, err := caches.cheapest(ctx, p.opt.SLO)
	p.tried = caches.tried
	if caches.sketched {
		p.c.Doubts = append(p.c.Doubts, sketchedWords)
	}
	if err != nil && !errors.Is(err, cachebench.ErrCoverage) {
		if ctx.Err() == nil {
			p.c.Doubts = append(p.c.Doubts, "Image caches are not compared: "+err.Error()+".")
			return nil
		}
		return err
	}
	option := reports.CapacityOption{Name: "image caches", Note: "no plan that was tried keeps the limit"}
	if k.cut {
		p.c.Doubts = append(p.c.Doubts, fmt.Sprintf("The search for image caches was stopped%s after %s: cheaper ones that keep the limit are not ruled out.", k.stoppedBy(), plural(len(k.known), "plan")))
	}
	if k.best != nil {
		f := k.best.figure(p.opt.SLO.Figure, reports.UnitSeconds, &limit)
		option = reports.CapacityOption{Name: k.best.name(), Ready: &f, Met: true, Cost: &reports.CapacityFigure{Name: "added to the bill of caches a month", Unit: k.currency(), Value: k.best.cost}}
	}
	if k.best != nil && len(p.Scenario.Bursts) > 0 {
		p.c.Assumptions = append(p.c.Assumptions, fmt.Sprintf("Image caches are billed for the starts that the workload has of %s in a month, not for those of the question: a disk in use is paid for each start.", p.app.Name))
	}
	p.c.Options = append(p.c.Options, option)
	p.words(&option)
	return nil
}

// weaker is a verdict that too few starts stand behind.
func weaker(verdict, few string) string {
	if verdict == reports.CapacityMet && few != "" {
		return reports.CapacityUnclear
	}
	return verdict
}

// tooFew says that the simulated starts do not tell that the SLO's share of starts keeps the
// limit with so many warm instances: starts come at random, and had a larger share been late,
// no more late ones than there are would still be among so many with a chance of a twentieth
// or more. It is empty where they tell, and of bursts, whose starts are given.
func (p *warmPool) tooFew(warm int) string {
	late := 0
	for _, arrivals := range p.arrivals {
		for _, wait := range waits(arrivals, warm, p.opt.HandOver) {
			if wait > p.opt.SLO.Limit {
				late++
			}
		}
	}
	return p.fewWords(late)
}

// fewWords says that so many late ones of all starts are too many, or that these are too few.
func (p *warmPool) fewWords(late int) string {
	_, fraction, _ := p.opt.SLO.figure()
	n := 0
	for _, arrivals := range p.arrivals {
		n += len(arrivals)
	}
	if fraction <= 0 || fraction >= 1 || len(p.Scenario.Bursts) > 0 || fewer(n, late, 1-fraction) < doubtful {
		return ""
	}
	enough := int(math.Ceil(math.Log(doubtful) / math.Log(fraction)))
	if late > 0 {
		return fmt.Sprintf("%d of %s late tell no %s for sure (more: --window, --repeats)", late, plural(n, "start"), p.opt.SLO.Figure)
	}
	return fmt.Sprintf("%s tell no %s (%s do where none is late: --window, --repeats)", plural(n, "start"), p.opt.SLO.Figure, reports.CapacityAmount(float64(enough), ""))
}

// doubtful is the chance from which on something may have come by chance.
const doubtful = 0.05

// fewer is the chance that of n starts, of which a share is late, no more than so many are.
func fewer(n, late int, share float64) float64 {
	var sum float64
	logOf := func(k int) float64 { v, _ := math.Lgamma(float64(k) + 1); return v }
	for k := 0; k <= late && k <= n; k++ {
		sum += math.Exp(logOf(n) - logOf(k) - logOf(n-k) + float64(k)*math.Log(share) + float64(n-k)*math.Log1p(-share))
	}
	return sum
}

// begin begins a headline.
func (p *warmPool) begin() string {
	at := p.c.Options[0].Ready
	if p.c.Verdict == reports.CapacityUnclear && p.few != "" && (at == nil || at.Verdict() == reports.CapacityMet) {
		return "Unclear, for " + p.few
	}
	return word(p.c.Verdict)
}

// words writes the verdict; caches is nil while they are not known.
func (p *warmPool) words(caches *reports.CapacityOption) {
	warm := &p.c.Options[0]
	begin := fmt.Sprintf("%s: no number of warm instances of %s keeps a %s", p.begin(), p.app.Name, p.opt.SLO)
	switch {
	case warm.Met && warm.Cost == nil:
		begin = fmt.Sprintf("%s: with %s a %s is kept; their price is not known", p.begin(), warm.Name, p.opt.SLO)
	case warm.Met:
		begin = fmt.Sprintf("%s: with %s a %s is kept, for %s a month", p.begin(), warm.Name, p.opt.SLO, warm.Cost.Words())
	}
	if n := p.c.Needs[0].Sure(); n != nil && *n == 0 {
		p.c.Headline = fmt.Sprintf("%s: no warm instance of %s is needed for a %s: it is %s.", p.begin(), p.app.Name, p.opt.SLO, warm.Ready.Words())
		warm.Chosen = true
		return
	}
	switch {
	case caches == nil:
		p.c.Headline = begin + "."
		return
	case !caches.Met:
		p.c.Headline = begin + "; no image caches keep it."
		warm.Chosen = warm.Met
	case !warm.Met:
		if p.c.Verdict = caches.Verdict(); p.c.Verdict == reports.CapacityMet {
			p.few = p.fewWords(0)
			p.c.Verdict = weaker(p.c.Verdict, p.few)
		}
		p.c.Headline = fmt.Sprintf("%s: no number of warm instances of %s keeps a %s; image caches do, for %s a month.", p.begin(), p.app.Name, p.opt.SLO, caches.Cost.Words())
		p.c.Options[1].Chosen = true
	case warm.Cost == nil:
		p.c.Headline = fmt.Sprintf("%s; image caches keep it for %s a month (%s).", begin, caches.Cost.Words(), caches.Name)
		warm.Chosen = true
	case caches.Cost.Value < warm.Cost.Value:
		p.c.Headline = fmt.Sprintf("%s; image caches are cheaper: %s a month (%s).", begin, caches.Cost.Words(), caches.Name)
		p.c.Options[1].Chosen = true
		if p.c.Verdict == reports.CapacityMet && caches.Verdict() != reports.CapacityMet {
			// What is named is not surely kept.
			p.c.Verdict = caches.Verdict()
			p.c.Headline = word(p.c.Verdict) + strings.TrimPrefix(p.c.Headline, word(reports.CapacityMet))
		}
	default:
		p.c.Headline = fmt.Sprintf("%s; image caches are no cheaper: %s a month (%s).", begin, caches.Cost.Words(), caches.Name)
		warm.Chosen = true
	}
}
