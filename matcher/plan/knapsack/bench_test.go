package knapsack

import (
	"fmt"
	"testing"
)

// BenchmarkSearch reports what the search reaches on the benchmark instances, as a share of the
// best that was known, and in how many iterations.
func BenchmarkSearch(b *testing.B) {
	for _, k := range known {
		storage := "shared"
		if !k.shared {
			storage = "separate"
		}
		s := solverOf(b, readInstance(b, k.images).problem(k.shared))
		for _, iterations := range []int{0, 100, 1000, 5000} {
			b.Run(fmt.Sprintf("storage=%s/images=%d/iterations=%d", storage, k.images, iterations), func(b *testing.B) {
				var c Choice
				for b.Loop() {
					c = s.Search(b.Context(), SearchOptions{Seed: 1, Iterations: iterations})
				}
				b.ReportMetric(c.Gain, "gain")
				b.ReportMetric(100*c.Gain/k.best, "%best")
			})
		}
	}
}

// BenchmarkBound reports bounds on the benchmark instances, as a share of the best that
// was known.
func BenchmarkBound(b *testing.B) {
	for _, k := range known {
		storage := "shared"
		if !k.shared {
			storage = "separate"
		}
		s := solverOf(b, readInstance(b, k.images).problem(k.shared))
		gain := s.Search(b.Context(), SearchOptions{Seed: 1, Iterations: 1000}).Gain
		b.Run(fmt.Sprintf("storage=%s/images=%d", storage, k.images), func(b *testing.B) {
			bound := 0.0
			for b.Loop() {
				bound = s.Bound(b.Context(), BoundOptions{Gain: gain, Iterations: 1000})
			}
			b.ReportMetric(bound, "bound")
			b.ReportMetric(100*(bound-gain)/bound, "%gap")
		})
	}
}
