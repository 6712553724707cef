package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// planTables are what a plan says beside what to build: who is primed, what other
// budgets would bring, what would change the answer, how it did on what it was not made
// for, and why an app got its cache.
func planTables(p *plan.Plan) []*table {
	if p == nil {
		return nil
	}
	all := tables(primesTable(p), curveTable(p), moreTable(p), leversTable(p), heldOutTable(p), newAppsTable(p))
	for i := range p.Explained {
		if t := optionsTable(p, &p.Explained[i]); t != nil {
			all = append(all, t)
		}
	}
	for _, t := range all {
		t.evenTimes()
	}
	return all
}

func primesTable(p *plan.Plan) *table {
	t := newTable("Apps to prime: a short start "+whenPrimed(p)+" has their free automatic cache made in time (estimated, per month of 30 days)",
		"app", ">starts to make", ">saves", ">cost", ">net saved")
	for _, prime := range p.Primes {
		t.add(wordCell(prime.App), numberCell(prime.StartsPerMonth), longTimeCell(prime.SavedSeconds), moneyCell(prime.Cost), signedCell(prime.NetSaved))
	}
	return t.unlessEmpty()
}

// whenPrimed says when priming starts are made. A trace tells no bursts.
func whenPrimed(p *plan.Plan) string {
	if p.Recorded != nil {
		return "after each release"
	}
	return "after each release and before each burst"
}

func curveTable(p *plan.Plan) *table {
	t := newBudgetTable("What other budgets would bring, whatever an hour is worth (estimated, per month of 30 days)")
	points := slices.Clone(p.Curve)
	slices.SortStableFunc(points, func(x, y plan.CurvePoint) int { return cmp.Compare(x.BudgetPerMonth.Amount, y.BudgetPerMonth.Amount) })
	for i := range points {
		t.addBudget(&points[i])
	}
	return t.unlessEmpty()
}

// moreTable is what a tenth more of budget would bring. It is apart from the curve, for
// the plan weighs its bill against what an hour is worth and the curve does not.
func moreTable(p *plan.Plan) *table {
	if p.Sensitivity == nil || p.Sensitivity.More == nil {
		return nil
	}
	worth := ""
	if p.WorthPerHour != nil {
		worth = fmt.Sprintf(", an hour being worth %s", money(*p.WorthPerHour))
	}
	more := p.Sensitivity.More
	caption := fmt.Sprintf("What a tenth more of budget would bring%s (estimated, per month of 30 days)", worth)
	if p.Goal == plan.GoalSeconds || more.BoundSeconds != nil {
		t := newBudgetTable(caption)
		t.addBudget(more)
		return t
	}
	bound := cell{Text: "–", Number: true}
	if more.BoundMoney != nil {
		bound = moneyCell(*more.BoundMoney)
	}
	row := []cell{budgetCell(more), moneyCell(more.Cost), countCell(more.Caches), longTimeCell(more.SavedSeconds), signedCell(more.NetSaved)}
	if p.Goal == plan.GoalNet {
		t := newTable(caption, "budget", ">cost", ">caches", ">saves", ">net saved", ">at most (proven)")
		t.add(append(row, bound)...)
		return t
	}
	kept := "kept"
	if more.LimitNotMet {
		kept = "not kept"
	}
	t := newTable(caption, "budget", ">cost", ">caches", ">saves", ">net saved", ">cost at least (proven)", "limit")
	t.add(append(row, bound, wordCell(kept))...)
	return t
}

func newBudgetTable(caption string) *table {
	return newTable(caption, "budget", ">cost", ">caches", ">saves", ">at most (proven)", ">net saved")
}

// addBudget adds what one budget brings to a table of budgets.
func (t *table) addBudget(c *plan.CurvePoint) {
	bound := cell{Text: "–", Number: true}
	if c.BoundSeconds != nil {
		bound = longTimeCell(*c.BoundSeconds)
	}
	t.add(budgetCell(c), moneyCell(c.Cost), countCell(c.Caches), longTimeCell(c.SavedSeconds), bound, signedCell(c.NetSaved))
}

// budgetCell heads a row.
func budgetCell(c *plan.CurvePoint) cell {
	budget := moneyCell(c.BudgetPerMonth)
	budget.Number = false
	return budget
}

