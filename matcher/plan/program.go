package plan

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// program is a Problem in bare numbers: sets are primings of apps and, after them, the
// candidates; customers are apps. Money and seconds are float64 here, for they are
// added, compared and traded; they become cost.Money and time.Duration in the Plan.
type program struct {
	goal   string
	price  float64
	target float64
	// gap is how far from its bound a choice may be.
	gap     float64
	problem *knapsack.Problem
	solver  *knapsack.Solver
	// full: there is no room for any cache.
	full bool
	// tell is told of the best so far and of its bound; nil is none.
	tell func(objective, bound float64)
}

// option is one set for one app.
type option struct {
	set    int
	effect effect
}

// none is the pick of an app without a planned cache.
const none = -1

// choice is an answer to a program: the sets, and the option of each app.
type choice = knapsack.Choice

// solution is the best choice found, with what is proven of all.
type solution struct {
	choice
	// objective is in the goal's unit; bound is what none exceeds, of goal limit what
	// none falls below.
	objective, bound float64
	optimal, reached bool
}

func (m *model) newProgram() (*program, error) {
	p := &program{goal: m.Goal, price: m.price(), gap: m.GapFraction, full: m.room == 0}
	if m.Progress != nil {
		p.tell = func(objective, bound float64) {
			m.progress("choosing among %s%s", plural(len(m.candidates), "candidate"), nearness(objective, bound))
		}
	}
	bonus := 0.0
	if m.displacing != nil {
		bonus = m.bonus()
	}
	p.problem, p.target = m.problemOf(bonus), m.target()
	if m.Goal == GoalLimit {
		p.target += bonus * float64(len(m.displacing))
	}
	var err error
	p.solver, err = knapsack.New(p.problem)
	return p, err
}

// problemOf is the choice in the room that there is; bonus is for apps that are to have a
// planned cache.
func (m *model) problemOf(bonus float64) *knapsack.Problem {
	problem := &knapsack.Problem{
		Ordered: m.Assign == Auto, Budget: m.BudgetPerMonth, Quota: max(1, m.room), Price: m.price(),
		Customers: make([][]knapsack.Option, len(m.apps)),
	}
	m.addSets(problem)
	for i, a := range m.apps {
		for _, o := range a.options {
			option := knapsack.Option{Set: o.set, Gain: m.gain(a, &o.effect), Cost: o.effect.use}
			switch {
			case m.barred(o.set):
				option.Gain, option.Cost = 0, 0
			case m.displacing[a] && m.displaces(a, o.set):
				option.Gain += bonus
			}
			problem.Customers[i] = append(problem.Customers[i], option)
		}
	}
	return problem
}

// addSets are the primings, which are no caches, and the candidates with their bills.
func (m *model) addSets(problem *knapsack.Problem) {
	for range m.primings {
		problem.Sets = append(problem.Sets, knapsack.Set{Uncounted: true})
	}
	for _, c := range m.candidates {
		set := knapsack.Set{Cost: c.fixed()}
		if m.Storage == Shared {
			set = knapsack.Set{Cost: c.buildMoney, Items: c.layers}
		}
		problem.Sets = append(problem.Sets, set)
	}
	if m.Storage == Shared {
		problem.ItemCost = m.layerMoney
	}
}

// gain is what an effect is worth to the goal.
func (m *model) gain(a *app, e *effect) float64 {
	switch m.Goal {
	case GoalNet:
		return e.billedSaved*a.instance + e.useSaved
	case GoalLimit:
		return e.within
	}
	return e.readySaved
}

// target is how much of what counts for goal limit the plan has to add to the baseline.
func (m *model) target() float64 {
	if m.Goal != GoalLimit {
		return 0
	}
	now := 0.0
	for _, a := range m.apps {
		now += a.withinNow
	}
	return max(0, m.wanted()-now)
}

// wanted is how much there has to be of what counts for goal limit.
func (m *model) wanted() float64 {
	all := 0.0
	for _, a := range m.apps {
		if m.LimitStartsFraction > 0 {
			all += a.starts
		} else if a.starts > 0 {
			all++
		}
	}
	if m.LimitStartsFraction > 0 {
		all *= m.LimitStartsFraction
	}
	return all
}

// The steps of one search of a small problem; Problem.Effort multiplies them. A larger
// problem has fewer, for each takes longer: most is how many options they may look at.
const (
	searchSteps, mostSearched = 2000, 40_000_000
	boundSteps, mostBounded   = 2000, 100_000_000
	branchNodes, mostBranched = 4000, 50_000_000
	// smallProblem is how many options are searched to a gap of smallGap, whatever larger
	// one is allowed.
	smallProblem = 1500
	smallGap     = 0.0005
	// light is the effort with which sets of candidates are tried before the last.
	light = 0.2
)

