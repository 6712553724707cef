package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestNotesHoldNoFigures: what is written by hand must be true of any host.
func TestNotesHoldNoFigures(t *testing.T) {
	for _, w := range weaknesses() {
		if text := w.name + w.why; strings.ContainsAny(text, "0123456789%") || w.here == nil {
			t.Errorf("%s: %s", w.name, w.why)
		}
	}
	if strings.ContainsAny(tried, "0123456789%") {
		t.Error(tried)
	}
}

func TestKindOfError(t *testing.T) {
	noise := &calibrate.Score{Mean: 0.02}
	for _, test := range []struct {
		mean, bias  float64
		noise       *calibrate.Score
		long, short int
		want        string
	}{
		{0.015, -0.015, noise, 0, 9, "noise"},
		{0.109, -0.109, noise, 0, 4, "systematic: too short"},
		{0.109, 0.109, noise, 8, 2, "systematic: too long"},
		{0.109, -0.06, noise, 3, 7, "scatter"}, // seven of ten
		{0.109, -0.01, noise, 1, 9, "scatter"}, // the bias is within the noise
		{0.109, -0.109, nil, 0, 4, "not told from noise: too few runs"},
	} {
		if got := kindOfError(&calibrate.Score{Mean: test.mean, Bias: test.bias}, test.noise, test.long, test.short); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestFurthest(t *testing.T) {
	got := furthest([]calibrate.Cell{{Arm: "a", Error: 0.1}, {Arm: "b", Error: -0.3}, {Arm: "c", Error: 0.2}}, 2)
	if len(got) != 2 || got[0].Arm != "b" || got[1].Arm != "c" {
		t.Errorf("%+v", got)
	}
}

// handTimeline has runs whose evidence can be worked out by hand: of one image with a
// base of 100 MB, in 40 MB of gzip, and a layer of 50 MB, in 40 of gzip; 1,000 entries
// each.
func handTimeline(t *testing.T) *simulate.Timeline {
	mb, files := func(n int64) *int64 { n *= 1e6; return &n }, int64(1000)
	layer := func(name string, compressed, unpacked int64) layers.Layer {
		return layers.Layer{Digest: layers.Digest(name), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: compressed * 1e6, UnpackedBytes: mb(unpacked), Files: &files}
	}
	tl := &simulate.Timeline{Measurement: &simulate.Measurement{
		Facts: []simulate.Fact{{Name: "cores", Value: "2"}},
		Inventory: &layers.Inventory{
			Layers: []layers.Layer{layer("base", 40, 100), layer("top", 40, 50)},
			Images: []layers.Image{{Reference: host + "/app:1", Layers: []int{0, 1}}, {Reference: host + "/base:1", Layers: []int{0}}},
		},
	}}
	arm := func(name, profile string) {
		setup := simulate.ArmSetup{Arm: name}
		if profile != "" {
			var err error
			if setup.Profile, err = document.Whole("arm", []byte(profile)); err != nil {
				t.Fatal(err)
			}
		}
		tl.Measurement.Arms = append(tl.Measurement.Arms, setup)
	}
	const shaped = `{"network": {"registryBytesPerSecond": 1e7}}`
	arm("app link=80Mbit/s", shaped)
	arm("app link=80Mbit/s+20ms", shaped)
	arm("app link=unlimited", "")
	arm("app nodes=2", shaped)
	arm("app keep=itself", shaped)
	at := func(s float64) time.Duration { return time.Duration(s * 1e9) }
	pull := func(arm string, repeat int, node string, resolve, arrival, unpack float64) {
		r := at(resolve)
		tl.Startups = append(tl.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: arm, Repeat: repeat, Node: node, Images: []string{host + "/app:1"}, Ready: 20 * time.Second, FetchedBytes: 80e6, UnpackedBytes: 150e6, Phases: simulate.Phases{Resolve: &r},
			Spans: []simulate.Span{
				{Phase: simulate.Fetch, Layer: "top", Start: r, End: at(1), Bytes: 40e6},
				{Phase: simulate.Fetch, Layer: "base", Start: r, End: at(arrival), Bytes: 40e6},
				{Phase: simulate.Unpack, Layer: "base", Start: at(arrival), End: at(arrival + unpack), Bytes: 100e6},
				{Phase: simulate.Unpack, Layer: "top", Start: at(arrival + unpack), End: at(arrival + 2*unpack), Bytes: 50e6},
			},
		})
	}
	for i, arrival := range []float64{8, 10, 12} {
		pull("app link=80Mbit/s", i, "node-0", 0.010, arrival, 0.5)
		pull("app link=80Mbit/s+20ms", i, "node-0", 0.110, arrival, 0.5)
		pull("app link=unlimited", i, "node-0", 0.010, arrival, 0.75)
		pull("app nodes=2", i, "node-0", 0.010, arrival, 1)
		pull("app nodes=2", i, "node-1", 0.010, arrival, 1)
	}
	for i, create := range []float64{0.16, 0.2, 0.24} {
		c := at(create)
		tl.Startups = append(tl.Startups, simulate.Startup{Source: simulate.Measured, Arm: "app keep=itself", Repeat: i, Node: "node-0", Images: []string{host + "/app:1"}, Ready: at(2 * create), Phases: simulate.Phases{Create: &c}})
	}
	return tl
}

// TestEvidenceByHand: the base arrives after 8, 10 and 12 s, which varies by 20 %, and
// the whole always takes 20 s; 20 ms of way make resolving 100 ms longer; both layers
// take 0.5 s, with a link unshaped 0.75, on two nodes at once 1 s.
func TestEvidenceByHand(t *testing.T) {
	tl := handTimeline(t)
	p := simulate.Containerd()
	p.Unpack.Layer.Value, p.Unpack.File.Value = 50*time.Millisecond, 50*time.Microsecond
	p.Unpack.Gzip.Value, p.Unpack.Disk.Value = 250e6, network.Unlimited
	list := layerTimes(tl, p)
	for name, test := range map[string]struct{ got, want string }{
		"arrivals":    {arrivals(tl), "varies by 20.0 % between runs of an arm, in the one that varies most by 20.0 %; the whole pull varies by 0.0 % (coefficients of variation, medians of 2 arms)"},
		"creations":   {creations(tl), "creating the container takes 50.0 % of the time to ready, and 200 ms (medians of 3 runs). The medians of its arms, all of them the same program, reach from 200 ms to 200 ms; runs of one arm vary by 20.0 %"},
		"round trips": {roundTrips(tl), "lengthens resolving by 5.0 round trips (median of 1 arm beside the same without it)"},
		"crowding":    {crowdingWords(tl), "On the 2 cores here, the same layers take to unpack, beside one pull behind a shaped link: 2.00 times with 2 nodes at once (2 layers), 1.50 times with one pull, link not shaped (2 layers)."},
		"inflating":   {inflating(list), "of gzip 5.0 ms (base:1, layer 1, compressed to 40 %) to 10.0 ms (app:1, layer 2, to 80 %); the fitted profile is off by -40.0 % (app:1, layer 2) to +0.0 % (base:1, layer 1)."},
	} {
		if !strings.Contains(test.got, test.want) {
			t.Errorf("%s: %s", name, test.got)
		}
	}
	// 50 ms a layer, 1,000 entries of 50 µs, and 100 MB at 250 MB/s: half a second.
	if len(list) != 2 || list[0].name != "base:1, layer 1" || list[0].simulated != 0.5 || list[1].simulated != 0.3 {
		t.Errorf("layers %+v", list)
	}
	none := &simulate.Timeline{Measurement: &simulate.Measurement{Inventory: &layers.Inventory{}}}
	for _, got := range []string{arrivals(none), creations(none), roundTrips(none), crowdingWords(none), inflating(layerTimes(none, p))} {
		if got != notTold {
			t.Errorf("of nothing: %s", got)
		}
	}
}

// TestMakespansByHand: until the last of two pulls on one node it takes 20, 30 and 24 s;
// two nodes, and one pull, are no such arm.
func TestMakespansByHand(t *testing.T) {
	tl := &simulate.Timeline{Measurement: &simulate.Measurement{}}
	run := func(arm string, repeat int, nodes []string, ready ...int) {
		for i, s := range ready {
			tl.Startups = append(tl.Startups, simulate.Startup{Source: simulate.Measured, Arm: arm, Repeat: repeat, Node: nodes[i], Ready: time.Duration(s) * time.Second})
		}
	}
	one, two := []string{"n", "n"}, []string{"n", "m"}
	for k, last := range []int{20, 30, 24} {
		run("a+b", k, one, 10, last)
		run("c+d", k, one, 20+k, 20)
		run("a nodes=2", k, two, 10, 3*last*k+1)
		run("a", k, one, 10*k+1)
	}
	if got, want := makespans(tl), "Runs of one arm take up to 50.0 % longer than others of it: 20.00 s to 30.00 s in 3 runs of a+b."; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got := makespans(&simulate.Timeline{Measurement: &simulate.Measurement{}}); got != notTold {
		t.Errorf("of nothing: %s", got)
	}
}
