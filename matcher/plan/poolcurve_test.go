package plan_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// TestPoolCurve: the pool of TestPoolByHand at five disk budgets, the least that of the base
// of 2 GiB and the most that of everything, 4 GiB, each 2^(1/4) times the one before. Below
// 3 GiB the base is held, from there on a. A GB from the registry costs 0.10 and nodes live
// for ever: what is held costs what it spares of traffic, and a third GiB on each of 3 nodes
// 2 more a month.
func TestPoolCurve(t *testing.T) {
	inv := inventory([]float64{2, 1, 1}, map[string][]int{"a": {0, 1}, "b": {0, 2}, "base": {0}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{
		{Image: 0, Cause: plan.Fresh, PerMonth: 100},
		{Image: 1, Cause: plan.Fresh, PerMonth: 80},
	}, 3.5)
	egress, disk := 0.1, 2.0
	x.Prices.Node = cost.Node{RegistryEgressGB: &egress, DiskGiBMonth: &disk, SnapshotGiBMonth: &disk}
	x.FreeBytes, x.Points, x.More = 2*gib, 5, true
	p := choosePool(t, x)
	traffic := func(compressedGiB float64) float64 { return -0.1 * compressedGiB * gib / 1e9 }
	for i, want := range []struct {
		budgetGiB, addedGiB, seconds, cost float64
		images                             int
	}{
		{2, 2, 180 * 40, traffic(180), 1},
		{2.3784, 2, 180 * 40, traffic(180), 1},
		{2.8284, 2, 180 * 40, traffic(180), 1},
		{3.3636, 3, 100*61 + 80*40, traffic(100*1.5+80) + 3*2, 1},
		{4, 4, 180 * 61, traffic(180*1.5) + 2*3*2, 2},
	} {
		if len(p.Curve) != 5 {
			t.Fatalf("a curve of %d points, want 5", len(p.Curve))
		}
		got := &p.Curve[i]
		net := want.seconds/3600*100 - want.cost
		if !near(float64(got.DiskBudgetBytes)/gib, want.budgetGiB, 1e-4) || got.AddedBytes != int64(want.addedGiB*gib) || got.Images != want.images ||
			got.SavedSeconds != seconds(want.seconds) || got.BoundSeconds != got.SavedSeconds || !near(got.Cost.Amount, want.cost, 1e-6) || !near(got.NetSaved.Amount, net, 1e-6) {
			t.Errorf("point %d: %+v, cost %v, net %v; want %+v, net %v", i, got, got.Cost, got.NetSaved, want, net)
		}
	}
	// A tenth more than 3.5 GiB holds no more; than 3.7 GiB it holds everything.
	if m := p.Sensitivity.More; m.SavedSeconds != p.ObjectiveSeconds || !near(float64(m.DiskBudgetBytes)/gib, 3.85, 1e-6) {
		t.Errorf("a tenth more than 3.5 GiB: %+v, want what there is, %v", m, p.ObjectiveSeconds)
	}
	x.DiskBudgetBytes, x.Prices.Node.DiskGiBMonth = 37*gib/10, nil
	x.FreeBytes = 3 * gib
	if m := choosePool(t, x).Sensitivity.More; m.SavedSeconds != seconds(180*61) || m.BoundSeconds != m.SavedSeconds || m.Images != 2 || m.Cost != nil || m.NetSaved != nil {
		t.Errorf("a tenth more than 3.7 GiB: %+v; want both images, at a price that is not known", m)
	}
}

// TestPoolStoppedSays: what the time limit or an interrupt left out of a pool's plan is said;
// what had been found by then is given with its bound.
func TestPoolStoppedSays(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
	x.Parallel, x.Points, x.More = true, 4, true
	for want, end := range map[string]func(context.Context) (context.Context, context.CancelFunc){
		plan.ByTimeLimit: func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, time.Unix(0, 0))
		},
		plan.ByInterrupt: context.WithCancel,
	} {
		ctx, cancel := end(t.Context())
		x.Simulate = func(context.Context, string, []int) (*plan.PoolTimes, error) {
			cancel()
			return nil, ctx.Err()
		}
		p, err := plan.ChoosePool(ctx, x)
		if err != nil {
			t.Fatal(err)
		}
		if p.StoppedBy != want || p.ObjectiveSeconds != seconds(6100) || p.BoundSeconds < p.ObjectiveSeconds || references(p) != "a" || p.Arms[0].Source != "estimated" || len(p.Curve) != 0 {
			t.Errorf("stopped by %s: %+v; want %s, what a spares, estimated", p.StoppedBy, p, want)
		}
		for _, left := range []string{"pulling in parallel (stopped before it was simulated)", "other disk budgets (stopped before all were tried)"} {
			if !strings.Contains(p.LeftOut, left) {
				t.Errorf("%s leaves out %q, want %q", want, p.LeftOut, left)
			}
		}
		cancel()
	}
	x.Simulate = noStarts
	if p := choosePool(t, x); p.StoppedBy != "" || len(p.Curve) != 4 {
		t.Errorf("stopped by %q, a curve of %d points; want nothing, 4", p.StoppedBy, len(p.Curve))
	}
}

