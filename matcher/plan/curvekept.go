package plan

import (
	"context"
	"math"
	"slices"

	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

// What other budgets bring has to fit into the quota as the plan has, beside those existing
// caches that its own choice keeps. It is looked for in the most room that there can be, of
// which the bounds are; and where a choice does not fit there, in the room beside what the
// plan keeps, and in that beside all that is kept while nothing is built, where each fits.

// mostRoom is the room beside those that are kept whatever is built. Pods that name their
// cache can all leave one that exists.
func (m *model) mostRoom() int {
	if m.Assign == Explicit {
		return m.Quota
	}
	return m.roomBeside(m.keptWith(m.leastUsers()))
}

// closerRooms are those in which what does not fit in the most is looked for, the largest first.
func (m *model) closerRooms(s *solution) []int {
	rooms := []int{m.roomBeside(m.kept(&s.choice)), m.roomBeside(m.kept(m.empty()))}
	slices.SortFunc(rooms, func(x, y int) int { return y - x })
	return slices.Compact(rooms)
}

// inRoom does something in another room.
func (m *model) inRoom(room int, do func() error) error {
	before := m.room
	m.room = room
	defer func() { m.room = before }()
	return do()
}

// budgetsBesideKept are the choices that save most time within some budgets.
func (m *model) budgetsBesideKept(ctx context.Context, s *solution, budgets func(most knapsack.Choice) []float64) ([]solution, error) {
	var found []solution
	var at []float64 // the budgets of the last search
	search := func(room int, budgets func(most knapsack.Choice) []float64) (all []solution, err error) {
		err = m.inRoom(room, func() error {
			all, err = m.budgets(ctx, m.secondsProblem(math.Inf(1)), s, budgets)
			return err
		})
		return all, err
	}
	most := m.mostRoom()
	found, err := search(most, budgets)
	if err != nil || m.allFit(found) {
		return found, err
	}
	var best []solution
	for _, room := range m.closerRooms(s) {
		// The first room that is searched has the budgets up to what can be had in it.
		ask := func(most knapsack.Choice) []float64 {
			if at == nil {
				at = slices.Clone(budgets(most))
			}
			return at
		}
		all, err := search(room, ask)
		if err != nil || len(all) < len(at) {
			return nil, err // stopped
		}
		best = m.betterThatFit(best, all)
	}
	if found, err = search(most, func(knapsack.Choice) []float64 { return at }); err != nil || len(found) < len(at) {
		return nil, err
	}
	bounds := slices.Clone(found)
	best = m.betterThatFit(best, found)
	for i := range best {
		best[i] = m.atLeast(&best[i], s, at[i])
		if i > 0 && best[i].objective < best[i-1].objective {
			best[i] = best[i-1]
		}
		best[i].bound = max(bounds[i].bound, best[i].objective)
	}
	return best, nil
}

func (m *model) allFit(all []solution) bool {
	return !slices.ContainsFunc(all, func(s solution) bool { return !m.fits(&s.choice) })
}

// betterThatFit are, place by place, the better ones of two lists that fit; of the second
// alone where there is no first.
func (m *model) betterThatFit(best, others []solution) []solution {
	if best == nil {
		best = make([]solution, len(others))
		for i := range best {
			best[i] = solution{choice: *m.empty(), reached: true}
		}
	}
	for i := range others {
		if m.fits(&others[i].choice) && others[i].objective > best[i].objective {
			best[i] = others[i]
		}
	}
	return best
}

// atLeast is what is found within a budget, or the plan where that may be paid and saves more.
func (m *model) atLeast(found, s *solution, budget float64) solution {
	if saved := m.saved(&s.choice); s.Cost <= budget*(1+1e-9) && saved > found.objective {
		better := solution{choice: s.choice, objective: saved, reached: true}
		better.Gain = saved
		return better
	}
	return *found
}

// moreBesideKept is the best choice within a larger budget than s has, with the bound of what
// fits in the most room; nil where the search was stopped.
func (m *model) moreBesideKept(ctx context.Context, budget float64, s *solution) (found *solution, err error) {
	within := m.bestWithin
	if m.Goal == GoalLimit {
		within = m.cheapestWithin
	}
	search := func(room int) (found *solution, err error) {
		err = m.inRoom(room, func() error {
			problem := m.problemOf(0)
			problem.Budget = budget
			found, err = within(ctx, problem, s)
			return err
		})
		return found, err
	}
	found, err = search(m.mostRoom())
	if err != nil || found == nil || m.fits(&found.choice) {
		return found, err
	}
	best := *s
	best.bound, best.optimal = found.bound, false
	if found.optimal {
		best.bound = found.objective
	}
	for _, room := range m.closerRooms(s) {
		other, err := search(room)
		if err != nil || other == nil {
			return nil, err
		}
		if m.fits(&other.choice) && m.beats(other, &best) {
			best.choice, best.objective, best.reached = other.choice, other.objective, other.reached
		}
	}
	if m.Goal == GoalLimit {
		best.bound = min(best.bound, best.objective)
	} else {
		best.bound = max(best.bound, best.objective)
	}
	return &best, nil
}
