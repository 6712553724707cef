package reports

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

const (
	planTop       = 24
	planRowHeight = 44
	// maxPlanRows bounds the caches drawn; the table has them all.
	maxPlanRows = 24
)

// planChart draws what each cache of the plan adds, with the proven bound as a
// line and the cost beside.
func planChart(id string, p *plan.Plan) drawing {
	shown := p.Caches[:min(len(p.Caches), maxPlanRows)]
	bottom := float64(planTop + planRowHeight*len(shown))
	unit, name := planUnit(max(p.BoundSaved(), p.SavedSeconds))
	c := newChart(id, "gain", "Startup time saved a month, cache by cache (estimated)", planDescription(p), bottom+40)
	s := linearScale(float64(max(p.BoundSaved(), p.SavedSeconds)) / float64(unit))
	at := func(d time.Duration) float64 { return s.at(float64(d) / float64(unit)) }
	c.axis(s, planTop, bottom, false)
	c.text("tick", "middle", 0.5, bottom+34, name+" of startup time saved a month")
	for i, cache := range shown {
		c.planRow(i, &cache, at)
	}
	if p.Goal != plan.GoalSeconds {
		return c.drawn()
	}
	most := p.BoundSaved()
	bound := at(most)
	c.line("mark bound", "proven bound of what this bill can save: "+longTime(most)+" a month", bound, planTop-8, bound, bottom)
	anchor := "end"
	if bound < 0.3 {
		anchor = "start"
	}
	c.text("strong", anchor, bound, planTop-12, "proven bound for this bill "+longTime(most))
	return c.drawn()
}

func (c *chart) planRow(i int, cache *plan.PlannedCache, at func(time.Duration) float64) {
	y := float64(planTop + planRowHeight*i)
	before := cache.CumulativeSeconds - cache.SavedSeconds
	c.open("text", "class", "row halo", "text-anchor", "start", "x", "0", "y", pixels(y+16))
	c.element("tspan", fmt.Sprintf("%d. %s ", i+1, ellipsis(cache.Name, 22)))
	c.element("tspan", fmt.Sprintf(" %s for %s", signedTime(cache.SavedSeconds), money(cache.Cost.Total)), "class", "tick")
	c.element("title", cache.Name)
	c.close("text")
	if before > 0 {
		c.bar("before", "saved by the caches before: "+longTime(before), 0, at(before), y+22, 14)
	}
	class := "mark a-cached"
	if cache.SavedSeconds < 0 {
		class = "mark a-automatic"
	}
	tip := fmt.Sprintf("%s saves %s a month, %s with those before; it costs %s a month; net saved %s", cache.Name,
		longTime(cache.SavedSeconds), longTime(cache.CumulativeSeconds), money(cache.Cost.Total), signedMoney(cache.Cost.NetSaved))
	from, to := at(before), at(cache.CumulativeSeconds)
	c.bar(class, tip, min(from, to), max(from, to), y+22, 14)
}

// moreRows says that a chart of a plan's caches does not have all of them: what is between
// its last row and the plan's end is theirs.
func moreRows(p *plan.Plan) string {
	rest := len(p.Caches) - maxPlanRows
	if rest <= 0 {
		return ""
	}
	return fmt.Sprintf(" The first %d caches; the table has %d more, with which the plan comes to its end at %s saved for %s.", maxPlanRows, rest, longTime(p.SavedSeconds), money(p.CostPerMonth()))
}

// signedTime has a plus before what is saved; under ECI's own matching a cache may
// also take starts from a better one.
func signedTime(d time.Duration) string {
	if d > 0 {
		return "+" + longTime(d)
	}
	return longTime(d)
}

// planUnit chooses hours, minutes or seconds for an axis up to longest.
func planUnit(longest time.Duration) (time.Duration, string) {
	switch {
	case longest >= 2*time.Hour:
		return time.Hour, "hours"
	case longest >= 2*time.Minute:
		return time.Minute, "minutes"
	}
	return time.Second, "seconds"
}

func planDescription(p *plan.Plan) string {
	saves := countVerb(len(p.Caches), "cache", "save")
	text := fmt.Sprintf("%s %s a month.", saves, longTime(p.SavedSeconds))
	if p.Goal == plan.GoalSeconds {
		text = fmt.Sprintf("%s %s a month; no choice of the same bill can save more than %s.", saves, longTime(p.SavedSeconds), longTime(p.BoundSaved()))
	}
	for i, c := range p.Caches[:min(len(p.Caches), 5)] {
		text += fmt.Sprintf(" %d: %s adds %s for %s.", i+1, c.Name, longTime(c.SavedSeconds), money(c.Cost.Total))
	}
	return text
}
