package compare

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// sweepOf are runs of two budgets and two seeds, whose median is so much, under profiles that
// a parameter makes.
func sweepOf(median float64, change func(*reports.SweepRun)) *reports.SweepResult {
	r := &reports.SweepResult{Version: "1", Model: 1, Sweep: "sha256:0", GridRuns: 4, Runs: []reports.SweepRun{}}
	for i := range 4 {
		v := simulate.Statistic{Value: median + float64(i)}
		run := reports.SweepRun{
			Run: i, Scenario: "a.yaml", Seed: uint64(1 + i%2), Parameters: []reports.SweepValue{{Key: "profile.network.registryBytesPerSecond", Value: []string{"1Gbit/s", "10Gbit/s"}[i/2]}},
			Profile: "eci", ProfileDigest: layers.Digest([]string{"sha256:aaaa", "sha256:bbbb"}[i/2]), WorkloadDigest: "sha256:cccc", Platform: "linux/amd64",
			Plan: &reports.SweepPlan{Verdict: "build", Caches: 1, Bill: &cost.Money{Amount: 3, Currency: "USD"}},
			Arms: []reports.SweepArm{{Arm: "cached", Starts: 10, P50: v, P99: v}, {Arm: "cached", App: "web", Starts: 10, P50: v, P99: v}},
		}
		if change != nil {
			change(&run)
		}
		r.Runs = append(r.Runs, run)
	}
	return r
}

