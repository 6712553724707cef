package workload

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// nodeQuiet is how long nothing is told of a node until it is taken to be gone where no
// event tells of that: the kubelet itself tells nothing, but pods start and end on what is
// in use.
const nodeQuiet = 48 * hourSeconds

// nodeTally counts nodes and what runs on them. What it holds grows with the nodes that
// are there at a time, and to a bound with those that are gone.
type nodeTally struct {
	all map[string]*tallyNode
	// away are nodes of which nothing was told for long: gone, or idle.
	away map[string]*tallyNode
	// removed are nodes that are told to have gone, of which something older may be told yet.
	removed map[string]*tallyNode
	groups  map[string]*nodeGroup
	swept   int64
	starts  int
	// tellsGoing: events tell when nodes go.
	tellsGoing bool
	lives      int // that are held of all groups
	// ends are those of pods that were told with their starts.
	ends podEnds
}

// nodeGroup are the nodes whose names begin alike.
type nodeGroup struct {
	// names are the first that were told of, at most two.
	names []string
	// lives are of nodes that are gone or were quiet for long; unheld sums up those beyond
	// maxLives.
	lives  []nodeLife
	unheld lifeSums
	// ranks sums up, of some starts, the share of the group's nodes that had fewer pods than
	// the one chosen, those with as many count half; pods sums up how many it had.
	ranks, pods float64
	ranked      int
	// endless are lines of a trace that do not say how long their starts run, of started.
	endless, started int
}

// nodeLife is what is told of a node, in seconds since 1970.
type nodeLife struct {
	came        int64 // when it was registered; 0 is unknown
	first, last int64
	// went: it is told that it went, at last. unused: nothing but that is told of it.
	went, unused bool
}

// tallyNode is a node that is there.
type tallyNode struct {
	nodeLife
	group *nodeGroup
	live  int
}

const (
	// everyRank is how many starts go by for one that is ranked, as that looks at all nodes.
	everyRank = 16
	// enoughRanks and enoughNodes are enough to tell how nodes are chosen.
	enoughRanks = 50
	enoughNodes = 3
	idle        = 6 * hourSeconds
	// maxLives bounds the nodes that are gone and held each, maxAway those that are away.
	maxLives, maxAway = 50_000, 20_000
)

func (n *nodeTally) node(name string, at int64) *tallyNode {
	t := n.all[name]
	if gone := n.removed[name]; gone != nil && at <= gone.last {
		return gone
	}
	if t == nil {
		if t = n.away[name]; t != nil {
			delete(n.away, name)
		} else {
			t = &tallyNode{nodeLife: nodeLife{first: at, last: at}, group: n.group(name)}
		}
		n.all[name] = t
	}
	t.first, t.last = min(t.first, at), max(t.last, at)
	return t
}

func (n *nodeTally) group(name string) *nodeGroup {
	stem := nodeStem(name)
	g := n.groups[stem]
	if g == nil {
		g = &nodeGroup{}
		n.groups[stem] = g
	}
	if len(g.names) < 2 && (len(g.names) == 0 || g.names[0] != name) {
		g.names = append(g.names, name)
	}
	return g
}

// start counts a pod on a node; nil where that is unknown or virtual.
func (n *nodeTally) start(name string, at int64) *tallyNode {
	if name == "" || isVirtualName(name) {
		return nil
	}
	t := n.node(name, at)
	n.endUntil(at)
	if n.starts++; n.starts%everyRank == 0 {
		n.rank(t, at)
	}
	t.live++
	t.group.started++
	return t
}

// runs counts a pod that began to run on a node before the history did; nil where the node is
// unknown or virtual.
func (n *nodeTally) runs(name string, from int64) *tallyNode {
	if name == "" || isVirtualName(name) {
		return nil
	}
	t := n.node(name, from)
	t.live++
	return t
}

// rank counts where a chosen node stands among those of its group. Where no event tells of
// nodes' going, those of which nothing was told for hours may be gone.
func (n *nodeTally) rank(t *tallyNode, at int64) {
	fewer, others := 0.0, 0
	for _, o := range n.all {
		if o == t || o.group != t.group || !n.tellsGoing && at-o.last > idle {
			continue
		}
		others++
		switch {
		case o.live < t.live:
			fewer++
		case o.live == t.live:
			fewer += 0.5
		}
	}
	if others+1 < enoughNodes {
		return
	}
	t.group.ranks += fewer / float64(others)
	t.group.pods += float64(t.live)
	t.group.ranked++
}

