package reports

import (
	"bytes"
	"encoding/csv"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// answer has what an answer may have, and names that are not to be taken for markup.
func answer() *Capacity {
	k := CapacityCurve{Title: "Rate <b>", Parameter: "network.registryBytesPerSecond", XUnit: UnitRate, Figure: "last ready", YUnit: UnitSeconds, Now: ptr(4e6), Limit: ptr(30.0)}
	for i := range 20 {
		p := CapacityPoint{X: 1e6 * math.Pow(2, float64(i))}
		if i > 0 { // the first is never ready
			y := 1000 / math.Pow(2, float64(i))
			p.Y, p.Low, p.High = &y, ptr(y*0.9), ptr(y*1.1)
		}
		k.Points = append(k.Points, p)
	}
	return &Capacity{
		Question: "burst", Headline: "Not met: | of 10 starts of <script>alert(1)</script>.", Verdict: CapacityNotMet, Sentences: []string{"More."}, Repeats: 3,
		Provenance: simulate.Provenance{Version: "0.1.0", Profile: "eci", Seed: 7}, Arm: simulate.ArmCold,
		Figures:  []CapacityFigure{{Name: "last ready", Unit: UnitSeconds, Value: 62.5, Low: ptr(60.0), High: ptr(65.0), Limit: ptr(30.0)}},
		Held:     []CapacityHold{{Cause: "admission", Time: 45 * time.Second, Fraction: 0.75}},
		Needs:    []CapacityNeed{{Parameter: "a", Unit: UnitRate, Need: ptr(5e7), Low: ptr(4e7), High: ptr(6e7), Best: ptr(1.0), Tried: 4}, {Parameter: "b", Unit: "1/s", Now: ptr(20.0), Tried: 9, Note: "not monotone"}},
		Together: []CapacityNeed{{Parameter: "c", Unit: "cores", Now: ptr(2.0), Need: ptr(4.0), Best: ptr(29.0), Tried: 3}},
		Options:  []CapacityOption{{Name: "one", Chosen: true, Met: true, Cost: &CapacityFigure{Unit: "USD", Value: 5}}, {Name: "two", Ready: &CapacityFigure{Unit: UnitSeconds, Value: 99}, Note: "why"}},
		Effects:  []CapacityEffect{{Parameter: "d", Less: &CapacityFigure{Unit: UnitSeconds, Value: -2}, Swing: 2, Source: "assumed: x"}},
		Curves:   []CapacityCurve{k, {Title: "none", Parameter: "x", Figure: "y", YUnit: UnitFraction, NotMonotone: true, Points: []CapacityPoint{{X: 0, Y: ptr(0.5)}, {X: 1, Y: ptr(0.7)}}}},
		Tables:   []CapacityTable{{Title: "t", Heads: []string{"h", ">n"}, Rows: [][]string{{"a|b", "1"}}}},
		Doubts:   []string{"A doubt."},
	}
}

// TestCapacityFormats: what every format has is there, whole, and is no markup.
func TestCapacityFormats(t *testing.T) {
	c := answer()
	made := make(map[Format]string)
	for _, format := range CapacityFormats() {
		var b bytes.Buffer
		if err := WriteCapacity(&b, format, c, Options{}); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		made[format] = b.String()
	}
	checkWidth(t, made[Text])
	if first, _, _ := strings.Cut(made[Text], "\n"); first != c.Headline {
		t.Errorf("the first line is %q", first)
	}
	for _, want := range []string{"62.5 s (60.0 s to 65.0 s)", "50 MB/s (40 MB/s to 60 MB/s)", "Rate <b>, 9 of 20 values", "never ready", "none (not monotone)", "one *"} {
		if !strings.Contains(made[Text], want) {
			t.Errorf("%q is not in\n%s", want, made[Text])
		}
	}
	var again Capacity
	if err := document.Read("c.json", []byte(made[JSON]), CapacityKind, &again); err != nil || !reflect.DeepEqual(&again, c) {
		t.Errorf("read again as %+v, %v", again, err)
	}
	rows, err := csv.NewReader(strings.NewReader(made[CSV])).ReadAll() // of one number of cells each
	if err != nil || len(rows) < 30 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if strings.Contains(made[Markdown], "<script") || !strings.HasPrefix(made[Markdown], "**Not met") {
		t.Errorf("Markdown:\n%s", made[Markdown])
	}
	columns := 0
	for line := range strings.Lines(made[Markdown]) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns > 0 && n != columns {
			t.Errorf("%d cells after %d: %s", n, columns, line)
		}
		columns = n
	}
}

