package plan

import (
	"context"
	"math"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// moreBudget is the budget of Sensitivity.More, times the plan's.
const moreBudget = 1.1

// setCurve adds what other budgets would bring, as far as that is asked for: points from
// the cheapest candidate's bill to what the plan without a budget costs, and a tenth more
// than the budget that there is.
func (m *model) setCurve(ctx context.Context, p *Plan, s *solution) error {
	if ctx.Err() == nil && m.More && p.BudgetPerMonth != nil && m.Goal == GoalSeconds {
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
	free, err := m.secondsFor(ctx, math.Inf(1))
	if err != nil {
		return err
	}
	low, high := m.cheapest(), free.Cost
	if low > high || high == 0 {
		return nil
	}
	var budgets []float64
	for i := range m.Points {
		budgets = append(budgets, low*math.Pow(high/low, float64(i)/float64(max(1, m.Points-1))))
	}
	p.Curve, err = m.curve(ctx, budgets)
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

// secondsFor is the most time saved within a budget, whatever it is worth.
func (m *model) secondsFor(ctx context.Context, budget float64) (*solution, error) {
	problem := *m.program.problem
	problem.Budget, problem.Price = budget, 0
	problem.Customers = make([][]knapsack.Option, len(m.apps))
	for i, a := range m.apps {
		for _, o := range a.options {
			problem.Customers[i] = append(problem.Customers[i], knapsack.Option{Set: o.set, Gain: o.effect.readySaved, Cost: o.effect.use})
		}
	}
	solver, err := knapsack.New(&problem)
	if err != nil {
		return nil, err
	}
	p := &program{goal: GoalSeconds, gap: m.GapFraction, problem: &problem, solver: solver}
	s := p.solve(ctx, m.effort()/2, true)
	return &s, nil
}

// curve is the best plan found for each of rising budgets. What a budget allows a larger
// one does too, and what none gains with a larger one none gains with it.
func (m *model) curve(ctx context.Context, budgets []float64) ([]CurvePoint, error) {
	points := make([]CurvePoint, 0, len(budgets))
	for _, budget := range budgets {
		if ctx.Err() != nil {
			break
		}
		s, err := m.secondsFor(ctx, budget)
		if err != nil {
			return nil, err
		}
		point := m.point(budget, s)
		if last := len(points) - 1; last >= 0 && points[last].SavedSeconds > point.SavedSeconds {
			before := points[last]
			before.BudgetPerMonth, before.BoundSeconds = point.BudgetPerMonth, point.BoundSeconds
			point = before
		}
		points = append(points, point)
	}
	for i := len(points) - 2; i >= 0; i-- {
		points[i].BoundSeconds = min(points[i].BoundSeconds, points[i+1].BoundSeconds)
	}
	return points, nil
}

func (m *model) point(budget float64, s *solution) CurvePoint {
	point := CurvePoint{
		BudgetPerMonth: m.Prices.Money(budget), Cost: m.Prices.Money(s.Cost),
		SavedSeconds: duration(s.Gain), BoundSeconds: duration(max(s.bound, s.Gain)),
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

// more is what a tenth more of budget brings.
func (m *model) more(ctx context.Context, s *solution) (*Sensitivity, error) {
	problem := *m.program.problem
	problem.Budget *= moreBudget
	solver, err := knapsack.New(&problem)
	if err != nil {
		return nil, err
	}
	p := &program{goal: m.Goal, price: m.program.price, gap: m.GapFraction, problem: &problem, solver: solver}
	found := p.solve(ctx, m.effort(), true)
	if found.objective < s.objective {
		found.choice = s.choice
	}
	point := m.point(problem.Budget, &found)
	point.SavedSeconds = duration(m.saved(&found.choice))
	point.BoundSeconds = max(point.SavedSeconds, duration(found.bound+p.price*problem.Budget))
	return &Sensitivity{More: &point}, nil
}
