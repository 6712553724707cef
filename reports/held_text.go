package reports

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// maxTextHolds bounds the intervals of a text report; the longest are kept.
const maxTextHolds = 25

func (p *printer) explained(r *Report) {
	for i := range r.Explanations {
		x := &r.Explanations[i]
		p.heading(r.explanationTitle(x))
		if arm := r.explainedAs(i); arm != "" {
			p.lines("", wrap("just as in arm "+arm, tableIndent))
			continue
		}
		if x.Void != "" {
			p.lines("", wrap(leverSentence(x), tableIndent))
			continue
		}
		t := &textTable{heads: []string{"held up by", ">time", ">share"}}
		sums := heldSums(x)
		shares := sharePercents(column(sums, func(s *heldSum) float64 { return float64(s.total) / float64(max(1, x.Ready)) }))
		for k, s := range sums {
			t.add("", s.words, seconds(s.total), shares[k])
		}
		p.table(t)
		p.line("")
		p.holds(x)
		p.line("")
		p.lines(bold, wrap(leverSentence(x), tableIndent))
		p.levers(x)
	}
}

func (p *printer) levers(x *simulate.Explanation) {
	if list := helpful(x); len(list) > 1 {
		t := &textTable{heads: []string{"change", ">ready after", ">sooner"}}
		for i := range list {
			t.add("", leverWords(&list[i]), seconds(list[i].Ready), seconds(x.Now-list[i].Ready))
		}
		p.table(t)
	}
	if words := useless(x); words != "" {
		p.lines("", wrap(words, tableIndent))
	}
	if len(x.Levers) > 0 {
		p.lines("", wrap(leverNote(x), tableIndent))
	}
}

func (p *printer) holds(x *simulate.Explanation) {
	least := x.Ready / 1000
	if len(x.Holds) > maxTextHolds {
		lengths := make([]time.Duration, len(x.Holds))
		for i, h := range x.Holds {
			lengths[i] = h.End - h.Start
		}
		slices.SortFunc(lengths, func(a, b time.Duration) int { return cmp.Compare(b, a) })
		least = max(least, lengths[maxTextHolds-1])
	}
	t := &textTable{heads: []string{">from", ">to", "held up by", "waiting for"}}
	shown, rest := 0, time.Duration(0)
	for i := range x.Holds {
		h := &x.Holds[i]
		if h.End-h.Start < least || shown == maxTextHolds {
			rest += h.End - h.Start
			continue
		}
		shown++
		t.add("", seconds(h.Start), seconds(h.End), holdWords(h), waitedFor(x, h))
	}
	p.table(t)
	if n := len(x.Holds) - shown; n > 0 {
		p.lines("", wrap(fmt.Sprintf("and %s more, shorter ones, %s together", count(n, "interval"), seconds(rest)), tableIndent))
	}
}
