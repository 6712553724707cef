package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// faults is what goes wrong at present.
type faults struct {
	down int
	slow []network.Rate
}

func (e *engine) setFaults() {
	for i, f := range e.opt.Faults {
		e.at(f.At, faultBegins, 0, int32(i), 0)
	}
}

func (e *engine) beginFault(i int) {
	f := &e.opt.Faults[i]
	switch f.Kind {
	case "registry-down":
		e.faults.down++
		e.cutTransfers()
	case "registry-slow":
		e.faults.slow = append(e.faults.slow, f.Registry)
		e.slowRegistry()
	case "node-lost":
		e.loseNode(f)
		return
	}
	e.at(e.now+f.For, faultEnds, 0, int32(i), 0)
}

func (e *engine) endFault(i int) {
	f := &e.opt.Faults[i]
	switch f.Kind {
	case "registry-down":
		e.faults.down--
	case "registry-slow":
		k := slices.Index(e.faults.slow, f.Registry)
		e.faults.slow = slices.Delete(e.faults.slow, k, k+1)
		e.slowRegistry()
	}
}

func (e *engine) slowRegistry() {
	rate := e.w.profile.Network.top()
	for _, slow := range e.faults.slow {
		rate = min(rate, slow)
	}
	e.net.SetCapacity(e.now, e.top, e.w.profile.Network.payload(rate))
}

// cutTransfers ends all transfers: the clients ask for the rest, and are refused.
// Requests under way are refused when they would be answered.
func (e *engine) cutTransfers() {
	for pid := range int32(e.pulls.Used()) {
		p := e.pulls.At(pid)
		if p.state != fetching || p.inFlight == 0 {
			continue
		}
		if len(e.flowsOf(pid, e.startups.At(p.startup))) > 0 {
			e.failPull(pid, p, Down)
		}
	}
}

// loseNode empties a node and makes its unfinished starts anew after a while.
func (e *engine) loseNode(f *Fault) {
	id, ok := e.named[f.Node]
	if !ok && slices.ContainsFunc(e.opt.NewNodes, func(n NewNode) bool { return n.Name == f.Node && n.Until > 0 && n.Until <= e.now }) {
		return // it has ended
	}
	if !ok {
		e.err = fmt.Errorf("simulate: node %s is lost at %v, but no start before that names it: name a node of the trace", f.Node, f.At)
		return
	}
	for pid := range int32(e.pulls.Used()) {
		if p := e.pulls.At(pid); p.state != resting && e.startups.At(p.startup).node == id {
			e.dropPull(pid, p)
		}
	}
	n := e.nodes[id]
	n.empty(e)
	n.losses++
	n.lostUntil = max(n.lostUntil, e.now+f.For)
	n.up = max(n.up, e.now+f.For+e.drawTime(&n.class.Node.Boot, 0, drawBoot, keyOf(n.name)+uint64(n.losses)))
	e.startupsOf(id, func(sid int32, s *startup) {
		if s.hidden { // set up anew, before the starts as when a node is first made
			e.dropStartup(sid, s)
		}
	})
	if err := e.setUp(id, n.setup); err != nil {
		e.err = err
	}
	e.startupsOf(id, func(sid int32, s *startup) {
		if !s.hidden {
			e.again(sid, s, f.For)
		}
	})
}

func (e *engine) startupsOf(node int32, do func(sid int32, s *startup)) {
	for sid := range int32(e.startups.Used()) {
		if s := e.startups.At(sid); s.alive && s.node == node {
			do(sid, s)
		}
	}
}

// dropStartup forgets a node's own pod.
func (e *engine) dropStartup(sid int32, s *startup) {
	e.stopRead(s)
	e.nodes[s.node].underWay--
	e.forgetStartup(sid, s)
}

// dropPull ends a pull on a node that is lost.
func (e *engine) dropPull(pid int32, p *pull) {
	s := e.startups.At(p.startup)
	for _, f := range e.flowsOf(pid, s) {
		_, i := tagOf(f.Tag)
		layer := p.steps.fetch[i]
		full := e.w.layers[layer].compressed
		p.fetched -= full
		e.aside(s).wasted += full - e.left(f, full)
		if p.is&troubled != 0 {
			delete(e.troubles[pid].partial, layer)
		}
		e.net.Finish(e.now, f)
	}
	if e.tracing {
		e.trackAbandon(pid, p)
	}
	e.rec.abandons(pid, p)
	e.forget(pid, p)
}

// again makes a start anew whose node was lost; what it had is lost, the time is
// not given back. One that waits to be admitted, or for another node lost before,
// goes on to: it then waits until the node is up.
func (e *engine) again(id int32, s *startup, wait time.Duration) {
	if s.awaits == admitted {
		return
	}
	if !e.leavePhase(id, s) {
		e.account(s)
	}
	e.stopRead(s)
	e.rec.readEnds(id)
	e.rec.nodeLost(id)
	delete(e.evictions, id)
	a := e.aside(s)
	a.wasted += s.fetched
	a.firstReadBytes = 0
	s.fetched, s.unpacked = 0, 0
	s.fetching, s.unpacking, s.resolving = 0, 0, 0
	s.next, s.running, s.reused, s.missing = 0, 0, 0, 0
	a.retries++
	s.age++
	s.awaits = admitted
	e.at(e.now+wait, admitted, id, 0, s.age)
}
