package main

import (
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestExpiresAfter: an expiry agrees with days from the creation, the last build or the
// update that set it, whichever the service counts from: one that never agreed would be
// paid for with every apply.
func TestExpiresAfter(t *testing.T) {
	created := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	built, noted := created.AddDate(0, 0, 10), created.AddDate(0, 0, 20)
	cache := func(expires time.Time) *eci.ImageCache {
		return &eci.ImageCache{
			Status: eci.CacheReady, CreatedAt: created, ExpiresAt: expires, Events: []eci.Event{{LastAt: built}},
			Tags: []eci.Tag{{Key: builtTag, Value: noted.Format(time.RFC3339)}},
		}
	}
	creating := cache(created.AddDate(0, 0, 1))
	creating.Status = eci.CacheCreating
	for name, test := range map[string]struct {
		cache *eci.ImageCache
		want  bool
	}{
		"from its creation": {cache(created.AddDate(0, 0, 30)), true},
		"from its build":    {cache(built.AddDate(0, 0, 30)), true},
		"from the update":   {cache(noted.AddDate(0, 0, 30).Add(-time.Hour)), true},
		"another":           {cache(created.AddDate(0, 0, 35)), false},
		"not told":          {cache(time.Time{}), true},
		"not Ready":         {creating, true},
	} {
		if got := expiresAfter(test.cache, 30); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
