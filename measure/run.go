package measure

import (
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

// sameErrors in a row end an experiment: what fails so does not come and go.
const sameErrors = 3

// Options say how an experiment is run. The zero value works.
type Options struct {
	// Version of cachebench, and Inputs that the experiment was made from, for the
	// timeline's provenance.
	Version string
	Inputs  []simulate.Input
	// Platform is that of the images, where the inventory has several.
	Platform string
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
	// cores; 0 voids none.
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
	// lastError came sameError times in a row.
	lastError string
	sameError int
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
// When the context ends, or the same error came three times in a row, or saving
// fails, the timeline with what was measured is returned beside the error. It is
// nil only where nothing could begin.
func Run(ctx context.Context, exp *Experiment, inv *layers.Inventory, r Runner, opt Options) (*simulate.Timeline, error) {
	s, err := newSession(ctx, exp, inv, r, opt)
	if err != nil {
		return nil, err
	}
	err = s.run(ctx)
	s.conclude()
	return s.t, err
}

func newSession(ctx context.Context, exp *Experiment, inv *layers.Inventory, r Runner, opt Options) (*session, error) {
	if err := exp.Validate(); err != nil {
		return nil, fmt.Errorf("experiment %s: %w", exp.Name, err)
	}
	opt.setDefaults()
	s := &session{exp: exp, arms: exp.Expand(), runner: r, opt: opt, done: map[runKey]bool{}}
	images, err := only(inv, exp.References(), opt.Platform, opt.now())
	if err != nil {
		return nil, err
	}
	s.evidence = evidenceOf(images, s.arms)
	facts, err := r.Facts(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s about this host: %w", r.Tool(), err)
	}
	m := &simulate.Measurement{Tool: r.Tool(), Facts: withHostFacts(facts), Inventory: images}
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
			if s.done[runKey{s.arms[i].Name, repeat}] {
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

// warmUp makes runs that are not counted.
func (s *session) warmUp(ctx context.Context) error {
	for _, a := range s.exp.warmups(s.arms) {
		begun := s.opt.now()
		err := s.runner.Prepare(ctx, a)
		if err == nil && ctx.Err() == nil {
			_, err = s.runner.Run(ctx, a)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.opt.Log("warm-up, not counted: arm %s took %v, %s", a.Name, s.opt.now().Sub(begun).Round(time.Millisecond), orWell(err))
		if err := s.count(err); err != nil {
			return err
		}
	}
	return nil
}

func orWell(err error) string {
	if err != nil {
		return err.Error()
	}
	return "as it should be"
}

// attempts makes a run until it counts, or was made as often as allowed.
func (s *session) attempts(ctx context.Context, arm, repeat int) error {
	name := s.arms[arm].Name
	for range 1 + max(s.opt.Retries, 0) {
		run, startups, failure := s.once(ctx, arm, repeat)
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
		if err := s.count(failure); err != nil {
			return err
		}
		if run.Void == "" {
			return nil
		}
	}
	return nil
}

// count ends the experiment when one error comes again and again.
func (s *session) count(err error) error {
	switch {
	case err == nil:
		s.lastError, s.sameError = "", 0
		return nil
	case err.Error() == s.lastError:
		s.sameError++
	default:
		s.lastError, s.sameError = err.Error(), 1
	}
	if s.sameError < sameErrors {
		return nil
	}
	return fmt.Errorf("the experiment ended, for the same happened %d times in a row: %w; what was measured until then is kept, and can be resumed", sameErrors, err)
}

// once makes a run. The failure is an error of the runner, of which the run is
// void.
func (s *session) once(ctx context.Context, arm, repeat int) (run *simulate.MeasuredRun, startups []simulate.Startup, failure error) {
	a := &s.arms[arm]
	run = &simulate.MeasuredRun{Arm: a.Name, Repeat: repeat}
	prepared := s.runner.Prepare(ctx, a)
	run.At = s.opt.now().UTC().Round(0)
	if s.origin.IsZero() {
		s.origin = run.At
	}
	if prepared != nil {
		failure = fmt.Errorf("prepare: %w", prepared)
		run.Void = failure.Error()
		return run, nil, failure
	}
	if ctx.Err() != nil {
		return run, nil, nil
	}
	runtime.GC() // what Prepare left behind is not cleared away during the run
	before := readUsage(s.opt.proc, os.Getpid(), s.runner.Processes())
	startups, err := s.runner.Run(ctx, a)
	run.OtherCPUFraction, run.StealFraction = before.until(readUsage(s.opt.proc, os.Getpid(), s.runner.Processes()))
	if err == nil && len(startups) != len(a.Starts) {
		err = fmt.Errorf("%s told of %d startups where %d were made", s.runner.Tool(), len(startups), len(a.Starts))
	}
	if err != nil {
		failure = fmt.Errorf("run: %w", err)
		run.Void = failure.Error()
		return run, nil, failure
	}
	for i := range startups {
		s.complete(&startups[i], a, i, repeat, max(0, run.At.Sub(s.origin)))
	}
	if run.Void = s.void(arm, run, startups); run.Void != "" {
		for i := range startups {
			startups[i].Void = run.Void
		}
	}
	return run, startups, nil
}

var errTimes = errors.New("times cannot be: below zero, or an end before its beginning")

// void says why a run does not count.
func (s *session) void(arm int, run *simulate.MeasuredRun, startups []simulate.Startup) string {
	for i := range startups {
		u := &startups[i]
		if !saneTimes(u) {
			*u = simulate.Startup{Source: u.Source, Arm: u.Arm, App: u.App, Images: u.Images, Node: u.Node, Repeat: u.Repeat, Hit: u.Hit}
			return fmt.Sprintf("start of %s: %v", u.App, errTimes)
		}
		if u.Void != "" {
			return fmt.Sprintf("start of %s: %s", u.App, u.Void)
		}
	}
	for i := range s.evidence[arm] {
		if reason := s.evidence[arm][i].check(startups); reason != "" {
			return reason
		}
	}
	if most := s.opt.MaxOtherCPUFraction; most > 0 && run.OtherCPUFraction != nil && *run.OtherCPUFraction > most {
		return fmt.Sprintf("other processes used %.1f %% of the cores, more than the %.1f %% allowed", 100**run.OtherCPUFraction, 100*most)
	}
	return ""
}
