package reports

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// poolTables are what a pool's plan says beside its images: what other disk budgets would
// bring, and what would change the answer.
func poolTables(x *plan.Pool) []*table {
	curve := newPoolPointTable(fmt.Sprintf("What other disk budgets would bring by %s, whatever an hour is worth (estimated, per month of 30 days)", poolArmWords(x.HeldBy)))
	for i := range x.Curve {
		curve.addPoint(&x.Curve[i])
	}
	var more, levers *table
	if s := x.Sensitivity; s != nil {
		if s.More != nil {
			more = newPoolPointTable(fmt.Sprintf("What a tenth more of disk would bring by %s (estimated, per month of 30 days)", poolArmWords(x.HeldBy)))
			more.addPoint(s.More)
		}
		levers = turnsTable(s.Levers, poolArmWords)
	}
	return tables(curve.evenTimes(), more.evenTimes(), levers)
}

func newPoolPointTable(caption string) *table {
	return newTable(caption, "disk budget", ">adds", ">images", ">spares", ">at most (proven)", ">cost", ">net saved")
}

// addPoint adds what one disk budget brings.
func (t *table) addPoint(x *plan.PoolPoint) {
	budget := bytesCell(x.DiskBudgetBytes)
	budget.Number = false
	t.add(budget, bytesCell(x.AddedBytes), countCell(x.Images), longTimeCell(x.SavedSeconds), longTimeCell(x.BoundSeconds),
		unlessUnknown(x.Cost, moneyCell), unlessUnknown(x.NetSaved, signedCell))
}

func unlessUnknown(m *cost.Money, of func(cost.Money) cell) cell {
	if m == nil {
		return cell{Text: "–", Number: true}
	}
	return of(*m)
}

// poolStopped says what stopped a pool's search, and what may come of another; empty where
// nothing did.
func poolStopped(x *plan.Pool) string {
	switch x.StoppedBy {
	case plan.ByTimeLimit:
		return "The search was stopped by its time limit: with more time (--time-limit) all arms are simulated, and it may find better, or prove more."
	case plan.ByInterrupt:
		return "The search was interrupted: this is the best found by then."
	case plan.BySteps:
		return "The search came to the end of its steps: with more of them (--effort) it may find better, or prove more."
	}
	return ""
}

// tablesMarkdown writes tables of the page for a comment.
func tablesMarkdown(b *bytes.Buffer, list []*table) {
	for _, t := range list {
		heads, rule := make([]string, len(t.Heads)), make([]string, len(t.Heads))
		for i, h := range t.Heads {
			heads[i], rule[i] = markdownText(h.Text), "---"
			if h.Number {
				rule[i] = "--:"
			}
		}
		fmt.Fprintf(b, "\n%s:\n\n| %s |\n|%s|\n", markdownText(t.Caption), strings.Join(heads, " | "), strings.Join(rule, "|"))
		for _, row := range t.Rows {
			cells := make([]string, len(row))
			for i, c := range row {
				cells[i] = markdownText(c.Text)
			}
			fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		}
	}
}
