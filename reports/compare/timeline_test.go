package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// saved is a timeline as a file has it.
func saved(t *testing.T, timeline *simulate.Timeline) *Result {
	t.Helper()
	data, err := document.Marshal(simulate.TimelineKind, timeline)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Read("timeline.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTimelineConditions: a timeline states all that two must have in common.
func TestTimelineConditions(t *testing.T) {
	made := func(change func(*simulate.Provenance)) *Result {
		p := simulate.Provenance{Version: "1", Model: 1, Seed: 1, Profile: "p", ProfileDigest: "sha256:aa", Platform: "linux/amd64"}
		change(&p)
		return saved(t, &simulate.Timeline{Provenance: p, Startups: []simulate.Startup{{Source: simulate.Simulated, Arm: "cold", App: "web", Ready: time.Second}}})
	}
	old := made(func(*simulate.Provenance) {})
	for want, change := range map[string]func(*simulate.Provenance){
		"": func(p *simulate.Provenance) { p.Version = "2" }, // of one model
		"another platform: OLD's is linux/amd64, NEW's is linux/arm64 (--allow platform)":    func(p *simulate.Provenance) { p.Platform = "linux/arm64" },
		"another model: OLD's is 1, NEW's is 2 (--allow model)":                              func(p *simulate.Provenance) { p.Model = 2 },
		"profile p has other values: those of OLD are aa, those of NEW bb (--allow profile)": func(p *simulate.Provenance) { p.ProfileDigest = "sha256:bb" },
		"another profile: OLD's is p, NEW's is q (--allow profile)":                          func(p *simulate.Provenance) { p.Profile, p.ProfileDigest = "q", "sha256:bb" },
	} {
		c := Compare(old, made(change), Options{})
		if got := strings.Join(c.Refusals, "|"); got != want {
			t.Errorf("refusals %q, want %q", got, want)
		}
		if slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.Contains(s, "does not say") || strings.Contains(s, "Neither") }) {
			t.Errorf("doubts %q", c.Doubts)
		}
	}
}

// TestVoids: runs that do not count are told with their number, whichever side has them,
// in a timeline and in its text: what is compared is of the others alone.
func TestVoids(t *testing.T) {
	whole := func(voids int) *simulate.Timeline {
		timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "pull"}}
		for i := range 6 {
			run := simulate.MeasuredRun{Arm: "cold", Repeat: i}
			s := simulate.Startup{Source: simulate.Measured, Arm: "cold", App: "web", Repeat: i, Ready: time.Duration(10+i) * time.Second}
			if i < voids {
				run.Void, s.Void = "its disk was full", "its disk was full"
			}
			timeline.Measurement.Runs, timeline.Startups = append(timeline.Measurement.Runs, run), append(timeline.Startups, s)
		}
		timeline.Measurement.Runs = append(timeline.Measurement.Runs, simulate.MeasuredRun{Arm: "cold", Repeat: 6})
		if voids > 0 {
			timeline.Measurement.Runs[6].Void = "no room is left"
		}
		return timeline
	}
	old, now := whole(0), whole(2)
	var text strings.Builder
	if err := reports.WriteMeasured(&text, reports.Bench, now, reports.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, side := range map[string]*Result{"timeline": saved(t, now), "text": read(t, text.String())} {
		for _, want := range []string{"2 startups void and not counted: its disk was full.", "1 run void before a start was made, and not counted: cold, repeat 6: no room is left."} {
			if c := Compare(saved(t, old), side, Options{}); !slices.Contains(c.Doubts, "NEW: "+want) || c.Changes[0].New.Runs != 4 {
				t.Errorf("%s: doubts %q", name, c.Doubts)
			}
			if c := Compare(side, saved(t, old), Options{}); !slices.Contains(c.Doubts, "OLD: "+want) {
				t.Errorf("%s: doubts %q", name, c.Doubts)
			}
			if c := Compare(side, side, Options{}); !slices.Contains(c.Doubts, fmt.Sprintf("Both: %s", want)) {
				t.Errorf("%s: doubts %q", name, c.Doubts)
			}
		}
	}
}
