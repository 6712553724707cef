package calibrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func loadPulls(t *testing.T, timeline *simulate.Timeline, opt Options) *Data {
	t.Helper()
	d, err := Load([]File{{"pulls.json", timeline}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPulls: pulls of which only time and size are known, at a known rate and with
// a known fixed time, give a profile on which an image of any size takes that long.
func TestPulls(t *testing.T) {
	const rate, fixed = 60e6, 0.8
	d := loadPulls(t, pullTimeline(3, 60, rate, fixed), brisk)
	c, p, err := d.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Basis != "pulls" || c.Runs != 180 || c.Arms != 60 || c.Folds != 2 {
		t.Errorf("%s, %d pulls of %d images, %d folds", c.Basis, c.Runs, c.Arms, c.Folds)
	}
	times, err := d.pullTimes(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range times {
		want := fixed + float64(d.pulled.Layers[d.pulled.Images[i].Layers[0]].CompressedBytes)/rate
		if math.Abs(got/want-1) > 0.08 {
			t.Errorf("%s takes %.2f s on the fitted profile, and is pulled in %.2f s", d.pulled.Images[i].Reference, got, want)
		}
	}
	// The noise is 15 %: its median is two thirds of that.
	held, base := c.Totals[0].Of(ByHeldOut), c.Totals[0].Of(ByBase)
	if held.Median < 0.07 || held.Median > 0.13 || base.Median < 2*held.Median {
		t.Errorf("held out %+v, base %+v", held, base)
	}
	// The base's answers, 9 ms, are a part of the fixed time.
	if x := parameterOf(t, c, "pull.startSeconds"); x.Low == nil || x.Value < 0.7*fixed || x.Value > 1.1*fixed || *x.Low > x.Value || *x.High < x.Value {
		t.Errorf("the fixed time is %+v", x)
	}
	if p.Network.Request != simulate.Containerd().Network.Request {
		t.Errorf("the registry's time to answer, which every layer waits for, is %+v", p.Network.Request)
	}
	if x := parameterOf(t, c, "unpack.gzipBytesPerSecond"); !x.Together || x.Value/(*x.Base) < 0.99*c.Factor.Value || x.Value/(*x.Base) > 1.01*c.Factor.Value {
		t.Errorf("all rates have one factor, %+v: %+v", c.Factor, x)
	}
	untoldBecause(t, c, "network.goodputFraction", "events tell only how long a whole pull took")
	if !strings.Contains(p.Network.Node.Source, "all rates of a pull by one factor") || p.Start.Create != simulate.Containerd().Start.Create {
		t.Errorf("%s; create %v", p.Network.Node.Source, p.Start.Create)
	}
}

// TestPullsOfFewImages: two images do not tell a fixed time, one nothing of others.
func TestPullsOfFewImages(t *testing.T) {
	c, _, err := loadPulls(t, pullTimeline(4, 2, 50e6, 0.5), brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	untoldBecause(t, c, "pull.startSeconds", "fixed time")
	// The interval is that of the factor that was fitted, alone.
	if c.Factor.Low > c.Factor.Value || c.Factor.High < c.Factor.Value {
		t.Errorf("factor %+v", c.Factor)
	}
	c, _, err = loadPulls(t, pullTimeline(4, 1, 50e6, 0.5), brisk).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Totals[0].Of(ByHeldOut) != nil || c.Totals[0].Of(ByFit) == nil || c.Folds != 0 {
		t.Errorf("%+v", c.Totals)
	}
}

// TestPullsWithLayers: with an inventory pulls are those of layers, and a factor
// that is known comes out.
func TestPullsWithLayers(t *testing.T) {
	w := newWorld(t, 1)
	truth := pullFit{factor: 0.5, start: 0.4, told: true}
	d := &Data{opt: Options{Base: simulate.Containerd()}.withDefaults(), all: fitted(), pulled: w.inv}
	times, err := d.pullTimes(t.Context(), truth.on(d, "assumed: test"))
	if err != nil {
		t.Fatal(err)
	}
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "kubelet"}}
	for i := range w.inv.Images {
		took := seconds(times[i])
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: simulate.ArmPull, App: "a", Images: []string{w.inv.Images[i].Reference},
			FetchedBytes: w.inv.Union(i).CompressedBytes, Phases: simulate.Phases{Pull: &took}, Ready: took,
		})
	}
	opt := brisk
	opt.Inventory = w.inv
	c, _, err := loadPulls(t, timeline, opt).Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Basis != "images" || math.Abs(c.Factor.Value/0.5-1) > 0.1 {
		t.Errorf("%s, factor %+v", c.Basis, c.Factor)
	}
	if s := c.Totals[0].Of(ByFit); s.Worst > 0.1 {
		t.Errorf("%+v", s)
	}
}

// TestPullsByBytesOnly: one layer of a size is unpacked as an inventory without
// unpacked sizes is.
func TestPullsByBytesOnly(t *testing.T) {
	d := loadPulls(t, pullTimeline(5, 3, 50e6, 0.5), brisk)
	for _, l := range d.pulled.Layers {
		if l.UnpackedSource != layers.Estimated || math.Abs(float64(*l.UnpackedBytes)/float64(l.CompressedBytes)/layers.GzipRatio-1) > 0.01 {
			t.Errorf("%+v", l)
		}
	}
	c, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Totals[0].Of(ByProfile) == nil || c.Parameters != nil || c.Factor != nil {
		t.Errorf("a check fits nothing: %+v", c)
	}
}

// TestFixedTimeOfManyLayers: a pull pays its fixed time once, however many layers the
// image has that a profile fitted to pulls of unknown layers is asked about.
func TestFixedTimeOfManyLayers(t *testing.T) {
	const rate, fixed = 60e6, 0.8
	d := loadPulls(t, pullTimeline(3, 60, rate, fixed), brisk)
	_, p, err := d.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// 300 MB in 1 layer and in 120, the most that a runtime takes or nearly so.
	inv := &layers.Inventory{}
	for _, n := range []int64{1, 120} {
		img := layers.Image{Reference: "example.com/app:1", Digest: layers.Digest(rune('a' + n))}
		for range n {
			img.Layers = append(img.Layers, len(inv.Layers))
			inv.Layers = append(inv.Layers, layers.Layer{
				Digest: layers.Digest(rune('A' + len(inv.Layers))), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: 300e6 / n,
			})
		}
		inv.Images = append(inv.Images, img)
	}
	d.pulled = inv.Estimated()
	times, err := d.pullTimes(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if one := fixed + 300e6/rate; math.Abs(times[0]/one-1) > 0.08 {
		t.Errorf("one layer takes %.2f s, not %.2f s", times[0], one)
	}
	// Layers that are unpacked while others arrive can only make it shorter; a third of
	// 120 answers of the base's 2 ms, and 120 layers of the fitted 4 ms, make it longer.
	if times[1] > times[0]+0.6 {
		t.Errorf("120 layers take %.2f s, one of as many bytes %.2f s", times[1], times[0])
	}
}

// TestFitOnHalfOfPulls: what was fitted is judged on what it was fitted to, all else on
// the rest: by hand.
func TestFitOnHalfOfPulls(t *testing.T) {
	timeline := pullTimeline(8, 20, 60e6, 0.5)
	opt := brisk
	opt.FitOn = func(a Arm) bool { return a.Half == 0 }
	d := loadPulls(t, timeline, opt)
	c, p, err := d.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byBase, err := d.pullTimes(t.Context(), d.opt.Base)
	if err != nil {
		t.Fatal(err)
	}
	byFit, err := d.pullTimes(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[string]float64)
	counts := make(map[string]int)
	var rates []float64
	for _, x := range d.pulls {
		if x.half == 0 {
			rates = append(rates, float64(x.bytes)/x.seconds)
		}
	}
	rate := median(rates)
	add := func(by string, predicted, measured float64) {
		sums[by] += math.Abs(predicted/measured - 1)
		counts[by]++
	}
	for _, x := range d.pulls {
		if x.half == 0 {
			add(ByFit, byFit[x.at], x.seconds)
			continue
		}
		add(ByBase, byBase[x.at], x.seconds)
		add(ByHeldOut, byFit[x.at], x.seconds)
		add(ByBytes, float64(x.bytes)/rate, x.seconds)
	}
	for by, sum := range sums {
		s := c.Totals[0].Of(by)
		if s == nil || s.Count != counts[by] || math.Abs(s.Mean-sum/float64(counts[by])) > 1e-5*s.Mean {
			t.Errorf("%s: %+v, by hand %d pulls are off by %g", by, s, counts[by], sum/float64(counts[by]))
		}
	}
	if noise := c.Totals[0].Of(Noise); noise.Count != counts[ByHeldOut] {
		t.Errorf("the noise is of %d pulls, %d are judged", noise.Count, counts[ByHeldOut])
	}
}

// TestOverlappingPulls: a pull that may have waited for another of its node is left
// out, one that followed it is not.
func TestOverlappingPulls(t *testing.T) {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: simulate.ToolKubelet}}
	add := func(image, node string, from, to time.Duration) {
		took := to - from
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: simulate.ArmPull, App: image, Images: []string{"example.com/" + image + ":1"}, Node: node,
			Requested: from, Ready: took, FetchedBytes: 100e6, Phases: simulate.Phases{Pull: &took},
		})
	}
	const s = time.Second
	// Three were asked for at once; each waited for those before it.
	add("first", "a", 0, 5*s)
	add("second", "a", 0, 10*s)
	add("third", "a", 0, 15*s)
	// The next begins when the last has ended, by a clock of whole seconds.
	add("fourth", "a", 14*s, 20*s)
	add("elsewhere", "b", 4*s, 12*s)
	// Of no node, each is an instance of its own.
	add("own", "", 0, 5*s)
	add("another", "", 0, 9*s)
	d := loadPulls(t, timeline, brisk)
	var kept []string
	for _, p := range d.pulls {
		kept = append(kept, strings.TrimSuffix(strings.TrimPrefix(p.image, "example.com/"), ":1"))
	}
	if got := strings.Join(kept, " "); got != "another elsewhere first fourth own" {
		t.Errorf("kept: %s", got)
	}
	if c := d.beginPulls(); c.Runs != 5 || !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.HasPrefix(s, "Pulls beside another of their node, 2 of them") }) {
		t.Errorf("%d pulls, %q", c.Runs, c.Doubts)
	}
}

