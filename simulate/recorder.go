package simulate

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// recorder notes what one start does and waits for. An activity begins when
// another ends and lets it; so those that let one another, from ready back to the
// request, are the start's critical path, without a gap. All its methods may be
// called on nil, which records nothing.
type recorder struct {
	e     *engine
	all   *recorders
	at    int   // place among all
	id    int32 // its startup while it is under way, else none
	class *class
	acts  []activity
	// cause is the activity whose end is what happens now: atRequest, or foreign
	// where it is none of the start's. It is that of an event.
	cause int32
	event uint64
	// phase is when the present phase began, phaseParts its first ones, which have causes
	// of their own.
	phase      point
	phaseParts []phasePart
	lost       bool // the phase is the wait for a new node
	pulls      map[int32]*pullRecord
	open       map[activityKey]int32
	holds      []Hold
}

type phasePart struct {
	to time.Duration
	by Cause
}

const (
	atRequest = -1
	foreign   = -2
)

// activity is something that the start was at.
type activity struct {
	from, to time.Duration
	before   int32 // which let it begin
	// other is the start whose activity ended a wait for others, released that
	// activity; nil where it is not recorded.
	other    *recorder
	released int32
	kind     activityKind
	by       Cause // where that does not change meanwhile
	after    Failure
	pull     int32
	image    int32 // of the inventory; none for nothing in particular
	layer    int32 // none for nothing in particular
	// place is a transfer's among the pull's layers to fetch, base first.
	place int32
	// changes are what held it, each from a time on.
	changes []change
}

type activityKind uint8

const (
	waitActivity activityKind = iota
	transferActivity
	unpackActivity
)

type change struct {
	from  time.Duration
	by    Cause
	link  string
	speed float64 // of an unpack, 1 when nothing is short
}

// point is when something was wanted, and what ended then.
type point struct {
	at     time.Duration
	before int32
}

// pullRecord is what is known of one of the start's pulls.
type pullRecord struct {
	asked, resolved, fetching point
	slot                      point // a request's wait for a download slot
	inLine                    bool  // for a slot to unpack in
	// adopted is the first place, among the layers to fetch, of those that another
	// pull was to bring; none for no such.
	adopted int32
	last    int32 // the activity that ended last
	unit    int32 // the last unpack, on a lane
}

type activityKey struct {
	what        activityWhat
	pull, place int32
}

type activityWhat uint8

const (
	asking    activityWhat = iota // place is a layer's among those to fetch, none before them
	resolve                       // all requests before the layers
	transfer                      // of a layer, or the first reads of a disk (pull none)
	unpacking                     // place is the unit's
	backOff
)

// ours returns the record of a pull, nil where it is another start's.
func (r *recorder) ours(pid int32, p *pull) *pullRecord {
	if r == nil || r.id == none || p.startup != r.id {
		return nil
	}
	x := r.pulls[pid]
	if x == nil {
		x = &pullRecord{last: none, unit: none, adopted: none}
		r.pulls[pid] = x
	}
	return x
}

func (r *recorder) now() point { return point{r.e.now, r.cause} }

// settle gives what happens now a cause of the start's own: where it is another's,
// the start has waited since.
func (r *recorder) settle(since point, by Cause, a activity) {
	if r.cause != foreign {
		return
	}
	other, released := r.all.releasing(r)
	if r.cause = since.before; since.at < r.e.now {
		a.other, a.released = other, released
		a.from, a.to, a.before, a.by = since.at, r.e.now, since.before, by
		r.acts = append(r.acts, a)
		r.cause = int32(len(r.acts) - 1)
	}
}

func (r *recorder) begin(k activityKey, a activity) {
	a.from, a.before, a.pull = r.e.now, r.cause, k.pull
	r.acts = append(r.acts, a)
	r.open[k] = int32(len(r.acts) - 1)
}

// end ends an activity, which is then the cause of what happens. One that took no
// time is not: what let it begin is.
func (r *recorder) end(k activityKey) {
	id, ok := r.open[k]
	if !ok {
		return
	}
	delete(r.open, k)
	a := &r.acts[id]
	a.to, r.cause = r.e.now, id
	if a.from == a.to {
		r.cause = a.before
	}
	if x := r.pulls[k.pull]; x != nil {
		x.last = r.cause
	}
}

// endAll ends what a pull has under way, in the order in which it began.
func (r *recorder) endAll(pid int32) {
	var keys []activityKey
	for k := range r.open {
		if k.pull == pid {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b activityKey) int { return int(r.open[a] - r.open[b]) })
	for _, k := range keys {
		r.end(k)
	}
}

// lastOf is the point at which the last activity of a pull ended.
func (r *recorder) lastOf(x *pullRecord) point {
	last := x.fetching
	for _, p := range []point{x.asked, x.resolved} {
		if p.at > last.at {
			last = p
		}
	}
	if x.last >= 0 && r.acts[x.last].to >= last.at {
		return point{r.acts[x.last].to, x.last}
	}
	return last
}

