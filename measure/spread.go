package measure

import (
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// spreadLevel is what a median's interval is asked to reach. Five runs reach 0.9375
// from the least to the greatest, and never 0.95.
const spreadLevel = 0.9

// ArmSpread is how far the runs of an arm lie apart.
type ArmSpread struct {
	Arm string
	// Runs count, Voids do not.
	Runs, Voids int
	// Median is of the runs' makespans: from the first request of a run to its last
	// ready. Of an even number of runs it is the mean of the middle two.
	Median, Min, Max time.Duration
	// Interval is the median's, in seconds, from one order statistic to another,
	// whatever the distribution (sketch.QuantileRanks), at a level of at least 0.9;
	// nil for fewer than 5 runs, which reach none.
	Interval *sketch.Interval
	// CoefficientOfVariation is the sample's standard deviation over the mean, NaN
	// for fewer than 2 runs.
	CoefficientOfVariation float64
	// Phases are medians over all startups that count and tell of the phase.
	Phases simulate.Phases
	// RunNoise is how far one run lies from what the others say: the mean over the
	// runs of |run - m| / m, where m is the median of the arm's other runs. A
	// prediction that knew the true median would be off by about as much when held
	// against one run. NaN for fewer than 2 runs.
	RunNoise float64
	// MedianNoise is how far the median of as many runs lies from itself when the
	// experiment is made again (sketch.MedianNoise): the noise floor of an error
	// against the median. NaN for fewer than 3 runs.
	MedianNoise float64
}

// Spread returns the spread of each arm of measured startups, in the order of the
// arms' first mention.
func Spread(t *simulate.Timeline) []ArmSpread {
	var arms []string
	runs, voids := map[string]map[int][]*simulate.Startup{}, map[string]int{}
	see := func(arm string) {
		if runs[arm] == nil {
			arms = append(arms, arm)
			runs[arm] = map[int][]*simulate.Startup{}
		}
	}
	if m := t.Measurement; m != nil {
		for _, a := range m.Arms {
			see(a.Arm)
		}
		for _, r := range m.Runs {
			see(r.Arm)
			if r.Void != "" {
				voids[r.Arm]++
			}
		}
	}
	for i := range t.Startups {
		if u := &t.Startups[i]; u.Source == simulate.Measured && u.Void == "" {
			see(u.Arm)
			runs[u.Arm][u.Repeat] = append(runs[u.Arm][u.Repeat], u)
		}
	}
	list := make([]ArmSpread, 0, len(arms))
	for _, arm := range arms {
		s := spreadOf(runs[arm])
		s.Arm, s.Voids = arm, voids[arm]
		list = append(list, s)
	}
	return list
}

func spreadOf(runs map[int][]*simulate.Startup) ArmSpread {
	s := ArmSpread{Runs: len(runs), CoefficientOfVariation: math.NaN(), RunNoise: math.NaN(), MedianNoise: math.NaN()}
	var times []float64
	for _, run := range runs {
		times = append(times, makespan(run).Seconds())
	}
	if len(times) == 0 {
		return s
	}
	slices.Sort(times)
	s.Median, s.Min, s.Max = duration(median(times)), duration(times[0]), duration(times[len(times)-1])
	s.Interval = medianInterval(times)
	s.CoefficientOfVariation = variation(times)
	s.RunNoise, s.MedianNoise = runNoise(times), sketch.MedianNoise(times)
	s.Phases = medianPhases(runs)
	return s
}

// makespan is from the first request of startups to the last ready.
func makespan(run []*simulate.Startup) time.Duration {
	first, last := run[0].Requested, time.Duration(0)
	for _, u := range run {
		first, last = min(first, u.Requested), max(last, u.Requested+u.Ready)
	}
	return last - first
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}

// median of values in any order, of which there is at least one.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianInterval is of sorted values.
func medianInterval(sorted []float64) *sketch.Interval {
	ranks, err := sketch.QuantileRanks(int64(len(sorted)), 0.5, spreadLevel)
	if err != nil || ranks == nil {
		return nil
	}
	return &sketch.Interval{Value: median(sorted), Low: sorted[ranks.Low-1], High: sorted[ranks.High-1], Level: ranks.Level}
}

func variation(values []float64) float64 {
	n := float64(len(values))
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares/(n-1)) / mean
}

func runNoise(values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	total := 0.0
	for i, v := range values {
		m := median(slices.Delete(slices.Clone(values), i, i+1))
		total += math.Abs(v-m) / m
	}
	return total / float64(len(values))
}

func medianPhases(runs map[int][]*simulate.Startup) simulate.Phases {
	var p simulate.Phases
	for _, phase := range simulate.AllPhases() {
		var seconds []float64
		for _, run := range runs {
			for _, u := range run {
				if d, known := u.Phases.Of(phase); known {
					seconds = append(seconds, d.Seconds())
				}
			}
		}
		if len(seconds) > 0 {
			p.Set(phase, duration(median(seconds)))
		}
	}
	return p
}
