package calibrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// brisk is enough for a test.
var brisk = Options{Seed: 1, Folds: 2, Repeats: 3, Samples: 40}

// parameterOf is what a calibration says of a parameter.
func parameterOf(t *testing.T, c *Calibration, name string) Parameter {
	t.Helper()
	i := slices.IndexFunc(c.Parameters, func(x Parameter) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("nothing is said of %s", name)
	}
	return c.Parameters[i]
}

// recovers fails unless a parameter was told, close to the truth and with it in its
// interval, widened by so much: nine in ten intervals hold it.
func recovers(t *testing.T, c *Calibration, name string, truth, within float64) {
	t.Helper()
	x := parameterOf(t, c, name)
	switch {
	case x.CannotBeTold != "":
		t.Errorf("%s is %g and cannot be told: %s", name, truth, x.CannotBeTold)
	case math.Abs(x.Value/truth-1) > within:
		t.Errorf("%s: %g, and the truth is %g", name, x.Value, truth)
	case truth < *x.Low*(1-within/2) || truth > *x.High*(1+within/2):
		t.Errorf("%s: the interval %g to %g is far from the truth %g", name, *x.Low, *x.High, truth)
	}
}

func untoldBecause(t *testing.T, c *Calibration, name, why string) {
	t.Helper()
	x := parameterOf(t, c, name)
	if !strings.Contains(x.CannotBeTold, why) || x.Low != nil {
		t.Errorf("%s should not be told because %q: it is %+v", name, why, x)
	}
	if x.Measure == "" {
		t.Errorf("%s cannot be told, and nothing says what to measure", name)
	}
}

// small is a grid of cold and partial pulls on two links and none, and some at once.
func (w *world) small(repeats int) {
	for _, link := range []string{"", "12500000", "50000000"} {
		overlay, name := "", "open"
		if link != "" {
			overlay, name = "network: {registryBytesPerSecond: "+link+"}", link
		}
		for i := 1; i < len(w.inv.Images); i++ {
			w.arm("cold "+w.inv.Images[i].Reference+name, overlay, nil, repeats, start{i, 0})
			if i%2 == 0 {
				w.arm("base "+w.inv.Images[i].Reference+name, overlay, []int{0}, repeats, start{i, 0})
			}
		}
		w.arm("together "+name, overlay, nil, repeats, start{1, 0}, start{2, 0}, start{3, 0})
		w.arm("nodes "+name, overlay, nil, repeats, start{2, 0}, start{2, 1}, start{2, 2})
	}
	w.arm("itself", "", []int{2}, repeats, start{2, 0})
}

func fitOf(t *testing.T, w *world, opt Options) (*Calibration, *simulate.Profile) {
	t.Helper()
	c, p, err := w.load(opt).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, p
}

func scoreOf(t *testing.T, c *Calibration, what, by string) *Score {
	t.Helper()
	for i := range c.Totals {
		if s := c.Totals[i].Of(by); c.Totals[i].What == what && s != nil {
			return s
		}
	}
	t.Fatalf("there is no score of %s by %s", what, by)
	return nil
}

