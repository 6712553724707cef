package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// TestTogether: starts on one node share blobs and chains, those on several do not.
func TestTogether(t *testing.T) {
	both := []Start{{Image: app}, {Image: web}, {Image: app, Node: 1}}
	e := &Experiment{Repeats: 1, Warmup: none(), Arms: []Arm{{Name: "together", Starts: both, Link: &Link{Rate: network.Unlimited}}}}
	f := newFake()
	tl, err := Run(t.Context(), e, testInventory(), f, f.options())
	if err != nil || tl.Measurement.Runs[0].Void != "" {
		t.Fatalf("%v: %+v", err, tl.Measurement.Runs)
	}
	if a := tl.Measurement.Arms[0]; !a.Profile.IsZero() || a.DropPageCache {
		t.Errorf("an unlimited link sets a value, or the page cache is dropped: %+v", a)
	}
	got := evidenceOf(testInventory(), e.Arms)[0]
	want := []nodeEvidence{
		// b, a, w and x once: 1000 + 200 + 300 + 10; x is unpacked on both.
		{"node-0", bounds{1510, 1510}, bounds{3000 + 500 + 20 + 700 + 20, 4240}, bounds{0, 1}},
		{"node-1", bounds{1210, 1210}, bounds{3520, 3520}, bounds{0, 0}},
	}
	if !slices.Equal(got, want) {
		t.Errorf("evidence %+v, want %+v", got, want)
	}
	// Where app is kept, x of web need not be fetched if its blob was kept too.
	got = evidenceOf(testInventory(), []Arm{{Starts: start(web), Keep: []string{app}}})[0]
	want = []nodeEvidence{{"node-0", bounds{300, 310}, bounds{720, 720}, bounds{1, 1}}}
	if !slices.Equal(got, want) {
		t.Errorf("evidence %+v, want %+v", got, want)
	}
}

// TestEvidenceProperty: a runtime that keeps no blobs does what is expected of it,
// whatever images stand on whatever others; one that has one image too many, and so
// fetches or unpacks less, is found out.
func TestEvidenceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFake()
		f.inv = randomInventory(t)
		refs := func(name string, least int) []string {
			var all []string
			for _, img := range f.inv.Images {
				all = append(all, img.Reference)
			}
			return someOf(t, name, least, all...)
		}
		a := Arm{Name: "a", Keep: refs("keep", 0)}
		for _, ref := range refs("starts", 1) {
			a.Starts = append(a.Starts, Start{Image: ref, Node: rapid.IntRange(0, 1).Draw(t, "node")})
		}
		e := &Experiment{Repeats: 1, Warmup: none(), Arms: []Arm{a}, Images: refs("images", len(f.inv.Images))}
		opt := f.options()
		opt.Retries = -1
		tl, err := Run(t.Context(), e, f.inv, f, opt)
		if err != nil || tl.Measurement.Runs[0].Void != "" {
			t.Fatalf("%v: %+v", err, tl.Measurement.Runs)
		}
		secret := rapid.SampledFrom(refs("images", len(f.inv.Images))).Draw(t, "secretly kept")
		more := a
		more.Keep = append(slices.Clone(a.Keep), secret)
		was := tl.Startups
		if got, err := f.Run(t.Context(), &more); err != nil || sameWork(was, got) {
			return // the secret was of no use
		}
		g := &secretive{f, &more}
		if tl, err = Run(t.Context(), e, f.inv, g, opt); !errors.Is(err, ErrNothingCounts) {
			t.Fatal(err)
		}
		if !strings.Contains(tl.Measurement.Runs[0].Void, "silently reused content") {
			t.Fatalf("%s was there and nobody saw it: %+v", secret, tl.Measurement.Runs)
		}
	})
}

// secretive runs another arm than it is asked to.
type secretive struct {
	*fakeRunner
	arm *Arm
}

func (s *secretive) Run(ctx context.Context, _ *Arm) ([]simulate.Startup, error) {
	return s.fakeRunner.Run(ctx, s.arm)
}

func sameWork(a, b []simulate.Startup) bool {
	return slices.EqualFunc(a, b, func(x, y simulate.Startup) bool {
		return x.FetchedBytes == y.FetchedBytes && x.UnpackedBytes == y.UnpackedBytes
	})
}

