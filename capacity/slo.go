package capacity

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// SLO is a limit of the time to ready: of a quantile of all starts, their mean, or the slowest.
type SLO struct {
	// Figure is p50, p90, p99, mean or slowest.
	Figure string
	Limit  time.Duration
}

// sloFigures are the figures that an SLO can be about, with the share of starts that is to
// keep the limit; 0 for the mean.
var sloFigures = []struct {
	figure
	fraction float64
}{
	{figure{name: "p50", of: func(s *simulate.Summary) simulate.Statistic { return s.P50 }, each: readyAt(0.5)}, 0.5},
	{figure{name: "p90", of: func(s *simulate.Summary) simulate.Statistic { return s.P90 }, each: readyAt(0.9)}, 0.9},
	{figure{name: "p99", of: func(s *simulate.Summary) simulate.Statistic { return s.P99 }, each: readyAt(0.99)}, 0.99},
	{figure{name: "mean", of: func(s *simulate.Summary) simulate.Statistic { return s.Mean }, each: readyAt(0)}, 0},
	{figure{name: "slowest", of: func(s *simulate.Summary) simulate.Statistic { return s.Slowest }, each: readyAt(1)}, 1},
}

// readyAt is the quantile of the times to ready of one repeat by nearest rank, for 0 their
// mean.
func readyAt(fraction float64) func([]*simulate.Startup) float64 {
	return func(starts []*simulate.Startup) float64 {
		times := make([]time.Duration, len(starts))
		for i, s := range starts {
			times[i] = s.Ready
		}
		return timeAt(times, fraction)
	}
}

// timeAt sorts times and is their quantile by nearest rank, for 0 their mean.
func timeAt(times []time.Duration, fraction float64) float64 {
	if fraction == 0 {
		var sum float64
		for _, t := range times {
			sum += t.Seconds()
		}
		return sum / float64(len(times))
	}
	slices.Sort(times)
	return times[sketch.Rank(int64(len(times)), fraction)-1].Seconds()
}

// ParseSLO reads a limit as people write it: p99<=20s.
func ParseSLO(text string) (SLO, error) {
	name, limit, ok := strings.Cut(text, "<=")
	name = strings.TrimSpace(name)
	wrong := func(what string) (SLO, error) {
		return SLO{}, fmt.Errorf("limit %q: %s: write it as p99<=20s; there are p50, p90, p99, mean and slowest", text, what)
	}
	if before, after, other := strings.Cut(text, "<"); !ok && other {
		return SLO{}, fmt.Errorf("limit %q: a time of just that keeps it too, so that it is written with <=: did you mean '%s<=%s'?", text, strings.TrimSpace(before), strings.TrimSpace(after))
	}
	if !ok {
		return wrong("it has no <=")
	}
	s := SLO{Figure: name}
	if _, _, known := s.figure(); !known {
		return wrong(fmt.Sprintf("%q is no figure", name))
	}
	var err error
	if s.Limit, err = document.ParseTime(strings.TrimSpace(limit)); err != nil {
		return wrong(err.Error())
	}
	if s.Limit <= 0 {
		return wrong("the time is not above 0")
	}
	return s, nil
}

func (s SLO) figure() (f figure, fraction float64, known bool) {
	for _, x := range sloFigures {
		if x.name == s.Figure {
			return x.figure, x.fraction, true
		}
	}
	return figure{}, 0, false
}

func (s SLO) String() string { return s.Figure + " of at most " + limitWords(s.Limit.Seconds()) }
