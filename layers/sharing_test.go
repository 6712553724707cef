package layers

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// stock is a table of layers by name for inventories made by hand.
type stock struct {
	inv Inventory
	at  map[string]int
}

// layer adds a layer called name, which is also its digest.
func (s *stock) layer(name, diffID string, compressed, unpacked int64, createdBy string) *Layer {
	if s.at == nil {
		s.at = make(map[string]int)
	}
	s.at[name] = len(s.inv.Layers)
	s.inv.Layers = append(s.inv.Layers, Layer{Digest: Digest(name), DiffID: Digest(diffID), CompressedBytes: compressed,
		UnpackedBytes: &unpacked, UnpackedSource: Measured, CreatedBy: createdBy})
	return &s.inv.Layers[len(s.inv.Layers)-1]
}

// image adds an image of layers by name, base layer first.
func (s *stock) image(reference, layers string) *Image {
	img := Image{Reference: reference, Digest: Digest("m:" + reference), Platform: "linux/amd64"}
	for name := range strings.FieldsSeq(layers) {
		img.Layers = append(img.Layers, s.at[name])
	}
	s.inv.Images = append(s.inv.Images, img)
	return &s.inv.Images[len(s.inv.Images)-1]
}

// only returns the one set of a Sharing.
func only(t testing.TB, s *Sharing) *SharedSet {
	t.Helper()
	if len(s.Sets) != 1 {
		t.Fatalf("%d sets, want 1", len(s.Sets))
	}
	return &s.Sets[0]
}

// family of three: python is an image of the set, debian is recognised because
// two repositories go on from it.
//
//	python    debian 100/250, python 50/120
//	web       debian, python, web 10/20
//	nginx     debian, nginx 30/60
func threeImages() *stock {
	var s stock
	s.layer("debian", "D", 100, 250, "ADD file:1 in /")
	s.layer("python", "P", 50, 120, "RUN apt-get install python3")
	s.layer("web", "W", 10, 20, "COPY . /app")
	s.layer("nginx", "N", 30, 60, "RUN apt-get install nginx")
	s.image("r.example/python:3", "debian python")
	s.image("r.example/web:1", "debian python web")
	s.image("r.example/nginx:1", "debian nginx")
	return &s
}

func TestSharingByHand(t *testing.T) {
	s := only(t, threeImages().inv.Sharing(SharingOptions{}))
	if got, want := s.Sum.ByDigest, (Size{Layers: 7, CompressedBytes: 150 + 160 + 130, UnpackedBytes: 370 + 390 + 310}); got != want {
		t.Errorf("sum %+v, want %+v", got, want)
	}
	if got, want := s.Union.ByDigest, (Size{Layers: 4, CompressedBytes: 190, UnpackedBytes: 450}); got != want {
		t.Errorf("union %+v, want %+v", got, want)
	}
	if s.Union.ByChain != s.Union.ByDigest {
		t.Errorf("union by chain %+v, by digest %+v: nothing is recompressed or on another parent", s.Union.ByChain, s.Union.ByDigest)
	}
	if got, want := s.SharedFraction, 250./440; got != want {
		t.Errorf("shared %v, want %v", got, want)
	}
	if got, want := s.SharingFactor, 440./190; got != want {
		t.Errorf("factor %v, want %v", got, want)
	}
	for i, own := range []Size{{}, {1, 10, 0, 20, 0, 0}, {1, 30, 0, 60, 0, 0}} {
		if got := s.Images[i].Own; got.ByDigest != own || got.ByChain != own {
			t.Errorf("%s has %+v of its own, want %+v", s.Images[i].Reference, got, own)
		}
	}
	wantHolders := []Holders{{1, Size{2, 40, 0, 80, 0, 0}}, {2, Size{1, 50, 0, 120, 0, 0}}, {3, Size{1, 100, 0, 250, 0, 0}}}
	if diff := gocmp.Diff(wantHolders, s.Holders); diff != "" {
		t.Errorf("holders (-want +got):\n%s", diff)
	}
	var order []string
	for _, l := range s.Layers {
		order = append(order, fmt.Sprintf("%s %d", l.Digest, l.Images))
	}
	if want := []string{"debian 3", "python 2", "nginx 1", "web 1"}; !slices.Equal(order, want) {
		t.Errorf("layers %v, want %v", order, want)
	}
	pair := func(a, b int, size Size) SharedPair { return SharedPair{a, b, Amount{size, size}} }
	wantPairs := []SharedPair{pair(0, 1, Size{2, 150, 0, 370, 0, 0}), pair(0, 2, Size{1, 100, 0, 250, 0, 0}), pair(1, 2, Size{1, 100, 0, 250, 0, 0})}
	if diff := gocmp.Diff(wantPairs, s.Pairs); diff != "" || s.SharingPairs != 3 {
		t.Errorf("%d pairs (-want +got):\n%s", s.SharingPairs, diff)
	}
	// The chainID of python is the hash of "D P" (image-spec, config.md).
	if got, want := s.Images[1].Layers[1].ChainID, digestOf([]byte("D P")); got != want {
		t.Errorf("chainID %s, want %s", got, want)
	}
}

