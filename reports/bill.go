package reports

import (
	"fmt"
	"math"
	"strings"
)

// The items of a bill that the model knows, and the rest.
const (
	BillInstances = "instances"
	BillDisks     = "disks of caches"
	BillStorage   = "extra storage"
	BillOther     = "not modelled"
)

// BillCheck is a real bill beside what the model says that the month costs, before any
// saving: how far the model's money is to be trusted.
type BillCheck struct {
	Currency string    `json:"currency"`
	Rows     []BillRow `json:"rows,omitempty"`
	// CoverageFraction is the share of starts that the model has.
	CoverageFraction float64 `json:"coverageFraction"`
	// Unknown says why the model has no amounts.
	Unknown string `json:"unknown,omitempty"`
}

// BillRow is one item.
type BillRow struct {
	Item string `json:"item"`
	// Of are the bill's own items that it sums up.
	Of     []string `json:"of,omitempty"`
	Billed float64  `json:"billed"`
	// Modelled is absent where the model has no such item.
	Modelled *float64 `json:"modelled,omitempty"`
}

// sums are what was billed for the items that are modelled, what for those the model says,
// and what was billed for others.
func (b *BillCheck) sums() (billed, modelled, other float64) {
	for _, r := range b.Rows {
		if r.Modelled == nil {
			other += r.Billed
			continue
		}
		billed += r.Billed
		modelled += *r.Modelled
	}
	return billed, modelled, other
}

// Sentence is the gap in words.
func (b *BillCheck) Sentence() string {
	money := func(v float64) string { return fmt.Sprintf("%s %s", decimal(v, 2), b.Currency) }
	billed, modelled, other := b.sums()
	text := ""
	switch {
	case b.Unknown != "":
		return fmt.Sprintf("The bill of %s cannot be compared with the modelled month: %s.", money(billed+other), b.Unknown)
	case billed <= 0:
		text = fmt.Sprintf("The modelled month is %s, and the bill has nothing for what is modelled", money(modelled))
	default:
		gap := modelled/billed - 1
		than := fmt.Sprintf("%s above", percent(gap))
		if gap < 0 {
			than = fmt.Sprintf("%s below", percent(-gap))
		}
		if math.Abs(gap) < 0.0005 {
			than = "as high as"
		}
		text = fmt.Sprintf("Before any saving: the modelled month is %s the bill, %s against %s", than, money(modelled), money(billed))
	}
	if other != 0 {
		text += fmt.Sprintf("; %s of the bill are for what is not modelled", money(other))
	}
	if b.CoverageFraction < 1 {
		text += fmt.Sprintf("; the model has %s of the starts", percent(b.CoverageFraction))
	}
	return text + "."
}

func (p *printer) bill(b *BillCheck) {
	if b == nil {
		return
	}
	p.lines(bold, wrap(b.Sentence(), 0))
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
