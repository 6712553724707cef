package reports

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// TestUnsized: what a service does not tell is shown as not known, not as 0 bytes, and the
// mean is of those startups that tell it.
func TestUnsized(t *testing.T) {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "eci", Runs: []simulate.MeasuredRun{{Arm: "cold"}, {Arm: "explicit"}}}}
	for _, arm := range []string{"cold", "explicit"} {
		timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: arm, App: "web", Ready: 10 * time.Second, Unsized: true})
	}
	written := func(format Format) string {
		var b bytes.Buffer
		if err := Write(&b, format, New(Input{Timeline: timeline}), Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for format, zero := range map[Format]string{Text: `\b0 B`, Markdown: `\b0 B`, HTML: `\b0 B`, CSV: `fetched`, Bench: `Benchmark.*fetched`} {
		if text := written(format); regexp.MustCompile(zero).MatchString(text) {
			t.Errorf("%s tells of bytes:\n%s", format, text)
		}
	}
	timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: "cold", App: "web", Ready: 10 * time.Second, FetchedBytes: 5_000_000})
	if arms := New(Input{Timeline: timeline}).Arms; arms[0].MeanFetchedBytes != 5_000_000 || arms[0].Unsized || !arms[1].Unsized {
		t.Errorf("%+v", arms)
	}
}

// TestArmClass: arms that mean the same look the same, whatever stands before.
func TestArmClass(t *testing.T) {
	for arm, want := range map[string]string{"cold": "a-cold", "registry.example.com/web:1 cold": "a-cold", "web explicit": "a-cached", "cached": "a-cached", "web": "a-other"} {
		if got := armClass(arm, simulate.Simulated); got != want {
			t.Errorf("%s: %s, want %s", arm, got, want)
		}
	}
}

// TestMakings: the makings of caches are no starts, and stand in a table of their own.
func TestMakings(t *testing.T) {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "eci", Arms: []simulate.ArmSetup{{Arm: "cold"}, {Arm: "make explicit", Making: true}, {Arm: "explicit"}}}}
	for arm, seconds := range map[string]time.Duration{"cold": 16, "make explicit": 87, "explicit": 12} {
		timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: arm, App: "web", Ready: seconds * time.Second, Unsized: true})
	}
	r := New(Input{Timeline: timeline})
	if len(r.Arms) != 2 || len(r.Makings) != 1 || r.Makings[0].P50 != 87*time.Second {
		t.Errorf("arms %+v, makings %+v", r.Arms, r.Makings)
	}
	if want := "Median start: 16.0 s in arm cold, 12.0 s in arm explicit (measured)."; r.Verdict.Headline != want {
		t.Errorf("the headline is %q, want %q", r.Verdict.Headline, want)
	}
	for _, format := range []Format{Text, HTML} {
		var b bytes.Buffer
		if err := Write(&b, format, r, Options{}); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`make explicit[^\n]*(\n[^\n]*)?1\.45 min|make explicit[^\n]*(\n[^\n]*)?87`).MatchString(b.String()) {
			t.Errorf("%s tells nothing of the making:\n%s", format, b.String())
		}
	}
}

// TestMeasuredMakings: the makings of caches are neither runs nor arms of starts, and their
// spread is none of starts: of 60, 90 and 120 s the median is 90, the coefficient of
// variation a third.
func TestMeasuredMakings(t *testing.T) {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "eci", Arms: []simulate.ArmSetup{
		{Arm: "web cold"}, {Arm: "web explicit"}, {Arm: "web make explicit", Making: true}, {Arm: "web make reuse", Making: true},
	}}}
	add := func(arm string, all ...time.Duration) {
		for repeat, s := range all {
			timeline.Measurement.Runs = append(timeline.Measurement.Runs, simulate.MeasuredRun{Arm: arm, Repeat: repeat})
			timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: arm, App: "web", Repeat: repeat, Ready: s * time.Second, Unsized: true})
		}
	}
	add("web cold", 16, 16)
	add("web explicit", 12, 12)
	add("web make explicit", 60, 90, 120)
	for _, format := range []Format{Text, Markdown} {
		var b bytes.Buffer
		if err := WriteMeasured(&b, format, timeline, Options{}); err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`[\s|`+"`"+`]+`).ReplaceAllString(b.String(), " ")
		for _, want := range []string{
			"Measured: 4 runs of 2 arms; runs of one arm differ by 0 % (median coefficient of variation). For 1 arm image caches were made 3 times.",
			"make explicit 3 90.0 s", " 33 % 120.0 s ",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, b.String())
			}
		}
		if strings.Contains(text, "make reuse") {
			t.Errorf("%s has a cache that was never made:\n%s", format, b.String())
		}
	}
}