func TestBasesByHand(t *testing.T) {
	zero, one := 0, 0
	want := []Base{
		{ChainID: "D", Example: 0, Images: 3, Repositories: 3, CreatedBy: "ADD file:1 in /", Size: Size{1, 100, 0, 250, 0, 0}},
		{ChainID: digestOf([]byte("D P")), Image: &zero, Below: &one, Example: 1, Images: 1, Repositories: 1,
			CreatedBy: "RUN apt-get install python3", Size: Size{2, 150, 0, 370, 0, 0}},
	}
	s := only(t, threeImages().inv.Sharing(SharingOptions{}))
	if diff := gocmp.Diff(want, s.Bases); diff != "" {
		t.Errorf("bases (-want +got):\n%s", diff)
	}
	for i, base := range []int{0, 1, 0} {
		if b := s.Images[i].Base; b == nil || *b != base {
			t.Errorf("%s stands on base %v, want %d", s.Images[i].Reference, b, base)
		}
	}
	if len(s.Moves) > 0 {
		t.Errorf("all images share one base, and yet: %+v", s.Moves)
	}
}

// What only versions of one image have in common is a base only where the whole
// set is of that image.
func TestBaseOfVersions(t *testing.T) {
	s := &stock{}
	for _, name := range []string{"debian", "deps", "v1", "v2", "other"} {
		s.layer(name, "t"+name, 10, 20, "")
	}
	s.image("web:1", "debian deps v1")
	s.image("web:2", "debian deps v2")
	if b := only(t, s.inv.Sharing(SharingOptions{})).Bases; len(b) != 1 || b[0].Size.Layers != 2 {
		t.Errorf("a set of versions alone: %+v, want one base of two layers", b)
	}
	s.image("other:1", "other")
	if b := only(t, s.inv.Sharing(SharingOptions{})).Bases; len(b) != 0 {
		t.Errorf("versions among others: %+v, want no base", b)
	}
}

