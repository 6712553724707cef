package main

import (
	"testing"

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
