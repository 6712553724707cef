package matcher

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// world has images a:1 and a:2, which share their base, b:1 on the same base,
// and c:1 alone. Layer sizes are powers of two, so that sums tell their parts.
//
//	a:1 = base 1, a1 2    a:2 = base 1, a2 4    b:1 = base 1, b 8    c:1 = c 16
//
// Unpacked bytes are ten times the compressed ones.
func world() *layers.Inventory {
	inv := &layers.Inventory{}
	for i, name := range []string{"base", "a1", "a2", "b", "c"} {
		unpacked := int64(10) << i
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: layers.Digest("blob " + name), DiffID: layers.Digest("diff " + name),
			CompressedBytes: 1 << i, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
		})
	}
	for i, img := range []struct {
		ref    string
		layers []int
	}{{"r.example/a:1", []int{0, 1}}, {"r.example/a:2", []int{0, 2}}, {"r.example/b:1", []int{0, 3}}, {"r.example/c:1", []int{4}}} {
		inv.Images = append(inv.Images, layers.Image{
			Reference: img.ref, Digest: layers.Digest(fmt.Sprintf("sha256:%064d", i)), Platform: "linux/amd64", Layers: img.layers,
		})
	}
	return inv
}

func cache(id string, sizeGiB float64, age time.Duration, images ...string) Cache {
	for i := range images {
		images[i] = "r.example/" + images[i]
	}
	return Cache{ID: id, Images: images, SizeGiB: sizeGiB, Status: StatusReady, CreationTime: now.Add(-age)}
}

func group(images ...string) Group {
	g := Group{Name: "app"}
	for _, i := range images {
		g.Images = append(g.Images, "r.example/"+i)
	}
	return g
}

