package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// registryTakes returns when the registry begins to answer a request sent now,
// and how: answered, refused (429) or failed.
func (e *engine) registryTakes(p *pull, s *startup, of uint64) (begin time.Duration, how eventKind) {
	n := &e.w.profile.Network
	e.observer.request(e.now)
	if e.faults.down > 0 {
		return e.now, failed
	}
	if f := n.ErrorFraction.Value; f > 0 && uniform(e.dice.bits64(s.rank, drawError, e.keyOfTry(p, s)+of)) < f {
		return e.now, failed
	}
	rate := n.RegistryRequests.Value
	if math.IsInf(rate, 1) {
		return e.now, answered
	}
	period := periodOf(rate)
	if n.OverRate.Value == "refuse" {
		if e.bucket-times(period, n.RegistryBurst.Value-1) > e.now {
			return e.now, refused
		}
		e.bucket = min(max(e.bucket, e.now)+period, 2*longest)
		return e.now, answered
	}
	begin = max(e.now, e.paced)
	e.paced = min(begin+period, 2*longest)
	return begin, answered
}

// refuses says that requests fail without a fault.
func (n *NetworkProfile) refuses() bool {
	return n.ErrorFraction.Value > 0 || n.OverRate.Value == "refuse" && !math.IsInf(n.RegistryRequests.Value, 1)
}

// keyOfTry is the key of the draws of a pull in this of the start's tries: each image
// fails by itself.
func (e *engine) keyOfTry(p *pull, s *startup) uint64 {
	return mix(e.w.imageKeys[e.templates.At(s.template).pulls[p.image].image] + uint64(e.noted(s).retries)<<40)
}

// refusedRequest sends a request that was refused or failed again, or gives the
// pull up for a while, as the client does: so many attempts of a request with a
// delay that grows by itself each time, and then the whole pull after a back-off
// that doubles.
func (e *engine) refusedRequest(x event, p *pull) {
	r := &p.class.Pull.Retry
	attempts, after := r.ErrorAttempts.Value, Failed
	switch {
	case x.kind == refused:
		attempts, after = r.Attempts.Value, Refused
	case e.faults.down > 0:
		after = Down
	}
	fetch, tries := x.askedFor()
	if tries++; int64(tries) < attempts {
		e.rec.delays(x.id, p, fetch, after)
		if fetch >= 0 {
			e.delay(x.id, p, int(fetch))
		}
		e.afterPull(time.Duration(tries)*r.Delay.Value, fetchAgain, x.id, p, askedFor(fetch, tries))
		return
	}
	e.failPull(x.id, p, after)
}

// delay notes that a layer is not in flight until it is asked for again; it keeps its
// download slot.
func (e *engine) delay(pid int32, p *pull, i int) {
	s := e.startups.At(p.startup)
	e.account(s)
	if e.trouble(pid, p).delayed++; e.sending(pid, p) == 0 {
		s.fetching--
	}
	if e.tracing {
		e.closes(p, Fetch, pid, i, p.steps.fetch[i], 0)
	}
	e.nodeFetching(s)
}

// mostRetries of a start are beyond any outage: a month at the kubelet's longest
// back-off. More mean that it never gets through.
const mostRetries = 10_000

// failPull ends what a pull has under way and sets the time at which it is tried
// again. What has arrived stays, and what has partly arrived where the client
// resumes.
func (e *engine) failPull(pid int32, p *pull, after Failure) {
	s := e.startups.At(p.startup)
	t := e.templates.At(s.template)
	e.abandon(pid, p, s, t)
	a := e.aside(s)
	if a.retries++; a.retries >= mostRetries && e.err == nil {
		e.err = e.failsForever(s, p, t)
	}
	until := e.now + e.backOff(pid, p)
	p.state = backingOff
	again := e.nextSync(p, s, until)
	e.rec.backsOff(pid, p, until, after)
	e.trackWait(pid, p, WaitBackOff)
	e.at(again, retried, pid, 0, p.age)
}

