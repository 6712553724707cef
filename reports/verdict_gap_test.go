package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// TestGapWords: each verdict is said in the terms of its goal, and what is not proven is
// not called so.
func TestGapWords(t *testing.T) {
	limit := 8 * time.Second
	nothing := plan.Plan{Goal: plan.GoalSeconds, Baseline: plan.Automatic, Verdict: plan.BuildNothing, Status: plan.Optimal, Candidates: 23, BudgetPerMonth: budgetOf(5)}
	with := func(change func(*plan.Plan)) *plan.Plan {
		p := nothing
		change(&p)
		return &p
	}
	built := func(p *plan.Plan) {
		p.Verdict, p.Caches = plan.Build, []plan.PlannedCache{{Name: "a", Cost: plan.Bill{Total: usd(3)}, CumulativeCost: usd(3)}}
	}
	unmet := func(p *plan.Plan) {
		built(p)
		p.Goal, p.Verdict, p.LimitSeconds = plan.GoalLimit, plan.LimitNotMet, &limit
	}
	tests := []struct {
		name          string
		plan          *plan.Plan
		headline, gap string
	}{
		{"no cache is faster", &nothing, "no cache within USD 5.00 a month makes starts faster than the free automatic caches", "Proven: none of the 23 caches considered saves time under the budget."},
		{"time is worth too little", with(func(p *plan.Plan) { p.WorthPerHour = budgetOf(0.01) }),
			"no cache within USD 5.00 a month is worth what it costs", "Proven: none of the 23 caches considered is both within USD 5.00 a month and worth what it costs."},
		{"one candidate", with(func(p *plan.Plan) { p.WorthPerHour, p.Candidates = budgetOf(0.01), 1 }), "is worth what it costs", "Proven: the only cache considered is not both within USD 5.00 a month and worth what it costs."},
		{"no candidate", with(func(p *plan.Plan) { p.Candidates = 0 }), "makes starts faster", "Proven: there is no cache to consider."},
		{"a gap of 0 proves nothing", with(func(p *plan.Plan) { p.Status, p.BoundSeconds = plan.Stopped, time.Hour }), "makes starts faster", "(proven); this plan reaches 100 % of that."},
		{"best for what an hour is worth", with(func(p *plan.Plan) { built(p); p.WorthPerHour = budgetOf(1) }), "", "no other choice of the 23 caches considered is worth more within USD 5.00 a month."},
		// An hour is worth 1: of 10 h, 3 go for a bill of 3, and the bound is 8, so 11 of the same bill.
		{"a bound for what an hour is worth", with(func(p *plan.Plan) {
			built(p)
			p.Status, p.WorthPerHour, p.GapFraction = plan.GapReached, budgetOf(1), 0.125
			p.SavedSeconds, p.ObjectiveSeconds, p.BoundSeconds = 10*time.Hour, 7*time.Hour, 8*time.Hour
		}), "", "Time saved less an hour for each USD 1.00 of the bill: no choice of the 23 caches considered comes to more than 8.0 h a month (proven), this plan to 7.0 h, 88 % of that; so none of the same bill saves more than 11.0 h, this plan 10.0 h."},
		// The bill may be 100, and the bound 80: 20 more is a quarter of 80.
		{"a bill above its bound", with(func(p *plan.Plan) {
			built(p)
			p.Goal, p.Status, p.GapFraction, p.BoundMoney = plan.GoalLimit, plan.GapReached, 0.2, budgetOf(80)
		}), "", "for less than USD 80.00 a month (proven); this plan costs 25 % more at most."},
		{"no bound", with(func(p *plan.Plan) {
			built(p)
			p.Goal, p.Status, p.GapFraction, p.BoundMoney = plan.GoalLimit, plan.Stopped, 1, budgetOf(0)
		}), "", "a month (proven)."},
		{"none keeps the limit", with(unmet), "Limit not met: no choice of caches within USD 5.00 a month has the mean start of every app ready within 8 s; 1 cache comes nearest.", "Proven: no choice of the 23 caches considered keeps the limit."},
		{"none was found that keeps it", with(func(p *plan.Plan) { unmet(p); p.Status = plan.Stopped }),
			"Limit not met: no choice of caches within USD 5.00 a month was found that has the mean start of every app ready within 8 s.", "was found that keeps the limit; it is not proven that there is none."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := New(Input{Plan: test.plan})
			if got := r.Verdict.Headline; !strings.Contains(got, test.headline) {
				t.Errorf("headline %q, want %q", got, test.headline)
			}
			if got := r.Verdict.Sentences[len(r.Verdict.Sentences)-1]; !strings.Contains(got, test.gap) {
				t.Errorf("%q, want %q", got, test.gap)
			}
			if tiles := tiles(r); test.plan.Verdict == plan.LimitNotMet && len(tiles) > 0 && tiles[len(tiles)-1].Label == "distance from the best" {
				t.Errorf("a limit that is not met has a distance from the best: %v", tiles)
			}
		})
	}
}

