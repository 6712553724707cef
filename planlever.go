package cachebench

import (
	"context"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// planRates are the profile's quantities that are varied to see what would change a
// verdict: those that startup times mostly depend on.
var planRates = []string{
	"network.registryBytesPerSecond", "network.uplinkBytesPerSecond", "network.nodeBytesPerSecond", "network.connectionBytesPerSecond",
	"unpack.gzipBytesPerSecond", "unpack.diskBytesPerSecond", "cache.attachSeconds", "cache.firstReadBytesPerSecond",
}

// planPrices are the prices that are varied.
var planPrices = []struct {
	name string
	of   func(*cost.Book) []**float64
}{
	{"diskGiBHour", func(b *cost.Book) []**float64 { return []**float64{&b.DiskGiBHour, &b.EphemeralGiBHour} }},
	{"snapshotGiBMonth", func(b *cost.Book) []**float64 { return []**float64{&b.SnapshotGiBMonth} }},
	{"vcpuSecond and memoryGiBSecond", func(b *cost.Book) []**float64 { return []**float64{&b.VCPUSecond, &b.MemoryGiBSecond} }},
}

// addTurns says which price or rate would change the plan's verdict.
func (j *Job) addTurns(ctx context.Context, p *plan.Plan, problem *plan.Problem) error {
	j.Scenario.progress("looking for prices and rates that would change the verdict")
	each := *problem
	each.TimeLimit = 0 // ctx ends with that of the whole search
	trials := j.trials(ctx, &each)
	turns, err := plan.Turns(ctx, p.Advice(), trials)
	if err != nil {
		return fmt.Errorf("sensitivity: %w", err)
	}
	switch {
	case len(turns) == len(trials): // though ctx may have ended since
	case ctx.Err() != nil:
		leaveOut(p, stoppedTurns)
	default:
		leaveOut(p, unfoundTurns)
	}
	if len(turns) == 0 {
		return nil
	}
	if p.Sensitivity == nil {
		p.Sensitivity = &plan.Sensitivity{}
	}
	p.Sensitivity.Levers = turns
	return nil
}

// trials are what may be another price or rate than was taken.
func (j *Job) trials(ctx context.Context, problem *plan.Problem) []plan.Trial {
	var trials []plan.Trial
	for _, price := range planPrices {
		trials = append(trials, plan.Trial{Name: price.name, Problem: func(factor float64) (plan.Problem, error) {
			varied := *problem
			for _, v := range price.of(&varied.Prices) {
				if *v != nil {
					scaled := **v * factor
					*v = &scaled
				}
			}
			return varied, nil
		}})
	}
	if problem.Goal == "" || problem.Goal == plan.GoalSeconds {
		if problem.WorthPerHour > 0 {
			trials = append(trials, plan.Trial{Name: "worthPerHour", Problem: func(factor float64) (plan.Problem, error) {
				varied := *problem
				varied.WorthPerHour *= factor
				return varied, nil
			}})
		}
	}
	for _, name := range planRates {
		if _, ok := j.Scenario.Profile.Scaled(name, 2); ok {
			trials = append(trials, j.rateTrial(problem, name))
		}
	}
	if t := j.releasesTrial(ctx, problem); t != nil {
		trials = append(trials, *t)
	}
	return trials
}

// assumedReleases is the most releases of an app in a month that are tried where no app
// states any: one a day.
const assumedReleases = 30

// releasesTrial varies how often the apps are released; where none says it, of all of them
// from never on. What starts find is replayed each time. It is nil where the starts are
// recorded, and where the most releases were too many to replay.
func (j *Job) releasesTrial(ctx context.Context, problem *plan.Problem) *plan.Trial {
	if j.recording != nil {
		return nil
	}
	t := &plan.Trial{Name: "releasesPerMonth"}
	if !slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return isOwn(&a) && a.ReleasesPerMonth > 0 }) {
		t.Assumed = assumedReleases
		t.Name += fmt.Sprintf(" (none stated: up to %d of every app assumed)", assumedReleases)
	}
	if most := j.released(10, t.Assumed); boundedMonth(&most, isOwn, "", MaxEventsPerMonth) != nil {
		return nil
	}
	var last *estimates
	t.Problem = func(factor float64) (plan.Problem, error) {
		scenario, other, varied := *j.Scenario, *j, *problem
		scenario.Progress, scenario.Explain, scenario.Sensitivity = nil, false, false
		other.Scenario = &scenario
		other.Workload, other.month, other.played = j.released(factor, t.Assumed), nil, make(map[playedKey]*played)
		matches, err := other.Match(ctx)
		if err != nil {
			return varied, err
		}
		primed, err := other.primed(ctx, 0, other.horizon())
		if err != nil {
			return varied, err
		}
		if last, err = other.newEstimates(); err != nil {
			return varied, err
		}
		varied = *other.planProblem(matches, primed, last)
		varied.TimeLimit = problem.TimeLimit
		return varied, nil
	}
	t.Failed = func() error { return last.err }
	return t
}

// released is the workload with its apps' releases times a factor, or where there is
// something assumed, with that times the factor of each app on instances of its own.
func (j *Job) released(factor, assumed float64) workload.Workload {
	w := j.Workload
	w.Apps = slices.Clone(w.Apps)
	for i := range w.Apps {
		switch a := &w.Apps[i]; {
		case !isOwn(a):
		case assumed > 0:
			a.ReleasesPerMonth = factor * assumed
		default:
			a.ReleasesPerMonth *= factor
		}
	}
	return w
}

// rateTrial varies one rate of the profile.
func (j *Job) rateTrial(problem *plan.Problem, name string) plan.Trial {
	var last *estimates
	return plan.Trial{
		Name: name,
		Problem: func(factor float64) (plan.Problem, error) {
			scenario, other, varied := *j.Scenario, *j, *problem
			scenario.Profile, _ = j.Scenario.Profile.Scaled(name, factor)
			other.Scenario = &scenario
			var err error
			last, err = other.newEstimates()
			varied.Estimate, varied.BuildTime = last.estimate, last.buildTime
			return varied, err
		},
		Failed: func() error { return last.err },
	}
}
