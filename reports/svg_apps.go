package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

const (
	appsTop       = 22
	appsRowHeight = 26
	// maxAppRows bounds the apps drawn; the table has more.
	maxAppRows = 30
)

// appDot is the time of one arm of an app.
type appDot struct {
	arm   string
	ready *time.Duration
}

func dots(a *App) []appDot {
	return []appDot{{simulate.ArmCold, a.Cold}, {simulate.ArmWarm, a.Warm}, {simulate.ArmAutomatic, a.Automatic}, {simulate.ArmCached, a.Planned}}
}

// appArms are the arms that tables of apps have columns of, as places in dots: all,
// warm only where an app has it.
func (r *Report) appArms() []int {
	if slices.ContainsFunc(r.Apps, func(a App) bool { return a.Warm != nil }) {
		return []int{0, 1, 2, 3}
	}
	return []int{0, 2, 3}
}

// appsChart draws the mean time to ready of each app as a dot for each arm.
func appsChart(id string, r *Report) drawing {
	shown := r.Apps[:min(len(r.Apps), maxAppRows)]
	bottom := float64(appsTop + appsRowHeight*len(shown))
	title := fmt.Sprintf("Mean time to ready by app and arm (%s)", appSource(shown))
	c := newChart(id, "apps", title, appsDescription(r, shown), bottom+26)
	s := appsScale(shown)
	c.axis(s, appsTop, bottom, true)
	for i := range shown {
		c.appRow(r, &shown[i], s, float64(appsTop+appsRowHeight*i)+appsRowHeight/2)
	}
	label := "seconds from request to ready"
	if s.logarithmic {
		label += " (logarithmic)"
	}
	c.text("tick", "end", 1, bottom+18, label)
	return c.drawn()
}

func appsScale(list []App) scale {
	var lowest, highest, sum float64
	n := 0.0
	for i := range list {
		for _, d := range dots(&list[i]) {
			if d.ready == nil {
				continue
			}
			v := d.ready.Seconds()
			if n == 0 {
				lowest = v
			}
			lowest, highest, sum, n = min(lowest, v), max(highest, v), sum+v, n+1
		}
	}
	return spreadScale(lowest, max(lowest, 1e-9), highest)
}

func (c *chart) appRow(r *Report, a *App, s scale, y float64) {
	label := r.appLabel(a)
	name := a.Name
	if slices.ContainsFunc(r.Apps, func(b App) bool { return b.Name == a.Name && b.Source != a.Source }) {
		name = label
	}
	c.margin("row", y+4, ellipsis(name, 15), label)
	c.line("row-line", "", 0, y, 1, y)
	lowest, highest := 1.0, 0.0
	for _, d := range dots(a) {
		if d.ready != nil {
			x := s.at(d.ready.Seconds())
			lowest, highest = min(lowest, x), max(highest, x)
		}
	}
	if lowest < highest {
		c.line("link", "", lowest, y, highest, y)
	}
	for _, d := range dots(a) {
		if d.ready != nil {
			tip := fmt.Sprintf("%s, %s: %s (%s)", a.Name, r.armLabel(d.arm), seconds(*d.ready), a.Source)
			c.series = r.seriesLabel(d.arm, a.Source)
			c.dot(armClass(d.arm, ""), tip, s.at(d.ready.Seconds()), y)
		}
	}
	c.series = ""
}

// dot draws an arm's own shape, so that colour is not all that tells them apart:
// a ring, a diamond about it, a square within it, a disc within that.
func (c *chart) dot(class, tip string, x, y float64) {
	switch arm, _, _ := strings.Cut(class, " "); arm {
	case "a-cold":
		c.mark("circle", tip, "class", "mark ring "+class, "cx", share100(x), "cy", pixels(y), "r", "6")
	case "a-warm":
		c.open("svg", "x", share100(x), "y", pixels(y), "overflow", "visible")
		c.mark("path", tip, "class", "mark ring "+class, "d", "M0 -8L8 0L0 8L-8 0Z")
		c.close("svg")
	case "a-automatic":
		c.open("svg", "x", share100(x), "y", pixels(y), "overflow", "visible")
		c.mark("rect", tip, "class", "mark "+class, "x", "-4", "y", "-4", "width", "8", "height", "8")
		c.close("svg")
	default:
		c.mark("circle", tip, "class", "mark "+class, "cx", share100(x), "cy", pixels(y), "r", "3.5")
	}
}

func appsDescription(r *Report, list []App) string {
	text := fmt.Sprintf("%s.", count(len(r.Apps), "app"))
	for i := range list[:min(len(list), 5)] {
		text += " " + r.appLabel(&list[i]) + ":"
		for _, d := range dots(&list[i]) {
			if d.ready != nil {
				text += fmt.Sprintf(" %s %s", r.armLabel(d.arm), seconds(*d.ready))
			}
		}
		text += "."
	}
	return text
}
