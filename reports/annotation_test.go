package reports

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// workflowCommand is a line that a GitHub runner takes for an annotation: the
// properties end at ::, so none of theirs is left in them.
var workflowCommand = regexp.MustCompile(`^::(error|warning|notice) title=([^:,]+)::(.+)$`)

// unescaped are the escapes of a command's text, and what the runner makes of them.
var unescaped = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")

// checkCommands: every line is an annotation, they are at most ten, and no % in them
// begins anything but an escape.
func checkCommands(t *testing.T, written string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(written, "\n"), "\n")
	if len(lines) > 10 {
		t.Errorf("%d annotations", len(lines))
	}
	for _, line := range lines {
		m := workflowCommand.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("no annotation: %q", line)
			continue
		}
		if i := strings.Index(strings.NewReplacer("%25", "", "%0D", "", "%0A", "").Replace(m[3]), "%"); i >= 0 {
			t.Errorf("%% is not escaped in %q", line)
		}
	}
}

// TestAnnotations: the worst come first, no more than ten, and the last says how many
// rules are left out.
func TestAnnotations(t *testing.T) {
	figures := []Figure{{Name: "est", Unit: UnitNone, Value: 9, Estimated: true}, {Name: "dark", Unit: UnitNone, Unknown: "100% of\r\nit, or so: lost"}}
	rules := []Rule{{Name: "est", Op: AtMost, Amount: 1}, {Name: "dark", Op: AtMost, Amount: 1}}
	for i := range 12 {
		name := fmt.Sprintf("f%d", i)
		figures = append(figures, Figure{Name: name, Unit: UnitBytes, Value: 3e6})
		rules = append(rules, Rule{Name: name, Op: AtMost, Amount: 2e6, Unit: UnitBytes})
	}
	d := &Diff{Gate: Judge(rules, figures), Hints: []string{"a hint"}}
	lines := annotated(t, d)
	if want := "::error title=Image startup::Rule dark<=1 cannot be judged: 100%25 of"; len(lines) != 10 || !strings.HasPrefix(lines[0], want) {
		t.Fatalf("%d annotations, the first %q, want %q", len(lines), lines[0], want)
	}
	if want := "::error title=Image startup::Rule f0<=2MB is not met: 3.0 MB, limit 2.0 MB, 1.0 MB beyond"; lines[1] != want {
		t.Errorf("got %q, want %q", lines[1], want)
	}
	// 1 not judged, 12 not met, 1 warned of, 1 hint: 15, of which 9 are shown.
	if want := "6 more annotations are left out: the summary has all rules."; !strings.HasSuffix(lines[9], "::"+want) {
		t.Errorf("the last is %q", lines[9])
	}

	d.Gate = Judge(rules[:1], figures)
	if got, want := annotated(t, d), []string{"::warning title=Image startup::Rule est<=1 is not met by an estimate: ~ 9, limit 1, 8 beyond", "::notice title=Image startup::a hint"}; !equalLines(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Rules that do not count here are told, before hints, and ten is the most with them too.
	d.NotJudged = []string{"budget.yaml:5: startup-sec<=8 is for compare."}
	if got, want := annotated(t, d), "::notice title=Image startup::budget.yaml:5: startup-sec<=8 is for compare."; len(got) != 3 || got[1] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 12 {
		d.NotJudged = append(d.NotJudged, "another")
	}
	if got := annotated(t, d); len(got) != 10 || !strings.HasSuffix(got[9], "::6 more annotations are left out: the summary has all rules.") {
		t.Errorf("got %d, the last %q", len(got), got[len(got)-1])
	}
	// Nothing to say is said too: the step would else look as if it had not run.
	if got := annotated(t, &Diff{}); len(got) != 1 || !strings.HasPrefix(got[0], "::notice ") {
		t.Errorf("got %q", got)
	}
}

func annotated(t *testing.T, d *Diff) []string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDiff(&b, GitHub, d, Options{}); err != nil {
		t.Fatal(err)
	}
	checkCommands(t, b.String())
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func equalLines(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

// TestCommandEscapes: what is escaped is read back as it was, and a property's value
// ends nowhere within.
func TestCommandEscapes(t *testing.T) {
	for _, s := range []string{"100%", "%0A is %25 of it", "a\r\nb", "x::error::y", "a,b:c", "::", "%", "é\n"} {
		if got := unescaped.Replace(commandData(s)); got != s || strings.ContainsAny(commandData(s), "\r\n") {
			t.Errorf("%q is escaped as %q, read as %q", s, commandData(s), got)
		}
		p := commandProperty(s)
		if got := strings.NewReplacer("%3A", ":", "%2C", ",", "%0D", "\r", "%0A", "\n", "%25", "%").Replace(p); got != s || strings.ContainsAny(p, "\r\n:,") {
			t.Errorf("property %q is escaped as %q, read as %q", s, p, got)
		}
	}
}

// TestComparisonAnnotations: what stands in the way is an error, a rule that chance may
// break a warning that says so, and what is doubted a notice.
func TestComparisonAnnotations(t *testing.T) {
	low, high := 10.0, 12.0
	c := &Comparison{Doubts: []string{"100% in doubt"}, Changes: []Change{
		{Name: "web, cold", App: "web", Figure: UnitStartup, Unit: UnitSeconds, Test: TestMannWhitney, State: ChangeUnclear, Old: &Compared{Value: 10, Runs: 6}, New: &Compared{Value: 11, Low: &low, High: &high, Runs: 6}},
	}}
	rule := []Rule{{Name: UnitStartup, Op: Grow, Amount: 5, Percent: true, Unit: UnitSeconds}}
	if err := c.Judge(func(...string) ([]Rule, error) { return rule, nil }); err != nil {
		t.Fatal(err)
	}
	written := func() []string {
		var b bytes.Buffer
		if err := WriteComparison(&b, GitHub, c, Options{}); err != nil {
			t.Fatal(err)
		}
		checkCommands(t, b.String())
		return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	}
	got, want := written(), []string{
		"::warning title=Comparison::Rule startup-sec:+5%25 of web, cold is not met, but perhaps by chance: 11.0 s, limit 10.5 s (old 10.0 s), 0.50 s beyond",
		"::notice title=Comparison::No difference is significant: 1 of 1 figure may differ by chance.", "::notice title=Comparison::100%25 in doubt",
	}
	if !equalLines(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Refusals = []string{"another profile"}
	if err := c.Judge(func(...string) ([]Rule, error) { return rule, nil }); err != nil {
		t.Fatal(err)
	}
	if got := written(); got[0] != "::error title=Comparison::OLD and NEW cannot be compared: another profile" || len(got) != 2 {
		t.Errorf("got %q", got)
	}
	c.Refusals, c.Missing = nil, []string{"api, cold"}
	if got := written(); !strings.HasPrefix(got[0], "::error title=Comparison::1 benchmark of OLD is missing in NEW: api, cold") {
		t.Errorf("got %q", got)
	}
}
