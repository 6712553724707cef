package reports

import (
	"fmt"
	"math"
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
func ecdf(id string, r *Report) drawing {
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
		if margin := r.curveMargin(d); margin > 0 {
			c.series = r.seriesLabel(d.Arm, d.Source)
			c.mark("path", "", "class", "band "+armClass(d.Arm, d.Source), "d", curveBand(d, margin, s))
		}
	}
	for i := range r.Distributions {
		d := &r.Distributions[i]
		c.series = r.seriesLabel(d.Arm, d.Source)
		c.mark("path", curveTip(r, d), "class", "mark curve "+armClass(d.Arm, d.Source), "d", curve(d, s))
	}
	c.close("svg")
	for i := range r.Arms {
		c.quantileIntervals(r, &r.Arms[i], s)
		c.quantileMarks(r, &r.Arms[i], s)
	}
	c.series = ""
	return c.drawn()
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

// bandLevel is how sure the bands of curves are.
const bandLevel = 0.95

// curveMargin is how far above and below the curve of starts that are independent of
// each other the true one may be, with bandLevel (Dvoretzky, Kiefer and Wolfowitz, with
// Massart's constant). It is 0 where the intervals are over repeats.
func (r *Report) curveMargin(d *Distribution) float64 {
	if len(r.Repeats) > 0 && r.Repeats[0].Repeats > 1 || d.Starts < 2 {
		return 0
	}
	return math.Sqrt(math.Log(2/(1-bandLevel)) / (2 * float64(d.Starts)))
}

// curveBand is the area so far above and below a curve, from its first step to its
// last, in ecdfUnits.
func curveBand(d *Distribution, margin float64, s scale) string {
	var b strings.Builder
	y := func(fraction float64) string { return tenth((1 - min(max(fraction, 0), 1)) * ecdfUnits) }
	x := func(p DistributionPoint) string { return tenth(s.at(p.Ready.Seconds()) * ecdfUnits) }
	fmt.Fprintf(&b, "M%s %s", x(d.Points[0]), y(margin))
	for _, p := range d.Points {
		fmt.Fprintf(&b, "H%sV%s", x(p), y(p.Fraction+margin))
	}
	for i := len(d.Points) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "V%sH%s", y(d.Points[i].Fraction-margin), x(d.Points[i]))
	}
	b.WriteString("Z")
	return b.String()
}

// quantileIntervals draws the intervals of p50, p90 and p99 over repeats, with ends.
func (c *chart) quantileIntervals(r *Report, s *Summary, x scale) {
	all := r.repeatsOf(s)
	if all == nil {
		return
	}
	c.series = r.seriesLabel(s.Arm, s.Source)
	for _, q := range []struct {
		name     string
		fraction float64
		simulate.Statistic
	}{{"p50", 0.5, all.P50}, {"p90", 0.9, all.P90}, {"p99", 0.99, all.P99}} {
		i := q.Interval()
		if i == nil {
			continue
		}
		y, from, to := ecdfY(q.fraction), x.at(i.Low), x.at(i.High)
		class := "mark whisker " + armClass(s.Arm, s.Source)
		tip := fmt.Sprintf("%s, %s: mean of %s %s, from %s to %s (%s)", c.series, q.name, count(all.Repeats, "repeat"), secondsOf(i.Value), secondsOf(i.Low), secondsOf(i.High), percent(i.Level))
		c.line(class, tip, from, y, to, y)
		c.line(class, tip, from, y-5, from, y+5)
		c.line(class, tip, to, y-5, to, y+5)
	}
}

// curvesNote says what the intervals of the curves are.
func (r *Report) curvesNote() string {
	if len(r.Repeats) > 0 && r.Repeats[0].Repeats > 1 {
		return fmt.Sprintf("Lines with ends are the intervals of p50, p90 and p99 over %s (%s).", count(r.Repeats[0].Repeats, "repeat"), percent(bandLevel))
	}
	for i := range r.Distributions {
		if r.curveMargin(&r.Distributions[i]) > 0 {
			return fmt.Sprintf("Bands are where the curves may be (%s) if the starts are independent of each other; of starts that share a link or a cache they tell too little.", percent(bandLevel))
		}
	}
	return ""
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
		c.series = r.seriesLabel(s.Arm, s.Source)
		tip := fmt.Sprintf("%s, %s: %s", c.series, q.name, seconds(q.ready))
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