// Two images each on debian (50/100) and alpine (5/10), all with the jar 7/14,
// which is unpacked once for each base. Moving to alpine saves most by image.
func TestMovesByHand(t *testing.T) {
	s := &stock{}
	s.layer("debian", "D", 50, 100, "")
	s.layer("alpine", "A", 5, 10, "")
	s.layer("jar", "J", 7, 14, "")
	for i, base := range []string{"debian", "debian", "alpine", "alpine"} {
		name := fmt.Sprintf("app%d", i)
		s.layer(name, "t"+name, 1, 2, "")
		s.image(name, base+" jar "+name)
	}
	s.image("lonely", "app0")
	// What both images on debian have in common is debian and the jar. Only that
	// an image is debian alone tells where the base ends.
	s.image("debian:12", "debian")
	s.image("alpine:3", "alpine")
	set := only(t, s.inv.Sharing(SharingOptions{}))
	want := []Move{
		// debian goes away, and the jar above it becomes the one above alpine.
		{Images: 2, SavedCompressedBytes: 50, SavedUnpackedBytes: 100 + 14},
		{Images: 2, SavedCompressedBytes: 5, SavedUnpackedBytes: 10 + 14},
	}
	for i := range want {
		want[i].To = slices.IndexFunc(set.Bases, func(b Base) bool { return b.ChainID == []Digest{"A", "D"}[i] })
	}
	if diff := gocmp.Diff(want, set.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestNearDuplicates(t *testing.T) {
	const apt = "RUN /bin/sh -c apt-get install python3 # buildkit"
	s := &stock{}
	s.layer("gzip", "T", 100, 300, "")
	s.layer("zstd", "T", 80, 300, "")
	for _, name := range []string{"morning", "noon"} {
		s.layer(name, name, 60, 150, apt).Scan = &Scan{Fingerprint: "same files"}
	}
	s.layer("evening", "evening", 58, 140, "/bin/sh -c apt-get install python3")
	s.layer("small", "small", 20, 50, apt)
	s.layer("app1", "app1", 40, 90, "COPY . /app # buildkit")
	s.layer("app2", "app2", 40, 90, "COPY . /app # buildkit")
	s.image("a", "gzip morning app1")
	s.image("b", "zstd noon app2")
	s.image("c", "evening")
	s.image("d", "small morning")
	s.image("twice", "evening small")
	set := only(t, s.inv.Sharing(SharingOptions{}))
	type group struct {
		Kind                 string
		Layers               string
		Images               []int
		Compressed, Unpacked int64
	}
	var got []group
	for _, n := range set.NearDuplicates {
		var names []string
		for _, l := range n.Layers {
			names = append(names, string(set.Layers[l].Digest))
		}
		if n.Hint == "" || n.Estimated {
			t.Errorf("%s: hint %q, estimated %v", n.Kind, n.Hint, n.Estimated)
		}
		got = append(got, group{n.Kind, strings.Join(names, " "), n.Images, n.SavedCompressedBytes, n.SavedUnpackedBytes})
	}
	want := []group{
		{Recompressed, "gzip zstd", []int{0, 1}, 80, 0},
		{OtherTimestamps, "morning noon", []int{0, 1, 3}, 60, 0},
		// morning stands for both; evening is 3 % smaller, small is not of its size.
		{SameStep, "morning evening", []int{0, 2, 3, 4}, 58, 0},
		// morning stands on T and on small, small on nothing and on evening.
		{OtherParent, "morning", []int{0, 3}, 0, 150},
		{OtherParent, "small", []int{3, 4}, 0, 50},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

// Steps of one build that are alike, and a tar that one image needs twice, are
// no near-duplicates; nor are layers that two images have in the same place.
func TestNoNearDuplicates(t *testing.T) {
	s := &stock{}
	s.layer("base", "B", 50, 100, "")
	s.layer("first", "F", 30, 60, "RUN apt-get update")
	s.layer("second", "S", 30, 60, "RUN apt-get update")
	s.layer("empty", "E", 1, 2, "COPY . /")
	s.image("a", "base empty first empty second")
	s.image("b", "base empty first")
	if got := only(t, s.inv.Sharing(SharingOptions{})).NearDuplicates; len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestStep(t *testing.T) {
	for _, c := range []struct {
		createdBy, want string
		telling         bool
	}{
		{"/bin/sh -c apt-get update", "RUN apt-get update", true},
		{"RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update", true},
		{"RUN apt-get   update", "RUN apt-get update", true},
		{"/bin/sh -c #(nop) ADD file:0123456789abcdef0123 in / ", "ADD file:0123456789abcdef0123 in /", true},
		{"/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]", false},
		{"# debian.sh --arch 'amd64' out/ 'bookworm' '@1760918400'", "# debian.sh --arch 'amd64' out/ 'bookworm'", true},
		{"RUN # debian.sh --arch 'amd64' out/ 'bookworm' '@1760918400'", "# debian.sh --arch 'amd64' out/ 'bookworm'", true},
		{"COPY . /app # buildkit", "COPY . /app", false},
		{"ADD https://example.com/x.tar.gz / # buildkit", "ADD https://example.com/x.tar.gz /", true},
		{"COPY --from=build /app/file:x /app # buildkit", "COPY --from=build /app/file:x /app", false},
		{"jib-maven-plugin:3.4.0", "jib-maven-plugin:3.4.0", false},
		{"", "", false},
	} {
		if got := step(c.createdBy); got != c.want || telling(got) != c.telling {
			t.Errorf("step(%q) = %q, telling %v; want %q, %v", c.createdBy, got, telling(got), c.want, c.telling)
		}
	}
}

// The same tar under another digest is unpacked only once but fetched again,
// and a layer above another base is fetched once but unpacked again.
func TestOverlapsDiffer(t *testing.T) {
	s := &stock{}
	s.layer("a", "T", 20, 50, "")
	s.layer("a2", "T", 20, 50, "")
	s.layer("b", "U", 20, 50, "")
	s.image("one", "a")
	s.image("two", "a2")
	s.image("three", "b a")
	size := Size{Layers: 1, CompressedBytes: 20, UnpackedBytes: 50}
	set := only(t, s.inv.Sharing(SharingOptions{}))
	want := []SharedPair{{0, 2, Amount{ByDigest: size}}, {0, 1, Amount{ByChain: size}}}
	if diff := gocmp.Diff(want, set.Pairs); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
}

// An image counts once whatever its names, a layer that stands twice in it is
// fetched once and unpacked twice, and platforms are never mixed unasked.
func TestSets(t *testing.T) {
	s := threeImages()
	s.image("r.example/python:latest", "debian python").Digest = "m:r.example/python:3"
	s.image("r.example/twice:1", "debian nginx nginx")
	arm := s.image("r.example/python:3", "debian")
	arm.Platform, arm.Digest = "linux/arm64", "m:arm"
	s.inv.Unresolved = []Unresolved{{"gone", "why"}}

	all := s.inv.Sharing(SharingOptions{})
	if len(all.Sets) != 2 || all.Sets[0].Platform != "linux/amd64" || all.Sets[1].Platform != "linux/arm64" || len(all.Sets[1].Images) != 1 || len(all.Unresolved) != 1 {
		t.Fatalf("sets %+v", all)
	}
	amd := &all.Sets[0]
	if len(amd.Images) != 4 || amd.References != 5 || !slices.Equal(amd.Images[0].AlsoNamed, []string{"r.example/python:latest"}) {
		t.Errorf("%d images with %d names: %+v", len(amd.Images), amd.References, amd.Images[0])
	}
	if got := amd.Images[3].Total; got.ByDigest.UnpackedBytes != 310 || got.ByChain.UnpackedBytes != 370 || len(amd.Images[3].Layers) != 3 {
		t.Errorf("the image with a layer twice is %+v", got)
	}
	if amd.Union.ByDigest.UnpackedBytes != 450 || amd.Union.ByChain.UnpackedBytes != 510 {
		t.Errorf("union %+v", amd.Union)
	}
	mixed := only(t, s.inv.Sharing(SharingOptions{MixPlatforms: true}))
	if mixed.Platform != "" || len(mixed.Images) != 5 {
		t.Errorf("mixed: platform %q, %d images", mixed.Platform, len(mixed.Images))
	}
	if one := only(t, s.inv.Sharing(SharingOptions{Platform: "linux/arm64", MixPlatforms: true})); len(one.Images) != 1 {
		t.Errorf("one platform has %d images", len(one.Images))
	}
	if none := s.inv.Sharing(SharingOptions{Platform: "linux/s390x"}); len(none.Sets) != 0 {
		t.Errorf("no platform has %+v", none.Sets)
	}
	if empty := (&Inventory{}).Sharing(SharingOptions{}); len(empty.Sets) != 0 {
		t.Errorf("no images have %+v", empty.Sets)
	}
}

func TestFigures(t *testing.T) {
	s := threeImages()
	s.inv.Unresolved = []Unresolved{{"gone", "why"}}
	figures := func() map[string]Figure {
		m := make(map[string]Figure)
		for _, f := range s.inv.Sharing(SharingOptions{}).Figures() {
			if _, ok := m[f.Name]; ok {
				t.Errorf("figure %s stands twice", f.Name)
			}
			m[f.Name] = f
		}
		return m
	}
	got := figures()
	amd := "linux/amd64"
	want := map[string]Figure{
		"shared":         {"shared", amd, "fraction", 1 - 190./440, false},
		"sum":            {"sum", amd, "B", 440, false},
		"union":          {"union", amd, "B", 190, false},
		"union-unpacked": {"union-unpacked", amd, "B", 450, false},
		"factor":         {"factor", amd, "", 440. / 190, false},
		"images":         {"images", amd, "", 3, false},
		"layers":         {"layers", amd, "", 4, false},
		"largest":        {"largest", amd, "B", 160, false},
		"unresolved":     {"unresolved", "", "", 1, false},
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}

	// web is scanned, so all its layers are; but not yet all images.
	s.inv.Images[1].Hidden = []Hidden{{}, {OverwrittenBytes: 3}, {DeletedBytes: 4}}
	if f, ok := figures()["wasted"]; ok {
		t.Errorf("wasted is %+v though not all images were scanned", f)
	}
	s.inv.Images[0].Hidden = []Hidden{{}, {OverwrittenBytes: 3}}
	s.inv.Images[2].Hidden = []Hidden{{}, {DeletedBytes: 5}}
	if got, want := figures()["wasted"], (Figure{"wasted", amd, "B", 3 + 4 + 5, false}); got != want {
		t.Errorf("%+v, want %+v: the chain of python counts once", got, want)
	}

	s.inv.Layers[3].CompressedSource = Estimated
	s.inv.Layers[3].UnpackedBytes, s.inv.Layers[3].UnpackedSource = nil, ""
	got = figures()
	for name, estimated := range map[string]bool{"shared": true, "sum": true, "union": true, "union-unpacked": true, "factor": true, "images": false, "layers": false, "largest": false} {
		if got[name].Estimated != estimated {
			t.Errorf("%s: estimated %v, want %v", name, got[name].Estimated, estimated)
		}
	}
}

// inventories draws small inventories in which all can happen: few diffIDs, so
// that tars are recompressed; images that go on from others; layers twice.
func inventories(t *rapid.T) *Inventory {
	inv := &Inventory{}
	n := rapid.IntRange(1, 12).Draw(t, "layers")
	for i := range n {
		diffID := rapid.IntRange(0, n-1).Draw(t, "diffID")
		unpacked := int64(100 + 7*diffID)
		inv.Layers = append(inv.Layers, Layer{
			Digest: Digest(fmt.Sprintf("d%02d", i)), DiffID: Digest(fmt.Sprintf("t%02d", diffID)), UnpackedBytes: &unpacked, UnpackedSource: Measured,
			CompressedBytes: rapid.Int64Range(0, 60).Draw(t, "bytes"),
			CreatedBy:       rapid.SampledFrom([]string{"", "RUN a", "RUN b", "COPY . /"}).Draw(t, "step"),
			Scan:            &Scan{Fingerprint: rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "fingerprint") + fmt.Sprint(diffID%2)},
		})
		if rapid.Bool().Draw(t, "scanned") {
			inv.Layers[i].Scan = nil
		}
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "images") {
		img := Image{Reference: fmt.Sprintf("r%d:%d", rapid.IntRange(0, 3).Draw(t, "repository"), i), Digest: Digest(fmt.Sprintf("m%d", i)), Platform: "linux/amd64"}
		if i > 0 {
			from := inv.Images[rapid.IntRange(0, i-1).Draw(t, "from")].Layers
			img.Layers = slices.Clone(from[:rapid.IntRange(0, len(from)).Draw(t, "kept")])
		}
		img.Layers = append(img.Layers, rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 4).Draw(t, "more")...)
		inv.Images = append(inv.Images, img)
	}
	return inv
}

// TestSharingAgainstBruteForce computes everything again from sets of strings.
func TestSharingAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories(t)
		s := &inv.Sharing(SharingOptions{}).Sets[0]
		plain := plainly(inv)
		var digests, chains []map[string]int64
		for i := range inv.Images {
			d, c := plain.image(i)
			digests, chains = append(digests, d), append(chains, c)
			ownD, ownC := maps.Clone(d), maps.Clone(c)
			for j := range inv.Images {
				if j != i {
					od, oc := plain.image(j)
					drop(ownD, od)
					drop(ownC, oc)
				}
			}
			img := s.Images[i]
			sameAmount(t, "total by digest", img.Total.ByDigest.CompressedBytes, img.Total.ByDigest.Layers, d)
			sameAmount(t, "total by chain", img.Total.ByChain.UnpackedBytes, img.Total.ByChain.Layers, c)
			sameAmount(t, "own by digest", img.Own.ByDigest.CompressedBytes, img.Own.ByDigest.Layers, ownD)
			sameAmount(t, "own by chain", img.Own.ByChain.UnpackedBytes, img.Own.ByChain.Layers, ownC)
			if img.Own.plus(img.Shared) != img.Total {
				t.Errorf("own %+v and shared %+v are not %+v", img.Own, img.Shared, img.Total)
			}
		}
		sameAmount(t, "union by digest", s.Union.ByDigest.CompressedBytes, s.Union.ByDigest.Layers, merged(digests))
		sameAmount(t, "union by chain", s.Union.ByChain.UnpackedBytes, s.Union.ByChain.Layers, merged(chains))

		pairs := 0
		for a := range digests {
			for b := a + 1; b < len(digests); b++ {
				d, c := common(digests[a], digests[b]), common(chains[a], chains[b])
				k := slices.IndexFunc(s.Pairs, func(p SharedPair) bool { return p.A == a && p.B == b })
				if len(d)+len(c) == 0 {
					if k >= 0 {
						t.Errorf("images %d and %d share nothing but are a pair", a, b)
					}
					continue
				}
				pairs++
				if k < 0 {
					t.Fatalf("images %d and %d share something but are no pair", a, b)
				}
				shared := s.Pairs[k].Shared
				sameAmount(t, "pair by digest", shared.ByDigest.CompressedBytes, shared.ByDigest.Layers, d)
				sameAmount(t, "pair by chain", shared.ByChain.UnpackedBytes, shared.ByChain.Layers, c)
			}
		}
		if s.SharingPairs != pairs || len(s.Pairs) != pairs {
			t.Errorf("%d pairs and %d counted, want %d", len(s.Pairs), s.SharingPairs, pairs)
		}
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		cut := inv.Sharing(SharingOptions{AllPairs: -1, MaxPairs: limit}).Sets[0]
		if diff := gocmp.Diff(s.Pairs[:min(limit, pairs)], cut.Pairs); diff != "" || cut.SharingPairs != pairs {
			t.Errorf("the first %d of all pairs, and %d counted (-want +got):\n%s", limit, cut.SharingPairs, diff)
		}
	})
}

