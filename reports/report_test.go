package reports

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

func written(t *testing.T, format Format, r *Report, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		name string
		in   Input
	}{
		{"build", shop(true)},
		{"nothing", shop(false)},
		{"timeline", Input{Timeline: shopTimeline(true)}},
		{"images", Input{Title: "images", Inventory: shopInventory()}},
		{"empty", Input{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := written(t, Text, New(c.in), Options{})
			golden.Equal(t, "testdata/"+c.name+".txt", []byte(got))
			checkWidth(t, got)
		})
	}
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		if n := columns(line); n > textWidth {
			t.Errorf("line %d takes %d columns, want at most %d: %s", i+1, n, textWidth, line)
		}
	}
}

// What to do must be in the first lines: that is as far as many read.
func TestTextBegins(t *testing.T) {
	lines := strings.Split(written(t, Text, New(shop(true)), Options{}), "\n")
	top := strings.Join(lines[:20], "\n")
	for _, want := range []string{"Build 2 caches", "shop-family", "train-cuda", "USD", "GiB", "a month", "How sure"} {
		if !strings.Contains(top, want) {
			t.Errorf("the first 20 lines do not say %q:\n%s", want, top)
		}
	}
}

func TestTextColor(t *testing.T) {
	r := New(shop(true))
	plain, colored := written(t, Text, r, Options{}), written(t, Text, r, Options{Color: true})
	if strings.Contains(plain, "\x1b") {
		t.Error("escape sequences without Color")
	}
	stripped := colored
	for _, code := range []string{bold, boldGreen, faint, yellow, "0"} {
		stripped = strings.ReplaceAll(stripped, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(plain, stripped); diff != "" {
		t.Errorf("colour changes more than colour:\n%s", diff)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, build := range []bool{true, false} {
		want := New(shop(build))
		data := written(t, JSON, want, Options{})
		got, err := Read("report.json", []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("build %v: read back differs:\n%s", build, diff)
		}
		if again := written(t, JSON, got, Options{}); again != data {
			t.Error("written again, the bytes differ")
		}
		for _, format := range Formats() {
			if written(t, format, want, Options{}) != written(t, format, got, Options{}) {
				t.Errorf("%s of the report read back differs", format)
			}
		}
	}
}

func TestNewLeavesInput(t *testing.T) {
	in, same := shop(true), shop(true)
	r := New(in)
	for _, format := range Formats() {
		first := written(t, format, r, Options{})
		if first != written(t, format, New(in), Options{}) {
			t.Errorf("%s differs from one time to the next", format)
		}
	}
	if diff := cmp.Diff(same, in); diff != "" {
		t.Errorf("the input was changed:\n%s", diff)
	}
}

func TestQuantile(t *testing.T) {
	tenths := make([]time.Duration, 10)
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	copy(tenths, hundred)
	for _, c := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{hundred[:1], 0.5, 1}, {hundred[:1], 0.99, 1},
		{hundred[:4], 0.5, 2}, {hundred[:5], 0.5, 3},
		{tenths, 0.5, 5}, {tenths, 0.9, 9}, {tenths, 0.99, 10},
		{hundred, 0.5, 50}, {hundred, 0.9, 90}, {hundred, 0.99, 99}, {hundred, 1, 100},
	} {
		if got := quantile(c.sorted, c.q); got != c.want {
			t.Errorf("quantile %v of %d values is %d, want %d", c.q, len(c.sorted), got, c.want)
		}
	}
}

// Four starts, two of them void or measured: nothing is mixed.
func TestSummaries(t *testing.T) {
	start := func(source, void string, requested, ready int, fetched int64) simulate.Startup {
		fetch := time.Duration(ready) / 2
		return simulate.Startup{Source: source, Arm: "cold", App: "a", Void: void, Hit: "miss", Requested: time.Duration(requested),
			Ready: time.Duration(ready), FetchedBytes: fetched, Phases: simulate.Phases{Fetch: &fetch}}
	}
	r := New(Input{Timeline: &simulate.Timeline{Startups: []simulate.Startup{
		start(simulate.Simulated, "", 5, 20, 10),
		start(simulate.Simulated, "", 10, 40, 21),
		start(simulate.Measured, "", 0, 1000, 10),
		start(simulate.Measured, "the cache was not ready", 0, 9000, 10),
	}}})
	five := time.Duration(15)
	want := []Summary{
		{Source: simulate.Measured, Arm: "cold", Starts: 1, Mean: 1000, P50: 1000, P90: 1000, P99: 1000, Slowest: 1000, Makespan: 1000,
			MeanFetchedBytes: 10, Misses: 1, MeanPhases: simulate.Phases{Fetch: ptr(500 * time.Nanosecond)}},
		{Source: simulate.Simulated, Arm: "cold", Starts: 2, Mean: 30, P50: 20, P90: 40, P99: 40, Slowest: 40, Makespan: 45,
			MeanFetchedBytes: 16, Misses: 2, MeanPhases: simulate.Phases{Fetch: &five}},
	}
	if diff := cmp.Diff(want, r.Arms); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	if !strings.Contains(strings.Join(r.Doubts, "\n"), "1 startup void and not counted: the cache was not ready.") {
		t.Errorf("the void startup is no doubt: %q", r.Doubts)
	}
}

// TestPercentsOfAColumn: one precision for all, that of the one which needs most.
func TestPercentsOfAColumn(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		write func([]float64) []string
		in    []float64
		want  string
	}{
		{errorPercents, []float64{0.704, 0.903, nan, 0.366, 1.25}, "70 %, 90 %, -, 37 %, 125 %"},
		{errorPercents, []float64{0.366, 0.002, 0, 0.0004, 0.04}, "36.6 %, 0.2 %, 0.0 %, < 0.1 %, 4.0 %"},
		{sharePercents, []float64{0.366, 0.987, 1}, "36.6 %, 98.7 %, 100.0 %"},
		{sharePercents, []float64{0.366, 0.99997, 1}, "36.6 %, > 99.9 %, 100.0 %"},
		{sharePercents, []float64{0.366, 0.5, 1}, "37 %, 50 %, 100 %"},
		{signedErrors, []float64{-0.366, 0.5, 0.0001, nan}, "-37 %, +50 %, 0 %, -"},
		{signedErrors, []float64{-0.0006, 0.5, -0.0004}, "-0.1 %, +50.0 %, 0.0 %"},
		{signedErrors, []float64{-0.036, 0.5}, "-3.6 %, +50.0 %"},
	} {
		if got := strings.Join(c.write(c.in), ", "); got != c.want {
			t.Errorf("%v is %q, want %q", c.in, got, c.want)
		}
	}
}

// TestMeanPhasesAddUp: of starts whose phases make up their time, what one of them does
// not state took no time; what a start that is not told whole leaves out is unknown.
func TestMeanPhasesAddUp(t *testing.T) {
	second := func(n int) *time.Duration { return ptr(time.Duration(n) * time.Second) }
	start := func(arm string, ready int, p simulate.Phases) simulate.Startup {
		return simulate.Startup{Source: simulate.Measured, Arm: arm, App: "a", Ready: time.Duration(ready) * time.Second, Phases: p}
	}
	r := New(Input{Timeline: &simulate.Timeline{Startups: []simulate.Startup{
		start("told whole", 12, simulate.Phases{Resolve: second(4), Pull: second(6), Create: second(2)}),
		start("told whole", 3, simulate.Phases{Create: second(3)}),
		start("told whole", 0, simulate.Phases{}),
		start("told in part", 12, simulate.Phases{Resolve: second(4), Pull: second(6)}),
		start("told in part", 30, simulate.Phases{Pull: second(8)}),
		start("told in part", 9, simulate.Phases{}),
	}}})
	want := map[string]simulate.Phases{
		"told whole":   {Resolve: ptr(4 * time.Second / 3), Pull: second(2), Create: ptr(5 * time.Second / 3)},
		"told in part": {Resolve: second(4), Pull: second(7)},
	}
	for i := range r.Arms {
		if diff := cmp.Diff(want[r.Arms[i].Arm], r.Arms[i].MeanPhases, cmp.Comparer(func(x, y time.Duration) bool { return (x - y).Abs() <= 1 })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.Arms[i].Arm, diff)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestDistribution(t *testing.T) {
	var startups []simulate.Startup
	for i := range 10_000 {
		startups = append(startups, simulate.Startup{Source: simulate.Simulated, Arm: "cold", App: "a", Hit: "miss", Ready: time.Duration(i * i % 9973)})
	}
	sorted := readyTimes(counted(startups))
	exact := steps(sorted)
	thinned := distribute(counted(startups))[0]
	points := thinned.Points
	for _, q := range []float64{0.05, 0.5, 0.9, 0.99, 1} {
		if got, want := thinned.Quantile(q), quantile(sorted, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if len(points) > bands+1 {
		t.Errorf("%d points, want at most %d", len(points), bands+1)
	}
	if first, last := points[0], points[len(points)-1]; first != exact[0] || last != exact[len(exact)-1] || last.Fraction != 1 {
		t.Errorf("the ends are %v and %v, want %v and %v", first, last, exact[0], exact[len(exact)-1])
	}
	for i := range points[1:] {
		if points[i].Ready >= points[i+1].Ready || points[i].Fraction >= points[i+1].Fraction {
			t.Errorf("points %d and %d do not rise: %v, %v", i, i+1, points[i], points[i+1])
		}
		if gap := points[i+1].Fraction - points[i].Fraction; gap > 2./bands {
			t.Errorf("a gap of %v after point %d", gap, i)
		}
	}
}

func TestWaterfalls(t *testing.T) {
	falls := New(shop(true)).Waterfalls
	if len(falls) != 2 {
		t.Fatalf("%d waterfalls, want 2", len(falls))
	}
	for i, arm := range []string{simulate.ArmCold, simulate.ArmCached} {
		if f := falls[i]; f.Arm != arm || f.App != "train" || len(f.Spans) == 0 {
			t.Errorf("waterfall %d is of %s, arm %s with %d spans; want train, %s with some", i, f.App, f.Arm, len(f.Spans), arm)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", f, got, err)
		}
	}
	want := `unknown format "pdf": known are text, json, html`
	if _, err := ParseFormat("pdf"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := Write(&bytes.Buffer{}, "pdf", &Report{}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Write: got %v, want %s", err, want)
	}
}

func TestQuantities(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{seconds(3140 * time.Millisecond), "3.14 s"}, {seconds(41249 * time.Millisecond), "41.2 s"}, {seconds(1234 * time.Second), "1,234 s"},
		{seconds(9996 * time.Millisecond), "10.0 s"}, {seconds(-2 * time.Second), "-2.00 s"}, {seconds(-time.Nanosecond), "0.00 s"},
		{longTime(90 * time.Second), "90.0 s"}, {longTime(5 * time.Minute), "5.0 min"}, {longTime(812 * time.Hour), "812.0 h"}, {longTime(12345 * time.Hour), "12,345 h"},
		{size(0), "0 B"}, {size(999), "999 B"}, {size(1000), "1.0 kB"}, {size(45_249_000), "45.2 MB"}, {size(999_960), "1.0 MB"}, {size(-3e9), "-3.0 GB"},
		{percent(0), "0 %"}, {percent(0.0004), "< 0.1 %"}, {percent(0.042), "4.2 %"}, {percent(0.62), "62 %"}, {percent(0.987), "98.7 %"}, {percent(0.899), "90 %"}, {percent(0.9996), "> 99.9 %"}, {percent(1), "100 %"},
		{money(usd(1234.5)), "USD 1,234.50"}, {money(usd(0.0042)), "USD 0.0042"}, {signedMoney(usd(3)), "USD +3.00"}, {signedMoney(usd(-3)), "USD -3.00"},
		{gibibytes(30), "30 GiB"}, {number(2.5), "2.5"}, {number(270000), "270,000"},
		{shortReference("registry.example:5000/a/b:1"), "b:1"}, {shortReference("a/b@" + string(digestFor("x"))), "b@" + short(digestFor("x"))},
		{ellipsis("registry.example/web:2", 11), "regis…web:2"}, {sentence("build nothing"), "Build nothing."},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func ExampleWrite() {
	start := func(arm string, ready time.Duration) simulate.Startup {
		return simulate.Startup{Source: simulate.Simulated, Arm: arm, App: "web", Ready: ready}
	}
	r := New(Input{Timeline: &simulate.Timeline{Startups: []simulate.Startup{
		start(simulate.ArmCold, 12*time.Second),
		start(simulate.ArmCached, 3*time.Second),
	}}})
	fmt.Println(r.Verdict.Headline)
	// Output: Median start: cold 12.0 s, cached 3.00 s: ready 9.00 s sooner (75 %).
}

// TestLinkThatLimits: of the registry's egress and the uplink, which carry the same,
// the one with a capacity is shown, else the registry's.
func TestLinkThatLimits(t *testing.T) {
	rate := network.Rate(5)
	for _, test := range []struct {
		name             string
		registry, uplink *network.Rate
		want             string
		note             bool
	}{
		{"neither", nil, nil, "Registry's egress", false},
		{"registry", &rate, nil, "Registry's egress", true},
		{"uplink", nil, &rate, "Uplink", true},
		{"both", &rate, &rate, "Registry's egress, Uplink", true},
	} {
		carried := simulate.Course{Mean: []float64{1}}
		r := &Report{Observations: []simulate.Observation{{Arm: "cold", Links: []simulate.LinkUse{
			{Link: simulate.LinkRegistry, Capacity: test.registry, Carried: carried},
			{Link: simulate.LinkUplink, Capacity: test.uplink, Carried: carried},
		}}}}
		var names []string
		for _, c := range r.courses() {
			names = append(names, c.name)
		}
		if got := strings.Join(names, ", "); got != test.want {
			t.Errorf("%s: %s are shown, want %s", test.name, got, test.want)
		}
		if note := r.linkNote(); (note != "") != test.note {
			t.Errorf("%s: note %q", test.name, note)
		}
	}
}

// TestArmWarm: apps have arm warm in the text, the table and the chart, and no
// column of it where nobody has it; apps that a plan is silent of stand with its own.
func TestArmWarm(t *testing.T) {
	startup := func(app, arm string, ready time.Duration) simulate.Startup {
		return simulate.Startup{Source: simulate.Simulated, Arm: arm, App: app, Hit: "miss", Ready: ready * time.Second}
	}
	timeline := &simulate.Timeline{Startups: []simulate.Startup{
		startup("pooled", simulate.ArmCold, 5), startup("pooled", simulate.ArmWarm, 3), startup("own", simulate.ArmCold, 7), startup("own", simulate.ArmCold, 9),
	}}
	r := New(Input{Timeline: timeline})
	for format, wants := range map[Format][]string{
		Text: {"app       cold    warm\n", "pooled  5.00 s  3.00 s\n"},
		HTML: {"pooled, warm: 3.00 s (simulated)", `class="mark ring a-warm"`, "warm"},
		JSON: {`"warmSeconds": 3`},
	} {
		got := written(t, format, r, Options{})
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, got)
			}
		}
	}
	p := &plan.Plan{Baseline: simulate.ArmCold, Assignments: []plan.Assignment{{App: "own", ColdSeconds: 8 * time.Second, BaselineSeconds: 8 * time.Second, PlannedSeconds: 4 * time.Second}}}
	var names []string
	for _, a := range New(Input{Timeline: timeline, Plan: p}).Apps {
		names = append(names, a.Name+" "+a.Source)
	}
	if got := strings.Join(names, ", "); got != "own estimated, pooled simulated" {
		t.Errorf("beside a plan's apps: %s", got)
	}
	timeline.Startups = timeline.Startups[2:]
	if got := written(t, Text, New(Input{Timeline: timeline}), Options{}); strings.Contains(got, "warm") {
		t.Errorf("nobody has arm warm:\n%s", got)
	}
}
