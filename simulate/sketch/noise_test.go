package sketch

import (
	"math"
	"testing"
)

// TestMedianNoise: against the exact distribution of the median of n = 2m+1 draws
// with replacement (Efron, The Jackknife, the Bootstrap and Other Resampling Plans,
// 1982, section 10.1): it is at most the k-th value unless m or fewer of the draws
// are among the first k.
func TestMedianNoise(t *testing.T) {
	values := []float64{10, 11, 12, 13, 20}
	n, m := 5, 2
	atMost := func(k int) float64 {
		p, sum := float64(k)/float64(n), 0.0
		for j, ways := range []float64{1, 5, 10} {
			if j <= m {
				sum += ways * math.Pow(p, float64(j)) * math.Pow(1-p, float64(n-j))
			}
		}
		return 1 - sum
	}
	want := 0.0
	for k := 1; k <= n; k++ {
		want += (atMost(k) - atMost(k-1)) * math.Abs(values[k-1]-12) / 12
	}
	// 1000 draws of a mean whose single draws deviate by about 0.13: 0.004 each way.
	got := MedianNoise(values)
	if math.Abs(got-want) > 0.016 {
		t.Errorf("%v, want about %v", got, want)
	}
	if again := MedianNoise([]float64{20, 12, 10, 13, 11}); again != got {
		t.Errorf("%v, in another order %v", got, again)
	}
}

// TestMedianNoiseOfLittle: what there is no floor of is not 0.
func TestMedianNoiseOfLittle(t *testing.T) {
	for _, values := range [][]float64{nil, {1}, {1, 2}, {0, 0, 0}, {-1, -1, -1}} {
		if got := MedianNoise(values); !math.IsNaN(got) {
			t.Errorf("%v has noise %v", values, got)
		}
	}
	if got := MedianNoise([]float64{3, 3, 3}); got != 0 {
		t.Errorf("equal values have noise %v", got)
	}
}
