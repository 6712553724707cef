package cachebench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// Job is a Scenario with the Inventory of its images, on the apps that the
// Inventory covers.
type Job struct {
	Scenario  *Scenario
	Inventory *layers.Inventory
	Workload  workload.Workload
	Coverage  simulate.Coverage
	matcher   *matcher.Matcher
	lookup    *layers.Lookup
	// repeat is the number of the repeat that the events are of (simulateArm); one
	// repeat at a time asks the matcher and looks images up.
	repeat int
	turn   *sync.Mutex
	// told takes the progress of the arm that is simulated.
	told *armProgress
	// month holds the events of the month and of the warm-up before it, of apps on
	// instances of their own.
	month []workload.Event
	// recording is what is replayed in place of a month that is drawn; nil where the
	// Scenario has no trace.
	recording *recording
	// warm is what happened on node pools before the window.
	warm *poolPlay
	// crowded counts the window's starts for which a node pool had no room, in the
	// arm that was simulated last.
	crowded map[string]int
	// played are the months that were replayed already.
	played map[playedKey]*played
	// before is how caches stand when bursts begin.
	before map[playedKey]*standing
	// repeated are the Jobs of the other repeats of bursts, with what they played.
	repeated []*Job
}

// find is the image that reference means now, or -1.
func (j *Job) find(reference string) int {
	return j.lookup.Find(reference, j.Scenario.platform(), j.Scenario.Now)
}

// Match says which existing cache ECI would pick for each app now, and what a
// month of starts would find in them and in the automatic caches.
func (j *Job) Match(ctx context.Context) (*matcher.Matches, error) {
	e, err := j.newEstimates()
	if err != nil {
		return nil, err
	}
	j.matcher.BuildTime = e.buildTime
	coverage := j.Coverage.StartsFraction
	m := &matcher.Matches{Policies: j.Scenario.Policy.Map(), Platform: j.Scenario.platform(), CoverageFraction: &coverage, At: j.Scenario.Now, Matches: []matcher.Match{}, Unread: j.Inventory.UnreadOf(j.Scenario.References())}
	picker := j.matcher.Picker(j.Scenario.Caches)
	var readings *matcher.Sensitivity
	if j.Scenario.Sensitivity {
		readings = j.matcher.Sensitivity(j.Scenario.Caches)
	}
	for i := range j.Workload.Apps {
		if ctx.Err() != nil {
			return m, fmt.Errorf("match %d of %d apps: %w", i, len(j.Workload.Apps), ctx.Err())
		}
		if j.Workload.Apps[i].NodePool != "" {
			continue // no image cache is for nodes
		}
		m.Matches = append(m.Matches, j.matchOf(picker, readings, j.group(&j.Workload.Apps[i])))
	}
	if e.err != nil {
		return nil, e.err
	}
	j.Scenario.progress("replaying the starts of the %s on the automatic caches", j.of())
	played, err := j.replay(ctx, simulate.ArmAutomatic, nil)
	if err != nil {
		return m, err
	}
	if j.recording != nil {
		m.Span = &j.recording.span
	}
	outcomes := slices.Clone(played.outcomes)
	m.HitRates = played.days
	m.Outcomes = slices.DeleteFunc(outcomes, func(o matcher.Outcome) bool { return o.Starts == 0 })
	return m, err
}

func (j *Job) matchOf(picker *matcher.Picker, readings *matcher.Sensitivity, g matcher.Group) matcher.Match {
	match := picker.Match(g)
	if j.Scenario.Explain {
		match = picker.Explain(g)
	}
	if readings != nil {
		match.Sensitivity, match.ReadingsTried = readings.Readings(g, &match), readings.Tried()
	}
	return match
}

// group is what a start of app asks for.
func (j *Job) group(app *workload.App) matcher.Group {
	g, ask := matcher.GroupOf(app), &j.Scenario.Ask
	g.Region, g.CacheID, g.PerfectMatch, g.MatchCount = ask.Region, ask.CacheID, ask.PerfectMatch, ask.MatchCount
	g.NoMatching, g.Job = ask.NoMatching, ask.Job
	return g
}

// warmUp is how long starts are replayed before the month, so that automatic
// caches are as they are in the long run.
const warmUp = workload.Month

// events are those of the month, and of the warm-up before it, of the apps that are
// wanted.
func (j *Job) events(want func(*workload.App) bool) iter.Seq[workload.Event] {
	return j.Workload.EventsOf(j.seed(), -warmUp, workload.Month, want)
}

// estimates answers for the planner and the replay, who take functions that
// cannot fail; its first error is to be looked at afterwards.
type estimates struct {
	job       *Job
	estimator *simulate.Estimator
	builds    map[string]time.Duration
	err       error
}

func (j *Job) newEstimates() (*estimates, error) {
	estimator, err := simulate.NewEstimator(j.Inventory, j.Scenario.Profile)
	return &estimates{job: j, estimator: estimator, builds: make(map[string]time.Duration)}, err
}