// randomInventory has images of a few layers that stand on each other in many ways.
func randomInventory(t *rapid.T) *layers.Inventory {
	inv := &layers.Inventory{}
	for i := range 6 {
		unpacked := int64(1000 + i)
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprintf("sha256:%d", i)), DiffID: layers.Digest(fmt.Sprintf("sha256:diff%d", i)),
			CompressedBytes: int64(1) << i, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured})
	}
	for i := range rapid.IntRange(2, 6).Draw(t, "images") {
		list := rapid.SliceOfN(rapid.IntRange(0, 5), 1, 4).Draw(t, "layers")
		inv.Images = append(inv.Images, layers.Image{Reference: fmt.Sprintf("r.test/i:%d", i), Digest: "sha256:x", Platform: "linux/amd64", Layers: list})
	}
	return inv
}

// TestOddInventories: sizes that are not measured are no evidence, and are told of;
// so is an arm that keeps what it has no use for.
func TestOddInventories(t *testing.T) {
	inv := testInventory()
	inv.Layers[1].UnpackedBytes, inv.Layers[1].UnpackedSource = nil, ""
	inv.Layers[3].CompressedSource = layers.Estimated
	other := inv.Layers[2]
	other.Digest, other.DiffID = "sha256:o", "sha256:diff-o"
	inv.Layers = append(inv.Layers, other)
	inv.Images = append(inv.Images, layers.Image{Reference: "lone:1", Platform: "linux/amd64", Layers: []int{2}}, layers.Image{Reference: "other:1", Platform: "linux/amd64", Layers: []int{4}})
	arms := []Arm{{Name: "app", Starts: start(app)}, {Name: "web", Starts: start(web)}, {Name: "idle", Starts: start(app), Keep: []string{"lone:1"}}}
	got := evidenceOf(inv, arms)
	if got[0][0].unpack != anything || got[0][0].fetch != (bounds{1210, 1210}) {
		t.Errorf("without an unpacked size: %+v", got[0])
	}
	if got[1][0].fetch != anything || got[1][0].unpack != (bounds{3720, 3720}) {
		t.Errorf("with an estimated blob: %+v", got[1])
	}
	f := newFake()
	f.inv = inv
	inv.Layers[1].UnpackedBytes = new(int64) // the fake adds it up, though it is not known
	tl, err := Run(t.Context(), &Experiment{Repeats: 1, Warmup: none(), Arms: []Arm{
		{Name: "idle", Starts: start(app), Keep: []string{"lone:1"}}, {Name: "apart", Starts: start(app), Keep: []string{"other:1"}},
		{Name: "vague", Starts: start(web), Keep: []string{"lone:1"}}, {Name: "app", Starts: start(web), Keep: []string{app}},
	}}, inv, f, f.options())
	if err != nil {
		t.Fatal(err)
	}
	doubts := strings.Join(tl.Doubts, "\n") + "\n"
	for _, want := range []string{
		"arm idle keeps images that share no unpacked layer with what it starts; a runtime that keeps blobs need not fetch 10 bytes of it",
		"arm apart keeps images that share no unpacked layer with what it starts: its starts are cold",
		"arm vague keeps images that share no unpacked layer with what it starts\n", // sizes are not known
		"the unpacked sizes of 1 layers were not measured: what was unpacked of them is no evidence of what was reused",
		"of 4 of 4 runs it is not known how busy other processes kept the host: they were too short to tell, there is no /proc, or the runtime's own cannot be named",
	} {
		if !strings.Contains(doubts, want) {
			t.Errorf("doubts %s\nwant %s among them", doubts, want)
		}
	}
	if strings.Contains(doubts, "arm app") {
		t.Errorf("doubts %s", doubts)
	}
}

// TestRecompressed: of two blobs with one content either may be fetched.
func TestRecompressed(t *testing.T) {
	inv := testInventory()
	again := inv.Layers[0]
	again.Digest, again.CompressedBytes = "sha256:b-zstd", 900
	inv.Layers = append(inv.Layers, again)
	inv.Images[2].Layers = []int{4, 3, 2}
	got := evidenceOf(inv, []Arm{{Starts: []Start{{Image: app}, {Image: web}}}})[0][0]
	// a, w and x, and b as gzip, as zstd or as both.
	if got.fetch != (bounds{510 + 900, 510 + 1900}) || got.unpack != (bounds{4240, 4240}) {
		t.Errorf("evidence %+v", got)
	}
}
