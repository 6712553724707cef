package matcher

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// naive is a Store that keeps a list and works everything out at every event, in
// the plainest way.
type naive struct {
	m      *Matcher
	now    time.Duration
	caches []*naiveCache
	made   int
	tally  Tally
	// namedOnly is the cache that matching passes over.
	namedOnly string
}

// naiveCache has its times since the Matcher's own; a time that never comes is
// far away.
type naiveCache struct {
	Cache
	given, fails            bool
	created, ready, matched time.Duration
	expire                  time.Duration
	next                    []string
	older, nextOlder        map[string]bool
	renewed                 map[string]time.Duration
}

const naiveBuild = 2 * time.Hour

func (n *naive) give(c Cache) {
	x := &naiveCache{Cache: c, given: true, created: c.CreationTime.Sub(now), matched: -forever, expire: forever, older: map[string]bool{}, renewed: map[string]time.Duration{}}
	if !c.LastMatchedTime.IsZero() {
		x.matched = c.LastMatchedTime.Sub(now)
	}
	switch {
	case !c.ExpireTime.IsZero():
		x.expire = c.ExpireTime.Sub(now)
	case c.Status == StatusFailed:
		x.expire = x.created + 24*time.Hour
	case c.Automatic:
		x.expire = n.m.policy.expiry(x.created, x.matched)
	}
	switch c.Status {
	case StatusCreating, StatusPreparing:
		x.ready = max(0, x.created+naiveBuild)
	case StatusUpdating:
		x.ready, x.next, x.nextOlder = naiveBuild, c.Images, map[string]bool{}
	case StatusReady:
		if x.created < 0 {
			x.Status, x.ready = StatusCreating, x.created
		}
	}
	n.caches = append(n.caches, x)
}

// pass lets time pass from one time to the next at which anything is due.
func (n *naive) pass(at time.Duration) {
	for n.now < at {
		next := at
		for _, c := range n.caches {
			due := []time.Duration{c.expire}
			if building(c.Status) {
				due = append(due, c.ready)
			}
			for _, until := range c.renewed {
				due = append(due, until)
			}
			for _, t := range due {
				if t > n.now && t < next {
					next = t
				}
			}
		}
		n.step(next)
	}
	n.step(at)
}

func (n *naive) step(at time.Duration) {
	n.now = at
	var left []*naiveCache
	for _, c := range n.caches {
		if c.expire <= at {
			n.tally.Expired++
			continue
		}
		if building(c.Status) && c.ready <= at {
			n.finish(c, at)
		}
		for ref, until := range c.renewed {
			if until <= at {
				delete(c.older, ref)
				delete(c.renewed, ref)
			}
		}
		left = append(left, c)
	}
	n.caches = left
}

func building(status string) bool {
	return status == StatusCreating || status == StatusPreparing || status == StatusUpdating
}

func (n *naive) finish(c *naiveCache, at time.Duration) {
	switch {
	case c.Status == StatusUpdating && c.fails:
		c.Status = StatusUpdateFailed
	case c.Status == StatusUpdating:
		c.Status, c.Images, c.older, c.Contents = StatusReady, c.next, c.nextOlder, nil
		c.renewed = map[string]time.Duration{}
	case c.fails:
		c.Status, c.expire = StatusFailed, min(c.expire, at+24*time.Hour)
		n.tally.Failed++
	default:
		c.Status = StatusReady
	}
	c.fails, c.next = false, nil
}

func latest(ref string) bool { return strings.HasSuffix(ref, ":latest") }

// presented is a cache as Rank sees it: what a release left behind is another tag,
// or has another digest.
func (c *naiveCache) presented() Cache {
	p := c.Cache
	p.Images, p.Contents, p.ExpireTime = nil, nil, time.Time{}
	for _, ref := range c.Images {
		switch {
		case c.older[ref] && latest(ref):
			p.Contents = append(p.Contents, Content{ref, "sha256:" + strings.Repeat("e", 64)})
		case c.older[ref]:
			ref = ref[:strings.LastIndexByte(ref, ':')] + ":older"
		}
		p.Images = append(p.Images, ref)
	}
	return p
}

// start returns the ID picked, the hit, the ID made, and whether the start fails.
func (n *naive) start(g Group) (picked string, hit Hit, made string, fails bool) {
	var list []Cache
	for _, c := range n.caches {
		if c.ID != n.namedOnly || g.CacheID == c.ID {
			list = append(list, c.presented())
		}
	}
	match := n.m.Match(g, list)
	if match.CacheID != "" {
		c := n.byID(match.CacheID)
		if n.now > c.matched {
			c.matched = n.now
			if until := n.m.policy.expiry(c.created, c.matched); c.Automatic && until > c.expire {
				c.expire = until
			}
		}
	}
	if match.CreatesAutomatic {
		made = n.make(g)
	}
	return match.CacheID, match.Hit, made, match.Fails != ""
}

