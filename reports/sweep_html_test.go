package reports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// gridRuns are the runs of a grid of budgets × rates × seeds. The p99 of arm cached is
// 100 − budget + rate in Gbit/s + seed, so that charts can be worked out by hand.
func gridRuns(budgets, rates, seeds int) (*SweepResult, iter.Seq2[*SweepRun, error]) {
	head := &SweepResult{Version: "0.1.0", Model: 1, Sweep: "sha256:0123456789abcdef", GridRuns: budgets * rates * seeds, Runs: []SweepRun{}}
	return head, func(yield func(*SweepRun, error) bool) {
		for i := range head.GridRuns {
			budget, rate, seed := i/seeds/rates, 1+i/seeds%rates, 1+i%seeds
			run := &SweepRun{
				Run: i, Scenario: "a<b>.yaml", Seed: uint64(seed), Profile: "eci", Inputs: []simulate.Input{{Name: "workload.yaml", Digest: "sha256:aa"}},
				Parameters: []SweepValue{{"budgetPerMonth", fmt.Sprint(budget)}, {"profile.network.registryBytesPerSecond", fmt.Sprintf("%dGbit/s", rate)}, {"plan.goal", "seconds"}},
				Plan:       &SweepPlan{Verdict: "build", Caches: 1, Bill: &cost.Money{Amount: float64(budget), Currency: "USD"}},
			}
			for _, arm := range []string{simulate.ArmCold, simulate.ArmCached} {
				v := simulate.Statistic{Value: float64(100 - budget + rate + seed)}
				if arm == simulate.ArmCold {
					v.Value += 100
				}
				run.Arms = append(run.Arms, SweepArm{Arm: arm, Starts: 10, P50: v, P90: v, P99: v, Mean: v, Slowest: v, Makespan: v, Fetched: simulate.Statistic{Value: 1e9}, Misses: simulate.Statistic{Value: 10}})
			}
			if !yield(run, nil) {
				return
			}
		}
	}
}

