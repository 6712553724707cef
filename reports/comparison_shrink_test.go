package reports

import (
	"strings"
	"testing"
)

// TestShrinkDoubts: a rule that bounds the good side of a figure alone is doubted; one with
// the other side bounded too, or on a figure where more is better, is not.
func TestShrinkDoubts(t *testing.T) {
	for _, test := range []struct {
		rules string
		want  string
	}{
		{"startup-sec:-5%", "startup-sec:+0%"},
		{"cold-B:-2%", "cold-B:+0%"},
		{"startup-sec:-5%,startup-sec:+1%", ""},
		{"startup-sec:-5%,startup-sec<=8", ""},
		{"startup-sec:-5%,startup-sec>=8", "startup-sec:+0%"},
		{"startup-sec:+5%", ""},
		{unitHit + ":-5%", ""},
		{"saved-sec:-5%", ""},
		{"MB/s:-5%", ""},
	} {
		var rules []Rule
		for _, text := range strings.Split(test.rules, ",") {
			name, _, _ := strings.Cut(text, ":")
			name, _, _ = strings.Cut(name, "<")
			name, _, _ = strings.Cut(name, ">")
			r, err := ParseRules(text, []Quantity{{Name: name, Unit: UnitOf(name), HasOld: true}})
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r...)
		}
		d := &Diff{}
		d.Judge(rules, nil)
		d.Judge(rules, nil) // says it once
		if got := strings.Join(d.Doubts, "\n"); test.want == "" && got != "" || !strings.Contains(got, test.want) || len(d.Doubts) > 1 {
			t.Errorf("%s: %q, want %q", test.rules, got, test.want)
		}
	}
}
