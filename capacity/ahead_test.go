package capacity_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// fresh has nodes that hold nothing when the burst begins: no start comes before it.
func fresh(s *cachebench.Scenario) {
	pooled(s)
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		app.StartsPerDay, app.ReleasesPerMonth = 0, 0
	}
	s.Profile.Pull.RequestOrder.Value = "manifest"
	s.Profile.Node.DiskGiB.Value = 20
}

// heldBy simulates a burst alone, on nodes whose own disks hold the images of some apps:
// prePulled of the pool puts them there, as starts that come before none do.
func heldBy(t *testing.T, q *capacity.Question, apps []string, change func(*cachebench.Scenario)) float64 {
	t.Helper()
	return endOf(played(t, q, simulate.ArmWarm, nil, func(s *cachebench.Scenario) {
		w := *s.Workload
		w.NodePools = slices.Clone(w.NodePools)
		for i := range w.Apps {
			if slices.Contains(apps, w.Apps[i].Name) {
				w.NodePools[0].PrePulled = append(w.NodePools[0].PrePulled, w.Apps[i].AllImages()...)
			}
		}
		s.Workload = &w
		if change != nil {
			change(s)
		}
	}))
}

// TestBurstOnNodesAgreesWithAGrid: over numbers of starts, sizes of disks and limits, the
// verdict and the least set of apps whose images the nodes are to hold are those of simulating
// every set by itself. Of as many apps, the set is one that takes least of a disk.
func TestBurstOnNodesAgreesWithAGrid(t *testing.T) {
	race.Skip(t)
	points, agree, sizes := 0, 0, make(map[int]int)
	for _, count := range []int{3, 12} {
		for _, disk := range []float64{2, 20} {
			q := questionOf(t, "", func(s *cachebench.Scenario) {
				fresh(s)
				s.Profile.Node.DiskGiB.Value = disk
				for _, app := range []string{"web", "ci", "report"} {
					s.Bursts = append(s.Bursts, cachebench.StartBurst{App: app, Count: count})
				}
			})
			type set struct {
				apps []string
				last float64
				gib  float64
				fits bool
			}
			all := []string{"web", "ci", "report"}
			var sets []set
			for bits := range 1 << len(all) {
				var x set
				for i, app := range all {
					if bits&(1<<i) != 0 {
						x.apps = append(x.apps, app)
					}
				}
				x.last = heldBy(t, q, x.apps, nil)
				x.gib, x.fits = gibOf(q, x.apps), true
				for _, app := range all {
					x.fits = x.fits && gibOf(q, append(slices.Clone(x.apps), app)) <= 0.85*disk
				}
				sets = append(sets, x)
			}
			limits := []float64{0.2}
			for _, x := range sets {
				limits = append(limits, x.last)
			}
			slices.Sort(limits)
			limits = slices.Compact(limits)
			for _, limit := range limits {
				points++
				within := time.Duration(math.Round(limit * 1e9))
				c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: within})
				if err != nil {
					t.Fatal(err)
				}
				want := reports.CapacityNotMet
				if sets[0].last <= limit {
					want = reports.CapacityMet
				}
				best := -1
				for i, x := range sets {
					if !x.fits || x.last > limit+1e-9 {
						continue
					}
					if best < 0 || len(x.apps) < len(sets[best].apps) || len(x.apps) == len(sets[best].apps) && x.gib < sets[best].gib {
						best = i
					}
				}
				n := need(t, c, "apps whose images the nodes hold before the burst")
				switch {
				case c.Verdict != want:
					t.Errorf("%d starts of each on %v GiB within %v: %s", count, disk, within, c.Headline)
				case best < 0 && n.Need != nil, best >= 0 && (n.Need == nil || int(*n.Need) != len(sets[best].apps)):
					t.Errorf("%d starts of each on %v GiB within %v: %+v; of all sets %+v", count, disk, within, n, sets)
				case best > 0 && !strings.HasPrefix(n.Note, "of "+strings.Join(sets[best].apps, ", ")+", "+reports.CapacityAmount(sets[best].gib, "GiB")+" a node"):
					t.Errorf("%d starts of each on %v GiB within %v: %q, of all sets %+v", count, disk, within, n.Note, sets[best])
				default:
					agree++
					if best >= 0 {
						sizes[len(sets[best].apps)]++
					} else {
						sizes[-1]++
					}
				}
			}
		}
	}
	if points < 16 || sizes[-1] == 0 || sizes[0] == 0 || sizes[1] == 0 || sizes[2]+sizes[3] == 0 {
		t.Errorf("%d points, by the size of sets %v: no grid with all cases", points, sizes)
	}
	t.Logf("%d of %d points agree, by the size of sets %v", agree, points, sizes)
}

