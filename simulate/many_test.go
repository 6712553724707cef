package simulate

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// TestManyDifferentStarts: starts that differ in their own times and shares alone, and
// caches that are read one after another, take no memory once they are done.
func TestManyDifferentStarts(t *testing.T) {
	const n = 2000
	inv := inventory([]testLayer{{"a", mb, 10 * mb, 0}})
	p := freeProfile()
	p.Cache.Copy, p.Cache.ReadFraction = is[network.Rate](100*mb, ""), is(0.5, "")
	w, err := newWorld(inv, p)
	if err != nil {
		t.Fatal(err)
	}
	ready := make([]time.Duration, n)
	e := newEngine(w, &Options{}, 0, func(i int, s *Startup) { ready[i] = s.Ready })
	err = e.run(t.Context(), func(yield func(int, *Start) bool) {
		for i := range n {
			own, share := time.Duration(i)*ms, float64(i)/n
			s := &Start{App: "a", Requested: time.Duration(i) * 10 * time.Second, Images: []int{0}, Runtime: time.Duration(i), Ready: &own}
			if i%2 == 1 {
				s.CacheID, s.Held, s.ReadFraction = fmt.Sprint("c", i%20), []int{0}, &share
			}
			if !yield(i, s) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range ready {
		// Its own time, and its share of 10 MB at 100 MB/s.
		want := time.Duration(i) * ms
		if i%2 == 1 {
			want += time.Duration(math.Round(math.Round(float64(i)/n*10*mb) / 100 * 1000))
		}
		if (got - want).Abs() > 2 {
			t.Fatalf("start %d is ready after %v, want %v", i, got, want)
		}
	}
	if used := e.templates.Used(); used != 11 {
		t.Errorf("%d templates, want one without a cache and one for each of ten", used)
	}
	if len(e.copies) != 0 || len(e.spareCopies) != 1 {
		t.Errorf("%d links of copies are in use and %d are spare, want 0 and 1", len(e.copies), len(e.spareCopies))
	}
}

// TestManyLayers: more layers than 16 bits count.
func TestManyLayers(t *testing.T) {
	const half = 33_000
	var image [2][]testLayer
	for i := range 2 * half {
		image[i/half] = append(image[i/half], testLayer{fmt.Sprint(i), 0, 0, 0})
	}
	inv := inventory(image[0], image[1])
	got := run(t, inv, freeProfile(), Options{}, Start{App: "a", Images: []int{0, 1}, CacheID: "c", Held: []int{0, 1}})[0]
	if got.LayersReused != 2*half {
		t.Errorf("%d layers are reused, want %d", got.LayersReused, 2*half)
	}
}

// TestStalePlan: an unpack takes 1,000 s on the one core of a node. For the first 34 s
// another pull fetches 34,000 empty layers, each answered after 1 ms, and takes half
// of the core: 1,017 s. Each layer changes the time set down for the end twice, so
// more often than 16 bits count.
func TestStalePlan(t *testing.T) {
	const n = 34_000
	var small []testLayer
	for i := range n {
		small = append(small, testLayer{fmt.Sprint(i), 0, 0, 0})
	}
	inv := inventory([]testLayer{{"big", 0, 1000 * mb, 0}}, small)
	p := freeProfile()
	p.Unpack.Cores, p.Unpack.Disk, p.Unpack.FetchDiskFraction = is(1.0, ""), is[network.Rate](mb, ""), is(0.5, "")
	p.Network.RoundTrip, p.Pull.MaxConcurrentDownloads = is(ms, ""), is[int64](1, "")
	got := run(t, inv, p, Options{}, Start{App: "a", Images: []int{0}, Node: "n"}, Start{App: "b", Images: []int{1}, Node: "n"})[0].Ready
	if want := 1017 * time.Second; (got - want).Abs() > 10*ms {
		t.Errorf("ready after %v, want %v", got, want)
	}
}

// TestBeyondAllMeasure: what would take longer than ten years is refused by name.
func TestBeyondAllMeasure(t *testing.T) {
	inv := inventory([]testLayer{{"big", 1 << 40, 1 << 40, 0}})
	slow := freeProfile()
	slow.Network.Node = is[network.Rate](1, "")
	slowDisk := freeProfile()
	slowDisk.Unpack.Disk = is[network.Rate](1, "")
	queue := freeProfile()
	queue.Start.AdmitPerSecond.Value = 1e-9
	const tail = " would go on for more than 87600h0m0s after the beginning: a rate of profile case is too low for it, or a time too long"
	one := []Start{{App: "web", Images: []int{0}}}
	for _, test := range []struct {
		name    string
		profile *Profile
		starts  []Start
		want    string
	}{
		{"transfer", slow, one, "simulate app web: the transfer of layer blob big of image example.com/image:0" + tail},
		{"unpacks on a lane", slowDisk, one, "simulate app web: the unpacking of image example.com/image:0" + tail},
		{"unpack on a node", slowDisk, []Start{{App: "web", Images: []int{0}, Node: "n"}}, "simulate app web: the unpacking of layer blob big of image example.com/image:0" + tail},
		{"admission", queue, []Start{one[0], one[0], one[0]}, "simulate app web: its wait to be admitted (start.admitPerSecond)" + tail},
		{"request", freeProfile(), []Start{{App: "web", Images: []int{0}, Requested: longest + 1}}, "simulate app web: its start is requested after more than 87600h0m0s (87600h0m0.000000001s)"},
	} {
		if got := refusal(t, inv, test.profile, test.starts, Options{}); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
	for _, p := range []*Profile{slow, slowDisk} {
		e, err := EstimateStart(inv, p, &one[0])
		if err == nil || !strings.HasPrefix(err.Error(), "estimate app web: a start would take more than 87600h0m0s: a rate of profile case is too low") {
			t.Errorf("estimated %v, %v", e.Ready, err)
		}
	}
}
