package simulate

import (
	stdcmp "cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sound says what cannot be of a simulated startup with its spans: its phases
// must add up to its time and follow from its spans, which lie within it.
func sound(s *Startup) error {
	var sum time.Duration
	for _, phase := range AllPhases() {
		d, _ := s.Phases.Of(phase)
		if d < 0 {
			return fmt.Errorf("phase %s takes %v", phase, d)
		}
		sum += d
	}
	if sum != s.Ready {
		return fmt.Errorf("phases make %v, ready is %v", sum, s.Ready)
	}
	var spanned int64
	for _, x := range s.Spans {
		if x.Start < 0 || x.End < x.Start || x.End > s.Ready {
			return fmt.Errorf("%s span from %v to %v of %v", x.Phase, x.Start, x.End, s.Ready)
		}
		if x.Phase == Fetch {
			spanned += x.Bytes
		}
	}
	if spanned > s.FetchedBytes+s.WastedBytes {
		return fmt.Errorf("spans of %d bytes, fetched %d, wasted %d", spanned, s.FetchedBytes, s.WastedBytes)
	}
	if s.FetchBusy < 0 || s.UnpackBusy < 0 || s.FetchedBytes < 0 || s.UnpackedBytes < 0 || s.WastedBytes < 0 {
		return fmt.Errorf("something is negative: %+v", *s)
	}
	if s.Spans == nil {
		return nil
	}
	if busy := busy(s.Spans, Fetch); s.FetchBusy != busy {
		return fmt.Errorf("a transfer was in flight for %v, by the spans for %v", s.FetchBusy, busy)
	}
	if busy := busy(s.Spans, Unpack); s.UnpackBusy != busy {
		return fmt.Errorf("an unpack was in flight for %v, by the spans for %v", s.UnpackBusy, busy)
	}
	if diff := cmp.Diff(PhasesOf(s.Spans, s.Ready), s.Phases); diff != "" {
		return fmt.Errorf("the phases do not follow from the spans (-spans +phases):\n%s", diff)
	}
	return nil
}

// busy is how long any span of a phase was under way.
func busy(spans []Span, phase Phase) time.Duration {
	var of []Span
	for _, x := range spans {
		if x.Phase == phase {
			of = append(of, x)
		}
	}
	slices.SortFunc(of, func(x, y Span) int { return stdcmp.Compare(x.Start, y.Start) })
	var sum, until time.Duration
	for _, x := range of {
		sum += max(0, x.End-max(x.Start, until))
		until = max(until, x.End)
	}
	return sum
}
