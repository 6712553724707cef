package simulate

import "time"

// resolve asks for what precedes the layers.
func (e *engine) resolve(pid int32, p *pull) {
	s := e.startups.At(p.startup)
	t := e.templates.At(s.template)
	e.account(s)
	s.resolving++
	p.state = resolving
	image := &t.pulls[p.image]
	isKnown := image.stored
	if s.node != none {
		isKnown = e.nodes[s.node].images.has(image.image)
	}
	if p.is &^= known; isKnown {
		p.is |= known
	}
	all, _ := e.w.requests(t.class, image.image, isKnown)
	p.requests = uint8(min(255, all))
	p.opened = 0
	if e.tracing {
		e.trackResolve(pid, p)
	}
	if e.patient(t.class, s) {
		var wait time.Duration
		for p.requests > 0 {
			p.requests--
			e.observer.request(e.now + wait)
			wait += e.answer(p, s, uint64(p.requests), true)
		}
		e.rec.resolves(pid, p)
		e.afterPull(wait, resolved, pid, p, 0)
		return
	}
	e.resolveNext(pid, p)
}

// patient says that nothing can come between the requests of a pull: the registry
// answers all, at once, and they take no download slot.
func (e *engine) patient(c *class, s *startup) bool {
	return e.plain && (!c.Pull.SlotRequests.Value || s.node == none)
}

func (e *engine) resolveNext(pid int32, p *pull) {
	if p.requests == 0 {
		e.stepPull(event{kind: resolved, id: pid}, p)
		return
	}
	s := e.startups.At(p.startup)
	if n := e.slotted(p, s, e.templates.At(s.template)); n != nil {
		n.queue = append(n.queue, pid)
		e.rec.wantsSlot(pid, p)
		n.grant(e)
		return
	}
	e.ask(pid, p, s, uint64(p.requests-1), -1, 0)
}

// slotted returns the node whose download slots the next request before the
// layers needs: where the daemon's slots hold for all requests with a body, all
// but those for tokens and the first, which asks whether the image exists.
func (e *engine) slotted(p *pull, s *startup, t *template) *node {
	c := t.class
	if s.node == none || !c.Pull.SlotRequests.Value || !c.daemonSlots {
		return nil
	}
	if _, bodies := e.w.requests(c, t.pulls[p.image].image, p.is&known != 0); int(p.requests) > bodies {
		return nil
	}
	return e.nodes[s.node]
}

func (e *engine) answeredResolve(pid int32, p *pull) {
	s := e.startups.At(p.startup)
	n := e.slotted(p, s, e.templates.At(s.template))
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
// opening a connection where there is none to use; of a pull's first request, and of a
// layer's, with the runtime's own time.
func (e *engine) answer(p *pull, s *startup, of uint64, resolving bool) time.Duration {
	if p.class.quick {
		return 0
	}
	key := of
	if resolving {
		key = mix(e.w.imageKeys[e.templates.At(s.template).pulls[p.image].image] + of)
	}
	n := &p.class.Network
	trip := e.drawTime(&n.RoundTrip, s.rank, drawRoundTrip, key)
	d := trip + e.drawTime(&n.Request, s.rank, drawRequest, key)
	if !resolving {
		d = d*time.Duration(n.BlobRequests.Value) + p.class.Pull.Blob.Value
	}
	if resolving && p.opened == 0 {
		d += p.class.Pull.Start.Value
	}
	if p.inFlight >= p.opened || !p.class.Pull.ReuseConnections.Value {
		p.opened++
		d += trip * time.Duration(n.ConnectRoundTrips.Value)
	}
	return d
}

// askedFor is a request as an event's argument: for the layer at place fetch of a
// pull's steps, or before the layers for fetch -1; tries were refused or failed.
func askedFor(fetch, tries int32) int32 { return tries<<17 | (fetch + 1) }

func (x *event) askedFor() (fetch, tries int32) { return x.arg&(1<<17-1) - 1, x.arg >> 17 }

// ask sends a request of a pull.
func (e *engine) ask(pid int32, p *pull, s *startup, of uint64, fetch, tries int32) {
	begin, how := e.now, answered
	if e.plain {
		e.observer.request(e.now)
	} else {
		begin, how = e.registryTakes(p, s, of)
	}
	e.rec.sends(pid, p, fetch, begin)
	wait := begin - e.now + e.answer(p, s, of, fetch < 0)
	p.inFlight++
	e.afterPull(wait, how, pid, p, askedFor(fetch, tries))
}
