package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

func off(mean, worst float64) *calibrate.Score {
	return &calibrate.Score{Count: 20, Mean: mean, Worst: worst}
}

// TestState: what meets an aim of 8 %, worst 25 %.
func TestState(t *testing.T) {
	aim := goal{mean: 0.08, worst: 0.25}
	for _, test := range []struct {
		name    string
		verdict verdict
		want    state
		why     string
	}{
		{"met", verdict{goal: aim, held: off(0.05, 0.2), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 5}, met, ""},
		{"as large as the aim", verdict{goal: aim, held: off(0.08, 0.25), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 5}, met, ""},
		{"mean", verdict{goal: aim, held: off(0.081, 0.2), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 5}, missed, "the mean"},
		{"worst", verdict{goal: aim, held: off(0.05, 0.26), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 5}, missed, "the worst"},
		{"worst without a bound", verdict{goal: goal{mean: 0.08}, held: off(0.05, 0.9), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 5}, met, ""},
		{"fetch + unpack is nearer", verdict{goal: aim, held: off(0.063, 0.1), bytes: off(0.73, 0.8), sum: off(0.058, 0.3), runs: 5}, missed, "fetch + unpack is nearer"},
		{"nearer within the noise", verdict{goal: aim, held: off(0.044, 0.1), sum: off(0.024, 0.1), noise: off(0.05, 0.1), runs: 5}, missed, "fetch + unpack is nearer, both within the noise floor"},
		{"bytes are as near", verdict{goal: aim, held: off(0.05, 0.1), bytes: off(0.05, 0.8), sum: off(0.3, 0.3), runs: 5}, missed, "bytes / bandwidth is nearer"},
		{"too few runs", verdict{goal: aim, held: off(0.01, 0.1), bytes: off(0.4, 0.6), sum: off(0.09, 0.3), runs: 1}, notJudged, "an arm has 1 run, 5 are asked"},
		{"too few runs and too far off", verdict{goal: aim, held: off(0.5, 0.6), runs: 4}, notJudged, "an arm has 4 runs"},
		{"not measured", verdict{goal: aim}, notJudged, "not measured"},
		{"no aim", verdict{held: off(0.5, 0.6), runs: 5}, noAim, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, why := test.verdict.state()
			if got != test.want || !strings.Contains(why, test.why) || (test.why == "") != (why == "") {
				t.Errorf("state %d, %q; want %d, %q", got, why, test.want, test.why)
			}
		})
	}
}

// TestVerdict: of the arms that the fit did not know, and of no other.
func TestVerdict(t *testing.T) {
	r := &results{trials: []*trial{{name: trialHalf, result: &calibrate.Calibration{
		Totals: []calibrate.Scored{
			{What: "all", Scores: []calibrate.Score{{By: calibrate.ByHeldOut, Count: 9, Mean: 0.9}}},
			{What: calibrate.ClassShaped, Scores: []calibrate.Score{{By: calibrate.ByFit, Count: 3, Mean: 0.01}, {By: calibrate.ByHeldOut, Count: 2, Mean: 0.05, Bias: -0.04}, {By: calibrate.Noise, Count: 2, Mean: 0.02}}},
		},
		Cells: []calibrate.Cell{
			{Class: calibrate.ClassShaped, Runs: 1, Fitted: true}, {Class: calibrate.ClassUnshaped, Runs: 2},
			{Class: calibrate.ClassShaped, Runs: 7}, {Class: calibrate.ClassShaped, Runs: 5},
		},
	}}}}
	v := r.verdict(goal{trial: trialHalf, class: calibrate.ClassShaped, what: "one pull", mean: 0.08})
	if v.held == nil || v.held.Mean != 0.05 || v.runs != 5 || v.noise == nil || v.bytes != nil {
		t.Errorf("verdict %+v", v)
	}
	o := v.outcome("others")
	if o.state != met || o.word() != "yes" || strings.Join(o.cells, " | ") != "one pull | others | 8 % | 2 | 5.0 % | 0.0 % | -4.0 % | 2.0 % | - | -" {
		t.Errorf("outcome %+v", o)
	}
	if o := r.verdict(goal{trial: trialHalf, class: calibrate.ClassNodes, mean: 0.15}).outcome("others"); o.word() != "not judged: not measured" {
		t.Errorf("a class that was not measured: %+v", o)
	}
	if o := r.verdict(goal{trial: trialHalf, class: calibrate.ClassNodes}).outcome("others"); o.state != noAim {
		t.Errorf("a class that was not measured and has no aim: %+v", o)
	}
}

// TestAimsMet counts by hand.
func TestAimsMet(t *testing.T) {
	got := aimsMet([]outcome{{state: met}, {state: met}, {what: "nodes", state: missed, why: "the mean is above the aim"}, {state: notJudged}, {state: noAim}})
	if got != "Of 4 aims 2 are met, and 1 cannot be judged; missed: nodes (the mean is above the aim)." {
		t.Error(got)
	}
}

