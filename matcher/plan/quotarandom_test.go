package plan_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// crowded is a tiny instance whose quota manual caches that exist fill, or nearly: each app's
// starts all find the one of them that ECI picks, or nothing.
func crowded(r source) plan.Problem {
	p := tiny(r)
	p.Existing = nil
	for i := range 1 + r.Int(3) {
		e := matcher.Cache{
			ID: fmt.Sprintf("imc-%d", i), Images: []string{tinyImage(r)}, SizeGiB: 20 + 5*float64(r.Int(4)),
			Status: matcher.StatusReady, CreationTime: noon.Add(-time.Hour),
		}
		if ref := tinyImage(r); ref != e.Images[0] && r.Int(2) == 0 {
			e.Images, e.SizeGiB = append(e.Images, ref), 45
		}
		p.Existing = append(p.Existing, e)
	}
	p.Quota = 1 + r.Int(len(p.Existing))
	if r.Int(2) == 0 {
		p.BudgetPerMonth = 1e6
	}
	m := matcher.New(p.Inventory, p.Platform, p.At, p.Policy)
	for i := range p.Apps {
		finds := nothing(10)
		id := m.Match(matcher.GroupOf(p.Apps[i].App), p.Existing).CacheID
		for _, e := range p.Existing {
			if e.ID == id {
				finds = matcher.Found{CacheID: id, Images: e.Images, SizeGiB: e.SizeGiB, Starts: 10}
			}
		}
		p.Apps[i] = found(p.Apps[i].App, finds)
	}
	return p
}

// A quota that existing caches fill: in both assignments the plan is what brute force finds,
// no choice is beyond the bound, and what ECI's matching makes of a plan is within the bound
// of plans that name caches.
func TestBruteForceOfQuota(t *testing.T) {
	for _, goal := range []string{plan.GoalSeconds, plan.GoalNet, plan.GoalLimit} {
		t.Run(goal, func(t *testing.T) {
			t.Parallel()
			testCrowded(t, goal)
		})
	}
}

func testCrowded(t *testing.T, goal string) {
	beside, freed := 0, 0
	for i := range instances / 2 {
		r := seeded{rand.New(rand.NewPCG(2, uint64(i)))}
		p := aimed(crowded(r), goal, r)
		p.Effort = 0.1
		values := make(map[string]float64)
		bounds := make(map[string]float64)
		for _, assign := range []string{plan.Auto, plan.Explicit} {
			p.Assign = assign
			got, names, images, sizes := plan.ChooseAmong(p)
			o := &oracle{p: p, match: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), names: names, images: images, sizes: sizes}
			want := o.best()
			checkUnproven(t, fmt.Sprintf("instance %d (%s, %s, %s, %d of %d)", i, assign, p.Baseline, got.Status, len(p.Existing), p.Quota), got, want)
			values[assign], bounds[assign] = upward(got)
			if len(got.Caches) > 0 {
				if beside++; len(got.Caches)+len(p.Existing) > p.Quota {
					freed++
				}
			}
		}
		if slack := 1e-6 * (1 + math.Abs(values[plan.Auto])); values[plan.Auto] > bounds[plan.Explicit]+slack {
			t.Errorf("instance %d: auto reaches %v, the bound of explicit is %v", i, values[plan.Auto], bounds[plan.Explicit])
		}
	}
	if freed < instances/20 {
		t.Errorf("%d plans build, %d in a place that was not free: too few to mean anything", beside, freed)
	}
}

// upward are a plan's objective and bound, so that more is better; -Inf and +Inf where the
// limit is not kept.
func upward(p *plan.Plan) (value, bound float64) {
	value, bound = p.ObjectiveSeconds.Seconds(), p.BoundSeconds.Seconds()
	if p.ObjectiveMoney != nil {
		if value, bound = p.ObjectiveMoney.Amount, math.Inf(-1); p.BoundMoney != nil {
			bound = p.BoundMoney.Amount
		}
	}
	switch {
	case p.Verdict == plan.LimitNotMet:
		return math.Inf(-1), math.Inf(1)
	case p.Goal == plan.GoalLimit:
		return -value, -bound
	}
	return value, bound
}

// What other budgets bring is no more than brute force finds for such a budget, and that is
// not beyond the point's bound.
func TestOtherBudgetsOfQuota(t *testing.T) {
	points := 0
	for i := range instances / 5 {
		r := seeded{rand.New(rand.NewPCG(3, uint64(i)))}
		p := crowded(r)
		p.Effort, p.BudgetPerMonth, p.Points, p.More = 0.1, min(p.BudgetPerMonth, 1000), 3, true
		for _, p.Assign = range []string{plan.Auto, plan.Explicit} {
			got, names, images, sizes := plan.ChooseAmong(p)
			o := &oracle{p: p, match: matcher.New(p.Inventory, p.Platform, p.At, p.Policy), names: names, images: images, sizes: sizes}
			for _, point := range append(got.Curve, *got.Sensitivity.More) {
				o.p.BudgetPerMonth = point.BudgetPerMonth.Amount * (1 + 1e-6)
				want := o.best().value
				slack := 1e-6 * (1 + want)
				if points++; point.SavedSeconds.Seconds() > want+slack || point.BoundSeconds.Seconds() < want-slack {
					t.Errorf("instance %d, %s: %+v, at most %v; brute force saves %v s", i, p.Assign, point, *point.BoundSeconds, want)
				}
			}
		}
	}
	if points < instances/5 {
		t.Errorf("%d points", points)
	}
}
