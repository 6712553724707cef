package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// What bounds the page of a sweep, and the memory that it takes, however many runs there are.
const (
	// maxSweepOthers are the combinations of other parameters that each have a line of their
	// own; of more the lines are means, one for each of maxSweepScenarios.
	maxSweepOthers    = 3
	maxSweepScenarios = 6
	// maxSweepPoints are the values of a parameter that a chart shows.
	maxSweepPoints = 40
	// maxSweepAxis are the values of a parameter that are kept.
	maxSweepAxis   = 2000
	maxSweepCharts = 18
	maxSweepInputs = 40
	maxSweepSeeds  = 10000
)

// sweepPage gathers a sweep, combination by combination, and is written at its end.
type sweepPage struct {
	table   sweepTable
	rows    *table
	rowsAll int
	axes    []*sweepAxis
	arms    []string
	seeds   map[uint64]bool
	// moreSeeds says that there are more than are held.
	moreSeeds bool
	// points is how many combinations there are.
	points    int
	inputs    []simulate.Input
	inputsAll map[simulate.Input]bool
	profiles  []string
	// ends are the p99 of each arm.
	ends map[string]*sweepEnds
	// advice is what plans say to do first, in the order that it comes, and in how many
	// combinations.
	advice  []string
	advised map[string]int
}

// sweepEnds are the least and the most of a figure, over so many combinations.
type sweepEnds struct {
	least, most sweepEnd
	points      int
}

// sweepEnd is a figure with the combination that it is of.
type sweepEnd struct {
	value float64
	at    string
}

// sweepMetric is a figure that charts show over the values of a parameter.
type sweepMetric struct {
	name string
	// of is the figure over the seeds of a combination; nil where it has none.
	of func(*sweepSeeds) (i *sketch.Interval, unit string)
}

var sweepMetrics = []sweepMetric{
	{"p50", func(a *sweepSeeds) (*sketch.Interval, string) { return overSeedsInterval(a.p50, a.once50), UnitSeconds }},
	{"p99", func(a *sweepSeeds) (*sketch.Interval, string) { return overSeedsInterval(a.p99, a.once99), UnitSeconds }},
	{"bill of caches a month", func(a *sweepSeeds) (*sketch.Interval, string) { return overSeedsInterval(a.bill, nil), a.currency }},
}

// overSeedsInterval is the mean over seeds with its interval; of one seed the value, with the
// interval over its repeats where there is one. Without one, both its ends are the value.
func overSeedsInterval(values []float64, once *sketch.Interval) *sketch.Interval {
	switch len(values) {
	case 0:
		return nil
	case 1:
		if once != nil {
			return once
		}
		return &sketch.Interval{Value: values[0], Low: values[0], High: values[0]}
	}
	i, err := sketch.MeanInterval(values, simulate.Level)
	if err != nil {
		return nil
	}
	return i
}

// sweepAxis is a parameter with what its values come to.
type sweepAxis struct {
	key string
	// unit is that of its values; mixed says that they have no common one.
	unit  string
	mixed bool
	// isCut says that there are values beyond those that are kept; words are values that are
	// no numbers.
	isCut  bool
	words  []string
	values map[float64]string
	// others are the combinations of the other parameters; crowded says that they are too
	// many for lines of their own. scenarios are those that have lines then; moreScenarios says
	// that there are others.
	others        []string
	crowded       bool
	scenarios     []string
	moreScenarios bool
	series        map[sweepLine]sweepSeries
}

// sweepLine names what a line shows: an arm's figure in a unit, with the other parameters at
// one of their combinations, or at meanOf a scenario the mean over all of it. Amounts of two
// units have no mean, and neither have scenarios, which are other things.
type sweepLine struct {
	metric    int
	arm, unit string
	other     int
}

func meanOf(scenario int) int { return -1 - scenario }

// number tells lines of an arm apart, from 1.
func (l *sweepLine) number() int {
	if l.other < 0 {
		return -l.other
	}
	return l.other + 1
}

