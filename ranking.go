package cachebench

// ranking keeps the nodes of a pool in an order, so that the first with room is
// found without looking at all: a treap, of which every part knows the least CPU
// and memory in use in it.
type ranking struct {
	// before is the order, which is total.
	before func(a, b int32) bool
	nodes  []rankedNode
	root   int32
}

type rankedNode struct {
	left, right int32
	// own is what is in use on the node, least the least of each in the part below it.
	own, least inUse
}

// inUse is what starts on a node ask for together.
type inUse struct{ cpu, memoryGiB float64 }

const noNode = -1

func newRanking(n int, before func(a, b int32) bool) *ranking {
	return &ranking{before: before, nodes: make([]rankedNode, n), root: noNode}
}

// add puts a node, which is not there, in its place.
func (r *ranking) add(i int32, own inUse) {
	r.nodes[i] = rankedNode{left: noNode, right: noNode, own: own, least: own}
	r.root = r.insert(r.root, i)
}

// remove takes a node out, whose place in the order is the one with which it came.
func (r *ranking) remove(i int32) { r.root = r.delete(r.root, i) }

// first is the first node that has room, noNode where none has. Room is a function
// of what is in use, and where there is room there is with less in use.
func (r *ranking) first(room func(inUse) bool) int32 { return r.firstOf(r.root, room) }

func (r *ranking) firstOf(t int32, room func(inUse) bool) int32 {
	for t != noNode && room(r.nodes[t].least) {
		n := &r.nodes[t]
		if x := r.firstOf(n.left, room); x != noNode {
			return x
		}
		if room(n.own) {
			return t
		}
		t = n.right
	}
	return noNode
}

// weight decides which of two nodes is above the other, as if drawn at random.
func weight(i int32) uint32 {
	x := uint32(i) * 0x9e3779b1
	x ^= x >> 15
	x *= 0x85ebca77
	return x ^ x>>13
}

func (r *ranking) insert(t, i int32) int32 {
	switch {
	case t == noNode:
		return i
	case weight(i) > weight(t):
		r.nodes[i].left, r.nodes[i].right = r.split(t, i)
		t = i
	case r.before(i, t):
		r.nodes[t].left = r.insert(r.nodes[t].left, i)
	default:
		r.nodes[t].right = r.insert(r.nodes[t].right, i)
	}
	r.sum(t)
	return t
}

func (r *ranking) delete(t, i int32) int32 {
	switch {
	case t == i:
		return r.merge(r.nodes[t].left, r.nodes[t].right)
	case r.before(i, t):
		r.nodes[t].left = r.delete(r.nodes[t].left, i)
	default:
		r.nodes[t].right = r.delete(r.nodes[t].right, i)
	}
	r.sum(t)
	return t
}

// split parts what is before node i from what is after it.
func (r *ranking) split(t, i int32) (before, after int32) {
	if t == noNode {
		return noNode, noNode
	}
	n := &r.nodes[t]
	if r.before(i, t) {
		before, n.left = r.split(n.left, i)
		after = t
	} else {
		n.right, after = r.split(n.right, i)
		before = t
	}
	r.sum(t)
	return before, after
}

func (r *ranking) merge(a, b int32) int32 {
	switch {
	case a == noNode:
		return b
	case b == noNode:
		return a
	case weight(a) > weight(b):
		r.nodes[a].right = r.merge(r.nodes[a].right, b)
		r.sum(a)
		return a
	}
	r.nodes[b].left = r.merge(a, r.nodes[b].left)
	r.sum(b)
	return b
}

func (r *ranking) sum(t int32) {
	n := &r.nodes[t]
	n.least = n.own
	for _, below := range [2]int32{n.left, n.right} {
		if below != noNode {
			least := &r.nodes[below].least
			n.least = inUse{min(n.least.cpu, least.cpu), min(n.least.memoryGiB, least.memoryGiB)}
		}
	}
}
