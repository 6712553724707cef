// Package capacity answers questions of capacity by searches over the simulator: whether a
// burst is ready in time and the least that makes it so, the cheapest caches that keep a
// limit, warm instances against caches, how large the disks of nodes should be, and which
// parameter moves the answer most.
//
// Every value that a search tries is simulated with the same random numbers, so that what
// differs is the value alone; each is simulated once. Where the profile draws, or starts come
// at random, repeats give intervals. A search tries both ends of its bracket first, and
// looks at values beside it, so that a response that is not monotone is said to be so.
//
// Use: make a Question, then Burst, Caches, Pool, NodeDisk or Sensitivity. When ctx ends
// these return what was found by then, marked as interrupted, with the context's error.
package capacity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
	"github.com/cachebench/cachebench/workload"
)

// Question is what all questions have in common.
type Question struct {
	Scenario  *cachebench.Scenario
	Inventory *layers.Inventory
	// Arm is the arm that is asked about. Where it is empty, automatic where apps start on
	// instances of their own, warm where all are on node pools; where the scenario's baseline
	// is cold, one in which starts find no cache.
	Arm string
	// App is the app that a limit is about; empty is all that start together.
	App string
	// TimeLimit ends the search for caches with the cheapest that was found by then, which is
	// said to be so; 0 does not.
	TimeLimit time.Duration
	// WindowNote says why the scenario's window is as it is, where nobody gave one.
	WindowNote string
	// Progress, where not nil, is told what is tried.
	Progress func(what string)

	tried int
	// exact: quantiles are judged, and are those of the list of starts. Where it would be too
	// long they are a sketch's, sketched, with what it may be off by in their interval.
	exact, sketched bool
	frame           *reports.Capacity
	// job has what the month left in caches, for simulations that change nothing of that.
	// sameCaches: it stays what the profile as it is leaves there, whatever value is tried.
	// jobDisks are what the nodes of pools keep it on.
	job        *cachebench.Job
	jobDisks   string
	sameCaches bool
}

func (q *Question) tell(format string, args ...any) {
	if q.Progress != nil {
		q.Progress(fmt.Sprintf(format, args...) + fmt.Sprintf(" (%d simulated)", q.tried))
	}
}

// arm is the one that is asked about.
func (q *Question) arm() string {
	if q.Arm != "" {
		return q.Arm
	}
	return q.baseline()
}

// baseline is the arm of what there is now, as the scenario says. Cold leaves node pools as
// they are, where there are any: their nodes are no caches of the service.
func (q *Question) baseline() string {
	apps := q.apps()
	switch {
	case !slices.ContainsFunc(apps, func(app workload.App) bool { return !onPool(app) }):
		return simulate.ArmWarm
	case q.Scenario.Baseline != plan.Cold:
		return simulate.ArmAutomatic
	case slices.ContainsFunc(apps, onPool):
		return simulate.ArmWarm
	}
	return simulate.ArmCold
}

// cold says that without caches of one's own starts find none, for the scenario's baseline is
// cold.
func (q *Question) cold() bool {
	return q.Scenario.Baseline == plan.Cold && slices.ContainsFunc(q.apps(), func(app workload.App) bool { return !onPool(app) })
}

// change is what one simulation has different from the scenario.
type change struct {
	workload  *workload.Workload
	inventory *layers.Inventory
	profile   func(*simulate.Profile)
	bursts    []cachebench.StartBurst
	plan      *plan.Plan
	arm       string
	// ahead are apps whose images the nodes of their pools hold before the burst.
	ahead []string
	// list keeps the startups, explain the app whose slowest start is explained.
	list    bool
	explain string
}

// simulate plays the scenario with a change.
func (q *Question) simulate(ctx context.Context, c change) (*simulate.Timeline, error) {
	if !q.exact || c.list {
		return q.play(ctx, c)
	}
	c.list = true
	t, err := q.play(ctx, c)
	if !errors.Is(err, cachebench.ErrTooMuch) {
		return t, err
	}
	q.exact, q.sketched, c.list = false, true, false
	q.frame.Doubts = append(q.frame.Doubts, sketchedWords)
	return q.play(ctx, c)
}

// judges says of which figure a limit is.
func (q *Question) judges(slo SLO) {
	_, fraction, _ := slo.figure()
	q.exact = fraction > 0 && fraction < 1
}

var sketchedWords = fmt.Sprintf("There are too many starts to list, so that p50, p90 and p99 are within %s of the exact ones; their intervals hold that.", reports.CapacityAmount(sketch.RelativeError, reports.UnitFraction))

