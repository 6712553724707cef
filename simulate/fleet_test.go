package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cachebench/cachebench/internal/fleet"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// fleetScenario is a fleet as the engine's inputs: an image for each list of
// layers, a node class for each speed and link, and starts in order of time.
type fleetScenario struct {
	w      *world
	starts []Start
	pull   []int // of each start, its place in the fleet
}

func scenarioOf(t testing.TB, f fleet.Fleet) *fleetScenario {
	p := bare()
	p.Network.Links = make(map[string]LinkProfile)
	p.Pull.MaxConcurrentDownloads.Value = int64(f.Slots)
	p.Unpack.Gzip = is(network.Rate(f.UnpackBytesPerSecond), "")
	for i, l := range f.Links {
		if i == 0 {
			p.Network.Uplink = is(network.Rate(l.BytesPerSecond), "")
			continue
		}
		link := LinkProfile{Rate: is(network.Rate(l.BytesPerSecond), "")}
		if l.Parent > 0 {
			link.Parent = f.Links[l.Parent].Name
		}
		p.Network.Links[l.Name] = link
	}
	inv, imageOf := fleetImages(f)
	w, err := newWorld(inv, p)
	if err != nil {
		t.Fatal(err)
	}
	s := &fleetScenario{w: w}
	for i, pull := range f.Pulls {
		name := addClass(w, f, f.Nodes[pull.Node])
		s.starts = append(s.starts, Start{App: "a", Requested: pull.Start, Images: []int{imageOf[i]}, NodeClass: name})
		s.pull = append(s.pull, i)
	}
	slices.SortStableFunc(s.pull, func(i, j int) int { return cmp.Compare(f.Pulls[i].Start, f.Pulls[j].Start) })
	slices.SortStableFunc(s.starts, func(x, y Start) int { return cmp.Compare(x.Requested, y.Requested) })
	return s
}

// fleetImages makes an image of each list of layers, whose layers take as long to
// unpack as their stored bytes say.
func fleetImages(f fleet.Fleet) (*layers.Inventory, []int) {
	inv, none := &layers.Inventory{}, int64(0)
	known := make(map[*int64]int)
	var imageOf []int
	for _, pull := range f.Pulls {
		image, ok := known[&pull.Layers[0]]
		if !ok {
			image = len(inv.Images)
			known[&pull.Layers[0]] = image
			one := layers.Image{Reference: fmt.Sprintf("example.com/fleet:%d", image)}
			for j := range pull.Layers {
				one.Layers = append(one.Layers, len(inv.Layers))
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: layers.Digest(fmt.Sprintf("%d/%d", image, j)), MediaType: gzip,
					CompressedBytes: pull.Layers[j], UnpackedBytes: &pull.Layers[j], Files: &none,
				})
			}
			inv.Images = append(inv.Images, one)
		}
		imageOf = append(imageOf, image)
	}
	return inv, imageOf
}

// addClass adds a node class, past the profile file that would name it.
func addClass(w *world, f fleet.Fleet, node fleet.Node) string {
	name := fmt.Sprint(node.Link, node.BytesPerSecond, node.ConnectionBytesPerSecond)
	if w.classes[name] == nil {
		c := *w.classes[""]
		c.name = name
		c.rate, c.connection = network.Rate(node.BytesPerSecond), network.Rate(node.ConnectionBytesPerSecond)
		if node.Link > 0 {
			c.links = []string{f.Links[node.Link].Name}
		}
		w.classes[name] = &c
	}
	return name
}

func (s *fleetScenario) run(t testing.TB, emit func(start int, s *Startup)) {
	t.Helper()
	err := newEngine(s.w, &Options{}, 0, emit).run(context.Background(), func(yield func(int, *Start) bool) {
		for i := range s.starts {
			if !yield(i, &s.starts[i]) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAgainstSimGrid: each start of the fleets that SimGrid has run is ready at
// the same time (internal/fleet, simulate/network/testdata/simgrid).
func TestAgainstSimGrid(t *testing.T) {
	race.Skip(t)
	for _, c := range fleet.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			want, err := fleet.ReadReadyFile(filepath.Join("..", fleet.CasesDir, c.Name+".txt.gz"))
			if err != nil {
				t.Fatal(err)
			}
			s := scenarioOf(t, c.Fleet)
			worst, ready := 0.0, 0
			s.run(t, func(i int, x *Startup) {
				got, want := (x.Requested + x.Ready).Seconds(), want[s.pull[i]]
				worst = max(worst, math.Abs(got-want)/want)
				ready++
			})
			t.Logf("%d pulls, worst difference %.2g relative", ready, worst)
			if worst > 1e-6 || ready != len(want) {
				t.Errorf("%d of %d pulls are ready, at times that differ by up to %g relative", ready, len(want), worst)
			}
		})
	}
}

// BenchmarkFleet simulates the fleets that SimGrid has run, and larger ones whose
// pulls take their layers from a thousand images.
func BenchmarkFleet(b *testing.B) {
	cases := fleet.Cases()
	for _, n := range []int{10_000, 100_000} {
		cases = append(cases, fleet.Case{Name: fmt.Sprint("star-", n), Fleet: fleet.Star(n, 1).FromCatalogue(1000)})
	}
	for _, c := range cases {
		s := scenarioOf(b, c.Fleet)
		b.Run("fleet="+c.Name, func(b *testing.B) {
			b.ReportAllocs()
			begin := cpuTime()
			for b.Loop() {
				s.run(b, func(int, *Startup) {})
			}
			b.ReportMetric(float64(len(s.starts))*float64(b.N)/(cpuTime()-begin).Seconds(), "pulls/cpu-sec")
		})
	}
}