func policy(t *testing.T, settings ...string) Policy {
	t.Helper()
	p := DefaultPolicy()
	for _, s := range settings {
		if err := p.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// TestOrder: each rule of eci §1.9 and each assumption of §6, one case each.
func TestOrder(t *testing.T) {
	digest := strings.Repeat("0", 63)
	for _, test := range []struct {
		name     string
		policies []string
		group    Group
		caches   []Cache
		want     string
		reason   string
	}{
		{
			name: "the higher match degree wins (§1.9, 1)", group: group("a:1", "b:1"),
			caches: []Cache{cache("one", 30, 0, "a:1"), cache("two", 100, day, "a:1", "b:1")},
			want:   "two", reason: "holds 2 of 2 images by name, more than one",
		},
		{
			name: "another version of the repository counts after whole images (§6 #1)", group: group("a:1", "b:1"),
			caches: []Cache{cache("plain", 30, 0, "b:1"), cache("near", 100, day, "b:1", "a:2")},
			want:   "near", reason: "holds 1 of 2 images by name as plain does, and other versions of 1 more, against 0",
		},
		{
			name: "then the size closest to the instance's (§1.9, 2; S2)", group: group("a:1"),
			caches: []Cache{cache("far", 100, 0, "a:1"), cache("close", 40, day, "a:1")},
			want:   "close", reason: "holds 1 of 1 images by name as far does, and its size is closer to the instance's storage",
		},
		{
			name: "or the size of the matched images (§1.9, 2; S11)", policies: []string{"size=matched-bytes", "degree=layers"}, group: group("a:1", "b:1"),
			caches: []Cache{cache("closer", 30, 0, "a:1", "c:1"), cache("larger", 200, day, "b:1")},
			want:   "larger",
		},
		{
			name: "then the newest (§1.9, 3)", group: group("a:1"),
			caches: []Cache{cache("old", 40, 2*day, "a:1"), cache("new", 40, day, "a:1")},
			want:   "new", reason: "holds 1 of 1 images by name as old does, and it is newer",
		},
		{
			name: "ties: the smaller cache (§6 #6)", group: group("a:1"),
			caches: []Cache{cache("big", 40, day, "a:1"), cache("small", 20, day, "a:1")},
			want:   "small", reason: "holds 1 of 1 images by name as big does, and the tie rule decides",
		},
		{
			name: "ties: then the ID (§6 #6)", group: group("a:1"),
			caches: []Cache{cache("y", 40, day, "a:1"), cache("x", 40, day, "a:1")},
			want:   "x",
		},
		{
			name: "init containers count (§6 #1)", group: Group{Name: "app", Images: []string{"r.example/a:1"}, InitImages: []string{"r.example/b:1"}},
			caches: []Cache{cache("main", 30, 0, "a:1"), cache("both", 100, day, "a:1", "b:1")},
			want:   "both",
		},
		{
			name: "a digest matches the same digest", group: Group{Name: "app", Images: []string{"r.example/a@sha256:" + digest + "0"}},
			caches: []Cache{{ID: "pinned", Images: []string{"r.example/a:1"}, Contents: []Content{{"r.example/a:1", "sha256:" + digest + "0"}}, Status: StatusReady}},
			want:   "pinned",
		},
		{
			name: "only Ready caches (§1.3)", group: group("a:1"),
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusUpdating}},
			reason: "no cache qualifies: c is Updating, not Ready",
		},
		{
			name: "an expired cache", group: group("a:1"),
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusReady, ExpireTime: now}},
			reason: "no cache qualifies: c has expired",
		},
		{
			name: "another region (§1.1)", group: Group{Name: "app", Images: []string{"r.example/a:1"}, Region: "cn-beijing"},
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusReady, Region: "cn-hangzhou"}},
			reason: "no cache qualifies: c is in region cn-hangzhou, not cn-beijing",
		},
		{
			name: "another architecture (§6 #9)", group: Group{Name: "app", Images: []string{"r.example/a:1"}, Architecture: "arm64"},
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusReady, Architecture: "amd64"}},
			reason: "no cache qualifies: c is for amd64, not arm64",
		},
		{
			name: "an automatic cache larger than the instance's storage (§6 #3)", group: group("a:1"),
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusReady, SizeGiB: 50, Automatic: true}},
			reason: "no cache qualifies: c has 50 GiB, more than the instance's temporary storage of 30 GiB",
		},
		{
			name: "strictSize filters manual caches too (§6 #3)", policies: []string{"strict-size=true"}, group: group("a:1"),
			caches: []Cache{cache("c", 50, 0, "a:1")},
			reason: "no cache qualifies: c has 50 GiB, more than the instance's temporary storage of 30 GiB",
		},
		{
			name: "no whole image (§6 #4)", group: group("a:1"), caches: []Cache{cache("c", 30, 0, "a:2")},
			reason: "no cache qualifies: c holds other versions only",
		},
		{
			name: "threshold layer accepts any shared layer (§6 #4)", policies: []string{"threshold=layer"}, group: group("a:1"),
			caches: []Cache{cache("c", 30, 0, "a:2")}, want: "c",
		},
		{
			name: "perfect match (§1.9)", group: Group{Name: "app", Images: []string{"r.example/a:1", "r.example/b:1"}, PerfectMatch: true, MatchCount: 1},
			caches: []Cache{cache("c", 30, 0, "a:1")}, reason: "no cache qualifies: c holds 1 of 2 images by name, a perfect match is asked for",
		},
		{
			name: "match count (§1.9)", group: Group{Name: "app", Images: []string{"r.example/a:1", "r.example/b:1"}, MatchCount: 2},
			caches: []Cache{cache("c", 30, 0, "a:1")}, reason: "no cache qualifies: c holds 1 of 2 images by name, at least 2 are asked for",
		},
		{
			name: "explicit beats automatic (§1.9)", group: Group{Name: "app", Images: []string{"r.example/a:1"}, CacheID: "other"},
			caches: []Cache{cache("best", 30, 0, "a:1"), cache("other", 30, 0, "c:1")}, want: "other", reason: "asked for explicitly",
		},
		{
			name: "an explicit cache that is not Ready fails (§1.10)", group: Group{Name: "app", Images: []string{"r.example/a:1"}, CacheID: "c"},
			caches: []Cache{{ID: "c", Images: []string{"r.example/a:1"}, Status: StatusCreating}},
			reason: "cache c, asked for explicitly, is Creating, not Ready: the start fails",
		},
		{name: "no caches", group: group("a:1"), reason: "there are no caches"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := New(world(), "linux/amd64", now, policy(t, test.policies...))
			got := m.Match(test.group, test.caches)
			if got.CacheID != test.want || test.reason != "" && got.Reason != test.reason {
				t.Errorf("picked %q because it %q; want %q, %q", got.CacheID, got.Reason, test.want, test.reason)
			}
			slices.Reverse(test.caches)
			if again := m.Match(test.group, test.caches); again.CacheID != got.CacheID {
				t.Errorf("in reverse order %q is picked", again.CacheID)
			}
		})
	}
}

