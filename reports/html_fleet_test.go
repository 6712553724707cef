package reports

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/simulate/network"
)

// fleetOf is a simulation of many apps: two arms, each with as many startups, of which
// some have spans, and with everything that a timeline can have besides: repeats with
// intervals, what happened over time, an explanation.
func fleetOf(apps, starts int) Input {
	random := rand.New(rand.NewPCG(11, 3))
	t := &simulate.Timeline{Provenance: shopProvenance(), Coverage: shopCoverage()}
	for _, arm := range []string{simulate.ArmCold, simulate.ArmCached} {
		slow := map[string]float64{simulate.ArmCold: 20, simulate.ArmCached: 11}[arm]
		for i := range starts {
			app := fmt.Sprintf("team-%02d/service-%05d", i%apps%17, i%apps)
			s := simulate.Startup{Source: simulate.Simulated, Arm: arm, App: app, Hit: matcher.Miss, Requested: time.Duration(i) * 30 * time.Millisecond}
			s.Ready = time.Duration((slow + 6*random.ExpFloat64()) * 1e9)
			s.FetchedBytes = 120e6
			if i < apps && i < 300 {
				inside := manyLayers(random, simulate.Simulated, arm, app)
				s.Spans, s.Ready = inside.Spans, inside.Ready
			}
			t.Startups = append(t.Startups, s)
		}
		t.Summaries = append(t.Summaries, repeatsFor(arm, "", slow, starts))
		for i := range apps {
			t.Summaries = append(t.Summaries, repeatsFor(arm, fmt.Sprintf("team-%02d/service-%05d", i%17, i), slow, max(1, starts/apps)))
		}
		t.Observations = append(t.Observations, observed(random, arm))
	}
	cold := &t.Startups[0]
	fetch := cold.Spans[0]
	t.Explanations = []simulate.Explanation{explain(cold, fetch), explain(&t.Startups[starts], fetch)}
	return Input{Timeline: t}
}

func explain(s *simulate.Startup, fetch simulate.Span) simulate.Explanation {
	return simulate.Explanation{Source: s.Source, Arm: s.Arm, App: s.App, QuantileFraction: 0.5, Starts: 1, Requested: s.Requested, Ready: s.Ready, Now: s.Ready, Holds: []simulate.Hold{
		{Start: 0, End: fetch.End, By: simulate.ByLink, Link: simulate.LinkUplink, Image: fetch.Image, Layer: fetch.Layer},
		{Start: fetch.End, End: s.Ready, By: simulate.ByCore, Image: fetch.Image, Layer: fetch.Layer},
	}}
}

func statistic(value, half float64) simulate.Statistic {
	low, high, level := value-half, value+half, simulate.Level
	return simulate.Statistic{Value: value, Low: &low, High: &high, Level: &level}
}

func repeatsFor(arm, app string, slow float64, starts int) simulate.Summary {
	return simulate.Summary{
		Source: simulate.Simulated, Arm: arm, App: app, Repeats: 3, Starts: int64(starts), QuantileErrorFraction: 0.004,
		P50: statistic(slow+4, 0.3), P90: statistic(slow+13, 0.8), P99: statistic(slow+27, 2), Mean: statistic(slow+6, 0.2), Slowest: statistic(slow+60, 5),
		Makespan: statistic(400, 9), FetchedBytes: statistic(120e6, 1e5), Hits: statistic(0, 0), Retries: statistic(0, 0),
	}
}

func observed(random *rand.Rand, arm string) simulate.Observation {
	course := func(top float64) simulate.Course {
		var c simulate.Course
		for i := range 256 {
			v := top * math.Abs(math.Sin(float64(i)/40)) * (0.5 + 0.5*random.Float64())
			c.Mean, c.Low, c.High = append(c.Mean, v), append(c.Low, 0.9*v), append(c.High, 1.1*v)
		}
		return c
	}
	capacity := network.Rate(1.25e9)
	return simulate.Observation{
		Source: simulate.Simulated, Arm: arm, Repeats: 3, Bucket: 2 * time.Second, Requests: course(300), InFlight: course(900),
		Links: []simulate.LinkUse{{Link: simulate.LinkUplink, Capacity: &capacity, Carried: course(1e9)}, {Link: "rack-1", Carried: course(4e8)}},
	}
}

func fleet() Input { return fleetOf(40, 200) }

