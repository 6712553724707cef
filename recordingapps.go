package cachebench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// traceApps are the apps that the lines of a trace are of: one for each name and list of
// images.
type traceApps struct {
	job  *Job
	apps []workload.App
	// known are the places of apps; of those that lack an image it is -1.
	known map[string]int
	// leftOut are the names of which a line lacks an image.
	leftOut map[string]bool
}

func (j *Job) newTraceApps() *traceApps {
	return &traceApps{job: j, known: make(map[string]int), leftOut: make(map[string]bool)}
}

// of is the place of a line's app, or -1 where it lacks an image.
func (t *traceApps) of(line *workload.TraceStart) int {
	key := lineKey(line)
	at, ok := t.known[key]
	if ok {
		return at
	}
	if why := t.job.lacksLine(line); why != "" {
		if t.known[key] = -1; !t.leftOut[line.App] {
			t.leftOut[line.App] = true
			t.job.Coverage.LeftOut = append(t.job.Coverage.LeftOut, simulate.LeftOut{App: line.App, Reason: why})
		}
		return -1
	}
	app := workload.App{Name: line.App, Images: line.Images}
	if beside := t.job.Scenario.beside(line.App); beside != nil {
		same := slices.Equal(beside.AllImages(), line.Images)
		app = *beside
		app.StartsPerDay, app.Bursts = 0, nil
		if !same {
			app.Images, app.InitImages = line.Images, nil
		}
	}
	t.known[key] = len(t.apps)
	t.apps = append(t.apps, app)
	return t.known[key]
}

// lacksLine says which image of a line is not known, and why.
func (j *Job) lacksLine(line *workload.TraceStart) string {
	if j.Inventory == nil {
		return ""
	}
	return j.lacksAny(line.Images, j.Scenario.platform())
}

// lineKey is what lines of one app have in common.
func lineKey(line *workload.TraceStart) string {
	return line.App + "\n" + strings.Join(line.Images, "\n")
}

// beside is the app of that name in the Workload given beside a trace; nil where there is
// none.
func (s *Scenario) beside(name string) *workload.App {
	if s.Workload == nil {
		return nil
	}
	if i := slices.IndexFunc(s.Workload.Apps, func(a workload.App) bool { return a.Name == name }); i >= 0 {
		return &s.Workload.Apps[i]
	}
	return nil
}

// coverTrace is Cover of a trace: its apps are those of the starts on instances of their
// own, at the rates at which it has them.
func (s *Scenario) coverTrace(inv *layers.Inventory) (*Job, error) {
	inv = inv.Estimated()
	j := &Job{Scenario: s, Inventory: inv, lookup: inv.Lookup(), turn: new(sync.Mutex)}
	j.matcher = matcher.New(inv, s.platform(), s.Now, s.policy())
	if err := j.record(); err != nil {
		return nil, err
	}
	if j.Coverage.StartsFraction < s.MinCoverage && len(j.Coverage.LeftOut) > 0 {
		return j, j.tooLittle()
	}
	return j, nil
}

// CheckPlan refuses, before images are looked up, a trace that does not tell what a plan
// needs, or of which no part can be held out as asked: the error wraps ErrTrace. A plan that
// is to be judged before its own time is an error that wraps plan.ErrInvalid.
func (s *Scenario) CheckPlan() error {
	if err := s.checkJudgeAt(); err != nil {
		return s.blamed("plan.judgeAt", err)
	}
	if s.Trace == nil {
		return nil
	}
	j := &Job{Scenario: s}
	if err := j.record(); err != nil {
		return err
	}
	return j.plannable()
}

// record takes the Scenario's trace as the job's recording. A job that looks no images up
// takes all as known.
func (j *Job) record() error {
	s := j.Scenario
	if err := s.checkTrace(); err != nil {
		return err
	}
	begin, span, err := s.recorded()
	if err != nil {
		return err
	}
	r := &recording{span: span}
	j.recording = r
	known := j.newTraceApps()
	all, seen := 0, make(map[string]bool)
	var runs []runTimes
	for i := range s.Trace.Starts {
		line := &s.Trace.Starts[i]
		if line.Node != "" {
			r.onNodes += line.Count
			continue
		}
		all += line.Count
		seen[line.App] = true
		app := known.of(line)
		if app < 0 {
			continue
		}
		if app == len(runs) {
			runs = append(runs, runTimes{})
		}
		runs[app].add(line)
		for range line.Count {
			r.starts = append(r.starts, workload.Event{At: line.At - begin, App: app})
		}
	}
	r.onInstances = all
	j.Coverage.Apps = len(seen) - len(known.leftOut)
	switch {
	case all == 0:
		return fmt.Errorf("%w: all its starts are on named nodes, which use no image cache: give a workload with node pools to plan for nodes, or simulate the trace", ErrTrace)
	case len(r.starts) == 0:
		return fmt.Errorf("no start of the trace has all its images: %s: %s", j.Coverage.LeftOut[0].App, j.Coverage.LeftOut[0].Reason)
	}
	j.Coverage.StartsFraction = float64(len(r.starts)) / float64(all)
	j.Workload.Apps = known.apps
	if err := errors.Join(j.fillApps(runs), r.addReleases(s)); err != nil {
		return err
	}
	known.tellApart()
	j.tellRecording()
	return nil
}

