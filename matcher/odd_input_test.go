package matcher

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// TestCacheSizeThatIsNoNumber: YAML has .nan, which is in no range.
func TestCacheSizeThatIsNoNumber(t *testing.T) {
	for _, size := range []float64{math.NaN(), math.Inf(1), -1} {
		caches := Caches{Caches: []Cache{cache("x", size, 0, "a:1")}}
		if err := caches.Validate(); err == nil || !strings.Contains(err.Error(), "the range is") {
			t.Errorf("a cache of %v GiB: %v", size, err)
		}
		s := New(world(), "linux/amd64", now, DefaultPolicy()).NewStore(nil, nil, StoreOptions{})
		if _, err := s.Create(CacheRequest{Images: []string{"r.example/a:1"}, SizeGiB: size}, 0); err == nil {
			t.Errorf("a cache of %v GiB was created", size)
		}
	}
}

// TestIndexDigest: a cache says what its tag meant by the digest of the index,
// as DescribeImageCaches and runtimes do; it stands for the platform's image.
func TestIndexDigest(t *testing.T) {
	inv := world()
	inv.Images[0].IndexDigest = "sha256:" + layers.Digest(strings.Repeat("f", 64))
	arm := inv.Images[0]
	arm.Platform, arm.Layers, arm.Digest = "linux/arm64", []int{4}, "sha256:"+layers.Digest(strings.Repeat("e", 64))
	inv.Images = append(inv.Images, arm)
	c := cache("x", 30, 0, "a:1")
	c.Contents = []Content{{"r.example/a:1", string(arm.IndexDigest)}}
	g := group("a:1")
	g.PullPolicy = "Always"
	for _, test := range []struct {
		platform string
		bytes    int64
	}{{"linux/amd64", 3}, {"linux/arm64", 16}, {"", 3}} {
		match := New(inv, test.platform, now, DefaultPolicy()).Match(g, []Cache{c})
		if got := match.Overlap.ByChain; got.PresentBytes != test.bytes || got.FetchBytes != 0 {
			t.Errorf("platform %q: %d bytes present, %d fetched; want %d and 0", test.platform, got.PresentBytes, got.FetchBytes, test.bytes)
		}
	}
}

// TestEstimateDoesNotFailABuild: only measured bytes make a creation fail, by the
// rule that Matcher.Create has too.
func TestEstimateDoesNotFailABuild(t *testing.T) {
	inv := world()
	huge := int64(25) << 30
	inv.Layers[4].UnpackedBytes = &huge
	for _, test := range []struct {
		source string
		want   string
	}{{layers.Estimated, StatusReady}, {layers.Measured, StatusFailed}} {
		inv.Layers[4].UnpackedSource = test.source
		s := New(inv, "linux/amd64", now, DefaultPolicy()).NewStore(nil, nil, StoreOptions{})
		if _, err := s.Create(CacheRequest{Images: []string{"r.example/c:1"}}, 0); err != nil {
			t.Fatal(err)
		}
		if got := s.Caches(day / 2)[0].Status; got != test.want {
			t.Errorf("25 GiB, %s, in 20 GiB: %s, want %s", test.source, got, test.want)
		}
	}
}

// TestHitOfUnknownImages: an image that the Inventory lacks is found where it is
// used as it is; otherwise what is there of it is unknown, which is no full hit.
func TestHitOfUnknownImages(t *testing.T) {
	for _, test := range []struct {
		name         string
		images, held []string
		pull         string
		want         Hit
	}{
		{"all known", []string{"a:1"}, []string{"a:1"}, "", FullHit},
		{"one unknown and not held", []string{"a:1", "u:1"}, []string{"a:1"}, "", PartialHit},
		{"one unknown, used as it is", []string{"a:1", "u:1"}, []string{"a:1", "u:1"}, "", FullHit},
		{"one unknown, asked for", []string{"a:1", "u:1"}, []string{"a:1", "u:1"}, "Always", PartialHit},
		{"all unknown, one used as it is", []string{"v:1", "u:1"}, []string{"u:1"}, "", PartialHit},
		{"all unknown, asked for", []string{"u:1"}, []string{"u:1"}, "Always", Miss},
		{"the known one not held", []string{"c:1", "u:1"}, []string{"u:1"}, "", PartialHit},
	} {
		g := group(test.images...)
		g.PullPolicy = test.pull
		caches := []Cache{cache("x", 30, day, test.held...)}
		match := New(world(), "linux/amd64", now, DefaultPolicy()).Match(g, caches)
		served := New(world(), "linux/amd64", now, DefaultPolicy()).NewStore([]Group{g}, caches, StoreOptions{}).Match(0, 0)
		if match.Hit != test.want || served.Hit != test.want {
			t.Errorf("%s: Match says %s, a Store %s, want %s", test.name, match.Hit, served.Hit, test.want)
		}
	}
}

// TestNoImages: a group without images makes no cache, which could hold nothing;
// an app without images releases nothing.
func TestNoImages(t *testing.T) {
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	if match := m.Match(Group{Name: "app"}, nil); match.CreatesAutomatic {
		t.Error("an automatic cache of nothing is made")
	}
	events := []workload.Event{{Release: true}, {At: time.Hour}}
	outcomes, _, err := m.Replay(t.Context(), []workload.App{{Name: "app"}}, nil, slices.Values(events), ReplayOptions{Automatic: true})
	if err != nil || outcomes[0].Starts != 1 {
		t.Errorf("outcomes %+v, %v", outcomes, err)
	}
}

