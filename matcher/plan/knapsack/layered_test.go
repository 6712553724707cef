package knapsack

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/planinstance"
)

// tinyLayered is a random problem of a few sets: customers with segments of one item and
// of more, sets with parts of them, items of no cost or no worth, sometimes a quota and
// sets that do not count, sometimes no budget.
func tinyLayered(r *rand.Rand) *Layered {
	l := &Layered{Separate: r.IntN(2) == 0, Budget: float64(r.IntN(30))}
	for range r.IntN(7) {
		l.ItemCost = append(l.ItemCost, float64(r.IntN(10)))
		l.ItemWorth = append(l.ItemWorth, float64(r.IntN(6)))
	}
	some := func() (items []int) {
		for item := range l.ItemCost {
			if r.IntN(2) == 0 {
				items = append(items, item)
			}
		}
		return items
	}
	for range 1 + r.IntN(8) {
		l.Sets = append(l.Sets, Set{Items: some(), Cost: float64(r.IntN(5))})
	}
	for range r.IntN(7) {
		l.Customers = append(l.Customers, Holder{Items: some(), Weight: float64(r.IntN(4))})
	}
	if r.IntN(3) == 0 {
		l.Quota = 1 + r.IntN(4)
		for j := range l.Sets {
			l.Sets[j].Uncounted = r.IntN(4) == 0
		}
	}
	if r.IntN(20) == 0 {
		l.Budget = math.Inf(1)
	}
	return l
}

// gainOf is what a choice gains and costs, by the words of Layered.
func gainOf(l *Layered, sets []int) (gain, cost float64) {
	paid := make(map[int]bool)
	for _, j := range sets {
		cost += l.Sets[j].Cost
		for _, item := range l.Sets[j].Items {
			if l.Separate || !paid[item] {
				cost += l.ItemCost[item]
			}
			paid[item] = true
		}
	}
	for _, c := range l.Customers {
		has := make(map[int]bool)
		for _, item := range c.Items {
			has[item] = true
		}
		most := 0.0
		for _, j := range sets {
			worth := 0.0
			for _, item := range l.Sets[j].Items {
				if has[item] {
					worth += l.ItemWorth[item]
				}
			}
			most = max(most, worth)
		}
		gain += c.Weight * most
	}
	return gain, cost
}

// TestLayeredBruteForce: the best of all choices of tiny problems is found and proven,
// within budget and quota; and no bound is below it, that of the ascent alone neither. What
// Progress is told never gets worse, and ends at the answer.
func TestLayeredBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range bruteForced {
		l := tinyLayered(r)
		p, err := l.Problem()
		if err != nil {
			t.Fatal(err)
		}
		want := bestOf(p)
		quick, err := l.Solve(t.Context(), SolveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if quick.Bound < want || quick.Gain > want+1e-9 {
			t.Errorf("problem %d: greedy %+v, the best %g: %+v", n, quick, want, l)
		}
		told := [2]float64{0, math.Inf(1)}
		got, _ := l.Solve(t.Context(), SolveOptions{Iterations: 40, BoundIterations: 50, Nodes: 10_000, Progress: func(gain, bound float64) {
			if gain < told[0]-1e-9 || bound > told[1]+1e-6 || bound < want-1e-9 {
				t.Errorf("problem %d: told of %g and %g after %v, the best %g: %+v", n, gain, bound, told, want, l)
			}
			told = [2]float64{gain, bound}
		}})
		if math.Abs(got.Gain-want) > 1e-9 || !got.Optimal || got.Bound < want || got.Objective != got.Gain {
			t.Errorf("problem %d: %+v, the best %g: %+v", n, got, want, l)
		}
		for _, a := range []Answer{quick, got} {
			gain, cost := gainOf(l, a.Sets)
			if !near(gain, a.Gain) || !near(cost, a.Cost) || cost > l.Budget || l.Quota > 0 && p.counted(a.Sets) > l.Quota {
				t.Errorf("problem %d: %+v gains %g and costs %g: %+v", n, a, gain, cost, l)
			}
		}
	}
}

