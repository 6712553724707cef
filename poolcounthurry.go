package cachebench

import "time"

// leastCounted is how many starts warm up the nodes of a pool, and how many are then counted,
// when the time is up: the work of about a second, which a choice of images needs.
const leastCounted = 100_000

// countHurry is how a count of pulls ends where there is no time for a month.
type countHurry struct {
	// ended says that the time is up; nil is never. It is asked now and then.
	ended func() bool
	// least are the starts to warm up by and those to count at least.
	least         int
	seen, counted int
	now           bool
}

// counting says whether a start is counted: from the beginning of the month on, or, when the
// time is up before that, once enough starts have warmed up the nodes.
func (c *pullCounter) counting(at time.Duration) bool {
	h := &c.hurry
	h.seen++
	if h.ended != nil && !h.now && h.seen%256 == 0 {
		h.now = h.ended()
	}
	if h.now && at < c.from && h.seen > h.least {
		c.from = at
	}
	if at < c.from {
		return false
	}
	h.counted++
	return true
}

// enough says that the time is up, and as many are counted as have to be.
func (c *pullCounter) enough() bool {
	return c != nil && c.hurry.now && c.hurry.counted >= c.hurry.least
}

// birth is when the life of a node began that it has at a time. Placement knows those of the
// month; the nodes before it follow each other alike.
func (c *pullCounter) birth(node int, at time.Duration) time.Duration {
	born := c.place.birth(node)
	if life := c.place.step * time.Duration(len(c.place.nodes)); life > 0 && born > at {
		born -= (born - at + life - 1) / life * life
	}
	return born
}
