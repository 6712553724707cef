package cachebench_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// settled is a workload of which a generated month has exactly the starts of its rates: of
// each app the first such number from a random one on.
func settled(rng *rand.Rand, seed uint64) *workload.Workload {
	w := &workload.Workload{}
	for i := range 4 {
		app := workload.App{
			Name: fmt.Sprint("app", i), Images: []string{fmt.Sprintf("registry.example.com/team/app%d:1", i)},
			Runtime: time.Duration(rng.IntN(7200)) * time.Second, CPU: 2, MemoryGiB: 4, ReleasesPerMonth: float64(rng.IntN(3) * 5),
		}
		for n := 30 + rng.IntN(100); ; n++ {
			app.StartsPerDay = float64(n) / 30
			one := workload.Workload{Apps: []workload.App{{Name: app.Name, StartsPerDay: app.StartsPerDay}}}
			starts := 0
			for _, e := range one.Events(seed, -workload.Month, workload.Month) {
				if e.At >= 0 {
					starts++
				}
			}
			if starts == n {
				break
			}
		}
		w.Apps = append(w.Apps, app)
	}
	return w
}

// recordedMonth is a generated month as a trace, to the nanosecond.
func recordedMonth(w *workload.Workload, seed uint64) *workload.Trace {
	t := &workload.Trace{Name: "month.csv"}
	for _, e := range w.Events(seed, -workload.Month, workload.Month) {
		if a := &w.Apps[e.App]; e.At >= 0 && !e.Release {
			t.Starts = append(t.Starts, workload.TraceStart{At: e.At, App: a.Name, Images: a.AllImages(), Count: 1})
		}
	}
	return t
}

// A generated month that is written out as a trace, with the workload beside it for what a
// trace does not tell, gives the plan of the month itself. What comes ahead of it is another
// month, which a few starts at its beginning see.
func TestMonthAsTrace(t *testing.T) {
	race.Skip(t)
	rng := rand.New(rand.NewPCG(7, 7))
	inv := made("linux/amd64", 970, 470, 170, 2000)
	for seed := range uint64(2) {
		for _, baseline := range []string{plan.Cold, plan.Automatic} {
			month := load(t)
			month.Workload, month.Caches, month.Seed, month.Baseline = settled(rng, seed+1), nil, seed+1, baseline
			month.BudgetPerMonth, month.WorthPerHour, month.PlanOptions.HoldOutFraction = 100, 1000, 0.4
			month.PlanOptions.Effort, month.PlanOptions.MaxCandidates = 0.1, 5
			traced := *month
			traced.Trace, traced.TraceSpan = recordedMonth(month.Workload, month.Seed), workload.Month
			want, got := mustPlan(t, month, inv), mustPlan(t, &traced, inv)
			var images [2][][]string
			for i, p := range []*plan.Plan{want, got} {
				for _, c := range p.Caches {
					images[i] = append(images[i], c.Images)
				}
			}
			if got.Verdict != want.Verdict || !cmp.Equal(images[0], images[1]) {
				t.Errorf("seed %d, %s: %s of %v, the month's %s of %v", seed, baseline, got.Verdict, images[1], want.Verdict, images[0])
			}
			near := func(what string, got, want time.Duration) {
				most := time.Duration(0.05 * float64(want.Abs()))
				if baseline == plan.Cold {
					most = 0
				}
				if (got - want).Abs() > most+10*time.Microsecond {
					t.Errorf("seed %d, %s: %s %v, the month's %v", seed, baseline, what, got, want)
				}
			}
			near("saves", got.SavedSeconds, want.SavedSeconds)
			near("planned", got.HeldOut[0].PlannedSaved, want.HeldOut[0].PlannedSaved)
			near("there", got.HeldOut[0].ActualSaved, want.HeldOut[0].ActualSaved)
			near("best", *got.HeldOut[0].BestSaved, *want.HeldOut[0].BestSaved)
			for i, total := range want.Totals {
				near("total of "+total.Arm, got.Totals[i].StartupSeconds, total.StartupSeconds)
			}
		}
	}
}

func mustPlan(t *testing.T, s *cachebench.Scenario, inv *layers.Inventory) *plan.Plan {
	t.Helper()
	p, err := planOn(t, s, inv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
