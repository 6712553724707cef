package plan_test

import (
	"fmt"
	"testing"

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
