package cachebench

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// PullTimeline is the timeline of what snapshots of a cluster tell: a startup in
// arm "pull" for each pull, requested when the pull itself began, and one in arm
// "start" for each pod that was made meanwhile, requested at its creation.
//
// An image that was present is a hit without phases; one that the registry was only
// asked about is a hit whose time is resolve. A pull of which it is not known what
// it fetched, or whether its time is its own, is Unsized; one that may have been a mere
// question is that, and no hit, partial hit or miss. Starts whose events are not all
// there are left out.
func PullTimeline(h *workload.PullHistory) *simulate.Timeline {
	t := &simulate.Timeline{
		Provenance: simulate.Provenance{Version: Version, Now: h.Window.To},
		Doubts:     slices.Clone(h.Doubts),
		Startups:   []simulate.Startup{},
	}
	origin := originOf(h)
	for i := range h.Pulls {
		t.Startups = append(t.Startups, pullStartup(&h.Pulls[i], origin))
	}
	missing := 0
	for i := range h.Starts {
		if !h.Starts[i].Whole {
			missing++
			continue
		}
		t.Startups = append(t.Startups, podStartup(&h.Starts[i], h.Pulls, origin))
	}
	if missing > 0 {
		t.Doubts = append(t.Doubts, fmt.Sprintf("%d of %d starts left out: not all of their images have an event that can be used", missing, len(h.Starts)))
	}
	if len(h.Starts) > missing {
		t.Doubts = append(t.Doubts, "phases of starts are known to the second, as conditions and events bear whole seconds")
	}
	t.Measurement = &simulate.Measurement{Tool: simulate.ToolKubelet, Facts: pullFacts(h, origin), PullCounts: pullCounts(h)}
	return t
}

// originOf is the first time that a startup is requested.
func originOf(h *workload.PullHistory) time.Time {
	var origin time.Time
	for i := range h.Pulls {
		if at := h.Pulls[i].Began; origin.IsZero() || at.Before(origin) {
			origin = at
		}
	}
	for i := range h.Starts {
		if at := h.Starts[i].Created; origin.IsZero() || at.Before(origin) {
			origin = at
		}
	}
	if origin.IsZero() {
		return h.Window.From
	}
	return origin
}

// pullCounts are what kubelets count.
func pullCounts(h *workload.PullHistory) []simulate.PullCount {
	var list []simulate.PullCount
	for i := range h.PullDurations {
		d := &h.PullDurations[i]
		c := simulate.PullCount{Size: d.Size, AboveBytes: d.AboveBytes, UpToBytes: d.UpToBytes}
		for _, b := range d.Buckets {
			c.Buckets = append(c.Buckets, simulate.PullBucket(b))
		}
		list = append(list, c)
	}
	return list
}

func pullFacts(h *workload.PullHistory, origin time.Time) []simulate.Fact {
	facts := []simulate.Fact{
		{Name: "origin", Value: origin.UTC().Format(time.RFC3339)},
		{Name: "covered", Value: workload.SpellTime(h.Window.Covered)},
		{Name: "nodes", Value: fmt.Sprint(h.Nodes)},
	}
	for _, name := range slices.Sorted(maps.Keys(h.Runtimes)) {
		facts = append(facts, simulate.Fact{Name: "runtime " + cmp.Or(name, "unknown"), Value: fmt.Sprintf("%d nodes", h.Runtimes[name])})
	}
	return facts
}

func pullStartup(p *workload.Pull, origin time.Time) simulate.Startup {
	s := simulate.Startup{
		Source: simulate.Measured, Arm: simulate.ArmPull, App: p.App, Images: []string{p.Reference},
		Node: p.Node, Requested: p.Began.Sub(origin), Retries: p.Failures, Hit: matcher.FullHit,
	}
	if p.Took == nil {
		return s
	}
	s.Ready = *p.Took
	switch p.Outcome {
	case workload.Rechecked:
		s.Phases.Resolve = p.Took
		return s
	case workload.PartlyPulled:
		s.Hit = matcher.PartialHit
	case workload.Unclear:
		s.Hit = ""
	default:
		s.Hit = matcher.Miss
	}
	s.Phases.Pull = p.Took
	addPullBytes(&s, p)
	if s.Unsized = !p.Sized(); s.Unsized {
		s.FetchedBytes = 0
	}
	return s
}

// podStartup is a pod's, of which each image has its pull.
func podStartup(p *workload.PodStart, pulls []workload.Pull, origin time.Time) simulate.Startup {
	s := simulate.Startup{
		Source: simulate.Measured, Arm: simulate.ArmStart, App: p.App, Images: p.Images, Node: p.Node,
		Requested: p.Created.Sub(origin), Ready: p.Took,
		Phases: simulate.Phases{Admit: p.Admit, Provision: p.Provision, Resolve: p.Resolve, Pull: p.Pull, Create: p.Create, Ready: p.Ready},
	}
	fetched, present, unclear := 0, 0, 0
	for _, i := range p.Pulls {
		pull := &pulls[i]
		s.Retries += pull.Failures
		switch pull.Outcome {
		case workload.Present, workload.Rechecked:
			present++
		case workload.PartlyPulled:
			fetched++
			present++
		case workload.Unclear:
			unclear++
		default:
			fetched++
		}
		addPullBytes(&s, pull)
		s.Spans = append(s.Spans, pullSpans(pull, p.Created)...)
	}
	if s.Unsized {
		s.FetchedBytes = 0
	}
	switch {
	case fetched > 0 && present > 0:
		s.Hit = matcher.PartialHit
	case unclear > 0: // it is not known what it found
	case fetched == 0:
		s.Hit = matcher.FullHit
	default:
		s.Hit = matcher.Miss
	}
	return s
}

// addPullBytes adds what a pull fetched; what is unpacked is not what was fetched.
func addPullBytes(s *simulate.Startup, p *workload.Pull) {
	if p.Outcome == workload.Present || p.Outcome == workload.Rechecked {
		return
	}
	if p.Outcome == workload.Pulled && p.UnpackedBytes != nil {
		s.UnpackedBytes += *p.UnpackedBytes
	}
	if fetched := p.Fetched(); fetched != nil {
		s.FetchedBytes += *fetched
	} else {
		s.Unsized = true
	}
}

// pullSpans are a pull's, and its wait's, from the pod's creation.
func pullSpans(p *workload.Pull, created time.Time) []simulate.Span {
	if p.Took == nil {
		return nil
	}
	phase := simulate.Pull
	if p.Outcome == workload.Rechecked {
		phase = simulate.Resolve
	}
	waited := time.Duration(0)
	if p.Waited != nil {
		waited = max(0, *p.Waited)
	}
	// Events bear whole seconds: a pull that came in the second in which its pod was made seems
	// to begin before it.
	begin := max(p.Began.Sub(created), waited)
	var spans []simulate.Span
	if waited > 0 {
		spans = append(spans, simulate.Span{Phase: simulate.WaitTurn, Image: p.Reference, Start: begin - waited, End: begin})
	}
	return append(spans, simulate.Span{Phase: phase, Image: p.Reference, Start: begin, End: begin + *p.Took})
}