// TestCapacityPage: the page has a chart for each curve, asks for nothing, and its headline is
// text.
func TestCapacityPage(t *testing.T) {
	c := answer()
	var b bytes.Buffer
	if err := WriteCapacity(&b, HTML, c, Options{}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	charts := all(root, "svg", "chart")
	if len(charts) != len(c.Curves)+1 { // and what parameters change
		t.Errorf("%d charts of %d curves", len(charts), len(c.Curves))
	}
	for _, chart := range charts {
		checkChart(t, "capacity", chart)
	}
	if h1 := all(root, "h1", ""); len(h1) != 1 || !strings.Contains(textOf(h1[0]), "<script>") {
		t.Errorf("the headline is not there as text")
	}
	if n := len(all(root, "script", "")); n != 1 {
		t.Errorf("%d scripts, want the page's own alone", n)
	}
	// Values far above the limit are left out of the drawing alone.
	if points, out, _ := c.Curves[0].drawn(); out != 2 || len(points) != 18 {
		t.Errorf("%d points are drawn, %d not", len(points), out)
	}
}

// TestLimitFarAbove: a limit that the curve never comes near is no line at the chart's top.
func TestLimitFarAbove(t *testing.T) {
	for limit, drawn := range map[float64]bool{0.6: true, 10: false} {
		k := CapacityCurve{Title: "t", Parameter: "node.diskGiB", XUnit: "GiB", Figure: "p90", YUnit: UnitSeconds, Limit: &limit, Points: []CapacityPoint{{X: 2, Y: ptr(0.5)}, {X: 800, Y: ptr(0.5)}}}
		c := &Capacity{Question: "node-disk", Headline: "h", Curves: []CapacityCurve{k}}
		page, err := capacityPage(c)
		if err != nil {
			t.Fatal(err)
		}
		if is := strings.Contains(string(page), "limit "+CapacityLimit(limit, UnitSeconds)); is != drawn {
			t.Errorf("a limit of %v is drawn: %v", limit, is)
		}
		if said := strings.Contains(string(page), "is far above"); said == drawn {
			t.Errorf("a limit of %v: said to be left out: %v", limit, said)
		}
	}
}

// TestCurveMarks: a chart marks where the parameter stands and what the answer names, where they
// are: the one at a third of the axis, the other at two thirds; a table stars it, and what is not
// drawn is counted.
func TestCurveMarks(t *testing.T) {
	k := CapacityCurve{Title: "t", Parameter: "node.diskGiB", XUnit: "GiB", Figure: "mean", YUnit: UnitSeconds, Now: ptr(3.0), Named: ptr(6.0)}
	for x := 1.0; x <= 9; x++ {
		p := CapacityPoint{X: x}
		if x > 1 {
			p.Y = ptr(10 - x)
		}
		k.Points = append(k.Points, p)
	}
	c := &Capacity{Question: "node-disk", Headline: "h", Curves: []CapacityCurve{k}}
	page, err := capacityPage(c)
	if err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	chart := all(root, "svg", "chart")[0]
	for class, want := range map[string]float64{"wait": 3 / 9.0, "bound": 6 / 9.0} {
		lines := all(chart, "line", class)
		if len(lines) != 1 {
			t.Errorf("%d marks of class %s", len(lines), class)
			continue
		}
		at, err := strconv.ParseFloat(strings.TrimSuffix(attribute(lines[0], "x1"), "%"), 64)
		if err != nil || attribute(lines[0], "x1") != attribute(lines[0], "x2") || math.Abs(at/100-want) > 0.02 {
			t.Errorf("class %s stands at %v %%, want %v", class, at, 100*want)
		}
	}
	for _, want := range []string{"now, 3 GiB", "named by the answer, 6 GiB", "some starts are never ready there: 1 value."} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if rows := k.table(0).Rows; rows[5][0] != "6 GiB *" || rows[2][0] != "3 GiB (now)" || rows[0][1] != "never ready" {
		t.Errorf("%v", rows)
	}
}

// TestCurveInText: both sides of the limit are among the values that are shown.
func TestCurveInText(t *testing.T) {
	k := &answer().Curves[0]
	points := k.some(mostCurvePoints)
	edge := false
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		edge = edge || a.Y != nil && b.Y != nil && *a.Y > 30 && *b.Y <= 30 && b.X == 2*a.X
	}
	if len(points) != mostCurvePoints || !edge || points[0].X != k.Points[0].X || points[len(points)-1].X != k.Points[19].X {
		t.Errorf("%d points, edge %v: %+v", len(points), edge, points)
	}
}

