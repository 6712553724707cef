package capacity_test

import (
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// The answers are held to these, which know nothing of the searches: they cover, match, plan
// and simulate by the root package alone, as cachebench simulate and plan do.

func covered(t *testing.T, q *capacity.Question, change func(*cachebench.Scenario)) *cachebench.Job {
	t.Helper()
	s := *q.Scenario
	s.Bursts = slices.Clone(s.Bursts)
	p := *s.Profile
	s.Profile = &p
	if change != nil {
		change(&s)
	}
	job, err := s.Cover(q.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// played simulates a question's scenario, changed, in one arm.
func played(t *testing.T, q *capacity.Question, arm string, p *plan.Plan, change func(*cachebench.Scenario)) *simulate.Timeline {
	t.Helper()
	job := covered(t, q, func(s *cachebench.Scenario) {
		s.Arms = []string{arm}
		if change != nil {
			change(s)
		}
	})
	timeline, err := job.Simulate(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return timeline
}

// planned plans it for a limit that a share of the starts is to keep.
func planned(t *testing.T, q *capacity.Question, limit time.Duration, fraction float64, change func(*cachebench.Scenario)) *plan.Plan {
	t.Helper()
	job := covered(t, q, func(s *cachebench.Scenario) {
		s.PlanOptions.Goal, s.PlanOptions.Limit, s.PlanOptions.LimitStartsFraction = plan.GoalLimit, limit, fraction
		if change != nil {
			change(s)
		}
	})
	m, err := job.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := job.Plan(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rankOf is the quantile of the times to ready by nearest rank.
func rankOf(timeline *simulate.Timeline, percent int) time.Duration {
	var ready []time.Duration
	for i := range timeline.Startups {
		ready = append(ready, timeline.Startups[i].Ready)
	}
	slices.Sort(ready)
	return ready[(len(ready)*percent+99)/100-1]
}

// endOf is when the last start of a burst that begins at once is ready, in seconds.
func endOf(timeline *simulate.Timeline) float64 {
	var last time.Duration
	for i := range timeline.Startups {
		last = max(last, timeline.Startups[i].Requested+timeline.Startups[i].Ready)
	}
	return last.Seconds()
}

// lastReady simulates a burst with so many starts.
func lastReady(t *testing.T, q *capacity.Question, arm string, count int, profile func(*simulate.Profile)) float64 {
	t.Helper()
	return endOf(played(t, q, arm, nil, func(s *cachebench.Scenario) {
		s.Bursts[0].Count = count
		if profile != nil {
			profile(s.Profile)
		}
	}))
}
