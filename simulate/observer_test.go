package simulate

import (
	"fmt"
	"math"

	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// observe runs one repeat and returns its startups and what was observed.
func observe(t testing.TB, images [][]testLayer, p *Profile, starts ...Start) ([]Startup, *Observation) {
	t.Helper()
	result, err := RunArm(t.Context(), inventory(images...), p, starts, Options{Arm: "cold", Observe: true})
	if err != nil {
		t.Fatal(err)
	}
	return result.Startups, result.Observation
}

// TestObservationByHand: a start at 1 s of 100 MB over a registry of 50 MB/s and
// rack of 25 MB/s takes 4 s; one at 3 s from the other rack has 25 MB/s beside it
// and takes 2 s for its 50 MB. The registry carries 25 MB/s from 1 to 3 s and 50
// MB/s from 3 to 5 s.
func TestObservationByHand(t *testing.T) {
	p := bare()
	p.Network.Registry = is[network.Rate](50*mb, "")
	p.Network.Links = map[string]LinkProfile{"a": {Rate: is[network.Rate](25*mb, "")}, "b": {Rate: is[network.Rate](25*mb, "")}}
	p.Network.Attach = []string{"a", "b"}
	images := [][]testLayer{{{"l", 100 * mb, 0, 0}}, {{"m", 50 * mb, 0, 0}}}
	startups, o := observe(t, images, p, Start{App: "x", Requested: time.Second, Images: []int{0}}, Start{App: "y", Requested: 3 * time.Second, Images: []int{1}})
	if startups[0].Ready != 4*time.Second || startups[1].Ready != 2*time.Second {
		t.Fatalf("ready after %v and %v", startups[0].Ready, startups[1].Ready)
	}
	rate := func(at, from, to time.Duration, full float64) float64 {
		// The share of the bucket at which full is carried from from to to.
		inside := min(at+o.Bucket, to) - max(at, from)
		return full * max(0, inside.Seconds()) / o.Bucket.Seconds()
	}
	want := map[string]func(at time.Duration) float64{
		"a": func(at time.Duration) float64 { return rate(at, time.Second, 5*time.Second, 25*mb) },
		"b": func(at time.Duration) float64 { return rate(at, 3*time.Second, 5*time.Second, 25*mb) },
		"registry": func(at time.Duration) float64 {
			return rate(at, time.Second, 3*time.Second, 25*mb) + rate(at, 3*time.Second, 5*time.Second, 50*mb)
		},
	}
	want["uplink"] = want["registry"]
	if len(o.Links) != len(want) || o.Bucket != 32*ms {
		t.Fatalf("%d links, buckets of %v", len(o.Links), o.Bucket)
	}
	for _, l := range o.Links {
		for i, got := range l.Carried.Mean {
			if w := want[l.Link](time.Duration(i) * o.Bucket); !near(got, w, 1e-5) && got > 1 {
				t.Fatalf("link %s carries %v in bucket %d, want %v", l.Link, got, i, w)
			}
		}
	}
	for i, got := range o.InFlight.Mean {
		at := time.Duration(i) * o.Bucket
		w := rate(at, time.Second, 5*time.Second, 1) + rate(at, 3*time.Second, 5*time.Second, 1)
		if !near(got, w, 1e-5) && got > 1e-6 {
			t.Fatalf("%v starts in flight in bucket %d, want %v", got, i, w)
		}
	}
	if *o.Links[0].Capacity != 50*mb || o.Links[1].Capacity != nil {
		t.Errorf("capacities %v, %v", o.Links[0].Capacity, o.Links[1].Capacity)
	}
	if v, bucket, ok := o.Links[0].Carried.Peak(); !ok || !near(v, 50*mb, 1e-5) || time.Duration(bucket)*o.Bucket < 3*time.Second-o.Bucket {
		t.Errorf("peak %v in bucket %d", v, bucket)
	}
}

// TestObservingChangesNothing: startups are the same to the nanosecond, on
// profiles that draw, refuse, share and tie.
func TestObservingChangesNothing(t *testing.T) {
	profiles := map[string]func(*Profile){
		"draws":  func(*Profile) {},
		"paced":  func(p *Profile) { p.Network.RegistryRequests.Value = 40 },
		"errors": func(p *Profile) { p.Network.ErrorFraction.Value = 0.1 },
		"refuses": func(p *Profile) {
			p.Network.RegistryRequests.Value, p.Network.OverRate.Value, p.Network.RegistryBurst.Value = 30, "refuse", 5
		},
		"ties": func(p *Profile) {
			p.Network.RoundTrip, p.Start.Provision = is(10*ms, ""), is(time.Second, "")
			p.Network.Connection = is[network.Rate](20*mb, "")
		},
		"unlimited": func(p *Profile) {
			p.Network.Registry, p.Network.Node, p.Network.Connection = is(network.Unlimited, ""), is(network.Unlimited, ""), is(network.Unlimited, "")
			p.Network.Links, p.Network.Attach = nil, nil
		},
	}
	for name, change := range profiles {
		t.Run(name, func(t *testing.T) {
			inv, p, starts := noisyBurst()
			change(p)
			opt := Options{Arm: "cold", Seed: 2, Repeats: 3}
			blind := run(t, inv, p, opt, starts...)
			opt.Observe = true
			result, err := RunArm(t.Context(), inv, p, starts, opt)
			if err != nil {
				t.Fatal(err)
			}
			if marshal(t, blind) != marshal(t, result.Startups) {
				t.Error("observing changes startups")
			}
			checkCarried(t, result)
		})
	}
}

// checkCarried: what the registry sent is what starts fetched and lost.
func checkCarried(t testing.TB, r *Result) {
	t.Helper()
	var fetched float64
	for _, s := range r.Startups {
		fetched += float64(s.FetchedBytes + s.WastedBytes)
	}
	o := r.Observation
	fetched /= float64(o.Repeats)
	for _, l := range o.Links[:2] {
		var carried float64
		for i, v := range l.Carried.Mean {
			carried += v * o.Bucket.Seconds()
			if l.Capacity != nil && v > float64(*l.Capacity)*(1+1e-5) {
				t.Errorf("%s carries %v in bucket %d, which is more than %v", l.Link, v, i, *l.Capacity)
			}
		}
		if !near(carried, fetched, 1e-5) {
			t.Errorf("%s carried %v bytes, starts fetched %v", l.Link, carried, fetched)
		}
	}
}

// TestObservedRequests: requests are counted when they are sent: one before the
// token, the token, the manifest and the config of each start, and its layers, at
// the times that follow from the round trips.
func TestObservedRequests(t *testing.T) {
	p := bare()
	p.Network.RoundTrip = is(time.Second, "")
	images := [][]testLayer{{{"a", mb, 0, 0}, {"b", mb, 0, 0}}}
	startups, o := observe(t, images, p, Start{App: "x", Images: []int{0}})
	w, err := newWorld(inventory(images...), p)
	if err != nil {
		t.Fatal(err)
	}
	n, _ := w.requests(w.classes[""], 0, false)
	var at []time.Duration
	for i, v := range o.Requests.Mean {
		for range int(v*o.Bucket.Seconds() + 0.5) {
			at = append(at, (time.Duration(i) * o.Bucket).Round(time.Second))
		}
	}
	var want []time.Duration
	for i := range n {
		want = append(want, time.Duration(i)*time.Second)
	}
	want = append(want, time.Duration(n)*time.Second, time.Duration(n)*time.Second)
	if !slices.Equal(at, want) {
		t.Errorf("requests at %v, want %v (ready after %v)", at, want, startups[0].Ready)
	}
}

// TestStartsInFlight holds the sums by bucket to adding up each start's overlap
// with each bucket.
func TestStartsInFlight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var requested, became starts
		type span struct{ from, to time.Duration }
		spans := make([]span, rapid.IntRange(1, 30).Draw(t, "starts"))
		for i := range spans {
			from := time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "from"))
			spans[i] = span{from, from + time.Duration(rapid.Int64Range(0, int64(9*time.Second)).Draw(t, "takes"))}
			requested.add(spans[i].from)
			became.add(spans[i].to)
		}
		x := observed{width: sketch.FirstWidth << rapid.IntRange(7, 12).Draw(t, "doublings")}
		n := int(30*time.Second/x.width) + 1
		for i, got := range x.startSeconds(&requested, &became, n) {
			var want float64
			from := time.Duration(i) * x.width
			for _, s := range spans {
				want += max(0, min(s.to, from+x.width)-max(s.from, from)).Seconds()
			}
			if math.Abs(got-want) > 1e-10 {
				t.Fatalf("bucket %d of %v: %v s in flight, want %v", i, x.width, got, want)
			}
		}
	})
}

