package network

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const mb = 1_000_000

// TestHandWorked: two flows on one link of 100 MB/s, the first alone for 1 s.
// It has sent 100 of 150 MB by then; both run at 50 MB/s for 1 s, when it ends;
// the second has 150 of 200 MB left and takes 1.5 s more.
func TestHandWorked(t *testing.T) {
	var n Network
	l := n.AddLink(100 * mb)
	first := n.Start(0, 150*mb, Unlimited, l)
	second := n.Start(time.Second, 200*mb, Unlimited, l)
	for _, want := range []struct {
		flow Flow
		at   time.Duration
	}{{first, 2 * time.Second}, {second, 3500 * time.Millisecond}} {
		f, at, ok := n.Next()
		if !ok || f != want.flow || at != want.at {
			t.Fatalf("Next() = flow %d at %v, want flow %d at %v", f, at, want.flow, want.at)
		}
		n.Finish(at, f)
	}
	if _, _, ok := n.Next(); ok {
		t.Error("a flow is left")
	}
}

// TestShares are textbook cases of max-min fairness.
func TestShares(t *testing.T) {
	t.Run("a cap leaves its rest to the others", func(t *testing.T) {
		var n Network
		l := n.AddLink(90)
		capped, a, b := n.Start(0, 1e6, 10, l), n.Start(0, 1e6, Unlimited, l), n.Start(0, 1e6, Unlimited, l)
		wantRates(t, &n, map[Flow]Rate{capped: 10, a: 40, b: 40})
	})
	// Bertsekas and Gallager, figure 6.9: flows 1 to 3 share the first link of
	// capacity 1, flow 1 goes on over a second one with flow 4.
	t.Run("two links in a row", func(t *testing.T) {
		var n Network
		x, y := n.AddLink(1), n.AddLink(1)
		f1, f2, f3, f4 := n.Start(0, 1e6, Unlimited, x, y), n.Start(0, 1e6, Unlimited, x), n.Start(0, 1e6, Unlimited, x), n.Start(0, 1e6, Unlimited, y)
		wantRates(t, &n, map[Flow]Rate{f1: 1.0 / 3, f2: 1.0 / 3, f3: 1.0 / 3, f4: 2.0 / 3})
	})
	t.Run("nothing holds a flow up", func(t *testing.T) {
		var n Network
		f := n.Start(time.Second, 5, Unlimited, n.AddLink(Unlimited))
		if got, at, ok := n.Next(); !ok || got != f || at != time.Second {
			t.Errorf("Next() = %d at %v", got, at)
		}
	})
	t.Run("nothing to send", func(t *testing.T) {
		var n Network
		n.Start(time.Second, 0, 1, n.AddLink(1))
		if _, at, _ := n.Next(); at != time.Second {
			t.Errorf("ends at %v, want at once", at)
		}
	})
}

func wantRates(t *testing.T, n *Network, want map[Flow]Rate) {
	t.Helper()
	for f, r := range want {
		if got := n.Rate(f); math.Abs(float64(got-r)) > 1e-9*float64(r) {
			t.Errorf("flow %d has rate %v, want %v", f, got, r)
		}
	}
}

// TestMaxMin checks the definition on random networks: no link is overloaded,
// and every flow runs at its cap or crosses a full link on which no flow is
// faster.
func TestMaxMin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n Network
		links := rapid.IntRange(1, 6).Draw(t, "links")
		capacity := make([]Rate, links)
		for i := range capacity {
			capacity[i] = Rate(rapid.IntRange(1, 1000).Draw(t, "capacity"))
			n.AddLink(capacity[i])
		}
		type sent struct {
			id   Flow
			cap  Rate
			path []Link
		}
		var flows []sent
		for range rapid.IntRange(1, 12).Draw(t, "flows") {
			f := sent{cap: Rate(rapid.IntRange(1, 1000).Draw(t, "cap"))}
			for l := range links {
				if rapid.Bool().Draw(t, "on") {
					f.path = append(f.path, Link(l))
				}
			}
			f.id = n.Start(0, 1e9, f.cap, f.path...)
			flows = append(flows, f)
		}
		used, fastest := make([]Rate, links), make([]Rate, links)
		for _, f := range flows {
			for _, l := range f.path {
				used[l] += n.Rate(f.id)
				fastest[l] = max(fastest[l], n.Rate(f.id))
			}
		}
		const eps = 1e-9
		for l := range used {
			if used[l] > capacity[l]*(1+eps) {
				t.Fatalf("link %d carries %v of %v", l, used[l], capacity[l])
			}
		}
		for _, f := range flows {
			rate, held := n.Rate(f.id), false
			if rate >= f.cap*(1-eps) {
				held = true
			}
			for _, l := range f.path {
				held = held || used[l] >= capacity[l]*(1-eps) && rate >= fastest[l]*(1-eps)
			}
			if !held {
				t.Fatalf("flow %d at %v could be faster", f.id, rate)
			}
		}
	})
}