// TestCapacityVerdicts: rows judge as the headline does, by the interval.
func TestCapacityVerdicts(t *testing.T) {
	limit := 2.0
	of := func(v, low, high float64) *CapacityFigure {
		return &CapacityFigure{Unit: UnitSeconds, Value: v, Low: &low, High: &high, Limit: &limit}
	}
	for want, f := range map[string]*CapacityFigure{CapacityMet: of(1, 0.5, 2), CapacityUnclear: of(0.7, 0, 2.1), CapacityNotMet: of(3, 2.5, 3.5)} {
		o := CapacityOption{Ready: f, Met: f.Value <= limit}
		k := CapacityCurve{Limit: &limit, YUnit: UnitSeconds, Points: []CapacityPoint{{X: 1, Y: &f.Value, Low: f.Low, High: f.High}}}
		if row := k.table(0).Rows[0]; f.Verdict() != want || o.Verdict() != want || row[2] != want {
			t.Errorf("%s is %s, %s, %s; want %s", f.Words(), f.Verdict(), o.Verdict(), row[2], want)
		}
	}
	if f := of(2.5, 1.9, 3.1); f.Verdict() != CapacityUnclear {
		t.Errorf("%s is %s", f.Words(), f.Verdict())
	}
}

// TestBesideLimit: what a limit judges has as many digits as tell it from the limit, and the
// limit those that it was given with.
func TestBesideLimit(t *testing.T) {
	for _, x := range []struct {
		value, limit float64
		want, given  string
	}{
		{29.996, 30, "29.996 s", "30.0 s"},
		{30.004, 30, "30.004 s", "30.0 s"},
		{30.2, 30, "30.2 s", "30.0 s"},
		{57.63, 30, "57.6 s", "30.0 s"},
		{30, 30, "30.0 s", "30.0 s"},
		{12.7171, 12.71, "12.72 s", "12.71 s"},
		{12.71, 12.71, "12.71 s", "12.71 s"},
		{12.709999999, 12.71, "12.709999999 s", "12.71 s"},
		{3.144535, 3.1446, "3.1445 s", "3.1446 s"},
		{1234.4, 1234, "1,234.4 s", "1,234 s"},
		{0.0042, 0.004, "4.2 ms", "4 ms"},
	} {
		f := CapacityFigure{Unit: UnitSeconds, Value: x.value, Limit: &x.limit}
		if got := f.Words(); got != x.want {
			t.Errorf("%v beside %v is %q, want %q", x.value, x.limit, got, x.want)
		}
		if got := CapacityLimit(x.limit, UnitSeconds); got != x.given {
			t.Errorf("a limit of %v is %q, want %q", x.limit, got, x.given)
		}
	}
	// An interval that the digits do not show is none; neighbours of a curve have digits of
	// their own.
	for _, x := range []struct {
		low, high float64
		want      string
	}{
		{118.3e6, 119e6, "119 MB/s"},
		{118.9e6, 119.1e6, "119 MB/s (119 MB/s to 120 MB/s)"}, // a need is never written as less
	} {
		if got := (&CapacityNeed{Unit: UnitRate, Need: ptr(119e6), Low: &x.low, High: &x.high}).words(); got != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
	k := CapacityCurve{XUnit: "1/s", YUnit: UnitSeconds, Points: []CapacityPoint{{X: 1.701, Y: ptr(1.0)}, {X: 1.7024, Y: ptr(1.0)}, {X: 4, Y: ptr(1.0)}}}
	if rows := k.table(0).Rows; rows[0][0] != "1.701 a second" || rows[1][0] != "1.702 a second" || rows[2][0] != "4 a second" {
		t.Errorf("%q", rows)
	}
}

// TestCapacityTextIsWhole: a table that is too wide goes on over more lines, and every word of
// it stands there.
func TestCapacityTextIsWhole(t *testing.T) {
	c := answer()
	for i := range c.Needs {
		c.Needs[i].Parameter, c.Needs[i].Unit = "network.registryRequestsPerSecond", "1/s"
		c.Needs[i].Now, c.Needs[i].Need, c.Needs[i].Low, c.Needs[i].High = ptr(12345.67), ptr(23456.78), ptr(22222.22), ptr(24444.44)
	}
	c.Options[0].Name = "one cache of " + strings.Repeat("a-long-name, ", 12) + "the-end"
	c.Options[0].Ready = &CapacityFigure{Unit: UnitSeconds, Value: 29.9999, Low: ptr(29.1), High: ptr(31.5), Limit: ptr(30.0)}
	var b bytes.Buffer
	if err := WriteCapacity(&b, Text, c, Options{}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	checkWidth(t, text)
	if strings.Contains(text, "…") {
		t.Errorf("something is cut:\n%s", text)
	}
	for _, want := range []string{"network.registryRequestsPerSecond", "12,345.67 a second  ", "(22,222.22 a second to", "24,444.44 a second)", "29.9999 s (29.1 s to 31.5 s)", "the-end *"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestNeededIsEnough: what is written of an amount that is needed is no less than it, in bytes
// and in bits, and not much more.
func TestNeededIsEnough(t *testing.T) {
	read := func(text string) float64 {
		digits, unit, _ := strings.Cut(text, " ")
		v, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"kB/s", "MB/s", "GB/s", "TB/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"} {
			if unit == name {
				v *= math.Pow(1000, float64(i%4+1)) / []float64{1, 8}[i/4]
			}
		}
		return v
	}
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{UnitRate, "1/s", "cores", "GiB", "vCPUs", "starts"}).Draw(t, "unit")
		v := math.Pow(10, rapid.Float64Range(0, 4).Draw(t, "log"))
		most := 0.1 // a tenth of a GiB
		if unit == UnitRate {
			v *= 1e6
			most = 0.02 * v
		}
		text := CapacityNeeded(v, unit)
		bytes, bits, _ := strings.Cut(strings.TrimSuffix(text, ")"), " (")
		for _, of := range []string{bytes, bits} {
			if of == "" {
				continue
			}
			if x := read(of); x < v*(1-1e-9) || x > v+most+1e-9 {
				t.Fatalf("%v %s is written %s, which is %v", v, unit, text, x)
			}
		}
	})
	n := CapacityNeed{Unit: "cores", Need: ptr(0.411), AtMost: true}
	if got := n.words(); got != "0.42 cores or less" {
		t.Errorf("%q", got)
	}
}

