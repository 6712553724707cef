package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// hitRateCaption heads what the month's or trace's starts find by week.
func hitRateCaption(m *matcher.Matches) string {
	return "Hit rate by week of the " + hitRateOf(m) + " (replayed)"
}

func hitRateOf(m *matcher.Matches) string {
	if m.Span != nil {
		return "trace"
	}
	return "month"
}

// hitRates is what starts find by day in one arm.
type hitRates struct {
	arm, label string
	days       []matcher.HitRate
}

// hitRateArms are the arms of which the hit rate is known: the automatic caches,
// and a plan's besides.
func hitRateArms(m *matcher.Matches) []hitRates {
	if m == nil || len(m.HitRates) == 0 {
		return nil
	}
	arms := []hitRates{{simulate.ArmAutomatic, simulate.ArmAutomatic, m.HitRates}}
	if len(m.PlannedHitRates) > 0 {
		arms = append(arms, hitRates{simulate.ArmCached, armPlanned, m.PlannedHitRates})
	}
	return arms
}

// hitRateRow is some days of an arm.
type hitRateRow struct {
	arm, days string
	matcher.HitRate
}

const daysPerWeek = 7

// hitRateRows sums up days by week, and then all of them, arm by arm.
func hitRateRows(m *matcher.Matches) []hitRateRow {
	var rows []hitRateRow
	for _, arm := range hitRateArms(m) {
		all := hitRateRow{arm: arm.label, days: "all"}
		for first := 0; first < len(arm.days); first += daysPerWeek {
			week := arm.days[first:min(first+daysPerWeek, len(arm.days))]
			row := hitRateRow{arm: arm.label, days: fmt.Sprintf("%d–%d", first+1, first+len(week))}
			for i := range week {
				row.Add(&week[i])
				all.Add(&week[i])
			}
			rows = append(rows, row)
		}
		rows = append(rows, all)
	}
	return rows
}

func (r *hitRateRow) share(starts int) string {
	if r.Starts == 0 {
		return "-"
	}
	return percent(float64(starts) / float64(r.Starts))
}

func hitRateHeads() []string {
	return []string{"arm", "days", ">starts", ">hit", ">partial", ">miss", ">ready", ">automatic", ">made", ">expired", ">evicted"}
}

const hitRateNote = "hit: every unpacked layer present; ready caches and automatic ones: at the end; made, expired, evicted: in these days"

// hitRates prints what starts find as caches come and go.
func (p *printer) hitRates(m *matcher.Matches) {
	rows := hitRateRows(m)
	if len(rows) == 0 {
		return
	}
	p.heading(hitRateCaption(m))
	t := &textTable{heads: hitRateHeads()}
	for _, r := range rows {
		t.add("", r.arm, r.days, number(float64(r.Starts)), r.share(r.Hits), r.share(r.Partials), r.share(r.Misses),
			number(float64(r.Ready)), number(float64(r.Automatic)), number(float64(r.Created)), number(float64(r.Expired)), number(float64(r.Evicted)))
	}
	p.table(t)
	p.lines("", wrap(hitRateNote, tableIndent))
}

func hitRateTable(m *matcher.Matches) *table {
	t := newTable(hitRateCaption(m), hitRateHeads()...)
	for _, r := range hitRateRows(m) {
		share := func(n int) cell { return cell{Text: r.share(n), Number: true} }
		t.add(wordCell(r.arm), wordCell(r.days), countCell(r.Starts), share(r.Hits), share(r.Partials), share(r.Misses),
			countCell(r.Ready), countCell(r.Automatic), countCell(r.Created), countCell(r.Expired), countCell(r.Evicted))
	}
	return t.unlessEmpty()
}

// hitRateFigure draws the share of hits day by day; nothing when none is known.
func hitRateFigure(m *matcher.Matches) *figure {
	arms := hitRateArms(m)
	if len(arms) == 0 {
		return nil
	}
	f := &figure{Drawing: hitRateChart("chart-hit-rate", hitRateOf(m), arms), Caption: "Share of a day's starts that find every layer unpacked. Days without starts are left out."}
	for _, arm := range arms {
		f.Legend = append(f.Legend, key{curveSample(armClass(arm.arm, simulate.Simulated)), arm.label, arm.label})
	}
	return f
}

const (
	hitRateTop    = 10
	hitRateBottom = 170
)

func hitRateChart(id, of string, arms []hitRates) drawing {
	c := newChart(id, "ecdf", "Share of hits by day (replayed)", hitRateDescription(arms), hitRateBottom+44)
	days := 0
	for _, arm := range arms {
		days = max(days, len(arm.days))
	}
	s := linearScale(float64(days))
	y := func(fraction float64) float64 { return hitRateBottom - fraction*(hitRateBottom-hitRateTop) }
	c.axis(s, hitRateTop, hitRateBottom, false)
	for _, fraction := range []float64{0, 0.25, 0.5, 0.75, 1} {
		c.line("grid", "", 0, y(fraction), 1, y(fraction))
		c.margin("tick", y(fraction)+4, percent(fraction), "")
	}
	c.text("tick", "middle", 0.5, hitRateBottom+36, "day of the "+of)
	c.open("svg", "x", "0", "y", pixels(hitRateTop), "width", "100%", "height", pixels(hitRateBottom-hitRateTop),
		"viewBox", fmt.Sprintf("0 0 %d %d", ecdfUnits, ecdfUnits), "preserveAspectRatio", "none", "overflow", "visible")
	for _, arm := range arms {
		c.series = arm.label
		c.mark("path", arm.words(), "class", "mark curve "+armClass(arm.arm, simulate.Simulated), "d", arm.curve(s))
	}
	c.close("svg")
	return c.drawn()
}

// curve is the path of the share of hits, each day at its middle, in ecdfUnits.
func (h *hitRates) curve(s scale) string {
	var b strings.Builder
	step := "M"
	for i := range h.days {
		d := &h.days[i]
		if d.Starts == 0 {
			continue
		}
		share := float64(d.Hits) / float64(d.Starts)
		fmt.Fprintf(&b, "%s%s %s", step, coordinate(s.at(float64(i)+0.5)*ecdfUnits), coordinate((1-share)*ecdfUnits))
		step = "L"
	}
	return b.String()
}

// words says the whole month of an arm.
func (h *hitRates) words() string {
	all := hitRateRow{}
	for i := range h.days {
		all.Add(&h.days[i])
	}
	return fmt.Sprintf("%s: %s of %s are hits, %s partial hits", h.label, all.share(all.Hits), count(all.Starts, "start"), all.share(all.Partials))
}

func hitRateDescription(arms []hitRates) string {
	var parts []string
	for i := range arms {
		parts = append(parts, sentenceWord(arms[i].words())+".")
	}
	return strings.Join(parts, " ")
}
