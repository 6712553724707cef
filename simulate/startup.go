package simulate

import (
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// startup is one start on its way to ready. A hundred thousand may be under way,
// and memory is slow: it takes two cache lines of 64 bytes. What transfers need
// stands in the pull, what not every startup has in an aside.
type startup struct {
	// since is when the phases were last brought up to date; from then on they
	// depend on what is in flight (account).
	since                  time.Duration
	fetch, unpack, resolve time.Duration
	waited                 time.Duration // the part of fetch in which no transfer was in flight
	unpackBusy             time.Duration
	// runUntil is when the present run of unpacks ends, on a lane.
	runUntil        time.Duration
	unpacked        int64
	fetched         int64 // by pulls that have ended
	requested       time.Duration
	index           int32 // in the input
	rank            int32 // in order of request; the key of its draws
	template        int32
	node            int32 // of engine.nodes; none for an instance of its own
	netNode         network.Node
	aside           int32  // of engine.asides; none while there is nothing to note
	reused, missing int32  // layers
	fetching        uint16 // pulls with a transfer in flight
	unpacking       uint16
	resolving       uint16
	age             uint16
	next, running   uint16 // image, and pulls under way
	alive           bool
	hidden          bool // a node's own pull, not a start of the input
	awaits          eventKind
}

// aside is what a startup has to note if it ever waits in a phase besides the
// pulls, reads a cache's disk, or fails.
type aside struct {
	admit, provision, attach, create time.Duration
	starting                         time.Duration // the program's own, the last phase
	wasted                           int64         // compressed bytes that were sent and are lost
	firstReadBytes                   int64
	readNode                         network.Node
	retries                          int32
	// What the start itself says, else fromProfile; it is not the template's, which
	// would then be as many as there are starts.
	ready        time.Duration
	readFraction float64
	// runtime is how long it runs on a named node once it is ready.
	runtime time.Duration
}

var noAside = aside{readNode: none, ready: fromProfile, readFraction: fromProfile}

// aside is a startup's aside, to be changed.
func (e *engine) aside(s *startup) *aside {
	if s.aside == none {
		s.aside = e.asides.Take()
		*e.asides.At(s.aside) = noAside
	}
	return e.asides.At(s.aside)
}

// noted is a startup's aside, to be read.
func (e *engine) noted(s *startup) aside {
	if s.aside == none {
		return noAside
	}
	return *e.asides.At(s.aside)
}

// forgetStartup gives a startup's number back.
func (e *engine) forgetStartup(id int32, s *startup) {
	if s.aside != none {
		e.asides.Give(s.aside)
	}
	delete(e.evictions, id)
	e.rec.leaves(id)
	s.age++
	s.alive = false
	e.startups.Give(id)
}

const fromProfile = -1

// request is the first step of a start.
func (e *engine) request(index int, start *Start) error {
	if err := start.check(); err != nil {
		return err
	}
	t, err := e.template(start)
	if err != nil {
		return err
	}
	id := e.startups.Take()
	s := e.startups.At(id)
	*s = startup{
		requested: e.now, since: e.now, index: int32(index), rank: e.rankOf(start), template: t, node: none, netNode: none, aside: none, age: s.age + 1, alive: true,
	}
	if start.Ready != nil {
		e.aside(s).ready = *start.Ready
	}
	if start.ReadFraction != nil {
		e.aside(s).readFraction = *start.ReadFraction
	}
	if start.Node != "" && start.Runtime > 0 {
		e.aside(s).runtime = start.Runtime
	}
	e.requested++
	e.observer.begins(e)
	e.rec.requested(index, id, start.Node)
	if e.opt.Spans != nil && e.opt.Spans(index) {
		e.track(id)
	}
	if start.Node != "" {
		class := e.templates.At(t).class
		s.node = e.nodeNamed(start.Node, class, s.rank)
		n := e.nodes[s.node]
		n.underWay++
		if n.class != class {
			return fmt.Errorf("simulate app %s: node %s is of class %q by its first start and of %q by this one: give one class", start.App, n.name, n.class.name, class.name)
		}
	}
	e.after(e.admit()-e.now, admitted, id)
	return nil
}

// rankOf is what a start's draws go by: its place among the starts, or below those of all
// where it is apart from them.
func (e *engine) rankOf(start *Start) int32 {
	if start.Apart {
		return rankApart(fmt.Sprint(start.Node, " ", start.App, " ", start.Requested))
	}
	e.rank++
	return e.rank - 1
}

// rankApart is a rank below those of starts and new nodes, the same in all arms.
func rankApart(name string) int32 { return math.MinInt32 + int32(keyOf(name)>>34) }

// admit returns when the service accepts a start requested now: a token bucket
// of the profile's burst and rate, in the form of the generic cell rate
// algorithm.
func (e *engine) admit() time.Duration {
	s := &e.w.profile.Start
	if math.IsInf(s.AdmitPerSecond.Value, 1) {
		return e.now
	}
	period := periodOf(s.AdmitPerSecond.Value)
	at := max(e.now, e.admission-times(period, s.AdmitBurst.Value-1))
	e.admission = min(max(e.now, e.admission)+period, 2*longest)
	return at
}

// periodOf is the time between events of a rate per second.
func periodOf(perSecond float64) time.Duration {
	return time.Duration(math.Round(min(1e9/perSecond, float64(longest))))
}

// times is n periods, 2*longest at most.
func times(period time.Duration, n int64) time.Duration {
	return time.Duration(min(float64(period)*float64(n), float64(2*longest)))
}

// leavePhase ends a phase that a startup waits through; false in the pulls, which
// account tells apart.
func (e *engine) leavePhase(id int32, s *startup) bool {
	if s.awaits == pulled {
		return false
	}
	spent := e.now - s.since
	if spent == 0 {
		return true
	}
	a := e.aside(s)
	var phase Phase
	switch s.awaits {
	case admitted:
		phase, a.admit = Admit, a.admit+spent
	case provisioned:
		phase, a.provision = Provision, a.provision+spent
	case attached:
		phase, a.attach = Attach, a.attach+spent
	case created:
		phase, a.create = Create, a.create+spent
	case becameReady:
		phase, a.starting = Ready, a.starting+spent
	}
	e.mark(id, phase, s.since)
	e.rec.phaseEnds(id, s.awaits)
	s.since = e.now
	return true
}

// step takes a startup from one phase to the next.
func (e *engine) step(kind eventKind, id int32, s *startup) {
	t := e.templates.At(s.template)
	e.leavePhase(id, s)
	switch kind {
	case admitted:
		wait := e.drawTime(&t.class.Start.Provision, s.rank, drawProvision, 0)
		if s.node != none {
			boot := max(0, e.nodes[s.node].up-e.now)
			lost := min(boot, max(0, e.nodes[s.node].lostUntil-e.now))
			e.rec.splits(id, lost, ByNodeLost)
			e.rec.splits(id, boot-lost, ByBoot)
			wait += boot
		}
		e.after(wait, provisioned, id)
	case provisioned:
		var wait time.Duration
		if t.cacheID != "" {
			wait = e.drawTime(&t.class.Cache.Attach, s.rank, drawAttach, 0)
		}
		e.after(wait, attached, id)
	case attached:
		s.awaits = pulled
		e.pullAll(id, s, t)
	case created:
		e.readFirst(id, s, t)
	case becameReady:
		e.finish(id, s, t, "")
	}
}

// pullAll notes what is present, then pulls images in order.
func (e *engine) pullAll(id int32, s *startup, t *template) {
	if s.node == none && !t.class.lane {
		s.node = e.newNode("", t.class)
	}
	if s.node != none {
		n := e.nodes[s.node]
		for _, image := range t.held {
			n.hold(e, image, true)
		}
		n.count(e, s, t)
	} else {
		s.reused, s.missing = t.reused, t.missing
		if t.firstReadBytes > 0 {
			e.aside(s).firstReadBytes = t.firstReadBytes
		}
	}
	if void := e.neverPulled(s, t); void != "" {
		e.finish(id, s, t, void)
		return
	}
	e.pullMore(id, s, t)
}

// neverPulled says which image of a start is absent that its policy never pulls:
// the kubelet gives such a container up each time it looks at it (kubernetes
// v1.33.13, pkg/kubelet/images/image_manager.go, ErrImageNeverPull).
func (e *engine) neverPulled(s *startup, t *template) string {
	if !t.never {
		return ""
	}
	for k := range t.pulls {
		p := &t.pulls[k]
		present := p.stored
		if s.node != none { // what its cache brought may be evicted by now
			present = e.nodes[s.node].images.has(p.image)
		}
		if !present {
			return fmt.Sprintf("app %s has pull policy Never, and %s is not there (ErrImageNeverPull)", t.app, t.names[k])
		}
	}
	return ""
}

// pullMore begins pulls, as many of a start at once as the profile lets.
func (e *engine) pullMore(id int32, s *startup, t *template) {
	for int(s.next) < len(t.pulls) && int64(s.running) < t.class.Pull.MaxParallelImages.Value {
		s.next++
		s.running++
		e.beginPull(id, s, t, s.next-1)
		if s.running == 0 {
			return // pulled at once: the rest was begun by imagePulled
		}
	}
}

// imagePulled ends the pull of one image of a startup.
func (e *engine) imagePulled(id int32, s *startup, t *template) {
	s.running--
	switch {
	case int(s.next) < len(t.pulls):
		e.pullMore(id, s, t)
	case s.running == 0:
		e.createAll(id, s, t)
	}
}

// createAll creates the containers one after another.
func (e *engine) createAll(id int32, s *startup, t *template) {
	e.account(s)
	s.running = 0
	d := e.drawTime(&t.class.Start.Create, s.rank, drawCreate, 0)
	e.after(times(d, int64(len(t.pulls))), created, id)
}

// readFirst is the program's own start: its own time, and the first reads of what
// a cache's disk holds.
func (e *engine) readFirst(id int32, s *startup, t *template) {
	d := e.ownReady(s, t)
	if unread := e.noted(s).firstReadBytes; unread > 0 {
		fraction := e.noted(s).readFraction
		if fraction == fromProfile {
			fraction = t.class.Cache.ReadFraction.Value
		}
		bytes := fraction * float64(unread)
		if t.isCrowded() {
			e.startRead(id, s, t, int64(math.Round(bytes)))
			return
		}
		read := bounded(bytes / float64(typical(&t.class.Cache.FirstRead)))
		e.rec.splits(id, read, ByFirstRead)
		d += read
	}
	e.after(d, becameReady, id)
}

// account brings a startup's phases up to now. An instant with any transfer in
// flight is fetch, otherwise unpack where one runs, otherwise resolve, otherwise
// a wait, which counts as fetch.
func (e *engine) account(s *startup) {
	d := e.now - s.since
	if d <= 0 {
		return
	}
	var unpacking time.Duration
	if s.unpacking > 0 {
		unpacking = d
	} else if until := min(e.now, s.runUntil); until > s.since {
		unpacking = until - s.since // a run begins at the time of an account
	}
	s.unpackBusy += unpacking
	s.since = e.now
	if s.fetching > 0 {
		s.fetch += d
		return
	}
	s.unpack += unpacking
	if d -= unpacking; s.resolving > 0 {
		s.resolve += d
	} else {
		s.fetch += d
		s.waited += d
	}
}

// finish makes the result of a startup that is ready, or that is void and never
// will be.
func (e *engine) finish(id int32, s *startup, t *template, void string) {
	if void == "" {
		if err := e.rec.finishes(id, s); err != nil {
			e.err = err
		}
	}
	if !s.hidden {
		e.finished++
		ready := e.now - s.requested
		a := e.noted(s)
		result := &e.result
		*result = Startup{
			Source: Simulated, Arm: e.opt.Arm, App: t.app, Images: t.names, Repeat: e.repeat,
			Requested: s.requested, Ready: ready,
			FetchBusy: s.fetch - s.waited, UnpackBusy: s.unpackBusy,
			FetchedBytes: s.fetched, UnpackedBytes: s.unpacked, LayersReused: int(s.reused),
			CacheID: t.cacheID, Hit: hit(t.cacheID != "", int(s.reused), int(s.missing)), Retries: int(a.retries), WastedBytes: a.wasted, Void: void,
		}
		if s.node != none {
			result.Node = e.nodes[s.node].name
		}
		e.phases = [...]time.Duration{a.admit, a.provision, a.attach, s.resolve, s.fetch, s.unpack, a.create, a.starting}
		result.Phases = phasesIn(&e.phases)
		if tr := e.tracked[id]; tr != nil {
			tr.finish(result)
			delete(e.tracked, id)
		}
		if x, ok := e.evictions[id]; ok {
			result.EvictedImages, result.RefetchedBytes = int(x.images), x.refetched
		}
		e.emit(int(s.index), result)
	}
	if s.node != none {
		if n := e.nodes[s.node]; n.name == "" {
			e.dropNode(s.node)
		} else {
			// The node runs its own pods as long as it lives, and uses no image for a start
			// that is void.
			if runtime := e.noted(s).runtime; !s.hidden && void == "" && runtime <= longest-e.now { // else it never leaves
				e.setDeparture(runtime, s.template, s.node)
			}
			e.settled(s.node)
		}
	} else if s.netNode != none {
		e.net.RemoveNode(s.netNode)
	}
	e.forgetStartup(id, s)
}

// phasesIn are phases that stand in an array, in the order of the pull.
func phasesIn(d *[8]time.Duration) Phases {
	return Phases{
		Admit: &d[0], Provision: &d[1], Attach: &d[2], Resolve: &d[3],
		Fetch: &d[4], Unpack: &d[5], Create: &d[6], Ready: &d[7],
	}
}
