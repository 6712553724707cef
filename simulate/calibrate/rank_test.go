package calibrate

import (
	"math"
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// TestRankedDraws: which of three pulls begins the base that they share decides how long
// all take. Three draws that lie evenly among ranked ones have the median of a thousand,
// whatever the seed; three as they come do not.
func TestRankedDraws(t *testing.T) {
	w := newWorld(t, 61)
	w.arm("together", "network: {registryBytesPerSecond: 12500000}", nil, 1, start{1, 0}, start{2, 0}, start{5, 0})
	v := unset()
	median := func(seed uint64, ranked bool, repeats int) float64 {
		opt := brisk
		opt.Seed = seed
		d := w.load(opt)
		if ranked {
			if err := d.rankAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		o, err := d.cells[0].simulate(t.Context(), &d.all, &v, nil, simulate.Options{Seed: seed, Repeats: repeats, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		return o.total
	}
	want := median(1, false, 999)
	off := 0
	for seed := uint64(1); seed <= 12; seed++ {
		if got := median(seed, true, 3); math.Abs(got/want-1) > 0.02 {
			t.Errorf("seed %d: %g s of ranked draws, %g s of a thousand", seed, got, want)
		}
		if math.Abs(median(seed, false, 3)/want-1) > 0.02 {
			off++
		}
	}
	t.Logf("%d of 12 unranked are off", off)
	if off == 0 {
		t.Error("three draws as they come are as good: this shows nothing")
	}
}
