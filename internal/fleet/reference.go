package fleet

import (
	"cmp"
	"math"
	"slices"
)

// Reference returns the seconds at which each pull is ready, by the plainest
// simulation there is: at each event the rates of all flows are found anew by
// filling, and every flow moves on. It shares no code with the project's engine
// and is what that one and SimGrid are checked against. It is slow: an event
// costs the number of flows times that of different rates, so keep to some
// thousand pulls. Speeds are above 0; +Inf is never in the way.
func (f Fleet) Reference() []float64 {
	r := f.newReference()
	for now := 0.0; ; {
		r.fill()
		step := r.untilStart(now)
		for _, x := range r.active {
			for _, flow := range x.flows {
				step = min(step, flow.left/x.rate)
			}
		}
		if math.IsInf(step, 1) {
			return r.ready()
		}
		now = r.advance(now, step)
	}
}

type reference struct {
	fleet Fleet
	// capacity is of each link: first Fleet.Links, then the nodes' own.
	capacity []float64
	// waiting are the pulls that have not started, the first last.
	waiting []*refPull
	// active are the pulls that fetch something.
	active []*refPull
	// pulls are all, in the order of Fleet.Pulls.
	pulls []*refPull
	// left and open are scratch of fill, for each link: bytes per second that
	// no flow has yet, flows that still rise.
	left []float64
	open []int
}

type refPull struct {
	Pull
	path []int
	// cap and rate are of each flow, bytes per second.
	cap, rate float64
	flows     []refFlow
	// next is the layer to be asked for next.
	next int
	// fetched is for each layer the second at which it is fetched.
	fetched []float64
}

type refFlow struct {
	layer int
	left  float64 // bytes
}

func (f Fleet) newReference() *reference {
	r := &reference{fleet: f}
	for _, l := range f.Links {
		r.capacity = append(r.capacity, l.BytesPerSecond)
	}
	for _, n := range f.Nodes {
		r.capacity = append(r.capacity, n.BytesPerSecond)
	}
	r.left, r.open = make([]float64, len(r.capacity)), make([]int, len(r.capacity))
	for _, p := range f.Pulls {
		r.pulls = append(r.pulls, &refPull{
			Pull: p, path: f.path(p.Node), cap: f.Nodes[p.Node].ConnectionBytesPerSecond,
			fetched: make([]float64, len(p.Layers)),
		})
	}
	r.waiting = slices.Clone(r.pulls)
	slices.SortStableFunc(r.waiting, func(a, b *refPull) int { return cmp.Compare(b.Start, a.Start) })
	return r
}

// path is the node's own link and those above it, numbered as in capacity.
func (f Fleet) path(node int) []int {
	path := []int{len(f.Links) + node}
	for link := f.Nodes[node].Link; link >= 0; link = f.Links[link].Parent {
		path = append(path, link)
	}
	return path
}

// untilStart is the time until the next pull starts; +Inf when all have.
func (r *reference) untilStart(now float64) float64 {
	if len(r.waiting) == 0 {
		return math.Inf(1)
	}
	return r.waiting[len(r.waiting)-1].Start.Seconds() - now
}

// advance moves everything on by step, which is the time to the next event, and
// does what happens then.
func (r *reference) advance(now, step float64) float64 {
	starts := r.untilStart(now) <= step
	now += step
	if starts { // exactly then, whatever the sum rounds to
		now = r.waiting[len(r.waiting)-1].Start.Seconds()
	}
	for _, x := range r.active {
		x.send(now, step)
		x.request(r.fleet.Slots)
	}
	if starts {
		last := len(r.waiting) - 1
		r.waiting[last].request(r.fleet.Slots)
		r.active = append(r.active, r.waiting[last])
		r.waiting = r.waiting[:last]
	}
	r.active = slices.DeleteFunc(r.active, func(x *refPull) bool { return len(x.flows) == 0 })
	return now
}

// send moves the pull's flows on by step, to now, and takes away those that end.
func (p *refPull) send(now, step float64) {
	p.flows = slices.DeleteFunc(p.flows, func(x refFlow) bool {
		ended := x.left/p.rate <= step
		if ended {
			p.fetched[x.layer] = now
		}
		return ended
	})
	for i := range p.flows {
		p.flows[i].left -= p.rate * step
	}
}

// request asks for layers while there are slots.
func (p *refPull) request(slots int) {
	for ; len(p.flows) < slots && p.next < len(p.Layers); p.next++ {
		p.flows = append(p.flows, refFlow{layer: p.next, left: float64(p.Layers[p.next])})
	}
}

// fill gives every flow its max-min fair rate: all rise together until a link
// is full or a flow's cap is reached; those that it holds stay there, and the
// rest rise on (Bertsekas and Gallager, Data Networks, section 6.5.2). Flows of
// one pull have one path and cap, so they rise as one.
func (r *reference) fill() {
	copy(r.left, r.capacity)
	clear(r.open)
	for _, x := range r.active {
		for _, link := range x.path {
			r.open[link] += len(x.flows)
		}
	}
	rising := slices.Clone(r.active)
	for len(rising) > 0 {
		level := math.Inf(1)
		for _, x := range rising {
			x.rate = r.bound(x)
			level = min(level, x.rate)
		}
		rising = slices.DeleteFunc(rising, func(x *refPull) bool {
			held := x.rate <= level
			if held {
				r.take(x)
			}
			return held
		})
	}
}

// bound is the rate to which a pull's flows can rise if all others that still
// rise do so too.
func (r *reference) bound(x *refPull) float64 {
	bound := x.cap
	for _, link := range x.path {
		bound = min(bound, r.left[link]/float64(r.open[link]))
	}
	return bound
}

func (r *reference) take(x *refPull) {
	for _, link := range x.path {
		r.open[link] -= len(x.flows)
		if !math.IsInf(r.left[link], 1) {
			r.left[link] = max(0, r.left[link]-float64(len(x.flows))*x.rate)
		}
	}
}

// ready unpacks each pull's layers from the base up.
func (r *reference) ready() []float64 {
	var ready []float64
	for _, p := range r.pulls {
		at := p.Start.Seconds()
		for layer, fetched := range p.fetched {
			at = max(at, fetched) + float64(p.Layers[layer])/r.fleet.UnpackBytesPerSecond
		}
		ready = append(ready, at)
	}
	return ready
}
