package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// pull is one image on its way to one node. Its steps are its template's on an
// instance of its own, and worked out when it begins on a node that keeps what it
// holds.
type pull struct {
	steps   *steps
	startup int32
	image   int32 // in the template's list
	own     int32 // its steps in engine.own, none where they are the template's
	order   int32 // of the requests, in engine.orders; none for manifest order
	// arrived has a bit for each layer to fetch, of the first 64.
	arrived   uint64
	fetchNext uint16 // in the order of the requests
	unit      uint16 // first not yet unpacked
	inFlight  uint16
	opened    uint16 // connections
	requests  uint8  // left before the first layer
	tries     uint8  // of the present request
	failures  uint8  // of the pull
	age       uint16
	state     pullState
}

type pullState uint8

const (
	resting pullState = iota
	queued            // for its turn on the node
	resolving
	waiting // for another pull's unpack of its first missing layer
	fetching
	backingOff
)

// beginPull begins the pull of an image, unless it is present and need not be
// asked for.
func (e *engine) beginPull(id int32, s *startup, t *template, image int32) {
	var n *node
	if s.node != none {
		n = e.nodes[s.node]
		if n.has(e, t.pulls[image].image) && !t.pulls[image].again {
			n.use(e, t.pulls[image].image)
			e.imagePulled(id, s, t)
			return
		}
	} else if t.pulls[image].skip {
		e.imagePulled(id, s, t)
		return
	}
	pid := e.pulls.take()
	p := e.pulls.at(pid)
	*p = pull{steps: t.pulls[image].steps, startup: id, image: image, own: none, order: none, age: p.age + 1}
	if n != nil && !n.turn(e, pid, t.class) {
		p.state = queued
		return
	}
	e.resolve(pid, p)
}

// resolve asks for what precedes the layers.
func (e *engine) resolve(pid int32, p *pull) {
	s := e.startups.at(p.startup)
	t := e.templates.at(s.template)
	e.account(s)
	s.resolving++
	p.state = resolving
	p.requests = uint8(min(255, e.w.requests(t.class, t.pulls[p.image].image)))
	p.tries, p.opened = 0, 0
	e.trackResolve(pid, p)
	if e.patient(t.class, s) {
		var wait time.Duration
		for p.requests > 0 {
			p.requests--
			e.observer.request(e.now + wait)
			wait += e.answer(p, s, t, uint64(p.requests), true)
		}
		e.afterPull(wait, resolved, pid, p, 0)
		return
	}
	e.resolveNext(pid, p)
}

// patient says that nothing can come between the requests of a pull: the registry
// answers all, at once, and they take no download slot.
func (e *engine) patient(c *class, s *startup) bool {
	n := &e.w.profile.Network
	return math.IsInf(n.RegistryRequests.Value, 1) && n.ErrorFraction.Value == 0 && len(e.opt.Faults) == 0 &&
		(!c.Pull.SlotRequests.Value || s.node == none)
}

func (e *engine) resolveNext(pid int32, p *pull) {
	if p.requests == 0 {
		e.stepPull(event{kind: resolved, id: pid}, p)
		return
	}
	s := e.startups.at(p.startup)
	t := e.templates.at(s.template)
	if n := e.slotted(p, s, t); n != nil {
		n.queue = append(n.queue, pid)
		n.grant(e)
		return
	}
	e.ask(pid, p, s, t, uint64(p.requests-1), -1)
}

// slotted returns the node whose download slots the next request before the
// layers needs: where the daemon's slots hold for all requests with a body, all
// but those for tokens and the first, which asks whether the image exists.
func (e *engine) slotted(p *pull, s *startup, t *template) *node {
	c := t.class
	if s.node == none || !c.Pull.SlotRequests.Value || !c.daemonSlots {
		return nil
	}
	if bodies := e.w.requests(c, t.pulls[p.image].image) - int(c.Network.TokenRequests.Value) - 1; int(p.requests) > bodies {
		return nil
	}
	return e.nodes[s.node]
}

func (e *engine) answeredResolve(pid int32, p *pull) {
	s := e.startups.at(p.startup)
	n := e.slotted(p, s, e.templates.at(s.template))
	p.requests--
	p.inFlight--
	if n != nil {
		n.free++
	}
	e.resolveNext(pid, p)
	if n != nil {
		n.grant(e)
	}
}

// answer is the time from a request to the first byte of its answer, with that of
// opening a connection where there is none to use.
func (e *engine) answer(p *pull, s *startup, t *template, of uint64, resolving bool) time.Duration {
	c := t.class
	if c.quick {
		return 0
	}
	key := of
	if resolving {
		key = mix(e.w.imageKeys[t.pulls[p.image].image] + of)
	}
	n := &c.Network
	trip := e.drawTime(&n.RoundTrip, s.rank, drawRoundTrip, key)
	d := trip + e.drawTime(&n.Request, s.rank, drawRequest, key)
	if !resolving {
		d *= time.Duration(n.BlobRequests.Value)
	}
	if p.inFlight >= p.opened {
		p.opened++
		d += trip * time.Duration(n.ConnectRoundTrips.Value)
	}
	return d
}

