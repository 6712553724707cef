package network

import (
	"math"
	"time"
)

// link is a link that nodes share, with the clocks of the flows below it.
//
// A link's demand at a level x is what its flows would take if each could have x
// and no more than its own limit; it is piecewise linear in x. The link keeps
// the piece at its present level: low is the constant part (classes whose limit
// is below the level, child links that are full), high the slope (the number of
// flows above the level). The level is where demand meets capacity, or the
// parent's level where that is lower.
//
// Any piece is at least the demand at every x, since min(u, x) is concave. So
// the level found from a wrong piece is too low, putting right what is wrong
// there raises it, and the rounds of settle end.
type link struct {
	capacity float64
	parent   Link
	root     Link
	tree     []Link // of a root: all links below and itself, parents first
	// limited: the link or one above it has a capacity.
	limited bool
	stale   bool
	// saturated: the link is full, and its level is its own.
	saturated bool
	// ownLow and ownHigh are of the link's own classes, low and high with those
	// of its children.
	ownLow, ownHigh, low, high float64
	level                      float64
	// clock is what a flow that has always run at the level was sent until at.
	clock   float64
	carried float64
	at      time.Duration
	// The classes of each side by limit (the low ones by -limit), and by end: of
	// the high ones on the link's clock, of the low ones in nanoseconds.
	lowLimit, highLimit, lowEnd, highEnd heap
	next                                 time.Duration
	changes                              uint32
}

// class is the members of a link whose flows have one limit.
type class struct {
	limit float64
	link  Link
	high  bool
	kept  bool
	flows int32
	// clock is its clock at time at while low, its clock less the link's while
	// high.
	clock   float64
	at      time.Duration
	members heap // by end on the class's clock
}

func seconds(d time.Duration) float64 { return float64(d) * 1e-9 }

// sent is what a flow is sent in a time; a flow that nothing limits ends at once
// and has no clock.
func sent(rate float64, d time.Duration) float64 {
	if d == 0 || math.IsInf(rate, 1) {
		return 0
	}
	return rate * seconds(d)
}

func (l *link) advance(now time.Duration) {
	if d := now - l.at; d > 0 {
		if l.high > 0 {
			l.clock += sent(l.level, d)
			l.carried += (l.low + l.high*l.level) * seconds(d)
		} else {
			l.carried += l.low * seconds(d)
		}
		l.at = now
	}
}

func (n *Network) classClock(c *class) float64 {
	if c.high {
		l := &n.links[c.link]
		return l.clock + sent(l.level, n.now-l.at) + c.clock
	}
	return c.clock + sent(c.limit, n.now-c.at)
}

// settle does what the changes of this instant ask for: members move to the
// class of their number of flows, levels are found, and what ends first.
func (n *Network) settle() {
	for _, id := range n.dirty {
		n.members.At(id).dirty = false
		n.move(id)
	}
	n.dirty = n.dirty[:0]
	for _, root := range n.stale {
		n.links[root].stale = false
		n.level(n.links[root].tree)
	}
	n.stale = n.stale[:0]
	n.firstAt = never
	for i := range n.links {
		if at := n.links[i].next; at < n.firstAt {
			n.first, n.firstAt = Link(i), at
		}
	}
	n.settled = true
}

// move puts a member whose flows have changed into the class where it belongs.
func (n *Network) move(id int32) {
	m := n.members.At(id)
	switch {
	case m.node != none:
		n.moveParts(m.node)
		return
	case m.flows == 0:
		n.leave(id, m)
		return
	}
	s := &n.speeds[m.speed]
	for len(s.classes) < int(m.flows) {
		s.classes = append(s.classes, n.findClass(s.link, min(s.cap, s.rate/float64(len(s.classes)+1)), true))
	}
	n.enter(id, m, s.classes[m.flows-1])
}

// enter puts a member into a class, or tells the class that its flows changed.
func (n *Network) enter(id int32, m *member, to int32) {
	c := &n.classes[to]
	l := &n.links[c.link]
	if m.class == to && m.counted == m.flows {
		// No rate changes, only what ends first.
		c.members.set(n.memberAt, id, n.flowsOf(m)[0].end-m.offset)
		n.queue(to)
		l.plan(n.now)
		return
	}
	clock := n.clock(m)
	n.count(to, m.flows) // before leave, which may give up an empty class
	n.leave(id, m)
	m.class, m.counted = to, m.flows
	m.offset = clock - n.classClock(c)
	c.members.set(n.memberAt, id, n.flowsOf(m)[0].end-m.offset)
	n.queue(to)
	n.markStale(l.root)
}