// plain knows images as sets of digests and of chains, written as text, with
// compressed and unpacked bytes.
type plain struct{ inv *Inventory }

func plainly(inv *Inventory) plain { return plain{inv} }

func (p plain) image(i int) (digests, chains map[string]int64) {
	digests, chains = make(map[string]int64), make(map[string]int64)
	chain := ""
	for _, l := range p.inv.Images[i].Layers {
		layer := p.inv.Layers[l]
		chain += "/" + string(layer.DiffID)
		digests[string(layer.Digest)], chains[chain] = layer.CompressedBytes, *layer.UnpackedBytes
	}
	return digests, chains
}

func (p plain) union() (compressed, unpacked int64) {
	var digests, chains []map[string]int64
	for i := range p.inv.Images {
		d, c := p.image(i)
		digests, chains = append(digests, d), append(chains, c)
	}
	return total(merged(digests)), total(merged(chains))
}

func merged(list []map[string]int64) map[string]int64 {
	all := make(map[string]int64)
	for _, m := range list {
		maps.Copy(all, m)
	}
	return all
}

func common(a, b map[string]int64) map[string]int64 {
	m := maps.Clone(a)
	maps.DeleteFunc(m, func(k string, _ int64) bool { _, ok := b[k]; return !ok })
	return m
}

