package main

import (
	"fmt"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher/plan/export"
)

// saveCacheSet writes caches as a file that apply reads: applied, it changes nothing.
func (l *cacheList) saveCacheSet(region string, caches []eci.ImageCache) error {
	set := export.CacheSet{Region: region}
	names := make(map[string]int)
	for _, c := range caches {
		if c.Status != eci.CacheFailed {
			names[c.Name]++
		}
	}
	for i := range caches {
		c := &caches[i]
		if _, automatic := c.Automatic(); automatic || c.Status == eci.CacheFailed {
			continue
		}
		if names[c.Name] > 1 {
			return fmt.Errorf("save the caches for apply: several are called %q, and apply finds caches by name", c.Name)
		}
		if name := tagMap(c.Tags)[setTag]; name != "" && name != defaultSet {
			if set.Name != "" && set.Name != name {
				return fmt.Errorf("save the caches for apply: some are of the set %q, some of %q: choose by --tag %s=%s", set.Name, name, setTag, name)
			}
			set.Name = name
		}
		set.Caches = append(set.Caches, wantedAs(c))
	}
	save := outputs{io: l.io, save: l.saveSet}
	return save.saveAs(export.CacheSetKind, set)
}

// wantedAs is what a set would want for a cache to be as it is.
func wantedAs(c *eci.ImageCache) export.WantedCache {
	w := export.WantedCache{
		Name: c.Name, Images: c.Images, SizeGiB: c.SizeGiB, RetentionDays: retentionDays(c), EliminationStrategy: c.Elimination,
		CacheParameters: export.CacheParameters{ResourceGroupID: c.ResourceGroupID},
	}
	if hidden, known := readHidden(c); known {
		hidden.set(&w)
	}
	for key, value := range tagMap(c.Tags) {
		switch {
		case key == parametersTag, key == setTag, key == builtTag:
		case w.Tags == nil:
			w.Tags = map[string]string{key: value}
		default:
			w.Tags[key] = value
		}
	}
	return w
}
