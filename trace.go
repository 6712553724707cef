package cachebench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ErrNoStart is wrapped when there is no start to simulate.
var ErrNoStart = errors.New("nothing is simulated")

// SimulateTrace replays the Scenario's trace: every start as it stands there.
// Starts on one named node share what it holds. A start on an instance of its own
// is matched with the caches that there are at that time: none in arm cold; those
// that exist and the automatic ones that the trace's own starts have made in arm
// automatic; those of the plan too in arm cached, which a nil plan leaves out.
// Starts whose images are not all in the Inventory are left out and listed. Apps are named
// as in a plan on the trace: by their images too, web [web:1.4.2], where it has several of
// one name.
func (s *Scenario) SimulateTrace(ctx context.Context, inv *layers.Inventory, p *plan.Plan) (*simulate.Timeline, error) {
	inv = inv.Estimated()
	j := &Job{Scenario: s, Inventory: inv, lookup: inv.Lookup()}
	j.matcher = matcher.New(inv, s.platform(), s.Now, s.policy())
	if err := errors.Join(s.checkArms(), s.checkTrace()); err != nil {
		return nil, err
	}
	fits, err := s.tracePlanFits(p)
	if err != nil {
		return nil, err
	}
	tr := j.traced()
	if len(tr.starts) == 0 {
		return nil, fmt.Errorf("no start of the trace has all its images: %s: %s", j.Coverage.LeftOut[0].App, j.Coverage.LeftOut[0].Reason)
	}
	if err := s.checkLost(tr.starts, nil); err != nil {
		return nil, err
	}
	arms := tr.arms(j.arms(p))
	if err := s.boundedTrace(len(tr.starts), len(arms)); err != nil {
		return nil, err
	}
	j.Coverage.StartsFraction = float64(len(tr.starts)) / float64(tr.all)
	provenance := j.Provenance()
	provenance.PriceDate, provenance.Currency = "", "" // no money is involved
	if provenance.WorkloadDigest, err = s.WorkloadDigest(); err != nil {
		return nil, err
	}
	t := &simulate.Timeline{Provenance: provenance, Coverage: &j.Coverage, Faults: s.Faults, Startups: []simulate.Startup{}}
	var before []*simulate.Repeats
	for _, arm := range arms {
		s.progress("simulating arm %s: %d starts", arm, len(tr.starts))
		starts, err := j.tracedIn(ctx, arm, p, tr)
		if err != nil {
			return nil, err
		}
		opt := s.options(arm)
		opt.Progress = s.armProgress(arm).of(len(starts))
		result, err := s.run(ctx, inv, starts, opt)
		if err == nil {
			err = t.Add(result, before...)
		}
		if err != nil {
			return nil, err
		}
		before = append(before, result.Repeats)
	}
	t.Doubts = slices.Concat(fits, j.imageDoubts(), j.repeatDoubts())
	add := func(format string, args ...any) { t.Doubts = append(t.Doubts, fmt.Sprintf(format, args...)) }
	j.staleDoubts(add)
	if p != nil && len(p.Primes) > 0 {
		add("The plan's priming starts are not simulated: they come after releases, and a trace has none.")
	}
	s.traceDoubts(tr, arms, add)
	j.tracedNodeDoubts(tr.starts, add)
	faultDoubts(t, add)
	j.Scenario.stepDoubts(t, add)
	if j.Coverage.StartsFraction < s.MinCoverage {
		return t, j.tooLittle()
	}
	return t, nil
}

// traced is a trace whose images are known.
type traced struct {
	starts []simulate.Start
	// all counts the trace's starts, those too whose images are not known.
	all int
	// apps are what starts ask matching for, one for each app and list of images; events
	// are those on instances of their own, in order, and starting their places in starts.
	apps     []workload.App
	events   []workload.Event
	starting []int
}

