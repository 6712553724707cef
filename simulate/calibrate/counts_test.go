package calibrate

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// TestMedianIn: by hand, from the pulls in order.
func TestMedianIn(t *testing.T) {
	s := time.Second
	buckets := []simulate.PullBucket{{Above: 0, UpTo: s, Pulls: 2}, {Above: s, UpTo: 5 * s, Pulls: 3}, {Above: 10 * s, Pulls: 5}}
	for _, test := range []struct {
		buckets  []simulate.PullBucket
		from, to time.Duration
	}{
		{buckets, s, 0},          // of 10 between the 5th, of 1 to 5 s, and the 6th
		{buckets[:2], s, 5 * s},  // of 5 the 3rd
		{buckets[:1], 0, s},      // of 2 between both
		{buckets[2:], 10 * s, 0}, // of 5 the 3rd
		{[]simulate.PullBucket{buckets[0], {Above: s, UpTo: 5 * s, Pulls: 2}}, 0, 5 * s}, // of 4 between the 2nd and the 3rd
	} {
		n := 0
		for _, b := range test.buckets {
			n += b.Pulls
		}
		if from, to := medianIn(test.buckets, n); from != test.from || to != test.to {
			t.Errorf("%v: %v to %v, want %v to %v", test.buckets, from, to, test.from, test.to)
		}
	}
}

// TestOutside: by hand.
func TestOutside(t *testing.T) {
	s := time.Second
	for _, test := range []struct {
		fastest, slowest, from, to time.Duration
		want                       float64
	}{
		{6 * s, 7 * s, 5 * s, 10 * s, 0}, {4 * s, 6 * s, 5 * s, 10 * s, 0}, {1 * s, 20 * s, 5 * s, 10 * s, 0},
		{1 * s, 4 * s, 5 * s, 10 * s, -0.2}, {12 * s, 20 * s, 5 * s, 10 * s, 0.2}, {12 * s, 20 * s, 5 * s, 0, 0}, {0, 0, 0, s, 0}, {2 * s, 2 * s, 0, s, 1},
	} {
		if got := outside(test.fastest, test.slowest, test.from, test.to); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

// kubeletCount counts pulls as a kubelet does (Kubernetes 1.34).
func kubeletCount(c *simulate.PullCount, took float64) {
	bounds := []float64{0, 1, 5, 10, 20, 30, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600}
	at := 0
	for at+1 < len(bounds) && took > bounds[at+1] {
		at++
	}
	b := simulate.PullBucket{Above: seconds(bounds[at]), Pulls: 1}
	if at+1 < len(bounds) {
		b.UpTo = seconds(bounds[at+1])
	}
	i := slices.IndexFunc(c.Buckets, func(x simulate.PullBucket) bool { return x.Above == b.Above })
	if i >= 0 {
		c.Buckets[i].Pulls++
		return
	}
	c.Buckets = append(c.Buckets, b)
	slices.SortFunc(c.Buckets, func(x, y simulate.PullBucket) int { return cmp.Compare(x.Above, y.Above) })
}

// countsOf counts one pull of each image of an inventory on a profile, each time a factor as
// long.
func countsOf(t *testing.T, inv *layers.Inventory, p *simulate.Profile, factor float64) *simulate.Timeline {
	t.Helper()
	list := []simulate.PullCount{{Size: "10MB-100MB", AboveBytes: 10 << 20, UpToBytes: 100 << 20}, {Size: "100MB-500MB", AboveBytes: 100 << 20, UpToBytes: 500 << 20}}
	for i := range inv.Images {
		e, err := simulate.EstimateStart(inv, p, &simulate.Start{App: "a", Images: []int{i}, PullPolicy: "Always"})
		if err != nil {
			t.Fatal(err)
		}
		for k := range list {
			if n := inv.Union(i).CompressedBytes; n > list[k].AboveBytes && n <= list[k].UpToBytes {
				kubeletCount(&list[k], e.Pull.Seconds()*factor)
			}
		}
	}
	return &simulate.Timeline{Measurement: &simulate.Measurement{Tool: simulate.ToolKubelet, PullCounts: list}}
}

// sizedInventory has images of one layer of each size in megabytes.
func sizedInventory(megabytes ...int64) *layers.Inventory {
	inv := &layers.Inventory{}
	for n, mb := range megabytes {
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest("l" + string(rune('a'+n))), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: mb * 1e6})
		inv.Images = append(inv.Images, layers.Image{Reference: "example.com/app" + string(rune('a'+n)) + ":1", Digest: layers.Digest("i" + string(rune('a'+n))), Layers: []int{n}})
	}
	return inv.Estimated()
}

