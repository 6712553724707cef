package cachebench

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// TestRandomPoolPlans: whatever the pool and its apps, a plan comes out that its file
// format takes, never beats its bound, keeps its budget, and is the same again.
func TestRandomPoolPlans(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(1, 3), 1, 4), 1, 5).Draw(t, "images")
		for i := range sizes {
			for n := range sizes[i] {
				sizes[i][n] *= 60
			}
		}
		s := pooledScenario(workload.NodePool{
			Count:         rapid.IntRange(1, 4).Draw(t, "count"),
			LifetimeHours: float64(rapid.SampledFrom([]int{0, 20, 200}).Draw(t, "lifetime")),
			Placement:     rapid.SampledFrom([]string{"spread", "pack", "imageLocality"}).Draw(t, "placement"),
			CPU:           16, RebuildHours: float64(rapid.SampledFrom([]int{0, 24, 2000}).Draw(t, "rebuild")),
		}, sizes, 0)
		drawApps(t, s)
		s.Profile.Pull.KeepBlobs.Value = rapid.Bool().Draw(t, "keepBlobs")
		s.Profile.Node.DiskGiB.Value = float64(rapid.SampledFrom([]int{1, 100}).Draw(t, "disk"))
		budget := float64(rapid.IntRange(1, 20).Draw(t, "budget")) / 20
		s.DiskBudgetGiB = &budget
		disk := 0.1
		s.Prices.Node.DiskGiBMonth = &disk
		p := planOnePool(t, s)
		if p.BoundSeconds < p.ObjectiveSeconds || p.ObjectiveSeconds > p.PullSeconds+time.Millisecond {
			t.Fatalf("spares %v of %v, bound %v", p.ObjectiveSeconds, p.PullSeconds, p.BoundSeconds)
		}
		if n := len(p.Images); n > 0 && p.Images[n-1].CumulativeBytes > p.DiskBudgetBytes {
			t.Fatalf("%d bytes of a budget of %d", p.Images[n-1].CumulativeBytes, p.DiskBudgetBytes)
		}
		if p.Arms[0].Arm != p.Verdict || p.Arm(plan.PoolNothing).SavedSeconds != 0 {
			t.Fatalf("verdict %s, arms %+v", p.Verdict, p.Arms)
		}
		whole := &plan.Plan{Platform: "linux/amd64", Baseline: "automatic", Assign: "auto", Status: plan.Optimal, Pools: []plan.Pool{*p}}
		data, err := document.Marshal(plan.Kind, whole)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Read("plan.json", data); err != nil {
			t.Fatal(err)
		}
		whole.Pools[0] = *planOnePool(t, s)
		if again, err := document.Marshal(plan.Kind, whole); err != nil || !bytes.Equal(data, again) {
			t.Fatalf("another plan the second time: %v\n%s\n%s", err, data, again)
		}
	})
}

// drawApps gives the apps of a scenario what may differ, and its pool images of its own.
func drawApps(t *rapid.T, s *Scenario) {
	var refs []string
	for i := range s.Workload.Apps {
		refs = append(refs, s.Workload.Apps[i].Images[0])
	}
	one := rapid.SampledFrom(refs)
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		app.StartsPerDay = float64(rapid.SampledFrom([]int{0, 1, 20}).Draw(t, "starts"))
		app.Runtime = rapid.SampledFrom([]time.Duration{0, time.Minute, 48 * time.Hour}).Draw(t, "runtime")
		app.PullPolicy = rapid.SampledFrom([]string{"", "Always", "IfNotPresent", "Never"}).Draw(t, "policy")
		app.ReleasesPerMonth = float64(rapid.SampledFrom([]int{0, 0, 4}).Draw(t, "releases"))
		if rapid.Bool().Draw(t, "another") {
			app.Images = append(app.Images, one.Draw(t, "image"))
		}
		if rapid.IntRange(0, 3).Draw(t, "init") == 0 {
			app.InitImages = []string{one.Draw(t, "init image")}
		}
		if rapid.IntRange(0, 3).Draw(t, "told") == 0 {
			share := rapid.Float64Range(0, 1).Draw(t, "pulledFraction")
			app.PulledFraction = &share
		}
		if rapid.Bool().Draw(t, "fraction known") {
			share := rapid.Float64Range(0, 1).Draw(t, "new bytes")
			app.ReleaseNewBytesFraction = &share
		}
	}
	pool := &s.Workload.NodePools[0]
	for _, list := range []*[]string{&pool.DaemonImages, &pool.PrePulled, &pool.Baked} {
		if rapid.IntRange(0, 3).Draw(t, "own") == 0 {
			*list = []string{one.Draw(t, "own image")}
		}
	}
}

// TestToldPulls: where a cluster told that a fifth of the starts pulled, so many count,
// whatever the replay gives.
func TestToldPulls(t *testing.T) {
	for _, lifetime := range []float64{0, 240} { // the replay has no pull, or some
		s := pooledScenario(workload.NodePool{Count: 2, LifetimeHours: lifetime}, [][]int{{100, 10}}, 100)
		share := 0.2
		s.Workload.Apps[0].PulledFraction = &share
		p := planOnePool(t, s)
		if off := p.PullsPerMonth/p.StartsPerMonth - share; math.Abs(off) > 1e-9 || len(p.Images) != 1 {
			t.Errorf("lifetime %v h: %v pulls of %v starts, images %+v; want a fifth, and the image", lifetime, p.PullsPerMonth, p.StartsPerMonth, p.Images)
		}
		if !strings.Contains(strings.Join(p.Assumptions, " "), "as a cluster told (pulledFraction)") {
			t.Errorf("not said: %q", p.Assumptions)
		}
	}
}

