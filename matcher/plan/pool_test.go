package plan_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// poolOf is a pool of three nodes on which candidates are pulled; a pull takes 1 s, and
// 20 s for each unpacked GiB that is missing; held and not asked for again it takes none.
func poolOf(inv *layers.Inventory, images []plan.PoolImage, pulls []plan.PoolPull, budgetGiB float64) plan.PoolProblem {
	return plan.PoolProblem{
		Pool:      &workload.NodePool{Name: "work", Platform: platform, Count: 3},
		Inventory: inv, Images: images, Pulls: pulls, StartsPerMonth: 1000,
		DiskBudgetBytes: int64(budgetGiB * gib), FreeBytes: 100 * gib, Rebuild: 7 * 24 * time.Hour,
		FirstRead: func(int64) time.Duration { return 0 },
		PullTime: func(image, present int, held, again bool) time.Duration {
			if held && !again {
				return 0
			}
			s := 1.0
			for _, l := range inv.Images[image].Layers[present:] {
				if !held {
					s += 20 * float64(*inv.Layers[l].UnpackedBytes) / gib
				}
			}
			return seconds(s)
		},
		Simulate: noStarts, Prices: cost.International(), WorthPerHour: 100,
	}
}

func noStarts(context.Context, string, []int) (*plan.PoolTimes, error) {
	return &plan.PoolTimes{Span: workload.Month}, nil
}

// candidates are all images of an Inventory.
func candidates(inv *layers.Inventory) []plan.PoolImage {
	var images []plan.PoolImage
	for i := range inv.Images {
		images = append(images, plan.PoolImage{Image: i, KeptLayers: len(inv.Images[i].Layers), Apps: []string{inv.Images[i].Reference}})
	}
	return images
}

