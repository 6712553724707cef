package reports

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// Summary is what the startups of one source and arm have in common.
type Summary struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	// App is empty for all apps together; each start counts once.
	App string `json:"app,omitempty"`
	// Starts is the number of startups, at least 1.
	Starts int `json:"starts"`
	// Mean, P50, P90, P99 and Slowest are times to ready, from the request;
	// quantiles are by nearest rank.
	Mean    time.Duration `json:"meanSeconds"`
	P50     time.Duration `json:"p50Seconds"`
	P90     time.Duration `json:"p90Seconds"`
	P99     time.Duration `json:"p99Seconds"`
	Slowest time.Duration `json:"slowestSeconds"`
	// Makespan is the time from the first request to the last ready; the
	// longest of all repeats.
	Makespan time.Duration `json:"makespanSeconds"`
	// MeanFetchedBytes are compressed, MeanUnpackedBytes uncompressed, rounded
	// to a whole byte, of the startups of which they are known. Unsized: they are known
	// of none, and are 0 here.
	MeanFetchedBytes  int64 `json:"meanFetchedBytes"`
	MeanUnpackedBytes int64 `json:"meanUnpackedBytes"`
	Unsized           bool  `json:"unsized,omitempty"`
	// Hits, Partials and Misses count startups by the bytes that were present.
	Hits     int `json:"hits"`
	Partials int `json:"partials"`
	Misses   int `json:"misses"`
	// Retries counts the pulls that failed and were tried again, and the starts
	// made anew because their node was lost.
	Retries int `json:"retries,omitempty"`
	// WastedBytes are compressed bytes that were sent for nothing thereby, of all
	// startups together.
	WastedBytes int64 `json:"wastedBytes,omitempty"`
	// EvictedImages counts the images that went from full disks.
	EvictedImages int `json:"evictedImages,omitempty"`
	// RefetchedBytes are compressed bytes that were fetched again after that, of
	// all startups together.
	RefetchedBytes int64 `json:"refetchedBytes,omitempty"`
	// MeanPhases holds for each phase the mean of the startups; absent when none
	// states it. One that a startup does not state took none of its time where those
	// that it states make up all of it; else it is unknown, and the startup does not
	// count for it. So the means add up to Mean where all startups are told whole.
	MeanPhases simulate.Phases `json:"meanPhases"`
	// QuantileErrorFraction is how far P50, P90 and P99 may be from the exact
	// quantiles, as a share of these; absent where they are exact. It is given
	// where no startups were listed: then the quantiles of an app are means over
	// the repeats, and so are Slowest and Makespan.
	QuantileErrorFraction float64 `json:"quantileErrorFraction,omitempty"`
}

// The orders in which arms and sources stand; others follow by name.
var (
	armOrder    = []string{simulate.ArmCold, simulate.ArmWarm, simulate.ArmAutomatic, simulate.ArmCached}
	sourceOrder = []string{simulate.Measured, simulate.Simulated, simulate.Estimated}
)

// series names a set of startups that may be put together.
type series struct{ app, arm, source string }

func compareSeries(a, b series) int {
	return cmp.Or(
		cmp.Compare(a.app, b.app),
		compareIn(armOrder, a.arm, b.arm),
		compareIn(sourceOrder, a.source, b.source))
}

