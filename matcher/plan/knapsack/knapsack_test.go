package knapsack

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// tiny is a random problem of a few sets: some items shared, some gains alike, some sets
// of no use, sometimes a quota.
func tiny(r *rand.Rand) *Problem {
	p := &Problem{}
	for range r.IntN(6) {
		p.ItemCost = append(p.ItemCost, float64(r.IntN(10)))
	}
	for range 1 + r.IntN(8) {
		set := Set{Cost: float64(r.IntN(5))}
		for l := range p.ItemCost {
			if r.IntN(2) == 0 {
				set.Items = append(set.Items, l)
			}
		}
		p.Sets = append(p.Sets, set)
	}
	for range r.IntN(7) {
		var options []Option
		for j := range p.Sets {
			if r.IntN(2) == 0 {
				options = append(options, Option{Set: j, Gain: float64(r.IntN(20) - 2)})
			}
		}
		p.Customers = append(p.Customers, options)
	}
	p.Budget = float64(r.IntN(30))
	if r.IntN(3) == 0 {
		p.Quota = 1 + r.IntN(4)
	}
	return p
}

// bestOf tries every choice, by the problem's own words.
func bestOf(p *Problem) float64 {
	best := 0.0
	for choice := range uint(1) << len(p.Sets) {
		cost, gain := 0.0, 0.0
		paid := make(map[int]bool)
		var chosen []int
		for j, set := range p.Sets {
			if choice>>j&1 == 0 {
				continue
			}
			chosen = append(chosen, j)
			cost += set.Cost
			for _, item := range set.Items {
				if !paid[item] {
					paid[item] = true
					cost += p.ItemCost[item]
				}
			}
		}
		for _, options := range p.Customers {
			most := 0.0
			for _, o := range options {
				if choice>>o.Set&1 == 1 {
					most = max(most, o.Gain)
				}
			}
			gain += most
		}
		if cost <= p.Budget && (p.Quota == 0 || p.counted(chosen) <= p.Quota) {
			best = max(best, gain)
		}
	}
	return best
}

// counted is how many of some sets count towards the quota.
func (p *Problem) counted(sets []int) int {
	n := 0
	for _, j := range sets {
		if !p.Sets[j].Uncounted {
			n++
		}
	}
	return n
}

// TestBruteForce: the best of all choices of tiny problems is found and proven, within
// budget and quota, and no bound is below it.
func TestBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range bruteForced {
		p := tiny(r)
		s := solverOf(t, p)
		want := bestOf(p)
		got := s.Solve(context.Background(), SolveOptions{Seed: 1, Iterations: 50, BoundIterations: 50, Nodes: 10_000})
		if math.Abs(got.Gain-want) > 1e-9 || !got.Optimal || got.Bound < want {
			t.Errorf("problem %d: %+v, the best %g: %+v", n, got, want, p)
		}
		if got.Cost > p.Budget || p.Quota > 0 && len(got.Sets) > p.Quota {
			t.Errorf("problem %d: %d sets for %g, budget %g, quota %d", n, len(got.Sets), got.Cost, p.Budget, p.Quota)
		}
		if bound := s.Bound(context.Background(), BoundOptions{Gain: got.Gain, Iterations: 50}); bound < want {
			t.Errorf("problem %d: bound %g below the best %g: %+v", n, bound, want, p)
		}
		// A bound does not trust what it is told of the best choice.
		if bound := s.Bound(context.Background(), BoundOptions{Iterations: 50}); bound < want {
			t.Errorf("problem %d: bound %g below the best %g, told of none: %+v", n, bound, want, p)
		}
	}
}

// TestHalvesPayWhole: two caches share a layer of cost 10, a third holds another; the
// budget is 15. A customer that gains 8 by either of the two could be served by half of
// each, with half of the layer paid, in the usual relaxation, which leaves enough for the
// other customer's 8: its bound is 16. The half of a layer serves half of a customer: 12.
func TestHalvesPayWhole(t *testing.T) {
	s := solverOf(t, &Problem{
		ItemCost:  []float64{10, 10},
		Sets:      []Set{{Items: []int{0}}, {Items: []int{0}}, {Items: []int{1}}},
		Customers: [][]Option{{{Set: 0, Gain: 8}, {Set: 1, Gain: 8}}, {{Set: 2, Gain: 8}}},
		Budget:    15,
	})
	if bound := s.Bound(t.Context(), BoundOptions{Iterations: 2000}); bound < 12 || bound > 12.01 {
		t.Errorf("the bound is %g, want 12", bound)
	}
}

