package simulate

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/table"
	"github.com/cachebench/cachebench/simulate/network"
)

// engine runs one repeat: starts as they come, the flows of the network, and a
// queue of what else is to happen in virtual time. Startups, pulls and nodes are
// numbered values that are used again, so that a run takes the memory of what is
// under way at once.
type engine struct {
	w      *world
	opt    *Options
	repeat int
	dice   dice
	now    time.Duration
	queue  events
	serial uint32
	net    network.Network
	// top is the registry's egress and the uplink, which all transfers cross, as
	// one link of the lesser rate; links are those that the profile names.
	top   network.Link
	links map[string]network.Link
	dealt map[*class]int // how many nodes were dealt to a class's links
	// copies are the links of the caches that are being read, spareCopies those of
	// none.
	copies      map[string]*copyLink
	spareCopies []*copyLink

	templates table.Table[template]
	// known are the templates by the starts that they stand for. Those of starts of
	// one image that finds nothing are kept apart: first has the first of each image,
	// plus 1, and simple the others, by keys made of numbered words.
	known                   map[string]int32
	key                     []byte
	first                   []int32
	simple                  map[simpleStart]int32
	apps, policies, classes words

	startups table.Table[startup]
	asides   table.Table[aside]
	pulls    table.Table[pull]
	own      table.Table[steps]    // of pulls on nodes that keep what they hold
	orders   table.Table[[]uint16] // of requests that race
	wide     map[int32][]uint64    // what has arrived of pulls of more than 64 layers
	troubles map[int32]*trouble    // of pulls that are troubled
	nodes    []*node
	unused   []int32 // nodes
	named    map[string]int32
	newNodes []int32 // Options.NewNodes in order of time
	// departing has the place of each runtime's departures.
	departures      []departures
	spareDepartures []int32
	departing       map[time.Duration]int32

	// admission is the token bucket's theoretical arrival time (GCRA), paced the
	// time from which the registry begins the next request, bucket the same as a
	// token bucket that refuses.
	admission, paced, bucket time.Duration
	faults                   faults
	plain                    bool // the registry answers every request, at once
	tracing                  bool
	tracked                  map[int32]*trace    // by startup
	evictions                map[int32]evictions // by startup
	observer                 *observer
	rec                      *recorders // of the start that is explained

	// rank is that of the next start that is not apart.
	rank int32
	// requested and finished count starts.
	requested, finished int
	happened            uint64 // what has happened, starts aside; for looks at the context
	// emit takes each result; result and phases are used again for the next.
	emit   func(index int, s *Startup)
	result Startup
	phases [8]time.Duration
	err    error
}

func newEngine(w *world, opt *Options, repeat int, emit func(int, *Startup)) *engine {
	e := &engine{
		w: w, opt: opt, repeat: repeat, dice: newDice(opt.Seed, repeat), emit: emit,
		known: make(map[string]int32), first: make([]int32, len(w.names)), simple: make(map[simpleStart]int32), named: make(map[string]int32), departing: make(map[time.Duration]int32), dealt: make(map[*class]int), copies: make(map[string]*copyLink),
	}
	e.top = e.net.AddLink(w.profile.Network.payload(w.profile.Network.top()), network.NoLink)
	n := &w.profile.Network
	e.plain = math.IsInf(n.RegistryRequests.Value, 1) && n.ErrorFraction.Value == 0 && len(opt.Faults) == 0
	e.links = addLinks(&e.net, &w.profile.Network, e.top)
	return e
}

// reuse lets an engine that has not begun have the memory of one that has ended, and,
// where it is of the same world, its templates, which are the same in all repeats.
func (e *engine) reuse(old *engine) {
	e.templates = old.templates
	if old.w == e.w {
		e.known, e.first, e.simple = old.known, old.first, old.simple
		e.apps, e.policies, e.classes = old.apps, old.policies, old.classes
	} else {
		e.templates.Reset()
	}
	e.startups, e.asides, e.pulls, e.own, e.orders = old.startups, old.asides, old.pulls, old.own, old.orders
	e.startups.Reset()
	e.asides.Reset()
	e.pulls.Reset()
	e.own.Reset()
	e.orders.Reset()
	e.queue = old.queue[:0]
	e.net.Reuse(&old.net)
}