func choosePool(t *testing.T, p plan.PoolProblem) *plan.Pool {
	t.Helper()
	pool, err := plan.ChoosePool(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func references(p *plan.Pool) string {
	var refs []string
	for _, img := range p.Images {
		refs = append(refs, img.Reference)
	}
	return strings.Join(refs, " ")
}

// TestPoolByHand: a and b are 1 GiB each on a base of 2 GiB. With room for one and a half
// of them, a is held: its 100 pulls of 61 s are spared, and 40 s of the 80 of b; b alone
// would spare 80 x 61 s and 100 x 40 s, the base 180 x 40 s.
func TestPoolByHand(t *testing.T) {
	inv := inventory([]float64{2, 1, 1}, map[string][]int{"a": {0, 1}, "b": {0, 2}, "base": {0}})
	pulls := []plan.PoolPull{
		{Image: 0, Cause: plan.Fresh, PerMonth: 100},
		{Image: 1, Cause: plan.Fresh, PerMonth: 80},
	}
	for _, test := range []struct {
		budgetGiB float64
		want      string
		seconds   float64
	}{
		{1.9, "", 0},
		{2.5, "base", 180 * 40},
		{3.5, "a", 100*61 + 80*40},
		{4, "a b", 180 * 61},
	} {
		p := choosePool(t, poolOf(inv, candidates(inv), pulls, test.budgetGiB))
		if got := references(p); got != test.want || p.ObjectiveSeconds != seconds(test.seconds) || p.BoundSeconds != p.ObjectiveSeconds || p.Status != plan.Optimal || p.GapFraction != 0 {
			t.Errorf("%g GiB: %q spares %v, bound %v, %s; want %q, %g s, proven", test.budgetGiB, got, p.ObjectiveSeconds, p.BoundSeconds, p.Status, test.want, test.seconds)
		}
		if p.PullSeconds != seconds(180*61) || p.PullsPerMonth != 180 {
			t.Errorf("%g GiB: %v pulls take %v, want 180, %d s", test.budgetGiB, p.PullsPerMonth, p.PullSeconds, 180*61)
		}
	}
	p := choosePool(t, poolOf(inv, candidates(inv), pulls, 4))
	b := p.Images[1]
	if b.AddedBytes != gib || b.CumulativeBytes != 4*gib || b.UnpackedBytes != 3*gib || b.SavedSeconds != seconds(80*21) || b.CumulativeSeconds != seconds(180*61) || !slices.Equal(b.Apps, []string{"a", "b"}) {
		t.Errorf("second image %+v; want 1 GiB more, 4 in all, 80 x 21 s more", b)
	}
}

// TestPoolHeldAlready: what new nodes have takes no room and is not chosen.
func TestPoolHeldAlready(t *testing.T) {
	inv := inventory([]float64{2, 1, 1}, map[string][]int{"a": {0, 1}, "b": {0, 2}, "base": {0}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Present: 1, Cause: plan.Fresh, PerMonth: 10}, {Image: 1, Present: 1, Cause: plan.Fresh, PerMonth: 5}}, 1)
	x.Held = []int{2}
	p := choosePool(t, x)
	if got := references(p); got != "a" || p.ObjectiveSeconds != seconds(10*21) || p.Images[0].AddedBytes != gib {
		t.Errorf("%q spares %v and adds %v; want a, 210 s, 1 GiB", got, p.ObjectiveSeconds, p.Images)
	}
}

// TestPoolBaked: a baked disk spares only pulls of nodes that are made with it, those of a
// version that came after its build in part, and first reads take time.
func TestPoolBaked(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	images := candidates(inv)
	// A release every 15 days of which the base stays, a build every 15 days: half of the
	// nodes have the older version.
	images[0].ReleasesPerMonth, images[0].KeptLayers = 2, 1
	pulls := []plan.PoolPull{
		{Image: 0, Cause: plan.Fresh, PerMonth: 100},
		{Image: 0, Cause: plan.Evicted, PerMonth: 7},
		{Image: 0, Cause: plan.Released, PerMonth: 50, Present: 1},
	}
	x := poolOf(inv, images, pulls, 10)
	x.Rebuild = 15 * 24 * time.Hour
	x.FirstRead = func(bytes int64) time.Duration { return seconds(float64(bytes) / gib) }
	x.Simulate = func(_ context.Context, arm string, _ []int) (*plan.PoolTimes, error) {
		ready := map[string]float64{plan.PoolNothing: 10000, plan.PoolPrePull: 10000, plan.PoolBaked: 5000}[arm]
		return &plan.PoolTimes{Span: workload.Month, Starts: 1000, Ready: seconds(ready)}, nil
	}
	p := choosePool(t, x)
	if want := seconds(100 * (0.5*(61-3) + 0.5*(40-2))); p.HeldBy != plan.PoolBaked || p.ObjectiveSeconds != want || p.Verdict != plan.PoolBaked {
		t.Errorf("%s, by %s, spares %v; want baked, %v", p.Verdict, p.HeldBy, p.ObjectiveSeconds, want)
	}
	if !strings.Contains(strings.Join(p.Warnings, " "), "older version of a on 50 % of new nodes") {
		t.Errorf("no warning of stale disks: %q", p.Warnings)
	}
	x.Simulate = noStarts
	if p = choosePool(t, x); p.HeldBy != plan.PoolPrePull || p.ObjectiveSeconds != seconds(107*61+50*21) {
		t.Errorf("by %s, spares %v; want prepull, all pulls", p.HeldBy, p.ObjectiveSeconds)
	}
}

// TestPoolVerdict: the arm with most worth less its bill; with a limit the cheapest that
// meets it; where none does, the one that comes nearest.
func TestPoolVerdict(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
	x.Parallel = true
	x.Simulate = func(_ context.Context, arm string, images []int) (*plan.PoolTimes, error) {
		s := map[string][3]float64{ // hours of all starts, p99 seconds, GB fetched
			plan.PoolNothing: {10, 60, 100}, plan.PoolParallel: {9, 40, 100}, plan.PoolPrePull: {7, 20, 400}, plan.PoolBaked: {6, 30, 0},
		}[arm]
		if (arm == plan.PoolPrePull || arm == plan.PoolBaked) != (len(images) > 0) {
			t.Errorf("arm %s holds %v", arm, images)
		}
		return &plan.PoolTimes{Span: workload.Month / 2, Starts: 100, Ready: seconds(s[0] * 1800), P99: seconds(s[1]), Slowest: seconds(s[1]), Limited: seconds(s[1]), FetchedBytes: int64(s[2] * 5e8)}, nil
	}
	egress, snapshot, ahead := 0.5, 1.0, 0.1
	x.Prices.Node = cost.Node{RegistryEgressGB: &egress, SnapshotGiBMonth: &snapshot, VolumeInitialisationGB: &ahead}
	x.Pool.LifetimeHours = 24 // 90 new nodes a month
	p := choosePool(t, x)
	// Baked: 400 of worth, 3 GiB kept for 3, 90 x 3.22 GB read ahead for 28.99, and 50 less
	// of traffic.
	baked := p.Arm(plan.PoolBaked)
	if want := 3 + 90*0.1*3*gib/1e9 - 50; p.Verdict != plan.PoolBaked || !near(baked.Cost.Total.Amount, want, 1e-6) || !near(baked.NetSaved.Amount, 400-want, 1e-6) {
		t.Errorf("%s, baked costs %v, net %v; want %v", p.Verdict, baked.Cost.Total, baked.NetSaved, want)
	}
	if ahead := p.Arm(plan.PoolPrePull); !near(ahead.Cost.Total.Amount, 150, 1e-6) || ahead.SavedSeconds != 3*time.Hour {
		t.Errorf("pre-pull costs %v and saves %v; want 300 GB for 150, 3 h", ahead.Cost.Total, ahead.SavedSeconds)
	}
	for _, test := range []struct {
		limit float64
		want  string
	}{{60, plan.PoolBaked}, {29, plan.PoolPrePull}, {15, plan.PoolPrePull}} {
		x.Limit = seconds(test.limit)
		if p := choosePool(t, x); p.Verdict != test.want || *p.Arms[0].MeetsLimit != (test.limit > 20) {
			t.Errorf("limit %v s: %s, meets %v; want %s", test.limit, p.Verdict, *p.Arms[0].MeetsLimit, test.want)
		}
	}
	// Where traffic is free, all but a baked disk cost nothing: the simplest that keeps the
	// limit is advised, and what saves more at that cost is named.
	x.Prices.Node.RegistryEgressGB = nil
	for limit, want := range map[float64]string{45: plan.PoolParallel, 60: plan.PoolNothing} {
		x.Limit = seconds(limit)
		if p := choosePool(t, x); p.Verdict != want || p.LimitNotMet() || !strings.Contains(p.Reason, "At the same cost, pre-pulling makes the starts") {
			t.Errorf("limit %v s: %s, %q; want %s, and pre-pulling as cheap", limit, p.Verdict, p.Reason, want)
		}
	}
}

// TestPoolLimitUnchecked: arms that were not simulated do not keep a limit, whatever is
// estimated of them: neither all of them, nor those after one that does not keep it.
func TestPoolLimitUnchecked(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	for _, test := range []struct {
		stopAt, want, reason        string
		parallel, unchecked, notMet bool
	}{
		{plan.PoolNothing, plan.PoolPrePull, "within the limit of 20 s was not checked", true, true, true},
		{plan.PoolParallel, plan.PoolNothing, "Nothing that was checked has 99 % of the starts ready within the limit of 20 s; leaving the pool as it is comes nearest, with 60.0 s. Not checked: pulling in parallel, pre-pulling, a baked disk.", true, false, true},
		{plan.PoolBaked, plan.PoolPrePull, "cheapest of those checked that has 99 % of the starts ready within the limit of 20 s, within 10.0 s; it costs USD 0.00 a month. Not checked: a baked disk.", false, false, false},
	} {
		x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
		x.Limit, x.Parallel = seconds(20), test.parallel
		ctx, cancel := context.WithCancel(t.Context())
		x.Simulate = func(_ context.Context, arm string, _ []int) (*plan.PoolTimes, error) {
			if arm == test.stopAt {
				cancel()
				return nil, ctx.Err()
			}
			s := seconds(map[string]float64{plan.PoolNothing: 60, plan.PoolPrePull: 10}[arm])
			return &plan.PoolTimes{Span: workload.Month, Starts: 1000, Ready: 1000 * s, P99: s, Slowest: s, Limited: s}, nil
		}
		p, err := plan.ChoosePool(ctx, x)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if p.Verdict != test.want || p.LimitUnchecked() != test.unchecked || p.LimitNotMet() != test.notMet || !strings.Contains(p.Reason, test.reason) {
			t.Errorf("stopped at %s: %s, unchecked %v, not met %v, %q; want %s, %v, %v, %q",
				test.stopAt, p.Verdict, p.LimitUnchecked(), p.LimitNotMet(), p.Reason, test.want, test.unchecked, test.notMet, test.reason)
		}
	}
}

// TestPoolWorth: b is pulled once a month by one of 90 new nodes: fetching it on all of
// them costs more than that saves, so that a pre-pull holds a alone, of a choice of both;
// a disk with both costs next to nothing.
func TestPoolWorth(t *testing.T) {
	inv := inventory([]float64{2, 1, 4}, map[string][]int{"a": {0, 1}, "b": {2}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 90}, {Image: 1, Cause: plan.Fresh, PerMonth: 1}}, 10)
	x.Pool.LifetimeHours = 24
	egress := 0.1
	x.Prices.Node.RegistryEgressGB = &egress
	p := choosePool(t, x)
	ahead, baked := p.Arm(plan.PoolPrePull), p.Arm(plan.PoolBaked)
	if ahead.Images != 1 || ahead.AddedBytes != 3*gib || baked.Images != 2 || len(p.Images) != 2 {
		t.Errorf("pre-pulled %d images, %d bytes, baked %d, of %d; want 1, 3 GiB, 2, 2", ahead.Images, ahead.AddedBytes, baked.Images, len(p.Images))
	}
	x.WorthPerHour = 0
	if ahead = choosePool(t, x).Arm(plan.PoolPrePull); ahead.Images != 2 {
		t.Errorf("pre-pulled %d images where only seconds count; want both", ahead.Images)
	}
}

