package ecigroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
)

// making is a cache that was made, or asked for, until it is deleted.
type making struct {
	resource
	arm *arm
	// reserved is the most that it may cost, begun when it was asked for, by this machine's
	// clock, and built when the group that makes it was done: zero is not known.
	reserved     cost.Money
	begun, built time.Time
	// made: it is of an earlier run, and only its keeping is paid for.
	made bool
}

// untimed are the makings of an arm, by their numbers, that are not timed yet.
func (s *session) untimed(a *arm) (repeats []int) {
	for repeat := range s.exp.MakeRepeats {
		if !s.done[runKey{a.making(), repeat}] {
			repeats = append(repeats, repeat)
		}
	}
	return repeats
}

// makingRounds are the makings of the arms of which any holds: in each round one of each arm
// that has one left, by the number of its arm, in an order from the seed. Those that are to
// reuse the layers of others come last in each, so that the others are there each time.
// Of an arm that needs a cache and has no making to time there is one, which is not counted.
func (s *session) makingRounds(any func(*arm) bool) (rounds [][]start) {
	for round := 0; ; round++ {
		var makings []start
		for _, i := range s.exp.order(firstMaking+round, len(s.arms)) {
			a := &s.arms[i]
			if !any(a) || !s.remaining(a) {
				continue
			}
			queue := s.untimed(a)
			if s.untold[a.making()] && len(queue) > 0 {
				queue = queue[:len(queue)-1]
			}
			if len(queue) == 0 && s.caches[a.making()] == "" {
				queue = []int{uncounted}
			}
			if round < len(queue) {
				makings = append(makings, start{arm: i, repeat: queue[round]})
			}
		}
		if len(makings) == 0 {
			return rounds
		}
		last := func(m start) int { return slices.Index(Arms(), s.arms[m.arm].kind) / slices.Index(Arms(), ArmReuse) }
		slices.SortStableFunc(makings, func(x, y start) int { return cmp.Compare(last(x), last(y)) })
		rounds = append(rounds, makings)
	}
}

// firstMaking begins the numbers of the rounds of makings, beyond those of starts.
const firstMaking = 1 << 20

// makeCaches makes the caches of the arms that have starts to make, one after another, so
// that none slows another down, in rounds. What arms are started from is what was made last:
// the others are deleted at the end of their round.
func (s *session) makeCaches(ctx context.Context) error {
	for i := range s.arms {
		if a := &s.arms[i]; a.kind == ArmExplicit && s.exp.CacheID != "" && s.remaining(a) {
			if err := s.given(ctx, a); err != nil {
				return err
			}
		}
	}
	rounds := s.makingRounds(s.exp.makes)
	for round, makings := range rounds {
		var extra []*making
		for _, m := range makings {
			a := &s.arms[m.arm]
			made, err := s.makeCache(ctx, a, m.repeat)
			if err != nil {
				return fmt.Errorf("make a cache for arm %s: %w", a.name, err)
			}
			again := round+1 < len(rounds) && slices.ContainsFunc(rounds[round+1], func(n start) bool { return n.arm == m.arm })
			if again || s.caches[a.making()] != "" {
				extra = append(extra, made)
			} else {
				s.use(made)
			}
		}
		if err := s.unmake(ctx, extra); err != nil {
			return err
		}
	}
	return nil
}

// use lets an arm start from a cache.
func (s *session) use(m *making) {
	s.caches[m.arm.making()], s.sizes[m.ID] = m.ID, s.exp.Cache.SizeGiB
	if !slices.Contains(s.makings, m) {
		s.makings = append(s.makings, m)
	}
}

// makeCache makes a cache, waits until it can be used, and notes how long that took.
func (s *session) makeCache(ctx context.Context, a *arm, repeat int) (*making, error) {
	if err := s.late(); err != nil {
		return nil, err
	}
	most, err := s.budget.making(a.kind, s.opt.MaxDuration)
	if err == nil {
		err = s.budget.reserve(most)
	}
	if err != nil {
		return nil, err
	}
	m := &making{resource: resource{Kind: Cache, Making: a.making()}, arm: a, reserved: most, begun: s.opt.Now()}
	s.makings = append(s.makings, m)
	if err := errors.Join(s.save(), s.ask(&m.resource)); err != nil { // what it costs on is saved before it is there
		s.forget(m, cost.Money{})
		return nil, err
	}
	s.opt.Log("making a cache for arm %s", a.name)
	if err := s.create(ctx, m); err != nil {
		if !s.journal.holds(m.Token) {
			s.forget(m, cost.Money{})
		}
		return nil, err
	}
	created := s.opt.Now() // the client may have asked again and again
	cache, building, err := s.await(ctx, a, &m.resource, m.begun)
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	if done, known := cache.ProgressFraction(); a.kind != ArmFlash || known && done == 1 {
		s.finished(m, now) // with Flash what makes it may go on (eci §1.7)
	}
	return m, s.recordMaking(a, repeat, &cache, now.Sub(created), now.Sub(latest(created, building)))
}

// create asks for a cache, again where nothing says that it was not made.
func (s *session) create(ctx context.Context, m *making) error {
	for try := 1; ; try++ {
		created, err := s.client.CreateImageCache(ctx, s.cacheSpec(m.arm, &m.resource))
		m.Helper = created.HelperGroupID
		if err = s.made(ctx, &m.resource, created.ID, err); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if try >= sameErrors || !s.journal.holds(m.Token) {
			return err
		}
	}
}

// finished notes that a cache is only kept from now on, and reserves no more than that.
func (s *session) finished(m *making, now time.Time) {
	m.built = now
	most, err := s.budget.build(m.arm.kind, now.Sub(m.begun), s.exp.longestKept(s.opt.MaxDuration))
	if err == nil && most.Amount < m.reserved.Amount {
		s.budget.reserved -= m.reserved.Amount - most.Amount
		m.reserved = most
	}
}

// unmake deletes caches that were made to see how long that takes. Those that cannot be
// deleted are deleted at the end, and reserve what they may cost until then.
func (s *session) unmake(ctx context.Context, extra []*making) error {
	var list []resource
	for _, m := range extra {
		list = append(list, m.resource)
	}
	_, left := s.remove(ctx, list)
	for _, l := range left {
		s.opt.Log("%s is deleted later: %v", l.what(), l.Err)
	}
	s.payMakings(slices.DeleteFunc(slices.Clone(extra), func(m *making) bool {
		return slices.ContainsFunc(left, func(l Left) bool { return l.ID == m.ID || l.ID == m.Helper })
	}))
	return ctx.Err()
}

// payMakings settles what caches have cost that are gone: the group that makes one until it
// was done, where that is known, and all the time that it was kept.
func (s *session) payMakings(gone []*making) {
	now := s.opt.Now()
	for _, m := range gone {
		lasted := now.Sub(m.begun)
		built := min(lasted, s.exp.longestBuild())
		if !m.built.IsZero() {
			built = m.built.Sub(m.begun)
		}
		spent, err := s.budget.build(m.arm.kind, built, lasted)
		if m.made {
			spent, err = s.budget.keep(m.arm.kind, lasted)
		}
		if err != nil {
			spent = m.reserved // it was priced before: this cannot be
		}
		s.forget(m, spent)
	}
}

// forget settles a cache that is gone.
func (s *session) forget(m *making, spent cost.Money) {
	s.budget.settle(m.reserved, spent)
	s.makings = slices.DeleteFunc(s.makings, func(o *making) bool { return o == m })
}