func drop(a, b map[string]int64) {
	for k := range b {
		delete(a, k)
	}
}

func total(m map[string]int64) (sum int64) {
	for _, v := range m {
		sum += v
	}
	return sum
}

func sameAmount(t *rapid.T, what string, bytes int64, n int, want map[string]int64) {
	t.Helper()
	if bytes != total(want) || n != len(want) {
		t.Errorf("%s: %d bytes of %d layers, want %d of %d", what, bytes, n, total(want), len(want))
	}
}

// TestMovesAgainstRebuilding rebuilds the images as a move says and measures
// what the set is then.
func TestMovesAgainstRebuilding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories(t)
		s := inv.Sharing(SharingOptions{}).Sets[0]
		compressed, unpacked := plainly(inv).union()
		for _, m := range s.Moves {
			after, rebuilt := moved(inv, &s, m.To)
			c, u := plainly(after).union()
			if m.SavedCompressedBytes != compressed-c || m.SavedUnpackedBytes != unpacked-u || m.Images != rebuilt {
				t.Errorf("move to %s: %d images, %d compressed and %d unpacked saved; rebuilding %d saves %d and %d",
					s.Bases[m.To].ChainID, m.Images, m.SavedCompressedBytes, m.SavedUnpackedBytes, rebuilt, compressed-c, unpacked-u)
			}
			if m.SavedCompressedBytes > compressed || m.SavedUnpackedBytes > unpacked {
				t.Error("more is saved than there is")
			}
		}
	})
}

