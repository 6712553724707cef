package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

func buildTable(p *plan.Plan) *table {
	caption := "Caches to build"
	if advisesBetter(p) {
		caption = buildWords(p)
	}
	t := newTable(caption+", in this order (estimated; a month is 30 days"+inCurrency(p)+budgetWords(p)+")",
		"cache", ">size", "for", ">saves a month", ">so far", ">of bound", ">build", ">keep", ">use", ">cost", ">cost so far", ">saved on instances and disks", ">net saved")
	for i, c := range p.Caches {
		ofBound := cell{Text: "–", Number: true}
		if share := p.ShareOfBound(i); !math.IsNaN(share) {
			ofBound = fractionCell(share)
		}
		name := namedCell(fmt.Sprintf("%d. %s", i+1, c.Name), strings.Join(c.Images, "\n"))
		name.Note = some(shortReferences(c.Images), 6)
		t.add(name, cell{Text: gibibytes(c.SizeGiB), Value: exact(c.SizeGiB), Number: true}, longCell(some(shortened(c.Apps, 40), 6)),
			longTimeCell(c.SavedSeconds), longTimeCell(c.CumulativeSeconds), ofBound,
			amountCell(c.Cost.Build), amountCell(c.Cost.Keep), amountCell(c.Cost.Use), amountCell(c.Cost.Total), amountCell(c.CumulativeCost), amountCell(savedMoney(c.Cost)), amountCell(c.Cost.NetSaved))
	}
	t.evenShares("of bound")
	return t.evenTimes().evenSums("saves a month", "so far")
}

// savedMoney is what a cache saves before its bill.
func savedMoney(b plan.Bill) cost.Money {
	saved, err := b.Total.Plus(b.NetSaved)
	if err != nil {
		return b.InstanceSaved
	}
	return saved
}

// inCurrency names the currency of a plan for the head of a table.
func inCurrency(p *plan.Plan) string {
	for _, total := range p.Totals {
		if c := total.Instances.Currency; c != "" {
			return ", money in " + c
		}
	}
	return ""
}

func totalsTable(p *plan.Plan) *table {
	t := newTable("A month of 30 days by arm (estimated"+ofTrace(p)+")", "arm", ">waiting for starts", ">caches", ">instances while starting", ">net saved beyond "+p.Baseline)
	for _, total := range p.Totals {
		t.add(wordCell(armWords(total.Arm)), longTimeCell(total.StartupSeconds), moneyCell(total.Caches), moneyCell(total.Instances), signedCell(total.NetSaved))
	}
	return t.evenTimes().unlessEmpty()
}

func existingTable(p *plan.Plan) *table {
	t := newTable("Existing caches: what to do", "cache", "advice", ">storage a month", ">stale", "why")
	for i := range p.Existing {
		c := &p.Existing[i]
		stale := cell{Text: "–", Number: true, Title: "what it was built from is not known"}
		if c.StaleUnpackedBytes != nil {
			stale = bytesCell(*c.StaleUnpackedBytes)
		}
		keep := cell{Text: "–", Number: true, Title: "what it holds is not known"}
		if c.KeepPerMonth != nil {
			keep = moneyCell(*c.KeepPerMonth)
		}
		t.add(wordCell(c.ID), wordCell(c.Advice), keep, stale, longCell(c.Reason))
	}
	return t.unlessEmpty()
}