// about is an activity of a pull.
func (r *recorder) about(p *pull, layer int32) activity {
	t := r.e.templates.At(r.e.startups.At(p.startup).template)
	return activity{image: int32(t.pulls[p.image].image), layer: layer, place: none, pull: none}
}

var aboutNothing = activity{image: none, layer: none, place: none, pull: none}

func (r *recorder) phaseBegins(id int32) {
	if r != nil && id == r.id {
		r.phase, r.lost = r.now(), false
	}
}

// splits says that the next part of the phase that is about to begin takes d, by a
// cause of its own.
func (r *recorder) splits(id int32, d time.Duration, by Cause) {
	if r == nil || id != r.id || d <= 0 {
		return
	}
	from := r.e.now
	if last := len(r.phaseParts) - 1; last >= 0 {
		from = r.phaseParts[last].to
	}
	r.phaseParts = append(r.phaseParts, phasePart{from + d, by})
}

var phaseCauses = map[eventKind]Cause{admitted: ByAdmission, provisioned: ByProvision, attached: ByAttach, created: ByCreate, becameReady: ByProgram}

func (r *recorder) phaseEnds(id int32, kind eventKind) {
	if r == nil || id != r.id {
		return
	}
	by := phaseCauses[kind]
	if r.lost {
		by = ByNodeLost
	}
	r.cause = r.phase.before
	from := r.phase.at
	for _, part := range append(r.phaseParts, phasePart{r.e.now, by}) {
		part.to = min(part.to, r.e.now)
		if part.to > from {
			a := aboutNothing
			a.from, a.to, a.by, a.before = from, part.to, part.by, r.cause
			r.acts = append(r.acts, a)
			r.cause, from = int32(len(r.acts)-1), part.to
		}
	}
	r.phase, r.phaseParts = r.now(), r.phaseParts[:0]
}

// nodeLost begins the wait for a node in the place of the lost one; the start's
// pulls have been dropped before.
func (r *recorder) nodeLost(id int32) {
	if r == nil || id != r.id {
		return
	}
	last := r.phase
	for i := range r.acts {
		if to := r.acts[i].to; to > last.at && to <= r.e.now {
			last = point{r.acts[i].to, int32(i)}
		}
	}
	r.settle(last, ByOtherPull, aboutNothing)
	r.phase, r.phaseParts, r.lost = r.now(), r.phaseParts[:0], true
}

// reads begins the first reads of a cache's disk, as a transfer.
func (r *recorder) reads(id int32) {
	if r != nil && id == r.id {
		a := aboutNothing
		a.kind = transferActivity
		r.begin(activityKey{transfer, none, none}, a)
	}
}

func (r *recorder) readEnds(id int32) {
	if r != nil && id == r.id {
		r.end(activityKey{transfer, none, none})
	}
}

// poll notes what holds the transfers and unpacks under way from now on.
func (r *recorder) poll() {
	if r == nil || r.id == none {
		return
	}
	s := r.e.startups.At(r.id)
	for k, id := range r.open {
		a := &r.acts[id]
		switch a.kind {
		case transferActivity:
			f := network.Flow{Node: r.e.noted(s).readNode, Tag: int64(-1-r.id) << 16}
			if k.pull != none {
				f = network.Flow{Node: r.e.pulls.At(k.pull).net, Tag: int64(k.pull)<<16 | int64(k.place)}
			}
			a.changesTo(r.transferHeld(f, k.pull == none))
		case unpackActivity:
			a.changesTo(r.unpackHeld(&r.e.nodes[s.node].unpack))
		}
	}
}

// changesTo notes what holds an activity from a time on.
func (a *activity) changesTo(c change) {
	if n := len(a.changes); n > 0 {
		last := &a.changes[n-1]
		if last.by == c.by && last.link == c.link && last.speed == c.speed {
			return
		}
		if last.from == c.from {
			*last = c
			return
		}
	}
	a.changes = append(a.changes, c)
}

func (r *recorder) transferHeld(f network.Flow, reads bool) change {
	c := change{from: r.e.now}
	switch held := r.e.net.Holds(f); {
	case held == network.NodeLink && reads:
		c.by = ByFirstRead
	case held == network.NodeLink:
		c.by = ByNodeLink
	case held == network.OwnCap || held == network.Nothing:
		c.by = ByConnection
	case reads:
		c.by = ByCopy
	default:
		c.by, c.link = ByLink, r.e.linkName(network.Link(held))
	}
	return c
}

func (r *recorder) unpackHeld(n *unpack.Node) change {
	c := change{from: r.e.now, speed: n.Speed()}
	switch n.Short() {
	case unpack.Cores:
		c.by = ByCores
	case unpack.Disk:
		c.by = ByDisk
	}
	return c
}

// linkName is what a link is called in the profile; the one that all cross is the
// slower of the registry's egress and the uplink.
func (e *engine) linkName(l network.Link) string {
	for name, link := range e.links {
		if link == l {
			return name
		}
	}
	if n := &e.w.profile.Network; len(e.faults.slow) == 0 && typical(&n.Uplink) < typical(&n.Registry) {
		return LinkUplink
	}
	return LinkRegistry
}
