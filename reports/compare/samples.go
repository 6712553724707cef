package compare

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"golang.org/x/perf/benchmath"

	"github.com/cachebench/cachebench/reports"
)

// samples are the values of one figure in both results.
type samples struct {
	old, new []float64
	// measured: there is chance in the values.
	measured bool
	alpha    float64
}

// compare fills in what a change says of its values.
func (s *samples) compare(x *reports.Change) {
	if !s.measured || isCounted(x.Figure) && isConstant(s.old) && isConstant(s.new) {
		s.exact(x)
		return
	}
	x.Test = reports.TestMannWhitney
	thresholds := benchmath.DefaultThresholds
	thresholds.CompareAlpha = s.alpha
	old, new := sampleOf(s.old, &thresholds), sampleOf(s.new, &thresholds)
	x.Old, x.New = medianOf(old), medianOf(new)
	if !differ(x) {
		return
	}
	comparison := benchmath.AssumeNothing.Compare(old, new)
	probability := min(max(comparison.P, 0), 1)
	x.P = &probability
	switch {
	case probability <= s.alpha: // as benchstat has it
		x.State = reports.ChangeDiffers
	case leastP(len(s.old), len(s.new)) > s.alpha: // also of equal values, which one run is by chance
		x.State, x.Needed = reports.ChangeTooFew, needed(s.alpha)
	case slices.Equal(old.Values, new.Values):
		x.State = reports.ChangeSame
	default:
		x.State = reports.ChangeUnclear
	}
}

// exact compares values that must be the same wherever a side has several.
func (s *samples) exact(x *reports.Change) {
	x.Test = reports.TestExact
	for _, side := range []struct {
		name   string
		values []float64
		to     **reports.Compared
	}{{"OLD", s.old, &x.Old}, {"NEW", s.new, &x.New}} {
		switch {
		case len(side.values) == 0:
		case !isConstant(side.values):
			x.Reason = fmt.Sprintf("%s has values from %v to %v where they must be the same", side.name, slices.Min(side.values), slices.Max(side.values))
		default:
			*side.to = &reports.Compared{Value: side.values[0], Runs: len(side.values)}
		}
	}
	if differ(x) {
		x.State = reports.ChangeDiffers
		if near(x.Old.Value, x.New.Value) {
			x.State = reports.ChangeSame
		}
	}
}

// differ fills in the difference; false where a side has no value.
func differ(x *reports.Change) bool {
	if x.Old == nil || x.New == nil {
		x.State = reports.ChangeUnknown
		switch {
		case x.Reason != "":
		case x.New == nil:
			x.Reason = "NEW does not state it"
		default:
			x.Reason = "OLD does not state it"
		}
		return false
	}
	difference := x.New.Value - x.Old.Value
	if math.IsInf(difference, 0) {
		difference = math.Copysign(math.MaxFloat64, difference)
	}
	x.Difference = &difference
	if relative := difference / x.Old.Value; x.Old.Value != 0 && !math.IsInf(relative, 0) {
		x.Relative = &relative
	}
	return true
}

// near says whether two values are the same but for what arithmetic rounds, as
// gates have it.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b)) }

// isCounted says that a figure is counted, not timed.
func isCounted(figure string) bool {
	return figure == reports.UnitPulled || figure == reports.UnitUnpacked
}

func isConstant(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] })
}

// sampleOf leaves values as they are, which benchmath would sort; nil without any.
func sampleOf(values []float64, t *benchmath.Thresholds) *benchmath.Sample {
	if len(values) == 0 {
		return nil
	}
	return benchmath.NewSample(slices.Clone(values), t)
}

// medianOf is the median of a sample with its interval; nil without one.
func medianOf(s *benchmath.Sample) *reports.Compared {
	if s == nil {
		return nil
	}
	summary := benchmath.AssumeNothing.Summary(s, confidence)
	c := &reports.Compared{Value: summary.Center, Runs: len(s.Values)}
	if !math.IsInf(summary.Lo, 0) && !math.IsInf(summary.Hi, 0) {
		c.Low, c.High = &summary.Lo, &summary.Hi
	}
	return c
}

// leastP is the smallest p-value that the two-sided U test can give to samples of
// these sizes: the two orders in which all of one are below all of the other, of
// C(n+m, n) orders that are equally likely.
func leastP(n, m int) float64 {
	orders, _ := new(big.Float).SetInt(new(big.Int).Binomial(int64(n+m), int64(min(n, m)))).Float64()
	return min(1, 2/orders)
}

// needed is how many runs on each side can show a difference at the level alpha.
func needed(alpha float64) int {
	n := 2
	for n < 1000 && leastP(n, n) > alpha {
		n++
	}
	return n
}
