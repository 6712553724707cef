package cachebench_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/docs/schema"
	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// A test layer is named by its content; a blob of it by content and compressor.
type testLayer struct {
	content, compressor string
	// files is the fingerprint of the content, without its timestamps.
	files string
	// source is where the compressed size comes from: empty, measured, estimated.
	source string
	// megabytes are compressed, three times as much unpacked; stored, where not 0,
	// is what this source says of the compressed size.
	megabytes, stored int64
	// guessed has the unpacked size estimated.
	guessed bool
	// method is how, empty for a ratio.
	method string
	step   string
}

func hashed(s string) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))))
}

// side makes an image of an Inventory of its own.
func side(reference string, list ...testLayer) cachebench.DiffSide {
	inv := &layers.Inventory{ResolvedAt: time.Unix(0, 0).UTC()}
	place := make(map[layers.Digest]int)
	img := layers.Image{Reference: reference, Platform: "linux/amd64", MediaType: "application/vnd.oci.image.manifest.v1+json", ConfigDigest: hashed(reference)}
	var whole strings.Builder
	for _, t := range list {
		l := layers.Layer{
			Digest: hashed(t.content + t.compressor + ".gz"), DiffID: hashed(t.content), CreatedBy: t.step,
			MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: cmp.Or(t.stored, t.megabytes) * 1e6, CompressedSource: t.source,
		}
		if t.source != "" {
			l.Digest, l.MediaType = l.DiffID, "application/vnd.docker.image.rootfs.diff.tar"
		}
		unpacked, files := 3*t.megabytes*1e6, 10*t.megabytes
		l.UnpackedBytes, l.UnpackedSource, l.Files = &unpacked, layers.Measured, &files
		if t.guessed {
			unpacked = 4 * t.megabytes * 1e6
			l.UnpackedSource, l.UnpackedMethod, l.Files = layers.Estimated, cmp.Or(t.method, layers.ByRatio), nil
		}
		if t.files != "" {
			l.Scan = &layers.Scan{Fingerprint: t.files}
		}
		i, ok := place[l.Digest]
		if !ok {
			i = len(inv.Layers)
			place[l.Digest] = i
			inv.Layers = append(inv.Layers, l)
		}
		img.Layers = append(img.Layers, i)
		fmt.Fprintln(&whole, l.Digest)
	}
	img.Digest = hashed(whole.String())
	inv.Images = []layers.Image{img}
	return cachebench.DiffSide{Inventory: inv}
}

