package matcher

import (
	"math"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/layers"
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
