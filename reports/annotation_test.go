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
