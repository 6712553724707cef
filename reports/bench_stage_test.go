package reports

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// wantBench holds the results of a text against values written by hand, by the lines'
// names and units: all of them, and no others.
func wantBench(t *testing.T, text []byte, want map[string]map[string]float64) ([]*benchfmt.Result, benchfmt.UnitMetadataMap) {
	t.Helper()
	results, units := readBench(t, text)
	seen := make(map[string]bool)
	for _, r := range results {
		name, got := r.Name.String(), make(map[string]float64)
		for _, v := range r.Values {
			got[v.Unit] = v.Value
			if m := units.Get(v.Unit, "assume"); m == nil || m.Value != "exact" {
				t.Errorf("%s is not exact", v.Unit)
			}
		}
		if !maps.Equal(got, want[name]) || seen[name] {
			t.Errorf("%s is %v, want %v", name, got, want[name])
		}
		seen[name] = true
	}
	if len(seen) != len(want) {
		t.Errorf("%d lines, want %d:\n%s", len(seen), len(want), text)
	}
	return results, units
}

// twoApps is a plan of a month of 300 starts, on which a cache of 3.50 saves 1 s each of
// 200 of them.
func twoApps() *plan.Plan {
	money := func(v float64) cost.Money { return cost.Money{Amount: v, Currency: "CNY", PriceDate: "2026-01-02"} }
	return &plan.Plan{
		Platform: "linux/arm64", Profile: "eci", Baseline: plan.Automatic, Assign: plan.Auto, Verdict: plan.Build, Goal: plan.GoalSeconds, Storage: plan.Separate, Status: plan.GapReached,
		SavedSeconds: 200 * time.Second, GapFraction: 0.25,
		Caches: []plan.PlannedCache{{Name: "web", CumulativeCost: money(3.5)}},
		Assignments: []plan.Assignment{
			{App: "web", StartsPerMonth: 200, MissedPerMonth: 1.5, ColdSeconds: 9 * time.Second, BaselineSeconds: 3 * time.Second, PlannedSeconds: 2 * time.Second},
			{App: "api-8", StartsPerMonth: 100.4, ColdSeconds: 5 * time.Second, BaselineSeconds: 4 * time.Second, PlannedSeconds: 4 * time.Second},
		},
		Totals: []plan.Total{
			{Arm: "cold", StartupSeconds: 2302 * time.Second, Instances: money(7), NetSaved: money(-2)},
			{Arm: "automatic", StartupSeconds: 1001 * time.Second, Instances: money(5)},
			{Arm: "planned", StartupSeconds: 801 * time.Second, Caches: money(3.5), Instances: money(4), NetSaved: money(-2.5)},
		},
		Provenance: &plan.Provenance{Version: "1", Model: 2, Seed: 3, ProfileDigest: "sha256:0123456789abcdef", PriceDate: "2026-01-02", Currency: "CNY"},
	}
}

