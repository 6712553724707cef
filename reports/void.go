package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// Untimed counts startups that do not state when they were ready.
type Untimed struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	// App is empty for all apps together.
	App    string `json:"app,omitempty"`
	Starts int    `json:"starts"`
}

// untimed counts the startups of a timeline that do not state when they were ready, by
// app and arm, then by arm.
func untimed(t *simulate.Timeline) (list []Untimed) {
	making := makingArms(t.Measurement)
	counts := make(map[series]int)
	for i := range t.Startups {
		if s := &t.Startups[i]; s.Void == simulate.Untimed && !making[s.Arm] {
			counts[series{s.App, s.Arm, s.Source}]++
			counts[series{"", s.Arm, s.Source}]++
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(counts), compareSeries) {
		list = append(list, Untimed{Source: key.source, Arm: key.arm, App: key.app, Starts: counts[key]})
	}
	return list
}

// allVoid says that all startups and runs of a timeline are void, and why; empty where
// none was made.
func allVoid(t *simulate.Timeline) string {
	why := voidDoubts(t)
	if len(why) == 0 {
		return ""
	}
	return "nothing in it counts: " + strings.TrimSuffix(strings.Join(why, " "), ".")
}

// voidDoubts say how many startups and runs do not count, and why; where there are several
// arms, in which: what is left of one may be those that went well.
func voidDoubts(t *simulate.Timeline) []string {
	var reasons, arms []string
	counts := make(map[[2]string]int)
	add := func(arm, reason string, n int) {
		if !slices.Contains(arms, arm) {
			arms = append(arms, arm)
		}
		if reason == "" {
			return
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		counts[[2]string{arm, reason}] += n
	}
	for i := range t.Startups {
		add(t.Startups[i].Arm, t.Startups[i].Void, 1)
	}
	for i := range t.Voids {
		add(t.Voids[i].Arm, t.Voids[i].Reason, int(t.Voids[i].Starts))
	}
	var list []string
	if runs := runsWithoutStartups(t); len(runs) > 0 {
		var words []string
		for _, r := range runs {
			words = append(words, fmt.Sprintf("%s, repeat %d: %s", r.Arm, r.Repeat, r.Void))
		}
		list = append(list, fmt.Sprintf("%s void before a start was made, and not counted: %s.", count(len(runs), "run"), some(words, 3)))
	}
	for _, reason := range reasons {
		total, its := 0, []string(nil)
		for _, arm := range arms {
			if n := counts[[2]string{arm, reason}]; n > 0 {
				total, its = total+n, append(its, fmt.Sprintf("%d in arm %s", n, arm))
			}
		}
		words := fmt.Sprintf("%s void and not counted: %s", count(total, "startup"), reason)
		if len(arms) > 1 {
			words += " (" + some(its, mostNamed) + ")"
		}
		list = append(list, words+".")
	}
	return list
}