func leversTable(p *plan.Plan) *table {
	if p.Sensitivity == nil {
		return nil
	}
	return turnsTable(p.Sensitivity.Levers, func(verdict string) string { return verdict })
}

// turnsTable says from where on the verdict is another, in words.
func turnsTable(levers []plan.Lever, words func(verdict string) string) *table {
	t := newTable("What would change the verdict, one at a time, from a tenth to ten times its value", "price or rate", ">another verdict from", "verdict then")
	for _, l := range levers {
		t.add(wordCell(l.Name), leverCell(&l), wordCell(cmpOr(words(l.Verdict), "stays")))
	}
	return t.unlessEmpty()
}

// leverCell says from where on the verdict is another.
func leverCell(l *plan.Lever) cell {
	if l.Assumed == 0 || l.Factor == nil {
		return timesCell(l.Factor)
	}
	value := *l.Factor * l.Assumed
	return cell{Text: fmt.Sprintf("%.2g", value), Value: exact(value), Number: true}
}

// timesCell is a factor, as 2.5 times. It is not known to more than two digits.
func timesCell(factor *float64) cell {
	if factor == nil {
		return cell{Text: "–", Number: true}
	}
	return cell{Text: fmt.Sprintf("%.2g times", *factor), Value: exact(*factor), Number: true}
}

// optionsTable lists what an app could have. The first column is the answer's.
func optionsTable(p *plan.Plan, x *plan.Explained) *table {
	caption := fmt.Sprintf("Why %s: %s", x.App, x.Reason)
	if x.RunnerUp != "" {
		caption += ". Runner-up " + x.RunnerUp
	}
	t := newTable(fmt.Sprintf("%s (%d of its %s, those with which the plan loses least; estimated, per month of 30 days)", caption, len(x.Options), count(x.Considered, "option")),
		"cache", "in the plan", ">ECI's order", ">size", ">saves", ">disks in use", ">build and keep", ">plan changes by")
	for _, o := range x.Options {
		in := "no"
		switch {
		case o.Existing:
			in = "exists, serves it"
		case o.Chosen:
			in = "serves it"
		case o.Built:
			in = "yes"
		}
		change := cell{Text: "–", Number: true}
		if o.PlanChange != nil {
			change = changeCell(p, &o)
		}
		name := namedCell(o.Cache, strings.Join(o.Images, "\n"))
		name.Note = strings.Join(slices.DeleteFunc([]string{some(shortReferences(o.Images), 6), o.Why}, func(s string) bool { return s == "" }), "; ")
		size := cell{Text: gibibytes(o.SizeGiB), Value: exact(o.SizeGiB), Number: true}
		if o.Priming {
			name, size = wordCell("priming"), cell{Text: "–", Number: true}
		}
		t.add(name, wordCell(in), orderCell(o.Order), size, longTimeCell(o.SavedSeconds), moneyCell(o.Use), moneyCell(o.Fixed), change)
	}
	return t
}

func orderCell(order int) cell {
	if order == 0 {
		return cell{Text: "–", Number: true}
	}
	return countCell(order)
}

// changeCell is by how much a plan would change with an option, in its goal's unit. A file
// may lack the change of the bill, which has the currency; then it is a bare number.
func changeCell(p *plan.Plan, o *plan.ExplainedOption) cell {
	change := *o.PlanChange
	switch {
	case p.Goal == plan.GoalSeconds:
		return cell{Text: longTime(durationOf(change)), Value: exact(change), Number: true, isLong: true}
	case o.CostChange == nil:
		return cell{Text: fmt.Sprintf("%+.2f", change), Value: exact(change), Number: true}
	}
	m := *o.CostChange
	m.Amount = change
	return signedCell(m)
}

// tables prints tables of the page for a terminal.
func (p *printer) tables(list []*table) {
	for _, t := range list {
		p.heading(t.Caption)
		text := &textTable{}
		for _, h := range t.Heads {
			name := h.Text
			if h.Number {
				name = ">" + name
			}
			text.heads = append(text.heads, name)
		}
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = c.Text
			}
			text.add(row[0].Note, cells...)
		}
		p.table(text)
	}
}
