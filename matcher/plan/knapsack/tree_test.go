package knapsack

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// randomTree is of a few nodes and sets; with whole amounts, many choices are equally good.
func randomTree(r *rand.Rand, nodes, sets int) *Tree {
	amount := func(most float64) float64 {
		if r.IntN(8) == 0 {
			return 0
		}
		return math.Ceil(most * r.Float64())
	}
	t := &Tree{}
	total := 0.0
	for v := range nodes {
		t.Parent = append(t.Parent, r.IntN(v+1)-1)
		t.Cost, t.Worth = append(t.Cost, amount(9)), append(t.Worth, amount(20))
		total += t.Cost[v]
	}
	for range sets {
		t.Sets = append(t.Sets, TreeSet{r.IntN(nodes), amount(10)})
	}
	t.Budget = math.Floor(total * r.Float64())
	return t
}

// of is what some sets gain and cost.
func (t *Tree) of(sets []int) (gain, cost float64) {
	have := make([]bool, len(t.Parent))
	for _, j := range sets {
		gain += t.Sets[j].Worth
		for v := t.Sets[j].Node; v >= 0 && !have[v]; v = t.Parent[v] {
			have[v] = true
			gain, cost = gain+t.Worth[v], cost+t.Cost[v]
		}
	}
	return gain, cost
}

// TestTreeBruteForce: no choice of sets is better than the answer, which is within the budget
// and gains what its sets do; where only one part of a choice is kept at a time, none is
// above the bound.
func TestTreeBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 8))
	short := 0
	for n := range 3000 {
		x := randomTree(r, 1+r.IntN(12), r.IntN(9))
		most := 0.0
		for mask := range 1 << len(x.Sets) {
			var sets []int
			for j := range x.Sets {
				if mask&(1<<j) != 0 {
					sets = append(sets, j)
				}
			}
			if gain, cost := x.of(sets); cost <= x.Budget {
				most = max(most, gain)
			}
		}
		for _, effort := range []float64{1, 1e-9} {
			a, err := x.Solve(t.Context(), effort)
			if err != nil {
				t.Fatal(err)
			}
			gain, cost := x.of(a.Sets)
			if gain != a.Gain || cost != a.Cost || cost > x.Budget || a.Bound < most || effort == 1 && (gain != most || !a.Optimal) || a.Optimal && gain != most {
				t.Fatalf("tree %d, effort %g: %+v gains %v and costs %v of %v; the best gains %v: %+v", n, effort, a, gain, cost, x.Budget, most, x)
			}
			if !a.Optimal {
				short++
			}
		}
	}
	if short == 0 {
		t.Error("every answer is proven, however little is kept")
	}
}

// TestTreeAsProblem: a Tree of hundreds of sets is the Problem in which each node, and each
// set, is a customer whose gain is its worth: there is no better choice of it, and none is
// above its bound; also where the search is stopped at once.
func TestTreeAsProblem(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 8))
	for range 5 {
		x := randomTree(r, 300, 200)
		p := &Problem{ItemCost: x.Cost, Budget: x.Budget, Customers: make([][]Option, len(x.Parent))}
		for j, set := range x.Sets {
			var s Set
			for v := set.Node; v >= 0; v = x.Parent[v] {
				s.Items = append(s.Items, v)
				p.Customers[v] = append(p.Customers[v], Option{Set: j, Gain: x.Worth[v]})
			}
			p.Sets = append(p.Sets, s)
			p.Customers = append(p.Customers, []Option{{Set: j, Gain: set.Worth}})
		}
		s, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		a, err := x.Solve(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		found := s.Search(t.Context(), SearchOptions{Seed: 1, Iterations: 200})
		bound := s.Bound(t.Context(), BoundOptions{Gain: found.Gain, Iterations: 200})
		if of := s.Of(a.Sets); of.Gain != a.Gain || of.Cost != a.Cost || !a.Optimal || found.Gain > a.Gain || a.Gain > bound {
			t.Errorf("%v, optimal %v, as a problem %v; a search finds %v, and the bound is %v", a.Gain, a.Optimal, of.Gain, found.Gain, bound)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stopped, err := x.Solve(ctx, 1)
		if err != nil || stopped.Gain < 0.95*a.Gain || stopped.Bound < a.Gain || stopped.Cost > x.Budget {
			t.Errorf("stopped at once it gains %v, bound %v, error %v; the best is %v", stopped.Gain, stopped.Bound, err, a.Gain)
		}
	}
}
