package cachebench

import (
	"context"
	"math"
	"testing"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestHurriedCount: a count that is out of time from the beginning plays no more starts than
// it has to, warms up before it counts, and comes to the pulls of a month, of each cause, that
// a whole count does.
func TestHurriedCount(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 10, LifetimeHours: 5 * 24, Placement: "spread"}, [][]int{{100, 10}, {100, 20}}, 1500)
	s.Workload.Apps[0].ReleasesPerMonth = 15
	planner := func() *poolPlanner {
		j := coveredJob(t, s)
		pools, err := j.pools()
		if err != nil {
			t.Fatal(err)
		}
		p, err := j.newPoolPlanner(&pools[0])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	const least = 18000 // six days'
	count := func(limited context.Context) (c *pullCounter, starts float64, causes map[string]float64) {
		p := planner()
		c, err := p.job.countPulls(t.Context(), limited, least)
		if err != nil {
			t.Fatal(err)
		}
		causes = make(map[string]float64)
		for key, n := range c.counts {
			causes[key.cause] += c.perMonth(n)
		}
		return c, c.startsPerMonth(), causes
	}
	whole, starts, causes := count(t.Context())
	if whole.played != workload.Month || whole.from != 0 {
		t.Fatalf("counted %v from %v, want a month", whole.played, whole.from)
	}
	hurried, hurriedStarts, hurriedCauses := count(ended)
	if h := &hurried.hurry; h.seen != 2*least || h.counted != least || hurried.from >= 0 {
		t.Errorf("played %d starts, counted %d from %v; want %d, the latter half", h.seen, h.counted, hurried.from, 2*least)
	}
	if off := hurriedStarts/starts - 1; math.Abs(off) > 0.1 {
		t.Errorf("%v starts a month, want about %v", hurriedStarts, starts)
	}
	for _, cause := range []string{plan.Fresh, plan.Released} {
		if want, got := causes[cause], hurriedCauses[cause]; want < 50 || math.Abs(got/want-1) > 0.25 {
			t.Errorf("%v pulls a month for cause %s, want about %v", got, cause, want)
		}
	}
	if hurriedCauses[plan.Evicted] != 0 {
		t.Errorf("%v evicted, want none", hurriedCauses[plan.Evicted])
	}
}
