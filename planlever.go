package cachebench

import (
	"context"
	"fmt"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
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
	trials := j.trials(&each)
	turns, err := plan.Turns(ctx, p.Verdict, trials)
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
func (j *Job) trials(problem *plan.Problem) []plan.Trial {
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
	return trials
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
