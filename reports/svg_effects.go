package reports

import (
	"fmt"
	"math"
	"strings"
)

const (
	// maxEffectRows bounds the parameters drawn; the table has more.
	maxEffectRows = 20
	effectHeight  = 8
	// lessClass and moreClass are the bars of half and of twice a value. The one of half
	// lies above the other, so that colour is not all that tells them apart.
	lessClass = "a-automatic"
	moreClass = "a-cached"
)

// effectsChart draws by how much half and twice the value of each parameter move the answer,
// the largest first.
func effectsChart(id string, c *Capacity) drawing {
	shown := c.Effects[:min(len(c.Effects), maxEffectRows)]
	bottom := float64(planTop + planRowHeight*len(shown))
	var low, high float64
	var words []string
	for i := range shown {
		for _, f := range []*CapacityFigure{shown[i].Less, shown[i].More} {
			if f != nil {
				from, to := f.ends()
				low, high = min(low, from), max(high, to)
			}
		}
		words = append(words, shown[i].Parameter+": "+shown[i].words())
	}
	now, limit := c.turning()
	if limit != nil && math.Abs(*limit) > mostLimitAway*max(-low, high) {
		limit = nil
	}
	if limit != nil {
		low, high = min(low, *limit), max(high, *limit)
	}
	chart := newChart(id, "gain", "What half and twice the value of each parameter change (simulated)", strings.Join(words, "; ")+".", bottom+40)
	s := spanScale(low, high)
	chart.axis(s, planTop, bottom, false)
	than := ""
	if now != nil {
		than = " than " + CapacityAmount(now.Value, now.Unit)
	}
	chart.text("tick", "middle", 0.5, bottom+34, "seconds sooner (left of 0) or later (right)"+than)
	if limit != nil {
		chart.turn(s, now, *limit, bottom)
	}
	for i := range shown {
		chart.effectRow(&shown[i], s, float64(planTop+planRowHeight*i))
	}
	return chart.drawn()
}

// mostLimitAway is how far beyond the longest bar a limit is still drawn, so that it does not
// squeeze the bars.
const mostLimitAway = 1.5

// turning are the answer as it is, and how much later than it the limit is; nil where there is
// no such figure, or no limit.
func (c *Capacity) turning() (now *CapacityFigure, limit *float64) {
	for i := range c.Figures {
		f := &c.Figures[i]
		if f.Unit != UnitSeconds {
			continue
		}
		if f.Limit != nil {
			away := *f.Limit - f.Value
			return f, &away
		}
		if now == nil {
			now = f
		}
	}
	return now, nil
}

// turn draws above and across the bars where the limit of a figure is, which the verdict turns
// at.
func (c *chart) turn(s scale, f *CapacityFigure, away, bottom float64) {
	words := "limit, " + CapacityLimit(*f.Limit, f.Unit)
	x := s.at(away)
	anchor := "middle"
	if x < 0.15 {
		anchor = "start"
	} else if x > 0.85 {
		anchor = "end"
	}
	c.line("bound", words, x, planTop-8, x, bottom)
	c.text("strong", anchor, x, planTop-12, words)
}

func (c *chart) effectRow(e *CapacityEffect, s scale, y float64) {
	c.open("text", "class", "row halo", "text-anchor", "start", "x", "0", "y", pixels(y+14))
	c.element("tspan", ellipsis(e.Parameter, 42))
	c.element("tspan", " "+e.words(), "class", "tick")
	c.element("title", e.Parameter)
	c.close("text")
	for i, bar := range []struct {
		figure       *CapacityFigure
		class, value string
	}{{e.Less, lessClass, "half"}, {e.More, moreClass, "twice"}} {
		if bar.figure == nil {
			continue
		}
		tip := fmt.Sprintf("%s at %s its value: %s", e.Parameter, bar.value, signedSeconds(bar.figure))
		top := y + 19 + float64(11*i)
		c.span("mark "+bar.class, tip, s, 0, bar.figure.Value, top, effectHeight)
		if from, to := bar.figure.ends(); from < to {
			c.line("mark "+bar.class, "interval", s.at(from), top+effectHeight/2, s.at(to), top+effectHeight/2)
		}
	}
	c.line("zero", "", s.at(0), y+17, s.at(0), y+40)
}

// words are both changes; one that cannot be is left out.
func (e *CapacityEffect) words() string {
	var words []string
	if e.Less != nil {
		words = append(words, "half "+signedSeconds(e.Less))
	}
	if e.More != nil {
		words = append(words, "twice "+signedSeconds(e.More))
	}
	if e.Unclear {
		words = append(words, "not told from chance")
	}
	return strings.Join(words, ", ")
}

// ends are the ends of f's interval, or its value twice.
func (f *CapacityFigure) ends() (low, high float64) {
	low, high = f.Value, f.Value
	if f.Low != nil {
		low = min(low, *f.Low)
	}
	if f.High != nil {
		high = max(high, *f.High)
	}
	return low, high
}

// effectsFigure is nil where no parameter was changed or none moves the answer.
func effectsFigure(c *Capacity) *figure {
	moves := false
	for i := range c.Effects {
		moves = moves || c.Effects[i].Swing != 0
	}
	if !moves {
		return nil
	}
	f := &figure{Drawing: effectsChart("chart-effects", c), Heading: "What one parameter changes, the others staying"}
	f.explain("bar", lessClass, "half the value")
	f.explain("bar", moreClass, "twice the value")
	if rest := len(c.Effects) - maxEffectRows; rest > 0 {
		f.Caption = fmt.Sprintf("The %d that move it most; the table has %d more.", maxEffectRows, rest)
	}
	return f
}
