package plan

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomProgram has gains that fight each other: far from what one app alone
// would suggest, and under auto also below 0.
func randomProgram(r *rand.Rand, explicit bool, apps, caches int) *program {
	fixed := make([]float64, caches)
	for c := range fixed {
		fixed[c] = float64(r.IntN(40))
	}
	options := make([][]option, apps)
	for a := range options {
		for c := range caches {
			if r.IntN(3) == 0 {
				continue
			}
			o := option{cache: c, gain: float64(1 + r.IntN(60)), use: float64(r.IntN(15))}
			if !explicit && r.IntN(4) == 0 {
				o.gain = -float64(r.IntN(30))
			}
			options[a] = append(options[a], o)
		}
		r.Shuffle(len(options[a]), func(i, j int) { options[a][i], options[a][j] = options[a][j], options[a][i] })
		if explicit {
			slices.SortStableFunc(options[a], func(x, y option) int { return cmp.Compare(y.gain, x.gain) })
		}
	}
	return newProgram(explicit, fixed, options, float64(10+r.IntN(100)), 1+r.IntN(caches))
}

// exhaust tries every set of caches and, under explicit, every way to use it.
func exhaust(p *program) float64 {
	best := 0.0
	open := make([]bool, len(p.fixed))
	for set := range 1 << len(open) {
		bill, places := 0.0, 0
		for c := range open {
			if open[c] = set>>c&1 == 1; open[c] {
				bill += p.fixed[c]
				places++
			}
		}
		if places > p.quota || bill > p.budget {
			continue
		}
		best = max(best, exhaustUse(p, open, 0, bill, 0))
	}
	return best
}

func exhaustUse(p *program, open []bool, app int, bill, gain float64) float64 {
	if bill > p.budget && p.explicit {
		return 0
	}
	if app == len(p.options) {
		if bill > p.budget {
			return 0
		}
		return gain
	}
	best, found := 0.0, false
	for _, o := range p.options[app] {
		if !open[o.cache] {
			continue
		}
		found = true
		best = max(best, exhaustUse(p, open, app+1, bill+o.use, gain+o.gain))
		if !p.explicit {
			break
		}
	}
	if p.explicit || !found {
		best = max(best, exhaustUse(p, open, app+1, bill, gain))
	}
	return best
}

// solve finds the optimum, its proofs hold, and a search that is stopped at once
// says how far it may be.
func TestSolve(t *testing.T) {
	stopped, stop := context.WithCancel(context.Background())
	stop()
	greedyMisses, gaps := 0, 0
	for i := range 2000 {
		r := rand.New(rand.NewPCG(2, uint64(i)))
		p := randomProgram(r, i%2 == 0, 2+r.IntN(4), 2+r.IntN(5))
		want := exhaust(p)
		got := p.solve(context.Background())
		if !got.exhaustive || got.gain < want-1e-9 || got.gain > want+1e-9 || got.bound != got.gain || !p.feasible(&got.choice) {
			t.Fatalf("program %d (explicit %v): gain %v, bound %v, cost %v of %v; brute force %v", i, p.explicit, got.gain, got.bound, got.cost, p.budget, want)
		}
		if d := p.dual(); d.total < want-1e-9 {
			t.Fatalf("program %d: the dual proves %v, brute force finds %v", i, d.total, want)
		}
		if g := p.greedy(p.dual().perMoney); g.gain < want-1e-9 {
			greedyMisses++
		}
		early := p.solve(stopped)
		if early.bound < want-1e-9 || early.gain > early.bound || !p.feasible(&early.choice) {
			t.Fatalf("program %d: stopped at once with gain %v, bound %v; brute force %v", i, early.gain, early.bound, want)
		}
		if early.bound > early.gain {
			gaps++
		}
	}
	if greedyMisses < 50 || gaps < 500 {
		t.Errorf("greedy misses %d of 2000, %d have a gap: the programs are too easy to mean anything", greedyMisses, gaps)
	}
}
