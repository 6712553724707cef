package calibrate

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, not %v", what, got, want)
	}
}

// TestRegressByHand: fits that need no computer.
func TestRegressByHand(t *testing.T) {
	// 10 ms a layer, 1 ms a file, 100 MB/s, exactly.
	c := regress([]term{
		{[]float64{1, 0, 0}, 0.010}, {[]float64{1, 10, 0}, 0.020}, {[]float64{1, 0, 1e6}, 0.020},
		{[]float64{1, 20, 2e6}, 0.050}, {[]float64{1, 5, 10e6}, 0.115},
	})
	near(t, "a layer", c[0], 0.010)
	near(t, "a file", c[1], 0.001)
	near(t, "a MB", c[2]*1e6, 0.010)

	// 1 and 4 million seconds of one thing: 2 million, as far from one as from the other
	// in logarithms. Of the same in milliseconds, 4 counts nearly four times as much.
	near(t, "one thing", regress([]term{{[]float64{1}, 1e6}, {[]float64{1}, 4e6}})[0], 2e6)
	if c := regress([]term{{[]float64{1}, 1e-3}, {[]float64{1}, 4e-3}}); c[0] < 2.5e-3 || c[0] > 4e-3 {
		t.Errorf("one thing is %v", c)
	}

	// Longer with fewer files: a file takes no time, not less than none.
	if c := regress([]term{{[]float64{1, 1}, 3}, {[]float64{1, 2}, 2}, {[]float64{1, 3}, 1}}); c[1] != 0 || c[0] < 1 || c[0] > 3 {
		t.Errorf("coefficients %v", c)
	}

	// Nine tell 2 s a unit, the tenth is ten times as long.
	rows := []term{{[]float64{10}, 200}}
	for i := range 9 {
		n := float64(i + 1)
		rows = append(rows, term{[]float64{n}, 2 * n * (1 + 0.01*float64(i%3-1))})
	}
	if c := regress(rows); math.Abs(c[0]-2) > 0.02 {
		t.Errorf("an outlier moves 2 to %g", c[0])
	}
	if regress(nil) != nil {
		t.Error("nothing gives something")
	}
}

// TestScoreByHand: predicted over measured less 1 of 1.1, 0.8, 1.3 and 1.
func TestScoreByHand(t *testing.T) {
	s, ok := score("x", []miss{{0.1, "a"}, {-0.2, "b"}, {0.3, "c"}, {0, "d"}, {math.NaN(), "e"}})
	if !ok || s.Count != 4 || s.WorstArm != "c" {
		t.Fatalf("%+v", s)
	}
	near(t, "mean", s.Mean, 0.15)
	near(t, "bias", s.Bias, 0.05)
	near(t, "median", s.Median, 0.15)
	near(t, "worst", s.Worst, 0.3)
	near(t, "p90", s.P90, 0.27) // 0.7 of the way from the third, 0.2, to the fourth
	if _, ok := score("x", nil); ok {
		t.Error("nothing has a score")
	}
}

// TestNoiseByHand: of 10, 12 and 20 s each against the median of the other two.
func TestNoiseByHand(t *testing.T) {
	c := &cell{arm: "a"}
	for _, v := range []float64{10, 12, 20} {
		c.runs = append(c.runs, run{outcome: outcome{total: v}})
	}
	got := c.noise(total)
	near(t, "10 against 16", got[0].error, 10.0/16-1)
	near(t, "12 against 15", got[1].error, 12.0/15-1)
	near(t, "20 against 11", got[2].error, 20.0/11-1)
	if c.runs = c.runs[:2]; c.noise(total) != nil {
		t.Error("two runs tell no noise")
	}
}

// TestMakespanByHand: of starts together it is the time until the last is ready,
// from the first request.
func TestMakespanByHand(t *testing.T) {
	fetch := 2 * time.Second
	o := outcomeOf([]*simulate.Startup{
		{Requested: 61 * time.Second, Ready: 5 * time.Second, Phases: simulate.Phases{Fetch: &fetch}}, {Requested: 60 * time.Second, Ready: 3 * time.Second},
	})
	near(t, "makespan", o.total, 6)
	if at := phase(simulate.Fetch); !math.IsNaN(o.phases[at]) {
		t.Errorf("a start among others has a fetch of %g", o.phases[at])
	}
	o = outcomeOf([]*simulate.Startup{{Ready: 5 * time.Second, Phases: simulate.Phases{Fetch: &fetch}}})
	near(t, "fetch", o.phases[phase(simulate.Fetch)], 2)
}

