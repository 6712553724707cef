package cachebench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// heldFrom is when what is held out begins.
func (j *Job) heldFrom() time.Duration {
	return time.Duration((1 - j.Scenario.PlanOptions.HoldOutFraction) * float64(j.horizon()))
}

// knowing is the job of one who plans at a time: what it replays ahead of a recording is of
// what came before that time.
func (j *Job) knowing(at time.Duration) *Job {
	if j.recording == nil {
		return j
	}
	then := *j
	then.month, then.played = j.recording.events(at), nil
	return &then
}

// holdable refuses to hold a part of the recording out that has no start, or to plan on one
// that has none.
func (j *Job) holdable() error {
	fraction := j.Scenario.PlanOptions.HoldOutFraction
	if fraction == 0 {
		return nil
	}
	at := j.heldFrom()
	before := j.recording.before(at)
	switch all := len(j.recording.starts); {
	case before == 0:
		return fmt.Errorf("%w: none of its %d starts comes in its first %s, the part to plan on: hold out less than %g (plan.holdOutFraction, --hold-out), or give a longer trace", ErrTrace, all, document.FormatTime(at), fraction)
	case before == all:
		return fmt.Errorf("%w: none of its %d starts comes in its last %s, the part to judge on: hold out more than %g (plan.holdOutFraction, --hold-out), or give a longer trace", ErrTrace, all, document.FormatTime(j.horizon()-at), fraction)
	}
	return nil
}

// tellHeldOut says which part of the trace is held out, and which apps start in one part
// alone.
func (r *recording) tellHeldOut(h *plan.HeldOut, at time.Duration, apps []workload.App) {
	rest := r.span - at
	h.After, h.For = &at, &rest
	first, last := make([]int, len(apps)), make([]int, len(apps))
	before := make(map[string]bool)
	for _, e := range r.starts {
		if e.At < at {
			first[e.App]++
			before[r.names[e.App]] = true
		} else {
			last[e.App]++
		}
	}
	for i := range apps {
		switch {
		case first[i] == 0 && last[i] > 0:
			h.NewApps = append(h.NewApps, plan.NewApp{App: apps[i].Name, Starts: last[i], OtherImages: before[r.names[i]]})
		case first[i] > 0 && last[i] == 0:
			h.GoneApps = append(h.GoneApps, apps[i].Name)
		}
	}
	slices.SortStableFunc(h.NewApps, func(a, b plan.NewApp) int {
		return cmp.Or(cmp.Compare(b.Starts, a.Starts), cmp.Compare(a.App, b.App))
	})
	slices.Sort(h.GoneApps)
}
