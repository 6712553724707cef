package cachebench

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// simulateArm simulates the window's starts in one arm, those on node pools with
// them. Where they come at random, each repeat has its own, the same in all arms.
func (j *Job) simulateArm(ctx context.Context, arm string, p *plan.Plan) (*simulate.Result, error) {
	opt := j.Scenario.options(arm)
	j.told = j.Scenario.armProgress(arm)
	if opt.Repeats < 2 || !j.drawsStarts() {
		return j.simulateStarts(ctx, p, opt)
	}
	if len(j.Scenario.Bursts) > 0 {
		return j.simulateBursts(ctx, p, opt)
	}
	// The first repeat has the starts that are matched and planned for.
	jobs := []*Job{j}
	for repeat := 1; repeat < opt.Repeats; repeat++ {
		jobs = append(jobs, j.ofRepeat(repeat))
	}
	return simulate.RunEach(opt, nil, func(opt simulate.Options) (*simulate.Result, error) {
		defer func() { jobs[opt.Repeat] = nil }()
		return jobs[opt.Repeat].simulateStarts(ctx, p, opt)
	})
}

// ofRepeat is the Job with the starts of another repeat.
func (j *Job) ofRepeat(repeat int) *Job {
	other := *j
	other.repeat, other.month, other.warm, other.crowded, other.played, other.repeated = repeat, nil, nil, nil, nil, nil
	other.before = make(map[playedKey]*standing)
	return &other
}

// drawsStarts reports whether anything of the starts is drawn from the seed: their
// times, or those of releases.
func (j *Job) drawsStarts() bool { return drawsStarts(&j.Workload) }

func drawsStarts(w *workload.Workload) bool {
	return w != nil && slices.ContainsFunc(w.Apps, func(a workload.App) bool { return a.StartsPerDay > 0 || a.ReleasesPerMonth > 0 })
}

// Random reports whether repeats of the scenario differ: starts or releases come at random,
// or the profile draws.
func (s *Scenario) Random() bool { return drawsStarts(s.Workload) || s.draws() }

// seed is what the starts are drawn from.
func (j *Job) seed() uint64 {
	if j.repeat == 0 {
		return j.Scenario.Seed
	}
	return rand.New(rand.NewPCG(j.Scenario.Seed, uint64(j.repeat))).Uint64()
}

// simulateStarts simulates the repeats of an arm that have the job's starts.
func (j *Job) simulateStarts(ctx context.Context, p *plan.Plan, opt simulate.Options) (*simulate.Result, error) {
	s := j.Scenario
	played, pools, err := j.prepare(ctx, opt.Arm, p)
	if err != nil {
		return nil, err
	}
	if err := s.checkLost(nil, pools.nodes); err != nil {
		return nil, err
	}
	opt.NewNodes = pools.nodes
	defer func() { j.crowded = pools.crowded }()
	if s.NoStartups {
		if pools.starts == nil { // else their number is not known before
			opt.Progress = j.told.of(len(played.picks))
		}
		return simulate.StreamArm(ctx, pools.inv, s.Profile, merged(j.eachStart(played.picks), pools.starts), opt)
	}
	j.turn.Lock()
	starts := j.window(played.picks)
	j.turn.Unlock()
	if pools.starts != nil {
		for start := range pools.starts {
			starts = append(starts, *start)
		}
	}
	opt.Progress = j.told.of(len(starts))
	return s.run(ctx, pools.inv, starts, opt)
}

// prepare finds what the starts of an arm find, and places those on node pools.
func (j *Job) prepare(ctx context.Context, arm string, p *plan.Plan) (*played, *pooled, error) {
	j.turn.Lock()
	defer j.turn.Unlock()
	pools, err := j.onPools(ctx, arm)
	if err != nil {
		return nil, nil, err
	}
	played, err := j.replayOf(ctx, arm, p, len(j.Scenario.Bursts) > 0)
	return played, pools, err
}

