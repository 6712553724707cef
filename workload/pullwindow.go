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
	// Given: it was not read from the events.
	Given bool `json:"given,omitempty"`

	spans []span
	// longest is the most that one snapshot, a list, seems to cover.
	longest time.Duration
}

// eventLife is how long an API server keeps events unless its --event-ttl says
// otherwise (kube-apiserver's default), with as much again for late looks.
const eventLife = 2 * time.Hour

// quiet is how long no event may come without a gap being seen there.
const quiet = time.Minute

// window puts the snapshots' times together. A snapshot covers the time from its
// oldest event on: one that happened again is kept on from then, so the time at
// which each happened last counts. Given, if not 0, is how long the input is known
// to cover.
func (i *PullImporter) window(given time.Duration) Window {
	var spans []span
	var to time.Time
	var longest time.Duration
	for k, s := range i.looks {
		to = later(to, s.to)
		if s.events {
			spans = append(spans, *s)
			if k.list > 0 {
				longest = max(longest, s.to.Sub(s.from))
			}
		}
	}
	if given > 0 && !to.IsZero() {
		from := to.Add(-given)
		return Window{From: from, To: to, Covered: given, Given: true, spans: []span{{from: from, to: to}}}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	w := Window{longest: longest}
	for _, s := range spans {
		if n := len(w.spans); n > 0 && !s.from.After(w.spans[n-1].to.Add(quiet)) {
			w.spans[n-1].to = later(w.spans[n-1].to, s.to)
			continue
		}
		w.spans = append(w.spans, s)
	}
	if len(w.spans) == 0 {
		return w
	}
	for _, s := range w.spans {
		w.Covered += s.to.Sub(s.from)
	}
	w.From, w.To, w.Gaps = w.spans[0].from, w.spans[len(w.spans)-1].to, len(w.spans)-1
	return w
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
