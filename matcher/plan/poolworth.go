package plan

import (
	"iter"
	"math"
)

// worthwhile is how many of the first images of a choice an arm holds: those beyond cost
// more, by estimate, than the time that they save is worth. Where an hour is worth nothing,
// or a limit is to be kept, it is all.
func (a *poolAnswer) worthwhile(c *poolChoice) int {
	if a.WorthPerHour == 0 || a.Limit > 0 {
		return len(c.images)
	}
	best, most := 0, 0.0
	saved := 0.0
	for n := range c.images {
		saved += c.saved[n]
		if net := saved/3600*a.WorthPerHour - a.estimatedBill(c.arm, c.images[:n+1]); net > most+1e-9 {
			best, most = n+1, net
		}
	}
	return best
}

// estimatedBill is what holding some candidates costs in a month beyond the pool as it is:
// traffic, and disks and snapshots are paid for.
func (a *poolAnswer) estimatedBill(arm string, images []int) float64 {
	var unpacked float64
	for item := range a.itemsOf(images) {
		unpacked += float64(a.bytes[item])
	}
	more := max(0, unpacked-float64(a.FreeBytes)) / (1 << 30)
	bill := a.estimatedTraffic(arm, images)
	if price := a.Prices.Node.DiskGiBMonth; price != nil {
		bill += more * *price * float64(a.Pool.Count)
	}
	if arm == PoolPrePull {
		return bill
	}
	if price := a.snapshotPrice(); price != nil {
		bill += *price * unpacked / (1 << 30)
	}
	if price := a.Prices.Node.VolumeInitialisationGB; price != nil {
		bill += *price * unpacked / 1e9 * a.newNodes()
	}
	return bill
}

// estimatedTraffic is what holding some candidates costs of traffic: starts fetch less, and
// where they are pulled ahead every new node fetches them, and each every release.
func (a *poolAnswer) estimatedTraffic(arm string, images []int) float64 {
	var fetched, spared float64
	for i := range a.Pulls {
		spared += a.sparedBytes(arm, &a.Pulls[i], images)
	}
	if arm == PoolPrePull {
		for item := range a.itemsOf(images) {
			fetched += float64(a.compressed[item]) * a.newNodes()
		}
		for _, k := range images {
			for _, l := range a.image(k).Layers[a.Images[k].KeptLayers:] {
				fetched += float64(a.Inventory.Layers[l].CompressedBytes) * a.Images[k].ReleasesPerMonth * float64(a.Pool.Count)
			}
		}
	}
	return (fetched - spared) / 1e9 * a.trafficPrice()
}

// itemsOf are the items of some candidates, each once, in one order: sums of float64 depend
// on it.
func (a *poolAnswer) itemsOf(images []int) iter.Seq[int] {
	return func(yield func(int) bool) {
		have := make(map[int]bool)
		for _, k := range images {
			for _, item := range a.items[k] {
				if !have[item] {
					if have[item] = true; !yield(item) {
						return
					}
				}
			}
		}
	}
}

// sparedBytes are those that like pulls no longer fetch in a month.
func (a *poolAnswer) sparedBytes(arm string, x *PoolPull, images []int) float64 {
	share := x.PerMonth
	if arm == PoolBaked {
		if x.Cause != Fresh {
			return 0
		}
		share *= 1 - a.staleFraction(x.Image)
	}
	shared := 0
	for _, k := range images {
		shared = max(shared, a.sharedLayers(x.Image, k))
	}
	var bytes int64
	for n, l := range a.image(x.Image).Layers {
		if n >= x.Present && n < shared {
			bytes += a.Inventory.Layers[l].CompressedBytes
		}
	}
	return share * float64(bytes)
}

// snapshotPrice is that of a GiB of a stored disk; nil is unknown.
func (a *poolAnswer) snapshotPrice() *float64 {
	if price := a.Prices.Node.SnapshotGiBMonth; price != nil {
		return price
	}
	return a.Prices.SnapshotGiBMonth // a node's disk is stored as a cache's is
}

// first are the first n images of a choice.
func (c *poolChoice) first(n int) *poolChoice {
	if n == len(c.images) {
		return c
	}
	part := *c
	part.images, part.added, part.saved = c.images[:n], c.added[:n], c.saved[:n]
	part.bytes, part.gain = 0, 0
	for k := range n {
		part.bytes += c.added[k]
		part.gain += c.saved[k]
	}
	part.bound = math.Max(c.bound, part.gain)
	return &part
}