// sweepSeries are a line's points, by the value of the parameter.
type sweepSeries map[float64]*sweepMean

// sweepMean is a mean with the least and the most.
type sweepMean struct {
	n              int
	sum, low, high float64
}

func (m *sweepMean) add(i *sketch.Interval, ends bool) {
	low, high := i.Value, i.Value
	if ends {
		low, high = i.Low, i.High
	}
	if m.n == 0 {
		m.low, m.high = low, high
	}
	m.n++
	m.sum += i.Value
	m.low, m.high = min(m.low, low), max(m.high, high)
}

func (m *sweepMean) value() float64 { return m.sum / float64(m.n) }

func newSweepPage(head *SweepResult) *sweepPage {
	return &sweepPage{table: sweepTable{head: head}, seeds: make(map[uint64]bool), inputsAll: make(map[simulate.Input]bool), ends: make(map[string]*sweepEnds), advised: make(map[string]int)}
}

func (s *sweepPage) begin() ([]byte, error) { return nil, nil }

func (s *sweepPage) run(r *SweepRun) ([]byte, error) {
	if s.table.begins(r) {
		s.take()
	}
	s.table.gather(r)
	if len(s.seeds) < maxSweepSeeds {
		s.seeds[r.Seed] = true
	} else if !s.seeds[r.Seed] {
		s.moreSeeds = true
	}
	for _, input := range r.Inputs {
		if !s.inputsAll[input] && len(s.inputsAll) < maxSweepSeeds {
			s.inputsAll[input] = true
			if len(s.inputs) < maxSweepInputs {
				s.inputs = append(s.inputs, input)
			}
		}
	}
	if r.Profile != "" && !slices.Contains(s.profiles, r.Profile) && len(s.profiles) < maxSweepOthers {
		s.profiles = append(s.profiles, r.Profile)
	}
	return nil, nil
}

// take adds the combination whose runs are all there.
func (s *sweepPage) take() {
	t := &s.table
	if s.rows == nil {
		heads := []string{"scenario"}
		for i, p := range t.parameters {
			heads = append(heads, p.Key)
			s.axes = append(s.axes, &sweepAxis{key: t.parameters[i].Key, values: make(map[float64]string), series: make(map[sweepLine]sweepSeries)})
		}
		heads = append(heads, "arm", ">seeds", ">p50", ">p99", ">last ready", ">fetched", ">bill a month", "plan")
		s.rows = newTable("Every combination and arm: all apps of a run together; over seeds the mean, below it the interval (95 %)", heads...)
	}
	s.points++
	for i := range t.arms {
		a := &t.arms[i]
		if !slices.Contains(s.arms, a.arm) {
			s.arms = append(s.arms, a.arm)
		}
		if s.rowsAll++; len(s.rows.Rows) < maxAppTableRows {
			s.addRow(a)
		}
		if a.first != "" {
			if s.advised[a.first] == 0 {
				s.advice = append(s.advice, a.first)
			}
			s.advised[a.first]++
		}
		if p99 := overSeedsInterval(a.p99, a.once99); p99 != nil {
			s.addEnd(a.arm, p99.Value)
		}
	}
	for i, axis := range s.axes {
		if i < len(t.parameters) {
			axis.take(t, i)
		}
	}
	t.arms = nil
}

// addEnd takes an arm's p99 in the combination that is gathered.
func (s *sweepPage) addEnd(arm string, p99 float64) {
	ends := s.ends[arm]
	if ends == nil {
		ends = &sweepEnds{}
		s.ends[arm] = ends
	}
	if ends.points == 0 || p99 < ends.least.value {
		ends.least = sweepEnd{p99, s.table.point}
	}
	if ends.points == 0 || p99 > ends.most.value {
		ends.most = sweepEnd{p99, s.table.point}
	}
	ends.points++
}

