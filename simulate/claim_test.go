package simulate

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// TestClaimsAtOnce: of two pulls at once which comes first to the base that they share
// is chance. Where it is the small image's, the large layer is asked for only when the
// base is unpacked: 1 s for the base, 1 s to unpack it, 2 s for the large layer. Where
// it is the large image's, base and large layer come together in 3 s, and the base is
// unpacked meanwhile.
func TestClaimsAtOnce(t *testing.T) {
	p := bare()
	p.Pull.RequestOrder.Value = "race"
	p.Pull.MaxParallelPulls.Value = 2
	p.Network.Request = is(ms, "")
	p.Network.Node = is[network.Rate](10*mb, "")
	p.Unpack.Disk = is[network.Rate](10*mb, "")
	base := testLayer{name: "base", compressed: 10 * mb, written: 10 * mb}
	inv := inventory([]testLayer{base, {name: "small"}}, []testLayer{base, {name: "large", compressed: 20 * mb}})
	starts := []Start{{App: "a small", Images: []int{0}, Node: "n"}, {App: "b large", Images: []int{1}, Node: "n"}}
	const repeats = 400
	ready, err := Run(context.Background(), inv, p, starts, Options{Repeats: repeats, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	smallFirst := 0
	for k := range repeats {
		switch last := max(ready[2*k].Ready, ready[2*k+1].Ready); {
		case (last - 4*time.Second).Abs() < 50*ms:
			smallFirst++
		case (last - 3*time.Second).Abs() > 50*ms:
			t.Fatalf("repeat %d: all ready after %v, want about 3s or 4s", k, last)
		}
	}
	// Five standard deviations of a fair coin.
	if off := math.Abs(float64(smallFirst) - repeats/2); off > 5*math.Sqrt(repeats)/2 {
		t.Errorf("the small image came first in %d of %d repeats", smallFirst, repeats)
	}
	// Asked for in order, the first is always first, and where one comes later too.
	for _, change := range []func(){
		func() { starts[1].Requested = ms / 2 },
		func() { starts[1].Requested, p.Pull.RequestOrder.Value = 0, "manifest" },
	} {
		change()
		ready, err := Run(context.Background(), inv, p, starts, Options{Repeats: 20, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k < len(ready); k += 2 {
			if s := &ready[k]; (s.Requested + s.Ready - 4*time.Second).Abs() > 50*ms {
				t.Errorf("%s, requested at %v: ready after %v, want about 4s", p.Pull.RequestOrder.Value, s.Requested, s.Ready)
			}
		}
	}
}

// TestRacedOrder: every layer once, the base early and the last mostly first, as in the
// requests of real pulls (270 of them: the base at a mean place of 1.0, 1.9, 1.9, 5.6 and
// 4.7 of 3, 5, 6, 25 and 26 layers, the last first in 72 to 88 of 100).
func TestRacedOrder(t *testing.T) {
	for n, place := range map[int]float64{3: 1.04, 5: 1.94, 6: 1.87, 25: 5.63, 26: 4.72} {
		const draws = 2000
		base, first := 0, 0
		for k := range draws {
			order := asRaced([]uint16{7}, n, mix(uint64(k)))[1:]
			if sorted := slices.Sorted(slices.Values(order)); len(order) != n || sorted[0] != 0 || int(sorted[n-1]) != n-1 || len(slices.Compact(sorted)) != n {
				t.Fatalf("%d layers are asked for in the order %v", n, order)
			}
			base += slices.Index(order, 0)
			if int(order[0]) == n-1 {
				first++
			}
		}
		if mean := float64(base) / draws; math.Abs(mean-place) > 0.25*place {
			t.Errorf("of %d layers the base is asked for at place %.2f, measured %.2f", n, mean, place)
		}
		if share := float64(first) / draws; share < 0.72 || share > 0.88 {
			t.Errorf("of %d layers the last comes first in %.2f of all pulls", n, share)
		}
	}
}
