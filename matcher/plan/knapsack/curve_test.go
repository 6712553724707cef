package knapsack

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/cachebench/cachebench/internal/race"
)

// TestCurveBruteForce: points rise, none is beaten by any choice that costs no more
// by more than its bound says, the last gains what is most, and the same call has the
// same answer.
func TestCurveBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	opt := SolveOptions{Seed: 1, Iterations: 30, BoundIterations: 30, Nodes: 400}
	for n := range bruteForced / 7 {
		p := tinyMoney(r, n%2 == 0)
		s := solverOf(t, p)
		curve := s.Curve(t.Context(), 6, opt)
		best := make([]float64, len(curve))
		most := math.Inf(-1)
		everyChoice(p, func(gain, cost float64) {
			most = max(most, gain)
			for k := range curve {
				if cost <= curve[k].Cost+1e-9 {
					best[k] = max(best[k], gain)
				}
			}
		})
		for k := range curve {
			a := &curve[k]
			checkChoice(t, p, &a.Choice, true)
			if a.Bound < best[k] || a.Gain > a.Bound || k > 0 && (a.Gain <= curve[k-1].Gain || a.Cost <= curve[k-1].Cost) {
				t.Errorf("problem %d, point %d of %d: %+v, the best for its cost is %g: %+v", n, k, len(curve), a, best[k], p)
			}
		}
		if last := curve[len(curve)-1]; !near(last.Gain, most) || len(curve) > 7 {
			t.Errorf("problem %d: the last of %d points gains %g, the most is %g: %+v", n, len(curve), last.Gain, most, p)
		}
		if again := s.Curve(t.Context(), 6, opt); !reflect.DeepEqual(again, curve) {
			t.Errorf("problem %d: %+v, then %+v", n, curve, again)
		}
	}
}

// TestCurveOfMarket: between the ends of a problem of a hundred apps (fewer under race) there are as many
// points as are asked for, each within 3 % of its bound.
func TestCurveOfMarket(t *testing.T) {
	race.Skip(t)
	s := solverOf(t, marketProblem(3, marketApps, false))
	curve := s.Curve(t.Context(), 8, SolveOptions{Seed: 1, Iterations: 300, BoundIterations: 300, Nodes: 40})
	for k, a := range curve {
		t.Logf("%d: gain %.6g, bound %.6g, cost %.4g, %d sets", k, a.Gain, a.Bound, a.Cost, len(a.Sets))
		if a.Gain < 0.97*a.Bound-1 {
			t.Errorf("point %d gains %g of at most %g", k, a.Gain, a.Bound)
		}
	}
	if len(curve) != 8 {
		t.Errorf("%d points, want 8", len(curve))
	}
}
