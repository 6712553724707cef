package plan

import (
	"cmp"
	"context"
)

// PoolTrial is a price or a rate of a node pool that may be another than was taken.
type PoolTrial struct {
	// Name is its key in the file of prices or the profile.
	Name string
	// Problem is the problem with it times a factor, that may simulate as small a part of
	// the month as effort, a share of the plan's own, says.
	Problem func(factor, effort float64) (PoolProblem, error)
	// Failed is an error of the problem's functions, which cannot return one; nil is none.
	Failed func() error
}

// PoolTurns says of a node pool what Turns says of caches: by how much each price or rate
// would have to change for another verdict, which is another arm.
func PoolTurns(ctx context.Context, verdict string, trials []PoolTrial) ([]Lever, error) {
	vary := make([]varied, len(trials))
	for i := range trials {
		vary[i] = varied{name: trials[i].Name, verdict: trials[i].verdict}
	}
	return turns(ctx, verdict, vary)
}

func (t *PoolTrial) verdict(ctx context.Context, factor, effort float64) (string, error) {
	p, err := t.Problem(factor, effort)
	if err != nil {
		return "", err
	}
	p.Effort = effort * cmp.Or(p.Effort, 1)
	p.Points, p.More, p.Progress = 0, false, nil
	got, err := ChoosePool(ctx, p)
	if err == nil && t.Failed != nil {
		err = t.Failed()
	}
	if err != nil {
		return "", err
	}
	return got.Verdict, nil
}
