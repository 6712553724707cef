package capacity

import (
	"math"
	"testing"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// TestWilson: the ends of Wilson's interval are the shares p for which the one seen is 1.96
// standard errors of p away, which is what defines it.
func TestWilson(t *testing.T) {
	for _, of := range []int{2, 5, 20, 60, 1000} {
		for n := range of + 1 {
			seen := float64(n) / float64(of)
			low, high := wilson(n, of)
			for _, p := range []float64{low, high} {
				if n == 0 && p == 0 || n == of && p == 1 {
					continue
				}
				if away := math.Abs(seen-p) / math.Sqrt(p*(1-p)/float64(of)); math.Abs(away-1.959964) > 1e-5 {
					t.Errorf("%d of %d: %v is %v standard errors away", n, of, p, away)
				}
			}
			if !(low <= seen && seen <= high) {
				t.Errorf("%d of %d: %v to %v", n, of, low, high)
			}
		}
	}
}

// TestEnough: up to 20 repeats all are to be in time, of more 95 %, and the mean's interval is to
// keep the limit as well.
func TestEnough(t *testing.T) {
	of := func(late, all int, high float64) *outcome {
		o := &outcome{Statistic: simulate.Statistic{Value: 8, High: &high}}
		low := 7.0
		o.Low = &low
		for i := range all {
			o.values = append(o.values, 8)
			if i < late {
				o.values[i] = 11
			}
		}
		return o
	}
	for _, x := range []struct {
		late, all int
		high      float64
		want      string
	}{
		{0, 5, 9, reports.CapacityMet}, {1, 5, 9, reports.CapacityUnclear}, {0, 5, 10.1, reports.CapacityUnclear},
		{0, 20, 9, reports.CapacityMet}, {1, 20, 9, reports.CapacityUnclear},
		{1, 21, 9, reports.CapacityMet}, {2, 21, 9, reports.CapacityUnclear},
		{3, 60, 9, reports.CapacityMet}, {4, 60, 9, reports.CapacityUnclear},
		{0, 0, 9, reports.CapacityMet}, // not known one by one
	} {
		if got := judgeBurst(of(x.late, x.all, x.high), 10); got != x.want {
			t.Errorf("%d of %d late, up to %v of 10: %s, want %s", x.late, x.all, x.high, got, x.want)
		}
	}
	if got := judgeBurst(of(4, 60, 9), 6); got != reports.CapacityNotMet {
		t.Errorf("none of the interval keeps it: %s", got)
	}
}
