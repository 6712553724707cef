package sketch

import (
	"math"
	"math/rand/v2"
	"slices"
)

// resamples are enough for two digits.
const resamples = 1000

// MedianNoise is how far the median of as many values lies from itself when they
// are measured again: the mean of |m* - m| / m, where m is their median and m* that of
// as many values drawn from them with replacement (1000 times, always the same draws).
// It is the noise floor of an error against the median. It is NaN for fewer than 3
// values and where m is not above 0. The order of the values is of no matter.
func MedianNoise(values []float64) float64 {
	if len(values) < 3 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	m, total := medianOfSorted(sorted), 0.0
	if !(m > 0) {
		return math.NaN()
	}
	draw := rand.New(rand.NewPCG(1, uint64(len(sorted))))
	again := make([]float64, len(sorted))
	for range resamples {
		for i := range again {
			again[i] = sorted[draw.IntN(len(sorted))]
		}
		slices.Sort(again)
		total += math.Abs(medianOfSorted(again)-m) / m
	}
	return total / resamples
}

// medianOfSorted is, of an even number of values, the mean of the middle two.
func medianOfSorted(sorted []float64) float64 {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