func (q *Question) play(ctx context.Context, c change) (*simulate.Timeline, error) {
	s := *q.Scenario
	s.Progress, s.Observe, s.Spans, s.ExplainApps = nil, false, false, nil
	s.PlanRepeats = true
	s.NoStartups = !c.list
	s.Arms = []string{c.arm}
	if c.arm == "" {
		s.Arms = []string{q.arm()}
	}
	if c.profile != nil {
		p := *s.Profile
		c.profile(&p)
		s.Profile = &p
	}
	if c.bursts != nil {
		s.Bursts = c.bursts
	}
	if c.ahead != nil {
		s.PulledAhead = c.ahead
	}
	if c.explain != "" {
		s.ExplainApps, s.NoStartups, s.Repeats = []string{c.explain + "@p100"}, false, 1
	}
	inv := q.Inventory
	if c.inventory != nil {
		inv = c.inventory
	}
	if c.workload != nil {
		s.Workload = c.workload
	}
	asIs := c.workload == nil && c.inventory == nil
	q.tried++
	if q.job != nil && asIs && (c.profile == nil || q.sameCaches) && q.disksOf(s.Profile) == q.jobDisks {
		if c.bursts != nil {
			return q.job.WithBursts(&s).Simulate(ctx, c.plan)
		}
		job := *q.job
		job.Scenario = &s
		return job.Simulate(ctx, c.plan)
	}
	job, err := cover(&s, inv)
	if job == nil {
		return nil, err
	}
	t, err := job.Simulate(ctx, c.plan)
	if err == nil && asIs && c.profile == nil {
		q.job, q.jobDisks = job, q.disksOf(s.Profile)
	}
	return t, err
}

// disksOf are the values of a profile on which it depends what a month of starts leaves on
// the nodes of pools.
func (q *Question) disksOf(p *simulate.Profile) string {
	if q.Scenario.Workload == nil {
		return ""
	}
	var words []string
	for i := range q.Scenario.Workload.NodePools {
		class, err := p.Class(q.Scenario.Workload.NodePools[i].NodeClass)
		if err != nil {
			continue // it ends the simulation
		}
		words = append(words, fmt.Sprint(class.Node.DiskGiB.Value, class.Node.HighFraction.Value, class.Node.LowFraction.Value, class.Pull.KeepBlobs.Value))
	}
	return list(words)
}

// cover is the job of a scenario; one whose images are known in part comes with an error
// that wraps cachebench.ErrCoverage.
func cover(s *cachebench.Scenario, inv *layers.Inventory) (*cachebench.Job, error) {
	job, err := s.Cover(inv)
	if err != nil && !errors.Is(err, cachebench.ErrCoverage) {
		return nil, err
	}
	return job, err
}

// whole is the summary of the app that is asked about, or of all together, and how many of
// its starts are never ready.
func (q *Question) whole(t *simulate.Timeline) (*simulate.Summary, int64) {
	var voids int64
	is := func(app string) bool { return q.App == "" || q.App == app }
	for _, v := range t.Voids {
		if is(v.App) {
			voids += v.Starts
		}
	}
	for i := range t.Startups {
		if s := &t.Startups[i]; s.Void != "" && is(s.App) {
			voids++
		}
	}
	for i := range t.Summaries {
		if t.Summaries[i].App == q.App {
			s := t.Summaries[i]
			q.quantiles(t, &s)
			for _, of := range []*simulate.Statistic{&s.P50, &s.P90, &s.P99, &s.Mean, &s.Slowest, &s.Makespan, &s.EvictedImages} {
				*of = atLeast(*of, 0)
			}
			return &s, voids
		}
	}
	return nil, voids
}

// quantiles puts the exact ones in place of those of the sketch, by nearest rank, where the
// starts are listed; else what the sketch may be off by widens their intervals.
func (q *Question) quantiles(t *simulate.Timeline, s *simulate.Summary) {
	if !q.exact && !q.sketched {
		return
	}
	for fraction, to := range map[float64]*simulate.Statistic{0.5: &s.P50, 0.9: &s.P90, 0.99: &s.P99} {
		values, _ := eachRepeat(t, s.App, readyAt(fraction))
		if values == nil {
			*to = widened(*to, s.QuantileErrorFraction)
			continue
		}
		*to = statisticOf(values)
	}
}

