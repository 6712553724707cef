package simulate

import (
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// observer keeps what happens over time, on request. It only looks: the engine
// does the same with it and without it, to the bit. A nil observer keeps nothing.
type observer struct {
	// From is up to where the links were looked at, next the edge of a bucket at
	// which they are looked at again. Between events their rates do not change.
	from, next, width time.Duration
	links             []observedLink
	requests          sketch.Series
	requested, became starts
	// most is the greatest number of starts in flight, first at mostAt.
	most   int32
	mostAt time.Duration
}

// observedLink is a link and what it has carried.
type observedLink struct {
	name    string
	id      network.Link
	carried float64
	series  sketch.Series
}

// starts counts starts over time. Seconds are the sum of their times, from which
// and from how many there are follows how long they were in flight in a bucket,
// at a cost that does not grow with the length of a start.
type starts struct{ count, seconds sketch.Series }

func (s *starts) add(at time.Duration) {
	s.count.AddAt(at, 1)
	s.seconds.AddAt(at, at.Seconds())
}

// The names of the links that every profile has.
const (
	LinkRegistry = "registry"
	LinkUplink   = "uplink"
)

func newObserver(e *engine) *observer {
	o := &observer{width: sketch.FirstWidth, next: sketch.FirstWidth}
	o.links = append(o.links, observedLink{name: LinkRegistry, id: e.top}, observedLink{name: LinkUplink, id: e.top})
	for _, name := range slices.Sorted(maps.Keys(e.links)) {
		o.links = append(o.links, observedLink{name: name, id: e.links[name]})
	}
	return o
}

// until is called before the time becomes t.
func (o *observer) until(e *engine, t time.Duration) {
	if o != nil && t >= o.next {
		o.pass(e, t)
	}
}

// pass notes what the links carry up to the last edge of a bucket before t.
func (o *observer) pass(e *engine, t time.Duration) {
	o.look(e, o.next)
	for t/o.width >= sketch.MaxBuckets {
		o.width *= 2
	}
	if edge := t / o.width * o.width; edge > o.from {
		o.look(e, edge)
	}
	o.next = (o.from/o.width + 1) * o.width
}

func (o *observer) look(e *engine, to time.Duration) {
	for i := range o.links {
		l := &o.links[i]
		carried := e.net.CarriedAt(l.id, to)
		l.series.AddSpan(o.from, to, max(0, carried-l.carried))
		l.carried = carried
	}
	o.from = to
}

// request is called for each request to the registry.
func (o *observer) request(at time.Duration) {
	if o != nil {
		o.requests.AddAt(at, 1)
	}
}

// begins is called for each start when it is requested.
func (o *observer) begins(e *engine) {
	if o == nil {
		return
	}
	if inFlight := int32(e.requested - e.finished); inFlight > o.most {
		o.most, o.mostAt = inFlight, e.now
	}
}

// ready is called for each start when it is ready.
func (o *observer) ready(s *Startup) {
	if o != nil {
		o.requested.add(s.Requested)
		o.became.add(s.Requested + s.Ready)
	}
}

// end returns what was observed until the end of a run.
func (o *observer) end(e *engine) observed {
	if o == nil {
		return observed{}
	}
	o.look(e, e.now)
	until := time.Duration(1)
	for _, s := range o.all() {
		until = max(until, time.Duration(len(s.Amounts()))*s.Width())
	}
	x := observed{width: sketch.FirstWidth, most: float64(o.most), mostAt: o.mostAt}
	for x.width*observationBuckets < until {
		x.width *= 2
	}
	n := int((until-1)/x.width) + 1
	for i := range o.links {
		x.links = append(x.links, x.amounts(&o.links[i].series, n))
	}
	x.requests = x.amounts(&o.requests, n)
	x.inFlight = x.startSeconds(&o.requested, &o.became, n)
	return x
}

// all are the series that say when something happened.
func (o *observer) all() []*sketch.Series {
	list := []*sketch.Series{&o.requests, &o.requested.count, &o.became.count}
	for i := range o.links {
		list = append(list, &o.links[i].series)
	}
	return list
}