// pullsAt are pulls of nodes, each of [node, from, to] in seconds, called by their places.
func pullsAt(pulls ...[3]int) *simulate.Timeline {
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: simulate.ToolKubelet}}
	for i, p := range pulls {
		took := time.Duration(p[2]-p[1]) * time.Second
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: simulate.ArmPull, App: "a", Images: []string{fmt.Sprintf("example.com/%03d:1", i)}, Node: fmt.Sprint(p[0]),
			Requested: time.Duration(p[1]) * time.Second, Ready: took, FetchedBytes: 100e6, Phases: simulate.Phases{Pull: &took},
		})
	}
	return timeline
}

// TestPullsAtOnce: who is left out where a node pulls in turn, and where it cannot, as one
// pull lies within another.
func TestPullsAtOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		pulls [][3]int
		kept  string
	}{
		{"in turn", [][3]int{{1, 0, 5}, {1, 5, 10}, {1, 9, 20}}, "000 001 002"},
		{"in turn, with their waiting", [][3]int{{1, 0, 15}, {1, 0, 5}, {1, 0, 10}}, "001"},
		{"one within another", [][3]int{{1, 0, 10}, {1, 4, 8}}, ""},
		{"so that others are at once too", [][3]int{{1, 0, 10}, {1, 4, 8}, {1, 20, 30}, {1, 25, 35}, {1, 40, 50}}, "004"},
		{"which without it are in turn", [][3]int{{1, 20, 30}, {1, 25, 35}, {1, 40, 50}}, "000 002"},
		{"on another node", [][3]int{{1, 0, 10}, {1, 4, 8}, {2, 20, 30}, {2, 25, 35}}, "002"},
		{"a short one within, beside a long one", [][3]int{{1, 0, 100}, {1, 50, 51}}, "000"},
		{"begun less than two seconds later, which may be before", [][3]int{{1, 0, 10}, {1, 1, 8}}, "001"},
		{"ended in one second", [][3]int{{1, 0, 10}, {1, 5, 10}}, "000"},
		{"an overlap of two seconds", [][3]int{{1, 0, 10}, {1, 8, 20}}, "000 001"},
	} {
		pulls := append(test.pulls, [3]int{9, 0, 5}) // one is always kept, for without pulls there is no fit
		d := loadPulls(t, pullsAt(pulls...), brisk)
		var kept []string
		for _, p := range d.pulls {
			kept = append(kept, strings.TrimSuffix(strings.TrimPrefix(p.image, "example.com/"), ":1"))
		}
		if got, want := strings.Join(kept, " "), strings.TrimPrefix(fmt.Sprintf("%s %03d", test.kept, len(pulls)-1), " "); got != want {
			t.Errorf("%s: kept %q, want %q", test.name, got, want)
		}
		if left := len(pulls) - len(kept); d.behind != left {
			t.Errorf("%s: %d are counted, %d left out", test.name, d.behind, left)
		}
	}
}