func (e *estimates) of(start *simulate.Start) simulate.Estimate {
	result, err := e.estimator.Estimate(start)
	if e.err == nil {
		e.err = err
	}
	return result
}

// buildTime is how long making a cache takes until it is Ready: its helper
// instance starts, pulls the images one after another (eci §6 #19), and its
// disk is snapshotted.
func (e *estimates) buildTime(images []string, _ float64) time.Duration {
	key := strings.Join(images, "\n")
	d, ok := e.builds[key]
	if !ok {
		d = e.job.Scenario.Profile.BuildTime() + e.of(&simulate.Start{App: "cache", Images: e.job.positions(images)}).Pull
		e.builds[key] = d
	}
	return d
}

// start is one start of app that finds nothing.
func (j *Job) start(app *workload.App) simulate.Start {
	return simulate.Start{
		App: app.Name, PullPolicy: app.PullPolicy, Runtime: app.Runtime,
		Ready: app.Ready, ReadFraction: app.ReadFraction, Images: j.imagesOf(app),
	}
}

// imagesOf are the positions of an app's images for its platform.
func (j *Job) imagesOf(app *workload.App) []int {
	if pool := j.Workload.Pool(app.NodePool); pool != nil {
		return j.positionsOn(app.AllImages(), pool)
	}
	return j.positions(app.AllImages())
}

// positions of references in the Inventory; those that it lacks are left out.
func (j *Job) positions(references []string) []int {
	var images []int
	for _, ref := range references {
		if i := j.find(ref); i >= 0 {
			images = append(images, i)
		}
	}
	return images
}

// Simulate replays the window's starts in each arm. The plan may be nil; then
// the arm cached is left out. Where no start falls into the window, the Timeline is
// empty, and the error wraps ErrNoStart.
// Of a trace it is Scenario.SimulateTrace.
func (j *Job) Simulate(ctx context.Context, p *plan.Plan) (*simulate.Timeline, error) {
	if j.recording != nil {
		return j.Scenario.SimulateTrace(ctx, j.Inventory, p)
	}
	t := &simulate.Timeline{Provenance: j.Provenance(), Coverage: &j.Coverage, Faults: j.Scenario.Faults, Startups: []simulate.Startup{}}
	fits, err := j.PlanDoubts(p)
	if err != nil {
		return nil, err
	}
	if t.Provenance.WorkloadDigest, err = j.Scenario.WorkloadDigest(); err != nil {
		return nil, err
	}
	if p == nil {
		t.Provenance.PriceDate, t.Provenance.Currency = "", "" // no money is involved
	}
	if err := errors.Join(j.Scenario.checkArms(), j.aimed(), j.bounded(p)); err != nil {
		return nil, err
	}
	var before []*simulate.Repeats
	for _, arm := range j.arms(p) {
		j.Scenario.progress("simulating arm %s", arm)
		result, err := j.simulateArm(ctx, arm, p)
		if err == nil {
			err = t.Add(result, before...)
		}
		if err != nil {
			return nil, err
		}
		before = append(before, result.Repeats)
	}
	t.Doubts = append(j.decidingDoubts(p), j.doubts(t)...)
	if p != nil {
		t.Doubts = slices.Concat(fits, t.Doubts, j.planDoubts(p, t))
	}
	if len(t.Summaries) == 0 {
		return t, fmt.Errorf("%w: no start falls into the window of %s, from %s after the month's beginning: make it longer (windowSeconds, --window) or move it", ErrNoStart, span(j.Scenario.window()), span(j.Scenario.WindowStart))
	}
	return t, nil
}

// bounded refuses a window with more startups than a timeline can list, or than are kept.
func (j *Job) bounded(p *plan.Plan) error {
	if err := j.Scenario.explainable(); err != nil {
		return err
	}
	if j.Scenario.NoStartups {
		// A month of random starts is nowhere near twice its mean.
		few := len(j.Scenario.Bursts) == 0 && eventsPerMonth(&j.Workload, isOwn) < MaxWindowStarts/2
		if !few && j.windowStarts(isOwn, MaxWindowStarts) > MaxWindowStarts {
			return fmt.Errorf("%w: more than %d starts on instances of their own in the window of %s: shorten the window (windowSeconds, --window)", ErrTooMuch, MaxWindowStarts, span(j.Scenario.window()))
		}
		return nil
	}
	n := j.windowStarts(func(*workload.App) bool { return true }, math.MaxInt-1)
	if all := float64(n) * float64(len(j.arms(p))) * float64(max(1, j.Scenario.Repeats)); all > MaxStartups {
		where, less := "in the window of "+span(j.Scenario.window()), "shorten the window (windowSeconds, --window)"
		if len(j.Scenario.Bursts) > 0 {
			where, less = "in the bursts", "make them smaller"
		}
		return fmt.Errorf("%w: %d starts %s, in %d arms, %d times, are more than %d startups: %s, take fewer --arms, repeat less, or list none (startups: false, --no-startups)",
			ErrTooMuch, n, where, len(j.arms(p)), max(1, j.Scenario.Repeats), MaxStartups, less)
	}
	return nil
}

