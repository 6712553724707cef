package simulate

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/network"
)

const (
	mb   = 1_000_000
	ms   = time.Millisecond
	gzip = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// bare is a profile in which nothing takes time but what a test sets.
func bare() *Profile {
	p := Containerd()
	p.Name = "bare"
	n, u := &p.Network, &p.Unpack
	n.RoundTrip, n.Request, n.ConnectRoundTrips = is(time.Duration(0), ""), is(time.Duration(0), ""), is[int64](0, "")
	n.Node, n.Connection = is(network.Unlimited, ""), is(network.Unlimited, "")
	p.Pull.RequestOrder.Value = "manifest"
	u.Cores, u.Gzip, u.Zstd, u.Disk = is(1.0, ""), is(network.Unlimited, ""), is(network.Unlimited, ""), is(network.Unlimited, "")
	u.Layer, u.File = is(time.Duration(0), ""), is(time.Duration(0), "")
	p.Pull.Retry.Sync = Parameter[time.Duration]{}
	p.Start.Provision, p.Start.Create = Parameter[time.Duration]{}, Parameter[time.Duration]{}
	return p
}

type testLayer struct {
	name                string
	compressed, written int64
	files               int64
}

// inventory makes images of named layers; equal names are equal layers.
func inventory(images ...[]testLayer) *layers.Inventory {
	inv := &layers.Inventory{}
	table := map[string]int{}
	for i, img := range images {
		one := layers.Image{Reference: fmt.Sprintf("example.com/image:%d", i), Digest: layers.Digest(fmt.Sprintf("sha256:%064x", i)), Platform: "linux/amd64"}
		for _, l := range img {
			id, ok := table[l.name]
			if !ok {
				id = len(inv.Layers)
				table[l.name] = id
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: layers.Digest("blob " + l.name), DiffID: layers.Digest("diff " + l.name), MediaType: gzip,
					CompressedBytes: l.compressed, UnpackedBytes: &l.written, UnpackedSource: layers.Measured, Files: &l.files,
				})
			}
			one.Layers = append(one.Layers, id)
		}
		inv.Images = append(inv.Images, one)
	}
	return inv
}

func run(t testing.TB, inv *layers.Inventory, p *Profile, opt Options, starts ...Start) []Startup {
	t.Helper()
	startups, err := Run(context.Background(), inv, p, starts, opt)
	if err != nil {
		t.Fatal(err)
	}
	return startups
}

