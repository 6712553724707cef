package plan_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// randomPool is a tiny pool: images of up to 4 layers of a tree, and pulls of all kinds.
func randomPool(r *rand.Rand) plan.PoolProblem {
	var sizes []float64
	for range 8 {
		sizes = append(sizes, math.Round(1+20*r.Float64())/8)
	}
	images := map[string][]int{}
	for i := range 2 + r.IntN(6) {
		var list []int
		for n := range 1 + r.IntN(4) {
			list = append(list, 2*n+r.IntN(2)) // two layers to choose from at each height
		}
		images[string(rune('a'+i))] = list
	}
	inv := inventory(sizes, images)
	list := candidates(inv)
	for k := range list {
		if r.IntN(2) == 0 {
			list[k].ReleasesPerMonth, list[k].KeptLayers = float64(1+r.IntN(30)), r.IntN(len(inv.Images[k].Layers)+1)
		}
	}
	var pulls []plan.PoolPull
	for range r.IntN(12) {
		i := r.IntN(len(list))
		pulls = append(pulls, plan.PoolPull{
			Image: i, Present: r.IntN(len(inv.Images[i].Layers) + 1), Again: r.IntN(4) == 0,
			Cause: []string{plan.Fresh, plan.Released, plan.Evicted}[r.IntN(3)], PerMonth: float64(r.IntN(40)),
		})
	}
	p := poolOf(inv, list, pulls, 8*r.Float64())
	p.Rebuild = time.Duration(1+r.IntN(40)) * 24 * time.Hour
	p.FirstRead = func(bytes int64) time.Duration { return seconds(2 * float64(bytes) / gib) }
	if r.IntN(3) == 0 {
		p.Held = []int{r.IntN(len(list))}
	}
	if r.IntN(2) == 0 { // the images of a baked disk are listed
		p.Simulate = func(_ context.Context, arm string, _ []int) (*plan.PoolTimes, error) {
			ready := 10 * time.Hour
			if arm == plan.PoolBaked {
				ready = time.Hour
			}
			return &plan.PoolTimes{Span: workload.Month, Starts: 10, Ready: ready}, nil
		}
	}
	return p
}

// spared is what a set of images spares of the pulls of a month, by what the problem says
// of one pull on a node that has all their layers, and what they add to its disk. Baked
// says how they are held.
func spared(p *plan.PoolProblem, set []int, baked bool, stale []float64) (saved float64, bytes int64) {
	inv := p.Inventory
	has := func(i, n int, of []int) bool { // whether any of them has i's n lowest layers
		for _, k := range of {
			other := inv.Images[k].Layers
			match := len(other) >= n
			for m := 0; match && m < n; m++ {
				match = other[m] == inv.Images[i].Layers[m]
			}
			if match {
				return true
			}
		}
		return false
	}
	paid := map[string]bool{}
	for _, i := range set {
		chain := ""
		for n, l := range inv.Images[i].Layers {
			chain += string(rune('0' + l))
			if !paid[chain] && !has(i, n+1, p.Held) {
				paid[chain] = true
				bytes += *inv.Layers[l].UnpackedBytes
			}
		}
	}
	for _, x := range p.Pulls {
		i := x.Image
		before := p.PullTime(i, x.Present, false, x.Again)
		at := func(n int) time.Duration { return before - p.PullTime(i, max(n, x.Present), false, x.Again) }
		depth, whole := 0, false
		for n := range inv.Images[i].Layers {
			if has(i, n+1, set) {
				depth = n + 1
			}
		}
		for _, k := range set {
			whole = whole || k == i
		}
		full := at(depth)
		if whole {
			full = before - p.PullTime(i, depth, true, x.Again)
		}
		gain := full.Seconds()
		if baked {
			kept := min(depth, p.Images[i].KeptLayers)
			read := func(n int) float64 {
				var bytes int64
				for _, l := range inv.Images[i].Layers[:n] {
					bytes += *inv.Layers[l].UnpackedBytes
				}
				return p.FirstRead(bytes).Seconds()
			}
			switch x.Cause {
			case plan.Fresh:
				gain = (1-stale[i])*(full.Seconds()-read(depth)) + stale[i]*(at(kept).Seconds()-read(kept))
			case plan.Released:
				gain = at(kept).Seconds()
			default:
				gain = 0
			}
		}
		saved += x.PerMonth * max(0, gain)
	}
	return saved, bytes
}