// moved returns the inventory after all images with another lowest base are
// rebuilt on base to, and how many those are.
func moved(inv *Inventory, s *SharedSet, to int) (*Inventory, int) {
	after, rebuilt := &Inventory{Layers: inv.Layers}, 0
	lowest := func(img *SharedImage) int {
		b := -1
		for i := range s.Bases {
			height := s.Bases[i].Size.Layers
			on := len(img.Layers) >= height && img.Layers[height-1].ChainID == s.Bases[i].ChainID
			if on && (b < 0 || height < s.Bases[b].Size.Layers) {
				b = i
			}
		}
		return b
	}
	example := inv.Images[s.Bases[to].Example].Layers[:s.Bases[to].Size.Layers]
	for i, img := range inv.Images {
		b := lowest(&s.Images[i])
		if b >= 0 && b != to {
			above := img.Layers[s.Bases[b].Size.Layers:]
			if len(above) == 0 {
				continue // the base itself
			}
			rebuilt++
			img.Layers = append(slices.Clone(example), above...)
		}
		after.Images = append(after.Images, img)
	}
	return after, rebuilt
}

// TestBasesAgainstPrefixes finds bases among all prefixes of all images.
func TestBasesAgainstPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories(t)
		s := inv.Sharing(SharingOptions{}).Sets[0]
		on, whole, repos := make(map[string]int), make(map[string]bool), make(map[string]map[string]bool)
		next := make(map[string]map[string]bool)
		everyRepo := make(map[string]bool)
		for _, img := range inv.Images {
			repo, _, _ := strings.Cut(img.Reference, ":")
			everyRepo[repo] = true
			chain := ""
			for j, l := range img.Layers {
				chain += "/" + string(inv.Layers[l].DiffID)
				if j == len(img.Layers)-1 {
					whole[chain] = true
					break
				}
				on[chain]++
				if repos[chain] == nil {
					repos[chain], next[chain] = make(map[string]bool), make(map[string]bool)
				}
				repos[chain][repo] = true
				next[chain][string(inv.Layers[img.Layers[j+1]].DiffID)] = true
			}
		}
		want := make(map[string]int)
		for chain, n := range on {
			parts := whole[chain] || len(next[chain]) > 1
			if parts && (whole[chain] || len(repos[chain]) > 1 || len(everyRepo) == 1) {
				want[chain] = n
			}
		}
		got := make(map[string]int)
		for _, b := range s.Bases {
			chain := ""
			for _, l := range inv.Images[b.Example].Layers[:b.Size.Layers] {
				chain += "/" + string(inv.Layers[l].DiffID)
			}
			got[chain] = b.Images
			if (b.Image != nil) != whole[chain] || b.Repositories != len(repos[chain]) {
				t.Errorf("base %s: image %v, %d repositories; want %v, %d", chain, b.Image, b.Repositories, whole[chain], len(repos[chain]))
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("bases (-want +got):\n%s", diff)
		}
	})
}

