package network

import (
	"cmp"
	"math"
	"slices"
)

// part is one flow of a node whose flows have different caps: a member of its
// own, whose limit is its fair share of the node's own link. Since a flow's rate
// is the least of the limits on its path, sharing the own link first and the rest
// of the path afterwards gives the same rates.
type part struct {
	member int32
	cap    float64
}

// startMixed adds a flow to a node whose flows have different caps from now on.
func (n *Network) startMixed(node Node, bytes, cap float64, tag int64) {
	m := n.members.At(int32(node))
	if !m.mixed {
		m.mixed = true
		n.split(node, m)
	}
	n.startPart(node, bytes, cap, tag)
}

// split makes each flow of a node a part.
func (n *Network) split(node Node, m *member) {
	clock := n.clock(m)
	for _, x := range n.flowsOf(m) {
		n.startPart(node, x.end-clock, n.speeds[m.speed].cap, x.tag)
	}
	for m.flows > 0 {
		n.drop(int32(node), m, 0)
	}
}

func (n *Network) startPart(node Node, bytes, cap float64, tag int64) {
	if n.parts == nil {
		n.parts = make(map[Node][]part)
	}
	id := n.newMember(n.members.At(int32(node)).speed)
	m := n.members.At(id)
	m.node = node
	n.insert(id, m, bytes, tag)
	n.parts[node] = append(n.parts[node], part{id, cap})
}

// moveParts puts the parts of a node into their classes: from the smallest cap
// on, each has its cap, or an equal share of what the smaller ones leave of the
// node's own link.
func (n *Network) moveParts(node Node) {
	parts := slices.DeleteFunc(n.parts[node], func(p part) bool {
		m := n.members.At(p.member)
		if m.flows > 0 {
			return false
		}
		n.leave(p.member, m)
		n.members.Give(p.member)
		return true
	})
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(a.cap, b.cap) })
	n.parts[node] = parts
	s := &n.speeds[n.members.At(int32(node)).speed].speedKey
	left, share := s.rate, math.NaN()
	for i, p := range parts {
		limit := share
		if math.IsNaN(share) {
			if equal := left / float64(len(parts)-i); p.cap <= equal {
				limit = p.cap
				left -= p.cap
			} else {
				limit, share = equal, equal
			}
		}
		n.enter(p.member, n.members.At(p.member), n.findClass(s.link, limit, false))
	}
}

// capOf is the cap of a member's flows.
func (n *Network) capOf(id int32, m *member) float64 {
	if m.node == none {
		return n.speeds[m.speed].cap
	}
	parts := n.parts[m.node]
	return parts[slices.IndexFunc(parts, func(p part) bool { return p.member == id })].cap
}
