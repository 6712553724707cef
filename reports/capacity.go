package reports

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// CapacityKind is the kind of the answer to a question of capacity.
const CapacityKind = "Capacity"

// The verdicts of a Capacity. Unclear: the interval holds the limit.
const (
	CapacityMet     = "met"
	CapacityNotMet  = "not met"
	CapacityUnclear = "unclear"
)

// Capacity answers one question of capacity: its verdict, how sure it is, and what is
// around it.
type Capacity struct {
	// Question is burst, caches, pool, node-disk or sensitivity.
	Question string `json:"question" document:"required,enum=burst|caches|pool|node-disk|sensitivity"`
	// Headline answers it in a sentence, Sentences say more.
	Headline  string   `json:"headline" document:"required"`
	Sentences []string `json:"sentences,omitempty"`
	// Verdict says whether a limit that was asked for is met; absent where none was.
	Verdict    string              `json:"verdict,omitempty" document:"enum=met|not met|unclear"`
	Provenance simulate.Provenance `json:"provenance"`
	Coverage   *simulate.Coverage  `json:"coverage,omitempty"`
	// Arm is the arm that is asked about, Repeats how often everything was simulated.
	Arm     string `json:"arm,omitempty"`
	Repeats int    `json:"repeats"`
	// Figures are what the answer rests on.
	Figures []CapacityFigure `json:"figures,omitempty"`
	// Held is what held the start up that took longest, the longest first.
	Held []CapacityHold `json:"held,omitempty"`
	// HeldOf says of which repeat that start is, where repeats differ.
	HeldOf string `json:"heldOf,omitempty"`
	// Needs are the least values, each by itself, that meet the limit.
	Needs []CapacityNeed `json:"needs,omitempty"`
	// Together are values that meet it together where none does by itself.
	Together []CapacityNeed `json:"together,omitempty"`
	// Options are the choices that were compared.
	Options []CapacityOption `json:"options,omitempty"`
	// Effects are what one parameter at a time changes, those told from chance first, the
	// largest first.
	Effects []CapacityEffect `json:"effects,omitempty"`
	// Curves are what other values come to.
	Curves []CapacityCurve `json:"curves,omitempty"`
	// Tables are further lists.
	Tables []CapacityTable `json:"tables,omitempty"`
	// Interrupted says that the search was stopped: the answer is what was found by then.
	Interrupted bool     `json:"interrupted,omitempty"`
	Assumptions []string `json:"assumptions,omitempty"`
	Doubts      []string `json:"doubts,omitempty"`
}

// CapacityFigure is a number with its interval.
type CapacityFigure struct {
	Name string `json:"name" document:"required"`
	// Unit is sec, B, B/s, GiB, a share (fraction), a currency, or what is counted.
	Unit  string   `json:"unit"`
	Value float64  `json:"value" document:"signed,unit=none"`
	Low   *float64 `json:"low,omitempty" document:"signed,unit=none"`
	High  *float64 `json:"high,omitempty" document:"signed,unit=none"`
	// Limit is what it is held to; absent for nothing.
	Limit *float64 `json:"limit,omitempty" document:"unit=none"`
	// AtLeast says that more was not tried, and may be.
	AtLeast bool `json:"atLeast,omitempty"`
	// Of says, of a share, of how many it is; absent where it is none of things counted.
	Of int `json:"of,omitempty"`
}

// CapacityHold is what held a start up, and for how long.
type CapacityHold struct {
	Cause    string        `json:"cause" document:"required"`
	Time     time.Duration `json:"heldSeconds"`
	Fraction float64       `json:"heldFraction"`
}

