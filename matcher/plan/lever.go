package plan

import (
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
}

// How far a price or rate is varied, and in how many steps its turn is sought: a factor
// of 10^(1/64), under 4 %.
const (
	mostVaried = 10
	turnSteps  = 6
	// leverEffort is enough for a verdict: whether anything is worth building.
	leverEffort = 0.1
)

// Turns says by how much each price or rate would have to change, all else being as it
// is, for another verdict: the nearer one of more and less. When ctx is done it returns
// those that it has looked at.
func Turns(ctx context.Context, verdict string, trials []Trial) ([]Lever, error) {
	var levers []Lever
	for _, t := range trials {
		l := Lever{Name: t.Name}
		for _, end := range []float64{mostVaried, 1.0 / mostVaried} {
			factor, other, err := t.turn(ctx, verdict, end)
			switch {
			case ctx.Err() != nil:
				return levers, nil
			case err != nil:
				return levers, fmt.Errorf("%s times %.3g: %w", t.Name, factor, err)
			case other != "" && (l.Factor == nil || math.Abs(math.Log(factor)) < math.Abs(math.Log(*l.Factor))):
				l.Factor, l.Verdict = &factor, other
			}
		}
		levers = append(levers, l)
	}
	return levers, nil
}

// turn looks for the factor between 1 and an end at which the verdict becomes another;
// that is empty where it is the same at the end.
func (t *Trial) turn(ctx context.Context, verdict string, end float64) (factor float64, other string, err error) {
	other, err = t.verdict(ctx, end)
	if err != nil || other == verdict {
		return end, "", err
	}
	same, turned := 1.0, end
	for range turnSteps {
		middle := math.Sqrt(same * turned)
		got, err := t.verdict(ctx, middle)
		switch {
		case err != nil:
			return middle, "", err
		case got == verdict:
			same = middle
		default:
			turned, other = middle, got
		}
	}
	return turned, other, nil
}

// verdict is that of the best plan with the price or rate times a factor.
func (t *Trial) verdict(ctx context.Context, factor float64) (string, error) {
	p, err := t.Problem(factor)
	if err != nil {
		return "", err
	}
	p.Effort, p.Points, p.More, p.Explain, p.Progress = leverEffort, 0, false, nil, nil
	got, err := Choose(ctx, p)
	if err != nil {
		return "", err
	}
	return got.Verdict, nil
}
