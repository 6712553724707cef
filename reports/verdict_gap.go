package reports

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// withinBudget names the plan's budget, where it has one.
func withinBudget(p *plan.Plan) string {
	if p.BudgetPerMonth == nil {
		return ""
	}
	return " within " + money(*p.BudgetPerMonth) + " a month"
}

// worthBuilding is what a cache would have to do.
func worthBuilding(p *plan.Plan) string {
	switch p.Goal {
	case plan.GoalNet:
		return "saves more than it costs"
	case plan.GoalLimit:
		return "is needed"
	}
	if p.WorthPerHour != nil {
		return "is worth what it costs"
	}
	return "makes starts faster than " + baselineNoun(p)
}

// gapSentence says how far from the best possible the plan is.
func gapSentence(p *plan.Plan) string {
	considered := count(p.Candidates, "cache") + " considered"
	switch {
	case p.Verdict == plan.LimitNotMet && provenBest(p):
		return sentence("Proven: no choice of the " + considered + " keeps the limit")
	case p.Verdict == plan.LimitNotMet:
		return sentence("No choice of the " + considered + " was found that keeps the limit; it is not proven that there is none")
	case provenBest(p):
		return sentence("Proven: " + provenWords(p, considered))
	case p.Goal == plan.GoalLimit:
		return sentence(fmt.Sprintf("No choice of the %s keeps the limit for less than %s a month (proven)%s", considered, boundWords(p), costsMore(p.GapFraction)))
	}
	less := ""
	if p.Goal == plan.GoalNet {
		less = " net"
	} else if p.WorthPerHour != nil {
		return worthGapSentence(p, considered)
	}
	return sentence(fmt.Sprintf("No choice of the %s can save more than %s a month%s (proven); this plan reaches %s of that", considered, boundWords(p), less, percent(1-p.GapFraction)))
}

// worthGapSentence says it where the bill counts: the bound is of the time saved less what the
// bill is worth, and beside it stands what follows for the time that the same bill can save.
func worthGapSentence(p *plan.Plan, considered string) string {
	bound := p.BoundSaved()
	times := evenTimes([]time.Duration{p.BoundSeconds, p.ObjectiveSeconds, bound, p.SavedSeconds})
	return sentence(fmt.Sprintf("Time saved less an hour for each %s of the bill: no choice of the %s comes to more than %s a month (proven), this plan to %s, %s of that; so none of the same bill saves more than %s, this plan %s",
		money(*p.WorthPerHour), considered, times[0], times[1], percent(1-p.GapFraction), times[2], times[3]))
}

// provenWords are what is proven of a plan that is the best.
func provenWords(p *plan.Plan, considered string) string {
	within := withinBudget(p)
	switch {
	case p.Verdict == plan.Prime && p.Goal == plan.GoalLimit:
		return "no cache is needed beside that"
	case p.Verdict == plan.Prime:
		return noneOf(p, "is worth building beside that"+within, "is not worth building beside that"+within)
	case len(p.Caches) > 0:
		return fmt.Sprintf("no other choice of the %s %s", considered, betterWords(p))
	case p.Goal == plan.GoalNet:
		return noneOf(p, "saves money"+within, "saves no money"+within)
	case p.Goal == plan.GoalLimit:
		return "no cache is needed"
	case p.WorthPerHour != nil && within != "":
		return noneOf(p, "is both"+within+" and worth what it costs", "is not both"+within+" and worth what it costs")
	case p.WorthPerHour != nil:
		return noneOf(p, "is worth what it costs", "is not worth what it costs")
	}
	return noneOf(p, "saves time under the budget", "saves no time under the budget")
}

// noneOf says of the candidates what none does, and what the only one does not.
func noneOf(p *plan.Plan, does, doesNot string) string {
	switch p.Candidates {
	case 0:
		return "there is no cache to consider"
	case 1:
		return "the only cache considered " + doesNot
	}
	return fmt.Sprintf("none of the %s considered %s", count(p.Candidates, "cache"), does)
}

// costsMore says by how much a bill is at most above its bound, which is below it by a
// share of the bill.
func costsMore(gap float64) string {
	if !(gap >= 0 && gap < 1) {
		return ""
	}
	return "; this plan costs " + percent(gap/(1-gap)) + " more at most"
}

// boundWords is the proven bound in the goal's unit.
func boundWords(p *plan.Plan) string {
	if p.BoundMoney != nil {
		return money(*p.BoundMoney)
	}
	return longTime(p.BoundSeconds)
}

// betterWords are what no other choice does.
func betterWords(p *plan.Plan) string {
	switch {
	case p.Goal == plan.GoalLimit:
		return "keeps the limit for less"
	case p.Goal == plan.GoalNet:
		return "saves more money"
	case p.WorthPerHour != nil:
		return "is worth more" + withinBudget(p)
	case p.BudgetPerMonth == nil:
		return "saves more"
	}
	return "saves more under the budget"
}

// provenBest says whether it is proven that no choice is better; of a limit that is not
// met, that none keeps it. A gap of 0 may be of rounding, and proves nothing.
func provenBest(p *plan.Plan) bool { return p.Status == plan.Optimal }

// stoppedSentence says what stopped a search, and what may come of another; none where
// nothing did, or where the plan does not say.
func stoppedSentence(p *plan.Plan) []string {
	switch p.StoppedBy {
	case plan.ByTimeLimit:
		return []string{"The search was stopped by its time limit: with more time (--time-limit) it may find better, or prove more."}
	case plan.ByInterrupt:
		return []string{"The search was interrupted: this is the best found by then."}
	case plan.BySteps:
		return []string{"The search came to the end of its steps: with more of them (--effort) it may find better, or prove more."}
	}
	return nil
}