// TestHandWorked is a start of two images with three layers over one shared
// link, computed by hand to the nanosecond.
//
//	link 100 MB/s, round trip 10 ms, 2 downloads at once, 1 core: gzip
//	200 MB/s, 5 ms a layer, 1 ms a file; provision 1 s, create 100 ms
//	image 0: a (100 MB, unpacked 200 MB, 10 files), b (50 MB, 100 MB, 0 files)
//	image 1: a, c (20 MB, 40 MB, 5 files)
//
//	0      provision to 1 s
//	1      resolve image 0: 3 requests of 10 ms, to 1.03; a and b asked for,
//	       answered at 1.04, at 50 MB/s each: b is there at 2.04; a has 50 MB
//	       left at 100 MB/s: 2.54
//	2.54   unpack a: 5 ms + 1 s + 10 ms, to 3.555; b: 5 ms + 0.5 s, to 4.06
//	4.06   resolve image 1, to 4.09; a is there; c answered at 4.1, fetched at
//	       4.3, unpacked in 5 ms + 0.2 s + 5 ms: 4.51
//	4.51   create two containers, to 4.71
func TestHandWorked(t *testing.T) {
	a, b, c := testLayer{"a", 100 * mb, 200 * mb, 10}, testLayer{"b", 50 * mb, 100 * mb, 0}, testLayer{"c", 20 * mb, 40 * mb, 5}
	inv := inventory([]testLayer{a, b}, []testLayer{a, c})
	p := bare()
	p.Network.Node = is[network.Rate](100*mb, "")
	p.Network.RoundTrip = is(10*ms, "")
	p.Pull.MaxConcurrentDownloads.Value = 2
	p.Unpack.Gzip = is[network.Rate](200*mb, "")
	p.Unpack.Layer, p.Unpack.File = is(5*ms, ""), is(ms, "")
	p.Start.Provision, p.Start.Create = is(time.Second, ""), is(100*ms, "")
	got := run(t, inv, p, Options{Arm: "cold", Spans: func(int) bool { return true }}, Start{App: "app", Images: []int{0, 1}})[0]

	d := func(s float64) *time.Duration { x := time.Duration(math.Round(s * 1e9)); return &x }
	ref0, ref1 := inv.Images[0].Reference, inv.Images[1].Reference
	want := Startup{
		Source: Simulated, Arm: "cold", App: "app", Images: []string{ref0, ref1}, Ready: *d(4.71),
		Phases: Phases{
			Admit: d(0), Provision: d(1), Attach: d(0), Resolve: d(0.06), Fetch: d(1.51 + 0.21), Unpack: d(1.52 + 0.21), Create: d(0.2), Ready: d(0),
		},
		FetchBusy: *d(1.51 + 0.21), UnpackBusy: *d(1.52 + 0.21),
		FetchedBytes: 170 * mb, UnpackedBytes: 340 * mb, Hit: matcher.Miss,
		Spans: []Span{
			{Provision, "", "", 0, *d(1), 0},
			{Resolve, ref0, "", *d(1), *d(1.03), 0},
			{Fetch, ref0, "blob b", *d(1.03), *d(2.04), 50 * mb},
			{Fetch, ref0, "blob a", *d(1.03), *d(2.54), 100 * mb},
			{Unpack, ref0, "blob a", *d(2.54), *d(3.555), 200 * mb},
			{Unpack, ref0, "blob b", *d(3.555), *d(4.06), 100 * mb},
			{Resolve, ref1, "", *d(4.06), *d(4.09), 0},
			{Fetch, ref1, "blob c", *d(4.09), *d(4.3), 20 * mb},
			{Unpack, ref1, "blob c", *d(4.3), *d(4.51), 40 * mb},
			{Create, "", "", *d(4.51), *d(4.71), 0},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSharedLink: two instances that pull 100 MB each over a registry's 100 MB/s
// take 2 s together, where one alone takes 1 s; of two that start 0.5 s apart,
// the first has 50 MB left when they begin to share and ends at 1.5 s, the
// second at 2 s, 1.5 s after its request.
func TestSharedLink(t *testing.T) {
	inv := inventory([]testLayer{{"a", 100 * mb, 0, 0}})
	p := bare()
	p.Network.Registry = is[network.Rate](100*mb, "")
	one := Start{App: "app", Images: []int{0}}
	late := one
	late.Requested = 500 * ms
	for _, test := range []struct {
		starts []Start
		want   []time.Duration
	}{
		{[]Start{one}, []time.Duration{time.Second}},
		{[]Start{one, one}, []time.Duration{2 * time.Second, 2 * time.Second}},
		{[]Start{one, late}, []time.Duration{1500 * ms, 1500 * ms}},
	} {
		for i, s := range run(t, inv, p, Options{}, test.starts...) {
			if s.Ready != test.want[i] {
				t.Errorf("%d starts: start %d is ready after %v, want %v", len(test.starts), i, s.Ready, test.want[i])
			}
		}
	}
}

// TestAdmission: a bucket of 2 starts refilled at 4 a second admits 2 at once,
// then one each 250 ms.
func TestAdmission(t *testing.T) {
	inv := inventory(nil)
	p := bare()
	p.Start.AdmitBurst.Value, p.Start.AdmitPerSecond.Value = 2, 4
	starts := slices.Repeat([]Start{{App: "app", Images: []int{0}}}, 4)
	for i, s := range run(t, inv, p, Options{}, starts...) {
		if want := []time.Duration{0, 0, 250 * ms, 500 * ms}[i]; s.Ready != want {
			t.Errorf("start %d is ready after %v, want %v", i, s.Ready, want)
		}
	}
}

// TestCachedStart: what a cache holds is neither fetched nor unpacked, but its
// disk is attached and read: 1 s, and 10 % of 200 MB at 20 MB/s.
func TestCachedStart(t *testing.T) {
	a, b := testLayer{"a", 100 * mb, 200 * mb, 0}, testLayer{"b", 50 * mb, 100 * mb, 0}
	inv := inventory([]testLayer{a}, []testLayer{a, b})
	p := bare()
	p.Network.Node = is[network.Rate](100*mb, "")
	p.Cache.Attach, p.Cache.ReadFraction, p.Cache.FirstRead = is(time.Second, ""), is(0.1, ""), is[network.Rate](20*mb, "")
	got := run(t, inv, p, Options{Spans: func(int) bool { return true }},
		Start{App: "hit", Images: []int{0}, Held: []int{0}, CacheID: "c"},
		Start{App: "partial", Images: []int{1}, Held: []int{0}, CacheID: "c"},
	)
	if s := got[0]; s.Ready != 2*time.Second || s.Hit != matcher.FullHit || s.FetchedBytes != 0 || s.LayersReused != 1 {
		t.Errorf("hit: ready %v, %s, fetched %d, reused %d", s.Ready, s.Hit, s.FetchedBytes, s.LayersReused)
	}
	if spans := got[0].Spans; len(spans) != 2 || spans[0].Phase != Attach || spans[1].Phase != Ready {
		t.Errorf("hit: spans %+v, want one of attach and one of ready", spans)
	}
	if s := got[1]; s.Ready != 2500*ms || s.Hit != matcher.PartialHit || s.FetchedBytes != 50*mb || s.UnpackedBytes != 100*mb {
		t.Errorf("partial: ready %v, %s, fetched %d, unpacked %d", s.Ready, s.Hit, s.FetchedBytes, s.UnpackedBytes)
	}
}

// TestTwoCompressions: the same content under two digests. An image fetches the
// blob that it names itself, whatever other images there are; above a chain that
// another image unpacked it fetches neither.
func TestTwoCompressions(t *testing.T) {
	inv := inventory([]testLayer{{"gzip", 100 * mb, 200 * mb, 0}}, []testLayer{{"zstd", 80 * mb, 200 * mb, 0}})
	inv.Layers[1].DiffID = inv.Layers[0].DiffID
	p := bare()
	for image, want := range []int64{100 * mb, 80 * mb} {
		if got := run(t, inv, p, Options{}, Start{App: "a", Images: []int{image}})[0]; got.FetchedBytes != want {
			t.Errorf("image %d alone fetches %d bytes, want %d", image, got.FetchedBytes, want)
		}
	}
	if got := run(t, inv, p, Options{}, Start{App: "a", Images: []int{0, 1}})[0]; got.FetchedBytes != 100*mb || got.UnpackedBytes != 200*mb {
		t.Errorf("both fetch %d and unpack %d bytes", got.FetchedBytes, got.UnpackedBytes)
	}
}

// TestWarmNode: the second start on a node reuses what the first unpacked; two
// at once share one download; a third image evicts the least recently used.
func TestWarmNode(t *testing.T) {
	layer := func(name string) testLayer { return testLayer{name, 100 * mb, 300 * mb, 0} }
	inv := inventory([]testLayer{layer("a")}, []testLayer{layer("b")}, []testLayer{layer("c")})
	p := bare()
	p.Network.Node = is[network.Rate](100*mb, "")
	at := func(s int, image int) Start {
		return Start{App: "app", Requested: time.Duration(s) * time.Second, Images: []int{image}, Node: "n1"}
	}
	t.Run("reuse", func(t *testing.T) {
		got := run(t, inv, p, Options{}, at(0, 0), at(5, 0))
		if got[0].FetchedBytes != 100*mb || got[1].FetchedBytes != 0 || got[1].Hit != matcher.FullHit || got[1].Ready != 0 {
			t.Errorf("first fetched %d, second fetched %d, %s, ready %v", got[0].FetchedBytes, got[1].FetchedBytes, got[1].Hit, got[1].Ready)
		}
	})
	t.Run("one download", func(t *testing.T) {
		got := run(t, inv, p, Options{}, at(0, 0), at(0, 0))
		if got[0].FetchedBytes+got[1].FetchedBytes != 100*mb || got[0].Ready != time.Second || got[1].Ready != time.Second {
			t.Errorf("fetched %d and %d, ready %v and %v", got[0].FetchedBytes, got[1].FetchedBytes, got[0].Ready, got[1].Ready)
		}
	})
	t.Run("evict", func(t *testing.T) {
		p := *p
		// Each image takes 400 MB; the disk holds 1,000 MB, so two stay.
		p.Node.DiskGiB.Value = 1000.0 * mb / (1 << 30)
		p.Node.HighFraction.Value, p.Node.LowFraction.Value = 0.9, 0.9
		got := run(t, inv, &p, Options{}, at(0, 0), at(10, 1), at(20, 0), at(30, 2), at(40, 0), at(50, 1))
		var fetched []int64
		for _, s := range got {
			fetched = append(fetched, s.FetchedBytes/mb)
		}
		if want := []int64{100, 100, 0, 100, 0, 100}; !slices.Equal(fetched, want) {
			t.Errorf("fetched MB %v, want %v: image 1 was used least recently", fetched, want)
		}
	})
}

// TestNodeBoots: the first start on a node waits for its boot, and so does one
// that comes meanwhile.
func TestNodeBoots(t *testing.T) {
	inv := inventory(nil)
	p := bare()
	p.Node.Boot.Value = time.Minute
	at := func(s int) Start {
		return Start{App: "a", Images: []int{0}, Node: "n", Requested: time.Duration(s) * time.Second}
	}
	for i, s := range run(t, inv, p, Options{}, at(0), at(20), at(90)) {
		if want := []time.Duration{60 * time.Second, 40 * time.Second, 0}[i]; s.Ready != want {
			t.Errorf("start %d is ready after %v, want %v", i, s.Ready, want)
		}
	}
}

// TestCacheOnSharedNode: a cache attached to a node while another start pulls the
// same image, and an eviction after that, leave no start waiting.
func TestCacheOnSharedNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, p := randomCase(t)
		p.Cache.Attach.Value = time.Duration(rapid.IntRange(0, 2000).Draw(t, "attach")) * ms
		p.Node.DiskGiB.Value = float64(rapid.IntRange(1, 2000).Draw(t, "disk")) * mb / (1 << 30)
		p.Pull.KeepBlobs.Value = rapid.Bool().Draw(t, "keep")
		p.Unpack.Parallel.Value = rapid.Bool().Draw(t, "parallel")
		p.Pull.MaxParallelImages.Value = rapid.Int64Range(1, 3).Draw(t, "images")
		var starts []Start
		for range rapid.IntRange(1, 8).Draw(t, "starts") {
			s := Start{
				App: "a", Requested: time.Duration(rapid.IntRange(0, 5000).Draw(t, "at")) * ms,
				Images: rapid.SliceOfN(rapid.IntRange(0, len(inv.Images)-1), 1, 3).Draw(t, "pulls"),
				Node:   fmt.Sprint("n", rapid.IntRange(0, 1).Draw(t, "node")),
			}
			if rapid.Bool().Draw(t, "cached") {
				s.CacheID, s.Held = "c", rapid.SliceOfDistinct(rapid.IntRange(0, len(inv.Images)-1), rapid.ID[int]).Draw(t, "held")
			}
			starts = append(starts, s)
		}
		if _, err := Run(context.Background(), inv, p, starts, Options{}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTooLong: a start that would take longer than time can tell is refused.
func TestTooLong(t *testing.T) {
	inv := inventory([]testLayer{{"a", 1 << 50, 1, 0}})
	p := bare()
	p.Network.Node.Value = 1
	if _, err := Run(t.Context(), inv, p, []Start{{App: "a", Images: []int{0}}}, Options{}); err == nil {
		t.Error("a petabyte at a byte per second is simulated")
	}
}

// randomCase draws an inventory and a profile without latency, in manifest order.
func randomCase(t *rapid.T) (*layers.Inventory, *Profile) {
	all := make([]testLayer, rapid.IntRange(1, 8).Draw(t, "layers"))
	for i := range all {
		all[i] = testLayer{fmt.Sprint("l", i), rapid.Int64Range(0, 200*mb).Draw(t, "compressed"), rapid.Int64Range(0, 500*mb).Draw(t, "unpacked"), rapid.Int64Range(0, 5000).Draw(t, "files")}
	}
	images := make([][]testLayer, rapid.IntRange(1, 3).Draw(t, "images"))
	for i := range images {
		for range rapid.IntRange(0, 6).Draw(t, "length") {
			images[i] = append(images[i], all[rapid.IntRange(0, len(all)-1).Draw(t, "layer")])
		}
	}
	p := bare()
	p.Network.Node.Value = network.Rate(rapid.IntRange(1, 500).Draw(t, "node")) * mb
	p.Network.Registry.Value = network.Rate(rapid.IntRange(1, 500).Draw(t, "registry")) * mb
	p.Network.Connection.Value = network.Rate(rapid.IntRange(1, 500).Draw(t, "connection")) * mb
	p.Pull.MaxConcurrentDownloads.Value = rapid.Int64Range(1, 5).Draw(t, "downloads")
	p.Unpack.Gzip.Value = network.Rate(rapid.IntRange(10, 500).Draw(t, "gzip")) * mb
	p.Unpack.File.Value = time.Duration(rapid.IntRange(0, 200).Draw(t, "file")) * time.Microsecond
	return inventory(images...), p
}

func allImages(inv *layers.Inventory) []int {
	images := make([]int, len(inv.Images))
	for i := range images {
		images[i] = i
	}
	return images
}

// rounding of a start's time: each event rounds to a nanosecond.
const rounding = 50 * time.Nanosecond

// alone simulates one start.
func alone(t *rapid.T, inv *layers.Inventory, p *Profile, s Start) Startup {
	startups, err := Run(context.Background(), inv, p, []Start{s}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return startups[0]
}

// TestCachedNeverSlower: with no latency, manifest order and one node, a start
// that finds images is never slower than a cold one, if attaching costs nothing.
func TestCachedNeverSlower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, p := randomCase(t)
		p.Cache.FirstRead = is(network.Unlimited, "")
		held := rapid.SliceOfDistinct(rapid.IntRange(0, len(inv.Images)-1), rapid.ID[int]).Draw(t, "held")
		cold := alone(t, inv, p, Start{App: "cold", Images: allImages(inv)})
		cached := alone(t, inv, p, Start{App: "cached", Images: allImages(inv), Held: held, CacheID: "c"})
		if cached.Ready > cold.Ready+rounding {
			t.Fatalf("cached %v, cold %v", cached.Ready, cold.Ready)
		}
	})
}

// TestFasterUplinkNeverSlower, under the same conditions.
func TestFasterUplinkNeverSlower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, p := randomCase(t)
		p.Network.Uplink.Value = network.Rate(rapid.IntRange(1, 500).Draw(t, "uplink")) * mb
		start := Start{App: "a", Images: allImages(inv)}
		slow := alone(t, inv, p, start)
		p.Network.Uplink.Value *= network.Rate(rapid.Float64Range(1, 10).Draw(t, "factor"))
		fast := alone(t, inv, p, start)
		if fast.Ready > slow.Ready+rounding {
			t.Fatalf("faster uplink %v, slower %v", fast.Ready, slow.Ready)
		}
	})
}