func pulls(arm string, seconds ...float64) (list []simulate.Startup) {
	for i, s := range seconds {
		d := time.Duration(s * 1e9)
		list = append(list, simulate.Startup{Source: simulate.Measured, Arm: arm, Repeat: i, Ready: d, Phases: simulate.Phases{Fetch: &d}})
	}
	return list
}

// TestPullAim: each pull at most 1.1 times containerd's, of medians of five runs.
func TestPullAim(t *testing.T) {
	judged := func(lists ...[]simulate.Startup) outcome {
		tl := &simulate.Timeline{}
		for _, list := range lists {
			tl.Startups = append(tl.Startups, list...)
		}
		return pullOutcome(comparePulls(tl))
	}
	theirs := pulls("containerd a", 10, 10, 10, 11, 9)
	if o := judged(theirs, pulls("pull a", 10.9, 10.9, 10.9, 99, 1)); o.state != met || o.cells[4] != "1.09 times" {
		t.Errorf("1.09 times: %+v", o)
	}
	if o := judged(theirs, pulls("pull a", 5, 5, 5, 5, 5), pulls("containerd b", 1, 1, 1, 1, 1), pulls("pull b", 1.2, 1.2, 1.2, 1.2, 1.2)); o.state != missed || o.cells[5] != "1.20 times" {
		t.Errorf("one of two is too slow, though the mean is not: %+v", o)
	}
	if o := judged(theirs, pulls("pull a", 1, 1)); o.state != notJudged || !strings.Contains(o.why, "2 runs") {
		t.Errorf("two runs: %+v", o)
	}
	if o := judged(theirs); o.state != notJudged || o.why != "not measured" {
		t.Errorf("containerd alone: %+v", o)
	}
	faster := comparePulls(&simulate.Timeline{Startups: append(theirs, pulls("pull a", 8, 8, 8)...)})
	if words := pullDifference(faster); !strings.Contains(words, "0.80 to 0.80 times") || !strings.Contains(words, "-2.00 s a pull in the mean: +0.00 s in resolve, -2.00 s in fetch, +0.00 s in unpack") {
		t.Error(words)
	}
	alike := comparePulls(&simulate.Timeline{Startups: append(theirs, pulls("pull a", 9.5, 9.5)...)})
	if !strings.Contains(pullAdvice(faster), "not containerd's") || pullAdvice(alike) != "" {
		t.Errorf("advice %q and %q", pullAdvice(faster), pullAdvice(alike))
	}
}

// TestSameLayers: of layers above 10 MB, a takes 1 s beside 2, b 3 s beside 4; the small
// one says nothing.
func TestSameLayers(t *testing.T) {
	run := func(arm string, of map[layers.Digest]int) simulate.Startup {
		s := simulate.Startup{Source: simulate.Measured, Arm: arm}
		for layer, seconds := range of {
			bytes := int64(20e6)
			if layer == "small" {
				bytes = 1e6
			}
			s.Spans = append(s.Spans, simulate.Span{Phase: simulate.Unpack, Layer: layer, Start: time.Second, End: time.Duration(1+seconds) * time.Second, Bytes: bytes})
		}
		return s
	}
	got := sameLayers(&simulate.Timeline{Startups: []simulate.Startup{
		run("containerd x", map[layers.Digest]int{"a": 2, "b": 4, "small": 1, "other": 1}),
		run("pull x", map[layers.Digest]int{"a": 1, "b": 3, "small": 9}),
	}})
	if !strings.Contains(got, "Of 2 layers above 10 MB, one takes `measure pull` 0.50 to 0.75 times as long") || !strings.Contains(got, "median 0.62") {
		t.Error(got)
	}
}

// TestGoalsStand: the numbers are those that the project set itself.
func TestGoalsStand(t *testing.T) {
	want := map[string]goal{
		calibrate.ClassShaped: {mean: 0.08, worst: 0.25}, calibrate.ClassTogether: {mean: 0.10},
		calibrate.ClassNodes: {mean: 0.15}, calibrate.ClassUnshaped: {mean: 0.20}, calibrate.ClassPresent: {},
	}
	for _, g := range goals() {
		w := want[g.class]
		if g.trial == trialDisk {
			w = goal{mean: 0.20}
		}
		if g.mean != w.mean || g.worst != w.worst {
			t.Errorf("%s, %s: %v and %v", g.trial, g.class, g.mean, g.worst)
		}
	}
	if enoughRuns < 5 || measure.DefaultRepeats < 5 || mostRatio != 1.1 {
		t.Errorf("%d runs, %v times", enoughRuns, mostRatio)
	}
}