// TestBurstOfBothAgreesWithAGrid: of a burst on nodes and on instances of their own, the verdict
// and the least set of apps whose images are in a cache or on the nodes are those of simulating
// every set by itself; where a set of one kind is enough, that is what is named.
func TestBurstOfBothAgreesWithAGrid(t *testing.T) {
	race.Skip(t)
	own := []string{"ci"}
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		fresh(s)
		s.Workload.Apps[1].NodePool = ""
		for _, app := range []string{"web", "ci", "report"} {
			s.Bursts = append(s.Bursts, cachebench.StartBurst{App: app, Count: 6})
		}
	})
	all := []string{"web", "ci", "report"}
	type set struct {
		apps []string
		both bool
		last float64
	}
	var sets []set
	for bits := range 1 << len(all) {
		x := set{}
		p := &plan.Plan{Assign: plan.Auto, Verdict: plan.BuildNothing}
		nodes := 0
		for i, app := range all {
			if bits&(1<<i) == 0 {
				continue
			}
			x.apps = append(x.apps, app)
			if slices.Contains(own, app) {
				p.Caches = append(p.Caches, plan.PlannedCache{Name: "of " + app, Images: q.Scenario.Workload.Apps[i].AllImages(), SizeGiB: 20, Apps: []string{app}})
			} else {
				nodes++
			}
		}
		x.both = nodes > 0 && nodes < len(x.apps)
		x.last = endOf(played(t, q, simulate.ArmCached, p, func(s *cachebench.Scenario) {
			w := *s.Workload
			w.NodePools = slices.Clone(w.NodePools)
			for i := range w.Apps {
				if app := &w.Apps[i]; app.NodePool != "" && slices.Contains(x.apps, app.Name) {
					w.NodePools[0].PrePulled = append(w.NodePools[0].PrePulled, app.AllImages()...)
				}
			}
			s.Workload = &w
		}))
		sets = append(sets, x)
	}
	named := 0
	for _, x := range sets {
		c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(math.Round(x.last * 1e9))})
		if err != nil {
			t.Fatal(err)
		}
		least, single := -1, false
		for i, y := range sets {
			if y.last > x.last+1e-9 {
				continue
			}
			single = single || !y.both
			if y.both && (least < 0 || len(y.apps) < len(sets[least].apps)) {
				least = i
			}
		}
		i := slices.IndexFunc(c.Needs, func(n reports.CapacityNeed) bool {
			return n.Parameter == "apps whose images are in a cache, or on the nodes before the burst"
		})
		switch {
		case single && i >= 0, !single && (i < 0 || c.Needs[i].Need == nil || int(*c.Needs[i].Need) != len(sets[least].apps)):
			t.Errorf("within %v s: %+v; of all sets %+v", x.last, c.Needs, sets)
		case !single:
			named++
			if !strings.Contains(strings.Join(c.Sentences, " "), "caches of ci with the images of ") {
				t.Errorf("not said: %q", c.Sentences)
			}
		}
	}
	if named == 0 {
		t.Errorf("no limit needs both: %+v", sets)
	}
	t.Logf("%d of %d limits need both", named, len(sets))
}

