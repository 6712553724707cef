package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// cacheView is how list and show look at caches: with what they cost, and what their
// tags mean today.
type cacheView struct {
	io  *streams
	eci eciFlags
	in  *inputs
	out *outputs

	noDrift bool
	// lockFile and cachesFile tell what tags meant when caches were built.
	lockFile, cachesFile string
	sources              driftSources
}

func newCacheView(io *streams) *cacheView {
	in := &inputs{io: io}
	return &cacheView{io: io, eci: eciFlags{io: io, quiet: &in.quiet}, in: in, out: &outputs{io: io, formats: accountFormats()}}
}

func (v *cacheView) addFlags(cmd *cobra.Command) {
	v.eci.addFlags(cmd)
	v.in.addImageFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&v.in.file.Prices, "prices", "", "usd, cny (lacks disk prices) or a price book `file` (default usd)")
	f.BoolVar(&v.noDrift, "no-drift", false, "do not look up what the caches' tags mean today")
	f.StringVar(&v.cachesFile, "caches", "", "`file` of caches with the digests of when they were built, as cache create --save writes it")
	f.Lookup("lock").Usage = "lock `file` of when the caches were built: what it pins is compared with today's"
}

// open reads what the flags name.
func (v *cacheView) open() error {
	if err := v.out.check(); err != nil {
		return err
	}
	// The lock is not what is to be looked up here.
	v.lockFile, v.in.lock = v.in.lock, ""
	if err := v.out.spares(v.lockFile, v.cachesFile); err != nil {
		return err
	}
	var lock *cachebench.Lock
	var caches *matcher.Caches
	if v.lockFile != "" {
		data, err := readInput(v.lockFile)
		if err != nil {
			return err
		}
		if lock, err = cachebench.ReadLock(v.lockFile, data); err != nil {
			return err
		}
	}
	if v.cachesFile != "" {
		data, err := readInput(v.cachesFile)
		if err != nil {
			return err
		}
		if caches, err = matcher.ReadCaches(v.cachesFile, data); err != nil {
			return err
		}
	}
	v.sources = newDriftSources(lock, caches)
	return nil
}

// view is what is known of caches.
func (v *cacheView) view(cmd *cobra.Command, region string, caches []eci.ImageCache) (*reports.AccountCaches, error) {
	s, err := v.in.load(cmd, v.out)
	if err != nil {
		return nil, err
	}
	now, err := v.today(cmd, s, caches)
	if err != nil {
		return nil, err
	}
	a := &reports.AccountCaches{Region: region, At: s.Now}
	if v.in.now == "" {
		// The service's clock may be ahead of this machine's.
		for i := range caches {
			a.At = latest(a.At, settledAt(&caches[i]), caches[i].LastMatchedAt)
		}
		s.Now = a.At
	}
	for i := range caches {
		c := accountCache(&caches[i])
		if now != nil {
			for j := range c.Images {
				c.Images[j] = v.sources.drift(&caches[i], c.Images[j].Reference, now)
			}
			c.Drift = wholeDrift(c.Images)
		}
		c.Cost = v.cost(s, &c, now)
		a.Caches = append(a.Caches, c)
	}
	if now != nil && now.unknown != "" {
		a.Doubts = append(a.Doubts, "what tags mean today: "+now.unknown)
	}
	return a, nil
}

// today looks the images of caches up; nil where that is not wanted.
func (v *cacheView) today(cmd *cobra.Command, s *cachebench.Scenario, caches []eci.ImageCache) (*today, error) {
	if v.noDrift {
		return nil, nil
	}
	now := &today{platform: s.Platform, at: s.Now}
	if now.platform == "" {
		now.platform = layers.DefaultPlatform
	}
	seen := make(map[string]bool)
	for _, c := range caches {
		for _, ref := range c.Images {
			if !seen[ref] {
				seen[ref] = true
				s.Images = append(s.Images, ref)
			}
		}
	}
	if len(s.Images) == 0 {
		return now, nil
	}
	inv, err := v.in.lookUp(cmd, s)
	switch {
	case err == nil:
		now.inventory = inv.Estimated()
		now.lookup, now.chains = now.inventory.Lookup(), now.inventory.Chains()
	case cmd.Context().Err() != nil, isUsage(err):
		return nil, err
	default:
		now.unknown = firstLine(err)
	}
	return now, nil
}

// cost is what a cache costs, as far as the prices tell. Automatic ones are free but for
// storage above the free part (eci §5.1).
func (v *cacheView) cost(s *cachebench.Scenario, c *reports.AccountCache, now *today) *reports.AccountCost {
	p := &reports.AccountCost{}
	size := float64(c.SizeGiB)
	if c.Automatic {
		free := s.Prices.Money(0)
		p.KeepPerMonth, p.KeptSoFar, p.UsePerInstanceHour = &free, &free, amount(s.Prices.Automatic(size, time.Hour))
		return p
	}
	if c.SizeGiB == 0 {
		return p
	}
	p.UsePerInstanceHour = amount(s.Prices.Use(size, time.Hour))
	if took, known := lastBuild(c); known {
		p.Build = amount(s.Prices.Build(took, size))
	}
	if c.Status == string(eci.CacheFailed) || c.SnapshotID == "" && c.FlashSnapshotID == "" {
		return p
	}
	stored, known := now.stored(c)
	if !known {
		stored = int64(c.SizeGiB) * bytesPerGiB
	}
	p.StoredBytes, p.StoredAtMost = stored, !known
	gib := float64(stored) / bytesPerGiB
	p.KeepPerMonth = amount(s.Prices.Keep(gib, cost.Month))
	if age := s.Now.Sub(c.CreationTime); !c.CreationTime.IsZero() && age >= 0 {
		p.KeptSoFar = amount(s.Prices.Keep(gib, age))
	}
	return p
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// lastBuild is the time from the start of a cache's last build, by its events, to the
// latest of them: an update does not change its creation time, and may be weeks later.
func lastBuild(c *reports.AccountCache) (took time.Duration, known bool) {
	var begun, end time.Time
	for _, e := range c.Events {
		// Of a container kubelet says so, too (eci §3.2).
		if e.Reason == "Started" && !strings.HasPrefix(e.Message, "Started container") && e.Time.After(begun) {
			begun = e.Time
		}
		end = latest(end, e.Time)
	}
	return end.Sub(begun), !begun.IsZero() && end.After(begun) && eci.ImageCacheStatus(c.Status).Settled()
}

// stored is the unpacked size of a cache's images as of today, each layer in its place
// once; false where one is not known, or means something else by now.
func (t *today) stored(c *reports.AccountCache) (bytes int64, known bool) {
	if t == nil || t.inventory == nil || len(c.Images) == 0 || c.Drift == reports.DriftDrifted {
		return 0, false
	}
	seen := make(map[int]bool)
	for _, image := range c.Images {
		i := t.lookup.Find(image.Reference, t.platform, t.at)
		if i < 0 {
			return 0, false
		}
		for j, l := range t.inventory.Images[i].Layers {
			chain := t.chains.Images[i][j]
			unpacked := t.inventory.Layers[l].UnpackedBytes
			if unpacked == nil {
				return 0, false
			}
			if !seen[chain] {
				bytes, seen[chain] = bytes+*unpacked, true
			}
		}
	}
	return bytes, true
}
