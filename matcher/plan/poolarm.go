package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
)

// poolArms are those of every pool, the simplest first.
var poolArms = [...]string{PoolNothing, PoolParallel, PoolPrePull, PoolBaked}

// ChoosePool says which images the nodes of a pool should hold, and how. When ctx is done
// it returns the best choice so far with its bound; arms that were not simulated by then
// are estimated, or left out, which is said. A ctx that ends at its deadline is taken for a
// time limit. An arm that needs a price which the book lacks is left out, which is said.
func ChoosePool(ctx context.Context, p PoolProblem) (*Pool, error) {
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	m := newPoolModel(&p)
	a := &poolAnswer{poolModel: m, choices: make(map[string]*poolChoice), held: make(map[string]*poolChoice), times: make(map[string]*PoolTimes), spares: make(map[string][]float64)}
	m.progress("choosing its images")
	for _, arm := range []string{PoolPrePull, PoolBaked} {
		c, err := m.choose(ctx, arm)
		if err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		a.choices[arm], a.held[arm] = c, c.first(a.worthwhile(c))
	}
	for _, arm := range poolArms {
		if err := a.play(ctx, arm); err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
	}
	out, err := a.pool(ctx)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return out, nil
}

// poolAnswer is what becomes of a model.
type poolAnswer struct {
	*poolModel
	// choices are what was chosen for each arm that holds images, held what of it is
	// worth its price.
	choices, held map[string]*poolChoice
	times         map[string]*PoolTimes // nil where it was interrupted
	arms          []PoolArm
	// spares are bytes that starts no longer fetch, by arm and chain (sparedBytes).
	spares map[string][]float64
	// unplayed are the arms that were left out, for no estimate tells of them.
	unplayed []leftOutArm // or for want of a price
}

// leftOutArm is an arm that was not looked at, and why.
type leftOutArm struct{ arm, why string }

// images are those that an arm holds, as positions in the Inventory.
func (a *poolAnswer) images(arm string) []int {
	c := a.held[arm]
	if c == nil {
		return nil
	}
	images := make([]int, len(c.images))
	for i, k := range c.images {
		images[i] = a.Images[k].Image
	}
	return images
}

// play simulates an arm and puts it among the arms. One that would hold nothing is none.
func (a *poolAnswer) play(ctx context.Context, arm string) error {
	images := a.images(arm)
	if a.held[arm] != nil && len(images) == 0 || arm == PoolParallel && !a.Parallel {
		return nil
	}
	if price := a.missingPrice(arm); price != "" {
		a.unplayed = append(a.unplayed, leftOutArm{arm, fmt.Sprintf("the %s price book has no %s", a.Prices.Currency, price)})
		return nil
	}
	if ctx.Err() == nil {
		var err error
		a.progress("simulating " + poolArmWords[arm])
		if a.times[arm], err = a.Simulate(ctx, arm, images); err != nil && ctx.Err() == nil {
			return err
		}
	}
	if ctx.Err() != nil {
		a.times[arm] = nil
		if arm == PoolParallel {
			// No estimate tells it from nothing.
			a.unplayed = append(a.unplayed, leftOutArm{arm, "stopped before it was simulated"})
			return nil
		}
	}
	a.arms = append(a.arms, *a.arm(arm))
	return nil
}

// arm is one arm with its times and its bill. Arm nothing must have been played before.
func (a *poolAnswer) arm(arm string) *PoolArm {
	x := &PoolArm{Arm: arm, Source: "estimated", PullSeconds: a.pullTime()}
	c := a.held[arm]
	if c != nil {
		x.Images, x.AddedBytes = len(c.images), c.bytes
		x.SavedSeconds = durationOf(c.gain)
		x.PullSeconds -= x.SavedSeconds
	}
	nothing, times := a.times[PoolNothing], a.times[arm]
	if times != nil && nothing != nil && times.Span > 0 {
		perMonth := float64(cost.Month) / float64(times.Span)
		x.Source, x.Starts, x.SimulatedSeconds = "simulated", times.Starts, times.Span
		x.PullSeconds = scaledTime(times.Pull, perMonth)
		x.SavedSeconds = scaledTime(nothing.Ready-times.Ready, perMonth)
		if times.Starts > 0 {
			mean := times.Ready / time.Duration(times.Starts)
			x.MeanSeconds, x.P99Seconds, x.SlowestSeconds = &mean, &times.P99, &times.Slowest
		}
		if a.Limit > 0 && times.Starts > 0 {
			meets := times.Limited <= a.Limit
			x.MeetsLimit = &meets
		}
	}
	x.Cost = a.bill(arm, c)
	x.NetSaved = a.Prices.Money(x.SavedSeconds.Hours()*a.WorthPerHour - x.Cost.Total.Amount)
	x.Reason = a.armReason(arm, c)
	return x
}

