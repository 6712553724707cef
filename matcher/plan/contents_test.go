package plan_test

import (
	"slices"
	"testing"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// A cache keeps what its references meant at the plan's time: the digest of the index where
// there is one; of an image that no registry serves none, for it may be that of a config.
func TestContents(t *testing.T) {
	const local = "docker-daemon:base:1"
	inv := inventory([]float64{4, 1}, map[string][]int{"r/web:1": {0, 1}, "r/side:1": {0}, local: {0}})
	find := func(ref string) *layers.Image { return &inv.Images[inv.Find(ref, platform, noon)] }
	find("r/web:1").IndexDigest = digest(imageDigest, 99)
	later := *find("r/side:1")
	later.From, later.Digest = noon.AddDate(0, 1, 0), digest(imageDigest, 77) // the tag moves after the plan
	inv.Images = append(inv.Images, later)
	p := problem(inv, found(
		&workload.App{Name: "web", Images: []string{"r/web:1", "r/side:1", local}, StartsPerDay: 10, Runtime: seconds(60), CPU: 2, MemoryGiB: 4},
		nothing(300)))
	got := choose(t, p)
	if len(got.Caches) != 1 {
		t.Fatalf("%d caches, want 1: %s", len(got.Caches), got.Reason)
	}
	want := []matcher.Content{
		{Reference: "r/side:1", Digest: string(find("r/side:1").Digest)},
		{Reference: "r/web:1", Digest: string(digest(imageDigest, 99))},
	}
	if !slices.Equal(got.Caches[0].Contents, want) {
		t.Errorf("contents %v, want %v", got.Caches[0].Contents, want)
	}
}
