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

// Replay plays events, which are in order of time, against caches as ECI would
// and returns what each app's starts found, and the picks asked for.
//
// A miss starts one automatic cache for the app's images, however many starts
// miss while it is made (not documented). Automatic caches live as the
// retention policy says and are evicted least recently used first at the quota
// (eci §1.2, §6 #15). A release makes the app's first image stale in every
// cache, also in those being made; what a stale image still shares by layer is
// not credited.
func (m *Matcher) Replay(ctx context.Context, apps []workload.App, caches []Cache, events []workload.Event, opt ReplayOptions) ([]Outcome, []Pick, error) {
	r := newReplay(m, apps, caches, opt)
	var picks []Pick
	for i, e := range events {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, nil, fmt.Errorf("replay starts: %w", ctx.Err())
		}
		r.advance(e.At)
		if e.Release {
			r.release(&apps[e.App], e.At)
			continue
		}
		c, full := r.start(e)
		if e.At >= opt.From {
			r.count(e.App, c, full)
		}
		if e.At >= opt.PicksFrom && e.At < opt.PicksTo {
			picks = append(picks, Pick{e, c})
		}
	}
	return r.outcomes, picks, nil
}

// replay is the state of the caches at one instant.
type replay struct {
	m        *Matcher
	opt      ReplayOptions
	apps     []workload.App
	entries  []*entry
	made     int
	memo     []memo
	outcomes []Outcome
	// concerned lists the apps that use a repository: a cache that holds nothing
	// of an app's repositories cannot change its pick.
	concerned map[string][]int
	// due is when the next cache becomes ready, fresh again or expires, at the
	// earliest.
	due time.Duration
}

// memo keeps an app's pick while no cache that concerns it changes.
type memo struct {
	valid  bool
	picked *entry
	full   bool
	// fresh is the picked cache without its stale images.
	fresh *Cache
}

// entry is a cache in time; times are since the start of the month.
type entry struct {
	cache   Cache
	created time.Duration
	ready   time.Duration
	matched time.Duration
	expire  time.Duration
	// stale holds released images with the time until which they are missing.
	stale  map[string]time.Duration
	usable bool
	// given caches exist when the month begins, with what they hold then:
	// releases before it are behind them.
	given bool
	// apps are the apps that the cache concerns.
	apps []int
}

const forever = time.Duration(1<<63 - 1)

func newReplay(m *Matcher, apps []workload.App, caches []Cache, opt ReplayOptions) *replay {
	r := &replay{
		m: m, opt: opt, apps: apps, memo: make([]memo, len(apps)), outcomes: make([]Outcome, len(apps)),
		concerned: make(map[string][]int), due: -forever,
	}
	for i := range apps {
		r.outcomes[i].App = apps[i].Name
		for _, ref := range apps[i].AllImages() {
			repository := m.name(ref).RepositoryName()
			r.concerned[repository] = append(r.concerned[repository], i)
		}
	}
	for i := range caches {
		r.add(r.given(&caches[i]))
	}
	return r
}

func (r *replay) add(e *entry) {
	e.apps = r.concern(e.cache.Images)
	r.entries = append(r.entries, e)
	r.due = min(r.due, e.ready, e.expire)
}

// concern returns the apps whose pick a cache of these images can change. Where
// any shared layer counts, that is every app.
func (r *replay) concern(images []string) []int {
	var apps []int
	if r.m.byLayers() {
		for i := range r.apps {
			apps = append(apps, i)
		}
		return apps
	}
	for _, ref := range images {
		apps = append(apps, r.concerned[r.m.name(ref).RepositoryName()]...)
	}
	slices.Sort(apps)
	return slices.Compact(apps)
}

// changed forgets the picks that a cache's change may change.
func (r *replay) changed(e *entry) {
	for _, app := range e.apps {
		r.memo[app].valid = false
	}
}

// given is a cache that exists when the month begins. It was of use from its
// creation on; one created just then, as a plan's are, is taken to have been
// there before, so that what it does is seen in the long run.
func (r *replay) given(c *Cache) *entry {
	e := &entry{cache: *c, given: true, created: r.since(c.CreationTime), matched: -forever, expire: forever}
	e.ready = e.created
	if e.created >= 0 {
		e.ready = -forever
	}
	if !c.LastMatchedTime.IsZero() {
		e.matched = r.since(c.LastMatchedTime)
	}
	switch {
	case !c.ExpireTime.IsZero():
		e.expire = r.since(c.ExpireTime)
	case c.Automatic:
		e.expire = r.m.policy.expiry(e.created, e.matched)
	}
	return e
}

// since is a time since the month's beginning.
func (r *replay) since(t time.Time) time.Duration { return t.Sub(r.m.at) }

// advance lets caches become ready, get fresh again and expire up to now.
func (r *replay) advance(now time.Duration) {
	if now < r.due {
		return
	}
	r.due = forever
	r.entries = slices.DeleteFunc(r.entries, func(e *entry) bool {
		if e.expire <= now {
			r.changed(e)
			return true
		}
		r.refresh(e, now)
		r.due = min(r.due, e.expire)
		return false
	})
}