// failsForever is the error of a start whose pulls fail again and again.
func (e *engine) failsForever(s *startup, p *pull, t *template) error {
	why := "the registry refuses or fails more than the client bears; raise network.registryBurst, pull.retry.attempts or pull.retry.errorAttempts, or lower network.errorFraction"
	if p.class.Pull.Retry.Sync.Distribution == "" {
		why += "; where many starts come back in step, give pull.retry.syncSeconds a distribution"
	}
	if e.faults.down > 0 {
		i := slices.IndexFunc(e.opt.Faults, func(f Fault) bool { return f.Kind == "registry-down" && f.At <= e.now && e.now <= f.At+f.For })
		why = fmt.Sprintf("the registry is down (fault %q) for longer than so many tries take; raise pull.retry.backoffSeconds and backoffMaxSeconds", e.opt.Faults[i])
	}
	return fmt.Errorf("simulate app %s: its pulls failed %d times, now that of %s at %v: %s", t.app, e.noted(s).retries, t.names[p.image], e.now, why)
}

// backOff is how long a pull that failed is not to be tried again. As the kubelet's
// does (client-go, util/flowcontrol), it doubles with each failure, whatever arrived
// between them, and is forgotten after twice the longest one without a failure.
func (e *engine) backOff(pid int32, p *pull) time.Duration {
	r, x := &p.class.Pull.Retry, e.trouble(pid, p)
	if x.failures > 0 && e.now-x.failedAt > 2*r.BackoffMax.Value {
		x.failures = 0
	}
	wait := r.Backoff.Value
	for range x.failures {
		wait = min(2*wait, r.BackoffMax.Value)
	}
	x.failures, x.failedAt = min(x.failures+1, 60), e.now
	return min(wait, r.BackoffMax.Value)
}

// nextSync is when the client first looks at a start once the back-off of its pull
// has ended. It looks again and again from the failure on.
func (e *engine) nextSync(p *pull, s *startup, until time.Duration) time.Duration {
	sync := &p.class.Pull.Retry.Sync
	switch {
	case sync.Distribution != "":
	case sync.Value == 0:
		return until
	default:
		looks := max(1, (until-e.now+sync.Value-1)/sync.Value)
		return e.now + looks*sync.Value
	}
	const mostLooks = 1000 // by then they are too close together to tell
	at, key := e.now, e.keyOfTry(p, s)
	for look := range uint64(mostLooks) {
		if at += e.drawTime(sync, s.rank, drawSync, key+look); at >= until {
			return at
		}
	}
	return until
}

// abandon ends a pull's requests and transfers, and what it had claimed of its
// node.
func (e *engine) abandon(pid int32, p *pull, s *startup, t *template) {
	e.account(s)
	for _, f := range e.flowsOf(pid, s) {
		_, i := tagOf(f.Tag)
		layer := p.steps.fetch[i]
		full := e.w.layers[layer].compressed
		p.fetched -= full
		left := e.left(f, full)
		if t.class.Pull.Retry.Resume.Value && left < full {
			x := e.trouble(pid, p)
			if x.partial == nil {
				x.partial = make(map[int32]int64)
			}
			x.partial[layer] = left
		} else {
			e.aside(s).wasted += full - left
		}
		e.net.Finish(e.now, f)
	}
	if e.tracing {
		e.trackAbandon(pid, p)
	}
	e.rec.abandons(pid, p)
	inFlight := int64(p.inFlight)
	if p.state == resolving {
		s.resolving--
		if e.slotted(p, s, t) == nil || inFlight == 0 {
			inFlight = 0
		}
	} else if e.sending(pid, p) > 0 {
		s.fetching--
	}
	p.age++
	p.inFlight, p.fetchNext = 0, 0
	if p.is&troubled != 0 {
		e.trouble(pid, p).delayed = 0
	}
	if s.node != none {
		e.nodes[s.node].abandon(e, pid, p, s, inFlight)
	}
}