// run takes the starts in order of their requests and simulates them to the end.
func (e *engine) run(ctx context.Context, starts iter.Seq2[int, *Start]) error {
	e.setNewNodes()
	e.setFaults()
	for index, start := range starts {
		switch {
		case start.Requested < 0 || start.Requested > longest:
			return start.check()
		case start.Requested < e.now:
			return fmt.Errorf("simulate app %s: its start at %v comes after one at %v: starts go in order of time", start.App, start.Requested, e.now)
		}
		if err := e.until(ctx, min(start.Requested, never-1)); err != nil {
			return err
		}
		if err := e.request(index, start); err != nil {
			return err
		}
		if e.err != nil {
			return e.err
		}
	}
	if err := e.until(ctx, never); err != nil {
		return err
	}
	if e.finished != e.requested {
		return fmt.Errorf("simulate: of %d starts %d became ready; this is a fault of cachebench, please report it with the scenario", e.requested, e.finished)
	}
	return nil
}

const never = time.Duration(math.MaxInt64)

// until lets happen what is set for the time up to t, t itself included, which is
// then the present. Before never, that is all.
func (e *engine) until(ctx context.Context, t time.Duration) error {
	for ; ; e.happened++ {
		if e.happened&0xfff == 0 && ctx.Err() != nil {
			return fmt.Errorf("simulate: %w", ctx.Err())
		}
		flowAt, eventAt := e.net.NextAt(), never
		if len(e.queue) > 0 {
			eventAt = e.queue[0].at
		}
		first := min(flowAt, eventAt, t)
		switch {
		case first == never:
			return nil
		case first > longest:
			return e.tooLong()
		case first < e.now:
			return fmt.Errorf("simulate: something is to happen at %v, and it is %v; this is a fault of cachebench, please report it with the scenario", first, e.now)
		}
		e.observer.until(e, first)
		e.rec.poll()
		e.now = first
		e.rec.happens()
		switch first {
		case flowAt:
			tag := e.net.Take()
			e.arrived(int32(tag>>16), int(tag&0xffff))
		case eventAt:
			e.happen(e.queue.pop())
		default:
			return nil
		}
		if e.err != nil {
			return e.err
		}
	}
}

// at sets an event.
func (e *engine) at(t time.Duration, kind eventKind, id, arg int32, age uint16) {
	e.serial++
	e.queue.push(event{at: t, serial: e.serial, id: id, arg: arg, kind: kind, age: age})
}

// after sets a startup's next event, or lets it happen at once.
func (e *engine) after(d time.Duration, kind eventKind, id int32) {
	e.startups.At(id).awaits = kind
	e.rec.phaseBegins(id)
	if d == 0 {
		e.happen(event{at: e.now, id: id, kind: kind, age: e.startups.At(id).age})
		return
	}
	e.at(e.now+d, kind, id, 0, e.startups.At(id).age)
}

func (e *engine) happen(x event) {
	switch x.kind {
	case admitted, provisioned, attached, created, becameReady:
		if s := e.startups.At(x.id); s.age == x.age {
			e.step(x.kind, x.id, s)
		}
	case resolved, answered, refused, failed, pulled, retried, fetchAgain:
		if p := e.pulls.At(x.id); p.age == x.age {
			e.stepPull(x, p)
		}
	case unpacked:
		if n := e.nodes[x.id]; n.plans == x.arg {
			e.endUnpack(n)
		}
	case left:
		e.depart(x.id)
	case nodeAdded:
		e.addNode(x.arg)
	case nodeEnded:
		e.endNode(x.id)
	case contended:
		e.nodes[x.id].settleClaims(e)
	case faultBegins:
		e.beginFault(int(x.arg))
	case faultEnds:
		e.endFault(int(x.arg))
	}
}

