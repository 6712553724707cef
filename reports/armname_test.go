package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// TestArmNames: what the names of all arms have in common stands on a page where it
// says what was measured, not in every row; the formats for programs keep whole names.
func TestArmNames(t *testing.T) {
	const image = "registry.example.com/shop/web:1.4"
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "eci"}}
	for _, arm := range []string{"cold", "explicit"} {
		for range 3 {
			timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: image + " " + arm, App: "web", Ready: 10 * time.Second, Unsized: true})
		}
	}
	r := New(Input{Timeline: timeline})
	written := func(format Format) string {
		var b bytes.Buffer
		if err := Write(&b, format, r, Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if want := "Median start of " + image + ": 10.0 s in arm cold, 10.0 s in arm explicit (measured)."; r.Verdict.Headline != want {
		t.Errorf("the headline is %q", r.Verdict.Headline)
	}
	for format, row := range map[Format]string{Text: "\n  explicit ", Markdown: "\n| `explicit` |"} {
		text := written(format)
		if n := strings.Count(text, image); n != 2 || !strings.Contains(text, row) {
			t.Errorf("%s names the image %d times, want in the headline and over the table:\n%s", format, n, text)
		}
	}
	if html := written(HTML); strings.Contains(html, image+" cold<") || !strings.Contains(html, ">explicit<") {
		t.Error("the page names the image in rows")
	}
	for _, format := range []Format{CSV, JSON} {
		if text := written(format); !strings.Contains(text, image+" explicit") {
			t.Errorf("%s has other arms:\n%s", format, text)
		}
	}
}
