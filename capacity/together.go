package capacity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

const (
	// mostTogether are the simulations after which no further combination is tried.
	mostTogether = 400
	// mostCombined is of how many parameters all combinations are tried, mostCompared how
	// many that meet the limit are compared by how much each takes.
	mostCombined, mostCompared = 3, 12
)

// together is a search for values of several parameters that meet the limit.
type together struct {
	*burst
	// parameters are those that can be raised, in the order in which they are wanted: what
	// costs nothing first. now are their values, tops the ones to which each is raised.
	parameters []parameter
	now        []float64
	tops       [][]float64
	known      map[string]outcome
	good       func(*outcome) bool
}

// combination are parameters, by their places, with values of them.
type combination struct {
	of     []int
	values []float64
	// bought are how many of them are to be bought, installed how many are software, factor what
	// all these are raised by, multiplied.
	bought, installed int
	factor            float64
}

// together finds as few parameters as possible whose values meet the limit together: all
// combinations of two, then of three, are raised as far as values are tried. Of those that
// then meet it the one is named of which the fewest cost anything, and of these the one whose
// factors, multiplied, are least where all are raised by the same one. Where none of three
// meets it, all are raised and taken back one after another.
func (b *burst) together(ctx context.Context) error {
	s := &together{burst: b, known: make(map[string]outcome)}
	s.candidates()
	if len(s.parameters) == 0 {
		return nil
	}
	b.tell("lifting every bound at once")
	all := make([]int, len(s.parameters))
	for i := range all {
		all[i] = i
	}
	top, floor, err := s.raised(ctx, all)
	if err != nil {
		return err
	}
	if !floor.never {
		b.c.Figures = append(b.c.Figures, floor.figure(reports.CapacityAllLifted, reports.UnitSeconds, nil))
	}
	if !floor.enough(b.limit) {
		why := "what is left is what none of them changes, fixed times such as provisioning and the program's own start, creating files, or the requests' own spread"
		if floor.within(b.limit) {
			why = "it is " + shortOf(&floor, b.limit)
		}
		var names []string
		for i := range s.parameters {
			names = append(names, s.parameters[i].name)
		}
		b.c.Doubts = append(b.c.Doubts, fmt.Sprintf("None of the values tried meets the limit, not even the most of all parameters together (%s): %s.", list(names), why))
		return nil
	}
	s.good = func(o *outcome) bool { return o.enough(b.limit) }
	found, searched, err := s.fewest(ctx)
	if err != nil {
		return err
	}
	if found == nil {
		found = &combination{of: all, values: top}
		if searched != "" {
			searched += " "
		}
		searched += "So all were raised and taken back one after another, as far as the limit allows: that is one combination, and not the cheapest."
	}
	if err := s.takeBack(ctx, found); err != nil {
		return err
	}
	b.c.Assumptions = append(b.c.Assumptions, "What meets the limit together: "+searched+" Each value is the least given the others.")
	return nil
}

// candidates are the parameters that can be raised.
func (s *together) candidates() {
	for wanted := range 3 {
		for _, p := range s.burst.parameters {
			now := p.get(s.Scenario.Profile)
			if p.rank() != wanted || now >= p.bracket.high {
				continue
			}
			tops := []float64{p.bracket.high}
			if r := s.burst.known[p.name]; p.free && r != nil { // more of it is not always faster
				best := p.bracket.high
				for _, x := range r.values() {
					if o, than := r.known[x], r.known[best]; x > now && !o.never && (than.never || o.Value < than.Value) {
						best = x
					}
				}
				if best != p.bracket.high {
					tops = append(tops, best)
				}
			}
			s.parameters, s.now, s.tops = append(s.parameters, p), append(s.now, now), append(s.tops, tops)
		}
	}
}

// at simulates with values, once; what has the value that it has now is left as it is.
func (s *together) at(ctx context.Context, values []float64) (outcome, error) {
	key := fmt.Sprint(values)
	if o, ok := s.known[key]; ok {
		return o, nil
	}
	if err := ctx.Err(); err != nil {
		return outcome{}, err
	}
	var words []string
	for i, p := range s.parameters {
		if values[i] != s.now[i] {
			words = append(words, p.name)
		}
	}
	s.tell("trying %s together", list(words))
	o, err := s.measure(ctx, lastReady, change{profile: func(profile *simulate.Profile) {
		for i, p := range s.parameters {
			if values[i] != s.now[i] {
				p.set(profile, values[i])
			}
		}
	}})
	if err == nil {
		s.known[key] = o
	}
	return o, err
}

