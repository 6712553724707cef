package ecigroup

import (
	"cmp"
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

// primeAll lets the service make an automatic cache for each app that has starts to make
// in arm automatic, before there are manual caches that it would match instead.
func (s *session) primeAll(ctx context.Context) error {
	for i := range s.arms {
		if a := &s.arms[i]; a.kind == ArmAutomatic && s.remaining(a) {
			if err := s.prime(ctx, i); err != nil {
				return fmt.Errorf("let the service make an automatic cache of %s: %w", a.app.name(), err)
			}
		}
	}
	return nil
}

// prime starts a group once, and waits for the cache that it causes.
func (s *session) prime(ctx context.Context, arm int) error {
	a := &s.arms[arm]
	before := len(s.journal.automatics())
	s.primed = time.Time{}
	if err := s.play(ctx, []start{{arm: arm, repeat: uncounted, priming: true}}); err != nil {
		return err
	}
	groups := s.journal.causes()[before:]
	all, err := s.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	if err != nil {
		return err
	}
	s.measureCaches(all)
	i := slices.IndexFunc(all, func(c eci.ImageCache) bool { _, caused := causeOf(&c, groups); return caused })
	if i < 0 {
		s.opt.Log("no automatic cache of %s was made: the service has a cache that fits, or makes none", a.app.name())
		return nil
	}
	if s.primed.IsZero() {
		s.opt.Log("no start that was to let the service make an automatic cache of %s went well: how long the making of %s took is not told", a.app.name(), all[i].ID)
		return nil
	}
	r := resource{Kind: Cache, Name: all[i].Name, ID: all[i].ID, Making: a.making()}
	if all[i].Status.Usable() {
		s.doubt(fmt.Sprintf("the automatic cache %s was ready when it was first looked at, %v after the start that caused it: its making took no longer, and may have been shorter", r.ID, s.opt.Now().Sub(s.primed).Round(time.Second)))
	}
	return s.await(ctx, a, &r, s.primed)
}

// measureCaches notes how large the caches are that the service may match, for what their
// disks cost.
func (s *session) measureCaches(all []eci.ImageCache) {
	for i := range all {
		c := &all[i]
		size := c.SizeGiB
		if _, automatic := c.Automatic(); automatic {
			size = 0
		}
		s.sizes[c.ID] = size
		if slices.ContainsFunc(s.exp.Apps, func(a App) bool {
			return slices.ContainsFunc(a.Images, func(image string) bool { return slices.Contains(c.Images, image) })
		}) {
			s.budget.matchGiB = max(s.budget.matchGiB, size)
		}
	}
}

// makeCaches makes the caches of the arms that have starts to make, one after another,
// so that none slows another down: plain ones, with Flash, with the layers of others.
func (s *session) makeCaches(ctx context.Context) error {
	for _, kind := range Arms() {
		for i := range s.arms {
			a := &s.arms[i]
			if a.kind != kind || !manual(kind) || !s.remaining(a) || s.caches[a.making()] != "" {
				continue
			}
			if kind == ArmExplicit && s.exp.CacheID != "" {
				if err := s.given(ctx, a); err != nil {
					return err
				}
				continue
			}
			if err := s.makeCache(ctx, a); err != nil {
				return fmt.Errorf("make a cache for arm %s: %w", a.name, err)
			}
		}
	}
	return nil
}

// given takes a cache that exists.
func (s *session) given(ctx context.Context, a *arm) error {
	cache, err := s.client.ImageCache(ctx, s.exp.CacheID)
	switch {
	case err != nil:
		return fmt.Errorf("look at cache %s: %w", s.exp.CacheID, err)
	case !cache.Status.Usable():
		return fmt.Errorf("cache %s is %s: groups start from caches that are %s", cache.ID, cache.Status, eci.CacheReady)
	}
	s.caches[a.making()], s.budget.givenGiB, s.sizes[cache.ID] = cache.ID, cache.SizeGiB, cache.SizeGiB
	return nil
}

// makeCache makes a cache, and waits until it can be used.
func (s *session) makeCache(ctx context.Context, a *arm) error {
	if err := s.late(); err != nil {
		return err
	}
	most, err := s.budget.build(s.exp.CacheTimeout, s.opt.MaxDuration)
	if err != nil {
		return err
	}
	if err := s.budget.reserve(most); err != nil {
		return err
	}
	begun, spent := s.opt.Now(), cost.Money{}
	defer func() { s.budget.settle(most, spent) }()
	r := resource{Kind: Cache, Making: a.making()}
	if err := s.ask(&r); err != nil {
		return err
	}
	s.opt.Log("making a cache for arm %s", a.name)
	for try := 1; ; try++ {
		created, err := s.client.CreateImageCache(ctx, s.cacheSpec(a, &r))
		r.Helper = created.HelperGroupID
		if err = s.made(ctx, &r, created.ID, err); err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if try >= sameErrors || !s.journal.holds(r.Token) {
			return err
		}
	}
	err = s.await(ctx, a, &r, s.opt.Now())                               // the client may have asked again and again
	spent, _ = s.budget.build(s.opt.Now().Sub(begun), s.opt.MaxDuration) // it was priced before
	return err
}

func (s *session) cacheSpec(a *arm, r *resource) eci.ImageCacheSpec {
	c := s.exp.Cache
	c.Name, c.ClientToken, c.Tags = r.Name, r.Token, s.tagList()
	c.Images = slices.Clone(a.app.Images)
	c.ReuseLayers, c.Flash = a.kind == ArmReuse, a.kind == ArmFlash
	return c
}

// await waits until a cache that was asked for at begun is ready, and records how long
// its making took.
func (s *session) await(ctx context.Context, a *arm, r *resource, begun time.Time) error {
	var last eci.ImageCache
	for {
		cache, err := s.client.ImageCache(ctx, r.ID)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, eci.ErrNotFound) && last.ID != "":
			return fmt.Errorf("cache %s is gone: %w", r.ID, err)
		case err != nil && s.opt.Now().Sub(begun) > s.exp.CacheTimeout:
			return err
		case err != nil:
			s.opt.Log("cache %s is looked at later: %v", r.ID, err)
		default:
			if cache.Status != last.Status || cache.Progress != last.Progress {
				s.opt.Log("cache %s for arm %s: %s %s", r.ID, a.name, cache.Status, cache.Progress)
			}
			last = cache
		}
		if last.Status.Settled() {
			break
		}
		if s.opt.Now().Sub(begun) > s.exp.CacheTimeout {
			return fmt.Errorf("cache %s is not ready within %v, it is %s %s", r.ID, s.exp.CacheTimeout, cmp.Or(string(last.Status), "not known"), last.Progress)
		}
		if err := s.opt.Sleep(ctx, s.opt.Poll); err != nil {
			return err
		}
	}
	if !last.Status.Usable() {
		return fmt.Errorf("cache %s is %s%s", r.ID, last.Status, lastWarning(last.Events))
	}
	if a.kind != ArmAutomatic {
		s.caches[a.making()], s.sizes[r.ID] = r.ID, s.exp.Cache.SizeGiB
	}
	return s.recordMaking(a, &last, s.opt.Now().Sub(begun).Round(time.Second))
}