// TestInstancesAroundTheAnswer: an axis of instances is drawn up to four times the least that
// keeps the limit with its interval; the rest is in the table.
func TestInstancesAroundTheAnswer(t *testing.T) {
	k := CapacityCurve{Title: "warm", Parameter: "warm instances", XUnit: "instances", Figure: "p99", YUnit: UnitSeconds, Limit: ptr(2.0)}
	for _, p := range []struct{ x, y, high float64 }{{0, 12, 12}, {4, 1.9, 2.5}, {5, 1, 1.5}, {10, 0, 0}, {20, 0, 0}, {21, 0, 0}, {604, 0, 0}} {
		k.Points = append(k.Points, CapacityPoint{X: p.x, Y: ptr(p.y), Low: ptr(p.y), High: ptr(p.high)})
	}
	points, out, beyond := k.drawn()
	if len(points) != 5 || points[4].X != 20 || out != 0 || beyond != 2 {
		t.Errorf("%d drawn, %d above, %d beyond", len(points), out, beyond)
	}
	c := answer()
	c.Curves = []CapacityCurve{k}
	var b bytes.Buffer
	if err := WriteCapacity(&b, HTML, c, Options{}); err != nil || !strings.Contains(b.String(), "2 values of warm instances far beyond the least that keeps the limit") {
		t.Errorf("%v: the page does not tell what is not drawn", err)
	}
	k.Points = k.Points[:2] // none keeps it
	if points, _, beyond := k.drawn(); len(points) != 2 || beyond != 0 {
		t.Errorf("%d drawn, %d beyond", len(points), beyond)
	}
}

