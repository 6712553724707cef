package ecigroup

import (
	"context"
	"fmt"

	"github.com/cachebench/cachebench/simulate"
)

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
