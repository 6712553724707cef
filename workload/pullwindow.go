package workload

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is the time that snapshots cover.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Covered is how much of it the snapshots tell of; there are gaps where it is
	// less than the time from From to To.
	Covered time.Duration `json:"coveredSeconds"`
	// Gaps counts the times between snapshots that none tells of.
	Gaps int `json:"gaps,omitempty"`
	// Given: it was not found out from the snapshots.
	Given bool `json:"given,omitempty"`
	// Life is how long events are taken to live: a list of them tells of so long
	// before it was written.
	Life time.Duration `json:"eventLifeSeconds,omitempty"`
	// Young tells that the cluster is younger than events live, so that the window begins with the
	// oldest object of the snapshots.
	Young bool `json:"youngCluster,omitempty"`

	spans []span
	// streamed is the longest that is covered by what stands outside of lists, back
	// how far events in a list reach back at most.
	streamed, back time.Duration
	// short: no list has an event of the last quarter of their life.
	short bool
}

// eventLife is how long an API server keeps events unless its --event-ttl says
// otherwise (kube-apiserver's default).
const eventLife = time.Hour

const (
	// quiet is how long a time between snapshots must be to be a gap.
	quiet = time.Minute
	// enoughEvents are enough for their ages to tell how long they live.
	enoughEvents = 100
)

// look names a snapshot; list is 0 for what stands outside of lists.
type look struct{ input, list int }

// A span is a time that is covered.
type span struct{ from, to time.Time }

// A lookRecord is what is kept of a snapshot as such. Of clocks it trusts the API
// server's, which stamps objects when they are made; those of nodes may be wrong.
type lookRecord struct {
	// stamped is the API server's newest stamp, told the newest time that others tell.
	stamped, told time.Time
	// heartbeats are the newest of each node in a list, at most five minutes before it
	// was written.
	heartbeats []time.Time
	sorted     bool // heartbeats are
	// oldest is the API server's oldest stamp on an event that happened once, before
	// which none in the look did; kept is the time of the event that expires next.
	oldest, kept time.Time
	events       int
	pods, nodes  bool
	// born is the API server's oldest stamp of all.
	born time.Time
}

// stamp takes a time that the API server wrote.
func (l *lookRecord) stamp(t time.Time) {
	if isUsable(t) {
		l.stamped, l.born = later(l.stamped, t.UTC()), earlier(l.born, t.UTC())
	}
}

// tell takes a time that another clock told.
func (l *lookRecord) tell(t time.Time) {
	if isUsable(t) {
		l.told = later(l.told, t.UTC())
	}
}

// addEvent takes the times of an event: when the API server made it, and when it
// happened last.
func (l *lookRecord) addEvent(created, last time.Time, often int) {
	if !isUsable(last) {
		return
	}
	l.events++
	l.tell(last)
	at := last.UTC()
	if isUsable(created) {
		l.stamp(created)
		at = later(at, created.UTC())
		if often == 1 {
			at = created.UTC()
		}
	} else {
		l.stamp(last) // there is no other time
	}
	l.kept = earlier(l.kept, at)
	if often == 1 {
		l.oldest = earlier(l.oldest, at)
	}
}

// taken is when the snapshot was, as far as it tells: at the newest stamp, or where
// little happens at the nodes' heartbeats, which come every five minutes. Without those
// it is as late as anything says, if that is within an hour of a stamp.
func (l *lookRecord) taken() time.Time {
	switch n := len(l.heartbeats); {
	case n > 0:
		if !l.sorted {
			slices.SortFunc(l.heartbeats, time.Time.Compare)
			l.sorted = true
		}
		// The median, for a clock may be wrong.
		return later(l.stamped, l.heartbeats[n/2])
	case l.stamped.IsZero():
		return l.told
	case l.told.Sub(l.stamped) < eventLife:
		return later(l.stamped, l.told)
	}
	return l.stamped
}

// merge puts two parts of one look together.
func (l *lookRecord) merge(other *lookRecord) *lookRecord {
	if other == nil {
		return l
	}
	return &lookRecord{
		stamped: later(l.stamped, other.stamped), told: later(l.told, other.told),
		heartbeats: slices.Concat(l.heartbeats, other.heartbeats),
		oldest:     earlier(l.oldest, other.oldest), kept: earlier(l.kept, other.kept),
		born: earlier(l.born, other.born), events: l.events + other.events, pods: l.pods || other.pods, nodes: l.nodes || other.nodes,
	}
}