// ask sends a request of a pull: for the layer at place fetch of its steps, or
// before the layers for fetch -1.
func (e *engine) ask(pid int32, p *pull, s *startup, t *template, of uint64, fetch int32) {
	begin, ok := e.registryTakes(s, of)
	wait := begin - e.now + e.answer(p, s, t, of, fetch < 0)
	p.inFlight++
	kind := answered
	if !ok {
		kind = refused
	}
	e.afterPull(wait, kind, pid, p, fetch)
}

func (e *engine) afterPull(d time.Duration, kind eventKind, pid int32, p *pull, arg int32) {
	if d == 0 {
		e.stepPull(event{kind: kind, id: pid, arg: arg}, p)
		return
	}
	e.at(e.now+d, kind, pid, arg, p.age)
}

func (e *engine) stepPull(x event, p *pull) {
	switch x.kind {
	case resolved:
		e.resolvedPull(x.id, p)
	case answered:
		p.tries = 0
		if x.arg < 0 {
			e.answeredResolve(x.id, p)
			return
		}
		e.startFlow(x.id, p, int(x.arg))
	case refused:
		e.refusedRequest(x.id, p, x.arg)
	case fetchAgain:
		s := e.startups.at(p.startup)
		t := e.templates.at(s.template)
		of := uint64(p.requests - 1)
		if x.arg >= 0 {
			of = e.w.layers[p.steps.fetch[x.arg]].key
		}
		p.inFlight--
		e.ask(x.id, p, s, t, of+uint64(p.tries)<<32, x.arg)
	case pulled:
		e.endPull(x.id, p)
	case retried:
		e.retry(x.id, p)
	}
}

// resolvedPull puts a pull to work.
func (e *engine) resolvedPull(pid int32, p *pull) {
	s := e.startups.at(p.startup)
	t := e.templates.at(s.template)
	e.account(s)
	s.resolving--
	e.trackResolved(pid, p)
	p.state = fetching
	if s.node != none {
		n := e.nodes[s.node]
		n.lease(e, t.pulls[p.image].image)
		n.active = append(n.active, pid)
		p.state = waiting
		n.claim(e, pid, p)
		return
	}
	e.ordered(p, s, t, len(t.pulls[p.image].steps.fetch))
	if len(t.pulls[p.image].steps.units) == 0 {
		e.endPull(pid, p)
		return
	}
	age := p.age
	e.fetchMore(pid, p, s, t)
	if p.age == age {
		e.lane(pid, p, s, t)
	}
}

// ordered draws the order of the requests: the last layer first and the rest at
// random, where the client's fetchers race (facts on real pulls, point 2).
func (e *engine) ordered(p *pull, s *startup, t *template, n int) {
	if !t.class.race || n < 2 {
		return
	}
	if p.order == none {
		p.order = e.orders.take()
	}
	order := e.orders.at(p.order)
	*order = (*order)[:0]
	for i := range n {
		*order = append(*order, uint16(i))
	}
	o := *order
	o[0], o[n-1] = o[n-1], o[0]
	shuffle(o[1:], e.dice.bits64(s.rank, drawOrder, e.w.imageKeys[t.pulls[p.image].image]))
}

// place is the k-th layer to ask for, as a place in the steps.
func (e *engine) place(p *pull, k int) int {
	if p.order == none {
		return k
	}
	return int((*e.orders.at(p.order))[k])
}

// fetchMore asks for layers while the pull may have more transfers at once.
func (e *engine) fetchMore(pid int32, p *pull, s *startup, t *template) {
	age := p.age
	for int64(p.inFlight) < t.class.downloads && e.fetchNext(pid, p, s, t) && p.age == age {
	}
}

// fetchNext asks for the next layer; false when there is none left.
func (e *engine) fetchNext(pid int32, p *pull, s *startup, t *template) bool {
	fetch := p.steps.fetch
	for int(p.fetchNext) < len(fetch) {
		i := e.place(p, int(p.fetchNext))
		p.fetchNext++
		if e.hasArrived(pid, p, i) {
			continue
		}
		e.account(s)
		s.fetching++
		p.tries = 0
		e.trackFetch(pid, p, i)
		e.ask(pid, p, s, t, e.w.layers[fetch[i]].key, int32(i))
		e.nodeFetching(s)
		return true
	}
	return false
}

