package workload

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"strconv"
)

// maxHeldEvents bounds, in bytes, the events of an input that are held to bring them in order
// of time: kubectl get events sorts by name. Lists of 30,000 events fit.
const maxHeldEvents = 20 << 20

const (
	// heldEventBytes is what an event takes beside its texts.
	heldEventBytes = 320
	// nearPlaces is how far from the end of the queue the place of an event is looked for.
	nearPlaces = 64
)

// An eventOrder hands events over in order of time. It holds as many as fit: an input that is
// no longer than that comes in the same order however its lines are sorted, and of a longer
// one those lines that are no further out of order than that.
type eventOrder struct {
	take func(e *lineEvent)
	most int
	// held is how much is held, in bytes: in queue, from head on, in order, and what
	// came out of order in stray.
	held  int
	queue []*heldEvent
	head  int
	stray strayEvents
	free  []*heldEvent
	// taken is the time of the last event that was handed over, late counts those that came
	// when a later one had been.
	taken int64
	late  int
	event lineEvent
}

// A heldEvent is an event that outlives its line.
type heldEvent struct {
	lineEvent
	size int
	// text has the event's texts one after the other; whole is not kept.
	text []byte
}

// add takes an event.
func (o *eventOrder) add(e *lineEvent) {
	o.put(o.hold(e))
	for o.held > o.most {
		o.next()
	}
}

// end hands over all that is left.
func (o *eventOrder) end() {
	for len(o.stray) > 0 || o.head < len(o.queue) {
		o.next()
	}
}

func (o *eventOrder) hold(e *lineEvent) *heldEvent {
	h := &heldEvent{}
	if n := len(o.free); n > 0 {
		h, o.free = o.free[n-1], o.free[:n-1]
	}
	of, size := e.texts(), 0
	for _, part := range of {
		size += len(*part)
	}
	text := slices.Grow(h.text[:0], size)
	for _, part := range of {
		text = append(text, *part...)
	}
	h.lineEvent, h.text = *e, text
	h.whole = nil
	at := 0
	for n, part := range h.texts() {
		end := at + len(*of[n])
		*part = text[at:end:end]
		at = end
	}
	h.size = heldEventBytes + cap(h.text)
	o.held += h.size
	return h
}

// put puts an event at its place.
func (o *eventOrder) put(h *heldEvent) {
	at := len(o.queue)
	for least := max(o.head, at-nearPlaces); at > least && h.compare(o.queue[at-1]) < 0; at-- {
	}
	if at > o.head && h.compare(o.queue[at-1]) < 0 {
		heap.Push(&o.stray, h)
		return
	}
	o.queue = slices.Insert(o.queue, at, h)
}

// next hands over the earliest.
func (o *eventOrder) next() {
	var h *heldEvent
	if o.head == len(o.queue) || len(o.stray) > 0 && o.stray[0].compare(o.queue[o.head]) < 0 {
		h = heap.Pop(&o.stray).(*heldEvent)
	} else {
		h, o.queue[o.head] = o.queue[o.head], nil
		if o.head++; o.head*2 > len(o.queue) && o.head > 1024 || o.head == len(o.queue) {
			o.queue, o.head = slices.Delete(o.queue, 0, o.head), 0
		}
	}
	o.held -= h.size
	if h.last < o.taken {
		o.late++
	}
	o.taken = max(o.taken, h.last)
	o.event = h.lineEvent
	o.take(&o.event)
	if len(o.free) < nearPlaces {
		o.free = append(o.free, h)
	}
}

// told says how many events were too far out of order; empty where none was.
func (o *eventOrder) told(name string) string {
	if o.late == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s stand more than %d MiB of events behind later ones, and count when they come: bursts and run times may be off; sort its lines by time", count(o.late, "event"), name, o.most>>20)
}

// texts are those of an event but for whole, in order of weight for compare.
func (e *lineEvent) texts() [8]*[]byte {
	return [...]*[]byte{&e.kind, &e.namespace, &e.name, &e.field, &e.reason, &e.message, &e.uid, &e.host}
}

// compare orders events by time. Those of one second are in the order of a pod's life, and
// those of one kubelet in the order in which it sent them; the rest of the order only serves
// to be the same whatever the order of the lines.
func (h *heldEvent) compare(other *heldEvent) int {
	if c := cmp.Or(cmp.Compare(h.last, other.last), cmp.Compare(h.stage(), other.stage()), cmp.Compare(h.sent, other.sent), cmp.Compare(h.first, other.first)); c != 0 {
		return c
	}
	of := other.texts()
	for n, text := range h.texts() {
		if c := bytes.Compare(*text, *of[n]); c != 0 {
			return c
		}
	}
	return 0
}

// stage is where in the life of a pod or a node an event stands.
func (e *lineEvent) stage() int {
	switch string(e.reason) {
	case "SuccessfulDelete":
		if string(e.kind) == "StatefulSet" { // a pod of the same name comes after it
			return 0
		}
		return 5
	case "RegisteredNode", "Starting", "SuccessfulCreate":
		return 1
	case "Scheduled":
		return 2
	case "Killing", "Evicted", "Preempted", "TaintManagerEviction":
		return 4
	case "RemovingNode", "DeletingNode":
		return 7
	}
	if isJobEnd(string(e.reason)) {
		return 6
	}
	return 3
}

// sentAt is when an event was sent first, in nanoseconds, as client-go has it at the end of
// its name (fmt "%v.%x" of the object's and the time); 0 of others.
func sentAt(name []byte) uint64 {
	at := bytes.LastIndexByte(name, '.')
	if at < 0 || len(name)-at != 17 {
		return 0
	}
	n, err := strconv.ParseUint(string(name[at+1:]), 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// strayEvents is a heap, the earliest first.
type strayEvents []*heldEvent

func (s strayEvents) Len() int           { return len(s) }
func (s strayEvents) Less(i, j int) bool { return s[i].compare(s[j]) < 0 }
func (s strayEvents) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *strayEvents) Push(x any)        { *s = append(*s, x.(*heldEvent)) }
func (s *strayEvents) Pop() any {
	last := len(*s) - 1
	x := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return x
}