// pass puts away, once an hour of the input, the nodes of which nothing is told any more.
func (n *nodeTally) pass(at int64) {
	if at-n.swept < hourSeconds {
		return
	}
	n.swept = at
	var quiet []string
	for name, t := range n.all {
		if at-t.last > nodeQuiet {
			quiet = append(quiet, name)
		}
	}
	// Those that were told of last are kept first: of them something may be told again.
	slices.SortFunc(quiet, func(a, b string) int {
		return cmp.Or(cmp.Compare(n.all[b].last, n.all[a].last), strings.Compare(a, b))
	})
	for _, name := range quiet {
		t := n.all[name]
		delete(n.all, name)
		if len(n.away) < maxAway {
			n.away[name] = t
		} else {
			n.end(t)
		}
	}
}

// end keeps the life of a node that is gone.
func (n *nodeTally) end(t *tallyNode) {
	g := t.group
	if n.lives >= maxLives {
		g.unheld.add(&t.nodeLife)
		return
	}
	n.lives++
	g.lives = append(g.lives, t.nodeLife)
}

// lifeSums sum up lives so that they can be counted once it is known whether events tell of
// nodes' going.
type lifeSums struct {
	nodes, present, longest int64
	// went are told to have gone, at lasts together. begins are together
	// when those came that were told of before, unused how many were not.
	went, lasts, begins, unused int64
}

func (s *lifeSums) add(l *nodeLife) {
	begin := l.first
	if l.came > 0 {
		begin = l.came
	}
	s.nodes++
	s.present += l.last - begin
	s.longest = max(s.longest, l.last-l.first)
	if l.went {
		s.went++
		s.lasts += l.last
	}
	if l.unused && l.came == 0 {
		s.unused++
	} else {
		s.begins += begin
	}
}

// stats are what poolStats.count makes of the lives, but that those that were told of soon
// after the history's beginning begin then.
func (s *lifeSums) stats(from, to int64, tellsGoing bool) poolStats {
	if !tellsGoing {
		return poolStats{nodes: int(s.nodes), present: s.present, went: int(s.nodes), longest: s.longest}
	}
	present := s.lasts + (s.nodes-s.went)*to - s.begins - s.unused*from
	return poolStats{nodes: int(s.nodes), present: present, went: int(s.went), longest: s.longest}
}

// nodeEvent takes what is told of a node.
func (t *tally) nodeEvent(e *lineEvent) {
	if !isObjectName(e.name) || isVirtualName(string(e.name)) {
		t.skip(skipOtherEvent)
		return
	}
	reason := string(e.reason)
	switch reason {
	case "RegisteredNode", "Starting", "NodeReady", "NodeNotReady", "Rebooted",
		"NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeAllocatableEnforced":
		t.tell(e.last)
		t.pass(e.last)
		n := t.nodes.node(t.held(e.name), e.last)
		// A controller that restarts registers all nodes again, and a kubelet that restarts is
		// starting again: only a node that nothing was told of before is new, but for what a
		// new kubelet tells within the minutes before it is registered.
		if (reason == "RegisteredNode" || reason == "Starting") && n.came == 0 && e.last-n.first < joinSeconds && n.first > t.from+joinSeconds {
			n.came = n.first
		}
	case "RemovingNode", "DeletingNode":
		t.tell(e.last)
		t.pass(e.last)
		t.nodes.tellsGoing = true
		name := string(e.name)
		n := t.nodes.all[name]
		if n == nil {
			n = t.nodes.away[name]
		}
		if n == nil {
			if t.nodes.removed[name] != nil {
				return // told a second time
			}
			n = t.nodes.node(t.held(e.name), e.last)
			n.unused = true
		}
		n.last, n.went = max(n.last, e.last), true
		t.nodes.end(n)
		delete(t.nodes.all, name)
		delete(t.nodes.away, name)
		if len(t.nodes.removed) >= maxAway {
			clear(t.nodes.removed)
		}
		t.nodes.removed[t.held(e.name)] = n
	default:
		t.skip(skipOtherEvent)
	}
}

// joinSeconds is how long after its kubelet started a node is registered at most.
const joinSeconds = 600

// The names that services give to nodes, of which the pool is a part.
var (
	gkeNode = regexp.MustCompile(`^(gke-.+)-[0-9a-f]{8}-[0-9a-z]{4}$`)
	aksNode = regexp.MustCompile(`^(aks-[0-9a-z]+)-[0-9]{8}-vmss[0-9a-z]{6}$`)
	// numberedNode ends with numbers, as do worker-3, worker03 and ip-10-0-1-23.
	numberedNode = regexp.MustCompile(`^(.*?[a-z])(?:-?[0-9]+)(?:-[0-9]+)*$`)
	// instance is an identifier of EC2 or ECS.
	instance = regexp.MustCompile(`^i-[0-9a-z]{8,}$`)
)

