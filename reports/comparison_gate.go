package reports

import (
	"fmt"
	"math"
	"slices"
)

// Quantities are what a rule can be about: what startups are judged on, and the
// figures that the results have besides.
func (c *Comparison) Quantities() []Quantity {
	list := BenchQuantities()
	seen := make(map[string]bool)
	for _, q := range list {
		seen[q.Name] = true
	}
	for _, figure := range c.Figures {
		if !seen[figure] {
			list = append(list, Quantity{figure, UnitOf(figure), true, "as the benchmarks report it"})
		}
	}
	return list
}

// Judge holds rules against the figures: for each benchmark those that rules
// returns for its app. A rule is held against every benchmark that has its figure
// on either side; one whose figure none has cannot be judged. Against the old side
// what NEW adds is not judged. Where the results cannot be compared the verdict is
// an error, whatever the rules.
func (c *Comparison) Judge(rules func(names ...string) ([]Rule, error)) error {
	all, err := rules()
	// A rule may be on a figure that is not known because of what stands in the way.
	obstacle := c.obstacle()
	if err != nil && obstacle == "" {
		return err
	}
	if obstacle != "" {
		c.Gate = &Gate{Verdict: Unjudged}
		for _, r := range all {
			c.Gate.add(Outcome{Rule: r.String(), Figure: r.Name, Unit: r.Unit, Result: Unjudged, Reason: "the results cannot be compared"})
		}
		return nil
	}
	j := &judging{c: c, gate: &Gate{Verdict: Pass}, became: make(map[string]string)}
	j.given(all)
	for i := range c.Changes {
		own, err := rules(c.Changes[i].names()...)
		if err != nil {
			return err
		}
		j.given(own)
		j.hold(own, &c.Changes[i])
	}
	if j.finish(); len(j.rules) > 0 {
		c.Gate = j.gate
	}
	c.oneSided(j.rules)
	c.Doubts = append(c.Doubts, shrinkDoubts(j.rules)...)
	return nil
}

// oneSided doubts rules that bound one side alone of a figure that may be on either side
// of 0: a bias of -49 % is at most 5 %.
func (c *Comparison) oneSided(rules []Rule) {
	for _, r := range rules {
		both := func(other Rule) bool {
			return other.Name == r.Name && (other.Absolute || other.Op == Equal || other.Op.isLower() != r.Op.isLower())
		}
		below := func(x Change) bool { return x.Figure == r.Name && x.New != nil && x.New.Value < 0 }
		if r.Absolute || slices.ContainsFunc(rules, both) || r.Name != unitBias && (r.Op.isLower() || !slices.ContainsFunc(c.Changes, below)) {
			continue
		}
		two := r
		two.Absolute = true
		c.Doubts = append(c.Doubts, fmt.Sprintf("Rule %s bounds one side alone of a figure that may be above or below 0: %s bounds both.", r, two))
	}
}

// shrinkDoubts are about rules that say how far a figure may shrink where less is better,
// and nothing of how far it may grow: whoever means "at least 5 % better" lets it grow.
func shrinkDoubts(rules []Rule) (doubts []string) {
	for _, r := range rules {
		grows := func(other Rule) bool {
			return other.Name == r.Name && (other.Op == Equal || !other.Op.isLower())
		}
		isLoad := UnitOf(r.Name) == UnitSeconds || UnitOf(r.Name) == UnitBytes // of others a team alone knows what is better
		if r.Op != Shrink || !isLoad || benchBetter(r.Name) != "lower" || slices.ContainsFunc(rules, grows) {
			continue
		}
		doubts = append(doubts, fmt.Sprintf("Rule %s bounds only how far %s may shrink, which is to the good: however much more would pass. For at least as good write %s:+0%%, for 5 %% more at most %s:+5%%, or a limit with <=.", r, r.Name, r.Name, r.Name))
	}
	return doubts
}

// Judge holds rules against the figures of a Diff, as Judge does, and doubts those
// that bound what is to the good.
func (d *Diff) Judge(rules []Rule, figures []Figure) {
	d.Gate = Judge(rules, figures)
	for _, doubt := range shrinkDoubts(rules) {
		if !slices.Contains(d.Doubts, doubt) {
			d.Doubts = append(d.Doubts, doubt)
		}
	}
}

// AllApps is what the benchmarks of all apps of an arm are called.
const AllApps = "all apps"

// names are what a budget may call the benchmark of a change.
func (x *Change) names() []string {
	if x.App == "" && x.Arm != "" {
		return []string{AllApps, x.Benchmark}
	}
	return []string{x.App, x.Benchmark}
}