// TestNaiveByHand: 40 MB, of which 10 are present, at 10 MB/s of 80 % payload; 100
// ms for each layer, 10 MB/s of unpacking.
func TestNaiveByHand(t *testing.T) {
	w := newWorld(t, 1)
	four := int64(40e6)
	none := int64(0)
	base, app := &w.inv.Layers[0], &w.inv.Layers[1]
	base.CompressedBytes, base.UnpackedBytes, base.Files = 10e6, &four, &none
	app.CompressedBytes, app.UnpackedBytes, app.Files = 30e6, &four, &none
	w.inv.Images[1].Layers = []int{0, 1}
	w.arm("part", "network: {registryBytesPerSecond: 10000000}", []int{0}, 1, start{1, 0})
	w.arm("two", "network: {registryBytesPerSecond: 10000000}", nil, 1, start{1, 0}, start{1, 1})
	w.arm("half a core", "network: {registryBytesPerSecond: 10000000}\nunpack: {cores: 0.5}", []int{0}, 1, start{1, 0})
	d := w.load(brisk)
	v := unset()
	v[goodput], v[layer], v[file], v[gzip], v[disk], v[create] = 0.8, 0.1, 1e-9, 10e6, 1e9, 0.5
	for _, want := range []struct {
		arm            string
		byBytes, bySum float64
	}{
		{"part", 30.0/8 + 0.5, 30.0/8 + 0.1 + 4 + 0.5},
		{"half a core", 30.0/8 + 0.5, 30.0/8 + 2*(0.1+4) + 0.5}, // as the simulation slows a single unpack
		{"two", 80.0/8 + 0.5, 80.0/8 + 2*(0.1+4) + 0.5},         // both nodes' bytes share the link, unpacks go on at once
	} {
		for _, c := range d.cells {
			if c.arm == want.arm {
				byBytes, bySum := d.naive(c, &v, nil)
				near(t, want.arm+" by bytes", byBytes, want.byBytes)
				near(t, want.arm+" by sum", bySum, want.bySum)
			}
		}
	}
}

// TestRefuses: what there is nothing to calibrate with says so.
func TestRefuses(t *testing.T) {
	measured := simulate.Startup{Source: simulate.Measured, Arm: "a", App: "a", Images: []string{"example.com/a:1"}, Ready: time.Second}
	simulated, void := measured, measured
	simulated.Source, void.Void = simulate.Simulated, "layers were there"
	containerd := func() *simulate.Measurement { return &simulate.Measurement{Tool: "containerd"} }
	known := containerd()
	known.Inventory = newWorld(t, 1).inv
	pull := simulate.Startup{Source: simulate.Measured, Arm: simulate.ArmPull, App: "a", Images: []string{"example.com/a:1"}, Ready: 5 * time.Second, Unsized: true}
	pull.Phases.Pull = new(5 * time.Second)
	unpacked := pull
	unpacked.UnpackedBytes = 1000
	kubelet := &simulate.Measurement{Tool: simulate.ToolKubelet}
	for _, c := range []struct {
		name string
		of   simulate.Timeline
		is   error
		says string
	}{
		{"simulated", simulate.Timeline{Startups: []simulate.Startup{simulated}}, ErrSimulated, "t.json: calibration needs measured startups, and these are simulated"},
		{"no measurement", simulate.Timeline{Startups: []simulate.Startup{measured}}, ErrNothing, "it does not say how (measurement)"},
		{"no inventory", simulate.Timeline{Startups: []simulate.Startup{measured}, Measurement: containerd()}, ErrNothing, "holds no inventory of the images that it started"},
		{"unknown image", simulate.Timeline{Startups: []simulate.Startup{measured}, Measurement: known}, ErrNothing, "arm a: nothing to calibrate with: image example.com/a:1 was started or kept, but the inventory lacks it"},
		{"all void", simulate.Timeline{Startups: []simulate.Startup{void}, Measurement: known}, ErrVoid, "no run counts: all 1 are void"},
		{"no size", simulate.Timeline{Startups: []simulate.Startup{pull, unpacked, pull}, Measurement: kubelet}, ErrNothing, "of none of the 3 pulls is it known how much it fetched, and in what time of its own; of 2 the size is missing, or "},
		{"way to a size", simulate.Timeline{Startups: []simulate.Startup{pull}, Measurement: kubelet}, ErrNothing, "so give workload import the output of kubectl get nodes -o json besides the events"},
		{"unpacked", simulate.Timeline{Startups: []simulate.Startup{unpacked}, Measurement: kubelet}, ErrNothing, "of 1 the unpacked size alone is told, as docker and CRI-O do, and not what was fetched: measure with cachebench measure"},
		{"empty", simulate.Timeline{}, ErrNothing, "no measured startup in them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load([]File{{"t.json", &c.of}}, brisk)
			if !errors.Is(err, c.is) || !contains(err, c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}
