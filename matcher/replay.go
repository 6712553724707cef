package matcher

import (
	"context"
	"fmt"
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
func (m *Matcher) Replay(ctx context.Context, apps []workload.App, caches []Cache, events []workload.Event, opt ReplayOptions) ([]Outcome, []Pick, error) {
	r := newReplay(m, apps, caches, opt)
	var picks []Pick
	for i, e := range events {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, nil, fmt.Errorf("replay starts: %w", ctx.Err())
		}
		r.days.reach(e.At)
		if e.Release {
			r.release(&apps[e.App], e.At)
			continue
		}
		served := r.serve(&apps[e.App], e)
		if e.At >= opt.From {
			r.days.day.count(served.Hit)
			r.outcomes[e.App].count(&served)
		}
		if e.At >= opt.PicksFrom && e.At < opt.PicksTo {
			picks = append(picks, Pick{e, served.cache()})
		}
	}
	r.days.finish(opt.To)
	return r.done(), picks, nil
}

// replay is a Store and what its starts found.
type replay struct {
	store    *Store
	opt      ReplayOptions
	days     days
	outcomes []outcomeCount
	// named says which apps' starts name a cache.
	named []bool
}

func newReplay(m *Matcher, apps []workload.App, caches []Cache, opt ReplayOptions) *replay {
	group := opt.Group
	if group == nil {
		group = GroupOf
	}
	groups := make([]Group, len(apps))
	r := &replay{opt: opt, outcomes: make([]outcomeCount, len(apps)), named: make([]bool, len(apps))}
	for i := range apps {
		groups[i] = group(&apps[i])
		if opt.Named != nil {
			if id := opt.Named(i); id != "" {
				groups[i].CacheID, r.named[i] = id, true
			}
		}
		r.outcomes[i] = outcomeCount{app: apps[i].Name, known: make(map[foundKey]int), same: make(map[string]int)}
	}
	r.store = m.NewStore(groups, caches, StoreOptions{BuildTime: opt.BuildTime, NoAutomatic: !opt.Automatic, NamedOnly: opt.NamedOnly})
	r.days = days{store: r.store, tell: opt.Day, from: opt.From}
	return r
}

// serve is one start.
func (r *replay) serve(app *workload.App, e workload.Event) Served {
	served := r.store.Match(e.App, e.At)
	if r.named[e.App] && len(app.Images) > 0 && slices.Contains(served.Stale, app.Images[0]) {
		return Served{Hit: Miss, shape: -1}
	}
	return served
}

// release releases the app's first image, and renews the caches that are to be.
func (r *replay) release(app *workload.App, at time.Duration) {
	if len(app.Images) == 0 {
		return
	}
	for _, id := range r.store.Release(app.Images[0], at) {
		if r.opt.Rebuild != nil && r.opt.Rebuild(id) {
			// The store just said that it has the cache.
			_ = r.store.Renew(id, at)
		}
	}
}

func (r *replay) done() []Outcome {
	outcomes := make([]Outcome, len(r.outcomes))
	for i := range r.outcomes {
		outcomes[i] = r.outcomes[i].outcome()
	}
	return outcomes
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
