package cachebench_test

import (
	"math"
	"slices"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
)

// TestBillChance: the modelled month of 2,000 and 200 starts a day is that of its rates, and
// so nearly the same whatever the seed; chance moves it by what a Poisson process does. By hand
// with starts of the same cost: 1.96/√(30·n) of it where n starts come a day. vCPU and memory
// are compared apart where the bill has both, and together where it has not.
func TestBillChance(t *testing.T) {
	ctx := t.Context()
	modelled := func(seed uint64, perDay float64, bill cachebench.Bill) *cost.BillCheck {
		s := load(t)
		inv, err := s.Analyze(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps[:1])
		w.Apps[0].StartsPerDay, w.Apps[0].Bursts, w.Apps[0].ReleasesPerMonth = perDay, nil, 0
		s.Seed, s.Workload, s.Bill = seed, &w, &bill
		job, err := s.Cover(inv)
		if err != nil {
			t.Fatal(err)
		}
		m, err := job.Match(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return job.CheckBill(m)
	}
	apart := cachebench.Bill{Items: []cachebench.BillItem{{"ECI vCPU", 380}, {"ECI memory", 95}}}
	first := modelled(1, 200, apart)
	if len(first.Rows) != 2 || first.Rows[0].Item != cost.BillVCPU || first.Rows[1].Item != cost.BillMemory {
		t.Fatalf("rows %+v", first.Rows)
	}
	for seed := uint64(2); seed < 5; seed++ {
		if other := modelled(seed, 200, apart); math.Abs(other.Modelled/first.Modelled-1) > 1e-3 {
			t.Errorf("seed %d: %v, and %v of seed 1", seed, other.Modelled, first.Modelled)
		}
	}
	for _, perDay := range []float64{50, 200, 800} {
		b := modelled(1, perDay, apart)
		if want := 1.96 / math.Sqrt(30*perDay); b.ModelledSpread == nil || math.Abs(*b.ModelledSpread/b.Modelled/want-1) > 0.01 {
			t.Errorf("%v a day: chance moves %v by %v, want a share of %v", perDay, b.Modelled, b.ModelledSpread, want)
		}
		if ratio := b.Modelled / first.Modelled; math.Abs(ratio/(perDay/200)-1) > 0.01 {
			t.Errorf("%v a day cost %v times those of 200", perDay, ratio)
		}
	}
	for _, together := range []cachebench.Bill{{Items: []cachebench.BillItem{{"ECI vCPU", 380}}}, {Items: []cachebench.BillItem{{"ECI vCPU", 380}, {"ECI memory", 95}, {"instances", 1}}}} {
		b := modelled(1, 200, together)
		if len(b.Rows) != 1 || b.Rows[0].Item != cost.BillInstances || math.Abs(*b.Rows[0].Modelled/first.Modelled-1) > 1e-9 {
			t.Errorf("%v: rows %+v", together.Items, b.Rows)
		}
	}
}