// raised is the best outcome with some parameters raised as far as values are tried, and the
// values of all. One that costs nothing is also tried as it is.
func (s *together) raised(ctx context.Context, of []int) ([]float64, outcome, error) {
	best, values := outcome{never: true}, slices.Clone(s.now)
	for _, i := range of {
		values[i] = s.tops[i][0]
	}
	top := slices.Clone(values)
	try := func(with []float64) error {
		o, err := s.at(ctx, with)
		if err == nil && (best.never || !o.never && o.Value < best.Value) {
			best, top = o, slices.Clone(with)
		}
		return err
	}
	if err := try(values); err != nil {
		return nil, best, err
	}
	for _, i := range of {
		others := s.tops[i][1:]
		if s.parameters[i].free && len(of) > mostCombined {
			others = append(slices.Clone(others), s.now[i])
		}
		for _, x := range others {
			with := slices.Clone(top)
			with[i] = x
			if err := try(with); err != nil {
				return nil, best, err
			}
		}
	}
	return top, best, nil
}

// needed are the parameters without which not even all others meet the limit.
func (s *together) needed(ctx context.Context) ([]int, error) {
	var needed []int
	for i := range s.parameters {
		var others []int
		for k := range s.parameters {
			if k != i {
				others = append(others, k)
			}
		}
		_, o, err := s.raised(ctx, others)
		if err != nil {
			return nil, err
		}
		if !s.good(&o) {
			needed = append(needed, i)
		}
	}
	return needed, nil
}

// fewest is a combination of as few parameters as possible, not taken back yet; nil where
// none of so few meets the limit. It says what was searched.
func (s *together) fewest(ctx context.Context) (*combination, string, error) {
	needed, err := s.needed(ctx)
	if err != nil {
		return nil, "", err
	}
	noun := map[int]string{2: "pairs", 3: "triples"}
	var without []string
	for size := 2; size <= mostCombined; size++ {
		if len(needed) > size {
			continue // all of them are
		}
		tried := 0
		var meet []combination
		for _, of := range combinations(len(s.parameters), size) {
			if slices.ContainsFunc(needed, func(i int) bool { return !slices.Contains(of, i) }) {
				tried++
				continue // it lacks one without which nothing does
			}
			if len(s.known) > mostTogether {
				break
			}
			tried++
			values, o, err := s.raised(ctx, of)
			if err != nil {
				return nil, "", err
			}
			if s.good(&o) {
				meet = append(meet, combination{of: of, values: values})
			}
		}
		all := len(combinations(len(s.parameters), size))
		what := fmt.Sprintf("all %d %s of %d parameters", all, noun[size], len(s.parameters))
		if tried < all {
			what = fmt.Sprintf("%d of %d %s of %d parameters", tried, all, noun[size], len(s.parameters))
		}
		if len(meet) == 0 {
			without = append(without, what)
			continue
		}
		found, err := s.cheapest(ctx, meet)
		if err != nil {
			return nil, "", err
		}
		searched := fmt.Sprintf("%s were looked at, each raised as far as values are tried, and %d of them meet it", what, len(meet))
		if len(meet) > 1 {
			searched += " (" + s.names(meet) + ")"
		}
		if len(without) > 0 {
			searched += ", none of " + list(without)
		}
		searched += "; named is the one of which the fewest are to be bought, then of which the fewest are software to install, then the one that takes the least factors, multiplied, where all are raised by one factor"
		if len(meet) > mostCompared {
			searched += fmt.Sprintf(" (of the first %d)", mostCompared)
		}
		return found, searched + ".", nil
	}
	if len(needed) > mostCombined {
		values, o, err := s.raised(ctx, needed)
		if err != nil {
			return nil, "", err
		}
		searched := fmt.Sprintf("%d of %d parameters are needed, for without one of them not even all others meet it.", len(needed), len(s.parameters))
		if s.good(&o) {
			return &combination{of: needed, values: values}, searched + " No others are.", nil
		}
		return nil, searched, nil
	}
	if len(without) == 0 {
		return nil, "", nil
	}
	return nil, fmt.Sprintf("none of %s meets it.", strings.Join(without, " and none of ")), nil
}