// leave takes a member out of its class, if it is in one.
func (n *Network) leave(id int32, m *member) {
	if m.class == none {
		return
	}
	c := &n.classes[m.class]
	c.members.remove(n.memberAt, id)
	n.count(m.class, -m.counted)
	n.queue(m.class)
	n.markStale(n.links[c.link].root)
	if c.flows == 0 && !c.kept {
		delete(n.classOf, classKey{c.link, c.limit})
		n.spare = append(n.spare, m.class)
	}
	m.class, m.counted = none, 0
}

// findClass returns the class of a link and a limit; a kept one stays when it is
// empty.
func (n *Network) findClass(l Link, limit float64, kept bool) int32 {
	key := classKey{l, limit}
	id, ok := n.classOf[key]
	switch last := len(n.spare) - 1; {
	case ok:
		n.classes[id].kept = n.classes[id].kept || kept
		return id
	case last >= 0:
		id = n.spare[last]
		n.spare = n.spare[:last]
		n.classes[id] = class{limit: limit, link: l, kept: kept, members: heap{n.classes[id].members.items[:0]}}
	default:
		id = int32(len(n.classes))
		n.classes = append(n.classes, class{limit: limit, link: l, kept: kept})
		n.limitAt, n.endAt = append(n.limitAt, none), append(n.endAt, none)
	}
	if n.classOf == nil {
		n.classOf = make(map[classKey]int32)
	}
	n.classOf[key] = id
	return id
}

// count changes a class's number of flows. A class that gets its first stands
// high if its limit is above the link's level, or cannot be reached.
func (n *Network) count(id, flows int32) {
	c := &n.classes[id]
	l := &n.links[c.link]
	l.advance(n.now)
	if c.flows == 0 {
		c.high = c.limit > l.level || c.limit >= l.capacity
		c.clock, c.at = 0, n.now
		if c.high {
			if l.ownHigh == 0 {
				l.clock = 0
			}
			c.clock = -l.clock
			l.highLimit.set(n.limitAt, id, c.limit)
		} else {
			l.lowLimit.set(n.limitAt, id, -c.limit)
		}
	}
	c.flows += flows
	if c.high {
		l.ownHigh += float64(flows)
	} else {
		l.addLow(n, float64(flows)*c.limit)
	}
	if c.flows == 0 {
		l.limits(c.high).remove(n.limitAt, id)
	}
}

func (l *link) limits(high bool) *heap {
	if high {
		return &l.highLimit
	}
	return &l.lowLimit
}

func (l *link) ends(high bool) *heap {
	if high {
		return &l.highEnd
	}
	return &l.lowEnd
}

// addLow changes the sum of the low classes' rates, and from time to time sums
// anew, so that rounding does not add up.
func (l *link) addLow(n *Network, rate float64) {
	l.ownLow += rate
	if l.changes++; l.changes%4096 == 0 || len(l.lowLimit.items) <= 1 {
		l.ownLow = 0
		for _, x := range l.lowLimit.items {
			c := &n.classes[x.id]
			l.ownLow += float64(c.flows) * c.limit
		}
	}
}

// queue notes when a class's first flow ends.
func (n *Network) queue(id int32) {
	c := &n.classes[id]
	l := &n.links[c.link]
	switch {
	case c.members.empty():
		l.ends(c.high).remove(n.endAt, id)
	case c.high:
		l.highEnd.set(n.endAt, id, c.members.items[0].key-c.clock)
	default:
		l.lowEnd.set(n.endAt, id, float64(c.at)+(c.members.items[0].key-c.clock)/c.limit*1e9)
	}
}

// rounds is more than any tree needs; rounding could otherwise turn a class that
// stands exactly at the level to and fro for ever.
const rounds = 1000