// TestRecovers: from runs on a known host with noise, and a base that is wrong in
// everything, the host comes out, and runs left out are met about as well as they
// meet each other.
func TestRecovers(t *testing.T) {
	race.Skip(t)
	w := newWorld(t, 1)
	w.small(5)
	c, p := fitOf(t, w, brisk)
	recovers(t, c, "network.goodputFraction", truth.goodput, 0.03)
	recovers(t, c, "network.nodeBytesPerSecond", truth.node, 0.1)
	recovers(t, c, "network.requestSeconds", truth.request.Seconds(), 0.05)
	recovers(t, c, "unpack.layerSeconds", truth.layer.Seconds(), 0.1)
	recovers(t, c, "unpack.fileSeconds", truth.file.Seconds(), 0.05)
	recovers(t, c, "unpack.gzipBytesPerSecond", truth.gzip, 0.1)
	recovers(t, c, "unpack.zstdBytesPerSecond", truth.zstd, 0.15)
	recovers(t, c, "start.createSeconds", truth.create.Seconds(), 0.05)
	held, noise := scoreOf(t, c, "all", ByHeldOut), scoreOf(t, c, "all", Noise)
	if held.Mean > noise.Mean+0.01 {
		t.Errorf("runs left out are missed by %g, and they scatter by %g", held.Mean, noise.Mean)
	}
	for _, by := range []string{ByBase, ByBytes, BySum} {
		if naive := scoreOf(t, c, "all", by); naive.Mean < held.Mean {
			t.Errorf("%s misses by %g, the fit by %g", by, naive.Mean, held.Mean)
		}
	}
	if !strings.HasPrefix(p.Unpack.File.Source, "measured: fitted to ") || !strings.Contains(p.Unpack.File.Source, "containerd 2.4.2 on 2 cores, 2026-11-29, 90 % interval") {
		t.Errorf("source: %s", p.Unpack.File.Source)
	}
	if base := simulate.Containerd(); p.Base != "containerd" || p.Unpack.Cores != base.Unpack.Cores || p.Start.Provision != base.Start.Provision {
		t.Errorf("what cannot be told is not the base's: %+v, %+v", p.Unpack.Cores, p.Start.Provision)
	}
	// What is written can be read, and is the same.
	data, err := document.Marshal(simulate.ProfileKind, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulate.ReadProfile("p.json", data); err != nil {
		t.Error(err)
	}
	if data, err = document.Marshal(Kind, c); err != nil {
		t.Fatal(err)
	}
	if _, err := Read("c.json", data); err != nil {
		t.Error(err)
	}
}

// TestFromColdOnly: fitted to cold pulls of one image at a time, it meets partial
// hits and starts at once.
func TestFromColdOnly(t *testing.T) {
	w := newWorld(t, 2)
	w.small(3)
	opt := brisk
	opt.FitOn = func(a Arm) bool { return a.Cold && (a.Class == ClassShaped || a.Class == ClassUnshaped) }
	c, _ := fitOf(t, w, opt)
	held := scoreOf(t, c, "all", ByHeldOut)
	if held.Mean > 0.05 || held.Count+c.FittedArms != c.Arms {
		t.Errorf("%+v, %d of %d arms fitted", held, c.FittedArms, c.Arms)
	}
}

// TestOutliers: one run in ten that takes three times as long moves little.
func TestOutliers(t *testing.T) {
	race.Skip(t)
	w := newWorld(t, 3)
	w.outliers = 0.1
	w.small(5)
	c, _ := fitOf(t, w, brisk)
	recovers(t, c, "network.goodputFraction", truth.goodput, 0.05)
	recovers(t, c, "unpack.fileSeconds", truth.file.Seconds(), 0.1)
	recovers(t, c, "unpack.gzipBytesPerSecond", truth.gzip, 0.15)
	recovers(t, c, "start.createSeconds", truth.create.Seconds(), 0.1)
	if held := scoreOf(t, c, "all", ByHeldOut); held.Mean > 0.06 {
		t.Errorf("runs left out are missed by %g", held.Mean)
	}
}

// TestCannotBeTold: what the runs do not show keeps the base's value, with the
// reason.
func TestCannotBeTold(t *testing.T) {
	base := simulate.Containerd()
	t.Run("no zstd, one link", func(t *testing.T) {
		w := newWorld(t, 4)
		w.inv = w.images(3, false)
		w.timeline.Measurement.Inventory = w.inv
		for i := 1; i <= 3; i++ {
			w.arm("cold "+w.inv.Images[i].Reference, "network: {registryBytesPerSecond: 12500000}", nil, 3, start{i, 0})
		}
		c, p := fitOf(t, w, brisk)
		untoldBecause(t, c, "unpack.zstdBytesPerSecond", "no zstd layer")
		untoldBecause(t, c, "network.nodeBytesPerSecond", "the link was set in all arms")
		untoldBecause(t, c, "network.roundTripSeconds", "no arm sets a delay")
		recovers(t, c, "network.goodputFraction", truth.goodput, 0.06)
		// Of another codec than the one that was unpacked the same cores are known.
		gzip := parameterOf(t, c, "unpack.gzipBytesPerSecond").Value
		if want := float64(base.Unpack.Zstd.Value) * gzip / float64(base.Unpack.Gzip.Value); math.Abs(float64(p.Unpack.Zstd.Value)/want-1) > 0.05 {
			t.Errorf("zstd %v, gzip %v", p.Unpack.Zstd, gzip)
		}
		if p.Network.Node != base.Network.Node || p.Network.RoundTrip != base.Network.RoundTrip {
			t.Errorf("zstd %v, node %v, round trip %v", p.Unpack.Zstd, p.Network.Node, p.Network.RoundTrip)
		}
		if len(c.Doubts) == 0 || c.Folds != 0 {
			t.Errorf("three arms are too few to leave some out: %v", c.Doubts)
		}
	})
	t.Run("no gzip, a base whose zstd has no limit", func(t *testing.T) {
		w := newWorld(t, 4)
		for i := range w.inv.Layers {
			w.inv.Layers[i].MediaType = strings.Replace(w.inv.Layers[i].MediaType, "gzip", "zstd", 1)
		}
		for i := 1; i <= 3; i++ {
			w.arm("cold "+w.inv.Images[i].Reference, "", nil, 3, start{i, 0})
		}
		opt := brisk
		opt.Base = simulate.Containerd()
		opt.Base.Unpack.Zstd.Value = network.Unlimited
		_, p := fitOf(t, w, opt)
		if p.Unpack.Gzip.Value != base.Unpack.Gzip.Value {
			t.Errorf("gzip %v, of which nothing is known", p.Unpack.Gzip)
		}
	})
	t.Run("everything present", func(t *testing.T) {
		w := newWorld(t, 5)
		for i := range w.inv.Images {
			w.arm("itself "+w.inv.Images[i].Reference, "", []int{i}, 3, start{i, 0})
		}
		c, p := fitOf(t, w, brisk)
		untoldBecause(t, c, "unpack.gzipBytesPerSecond", "no span tells how long a layer took")
		untoldBecause(t, c, "network.goodputFraction", "no arm's link was set")
		untoldBecause(t, c, "network.nodeBytesPerSecond", "none shows the node's own")
		recovers(t, c, "start.createSeconds", truth.create.Seconds(), 0.1)
		if p.Unpack.Gzip != base.Unpack.Gzip || p.Network.Goodput != base.Network.Goodput {
			t.Errorf("gzip %v, goodput %v", p.Unpack.Gzip, p.Network.Goodput)
		}
	})
	t.Run("no creation", func(t *testing.T) {
		w := newWorld(t, 6)
		w.bare = true
		w.arm("cold", "", nil, 3, start{1, 0})
		w.arm("other", "", nil, 3, start{2, 0})
		c, p := fitOf(t, w, brisk)
		untoldBecause(t, c, "start.createSeconds", "no run has this phase")
		if p.Start.Create != base.Start.Create {
			t.Errorf("create %v", p.Start.Create)
		}
		// And yet the runs are met, for nothing of it is in them.
		if s := scoreOf(t, c, "all", ByFit); s.Mean > 0.05 {
			t.Errorf("missed by %g", s.Mean)
		}
	})
}

// TestDelays: where some arms set a delay, the registry's time and the round trip
// of the others are told apart.
func TestDelays(t *testing.T) {
	w := newWorld(t, 7)
	w.truth.Network.RoundTrip.Value = 4 * time.Millisecond
	for i := 1; i <= 4; i++ {
		w.arm("near "+w.inv.Images[i].Reference, "", nil, 3, start{i, 0})
		w.arm("far "+w.inv.Images[i].Reference, "network: {roundTripSeconds: 0.03}", nil, 3, start{i, 0})
	}
	c, _ := fitOf(t, w, brisk)
	recovers(t, c, "network.requestSeconds", truth.request.Seconds(), 0.15)
	recovers(t, c, "network.roundTripSeconds", 0.004, 0.15)
}

// TestDiskOrDecoder: starts at once show whether it is the disk that is short, which
// layers by themselves cannot; nor do two codecs of one speed.
func TestDiskOrDecoder(t *testing.T) {
	race.Skip(t)
	for _, c := range []struct {
		name, short string
		zstd        bool
		decoders    float64
		disk        float64
	}{
		{"disk", "disk", false, 1e9, 180e6}, {"decoder", "decoder", false, 180e6, 4e9},
		{"disk, two codecs", "disk", true, 1e9, 180e6}, {"decoders alike", "decoder", true, 180e6, 4e9},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 8)
			if w.inv = apart(4); c.zstd {
				everyOther(w.inv)
			}
			w.timeline.Measurement.Inventory = w.inv
			k := truth
			k.node, k.gzip, k.zstd, k.disk = 1e9, c.decoders, c.decoders, c.disk
			w.truth = k.profile()
			for _, link := range []string{"100000000", "200000000"} {
				overlay := "network: {registryBytesPerSecond: " + link + "}"
				for i := range 4 {
					w.arm(fmt.Sprint("cold ", i, " ", link), overlay, nil, 3, start{i, 0})
				}
				w.arm("two "+link, overlay, nil, 3, start{0, 0}, start{1, 0})
				w.arm("others "+link, overlay, nil, 3, start{2, 0}, start{3, 0})
				w.arm("all "+link, overlay, nil, 3, start{0, 0}, start{1, 0}, start{2, 0}, start{3, 0})
			}
			got, _ := fitOf(t, w, brisk)
			if !slices.ContainsFunc(got.Choices, func(s string) bool { return strings.HasPrefix(s, "The "+c.short+" bounds unpacking") }) {
				t.Errorf("decided: %q", got.Choices)
			}
			told, other := "unpack.diskBytesPerSecond", "unpack.gzipBytesPerSecond"
			if c.short == "decoder" {
				told, other = other, told
			}
			recovers(t, got, told, 180e6, 0.15)
			if x := parameterOf(t, got, other); x.CannotBeTold == "" {
				t.Errorf("%s is told: %+v", other, x)
			}
		})
	}
}