// TestBytesAddUp: what was held and what was fetched make up the need, and the
// phases make up the time to ready.
func TestBytesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, p := randomCase(t)
		held := rapid.SliceOfDistinct(rapid.IntRange(0, len(inv.Images)-1), rapid.ID[int]).Draw(t, "held")
		s := alone(t, inv, p, Start{App: "a", Images: allImages(inv), Held: held, CacheID: "c"})
		m := matcher.New(inv, "", time.Time{}, matcher.DefaultPolicy())
		var need, have []string
		for _, img := range inv.Images {
			need = append(need, img.Reference)
		}
		for _, i := range held {
			have = append(have, inv.Images[i].Reference)
		}
		o := m.Overlap(need, have)
		// Blobs are kept, so a blob that is held anywhere is not fetched: what is
		// fetched is what is present by no overlap.
		if s.FetchedBytes != o.ByDigest.FetchBytes || s.FetchedBytes+o.ByDigest.PresentBytes != o.CompressedBytes {
			t.Fatalf("fetched %d; overlap says fetch %d, present %d of %d", s.FetchedBytes, o.ByDigest.FetchBytes, o.ByDigest.PresentBytes, o.CompressedBytes)
		}
		if s.UnpackedBytes != o.ByChain.UnpackBytes || s.LayersReused != o.ByChain.PresentLayers {
			t.Fatalf("unpacked %d, reused %d; overlap says %d, %d", s.UnpackedBytes, s.LayersReused, o.ByChain.UnpackBytes, o.ByChain.PresentLayers)
		}
		var sum time.Duration
		for _, phase := range AllPhases() {
			d, _ := s.Phases.Of(phase)
			sum += d
		}
		if sum != s.Ready {
			t.Fatalf("phases make %v, ready is %v", sum, s.Ready)
		}
	})
}