func (r *replay) refresh(e *entry, now time.Duration) {
	switch {
	case e.usable:
	case e.ready <= now:
		e.usable = true
		r.changed(e)
	default:
		r.due = min(r.due, e.ready)
	}
	for ref, until := range e.stale {
		if until > now {
			r.due = min(r.due, until)
			continue
		}
		delete(e.stale, ref)
		r.changed(e)
	}
}

// release makes the app's first image stale wherever it is held.
func (r *replay) release(app *workload.App, now time.Duration) {
	ref := app.Images[0]
	for _, e := range r.entries {
		if !slices.Contains(e.cache.Images, ref) || e.given && now < r.opt.From {
			continue
		}
		until := forever
		if r.opt.Rebuild != nil && r.opt.Rebuild(e.cache.ID) {
			until = now + r.opt.BuildTime(e.cache.Images, e.cache.SizeGiB)
		}
		if e.stale == nil {
			e.stale = make(map[string]time.Duration)
		}
		e.stale[ref] = until
		r.due = min(r.due, until)
		r.changed(e)
	}
}

// start picks a cache for one start, touches it and makes an automatic one
// where the start was not fully served.
func (r *replay) start(ev workload.Event) (found *Cache, full bool) {
	p := r.pick(ev.App)
	if p.picked != nil {
		p.picked.matched = max(p.picked.matched, ev.At)
		if p.picked.cache.Automatic && (!p.picked.given || p.picked.cache.ExpireTime.IsZero()) {
			p.picked.expire = r.m.policy.expiry(p.picked.created, p.picked.matched)
		}
	}
	if !p.full && r.opt.Automatic && (p.picked == nil || r.m.policy.CreateOnPartial) {
		r.make(&r.apps[ev.App], ev.At)
	}
	return p.fresh, p.full
}

func (r *replay) pick(app int) memo {
	known := &r.memo[app]
	if known.valid {
		return *known
	}
	g := GroupOf(&r.apps[app])
	var entries []*entry
	var caches []Cache
	for _, e := range r.entries {
		if _, concerned := slices.BinarySearch(e.apps, app); concerned && e.usable {
			entries = append(entries, e)
			caches = append(caches, e.fresh())
		}
	}
	*known = memo{valid: true}
	if ranked := r.m.Rank(g, caches); len(ranked) > 0 && ranked[0].Qualified {
		i := slices.IndexFunc(caches, func(c Cache) bool { return c.ID == ranked[0].CacheID })
		known.full = ranked[0].FullImages == len(g.all())
		known.picked, known.fresh = entries[i], &caches[i]
	}
	return *known
}

// fresh is the cache without its stale images. The Matcher's own time is the
// month's start, so an expiry, which the replay handles, is not shown to it.
func (e *entry) fresh() Cache {
	c := e.cache
	c.ExpireTime = time.Time{}
	if len(e.stale) > 0 {
		c.Images = slices.DeleteFunc(slices.Clone(c.Images), func(ref string) bool {
			_, stale := e.stale[ref]
			return stale
		})
	}
	return c
}

// make starts an automatic cache unless one of the same images is being made.
func (r *replay) make(app *workload.App, now time.Duration) {
	images := app.AllImages()
	size := AutomaticCacheGiB + app.ExtraStorageGiB
	for _, e := range r.entries {
		if e.cache.Automatic && !e.usable && e.cache.SizeGiB == size && slices.Equal(e.cache.Images, images) && len(e.stale) == 0 {
			return
		}
	}
	e := &entry{
		cache: Cache{
			ID: r.newID(), Name: "auto-create-for-" + app.Name, Images: images,
			SizeGiB: size, Status: StatusReady, CreationTime: r.m.at.Add(now), Automatic: true,
		},
		created: now, ready: now + r.opt.BuildTime(images, size), matched: -forever,
	}
	e.expire = r.m.policy.expiry(now, e.matched)
	r.add(e)
	r.evict()
}

// newID numbers the automatic caches, past names that are taken.
func (r *replay) newID() string {
	for {
		r.made++
		id := fmt.Sprintf("automatic-%d", r.made)
		if !slices.ContainsFunc(r.entries, func(e *entry) bool { return e.cache.ID == id }) {
			return id
		}
	}
}

// evict drops the least recently used automatic caches above the quota (by last
// match, else creation; of equals the one made first).
func (r *replay) evict() {
	for {
		automatic, oldest := 0, -1
		for i, e := range r.entries {
			if !e.cache.Automatic {
				continue
			}
			automatic++
			if oldest < 0 || e.used() < r.entries[oldest].used() {
				oldest = i
			}
		}
		if automatic <= r.m.policy.AutomaticQuota {
			return
		}
		r.changed(r.entries[oldest])
		r.entries = slices.Delete(r.entries, oldest, oldest+1)
	}
}

func (e *entry) used() time.Duration { return max(e.matched, e.created) }

func (r *replay) count(app int, c *Cache, full bool) {
	o := &r.outcomes[app]
	o.Starts++
	f := Found{}
	if c != nil {
		f = Found{Images: c.Images, SizeGiB: c.SizeGiB, Automatic: c.Automatic, Full: full}
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
