package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/workload"
)

const bytesPerGiB = 1 << 30

// cacheSizes says, before caches are created, whether their images fit and what they
// cost.
type cacheSizes struct {
	in  *inputs
	out *outputs
	// skip looks no image up.
	skip bool
	// lockFile is where what was built is pinned, lock what it pins already.
	lockFile string
	lock     *cachebench.Lock

	scenario  *cachebench.Scenario
	inventory *layers.Inventory
	// unknown says why there is no inventory.
	unknown string
}

func (z *cacheSizes) addFlags(cmd *cobra.Command) {
	z.in.addImageFlags(cmd)
	z.in.addModelFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&z.skip, "no-size-check", false, "look no image up: whether they fit is not known")
	f.Lookup("lock").Usage = "pin in this `file` what the tags of the images that were built meant, for list and show to tell drift by"
}

// look reads prices and profile, and looks the images up. That it cannot is no failure.
func (z *cacheSizes) look(cmd *cobra.Command, images []string) error {
	if err := z.openLock(); err != nil {
		return err
	}
	s, err := z.in.load(cmd, z.out)
	if err != nil {
		return err
	}
	s.Images, z.scenario = images, s
	if z.skip || len(images) == 0 {
		z.unknown = "it was not looked at (--no-size-check)"
		return nil
	}
	z.inventory, err = z.in.lookUp(cmd, s)
	switch {
	case err == nil:
		return nil
	case cmd.Context().Err() != nil, isUsage(err):
		return err
	}
	z.inventory, z.unknown = nil, firstLine(err)
	return nil
}

// openLock takes the lock away from the looking up: ECI pulls what tags mean now,
// whatever a lock pins.
func (z *cacheSizes) openLock() error {
	z.lockFile, z.in.lock = z.in.lock, ""
	if z.lockFile == "" {
		return nil
	}
	if err := errors.Join(z.out.spares(z.lockFile), checkPlace(z.lockFile)); err != nil {
		return err
	}
	if _, err := os.Stat(z.lockFile); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	data, err := readInput(z.lockFile)
	if err != nil {
		return err
	}
	z.lock, err = cachebench.ReadLock(z.lockFile, data)
	return err
}

// pin pins the images of caches that were built: in place of what the lock had of them,
// which a cache that was built anew no longer holds.
func (z *cacheSizes) pin(changes *reports.CacheChanges) error {
	if z.lockFile == "" || z.inventory == nil {
		return nil
	}
	built := make(map[string]bool)
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.Outcome != reports.OutcomeDone || change.Action != reports.ChangeCreate && change.Action != reports.ChangeUpdate {
			continue
		}
		for _, ref := range change.Images {
			built[ref] = true
		}
	}
	if len(built) == 0 {
		return nil
	}
	after := &cachebench.Lock{}
	if z.lock != nil {
		after.References = slices.DeleteFunc(slices.Clone(z.lock.References), func(r cachebench.LockedReference) bool { return built[r.Reference] })
	}
	meant := &layers.Inventory{}
	for _, ref := range slices.Sorted(maps.Keys(built)) {
		if i := z.inventory.Find(ref, z.platform(), z.scenario.Now); i >= 0 {
			meant.Images = append(meant.Images, z.inventory.Images[i])
		}
	}
	data, err := document.Marshal(cachebench.LockKind, after.With(meant))
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	return z.out.writeTo(z.lockFile, data)
}

func isUsage(err error) bool {
	var u usageError
	return errors.As(err, &u)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// of is what creating a cache comes to, with the caches that are there for reuse.
func (z *cacheSizes) of(w *export.WantedCache, existing []matcher.Cache) (*reports.CacheFit, *reports.ChangeCost) {
	fit := &reports.CacheFit{Unknown: z.unknown}
	price := z.rough(w)
	if z.inventory == nil {
		return fit, price
	}
	created, err := z.creation(w, existing)
	if err != nil {
		fit.Unknown = firstLine(err)
		return fit, price
	}
	fit.UnpackedBytes, fit.EstimatedBytes = created.UnpackedBytes+created.AssumedBytes, created.EstimatedBytes+created.AssumedBytes
	fit.SuggestedGiB, fit.Fails, fit.MayFail = int(math.Ceil(created.SuggestedGiB)), created.Fails, created.MayFail
	if w.AutoMatchImageCache {
		fit.ReuseFrom, fit.DownloadBytes = created.Bases, created.Overlap.ByDigest.FetchBytes
	}
	for i := range created.Times {
		t := &created.Times[i]
		if t.Reuse != w.AutoMatchImageCache || t.Flash != w.Flash {
			continue
		}
		if fit.Ready = t.Until; t.Cost != nil {
			price.Build, price.BuildAtLeast = t.Cost, false
		}
	}
	prices := z.scenario.Prices
	price.KeepPerMonth, price.KeepAtMost = amount(prices.Keep(float64(fit.UnpackedBytes)/bytesPerGiB, cost.Month)), false
	return fit, price
}

// rough is what can be told without the images: a build without its pulls, a snapshot as
// large as the cache.
func (z *cacheSizes) rough(w *export.WantedCache) *reports.ChangeCost {
	prices, gib := z.scenario.Prices, float64(w.SizeGiB)
	return &reports.ChangeCost{
		Build: amount(prices.Build(z.scenario.Profile.BuildTime(), gib)), BuildAtLeast: true,
		KeepPerMonth: amount(prices.Keep(gib, cost.Month)), KeepAtMost: true,
		UsePerInstanceHour: amount(prices.Use(gib, time.Hour)),
	}
}

// priceDoubts say what the cost of a cache leaves out, for no price of it is published
// (eci §1.6, §1.7, §6 #20).
func (z *cacheSizes) priceDoubts(w *export.WantedCache) (doubts []string) {
	if w.Flash && z.scenario.Prices.InstantAccessGiBHour == nil {
		doubts = append(doubts, "what the local snapshots of "+w.Name+" (Flash) cost: no price is published, and 0 is taken")
	}
	if w.StandardCopyCount > 1 {
		doubts = append(doubts, "what further copies of "+w.Name+" cost: ECI's pages say that the same data is not charged again, and 0 is taken")
	}
	return doubts
}

// amount is nil where the price book lacks a price.
func amount(m cost.Money, err error) *cost.Money {
	if err != nil {
		return nil
	}
	return &m
}

func (z *cacheSizes) creation(w *export.WantedCache, existing []matcher.Cache) (*matcher.CreatedCache, error) {
	s := *z.scenario
	s.Trace, s.Workload = nil, &workload.Workload{Apps: []workload.App{{Name: w.Name, Images: w.Images}}}
	s.Caches = existing
	job, err := s.Cover(z.inventory)
	if err != nil {
		return nil, z.missing(w, err)
	}
	creation, err := job.Create(float64(w.SizeGiB))
	if err != nil {
		return nil, err
	}
	return &creation.Caches[0], nil
}

// missing says which image of a cache could not be looked up, and why.
func (z *cacheSizes) missing(w *export.WantedCache, err error) error {
	for _, ref := range w.Images {
		for _, u := range z.inventory.Unresolved {
			if u.Reference == ref {
				return fmt.Errorf("%s: %s", ref, u.Reason)
			}
		}
		if z.inventory.Find(ref, z.platform(), z.scenario.Now) < 0 {
			return fmt.Errorf("%s is not in the inventory", ref)
		}
	}
	return err
}

// contents are what the images of a cache meant when it was created.
func (z *cacheSizes) contents(images []string) []matcher.Content {
	var list []matcher.Content
	if z.inventory == nil {
		return nil
	}
	for _, ref := range images {
		if i := z.inventory.Find(ref, z.platform(), z.scenario.Now); i >= 0 {
			list = append(list, matcher.Content{Reference: ref, Digest: string(z.inventory.Images[i].Digest)})
		}
	}
	return list
}

// today is what the images mean now.
func (z *cacheSizes) today() *today {
	now := &today{inventory: z.inventory, platform: z.platform(), at: z.scenario.Now, unknown: z.unknown}
	if z.inventory != nil {
		now.lookup = z.inventory.Lookup()
	}
	return now
}

func (z *cacheSizes) platform() string {
	if p := z.scenario.Platform; p != "" {
		return p
	}
	return layers.DefaultPlatform
}
