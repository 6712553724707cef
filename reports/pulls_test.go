package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
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
	for _, want := range []string{"2 cannot be told from questions about present ones; 2 dropped", "of 1 pod ready ask median 2.00 s 0.30 s pods 1 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Count(text, "longer than a day") != 1 {
		t.Errorf("reasons stand more than once:\n%s", out.String())
	}
}

// TestPullPrediction: few pulls, or of few images, tell no error, and that is said; so is
// how many of the pulls it is of.
func TestPullPrediction(t *testing.T) {
	median := 41e6
	for _, test := range []struct {
		pulls, images, of int
		few               bool
		begins            string
	}{
		{9, 9, 9, true, "Your 9 pulls: median 41 MB/s; error 34 % built-in, 14 % held-out"},
		{100, 4, 120, true, "Your 120 pulls: median 41 MB/s; error 34 % built-in, 14 % held-out"},
		{10, 5, 11, false, "Your 11 pulls: median 41 MB/s; error 34 % built-in, 14 % held-out"},
	} {
		c := &calibrate.Calibration{Basis: "pulls", Runs: test.pulls, Arms: test.images, Base: "containerd", Totals: []calibrate.Scored{{What: "all", Scores: []calibrate.Score{
			{By: calibrate.ByBase, Median: 0.34}, {By: calibrate.ByFit, Median: 0.1}, {By: calibrate.ByHeldOut, Median: 0.14}, {By: calibrate.Noise, Median: 0.21},
		}}}}
		p := NewPullPrediction(c, test.of, &median)
		if p.TooFew != test.few || strings.Contains(p.Sentence, "too few") != test.few || !strings.HasPrefix(p.Sentence, test.begins) || !strings.Contains(p.Sentence, "pulls of one image are 21 % apart") {
			t.Errorf("%d pulls of %d images: %+v", test.pulls, test.images, p)
		}
		if some := fmt.Sprintf(", of %d that can be compared", test.pulls); strings.Contains(p.Sentence, some) != (test.of > test.pulls) {
			t.Errorf("%d of %d: %s", test.pulls, test.of, p.Sentence)
		}
		if p.Pulls != test.pulls || *p.BuiltInError != 0.34 || *p.HeldOutError != 0.14 || *p.Noise != 0.21 {
			t.Errorf("%+v", p)
		}
	}
	if p := NewPullPrediction(&calibrate.Calibration{Basis: "pulls"}, 3, nil); p != nil {
		t.Errorf("of nothing: %+v", p)
	}
}

// TestPodPhases: the median of a phase is of the pods that had it, and says of how many.
func TestPodPhases(t *testing.T) {
	sec := func(n int) *time.Duration { return new(time.Duration(n) * time.Second) }
	s := summarizeStarts([]workload.PodStart{
		{Took: 9 * time.Second, Pull: sec(6), Create: sec(3)},
		{Took: 5 * time.Second, Pull: sec(0), Resolve: sec(2), Create: sec(3)},
		{Took: 4 * time.Second, Pull: sec(0), Create: sec(4)},
		{Took: 2 * time.Second},
	})
	want := []PodPhase{{simulate.Pull, 1, 6 * time.Second}, {simulate.Resolve, 1, 2 * time.Second}, {simulate.Create, 3, 3 * time.Second}}
	if s.Count != 4 || *s.Median != 4500*time.Millisecond || !slices.Equal(s.Phases, want) {
		t.Errorf("%d pods, %v, %+v, want %+v", s.Count, s.Median, s.Phases, want)
	}
}
