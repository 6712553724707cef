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
	of := make(map[string][]string) // by what BreakEven says
	for i := range p.Assignments {
		a := &p.Assignments[i]
		if !slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == a.Cache }) {
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
	if len(words) == 0 {
		return ""
	}
	return sentence(fmt.Sprintf("were its build and storage on the app alone, a cache would pay for itself in money %s", strings.Join(words, "; it would ")))
}

// breakEvenCell is the run time up to which an app's planned cache would pay for itself, or
// what else there is to say.
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
	}
	return c
}
