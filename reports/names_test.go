package reports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/simulate"
)

// TestDistinctNames: what tells names apart is kept; where there is no room for that
// they are numbered.
func TestDistinctNames(t *testing.T) {
	for _, c := range []struct {
		name         string
		in           []string
		n            int
		want, legend []string
	}{
		{"they fit", []string{"web cold", "web warm"}, 8, []string{"web cold", "web warm"}, nil},
		{"the middle is the same", []string{"web:1 and the same words", "api:1 and the same words"}, 12,
			[]string{"web:1 …words", "api:1 …words"}, nil},
		{"the middle differs", []string{"tools/curl:7.88 cold link=100Mbit/s", "tools/curl:7.88 present link=100Mbit/s"}, 24,
			[]string{"tools/c…:7.88 cold li…/s", "tools/…7.88 present l…/s"}, nil},
		{"no room", []string{"the first word aaaaaaaaaa of many", "the first word aaaaabaaaa of many"}, 9,
			[]string{"[1] th…ny", "[2] th…ny"}, []string{"[1] the first word aaaaaaaaaa of many", "[2] the first word aaaaabaaaa of many"}},
		{"one name twice is one name", []string{"the same long name", "the same long name"}, 8, []string{"the …ame", "the …ame"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, legend := distinctNames(c.in, c.n)
			if !slices.Equal(got, c.want) || !slices.Equal(legend, c.legend) {
				t.Errorf("%q, legend %q; want %q, %q", got, legend, c.want, c.legend)
			}
		})
	}
}

// TestNamesStayDistinct: whatever the names, two rows are the same only of one name, and
// fit.
func TestNamesStayDistinct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"web", "cold", "kalt", "链", "é", "keep=base", "keep=nothing", "a-very-long-name-of-an-image:1.4.0"})
		names := rapid.SliceOfN(rapid.Map(rapid.SliceOfN(word, 1, 5), func(words []string) string { return strings.Join(words, " ") }), 1, 9).Draw(t, "names")
		n := rapid.IntRange(8, 40).Draw(t, "columns")
		got, legend := distinctNames(names, n)
		for i := range names {
			if w := columns(got[i]); w > n {
				t.Fatalf("%q of %q takes %d columns of %d", got[i], names[i], w, n)
			}
			for j := range names {
				if (got[i] == got[j]) != (names[i] == names[j]) {
					t.Fatalf("%q and %q are written %q and %q", names[i], names[j], got[i], got[j])
				}
			}
		}
		for _, line := range legend {
			if _, name, _ := strings.Cut(line, "] "); !slices.Contains(names, name) {
				t.Fatalf("the legend has %q, which is none of %q", line, names)
			}
		}
	})
}

// TestArmsOfATableAreToldApart: of several images each with two arms on two links, no
// two lines begin the same, in the table of what was measured and in a report.
func TestArmsOfATableAreToldApart(t *testing.T) {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "containerd"}}
	for _, image := range []string{"tools/curl:7.88", "web/nginx:1.22"} {
		for _, arm := range []string{"cold", "present"} {
			for _, link := range []string{"100Mbit/s+20ms", "400Mbit/s+20ms"} {
				name := fmt.Sprintf("registry.example.com/%s %s keep=nothing link=%s", image, arm, link)
				timeline.Measurement.Runs = append(timeline.Measurement.Runs, simulate.MeasuredRun{Arm: name})
				timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: name, App: image, Ready: 2 * time.Second})
			}
		}
	}
	var text strings.Builder
	if err := WriteMeasured(&text, Text, timeline, Options{}); err != nil {
		t.Fatal(err)
	}
	report := written(t, Text, New(Input{Timeline: timeline}), Options{})
	for name, text := range map[string]string{"measured": text.String(), "report": report} {
		checkWidth(t, text)
		seen := make(map[string]int)
		for _, line := range strings.Split(text, "\n") {
			if at := strings.Index(line, "  1  "); strings.HasPrefix(line, "  ") && at > 0 {
				seen[line[:at]]++
			}
		}
		if len(seen) != 8 {
			t.Errorf("%s: %d arms of 8 are told apart:\n%s", name, len(seen), text)
		}
	}
}
