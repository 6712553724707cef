package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// driftSources are what tells what a cache's references meant when it was built: lists
// of caches with contents, by ID; a lock, by reference alone.
// The service tells no digest.
type driftSources struct {
	lock   map[string]layers.Digest
	caches map[string]matcher.Cache
}

func newDriftSources(lock *cachebench.Lock, caches *matcher.Caches) driftSources {
	d := driftSources{lock: make(map[string]layers.Digest), caches: make(map[string]matcher.Cache)}
	if lock != nil {
		for _, r := range lock.References {
			d.lock[r.Reference] = r.Digest
		}
	}
	if caches != nil {
		for _, c := range caches.Caches {
			d.caches[c.ID] = c
		}
	}
	return d
}

// contents is what a reference meant when the cache with an ID was built, by a list of
// caches; empty if that does not tell.
func (d *driftSources) contents(id, reference string) layers.Digest {
	for _, c := range d.caches[id].Contents {
		if c.Reference == reference {
			return layers.Digest(c.Digest)
		}
	}
	return ""
}

// today says what references mean now.
type today struct {
	inventory *layers.Inventory
	lookup    *layers.Lookup
	chains    *layers.Chains
	platform  string
	at        time.Time
	// unknown says why there is no inventory.
	unknown string
}

func (t *today) find(reference string) (*layers.Image, string) {
	if t.inventory == nil {
		return nil, t.unknown
	}
	if i := t.lookup.Find(reference, t.platform, t.at); i >= 0 {
		return &t.inventory.Images[i], ""
	}
	for _, u := range t.inventory.Unresolved {
		if u.Reference == reference {
			return nil, u.Reason
		}
	}
	return nil, "it is not in the inventory"
}

// drift compares what a cache's reference means today with what it meant when the cache
// was built. A list of caches tells of this very cache; an image that was made later is
// not in it, whatever a lock says, which knows references only and may be of later.
func (d *driftSources) drift(c *eci.ImageCache, reference string, now *today) reports.AccountImage {
	contents, pinned := d.contents(c.ID, reference), d.lock[reference]
	a := reports.AccountImage{Reference: reference, Drift: reports.DriftUnknown, BuiltDigest: string(cmp.Or(contents, pinned))}
	if strings.Contains(reference, "@") {
		a.Drift, a.Reason = reports.DriftSame, "the reference names its digest"
		return a
	}
	img, why := now.find(reference)
	if img == nil {
		a.Reason = why
		return a
	}
	a.Digest, a.ConfigTime = string(img.Digest), img.CreatedAt
	built := lastBuilt(c)
	switch {
	case c.Status != eci.CacheReady && c.Status != eci.CacheUpdateFailed:
		a.Reason = "the cache is " + string(c.Status)
	case contents != "":
		compared(&a, img, contents)
	case !built.IsZero() && img.CreatedAt.After(built) && !img.CreatedAt.After(now.at):
		a.Drift, a.Reason, a.BuiltDigest = reports.DriftDrifted, "the image was made "+age(img.CreatedAt, built)+" after the cache", ""
	case pinned != "":
		compared(&a, img, pinned)
	case img.CreatedAt.After(now.at):
		a.Reason = "the image says that it was made at a time yet to come"
	case built.IsZero() || img.CreatedAt.IsZero():
		a.Reason = "no lock tells what it meant when the cache was built"
	default:
		a.Reason = "the image is older than the cache, and no lock tells what the tag meant then"
	}
	return a
}

// compared says whether an image is the one that a saved digest names.
func compared(a *reports.AccountImage, img *layers.Image, built layers.Digest) {
	if built == img.Digest || built == img.IndexDigest {
		a.Drift = reports.DriftSame
		return
	}
	a.Drift, a.Reason = reports.DriftDrifted, "the tag means another digest than when the cache was built"
}

// age is how much later one time is than another, to the minute, or below one the second.
func age(later, earlier time.Time) string {
	if d := later.Sub(earlier); d < time.Minute {
		return d.Round(time.Second).String()
	}
	return strings.TrimSuffix(later.Sub(earlier).Round(time.Minute).String(), "0s")
}

// settledAt is the latest time at which the service says anything of a cache's making: an
// image that was made later is not in it. An update does not change its creation time.
func settledAt(c *eci.ImageCache) time.Time {
	at := c.CreatedAt
	for _, e := range c.Events {
		if e.At().After(at) {
			at = e.At()
		}
	}
	return at
}

// lastBuilt is settledAt, or when we had a cache built anew, which its events need not
// tell.
func lastBuilt(c *eci.ImageCache) time.Time {
	noted, err := time.Parse(time.RFC3339, tagMap(c.Tags)[builtTag])
	if err != nil || c.Status != eci.CacheReady {
		return settledAt(c)
	}
	return latest(settledAt(c), noted)
}

// wholeDrift is that of a cache: drifted if an image is, same if all are.
func wholeDrift(images []reports.AccountImage) string {
	whole := reports.DriftSame
	for _, image := range images {
		switch image.Drift {
		case reports.DriftDrifted:
			return reports.DriftDrifted
		case reports.DriftUnknown:
			whole = reports.DriftUnknown
		}
	}
	if len(images) == 0 {
		return reports.DriftUnknown
	}
	return whole
}
