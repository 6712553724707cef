package cachebench

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// simulateArm simulates the window's starts in one arm, those on node pools with
// them, and adds the result to t.
func (j *Job) simulateArm(ctx context.Context, t *simulate.Timeline, arm string, p *plan.Plan, pools *pooled, before []*simulate.Repeats) (*simulate.Repeats, error) {
	s := j.Scenario
	if s.NoStartups && len(pools.starts) == 0 && len(s.Faults) == 0 {
		played, err := j.replay(ctx, arm, p)
		if err != nil {
			return nil, err
		}
		result, err := simulate.StreamArm(ctx, j.Inventory, s.Profile, j.eachStart(played.picks), s.options(arm))
		if err != nil {
			return nil, err
		}
		return result.Repeats, t.Add(result, before...)
	}
	starts, err := j.starts(ctx, arm, p)
	if err != nil {
		return nil, err
	}
	starts = append(starts, pools.starts...)
	return s.run(ctx, pools.inv, t, starts, simulate.Options{Arm: arm, NewNodes: pools.nodes}, before)
}

// options are what the Scenario says of an arm's simulation.
func (s *Scenario) options(arm string) simulate.Options {
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
func (s *Scenario) boundedTrace(starts, arms int) error {
	repeats := max(1, s.Repeats)
	switch {
	case s.NoStartups && starts > MaxEventsPerMonth:
		return fmt.Errorf("%w: the trace has %d starts, at most %d are kept in memory: split it", ErrTooMuch, starts, MaxEventsPerMonth)
	case !s.NoStartups && starts*arms > MaxStartups/repeats:
		return fmt.Errorf("%w: %d starts, in %d arms, %d times, are more than %d startups: list none (startups: false, --no-startups), split the trace, take fewer --arms or repeat less",
			ErrTooMuch, starts, arms, repeats, MaxStartups)
	}
	return nil
}

// repeatDoubts say what repeats cannot tell.
func (j *Job) repeatDoubts() []string {
	s := j.Scenario
	switch {
	case s.Repeats < 2:
		return nil
	case !s.Profile.Draws() && !slices.ContainsFunc(s.Faults, func(f simulate.Fault) bool { return f.Kind == "registry-down" }):
		return []string{fmt.Sprintf("Profile %s draws nothing at random, so all %d repeats are the same: their intervals have no width, but for the error of quantiles, and say nothing of how far a figure may be off.", s.Profile.Name, s.Repeats)}
	}
	return []string{"Intervals are of what the profile draws at random; the starts and their times are the same in every repeat."}
}
