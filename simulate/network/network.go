// Package network shares links among transfers max-min fairly, in virtual time.
//
// The model is the fluid one: every transfer (flow) runs at one rate at a time,
// the largest such that no link carries more than its capacity and no flow can
// be given more without taking from one that has no more than it (max-min
// fairness; Bertsekas and Gallager, Data Networks, section 6.5.2). A flow never
// exceeds its own cap. Rates change only when a flow starts or ends.
//
// It knows no packets, no round trips and no ramp of a young connection.
//
// Use: AddLink the links, Start flows, then take completions in order of time
// with Next and Finish.
package network

import (
	"math"
	"slices"
	"time"
)

// Rate is a speed in bytes per second.
type Rate float64

// Unlimited is the rate of a link that never holds anything up.
var Unlimited = Rate(math.Inf(1))

// Link is a link's number.
type Link int

// Flow is a flow's number; numbers are not used again.
type Flow int

// Network is a set of links and the flows on them. The zero value is empty and
// ready to use.
type Network struct {
	links []link
	flows []*flow // in order of start
	next  Flow
	// used are the links that carry a flow, in the order in which share met them.
	used []Link
}

type link struct {
	capacity Rate
	// Scratch of share: what is left, for how many flows whose rate is open.
	left Rate
	open int
}

type flow struct {
	id    Flow
	path  []Link
	cap   Rate
	rate  Rate
	fixed bool
	// At time since, remaining bytes were to be sent, at rate; so end is
	// computed once for each change of rate and does not drift.
	since     time.Duration
	remaining float64
	end       time.Duration
}

const never = time.Duration(math.MaxInt64)

// AddLink adds a link of the given capacity, which is above 0.
func (n *Network) AddLink(capacity Rate) Link {
	n.links = append(n.links, link{capacity: capacity})
	return Link(len(n.links) - 1)
}

// Start begins to send bytes over the links of path, at most at rate cap, and
// returns the flow. Calls of Start and Finish come in order of now.
func (n *Network) Start(now time.Duration, bytes int64, cap Rate, path ...Link) Flow {
	n.next++
	n.flows = append(n.flows, &flow{id: n.next, path: path, cap: cap, since: now, remaining: float64(bytes)})
	n.share(now)
	return n.next
}

// Next returns the flow that ends first (of several, the one that started
// first) and when; ok is false when there is none.
func (n *Network) Next() (f Flow, at time.Duration, ok bool) {
	at = never
	for _, x := range n.flows {
		if x.end < at {
			f, at, ok = x.id, x.end, true
		}
	}
	return f, at, ok
}

// Finish removes a flow that has ended, or gives one up.
func (n *Network) Finish(now time.Duration, f Flow) {
	n.flows = slices.DeleteFunc(n.flows, func(x *flow) bool { return x.id == f })
	n.share(now)
}

// Rate returns the present rate of a flow, 0 when it has ended.
func (n *Network) Rate(f Flow) Rate {
	for _, x := range n.flows {
		if x.id == f {
			return x.rate
		}
	}
	return 0
}

// share gives every flow its max-min fair rate by filling: all open flows rise
// together until a link is full or a cap is reached; those that it holds are
// fixed; the rest rise on.
func (n *Network) share(now time.Duration) {
	for _, l := range n.used {
		n.links[l].open = 0
	}
	n.used = n.used[:0]
	for _, f := range n.flows {
		f.fixed = false
		for _, l := range f.path {
			if n.links[l].open == 0 {
				n.used = append(n.used, l)
				n.links[l].left = n.links[l].capacity
			}
			n.links[l].open++
		}
	}
	for open := len(n.flows); open > 0; {
		level := n.level()
		for _, f := range n.flows {
			if !f.fixed && n.held(f, level) {
				n.fix(f, level, now)
				open--
			}
		}
	}
}

// level is the rate to which all open flows can rise.
func (n *Network) level() Rate {
	level := Unlimited
	for _, i := range n.used {
		if l := &n.links[i]; l.open > 0 {
			level = min(level, l.left/Rate(l.open))
		}
	}
	for _, f := range n.flows {
		if !f.fixed {
			level = min(level, f.cap)
		}
	}
	return level
}

// held says whether a flow cannot rise above level. Links are compared with the
// same quotient as in level, taken before any flow is fixed at it, so that
// equal links stay equal.
func (n *Network) held(f *flow, level Rate) bool {
	if f.cap <= level {
		return true
	}
	for _, l := range f.path {
		if n.links[l].left/Rate(n.links[l].open) <= level*(1+1e-12) {
			return true
		}
	}
	return level == Unlimited
}

func (n *Network) fix(f *flow, rate Rate, now time.Duration) {
	f.fixed = true
	for _, l := range f.path {
		n.links[l].open--
		n.links[l].left = max(0, n.links[l].left-rate)
	}
	f.setRate(rate, now)
}

func (f *flow) setRate(rate Rate, now time.Duration) {
	if rate == f.rate && f.end != 0 {
		return
	}
	if f.rate > 0 {
		f.remaining = max(0, f.remaining-float64(f.rate)*(now-f.since).Seconds())
	}
	f.rate, f.since = rate, now
	seconds := f.remaining / float64(rate)
	if f.remaining == 0 {
		seconds = 0
	}
	f.end = now + time.Duration(math.Round(min(seconds, mostSeconds)*1e9))
}

// mostSeconds (100 years) keeps a time far from the end of time.Duration.
const mostSeconds = 100 * 365 * 24 * 3600
