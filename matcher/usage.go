package matcher

import (
	"container/heap"
	"time"
)

// usage is a heap of caches, the least recently used one on top (eci §1.3, §6
// #15); where the policy goes by creation, the one created first. Of equals the
// one that the Store got first is on top.
type usage struct {
	links      []*usageLink
	byCreation bool
}

// usageLink is a cache's place in a usage.
type usageLink struct {
	c     *stored
	index int
}

func (u *usage) insert(l *usageLink) { heap.Push(u, l) }
func (u *usage) remove(l *usageLink) { heap.Remove(u, l.index) }

// first is the one to evict.
func (u *usage) first() *stored { return u.links[0].c }

// moved puts a cache that was used where it belongs now.
func (u *usage) moved(l *usageLink) {
	if !u.byCreation {
		heap.Fix(u, l.index)
	}
}

// Len and the following are heap.Interface's.
func (u *usage) Len() int { return len(u.links) }

func (u *usage) Less(i, j int) bool {
	x, y := u.links[i].c, u.links[j].c
	if a, b := u.key(x), u.key(y); a != b {
		return a < b
	}
	return x.sequence < y.sequence
}

func (u *usage) Swap(i, j int) {
	u.links[i], u.links[j] = u.links[j], u.links[i]
	u.links[i].index, u.links[j].index = i, j
}

func (u *usage) Push(x any) {
	l := x.(*usageLink)
	l.index = len(u.links)
	u.links = append(u.links, l)
}

func (u *usage) Pop() any {
	last := len(u.links) - 1
	l := u.links[last]
	u.links[last] = nil
	u.links = u.links[:last]
	return l
}

func (u *usage) key(c *stored) time.Duration {
	if u.byCreation {
		return c.created
	}
	return max(c.matched, c.created)
}
