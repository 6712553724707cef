package cachebench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// TestWarmNodesAreInUse: of three starts before the window, one goes on for 99 hours,
// one has ended, and of one the image has been released anew: its older one is gone.
// In arm warm the node begins with both images that are left, the first in use; when
// it is lost, with what a new one has. In arm cold it is a new one.
func TestWarmNodesAreInUse(t *testing.T) {
	inv := &layers.Inventory{Images: make([]layers.Image, 4)}
	fresh := nodePool{NodePool: &workload.NodePool{Name: "p", Count: 1}, setup: simulate.NodeSetup{Held: []int{3}}}
	p := newPlacement(fresh.NodePool, simulate.Containerd(), newImageLayers(inv), &fresh.setup, -2*time.Hour, 10*time.Hour)
	long, short := &workload.App{Runtime: 100 * time.Hour}, &workload.App{Runtime: time.Minute}
	p.place(long, []int{0}, 9*time.Hour)
	p.place(short, []int{1}, 9*time.Hour)
	p.place(long, []int{2}, 9*time.Hour)
	p.release(2)
	p.advance(10 * time.Hour)
	want := []simulate.NewNode{{
		Name: "p/1", Up: true,
		Setup: &simulate.NodeSetup{
			Held:  []int{3, 0, 1}, // by last use, 1's a minute after the others'
			InUse: []simulate.Use{{Images: []int{0}, Until: 99 * time.Hour}},
		},
		Renewed: &fresh.setup,
	}}
	if diff := cmp.Diff(want, p.begins(&fresh, simulate.ArmWarm, 10*time.Hour)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []simulate.NewNode{{Name: "p/1", Setup: &fresh.setup}}
	if diff := cmp.Diff(want, p.begins(&fresh, simulate.ArmCold, 10*time.Hour)); diff != "" {
		t.Errorf("cold, -want +got:\n%s", diff)
	}
}
