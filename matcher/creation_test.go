package matcher

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
)

// perByte is a creation that takes a second for each byte to download, and a
// minute for the snapshot, or a second with Flash.
func perByte(m *Matcher) CreationTimes {
	return func(w CreationWork) (*time.Duration, *cost.Money) {
		o := m.overlap(m.images(w.Images), m.store(w.Held))
		until := time.Duration(o.ByDigest.FetchBytes)*time.Second + time.Minute
		if w.Flash {
			until += time.Second - time.Minute
		}
		return &until, nil
	}
}

func create(t *testing.T, p Policy, c NewCache, caches ...Cache) *Creation {
	t.Helper()
	m := New(world(), "linux/amd64", now, p)
	creation, err := m.Create(c, caches, perByte(m))
	if err != nil {
		t.Fatal(err)
	}
	return creation
}

func of(images ...string) NewCache {
	return NewCache{Groups: [][]string{group(images...).Images}}
}

// TestBase: which cache a new one reuses layers of, by hand. a:1, a:2 and b:1
// share their base (1 byte); a1 has 2, a2 4, b 8 and c 16 bytes.
func TestBase(t *testing.T) {
	arm := manual("arm", "a:1", "b:1")
	arm.Architecture = "arm64"
	creating := manual("creating", "a:1", "b:1")
	creating.Status = StatusCreating
	far := manual("far", "a:1", "b:1")
	far.Region = "cn-beijing"
	expired := manual("expired", "a:1", "b:1")
	expired.ExpireTime = now
	for _, test := range []struct {
		name     string
		policies []string
		new      NewCache
		caches   []Cache
		bases    []string
		present  int64
		reason   string
	}{
		{"§1.8: the one whose layers are reused (§6 #12: most shared bytes)", nil, of("a:1", "b:1"), []Cache{manual("a", "a:1"), manual("b", "b:1")}, []string{"b"}, 9, ""},
		{"§1.8: layers, not names: another version's base", nil, of("a:1"), []Cache{manual("a", "a:2")}, []string{"a"}, 1, ""},
		{"equal bytes: the newest", nil, of("a:1"), []Cache{cache("old", 20, 2*day, "a:1"), cache("new", 20, day, "a:1")}, []string{"new"}, 3, ""},
		{"equal bytes and age: the ID", nil, of("a:1"), []Cache{manual("y", "a:1"), manual("x", "a:1")}, []string{"x"}, 3, ""},
		{"§6 #12: single by default", nil, of("a:1", "c:1"), []Cache{manual("a", "a:1"), manual("c", "c:1")}, []string{"c"}, 16, ""},
		{"or several", []string{"reuse-several=true"}, of("a:1", "c:1"), []Cache{manual("a", "a:1"), manual("c", "c:1"), manual("again", "a:1")}, []string{"c", "a"}, 19, ""},
		{"by match degree", []string{"reuse-base=match-degree"}, of("a:1", "b:2"), []Cache{manual("a", "a:1"), manual("c", "b:1")}, []string{"a"}, 3, ""},
		{"by age", []string{"reuse-base=newest"}, of("a:1", "b:1"), []Cache{cache("big", 20, 2*day, "a:1", "b:1"), cache("new", 20, day, "a:1")}, []string{"new"}, 3, ""},
		{"§4.2: not another platform's", nil, of("a:1"), []Cache{arm}, nil, 0, "is for arm64, not amd64"},
		{"§1.3: not one that is not Ready", nil, of("a:1"), []Cache{creating}, nil, 0, "is Creating, not Ready"},
		{"§1.1: not another region's", nil, func() NewCache { c := of("a:1"); c.Region = "cn-hangzhou"; return c }(), []Cache{far}, nil, 0, "is in region cn-beijing, not cn-hangzhou"},
		{"not an expired one", nil, of("a:1"), []Cache{expired}, nil, 0, "has expired"},
		{"an automatic one may lend layers", nil, of("a:1"), []Cache{automaticOf("auto", "a:1")}, []string{"auto"}, 3, ""},
		{"nothing shared", nil, of("c:1"), []Cache{manual("a", "a:1")}, nil, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inv := world()
			inv.Images = append(inv.Images, layers.Image{Reference: "r.example/b:2", Digest: "sha256:b2", Platform: "linux/amd64", Layers: []int{3}})
			m := New(inv, "linux/amd64", now, policy(t, test.policies...))
			creation, err := m.Create(test.new, test.caches, perByte(m))
			if err != nil {
				t.Fatal(err)
			}
			got := creation.Caches[0]
			if !slices.Equal(got.Bases, test.bases) || got.Overlap.ByDigest.PresentBytes != test.present {
				t.Errorf("reuses %v, %d bytes; want %v, %d", got.Bases, got.Overlap.ByDigest.PresentBytes, test.bases, test.present)
			}
			if test.reason != "" && (len(got.Candidates) == 0 || got.Candidates[0].Reason != test.reason) {
				t.Errorf("candidates %+v, want one that %q", got.Candidates, test.reason)
			}
		})
	}
}