// steps are how many a problem may have: few, and no branching, before the last search.
func (p *program) steps(effort float64, last bool) knapsack.SolveOptions {
	if !last {
		effort *= light
	}
	options := 1
	for _, list := range p.problem.Customers {
		options += len(list)
	}
	times := func(steps, most int) int {
		return int(math.Ceil(min(float64(steps), float64(most)/float64(options)) * effort))
	}
	opt := knapsack.SolveOptions{Seed: 1, Iterations: times(searchSteps, mostSearched), BoundIterations: times(boundSteps, mostBounded)}
	if last {
		opt.Nodes = times(branchNodes, mostBranched)
	}
	opt.Gap = p.gap
	if options <= smallProblem {
		opt.Gap = min(p.gap, smallGap)
	}
	return opt
}

func (p *program) solve(ctx context.Context, effort float64, last bool) solution {
	opt := p.steps(effort, last)
	opt.Progress = p.tell
	if p.goal == GoalLimit {
		a := p.solver.Cheapest(ctx, p.target, opt)
		s := solution{choice: a.Choice, objective: a.Cost, bound: min(a.Bound, a.Cost), optimal: a.Optimal, reached: a.Reached}
		if !a.Reached {
			s.optimal = a.Proven
		}
		return s
	}
	a := p.solver.Solve(ctx, opt)
	s := solution{choice: a.Choice, bound: a.Bound, optimal: a.Optimal, reached: true}
	s.choice = p.tidy(s.choice)
	s.objective = p.objective(&s.choice)
	s.bound = max(s.bound, s.objective)
	return s
}

// objective of a choice is in the goal's unit; of goal limit it is what is reached.
func (p *program) objective(c *choice) float64 { return c.Gain - p.price*c.Cost }

// among is a choice with only the sets that are kept: under explicit each app keeps its
// option or has none, under auto it takes the first in ECI's order.
func (p *program) among(c *choice, keep func(set int) bool) choice {
	var kept choice
	in := make([]bool, len(p.problem.Sets))
	for _, j := range c.Sets {
		if keep(j) {
			kept.Sets = append(kept.Sets, j)
			in[j] = true
		}
	}
	kept.Picks = slices.Clone(c.Picks)
	for i, options := range p.problem.Customers {
		switch {
		case p.problem.Ordered:
			kept.Picks[i] = slices.IndexFunc(options, func(o knapsack.Option) bool { return in[o.Set] })
		case c.Picks[i] != none && !keep(options[c.Picks[i]].Set):
			kept.Picks[i] = none
		}
	}
	p.sum(&kept)
	return kept
}

// sum adds gain and cost in one order, so that equal choices have equal sums.
func (p *program) sum(c *choice) {
	c.Gain, c.Cost = 0, 0
	paid := make([]bool, len(p.problem.ItemCost))
	for _, j := range c.Sets {
		set := &p.problem.Sets[j]
		c.Cost += set.Cost
		for _, item := range set.Items {
			if !paid[item] {
				paid[item] = true
				c.Cost += p.problem.ItemCost[item]
			}
		}
	}
	for i, k := range c.Picks {
		if k != none {
			c.Gain += p.problem.Customers[i][k].Gain
			c.Cost += p.problem.Customers[i][k].Cost
		}
	}
}

// tidy leaves out sets without which the objective is no less: a budget is a limit, not
// a goal.
func (p *program) tidy(c choice) choice {
	for again := true; again; {
		again = false
		for _, j := range slices.Backward(slices.Clone(c.Sets)) {
			without := p.among(&c, func(set int) bool { return set != j })
			if p.objective(&without) >= p.objective(&c)-1e-12*math.Abs(c.Gain) && p.allowed(&without) {
				c, again = without, true
			}
		}
	}
	return c
}

// allowed says whether a choice keeps the budget, but for rounding, and the quota.
func (p *program) allowed(c *choice) bool {
	counted := 0
	for _, j := range c.Sets {
		if !p.problem.Sets[j].Uncounted {
			counted++
		}
	}
	return c.Cost <= p.problem.Budget*(1+1e-9) && (p.problem.Quota == 0 || counted <= p.problem.Quota) && !(p.full && counted > 0)
}