// compareIn orders a and b as in order, names that it lacks last.
func compareIn(order []string, a, b string) int {
	rank := func(s string) int {
		if i := slices.Index(order, s); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// counted returns the startups that are not void.
func counted(startups []simulate.Startup) []*simulate.Startup {
	var list []*simulate.Startup
	for i := range startups {
		if startups[i].Void == "" {
			list = append(list, &startups[i])
		}
	}
	return list
}

// grouped returns the startups by series, and the series in their order. With
// byApp false, all apps of an arm are one series.
func grouped(startups []*simulate.Startup, byApp bool) ([]series, map[series][]*simulate.Startup) {
	groups := make(map[series][]*simulate.Startup)
	var keys []series
	for _, s := range startups {
		key := series{arm: s.Arm, source: s.Source}
		if byApp {
			key.app = s.App
		}
		if groups[key] == nil {
			keys = append(keys, key)
		}
		groups[key] = append(groups[key], s)
	}
	slices.SortFunc(keys, compareSeries)
	return keys, groups
}

func summarize(startups []*simulate.Startup) (arms, byApp []Summary) {
	keys, groups := grouped(startups, false)
	for _, key := range keys {
		arms = append(arms, summaryOf(key, groups[key]))
	}
	keys, groups = grouped(startups, true)
	for _, key := range keys {
		byApp = append(byApp, summaryOf(key, groups[key]))
	}
	return arms, byApp
}

func summaryOf(key series, startups []*simulate.Startup) Summary {
	s := Summary{Source: key.source, Arm: key.arm, App: key.app, Starts: len(startups)}
	ready := readyTimes(startups)
	var total, fetched, unpacked, sized float64
	for _, start := range startups {
		total += float64(start.Ready)
		if !start.Unsized {
			fetched += float64(start.FetchedBytes)
			unpacked += float64(start.UnpackedBytes)
			sized++
		}
		s.addSetbacks(start)
		switch start.Hit {
		case matcher.FullHit:
			s.Hits++
		case matcher.PartialHit:
			s.Partials++
		case matcher.Miss:
			s.Misses++
		}
	}
	n := float64(len(startups))
	s.Mean = time.Duration(math.Round(total / n))
	// The mean of some simulated starts is not that of all; measured ones are runs of one.
	if s.Unsized = sized == 0 || key.source != simulate.Measured && sized < n; !s.Unsized {
		s.MeanFetchedBytes = int64(math.Round(fetched / sized))
		s.MeanUnpackedBytes = int64(math.Round(unpacked / sized))
	}
	s.P50, s.P90, s.P99 = quantile(ready, 0.50), quantile(ready, 0.90), quantile(ready, 0.99)
	s.Slowest = ready[len(ready)-1]
	s.Makespan = makespan(startups)
	s.MeanPhases = meanPhases(startups)
	return s
}

// fetchedWords are the mean of what a start fetched, where it is known.
func (s *Summary) fetchedWords() string {
	if s.Unsized {
		return "-"
	}
	return size(s.MeanFetchedBytes)
}

// readyTimes returns the times to ready, shortest first.
func readyTimes(startups []*simulate.Startup) []time.Duration {
	ready := make([]time.Duration, len(startups))
	for i, s := range startups {
		ready[i] = s.Ready
	}
	slices.Sort(ready)
	return ready
}

// quantile returns the q-quantile of sorted by nearest rank: the value at
// position ceil(q·n), counted from 1. Sorted must not be empty; q is in (0, 1].
func quantile(sorted []time.Duration, q float64) time.Duration {
	// The small step back keeps 0.9·10, which is 9 in arithmetic but may be a
	// little more in floating point, from becoming 10.
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func makespan(startups []*simulate.Startup) time.Duration {
	type window struct{ first, last time.Duration }
	repeats := make(map[int]window)
	for _, s := range startups {
		w, ok := repeats[s.Repeat]
		if !ok {
			w.first = s.Requested
		}
		w.first = min(w.first, s.Requested)
		w.last = max(w.last, s.Requested+s.Ready)
		repeats[s.Repeat] = w
	}
	var longest time.Duration
	for _, w := range repeats {
		longest = max(longest, w.last-w.first)
	}
	return longest
}

// phaseNames are the phases in the order of a startup, phaseFields their places.
var phaseNames = []simulate.Phase{
	simulate.Admit, simulate.Provision, simulate.Attach, simulate.Resolve,
	simulate.Fetch, simulate.Unpack, simulate.Pull, simulate.Create, simulate.Ready,
}

// phaseFields returns the places of p's phases in the order of phaseNames.
func phaseFields(p *simulate.Phases) []**time.Duration {
	return []**time.Duration{
		&p.Admit, &p.Provision, &p.Attach, &p.Resolve,
		&p.Fetch, &p.Unpack, &p.Pull, &p.Create, &p.Ready,
	}
}

func meanPhases(startups []*simulate.Startup) simulate.Phases {
	sums := make([]float64, len(phaseNames))
	counts := make([]float64, len(phaseNames))
	stated := make([]bool, len(phaseNames))
	for _, s := range startups {
		phases, whole := s.Phases, toldWhole(s)
		for i, field := range phaseFields(&phases) {
			switch {
			case *field != nil:
				sums[i] += float64(**field)
				counts[i]++
				stated[i] = true
			case whole:
				counts[i]++
			}
		}
	}
	var mean simulate.Phases
	for i, field := range phaseFields(&mean) {
		if stated[i] {
			d := time.Duration(math.Round(sums[i] / counts[i]))
			*field = &d
		}
	}
	return mean
}

// toldWhole says that the phases that a startup states make up all of its time, but
// for what rounding leaves.
func toldWhole(s *simulate.Startup) bool {
	phases, told := s.Phases, time.Duration(0)
	for _, field := range phaseFields(&phases) {
		if *field != nil {
			told += **field
		}
	}
	return (s.Ready - told).Abs() <= s.Ready/1000
}
