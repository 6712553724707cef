package simulate

import (
	"strings"
	"testing"
	"time"

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

// TestDisturbed: a hand-worked comparison of four starts.
func TestDisturbed(t *testing.T) {
	s := func(requested, ready time.Duration, retries int, wasted int64) Startup {
		return Startup{Requested: requested * time.Second, Ready: ready * time.Second, Retries: retries, WastedBytes: wasted}
	}
	without := []Startup{s(0, 10, 0, 0), s(5, 10, 0, 0), s(6, 10, 0, 0), s(50, 10, 0, 0)}
	// The first is not met, the second is retried, the third only slower, the fourth
	// even sooner, for others were late.
	with := []Startup{s(0, 10, 0, 0), s(5, 30, 2, 700), s(6, 14, 0, 0), s(50, 9, 0, 0)}
	d, err := Disturbed("cold", with, without)
	recovered := 35 * time.Second
	if err != nil || d.Starts != 4 || d.Affected != 2 || d.Retries != 2 || d.WastedBytes != 700 ||
		d.MeanDelay != 12*time.Second || d.WorstDelay != 20*time.Second || d.Recovered == nil || *d.Recovered != recovered {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := Disturbed("cold", without, without); err != nil || d.Affected != 0 || d.Recovered != nil {
		t.Errorf("without a difference: %+v, %v", d, err)
	}
	if _, err := Disturbed("cold", with, without[:1]); err == nil {
		t.Error("other starts are compared")
	}
}
