package reports

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// inOneLine is a report in a format, with its blanks as single ones.
func inOneLine(t *testing.T, r *Report, format Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(b.String(), "\u00a0", " ")), " ")
}

// before says that a text has one part before another.
func before(t *testing.T, format Format, text, first, second string) {
	t.Helper()
	a, b := strings.Index(text, first), strings.Index(text, second)
	if a < 0 || b < 0 || a > b {
		t.Errorf("%s: %q is at %d, %q at %d:\n%.3000s", format, first, a, second, b, text)
	}
}

// inHTML is a text as a page has it.
var inHTML = strings.NewReplacer("'", "&#39;", `"`, "&#34;")

// TestBetterFirst: what is free and does better than the plan is the verdict, and how it is
// done stands next, before the plan.
func TestBetterFirst(t *testing.T) {
	in := shop(true)
	in.Plan.Baseline = plan.Cold
	in.Plan.Better = &plan.Better{Action: plan.TurnOnAutomatic, How: `annotation k8s.aliyun.com/eci-image-cache: "true"`, SavedSeconds: 300 * time.Hour, NetSavedPerMonth: usd(61.02)}
	r := New(in)
	// The figures are of what the headline says: 300 h less of the cold 1,472 h.
	v := &r.Verdict
	if v.NetSavedPerMonth.Amount != 61.02 || v.GapFraction != nil || v.SavedFraction == nil || math.Abs(*v.SavedFraction-300.0/1472) > 1e-3 {
		t.Errorf("%+v", v)
	}
	if r.Verdict.Advice != "turn on automatic caches" || !strings.HasPrefix(r.Verdict.Headline, "Turn on automatic caches: a start is ready ") ||
		!strings.HasSuffix(r.Verdict.Headline, ", with a net saving of USD 61.02 a month, and nothing is built.") {
		t.Errorf("%+v", r.Verdict)
	}
	for _, format := range []Format{Text, Markdown, HTML} {
		text := inOneLine(t, r, format)
		how := `How to turn on automatic caches: annotation k8s.aliyun.com/eci-image-cache: "true"`
		if format == HTML {
			how = inHTML.Replace(how)
			before(t, format, text, "saved per start, automatic caches", "saved per start, the plan")
		}
		before(t, format, text, "Turn on automatic caches: a start", how)
		before(t, format, text, how, "Without them the plan is: build 2 caches")
		before(t, format, text, "Without them the plan is: build 2 caches", "Without them, what is built is in this order")
		if strings.Contains(text, "Build in this order") || !strings.Contains(text, "What the plan builds without automatic caches, in this order") {
			t.Errorf("%s: what is built is not said to be of the plan without them:\n%.3000s", format, text)
		}
	}
	text := inOneLine(t, r, JSON)
	before(t, JSON, text, `"advice": "turn on automatic caches"`, `"verdict": "build"`)
	before(t, JSON, text, `"better": { "action": "turn on automatic caches"`, `"caches"`)
	// A limit that is not met is said first all the same.
	in.Plan.Verdict, in.Plan.Goal = plan.LimitNotMet, plan.GoalLimit
	if got := New(in).Verdict; got.Advice != plan.LimitNotMet || !strings.HasPrefix(got.Headline, "Limit not met") || !strings.HasPrefix(got.Sentences[0], "How to turn on automatic caches") {
		t.Errorf("%+v", got)
	}
	// But what keeps it alone is said first, and that the plan does not.
	kept, limit := true, 14*time.Second
	in.Plan.Better.LimitKept, in.Plan.LimitSeconds = &kept, &limit
	if got := New(in).Verdict; got.Advice != plan.TurnOnAutomatic || !strings.HasPrefix(got.Headline, "Turn on automatic caches: they alone keep the limit of 14 s; a start is ready ") ||
		!strings.HasPrefix(got.Sentences[2], "Without them the plan is: limit not met") {
		t.Errorf("%+v", got)
	}
}

