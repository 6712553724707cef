package cachebench

import (
	"context"
	"fmt"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// poolRates are the quantities of a class of nodes that are varied to see what would change
// the verdict on a pool.
var poolRates = []string{
	"network.registryBytesPerSecond", "network.uplinkBytesPerSecond", "network.nodeBytesPerSecond", "network.connectionBytesPerSecond",
	"unpack.gzipBytesPerSecond", "unpack.diskBytesPerSecond", "cache.firstReadBytesPerSecond",
}

// poolPrices are the prices that are varied.
var poolPrices = []struct {
	name string
	of   func(*cost.Book) **float64
}{
	{"node.diskGiBMonth", func(b *cost.Book) **float64 { return &b.Node.DiskGiBMonth }},
	{"node.snapshotGiBMonth", func(b *cost.Book) **float64 { return &b.Node.SnapshotGiBMonth }},
	{"node.volumeInitialisationGB", func(b *cost.Book) **float64 { return &b.Node.VolumeInitialisationGB }},
	{"node.natEgressGB", func(b *cost.Book) **float64 { return &b.Node.NATEgressGB }},
	{"node.registryEgressGB", func(b *cost.Book) **float64 { return &b.Node.RegistryEgressGB }},
}

// addTurns says for each pool which price or rate would change its verdict. What ctx leaves
// no time for is named among what the plan of the pool leaves out.
func (x *poolPlans) addTurns(ctx context.Context) error {
	for k := range x.pools {
		if err := x.planners[k].addTurns(ctx, &x.pools[k], x.problems[k]); err != nil {
			return fmt.Errorf("node pool %s: sensitivity: %w", x.pools[k].Name, err)
		}
	}
	return nil
}

func (p *poolPlanner) addTurns(ctx context.Context, answer *plan.Pool, problem *plan.PoolProblem) error {
	p.told("looking for prices and rates that would change the verdict")
	trials := p.trials(problem)
	if trial := p.lifetimeTrial(ctx); trial != nil {
		trials = append(trials, *trial)
	}
	turns, err := plan.PoolTurns(ctx, answer.Verdict, trials)
	if err != nil {
		return err
	}
	switch {
	case len(turns) == len(trials):
	case ctx.Err() != nil:
		leaveOutOf(&answer.LeftOut, stoppedTurns)
		answer.StoppedBy = plan.StoppedBy(ctx)
	default:
		leaveOutOf(&answer.LeftOut, unfoundTurns)
	}
	if len(turns) == 0 {
		return nil
	}
	if answer.Sensitivity == nil {
		answer.Sensitivity = &plan.PoolSensitivity{}
	}
	answer.Sensitivity.Levers = turns
	return nil
}

// trials are what may be another price or rate than was taken.
func (p *poolPlanner) trials(problem *plan.PoolProblem) []plan.PoolTrial {
	shorter := p.withEffort()
	var trials []plan.PoolTrial
	vary := func(name string, change func(varied *plan.PoolProblem, factor float64)) {
		trials = append(trials, plan.PoolTrial{Name: name, Problem: func(factor, effort float64) (plan.PoolProblem, error) {
			varied := *problem
			varied.Simulate = shorter(effort).simulate
			change(&varied, factor)
			return varied, nil
		}})
	}
	for _, price := range poolPrices {
		name, of := price.name, price.of
		if name == "node.snapshotGiBMonth" && problem.Prices.Node.SnapshotGiBMonth == nil { // as a cache's is
			name, of = "snapshotGiBMonth", func(b *cost.Book) **float64 { return &b.SnapshotGiBMonth }
		}
		if *of(&problem.Prices) != nil {
			vary(name, func(varied *plan.PoolProblem, factor float64) {
				price := of(&varied.Prices)
				scaled := **price * factor
				*price = &scaled
			})
		}
	}
	if problem.WorthPerHour > 0 && problem.Limit == 0 {
		vary("worthPerHour", func(varied *plan.PoolProblem, factor float64) { varied.WorthPerHour *= factor })
	}
	for _, name := range poolRates {
		if _, ok := p.class.Scaled(name, 2); ok {
			trials = append(trials, p.rateTrial(problem, name))
		}
	}
	return trials
}

// withEffort gives planners that simulate less of the month with less effort, each the same
// when asked again: what it has played is played once.
func (p *poolPlanner) withEffort() func(effort float64) *poolPlanner {
	all := map[float64]*poolPlanner{1: p}
	return func(effort float64) *poolPlanner {
		if all[effort] == nil {
			all[effort] = p.shorter(effort)
		}
		return all[effort]
	}
}

// shorter is a planner that simulates a part of the month with so few of the starts; itself
// where these are no fewer.
func (p *poolPlanner) shorter(effort float64) *poolPlanner {
	other := *p
	other.mostStarts, other.played, other.tell = p.mostStarts*effort, make(map[string]*plan.PoolTimes), nil
	if other.simulated() == p.simulated() {
		other.played = p.played
	}
	return &other
}

// rateTrial varies one rate of the pool's class of nodes.
func (p *poolPlanner) rateTrial(problem *plan.PoolProblem, name string) plan.PoolTrial {
	var last *poolPlanner
	return plan.PoolTrial{
		Name: name,
		Problem: func(factor, effort float64) (plan.PoolProblem, error) {
			last = p.shorter(effort)
			if factor != 1 {
				last.played = make(map[string]*plan.PoolTimes)
			}
			last.class, _ = p.class.Scaled(name, factor)
			last.job = last.jobOn(p.job, last.class, p.pool)
			varied := *problem
			err := last.prepareEstimates(problem.Images)
			varied.PullTime, varied.FirstRead, varied.Simulate = last.pullTime, last.class.FirstReadTime, last.simulate
			return varied, err
		},
		Failed: func() error { return last.err },
	}
}
