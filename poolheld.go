package cachebench

import (
	"context"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// SimulatePool plays the starts on one node pool in the scenario's window as the arms of a
// plan for it do: with these images held by plan.PoolPrePull or plan.PoolBaked, or with
// plan.PoolNothing as the pool is. emit gets every start of every repeat that is not of a pod
// that pulls ahead; a repeat has the same starts in all arms. Faults are left out.
func (j *Job) SimulatePool(ctx context.Context, name, arm string, references []string, emit func(repeat int, s *simulate.Startup)) error {
	pools, err := j.pools()
	if err != nil {
		return err
	}
	k := slices.IndexFunc(pools, func(p nodePool) bool { return p.Name == name })
	if k < 0 {
		return fmt.Errorf("node pool %q: no app of the workload starts on it", name)
	}
	p, err := j.newPoolPlanner(&pools[k])
	if err != nil {
		return fmt.Errorf("node pool %s: %w", name, err)
	}
	images := j.positionsOn(references, pools[k].NodePool)
	if len(images) != len(references) {
		return fmt.Errorf("node pool %s: of %d images to hold the inventory has %d: %s", name, len(references), len(images), few(references))
	}
	repeats := max(1, j.Scenario.Repeats)
	if !j.drawsStarts() && !j.Scenario.draws() {
		repeats = 1
	}
	for repeat := range repeats {
		if err := p.playRepeat(ctx, j, repeat, arm, images, emit); err != nil {
			return fmt.Errorf("node pool %s: simulate arm %s: %w", name, arm, err)
		}
	}
	return nil
}

// playRepeat plays one repeat of the window of a job that is not the planner's own.
func (p *poolPlanner) playRepeat(ctx context.Context, of *Job, repeat int, arm string, images []int, emit func(repeat int, s *simulate.Startup)) error {
	j := p.armJob(arm, images)
	j.repeat = repeat
	s := j.Scenario
	s.WindowStart, s.Window = of.Scenario.WindowStart, of.Scenario.Window
	for _, b := range of.Scenario.Bursts {
		if slices.ContainsFunc(j.Workload.Apps, func(app workload.App) bool { return app.Name == b.App }) {
			s.Bursts = append(s.Bursts, b)
		}
	}
	if len(of.Scenario.Bursts) > 0 && len(s.Bursts) == 0 {
		return nil // none of them starts here
	}
	pools, starts, err := p.startsOf(ctx, j, arm, images)
	if err != nil {
		return err
	}
	opt := simulate.Options{Arm: arm, Seed: s.Seed, Repeat: repeat, NewNodes: pools.nodes}
	return simulate.Stream(ctx, pools.inv, s.Profile, starts, opt, func(_ int, x *simulate.Startup) {
		if x.App != prePullApp {
			emit(repeat, x)
		}
	})
}
