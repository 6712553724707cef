package workload

import (
	"math"
	"slices"
	"testing"
	"time"
)

// TestPaired: half of the starts and releases are among those that there are, and those are
// among twice as many; each number is that of its rate, within five standard deviations of a
// Poisson process, and half have the gaps of one: as the variance of exponential ones is the
// square of their mean, that of equally spaced ones none.
func TestPaired(t *testing.T) {
	const days = 400
	for name, a := range map[string]App{
		"even":          {Name: "web", StartsPerDay: 40, ReleasesPerMonth: 3},
		"by hour":       {Name: "web", StartsPerDay: 40, ReleasesPerMonth: 3, HourlyWeights: []float64{0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0, 0, 0}},
		"beside bursts": {Name: "api", StartsPerDay: 40, ReleasesPerMonth: 3, Bursts: []Burst{{Count: 3, Every: 10 * 24 * time.Hour}}},
	} {
		of := func(app App, release bool) (list []time.Duration) {
			w := &Workload{Apps: []App{app}}
			for _, e := range w.Events(7, -days/2*day, days/2*day) {
				if e.Release == release {
					list = append(list, e.At)
				}
			}
			return list
		}
		all := map[bool][]time.Duration{false: of(a, false), true: of(a, true)}
		for _, factor := range []float64{0.25, 0.5, 1, 2, 4} {
			app := a.Paired(factor, factor)
			now := make(map[bool][]time.Duration)
			for _, release := range []bool{false, true} {
				now[release] = of(app, release)
				few, many := all[release], now[release]
				if factor < 1 {
					few, many = many, few
				}
				for _, at := range few {
					// A release's time may be a nanosecond off by rounding.
					if k, ok := slices.BinarySearch(many, at-1); !ok && (k == len(many) || many[k] > at+1) {
						t.Fatalf("%s: at %v times, %v (release %v) is not among the more", name, factor, at, release)
					}
				}
			}
			starts, want := float64(len(now[false])), factor*40*days
			if len(a.Bursts) > 0 {
				want += 3 * days / 10
			}
			if math.Abs(starts-want) > 5*math.Sqrt(want) {
				t.Errorf("%s: %v starts at %v times, want about %v", name, starts, factor, want)
			}
			if releases, want := float64(len(now[true])), factor*3*days/30; math.Abs(releases-want) > 1 {
				t.Errorf("%s: %v releases at %v times, want %v", name, releases, factor, want)
			}
			if name != "even" {
				continue
			}
			sum, squares := 0.0, 0.0
			for i := range now[false][1:] {
				gap := (now[false][i+1] - now[false][i]).Seconds()
				sum, squares = sum+gap, squares+gap*gap
			}
			mean := sum / (starts - 1)
			if ratio := squares/(starts-1)/mean/mean - 1; math.Abs(ratio-1) > 0.15 {
				t.Errorf("%s: at %v times the variance of gaps is %.2f times the square of their mean", name, factor, ratio)
			}
		}
	}
}
