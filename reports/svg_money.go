package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// moneyChart draws what each cache of the plan adds to its bill and to what it nets, a
// month, with the budget and what is proven of the best.
func moneyChart(id string, p *plan.Plan) drawing {
	shown := p.Caches[:min(len(p.Caches), maxPlanRows)]
	bottom := float64(planTop + planRowHeight*len(shown))
	c := newChart(id, "gain", "Cost and net saving a month, cache by cache (estimated"+inCurrency(p)+")", moneyDescription(p), bottom+40)
	low, high := moneyRange(shown)
	marks := moneyMarks(p)
	for _, m := range marks {
		low, high = min(low, m.at), max(high, m.at)
	}
	s := spanScale(low, high)
	c.axis(s, planTop, bottom, false)
	c.text("tick", "middle", 0.5, bottom+34, strings.TrimPrefix(inCurrency(p)+" a month", ", "))
	net := 0.0
	for i := range shown {
		net = c.moneyRow(i, &shown[i], s, net)
	}
	for i, m := range marks {
		x := s.at(m.at)
		c.line("mark "+m.class, m.words, x, planTop-8, x, bottom)
		anchor := "end"
		if x < 0.4 || i == 1 {
			anchor = "start"
		}
		c.text("strong", anchor, x, planTop-12, m.words)
	}
	return c.drawn()
}

// moneyMark is a vertical line at an amount.
type moneyMark struct {
	class, words string
	at           float64
}

// moneyRange is from the least to the most that bars of these caches reach to, with 0.
func moneyRange(shown []plan.PlannedCache) (low, high float64) {
	net := 0.0
	for i := range shown {
		net += shown[i].Cost.NetSaved.Amount
		low, high = min(low, net), max(high, net, shown[i].CumulativeCost.Amount)
	}
	return low, high
}

// moneyMarks are the budget, unless it is far above all bars, and the bound that is
// money.
func moneyMarks(p *plan.Plan) []moneyMark {
	var list []moneyMark
	_, most := moneyRange(p.Caches[:min(len(p.Caches), maxPlanRows)])
	if b := p.BudgetPerMonth; b != nil && b.Amount <= 4*most {
		list = append(list, moneyMark{"capacity", "budget " + money(*b), b.Amount})
	}
	if b := p.BoundMoney; b != nil && p.WorthPerHour == nil {
		words := "proven: no choice nets more than " + money(*b)
		if p.Goal == plan.GoalLimit {
			words = "proven: no choice costs less than " + money(*b)
		}
		list = append(list, moneyMark{"bound", words, b.Amount})
	}
	return list
}

// moneyRow draws one cache and returns what is netted with it.
func (c *chart) moneyRow(i int, cache *plan.PlannedCache, s scale, before float64) float64 {
	y := float64(planTop + planRowHeight*i)
	with := before + cache.Cost.NetSaved.Amount
	c.open("text", "class", "row halo", "text-anchor", "start", "x", "0", "y", pixels(y+14))
	c.element("tspan", fmt.Sprintf("%d. %s ", i+1, ellipsis(cache.Name, 22)))
	c.element("tspan", fmt.Sprintf(" costs %s, nets %s", money(cache.Cost.Total), signedMoney(cache.Cost.NetSaved)), "class", "tick")
	c.element("title", cache.Name)
	c.close("text")
	bill := cache.CumulativeCost.Amount
	c.span("bill-before", "", s, 0, bill-cache.Cost.Total.Amount, y+19, 8)
	c.span("mark bill", fmt.Sprintf("%s costs %s a month; with those before %s", cache.Name, money(cache.Cost.Total), money(cache.CumulativeCost)), s, bill-cache.Cost.Total.Amount, bill, y+19, 8)
	class := "mark a-cached"
	if with < before {
		class = "mark a-automatic"
	}
	c.span("before", "", s, 0, before, y+30, 8)
	total := cache.Cost.NetSaved
	total.Amount = with
	c.span(class, fmt.Sprintf("%s nets %s a month, which is what it saves, %s, less its cost; with those before %s", cache.Name, signedMoney(cache.Cost.NetSaved), money(savedMoney(cache.Cost)), signedMoney(total)), s, before, with, y+30, 8)
	c.line("zero", "", s.at(0), y+17, s.at(0), y+40) // below the words
	return with
}

// span is a bar between two values, in either order; nothing where they are the same.
func (c *chart) span(class, tip string, s scale, from, to, y, height float64) {
	if from != to {
		c.bar(class, tip, s.at(min(from, to)), s.at(max(from, to)), y, height)
	}
}

// spanScale runs from lowest, at most 0, to highest, at least 0, and a little beyond.
func spanScale(lowest, highest float64) scale {
	if !(highest > lowest) {
		highest = lowest + 1
	}
	wide := highest - lowest
	s := scale{low: lowest, high: highest + 0.02*wide}
	if lowest < 0 {
		s.low -= 0.02 * wide
	}
	step := niceStep((s.high - s.low) / 5)
	for i := math.Ceil(s.low / step); i*step <= s.high; i++ {
		s.ticks = append(s.ticks, i*step)
	}
	return s
}

func moneyDescription(p *plan.Plan) string {
	text := "The bill is " + money(p.CostPerMonth()) + " a month."
	for i := range p.Caches[:min(len(p.Caches), 5)] {
		c := &p.Caches[i]
		text += fmt.Sprintf(" %d: %s costs %s and nets %s.", i+1, c.Name, money(c.Cost.Total), signedMoney(c.Cost.NetSaved))
	}
	for _, m := range moneyMarks(p) {
		text += " " + sentence(sentenceWord(m.words))
	}
	return text
}

// moneyFigure is nil where the caches cost and save nothing.
func moneyFigure(p *plan.Plan) *figure {
	some := false
	for i := range p.Caches {
		some = some || p.Caches[i].Cost.Total.Amount != 0 || p.Caches[i].Cost.NetSaved.Amount != 0
	}
	if !some {
		return nil
	}
	f := &figure{
		Drawing: moneyChart("chart-money", p),
		Caption: "Above, what each cache adds to the bill; below, what it adds to what is saved beyond the bill, negative where it costs more than it saves." + moreRows(p),
	}
	f.explain("rect", "bill", "cost of this cache")
	f.explain("rect", "a-cached", "net saved by it")
	f.explain("rect", "a-automatic", "net lost by it")
	f.explain("rect", "before", "caches before it")
	for _, m := range moneyMarks(p) {
		f.Legend = append(f.Legend, key{Sample: sample("line", m.class), Label: m.words})
	}
	return f
}