// staleShares are, for each image, how many of the new nodes have an older version: the
// mean over the ages of their disk.
func staleShares(p *plan.PoolProblem) []float64 {
	shares := make([]float64, len(p.Images))
	for i := range shares {
		const steps = 10000
		for k := range steps {
			age := (float64(k) + 0.5) / steps * p.Rebuild.Hours()
			shares[i] += math.Min(1, age*p.Images[i].ReleasesPerMonth/workload.Month.Hours()) / steps
		}
	}
	return shares
}

// TestPoolBruteForce: on a thousand tiny pools no set of images within the budget spares more
// than the plan, whose objective is what its own set spares, and which says that it is
// proven; nor does any more at the ends of its curve, or with a tenth more of disk.
func TestPoolBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	some := 0
	for n := range instances {
		p := randomPool(r)
		if n%5 == 0 {
			p.Points, p.More = 2, true
		}
		got, err := plan.ChoosePool(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		best, stale := 0.0, staleShares(&p)
		points := slices.Clone(got.Curve)
		if p.More {
			points = append(points, *got.Sensitivity.More)
		}
		within := make([]float64, len(points)) // the best of each point's budget
		for mask := range 1 << len(p.Images) {
			var set []int
			for k := range p.Images {
				if mask&(1<<k) != 0 {
					set = append(set, k)
				}
			}
			saved, bytes := spared(&p, set, got.HeldBy == plan.PoolBaked, stale)
			if bytes <= p.DiskBudgetBytes {
				best = max(best, saved)
			}
			for i := range points {
				if bytes <= points[i].DiskBudgetBytes {
					within[i] = max(within[i], saved)
				}
			}
		}
		for i, x := range points {
			if math.Abs(x.SavedSeconds.Seconds()-within[i]) > 1e-3 || x.BoundSeconds.Seconds() < within[i]-1e-3 || x.AddedBytes > x.DiskBudgetBytes {
				t.Fatalf("pool %d, held by %s: within %d bytes %+v; the best is %v", n, got.HeldBy, x.DiskBudgetBytes, x, within[i])
			}
		}
		if len(got.Images) > 0 {
			some++
		}
		var own []int
		var cumulative time.Duration
		for _, img := range got.Images {
			own = append(own, p.Inventory.Find(img.Reference, platform, noon))
			if cumulative += img.SavedSeconds; (cumulative - img.CumulativeSeconds).Abs() > time.Millisecond {
				t.Fatalf("pool %d: the gains add up to %v, not %v", n, cumulative, img.CumulativeSeconds)
			}
		}
		saved, bytes := spared(&p, own, got.HeldBy == plan.PoolBaked, stale)
		const rounding = 1e-3
		if math.Abs(saved-got.ObjectiveSeconds.Seconds()) > rounding || math.Abs(best-saved) > rounding || bytes > p.DiskBudgetBytes || got.Status != plan.Optimal {
			t.Fatalf("pool %d, held by %s: the plan spares %v (%v by its images, %d bytes of %d), %s; the best is %v", n, got.HeldBy, got.ObjectiveSeconds, saved, bytes, p.DiskBudgetBytes, got.Status, best)
		}
		if len(got.Images) > 0 && got.Images[len(got.Images)-1].CumulativeBytes != bytes {
			t.Fatalf("pool %d: the images take %d bytes, not %d", n, bytes, got.Images[len(got.Images)-1].CumulativeBytes)
		}
	}
	if some < 3*instances/10 {
		t.Errorf("only %d plans hold any image", some)
	}
}
