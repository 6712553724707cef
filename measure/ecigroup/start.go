package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/simulate"
)

// uncounted is the repeat of starts to warm up.
const uncounted = -1

// Polls that a group may be silent: without the events that tell of its stages and its
// cache once it is ready, and unknown to the service altogether. What comes later than
// its state does so within seconds; the first is not documented.
const (
	silentPolls  = 3
	unknownPolls = 20
)

// mostThrottled is how often in a row the making of groups may end as throttled, by a
// client that retries for minutes, before the run stops.
const mostThrottled = 10

// start is one start that is to be made.
type start struct {
	arm, repeat, tries int
	// priming: it is to let a cache be made, and may miss.
	priming bool
	// asked is the group that was asked for, where it is not known whether it was made:
	// asked for again with its token it is the same.
	asked *resource
}

// flight is one that is under way.
type flight struct {
	start
	resource
	since            time.Time // by this machine's clock
	reserved         cost.Money
	silent, unknown  int
	o                observation
	void             string // why it went wrong
	lasted           time.Duration
	startup          *simulate.Startup
	evidence         evidence
	over, notStarted bool
	err              error
}

// play makes starts, as many at once as the experiment says, until all are over. Of
// those that are under way when a limit is reached, or when the service has no more to
// give, the end is awaited: they are paid for.
func (s *session) play(ctx context.Context, queue []start) error {
	var flying []*flight
	var stop error
	throttled := 0
	for {
		if stop == nil {
			stop = s.late()
		}
		room := min(s.exp.Concurrency-len(flying), len(queue))
		if stop == nil && room > 0 {
			var launched []*flight
			var again []start
			launched, again, stop = s.launch(ctx, queue[:room])
			queue = slices.Concat(again, queue[room:])
			flying = append(flying, launched...)
			if throttled++; len(launched) > 0 || len(again) == 0 {
				throttled = 0
			}
			if throttled > mostThrottled {
				stop = fmt.Errorf("the service lets no group be made: %w", eci.ErrThrottled)
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(flying) == 0 && (stop != nil || len(queue) == 0) {
			return stop
		}
		if err := s.opt.Sleep(ctx, s.opt.Poll); err != nil {
			return err
		}
		if err := s.look(ctx, flying); err != nil {
			return err
		}
		over := slices.DeleteFunc(slices.Clone(flying), func(f *flight) bool { return !f.over })
		flying = slices.DeleteFunc(flying, func(f *flight) bool { return f.over })
		again, err := s.settle(ctx, over)
		queue = slices.DeleteFunc(slices.Concat(again, queue), func(st start) bool { return s.givenUp(st.arm) })
		if err != nil && stop == nil {
			stop = err
		}
	}
}

// launch makes groups, some at once. Those that were not made, but may be later, come
// back; stop is why no more can be.
func (s *session) launch(ctx context.Context, batch []start) (launched []*flight, again []start, stop error) {
	var asked []*flight
	var fresh []*resource
	for i, st := range batch {
		a := &s.arms[st.arm]
		most, err := s.budget.start(a.kind, s.exp.Timeout)
		if err == nil {
			err = s.budget.reserve(most)
		}
		if err != nil {
			stop, again = err, batch[i:]
			break
		}
		f := &flight{start: st, reserved: most, resource: resource{Kind: Group, Automatic: a.kind == ArmAutomatic}}
		if asked = append(asked, f); st.asked != nil {
			f.resource = *st.asked
		} else {
			fresh = append(fresh, &f.resource)
		}
	}
	if err := s.ask(fresh...); err != nil {
		return nil, nil, err
	}
	each(asked, func(f **flight) { s.make(ctx, *f) })
	for _, f := range asked {
		switch {
		case f.err == nil:
			launched = append(launched, f)
			continue
		case errors.Is(f.err, eci.ErrThrottled) || errors.Is(f.err, eci.ErrUnavailable) || errors.Is(f.err, eci.ErrConflict):
			s.opt.Log("a group of arm %s is made later: %v", s.arms[f.arm].name, f.err)
			if f.asked = nil; s.journal.holds(f.Token) {
				f.asked = &f.resource
			}
			again = append(again, f.start)
		case explicitFault(f.err) && manual(s.arms[f.arm].kind):
			f.void, f.over, f.notStarted = f.err.Error(), true, true
			launched = append(launched, f)
			continue
		case stop == nil || errors.Is(stop, ErrMaxCost):
			stop = f.err
		}
		s.budget.settle(f.reserved, cost.Money{})
	}
	return launched, again, stop
}

// explicitFault is of a cache that is not there, or not ready (eci §2.6).
func explicitFault(err error) bool {
	return errors.Is(err, eci.ErrNotFound) || errors.Is(err, eci.ErrIncorrectStatus)
}

// make makes a group; its error is in the flight.
func (s *session) make(ctx context.Context, f *flight) {
	f.since = s.opt.Now()
	created, err := s.client.CreateContainerGroup(ctx, s.spec(f))
	f.err = s.made(ctx, &f.resource, created.ID, err)
}

// spec is the group of a start.
func (s *session) spec(f *flight) eci.ContainerGroupSpec {
	a := &s.arms[f.arm]
	g := s.exp.Group
	g.Name, g.ClientToken, g.Tags = f.Name, f.Token, s.tagList()
	g.Containers = nil
	for i, image := range a.app.Images {
		c := eci.Container{Name: "c" + strconv.Itoa(i+1), Image: image, PullPolicy: s.exp.PullPolicy}
		if i == 0 {
			c.Args = slices.Clone(s.exp.Args)
		}
		g.Containers = append(g.Containers, c)
	}
	g.AutoMatchImageCache = a.kind == ArmAutomatic
	g.ImageCacheID = s.caches[a.making()]
	g.RestartPolicy = eci.RestartNever
	// What no clean-up finds ends by itself, and is not paid for any more (eci §3.1).
	g.ActiveDeadline = (2*s.exp.Timeout + 10*time.Minute).Truncate(time.Second)
	return g
}

// tagList are the tags of all that is made.
func (s *session) tagList() []eci.Tag {
	own := []eci.Tag{{Key: TagRun, Value: s.run}, {Key: TagUntil, Value: s.until.UTC().Format(time.RFC3339)}}
	return append(own, s.exp.Tags...)
}

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
		if f.nearEnd(s.exp.Readiness) {
			near = append(near, id)
		}
	}
	if err := s.read(ctx, near, byID); err != nil {
		return err
	}
	for _, id := range ids {
		s.judge(byID[id])
	}
	return nil
}

