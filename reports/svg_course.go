package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

const (
	courseTop    = 22
	courseBottom = 162
)

// timeUnit is the unit of a time axis.
type timeUnit struct {
	name    string
	seconds float64
}

// timeUnitFor suits an axis up to end.
func timeUnitFor(end time.Duration) timeUnit {
	switch {
	case end <= 5*time.Minute:
		return timeUnit{"seconds", 1}
	case end <= 5*time.Hour:
		return timeUnit{"minutes", 60}
	case end <= 96*time.Hour:
		return timeUnit{"hours", 3600}
	}
	return timeUnit{"days", 86400}
}

// byteUnitFor suits a rate of up to highest bytes a second.
func byteUnitFor(highest float64) (name string, bytes float64) {
	bytes = 1
	for _, name = range []string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"} {
		if highest < 1000*bytes || name == "TB/s" {
			break
		}
		bytes *= 1000
	}
	return name, bytes
}

// courseChart draws a quantity over time: a step line for each arm, with the band
// of its interval.
func courseChart(id string, r *Report, q *course) drawing {
	c := newChart(id, "ecdf", q.name+" over time, by arm ("+r.courseSources()+")", courseDescription(r, q), courseBottom+44)
	unit, per := q.unit, 1.0
	if q.unit == "bytes a second" {
		unit, per = byteUnitFor(max(q.highest(), q.limitShown()))
	}
	times := timeUnitFor(q.end())
	x := linearScale(q.end().Seconds() / times.seconds)
	x.high = q.end().Seconds() / times.seconds
	y := linearScale(max(q.highest(), q.limitShown()) / per)
	at := func(v float64) float64 { return courseBottom - y.at(v/per)*(courseBottom-courseTop) }
	for i := range r.Faults {
		c.faultBand(&r.Faults[i], 0, q.end(), func(d time.Duration) float64 { return x.at(d.Seconds() / times.seconds) }, courseTop, courseBottom)
	}
	c.axis(x.within(), courseTop, courseBottom, false)
	for _, tick := range y.ticks {
		c.line("grid", "", 0, at(tick*per), 1, at(tick*per))
		c.margin("tick", at(tick*per)+4, trimmed(tick, 3), "")
	}
	c.text("tick", "start", 0, courseTop-9, unit)
	c.text("tick", "middle", 0.5, courseBottom+36, times.name+" from the beginning")
	c.open("svg", "x", "0", "y", pixels(courseTop), "width", "100%", "height", pixels(courseBottom-courseTop),
		"viewBox", fmt.Sprintf("0 0 %d %d", ecdfUnits, ecdfUnits), "preserveAspectRatio", "none", "overflow", "visible")
	height := func(v float64) float64 { return (1 - y.at(v/per)) * ecdfUnits }
	for i := range q.arms {
		if a := &q.arms[i]; a.hasBand() {
			c.series = r.seriesLabel(a.arm, a.source)
			c.mark("path", "", "class", "band "+armClass(a.arm, a.source), "d", a.band(q.end(), height))
		}
	}
	for i := range q.arms {
		a := &q.arms[i]
		c.series = r.seriesLabel(a.arm, a.source)
		tip := c.series + ": peak " + q.peakWords(a)
		c.mark("path", tip, "class", "mark curve course "+armClass(a.arm, a.source), "d", a.line(q.end(), height))
	}
	c.series = ""
	c.close("svg")
	if l := q.limitShown(); l > 0 {
		c.line("capacity", "capacity "+capacityWords(l), 0, at(l), 1, at(l))
	}
	return c.drawn()
}

// courseSources say where what happened over time comes from, which need not be where all
// starts do.
func (r *Report) courseSources() string {
	var words []string
	for _, source := range sourceOrder {
		if slices.ContainsFunc(r.Observations, func(o simulate.Observation) bool { return o.Source == source }) {
			words = append(words, source)
		}
	}
	return join(words)
}

// capacityWords write a link's capacity in bytes and, as networks are sold, bits:
// 1.25 GB/s (10 Gbit/s).
func capacityWords(bytesPerSecond float64) string {
	bits := rate(8 * bytesPerSecond)
	return rate(bytesPerSecond) + " (" + strings.Replace(bits, "B/s", "bit/s", 1) + ")"
}

// limitShown is the limit where it would not squeeze the curves against 0.
func (c *course) limitShown() float64 {
	if c.limit > 8*c.highest() {
		return 0
	}
	return c.limit
}

// within drops ticks beyond the end.
func (s scale) within() scale {
	var kept []float64
	for _, t := range s.ticks {
		if t <= s.high*(1+1e-9) {
			kept = append(kept, t)
		}
	}
	s.ticks = kept
	return s
}

func (a *armCourse) hasBand() bool { return len(a.Low) == len(a.Mean) && len(a.High) == len(a.Mean) }

// line is the path of the means: each holds for its bucket.
func (a *armCourse) line(end time.Duration, height func(float64) float64) string {
	var b strings.Builder
	a.steps(&b, "M", a.Mean, end, height)
	return b.String()
}