// TestPoolPrices: an arm that needs what the book lacks is left out, which is said, and the
// others are compared.
func TestPoolPrices(t *testing.T) {
	inv := inventory([]float64{1}, map[string][]int{"a": {0}})
	pulls := []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 1000}}
	x := poolOf(inv, candidates(inv), pulls, 10)
	x.Prices = cost.China()
	if p := choosePool(t, x); p.Arm(plan.PoolBaked) != nil || p.Arm(plan.PoolPrePull) == nil || !strings.Contains(p.LeftOut, "a baked disk (the CNY price book has no node.snapshotGiBMonth)") {
		t.Errorf("arms %+v, left out %q; want all but a baked disk, for node.snapshotGiBMonth", p.Arms, p.LeftOut)
	}
	x = poolOf(inv, candidates(inv), pulls, 10)
	x.FreeBytes = gib / 2
	if p := choosePool(t, x); len(p.Arms) != 1 || p.Verdict != plan.PoolNothing || strings.Count(p.LeftOut, "the USD price book has no node.diskGiBMonth") != 2 {
		t.Errorf("arms %+v, left out %q; want nothing alone, for node.diskGiBMonth", p.Arms, p.LeftOut)
	}
	disk := 2.0
	x.Prices.Node.DiskGiBMonth = &disk
	if p := choosePool(t, x); p.Arm(plan.PoolPrePull).Cost.Disk.Amount != 3 {
		t.Errorf("half a GiB more on 3 nodes costs %v, want 3", p.Arm(plan.PoolPrePull).Cost.Disk)
	}
}

