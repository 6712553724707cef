package main

import (
	"context"
	"sync"
	"time"
)

// waitClock is the clock of waits and limits: the real one, or one that waiting moves.
type waitClock struct {
	virtual bool
	mu      sync.Mutex
	at      time.Time
}

func (c *waitClock) now() time.Time {
	if !c.virtual {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *waitClock) sleep(ctx context.Context, d time.Duration) error {
	if c.virtual {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.at = c.at.Add(d)
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