// nodeStem is what the names of a pool's nodes have in common, as far as one tells: by what
// services call them, else without its domain and without the random or numbered end.
// Names without one, such as addresses and instances' identifiers, have an empty stem.
func nodeStem(name string) string {
	for _, service := range []*regexp.Regexp{gkeNode, aksNode} {
		if m := service.FindStringSubmatch(name); m != nil {
			return m[1]
		}
	}
	name, _, _ = strings.Cut(name, ".")
	if instance.MatchString(name) {
		return ""
	}
	if m := numberedNode.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	if parent, end, ok := cutLast(name); ok && randomEnd.MatchString(end) { // a Machine's
		if set, hash, ok := cutLast(parent); ok && (templateHash.MatchString(hash) || randomEnd.MatchString(hash)) {
			return set
		}
		return parent
	}
	return ""
}

// poolStats are what the nodes of a pool did in a history.
type poolStats struct {
	nodes   int   // that were told of
	present int64 // how long they were there together, in seconds
	went    int   // nodes that did
	longest int64 // that one was told of
	ranks   float64
	pods    float64
	ranked  int
	// endless and started are the group's.
	endless, started int
}

func (s *poolStats) add(other poolStats) {
	s.nodes += other.nodes
	s.present += other.present
	s.went += other.went
	s.longest = max(s.longest, other.longest)
	s.ranks += other.ranks
	s.pods += other.pods
	s.ranked += other.ranked
	s.endless += other.endless
	s.started += other.started
}

// count takes a life that was seen in part: from the history's beginning where the node was
// told of soon after it, and to its end where it is not known to have gone. Where no event
// tells of nodes' going, they came when they were first told of and went when they were
// last; as that is seen only of those that were quiet for nodeQuiet, the last of that time
// does not count.
func (s *poolStats) count(l *nodeLife, from, to int64, tellsGoing bool) {
	s.nodes++
	s.longest = max(s.longest, l.last-l.first)
	begin := l.first
	switch {
	case l.came > 0:
		begin = l.came
	case tellsGoing && (l.unused || l.first-from <= nodeQuiet):
		begin = from
	}
	switch {
	case tellsGoing && l.went:
		s.went++
		s.present += l.last - begin
	case tellsGoing:
		s.present += to - begin
	case l.last < to-nodeQuiet:
		s.went++
		s.present += l.last - begin
	default:
		s.present += max(0, to-nodeQuiet-begin)
	}
}

// stats are those of each group, over the time of a history.
func (n *nodeTally) stats(from, to int64, isVirtual func(string) bool) map[string]poolStats {
	all := map[string]poolStats{}
	for stem, g := range n.groups {
		s := g.unheld.stats(from, to, n.tellsGoing)
		s.ranks, s.pods, s.ranked = g.ranks, g.pods, g.ranked
		s.endless, s.started = g.endless, g.started
		for i := range g.lives {
			s.count(&g.lives[i], from, to, n.tellsGoing)
		}
		all[stem] = s
	}
	for _, nodes := range []map[string]*tallyNode{n.all, n.away} {
		for name, t := range nodes {
			if isVirtual(name) {
				continue
			}
			stem := nodeStem(name)
			s := all[stem]
			s.count(&t.nodeLife, from, to, n.tellsGoing)
			all[stem] = s
		}
	}
	return all
}

// watched is how much of a history is watched for nodes that go, in seconds.
func (n *nodeTally) watched(from, to int64) int64 {
	if n.tellsGoing {
		return to - from
	}
	return max(0, to-from-nodeQuiet)
}

// mean is how many nodes were there at a time.
func (s *poolStats) mean(watched int64) int {
	if watched <= 0 {
		return min(max(1, s.nodes), maxPoolNodes)
	}
	return min(max(1, int(float64(s.present)/float64(watched)+0.5)), maxPoolNodes)
}

// lifetime is the mean: how long nodes were there, over how many went, which is right
// whether or not lives began before the history and end after it, as long as as many come
// as go. False where none went.
func (s *poolStats) lifetime() (time.Duration, bool) {
	if s.went == 0 {
		return 0, false
	}
	return time.Duration(s.present/int64(s.went)) * time.Second, true
}