// TestPoolStopped: a plan that is interrupted says so, with what it has.
func TestPoolStopped(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x.Simulate = func(context.Context, string, []int) (*plan.PoolTimes, error) {
		t.Error("simulated though interrupted")
		return nil, ctx.Err()
	}
	p, err := plan.ChoosePool(ctx, x)
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Arm(plan.PoolPrePull); references(p) != "a" || a == nil || a.Source != "estimated" || a.MeanSeconds != nil || p.Arm(plan.PoolParallel) != nil {
		t.Errorf("images %q, arms %+v", references(p), p.Arms)
	}
}

// TestPoolRefuses: what cannot be is said.
func TestPoolRefuses(t *testing.T) {
	inv := inventory([]float64{1}, map[string][]int{"a": {0}})
	for want, change := range map[string]func(*plan.PoolProblem){
		"disk budget of -1":      func(p *plan.PoolProblem) { p.DiskBudgetBytes = -1 },
		"0 nodes":                func(p *plan.PoolProblem) { p.Pool = &workload.NodePool{Name: "x"} },
		"built every 0s":         func(p *plan.PoolProblem) { p.Rebuild = 0 },
		"worth -1":               func(p *plan.PoolProblem) { p.WorthPerHour = -1 },
		"startup limit of -1s":   func(p *plan.PoolProblem) { p.Limit = -time.Second },
		"pulls of candidate 4":   func(p *plan.PoolProblem) { p.Pulls[0].Image = 4 },
		"find 2 of its 1 layers": func(p *plan.PoolProblem) { p.Pulls[0].Present = 2 },
		"-3 pulls a month of a":  func(p *plan.PoolProblem) { p.Pulls[0].PerMonth = -3 },
		"candidate 9 is not":     func(p *plan.PoolProblem) { p.Images[0].Image = 9 },
	} {
		x := poolOf(inv, candidates(inv), []plan.PoolPull{{PerMonth: 1, Cause: plan.Fresh}}, 10)
		change(&x)
		if _, err := plan.ChoosePool(t.Context(), x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestPoolKubeletRemoves: a disk of 10 GiB whose kubelet removes images above 8 GiB, down to
// 6, of which new nodes have used 1 GiB: 7 and 5 are left. A node gets a of 3 GiB, which is
// chosen, and b and c, which apps start too: 1 and 3 GiB beyond the one that all are built
// on. That is 7 GiB, which fits; an eighth more does not, nor do their blobs of half as much.
func TestPoolKubeletRemoves(t *testing.T) {
	const undone, baked = "at which the kubelet removes images", "imageMaximumGCAge"
	for _, test := range []struct {
		more      float64
		blobs     bool
		budgetGiB float64
		want      string
	}{
		{0, false, 3, ""},
		{0.125, false, 3, "take 7.12 GiB a node, more than the 7 GiB at which the kubelet removes images, down to 5 GiB"},
		{0, true, 4.5, "take 10.5 GiB a node, more than the 7 GiB"},
		{0.125, false, 0.5, ""}, // nothing is held that could go
	} {
		inv := inventory([]float64{1, 2, 1, 3 + test.more}, map[string][]int{"a": {0, 1}, "b": {0, 2}, "c": {0, 3}})
		x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}, test.budgetGiB)
		x.FreeBytes, x.LowBytes, x.KeepBlobs = 8*gib-gib, 6*gib-gib, test.blobs
		p := choosePool(t, x)
		got := strings.Join(p.Warnings, "\n")
		if test.want == "" && strings.Contains(got, undone) || !strings.Contains(got, test.want) {
			t.Errorf("%+v holds %q and warns %q", test, references(p), got)
		}
		if strings.Contains(got, baked) {
			t.Errorf("%+v: a pre-pull's images are in use, yet %q", test, got)
		}
		// The images of a disk are used by no container before an app starts: they may go
		// sooner, and go by age.
		x.Simulate = func(_ context.Context, arm string, _ []int) (*plan.PoolTimes, error) {
			ready := map[string]float64{plan.PoolNothing: 7200, plan.PoolPrePull: 7200, plan.PoolBaked: 3600}[arm]
			return &plan.PoolTimes{Span: workload.Month, Starts: 1000, Ready: seconds(ready)}, nil
		}
		if got := strings.Join(choosePool(t, x).Warnings, "\n"); strings.Contains(got, baked) != (test.budgetGiB >= 3) || !strings.Contains(got, test.want) {
			t.Errorf("%+v, baked, warns %q", test, got)
		}
	}
}

// TestPoolUnplayedPulls: 100 pulls of 61 s are counted and the simulation has none: that is
// told, with what a pool lacks whose nodes never go, and not that pre-pulls come too late.
func TestPoolUnplayedPulls(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	pulls := []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 100}}
	for _, hours := range []float64{0, 24} {
		x := poolOf(inv, candidates(inv), pulls, 4)
		x.Pool.LifetimeHours = hours
		p := choosePool(t, x)
		warnings := strings.Join(p.Warnings, "\n")
		if !strings.Contains(warnings, "take 101.7 min as counted, and 0.00 s as simulated") || strings.Contains(warnings, "too late") {
			t.Errorf("lifetime %g h: %q", hours, warnings)
		}
		if got := strings.Contains(warnings, "give the pool lifetimeHours or newNodesPerDay"); got != (hours == 0) {
			t.Errorf("lifetime %g h: advice is %t: %q", hours, got, warnings)
		}
	}
}

