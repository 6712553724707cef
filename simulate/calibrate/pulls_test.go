package calibrate

import (
	"math"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func loadPulls(t *testing.T, timeline *simulate.Timeline, opt Options) *Data {
	t.Helper()
	d, err := Load([]File{{"pulls.json", timeline}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPulls: pulls of which only time and size are known, at a known rate and with
// a known fixed time, give a profile on which an image of any size takes that long.
func TestPulls(t *testing.T) {
	const rate, fixed = 60e6, 0.8
	d := loadPulls(t, pullTimeline(3, 60, rate, fixed), brisk)
	c, p, err := d.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Basis != "pulls" || c.Runs != 180 || c.Arms != 60 || c.Folds != 2 {
		t.Errorf("%s, %d pulls of %d images, %d folds", c.Basis, c.Runs, c.Arms, c.Folds)
	}
	times, err := d.pullTimes(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range times {
		want := fixed + float64(d.pulled.Layers[d.pulled.Images[i].Layers[0]].CompressedBytes)/rate
		if math.Abs(got/want-1) > 0.08 {
			t.Errorf("%s takes %.2f s on the fitted profile, and is pulled in %.2f s", d.pulled.Images[i].Reference, got, want)
		}
	}
	// The noise is 15 %: its median is two thirds of that.
	held, base := c.Totals[0].Of(ByHeldOut), c.Totals[0].Of(ByBase)
	if held.Median < 0.07 || held.Median > 0.13 || base.Median < 2*held.Median {
		t.Errorf("held out %+v, base %+v", held, base)
	}
	if x := parameterOf(t, c, "network.requestSeconds"); x.Low == nil || 4*x.Value < 0.7*fixed || 4*x.Value > 1.1*fixed {
		t.Errorf("four answers are the fixed time: %+v", x)
	}
	if x := parameterOf(t, c, "unpack.gzipBytesPerSecond"); !x.Together || x.Value/(*x.Base) < 0.99*c.Factor.Value || x.Value/(*x.Base) > 1.01*c.Factor.Value {
		t.Errorf("all rates have one factor, %+v: %+v", c.Factor, x)
	}
	untoldBecause(t, c, "network.goodputFraction", "events tell only how long a whole pull took")
	if !strings.Contains(p.Network.Node.Source, "all rates of a pull by one factor") || p.Start.Create != simulate.Containerd().Start.Create {
		t.Errorf("%s; create %v", p.Network.Node.Source, p.Start.Create)
	}
}

// TestPullsOfFewImages: two images do not tell a fixed time, one nothing of others.
func TestPullsOfFewImages(t *testing.T) {
	c, _, err := loadPulls(t, pullTimeline(4, 2, 50e6, 0.5), brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	untoldBecause(t, c, "network.requestSeconds", "fixed time")
	c, _, err = loadPulls(t, pullTimeline(4, 1, 50e6, 0.5), brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Totals[0].Of(ByHeldOut) != nil || c.Totals[0].Of(ByFit) == nil || c.Folds != 0 {
		t.Errorf("%+v", c.Totals)
	}
}

// TestPullsWithLayers: with an inventory pulls are those of layers, and a factor
// that is known comes out.
func TestPullsWithLayers(t *testing.T) {
	w := newWorld(t, 1)
	truth := pullFit{factor: 0.5, request: 0.05, told: true}
	d := &Data{opt: Options{Base: simulate.Containerd()}.withDefaults(), all: fitted(), pulled: w.inv}
	times, err := d.pullTimes(truth.on(d, "assumed: test"))
	if err != nil {
		t.Fatal(err)
	}
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "kubelet"}}
	for i := range w.inv.Images {
		took := seconds(times[i])
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: "events", App: "a", Images: []string{w.inv.Images[i].Reference},
			FetchedBytes: w.inv.Union(i).CompressedBytes, Phases: simulate.Phases{Pull: &took}, Ready: took,
		})
	}
	opt := brisk
	opt.Inventory = w.inv
	c, _, err := loadPulls(t, timeline, opt).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Basis != "images" || math.Abs(c.Factor.Value/0.5-1) > 0.1 {
		t.Errorf("%s, factor %+v", c.Basis, c.Factor)
	}
	if s := c.Totals[0].Of(ByFit); s.Worst > 0.1 {
		t.Errorf("%+v", s)
	}
}

// TestPullsByBytesOnly: one layer of a size is unpacked as an inventory without
// unpacked sizes is.
func TestPullsByBytesOnly(t *testing.T) {
	d := loadPulls(t, pullTimeline(5, 3, 50e6, 0.5), brisk)
	for _, l := range d.pulled.Layers {
		if l.UnpackedSource != layers.Estimated || math.Abs(float64(*l.UnpackedBytes)/float64(l.CompressedBytes)/layers.GzipRatio-1) > 0.01 {
			t.Errorf("%+v", l)
		}
	}
	c, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Totals[0].Of(ByProfile) == nil || c.Parameters != nil || c.Factor != nil {
		t.Errorf("a check fits nothing: %+v", c)
	}
}
