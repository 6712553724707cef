package plan

import "math"

// worthwhile is how many of the first images of a choice an arm holds: those beyond cost
// more, by estimate, than the time that they save is worth. Where an hour is worth nothing,
// or a limit is to be kept, it is all.
func (a *poolAnswer) worthwhile(c *poolChoice) int {
	if a.WorthPerHour == 0 || a.Limit > 0 {
		return len(c.images)
	}
	best, most := 0, 0.0
	saved := 0.0
	held := a.holding(c.arm)
	for n, k := range c.images {
		saved += c.saved[n]
		held.add(k)
		if net := saved/3600*a.WorthPerHour - held.bill(); net > most+1e-9 {
			best, most = n+1, net
		}
	}
	return best
}

// estimatedBill is what holding some candidates costs in a month beyond the pool as it is:
// traffic, and disks and snapshots are paid for.
func (a *poolAnswer) estimatedBill(arm string, images []int) float64 {
	return a.holdingAll(arm, images).bill()
}

// estimatedTraffic is what holding some candidates costs of traffic: starts fetch less, and
// where they are pulled ahead every new node fetches them, and each every release.
func (a *poolAnswer) estimatedTraffic(arm string, images []int) float64 {
	return a.holdingAll(arm, images).traffic()
}

// poolHolding is what candidates that an arm holds have together, added one by one.
type poolHolding struct {
	*poolAnswer
	arm       string
	spares    []float64 // by chain
	has, paid []bool    // by chain, and by item
	// unpacked bytes on a node's disk; and compressed ones in a month of 30 days: fetched
	// ahead by new nodes, fetched after releases, and spared those that start.
	unpacked, fetched, released, spared float64
}

func (a *poolAnswer) holding(arm string) *poolHolding {
	spares := a.sparedBytes(arm)
	return &poolHolding{poolAnswer: a, arm: arm, spares: spares, has: make([]bool, len(spares)), paid: make([]bool, len(a.bytes))}
}

func (a *poolAnswer) holdingAll(arm string, images []int) *poolHolding {
	h := a.holding(arm)
	for _, k := range images {
		h.add(k)
	}
	return h
}

func (h *poolHolding) add(k int) {
	for _, item := range h.items[k] {
		if !h.paid[item] {
			h.paid[item] = true
			h.unpacked += float64(h.bytes[item])
			h.fetched += float64(h.compressed[item]) * h.newNodes()
		}
	}
	for _, c := range h.chains[k] {
		if !h.has[c] {
			h.has[c] = true
			h.spared += h.spares[c]
		}
	}
	for _, l := range h.image(k).Layers[h.Images[k].KeptLayers:] {
		h.released += float64(h.Inventory.Layers[l].CompressedBytes) * h.Images[k].ReleasesPerMonth * float64(h.Pool.Count)
	}
}

func (h *poolHolding) bill() float64 {
	more := max(0, h.unpacked-float64(h.FreeBytes)) / (1 << 30)
	bill := h.traffic()
	if price := h.Prices.Node.DiskGiBMonth; price != nil {
		bill += more * *price * float64(h.Pool.Count)
	}
	if h.arm == PoolPrePull {
		return bill
	}
	if price := h.snapshotPrice(); price != nil {
		bill += *price * h.unpacked / (1 << 30)
	}
	if price := h.Prices.Node.VolumeInitialisationGB; price != nil {
		bill += *price * h.unpacked / 1e9 * h.newNodes()
	}
	return bill
}

func (h *poolHolding) traffic() float64 {
	bytes := -h.spared
	if h.arm == PoolPrePull {
		bytes += h.fetched + h.released
	}
	return bytes / 1e9 * h.trafficPrice()
}

// sparedBytes are those that starts no longer fetch in a month where nodes hold a chain of
// layers, by the layer at its end. They are worked out once.
func (a *poolAnswer) sparedBytes(arm string) []float64 {
	if bytes, ok := a.spares[arm]; ok {
		return bytes
	}
	most := -1
	for _, chains := range a.chains {
		for _, c := range chains {
			most = max(most, c)
		}
	}
	bytes := make([]float64, most+1)
	for i := range a.Pulls {
		x := &a.Pulls[i]
		share := x.PerMonth
		if arm == PoolBaked {
			if x.Cause != Fresh {
				continue
			}
			share *= 1 - a.staleFraction(x.Image)
		}
		for n, l := range a.image(x.Image).Layers {
			if n >= x.Present {
				bytes[a.chains[x.Image][n]] += share * float64(a.Inventory.Layers[l].CompressedBytes)
			}
		}
	}
	a.spares[arm] = bytes
	return bytes
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
