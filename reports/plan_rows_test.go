package reports

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
)

// cachesAndPrimes is the plan to build two caches, with one app that is primed beside them
// and one whose cache never pays. Of the primed app the best cache would pay.
func cachesAndPrimes() *plan.Plan {
	p := shopPlan(shopTimeline(true), true)
	p.Primes = []plan.PrimedApp{{App: "api", StartsPerMonth: 4, SavedSeconds: 90 * time.Second, Cost: usd(-0.25), NetSaved: usd(0.75)}}
	at := 674800 * time.Millisecond
	p.Assignments = append(p.Assignments, plan.Assignment{
		App: "api", Primed: true, StartsPerMonth: 30, BreakEven: plan.PaysUpTo, BreakEvenSeconds: &at, BreakEvenOf: []string{"r/api:1", "r/proxy:1"},
	})
	for i := range p.Assignments {
		if p.Assignments[i].App == "train" {
			p.Assignments[i].BreakEven, p.Assignments[i].BreakEvenSeconds = plan.PaysNever, nil
		}
	}
	return p
}

// TestPlanCSV: a line for each cache, primed app and app, told apart by the first column;
// of an app how long it may run for its cache to pay.
func TestPlanCSV(t *testing.T) {
	p := cachesAndPrimes()
	var out bytes.Buffer
	if err := Write(&out, CSV, New(Input{Plan: p}), Options{}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	of := make(map[string]map[string]string) // by row and what it is of
	for _, line := range lines[1:] {
		fields := make(map[string]string)
		for i, head := range lines[0] {
			fields[head] = line[i]
		}
		name := fields["apps"]
		if fields["row"] == "cache" {
			name = fields["cache"]
		}
		of[fields["row"]+" "+name] = fields
	}
	if want := len(p.Caches) + len(p.Primes) + len(p.Assignments); len(of) != want {
		t.Errorf("%d lines, want %d", len(of), want)
	}
	for _, want := range []struct{ line, column, value string }{
		{"cache train-cuda", "order", "2"},
		{"cache train-cuda", "net_saved", "0.83"},
		{"cache train-cuda", "currency", "USD"},
		{"cache train-cuda", "break_even_seconds", ""},
		{"prime api", "primes", "4"},
		{"prime api", "saved_seconds", "90"},
		{"prime api", "cost", "-0.25"},
		{"prime api", "net_saved", "0.75"},
		{"app web", "cache", "shop-family"},
		{"app web", "break_even_seconds", "2460"},
		{"app web", "break_even", "upTo"},
		{"app train", "break_even", "never"},
		{"app train", "break_even_seconds", ""},
		{"app web", "break_even_of", ""},
		{"app api", "starts", "30"},
		{"app api", "break_even_seconds", "674.8"},
		{"app api", "break_even_of", "r/api:1 r/proxy:1"},
	} {
		if got, ok := of[want.line]; !ok || got[want.column] != want.value {
			t.Errorf("%s: %s is %q, want %q", want.line, want.column, got[want.column], want.value)
		}
	}
}

// TestWhenPrimed: bursts are told by a workload, not by a trace.
func TestWhenPrimed(t *testing.T) {
	p := cachesAndPrimes()
	for _, recorded := range []*plan.Recorded{nil, {Span: time.Hour, Starts: 3}} {
		p.Recorded = recorded
		for _, format := range []Format{Text, HTML, Markdown} {
			said := strings.Contains(written(t, format, New(Input{Plan: p}), Options{}), "before each burst")
			if said != (recorded == nil) {
				t.Errorf("%s, of a trace: %v: bursts are told: %v", format, recorded != nil, said)
			}
		}
	}
}

// TestBreakEven: text and Markdown say up to which run time caches pay, of planned ones
// alone, and for which apps never. A budget of nothing is one.
func TestBreakEven(t *testing.T) {
	p := cachesAndPrimes()
	p.BudgetPerMonth = budgetOf(0)
	for _, format := range []Format{Text, Markdown} {
		var out bytes.Buffer
		if err := Write(&out, format, New(Input{Plan: p}), Options{}); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(out.String()), " ")
		for _, want := range []string{
			"Were its build and storage on the app alone, a cache would pay for itself in money up to these run times: web 41.0 min, checkout 41.0 min and search 41.0 min; it would at no run time for train.",
			"; budget USD 0.00)",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", format, want, &out)
			}
		}
	}
}

