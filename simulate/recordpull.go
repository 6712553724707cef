package simulate

import "time"

// What the pulls of the start that is recorded do.

func (r *recorder) asks(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		x.asked = r.now()
	}
}

// turned ends the wait for the node's turn.
func (r *recorder) turned(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		r.settle(x.asked, ByTurn, r.about(p, none))
	}
}

// resolves begins all requests before the layers at once.
func (r *recorder) resolves(pid int32, p *pull) {
	if r.ours(pid, p) != nil {
		a := r.about(p, none)
		a.by = ByRoundTrip
		r.begin(activityKey{resolve, pid, none}, a)
	}
}

func (r *recorder) wantsSlot(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		x.slot = r.now()
	}
}

// sends begins a request for the layer at place fetch, none before the layers;
// the registry begins to work on it later where it is busy.
func (r *recorder) sends(pid int32, p *pull, fetch int32, begin time.Duration) {
	x := r.ours(pid, p)
	if x == nil {
		return
	}
	since, layer := x.fetching, int32(none)
	if fetch < 0 {
		since = x.slot
	} else {
		layer = p.steps.fetch[fetch]
	}
	a := r.about(p, layer)
	by, place := x.waitOf(fetch)
	r.settle(since, by, a)
	a.place = place
	if begin > r.e.now {
		a.changes = append(a.changes, change{from: r.e.now, by: ByRegistryRequests})
	}
	a.changes = append(a.changes, change{from: begin, by: ByRoundTrip})
	r.begin(activityKey{asking, pid, fetch}, a)
}

// steps ends what the event of a pull was set for.
func (r *recorder) steps(x event, p *pull) {
	record := r.ours(x.id, p)
	if record == nil {
		return
	}
	switch x.kind {
	case answered, refused, failed, fetchAgain:
		fetch, _ := x.askedFor()
		r.end(activityKey{asking, x.id, fetch})
	case resolved:
		r.end(activityKey{resolve, x.id, none})
	case retried:
		r.end(activityKey{backOff, x.id, none})
		record.asked = r.now()
	case pulled:
		if u := record.unit; u >= 0 && r.acts[u].to == r.e.now {
			r.cause, record.last = u, u
		}
	}
}

// delays begins the wait before a request is sent again.
func (r *recorder) delays(pid int32, p *pull, fetch int32, after Failure) {
	if r.ours(pid, p) != nil {
		layer := int32(none)
		if fetch >= 0 {
			layer = p.steps.fetch[fetch]
		}
		a := r.about(p, layer)
		a.by, a.place, a.after = ByBackOff, fetch, after
		r.begin(activityKey{asking, pid, fetch}, a)
	}
}

// backsOff begins the wait before a failed pull is tried again: the back-off, and
// then until the client looks at it.
func (r *recorder) backsOff(pid int32, p *pull, until time.Duration, after Failure) {
	if x := r.ours(pid, p); x != nil {
		r.settle(r.lastOf(x), ByOtherPull, r.about(p, none))
		a := r.about(p, none)
		a.after, a.changes = after, []change{{from: r.e.now, by: ByBackOff}, {from: until, by: BySync}}
		r.begin(activityKey{backOff, pid, none}, a)
	}
}

func (r *recorder) isResolved(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		x.resolved, x.fetching = r.now(), r.now()
	}
}

// claims ends the wait for another pull's unpack of the first missing layer.
func (r *recorder) claims(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		r.settle(x.resolved, ByOtherPull, r.about(p, none))
		x.fetching, x.adopted, x.inLine = r.now(), none, false
	}
}

func (r *recorder) transfers(pid int32, p *pull, i int) {
	x := r.ours(pid, p)
	if x == nil {
		return
	}
	a := r.about(p, p.steps.fetch[i])
	by, place := x.waitOf(int32(i))
	r.settle(x.fetching, by, a)
	a.kind, a.place = transferActivity, place
	r.begin(activityKey{transfer, pid, int32(i)}, a)
}

func (r *recorder) arrives(pid int32, p *pull, i int) {
	if r.ours(pid, p) != nil {
		r.end(activityKey{transfer, pid, int32(i)})
	}
}

// unpacks notes an unpack on a lane, which begins when the one before it ends.
func (r *recorder) unpacks(pid int32, p *pull, layer int32, from, to time.Duration) {
	x := r.ours(pid, p)
	if x == nil || to == from {
		return
	}
	a := r.about(p, layer)
	a.kind, a.pull, a.from, a.to, a.before = unpackActivity, pid, from, to, r.cause
	if from > r.e.now {
		a.before = x.unit
	}
	a.changes = []change{{from: from, speed: 1}}
	r.acts = append(r.acts, a)
	x.unit = int32(len(r.acts) - 1)
}

// wantsUnpack notes that a layer waits for a slot to unpack in.
func (r *recorder) wantsUnpack(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		x.inLine = true
	}
}

// adopts notes that a pull fetches layers from a place on that another was to bring.
func (r *recorder) adopts(pid int32, p *pull, place int) {
	if x := r.ours(pid, p); x != nil && x.adopted == none {
		x.adopted = int32(place)
	}
}

// waitOf is what a layer waits for before it is asked for, and its place in order.
func (x *pullRecord) waitOf(fetch int32) (by Cause, place int32) {
	if x.adopted != none && fetch >= x.adopted {
		return ByOtherPull, none
	}
	return BySlot, fetch
}

// unpackBegins notes an unpack on a node. Where another pull let it begin, it has
// waited since the last of what it needed from its own was there.
func (r *recorder) unpackBegins(pid int32, p *pull, i int) {
	x := r.ours(pid, p)
	if x == nil {
		return
	}
	u := p.steps.units[i]
	a := r.about(p, u.layer)
	since, by := x.fetching, ByOtherPull
	if x.inLine {
		by = ByUnpackSlot
	}
	x.inLine = false
	for id := range r.acts {
		b := &r.acts[id]
		if b.pull != pid || b.to <= since.at || b.to > r.e.now {
			continue
		}
		if b.kind == transferActivity && b.layer == u.layer || b.kind == unpackActivity {
			since = point{b.to, int32(id)}
		}
	}
	r.settle(since, by, a)
	a.kind = unpackActivity
	r.begin(activityKey{unpacking, pid, int32(i)}, a)
}

func (r *recorder) unpackEnds(pid int32, p *pull, i int) {
	if r.ours(pid, p) != nil {
		r.end(activityKey{unpacking, pid, int32(i)})
	}
}

// pullEnds sees that the end has a cause of the start's own.
func (r *recorder) pullEnds(pid int32, p *pull) {
	if x := r.ours(pid, p); x != nil {
		r.settle(r.lastOf(x), ByOtherPull, r.about(p, none))
	}
}

// abandons ends all that a pull has under way. What was refused is why, if
// something was.
func (r *recorder) abandons(pid int32, p *pull) {
	if r.ours(pid, p) == nil {
		return
	}
	why := r.cause
	r.endAll(pid)
	if r.cause == foreign && p.state == queued {
		r.settle(r.pulls[pid].asked, ByTurn, r.about(p, none))
	}
	if why != foreign {
		r.cause = why
	}
}

func (r *recorder) forgets(pid int32) {
	if r != nil {
		delete(r.pulls, pid)
	}
}
