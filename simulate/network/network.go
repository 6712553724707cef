// Package network shares links among transfers max-min fairly, in virtual time.
//
// The model is the fluid one: every transfer (flow) runs at one rate at a time,
// the largest such that no link carries more than its capacity and no flow can
// be given more without taking from one that has no more than it (max-min
// fairness; Bertsekas and Gallager, Data Networks, section 6.5.2). A flow never
// exceeds its own cap. Rates change only when a flow starts or ends or a link
// changes.
//
// Links form trees: a registry's egress at the root, below it gateways, zones or
// racks, and below those the nodes' own interfaces. In a tree the fair rate of a
// flow is the least of its own limit and the levels of the links on its path,
// where a link's level depends on nothing outside its subtree. So rates are not
// computed anew at each event: flows of one limit below one link are a class with
// one clock of bytes sent, classes above a link's level share the link's clock,
// and an event moves the level, the few classes between the old level and the
// new one, and the clocks (level.go). Its cost grows with the logarithm of the
// number of flows and with the number of inner links, not with the flows.
//
// It knows no packets, no round trips and no ramp of a young connection.
//
// Use: AddLink the links and AddNode the nodes, Start flows, then take
// completions in order of time with Next and Finish.
package network

import (
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/table"
)

// Rate is a speed in bytes per second.
type Rate float64

// Unlimited is the rate of a link that never holds anything up.
var Unlimited = Rate(math.Inf(1))

// Link is the number of a link that nodes share.
type Link int32

// NoLink is the parent of a root.
const NoLink Link = -1

// Node is the number of a node's own link; numbers are used again after
// RemoveNode.
type Node int32

// Flow is a flow, by its node and the caller's tag.
type Flow struct {
	Node Node
	Tag  int64
}

// Network is a set of links and the flows on them. The zero value is empty and
// ready to use.
type Network struct {
	links   []link
	speeds  []speed
	classes []class
	members table.Table[member]
	// many are the flows of members that have more than fit into their record.
	many      [][]flow
	spareMany []int32
	// parts are the flows of the nodes whose flows have different caps.
	parts map[Node][]part
	// speedOf and classOf find what there is; spare are classes not in use.
	speedOf map[speedKey]int32
	classOf map[classKey]int32
	spare   []int32
	// limitAt, endAt (by class) and memberAt are positions in the heaps.
	limitAt, endAt, memberAt []int32
	// instant are flows that nothing limits; they end when they start.
	instant []Flow
	// now is the present instant. Since the last settle the flows of the dirty
	// members have changed, and with them the levels below the stale roots.
	now     time.Duration
	dirty   []int32
	stale   []Link
	settled bool
	// first is the link below which a flow ends first.
	first   Link
	firstAt time.Duration
}

// member is flows of a node that run at one rate: all of them, or one of a mixed
// node's.
type member struct {
	// offset is its clock less its class's; the clock of one without flows is 0.
	offset float64
	// near are its flows by end, if many is none.
	near    [few]flow
	many    int32
	flows   int32
	class   int32
	counted int32 // the number of flows with which it is in its class
	speed   int32
	node    Node // of a part of a mixed node; else none
	dirty   bool
	mixed   bool
}

type flow struct {
	end float64 // on its member's clock
	tag int64
}

// few is the number of flows that a member's record has room for: the downloads
// that containerd and docker begin at once.
const few = 3

// speed is what a member's limit depends on besides its flows, with the classes
// for one flow, two, and so on as far as known.
type speed struct {
	speedKey
	classes []int32
}

type speedKey struct {
	link      Link
	rate, cap float64 // of the node's own link, of each flow
}

type classKey struct {
	link  Link
	limit float64
}

// Reuse lets a network that is empty have the memory of one that is used no more.
func (n *Network) Reuse(old *Network) {
	n.members, n.memberAt = old.members, old.memberAt[:0]
	n.members.Reset()
}

const (
	none  = -1
	never = time.Duration(math.MaxInt64)
)

// AddLink adds a link of the given capacity, which is above 0, below parent.
func (n *Network) AddLink(capacity Rate, parent Link) Link {
	id := Link(len(n.links))
	root := id
	if parent != NoLink {
		root = n.links[parent].root
	}
	n.links = append(n.links, link{capacity: float64(capacity), parent: parent, root: root, level: math.Inf(1), next: never})
	n.links[root].tree = append(n.links[root].tree, id)
	n.links[id].limited = !math.IsInf(float64(capacity), 1) || parent != NoLink && n.links[parent].limited
	return id
}

// AddNode adds a node whose own link has the given capacity, below link. Its
// flows are expected to have the given cap; others may, and cost more.
func (n *Network) AddNode(l Link, capacity, cap Rate) Node {
	k := speedKey{l, float64(capacity), float64(cap)}
	s, ok := n.speedOf[k]
	if !ok {
		if n.speedOf == nil {
			n.speedOf = make(map[speedKey]int32)
		}
		s = int32(len(n.speeds))
		n.speeds = append(n.speeds, speed{speedKey: k})
		n.speedOf[k] = s
	}
	return Node(n.newMember(s))
}

