package plan

import (
	"cmp"
	"context"
)

// Candidates returns what Choose has considered in the end: the names, images and sizes
// in GiB.
func Candidates(p Problem) (names []string, images [][]string, sizes []float64) {
	_, names, images, sizes = ChooseAmong(p)
	return names, images, sizes
}

// ChooseAmong is Choose with what it has considered.
func ChooseAmong(p Problem) (plan *Plan, names []string, images [][]string, sizes []float64) {
	p.Goal, p.Storage = cmp.Or(p.Goal, GoalSeconds), cmp.Or(p.Storage, Separate)
	p = p.sorted()
	m, err := newModel(context.Background(), &p)
	if err != nil {
		panic(err)
	}
	s, err := m.withinQuota(context.Background())
	if err != nil {
		panic(err)
	}
	if plan, err = m.answer(context.Background(), s); err != nil {
		panic(err)
	}
	for _, c := range m.candidates {
		names = append(names, c.cache.ID)
		images = append(images, c.images)
		sizes = append(sizes, c.cache.SizeGiB)
	}
	return plan, names, images, sizes
}