func sweepText(t *testing.T, r *reports.SweepResult, asText bool) string {
	t.Helper()
	if !asText {
		data, err := document.Marshal(reports.SweepResultKind, r)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var b bytes.Buffer
	if err := reports.WriteSweep(&b, reports.Bench, r, r.Each()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSweeps: two sweeps are compared run by run, as documents and as text; those whose runs
// were made under other conditions are refused, though each has several of its own.
func TestSweeps(t *testing.T) {
	last := func(change func(*reports.SweepRun)) func(*reports.SweepRun) {
		return func(r *reports.SweepRun) {
			if r.Run == 3 {
				change(r)
			}
		}
	}
	for name, test := range map[string]struct {
		new     *reports.SweepResult
		rules   string
		allow   []string
		verdict string
		refusal string
	}{
		"the same": {sweepOf(10, nil), "startup-sec:+0%,cost-USD<=3USD", nil, reports.Pass, ""},
		"slower":   {sweepOf(11, nil), "startup-sec:+5%", nil, reports.Fail, ""},
		"a bill":   {sweepOf(10, last(func(r *reports.SweepRun) { r.Plan.Bill.Amount = 4 })), "cost-USD:+0.5USD", nil, reports.Fail, ""},
		"profile":  {sweepOf(10, last(func(r *reports.SweepRun) { r.ProfileDigest = "sha256:dddd" })), "startup-sec:+0%", nil, reports.Unjudged, "profile eci has other values: those of OLD are bbbb, those of NEW dddd"},
		"swapped": {sweepOf(10, func(r *reports.SweepRun) {
			r.ProfileDigest = layers.Digest([]string{"sha256:bbbb", "sha256:aaaa"}[r.Run/2])
		}), "startup-sec:+0%", nil, reports.Unjudged, ""},
		"allowed":      {sweepOf(10, last(func(r *reports.SweepRun) { r.ProfileDigest = "sha256:dddd" })), "startup-sec:+0%", []string{Profile}, reports.Pass, ""},
		"workload":     {sweepOf(10, last(func(r *reports.SweepRun) { r.WorkloadDigest = "sha256:dddd" })), "startup-sec:+0%", nil, reports.Unjudged, "another workload"},
		"starts":       {sweepOf(10, last(func(r *reports.SweepRun) { r.Arms[1].Starts = 9 })), "startup-sec:+0%", nil, reports.Unjudged, "the numbers of starts differ of web, cached, registryBytesPerSecond=10Gbit/s, seed=2 (10, then 9)"},
		"seed":         {sweepOf(10, last(func(r *reports.SweepRun) { r.Seed = 3 })), "startup-sec:+0%", nil, reports.Unjudged, ""},
		"without arms": {sweepOf(10, last(func(r *reports.SweepRun) { r.Failure, r.Arms, r.Plan = "no", []reports.SweepArm{}, nil })), "startup-sec:+0%", nil, reports.Unjudged, ""},
		"missing":      {sweepOf(10, last(func(r *reports.SweepRun) { r.Failure, r.Arms, r.Plan = "no", []reports.SweepArm{}, nil })), "startup-sec:+0%", []string{Missing}, reports.Pass, ""},
	} {
		for _, asText := range []bool{false, true} {
			old, new := sweepText(t, sweepOf(10, nil), false), sweepText(t, test.new, asText)
			c := judged(t, old, new, test.rules, Options{Allow: test.allow})
			if c.Gate.Verdict != test.verdict {
				t.Errorf("%s: %s (%v), want %s", name, c.Gate.Verdict, Err(c), test.verdict)
			}
			if test.refusal != "" && !slices.ContainsFunc(c.Refusals, func(s string) bool { return strings.Contains(s, test.refusal) }) {
				t.Errorf("%s: %q, want %s", name, c.Refusals, test.refusal)
			}
		}
	}
}

// TestRenamedSweeps: the runs of sweeps whose arms and apps are renamed are held to their
// conditions as those of others are; where no run is in both, the sides are.
func TestRenamedSweeps(t *testing.T) {
	renamed := func(change func(*reports.SweepRun)) *reports.SweepResult {
		return sweepOf(10, func(r *reports.SweepRun) {
			r.Plan = nil // whose line has a name of its own
			for i := range r.Arms {
				r.Arms[i].Arm = "warm"
				if r.Arms[i].App != "" {
					r.Arms[i].App = "shop"
				}
			}
			if change != nil {
				change(r)
			}
		})
	}
	old := sweepText(t, sweepOf(10, func(r *reports.SweepRun) { r.Plan = nil }), false)
	rename := map[string]string{"cached": "warm", "web": "shop"}
	for name, test := range map[string]struct {
		change  func(*reports.SweepRun)
		verdict string
		refusal string
	}{
		"the same":     {nil, reports.Pass, ""},
		"profile":      {func(r *reports.SweepRun) { r.ProfileDigest = "sha256:dddd" }, reports.Unjudged, "profile eci has other values"},
		"another name": {func(r *reports.SweepRun) { r.Profile = "acs" }, reports.Unjudged, "another profile: OLD's is eci, NEW's is acs"},
		"platform":     {func(r *reports.SweepRun) { r.Platform = "linux/arm64" }, reports.Unjudged, "another platform"},
		"workload":     {func(r *reports.SweepRun) { r.WorkloadDigest = "sha256:dddd" }, reports.Unjudged, "another workload"},
	} {
		c := judged(t, old, sweepText(t, renamed(test.change), false), "startup-sec:+0%", Options{Rename: rename})
		if c.Gate.Verdict != test.verdict || test.refusal != "" && !slices.ContainsFunc(c.Refusals, func(s string) bool { return strings.Contains(s, test.refusal) }) {
			t.Errorf("%s: %s, %q, want %s, %s", name, c.Gate.Verdict, c.Refusals, test.verdict, test.refusal)
		}
	}
	c := judged(t, old, sweepText(t, renamed(func(r *reports.SweepRun) { r.Platform = "linux/arm64" }), false), "startup-sec:+0%", Options{Allow: []string{Missing}})
	if !slices.ContainsFunc(c.Refusals, func(s string) bool {
		return strings.Contains(s, "another platform: OLD's is linux/amd64, NEW's is linux/arm64")
	}) {
		t.Errorf("no run is in both: %q", c.Refusals)
	}
}

// TestCapacities: answers to one question compare, their verdict, needs and curves; of what
// searches found each may have its own.
func TestCapacities(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	answer := func(need float64, change func(*reports.Capacity)) string {
		c := &reports.Capacity{
			Question: "burst", Headline: "Met.", Verdict: reports.CapacityMet, Arm: "cold",
			Provenance: simulate.Provenance{Version: "1", Model: 1, Seed: 1, Profile: "eci", ProfileDigest: "sha256:aaaa", WorkloadDigest: "sha256:cccc", Platform: "linux/amd64"},
			Figures:    []reports.CapacityFigure{{Name: "last ready", Unit: "sec", Value: 20, Limit: number(30)}},
			Needs:      []reports.CapacityNeed{{Parameter: "network.registryBytesPerSecond", Unit: "B/s", Need: &need}},
			Curves:     []reports.CapacityCurve{{Title: "t", Parameter: "starts", Figure: "last ready", YUnit: "sec", Limit: number(30), Points: []reports.CapacityPoint{{X: 1, Y: number(need / 10)}, {X: need, Y: number(20)}}}},
			Options:    []reports.CapacityOption{{Name: "one", Met: true}},
		}
		if change != nil {
			change(c)
		}
		data, err := document.Marshal(reports.CapacityKind, c)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	old := answer(100, nil)
	for name, test := range map[string]struct {
		new, rules string
		allow      []string
		verdict    string
		refusal    string
	}{
		"the same":          {answer(100, nil), "met>=1,need-B/s:+0%,value-sec:+0%", nil, reports.Pass, ""},
		"needs more":        {answer(110, nil), "need-B/s:+5%", nil, reports.Fail, ""},
		"its curve":         {answer(110, nil), "value-sec:+5%", nil, reports.Fail, ""},
		"not met":           {answer(100, func(c *reports.Capacity) { c.Verdict = reports.CapacityNotMet }), "met>=1", nil, reports.Fail, ""},
		"unclear":           {answer(100, func(c *reports.Capacity) { c.Verdict = reports.CapacityUnclear }), "met>=1", nil, reports.Unjudged, ""},
		"need of OLD alone": {answer(100, func(c *reports.Capacity) { c.Needs, c.Effects = nil, nil }), "met>=1,value-sec:+0%", nil, reports.Pass, ""},
		"need of NEW alone": {answer(100, func(c *reports.Capacity) {
			c.Needs = append(c.Needs, reports.CapacityNeed{Parameter: "unpack.cores", Unit: "cores", Need: number(3)})
			c.Figures = append(c.Figures, reports.CapacityFigure{Name: reports.CapacityAllLifted, Unit: "sec", Value: 9})
		}), "met>=1,need-B/s:+0%", nil, reports.Pass, ""},
		"a rule on the need of OLD alone": {answer(100, func(c *reports.Capacity) { c.Needs = nil }), "need-B/s:+0%", nil, reports.Unjudged, ""},
		"a lost figure":                   {answer(100, func(c *reports.Capacity) { c.Figures = nil }), "met>=1", nil, reports.Unjudged, ""},
		"interrupted":                     {answer(100, func(c *reports.Capacity) { c.Needs, c.Interrupted = nil, true }), "met>=1", nil, reports.Unjudged, "NEW: the search was interrupted"},
		"interrupted, allowed":            {answer(100, func(c *reports.Capacity) { c.Needs, c.Interrupted = nil, true }), "met>=1", []string{Unfinished}, reports.Pass, ""},
		"other found":                     {answer(100, func(c *reports.Capacity) { c.Options[0].Name = "two" }), "met>=1", nil, reports.Pass, ""},
		"limit":                           {answer(100, func(c *reports.Capacity) { c.Curves[0].Limit = number(40) }), "met>=1", nil, reports.Unjudged, "another problem: OLD's is question burst, arm cold, last ready at most 30 sec, NEW's is question burst, arm cold, last ready at most 40 sec"},
		"question":                        {answer(100, func(c *reports.Capacity) { c.Question = "pool" }), "met>=1", nil, reports.Unjudged, "another problem"},
		"arm":                             {answer(100, func(c *reports.Capacity) { c.Arm = "warm" }), "met>=1", nil, reports.Unjudged, "another problem"},
		"arm allowed":                     {answer(100, func(c *reports.Capacity) { c.Arm = "warm" }), "met>=1", []string{Problem}, reports.Pass, ""},
		"profile":                         {answer(100, func(c *reports.Capacity) { c.Provenance.ProfileDigest = "sha256:bbbb" }), "met>=1", nil, reports.Unjudged, "profile eci has other values"},
		"workload":                        {answer(100, func(c *reports.Capacity) { c.Provenance.WorkloadDigest = "sha256:bbbb" }), "met>=1", nil, reports.Unjudged, "another workload"},
		"seed":                            {answer(100, func(c *reports.Capacity) { c.Provenance.Seed = 2 }), "met>=1", nil, reports.Unjudged, "another seed"},
		"unread": {answer(100, func(c *reports.Capacity) {
			c.Provenance.Unread = []layers.Unscanned{{Digest: "sha256:ee", Reason: "gone"}}
		}), "met>=1", nil, reports.Unjudged, "could not be read"},
	} {
		c := judged(t, old, test.new, test.rules, Options{Allow: test.allow})
		if c.Gate.Verdict != test.verdict {
			t.Errorf("%s: %s (%v), want %s", name, c.Gate.Verdict, Err(c), test.verdict)
		}
		if test.refusal != "" && !slices.ContainsFunc(c.Refusals, func(s string) bool { return strings.Contains(s, test.refusal) }) {
			t.Errorf("%s: %q, want %s", name, c.Refusals, test.refusal)
		}
		switch name {
		case "need of OLD alone":
			if Err(c) != nil || !slices.ContainsFunc(c.Doubts, func(s string) bool {
				return strings.HasPrefix(s, "Only in OLD: need=network.registryBytesPerSecond.")
			}) {
				t.Errorf("%s: %v, %q", name, Err(c), c.Doubts)
			}
		case "need of NEW alone":
			if Err(c) != nil || len(c.Added) != 2 {
				t.Errorf("%s: %v, %q", name, Err(c), c.Added)
			}
		case "a lost figure":
			if err := Err(c); err == nil || !strings.Contains(err.Error(), "NEW lacks figure=last ready of OLD") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if name == "other found" && !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.Contains(s, "OLD alone has 1, NEW alone 1") }) {
			t.Errorf("%s: %q", name, c.Doubts)
		}
	}
}
