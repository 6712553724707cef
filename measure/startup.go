package measure

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// NodeName is the name of a node in a timeline.
func NodeName(node int) string { return fmt.Sprintf("node-%d", node) }

// complete adds to a startup what a runner leaves out. The run began at begun since
// the timeline's origin.
func (s *session) complete(u *simulate.Startup, a *Arm, start, repeat int, begun time.Duration) {
	from := a.Starts[start]
	u.Source, u.Arm, u.Repeat, u.Node = simulate.Measured, a.Name, repeat, NodeName(from.Node)
	u.App, u.Images = cmp.Or(from.App, from.Image), []string{from.Image}
	u.Requested += begun
	if u.Phases == (simulate.Phases{}) && len(u.Spans) > 0 && saneTimes(u) {
		u.Phases = simulate.PhasesOf(u.Spans, u.Ready)
	}
	if u.FetchBusy == 0 {
		u.FetchBusy = Busy(u.Spans, simulate.Fetch)
	}
	if u.UnpackBusy == 0 {
		u.UnpackBusy = Busy(u.Spans, simulate.Unpack)
	}
	if u.Hit == "" {
		u.Hit = hitOf(s.t.Measurement.Inventory, a, from.Image)
	}
}

// Busy is how long any span of a phase was in flight.
func Busy(spans []simulate.Span, phase simulate.Phase) time.Duration {
	var list []simulate.Span
	for _, s := range spans {
		if s.Phase == phase && s.End > s.Start {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(x, y simulate.Span) int { return cmp.Compare(x.Start, y.Start) })
	var total, until time.Duration
	for _, s := range list {
		if from := max(s.Start, until); s.End > from {
			total += s.End - from
			until = s.End
		}
	}
	return total
}

// saneTimes refuses what no clock that runs forward shows.
func saneTimes(u *simulate.Startup) bool {
	for _, s := range u.Spans {
		if s.Start < 0 || s.End < s.Start || s.Bytes < 0 {
			return false
		}
	}
	for _, p := range simulate.AllPhases() {
		if d, _ := u.Phases.Of(p); d < 0 {
			return false
		}
	}
	return min(u.Requested, u.Ready, u.FetchBusy, u.UnpackBusy) >= 0 && min(u.FetchedBytes, u.UnpackedBytes, u.WastedBytes, u.RefetchedBytes) >= 0
}
