package calibrate

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// TestCheckOfOwnRuns: an error of runs that the profile may have been fitted to is doubted,
// and one of later runs or of another host is not.
func TestCheckOfOwnRuns(t *testing.T) {
	w := newWorld(t, 34)
	for k := 1; k <= 4; k++ {
		w.arm("cold "+w.inv.Images[k].Reference, "", nil, 2, start{k, 0})
	}
	_, fitted, err := w.load(brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, profile *simulate.Profile, want string) {
		t.Helper()
		opt := brisk
		opt.Base = profile
		c, err := w.load(opt).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		doubted := ""
		for _, d := range c.Doubts {
			if strings.Contains(d, "may be among them") {
				doubted = d
			}
		}
		if (doubted != "") != (want != "") || !strings.Contains(doubted, want) {
			t.Errorf("%s: %q, want %q", name, doubted, want)
		}
	}
	check("the same runs", fitted, "fitted to 8 runs of containerd 2.4.2 on 2 cores, 2026-11-29,")
	check("a profile that was not fitted", w.load(brisk).opt.Base, "")
	facts, runs := w.timeline.Measurement.Facts, w.timeline.Measurement.Runs
	facts[1].Value = "4"
	check("another host", fitted, "")
	facts[1].Value = "2"
	runs[len(runs)-1].At = runs[0].At.Add(24 * time.Hour)
	check("some of the same runs, and later ones", fitted, "fitted to 8 runs")
	for i := range runs {
		runs[i].At = runs[0].At.Add(24 * time.Hour)
	}
	check("runs of the day after", fitted, "")
}
