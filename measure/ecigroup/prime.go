package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
)

// primed is what is known of the starts that let an automatic cache be made.
type primed struct {
	// well are those that went well, by their groups.
	well map[string]primingStart
	// hit says that the last was from a cache of all its images: no other comes.
	hit bool
	// cache is what was seen of the one that the service says it makes while the group was
	// there, ready when it could first be used, and building when it last could not.
	cache           eci.ImageCache
	group           string
	ready, building time.Time
}

// primingStart is when the group of a start was made: answered by this machine's clock,
// created by the service's.
type primingStart struct{ answered, created time.Time }

// began is when the making of a cache that the start caused began, by this machine's clock:
// as long after the group as the service says.
func (p *primingStart) began(cache *eci.ImageCache) time.Time {
	if later := between(p.created, cache.CreatedAt); later != nil {
		return p.answered.Add(*later)
	}
	return p.answered
}

// primeAll lets the service make an automatic cache for each app that has starts to make
// in arm automatic, before there are manual caches that it would match instead: as often as
// its making is to be timed, in rounds. All but the last are deleted.
func (s *session) primeAll(ctx context.Context) error {
	automatic := func(a *arm) bool { return a.kind == ArmAutomatic }
	fits := map[int]bool{} // where the service makes none it makes none another time
	rounds := s.makingRounds(automatic)
	for round, makings := range rounds {
		for _, m := range makings {
			if fits[m.arm] {
				continue
			}
			a := &s.arms[m.arm]
			cache, err := s.prime(ctx, m.arm, m.repeat)
			if err != nil {
				return fmt.Errorf("let the service make an automatic cache of %s: %w", a.app.name(), err)
			}
			if cache == nil {
				fits[m.arm] = true
				continue
			}
			s.caches[a.making()] = cache.ID
			if again := round+1 < len(rounds) && slices.ContainsFunc(rounds[round+1], func(n start) bool { return n.arm == m.arm }); !again {
				continue
			}
			if _, left := s.remove(ctx, []resource{*cache}); len(left) > 0 {
				fits[m.arm] = true
				s.doubt(fmt.Sprintf("%s is started from, and its making is timed no more, for it could not be deleted: %v", left[0].what(), left[0].Err))
				continue
			}
			s.caches[a.making()] = ""
		}
	}
	return ctx.Err()
}

// prime starts a group once, and waits for the cache that it causes; nil is none.
func (s *session) prime(ctx context.Context, arm, repeat int) (*resource, error) {
	a := &s.arms[arm]
	before := len(s.journal.causes())
	s.primed = primed{well: map[string]primingStart{}}
	if err := s.play(ctx, []start{{arm: arm, repeat: uncounted, priming: true}}); err != nil {
		return nil, err
	}
	cache, cause, err := s.caused(ctx, before)
	switch {
	case err != nil:
		return nil, err
	case cache == nil:
		s.doubt(fmt.Sprintf("no automatic cache of %s was made: the service has a cache that fits, or makes none", a.app.name()))
		return nil, nil
	}
	r := &resource{Kind: Cache, Token: cache.ID, Name: cache.Name, ID: cache.ID, Making: a.making()}
	began := s.opt.Now()
	by, well := s.primed.well[cause]
	switch {
	case well:
		began = by.began(cache)
	case s.givenUp(arm):
		return r, nil // nothing is started from it
	}
	if s.primed.ready.IsZero() || !well || s.primed.cache.ID != cache.ID {
		building := s.primed.building
		if s.primed.cache, s.primed.building, err = s.await(ctx, a, r, began); err != nil {
			return nil, err
		}
		s.primed.ready, s.primed.building = s.opt.Now(), latest(building, s.primed.building)
	}
	took := s.primed.ready.Sub(began)
	switch {
	case !well:
		s.doubt(fmt.Sprintf("how long the making of automatic cache %s took is not told: the start that caused it did not go well", r.ID))
		return r, nil
	case s.primed.building.IsZero():
		s.doubt(fmt.Sprintf("the automatic cache %s was ready when it was first looked at, %v after the start that caused it: its making took no longer, and may have been shorter", r.ID, s.primed.ready.Sub(by.answered).Round(time.Second)))
		return r, s.recordMaking(a, repeat, &s.primed.cache, took, 0)
	}
	return r, s.recordMaking(a, repeat, &s.primed.cache, took, s.primed.ready.Sub(s.primed.building))
}

// caused finds the automatic cache of the groups that were made since, and the group, of
// several that of a start that went well. One that the service speaks of, or may yet make,
// is looked for as long as it may be in no list, and so is one that the list has no answer of.
func (s *session) caused(ctx context.Context, since int) (found *eci.ImageCache, by string, err error) {
	for begun := s.opt.Now(); ; {
		all, err := s.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		s.measureCaches(all) // rows that cannot be read hide no others
		for i := range all {
			group, is := causeOf(&all[i], s.journal.causes()[since:])
			if all[i].ID == s.primed.cache.ID {
				group.id, is = s.primed.group, true
			}
			if _, well := s.primed.well[group.id]; is && (found == nil || well) {
				found, by = &all[i], group.id
			}
		}
		tried := s.opt.Now().Sub(begun) >= late
		switch {
		case found != nil:
			if !found.Status.Usable() {
				s.primed.building = s.opt.Now()
			}
			return found, by, nil
		case hopeless(err), err != nil && tried && !errors.Is(err, eci.ErrReply):
			return nil, "", err
		case err != nil && tried:
			s.doubt(fmt.Sprintf("the automatic cache of a start was not found, and the list of caches could not all be read: %v", err))
			return nil, "", nil
		case tried, err == nil && (len(s.primed.well) == 0 || s.primed.hit):
			return nil, "", nil
		}
		if err := s.opt.Sleep(ctx, s.opt.Poll); err != nil {
			return nil, "", err
		}
	}
}

// watch looks at the automatic cache that a start lets be made, while its group is there:
// it may be ready before the start is.
func (s *session) watch(ctx context.Context, f *flight) {
	id := eci.ReadEvidence(f.o.events).AutoCreatedID
	if id == "" || !s.primed.ready.IsZero() {
		return
	}
	cache, err := s.client.ImageCache(ctx, id)
	if err != nil {
		return // it is looked for when the start is over
	}
	if s.primed.cache, s.primed.group = cache, f.ID; cache.Status.Usable() {
		s.primed.ready = s.opt.Now()
	} else {
		s.primed.building = s.opt.Now()
	}
}

// notePrimed takes what a start that was to let a cache be made has told.
func (s *session) notePrimed(f *flight) {
	if f.void == "" {
		s.primed.well[f.ID] = primingStart{f.answered, f.o.group.CreatedAt}
		s.primed.hit = f.startup.Hit == matcher.FullHit && !eci.ReadEvidence(f.o.events).AutoCreated
	}
}

// noteCaused notes the automatic cache that the service says a group has caused (eci §3.2):
// it is found also where its name does not tell of the group.
func (s *session) noteCaused(f *flight) error {
	id := eci.ReadEvidence(f.o.events).AutoCreatedID
	if id == "" {
		return nil
	}
	s.causedAll(f.ID)
	return s.note(wroteMade, resource{Kind: Cache, Token: id, Name: eci.AutomaticCachePrefix + f.ID, ID: id})
}