// TestBillFirst: how far the modelled month is from a bill stands before any saving in every
// format. 100 modelled against 50 billed are 100 % above, 2000 are 40 times.
func TestBillFirst(t *testing.T) {
	check := func(modelled float64) *cost.BillCheck {
		b := &cost.BillCheck{Currency: "USD", CoverageFraction: 1}
		b.Add(cost.BillRow{Item: cost.BillInstances, Billed: 50, Modelled: &modelled})
		b.Add(cost.BillRow{Item: cost.BillOther, Billed: 7})
		return b
	}
	in := shop(true)
	in.Plan.Bill = check(100) // the plan's is the report's
	r := New(in)
	const gap = "Before any saving: the modelled month is 100 % above the bill, 100.00 USD against 50.00 USD; 7.00 USD of the bill are for what is not modelled."
	for _, format := range []Format{Text, Markdown, HTML} {
		text := inOneLine(t, r, format)
		if format == HTML {
			_, text, _ = strings.Cut(text, "<body>") // the title has the headline
		}
		before(t, format, text, gap, "Build 2 caches")
		if strings.Count(text, gap) != 1 {
			t.Errorf("%s has it %d times", format, strings.Count(text, gap))
		}
	}
	text := inOneLine(t, r, JSON)
	before(t, JSON, text, `"bill": { "currency": "USD", "gapFraction": 1, "modelled": 100, "billed": 50, "otherBilled": 7`, `"headline"`)
	for modelled, want := range map[float64]string{2000: "40 times the bill", 25: "50 % below the bill", 50: "as high as the bill"} {
		if got := billSentence(check(modelled)); !strings.Contains(got, want) {
			t.Errorf("%v: %s", modelled, got)
		}
	}
}

// TestMadeUpStarts: what is simulated of others than the month's starts is not taken for the
// month: the head names them, and says which figures are of what.
func TestMadeUpStarts(t *testing.T) {
	in := shop(true)
	in.Provenance.Starts = "a burst of 200 starts of web over 5s"
	r := New(in)
	if !strings.HasPrefix(r.Verdict.Headline, "For the month (estimated): build 2 caches") || r.Verdict.SavedBytesPerStart != nil {
		t.Errorf("%+v", r.Verdict)
	}
	if got := r.Verdict.Sentences[0]; !strings.HasPrefix(got, "For a burst of 200 starts of web over 5s, in place of the month's (simulated): half of the starts are ready within ") {
		t.Errorf("%s", got)
	}
	for _, format := range []Format{Text, Markdown, HTML} {
		text, starts := inOneLine(t, r, format), "a burst of 200 starts of web over 5s, in place of the month's"
		if format == HTML {
			starts = inHTML.Replace(starts)
			before(t, format, text, "planned, of the burst", "saved per start, of the month")
			_, text, _ = strings.Cut(text, "<body>")
		}
		before(t, format, text, starts, "For the month (estimated)")
		before(t, format, text, "For the month (estimated)", "Build in this order")
	}
	// Without a plan all figures are of them, and the head names them.
	in.Plan, in.Matches = nil, nil
	if text := inOneLine(t, New(in), Text); strings.Contains(text, "For the month") || strings.Contains(text, "in place of") || !strings.Contains(text, "starts: a burst of 200 starts of web over 5s") {
		t.Errorf("%.600s", text)
	}
}

// TestAppsOnAutomatic: what automatic caches bring each app stands beside a plan that is compared
// with cold starts, in text and page, where it is known.
func TestAppsOnAutomatic(t *testing.T) {
	at := 8765 * time.Millisecond
	p := shopPlan(shopTimeline(false), true)
	p.Baseline = plan.Cold
	p.Assignments[0].AutomaticSeconds = &at
	for i, app := range plannedApps(p) {
		if (app.Automatic != nil) != (i == 0) || i == 0 && *app.Automatic != at {
			t.Errorf("%s: %v", app.Name, app.Automatic)
		}
	}
	r := New(Input{Plan: p})
	for _, format := range []Format{Text, HTML} {
		if text := inOneLine(t, r, format); !strings.Contains(text, "8.77 s") && !strings.Contains(text, "8.76 s") {
			t.Errorf("%s: no 8.77 s", format)
		}
	}
}
