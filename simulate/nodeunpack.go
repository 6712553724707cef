package simulate

import "slices"

// The tags of unpacks: the pull and the place of the layer among its units.
func unpackTag(pid int32, unit int) int64 { return int64(pid)<<16 | int64(unit) }

// advance does what can be done now: unpacks the first layer not yet unpacked
// when its blob is there, or with parallel unpack every layer whose blob is. A
// layer takes its slot of unpack.maxConcurrent before its blob is there, from the
// base up, and holds it until it is unpacked (containerd 2.2 to 2.4,
// core/unpack/unpacker.go, topHalf).
func (n *node) advance(e *engine, pid int32, p *pull) {
	if p.state != fetching {
		return
	}
	own := p.steps
	for int(p.unit) < len(own.units) && n.chain(e, own.units[p.unit].chain) == present {
		n.stopUnpack(e, pid, p, int(p.unit))
		p.unit++
	}
	if int(p.unit) == len(own.units) {
		if p.inFlight == 0 {
			e.endPull(pid, p)
		}
		return
	}
	for i := int(p.unit); i < len(own.units); i++ {
		u := &own.units[i]
		if n.chain(e, u.chain) == claimed {
			if !n.takeSlot(pid, u) {
				e.rec.wantsUnpack(pid, p)
				return
			}
			if u.layer >= 0 && n.blob(e, u.layer) == present {
				n.beginUnpack(e, pid, p, i)
			}
		}
		if !n.class.Unpack.Parallel.Value {
			return
		}
	}
}

// takeSlot gives a layer a slot to unpack in; the pull of one that must wait for
// it stands in line.
func (n *node) takeSlot(pid int32, u *unit) bool {
	switch {
	case u.slot:
	case n.unpackSlots > 0 && len(n.unpackLine) == 0:
		n.unpackSlots--
		u.slot = true
	case !slices.Contains(n.unpackLine, pid):
		n.unpackLine = append(n.unpackLine, pid)
	}
	return u.slot
}

func (n *node) freeSlot(u *unit) {
	if u.slot {
		u.slot = false
		n.unpackSlots++
	}
}

// passSlots gives free slots to the pulls in line, one each.
func (n *node) passSlots(e *engine) {
	for n.unpackSlots > 0 && len(n.unpackLine) > 0 {
		pid := n.unpackLine[0]
		n.unpackLine = n.unpackLine[1:]
		p := e.pulls.At(pid)
		units := p.steps.units[p.unit:]
		i := slices.IndexFunc(units, func(u unit) bool { return !u.slot && n.chain(e, u.chain) == claimed })
		if i >= 0 {
			n.unpackSlots--
			units[i].slot = true
			n.advance(e, pid, p)
		}
	}
}

// leaveLine takes a pull that ends out of the line for slots.
func (n *node) leaveLine(pid int32) {
	n.unpackLine = slices.DeleteFunc(n.unpackLine, func(x int32) bool { return x == pid })
}

// beginUnpack begins to unpack a layer; it is then marked by a negative number.
func (n *node) beginUnpack(e *engine, pid int32, p *pull, i int) {
	s := e.startups.At(p.startup)
	u := &p.steps.units[i]
	facts := &e.w.layers[u.layer]
	e.account(s)
	s.unpacking++
	e.nodeFetching(s)
	n.unpack.Start(e.now, n.class.demand(facts), unpackTag(pid, i))
	e.rec.unpackBegins(pid, p, i)
	if e.tracing {
		e.trackUnpacking(pid, p, i)
	}
	u.layer = ^u.layer
	n.plan(e, s.node)
}

// stopUnpack gives up the unpack of a layer, if there is one, and its slot: a
// cache's disk has brought it, or the pull is abandoned.
func (n *node) stopUnpack(e *engine, pid int32, p *pull, i int) {
	u := &p.steps.units[i]
	n.freeSlot(u)
	if u.layer >= 0 {
		return
	}
	s := e.startups.At(p.startup)
	u.layer = ^u.layer
	e.account(s)
	s.unpacking--
	if e.tracing {
		e.closes(p, Unpack, pid, i, u.layer, 0)
	}
	e.rec.unpackEnds(pid, p, i)
	n.unpack.Finish(e.now, unpackTag(pid, i))
	n.plan(e, s.node)
}

// plan sets the event of the end of the first unpack.
func (n *node) plan(e *engine, id int32) {
	n.plans++
	if _, at, ok := n.unpack.Next(); ok {
		e.at(at, unpacked, id, n.plans, 0)
	}
}

// endUnpack ends the first unpack of a node.
func (e *engine) endUnpack(n *node) {
	tag, _, _ := n.unpack.Next()
	pid, i := int32(tag>>16), int(tag&0xffff)
	p := e.pulls.At(pid)
	s := e.startups.At(p.startup)
	e.rec.unpackEnds(pid, p, i)
	n.unpack.Finish(e.now, tag)
	n.plan(e, s.node)
	e.account(s)
	s.unpacking--
	u := &p.steps.units[i]
	u.layer = ^u.layer
	n.freeSlot(u)
	s.unpacked += e.w.layers[u.layer].unpacked
	if e.tracing {
		e.trackUnpacked(pid, p, i, u.layer)
	}
	n.setChain(e, u.chain, false)
	n.wake(e)
}