// TestEstimate: for one start on an idle node the estimate is the simulation.
func TestEstimate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv, p := randomCase(t)
		p.Network.RoundTrip.Value = time.Duration(rapid.IntRange(0, 100).Draw(t, "rtt")) * ms
		p.Start.Create.Value = 100 * ms
		p.Unpack.Cores.Value = 8
		start := Start{App: "a", Images: allImages(inv)}
		if rapid.Bool().Draw(t, "cached") {
			start.CacheID, start.Held = "c", []int{0}
			p.Cache.Attach.Value, p.Cache.FirstRead.Value = time.Second, 30*mb
		}
		s, err := Run(context.Background(), inv, p, []Start{start}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := EstimateStart(inv, p, &start)
		if err != nil {
			t.Fatal(err)
		}
		if d := (e.Ready - s[0].Ready).Abs(); d > 100*time.Nanosecond {
			t.Fatalf("estimate %v, simulation %v", e.Ready, s[0].Ready)
		}
		if e.FetchedBytes != s[0].FetchedBytes || e.UnpackedBytes != s[0].UnpackedBytes || e.Hit != s[0].Hit {
			t.Fatalf("estimate fetches %d, unpacks %d, %s; simulation %d, %d, %s", e.FetchedBytes, e.UnpackedBytes, e.Hit, s[0].FetchedBytes, s[0].UnpackedBytes, s[0].Hit)
		}
	})
}

