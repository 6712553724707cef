package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// slowSchedule is after how long a group that is not yet scheduled is asked why. Most are
// after some seconds (eci §1.12).
const slowSchedule = time.Minute

// mostThrottled is how often in a row no group may come to be made, by a client that
// retries for minutes, before the run stops.
const mostThrottled = 10

// start is one start that is to be made.
type start struct {
	arm, repeat, tries int
	// priming: it is to let a cache be made, and may miss.
	priming bool
	// asked is the group that was asked for, where it is not known whether it was made:
	// asked for again with its token it is the same.
	asked *flight
}

// flight is one that is under way.
type flight struct {
	start
	resource
	since, answered  time.Time // asked for, and made, by this machine's clock
	reserved         cost.Money
	silent, unknown  int
	o                observation
	void             string // why it went wrong
	lasted           time.Duration
	removals         int // how often its group could not be deleted
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
			s.flying = flying
			if errors.Is(stop, ErrMaxCost) && len(flying) > 0 {
				stop = nil // what runs has reserved the most that it may cost, and will cost less
			}
			if throttled++; len(flying) > 0 || len(again) == 0 {
				throttled = 0
			}
			if throttled > mostThrottled {
				stop = fmt.Errorf("the service lets no group be made: %w", s.refused)
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
		s.flying = flying
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
		if manual(a.kind) && s.caches[a.making()] == "" {
			stop, again = fmt.Errorf("arm %s has no cache to start from", a.name), slices.Clone(batch[i:])
			break
		}
		f := &flight{start: st, resource: resource{Kind: Group, Automatic: a.kind == ArmAutomatic}}
		if st.asked != nil { // it has its reservation
			f.resource, f.reserved, f.since = st.asked.resource, st.asked.reserved, st.asked.since
			s.unanswered = slices.DeleteFunc(s.unanswered, func(u *flight) bool { return u == st.asked })
			f.asked, asked = nil, append(asked, f)
			continue
		}
		most, err := s.budget.atMost(a.kind, s.exp.deadline())
		if err == nil {
			err = s.budget.reserve(most)
		}
		if err != nil {
			stop, again = err, slices.Clone(batch[i:])
			break
		}
		f.reserved = most
		asked, fresh = append(asked, f), append(fresh, &f.resource)
	}
	err := s.cover()
	if err == nil {
		err = s.ask(fresh...)
	}
	if err != nil {
		for _, f := range asked {
			s.notMade(f)
		}
		return nil, nil, err
	}
	each(asked, func(f **flight) { s.make(ctx, *f) })
	for _, f := range asked {
		refused := explicitFault(f.err) && manual(s.arms[f.arm].kind)
		switch {
		case f.err == nil || refused:
			if refused {
				f.void, f.over, f.notStarted = f.err.Error(), true, true
			}
			launched = append(launched, f)
			continue
		case mayPass(f.err):
			s.opt.Log("a group of arm %s is made later: %v", s.arms[f.arm].name, f.err)
			s.refused = f.err
			st := f.start
			if st.asked = nil; s.journal.holds(f.Token) {
				st.asked = f
			}
			again = append(again, st)
		case stop == nil || errors.Is(stop, ErrMaxCost):
			stop = f.err
		}
		s.notMade(f)
	}
	return launched, again, stop
}

// notMade gives back what was reserved for a group that is not there. One that may be there
// although nobody has said so may cost all of it.
func (s *session) notMade(f *flight) {
	if s.journal.holds(f.Token) {
		s.unanswered = append(s.unanswered, f)
		return
	}
	s.budget.settle(f.reserved, cost.Money{})
}

// mayPass is of errors that may not be there later.
func mayPass(err error) bool {
	return errors.Is(err, eci.ErrThrottled) || errors.Is(err, eci.ErrUnavailable) || errors.Is(err, eci.ErrConflict)
}

// explicitFault is of a cache that is not there, or not ready (eci §2.6).
func explicitFault(err error) bool {
	var e *eci.Error
	return errors.As(err, &e) && strings.HasPrefix(e.Code, "ImageSnapshot.")
}

// make makes a group; its error is in the flight.
func (s *session) make(ctx context.Context, f *flight) {
	if f.since.IsZero() {
		f.since = s.opt.Now()
	}
	created, err := s.client.CreateContainerGroup(ctx, s.spec(f))
	f.answered = s.opt.Now()
	f.err = s.made(ctx, &f.resource, created.ID, err)
}

// spec is the group of a start.
func (s *session) spec(f *flight) eci.ContainerGroupSpec {
	a := &s.arms[f.arm]
	g := s.exp.Group
	g.Name, g.ClientToken, g.Tags = f.Name, f.Token, s.tagList()
	g.Containers = s.exp.containers(a.app)
	g.AutoMatchImageCache = a.kind == ArmAutomatic
	if manual(a.kind) { // that of arm automatic is the service's to choose
		g.ImageCacheID = s.caches[a.making()]
	}
	g.RestartPolicy = eci.RestartNever
	// What no clean-up finds ends by itself, and is not paid for any more (eci §3.1).
	g.ActiveDeadline = s.exp.deadline()
	return g
}

// tagList are the tags of all that is made.
func (s *session) tagList() []eci.Tag {
	own := []eci.Tag{{Key: TagRun, Value: s.run}, {Key: TagUntil, Value: s.until.UTC().Format(time.RFC3339)}}
	return append(own, s.exp.Tags...)
}
