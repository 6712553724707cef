package simulate

import "time"

// departures are the ends of starts of one runtime on named nodes. They come in the
// order in which they were set, so that the first alone stands in the engine's
// queue: all starts that run would make that deep.
type departures struct {
	list  []event
	first int
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
	if !ok {
		id = int32(len(e.departures))
		e.departing[runtime] = id
		e.departures = append(e.departures, departures{})
	}
	return id
}

// setDeparture notes when a start of a template, ready now, ends on its node.
func (e *engine) setDeparture(t *template, template, node int32) {
	e.serial++
	x := event{at: e.now + t.runtime, serial: e.serial, kind: left, id: node, arg: template, age: e.nodes[node].life}
	if e.departures[t.departures].push(x) {
		e.queueDeparture(t.departures, &x)
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
	}
	if n := e.nodes[x.id]; n.life == x.age {
		n.leave(e.templates.At(x.arg))
	}
}
