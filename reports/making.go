package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// withoutMakings parts the startups that are the makings of image caches, which a
// measurement lists as arms of their own, from the starts.
func withoutMakings(m *simulate.Measurement, startups []*simulate.Startup) (starts, makings []*simulate.Startup) {
	making := makingArms(m)
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

// makingArms are the arms whose startups are makings.
func makingArms(m *simulate.Measurement) map[string]bool {
	making := make(map[string]bool)
	if m != nil {
		for _, arm := range m.Arms {
			making[arm.Arm] = arm.Making
		}
	}
	return making
}

// partSpreads parts the spreads of makings from those of starts.
func partSpreads(m *simulate.Measurement, all []measure.ArmSpread) (arms, makings []measure.ArmSpread) {
	making := makingArms(m)
	for _, a := range all {
		if making[a.Arm] {
			makings = append(makings, a)
		} else {
			arms = append(arms, a)
		}
	}
	return arms, makings
}

// made says how often caches were made, apart from the runs.
func (m *measured) made() string {
	makings, arms := 0, 0
	for i := range m.makings {
		if n := m.makings[i].Runs; n > 0 {
			makings, arms = makings+n, arms+1
		}
	}
	if makings == 0 {
		return ""
	}
	return fmt.Sprintf("For %s image caches were made %s.", count(arms, "arm"), count(makings, "time"))
}

// measuredMakingsHeading says what the table of makings is of.
const measuredMakingsHeading = "Image caches made for the arms, from creation to Ready; pull and snapshot are medians"

func measuredMakingsHeads() []string {
	return []string{"cache", "made", "median", "90 % interval", "spread", "slowest", "pull", "snapshot"}
}

// makingRows are the lines of the makings: what a start's create phase is, is here the snapshot.
func (m *measured) makingRows() (rows [][]string) {
	spreads := variations(m.makings)
	for i := range m.makings {
		a := &m.makings[i]
		if a.Runs == 0 {
			continue
		}
		interval := "-"
		if a.Interval != nil {
			interval = briefly(inSeconds(a.Interval.Low)) + " to " + briefly(inSeconds(a.Interval.High))
		}
		phase := func(d *time.Duration) string {
			if d == nil {
				return "-"
			}
			return briefly(*d)
		}
		rows = append(rows, []string{a.Arm, strconv.Itoa(a.Runs), briefly(a.Median), interval, spreads[i], briefly(a.Max), phase(a.Phases.Pull), phase(a.Phases.Create)})
	}
	return rows
}

func (m *measured) makingsText(p *printer) {
	rows := m.makingRows()
	if len(rows) == 0 {
		return
	}
	p.heading(measuredMakingsHeading)
	t := &textTable{}
	for i, head := range measuredMakingsHeads() {
		if i > 0 {
			head = ">" + head
		}
		t.heads = append(t.heads, head)
	}
	for _, row := range rows {
		t.add("", row...)
	}
	p.table(t)
}

func (m *measured) makingsMarkdown(w io.Writer) {
	rows := m.makingRows()
	if len(rows) == 0 {
		return
	}
	heads := measuredMakingsHeads()
	fmt.Fprintf(w, "\n%s:\n\n| %s |\n|---%s|\n", measuredMakingsHeading, strings.Join(heads, " | "), strings.Repeat("|--:", len(heads)-1))
	for _, row := range rows {
		fmt.Fprintf(w, "| %s | %s |\n", codeSpan(row[0]), strings.Join(row[1:], " | "))
	}
}
