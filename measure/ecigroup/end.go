package ecigroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/measure"
)

// endTimeout bounds the deletion of all that a run made, whose own context may have
// ended. What is not done by then is listed.
const endTimeout = 10 * time.Minute

// end deletes all that the run made and closes its journal, which stays where something
// is left.
func (s *session) end(ctx context.Context) error {
	if s.handsOff {
		s.tellSpent()
		return s.journal.close(false)
	}
	if ctx.Err() != nil {
		s.tell = s.opt.Warn // somebody waits for the end
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if n := len(s.journal.resources()); n > 0 {
		s.tell("deleting %s, for %v at most; a second interrupt leaves what is left to cachebench measure eci --clean-up", resources(n), endTimeout)
	}
	go func() {
		select {
		case <-s.opt.Hurry: // what is left then is listed
			cancel()
		case <-ctx.Done():
		}
	}()
	_, err := s.removeAll(ctx)
	s.payGone(err)
	s.tellSpent()
	return errors.Join(err, s.journal.close(err == nil))
}

// tellSpent notes and tells what is spent when a run ends.
func (s *session) tellSpent() {
	s.noteSpent(s.budget.bound())
	s.opt.Spent(s.budget.book.Money(s.budget.bound()))
}

// untouched says what to do about what the run left, where it came to nothing before
// anybody could look at it.
func (s *session) untouched(err error) error {
	var said *heldError
	if !s.handsOff || errors.As(err, &said) || errors.Is(err, errUnknownHere) {
		return err
	}
	return fmt.Errorf("%w; what run %s may have left is not touched: go on with it again, or delete it with cachebench measure eci --clean-up", err, s.run)
}

// payGone settles the starts and the caches that the end of the run came upon: those that
// are gone cost what they lasted, and not the most that they might have.
func (s *session) payGone(err error) {
	var left *LeftError
	errors.As(err, &left)
	isLeft := func(r *resource) bool {
		return err != nil && (left == nil || slices.ContainsFunc(left.Left, func(l Left) bool {
			return l.Kind == "and" || l.Name == r.Name || r.ID != "" && l.ID == r.ID || r.Helper != "" && l.ID == r.Helper
		}))
	}
	s.pay(slices.DeleteFunc(slices.Concat(s.flying, s.staying, s.unanswered), func(f *flight) bool { return isLeft(&f.resource) }))
	s.payMakings(slices.DeleteFunc(slices.Clone(s.makings), func(m *making) bool { return isLeft(&m.resource) }))
	s.flying, s.staying, s.unanswered = nil, nil, nil
}

// nothingCounts names the arms of which no run counts.
func (s *session) nothingCounts() error {
	var errs []error
	last := map[string]string{}
	for _, r := range s.t.Measurement.Runs {
		last[r.Arm] = r.Void
	}
	for i := range s.arms {
		if s.counted(&s.arms[i]) == 0 {
			// Of an arm that is given up before its first round there are no runs.
			why := cmp.Or(last[s.arms[i].name], s.failing[i].last)
			errs = append(errs, fmt.Errorf("arm %s: %w, the last because: %s", s.arms[i].name, measure.ErrNothingCounts, why))
		}
	}
	return errors.Join(errs...)
}

// unfinished names the arms that were given up with starts that do not count.
func (s *session) unfinished() error {
	var errs []error
	for i := range s.arms {
		a := &s.arms[i]
		if s.givenUp(i) && s.remaining(a) && s.counted(a) > 0 {
			errs = append(errs, fmt.Errorf("%w: of %s %d of %d starts count, the last failed: %s", ErrGivenUp, a.name, s.counted(a), s.exp.Repeats, s.failing[i].last))
		}
	}
	return errors.Join(errs...)
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

// evidenceDoubts are of starts that count although their cache is not known, or is
// another one than was made for the arm.
func (s *session) evidenceDoubts() (doubts []string) {
	arms := map[string]*arm{}
	for i := range s.arms {
		arms[s.arms[i].name] = &s.arms[i]
	}
	made := map[string][]string{} // for arms automatic, by the making's name
	for i := range s.t.Startups {
		if u := &s.t.Startups[i]; strings.HasSuffix(u.Arm, " make "+ArmAutomatic) {
			made[u.Arm] = append(made[u.Arm], u.CacheID)
		}
	}
	silent := 0
	others := map[string]map[string]int{}
	for i := range s.t.Startups {
		u := &s.t.Startups[i]
		a := arms[u.Arm]
		switch {
		case u.Void != "" || a == nil || a.kind == ArmCold:
		case u.CacheID == "":
			silent++
		case a.kind == ArmAutomatic && !slices.Contains(made[a.making()], u.CacheID) && u.CacheID != s.caches[a.making()]:
			if others[a.name] == nil {
				others[a.name] = map[string]int{}
			}
			others[a.name][u.CacheID]++
		}
	}
	if silent > 0 {
		doubts = append(doubts, fmt.Sprintf("of %d starts neither an event nor an annotation tells which cache they were started from", silent))
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		var words []string
		for _, id := range slices.Sorted(maps.Keys(others[name])) {
			words = append(words, fmt.Sprintf("%d from %s", others[name][id], id))
		}
		doubts = append(doubts, fmt.Sprintf("of arm %s the service started %s: no automatic cache that this experiment let it make", name, strings.Join(words, ", ")))
	}
	return doubts
}
