package knapsack

import (
	"fmt"
	"testing"

	"github.com/cachebench/cachebench/internal/planinstance"
)

// BenchmarkSearch reports what the search reaches on the benchmark instances, as a share of the
// best that was known, and in how many iterations.
func BenchmarkSearch(b *testing.B) {
	for _, k := range known(b) {
		s := solverOf(b, readInstance(b, k.images).problem(k.shared))
		for _, iterations := range []int{0, 100, 1000, 5000} {
			b.Run(fmt.Sprintf("storage=%s/images=%d/iterations=%d", storage(k.shared), k.images, iterations), func(b *testing.B) {
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
	for _, k := range known(b) {
		s := solverOf(b, readInstance(b, k.images).problem(k.shared))
		gain := s.Search(b.Context(), SearchOptions{Seed: 1, Iterations: 1000}).Gain
		b.Run(fmt.Sprintf("storage=%s/images=%d", storage(k.shared), k.images), func(b *testing.B) {
			bound := 0.0
			for b.Loop() {
				bound = s.Bound(b.Context(), BoundOptions{Gain: gain, Iterations: 1000})
			}
			b.ReportMetric(bound, "bound")
			b.ReportMetric(100*(bound-gain)/bound, "%gap")
		})
	}
}

// BenchmarkLayered reports what cores reach, and on 5,000 images in how much memory.
func BenchmarkLayered(b *testing.B) {
	for _, images := range []int{200, 1000, 5000} {
		in, iterations := instance{planinstance.New(images, 1)}, 15
		if images < 5000 {
			in, iterations = readInstance(b, images), 400
		}
		for _, shared := range []bool{true, false} {
			l := in.layered(shared)
			b.Run(fmt.Sprintf("shared=%v/images=%d/iterations=%d", shared, images, iterations), func(b *testing.B) {
				b.ReportAllocs()
				var a Answer
				for b.Loop() {
					a, _ = l.Solve(b.Context(), SolveOptions{Seed: 1, Iterations: iterations})
				}
				b.ReportMetric(a.Gain, "gain")
				b.ReportMetric(100*(a.Bound-a.Gain)/a.Bound, "%gap")
			})
		}
	}
}
