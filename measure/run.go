package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// DefaultRetries is how often a run that is void is made again.
const DefaultRetries = 2

// sameErrors in a row end an experiment, or an arm: what fails so does not come and
// go.
const sameErrors = 3

// ErrNothingCounts is of an experiment with an arm of which no run counts.
var ErrNothingCounts = errors.New("none of its runs counts")

// Options say how an experiment is run. The zero value works.
type Options struct {
	// Version of cachebench, and Inputs that the experiment was made from, for the
	// timeline's provenance.
	Version string
	Inputs  []simulate.Input
	// Platform is that of the images, where the inventory has several.
	Platform string
	// Site serves the images; nil is where they come from their registries.
	Site *Site
	// Resume is what an earlier, interrupted Run of the same experiment returned or
	// saved: its runs that count are not made again.
	Resume *simulate.Timeline
	// Save is called with the timeline after each run, to be written before the
	// next; an error ends the experiment. The timeline is not to be kept.
	Save func(*simulate.Timeline) error
	// Retries is how often a void run is made again; 0 is DefaultRetries, below 0 is
	// never.
	Retries int
	// MaxOtherCPUFraction voids runs during which other processes used more of the
	// cores, from 0 to 1; 0 voids none. Runs too short to tell count, and a doubt says so.
	// Of a Resume it voids those runs as well.
	MaxOtherCPUFraction float64
	// Progress is called after each run with how many of total are done.
	Progress func(done, total int, arm string, repeat int, last *simulate.MeasuredRun)
	// Log is told what the timeline does not hold, such as runs to warm up.
	Log func(format string, args ...any)

	// now and proc stand for the clock and for /proc in tests.
	now  func() time.Time
	proc fs.FS
}

// session is an experiment that is being run.
type session struct {
	exp      *Experiment
	arms     []Arm
	evidence [][]nodeEvidence // of each arm
	runner   Runner
	opt      Options
	t        *simulate.Timeline
	origin   time.Time
	done     map[runKey]bool
	failing  failing
	// drops is how often the page cache was emptied, filled how often it had been when a
	// run of each arm, not counted, last filled it.
	drops  int
	filled []int
}

type runKey struct {
	arm    string
	repeat int
}

// Run makes the runs of an experiment, one at a time, in rounds of all arms in an
// order from the seed, and returns their startups with all that is known of how
// they came about. A run that did what it should not have, such as to reuse content
// that was to be absent, is void and made again at once; it stays in the list.
//
// An arm whose starts failed three times in a row is given up. When the context ends,
// or the same error came three times in a row, or starts failed so often, of three arms,
// before any went well, or saving fails, the timeline with what was measured is
// returned beside the error; also when all is done, and an arm has no run that counts
// (ErrNothingCounts). It is nil only where nothing could begin.
func Run(ctx context.Context, exp *Experiment, inv *layers.Inventory, r Runner, opt Options) (*simulate.Timeline, error) {
	s, err := newSession(ctx, exp, inv, r, opt)
	if err != nil {
		return nil, err
	}
	if err = s.run(ctx); err == nil {
		err = s.nothingCounts()
	}
	s.conclude()
	return s.t, err
}

