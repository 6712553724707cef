package simulate

// The tags of unpacks: the pull and the place of the layer among its units.
func unpackTag(pid int32, unit int) int64 { return int64(pid)<<16 | int64(unit) }

// advance does what can be done now: unpacks the first layer not yet unpacked
// when its blob is there, or with parallel unpack every layer whose blob is.
func (n *node) advance(e *engine, pid int32, p *pull) {
	if p.state != fetching {
		return
	}
	own := p.steps
	for int(p.unit) < len(own.units) && n.chains.state(int(own.units[p.unit].chain)) == present {
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
		if u.layer >= 0 && n.chains.state(int(u.chain)) == claimed && n.blobs.state(int(u.layer)) == present {
			if int64(n.unpack.Tasks()) >= n.class.Unpack.MaxConcurrent.Value {
				return
			}
			n.beginUnpack(e, pid, p, i)
		}
		if !n.class.Unpack.Parallel.Value {
			return
		}
	}
}

// beginUnpack begins to unpack a layer; it is then marked by a negative number.
func (n *node) beginUnpack(e *engine, pid int32, p *pull, i int) {
	s := e.startups.At(p.startup)
	u := &p.steps.units[i]
	facts := &e.w.layers[u.layer]
	e.account(s)
	s.unpacking++
	n.unpack.Start(e.now, n.class.demand(facts), unpackTag(pid, i))
	e.rec.unpackBegins(pid, p, i)
	if e.tracing {
		e.trackUnpacking(pid, p, i)
	}
	u.layer = ^u.layer
	n.plan(e, s.node)
}

// stopUnpack gives up the unpack of a layer, if there is one: a cache's disk has
// brought it.
func (n *node) stopUnpack(e *engine, pid int32, p *pull, i int) {
	u := &p.steps.units[i]
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
	s.unpacked += e.w.layers[u.layer].unpacked
	if e.tracing {
		e.trackUnpacked(pid, p, i, u.layer)
	}
	n.setChain(e, int(u.chain), false)
	n.wake(e)
}
