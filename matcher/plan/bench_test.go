package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// BenchmarkChoose plans for more and more apps; the proven gap stands beside the time.
func BenchmarkChoose(b *testing.B) {
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		for _, apps := range []int{30, 100, 300, 1000} {
			b.Run(fmt.Sprintf("assign=%s/apps=%d", assign, apps), func(b *testing.B) {
				p := many(apps)
				p.Assign, p.BudgetPerMonth, p.GapFraction = assign, 0.5*float64(apps), 0.01
				var got *plan.Plan
				for b.Loop() {
					got = choose(b, p)
				}
				b.ReportMetric(100*got.GapFraction, "gap-%")
				b.ReportMetric(float64(got.Candidates), "candidates")
				b.ReportMetric(float64(len(got.Caches)), "caches")
			})
		}
	}
}

// BenchmarkCurve plans with ten other budgets; how many times the plan's own time these take
// stands beside it, and the widest of their gaps.
func BenchmarkCurve(b *testing.B) {
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		for _, apps := range []int{100, 350} {
			b.Run(fmt.Sprintf("assign=%s/apps=%d", assign, apps), func(b *testing.B) {
				p := many(apps)
				p.Assign, p.BudgetPerMonth, p.GapFraction = assign, 0.5*float64(apps), 0.01
				var alone, all time.Duration
				gap := 0.0
				for b.Loop() {
					p.Points = 0
					start := time.Now()
					choose(b, p)
					alone += time.Since(start)
					p.Points = 10
					start = time.Now()
					for _, c := range choose(b, p).Curve {
						gap = max(gap, 1-c.SavedSeconds.Seconds()/c.BoundSeconds.Seconds())
					}
					all += time.Since(start)
				}
				b.ReportMetric((all-alone).Seconds()/alone.Seconds(), "times-plan")
				b.ReportMetric(100*gap, "widest-gap-%")
			})
		}
	}
}