// startFlow begins the transfer of a layer.
func (e *engine) startFlow(pid int32, p *pull, i int) {
	s := e.startups.at(p.startup)
	t := e.templates.at(s.template)
	layer := p.steps.fetch[i]
	facts := &e.w.layers[layer]
	bytes := facts.compressed
	if len(e.partial) > 0 {
		if left, ok := e.partial[partialKey{pid, layer}]; ok {
			bytes = left
			delete(e.partial, partialKey{pid, layer})
		}
	}
	cap := t.class.connection
	if t.class.drawn {
		cap = e.drawRate(&t.class.Network.Connection, s.rank, drawConnection, facts.key)
	}
	e.net.Start(e.now, e.netNode(s, t), bytes, cap, int64(pid)<<16|int64(i))
}

// netNode is a startup's node in the network.
func (e *engine) netNode(s *startup, t *template) network.Node {
	if s.node != none {
		return e.nodes[s.node].net
	}
	if s.netNode == none {
		s.netNode = e.net.AddNode(e.link(t.class), t.class.rate, t.class.connection)
	}
	return s.netNode
}

// arrived ends a transfer.
func (e *engine) arrived(pid int32, i int) {
	if pid < 0 {
		e.endRead(-1 - pid)
		return
	}
	p := e.pulls.at(pid)
	s := e.startups.at(p.startup)
	t := e.templates.at(s.template)
	e.account(s)
	s.fetching--
	p.inFlight--
	p.failures = 0
	layer := p.steps.fetch[i]
	s.fetched += e.w.layers[layer].compressed
	e.setArrived(pid, p, i)
	e.trackFetched(pid, p, i)
	if s.node != none {
		e.nodeFetching(s)
		e.nodes[s.node].arrived(e, pid, p, layer)
		return
	}
	e.fetchMore(pid, p, s, t)
	e.lane(pid, p, s, t)
}

func (e *engine) hasArrived(pid int32, p *pull, i int) bool {
	if i < 64 {
		return p.arrived&(1<<i) != 0
	}
	words := e.wide[pid]
	return i>>6 < len(words) && words[i>>6]&(1<<(i&63)) != 0
}

func (e *engine) setArrived(pid int32, p *pull, i int) {
	if i < 64 {
		p.arrived |= 1 << i
		return
	}
	if e.wide == nil {
		e.wide = make(map[int32][]uint64)
	}
	words := e.wide[pid]
	for len(words) <= i>>6 {
		words = append(words, 0)
	}
	words[i>>6] |= 1 << (i & 63)
	e.wide[pid] = words
}

// lane unpacks what can be unpacked on an instance of its own: each layer when it
// is there and the one below is done. Since nothing comes between, the ends are
// known at once; the event is only that of the last.
func (e *engine) lane(pid int32, p *pull, s *startup, t *template) {
	st := p.steps
	for int(p.unit) < len(st.units) {
		u := &st.units[p.unit]
		if u.from != none && !e.hasArrived(pid, p, int(u.from)) {
			return
		}
		p.unit++
		facts := &e.w.layers[u.layer]
		if s.runUntil < e.now {
			e.account(s)
			s.runFrom, s.runUntil = e.now, e.now
		}
		from := s.runUntil
		s.runUntil += t.class.alone(facts)
		s.unpacked += facts.unpacked
		e.trackUnpack(p, u, from, s.runUntil)
	}
	e.afterPull(s.runUntil-min(e.now, s.runUntil), pulled, pid, p, 0)
}

// endPull ends the pull of an image.
func (e *engine) endPull(pid int32, p *pull) {
	id := p.startup
	s := e.startups.at(id)
	t := e.templates.at(s.template)
	e.account(s)
	image := t.pulls[p.image].image
	e.forget(pid, p)
	if s.node != none {
		n := e.nodes[s.node]
		n.active = slices.DeleteFunc(n.active, func(x int32) bool { return x == pid })
		n.use(e, image)
		n.release(e, image)
		if n.name != "" {
			n.evict(e)
		}
		n.pass(e, t.class)
	}
	e.imagePulled(id, s, t)
}

// losePartial counts what had partly arrived and will not be used, for another
// pull has fetched the blob or the node is lost.
func (e *engine) losePartial(pid int32, p *pull) {
	s := e.startups.at(p.startup)
	for _, l := range e.w.inv.Images[e.templates.at(s.template).pulls[p.image].image].Layers {
		k := partialKey{pid, int32(l)}
		if left, ok := e.partial[k]; ok {
			s.wasted += e.w.layers[l].compressed - left
			delete(e.partial, k)
		}
	}
}

// forget gives a pull's number back.
func (e *engine) forget(pid int32, p *pull) {
	if len(e.partial) > 0 {
		e.losePartial(pid, p)
	}
	if p.own != none {
		e.own.give(p.own)
	}
	if p.order != none {
		e.orders.give(p.order)
	}
	if e.wide != nil {
		delete(e.wide, pid)
	}
	p.age++
	p.state = resting
	e.pulls.give(pid)
}
