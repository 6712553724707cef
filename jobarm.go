package cachebench

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// simulateArm simulates the window's starts in one arm.
func (j *Job) simulateArm(ctx context.Context, arm string, p *plan.Plan) (*simulate.Result, error) {
	if j.Scenario.NoStartups {
		played, err := j.replay(ctx, arm, p)
		if err != nil {
			return nil, err
		}
		return simulate.StreamArm(ctx, j.Inventory, j.Scenario.Profile, j.eachStart(played.picks), j.options(arm))
	}
	starts, err := j.starts(ctx, arm, p)
	if err != nil {
		return nil, err
	}
	return j.simulateStarts(ctx, arm, starts)
}

// simulateStarts simulates starts, with or without a list of the startups.
func (j *Job) simulateStarts(ctx context.Context, arm string, starts []simulate.Start) (*simulate.Result, error) {
	opt := j.options(arm)
	if !j.Scenario.NoStartups {
		opt.Spans = firstOfEachApp(starts)
		return simulate.RunArm(ctx, j.Inventory, j.Scenario.Profile, starts, opt)
	}
	slices.SortStableFunc(starts, func(x, y simulate.Start) int { return cmp.Compare(x.Requested, y.Requested) })
	return simulate.StreamArm(ctx, j.Inventory, j.Scenario.Profile, func(yield func(*simulate.Start) bool) {
		for i := range starts {
			if !yield(&starts[i]) {
				return
			}
		}
	}, opt)
}

func (j *Job) options(arm string) simulate.Options {
	s := j.Scenario
	return simulate.Options{Arm: arm, Seed: s.Seed, Repeats: s.Repeats, Workers: s.Workers, Observe: s.Observe}
}

// eachStart makes the starts of picks a few at a time, so that they need not all
// be in memory. Several repeats may go through them at once; what window asks
// remembers its answers, and so is asked by one at a time.
func (j *Job) eachStart(picks []matcher.Pick) iter.Seq[*simulate.Start] {
	var lock sync.Mutex
	return func(yield func(*simulate.Start) bool) {
		for few := range slices.Chunk(picks, 1024) {
			lock.Lock()
			starts := j.window(few)
			lock.Unlock()
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
func (s *Scenario) boundedTrace(starts int) error {
	repeats := max(1, s.Repeats)
	switch {
	case s.NoStartups && starts > MaxEventsPerMonth:
		return fmt.Errorf("%w: the trace has %d starts, at most %d are kept in memory: split it", ErrTooMuch, starts, MaxEventsPerMonth)
	case !s.NoStartups && starts > MaxStartups/repeats:
		return fmt.Errorf("%w: %d starts, %d times, are more than %d startups: list none (startups: false, --no-startups)", ErrTooMuch, starts, repeats, MaxStartups)
	}
	return nil
}

// repeatDoubts say what repeats cannot tell.
func (j *Job) repeatDoubts() []string {
	s := j.Scenario
	switch {
	case s.Repeats < 2:
		return nil
	case !s.Profile.Draws():
		return []string{fmt.Sprintf("Profile %s draws nothing at random, so all %d repeats are the same: their intervals have no width and say nothing of how far a figure may be off.", s.Profile.Name, s.Repeats)}
	}
	return []string{"Intervals are of what the profile draws at random; the starts and their times are the same in every repeat."}
}