func (n *Network) newMember(s int32) int32 {
	id := n.members.Take()
	*n.members.At(id) = member{many: none, class: none, speed: s, node: none}
	if int(id) == len(n.memberAt) {
		n.memberAt = append(n.memberAt, none)
	}
	return id
}

// RemoveNode forgets a node, which has no flow.
func (n *Network) RemoveNode(node Node) {
	n.flush()
	delete(n.parts, node)
	n.members.Give(int32(node))
}

// Start begins to send bytes to a node, at most at rate cap. The tag is the
// caller's; no other flow of the node has it. Calls of Start, Take, Finish and
// SetCapacity come in order of now.
func (n *Network) Start(now time.Duration, node Node, bytes int64, cap Rate, tag int64) Flow {
	n.change(now)
	m := n.members.At(int32(node))
	s := &n.speeds[m.speed]
	switch {
	case math.IsInf(min(s.rate, float64(cap)), 1) && !n.links[s.link].limited:
		n.instant = append(n.instant, Flow{node, tag})
		for l := s.link; l != NoLink; l = n.links[l].parent {
			n.links[l].carried += float64(bytes)
		}
	case m.mixed || s.cap != float64(cap):
		n.startMixed(node, float64(bytes), float64(cap), tag)
	default:
		n.insert(int32(node), m, float64(bytes), tag)
	}
	return Flow{node, tag}
}

// change is called before anything changes at now: what changed at an earlier
// instant took effect then.
func (n *Network) change(now time.Duration) {
	if now > n.now {
		n.flush()
		n.now = now
	}
	n.settled = false
}

// insert adds a flow to a member.
func (n *Network) insert(id int32, m *member, bytes float64, tag int64) {
	x := flow{bytes + n.clock(m), tag}
	var list []flow
	if m.many == none && m.flows < few {
		list = m.near[:m.flows+1]
	} else {
		list = n.room(m)
	}
	i := int(m.flows)
	for ; i > 0 && list[i-1].end > x.end; i-- {
		list[i] = list[i-1]
	}
	list[i] = x
	m.flows++
	n.touch(id, m)
}

// room makes room for one flow more outside of a member's record.
func (n *Network) room(m *member) []flow {
	if m.many == none {
		if last := len(n.spareMany) - 1; last >= 0 {
			m.many = n.spareMany[last]
			n.spareMany = n.spareMany[:last]
		} else {
			m.many = int32(len(n.many))
			n.many = append(n.many, nil)
		}
		n.many[m.many] = append(n.many[m.many][:0], m.near[:]...)
	}
	n.many[m.many] = append(n.many[m.many], flow{})
	return n.many[m.many]
}

// flowsOf are a member's flows by end.
func (n *Network) flowsOf(m *member) []flow {
	if m.many == none {
		return m.near[:m.flows]
	}
	return n.many[m.many]
}

// drop takes the i-th flow from a member.
func (n *Network) drop(id int32, m *member, i int) {
	list := n.flowsOf(m)
	copy(list[i:], list[i+1:])
	m.flows--
	if m.many != none {
		n.many[m.many] = list[:m.flows]
		if m.flows == 0 {
			n.spareMany = append(n.spareMany, m.many)
			m.many = none
		}
	}
	n.touch(id, m)
}

func (n *Network) touch(id int32, m *member) {
	if !m.dirty {
		m.dirty = true
		n.dirty = append(n.dirty, id)
	}
}

// clock is what each flow of a member has been sent since the member was idle.
func (n *Network) clock(m *member) float64 {
	if m.class == none {
		return 0
	}
	return n.classClock(&n.classes[m.class]) + m.offset
}

// Next returns the flow that ends first and when; ok is false when there is none.
func (n *Network) Next() (f Flow, at time.Duration, ok bool) {
	at = n.NextAt()
	switch {
	case at == never:
		return Flow{}, at, false
	case len(n.instant) > 0:
		return n.instant[0], at, true
	}
	id := n.firstMember(n.first)
	m := n.members.At(id)
	if m.node != none {
		id = int32(m.node)
	}
	return Flow{Node(id), n.flowsOf(m)[0].tag}, at, true
}

// NextAt is the time of Next, the largest there is when there is none.
func (n *Network) NextAt() time.Duration {
	if len(n.instant) > 0 {
		return n.now
	}
	n.flush()
	return n.firstAt
}

// Take removes the flow that ends first, at its end, and returns its tag; there is
// one.
func (n *Network) Take() (tag int64) {
	if len(n.instant) > 0 || !n.settled {
		f, at, _ := n.Next()
		n.Finish(at, f)
		return f.Tag
	}
	n.now, n.settled = n.firstAt, false
	id := n.firstMember(n.first)
	m := n.members.At(id)
	tag = n.flowsOf(m)[0].tag
	n.drop(id, m, 0)
	return tag
}

