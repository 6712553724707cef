package simulate

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// pull is one image on its way to one node. Its steps are its template's on an
// instance of its own, and worked out when it begins on a node that keeps what it
// holds. It is one cache line of 64 bytes: most transfers touch no more than it.
type pull struct {
	steps *steps
	class *class
	// arrived has a bit for each layer to fetch, of the first 64.
	arrived   uint64
	fetched   int64 // compressed bytes, with all of what is in flight
	startup   int32
	own       int32        // its steps in engine.own, none where they are the template's
	order     int32        // of the requests, in engine.orders; none for manifest order
	net       network.Node // to which it fetches; none before the first transfer
	image     uint16       // in the template's list
	fetchNext uint16       // in the order of the requests
	unit      uint16       // first not yet unpacked
	inFlight  uint16
	opened    uint16 // connections
	age       uint16
	requests  uint8 // left before the first layer
	is        pullFlags
	state     pullState
}

type pullFlags uint8

const (
	// leased: it is on a node, which keeps what has arrived for it; from the first
	// resolve on.
	leased pullFlags = 1 << iota
	// known: its image was on the node, or the cache's disk, when it was asked for.
	known
	// troubled: it has an entry in engine.troubles.
	troubled
)

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
func (e *engine) beginPull(id int32, s *startup, t *template, image uint16) {
	var n *node
	if s.node != none {
		n = e.nodes[s.node]
		if n.images.has(t.pulls[image].image) && !t.pulls[image].again {
			n.images.use(t.pulls[image].image)
			e.imagePulled(id, s, t)
			return
		}
	} else if t.pulls[image].skip() {
		e.imagePulled(id, s, t)
		return
	}
	pid := e.pulls.Take()
	p := e.pulls.At(pid)
	*p = pull{steps: t.pulls[image].steps, class: t.class, startup: id, image: image, own: none, order: none, net: none, age: p.age + 1}
	e.rec.asks(pid, p)
	if n != nil && !n.turn(e, pid, t.class) {
		p.state = queued
		e.trackWait(pid, p, WaitTurn)
		return
	}
	e.resolve(pid, p)
}

func (e *engine) afterPull(d time.Duration, kind eventKind, pid int32, p *pull, arg int32) {
	if d == 0 {
		e.stepPull(event{kind: kind, id: pid, arg: arg}, p)
		return
	}
	e.at(e.now+d, kind, pid, arg, p.age)
}

func (e *engine) stepPull(x event, p *pull) {
	e.rec.steps(x, p)
	switch x.kind {
	case resolved:
		e.resolvedPull(x.id, p)
	case answered:
		switch fetch, _ := x.askedFor(); {
		case e.faults.down > 0: // the registry went down before it answered
			e.refusedRequest(x, p)
		case fetch < 0:
			e.answeredResolve(x.id, p)
		default:
			e.startFlow(x.id, p, e.startups.At(p.startup), int(fetch))
		}
	case refused, failed:
		e.refusedRequest(x, p)
	case fetchAgain:
		fetch, tries := x.askedFor()
		of := uint64(p.requests - 1)
		if fetch >= 0 {
			of = e.w.layers[p.steps.fetch[fetch]].key
		}
		s := e.startups.At(p.startup)
		if p.inFlight--; fetch >= 0 {
			e.trouble(x.id, p).delayed--
			e.beginFetch(x.id, p, s, int(fetch))
		}
		e.ask(x.id, p, s, of+uint64(tries)<<32, fetch, tries)
		e.nodeFetching(s)
	case pulled:
		e.endPull(x.id, p)
	case retried:
		e.retry(x.id, p)
	}
}

// resolvedPull puts a pull to work.
func (e *engine) resolvedPull(pid int32, p *pull) {
	s := e.startups.At(p.startup)
	t := e.templates.At(s.template)
	e.account(s)
	s.resolving--
	if e.tracing {
		e.trackResolved(pid, p)
	}
	e.rec.isResolved(pid, p)
	p.state = fetching
	if s.node != none {
		n := e.nodes[s.node]
		if p.is&leased == 0 {
			p.is |= leased
			n.lease(e, t.pulls[p.image].image)
		}
		n.active = append(n.active, pid)
		p.state = waiting
		e.trackWait(pid, p, WaitOtherPull)
		if t.class.race && n.pulling > 1 {
			n.contend(e, s.node, pid, p)
		} else {
			n.claim(e, pid, p)
		}
		return
	}
	e.ordered(p, s, t, len(t.pulls[p.image].steps.fetch))
	if len(t.pulls[p.image].steps.units) == 0 {
		e.endPull(pid, p)
		return
	}
	age := p.age
	e.fetchMore(pid, p, s)
	if p.age == age {
		e.lane(pid, p, s)
	}
}

