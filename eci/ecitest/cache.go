package ecitest

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// cache is an image cache.
type cache struct {
	id, name, region, resourceGroup string
	images                          []string
	// held are the positions of what the images meant when they were pulled.
	held        []int
	sizeGiB     int
	automatic   bool
	flash       bool
	retention   int // days, 0 for ever
	elimination string
	tags        tags
	platform    string
	sequence    int
	// seen is from when on it is in lists and can be deleted (FaultUnlisted).
	created, seen time.Time
	matched       time.Time
	build         *build
	// next is a running update, failed says that the last one failed.
	next   *update
	failed bool
	// gone caches are in no list any more.
	gone   bool
	events []event
	policy *matcher.Policy

	// standardCopies and flashCopies are as they were last asked for, 0 if never.
	standardCopies, flashCopies int
}

// build is the making of a snapshot.
type build struct {
	begun time.Time
	// creating is when the helper instance runs, pulled when it has pulled all.
	creating, pulled time.Time
	// usable is when the cache is Ready, done when the regular snapshot is: later
	// than usable with Flash (eci §1.7).
	usable, done time.Time
	// failure says why it fails, at usable.
	failure string
	// stuck builds never end.
	stuck  bool
	helper string
	// snapshot is the regular one's ID, local that of Flash.
	snapshot, local string
}

// update is what a cache becomes when an update succeeds.
type update struct {
	build   *build
	changed cache
}

const day = 24 * time.Hour

// keptFailed is how long a failed cache is kept (eci §1.3).
const keptFailed = day

// over says that the helper is released: all is done or nothing more will be.
func (b *build) over(now time.Time) bool {
	end := b.done
	if b.failure != "" {
		end = b.usable
	}
	return !b.stuck && !now.Before(end)
}

// fails says whether the build has failed by now.
func (b *build) fails(now time.Time) bool {
	return b.failure != "" && !b.stuck && !now.Before(b.usable)
}

// status is Preparing, Creating, Ready, Failed, Updating or UpdateFailed (eci §1.3).
func (c *cache) status(now time.Time) string {
	b := c.build
	switch {
	case c.next != nil:
		return matcher.StatusUpdating
	case c.failed:
		return matcher.StatusUpdateFailed
	case now.Before(b.creating):
		return matcher.StatusPreparing
	case b.fails(now):
		return matcher.StatusFailed
	case b.stuck || now.Before(b.usable):
		return matcher.StatusCreating
	}
	return matcher.StatusReady
}

// progress is that of the regular snapshot (eci §1.3), in steps of 5 %.
func (c *cache) progress(now time.Time) string {
	b := c.build
	if c.next != nil {
		b = c.next.build
	}
	if b.stuck {
		return "0%"
	}
	if b.failure != "" && now.After(b.usable) {
		now = b.usable
	}
	total, gone := b.done.Sub(b.creating), now.Sub(b.creating)
	if gone >= total {
		return "100%"
	}
	return fmt.Sprintf("%d%%", max(0, int(20*gone/total))*5)
}

// expires is when the cache is deleted by itself, zero for never.
func (c *cache) expires(now time.Time) time.Time {
	var at time.Time
	switch {
	case c.automatic:
		at = expiry(c.policy, c.created, c.matched)
	case c.retention > 0:
		at = c.created.Add(time.Duration(c.retention) * day)
	}
	if c.build.fails(now) {
		if end := c.build.usable.Add(keptFailed); at.IsZero() || end.Before(at) {
			at = end
		}
	}
	return at
}

// expiry is when an automatic cache is deleted (eci §1.2): 7 days after its
// creation if it never matched, else 30 after it last did; older pages say 3.
func expiry(policy *matcher.Policy, created, matched time.Time) time.Time {
	switch used := matched.After(created); {
	case policy.Retention == "older" && used:
		return matched.Add(3 * day)
	case policy.Retention == "older":
		return created.Add(3 * day)
	case used:
		return matched.Add(30 * day)
	}
	return created.Add(7 * day)
}

// settle ends an update that is due, and says whether the cache is gone by now.
func (c *cache) settle(now time.Time, next func(time.Time)) (gone bool) {
	if c.gone {
		return true
	}
	if u := c.next; u != nil && !u.build.stuck {
		if now.Before(u.build.usable) {
			next(u.build.usable)
		} else {
			c.updated(u)
		}
	}
	if c.build.failure != "" {
		next(c.build.usable)
	}
	at := c.expires(now)
	if !at.IsZero() && !now.Before(at) {
		c.gone = true
		return true
	}
	next(at)
	return false
}

// updated ends an update. One that fails leaves the cache as it was, to be updated
// again (eci §1.3).
func (c *cache) updated(u *update) {
	c.next, c.failed = nil, u.build.failure != ""
	if c.failed {
		return
	}
	n := &u.changed
	c.build = u.build
	c.name, c.images, c.held, c.sizeGiB, c.flash = n.name, n.images, n.held, n.sizeGiB, n.flash
	c.standardCopies, c.flashCopies = n.standardCopies, n.flashCopies
	c.retention, c.elimination, c.tags, c.resourceGroup = n.retention, n.elimination, n.tags, n.resourceGroup
}

// at is the cache as matching sees it.
func (c *cache) at(now time.Time, im *images) matcher.Cache {
	m := matcher.Cache{
		ID: c.id, Name: c.name, Images: c.images, SizeGiB: float64(c.sizeGiB), Status: c.status(now), CreationTime: c.created,
		LastMatchedTime: c.matched, ExpireTime: c.expires(now), Region: c.region, Automatic: c.automatic,
		EliminationStrategy: c.elimination, Flash: c.flash,
	}
	parts := strings.Split(c.platform, "/")
	m.OSType, m.Architecture = parts[0], parts[1]
	for i, at := range c.held {
		m.Contents = append(m.Contents, matcher.Content{Reference: c.images[i], Digest: im.digest(at)})
	}
	return m
}

// snapshots are the IDs of the regular and the local snapshot, as far as there are
// any: the local one is deleted when the regular one is done (eci §1.7).
func (b *build) snapshots(now time.Time) (regular, local string) {
	switch {
	case b.stuck || b.failure != "" || now.Before(b.usable):
		return "", ""
	case now.Before(b.done):
		return "", b.local
	}
	return b.snapshot, ""
}

// described is the cache as DescribeImageCaches shows it (eci §2.5).
func (c *cache) described(now time.Time, events []object) object {
	regular, local := c.build.snapshots(now)
	return object{
		"ImageCacheId": c.id, "ImageCacheName": c.name, "ImageCacheSize": c.sizeGiB, "Images": c.images, "Status": c.status(now),
		"Progress": c.progress(now), "SnapshotId": regular, "FlashSnapshotId": local, "ContainerGroupId": c.build.helper,
		"CreationTime": shown(c.created), "ExpireDateTime": shown(c.expires(now)), "LastMatchedTime": shown(c.matched),
		"RegionId": c.region, "ResourceGroupId": c.resourceGroup, "EliminationStrategy": c.elimination, "Tags": c.tags.objects(), "Events": events,
	}
}
