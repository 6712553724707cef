package matcher

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

func stateOf(s *Store, at time.Duration) []string {
	var lines []string
	for _, c := range s.Caches(at) {
		matched, expire := -forever, forever
		if !c.LastMatchedTime.IsZero() {
			matched = c.LastMatchedTime.Sub(now)
		}
		if !c.ExpireTime.IsZero() {
			expire = c.ExpireTime.Sub(now)
		}
		older := make([]string, 0)
		for _, ref := range c.Images {
			// What an image means that the Inventory lacks is never shown.
			if c.contentDigest(ref) == "" && ref != unknownImage {
				older = append(older, ref)
			}
		}
		lines = append(lines, fmt.Sprint(c.ID, " ", c.Status, " of ", c.Images, " older ", older, ", used ", matched, ", until ", expire))
	}
	return lines
}

const unknownImage = "r.example/unknown:1"

// storeWorld has world's images, one by the tag latest and one larger than a cache;
// the references are theirs and one that the Inventory lacks.
func storeWorld() (*layers.Inventory, []string) {
	inv := world()
	unpacked := int64(100) << 30
	inv.Layers = append(inv.Layers, layers.Layer{Digest: "blob huge", DiffID: "diff huge", CompressedBytes: 32, UnpackedBytes: &unpacked})
	for i, img := range []layers.Image{
		{Reference: "r.example/d:latest", Layers: []int{0, 4}},
		{Reference: "r.example/huge:1", Layers: []int{5}},
	} {
		img.Digest, img.Platform = layers.Digest(fmt.Sprintf("sha256:%064d", 100+i)), "linux/amd64"
		inv.Images = append(inv.Images, img)
	}
	var refs []string
	for _, img := range inv.Images {
		refs = append(refs, img.Reference)
	}
	refs = append(refs, unknownImage)
	return inv, refs
}

// TestStoreAgainstNaive, on random histories of a small world under random
// policies: after every event both stores hold the same caches in the same states,
// every start finds and makes the same, and every request ends the same. Now and then a fork
// takes the Store's place, whatever becomes of the one that it was forked from.
func TestStoreAgainstNaive(t *testing.T) {
	inv, refs := storeWorld()
	rapid.Check(t, func(t *rapid.T) {
		p := randomPolicy(t)
		for _, rule := range Rules() {
			if len(rule.Values) > 1 && !rule.Matching {
				if err := rule.set(&p, rapid.SampledFrom(rule.Values).Draw(t, rule.Key)); err != nil {
					t.Fatal(err)
				}
			}
		}
		p.AutomaticQuota, p.ManualQuota = rapid.IntRange(0, 3).Draw(t, "automatic quota"), rapid.IntRange(0, 3).Draw(t, "manual quota")
		groups := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Group { return storeGroup(t, refs) }), 1, 4).Draw(t, "groups")
		given := storeGiven(t, refs)
		namedOnly := rapid.SampledFrom([]string{"", "given-0"}).Draw(t, "named only")
		s := New(inv, "linux/amd64", now, p).NewStore(groups, given, StoreOptions{
			BuildTime: func([]string, float64) time.Duration { return naiveBuild },
			NamedOnly: func(id string) bool { return id == namedOnly },
		})
		n := &naive{m: New(inv, "linux/amd64", now, p), now: -forever, namedOnly: namedOnly}
		for _, c := range given {
			n.give(c)
		}
		at := time.Duration(rapid.SampledFrom([]int{-300, -24, 0}).Draw(t, "begin")) * time.Hour
		matched := map[string]time.Time{}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			at += time.Duration(rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3, 24, 71, 72, 73, 168, 719, 720}).Draw(t, "hours")) * time.Hour
			n.pass(at)
			if rapid.IntRange(0, 3).Draw(t, "fork") == 0 {
				left := s
				s = s.Fork()
				goesOn(t, left, len(groups), refs, at)
			}
			naiveEvent(t, n, s, groups, refs, at)
			n.pass(at)
			if diff := cmp.Diff(n.state(), stateOf(s, at)); diff != "" {
				t.Fatalf("at %v, -naive +Store:\n%s", at, diff)
			}
			checkStore(t, s, n, p, at, matched)
		}
	})
}

// goesOn has a Store change in every way that one can.
func goesOn(t *rapid.T, s *Store, groups int, refs []string, at time.Duration) {
	for _, ref := range refs {
		for _, id := range s.Release(ref, at) {
			if rapid.Bool().Draw(t, "renewed beside") {
				_ = s.Renew(id, at)
			}
		}
	}
	for hours := range 4 {
		for g := range groups {
			s.Match(g, at+time.Duration(hours)*time.Hour)
		}
	}
	for _, c := range s.Caches(at + 4*time.Hour) {
		if rapid.Bool().Draw(t, "deleted beside") {
			_ = s.Delete(c.ID, at+4*time.Hour)
		}
	}
	s.Advance(at + 10000*time.Hour)
}

func storeGroup(t *rapid.T, refs []string) Group {
	return Group{
		Name:   "app",
		Images: rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 0, 2, rapid.ID[string]).Draw(t, "images"), PullPolicy: rapid.SampledFrom([]string{"", "Always", "IfNotPresent", "Never"}).Draw(t, "pull policy"),
		InitImages:      rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 0, 1, rapid.ID[string]).Draw(t, "init images"),
		ExtraStorageGiB: rapid.SampledFrom([]float64{0, 0, 10}).Draw(t, "extra"),
		NoMatching:      rapid.IntRange(0, 9).Draw(t, "matching") == 0, PerfectMatch: rapid.IntRange(0, 5).Draw(t, "perfect") == 0,
		CacheID: rapid.SampledFrom([]string{"", "", "", "", "", "", "given-0", "manual-1"}).Draw(t, "explicit"),
		Region:  rapid.SampledFrom([]string{"", "", "here"}).Draw(t, "region"), Job: rapid.IntRange(0, 9).Draw(t, "job") == 0,
	}
}

