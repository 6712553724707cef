package calibrate

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// everyOther turns the layers of every other image of apart into zstd ones.
func everyOther(inv *layers.Inventory) *layers.Inventory {
	for i := range inv.Images {
		for _, l := range inv.Images[i].Layers {
			if i%2 == 1 {
				inv.Layers[l].MediaType = strings.Replace(inv.Layers[l].MediaType, "gzip", "zstd", 1)
			}
		}
	}
	return inv
}

// single are cold pulls of every image, by itself.
func (w *world) single(overlay string) {
	for i := range w.inv.Images {
		w.arm(fmt.Sprint("cold ", i, " ", overlay), overlay, nil, 3, start{i, 0})
	}
}

// TestBaseThatIsFastEnough: of disk and decoders the faster cannot be told. A base's
// that is no slower than what was seen stays, and only one that is makes way.
func TestBaseThatIsFastEnough(t *testing.T) {
	w := newWorld(t, 30)
	w.inv = everyOther(apart(4))
	w.timeline.Measurement.Inventory = w.inv
	k := truth
	k.gzip, k.zstd, k.disk = 1e9, 1e9, 180e6
	w.truth = k.profile()
	w.single("")
	for _, c := range []struct {
		name             string
		bound            bounding
		gzip, zstd, disk float64 // of the base
		// taken are multiples of 180 MB/s; 0: the base's stays.
		takesGzip, takesZstd, takesDisk float64
	}{
		{"fast decoders", bounding{disk: true}, 195e6, 615e6, 167e6, 0, 0, 0},
		{"slow gzip", bounding{disk: true}, 120e6, 615e6, 167e6, 1.2, 0, 0},
		{"slow decoders", bounding{disk: true}, 120e6, 110e6, 167e6, 1.2, 1.2, 0},
		{"fast disk", bounding{}, 195e6, 615e6, 2e9, 0, 0, 0},
		{"no disk that holds up", bounding{}, 195e6, 615e6, math.Inf(1), 0, 0, 0},
		{"slow disk", bounding{}, 195e6, 615e6, 100e6, 0, 0, 2},
	} {
		opt := brisk
		opt.Base = simulate.Containerd()
		u := &opt.Base.Unpack
		u.Gzip.Value, u.Zstd.Value, u.Disk.Value = network.Rate(c.gzip), network.Rate(c.zstd), network.Rate(c.disk)
		d := w.load(opt)
		e := d.stages(d.cells, &c.bound)
		for i, want := range map[int]float64{gzip: c.takesGzip, zstd: c.takesZstd, disk: c.takesDisk} {
			got := e.taken[i] / 180e6
			if math.IsNaN(got) != (want == 0) || want > 0 && math.Abs(got/want-1) > 0.1 {
				t.Errorf("%s: for %s it takes %.3g MB/s", c.name, d.all[i].name, e.taken[i]/1e6)
			}
		}
	}
	opt := brisk
	opt.Base = simulate.Containerd()
	opt.Base.Unpack.Disk.Value = network.Unlimited
	c, p := fitOf(t, w, opt)
	for _, name := range []string{"unpack.zstdBytesPerSecond", "unpack.diskBytesPerSecond"} {
		if x := parameterOf(t, c, name); x.Raised {
			t.Errorf("nothing contradicts the base: %+v", x)
		}
	}
	if p.Unpack.Zstd != opt.Base.Unpack.Zstd {
		t.Errorf("zstd %+v", p.Unpack.Zstd)
	}
}

// TestUnpacksAtOnce: where decoders are what is slow, the disk takes what as many of
// them write as unpack at once.
func TestUnpacksAtOnce(t *testing.T) {
	arm := func(cores float64, nodes ...string) []*cell {
		c := &cell{profile: simulate.Containerd()}
		c.profile.Unpack.Cores.Value = cores
		for _, n := range nodes {
			c.starts = append(c.starts, simulate.Start{Node: n})
		}
		return []*cell{c}
	}
	for _, c := range []struct {
		of   []*cell
		want float64
	}{
		{arm(8, "a"), 1}, {arm(8, "a", "a", "a"), 3}, {arm(2, "a", "a", "a"), 2}, {arm(8, "a", "b", "b"), 2}, {arm(0.5, "a", "a"), 1},
	} {
		near(t, "at once", unpacksAtOnce(c.of), c.want)
	}
}

