package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/cachebench/cachebench/internal/planinstance"
	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// How the instances in money are solved: as BenchmarkMarkets of the solver does, in fewer
// steps than a plan has. What is aimed at is a gap of at most 2 %: where these steps leave a
// wider one, the instance is solved again with more nodes, until its gap is moneyReach.
var moneyOptions = knapsack.SolveOptions{Iterations: 1000, BoundIterations: 800, Nodes: 400, Gap: 0.002}

const (
	moneyAim   = 0.02
	moneyReach = 0.019
	moneyNodes = 20_000
)

// moneyApps is how many apps each has.
const moneyApps = 100

// moneyRow is what the instances come to where starts get their cache in one way.
type moneyRow struct {
	assign             string
	objectives, bounds []float64
	gaps, milliseconds []float64
	optimal, again     int
}

// money is a line for each way that starts get their cache: named by the plan (explicit),
// or the first in ECI's order (auto). What a choice under auto saves a plan may name as
// well, so that the bound of explicit bounds auto.
func (b *bench) money(ctx context.Context, instances int) error {
	opt := moneyOptions
	opt.Seed = b.seed
	if b.iterations > 0 {
		opt.Iterations = b.iterations
	}
	explicit, auto := &moneyRow{assign: "explicit"}, &moneyRow{assign: "auto"}
	above := 0
	for number := range instances {
		m := planinstance.NewMarket(number, moneyApps)
		for _, r := range []*moneyRow{explicit, auto} {
			if err := r.solve(ctx, marketProblem(m, r == auto), opt); err != nil {
				return fmt.Errorf("money %d, %s: %w", number, r.assign, err)
			}
		}
		if auto.objectives[number] > explicit.bounds[number] {
			above++
		}
	}
	fmt.Fprintf(b.out, "money: %d instances of %d apps, %d iterations, %d of the bound, %d nodes (again with %d where the gap is above 2 %%), from seed %d\n",
		instances, moneyApps, opt.Iterations, opt.BoundIterations, opt.Nodes, moneyNodes, b.seed)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "assign\tgap\tp95\tworst\tover 2%\tsolved again\toptimal\tabove explicit's bound\tCPU ms\tworst\t")
	for _, r := range []*moneyRow{explicit, auto} {
		over := 0
		for _, gap := range r.gaps {
			if gap > 100*moneyAim {
				over++
			}
		}
		crossed := "-"
		if r == auto {
			crossed = fmt.Sprint(above)
		}
		fmt.Fprintf(w, "%s\t%.3f%%\t%.3f%%\t%.3f%%\t%d\t%d\t%d\t%s\t%.1f\t%.1f\t\n", r.assign,
			median(r.gaps), quantile(r.gaps, 0.95), slices.Max(r.gaps), over, r.again, r.optimal, crossed, median(r.milliseconds), slices.Max(r.milliseconds))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(b.out)
	if above > 0 {
		return fmt.Errorf("money: auto is above the bound of explicit in %d of %d instances: one of the two is wrong", above, instances)
	}
	return nil
}

func (r *moneyRow) solve(ctx context.Context, p *knapsack.Problem, opt knapsack.SolveOptions) error {
	runtime.GC()
	start := cpuTime()
	s, err := knapsack.New(p)
	if err != nil {
		return err
	}
	a := s.Solve(ctx, opt)
	if a.Bound-a.Objective > moneyAim*a.Bound {
		opt.Nodes, opt.Gap = moneyNodes, moneyReach
		a = s.Solve(ctx, opt)
		r.again++
	}
	r.milliseconds = append(r.milliseconds, float64(cpuTime()-start)/float64(time.Millisecond))
	r.objectives, r.bounds = append(r.objectives, a.Objective), append(r.bounds, a.Bound)
	r.gaps = append(r.gaps, 100*(a.Bound-a.Objective)/max(a.Bound, 1e-9))
	if a.Optimal {
		r.optimal++
	}
	return nil
}

func marketProblem(m *planinstance.Market, ordered bool) *knapsack.Problem {
	p := &knapsack.Problem{Ordered: ordered, Budget: m.Budget, Quota: m.Quota}
	for _, cost := range m.CacheCost {
		p.Sets = append(p.Sets, knapsack.Set{Cost: cost})
	}
	for _, app := range m.Apps {
		options := make([]knapsack.Option, len(app))
		for k, s := range app {
			options[k] = knapsack.Option{Set: s.Cache, Gain: s.Seconds, Cost: s.Cost}
		}
		p.Customers = append(p.Customers, options)
	}
	return p
}
