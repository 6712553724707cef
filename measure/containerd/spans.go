//go:build linux

package containerd

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// startups tells of each start what the evidence shows.
func (e *evidence) startups(origin time.Time, list []*started) []simulate.Startup {
	own := e.owners(list)
	startups := make([]simulate.Startup, len(list))
	for i, s := range list {
		a := &account{e: e, own: own, s: s, number: i}
		startups[i] = a.startup(origin, list)
	}
	return startups
}

// account works out one startup.
type account struct {
	e      *evidence
	own    owners
	s      *started
	number int
	u      simulate.Startup
	// resolved is the end of resolving, last that of what is known of the pull.
	resolved, last time.Time
	// together is the unpacking of all layers, where it is not told apart.
	together struct {
		from, to time.Time
		bytes    int64
	}
}

func (a *account) startup(origin time.Time, list []*started) simulate.Startup {
	s := a.s
	a.u = simulate.Startup{
		Source: simulate.Measured, App: s.start.App, Images: []string{s.start.Image}, Node: measure.NodeName(s.start.Node),
		Requested: s.begun.Sub(origin),
	}
	if a.u.App == "" {
		a.u.App = s.start.Image
	}
	a.resolve(list)
	for i := range s.image.layers {
		a.fetch(i)
		a.unpack(i)
	}
	if t := &a.together; !t.to.IsZero() {
		a.span(simulate.Unpack, "", t.from, t.to, t.bytes)
	}
	a.settle()
	a.create()
	slices.SortStableFunc(a.u.Spans, func(x, y simulate.Span) int { return int(min(1, max(-1, x.Start-y.Start))) })
	a.u.Phases = simulate.PhasesOf(a.u.Spans, a.u.Ready)
	// What did not take place took no time of which anything is known.
	a.u.Phases.Admit, a.u.Phases.Provision, a.u.Phases.Attach = nil, nil, nil
	if s.start.PullOnly {
		a.u.Phases.Create, a.u.Phases.Ready = nil, nil
	}
	if s.err != nil {
		a.u.Void = s.err.Error()
	}
	return a.u
}

// span adds one from wall times; what ends before it begins was too short to tell.
func (a *account) span(phase simulate.Phase, layer layers.Digest, from, to time.Time, bytes int64) {
	from = latest(from, a.s.begun)
	a.u.Spans = append(a.u.Spans, simulate.Span{
		Phase: phase, Image: a.s.start.Image, Layer: layer, Bytes: bytes,
		Start: from.Sub(a.s.begun), End: latest(from, to).Sub(a.s.begun),
	})
}