// CapacityNeed is the least value of one parameter that meets the limit.
type CapacityNeed struct {
	// Parameter is a key of a profile, or caches, or count.
	Parameter string `json:"parameter" document:"required"`
	Unit      string `json:"unit"`
	// Now is the value as it is; absent where it is unlimited or there is none.
	Now *float64 `json:"now,omitempty" document:"unit=none"`
	// Need is the least value; absent where no value meets the limit. Low and High are those
	// for the ends of the interval.
	Need *float64 `json:"need,omitempty" document:"unit=none"`
	Low  *float64 `json:"low,omitempty" document:"unit=none"`
	High *float64 `json:"high,omitempty" document:"unit=none"`
	// AtMost says that Need is the least that was tried, and that less may do as well.
	AtMost bool `json:"atMost,omitempty"`
	// Unlimited says that only without a bound is the limit met, or that Now is none.
	Unlimited bool `json:"unlimited,omitempty"`
	// Best is the figure with the most of the parameter that was tried, in seconds; absent
	// where starts are never ready.
	Best *float64 `json:"best,omitempty" document:"unit=none"`
	// Note says what is to be known of it: that the response is not monotone, what the
	// caches are.
	Note string `json:"note,omitempty"`
	// Tried is how many values were simulated.
	Tried int `json:"tried"`
}

// CapacityOption is one choice among those compared.
type CapacityOption struct {
	Name string `json:"name" document:"required"`
	// Chosen is the one that the headline names.
	Chosen bool `json:"chosen,omitempty"`
	// Ready is the figure that the limit is about, in seconds.
	Ready *CapacityFigure `json:"ready,omitempty"`
	// Cost is a month's; absent where it is not known.
	Cost *CapacityFigure `json:"cost,omitempty"`
	// Met says whether Ready's value keeps the limit; where its interval holds the limit
	// that is unclear, as Ready says.
	Met  bool   `json:"met"`
	Note string `json:"note,omitempty"`
}

// CapacityEffect is what one parameter changes, everything else staying.
type CapacityEffect struct {
	Parameter string `json:"parameter" document:"required"`
	// Less and More are the figure with half and with twice the value, less what it is as it
	// is, in seconds; absent where that cannot be.
	Less *CapacityFigure `json:"less,omitempty"`
	More *CapacityFigure `json:"more,omitempty"`
	// LessVerdict and MoreVerdict say whether the limit is then met; absent where there is
	// none.
	LessVerdict string `json:"lessVerdict,omitempty" document:"enum=met|not met|unclear"`
	MoreVerdict string `json:"moreVerdict,omitempty" document:"enum=met|not met|unclear"`
	// Swing is the larger of the two changes, of those that are told from chance where one is.
	Swing float64 `json:"swingSeconds" document:"unit=none"`
	// Unclear says that no change is told from chance: its interval holds 0, or there is none
	// and other starts were drawn.
	Unclear bool `json:"unclear,omitempty"`
	// Source says where the profile has the value from.
	Source string `json:"source,omitempty"`
}

// CapacityCurve is a figure over the values of a parameter.
type CapacityCurve struct {
	Title     string `json:"title" document:"required"`
	Parameter string `json:"parameter" document:"required"`
	XUnit     string `json:"xUnit"`
	Figure    string `json:"figure" document:"required"`
	YUnit     string `json:"yUnit"`
	// Named is the value of the parameter that the answer names.
	Named *float64 `json:"named,omitempty" document:"unit=none"`
	// Now is where the parameter stands, Limit what the figure is held to.
	Now   *float64 `json:"now,omitempty" document:"unit=none"`
	Limit *float64 `json:"limit,omitempty" document:"unit=none"`
	// NotMonotone says that more of the parameter does not always bring the same way.
	NotMonotone bool            `json:"notMonotone,omitempty"`
	Points      []CapacityPoint `json:"points"`
}

// CapacityPoint is a point of a curve, in order of X.
type CapacityPoint struct {
	X float64 `json:"x" document:"unit=none"`
	// Y is absent where starts are never ready.
	Y    *float64 `json:"y,omitempty" document:"signed,unit=none"`
	Low  *float64 `json:"low,omitempty" document:"signed,unit=none"`
	High *float64 `json:"high,omitempty" document:"signed,unit=none"`
	// Name says in short what has the value of X; of curves over bills what is built.
	Name string `json:"name,omitempty"`
	// Built are, of curves over bills, the names of the caches and of the apps that have a
	// start ahead of others.
	Built []string `json:"built,omitempty"`
	// Verdict is that of the point where it is not its interval's alone, and InTime the share
	// of repeats in time: of bursts.
	Verdict string   `json:"verdict,omitempty" document:"enum=met|not met|unclear"`
	InTime  *float64 `json:"inTimeFraction,omitempty"`
	// Why says why starts are never ready, where that is known.
	Why string `json:"why,omitempty"`
}

