package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher/plan"
)

// TestGivenPlan: a flag that is given counts whatever its value, and what the scenario's
// goal needs goes with that goal.
func TestGivenPlan(t *testing.T) {
	gap := 0.2
	scenario := func() cachebench.PlanOptions {
		return cachebench.PlanOptions{
			Goal: plan.GoalLimit, Limit: 10 * time.Second, LimitStartsFraction: 0.9, Storage: plan.Shared, GapFraction: &gap, Effort: 2,
			TimeLimit: time.Minute, CurvePoints: 5, MaxCandidates: 7, HoldOutFraction: 0.3, JudgeAt: time.Unix(0, 0), Sensitivity: true,
			Candidates: []cachebench.PlanCandidate{{Images: []string{"a"}}}, Explain: []string{"web"},
		}
	}
	tests := []struct {
		args   []string
		change func(*cachebench.PlanOptions)
	}{
		{nil, func(*cachebench.PlanOptions) {}},
		{[]string{"--goal", "net"}, func(o *cachebench.PlanOptions) { o.Goal, o.Limit, o.LimitStartsFraction = plan.GoalNet, 0, 0 }},
		{[]string{"--goal", "limit"}, func(*cachebench.PlanOptions) {}},
		{[]string{"--goal", "limit", "--limit", "3s", "--limit-starts", "0"}, func(o *cachebench.PlanOptions) { o.Limit, o.LimitStartsFraction = 3*time.Second, 0 }},
		{[]string{"--time-limit", "0", "--curve", "0", "--hold-out", "0", "--effort", "0", "--max-candidates", "0", "--gap", "0", "--sensitivity=false", "--judge-at", ""}, func(o *cachebench.PlanOptions) {
			none := 0.0
			o.TimeLimit, o.CurvePoints, o.HoldOutFraction, o.Effort, o.MaxCandidates, o.GapFraction, o.Sensitivity, o.JudgeAt = 0, 0, 0, 0, 0, &none, false, time.Time{}
		}},
		{[]string{"--candidate", "b,c=25", "--candidate", "d", "--explain", "api"}, func(o *cachebench.PlanOptions) {
			o.Candidates = []cachebench.PlanCandidate{{Images: []string{"b", "c"}, SizeGiB: 25}, {Images: []string{"d"}}}
			o.Explain = []string{"api"}
		}},
	}
	for _, test := range tests {
		in, cmd := &inputs{}, &cobra.Command{}
		in.addPlanFlags(cmd)
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Fatal(err)
		}
		got, want := scenario(), scenario()
		if err := in.givenPlan(&got, cmd.Flags().Changed); err != nil {
			t.Fatalf("%q: %v", test.args, err)
		}
		if test.change(&want); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", test.args, got, want)
		}
	}
}