// hopeless is of errors that asking again does not mend.
func hopeless(err error) bool {
	return errors.Is(err, eci.ErrNoPermission) || errors.Is(err, eci.ErrCredentials) || errors.Is(err, eci.ErrExpiredToken)
}

// nearEnd says whether it is worth to read all that is told of a group.
func (f *flight) nearEnd(readiness string) bool {
	st := &f.o.state
	switch {
	case st.Status.Ended() || !readyAt(st).IsZero():
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
		f.silent++
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
	f.lasted = s.opt.Now().Sub(f.since)
	u, timed := startupOf(&f.o, s.exp.Readiness)
	f.evidence = evidenceOf(&f.o)
	status := f.o.state.Status
	whole := u.Phases.Pull != nil && u.Phases.Create != nil && (f.evidence.known() || s.arms[f.arm].kind == ArmCold)
	switch {
	case timed && (whole || f.silent >= silentPolls):
		f.startup, f.over = &u, true
		if !f.priming {
			f.void = f.evidence.contradicts(s.arms[f.arm].kind, s.caches[s.arms[f.arm].making()])
		}
	case timed:
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
	u.App, u.Images, u.Node = a.app.name(), slices.Clone(a.app.Images), f.ID
	u.CacheID = f.evidence.cacheID
	u.Hit = hitOf(u.CacheID, f.evidence.missed, f.o.events, len(a.app.Images))
}

// settle records starts that are over, saves, and deletes their groups. Those that are
// to be made again come back.
func (s *session) settle(ctx context.Context, over []*flight) (again []start, err error) {
	if len(over) == 0 {
		return nil, nil
	}
	var stop error
	var gone []resource
	for _, f := range over {
		if !f.notStarted {
			gone = append(gone, f.resource)
		} else if err := s.note(wroteNone, f.resource); err != nil {
			return nil, err
		}
		s.tally(f)
		if why := trouble(&f.o); f.void != "" && why != "" && stop == nil {
			stop = fmt.Errorf("the service cannot start more: %s", why)
		}
		if f.void != "" && (f.repeat != uncounted || f.priming) && f.tries < max(0, s.opt.Retries) && !s.givenUp(f.arm) {
			again = append(again, start{arm: f.arm, repeat: f.repeat, priming: f.priming, tries: f.tries + 1})
		}
		if f.repeat == uncounted {
			s.opt.Log("not counted: arm %s, %s", s.arms[f.arm].name, wordsOf(f))
			continue
		}
		run := simulate.MeasuredRun{Arm: s.arms[f.arm].name, Repeat: f.repeat, At: f.o.group.CreatedAt, Void: f.void}
		s.record(run, f.startup)
	}
	// What was measured is kept before the groups go.
	if err := s.save(); err != nil {
		return nil, err
	}
	for _, f := range over {
		if f.repeat != uncounted {
			s.opt.Progress(s.ended(), s.total(), s.arms[f.arm].name, f.repeat, &simulate.MeasuredRun{Arm: s.arms[f.arm].name, Repeat: f.repeat, Void: f.void})
		}
	}
	for _, l := range s.remove(ctx, gone) {
		s.opt.Log("%s %s is deleted later: %v", l.Kind, l.ID, l.Err)
	}
	s.pay(over)
	return again, stop
}

// tally counts the failures in a row of a start's arm.
func (s *session) tally(f *flight) {
	a := &s.arms[f.arm]
	if f.void != "" {
		s.failed[f.arm]++
		if s.givenUp(f.arm) {
			s.opt.Log("arm %s is given up, for its starts failed %d times in a row, the last because: %s", a.name, s.failed[f.arm], f.void)
		}
		return
	}
	s.failed[f.arm] = 0
}

func (s *session) givenUp(arm int) bool { return s.failed[arm] >= sameErrors }

// pay settles what starts have cost: as long as they lasted by this machine's clock, or
// by the service's where that is longer.
func (s *session) pay(over []*flight) {
	for _, f := range over {
		lasted := s.opt.Now().Sub(f.since)
		if f.startup != nil {
			lasted = max(lasted, f.startup.Ready)
		}
		if f.notStarted {
			lasted = 0
		}
		spent, err := s.budget.start(s.arms[f.arm].kind, lasted)
		if err != nil {
			spent = f.reserved // it was priced before: this cannot be
		}
		s.budget.settle(f.reserved, spent)
	}
}

func wordsOf(f *flight) string {
	if f.void != "" {
		return "void: " + f.void
	}
	return "ready in " + f.startup.Ready.String()
}
