package reports

import (
	"fmt"
	"math"
	"strings"
)

// capacityPage writes c as one HTML file: the page of a report, with curves and their
// figures alone.
func capacityPage(c *Capacity) ([]byte, error) { return capacityView(c).page() }

// CapacityPlots are the charts of the page of c.
func CapacityPlots(c *Capacity) ([]Plot, error) {
	v := capacityView(c)
	var list []namedFigure
	for i := range v.Answers {
		name := "effects"
		if i < len(c.Curves) {
			name = "curve-" + c.Curves[i].Parameter
		}
		list = append(list, namedFigure{name: name, figure: &v.Answers[i]})
	}
	return plotsOf(list, strings.Join(c.provenanceWords(), " · "))
}

func capacityView(c *Capacity) *view {
	v := &view{
		Title: "cachebench capacity " + c.Question, Sources: "simulated",
		Verdict: &Verdict{Headline: c.Headline, Sentences: c.Sentences}, Facts: c.facts(), Inputs: c.Provenance.Inputs,
		Assumptions: c.Assumptions, Doubts: c.Doubts,
	}
	for i := range c.Curves {
		k := &c.Curves[i]
		f := figure{Drawing: capacityChart(fmt.Sprintf("chart-capacity-%d", i+1), k), Heading: k.Title}
		f.Legend = []key{{Sample: sample("line", "curve a-cached"), Label: k.Figure}}
		if k.limitDrawn() != nil {
			f.Legend = append(f.Legend, key{Sample: sample("line", "capacity"), Label: "limit, " + CapacityLimit(*k.Limit, k.YUnit)})
		}
		for _, m := range k.marks() {
			f.Legend = append(f.Legend, key{Sample: sample("line", m.class), Label: m.words})
		}
		var notes []string
		if n := k.neverReady(); n > 0 {
			notes = append(notes, fmt.Sprintf("Not drawn, for some starts are never ready there: %s.", count(n, "value")))
		}
		if k.NotMonotone {
			notes = append(notes, "Not monotone: more does not always bring the same way.")
		}
		_, out, beyond := k.drawn()
		if out > 0 {
			notes = append(notes, fmt.Sprintf("Not drawn, but in the table: %s far above the limit.", count(out, "value")))
		}
		if beyond > 0 {
			notes = append(notes, fmt.Sprintf("Not drawn, but in the table: %s of %s far beyond the least that keeps the limit, which keep it too.", count(beyond, "value"), k.Parameter))
		}
		if k.Limit != nil && k.limitDrawn() == nil {
			notes = append(notes, "Not drawn: the limit of "+CapacityLimit(*k.Limit, k.YUnit)+" is far above.")
		}
		f.Caption = strings.Join(notes, " ")
		v.Answers = append(v.Answers, f)
	}
	if f := effectsFigure(c); f != nil {
		v.Answers = append(v.Answers, *f)
	}
	for _, t := range c.tables(0) {
		out := newTable(t.Title, t.Heads...)
		for _, row := range t.Rows {
			var cells []cell
			for i, s := range row {
				number := strings.HasPrefix(t.Heads[i], ">")
				cells = append(cells, cell{Text: s, Number: number, Long: !number && i > 0})
			}
			out.add(cells...)
		}
		v.AnswerTables = append(v.AnswerTables, out)
	}
	return v
}

func (c *Capacity) facts() []fact {
	var list []fact
	for _, f := range []fact{
		{"version", c.Provenance.Version}, {"profile", c.Provenance.Profile}, {"basis", c.Provenance.ProfileBasis}, {"arm", c.Arm},
		{"seed", fmt.Sprint(c.Provenance.Seed)}, {"repeats", fmt.Sprint(max(1, c.Repeats))}, {"platform", c.Provenance.Platform},
	} {
		if f.Value != "" {
			list = append(list, f)
		}
	}
	return list
}