// apart are images of few files that share no layer.
func apart(n int) *layers.Inventory {
	inv := &layers.Inventory{}
	for i := range n {
		img := layers.Image{Reference: fmt.Sprintf("example.com/big%d:1", i), Digest: layers.Digest(fmt.Sprintf("sha256:%064x", 1000+i)), Platform: "linux/amd64"}
		for j, mb := range []int64{60, 100 + 30*int64(i), 5, 80} {
			unpacked, files := mb*1e6, 40*int64(j)
			img.Layers = append(img.Layers, len(inv.Layers))
			inv.Layers = append(inv.Layers, layers.Layer{
				Digest: layers.Digest(fmt.Sprintf("sha256:%064x", len(inv.Layers))), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
				CompressedBytes: unpacked / 3, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured, Files: &files,
			})
		}
		inv.Images = append(inv.Images, img)
	}
	return inv
}

// TestDecoders: what the experiment says of its decoder holds for the profile.
func TestDecoders(t *testing.T) {
	w := newWorld(t, 9)
	for i := 1; i <= 4; i++ {
		w.arm("cold "+w.inv.Images[i].Reference, "unpack: {decoder: igzip}", nil, 3, start{i, 0})
	}
	c, p := fitOf(t, w, brisk)
	recovers(t, c, "unpack.gzipBytesPerSecond", truth.gzip, 0.15)
	if p.Unpack.Decoder.Value != "igzip" || math.Abs(float64(p.Unpack.Gzip.Value)/truth.gzip-1) > 0.15 {
		t.Errorf("decoder %v with %v", p.Unpack.Decoder, p.Unpack.Gzip)
	}
}

