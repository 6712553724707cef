package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// margins are what stands left and right of a chart's plot, in pixels, by its class; the
// page's style sheet leaves the same.
var margins = map[string][2]float64{
	"fall": {120, 14}, "ecdf": {48, 12}, "apps": {128, 12}, "held": {6, 8}, "gain": {6, 8},
}

const (
	fileTitle  = 30 // height of the title's line
	fileLegend = 20 // height of a line of the legend
	// letterWidth is about how wide a letter of 12 pixels is.
	letterWidth = 6.6
)

// file is the figure by itself, as an SVG file so many pixels wide: with the page's
// light colours, its title and its legend.
func (f *figure) file(width float64) ([]byte, error) {
	style, err := templates.ReadFile("templates/chart.css")
	if err != nil {
		return nil, err
	}
	d := &f.Drawing
	margin := margins[d.Class]
	c := &chart{}
	lines := f.legendLines(width - 16)
	top := fileTitle + fileLegend*float64(len(lines)) + 12
	height := top + d.Height + 12
	c.open("svg", "xmlns", "http://www.w3.org/2000/svg", "width", pixels(width), "height", pixels(height),
		"viewBox", fmt.Sprintf("0 0 %s %s", pixels(width), pixels(height)), "class", "chart", "role", "img", "aria-labelledby", "title desc",
		"font-family", "system-ui, sans-serif", "font-size", "12")
	c.element("title", d.Title, "id", "title")
	c.element("desc", d.Description, "id", "desc")
	c.element("style", string(style))
	c.mark("rect", "", "width", "100%", "height", "100%", "fill", "#ffffff")
	c.element("text", ellipsis(d.Title, int((width-16)/letterWidth)), "class", "strong", "x", "8", "y", "20")
	for i, line := range lines {
		x, y := 8.0, fileTitle+fileLegend*float64(i)
		for _, k := range line {
			c.open("svg", "x", pixels(x), "y", pixels(y), "width", "40", "height", "16", "overflow", "visible")
			c.b.WriteString(string(k.Sample))
			c.close("svg")
			c.element("text", k.Label, "x", pixels(x+42), "y", pixels(y+11))
			x += k.width()
		}
	}
	c.open("svg", "x", pixels(margin[0]), "y", pixels(top), "width", pixels(width-margin[0]-margin[1]), "height", pixels(d.Height), "overflow", "visible")
	c.b.WriteString(string(d.Body))
	c.close("svg")
	return bytes.Map(showable, bytes.ToValidUTF8([]byte(c.html()+"\n"), []byte("\ufffd"))), nil
}

func (k *key) width() float64 { return 58 + letterWidth*float64(utf8.RuneCountInString(k.Label)) }

// legendLines breaks the legend into lines.
func (f *figure) legendLines(width float64) [][]key {
	var lines [][]key
	x := width + 1
	for _, k := range f.Legend {
		if x+k.width() > width {
			lines, x = append(lines, nil), 0
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], k)
		x += k.width()
	}
	return lines
}

// figures are all charts of the page, in its order.
func (v *view) figures() []*figure {
	list := []*figure{v.Gain, v.Curves}
	for i := range v.Courses {
		list = append(list, &v.Courses[i])
	}
	list = append(list, v.AppDots)
	for i := range v.Held {
		list = append(list, v.Held[i].Figure)
	}
	for i := range v.Falls {
		list = append(list, &v.Falls[i])
	}
	list = append(list, v.HitRate)
	return slices.DeleteFunc(list, func(f *figure) bool { return f == nil })
}

// svgName is what a file of the figure is called.
func (f *figure) svgName() string { return strings.TrimPrefix(f.Drawing.ID, "chart-") + ".svg" }