// TestStateAfterChanges: what a state keeps up to date is what it is made anew to.
func TestStateAfterChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 300 {
		p := tiny(r)
		if n%3 > 0 {
			p = tinyMoney(r, n%3 == 1)
		}
		s := solverOf(t, p).at(1, float64(r.IntN(3)))
		st := s.newState()
		for range 30 {
			j := int32(r.IntN(s.setCount()))
			if st.chosen[j] {
				st.drop(j)
			} else {
				st.add(j)
			}
			anew := s.newState()
			anew.reset(st.list)
			if !near(st.gain, anew.gain) || !near(st.cost, anew.cost) || !slices.EqualFunc(st.addGain, anew.addGain, near) || !slices.EqualFunc(st.addCost, anew.addCost, near) ||
				!slices.Equal(st.best, anew.best) || !slices.Equal(st.next, anew.next) || !slices.Equal(st.held, anew.held) || st.counted != anew.counted {
				t.Fatalf("%v: %+v, anew %+v", st.list, st, anew)
			}
			if s.priced() {
				continue // customers take what is best at a price, and not what the whole needs
			}
			if c := s.Of(ints(st.list)); !near(c.Gain, st.gain) || !near(c.Cost, st.cost) {
				t.Fatalf("%v: %+v, a state of gain %g and cost %g", st.list, c, st.gain, st.cost)
			}
		}
	}
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-9 }

func ints(list []int32) []int {
	all := make([]int, len(list))
	for k, j := range list {
		all[k] = int(j)
	}
	return all
}

// TestSameAgain: the same problem has the same answer, whatever the order in which the
// options of a customer are given.
func TestSameAgain(t *testing.T) {
	in := readInstance(t, 50)
	opt := SearchOptions{Seed: 7, Iterations: 200}
	first := solverOf(t, in.problem(true)).Search(t.Context(), opt)
	for range 3 {
		if again := solverOf(t, in.problem(true)).Search(t.Context(), opt); !slices.Equal(again.Sets, first.Sets) || again.Gain != first.Gain {
			t.Errorf("%v, then %v", first, again)
		}
	}
}

// TestRefusedProblems: what cannot be is refused by its place.
func TestRefusedProblems(t *testing.T) {
	for want, change := range map[string]func(p *Problem){
		"a budget of -1: it must be a number of at least 0":           func(p *Problem) { p.Budget = -1 },
		"a budget of NaN: it must be a number of at least 0":          func(p *Problem) { p.Budget = math.NaN() },
		"a price of -1: it must be a finite number of at least 0":     func(p *Problem) { p.Price = -1 },
		"customer 0 pays +Inf for set 0: it must be a finite number":  func(p *Problem) { p.Customers[0][0].Cost = math.Inf(1) },
		"a quota of -2 sets: it must be at least 1, or 0 for none":    func(p *Problem) { p.Quota = -2 },
		"item 0 costs +Inf: it must be a finite number of at least 0": func(p *Problem) { p.ItemCost[0] = math.Inf(1) },
		"set 0 costs -3: it must be a finite number of at least 0":    func(p *Problem) { p.Sets[0].Cost = -3 },
		"set 0 holds item 1, of 1 items":                              func(p *Problem) { p.Sets[0].Items[0] = 1 },
		"set 0 holds item 0 twice":                                    func(p *Problem) { p.Sets[0].Items = []int{0, 0} },
		"customer 0 has an option of set 2, of 1 sets":                func(p *Problem) { p.Customers[0][0].Set = 2 },
		"customer 0 has two options of set 0":                         func(p *Problem) { p.Customers[0] = append(p.Customers[0], Option{Set: 0, Gain: 1}) },
		"customer 0 gains NaN by set 0: it must be a finite number":   func(p *Problem) { p.Customers[0][0].Gain = math.NaN() },
	} {
		p := &Problem{ItemCost: []float64{1}, Sets: []Set{{Items: []int{0}}}, Customers: [][]Option{{{Set: 0, Gain: 1}}}, Budget: 1}
		change(p)
		if _, err := New(p); err == nil || strings.TrimPrefix(err.Error(), "knapsack: ") != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestKnownInstances: on the benchmark instances the search comes near the best known
// choice, or is better, and no bound is below it.
func TestKnownInstances(t *testing.T) {
	for _, k := range known(t) {
		if (raceEnabled || testing.Short()) && k.images > 200 {
			continue
		}
		s := solverOf(t, readInstance(t, k.images).problem(k.shared))
		got := s.Search(t.Context(), SearchOptions{Seed: 1, Iterations: 400})
		if got.Gain < 0.997*k.best || k.optimal && got.Gain > k.best*(1+1e-6) || got.Gain < k.greedy {
			t.Errorf("%d images, shared %v: gain %.2f, the best known is %.2f", k.images, k.shared, got.Gain, k.best)
		}
		if k.within == 0 || raceEnabled && k.images > 50 {
			continue
		}
		bound := s.Bound(t.Context(), BoundOptions{Gain: got.Gain, Iterations: 400})
		t.Logf("%d images, shared %v: gain %.2f, bound %.2f, best known %.2f", k.images, k.shared, got.Gain, bound, k.best)
		if bound < k.best*(1-1e-6) || bound > (1+k.within)*k.best {
			t.Errorf("%d images, shared %v: bound %.2f, the best known is %.2f", k.images, k.shared, bound, k.best)
		}
	}
}
