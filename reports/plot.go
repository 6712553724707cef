package reports

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// Plot is a chart of a result by itself: a drawing with its title, its legend and where its
// numbers come from, that needs no page around it.
type Plot struct {
	// Name is of a file without its ending, such as waterfall-cold; no two plots of a result
	// have the same.
	Name string
	// Title has no control letters: it can be written to a terminal.
	Title string
	SVG   []byte
}

// Plots are the charts that the page of r has, in its order.
func Plots(r *Report) ([]Plot, error) {
	return plotsOf(viewOf(r).charts(r), plotSource(r))
}

// plotSource is the last line of a plot: by what it was made. That times are simulated or
// measured is in the plot's title, for not all of a report need be the one.
func plotSource(r *Report) string {
	words := openingWords(r)
	if s := r.sourceWords(); s != "" {
		words = slices.DeleteFunc(words, func(word string) bool { return word == s })
	}
	return strings.Join(words, " · ")
}

// CalibrationPlots are the charts of the page of c.
func CalibrationPlots(c *calibrate.Calibration) ([]Plot, error) {
	v := calibrationView(c)
	words := []string{v.Title, "profile " + c.Profile, fmt.Sprintf("seed %d", c.Provenance.Seed)}
	if c.Provenance.Version != "" {
		words = append(words, "cachebench "+c.Provenance.Version)
	}
	return plotsOf(v.charts(&Report{}), strings.Join(words, " · "))
}

// namedFigure is a figure of the page, with the name of its files and the legend that it has
// in common with others.
type namedFigure struct {
	name   string
	figure *figure
	legend []key
}

// charts are the figures of a view.
func (v *view) charts(r *Report) []namedFigure {
	var list []namedFigure
	add := func(name string, f *figure, legend ...key) {
		if f != nil {
			list = append(list, namedFigure{name, f, append(slices.Clone(legend), f.Legend...)})
		}
	}
	add("gain", v.Gain)
	add("money", v.Money)
	for i := range v.Pools {
		add("pool-"+r.Plan.Pools[i].Name, v.Pools[i].Gain)
	}
	add("startups", v.Curves)
	courses := r.courses()
	for i := range v.Courses {
		add("course-"+courses[i].name, &v.Courses[i], v.CourseLegend...)
	}
	add("simulated-measured", v.Beside)
	add("apps", v.AppDots)
	for i := range v.Held {
		x := &r.Explanations[i]
		add("held-"+x.App+"-"+r.armLabel(x.Arm), v.Held[i].Figure)
	}
	for i := range v.Falls {
		add("waterfall-"+r.armLabel(r.Waterfalls[i].Arm), &v.Falls[i], v.FallLegend...)
	}
	add("hit-rate", v.HitRate)
	add("changed-layers", v.ComparedChart)
	for i := range v.Sharing {
		add("layers-"+r.Sharing.Sets[i].Platform, v.Sharing[i].Holders)
	}
	return list
}

// plotsOf draws figures by themselves; source is what each says it was made by.
func plotsOf(figures []namedFigure, source string) ([]Plot, error) {
	sheet, err := templates.ReadFile("templates/chart.css")
	if err != nil {
		return nil, err
	}
	var own strings.Builder
	for _, r := range plotRules {
		own.WriteString(r.selector + " { " + r.declarations + " }\n")
	}
	rules := chartRules(string(sheet) + own.String())
	var list []Plot
	taken := make(map[string]bool)
	for i := range figures {
		f := &figures[i]
		name := fileWord(f.name)
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", fileWord(f.name), n)
		}
		taken[name] = true
		list = append(list, Plot{Name: name, Title: printable(f.figure.Drawing.Title), SVG: f.alone(rules, source)})
	}
	return list, nil
}

// fileWord makes a name of lower-case letters, digits and single hyphens, of at most 60.
func fileWord(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case b.Len() >= 60:
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return cmpOr(strings.Trim(b.String(), "-"), "chart")
}

var (
	svgTagForm    = regexp.MustCompile(`^<svg ([^>]*)>`)
	attributeForm = regexp.MustCompile(`([a-zA-Z-]+)="([^"]*)"`)
)

// svgAttributes are those of the element that a drawing is.
func svgAttributes(drawing template.HTML) map[string]string {
	attributes := make(map[string]string)
	if m := svgTagForm.FindStringSubmatch(string(drawing)); m != nil {
		for _, a := range attributeForm.FindAllStringSubmatch(m[1], -1) {
			attributes[a[1]] = html.UnescapeString(a[2])
		}
	}
	return attributes
}

