package reports

import "fmt"

// words say the rule and what it was held against: cold-sec<=8s (9.20 s).
func (o *Outcome) words() string {
	if o.Value == nil {
		return o.ruleWords() + " (unknown: " + o.Reason + ")"
	}
	return o.ruleWords() + " (" + o.valueWords() + ")"
}

// ruleWords are the rule and, where it is held against several, against which.
func (o *Outcome) ruleWords() string {
	if o.Of == "" {
		return o.Rule
	}
	return o.Rule + " of " + o.Of
}

// valueWords are the value as a person reads it.
func (o *Outcome) valueWords() string {
	if o.Value == nil {
		return "unknown"
	}
	s := amountWords(*o.Value, o.Unit)
	if o.Estimated {
		s = "~ " + s
	}
	return s
}

// warnWords say why a rule only warns; empty where it does not.
func (o *Outcome) warnWords() string {
	switch {
	case o.Result != Warn:
		return ""
	case o.isMet():
		return " perhaps only against a guess of OLD"
	case o.Estimated:
		return " by an estimate"
	}
	return ", but perhaps by chance"
}

func (o *Outcome) limitWords() string {
	if o.Limit == nil {
		return "-"
	}
	s := amountWords(*o.Limit, o.Unit)
	if o.Old != nil {
		s += " (old " + amountWords(*o.Old, o.Unit) + ")"
	}
	return s
}

// marginWords say how much room is left, or by how much the rule is broken.
func (o *Outcome) marginWords() string {
	switch {
	case o.Margin == nil:
		return o.Reason
	case *o.Margin < 0:
		return amountWords(-*o.Margin, o.Unit) + " beyond"
	case !o.isMet():
		return "not below or above, but equal"
	}
	return amountWords(*o.Margin, o.Unit) + " left"
}

// headline sums the gate up: "Gate failed: 1 of 3 rules is not met".
func (g *Gate) headline() string {
	n := len(g.Outcomes)
	switch g.Verdict {
	case Unjudged:
		return fmt.Sprintf("Gate error: %s cannot be judged", ofRules(g.Count(Unjudged), n))
	case Fail:
		return fmt.Sprintf("Gate failed: %s not met", ofRules(g.Count(Fail), n)+areIs(g.Count(Fail)))
	}
	if w := g.Count(Warn); w > 0 {
		by, met := "", 0
		for i := range g.Outcomes {
			o := &g.Outcomes[i]
			switch {
			case o.Result != Warn:
			case o.isMet():
				met++
			case by != "" && by != o.warnWords():
				by = ", by an estimate or perhaps by chance"
			default:
				by = o.warnWords()
			}
		}
		var words []string
		if broken := w - met; broken > 0 {
			words = append(words, ofRules(broken, n)+areIs(broken)+" broken"+by)
		}
		if met > 0 {
			words = append(words, ofRules(met, n)+areIs(met)+" met perhaps only against a guess of OLD")
		}
		return "Gate passed, with a warning: " + join(words)
	}
	return "Gate passed: " + ofRules(n, n) + areIs(n) + " met"
}

func ofRules(some, all int) string {
	if some == all {
		return count(all, "rule")
	}
	return fmt.Sprintf("%d of %s", some, count(all, "rule"))
}

func areIs(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}
