package matcher

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/workload"
)

// ReplayOptions say how caches evolve while starts happen.
type ReplayOptions struct {
	// From is when counting begins; events before it only warm the caches up.
	From time.Duration
	// Automatic makes an automatic cache after a start that no cache served
	// fully, if the policies say so.
	Automatic bool
	// BuildTime is how long a cache of these images takes until it is Ready;
	// the same for automatic caches (eci §6 #17).
	BuildTime func(images []string, sizeGiB float64) time.Duration
	// Rebuild says whether a cache is built again after a release of one of
	// its images; nil means none is.
	Rebuild func(cacheID string) bool
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
	// picked. Automatic says that it was an automatic one.
	Images    []string `json:"images,omitempty"`
	Automatic bool     `json:"automatic,omitempty"`
	// CacheID and SizeGiB are the cache's; automatic ones, which come and go,
	// have no ID.
	CacheID string  `json:"cacheId,omitempty"`
	SizeGiB float64 `json:"sizeGiB,omitempty"`
	// Starts is how many found it.
	Starts int `json:"starts"`
}

// Pick is what one start found.
type Pick struct {
	Event workload.Event
	// Cache is nil when none was picked.
	Cache *Cache
}

// Replay plays events, which are in order of time, against caches as ECI would
// and returns what each app's starts found, and each counted start's pick.
//
// A miss starts one automatic cache for the app's images, however many starts
// miss while it is made (not documented). Automatic caches live as the
// retention policy says and are evicted least recently used first at the quota
// (eci §1.2, §6 #15). A release makes the app's first image stale in every
// cache, also in those being made; what a stale image still shares by layer is
// not credited.
func (m *Matcher) Replay(apps []workload.App, caches []Cache, events []workload.Event, opt ReplayOptions) ([]Outcome, []Pick) {
	r := &replay{m: m, opt: opt, apps: apps, memo: make([]memo, len(apps)), outcomes: make([]Outcome, len(apps))}
	for i := range caches {
		r.entries = append(r.entries, &entry{cache: caches[i], ready: r.never(), matched: r.never(), expire: r.expireOf(&caches[i])})
	}
	for i := range apps {
		r.outcomes[i].App = apps[i].Name
	}
	var picks []Pick
	for _, e := range events {
		r.advance(e.At)
		if e.Release {
			r.release(&apps[e.App], e.At)
			continue
		}
		c := r.start(e)
		if e.At >= opt.From {
			r.count(e.App, c)
			picks = append(picks, Pick{e, c})
		}
	}
	return r.outcomes, picks
}

// replay is the state of the caches at one instant.
type replay struct {
	m        *Matcher
	opt      ReplayOptions
	apps     []workload.App
	entries  []*entry
	made     int
	version  int // changes when any cache appears, goes or changes
	memo     []memo
	outcomes []Outcome
}

// memo keeps an app's pick while no cache changes.
type memo struct {
	version int
	valid   bool
	picked  *entry
	full    bool
}

// entry is a cache in time; times are since the start of the month.
type entry struct {
	cache   Cache
	ready   time.Duration
	matched time.Duration
	expire  time.Duration
	stale   map[string]staleness
	usable  bool
}

// staleness is until when a released image is missing from a cache.
type staleness struct{ until time.Duration }

const forever = time.Duration(1<<63 - 1)

func (r *replay) never() time.Duration { return -forever }

func (r *replay) expireOf(c *Cache) time.Duration {
	if c.ExpireTime.IsZero() {
		return forever
	}
	return c.ExpireTime.Sub(r.m.at)
}

// advance lets caches become ready, get fresh again and expire up to now.
func (r *replay) advance(now time.Duration) {
	kept := r.entries[:0]
	for _, e := range r.entries {
		if e.expire <= now {
			r.version++
			continue
		}
		if !e.usable && e.ready <= now {
			e.usable = true
			r.version++
		}
		for ref, s := range e.stale {
			if s.until <= now {
				delete(e.stale, ref)
				r.version++
			}
		}
		kept = append(kept, e)
	}
	clear(r.entries[len(kept):])
	r.entries = kept
}

// release makes the app's first image stale wherever it is held.
func (r *replay) release(app *workload.App, now time.Duration) {
	ref := app.Images[0]
	for _, e := range r.entries {
		if !slices.Contains(e.cache.Images, ref) {
			continue
		}
		until := forever
		if r.opt.Rebuild != nil && r.opt.Rebuild(e.cache.ID) {
			until = now + r.opt.BuildTime(e.cache.Images, e.cache.SizeGiB)
		}
		if e.stale == nil {
			e.stale = make(map[string]staleness)
		}
		e.stale[ref] = staleness{until}
		r.version++
	}
}

