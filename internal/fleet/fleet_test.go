package fleet

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestStarIsTheWorkload holds the generator to the figures of the workload.
func TestStarIsTheWorkload(t *testing.T) {
	const nodes = 20_000
	f := Star(nodes, 1)
	if len(f.Nodes) != nodes || len(f.Pulls) != nodes {
		t.Fatalf("%d nodes and %d pulls, want %d of each", len(f.Nodes), len(f.Pulls), nodes)
	}
	if want := []Link{{Name: "registry", Parent: -1, BytesPerSecond: nodes * 12e6}}; !cmp.Equal(f.Links, want) {
		t.Errorf("links %v, want %v", f.Links, want)
	}
	var sizes []float64
	var starts float64
	perImage, speeds := map[int]int{}, map[float64]int{}
	for i, p := range f.Pulls {
		if p.Node != i || p.Start < 0 || p.Start >= 20*time.Second {
			t.Fatalf("pull %d is of node %d at %v", i, p.Node, p.Start)
		}
		perImage[len(p.Layers)]++
		starts += p.Start.Seconds()
		speeds[f.Nodes[i].BytesPerSecond]++
		for _, bytes := range p.Layers {
			sizes = append(sizes, float64(bytes))
		}
	}
	slices.Sort(sizes)
	if sizes[0] < 1000 {
		t.Errorf("a layer has %v bytes", sizes[0])
	}
	near(t, "layers an image", float64(len(sizes))/nodes, 8.2, 0.01)
	near(t, "median layer", sizes[len(sizes)/2], 13e6, 0.02)
	near(t, "layer one sigma above", sizes[int(0.841345*float64(len(sizes)))], 13e6*math.Exp(1.4), 0.03)
	near(t, "mean start", starts/nodes, 10, 0.02)
	for _, speed := range []float64{60e6, 125e6, 250e6} {
		near(t, "nodes of a speed", float64(speeds[speed]), nodes/3.0, 0.05)
	}
	for count := range perImage {
		if count < 5 || count > 11 {
			t.Errorf("%d images have %d layers", perImage[count], count)
		}
	}
	if len(perImage) != 7 {
		t.Errorf("numbers of layers %v, want 5 to 11", perImage)
	}
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*want {
		t.Errorf("%s: %v, want %v within %v", what, got, want, relative)
	}
}

func TestTree(t *testing.T) {
	const nodes, racks = 1000, 20
	f := Tree(nodes, racks, 1)
	if !cmp.Equal(f.Pulls, Star(nodes, 1).Pulls) {
		t.Error("the pulls are not those of the star")
	}
	speeds := map[float64]bool{}
	onRack := make([]int, len(f.Links))
	for _, n := range f.Nodes {
		speeds[n.BytesPerSecond] = true
		onRack[n.Link]++
		if n.BytesPerSecond < 40e6 || n.BytesPerSecond > 260e6 || n.BytesPerSecond != math.Trunc(n.BytesPerSecond) {
			t.Errorf("a node of %v bytes/s", n.BytesPerSecond)
		}
	}
	if len(speeds) != nodes {
		t.Errorf("%d different speeds of %d nodes", len(speeds), nodes)
	}
	if f.Links[0] != Star(nodes, 1).Links[0] || len(f.Links) != 1+racks {
		t.Errorf("links %v", f.Links)
	}
	for i, l := range f.Links[1:] {
		share := nodes * 12e6 / racks
		if l.Parent != 0 || l.BytesPerSecond < 0.5*share || l.BytesPerSecond > 2*share || onRack[i+1] != nodes/racks {
			t.Errorf("%d nodes on %v", onRack[i+1], l)
		}
	}
}

// TestDerived: what derives a fleet changes what it names and nothing else, and
// leaves the first one alone.
func TestDerived(t *testing.T) {
	f, again := Star(300, 3), Star(300, 3)
	capped, drawn := f.WithConnectionCaps(5), f.FromCatalogue(7)
	if !cmp.Equal(f, again) {
		t.Error("the same arguments gave another fleet, or it was changed")
	}
	if cmp.Equal(f, Star(300, 4)) {
		t.Error("another seed gave the same fleet")
	}
	count := map[float64]int{}
	for i := range capped.Nodes {
		count[capped.Nodes[i].ConnectionBytesPerSecond]++
		capped.Nodes[i].ConnectionBytesPerSecond = math.Inf(1)
	}
	if len(count) != 3 || count[15e6] == 0 || count[30e6] == 0 || count[45e6] == 0 {
		t.Errorf("connection caps %v", count)
	}
	if !cmp.Equal(capped, f) {
		t.Error("caps changed more than the connections")
	}
	for i, p := range drawn.Pulls {
		if !cmp.Equal(p.Layers, f.Pulls[i%7].Layers) || p.Start != f.Pulls[i].Start {
			t.Errorf("pull %d of the catalogue: %v", i, p)
		}
	}
}
