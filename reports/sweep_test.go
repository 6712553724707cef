package reports

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

func sweepOf(runs int) *SweepResult {
	r := &SweepResult{Version: "0.1.0", Model: 1, Sweep: "sha256:0", GridRuns: runs, Runs: []SweepRun{}}
	for i := range runs {
		run := SweepRun{Run: i, Scenario: "a.yaml", Seed: uint64(1 + i%2), Parameters: []SweepValue{{"budgetPerMonth", fmt.Sprint(i / 2)}}, Arms: []SweepArm{}}
		switch {
		case i == 3:
			run.Failure = `it says "runs": [ and
    ]`
		default:
			run.Plan = &SweepPlan{Verdict: "build", Status: "optimal", Caches: 1, Saved: time.Hour, Bill: &cost.Money{Amount: float64(i), Currency: "USD"}, NetSaved: &cost.Money{Currency: "USD"}}
			run.Arms = append(run.Arms, SweepArm{Arm: simulate.ArmCached, Starts: 10, P50: simulate.Statistic{Value: float64(10 + i)}}, SweepArm{Arm: simulate.ArmCached, App: "web", Starts: 10})
		}
		r.Runs = append(r.Runs, run)
	}
	return r
}

func runsOf(r *SweepResult, fail error) iter.Seq2[*SweepRun, error] {
	return func(yield func(*SweepRun, error) bool) {
		for i := range r.Runs {
			if !yield(&r.Runs[i], nil) {
				return
			}
		}
		if fail != nil {
			yield(nil, fail)
		}
	}
}

// TestSweepStream: what is written run by run is the document of the whole.
func TestSweepStream(t *testing.T) {
	for _, runs := range []int{0, 1, 2, 5} {
		for _, shard := range []*SweepShard{nil, {Index: 0, Of: 1}} {
			r := sweepOf(runs)
			r.Shard = shard
			want, err := document.Marshal(SweepResultKind, r)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := WriteSweep(&got, JSON, r, runsOf(r, nil)); err != nil || got.String() != string(want) {
				t.Errorf("%d runs are written as\n%s\nthe document is\n%s(%v)", runs, got.String(), want, err)
			}
			again, err := ReadSweepResult("r.json", got.Bytes())
			if err != nil || !again.Whole() || again.Failed() != min(1, runs/4) {
				t.Errorf("%d runs read as %+v, %v", runs, again, err)
			}
		}
	}
	failed := errors.New("no")
	for _, format := range SweepFormats() {
		if err := WriteSweep(&bytes.Buffer{}, format, sweepOf(2), runsOf(sweepOf(2), failed)); !errors.Is(err, failed) {
			t.Errorf("%s: %v, want %v", format, err, failed)
		}
	}
}

// TestSweepTable: a row has the mean over seeds and half of its interval, worked out by
// hand: of 14 and 15 the mean is 14.5, the deviation √0.5, t(0.975, 1) is 12.706, so
// 12.706·√0.5/√2 = 6.353.
func TestSweepTable(t *testing.T) {
	var text, markdown bytes.Buffer
	r := sweepOf(6)
	for format, to := range map[Format]*bytes.Buffer{Text: &text, Markdown: &markdown} {
		if err := WriteSweep(to, format, r, runsOf(r, nil)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"a.yaml budgetPerMonth=2\n", "  cached      2  14.5 s ±6.35 s", "1 run failed:\n", "run 3 (a.yaml budgetPerMonth=1, seed 2): it says"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	if !strings.Contains(markdown.String(), "| `a.yaml budgetPerMonth=2` | cached | 2 | 14.5 s ±6.35 s |") {
		t.Errorf("the row is not in\n%s", markdown.String())
	}
}

// TestSweepOrder: runs out of order, of no such grid or of no such shard are refused.
func TestSweepOrder(t *testing.T) {
	for want, change := range map[string]func(*SweepResult){
		"runs[1].run: run 0 is out of order": func(r *SweepResult) { r.Runs[1].Run = 0 },
		"runs[1].run: run 9 is out of order": func(r *SweepResult) { r.Runs[1].Run = 9 },
		"shard 2 of 2 cannot be":             func(r *SweepResult) { r.Shard = &SweepShard{Index: 2, Of: 2} },
	} {
		r := sweepOf(2)
		change(r)
		data, err := document.Marshal(SweepResultKind, r)
		if err == nil {
			_, err = ReadSweepResult("r.json", data)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestSweepAdvice: where something free does better than what a run's plan builds, every
// format that has the verdict has that too; where not, the verdict alone.
func TestSweepAdvice(t *testing.T) {
	of := func(better *plan.Better) SweepRun {
		r := SweepRun{Scenario: "a.yaml", Seed: 1}
		r.Take(&plan.Plan{Verdict: plan.Build, Caches: make([]plan.PlannedCache, 2), Better: better},
			&simulate.Timeline{Summaries: []simulate.Summary{{Arm: simulate.ArmCached, Starts: 1}}})
		return r
	}
	if plain := of(nil); plain.Plan.Advice != "" || plain.Plan.words() != "build, 2 caches" {
		t.Errorf("without better: %+v, %q", plain.Plan, plain.Plan.words())
	}
	r := &SweepResult{GridRuns: 1, Runs: []SweepRun{of(&plan.Better{Action: plan.TurnOnAutomatic})}}
	if p := r.Runs[0].Plan; p.Verdict != plan.Build || p.Advice != plan.TurnOnAutomatic {
		t.Errorf("%+v", p)
	}
	// Where a limit is not met, what does not keep it either is no advice.
	limit := SweepRun{}
	limit.Take(&plan.Plan{Verdict: plan.LimitNotMet, Better: &plan.Better{Action: plan.TurnOnAutomatic}}, nil)
	if limit.Plan.Advice != "" {
		t.Errorf("limit not met: %+v", limit.Plan)
	}
	for format, want := range map[Format]string{
		Text: "turn on automatic caches (planned: build, 2 caches)", Markdown: "turn on automatic caches (planned: build, 2 caches)", HTML: "turn on automatic caches (planned: build, 2 caches)",
		JSON: `"advice": "turn on automatic caches"`, CSV: ",failure,advice\n",
	} {
		var b bytes.Buffer
		if err := WriteSweep(&b, format, r, r.Each()); err != nil || !strings.Contains(strings.Join(strings.Fields(b.String()), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("%s: no %q in\n%s (%v)", format, want, b.String(), err)
		}
	}
	var page bytes.Buffer
	if err := WriteSweep(&page, HTML, r, r.Each()); err != nil || !strings.Contains(page.String(), "What plans advise first: turn on automatic caches in 1 of 1 combination.") {
		t.Errorf("the page does not say first what plans advise: %v", err)
	}
	var rows bytes.Buffer
	if err := WriteSweep(&rows, CSV, r, r.Each()); err != nil || !strings.HasSuffix(rows.String(), ",,turn on automatic caches\n") {
		t.Errorf("csv: %q, %v", rows.String(), err)
	}
}
