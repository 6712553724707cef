package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// endTimeout bounds the deletion of all that a run made, whose own context may have
// ended. What is not done by then is listed.
const endTimeout = 10 * time.Minute

// end deletes all that the run made and closes its journal, which stays where something
// is left.
func (s *session) end(ctx context.Context) error {
	tell := s.opt.Log
	if ctx.Err() != nil {
		tell = s.opt.Warn // somebody waits for the end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if n := len(s.journal.resources()); n > 0 {
		tell("deleting %d resources, for %v at most; a second interrupt leaves them to cachebench measure eci --clean-up", n, endTimeout)
	}
	_, err := s.removeAll(ctx)
	s.opt.Spent(s.budget.book.Money(s.budget.spent + s.budget.reserved))
	return errors.Join(err, s.journal.close(err == nil))
}

// conclude works out what there is to doubt, from all starts until now.
func (s *session) conclude() {
	var doubts []string
	if ended, total := s.ended(), s.total(); ended < total {
		doubts = append(doubts, fmt.Sprintf("%d of the experiment's %d starts count, the others were void or not made", ended, total))
	}
	voids := 0
	for _, r := range s.t.Measurement.Runs {
		if r.Void != "" {
			voids++
		}
	}
	if voids > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d runs are void and do not count; the list of runs says why", voids, len(s.t.Measurement.Runs)))
	}
	doubts = append(doubts, s.evidenceDoubts()...)
	doubts = append(doubts, "all times are the service's, to one second: a phase is off by as much, and one that is shorter may be 0")
	s.t.Doubts = append(doubts, s.t.Measurement.Doubts...)
}

// evidenceDoubts are of starts that count although their cache is not known, or is one
// that the experiment had made for another arm.
func (s *session) evidenceDoubts() (doubts []string) {
	kinds, own := map[string]string{}, map[string]bool{}
	for i := range s.arms {
		kinds[s.arms[i].name] = s.arms[i].kind
	}
	for i := range s.t.Startups {
		if u := &s.t.Startups[i]; kinds[u.Arm] == "" && !strings.HasSuffix(u.Arm, " make "+ArmAutomatic) {
			own[u.CacheID] = true
		}
	}
	silent, others := 0, 0
	for i := range s.t.Startups {
		switch u := &s.t.Startups[i]; {
		case u.Void != "" || kinds[u.Arm] == "" || kinds[u.Arm] == ArmCold:
		case u.CacheID == "":
			silent++
		case kinds[u.Arm] == ArmAutomatic && own[u.CacheID]:
			others++
		}
	}
	if silent > 0 {
		doubts = append(doubts, fmt.Sprintf("of %d starts neither an event nor an annotation tells which cache they were started from", silent))
	}
	if others > 0 {
		doubts = append(doubts, fmt.Sprintf("the service started %d starts of arm %s from a cache that the experiment had made for another arm", others, ArmAutomatic))
	}
	return doubts
}
