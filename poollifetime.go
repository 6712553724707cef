package cachebench

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

const (
	// longestFit is the longest life of nodes that is tried, in hours: a year.
	longestFit = 8760
	// fitSteps halve the range of lifetimes, on a scale of logarithms, to 7 %.
	fitSteps = 7
	// mostFitted is the most starts of a replay that is played again for each lifetime.
	mostFitted = 100_000
	// apartBy is by how much pulls of a replay and those that a cluster told of differ
	// before it is said.
	apartBy = 2
)

// toldPulls are the pulls a month of the apps of which a cluster told how many pull: in the
// replay, and as it told.
func (c *pullCounter) toldPulls(apps []workload.App) (replayed, told float64) {
	of := make(map[string]bool)
	for i := range apps {
		if f := apps[i].PulledFraction; f != nil {
			of[apps[i].Name] = true
			told += *f * c.perMonth(c.starts[apps[i].Name]) * float64(len(c.imageOf[apps[i].Name]))
		}
	}
	for key, n := range c.counts {
		if of[key.app] {
			replayed += c.perMonth(n)
		}
	}
	return replayed, told
}

// lifetimeWarning says that the nodes of a replay pull far more or less than a cluster told
// of, and which lifetime of theirs would give as many; empty where they do not.
func (p *poolPlanner) lifetimeWarning(ctx, limited context.Context) (string, error) {
	apps := p.job.Workload.Apps
	replayed, told := p.counted.toldPulls(apps)
	if replayed == 0 && told == 0 || told <= apartBy*replayed && replayed <= apartBy*told {
		return "", nil
	}
	lives := "for ever"
	if life := p.pool.Lifetime(); life > 0 {
		lives = span(life.Round(time.Second))
	}
	words := fmt.Sprintf("In the replay %.0f images are pulled a month on nodes that live %s, by what a cluster told of it (pulledFraction) %.0f: arms are simulated on the replay", replayed, lives, told)
	hours, ok, err := p.fittingLifetime(ctx, limited, told)
	switch {
	case err != nil || ctx.Err() != nil:
		return "", err
	case ok:
		return fmt.Sprintf("%s. A lifetimeHours of about %.0f would give the counted pulls (docs/choose-node-images.md).", words, hours), nil
	}
	return words + ". Set the pool's lifetimeHours to how long its nodes live (docs/choose-node-images.md).", nil
}

// fittingLifetime looks for the lifetime in hours with which the replay has so many pulls;
// false where none is near enough, or the replay is too long to be played again and again.
func (p *poolPlanner) fittingLifetime(ctx, limited context.Context, told float64) (hours float64, ok bool, err error) {
	starts := 0
	for _, n := range p.counted.starts {
		starts += n
	}
	if starts > mostFitted || limited.Err() != nil {
		return 0, false, nil
	}
	pulls := func(hours float64) (float64, error) {
		counted, err := p.jobOn(p.job, p.class, p.poolLiving(hours)).countPulls(ctx, limited, leastCounted)
		if err != nil {
			return 0, err
		}
		replayed, _ := counted.toldPulls(p.job.Workload.Apps)
		return replayed, nil
	}
	low, high := p.shortestLife(), float64(longestFit)
	for range fitSteps {
		hours = math.Sqrt(low * high)
		n, err := pulls(hours)
		switch {
		case err != nil:
			return 0, false, err
		case limited.Err() != nil:
			return 0, false, nil
		case n > told: // nodes that live longer pull less
			low = hours
		default:
			high = hours
		}
	}
	hours = math.Round(math.Sqrt(low * high))
	n, err := pulls(max(hours, p.shortestLife()))
	return hours, err == nil && hours >= 1 && n <= 1.5*told && told <= 1.5*n, err
}

// poolLiving is the pool with nodes that live so many hours, or as short as can be replayed.
func (p *poolPlanner) poolLiving(hours float64) *workload.NodePool {
	pool := *p.pool
	pool.LifetimeHours, pool.NewNodesPerDay = max(hours, p.shortestLife()), 0
	return &pool
}

// shortestLife is the least lifetime in hours that is tried: an hour, or with how many nodes
// come in a replay at most.
func (p *poolPlanner) shortestLife() float64 {
	return max(1, 1.01*(warmUp+workload.Month).Hours()*float64(p.pool.Count)/MaxNewNodes)
}

// lifetimeTrial varies how long the pool's nodes live; nil where they are not known to go.
func (p *poolPlanner) lifetimeTrial(ctx context.Context) *plan.PoolTrial {
	life := p.pool.Lifetime().Hours()
	if life == 0 {
		return nil
	}
	var last *poolPlanner
	return &plan.PoolTrial{
		Name: "lifetimeHours",
		Problem: func(factor, effort float64) (plan.PoolProblem, error) {
			last = p.shorter(effort)
			if factor != 1 {
				last.played = make(map[string]*plan.PoolTimes)
				last.pool = p.poolLiving(life * factor)
				last.job = last.jobOn(p.job, last.class, last.pool)
				counted, err := last.job.countPulls(ctx, ctx, leastCounted)
				if err != nil {
					return plan.PoolProblem{}, err
				}
				last.counted = counted
			}
			varied, err := last.problem(last.counted)
			if err != nil {
				return plan.PoolProblem{}, err
			}
			return *varied, nil
		},
		Failed: func() error { return last.err },
	}
}
