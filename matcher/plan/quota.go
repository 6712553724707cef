package plan

import (
	"context"
	"fmt"
	"slices"
)

// The quota is on manual caches, of the account and region (eci §1.2, §1.5): those that
// exist and are kept have their place of it, and automatic ones have a quota of their own.
// Which of them are kept depends on what is built, for a planned cache may take all starts
// of one that exists: the more is built, the fewer are kept. So the choice is first made as
// if none were; only where it does not fit, beside those that it keeps.

// withinQuota is the best solution found that fits into the quota, with what is proven of
// all that do.
func (m *model) withinQuota(ctx context.Context) (*solution, error) {
	m.room = m.Quota
	loose, err := m.solve(ctx)
	if err != nil || m.fits(&loose.choice) {
		return loose, err
	}
	if loose, err = m.free(ctx, loose); err != nil {
		return nil, err
	}
	considered := len(m.candidates)
	best := m.firstThatFit(loose)
	rooms := []int{m.roomBeside(m.kept(m.empty())), m.roomBeside(m.kept(&best.choice))}
	for _, room := range slices.Compact(rooms) {
		sets, picked := best.Sets, m.picked(&best.choice)
		m.room = room
		found, err := m.solve(ctx)
		if err != nil {
			return nil, err
		}
		best = m.solutionOf(sets, picked) // options may be others than they were
		if m.fits(&found.choice) && m.beats(found, &best) {
			best = *found
		}
	}
	if best, err = m.displaced(ctx, best); err != nil {
		return nil, err
	}
	return m.proven(ctx, best, loose, considered)
}

// free gives the apps that use a manual cache that exists, while the quota binds, the options
// that only take them from it. Of the looser problem they are no better choice, and its bound
// stands.
func (m *model) free(ctx context.Context, loose *solution) (*solution, error) {
	if m.Assign != Explicit {
		return loose, nil
	}
	if m.freeing = m.using(m.usedExisting()); len(m.freeing) == 0 {
		return loose, nil
	}
	picked := m.picked(&loose.choice)
	if err := m.setOptions(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	var err error
	if m.program, err = m.newProgram(); err != nil {
		return nil, err
	}
	again := *loose
	again.choice = m.program.of(loose.Sets, picked)
	return &again, nil
}

// mostDisplaced is of how many existing caches all sets are tried.
const mostDisplaced = 3

// displaced is a solution, or a better one that takes all starts of caches that exist, so
// that these have no place of the quota any more: of some of them, or of all.
func (m *model) displaced(ctx context.Context, best solution) (solution, error) {
	used := m.usedExisting()
	subsets := [][]string{used}
	if len(used) <= mostDisplaced {
		subsets = nil
		for set := range 1 << len(used) {
			var some []string
			for i, id := range used {
				if set>>i&1 == 1 {
					some = append(some, id)
				}
			}
			subsets = append(subsets, some)
		}
	}
	for _, some := range subsets {
		apps := m.using(some)
		if len(apps) == 0 || ctx.Err() != nil {
			continue
		}
		var err error
		if best, err = m.displacedOf(ctx, best, apps); err != nil {
			return best, err
		}
	}
	return best, nil
}

// displacedOf is a solution, or a better one in which some apps use none that exists.
func (m *model) displacedOf(ctx context.Context, best solution, apps map[*app]bool) (solution, error) {
	sets, picked := best.Sets, m.picked(&best.choice)
	users := m.usersOfExisting(m.empty())
	for id := range users {
		users[id] = slices.DeleteFunc(users[id], func(name string) bool {
			return slices.ContainsFunc(m.apps, func(a *app) bool { return a.Name == name && apps[a] })
		})
	}
	if m.room = m.roomBeside(m.keptWith(users)); m.room == 0 {
		return best, nil
	}
	m.displacing = apps
	found, err := m.solve(ctx)
	m.displacing = nil
	if err != nil {
		return best, err
	}
	foundSets, foundPicked := found.Sets, m.picked(&found.choice)
	if m.program, err = m.newProgram(); err != nil {
		return best, err
	}
	best = m.solutionOf(sets, picked)
	if next := m.solutionOf(foundSets, foundPicked); m.fits(&next.choice) && m.beats(&next, &best) {
		best = next
	}
	return best, nil
}

// usedExisting are the manual caches that apps use while nothing is built, in order of ID.
func (m *model) usedExisting() []string {
	users := m.usersOfExisting(m.empty())
	var used []string
	for i := range m.Existing {
		if e := &m.Existing[i]; isManual(*e) && m.adviceOn(e, users[e.ID]).Advice != Drop {
			used = append(used, e.ID)
		}
	}
	return used
}

// using are the apps that use one of some existing caches while nothing is built.
func (m *model) using(ids []string) map[*app]bool {
	users := m.usersOfExisting(m.empty())
	using := make(map[*app]bool)
	for _, a := range m.apps {
		if slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(users[id], a.Name) }) {
			using[a] = true
		}
	}
	return using
}

// displaces says whether an app with the cache of a set would pick none that exists. Against
// the automatic baseline, all its options are such.
func (m *model) displaces(a *app, set int) bool {
	if m.candidateOf(set) == nil {
		return false
	}
	return m.Assign == Explicit || m.Baseline == Automatic || m.firstExisting(a, m.Existing, []int{set}) == ""
}