// TestLazyGreedy: the greedy choice of the benchmark instances is that of another program.
func TestLazyGreedy(t *testing.T) {
	for _, k := range known(t) {
		l := readInstance(t, k.images).layered(k.shared)
		g := l.inSegments().newCovering()
		g.fill()
		gain, cost := gainOf(l, ints(g.list))
		if math.Abs(g.gain-k.greedy) > 1 || math.Abs(gain-g.gain) > 1e-3 || math.Abs(cost-g.cost) > 1e-3 {
			t.Errorf("%d images, shared %v: gain %g for %g, from anew %g for %g; another found %g", k.images, k.shared, g.gain, g.cost, gain, cost, k.greedy)
		}
	}
}

// TestSeeded50: of 100 seeded instances at least 95 come within 0.1 % of the optimum that
// HiGHS proved, the worst within 1 %, in 300 iterations (some 5 ms); no choice beats it and
// no bound is below it, but for the tolerance of HiGHS.
func TestSeeded50(t *testing.T) {
	optima := readOptima(t, true, 50)
	if len(optima) != 100 {
		t.Fatalf("%d optima", len(optima))
	}
	if raceEnabled {
		optima = optima[:5]
	}
	missed, worst := 0, 1.0
	for n, o := range optima {
		a := solved(t, o, SolveOptions{Iterations: 300})
		if a.Gain > o.gain*(1+1e-6) || a.Bound < o.gain*(1-1e-6) {
			t.Errorf("instance %d: gain %.3f, bound %.3f, the optimum of HiGHS %.3f", n+1, a.Gain, a.Bound, o.gain)
		}
		if a.Gain < 0.999*o.gain {
			missed++
		}
		worst = min(worst, a.Gain/o.gain)
	}
	t.Logf("%d of %d not within 0.1 %%, the worst %.4f of the optimum", missed, len(optima), worst)
	if missed > 5 || worst < 0.99 {
		t.Errorf("%d of %d not within 0.1 %%, the worst %.4f of the optimum; at most 5 and at least 0.99 are wanted", missed, len(optima), worst)
	}
}

// TestSeeded200: of seeded instances with separate storage the optimum is found from any
// seed, and of nearly all of them proven as well: few caches make a choice there, and all
// that may be better are gone through.
func TestSeeded200(t *testing.T) {
	if raceEnabled {
		t.Skip("slow with the race detector")
	}
	optima, proven := readOptima(t, false, 200), 0
	for n, o := range optima {
		for _, seed := range []uint64{0, 1000} {
			a := solved(t, o, SolveOptions{Seed: seed, Iterations: 400})
			t.Logf("instance %d: %.5f of the optimum, the bound %.5f", n+1, a.Gain/o.gain, a.Bound/o.gain)
			if !close(a.Gain, o.gain) || a.Bound < o.gain*(1-1e-6) {
				t.Errorf("instance %d, seed %d: gain %.3f, bound %.3f, the optimum of HiGHS %.3f", n+1, seed, a.Gain, a.Bound, o.gain)
			}
			if a.Optimal {
				proven++
			}
		}
	}
	if len(optima) < 10 || proven < 18 {
		t.Errorf("of %d instances %d answers are proven; 18 of 20 are wanted", len(optima), proven)
	}
}

// close says whether two gains are the same but for what HiGHS tolerates.
func close(x, y float64) bool { return math.Abs(x-y) <= 1e-6*max(x, y) }