// TestWhatFollows: bytes present and missing, the hit, and the automatic cache.
func TestWhatFollows(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	for _, test := range []struct {
		name    string
		group   Group
		cache   Cache
		hit     Hit
		chain   Share
		creates bool
		size    float64
	}{
		{"all", group("a:1"), cache("c", 30, 0, "a:1"), FullHit, Share{2, 3, 0, 0, 0}, false, 0},
		{"one of two images", group("a:1", "c:1"), cache("c", 30, 0, "a:1"), PartialHit, Share{2, 3, 1, 16, 160}, true, 30},
		{"no match: nothing is credited", group("a:1"), cache("c", 30, 0, "a:2"), Miss, Share{0, 0, 2, 3, 30}, true, 30},
		{"extra storage", Group{Name: "app", Images: []string{"r.example/c:1"}, ExtraStorageGiB: 15}, cache("c", 30, 0, "a:1"), Miss, Share{0, 0, 1, 16, 160}, true, 45},
	} {
		got := m.Match(test.group, []Cache{test.cache})
		if got.Hit != test.hit || got.Overlap.ByChain != test.chain || got.CreatesAutomatic != test.creates || got.AutomaticGiB != test.size {
			t.Errorf("%s: %s %+v, creates %v of %v GiB", test.name, got.Hit, got.Overlap.ByChain, got.CreatesAutomatic, got.AutomaticGiB)
		}
	}
	p := policy(t, "create-on-partial=false")
	if got := New(world(), "linux/amd64", now, p).Match(group("a:1", "c:1"), []Cache{cache("c", 30, 0, "a:1")}); got.CreatesAutomatic {
		t.Error("create-on-partial=false creates an automatic cache on a partial match")
	}
}

// TestTwoOverlaps: a digest that is present saves the download only, a chain the
// unpack too; the same content under another digest saves neither by digest.
func TestTwoOverlaps(t *testing.T) {
	inv := world()
	unpacked := int64(10)
	inv.Layers = append(inv.Layers, layers.Layer{Digest: "blob base again", DiffID: "diff base", CompressedBytes: 32, UnpackedBytes: &unpacked})
	add := func(ref string, ls ...int) {
		inv.Images = append(inv.Images, layers.Image{Reference: ref, Platform: "linux/amd64", Layers: ls})
	}
	add("upside-down", 1, 0)  // the layers of a:1 in another order
	add("recompressed", 5, 1) // the base under another digest
	add("repeated", 0, 0, 0)  // one layer three times
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	for _, test := range []struct {
		need, held string
		want       Overlap
	}{
		{"r.example/a:1", "upside-down", Overlap{Layers: 2, CompressedBytes: 3, UnpackedBytes: 30,
			ByDigest: Share{2, 3, 0, 0, 30}, ByChain: Share{0, 0, 2, 3, 30}}},
		{"r.example/a:1", "recompressed", Overlap{Layers: 2, CompressedBytes: 3, UnpackedBytes: 30,
			ByDigest: Share{1, 2, 1, 1, 30}, ByChain: Share{2, 3, 0, 0, 0}}},
		{"repeated", "r.example/a:1", Overlap{Layers: 1, CompressedBytes: 1, UnpackedBytes: 30,
			ByDigest: Share{1, 1, 0, 0, 30}, ByChain: Share{1, 0, 2, 1, 20}}},
	} {
		if diff := cmp.Diff(test.want, m.Overlap([]string{test.need}, []string{test.held})); diff != "" {
			t.Errorf("%s from %s, -want +got:\n%s", test.need, test.held, diff)
		}
	}
}