// bonus is what it counts in a program that an app which is to use no existing cache has a
// planned one: more than all else together.
func (m *model) bonus() float64 {
	all := 1.0
	for _, a := range m.apps {
		most := 0.0
		for k := range a.options {
			most = max(most, m.gain(a, &a.options[k].effect))
		}
		all += most
	}
	return all
}

// proven bounds a solution by what fits beside those caches that are kept whatever is built,
// and takes that instead if it fits and is better. The bound of a looser solution is of the
// candidates that there were then.
func (m *model) proven(ctx context.Context, best solution, loose *solution, considered int) (*solution, error) {
	m.room = m.mostRoom()
	p, err := m.newProgram()
	if err != nil {
		return nil, err
	}
	m.program = p
	found := p.solve(ctx, m.effort(), true)
	bound, limit := found.bound, m.Goal == GoalLimit
	if considered == len(m.candidates) && (loose.bound < bound) != limit {
		bound = loose.bound
	}
	if m.fits(&found.choice) && m.beats(&found, &best) {
		best = found
	}
	best.optimal = found.optimal && !m.beats(&found, &best)
	if best.bound = max(bound, best.objective); limit {
		best.bound = min(bound, best.objective)
	}
	// What is asked beside the plan is for the room that it has.
	m.room = m.roomBeside(m.kept(&best.choice))
	m.program, err = m.newProgram()
	return &best, err
}

func (m *model) roomBeside(kept int) int { return max(0, m.Quota-kept) }

// barred says that a set is a cache for which there is no room at all.
func (m *model) barred(set int) bool { return m.room == 0 && m.candidateOf(set) != nil }

// empty is the choice of nothing.
func (m *model) empty() *choice {
	c := &choice{Picks: make([]int, len(m.apps))}
	for i := range c.Picks {
		c.Picks[i] = none
	}
	return c
}

// fits says whether what is built and what is kept beside it keep the quota.
func (m *model) fits(c *choice) bool {
	planned, manual := m.planning(c), 0
	for i := range m.Existing {
		if isManual(m.Existing[i]) {
			manual++
		}
	}
	return planned == 0 || planned+manual <= m.Quota || planned+m.kept(c) <= m.Quota
}

// quotaWords say that nothing more can be built beside what exists; empty where it can.
func (m *model) quotaWords(c *choice) string {
	planned, kept := m.planning(c), m.kept(c)
	if kept == 0 || planned+kept < m.Quota {
		return ""
	}
	return fmt.Sprintf(" The quota of %s has no more room: those that exist and are kept have %d of it.", plural(m.Quota, "manual cache"), kept)
}

// planning is how many caches a choice builds.
func (m *model) planning(c *choice) int {
	n := 0
	for _, j := range c.Sets {
		if m.candidateOf(j) != nil {
			n++
		}
	}
	return n
}

// kept is how many manual caches that exist are not to be dropped beside a choice.
func (m *model) kept(c *choice) int {
	if !slices.ContainsFunc(m.Existing, isManual) {
		return 0
	}
	return m.keptWith(m.usersOfExisting(c))
}

func (m *model) keptWith(users map[string][]string) int {
	n := 0
	for i := range m.Existing {
		if e := &m.Existing[i]; isManual(*e) && m.adviceOn(e, users[e.ID]).Advice != Drop {
			n++
		}
	}
	return n
}

// leastUsers are the apps that would pick each existing cache whatever candidates are built.
func (m *model) leastUsers() map[string][]string {
	all := make([]int, len(m.candidates))
	for c := range all {
		all[c] = m.set(c)
	}
	may := func(app int, is func(o *option) bool) bool {
		return slices.ContainsFunc(m.apps[app].options, func(o option) bool { return m.candidateOf(o.set) != nil && is(&o) })
	}
	return m.users(all,
		func(app int) bool { return may(app, func(*option) bool { return true }) },
		func(app int) bool { return may(app, func(o *option) bool { return m.apps[app].servedBy(&o.effect) }) })
}

// firstThatFit is the best of a solution's first caches, in the order of what each adds, that
// fits.
func (m *model) firstThatFit(s *solution) solution {
	place := make(map[string]int)
	for _, j := range s.Sets {
		if c := m.candidateOf(j); c != nil {
			place[c.cache.ID] = j
		}
	}
	in := make(map[int]bool)
	keep := func(j int) bool { return in[j] || m.candidateOf(j) == nil }
	take := func() solution {
		c := m.program.among(&s.choice, keep)
		return m.solutionOf(c.Sets, m.picked(&c))
	}
	best := take()
	for _, cache := range m.planned(&s.choice) {
		in[place[cache.Name]] = true
		if next := take(); m.fits(&next.choice) && m.beats(&next, &best) {
			best = next
		}
	}
	return best
}

// solutionOf is that of some sets, without what is proven.
func (m *model) solutionOf(sets, picked []int) solution {
	s := solution{choice: m.program.of(sets, picked), reached: true}
	if s.objective = m.program.objective(&s.choice); m.Goal == GoalLimit {
		s.objective, s.reached = s.Cost, m.keepsLimit(&s.choice)
	}
	return s
}
