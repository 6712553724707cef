package reports

import (
	"fmt"

	"github.com/cachebench/cachebench/simulate"
)

// withoutMakings parts the startups that are the makings of image caches, which a
// measurement lists as arms of their own, from the starts.
func withoutMakings(m *simulate.Measurement, startups []*simulate.Startup) (starts, makings []*simulate.Startup) {
	making := make(map[string]bool)
	if m != nil {
		for _, arm := range m.Arms {
			making[arm.Arm] = arm.Making
		}
	}
	for _, s := range startups {
		if making[s.Arm] {
			makings = append(makings, s)
		} else {
			starts = append(starts, s)
		}
	}
	return starts, makings
}

// makingsHeading says what the times of makings are, makingsHeads how their table begins.
func makingsHeading(r *Report) string {
	return "Image caches made for the arms, from creation to Ready (" + r.Makings[0].Source + ")"
}

var makingsHeads = []string{"cache", ">made", ">p50", ">slowest"}

func (p *printer) makings(r *Report) {
	if len(r.Makings) == 0 {
		return
	}
	p.heading(makingsHeading(r))
	t := &textTable{heads: makingsHeads}
	for i := range r.Makings {
		s := &r.Makings[i]
		t.add("", s.Arm, fmt.Sprint(s.Starts), longTime(s.P50), longTime(s.Slowest))
	}
	p.table(t)
}

func makingsTable(r *Report) *table {
	if len(r.Makings) == 0 {
		return nil
	}
	t := newTable(makingsHeading(r), makingsHeads...)
	for i := range r.Makings {
		s := &r.Makings[i]
		t.add(wordCell(s.Arm), countCell(s.Starts), longTimeCell(s.P50), longTimeCell(s.Slowest))
	}
	return t
}
