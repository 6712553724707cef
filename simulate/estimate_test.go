package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestEstimateError says how far the estimate of a start is from its simulation on
// an idle node, over images and profiles drawn at random, for each thing that the
// estimate does not know: exact where EstimateStart says so. With draws, the
// simulation is the median of 31 repeats. The bounds are above what was found
// (2026-11) by a third or more.
func TestEstimateError(t *testing.T) {
	race.Skip(t)
	for _, test := range []struct {
		name               string
		change             func(r *rand.Rand, p *Profile, s *Start)
		repeats            int
		median, p95, worst float64 // bounds of the relative error
	}{
		{"manifest order", func(*rand.Rand, *Profile, *Start) {}, 1, 1e-8, 1e-8, 1e-7},
		{"cached", cachedStart, 1, 1e-8, 1e-8, 1e-7},
		{"tree of links", treeOfLinks, 1, 1e-8, 1e-8, 1e-7},
		{"one of the node's pulls", onNode, 1, 1e-8, 1e-8, 1e-7},
		{"race order", racing, 1, 0.03, 0.13, 0.26},
		{"race order, median of draws", racing, 31, 0.015, 0.08, 0.2},
		{"drawn times and connections", drawnTimes, 31, 0.012, 0.045, 0.09},
		{"parallel unpack on two cores", parallelUnpack, 1, 0.03, 0.28, 0.5},
		{"transfers beside unpacks", besideUnpacks, 1, 0.004, 0.1, 0.2},
		{"two images at once", twoAtOnce, 1, 0.11, 0.7, 1},
		{"all of these", func(r *rand.Rand, p *Profile, s *Start) {
			for _, change := range []func(*rand.Rand, *Profile, *Start){cachedStart, onNode, racing, drawnTimes} {
				if r.IntN(2) == 0 {
					change(r, p, s)
				}
			}
		}, 31, 0.005, 0.05, 0.13},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 0))
			var errs []float64
			for range 300 {
				inv, p, s := likelyStart(r)
				test.change(r, p, s)
				errs = append(errs, estimateError(t, inv, p, s, test.repeats))
			}
			slices.Sort(errs)
			median, p95, worst := errs[150], errs[285], errs[299]
			t.Logf("relative error: median %.2g, p95 %.2g, worst %.2g", median, p95, worst)
			if median > test.median || p95 > test.p95 || worst > test.worst {
				t.Errorf("bounds are %.2g, %.2g, %.2g", test.median, test.p95, test.worst)
			}
		})
	}
}

func estimateError(t *testing.T, inv *layers.Inventory, p *Profile, s *Start, repeats int) float64 {
	t.Helper()
	e, err := EstimateStart(inv, p, s)
	if err != nil {
		t.Fatal(err)
	}
	var ready []time.Duration
	for _, got := range run(t, inv, p, Options{Repeats: repeats, Seed: 3}, *s) {
		ready = append(ready, got.Ready)
		if got.FetchedBytes != e.FetchedBytes || got.UnpackedBytes != e.UnpackedBytes || got.Hit != e.Hit {
			t.Fatalf("estimate fetches %d, unpacks %d, %s; simulation %d, %d, %s", e.FetchedBytes, e.UnpackedBytes, e.Hit, got.FetchedBytes, got.UnpackedBytes, got.Hit)
		}
	}
	slices.Sort(ready)
	simulated := ready[len(ready)/2].Seconds()
	return math.Abs(e.Ready.Seconds()-simulated) / simulated
}

// likelyStart is of one to three images on one base, of sizes as images have, on
// one of the built-in profiles with another network.
func likelyStart(r *rand.Rand) (*layers.Inventory, *Profile, *Start) {
	size := func(median float64) int64 { return int64(median * math.Exp(1.2*r.NormFloat64())) }
	layer := func(name string) testLayer {
		compressed := size(8 * mb)
		return testLayer{name, compressed, compressed * int64(2+r.IntN(3)), compressed / 12000}
	}
	var base []testLayer
	for i := range 1 + r.IntN(3) {
		base = append(base, layer(fmt.Sprint("base ", i)))
	}
	images := make([][]testLayer, 1+r.IntN(3))
	s := &Start{App: "a"}
	for i := range images {
		images[i] = slices.Clone(base)
		for k := range 1 + r.IntN(8) {
			images[i] = append(images[i], layer(fmt.Sprint(i, " ", k)))
		}
		s.Images = append(s.Images, i)
	}
	p := []func() *Profile{Containerd, ECI}[r.IntN(2)]()
	p.Pull.RequestOrder.Value = "manifest"
	p.Network.Node.Value = network.Rate(20+r.IntN(300)) * mb
	p.Network.RoundTrip.Value = time.Duration(r.IntN(30)) * ms
	return inventory(images...), p, s
}

func cachedStart(r *rand.Rand, p *Profile, s *Start) {
	s.CacheID, s.Held = "c", []int{r.IntN(len(s.Images))}
	p.Cache.Copy.Value = network.Rate(10+r.IntN(200)) * mb
}

func treeOfLinks(r *rand.Rand, p *Profile, _ *Start) {
	link := func(parent string) LinkProfile {
		return LinkProfile{Rate: is(network.Rate(20+r.IntN(300))*mb, ""), Parent: parent}
	}
	p.Network.Links = map[string]LinkProfile{"zone": link(""), "rack": link("zone")}
	p.Network.Attach = []string{"rack"}
}

func onNode(_ *rand.Rand, p *Profile, s *Start) {
	s.Node = "n"
	p.Node.Boot.Value = 20 * time.Second
}

func racing(_ *rand.Rand, p *Profile, _ *Start) { p.Pull.RequestOrder.Value = "race" }

func drawnTimes(r *rand.Rand, p *Profile, _ *Start) {
	times := func(x *Parameter[time.Duration], sigma float64) {
		*x = Parameter[time.Duration]{Distribution: "lognormal", Median: max(1, x.Value), Sigma: sigma}
	}
	times(&p.Network.RoundTrip, 0.3)
	times(&p.Network.Request, 0.5)
	times(&p.Start.Provision, 0.2)
	times(&p.Start.Create, 0.3)
	p.Network.Connection = Parameter[network.Rate]{Distribution: "lognormal", Median: network.Rate(20+r.IntN(100)) * mb, Sigma: 0.4}
}

func parallelUnpack(_ *rand.Rand, p *Profile, _ *Start) { p.Unpack.Parallel.Value = true }

func twoAtOnce(_ *rand.Rand, p *Profile, _ *Start) {
	p.Pull.MaxParallelImages.Value, p.Pull.MaxParallelPulls.Value = 2, 2
}

func besideUnpacks(r *rand.Rand, p *Profile, _ *Start) {
	p.Unpack.Fetch.Value, p.Unpack.FetchDiskFraction.Value = network.Rate(20+r.IntN(200))*mb, 0.5*r.Float64()
}
