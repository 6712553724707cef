package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/simulate/network"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"registry-down at=60s for=2m":             {Kind: "registry-down", At: time.Minute, For: 2 * time.Minute},
		"registry-slow for=1h rate=1.5MB/s":       {Kind: "registry-slow", For: time.Hour, Registry: 1.5e6},
		" registry-slow  for=1s rate=500kB/s":     {Kind: "registry-slow", For: time.Second, Registry: 5e5},
		"registry-slow for=1s rate=7":             {Kind: "registry-slow", For: time.Second, Registry: 7},
		"registry-slow at=2d for=1 rate=10Mbit/s": {Kind: "registry-slow", At: 48 * time.Hour, For: time.Second, Registry: 1.25e6},
		"node-lost at=90s node=pool/3":            {Kind: "node-lost", At: 90 * time.Second, Node: "pool/3"},
		"node-lost node=n1 for=30s at=1m30s     ": {Kind: "node-lost", At: 90 * time.Second, For: 30 * time.Second, Node: "n1"},
	} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                                    "a fault is written as",
		"fire at=1s for=1s":                   "none of registry-down",
		"registry-down":                       "for how long",
		"registry-down at=-1s for=1s":         `"-1s" is negative`,
		"registry-down at=2000000h for=1s":    "cannot be longer",
		"registry-down at=soon for=1s":        "at=soon",
		"registry-down when=1s":               "when=1s: there are at=TIME",
		"registry-slow for=1s":                "needs a rate of a byte",
		"registry-slow for=1s rate=-1MB/s":    `"-1MB/s" is not above 0`,
		"registry-slow for=1s rate=unlimited": "needs a rate of a byte",
		"registry-down at=1s at=2s for=1s":    "at=2s: at stands twice",
		"node-lost at=1s":                     "which node is lost",
	} {
		if _, err := ParseFault(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestFaultText: what is written is read as the same.
func TestFaultText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Fault{
			Kind: rapid.SampledFrom([]string{"registry-down", "registry-slow", "node-lost"}).Draw(t, "kind"),
			At:   time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "at")),
			For:  time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "for")),
		}
		switch f.Kind {
		case "registry-slow":
			f.Registry = network.Rate(rapid.IntRange(1, 1000).Draw(t, "rate")) * 1e6
		case "node-lost":
			f.Node = rapid.StringMatching(`[a-z][a-z0-9/-]{0,9}`).Draw(t, "node")
		}
		if got, err := ParseFault(f.String()); err != nil || got != f {
			t.Fatalf("%q is read as %+v, %v; want %+v", f.String(), got, err, f)
		}
	})
}

func FuzzParseFault(f *testing.F) {
	f.Add("registry-slow at=1m for=5m rate=10MB/s")
	f.Add("node-lost at=9223372036s node==")
	f.Fuzz(func(t *testing.T, text string) {
		if fault, err := ParseFault(text); err == nil && (fault.At < 0 || fault.For < 0 || fault.At+fault.For < 0) {
			t.Errorf("%q is read as %+v", text, fault)
		}
	})
}

// TestDisturbed: a hand-worked comparison of six starts, of two repeats.
func TestDisturbed(t *testing.T) {
	s := func(requested, ready time.Duration, retries int, wasted int64) Startup {
		return Startup{Requested: requested * time.Second, Ready: ready * time.Second, Retries: retries, WastedBytes: wasted}
	}
	without := []Startup{s(0, 10, 0, 0), s(5, 10, 0, 0), s(6, 10, 0, 0), s(50, 10, 0, 0), s(60, 1, 0, 0), s(70, 1, 0, 0)}
	// The first is not met, the second is retried, the third only slower, the fourth
	// even sooner, for others were late; the fifth is never ready, the sixth never was.
	with := []Startup{s(0, 10, 0, 0), s(5, 30, 2, 700), s(6, 14, 0, 0), s(50, 9, 0, 0), s(60, 1, 0, 0), s(70, 2, 0, 0)}
	with[4].Void, with[5].Void, without[5].Void = "gone", "gone", "gone"
	of := func(with []Startup) *disturbed {
		d := &disturbed{}
		for _, i := range []int{3, 0, 5, 1, 4, 2} { // as they become ready
			d.expect(i, &without[i])
		}
		for i := range with {
			d.add(i, &with[i])
		}
		return d
	}
	recovered := 35 * time.Second
	want := &Disturbance{
		Arm: "cold", Starts: 12, Affected: 3, Retries: 2, WastedBytes: 700,
		MeanDelay: 12 * time.Second, WorstDelay: 20 * time.Second, Recovered: &recovered,
	}
	if diff := cmp.Diff(want, disturbance("cold", []*disturbed{of(with), of(without)})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&Disturbance{Arm: "cold", Starts: 6}, disturbance("cold", []*disturbed{of(without)})); diff != "" {
		t.Errorf("without a difference, -want +got:\n%s", diff)
	}
}

// TestDisturbance: what is told of the faults, with a list of the startups and
// without one, is what two lists tell.
func TestDisturbance(t *testing.T) {
	inv, p, starts := noisyBurst()
	slices.SortStableFunc(starts, func(x, y Start) int { return int(x.Requested - y.Requested) })
	opt := Options{Arm: "cold", Seed: 9, Repeats: 3}
	without := run(t, inv, p, opt, starts...)
	opt.Faults = []Fault{
		{Kind: "registry-down", At: 3 * time.Second, For: 5 * time.Second},
		{Kind: "node-lost", At: 12 * time.Second, For: time.Second, Node: "node-2"},
	}
	listed, err := RunArm(t.Context(), inv, p, starts, opt)
	if err != nil {
		t.Fatal(err)
	}
	want := &Disturbance{Arm: "cold", Starts: len(without)}
	var delays time.Duration
	for i, s := range listed.Startups {
		want.Retries += s.Retries
		want.WastedBytes += s.WastedBytes
		if delay, ready := s.Ready-without[i].Ready, s.Requested+s.Ready; delay > 0 || s.Retries > 0 {
			want.Affected++
			delays += delay
			want.WorstDelay = max(want.WorstDelay, delay)
			if want.Recovered == nil || ready > *want.Recovered {
				want.Recovered = &ready
			}
		}
	}
	if want.Affected == 0 || want.Retries == 0 {
		t.Fatal("the faults do nothing")
	}
	want.MeanDelay = delays / time.Duration(want.Affected)
	about := cmp.Comparer(func(x, y time.Duration) bool { return (x - y).Abs() <= 1 })
	if diff := cmp.Diff(want, listed.Disturbance, about); diff != "" {
		t.Errorf("-by the lists +got:\n%s", diff)
	}
	opt.Workers = 2
	streamed, err := StreamArm(t.Context(), inv, p, pointers(starts), opt)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listed.Disturbance, streamed.Disturbance); diff != "" {
		t.Errorf("-listed +streamed:\n%s", diff)
	}
	opt.Faults = []Fault{{Kind: "node-lost", At: time.Second, Node: "node-1000"}}
	if _, err := StreamArm(t.Context(), inv, p, pointers(starts), opt); err == nil || !strings.Contains(err.Error(), "node node-1000 is lost at 1s, but no start before that names it") {
		t.Errorf("a node that there is not: %v", err)
	}
}
