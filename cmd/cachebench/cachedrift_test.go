package main

import (
	cmp1 "cmp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// TestDrift: a tag has drifted where its image is newer than the cache, or where what was
// saved says so; without that an older image tells nothing.
func TestDrift(t *testing.T) {
	const ref = "web:1"
	digest := func(c string) layers.Digest { return layers.Digest("sha256:" + c) }
	built := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	means := func(config time.Time) *today {
		inv := &layers.Inventory{Images: []layers.Image{{Reference: ref, Digest: digest("now"), IndexDigest: digest("index"), Platform: "linux/amd64", CreatedAt: config}}}
		return &today{inventory: inv, lookup: inv.Lookup(), platform: "linux/amd64", at: built.AddDate(0, 1, 0)}
	}
	lock := func(d layers.Digest) *cachebench.Lock {
		return &cachebench.Lock{References: []cachebench.LockedReference{{Reference: ref, Digest: d}}}
	}
	caches := func(id string, d layers.Digest) *matcher.Caches {
		return &matcher.Caches{Caches: []matcher.Cache{{ID: id, Contents: []matcher.Content{{Reference: ref, Digest: string(d)}}}}}
	}
	older, newer := built.Add(-time.Hour), built.Add(time.Hour)
	for name, test := range map[string]struct {
		reference string
		lock      *cachebench.Lock
		caches    *matcher.Caches
		now       *today
		status    eci.ImageCacheStatus
		tags      []eci.Tag
		want      string
	}{
		"it is being built":                   {now: means(newer), status: eci.CacheUpdating, want: reports.DriftUnknown},
		"its creation failed":                 {now: means(newer), status: eci.CacheFailed, want: reports.DriftUnknown},
		"it was built anew without events":    {now: means(newer), tags: []eci.Tag{{Key: builtTag, Value: "2026-12-01T14:00:00Z"}}, want: reports.DriftUnknown},
		"such an update failed":               {now: means(newer), status: eci.CacheUpdateFailed, tags: []eci.Tag{{Key: builtTag, Value: "2026-12-01T14:00:00Z"}}, want: reports.DriftDrifted},
		"the image is of a time to come":      {now: means(built.AddDate(1, 0, 0)), want: reports.DriftUnknown},
		"a lock of today, of an older cache":  {now: means(newer), lock: lock(digest("now")), want: reports.DriftDrifted},
		"contents go before the time":         {now: means(newer), caches: caches("imc-1", digest("now")), want: reports.DriftSame},
		"the image is newer":                  {now: means(newer), want: reports.DriftDrifted},
		"the image is older":                  {now: means(older), want: reports.DriftUnknown},
		"the image has no time":               {now: means(time.Time{}), want: reports.DriftUnknown},
		"a lock has the same digest":          {now: means(older), lock: lock(digest("now")), want: reports.DriftSame},
		"a lock has the index":                {now: means(older), lock: lock(digest("index")), want: reports.DriftSame},
		"a lock has another":                  {now: means(older), lock: lock(digest("then")), want: reports.DriftDrifted},
		"the cache's contents say the same":   {now: means(older), caches: caches("imc-1", digest("now")), want: reports.DriftSame},
		"contents go before a lock":           {now: means(older), lock: lock(digest("now")), caches: caches("imc-1", digest("then")), want: reports.DriftDrifted},
		"contents of another cache":           {now: means(older), caches: caches("imc-2", digest("now")), want: reports.DriftUnknown},
		"the reference names its digest":      {reference: "web@sha256:0", now: means(newer), want: reports.DriftSame},
		"the image is not there any more":     {reference: "gone:1", now: means(newer), want: reports.DriftUnknown},
		"nothing could be looked up":          {now: &today0, want: reports.DriftUnknown},
		"a lock, and nothing to compare with": {now: &today0, lock: lock(digest("now")), want: reports.DriftUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			if test.reference == "" {
				test.reference = ref
			}
			sources := newDriftSources(test.lock, test.caches)
			cache := &eci.ImageCache{ID: "imc-1", Status: cmp1.Or(test.status, eci.CacheReady), CreatedAt: built, Tags: test.tags}
			got := sources.drift(cache, test.reference, test.now)
			if got.Drift != test.want || got.Drift == reports.DriftUnknown && got.Reason == "" {
				t.Errorf("got %+v, want %s", got, test.want)
			}
		})
	}
}

