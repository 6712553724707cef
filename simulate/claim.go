package simulate

import (
	"cmp"
	"slices"
)

// turn lets a pull begin if the node pulls fewer images than it may at once; else
// it waits for its turn.
func (n *node) turn(e *engine, pid int32, c *class) bool {
	if n.pulling < c.Pull.MaxParallelPulls.Value {
		n.pulling++
		return true
	}
	n.turns = append(n.turns, pid)
	return false
}

// pass gives a pull's turn to the next. The next asks the registry even where
// another pull has brought its image meanwhile: the kubelet looks at what is
// present before it queues (kubernetes v1.33.13, pkg/kubelet/images/image_manager.go).
func (n *node) pass(e *engine, c *class) {
	n.pulling--
	for len(n.turns) > 0 && n.pulling < c.Pull.MaxParallelPulls.Value {
		pid := n.turns[0]
		n.turns = n.turns[1:]
		n.pulling++
		p := e.pulls.At(pid)
		e.rec.turned(pid, p)
		e.trackWaited(pid, p, WaitTurn)
		e.resolve(pid, p)
	}
}

// contender is a pull that resolved while others of its instant are yet to.
type contender struct {
	key uint64
	pid int32
	age uint16
}

// contend lets a pull claim once all that resolve at this instant have, in an order
// that is drawn: which of several pulls at once comes to the layers that they share
// first is chance where the client's fetchers race, and it decides whose other layers
// come along with them.
func (n *node) contend(e *engine, id, pid int32, p *pull) {
	s := e.startups.At(p.startup)
	image := e.templates.At(s.template).pulls[p.image].image
	key := e.dice.bits64(s.rank, drawClaim, e.w.imageKeys[image])
	if n.contenders = append(n.contenders, contender{key, pid, p.age}); len(n.contenders) == 1 {
		e.at(e.now, contended, id, 0, 0)
	}
}

// settleClaims serves those that contend, in the order of their draws.
func (n *node) settleClaims(e *engine) {
	list := n.contenders
	n.contenders = nil // who begins now contends with the next
	slices.SortFunc(list, func(x, y contender) int { return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.pid, y.pid)) })
	for _, c := range list {
		if p := e.pulls.At(c.pid); p.age == c.age && p.state == waiting {
			n.claim(e, c.pid, p)
		}
	}
}

// claim takes the layers that are missing. Where another pull on the node is at
// the first of them, it waits until that one is unpacked (facts on real pulls,
// point 4).
func (n *node) claim(e *engine, pid int32, p *pull) {
	s := e.startups.At(p.startup)
	t := e.templates.At(s.template)
	image := t.pulls[p.image].image
	for _, c := range e.w.chainIDs[image] {
		state := n.chain(e, c)
		if state == claimed {
			return
		}
		if state == absent {
			break
		}
	}
	e.rec.claims(pid, p)
	e.trackWaited(pid, p, WaitOtherPull)
	p.state = fetching
	if p.own == none {
		p.own = e.own.Take()
	}
	p.steps = e.own.At(p.own)
	own := p.steps
	own.fetch, own.units, own.unpacked = own.fetch[:0], own.units[:0], 0
	if n.lacksAll(e, image) {
		own.fetch, own.units = append(own.fetch, e.w.cold[image].fetch...), append(own.units, e.w.cold[image].units...)
		own.unpacked = e.w.cold[image].unpacked
		n.claimAll(e, image)
	} else {
		e.w.addSteps(own, image,
			func(c int32) bool { return n.chain(e, c) == present },
			func(l int32) bool { return n.blob(e, l) != absent })
		for _, u := range own.units {
			n.claimChain(e, u.chain)
		}
		for _, l := range own.fetch {
			n.claimBlob(e, l)
		}
	}
	p.arrived, p.fetchNext, p.unit = 0, 0, 0
	delete(e.wide, pid)
	if len(own.units) == 0 {
		e.endPull(pid, p)
		return
	}
	e.ordered(p, s, t, len(own.fetch))
	age := p.age
	if len(own.fetch) > 0 {
		n.demandSlots(e, pid, p, s)
	}
	if p.age == age {
		n.advance(e, pid, p)
	}
}

// demandSlots begins the downloads of a pull, or queues it for the daemon's slots.
func (n *node) demandSlots(e *engine, pid int32, p *pull, s *startup) {
	if !n.class.daemonSlots {
		e.fetchMore(pid, p, s)
		return
	}
	if !slices.Contains(n.queue, pid) {
		n.queue = append(n.queue, pid)
		e.trackWait(pid, p, WaitSlot)
	}
	n.grant(e)
}

// unclaim gives up what a pull that ends has not asked for yet: a cache's disk has
// brought the layers. Who waits for a blob of it fetches that itself (adopt).
func (n *node) unclaim(e *engine, pid int32, p *pull) (any bool) {
	if int(p.fetchNext) == len(p.steps.fetch) {
		return false
	}
	n.queue = slices.DeleteFunc(n.queue, func(x int32) bool { return x == pid })
	e.trackWaited(pid, p, WaitSlot)
	for k := int(p.fetchNext); k < len(p.steps.fetch); k++ {
		n.unclaimBlob(e, p.steps.fetch[e.place(p, k)])
	}
	return true
}

// grant gives free slots to the pulls in the queue, first come first served.
func (n *node) grant(e *engine) {
	for n.free > 0 && len(n.queue) > 0 {
		pid := n.queue[0]
		p := e.pulls.At(pid)
		s := e.startups.At(p.startup)
		n.free--
		if p.state == resolving {
			n.queue = n.queue[1:]
			e.ask(pid, p, s, uint64(p.requests-1), -1, 0)
			continue
		}
		if !e.fetchNext(pid, p, s) {
			n.free++
			n.queue = n.queue[1:]
		}
	}
}

// arrived notes that a blob is there.
func (n *node) arrived(e *engine, pid int32, p *pull, layer int32) {
	n.setBlob(e, layer)
	s := e.startups.At(p.startup)
	n.refetches(e, layer, p.startup)
	if !n.class.daemonSlots {
		e.fetchMore(pid, p, s)
	} else {
		n.free++
		n.grant(e)
	}
	n.wake(e)
}

// wake lets the pulls under way go on after a change.
func (n *node) wake(e *engine) {
	for i := 0; i < len(n.active); i++ {
		pid := n.active[i]
		p := e.pulls.At(pid)
		if p.state == waiting {
			n.claim(e, pid, p)
		} else {
			n.advance(e, pid, p)
		}
		if i < len(n.active) && n.active[i] != pid {
			i = -1 // it has ended, and perhaps begun others: look again
		}
	}
	n.passSlots(e)
}

// nodeFetching tells a node what it takes in, where that slows its unpacks. It is
// called when a transfer or an unpack of the node begins or ends; what transfers to
// other nodes change of its rate in between shows at the next such time.
func (e *engine) nodeFetching(s *startup) {
	if s.node == none {
		return
	}
	n := e.nodes[s.node]
	if !n.class.costs.SlowedByTransfers() {
		return
	}
	fetching := slices.ContainsFunc(n.active, func(pid int32) bool { return e.sending(pid, e.pulls.At(pid)) > 0 })
	rate := e.net.NodeRate(n.net)
	if fetching != n.fetching || rate != n.fetchRate {
		n.fetching, n.fetchRate = fetching, rate
		n.unpack.Fetching(e.now, fetching, float64(rate))
		n.plan(e, s.node)
	}
}