// TestSavedPlanWithoutTotals: a file may lack what its plan had, and is reported all the
// same.
func TestSavedPlanWithoutTotals(t *testing.T) {
	change, more := -1.25, usd(2)
	p := &plan.Plan{Goal: plan.GoalNet, Totals: []plan.Total{}, Explained: []plan.Explained{{App: "web", Options: []plan.ExplainedOption{
		{Cache: "priced", PlanChange: &change, CostChange: &more}, {Cache: "bare", PlanChange: &change},
	}}}}
	text := written(t, Text, New(Input{Plan: p}), Options{})
	for _, want := range []string{"USD -1.25", " -1.25"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

// TestMoreHasItsOwnTable: the curve takes time for its own sake, the tenth more of budget
// weighs it against the bill.
func TestMoreHasItsOwnTable(t *testing.T) {
	point := func(budget float64) plan.CurvePoint {
		return plan.CurvePoint{BudgetPerMonth: usd(budget), Cost: usd(budget), Caches: 1, NetSaved: usd(0)}
	}
	more := point(5.5)
	p := &plan.Plan{Goal: plan.GoalSeconds, WorthPerHour: budgetOf(100), Curve: []plan.CurvePoint{point(9), point(1)}, Sensitivity: &plan.Sensitivity{More: &more}}
	got := planTables(p)
	if len(got) != 2 || len(got[0].Rows) != 2 || got[0].Rows[0][0].Text != "USD 1.00" || len(got[1].Rows) != 1 || got[1].Rows[0][0].Text != "USD 5.50" {
		t.Fatalf("%+v", got)
	}
	if !strings.HasPrefix(got[1].Caption, "What a tenth more of budget would bring, an hour being worth USD 100.00 ") || !strings.Contains(got[0].Caption, "whatever an hour is worth") {
		t.Errorf("captions %q, %q", got[0].Caption, got[1].Caption)
	}
	// A comment has the same tables.
	p.Sensitivity.Levers = []plan.Lever{{Name: "worthPerHour"}}
	markdown := written(t, Markdown, New(Input{Plan: p}), Options{})
	for _, row := range []string{"| USD 1.00 | USD 1.00 | 1 |", "| USD 5.50 | USD 5.50 | 1 |", "| worthPerHour | – | stays |"} {
		if !strings.Contains(markdown, "\n"+row) {
			t.Errorf("row %q is missing in\n%s", row, markdown)
		}
	}
	p.Sensitivity.Levers = nil
	// The last cells of other goals: net saved, its bound; the bill's bound, and the limit.
	p.Goal, p.WorthPerHour, more.BoundMoney = plan.GoalNet, nil, budgetOf(7)
	if row := planTables(p)[1].Rows[0]; len(row) != 6 || row[5].Text != "USD 7.00" {
		t.Errorf("of goal net: %+v", row)
	}
	p.Goal = plan.GoalLimit
	if row := planTables(p)[1].Rows[0]; len(row) != 7 || row[5].Text != "USD 7.00" || row[6].Text != "kept" {
		t.Errorf("of goal limit: %+v", row)
	}
	more.BoundMoney, more.LimitNotMet = nil, true
	if row := planTables(p)[1].Rows[0]; row[5].Text != "–" || row[6].Text != "not kept" {
		t.Errorf("of a limit not kept: %+v", row)
	}
}
