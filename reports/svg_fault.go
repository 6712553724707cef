package reports

import (
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// faultBand shades the time of a fault from top to bottom, of a chart whose time
// axis ends at end; at places a time on it. It is false where the fault is not on
// the axis.
func (c *chart) faultBand(f *simulate.Fault, offset, end time.Duration, at func(time.Duration) float64, top, bottom float64) bool {
	from, to := f.At-offset, f.At+f.For-offset
	if to < 0 || from > end {
		return false
	}
	from, to = max(from, 0), min(to, end)
	c.bar("fault", faultWords(f), at(from), at(to), top, bottom-top)
	for _, edge := range []time.Duration{from, to} {
		c.line("fault-edge", faultWords(f), at(edge), top, at(edge), bottom)
	}
	return true
}

// faultsOf are the faults that a startup may meet: those of the registry, and the
// loss of its node.
func (r *Report) faultsOf(s *simulate.Startup) []simulate.Fault {
	return slices.DeleteFunc(slices.Clone(r.Faults), func(f simulate.Fault) bool { return f.Node != "" && f.Node != s.Node })
}

// faultKeys are the legend's entry of the faults that happen within the time of a
// chart; none where there are none.
func faultKeys(list []simulate.Fault, from, to time.Duration) []key {
	var kinds []string
	for _, f := range list {
		if kind := strings.ReplaceAll(f.Kind, "-", " "); f.At <= to && f.At+f.For >= from && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if kinds == nil {
		return nil
	}
	return []key{{Sample: sample("rect", "fault"), Label: "fault: " + join(kinds)}}
}
