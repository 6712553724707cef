package ecigroup

import (
	"github.com/cachebench/cachebench/eci"
)

// helperOf is the group that makes a cache that was asked for. With Flash it may go on
// when the cache can be used already (eci §1.7).
func helperOf(cache *eci.ImageCache) string {
	if _, automatic := cache.Automatic(); automatic {
		return "" // it has none of its own
	}
	if done, known := cache.ProgressFraction(); known && done == 1 && cache.Status.Usable() {
		return ""
	}
	return cache.ContainerGroupID
}

// noteHelper notes the group that makes a cache before the cache is deleted: once it is, no
// list tells of that group. Where the note cannot be written the cache goes nevertheless,
// for it costs more.
func (c *custody) noteHelper(r *resource) {
	if r.Helper == "" || c.journal.tells(r) {
		return
	}
	if err := c.note(wroteMade, *r); err != nil {
		c.log("that group %s makes cache %s is not noted: %v", r.Helper, r.ID, err)
		c.journal.remember(*r)
	}
}

// wasDeleted notes that something was deleted, although what goes with it may not be yet.
func (c *custody) wasDeleted(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deleted[id] = true
}

// tookAway says, once, that something was deleted here: lists may have it for a while.
func (c *custody) tookAway(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.deleted[id]
	delete(c.deleted, id)
	return was
}
