package ecigroup

import (
	"context"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/simulate"
)

// takeCaches lets arms start from the caches that the run left, where they can, and returns
// what is to be deleted of all that it left. Automatic caches come first: where one is still
// to be made no other may be there that the service would match instead.
func (s *session) takeCaches(ctx context.Context, list []resource) (gone []resource, err error) {
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
		taken := seen && s.usesAutomatic(r.ID)
		if _, automatic := cache.Automatic(); seen && !automatic {
			if taken, err = s.takeCache(&r, &cache); err != nil {
				return nil, err
			}
		}
		if !taken {
			gone = append(gone, r)
		}
	}
	return gone, ctx.Err()
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

// takeCache pays for a cache that the run left: what keeping it has cost until now, of which
// nobody knows how much was told before. An arm goes on with it, if it needs one, if no
// clean-up may delete it, if the makings that are still to be timed do not reuse it, and if
// it does not keep an automatic cache from being made.
func (s *session) takeCache(r *resource, cache *eci.ImageCache) (taken bool, err error) {
	i := slices.IndexFunc(s.arms, func(a arm) bool { return s.exp.makes(&a) && a.making() == r.Making })
	kind := ArmExplicit
	if i >= 0 {
		kind = s.arms[i].kind
	}
	now := s.opt.Now()
	if kept, err := s.budget.keep(kind, now.Sub(cache.CreatedAt)); err == nil && !cache.CreatedAt.IsZero() && now.After(cache.CreatedAt) {
		s.budget.spent += kept.Amount
	}
	if i < 0 || s.caches[r.Making] != "" || cache.Status != eci.CacheReady || !now.Before(untilOf(cache.Tags)) {
		return false, nil
	}
	a := &s.arms[i]
	if s.toPrime(a.app) || kind == ArmReuse && len(s.untimed(a)) > 0 {
		return false, nil
	}
	most, err := s.budget.keep(kind, s.exp.longestKept(s.opt.MaxDuration))
	if err == nil {
		err = s.budget.reserve(most)
	}
	if err != nil {
		return false, err
	}
	s.opt.Log("going on with cache %s for %s", r.ID, r.Making)
	if !slices.ContainsFunc(s.t.Startups, func(u simulate.Startup) bool { return u.Arm == r.Making && u.CacheID == r.ID }) {
		s.untold[r.Making] = true
		s.doubt(fmt.Sprintf("how long the making of %s took is not told: the run was killed meanwhile, or did not see it, and it is started from all the same", r.ID))
	}
	s.use(&making{resource: *r, arm: a, reserved: most, begun: now, made: true})
	return true, s.note(wroteMade, *r)
}