// TestOverlapAddsUp, on random images: present and missing make the need, by
// each overlap; the order of images changes nothing; holding more never fetches
// more.
func TestOverlapAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inv := &layers.Inventory{}
		for i := range 6 {
			n := rapid.Int64Range(0, 100).Draw(t, "bytes")
			inv.Layers = append(inv.Layers, layers.Layer{
				Digest: layers.Digest(fmt.Sprint("blob", i)), DiffID: layers.Digest(fmt.Sprint("diff", i)), CompressedBytes: n, UnpackedBytes: &n,
			})
		}
		var refs []string
		for i := range 5 {
			refs = append(refs, fmt.Sprint("r.example/i:", i))
			inv.Images = append(inv.Images, layers.Image{Reference: refs[i], Platform: "linux/amd64",
				Layers: rapid.SliceOfN(rapid.IntRange(0, 5), 0, 5).Draw(t, "layers")})
		}
		m := New(inv, "", now, DefaultPolicy())
		need, held := subset(t, refs), subset(t, refs)
		o := m.Overlap(need, held)
		for name, s := range map[string]Share{"digest": o.ByDigest, "chain": o.ByChain} {
			if s.PresentBytes+s.FetchBytes != o.CompressedBytes {
				t.Fatalf("by %s: %d + %d bytes of %d", name, s.PresentBytes, s.FetchBytes, o.CompressedBytes)
			}
		}
		slices.Reverse(held)
		if again := m.Overlap(need, held); again != o {
			t.Fatalf("the order of what is held changes %+v to %+v", o, again)
		}
		more := m.Overlap(need, refs)
		if more.ByChain.FetchBytes != 0 || more.ByChain.FetchBytes > o.ByChain.FetchBytes || more.ByDigest.FetchBytes > o.ByDigest.FetchBytes {
			t.Fatalf("holding everything leaves %+v, part of it %+v", more, o)
		}
	})
}

func subset(t *rapid.T, refs []string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(string) bool { return rapid.Bool().Draw(t, "out") })
}

// starts of app 0 at the given hours.
func starts(hours ...float64) []workload.Event {
	var events []workload.Event
	for _, h := range hours {
		events = append(events, workload.Event{At: time.Duration(h * float64(time.Hour))})
	}
	return events
}

func replayed(t *testing.T, p Policy, apps []workload.App, caches []Cache, events []workload.Event, opt ReplayOptions) string {
	t.Helper()
	if opt.BuildTime == nil {
		opt.BuildTime = func([]string, float64) time.Duration { return 2 * time.Hour }
	}
	opt.Automatic, opt.PicksTo = true, 1<<62
	outcomes, picks, err := New(world(), "linux/amd64", now, p).Replay(t.Context(), apps, caches, slices.Values(events), opt)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, pick := range picks {
		switch {
		case pick.Cache == nil:
			s = append(s, "-")
		case pick.Cache.Automatic:
			s = append(s, "a")
		default:
			s = append(s, pick.Cache.ID)
		}
	}
	var counted int
	for _, o := range outcomes {
		for _, f := range o.Found {
			counted += f.Starts
		}
	}
	if counted != len(picks) {
		t.Errorf("outcomes count %d starts, %d were picked for", counted, len(picks))
	}
	return strings.Join(s, "")
}

// TestReplay: the life of automatic caches, each rule by a hand-written history
// of one app's starts. "-" found nothing, "a" an automatic cache.
func TestReplay(t *testing.T) {
	app := []workload.App{{Name: "app", Images: []string{"r.example/a:1"}}}
	const d = 24.0
	for _, test := range []struct {
		name     string
		policies []string
		events   []workload.Event
		want     string
	}{
		{"made by the first miss, of use when ready after 2 h", nil, starts(0, 1, 1.9, 2, 3), "---aa"},
		{"never used: there for 7 days after creation (§1.2)", nil, starts(0, 7*d-0.1), "-a"},
		{"never used: gone after 7 days", nil, starts(0, 7*d, 7*d+2), "--a"},
		{"used: 30 days after the last use", nil, starts(0, 6*d, 35.9*d, 65*d, 96*d), "-aaa-"},
		{"the older rule: 3 days unused", []string{"retention=older"}, starts(0, 2.9*d, 5.8*d, 8.9*d), "-aa-"},
		{"a release makes it stale, and what is being made too", nil,
			[]workload.Event{{At: 0}, {At: 3 * time.Hour}, {At: 4 * time.Hour, Release: true}, {At: 5 * time.Hour}, {At: 6 * time.Hour, Release: true}, {At: 6*time.Hour + 1}, {At: 8*time.Hour + 1}}, "-a--a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := replayed(t, policy(t, test.policies...), app, nil, test.events, ReplayOptions{}); got != test.want {
				t.Errorf("found %s, want %s", got, test.want)
			}
		})
	}
	t.Run("least recently used goes at the quota", func(t *testing.T) {
		apps := []workload.App{{Name: "a", Images: []string{"r.example/a:1"}}, {Name: "b", Images: []string{"r.example/b:1"}}, {Name: "c", Images: []string{"r.example/c:1"}}}
		at := func(h int, app int) workload.Event {
			return workload.Event{At: time.Duration(h) * time.Hour, App: app}
		}
		events := []workload.Event{at(0, 0), at(0, 1), at(3, 1), at(4, 0), at(5, 2), at(8, 0), at(8, 1), at(8, 2)}
		if got, want := replayed(t, policy(t, "automatic-quota=2"), apps, nil, events, ReplayOptions{}), "--aa-a--"; got != want {
			t.Errorf("found %s, want %s", got, want)
		}
	})
	t.Run("a cache that is built again is stale only so long", func(t *testing.T) {
		events := []workload.Event{{At: 0}, {At: time.Hour, Release: true}, {At: 2 * time.Hour}, {At: 4 * time.Hour}}
		got := replayed(t, DefaultPolicy(), app, []Cache{cache("m", 20, day, "a:1")}, events, ReplayOptions{Rebuild: func(string) bool { return true }})
		// The automatic cache of the miss at 2 h is Ready at 4 h and its 30 GiB
		// are closest to the instance's, but the release's rebuild was first.
		if got != "m-a" {
			t.Errorf("found %s, want m-a", got)
		}
	})
}

