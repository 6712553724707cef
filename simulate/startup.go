package simulate

import (
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// startup is one start on its way to ready. A hundred thousand may be under way:
// its fields are packed, and those that every transfer touches stand first.
type startup struct {
	// since is when the phases were last brought up to date; from then on they
	// depend on what is in flight (account).
	since                  time.Duration
	fetch, unpack, resolve time.Duration
	waited                 time.Duration // the part of fetch in which no transfer was in flight
	unpackBusy             time.Duration
	// runFrom and runUntil are the present run of unpacks, on a lane.
	runFrom, runUntil time.Duration
	fetched, unpacked int64
	class             *class
	rank              int32 // in order of request; the key of its draws
	node              int32 // of engine.nodes; none for an instance of its own
	netNode           network.Node
	fetching          uint16
	unpacking         uint16
	resolving         uint16
	age               uint16
	next, running     uint16 // image, and pulls under way
	retries           uint16
	alive             bool
	hidden            bool // a node's own pull, not a start of the input
	awaits            eventKind

	requested                        time.Duration
	admit, provision, attach, create time.Duration
	starting                         time.Duration // the program's own, the last phase
	wasted                           int64         // compressed bytes that were sent and are lost
	firstReadBytes                   int64
	index                            int32 // in the input
	template                         int32
	readNode                         network.Node
	reused, missing                  int32 // layers
	// What the start itself says, else fromProfile; it is not the template's, which
	// would then be as many as there are starts.
	ready, runtime time.Duration
	readFraction   float64
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
		requested: e.now, since: e.now, class: e.templates.At(t).class, index: int32(index), rank: e.rank, template: t, node: none, netNode: none, readNode: none, age: s.age + 1, alive: true,
	}
	s.runtime, s.ready, s.readFraction = start.Runtime, fromProfile, fromProfile
	if start.Ready != nil {
		s.ready = *start.Ready
	}
	if start.ReadFraction != nil {
		s.readFraction = *start.ReadFraction
	}
	e.rank++
	e.rec.requested(index, id)
	if e.opt.Spans != nil && e.opt.Spans(index) {
		e.track(id)
	}
	if start.Node != "" {
		s.node = e.nodeNamed(start.Node, s.class, s.rank)
		if n := e.nodes[s.node]; n.class != s.class {
			return fmt.Errorf("simulate app %s: node %s is of class %q by its first start and of %q by this one: give one class", start.App, n.name, n.class.name, s.class.name)
		}
	}
	e.after(e.admit()-e.now, admitted, id)
	return nil
}

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
	var phase Phase
	var spent *time.Duration
	switch s.awaits {
	case admitted:
		phase, spent = Admit, &s.admit
	case provisioned:
		phase, spent = Provision, &s.provision
	case attached:
		phase, spent = Attach, &s.attach
	case created:
		phase, spent = Create, &s.create
	case becameReady:
		phase, spent = Ready, &s.starting
	default:
		return false
	}
	e.mark(id, phase, s.since)
	e.rec.phaseEnds(id, s.awaits)
	*spent += e.now - s.since
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
			e.rec.splits(id, boot, ByBoot)
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
		e.finish(id, s, t)
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
		s.reused, s.missing, s.firstReadBytes = t.reused, t.missing, t.firstReadBytes
	}
	e.pullMore(id, s, t)
}

// pullMore begins pulls, as many of a start at once as the profile lets.
func (e *engine) pullMore(id int32, s *startup, t *template) {
	for int(s.next) < len(t.pulls) && int64(s.running) < t.class.Pull.MaxParallelImages.Value {
		s.next++
		s.running++
		e.beginPull(id, s, t, int32(s.next-1))
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
	if s.firstReadBytes > 0 {
		fraction := s.readFraction
		if fraction == fromProfile {
			fraction = t.class.Cache.ReadFraction.Value
		}
		bytes := fraction * float64(s.firstReadBytes)
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
	} else if until := min(e.now, s.runUntil); until > max(s.since, s.runFrom) {
		unpacking = until - max(s.since, s.runFrom)
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

// finish makes the result of a startup that is ready.
func (e *engine) finish(id int32, s *startup, t *template) {
	if err := e.rec.finishes(id, s); err != nil {
		e.err = err
	}
	if !s.hidden {
		e.finished++
		ready := e.now - s.requested
		result := &e.result
		*result = Startup{
			Source: Simulated, Arm: e.opt.Arm, App: t.app, Images: t.names, Repeat: e.repeat,
			Requested: s.requested, Ready: ready,
			FetchBusy: s.fetch - s.waited, UnpackBusy: s.unpackBusy,
			FetchedBytes: s.fetched, UnpackedBytes: s.unpacked, LayersReused: int(s.reused),
			CacheID: t.cacheID, Hit: hit(t.cacheID != "", int(s.reused), int(s.missing)), Retries: int(s.retries), WastedBytes: s.wasted,
		}
		if s.node != none {
			result.Node = e.nodes[s.node].name
		}
		e.phases = [...]time.Duration{s.admit, s.provision, s.attach, s.resolve, s.fetch, s.unpack, s.create, s.starting}
		result.Phases = phasesIn(&e.phases)
		if tr := e.tracked[id]; tr != nil {
			tr.finish(result)
			delete(e.tracked, id)
		}
		e.emit(int(s.index), result)
	}
	if s.node != none {
		if n := e.nodes[s.node]; s.hidden {
			// The node runs it as long as it lives.
		} else if n.name != "" && s.runtime <= longest-e.now { // else it never leaves
			e.at(e.now+s.runtime, left, s.node, s.template, n.life)
		} else if n.name == "" {
			e.dropNode(s.node)
		}
	} else if s.netNode != none {
		e.net.RemoveNode(s.netNode)
	}
	s.age++
	s.alive = false
	e.startups.Give(id)
}

// phasesIn are phases that stand in an array, in the order of the pull.
func phasesIn(d *[8]time.Duration) Phases {
	return Phases{
		Admit: &d[0], Provision: &d[1], Attach: &d[2], Resolve: &d[3],
		Fetch: &d[4], Unpack: &d[5], Create: &d[6], Ready: &d[7],
	}
}