// CapacityTable is a list of rows.
type CapacityTable struct {
	Title string     `json:"title" document:"required"`
	Heads []string   `json:"heads"`
	Rows  [][]string `json:"rows"`
}

// CapacityFormats lists the formats of a Capacity.
func CapacityFormats() []Format { return []Format{Text, JSON, CSV, Markdown, HTML, Bench} }

// WriteCapacity writes c to w.
func WriteCapacity(w io.Writer, format Format, c *Capacity, opt Options) error {
	var data []byte
	var err error
	switch format {
	case Text:
		data = capacityText(c, opt)
	case JSON:
		data, err = document.Marshal(CapacityKind, c)
	case CSV:
		data, err = capacityCSV(c)
	case Markdown:
		data = capacityMarkdown(c)
	case HTML:
		data, err = capacityPage(c)
	case Bench:
		data, err = capacityBench(c)
	default:
		_, err = ParseFormat(string(format), CapacityFormats()...)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// UnitRate is bytes a second; other units of a Capacity are those of package units, or what
// is counted.
const UnitRate = "B/s"

// CapacityAmount writes an amount of a unit for people.
func CapacityAmount(v float64, unit string) string { return capacityAmountTo(unit)(v, 0) }

// CapacityLimit writes a limit for people, with all digits that it was given with.
func CapacityLimit(v float64, unit string) string { return asGiven(v, capacityAmountTo(unit)) }

// capacityAmountTo writes amounts of a unit with so many more digits than usual.
func capacityAmountTo(unit string) func(v float64, more int) string {
	return func(v float64, more int) string {
		name := unit
		switch unit {
		case UnitRate:
			if v >= math.MaxInt64/2 {
				return "unlimited"
			}
			if more > 0 {
				return rateTo(v, more) // in bits too it would be too long
			}
			return capacityWords(v)
		case UnitSeconds:
			return secondsTo(v, more)
		case UnitBytes, UnitFraction:
			return amountWords(v, unit)
		case "copies":
			if v == 1 {
				return "1 copy"
			}
		case "GiB":
			return trimmed(v, 1+more) + " GiB"
		case "1/s":
			return trimmed(v, 2+more) + " a second"
		case "":
			return trimmed(v, 2+more)
		}
		if len(unit) == 3 && strings.ToUpper(unit) == unit {
			return amountWords(v, unit)
		}
		if v == 1 {
			name = strings.TrimSuffix(unit, "s")
		}
		digits := 2
		if unit == "images" && math.Abs(v) >= 100 {
			digits = 0 // a mean of counts
		}
		return trimmed(v, digits+more) + " " + name
	}
}

// Verdict holds the figure to its limit, with its interval; empty where it has no limit.
func (f *CapacityFigure) Verdict() string {
	if f.Limit == nil {
		return ""
	}
	within := func(v *float64) bool { return v == nil || *v <= *f.Limit }
	switch {
	case f.Value <= *f.Limit && within(f.High):
		return CapacityMet
	case f.Value <= *f.Limit || f.Low != nil && within(f.Low):
		return CapacityUnclear
	}
	return CapacityNotMet
}

// Verdict says whether the option keeps the limit, with its interval.
func (o *CapacityOption) Verdict() string {
	switch {
	case o.Ready != nil && o.Ready.Limit != nil:
		return o.Ready.Verdict()
	case o.Met:
		return CapacityMet
	}
	return CapacityNotMet
}

// Words are the figure with its interval; where it has a limit, with as many digits as tell
// it from that.
func (f *CapacityFigure) Words() string {
	words := func(v float64) string { return CapacityAmount(v, f.Unit) }
	if f.Limit != nil {
		words = func(v float64) string { return besideLimit(v, *f.Limit, capacityAmountTo(f.Unit)) }
	}
	if f.Of > 0 {
		return f.InTimeWords()
	}
	text := withInterval(f.Value, f.Low, f.High, words)
	if f.AtLeast {
		text += " or more"
	}
	return text
}

// InTimeWords are a share as what is counted, with its interval: 41 of 60 repeats (56 % to 79 %).
func (f *CapacityFigure) InTimeWords() string {
	text := fmt.Sprintf("%.0f of %s", f.Value*float64(f.Of), count(f.Of, "repeat"))
	if f.Low == nil || f.High == nil {
		return text
	}
	return fmt.Sprintf("%s (%s to %s)", text, CapacityAmount(*f.Low, UnitFraction), CapacityAmount(*f.High, UnitFraction))
}

// withInterval writes an amount with its interval where there is one that the digits show.
func withInterval(v float64, low, high *float64, words func(float64) string) string {
	if low == nil || high == nil || words(*low) == words(*high) {
		return words(v)
	}
	return fmt.Sprintf("%s (%s to %s)", words(v), words(*low), words(*high))
}

// words are the value that is needed.
func (n *CapacityNeed) words() string {
	switch {
	case n.Need == nil && n.Unlimited:
		return "unlimited"
	case n.Need == nil:
		return "no value"
	}
	words := func(v float64) string { return CapacityNeeded(v, n.Unit) }
	if n.Unit == UnitRate && n.Low != nil {
		words = func(v float64) string { return rate(roundedUp(v, rate)) } // in bits too it would be too long
	}
	text := withInterval(*n.Need, n.Low, n.High, words)
	if n.AtMost {
		text += " or less"
	}
	return text
}

// CapacityNeeded writes an amount that is needed for people: what is written is no less.
func CapacityNeeded(v float64, unit string) string {
	if unit == UnitRate {
		if v >= math.MaxInt64/2 {
			return "unlimited"
		}
		bits := rate(roundedUp(8*v, rate))
		return rate(roundedUp(v, rate)) + " (" + strings.Replace(bits, "B/s", "bit/s", 1) + ")"
	}
	words := capacityAmountTo(unit)
	return words(roundedUp(v, func(v float64) string { return words(v, 0) }), 0)
}

// roundedUp is the least amount of those that words write that is no less than v.
func roundedUp(v float64, words func(float64) string) float64 {
	written := func(text string) float64 {
		digits, unit, _ := strings.Cut(text, " ")
		x, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
		if err != nil {
			return v
		}
		if per, ok := map[string]float64{"kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9, "TB/s": 1e12}[unit]; ok {
			x *= per
		}
		return x
	}
	const rounding = 1e-12
	if text := words(v); written(text) >= v*(1-rounding) {
		return v
	}
	// What is written has three digits or more, or a second place.
	for step := 1e-6; step < 1; step *= 1.3 {
		if x := written(words(v * (1 + step))); x >= v {
			return x
		}
	}
	return v
}

// Sure is the value that keeps the limit with the whole interval, as far as one is known.
func (n *CapacityNeed) Sure() *float64 {
	if n.High != nil {
		return n.High
	}
	return n.Need
}

func (n *CapacityNeed) nowWords() string {
	if n.Now == nil {
		return "unlimited"
	}
	return CapacityAmount(*n.Now, n.Unit)
}

// sourceHead is over what a text has below each row, as a note.
const sourceHead = "where its value is from"

// mostCurvePoints are those of a curve that text shows; the other formats have all.
const mostCurvePoints = 9

// tables are all lists of an answer as tables of text, each with its title; of curves so
// many points, 0 all.
func (c *Capacity) tables(most int) []CapacityTable {
	var list []CapacityTable
	add := func(t CapacityTable) {
		if len(t.Rows) > 0 {
			list = append(list, t)
		}
	}
	figures := CapacityTable{Title: "Figures" + c.intervalWords(), Heads: []string{"figure", ">value", ">limit"}}
	for i := range c.Figures {
		f := &c.Figures[i]
		limit := ""
		if f.Limit != nil {
			limit = CapacityLimit(*f.Limit, f.Unit)
		}
		figures.Rows = append(figures.Rows, []string{f.Name, f.Words(), limit})
	}
	add(figures)
	options := CapacityTable{Title: "What was compared", Heads: []string{"option", ">ready", ">cost a month", "limit", "note"}}
	for i := range c.Options {
		o := &c.Options[i]
		row := []string{o.Name, "-", "-", o.Verdict(), o.Note}
		if o.Chosen {
			row[0] += " *"
		}
		if o.Ready != nil {
			row[1] = o.Ready.Words()
		}
		if o.Cost != nil {
			row[2] = o.Cost.Words()
		}
		options.Rows = append(options.Rows, row)
	}
	add(options)
	heldOf := ""
	if c.HeldOf != "" {
		heldOf = ", " + c.HeldOf
	}
	held := CapacityTable{Title: "What holds up the start that takes longest" + heldOf, Heads: []string{"cause", ">time", ">share"}}
	for _, h := range c.Held {
		held.Rows = append(held.Rows, []string{h.Cause, seconds(h.Time), percent(h.Fraction)})
	}
	add(held)
	for _, of := range []struct {
		title string
		needs []CapacityNeed
	}{{"The least that meets the limit, each by itself", c.Needs}, {"What meets it together, each the least given the others", c.Together}} {
		t := CapacityTable{Title: of.title, Heads: []string{"parameter", ">now", ">needed", ">best with it", "note"}}
		for i := range of.needs {
			n := &of.needs[i]
			best := "never ready"
			if n.Best != nil {
				best = (&CapacityFigure{Unit: UnitSeconds, Value: *n.Best, Limit: c.limit()}).Words()
			}
			t.Rows = append(t.Rows, []string{n.Parameter, n.nowWords(), n.words(), best, n.Note})
		}
		add(t)
	}
	effects := CapacityTable{Title: "What one parameter changes, the others staying", Heads: []string{"parameter", ">half", ">twice", sourceHead}}
	for i := range c.Effects {
		e := &c.Effects[i]
		row := []string{e.Parameter, "-", "-", e.Source}
		if turns := e.turns(c.Verdict); turns != "" {
			row[0] += " (" + turns + ")"
		}
		if e.Less != nil {
			row[1] = signedSeconds(e.Less)
		}
		if e.More != nil {
			row[2] = signedSeconds(e.More)
		}
		effects.Rows = append(effects.Rows, row)
	}
	add(effects)
	for _, t := range c.Tables {
		add(t)
	}
	for i := range c.Curves {
		add(c.Curves[i].table(most))
	}
	return list
}

// turns says with which of its values the verdict is another, and whether all may be chance.
func (e *CapacityEffect) turns(verdict string) string {
	var words []string
	for _, of := range []struct{ at, verdict string }{{"half", e.LessVerdict}, {"twice", e.MoreVerdict}} {
		if of.verdict != "" && of.verdict != verdict {
			words = append(words, of.at+": "+of.verdict)
		}
	}
	if e.Unclear {
		words = append(words, "not told from chance")
	}
	return strings.Join(words, ", ")
}

func signedSeconds(f *CapacityFigure) string {
	sign := ""
	if f.Value > 0 {
		sign = "+"
	}
	return sign + f.Words()
}

// limit is the time that the answer holds starts to; nil where there is none.
func (c *Capacity) limit() *float64 {
	for i := range c.Figures {
		if f := &c.Figures[i]; f.Limit != nil && f.Unit == UnitSeconds {
			return f.Limit
		}
	}
	for i := range c.Curves {
		if k := &c.Curves[i]; k.Limit != nil && k.YUnit == UnitSeconds {
			return k.Limit
		}
	}
	return nil
}

func (c *Capacity) intervalWords() string {
	if c.Repeats > 1 {
		return fmt.Sprintf(" (%s; in brackets the interval of the mean, 95 %%)", count(c.Repeats, "repeat"))
	}
	return ""
}

func (k *CapacityCurve) table(most int) CapacityTable {
	t := CapacityTable{Title: k.Title, Heads: []string{k.Parameter, ">" + k.Figure, "limit"}}
	if k.NotMonotone {
		t.Title += " (not monotone)"
	}
	if k.Limit == nil {
		t.Heads = t.Heads[:2]
	}
	named := slices.ContainsFunc(k.Points, func(p CapacityPoint) bool { return p.Name != "" })
	if named {
		t.Heads = append(t.Heads, "what is built")
	}
	points := k.some(most)
	if len(points) < len(k.Points) {
		t.Title += fmt.Sprintf(", %d of %s", len(points), count(len(k.Points), "value"))
	}
	names := k.names(points)
	for i := range points {
		p := &points[i]
		row := []string{names[i], "never ready"}
		if k.Now != nil && *k.Now == p.X {
			row[0] += " (now)"
		}
		if k.Named != nil && *k.Named == p.X {
			row[0] += " *"
		}
		met := CapacityNotMet
		if p.Y != nil {
			f := CapacityFigure{Unit: k.YUnit, Value: *p.Y, Low: p.Low, High: p.High, Limit: k.Limit}
			row[1], met = f.Words(), f.Verdict()
			if p.Verdict != "" {
				met = p.Verdict
			}
			if p.InTime != nil && met == CapacityUnclear {
				met += ", in time in " + CapacityAmount(*p.InTime, UnitFraction)
			}
		} else if p.Why != "" {
			row[1] += ": " + p.Why
		}
		if k.Limit != nil {
			row = append(row, met)
		}
		if named {
			row = append(row, p.Name)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// names are the values of points, with as many digits as tell neighbours apart.
func (k *CapacityCurve) names(points []CapacityPoint) []string {
	list := make([]string, len(points))
	to := capacityAmountTo(k.XUnit)
	for i := range points {
		list[i] = to(points[i].X, 0)
		for more := 1; more < mostMoreDigits && i > 0 && list[i] == list[i-1] && points[i].X > points[i-1].X; more++ {
			list[i-1], list[i] = to(points[i-1].X, more), to(points[i].X, more)
		}
	}
	return list
}

// some are so many of the points: the ends, where the parameter stands, both sides of the
// limit, and others evenly among them.
func (k *CapacityCurve) some(most int) []CapacityPoint {
	n := len(k.Points)
	if most == 0 || n <= most {
		return k.Points
	}
	keep := map[int]bool{0: true, n - 1: true}
	within := func(i int) bool {
		p := &k.Points[i]
		return k.Limit != nil && p.Y != nil && (p.Verdict == CapacityMet || p.Verdict == "" && *p.Y <= *k.Limit)
	}
	for i := range n {
		x := k.Points[i].X
		if k.Now != nil && x == *k.Now || k.Named != nil && x == *k.Named {
			keep[i] = true
		}
		if i > 0 && within(i) != within(i-1) && len(keep) < most-1 {
			keep[i], keep[i-1] = true, true
		}
	}
	for i := 1; i < most && len(keep) < most; i++ {
		keep[i*(n-1)/most] = true
	}
	var points []CapacityPoint
	for i := range n {
		if keep[i] {
			points = append(points, k.Points[i])
		}
	}
	return points
}

func capacityText(c *Capacity, opt Options) []byte {
	p := &printer{color: opt.Color}
	color := boldGreen
	if c.Verdict == CapacityNotMet || c.Verdict == CapacityUnclear {
		color = yellow
	}
	p.lines(color, wrap(c.Headline, 0))
	for _, s := range c.Sentences {
		p.lines("", wrap(s, 2))
	}
	for _, t := range c.tables(mostCurvePoints) {
		p.heading(t.Title)
		table := &textTable{heads: t.Heads, whole: true}
		note := -1
		if last := len(t.Heads) - 1; t.Heads[last] == "note" || t.Heads[last] == sourceHead {
			note, table.heads = last, t.Heads[:last]
		}
		for _, row := range t.Rows {
			if note >= 0 {
				table.add(row[note], row[:note]...)
				continue
			}
			table.add("", row...)
		}
		p.table(table)
	}
	p.list("Assumed", c.Assumptions)
	p.list("Doubts", c.Doubts)
	p.line("")
	p.lines(faint, wrap(strings.Join(c.provenanceWords(), " · "), 0))
	return p.out.Bytes()
}

func (c *Capacity) provenanceWords() []string {
	words := []string{"capacity " + c.Question, simulate.Simulated, "profile " + c.Provenance.Profile}
	if c.Arm != "" {
		words = append(words, "arm "+c.Arm)
	}
	words = append(words, fmt.Sprintf("seed %d", c.Provenance.Seed), "cachebench "+c.Provenance.Version)
	if c.Provenance.ProfileBasis != "" {
		words = append(words, c.Provenance.ProfileBasis)
	}
	return words
}

func capacityMarkdown(c *Capacity) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s**\n\n", markdownText(ellipsis(c.Headline, 1000)))
	for _, s := range c.Sentences {
		fmt.Fprintf(&b, "- %s\n", markdownText(ellipsis(s, 1000)))
	}
	for _, t := range c.tables(mostCurvePoints) {
		fmt.Fprintf(&b, "\n%s\n\n", markdownText(t.Title))
		for _, row := range append([][]string{nil}, t.Rows...) {
			cells := row
			if row == nil {
				cells = t.Heads
			}
			for _, s := range cells {
				fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(markdownText(ellipsis(strings.TrimPrefix(s, ">"), 200)), "|", `\|`))
			}
			b.WriteString("|\n")
			if row == nil {
				for _, s := range t.Heads {
					if strings.HasPrefix(s, ">") {
						b.WriteString("|--:")
					} else {
						b.WriteString("|---")
					}
				}
				b.WriteString("|\n")
			}
		}
	}
	for _, s := range c.Doubts {
		fmt.Fprintf(&b, "\n- %s\n", markdownText(ellipsis(s, 500)))
	}
	return b.Bytes()
}

// capacityCSV has a row for each number: of figures, needs, options, effects and the points
// of curves.
func capacityCSV(c *Capacity) ([]byte, error) {
	all, err := csvLine("part", "name", "x", "x_unit", "value", "low", "high", "unit", "limit", "met")
	if err != nil {
		return nil, err
	}
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return exact(*v)
	}
	add := func(cells ...string) {
		line, lineErr := csvLine(cells...)
		if err == nil {
			err = lineErr
		}
		all = append(all, line...)
	}
	add("verdict", c.Question, "", "", "", "", "", "", "", c.Verdict)
	for i := range c.Figures {
		f := &c.Figures[i]
		add("figure", f.Name, "", "", exact(f.Value), number(f.Low), number(f.High), f.Unit, number(f.Limit), "")
	}
	for _, h := range c.Held {
		add("held", h.Cause, "", "", exact(h.Time.Seconds()), "", "", UnitSeconds, "", "")
	}
	for _, of := range []struct {
		part  string
		needs []CapacityNeed
	}{{"need", c.Needs}, {"together", c.Together}} {
		for i := range of.needs {
			n := &of.needs[i]
			met := CapacityMet
			if n.Need == nil && !n.Unlimited {
				met = CapacityNotMet
			}
			add(of.part, n.Parameter, number(n.Now), n.Unit, number(n.Need), number(n.Low), number(n.High), n.Unit, "", met)
		}
	}
	for i := range c.Options {
		o := &c.Options[i]
		met := o.Verdict()
		if o.Ready != nil {
			add("option_ready", o.Name, "", "", exact(o.Ready.Value), number(o.Ready.Low), number(o.Ready.High), o.Ready.Unit, number(o.Ready.Limit), met)
		}
		if o.Cost != nil {
			add("option_cost", o.Name, "", "", exact(o.Cost.Value), number(o.Cost.Low), number(o.Cost.High), o.Cost.Unit, "", met)
		}
	}
	for i := range c.Effects {
		e := &c.Effects[i]
		for _, of := range []struct {
			x, verdict string
			*CapacityFigure
		}{{"0.5", e.LessVerdict, e.Less}, {"2", e.MoreVerdict, e.More}} {
			if f := of.CapacityFigure; f != nil {
				add("effect", e.Parameter, of.x, "factor", exact(f.Value), number(f.Low), number(f.High), f.Unit, "", of.verdict)
			}
		}
	}
	for i := range c.Curves {
		k := &c.Curves[i]
		for _, p := range k.Points {
			add("curve", k.Parameter, exact(p.X), k.XUnit, number(p.Y), number(p.Low), number(p.High), k.YUnit, number(k.Limit), p.Verdict)
		}
	}
	return all, err
}

// CapacityHolds are what held an explained start up, the longest first.
func CapacityHolds(x *simulate.Explanation) []CapacityHold {
	var list []CapacityHold
	for _, s := range heldSums(x) {
		list = append(list, CapacityHold{Cause: s.words, Time: s.total, Fraction: s.total.Seconds() / max(x.Ready.Seconds(), 1e-9)})
	}
	return list
}