// burst is a burst of starts of several apps under the given profile's draws.
func burst() (*layers.Inventory, *Profile, []Start) {
	base := testLayer{"base", 30 * mb, 80 * mb, 2000}
	inv := inventory(
		[]testLayer{base, {"python", 20 * mb, 60 * mb, 1500}, {"web", 5 * mb, 12 * mb, 300}},
		[]testLayer{base, {"jre", 90 * mb, 220 * mb, 500}},
		[]testLayer{{"tool", 40 * mb, 100 * mb, 90}},
	)
	p := ECI()
	p.Network.Registry.Value = 200 * mb
	p.Pull.RequestOrder.Value = "race"
	p.Start.Provision = Parameter[time.Duration]{Distribution: "lognormal", Median: 5 * time.Second, Sigma: 0.4}
	p.Network.RoundTrip = Parameter[time.Duration]{Distribution: "uniform", Min: ms, Max: 20 * ms}
	var starts []Start
	for i := range 60 {
		s := Start{App: fmt.Sprint("app", i%3), Requested: time.Duration(i/6) * 300 * ms, Images: []int{i % 3, 2}}
		if i%4 == 0 {
			s.Node = fmt.Sprint("node", i%8)
		}
		if i%5 == 0 {
			s.CacheID, s.Held = "c", []int{0}
		}
		starts = append(starts, s)
	}
	return inv, p, starts
}

