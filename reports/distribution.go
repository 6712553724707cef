package reports

import (
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// Distribution says what fraction of the startups of an arm is ready by when.
type Distribution struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	Starts int    `json:"starts"`
	// Points are in order of time, the last at fraction 1. Between two points
	// the fraction is that of the earlier one; below the first it is 0. At most
	// 201.
	Points []DistributionPoint `json:"points"`
	// QuantileErrorFraction is how far a time may be from the exact one, as a share
	// of it; absent where they are exact.
	QuantileErrorFraction float64 `json:"quantileErrorFraction,omitempty"`
}

// DistributionPoint is one step of a Distribution.
type DistributionPoint struct {
	// Ready is a time to ready.
	Ready time.Duration `json:"readySeconds"`
	// Fraction in (0, 1] of startups were ready by then.
	Fraction float64 `json:"fraction"`
}

// bands is into how many quantiles a long Distribution is thinned.
const bands = 200

func distribute(startups []*simulate.Startup) []Distribution {
	var list []Distribution
	keys, groups := grouped(startups, false)
	for _, key := range keys {
		ready := readyTimes(groups[key])
		list = append(list, Distribution{
			Source: key.source,
			Arm:    key.arm,
			Starts: len(ready),
			Points: thin(steps(ready)),
		})
	}
	return list
}

// steps returns the exact distribution: one point for each distinct time.
func steps(sorted []time.Duration) []DistributionPoint {
	var points []DistributionPoint
	for i, ready := range sorted {
		if i+1 < len(sorted) && sorted[i+1] == ready {
			continue
		}
		points = append(points, DistributionPoint{ready, float64(i+1) / float64(len(sorted))})
	}
	return points
}

// thin keeps of many points the first and those at the quantiles 1/200, 2/200
// and so on: p50, p90 and p99 stay exact, between them the curve moves by at most
// 1/200.
func thin(points []DistributionPoint) []DistributionPoint {
	if len(points) <= bands+1 {
		return points
	}
	kept := points[:1:1]
	at := 0
	for k := 1; k <= bands; k++ {
		at = pointAt(points, at, float64(k)/bands)
		if points[at] != kept[len(kept)-1] {
			kept = append(kept, points[at])
		}
	}
	return kept
}

// pointAt returns the position, from on, of the first point at which a fraction
// of the startups is ready.
func pointAt(points []DistributionPoint, from int, fraction float64) int {
	for from < len(points)-1 && points[from].Fraction < fraction-1e-9 {
		from++
	}
	return from
}

// Quantile returns the time by which a fraction of the startups is ready: exact
// for multiples of 1/200, else at most one step late. It is 0 for no points.
func (d *Distribution) Quantile(fraction float64) time.Duration {
	if len(d.Points) == 0 {
		return 0
	}
	return d.Points[pointAt(d.Points, 0, fraction)].Ready
}
