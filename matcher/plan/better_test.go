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