func newSession(ctx context.Context, exp *Experiment, inv *layers.Inventory, r Runner, opt Options) (*session, error) {
	if err := exp.Validate(); err != nil {
		return nil, fmt.Errorf("experiment %s: %w", exp.Name, err)
	}
	if err := CheckOtherCPU(opt.MaxOtherCPUFraction); err != nil {
		return nil, fmt.Errorf("void runs during which other processes were busy: %w", err)
	}
	opt.setDefaults()
	s := &session{exp: exp, arms: exp.Expand(), runner: r, opt: opt, done: map[runKey]bool{}}
	images, err := only(inv, exp.References(), opt.Platform, opt.now())
	if err != nil {
		return nil, err
	}
	s.evidence, s.filled = evidenceOf(images, s.arms), make([]int, len(s.arms))
	s.failing = failing{arms: make(map[int]bool), ofArm: make([]int, len(s.arms))}
	if opt.MaxOtherCPUFraction > 0 && !s.usage().known {
		return nil, errors.New("void runs during which other processes were busy (--max-other-cpu): how busy they are is not known here, without /proc or where the runtime's own processes cannot be named: leave the limit out")
	}
	for i := range s.arms {
		if err := r.CheckArm(&s.arms[i]); err != nil {
			return nil, err
		}
	}
	facts, err := r.Facts(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s about this host: %w", r.Tool(), err)
	}
	facts = withFacts(withFacts(facts, HostFacts("")), opt.Site.facts())
	m := &simulate.Measurement{Tool: r.Tool(), Facts: facts, Inventory: images}
	for i := range s.arms {
		setup, err := setupOf(&s.arms[i], r)
		if err != nil {
			return nil, err
		}
		m.Arms = append(m.Arms, setup)
	}
	s.t = &simulate.Timeline{
		Provenance:  simulate.Provenance{Version: opt.Version, Seed: exp.seed(), Profile: "measured on this host", Inputs: opt.Inputs},
		Measurement: m,
	}
	if opt.Resume != nil {
		if err := s.resume(opt.Resume); err != nil {
			return nil, fmt.Errorf("resume the experiment: %w", err)
		}
	}
	return s, nil
}

func (o *Options) setDefaults() {
	if o.Retries == 0 {
		o.Retries = DefaultRetries
	}
	if o.Save == nil {
		o.Save = func(*simulate.Timeline) error { return nil }
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string, int, *simulate.MeasuredRun) {}
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.proc == nil {
		o.proc = os.DirFS("/proc")
	}
}

