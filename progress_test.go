package cachebench_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// TestProgressOfStarts: each arm's percentages rise to 100, with a list of startups
// and without, whatever the repeats at once.
func TestProgressOfStarts(t *testing.T) {
	for _, unlisted := range []bool{false, true} {
		s := noisy(t)
		s.NoStartups, s.Workers = unlisted, 2
		last := make(map[string]int)
		s.Progress = func(what string) {
			before, after, ok := strings.Cut(strings.TrimPrefix(what, "simulating arm "), ": ")
			if !ok || !strings.HasPrefix(what, "simulating arm ") {
				return
			}
			var percent, repeats int
			if n, err := fmt.Sscanf(after, "%d %% of %d repeats", &percent, &repeats); n != 2 || err != nil || repeats != s.Repeats {
				t.Errorf("told %q", what)
			}
			if percent <= last[before] {
				t.Errorf("arm %s: %d %% after %d %%", before, percent, last[before])
			}
			last[before] = percent
		}
		runAll(t, s)
		for _, arm := range []string{simulate.ArmCold, simulate.ArmAutomatic, simulate.ArmCached} {
			if last[arm] != 100 {
				t.Errorf("arm %s: the last that is told is %d %% (without a list: %v)", arm, last[arm], unlisted)
			}
		}
	}
}