// TestPlatformOfCache: without the group saying so, a cache for another
// architecture or OS than the Matcher's platform does not qualify (§6 #9).
func TestPlatformOfCache(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	arm := cache("arm", 30, 0, "a:1")
	arm.Architecture = "arm64"
	windows := cache("windows", 30, 0, "a:1")
	windows.OSType = "Windows"
	if got := m.Match(group("a:1"), []Cache{arm, windows}); got.CacheID != "" {
		t.Errorf("picked %s", got.CacheID)
	}
	fit := cache("fit", 30, day, "a:1")
	fit.Architecture, fit.OSType = "amd64", "Linux"
	if got := m.Match(group("a:1"), []Cache{arm, windows, fit}); got.CacheID != "fit" {
		t.Errorf("picked %q, want fit", got.CacheID)
	}
}

// TestAliases: the VPC name of a registry is another one unless an alias says
// that it is the same (§6 #10).
func TestAliases(t *testing.T) {
	c := cache("c", 30, 0)
	c.Images = []string{"r-vpc.example/a:1"}
	p := DefaultPolicy()
	if got := New(world(), "linux/amd64", now, p).Match(group("a:1"), []Cache{c}); got.CacheID != "" {
		t.Errorf("picked %s without an alias", got.CacheID)
	}
	p.Aliases = map[string]string{"r-vpc.example": "r.example"}
	if got := New(world(), "linux/amd64", now, p).Match(group("a:1"), []Cache{c}); got.CacheID != "c" {
		t.Errorf("picked %q with the alias", got.CacheID)
	}
}

// TestStaleContent: a cache holds an older a:1, which had the layers of a:2. With
// IfNotPresent the stale image is run and nothing pulled; with Always the layers
// of the older content are of use, and the rest is pulled (§6 #11).
func TestStaleContent(t *testing.T) {
	inv := world()
	c := cache("c", 30, day, "a:1")
	c.Contents = []Content{{"r.example/a:1", string(inv.Images[1].Digest)}}
	m := New(inv, "linux/amd64", now, DefaultPolicy())
	for policy, fetch := range map[string]int64{"": 0, "IfNotPresent": 0, "Always": 2} {
		g := group("a:1")
		g.PullPolicy = policy
		if got := m.Match(g, []Cache{c}); got.CacheID != "c" || got.Overlap.ByChain.FetchBytes != fetch {
			t.Errorf("policy %q: picked %q, %d bytes to fetch, want %d", policy, got.CacheID, got.Overlap.ByChain.FetchBytes, fetch)
		}
	}
	c.Contents[0].Digest = "sha256:" + strings.Repeat("f", 64) // not in the Inventory
	g := group("a:1")
	g.PullPolicy = "Always"
	if got := m.Match(g, []Cache{c}); got.Overlap.ByChain.FetchBytes != 3 {
		t.Errorf("unknown content: %d bytes to fetch, want all 3", got.Overlap.ByChain.FetchBytes)
	}
}

