package main

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// A measuredRun is a run that counts, with its starts.
type measuredRun struct {
	arm    string
	repeat int
	starts []*simulate.Startup
}

// countedRuns are the runs that count, in the order in which they were made. A run that
// was void and made again has the repeat of the one that counts; only its startups are
// void.
func countedRuns(t *simulate.Timeline) []measuredRun {
	type key struct {
		arm    string
		repeat int
	}
	var runs []measuredRun
	at := make(map[key]int)
	for i := range t.Startups {
		s := &t.Startups[i]
		if s.Source != simulate.Measured || s.Void != "" {
			continue
		}
		k := key{s.Arm, s.Repeat}
		if _, ok := at[k]; !ok {
			at[k] = len(runs)
			runs = append(runs, measuredRun{arm: s.Arm, repeat: s.Repeat})
		}
		runs[at[k]].starts = append(runs[at[k]].starts, s)
	}
	return runs
}

// makespan is from the first request to the last readiness.
func (r *measuredRun) makespan() time.Duration {
	first, last := r.starts[0].Requested, time.Duration(0)
	for _, s := range r.starts {
		first, last = min(first, s.Requested), max(last, s.Requested+s.Ready)
	}
	return last - first
}

// nodes are how many it starts something on.
func (r *measuredRun) nodes() int {
	var names []string
	for _, s := range r.starts {
		if !slices.Contains(names, s.Node) {
			names = append(names, s.Node)
		}
	}
	return len(names)
}

// fact is what a timeline says of its host, empty where it does not.
func fact(t *simulate.Timeline, name string) string {
	for _, f := range t.Measurement.Facts {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// shapedArms are the arms whose link the experiment set to a rate.
func shapedArms(t *simulate.Timeline) map[string]bool {
	shaped := make(map[string]bool)
	for i := range t.Measurement.Arms {
		a := &t.Measurement.Arms[i]
		var groups map[string]document.Raw
		if a.Profile.IsZero() || a.Profile.Decode(&groups) != nil {
			continue
		}
		for _, key := range groups["network"].Keys() {
			shaped[a.Arm] = shaped[a.Arm] || key == "registryBytesPerSecond"
		}
	}
	return shaped
}

// delayed takes the delay out of an arm's name: "web link=300Mbit/s+20ms" is the arm
// "web link=300Mbit/s" with 20 ms more of way.
var delayed = regexp.MustCompile(`^(.*\blink=[^ +]+)\+(\S+)(.*)$`)

func withoutDelay(arm string) (plain string, delay time.Duration, ok bool) {
	parts := delayed.FindStringSubmatch(arm)
	if parts == nil {
		return "", 0, false
	}
	delay, err := time.ParseDuration(parts[2])
	return parts[1] + parts[3], delay, err == nil && delay > 0
}

// median of values in any order, NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// variation is the coefficient of variation: the sample's standard deviation over the
// mean. Of fewer than three values it is NaN, for two say next to nothing.
func variation(values []float64) float64 {
	n := float64(len(values))
	if n < 3 {
		return math.NaN()
	}
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares/(n-1)) / mean
}
