package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// startup is a mean time of a start, in seconds.
type startup struct{ ready, billed float64 }

func inSeconds(e Estimate) startup { return startup{e.Ready.Seconds(), e.Billed.Seconds()} }

// finding is a number of starts a month that find the same cache.
type finding struct {
	// cache is nil where none was found.
	cache *matcher.Cache
	// full says that it held every image.
	full   bool
	starts float64
	startup
	// use is the money that one start pays for the cache's disk, and usePerSecond by how
	// much that grows with each second of its run.
	use, usePerSecond float64
}

// mustBeSeen is the starts a month above which an outcome without any start is
// taken for a mistake: were they spread at random, one month in 20,000 had none.
const mustBeSeen = 10

func (m *model) setBaseline(a *app, o *matcher.Outcome) error {
	nothing := []finding{{starts: a.starts, startup: a.cold}}
	found, err := m.findings(a, o)
	switch {
	case err != nil:
		return err
	case found != nil:
		a.automatic = found
	case m.Baseline == Automatic && a.starts >= mustBeSeen:
		return fmt.Errorf("what its %.4g starts a month find on the automatic baseline is unknown: replay the workload first", a.starts)
	case m.Baseline == Automatic:
		a.automatic, a.unseen = nothing, a.starts > 0
	}
	a.baseline = a.automatic
	if m.Baseline == Cold {
		a.baseline = nothing
	}
	return nil
}

// findings are an outcome's shares of a's starts; nil where none was counted.
func (m *model) findings(a *app, o *matcher.Outcome) ([]finding, error) {
	counted := 0
	for _, f := range o.Found {
		counted += f.Starts
	}
	var all []finding
	for _, f := range o.Found {
		if counted == 0 {
			break
		}
		found, err := m.finding(a, &f, a.starts*float64(f.Starts)/float64(counted))
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}

func (m *model) finding(a *app, f *matcher.Found, starts float64) (finding, error) {
	if f.Images == nil && f.Stale == nil {
		return finding{starts: starts, startup: a.cold}, nil
	}
	c := m.foundCache(f)
	e := m.estimate(a, m.numbered(m.fresh(c)))
	use, err := m.useOf(a, c, e)
	if err != nil {
		return finding{}, err
	}
	longer := e
	longer.Billed += time.Hour // an amount is rounded: that of a second too much
	more, err := m.useOf(a, c, longer)
	full := !slices.ContainsFunc(a.AllImages(), func(ref string) bool { return !slices.Contains(c.Images, ref) })
	return finding{cache: c, full: full, starts: starts, startup: inSeconds(e), use: use, usePerSecond: (more - use) / time.Hour.Seconds()}, err
}

// foundCache is the cache of a replay's finding. An automatic one is newer than
// any that the plan builds, for it was made during the month.
func (m *model) foundCache(f *matcher.Found) *matcher.Cache {
	c := matcher.Cache{ID: "automatic", Automatic: true, CreationTime: m.At.Add(1)}
	if !f.Automatic {
		c = matcher.Cache{ID: f.CacheID}
		if i := slices.IndexFunc(m.Existing, func(e matcher.Cache) bool { return e.ID == f.CacheID }); i >= 0 {
			c = m.Existing[i]
		}
	}
	// The images of the finding are those not stale at the time; the cache was
	// there then, whatever its state is at At.
	c.Images, c.SizeGiB, c.Status, c.ExpireTime = f.Images, f.SizeGiB, matcher.StatusReady, time.Time{}
	return &c
}

// fresh are a cache's images that still mean what it was built from. What a
// stale image shares by layer is not credited, as in matcher.Replay.
func (m *model) fresh(c *matcher.Cache) []string {
	stale := m.stale(c)
	var fresh []string
	for _, ref := range c.Images {
		if !slices.Contains(stale, ref) {
			fresh = append(fresh, ref)
		}
	}
	return fresh
}

// stale are a cache's images whose reference means another digest by now.
func (m *model) stale(c *matcher.Cache) []string {
	var stale []string
	for _, content := range c.Contents {
		i := m.find(content.Reference)
		if i < 0 {
			continue
		}
		if img := &m.Inventory.Images[i]; content.Digest != string(img.Digest) && content.Digest != string(img.IndexDigest) {
			stale = append(stale, content.Reference)
		}
	}
	return stale
}

// useOf is what one start of a pays to find c. Storage above the free part that
// the app asks for itself is paid with or without a cache.
func (m *model) useOf(a *app, c *matcher.Cache, e Estimate) (float64, error) {
	d := e.Billed + a.Runtime
	if c.Automatic {
		use, err := m.Prices.Automatic(max(0, c.SizeGiB-a.ExtraStorageGiB), d)
		return use.Amount, err
	}
	use, err := m.Prices.Use(c.SizeGiB, d)
	return use.Amount, err
}
