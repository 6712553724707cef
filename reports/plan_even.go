package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// breakEvenSentence says up to which run time of an app its planned cache pays for itself;
// empty where no app has one.
func breakEvenSentence(p *plan.Plan) string {
	planned := func(a *plan.Assignment) bool {
		return slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == a.Cache })
	}
	var evens, never []string
	for i := range p.Assignments {
		switch a := &p.Assignments[i]; {
		case !planned(a):
		case a.BreakEvenSeconds == nil:
			never = append(never, a.App)
		default:
			evens = append(evens, fmt.Sprintf("%s %s", ellipsis(a.App, 40), longTime(*a.BreakEvenSeconds)))
		}
	}
	var words []string
	if len(evens) > 0 {
		words = append(words, "a cache pays for itself in money up to these run times: "+some(evens, 12))
	}
	if len(never) > 0 {
		words = append(words, "at no run time does it for "+some(shortened(never, 40), 12))
	}
	return sentence(strings.Join(words, "; "))
}
