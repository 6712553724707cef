package cachebench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// pooledScenario is a pool of nodes on which apps of one image each start, on images
// that share layers: app i has image i of the sizes in MB, base first. A layer is known
// by its height and size.
func pooledScenario(pool workload.NodePool, images [][]int, startsPerDay float64) *Scenario {
	inv := &layers.Inventory{ResolvedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	numbers := map[string]int{}
	pool.Name, pool.Platform = "work", "linux/amd64"
	w := &workload.Workload{NodePools: []workload.NodePool{pool}}
	for i, sizes := range images {
		img := layers.Image{Reference: fmt.Sprintf("registry.example.com/app%d:1", i), Platform: "linux/amd64", Digest: digestOf(fmt.Sprint("image", i))}
		for n, mb := range sizes {
			key := fmt.Sprint(n, " ", mb)
			id, known := numbers[key]
			if !known {
				id = len(inv.Layers)
				numbers[key] = id
				bytes := int64(mb) * 2e6
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: digestOf("blob" + key), DiffID: digestOf("tar" + key), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
					CompressedBytes: bytes / 2, UnpackedBytes: &bytes, UnpackedSource: layers.Measured,
				})
			}
			img.Layers = append(img.Layers, id)
		}
		inv.Images = append(inv.Images, img)
		w.Apps = append(w.Apps, workload.App{
			Name: fmt.Sprintf("app%d", i), Images: []string{img.Reference}, StartsPerDay: startsPerDay, Runtime: time.Hour, CPU: 1, MemoryGiB: 1, NodePool: "work",
		})
	}
	s := &Scenario{
		Workload: w, Inventory: inv, Profile: manifestOrder(), Prices: cost.International(), WorthPerHour: 100, MinCoverage: 1,
		Now: inv.ResolvedAt, Quota: 50,
	}
	s.setDefaults()
	return s
}

// manifestOrder is profile containerd with nothing drawn, and no blobs kept.
func manifestOrder() *simulate.Profile {
	p := simulate.Containerd()
	p.Pull.RequestOrder.Value, p.Pull.KeepBlobs.Value = "manifest", false
	return p
}

func coveredJob(t interface {
	Helper()
	Fatal(...any)
}, s *Scenario) *Job {
	t.Helper()
	j, err := s.Cover(s.Inventory)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func planOnePool(t interface {
	Helper()
	Fatal(...any)
	Context() context.Context
}, s *Scenario) *plan.Pool {
	t.Helper()
	plans, err := coveredJob(t, s).planPools(t.Context(), t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &plans.pools[0]
}

// TestCountedPulls: two images on one node that lives 10 days, started every day: each is
// pulled by each of the nodes of the month, the second of them on the base of the first.
func TestCountedPulls(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 1, LifetimeHours: 240}, [][]int{{100, 10}, {100, 20}}, 50)
	p := planOnePool(t, s)
	if p.PullsPerMonth != 6 || math.Abs(p.StartsPerMonth-3000) > 300 {
		t.Errorf("%v pulls of %v starts a month, want 6 of about 3,000", p.PullsPerMonth, p.StartsPerMonth)
	}
	if got := len(p.Images); got != 2 || p.Images[0].AddedBytes != 240e6 && p.Images[0].AddedBytes != 220e6 {
		t.Errorf("images %+v", p.Images)
	}
	// A disk that holds one image of the two: each start of the other pulls.
	s.Profile.Node.DiskGiB.Value = 0.25
	s.Profile.Node.HighFraction.Value, s.Profile.Node.LowFraction.Value = 0.9, 0.8
	s.Workload.Apps[0].Runtime, s.Workload.Apps[1].Runtime = time.Second, time.Second
	if p := planOnePool(t, s); p.PullsPerMonth < 1000 {
		t.Errorf("%v pulls a month on a disk with room for one image, want about half of %v", p.PullsPerMonth, p.StartsPerMonth)
	}
}

// TestReleasesArePulled: nodes that live for ever pull each version once, which a baked
// disk does not help with and a pre-pull does.
func TestReleasesArePulled(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 3}, [][]int{{100, 50}}, 100)
	s.Workload.Apps[0].ReleasesPerMonth = 5
	half := 0.3
	s.Workload.Apps[0].ReleaseNewBytesFraction = &half
	p := planOnePool(t, s)
	if p.PullsPerMonth != 15 || p.HeldBy != plan.PoolPrePull || p.Arm(plan.PoolBaked) != nil {
		t.Errorf("%v pulls, held by %s, arms %+v; want 3 nodes x 5 releases, pre-pulled", p.PullsPerMonth, p.HeldBy, p.Arms)
	}
}

