package capacity

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestWaitsAreThoseOfAQueue: what is worked out by sorting is what comes of playing it: each
// start takes the instance that is ready first, or waits for it, and one is begun in its
// place.
func TestWaitsAreThoseOfAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, warm := rapid.IntRange(1, 30).Draw(t, "n"), rapid.IntRange(0, 12).Draw(t, "warm")
		var arrivals []arrival
		at := time.Duration(0)
		for range n {
			at += time.Duration(rapid.IntRange(0, 5).Draw(t, "gap")) * time.Second
			arrivals = append(arrivals, arrival{at, time.Duration(rapid.IntRange(0, 20).Draw(t, "takes")) * time.Second})
		}
		// Played second by second: who waits, in order; what is begun, with its end.
		free, got := warm, make([]time.Duration, n)
		var queue []int
		var begun []time.Duration
		next := 0
		for now := time.Duration(0); next < n || len(queue) > 0; now += time.Second {
			for next < n && arrivals[next].at == now {
				begun = append(begun, now+arrivals[next].takes)
				queue = append(queue, next)
				next++
			}
			begun = slices.DeleteFunc(begun, func(end time.Duration) bool {
				if end <= now {
					free++
				}
				return end <= now
			})
			for free > 0 && len(queue) > 0 {
				got[queue[0]] = now - arrivals[queue[0]].at
				queue, free = queue[1:], free-1
			}
		}
		if want := waits(arrivals, warm, 0); !slices.Equal(got, want) {
			t.Fatalf("%d warm, %v: played %v, worked out %v", warm, arrivals, got, want)
		}
		for i, w := range waits(arrivals, warm+1, time.Second) {
			if w > got[i]+time.Second || w < time.Second {
				t.Fatalf("one more warm instance makes start %d wait %v after %v", i, w, got[i])
			}
		}
	})
}

