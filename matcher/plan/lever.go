package plan

import (
	"cmp"
	"context"
	"fmt"
	"math"
)

// Trial is a price or a rate that may be another than was taken.
type Trial struct {
	// Name is its key in the file of prices or the profile.
	Name string
	// Problem is the problem with it times a factor.
	Problem func(factor float64) (Problem, error)
	// Failed is an error of the problem's functions, which cannot return one; nil is none.
	Failed func() error
	// Assumed is above 0 where the plan took 0, as nothing was stated: factors are then
	// times this, from 0, where the problem is the plan's, to 1.
	Assumed float64
}

// How far a price or rate is varied, and how exactly a turn is told: to a factor of
// 10^(1/64), under 4 %.
const (
	mostVaried = 10
	turnParts  = 64
	// leverEffort, of the plan's own, is enough for most verdicts: whether anything is worth
	// building.
	leverEffort = 0.1
)

// Turns says by how much each price or rate would have to change, all else being as it
// is, for another advice than the plan's: the nearer one of more and less. What starts find
// on the baseline counts as what else there is. A verdict is taken to turn once on the way
// to each end, which is so of most, for what more of a price or rate speaks against it still
// does further on: where it is the plan's at an end, it is taken to be so between.
//
// It does not say from where on other caches would be built. Sets of caches that are worth
// nearly the same come and go with the steps of the search, back and forth on the way to
// an end, so that no factor told of them would be true.
//
// All trials are of one problem, which is theirs at a factor of 1. Where no search finds the
// plan's verdict for that, there is no telling what turns it, and no lever. When ctx is done
// it returns those that it has looked at.
func Turns(ctx context.Context, verdict string, trials []Trial) ([]Lever, error) {
	vary := make([]varied, len(trials))
	for i := range trials {
		vary[i] = varied{trials[i].Name, trials[i].Assumed, trials[i].verdict}
	}
	return turns(ctx, verdict, vary)
}

// verdict is that of the problem with the price or rate times a factor, with a share of
// the plan's own effort.
func (t *Trial) verdict(ctx context.Context, factor, effort float64) (string, error) {
	p, err := t.Problem(factor)
	if err != nil {
		return "", err
	}
	p.Effort = effort * cmp.Or(p.Effort, 1)
	p.Points, p.More, p.Explain, p.Progress = 0, false, nil, nil
	got, err := Choose(ctx, p)
	if err == nil && t.Failed != nil {
		err = t.Failed()
	}
	if err != nil {
		return "", err
	}
	return got.Advice(), nil
}

// varied is a price or a rate with the verdict that comes of it times a factor, as a share
// of the plan's own effort finds it.
type varied struct {
	name    string
	assumed float64
	verdict func(ctx context.Context, factor, effort float64) (string, error)
}

// turns looks for the turn of each price or rate that is varied.
func turns(ctx context.Context, verdict string, vary []varied) ([]Lever, error) {
	effort, err := effortOf(ctx, verdict, vary)
	if err != nil || effort == 0 || ctx.Err() != nil {
		return nil, err
	}
	var levers []Lever
	for i := range vary {
		l, err := vary[i].lever(ctx, verdict, effort)
		switch {
		case ctx.Err() != nil:
			return levers, nil
		case err != nil:
			return levers, fmt.Errorf("%s: %w", vary[i].name, err)
		}
		levers = append(levers, *l)
	}
	return levers, nil
}

// effortOf is the least share of the plan's own effort that finds its verdict, with
// everything as it is; 0 where none does.
func effortOf(ctx context.Context, verdict string, vary []varied) (float64, error) {
	for _, effort := range []float64{leverEffort, 1} {
		if len(vary) == 0 || ctx.Err() != nil {
			break
		}
		v := variation{varied: &vary[0], effort: effort, known: make(map[float64]string)}
		switch now, err := v.at(ctx, v.asItIs()); {
		case ctx.Err() != nil:
			return 0, nil
		case err != nil:
			return 0, err
		case now == verdict:
			return effort, nil
		}
	}
	return 0, nil
}

// lever looks for the turn of one price or rate.
func (x *varied) lever(ctx context.Context, verdict string, effort float64) (*Lever, error) {
	v := &variation{varied: x, effort: effort, known: make(map[float64]string)}
	if x.assumed > 0 {
		return v.fromNothing(ctx, verdict)
	}
	factor, other, err := v.nearest(ctx, verdict)
	if err != nil {
		return nil, err
	}
	if factor == 1 {
		return &Lever{Name: x.name}, nil
	}
	return &Lever{Name: x.name, Factor: &factor, Verdict: other}, nil
}

// asItIs is the factor at which the problem is the plan's.
func (x *varied) asItIs() float64 {
	if x.assumed > 0 {
		return 0
	}
	return 1
}

// fromNothing looks for the least share of what is assumed from which on the verdict is
// another than with nothing of it.
func (v *variation) fromNothing(ctx context.Context, verdict string) (*Lever, error) {
	l := &Lever{Name: v.name, Assumed: v.assumed}
	same, turned := 0.0, 1.0
	found, err := v.at(ctx, turned)
	if err != nil || found == verdict {
		return l, err
	}
	for turned-same > 1.0/turnParts {
		middle := (same + turned) / 2
		switch got, err := v.at(ctx, middle); {
		case err != nil:
			return l, fmt.Errorf("at %.3g: %w", middle*v.assumed, err)
		case got != verdict:
			turned, found = middle, got
		default:
			same = middle
		}
	}
	l.Factor, l.Verdict = &turned, found
	return l, nil
}

// variation is a price or rate that is varied, with the verdicts that came of it.
type variation struct {
	*varied
	// effort is a share of the plan's own.
	effort float64
	known  map[float64]string
}

// nearest is the factor nearest to 1, of more and of less, from which on the verdict is
// another; 1 where there is none. Of less it looks no further than it has found of more.
func (v *variation) nearest(ctx context.Context, verdict string) (factor float64, found string, err error) {
	factor, found, err = v.turn(ctx, mostVaried, verdict)
	if err != nil {
		return factor, found, fmt.Errorf("times %.3g: %w", factor, err)
	}
	end := 1.0 / mostVaried
	if factor != 1 {
		end = 1 / factor
	}
	less, at, err := v.turn(ctx, end, verdict)
	switch {
	case err != nil:
		return less, found, fmt.Errorf("times %.3g: %w", less, err)
	case less != 1 && less > end || factor == 1:
		return less, at, nil
	}
	return factor, found, nil
}

// turn looks for the factor between 1 and an end from which on the verdict is another; it
// is 1 where the verdict is not another at the end.
func (v *variation) turn(ctx context.Context, end float64, verdict string) (factor float64, found string, err error) {
	found, err = v.at(ctx, end)
	switch {
	case err != nil:
		return end, found, err
	case found == verdict:
		return 1, found, nil
	}
	same, turned := 1.0, end
	for math.Abs(math.Log(turned/same)) > math.Log(mostVaried)/turnParts*(1+1e-9) {
		middle := math.Sqrt(same * turned)
		got, err := v.at(ctx, middle)
		switch {
		case err != nil:
			return middle, found, err
		case got != verdict:
			turned, found = middle, got
		default:
			same = middle
		}
	}
	return turned, found, nil
}

// at is the verdict with the price or rate times a factor.
func (v *variation) at(ctx context.Context, factor float64) (string, error) {
	if verdict, ok := v.known[factor]; ok {
		return verdict, nil
	}
	verdict, err := v.verdict(ctx, factor, v.effort)
	if err != nil {
		return "", err
	}
	v.known[factor] = verdict
	return verdict, nil
}
