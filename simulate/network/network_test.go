package network

import (
	"math"
	"testing"
	"time"
)

const mb = 1_000_000

// TestHandWorked: two flows on one link of 100 MB/s, the first alone for 1 s.
// It has sent 100 of 150 MB by then; both run at 50 MB/s for 1 s, when it ends;
// the second has 150 of 200 MB left and takes 1.5 s more.
func TestHandWorked(t *testing.T) {
	var n Network
	l := n.AddLink(100*mb, NoLink)
	first := n.Start(0, n.AddNode(l, Unlimited, Unlimited), 150*mb, Unlimited, 7)
	second := n.Start(time.Second, n.AddNode(l, Unlimited, Unlimited), 200*mb, Unlimited, 8)
	for _, want := range []struct {
		flow Flow
		tag  int64
		at   time.Duration
	}{{first, 7, 2 * time.Second}, {second, 8, 3500 * time.Millisecond}} {
		f, at, ok := n.Next()
		if !ok || f != want.flow || f.Tag != want.tag || at != want.at {
			t.Fatalf("Next() = flow %v at %v, want flow %v at %v", f, at, want.flow, want.at)
		}
		n.Finish(at, f)
	}
	if _, _, ok := n.Next(); ok {
		t.Error("a flow is left")
	}
	if carried := n.Carried(l); math.Abs(carried-350*mb) > 1 {
		t.Errorf("the link carried %v bytes, want 350 MB", carried)
	}
}

// TestShares are textbook cases of max-min fairness.
func TestShares(t *testing.T) {
	t.Run("a cap leaves its rest to the others", func(t *testing.T) {
		var n Network
		l := n.AddLink(90, NoLink)
		start := func(cap Rate) Flow { return n.Start(0, n.AddNode(l, Unlimited, cap), 1e6, cap, 0) }
		capped, a, b := start(10), start(Unlimited), start(Unlimited)
		wantRates(t, &n, map[Flow]Rate{capped: 10, a: 40, b: 40})
		wantHolds(t, &n, map[Flow]Bottleneck{capped: OwnCap, a: Bottleneck(l), b: Bottleneck(l)})
	})
	t.Run("flows of one node share its own link", func(t *testing.T) {
		var n Network
		l := n.AddLink(90, NoLink)
		slow, fast := n.AddNode(l, 30, Unlimited), n.AddNode(l, Unlimited, Unlimited)
		a, b, c := n.Start(0, slow, 1e6, Unlimited, 0), n.Start(0, slow, 1e6, Unlimited, 1), n.Start(0, fast, 1e6, Unlimited, 0)
		wantRates(t, &n, map[Flow]Rate{a: 15, b: 15, c: 60})
		wantHolds(t, &n, map[Flow]Bottleneck{a: NodeLink, b: NodeLink, c: Bottleneck(l)})
	})
	t.Run("different caps on one node", func(t *testing.T) {
		var n Network
		node := n.AddNode(n.AddLink(Unlimited, NoLink), 60, 100)
		a, b, c := n.Start(0, node, 1e6, 100, 0), n.Start(0, node, 1e6, 10, 1), n.Start(0, node, 1e6, 100, 2)
		wantRates(t, &n, map[Flow]Rate{a: 25, b: 10, c: 25})
		wantHolds(t, &n, map[Flow]Bottleneck{a: NodeLink, b: OwnCap, c: NodeLink})
	})
	// A root of 100 and two racks: the first rack's 20 hold its two flows at 10
	// each, so that the second's three flows share 80, of which its node of 15
	// takes 15 and the others 32.5 each.
	t.Run("a tree", func(t *testing.T) {
		var n Network
		root := n.AddLink(100, NoLink)
		one, two := n.AddLink(20, root), n.AddLink(90, root)
		start := func(l Link, rate Rate) Flow { return n.Start(0, n.AddNode(l, rate, Unlimited), 1e6, Unlimited, 0) }
		a, b, c, d, e := start(one, 50), start(one, 60), start(two, 15), start(two, 70), start(two, Unlimited)
		wantRates(t, &n, map[Flow]Rate{a: 10, b: 10, c: 15, d: 32.5, e: 32.5})
		wantHolds(t, &n, map[Flow]Bottleneck{a: Bottleneck(one), c: NodeLink, d: Bottleneck(root), e: Bottleneck(root)})
		n.SetCapacity(0, two, 45)
		wantRates(t, &n, map[Flow]Rate{a: 10, b: 10, c: 15, d: 15, e: 15})
	})
	t.Run("nothing holds a flow up", func(t *testing.T) {
		var n Network
		f := n.Start(time.Second, n.AddNode(n.AddLink(Unlimited, NoLink), Unlimited, Unlimited), 5, Unlimited, 3)
		if got, at, ok := n.Next(); !ok || got != f || got.Tag != 3 || at != time.Second || n.Holds(f) != Nothing {
			t.Errorf("Next() = %v at %v", got, at)
		}
		n.Finish(time.Second, f)
		if _, _, ok := n.Next(); ok {
			t.Error("a flow is left")
		}
	})
	t.Run("nothing to send", func(t *testing.T) {
		var n Network
		n.Start(time.Second, n.AddNode(n.AddLink(1, NoLink), 1, 1), 0, 1, 0)
		if _, at, _ := n.Next(); at != time.Second {
			t.Errorf("ends at %v, want at once", at)
		}
	})
}

func wantRates(t *testing.T, n *Network, want map[Flow]Rate) {
	t.Helper()
	for f, r := range want {
		if got := n.Rate(f); math.Abs(float64(got-r)) > 1e-9*float64(r) {
			t.Errorf("flow %v has rate %v, want %v", f, got, r)
		}
	}
}

func wantHolds(t *testing.T, n *Network, want map[Flow]Bottleneck) {
	t.Helper()
	for f, b := range want {
		if got := n.Holds(f); got != b {
			t.Errorf("flow %v is held by %v, want %v", f, got, b)
		}
	}
}
