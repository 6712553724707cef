package cachebench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/workload"
)

// TestFittingLifetime: ten nodes of which each starts the app several times in its life pull
// once each, so that 150 pulls a month are those of 150 new nodes, ten every 48 hours.
func TestFittingLifetime(t *testing.T) {
	const starts = 50.0
	for _, test := range []struct {
		lifetime, pulls float64
		warned          bool
	}{
		{960, 150, true},
		{0, 150, true}, // for ever
		{48, 150, false},
		{8, 100, true}, // pulls too often
	} {
		s := pooledScenario(workload.NodePool{Count: 10, LifetimeHours: test.lifetime}, [][]int{{100}}, starts)
		share := test.pulls / (30 * starts)
		s.Workload.Apps[0].PulledFraction = &share
		var told string
		for _, w := range planOnePool(t, s).Warnings {
			if strings.Contains(w, "In the replay") {
				told = w
			}
		}
		if (told != "") != test.warned {
			t.Fatalf("%v h: warning %q", test.lifetime, told)
		}
		if !test.warned {
			continue
		}
		_, after, _ := strings.Cut(told, "lifetimeHours of about ")
		var hours float64
		fmt.Sscanf(after, "%f", &hours)
		if want := 10 * 720 / test.pulls; hours < want/1.3 || hours > want*1.3 {
			t.Errorf("%v h: %q, want about %v h", test.lifetime, told, want)
		}
	}
}
