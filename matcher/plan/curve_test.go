package plan_test

import (
	"math"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestCurveBesidePlan: a larger budget brings no less, no point is above its bound or the
// next one's, and none that could pay the plan saves less than it does.
func TestCurveBesidePlan(t *testing.T) {
	race.Skip(t)
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p := many(25)
		p.Assign, p.BudgetPerMonth, p.WorthPerHour, p.Points = assign, 15, 5, 7
		got := choose(t, p)
		if len(got.Curve) != 7 || len(got.Caches) == 0 {
			t.Fatalf("%s: %d points, %d caches", assign, len(got.Curve), len(got.Caches))
		}
		bill, compared := got.Caches[len(got.Caches)-1].CumulativeCost.Amount, 0
		for i, c := range got.Curve {
			if i > 0 && (c.SavedSeconds < got.Curve[i-1].SavedSeconds-time.Microsecond || *c.BoundSeconds < *got.Curve[i-1].BoundSeconds-time.Microsecond) {
				t.Errorf("%s: point %d is %+v, after %+v", assign, i, c, got.Curve[i-1])
			}
			if c.SavedSeconds > *c.BoundSeconds || c.Cost.Amount > c.BudgetPerMonth.Amount*(1+1e-9) {
				t.Errorf("%s: point %d is %+v", assign, i, c)
			}
			if c.BudgetPerMonth.Amount >= bill {
				if compared++; c.SavedSeconds < got.SavedSeconds-time.Microsecond {
					t.Errorf("%s: the plan saves %v for %v, point %d only %+v", assign, got.SavedSeconds, bill, i, c)
				}
			}
		}
		if compared == 0 || math.IsNaN(bill) {
			t.Errorf("%s: no point can pay the plan's %v", assign, bill)
		}
	}
}

// TestBoundOfMore: one app of 3,000 starts a month, whose only cache saves each of them the
// 6 GiB × 20 s − 2 s: 354,000 s are all that there is, however large the budget, and whatever
// an hour is worth.
func TestBoundOfMore(t *testing.T) {
	inv := inventory([]float64{6}, map[string][]int{"r/a:1": {0}})
	a := &workload.App{Name: "a", Images: []string{"r/a:1"}, StartsPerDay: 100, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p := problem(inv, found(a, nothing(10)))
		p.Assign, p.BudgetPerMonth, p.WorthPerHour, p.More = assign, 1e6, 1000, true
		got := choose(t, p)
		if more := got.Sensitivity.More; more.SavedSeconds != 354000*time.Second || (*more.BoundSeconds-354000*time.Second).Abs() > time.Second {
			t.Errorf("%s: %v, at most %v", assign, more.SavedSeconds, *more.BoundSeconds)
		}
	}
}
