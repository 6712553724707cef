package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// TestTold: what a runner has to say against its runs is in every timeline that is
// saved, each time once, also when an experiment is gone on with.
func TestTold(t *testing.T) {
	measured := &simulate.Timeline{Doubts: []string{"noise"}, Measurement: &simulate.Measurement{Tool: "pull"}}
	m := &measuring{}
	if told := m.told(measured); told != measured {
		t.Errorf("with nothing to say: %+v", told)
	}
	var now []string
	m.earlier, m.doubts = []string{"links"}, func() []string { return now }
	for _, c := range []struct{ now, want []string }{
		{nil, []string{"links"}}, {[]string{"links"}, []string{"links"}}, {[]string{"owners", "links"}, []string{"links", "owners"}},
	} {
		now = c.now
		told := m.told(measured)
		if diff := cmp.Diff(c.want, told.Measurement.Doubts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(append([]string{"noise"}, c.want...), told.Doubts); diff != "" {
			t.Error(diff)
		}
	}
	if len(measured.Doubts) != 1 || measured.Measurement.Doubts != nil {
		t.Errorf("the runs' own timeline was changed: %+v", measured)
	}
}

// TestStartAllDefaults: what all starts do may come from a default, which gives way where
// an experiment's file says it itself; the command line does not.
func TestStartAllDefaults(t *testing.T) {
	plain := measure.Start{Image: "a:1"}
	own := measure.Start{Image: "a:1", Args: []string{"/bin/true"}}
	for _, test := range []struct {
		name            string
		start           measure.Start
		line            []string
		env             string
		pullOnly, fails bool
	}{
		{"nothing is said", plain, nil, "", false, false},
		{"a default", plain, nil, "true", true, false},
		{"the command line", plain, []string{"--pull-only"}, "", true, false},
		{"a default, and the file says it itself", own, nil, "true", false, false},
		{"the command line, and the file says it itself", own, []string{"--pull-only"}, "", false, true},
		{"the command line like a default, and the file says it itself", own, []string{"--pull-only"}, "true", false, true},
	} {
		m := &measuring{experiment: "own.yaml"}
		cmd := &cobra.Command{}
		cmd.Flags().BoolVar(&m.start.PullOnly, "pull-only", false, "")
		if err := cmd.ParseFlags(test.line); err != nil {
			t.Fatal(err)
		}
		env := func(name string) (string, bool) { return test.env, name == "CACHEBENCH_PULL_ONLY" && test.env != "" }
		if err := applyDefaults(cmd, env); err != nil {
			t.Fatal(err)
		}
		exp, err := m.startAll(cmd, &measure.Experiment{Arms: []measure.Arm{{Name: "x", Starts: []measure.Start{test.start}}}})
		if (err != nil) != test.fails {
			t.Errorf("%s: %v", test.name, err)
		}
		if err == nil && exp.Expand()[0].Starts[0].PullOnly != test.pullOnly {
			t.Errorf("%s: starts are %+v", test.name, exp.Expand()[0].Starts)
		}
	}
}

// TestPace: what is left is told by runs since the first call, not by those of a session
// before, nor by the time that runs to warm up took.
func TestPace(t *testing.T) {
	begun := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		calls []int // how many of 100 runs are done, a minute apart
		want  time.Duration
		known bool
	}{
		{"the first", []int{1}, 0, false},
		{"anew", []int{1, 2}, 98 * time.Minute, true},
		{"gone on with", []int{90, 91}, 9 * time.Minute, true},
		{"void at first", []int{90, 90, 90, 91}, 27 * time.Minute, true},
		{"void alone", []int{90, 90}, 0, false},
		{"at the end", []int{98, 99, 100}, 0, true},
	} {
		var p pace
		var got time.Duration
		var known bool
		for i, done := range c.calls {
			got, known = p.left(begun.Add(time.Duration(i)*time.Minute), done, 100)
		}
		if got != c.want || known != c.known {
			t.Errorf("%s: %v, %v, want %v, %v", c.name, got, known, c.want, c.known)
		}
	}
}

// TestSparse: where there is no terminal a line comes once a minute, and none at once.
func TestSparse(t *testing.T) {
	begun := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	lines := sparse{begun}
	var got []int
	for second := range 200 {
		if lines.due(begun.Add(time.Duration(second) * time.Second)) {
			got = append(got, second)
		}
	}
	if diff := cmp.Diff([]int{60, 120, 180}, got); diff != "" {
		t.Error(diff)
	}
}
