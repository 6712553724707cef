package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// advice says what to do with the caches that exist, once the plan is built.
func (m *model) advice(c *choice) []ExistingCache {
	users := m.usersOfExisting(c)
	var advice []ExistingCache
	for i := range m.Existing {
		e := &m.Existing[i]
		advice = append(advice, m.adviceOn(e, users[e.ID]))
	}
	return advice
}

func (m *model) adviceOn(e *matcher.Cache, users []string) ExistingCache {
	stale := m.stale(e)
	a := ExistingCache{ID: e.ID, Advice: Keep, KeepPerMonth: m.keepExisting[e.ID], StaleUnpackedBytes: m.staleBytes(e)}
	_, a.KeepAssumed, _ = m.holds(e)
	a.KeepAssumed = a.KeepAssumed && a.KeepPerMonth != nil && m.isStored(e)
	switch {
	case e.Automatic:
		a.Reason = "it is an automatic cache: it costs nothing to keep, and ECI removes it by itself"
	case m.storedFor(e) == 0:
		a.Advice, a.Reason = Drop, fmt.Sprintf("it expired at %s: no start can use it, and its storage costs nothing more", e.ExpireTime.UTC().Format(time.RFC3339))
	case e.Status == matcher.StatusFailed:
		a.Advice, a.Reason = Drop, "its creation failed; it can never be used"
	case len(users) == 0:
		a.Advice, a.Reason = Drop, "no start of the month would pick it beside the planned caches; its storage is paid for nothing"
		if a.KeepPerMonth != nil {
			a.Reason += fmt.Sprintf(", %s %s", a.KeepPerMonth, m.storedWords(e))
		}
	case e.Status == matcher.StatusUpdateFailed:
		a.Advice, a.Reason = Rebuild, "its last update failed, so it cannot be used; it would serve "+strings.Join(users, ", ")
	case len(stale) > 0:
		a.Advice, a.Reason = Rebuild, fmt.Sprintf("%s no longer means what it was built from; it serves %s", strings.Join(stale, ", "), strings.Join(users, ", "))
	case e.Status != matcher.StatusReady:
		a.Reason = fmt.Sprintf("it is %s and will serve %s", e.Status, strings.Join(users, ", "))
	default:
		a.Reason = "it serves " + strings.Join(users, ", ")
	}
	return a
}

// isManual says that a cache counts towards the quota: automatic ones have their own (eci
// §1.2).
func isManual(e matcher.Cache) bool { return !e.Automatic }

// usersOfExisting are the apps that would pick each existing cache, were all of
// them Ready.
func (m *model) usersOfExisting(c *choice) map[string][]string {
	return m.users(c.Sets,
		func(app int) bool { return m.hasCache(c, app) },
		func(app int) bool { return m.hasCache(c, app) && m.apps[app].servedBy(m.effectOf(c, app)) })
}

// users are those beside the caches of some sets: named says whether an app has a planned
// cache, served whether that serves all its starts.
func (m *model) users(sets []int, named, served func(app int) bool) map[string][]string {
	ready := make([]matcher.Cache, len(m.Existing))
	for i, e := range m.Existing {
		if e.Status != matcher.StatusFailed {
			e.Status = matcher.StatusReady
		}
		ready[i] = e
	}
	users := make(map[string][]string)
	for i, a := range m.apps {
		if m.Assign == Explicit && named(i) {
			continue
		}
		if id := m.firstExisting(a, ready, sets); id != "" {
			users[id] = append(users[id], a.Name)
		}
		if served(i) {
			continue // another may come first only for a while
		}
		for _, id := range a.foundInMonth() {
			if !slices.Contains(users[id], a.Name) {
				users[id] = append(users[id], a.Name)
			}
		}
	}
	return users
}

// servedBy says whether a planned cache serves all starts of an app.
func (a *app) servedBy(e *effect) bool { return e.served >= a.starts*(1-1e-9) }

// foundInMonth are the caches with an ID that starts of an app find in the course of the
// month.
func (a *app) foundInMonth() []string {
	var ids []string
	for _, f := range a.baseline {
		if f.cache != nil && !f.cache.Automatic && f.starts > 0 && !slices.Contains(ids, f.cache.ID) {
			ids = append(ids, f.cache.ID)
		}
	}
	return ids
}

// hasCache says whether an app has a planned cache.
func (m *model) hasCache(c *choice, app int) bool {
	return c.Picks[app] != none && m.candidateOf(m.apps[app].options[c.Picks[app]].set) != nil
}

// existingFor is the existing cache that a would pick beside the planned ones.
func (m *model) existingFor(a *app, c *choice) string {
	return m.firstExisting(a, m.Existing, c.Sets)
}

// firstExisting returns the ID of the first in ECI's order if it is one of
// existing. Under explicit, planned caches serve only the apps that name them.
func (m *model) firstExisting(a *app, existing []matcher.Cache, sets []int) string {
	position := make(map[string]bool, len(existing))
	caches := make([]matcher.Cache, 0, len(existing))
	for _, e := range existing {
		position[e.ID] = true
		caches = append(caches, e)
	}
	for _, j := range sets {
		if candidate := m.candidateOf(j); candidate != nil && m.Assign == Auto {
			caches = append(caches, candidate.cache)
		}
	}
	ranked := m.matcher.Rank(a.group, caches)
	if len(ranked) == 0 || !ranked[0].Qualified || !position[ranked[0].CacheID] {
		return ""
	}
	return ranked[0].CacheID
}

// staleBytes are of layers that the cache was built from and that no image of its
// references has by now; nil where it is not known what it was built from.
func (m *model) staleBytes(e *matcher.Cache) *int64 {
	if len(e.Contents) == 0 {
		return nil
	}
	var now, built layerSet
	for _, content := range e.Contents {
		if i := m.find(content.Reference); i >= 0 {
			now = append(now, m.Inventory.Images[i].Layers...)
		}
		i := m.findDigest(content.Digest)
		if i < 0 {
			return nil
		}
		built = append(built, m.Inventory.Images[i].Layers...)
	}
	slices.Sort(now)
	var gone layerSet
	for _, l := range built {
		if _, ok := slices.BinarySearch(now, l); !ok {
			gone = append(gone, l)
		}
	}
	slices.Sort(gone)
	bytes, _ := m.unpacked(slices.Compact(gone))
	return &bytes
}

// findDigest is the image of a digest, or of an index of it on the plan's platform; -1
// where the Inventory does not list it.
func (m *model) findDigest(digest string) int {
	return slices.IndexFunc(m.Inventory.Images, func(img layers.Image) bool {
		return digest == string(img.Digest) || digest == string(img.IndexDigest) && (m.Platform == "" || img.Platform == m.Platform)
	})
}
