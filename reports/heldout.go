package reports

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan"
)

func heldOutTable(p *plan.Plan) *table {
	t := newTable("The plan judged on what it was not made for (replayed and estimated, saved by a start in the mean)",
		"held out", "from", ">starts", ">planned", ">there", ">best there", ">stale")
	for i := range p.HeldOut {
		h := &p.HeldOut[i]
		stale := cell{Text: "–", Number: true}
		if h.StaleUnpackedBytes != nil {
			stale = bytesCell(*h.StaleUnpackedBytes)
		}
		t.add(wordCell(h.Of), wordCell(heldOutFrom(h)), countCell(h.Starts),
			secondsCell(h.PlannedSaved), secondsCell(h.ActualSaved), optionalCell(h.BestSaved), stale)
		if len(h.GoneApps) > 0 {
			t.Caption += "; started before, and not there: " + some(h.GoneApps, 6)
		}
		if h.BestSaved != nil {
			t.Caption += "; best there: " + bestThere(h)
		}
		if words := billThere(p, h); words != "" {
			t.Caption += "; " + words
		}
	}
	return t.unlessEmpty()
}

// bestThere says what the best is that a plan is held against.
func bestThere(h *plan.HeldOut) string {
	if h.Of == "tags" {
		return "the same caches, built again"
	}
	return "a plan made for these starts, with the same goal and budget"
}

// billThere says what a plan costs and saves in money where it was not made for; empty where
// that is not known. Above its budget it may save more time than the best that keeps it.
func billThere(p *plan.Plan, h *plan.HeldOut) string {
	if h.CostPerMonth == nil || h.NetSavedPerMonth == nil {
		return ""
	}
	above := ""
	if p.BudgetPerMonth != nil && h.CostPerMonth.Amount > p.BudgetPerMonth.Amount*(1+1e-6) {
		above = fmt.Sprintf(", above the budget of %s, which the best keeps", money(*p.BudgetPerMonth))
	}
	return fmt.Sprintf("a month of such starts costs %s with what was planned before%s (net saved %s)", money(*h.CostPerMonth), above, signedMoney(*h.NetSavedPerMonth))
}

// heldOutFrom is when what is held out begins: of a trace in its own time.
func heldOutFrom(h *plan.HeldOut) string {
	if h.After == nil || h.For == nil {
		return h.From.UTC().Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("%s into the trace, for %s", document.FormatTime(*h.After), document.FormatTime(*h.For))
}

// newAppsTable lists the apps that no plan made before what is held out can know.
func newAppsTable(p *plan.Plan) *table {
	t := newTable("Apps that start in what is held out and not before: no plan made before knows them, and their starts count",
		"app", ">starts there", ">of all there", "before")
	for i := range p.HeldOut {
		h := &p.HeldOut[i]
		shares := sharePercents(column(h.NewApps, func(a *plan.NewApp) float64 { return float64(a.Starts) / float64(max(1, h.Starts)) }))
		for k, a := range h.NewApps {
			before := "not there"
			if a.OtherImages {
				before = "with other images"
			}
			t.add(wordCell(a.App), countCell(a.Starts), cell{Text: shares[k], Number: true}, wordCell(before))
		}
	}
	return t.unlessEmpty()
}

// heldOutSentence says how a plan did on what it was not made for.
func heldOutSentence(p *plan.Plan, h *plan.HeldOut) string {
	words := fmt.Sprintf("Judged on %s that it was not made for (from %s; %s): a start saves %s in the mean, planned were %s",
		h.Of, heldOutFrom(h), count(h.Starts, "start"), seconds(h.ActualSaved), seconds(h.PlannedSaved))
	if h.BestSaved != nil {
		words += fmt.Sprintf("; the best there (%s) saves %s", bestThere(h), seconds(*h.BestSaved))
	}
	if bill := billThere(p, h); bill != "" {
		words += "; " + bill
	}
	fresh := 0
	for _, a := range h.NewApps {
		fresh += a.Starts
	}
	if fresh > 0 {
		words += fmt.Sprintf("; %s of these starts are of %s new there", percent(float64(fresh)/float64(max(1, h.Starts))), count(len(h.NewApps), "app"))
	}
	return words + "."
}

// ofTrace ends a caption of a month's amounts where the plan is of a trace; empty elsewhere.
func ofTrace(p *plan.Plan) string {
	if p == nil || p.Recorded == nil || p.Recorded.Span <= 0 {
		return ""
	}
	return fmt.Sprintf("; %.3g times the trace's %s", float64(30*24*time.Hour)/float64(p.Recorded.Span), document.FormatTime(p.Recorded.Span))
}
