package main

import (
	"encoding/csv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// retried has a run of two starts that was void and made again, and one that never
// began.
func retried() *simulate.Timeline {
	create := 200 * time.Millisecond
	start := func(node string, requested, ready time.Duration, void string) simulate.Startup {
		return simulate.Startup{Source: simulate.Measured, Arm: "a", Repeat: 1, Node: node, Requested: requested, Ready: ready, FetchedBytes: 10, UnpackedBytes: 20, Void: void}
	}
	at := time.Date(2026, 11, 29, 23, 40, 0, 0, time.UTC)
	busy := 0.25
	one := start("node-0", 0, 4*time.Second, "")
	one.Arm, one.Repeat, one.Phases = "b, \"quoted\"", 0, simulate.Phases{Create: &create}
	return &simulate.Timeline{
		Startups: []simulate.Startup{
			start("node-0", time.Minute, 9*time.Second, "it reused a layer"), start("node-1", time.Minute, 9*time.Second, "it reused a layer"),
			start("node-0", 2*time.Minute, 3*time.Second, ""), start("node-1", 2*time.Minute+time.Second, 5*time.Second, ""), one,
		},
		Measurement: &simulate.Measurement{Runs: []simulate.MeasuredRun{
			{Arm: "a", Repeat: 1, At: at, Void: "it reused a layer"},
			{Arm: "a", Repeat: 1, At: at.Add(time.Minute), OtherCPUFraction: &busy},
			{Arm: "b, \"quoted\"", At: at.Add(time.Hour)},
			{Arm: "c", At: at.Add(2 * time.Hour), Void: "prepare: no room is left"},
		}},
	}
}

// TestCountedRuns: a void run does not take the one that was made in its place with it.
func TestCountedRuns(t *testing.T) {
	runs := countedRuns(retried())
	if len(runs) != 2 || len(runs[0].starts) != 2 || runs[0].nodes() != 2 || runs[0].makespan() != 6*time.Second {
		t.Errorf("runs %+v", runs)
	}
}

// TestRecord: every run is in it, void ones with their reason and no times.
func TestRecord(t *testing.T) {
	data, err := recordOf(retried())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"arm,repeat,at,other_cpu_fraction,makespan_seconds,resolve_seconds,fetch_seconds,unpack_seconds,create_seconds,ready_seconds,fetched_bytes,unpacked_bytes,requests,void",
		"a,1,2026-11-29T23:40:00Z,,,,,,,,,,,it reused a layer",
		"a,1,2026-11-29T23:41:00Z,0.250,6.0000,,,,,,20,40,,",
		"b, \"quoted\",0,2026-11-30T00:40:00Z,,4.0000,,,,0.2000,,10,20,,",
		"c,0,2026-11-30T01:40:00Z,,,,,,,,,,,prepare: no room is left",
	}
	for i, row := range rows {
		if got := strings.Join(row, ","); i >= len(want) || got != want[i] {
			t.Errorf("row %d is %s", i, got)
		}
	}
	if len(rows) != len(want) {
		t.Errorf("%d rows", len(rows))
	}
}

// TestRequestOrder: layers by their places in the manifest in the order in which they
// were asked for; of several starts, that first which asked first.
func TestRequestOrder(t *testing.T) {
	inv := &layers.Inventory{
		Layers: []layers.Layer{{Digest: "sha256:base"}, {Digest: "sha256:a"}, {Digest: "sha256:b"}},
		Images: []layers.Image{{Reference: "example.com/a:1", Layers: []int{0, 1}}, {Reference: "example.com/b:1", Layers: []int{0, 2, 1}}},
	}
	fetch := func(layer layers.Digest, at int) simulate.Span {
		return simulate.Span{Phase: simulate.Fetch, Layer: layer, Start: time.Duration(at)}
	}
	a := &simulate.Startup{Images: []string{"example.com/a:1"}, Spans: []simulate.Span{
		{Phase: simulate.Resolve}, fetch("sha256:base", 7), fetch("sha256:a", 6),
	}}
	b := &simulate.Startup{Images: []string{"example.com/b:1"}, Spans: []simulate.Span{
		fetch("sha256:a", 5), {Phase: simulate.Unpack, Layer: "sha256:base", Start: 1}, fetch("sha256:b", 3),
	}}
	for want, starts := range map[string][]*simulate.Startup{
		"1 0": {a},
		"1 2": {b},
		"example.com/b:1: 1 2; example.com/a:1: 1 0": {a, b},
		"": {a, {Images: []string{"example.com/c:1"}}},
	} {
		if got := requestOrder(inv, starts); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// TestHostOfOtherDays: an experiment over midnight has both dates, its void runs their
// reasons, and a second host only what differs.
func TestHostOfOtherDays(t *testing.T) {
	first, second := retried(), retried()
	first.Measurement.Facts = []simulate.Fact{{Name: "cores", Value: "2"}, {Name: "file system", Value: "tmpfs"}}
	second.Measurement.Facts = []simulate.Fact{{Name: "cores", Value: "2"}, {Name: "file system", Value: "ext4"}}
	second.Doubts = []string{"the disk is shared"}
	d := &page{}
	d.hostOf("In memory", first, nil)
	d.hostOf("On a disk", second, first)
	got := strings.Join(strings.Fields(d.out.String()), " ")
	for _, want := range []string{
		"**In memory.** From 2026-11-29 23:40 to 2026-11-30 01:40 UTC: 2 runs of 0 arms count, 2 are void. - cores: 2 - file system: tmpfs",
		"void: a, repeat 1: it reused a layer", "void: c, repeat 0: prepare: no room is left",
		"- file system: ext4 - all else as above", "doubt: the disk is shared",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in:\n%s", want, got)
		}
	}
	if strings.Count(got, "cores: 2") != 1 {
		t.Errorf("what both have stands twice:\n%s", got)
	}
}

func TestWithoutDelay(t *testing.T) {
	for _, test := range []struct {
		arm, plain string
		delay      time.Duration
		ok         bool
	}{
		{"shop/web:1.4.0 keep=base link=300Mbit/s+20ms", "shop/web:1.4.0 keep=base link=300Mbit/s", 20 * time.Millisecond, true},
		{"web link=unlimited+1s downloads=1", "web link=unlimited downloads=1", time.Second, true},
		{"a+b link=300Mbit/s", "", 0, false},
		{"web link=300Mbit/s+soon", "", 0, false},
	} {
		plain, delay, ok := withoutDelay(test.arm)
		if ok != test.ok || ok && (plain != test.plain || delay != test.delay) {
			t.Errorf("%s: %q, %v, %v", test.arm, plain, delay, ok)
		}
	}
}

// TestMedianAndVariation by hand: of 8, 10 and 12 the standard deviation is 2.
func TestMedianAndVariation(t *testing.T) {
	if m := median([]float64{12, 8, 10}); m != 10 {
		t.Error(m)
	}
	if m := median([]float64{4, 1, 2, 3}); m != 2.5 {
		t.Error(m)
	}
	if v := variation([]float64{12, 8, 10}); math.Abs(v-0.2) > 1e-12 {
		t.Error(v)
	}
	if !math.IsNaN(median(nil)) || !math.IsNaN(variation([]float64{1, 2})) {
		t.Error("nothing has a median, or two values vary")
	}
}