func (n *naive) make(g Group) string {
	images, size := slices.Concat(g.InitImages, g.Images), 30+g.ExtraStorageGiB
	for _, c := range n.caches {
		underway := c.Automatic && (c.Status == StatusCreating || c.Status == StatusPreparing) && !(c.given && c.ready < 0)
		if underway && slices.Equal(c.Images, images) && c.SizeGiB == size && len(c.older) == 0 && !n.m.policy.RepeatAutomatic {
			return ""
		}
	}
	c := &naiveCache{
		Cache:   Cache{ID: n.id("automatic"), Name: "auto-create-for-" + g.Name, Images: images, SizeGiB: size, Automatic: true, Status: StatusCreating, CreationTime: now.Add(n.now)},
		created: n.now, matched: -forever, ready: n.now, older: map[string]bool{}, renewed: map[string]time.Duration{},
	}
	if n.m.policy.AutomaticReady == "built" {
		c.ready += naiveBuild
	}
	c.expire = n.m.policy.expiry(n.now, -forever)
	n.caches = append(n.caches, c)
	n.tally.Created++
	for n.count(true) > n.m.policy.AutomaticQuota {
		n.evict(func(c *naiveCache) bool { return c.Automatic })
	}
	return c.ID
}

func (n *naive) id(prefix string) string {
	for {
		n.made++
		if id := fmt.Sprintf("%s-%d", prefix, n.made); n.byID(id) == nil {
			return id
		}
	}
}

func (n *naive) count(automatic bool) int {
	all := 0
	for _, c := range n.caches {
		if c.Automatic == automatic {
			all++
		}
	}
	return all
}

func (n *naive) evict(which func(*naiveCache) bool) bool {
	least := -1
	used := func(c *naiveCache) time.Duration {
		if n.m.policy.Eviction == "creation" {
			return c.created
		}
		return max(c.created, c.matched)
	}
	for i, c := range n.caches {
		if which(c) && (least < 0 || used(c) < used(n.caches[least])) {
			least = i
		}
	}
	if least < 0 {
		return false
	}
	n.caches = slices.Delete(n.caches, least, least+1)
	n.tally.Evicted++
	return true
}

func (n *naive) byID(id string) *naiveCache {
	for _, c := range n.caches {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (n *naive) create(r CacheRequest) (string, error) {
	marked := func(c *naiveCache) bool { return !c.Automatic && c.EliminationStrategy == "LRU" }
	kept := 0
	for _, c := range n.caches {
		if !c.Automatic && !marked(c) {
			kept++
		}
	}
	if kept >= n.m.policy.ManualQuota {
		return "", ErrQuota
	}
	id := n.id("manual")
	for n.count(false) >= n.m.policy.ManualQuota {
		n.evict(marked)
	}
	c := &naiveCache{
		Cache:   Cache{ID: id, Images: r.Images, SizeGiB: max(20, r.SizeGiB), EliminationStrategy: r.EliminationStrategy, Status: StatusCreating, CreationTime: now.Add(n.now)},
		created: n.now, matched: -forever, ready: n.now + naiveBuild, expire: forever, older: map[string]bool{}, renewed: map[string]time.Duration{},
	}
	c.fails = n.huge(r.Images)
	if r.RetentionDays > 0 {
		c.expire = n.now + time.Duration(r.RetentionDays)*24*time.Hour
	}
	n.caches = append(n.caches, c)
	n.tally.Created++
	return id, nil
}

// huge: only one image of the small world is larger than a cache.
func (n *naive) huge(images []string) bool { return slices.Contains(images, "r.example/huge:1") }

func (n *naive) update(id string, images []string) error {
	c := n.byID(id)
	switch {
	case c == nil:
		return ErrNoCache
	case c.Status != StatusReady && c.Status != StatusUpdateFailed:
		return ErrStatus
	case c.Status == StatusReady && slices.Equal(images, c.Images) && len(c.older) == 0:
		return ErrNoUpdate
	}
	c.Status, c.next, c.nextOlder, c.ready, c.fails = StatusUpdating, images, map[string]bool{}, n.now+naiveBuild, n.huge(images)
	return nil
}

func (n *naive) release(ref string) []string {
	var ids []string
	for _, c := range n.caches {
		if c.given && n.now < 0 {
			continue
		}
		if slices.Contains(c.next, ref) {
			c.nextOlder[ref] = true
		}
		if slices.Contains(c.Images, ref) {
			c.older[ref] = true
			delete(c.renewed, ref)
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (n *naive) renew(id string) {
	c := n.byID(id)
	for ref := range c.older {
		if _, under := c.renewed[ref]; !under {
			c.renewed[ref] = n.now + naiveBuild
		}
	}
}

// state is what both stores must agree on.
func (n *naive) state() []string {
	var lines []string
	for _, c := range n.caches {
		status := c.Status
		if status == StatusCreating && n.now < c.created+108*time.Second {
			status = StatusPreparing
		}
		older := make([]string, 0, len(c.older))
		for _, ref := range c.Images {
			if c.older[ref] && ref != unknownImage {
				older = append(older, ref)
			}
		}
		lines = append(lines, fmt.Sprint(c.ID, " ", status, " of ", c.Images, " older ", older, ", used ", c.matched, ", until ", c.expire))
	}
	return lines
}