// TestPoolNoPulls: what is counted, none here, and what is simulated are not told as one.
func TestPoolNoPulls(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	for pull, want := range map[time.Duration]string{
		0:                 "No start of a month pulls: nodes hold all images already.",
		138 * time.Second: "The arms are simulated on the replay alone, which pulls for 2.3 min.",
	} {
		x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh}}, 4)
		x.Simulate = func(context.Context, string, []int) (*plan.PoolTimes, error) {
			return &plan.PoolTimes{Span: workload.Month, Starts: 1000, Ready: seconds(1000), Pull: pull}, nil
		}
		if p := choosePool(t, x); p.Verdict != plan.PoolNothing || !strings.HasSuffix(p.Reason, want) {
			t.Errorf("%v of pulls simulated: %s: %s", pull, p.Verdict, p.Reason)
		}
	}
}

// TestPoolCountsWhole: a tenth of a pull is none that anyone has seen.
func TestPoolCountsWhole(t *testing.T) {
	inv := inventory([]float64{2, 1}, map[string][]int{"a": {0, 1}})
	x := poolOf(inv, candidates(inv), []plan.PoolPull{{Image: 0, Cause: plan.Fresh, PerMonth: 245.1}}, 4)
	x.StartsPerMonth, x.WorthPerHour = 1400.4, 1e-9
	x.Simulate = func(context.Context, string, []int) (*plan.PoolTimes, error) {
		return &plan.PoolTimes{Span: workload.Month, Starts: 1400, Ready: seconds(1400), Pull: seconds(245.1 * 61), FetchedBytes: 1}, nil
	}
	if p := choosePool(t, x); p.Verdict == plan.PoolNothing && !strings.HasPrefix(p.Reason, "Of 1,400 starts a month 245 pull, for 4.2 h in all as counted; ") {
		t.Errorf("%s: %s", p.Verdict, p.Reason)
	} else if p.Verdict != plan.PoolNothing {
		t.Errorf("%s: %s", p.Verdict, p.Reason)
	}
}
