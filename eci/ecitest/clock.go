package ecitest

import (
	"sync"
	"time"
)

// A Clock is the server's time. What a server shows depends on nothing else: it
// sleeps nowhere and has no goroutine of its own.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// Request lets the time of one more request pass; a server calls it once for
	// each, before it looks at the time.
	Request()
}

// FakeClock is a clock that stands still but for what each request takes and what
// a test lets pass. With a step, whoever polls drives it, also from another
// process. It is safe for concurrent use.
type FakeClock struct {
	mu   sync.Mutex
	now  time.Time
	step time.Duration
}

// NewFakeClock is a clock that begins at start and advances by step, which may be
// 0, with each request.
func NewFakeClock(start time.Time, step time.Duration) *FakeClock {
	return &FakeClock{now: start, step: step}
}

// Now is the present time.
func (c *FakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Request advances the clock by its step.
func (c *FakeClock) Request() { c.Advance(c.step) }

// Advance lets time pass.
func (c *FakeClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// RealClock is the time of this machine.
type RealClock struct{}

// Now is the present time.
func (RealClock) Now() time.Time { return time.Now() }

// Request does nothing: time passes by itself.
func (RealClock) Request() {}

var (
	_ Clock = (*FakeClock)(nil)
	_ Clock = RealClock{}
)

// shown is a time as the service writes it: RFC 3339 in UTC, to the second (eci
// §2.5); the zero time is empty.
func shown(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