// TestPoolArms: on short-lived nodes what new nodes hold is not pulled by starts; the
// arms' times are of simulations, and nothing is as the timeline has it.
func TestPoolArms(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 4, LifetimeHours: 12}, [][]int{{300, 10}, {300, 20}, {300, 30}}, 60)
	p := planOnePool(t, s)
	nothing, ahead, baked := p.Arm(plan.PoolNothing), p.Arm(plan.PoolPrePull), p.Arm(plan.PoolBaked)
	if nothing == nil || ahead == nil || baked == nil || p.Arm(plan.PoolParallel) == nil {
		t.Fatalf("arms %+v", p.Arms)
	}
	if baked.PullSeconds >= nothing.PullSeconds/2 || baked.SavedSeconds <= 0 || ahead.SavedSeconds <= 0 {
		t.Errorf("pulls take %v in nothing, %v baked; saved %v pre-pulled, %v baked", nothing.PullSeconds, baked.PullSeconds, ahead.SavedSeconds, baked.SavedSeconds)
	}
	if off := float64(nothing.PullSeconds)/float64(p.PullSeconds) - 1; math.Abs(off) > 0.25 {
		t.Errorf("pulls of a month are estimated to take %v and simulated to take %v", p.PullSeconds, nothing.PullSeconds)
	}
	again := planOnePool(t, s)
	if fmt.Sprint(*again) != fmt.Sprint(*p) && fmt.Sprint(again.Images) != fmt.Sprint(p.Images) {
		t.Error("the same scenario gives another plan")
	}
}

// TestPoolObjectiveIsTheEstimate: what a plan says its images spare is what the estimator
// says of pulls on a node that holds all of them at once; where the runtime keeps blobs it
// is no more than that.
func TestPoolObjectiveIsTheEstimate(t *testing.T) {
	equal, drawn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(1, 3), 1, 5), 2, 6).Draw(t, "images")
		for i := range sizes {
			for n := range sizes[i] {
				sizes[i][n] *= 40
			}
		}
		s := pooledScenario(workload.NodePool{Count: 2}, sizes, 1)
		kept := rapid.Bool().Draw(t, "keepBlobs")
		s.Profile.Pull.KeepBlobs.Value = kept
		job := coveredJob(t, s)
		pools, err := job.pools()
		if err != nil {
			t.Fatal(err)
		}
		planner, err := job.newPoolPlanner(&pools[0])
		if err != nil {
			t.Fatal(err)
		}
		counter := newPullCounter(newPlacement(planner.pool, planner.class, newImageLayers(s.Inventory), &simulate.NodeSetup{}, 0, 0), s.Inventory)
		for i := range sizes {
			key := pullKey{fmt.Sprint("app", i), i, rapid.IntRange(0, len(sizes[i])).Draw(t, "present"), rapid.Bool().Draw(t, "again"), plan.Evicted}
			counter.counts[key] = rapid.IntRange(1, 50).Draw(t, "pulls")
		}
		problem, err := planner.problem(counter)
		if err != nil {
			t.Fatal(err)
		}
		problem.DiskBudgetBytes = int64(rapid.IntRange(1, 3000).Draw(t, "budget")) * 1e6
		problem.Simulate = nil
		objective, chosen := spareOf(t, problem)
		var want time.Duration
		pulls := 0.0
		for _, x := range problem.Pulls {
			image := problem.Images[x.Image].Image
			start := &simulate.Start{App: "pull", Images: []int{image}, PullPolicy: "IfNotPresent", CacheID: "held"}
			if x.Again {
				start.PullPolicy = "Always"
			}
			lower := planner.lower[image][1 : x.Present+1]
			start.Held = lower[max(0, len(lower)-1):]
			before, err := planner.estimator.Estimate(start)
			if err != nil {
				t.Fatal(err)
			}
			start.Held = slices.Concat(start.Held, chosen)
			after, err := planner.estimator.Estimate(start)
			if err != nil {
				t.Fatal(err)
			}
			want += time.Duration(x.PerMonth) * (before.Pull - after.Pull)
			pulls += x.PerMonth
		}
		// Fewer requests may make the others come in a worse order: a layer then begins
		// later by no more than a request on a new connection takes.
		network := &s.Profile.Network
		request := time.Duration(1+network.ConnectRoundTrips.Value)*network.RoundTrip.Value + network.Request.Value
		least := -1e-3 - pulls*request.Seconds()
		if off := (want - objective).Seconds(); off < least || off > 1e-3 && !kept {
			t.Fatalf("the plan of %v spares %v, the estimator says %v (keepBlobs %v)", chosen, objective, want, kept)
		} else if !kept {
			drawn++
			if off >= -1e-3 {
				equal++
			}
		}
	})
	if equal < drawn*9/10 {
		t.Errorf("%d of %d plans spare what the estimator says", equal, drawn)
	}
}

