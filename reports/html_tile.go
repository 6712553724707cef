package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// tile is one of the few numbers at the top.
type tile struct {
	Label, Note, Source string
	Cell                cell
}

func tiles(r *Report) []tile {
	if r.Plan == nil || onlyPools(r.Plan) {
		return startupTiles(r)
	}
	list := append(r.madeUpTiles(), betterTiles(r.Plan)...)
	if len(r.Plan.Caches) == 0 && len(r.Plan.Primes) == 0 {
		return append(append(list, todayTiles(r.Plan)...), boundTiles(r.Plan)...)
	}
	own := planFigures(r)
	v, of := &own, ""
	switch {
	case r.Plan.Better != nil:
		of = ", the plan"
	case r.Provenance.Starts != "":
		of = ", of the month"
	}
	if v.SavedPerStart != nil {
		note := baselineWords(r.Plan)
		if v.SavedFraction != nil {
			note = percent(*v.SavedFraction) + " less than " + note
		}
		list = append(list, tile{"saved per start" + of, note, simulate.Estimated, secondsCell(*v.SavedPerStart)})
	}
	if v.SavedBytesPerStart != nil {
		list = append(list, tile{"less fetched per start", "compressed", r.sourceWords(), bytesCell(*v.SavedBytesPerStart)})
	}
	if v.NetSavedPerMonth != nil {
		list = append(list, tile{"net saved per month" + of, "what shorter starts save, less the caches", simulate.Estimated, signedCell(*v.NetSavedPerMonth)})
	}
	return append(list, boundTiles(r.Plan)...)
}

// betterTiles are of what does better than the plan.
func betterTiles(p *plan.Plan) []tile {
	starts := startsPerMonth(p)
	if p.Better == nil || starts == 0 {
		return nil
	}
	saved := time.Duration(float64(p.Better.SavedSeconds) / starts)
	return []tile{
		{"saved per start, automatic caches", "free, nothing is built", simulate.Estimated, secondsCell(saved)},
		{"net saved per month, automatic caches", "what shorter starts save, less the caches", simulate.Estimated, signedCell(p.Better.NetSavedPerMonth)},
	}
}

// madeUpTiles are the startups where they are of others than the month's starts.
func (r *Report) madeUpTiles() []tile {
	if r.Provenance.Starts == "" {
		return nil
	}
	list := startupTiles(r)
	for i := range list {
		list[i].Label += ", of the burst"
	}
	return list
}

// todayTiles are the mean starts that a plan without caches leaves as they are.
func todayTiles(p *plan.Plan) []tile {
	var list []tile
	for _, t := range []struct{ arm, label string }{
		{plan.Automatic, "mean start, automatic caches"}, {plan.Cold, "mean start, no caches"},
	} {
		if mean := meanStart(p, t.arm); mean > 0 {
			list = append(list, tile{t.label, "from request to ready", simulate.Estimated, secondsCell(mean)})
		}
	}
	return list
}

// boundTiles say how far from the best a plan may be; none where no choice keeps the
// limit, or none was found, for there is nothing to be far from.
func boundTiles(p *plan.Plan) []tile {
	switch {
	case p.Verdict == plan.LimitNotMet:
		return nil
	case provenBest(p):
		return []tile{{"distance from the best", "no other choice " + noneWords(p), "proven", cell{Text: "none", Value: "0"}}}
	}
	note := "the bound is " + boundWords(p) + " a month"
	if p.Goal == plan.GoalSeconds && p.WorthPerHour != nil {
		note += fmt.Sprintf(" of time saved less an hour for each %s of the bill, and %s saved for this bill", money(*p.WorthPerHour), longTime(p.BoundSaved()))
	}
	return []tile{{"distance from the best", note, "proven", cell{Text: atMost(percent(p.GapFraction)), Value: exact(p.GapFraction)}}}
}

// noneWords are what no other choice does, in a few words.
func noneWords(p *plan.Plan) string {
	switch {
	case p.Goal == plan.GoalLimit:
		return "costs less"
	case p.Goal == plan.GoalSeconds && p.WorthPerHour != nil:
		return "is worth more"
	}
	return "saves more"
}

func startupTiles(r *Report) []tile {
	var list []tile
	for _, s := range r.Arms[:min(len(r.Arms), 4)] {
		note := "p99 " + seconds(s.P99) + " of " + count(s.Starts, "start")
		list = append(list, tile{"median start, " + r.armLabel(s.Arm), note, s.Source, secondsCell(s.P50)})
	}
	return list
}

// atMost writes that an amount is a bound; of "< 0.1 %" the sign says so.
func atMost(amount string) string {
	if strings.HasPrefix(amount, "<") {
		return amount
	}
	return "≤ " + amount
}
