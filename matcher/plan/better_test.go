package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// TestBetter: cold, web's 300 starts take 105 s and with an automatic cache 7 s; the disk of
// up to 30 GiB is free. A cache that is built saves no more, and costs. With half of the starts
// on automatic caches the built one saves more time: which is better is for the user.
func TestBetter(t *testing.T) {
	p := twoApps()
	p.Apps = p.Apps[:1]
	app := p.Apps[0].App
	starts := app.StartsPerMonth()
	for _, test := range []struct {
		name string
		app  plan.App
		goal string
		want bool
	}{
		{"all hit", found(app, automatic(int(starts), app.Images[0])), plan.GoalSeconds, true},
		{"half hit", found(app, nothing(int(starts)/2), automatic(int(starts)/2, app.Images[0])), plan.GoalSeconds, false},
		// No cache saves what it costs: the plan is to build nothing, and half the starts hit.
		{"half hit, net", found(app, nothing(int(starts)/2), automatic(int(starts)/2, app.Images[0])), plan.GoalNet, true},
		{"all hit, limit", found(app, automatic(int(starts), app.Images[0])), plan.GoalLimit, true},
		{"unknown", plan.App{App: app}, plan.GoalSeconds, false},
	} {
		q := p
		q.Apps, q.Goal, q.BudgetPerMonth = []plan.App{test.app}, test.goal, 50
		if test.goal == plan.GoalLimit {
			q.Limit = 10 * time.Second
		}
		got := choose(t, q)
		if (got.Better != nil) != test.want {
			t.Errorf("%s: %s, totals %+v, better %+v, want one: %t", test.name, got.Verdict, got.Totals, got.Better, test.want)
			continue
		}
		// The app's time on automatic caches is 7 s, or half of that and half of the cold 105 s.
		switch at := got.Assignments[0].AutomaticSeconds; {
		case (at == nil) != (test.name == "unknown"):
			t.Errorf("%s: automatic caches: %v", test.name, at)
		case at != nil && *at != 7*time.Second && *at != 56*time.Second:
			t.Errorf("%s: %v on automatic caches", test.name, *at)
		}
		if b := got.Better; b != nil && (b.LimitKept != nil) != (test.goal == plan.GoalLimit) {
			t.Errorf("%s: limit kept: %v", test.name, b.LimitKept)
		}
		half := 1
		if strings.HasPrefix(test.name, "half") {
			half = 2
		}
		if b := got.Better; b != nil && (b.Action != plan.TurnOnAutomatic || !strings.Contains(b.How, `k8s.aliyun.com/eci-image-cache: "true"`) ||
			b.SavedSeconds != time.Duration(starts)*98*time.Second/time.Duration(half) || b.NetSavedPerMonth.Amount <= 0) {
			t.Errorf("%s: %+v", test.name, b)
		}
	}
	// Against the automatic baseline they are what the plan is compared with.
	p.Baseline, p.Apps = plan.Automatic, []plan.App{found(app, automatic(int(starts), app.Images[0]))}
	if got := choose(t, p); got.Better != nil {
		t.Errorf("automatic baseline: better is %+v", got.Better)
	}
}

// TestBetterKeepsLimit: cold, web's 300 starts take more than 10 s, and with an automatic cache
// none does, for nothing. Whatever the budget is, that is the advice, and no budget is one that
// is needed; a limit that they do not keep is not met all the same.
func TestBetterKeepsLimit(t *testing.T) {
	p := twoApps()
	app := p.Apps[0].App
	starts := int(app.StartsPerMonth())
	all := found(app, automatic(starts, app.Images[0]))
	half := found(app, nothing(starts-starts/2), automatic(starts/2, app.Images[0]))
	for _, test := range []struct {
		name    string
		app     plan.App
		budget  float64
		limit   time.Duration
		share   float64
		verdict string
		advice  string
		kept    bool
	}{
		{"no budget", all, 0, 10 * time.Second, 0, plan.LimitNotMet, plan.TurnOnAutomatic, true},
		{"enough", all, 1e6, 10 * time.Second, 0, plan.Build, plan.TurnOnAutomatic, true},
		{"no budget, a share", half, 0, 10 * time.Second, 0.5, plan.LimitNotMet, plan.TurnOnAutomatic, true},
		{"no budget, a larger share", half, 0, 10 * time.Second, 0.51, plan.LimitNotMet, plan.LimitNotMet, false},
		{"too tight", all, 0, time.Millisecond, 0, plan.LimitNotMet, plan.LimitNotMet, false},
	} {
		q := p
		q.Apps, q.Goal, q.BudgetPerMonth, q.Limit, q.LimitStartsFraction = []plan.App{test.app}, plan.GoalLimit, test.budget, test.limit, test.share
		got := choose(t, q)
		if got.Verdict != test.verdict || got.Advice() != test.advice || got.KeepsLimit() != test.kept {
			t.Errorf("%s: %s, advice %s, kept %t, better %+v", test.name, got.Verdict, got.Advice(), got.KeepsLimit(), got.Better)
		}
	}
}

// TestTurnsOfAdvice: what is judged is what is to be done first. No price turns the plan's own
// verdict, and where starts no longer find automatic caches the advice is the plan's.
func TestTurnsOfAdvice(t *testing.T) {
	p := twoApps()
	app := p.Apps[0].App
	starts := int(app.StartsPerMonth())
	p.BudgetPerMonth = 1e6
	problem := func(factor float64) (plan.Problem, error) {
		missing := min(starts, int(float64(starts)*factor))
		q := p
		q.Apps = []plan.App{found(app, nothing(missing), automatic(starts-missing, app.Images[0]))}
		return q, nil
	}
	q, _ := problem(0)
	got := choose(t, q)
	turns, err := plan.Turns(t.Context(), got.Advice(), []plan.Trial{{Name: "misses", Problem: problem, Assumed: 1}})
	if err != nil || len(turns) != 1 || turns[0].Factor == nil || turns[0].Verdict != plan.Build || got.Verdict != plan.Build || got.Advice() != plan.TurnOnAutomatic {
		t.Errorf("%s, advice %s; %+v, %v", got.Verdict, got.Advice(), turns, err)
	}
}
