package knapsack

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/cachebench/cachebench/internal/race"
)

// TestCurveBruteForce: for each budget the best is between the answer and its bound,
// answers gain no less with larger budgets, one of the whole budget is as good as what was
// known, and the same call has the same answer.
func TestCurveBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	opt := SolveOptions{Seed: 1, Iterations: 30, BoundIterations: 30, Nodes: 400}
	for n := range bruteForced / 7 {
		p := tinyMoney(r, n%2 == 0)
		var budgets []float64
		most := math.Inf(-1)
		from := func(c Choice) []float64 {
			most = c.Gain - p.Price*c.Cost
			cost := max(0, c.Cost)
			budgets = []float64{0, 0.1 * cost, 0.4 * cost, 0.4 * cost, 0.9 * cost, cost}
			return budgets
		}
		s := solverOf(t, p)
		known := s.Search(t.Context(), SearchOptions{Seed: 5, Iterations: 40})
		curve := s.Curve(t.Context(), from, [][]int{known.Sets}, opt)
		best := make([]float64, len(curve))
		for k := range best {
			best[k] = math.Inf(-1)
		}
		everyChoice(p, func(gain, cost float64) {
			for k, budget := range budgets {
				if cost <= budget*(1+1e-12) {
					best[k] = max(best[k], gain-p.Price*cost)
				}
			}
		})
		for k := range curve {
			a, within := &curve[k], *p
			within.Budget = budgets[k]
			checkChoice(t, &within, &a.Choice, true)
			if a.Bound < best[k]-1e-12*math.Abs(best[k]) || a.Objective > a.Bound || k > 0 && a.Objective < curve[k-1].Objective-1e-9*math.Abs(a.Objective) {
				t.Errorf("problem %d, budget %g: %+v, the best is %g: %+v", n, budgets[k], a, best[k], p)
			}
			if !near(a.Objective, best[k]) {
				t.Errorf("problem %d, budget %g: %g, the best is %g: %+v", n, budgets[k], a.Objective, best[k], p)
			}
		}
		if last := curve[len(curve)-1]; last.Objective < most-1e-9*math.Abs(most) || last.Objective < known.Gain-p.Price*known.Cost-1e-9*math.Abs(most) && known.Cost <= budgets[5] {
			t.Errorf("problem %d: the last is %g, of the whole budget %g, known was %+v: %+v", n, last.Objective, most, known, p)
		}
		if again := s.Curve(t.Context(), from, [][]int{known.Sets}, opt); !reflect.DeepEqual(again, curve) {
			t.Errorf("problem %d: %+v, then %+v", n, curve, again)
		}
	}
}

// TestCurveOfMarket: each of eight budgets of a problem of a hundred apps (fewer under
// race) is within 3 % of its bound; and where the curve is stopped, what it has looked at
// holds.
func TestCurveOfMarket(t *testing.T) {
	race.Skip(t)
	for _, ordered := range []bool{false, true} {
		p := marketProblem(3, marketApps, ordered)
		s := solverOf(t, p)
		var budgets []float64
		from := func(most Choice) []float64 {
			for k := range 8 {
				budgets = append(budgets, most.Cost*math.Pow(2, float64(k-7)))
			}
			return budgets
		}
		curve := s.Curve(t.Context(), from, nil, SolveOptions{Seed: 1, Iterations: 300, BoundIterations: 300, Nodes: 320})
		for k, a := range curve {
			t.Logf("ordered %v, %.4g: gain %.6g, bound %.6g, cost %.4g, %d sets", ordered, budgets[k], a.Gain, a.Bound, a.Cost, len(a.Sets))
			if a.Gain < 0.97*a.Bound-1 {
				t.Errorf("ordered %v, budget %g: gains %g of at most %g", ordered, budgets[k], a.Gain, a.Bound)
			}
		}
		if len(curve) != 8 {
			t.Errorf("%d answers, want 8", len(curve))
		}
		ctx, stop := context.WithCancel(t.Context())
		early := s.Curve(ctx, func(Choice) []float64 { stop(); return budgets[:8] }, nil, SolveOptions{Seed: 1, Iterations: 10})
		if len(early) != 0 {
			t.Errorf("%d answers of a curve that was stopped before its first", len(early))
		}
	}
}
