package plan

import (
	"context"
	"math"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// moreBudget is the budget of Sensitivity.More, times the plan's.
const moreBudget = 1.1

// The steps for each other budget, times the plan's; and the nodes for all of them.
const (
	curveEffort = 0.5
	curveNodes  = 200
)

// setCurve adds what other budgets would bring, as far as that is asked for: points from
// the cheapest candidate's bill to what the plan without a budget costs, and a tenth more
// than the budget that there is.
func (m *model) setCurve(ctx context.Context, p *Plan, s *solution) error {
	if ctx.Err() == nil && m.wantsMore() {
		m.progress("looking at a tenth more of budget")
		var err error
		if p.Sensitivity, err = m.more(ctx, s); err != nil {
			return err
		}
	}
	if m.Points == 0 || ctx.Err() != nil {
		return nil
	}
	m.progress("looking at other budgets")
	var err error
	p.Curve, err = m.curve(ctx, s)
	return err
}

// cheapest is the least bill with which a candidate saves an app time.
func (m *model) cheapest() float64 {
	least := math.Inf(1)
	for _, a := range m.apps {
		for _, o := range a.options {
			if c := m.candidateOf(o.set); c != nil && o.effect.readySaved > 0 {
				least = min(least, c.fixed()+o.effect.use)
			}
		}
	}
	return least
}

// secondsProblem is that of the most time saved within a budget, whatever it is worth.
func (m *model) secondsProblem(budget float64) *knapsack.Problem {
	problem := *m.program.problem
	problem.Budget, problem.Price, problem.Quota = budget, 0, max(1, m.room)
	problem.Customers = make([][]knapsack.Option, len(m.apps))
	for i, a := range m.apps {
		for _, o := range a.options {
			option := knapsack.Option{Set: o.set, Gain: o.effect.readySaved, Cost: o.effect.use}
			if m.barred(o.set) {
				option.Gain, option.Cost = 0, 0
			}
			problem.Customers[i] = append(problem.Customers[i], option)
		}
	}
	return &problem
}

// curve is the most time saved within each of some budgets: from the cheapest candidate's
// bill to what the most time saved costs.
func (m *model) curve(ctx context.Context, s *solution) ([]CurvePoint, error) {
	var budgets []float64
	found, err := m.budgetsBesideKept(ctx, s, func(most knapsack.Choice) []float64 {
		low, high := m.cheapest(), most.Cost
		if low > high || high == 0 {
			return nil
		}
		budgets = budgets[:0]
		for i := range m.Points {
			budgets = append(budgets, low*math.Pow(high/low, float64(i)/float64(max(1, m.Points-1))))
		}
		return budgets
	})
	if err != nil {
		return nil, err
	}
	// A curve that is stopped has the larger ones.
	budgets = budgets[len(budgets)-len(found):]
	points := make([]CurvePoint, len(found))
	for i := range found {
		points[i] = m.point(budgets[i], &found[i])
	}
	return points, nil
}

// budgets are the best choices within others than a problem's own budget, at its price.
func (m *model) budgets(ctx context.Context, problem *knapsack.Problem, s *solution, budgets func(most knapsack.Choice) []float64) ([]solution, error) {
	solver, err := knapsack.New(problem)
	if err != nil {
		return nil, err
	}
	p := &program{goal: GoalSeconds, price: problem.Price, gap: m.GapFraction, problem: problem, solver: solver}
	opt := p.steps(m.effort()*curveEffort, true)
	opt.Nodes = min(opt.Nodes, int(math.Ceil(m.effort()*curveNodes)))
	var found []solution
	for _, a := range solver.Curve(ctx, budgets, [][]int{s.Sets}, opt) {
		f := solution{choice: p.tidy(a.Choice), bound: a.Bound, optimal: a.Optimal, reached: true}
		f.objective = p.objective(&f.choice)
		found = append(found, f)
	}
	return found, nil
}

// secondsWithin is the most time saved within a budget, whatever it is worth; nothing where
// that cannot be found.
func (m *model) secondsWithin(ctx context.Context, budget float64) solution {
	all, err := m.budgets(ctx, m.secondsProblem(budget), &solution{}, func(knapsack.Choice) []float64 { return []float64{budget} })
	if err != nil || len(all) == 0 {
		return solution{}
	}
	return all[0]
}

func (m *model) point(budget float64, s *solution) CurvePoint {
	bound := duration(max(s.bound, s.Gain))
	point := CurvePoint{
		BudgetPerMonth: m.Prices.Money(budget), Cost: m.Prices.Money(s.Cost),
		SavedSeconds: duration(s.Gain), BoundSeconds: &bound,
	}
	for _, j := range s.Sets {
		if m.candidateOf(j) != nil {
			point.Caches++
		}
	}
	net := -s.Cost
	for i, a := range m.apps {
		if e := m.effectOf(&s.choice, i); e != nil {
			net += e.billedSaved*a.instance + e.useSaved
		}
	}
	point.NetSaved = m.Prices.Money(net)
	return point
}

// wantsMore says whether it is asked what a tenth more of budget would bring.
func (m *model) wantsMore() bool { return m.More && !math.IsInf(m.BudgetPerMonth, 1) }
