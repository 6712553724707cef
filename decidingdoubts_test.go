package cachebench

import (
	"strings"
	"testing"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestDecidingDoubts: where nothing is built, how many apps do not ask for automatic caches
// is said first, of those on instances alone; then that no releases are stated.
func TestDecidingDoubts(t *testing.T) {
	yes, no := true, false
	j := &Job{Scenario: &Scenario{Baseline: plan.Automatic}, Workload: workload.Workload{Apps: []workload.App{
		{Name: "a", AsksAutomatic: &no}, {Name: "b", AsksAutomatic: &yes}, {Name: "c"}, {Name: "d", AsksAutomatic: &no},
		{Name: "e", AsksAutomatic: &no}, {Name: "f", AsksAutomatic: &no}, {Name: "g", AsksAutomatic: &no, NodePool: "pool"},
	}}}
	got := j.decidingDoubts(&plan.Plan{Verdict: plan.BuildNothing, Baseline: plan.Automatic})
	if len(got) != 2 || !strings.Contains(got[0], "4 of 6 apps (a, d, e and 1 more) do not ask") || !strings.HasPrefix(got[1], "No releases are stated") {
		t.Errorf("%q", got)
	}
	if got := j.decidingDoubts(&plan.Plan{Verdict: plan.Build, Baseline: plan.Automatic}); len(got) != 1 {
		t.Errorf("caches are built: %q", got)
	}
	for i := range j.Workload.Apps {
		j.Workload.Apps[i].AsksAutomatic = nil
	}
	if got := j.decidingDoubts(&plan.Plan{Verdict: plan.BuildNothing, Baseline: plan.Automatic}); strings.Contains(got[0], "of 6 apps") {
		t.Errorf("nothing is known of annotations: %q", got)
	}
}
