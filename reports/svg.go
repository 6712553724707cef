package reports

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// chart is an SVG drawing. Horizontal positions are fractions of its width,
// written as percentages, and vertical ones are pixels: so it takes any width of
// a page and its text keeps its size, without a script. What stands left of the
// plot (names of rows, values of an axis) has a negative x in pixels, in the
// margin that the style sheet leaves for the chart's class.
type chart struct {
	b       strings.Builder
	drawing drawing
	// series is the arm whose marks are drawn now, by its label; empty for none.
	series string
}

// drawing is a finished chart.
type drawing struct {
	// ID is unique on the page, and the stem of the chart's name as a file. Class
	// chooses the margins; Title and Description stand for it to who cannot see it.
	ID, Class, Title, Description string
	Height                        float64
	// ZoomUnit is what its horizontal axis from 0 to ZoomEnd counts, where a part of it
	// can be looked at; else empty.
	ZoomUnit string
	ZoomEnd  float64
	// Body is what stands within it.
	Body template.HTML
}

// HTML is the drawing as a part of a page, as wide as there is room for.
func (d drawing) HTML() template.HTML {
	c := &chart{}
	attributes := []string{"class", "chart " + d.Class, "id", d.ID, "role", "img", "aria-labelledby", d.ID + "-title", "aria-describedby", d.ID + "-desc",
		"width", "100%", "height", pixels(d.Height)}
	if d.ZoomUnit != "" {
		attributes = append(attributes, "data-zoom", coordinate(d.ZoomEnd), "data-unit", d.ZoomUnit)
	}
	c.open("svg", attributes...)
	c.element("title", d.Title, "id", d.ID+"-title")
	c.element("desc", d.Description, "id", d.ID+"-desc")
	c.b.WriteString(string(d.Body))
	return c.html()
}

// has says whether something of exactly these classes is drawn.
func (d drawing) has(classes string) bool {
	return strings.Contains(string(d.Body), ` class="`+classes+`"`)
}

// newChart starts a drawing of a height in pixels. Title and description are
// what a screen reader says in its place; id is unique on the page.
func newChart(id, class, title, description string, height float64) *chart {
	return &chart{drawing: drawing{ID: id, Class: class, Title: title, Description: description, Height: height}}
}

// drawn ends a drawing that newChart started.
func (c *chart) drawn() drawing {
	c.drawing.Body = template.HTML(c.b.String())
	return c.drawing
}

// html ends an element of its own. Everything in it went through element or open, which
// escape.
func (c *chart) html() template.HTML {
	c.close("svg")
	return template.HTML(c.b.String())
}

func (c *chart) open(name string, attributes ...string) {
	c.b.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			c.b.WriteString(" " + attributes[i] + `="` + html.EscapeString(attributes[i+1]) + `"`)
		}
	}
	c.b.WriteString(">")
}

func (c *chart) close(name string) { c.b.WriteString("</" + name + ">") }

func (c *chart) element(name, content string, attributes ...string) {
	c.open(name, attributes...)
	c.b.WriteString(html.EscapeString(content))
	c.close(name)
}

// mark draws a shape with a tooltip, of the series that is drawn now.
func (c *chart) mark(name, tip string, attributes ...string) {
	attributes = append(attributes, "data-s", c.series)
	c.open(name, attributes...)
	if tip != "" {
		c.element("title", tip)
	}
	c.close(name)
}

func (c *chart) bar(class, tip string, from, to, y, height float64) {
	c.mark("rect", tip, "class", class, "x", share100(from), "width", share100(to-from), "y", pixels(y), "height", pixels(height))
}

func (c *chart) line(class, tip string, x1, y1, x2, y2 float64) {
	c.mark("line", tip, "class", class, "x1", share100(x1), "y1", pixels(y1), "x2", share100(x2), "y2", pixels(y2))
}

// text writes at a fraction of the width; anchor is start, middle or end.
func (c *chart) text(class, anchor string, x, y float64, s string) {
	c.element("text", s, "class", class, "text-anchor", anchor, "x", share100(x), "y", pixels(y))
}

