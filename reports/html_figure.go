package reports

import (
	"html/template"

	"github.com/cachebench/cachebench/simulate"
)

// figure is a drawing with its caption and legend.
type figure struct {
	Drawing drawing
	// Heading stands above the drawing, Caption below.
	Heading, Caption string
	Legend           []key
}

// key is one entry of a legend. Series is the arm that it stands for, by its label:
// what is drawn of it can be hidden.
type key struct {
	Sample template.HTML
	Label  string
	Series string
}

// explain adds what a class of bars or lines stands for to the legend, where any are drawn.
func (f *figure) explain(shape, class, label string) {
	if f.Drawing.has(class) || f.Drawing.has("mark "+class) {
		f.Legend = append(f.Legend, key{Sample: sample(shape, class), Label: label})
	}
}

// sample draws a legend's key: a piece of what it stands for.
func sample(shape, class string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "28", "height", "12", "aria-hidden", "true")
	if shape == "line" {
		c.mark("line", "", "class", class, "x1", "1", "x2", "27", "y1", "6", "y2", "6")
	} else {
		c.mark("rect", "", "class", class, "x", "1", "y", "1", "width", "26", "height", "10")
	}
	return c.html()
}

// phaseSample is a bar of the phase's colour and height.
func phaseSample(p simulate.Phase) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "28", "height", "12", "aria-hidden", "true")
	height := phaseHeight(p)
	c.mark("rect", "", "class", phaseClass(p), "x", "1", "y", pixels((12-height)/2), "width", "26", "height", pixels(height))
	return c.html()
}

func curveSample(class string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "36", "height", "14", "aria-hidden", "true")
	c.mark("line", "", "class", "curve "+class, "x1", "1", "x2", "35", "y1", "7", "y2", "7")
	c.dot(class, "", 0.5, 7)
	return c.html()
}

// dotSample is the shape of a class of style, such as armClass gives.
func dotSample(class string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "14", "height", "14", "viewBox", "-7 -7 14 14", "aria-hidden", "true")
	c.dot(class, "", 0, 0)
	return c.html()
}
