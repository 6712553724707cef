package cachebench

import (
	"context"
	"slices"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// simulateBursts simulates an arm's bursts in every repeat. Their starts are the same in all;
// what differs is what the starts before them left behind. Where that is the same too and
// nothing else is drawn, one simulation tells the result of all such repeats.
//
// What the other repeats played is kept, for whoever simulates the Job again with values that
// change nothing of it.
func (j *Job) simulateBursts(ctx context.Context, p *plan.Plan, opt simulate.Options) (*simulate.Result, error) {
	if len(j.repeated) != opt.Repeats-1 {
		j.repeated = nil
		for repeat := 1; repeat < opt.Repeats; repeat++ {
			other := j.ofRepeat(repeat)
			other.played = make(map[playedKey]*played)
			j.repeated = append(j.repeated, other)
		}
	}
	jobs := []*Job{j}
	for _, kept := range j.repeated {
		if err := kept.warmed(ctx); err != nil {
			return nil, err
		}
		other := *kept
		other.Scenario, other.told = j.Scenario, j.told
		jobs = append(jobs, &other)
	}
	same, err := sameBursts(ctx, p, opt.Arm, jobs)
	if err != nil {
		return nil, err
	}
	return simulate.RunEach(opt, same, func(opt simulate.Options) (*simulate.Result, error) {
		return jobs[opt.Repeat].simulateStarts(ctx, p, opt)
	})
}

// warmed plays what is ahead of the window on node pools, once.
func (j *Job) warmed(ctx context.Context) error {
	j.turn.Lock()
	defer j.turn.Unlock()
	_, err := j.warmPools(ctx)
	return err
}

// WithBursts is the Job with a Scenario that differs in its bursts, or in values that change
// nothing of what the starts before them leave behind: that is played once for all of them.
func (j *Job) WithBursts(s *Scenario) *Job {
	f := *j
	f.Scenario, f.played, f.repeated = s, make(map[playedKey]*played), nil
	// What nodes may come to hold is prepared up to the end of the window.
	longer := s.window() > j.Scenario.window()
	if longer {
		f.warm = nil
	}
	for _, kept := range j.repeated {
		other := *kept
		other.Scenario, other.played = s, make(map[playedKey]*played)
		if longer {
			other.warm = nil
		}
		f.repeated = append(f.repeated, &other)
	}
	return &f
}

// sameBursts says of each Job the first whose starts find the same; nil where results differ
// by more than what starts find.
func sameBursts(ctx context.Context, p *plan.Plan, arm string, jobs []*Job) ([]int, error) {
	j := jobs[0]
	onNodes := func(app workload.App) bool { return app.NodePool != "" }
	if s := j.Scenario; s.draws() || s.Observe || len(s.ExplainApps) > 0 || slices.ContainsFunc(j.Workload.Apps, onNodes) {
		return nil, nil
	}
	same, picks := make([]int, len(jobs)), make([][]matcher.Pick, len(jobs))
	for k, job := range jobs {
		played, _, err := job.prepare(ctx, arm, p)
		if err != nil {
			return nil, err
		}
		picks[k], same[k] = played.picks, k
		for _, first := range same[:k] {
			if first == same[first] && j.findSame(picks[first], picks[k]) {
				same[k] = first
				break
			}
		}
	}
	return same, nil
}

// findSame reports whether two lists of starts are the same and find the same: caches are
// those of two replays, so that not their IDs but which starts share one are compared, but
// where startups are listed, which name them.
func (j *Job) findSame(a, b []matcher.Pick) bool {
	if len(a) != len(b) {
		return false
	}
	j.turn.Lock()
	defer j.turn.Unlock()
	const few = 1024
	listed := !j.Scenario.NoStartups
	names, back := map[string]string{"": ""}, map[string]string{"": ""}
	for i := 0; i < len(a); i += few {
		end := min(i+few, len(a))
		x, y := j.window(a[i:end]), j.window(b[i:end])
		for k := range x {
			if x[k].App != y[k].App || x[k].Requested != y[k].Requested || !slices.Equal(x[k].Held, y[k].Held) ||
				listed && x[k].CacheID != y[k].CacheID || !alike(names, back, x[k].CacheID, y[k].CacheID) {
				return false
			}
		}
	}
	return true
}

// alike reports whether two names go together, one to one, as those before did.
func alike(to, back map[string]string, x, y string) bool {
	known, ok := to[x]
	if !ok {
		if _, taken := back[y]; taken {
			return false
		}
		to[x], back[y] = y, x
		return true
	}
	return known == y
}
