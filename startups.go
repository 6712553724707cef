package cachebench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// Startups sums up the simulated starts of an app in an arm. The error says why that
// cannot be relied on: the app is not covered, the arm or none of its starts is
// simulated, or some of them are never ready, so that the times of the others would say
// too little.
func (r *Results) Startups(app, arm string) (*reports.Summary, error) {
	err := r.leftOut(app)
	if err == nil {
		err = r.voids(app, arm)
	}
	if err != nil {
		return nil, err
	}
	var arms []string
	if r.Report != nil {
		for i := range r.Report.Summaries {
			if s := &r.Report.Summaries[i]; s.App == app && s.Arm == arm && s.Source == simulate.Simulated {
				return s, nil
			}
		}
		for i := range r.Report.Arms {
			arms = append(arms, r.Report.Arms[i].Arm)
		}
	}
	if len(arms) > 0 && !slices.Contains(arms, arm) {
		return nil, fmt.Errorf("app %s: arm %s is not simulated, only %s (arms)", app, arm, strings.Join(arms, ", "))
	}
	if r.bursts {
		return nil, fmt.Errorf("app %s: none of its starts is simulated, for bursts take the place of all other starts: give it one too (bursts)", app)
	}
	return nil, fmt.Errorf("app %s: none of its starts is simulated: make the window longer (windowSeconds) or move it", app)
}

// leftOut says why an app is not covered; nil where it is.
func (r *Results) leftOut(app string) error {
	if r.Timeline == nil || r.Timeline.Coverage == nil {
		return nil
	}
	for _, out := range r.Timeline.Coverage.LeftOut {
		if out.App == app {
			return fmt.Errorf("app %s is not covered: %s", app, out.Reason)
		}
	}
	return nil
}

// voids says how many of an app's starts in an arm are never ready, and why one is not;
// nil where all are.
func (r *Results) voids(app, arm string) error {
	if r.Timeline == nil {
		return nil
	}
	var n int64
	var reason string
	for i := range r.Timeline.Startups {
		if s := &r.Timeline.Startups[i]; s.App == app && s.Arm == arm && s.Void != "" {
			n, reason = n+1, s.Void
		}
	}
	for _, v := range r.Timeline.Voids {
		if v.App == app && v.Arm == arm {
			n, reason = n+v.Starts, v.Reason
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("app %s: %d of its starts in arm %s are never ready: %s", app, n, arm, reason)
}
