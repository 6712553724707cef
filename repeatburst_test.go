package cachebench

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
)

// TestSameBursts: in some repeats the starts before a burst left an automatic cache behind, in
// others none. What is simulated once for all repeats that find the same is what each repeat
// gives by itself, which it is where the simulation is observed.
func TestSameBursts(t *testing.T) {
	race.Skip(t)
	for name, list := range map[string]bool{"listed": true, "not listed": false} {
		t.Run(name, func(t *testing.T) {
			simulated := func(observe bool) *simulate.Timeline {
				s := quick(t)
				for i := range s.Workload.Apps {
					s.Workload.Apps[i].StartsPerDay = 0.05 // one in twenty days, and caches are kept for less
				}
				s.Repeats, s.Observe, s.NoStartups = 12, observe, !list
				s.WindowStart, s.Arms = 10*24*time.Hour, []string{simulate.ArmCold, simulate.ArmAutomatic}
				s.Bursts = []StartBurst{{App: s.Workload.Apps[0].Name, Count: 40}, {App: s.Workload.Apps[1].Name, Count: 10, Within: time.Second}}
				inv, err := s.Analyze(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				job, err := s.Cover(inv)
				if err != nil {
					t.Fatal(err)
				}
				timeline, err := job.Simulate(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if !observe && (len(job.repeated) != s.Repeats-1 || job.repeated[0].played == nil) {
					t.Error("what the other repeats played is not kept")
				}
				timeline.Observations = nil
				return timeline
			}
			once, each := simulated(false), simulated(true)
			if diff := cmp.Diff(inJSON(t, each), inJSON(t, once)); diff != "" {
				t.Errorf("-each repeat simulated +each that differs:\n%s", diff)
			}
			var hits, starts float64
			for _, s := range once.Summaries {
				if s.Arm == simulate.ArmAutomatic && s.App == "" {
					hits, starts = s.Hits.Value, float64(s.Starts)
				}
			}
			if hits == 0 || hits == starts {
				t.Errorf("%v hits of %v starts a repeat: the repeats are all the same, and this shows nothing", hits, starts)
			}
		})
	}
}

func inJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
