package capacity

import (
	"context"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// TestSensitivityTellsNeverFromNone: a value that leaves some starts never ready turns a
// verdict that is met; one with which there are no starts is not known to turn it or not.
func TestSensitivityTellsNeverFromNone(t *testing.T) {
	seconds := func(v float64) outcome { return outcome{Statistic: simulate.Statistic{Value: v}} }
	for _, c := range []struct {
		name        string
		half        outcome
		verdict     string
		said, doubt string
	}{
		{"never ready", outcome{never: true}, reports.CapacityNotMet, "What turns the verdict: x at half (not met).", "With x at half some starts are never ready."},
		{"no starts", outcome{never: true, none: true}, "", "Not known: x at half.", "With x at half no start falls into the window"},
		{"the same", seconds(10), "", "", ""},
	} {
		s := &sensitivity{Question: &Question{}, c: &reports.Capacity{Verdict: reports.CapacityMet}, f: lastReady, limit: 30, now: seconds(10)}
		values := map[string]outcome{"x": c.half, "y": seconds(9)}
		for _, name := range []string{"x", "y"} {
			s.with = func(_ context.Context, x change) (outcome, error) {
				if x.arm == "half" {
					return values[name], nil
				}
				return seconds(10), nil
			}
			by := func(factor float64) *change {
				if factor < 1 {
					return &change{arm: "half"}
				}
				return &change{}
			}
			if err := s.effect(t.Context(), reports.CapacityEffect{Parameter: name}, by); err != nil {
				t.Fatal(err)
			}
		}
		s.words()
		sentences, doubts := strings.Join(s.c.Sentences, " "), strings.Join(s.c.Doubts, " ")
		if c.said != "" && (!strings.Contains(sentences, c.said) || strings.Contains(sentences, "Nothing at half or twice")) || !strings.Contains(doubts, c.doubt) {
			t.Errorf("%s: %q, %q", c.name, sentences, doubts)
		}
		verdict := ""
		for _, e := range s.c.Effects {
			if e.Parameter == "x" {
				verdict = e.LessVerdict
			}
		}
		if verdict != c.verdict {
			t.Errorf("%s: at half the verdict is %q, want %q", c.name, verdict, c.verdict)
		}
	}
}