// simpleStart is what a start of one image that finds nothing is known by.
type simpleStart struct {
	app, policy, class, image int32
}

// words numbers words, the empty one 0. Starts that follow one another often have
// the same.
type words struct {
	ids    map[string]int32
	last   string
	lastID int32
}

func (w *words) id(s string) int32 {
	switch {
	case s == w.last:
		return w.lastID
	case s == "":
		return 0
	}
	id, ok := w.ids[s]
	if !ok {
		if w.ids == nil {
			w.ids = make(map[string]int32)
		}
		id = int32(len(w.ids)) + 1
		w.ids[s] = id
	}
	w.last, w.lastID = s, id
	return id
}

// template returns the number of the template that a start follows.
func (e *engine) template(s *Start) (int32, error) {
	if len(s.Images) == 1 && s.CacheID == "" {
		return e.simpleTemplate(s)
	}
	k := e.keyOfStart(s)
	if id, ok := e.known[string(k)]; ok {
		return id, nil
	}
	id, err := e.addTemplate(s)
	if err == nil {
		e.known[string(k)] = id
	}
	return id, err
}

// simpleTemplate is template for a start of one image that finds nothing. Most
// images have one such template, which is found without a key.
func (e *engine) simpleTemplate(s *Start) (int32, error) {
	image := s.Images[0]
	if image < 0 || image >= len(e.first) {
		return 0, e.w.check(s)
	}
	first := e.first[image] - 1
	var key simpleStart
	if first != none {
		t := e.templates.At(first)
		if t.app == s.App && t.class.name == s.NodeClass && t.policy == s.PullPolicy {
			return first, nil
		}
		key = simpleStart{e.apps.id(s.App), e.policies.id(s.PullPolicy), e.classes.id(s.NodeClass), int32(image)}
		if id, ok := e.simple[key]; ok {
			return id, nil
		}
	}
	id, err := e.addTemplate(s)
	switch {
	case err != nil:
	case first == none:
		e.first[image] = id + 1
	default:
		e.simple[key] = id
	}
	return id, err
}

func (e *engine) addTemplate(s *Start) (int32, error) {
	if err := e.w.check(s); err != nil {
		return 0, err
	}
	id := e.templates.Take()
	*e.templates.At(id) = template{}
	e.w.follow(e.templates.At(id), s)
	return id, nil
}

func (e *engine) keyOfStart(s *Start) []byte {
	k := e.key[:0]
	for _, word := range [4]string{s.App, s.CacheID, s.PullPolicy, s.NodeClass} {
		k = append(append(k, word...), 0)
	}
	for _, images := range [2][]int{s.Images, s.Held} {
		k = binary.AppendUvarint(k, uint64(len(images)))
		for _, i := range images {
			k = binary.AppendVarint(k, int64(i))
		}
	}
	e.key = k
	return k
}

// link returns the link below which the next node of a class stands.
func (e *engine) link(c *class) network.Link {
	if len(c.links) == 0 {
		return e.top
	}
	i := e.dealt[c]
	e.dealt[c]++
	return e.links[c.links[i%len(c.links)]]
}

// addLinks adds the links that the profile names, parents first.
func addLinks(net *network.Network, p *NetworkProfile, top network.Link) map[string]network.Link {
	ids := make(map[string]network.Link, len(p.Links))
	names := make([]string, 0, len(p.Links))
	for name := range p.Links {
		names = append(names, name)
	}
	slices.Sort(names)
	var add func(name string) network.Link
	add = func(name string) network.Link {
		if id, ok := ids[name]; ok {
			return id
		}
		l := p.Links[name]
		parent := top
		if l.Parent != "" {
			parent = add(l.Parent)
		}
		ids[name] = net.AddLink(p.payload(typical(&l.Rate)), parent)
		return ids[name]
	}
	for _, name := range names {
		add(name)
	}
	return ids
}
