package calibrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// TestSettings: what the experiment set alike in all arms on one node is in the profile
// that is written; its link, what differs, and what is of several nodes is not.
func TestSettings(t *testing.T) {
	const common = "pull: {downloadScope: image, requestOrder: manifest, slotRequests: true, maxParallelPulls: 1000%s}\nnetwork: {tokenRequests: 0%s}\nunpack: {cores: %s}\n"
	w := newWorld(t, 40)
	for i := 1; i <= 3; i++ {
		more := ""
		if i == 1 {
			more = ", keepBlobs: true"
		}
		w.arm(fmt.Sprint("cold ", i), fmt.Sprintf(common, more, "", "16"), nil, 2, start{i, 0})
		w.arm(fmt.Sprint("slow ", i), fmt.Sprintf(common, more+", maxConcurrentDownloads: 2", ", registryBytesPerSecond: 12500000, roundTripSeconds: 0.02", "16"), nil, 2, start{i, 0})
	}
	w.arm("nodes", fmt.Sprintf(common, "", "", "8"), nil, 2, start{1, 0}, start{2, 1})
	c, p := fitOf(t, w, brisk)
	base := simulate.Containerd()
	const source = "measured: as set in all runs of containerd 2.4.2 on 2 cores, 2026-11-29"
	if x := p.Unpack.Cores; x.Value != 16 || x.Source != source {
		t.Errorf("cores %+v", x)
	}
	if p.Pull.DownloadScope.Value != "image" || p.Pull.RequestOrder.Value != "manifest" || p.Pull.RequestOrder.Source != source {
		t.Errorf("scope %+v, order %+v", p.Pull.DownloadScope, p.Pull.RequestOrder)
	}
	if p.Pull.SlotRequests != base.Pull.SlotRequests {
		t.Errorf("what the base has so, and why, is %+v", p.Pull.SlotRequests)
	}
	if x := p.Network.TokenRequests; x != base.Network.TokenRequests { // the registry was the experiment's own
		t.Errorf("token requests %+v", x)
	}
	if p.Network.Registry != base.Network.Registry || p.Pull.MaxParallelPulls != base.Pull.MaxParallelPulls || p.Pull.MaxConcurrentDownloads != base.Pull.MaxConcurrentDownloads || p.Pull.KeepBlobs != base.Pull.KeepBlobs {
		t.Errorf("registry %+v, parallel %+v, downloads %+v, blobs %+v", p.Network.Registry, p.Pull.MaxParallelPulls, p.Pull.MaxConcurrentDownloads, p.Pull.KeepBlobs)
	}
	want := []Setting{{"pull.downloadScope", "image"}, {"pull.requestOrder", "manifest"}, {"pull.slotRequests", "true"}, {"unpack.cores", "16"}}
	if !slices.Equal(c.Settings, want) {
		t.Errorf("settings %v", c.Settings)
	}
	if x := parameterOf(t, c, "unpack.cores"); x.Value != 16 || !x.Set || x.Raised || x.CannotBeTold == "" || x.Measure != "" {
		t.Errorf("cores %+v", x)
	}
	if !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.HasPrefix(s, "Not all arms have the same pull.keepBlobs: ") }) {
		t.Errorf("doubts %q", c.Doubts)
	}
	// Written and read, it is the same profile.
	data, err := document.Marshal(simulate.ProfileKind, p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := simulate.ReadProfile("p.json", data)
	if err != nil || again.Unpack.Cores != p.Unpack.Cores || again.Pull.DownloadScope != p.Pull.DownloadScope {
		t.Errorf("%v, cores %+v", err, again.Unpack.Cores)
	}
	if w.timeline.Measurement.Arms[0].Arm != "cold 1" || base.Unpack.Cores.Value != 2 {
		t.Error("this shows nothing")
	}
}

// TestSettingsOfSeveralNodes: nodes that share a host have no cores of their own.
func TestSettingsOfSeveralNodes(t *testing.T) {
	w := newWorld(t, 41)
	for i := 1; i <= 2; i++ {
		w.arm(fmt.Sprint("nodes ", i), "unpack: {cores: 1}", nil, 1, start{i, 0}, start{i, 1})
	}
	d := w.load(brisk)
	if len(d.settings) > 0 || len(d.doubts) != 1 || !strings.HasPrefix(d.doubts[0], "All arms are on several nodes of one host, so that what was set of unpack.cores ") {
		t.Errorf("settings %v, doubts %q", d.settings, d.doubts)
	}
}

// TestForgotten: a value that the runs hardly tell is in the profile where the rest was
// found beside it, and its source says that and no more.
func TestForgotten(t *testing.T) {
	w := newWorld(t, 42)
	for i := range 3 {
		w.arm(fmt.Sprint("a", i), "", nil, 2, start{1, 0})
	}
	d := w.load(brisk)
	f, err := d.fit(t.Context(), d.cells)
	if err != nil {
		t.Fatal(err)
	}
	var around [parameters]interval
	for _, i := range f.search.free {
		around[i] = interval{f.values[i] / 1.1, f.values[i] * 1.1}
	}
	around[layer] = interval{f.values[layer] / 20, f.values[layer] * 20}
	d.forget(f, &around)
	p, err := d.profileOf(f, &around)
	if err != nil {
		t.Fatal(err)
	}
	x := d.parametersOf(f, &around, p)[layer]
	if !strings.HasPrefix(x.CannotBeTold, "the runs allow anything from ") || x.Low != nil || math.Abs(x.Value-p.Unpack.Layer.Value.Seconds()) > 1e-3*x.Value {
		t.Errorf("%+v beside %v", x, p.Unpack.Layer)
	}
	source := p.Unpack.Layer.Source
	if !strings.HasPrefix(source, "assumed: the runs allow anything from ") || !strings.Contains(source, "; taken is where the rest was found beside it, which was fitted to 6 runs of containerd 2.4.2") || strings.Contains(source, "does not go with the rest") {
		t.Errorf("source %q", source)
	}
	if math.Abs(p.Unpack.Layer.Value.Seconds()/f.values[layer]-1) > 1e-3 {
		t.Errorf("%v in the profile, the fit had %g s", p.Unpack.Layer.Value, f.values[layer])
	}
}

// TestFewArms: samples of one or two arms are alike, and say nothing of how sure a
// value is.
func TestFewArms(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		told := 0
		w := newWorld(t, 43)
		for i := range n {
			w.arm(fmt.Sprint("a", i), "", nil, 3, start{1, 0})
		}
		c, _, err := w.load(brisk).Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Parameters {
			few := strings.Contains(x.CannotBeTold, "it takes 3 to tell how sure a value is")
			if n < 3 && x.Low != nil || n == 3 && few {
				t.Errorf("of %d arms: %+v", n, x)
			}
			if x.Low != nil {
				told++
			}
		}
		if n == 3 && told == 0 {
			t.Error("three arms tell nothing")
		}
	}
}
