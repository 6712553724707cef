package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
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

// compareMatches holds the service's choice against the matcher's, by names: what the
// images hold is not looked up.
func compareMatches(region string) func([]eci.ImageCache, []string, []string) []string {
	return func(all []eci.ImageCache, images, answer []string) []string {
		caches, _ := matcherCaches(all, region)
		// As of the service's clock, as far as it is seen: what it lists is not expired.
		var at time.Time
		for i := range caches {
			if caches[i].CreationTime.After(at) {
				at = caches[i].CreationTime
			}
		}
		asked := matcher.ServiceAnswer{App: images[0], Images: images, Region: region, CacheIDs: answer, None: len(answer) == 0}
		c := matcher.CompareService([]matcher.ServiceAnswer{asked}, caches, matcher.DefaultPolicy(), at, func(p matcher.Policy, at time.Time) *matcher.Matcher {
			return matcher.New(&layers.Inventory{}, layers.DefaultPlatform, at, p)
		})
		one := c.Compared[0]
		if one.Difference == "" {
			return nil
		}
		return []string{fmt.Sprintf("the service matches %s, our matching %s (%s, place %d)", orNone(one.ServiceID), orNone(one.OursID), one.Difference, one.Position)}
	}
}

func orNone(id string) string {
	if id == "" {
		return "no cache"
	}
	return id
}
