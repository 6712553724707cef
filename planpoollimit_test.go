package cachebench_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// onSmallPool has the first app of the quickstart on a pool of two nodes, and no other.
func onSmallPool(t *testing.T) *cachebench.Scenario {
	t.Helper()
	s := load(t)
	s.Workload = &workload.Workload{Apps: s.Workload.Apps[:1], NodePools: []workload.NodePool{{Name: "small", Platform: s.Platform, Count: 2, LifetimeHours: 24, Placement: "spread"}}}
	s.Workload.Apps[0].NodePool, s.Profile = "small", simulate.Containerd()
	return s
}

// A node pool whose limit is not kept, or of which no arm was simulated in time, ends the main
// job as a plan for caches does; a limit of the plan's goal is for pools too.
func TestRunPoolLimit(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(s *cachebench.Scenario)
		want   string
	}{
		{"a limit of its own", func(s *cachebench.Scenario) { s.StartupLimit = time.Millisecond }, "the limit is not met: see the plan"},
		{"the plan's limit", func(s *cachebench.Scenario) {
			s.PlanOptions = cachebench.PlanOptions{Goal: plan.GoalLimit, Limit: time.Millisecond}
		}, "the limit is not met: see the plan"},
		{"no time", func(s *cachebench.Scenario) {
			s.StartupLimit, s.PlanOptions.TimeLimit = time.Hour, time.Nanosecond
		}, "no arm was simulated before the search of node pools small was stopped"},
		{"a limit that is kept", func(s *cachebench.Scenario) {
			s.PlanOptions = cachebench.PlanOptions{Goal: plan.GoalLimit, Limit: time.Hour}
		}, ""},
	} {
		s := onSmallPool(t)
		test.change(s)
		r, err := cachebench.Run(t.Context(), s)
		if r.Report == nil || len(r.Plan.Pools) != 1 || (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, cachebench.ErrLimit) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
}

// An arm that the book has no price for is left out of a pool's plan, which has the others.
func TestPoolMissingPrice(t *testing.T) {
	s := onSmallPool(t)
	s.Prices = cost.China()
	p, err := planOf(t, s)
	if err != nil || len(p.Pools) != 1 || p.Pools[0].Arm(plan.PoolPrePull) == nil || p.Pools[0].Arm(plan.PoolBaked) != nil {
		t.Errorf("%+v, %v; want all arms but a baked disk", p, err)
	}
}