// 10,000 starts make a page of less than 2 MB, however many apps they are of; what it
// leaves out it says.
func TestHTMLSize(t *testing.T) {
	for _, apps := range []int{1, 300, 5000} {
		r := New(fleetOf(apps, 5000))
		data, err := page(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 2e6 {
			t.Errorf("10,000 starts of %d apps make %d bytes", apps, len(data))
		}
		t.Logf("10,000 starts of %d apps: %d bytes", apps, len(data))
		if said := strings.Contains(string(data), "the JSON form has all"); said != (apps == 5000) {
			t.Errorf("%d apps: the page says that it leaves something out: %v", apps, said)
		}
	}
}

// The waterfall is of the start that is explained, with what held it up.
func TestExplainedWaterfall(t *testing.T) {
	r := New(fleet())
	if len(r.Waterfalls) != 2 || r.Waterfalls[0].App != "team-00/service-00000" || r.Waterfalls[0].Arm != simulate.ArmCold || r.Waterfalls[1].Arm != simulate.ArmCached {
		t.Fatalf("waterfalls of %+v", r.Waterfalls)
	}
	d := parsed(t, r)
	for _, chart := range all(d.root, "svg", "fall") {
		tips := ""
		for _, title := range all(chart, "title", "") {
			tips += textOf(title) + "\n"
		}
		for _, want := range []string{"held up by uplink, shared by transfers: 0.00 s to ", "held up by one core: decompressing a layer: "} {
			if !strings.Contains(tips, want) {
				t.Errorf("no mark says %q", want)
			}
		}
		if !strings.Contains(textOf(chart), "held up by") {
			t.Error("no row of what held the start up")
		}
		causes := ""
		for _, text := range all(chart, "text", "cause") {
			causes += textOf(text) + " "
		}
		if causes != "core " { // the fetch is too short for words
			t.Errorf("below the first row stands %q", causes)
		}
	}
	for _, caption := range all(d.section("inside"), "figcaption", "") {
		if words := textOf(caption); !regexp.MustCompile(`^Held up by: link [0-9.]+ s, core [0-9.]+ s\.$`).MatchString(words) {
			t.Errorf("a caption is %q", words)
		}
	}
	if n := len(all(d.root, "rect", "held-line")); n < 2 {
		t.Errorf("%d lines below layers that the start waited for", n)
	}
}

// Layers wait in the words of what they wait for: upper's unpacking for base's to end,
// and its fetch until base's is done.
func TestWaitTips(t *testing.T) {
	base, upper := digestFor("base"), digestFor("upper")
	s := &simulate.Startup{Spans: []simulate.Span{
		span(simulate.Fetch, "i", base, 0, 2*time.Second, 1), span(simulate.Fetch, "i", upper, 2*time.Second, time.Second, 1),
		span(simulate.Unpack, "i", base, 2*time.Second, 5*time.Second, 1), span(simulate.Unpack, "i", upper, 7*time.Second, time.Second, 1),
	}}
	ends := endsOf(s)
	for _, c := range []struct {
		span  int
		since time.Duration
		want  string
	}{
		{3, 3 * time.Second, "waits 4.00 s before unpack: order, until " + short(base) + " is unpacked"},
		{1, 0, "waits 2.00 s before fetch: until " + short(base) + " is fetched and leaves its place"},
		{2, time.Second, "waits 1.00 s before unpack"},
	} {
		if got := ends.waitTip(&s.Spans[c.span], c.since); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// The band of a curve is by hand: of 200 starts within 9.6 % (the square root of ln 40 by
// 400); over repeats there is none.
func TestCurveMargin(t *testing.T) {
	r := &Report{}
	if got := r.curveMargin(&Distribution{Starts: 200}); math.Abs(got-0.09603) > 1e-5 {
		t.Errorf("margin %g", got)
	}
	if got := r.curveMargin(&Distribution{Starts: 1}); got != 0 {
		t.Errorf("one start has margin %g", got)
	}
	r.Repeats = []simulate.Summary{{Repeats: 3}}
	if got := r.curveMargin(&Distribution{Starts: 200}); got != 0 {
		t.Errorf("over repeats margin %g", got)
	}
	d := parsed(t, New(fleet()))
	if n := len(all(d.root, "line", "whisker")); n != 2*3*3 {
		t.Errorf("%d lines of intervals, want 3 for each of 3 quantiles of 2 arms", n)
	}
}

// The groups of layers are those of the shop, counted by hand: base of all seven, python
// of two, and what each has alone.
func TestLayerGroups(t *testing.T) {
	r := New(Input{Inventory: shopInventory()})
	set := newImageSet(&r.Sharing.Sets[0])
	groups := set.layerGroups(set.familyOrder())
	var got []string
	var total int64
	for i := range groups {
		g := &groups[i]
		total += g.size.CompressedBytes
		got = append(got, fmt.Sprintf("%d images, %d layers, %d MB", len(g.images), len(g.layers), g.size.CompressedBytes/1e6))
	}
	want := map[string]int{"7 images, 1 layers, 29 MB": 1, "2 images, 1 layers, 18 MB": 1, "1 images, 2 layers, 67 MB": 1, "1 images, 2 layers, 2172 MB": 1, "1 images, 3 layers, 81 MB": 1,
		"1 images, 2 layers, 279 MB": 1, "1 images, 2 layers, 88 MB": 1, "1 images, 2 layers, 12 MB": 1, "1 images, 2 layers, 34 MB": 1}
	for _, g := range got {
		want[g]--
	}
	for g, n := range want {
		if n != 0 {
			t.Errorf("%s: %d too few; groups are %q", g, n, got)
		}
	}
	if got[0] != "7 images, 1 layers, 29 MB" || total != r.Sharing.Sets[0].Union.ByDigest.CompressedBytes {
		t.Errorf("the first group is %s, all have %d bytes", got[0], total)
	}
}

// What was measured and simulated is compared by app and arm, with errors by hand.
func TestBesides(t *testing.T) {
	start := func(source, app string, seconds float64) simulate.Startup {
		return simulate.Startup{Source: source, Arm: simulate.ArmCold, App: app, Ready: time.Duration(seconds * 1e9)}
	}
	r := New(Input{Timeline: &simulate.Timeline{Startups: []simulate.Startup{
		start(simulate.Measured, "a", 10), start(simulate.Simulated, "a", 11),
		start(simulate.Measured, "b", 20), start(simulate.Simulated, "b", 15), start(simulate.Simulated, "c", 1),
	}}})
	list := r.besides()
	if len(list) != 2 || math.Abs(list[0].error()-0.1) > 1e-9 || math.Abs(list[1].error()+0.25) > 1e-9 {
		t.Fatalf("%+v", list)
	}
	if mean, bias := meanError(list); math.Abs(mean-0.175) > 1e-9 || math.Abs(bias+0.075) > 1e-9 {
		t.Errorf("mean error %g, bias %g", mean, bias)
	}
	d := parsed(t, r)
	texts, values := d.table("Median time to ready, simulated against measured")
	checkRow(t, values[1][2:4], []string{"20", "15"})
	checkRow(t, []string{texts[0][4], texts[1][4]}, []string{"+10 %", "-25 %"})
	caption := textOf(all(d.section("beside"), "figcaption", "")[0])
	if !strings.Contains(caption, "Mean absolute error 18 %") || !strings.Contains(caption, "bias -7.5 %") {
		t.Errorf("the caption is %q", caption)
	}
}

// In what was measured and simulated an arm has the shape and the colour that it has in
// every other chart, whichever arms there are.
func TestBesideShapes(t *testing.T) {
	for _, arms := range [][]string{{simulate.ArmCold, simulate.ArmCached}, {simulate.ArmAutomatic}, {simulate.ArmCold, simulate.ArmAutomatic, simulate.ArmCached, simulate.ArmWarm}} {
		timeline := &simulate.Timeline{}
		for i, arm := range arms {
			for _, source := range []string{simulate.Measured, simulate.Simulated} {
				timeline.Startups = append(timeline.Startups, simulate.Startup{Source: source, Arm: arm, App: "a", Ready: time.Duration(10+i) * time.Second})
			}
		}
		section := parsed(t, New(Input{Timeline: timeline})).section("beside")
		for _, arm := range arms {
			if n := len(all(all(section, "svg", "scatter")[0], "", "a-"+arm)); n != 1 {
				t.Errorf("%v: %d points have the style of %s", arms, n, arm)
			}
		}
		entries := 0
		for _, entry := range all(section, "li", "") {
			if arm := textOf(entry); slices.Contains(arms, arm) {
				entries++
				if len(all(entry, "", "a-"+arm)) != 1 {
					t.Errorf("%v: the legend shows another style for %s", arms, arm)
				}
			}
		}
		if entries != len(arms) {
			t.Errorf("%d entries of the arms %v", entries, arms)
		}
	}
}

// What happened over time is said to be simulated, though starts were measured as well.
func TestCourseSource(t *testing.T) {
	in := outage()
	measured := in.Timeline.Startups[0]
	measured.Source = simulate.Measured
	in.Timeline.Startups = append(in.Timeline.Startups, measured)
	section := parsed(t, New(in)).section("time")
	if badge := textOf(all(section, "span", "badge")[0]); badge != simulate.Simulated {
		t.Errorf("the badge is %q", badge)
	}
	if words := textOf(section); !strings.Contains(words, "by arm (simulated)") || strings.Contains(words, simulate.Measured) {
		t.Errorf("it says %s", words)
	}
}

// A chart that does not have all caches of a plan says so.
func TestMoreRows(t *testing.T) {
	in := shop(true)
	for n, want := range map[int]bool{maxPlanRows: false, maxPlanRows + 6: true} {
		p := *in.Plan
		for p.Caches = nil; len(p.Caches) < n; {
			p.Caches = append(p.Caches, in.Plan.Caches[0])
		}
		v := &view{}
		v.addPlan(&Report{Plan: &p})
		for _, f := range []*figure{v.Gain, v.Money} {
			if got := strings.Contains(f.Caption, "the table has 6 more"); got != want {
				t.Errorf("%d caches: %s", n, f.Caption)
			}
		}
	}
}

// The words of the money chart's legend and description are those of its lines, though more
// is netted than the bill is high.
func TestMoneyMarks(t *testing.T) {
	in := shop(true)
	p := in.Plan
	budget := p.Caches[0].Cost.NetSaved
	budget.Amount = 100 * p.CostPerMonth().Amount
	p.BudgetPerMonth = &budget
	p.Caches[0].Cost.NetSaved.Amount = 90 * p.CostPerMonth().Amount
	f := moneyFigure(p)
	const words = "udget USD"
	for what, text := range map[string]string{"chart": string(f.Drawing.Body), "description": f.Drawing.Description, "legend": f.Legend[len(f.Legend)-1].Label + f.Legend[max(0, len(f.Legend)-2)].Label} {
		if !strings.Contains(text, words) {
			t.Errorf("no budget in the %s", what)
		}
	}
}

// The steps of a course are in its table where it changes.
func TestCourseTable(t *testing.T) {
	r := New(outage())
	list := r.courses()
	table := courseTable(r, &list[0])
	if len(table.Rows) != 3 || table.Rows[1][0].Value != "4" || table.Rows[1][1].Value != "1" {
		t.Errorf("%+v", table.Rows)
	}
}

// A calibration's page has a point for each arm and the numbers of the document.
func TestCalibrationPage(t *testing.T) {
	c := calibrated()
	var b bytes.Buffer
	if err := WriteCalibration(&b, HTML, c, Options{}); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	d := htmlPage{t, root}
	checkAsksForNothing(t, "calibration", d)
	for _, chart := range all(root, "svg", "chart") {
		checkChart(t, "calibration", chart)
	}
	if n := len(all(all(root, "svg", "scatter")[0], "rect", "mark")); n != len(c.Cells) { // both of one class, as squares or discs
		if n = len(all(all(root, "svg", "scatter")[0], "circle", "mark")); n != len(c.Cells) {
			t.Errorf("%d points of %d arms", n, len(c.Cells))
		}
	}
	// The worse one first: 0.1 before 0.05.
	texts, values := d.table("Arms, the one that is predicted worst first")
	checkRow(t, values[0][3:], []string{"0.9", "0.99", "0.1", "", ""})
	checkRow(t, values[1][3:], []string{"4", "3.8", "-0.05", "0.035", ""})
	checkRow(t, texts[1], []string{"web cold", string(calibrate.ClassShaped), "5", "4.00 s", "3.80 s", "-5.0 %", "3.5 %", "no"})
	_, values = d.table("Error of the time to ready")
	checkRow(t, values[0][1:], []string{"96", "0.33", "0.04", "0.045", "0.61", "0.1", "0.035", "0.035", "0.09", "0.25", "-0.0004"})
	texts, values = d.table("Parameters that these runs tell")
	checkRow(t, append(texts[0][:1], values[0][1:]...), []string{"network.goodputFraction", "0.97", "0.96", "0.98", "1"})
	page := textOf(all(root, "body", "")[0])
	for _, want := range append(untold(c), CalibrationHeadline(c), c.Doubts[0], c.Choices[0], "containerd 2.4.2 on 2 cores, ext4") {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// The chart of money has what the table has: bars from the bill before to the bill with a
// cache, on one scale, found again from their places.
func TestMoneyChart(t *testing.T) {
	r := New(shop(true))
	d := parsed(t, r)
	var chart *html.Node
	for _, c := range all(d.root, "svg", "gain") {
		if attribute(c, "id") == "chart-money" {
			chart = c
		}
	}
	bars := all(chart, "rect", "bill")
	if len(bars) != len(r.Plan.Caches) {
		t.Fatalf("%d bars of %d caches", len(bars), len(r.Plan.Caches))
	}
	share := func(n *html.Node, key string) float64 {
		v, err := strconv.ParseFloat(strings.TrimSuffix(attribute(n, key), "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	perUnit := share(bars[0], "width") / r.Plan.Caches[0].Cost.Total.Amount
	for i, bar := range bars {
		if got, want := share(bar, "width")/perUnit, r.Plan.Caches[i].Cost.Total.Amount; math.Abs(got-want) > 0.01*want {
			t.Errorf("the bar of cache %d is of %g, want %g", i, got, want)
		}
	}
	first, last := bars[0], bars[len(bars)-1]
	if got, want := (share(last, "x")+share(last, "width")-share(first, "x"))/perUnit, r.Plan.CostPerMonth().Amount; math.Abs(got-want) > 0.01*want {
		t.Errorf("the bars end at %g, want the bill of %g", got, want)
	}
}