// fillApps gives the recording's apps their rates, and what they need: from the trace, the
// Workload beside it, or what is assumed.
func (j *Job) fillApps(runs []runTimes) error {
	s, r := j.Scenario, j.recording
	days := r.span.Hours() / 24
	var size nameList
	var untold untoldRuns
	for i := range j.Workload.Apps {
		a := &j.Workload.Apps[i]
		r.names = append(r.names, a.Name)
		if a.NodePool != "" {
			return fmt.Errorf("%w: app %s is on node pool %s in the workload, and starts of it name no node: name their nodes (column node), or leave its nodePool out", ErrTrace, a.Name, a.NodePool)
		}
		a.StartsPerDay = float64(runs[i].starts) / days
		beside := s.beside(a.Name) != nil
		j.fillRuntime(a, &runs[i], beside, &untold)
		switch {
		case beside:
		case s.Assume.CPU > 0 && s.Assume.MemoryGiB > 0:
			a.CPU, a.MemoryGiB = s.Assume.CPU, s.Assume.MemoryGiB
			size.add(a.Name)
		default:
			r.unknownSize.add(a.Name)
		}
	}
	untold.tell(r, s.Assume.Runtime)
	if names := size.names; len(names) > 0 {
		r.note("Assumed, for nothing tells it: instances of %s have %g vCPUs and %g GiB (--assume-cpu, --assume-memory-gib).", few(names), s.Assume.CPU, s.Assume.MemoryGiB)
	}
	return nil
}

// nameList are names, each once, in order of first use.
type nameList struct {
	names []string
	known map[string]bool
}

func (l *nameList) add(name string) {
	if l.known == nil {
		l.known = make(map[string]bool)
	}
	if !l.known[name] {
		l.known[name] = true
		l.names = append(l.names, name)
	}
}

func (r *recording) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// tellRecording says what the recording is, and what it leaves open.
func (j *Job) tellRecording() {
	s, r := j.Scenario, j.recording
	r.said = []string{
		fmt.Sprintf("The trace covers %s; a month of 30 days is %.3g times it, and has so many times its starts.", document.FormatTime(r.span), float64(workload.Month)/float64(r.span)),
		"What the trace's own starts find is replayed, with automatic caches as they leave them after one round ahead of it.",
	}
	if r.span < shortTrace {
		r.note("The trace covers %s: less than a week, so that days which differ from these count for nothing.", document.FormatTime(r.span))
	}
	if r.onNodes > 0 {
		r.note("%d of the trace's %d starts are on named nodes, which use no image cache: they are left out.", r.onNodes, r.onNodes+r.onInstances)
	}
	var several, other, steady, silent, named nameList
	for i, name := range r.names {
		a := &j.Workload.Apps[i]
		named.add(name)
		if a.Name != name {
			several.add(name)
		}
		if beside := s.beside(name); beside != nil && !slices.Equal(beside.AllImages(), a.AllImages()) {
			other.add(name)
		}
		if a.ReleasesPerMonth == 0 {
			steady.add(name)
		}
	}
	if s.Workload != nil {
		for i := range s.Workload.Apps {
			if name := s.Workload.Apps[i].Name; !named.known[name] && !slices.ContainsFunc(j.Coverage.LeftOut, func(o simulate.LeftOut) bool { return o.App == name }) {
				silent.add(name)
			}
		}
	}
	if len(several.names) > 0 {
		r.note("The trace has starts of %s with several sets of images: each set is planned for by itself, under the images by which they differ, and releases that a Workload tells are counted for each. Where they are releases of one app, write one reference in the trace, and releasesPerMonth in a Workload beside it.", few(several.names))
	}
	if len(other.names) > 0 {
		r.note("The images of %s are others in the trace than in the workload: the trace's count.", few(other.names))
	}
	if len(silent.names) > 0 {
		r.note("No start of %s is in the trace on an instance of its own: nothing is planned for what the workload alone has.", few(silent.names))
	}
	if len(steady.names) < len(named.names) && s.Baseline == plan.Automatic {
		r.said = append(r.said, "Starts that prime come after releases alone, at the times drawn for them: what bursts the trace has is not told from other starts.")
	}
	if len(steady.names) > 0 {
		r.note("No release of %s is known, for a trace has none: no rebuild is counted, and no start is made to prime. A Workload beside the trace tells them (releasesPerMonth).", few(steady.names))
	}
	if s.Workload == nil {
		r.note("A trace does not tell pull policies and storage: they are taken to be Kubernetes' defaults, and no storage above the free part. A Workload beside the trace tells them.")
	}
}
