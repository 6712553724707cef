package matcher

import "time"

// usage is caches in order of their last use, the least recently used first (eci
// §1.3, §6 #15); where the policy goes by creation, in that order. Of equals the
// one that the Store got first comes first.
type usage struct {
	first, last *usageLink
	size        int
	byCreation  bool
}

// usageLink is a cache's place in a usage.
type usageLink struct {
	c             *stored
	before, after *usageLink
}

func (u *usage) insert(c *stored) {
	c.usageLink.c = c
	u.insertLink(&c.usageLink)
}

// insertLink looks for the place from the end, for what is used is mostly used
// last.
func (u *usage) insertLink(l *usageLink) {
	before := u.last
	for before != nil && u.less(l.c, before.c) {
		before = before.before
	}
	l.before = before
	if before == nil {
		l.after, u.first = u.first, l
	} else {
		l.after, before.after = before.after, l
	}
	if l.after == nil {
		u.last = l
	} else {
		l.after.before = l
	}
	u.size++
}

func (u *usage) remove(c *stored) { u.removeLink(&c.usageLink) }

func (u *usage) removeLink(l *usageLink) {
	if l.before == nil {
		u.first = l.after
	} else {
		l.before.after = l.after
	}
	if l.after == nil {
		u.last = l.before
	} else {
		l.after.before = l.before
	}
	l.before, l.after = nil, nil
	u.size--
}

// moved puts a cache that was used where it belongs now.
func (u *usage) moved(l *usageLink) {
	if u.byCreation || l.after == nil {
		return
	}
	u.removeLink(l)
	u.insertLink(l)
}

func (u *usage) less(x, y *stored) bool {
	if a, b := u.key(x), u.key(y); a != b {
		return a < b
	}
	return x.sequence < y.sequence
}

func (u *usage) key(c *stored) time.Duration {
	if u.byCreation {
		return c.created
	}
	return max(c.matched, c.created)
}
