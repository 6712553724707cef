package reports

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// cacheUse is how many listed startups of an app found a cache, in one arm.
type cacheUse struct {
	series
	cacheID string
	starts  int
}

// cacheUses are what startups found: by app and arm, the cache that most of them
// found first.
func cacheUses(startups []*simulate.Startup) []cacheUse {
	var list []cacheUse
	place := make(map[cacheUse]int)
	for _, s := range startups {
		if s.CacheID == "" {
			continue
		}
		use := cacheUse{series: series{app: s.App, arm: s.Arm, source: s.Source}, cacheID: s.CacheID}
		i, ok := place[use]
		if !ok {
			i = len(list)
			place[use] = i
			list = append(list, use)
		}
		list[i].starts++
	}
	slices.SortFunc(list, func(a, b cacheUse) int {
		return cmp.Or(compareSeries(a.series, b.series), cmp.Compare(b.starts, a.starts), cmp.Compare(a.cacheID, b.cacheID))
	})
	return list
}

// usedMost is the cache that most of an app's startups found, in the last arm in
// which any did; empty when none.
func usedMost(uses []cacheUse, a *App) string {
	found := ""
	for i, use := range uses {
		first := i == 0 || uses[i-1].series != use.series
		if first && use.app == a.Name && use.source == a.Source {
			found = use.cacheID
		}
	}
	return found
}

// usedIn sums up what an arm's startups found, whatever their app.
func usedIn(uses []cacheUse, arm *Summary) []cacheUse {
	var list []cacheUse
	for _, use := range uses {
		if use.arm != arm.Arm || use.source != arm.Source {
			continue
		}
		i := slices.IndexFunc(list, func(x cacheUse) bool { return x.cacheID == use.cacheID })
		if i < 0 {
			i = len(list)
			list = append(list, cacheUse{cacheID: use.cacheID})
		}
		list[i].starts += use.starts
	}
	slices.SortStableFunc(list, func(a, b cacheUse) int { return cmp.Compare(b.starts, a.starts) })
	return list
}

// usedSentence says which caches an arm's startups found; empty where they are
// not listed or found none.
func usedSentence(used []cacheUse, arm *Summary) string {
	var words []string
	for _, use := range used {
		words = append(words, fmt.Sprintf("%s by %s", ellipsis(use.cacheID, 40), number(float64(use.starts))))
	}
	if len(words) == 0 {
		return ""
	}
	return fmt.Sprintf("Image caches found in arm %s, of %s: %s.", arm.Arm, count(arm.Starts, "start"), some(words, 3))
}