// merged are the starts of two sequences in order of time, of which the second may
// be nil.
func merged(a, b iter.Seq[*simulate.Start]) iter.Seq[*simulate.Start] {
	if b == nil {
		return a
	}
	return func(yield func(*simulate.Start) bool) {
		next, stop := iter.Pull(a)
		defer stop()
		x, more := next()
		for y := range b {
			for ; more && x.Requested <= y.Requested; x, more = next() {
				if !yield(x) {
					return
				}
			}
			if !yield(y) {
				return
			}
		}
		for ; more; x, more = next() {
			if !yield(x) {
				return
			}
		}
	}
}

// options are what the Scenario says of an arm's simulation.
func (s *Scenario) options(arm string) simulate.Options {
	return simulate.Options{Arm: arm, Seed: s.Seed, Repeats: s.Repeats, Workers: s.Workers, Observe: s.Observe, Faults: s.Faults}
}

// eachStart makes the starts of picks a few at a time, so that they need not all
// be in memory. Several repeats may go through them at once; what window asks
// remembers its answers.
func (j *Job) eachStart(picks []matcher.Pick) iter.Seq[*simulate.Start] {
	return func(yield func(*simulate.Start) bool) {
		for few := range slices.Chunk(picks, 1024) {
			j.turn.Lock()
			starts := j.window(few)
			j.turn.Unlock()
			for i := range starts {
				if !yield(&starts[i]) {
					return
				}
			}
		}
	}
}

// boundedTrace refuses a trace with more startups than a timeline can list, or
// more starts than are kept in memory.
func (s *Scenario) boundedTrace(starts, arms int) error {
	if err := s.explainable(); err != nil {
		return err
	}
	repeats := max(1, s.Repeats)
	switch {
	case s.NoStartups && starts > MaxTraceStarts:
		return fmt.Errorf("%w: the trace has %d starts, at most %d are kept in memory: split it", ErrTooMuch, starts, MaxTraceStarts)
	case !s.NoStartups && starts*arms > MaxStartups/repeats:
		return fmt.Errorf("%w: %d starts, in %d arms, %d times, are more than %d startups: list none (startups: false, --no-startups), split the trace, take fewer --arms or repeat less",
			ErrTooMuch, starts, arms, repeats, MaxStartups)
	}
	return nil
}

// draws reports whether anything of a simulation but its starts is drawn: what the
// profile draws, and when the kubelet looks at pods whose pulls a fault makes fail.
func (s *Scenario) draws() bool {
	return s.Profile.Draws() || slices.ContainsFunc(s.Faults, func(f simulate.Fault) bool { return f.Kind == "registry-down" })
}

// repeatDoubts say what repeats cannot tell.
func (j *Job) repeatDoubts() []string {
	s := j.Scenario
	arrivals, draws := j.drawsStarts(), s.draws()
	plannedFor := "; caches are planned for those of the first repeat."
	if s.PlanRepeats {
		plannedFor = "."
	}
	switch {
	case s.Repeats < 2:
		return nil
	case arrivals && len(s.Bursts) > 0 && !draws:
		return []string{fmt.Sprintf("Profile %s draws nothing at random, and bursts are the same in every repeat: intervals are only of what the starts before them, which come at random, leave behind.", s.Profile.Name)}
	case arrivals && draws:
		return []string{"Intervals are of what the profile draws at random and of the starts that come at random" + plannedFor}
	case arrivals:
		return []string{fmt.Sprintf("Profile %s draws nothing at random, so intervals are only of the starts that come at random%s", s.Profile.Name, plannedFor)}
	case draws:
		return []string{"Intervals are of what the profile draws at random; the starts and their times are the same in every repeat."}
	}
	return []string{fmt.Sprintf("Profile %s draws nothing at random, so all %d repeats are the same: their intervals have no width, but for the error of quantiles, and say nothing of how far a figure may be off.", s.Profile.Name, s.Repeats)}
}
