package reports

import (
	"bytes"
	"fmt"
)

// gateTable lists rules with what they were held against; nil where nothing was judged.
func gateTable(g *Gate) *table {
	if g == nil {
		return nil
	}
	t := newTable("Rules, and how far each is kept", "result", "rule", ">value", ">limit", "margin")
	for i := range g.Outcomes {
		o := &g.Outcomes[i]
		result := wordCell(o.Result)
		result.Note = o.note()
		t.add(result, wordCell(o.ruleWords()), ruleCell(o.Value, o.valueWords()), ruleCell(o.Limit, o.limitWords()), wordCell(o.marginWords()))
	}
	return t
}

func ruleCell(amount *float64, words string) cell {
	c := cell{Text: words, Number: true}
	if amount != nil {
		c.Value = exact(*amount)
	}
	return c
}

// gateMarkdown writes the rules of a report, and the verdict for programs in a comment that
// is not shown.
func gateMarkdown(b *bytes.Buffer, g *Gate) {
	if g == nil {
		return
	}
	tablesMarkdown(b, tables(gateTable(g)))
	if g.Count(Warn) > 0 {
		b.WriteString("\nA rule that is not met by an estimated size is warned of, not failed.\n")
	}
	fmt.Fprintf(b, "\n<!-- %s -->\n", g.Line())
}

// gateLines ends a text with the rules and the verdict for programs.
func (p *printer) gateLines(g *Gate) {
	if g == nil {
		return
	}
	p.gate(g)
	p.line("")
	p.line(g.Line())
}
