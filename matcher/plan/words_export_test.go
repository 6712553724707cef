package plan

import (
	"cmp"
	"context"
)

// WhyNotMet is the reason of a plan that misses the limit, where that is proven or not.
func WhyNotMet(p Problem, proven bool) string {
	p.Goal, p.Storage = cmp.Or(p.Goal, GoalSeconds), cmp.Or(p.Storage, Separate)
	p = p.sorted()
	m, err := newModel(context.Background(), &p)
	if err != nil {
		panic(err)
	}
	s, err := m.solve(context.Background())
	if err != nil {
		panic(err)
	}
	s.optimal = proven
	return m.whyNotMet(s, nil)
}