func (s *session) run(ctx context.Context) error {
	if s.total() == s.ended() {
		return nil
	}
	if err := s.warmUp(ctx); err != nil {
		return err
	}
	for repeat := range s.exp.repeats() {
		for _, i := range s.exp.order(repeat, len(s.arms)) {
			if s.done[runKey{s.arms[i].Name, repeat}] || s.failing.givenUp(i) {
				continue
			}
			if err := s.attempts(ctx, i, repeat); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) total() int { return len(s.arms) * s.exp.repeats() }

// ended counts the runs that count.
func (s *session) ended() int {
	n := 0
	for _, a := range s.arms {
		for repeat := range s.exp.repeats() {
			if s.done[runKey{a.Name, repeat}] {
				n++
			}
		}
	}
	return n
}

// nothingCounts names the arms of which no run counts.
func (s *session) nothingCounts() error {
	var errs []error
	last := map[string]string{}
	for _, r := range s.t.Measurement.Runs {
		last[r.Arm] = r.Void
	}
	for _, a := range s.arms {
		counted := false
		for repeat := range s.exp.repeats() {
			counted = counted || s.done[runKey{a.Name, repeat}]
		}
		if !counted {
			errs = append(errs, fmt.Errorf("arm %s: %w, the last because: %s", a.Name, ErrNothingCounts, last[a.Name]))
		}
	}
	return errors.Join(errs...)
}

// warmUp makes runs that are not counted.
func (s *session) warmUp(ctx context.Context) error {
	for _, i := range s.exp.warmups(s.arms) {
		failure := s.uncountedRun(ctx, i, "warm-up")
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := s.count(i, failure); err != nil {
			return err
		}
	}
	return nil
}

// uncountedRun makes a run of an arm that leaves no trace in the timeline, and returns
// what failed of it.
func (s *session) uncountedRun(ctx context.Context, arm int, why string) error {
	begun := s.opt.now()
	a := &s.arms[arm]
	var startups []simulate.Startup
	err := s.prepare(ctx, arm)
	if err == nil && ctx.Err() == nil {
		startups, err = s.runner.Run(ctx, a)
		err = errors.Join(err, s.runner.Finish(ctx))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = startFailed(a, startups)
	}
	if err == nil {
		s.filled[arm] = s.drops
	}
	s.opt.Log("%s, not counted: arm %s took %v, %s", why, a.Name, s.opt.now().Sub(begun).Round(time.Millisecond), orWell(err))
	return err
}

func orWell(err error) string {
	if err != nil {
		return err.Error()
	}
	return "as it should be"
}

// startError is of a start that failed by itself, while the run went on.
type startError struct{ app, reason string }

func (e *startError) Error() string { return fmt.Sprintf("start of %s: %s", e.app, e.reason) }

// startFailed is the first of an arm's starts that failed, an *startError.
func startFailed(a *Arm, startups []simulate.Startup) error {
	for i := range startups {
		if reason := startups[i].Void; reason != "" && i < len(a.Starts) {
			return &startError{cmp.Or(a.Starts[i].App, a.Starts[i].Image), reason}
		}
	}
	return nil
}

// prepare brings the nodes into the state in which a run of the arm begins.
func (s *session) prepare(ctx context.Context, arm int) error {
	a := &s.arms[arm]
	if a.DropPageCache {
		s.drops++
	}
	if err := s.runner.Prepare(ctx, a); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	if a.DropPageCache && s.opt.Site != nil {
		return s.opt.Site.warm(ctx, a)
	}
	return nil
}

// attempts makes a run until it counts, or was made as often as allowed, or its arm
// is given up.
func (s *session) attempts(ctx context.Context, arm, repeat int) error {
	name := s.arms[arm].Name
	for range 1 + max(s.opt.Retries, 0) {
		run, startups, failure := s.attempt(ctx, arm, repeat)
		if ctx.Err() != nil {
			return ctx.Err() // the run may have been cut short: it says nothing
		}
		s.t.Measurement.Runs = append(s.t.Measurement.Runs, *run)
		s.t.Startups = append(s.t.Startups, startups...)
		s.done[runKey{name, repeat}] = run.Void == ""
		s.conclude()
		if err := s.opt.Save(s.t); err != nil {
			return fmt.Errorf("save after repeat %d of arm %s: %w", repeat, name, err)
		}
		s.opt.Progress(s.ended(), s.total(), name, repeat, run)
		if err := s.count(arm, failure); err != nil {
			return err
		}
		if run.Void == "" {
			return nil
		}
		if s.failing.givenUp(arm) {
			s.opt.Log("arm %s is given up, for its starts failed %d times in a row; resume the experiment to try again", name, sameErrors)
			return nil
		}
	}
	return nil
}

// attempt makes a run, before it one that is not counted where another arm has emptied
// the page cache: so what the arm keeps, and all that it needs, is in it as if none had.
// Where that one fails nobody knows what it has read, and the run is void.
func (s *session) attempt(ctx context.Context, arm, repeat int) (run *simulate.MeasuredRun, startups []simulate.Startup, failure error) {
	if s.filled[arm] < s.drops && !s.arms[arm].DropPageCache {
		if err := s.uncountedRun(ctx, arm, "after the page cache was emptied"); err != nil {
			failure = fmt.Errorf("not made, for the run before it, which was to fill the page cache after another arm had emptied it, failed: %w", err)
			run = s.begin(arm, repeat)
			run.Void = failure.Error()
			return run, nil, failure
		}
		s.failing.wentWell(arm)
	}
	return s.once(ctx, arm, repeat)
}

// begin is a run that begins now, the timeline's first at its origin.
func (s *session) begin(arm, repeat int) *simulate.MeasuredRun {
	run := &simulate.MeasuredRun{Arm: s.arms[arm].Name, Repeat: repeat, At: s.opt.now().UTC().Round(0)}
	if s.origin.IsZero() {
		s.origin = run.At
	}
	return run
}

// failing counts what failed.
type failing struct {
	last string // error of the runner, that came same times in a row
	same int
	// starts is how many runs had starts that failed, of arms, before one went well.
	starts int
	arms   map[int]bool
	well   bool
	// ofArm is how many such runs each arm had in a row.
	ofArm []int
}

// givenUp says whether an arm's starts have failed so often that it is not run any
// more.
func (f *failing) givenUp(arm int) bool { return f.ofArm[arm] >= sameErrors }

func (f *failing) wentWell(arm int) { f.last, f.same, f.well, f.ofArm[arm] = "", 0, true, 0 }

// count ends the experiment when one error comes again and again, or when starts
// fail from the beginning, whatever the arm.
func (s *session) count(arm int, err error) error {
	f := &s.failing
	why := ""
	switch _, start := errors.AsType[*startError](err); {
	case err == nil:
		f.wentWell(arm)
	case start:
		f.last, f.same = "", 0
		f.starts++
		f.arms[arm] = true
		f.ofArm[arm]++
		if !f.well && f.starts >= sameErrors && len(f.arms) >= min(sameErrors, len(s.arms)) {
			why = fmt.Sprintf("%d starts failed and none went well, the last", f.starts)
		}
	case err.Error() == f.last:
		if f.same++; f.same >= sameErrors {
			why = fmt.Sprintf("the same happened %d times in a row", f.same)
		}
	default:
		f.last, f.same = err.Error(), 1
	}
	if why == "" {
		return nil
	}
	return fmt.Errorf("the experiment ended, for %s: %w", why, err)
}

// usage reads what the experiment and others have used of the cores until now.
func (s *session) usage() usage {
	return readUsage(s.opt.proc, os.Getpid(), s.runner.Processes())
}

// once makes a run. The failure is an error of the runner or of a start, of which the
// run is void.
func (s *session) once(ctx context.Context, arm, repeat int) (run *simulate.MeasuredRun, startups []simulate.Startup, failure error) {
	a := &s.arms[arm]
	failure = s.prepare(ctx, arm)
	run = s.begin(arm, repeat)
	if failure != nil {
		run.Void = failure.Error()
		return run, nil, failure
	}
	if ctx.Err() != nil {
		return run, nil, nil
	}
	runtime.GC() // what Prepare left behind is not cleared away during the run
	before := s.usage()
	startups, err := s.runner.Run(ctx, a)
	run.OtherCPUFraction, run.StealFraction = before.until(s.usage())
	err = errors.Join(err, s.runner.Finish(ctx))
	if err == nil && len(startups) != len(a.Starts) {
		err = fmt.Errorf("%s told of %d startups where %d were made", s.runner.Tool(), len(startups), len(a.Starts))
	}
	if err != nil {
		failure = fmt.Errorf("run: %w", err)
		run.Void = failure.Error()
		return run, nil, failure
	}
	failure = startFailed(a, startups)
	for i := range startups {
		s.complete(&startups[i], a, i, repeat, max(0, run.At.Sub(s.origin)))
	}
	if run.Void = s.void(arm, run, startups); run.Void != "" {
		for i := range startups {
			startups[i].Void = run.Void
		}
	}
	return run, startups, failure
}

var errTimes = errors.New("times cannot be: below zero, or an end before its beginning")

// void says why a run does not count. Of startups with times that cannot be, all
// that was told is dropped: no timeline may hold it.
func (s *session) void(arm int, run *simulate.MeasuredRun, startups []simulate.Startup) string {
	reason := ""
	for i := range startups {
		u := &startups[i]
		why := u.Void
		if !saneTimes(u) {
			why = cmp.Or(why, errTimes.Error())
			*u = simulate.Startup{Source: u.Source, Arm: u.Arm, App: u.App, Images: u.Images, Node: u.Node, Repeat: u.Repeat, Hit: u.Hit}
		}
		if reason == "" && why != "" {
			reason = (&startError{u.App, why}).Error()
		}
	}
	if reason != "" {
		return reason
	}
	for i := range s.evidence[arm] {
		if reason := s.evidence[arm][i].check(startups); reason != "" {
			return reason
		}
	}
	return tooNoisy(run, s.opt.MaxOtherCPUFraction)
}