// Unmatched doubts overrides of a budget that match no benchmark: a stricter rule of a
// misspelt app would never count; and rules that are left to another command. The file is
// called name.
func (c *Comparison) Unmatched(name string, b *Budget) {
	if b == nil || len(c.Changes) == 0 {
		return
	}
	var names []string
	for i := range c.Changes {
		names = append(names, c.Changes[i].names()...)
	}
	for _, match := range b.Unmatched(names...) {
		c.Doubts = append(c.Doubts, fmt.Sprintf("%s: an override matches %s, and no benchmark of NEW has that name: its rules do not count.", name, match))
	}
	c.Doubts = append(c.Doubts, b.leftDoubts()...)
}

// OwnOfDiff are the quantities of a Diff that neither result has: rules on them in a
// budget are none of this comparison.
func (c *Comparison) OwnOfDiff() (list []Quantity) {
	for _, q := range DiffQuantities() {
		if !slices.Contains(c.Figures, q.Name) {
			list = append(list, q)
		}
	}
	return list
}

// judging is what became of rules so far.
type judging struct {
	c    *Comparison
	gate *Gate
	// rules are all that were given; became says of each, as String writes it, that it
	// was held against a figure, or why it was not.
	rules  []Rule
	became map[string]string
}

// held is what became of a rule that was held against a figure.
const held = "held"

func (j *judging) given(rules []Rule) {
	for _, r := range rules {
		if _, ok := j.became[r.String()]; !ok {
			j.rules = append(j.rules, r)
			j.became[r.String()] = ""
		}
	}
}

// hold holds the rules of a benchmark against one of its figures.
func (j *judging) hold(rules []Rule, x *Change) {
	for _, r := range rules {
		switch {
		case r.Name != x.Figure:
		case x.State == ChangeAdded && r.Op.isRelative():
			if j.became[r.String()] == "" {
				j.became[r.String()] = "only benchmarks that NEW adds have it"
			}
		default:
			j.became[r.String()] = held
			j.gate.add(r.judge(j.c.figure(x)))
		}
	}
}

// finish adds the rules that were held against nothing, but for those in whose
// place others stood everywhere.
func (j *judging) finish() {
	figures := make(map[string]bool)
	for i := range j.c.Changes {
		figures[j.c.Changes[i].Figure] = true
	}
	for _, r := range j.rules {
		reason := j.became[r.String()]
		if reason == held || reason == "" && figures[r.Name] {
			continue
		}
		j.gate.add(Outcome{Rule: r.String(), Figure: r.Name, Unit: r.Unit, Result: Unjudged, Reason: cmpOr(reason, "no benchmark has this figure")})
	}
}

// figure is a change as rules see it.
func (c *Comparison) figure(x *Change) Figure {
	f := Figure{Name: x.Figure, Unit: x.Unit, Of: x.Name, Judged: JudgedExact}
	if x.New == nil {
		f.Unknown = cmpOr(x.Reason, "NEW does not state it")
		return f
	}
	f.Value = x.New.Value
	if x.Old != nil {
		f.Old = &x.Old.Value
	}
	if x.Test != TestMannWhitney {
		return f
	}
	f.Judged = "the median of " + count(x.New.Runs, "run")
	if x.Old != nil {
		f.Judged = fmt.Sprintf("medians of %d and %s", x.Old.Runs, count(x.New.Runs, "run"))
	}
	if x.P != nil {
		f.Judged += ", p=" + probability(*x.P)
	}
	if c.MediansJudge {
		f.Judged += ", significant or not"
		return f
	}
	f.Runs = &Runs{Low: x.New.Low, High: x.New.High}
	switch x.State {
	case ChangeUnclear:
		f.Runs.Chance = "the difference is not significant"
	case ChangeTooFew:
		f.Runs.TooFew = fmt.Sprintf("too few runs: %d on each side can show a difference", x.Needed)
	}
	if x.New.Low == nil || x.New.High == nil {
		f.Runs.TooFewAlone = fmt.Sprintf("too few runs for an interval: %d are needed", intervalRuns(c.Confidence))
	}
	return f
}

// intervalRuns is how many values an interval of their median needs: the lowest
// and the highest of n hold it between them in 1 - 2/2^n of all cases.
func intervalRuns(confidence float64) int {
	n := 2
	for n < 64 && 1-math.Pow(2, float64(1-n)) < confidence {
		n++
	}
	return n
}

// probability writes a p-value with as many digits as benchstat.
func probability(p float64) string { return fmt.Sprintf("%.3f", p) }
