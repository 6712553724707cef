package plan

import (
	"context"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// more is what a tenth more of budget brings; nil where the search was stopped.
func (m *model) more(ctx context.Context, s *solution) (*Sensitivity, error) {
	budget := m.BudgetPerMonth * moreBudget
	found, err := m.moreBesideKept(ctx, budget, s)
	if err != nil || found == nil {
		return nil, err
	}
	point := m.point(budget, found)
	point.SavedSeconds = duration(m.saved(&found.choice))
	bound := found.bound
	if found.optimal {
		bound = found.objective
	}
	switch {
	case m.Goal == GoalSeconds:
		*point.BoundSeconds = max(point.SavedSeconds, duration(m.mostSaved(ctx, bound, budget)))
	case found.reached:
		point.BoundSeconds, point.BoundMoney = nil, m.money(bound)
	default:
		point.BoundSeconds, point.LimitNotMet = nil, true
	}
	return &Sensitivity{More: &point}, nil
}

// mostSaved bounds the time saved within a budget, from what bounds that less the bill's
// worth. Where the budget is large against what can be had, the bound of time alone is nearer.
func (m *model) mostSaved(ctx context.Context, bound, budget float64) float64 {
	price := m.price()
	if price == 0 {
		return bound
	}
	most := bound + price*budget
	room := m.room
	m.room = m.mostRoom()
	if s := m.secondsWithin(ctx, budget); s.reached {
		most = min(most, s.bound)
	}
	m.room = room
	return most
}

// bestWithin is the best choice within a problem's budget, which allows s too.
func (m *model) bestWithin(ctx context.Context, problem *knapsack.Problem, s *solution) (*solution, error) {
	all, err := m.budgets(ctx, problem, s, func(knapsack.Choice) []float64 { return []float64{problem.Budget} })
	if err != nil || len(all) == 0 {
		return nil, err
	}
	found := &all[0]
	if found.objective < s.objective {
		found.choice, found.objective = s.choice, s.objective
	}
	found.bound = max(found.bound, found.objective)
	return found, nil
}

// cheapestWithin is the least bill that keeps the limit within a larger budget than s has,
// or what comes nearest. One that s keeps already is the same there: what costs less was
// within its own budget.
func (m *model) cheapestWithin(ctx context.Context, problem *knapsack.Problem, s *solution) (*solution, error) {
	if s.reached {
		return s, nil
	}
	solver, err := knapsack.New(problem)
	if err != nil {
		return nil, err
	}
	p := &program{goal: m.Goal, price: problem.Price, target: m.program.target, gap: m.GapFraction, problem: problem, solver: solver}
	found := p.solve(ctx, m.effort()*curveEffort, true)
	if ctx.Err() != nil {
		return nil, nil
	}
	if !m.beats(&found, s) {
		found = *s
	}
	return &found, nil
}
