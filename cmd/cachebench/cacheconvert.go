package main

import (
	"slices"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// matcherCache is a cache of an account as matching, planning and simulating know it.
// The service tells neither architecture nor operating system; a cache is taken to be
// Flash while it has a local snapshot.
func matcherCache(c *eci.ImageCache, region string) matcher.Cache {
	_, automatic := c.Automatic()
	m := matcher.Cache{
		ID: c.ID, Name: c.Name, Images: slices.Clone(c.Images), SizeGiB: float64(c.SizeGiB), Status: string(c.Status),
		CreationTime: c.CreatedAt, LastMatchedTime: c.LastMatchedAt, ExpireTime: c.ExpiresAt, Region: c.RegionID,
		Automatic: automatic, EliminationStrategy: c.Elimination, Flash: c.FlashSnapshotID != "",
	}
	if m.Region == "" {
		m.Region = region
	}
	return m
}

// matcherCaches are those that a Caches file can hold: the service may list one without
// images or with more than 20, which say nothing to matching.
func matcherCaches(all []eci.ImageCache, region string) (caches []matcher.Cache, left []string) {
	for i := range all {
		m := matcherCache(&all[i], region)
		one := matcher.Caches{Caches: []matcher.Cache{m}}
		if err := one.Validate(); err != nil || !isKnownStatus(m.Status) {
			left = append(left, m.ID)
			continue
		}
		caches = append(caches, m)
	}
	return caches, left
}

func isKnownStatus(status string) bool {
	switch status {
	case matcher.StatusPreparing, matcher.StatusCreating, matcher.StatusReady, matcher.StatusFailed, matcher.StatusUpdating, matcher.StatusUpdateFailed:
		return true
	}
	return false
}

// accountCache is a cache as commands show it, without cost and drift.
func accountCache(c *eci.ImageCache) reports.AccountCache {
	group, automatic := c.Automatic()
	a := reports.AccountCache{
		ID: c.ID, Name: c.Name, Status: string(c.Status), SizeGiB: c.SizeGiB, Automatic: automatic,
		CreationTime: c.CreatedAt, LastMatchedTime: c.LastMatchedAt, ExpireTime: c.ExpiresAt, EliminationStrategy: c.Elimination,
		ResourceGroupID: c.ResourceGroupID, SnapshotID: c.SnapshotID, FlashSnapshotID: c.FlashSnapshotID, HelperGroupID: c.ContainerGroupID,
		Events: cacheEvents(c.Events),
	}
	if automatic {
		a.GroupID = group
	}
	if fraction, ok := c.ProgressFraction(); ok {
		a.ProgressFraction = &fraction
	}
	for _, ref := range c.Images {
		a.Images = append(a.Images, reports.AccountImage{Reference: ref})
	}
	for _, tag := range c.Tags {
		if a.Tags == nil {
			a.Tags = make(map[string]string)
		}
		a.Tags[tag.Key] = tag.Value
	}
	return a
}

// cacheEvents are events, oldest first.
func cacheEvents(events []eci.Event) []reports.CacheEvent {
	var list []reports.CacheEvent
	for _, e := range eci.InOrder(events) {
		list = append(list, reports.CacheEvent{Time: e.At(), Type: e.Type, Reason: e.Reason, Message: e.Message, Count: e.Count})
	}
	return list
}
