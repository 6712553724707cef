package ecigroup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
)

// primed is what is known of the starts that let an automatic cache be made.
type primed struct {
	// answered is when each that went well was made, by its group.
	answered map[string]time.Time
	// hit says that the last was from a cache of all its images: no other comes.
	hit bool
	// cache is what was seen of the one that the service says it makes while the group was
	// there, ready when it could first be used, and building that it could not before.
	cache    eci.ImageCache
	group    string
	ready    time.Time
	building bool
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
			fits[m.arm] = cache == nil
			if again := round+1 < len(rounds) && slices.ContainsFunc(rounds[round+1], func(n start) bool { return n.arm == m.arm }); !again || cache == nil {
				continue
			}
			if _, left := s.remove(ctx, []resource{*cache}); len(left) > 0 {
				fits[m.arm] = true
				s.opt.Log("%s is started from, and its making is timed no more, for it cannot be deleted: %v", left[0].what(), left[0].Err)
			}
		}
	}
	return ctx.Err()
}

// prime starts a group once, and waits for the cache that it causes; nil is none.
func (s *session) prime(ctx context.Context, arm, repeat int) (*resource, error) {
	a := &s.arms[arm]
	before := len(s.journal.causes())
	s.primed = primed{answered: map[string]time.Time{}}
	if err := s.play(ctx, []start{{arm: arm, repeat: uncounted, priming: true}}); err != nil {
		return nil, err
	}
	cache, cause, err := s.caused(ctx, before)
	switch {
	case err != nil:
		return nil, err
	case cache == nil:
		s.opt.Log("no automatic cache of %s was made: the service has a cache that fits, or makes none", a.app.name())
		return nil, nil
	}
	r := &resource{Kind: Cache, Token: cache.ID, Name: cache.Name, ID: cache.ID, Making: a.making()}
	begun, well := s.primed.answered[cause]
	if !well {
		s.opt.Log("the start that let the service make automatic cache %s did not go well: how long its making took is not told", r.ID)
		return r, nil
	}
	if cache.Status.Usable() && !s.primed.building {
		s.doubt(fmt.Sprintf("the automatic cache %s was ready when it was first looked at, %v after the start that caused it: its making took no longer, and may have been shorter", r.ID, s.opt.Now().Sub(begun).Round(time.Second)))
	}
	if s.primed.ready.IsZero() {
		if s.primed.cache, err = s.await(ctx, a, r, begun); err != nil {
			return nil, err
		}
		s.primed.ready = s.opt.Now()
	}
	return r, s.recordMaking(a, repeat, &s.primed.cache, s.primed.ready.Sub(begun))
}

// caused finds the automatic cache of the groups that were made since, and the group. One
// that the service speaks of, or may yet make, is looked for as long as it may be in no list.
func (s *session) caused(ctx context.Context, since int) (*eci.ImageCache, string, error) {
	for begun := s.opt.Now(); ; {
		all, err := s.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
		if err != nil {
			return nil, "", err
		}
		s.measureCaches(all)
		for i := range all {
			if group, is := causeOf(&all[i], s.journal.causes()[since:]); is {
				return &all[i], group.id, nil
			}
			if all[i].ID == s.primed.cache.ID {
				return &all[i], s.primed.group, nil
			}
		}
		if len(s.primed.answered) == 0 || s.primed.hit || s.opt.Now().Sub(begun) >= late {
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
		s.primed.building = true
	}
}

// notePrimed takes what a start that was to let a cache be made has told.
func (s *session) notePrimed(f *flight) {
	if f.void == "" {
		s.primed.answered[f.ID] = f.answered
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