// TestPoolStoppedTraffic: an arm that could not be simulated is billed by estimate: a GB costs
// 1, and 3 nodes that live for 10 days fetch 1.5 GiB each three times, in place of 100 starts.
func TestPoolStoppedTraffic(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
	egress := 1.0
	x.Prices.Node.RegistryEgressGB, x.Pool.LifetimeHours = &egress, 240
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := plan.ChoosePool(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Arm(plan.PoolPrePull).Cost.Traffic.Amount, (9-100)*1.5*gib/1e9; !near(got, want, 1e-6) {
		t.Errorf("traffic of %v, want %v", got, want)
	}
}

// TestPoolTurns: a baked disk saves an hour, worth 100, and keeps 3 GiB at 10 each: 70 net. A
// pre-pull saves half an hour, 50, for nothing. It is better once the disk costs 50, 1.667
// times as much; or an hour is worth w times 100 with 100 w − 30 below 50 w: 0.6 times.
func TestPoolTurns(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
	x.Simulate = func(_ context.Context, arm string, _ []int) (*plan.PoolTimes, error) {
		ready := map[string]float64{plan.PoolNothing: 7200, plan.PoolPrePull: 5400, plan.PoolBaked: 3600}[arm]
		return &plan.PoolTimes{Span: workload.Month, Starts: 1000, Ready: seconds(ready)}, nil
	}
	snapshot := 10.0
	x.Prices.Node.SnapshotGiBMonth = &snapshot
	if p := choosePool(t, x); p.Verdict != plan.PoolBaked || !near(p.Arms[0].NetSaved.Amount, 70, 1e-9) || !near(p.Arms[1].NetSaved.Amount, 50, 1e-9) {
		t.Fatalf("%s, arms %+v", p.Verdict, p.Arms)
	}
	trials := []plan.PoolTrial{
		{Name: "node.snapshotGiBMonth", Problem: func(factor, _ float64) (plan.PoolProblem, error) {
			varied, price := x, snapshot*factor
			varied.Prices.Node.SnapshotGiBMonth = &price
			return varied, nil
		}},
		{Name: "worthPerHour", Problem: func(factor, _ float64) (plan.PoolProblem, error) {
			varied := x
			varied.WorthPerHour *= factor
			return varied, nil
		}},
		{Name: "nothing", Problem: func(float64, float64) (plan.PoolProblem, error) { return x, nil }},
	}
	got, err := plan.PoolTurns(t.Context(), plan.PoolBaked, trials)
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []float64{5.0 / 3, 0.6} {
		if got[i].Factor == nil || !near(*got[i].Factor/want, 1, 0.04) || got[i].Verdict != plan.PoolPrePull {
			t.Errorf("%s turns at %v, then %s; want %v, prepull", got[i].Name, got[i].Factor, got[i].Verdict, want)
		}
	}
	if got[2].Factor != nil {
		t.Errorf("what changes nothing turns at %v", *got[2].Factor)
	}
	if got, err := plan.PoolTurns(t.Context(), plan.PoolParallel, trials); len(got) != 0 || err != nil {
		t.Errorf("%+v, %v of a verdict that no search finds; want none", got, err)
	}
}
