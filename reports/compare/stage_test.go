package compare

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// planOf is a saved plan of one app that saves so much for so much money.
func planOf(saved time.Duration, bill float64) *plan.Plan {
	money := cost.Money{Amount: bill, Currency: "USD", PriceDate: "2026-01-02"}
	return &plan.Plan{
		Platform: "linux/amd64", Profile: "eci", Baseline: plan.Automatic, Assign: plan.Auto, Verdict: plan.Build, Goal: plan.GoalSeconds, Storage: plan.Separate, Status: plan.Optimal,
		SavedSeconds: saved, Caches: []plan.PlannedCache{{Name: "web", Images: []string{"web:1"}, CumulativeCost: money}},
		Assignments: []plan.Assignment{{App: "web", StartsPerMonth: 10, ColdSeconds: 9 * time.Second, BaselineSeconds: 5 * time.Second, PlannedSeconds: 5*time.Second - saved/10}},
		Totals:      []plan.Total{{Arm: "planned", StartupSeconds: 50*time.Second - saved, Caches: money, Instances: money, NetSaved: money.Times(-1)}},
		Provenance:  &plan.Provenance{Version: "1", Model: 1, Seed: 1, Currency: "USD", PriceDate: "2026-01-02"},
	}
}

// TestPlans: a saved plan and its text are compared and judged alike, money in its
// currency: seconds that are no longer saved, and a bill that grows, break rules.
func TestPlans(t *testing.T) {
	text := func(p *plan.Plan) string {
		var b bytes.Buffer
		if err := reports.Write(&b, reports.Bench, reports.New(reports.Input{Plan: p}), reports.Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	asFile := func(p *plan.Plan) string {
		data, err := document.Marshal(plan.Kind, p)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	old := planOf(20*time.Second, 4)
	for _, write := range []func(*plan.Plan) string{text, asFile} {
		for _, test := range []struct {
			new    *plan.Plan
			rules  string
			result string
		}{
			{planOf(20*time.Second, 4), "saved-sec:-0%,cost-USD:+0,startup-mean-sec:+0%", reports.Pass},
			{planOf(19*time.Second, 4), "saved-sec:-10%", reports.Pass},
			{planOf(19*time.Second, 4), "saved-sec:-1%", reports.Fail},
			{planOf(20*time.Second, 4.5), "cost-USD:+0.5USD", reports.Pass},
			{planOf(20*time.Second, 4.5), "cost-USD<=4.49", reports.Fail},
			{planOf(20*time.Second, 4.5), "cost-CNY<=100", reports.Unjudged},
		} {
			known := reports.Quantity{Name: "cost-CNY", Unit: "CNY", HasOld: true}
			c := Compare(read(t, write(old)), read(t, write(test.new)), Options{})
			err := c.Judge(func(names ...string) ([]reports.Rule, error) {
				return reports.RulesOf(nil, []string{test.rules}, append(c.Quantities(), known), names...)
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.Gate.Verdict != test.result {
				t.Errorf("%s: %s (%v), want %s", test.rules, c.Gate.Verdict, Err(c), test.result)
			}
		}
	}
	c := judged(t, asFile(old), text(planOf(20*time.Second, 4.5)), "cost-USD<=4.4USD", Options{})
	if err := Err(c); err == nil || !strings.Contains(err.Error(), "cost-USD<=4.4 of all apps, planned, baseline=automatic (USD 4.50)") {
		t.Errorf("%v", err)
	}
	// Plans of another problem are not compared unless it is allowed, and then with a doubt.
	limit, share := 30*time.Second, 0.95
	for _, change := range []func(*plan.Plan){
		func(p *plan.Plan) { p.Goal = plan.GoalNet },
		func(p *plan.Plan) { p.LimitSeconds = &limit },
		func(p *plan.Plan) { p.LimitStartsFraction = &share },
		func(p *plan.Plan) { p.Quota = 7 },
		func(p *plan.Plan) { p.Storage = plan.Shared },
		func(p *plan.Plan) { p.Assign = plan.Explicit },
	} {
		other := planOf(20*time.Second, 4)
		change(other)
		for _, write := range []func(*plan.Plan) string{text, asFile} {
			c := judged(t, asFile(old), write(other), "cost-USD<=5", Options{})
			if len(c.Refusals) != 1 || !strings.HasPrefix(c.Refusals[0], "another problem: OLD's is goal seconds, quota 0, storage separate, assign auto, NEW's is ") || c.Gate.Verdict != reports.Unjudged {
				t.Errorf("%q, %s", c.Refusals, c.Gate.Verdict)
			}
			c = judged(t, asFile(old), write(other), "cost-USD<=5", Options{Allow: []string{Problem}})
			if c.Gate.Verdict != reports.Pass || !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.HasPrefix(s, "The problem differs: ") }) {
				t.Errorf("allowed: %q, %s, %q", c.Refusals, c.Gate.Verdict, c.Doubts)
			}
		}
	}
	// A plan against another baseline saves something else.
	other := planOf(20*time.Second, 4)
	other.Baseline = plan.Cold
	if c := Compare(read(t, text(old)), read(t, text(other)), Options{}); c.IsComparable() {
		t.Error("plans with other baselines are compared")
	}
}

// TestStageDocuments: saved matches and calibrations are results too.
func TestStageDocuments(t *testing.T) {
	matches := &matcher.Matches{Matches: []matcher.Match{{App: "web", Hit: matcher.PartialHit, Overlap: matcher.Overlap{ByChain: matcher.Share{PresentBytes: 7, FetchBytes: 3}}}}}
	calibration := &calibrate.Calibration{Basis: "layers", Profile: "p", Cells: []calibrate.Cell{{Arm: "web cold", Runs: 3, Measured: time.Second, Predicted: 1100 * time.Millisecond, Error: 0.1}}, Totals: []calibrate.Scored{}}
	for kind, test := range map[string]struct {
		value any
		rule  string
	}{
		matcher.MatchesKind: {matches, "saved-B>=7B"},
		calibrate.Kind:      {calibration, "error-fraction<=10%"},
	} {
		data, err := document.Marshal(kind, test.value)
		if err != nil {
			t.Fatal(err)
		}
		if c := judged(t, string(data), string(data), test.rule, Options{}); c.Gate.Verdict != reports.Pass || c.New.Kind != kind {
			t.Errorf("%s: %+v", kind, c.Gate)
		}
	}
}
