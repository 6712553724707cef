package ecigroup

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// observation is all that the service tells of a group.
type observation struct {
	group       eci.ContainerGroup
	state       eci.GroupState
	events      []eci.Event
	annotations map[string]string
}

// boundaries are when one stage ends and the next begins, by the service's clock; zero
// is not known (eci §3.3).
type boundaries struct {
	created time.Time // of the group: the request, as the service dates it
	first   time.Time // first pull, or first image found present: the instance is there
	pulled  time.Time // last image
	started time.Time // last container
	ready   time.Time
}

// boundariesOf reads the stages. Each is known only if the events that bound it are
// there for all containers: one of several that is missing would make it too short.
func boundariesOf(o *observation) boundaries {
	b := boundaries{created: o.group.CreatedAt, ready: readyAt(&o.state)}
	images := len(o.group.Containers)
	if images == 0 {
		images = len(o.state.Pod.Containers)
	}
	var began, done []time.Time
	for _, e := range o.events {
		if _, ok := e.PullingImage(); ok {
			began = append(began, firstAt(e))
		}
		if p, ok := e.PulledImage(); ok {
			done = append(done, p.At)
			if p.AlreadyPresent {
				began = append(began, firstAt(e))
			}
		}
	}
	if images > 0 && len(began) >= images {
		b.first = slices.MinFunc(began, time.Time.Compare)
	}
	if images > 0 && len(done) >= images {
		b.pulled = slices.MaxFunc(done, time.Time.Compare)
	}
	b.started = startedAt(o, images)
	return b
}

func firstAt(e eci.Event) time.Time {
	if e.FirstAt.IsZero() {
		return e.LastAt
	}
	return e.FirstAt
}

// readyAt is when the condition Ready came to be; zero if it is not there (any more).
func readyAt(s *eci.GroupState) time.Time {
	for _, c := range s.Pod.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return c.LastTransitionAt
		}
	}
	return time.Time{}
}

// startedAt is when the last container was started: as their states say, else by the
// events Started.
func startedAt(o *observation, containers int) time.Time {
	var states, events []time.Time
	for _, c := range o.state.Pod.Containers {
		if c.RestartCount == 0 && !c.State.StartedAt.IsZero() {
			states = append(states, c.State.StartedAt)
		}
	}
	if len(states) < containers {
		states = nil
		for _, c := range o.group.Containers {
			if c.RestartCount == 0 && !c.Current.StartedAt.IsZero() {
				states = append(states, c.Current.StartedAt)
			}
		}
	}
	for _, e := range o.events {
		if e.Is(eci.ReasonStarted) {
			events = append(events, firstAt(e))
		}
	}
	for _, times := range [][]time.Time{states, events} {
		if containers > 0 && len(times) >= containers {
			return slices.MaxFunc(times, time.Time.Compare)
		}
	}
	return time.Time{}
}

// startupOf times a start. Its phases are those whose two boundaries are known and in
// order; the pull of a single image is as exact as the kubelet's message (eci §3.3).
// Without a time to ready there is no startup: ok is false.
func startupOf(o *observation, readiness string) (u simulate.Startup, ok bool) {
	b := boundariesOf(o)
	if readiness == ReadyStarted {
		b.ready = b.started
	}
	// A container that ended is not ready any more, and when it was is not told: it was
	// once it was started.
	ended := b.ready.IsZero() && !b.started.IsZero() && o.state.Status == eci.GroupSucceeded
	if ended {
		b.ready = b.started
	}
	if b.created.IsZero() || b.ready.IsZero() || b.ready.Before(b.created) {
		return u, false
	}
	u.Ready = b.ready.Sub(b.created)
	u.Phases.Provision = between(b.created, b.first)
	u.Phases.Pull = between(b.first, b.pulled)
	u.Phases.Create = between(b.pulled, b.started)
	if !ended && readiness != ReadyStarted {
		u.Phases.Ready = between(b.started, b.ready)
	}
	refine(&u.Phases, o.events)
	u.Unsized = true
	return u, true
}

// between is the time from one boundary to the next, nil where it is not known.
func between(from, to time.Time) *time.Duration {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return nil
	}
	d := to.Sub(from)
	return &d
}

// refine takes the pull's own duration, of a group with one image, where it agrees with
// the timestamps; what it is shorter or longer goes to the stage before.
func refine(p *simulate.Phases, events []eci.Event) {
	var took *time.Duration
	pulls := 0
	for _, e := range events {
		if image, ok := e.PulledImage(); ok {
			pulls++
			took = image.Took
		}
	}
	if pulls != 1 || took == nil || p.Pull == nil || p.Provision == nil {
		return
	}
	difference := *p.Pull - *took
	if difference.Abs() >= 2*time.Second || *p.Provision+difference < 0 {
		return // it is of another attempt, or of more than the pull
	}
	provision, pull := *p.Provision+difference, *took
	p.Provision, p.Pull = &provision, &pull
}

// hitOf says how much of the images was there before; empty is not known. That nothing
// was is known by the service's event, or where no cache is matched: what was pulled may
// have been asked for all the same (eci §1.10).
func hitOf(v *evidence, kind string, images int) matcher.Hit {
	switch {
	case images > 0 && v.present >= images:
		return matcher.FullHit
	case v.cacheID == "" && (v.missed || kind == ArmCold) && v.present == 0:
		return matcher.Miss
	case v.cacheID != "" && v.pulled >= images && v.present > 0:
		return matcher.PartialHit
	}
	return ""
}

// merged are events of two sources, each once, in the order of time.
func merged(lists ...[]eci.Event) []eci.Event {
	type key struct {
		reason, message string
		first           time.Time
	}
	seen := map[key]bool{}
	var all []eci.Event
	for _, list := range lists {
		for _, e := range list {
			k := key{e.Reason, e.Message, firstAt(e)}
			if !seen[k] {
				seen[k] = true
				all = append(all, e)
			}
		}
	}
	return eci.InOrder(all)
}