// traceDoubts are those about a trace.
func (s *Scenario) traceDoubts(tr *traced, arms []string, add func(string, ...any)) {
	for _, start := range tr.starts {
		if start.Node != "" && start.NodeClass == "" && s.Profile.OfECI() {
			add("Node %s is simulated on profile %s, which describes instances, not nodes that keep images: name its nodeClass, or take --profile containerd.", start.Node, s.Profile.Name)
			break
		}
	}
	for _, arm := range s.Arms {
		if len(tr.events) == 0 && !slices.Contains(arms, arm) {
			add("Arm %s is left out, for it would be arm cold again: all starts are on named nodes, which use no image cache.", arm)
		}
	}
	if s.Window > 0 || s.WindowStart > 0 {
		add("The scenario's window is not used: a trace is simulated whole.")
	}
	cached := slices.ContainsFunc(arms, func(arm string) bool { return arm != simulate.ArmCold })
	if limit, known := s.startsPerCopies(); known && cached {
		names, most := tr.perMinute()
		for _, app := range names {
			if int64(most[app]) > limit {
				add(bulkDoubt, app, most[app], "within a minute", limit)
			}
		}
	}
}

// perMinute is the most starts within a minute of each app on instances of its own;
// names are those apps in order of first starts.
func (tr *traced) perMinute() (names []string, most map[string]int) {
	most = make(map[string]int)
	recent := make(map[string][]time.Duration)
	for _, e := range tr.events {
		app := tr.apps[e.App].Name
		if most[app] == 0 {
			names = append(names, app)
		}
		times := append(recent[app], e.At)
		for e.At-times[0] >= time.Minute {
			times = times[1:]
		}
		recent[app] = times
		most[app] = max(most[app], len(times))
	}
	return names, most
}

// arms leaves out those that differ from arm cold in nothing: where all starts
// are on named nodes, which use no image cache.
func (tr *traced) arms(arms []string) []string {
	if len(tr.events) > 0 {
		return arms
	}
	return []string{simulate.ArmCold}
}

// traced reads the trace's starts.
func (j *Job) traced() *traced {
	called := j.called()
	tr, s := &traced{}, j.Scenario
	seen, known := make(map[string]bool), j.newTraceApps()
	for i := range s.Trace.Starts {
		line := &s.Trace.Starts[i]
		tr.all += line.Count
		seen[line.App] = true
		app := known.of(line)
		if app < 0 {
			continue
		}
		start := j.start(&known.apps[app])
		start.App = cmp.Or(called[lineKey(line)], line.App)
		known.apps[app].Name = start.App
		start.Requested, start.Node, start.NodeClass = line.At, line.Node, line.NodeClass
		if line.Runtime != nil {
			start.Runtime = *line.Runtime
		}
		if line.Node == "" {
			for k := range line.Count {
				tr.events = append(tr.events, workload.Event{At: line.At, App: app})
				tr.starting = append(tr.starting, len(tr.starts)+k)
			}
		}
		tr.starts = append(tr.starts, slices.Repeat([]simulate.Start{start}, line.Count)...)
	}
	tr.apps = known.apps
	j.Coverage.Apps = len(seen) - len(known.leftOut)
	return tr
}

// tracedIn are the trace's starts in one arm, each with the cache that ECI would
// pick for it at that time.
func (j *Job) tracedIn(ctx context.Context, arm string, p *plan.Plan, tr *traced) ([]simulate.Start, error) {
	caches, opt, err := j.arm(arm, p)
	if err != nil || arm == simulate.ArmCold || len(tr.events) == 0 {
		return tr.starts, err
	}
	e, err := j.newEstimates()
	if err != nil {
		return nil, err
	}
	opt.BuildTime, opt.Group = e.buildTime, j.group
	opt.PicksTo = tr.events[len(tr.events)-1].At + 1
	if arm == simulate.ArmCached {
		nameCaches(&opt, p, tr.apps)
	}
	_, picks, err := j.matcher.Replay(ctx, tr.apps, caches, slices.Values(tr.events), opt)
	if err := errors.Join(err, e.err); err != nil {
		return nil, err
	}
	starts := slices.Clone(tr.starts)
	for i, pick := range picks {
		if pick.Cache != nil {
			s := &starts[tr.starting[i]]
			s.CacheID, s.Held = pick.Cache.ID, j.matcher.Finds(j.group(&tr.apps[pick.Event.App]), pick.Cache)
		}
	}
	return starts, nil
}