// TestObservationOfRepeats: bands hold the mean, and repeats of different lengths
// come to one width.
func TestObservationOfRepeats(t *testing.T) {
	inv, p, starts := noisyBurst()
	result, err := RunArm(t.Context(), inv, p, starts, Options{Arm: "cold", Seed: 4, Repeats: 6, Observe: true})
	if err != nil {
		t.Fatal(err)
	}
	o := result.Observation
	courses := map[string]*Course{"requests": &o.Requests, "in flight": &o.InFlight}
	for i := range o.Links {
		courses[o.Links[i].Link] = &o.Links[i].Carried
	}
	for name, c := range courses {
		if len(c.Mean) > observationBuckets || len(c.Low) != len(c.Mean) || len(c.High) != len(c.Mean) {
			t.Fatalf("%s: %d means, %d and %d ends", name, len(c.Mean), len(c.Low), len(c.High))
		}
		for i := range c.Mean {
			if !(0 <= c.Low[i] && c.Low[i] <= c.Mean[i] && c.Mean[i] <= c.High[i]) {
				t.Fatalf("%s: bucket %d has %v in %v to %v", name, i, c.Mean[i], c.Low[i], c.High[i])
			}
		}
	}
	checkCarried(t, result)
}

// TestBusiestLinks: of many links those are kept that carry most, in order of name.
func TestBusiestLinks(t *testing.T) {
	o := Observation{Links: []LinkUse{{Link: LinkRegistry}, {Link: LinkUplink}}}
	for i := range 40 {
		o.Links = append(o.Links, LinkUse{Link: fmt.Sprintf("l%02d", i), Carried: Course{Mean: []float64{float64(i)}}})
	}
	o.keepBusiest()
	if len(o.Links) != 34 || o.LinksLeftOut != 8 || o.Links[2].Link != "l08" || o.Links[33].Link != "l39" {
		t.Errorf("%d links, %d left out, from %s to %s", len(o.Links), o.LinksLeftOut, o.Links[2].Link, o.Links[33].Link)
	}
}

