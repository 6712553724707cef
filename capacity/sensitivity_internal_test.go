package capacity

import (
	"context"
	"math"
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
			if err := s.effect(t.Context(), &scaledBy{CapacityEffect: reports.CapacityEffect{Parameter: name}, by: by}); err != nil {
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

// TestSensitivityTellsChance: a change whose interval holds 0 stands after those that are told
// from chance, however large, and is in no headline; with one repeat none is told of what draws
// other starts. Differences are of the repeats that both have: of the second and the third, 13
// and 15 beside 10 are 4 more, whatever the first was.
func TestSensitivityTellsChance(t *testing.T) {
	of := func(repeats []int, values ...float64) outcome {
		return outcome{Statistic: statisticOf(values), values: values, repeats: repeats}
	}
	three := []int{0, 1, 2}
	ask := func(now outcome, values map[string]outcome) *reports.Capacity {
		s := &sensitivity{Question: &Question{}, c: &reports.Capacity{Verdict: reports.CapacityMet}, f: lastReady, limit: 30, now: now}
		for _, name := range []string{"redrawn", "steady", "some"} {
			o, ok := values[name]
			if !ok {
				continue
			}
			s.with = func(context.Context, change) (outcome, error) { return o, nil }
			by := func(factor float64) *change {
				if factor < 1 {
					return &change{}
				}
				return nil
			}
			if err := s.effect(t.Context(), &scaledBy{CapacityEffect: reports.CapacityEffect{Parameter: name, Source: "assumed: x"}, by: by, redraws: name == "redrawn"}); err != nil {
				t.Fatal(err)
			}
		}
		s.sort()
		s.words()
		return s.c
	}
	order := func(c *reports.Capacity) (list []string) {
		for _, e := range c.Effects {
			list = append(list, e.Parameter)
		}
		return list
	}
	c := ask(of(three, 10, 10, 10), map[string]outcome{"redrawn": of(three, 10, 110, 10), "steady": of(three, 12, 12.5, 11.5), "some": of([]int{1, 2}, 13, 15)})
	text := strings.Join(c.Sentences, " ")
	if got := strings.Join(order(c), " "); got != "steady redrawn some" || !strings.HasPrefix(c.Headline, "What moves the answer most: steady, by 2.00 s") {
		t.Errorf("%s: %s", got, c.Headline)
	}
	if !strings.Contains(text, "In order: steady (2.00 s). Not told from chance: redrawn (33.3 s), some (4.00 s).") || !strings.Contains(text, "redrawn at half (unclear; not told from chance)") || strings.Contains(text, "2 %: redrawn") {
		t.Errorf("%s", text)
	}
	if e := c.Effects[2]; !e.Unclear || math.Abs(e.Less.Value-4) > 1e-9 {
		t.Errorf("%+v", e)
	}
	c = ask(of(three, 10, 10, 10), map[string]outcome{"redrawn": of(three, 10, 110, 10)})
	if !strings.HasPrefix(c.Headline, "No parameter that was tried moves the answer beyond chance: last ready is 10.0 s") {
		t.Error(c.Headline)
	}
	one := ask(of([]int{0}, 10), map[string]outcome{"redrawn": of([]int{0}, 25), "steady": of([]int{0}, 11)})
	if !one.Effects[1].Unclear || one.Effects[0].Unclear || one.Effects[0].Parameter != "steady" {
		t.Errorf("one repeat: %+v", one.Effects)
	}
}
