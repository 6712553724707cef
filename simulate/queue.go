package simulate

import "time"

// event is something that is to happen to a startup, a pull or a node.
type event struct {
	at     time.Duration
	serial uint32 // events of one instant happen in the order in which they were set
	id     int32
	arg    int32
	kind   eventKind
	// age is that of the startup, pull or node when the event was set: what has
	// changed since then is not meant any more. An unpack's is arg.
	age uint16
}

type eventKind uint8

const (
	admitted eventKind = iota
	provisioned
	attached
	resolved
	answered
	refused
	failed
	unpacked
	pulled
	created
	becameReady
	left
	retried
	faultBegins
	faultEnds
	fetchAgain
	nodeAdded
	nodeEnded
	contended
)

// events is a 4-ary heap of events, the first on top.
type events []event

func (x *event) before(y *event) bool {
	return x.at < y.at || x.at == y.at && x.serial < y.serial
}

func (q *events) push(x event) {
	h := append(*q, x)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) >> 2
		if !x.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = x
	*q = h
}

func (q *events) pop() event {
	h := *q
	top := h[0]
	last := len(h) - 1
	x := h[last]
	h = h[:last]
	*q = h
	for i := 0; last > 0; {
		child := 4*i + 1
		if child >= last {
			h[i] = x
			break
		}
		least := child
		for c := child + 1; c < min(child+4, last); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if !h[least].before(&x) {
			h[i] = x
			break
		}
		h[i] = h[least]
		i = least
	}
	return top
}