// TestWhatLimits: of the registry's egress and the uplink, which carry the same,
// only what can be the bottleneck has a capacity.
func TestWhatLimits(t *testing.T) {
	none := network.Rate(0)
	slow := Fault{Kind: "registry-slow", At: time.Hour, For: time.Second, Registry: 15 * mb}
	for _, test := range []struct {
		name                     string
		registry, uplink         network.Rate
		faults                   []Fault
		wantRegistry, wantUplink network.Rate
	}{
		{"neither", network.Unlimited, network.Unlimited, nil, none, none},
		{"the registry alone", 30 * mb, network.Unlimited, nil, 30 * mb, none},
		{"the uplink alone", network.Unlimited, 20 * mb, nil, none, 20 * mb},
		{"the lesser", 30 * mb, 20 * mb, nil, none, 20 * mb},
		{"equal", 20 * mb, 20 * mb, nil, 20 * mb, 20 * mb},
		{"the registry while it is slow", 30 * mb, 20 * mb, []Fault{slow}, 30 * mb, 20 * mb},
		{"the registry all the time", 10 * mb, 20 * mb, []Fault{slow}, 10 * mb, none},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := bare()
			p.Network.Registry.Value, p.Network.Uplink.Value = test.registry, test.uplink
			result, err := RunArm(t.Context(), inventory([]testLayer{{"a", mb, 0, 0}}), p, []Start{{App: "x", Images: []int{0}}}, Options{Observe: true, Faults: test.faults})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []network.Rate{test.wantRegistry, test.wantUplink} {
				l := &result.Observation.Links[i]
				if got := l.Capacity; (got == nil) != (want == none) || got != nil && *got != want {
					t.Errorf("capacity of the %s: %v, want %v", l.Link, got, want)
				}
			}
		})
	}
}

// TestMostInFlight: what is told of the most starts in flight is what counting
// them at each request gives; a mean of a bucket may be far below.
func TestMostInFlight(t *testing.T) {
	inv, p, starts := noisyBurst()
	const repeats = 3
	result, err := RunArm(t.Context(), inv, p, starts, Options{Arm: "cold", Seed: 4, Repeats: repeats, Observe: true})
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	best, at := 0, time.Duration(0)
	for repeat := range repeats {
		most, mostAt := 0, time.Duration(0)
		startups := result.Startups[repeat*len(starts):][:len(starts)]
		for i := range startups {
			now, inFlight := startups[i].Requested, 0
			for k := range startups {
				if s := &startups[k]; s.Requested <= now && now < s.Requested+s.Ready {
					inFlight++
				}
			}
			if inFlight > most || inFlight == most && now < mostAt {
				most, mostAt = inFlight, now
			}
		}
		if sum += float64(most); most > best {
			best, at = most, mostAt
		}
	}
	o := result.Observation
	if o.MostInFlight.Value != sum/repeats || o.MostInFlightAt != at {
		t.Errorf("most in flight %v at %v, want %v at %v", o.MostInFlight.Value, o.MostInFlightAt, sum/repeats, at)
	}
	if mean, _, _ := o.InFlight.Peak(); mean > o.MostInFlight.Value*(1+1e-5) {
		t.Errorf("a bucket's mean of %v is above the most, %v", mean, o.MostInFlight.Value)
	}
}
