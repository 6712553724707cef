package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestComparisonBounded: a step's summary is refused at 1 MiB, so Markdown stays
// below it however large the results are; the verdict is its last line.
func TestComparisonBounded(t *testing.T) {
	c := &Comparison{Alpha: 0.05, Confidence: 0.95, Old: ComparedResult{File: strings.Repeat("old", 1e4), Kind: "benchfmt"}, New: ComparedResult{File: "new", Kind: "benchfmt"}, AllowMissing: true}
	long := strings.Repeat("é|", 500)
	for i := range 2_000 {
		name := fmt.Sprintf("%s%d", long, i)
		by := 1.0
		c.Changes = append(c.Changes, Change{
			Benchmark: name, Name: name, App: name, Figure: UnitStartup, Unit: UnitSeconds, State: ChangeDiffers, Test: TestExact,
			Old: &Compared{Value: 1, Runs: 1}, New: &Compared{Value: 2, Runs: 1}, Difference: &by, Relative: &by,
		})
		c.Missing, c.Added, c.Doubts = append(c.Missing, name), append(c.Added, name), append(c.Doubts, name)
	}
	rules, err := ParseRules("startup-sec:+5%", BenchQuantities())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Judge(func(...string) ([]Rule, error) { return rules, nil }); err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{Markdown, Text} {
		var b bytes.Buffer
		if err := WriteComparison(&b, format, c, Options{}); err != nil {
			t.Fatal(err)
		}
		last := strings.TrimSuffix(b.String(), "\n")
		last = last[strings.LastIndex(last, "\n")+1:]
		if format == Markdown && b.Len() >= 1<<20 || !strings.Contains(last, "verdict: fail rules=2000 passed=0 failed=2000 ") {
			t.Errorf("%s has %d bytes and ends in %.100s", format, b.Len(), last)
		}
	}
	if n := len(c.Gate.Err().Error()); n > 1<<17 {
		t.Errorf("the error has %d bytes", n)
	}
}

// TestComparisonRefusedCSV: a table of results that are not compared says why, a row for
// each reason, and not as one does in which nothing differs.
func TestComparisonRefusedCSV(t *testing.T) {
	for _, c := range []*Comparison{
		{Refusals: []string{"another profile, by name", "another seed"}},
		{Missing: []string{"web, cold"}},
		{Missing: []string{"web, cold"}, AllowMissing: true},
		{},
	} {
		var b bytes.Buffer
		if err := WriteComparison(&b, CSV, c, Options{}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll() // refuses rows of another length
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows[1:] {
			if state := row[slices.Index(rows[0], "state")]; state != "refused" {
				t.Errorf("state %q", state)
			}
			got = append(got, row[slices.Index(rows[0], "reason")])
		}
		want := c.Refusals
		if len(c.Missing) > 0 && !c.AllowMissing {
			want = []string{"1 benchmark of OLD is missing in NEW: web, cold (--allow missing goes on without)"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestOneSided: a bound on one side of what may be below 0 is doubted, and its two-sided
// form given, which fails where the other passed.
func TestOneSided(t *testing.T) {
	for text, want := range map[string]struct{ verdict, doubt string }{
		"bias-fraction<=5%":              {Pass, "Rule bias-fraction<=5% bounds one side alone of a figure that may be above or below 0: |bias-fraction|<=5% bounds both."},
		"|bias-fraction|<=5%":            {Fail, ""},
		"bias-fraction:+5%":              {Pass, "Rule bias-fraction:+5% bounds one side alone of a figure that may be above or below 0: |bias-fraction|:+5% bounds both."},
		"error-fraction<=5%":             {Pass, ""},
		"drift-sec<=5s":                  {Pass, "Rule drift-sec<=5s bounds one side alone of a figure that may be above or below 0: |drift-sec|<=5s bounds both."},
		"drift-sec>=0s":                  {Fail, ""},
		"|drift-sec|<=5s,drift-sec<=1ms": {Fail, ""},
		"drift-sec<=5s,drift-sec:-9s":    {Pass, ""},
	} {
		old := -0.4
		change := func(figure string, value float64) Change {
			return Change{Benchmark: "Calibration", Name: "all", Figure: figure, Unit: UnitOf(figure), Old: &Compared{Value: old, Runs: 1}, New: &Compared{Value: value, Runs: 1}, Test: TestExact, State: ChangeDiffers}
		}
		c := &Comparison{
			Figures: []string{"bias-fraction", "drift-sec", "error-fraction"},
			Changes: []Change{change("bias-fraction", -0.49), change("drift-sec", -6), change("error-fraction", 0.02)},
		}
		if err := c.Judge(func(names ...string) ([]Rule, error) { return ParseRules(text, c.Quantities()) }); err != nil {
			t.Fatal(err)
		}
		if c.Gate.Verdict != want.verdict || strings.Join(c.Doubts, "") != want.doubt {
			t.Errorf("%s: %s, %q", text, c.Gate.Verdict, c.Doubts)
		}
	}
}
