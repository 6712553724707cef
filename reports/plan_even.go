package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// breakEvenSentence says for which run times of an app its planned cache would pay for
// itself; empty where no app has one.
func breakEvenSentence(p *plan.Plan) string {
	words := evenWords(p, func(a *plan.Assignment) bool {
		return slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == a.Cache })
	})
	if words == "" {
		return ""
	}
	return sentence("were its build and storage on the app alone, a cache would pay for itself in money " + words)
}

// bestEvenSentence says the same of the best caches for apps without a planned one; empty
// where there are none.
func bestEvenSentence(p *plan.Plan) string {
	words := evenWords(p, func(a *plan.Assignment) bool { return len(a.BreakEvenOf) > 0 })
	if words == "" {
		return ""
	}
	return sentence("for apps without a planned cache, were its build and storage on the app alone, the best cache for each would pay for itself in money " + words)
}

// noEvenSentence names the apps that no cache helps, so that there is none to break even.
func noEvenSentence(p *plan.Plan) string {
	var apps []string
	for i := range p.Assignments {
		if a := &p.Assignments[i]; a.BreakEven == plan.PaysNoCache {
			apps = append(apps, ellipsis(a.App, 40))
		}
	}
	if len(apps) == 0 {
		return ""
	}
	does := "makes starts faster"
	switch {
	case p.Goal == plan.GoalNet:
		does = "saves money on instances or disks"
	case p.Goal == plan.GoalLimit && p.LimitStartsFraction != nil:
		does = "brings more starts within the limit"
	case p.Goal == plan.GoalLimit:
		does = "brings a mean start within the limit that is not so without"
	}
	return sentence(fmt.Sprintf("no break-even run time of %s: no cache considered %s", some(apps, 12), does))
}

// evenWords are the apps by when their caches pay.
func evenWords(p *plan.Plan, is func(*plan.Assignment) bool) string {
	of := make(map[string][]string) // by what BreakEven says
	for i := range p.Assignments {
		a := &p.Assignments[i]
		if !is(a) {
			continue
		}
		words := ellipsis(a.App, 40)
		if a.BreakEvenSeconds != nil {
			words += " " + longTime(*a.BreakEvenSeconds)
		}
		of[a.BreakEven] = append(of[a.BreakEven], words)
	}
	var words []string
	for _, x := range []struct{ pays, words string }{
		{plan.PaysUpTo, "up to these run times: "}, {plan.PaysFrom, "from these run times on: "},
		{plan.PaysAlways, "at any run time for "}, {plan.PaysNever, "at no run time for "},
	} {
		if apps := of[x.pays]; len(apps) > 0 {
			words = append(words, x.words+some(apps, 12))
		}
	}
	return strings.Join(words, "; it would ")
}

// breakEvenCell is the run time up to which an app's planned cache, or the best one for it,
// would pay for itself, or what else there is to say.
func breakEvenCell(a *plan.Assignment) cell {
	c := cell{Text: "–", Number: true}
	if a.BreakEvenSeconds != nil {
		c = longTimeCell(*a.BreakEvenSeconds)
	}
	switch a.BreakEven {
	case plan.PaysFrom:
		c.Text = "from " + c.Text + " on"
	case plan.PaysAlways, plan.PaysNever:
		c.Text = a.BreakEven
	case plan.PaysNoCache:
		c.Text, c.Title = "no cache helps", "no cache considered does anything for the goal"
	}
	if len(a.BreakEvenOf) > 0 {
		c.Text += " (best cache)"
		c.Title = "not planned: the best cache for it, of " + strings.Join(a.BreakEvenOf, ", ")
	}
	return c
}
