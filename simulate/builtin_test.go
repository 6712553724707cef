package simulate

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// TestBuiltIns: each is found under its own name, is valid and says where every
// value comes from; the error for another name lists them all.
func TestBuiltIns(t *testing.T) {
	for _, name := range BuiltInNames() {
		p, err := BuiltIn(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != name {
			t.Errorf("built-in %s calls itself %s", name, p.Name)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, v := range p.Values() {
			word, rest, _ := strings.Cut(v.Source, ": ")
			if !slices.Contains([]string{"measured", "published", "assumed"}, word) || rest == "" {
				t.Errorf("%s: %s has source %q", name, v.Name, v.Source)
			}
			if word == "measured" {
				record := regexp.MustCompile(`testdata/builtin/\w+\.csv`).FindString(rest)
				if _, err := os.Stat(filepath.Join("..", record)); record == "" || err != nil {
					t.Errorf("%s: of %s no runs are on record: %q, %v", name, v.Name, v.Source, err)
				}
			}
			if p.OfECI() && word == "measured" {
				t.Errorf("%s: %s is called measured, but nothing was measured on ECI", name, v.Name)
			}
		}
	}
	based := &Profile{Name: "ours", Base: "eci-calls"}
	calibrated := &Profile{Name: "ours", Base: "eci", Start: StartProfile{Provision: is(time.Second, "measured: our own starts")}}
	if !based.UnmeasuredECI() || !calibrated.OfECI() || calibrated.UnmeasuredECI() || Docker().OfECI() {
		t.Error("a profile is of ECI when its base is, and calibrated when a value was measured")
	}
	_, err := BuiltIn("k8s")
	if err == nil {
		t.Fatal("k8s is found")
	}
	for _, name := range append(BuiltInNames(), `"k8s"`) {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}

// still is a built-in profile whose rules hold but in which nothing takes time.
func still(t *testing.T, name string) *Profile {
	p, err := BuiltIn(name)
	if err != nil {
		t.Fatal(err)
	}
	n, u := &p.Network, &p.Unpack
	n.RoundTrip, n.Request = is(time.Duration(0), ""), is(time.Duration(0), "")
	n.Node, n.Connection = is(network.Unlimited, ""), is(network.Unlimited, "")
	u.Gzip, u.Disk = is(network.Unlimited, ""), is(network.Unlimited, "")
	u.Layer, u.File = is(time.Duration(0), ""), is(time.Duration(0), "")
	p.Start.Provision, p.Start.Create, p.Start.AdmitPerSecond.Value = is(time.Duration(0), ""), is(time.Duration(0), ""), float64(network.Unlimited)
	return p
}

// TestReadingsOfAdmission: of 1,000 starts at once the last is admitted
//
//	eci                900 after the burst of 100, at 20 a second: 45 s
//	eci-calls          with the burst, which is a minute's calls: 0 s
//	eci-virtual-nodes  999 after the first at 10,000 a minute: 5.994 s
//
// and of 2,000 on eci-calls a minute after the first, as with a counter that is
// set back each minute.
func TestReadingsOfAdmission(t *testing.T) {
	inv := inventory([]testLayer{{"a", mb, mb, 1}})
	for _, test := range []struct {
		profile string
		starts  int
		want    time.Duration
	}{
		{"eci", 1000, 45 * time.Second},
		{"eci-calls", 1000, 0},
		{"eci-calls", 2000, time.Minute},
		{"eci-virtual-nodes", 1000, 5994 * ms},
	} {
		p, err := BuiltIn(test.profile)
		if err != nil {
			t.Fatal(err)
		}
		starts := make([]Start, test.starts)
		for i := range starts {
			starts[i] = Start{App: "a", Images: []int{0}}
		}
		last := time.Duration(0)
		for _, s := range run(t, inv, p, Options{}, starts...) {
			last = max(last, *s.Phases.Admit)
		}
		if last != test.want {
			t.Errorf("%s: the last of %d is admitted after %v, want %v", test.profile, test.starts, last, test.want)
		}
	}
}

// TestBlobAboveAnotherParent: the second image holds a layer of the first, of
// 7 MB, above another base of 5 MB. A client that keeps blobs fetches the base
// alone, docker both.
func TestBlobAboveAnotherParent(t *testing.T) {
	app := testLayer{"app", 7 * mb, mb, 1}
	inv := inventory([]testLayer{{"base 1", 3 * mb, mb, 1}, app}, []testLayer{{"base 2", 5 * mb, mb, 1}, app})
	for profile, want := range map[string]int64{"containerd": 5 * mb, "containerd-1": 5 * mb, "docker": 12 * mb} {
		got := run(t, inv, still(t, profile), Options{},
			Start{App: "a", Images: []int{0}, Node: "n"}, Start{App: "b", Requested: time.Second, Images: []int{1}, Node: "n"})
		if got[0].FetchedBytes != 10*mb || got[1].FetchedBytes != want || got[1].UnpackedBytes != 2*mb {
			t.Errorf("%s: fetched %d, then %d of which %d unpacked; want %d, then %d and %d",
				profile, got[0].FetchedBytes, got[1].FetchedBytes, got[1].UnpackedBytes, 10*mb, want, 2*mb)
		}
	}
}

// TestPatience: the registry is down for the first 55 s, and answers and
// transfers take no time. containerd asks again at once, so that each pull fails
// at once; the kubelet tries it again after 10, 20 and 40 s, at 10, 30 and 70 s,
// each time at the next look at the pod, of which there is one every 10 to 15 s: the
// first after 10 to 15 s, the second after 20 to 30, the third or fourth after 40 to
// 55. docker asks again after 5, 10, 15 and 20 s, at 5, 15, 30 and 50 s, and whoever
// started it 10 to 15 s later.
func TestPatience(t *testing.T) {
	inv := inventory([]testLayer{{"a", mb, mb, 1}})
	down := Options{Faults: []Fault{{Kind: "registry-down", For: 55 * time.Second}}}
	for profile, want := range map[string][2]time.Duration{
		"containerd": {70 * time.Second, 100 * time.Second}, "containerd-1": {70 * time.Second, 100 * time.Second}, "docker": {60 * time.Second, 65 * time.Second},
	} {
		p := still(t, profile)
		atOnce := *p
		atOnce.Pull.Retry.Sync = Parameter[time.Duration]{}
		for _, node := range []string{"", "n"} {
			var starts []Start
			for range 200 {
				// A moment after the registry went down, whatever is first of one instant.
				starts = append(starts, Start{App: "a", Requested: 1, Images: []int{0}, Node: node})
			}
			if got := run(t, inv, &atOnce, down, starts[0])[0]; got.Ready != want[0] {
				t.Errorf("%s on node %q: ready after %v, want %v", profile, node, got.Ready, want[0])
			}
			if node != "" {
				starts = starts[:1]
			}
			distinct := map[time.Duration]bool{}
			for _, got := range run(t, inv, p, down, starts...) {
				if got.Ready < want[0] || got.Ready > want[1] {
					t.Errorf("%s on node %q: ready after %v, want %v to %v", profile, node, got.Ready, want[0], want[1])
				}
				distinct[got.Ready] = true
			}
			if len(distinct) != len(starts) {
				t.Errorf("%s on node %q: %d starts are tried again at %d times: some in step", profile, node, len(starts), len(distinct))
			}
		}
	}
}

// TestConnectionForEachRequest: with 10 ms for a round trip, one of them to
// connect, and two layers asked for one after another, a pull makes 3 requests and
// 2 for layers. Where connections are kept: 10 + 5 x 10 ms; else 5 x 20 ms.
func TestConnectionForEachRequest(t *testing.T) {
	inv := inventory([]testLayer{{"a", mb, mb, 1}, {"b", mb, mb, 1}})
	for profile, want := range map[string]time.Duration{"containerd": 60 * ms, "containerd-1": 60 * ms, "docker": 100 * ms} {
		p := still(t, profile)
		p.Network.RoundTrip = is(10*ms, "")
		p.Pull.MaxConcurrentDownloads = is[int64](1, "")
		for _, node := range []string{"", "n"} {
			start := Start{App: "a", Images: []int{0}, Node: node}
			estimate, err := EstimateStart(inv, p, &start)
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, inv, p, Options{}, start)[0]; got.Ready != want || estimate.Ready != want {
				t.Errorf("%s on node %q: ready after %v, estimated %v, want %v", profile, node, got.Ready, estimate.Ready, want)
			}
		}
	}
}
