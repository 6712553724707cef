package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/simulate"
)

// settle records starts that are over, saves, and deletes their groups. Those that are
// to be made again come back. Groups that could not be deleted before are tried again.
func (s *session) settle(ctx context.Context, over []*flight) (again []start, err error) {
	if len(over) == 0 {
		return nil, s.letGo(ctx, nil)
	}
	var stop error
	var gone []*flight
	for _, f := range over {
		if !f.notStarted {
			gone = append(gone, f)
		}
		if f.priming {
			s.notePrimed(f)
		}
		s.learn(ctx, f)
		if err := s.noteCaused(f); err != nil {
			return nil, err
		}
		s.tally(f)
		if why := trouble(&f.o); f.void != "" && why != "" && f.unscheduled() && stop == nil {
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
	s.pay(slices.DeleteFunc(slices.Clone(over), func(f *flight) bool { return !f.notStarted }))
	return again, errors.Join(stop, s.letGo(ctx, gone))
}

// unscheduled says that a group came to no place to run: trouble that it had with one
// zone before it was scheduled in another says nothing of the next.
func (f *flight) unscheduled() bool {
	return f.o.state.Status == eci.GroupScheduling || f.o.state.Status == eci.GroupScheduleFailed
}

// letGo deletes the groups of starts that are over, and of those that could not be
// deleted before. What stays costs money until its deadline: that much is reserved of
// each. Where deletions go on to fail the error stops the run: what cannot
// be deleted is not to be more.
func (s *session) letGo(ctx context.Context, gone []*flight) (stop error) {
	fresh := len(gone)
	gone = append(gone, s.staying...)
	if len(gone) == 0 {
		return nil
	}
	var list []resource
	for _, f := range gone {
		list = append(list, f.resource)
	}
	_, left := s.remove(ctx, list)
	s.staying = nil
	var paid []*flight
	for i, f := range gone {
		at := slices.IndexFunc(left, func(l Left) bool { return l.ID == f.ID })
		if at < 0 {
			paid = append(paid, f)
			continue
		}
		err := left[at].Err
		if i < fresh {
			s.opt.Log("%s %s is deleted later: %v", f.Kind, f.ID, err)
		}
		s.staying = append(s.staying, f)
		if f.removals++; !notYet(left[at:at+1]) && (hopeless(err) || f.removals >= removals) && stop == nil {
			stop = fmt.Errorf("%s %s cannot be deleted: %w", f.Kind, f.ID, err)
		}
	}
	s.pay(paid)
	if ctx.Err() != nil {
		return ctx.Err() // the end of the run deletes them
	}
	return stop
}

// failing is how many starts of an arm were void in a row, all for the same reason.
type failing struct {
	count  int
	reason string
	// last is the last reason in full; over says that the arm is given up, which starts
	// that were under way and succeed do not take back.
	last string
	over bool
}

// tally counts the failures in a row of a start's arm.
func (s *session) tally(f *flight) {
	a, was := &s.arms[f.arm], &s.failing[f.arm]
	if was.over {
		return
	}
	if f.void == "" {
		*was = failing{}
		return
	}
	if reason := f.reason(); reason != was.reason {
		*was = failing{reason: reason}
	}
	was.count++
	was.last = f.void
	if was.over = was.count >= s.mostFailures(); was.over {
		s.opt.Log("arm %s is given up, for its starts failed %d times in a row, the last because: %s", a.name, was.count, f.void)
	}
}

// varying is what differs between failures that are the same.
var varying = regexp.MustCompile(`\b(imc|eci)-[0-9a-z]+|, (the last warning|the kubelet says): .*`)

// reason is why a start failed, without what is of this start alone.
func (f *flight) reason() string {
	var e *eci.Error
	if errors.As(f.err, &e) && e.Code != "" {
		return e.Code
	}
	return varying.ReplaceAllString(f.void, "")
}

// mostFailures is how many failures in a row give an arm up: all that are made at once
// may fail for what passes.
func (s *session) mostFailures() int { return max(sameErrors, s.exp.Concurrency) }

func (s *session) givenUp(arm int) bool { return s.failing[arm].over }

// pay settles what starts have cost: as long as they lasted by this machine's clock, or
// by the service's where that is longer, but not beyond their deadline.
func (s *session) pay(over []*flight) {
	for _, f := range over {
		lasted := s.opt.Now().Sub(f.since)
		if f.startup != nil {
			lasted = max(lasted, f.startup.Ready)
		}
		switch {
		case f.notStarted && s.journal.holds(f.Token):
			lasted = s.exp.deadline() // nobody knows whether it was made after all
		case f.notStarted:
			lasted = 0
		}
		spent, err := s.budget.start(s.diskOf(f), min(lasted, s.exp.deadline()))
		if err != nil {
			spent = f.reserved // it was priced before: this cannot be
		}
		s.budget.settle(f.reserved, spent)
	}
}

// diskOf is the disk that a start had of a cache: in arm automatic that of the one that it
// was started from, which costs nothing if it is an automatic one.
func (s *session) diskOf(f *flight) int {
	kind := s.arms[f.arm].kind
	gib, known := s.sizes[f.evidence.cacheID]
	if kind == ArmAutomatic && (known || f.evidence.missed && f.evidence.cacheID == "") {
		return gib
	}
	return s.budget.diskGiB(kind)
}

func wordsOf(f *flight) string {
	if f.void != "" {
		return "void: " + f.void
	}
	return "ready in " + f.startup.Ready.String()
}