// TestRoundTripThatIsNotThere: arms that set a delay take more of it than the base has
// requests, so that nothing is left for the round trip of the others: then it is not
// told, and the registry's time goes with the base's.
func TestRoundTripThatIsNotThere(t *testing.T) {
	w := newWorld(t, 31)
	w.truth.Network.RoundTrip.Value = 0
	w.truth.Network.ConnectRoundTrips.Value = 2 // and the base has one
	for i := 1; i <= 5; i++ {
		w.arm(fmt.Sprint("near ", i), "", nil, 3, start{i, 0})
		w.arm(fmt.Sprint("far ", i), "network: {roundTripSeconds: 0.02}", nil, 3, start{i, 0})
	}
	base := simulate.Containerd()
	c, p := fitOf(t, w, brisk)
	untoldBecause(t, c, "network.roundTripSeconds", "times it to resolve, of which a pull on the profile has 4, so that nothing is left")
	if p.Network.RoundTrip != base.Network.RoundTrip {
		t.Errorf("round trip %+v", p.Network.RoundTrip)
	}
	// Three answers and four round trips of 1 ms are as long as three answers of 3 ms.
	recovers(t, c, "network.requestSeconds", (3*truth.request.Seconds()-4*0.001)/3, 0.1)
}

// TestResolvingAddsUp: a term of resolving that is not told is left out of the others
// too, so that together they are as long as what was measured.
func TestResolvingAddsUp(t *testing.T) {
	w := newWorld(t, 32)
	w.truth.Network.RoundTrip.Value, w.truth.Pull.Start.Value = 4*time.Millisecond, 15*time.Millisecond
	for i := range w.inv.Images {
		if i%2 == 0 { // a request more, too little to tell the runtime's own time
			w.inv.Images[i].IndexDigest = layers.Digest(fmt.Sprintf("sha256:%064x", 2000+i))
		}
	}
	for i := 1; i <= 6; i++ {
		w.arm(fmt.Sprint("near ", i), "", nil, 3, start{i, 0})
		w.arm(fmt.Sprint("far ", i), "network: {roundTripSeconds: 0.03}", nil, 3, start{i, 0})
	}
	c, _ := fitOf(t, w, brisk)
	untoldBecause(t, c, "pull.startSeconds", "all pulls ask as many things")
	for i := range c.Phases {
		if s := c.Phases[i].Of(ByFit); c.Phases[i].What == string(simulate.Resolve) && s.Mean > 0.06 {
			t.Errorf("resolving is missed by %g, bias %g", s.Mean, s.Bias)
		}
	}
}

// TestNoTimeOfItsOwn: where resolving is all answers, a base that says so too stays, and
// one that does not makes way.
func TestNoTimeOfItsOwn(t *testing.T) {
	for base, gone := range map[time.Duration]bool{0: false, 5 * time.Millisecond: true} {
		w := newWorld(t, 37)
		w.sigma = 0
		w.single("")
		w.arm("itself", "", []int{1}, 3, start{1, 0})
		opt := brisk
		opt.Base = simulate.Containerd()
		opt.Base.Pull.Start.Value = base
		d := w.load(opt)
		e := d.stages(d.cells, nil)
		if !math.IsNaN(e.value[pullStart]) || e.why[pullStart] != "resolving is explained without it" || math.IsNaN(e.taken[pullStart]) == gone {
			t.Errorf("base %v: %g, taken %g, %q", base, e.value[pullStart], e.taken[pullStart], e.why[pullStart])
		}
		near(t, "an answer", e.value[request], truth.request.Seconds())
	}
}

// TestUntoldByHand: an interval that holds all that can be, or that lies at the end of
// it, measures nothing.
func TestUntoldByHand(t *testing.T) {
	all := fitted()
	for _, c := range []struct {
		of        int
		low, high float64
		why       string
	}{
		{goodput, 0.92, 0.96, ""},
		{goodput, 0.95, 1, ""},
		{goodput, 1, 1, "the runs put it at 1, the most that it can be, or beyond"},
		{goodput, 0.5, 1, "the runs allow anything from 0.5 to 1"},
		{layer, 1e-8, 1e-8, "the runs put it at 10ns, the least that it can be, or below"},
		{layer, 0.001, 0.0101, "the runs allow anything from 1ms to 10.1ms"},
		{layer, 0.001, 0.0099, ""},
		{fetchDisk, 0.9, 0.9, "the runs put it at 0.9, the most that it can be, or beyond"},
	} {
		if got := all[c.of].untold(interval{c.low, c.high}); got != c.why {
			t.Errorf("%s from %g to %g: %q, not %q", all[c.of].name, c.low, c.high, got, c.why)
		}
	}
}

