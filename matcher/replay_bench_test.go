package matcher

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// replayFleet is a workload of apps of one image each on one of ten bases, and where
// sidecars is above 0 one of as many sidecars; apps start by Zipf's law.
type replayFleet struct {
	apps, starts, sidecars, manual int
	releases                       float64
	// spread is 1 for Zipf's law, 0 for equal shares.
	spread float64
}

func (f replayFleet) make() (*layers.Inventory, []workload.App, []Cache, []workload.Event) {
	inv := &layers.Inventory{}
	layer := func(n int64) int {
		unpacked := 3 * n
		i := len(inv.Layers)
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprintf("sha256:%064d", i)), DiffID: layers.Digest(fmt.Sprint("diff ", i)), CompressedBytes: n, UnpackedBytes: &unpacked})
		return i
	}
	image := func(ref string, l ...int) {
		inv.Images = append(inv.Images, layers.Image{Reference: ref, Digest: layers.Digest(fmt.Sprintf("sha256:%064x", len(inv.Images))), Platform: "linux/amd64", Layers: l})
	}
	var bases []int
	for range 10 {
		bases = append(bases, layer(30e6))
	}
	for i := range f.sidecars {
		image(fmt.Sprintf("r.example/sidecar%d:1", i), layer(20e6), layer(1e6))
	}
	apps := make([]workload.App, f.apps)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range apps {
		ref := fmt.Sprintf("r.example/app%d:1", i)
		image(ref, bases[i%len(bases)], layer(10e6), layer(1e6))
		apps[i] = workload.App{Name: fmt.Sprint("app", i), Images: []string{ref}}
		if f.sidecars > 0 {
			apps[i].Images = append(apps[i].Images, fmt.Sprintf("r.example/sidecar%d:1", i%f.sidecars))
		}
	}
	var caches []Cache
	for i := range f.manual {
		c := Cache{ID: fmt.Sprint("imc-", i), SizeGiB: 20 + float64(i%3)*10, Status: StatusReady, CreationTime: now}
		for j := range 5 {
			c.Images = append(c.Images, apps[(5*i+j)%len(apps)].Images[0])
		}
		caches = append(caches, c)
	}
	return inv, apps, caches, f.events(rng)
}

func (f replayFleet) events(rng *rand.Rand) []workload.Event {
	draw := func() int { return rng.IntN(f.apps) }
	if f.spread > 0 {
		zipf := rand.NewZipf(rng, 1+f.spread/10, 1, uint64(f.apps-1))
		draw = func() int { return int(zipf.Uint64()) }
	}
	events := make([]workload.Event, 0, f.starts)
	for range f.starts {
		events = append(events, workload.Event{At: time.Duration(rng.Int64N(int64(2*workload.Month))) - workload.Month, App: draw()})
	}
	for i := range f.apps {
		for range int(2 * f.releases) {
			events = append(events, workload.Event{At: time.Duration(rng.Int64N(int64(2*workload.Month))) - workload.Month, App: i, Release: true})
		}
	}
	slices.SortFunc(events, func(x, y workload.Event) int { return cmp.Compare(x.At, y.At) })
	return events
}

// BenchmarkReplay: a million starts. thrash is more apps, starting as often as one
// another, than there may be automatic caches; sidecar gives all of them one image
// in common, so that every cache matters to every app.
func BenchmarkReplay(b *testing.B) {
	for _, test := range []struct {
		name     string
		fleet    replayFleet
		policies []string
	}{
		{"apps=1000/caches=200/case=zipf", replayFleet{apps: 1000, starts: 1e6, manual: 200, releases: 4, spread: 1}, nil},
		{"apps=500/caches=0/case=thrash", replayFleet{apps: 500, starts: 1e6}, nil},
		{"apps=500/caches=0/case=thrash-repeat", replayFleet{apps: 500, starts: 1e6}, []string{"repeat-automatic=true"}},
		{"apps=1000/caches=200/case=sidecar", replayFleet{apps: 1000, starts: 1e6, sidecars: 1, manual: 200, releases: 4, spread: 1}, nil},
		{"apps=1000/caches=200/case=sidecar-thrash-repeat", replayFleet{apps: 1000, starts: 1e6, sidecars: 1, manual: 200, releases: 4}, []string{"repeat-automatic=true"}},
		{"apps=1000/caches=200/case=any-layer", replayFleet{apps: 1000, starts: 1e6, manual: 200, releases: 4, spread: 1}, []string{"threshold=layer"}},
	} {
		b.Run(test.name, func(b *testing.B) {
			inv, apps, caches, events := test.fleet.make()
			p := DefaultPolicy()
			for _, s := range test.policies {
				if err := p.Set(s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			var sum HitRate
			for b.Loop() {
				sum = HitRate{}
				_, _, err := New(inv, "linux/amd64", now, p).Replay(b.Context(), apps, caches, slices.Values(events), ReplayOptions{
					Automatic: true, From: -workload.Month, To: workload.Month, Day: func(d HitRate) { sum.Add(&d) },
					BuildTime: func([]string, float64) time.Duration { return 10 * time.Minute },
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(sum.Starts)*float64(b.N)/b.Elapsed().Seconds(), "starts/s")
			b.ReportMetric(float64(sum.Hits)/float64(sum.Starts), "hit-fraction")
			b.ReportMetric(float64(sum.Created), "created")
		})
	}
}