// spareOf is the objective of a problem in which only pre-pulling helps, and its images.
func spareOf(t *rapid.T, x *plan.PoolProblem) (time.Duration, []int) {
	x.Simulate = func(context.Context, string, []int) (*plan.PoolTimes, error) {
		return &plan.PoolTimes{Span: workload.Month}, nil
	}
	p, err := plan.ChoosePool(t.Context(), *x)
	if err != nil {
		t.Fatal(err)
	}
	var chosen []int
	for _, img := range p.Images {
		chosen = append(chosen, slices.IndexFunc(x.Inventory.Images, func(i layers.Image) bool { return i.Reference == img.Reference }))
	}
	return p.ObjectiveSeconds, chosen
}

// TestPoolBases: an image of the Inventory that apps' images are built on is a candidate;
// one that there is not is told of.
func TestPoolBases(t *testing.T) {
	s := pooledScenario(workload.NodePool{Count: 2, LifetimeHours: 24}, [][]int{{200, 10}, {200, 20}, {200}}, 50)
	s.Workload.Apps = s.Workload.Apps[:2]
	budget := 0.39 // GiB: the base of 400 MB, and no image on it
	s.DiskBudgetGiB = &budget
	if p := planOnePool(t, s); len(p.Images) != 1 || !strings.Contains(p.Images[0].Reference, "app2") || !strings.Contains(p.LeftOut, "2 images larger") {
		t.Errorf("images %+v, left out %q; want the base alone", p.Images, p.LeftOut)
	}
	s.Inventory.Images = s.Inventory.Images[:2]
	if p := planOnePool(t, s); len(p.Images) != 0 || !strings.Contains(p.LeftOut, "no image of the inventory is (1)") {
		t.Errorf("images %+v, left out %q; want none, and the base named", p.Images, p.LeftOut)
	}
}

// TestKubeletMarks: of a disk of 10 GiB the kubelet removes images above 80 %, down to 60 %.
// New nodes have an image of 200 MB, with a blob of 100 MB where the runtime keeps it.
func TestKubeletMarks(t *testing.T) {
	for _, blobs := range []bool{false, true} {
		s := pooledScenario(workload.NodePool{Count: 2, Baked: []string{"registry.example.com/app0:1"}}, [][]int{{100}, {50}}, 1)
		s.Profile.Node.DiskGiB.Value, s.Profile.Node.HighFraction.Value, s.Profile.Node.LowFraction.Value = 10, 0.8, 0.6
		s.Profile.Pull.KeepBlobs.Value = blobs
		job := coveredJob(t, s)
		pools, err := job.pools()
		if err != nil {
			t.Fatal(err)
		}
		planner, err := job.newPoolPlanner(&pools[0])
		if err != nil {
			t.Fatal(err)
		}
		counted, err := planner.job.countPulls(t.Context(), t.Context(), leastCounted)
		if err != nil {
			t.Fatal(err)
		}
		problem, err := planner.problem(counted)
		if err != nil {
			t.Fatal(err)
		}
		held := int64(200e6)
		if blobs {
			held = 300e6
		}
		if high, low := int64(8<<30)-held, int64(6<<30)-held; problem.FreeBytes != high || problem.LowBytes != low || problem.DiskBudgetBytes != high {
			t.Errorf("blobs kept %v: %d free, %d once images go, a budget of %d; want %d, %d, %d", blobs, problem.FreeBytes, problem.LowBytes, problem.DiskBudgetBytes, high, low, high)
		}
	}
}