// flowsOf are the transfers of a pull, with what they have sent until now.
func (e *engine) flowsOf(pid int32, s *startup) []network.Flow {
	node := s.netNode
	if s.node != none {
		node = e.nodes[s.node].net
	}
	if node == none {
		return nil
	}
	e.net.Advance(e.now)
	return slices.DeleteFunc(append(e.net.FlowsOf(node), e.net.Instant()...), func(f network.Flow) bool {
		of, _ := tagOf(f.Tag)
		return of != pid
	})
}

// left is how many whole bytes of a layer a transfer has still to send.
func (e *engine) left(f network.Flow, full int64) int64 {
	const noise = 1e-3 // of rounding, far below a byte
	return min(full, int64(math.Ceil(max(0, e.net.Remaining(f)-noise))))
}

func tagOf(tag int64) (pid int32, fetch int) { return int32(tag >> 16), int(tag & 0xffff) }

// abandon takes a pull from the node's lists; what it claimed is free again, and
// who waits for a blob of it fetches that itself.
func (n *node) abandon(e *engine, pid int32, p *pull, s *startup, slots int64) {
	n.queue = slices.DeleteFunc(n.queue, func(x int32) bool { return x == pid })
	if n.class.daemonSlots {
		n.free += slots
	}
	wasActive := slices.Contains(n.active, pid)
	n.active = slices.DeleteFunc(n.active, func(x int32) bool { return x == pid })
	n.leaveLine(pid)
	if p.own != none && wasActive {
		own := p.steps
		for i := range own.units {
			n.stopUnpack(e, pid, p, i)
			u := &own.units[i]
			n.unclaimChain(e, u.chain)
		}
		n.plan(e, s.node)
		for _, l := range own.fetch {
			n.unclaimBlob(e, l)
		}
	}
	e.nodeFetching(s)
	n.adopt(e)
	if slots > 0 {
		n.grant(e)
	}
	n.pass(e, n.class)
	n.wake(e)
}

// adopt lets pulls fetch the blobs for which they waited, where nobody fetches
// them any more.
func (n *node) adopt(e *engine) {
	for _, pid := range slices.Clone(n.active) {
		p := e.pulls.At(pid)
		if p.state != fetching {
			continue
		}
		own := p.steps
		more := false
		for i := int(p.unit); i < len(own.units); i++ {
			u := &own.units[i]
			if u.layer < 0 || u.from != none || n.blob(e, u.layer) != absent || n.chain(e, u.chain) == present {
				continue
			}
			n.claimBlob(e, u.layer)
			e.rec.adopts(pid, p, len(own.fetch))
			u.from = int32(len(own.fetch))
			own.fetch = append(own.fetch, u.layer)
			if p.order != none {
				o := e.orders.At(p.order)
				*o = append(*o, uint16(u.from))
			}
			more = true
		}
		if more {
			s := e.startups.At(p.startup)
			n.demandSlots(e, pid, p, s)
		}
	}
}

// retry begins a pull that failed again, unless another has brought the image
// meanwhile and it need not be asked for.
func (e *engine) retry(pid int32, p *pull) {
	id := p.startup
	s := e.startups.At(id)
	t := e.templates.At(s.template)
	e.trackWaited(pid, p, WaitBackOff)
	if s.node != none {
		n := e.nodes[s.node]
		if image := t.pulls[p.image].image; n.images.has(image) && !t.pulls[p.image].again {
			e.account(s)
			n.images.use(image)
			if p.is&leased != 0 {
				n.release(e, image)
			}
			e.forget(pid, p)
			e.imagePulled(id, s, t)
			return
		}
		if p.own != none {
			e.own.Give(p.own)
			p.own = none
		}
		if !n.turn(e, pid, t.class) {
			p.state = queued
			e.trackWait(pid, p, WaitTurn)
			return
		}
	}
	e.resolve(pid, p)
}