// TestPullsAtOncePairs holds who is left out to what the documents say, pair by pair.
func TestPullsAtOncePairs(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	parallel := 0
	for range 2000 {
		pulls := make([][3]int, 2+random.IntN(7))
		for i := range pulls {
			from := random.IntN(30)
			pulls[i] = [3]int{random.IntN(2), from, from + 1 + random.IntN(12)}
		}
		within := func(x, y [3]int) bool { return x[0] == y[0] && x[1] >= y[1]+2 && x[2] < y[2] }
		overlap := func(x, y [3]int) bool { return x[0] == y[0] && min(x[2], y[2])-max(x[1], y[1]) > 2 }
		atOnce := map[int]bool{}
		for _, x := range pulls {
			if slices.ContainsFunc(pulls, func(y [3]int) bool { return within(x, y) }) {
				atOnce[x[0]] = true
				parallel++
			}
		}
		got := besideOthers(pullsAt(pulls...).Startups)
		for i, x := range pulls {
			want := false
			for j, y := range pulls {
				// In one second the one that took longer ended first.
				after := cmp.Or(cmp.Compare(x[2], y[2]), cmp.Compare(x[1], y[1]), cmp.Compare(i, j)) > 0
				want = want || within(x, y) || i != j && overlap(x, y) && (after || atOnce[x[0]])
			}
			if got[i] != want {
				t.Fatalf("of %v pull %d is left out: %v, want %v", pulls, i, got[i], want)
			}
		}
	}
	if parallel < 500 {
		t.Errorf("only %d pulls lay within others", parallel)
	}
}