const (
	plotWidth  = 960
	plotMargin = 20
	// plotLetter is more than the mean width of a letter, as a share of the size of its font:
	// a text of so many letters has room.
	plotLetter = 0.55
)

// sheetLines are the lines of a text in a font of a size across a plot.
func sheetLines(s string, size float64) []string {
	room := int((plotWidth - 2*plotMargin) / (plotLetter * size))
	var lines []string
	for _, word := range strings.Fields(printable(s)) {
		if last := len(lines) - 1; last >= 0 && columns(lines[last])+1+columns(word) <= room {
			lines[last] += " " + word
			continue
		}
		lines = append(lines, ellipsis(word, room))
	}
	return lines
}

// alone draws a figure with its words around it on white: nothing of it depends on a page's
// style or fonts, and programs that know no style variables show it as browsers do.
func (f *namedFigure) alone(rules []chartRule, source string) []byte {
	d := &f.figure.Drawing
	c := &chart{}
	y := float64(plotMargin)
	words := func(class, text string, size float64) {
		for _, line := range sheetLines(text, size) {
			y += size * 1.3
			c.element("text", line, "class", class, "x", pixels(plotMargin), "y", pixels(y))
		}
	}
	words("plot-title", d.Title, 17)
	if !strings.HasPrefix(d.Title, f.figure.Heading) {
		words("plot-heading", f.figure.Heading, 13)
	}
	y += 12
	y = c.plotLegend(f.legend, y)
	side := margins[d.Class]
	c.open("svg", "class", "chart "+d.Class, "x", pixels(plotMargin+side[0]), "y", pixels(y), "width", pixels(plotWidth-2*plotMargin-side[0]-side[1]), "height", pixels(d.Height), "overflow", "visible")
	c.element("desc", d.Description)
	c.b.WriteString(string(d.Body))
	c.close("svg")
	y += d.Height + 4
	words("plot-note", f.figure.Caption, 12)
	words("plot-note", source, 12)
	height := y + plotMargin

	body := c.b.String()
	page := &chart{}
	page.open("svg", "xmlns", "http://www.w3.org/2000/svg", "width", pixels(plotWidth), "height", pixels(height),
		"viewBox", "0 0 "+pixels(plotWidth)+" "+pixels(height), "role", "img", "aria-label", d.Title,
		"font-family", `"Liberation Sans", Arial, Helvetica, sans-serif`)
	page.b.WriteString("<style>" + chartStyle(rules, body) + "</style>")
	page.open("rect", "width", "100%", "height", "100%", "fill", "#ffffff")
	page.close("rect")
	page.b.WriteString(body)
	page.close("svg")
	data := bytes.Map(showableInXML, bytes.ToValidUTF8([]byte(page.b.String()), []byte("\ufffd")))
	return append(data, '\n')
}

// showableInXML is showable, without the two letters that XML forbids beside.
func showableInXML(r rune) rune {
	if r == '\ufffe' || r == '\uffff' {
		return '\ufffd'
	}
	return showable(r)
}

// plotLegend draws the entries of a legend from y on, in as many lines as they take, and
// returns where it ends.
func (c *chart) plotLegend(list []key, y float64) float64 {
	const size, line = 13, 20
	x := float64(plotMargin)
	for i, k := range list {
		at := svgAttributes(k.Sample)
		width, _ := strconv.ParseFloat(at["width"], 64)
		height, _ := strconv.ParseFloat(at["height"], 64)
		label := printable(k.Label)
		wide := width + 6 + plotLetter*size*float64(columns(label)) + 16
		if i > 0 && x+wide > plotWidth-plotMargin {
			x, y = plotMargin, y+line
		}
		c.open("svg", "x", pixels(x), "y", pixels(y+(line-height)/2-1), "width", pixels(width), "height", pixels(height), "overflow", "visible")
		c.b.WriteString(strings.Replace(string(k.Sample), "<svg ", `<svg overflow="visible" `, 1))
		c.close("svg")
		c.element("text", label, "class", "plot-key", "x", pixels(x+width+6), "y", pixels(y+line/2+4))
		x += wide
	}
	if len(list) > 0 {
		y += line + 8
	}
	return y
}
