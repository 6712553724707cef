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
		words := fmt.Sprintf("the service matches %s, ours %s (%s)", orNone(one.ServiceID), orNone(one.OursID), differenceWords[one.Difference])
		for i, r := range one.Readings {
			if i == 0 {
				words += "; ours would agree with --policy"
			}
			words += " " + r.Policy + "=" + r.Value
		}
		return []string{words}
	}
}

// differenceWords say how the service's answer differs from ours.
var differenceWords = map[string]string{
	matcher.UnknownCache: "it names a cache that it does not list", matcher.RefusedByUs: "it names one that we would not take",
	matcher.NoneNamed: "it names none", matcher.OmittedByService: "it leaves out one that we place above", matcher.OtherOrder: "the same caches in another order",
}

func orNone(id string) string {
	if id == "" {
		return "no cache"
	}
	return id
}