func lastWarning(events []eci.Event) string {
	for _, e := range slices.Backward(events) {
		if e.Type == "Warning" {
			return ": " + e.Message
		}
	}
	return ""
}

// recordMaking adds the making of a cache to the timeline, as a startup of an arm of its
// own, once: a cache that is made again when an experiment is gone on with is not.
func (s *session) recordMaking(a *arm, cache *eci.ImageCache, took time.Duration) error {
	key := runKey{a.making(), 0}
	if s.done[key] || cache.CreatedAt.IsZero() {
		return nil
	}
	s.doubt(fmt.Sprintf("the service tells when a cache was asked for and its images were pulled, not when it was ready: that is by this machine's clock, and off by up to %v", s.opt.Poll))
	u := makingOf(cache, took)
	u.App, u.Images, u.CacheID = a.app.name(), slices.Clone(cache.Images), cache.ID
	s.record(simulate.MeasuredRun{Arm: key.arm, At: cache.CreatedAt}, &u)
	return s.save()
}

// makingOf times the making of a cache, which took so long until it was seen ready: the
// pulls until the event of the last one (eci §1.3), then the snapshot.
func makingOf(cache *eci.ImageCache, took time.Duration) simulate.Startup {
	var pulled time.Time
	pulls := 0
	for _, e := range cache.Events {
		if strings.HasPrefix(strings.ToLower(e.Message), "success pull image") {
			pulls++
			pulled = latest(pulled, e.At())
		}
	}
	u := simulate.Startup{Ready: took, Unsized: true}
	if pulls >= len(cache.Images) {
		u.Phases.Pull, u.Phases.Create = between(cache.CreatedAt, pulled), between(pulled, cache.CreatedAt.Add(took))
	}
	return u
}

func latest(x, y time.Time) time.Time {
	if y.After(x) {
		return y
	}
	return x
}

// compare holds the service's choice for each app against ours.
func (s *session) compare(ctx context.Context) error {
	if s.opt.Compare == nil {
		return nil
	}
	all, err := s.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	for i := range s.exp.Apps {
		app := &s.exp.Apps[i]
		var answer eci.ImageCachePage
		if err == nil {
			answer, err = s.client.DescribeImageCaches(ctx, eci.ImageCacheQuery{MatchImages: app.Images})
		}
		if err != nil {
			break
		}
		var ids []string
		for _, c := range answer.ImageCaches {
			ids = append(ids, c.ID)
		}
		for _, words := range s.opt.Compare(all, app.Images, ids) {
			s.doubt(app.name() + ": " + words)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.doubt("which caches the service would match is not compared: " + err.Error())
	}
	return nil
}

// doubt notes a doubt that an experiment which is gone on with keeps.
func (s *session) doubt(words string) {
	if m := s.t.Measurement; !slices.Contains(m.Doubts, words) {
		m.Doubts = append(m.Doubts, words)
	}
}