var today0 = today{unknown: "no registry answers"}

func TestWholeDrift(t *testing.T) {
	of := func(drifts ...string) (images []reports.AccountImage) {
		for _, d := range drifts {
			images = append(images, reports.AccountImage{Drift: d})
		}
		return images
	}
	for _, test := range []struct {
		images []reports.AccountImage
		want   string
	}{
		{of("same", "same"), "same"}, {of("same", "unknown"), "unknown"}, {of("unknown", "drifted", "same"), "drifted"}, {nil, "unknown"},
	} {
		if got := wholeDrift(test.images); got != test.want {
			t.Errorf("%v: %s, want %s", test.images, got, test.want)
		}
	}
}

// TestMatcherCache: what the service's replies are converted to is what the endpoint
// itself hands to package matcher, but for what no reply tells; and asked for a best
// match, matcher picks of the converted caches what the service answers.
func TestMatcherCache(t *testing.T) {
	server, client := newAccount(t)
	defer server.Close()
	ctx := t.Context()
	for _, spec := range []eci.ImageCacheSpec{
		{Name: "a", Images: []string{"nginx:1.27", "redis:7"}, SizeGiB: 40, RetentionDays: 30, Elimination: eci.EliminationLRU, Flash: true},
		{Name: "b", Images: []string{"nginx:1.27"}},
		{Name: "c", Images: []string{"nginx:1.28", "redis:7"}, SizeGiB: 25},
	} {
		if _, err := client.CreateImageCache(ctx, spec); err != nil {
			t.Fatal(err)
		}
	}
	server.Advance(time.Hour)
	if _, err := client.CreateContainerGroup(ctx, eci.ContainerGroupSpec{
		Name: "group", AutoMatchImageCache: true, Containers: []eci.Container{{Name: "x", Image: "python:3"}},
	}); err != nil {
		t.Fatal(err)
	}
	server.Advance(time.Hour)
	all, err := client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	if err != nil {
		t.Fatal(err)
	}
	got, left := matcherCaches(all, "cn-hangzhou")
	want := server.Caches()
	byID := cmpopts.SortSlices(func(a, b matcher.Cache) bool { return a.ID < b.ID })
	untold := cmpopts.IgnoreFields(matcher.Cache{}, "Contents", "Architecture", "OSType", "Flash")
	if diff := cmp.Diff(want, got, byID, untold, cmpopts.EquateApproxTime(time.Second)); diff != "" || len(left) > 0 || len(got) != 4 {
		t.Error(left, diff)
	}
	for _, images := range [][]string{{"nginx:1.27"}, {"redis:7", "nginx:1.28"}, {"redis:7"}, {"nginx:1.27", "redis:7"}, {"python:3"}, {"other:1"}} {
		answer, err := client.AllImageCaches(ctx, eci.ImageCacheQuery{MatchImages: images})
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]string, 0, len(answer))
		for _, c := range answer {
			ids = append(ids, c.ID)
		}
		if said := compareMatches("cn-hangzhou")(all, images, ids); said != nil {
			t.Errorf("%v: %v", images, said)
		}
	}
}

// TestUnmatchable: caches that a Caches file cannot hold are left out, and named.
func TestUnmatchable(t *testing.T) {
	caches, left := matcherCaches([]eci.ImageCache{
		{ID: "imc-1", Images: []string{"nginx:1.27"}, Status: eci.CacheReady, SizeGiB: 20},
		{ID: "imc-2", Status: eci.CacheReady},
		{ID: "imc-3", Images: []string{"nginx:1.27"}, Status: "Evicted"},
	}, "r")
	if len(caches) != 1 || !cmp.Equal(left, []string{"imc-2", "imc-3"}) {
		t.Error(caches, left)
	}
}