// TestBestBreakEven: where nothing is built, the best cache for an app says what run times
// would be short enough, and is not taken for a planned one.
func TestBestBreakEven(t *testing.T) {
	at := 674800 * time.Millisecond
	p := shopPlan(shopTimeline(false), false)
	web, never := &p.Assignments[0], &p.Assignments[1]
	web.BreakEven, web.BreakEvenSeconds, web.BreakEvenOf = plan.PaysUpTo, &at, []string{"r/web:1"}
	never.BreakEven, never.BreakEvenOf = plan.PaysNever, []string{"r/web:1", "r/x:2"}
	want := "For apps without a planned cache, were its build and storage on the app alone, the best cache for each would pay for itself in money up to these run times: " +
		web.App + " 11.2 min; it would at no run time for " + never.App + "."
	for _, format := range []Format{Text, Markdown} {
		var out bytes.Buffer
		if err := Write(&out, format, New(Input{Plan: p}), Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) || strings.Contains(got, "a cache would pay") {
			t.Errorf("%s: no %q, or a planned cache's, in\n%s", format, want, &out)
		}
	}
	if got := breakEvenCell(web); got.Text != "11.2 min (best cache)" || got.Value != "674.8" || !strings.HasSuffix(got.Title, "of r/web:1") {
		t.Errorf("a cell of web: %+v", got)
	}
	if got := breakEvenCell(never); got.Text != "never (best cache)" || !strings.HasSuffix(got.Title, "of r/web:1, r/x:2") {
		t.Errorf("a cell of %s: %+v", never.App, got)
	}
}

// TestNoBreakEven: of apps that no cache helps it is said that there is nothing to break even,
// for each goal in its words.
func TestNoBreakEven(t *testing.T) {
	share := 0.95
	for _, test := range []struct {
		goal  string
		share *float64
		want  string
	}{
		{plan.GoalSeconds, nil, "makes starts faster."},
		{plan.GoalNet, nil, "saves money on instances or disks."},
		{plan.GoalLimit, nil, "brings a mean start within the limit that is not so without."},
		{plan.GoalLimit, &share, "brings more starts within the limit."},
	} {
		p := shopPlan(shopTimeline(false), false)
		p.Goal, p.LimitStartsFraction = test.goal, test.share
		for i := range p.Assignments {
			p.Assignments[i].BreakEven, p.Assignments[i].BreakEvenSeconds = plan.PaysNoCache, nil
		}
		p.Assignments = p.Assignments[:2]
		want := "No break-even run time of " + p.Assignments[0].App + " and " + p.Assignments[1].App + ": no cache considered " + test.want
		for _, format := range []Format{Text, Markdown} {
			var out bytes.Buffer
			if err := Write(&out, format, New(Input{Plan: p}), Options{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(got, want) || strings.Contains(got, "pay for itself") {
				t.Errorf("%s, %s: no %q in\n%s", test.goal, format, want, &out)
			}
		}
		if got := breakEvenCell(&p.Assignments[0]).Text; got != "no cache helps" {
			t.Errorf("%s: a cell says %q", test.goal, got)
		}
	}
}

// TestBreakEvenAlone: each way to break even makes a sentence of its own, and a cell.
func TestBreakEvenAlone(t *testing.T) {
	at := 2 * time.Hour
	for _, test := range []struct {
		pays, want, cell string
		at               *time.Duration
	}{
		{plan.PaysFrom, "in money from these run times on: train 2.0 h.", "from 2.0 h on", &at},
		{plan.PaysAlways, "in money at any run time for train.", "always", nil},
		{plan.PaysNever, "in money at no run time for train.", "never", nil},
	} {
		p := &plan.Plan{
			Caches:      []plan.PlannedCache{{Name: "c"}},
			Assignments: []plan.Assignment{{App: "train", Cache: "c", BreakEven: test.pays, BreakEvenSeconds: test.at}, {App: "other", Cache: "imc-1"}},
		}
		if got, want := breakEvenSentence(p), "Were its build and storage on the app alone, a cache would pay for itself "+test.want; got != want {
			t.Errorf("%s: %q, want %q", test.pays, got, want)
		}
		if got := breakEvenCell(&p.Assignments[0]).Text; got != test.cell {
			t.Errorf("%s: a cell says %q, want %q", test.pays, got, test.cell)
		}
	}
}
