package main

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

func caseNamed(t *testing.T, what string) *published {
	t.Helper()
	for _, p := range publishedCases() {
		if p.what == what {
			return &p
		}
	}
	t.Fatalf("there is no case %q", what)
	return nil
}

// TestPublishedByHand: what some cases come to by the values of their profiles, without
// the simulation: with one layer nothing overlaps.
func TestPublishedByHand(t *testing.T) {
	p := simulate.Containerd()
	fetch := func(bytes float64) float64 { return bytes / (float64(p.Network.Node.Value) * p.Network.Goodput.Value) }
	write := func(bytes float64, files float64) float64 {
		return p.Unpack.Layer.Value.Seconds() + files*p.Unpack.File.Value.Seconds() + bytes/min(float64(p.Unpack.Gzip.Value), float64(p.Unpack.Disk.Value))
	}
	eci := simulate.ECI()
	for what, want := range map[string]float64{
		"1 GB in 1 layer":                     fetch(1e9) + write(1e9, 1),
		"1 GB in 1 layer, 50 nodes at once":   fetch(1e9) + write(1e9, 1), // the profile bounds nothing that nodes share
		"10 MB image":                         fetch(10e6) + write(10e6, 1),
		"a hit, two containers: until Pulled": eci.Start.Provision.Value.Seconds() + eci.Cache.Attach.Value.Seconds(),
	} {
		got, err := caseNamed(t, what).simulated(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Requests before the layers take some milliseconds.
		if d := got.Seconds() - want; d < 0 || d > 0.05 {
			t.Errorf("%s: %.3f s simulated, %.3f s by hand", what, got.Seconds(), want)
		}
	}
	// Nothing is fetched of layers that are there: only the tag is asked for.
	if got, err := caseNamed(t, "people's clusters, layers already there, the median").simulated(t.Context()); err != nil || got <= 0 || got.Seconds() > 0.02 {
		t.Errorf("layers already there: %v, %v", got, err)
	}
	// A part of the start is less than all of it.
	hit := caseNamed(t, "a hit, Spark: until Started")
	whole, err := hit.simulated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hit.part = untilPulled
	if part, err := hit.simulated(t.Context()); err != nil || whole-part < eci.Start.Create.Value {
		t.Errorf("until Pulled %v of %v: %v", part, whole, err)
	}
}

// TestPublishedPart: a start that never becomes ready has no time to compare; of others
// it is the last that counts, and of it the part.
func TestPublishedPart(t *testing.T) {
	of := func(s int) *time.Duration { d := time.Duration(s) * time.Second; return &d }
	one := simulate.Startup{Requested: 2 * time.Second, Ready: 40 * time.Second, Phases: simulate.Phases{Provision: of(10), Attach: of(1), Resolve: of(1), Fetch: of(5), Unpack: of(3), Create: of(20)}}
	for part, want := range map[part]int{thePull: 9, theUnpack: 3, untilPulled: 22, untilReady: 42} {
		got, err := part.last([]simulate.Startup{{}, one, {Ready: time.Second}})
		if err != nil || got != time.Duration(want)*time.Second {
			t.Errorf("part %d takes %v, %v", part, got, err)
		}
	}
	if _, err := thePull.last([]simulate.Startup{one, {Void: "no image, and none is pulled"}}); err == nil || err.Error() != "no image, and none is pulled" {
		t.Errorf("void: %v", err)
	}
}

// TestPublishedAssumptions: the number of layers is published or told to be assumed, an
// unpacked size by the usual ratio is told, and each case has a figure and a source
// that readers can find.
func TestPublishedAssumptions(t *testing.T) {
	for _, p := range publishedCases() {
		told := p.remarks()
		inLayers := strings.Contains(p.what, "layer")
		if !inLayers && !strings.Contains(told, "layer") && !strings.Contains(told, anySize) {
			t.Errorf("%s: %d layers, and not told that they are assumed: %q", p.what, p.layers, told)
		}
		if usual := math.Abs(p.unpacked/p.compressed-2.6) < 1e-9; usual && !strings.Contains(told, usualSize) && !strings.Contains(told, anySize) {
			t.Errorf("%s: an unpacked size that is assumed, and not told: %q", p.what, told)
		}
		if p.figure == "" || p.seconds <= 0 || p.source == "" || strings.Contains(p.source, "§") || strings.Contains(p.source, "facts") {
			t.Errorf("%s: %q, %v s, of %q", p.what, p.figure, p.seconds, p.source)
		}
		// Nearly all of ECI's are what its profile was made of.
		if p.profile == "eci" && !strings.Contains(told, fitted11) && !strings.Contains(told, fitted40) && !strings.Contains(told, "not published") {
			t.Errorf("%s: not told whether the profile was fitted to it: %q", p.what, told)
		}
		if n := fmt.Sprint(p.layers, " layer"); strings.Contains(p.what, "layer") && !p.present && !strings.Contains(p.what, "one") && !strings.Contains(p.what, n) {
			t.Errorf("%s: has %d layers", p.what, p.layers)
		}
	}
}