// TestHeldAtItsLimit: links that carry more than the experiment says would have a share
// of payload above 1. It is held at 1, which is no measurement.
func TestHeldAtItsLimit(t *testing.T) {
	w := newWorld(t, 36)
	w.single("network: {registryBytesPerSecond: 12500000}")
	stated, err := document.Whole("arm", []byte("network: {registryBytesPerSecond: 10000000}"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.timeline.Measurement.Arms {
		w.timeline.Measurement.Arms[i].Profile = stated
	}
	c, p := fitOf(t, w, brisk)
	untoldBecause(t, c, "network.goodputFraction", "the most that it can be")
	if base := simulate.Containerd(); parameterOf(t, c, "network.goodputFraction").Raised || p.Network.Goodput != base.Network.Goodput {
		t.Errorf("goodput %+v", p.Network.Goodput)
	}
}

// TestOwnRegistry: an experiment's own registry takes the place of the base's, also
// where its link is not shaped and the timeline says nothing of it.
func TestOwnRegistry(t *testing.T) {
	limited := func() *simulate.Profile {
		p := truth.profile()
		n := &p.Network
		n.Registry.Value, n.Uplink.Value, n.RegistryRequests.Value = 25e6, 20e6, 1
		n.Links = map[string]simulate.LinkProfile{"zone": {Rate: simulate.Parameter[network.Rate]{Value: 10e6}}}
		n.Attach = []string{"zone"}
		return p
	}
	for name, arms := range map[string]func(*world){
		"some links set": func(w *world) {
			w.single("")
			w.single("network: {registryBytesPerSecond: 50000000}")
		},
		"a network of its own": func(w *world) {
			m := w.timeline.Measurement
			m.Facts = append(m.Facts, simulate.Fact{Name: "network", Value: "loopback"})
			w.single("")
			w.single("network: {connectRoundTrips: 1}")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 33)
			w.inv = apart(3)
			w.timeline.Measurement.Inventory = w.inv
			arms(w)
			opt := brisk
			opt.Base = limited()
			c, err := w.load(opt).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if s := scoreOf(t, c, "all", ByProfile); s.Mean > 0.05 {
				t.Errorf("the truth is off by %g: %+v", s.Mean, s)
			}
		})
	}
}

// TestSlowerBaseRegistry: pulls from a registry that is not the experiment's, and that
// are faster than the base's, show that it is not that slow.
func TestSlowerBaseRegistry(t *testing.T) {
	w := newWorld(t, 34)
	w.inv = apart(4)
	w.timeline.Measurement.Inventory = w.inv
	w.single("")
	opt := brisk
	opt.Base = simulate.Containerd()
	opt.Base.Network.Registry.Value, opt.Base.Network.Uplink.Value = 25e6, 1e9
	c, p := fitOf(t, w, opt)
	x := parameterOf(t, c, "network.registryBytesPerSecond")
	if !x.Raised || x.Value < 200e6 || !strings.Contains(x.CannotBeTold, "it carries at least") || float64(p.Network.Registry.Value) < 200e6 {
		t.Errorf("%+v, %+v", x, p.Network.Registry)
	}
	if x := parameterOf(t, c, "network.uplinkBytesPerSecond"); x.Raised || x.CannotBeTold == "" || p.Network.Uplink != opt.Base.Network.Uplink {
		t.Errorf("%+v, %+v", x, p.Network.Uplink)
	}
	if s := scoreOf(t, c, "all", ByFit); s.Mean > 0.05 {
		t.Errorf("missed by %g", s.Mean)
	}
}

// TestOwnTimeOfLayers: the runtime's own time for a layer is what is left beside its
// bytes, which take a while on a slow link with three of them at once.
func TestOwnTimeOfLayers(t *testing.T) {
	for name, c := range map[string]struct {
		node float64
		own  time.Duration
	}{
		"slow link, nothing of its own": {12.5e6, 0},
		"fast link, 25 ms of its own":   {600e6, 25 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 35)
			w.inv = manySmall(4)
			w.timeline.Measurement.Inventory = w.inv
			k := truth
			k.node = c.node
			w.truth = k.profile()
			w.truth.Pull.Blob.Value = c.own
			w.single("")
			got, _ := fitOf(t, w, brisk)
			if c.own > 0 {
				recovers(t, got, "pull.blobSeconds", c.own.Seconds(), 0.15)
				return
			}
			if x := parameterOf(t, got, "pull.blobSeconds"); x.CannotBeTold == "" && x.Value > 0.002 {
				t.Errorf("%+v", x)
			}
		})
	}
}

// manySmall are images of one large layer and nine of 5 to 285 kB.
func manySmall(n int) *layers.Inventory {
	inv := apart(n)
	for i := range inv.Images {
		img := &inv.Images[i]
		img.Layers = img.Layers[:1]
		for j := range int64(9) {
			unpacked, files := (5+35*j)*2000, j
			img.Layers = append(img.Layers, len(inv.Layers))
			inv.Layers = append(inv.Layers, layers.Layer{
				Digest: layers.Digest(fmt.Sprintf("sha256:%064x", 5000+len(inv.Layers))), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
				CompressedBytes: unpacked / 2, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured, Files: &files,
			})
		}
	}
	return inv
}
