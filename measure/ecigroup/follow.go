package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// look asks the service about all that is under way. A question that stays without an
// answer is asked again with the next look; what hangs on it is over by its timeout.
func (s *session) look(ctx context.Context, flying []*flight) error {
	byID := map[string]*flight{}
	var ids []string
	for _, f := range flying {
		if !f.over {
			byID[f.ID] = f
			ids = append(ids, f.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	states, err := s.client.DescribeContainerGroupStatus(ctx, eci.GroupEventQuery{IDs: ids})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if hopeless(err) {
		return err
	}
	if err != nil {
		s.opt.Log("the starts under way are looked at later: %v", err)
	}
	for _, state := range states {
		if f := byID[state.GroupID]; f != nil {
			f.o.state, f.unknown = state, -1
		}
	}
	var near []string
	for _, id := range ids {
		f := byID[id]
		if err == nil {
			f.unknown++
		}
		f.lasted = s.opt.Now().Sub(f.answered) // until then the client may have asked for minutes
		switch late := f.o.state.Status == eci.GroupScheduling && f.lasted > slowSchedule || f.lasted > s.exp.Timeout; {
		case f.nearEnd(s.exp.Readiness):
			f.silent++
			near = append(near, id)
		case late, f.priming:
			near = append(near, id)
		}
	}
	if err := s.read(ctx, near, byID); err != nil {
		return err
	}
	for _, id := range ids {
		if byID[id].priming {
			s.watch(ctx, byID[id])
		}
		s.judge(byID[id])
	}
	return ctx.Err()
}

// hopeless is of errors that asking again does not mend.
func hopeless(err error) bool {
	return errors.Is(err, eci.ErrNoPermission) || errors.Is(err, eci.ErrCredentials) || errors.Is(err, eci.ErrExpiredToken)
}

// nearEnd says whether it is worth to read all that is told of a group.
func (f *flight) nearEnd(readiness string) bool {
	st := &f.o.state
	switch {
	case st.Status.Ended() || !readyAt(st).IsZero() || cannotPull(&f.o) != "":
		return true
	case readiness == ReadyStarted || st.Pod.Conditions == nil:
		return st.Status == eci.GroupRunning
	}
	return false
}

// read takes events and states of groups.
func (s *session) read(ctx context.Context, ids []string, byID map[string]*flight) error {
	if len(ids) == 0 {
		return nil
	}
	events, err := s.client.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{IDs: ids})
	groups, fault := s.client.AllContainerGroups(ctx, eci.ContainerGroupQuery{IDs: ids, WithEvents: true})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err = errors.Join(err, fault); hopeless(err) {
		return err
	}
	if err != nil {
		s.opt.Log("the starts that are ready are read later: %v", err)
	}
	for _, e := range events {
		if f := byID[e.GroupID]; f != nil {
			f.o.take(e.Events, e.Annotations)
		}
	}
	for _, g := range groups {
		if f := byID[g.ID]; f != nil {
			f.o.group = g
			f.o.take(g.Events, nil)
		}
	}
	for _, id := range ids {
		f := byID[id]
		f.o.take(nil, f.o.state.Annotations)
	}
	return nil
}

// take adds what is told.
func (o *observation) take(events []eci.Event, annotations map[string]string) {
	o.events = merged(o.events, events)
	if id := annotations[eci.MatchedCacheAnnotation]; id != "" {
		o.annotations = annotations
	}
}

// judge says whether a start is over, and how.
func (s *session) judge(f *flight) {
	u, timed := startupOf(&f.o, s.exp.Readiness)
	f.evidence = evidenceOf(&f.o)
	status := f.o.state.Status
	whole := u.Phases.Pull != nil && u.Phases.Create != nil && (f.evidence.known() || s.arms[f.arm].kind == ArmCold)
	switch {
	case timed && (whole || f.silent >= silentPolls):
		f.startup, f.over = &u, true
		if !f.priming {
			a, want := &s.arms[f.arm], ""
			if manual(a.kind) {
				want = s.caches[a.making()]
			}
			f.void = f.evidence.contradicts(a.kind, want, len(a.app.Images), asksRegistry(s.exp.PullPolicy, a.app.Images))
		}
	case timed:
	case status == eci.GroupScheduling && s.unplaced(&f.o):
		f.over, f.void = true, trouble(&f.o) // no waiting helps (eci §3.2)
	case cannotPull(&f.o) != "":
		f.over, f.void = true, cannotPull(&f.o) // the rest of its timeout would be paid for
	case status.Ended() && f.silent >= silentPolls:
		f.over, f.void = true, s.whyEnded(f)
	case f.unknown >= unknownPolls:
		f.over, f.void = true, "the service does not know the group"
	case f.lasted > s.exp.Timeout:
		f.over, f.void = true, fmt.Sprintf("it was not %s within %v%s", s.exp.Readiness, s.exp.Timeout, lastWords(&f.o))
	}
	if f.startup != nil {
		s.complete(f)
	}
}

func (s *session) whyEnded(f *flight) string {
	if why := trouble(&f.o); why != "" {
		return why
	}
	if why := exits(&f.o); why != "" {
		return fmt.Sprintf("the group is %s: %s%s", f.o.state.Status, why, lastWords(&f.o))
	}
	return fmt.Sprintf("the group is %s and when it was ready is not told%s", f.o.state.Status, lastWords(&f.o))
}

// lastWords are the last warning of a group.
func lastWords(o *observation) string {
	for _, e := range slices.Backward(o.events) {
		if e.Type == "Warning" && !e.Is(eci.ReasonCacheMissed) {
			return ", the last warning: " + e.Reason + ": " + e.Message
		}
	}
	return ""
}

// complete adds to a startup what its times do not say.
func (s *session) complete(f *flight) {
	a := &s.arms[f.arm]
	u := f.startup
	u.App, u.Images = a.app.name(), slices.Clone(a.app.Images)
	u.CacheID = f.evidence.cacheID
	u.Hit = hitOf(&f.evidence, a.kind, len(a.app.Images))
	if u.Hit == matcher.FullHit && u.CacheID != "" {
		s.causedAll(f.ID)
	}
}

// asksRegistry says whether a pull policy may ask the registry for an image that is
// there: that of Kubernetes does where it is not said otherwise, of tag latest.
func asksRegistry(policy string, images []string) bool {
	return policy == "Always" || policy == "" && slices.ContainsFunc(images, func(image string) bool {
		name, err := layers.ParseName(image)
		return err != nil || name.Digest == "" && name.Tag == "latest"
	})
}
