package cachebench

import (
	"context"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// timeLimited ends with ctx, or with the time limit of the search where there is one.
func (j *Job) timeLimited(ctx context.Context) (context.Context, context.CancelFunc) {
	if limit := j.Scenario.PlanOptions.TimeLimit; limit > 0 {
		return context.WithTimeout(ctx, limit)
	}
	return ctx, func() {}
}

// addBeside adds what is asked beside the plan. What ctx leaves no time for is named among
// what the plan leaves out.
func (j *Job) addBeside(ctx context.Context, p *plan.Plan, problem *plan.Problem) error {
	opt := &j.Scenario.PlanOptions
	if opt.Sensitivity {
		if err := j.addTurns(ctx, p, problem); err != nil {
			return err
		}
	}
	if opt.HoldOutFraction == 0 && opt.JudgeAt.IsZero() {
		return nil
	}
	err := ctx.Err()
	if err == nil {
		err = j.addHeldOut(ctx, p)
	}
	if err != nil && ctx.Err() != nil { // it may have ended whole just before
		leaveOut(p, "what is held out (stopped before all of it was judged)")
		return nil
	}
	return err
}

// leaveOut says that a plan leaves something out.
func leaveOut(p *plan.Plan, what string) { leaveOutOf(&p.LeftOut, what) }

// leaveOutOf adds to what is left out.
func leaveOutOf(leftOut *string, what string) {
	*leftOut = strings.TrimPrefix(*leftOut+"; "+what, "; ")
}

// Why levers are left out.
const (
	stoppedTurns = "prices and rates that would change the verdict (stopped before all were tried)"
	unfoundTurns = "prices and rates that would change the verdict (the search does not come to it again)"
)
