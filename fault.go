package cachebench

import (
	"context"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// run simulates the starts of one arm and adds its startups to t. Where faults
// are given, it simulates the same starts without them too, to tell what they
// cost.
func (s *Scenario) run(ctx context.Context, inv *layers.Inventory, t *simulate.Timeline, starts []simulate.Start, opt simulate.Options) error {
	opt.Seed, opt.Repeats, opt.Faults = s.Seed, s.Repeats, s.Faults
	startups, err := simulate.Run(ctx, inv, s.Profile, starts, opt)
	if err != nil {
		return err
	}
	if len(s.Faults) > 0 {
		opt.Faults, opt.Spans = nil, nil
		without, err := simulate.Run(ctx, inv, s.Profile, starts, opt)
		if err != nil {
			return err
		}
		d, err := simulate.Disturbed(opt.Arm, startups, without)
		if err != nil {
			return err
		}
		t.Faults, t.Disturbances = s.Faults, append(t.Disturbances, d)
	}
	t.Startups = append(t.Startups, startups...)
	return nil
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