// ordered draws the order of the requests where the client's fetchers race (asRaced).
func (e *engine) ordered(p *pull, s *startup, t *template, n int) {
	if !t.class.race || n < 2 {
		if p.order != none { // of a try before, when more was missing
			e.orders.Give(p.order)
			p.order = none
		}
		return
	}
	if p.order == none {
		p.order = e.orders.Take()
	}
	order := e.orders.At(p.order)
	*order = asRaced((*order)[:0], n, e.dice.bits64(s.rank, drawOrder, e.w.imageKeys[t.pulls[p.image].image]))
}

// How fetchers race, in hundredths, by the requests of 270 cold pulls and partial hits
// of images of 3 to 26 layers (testdata/builtin, column requests): the last layer is
// asked for first, for the scheduler runs what was made last; the others follow in the
// order of the manifest, but for some that another thread takes sooner or later.
const (
	lastIsFirst = 80
	strays      = 35
	// Where the last layer is not the first, it is one of the next.
	lastWithin = 6
)

// asRaced appends places 0 to n-1 to order as a race has them, by the bits x.
func asRaced(order []uint16, n int, x uint64) []uint16 {
	begin, key := len(order), x
	straying := func(i int) bool { return below(mix(key^uint64(i+1)<<32), 100) < strays }
	for i := range n - 1 {
		if !straying(i) {
			order = append(order, uint16(i))
		}
	}
	for i := range n - 1 {
		if straying(i) {
			x = mix(x)
			order = slices.Insert(order, begin+below(x, len(order)-begin+1), uint16(i))
		}
	}
	at := 0
	if x = mix(x); below(x, 100) >= lastIsFirst {
		x = mix(x)
		at = 1 + below(x, min(n-1, lastWithin))
	}
	return slices.Insert(order, begin+at, uint16(n-1))
}

// place is the k-th layer to ask for, as a place in the steps.
func (e *engine) place(p *pull, k int) int {
	if p.order == none {
		return k
	}
	return int((*e.orders.At(p.order))[k])
}

// fetchMore asks for layers while the pull may have more transfers at once.
func (e *engine) fetchMore(pid int32, p *pull, s *startup) {
	age := p.age
	for int64(p.inFlight) < p.class.downloads && int(p.fetchNext) < len(p.steps.fetch) && e.fetchNext(pid, p, s) && p.age == age {
	}
}

// fetchNext asks for the next layer; false when there is none left.
func (e *engine) fetchNext(pid int32, p *pull, s *startup) bool {
	for int(p.fetchNext) < len(p.steps.fetch) {
		i := e.place(p, int(p.fetchNext))
		p.fetchNext++
		if e.hasArrived(pid, p, i) {
			continue
		}
		if e.tracing {
			e.trackWaited(pid, p, WaitSlot)
		}
		e.beginFetch(pid, p, s, i)
		if e.plain && p.class.quick {
			e.observer.request(e.now)
			p.inFlight++
			e.startFlow(pid, p, s, i)
		} else {
			e.ask(pid, p, s, e.w.layers[p.steps.fetch[i]].key, int32(i), 0)
		}
		if p.is&leased != 0 {
			e.nodeFetching(s)
		}
		return true
	}
	return false
}

// beginFetch notes that a layer is in flight, from its request on.
func (e *engine) beginFetch(pid int32, p *pull, s *startup, i int) {
	if e.sending(pid, p) == 0 {
		e.account(s)
		s.fetching++
	}
	if e.tracing {
		e.trackFetch(pid, p, i)
	}
}

