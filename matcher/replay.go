package matcher

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/workload"
)

// ReplayOptions say how caches evolve while starts happen.
type ReplayOptions struct {
	// From is when counting begins; events before it only warm the caches up.
	From time.Duration
	// PicksFrom and PicksTo bound the time of which single picks are returned.
	PicksFrom, PicksTo time.Duration
	// Group is what a start of an app asks for; nil means GroupOf.
	Group func(*workload.App) Group
	// Automatic makes an automatic cache after a start that no cache served
	// fully, if the policies say so.
	Automatic bool
	// BuildTime is how long a cache of these images takes until it is Ready;
	// the same for automatic caches (eci §6 #17).
	BuildTime func(images []string, sizeGiB float64) time.Duration
	// Rebuild says whether a cache is built again after a release of one of
	// its images; nil means none is.
	Rebuild func(cacheID string) bool
	// Named is the cache that an app's starts name (eci §1.11), by the app's position in
	// the list; empty leaves them to matching, as nil does all. A named cache that starts
	// cannot use leaves them with nothing, and so does one whose copy of the app's first
	// image a release left behind: its pods are made without the name until it is built
	// again, for one that is not Ready would have them fail (eci §1.10).
	Named func(app int) string
	// NamedOnly says of a cache that only starts which name it get it; nil means of none.
	NamedOnly func(cacheID string) bool
	// Day, when not nil, is told what each day's starts found, in order, from From
	// to To, or to the day of the last event where that is later.
	Day func(HitRate)
	To  time.Duration
}

// Outcome is what an app's starts found in the caches.
type Outcome struct {
	App string `json:"app" document:"required"`
	// Starts is how many were counted.
	Starts int `json:"starts"`
	// Found has one entry for each set of images found, nothing first, then in
	// order of first use.
	Found []Found `json:"found"`
}

// Found is a number of starts that found the same cache contents.
type Found struct {
	// Images are the references that the picked cache holds; nil when none was
	// picked. Stale are those whose content is an older version's, of which nothing
	// is credited. Automatic says that it was an automatic one.
	Images    []string `json:"images,omitempty"`
	Stale     []string `json:"stale,omitempty"`
	Automatic bool     `json:"automatic,omitempty"`
	// CacheID and SizeGiB are the cache's; automatic ones, which come and go,
	// have no ID.
	CacheID string  `json:"cacheId,omitempty"`
	SizeGiB float64 `json:"sizeGiB,omitempty"`
	// Full says that it held every image of the app by name.
	Full bool `json:"full,omitempty"`
	// Starts is how many found it.
	Starts int `json:"starts"`
}

// Pick is what one start found.
type Pick struct {
	Event workload.Event
	// Cache is nil when none was picked.
	Cache *Cache
}

// Replay plays events, which are in order of time, against a Store of the caches
// given and returns what each app's starts found, and the picks asked for. The
// Store has the rules: how caches are picked, made, kept and evicted, and that a
// release is a new tag of the app's first image.
func (m *Matcher) Replay(ctx context.Context, apps []workload.App, caches []Cache, events iter.Seq[workload.Event], opt ReplayOptions) ([]Outcome, []Pick, error) {
	p := m.Playback(apps, caches, opt)
	if err := p.Play(ctx, events); err != nil {
		return nil, nil, err
	}
	outcomes, picks := p.Finish()
	return outcomes, picks, nil
}

// Playback is a replay that is played piece by piece, and can be forked in between.
type Playback struct {
	store    *Store
	apps     []workload.App
	opt      ReplayOptions
	days     days
	outcomes []outcomeCount
	picks    []Pick
	// named says which apps' starts name a cache.
	named []bool
}

// Play plays events, which are in order of time and not before those played already.
func (p *Playback) Play(ctx context.Context, events iter.Seq[workload.Event]) error {
	i := 0
	for e := range events {
		if i%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("replay starts: %w", ctx.Err())
		}
		i++
		p.days.reach(e.At)
		if e.Release {
			p.release(&p.apps[e.App], e.At)
			continue
		}
		served := p.serve(&p.apps[e.App], e)
		if e.At >= p.opt.From {
			p.days.day.count(served.Hit)
			p.outcomes[e.App].count(&served)
		}
		if e.At >= p.opt.PicksFrom && e.At < p.opt.PicksTo {
			p.picks = append(p.picks, Pick{e, served.cache()})
		}
	}
	return nil
}

