package fleet

import (
	"math"
	"path/filepath"
	"testing"
)

// TestReferenceIsSimGrid: the reference and SimGrid, which share nothing but the
// fleets, agree on every pull. The stored times have 12 digits.
func TestReferenceIsSimGrid(t *testing.T) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if len(c.Fleet.Pulls) > 200 && testing.Short() || len(c.Fleet.Pulls) > 1000 {
				t.Skip("the reference is slow")
			}
			t.Parallel()
			want := stored(t, c)
			for i, got := range c.Fleet.Reference() {
				if math.Abs(got-want[i]) > 1e-11*want[i] {
					t.Errorf("pull %d is ready at %v, by SimGrid at %v", i, got, want[i])
				}
			}
		})
	}
}

// TestStoredIsPlausible: what is stored has a time for each pull, after the
// start and after the least that its bytes take on the node's link and core.
func TestStoredIsPlausible(t *testing.T) {
	for _, c := range Cases() {
		ready := stored(t, c)
		for i, p := range c.Fleet.Pulls {
			var bytes float64
			for _, layer := range p.Layers {
				bytes += float64(layer)
			}
			n := c.Fleet.Nodes[p.Node]
			speed := min(c.Fleet.UnpackBytesPerSecond, n.BytesPerSecond, float64(c.Fleet.Slots)*n.ConnectionBytesPerSecond)
			if least := p.Start.Seconds() + bytes/speed; ready[i] < least {
				t.Errorf("%s: pull %d is ready at %v, before %v", c.Name, i, ready[i], least)
			}
		}
	}
}

func stored(t *testing.T, c Case) []float64 {
	t.Helper()
	ready, err := ReadReadyFile(filepath.Join("..", "..", CasesDir, c.Name+".txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if len(ready) != len(c.Fleet.Pulls) {
		t.Fatalf("%s: %d ready times of %d pulls: run make oracle-simgrid", c.Name, len(ready), len(c.Fleet.Pulls))
	}
	return ready
}
