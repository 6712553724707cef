package simulate

import (
	"slices"
	"time"
)

// phaseOrder decides which phase an instant belongs to when several activities
// are in flight: fetch before unpack before the rest (design: a startup, in
// phases).
var phaseOrder = []Phase{Fetch, Unpack, Pull, Resolve, Create, Ready, Attach, Provision, Admit}

// PhasesOf partitions the time from the request to ready by what was in flight;
// simulated and measured startups alike. An instant of which no span tells, as
// when a pull waits for a download slot or for another pull's unpack, counts as
// fetch.
func PhasesOf(spans []Span, ready time.Duration) Phases {
	var total [9]time.Duration
	sweep(spans, ready, func(length time.Duration, active *[9]int) {
		for i := range phaseOrder {
			if active[i] > 0 {
				total[i] += length
				return
			}
		}
		total[0] += length
	})
	p := Phases{}
	for i, d := range total {
		if phaseOrder[i] == Pull && d == 0 {
			continue
		}
		*p.field(phaseOrder[i]) = &total[i]
	}
	return p
}

// sweep calls visit for each stretch of time in which the same spans are active.
func sweep(spans []Span, ready time.Duration, visit func(length time.Duration, active *[9]int)) {
	type edge struct {
		at    time.Duration
		phase int
		delta int
	}
	edges := make([]edge, 0, 2*len(spans))
	for _, s := range spans {
		i := slices.Index(phaseOrder, s.Phase)
		if i < 0 || s.End <= s.Start {
			continue
		}
		edges = append(edges, edge{s.Start, i, 1}, edge{s.End, i, -1})
	}
	slices.SortFunc(edges, func(x, y edge) int { return int(min(1, max(-1, x.at-y.at))) })
	var active [9]int
	var now time.Duration
	for _, e := range edges {
		if until := min(e.at, ready); until > now {
			visit(until-now, &active)
			now = until
		}
		active[e.phase] += e.delta
	}
	if ready > now {
		visit(ready-now, &active)
	}
}

func (p *Phases) field(phase Phase) **time.Duration {
	switch phase {
	case Admit:
		return &p.Admit
	case Provision:
		return &p.Provision
	case Attach:
		return &p.Attach
	case Resolve:
		return &p.Resolve
	case Fetch:
		return &p.Fetch
	case Unpack:
		return &p.Unpack
	case Pull:
		return &p.Pull
	case Create:
		return &p.Create
	default:
		return &p.Ready
	}
}

// Of returns the time of a phase; known is false when the source does not tell.
func (p *Phases) Of(phase Phase) (d time.Duration, known bool) {
	if f := *p.field(phase); f != nil {
		return *f, true
	}
	return 0, false
}

// Set states the time of a phase.
func (p *Phases) Set(phase Phase, d time.Duration) { *p.field(phase) = &d }

// AllPhases are the phases in the order in which they come.
func AllPhases() []Phase {
	return []Phase{Admit, Provision, Attach, Resolve, Fetch, Unpack, Pull, Create, Ready}
}