// start picks a cache for one start, touches it and makes an automatic one
// where the start was not fully served.
func (r *replay) start(ev workload.Event) *Cache {
	app := &r.apps[ev.App]
	picked, full := r.pick(ev.App)
	if !full && r.opt.Automatic && (picked == nil || r.m.policy.CreateOnPartial) {
		r.make(app, ev.At)
	}
	if picked == nil {
		return nil
	}
	picked.matched = ev.At
	if picked.cache.Automatic {
		picked.expire = r.m.policy.expiry(r.created(picked), ev.At)
	}
	return r.fresh(picked)
}

func (r *replay) pick(app int) (*entry, bool) {
	known := &r.memo[app]
	if known.valid && known.version == r.version {
		return known.picked, known.full
	}
	g := GroupOf(&r.apps[app])
	caches := make([]Cache, 0, len(r.entries))
	for _, e := range r.entries {
		if e.usable {
			caches = append(caches, *r.fresh(e))
		}
	}
	*known = memo{version: r.version, valid: true}
	if ranked := r.m.Rank(g, caches); len(ranked) > 0 && ranked[0].Qualified {
		known.full = ranked[0].FullImages == len(g.all())
		known.picked = r.entries[slices.IndexFunc(r.entries, func(e *entry) bool { return e.cache.ID == ranked[0].CacheID })]
	}
	return known.picked, known.full
}

// fresh is the cache without its stale images; the Matcher's own time is the
// month's start, so an expiry that the replay handles is not shown to it.
func (r *replay) fresh(e *entry) *Cache {
	c := e.cache
	c.ExpireTime = time.Time{}
	if len(e.stale) > 0 {
		c.Images = slices.DeleteFunc(slices.Clone(c.Images), func(ref string) bool {
			_, stale := e.stale[ref]
			return stale
		})
	}
	return &c
}

// make starts an automatic cache unless one of the same images is being made.
func (r *replay) make(app *workload.App, now time.Duration) {
	images := app.AllImages()
	for _, e := range r.entries {
		if e.cache.Automatic && !e.usable && slices.Equal(e.cache.Images, images) && len(e.stale) == 0 {
			return
		}
	}
	r.made++
	size := AutomaticCacheGiB + app.ExtraStorageGiB
	e := &entry{
		cache: Cache{
			ID: fmt.Sprintf("automatic-%d", r.made), Name: "auto-create-for-" + app.Name, Images: images,
			SizeGiB: size, Status: StatusReady, CreationTime: r.m.at.Add(now), Automatic: true,
		},
		ready: now + r.opt.BuildTime(images, size), matched: r.never(),
	}
	e.expire = r.m.policy.expiry(now, e.matched)
	r.entries = append(r.entries, e)
	r.version++
	r.evict()
}

// evict drops the least recently used automatic caches above the quota (by last
// match, else creation).
func (r *replay) evict() {
	var automatic []*entry
	for _, e := range r.entries {
		if e.cache.Automatic {
			automatic = append(automatic, e)
		}
	}
	over := len(automatic) - r.m.policy.AutomaticQuota
	if over <= 0 {
		return
	}
	slices.SortStableFunc(automatic, func(x, y *entry) int { return cmp.Compare(r.used(x), r.used(y)) })
	drop := automatic[:over]
	r.entries = slices.DeleteFunc(r.entries, func(e *entry) bool { return slices.Contains(drop, e) })
	r.version++
}

func (r *replay) used(e *entry) time.Duration {
	return max(e.matched, r.created(e))
}

func (r *replay) count(app int, c *Cache) {
	o := &r.outcomes[app]
	o.Starts++
	f := Found{}
	if c != nil {
		f = Found{Images: c.Images, SizeGiB: c.SizeGiB, Automatic: c.Automatic}
		if !c.Automatic {
			f.CacheID = c.ID
		}
	}
	for i := range o.Found {
		if o.Found[i].same(&f) {
			o.Found[i].Starts++
			return
		}
	}
	f.Starts = 1
	if c == nil {
		o.Found = slices.Insert(o.Found, 0, f)
		return
	}
	o.Found = append(o.Found, f)
}

func (f *Found) same(g *Found) bool {
	return f.CacheID == g.CacheID && f.Automatic == g.Automatic && f.SizeGiB == g.SizeGiB &&
		(f.Images == nil) == (g.Images == nil) && slices.Equal(f.Images, g.Images)
}

func (r *replay) created(e *entry) time.Duration { return e.cache.CreationTime.Sub(r.m.at) }
