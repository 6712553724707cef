package reports

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

const (
	ecdfTop    = 10
	ecdfBottom = 270
	// ecdfUnits is the side of the square in which curves are drawn before they
	// are stretched over the plot.
	ecdfUnits = 1000
)

// ecdf draws which fraction of the startups of each arm is ready by when.
func ecdf(id string, r *Report) template.HTML {
	title := fmt.Sprintf("Share of starts ready by a time, by arm (%s)", r.sourceWords())
	c := newChart(id, "ecdf", title, ecdfDescription(r), ecdfBottom+44)
	s := ecdfScale(r)
	c.axis(s, ecdfTop, ecdfBottom, false)
	for _, fraction := range []float64{0, 0.25, 0.5, 0.75, 0.9, 1} {
		y := ecdfY(fraction)
		c.line("grid", "", 0, y, 1, y)
		c.margin("tick", y+4, percent(fraction), "")
	}
	label := "seconds from request to ready"
	if s.logarithmic {
		label += " (logarithmic)"
	}
	c.text("tick", "middle", 0.5, ecdfBottom+36, label)
	c.open("svg", "x", "0", "y", pixels(ecdfTop), "width", "100%", "height", pixels(ecdfBottom-ecdfTop),
		"viewBox", fmt.Sprintf("0 0 %d %d", ecdfUnits, ecdfUnits), "preserveAspectRatio", "none", "overflow", "visible")
	for i := range r.Distributions {
		d := &r.Distributions[i]
		c.mark("path", curveTip(r, d), "class", "mark curve "+armClass(d.Arm, d.Source), "d", curve(d, s))
	}
	c.close("svg")
	for i := range r.Arms {
		c.quantileMarks(r, &r.Arms[i], s)
	}
	return c.html()
}

func ecdfY(fraction float64) float64 {
	return ecdfBottom - fraction*(ecdfBottom-ecdfTop)
}

func ecdfScale(r *Report) scale {
	var lowest, typical, highest time.Duration
	for i, s := range r.Arms {
		first := r.Distributions[i].Points[0].Ready
		if i == 0 {
			lowest, typical = first, s.P50
		}
		lowest, typical, highest = min(lowest, first), min(typical, s.P50), max(highest, s.Slowest)
	}
	return spreadScale(lowest.Seconds(), typical.Seconds(), highest.Seconds())
}

// curve is the path of a step function, in ecdfUnits.
func curve(d *Distribution, s scale) string {
	var b strings.Builder
	fmt.Fprintf(&b, "M0 %d", ecdfUnits)
	for _, p := range d.Points {
		fmt.Fprintf(&b, "H%sV%s", coordinate(s.at(p.Ready.Seconds())*ecdfUnits), coordinate((1-p.Fraction)*ecdfUnits))
	}
	fmt.Fprintf(&b, "H%d", ecdfUnits)
	return b.String()
}

func curveTip(r *Report, d *Distribution) string {
	return fmt.Sprintf("%s: %s %s, half ready within %s", r.armLabel(d.Arm), number(float64(d.Starts)), d.Source+" starts", seconds(d.Quantile(0.5)))
}

func (c *chart) quantileMarks(r *Report, s *Summary, x scale) {
	for _, q := range []struct {
		name     string
		fraction float64
		ready    time.Duration
	}{{"p50", 0.5, s.P50}, {"p90", 0.9, s.P90}, {"p99", 0.99, s.P99}} {
		tip := fmt.Sprintf("%s, %s: %s", r.seriesLabel(s.Arm, s.Source), q.name, seconds(q.ready))
		c.dot(armClass(s.Arm, s.Source), tip, x.at(q.ready.Seconds()), ecdfY(q.fraction))
	}
}

func ecdfDescription(r *Report) string {
	var parts []string
	for _, s := range r.Arms {
		parts = append(parts, fmt.Sprintf("%s: p50 %s, p90 %s, p99 %s of %s.", sentenceWord(r.seriesLabel(s.Arm, s.Source)), seconds(s.P50), seconds(s.P90), seconds(s.P99), count(s.Starts, "start")))
	}
	return strings.Join(parts, " ")
}

// armClass is the style of an arm, by its last word, for measured ones have the image
// before; these are drawn heavier.
func armClass(arm, source string) string {
	class := "a-other"
	switch arm = arm[strings.LastIndexByte(arm, ' ')+1:]; arm {
	case "explicit":
		class = "a-" + simulate.ArmCached
	case simulate.ArmCold, simulate.ArmWarm, simulate.ArmAutomatic, simulate.ArmCached:
		class = "a-" + arm
	}
	if source == simulate.Measured {
		class += " measured"
	}
	return class
}