func (s *sweepPage) addRow(a *sweepSeeds) {
	t := &s.table
	row := []cell{wordCell(t.scenario)}
	for _, p := range t.parameters {
		c := wordCell(p.Value)
		if v, _, ok := sweepNumber(p.Value); ok {
			c.Value = exact(v) // the column is sorted by it
		}
		row = append(row, c)
	}
	s.rows.add(append(row, wordCell(a.arm), countCell(len(a.p50)),
		sweepCell(overSeedsInterval(a.p50, a.once50), UnitSeconds), sweepCell(overSeedsInterval(a.p99, a.once99), UnitSeconds),
		sweepCell(overSeedsInterval(a.last, nil), UnitSeconds), sweepCell(overSeedsInterval(a.fetched, nil), UnitBytes),
		sweepCell(overSeedsInterval(a.bill, nil), a.currency), longCell(a.advice))...)
}

// sweepCell is a mean with its interval below.
func sweepCell(i *sketch.Interval, unit string) cell {
	if i == nil {
		return cell{Text: "–", Number: true}
	}
	c := cell{Text: amountWords(i.Value, unit), Value: exact(i.Value), Number: true}
	if hasWidth(i.Low, i.High) {
		c.Note = amountWords(i.Low, unit) + " to " + amountWords(i.High, unit)
	}
	return c
}

// hasWidth says that an interval is one, and not what rounding leaves.
func hasWidth(low, high float64) bool {
	const noise = 1e-9
	return high-low > noise*max(math.Abs(low), math.Abs(high))
}

// take adds the combination that is gathered, of which parameter i is the axis.
func (x *sweepAxis) take(t *sweepTable, i int) {
	text := t.parameters[i].Value
	at, unit, ok := sweepNumber(text)
	switch {
	case !ok:
		if !slices.Contains(x.words, text) && len(x.words) < mostSweepFailures {
			x.words = append(x.words, text)
		}
		return
	case at == 0: // nothing, in any unit
	case x.unit == "" && (len(x.values) == 0 || len(x.values) == 1 && x.values[0] != ""):
		x.unit = unit
	case x.unit != unit:
		x.mixed = true
	}
	if _, known := x.values[at]; !known {
		if len(x.values) == maxSweepAxis {
			x.isCut = true
			return
		}
		x.values[at] = text
	}
	other := t.scenario
	for k, p := range t.parameters {
		if k != i {
			other += " " + p.Key + "=" + p.Value
		}
	}
	scenario := slices.Index(x.scenarios, t.scenario)
	switch {
	case scenario >= 0:
	case len(x.scenarios) < maxSweepScenarios:
		scenario = len(x.scenarios)
		x.scenarios = append(x.scenarios, t.scenario)
	default:
		x.moreScenarios = true
	}
	line := slices.Index(x.others, other)
	if line < 0 && !x.crowded {
		line = len(x.others)
		x.others = append(x.others, other)
		if x.crowded = len(x.others) > maxSweepOthers; x.crowded {
			x.others, line = nil, -1
			for l := range x.series {
				if l.other >= 0 {
					delete(x.series, l)
				}
			}
		}
	}
	for m := range sweepMetrics {
		for k := range t.arms {
			a := &t.arms[k]
			i, unit := sweepMetrics[m].of(a)
			if i == nil {
				continue
			}
			if scenario >= 0 {
				x.at(sweepLine{m, a.arm, unit, meanOf(scenario)}, at).add(i, false)
			}
			if !x.crowded {
				x.at(sweepLine{m, a.arm, unit, line}, at).add(i, true)
			}
		}
	}
}

func (x *sweepAxis) at(l sweepLine, at float64) *sweepMean {
	series := x.series[l]
	if series == nil {
		series = make(sweepSeries)
		x.series[l] = series
	}
	if series[at] == nil {
		series[at] = new(sweepMean)
	}
	return series[at]
}

// isNumeric says that a chart over the values can be drawn.
func (x *sweepAxis) isNumeric() bool { return !x.mixed && len(x.values) > 1 }

