package reports

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// TestComparisonPage: the page has every rule and every figure with its exact value, asks
// the network for nothing, and takes no name for markup.
func TestComparisonPage(t *testing.T) {
	const name = `<script src="//example.com/x.js">`
	c := &Comparison{
		Old: ComparedResult{File: "old.txt", Conditions: []Condition{{Name: "profile", Values: []string{"p"}}, {Name: "model", Values: []string{"1"}}}},
		New: ComparedResult{File: "new.txt", Conditions: []Condition{{Name: "profile", Values: []string{"q"}}, {Name: "model", Values: []string{"1"}}}},
		Changes: []Change{
			{Name: name, App: name, Figure: UnitStartup, Unit: UnitSeconds, Test: TestExact, State: ChangeDiffers, Old: &Compared{Value: 10}, New: &Compared{Value: 11.25}},
			{Name: "api", App: "api", Figure: UnitPulled, Unit: UnitBytes, Test: TestExact, State: ChangeUnknown, Reason: "OLD does not state it", New: &Compared{Value: 5e6}},
		},
		Doubts: []string{"a doubt"},
	}
	for _, app := range []string{"web", "orders", "report"} {
		c.Changes = append(c.Changes, Change{Name: app, App: app, Figure: UnitPulled, Unit: UnitBytes, Test: TestExact, State: ChangeSame, Old: &Compared{Value: 3}, New: &Compared{Value: 3}})
	}
	if err := c.Judge(func(...string) ([]Rule, error) {
		return []Rule{{Name: UnitStartup, Op: AtMost, Amount: 11, Unit: UnitSeconds}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteComparison(&b, HTML, c, Options{}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	d := htmlPage{t, root}
	if len(all(root, "script", "")) > 1 || len(all(root, "img", "")) > 0 {
		t.Error("a name is taken for markup")
	}
	if texts, values := d.table("Rules"); len(texts) != 1 || !strings.HasPrefix(texts[0][0], "fail") || texts[0][1] != "startup-sec<=11s of "+name || values[0][2] != "11.25" || values[0][3] != "11" {
		t.Errorf("%q %q", texts, values)
	}
	texts, values := d.table("Figures")
	if len(texts) != 2 || !slices.Equal(values[0], []string{"", "", "10", "11.25", ""}) || texts[1][2] != "-" || values[1][3] != "5e+06" || texts[1][4] != "unknown" {
		t.Errorf("%q %q", texts, values)
	}
	// What is the same stands apart, folded, with how much it is.
	if texts, values := d.table("3 further figures are the same"); len(texts) != 3 || texts[2][0] != "report" || values[2][2] != "3" {
		t.Errorf("%q %q", texts, values)
	}
	folded := all(d.section("compared"), "details", "")
	if len(folded) != 1 || textOf(all(folded[0], "summary", "")[0]) != "3 further figures are the same" || len(all(folded[0], "tbody", "")) != 1 {
		t.Errorf("%d folds", len(folded))
	}
	if text := textOf(root); !strings.Contains(text, "OLD p, NEW q") || !strings.Contains(text, "a doubt") || !strings.Contains(text, c.Gate.Line()) {
		t.Errorf("%s", text)
	}
}

// TestComparisonPageSame: where nothing differs, nothing is listed as what differs.
func TestComparisonPageSame(t *testing.T) {
	c := &Comparison{}
	for _, app := range []string{"web", "orders"} {
		c.Changes = append(c.Changes, Change{Name: app, App: app, Figure: UnitPulled, Unit: UnitBytes, Test: TestExact, State: ChangeSame, Old: &Compared{Value: 3}, New: &Compared{Value: 3}})
	}
	var b bytes.Buffer
	if err := WriteComparison(&b, HTML, c, Options{}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	section := htmlPage{t, root}.section("compared")
	if !strings.Contains(textOf(section), "Nothing: 2 figures are the same.") || len(all(section, "table", "")) != 1 || len(all(all(section, "details", "")[0], "table", "")) != 1 {
		t.Errorf("%s", textOf(section))
	}
}
