package plan

import (
	"cmp"
	"context"
	"slices"
)

// maxScans bounds the search by options looked at: some seconds at most. It is
// a count, not a time, so that the same Problem gives the same Plan everywhere.
const maxScans = 300_000_000

// solution is the best choice found and a bound that none exceeds.
type solution struct {
	choice
	bound      float64
	exhaustive bool
}

// solve returns the best choice. It stops at maxScans or when ctx is done, with
// the best so far and the bound of what it did not look at.
func (p *program) solve(ctx context.Context) solution {
	proof := p.dual()
	s := &search{program: p, best: p.greedy(proof.perMoney), duals: []dual{proof, p.priced(0, 0)}}
	s.state = make([]state, len(p.fixed))
	if p.explicit {
		s.pick = p.noPicks()
		s.order = p.byMostGain()
		s.visitApp(ctx, 0, 0, 0, 0)
	} else {
		s.order = p.byTotalGain()
		s.visitCache(ctx, 0, 0, 0)
	}
	found := solution{choice: s.best, bound: s.best.gain, exhaustive: !s.stopped}
	if s.stopped {
		found.bound = max(s.best.gain, s.open)
	}
	return found
}

// search is a depth-first branch and bound: under explicit over the apps, each
// with its options or none; under auto over the caches, each built or not.
type search struct {
	*program
	duals []dual
	best  choice
	order []int
	state []state
	pick  []int
	scans int
	// stopped searches left branches; none of them gains more than open.
	stopped bool
	open    float64
}

// state of a cache at a branch.
type state int8

const (
	undecided state = iota
	in
	out
)

// byMostGain are the apps, those with the most at stake first.
func (p *program) byMostGain() []int {
	return order(len(p.options), func(app int) float64 {
		most := 0.0
		for _, o := range p.options[app] {
			most = max(most, o.gain)
		}
		return most
	})
}

// byTotalGain are the caches, those that might gain most first.
func (p *program) byTotalGain() []int {
	total := make([]float64, len(p.fixed))
	for _, options := range p.options {
		for _, o := range options {
			total[o.cache] += max(0, o.gain)
		}
	}
	return order(len(total), func(c int) float64 { return total[c] })
}

func order(n int, key func(int) float64) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(x, y int) int { return cmp.Compare(key(y), key(x)) })
	return all
}

// visitApp decides for the depth-th app; gain, money and places are those of the
// apps before it.
func (s *search) visitApp(ctx context.Context, depth int, gain, money float64, places int) {
	if depth == len(s.order) {
		s.offer(s.named(s.pick))
		return
	}
	if s.cut(ctx, s.order[depth:], gain, s.budget-money, s.quota-places) {
		return
	}
	app := s.order[depth]
	for i, o := range s.options[app] {
		before := s.state[o.cache]
		m, n := money+o.use, places
		if before != in {
			m, n = m+s.fixed[o.cache], n+1
		}
		if !s.affordable(m) || n > s.quota {
			continue
		}
		s.state[o.cache], s.pick[app] = in, i
		s.visitApp(ctx, depth+1, gain+o.gain, m, n)
		s.state[o.cache] = before
	}
	s.pick[app] = none
	s.visitApp(ctx, depth+1, gain, money, places)
}

// visitCache decides for the depth-th cache; money is the fixed cost of those
// that are in.
func (s *search) visitCache(ctx context.Context, depth int, money float64, places int) {
	if depth == len(s.order) || s.cut(ctx, nil, 0, s.budget-money, s.quota-places) {
		return
	}
	c := s.order[depth]
	if s.affordable(money+s.fixed[c]) && places < s.quota {
		s.state[c] = in
		open := make([]bool, len(s.fixed))
		for i, st := range s.state {
			open[i] = st == in
		}
		s.offer(s.matched(open))
		s.visitCache(ctx, depth+1, money+s.fixed[c], places+1)
	}
	s.state[c] = out
	s.visitCache(ctx, depth+1, money, places)
	s.state[c] = undecided
}

func (s *search) offer(c choice) {
	if s.feasible(&c) && s.better(&c, &s.best) {
		s.best = c
	}
}

// cut says whether the branch can be left: it cannot beat the best choice, or
// the search is over. Apps are those undecided, nil for all.
func (s *search) cut(ctx context.Context, apps []int, gain, money float64, places int) bool {
	bound := gain + min(s.branchBound(&s.duals[0], apps, money, places), s.branchBound(&s.duals[1], apps, money, places))
	if bound <= s.best.gain+s.tolerance {
		return true
	}
	if !s.stopped && (s.scans > maxScans || ctx.Err() != nil) {
		s.stopped = true
	}
	if s.stopped {
		s.open = max(s.open, bound)
	}
	return s.stopped
}

// branchBound is a dual's bound for what the undecided apps still gain. Caches
// that are in have been paid, so nobody carries a share of them.
func (s *search) branchBound(d *dual, apps []int, money float64, places int) float64 {
	total := d.spare(money, places)
	if apps == nil {
		for app := range s.options {
			total += s.appBound(d, app)
		}
		return total
	}
	for _, app := range apps {
		total += s.appBound(d, app)
	}
	return total
}

func (s *search) appBound(d *dual, app int) float64 {
	most := 0.0
	forced := 0.0
	seen := false
	for i, o := range s.options[app] {
		s.scans++
		w := d.worth(o)
		switch s.state[o.cache] {
		case out:
			continue
		case undecided:
			w -= d.share[app][i]
		}
		if !seen || w > forced {
			forced, seen = w, true
		}
		// Under auto nothing after a cache that is in can be picked, nor none.
		if s.state[o.cache] == in && !s.explicit {
			return forced
		}
		most = max(most, w)
	}
	return most
}