// mostGain is the option of an app that gains most; nil where none gains.
func (p *program) mostGain(app int) *knapsack.Option {
	var most *knapsack.Option
	for k := range p.problem.Customers[app] {
		if o := &p.problem.Customers[app][k]; o.Gain > 0 && (most == nil || o.Gain > most.Gain) {
			most = o
		}
	}
	return most
}

// solve chooses among the generated candidates and neighbours of what was chosen; and only
// then among those that were given as well, so that a plan is never worse for them.
func (m *model) solve(ctx context.Context) (*solution, error) {
	m.progress("choosing among %s", plural(len(m.candidates), "candidate"))
	p, err := m.newProgram()
	if err != nil {
		return nil, err
	}
	m.program = p
	best := p.solve(ctx, m.effort(), false)
	if err := m.refine(ctx, &best); err != nil {
		return nil, err
	}
	given := m.generator.given()
	if len(given) == 0 || ctx.Err() != nil {
		return &best, nil
	}
	if err := m.considerAll(given); err != nil {
		return nil, err
	}
	if _, err := m.again(ctx, &best, false); err != nil {
		return nil, err
	}
	return &best, m.refine(ctx, &best)
}

// refine adds neighbours of what was chosen, as long as that brings something, and then
// searches once more, to the end.
func (m *model) refine(ctx context.Context, best *solution) error {
	for range neighbourRounds {
		if ctx.Err() != nil {
			return nil
		}
		added, err := m.addNeighbours(&best.choice)
		if err != nil {
			return err
		}
		if added == 0 {
			break
		}
		if better, err := m.again(ctx, best, false); err != nil {
			return err
		} else if !better {
			break
		}
	}
	_, err := m.again(ctx, best, true)
	return err
}

func (m *model) effort() float64 {
	if m.Effort == 0 {
		return 1
	}
	return m.Effort
}

// gapFraction is how far the objective may be from the best, of the bound; of goal limit,
// of the bill.
func (s *solution) gapFraction(goal string) float64 {
	switch {
	case goal == GoalLimit && s.objective > 0:
		return max(0, 1-s.bound/s.objective)
	case goal != GoalLimit && s.bound > 0:
		return max(0, 1-s.objective/s.bound)
	}
	return 0
}

// again solves with the candidates as they are by now. It keeps the solution that it
// had where that is better, and says whether it found a better one; the bound is of all
// candidates in any case.
func (m *model) again(ctx context.Context, best *solution, last bool) (better bool, err error) {
	m.progress("choosing again, among %s", plural(len(m.candidates), "candidate"))
	old := m.picked(&best.choice)
	p, err := m.newProgram()
	if err != nil {
		return false, fmt.Errorf("with neighbours: %w", err)
	}
	m.program = p
	found := p.solve(ctx, m.effort(), last)
	kept := solution{choice: p.of(best.Sets, old), objective: best.objective, bound: found.bound, reached: best.reached}
	if m.Goal == GoalLimit {
		kept.bound = min(kept.bound, kept.objective)
	} else {
		kept.bound = max(kept.bound, kept.objective)
	}
	if m.beats(&found, &kept) {
		*best = found
		return true, nil
	}
	// What is proven is of the candidates and not of the choice.
	kept.optimal = found.optimal && (!kept.reached || found.objective == kept.objective)
	*best = kept
	return false, nil
}

// beats says whether x is better than y: of goal limit, whether it keeps the limit for
// less, or comes nearer to it.
func (m *model) beats(x, y *solution) bool {
	switch {
	case m.Goal != GoalLimit:
		return x.objective > y.objective
	case x.reached != y.reached:
		return x.reached
	case x.reached:
		return x.objective < y.objective
	}
	more := x.Gain - y.Gain
	return more > 1e-9*(1+math.Abs(y.Gain)) || more > -1e-9*(1+math.Abs(y.Gain)) && x.Cost < y.Cost
}

// picked are the sets that the apps have, none where they have none.
func (m *model) picked(c *choice) []int {
	sets := make([]int, len(c.Picks))
	for i, k := range c.Picks {
		if sets[i] = none; k != none {
			sets[i] = m.program.problem.Customers[i][k].Set
		}
	}
	return sets
}

// of is the choice of some sets; under explicit each app has the one that is named.
func (p *program) of(sets, picked []int) choice {
	c := choice{Sets: sets, Picks: make([]int, len(picked))}
	for i, options := range p.problem.Customers {
		c.Picks[i] = slices.IndexFunc(options, func(o knapsack.Option) bool {
			if p.problem.Ordered {
				return slices.Contains(sets, o.Set)
			}
			return o.Set == picked[i]
		})
	}
	p.sum(&c)
	return c
}