// pullTime is the estimate of all pulls of a month as the pool is.
func (a *poolAnswer) pullTime() time.Duration {
	var sum float64
	for i := range a.Pulls {
		x := &a.Pulls[i]
		sum += x.PerMonth * a.timesOf(x.Image, x.Again).with[x.Present].Seconds()
	}
	return durationOf(sum)
}

// missingPrice names a price that the bill of an arm needs and the book lacks; empty is
// none.
func (a *poolAnswer) missingPrice(arm string) string {
	switch c := a.held[arm]; {
	case c != nil && c.bytes > a.FreeBytes && a.Prices.Node.DiskGiBMonth == nil:
		return "node.diskGiBMonth"
	case arm == PoolBaked && a.snapshotPrice() == nil:
		return "node.snapshotGiBMonth"
	}
	return ""
}

// bill prices an arm beyond the pool as it is. The book has the prices that it needs.
func (a *poolAnswer) bill(arm string, c *poolChoice) PoolBill {
	b := PoolBill{Traffic: a.Prices.Money(a.trafficPrice() * a.extraGB(arm))}
	zero := a.Prices.Money(0)
	b.Disk, b.Snapshot, b.Initialisation = zero, zero, zero
	if c != nil {
		if a.times[arm] == nil || a.times[PoolNothing] == nil {
			b.Traffic = a.Prices.Money(a.estimatedTraffic(arm, c.images))
		}
		if more := c.bytes - a.FreeBytes; more > 0 {
			b.Disk = a.Prices.Money(*a.Prices.Node.DiskGiBMonth * gibOfBytes(more) * float64(a.Pool.Count))
		}
	}
	if arm == PoolBaked {
		b.Snapshot = a.Prices.Money(*a.snapshotPrice() * gibOfBytes(c.bytes))
		if perGB := a.Prices.Node.VolumeInitialisationGB; perGB != nil {
			b.Initialisation = a.Prices.Money(*perGB * float64(c.bytes) / 1e9 * a.newNodes())
		}
	}
	total := b.Traffic.Amount + b.Disk.Amount + b.Snapshot.Amount + b.Initialisation.Amount
	b.Total = a.Prices.Money(total)
	return b
}

// trafficPrice is what a GB from the registry to a node costs; what has no price is free.
func (a *poolAnswer) trafficPrice() float64 {
	var sum float64
	for _, price := range []*float64{a.Prices.Node.NATEgressGB, a.Prices.Node.RegistryEgressGB} {
		if price != nil {
			sum += *price
		}
	}
	return sum
}

// extraGB are the GB that an arm fetches in a month beyond arm nothing.
func (a *poolAnswer) extraGB(arm string) float64 {
	nothing, times := a.times[PoolNothing], a.times[arm]
	if nothing == nil || times == nil || times.Span == 0 {
		return 0
	}
	return float64(times.FetchedBytes-nothing.FetchedBytes) / 1e9 * float64(cost.Month) / float64(times.Span)
}

// newNodes are those made in a month.
func (a *poolAnswer) newNodes() float64 {
	if life := a.Pool.Lifetime(); life > 0 {
		return float64(a.Pool.Count) * float64(cost.Month) / float64(life)
	}
	return 0
}

// rank puts the advised arm first: with a limit the cheapest that meets it, else the one
// whose saved time is worth most beyond its bill; of equal ones the simpler. Where none is
// known to meet the limit, it is the one that comes nearest.
func (a *poolAnswer) rank() {
	slices.SortStableFunc(a.arms, func(x, y PoolArm) int {
		if a.Limit > 0 {
			switch rank := limitRank(&x); {
			case rank != limitRank(&y):
				return cmp.Compare(rank, limitRank(&y))
			case rank == 0:
				return compareMoney(x.Cost.Total, y.Cost.Total)
			case rank == 1:
				return cmp.Or(cmp.Compare(a.times[x.Arm].Limited, a.times[y.Arm].Limited), compareMoney(x.Cost.Total, y.Cost.Total))
			}
		}
		if a.WorthPerHour > 0 {
			return compareMoney(y.NetSaved, x.NetSaved)
		}
		return cmp.Or(cmp.Compare(y.SavedSeconds, x.SavedSeconds), compareMoney(x.Cost.Total, y.Cost.Total))
	})
}

// compareMoney compares amounts of one currency but for rounding.
func compareMoney(x, y cost.Money) int {
	if math.Abs(x.Amount-y.Amount) < 1e-9 {
		return 0
	}
	return cmp.Compare(x.Amount, y.Amount)
}

func gibOfBytes(bytes int64) float64 { return float64(bytes) / (1 << 30) }

// durationOf is a time of so many seconds, at most what a Duration holds.
func durationOf(s float64) time.Duration {
	return time.Duration(math.Round(min(s*1e9, math.MaxInt64/2)))
}

func scaledTime(d time.Duration, factor float64) time.Duration {
	return time.Duration(math.Round(max(-math.MaxInt64/2, min(float64(d)*factor, math.MaxInt64/2))))
}