// TestGivenAutomaticCaches: the expiry that the service tells of an automatic cache
// is as of now; a use extends it (eci §1.2). One of unknown age is not that old.
func TestGivenAutomaticCaches(t *testing.T) {
	told, ageless := cache("told", 30, day, "a:1"), cache("ageless", 30, 0, "a:1")
	told.Automatic, ageless.Automatic = true, true
	told.ExpireTime, ageless.CreationTime = now.Add(6*day), time.Time{}
	for _, c := range []Cache{told, ageless} {
		s := New(world(), "linux/amd64", now, DefaultPolicy()).NewStore([]Group{group("a:1")}, []Cache{c}, StoreOptions{NoAutomatic: true})
		for _, start := range []struct {
			at   time.Duration
			want string
		}{{5 * day, c.ID}, {34 * day, c.ID}, {65 * day, ""}} {
			if got := s.Match(0, start.at).CacheID; got != start.want {
				t.Errorf("%s at %v: %q is picked, want %q", c.ID, start.at, got, start.want)
			}
		}
	}
}

// TestFormsOfAName: what a reference means is found in the Inventory however its
// name is written, by its digest, and under the public name of a registry in a VPC,
// whose layers are the same (eci §1.11). Both images have 3 compressed bytes.
func TestFormsOfAName(t *testing.T) {
	inv := world()
	inv.Images[0].Reference, inv.Images[1].Reference = "nginx:1", "registry.cn-hangzhou.aliyuncs.com/shop/web:1"
	inv.Images[1].Layers = []int{0, 1}
	digest := "@sha256:" + strings.Repeat("0", 64)
	for _, test := range []struct {
		held, wanted, cacheID string
		present               int64
	}{
		{"docker.io/library/nginx:1", "nginx:1", "x", 3},
		{"nginx:1", "docker.io/library/nginx:1", "x", 3},
		{"nginx" + digest, "nginx:1", "x", 3},
		{"nginx:1", "nginx" + digest, "x", 3},
		{"nginx:1", "nginx:1" + digest, "x", 3},
		// The names differ, so that it does not match; asked for explicitly, it holds the layers.
		{"registry-vpc.cn-hangzhou.aliyuncs.com/shop/web:1", "registry.cn-hangzhou.aliyuncs.com/shop/web:1", "", 0},
	} {
		g := Group{Images: []string{test.wanted}, PullPolicy: "Always"}
		caches := []Cache{{ID: "x", Images: []string{test.held}, Status: StatusReady, CreationTime: now}}
		match := New(inv, "linux/amd64", now, DefaultPolicy()).Match(g, caches)
		if got := match.Overlap.ByChain.PresentBytes; match.CacheID != test.cacheID || got != test.present || match.Unknown != nil {
			t.Errorf("%s in a cache with %s: cache %q holds %d bytes, unknown %v; want %q and %d", test.wanted, test.held, match.CacheID, got, match.Unknown, test.cacheID, test.present)
		}
		g.CacheID = "x"
		if got := New(inv, "linux/amd64", now, DefaultPolicy()).Match(g, caches).Overlap.ByChain.PresentBytes; got != 3 {
			t.Errorf("%s in a cache with %s, asked for: %d bytes are held, want 3", test.wanted, test.held, got)
		}
	}
}

// TestRenewalAtTimeZero: a renewal that ends at the Matcher's own time ends.
func TestRenewalAtTimeZero(t *testing.T) {
	for _, build := range []time.Duration{0, 2 * time.Hour} {
		s := New(world(), "linux/amd64", now, DefaultPolicy()).NewStore([]Group{group("a:1")}, nil, StoreOptions{
			BuildTime: func([]string, float64) time.Duration { return build }, NoAutomatic: true,
		})
		id, err := s.Create(CacheRequest{Images: []string{"r.example/a:1"}}, -day)
		if err != nil {
			t.Fatal(err)
		}
		s.Release("r.example/a:1", -build)
		if err := s.Renew(id, -build); err != nil {
			t.Fatal(err)
		}
		if got := s.Match(0, time.Hour); got.CacheID != id || got.Hit != FullHit {
			t.Errorf("an hour after a renewal of %v: cache %q, %s; want %s, hit", build, got.CacheID, got.Hit, id)
		}
	}
}

// TestReleaseInAnyForm: a release leaves behind what a cache holds of the image,
// however its name is written there.
func TestReleaseInAnyForm(t *testing.T) {
	inv := world()
	inv.Images[0].Reference = "nginx:1"
	c := Cache{ID: "x", Images: []string{"docker.io/library/nginx:1"}, Status: StatusReady, CreationTime: now}
	s := New(inv, "linux/amd64", now, DefaultPolicy()).NewStore([]Group{{Images: []string{"nginx:1"}}}, []Cache{c}, StoreOptions{NoAutomatic: true})
	if got := s.Match(0, 0); got.CacheID != "x" {
		t.Fatalf("before the release cache %q is picked", got.CacheID)
	}
	if ids := s.Release("nginx:1", 1); len(ids) != 1 {
		t.Errorf("the release leaves behind %q, want x", ids)
	}
	if got := s.Match(0, 2); got.CacheID != "" {
		t.Errorf("after the release cache %q is picked", got.CacheID)
	}
}