// TestEffectsChart: bars run from 0 by as much as a value moves the answer, to the left where
// starts are ready sooner; one that moves nothing has none.
func TestEffectsChart(t *testing.T) {
	seconds := func(v float64) *CapacityFigure { return &CapacityFigure{Unit: UnitSeconds, Value: v} }
	c := &Capacity{Effects: []CapacityEffect{
		{Parameter: "a", Less: seconds(-25), More: seconds(50), Swing: 50},
		{Parameter: "b", Less: seconds(10), More: seconds(0), Swing: 10},
		{Parameter: "c", Less: seconds(5), Swing: 5},
	}}
	body := string(effectsFigure(c).Drawing.Body)
	bars := regexp.MustCompile(`<rect class="mark (a-\w+)" x="([\d.]+)%" width="([\d.]+)%"`).FindAllStringSubmatch(body, -1)
	if len(bars) != 4 {
		t.Fatalf("%d bars: %s", len(bars), body)
	}
	number := func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
	per := number(bars[1][3]) / 50
	zero := number(bars[1][2])
	for i, want := range []struct {
		class    string
		from, to float64
	}{{lessClass, -25, 0}, {moreClass, 0, 50}, {lessClass, 0, 10}, {lessClass, 0, 5}} {
		from, to := (number(bars[i][2])-zero)/per, (number(bars[i][2])+number(bars[i][3])-zero)/per
		if bars[i][1] != want.class || math.Abs(from-want.from) > 0.01 || math.Abs(to-want.to) > 0.01 {
			t.Errorf("bar %d of %s is from %.2f to %.2f, want %s from %.0f to %.0f", i, bars[i][1], from, to, want.class, want.from, want.to)
		}
	}
	if effectsFigure(&Capacity{Effects: []CapacityEffect{{Parameter: "a", Less: seconds(0), More: seconds(0)}}}) != nil {
		t.Error("a chart of parameters that move nothing")
	}
}

