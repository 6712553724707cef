package plan

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// leastBudget is the least bill found with which the limit is kept, rounded up to hundredths
// so that it can be given as a budget; nil where none was found. Proven says that there is
// none among the candidates.
func (m *model) leastBudget(ctx context.Context) (least *cost.Money, proven bool, err error) {
	if math.IsInf(m.BudgetPerMonth, 1) || ctx.Err() != nil || m.program.full {
		return nil, false, nil
	}
	m.progress("looking for the least budget that keeps the limit")
	problem := *m.program.problem
	problem.Budget = math.Inf(1)
	solver, err := knapsack.New(&problem)
	if err != nil {
		return nil, false, err
	}
	a := solver.Cheapest(ctx, m.program.target, m.program.steps(m.effort(), true))
	switch {
	case !a.Reached:
		return nil, a.Proven, nil
	case !m.fits(&a.Choice):
		return nil, false, nil
	}
	return m.money(math.Ceil(a.Cost*100-1e-9) / 100), false, nil
}

// budgetWords say what a budget would have to be for the limit to be kept, or that none does.
func (m *model) budgetWords(p *Plan) string {
	words := ""
	switch {
	case p.LeastBudgetPerMonth != nil:
		return fmt.Sprintf(" A budget of %s a month would do.", spellMoney(*p.LeastBudgetPerMonth))
	case m.noBudget:
		words = " No budget would do."
	}
	if below := m.belowFloor(); len(below) > 0 {
		words += fmt.Sprintf(" No cache changes what starts take until their instance is there and from the last image to ready, which is more than the limit for %s.", strings.Join(below, ", "))
	}
	return words
}

// belowFloor are the apps whose starts take longer than the limit whatever is cached.
func (m *model) belowFloor() []string {
	var names []string
	for _, a := range m.apps {
		if a.starts > 0 && a.floor > m.Limit {
			names = append(names, fmt.Sprintf("%s (%s)", a.Name, SpellBeside(a.floor, m.Limit)))
		}
	}
	return names
}

// floorWords say how much of an app's time no cache changes.
func (m *model) floorWords(a *app) string {
	if a.floor <= 0 || a.floor > m.Limit { // the latter are named apart
		return ""
	}
	return fmt.Sprintf(", of which no cache changes %s", SpellBeside(a.floor, m.Limit))
}

// besideLimit writes a time that is held against the limit.
func (m *model) besideLimit(seconds float64) string {
	return SpellBeside(duration(seconds), m.Limit)
}

// tooDear says why a cache that would do for an app is not in the plan.
func tooDear(least *cost.Money) string {
	if least != nil {
		return "which the budget does not pay for"
	}
	return "which does not fit in beside the others"
}
