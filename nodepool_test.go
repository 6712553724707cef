package cachebench_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/workload"
)

// made is an inventory of images for one platform, each with a layer of its own
// above a base that image i shares with image i+2.
func made(platform string, megabytes ...int64) *layers.Inventory {
	inv := &layers.Inventory{}
	digest := func(kind string, i int) layers.Digest {
		return layers.Digest(fmt.Sprintf("sha256:%s%0*d", strings.Repeat("a", 60-len(kind)), 4+len(kind), i+1000*len(kind)))
	}
	layer := func(kind string, i int, size int64) int {
		inv.Layers = append(inv.Layers, layers.Layer{Digest: digest(kind, i), DiffID: digest(kind+"d", i), MediaType: "application/vnd.oci.image.layer.v1.tar", CompressedBytes: size, UnpackedBytes: &size})
		return len(inv.Layers) - 1
	}
	bases := [2]int{layer("b", 0, 30e6), layer("b", 1, 30e6)}
	for i, mb := range megabytes {
		inv.Images = append(inv.Images, layers.Image{
			Reference: fmt.Sprintf("registry.example.com/team/app%d:1", i), Digest: digest("img", i), Platform: platform,
			Layers: []int{bases[i%2], layer("o", i, mb*1e6)},
		})
	}
	return inv
}

// instant is a profile on which a pull takes almost no time, so that what a start
// finds depends on placement alone.
func instant() *simulate.Profile {
	p := simulate.Containerd()
	p.Network.Node.Value, p.Unpack.Gzip.Value, p.Unpack.Disk.Value = network.Unlimited, network.Unlimited, network.Unlimited
	p.Unpack.File.Value, p.Unpack.Layer.Value, p.Start.Provision.Value = 0, 0, 0
	p.Network.RoundTrip.Value, p.Network.Request.Value = 0, 0
	return p
}

// past is a start that the naive placement has placed.
type past struct {
	at, end time.Duration
	slot    int
	born    time.Duration
	app     int
}

// naive places starts by looking, for every start and node, at all starts before
// it. It keeps no state but their list.
type naive struct {
	pool     *workload.NodePool
	apps     []workload.App
	bytes    []int64 // of each app's image
	from     time.Duration
	lifetime time.Duration
	// blank: what was placed before the window left no image.
	blank bool
	list  []past
}

// born is when the node in a slot at a time was made; long ago where none ends.
func (n *naive) born(slot int, at time.Duration) time.Duration {
	if n.lifetime == 0 {
		return -1 << 62
	}
	born := n.from + n.lifetime/time.Duration(n.pool.Count)*time.Duration(slot+1)
	for born > at {
		born -= n.lifetime
	}
	for born+n.lifetime <= at {
		born += n.lifetime
	}
	return born
}

func (n *naive) name(slot int, at time.Duration) string {
	k := slot + 1
	for t := n.from + n.lifetime/time.Duration(n.pool.Count)*time.Duration(slot+1); n.lifetime > 0 && t <= at; t += n.lifetime {
		k += n.pool.Count
	}
	return fmt.Sprintf("%s/%d", n.pool.Name, k)
}

// has says whether the node in a slot has had a start with an app's image, or one
// with its base.
func (n *naive) has(slot, app int, at time.Duration) (image, base bool) {
	born := n.born(slot, at)
	for _, p := range n.list {
		if p.slot == slot && p.born == born && !(n.blank && p.at < n.from) {
			image = image || p.app == app
			base = base || p.app%2 == app%2
		}
	}
	return image, base
}

func (n *naive) use(slot int, at time.Duration) (running, last int, cpu float64) {
	born := n.born(slot, at)
	for i, p := range n.list {
		if p.slot != slot || p.born != born {
			continue
		}
		last = i + 1
		if p.end > at {
			running++
			cpu += n.apps[p.app].CPU
		}
	}
	return running, last, cpu
}

// key orders nodes, the least first.
func (n *naive) key(slot, app int, at time.Duration) [5]float64 {
	running, last, cpu := n.use(slot, at)
	number := n.from
	fmt.Sscanf(n.name(slot, at), n.pool.Name+"/%d", &number)
	load, full := float64(running), 0.0
	if n.pool.CPU > 0 {
		load = cpu / n.pool.CPU
		if cpu+n.apps[app].CPU > n.pool.CPU+1e-9 {
			full = 1
		}
	}
	k := [5]float64{full, 0, load, float64(last), float64(number)}
	switch {
	case full == 1:
	case n.pool.Placement == "pack":
		k = [5]float64{full, -load, float64(number)}
	case n.pool.Placement == "imageLocality":
		holders := 0
		for s := range n.pool.Count {
			if image, _ := n.has(s, app, at); image {
				holders++
			}
		}
		if image, _ := n.has(slot, app, at); image {
			const mb = 1 << 20
			sum := int64(float64(n.bytes[app]) * float64(holders) / float64(n.pool.Count))
			k[1] = -float64(100 * (min(max(sum, 23*mb), 1000*mb) - 23*mb) / (977 * mb))
		}
	}
	return k
}