func solved(t *testing.T, o optimum, opt SolveOptions) Answer {
	t.Helper()
	a, err := o.instance.layered(o.shared).Solve(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestStoredByCores: of the stored instances of up to 200 images the optimum is found, of
// 1,000 images 99.95 % of it, or 99.8 % of the best that is known; 3 % more than the lazy
// greedy choice has, of 1,000 images 1 %. And the bound, with no step spent on it, is closer
// than that of HiGHS.
func TestStoredByCores(t *testing.T) {
	for _, k := range known(t) {
		if (raceEnabled || testing.Short()) && k.images > 200 {
			continue
		}
		a := solved(t, optimum{instance: readInstance(t, k.images), shared: k.shared}, SolveOptions{Iterations: 400})
		t.Logf("%d images, shared %v: gain %.2f, %.5f of the best known; bound %.2f", k.images, k.shared, a.Gain, a.Gain/k.best, a.Bound)
		if a.Bound < k.best*(1-1e-6) || k.optimal && a.Gain > k.best*(1+1e-6) {
			t.Errorf("%d images, shared %v: gain %.2f, bound %.2f, best known %.2f", k.images, k.shared, a.Gain, a.Bound, k.best)
		}
		least, overGreedy := 1-1e-6, 1.03
		if k.images == 1000 {
			least, overGreedy = 0.9995, 1.01
			if k.shared {
				least = 0.998
			}
		}
		if a.Gain < least*k.best || a.Gain < overGreedy*k.greedy || k.highs > 0 && a.Bound > k.highs {
			t.Errorf("%d images, shared %v: gain %.2f is %.5f of the best known and %.3f of the greedy one, bound %.2f: wanted %.5f, %.3f and at most %.0f",
				k.images, k.shared, a.Gain, a.Gain/k.best, a.Gain/k.greedy, a.Bound, least, overGreedy, k.highs)
		}
	}
}

// TestLarge: 5,000 images, 12,176 candidates and 8.6 million pairs, of which no options are
// made, come within 1.5 % of their bound.
func TestLarge(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("20 seconds with the race detector")
	}
	in := instance{planinstance.New(5000, 1)}
	for _, shared := range []bool{true, false} {
		l := in.layered(shared)
		a, err := l.Solve(t.Context(), SolveOptions{Iterations: 5})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("shared %v: %d sets, gain %.0f, bound %.0f", shared, len(a.Sets), a.Gain, a.Bound)
		gain, cost := gainOf(l, a.Sets)
		if math.Abs(gain-a.Gain) > 1e-3 || cost > l.Budget*(1+slack) || a.Gain < 0.985*a.Bound || a.Gain > a.Bound {
			t.Errorf("shared %v: gain %g, by its words %g for %g of %g; bound %g", shared, a.Gain, gain, cost, l.Budget, a.Bound)
		}
	}
}

// TestLayeredSameAgain: the same problem has the same answer.
func TestLayeredSameAgain(t *testing.T) {
	o := optimum{instance: readInstance(t, 200), shared: true}
	opt := SolveOptions{Seed: 3, Iterations: 300}
	if first, again := solved(t, o, opt), solved(t, o, opt); !slices.Equal(first.Sets, again.Sets) || first.Bound != again.Bound {
		t.Errorf("%+v, then %+v", first, again)
	}
}

// TestRefusedLayered: what cannot be is refused by its place.
func TestRefusedLayered(t *testing.T) {
	for want, change := range map[string]func(l *Layered){
		"a budget of -1: it must be a number of at least 0":                       func(l *Layered) { l.Budget = -1 },
		"set 0 holds item 1, of 1 items":                                          func(l *Layered) { l.Sets[0].Items = []int{1} },
		"the worth of 0 items, the cost of 1: they must be as many":               func(l *Layered) { l.ItemWorth = nil },
		"item 0 is worth NaN: it must be a finite number of at least 0":           func(l *Layered) { l.ItemWorth[0] = math.NaN() },
		"customer 0 has a weight of -1: it must be a finite number of at least 0": func(l *Layered) { l.Customers[0].Weight = -1 },
		"customer 0 holds item -1, of 1 items":                                    func(l *Layered) { l.Customers[0].Items[0] = -1 },
		"customer 0 holds item 0 twice":                                           func(l *Layered) { l.Customers[0].Items = []int{0, 0} },
	} {
		l := &Layered{ItemCost: []float64{1}, ItemWorth: []float64{1}, Sets: []Set{{Items: []int{0}}}, Customers: []Holder{{Items: []int{0}, Weight: 1}}, Budget: 1}
		change(l)
		if _, err := l.Solve(t.Context(), SolveOptions{}); err == nil || strings.TrimPrefix(err.Error(), "knapsack: ") != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