// TestSameResult: the same runs give the same result on any number of processors.
// TestOrderOfFiles: and in any order of the files.
func TestSameResult(t *testing.T) {
	w := newWorld(t, 10)
	for i := 1; i <= 5; i++ {
		w.arm("cold "+w.inv.Images[i].Reference, "", nil, 2, start{i, 0})
	}
	w.arm("together", "", nil, 2, start{1, 0}, start{2, 0})
	text := func(workers int) string {
		opt := brisk
		opt.Workers = workers
		c, p := fitOf(t, w, opt)
		a, err := document.Marshal(Kind, c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := document.Marshal(simulate.ProfileKind, p)
		if err != nil {
			t.Fatal(err)
		}
		return string(a) + string(b)
	}
	if text(1) != text(4) {
		t.Error("the result depends on the workers")
	}
}

// TestFitIsNoWorse: of the runs that it was fitted to a profile is never further off
// than its base, whatever the host.
func TestFitIsNoWorse(t *testing.T) {
	race.Skip(t)
	for seed := range uint64(3) {
		w := newWorld(t, 20+seed)
		k := truth
		f := func(x float64) float64 { return x * math.Exp(w.random.NormFloat64()) }
		k.gzip, k.zstd, k.disk, k.node = f(k.gzip), f(k.zstd), f(k.disk), f(k.node)
		k.layer, k.file = time.Duration(f(float64(k.layer))), time.Duration(f(float64(k.file)))
		k.goodput = 0.8 + 0.2*w.random.Float64()
		w.truth, w.sigma = k.profile(), 0.15
		for i := 1; i <= 4; i++ {
			w.arm("cold "+w.inv.Images[i].Reference, "", nil, 2, start{i, 0})
			w.arm("slow "+w.inv.Images[i].Reference, "network: {registryBytesPerSecond: 12500000}", nil, 2, start{i, 0})
		}
		c, _ := fitOf(t, w, brisk)
		if base, fit := scoreOf(t, c, "all", ByBase), scoreOf(t, c, "all", ByFit); fit.Mean > base.Mean {
			t.Errorf("seed %d: the base misses by %g, the fit by %g", seed, base.Mean, fit.Mean)
		}
	}
}

// TestTransfersTakeCores: what transfers take from unpacking is taken in where arms
// that were left out are met better so, and only there.
func TestTransfersTakeCores(t *testing.T) {
	race.Skip(t)
	for name, takes := range map[string]float64{"some": 120e6, "none": math.Inf(1)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 11)
			w.inv = apart(6)
			w.timeline.Measurement.Inventory = w.inv
			k := truth
			k.node = 110e6
			w.truth = k.profile()
			w.truth.Unpack.Fetch.Value = network.Rate(takes)
			// Unpacking is what takes longest, and goes on while layers arrive.
			overlay := "unpack: {cores: 1}\npull: {maxConcurrentDownloads: 1, requestOrder: manifest}"
			for i := range 6 {
				w.arm(fmt.Sprint("cold ", i), overlay, nil, 3, start{i, 0})
				w.arm(fmt.Sprint("wide ", i), overlay+"\nnetwork: {registryBytesPerSecond: 1000000000}", nil, 3, start{i, 0})
			}
			c, _ := fitOf(t, w, brisk)
			x := parameterOf(t, c, "unpack.fetchBytesPerSecond")
			if told := x.CannotBeTold == ""; told == math.IsInf(takes, 1) || told && math.Abs(math.Log(x.Value/takes)) > math.Ln2 {
				t.Errorf("fetchBytesPerSecond %+v, %v", x, c.Choices)
			}
			if held := scoreOf(t, c, "all", ByHeldOut); held.Mean > 0.06 {
				t.Errorf("runs left out are missed by %g", held.Mean)
			}
		})
	}
}