// TestUnsizedPulls: a pull of which not all is known is left out, whichever it is that is
// not known, and counted as such.
func TestUnsizedPulls(t *testing.T) {
	timeline := pullsAt([3]int{1, 0, 5}, [3]int{2, 0, 5}, [3]int{3, 0, 5})
	timeline.Startups[0].Unsized = true // its time is not its own
	timeline.Startups[1].Unsized, timeline.Startups[1].FetchedBytes = true, 0
	d := loadPulls(t, timeline, brisk)
	c := d.beginPulls()
	if want := "Pulls of which it is not known how much they fetched, or in what time, 2 of them, are left out."; c.Runs != 1 || !slices.Contains(c.Doubts, want) {
		t.Errorf("%d pulls, %q", c.Runs, c.Doubts)
	}
}

// TestOwnInventoryFirst: the layers that a timeline knows are those that were pulled; an
// inventory beside it is of another day, where a tag may have moved.
func TestOwnInventoryFirst(t *testing.T) {
	w := newWorld(t, 1)
	bytes := w.inv.Union(3).CompressedBytes
	own := &layers.Inventory{Layers: w.inv.Layers, Images: w.inv.Images[3:4]}
	newer := &layers.Inventory{
		Layers: []layers.Layer{{Digest: "sha256:newer", MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: bytes}},
		Images: []layers.Image{{Reference: own.Images[0].Reference, Digest: "sha256:newer image", Layers: []int{0}}},
	}
	opt := brisk
	opt.Inventory = newer
	for _, test := range []struct {
		name string
		inv  *layers.Inventory
		want int
	}{{"its own", own, len(own.Images[0].Layers)}, {"none", nil, 1}} {
		timeline := pullsAt([3]int{1, 0, 5})
		timeline.Measurement.Inventory = test.inv
		s := &timeline.Startups[0]
		s.Images, s.FetchedBytes = []string{own.Images[0].Reference}, bytes
		d := loadPulls(t, timeline, opt)
		if got := len(d.pulled.Images[d.pulls[0].at].Layers); got != test.want || d.layered != 1 {
			t.Errorf("of a timeline that holds %s the pull is of %d layers, want %d; %d are known", test.name, got, test.want, d.layered)
		}
	}
}