// margin writes into the margin left of the plot, its end gap pixels from it.
func (c *chart) margin(class string, y float64, s, tip string) {
	c.open("text", "class", class, "text-anchor", "end", "x", "-8", "y", pixels(y))
	c.b.WriteString(html.EscapeString(s))
	if tip != "" && tip != s {
		c.element("title", tip)
	}
	c.close("text")
}

// share100 writes a fraction as a percentage for SVG.
func share100(fraction float64) string {
	return coordinate(fraction*100) + "%"
}

func pixels(n float64) string { return coordinate(n) }

// coordinate is short and the same on every machine.
func coordinate(n float64) string {
	s := strconv.FormatFloat(n, 'f', 3, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

// scale maps values to fractions of a chart's width.
type scale struct {
	low, high   float64
	logarithmic bool
	ticks       []float64
}

// What a scale can divide: steps and decades of less round to nothing, and of more to
// infinity, so that its ticks would never end.
const leastScaled, mostScaled = 1e-300, 1e300

// linearScale runs from 0 to a little beyond highest.
func linearScale(highest float64) scale {
	if !(highest > leastScaled) {
		highest = 1
	}
	highest = min(highest, mostScaled)
	s := scale{high: highest * 1.02}
	step := niceStep(s.high / 5)
	for i := 0.0; i*step <= s.high; i++ {
		s.ticks = append(s.ticks, i*step)
	}
	return s
}

// spreadScale is linear, or logarithmic where the values differ so much that
// most of them would be squeezed against 0.
func spreadScale(lowest, typical, highest float64) scale {
	highest = min(highest, mostScaled)
	if !(lowest > leastScaled) || !(lowest <= highest) || !(highest >= 12*typical) {
		return linearScale(highest)
	}
	s := scale{low: lowest * 0.9, high: highest * 1.1, logarithmic: true}
	for decade := math.Pow(10, math.Floor(math.Log10(s.low))); decade <= s.high; decade *= 10 {
		for _, digit := range []float64{1, 2, 5} {
			if tick := decade * digit; tick >= s.low && tick <= s.high {
				s.ticks = append(s.ticks, tick)
			}
		}
	}
	return s.thinned()
}

// thinned drops ticks if there are more than 10, keeping powers of ten.
func (s scale) thinned() scale {
	if len(s.ticks) <= 10 {
		return s
	}
	var kept []float64
	for _, tick := range s.ticks {
		if l := math.Log10(tick); math.Abs(l-math.Round(l)) < 1e-9 {
			kept = append(kept, tick)
		}
	}
	s.ticks = kept
	return s
}

// longer is the scale with so much of its length added behind its end.
func (s scale) longer(share float64) scale {
	if s.logarithmic {
		s.high *= math.Pow(s.high/s.low, share)
	} else {
		s.high += (s.high - s.low) * share
	}
	return s
}

// at returns the fraction of the width for value, kept within the chart.
func (s scale) at(value float64) float64 {
	if s.logarithmic {
		value = math.Log(max(value, s.low)/s.low) / math.Log(s.high/s.low)
	} else {
		value = (value - s.low) / (s.high - s.low)
	}
	return min(max(value, 0), 1)
}

// niceStep returns the least of 1, 2, 2.5, 5 times a power of ten that is at
// least atLeast.
func niceStep(atLeast float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(atLeast)))
	for _, digit := range []float64{1, 2, 2.5, 5} {
		if digit*power >= atLeast*(1-1e-9) {
			return digit * power
		}
	}
	return 10 * power
}

// axis draws the scale's gridlines from top to bottom and their values below,
// or above with above set.
func (c *chart) axis(s scale, top, bottom float64, above bool) {
	y := bottom + 16
	if above {
		y = top - 6
	}
	for _, tick := range s.ticks {
		x := s.at(tick)
		c.line("grid", "", x, top, x, bottom)
		c.text("tick", "middle", x, y, trimmed(tick, 3))
	}
}
