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
	// Failed is an error of the problem's functions, which cannot return one; nil is none.
	Failed func() error
}

// How far a price or rate is varied, and in how many steps its turn is sought: a factor
// of 10^(1/64), under 4 %.
const (
	mostVaried = 10
	turnSteps  = 6
	// leverEffort is enough for most verdicts: whether anything is worth building.
	leverEffort = 0.1
)

// Turns says by how much each price or rate would have to change, all else being as it
// is, for another verdict: the nearer one of more and less. What starts find on the
// baseline counts as what else there is. Where the verdict is the same at both ends it is
// taken to be so between. When ctx is done it returns
// those that it has looked at.
func Turns(ctx context.Context, verdict string, trials []Trial) ([]Lever, error) {
	var levers []Lever
	for _, t := range trials {
		l := Lever{Name: t.Name}
		effort, err := t.effort(ctx, verdict)
		if err != nil {
			return levers, fmt.Errorf("%s: %w", t.Name, err)
		}
		for _, end := range []float64{mostVaried, 1.0 / mostVaried} {
			factor, other, err := t.turn(ctx, verdict, end, effort)
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
func (t *Trial) turn(ctx context.Context, verdict string, end, effort float64) (factor float64, other string, err error) {
	other, err = t.verdict(ctx, end, effort)
	if err != nil || other == verdict {
		return end, "", err
	}
	same, turned := 1.0, end
	for range turnSteps {
		middle := math.Sqrt(same * turned)
		got, err := t.verdict(ctx, middle, effort)
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

// effort is that with which the verdict is found as things are: little where that is enough.
func (t *Trial) effort(ctx context.Context, verdict string) (float64, error) {
	got, err := t.verdict(ctx, 1, leverEffort)
	if err != nil || got == verdict {
		return leverEffort, err
	}
	return 1, nil
}

// verdict is that of the best plan with the price or rate times a factor.
func (t *Trial) verdict(ctx context.Context, factor, effort float64) (string, error) {
	p, err := t.Problem(factor)
	if err != nil {
		return "", err
	}
	p.Effort, p.Points, p.More, p.Explain, p.Progress = effort, 0, false, nil, nil
	got, err := Choose(ctx, p)
	if err == nil && t.Failed != nil {
		err = t.Failed()
	}
	if err != nil {
		return "", err
	}
	return got.Verdict, nil
}
