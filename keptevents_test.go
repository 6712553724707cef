package cachebench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEventsDrawnAnew: a month that is too large to be kept is drawn anew each time it is gone
// through, and matches, plan and timeline are those of the same month where it is kept.
func TestEventsDrawnAnew(t *testing.T) {
	results := func() (string, string, string) {
		j, p := plannedJob(t, quick(t))
		m, err := j.Match(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		timeline, err := j.Simulate(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if kept := j.month != nil; kept != (keptEvents > 0) {
			t.Errorf("events kept: %v, where %v may be", kept, keptEvents)
		}
		return inJSON(t, m), inJSON(t, p), inJSON(t, timeline)
	}
	matches, planned, timeline := results()
	defer func(n float64) { keptEvents = n }(keptEvents)
	keptEvents = 0
	anewMatches, anewPlan, anewTimeline := results()
	for name, pair := range map[string][2]string{"matches": {matches, anewMatches}, "plan": {planned, anewPlan}, "timeline": {timeline, anewTimeline}} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s, -kept +drawn anew:\n%s", name, diff)
		}
	}
}