// gibOf is what images of apps take on a node, each layer once, unpacked and as a blob.
func gibOf(q *capacity.Question, apps []string) float64 {
	var bytes int64
	seen := make(map[int]bool)
	for i := range q.Scenario.Workload.Apps {
		app := &q.Scenario.Workload.Apps[i]
		if !slices.Contains(apps, app.Name) {
			continue
		}
		for k := range q.Inventory.Images {
			if !slices.Contains(app.AllImages(), q.Inventory.Images[k].Reference) {
				continue
			}
			for _, l := range q.Inventory.Images[k].Layers {
				if !seen[l] {
					seen[l] = true
					bytes += *q.Inventory.Layers[l].UnpackedBytes + q.Inventory.Layers[l].CompressedBytes
				}
			}
		}
	}
	return float64(bytes) / (1 << 30)
}

// TestImagesAheadAreOfTheBurst: what is held is the version of the burst's time, on nodes that
// held another before, and stays there though other images need room.
func TestImagesAheadAreOfTheBurst(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		pooled(s)
		s.WindowStart = 20 * 24 * time.Hour
		for i := range s.Workload.Apps {
			s.Workload.Apps[i].ReleasesPerMonth, s.Workload.Apps[i].StartsPerDay = 60, 1
		}
		s.Profile.Node.DiskGiB.Value = 3
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 6}}
	})
	timeline := played(t, q, simulate.ArmWarm, nil, func(s *cachebench.Scenario) { s.PulledAhead = []string{"web"} })
	for i := range timeline.Startups {
		if s := &timeline.Startups[i]; s.FetchedBytes != 0 {
			t.Errorf("start %d on %s fetches %d bytes of an image that is there", i, s.Node, s.FetchedBytes)
		}
	}
	fetched := int64(0)
	without := played(t, q, simulate.ArmWarm, nil, nil)
	for i := range without.Startups {
		fetched += without.Startups[i].FetchedBytes
	}
	if fetched == 0 {
		t.Error("without them nothing is fetched either: the test tells nothing")
	}
	for _, s := range [][]string{{"ci"}, {"report"}} {
		other := played(t, q, simulate.ArmWarm, nil, func(x *cachebench.Scenario) { x.PulledAhead = s })
		if endOf(other) < endOf(timeline) {
			t.Errorf("images of %s bring more than those of the app that starts", s)
		}
	}
}

// TestBoundsOfNodes: a quota of instances is refused where all apps start on nodes, and where
// some do, the verdict's lines say for how many starts it does not count.
func TestBoundsOfNodes(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		fresh(s)
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 5}, {App: "ci", Count: 3}}
	})
	for _, opt := range []capacity.BurstOptions{{Within: time.Hour, CPUQuota: 5}, {Within: time.Hour, Addresses: 5}} {
		if c, err := q.Burst(t.Context(), opt); c != nil || !errors.Is(err, cachebench.ErrUnfit) || !strings.Contains(err.Error(), "all apps of the burst start on node pools (web on general, ci on general): leave them out") {
			t.Errorf("%+v: %v", opt, err)
		}
	}
	q = questionOf(t, "", func(s *cachebench.Scenario) {
		fresh(s)
		s.Workload.Apps[1].NodePool, s.Workload.Apps[1].CPU = "", 2
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 5}, {App: "ci", Count: 3}}
	})
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour, CPUQuota: 6})
	if err != nil || c.Verdict != reports.CapacityMet || !slices.Contains(c.Sentences, "Quota and addresses are held to 3 starts on instances of their own; for 5 starts on node pools they do not count.") {
		t.Errorf("%s, %q, %v", c.Headline, c.Sentences, err)
	}
	c, err = q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour, CPUQuota: 5})
	if err != nil || c.Verdict != reports.CapacityNotMet {
		t.Errorf("3 starts of 2 vCPUs and a quota of 5: %s, %v", c.Headline, err)
	}
}

