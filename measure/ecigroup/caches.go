package ecigroup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// sizeUp looks at what the service may match, before the first start may be from it.
func (s *session) sizeUp(ctx context.Context) error {
	if !slices.ContainsFunc(s.arms, func(a arm) bool { return a.kind == ArmAutomatic && s.remaining(&a) }) {
		return nil
	}
	all, err := s.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	switch {
	case errors.Is(err, eci.ErrReply) && len(all) > 0: // what one row lacks is no reason to start nothing
		s.doubt(fmt.Sprintf("of the caches that the service may match not all could be read, and what the disks of those cost is not held under a limit before a start is from one: %v", err))
	case err != nil:
		return fmt.Errorf("look at the caches that the service may match: %w", err)
	}
	s.measureCaches(all)
	return nil
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
		if slices.ContainsFunc(s.exp.Apps, func(a App) bool { return holdsAny(c.Images, a.Images) }) {
			s.mayMatch(size)
		}
	}
}

// mayMatch notes the size of a cache that starts of arm automatic may be from. Those that
// are under way reserve as much, too.
func (s *session) mayMatch(gib int) {
	if gib <= s.budget.matchGiB {
		return
	}
	s.budget.matchGiB = gib
	most, err := s.budget.atMost(ArmAutomatic, s.exp.deadline())
	for _, f := range slices.Concat(s.flying, s.staying, s.unanswered) {
		if err == nil && s.arms[f.arm].kind == ArmAutomatic && most.Amount > f.reserved.Amount {
			s.budget.reserved += most.Amount - f.reserved.Amount
			f.reserved = most
		}
	}
}

// holdsAny and holdsAll say whether a cache with these images has any, or all, of those that
// are wanted, however either is written: nginx is docker.io/library/nginx:latest.
func holdsAny(images, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(image string) bool { return holds(images, image) })
}

func holdsAll(images, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(image string) bool { return !holds(images, image) })
}

func holds(images []string, wanted string) bool {
	name, err := layers.ParseName(wanted)
	return slices.ContainsFunc(images, func(image string) bool {
		if image == wanted {
			return true
		}
		other, fault := layers.ParseName(image)
		if other.Digest != "" && other.Digest == name.Digest { // whatever tags stand beside it
			other.Tag = name.Tag
		}
		return err == nil && fault == nil && other == name
	})
}

// learn notes that the service matches a cache that a start was from, which it looks up
// where it was not there before: what its disk costs is reserved of the next, also where
// nothing in its list tells that it would be matched (eci §6 1).
func (s *session) learn(ctx context.Context, f *flight) {
	id := f.evidence.cacheID
	if id == "" || s.arms[f.arm].kind != ArmAutomatic {
		return
	}
	if _, known := s.sizes[id]; !known {
		cache, err := s.client.ImageCache(ctx, id)
		if err != nil {
			return
		}
		s.measureCaches([]eci.ImageCache{cache})
	}
	s.mayMatch(s.sizes[id])
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

func (s *session) cacheSpec(a *arm, r *resource) eci.ImageCacheSpec {
	c := s.exp.Cache
	c.Name, c.ClientToken, c.Tags = r.Name, r.Token, s.tagList()
	c.Images = slices.Clone(a.app.Images)
	c.ReuseLayers, c.Flash = a.kind == ArmReuse, a.kind == ArmFlash
	return c
}

// await waits until a cache that was asked for at begun is ready. It tells when it was last
// seen not to be, by this machine's clock; zero is never.
func (s *session) await(ctx context.Context, a *arm, r *resource, begun time.Time) (last eci.ImageCache, building time.Time, err error) {
	for {
		cache, err := s.client.ImageCache(ctx, r.ID)
		switch {
		case ctx.Err() != nil:
			return last, building, ctx.Err()
		case errors.Is(err, eci.ErrNotFound) && last.ID != "":
			return last, building, fmt.Errorf("cache %s is gone: %w", r.ID, err)
		case err != nil && s.opt.Now().Sub(begun) > s.exp.CacheTimeout:
			return last, building, err
		case err != nil:
			s.opt.Log("cache %s is looked at later: %v", r.ID, err)
		default:
			if cache.Status != last.Status || cache.Progress != last.Progress {
				s.opt.Log("cache %s for arm %s: %s %s", r.ID, a.name, cache.Status, cache.Progress)
			}
			if last = cache; !cache.Status.Usable() {
				building = s.opt.Now()
			}
		}
		if last.Status.Settled() {
			break
		}
		if s.opt.Now().Sub(begun) > s.exp.CacheTimeout {
			return last, building, fmt.Errorf("cache %s is not ready within %v, it is %s %s", r.ID, s.exp.CacheTimeout, cmp.Or(string(last.Status), "not known"), last.Progress)
		}
		if err := s.opt.Sleep(ctx, s.opt.Poll); err != nil {
			return last, building, err
		}
	}
	if !last.Status.Usable() {
		return last, building, fmt.Errorf("cache %s is %s%s", r.ID, last.Status, lastWarning(last.Events))
	}
	return last, building, nil
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
// own, once: a cache that is made again when an experiment is gone on with is not. It took
// so long at most, and unsure less at least: where that is more than looks now and then
// explain, for they were not answered, the making is void.
func (s *session) recordMaking(a *arm, repeat int, cache *eci.ImageCache, took, unsure time.Duration) error {
	key := runKey{a.making(), repeat}
	if repeat == uncounted || s.done[key] || cache.CreatedAt.IsZero() {
		return nil
	}
	usual := 2 * s.opt.Poll // with the looks' own time
	s.doubt(fmt.Sprintf("the service tells when a cache was asked for and its images were pulled, not when it was ready: that is by this machine's clock, and off by up to %v where nothing else is said", usual))
	took, unsure = took.Round(time.Second), unsure.Round(time.Second)
	run := simulate.MeasuredRun{Arm: key.arm, Repeat: key.repeat, At: cache.CreatedAt}
	if unsure > max(usual, took/mostUnsure) {
		run.Void = fmt.Sprintf("%s was ready after %v at most, and how much sooner is not known: no look at it was answered for %v", cache.ID, took, unsure)
		s.opt.Log("how long the making took does not count: %s", run.Void)
		s.record(run, nil)
		return s.save()
	}
	if unsure > usual {
		s.doubt(fmt.Sprintf("how long the making of %s took is off by up to %v: looks at it were not answered", cache.ID, unsure))
	}
	u := makingOf(cache, took)
	u.App, u.Images, u.CacheID = a.app.name(), slices.Clone(cache.Images), cache.ID
	s.record(run, &u)
	return s.save()
}

// mostUnsure of a making's time may be unknown, as its share: 1/mostUnsure.
const mostUnsure = 10

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
