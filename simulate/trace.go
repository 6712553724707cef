package simulate

import (
	"cmp"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// trace is what is recorded of one startup on request.
type trace struct {
	e         *engine
	requested time.Duration
	spans     []Span
	open      map[traceKey]time.Duration
}

type traceKey struct {
	phase Phase
	pull  int32
	place int32
}

func (e *engine) track(id int32) {
	if e.tracked == nil {
		e.tracked = make(map[int32]*trace)
	}
	e.tracing = true
	e.tracked[id] = &trace{e: e, requested: e.now, open: make(map[traceKey]time.Duration)}
}

// add records a span; empty ones are left out.
func (t *trace) add(phase Phase, image string, layer layers.Digest, from, to time.Duration, bytes int64) {
	if to > from {
		t.spans = append(t.spans, Span{phase, image, layer, from - t.requested, to - t.requested, bytes})
	}
}

func (e *engine) traceOf(p *pull) *trace {
	if !e.tracing {
		return nil
	}
	return e.tracked[p.startup]
}

// mark records a phase that a startup goes through once.
func (e *engine) mark(id int32, phase Phase, from time.Duration) {
	if e.tracing {
		if t := e.tracked[id]; t != nil {
			t.add(phase, "", "", from, e.now, 0)
		}
	}
}

func (e *engine) imageOf(p *pull) string {
	return e.templates.At(e.startups.At(p.startup).template).names[p.image]
}

func (e *engine) opens(p *pull, phase Phase, pid int32, place int) {
	if t := e.traceOf(p); t != nil {
		t.open[traceKey{phase, pid, int32(place)}] = e.now
	}
}

func (e *engine) closes(p *pull, phase Phase, pid int32, place int, layer int32, bytes int64) {
	t := e.traceOf(p)
	if t == nil {
		return
	}
	k := traceKey{phase, pid, int32(place)}
	from, ok := t.open[k]
	if !ok {
		return
	}
	delete(t.open, k)
	var digest layers.Digest
	if layer != none {
		digest = e.w.inv.Layers[layer].Digest
	}
	t.add(phase, e.imageOf(p), digest, from, e.now, bytes)
}

func (e *engine) trackResolve(pid int32, p *pull)  { e.opens(p, Resolve, pid, 0) }
func (e *engine) trackResolved(pid int32, p *pull) { e.closes(p, Resolve, pid, 0, none, 0) }

func (e *engine) trackFetch(pid int32, p *pull, i int) { e.opens(p, Fetch, pid, i) }

func (e *engine) trackFetched(pid int32, p *pull, i int) {
	if e.traceOf(p) != nil {
		layer := p.steps.fetch[i]
		e.closes(p, Fetch, pid, i, layer, e.w.layers[layer].compressed)
	}
}

// trackWait and trackWaited record what a pull waits for.
func (e *engine) trackWait(pid int32, p *pull, wait Phase) {
	if e.tracing {
		e.opens(p, wait, pid, 0)
	}
}

func (e *engine) trackWaited(pid int32, p *pull, wait Phase) {
	if e.tracing {
		e.closes(p, wait, pid, 0, none, 0)
	}
}

func (e *engine) trackUnpacking(pid int32, p *pull, i int) { e.opens(p, Unpack, pid, i) }

func (e *engine) trackUnpacked(pid int32, p *pull, i int, layer int32) {
	e.closes(p, Unpack, pid, i, layer, e.w.layers[layer].unpacked)
}

// trackUnpack records an unpack whose end is known when it begins.
func (e *engine) trackUnpack(p *pull, u *unit, from, to time.Duration) {
	if t := e.traceOf(p); t != nil {
		t.add(Unpack, e.imageOf(p), e.w.inv.Layers[u.layer].Digest, from, to, e.w.layers[u.layer].unpacked)
	}
}

// trackAbandon ends the spans of a pull that failed, without bytes.
func (e *engine) trackAbandon(pid int32, p *pull) {
	t := e.traceOf(p)
	if t == nil {
		return
	}
	var keys []traceKey
	for k := range t.open {
		if k.pull == pid {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b traceKey) int {
		return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.place, b.place))
	})
	for _, k := range keys {
		layer := int32(none)
		switch k.phase {
		case Fetch:
			layer = p.steps.fetch[k.place]
		case Unpack:
			if layer = p.steps.units[k.place].layer; layer < 0 { // as it is while it runs
				layer = ^layer
			}
		}
		e.closes(p, k.phase, pid, int(k.place), layer, 0)
	}
}

// finish puts the spans into a result.
func (t *trace) finish(s *Startup) {
	slices.SortStableFunc(t.spans, func(x, y Span) int {
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.End, y.End))
	})
	s.Spans = t.spans
}
