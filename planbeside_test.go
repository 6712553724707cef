package cachebench_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
)

// stopsAfter is done once it was asked so often.
type stopsAfter struct {
	context.Context
	calls, most int64
}

func (c *stopsAfter) Err() error {
	if atomic.AddInt64(&c.calls, 1) > c.most {
		return context.Canceled
	}
	return nil
}

// Stopped at any time near its end, a plan either shows a judgement or says that it is left
// out, and so of prices and rates.
func TestStoppedBeside(t *testing.T) {
	s := load(t)
	inv, err := s.Analyze(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job, err := s.Cover(inv)
	if err != nil {
		t.Fatal(err)
	}
	m, err := job.Match(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.PlanOptions.Effort, s.PlanOptions.MaxCandidates = 0.1, 5
	for _, holdOut := range []float64{0, 0.3} {
		s.PlanOptions.HoldOutFraction, s.PlanOptions.Sensitivity = holdOut, holdOut == 0
		whole := &stopsAfter{Context: t.Context(), most: 1 << 60}
		all, err := job.Plan(whole, m)
		if err != nil {
			t.Fatal(err)
		}
		for most := whole.calls - 2; most <= whole.calls; most++ {
			p, err := job.Plan(&stopsAfter{Context: t.Context(), most: most}, m)
			if err != nil {
				t.Fatalf("stopped after %d of %d: %v", most, whole.calls, err)
			}
			if holdOut > 0 && (len(p.HeldOut) == 1) == strings.Contains(p.LeftOut, "what is held out") {
				t.Errorf("stopped after %d of %d: %d held out, left out %q", most, whole.calls, len(p.HeldOut), p.LeftOut)
			}
			if holdOut == 0 && (len(p.Sensitivity.Levers) == len(all.Sensitivity.Levers)) == strings.Contains(p.LeftOut, "would change the verdict") {
				t.Errorf("stopped after %d of %d: %d of %d levers, left out %q", most, whole.calls, len(p.Sensitivity.Levers), len(all.Sensitivity.Levers), p.LeftOut)
			}
		}
	}
}