// TestReplayOfGivenCaches: what exists is as it stands now.
func TestReplayOfGivenCaches(t *testing.T) {
	app := []workload.App{{Name: "app", Images: []string{"r.example/a:1"}}}
	t.Run("a release before the month is behind it", func(t *testing.T) {
		events := []workload.Event{{At: -time.Hour, Release: true}, {At: time.Hour}}
		if got := replayed(t, DefaultPolicy(), app, []Cache{cache("m", 20, day, "a:1")}, events, ReplayOptions{}); got != "m" {
			t.Errorf("found %s, want m", got)
		}
	})
	automatic := cache("automatic-1", 30, 20*day, "a:1")
	automatic.Automatic = true
	t.Run("an automatic one ages from its creation", func(t *testing.T) {
		if got := replayed(t, DefaultPolicy(), app, []Cache{automatic}, starts(1, 4), ReplayOptions{}); got != "-a" {
			t.Errorf("found %s, want - (20 days old and never used), then a new one", got)
		}
	})
	t.Run("a plan's is seen in the long run", func(t *testing.T) {
		// The start before the month finds it, so that no automatic cache, whose
		// size is closer, is made and comes before it.
		planned := cache("planned", 20, 0, "a:1")
		if got := replayed(t, DefaultPolicy(), app, []Cache{planned}, starts(-50, -40, 1), ReplayOptions{}); got != "planned" {
			t.Errorf("found %s, want planned", got)
		}
	})
	t.Run("or from its last match", func(t *testing.T) {
		used := automatic
		used.LastMatchedTime = now.Add(-time.Hour)
		if got := replayed(t, DefaultPolicy(), app, []Cache{used}, starts(1, 4), ReplayOptions{}); got != "aa" {
			t.Errorf("found %s, want aa", got)
		}
	})
	t.Run("the one in use is not the least recently used", func(t *testing.T) {
		apps := []workload.App{{Name: "ab", Images: []string{"r.example/a:1", "r.example/b:1"}}, {Name: "c", Images: []string{"r.example/c:1"}}}
		a, c := automatic, cache("automatic-2", 30, day, "c:1")
		c.Automatic = true
		a.LastMatchedTime, c.LastMatchedTime = now.Add(-2*time.Hour), now.Add(-time.Hour)
		// ab matches a in part and makes a third cache: c, not a, must go.
		events := []workload.Event{{At: time.Minute}, {At: 2 * time.Minute, App: 1}, {At: 3 * time.Minute}}
		if got := replayed(t, policy(t, "automatic-quota=2"), apps, []Cache{a, c}, events, ReplayOptions{}); got[:2] != "a-" {
			t.Errorf("found %s, want a, then nothing", got)
		}
	})
}

// TestRankIsOneOrder: how two caches compare does not depend on the others.
func TestRankIsOneOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	names := []string{"a:1", "a:2", "b:1", "c:1"}
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	for range 200 {
		var caches []Cache
		for i := range 6 {
			var images []string
			for _, n := range names {
				if rng.IntN(2) == 0 {
					images = append(images, n)
				}
			}
			caches = append(caches, cache(fmt.Sprint("c", i), float64(20+10*rng.IntN(3)), time.Duration(rng.IntN(2))*day, images...))
		}
		g := group("a:1", "b:1")
		all := ids(m.Rank(g, caches))
		for i := range caches {
			without := slices.Delete(slices.Clone(caches), i, i+1)
			want := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return id == caches[i].ID })
			if got := ids(m.Rank(g, without)); !slices.Equal(got, want) {
				t.Fatalf("without %s the order is %v, want %v", caches[i].ID, got, want)
			}
		}
	}
}

func ids(candidates []Candidate) []string {
	var s []string
	for _, c := range candidates {
		s = append(s, c.CacheID)
	}
	return s
}

func TestPolicySet(t *testing.T) {
	for in, want := range map[string]string{
		"size":               `policy "size" is not KEY=VALUE`,
		"colour=red":         `no policy is called "colour"; there are ` + strings.Join(policyNames(), ", "),
		"size=large":         `policy size: "large" is neither closest nor matched-bytes`,
		"strict-size=yes":    `policy strict-size: "yes" is neither false nor true`,
		"automatic-quota=-1": `policy automatic-quota: "-1" is not a number of caches`,
	} {
		p := DefaultPolicy()
		if err := p.Set(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	for key, value := range DefaultPolicy().Map() {
		p := DefaultPolicy()
		if err := p.Set(key + "=" + value); err != nil || !reflect.DeepEqual(p, DefaultPolicy()) {
			t.Errorf("the default %s=%s does not set itself: %v", key, value, err)
		}
	}
}
