package reports

import (
	"bytes"
	"fmt"
	"strings"
)

// maxAnnotations is how many annotations there are of a result: GitHub shows ten of a
// step and drops the others silently.
const maxAnnotations = 10

// maxMessage bounds an annotation's text, in characters; enough for a rule and its figures.
const maxMessage = 1000

// annotation is a GitHub workflow command that marks a run.
type annotation struct {
	// level is error, warning or notice.
	level, message string
	// file and line are where it belongs; empty and 0 where that is not known.
	file string
	line int
}

// diffAnnotations writes d as GitHub workflow commands, one a line: errors for
// rules that are not met or not judged, warnings for those that an estimate
// breaks, then notices of rules that do not count here and of what would keep more layers.
// Of more than ten the last says how many are left out.
func diffAnnotations(d *Diff) []byte {
	var list []annotation
	if d.Gate != nil {
		list = d.Gate.annotations()
	}
	for _, left := range d.NotJudged {
		list = append(list, annotation{level: "notice", message: left})
	}
	for _, hint := range d.Hints {
		list = append(list, annotation{level: "notice", message: hint})
	}
	return commands("Image startup", list, d.headline())
}

// comparisonAnnotations writes c so: errors for what stands in the way of comparing and
// for rules that are not met or not judged, warnings for those that may be broken by
// chance, then its headline and what is doubted as notices.
func comparisonAnnotations(c *Comparison) []byte {
	var list []annotation
	for _, refusal := range c.Refusals {
		list = append(list, annotation{level: "error", message: "OLD and NEW cannot be compared: " + refusal})
	}
	switch {
	case len(c.Refusals) == 0 && !c.IsComparable():
		list = append(list, annotation{level: "error", message: c.obstacle()})
	case c.IsComparable() && c.Gate != nil:
		list = c.Gate.annotations()
	}
	if c.IsComparable() {
		list = append(list, annotation{level: "notice", message: c.headline()})
	}
	for _, doubt := range c.Doubts {
		list = append(list, annotation{level: "notice", message: doubt})
	}
	return commands("Comparison", list, c.headline())
}

// GateAnnotations writes what became of the budgets of a scenario's apps as GitHub workflow
// commands: errors for rules that are not met or not judged, warnings for those that an
// estimate breaks, each at its line of the scenario where that is known.
func GateAnnotations(g *Gate) []byte {
	return commands("Startup budget", g.annotations(), g.headline()+".")
}

// commands writes at most ten annotations; without any a notice, for the step would else
// look as if it had not run.
func commands(title string, list []annotation, otherwise string) []byte {
	if len(list) == 0 {
		list = []annotation{{level: "notice", message: otherwise}}
	}
	var b bytes.Buffer
	for _, a := range fewer(list) {
		at := ""
		if a.file != "" && a.line > 0 {
			at = fmt.Sprintf("file=%s,line=%d,", commandProperty(a.file), a.line)
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", a.level, at, commandProperty(title), commandData(ellipsis(printable(a.message), maxMessage)))
	}
	return b.Bytes()
}

// annotations are one for each rule that is not met, the worst first.
func (g *Gate) annotations() []annotation {
	var list []annotation
	for _, way := range []struct{ result, level, words string }{
		{Unjudged, "error", "cannot be judged"}, {Fail, "error", "is not met"}, {Warn, "warning", "is not met"},
	} {
		for i := range g.Outcomes {
			o := &g.Outcomes[i]
			if o.Result != way.result {
				continue
			}
			words := way.words
			if o.isMet() {
				words = "is met"
			}
			s := fmt.Sprintf("Rule %s %s%s: ", o.ruleWords(), words, o.warnWords())
			if o.Value == nil {
				s += o.Reason
			} else {
				s += fmt.Sprintf("%s, limit %s, %s", o.valueWords(), o.limitWords(), o.marginWords())
			}
			list = append(list, annotation{level: way.level, message: s, file: o.File, line: o.Line})
		}
	}
	return list
}

// fewer bounds a list; the last one then stands for those that are left out.
func fewer(list []annotation) []annotation {
	if len(list) <= maxAnnotations {
		return list
	}
	last := list[maxAnnotations-1]
	last.message = fmt.Sprintf("%d more annotations are left out: the summary has all rules.", len(list)-maxAnnotations+1)
	return append(list[:maxAnnotations-1:maxAnnotations-1], last)
}

// commandData escapes the text of a workflow command as the runner reads it: it
// ends at a line's end, and % begins an escape.
func commandData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// commandProperty escapes a property's value, which ends at a comma or colon too.
func commandProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