// TestMovedTag: an inventory's image of another size is another image.
func TestMovedTag(t *testing.T) {
	w := newWorld(t, 1)
	timeline := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: simulate.ToolKubelet}}
	for i, share := range []float64{0.97, 1.04, 0.9, 2} {
		took := time.Duration(i+1) * time.Second
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Measured, Arm: simulate.ArmPull, App: "a", Images: []string{w.inv.Images[i].Reference}, Node: fmt.Sprint(i),
			FetchedBytes: int64(share * float64(w.inv.Union(i).CompressedBytes)), Phases: simulate.Phases{Pull: &took}, Ready: took,
		})
	}
	opt := brisk
	opt.Inventory = w.inv
	d := loadPulls(t, timeline, opt)
	for _, p := range d.pulls {
		i := w.inv.Find(p.image, "", time.Time{})
		want, bytes := len(w.inv.Images[i].Layers), w.inv.Union(i).CompressedBytes
		if i >= 2 {
			want, bytes = 1, p.bytes
		}
		if n, got := len(d.pulled.Images[p.at].Layers), d.pulled.Union(p.at).CompressedBytes; n != want || got != bytes {
			t.Errorf("%s was pulled as %d layers of %d bytes, not %d of %d", p.image, n, got, want, bytes)
		}
	}
	c := d.beginPulls()
	if c.Basis != "pulls" || !slices.ContainsFunc(c.Doubts, func(s string) bool { return strings.HasPrefix(s, "Of 2 of them the inventory's image") }) {
		t.Errorf("%s, %q", c.Basis, c.Doubts)
	}
}

// TestInventoryOfEach: each timeline's pulls are of its own inventory's images.
func TestInventoryOfEach(t *testing.T) {
	w := newWorld(t, 1)
	var files []File
	for i := range 2 {
		took := time.Second
		inv := &layers.Inventory{Layers: w.inv.Layers, Images: w.inv.Images[i+1 : i+2]}
		files = append(files, File{fmt.Sprint(i), &simulate.Timeline{
			Startups: []simulate.Startup{{
				Source: simulate.Measured, Arm: simulate.ArmPull, App: "a", Images: []string{inv.Images[0].Reference}, Node: "n",
				FetchedBytes: inv.Union(0).CompressedBytes, Phases: simulate.Phases{Pull: &took}, Ready: took,
			}},
			Measurement: &simulate.Measurement{Tool: simulate.ToolKubelet, Inventory: inv},
		}})
	}
	d, err := Load(files, brisk)
	if err != nil {
		t.Fatal(err)
	}
	if d.layered != 2 || len(d.pulled.Images[d.pulls[1].at].Layers) != len(w.inv.Images[2].Layers) {
		t.Errorf("the layers of %d pulls are known, of the second %d", d.layered, len(d.pulled.Images[d.pulls[1].at].Layers))
	}
}

// TestPullsInterrupted: a fit ends when its context does, before the next sample.
func TestPullsInterrupted(t *testing.T) {
	opt := brisk
	opt.Samples = 1 << 40 // would never end
	ctx, cancel := context.WithCancel(t.Context())
	opt.Progress = func(string) { cancel() }
	_, _, err := loadPulls(t, pullTimeline(4, 10, 50e6, 0.5), opt).Fit(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestManyPulls: of a large cluster's pulls of one image and of many the noise is that
// of a definition that takes the square of their number, and a bootstrap takes as many
// as say enough.
func TestManyPulls(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	times := make([]float64, 301)
	for i := range times {
		times[i] = math.Round(50 * math.Exp(random.NormFloat64()))
	}
	got := noiseOf(times, "a")
	for i, x := range times {
		want := x/median(slices.Delete(slices.Clone(times), i, i+1)) - 1
		if got[i].error != want || got[i].arm != "a" {
			t.Fatalf("%g is off by %g, not %g", x, got[i].error, want)
		}
	}
	all := make([]*pull, 5000)
	for i := range all {
		all[i] = &pull{seconds: float64((i * 7919) % 5000)}
	}
	few := thinned(all, 100)
	seconds := make([]float64, len(few))
	for i, p := range few {
		seconds[i] = p.seconds
	}
	near(t, "the median of a tenth", median(seconds), 2500)
	if len(few) != 100 || len(thinned(all[:100], 100)) != 100 {
		t.Errorf("%d of 5000 pulls", len(few))
	}
}