// Fork is a Playback that stands as p does and goes its own way from here, with other times
// of the picks that are returned; day, which may be nil, is told the days that are not over
// yet. Both count in the same Matcher's memory.
func (p *Playback) Fork(picksFrom, picksTo time.Duration, day func(HitRate)) *Playback {
	f := *p
	f.store = p.store.Fork()
	f.opt.PicksFrom, f.opt.PicksTo, f.opt.Day = picksFrom, picksTo, day
	f.days.store, f.days.tell = f.store, day
	f.picks = slices.Clone(p.picks)
	f.outcomes = slices.Clone(p.outcomes)
	for i := range f.outcomes {
		o := &f.outcomes[i]
		o.found, o.known, o.same = slices.Clone(o.found), maps.Clone(o.known), maps.Clone(o.same)
	}
	return &f
}

// Finish ends the days, and returns what each app's starts found and the picks asked for.
func (p *Playback) Finish() ([]Outcome, []Pick) {
	p.days.finish(p.opt.To)
	outcomes := make([]Outcome, len(p.outcomes))
	for i := range p.outcomes {
		outcomes[i] = p.outcomes[i].outcome()
	}
	return outcomes, p.picks
}

// Playback is a replay of which nothing is played yet.
func (m *Matcher) Playback(apps []workload.App, caches []Cache, opt ReplayOptions) *Playback {
	group := opt.Group
	if group == nil {
		group = GroupOf
	}
	groups := make([]Group, len(apps))
	p := &Playback{apps: apps, opt: opt, outcomes: make([]outcomeCount, len(apps)), named: make([]bool, len(apps))}
	for i := range apps {
		groups[i] = group(&apps[i])
		if opt.Named != nil {
			if id := opt.Named(i); id != "" {
				groups[i].CacheID, p.named[i] = id, true
			}
		}
		p.outcomes[i] = outcomeCount{app: apps[i].Name, known: make(map[foundKey]int), same: make(map[string]int)}
	}
	p.store = m.NewStore(groups, caches, StoreOptions{BuildTime: opt.BuildTime, NoAutomatic: !opt.Automatic, NamedOnly: opt.NamedOnly})
	p.days = days{store: p.store, tell: opt.Day, from: opt.From}
	return p
}

// serve is one start.
func (p *Playback) serve(app *workload.App, e workload.Event) Served {
	served := p.store.Match(e.App, e.At)
	if p.named[e.App] && len(app.Images) > 0 && slices.Contains(served.Stale, app.Images[0]) {
		return Served{Hit: Miss, shape: -1}
	}
	return served
}

// release releases the app's first image, and renews the caches that are to be.
func (p *Playback) release(app *workload.App, at time.Duration) {
	if len(app.Images) == 0 {
		return
	}
	for _, id := range p.store.Release(app.Images[0], at) {
		if p.opt.Rebuild != nil && p.opt.Rebuild(id) {
			// The store just said that it has the cache.
			_ = p.store.Renew(id, at)
		}
	}
}

// cache is the cache picked as the start finds it: without its stale images. It is
// nil when none was picked. The Matcher's own time is the month's start, so an
// expiry, which the Store handles, is not shown to it.
func (s *Served) cache() *Cache {
	if s.from == nil {
		return nil
	}
	c := s.from.cache
	c.Images, c.Status, c.ExpireTime = s.Images, StatusReady, time.Time{}
	return &c
}

// outcomeCount counts what an app's starts find.
type outcomeCount struct {
	app             string
	starts, nothing int
	found           []Found
	// known and same are the positions in found, by shape and by all there is.
	known map[foundKey]int
	same  map[string]int
}

// foundKey is what distinguishes most findings; automatic caches have no ID here.
type foundKey struct {
	shape int
	id    string
}

func (o *outcomeCount) count(s *Served) {
	o.starts++
	if s.from == nil {
		o.nothing++
		return
	}
	key := foundKey{shape: s.shape}
	if !s.Automatic {
		key.id = s.CacheID
	}
	i, ok := o.known[key]
	if !ok {
		i = o.position(&Found{Images: s.Images, Stale: s.Stale, SizeGiB: s.SizeGiB, Automatic: s.Automatic, CacheID: key.id, Full: s.Full})
		o.known[key] = i
	}
	o.found[i].Starts++
}

// position is where in found f is, which is added where it is not. Caches of
// several shapes may be the same to an app.
func (o *outcomeCount) position(f *Found) int {
	key := fmt.Sprintf("%s\n\n%s\n\n%s %v %v %v", listKey(f.Images), listKey(f.Stale), f.CacheID, f.SizeGiB, f.Automatic, f.Full)
	i, ok := o.same[key]
	if !ok {
		i = len(o.found)
		o.same[key] = i
		o.found = append(o.found, *f)
	}
	return i
}

func (o *outcomeCount) outcome() Outcome {
	found := o.found
	if o.nothing > 0 {
		found = slices.Insert(found, 0, Found{Starts: o.nothing})
	}
	return Outcome{App: o.app, Starts: o.starts, Found: found}
}