func mustDiff(t testing.TB, old, new cachebench.DiffSide) *reports.Diff {
	t.Helper()
	d, err := cachebench.Diff(old, new, simulate.Containerd(), cachebench.DiffOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// states writes NEW's layers and then what is gone: "kept new/rebuilt | gone".
func states(d *reports.Diff) string {
	var words []string
	for _, l := range d.Layers {
		s := l.State
		if l.Change != "" {
			s += "/" + l.Change
		}
		words = append(words, s)
	}
	if len(d.Gone) > 0 {
		words = append(words, "|")
	}
	for _, l := range d.Gone {
		words = append(words, l.State)
	}
	return strings.Join(words, " ")
}

var (
	base   = testLayer{content: "base", megabytes: 50, step: "ADD rootfs"}
	python = testLayer{content: "python", megabytes: 20, step: "RUN apt-get install python3"}
	app1   = testLayer{content: "app1", megabytes: 2, step: "COPY app /app"}
	app2   = testLayer{content: "app2", megabytes: 3, step: "COPY app /app"}
)

func with(l testLayer, change func(*testLayer)) testLayer {
	change(&l)
	return l
}

// TestDiffByHand: each case was worked out by hand. Loads are in MB.
func TestDiffByHand(t *testing.T) {
	base2 := with(base, func(l *testLayer) { l.content, l.megabytes = "base2", 51 })
	zopfli := with(base, func(l *testLayer) { l.compressor, l.stored = "-9", 48 })
	stamped := func(l testLayer, content string) testLayer {
		return with(l, func(l *testLayer) { l.content, l.files = content, "files of the app" })
	}
	local := func(l testLayer, source string, megabytes int64) testLayer {
		return with(l, func(l *testLayer) { l.source, l.stored = source, megabytes })
	}
	unpacked := func(l testLayer) testLayer { return with(l, func(l *testLayer) { l.guessed = true }) }
	for _, c := range []struct {
		name     string
		old, new []testLayer
		states   string
		// digest and chain are fetch and unpack of a host with OLD's blobs and
		// without; cold those of one with nothing.
		digest, chain, cold [2]int64
		parting             int
	}{
		{"the last layer", []testLayer{base, python, app1}, []testLayer{base, python, app2},
			"kept kept new/rebuilt | gone", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{73, 219}, 3},
		{"the same", []testLayer{base, app1}, []testLayer{base, app1},
			"kept kept", [2]int64{}, [2]int64{}, [2]int64{52, 156}, 0},
		{"one more", []testLayer{base}, []testLayer{base, app1},
			"kept new", [2]int64{2, 6}, [2]int64{2, 6}, [2]int64{52, 156}, 2},
		{"one less", []testLayer{base, app1}, []testLayer{base},
			"kept | gone", [2]int64{}, [2]int64{}, [2]int64{50, 150}, 2},
		{"another base", []testLayer{base, python, app1}, []testLayer{base2, python, app1},
			"new/rebuilt moved moved | gone", [2]int64{51, 219}, [2]int64{73, 219}, [2]int64{73, 219}, 1},
		// A host that has the chain needs no blob of it, whatever its digest.
		{"recompressed, kept", []testLayer{base, app1}, []testLayer{zopfli, app1},
			"kept/recompressed kept", [2]int64{}, [2]int64{}, [2]int64{50, 156}, 0},
		{"recompressed, above others", []testLayer{python, base}, []testLayer{zopfli, python},
			"new/recompressed moved | gone", [2]int64{48, 210}, [2]int64{68, 210}, [2]int64{68, 210}, 1},
		{"other timestamps", []testLayer{base, stamped(app1, "app at noon")}, []testLayer{base, stamped(app1, "app at one")},
			"kept new/timestamps | gone", [2]int64{2, 6}, [2]int64{2, 6}, [2]int64{52, 156}, 2},
		{"a layer twice", []testLayer{base}, []testLayer{base, app1, app1},
			"kept new new", [2]int64{2, 12}, [2]int64{2, 12}, [2]int64{52, 162}, 2},
		{"nothing in common", []testLayer{base}, []testLayer{app1},
			"new | gone", [2]int64{2, 6}, [2]int64{2, 6}, [2]int64{2, 6}, 1},
		{"from nothing", nil, []testLayer{app1}, "new", [2]int64{2, 6}, [2]int64{2, 6}, [2]int64{2, 6}, 1},
		// A docker-archive of the same base: its guess of 60 MB gives way to OLD's 50.
		{"local build, estimated", []testLayer{base, app1}, []testLayer{local(base, "estimated", 60), local(app2, "estimated", 4)},
			"kept new/rebuilt | gone", [2]int64{4, 9}, [2]int64{4, 9}, [2]int64{54, 159}, 2},
		{"local build, measured, base moved", []testLayer{python, base}, []testLayer{local(base, "measured", 49), local(app2, "measured", 4)},
			"moved new | gone", [2]int64{4, 159}, [2]int64{54, 159}, [2]int64{54, 159}, 1},
		{"OLD is the local build", []testLayer{local(base, "estimated", 60), local(app1, "estimated", 9)}, []testLayer{base, app2},
			"kept new/rebuilt | gone", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{53, 159}, 2},
		{"both are local builds", []testLayer{local(base, "measured", 52), local(app1, "estimated", 9)}, []testLayer{local(base, "estimated", 60), local(app2, "measured", 4)},
			"kept new/rebuilt | gone", [2]int64{4, 9}, [2]int64{4, 9}, [2]int64{56, 159}, 2},
		{"both are local builds, NEW's measured", []testLayer{local(base, "estimated", 60)}, []testLayer{local(base, "measured", 52), local(app2, "measured", 4)},
			"kept new", [2]int64{4, 9}, [2]int64{4, 9}, [2]int64{56, 159}, 2},
		// The blob in the same place is taken, though another has the same content.
		{"local build, a content in two blobs", []testLayer{zopfli, python, base}, []testLayer{local(base, "estimated", 60), local(python, "estimated", 60), local(base, "estimated", 60)},
			"kept kept kept", [2]int64{}, [2]int64{}, [2]int64{118, 360}, 0},
		// A step that runs twice did not rebuild the layer that is still there.
		{"one more by the same step", []testLayer{base, app1}, []testLayer{base, app1, app2},
			"kept kept new", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{55, 165}, 3},
		// What one side measured holds for the other.
		{"only OLD was scanned", []testLayer{base, app1}, []testLayer{unpacked(base), app2},
			"kept new/rebuilt | gone", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{53, 159}, 2},
		{"only NEW was scanned", []testLayer{unpacked(base), app1}, []testLayer{base, app2},
			"kept new/rebuilt | gone", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{53, 159}, 2},
		{"only NEW was scanned, recompressed", []testLayer{unpacked(base), app1}, []testLayer{zopfli, app2},
			"kept/recompressed new/rebuilt | gone", [2]int64{3, 9}, [2]int64{3, 9}, [2]int64{51, 159}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := mustDiff(t, side("old", c.old...), side("new", c.new...))
			if got := states(d); got != c.states {
				t.Errorf("layers are %s, want %s", got, c.states)
			}
			load := func(name string, l reports.DiffLoad, want [2]int64) {
				t.Helper()
				if l.FetchBytes != want[0]*1e6 || l.UnpackBytes != want[1]*1e6 {
					t.Errorf("%s: fetch %d, unpack %d, want %v MB", name, l.FetchBytes, l.UnpackBytes, want)
				}
			}
			load("by digest", d.ByDigest, c.digest)
			load("by chain", d.ByChain, c.chain)
			load("cold", d.New.Cold.DiffLoad, c.cold)
			if strings.HasPrefix(c.name, "only NEW was scanned") && d.Old.Cold.UnpackBytes != 156e6 {
				t.Errorf("OLD unpacks %d, what NEW measured makes it 156 MB", d.Old.Cold.UnpackBytes)
			}
			load("update on containerd, which keeps blobs", d.Update.DiffLoad, c.digest)
			parting := 0
			if d.Parting != nil {
				parting = d.Parting.Layer
			}
			if parting != c.parting {
				t.Errorf("the images part at layer %d, want %d", parting, c.parting)
			}
		})
	}
}

// TestDiffEstimates: what rests on an estimate warns, and only that.
func TestDiffEstimates(t *testing.T) {
	old := side("old", base, app1)
	guess := func(source string, guessed bool) testLayer {
		return with(app2, func(l *testLayer) { l.source, l.guessed = source, guessed })
	}
	for _, c := range []struct {
		name  string
		new   cachebench.DiffSide
		rules string
		want  string
	}{
		{"stated", side("new", base, app2), "new-B<=1MB,cold-sec<=0.1,new-unpacked-B<=1MB,cold-sec:+0%", "fail fail fail fail"},
		{"compressed here", side("new", base, guess("measured", false)), "new-B<=1MB,cold-sec<=0.1", "fail fail"},
		{"estimated", side("new", base, guess("estimated", false)), "new-B<=1MB,cold-B<=1MB,cold-sec<=0.1,update-sec<=0.1,new-unpacked-B<=1MB,new-layers<=0,cached-sec<=0.1,new-B<=9MB",
			"warn warn warn warn fail fail fail pass"},
		{"not scanned", side("new", base, guess("", true)), "new-B<=1MB,cold-sec<=0.1,new-unpacked-B<=1MB,cold-unpacked-B:+0%,cold-sec:+0%", "fail warn warn warn warn"},
		{"by the blob's end", side("new", base, with(guess("", true), func(l *testLayer) { l.method = layers.GzipTrailer })), "cold-sec<=0.1,update-sec<=0.1,new-unpacked-B<=1MB", "fail fail warn"},
		// OLD's own layer does not count for what is only about NEW.
		{"nothing of it kept", side("new", with(base, func(l *testLayer) { l.source = "estimated" })), "cold-B<=1MB,new-B==0", "fail pass"},
	} {
		d := mustDiff(t, old, c.new)
		var results []string
		for _, text := range strings.Split(c.rules, ",") {
			rules, err := reports.ParseRules(text, reports.DiffQuantities())
			if err != nil {
				t.Fatal(err)
			}
			results = append(results, reports.Judge(rules, d.Figures()).Outcomes[0].Result)
		}
		if got := strings.Join(results, " "); got != c.want {
			t.Errorf("%s: %s is %s, want %s", c.name, c.rules, got, c.want)
		}
	}
}

// Every quantity has its figure, in the same order and with an old side where
// one is promised.
func TestDiffFigures(t *testing.T) {
	figures := mustDiff(t, side("old", base), side("new", app1)).Figures()
	var got []reports.Quantity
	for _, f := range figures {
		got = append(got, reports.Quantity{Name: f.Name, Unit: f.Unit, HasOld: f.Old != nil})
	}
	want := reports.DiffQuantities()
	for i := range want {
		want[i].Means = ""
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDiffPlatforms(t *testing.T) {
	old, new := side("old", base), side("new", base)
	new.Inventory.Images[0].Platform = "linux/arm64"
	if _, err := cachebench.Diff(old, new, simulate.Containerd(), cachebench.DiffOptions{}); err == nil || !strings.Contains(err.Error(), "old is for linux/amd64, new is for linux/arm64") {
		t.Errorf("other platforms: %v", err)
	}
	if _, err := cachebench.Diff(old, new, simulate.Containerd(), cachebench.DiffOptions{AcrossPlatforms: true}); err != nil {
		t.Errorf("other platforms, asked for: %v", err)
	}
	old.Inventory.Images[0].Platform = "linux/arm64/v8"
	if _, err := cachebench.Diff(old, new, simulate.Containerd(), cachebench.DiffOptions{}); err != nil {
		t.Errorf("arm64 is arm64/v8: %v", err)
	}
}

// A local build is compared as what it becomes in the registry: the same image
// behind an index, or as uncompressed layers, costs the same.
func TestDiffSameImageFoundElsewhere(t *testing.T) {
	registry := side("registry", base, app1)
	registry.Inventory.Images[0].IndexDigest = hashed("index")
	plain := func(l testLayer) testLayer { return with(l, func(l *testLayer) { l.source = "estimated" }) }
	local := side("local", plain(base), plain(app1))
	there, back := mustDiff(t, registry, local), mustDiff(t, local, registry)
	if there.Update != back.Update || back.Old.Cold != back.New.Cold {
		t.Errorf("there %+v, back %+v", there, back)
	}
	if d := there; d.Old.Cold != d.New.Cold || d.Old.Cached != d.New.Cached || d.Update.DiffLoad != d.New.Cached.DiffLoad {
		t.Errorf("cold %+v and %+v, cached %+v and %+v, update %+v", d.Old.Cold, d.New.Cold, d.Old.Cached, d.New.Cached, d.Update)
	}
}

// What an inventory doubts of the images at hand is passed on, and so is what
// the two sides say differently of one layer.
func TestDiffDoubts(t *testing.T) {
	old, new := side("old", base), side("new", base, app1)
	mine, other := "layer "+string(old.Inventory.Layers[0].Digest)+" could not be scanned", "layer "+string(hashed("other"))+" could not be scanned"
	old.Inventory.Doubts, new.Inventory.Doubts = []string{mine, other}, []string{mine}
	new.Inventory.Layers[0].DiffID = hashed("another content")
	doubts := strings.Join(mustDiff(t, old, new).Doubts, "\n")
	if strings.Count(doubts, mine) != 1 || strings.Contains(doubts, other) || !strings.Contains(doubts, "disagree on the diffID of layer "+string(old.Inventory.Layers[0].Digest)) {
		t.Errorf("doubts are\n%s", doubts)
	}
}

func TestDiffLeavesInput(t *testing.T) {
	make := func() (old, new cachebench.DiffSide) {
		return side("old", base, app1), side("new", with(base, func(l *testLayer) { l.source, l.guessed = "estimated", true }), app2)
	}
	old, new := make()
	mustDiff(t, old, new)
	sameOld, sameNew := make()
	if diff := gocmp.Diff([]cachebench.DiffSide{sameOld, sameNew}, []cachebench.DiffSide{old, new}); diff != "" {
		t.Errorf("the input was changed:\n%s", diff)
	}
}

// image draws an image of few contents, so that sides share much. A source keeps
// the blobs of all layers or of none.
func image(t *rapid.T, name string) cachebench.DiffSide {
	sources := []string{""}
	if rapid.Bool().Draw(t, "local") {
		sources = []string{layers.Measured, layers.Estimated}
	}
	layer := rapid.Custom(func(t *rapid.T) testLayer {
		l := testLayer{
			content:    rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "content"),
			compressor: rapid.SampledFrom([]string{"", "", "", "-9"}).Draw(t, "compressor"),
			source:     rapid.SampledFrom(sources).Draw(t, "source"),
			guessed:    rapid.Bool().Draw(t, "guessed"),
			step:       rapid.SampledFrom([]string{"", "RUN a", "COPY b"}).Draw(t, "step"),
		}
		l.megabytes = int64(10 * (l.content[0] - 'a' + 1))
		return l
	})
	return side(name, rapid.SliceOfN(layer, 0, 6).Draw(t, name)...)
}

func distinctBytes(inv *layers.Inventory) (sum int64) {
	for _, l := range inv.Layers {
		sum += l.CompressedBytes
	}
	return sum
}

func TestDiffProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, new := image(t, "old"), image(t, "new")
		profile := rapid.SampledFrom([]*simulate.Profile{simulate.Containerd(), simulate.ECI()}).Draw(t, "profile")
		profile.Pull.KeepBlobs.Value = rapid.Bool().Draw(t, "keepBlobs")
		diff := func(old, new cachebench.DiffSide) *reports.Diff {
			d, err := cachebench.Diff(old, new, profile, cachebench.DiffOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		// With itself nothing is new and nothing is fetched.
		self := diff(new, new)
		if len(self.Gone) > 0 || self.Parting != nil || self.ByDigest != (reports.DiffLoad{}) || self.ByChain != (reports.DiffLoad{}) ||
			self.Old.Cold != self.New.Cold || self.Old.Cached != self.New.Cached || self.Update.DiffLoad != (reports.DiffLoad{}) {
			t.Fatalf("with itself: %+v", self)
		}
		d := diff(old, new)
		// Kept, moved and new are NEW's layers in their order.
		if len(d.Layers) != len(new.Inventory.Images[0].Layers) || d.New.Layers != len(d.Layers) {
			t.Fatalf("%d layers, NEW has %d", len(d.Layers), len(new.Inventory.Images[0].Layers))
		}
		for j, l := range d.Layers {
			if want := new.Inventory.Layers[new.Inventory.Images[0].Layers[j]]; l.DiffID != want.DiffID {
				t.Fatalf("layer %d is %s, want %s", j, l.DiffID, want.DiffID)
			}
		}
		// A host that has more brings in no more.
		for _, pair := range [][2]reports.DiffLoad{{d.ByDigest, d.ByChain}, {d.ByChain, d.New.Cold.DiffLoad}} {
			if pair[0].FetchBytes > pair[1].FetchBytes || pair[0].UnpackBytes > pair[1].UnpackBytes || pair[0].FetchLayers > pair[1].FetchLayers {
				t.Fatalf("%+v is more than %+v", pair[0], pair[1])
			}
		}
		// With stated sizes, cold is the sum of the distinct layers.
		if !slices.ContainsFunc(slices.Concat(old.Inventory.Layers, new.Inventory.Layers), func(l layers.Layer) bool { return l.CompressedSource != "" }) {
			if want := distinctBytes(new.Inventory); d.New.Cold.FetchBytes != want {
				t.Fatalf("cold fetches %d, NEW's layers are %d", d.New.Cold.FetchBytes, want)
			}
			agree(t, old, new, profile, d)
		}
		// On the way back, what was new is gone.
		if back := diff(new, old); len(back.Gone) != strings.Count(states(d), reports.LayerNew) {
			t.Fatalf("back: %s; there: %s", states(back), states(d))
		}
	})
}

// agree compares a Diff with what the simulator counts and with package matcher,
// which were written for other questions.
func agree(t *rapid.T, old, new cachebench.DiffSide, profile *simulate.Profile, d *reports.Diff) {
	both := &layers.Inventory{}
	place := make(map[layers.Digest]int)
	for _, s := range []cachebench.DiffSide{old, new} {
		img := s.Inventory.Images[0]
		img.Layers = nil
		for _, l := range s.Inventory.Images[0].Layers {
			layer := s.Inventory.Layers[l]
			i, ok := place[layer.Digest]
			if !ok {
				i = len(both.Layers)
				place[layer.Digest] = i
				both.Layers = append(both.Layers, layer)
			}
			img.Layers = append(img.Layers, i)
		}
		both.Images = append(both.Images, img)
	}
	e, err := simulate.EstimateStart(both.Estimated(), profile, &simulate.Start{App: "x", Images: []int{1}, Held: []int{0}, CacheID: "c", PullPolicy: "IfNotPresent"})
	if err != nil {
		t.Fatal(err)
	}
	if e.FetchedBytes != d.Update.FetchBytes {
		t.Fatalf("the simulator fetches %d, the diff says %d", e.FetchedBytes, d.Update.FetchBytes)
	}
	o := matcher.New(both, "linux/amd64", time.Unix(0, 0), matcher.DefaultPolicy()).Overlap([]string{"new"}, []string{"old"})
	if o.ByChain.FetchBytes != d.ByChain.FetchBytes || o.ByChain.MissingLayers != d.ByChain.UnpackLayers {
		t.Fatalf("package matcher says %+v, the diff %+v", o.ByChain, d.ByChain)
	}
}

// shopDiff is of two versions of a recorded image.
func shopDiff(t testing.TB, old, new string) *reports.Diff {
	t.Helper()
	f, err := os.Open("testdata/images/layers.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sizes, err := layers.ReadSizes("layers.csv", f)
	if err != nil {
		t.Fatal(err)
	}
	references := []string{old, new}
	for i := range references {
		references[i] = "oci:testdata/images:registry.example.com/" + references[i]
	}
	inv, err := layers.Resolve(t.Context(), references, layers.Options{Sizes: sizes, Now: time.Unix(0, 0)})
	if err != nil || len(inv.Images) != 2 {
		t.Fatalf("%v, %v", err, inv.Unresolved)
	}
	d := mustDiff(t, cachebench.DiffSide{Inventory: inv}, cachebench.DiffSide{Inventory: inv, Image: 1})
	d.Provenance.Version = "test"
	return d
}

func judged(t testing.TB, d *reports.Diff, rules string) *reports.Diff {
	t.Helper()
	list, err := reports.ParseRules(rules, reports.DiffQuantities())
	if err != nil {
		t.Fatal(err)
	}
	d.Gate = reports.Judge(list, d.Figures())
	return d
}

// TestDiffGoldens shows real diffs and made ones in every format.
func TestDiffGoldens(t *testing.T) {
	stamp := func(content string) testLayer {
		return testLayer{content: content, files: "same files", megabytes: 4, step: "RUN |1 A=b /bin/sh -c make install # buildkit"}
	}
	zopfli := with(python, func(l *testLayer) { l.compressor, l.stored = "-9", 19 })
	archive := func(l testLayer, source string) testLayer { return with(l, func(l *testLayer) { l.source = source }) }
	for _, c := range []struct {
		name string
		diff *reports.Diff
	}{
		{"release", judged(t, shopDiff(t, "shop/web:1.4.0", "shop/web:1.4.1"), "cold-sec<=8,new-B<=60MB,cold-sec:+5%")},
		{"other-base", judged(t, shopDiff(t, "base/debian:12", "mesh/proxy:1.2"), "new-B<=20MB,update-sec<=3,cold-sec:+5%,layers<=10")},
		{"rebuilt", judged(t, mustDiff(t, side("registry.example.com/app:1", base, python, stamp("at noon"), app1), side("registry.example.com/app:2", base, zopfli, stamp("at one"), app1)), "new-layers==0")},
		{"local", judged(t, mustDiff(t, side("registry.example.com/app:main", base, python, app1),
			side("docker-archive:app.tar", archive(base, layers.Estimated), archive(python, layers.Measured), archive(app2, layers.Estimated))), "new-B<=1MB,cold-sec:+5%")},
		{"same", mustDiff(t, side("registry.example.com/app:1", base, app1), side("registry.example.com/app:1", base, app1))},
	} {
		c.diff.Provenance.Version = "test"
		for format, ending := range map[reports.Format]string{reports.Text: "txt", reports.Markdown: "md", reports.JSON: "json"} {
			var b bytes.Buffer
			if err := reports.WriteDiff(&b, format, c.diff, reports.Options{}); err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/diff/"+c.name+"."+ending, b.Bytes())
			for _, line := range strings.Split(b.String(), "\n") {
				if n := len([]rune(line)); format == reports.Text && n > 100 {
					t.Errorf("%s: %d columns: %s", c.name, n, line)
				}
			}
			if format != reports.JSON {
				continue
			}
			conforms(t, reports.DiffKind, b.Bytes())
			again, err := reports.ReadDiff("diff.json", b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(c.diff, again); diff != "" {
				t.Errorf("%s read back differs:\n%s", c.name, diff)
			}
		}
	}
}

// conforms holds a document to the schema that is published for its kind.
func conforms(t *testing.T, kind string, data []byte) {
	t.Helper()
	published, ok := schema.Of(kind)
	if !ok {
		t.Fatalf("no schema of %s", kind)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(kind, parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(kind)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("the document does not conform to the schema of %s: %v", kind, err)
	}
}

func TestDiffUnknownFormat(t *testing.T) {
	err := reports.WriteDiff(&bytes.Buffer{}, "pdf", &reports.Diff{}, reports.Options{})
	if err == nil || !strings.Contains(err.Error(), "known are text, json, markdown, csv, html") {
		t.Error(err)
	}
}

// ExampleDiff judges a pull request: may the new image be merged?
func ExampleDiff() {
	old := side("registry.example.com/app:main", base, python, app1)
	new := side("registry.example.com/app:pr-7", base, python, app2)
	d, err := cachebench.Diff(old, new, simulate.Containerd(), cachebench.DiffOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := reports.ParseRules("new-B<=1MB,cold-sec:+5%", reports.DiffQuantities())
	if err != nil {
		fmt.Println(err)
		return
	}
	gate := reports.Judge(rules, d.Figures())
	fmt.Println(d.ByDigest.FetchBytes, "bytes are new")
	fmt.Println(gate.Line())
	fmt.Println(errors.Is(gate.Err(), reports.ErrRule))
	// Output:
	// 3000000 bytes are new
	// verdict: fail rules=2 passed=1 failed=1 warned=0 errors=0
	// true
}
