package workload

import (
	"maps"
	"slices"
	"time"
)

// nodeQuiet is how long nothing is told of a node until it is taken to be gone: the
// kubelet itself tells nothing, but pods start and end on what is in use.
const nodeQuiet = 48 * hourSeconds

// nodeTally counts nodes and what runs on them. What it holds grows with the nodes that
// are there at a time.
type nodeTally struct {
	all map[string]*tallyNode
	// lifetimes are of the nodes whose coming and going are both told.
	lifetimes durations
	gone      int
	// present is how long nodes that are gone were there, together, in seconds.
	present int64
	swept   int64
	// ranks sums up, of some starts, the share of nodes that had fewer pods than the one
	// chosen; those with as many count half.
	ranks  float64
	ranked int
	starts int
}

// tallyNode is a node that is there.
type tallyNode struct {
	came        int64 // when it was registered; 0 is unknown
	first, last int64
	live        int
}

const (
	// everyRank is how many starts go by for one that is ranked, as that looks at all nodes.
	everyRank = 16
	// enoughRanks and enoughNodes are enough to tell how nodes are chosen.
	enoughRanks = 50
	enoughNodes = 3
)

func (n *nodeTally) node(name string, at int64) *tallyNode {
	t := n.all[name]
	if t == nil {
		t = &tallyNode{first: at, last: at}
		n.all[name] = t
	}
	t.first, t.last = min(t.first, at), max(t.last, at)
	return t
}

// start counts a pod on a node; nil where that is unknown or virtual.
func (n *nodeTally) start(name string, at int64) *tallyNode {
	if name == "" || isVirtualName(name) {
		return nil
	}
	t := n.node(name, at)
	if n.starts++; n.starts%everyRank == 0 && len(n.all) >= enoughNodes {
		fewer := 0.0
		for _, o := range n.all {
			switch {
			case o == t:
			case o.live < t.live:
				fewer++
			case o.live == t.live:
				fewer += 0.5
			}
		}
		n.ranks += fewer / float64(len(n.all)-1)
		n.ranked++
	}
	t.live++
	return t
}

// pass forgets, once an hour of the input, the nodes of which nothing is told any more.
func (n *nodeTally) pass(at int64) {
	if at-n.swept < hourSeconds {
		return
	}
	n.swept = at
	for name, t := range n.all {
		if at-t.last > nodeQuiet {
			n.remove(name, t)
		}
	}
}

func (n *nodeTally) remove(name string, t *tallyNode) {
	n.present += t.last - t.first
	n.gone++
	delete(n.all, name)
}

// nodeEvent takes what is told of a node.
func (t *tally) nodeEvent(e *lineEvent) {
	if !isObjectName(e.name) || isVirtualName(string(e.name)) {
		t.skip(skipOtherEvent)
		return
	}
	switch string(e.reason) {
	case "RegisteredNode":
		t.tell(e.last)
		t.pass(e.last)
		n := t.nodes.node(t.held(e.name), e.last)
		// A controller that restarts registers all nodes again: only one that nothing was
		// told of before is new.
		if n.came == 0 && n.first == e.last {
			n.came = e.last
		}
	case "RemovingNode", "DeletingNode":
		t.tell(e.last)
		t.pass(e.last)
		n := t.nodes.all[string(e.name)]
		if n == nil {
			return
		}
		n.last = max(n.last, e.last)
		if n.came > 0 {
			t.nodes.lifetimes.add(time.Duration(n.last-n.came) * time.Second)
		}
		t.nodes.remove(string(e.name), n)
	default:
		t.skip(skipOtherEvent)
	}
}

// pool is a pool of the nodes that a history told of, over the seconds that it covers;
// nil of none. Notes say what it is made of.
func (n *nodeTally) pool(covered int64, note func(format string, args ...any)) *NodePool {
	present := n.present
	for _, name := range slices.Sorted(maps.Keys(n.all)) {
		t := n.all[name]
		present += t.last - t.first
	}
	nodes := len(n.all) + n.gone
	if nodes == 0 {
		return nil
	}
	p := &NodePool{Name: defaultPool, Platform: "linux/amd64", Count: 1}
	if covered > 0 {
		p.Count = min(max(1, int(float64(present)/float64(covered)+0.5)), maxPoolNodes)
	}
	note("node pool %s is all nodes that events name (%d), at a time as many as were there in the mean, from the first to the last that is told of each; its platform is taken to be %s", p.Name, nodes, p.Platform)
	if d, ok := n.lifetimes.median(); ok && d >= minLifetime {
		p.LifetimeHours = threeDigits(d.Hours())
		note("lifetimeHours of node pool %s is the median of %s whose coming and going are told", p.Name, count(n.lifetimes.all, "node"))
	}
	if n.ranked >= enoughRanks {
		rank := n.ranks / float64(n.ranked)
		switch {
		case rank < 0.35:
			p.Placement = "spread"
		case rank > 0.65:
			note("starts went to nodes that had more pods than %.0f %% of the others: placement is rather pack, which needs the pool's cpu or memoryGiB", rank*100)
		}
		if p.Placement != "" {
			note("placement of node pool %s: starts went to nodes that had more pods than %.0f %% of the others, of %s", p.Name, rank*100, count(n.ranked, "start"))
		}
	}
	return p
}
