package plan

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Prepared is a Problem of goal limit with what does not depend on the limit worked out once:
// the candidates, what each does for each app, prices and estimates. It keeps what it works
// out for one limit for the next, so that it is not safe for concurrent use.
type Prepared struct{ base *model }

// Terms are what a Prepared problem is asked for; as in Problem.
type Terms struct {
	Limit               time.Duration
	LimitStartsFraction float64
	TimeLimit           time.Duration
	Effort              float64
}

// Prepare works out what no limit changes. The terms of p are not looked at.
func Prepare(p Problem) (*Prepared, error) {
	p.Goal, p.Limit, p.LimitStartsFraction, p.TimeLimit = GoalLimit, 1, 0, 0
	if err := p.settle(); err != nil {
		return nil, err
	}
	m, err := prepareModel(&p)
	if err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	m.prepared = true
	return &Prepared{m}, nil
}

// Choose is the plan that Choose makes of the problem with these terms.
func (q *Prepared) Choose(ctx context.Context, terms Terms) (*Plan, error) {
	p := *q.base.Problem
	p.Limit, p.LimitStartsFraction, p.TimeLimit, p.Effort = terms.Limit, terms.LimitStartsFraction, terms.TimeLimit, terms.Effort
	if err := p.settle(); err != nil {
		return nil, err
	}
	m := q.base.under(&p)
	if err := m.setOptions(ctx); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	return m.choose(ctx)
}

// under is the model, before its options, of a problem that has another limit. What is worked
// out for one of them is known to all.
func (m *model) under(p *Problem) *model {
	c := *m
	c.Problem, c.near, c.nearTo = p, nil, nil
	c.candidates = slices.Clone(m.candidates)
	c.generator = m.generator.under(p)
	c.apps, c.primings = nil, nil
	for _, of := range m.apps {
		a := *of
		a.withinNow = c.within(&a, paces(a.baseline))
		c.apps = append(c.apps, &a)
		if of.primed != nil {
			e := *of.primed
			e.within = c.within(&a, a.primedPaces) - a.withinNow
			a.primed = &e
			c.primings = append(c.primings, &a)
		}
	}
	return &c
}

// under is the generator, with what it has made so far, of a problem with another limit.
func (g *generator) under(p *Problem) *generator {
	c := *g
	c.problem, c.seen = p, maps.Clone(g.seen)
	c.sets, c.tooMany, c.large = slices.Clone(g.sets), slices.Clone(g.tooMany), slices.Clone(g.large)
	return &c
}
