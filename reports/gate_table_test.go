package reports

import (
	"slices"
	"strings"
	"testing"
)

// TestReportRules: a report that was saved and read shows each rule with its value, limit
// and margin wherever people read it, whatever the app is called, and the verdict for
// programs last.
func TestReportRules(t *testing.T) {
	rule := func(name, unit string, limit float64) Rule {
		return Rule{Name: name, Op: AtMost, Amount: limit, Unit: unit}
	}
	r := New(shop(true))
	r.Gate = Judge(
		[]Rule{rule("a|b cold-p50-sec", UnitSeconds, 8), rule("<b> new-B", UnitBytes, 3e6), rule("web cost-per-month", "USD", 2), rule("api cold-p50-sec", UnitSeconds, 1)},
		[]Figure{
			{Name: "a|b cold-p50-sec", Unit: UnitSeconds, Value: 9.5}, {Name: "<b> new-B", Unit: UnitBytes, Value: 4e6, Estimated: true},
			{Name: "web cost-per-month", Unit: "USD", Value: 1.25}, {Name: "api cold-p50-sec", Unit: UnitSeconds, Unknown: "app api is not covered"},
		})
	saved := written(t, JSON, r, Options{})
	read, err := Read("report.json", []byte(saved))
	if err != nil {
		t.Fatal(err)
	}
	if again := written(t, JSON, read, Options{}); again != saved {
		t.Error("reading and writing it changes it")
	}
	texts, values := parsed(t, read).table("Rules")
	want := [][]string{
		{"fail", "a|b cold-p50-sec<=8s", "9.50 s", "8.00 s", "1.50 s beyond"},
		{"warn", "<b> new-B<=3MB", "~ 4.0 MB", "3.0 MB", "1.0 MB beyond"},
		{"pass", "web cost-per-month<=2", "USD 1.25", "USD 2.00", "USD 0.75 left"},
		{"error", "api cold-p50-sec<=1s", "unknown", "-", "app api is not covered"},
	}
	markdown, text := written(t, Markdown, read, Options{}), written(t, Text, read, Options{})
	for i, row := range want {
		if !slices.EqualFunc(texts[i], row, strings.HasPrefix) {
			t.Errorf("HTML row %q, want %q", texts[i], row)
		}
		for k := range row {
			row[k] = markdownText(row[k])
		}
		if line := "\n| " + strings.Join(row, " | ") + " |\n"; !strings.Contains(markdown, line) {
			t.Errorf("row %q is missing in\n%s", line, markdown)
		}
	}
	if values[0][2] != "9.5" || values[2][3] != "2" {
		t.Errorf("values %q", values)
	}
	verdict := "verdict: error rules=4 passed=1 failed=1 warned=1 errors=1"
	if !strings.HasSuffix(text, "\n"+verdict+"\n") || !strings.HasSuffix(markdown, "\n<!-- "+verdict+" -->\n") {
		t.Errorf("the verdict does not stand last in\n%s\n%s", text, markdown)
	}
	for name, s := range map[string]string{"text": text, "markdown": markdown, "html": textOf(parsed(t, read).root)} {
		if !strings.Contains(s, "Gate error: 1 of 4 rules cannot be judged.") {
			t.Errorf("%s does not say what they come to", name)
		}
	}
}
