package cachebench

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// drawPool is a small pool under some pressure, and images that share layers.
func drawPool(t *rapid.T) (p *placement, inv *layers.Inventory, kept bool) {
	inv = &layers.Inventory{}
	for l := range 12 {
		size := int64(1+l) * 40e6
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprint("layer", l)), CompressedBytes: size / 2, UnpackedBytes: &size})
	}
	inv.Layers[3].UnpackedBytes = nil
	for i := range 8 {
		img := layers.Image{Digest: layers.Digest(fmt.Sprint("image", i))}
		img.Layers = rapid.SliceOfN(rapid.IntRange(0, len(inv.Layers)-1), 1, 5).Draw(t, "layers")
		inv.Images = append(inv.Images, img)
	}
	pool := &workload.NodePool{
		Name: "pool", Count: rapid.IntRange(1, 70).Draw(t, "count"),
		Placement:     rapid.SampledFrom([]string{"", "spread", "pack", "imageLocality"}).Draw(t, "placement"),
		CPU:           float64(rapid.IntRange(0, 4).Draw(t, "cpu")),
		MemoryGiB:     float64(rapid.IntRange(0, 4).Draw(t, "memory")),
		LifetimeHours: float64(rapid.SampledFrom([]int{0, 3, 40}).Draw(t, "lifetime")),
	}
	class := simulate.Containerd()
	class.Node.DiskGiB.Value = float64(rapid.IntRange(1, 4).Draw(t, "disk"))
	kept = rapid.Bool().Draw(t, "keep")
	class.Pull.KeepBlobs.Value = kept
	setup := &simulate.NodeSetup{Held: []int{0}, Daemon: [][]int{{1}}}
	return newPlacement(pool, class, newImageLayers(inv), setup, -24*time.Hour, 0), inv, kept
}

// TestPlacement: a start is put where a look at all nodes says, and what is counted
// of the disks is what a count of the images on them gives.
func TestPlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, inv, kept := drawPool(t)
		at := -24 * time.Hour
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			at += time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute
			p.advance(at)
			switch rapid.IntRange(0, 30).Draw(t, "step") {
			case 0:
				p.disks.release(rapid.IntRange(0, 7).Draw(t, "released"))
			case 1:
				p.empty()
			}
			app := &workload.App{
				CPU: float64(rapid.IntRange(0, 10).Draw(t, "app cpu")) / 10, MemoryGiB: float64(rapid.IntRange(0, 5).Draw(t, "app memory")) / 3,
				Runtime: time.Duration(rapid.IntRange(0, 300).Draw(t, "runtime")) * time.Minute,
			}
			images := rapid.SliceOfN(rapid.IntRange(0, 7), 1, 3).Draw(t, "images")
			want, room := scan(p, inv, app, images)
			crowded := p.crowded
			if got := p.place(app, images, at); got != p.nodes[want].name || (p.crowded == crowded) != room {
				t.Fatalf("the start is on %s, want %s, room %v", got, p.nodes[want].name, room)
			}
			recount(t, p, inv, kept)
		}
	})
}

// scan looks at every node: those with room before the others, then by the pool's
// rule, each rule a list of numbers of which the least is best.
func scan(p *placement, inv *layers.Inventory, app *workload.App, images []int) (best int, room bool) {
	var least []float64
	for i := range p.nodes {
		n := &p.nodes[i]
		full, load := 0.0, 0.0
		if p.pool.CPU > 0 {
			load = n.cpu / p.pool.CPU // rounding may leave it below 0
			if n.cpu+app.CPU > p.pool.CPU+1e-9 {
				full = 1
			}
		}
		if p.pool.MemoryGiB > 0 {
			load = math.Max(load, n.memoryGiB/p.pool.MemoryGiB)
			if n.memoryGiB+app.MemoryGiB > p.pool.MemoryGiB+1e-9 {
				full = 1
			}
		}
		if p.pool.CPU == 0 && p.pool.MemoryGiB == 0 {
			load = float64(n.starts)
		}
		key := []float64{full, load, float64(n.placed), float64(n.number)}
		switch {
		case full == 1:
		case p.pool.Placement == "pack":
			key = []float64{full, -load, float64(n.number)}
		case p.pool.Placement == "imageLocality":
			key = append([]float64{full, -locality(p, inv, i, images)}, key[1:]...)
		}
		if i == 0 || less(key, least) {
			best, least = i, key
		}
	}
	return best, least[0] == 0
}

func less(a, b []float64) bool {
	for k := range min(len(a), len(b)) {
		if a[k] != b[k] {
			return a[k] < b[k]
		}
	}
	return false
}

func locality(p *placement, inv *layers.Inventory, i int, images []int) float64 {
	const mb = 1 << 20
	var sum int64
	for _, image := range images {
		holders, here := 0, false
		for k := range p.nodes {
			if x := p.disks.disks[k].held.Find(int32(image)); x != nil && x.used > 0 {
				holders++
				here = here || k == i
			}
		}
		var size int64
		for _, l := range inv.Images[image].Layers {
			size += inv.Layers[l].CompressedBytes
		}
		if here {
			sum += int64(float64(size) * float64(holders) / float64(len(p.nodes)))
		}
	}
	most := int64(1000*mb) * int64(len(images))
	return float64(100 * (min(max(sum, 23*mb), most) - 23*mb) / (most - 23*mb))
}