func sweepHTML(t *testing.T, budgets, rates, seeds int) string {
	t.Helper()
	head, runs := gridRuns(budgets, rates, seeds)
	var b bytes.Buffer
	if err := WriteSweep(&b, HTML, head, runs); err != nil {
		t.Fatal(err)
	}
	if _, err := html.Parse(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSweepPage: the figures of charts and rows, worked out by hand. With a budget of 1 and
// 2 Gbit/s the p99 of seeds 1 and 2 is 102 and 103: a mean of 102.5, and an interval of
// 12.706·√0.5/√2 = 6.353 on each side.
func TestSweepPage(t *testing.T) {
	page := sweepHTML(t, 3, 2, 2)
	for _, want := range []string{
		"Sweep of 12 runs: 6 combinations, 2 seeds.",
		"p99 by budgetPerMonth", "p50 by budgetPerMonth", "bill of caches a month by budgetPerMonth", "p99 by profile.network.registryBytesPerSecond",
		"cached, a&lt;b&gt;.yaml profile.network.registryBytesPerSecond=2Gbit/s plan.goal=seconds, budgetPerMonth=1: 102.5 s (96.1 s to 108.9 s)",
		`<data value="102.5">102.5`, "96.1\u00a0s to 108.9\u00a0s", "sha256:0123456789abcdef", "workload.yaml",
		"is 100.5\u00a0s at best (a&lt;b&gt;.yaml budgetPerMonth=2", "and 103.5\u00a0s at worst",
	} {
		if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "\u00a0", " ")) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if strings.Contains(page, "a<b>") || strings.Contains(page, "by plan.goal") {
		t.Error("a name is markup, or a parameter without numbers has a chart")
	}
	// Of more than three other combinations the lines are means, with the least and the most:
	// at a budget of 1 over rates 1 to 5 the means over seeds are 101.5 to 105.5.
	page = sweepHTML(t, 3, 5, 2)
	if want := "cached, budgetPerMonth=1: 103.5 s (101.5 s to 105.5 s)"; !strings.Contains(page, want) || !strings.Contains(page, "from the least to the most of them") {
		t.Errorf("%q is not in the page", want)
	}
}

// TestSweepPageScenarios: of many combinations of two scenarios, each has a line of its own: that
// of the second takes 1,000 s more, so that at a budget of 1 over rates 1 to 5 the means are
// 103.5 s and 1,103.5 s, and no line is between them. Beyond six they are the first, as is said.
func TestSweepPageScenarios(t *testing.T) {
	page := func(scenarios int) string {
		one, runs := gridRuns(3, 5, 2)
		head := *one
		head.GridRuns *= scenarios
		var b bytes.Buffer
		err := WriteSweep(&b, HTML, &head, func(yield func(*SweepRun, error) bool) {
			for i := range scenarios {
				for run := range runs {
					run.Run += i * one.GridRuns
					run.Scenario = fmt.Sprintf("s%d.yaml", i+1)
					for k := range run.Arms {
						for _, of := range []*simulate.Statistic{&run.Arms[k].P50, &run.Arms[k].P99} {
							of.Value += 1000 * float64(i)
						}
					}
					if !yield(run, nil) {
						return
					}
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(b.String(), "\u00a0", " ")
	}
	two := page(2)
	for _, want := range []string{
		"cached, s1.yaml, budgetPerMonth=1: 103.5 s (101.5 s to 105.5 s)", "cached, s2.yaml, budgetPerMonth=1: 1,104 s (1,102 s to 1,106 s)", "1: s1.yaml. 2: s2.yaml.",
	} {
		if !strings.Contains(two, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if strings.Contains(two, "budgetPerMonth=1: 603.5 s") || strings.Contains(two, "Drawn are the first") {
		t.Error("two scenarios have a mean, or one is left out")
	}
	if many := page(8); !strings.Contains(many, "6: s6.yaml. Drawn are the first 6 scenarios; JSON and CSV have all.") || strings.Contains(many, "cached, s7.yaml, budget") {
		t.Error("of eight scenarios not the first six are drawn, or it is not said")
	}
}

// TestSweepPageSize: 10,000 runs make a page below 2 MB that says what it leaves out, also
// where each run is a combination.
func TestSweepPageSize(t *testing.T) {
	for _, grid := range [][3]int{{100, 100, 1}, {10000, 1, 1}, {10, 10, 100}} {
		page := sweepHTML(t, grid[0], grid[1], grid[2])
		if len(page) > 2e6 {
			t.Errorf("%v: %d bytes", grid, len(page))
		}
		if says := strings.Contains(page, "the first 600 of 20,000 rows: JSON and CSV have all"); says != (grid[2] == 1) {
			t.Errorf("%v: the page says that rows are left out: %v", grid, says)
		}
		if says := strings.Contains(page, "Drawn are 40 of "); says != (grid[0] > 40) {
			t.Errorf("%v: the page says that values are left out: %v", grid, says)
		}
		t.Logf("%v: %d bytes", grid, len(page))
	}
}

// TestSweepNumber: what of parameters' values is a number, and of which unit.
func TestSweepNumber(t *testing.T) {
	for text, want := range map[string]struct {
		value float64
		unit  string
	}{
		"5": {5, ""}, "-2.5": {-2.5, ""}, "1Gbit/s": {125e6, UnitRate}, "10MB/s": {10e6, UnitRate}, "30%": {0.3, UnitFraction}, "10d": {864000, UnitSeconds}, "1h30m": {5400, UnitSeconds},
		"*=2x": {2, "times"}, "web=0.5x": {0.5, "times"}, "20GB": {20e9, UnitBytes}, "1GiB": {1 << 30, UnitBytes},
	} {
		if v, unit, ok := sweepNumber(text); !ok || v != want.value || unit != want.unit {
			t.Errorf("%s is %v %s, %v; want %+v", text, v, unit, ok, want)
		}
	}
	for _, text := range []string{"", "seconds", "unlimited", "NaN", "eci", "[1, 2]", "true", "x"} {
		if v, unit, ok := sweepNumber(text); ok {
			t.Errorf("%q is %v %s", text, v, unit)
		}
	}
}

// TestSweepFile: a saved sweep read run by run is what it is as a whole, in its own form, on
// one line, in another order and as YAML; faults are told where they stand.
func TestSweepFile(t *testing.T) {
	r := sweepOf(6)
	data, err := document.Marshal(SweepResultKind, r)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	head, runs, _ := strings.Cut(text, `"runs": [`)
	list, _, _ := strings.Cut(runs, "\n  ]\n")
	_, keys, _ := strings.Cut(head, `"SweepResult",`)
	read := func(name, text string) (string, error) {
		f, err := OpenSweep(name, strings.NewReader(text))
		if err != nil {
			return "", err
		}
		var b bytes.Buffer
		err = WriteSweep(&b, JSON, f.Head, f.Runs())
		return b.String(), err
	}
	for form, other := range map[string]string{
		"its own": text, "one line": strings.ReplaceAll(text, "\n", " "), // in texts it is an escape
		"other order": `{"apiVersion": "cachebench/v1", "kind": "SweepResult", "runs": [` + list + "]," + strings.TrimSuffix(strings.TrimSpace(keys), ",") + "}",
	} {
		if got, err := read("r.json", other); err != nil || got != text {
			t.Errorf("%s: %v\n%s", form, err, got)
		}
	}
	if !BeginsAsSweep(data[:100]) || BeginsAsSweep([]byte(`{"apiVersion": "cachebench/v1", "kind": "Sweep"`)) {
		t.Error("a SweepResult is not told by its beginning")
	}
	lines := strings.Split(text, "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"run": 4`) })
	changed := func(i int, line string) string {
		other := slices.Clone(lines)
		other[i] = line
		return strings.Join(other, "\n")
	}
	for want, other := range map[string]string{
		fmt.Sprintf("r.json:%d: runs[4].run: run 2 is out of order", at): changed(at, `"run": 2,`),
		fmt.Sprintf("r.json:%d: runs[4].rin: ", at+1):                    changed(at, `"rin": 4,`),
		fmt.Sprintf("r.json:%d: from here on the file is no JSON", at):   changed(at, `"run" 4,`),
		fmt.Sprintf("r.json:%d: the file ends inside the runs", at+1):    strings.Join(lines[:at+1], "\n"),
		"more stands after the runs":                                     strings.TrimSuffix(strings.TrimSpace(text), "}") + `, "more": 1}`,
		"something stands after the document":                            text + "{}",
	} {
		if _, err := read("r.json", other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSweepFileMemory: ten times the runs need no more memory to be written again, in any
// format; the benchmarks and the page know each file and each combination once.
func TestSweepFileMemory(t *testing.T) {
	var heap runtime.MemStats
	peak := func(runs int, format Format) uint64 {
		head, each := gridRuns(1, 1, runs)
		var b bytes.Buffer
		if err := WriteSweep(&b, JSON, head, each); err != nil {
			t.Fatal(err)
		}
		f, err := OpenSweep("r.json", bytes.NewReader(b.Bytes()))
		if err != nil || f.whole != nil {
			t.Fatalf("the file is read whole, or not at all: %v", err)
		}
		var most uint64
		n := 0
		watched := func(yield func(*SweepRun, error) bool) {
			for r, err := range f.Runs() {
				if n++; n%(runs/8) == 0 {
					runtime.GC()
					runtime.ReadMemStats(&heap)
					most = max(most, heap.HeapAlloc-min(heap.HeapAlloc, uint64(b.Cap())))
				}
				if !yield(r, err) {
					return
				}
			}
		}
		if err := WriteSweep(io.Discard, format, f.Head, watched); err != nil || n != runs {
			t.Fatalf("%d of %d runs, %v", n, runs, err)
		}
		return most
	}
	for _, format := range []Format{JSON, CSV} {
		few, many := peak(400, format), peak(4000, format)
		if many > few+few/4+1<<20 {
			t.Errorf("%s: 400 runs need %d bytes, 4,000 need %d", format, few, many)
		}
	}
}

// TestSweepBench: a row for each arm by its combination and seed, what a run without a
// result has, and the doubts.
func TestSweepBench(t *testing.T) {
	r := sweepOf(6)
	r.GridRuns = 8
	r.Runs[0].UnreadLayers = 2
	var b bytes.Buffer
	if err := WriteSweep(&b, Bench, r, r.Each()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"BenchmarkSweep/scenario=a.yaml/budgetPerMonth=1/seed=1/arm=cached 10 12 startup-sec ", "BenchmarkSweep/scenario=a.yaml/budgetPerMonth=1/seed=1/app=web/arm=cached 10 ",
		"BenchmarkSweep/scenario=a.yaml/budgetPerMonth=2/seed=2/arm=planned 1 3600 saved-sec 1 caches 5 cost-USD 0 net-saved-USD\n",
		"# doubt Run 3 (a.yaml budgetPerMonth=1 seed=2) has no whole result: it says", "# doubt The sweep was interrupted: 6 of 8 runs are made.",
		"# incomparable 2 layers of the images of run 0 could not be read\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "budgetPerMonth=1/seed=2/") {
		t.Error("a run without a result has a line")
	}
	if err := WriteSweep(&b, Bench, r, runsOf(r, io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

// pageOf is the page of runs with a parameter k of these values and what else change makes.
func pageOf(t *testing.T, values []string, change func(i int, r *SweepRun)) string {
	t.Helper()
	head := &SweepResult{Version: "0.1.0", Model: 1, Sweep: "sha256:0", GridRuns: len(values), Runs: []SweepRun{}}
	for i, value := range values {
		run := SweepRun{Run: i, Scenario: "a.yaml", Seed: 1, Parameters: []SweepValue{{"k", value}}}
		v := simulate.Statistic{Value: float64(i + 1)}
		run.Arms = []SweepArm{{Arm: simulate.ArmCached, Starts: 1, P50: v, P99: v}}
		if change != nil {
			change(i, &run)
		}
		head.Runs = append(head.Runs, run)
	}
	var b bytes.Buffer
	if err := WriteSweep(&b, HTML, head, head.Each()); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("\u00a0", " ", "&nbsp;", " ").Replace(b.String())
}

// TestSweepNotFinite: values that are no finite numbers have no place on an axis, whatever
// their unit; the page ends.
func TestSweepNotFinite(t *testing.T) {
	words := []string{"nan%", "inf%", "-Inf%", "*=nanx", "*=infx", "-infx", "NaN", "+Inf", "1e400", "1e400%", "unlimited"}
	for _, text := range words {
		if v, unit, ok := sweepNumber(text); ok {
			t.Fatalf("%q is %v %s", text, v, unit) // a chart of it might not end
		}
	}
	page := pageOf(t, append(words, "10%", "20%"), nil)
	if want := "Not drawn, for it is no number: nan%, inf%, "; !strings.Contains(page, want) || !strings.Contains(page, "p99 by k") {
		t.Errorf("%q is not in the page", want)
	}
	if strings.Contains(page, `"NaN`) || strings.Contains(page, `"+Inf`) {
		t.Error("a coordinate is no number")
	}
}

// TestScaleEnds: whatever is drawn, a scale has few ticks, all within it.
func TestScaleEnds(t *testing.T) {
	odd := []float64{0, -1, 1, 5e-324, 1e-310, 1e-300, 1e300, math.MaxFloat64, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, highest := range odd {
		scales := []scale{linearScale(highest)}
		for _, lowest := range odd {
			for _, typical := range odd {
				scales = append(scales, spreadScale(lowest, typical, highest))
			}
		}
		for _, s := range scales {
			if len(s.ticks) == 0 || len(s.ticks) > 700 {
				t.Errorf("to %v: %d ticks", highest, len(s.ticks))
			}
			for _, tick := range s.ticks {
				if at := s.at(tick); !(at >= 0 && at <= 1) || math.IsInf(tick, 0) {
					t.Errorf("to %v: tick %v is at %v", highest, tick, at)
				}
			}
		}
	}
}

// TestSweepCurrencies: amounts of two currencies are in charts of their own, as lines and as
// means over other parameters.
func TestSweepCurrencies(t *testing.T) {
	for _, others := range []int{2, 6} {
		var values []string
		for i := range 2 * others {
			values = append(values, fmt.Sprint(1+i%2))
		}
		page := pageOf(t, values, func(i int, r *SweepRun) {
			other := i / 2
			r.Parameters = append(r.Parameters, SweepValue{"prices", fmt.Sprintf("p%d.yaml", other)})
			r.Plan = &SweepPlan{Verdict: "build", Caches: 1, Bill: &cost.Money{Amount: float64(10 * (1 + i%2)), Currency: "USD"}}
			if other%2 == 1 {
				r.Plan.Bill = &cost.Money{Amount: float64(36 * (1 + i%2)), Currency: "CNY"}
			}
		})
		for _, want := range []string{
			"bill of caches a month in CNY by k", "bill of caches a month in USD by k",
			"cached at 1: CNY 36.00", "cached at 2: USD 20.00",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%d others: %q is not in the page", others, want)
			}
		}
		// Two of one currency that are means have no mean with the other.
		for _, not := range []string{"USD 36.00", "USD 72.00", "CNY 10.00", "23.00", "46.00", "bill of caches a month by k"} {
			if strings.Contains(page, not) {
				t.Errorf("%d others: %q is in the page", others, not)
			}
		}
	}
}

// TestSweepHeadline: it tells of one arm, and of each where none is that a plan changes.
func TestSweepHeadline(t *testing.T) {
	arm := func(arms ...string) func(int, *SweepRun) {
		return func(i int, r *SweepRun) {
			r.Arms[0].Arm = arms[i%len(arms)]
		}
	}
	both := func(a, b string) func(int, *SweepRun) {
		return func(i int, r *SweepRun) {
			other := r.Arms[0]
			r.Arms[0].Arm, other.Arm, other.P99 = a, b, simulate.Statistic{Value: 100}
			r.Arms = append(r.Arms, other)
		}
	}
	for _, test := range []struct {
		change func(int, *SweepRun)
		want   []string
	}{
		{nil, []string{"The p99 of arm cached, all apps together, is 1.00 s at best (a.yaml k=1) and 4.00 s at worst (a.yaml k=4)."}},
		{arm("cached", "none"), []string{"The p99 of arm cached, all apps together, is 1.00 s at best (a.yaml k=1) and 3.00 s at worst (a.yaml k=3), of the 2 of 4 combinations that have it."}},
		{arm("none"), []string{"The p99 of arm none, all apps together, is 1.00 s at best (a.yaml k=1) and 4.00 s at worst (a.yaml k=4)."}},
		{both("cached", "none"), []string{"The p99 of arm cached, all apps together, is 1.00 s at best (a.yaml k=1) and 4.00 s at worst (a.yaml k=4)."}},
		{both("none", "warm"), []string{"The p99 of arm none, all apps together, is 1.00 s at best", "The p99 of arm warm, all apps together, is 100.0 s in every combination."}},
		{func(_ int, r *SweepRun) { r.Arms = nil }, []string{"No run has startups."}},
	} {
		page := pageOf(t, []string{"1", "2", "3", "4"}, test.change)
		for _, want := range test.want {
			if !strings.Contains(page, want) {
				t.Errorf("%q is not in the page", want)
			}
		}
	}
}

// TestSweepBounds: numbers at the bound of what is held are told to be more.
func TestSweepBounds(t *testing.T) {
	page := func(seeds int) string {
		return pageOf(t, make([]string, seeds), func(i int, r *SweepRun) { r.Seed, r.Parameters[0].Value = uint64(i), "1" })
	}
	if got := page(maxSweepSeeds); !strings.Contains(got, "1 combination, 10,000 seeds.") {
		t.Error("10,000 seeds are not told")
	}
	if got := page(maxSweepSeeds + 1); !strings.Contains(got, "1 combination, more than 10,000 seeds.") || !strings.Contains(got, "more than 10,000<") {
		t.Error("more than 10,000 seeds are not told")
	}
	for _, n := range []int{maxSweepAxis, maxSweepAxis + 100} {
		var values []string
		for i := range 2 * n { // each in two combinations
			values = append(values, fmt.Sprint(i/2))
		}
		got := pageOf(t, values, func(i int, r *SweepRun) { r.Parameters = append(r.Parameters, SweepValue{"other", fmt.Sprint(i % 2)}) })
		want := "Drawn are 40 of 2,000 values; JSON and CSV have all."
		if n > maxSweepAxis {
			want = "Drawn are 40 of more than 2,000 values; JSON and CSV have all."
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
}

// TestSweepLabels: lines that end together have one label with all their numbers, beside the
// last mark and within the chart; others have one each.
func TestSweepLabels(t *testing.T) {
	for _, apart := range []float64{0, 50} {
		page := pageOf(t, []string{"1", "1", "2", "2"}, func(i int, r *SweepRun) {
			r.Parameters = append(r.Parameters, SweepValue{"other", fmt.Sprintf("o%d", i%2)})
			r.Arms[0].P50 = simulate.Statistic{Value: 100 - apart*float64(i%2)}
		})
		_, chart, _ := strings.Cut(page, "p50 by k")
		chart, _, _ = strings.Cut(chart, "</figure>")
		labels := regexp.MustCompile(`class="halo" text-anchor="start" x="([0-9.]+)%" dx="7" y="[0-9.]+">([0-9, ]+)<`).FindAllStringSubmatch(chart, -1)
		var words []string
		for _, l := range labels {
			words = append(words, l[2])
			if at, err := strconv.ParseFloat(l[1], 64); err != nil || at > 94 {
				t.Errorf("label %s is at %s %%: no room beside it", l[2], l[1])
			}
		}
		want := "1, 2"
		if apart > 0 {
			want = "1;2"
		}
		if got := strings.Join(words, ";"); got != want {
			t.Errorf("labels %q, want %q", got, want)
		}
	}
}

// TestSweepPlotsAlone: charts by themselves have the legend of the page, and a budget is in the
// currency of the bills.
func TestSweepPlotsAlone(t *testing.T) {
	r := sweepOf(6)
	charts := NewSweepCharts(r)
	for i := range r.Runs {
		if err := charts.Add(&r.Runs[i]); err != nil {
			t.Fatal(err)
		}
	}
	plots, err := charts.Plots()
	if err != nil || len(plots) == 0 {
		t.Fatal(plots, err)
	}
	for _, p := range plots {
		if svg := string(p.SVG); !strings.Contains(svg, `class="plot-key"`) || !strings.Contains(svg, ">budgetPerMonth (USD)<") {
			t.Errorf("%s: no legend, or no unit of the axis: %s", p.Name, svg)
		}
	}
}
