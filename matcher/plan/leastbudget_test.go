package plan_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestLeastBudget: both caches together cost 0.950272 (TestMoreOfOtherGoals), so 0.96 keeps
// the limit and a cent less does not.
func TestLeastBudget(t *testing.T) {
	p := twoApps()
	p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, 10*time.Second, 0.7
	got := choose(t, p)
	if got.Verdict != plan.LimitNotMet || got.LeastBudgetPerMonth == nil || got.LeastBudgetPerMonth.Amount != 0.96 {
		t.Fatalf("%s, least budget %v", got.Verdict, got.LeastBudgetPerMonth)
	}
	for budget, want := range map[float64]string{0.96: plan.Build, 0.95: plan.LimitNotMet} {
		p.BudgetPerMonth = budget
		if got := choose(t, p); got.Verdict != want {
			t.Errorf("budget %v: %s, want %s", budget, got.Verdict, want)
		}
	}
}

// TestFloor: a start takes 5 s whatever it finds and 2 s more to attach a cache: no budget
// keeps 6 s, and below 5 s it is the start itself that takes too long.
func TestFloor(t *testing.T) {
	for limit, want := range map[time.Duration]string{
		6 * time.Second:         "Above it stay job (7.00 s at best, of which no cache changes 5.00 s), web (7.00 s at best, of which no cache changes 5.00 s). No budget would do.",
		4500 * time.Millisecond: "more than the limit for job (5.00 s), web (5.00 s).",
	} {
		p := twoApps()
		without := p.Estimate
		p.Estimate = func(app *workload.App, held []string) plan.Estimate {
			e := without(app, held)
			e.Floor = 5 * time.Second
			return e
		}
		p.Goal, p.Limit, p.BudgetPerMonth = plan.GoalLimit, limit, 0.7
		got := choose(t, p)
		if got.Verdict != plan.LimitNotMet || got.LeastBudgetPerMonth != nil || !strings.HasSuffix(got.Reason, want) {
			t.Errorf("%v: %s, least budget %v: %s", limit, got.Verdict, got.LeastBudgetPerMonth, got.Reason)
		}
		for _, a := range got.Assignments {
			if a.FloorSeconds == nil || *a.FloorSeconds != 5*time.Second {
				t.Errorf("%v: floor of %s is %v", limit, a.App, a.FloorSeconds)
			}
		}
		// Without a budget there is none to name, and the floor is the same.
		p.BudgetPerMonth = math.Inf(1)
		if got := choose(t, p); strings.Contains(got.Reason, "budget would do") || limit < 5*time.Second && !strings.HasSuffix(got.Reason, want) {
			t.Errorf("%v without a budget: %s", limit, got.Reason)
		}
	}
}

// TestSpellBeside: a time is told on the side of the limit that it is on.
func TestSpellBeside(t *testing.T) {
	for _, test := range []struct {
		d, limit time.Duration
		want     string
	}{
		{3144535 * time.Microsecond, 3144600 * time.Microsecond, "3.14 s"},
		{3144671 * time.Microsecond, 3144600 * time.Microsecond, "3.145 s"},
		{3144600 * time.Microsecond, 3144600 * time.Microsecond, "3.1446 s"},
		{30*time.Second - time.Microsecond, 30 * time.Second, "29.999999 s"},
		{12300 * time.Millisecond, 14 * time.Second, "12.3 s"},
		{3 * time.Minute, 2 * time.Minute, "3.0 min"},
	} {
		if got := plan.SpellBeside(test.d, test.limit); got != test.want {
			t.Errorf("%v beside %v: %s, want %s", test.d, test.limit, got, test.want)
		}
	}
	for d, want := range map[time.Duration]string{3144600 * time.Microsecond: "3.1446 s", 14 * time.Second: "14 s", 2 * time.Minute: "2 min", 150 * time.Second: "150 s", 3 * time.Hour: "3 h", 1086048295: "1.086048295 s", 1: "0.000000001 s"} {
		if got := plan.SpellLimit(d); got != want {
			t.Errorf("limit %v: %s, want %s", d, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		limit := time.Duration(rapid.Int64Range(1, int64(100*time.Hour)).Draw(t, "limit"))
		d := limit + time.Duration(rapid.Int64Range(-int64(limit), int64(time.Second)).Draw(t, "off"))
		read := func(s string) time.Duration {
			v, err := time.ParseDuration(strings.NewReplacer(" min", "m", " ", "", ",", "").Replace(s))
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		told, asked := read(plan.SpellBeside(d, limit)), read(plan.SpellLimit(limit))
		// Hours and minutes of nine digits are within a microsecond.
		if asked != limit || (d-limit).Abs() > 10*time.Microsecond && (told < asked) != (d < limit) {
			t.Fatalf("%v beside %v reads %v beside %v", d, limit, told, asked)
		}
	})
}
