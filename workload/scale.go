package workload

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// Scale says how many times as often apps start.
type Scale struct {
	// Apps is an app's name, or a pattern in which * stands for any text and ? for one
	// character.
	Apps string
	// Factor is 0 or more.
	Factor float64
}

// maxFactor is enough for any question, and keeps numbers of starts within bounds.
const maxFactor = 1e6

// ParseScale reads APP=2x.
func ParseScale(text string) (Scale, error) {
	at := strings.LastIndexByte(text, '=')
	if at <= 0 {
		return Scale{}, fmt.Errorf("%q is not of the form APP=2x", text)
	}
	number := strings.TrimSuffix(text[at+1:], "x")
	factor, err := strconv.ParseFloat(number, 64)
	if err != nil || !(factor >= 0 && factor <= maxFactor) {
		return Scale{}, fmt.Errorf("%q is not of the form APP=2x: the factor is a number from 0 to %d", text, int(maxFactor))
	}
	return Scale{Apps: text[:at], Factor: factor}, nil
}

func (s Scale) String() string { return fmt.Sprintf("%s=%vx", s.Apps, s.Factor) }

// matches says whether a name fits a pattern.
func matches(pattern, name string) bool {
	// The last * that was passed, and where in the name its text ends, to go back to.
	star, end := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, end = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			end++
			p, n = star+1, end
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// scaling finds factors by name.
type scaling struct {
	rules []Scale
	used  []bool
}

// factor is that of the last rule that fits an app; 1 of none.
func (s *scaling) factor(name string) float64 {
	factor := 1.0
	for i, r := range s.rules {
		if matches(r.Apps, name) {
			factor, s.used[i] = r.Factor, true
		}
	}
	return factor
}

// Scaled returns the workload, and beside it or alone the trace, with starts as many times as
// often as the rules say; of rules that fit an app the last holds. What starts one by one has
// another rate, bursts another number of starts, rounded, and so has each line of a trace,
// rounded so that the sum of an app's is right. A rule that fits no app is an error.
func Scaled(w *Workload, t *Trace, rules []Scale) (*Workload, *Trace, error) {
	if len(rules) == 0 {
		return w, t, nil
	}
	s := &scaling{rules, make([]bool, len(rules))}
	var names []string
	if w != nil {
		own := *w
		own.Apps = slices.Clone(w.Apps)
		w = &own
		for i := range w.Apps {
			names = append(names, w.Apps[i].Name)
			w.Apps[i].scale(s.factor(w.Apps[i].Name))
		}
	}
	if t != nil {
		starts := t.Starts
		t = &Trace{Name: t.Name}
		if err := t.scale(s, starts, &names); err != nil {
			return nil, nil, err
		}
	}
	for i, used := range s.used {
		if !used {
			slices.Sort(names)
			return nil, nil, fmt.Errorf("%s fits no app%s; * stands for any text", rules[i], document.Suggestion(rules[i].Apps, names))
		}
	}
	return w, t, nil
}

func (a *App) scale(factor float64) {
	a.StartsPerDay *= factor
	bursts := a.Bursts
	a.Bursts = nil
	for _, b := range bursts {
		if b.Count = int(math.Round(float64(b.Count) * factor)); b.Count > 0 {
			a.Bursts = append(a.Bursts, b)
		}
	}
}

// scale takes the starts of another trace as many times as rules say.
func (t *Trace) scale(s *scaling, starts []TraceStart, names *[]string) error {
	owed := map[string]float64{}
	factors := map[string]float64{}
	total := 0
	for _, start := range starts {
		factor, known := factors[start.App]
		if !known {
			factor = s.factor(start.App)
			factors[start.App] = factor
			*names = append(*names, start.App)
		}
		due := owed[start.App] + float64(start.Count)*factor
		start.Count = int(math.Floor(due + 0.5))
		owed[start.App] = due - float64(start.Count)
		if start.Count == 0 {
			continue
		}
		if total += start.Count; total > maxCount {
			return fmt.Errorf("the trace has more than %d starts then: scale it by less", maxCount)
		}
		t.Starts = append(t.Starts, start)
	}
	if len(t.Starts) == 0 {
		return fmt.Errorf("the trace has no starts then: scale some app by more")
	}
	return nil
}
