package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

func (p *printer) build(pl *plan.Plan) {
	if pl == nil || len(pl.Caches) == 0 {
		return
	}
	p.heading(buildWords(pl) + ", in this order (estimated, per month of 30 days" + budgetWords(pl) + ")")
	t := &textTable{heads: []string{">#", "cache", ">size", ">saves", ">so far", ">of bound", ">cost", ">cost so far", ">net saved"}}
	shares := sharePercents(sharesOfBound(pl))
	saves, soFar := cacheTimes(pl)
	for i, c := range pl.Caches {
		t.add("images "+some(shortReferences(c.Images), 6)+"; for "+some(c.Apps, 6),
			fmt.Sprint(i+1), c.Name, gibibytes(c.SizeGiB), saves[i], soFar[i],
			shares[i], money(c.Cost.Total), money(c.CumulativeCost), signedMoney(c.Cost.NetSaved))
	}
	p.table(t)
	p.lines("", wrap("net saved: what shorter starts save on instances and on other caches' disks, less the cost", tableIndent))
	if even := breakEvenSentence(pl); even != "" {
		p.lines("", wrap(even, tableIndent))
	}
}

// buildWords head what a plan builds.
func buildWords(p *plan.Plan) string {
	if advisesBetter(p) {
		return "What the plan builds without automatic caches"
	}
	return "What to build"
}

// cacheTimes are what caches save, alone and so far, in one unit.
func cacheTimes(p *plan.Plan) (saves, soFar []string) {
	return evenSums(p.Caches, func(c *plan.PlannedCache) time.Duration { return c.SavedSeconds },
		func(c *plan.PlannedCache) time.Duration { return c.CumulativeSeconds })
}

func budgetWords(p *plan.Plan) string {
	if p.BudgetPerMonth == nil {
		return ""
	}
	return "; budget " + money(*p.BudgetPerMonth)
}

// sharesOfBound are by how much the caches up to each reach the proven bound; NaN where
// there is none to reach.
func sharesOfBound(p *plan.Plan) []float64 {
	shares := make([]float64, len(p.Caches))
	for i := range shares {
		shares[i] = p.ShareOfBound(i)
	}
	return shares
}

// shareOfBound is NaN where there is no bound.
func shareOfBound(saved, bound time.Duration) float64 {
	if bound <= 0 {
		return math.NaN()
	}
	return float64(saved) / float64(bound)
}

func (p *printer) totals(pl *plan.Plan) {
	if pl == nil || len(pl.Totals) == 0 || onlyPools(pl) {
		return
	}
	p.heading("A month of 30 days by arm (estimated" + ofTrace(pl) + ")")
	t := &textTable{heads: []string{"arm", ">waiting for starts", ">caches", ">instances while starting", ">net saved"}}
	waiting := evenTimesOf(pl.Totals, func(x *plan.Total) time.Duration { return x.StartupSeconds })
	for i, total := range pl.Totals {
		t.add("", armWords(total.Arm), waiting[i], money(total.Caches), money(total.Instances), signedMoney(total.NetSaved))
	}
	p.table(t)
	p.lines("", wrap("net saved: by how much caches and instances cost less than those of arm "+pl.Baseline, tableIndent))
}

// armWords explains an arm.
func armWords(arm string) string {
	switch arm {
	case simulate.ArmCold:
		return "cold (no caches)"
	case simulate.ArmAutomatic:
		return "automatic caches"
	case armPlanned:
		return "planned"
	}
	return arm
}

func (p *printer) existing(pl *plan.Plan) {
	if pl == nil || len(pl.Existing) == 0 {
		return
	}
	p.heading("Existing caches: what to do")
	t := &textTable{heads: []string{"advice", "cache", ">storage a month", ">stale"}}
	for i := range pl.Existing {
		c := &pl.Existing[i]
		keep := "-"
		if c.KeepPerMonth != nil {
			keep = money(*c.KeepPerMonth)
		}
		t.add(c.Reason, c.Advice, c.ID, keep, staleWords(c))
	}
	p.table(t)
}

// staleWords is how much of a cache no image of its references has any more.
func staleWords(c *plan.ExistingCache) string {
	if c.StaleUnpackedBytes == nil {
		return "-"
	}
	return size(*c.StaleUnpackedBytes)
}