// eachRepeat is a figure of the starts of each repeat that has some, of an app or of all, and
// which repeats these are; nil where starts are not listed.
func eachRepeat(t *simulate.Timeline, app string, of func([]*simulate.Startup) float64) (values []float64, numbers []int) {
	repeats := make(map[int][]*simulate.Startup)
	for i := range t.Startups {
		if x := &t.Startups[i]; x.Void == "" && (app == "" || x.App == app) {
			repeats[x.Repeat] = append(repeats[x.Repeat], x)
		}
	}
	numbers = slices.Sorted(maps.Keys(repeats))
	for _, repeat := range numbers {
		values = append(values, of(repeats[repeat]))
	}
	return values, numbers
}

// statisticOf is the mean of the values of repeats, of which none is unknown, with its
// interval.
func statisticOf(values []float64) simulate.Statistic {
	s := simulate.Statistic{Value: values[0]}
	if len(values) == 1 {
		return s
	}
	if slices.Min(values) == slices.Max(values) {
		// Those that are the same have no rounding in their mean either.
		v, level := values[0], simulate.Level
		return simulate.Statistic{Value: v, Low: &v, High: &v, Level: &level}
	}
	if interval, err := sketch.MeanInterval(values, simulate.Level); err == nil && interval != nil {
		s = simulate.Statistic{Value: interval.Value, Low: &interval.Low, High: &interval.High, Level: &interval.Level}
	}
	return s
}

// widened is a statistic whose interval also holds a share that it may be off by.
func widened(s simulate.Statistic, fraction float64) simulate.Statistic {
	low, high := s.Value, s.Value
	if s.Low != nil && s.High != nil {
		low, high = *s.Low, *s.High
	}
	low, high = low-s.Value*fraction, high+s.Value*fraction
	s.Low, s.High = &low, &high
	return s
}

// atLeast is a statistic whose interval leaves out what cannot be: Student's t knows no
// bounds.
func atLeast(s simulate.Statistic, least float64) simulate.Statistic {
	if s.Low != nil && *s.Low < least {
		low := min(least, s.Value)
		s.Low = &low
	}
	return s
}

// figure reads a figure of a simulation.
type figure struct {
	name string
	of   func(*simulate.Summary) simulate.Statistic
	// each is that of the starts of one repeat; nil where none is asked for. eachOf is it of
	// all repeats, where summaries have it, whether or not starts are listed.
	each   func([]*simulate.Startup) float64
	eachOf func(*simulate.Summary) (values []float64, repeats []int)
}

var lastReady = figure{name: "last ready", of: func(s *simulate.Summary) simulate.Statistic { return s.Makespan }, eachOf: (*simulate.Summary).EachMakespan}

// measure simulates with a change and reads a figure.
func (q *Question) measure(ctx context.Context, f figure, c change) (outcome, error) {
	t, err := q.simulate(ctx, c)
	if err != nil && !(t != nil && errors.Is(err, cachebench.ErrNoStart)) {
		return outcome{}, err
	}
	return q.outcomeOf(f, t), nil
}

// outcomeOf reads a figure of what was simulated.
func (q *Question) outcomeOf(f figure, t *simulate.Timeline) outcome {
	s, voids := q.whole(t)
	if s == nil || voids > 0 {
		return outcome{never: true, none: voids == 0}
	}
	o := outcome{Statistic: f.of(s)}
	switch {
	case f.eachOf != nil:
		o.values, o.repeats = f.eachOf(s)
	case f.each != nil:
		o.values, o.repeats = eachRepeat(t, q.App, f.each)
	}
	return o
}

// apps are those that are simulated: of the bursts, else all.
func (q *Question) apps() []workload.App {
	var list []workload.App
	if q.Scenario.Workload == nil {
		return nil
	}
	for _, app := range q.Scenario.Workload.Apps {
		if len(q.Scenario.Bursts) == 0 || slices.ContainsFunc(q.Scenario.Bursts, func(b cachebench.StartBurst) bool { return b.App == app.Name }) {
			list = append(list, app)
		}
	}
	return list
}

