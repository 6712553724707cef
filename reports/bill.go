package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/cost"
)

// mostGapPercent is up to where a gap is told in percent; beyond, the month is so many times
// the bill.
const mostGapPercent = 900

// billSentence is the gap between the modelled month and a bill in words.
func billSentence(b *cost.BillCheck) string {
	summed := cost.BillCheck{Currency: b.Currency, ModelledSpread: b.ModelledSpread, CoverageFraction: b.CoverageFraction, Unknown: b.Unknown}
	for _, row := range b.Rows { // the sums themselves are not in files of before
		summed.Add(row)
	}
	b = &summed
	amount := func(v float64) string { return fmt.Sprintf("%s %s", decimal(v, 2), b.Currency) }
	text := ""
	switch {
	case b.Unknown != "":
		return fmt.Sprintf("The bill of %s cannot be compared with the modelled month: %s.", amount(b.Billed+b.OtherBilled), b.Unknown)
	case b.GapFraction == nil:
		text = fmt.Sprintf("The modelled month is %s, and the bill has nothing for what is modelled", amount(b.Modelled))
	default:
		gap := *b.GapFraction
		than := fmt.Sprintf("%s above", percent(gap))
		switch {
		case math.Abs(gap) < 0.0005:
			than = "as high as"
		case gap < 0:
			than = fmt.Sprintf("%s below", percent(-gap))
		case gap*100 > mostGapPercent:
			than = decimal(gap+1, 0) + " times"
		}
		text = fmt.Sprintf("Before any saving: the modelled month is %s the bill, %s against %s", than, amount(b.Modelled), amount(b.Billed))
	}
	if b.ModelledSpread != nil && *b.ModelledSpread > 0 {
		text += fmt.Sprintf("; that is what the workload's rates give in the mean, and chance alone moves a month by %s to either side (95 %%)", amount(*b.ModelledSpread))
	}
	if b.OtherBilled != 0 {
		text += fmt.Sprintf("; %s of the bill are for what is not modelled", amount(b.OtherBilled))
	}
	if b.CoverageFraction < 1 {
		text += fmt.Sprintf("; the model has %s of the starts", percent(b.CoverageFraction))
	}
	return text + "."
}

func (p *printer) bill(b *cost.BillCheck) {
	if b == nil {
		return
	}
	p.lines(bold, wrap(billSentence(b), 0))
	t := &textTable{heads: []string{"item", ">billed", ">modelled", "of the bill"}}
	for _, r := range b.Rows {
		modelled := "unknown"
		if r.Modelled != nil {
			modelled = decimal(*r.Modelled, 2)
		}
		t.add("", r.Item, decimal(r.Billed, 2), modelled, strings.Join(r.Of[:min(3, len(r.Of))], ", "))
	}
	p.table(t)
	p.line("")
}
