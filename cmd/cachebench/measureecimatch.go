package main

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

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