// windowStarts counts the window's starts of the apps that are wanted, up to one more than
// most.
func (j *Job) windowStarts(want func(*workload.App) bool, most int) int {
	s := j.Scenario
	n := 0
	for _, b := range s.Bursts {
		if app := j.appOf(b.App); app >= 0 && want(&j.Workload.Apps[app]) {
			n += b.Count
		}
	}
	if len(s.Bursts) > 0 {
		return n
	}
	for e := range j.events(want) {
		switch {
		case e.At >= s.WindowStart+s.window() || n > most:
			return n
		case !e.Release && e.At >= s.WindowStart:
			n++
		}
	}
	return n
}

func (j *Job) arms(p *plan.Plan) []string {
	arms := j.Scenario.Arms
	if len(arms) == 0 {
		arms = j.defaultArms()
	}
	return slices.DeleteFunc(slices.Clone(arms), func(arm string) bool {
		return arm == simulate.ArmCached && p == nil
	})
}

// defaultArms leaves out those that make no difference: warm without node pools,
// caches where all apps run on nodes.
func (j *Job) defaultArms() []string {
	arms := []string{simulate.ArmCold}
	if j.hasPooled() {
		arms = append(arms, simulate.ArmWarm)
	}
	if j.hasOwn() || !j.hasPooled() {
		arms = append(arms, simulate.ArmAutomatic, simulate.ArmCached)
	}
	return arms
}

// firstOfEachApp keeps the spans of one start of each app: enough for a
// waterfall.
func firstOfEachApp(starts []simulate.Start) func(int) bool {
	first := make(map[string]int)
	for i, s := range starts {
		if k, ok := first[s.App]; !ok || s.Requested < starts[k].Requested {
			first[s.App] = i
		}
	}
	return func(i int) bool { return first[starts[i].App] == i }
}

// window are the window's starts, each with the cache that ECI would pick for it at
// that time.
func (j *Job) window(picks []matcher.Pick) []simulate.Start {
	starts := make([]simulate.Start, 0, len(picks))
	for _, pick := range picks {
		app := &j.Workload.Apps[pick.Event.App]
		s := j.start(app)
		if pick.Cache != nil {
			s.CacheID, s.Held = pick.Cache.ID, j.matcher.Finds(j.group(app), pick.Cache)
		}
		s.Requested = pick.Event.At - j.Scenario.WindowStart
		starts = append(starts, s)
	}
	return starts
}

// window is the part of the month that is simulated; with bursts it ends with the
// last of them.
func (s *Scenario) window() time.Duration {
	if len(s.Bursts) > 0 {
		return s.burstWindow()
	}
	if s.Window == 0 {
		return min(DefaultWindow, workload.Month-s.WindowStart)
	}
	return s.Window
}

// Provenance says what the job's results are made from.
func (j *Job) Provenance() simulate.Provenance {
	s := j.Scenario
	return simulate.Provenance{
		Version: Version, Model: simulate.ModelVersion, Seed: s.Seed,
		Profile: s.Profile.Name, ProfileDigest: s.Profile.Digest(), ProfileBasis: s.Profile.Basis(), Platform: s.platform(),
		PriceDate: s.Prices.Date, Currency: s.Prices.Currency, Now: s.Now, Inputs: s.Inputs, Starts: s.madeUp(),
		Unread: j.Inventory.UnreadOf(s.References()),
	}
}

// Recorded says what the trace is that the job's starts are of, and what it leaves open,
// one sentence each; nothing without a trace.
func (j *Job) Recorded() (assumptions, doubts []string) {
	if j.recording == nil {
		return nil, nil
	}
	return j.recording.said, j.recording.notes
}

// Report gathers what the stages found.
func (j *Job) Report(m *matcher.Matches, p *plan.Plan, t *simulate.Timeline) *reports.Report {
	s := j.Scenario
	assumptions := j.assumptions(p)
	if j.recording != nil {
		assumptions = slices.Concat(j.recording.said, s.traceAssumptions(t))
		if p != nil {
			assumptions = append(assumptions, s.priceAssumption())
		}
	}
	return reports.New(reports.Input{
		Title: s.Title, Provenance: t.Provenance, Coverage: &j.Coverage, Platform: s.platform(),
		Inventory: j.Inventory, Workload: &j.Workload, Matches: j.withPlanned(m, p), Plan: p, Timeline: t,
		Profile: s.profileSummary(), Assumptions: assumptions, Bill: j.CheckBill(m),
	})
}