func (n *naive) place(app int, at time.Duration) (node string, hit matcher.Hit) {
	best := 0
	for s := 1; s < n.pool.Count; s++ {
		a, b := n.key(s, app, at), n.key(best, app, at)
		for i := range a {
			if a[i] != b[i] {
				if a[i] < b[i] {
					best = s
				}
				break
			}
		}
	}
	image, base := n.has(best, app, at)
	hit = matcher.Miss
	if image {
		hit = matcher.FullHit
	} else if base {
		hit = matcher.PartialHit
	}
	n.list = append(n.list, past{at, at + n.apps[app].Runtime, best, n.born(best, at), app})
	return n.name(best, at), hit
}

// TestNodePools: every start is on the node, and finds there what, a placement
// says that looks at all starts before it.
func TestNodePools(t *testing.T) {
	race.Skip(t)
	for _, pool := range []workload.NodePool{
		{Name: "spread", Count: 3},
		{Name: "young", Count: 4, LifetimeHours: 7},
		{Name: "new", Count: 3, LifetimeHours: 100, NewNodesPerDay: 5, Placement: "imageLocality"},
		{Name: "local", Count: 5, Placement: "imageLocality"},
		{Name: "pack", Count: 6, CPU: 4, Placement: "pack", LifetimeHours: 31},
		{Name: "full", Count: 2, CPU: 3},
	} {
		t.Run(pool.Name, func(t *testing.T) {
			pool.Platform = "linux/arm64"
			w := &workload.Workload{NodePools: []workload.NodePool{pool}}
			sizes := []int64{700, 100, 250, 2000}
			for i := range sizes {
				w.Apps = append(w.Apps, workload.App{
					Name: fmt.Sprint("app", i), Images: []string{fmt.Sprintf("registry.example.com/team/app%d:1", i)},
					StartsPerDay: 9, Runtime: time.Duration(1+i) * time.Hour, CPU: 1 + float64(i%2)/2, MemoryGiB: 1, NodePool: pool.Name,
				})
			}
			s := load(t)
			s.Workload, s.Profile, s.Seed = w, instant(), 5
			s.WindowStart, s.Window = 3*24*time.Hour, 4*24*time.Hour
			inv := made("linux/arm64", sizes...)
			job, err := s.Cover(inv)
			if err != nil {
				t.Fatal(err)
			}
			timeline, err := job.Simulate(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]*simulate.Startup)
			for i := range timeline.Startups {
				x := &timeline.Startups[i]
				got[fmt.Sprint(x.Arm, x.App, x.Requested)] = x
			}
			for _, arm := range []string{simulate.ArmCold, simulate.ArmWarm} {
				comparePlacement(t, arm, s, sizes, got)
			}
			if n := len(timeline.Startups); n != len(got) || len(timeline.Startups) == 0 {
				t.Errorf("%d startups, %d distinct ones", n, len(got))
			}
		})
	}
}

func comparePlacement(t *testing.T, arm string, s *cachebench.Scenario, sizes []int64, got map[string]*simulate.Startup) {
	t.Helper()
	pool := &s.Workload.NodePools[0]
	n := &naive{pool: pool, apps: s.Workload.Apps, from: s.WindowStart}
	for _, mb := range sizes {
		n.bytes = append(n.bytes, (mb+30)*1e6)
	}
	n.lifetime = time.Duration(pool.LifetimeHours * float64(time.Hour))
	if pool.NewNodesPerDay > 0 {
		n.lifetime = time.Duration(24 * float64(pool.Count) / pool.NewNodesPerDay * float64(time.Hour))
	}
	n.lifetime = n.lifetime / time.Duration(pool.Count) * time.Duration(pool.Count)
	hits := map[matcher.Hit]int{}
	for _, e := range s.Workload.Events(s.Seed, -workload.Month, s.WindowStart+s.Window) {
		n.blank = arm == simulate.ArmCold && e.At >= s.WindowStart
		node, hit := n.place(e.App, e.At)
		if e.At < s.WindowStart {
			continue
		}
		x := got[fmt.Sprint(arm, s.Workload.Apps[e.App].Name, e.At-s.WindowStart)]
		if x == nil {
			t.Fatalf("%s: no startup of app %d at %v", arm, e.App, e.At)
		}
		if x.Node != node || x.Hit != hit {
			t.Fatalf("%s: app %d at %v is on %s, %s; want %s, %s", arm, e.App, e.At, x.Node, x.Hit, node, hit)
		}
		hits[hit]++
	}
	t.Logf("%s: %v", arm, hits)
}
