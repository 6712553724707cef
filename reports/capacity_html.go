package reports

import (
	"fmt"
	"math"
	"slices"
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
		list = append(list, namedFigure{name, &v.Answers[i], v.Answers[i].Legend})
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
		var notes []string
		points, out, beyond := k.drawn()
		if slices.ContainsFunc(points, CapacityPoint.hasInterval) {
			notes = append(notes, "Bars are the intervals of the means over repeats (95 %).")
			if k.cutsInterval(points) {
				notes = append(notes, "One that goes beyond the top is whole in the table.")
			}
		}
		if n := k.neverReady(); n > 0 {
			notes = append(notes, fmt.Sprintf("Not drawn, for some starts are never ready there: %s.", count(n, "value")))
		}
		if k.NotMonotone {
			notes = append(notes, "Not monotone: more does not always bring the same way.")
		}
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
	highestY := top
	for _, p := range points {
		if p.High != nil {
			top = max(top, min(*p.High/yPer, mostIntervalAway*highestY))
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
	x, y := spreadScale(lowest, typical, highest), linearScale(top*headroom)
	at := func(v float64) float64 { return courseBottom - y.at(v/yPer)*(courseBottom-courseTop) }
	c.axis(x.within(), courseTop, courseBottom, false)
	for _, tick := range y.ticks {
		c.line("grid", "", 0, at(tick*yPer), 1, at(tick*yPer))
		c.margin("tick", at(tick*yPer)+4, trimmed(tick, 3), "")
	}
	c.text("tick", "start", 0, courseTop-9, k.Figure+" ("+yUnit+")")
	c.text("tick", "middle", 0.5, courseBottom+36, axisName(k.Parameter, xUnit))
	within := func(v float64) bool { return v >= points[0].X && v <= points[len(points)-1].X }
	if k.Now != nil && len(points) > 0 && within(*k.Now) {
		c.upright("wait", x.at(*k.Now/xPer), at(k.near(*k.Now)), 0, "now, "+CapacityAmount(*k.Now, k.XUnit))
	}
	from, words := k.metWords()
	if k.Named != nil {
		from, words = *k.Named, "named by the answer, "+CapacityAmount(*k.Named, k.XUnit)
	}
	if words != "" && within(from) {
		c.upright("bound", x.at(from/xPer), at(k.near(from)), 1, words)
	}
	var lastX, lastY float64
	drawn := false
	names := k.names(points)
	for i, p := range points {
		if p.Y == nil {
			drawn = false
			continue
		}
		px, py := x.at(p.X/xPer), at(*p.Y)
		if p.hasInterval() {
			c.line("mark whisker a-cached", "interval, "+CapacityAmount(*p.Low, k.YUnit)+" to "+CapacityAmount(*p.High, k.YUnit), px, at(max(0, *p.Low)), px, at(*p.High))
		}
		if drawn {
			c.line("mark curve a-cached", k.Figure, lastX, lastY, px, py)
		}
		c.dot("a-cached", names[i]+": "+k.words(&p), px, py)
		lastX, lastY, drawn = px, py, true
	}
	if limit != nil {
		c.line("capacity", "limit "+CapacityLimit(*limit, k.YUnit), 0, at(*limit), 1, at(*limit))
	}
	return c.drawn()
}

// headroom keeps the highest marks of a curve off the words above.
const headroom = 1.08

// axisName is what an axis counts, with its unit where the name does not end with it.
func axisName(name, unit string) string {
	if unit == "" || name == unit || strings.HasSuffix(name, " "+unit) {
		return name
	}
	return name + " (" + unit + ")"
}

// upright draws a line from top to bottom of a curve's plot, with words in a row of their own
// beside it: on the side that has room, and above or below the curve, which is at height near.
func (c *chart) upright(class string, x, near float64, row int, words string) {
	const rowHeight = 16
	anchor, aside := "start", 5.0
	if x > 0.6 {
		anchor, aside = "end", -5
	}
	y := float64(courseTop + 10 + rowHeight*row)
	if near < (courseTop+courseBottom)/2 {
		y = float64(courseBottom - 6 - rowHeight*row)
	}
	c.line(class, words, x, courseTop, x, courseBottom)
	c.element("text", words, "class", "halo", "text-anchor", anchor, "x", share100(x), "dx", pixels(aside), "y", pixels(y))
}

// near is the figure of the point nearest to x.
func (k *CapacityCurve) near(x float64) float64 {
	var y float64
	nearest := math.Inf(1)
	for _, p := range k.Points {
		if away := math.Abs(p.X - x); p.Y != nil && away < nearest {
			nearest, y = away, *p.Y
		}
	}
	return y
}

// mostIntervalAway is how far above the highest point an interval is drawn, so that it does not
// squeeze the curve against 0.
const mostIntervalAway = 4

// cutsInterval says that an interval of the points goes beyond the chart.
func (k *CapacityCurve) cutsInterval(points []CapacityPoint) bool {
	top := 0.0
	for _, p := range points {
		if p.Y != nil {
			top = max(top, *p.Y)
		}
	}
	if limit := k.limitDrawn(); limit != nil {
		top = max(top, *limit/mostIntervalAway)
	}
	return slices.ContainsFunc(points, func(p CapacityPoint) bool { return p.hasInterval() && *p.High > mostIntervalAway*top })
}

func (p CapacityPoint) hasInterval() bool {
	return p.Y != nil && p.Low != nil && p.High != nil && hasWidth(*p.Low, *p.High)
}

// metWords say from which value on the limit is met, or up to which, as the table has it;
// empty where it is met by all values, by none, or by others now and again.
func (k *CapacityCurve) metWords() (at float64, words string) {
	if k.Limit == nil || k.NotMonotone {
		return 0, ""
	}
	turn := -1
	for i := 1; i < len(k.Points); i++ {
		if k.meets(i) == k.meets(i-1) {
			continue
		}
		if turn >= 0 {
			return 0, ""
		}
		turn = i
	}
	switch {
	case turn < 0:
		return 0, ""
	case k.meets(turn):
		at = k.Points[turn].X
		return at, "met from " + CapacityNeeded(at, k.XUnit)
	}
	at = k.Points[turn-1].X
	return at, "met up to " + CapacityAmount(at, k.XUnit)
}

// meets says whether a point keeps the limit with the whole of its interval, or as it is judged.
func (k *CapacityCurve) meets(i int) bool {
	p := &k.Points[i]
	switch {
	case p.Y == nil:
		return false
	case p.Verdict != "":
		return p.Verdict == CapacityMet
	}
	f := CapacityFigure{Value: *p.Y, Low: p.Low, High: p.High, Limit: k.Limit}
	return f.Verdict() == CapacityMet
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
	names := k.names(k.Points)
	for i, p := range k.Points {
		if p.Y != nil {
			words = append(words, names[i]+": "+k.words(&p))
		}
	}
	return strings.Join(words, "; ") + "."
}

// words are a point's figure without its interval, with as many digits as tell it from the
// limit.
func (k *CapacityCurve) words(p *CapacityPoint) string {
	return (&CapacityFigure{Unit: k.YUnit, Value: *p.Y, Limit: k.Limit}).Words()
}
