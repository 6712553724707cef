package cachebench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// crowd is a scenario of two small pools, whose nodes end and whose images are
// released, beside an app on instances of its own.
func crowd(t *testing.T) *cachebench.Scenario {
	w := &workload.Workload{NodePools: []workload.NodePool{
		{Name: "old", Platform: "linux/amd64", Count: 3, CPU: 3, LifetimeHours: 9},
		{Name: "new", Platform: "linux/amd64", Count: 2, Placement: "imageLocality"},
	}}
	for i := range 6 {
		app := workload.App{
			Name: fmt.Sprint("app", i), Images: []string{fmt.Sprintf("registry.example.com/team/app%d:1", i%4)},
			StartsPerDay: 60, Runtime: time.Hour, CPU: 1, MemoryGiB: 1, NodePool: []string{"old", "new", ""}[i%3],
		}
		if i < 2 {
			app.ReleasesPerMonth = 20
		}
		w.Apps = append(w.Apps, app)
	}
	s := load(t)
	s.Workload, s.Profile, s.Seed, s.Window, s.Repeats = w, simulate.Containerd(), 5, 2*24*time.Hour, 3
	return s
}

// TestStreamed: starts on node pools, and bursts, that are not listed are those that
// are.
func TestStreamed(t *testing.T) {
	for name, bursts := range map[string][]cachebench.StartBurst{
		"month":  nil,
		"bursts": {{App: "app0", Count: 40, Within: time.Hour}, {App: "app2", Count: 30, At: 20 * time.Minute}, {App: "app5", Count: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			var of [2]*simulate.Timeline
			for i, streamed := range []bool{false, true} {
				s := crowd(t)
				s.Bursts, s.NoStartups = bursts, streamed
				job, err := s.Cover(made("linux/amd64", 700, 100, 250, 2000))
				if err != nil {
					t.Fatal(err)
				}
				if of[i], err = job.Simulate(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				for k := range of[i].Summaries {
					of[i].Summaries[k].ReadyTimes = nil
				}
			}
			listed, streamed := of[0], of[1]
			if len(streamed.Startups) > 0 || len(listed.Startups) == 0 {
				t.Fatalf("%d startups are listed, and %d without a list", len(listed.Startups), len(streamed.Startups))
			}
			if diff := cmp.Diff(listed.Summaries, streamed.Summaries); diff != "" {
				t.Errorf("summaries (-listed +streamed):\n%s", diff)
			}
			if diff := cmp.Diff(listed.Doubts, streamed.Doubts); diff != "" {
				t.Errorf("doubts (-listed +streamed):\n%s", diff)
			}
		})
	}
}