func TestParseSLO(t *testing.T) {
	for text, want := range map[string]SLO{"p99<=20s": {"p99", 20 * time.Second}, " mean <= 1.5m ": {"mean", 90 * time.Second}, "slowest<=500ms": {"slowest", 500 * time.Millisecond}} {
		if got, err := ParseSLO(text); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "has no <=", "p99<20s": "did you mean 'p99<=20s'?", "p99=20s": "has no <=", "p98<=20s": `"p98" is no figure`, "p99<=": "time", "p99<=0s": "not above 0", "p99<=-1s": "negative"} {
		if _, err := ParseSLO(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestTooFewStarts: 299 starts of which none is late tell a p99, for 0.99 to the power of 299 is
// below a twentieth and that of 298 is not; of 29 it is a p90. With late ones the chance is that
// of coins, worked out by hand: of four, none or one is heads 5 times of 16.
func TestTooFewStarts(t *testing.T) {
	if got := fewer(4, 1, 0.5); math.Abs(got-5.0/16) > 1e-12 {
		t.Errorf("of four coins at most one is heads in %v", got)
	}
	of := func(figure string, n, late int, bursts ...cachebench.StartBurst) string {
		p := &warmPool{Question: &Question{Scenario: &cachebench.Scenario{Bursts: bursts}}, opt: PoolOptions{SLO: SLO{figure, time.Second}}, arrivals: [][]arrival{nil}}
		for i := range n {
			takes := time.Duration(0)
			if i < late {
				takes = time.Hour
			}
			p.arrivals[0] = append(p.arrivals[0], arrival{time.Duration(i) * 24 * time.Hour, takes})
		}
		return p.tooFew(0)
	}
	for _, c := range []struct {
		figure  string
		n, late int
		want    string
	}{
		{"p99", 299, 0, ""}, {"p99", 298, 0, "298 starts tell no p99 (299 do where none is late"}, {"p90", 29, 0, ""}, {"p90", 28, 0, "29 do"},
		{"p99", 299, 1, "1 of 299 starts late tell no p99 for sure"}, {"p99", 5000, 30, ""}, {"mean", 1, 0, ""}, {"slowest", 1, 0, ""},
	} {
		if got := of(c.figure, c.n, c.late); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s of %d, %d late: %q, want %q", c.figure, c.n, c.late, got, c.want)
		}
	}
	if got := of("p99", 10, 0, cachebench.StartBurst{Count: 10}); got != "" {
		t.Errorf("of a burst, whose starts are given: %q", got)
	}
}

// TestPossibleIntervals: of repeats that wait 0 s and 10 s the interval by Student's t goes far
// below what a start takes at least; that end is cut.
func TestPossibleIntervals(t *testing.T) {
	slow := []arrival{{0, 10 * time.Second}}
	p := &warmPool{opt: PoolOptions{SLO: SLO{"p99", time.Second}, HandOver: 2 * time.Second}, arrivals: [][]arrival{slow, {{0, 0}}}}
	o := p.outcome(0)
	if o.Value != 7 || o.Low == nil || *o.Low != 2 || *o.High <= 12 {
		t.Errorf("%v, from %v to %v", o.Value, *o.Low, *o.High)
	}
	if got := judge(&o, 7.5); got != "unclear" {
		t.Errorf("7.5 s are %s", got)
	}
}

// TestQuantilesOfASketch: where starts are not listed, an interval holds what a sketch may be
// off by, and a limit inside is unclear; where they are, quantiles are by nearest rank.
func TestQuantilesOfASketch(t *testing.T) {
	s := simulate.Summary{P90: simulate.Statistic{Value: 12.7171}, QuantileErrorFraction: 1.0 / 128}
	(&Question{sketched: true}).quantiles(&simulate.Timeline{}, &s)
	if o := (outcome{Statistic: s.P90}); o.Low == nil || o.High == nil || *o.Low > 12.7017 || judge(&o, 12.71) != "unclear" || judge(&o, 12.9) != "met" || judge(&o, 12.6) != "not met" {
		t.Errorf("%+v", o)
	}
	var all simulate.Timeline
	for i := range 20 {
		all.Startups = append(all.Startups, simulate.Startup{App: "web", Ready: time.Duration(20-i) * time.Second, Repeat: 0},
			simulate.Startup{App: "web", Ready: time.Duration(i+3) * time.Second, Repeat: 1}, simulate.Startup{App: "ci", Ready: time.Hour})
	}
	s.App = "web"
	(&Question{exact: true}).quantiles(&all, &s)
	if s.P90.Value != 19 || s.P50.Value != 11 || s.P99.Value != 21 || s.P90.Low == nil {
		t.Errorf("%+v, %+v, %+v", s.P50, s.P90, s.P99)
	}
}

// TestFewRepeats: the factor is that of tables of Student's t.
func TestFewRepeats(t *testing.T) {
	for n, want := range map[int]string{1: "", 2: "with 1 degree of freedom is 12.7 ", 4: "with 3 degrees of freedom is 3.2 ", 5: "", 40: ""} {
		if got := fewRepeats(n); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestEveryQuantityIsScaled: of a profile that states all of them, each number is scaled and
// nothing else; what is chosen from words is no quantity, and startsPerCopy only raises a doubt.
func TestEveryQuantityIsScaled(t *testing.T) {
	choices := "network.overRate pull.downloadScope pull.requestOrder pull.keepBlobs pull.slotRequests pull.reuseConnections pull.retry.resume unpack.decoder unpack.parallel cache.startsPerCopy"
	p := *simulate.Containerd()
	for _, rate := range []*simulate.Parameter[network.Rate]{&p.Network.Registry, &p.Network.Uplink, &p.Network.Connection, &p.Unpack.Fetch, &p.Cache.FirstRead, &p.Cache.Copy} {
		rate.Value = 1e9
	}
	for _, number := range []*simulate.Parameter[float64]{&p.Network.RegistryRequests, &p.Start.AdmitPerSecond, &p.Network.ErrorFraction, &p.Unpack.FetchDiskFraction, &p.Cache.ReadFraction} {
		number.Value = 0.25
	}
	for _, wait := range []*simulate.Parameter[time.Duration]{&p.Pull.Retry.Delay, &p.Pull.Start, &p.Pull.Blob, &p.Start.Ready, &p.Cache.Attach, &p.Cache.Build, &p.Cache.Flash, &p.Node.Boot, &p.Network.Request} {
		*wait = simulate.Parameter[time.Duration]{Value: time.Second}
	}
	p.Pull.RepeatRequests.Value, p.Pull.ResolveRequests.Value, p.Network.TokenRequests.Value = 4, 4, 4
	p.Network.ConnectRoundTrips.Value, p.Network.BlobRequests.Value = 4, 4
	for _, v := range p.Values() {
		before := p.Values()
		scaled, ok := scaledProfile(&p, v.Name, 0.5)
		if choice := slices.Contains(strings.Fields(choices), v.Name); ok == choice {
			t.Errorf("%s (%s) is scaled: %v", v.Name, v.Value, ok)
			continue
		}
		for i, now := range scaled.Values() {
			if changed := now.Value != before[i].Value; changed != (ok && now.Name == v.Name) && !(v.Value == "1" || v.Value == now.Value) {
				t.Errorf("%s times a half: %s is %s, was %s", v.Name, now.Name, now.Value, before[i].Value)
			}
		}
	}
}
