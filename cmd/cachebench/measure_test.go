package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
