package knapsack

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/planinstance"
	"github.com/cachebench/cachebench/internal/race"
)

// marketProblem is one of a hundred in money.
func marketProblem(n, apps int, ordered bool) *Problem {
	m := planinstance.NewMarket(n, apps)
	p := &Problem{Ordered: ordered, Budget: m.Budget, Quota: m.Quota}
	for _, cost := range m.CacheCost {
		p.Sets = append(p.Sets, Set{Cost: cost})
	}
	for _, app := range m.Apps {
		options := make([]Option, len(app))
		for k, s := range app {
			options[k] = Option{Set: s.Cache, Gain: s.Seconds, Cost: s.Cost}
		}
		p.Customers = append(p.Customers, options)
	}
	return p
}

var usual = SolveOptions{Seed: 1, Iterations: 1000, BoundIterations: 800, Nodes: 400, Gap: 0.002}

// worstMarket is the only one of the hundred whose gap is above what is aimed at: by ECI's
// order most of its customers pay for sets that others are there for, and branching parts
// that slowly: 4.8 % in 400 nodes, 2.9 % in 5,000, below 1.9 % within 20,000.
const worstMarket = 48

// TestMarkets: of problems of a hundred apps the gap is at most 2 %, for either way to serve,
// and no choice for the one is above the bound of the other that a plan may name as well.
// Branching ends at 1.5 %, on the worst at 1.95 %, for which it has more nodes: BenchmarkMarkets
// and make bench-plan say what more of it brings.
func TestMarkets(t *testing.T) {
	count := 100
	if race.Enabled || testing.Short() {
		count = 2
	}
	opt := usual
	opt.Iterations, opt.BoundIterations = 500, 800
	explicit := make([]float64, count)
	for _, ordered := range []bool{false, true} {
		var gaps []float64
		optimal := 0
		for n := range count {
			opt.Nodes, opt.Gap = usual.Nodes, 0.015
			if ordered && n == worstMarket {
				opt.Nodes, opt.Gap = 20_000, 0.0195
			}
			p := marketProblem(n, marketApps, ordered)
			a := solverOf(t, p).Solve(t.Context(), opt)
			checkChoice(t, p, &a.Choice, true)
			gap := 100 * (a.Bound - a.Objective) / max(a.Bound, 1e-9)
			if gap > 2 {
				t.Errorf("ordered %v, problem %d: gain %g, bound %g: a gap of %.2f %%", ordered, n, a.Gain, a.Bound, gap)
			}
			if !ordered {
				explicit[n] = a.Bound
			} else if a.Objective > explicit[n] {
				t.Errorf("problem %d: %g in order is above the bound of any, %g", n, a.Objective, explicit[n])
			}
			if a.Optimal {
				optimal++
			}
			gaps = append(gaps, gap)
		}
		slices.Sort(gaps)
		t.Logf("ordered %v: gaps of %.3f %% (median) to %.3f %%, %d of %d optimal", ordered, gaps[len(gaps)/2], gaps[len(gaps)-1], optimal, len(gaps))
	}
}

// TestSameMarketAgain: the same problem has the same answer, and one that is stopped at once
// a choice and a bound that hold.
func TestSameMarketAgain(t *testing.T) {
	opt := SolveOptions{Seed: 3, Iterations: 100, BoundIterations: 50, Nodes: 20}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, ordered := range []bool{false, true} {
		p := marketProblem(4, marketApps, ordered)
		first, again := solverOf(t, p).Solve(t.Context(), opt), solverOf(t, p).Solve(t.Context(), opt)
		if !reflect.DeepEqual(first, again) {
			t.Errorf("ordered %v: %+v, then %+v", ordered, first, again)
		}
		early := solverOf(t, p).Solve(stopped, opt)
		checkChoice(t, p, &early.Choice, true)
		if !early.Stopped || early.Bound < first.Objective || early.Objective > first.Bound {
			t.Errorf("ordered %v: stopped at once: %+v, else %+v", ordered, early, first)
		}
		target := first.Gain / 2
		cheap, early := solverOf(t, p).Cheapest(t.Context(), target, opt), solverOf(t, p).Cheapest(stopped, target, opt)
		checkChoice(t, p, &early.Choice, true)
		if !early.Stopped || early.Bound > cheap.Objective || cheap.Gain < target*(1-1e-8) {
			t.Errorf("ordered %v: cheapest stopped at once: %+v, else %+v", ordered, early, cheap)
		}
	}
}

// TestProgress: what is told while solving rises to the answer, between bounds that hold.
func TestProgress(t *testing.T) {
	race.Skip(t)
	told, last := 0, math.Inf(-1)
	opt := SolveOptions{Seed: 3, Iterations: 100, BoundIterations: 50, Nodes: 200}
	best := solverOf(t, marketProblem(3, marketApps, false)).Solve(t.Context(), usual)
	opt.Progress = func(objective, bound float64) {
		if told++; objective < last || bound < best.Objective {
			t.Errorf("told of %g, bound %g, after %g; the best known is %g", objective, bound, last, best.Objective)
		}
		last = objective
	}
	if a := solverOf(t, marketProblem(3, marketApps, false)).Solve(t.Context(), opt); told < 2 || last > a.Objective*(1+1e-9) {
		t.Errorf("told %d times, of %g at last, the answer is %g", told, last, a.Objective)
	}
}

// BenchmarkMarkets reports gaps and times of problems in money.
func BenchmarkMarkets(b *testing.B) {
	for _, ordered := range []bool{false, true} {
		for _, kind := range []string{"solve", "cheapest"} {
			b.Run(fmt.Sprintf("ordered=%v/%s", ordered, kind), func(b *testing.B) {
				var gaps, times []float64
				for b.Loop() {
					gaps, times = gaps[:0], times[:0]
					for n := range 100 {
						s := solverOf(b, marketProblem(n, 100, ordered))
						start := time.Now()
						gaps = append(gaps, marketGap(b.Context(), s, kind))
						times = append(times, time.Since(start).Seconds()*1000)
					}
				}
				slices.Sort(gaps)
				slices.Sort(times)
				b.ReportMetric(gaps[50], "%gap-median")
				b.ReportMetric(gaps[90], "%gap-p90")
				b.ReportMetric(gaps[99], "%gap-worst")
				b.ReportMetric(times[50], "ms-median")
				b.ReportMetric(times[99], "ms-worst")
			})
		}
	}
}

// marketGap is that of the most gain, or of the cheapest way to two thirds of it.
func marketGap(ctx context.Context, s *Solver, kind string) float64 {
	if kind == "solve" {
		a := s.Solve(ctx, usual)
		return 100 * (a.Bound - a.Objective) / max(a.Bound, 1e-9)
	}
	target := s.Search(ctx, SearchOptions{Seed: 1, Iterations: 200}).Gain * 2 / 3
	a := s.Cheapest(ctx, target, usual)
	return 100 * (a.Objective - a.Bound) / max(a.Objective, 1e-9)
}

// TestCheapestMarkets: where customers are ordered one that pays much may come with many
// sets, and bounds and choices follow only where that is branched on. These two had gaps of
// 24 and 53 % before it was.
func TestCheapestMarkets(t *testing.T) {
	race.Skip(t)
	for _, n := range []int{48, 74} {
		if gap := marketGap(t.Context(), solverOf(t, marketProblem(n, marketApps, true)), "cheapest"); gap > 3 {
			t.Errorf("problem %d: a gap of %.2f %%", n, gap)
		}
	}
}
