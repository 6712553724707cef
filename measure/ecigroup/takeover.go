package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/simulate"
)

// takeCaches lets arms start from the caches that the run left, where they can, and returns
// what is to be deleted of all that it left, and of the caches among that what they cost
// until they are. Automatic caches come first: where one is still to be made no other may be
// there that the service would match instead.
func (s *session) takeCaches(ctx context.Context, list []resource) (gone []resource, held []*making, err error) {
	makings := map[string]string{}
	for _, r := range s.journal.resources() {
		makings[r.Name] = r.Making
	}
	caches := map[string]eci.ImageCache{}
	for i := range list {
		r := &list[i]
		if r.Making = makings[r.Name]; r.Kind != Cache {
			continue
		}
		if cache, err := s.client.ImageCache(ctx, r.ID); err == nil {
			caches[r.ID] = cache
			s.takeAutomatic(&cache)
		}
	}
	for _, r := range list {
		cache, seen := caches[r.ID]
		if !seen {
			cache = eci.ImageCache{Name: r.Name} // it was made, as far as is known
		}
		taken := seen && s.usesAutomatic(r.ID)
		if _, automatic := cache.Automatic(); r.Kind == Cache && !automatic {
			m := s.leftMaking(r, &cache)
			var fault error
			if taken, fault = s.takeCache(m, &cache); !taken {
				held = append(held, m)
			}
			err = errors.Join(err, fault)
		}
		if !taken {
			gone = append(gone, r)
		}
	}
	for _, m := range held {
		s.hold(m)
	}
	if since := s.budget.carried.making; len(held) == 0 && !since.IsZero() && s.opt.Now().Sub(since) > s.exp.longestBuild() {
		s.doubt(fmt.Sprintf("what is spent at most holds no more than %v of the making of a cache that was begun at %s, when the run was killed, and that somebody has deleted since", s.exp.longestBuild(), since.Format(time.RFC3339)))
	}
	s.budget.carried = kept{} // what is there is known
	return gone, held, errors.Join(err, ctx.Err())
}

// leftMaking is a cache that the run left. One that is not made yet, or with Flash not all of
// it, has cost all the time what makes it, of which no more was told than it should take; one
// that failed until its last event.
func (s *session) leftMaking(r resource, cache *eci.ImageCache) *making {
	m := &making{resource: r, arm: &arm{kind: ArmExplicit}, begun: s.opt.Now(), made: true}
	if i := slices.IndexFunc(s.arms, func(a arm) bool { return s.exp.makes(&a) && a.making() == r.Making }); i >= 0 {
		m.arm = &s.arms[i]
	}
	done, known := cache.ProgressFraction()
	until := m.begun
	switch {
	case cache.Status == "", cache.Status.Usable() && !(m.arm.kind == ArmFlash && known && done < 1):
		return m
	case cache.Status.Settled() && len(cache.Events) > 0:
		until = cache.Events[len(cache.Events)-1].At()
	}
	m.made = cache.Status.Settled() && !cache.Status.Usable()
	if lasted := until.Sub(cache.CreatedAt); lasted > 0 && !cache.CreatedAt.IsZero() {
		if build, err := s.budget.build(m.arm.kind, lasted, 0); err == nil {
			s.budget.spent += build.Amount
		}
	}
	return m
}

// takeAutomatic lets an arm start from an automatic cache that one of the run's groups has
// caused, unless its making is still to be timed: then a new one has to be made.
func (s *session) takeAutomatic(cache *eci.ImageCache) {
	if _, automatic := cache.Automatic(); !automatic || cache.Status != eci.CacheReady {
		return
	}
	for i := range s.arms {
		a := &s.arms[i]
		if a.kind == ArmAutomatic && s.remaining(a) && len(s.untimed(a)) == 0 && s.caches[a.making()] == "" && holdsAll(cache.Images, a.app.Images) {
			s.opt.Log("going on with automatic cache %s for %s", cache.ID, a.making())
			s.caches[a.making()], s.sizes[cache.ID] = cache.ID, 0
		}
	}
}

// usesAutomatic says whether an arm is started from an automatic cache.
func (s *session) usesAutomatic(id string) bool {
	return slices.ContainsFunc(s.arms, func(a arm) bool { return a.kind == ArmAutomatic && s.caches[a.making()] == id })
}

// toPrime says whether an automatic cache is still to be made of any of an app's images.
func (s *session) toPrime(app *App) bool {
	return slices.ContainsFunc(s.arms, func(a arm) bool {
		return a.kind == ArmAutomatic && s.remaining(&a) && s.caches[a.making()] == "" && holdsAny(a.app.Images, app.Images)
	})
}

// takeCache lets an arm go on with a cache that the run left, if it needs one, if no clean-up
// may delete it, if the makings that are still to be timed do not reuse it, and if it does
// not keep an automatic cache from being made.
func (s *session) takeCache(m *making, cache *eci.ImageCache) (taken bool, err error) {
	a := m.arm
	if a.app == nil || s.caches[m.Making] != "" || cache.Status != eci.CacheReady || !m.begun.Before(untilOf(cache.Tags)) {
		return false, nil
	}
	if s.toPrime(a.app) || a.kind == ArmReuse && len(s.untimed(a)) > 0 {
		return false, nil
	}
	most, err := s.budget.keep(a.kind, s.exp.longestKept(s.opt.MaxDuration))
	if !m.made {
		most, err = s.budget.making(a.kind, s.opt.MaxDuration)
	}
	if err == nil {
		err = s.budget.reserve(most)
	}
	if err != nil {
		return false, err
	}
	m.reserved = most
	s.opt.Log("going on with cache %s for %s", m.ID, m.Making)
	if !slices.ContainsFunc(s.t.Startups, func(u simulate.Startup) bool { return u.Arm == m.Making && u.CacheID == m.ID }) {
		s.untold[m.Making] = true
		s.doubt(fmt.Sprintf("how long the making of %s took is not told: the run was killed meanwhile, or did not see it, and it is started from all the same", m.ID))
	}
	s.use(m)
	return true, s.note(wroteMade, m.resource)
}
