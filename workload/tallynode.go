package workload

import (
	"cmp"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// nodeQuiet is how long nothing is told of a node until it is taken to be gone where no
// event tells of that: the kubelet itself tells nothing, but pods start and end on what is
// in use.
const nodeQuiet = 48 * hourSeconds

// nodeTally counts nodes and what runs on them. What it holds grows with the nodes that
// are there at a time, and to a bound with those that are gone or of which nothing was told
// for long.
type nodeTally struct {
	all map[string]*tallyNode
	// ended are nodes that are gone or were quiet for long, before those that ended earlier,
	// by the hash of their names: something may be told of them yet.
	ended, before map[uint64]*tallyNode
	groups        map[string]*nodeGroup
	swept         int64
	starts        int
	// tellsGoing: events tell when nodes go.
	tellsGoing bool
	lives      int // that are held of all groups
	// ends are those of pods that were told with their starts.
	ends podEnds
}

// nodeGroup are the nodes whose names begin alike.
type nodeGroup struct {
	// there are the nodes that are there.
	there []*tallyNode
	// names are the first that were told of, at most two.
	names []string
	// lives are of nodes that ended; unheld sums up those beyond maxLives.
	lives  []*tallyNode
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
	name  string
	group *nodeGroup
	live  int
	// at is the place among the group's lives of one that ended; -1 where it is summed up.
	at int
	// place is the one among the group's nodes that are there.
	place int
}

const (
	// everyRank is how many starts go by for one that is ranked, as that looks at rankNodes of
	// the group's nodes: the mean over many starts is the same as if it looked at all.
	everyRank, rankNodes = 16, 128
	// enoughRanks and enoughNodes are enough to tell how nodes are chosen.
	enoughRanks = 50
	enoughNodes = 3
	idle        = 6 * hourSeconds
	// maxLives bounds the nodes that ended and are held each, rememberedNodes each of two sets
	// of those of which something may be told yet.
	maxLives, rememberedNodes = 50_000, 50_000
)

func (n *nodeTally) node(name string, at int64) *tallyNode {
	t := n.all[name]
	ended := n.endedNode(name)
	switch {
	case ended != nil && ended.went && at <= ended.last: // older than its end
		t = ended
	case t == nil && ended != nil && !ended.went: // it was only quiet
		t = n.takeBack(ended)
		n.come(t)
	case t == nil:
		t = &tallyNode{nodeLife: nodeLife{first: at, last: at}, name: name, group: n.group(name)}
		n.come(t)
	}
	t.tellOf(at)
	return t
}

// come puts a node among those that are there.
func (n *nodeTally) come(t *tallyNode) {
	n.all[t.name] = t
	t.place = len(t.group.there)
	t.group.there = append(t.group.there, t)
}

// leave takes a node out of those that are there.
func (n *nodeTally) leave(t *tallyNode) {
	delete(n.all, t.name)
	there := t.group.there
	last := there[len(there)-1]
	there[t.place], last.place = last, t.place
	there[len(there)-1] = nil
	t.group.there = there[:len(there)-1]
}

// tellOf widens the time in which something is told of a node.
func (t *tallyNode) tellOf(at int64) {
	t.change(func() { t.first, t.last, t.unused = min(t.first, at), max(t.last, at), false })
}

// change changes what is told of a node, in the sums too.
func (t *tallyNode) change(how func()) {
	if t.at >= 0 {
		how()
		return
	}
	t.group.unheld.add(&t.nodeLife, -1)
	how()
	t.group.unheld.add(&t.nodeLife, 1)
}

// endedNode is a node that ended; nil where none of that name is known.
func (n *nodeTally) endedNode(name string) *tallyNode {
	hash := xxh3.HashString(name)
	t := n.ended[hash]
	if t == nil {
		t = n.before[hash]
	}
	if t != nil && t.name != name {
		return nil
	}
	return t
}

// takeBack takes a node that ended out of the lives.
func (n *nodeTally) takeBack(t *tallyNode) *tallyNode {
	hash := xxh3.HashString(t.name)
	delete(n.ended, hash)
	delete(n.before, hash)
	g := t.group
	if t.at < 0 {
		g.unheld.add(&t.nodeLife, -1)
	} else {
		last := g.lives[len(g.lives)-1]
		g.lives[t.at], last.at = last, t.at
		g.lives = g.lives[:len(g.lives)-1]
		n.lives--
	}
	t.at = 0
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
	there := t.group.there
	// Of many nodes some are drawn; the draws are the same in each run.
	var draws *rand.Rand
	if len(there) > rankNodes {
		draws = rand.New(rand.NewPCG(uint64(n.starts), 2))
	}
	for i := range min(len(there), rankNodes) {
		if draws != nil {
			i = draws.IntN(len(there))
		}
		o := there[i]
		if o == t || !n.tellsGoing && at-o.last > idle {
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
		n.leave(t)
		n.end(t)
	}
}

// end keeps the life of a node that is gone, or of which nothing was told for long.
func (n *nodeTally) end(t *tallyNode) {
	if len(n.ended) >= rememberedNodes {
		n.ended, n.before = map[uint64]*tallyNode{}, n.ended
	}
	n.ended[xxh3.HashString(t.name)] = t
	g := t.group
	if n.lives >= maxLives {
		t.at = -1
		g.unheld.add(&t.nodeLife, 1)
		return
	}
	n.lives++
	t.at = len(g.lives)
	g.lives = append(g.lives, t)
}

// lifeSums sum up lives so that they can be counted once it is known whether events tell of
// nodes' going.
type lifeSums struct {
	nodes, present, longest int64
	// went are told to have gone, at lasts together. begins are together
	// when those came that were told of before, unused how many were not.
	went, lasts, begins, unused int64
}

// add adds a life, or with -1 takes one out; the longest stays.
func (s *lifeSums) add(l *nodeLife, sign int64) {
	begin := l.first
	if l.came > 0 {
		begin = l.came
	}
	s.nodes += sign
	s.present += sign * (l.last - begin)
	s.longest = max(s.longest, l.last-l.first)
	if l.went {
		s.went += sign
		s.lasts += sign * l.last
	}
	if l.unused && l.came == 0 {
		s.unused += sign
	} else {
		s.begins += sign * begin
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
			n.change(func() { n.came = n.first })
		}
	case "RemovingNode", "DeletingNode":
		t.tell(e.last)
		t.pass(e.last)
		t.nodes.tellsGoing = true
		t.nodes.goes(t.held(e.name), e.last)
	default:
		t.skip(skipOtherEvent)
	}
}

// goes takes that a node went, which is told of one that is there, was quiet for long or was
// not told of before; a second time of one that went counts for nothing.
func (n *nodeTally) goes(name string, at int64) {
	t, ended := n.all[name], n.endedNode(name)
	switch {
	case t != nil:
		n.leave(t)
	case ended != nil && ended.went:
		return
	case ended != nil:
		t = n.takeBack(ended)
	default:
		t = &tallyNode{nodeLife: nodeLife{first: at, last: at, unused: true}, name: name, group: n.group(name)}
	}
	t.last, t.went = max(t.last, at), true
	n.end(t)
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
		for _, t := range g.lives {
			if !isVirtual(t.name) {
				s.count(&t.nodeLife, from, to, n.tellsGoing)
			}
		}
		all[stem] = s
	}
	for name, t := range n.all {
		if isVirtual(name) {
			continue
		}
		stem := nodeStem(name)
		s := all[stem]
		s.count(&t.nodeLife, from, to, n.tellsGoing)
		all[stem] = s
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