// covers is the time of which the snapshot tells; false where it is none of events. A
// list tells of as long before it as events live, however few there are. Outside of
// lists stands a watch, which tells from its first event on.
func (l *lookRecord) covers(at look, life time.Duration, complete bool) (span, bool) {
	to := l.taken()
	switch {
	case to.IsZero() || l.events == 0 && !(complete && at.list > 0 && l.pods && l.nodes):
		return span{}, false
	case at.list > 0:
		return span{from: to.Add(-life), to: to}, true
	}
	from := l.oldest
	if from.IsZero() {
		from = l.kept
	}
	return span{from: from, to: later(from, to)}, true
}

// window puts the snapshots' times together.
func (i *PullImporter) window(opt PullOptions) Window {
	w := Window{Life: opt.EventLife, short: true}
	if w.Life <= 0 {
		w.Life = eventLife
	}
	// Of lists with pods and nodes, those without events are of hours without any, if
	// others have them.
	complete := false
	for at, l := range i.looks {
		complete = complete || at.list > 0 && l.events > 0 && l.pods && l.nodes
	}
	var spans []span
	var to time.Time
	lists := 0
	for at, l := range i.looks {
		taken := l.taken()
		to = later(to, taken)
		s, ok := l.covers(at, w.Life, complete)
		if !ok {
			continue
		}
		spans = append(spans, s)
		switch {
		case at.list == 0:
			w.streamed = max(w.streamed, s.to.Sub(s.from))
			continue
		case !l.oldest.IsZero():
			w.back = max(w.back, taken.Sub(l.oldest))
		}
		lists++
		w.short = w.short && l.events >= enoughEvents && taken.Sub(l.kept) < w.Life*3/4
	}
	w.begin(spans, i.born())
	w.short = w.short && lists > 0 && !w.Young
	if opt.Window > 0 && !to.IsZero() {
		from := to.Add(-opt.Window)
		return Window{From: from, To: to, Covered: opt.Window, Given: true, Life: w.Life, spans: []span{{from: from, to: to}}}
	}
	w.join(spans)
	return w
}

// born is the oldest stamp of the snapshots, before which the cluster told of nothing; zero
// where they have no nodes: the rest may be of some namespaces alone, or of new pods.
func (i *PullImporter) born() time.Time {
	var born time.Time
	nodes := false
	for _, l := range i.looks {
		born, nodes = earlier(born, l.born), nodes || l.nodes
	}
	if !nodes {
		return time.Time{}
	}
	return born
}

// begin lets no span begin before a time, which may be zero.
func (w *Window) begin(spans []span, born time.Time) {
	for n := range spans {
		if s := &spans[n]; born.After(s.from) && born.Before(s.to) {
			s.from, w.Young = born, true
		}
	}
}

// join makes the window of spans that may overlap.
func (w *Window) join(spans []span) {
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range spans {
		if n := len(w.spans); n > 0 && !s.from.After(w.spans[n-1].to.Add(quiet)) {
			w.spans[n-1].to = later(w.spans[n-1].to, s.to)
			continue
		}
		w.spans = append(w.spans, s)
	}
	if len(w.spans) == 0 {
		return
	}
	for _, s := range w.spans {
		w.Covered += s.to.Sub(s.from)
	}
	w.From, w.To, w.Gaps = w.spans[0].from, w.spans[len(w.spans)-1].to, len(w.spans)-1
}

// holds says whether a time is covered. Times are to the second.
func (w *Window) holds(t time.Time) bool {
	return !t.IsZero() && slices.ContainsFunc(w.spans, func(s span) bool {
		return !t.Before(s.from.Truncate(time.Second)) && !t.After(s.to)
	})
}

// SpellTime writes a time as 58m, 3.2 h or 2.5 days.
func SpellTime(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 2*day:
		return short(d.Hours()) + " h"
	}
	return short(d.Hours()/24) + " days"
}

func short(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }
