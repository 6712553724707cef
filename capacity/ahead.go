package capacity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// aheadName is what images on the nodes before the burst are called among what is needed.
const aheadName = "apps whose images the nodes hold before the burst"

// aheadSet are apps of the burst on node pools whose images are to be on the nodes of their
// pools before it.
type aheadSet struct {
	apps []workload.App
	// bytes are what they add to a node of the pool where that is most.
	bytes int64
}

// ahead is the smallest set of the burst's apps on node pools that meets the limit where the
// nodes hold their images before it; of sets of as many apps the one that takes least of a
// node's disk is tried first. Sets that leave no room for the images of another app are none.
func (b *burst) ahead(ctx context.Context) error {
	var pooled []workload.App
	for _, app := range b.apps() {
		if onPool(app) {
			pooled = append(pooled, app)
		}
	}
	if len(pooled) == 0 || b.tooSmall {
		return nil
	}
	sets, crowded, err := b.aheadSets(pooled)
	if err != nil {
		return err
	}
	need := reports.CapacityNeed{Parameter: aheadName, Unit: "apps", Now: new(float64)}
	var best *outcome
	var found *aheadSet
	for i := range sets {
		o := b.now
		if names := sets[i].names(); len(names) > 0 {
			b.tell("trying the images of %s on the nodes", list(names))
			if o, err = b.measure(ctx, lastReady, change{ahead: names}); err != nil {
				return err
			}
			need.Tried++
		}
		if best == nil || best.never || !o.never && o.Value < best.Value {
			best = &o
		}
		if o.enough(b.limit) {
			found = &sets[i]
			n := float64(len(found.apps))
			need.Need = &n
			break
		}
	}
	if best != nil && !best.never {
		need.Best = &best.Value
	}
	if found == nil && best != nil && best.within(b.limit) {
		need.Note = shortOf(best, b.limit)
	}
	note := func(format string, args ...any) {
		need.Note = strings.TrimPrefix(need.Note+"; "+fmt.Sprintf(format, args...), "; ")
	}
	if found != nil && len(found.apps) > 0 {
		amount := reports.CapacityAmount(float64(found.bytes)/(1<<30), "GiB") + " a node"
		note("of %s, %s: by a DaemonSet that goes on running (cachebench plan export --as daemonset), or on the disk that nodes are made from (docs/pools.md)", list(found.names()), amount)
		b.aheadWords = fmt.Sprintf("the images of %s on the nodes before the burst (%s)", list(found.names()), amount)
		b.c.Tables = append(b.c.Tables, b.aheadTable(found))
		b.c.Assumptions = append(b.c.Assumptions, aheadAssumption)
	}
	if crowded > 0 {
		note("%s left out, for the nodes' disks do not hold them beside the images of each app", plural(crowded, "set"))
	}
	if len(pooled) > mostSubsets {
		note("apps were added in their order, not every set was tried")
	}
	b.c.Needs = append(b.c.Needs, need)
	return nil
}

func (s *aheadSet) names() []string { return namesOf(s.apps) }

func namesOf(apps []workload.App) []string {
	var names []string
	for _, app := range apps {
		names = append(names, app.Name)
	}
	return names
}

// cachedName is what caches and images on the nodes together are called among what is needed.
const cachedName = "apps whose images are in a cache, or on the nodes before the burst"

// cached is the smallest set of apps, some on instances of their own and some on node pools,
// whose images meet the limit where they are in a cache or on the nodes before the burst. It is
// searched for where neither of these is enough by itself.
func (b *burst) cached(ctx context.Context) error {
	apps := b.apps()
	alone := func(n reports.CapacityNeed) bool {
		return n.Need != nil && (n.Parameter == aheadName || n.Parameter == cachesName || n.Parameter == automaticName)
	}
	pooled := slices.ContainsFunc(apps, onPool)
	if b.tooSmall || !pooled || !slices.ContainsFunc(apps, func(app workload.App) bool { return !onPool(app) }) || slices.ContainsFunc(b.c.Needs, alone) {
		return nil
	}
	var nodes []workload.App
	for _, app := range apps {
		if onPool(app) {
			nodes = append(nodes, app)
		}
	}
	need := reports.CapacityNeed{Parameter: cachedName, Unit: "apps", Now: new(float64)}
	var best *outcome
	for _, places := range cacheSets(len(apps)) {
		var ahead aheadSet
		var own []string
		p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
		for _, i := range places {
			if app := &apps[i]; onPool(*app) {
				ahead.apps = append(ahead.apps, *app)
			} else {
				own = append(own, app.Name)
				p.Caches = append(p.Caches, plan.PlannedCache{Name: "cache-" + app.Name, Images: app.AllImages(), SizeGiB: diskGiB(0), Apps: []string{app.Name}})
			}
		}
		if len(own) == 0 || len(ahead.apps) == 0 {
			continue // tried by themselves
		}
		fits, err := b.room(&ahead, nodes)
		if err != nil {
			return err
		}
		if !fits {
			continue
		}
		b.tell("trying caches of %s with the images of %s on the nodes", list(own), list(ahead.names()))
		o, err := b.measure(ctx, lastReady, change{plan: p, arm: simulate.ArmCached, ahead: ahead.names()})
		if err != nil {
			return err
		}
		need.Tried++
		if best == nil || best.never || !o.never && o.Value < best.Value {
			best = &o
		}
		if o.enough(b.limit) {
			n := float64(len(places))
			need.Need = &n
			amount := reports.CapacityAmount(float64(ahead.bytes)/(1<<30), "GiB") + " a node"
			need.Note = fmt.Sprintf("caches of %s, and the images of %s on the nodes, %s", list(own), list(ahead.names()), amount)
			b.cachedWords = fmt.Sprintf("caches of %s with the images of %s on the nodes before the burst (%s)", list(own), list(ahead.names()), amount)
			b.c.Tables = append(b.c.Tables, b.aheadTable(&ahead))
			b.c.Assumptions = append(b.c.Assumptions, aheadAssumption)
			break
		}
	}
	if best != nil && !best.never {
		need.Best = &best.Value
	}
	if need.Need == nil && best != nil && best.within(b.limit) {
		need.Note = shortOf(best, b.limit)
	}
	if len(apps) > mostSubsets {
		need.Note = strings.TrimPrefix(need.Note+"; apps were added in their order, not every set was tried", "; ")
	}
	b.c.Needs = append(b.c.Needs, need)
	return nil
}

const aheadAssumption = "Images that the nodes hold before the burst are on their own disks, of the versions of that time, and in use, so that the kubelet does not remove them; nodes made during the burst begin without them. On a disk made from a snapshot they are read more slowly the first time."

// aheadSets are the sets to try, the smallest first, and how many there are beside them for
// which disks have no room.
func (b *burst) aheadSets(pooled []workload.App) (sets []aheadSet, crowded int, err error) {
	for _, places := range cacheSets(len(pooled)) {
		var set aheadSet
		for _, i := range places {
			set.apps = append(set.apps, pooled[i])
		}
		fits, err := b.room(&set, pooled)
		if err != nil {
			return nil, 0, err
		}
		if !fits {
			crowded++
			continue
		}
		sets = append(sets, set)
	}
	if len(pooled) <= mostSubsets {
		slices.SortStableFunc(sets, func(x, y aheadSet) int {
			if d := len(x.apps) - len(y.apps); d != 0 {
				return d
			}
			return int(max(-1, min(1, x.bytes-y.bytes)))
		})
	}
	return sets, crowded, nil
}

// room notes what a set takes on a node, where that is most, and says whether it fits on the
// nodes of all pools.
func (b *burst) room(set *aheadSet, pooled []workload.App) (bool, error) {
	all := true
	for i := range b.Scenario.Workload.NodePools {
		bytes, fits, err := b.roomFor(set, &b.Scenario.Workload.NodePools[i], pooled)
		if err != nil {
			return false, err
		}
		set.bytes, all = max(set.bytes, bytes), all && fits
	}
	return all, nil
}

// roomFor is what a set takes on a node of a pool, and whether the images of each app of the
// burst there have room beside it below the kubelet's high mark.
func (b *burst) roomFor(set *aheadSet, pool *workload.NodePool, pooled []workload.App) (bytes int64, fits bool, err error) {
	class, err := b.Scenario.Profile.Class(pool.NodeClass)
	if err != nil {
		return 0, false, fmt.Errorf("node pool %s: %w", pool.Name, err)
	}
	inv := b.Inventory.Estimated()
	size := func(images []int) int64 {
		u := inv.Union(images...)
		if class.Pull.KeepBlobs.Value {
			return u.UnpackedBytes + u.CompressedBytes
		}
		return u.UnpackedBytes
	}
	var held []int
	for i := range set.apps {
		if set.apps[i].NodePool == pool.Name {
			held = append(held, imagesOn(inv, set.apps[i].AllImages(), pool.Platform)...)
		}
	}
	if len(held) == 0 {
		return 0, true, nil
	}
	bytes, fits = size(held), true
	held = append(held, imagesOn(inv, pool.DaemonImages, pool.Platform)...)
	for i := range pooled {
		if pooled[i].NodePool == pool.Name {
			all := size(slices.Concat(held, imagesOn(inv, pooled[i].AllImages(), pool.Platform)))
			fits = fits && float64(all) <= class.Node.HighFraction.Value*class.Node.DiskGiB.Value*(1<<30)
		}
	}
	return bytes, fits, nil
}

// imagesOn are the positions of references for a platform.
func imagesOn(inv *layers.Inventory, references []string, platform string) []int {
	var images []int
	for _, ref := range references {
		for i := range inv.Images {
			if img := &inv.Images[i]; img.Reference == ref && layers.SamePlatform(img.Platform, platform) {
				images = append(images, i)
				break
			}
		}
	}
	return images
}

// aheadTable lists the images of a set, with what each adds to a node.
func (b *burst) aheadTable(set *aheadSet) reports.CapacityTable {
	t := reports.CapacityTable{Title: "Images that the nodes are to hold before the burst", Heads: []string{"pool", "app", "image", ">adds to a node"}}
	inv := b.Inventory.Estimated()
	for i := range b.Scenario.Workload.NodePools {
		pool := &b.Scenario.Workload.NodePools[i]
		class, err := b.Scenario.Profile.Class(pool.NodeClass)
		if err != nil {
			continue // it has ended the search before
		}
		var held []int
		var before int64
		for k := range set.apps {
			app := &set.apps[k]
			if app.NodePool != pool.Name {
				continue
			}
			for _, image := range imagesOn(inv, app.AllImages(), pool.Platform) {
				held = append(held, image)
				u := inv.Union(held...)
				bytes := u.UnpackedBytes
				if class.Pull.KeepBlobs.Value {
					bytes += u.CompressedBytes
				}
				t.Rows = append(t.Rows, []string{pool.Name, app.Name, inv.Images[image].Reference, reports.CapacityAmount(float64(bytes-before)/(1<<30), "GiB")})
				before = bytes
			}
		}
	}
	return t
}
