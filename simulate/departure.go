package simulate

import "time"

// departures are the ends of starts of one runtime on named nodes. They come in the
// order in which they were set, so that the first alone stands in the engine's
// queue: all starts that run would make that deep.
type departures struct {
	runtime time.Duration
	list    []event
	first   int
}

func (d *departures) push(x event) (only bool) {
	d.list = append(d.list, x)
	return len(d.list)-d.first == 1
}

// pop takes the first; next is the one after it, if there is one.
func (d *departures) pop() (x event, next *event) {
	x = d.list[d.first]
	if d.first++; 2*d.first > len(d.list) {
		d.list = d.list[:copy(d.list, d.list[d.first:])]
		d.first = 0
	}
	if d.first < len(d.list) {
		next = &d.list[d.first]
	}
	return x, next
}

// departuresAfter is the number of the departures of a runtime.
func (e *engine) departuresAfter(runtime time.Duration) int32 {
	id, ok := e.departing[runtime]
	if ok {
		return id
	}
	if last := len(e.spareDepartures) - 1; last >= 0 {
		id, e.spareDepartures = e.spareDepartures[last], e.spareDepartures[:last]
	} else {
		id = int32(len(e.departures))
		e.departures = append(e.departures, departures{})
	}
	e.departures[id].runtime = runtime
	e.departing[runtime] = id
	return id
}

// setDeparture notes when a start of a template, ready now, ends on its node.
func (e *engine) setDeparture(runtime time.Duration, template, node int32) {
	e.serial++
	x := event{at: e.now + runtime, serial: e.serial, kind: left, id: node, arg: template, age: e.nodes[node].life}
	if id := e.departuresAfter(runtime); e.departures[id].push(x) {
		e.queueDeparture(id, &x)
	}
}

func (e *engine) queueDeparture(id int32, x *event) {
	e.queue.push(event{at: x.at, serial: x.serial, kind: left, id: id})
}

// depart ends a start, the first of the departures.
func (e *engine) depart(id int32) {
	x, next := e.departures[id].pop()
	if next != nil {
		e.queueDeparture(id, next)
	} else {
		delete(e.departing, e.departures[id].runtime)
		e.spareDepartures = append(e.spareDepartures, id)
	}
	if n := e.nodes[x.id]; n.life == x.age {
		n.leave(e.templates.At(x.arg))
	}
}
