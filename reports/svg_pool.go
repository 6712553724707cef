package reports

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// poolFigure draws what holding each further image spares a node pool, with the proven
// bound; nil where no image is held.
func poolFigure(id string, x *plan.Pool) *figure {
	if len(x.Images) == 0 {
		return nil
	}
	shown := x.Images[:min(len(x.Images), maxPlanRows)]
	last := &x.Images[len(x.Images)-1]
	most := max(x.BoundSeconds, last.CumulativeSeconds)
	bottom := float64(planTop + planRowHeight*len(shown))
	unit, name := planUnit(most)
	description := fmt.Sprintf("%s on each of %s spare %s of pulling a month; no choice can spare more than %s.", count(len(x.Images), "image"), count(x.Nodes, "node"), longTime(last.CumulativeSeconds), longTime(x.BoundSeconds))
	c := newChart(id, "gain", "Pulling spared a month in node pool "+x.Name+", image by image (estimated)", description, bottom+40)
	s := linearScale(float64(most) / float64(unit))
	at := func(d time.Duration) float64 { return s.at(float64(d) / float64(unit)) }
	c.axis(s, planTop, bottom, false)
	c.text("tick", "middle", 0.5, bottom+34, name+" of pulling spared a month")
	for i := range shown {
		img := &shown[i]
		y := float64(planTop + planRowHeight*i)
		c.open("text", "class", "row halo", "text-anchor", "start", "x", "0", "y", pixels(y+16))
		c.element("tspan", fmt.Sprintf("%d. %s ", i+1, ellipsis(shortReference(img.Reference), 22)))
		c.element("tspan", fmt.Sprintf(" %s for %s", signedTime(img.SavedSeconds), size(img.AddedBytes)), "class", "tick")
		c.element("title", img.Reference)
		c.close("text")
		before := img.CumulativeSeconds - img.SavedSeconds
		if before > 0 {
			c.bar("before", "spared by the images before: "+longTime(before), 0, at(before), y+22, 14)
		}
		tip := fmt.Sprintf("%s spares %s a month, %s with those before; it adds %s to each node's disk, %s with those before", img.Reference,
			longTime(img.SavedSeconds), longTime(img.CumulativeSeconds), size(img.AddedBytes), size(img.CumulativeBytes))
		from, to := at(before), at(img.CumulativeSeconds)
		c.bar("mark a-cached", tip, min(from, to), max(from, to), y+22, 14)
	}
	bound := at(x.BoundSeconds)
	c.line("mark bound", "proven bound: no choice within "+size(x.DiskBudgetBytes)+" a node spares more than "+longTime(x.BoundSeconds)+" a month", bound, planTop-8, bound, bottom)
	anchor := "end"
	if bound < 0.3 {
		anchor = "start"
	}
	c.text("strong", anchor, bound, planTop-12, "proven bound "+longTime(x.BoundSeconds))
	f := &figure{
		Drawing: c.drawn(),
		Caption: "Each row holds one image more on every node: how much more pulling that spares a month, and what it adds to a node's disk.",
	}
	f.explain("rect", "a-cached", "added by this image")
	f.explain("rect", "before", "images before it")
	f.explain("line", "bound", "proven bound")
	if rest := len(x.Images) - len(shown); rest > 0 {
		f.Caption += fmt.Sprintf(" The table has %d more.", rest)
	}
	return f
}