// TraceReport gathers what a trace's simulation found.
func (s *Scenario) TraceReport(inv *layers.Inventory, t *simulate.Timeline) *reports.Report {
	return reports.New(reports.Input{
		Title: s.Title, Provenance: t.Provenance, Coverage: t.Coverage, Platform: s.platform(),
		Inventory: inv, Timeline: t, Profile: s.profileSummary(),
		Assumptions: s.traceAssumptions(t),
	})
}

func (s *Scenario) traceAssumptions(t *simulate.Timeline) []string {
	list := []string{"A named node's layers last from its first start in the trace on; starts on it use no image cache."}
	if s.untoldRunTimes() {
		list = append(list, "Starts on a node whose run time the trace does not give (runtime_seconds) need their images no longer than until they are ready.")
	}
	if slices.ContainsFunc(t.Startups, func(x simulate.Startup) bool { return x.Arm != simulate.ArmCold }) {
		return append(list, "A start on an instance of its own is matched with the caches that exist and the automatic ones that the trace's own starts made before it; the simulation has no warm-up.", s.matchingAssumption())
	}
	return append(list, "No start of the trace finds an image cache.")
}

// untoldRunTimes says that of a start on a named node neither the trace nor a Workload beside
// it tells how long it runs.
func (s *Scenario) untoldRunTimes() bool {
	told := make(map[string]bool)
	if s.Workload != nil {
		for i := range s.Workload.Apps {
			told[s.Workload.Apps[i].Name] = true
		}
	}
	return slices.ContainsFunc(s.Trace.Starts, func(x workload.TraceStart) bool { return x.Node != "" && x.Runtime == nil && !told[x.App] })
}

func (s *Scenario) profileSummary() reports.Profile {
	return reports.Profile{Name: s.Profile.Name, Basis: s.Profile.Basis(), Parameters: s.Profile.Values()}
}

// lacksAny says which of the references is not known, and why.
func (j *Job) lacksAny(references []string, platform string) string {
	for _, ref := range references {
		if j.lookup.Find(ref, platform, j.Scenario.Now) >= 0 {
			continue
		}
		for _, u := range j.Inventory.Unresolved {
			if u.Reference == ref {
				return fmt.Sprintf("image %s: %s", ref, u.Reason)
			}
		}
		return fmt.Sprintf("image %s is not in the inventory for %s", ref, platform)
	}
	return ""
}

// lacks says which image of an app is not known, and why.
func (j *Job) lacks(app *workload.App) string { return j.lacksAny(app.AllImages(), j.platformOf(app)) }

// tooLittle is the error of coverage below the minimum.
func (j *Job) tooLittle() error {
	return fmt.Errorf("%w: %.1f %% of starts are covered, %.1f %% are asked for (minCoverageFraction of the scenario, --min-coverage); left out: %s",
		ErrCoverage, 100*j.Coverage.StartsFraction, 100*j.Scenario.MinCoverage, j.leftOutWords())
}

// leftOutWords names the apps that are left out, the first few of those with one reason
// together, and counts the others.
func (j *Job) leftOutWords() string {
	const shown = 5
	var reasons []string
	apps := make(map[string][]string)
	for _, out := range j.Coverage.LeftOut[:min(shown, len(j.Coverage.LeftOut))] {
		if len(apps[out.Reason]) == 0 {
			reasons = append(reasons, out.Reason)
		}
		apps[out.Reason] = append(apps[out.Reason], out.App)
	}
	var words []string
	for _, reason := range reasons {
		words = append(words, strings.Join(apps[reason], ", ")+": "+reason)
	}
	if more := len(j.Coverage.LeftOut) - shown; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}