// sweepNumber reads a value of a parameter as a number: plain, with a unit as files have it,
// or the factor of a scale, as *=2x. What is not finite has no place on an axis.
func sweepNumber(text string) (value float64, unit string, ok bool) {
	value, unit, ok = sweepAmount(strings.TrimSpace(text))
	if !ok || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, "", false
	}
	return value, unit, true
}

func sweepAmount(text string) (value float64, unit string, ok bool) {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v, "", true
	}
	if number, is := strings.CutSuffix(text, "%"); is {
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		return v / 100, UnitFraction, err == nil
	}
	if strings.HasSuffix(text, "/s") {
		v, err := document.ParseRate(text)
		return v, UnitRate, err == nil
	}
	if number, is := strings.CutSuffix(text, "x"); is {
		v, err := strconv.ParseFloat(number[strings.LastIndexByte(number, '=')+1:], 64)
		return v, "times", err == nil
	}
	if v, err := document.ParseRate(text + "/s"); err == nil && strings.HasSuffix(text, "B") {
		return v, UnitBytes, true
	}
	if d, err := document.ParseTime(text); err == nil {
		return d.Seconds(), UnitSeconds, true
	}
	return 0, "", false
}

func (s *sweepPage) end() ([]byte, error) { return s.view().page() }

func (s *sweepPage) view() *view {
	t := &s.table
	if t.made > 0 {
		s.take()
	}
	v := &view{
		Title: "cachebench sweep", Sources: simulate.Simulated, Verdict: &Verdict{Headline: s.headline(), Sentences: s.sentences()}, Facts: s.facts(),
		Inputs: append([]simulate.Input{{Name: "the sweep and every file of it", Digest: t.head.Sweep}}, s.inputs...),
	}
	if words := t.interrupted(); words != "" {
		v.Doubts = append(v.Doubts, words)
	}
	if t.noted > 0 {
		v.Doubts = append(v.Doubts, sentence(t.notedWords()))
		for _, f := range t.failures {
			v.Doubts = append(v.Doubts, ellipsis(f, 500))
		}
		if rest := t.noted - len(t.failures); rest > 0 {
			v.Doubts = append(v.Doubts, fmt.Sprintf("And %d more: JSON and CSV have all.", rest))
		}
	}
	v.Assumptions = append(v.Assumptions, "Intervals are of the mean over seeds (95 %, Student's t), of one seed those over its repeats where it has any; runs of one seed do not draw the same where a parameter changes what is drawn.")
	if rest := len(s.inputsAll) - len(s.inputs); rest > 0 {
		v.Assumptions = append(v.Assumptions, fmt.Sprintf("Of the inputs the first %d are listed; JSON has those of every run.", len(s.inputs)))
	}
	left := 0
	for _, x := range s.axes {
		if !x.isNumeric() {
			continue
		}
		for m := range sweepMetrics {
			for _, unit := range x.units(m) {
				if len(v.Answers) == maxSweepCharts {
					left++
					continue
				}
				v.Answers = append(v.Answers, x.figure(m, unit, s.arms, len(v.Answers)+1))
			}
		}
	}
	if left > 0 {
		v.Assumptions = append(v.Assumptions, fmt.Sprintf("%s of further parameters are left out: sweep fewer at once, or take CSV.", sentenceWord(count(left, "chart"))))
	}
	if s.rows != nil && len(s.rows.Rows) > 0 {
		if rest := s.rowsAll - len(s.rows.Rows); rest > 0 {
			s.rows.Caption += fmt.Sprintf("; the first %s of %s rows: JSON and CSV have all", number(float64(len(s.rows.Rows))), number(float64(s.rowsAll)))
		}
		v.AnswerTables = append(v.AnswerTables, s.rows)
	}
	return v
}

