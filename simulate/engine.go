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
	// known are the templates by the starts that they stand for, simple those of
	// starts of one image that finds nothing; words numbers what keys are of.
	known  map[string]int32
	simple map[simpleStart]int32
	words  map[string]int32
	key    []byte

	startups table.Table[startup]
	pulls    table.Table[pull]
	own      table.Table[steps]    // of pulls on nodes that keep what they hold
	orders   table.Table[[]uint16] // of requests that race
	wide     map[int32][]uint64    // what has arrived of pulls of more than 64 layers
	partial  map[partialKey]int64
	nodes    []*node
	unused   []int32 // nodes
	named    map[string]int32

	// admission is the token bucket's theoretical arrival time (GCRA), paced the
	// time from which the registry begins the next request, bucket the same as a
	// token bucket that refuses.
	admission, paced, bucket time.Duration
	faults                   faults
	plain                    bool // the registry answers every request, at once
	tracing                  bool
	tracked                  map[int32]*trace // by startup
	observer                 *observer
	rec                      *recorder // of the start that is explained

	rank     int32
	finished int
	// emit takes each result; result and phases are used again for the next.
	emit   func(index int, s *Startup)
	result Startup
	phases [8]time.Duration
	err    error
}

type partialKey struct {
	pull  int32
	layer int32
}

func newEngine(w *world, opt *Options, repeat int, emit func(int, *Startup)) *engine {
	e := &engine{
		w: w, opt: opt, repeat: repeat, dice: newDice(opt.Seed, repeat), emit: emit,
		known: make(map[string]int32), simple: make(map[simpleStart]int32), words: make(map[string]int32), named: make(map[string]int32), dealt: make(map[*class]int), copies: make(map[string]*copyLink),
	}
	e.top = e.net.AddLink(w.profile.Network.top(), network.NoLink)
	n := &w.profile.Network
	e.plain = math.IsInf(n.RegistryRequests.Value, 1) && n.ErrorFraction.Value == 0 && len(opt.Faults) == 0
	e.links = addLinks(&e.net, &w.profile.Network, e.top)
	return e
}

// run takes the starts in order of their requests and simulates them to the end.
func (e *engine) run(ctx context.Context, starts iter.Seq2[int, *Start]) error {
	next, stop := iter.Pull2(starts)
	defer stop()
	index, start, more := next()
	e.setNewNodes()
	e.setFaults()
	for step := 0; ; step++ {
		if step&0xfff == 0 && ctx.Err() != nil {
			return fmt.Errorf("simulate: %w", ctx.Err())
		}
		const never = time.Duration(math.MaxInt64)
		flowAt, eventAt, startAt := e.net.NextAt(), never, never
		if len(e.queue) > 0 {
			eventAt = e.queue[0].at
		}
		if more {
			startAt = start.Requested
		}
		first := min(flowAt, eventAt, startAt)
		switch {
		case first == never:
			return e.ended()
		case more && (startAt < 0 || startAt > longest):
			return start.check()
		case more && startAt < e.now:
			return fmt.Errorf("simulate app %s: its start at %v comes after one at %v: starts go in order of time", start.App, startAt, e.now)
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
			if err := e.request(index, start); err != nil {
				return err
			}
			index, start, more = next()
		}
		if e.err != nil {
			return e.err
		}
	}
}

func (e *engine) ended() error {
	if e.finished != int(e.rank) {
		return fmt.Errorf("simulate: of %d starts %d became ready; this is a fault of cachebench, please report it with the scenario", e.rank, e.finished)
	}
	return nil
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
	case resolved, answered, refused, pulled, retried, fetchAgain:
		if p := e.pulls.At(x.id); p.age == x.age {
			e.stepPull(x, p)
		}
	case unpacked:
		if n := e.nodes[x.id]; n.plans == x.arg {
			e.endUnpack(n)
		}
	case left:
		if n := e.nodes[x.id]; n.life == x.age {
			n.leave(e, e.templates.At(x.arg))
		}
	case nodeAdded:
		e.addNode(x.arg)
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

func (e *engine) word(s string) int32 {
	if s == "" {
		return 0
	}
	id, ok := e.words[s]
	if !ok {
		id = int32(len(e.words)) + 1
		e.words[s] = id
	}
	return id
}

// template returns the number of the template that a start follows.
func (e *engine) template(s *Start) (int32, error) {
	if len(s.Images) == 1 && s.CacheID == "" {
		k := simpleStart{e.word(s.App), e.word(s.PullPolicy), e.word(s.NodeClass), int32(s.Images[0])}
		if id, ok := e.simple[k]; ok {
			return id, nil
		}
		id, err := e.addTemplate(s)
		if err == nil {
			e.simple[k] = id
		}
		return id, err
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

func (e *engine) addTemplate(s *Start) (int32, error) {
	if err := e.w.check(s); err != nil {
		return 0, err
	}
	id := e.templates.Take()
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
		ids[name] = net.AddLink(typical(&l.Rate), parent)
		return ids[name]
	}
	for _, name := range names {
		add(name)
	}
	return ids
}