// resolve ends with the first thing that is done for a layer. Where the first
// missing layer may be another start's it ends once the documents are there, since
// what follows may be a wait.
func (a *account) resolve(list []*started) {
	documents, first, shared := a.documents(), time.Time{}, false
	sooner := func(t time.Time, known bool) {
		if known && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	for _, l := range a.s.image.layers {
		if a.ownsFetch(l) {
			if r := a.e.asked(l.digest); r != nil {
				sooner(r.begun(), true)
			}
		}
		if owner, made := a.own.unpack[l.chain]; made && owner == a.number {
			t, known := a.e.prepared[l.chain]
			sooner(t, known)
		} else if made {
			shared = true
		}
	}
	switch {
	case shared && !documents.IsZero():
		a.resolved = documents
	case !first.IsZero():
		a.resolved = first
	default:
		a.resolved = a.s.pulled
	}
	a.resolved = latest(a.resolved, a.s.begun)
	a.last = a.resolved
	a.span(simulate.Resolve, "", a.s.begun, a.resolved, 0)
}

// documents is when the last of the image's documents was there, zero where none had
// to come.
func (a *account) documents() (last time.Time) {
	for _, d := range a.s.image.documents {
		if t, ok := a.e.stored[d]; ok && t.After(last) {
			last = t
		}
	}
	return last
}

func (a *account) ownsFetch(l pulledLayer) bool {
	owner, ok := a.own.fetch[l.digest]
	return ok && owner == a.number
}

// fetch adds a layer's transfer, from its request until its blob was stored.
func (a *account) fetch(i int) {
	l := a.s.image.layers[i]
	if !a.ownsFetch(l) || slices.ContainsFunc(a.s.image.layers[:i], func(x pulledLayer) bool { return x.digest == l.digest }) {
		return
	}
	stored := a.e.stored[l.digest]
	begin := stored
	if r := a.e.asked(l.digest); r != nil {
		begin = r.at
		if r.begun().Before(begin) {
			a.span(simulate.WaitSlot, l.digest, r.begun(), begin, 0)
		}
	}
	a.span(simulate.Fetch, l.digest, begin, stored, l.compressedBytes)
	a.last = latest(a.last, stored)
	a.u.FetchedBytes += l.compressedBytes
}

// unpack adds a layer's unpacking, or the wait for another start's.
func (a *account) unpack(i int) {
	l := a.s.image.layers[i]
	committed, made := a.e.committed[l.chain]
	if !made {
		a.u.LayersReused++
		return
	}
	a.last = latest(a.last, committed)
	if a.own.unpack[l.chain] != a.number {
		if committed.After(a.resolved) {
			a.span(simulate.WaitOtherPull, l.digest, latest(a.resolved, a.below(i)), committed, 0)
		}
		return
	}
	a.u.UnpackedBytes += l.unpacked
	if a.e.blended {
		a.blend(latest(a.resolved, a.e.stored[l.digest]), committed, l.unpacked)
		return
	}
	told := a.e.unpackOf(l.digest, committed)
	if a.e.parallel && told != nil {
		a.unpackAside(i, told)
		return
	}
	begin := latest(a.resolved, a.e.stored[l.digest], a.below(i))
	if told != nil && told.begin.Before(begin) {
		begin = told.begin
	}
	a.span(simulate.Unpack, l.digest, begin, committed, l.unpacked)
}

// blend adds a layer to the unpacking of all of them.
func (a *account) blend(from, to time.Time, bytes int64) {
	t := &a.together
	if t.to.IsZero() || from.Before(t.from) {
		t.from = from
	}
	t.to = latest(t.to, to)
	t.bytes += bytes
}

// unpackAside adds the unpacking of a layer beside others of its image: its commit
// may have to wait for those below.
func (a *account) unpackAside(i int, told *applied) {
	l := a.s.image.layers[i]
	committed := a.e.committed[l.chain]
	if below := a.below(i); below.After(told.end) {
		a.span(simulate.Unpack, l.digest, told.begin, told.end, l.unpacked)
		a.span(simulate.Unpack, l.digest, below, committed, 0)
		return
	}
	a.span(simulate.Unpack, l.digest, told.begin, committed, l.unpacked)
}

// below is when the layer below was committed, zero where that was before the run.
func (a *account) below(i int) time.Time {
	if i == 0 {
		return time.Time{}
	}
	return a.e.committed[a.s.image.layers[i-1].chain]
}

// settle accounts for the end of the pull, when the image is recorded: with the
// unpacking where there was any, else with resolving.
func (a *account) settle() {
	if a.s.pulled.Sub(a.last) <= 0 {
		return
	}
	phase := simulate.Resolve
	if slices.ContainsFunc(a.s.image.layers, func(l pulledLayer) bool { _, made := a.e.committed[l.chain]; return made }) {
		phase = simulate.Unpack
	}
	a.span(phase, "", a.last, a.s.pulled, 0)
}

// create adds what comes after the pull. Output can come before the call that
// starts the container returns: then that was the end of creating it.
func (a *account) create() {
	ready := a.s.ready
	if a.s.err != nil || ready.IsZero() {
		ready = latest(append([]time.Time{a.s.pulled}, a.s.created...)...)
	}
	from := a.s.pulled
	for _, to := range a.s.created {
		if to.After(ready) {
			to = ready
		}
		if to.After(from) {
			a.span(simulate.Create, "", from, to, 0)
			from = to
		}
	}
	if ready.After(from) {
		a.span(simulate.Ready, "", from, ready, 0)
	}
	a.u.Ready = ready.Sub(a.s.begun)
}