// TestCountedPulls: counts of what the profile itself would have taken go with it; where
// pulls took five times as long, or a fifth, it is off by the distance to the nearest bound.
func TestCountedPulls(t *testing.T) {
	inv := sizedInventory(20, 40, 60, 80, 90, 150, 200, 250, 300, 400)
	for _, factor := range []float64{1, 5, 0.2} {
		timeline := countsOf(t, inv, simulate.Containerd(), factor)
		for _, known := range []bool{true, false} {
			opt := brisk
			if known {
				opt.Inventory = inv
			}
			c, err := loadPulls(t, timeline, opt).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.Basis != "counts" || c.Runs != 10 || len(c.Counts) != 2 {
				t.Fatalf("%+v", c)
			}
			for i, x := range c.Counts {
				by, images := BySizes, 0
				if known {
					by, images = ByInventory, 5
				}
				if x.By != by || x.Images != images || x.Pulls != 5 || (x.Predicted != nil) != known {
					t.Errorf("factor %v: %+v", factor, x)
				}
				// The median is of the third of five; the bounds hold what it took.
				e, err := simulate.EstimateStart(inv, simulate.Containerd(), &simulate.Start{App: "a", Images: []int{i*5 + 2}, PullPolicy: "Always"})
				if err != nil {
					t.Fatal(err)
				}
				took := e.Pull.Seconds()
				if m := took * factor; m <= x.From.Seconds() || x.To > 0 && m > x.To.Seconds() {
					t.Errorf("factor %v: a median of %v s is not between %v and %v", factor, m, x.From, x.To)
				}
				want := 0.0
				switch {
				case took < x.From.Seconds():
					want = took/x.From.Seconds() - 1
				case took > x.To.Seconds():
					want = took/x.To.Seconds() - 1
				}
				switch {
				case known && math.Abs(x.LeastError-want) > 1e-3:
					t.Errorf("factor %v: off by %v, want %v", factor, x.LeastError, want)
				case factor == 1 && (x.LeastError != 0 || x.CoveredFraction != 1):
					t.Errorf("its own pulls: %+v", x)
				case factor == 5 && known && i == 1 && x.LeastError >= 0, factor == 0.2 && known && i == 1 && x.LeastError <= 0:
					t.Errorf("factor %v: %+v goes with it", factor, x)
				}
			}
			if doubts := strings.Join(c.Doubts, "\n"); strings.Contains(doubts, "no image of their size is known") == known {
				t.Errorf("known %v: %s", known, doubts)
			}
		}
	}
}

// TestCountsAdd: counts of other times add up, those that are read again count once, and
// nothing is fitted to them.
func TestCountsAdd(t *testing.T) {
	inv := sizedInventory(20, 40, 200)
	one, other := countsOf(t, inv, simulate.Containerd(), 1), countsOf(t, inv, simulate.Containerd(), 3)
	other.Measurement.PullCounts = append(other.Measurement.PullCounts, simulate.PullCount{Size: "N/A", Buckets: []simulate.PullBucket{{Pulls: 4}}})
	d, err := Load([]File{{"a", one}, {"b", other}, {"c", one}}, brisk)
	if err != nil {
		t.Fatal(err)
	}
	if all, sized := d.countedPulls(); all != 10 || sized != 6 {
		t.Errorf("%d pulls, %d of known size", all, sized)
	}
	c, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	doubts := strings.Join(c.Doubts, "\n")
	for _, want := range []string{"Of 4 of 10 counted pulls the size is unknown", "1 of the files have the same counts"} {
		if !strings.Contains(doubts, want) {
			t.Errorf("no doubt %q in %s", want, doubts)
		}
	}
	if _, _, err := d.Fit(t.Context()); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "--check") {
		t.Errorf("a fit to counts: %v", err)
	}
	// Beside single pulls they are held against what is fitted to these.
	timeline := pullTimeline(5, 12, 60e6, 0.5)
	timeline.Measurement.PullCounts = one.Measurement.PullCounts
	c, p, err := loadPulls(t, timeline, brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Basis != "pulls" || len(c.Counts) != 2 || c.Counts[0].By != ByPulls && c.Counts[1].By != ByPulls || c.Profile != p.Name {
		t.Errorf("%+v", c.Counts)
	}
}
