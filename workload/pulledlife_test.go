package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestPulledLife: worked by hand. 10 starts a day on 10 nodes that live 48 h are 2 in a
// node's life, of which (1-e^-2)/2 = 0.4323 pull.
func TestPulledLife(t *testing.T) {
	w := Workload{
		Apps:      []App{{Name: "a", Images: []string{"x"}, StartsPerDay: 10, NodePool: "p", PulledFraction: new(0.4323)}},
		NodePools: []NodePool{{Name: "p", Count: 10}, {Name: "other", Count: 1}},
	}
	pulls := func(pulled, there int) (list []Pull) {
		for n := range pulled + there {
			p := Pull{App: "a", Node: "n", Outcome: Present}
			if n < pulled {
				p.Outcome = Pulled
			}
			list = append(list, p)
		}
		return append(list, Pull{App: "a", Node: "n", Outcome: Pulled, again: true}, Pull{App: "a", Outcome: Pulled}, Pull{App: "a", Node: "n", Outcome: Unclear}, Pull{App: "b", Node: "n", Outcome: Pulled})
	}
	got := w.pulledLives(pulls(43, 57))
	if l := got["p"]; math.Abs(l.Hours-48) > 0.2 || l.Pulled != 43 || l.Told != 100 || len(got) != 1 {
		t.Errorf("%+v, want 48 h by 43 of 100", got)
	}
	// Too few tell nothing, and neither do starts that all pull, or never.
	for _, test := range []struct {
		fraction      float64
		pulled, there int
	}{{0.4323, 12, 17}, {0.2, 9, 40}, {1, 50, 0}, {0, 10, 90}} {
		w.Apps[0].PulledFraction = &test.fraction
		if got := w.pulledLives(pulls(test.pulled, test.there)); len(got) > 0 {
			t.Errorf("%+v: %+v", test, got)
		}
	}
}

// TestPulledLifeOfNodes: of starts that are played on nodes that come and go, the lifetime is
// found again by the share that pulled, with a sidecar that apps share.
func TestPulledLifeOfNodes(t *testing.T) {
	for _, hours := range []float64{12, 31, 200} {
		const nodes, days = 12, 400
		w := Workload{NodePools: []NodePool{{Name: "p", Count: nodes}}}
		rng := rand.New(rand.NewPCG(3, uint64(hours)))
		var pulls []Pull
		type node struct {
			until float64
			has   map[string]bool
		}
		var list [nodes]node
		rates := []float64{40, 9, 2}
		for n, rate := range rates {
			w.Apps = append(w.Apps, App{Name: fmt.Sprintf("a%d", n), Images: []string{fmt.Sprintf("x%d", n), "sidecar"}, StartsPerDay: rate, NodePool: "p"})
		}
		total := rates[0] + rates[1] + rates[2]
		for at := 0.0; at < days*24; at += rng.ExpFloat64() * 24 / total {
			app, x := 0, rng.Float64()*total
			for x > rates[app] {
				x -= rates[app]
				app++
			}
			n := &list[rng.IntN(nodes)]
			if n.has == nil {
				n.until = at + hours*rng.Float64() // lives began before
				n.has = map[string]bool{}
			}
			for n.until <= at {
				n.until, n.has = n.until+hours, map[string]bool{}
			}
			for _, ref := range w.Apps[app].Images {
				p := Pull{App: w.Apps[app].Name, Node: "n", Outcome: Present}
				if !n.has[ref] {
					p.Outcome, n.has[ref] = Pulled, true
				}
				pulls = append(pulls, p)
			}
		}
		for n := range w.Apps {
			w.Apps[n].PulledFraction = pulledFraction(pulls, w.Apps[n].Name)
		}
		if l := w.pulledLives(pulls)["p"]; math.Abs(l.Hours/hours-1) > 0.08 {
			t.Errorf("%+v, want %v h", l, hours)
		}
	}
}
