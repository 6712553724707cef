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

// Flow is a flow's number; numbers are used again after Finish.
type Flow int32

// Network is a set of links and the flows on them. The zero value is empty and
// ready to use.
type Network struct {
	links   []link
	speeds  []speed
	classes []class
	members table[member]
	flows   table[flow]
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

type flow struct {
	end    float64 // on its member's clock
	tag    int64
	member int32
	next   int32 // of the member, by end
}

// member is flows of a node that run at one rate: all of them, or one of a mixed
// node's.
type member struct {
	// offset is its clock less its class's; the clock of one without flows is 0.
	offset float64
	first  int32 // flow
	speed  int32
	class  int32
	flows  int32
	// counted is the number of flows with which it is in its class.
	counted int32
	node    Node // of a part of a mixed node; else none
	dirty   bool
	mixed   bool
}

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
	id := n.members.take()
	*n.members.at(id) = member{first: none, class: none, speed: s, node: none}
	if int(id) == len(n.memberAt) {
		n.memberAt = append(n.memberAt, none)
	}
	return id
}

// RemoveNode forgets a node, which has no flow.
func (n *Network) RemoveNode(node Node) {
	n.flush()
	delete(n.parts, node)
	n.members.give(int32(node))
}

// Start begins to send bytes to a node, at most at rate cap, and returns the
// flow. The tag is the caller's. Calls of Start, Finish and SetCapacity come in
// order of now.
func (n *Network) Start(now time.Duration, node Node, bytes int64, cap Rate, tag int64) Flow {
	n.change(now)
	id := n.flows.take()
	*n.flows.at(id) = flow{tag: tag, next: none, member: none}
	m := n.members.at(int32(node))
	s := &n.speeds[m.speed]
	switch {
	case math.IsInf(min(s.rate, float64(cap)), 1) && !n.links[s.link].limited:
		n.instant = append(n.instant, Flow(id))
		for l := s.link; l != NoLink; l = n.links[l].parent {
			n.links[l].carried += float64(bytes)
		}
	case m.mixed || s.cap != float64(cap):
		n.startMixed(node, id, float64(bytes), float64(cap))
	default:
		n.insert(int32(node), m, id, float64(bytes))
	}
	return Flow(id)
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
func (n *Network) insert(id int32, m *member, flow int32, bytes float64) {
	f := n.flows.at(flow)
	f.member, f.end = id, bytes+n.clock(m)
	previous := &m.first
	for *previous != none {
		other := n.flows.at(*previous)
		if other.end > f.end {
			break
		}
		previous = &other.next
	}
	f.next, *previous = *previous, flow
	m.flows++
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

// Next returns the flow that ends first, its tag and when; ok is false when
// there is none.
func (n *Network) Next() (f Flow, tag int64, at time.Duration, ok bool) {
	at = n.NextAt()
	switch {
	case at == never:
		return 0, 0, at, false
	case len(n.instant) > 0:
		f = n.instant[0]
	default:
		f = Flow(n.members.at(n.firstMember(n.first)).first)
	}
	return f, n.flows.at(int32(f)).tag, at, true
}

// NextAt is the time of Next, the largest there is when there is none.
func (n *Network) NextAt() time.Duration {
	if len(n.instant) > 0 {
		return n.now
	}
	n.flush()
	return n.firstAt
}

// Finish removes a flow that has ended, or gives one up.
func (n *Network) Finish(now time.Duration, f Flow) {
	n.change(now)
	id := n.flows.at(int32(f)).member
	n.flows.give(int32(f))
	if id == none {
		n.instant = slices.DeleteFunc(n.instant, func(x Flow) bool { return x == f })
		return
	}
	m := n.members.at(id)
	previous := &m.first
	for *previous != int32(f) {
		previous = &n.flows.at(*previous).next
	}
	*previous = n.flows.at(int32(f)).next
	m.flows--
	n.touch(id, m)
}

// Tag is what the caller gave with a flow.
func (n *Network) Tag(f Flow) int64 { return n.flows.at(int32(f)).tag }

// FlowsOf are the flows of a node that something limits, in no order.
func (n *Network) FlowsOf(node Node) []Flow {
	var flows []Flow
	add := func(m *member) {
		for id := m.first; id != none; id = n.flows.at(id).next {
			flows = append(flows, Flow(id))
		}
	}
	add(n.members.at(int32(node)))
	for _, p := range n.parts[node] {
		add(n.members.at(p.member))
	}
	return flows
}

// Remaining is how many bytes of a flow are still to be sent.
func (n *Network) Remaining(f Flow) float64 {
	x := n.flows.at(int32(f))
	if x.member == none {
		return 0
	}
	return max(0, x.end-n.clock(n.members.at(x.member)))
}

// Rate returns the present rate of a flow.
func (n *Network) Rate(f Flow) Rate {
	n.flush()
	x := n.flows.at(int32(f))
	if x.member == none {
		return Unlimited
	}
	c := &n.classes[n.members.at(x.member).class]
	if c.high {
		return Rate(n.links[c.link].level)
	}
	return Rate(c.limit)
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
	x := n.flows.at(int32(f))
	if x.member == none {
		return Nothing
	}
	m := n.members.at(x.member)
	c := &n.classes[m.class]
	if !c.high {
		if n.capOf(x.member, m) <= c.limit {
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