// Finish removes a flow that has ended, or gives one up.
func (n *Network) Finish(now time.Duration, f Flow) {
	n.change(now)
	if i := slices.Index(n.instant, f); i >= 0 {
		n.instant = slices.Delete(n.instant, i, i+1)
		return
	}
	if id, m, i := n.find(f); m != nil {
		n.drop(id, m, i)
	}
}

// find returns the member of a flow and its place there, nil if there is none.
func (n *Network) find(f Flow) (id int32, m *member, place int) {
	is := func(x flow) bool { return x.tag == f.Tag }
	m = n.members.At(int32(f.Node))
	if i := slices.IndexFunc(n.flowsOf(m), is); i >= 0 {
		return int32(f.Node), m, i
	}
	for _, p := range n.parts[f.Node] {
		m = n.members.At(p.member)
		if i := slices.IndexFunc(n.flowsOf(m), is); i >= 0 {
			return p.member, m, i
		}
	}
	return none, nil, none
}

// FlowsOf are the flows of a node that something limits, in no order.
func (n *Network) FlowsOf(node Node) []Flow {
	var flows []Flow
	add := func(m *member) {
		for _, x := range n.flowsOf(m) {
			flows = append(flows, Flow{node, x.tag})
		}
	}
	add(n.members.At(int32(node)))
	for _, p := range n.parts[node] {
		add(n.members.At(p.member))
	}
	return flows
}

// Instant are the flows of all nodes that nothing limits and that have not been
// taken yet.
func (n *Network) Instant() []Flow { return slices.Clone(n.instant) }

// Remaining is how many bytes of a flow are still to be sent.
func (n *Network) Remaining(f Flow) float64 {
	_, m, i := n.find(f)
	if m == nil {
		return 0
	}
	return max(0, n.flowsOf(m)[i].end-n.clock(m))
}

// Rate returns the present rate of a flow.
func (n *Network) Rate(f Flow) Rate {
	n.flush()
	_, m, _ := n.find(f)
	if m == nil {
		return Unlimited
	}
	c := &n.classes[m.class]
	if c.high {
		return Rate(n.links[c.link].level)
	}
	return Rate(c.limit)
}

// NodeRate returns the present rate of all flows of a node that something limits,
// together.
func (n *Network) NodeRate(node Node) Rate {
	n.flush()
	total := n.rateOf(n.members.At(int32(node)))
	for _, p := range n.parts[node] {
		total += n.rateOf(n.members.At(p.member))
	}
	return Rate(total)
}

// rateOf is the rate of all flows of a member together.
func (n *Network) rateOf(m *member) float64 {
	if m.flows == 0 {
		return 0
	}
	c := &n.classes[m.class]
	if c.high {
		return n.links[c.link].level * float64(m.flows)
	}
	return c.limit * float64(m.flows)
}

// flush brings all levels up to the present instant.
func (n *Network) flush() {
	if !n.settled {
		n.settle()
	}
}

// SetCapacity changes a link's capacity from now on.
func (n *Network) SetCapacity(now time.Duration, l Link, capacity Rate) {
	n.change(now)
	n.links[l].capacity = float64(capacity)
	for _, i := range n.links[n.links[l].root].tree {
		x := &n.links[i]
		x.limited = !math.IsInf(x.capacity, 1) || x.parent != NoLink && n.links[x.parent].limited
	}
	n.markStale(n.links[l].root)
}

func (n *Network) markStale(root Link) {
	if !n.links[root].stale {
		n.links[root].stale = true
		n.stale = append(n.stale, root)
	}
}

// A Bottleneck is what keeps a flow from being faster.
type Bottleneck int32

// What can hold a flow besides a shared link, whose Bottleneck is its number.
const (
	// OwnCap: the flow's own cap.
	OwnCap Bottleneck = -1
	// NodeLink: the node's own link.
	NodeLink Bottleneck = -2
	// Nothing: the flow is unlimited.
	Nothing Bottleneck = -3
)

// Holds says what keeps a flow from being faster at present.
func (n *Network) Holds(f Flow) Bottleneck {
	n.flush()
	id, m, _ := n.find(f)
	if m == nil {
		return Nothing
	}
	c := &n.classes[m.class]
	if !c.high {
		if n.capOf(id, m) <= c.limit {
			return OwnCap
		}
		return NodeLink
	}
	l := c.link
	for !n.links[l].saturated && n.links[l].parent != NoLink {
		l = n.links[l].parent
	}
	return Bottleneck(l)
}

// Carried is how many bytes a link has carried until the time of the last call.
func (n *Network) Carried(l Link) float64 {
	n.flush()
	return n.links[l].carried
}

// CarriedAt is how many bytes a link will have carried at a time before which
// nothing changes. It changes nothing itself, not even the rounding of what comes
// after, which Advance does.
func (n *Network) CarriedAt(l Link, at time.Duration) float64 {
	n.flush()
	x := n.links[l]
	x.advance(at)
	return x.carried
}

// Advance lets time pass without an event, for Carried; no flow ends before now.
func (n *Network) Advance(now time.Duration) {
	n.flush()
	n.now = now
	for i := range n.links {
		n.links[i].advance(now)
	}
}
