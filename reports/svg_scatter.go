package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// beside is one time that was both measured and predicted.
type beside struct {
	name                string
	class               string // what it is one of; told apart by shape
	arm                 string // of a start, whose shape and colour it has; else empty
	measured, predicted float64
	runs                int
}

func (b *beside) error() float64 { return b.predicted/b.measured - 1 }

func (b *beside) tip(predicted string) string {
	return fmt.Sprintf("%s: measured %s, %s %s, error %s", b.name, secondsOf(b.measured), predicted, secondsOf(b.predicted), signedPercent(b.error()))
}

func signedPercent(f float64) string { return signedErrors([]float64{f})[0] }

// meanError is the mean of the absolute errors, and what is left of them with their signs.
func meanError(list []beside) (mean, bias float64) {
	for i := range list {
		e := list[i].error()
		mean, bias = mean+math.Abs(e), bias+e
	}
	n := float64(max(1, len(list)))
	return mean / n, bias / n
}

const (
	scatterTop    = 12
	scatterBottom = 372
)

// classesOf are the classes of points, in order of name.
func classesOf(list []beside) []string {
	var classes []string
	for i := range list {
		if !slices.Contains(classes, list[i].class) {
			classes = append(classes, list[i].class)
		}
	}
	slices.Sort(classes)
	return classes
}

// shape is that of the point's arm, as in all other charts; where it is of no arm, one of
// four shapes, of as many colours, by its class.
func (b *beside) shape(classes []string) string {
	if b.arm != "" {
		return armClass(b.arm, "")
	}
	return []string{"a-cached", "a-automatic", "a-cold", "a-warm"}[slices.Index(classes, b.class)%4]
}

// scatter draws predicted against measured times: on the line they are the same, between
// the dashed ones at most a tenth apart.
func scatter(id, title, predicted string, list []beside) drawing {
	mean, bias := meanError(list)
	c := newChart(id, "scatter", title, fmt.Sprintf("%s; mean absolute error %s, bias %s.", count(len(list), "point"), percent(mean), signedPercent(bias)), scatterBottom+44)
	lowest, highest := math.Inf(1), 0.0
	for i := range list {
		lowest, highest = min(lowest, list[i].measured, list[i].predicted), max(highest, list[i].measured, list[i].predicted)
	}
	s := spreadScale(lowest, max(lowest, 1e-9), highest)
	y := func(v float64) float64 { return scatterBottom - s.at(v)*(scatterBottom-scatterTop) }
	c.axis(s, scatterTop, scatterBottom, false)
	for _, tick := range s.ticks {
		c.line("grid", "", 0, y(tick), 1, y(tick))
		c.margin("tick", y(tick)+4, trimmed(tick, 3), "")
	}
	label := "measured, seconds"
	if s.logarithmic {
		label += " (both logarithmic)"
	}
	c.text("tick", "middle", 0.5, scatterBottom+36, label)
	c.text("tick halo", "start", 0.01, scatterTop+10, predicted+", seconds")
	c.open("svg", "x", "0", "y", pixels(scatterTop), "width", "100%", "height", pixels(scatterBottom-scatterTop),
		"viewBox", fmt.Sprintf("0 0 %d %d", ecdfUnits, ecdfUnits), "preserveAspectRatio", "none", "overflow", "visible")
	for _, line := range []struct {
		class, tip string
		factor     float64
	}{{"same", "predicted is what was measured", 1}, {"tenth", "predicted a tenth longer", 1.1}, {"tenth", "predicted a tenth shorter", 0.9}} {
		var b strings.Builder
		step := "M"
		for k := range 65 {
			v := s.low + (s.high-s.low)*float64(k)/64
			if s.logarithmic {
				v = s.low * math.Pow(s.high/s.low, float64(k)/64)
			}
			if v*line.factor > s.high {
				break
			}
			fmt.Fprintf(&b, "%s%s %s", step, tenth(s.at(v)*ecdfUnits), tenth((1-s.at(v*line.factor))*ecdfUnits))
			step = "L"
		}
		c.mark("path", line.tip, "class", "guide "+line.class, "d", b.String())
	}
	c.close("svg")
	classes := classesOf(list)
	for i := range list {
		p := &list[i]
		c.series = p.class
		c.dot(p.shape(classes), p.tip(predicted), s.at(p.measured), y(p.predicted))
	}
	c.series = ""
	return c.drawn()
}

// scatterFigure is nil where nothing stands beside anything.
func scatterFigure(id, title, predicted string, list []beside) *figure {
	list = slices.DeleteFunc(slices.Clone(list), func(b beside) bool { return !(b.measured > 0) || !(b.predicted > 0) })
	if len(list) == 0 {
		return nil
	}
	mean, bias := meanError(list)
	f := &figure{Drawing: scatter(id, title, predicted, list)}
	f.Caption = fmt.Sprintf("On the line, %s is what was measured; the dashed lines are a tenth off. Mean absolute error %s, bias %s (below 0: too short) over %s.",
		predicted, percent(mean), signedPercent(bias), count(len(list), "point"))
	classes := classesOf(list)
	for _, class := range classes {
		if class != "" {
			one := &list[slices.IndexFunc(list, func(b beside) bool { return b.class == class })]
			f.Legend = append(f.Legend, key{dotSample(one.shape(classes)), class, class})
		}
	}
	f.Legend = append(f.Legend, key{Sample: sample("line", "guide same"), Label: "no error"}, key{Sample: sample("line", "guide tenth"), Label: "10 % off"})
	return f
}
