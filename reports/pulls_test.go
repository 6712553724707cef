package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/workload"
)

// TestPullSummaryOutcomes: rates are of pulls of which bytes and time are known, and
// what cannot be told is neither pulled nor present.
func TestPullSummaryOutcomes(t *testing.T) {
	took, size, resolve := 2*time.Second, int64(100e6), 300*time.Millisecond
	pull := func(outcome workload.Outcome) workload.Pull {
		return workload.Pull{App: "a", Node: "n", Reference: "i:1", Outcome: outcome, Took: &took, CompressedBytes: &size}
	}
	queued, replaces := pull(workload.Pulled), pull(workload.Pulled)
	queued.Queued, replaces.Replaces = true, true
	h := &workload.PullHistory{
		Pulls: []workload.Pull{
			pull(workload.Pulled), queued, replaces, pull(workload.PartlyPulled), pull(workload.Rechecked), pull(workload.Unclear), pull(workload.Unclear),
			{App: "a", Reference: "i:1", Outcome: workload.Present},
		},
		Starts:  []workload.PodStart{{Took: took, Resolve: &resolve}},
		Dropped: []workload.Dropped{{Reason: "longer than a day", Count: 2}},
		Doubts:  []string{"2 pulls dropped: 2 longer than a day"},
	}
	s := NewPullSummary(h)
	if s.Pulls != 4 || s.Sized != 1 || *s.MedianBytesPerSecond != 50e6 || s.Present != 1 || s.Rechecked != 1 || s.Unclear != 2 || s.PresentFraction != 2.0/6 || s.ByImage[0].Unclear != 2 {
		t.Errorf("%+v, %+v", s, s.ByImage)
	}
	var out bytes.Buffer
	if err := WritePulls(&out, Text, s, Options{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"2 cannot be told from questions about present ones; 2 dropped", "pull ask create app", "0.30 s"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Count(text, "longer than a day") != 1 {
		t.Errorf("reasons stand more than once:\n%s", out.String())
	}
}