// steps draws values from left to right, equal ones in a row as one.
func (a *armCourse) steps(b *strings.Builder, first string, values []float64, end time.Duration, height func(float64) float64) {
	x := func(i int) string {
		return coordinate(math.Round(float64(a.bucket)*float64(i)/float64(end)*ecdfUnits*100) / 100)
	}
	for i, v := range values {
		switch {
		case i == 0:
			fmt.Fprintf(b, "%s%s %s", first, x(0), tenth(height(v)))
		case v != values[i-1]:
			fmt.Fprintf(b, "H%sV%s", x(i), tenth(height(v)))
		}
	}
	fmt.Fprintf(b, "H%s", x(len(values)))
}

func tenth(v float64) string { return coordinate(math.Round(v*10) / 10) }

// band is the area between the ends of the intervals.
func (a *armCourse) band(end time.Duration, height func(float64) float64) string {
	var b strings.Builder
	a.steps(&b, "M", a.High, end, height)
	x := func(i int) float64 { return float64(a.bucket) * float64(i) / float64(end) * ecdfUnits }
	for i := len(a.Low) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "L%s %sH%s", coordinate(x(i+1)), tenth(height(a.Low[i])), coordinate(x(i)))
	}
	b.WriteString("Z")
	return b.String()
}

func courseDescription(r *Report, q *course) string {
	var parts []string
	for i := range q.arms {
		parts = append(parts, sentence(r.armLabel(q.arms[i].arm)+": peak "+q.peakWords(&q.arms[i])))
	}
	return strings.Join(parts, " ")
}

// maxCharts bounds the charts over time; the CSV and JSON forms have them all.
const maxCharts = 8

// courseTable is the data of a chart over time: the steps at which a value changes, each
// until the next one.
func courseTable(r *Report, q *course) *table {
	t := newTable(q.name+" as numbers: "+q.unit+", from each time to the next", ">from")
	steps := 0
	for i := range q.arms {
		t.head(">" + r.seriesLabel(q.arms[i].arm, q.arms[i].source))
		steps = max(steps, len(q.arms[i].Mean))
	}
	bucket := q.arms[0].bucket
	for i := range steps {
		row, changed := []cell{longTimeCell(time.Duration(i) * bucket)}, i == 0 || i == steps-1
		for k := range q.arms {
			a := &q.arms[k]
			value, before := a.step(i), a.step(i-1)
			c := cell{Text: q.amount(value), Value: exact(value), Number: true}
			if a.hasBand() && i < len(a.Low) && a.High[i] > a.Low[i] {
				c.Note = q.amount(a.Low[i]) + " to " + q.amount(a.High[i])
			}
			changed = changed || value != before || c.Note != ""
			row = append(row, c)
		}
		if changed {
			t.add(row...)
		}
	}
	return t
}

// step is a bucket's mean; 0 outside.
func (a *armCourse) step(i int) float64 {
	if i < 0 || i >= len(a.Mean) {
		return 0
	}
	return a.Mean[i]
}

// addCourses draws what happened over time.
func (v *view) addCourses(r *Report) {
	list := r.courses()
	if len(list) == 0 {
		return
	}
	for i := range list[:min(len(list), maxCharts)] {
		f := figure{Drawing: courseChart(fmt.Sprintf("chart-course-%d", i+1), r, &list[i]), Heading: list[i].name}
		if list[i].limitShown() > 0 {
			f.Legend = []key{{Sample: sample("line", "capacity"), Label: "the link's capacity, " + capacityWords(list[i].limit)}}
		} else if list[i].limit > 0 {
			f.Caption = "The link's capacity, " + capacityWords(list[i].limit) + ", is far above."
		}
		v.Courses = append(v.Courses, f)
	}
	v.CourseSources = r.courseSources()
	o := &r.Observations[0]
	v.CourseNote = fmt.Sprintf("Each step is the mean of %s.", longTime(o.Bucket))
	if o.Repeats > 1 {
		v.CourseNote = fmt.Sprintf("Each step is the mean of %s, over %s; the band is its interval (%s).", longTime(o.Bucket), count(o.Repeats, "repeat"), percent(0.95))
	}
	if of := r.linkNote(); of != "" {
		v.CourseNote += " " + sentence(of)
	}
	if rest := len(list) - maxCharts; rest > 0 {
		v.CourseNote += fmt.Sprintf(" %s more: see the CSV or JSON form.", count(rest, "link"))
	}
	for i := range list[0].arms {
		a := &list[0].arms[i]
		v.CourseLegend = append(v.CourseLegend, key{sample("line", "curve "+armClass(a.arm, a.source)), r.seriesLabel(a.arm, a.source), r.seriesLabel(a.arm, a.source)})
	}
	for i := range list {
		if keys := faultKeys(r.Faults, 0, list[i].end()); keys != nil {
			v.CourseLegend = append(v.CourseLegend, keys...)
			break
		}
	}
	for i := range list[:min(len(list), maxCharts)] {
		v.CourseTables = append(v.CourseTables, courseTable(r, &list[i]))
	}
	v.Peaks = newTable("Peaks over time: of starts in flight the most at one instant, else the highest mean of a step", "quantity", "arm", "peak")
	for i := range list {
		for j := range list[i].arms {
			v.Peaks.add(wordCell(list[i].name), wordCell(r.armLabel(list[i].arms[j].arm)), longCell(list[i].peakWords(&list[i].arms[j])))
		}
	}
}