// names are those of combinations.
func (s *together) names(meet []combination) string {
	var words []string
	for _, c := range meet[:min(len(meet), mostCompared)] {
		var of []string
		for _, i := range c.of {
			of = append(of, s.parameters[i].name)
		}
		words = append(words, strings.Join(of, " with "))
	}
	if more := len(meet) - mostCompared; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, "; ")
}

// cheapest raises the parameters of each combination by one factor, those that cost nothing
// as far as they go, and chooses.
func (s *together) cheapest(ctx context.Context, meet []combination) (*combination, error) {
	var best *combination
	for k := range meet[:min(len(meet), mostCompared)] {
		c := &meet[k]
		top := 1.0
		for _, i := range c.of {
			if p := &s.parameters[i]; !p.free {
				if p.software {
					c.installed++
				} else {
					c.bought++
				}
				top = max(top, c.values[i]/s.now[i])
			}
		}
		c.factor = 1
		if c.bought+c.installed > 0 {
			most := slices.Clone(c.values)
			by := func(factor float64) []float64 {
				values := slices.Clone(most)
				for _, i := range c.of {
					if p := &s.parameters[i]; !p.free {
						values[i] = min(most[i], s.now[i]*factor)
						if p.bracket.whole {
							values[i] = min(most[i], math.Ceil(values[i]))
						}
					}
				}
				return values
			}
			r := &response{at: func(ctx context.Context, factor float64) (outcome, error) { return s.at(ctx, by(factor)) }}
			factor, found, err := r.least(ctx, bracket{low: 1, high: top}, s.good)
			if err != nil {
				return nil, err
			}
			if found { // as it does with all of it
				c.values = by(factor)
			}
			for _, i := range c.of {
				if !s.parameters[i].free {
					c.factor *= c.values[i] / s.now[i]
				}
			}
		}
		if best == nil || cmp.Or(cmp.Compare(c.bought, best.bought), cmp.Compare(c.installed, best.installed), cmp.Compare(c.factor, best.factor)) < 0 {
			best = c
		}
	}
	return best, nil
}

// takeBack lowers the values of a combination one after another as far as the limit allows,
// the least wanted first: what costs nothing is taken back last, so that the others are as
// little as they can be.
func (s *together) takeBack(ctx context.Context, c *combination) error {
	values := slices.Clone(c.values)
	var order, free []int
	for _, i := range c.of {
		if s.parameters[i].free {
			free = append(free, i)
		} else {
			order = append(order, i)
		}
	}
	if len(c.of) <= mostCombined {
		slices.Reverse(order)
	}
	needs := make(map[int]reports.CapacityNeed)
	for _, i := range append(order, free...) {
		r := &response{at: func(ctx context.Context, x float64) (outcome, error) {
			with := slices.Clone(values)
			with[i] = x
			return s.at(ctx, with)
		}}
		x, found, err := r.least(ctx, bracket{low: min(s.now[i], values[i]), high: values[i], whole: s.parameters[i].bracket.whole}, s.good)
		if err != nil {
			return err
		}
		if found {
			values[i] = x
		}
		if values[i] > s.now[i] {
			now, need, best := s.now[i], values[i], r.known[values[i]].Value
			needs[i] = reports.CapacityNeed{Parameter: s.parameters[i].name, Unit: s.parameters[i].unit, Now: bounded(now), Need: &need, Best: &best, Tried: len(r.known)}
		}
	}
	for _, i := range append(free, order...) {
		if n, ok := needs[i]; ok {
			s.c.Together = append(s.c.Together, n)
		}
	}
	return nil
}

// combinations are those of so many of n things, in order.
func combinations(n, size int) [][]int {
	var sets [][]int
	var add func(set []int, from int)
	add = func(set []int, from int) {
		if len(set) == size {
			sets = append(sets, slices.Clone(set))
			return
		}
		for i := from; i < n; i++ {
			add(append(set, i), i+1)
		}
	}
	add(nil, 0)
	return sets
}
