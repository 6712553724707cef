package cachebench

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// run simulates the starts of one arm.
func (s *Scenario) run(ctx context.Context, inv *layers.Inventory, starts []simulate.Start, opt simulate.Options) (*simulate.Result, error) {
	if s.NoStartups {
		slices.SortStableFunc(starts, func(x, y simulate.Start) int { return cmp.Compare(x.Requested, y.Requested) })
		return simulate.StreamArm(ctx, inv, s.Profile, pointers(starts), opt)
	}
	explanations, err := s.explain(ctx, inv, starts, opt)
	if err != nil {
		return nil, err
	}
	opt.Spans = firstOfEachApp(starts)
	if s.Spans {
		opt.Spans = func(int) bool { return true }
	}
	result, err := simulate.RunArm(ctx, inv, s.Profile, starts, opt)
	if err != nil {
		return nil, err
	}
	result.Explanations = explanations
	return result, nil
}

func pointers(starts []simulate.Start) iter.Seq[*simulate.Start] {
	return func(yield func(*simulate.Start) bool) {
		for i := range starts {
			if !yield(&starts[i]) {
				return
			}
		}
	}
}

// faultDoubts says where faults change nothing.
func faultDoubts(t *simulate.Timeline, add func(string, ...any)) {
	for _, d := range t.Disturbances {
		if d.Affected > 0 {
			return
		}
	}
	if len(t.Faults) > 0 {
		add("No start is affected by the faults: nothing is pulled at their times, or not from the registry.")
	}
}

// stepDoubts says where many pulls are tried again in step.
func (s *Scenario) stepDoubts(t *simulate.Timeline, add func(string, ...any)) {
	const many = 100 // in one arm and repeat
	if s.Profile.Pull.Retry.Sync.Distribution != "" {
		return
	}
	for i := range t.Summaries {
		if x := &t.Summaries[i]; x.App == "" && x.Retries.Value >= many {
			add("%.0f pulls of arm %s were tried again, each at a fixed time after it failed: starts that are refused together come back together, and the last may wait far longer than on nodes whose kubelets look at different times. Give pull.retry.syncSeconds of profile %s a distribution.",
				x.Retries.Value, x.Arm, s.Profile.Name)
			return
		}
	}
}
