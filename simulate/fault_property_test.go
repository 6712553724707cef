package simulate

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate/network"
)

// drawsNothing sets what a profile draws to constants, and lets no request fail.
func (p *Profile) drawsNothing() {
	n, s, c := &p.Network, &p.Start, &p.Cache
	for _, d := range []*Parameter[time.Duration]{&n.RoundTrip, &n.Request, &p.Pull.Retry.Sync, &s.Provision, &s.Create, &s.Ready, &c.Attach, &p.Node.Boot} {
		*d = is(typical(d), "")
	}
	n.Connection = is(typical(&n.Connection), "")
	n.ErrorFraction.Value, n.RegistryRequests.Value = 0, math.Inf(1)
	p.Pull.RequestOrder.Value = "manifest"
}

// oneByOne lets a profile do one thing after another. What is done at once may end
// sooner when a part of it is delayed, for it is then done in another order (R. L.
// Graham, Bounds on multiprocessing timing anomalies, 1969). A download runs beside an
// unpack all the same, but takes nothing of the core and the disk from it: any transfer,
// however slow, takes the same share, so that one which comes later slows less.
func (p *Profile) oneByOne() {
	p.Unpack.Fetch.Value, p.Unpack.FetchDiskFraction.Value = network.Unlimited, 0
	p.Pull.MaxParallelImages.Value, p.Pull.MaxConcurrentDownloads.Value, p.Unpack.Parallel.Value = 1, 1, false
}

// TestFaultDelays: where nothing is drawn, one thing is done after another, and no
// other start is there to be slowed, no fault makes a start ready sooner.
func TestFaultDelays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.starts = r.starts[:1]
		r.starts[0].Node, r.starts[0].NodeClass = rapid.SampledFrom([]string{"", "n"}).Draw(t, "on"), ""
		r.options.Nodes = nil
		r.profile.drawsNothing()
		r.profile.oneByOne()
		r.options.Faults = nil
		without, _ := r.run(t, r.starts)
		r.randomFaults(t)
		with, _ := r.run(t, r.starts)
		if with == nil || without == nil {
			return
		}
		if x, y := with[0].Ready, without[0].Ready; x < y-time.Microsecond { // what a byte takes at the slowest rate: where rates change amounts are rounded
			t.Fatalf("ready after %v with %v, %v without", x, r.options.Faults, y)
		}
	})
}

// TestLossDelays: nor does another loss of its node, also while it is away.
func TestLossDelays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.starts = r.starts[:1]
		r.starts[0].Node, r.starts[0].NodeClass = "n", ""
		r.options.Nodes, r.options.Faults = nil, nil
		r.profile.drawsNothing()
		r.profile.oneByOne()
		var before time.Duration
		for range 4 {
			got, _ := r.run(t, r.starts)
			if got == nil {
				return
			}
			if got[0].Ready < before {
				t.Fatalf("ready after %v with %v, %v without the last", got[0].Ready, r.options.Faults, before)
			}
			before = got[0].Ready
			at := rapid.Int64Range(1, int64(before)+1).Draw(t, "lost after")
			r.options.Faults = append(r.options.Faults, Fault{
				Kind: "node-lost", Node: "n", At: r.starts[0].Requested + time.Duration(at),
				For: time.Duration(rapid.IntRange(0, 4000).Draw(t, "lost for")) * ms,
			})
		}
	})
}

// TestAdmissionsOfBucket: whatever goes wrong, no more starts are admitted than the
// bucket lets.
func TestAdmissionsOfBucket(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		s := &r.profile.Start
		s.AdmitBurst.Value, s.AdmitPerSecond.Value = rapid.Int64Range(1, 3).Draw(t, "burst"), float64(rapid.IntRange(1, 5).Draw(t, "rate"))
		r.randomFaults(t)
		startups, _ := r.run(t, r.starts)
		var admitted []float64
		for i := range startups {
			at := startups[i].Requested
			// The first phase, not that of a start made anew.
			if spans := startups[i].Spans; len(spans) > 0 && spans[0].Phase == Admit && spans[0].Start == 0 {
				at += spans[0].End
			}
			admitted = append(admitted, at.Seconds())
		}
		slices.Sort(admitted)
		for i := range admitted {
			for j := i; j < len(admitted); j++ {
				if n, most := float64(j-i+1), float64(s.AdmitBurst.Value)+s.AdmitPerSecond.Value*(admitted[j]-admitted[i]); n > most+1e-6 {
					t.Fatalf("%.0f starts are admitted from %gs to %gs, at most %g may be; faults %v", n, admitted[i], admitted[j], most, r.options.Faults)
				}
			}
		}
	})
}

// TestImagesFailByThemselves: half of all requests fail, and each image takes one:
// the failures before the first success are 1 in the mean, and add up over the
// images of a pod.
func TestImagesFailByThemselves(t *testing.T) {
	inv := inventory(nil, nil, nil)
	p := freeProfile()
	p.Pull.ResolveRequests.Value, p.Network.ErrorFraction.Value = 1, 0.5
	for n := 1; n <= 3; n++ {
		for _, node := range []string{"", "n"} {
			var starts []Start
			for range 4000 {
				starts = append(starts, Start{App: "a", Images: []int{0, 1, 2}[:n], Node: node, PullPolicy: "Always"})
			}
			var retries float64
			for _, s := range run(t, inv, p, Options{}, starts...) {
				retries += float64(s.Retries)
			}
			// Of each image the variance is 2: 4 standard errors.
			want, off := float64(n), 4*math.Sqrt(2*float64(n)/4000)
			if mean := retries / 4000; math.Abs(mean-want) > off {
				t.Errorf("%d images, node %q: %.3f retries in the mean, want %g within %.3f", n, node, mean, want, off)
			}
		}
	}
}

// TestDaemonsDrawForThemselves: a node's daemon and its first start provision for a
// uniform time each, and the first to be up fetches the image of both: in half of
// the cases the start.
func TestDaemonsDrawForThemselves(t *testing.T) {
	inv := inventory([]testLayer{{"a", mb, mb, 0}})
	p := freeProfile()
	p.Start.Provision = Parameter[time.Duration]{Distribution: "uniform", Max: time.Minute}
	var starts []Start
	for i := range 400 {
		starts = append(starts, Start{App: "a", Images: []int{0}, Node: "n" + strings.Repeat("x", i)})
	}
	first := 0
	for _, s := range run(t, inv, p, Options{Nodes: map[string]NodeSetup{"": {Daemon: [][]int{{0}}}}}, starts...) {
		if s.FetchedBytes > 0 {
			first++
		}
	}
	if first < 160 || first > 240 { // 4 standard deviations
		t.Errorf("%d of 400 starts are up before their daemon", first)
	}
}

// TestTooManyTries: a client that tries again too often, or at once, is told which
// fault it meets.
func TestTooManyTries(t *testing.T) {
	inv := inventory([]testLayer{{"a", mb, mb, 0}})
	for backoff, until := range map[time.Duration]string{0: "0s", ms: "9.999s"} {
		p := freeProfile()
		p.Pull.Retry.Backoff.Value, p.Pull.Retry.BackoffMax.Value = backoff, ms
		got := refusal(t, inv, p, []Start{{App: "web", Images: []int{0}}}, Options{Faults: []Fault{{Kind: "registry-down", For: time.Hour}}})
		want := "simulate app web: its pulls failed 10000 times, now that of example.com/image:0 at " + until + `: the registry is down (fault "registry-down at=0s for=1h0m0s") for longer than so many tries take; ` +
			"raise pull.retry.backoffSeconds and backoffMaxSeconds"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