func storeGiven(t *rapid.T, refs []string) []Cache {
	var given []Cache
	for i := range rapid.IntRange(0, 3).Draw(t, "given") {
		c := Cache{
			ID: fmt.Sprint("given-", i), Images: rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 3, rapid.ID[string]).Draw(t, "held"),
			SizeGiB: rapid.SampledFrom([]float64{20, 30, 40}).Draw(t, "size"), Automatic: rapid.Bool().Draw(t, "automatic"),
			Status:       rapid.SampledFrom([]string{StatusReady, StatusReady, StatusReady, StatusCreating, StatusUpdating, StatusUpdateFailed, StatusFailed}).Draw(t, "status"),
			CreationTime: now.Add(time.Duration(rapid.SampledFrom([]int{-400, -20, -1, 0}).Draw(t, "age")) * time.Hour),
		}
		if !c.Automatic {
			c.EliminationStrategy = rapid.SampledFrom([]string{"", "LRU"}).Draw(t, "strategy")
		}
		c.Region = rapid.SampledFrom([]string{"", "here", "elsewhere"}).Draw(t, "cache's region")
		c.Architecture = rapid.SampledFrom([]string{"", "", "amd64", "arm64"}).Draw(t, "architecture")
		if rapid.Bool().Draw(t, "matched") {
			c.LastMatchedTime = now.Add(-time.Hour)
		}
		if rapid.IntRange(0, 3).Draw(t, "expires") == 0 {
			c.ExpireTime = now.Add(50 * time.Hour)
		}
		given = append(given, c)
	}
	return given
}

// naiveEvent does one thing to both stores.
func naiveEvent(t *rapid.T, n *naive, s *Store, groups []Group, refs []string, at time.Duration) {
	ids := []string{"given-0", "given-1", "manual-1", "manual-2", "automatic-1"}
	images := func() []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 3, rapid.ID[string]).Draw(t, "of")
	}
	var want, got any
	switch what := rapid.SampledFrom([]string{"start", "start", "start", "start", "release", "renew", "create", "update", "delete"}).Draw(t, "event"); what {
	case "start":
		g := rapid.IntRange(0, len(groups)-1).Draw(t, "group")
		picked, hit, made, fails := n.start(groups[g])
		served := s.Match(g, at)
		want, got = []any{picked, hit, made, fails}, []any{served.CacheID, served.Hit, served.Made, served.Fails}
	case "release", "renew":
		ref := rapid.SampledFrom(refs).Draw(t, "reference")
		want, got = n.release(ref), s.Release(ref, at)
		if what == "renew" {
			for _, id := range got.([]string) {
				n.renew(id)
				if err := s.Renew(id, at); err != nil {
					t.Fatal(err)
				}
			}
		}
	case "create":
		r := CacheRequest{
			Images: images(), SizeGiB: rapid.SampledFrom([]float64{0, 30}).Draw(t, "size"), RetentionDays: rapid.IntRange(0, 2).Draw(t, "days"),
			EliminationStrategy: rapid.SampledFrom([]string{"", "LRU"}).Draw(t, "strategy"),
		}
		id, err := n.create(r)
		again, sameErr := s.Create(r, at)
		want, got = []any{id, err != nil}, []any{again, errors.Is(sameErr, ErrQuota)}
	case "update":
		id, of := rapid.SampledFrom(ids).Draw(t, "id"), images()
		err, again := n.update(id, of), s.Update(id, of, at)
		if !errors.Is(again, err) {
			t.Fatalf("at %v: update of %s ends with %v, want %v", at, id, again, err)
		}
	case "delete":
		id := rapid.SampledFrom(ids).Draw(t, "id")
		c := n.byID(id)
		n.caches = slices.DeleteFunc(n.caches, func(x *naiveCache) bool { return x == c })
		if c != nil {
			n.tally.Deleted++
		}
		want, got = c == nil, errors.Is(s.Delete(id, at), ErrNoCache)
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("at %v: Store says %v, want %v", at, got, want)
	}
}

// checkStore: what must hold after any event.
func checkStore(t *rapid.T, s *Store, n *naive, p Policy, at time.Duration, matched map[string]time.Time) {
	automatic, serving := 0, 0
	for _, c := range s.Caches(at) {
		if c.Automatic && !strings.HasPrefix(c.ID, "given") {
			automatic++
		}
		if c.Status == StatusReady || c.Status == StatusUpdating && p.States == "ready-or-updating" {
			serving++
		}
		if c.LastMatchedTime.Before(matched[c.ID]) {
			t.Fatalf("at %v: %s was last matched at %v, before that %v", at, c.ID, c.LastMatchedTime, matched[c.ID])
		}
		matched[c.ID] = c.LastMatchedTime
		if !c.ExpireTime.IsZero() && c.ExpireTime.Sub(now) <= at {
			t.Fatalf("at %v: %s is still there, though it expired at %v", at, c.ID, c.ExpireTime)
		}
	}
	if automatic > p.AutomaticQuota {
		t.Fatalf("at %v: %d automatic caches, %d are allowed", at, automatic, p.AutomaticQuota)
	}
	if serving != s.Ready() {
		t.Fatalf("at %v: %d caches can be used, Ready says %d", at, serving, s.Ready())
	}
	if tally := s.Tally(); tally != n.tally {
		t.Fatalf("at %v: the tally is %+v, want %+v", at, tally, n.tally)
	}
}
