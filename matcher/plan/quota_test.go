package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestQuotaCountsKept: the quota is on manual caches of the account (eci §1.5), not on those to
// build alone. No cache can hold two of the images, of 20,000 GiB each. Apps b and c each gain by a cache, b more; all starts of a find imc-a, which is
// kept. So 2 leave room for b's alone, 3 for both, and 1 for none. Without app a, nobody uses
// imc-a: it is dropped and takes no room. Automatic caches have a quota of their own.
func TestQuotaCountsKept(t *testing.T) {
	inv := inventory([]float64{20000, 20000, 20000}, map[string][]int{"r/a:1": {0}, "r/b:1": {1}, "r/c:1": {2}})
	app := func(name string, starts float64) *workload.App {
		return &workload.App{Name: name, Images: []string{"r/" + name + ":1"}, StartsPerDay: starts, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	}
	existing := func(id, image string, automatic bool) matcher.Cache {
		return matcher.Cache{ID: id, Images: []string{image}, SizeGiB: 22000, Status: matcher.StatusReady, CreationTime: noon.AddDate(0, 0, -1), Automatic: automatic}
	}
	a := found(app("a", 200), matcher.Found{CacheID: "imc-a", Images: []string{"r/a:1"}, SizeGiB: 22000, Starts: 10})
	b, c := found(app("b", 100), nothing(10)), found(app("c", 50), nothing(10))
	manual := []matcher.Cache{existing("imc-a", "r/a:1", false)}
	failed := existing("imc-failed", "r/b:1", false)
	failed.Status = matcher.StatusFailed
	for name, test := range map[string]struct {
		quota    int
		apps     []plan.App
		existing []matcher.Cache
		want     string
	}{
		"no room":               {1, []plan.App{a, b, c}, manual, ""},
		"room for one":          {2, []plan.App{a, b, c}, manual, "r/b:1"},
		"room for two":          {3, []plan.App{a, b, c}, manual, "r/b:1 r/c:1"},
		"dropped":               {2, []plan.App{b, c}, manual, "r/b:1 r/c:1"},
		"dropped, room for one": {1, []plan.App{b, c}, manual, "r/b:1"},
		"failed":                {3, []plan.App{a, b, c}, append(slices.Clone(manual), failed), "r/b:1 r/c:1"},
		"automatic":             {3, []plan.App{a, b, c}, append(slices.Clone(manual), existing("imc-auto", "r/none:1", true)), "r/b:1 r/c:1"},
	} {
		for _, assign := range []string{plan.Auto, plan.Explicit} {
			p := problem(inv, test.apps...)
			p.Assign, p.Existing, p.Quota, p.BudgetPerMonth = assign, test.existing, test.quota, 1e9
			got := choose(t, p)
			var built []string
			for _, cache := range got.Caches {
				built = append(built, cache.Images...)
			}
			slices.Sort(built)
			if strings.Join(built, " ") != test.want || got.BoundSeconds < got.ObjectiveSeconds {
				t.Errorf("%s, %s: builds %q, %v, at most %v; want %q", name, assign, built, got.ObjectiveSeconds, got.BoundSeconds, test.want)
			}
			full := len(test.apps) == 3 && len(got.Caches)+1 == test.quota // with imc-a
			if said := strings.Contains(got.Reason, "has no more room: those that exist and are kept have 1 of it"); said != full || (test.want == "") != (got.Verdict == plan.BuildNothing) {
				t.Errorf("%s, %s: %s, %s", name, assign, got.Verdict, got.Reason)
			}
		}
	}
}

// TestQuotaOfOtherBudgets: in the world of TestQuotaCountsKept a quota of 2 leaves room for one
// cache beside imc-a. No other budget has two, and none saves more than a plan with that budget
// does.
func TestQuotaOfOtherBudgets(t *testing.T) {
	inv := inventory([]float64{20000, 20000, 20000}, map[string][]int{"r/a:1": {0}, "r/b:1": {1}, "r/c:1": {2}})
	app := func(name string, starts float64) *workload.App {
		return &workload.App{Name: name, Images: []string{"r/" + name + ":1"}, StartsPerDay: starts, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	}
	a := found(app("a", 200), matcher.Found{CacheID: "imc-a", Images: []string{"r/a:1"}, SizeGiB: 22000, Starts: 10})
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		// At 1,400 c's cache alone can be paid, so that the plan fits at once; a tenth more of
		// 2,900 pays for both.
		for _, budget := range []float64{1400, 1600, 2900} {
			p := problem(inv, a, found(app("b", 100), nothing(10)), found(app("c", 50), nothing(10)))
			p.Existing = []matcher.Cache{{ID: "imc-a", Images: []string{"r/a:1"}, SizeGiB: 22000, Status: matcher.StatusReady, CreationTime: noon.AddDate(0, 0, -1)}}
			p.Assign, p.Quota, p.BudgetPerMonth, p.Points, p.More = assign, 2, budget, 4, true
			got := choose(t, p)
			if len(got.Curve) != 4 || got.Sensitivity == nil {
				t.Fatalf("%s, %v: curve %+v, sensitivity %+v", assign, budget, got.Curve, got.Sensitivity)
			}
			for _, point := range append(slices.Clone(got.Curve), *got.Sensitivity.More) {
				with := p
				with.BudgetPerMonth = point.BudgetPerMonth.Amount * (1 + 1e-6)
				direct := choose(t, with)
				if point.Caches > 1 || point.SavedSeconds > direct.SavedSeconds+time.Microsecond || *point.BoundSeconds < direct.SavedSeconds-time.Microsecond {
					t.Errorf("%s, %v: %+v, bound %v; a plan with that budget saves %v by %d caches", assign, budget, point, *point.BoundSeconds, direct.SavedSeconds, len(direct.Caches))
				}
			}
		}
	}
}

// TestQuotaMadeRoom: a quota of 1 that imc-old fills, which holds one of the two images that
// the starts of a need: a cache of both takes all of them from it, so that it is dropped and
// the new one has its place. One for b alone, which would gain more, has none.
func TestQuotaMadeRoom(t *testing.T) {
	inv := inventory([]float64{2, 6, 9}, map[string][]int{"r/a:1": {0}, "r/side:1": {1}, "r/b:1": {2}})
	a := &workload.App{Name: "a", Images: []string{"r/a:1", "r/side:1"}, StartsPerDay: 100, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	b := &workload.App{Name: "b", Images: []string{"r/b:1"}, StartsPerDay: 100, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	p := problem(inv, found(a, matcher.Found{CacheID: "imc-old", Images: []string{"r/a:1"}, SizeGiB: 20, Starts: 10}), found(b, nothing(10)))
	p.Existing = []matcher.Cache{{ID: "imc-old", Images: []string{"r/a:1"}, SizeGiB: 20, Status: matcher.StatusReady, CreationTime: noon.AddDate(0, 0, -1)}}
	p.Quota = 1
	for _, candidates := range [][]plan.Candidate{nil, {{Images: []string{"r/a:1", "r/side:1"}}}} {
		p.Candidates = candidates
		got := choose(t, p)
		if len(got.Caches) != 1 || !slices.Contains(got.Caches[0].Images, "r/side:1") || got.Existing[0].Advice != plan.Drop {
			t.Errorf("caches %+v, existing %+v; want one that takes the place of imc-old", got.Caches, got.Existing)
		}
	}
}

// TestQuotaFreed: a quota of 1 that imc-a fills, in which all starts of a find its image. One
// cache of a's image and b's, 8 GiB, takes a's starts for nothing and saves b's 3,000 a month
// the 6 GiB × 20 s − 2 s: 354,000 s. Whether ECI matches or pods name it, imc-a is dropped.
func TestQuotaFreed(t *testing.T) {
	inv := inventory([]float64{2, 6}, map[string][]int{"r/a:1": {0}, "r/b:1": {1}})
	app := func(name string, starts float64) *workload.App {
		return &workload.App{Name: name, Images: []string{"r/" + name + ":1"}, StartsPerDay: starts, Runtime: time.Minute, CPU: 2, MemoryGiB: 4}
	}
	a := found(app("a", 200), matcher.Found{CacheID: "imc-a", Images: []string{"r/a:1"}, SizeGiB: 20, Starts: 10})
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p := problem(inv, a, found(app("b", 100), nothing(10)))
		p.Existing = []matcher.Cache{{ID: "imc-a", Images: []string{"r/a:1"}, SizeGiB: 20, Status: matcher.StatusReady, CreationTime: noon.AddDate(0, 0, -1)}}
		p.Quota, p.BudgetPerMonth, p.Assign = 1, 1e9, assign
		got := choose(t, p)
		if len(got.Caches) != 1 || got.ObjectiveSeconds != 354000*time.Second || got.BoundSeconds < got.ObjectiveSeconds || got.Existing[0].Advice != plan.Drop {
			t.Errorf("%s: %d caches, %v, at most %v, %+v", assign, len(got.Caches), got.ObjectiveSeconds, got.BoundSeconds, got.Existing)
		}
		if freed := strings.Contains(got.Assignments[0].Reason, "whose place of the quota the plan needs"); freed != (assign == plan.Explicit) {
			t.Errorf("%s: a has it, for %s", assign, got.Assignments[0].Reason)
		}
	}
}