// recount compares the bytes of each node, and who holds what, with its images.
func recount(t *rapid.T, p *placement, inv *layers.Inventory, kept bool) {
	chains, holders := inv.Chains(), make([]int, len(inv.Images))
	for i := range p.disks.disks {
		disk := &p.disks.disks[i]
		haveChain, haveBlob, bytes := map[int]bool{}, map[int]bool{}, int64(0)
		disk.held.All(func(image int32, _ placedImage) {
			holders[image]++
			if !p.disks.holders[image].has(i) {
				t.Fatalf("node %d has image %d and is not counted", i, image)
			}
			for j, l := range inv.Images[image].Layers {
				if c := chains.Images[image][j]; !haveChain[c] && inv.Layers[l].UnpackedBytes != nil {
					haveChain[c] = true
					bytes += *inv.Layers[l].UnpackedBytes
				}
				if kept && !haveBlob[l] {
					haveBlob[l] = true
					bytes += inv.Layers[l].CompressedBytes
				}
			}
		})
		if bytes != disk.bytes {
			t.Fatalf("node %d counts %d bytes and has %d", i, disk.bytes, bytes)
		}
	}
	for image, n := range holders {
		if p.disks.holders[image].count != n {
			t.Fatalf("image %d is on %d nodes, not %d", image, n, p.disks.holders[image].count)
		}
	}
}

// BenchmarkPlacement places starts on 10,000 nodes, for each rule.
func BenchmarkPlacement(b *testing.B) {
	inv := &layers.Inventory{}
	for i := range 2000 {
		size := int64(100e6)
		for k := range 8 {
			inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprint(i, "-", k)), CompressedBytes: size / 2, UnpackedBytes: &size})
		}
		inv.Images = append(inv.Images, layers.Image{Digest: layers.Digest(fmt.Sprint(i)), Layers: []int{8 * i, 8*i + 1, 8*i + 2, 8*i + 3, 8*i + 4, 8*i + 5, 8*i + 6, 8*i + 7}})
	}
	images := newImageLayers(inv)
	for _, rule := range []string{"spread", "pack", "imageLocality"} {
		b.Run(rule, func(b *testing.B) {
			pool := &workload.NodePool{Name: "pool", Count: 10_000, Placement: rule, CPU: 16}
			class := simulate.Containerd()
			class.Node.DiskGiB.Value = 60
			p := newPlacement(pool, class, images, &simulate.NodeSetup{}, 0, 0)
			app := &workload.App{CPU: 1, Runtime: time.Hour}
			at, i := time.Duration(0), 0
			for b.Loop() {
				// 100,000 an hour run at a time: 60 of 100 places.
				at += 36 * time.Millisecond
				u := float64(i*7919%100_003) / 100_003
				p.place(app, []int{int(math.Pow(2001, u)) - 1}, at)
				i++
			}
		})
	}
}

// TestWarmNodesAreInUse: of three starts before the window, one goes on for 99 hours,
// one has ended, and of one the image has been released anew: its older one is gone.
// In arm warm the node begins with both images that are left, the first in use; when
// it is lost, with what a new one has. In arm cold it is a new one.
func TestWarmNodesAreInUse(t *testing.T) {
	inv := &layers.Inventory{Images: make([]layers.Image, 4)}
	fresh := nodePool{NodePool: &workload.NodePool{Name: "p", Count: 1}, setup: simulate.NodeSetup{Held: []int{3}}}
	p := newPlacement(fresh.NodePool, simulate.Containerd(), newImageLayers(inv), &fresh.setup, -2*time.Hour, 10*time.Hour)
	long, short := &workload.App{Runtime: 100 * time.Hour}, &workload.App{Runtime: time.Minute}
	p.place(long, []int{0}, 9*time.Hour)
	p.place(short, []int{1}, 9*time.Hour)
	p.place(long, []int{2}, 9*time.Hour)
	p.disks.release(2)
	p.advance(10 * time.Hour)
	want := []simulate.NewNode{{
		Name: "p/1", Up: true,
		Setup: &simulate.NodeSetup{
			Held:  []int{3, 0, 1}, // by last use, 1's a minute after the others'
			InUse: []simulate.Use{{Images: []int{0}, Until: 99 * time.Hour}},
		},
		Renewed: &fresh.setup,
	}}
	if diff := cmp.Diff(want, p.begins(&fresh, simulate.ArmWarm, time.Hour)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	want = []simulate.NewNode{{Name: "p/1", Setup: &fresh.setup}}
	if diff := cmp.Diff(want, p.begins(&fresh, simulate.ArmCold, time.Hour)); diff != "" {
		t.Errorf("cold, -want +got:\n%s", diff)
	}
}

// TestUseOfReleasedImage: the end of a start that used an image before its release is
// not the end of one that uses it since.
func TestUseOfReleasedImage(t *testing.T) {
	inv := &layers.Inventory{Images: make([]layers.Image, 1)}
	p := newPlacement(&workload.NodePool{Name: "p", Count: 1}, simulate.Containerd(), newImageLayers(inv), &simulate.NodeSetup{}, 0, 0)
	p.place(&workload.App{Runtime: time.Hour}, []int{0}, 0)
	p.advance(10 * time.Minute)
	p.disks.release(0)
	p.place(&workload.App{Runtime: 5 * time.Hour}, []int{0}, 20*time.Minute)
	p.advance(61 * time.Minute)
	if x := p.disks.disks[0].held.Find(0); x == nil || x.users != 1 {
		t.Errorf("the image is in use by %+v, want 1", x)
	}
	p.advance(6 * time.Hour)
	if x := p.disks.disks[0].held.Find(0); x == nil || x.users != 0 {
		t.Errorf("after both have ended the image is in use by %+v", x)
	}
}
