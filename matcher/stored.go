package matcher

import (
	"slices"
	"time"
)

// stored is a cache in time; times are since the Matcher's own.
type stored struct {
	cache Cache
	// used is its place in the order of use; evictable is that among the manual
	// caches marked LRU, nil for others.
	used      usageLink
	evictable *usageLink
	// sequence orders caches by when the Store got them.
	sequence int
	// given caches exist when the Store begins, with what they hold at time 0:
	// releases before it are behind them.
	given, gone bool
	// namedOnly caches are passed over by matching.
	namedOnly bool
	status    string
	// ready is when the build that is going on ends; fails says how.
	ready time.Duration
	fails bool
	// matched is negative forever when it never was; expire is when it is deleted.
	created, matched, expire time.Duration
	// states are those of its images, in order.
	states []imageState
	// next is what a running update will have put into it.
	next *update
	// making says of what it is an automatic cache.
	making makingKey
	// shape is where it stands while starts can use it, else -1.
	shape     int
	due       time.Duration
	heapIndex int
}

// imageState says what a release did to an image of a cache.
type imageState struct {
	staleness
	// fresh is when a renewal brings the new content, if one is renewing it.
	fresh    time.Duration
	renewing bool
}

// staleness is how a cache's image relates to what starts want now.
type staleness byte

const (
	// current: it is what starts want.
	current staleness = iota
	// superseded: starts want a newer tag of its repository.
	superseded
	// moved: starts want the same tag, which has a new content.
	moved
)

// update is a running UpdateImageCache.
type update struct {
	images []string
	states []imageState
}

// makingKey is what an automatic cache is of: its images and size.
type makingKey struct {
	images  string
	sizeGiB float64
}

const forever = time.Duration(1<<63 - 1)

// How long things last (eci §1.3, §1.12).
const (
	// keptFailed is how long a cache is kept that could not be built (eci §1.3).
	keptFailed = day
	// preparing is until when a cache that is being made is Preparing: "Creating
	// 0 %" was seen after 108 s (eci §1.12, S28). Nothing follows from it.
	preparing = 108 * time.Second
)

// given is a cache that exists when the Store begins.
func (s *Store) given(c *Cache) *stored {
	g := &stored{cache: *c, given: true, status: c.Status, ready: -forever, matched: -forever, expire: forever}
	g.namedOnly = s.opt.NamedOnly != nil && s.opt.NamedOnly(c.ID)
	if !c.CreationTime.IsZero() {
		// One of unknown age is as if made now, so that its retention begins now.
		g.created = c.CreationTime.Sub(s.m.at)
	}
	if !c.LastMatchedTime.IsZero() {
		g.matched = c.LastMatchedTime.Sub(s.m.at)
	}
	build := func() time.Duration { return s.opt.BuildTime(c.Images, c.SizeGiB) }
	switch c.Status {
	case StatusPreparing, StatusCreating:
		g.ready = max(0, g.created+build())
		if c.Automatic {
			g.making = makingKey{listKey(c.Images), c.SizeGiB}
		}
	case StatusUpdating:
		// When the update began is not known: as if just now.
		g.ready = build()
		g.next = &update{c.Images, make([]imageState, len(c.Images))}
	case StatusFailed:
		g.expire = g.created + keptFailed
	case StatusReady:
		// Its creation is before the month or it has always been there.
		if g.created < 0 {
			g.ready, g.status = g.created, StatusCreating
		}
	}
	switch {
	case !c.ExpireTime.IsZero():
		g.expire = c.ExpireTime.Sub(s.m.at)
	case c.Automatic && c.Status != StatusFailed:
		g.expire = s.m.policy.expiry(g.created, g.matched)
	}
	return g
}

// building says whether a build or an update is going on.
func (c *stored) building() bool {
	return c.status == StatusCreating || c.status == StatusPreparing || c.status == StatusUpdating
}

// nextDue is when something next happens to the cache by itself.
func (c *stored) nextDue() time.Duration {
	due := c.expire
	if c.building() {
		due = min(due, c.ready)
	}
	for _, state := range c.states {
		if state.renewing {
			due = min(due, state.fresh)
		}
	}
	return due
}

// settle does what is due for a cache now. What ends its retention now is gone,
// whatever else is due.
func (s *Store) settle(c *stored) {
	if c.expire <= s.now {
		s.remove(c)
		s.tally.Expired++
		return
	}
	changed := false
	if c.building() && c.ready <= s.now {
		s.built(c)
		changed = true
	}
	for i := range c.states {
		if state := &c.states[i]; state.renewing && state.fresh <= s.now {
			*state = imageState{}
			changed = true
		}
	}
	if changed {
		s.shelve(c)
	}
	s.schedule(c)
}

// schedule puts the cache where its next due time belongs.
func (s *Store) schedule(c *stored) {
	c.due = c.nextDue()
	s.due.fix(c)
}

// built ends a build or an update.
func (s *Store) built(c *stored) {
	if s.making[c.making] == c {
		delete(s.making, c.making)
	}
	switch {
	case c.status == StatusUpdating && c.fails:
		c.status = StatusUpdateFailed
	case c.status == StatusUpdating:
		c.status = StatusReady
		c.cache.Images, c.cache.Contents, c.states = c.next.images, nil, c.next.states
	case c.fails:
		c.status = StatusFailed
		c.expire = min(c.expire, s.now+keptFailed)
		s.tally.Failed++
	default:
		c.status = StatusReady
	}
	c.next, c.fails = nil, false
}

// serves says whether starts can use the cache: only when it is Ready, or while it
// is updated if the policy says so (eci §1.3, §6 #8).
func (s *Store) serves(c *stored) bool {
	return c.status == StatusReady || c.status == StatusUpdating && s.m.policy.States == statesUpdating
}

// shelve puts a cache where its shape belongs, or takes it away.
func (s *Store) shelve(c *stored) {
	if s.serves(c) {
		s.shapes.put(c)
	} else {
		s.shapes.take(c)
	}
}

// shown is the cache as DescribeImageCaches would tell it, with what is known of
// its contents: of an image that a release left behind, the digest is not.
func (s *Store) shown(c *stored) Cache {
	shown := c.cache
	shown.Images, shown.Contents = slices.Clone(c.cache.Images), nil
	shown.Status = c.status
	if c.status == StatusCreating && s.now < c.created+preparing {
		shown.Status = StatusPreparing
	}
	if c.matched > -forever {
		shown.LastMatchedTime = s.m.at.Add(c.matched)
	}
	shown.ExpireTime = time.Time{}
	if c.expire < forever {
		shown.ExpireTime = s.m.at.Add(c.expire)
	}
	for i, ref := range c.cache.Images {
		if c.states[i].staleness != current {
			continue
		}
		if digest := s.digest(&c.cache, ref); digest != "" {
			shown.Contents = append(shown.Contents, Content{ref, digest})
		}
	}
	return shown
}

// digest is what a cache's reference is known to have meant when it was built.
func (s *Store) digest(c *Cache, reference string) string {
	if digest := c.contentDigest(reference); digest != "" {
		return digest
	}
	if i := s.m.content(reference, "", c.CreationTime); i >= 0 {
		return string(s.m.inv.Images[i].Digest)
	}
	return ""
}