func marshal(t testing.TB, startups []Startup) string {
	t.Helper()
	data, err := document.Marshal(TimelineKind, &Timeline{Startups: startups})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestDeterminism: the same bytes on one core and on several; another seed
// gives others.
func TestDeterminism(t *testing.T) {
	inv, p, starts := burst()
	opt := Options{Seed: 7, Repeats: 2}
	was := runtime.GOMAXPROCS(1)
	one := marshal(t, run(t, inv, p, opt, starts...))
	runtime.GOMAXPROCS(max(2, was))
	two := marshal(t, run(t, inv, p, opt, starts...))
	runtime.GOMAXPROCS(was)
	if one != two {
		t.Error("one and two cores differ")
	}
	opt.Seed = 8
	if marshal(t, run(t, inv, p, opt, starts...)) == one {
		t.Error("another seed changes nothing")
	}
}

// TestPermutation: the order of the input changes no start's result.
func TestPermutation(t *testing.T) {
	inv, p, starts := burst()
	for i := range starts {
		starts[i].Requested += time.Duration(i) // no two of one instant are alike otherwise
	}
	want := run(t, inv, p, Options{Seed: 3}, starts...)
	reversed := slices.Clone(starts)
	slices.Reverse(reversed)
	got := run(t, inv, p, Options{Seed: 3}, reversed...)
	slices.Reverse(got)
	if marshal(t, want) != marshal(t, got) {
		t.Error("reversing the starts changes the result")
	}
}

// TestRefusals: what cannot be simulated is refused by name.
func TestRefusals(t *testing.T) {
	inv := inventory([]testLayer{{"a", 1, 1, 0}})
	unknown := inventory([]testLayer{{"a", 1, 1, 0}})
	unknown.Layers[0].UnpackedBytes = nil
	two, late := 2.0, time.Duration(math.MaxInt64)
	negative := bare()
	negative.Network.Node.Value = -1
	for _, test := range []struct {
		name  string
		inv   *layers.Inventory
		p     *Profile
		start Start
		want  string
	}{
		{"negative time", inv, bare(), Start{App: "a", Images: []int{0}, Requested: -1}, "simulate app a: a time is negative (requested -1ns, runtime 0s)"},
		{"no image", inv, bare(), Start{App: "a"}, "simulate app a: it names no image"},
		{"image outside", inv, bare(), Start{App: "a", Images: []int{3}}, "simulate app a: image 3 is not in the inventory (1 images)"},
		{"share above 1", inv, bare(), Start{App: "a", Images: []int{0}, ReadFraction: &two}, "simulate app a: readFraction 2 is not a share from 0 to 1"},
		{"no size", unknown, bare(), Start{App: "a", Images: []int{0}}, "simulate app a: layer blob a of image example.com/image:0 has no usable size: analyze the image again, or give unpackedBytes in the inventory"},
		{"policy", inv, bare(), Start{App: "a", Images: []int{0}, PullPolicy: "Sometimes"}, `simulate app a: pull policy "Sometimes" is none of Always, IfNotPresent, Never`},
		{"ready too late", inv, bare(), Start{App: "a", Images: []int{0}, Ready: &late}, "simulate app a: its time to ready is longer than 87600h0m0s (2562047h47m16.854775807s)"},
		{"negative rate", inv, negative, Start{App: "a", Images: []int{0}}, "network.nodeBytesPerSecond: cannot be negative (profile bare)"},
		{"node class", inv, bare(), Start{App: "a", Images: []int{0}, NodeClass: "big"}, `simulate app a: profile bare has no node class "big": add it under nodeClasses`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), test.inv, test.p, []Start{test.start}, Options{})
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// BenchmarkRun: many instances pull over one registry link.
func BenchmarkRun(b *testing.B) {
	inv, p, _ := burst()
	for _, n := range []int{100, 1000} {
		starts := make([]Start, n)
		for i := range starts {
			starts[i] = Start{App: "a", Requested: time.Duration(i) * 20 * time.Second / time.Duration(n), Images: []int{i % 3}}
		}
		b.Run(fmt.Sprintf("starts=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run(b, inv, p, Options{}, starts...)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "starts/sec")
		})
	}
}
