package knapsack

import (
	"math"
	"testing"
)

// TestSeparateBounds: where sets share nothing the dual ascent alone proves most of what is
// to be proven: of the instances whose optima HiGHS proved the bound is at most 0.4 and
// 0.1 % above them, and 0.27 % is what the linear relaxation of the first allows.
func TestSeparateBounds(t *testing.T) {
	for images, within := range map[int]float64{200: 1.004, 1000: 1.001} {
		for _, k := range known(t) {
			if k.images != images || k.shared || (raceEnabled || testing.Short()) && images > 200 {
				continue
			}
			bound := solverOf(t, readInstance(t, images).problem(false)).Bound(t.Context(), BoundOptions{})
			if bound < k.best*(1-1e-6) || bound > within*k.best {
				t.Errorf("%d images: bound %.2f, the optimum is %.2f", images, bound, k.best)
			}
			a := solved(t, optimum{instance: readInstance(t, images)}, SolveOptions{BoundIterations: 1})
			if a.Bound < k.best*(1-1e-6) || a.Bound > within*k.best {
				t.Errorf("%d images, layered: bound %.2f, the optimum is %.2f", images, a.Bound, k.best)
			}
		}
	}
}

// TestSeparateOptimum: that of 200 images is found and proven.
func TestSeparateOptimum(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("takes seconds")
	}
	want := optimumOf(t, false, "planner-200")
	a := solverOf(t, readInstance(t, 200).problem(false)).Solve(t.Context(), SolveOptions{Seed: 1, Iterations: 300, Nodes: 400})
	if !a.Optimal || math.Abs(a.Gain-want) > 1e-6*want {
		t.Errorf("gain %.2f, bound %.2f, optimal %v; the optimum is %.2f", a.Gain, a.Bound, a.Optimal, want)
	}
}