func (s *sweepPage) headline() string {
	words := fmt.Sprintf("Sweep of %s", count(s.table.head.GridRuns, "run"))
	if shard := s.table.head.Shard; shard != nil {
		words += fmt.Sprintf(", shard %d of %d (counted from 0)", shard.Index, shard.Of)
	}
	seeds := count(len(s.seeds), "seed")
	if s.moreSeeds {
		seeds = "more than " + seeds
	}
	return fmt.Sprintf("%s: %s, %s.", words, count(s.points, "combination"), seeds)
}

// sentences are about the arm that a plan changes, where it is there; else about each.
func (s *sweepPage) sentences() []string {
	arms := s.arms
	if s.ends[simulate.ArmCached] != nil {
		arms = []string{simulate.ArmCached}
	}
	var list []string
	for _, arm := range arms {
		if ends := s.ends[arm]; ends != nil {
			list = append(list, ends.sentence(arm, s.points))
		}
	}
	if len(list) == 0 {
		return []string{"No run has startups."}
	}
	if len(s.advice) > 0 {
		var words []string
		for _, advice := range s.advice {
			words = append(words, advice+" in "+number(float64(s.advised[advice])))
		}
		list = append(list, fmt.Sprintf("What plans advise first: %s of %s.", strings.Join(words, ", "), count(s.points, "combination")))
	}
	return list
}

// sentence is of an arm, of all combinations of a sweep.
func (e *sweepEnds) sentence(arm string, all int) string {
	of := "The p99 of arm " + arm + ", all apps together, is "
	has := ""
	if e.points < all {
		has = fmt.Sprintf(", of the %s of %s combinations that have it", number(float64(e.points)), number(float64(all)))
	}
	if !hasWidth(e.least.value, e.most.value) {
		if has == "" {
			has = " in every combination"
		}
		return of + secondsOf(e.least.value) + has + "."
	}
	return of + secondsOf(e.least.value) + " at best (" + ellipsis(e.least.at, 200) + ") and " + secondsOf(e.most.value) + " at worst (" + ellipsis(e.most.at, 200) + ")" + has + "."
}

func (s *sweepPage) facts() []fact {
	head := s.table.head
	seeds := number(float64(len(s.seeds)))
	if s.moreSeeds {
		seeds = "more than " + seeds
	}
	list := []fact{{"version", head.Version}, {"model", strconv.Itoa(head.Model)}, {"runs", number(float64(s.table.made)) + " of " + number(float64(head.GridRuns))},
		{"combinations", number(float64(s.points))}, {"seeds", seeds}}
	if len(s.profiles) > 0 {
		list = append(list, fact{"profile", strings.Join(s.profiles, ", ")})
	}
	return list
}

// currency is that of a budget's values: that of the bills, where they have one.
func (x *sweepAxis) currency() string {
	if x.key != "budgetPerMonth" {
		return ""
	}
	for m := range sweepMetrics {
		if units := x.units(m); len(units) == 1 && units[0] != UnitSeconds {
			return units[0]
		}
	}
	return ""
}

// units are those that a figure has, in order: of bills more than one where scenarios or
// prices differ in their currency.
func (x *sweepAxis) units(metric int) (units []string) {
	for l := range x.series {
		if l.metric == metric && !slices.Contains(units, l.unit) {
			units = append(units, l.unit)
		}
	}
	slices.Sort(units)
	return units
}

