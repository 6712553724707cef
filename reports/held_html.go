package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// heldView is an explained start on the page.
type heldView struct {
	Figure      *figure
	Sums, Holds *table
	Lever       string
	Levers      *table
	Useless     string
}

func (v *view) addHeld(r *Report) {
	for i := range r.Explanations {
		x := &r.Explanations[i]
		if r.explainedAs(i) != "" || x.Void != "" {
			v.Held = append(v.Held, heldView{Lever: r.explanationSentence(i)})
			continue
		}
		h := heldView{Lever: leverSentence(x), Useless: useless(x)}
		h.Figure = &figure{Heading: r.explanationTitle(x), Drawing: heldStrip(fmt.Sprintf("chart-held-%d", i+1), r, x), Legend: heldLegend(x)}
		h.Sums = newTable("What held the start up (simulated)", "held up by", ">time", ">share")
		for _, s := range heldSums(x) {
			h.Sums.add(wordCell(s.words), secondsCell(s.total), fractionCell(float64(s.total)/float64(max(1, x.Ready))))
		}
		h.Sums.evenShares("share")
		h.Holds = newTable("The intervals, from the request on (simulated)", ">from", ">to", "held up by", "waiting for")
		for k := range x.Holds {
			hold := &x.Holds[k]
			h.Holds.add(secondsCell(hold.Start), secondsCell(hold.End), wordCell(holdWords(hold)), namedCell(waitedFor(x, hold), string(hold.Layer)))
		}
		h.Levers = newTable("What would shorten it ("+leverNote(x)+")", "change", ">ready after", ">sooner")
		for _, l := range helpful(x) {
			h.Levers.add(wordCell(leverWords(&l)), secondsCell(l.Ready), secondsCell(x.Now-l.Ready))
		}
		h.Levers = h.Levers.unlessEmpty()
		v.Held = append(v.Held, h)
	}
}

const (
	heldTop    = 22
	heldHeight = 26
)

// heldStrip draws the intervals side by side.
func heldStrip(id string, r *Report, x *simulate.Explanation) drawing {
	var words []string
	for _, s := range heldSums(x) {
		words = append(words, s.words+" "+seconds(s.total))
	}
	c := newChart(id, "held", r.explanationTitle(x), strings.Join(words, "; ")+".", heldTop+heldHeight+24)
	scale := linearScale(x.Ready.Seconds())
	c.axis(scale, heldTop, heldTop+heldHeight+4, true)
	for i := range x.Holds {
		h := &x.Holds[i]
		tip := fmt.Sprintf("%s to %s, %s: %s", seconds(h.Start), seconds(h.End), seconds(h.End-h.Start), holdWords(h))
		if layer := waitedFor(x, h); layer != "" {
			tip += ", " + layer
		}
		c.bar("mark "+heldClass(h), tip, scale.at(h.Start.Seconds()), scale.at(h.End.Seconds()), heldTop, heldHeight)
	}
	return c.drawn()
}

// heldClass is the style of a hold: its phase's, paler where the fetch is not of what
// is needed next.
func heldClass(h *simulate.Hold) string {
	class := phaseClass(causeWords[h.By].phase)
	if h.By == simulate.ByOrder {
		class += " held-order"
	}
	return class
}

func heldLegend(x *simulate.Explanation) []key {
	var list []key
	add := func(label string, is func(h *simulate.Hold) bool) {
		if i := slices.IndexFunc(x.Holds, func(h simulate.Hold) bool { return is(&h) }); i >= 0 {
			list = append(list, key{Sample: sample("rect", heldClass(&x.Holds[i])), Label: label})
		}
	}
	for _, phase := range phaseNames {
		add(string(phase), func(h *simulate.Hold) bool { return causeWords[h.By].phase == phase && h.By != simulate.ByOrder })
	}
	add("fetch of later layers", func(h *simulate.Hold) bool { return h.By == simulate.ByOrder })
	add("waits", func(h *simulate.Hold) bool { return causeWords[h.By].phase == waitPhase })
	return list
}
