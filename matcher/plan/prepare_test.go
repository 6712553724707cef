package plan_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// TestPreparedPlansAreTheSame: whatever limits were asked for before, a prepared problem has
// byte for byte the plan that is made of the problem by itself.
func TestPreparedPlansAreTheSame(t *testing.T) {
	plans, verdicts := 0, make(map[string]int)
	for seed := range uint64(150) {
		r := seeded{rand.New(rand.NewPCG(seed, 3))}
		p := tiny(r)
		switch seed % 5 {
		case 1:
			p = crowded(r)
		case 2:
			p = many(8 + r.Int(10))
			p.Assign = []string{plan.Auto, plan.Explicit}[r.Int(2)]
		}
		p = aimed(p, plan.GoalLimit, r)
		if r.Int(3) == 0 {
			p.BudgetPerMonth = math.Pow(10, float64(r.Int(300))/100)
		}
		for i := range p.Apps {
			if a := &p.Apps[i]; r.Int(2) == 0 {
				primed := matcher.Outcome{App: a.App.Name, Found: []matcher.Found{automatic(1+r.Int(50), a.App.AllImages()...)}}
				a.Primed, a.PrimesPerMonth = &primed, float64(1+r.Int(5))
			}
		}
		p.GapFraction, p.Effort = 0.01, 0.2
		prepared, err := plan.Prepare(p)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			terms := plan.Terms{Limit: time.Duration(1+r.Int(120)) * time.Second, Effort: 0.2}
			if r.Int(2) == 0 {
				terms.LimitStartsFraction = float64(1+r.Int(20)) / 20
			}
			got, err := prepared.Choose(context.Background(), terms)
			if err != nil {
				t.Fatal(err)
			}
			alone := p
			alone.Limit, alone.LimitStartsFraction = terms.Limit, terms.LimitStartsFraction
			want := choose(t, alone)
			verdicts[want.Verdict]++
			plans++
			if a, b := written(t, got), written(t, want); a != b {
				t.Fatalf("seed %d, %+v: prepared\n%s\nby itself\n%s", seed, terms, a, b)
			}
		}
	}
	for _, verdict := range []string{plan.Build, plan.BuildNothing, plan.Prime, plan.LimitNotMet} {
		if verdicts[verdict] < 10 {
			t.Errorf("of %d plans %d are %q: no test of those", plans, verdicts[verdict], verdict)
		}
	}
}

func written(t *testing.T, p *plan.Plan) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestPreparedRefuses: terms that cannot be are refused as in a problem.
func TestPreparedRefuses(t *testing.T) {
	p := many(3)
	p.BudgetPerMonth = math.Inf(1)
	prepared, err := plan.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, terms := range []plan.Terms{{}, {Limit: time.Second, LimitStartsFraction: 2}, {Limit: time.Second, Effort: -1}} {
		if got, err := prepared.Choose(context.Background(), terms); err == nil {
			t.Errorf("%+v: %s", terms, got.Verdict)
		}
	}
}