// level finds the levels of a tree, and which flow ends first below each link.
func (n *Network) level(tree []Link) {
	for _, i := range tree {
		n.links[i].advance(n.now)
	}
	for range rounds {
		n.sum(tree)
		if !n.improve(tree) {
			break
		}
	}
	for _, i := range tree {
		n.links[i].plan(n.now)
	}
}

// sum adds up the pieces, children into parents.
func (n *Network) sum(tree []Link) {
	for _, i := range tree {
		l := &n.links[i]
		l.low, l.high = l.ownLow, l.ownHigh
	}
	for k := len(tree) - 1; k > 0; k-- {
		l := &n.links[tree[k]]
		p := &n.links[l.parent]
		if l.saturated {
			p.low += l.capacity
		} else {
			p.low += l.low
			p.high += l.high
		}
	}
}

// improve computes the levels from the pieces and says whether a piece was not
// the one at its level; then it is put right.
func (n *Network) improve(tree []Link) (changed bool) {
	for _, i := range tree {
		l := &n.links[i]
		above := math.Inf(1)
		if l.parent != NoLink {
			above = n.links[l.parent].level
		}
		own := l.ownLevel()
		if full := own < above; full != l.saturated {
			l.saturated, changed = full, true
		}
		l.level = min(own, above)
		for !l.lowLimit.empty() && -l.lowLimit.items[0].key > l.level {
			n.raise(l, l.lowLimit.items[0].id)
			changed = true
		}
		for !l.highLimit.empty() && l.highLimit.items[0].key < l.level {
			n.lower(l, l.highLimit.items[0].id)
			changed = true
		}
	}
	return changed
}

// ownLevel is where the link is full by its present piece.
func (l *link) ownLevel() float64 {
	switch {
	case math.IsInf(l.capacity, 1):
		return math.Inf(1)
	case l.high > 0:
		return (l.capacity - l.low) / l.high
	case l.low > l.capacity*(1+1e-12):
		return 0
	}
	return math.Inf(1)
}

// raise puts a low class among the high ones, lower the other way round; its
// clock goes on.
func (n *Network) raise(l *link, id int32) {
	c := &n.classes[id]
	now := n.classClock(c)
	l.lowLimit.remove(n.limitAt, id)
	l.addLow(n, -float64(c.flows)*c.limit)
	l.lowEnd.remove(n.endAt, id)
	if l.ownHigh == 0 {
		l.clock = 0
	}
	l.ownHigh += float64(c.flows)
	c.high, c.clock = true, now-l.clock
	l.highLimit.set(n.limitAt, id, c.limit)
	n.queue(id)
}

func (n *Network) lower(l *link, id int32) {
	c := &n.classes[id]
	now := l.clock + c.clock
	l.highLimit.remove(n.limitAt, id)
	l.ownHigh -= float64(c.flows)
	l.highEnd.remove(n.endAt, id)
	c.high, c.clock, c.at = false, now, n.now
	l.lowLimit.set(n.limitAt, id, -c.limit)
	l.addLow(n, float64(c.flows)*c.limit)
	n.queue(id)
}

// mostSeconds (100 years) keeps a time far from the end of time.Duration.
const mostSeconds = 100 * 365 * 24 * 3600

// plan notes when a flow below the link ends first.
func (l *link) plan(now time.Duration) {
	end := math.Inf(1)
	if !l.lowEnd.empty() {
		end = l.lowEnd.items[0].key
	}
	if !l.highEnd.empty() {
		end = min(end, l.highEndsAt())
	}
	switch {
	case l.lowEnd.empty() && l.highEnd.empty():
		l.next = never
	case end > mostSeconds*1e9:
		l.next = mostSeconds * 1e9
	default:
		l.next = max(now, time.Duration(math.Round(end)))
	}
}

// highEndsAt is when the first flow of a high class ends, in nanoseconds.
func (l *link) highEndsAt() float64 {
	return float64(l.at) + (l.highEnd.items[0].key-l.clock)/l.level*1e9
}

// firstMember is the member with the flow that ends first below a link.
func (n *Network) firstMember(i Link) int32 {
	l := &n.links[i]
	first := &l.highEnd
	if l.highEnd.empty() || !l.lowEnd.empty() && l.lowEnd.items[0].key <= l.highEndsAt() {
		first = &l.lowEnd
	}
	return n.classes[first.items[0].id].members.items[0].id
}