// capacityChart draws a curve with the band of its interval and the limit.
func capacityChart(id string, k *CapacityCurve) drawing {
	c := newChart(id, "ecdf", k.Title, k.description(), courseBottom+44)
	points, _, _ := k.drawn()
	xPer, xUnit := chartUnit(k.XUnit, func(yield func(float64)) {
		if len(points) == 0 {
			return
		}
		first, last := points[0].X, points[len(points)-1].X
		if last = max(first, last); first > 0 && last > 1000*first {
			last = math.Sqrt(first * last) // of a logarithmic axis no end is the typical value
		}
		yield(last)
	})
	yPer, yUnit := chartUnit(k.YUnit, func(yield func(float64)) {
		for _, p := range points {
			if p.Y != nil {
				yield(*p.Y)
			}
		}
	})
	lowest, highest, top := math.Inf(1), 0.0, 0.0
	for _, p := range points {
		lowest, highest = min(lowest, p.X/xPer), max(highest, p.X/xPer)
		if p.Y != nil {
			top = max(top, *p.Y/yPer)
		}
	}
	limit := k.limitDrawn()
	if limit != nil {
		top = max(top, *limit/yPer)
	}
	// Values are tried evenly by their logarithm, but for numbers of starts.
	typical := math.Sqrt(lowest * highest)
	if k.XUnit == "starts" {
		typical = highest
	}
	x, y := spreadScale(lowest, typical, highest), linearScale(top)
	at := func(v float64) float64 { return courseBottom - y.at(v/yPer)*(courseBottom-courseTop) }
	c.axis(x.within(), courseTop, courseBottom, false)
	for _, tick := range y.ticks {
		c.line("grid", "", 0, at(tick*yPer), 1, at(tick*yPer))
		c.margin("tick", at(tick*yPer)+4, trimmed(tick, 3), "")
	}
	c.text("tick", "start", 0, courseTop-9, k.Figure+" ("+yUnit+")")
	c.text("tick", "middle", 0.5, courseBottom+36, strings.TrimSpace(k.Parameter+" ("+xUnit+")"))
	var lastX, lastY float64
	drawn := false
	for _, p := range points {
		if p.Y == nil {
			drawn = false
			continue
		}
		px, py := x.at(p.X/xPer), at(*p.Y)
		if p.Low != nil && p.High != nil && *p.High > *p.Low {
			c.line("mark a-cached", "interval", px, at(max(0, *p.Low)), px, at(*p.High))
		}
		if drawn {
			c.line("mark curve a-cached", k.Figure, lastX, lastY, px, py)
		}
		c.dot("a-cached", CapacityAmount(p.X, k.XUnit)+": "+CapacityAmount(*p.Y, k.YUnit), px, py)
		lastX, lastY, drawn = px, py, true
	}
	for _, m := range k.marks() {
		if at := m.at / xPer; at >= lowest && at <= highest {
			c.line(m.class, m.words, x.at(at), courseTop, x.at(at), courseBottom)
		}
	}
	if limit != nil {
		c.line("capacity", "limit "+CapacityLimit(*limit, k.YUnit), 0, at(*limit), 1, at(*limit))
	}
	return c.drawn()
}

// curveMark is a value of the parameter that a chart marks.
type curveMark struct {
	class, words string
	at           float64
}

// marks are where the parameter stands and the value that the answer names.
func (k *CapacityCurve) marks() []curveMark {
	var list []curveMark
	if k.Now != nil {
		list = append(list, curveMark{"wait", "now, " + CapacityAmount(*k.Now, k.XUnit), *k.Now})
	}
	if k.Named != nil {
		list = append(list, curveMark{"bound", "named by the answer, " + CapacityAmount(*k.Named, k.XUnit), *k.Named})
	}
	return list
}

// neverReady counts the values at which some starts are never ready.
func (k *CapacityCurve) neverReady() int {
	n := 0
	for i := range k.Points {
		if k.Points[i].Y == nil {
			n++
		}
	}
	return n
}

// limitDrawn is the limit where it does not squeeze the curve against 0; nil where it does.
func (k *CapacityCurve) limitDrawn() *float64 {
	const most = 8
	points, _, _ := k.drawn()
	for _, p := range points {
		if k.Limit != nil && p.Y != nil && *k.Limit < most**p.Y {
			return k.Limit
		}
	}
	return nil
}

// drawn are the points that do not squeeze the others against 0, and how many are left out:
// those far above the limit, and those far beyond the least value that keeps it.
func (k *CapacityCurve) drawn() (points []CapacityPoint, out, beyond int) {
	const most = 8
	farthest := k.farthest()
	for _, p := range k.Points {
		switch {
		case k.Limit != nil && p.Y != nil && *p.Y > most**k.Limit:
			out++
		case p.X > farthest:
			beyond++
		default:
			points = append(points, p)
		}
	}
	if len(points) < 2 {
		return k.Points, 0, 0
	}
	return points, out, beyond
}

// farthest is how far an axis that begins at 0, and so has no logarithm, is drawn: four times
// as far as the least value from which on all keep the limit.
func (k *CapacityCurve) farthest() float64 {
	all := math.Inf(1)
	n := len(k.Points)
	if n == 0 || k.Limit == nil || k.Points[0].X != 0 || k.XUnit != "instances" {
		return all
	}
	keeps := func(p *CapacityPoint) bool {
		return p.Y != nil && *p.Y <= *k.Limit && (p.High == nil || *p.High <= *k.Limit)
	}
	least := n
	for least > 0 && keeps(&k.Points[least-1]) {
		least--
	}
	if least == n {
		return all
	}
	return 4 * max(1, k.Points[least].X)
}

// chartUnit is the unit of an axis with how much of the curve's own it is.
func chartUnit(unit string, each func(func(float64))) (per float64, name string) {
	highest := 0.0
	each(func(v float64) { highest = max(highest, v) })
	switch unit {
	case UnitRate:
		name, per = byteUnitFor(highest)
		return per, name
	case UnitSeconds:
		return 1, "s"
	case UnitFraction:
		return 0.01, "%"
	case UnitBytes:
		name, per = byteUnitFor(highest)
		return per, strings.TrimSuffix(name, "/s")
	}
	return 1, unit
}

func (k *CapacityCurve) description() string {
	var words []string
	for _, p := range k.Points {
		if p.Y != nil {
			words = append(words, CapacityAmount(p.X, k.XUnit)+": "+CapacityAmount(*p.Y, k.YUnit))
		}
	}
	return strings.Join(words, "; ") + "."
}