// TestCreationTimes: the four variants, by hand: a:1 and b:1 have 11 bytes, of
// which the base a:1 has 3 (eci §1.7: Flash shortens the time until usable; §6
// #12: reuse leaves the snapshot as long as it is).
func TestCreationTimes(t *testing.T) {
	got := create(t, DefaultPolicy(), of("a:1", "b:1"), manual("a", "a:1")).Caches[0]
	want := map[[2]bool]time.Duration{
		{false, false}: 71 * time.Second, {true, false}: 68 * time.Second,
		{false, true}: 12 * time.Second, {true, true}: 9 * time.Second,
	}
	for _, c := range got.Times {
		if *c.Until != want[[2]bool{c.Reuse, c.Flash}] {
			t.Errorf("reuse %v, Flash %v: %v, want %v", c.Reuse, c.Flash, *c.Until, want[[2]bool{c.Reuse, c.Flash}])
		}
	}
	if len(got.Times) != 4 {
		t.Errorf("%d variants", len(got.Times))
	}
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	unknown, err := m.Create(of("a:1"), nil, nil)
	if err != nil || unknown.Caches[0].Times[0].Until != nil {
		t.Errorf("without times: %+v, %v", unknown, err)
	}
}

// TestCreationSize: the images must fit unpacked; the smallest size that holds
// them is suggested; the vendor's rule of thumb stands beside it (eci §1.4). A
// layer of unknown unpacked size is not taken to have none.
func TestCreationSize(t *testing.T) {
	const unknown = -1
	sized := func(compressed, unpacked, asked float64, source string) CreatedCache {
		inv := world()
		inv.Layers[4].CompressedBytes = int64(compressed * bytesPerGiB)
		bytes := int64(unpacked * bytesPerGiB)
		inv.Layers[4].UnpackedBytes, inv.Layers[4].UnpackedSource = &bytes, source
		if unpacked == unknown {
			inv.Layers[4].UnpackedBytes, inv.Layers[4].UnpackedSource = nil, ""
		}
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		c := of("c:1")
		c.SizeGiB = asked
		creation, err := m.Create(c, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return creation.Caches[0]
	}
	for _, test := range []struct {
		compressed, unpacked, asked, size, suggested, thumb float64
		fails, mayFail                                      string
		guess                                               bool
	}{
		{1, 2, 0, 20, 20, 20, "", "", false},    // the default and smallest size
		{15, 40, 0, 44, 44, 30, "", "", false},  // 40 GiB and a tenth; twice 15
		{15, 40, 50, 50, 44, 30, "", "", false}, // more than needed is taken
		{15, 40, 40, 40, 44, 30, "", "", false}, // fits to the byte: not said to fail
		{15, 40, 39, 39, 44, 30, "40.0 GiB unpacked, more than the 39 GiB of the cache: ask for 44 GiB", "", false},
		// With headroom these would want 33,000 GiB; the largest cache holds them.
		{10_000, 30_000, 0, 32_768, 32_768, 20_000, "", "", false},
		{10_000, 32_768, 0, 32_768, 32_768, 20_000, "", "", false},
		{10_000, 32_769, 0, 32_768, 36_046, 20_000, "a cache has at most 32768 GiB: make several of fewer images", "", false},
		// Unknown: twice 30 GiB and a tenth.
		{30, unknown, 0, 66, 66, 60, "", "", false},
		{30, unknown, 60, 60, 66, 60, "", "", false},
		{30, unknown, 20, 20, 66, 60, "", "60.0 GiB unpacked, of which 60.0 GiB are not measured, more than the 20 GiB of the cache: ask for 66 GiB", false},
		// An estimate may be wrong: its creation may fail.
		{15, 40, 0, 44, 44, 30, "", "", true},
		{15, 40, 39, 39, 44, 30, "", "40.0 GiB unpacked, of which 40.0 GiB are not measured, more than the 39 GiB of the cache: ask for 44 GiB", true},
		{20_000, unknown, 0, 32_768, 44_000, 40_000, "", "make several of fewer images", false},
	} {
		source := layers.Measured
		if test.guess {
			source = layers.Estimated
		}
		got := sized(test.compressed, test.unpacked, test.asked, source)
		if got.SizeGiB != test.size || got.SuggestedGiB != test.suggested || got.ThumbGiB != test.thumb ||
			!says(got.Fails, test.fails) || !says(got.MayFail, test.mayFail) {
			t.Errorf("%v GiB unpacked, %v asked for: %v GiB, %v suggested, %v by the rule of thumb, fails %q, may fail %q; want %+v",
				test.unpacked, test.asked, got.SizeGiB, got.SuggestedGiB, got.ThumbGiB, got.Fails, got.MayFail, test)
		}
	}
}

// says tells whether text has the part, or is empty as it is.
func says(text, part string) bool {
	return (text == "") == (part == "") && strings.Contains(text, part)
}

// TestCreationSizeByChain: a layer that two images have at the same place is
// unpacked once, at two places twice; so with one of unknown size.
func TestCreationSizeByChain(t *testing.T) {
	inv := world()
	inv.Layers[0].UnpackedBytes, inv.Layers[0].CompressedBytes = nil, 10*bytesPerGiB
	// c below and base above it: another chain than base at the bottom.
	inv.Images[3].Layers = []int{4, 0}
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	for _, test := range []struct {
		new                NewCache
		assumed, suggested float64
	}{
		{of("a:1", "a:2"), 20, 22}, // base once: 20 GiB and a tenth; the other layers have some bytes
		{of("a:1", "c:1"), 40, 44}, // base at two places
	} {
		creation, err := m.Create(test.new, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := creation.Caches[0]
		if float64(got.AssumedBytes) != test.assumed*bytesPerGiB || got.SuggestedGiB != test.suggested {
			t.Errorf("%v: %d bytes assumed, %v GiB suggested; want %v GiB, %v", test.new.Groups, got.AssumedBytes, got.SuggestedGiB, test.assumed, test.suggested)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	for want, c := range map[string]NewCache{
		"image r.example/z:1 is not in the inventory for linux/amd64": of("a:1", "z:1"),
		"no image is named": {},
	} {
		if _, err := m.Create(c, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, size := range []float64{-1, 19, 20.5, 32_769, math.NaN(), math.Inf(1)} {
		c := of("a:1")
		c.SizeGiB = size
		if _, err := m.Create(c, nil, nil); err == nil || !strings.Contains(err.Error(), "from 20 to 32768 GiB") {
			t.Errorf("%v GiB: got %v", size, err)
		}
	}
}

// family is an Inventory of images on a few bases: base k has 100 bytes, each
// image 1 of its own.
func family(bases, imagesPerBase int) (*layers.Inventory, []string) {
	inv := &layers.Inventory{}
	add := func(bytes int64) int {
		inv.Layers = append(inv.Layers, layers.Layer{Digest: layers.Digest(fmt.Sprint("blob ", len(inv.Layers))), CompressedBytes: bytes, UnpackedBytes: &bytes})
		return len(inv.Layers) - 1
	}
	var refs []string
	for b := range bases {
		base := add(100)
		for i := range imagesPerBase {
			refs = append(refs, fmt.Sprintf("r.example/%c/i:%02d", 'a'+b, i))
			inv.Images = append(inv.Images, layers.Image{Reference: refs[len(refs)-1], Platform: "linux/amd64", Layers: []int{base, add(1)}})
		}
	}
	return inv, refs
}

// TestSplit: more than 20 images are split, by what they share, in as few caches
// as there can be.
func TestSplit(t *testing.T) {
	inv, refs := family(3, 20)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
	var c NewCache
	for _, ref := range append(refs, refs[0]) {
		c.Groups = append(c.Groups, []string{ref})
	}
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	// One group of all is split as single images are: by what they share.
	if together, single := m.split([][]string{refs}), m.split(c.Groups); !reflect.DeepEqual(together, single) {
		t.Errorf("one group of 60 is split into %v, single images into %v", together, single)
	}
	creation, err := m.Create(c, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(creation.Caches) != 3 || creation.Repeated != 1 || !strings.Contains(creation.Split, "60 images make 3 caches") {
		t.Fatalf("%d caches, %d repeated, %q", len(creation.Caches), creation.Repeated, creation.Split)
	}
	for _, created := range creation.Caches {
		// One base of 100 bytes and 20 images of 1: images of another base would
		// make it 200.
		if created.Overlap.CompressedBytes != 120 {
			t.Errorf("%v: %d bytes, want those of one base", created.Images, created.Overlap.CompressedBytes)
		}
	}
}

// TestSplitIsValid, on random groups: every image is there, no cache has more
// than it can, a group that fits is whole in some cache, single images make the
// fewest caches, and the order of groups does not matter.
func TestSplitIsValid(t *testing.T) {
	inv, refs := family(4, 15)
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.SampledFrom([]int{1, 3, 25}).Draw(t, "most")
		groups := rapid.SliceOfN(rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, most, rapid.ID[string]), 1, 60).Draw(t, "groups")
		m := New(inv, "linux/amd64", now, DefaultPolicy())
		sets := m.split(groups)
		distinct := joined(slices.Concat(groups...), nil)
		if got := joined(slices.Concat(sets...), nil); !slices.Equal(got, distinct) {
			t.Fatalf("images %v, want %v", got, distinct)
		}
		for _, set := range sets {
			if len(set) > MaxCacheImages {
				t.Fatalf("%d images in one cache", len(set))
			}
		}
		for _, group := range groups {
			whole := slices.ContainsFunc(sets, func(set []string) bool {
				return !slices.ContainsFunc(group, func(ref string) bool { return !slices.Contains(set, ref) })
			})
			if len(group) <= MaxCacheImages && !whole {
				t.Fatalf("group %v is in no cache whole: %v", group, sets)
			}
		}
		if fewest := (len(distinct) + MaxCacheImages - 1) / MaxCacheImages; most == 1 && len(sets) != fewest {
			t.Fatalf("%d images in %d caches, want %d", len(distinct), len(sets), fewest)
		}
		slices.Reverse(groups)
		if again := m.split(groups); fmt.Sprint(again) != fmt.Sprint(sets) {
			t.Fatalf("in reverse order %v, want %v", again, sets)
		}
	})
}