// TestBenchPlan: each app's mean start and a month of all in each arm, what the plan saves
// and costs in its currency, what of it is better, and under which conditions.
func TestBenchPlan(t *testing.T) {
	r := New(Input{Plan: twoApps(), Coverage: &simulate.Coverage{StartsFraction: 0.5}})
	results, units := wantBench(t, bench(t, r), map[string]map[string]float64{
		"Plan/app=web/arm=cold/profile=eci":               {"startup-mean-sec": 9},
		"Plan/app=web/arm=automatic/profile=eci":          {"startup-mean-sec": 3},
		"Plan/app=web/arm=planned/profile=eci":            {"startup-mean-sec": 2, "missed-starts": 1.5},
		"Plan/app=api-8/arm=cold/profile=eci":             {"startup-mean-sec": 5},
		"Plan/app=api-8/arm=automatic/profile=eci":        {"startup-mean-sec": 4},
		"Plan/app=api-8/arm=planned/profile=eci":          {"startup-mean-sec": 4, "missed-starts": 0},
		"Plan/arm=cold/profile=eci":                       {"waiting-sec": 2302, "caches-CNY": 0, "instances-CNY": 7},
		"Plan/arm=automatic/profile=eci":                  {"waiting-sec": 1001, "caches-CNY": 0, "instances-CNY": 5},
		"Plan/arm=planned/profile=eci":                    {"waiting-sec": 801, "caches-CNY": 3.5, "instances-CNY": 4},
		"Plan/arm=planned/baseline=automatic/profile=eci": {"saved-sec": 200, "cost-CNY": 3.5, "net-saved-CNY": -2.5, "gap-fraction": 0.25, "caches": 1},
	})
	for i, want := range map[int]int{0: 200, 3: 100, 9: 300} {
		if results[i].Iters != want {
			t.Errorf("%s sums up %d starts, want %d", results[i].Name, results[i].Iters, want)
		}
	}
	for key, want := range map[string]string{"source": "estimated", "profile": "eci", "profile-digest": "0123456789ab", "platform": "linux/arm64", "model": "2", "seed": "3", "coverage": "0.5"} {
		if got := results[9].GetConfig(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	for unit, want := range map[string]int{"saved-sec": 1, "net-saved-CNY": 1, "cost-CNY": -1, "startup-mean-sec": -1, "gap-fraction": -1, "caches": 0} {
		if got := units.GetBetter(unit); got != want {
			t.Errorf("%s is better by %d, want %d", unit, got, want)
		}
	}
	for figure, want := range map[string]string{"cost-CNY": "CNY", "net-saved-USD": "USD", "caches": "", "cost-total": "", "p-QPS": "", "saved-sec": "sec"} {
		if got := UnitOf(figure); got != want {
			t.Errorf("%s is in %q, want %q", figure, got, want)
		}
	}
}

// TestBenchPlanUnknown: of a plan that builds nothing the cost is 0 in the prices'
// currency, of a limit that is not met the gap is not known, of a cold baseline there is
// no other arm; and a search that ran out of time may come to another plan.
func TestBenchPlanUnknown(t *testing.T) {
	p := twoApps()
	p.Caches, p.Verdict, p.Baseline, p.StoppedBy = nil, plan.LimitNotMet, plan.Cold, plan.ByTimeLimit
	text := bench(t, New(Input{Plan: p}))
	results, _ := readBench(t, text)
	last := results[len(results)-1]
	if _, known := last.Value("gap-fraction"); known || value(t, last, "cost-CNY") != 0 || last.Name.String() != "Plan/arm=planned/baseline=cold/profile=eci" || last.GetConfig("coverage") != "" {
		t.Errorf("%s %v", last.Name, last.Values)
	}
	if strings.Contains(string(text), "app=web/arm=automatic") || !strings.Contains(string(text), "# doubt The search was stopped before its end by its time limit") {
		t.Errorf("%s", text)
	}
	// A plan that does not say in what it counts money has none.
	for i := range p.Totals {
		p.Totals[i].Caches, p.Totals[i].Instances, p.Totals[i].NetSaved = cost.Money{}, cost.Money{}, cost.Money{}
	}
	p.Provenance = nil
	if text := string(bench(t, New(Input{Plan: p}))); strings.Contains(text, "cost") || strings.Contains(text, "seed:") {
		t.Errorf("%s", text)
	}
}

// TestBenchPools: the arms of a node pool, with what is known of each.
func TestBenchPools(t *testing.T) {
	mean, p99 := 4*time.Second, 9*time.Second
	money := func(v float64) cost.Money { return cost.Money{Amount: v, Currency: "USD"} }
	p := &plan.Plan{Profile: "containerd", Pools: []plan.Pool{{Name: "gpu", Platform: "linux/amd64", Arms: []plan.PoolArm{
		{Arm: plan.PoolBaked, Source: simulate.Simulated, Starts: 12, MeanSeconds: &mean, P99Seconds: &p99, SavedSeconds: time.Minute, Cost: plan.PoolBill{Total: money(2)}, NetSaved: money(-1)},
		{Arm: plan.PoolPrePull, Source: simulate.Estimated, SavedSeconds: -time.Second, Cost: plan.PoolBill{Total: money(1)}, NetSaved: money(-3)},
	}}}}
	results, _ := wantBench(t, bench(t, New(Input{Plan: p, Provenance: simulate.Provenance{Version: "1", Profile: "containerd"}})), map[string]map[string]float64{
		"Pool/pool=gpu/arm=baked/profile=containerd":   {"startup-mean-sec": 4, "startup-p99-sec": 9, "saved-sec": 60, "cost-USD": 2, "net-saved-USD": -1},
		"Pool/pool=gpu/arm=prepull/profile=containerd": {"saved-sec": -1, "cost-USD": 1, "net-saved-USD": -3},
	})
	if results[0].GetConfig("source") != "simulated" || results[1].GetConfig("source") != "estimated" || results[0].Iters != 12 || results[0].GetConfig("platform") != "linux/amd64" {
		t.Errorf("%+v", results)
	}
}

// TestBenchMatch: what the next start of each app finds, and a month's; of a start that
// fails or of an image that is not known nothing, of a layer of unknown size no unpacking.
func TestBenchMatch(t *testing.T) {
	held := matcher.Overlap{ByChain: matcher.Share{PresentBytes: 70, FetchBytes: 30, UnpackBytes: 90}, ByDigest: matcher.Share{PresentBytes: 80, FetchBytes: 20, UnpackBytes: 50}}
	unsized := held
	unsized.UnknownLayers = 1
	m := &matcher.Matches{
		Matches: []matcher.Match{{App: "web", Hit: matcher.PartialHit, Overlap: held}, {App: "api", Overlap: unsized}, {App: "gone", Overlap: held, Unknown: []string{"gone:1"}}, {App: "fails", Overlap: held, Fails: "the cache is not Ready"}},
		Outcomes: []matcher.Outcome{{App: "web", Starts: 8, Found: []matcher.Found{
			{Starts: 2}, {Starts: 5, Images: []string{"web:1"}, Full: true}, {Starts: 1, Images: []string{"base:1"}},
		}}},
		HitRates:        []matcher.HitRate{{Starts: 4, Hits: 1, Partials: 1, Misses: 2}, {Starts: 4, Hits: 4}},
		PlannedHitRates: []matcher.HitRate{{Starts: 4, Hits: 4}, {Starts: 4, Hits: 4}},
	}
	results, units := wantBench(t, bench(t, New(Input{Matches: m, Platform: testPlatform})), map[string]map[string]float64{
		"Match/app=web":               {"saved-B": 70, "pulled-B": 30, "unpacked-B": 90},
		"Match/app=api":               {"saved-B": 70, "pulled-B": 30},
		"Match/app=web/arm=automatic": {"full-fraction": 0.625, "none-fraction": 0.25},
		"Match/arm=automatic":         {"hit-fraction": 0.625, "partial-fraction": 0.125, "miss-fraction": 0.25},
		"Match/arm=planned":           {"hit-fraction": 1, "partial-fraction": 0, "miss-fraction": 0},
	})
	if results[2].Iters != 8 || results[0].GetConfig("source") != "estimated" || results[0].GetConfig("platform") != testPlatform {
		t.Errorf("%+v", results)
	}
	for unit, want := range map[string]int{"saved-B": 1, "pulled-B": -1, "hit-fraction": 1, "full-fraction": 1, "miss-fraction": -1, "partial-fraction": 0} {
		if got := units.GetBetter(unit); got != want {
			t.Errorf("%s is better by %d, want %d", unit, got, want)
		}
	}
}

// TestBenchCalibration: the error of each arm without its sign, and of all by the
// prediction that counts; an arm that was not measured has none.
func TestBenchCalibration(t *testing.T) {
	c := calibrated()
	c.Cells[1].Measured = 0
	var b bytes.Buffer
	if err := WriteCalibration(&b, Bench, c, Options{}); err != nil {
		t.Fatal(err)
	}
	results, units := wantBench(t, b.Bytes(), map[string]map[string]float64{
		"Calibration/arm=web%20cold/profile=containerd": {"error-fraction": 0.05},
		"Calibration/class=all/by=held-out/profile=containerd": {
			"mean-error-fraction": 0.045, "median-error-fraction": 0.035, "p90-error-fraction": 0.09, "worst-error-fraction": 0.25, "bias-fraction": -0.0004},
		"Calibration/class=" + benchEscape(calibrate.ClassTogether) + "/by=held-out/profile=containerd": {
			"mean-error-fraction": 0.06, "median-error-fraction": 0.05, "p90-error-fraction": 0.1, "worst-error-fraction": 0.11, "bias-fraction": 0.02},
	})
	if results[0].Iters != 5 || units.GetBetter("error-fraction") != -1 || units.GetBetter("bias-fraction") != 0 || !strings.Contains(b.String(), "# doubt Two arms have fewer than three runs.\n") {
		t.Errorf("%s", b.String())
	}
	c.Cells, c.Totals = nil, nil
	if err := WriteCalibration(&b, Bench, c, Options{}); err == nil || !strings.Contains(err.Error(), "no error is known") {
		t.Errorf("%v", err)
	}
}

// TestBenchOfNothing: a report without any of these says so.
func TestBenchOfNothing(t *testing.T) {
	for _, in := range []Input{{}, {Plan: &plan.Plan{}}, {Matches: &matcher.Matches{Matches: []matcher.Match{{App: "web", Fails: "no"}}}}} {
		var b bytes.Buffer
		if err := Write(&b, Bench, New(in), Options{}); err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "format benchfmt") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
}