// TestPoolPlanInterrupted: what could be chosen is given, of a pool that could not be
// looked at its name.
func TestPoolPlanInterrupted(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 2, LifetimeHours: 24}, [][]int{{100, 10}}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	s.Progress = func(what string) {
		if strings.Contains(what, "node pool work: choosing its images") {
			cancel()
		}
	}
	plans, err := coveredJob(t, s).planPools(ctx, ctx)
	if err != nil || len(plans.pools) != 1 || len(plans.leftOut) != 0 || len(plans.pools[0].Images) != 1 || plans.pools[0].Arm(plan.PoolPrePull).Source != "estimated" || plans.pools[0].StoppedBy != plan.ByInterrupt {
		t.Errorf("%+v, %v; want an estimate", plans, err)
	}
	s.Workload.Apps[0].StartsPerDay = 1000 // enough for a look at the context
	plans, err = coveredJob(t, s).planPools(ctx, ctx)
	if err != nil || len(plans.pools) != 0 || fmt.Sprint(plans.leftOut) != "[work]" {
		t.Errorf("%+v, %v; want the pool left out", plans, err)
	}
}

// TestPoolPlanOutOfTime: a few thousand pulls are counted whatever the time limit is, so that
// the images, their gain and the bound are those of a plan with all time, and arms are
// estimated; what was left out is said.
func TestPoolPlanOutOfTime(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 2, LifetimeHours: 24}, [][]int{{100, 10}, {100, 20}}, 100)
	want := planOnePool(t, s)
	s.PlanOptions.CurvePoints, s.PlanOptions.Sensitivity = 3, true
	limited, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	plans, err := coveredJob(t, s).planPools(t.Context(), limited)
	if err != nil {
		t.Fatal(err)
	}
	if err := plans.addTurns(limited); err != nil {
		t.Fatal(err)
	}
	p := &plans.pools[0]
	if p.PullsPerMonth != want.PullsPerMonth || p.ObjectiveSeconds != want.ObjectiveSeconds || p.BoundSeconds < p.ObjectiveSeconds || p.StoppedBy != plan.ByTimeLimit || p.Arms[0].Source != "estimated" {
		t.Errorf("%+v\nwant the choice of\n%+v", p, want)
	}
	for _, left := range []string{"pulling in parallel (stopped", "other disk budgets (stopped", "prices and rates that would change the verdict (stopped"} {
		if !strings.Contains(p.LeftOut, left) {
			t.Errorf("left out is %q, want %q", p.LeftOut, left)
		}
	}
}

// TestPoolTurnsAreTrue: planned again with a price or rate a little beyond where the
// verdict is said to turn, it is the other one; a little before, it is still the plan's.
func TestPoolTurnsAreTrue(t *testing.T) {
	race.Skip(t)
	s := pooledScenario(workload.NodePool{Count: 4, LifetimeHours: 12}, [][]int{{300, 10}, {300, 20}}, 60)
	s.PlanOptions.Sensitivity = true
	snapshot := 0.5
	s.Prices.Node.SnapshotGiBMonth = &snapshot
	plans, err := coveredJob(t, s).planPools(t.Context(), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := plans.addTurns(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &plans.pools[0]
	verdict := func(name string, factor float64) string {
		varied := *s
		varied.PlanOptions.Sensitivity = false
		price := snapshot * factor
		switch name {
		case "node.snapshotGiBMonth":
			varied.Prices.Node.SnapshotGiBMonth = &price
		case "worthPerHour":
			varied.WorthPerHour *= factor
		case "cache.firstReadBytesPerSecond": // the profile has no limit: what is assumed is varied
			profile := *s.Profile
			profile.Cache.FirstRead.Value = network.Rate(float64(assumedFirstRead) * factor)
			varied.Profile = &profile
		default:
			varied.Profile, _ = s.Profile.Scaled(name, factor)
		}
		return planOnePool(t, &varied).Verdict
	}
	turned := 0
	for _, l := range p.Sensitivity.Levers {
		if l.Factor == nil {
			continue
		}
		turned++
		beyond := math.Copysign(0.06, math.Log(*l.Factor))
		if got := verdict(l.Name, *l.Factor*math.Exp(beyond)); got != l.Verdict {
			t.Errorf("%s beyond %v times: %s, want %s", l.Name, *l.Factor, got, l.Verdict)
		}
		if got := verdict(l.Name, *l.Factor*math.Exp(-beyond)); got != p.Verdict {
			t.Errorf("%s before %v times: %s, want %s", l.Name, *l.Factor, got, p.Verdict)
		}
	}
	if len(p.Sensitivity.Levers) < 5 || turned < 2 {
		t.Errorf("%d of %d levers turn the verdict %s: %+v; want some", turned, len(p.Sensitivity.Levers), p.Verdict, p.Sensitivity.Levers)
	}
}