// figure draws a figure of one unit over the values of the parameter.
func (x *sweepAxis) figure(metric int, unit string, arms []string, n int) figure {
	name := sweepMetrics[metric].name
	if len(x.units(metric)) > 1 {
		name += " in " + unit
	}
	values := make([]float64, 0, len(x.values))
	for v := range x.values {
		values = append(values, v)
	}
	slices.Sort(values)
	var notes []string
	if len(values) > maxSweepPoints {
		of := number(float64(len(values)))
		if x.isCut {
			of = "more than " + of
		}
		notes = append(notes, fmt.Sprintf("Drawn are %d of %s values; JSON and CSV have all.", maxSweepPoints, of))
		some := make([]float64, maxSweepPoints)
		for i := range some {
			some[i] = values[i*(len(values)-1)/(maxSweepPoints-1)]
		}
		values = some
	}
	others := len(x.others)
	if x.crowded {
		others = 0
	}
	var lines []sweepLine
	for _, arm := range arms {
		if others == 0 {
			for scenario := range x.scenarios {
				lines = append(lines, sweepLine{metric, arm, unit, meanOf(scenario)})
			}
		}
		for other := range others {
			lines = append(lines, sweepLine{metric, arm, unit, other})
		}
	}
	lines = slices.DeleteFunc(lines, func(l sweepLine) bool { return x.series[l] == nil })
	f := figure{Heading: name + " by " + x.key}
	f.Drawing = x.chart(fmt.Sprintf("chart-sweep-%d", n), name, values, lines, unit)
	for i, l := range lines {
		if i == 0 || lines[i-1].arm != l.arm {
			f.Legend = append(f.Legend, key{curveSample(armClass(l.arm, "")), l.arm, l.arm})
		}
	}
	switch {
	case x.crowded:
		if len(x.scenarios) > 1 {
			for i, scenario := range x.scenarios {
				notes = append(notes, fmt.Sprintf("%d: %s.", i+1, ellipsis(scenario, 160)))
			}
		}
		if x.moreScenarios {
			notes = append(notes, fmt.Sprintf("Drawn are the first %d scenarios; JSON and CSV have all.", maxSweepScenarios))
		}
		notes = append(notes, "Each point is the mean over the other parameters' combinations, its bar from the least to the most of them.")
	case others > 1:
		for i, other := range x.others {
			notes = append(notes, fmt.Sprintf("%d: %s.", i+1, ellipsis(other, 160)))
		}
		fallthrough
	default:
		notes = append(notes, "Bars are the intervals of the means over seeds (95 %), or over repeats.")
	}
	if len(x.words) > 0 {
		notes = append(notes, "Not drawn, for it is no number: "+ellipsis(strings.Join(x.words, ", "), 160)+".")
	}
	f.Caption = strings.Join(notes, " ")
	return f
}

// chart draws lines over the values of the parameter.
func (x *sweepAxis) chart(id, name string, values []float64, lines []sweepLine, unit string) drawing {
	var top float64
	var words []string
	for _, l := range lines {
		for _, v := range values {
			if p := x.series[l][v]; p != nil {
				top = max(top, p.high, p.value())
				words = append(words, l.arm+" at "+x.values[v]+": "+amountWords(p.value(), unit))
			}
		}
	}
	const mostWords = 60
	if rest := len(words) - mostWords; rest > 0 {
		words = append(words[:mostWords], fmt.Sprintf("and %d more", rest))
	}
	c := newChart(id, "ecdf", name+" by "+x.key+" ("+simulate.Simulated+")", strings.Join(words, "; ")+".", courseBottom+44)
	per, xUnit := x.scaled(values[len(values)-1])
	yPer, yUnit := chartUnit(unit, func(yield func(float64)) { yield(top) })
	xs, ys := spreadScale(values[0]/per, values[len(values)/2]/per, values[len(values)-1]/per), linearScale(top/yPer*headroom)
	at := func(v float64) float64 { return courseBottom - ys.at(v/yPer)*(courseBottom-courseTop) }
	numbered := slices.ContainsFunc(lines, func(l sweepLine) bool { return l.number() > 1 })
	if numbered {
		xs = xs.longer(0.06) // room for the numbers beside the lines' ends
	}
	c.axis(xs.within(), courseTop, courseBottom, false)
	for _, tick := range ys.ticks {
		c.line("grid", "", 0, at(tick*yPer), 1, at(tick*yPer))
		c.margin("tick", at(tick*yPer)+4, trimmed(tick, 3), "")
	}
	c.text("tick", "start", 0, courseTop-9, strings.TrimSpace(name+" ("+yUnit+")"))
	if xUnit == "" {
		xUnit = x.currency()
	}
	c.text("tick", "middle", 0.5, courseBottom+36, axisName(x.key, xUnit))
	var ends []lineEnd
	for _, l := range lines {
		c.series = l.arm
		class := armClass(l.arm, "")
		of := l.arm
		switch {
		case l.other >= 0 && len(x.others) > 1:
			of += ", " + ellipsis(x.others[l.other], 120)
		case l.other < 0 && len(x.scenarios) > 1:
			of += ", " + ellipsis(x.scenarios[l.number()-1], 120)
		}
		var lastX, lastY float64
		drawn := false
		for _, v := range values {
			p := x.series[l][v]
			if p == nil {
				drawn = false
				continue
			}
			px, py := xs.at(v/per), at(p.value())
			tip := of + ", " + x.key + "=" + x.values[v] + ": " + amountWords(p.value(), unit)
			if hasWidth(p.low, p.high) {
				tip += " (" + amountWords(p.low, unit) + " to " + amountWords(p.high, unit) + ")"
				c.line("mark whisker "+class, tip, px, at(max(0, p.low)), px, at(p.high))
			}
			if drawn {
				c.line("mark curve "+class, of, lastX, lastY, px, py)
			}
			c.dot(class, tip, px, py)
			lastX, lastY, drawn = px, py, true
		}
		if numbered && drawn {
			ends = append(ends, lineEnd{lastX, lastY, l.number()})
		}
	}
	c.series = ""
	c.lineNumbers(ends)
	return c.drawn()
}

