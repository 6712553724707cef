package plan

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Trial is a price or a rate that may be another than was taken.
type Trial struct {
	// Name is its key in the file of prices or the profile.
	Name string
	// Problem is the problem with it times a factor.
	Problem func(factor float64) (Problem, error)
	// Failed is an error of the problem's functions, which cannot return one; nil is none.
	Failed func() error
}

// How far a price or rate is varied, and how exactly a turn is told: of the verdict to a
// factor of 10^(1/64), under 4 %, of the caches to 10^(1/16), under 16 %, for they nearly
// always turn, and each look is a search.
const (
	mostVaried   = 10
	verdictParts = 64
	cachesParts  = 16
	// leverEffort is enough for most verdicts: whether anything is worth building.
	leverEffort = 0.1
)

// Turns says by how much each price or rate would have to change, all else being as it
// is, for another verdict, and for other caches: the nearer one of more and less. What
// starts find on the baseline counts as what else there is. Where the answer is the same at
// both ends it is taken to be so between. When ctx is done it returns those that it has
// looked at.
func Turns(ctx context.Context, verdict string, trials []Trial) ([]Lever, error) {
	var levers []Lever
	for i := range trials {
		l, err := trials[i].lever(ctx, verdict)
		switch {
		case ctx.Err() != nil:
			return levers, nil
		case err != nil:
			return levers, fmt.Errorf("%s: %w", trials[i].Name, err)
		}
		levers = append(levers, *l)
	}
	return levers, nil
}

// lever looks for the turns of one price or rate.
func (t *Trial) lever(ctx context.Context, verdict string) (*Lever, error) {
	v := &variation{Trial: t, ctx: ctx, effort: leverEffort, known: make(map[float64]outcome)}
	now, err := v.at(1)
	if err == nil && now.verdict != verdict { // that was too little
		v.effort, v.known = 1, make(map[float64]outcome)
		now, err = v.at(1)
	}
	if err != nil {
		return nil, err
	}
	l := &Lever{Name: t.Name}
	factor, other, err := v.nearest(verdictParts, func(x outcome) bool { return x.verdict != verdict })
	if err != nil {
		return nil, err
	}
	if factor != 1 {
		l.Factor, l.Verdict = &factor, other.verdict
	}
	changed, _, err := v.nearest(cachesParts, func(x outcome) bool { return x.caches != now.caches })
	if err == nil && changed != 1 {
		l.CachesFactor = &changed
	}
	return l, err
}

// outcome is what the best plan found advises.
type outcome struct {
	verdict string
	// caches names those to build and the apps to prime.
	caches string
}

// variation is a price or rate that is varied, with what came of it.
type variation struct {
	*Trial
	ctx    context.Context
	effort float64
	known  map[float64]outcome
}

// nearest is the factor nearest to 1, of more and of less, from which on the outcome is
// another, to so many parts of the whole; 1 where there is none. Of less it looks no further
// than it has found of more.
func (v *variation) nearest(parts float64, other func(outcome) bool) (factor float64, found outcome, err error) {
	factor, found, err = v.turn(mostVaried, parts, other)
	if err != nil {
		return factor, found, fmt.Errorf("times %.3g: %w", factor, err)
	}
	end := 1.0 / mostVaried
	if factor != 1 {
		end = 1 / factor
	}
	less, at, err := v.turn(end, parts, other)
	switch {
	case err != nil:
		return less, found, fmt.Errorf("times %.3g: %w", less, err)
	case less != 1 && less > end || factor == 1:
		return less, at, nil
	}
	return factor, found, nil
}

// turn looks for the factor between 1 and an end from which on the outcome is another; it
// is 1 where the outcome is not another at the end.
func (v *variation) turn(end, parts float64, other func(outcome) bool) (factor float64, found outcome, err error) {
	found, err = v.at(end)
	switch {
	case err != nil:
		return end, found, err
	case !other(found):
		return 1, found, nil
	}
	same, turned := 1.0, end
	for math.Abs(math.Log(turned/same)) > math.Log(mostVaried)/parts*(1+1e-9) {
		middle := math.Sqrt(same * turned)
		got, err := v.at(middle)
		switch {
		case err != nil:
			return middle, found, err
		case other(got):
			turned, found = middle, got
		default:
			same = middle
		}
	}
	return turned, found, nil
}

// at is the outcome with the price or rate times a factor.
func (v *variation) at(factor float64) (outcome, error) {
	if x, ok := v.known[factor]; ok {
		return x, nil
	}
	p, err := v.Problem(factor)
	if err != nil {
		return outcome{}, err
	}
	p.Effort, p.Points, p.More, p.Explain, p.Progress = v.effort, 0, false, nil, nil
	got, err := Choose(v.ctx, p)
	if err == nil && v.Failed != nil {
		err = v.Failed()
	}
	if err != nil {
		return outcome{}, err
	}
	x := outcome{verdict: got.Verdict, caches: advised(got)}
	v.known[factor] = x
	return x, nil
}

// advised names what a plan builds and primes. A cache's name tells what it holds.
func advised(p *Plan) string {
	var names []string
	for i := range p.Caches {
		names = append(names, fmt.Sprintf("%s %v", p.Caches[i].Name, p.Caches[i].SizeGiB))
	}
	slices.Sort(names)
	for i := range p.Primes {
		names = append(names, "prime "+p.Primes[i].App)
	}
	return strings.Join(names, "\n")
}