// answers writes what a set says without positions, sorted, so that it can be
// compared with that of the same images in another order.
func answers(s *SharedSet) []string {
	var list []string
	name := func(i int) string { return s.Images[i].Reference }
	for _, img := range s.Images {
		base := ""
		if img.Base != nil {
			base = string(s.Bases[*img.Base].ChainID)
		}
		list = append(list, fmt.Sprintf("image %s %+v %+v on %s", img.Reference, img.Total, img.Own, base))
	}
	for _, p := range s.Pairs {
		list = append(list, fmt.Sprintf("pair %s %s %+v", min(name(p.A), name(p.B)), max(name(p.A), name(p.B)), p.Shared))
	}
	for _, b := range s.Bases {
		list = append(list, fmt.Sprintf("base %s %d %d %+v", b.ChainID, b.Images, b.Repositories, b.Size))
	}
	for _, m := range s.Moves {
		list = append(list, fmt.Sprintf("move %s %d %d %d", s.Bases[m.To].ChainID, m.Images, m.SavedCompressedBytes, m.SavedUnpackedBytes))
	}
	for _, n := range s.NearDuplicates {
		var digests, images []string
		for _, l := range n.Layers {
			digests = append(digests, string(s.Layers[l].Digest))
		}
		for _, i := range n.Images {
			images = append(images, name(i))
		}
		slices.Sort(images)
		list = append(list, fmt.Sprintf("group %s %v %v %d %d", n.Kind, digests, images, n.SavedCompressedBytes, n.SavedUnpackedBytes))
	}
	list = append(list, fmt.Sprintf("%+v %+v %v %v", s.Sum, s.Union, s.Holders, s.Layers))
	slices.Sort(list)
	return list
}

func TestSharingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := inventories(t)
		s := inv.Sharing(SharingOptions{}).Sets[0]
		if s.Union.ByDigest.CompressedBytes > s.Sum.ByDigest.CompressedBytes || s.Union.ByChain.UnpackedBytes > s.Sum.ByChain.UnpackedBytes {
			t.Errorf("union %+v above sum %+v", s.Union, s.Sum)
		}
		if s.SharedFraction < 0 || s.SharedFraction >= 1 || s.UnpackedSharedFraction < 0 || s.UnpackedSharedFraction >= 1 {
			t.Errorf("shared %v and %v", s.SharedFraction, s.UnpackedSharedFraction)
		}
		var compressed, unpacked int64
		for _, n := range s.NearDuplicates {
			compressed += n.SavedCompressedBytes
			unpacked += n.SavedUnpackedBytes
		}
		if compressed > s.Union.ByDigest.CompressedBytes || unpacked > s.Union.ByChain.UnpackedBytes {
			t.Errorf("near-duplicates save %d and %d, more than the union %+v", compressed, unpacked, s.Union)
		}
		var held Size
		for _, h := range s.Holders {
			held = held.plus(h.Size)
		}
		if held != s.Union.ByDigest {
			t.Errorf("layers by images add up to %+v, want %+v", held, s.Union.ByDigest)
		}

		fewer := *inv
		fewer.Images = inv.Images[:len(inv.Images)-1]
		if less := fewer.Sharing(SharingOptions{}); len(less.Sets) > 0 {
			u := less.Sets[0].Union
			if u.ByDigest.CompressedBytes > s.Union.ByDigest.CompressedBytes || u.ByChain.UnpackedBytes > s.Union.ByChain.UnpackedBytes {
				t.Errorf("one image more lowers the union from %+v to %+v", u, s.Union)
			}
		}

		shuffled := Inventory{Layers: inv.Layers, Images: rapid.Permutation(inv.Images).Draw(t, "order")}
		again := shuffled.Sharing(SharingOptions{}).Sets[0]
		if diff := gocmp.Diff(answers(&s), answers(&again)); diff != "" {
			t.Errorf("in another order (-want +got):\n%s", diff)
		}
	})
}

// syntheticImages makes images of n layers each on few bases, with the shape
// that registries have: a base layer for each tenth of the images, runtimes
// above, the rest their own.
func syntheticImages(images, n int) *Inventory {
	inv := &Inventory{}
	random := rand.New(rand.NewPCG(1, 2))
	known := make(map[string]int)
	layer := func(name string) int {
		l, ok := known[name]
		if !ok {
			l = len(inv.Layers)
			known[name] = l
			unpacked := 1 + random.Int64N(200e6)
			inv.Layers = append(inv.Layers, Layer{Digest: digestOf([]byte(name)), DiffID: digestOf([]byte("t" + name)), CompressedBytes: unpacked * 2 / 5,
				UnpackedBytes: &unpacked, UnpackedSource: Measured, CreatedBy: fmt.Sprintf("RUN make %d", random.IntN(images))})
		}
		return l
	}
	for i := range images {
		img := Image{Reference: fmt.Sprintf("registry.example.com/team/app%d:1.%d", i/50, i%50), Digest: digestOf(fmt.Append(nil, i)), Platform: "linux/amd64"}
		base, runtime := random.IntN(10)*random.IntN(2), random.IntN(10)
		for j := range n {
			switch {
			case j < n/4:
				img.Layers = append(img.Layers, layer(fmt.Sprintf("base %d %d", base, j)))
			case j < n/2:
				img.Layers = append(img.Layers, layer(fmt.Sprintf("runtime %d %d %d", base, runtime, j)))
			case j < 3*n/4:
				img.Layers = append(img.Layers, layer(fmt.Sprintf("app %d %d", i/50, j)))
			default:
				img.Layers = append(img.Layers, layer(fmt.Sprintf("own %d %d", i, j)))
			}
		}
		inv.Images = append(inv.Images, img)
	}
	return inv
}

func BenchmarkSharing(b *testing.B) {
	for _, c := range []struct{ images, layers int }{{1000, 20}, {5000, 9}, {20000, 9}} {
		b.Run(fmt.Sprintf("images=%d/layers=%d", c.images, c.layers), func(b *testing.B) {
			inv := syntheticImages(c.images, c.layers)
			b.ReportAllocs()
			for b.Loop() {
				inv.Sharing(SharingOptions{})
			}
		})
	}
}

// BenchmarkPairs is the overlap matrix alone, one row at a time.
func BenchmarkPairs(b *testing.B) {
	for _, c := range []struct{ images, layers int }{{1000, 20}, {5000, 9}, {20000, 9}} {
		b.Run(fmt.Sprintf("images=%d/layers=%d", c.images, c.layers), func(b *testing.B) {
			inv := syntheticImages(c.images, c.layers)
			f := newFamily(inv, inv.Chains(), "")
			b.ReportAllocs()
			for b.Loop() {
				f.pairs(defaultMaxPairs)
			}
		})
	}
}