// startFlow begins the transfer of a layer.
func (e *engine) startFlow(pid int32, p *pull, s *startup, i int) {
	layer := p.steps.fetch[i]
	facts := &e.w.layers[layer]
	bytes := facts.compressed
	p.fetched += bytes
	if p.is&troubled != 0 {
		bytes = e.leftOf(pid, p, layer)
	}
	cap := p.class.connection
	if p.class.drawn {
		cap = e.drawRate(&p.class.Network.Connection, s.rank, drawConnection, facts.key)
	}
	if p.net == none {
		p.net = e.netNode(p.class, s)
	}
	e.rec.transfers(pid, p, i)
	e.net.Start(e.now, p.net, bytes, cap, int64(pid)<<16|int64(i))
	e.nodeFetching(s)
}

// netNode is a startup's node in the network.
func (e *engine) netNode(c *class, s *startup) network.Node {
	if s.node != none {
		return e.nodes[s.node].net
	}
	if s.netNode == none {
		s.netNode = e.net.AddNode(e.link(c), c.rate, c.connection)
	}
	return s.netNode
}

// arrived ends a transfer.
func (e *engine) arrived(pid int32, i int) {
	if pid < 0 {
		e.endRead(-1 - pid)
		return
	}
	p := e.pulls.At(pid)
	s := e.startups.At(p.startup)
	if p.inFlight--; e.sending(pid, p) == 0 {
		e.account(s)
		s.fetching--
	}
	if p.is&troubled != 0 {
		delete(e.troubles[pid].partial, p.steps.fetch[i])
	}
	e.setArrived(pid, p, i)
	e.rec.arrives(pid, p, i)
	if e.tracing {
		e.trackFetched(pid, p, i)
	}
	if p.is&leased != 0 {
		e.nodeFetching(s)
		e.nodes[s.node].arrived(e, pid, p, p.steps.fetch[i])
		return
	}
	e.fetchMore(pid, p, s)
	e.lane(pid, p, s)
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
func (e *engine) lane(pid int32, p *pull, s *startup) {
	units := p.steps.units
	for int(p.unit) < len(units) {
		u := &units[p.unit]
		if u.from != none && !e.hasArrived(pid, p, int(u.from)) {
			return
		}
		p.unit++
		if s.runUntil < e.now {
			e.account(s)
			s.runUntil = e.now
		}
		from := s.runUntil
		s.runUntil = min(s.runUntil+p.class.laneTimes[u.layer], 2*longest)
		e.rec.unpacks(pid, p, u.layer, from, s.runUntil)
		if e.tracing {
			e.trackUnpack(p, u, from, s.runUntil)
		}
	}
	s.unpacked += p.steps.unpacked
	e.afterPull(s.runUntil-min(e.now, s.runUntil), pulled, pid, p, 0)
}

// endPull ends the pull of an image.
func (e *engine) endPull(pid int32, p *pull) {
	id := p.startup
	s := e.startups.At(id)
	t := e.templates.At(s.template)
	e.account(s)
	e.rec.pullEnds(pid, p)
	image := t.pulls[p.image].image
	unclaimed := s.node != none && e.nodes[s.node].unclaim(e, pid, p)
	e.forget(pid, p)
	if s.node != none {
		n := e.nodes[s.node]
		n.active = slices.DeleteFunc(n.active, func(x int32) bool { return x == pid })
		n.leaveLine(pid)
		n.holdPulled(e, image)
		if n.name != "" {
			n.evict(e, id)
		}
		if unclaimed {
			n.adopt(e)
		}
		n.pass(e, t.class)
	}
	e.imagePulled(id, s, t)
}

// forget gives a pull's number back. What has arrived in part is of no use any
// more.
func (e *engine) forget(pid int32, p *pull) {
	s := e.startups.At(p.startup)
	s.fetched += p.fetched
	if p.is&troubled != 0 {
		for layer, left := range e.troubles[pid].partial {
			e.aside(s).wasted += e.w.layers[layer].compressed - left
		}
		delete(e.troubles, pid)
	}
	if p.own != none {
		e.own.Give(p.own)
	}
	if p.order != none {
		e.orders.Give(p.order)
	}
	if e.wide != nil {
		delete(e.wide, pid)
	}
	e.rec.forgets(pid, p)
	p.age++
	p.state = resting
	e.pulls.Give(pid)
}
