package simulate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestNewNodes is worked by hand. Nodes take in 10 MB/s, pull one image after
// another and boot in 30 s; half of an image is read before ready, from a disk made
// from a snapshot at 10 MB/s.
//
//	fresh: made at 10 s, up at 40 s; its daemon's 200 MB until 60 s
//	  web, 100 MB, asked for at 12 s: waits for the node, then for the daemon's
//	  pull: 60 to 70 s, ready after 58 s
//	  baked, unpacked 100 MB, at 100 s: 50 MB read in 5 s; at 200 s: read before, 0 s
//	old: is up at 0 s and holds web: 0 s
func TestNewNodes(t *testing.T) {
	inv := inventory(
		[]testLayer{{name: "web", compressed: 100 * mb, written: 100 * mb}},
		[]testLayer{{name: "daemon", compressed: 200 * mb, written: 200 * mb}},
		[]testLayer{{name: "baked", compressed: 50 * mb, written: 100 * mb}})
	p := bare()
	p.Network.Node = is[network.Rate](10*mb, "")
	p.Node.Boot = is(30*time.Second, "")
	p.Cache.ReadFraction, p.Cache.FirstRead = is(0.5, ""), is[network.Rate](10*mb, "")
	opt := Options{NewNodes: []NewNode{
		{Name: "fresh", At: 10 * time.Second, Setup: &NodeSetup{Daemon: [][]int{{1}}, Baked: []int{2}}},
		{Name: "old", Up: true, Setup: &NodeSetup{Held: []int{0}}},
	}}
	at := func(seconds int, node string, image int) Start {
		return Start{App: "app", Requested: time.Duration(seconds) * time.Second, Images: []int{image}, Node: node}
	}
	startups := run(t, inv, p, opt, at(12, "fresh", 0), at(100, "fresh", 2), at(200, "fresh", 2), at(0, "old", 0))
	for i, want := range []time.Duration{58 * time.Second, 5 * time.Second, 0, 0} {
		if got := startups[i].Ready; got != want {
			t.Errorf("start %d on %s is ready after %v, want %v", i, startups[i].Node, got, want)
		}
	}

	// A node that is lost comes back with what new nodes have: web is fetched again.
	opt = Options{
		NewNodes: []NewNode{{Name: "old", Up: true, Setup: &NodeSetup{Held: []int{0}}, Renewed: &NodeSetup{}}},
		Faults:   []Fault{{Kind: "node-lost", Node: "old", At: 100 * time.Second}},
	}
	startups = run(t, inv, p, opt, at(0, "old", 0), at(200, "old", 0))
	if first, second := startups[0].FetchedBytes, startups[1].FetchedBytes; first != 0 || second != 100*mb {
		t.Errorf("fetched %d before the node is lost and %d after, want 0 and 100 MB", first, second)
	}

	for text, nodes := range map[string][]NewNode{
		"node n: there is one of that name":                       {{Name: "n"}, {Name: "n", At: time.Second}},
		"no node class":                                           {{Name: "n", NodeClass: "big"}},
		"node n, start 1 in use: image 9 is not in the inventory": {{Name: "n", Setup: &NodeSetup{InUse: []Use{{Images: []int{9}}}}}},
		"node n, start 1 in use: it names no image":               {{Name: "n", Renewed: &NodeSetup{InUse: []Use{{}}}}},
		"image 9 is not in the inventory":                         {{Name: "n", Setup: &NodeSetup{Held: []int{9}}}},
		"made at 2s and ends at 1s":                               {{Name: "n", At: 2 * time.Second, Until: time.Second}},
	} {
		_, err := Run(context.Background(), inv, p, []Start{at(5, "x", 0)}, Options{NewNodes: nodes})
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %q", err, text)
		}
	}
}

// TestNodesEnd: what starts find is the same whether nodes are forgotten when they
// end or kept; and there are no more in memory than were alive at once.
func TestNodesEnd(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		// The kubelet's looks at pods whose pulls fail, a few milliseconds apart over all
		// lives, would take nearly all of the time of this.
		r.profile.Pull.Retry.Sync = is(time.Second, "")
		var nodes []NewNode
		var starts []Start
		const lives, life = 12, 10 * time.Second
		for k := range lives {
			setup := r.randomSetup(t)
			nodes = append(nodes, NewNode{Name: fmt.Sprint("pool/", k), NodeClass: "wide", At: time.Duration(k) * life, Until: time.Duration(k+1) * life, Setup: &setup})
			for range rapid.IntRange(0, 3).Draw(t, "starts") {
				s := r.randomStart(t)
				s.Node, s.NodeClass = nodes[k].Name, "wide"
				s.Requested = nodes[k].At + time.Duration(rapid.IntRange(0, int(life/ms)-1).Draw(t, "at"))*ms
				starts = append(starts, s)
			}
		}
		r.options = Options{NewNodes: nodes}
		got, e := r.run(t, starts)
		for i := range nodes {
			nodes[i].Until = 0
		}
		want, kept := r.run(t, starts)
		if got == nil || want == nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("without the nodes that ended (-all +without):\n%s", diff)
		}
		if len(e.named) > 0 || len(kept.named) != lives {
			t.Fatalf("%d nodes are kept, and %d of those that do not end", len(e.named), len(kept.named))
		}
		if n := len(e.nodes) - len(e.unused); n > 0 {
			t.Fatalf("%d nodes are left", n)
		}
	})
}

// TestNodesEndMemory: of 40 nodes, each of which ends as the next is made, two are
// in memory at most.
func TestNodesEndMemory(t *testing.T) {
	inv := inventory([]testLayer{{name: "web", compressed: mb, written: mb}})
	w, err := newWorld(inv, bare())
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{}
	var starts []Start
	for k := range 40 {
		at := time.Duration(k) * time.Hour
		opt.NewNodes = append(opt.NewNodes, NewNode{Name: fmt.Sprint("pool/", k), At: at, Until: at + time.Hour})
		starts = append(starts, Start{App: "app", Images: []int{0}, Node: opt.NewNodes[k].Name, Requested: at, Runtime: 2 * time.Hour})
	}
	e := newEngine(w, &opt, 0, func(int, *Startup) {})
	err = e.run(context.Background(), func(yield func(int, *Start) bool) {
		for i := range starts {
			if !yield(i, &starts[i]) {
				return
			}
		}
	})
	if err != nil || len(e.nodes) > 2 {
		t.Errorf("%d nodes were in memory at once: %v", len(e.nodes), err)
	}
}
