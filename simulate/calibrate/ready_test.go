package calibrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// TestReadinessIsNotKnown: a program's own time that is known of no other arm is in
// neither side of an error, so that a long one does not hide how wrong the rest is.
func TestReadinessIsNotKnown(t *testing.T) {
	w := newWorld(t, 50)
	w.ready, w.sigma = 30*time.Second, 0
	w.arm("alone", "", nil, 3, start{1, 0})
	without := newWorld(t, 50)
	without.sigma = 0
	without.arm("alone", "", nil, 3, start{1, 0})
	check := func(w *world) *Calibration {
		c, err := w.load(brisk).Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, plain := check(w), check(without)
	for _, by := range []string{ByProfile, ByBytes, BySum} {
		got, want := scoreOf(t, c, "all", by).Mean, scoreOf(t, plain, "all", by).Mean
		if math.Abs(got-want) > 1e-5 || want < 0.02 {
			t.Errorf("%s: the error is %g, without the program's 30 s it is %g", by, got, want)
		}
	}
	if x := c.Cells[0]; !x.UntilCreated || x.Measured != plain.Cells[0].Measured || x.Error != plain.Cells[0].Error || plain.Cells[0].UntilCreated {
		t.Errorf("%+v", x)
	}
	if !slices.ContainsFunc(c.Doubts, func(s string) bool {
		return strings.HasPrefix(s, "Of 1 of 1 arms no other arm tells the program's own time to ready")
	}) {
		t.Errorf("doubts %q", c.Doubts)
	}
	if slices.ContainsFunc(c.Phases, func(s Scored) bool { return s.What == string(simulate.Ready) }) {
		t.Errorf("readiness was predicted: %+v", c.Phases)
	}
	if len(c.Apps) != 1 || c.Apps[0].Ready != 30*time.Second {
		t.Errorf("apps %v", c.Apps)
	}

	// An arm of the same name does not tell it, one of another does.
	other := newWorld(t, 50)
	other.ready = 30 * time.Second
	other.arm("alone", "unpack: {cores: 1}", nil, 3, start{1, 0})
	for _, want := range []int{2, 0} {
		d, err := Load([]File{{"a.json", w.timeline}, {"b.json", other.timeline}}, brisk)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = d.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		until := 0
		for _, x := range c.Cells {
			if x.UntilCreated {
				until++
			}
		}
		if until != want {
			t.Errorf("%d of %d arms are compared until created, not %d", until, len(c.Cells), want)
		}
		w.arm("slow", "network: {registryBytesPerSecond: 12500000}", nil, 3, start{1, 0})
	}
}

// TestReadinessHeldOut: arms of programs of which each has one arm are held out without
// the programs' own times, and those of one program with it.
func TestReadinessHeldOut(t *testing.T) {
	for name, images := range map[string][]int{"five programs": {1, 2, 3, 4, 5}, "one program": {1, 1, 1, 1, 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 51)
			w.ready, w.sigma = 5*time.Second, 0.01
			for k, i := range images {
				overlay := fmt.Sprintf("network: {registryBytesPerSecond: %d}", 10_000_000*(k+1))
				w.arm(fmt.Sprint("cold ", k), overlay, nil, 3, start{i, 0})
			}
			opt := brisk
			opt.Folds = 5
			c, _ := fitOf(t, w, opt)
			for _, by := range []string{ByHeldOut, ByFit} {
				if s := scoreOf(t, c, "all", by); s.Mean > 0.15 {
					t.Errorf("%s: %+v", by, s)
				}
			}
			want := 0
			if name == "five programs" {
				want = 5
			}
			until := 0
			for _, x := range c.Cells {
				if x.UntilCreated {
					until++
				}
			}
			if until != want {
				t.Errorf("%d arms compared until created", until)
			}
		})
	}
}

// TestCreatedByHand: without the program's own time the last of two starts may be
// another.
func TestCreatedByHand(t *testing.T) {
	long, short := 4*time.Second, time.Second
	o := outcomeOf([]*simulate.Startup{
		{Requested: 60 * time.Second, Ready: 9 * time.Second, Phases: simulate.Phases{Ready: &long}},
		{Requested: 61 * time.Second, Ready: 7 * time.Second, Phases: simulate.Phases{Ready: &short}},
	})
	near(t, "until ready", o.total, 9)
	near(t, "until created", o.created, 7)
	near(t, "against what knows readiness", o.against(&outcome{}).total, 9)
	near(t, "against what does not", o.against(&outcome{bare: true}).total, 7)
}

// TestMedianNoiseIsTheFloor: a prediction that knows the truth is off by about the
// noise, of which a run's own is twice as much.
func TestMedianNoiseIsTheFloor(t *testing.T) {
	w := newWorld(t, 52)
	w.sigma = 0.1
	for i := 1; i <= 6; i++ {
		w.arm(fmt.Sprint("cold ", i), "", nil, 5, start{i, 0})
		w.arm(fmt.Sprint("slow ", i), "network: {registryBytesPerSecond: 25000000}", nil, 5, start{i, 0})
	}
	opt := brisk
	opt.Base = w.truth
	c, err := w.load(opt).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	off, noise, run := scoreOf(t, c, "all", ByProfile), scoreOf(t, c, "all", Noise), scoreOf(t, c, "all", RunNoise)
	if off.Mean > 2*noise.Mean || off.Mean < noise.Mean/2 || run.Mean < 1.5*noise.Mean {
		t.Errorf("off by %g, noise %g, of one run %g", off.Mean, noise.Mean, run.Mean)
	}
	if noise.Count != 12 || run.Count != 60 || noise.Bias != 0 {
		t.Errorf("noise %+v, of one run %+v", noise, run)
	}
}