// lineEnd is where a line ends, with the number that tells which it is.
type lineEnd struct {
	x, y   float64
	number int
}

// lineNumbers writes the numbers of lines beside their ends, those that end together in one
// label.
func (c *chart) lineNumbers(ends []lineEnd) {
	const labelHeight, fromMark = 13, 7
	slices.SortStableFunc(ends, func(a, b lineEnd) int { return cmp.Compare(a.y, b.y) })
	for len(ends) > 0 {
		together := 1
		for together < len(ends) && ends[together].y-ends[0].y < labelHeight {
			together++
		}
		var numbers []int
		middle := 0.0
		for _, e := range ends[:together] {
			middle += e.y / float64(together)
			if !slices.Contains(numbers, e.number) {
				numbers = append(numbers, e.number)
			}
		}
		slices.Sort(numbers)
		words := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ", "), "[]")
		c.element("text", words, "class", "halo", "text-anchor", "start", "x", share100(ends[0].x), "dx", pixels(fromMark), "y", pixels(middle+4))
		ends = ends[together:]
	}
}

// scaled is the unit of the axis, with how much of the values' own it is.
func (x *sweepAxis) scaled(highest float64) (per float64, name string) {
	if x.unit == UnitSeconds {
		unit := timeUnitFor(time.Duration(min(highest, math.MaxInt64/2/1e9) * float64(time.Second)))
		return unit.seconds, unit.name
	}
	return chartUnit(x.unit, func(yield func(float64)) { yield(highest) })
}

// Plots are the charts of the page, once all runs are added.
func (s *SweepCharts) Plots() ([]Plot, error) {
	v := s.page.view()
	var list []namedFigure
	for i := range v.Answers {
		list = append(list, namedFigure{v.Answers[i].Heading, &v.Answers[i], v.Answers[i].Legend})
	}
	head := s.page.table.head
	words := []string{"cachebench sweep", simulate.Simulated, count(head.GridRuns, "run"), "sweep " + short(head.Sweep), "cachebench " + head.Version}
	return plotsOf(list, strings.Join(words, " · "))
}

// SweepCharts gathers a sweep for its charts alone.
type SweepCharts struct{ page *sweepPage }

// NewSweepCharts are those of a sweep; head is the result without its runs.
func NewSweepCharts(head *SweepResult) *SweepCharts { return &SweepCharts{newSweepPage(head)} }

// Add adds a run, in the order of the grid.
func (s *SweepCharts) Add(r *SweepRun) error {
	_, err := s.page.run(r)
	return err
}