// TestAnswerMarked: a curve has a line where the parameter stands and one where the limit
// begins or ceases to be met with the whole interval, and says in its legend and caption what
// the limit and the bars are; so has the chart by itself.
func TestAnswerMarked(t *testing.T) {
	curve := func(parameter, unit string, now *float64, limit float64, points ...[4]float64) CapacityCurve {
		k := CapacityCurve{Title: "Title", Parameter: parameter, XUnit: unit, Figure: "last ready", YUnit: UnitSeconds, Now: now, Limit: &limit}
		for _, p := range points {
			k.Points = append(k.Points, CapacityPoint{X: p[0], Y: ptr(p[1]), Low: ptr(p[2]), High: ptr(p[3])})
		}
		return k
	}
	falling := [][4]float64{{1, 50, 45, 55}, {10, 30, 25, 35}, {20, 20, 18, 22}, {40, 10, 10, 10}}
	rising := [][4]float64{{1, 10, 10, 10}, {100, 20, 18, 22}, {200, 28, 25, 31}, {400, 60, 60, 60}}
	for name, test := range map[string]struct {
		k    CapacityCurve
		want string
	}{
		"more is better":    {curve("start.admitPerSecond", "1/s", nil, 30, falling...), "met from 20 a second"},
		"less is better":    {curve("starts", "starts", nil, 30, rising...), "met up to 100 starts"},
		"all meet it":       {curve("starts", "starts", nil, 99, rising...), ""},
		"none meets it":     {curve("starts", "starts", nil, 1, rising...), ""},
		"now and again":     {curve("starts", "starts", nil, 30, rising[0], rising[3], [4]float64{500, 5, 5, 5}), ""},
		"one never ready":   {curve("cores", "cores", nil, 30, append([][4]float64{}, falling[2], falling[3])...), "met from 20 cores"},
		"a rate rounded up": {curve("rate", UnitRate, nil, 30, [4]float64{1e6, 50, 50, 50}, [4]float64{1.2345e7, 20, 20, 20}), "met from 12.4 MB/s (98.8 Mbit/s)"},
	} {
		if name == "one never ready" {
			test.k.Points = append([]CapacityPoint{{X: 1}}, test.k.Points...)
		}
		if _, got := test.k.metWords(); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	k := curve("starts", "starts", ptr(200.0), 30, rising...)
	c := &Capacity{Question: "burst", Headline: "H.", Curves: []CapacityCurve{k}}
	f := capacityView(c).Answers[0]
	body := string(f.Drawing.Body)
	lines := make(map[string]string)
	for _, m := range regexp.MustCompile(`<line class="(wait|bound|capacity)" x1="([\d.]+)%"`).FindAllStringSubmatch(body, -1) {
		lines[m[1]] = m[2]
	}
	dots := regexp.MustCompile(`<circle [^>]*cx="([\d.]+)%"`).FindAllStringSubmatch(body, -1)
	if len(dots) != 4 || lines["bound"] != dots[1][1] || lines["wait"] != dots[2][1] || lines["capacity"] != "0" {
		t.Errorf("dots at %q, lines at %q", dots, lines)
	}
	for _, want := range []string{">now, 200 starts<", ">met up to 100 starts<", ">starts</text>", ">last ready (s)<", "interval, 25.0 s to 31.0 s"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if f.Caption != "Bars are the intervals of the means over repeats (95 %)." {
		t.Errorf("caption %q", f.Caption)
	}
	// An interval beyond the chart is told, one within it not.
	for high, want := range map[float64]bool{239: false, 250: true} {
		far := curve("starts", "starts", nil, 30, append([][4]float64{{1, 10, 5, high}}, rising[1:]...)...)
		if points, _, _ := far.drawn(); far.cutsInterval(points) != want {
			t.Errorf("an interval up to %g of a curve up to 60: cut %t, want %t", high, !want, want)
		}
	}
	plots, err := CapacityPlots(c)
	if err != nil || len(plots) != 1 || !strings.Contains(string(plots[0].SVG), `class="plot-key"`) || !strings.Contains(string(plots[0].SVG), ">limit, 30.0 s<") {
		t.Errorf("the chart by itself has no legend: %v, %s", err, plots[0].SVG)
	}
	for _, test := range [][3]string{{"starts", "starts", "starts"}, {"warm instances", "instances", "warm instances"}, {"node.diskGiB", "GiB", "node.diskGiB (GiB)"}, {"x", "", "x"}} {
		if got := axisName(test[0], test[1]); got != test[2] {
			t.Errorf("axis %q, want %q", got, test[2])
		}
	}
}

// TestEffectsLimit: the limit stands as far from 0 as the answer is from it, unless that would
// squeeze the bars; the axis says what 0 is.
func TestEffectsLimit(t *testing.T) {
	seconds := func(v float64) *CapacityFigure { return &CapacityFigure{Unit: UnitSeconds, Value: v} }
	for limit, drawn := range map[float64]bool{60: true, 100: true, 30: true, 1000: false, 0: false} {
		c := &Capacity{
			Figures: []CapacityFigure{{Name: "last ready", Unit: UnitSeconds, Value: 76, Limit: &limit}},
			Effects: []CapacityEffect{{Parameter: "a", Less: seconds(-25), More: seconds(50), Swing: 50}},
		}
		body := string(effectsFigure(c).Drawing.Body)
		if !strings.Contains(body, "seconds sooner (left of 0) or later (right) than 76.0 s<") {
			t.Errorf("the axis does not say what 0 is: %s", body)
		}
		line := regexp.MustCompile(`<line class="bound" x1="([\d.]+)%"`).FindStringSubmatch(body)
		if (line != nil) != drawn {
			t.Errorf("limit of %g s: %q, want one: %t", limit, line, drawn)
			continue
		}
		if line == nil {
			continue
		}
		number := func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
		bars := regexp.MustCompile(`<rect class="mark (a-\w+)" x="([\d.]+)%" width="([\d.]+)%"`).FindAllStringSubmatch(body, -1)
		zero, per := number(bars[1][2]), number(bars[1][3])/50
		if at := (number(line[1]) - zero) / per; math.Abs(at-(limit-76)) > 0.01 {
			t.Errorf("limit of %g s: drawn at %.2f, want %.0f", limit, at, limit-76)
		}
	}
}

// TestCapacityChartBesideLimit: what a chart says of its points tells those that keep the limit
// from those that do not, and neighbours from one another.
func TestCapacityChartBesideLimit(t *testing.T) {
	k := CapacityCurve{Title: "Starts", Parameter: "rate", XUnit: "1/s", Figure: "last ready", YUnit: UnitSeconds, Limit: ptr(60.0), Points: []CapacityPoint{
		{X: 18.52, Y: ptr(60.0042)}, {X: 18.58, Y: ptr(60.0)}, {X: 18.581, Y: ptr(59.96)}, {X: 20, Y: ptr(55.0)},
	}}
	c := answer()
	c.Curves = []CapacityCurve{k}
	var b bytes.Buffer
	if err := WriteCapacity(&b, HTML, c, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"18.52 a second: 60.004 s", "18.58 a second: 60.0 s", "18.581 a second: 59.96 s", "20 a second: 55.0 s"} {
		if n := strings.Count(strings.ReplaceAll(b.String(), "\u00a0", " "), want); n < 2 {
			t.Errorf("%q is in the page %d times, want it in the chart's description and at the point", want, n)
		}
	}
}

// TestCapacityRepeatsInTime: a share of repeats is told as what is counted; a point's verdict is
// the one that it was given, with the share in time where that is unclear, and what refuses
// starts stands beside "never ready".
func TestCapacityRepeatsInTime(t *testing.T) {
	low, high, limit, mean, share := 0.556, 0.787, 27.6, 26.9, 41.0/60
	f := CapacityFigure{Name: "in time", Unit: UnitFraction, Value: share, Low: &low, High: &high, Of: 60}
	if got := f.Words(); got != "41 of 60 repeats (56 % to 79 %)" {
		t.Errorf("%q", got)
	}
	one := CapacityFigure{Unit: UnitFraction, Value: 0, Of: 5}
	if got := one.Words(); got != "0 of 5 repeats" {
		t.Errorf("%q", got)
	}
	k := CapacityCurve{Parameter: "starts", XUnit: "starts", YUnit: UnitSeconds, Limit: &limit, Points: []CapacityPoint{
		{X: 1, Y: &mean, Verdict: CapacityMet, InTime: new(float64)}, {X: 2, Y: &mean, Verdict: CapacityUnclear, InTime: &share}, {X: 3, Why: "quota"}, {X: 4, Y: &mean},
	}}
	*k.Points[0].InTime = 1
	var got []string
	for _, row := range k.table(0).Rows {
		got = append(got, strings.Join(row[1:], " "))
	}
	if want := "26.9 s met|26.9 s unclear, in time in 68 %|never ready: quota not met|26.9 s met"; strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if k.meets(1) || !k.meets(0) || !k.meets(3) {
		t.Error("the chart judges points otherwise than the table")
	}
}