// answer is the frame of an answer.
func (q *Question) answer(ctx context.Context, question string) (*reports.Capacity, error) {
	s := *q.Scenario
	job, err := cover(&s, q.Inventory)
	if job == nil {
		return nil, err
	}
	provenance := job.Provenance()
	var digestErr error
	if provenance.WorkloadDigest, digestErr = s.WorkloadDigest(); digestErr != nil {
		return nil, digestErr
	}
	q.frame = &reports.Capacity{
		Question: question, Provenance: provenance, Coverage: &job.Coverage, Arm: q.arm(), Repeats: max(1, s.Repeats),
		Assumptions: []string{"Every value that was tried has the same starts and the same draws; what differs is the value alone."},
	}
	if words := inputWords(provenance.Inputs); words != "" {
		q.frame.Assumptions = append(q.frame.Assumptions, words)
	}
	if q.WindowNote != "" {
		q.frame.Assumptions = append(q.frame.Assumptions, q.WindowNote)
	}
	if q.Arm == "" && q.cold() {
		q.frame.Assumptions = append(q.frame.Assumptions, fmt.Sprintf("The scenario's baseline is cold: starts find no cache (arm %s). --arm automatic asks the same with ECI's automatic caches on.", q.arm()))
	}
	if few := fewRepeats(s.Repeats); few != "" && (s.Profile.Draws() || len(s.Bursts) == 0) {
		q.frame.Doubts = append(q.frame.Doubts, few)
	}
	return q.frame, err
}

// Repeats is how often a question is simulated by default, and FewRepeats of many starts: the
// fewest whose intervals by Student's t are below three, and below five, standard errors to
// either side.
const (
	Repeats    = 5
	FewRepeats = 3
	// manyStarts is from how many starts on, of a day or of a burst over Repeats, there are few.
	manyStarts = 50_000
)

// DefaultRepeats is how often to simulate a scenario that does not say so: Repeats, of more
// than 10,000 starts a day or at once FewRepeats, or once where nothing comes at random, neither
// starts nor what the profile draws.
func DefaultRepeats(s *cachebench.Scenario) int {
	if !s.Random() {
		return 1
	}
	starts := 0.0
	if s.Workload != nil && len(s.Bursts) == 0 {
		starts = startsPerDay(s.Workload)
	}
	for _, b := range s.Bursts {
		starts += float64(b.Count)
	}
	if starts*Repeats > manyStarts {
		return FewRepeats
	}
	return Repeats
}

// fewRepeats is a doubt about intervals of so few values; empty where they are enough.
func fewRepeats(n int) string {
	// Quantiles of Student's t at 97.5 %, of one, two and three degrees of freedom.
	wide := []string{2: "12.7", 3: "4.3", 4: "3.2"}
	if n < 2 || n >= len(wide) {
		return ""
	}
	return fmt.Sprintf("%d repeats are few: an interval by Student's t with %s of freedom is %s standard errors to either side, and 2.0 with many repeats. Use --repeats 5 or more.", n, plural(n-1, "degree"), wide[n])
}

// stopped marks an answer whose search was ended.
func stopped(c *reports.Capacity, err error) error {
	if err != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		c.Interrupted = true
		c.Doubts = append(c.Doubts, "Interrupted: the answer is what was found by then, and what is missing was not tried.")
		if c.Headline == "" {
			c.Headline = "Interrupted before there was an answer."
		}
		if rest, ok := strings.CutPrefix(c.Headline, mostMoves); ok {
			c.Headline = fmt.Sprintf("Interrupted after %s, of which most moves the answer: %s", plural(len(c.Effects), "parameter"), rest)
		}
	}
	return err
}

// judge is the verdict of an outcome under a limit.
func judge(o *outcome, limit float64) string {
	if o.never {
		return reports.CapacityNotMet
	}
	f := o.figure("", reports.UnitSeconds, &limit)
	return f.Verdict()
}

// word begins a headline.
func word(verdict string) string {
	switch verdict {
	case reports.CapacityMet:
		return "Met"
	case reports.CapacityUnclear:
		return "Unclear, for the interval holds the limit"
	}
	return "Not met"
}

// limitWords writes a limit as it was given.
func limitWords(d float64) string { return reports.CapacityLimit(d, reports.UnitSeconds) }

func secondsWords(d float64) string { return reports.CapacityAmount(d, reports.UnitSeconds) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return reports.CapacityAmount(float64(n), noun+"s")
}

func list(words []string) string { return strings.Join(words, ", ") }

// ceil to a whole GiB, of which a disk has at least as many as a cache may have.
func diskGiB(bytes int64) float64 {
	const least, gib = 20, 1 << 30
	return max(least, math.Ceil(float64(bytes)/gib))
}

// ErrNoBurst is wrapped where a question is about a burst and there is none.
var ErrNoBurst = errors.New("no burst is given")

// burstEnd is the time from the first request to the last of the bursts.
func burstEnd(bursts []cachebench.StartBurst) time.Duration {
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for _, b := range bursts {
		first, last = min(first, b.At), max(last, b.At+b.Within)
	}
	return last - first
}

func onPool(app workload.App) bool { return app.NodePool != "" }

type workloadApp = workload.App