// TestBurstOnDisksTooSmall: where an app's images do not fit on the nodes' disks, that is what
// is said and needed, by its size worked out here, and nothing else is said to meet the limit.
func TestBurstOnDisksTooSmall(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		fresh(s)
		s.Profile.Node.DiskGiB.Value = 1
		s.Bursts = []cachebench.StartBurst{{App: "report", Count: 4}, {App: "web", Count: 2}}
	})
	floor := math.Ceil(gibOf(q, []string{"report"}) / 0.85)
	if floor < 2 {
		t.Fatalf("report's images fit on 1 GiB")
	}
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(c.Sentences, " ")
	if c.Verdict != reports.CapacityNotMet || !strings.Contains(said, "Held up by the nodes' disks: the images of report (node pool general)") || !strings.Contains(said, fmt.Sprintf("a disk below %v GiB does not hold them; they are of 1 GiB", floor)) {
		t.Errorf("%s, %q", c.Headline, c.Sentences)
	}
	if n := need(t, c, "node.diskGiB"); n.Need == nil || *n.Need != floor {
		t.Errorf("%+v, want %v", n, floor)
	}
	for _, n := range c.Needs {
		if n.Parameter != "node.diskGiB" && n.Need != nil {
			t.Errorf("%s is said to meet it: %+v", n.Parameter, n)
		}
	}
	if got := largestBurst(c); got == nil || got.Value != 0 {
		t.Errorf("the largest burst: %+v", got)
	}
}

// TestHeldAddsUp: on nodes, of one pull at once or of several, and on instances of their own,
// what holds the slowest start up adds up to its time to ready; on nodes nothing of it is a
// wait for others that is not followed.
func TestHeldAddsUp(t *testing.T) {
	race.Skip(t)
	own := func(s *cachebench.Scenario) {
		s.Profile, _ = simulate.BuiltIn("containerd")
		s.Profile.Network.Registry.Value = 100e6
	}
	for name, change := range map[string]func(*cachebench.Scenario){
		"one pull at once": fresh,
		"pulls at once":    func(s *cachebench.Scenario) { fresh(s); s.Profile.Pull.MaxParallelPulls.Value = 5 },
		"slots of a daemon": func(s *cachebench.Scenario) {
			fresh(s)
			s.Profile.Pull.MaxParallelPulls.Value, s.Profile.Pull.DownloadScope.Value = 5, "daemon"
		},
		"slots to unpack in": func(s *cachebench.Scenario) {
			fresh(s)
			s.Profile.Pull.MaxParallelPulls.Value, s.Profile.Unpack.MaxConcurrent.Value = 5, 1
		},
		"instances": own,
		"eci":       nil,
	} {
		q := questionOf(t, "", func(s *cachebench.Scenario) {
			if change != nil {
				change(s)
			}
			s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 8}, {App: "web", Count: 9}, {App: "report", Count: 9}}
		})
		pools := slices.ContainsFunc(q.Scenario.Workload.Apps, func(a workload.App) bool { return a.NodePool != "" })
		c := verdictAndHeld(t, q)
		if len(c.Held) == 0 {
			t.Fatalf("%s: nothing is said to hold it up", name)
		}
		arm := simulate.ArmAutomatic
		if pools {
			arm = simulate.ArmWarm
		}
		var slowest, sum time.Duration
		timeline := played(t, q, arm, nil, nil)
		for i := range timeline.Startups {
			slowest = max(slowest, timeline.Startups[i].Ready)
		}
		for _, h := range c.Held {
			sum += h.Time
			if pools && (strings.HasPrefix(h.Cause, "its turn") || strings.HasPrefix(h.Cause, "another start's pull") || strings.HasPrefix(h.Cause, "download slots") || strings.HasPrefix(h.Cause, "unpacks of other")) {
				t.Errorf("%s: not followed: %+v", name, h)
			}
		}
		if d := sum - slowest; d < -time.Microsecond || d > time.Microsecond {
			t.Errorf("%s: causes add up to %v, the slowest start takes %v: %+v", name, sum, slowest, c.Held)
		}
	}
}

// verdictAndHeld asks for the verdict and what holds the slowest start up.
func verdictAndHeld(t *testing.T, q *capacity.Question) *reports.Capacity {
	t.Helper()
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
