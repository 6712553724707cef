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

// naive is a Store that keeps a list and works everything out at every event, in
// the plainest way.
type naive struct {
	m      *Matcher
	now    time.Duration
	caches []*naiveCache
	made   int
	tally  Tally
}

// naiveCache has its times since the Matcher's own; a time that never comes is
// far away.
type naiveCache struct {
	Cache
	given, fails            bool
	created, ready, matched time.Duration
	expire                  time.Duration
	next                    []string
	older, nextOlder        map[string]bool
	renewed                 map[string]time.Duration
}

const naiveBuild = 2 * time.Hour

func (n *naive) give(c Cache) {
	x := &naiveCache{Cache: c, given: true, created: c.CreationTime.Sub(now), matched: -forever, expire: forever, older: map[string]bool{}, renewed: map[string]time.Duration{}}
	if !c.LastMatchedTime.IsZero() {
		x.matched = c.LastMatchedTime.Sub(now)
	}
	switch {
	case !c.ExpireTime.IsZero():
		x.expire = c.ExpireTime.Sub(now)
	case c.Status == StatusFailed:
		x.expire = x.created + 24*time.Hour
	case c.Automatic:
		x.expire = n.m.policy.expiry(x.created, x.matched)
	}
	switch c.Status {
	case StatusCreating, StatusPreparing:
		x.ready = max(0, x.created+naiveBuild)
	case StatusUpdating:
		x.ready, x.next, x.nextOlder = naiveBuild, c.Images, map[string]bool{}
	case StatusReady:
		if x.created < 0 {
			x.Status, x.ready = StatusCreating, x.created
		}
	}
	n.caches = append(n.caches, x)
}

// pass lets time pass from one time to the next at which anything is due.
func (n *naive) pass(at time.Duration) {
	for n.now < at {
		next := at
		for _, c := range n.caches {
			due := []time.Duration{c.expire}
			if building(c.Status) {
				due = append(due, c.ready)
			}
			for _, until := range c.renewed {
				due = append(due, until)
			}
			for _, t := range due {
				if t > n.now && t < next {
					next = t
				}
			}
		}
		n.step(next)
	}
	n.step(at)
}

func (n *naive) step(at time.Duration) {
	n.now = at
	var left []*naiveCache
	for _, c := range n.caches {
		if c.expire <= at {
			n.tally.Expired++
			continue
		}
		if building(c.Status) && c.ready <= at {
			n.finish(c, at)
		}
		for ref, until := range c.renewed {
			if until <= at {
				delete(c.older, ref)
				delete(c.renewed, ref)
			}
		}
		left = append(left, c)
	}
	n.caches = left
}

func building(status string) bool {
	return status == StatusCreating || status == StatusPreparing || status == StatusUpdating
}

func (n *naive) finish(c *naiveCache, at time.Duration) {
	switch {
	case c.Status == StatusUpdating && c.fails:
		c.Status = StatusUpdateFailed
	case c.Status == StatusUpdating:
		c.Status, c.Images, c.older, c.Contents = StatusReady, c.next, c.nextOlder, nil
		c.renewed = map[string]time.Duration{}
	case c.fails:
		c.Status, c.expire = StatusFailed, min(c.expire, at+24*time.Hour)
		n.tally.Failed++
	default:
		c.Status = StatusReady
	}
	c.fails, c.next = false, nil
}

func latest(ref string) bool { return strings.HasSuffix(ref, ":latest") }

// presented is a cache as Rank sees it: what a release left behind is another tag,
// or has another digest.
func (c *naiveCache) presented() Cache {
	p := c.Cache
	p.Images, p.Contents, p.ExpireTime = nil, nil, time.Time{}
	for _, ref := range c.Images {
		switch {
		case c.older[ref] && latest(ref):
			p.Contents = append(p.Contents, Content{ref, "sha256:" + strings.Repeat("e", 64)})
		case c.older[ref]:
			ref = ref[:strings.LastIndexByte(ref, ':')] + ":older"
		}
		p.Images = append(p.Images, ref)
	}
	return p
}

// start returns the ID picked, the hit, and the ID made.
func (n *naive) start(g Group) (picked string, hit Hit, made string) {
	var list []Cache
	for _, c := range n.caches {
		list = append(list, c.presented())
	}
	match := n.m.Match(g, list)
	if match.CacheID != "" {
		c := n.byID(match.CacheID)
		c.matched = max(c.matched, n.now)
		if c.Automatic && !(c.given && !c.ExpireTime.IsZero()) {
			c.expire = n.m.policy.expiry(c.created, c.matched)
		}
	}
	if match.CreatesAutomatic {
		made = n.make(g)
	}
	return match.CacheID, match.Hit, made
}

func (n *naive) make(g Group) string {
	images, size := slices.Concat(g.InitImages, g.Images), 30+g.ExtraStorageGiB
	for _, c := range n.caches {
		underway := c.Automatic && (c.Status == StatusCreating || c.Status == StatusPreparing) && !(c.given && c.ready < 0)
		if underway && slices.Equal(c.Images, images) && c.SizeGiB == size && len(c.older) == 0 && !n.m.policy.RepeatAutomatic {
			return ""
		}
	}
	c := &naiveCache{
		Cache:   Cache{ID: n.id("automatic"), Name: "auto-create-for-" + g.Name, Images: images, SizeGiB: size, Automatic: true, Status: StatusCreating, CreationTime: now.Add(n.now)},
		created: n.now, matched: -forever, ready: n.now, older: map[string]bool{}, renewed: map[string]time.Duration{},
	}
	if n.m.policy.AutomaticReady == "built" {
		c.ready += naiveBuild
	}
	c.expire = n.m.policy.expiry(n.now, -forever)
	n.caches = append(n.caches, c)
	n.tally.Created++
	for n.count(true) > n.m.policy.AutomaticQuota {
		n.evict(func(c *naiveCache) bool { return c.Automatic })
	}
	return c.ID
}

func (n *naive) id(prefix string) string {
	for {
		n.made++
		if id := fmt.Sprintf("%s-%d", prefix, n.made); n.byID(id) == nil {
			return id
		}
	}
}

func (n *naive) count(automatic bool) int {
	all := 0
	for _, c := range n.caches {
		if c.Automatic == automatic {
			all++
		}
	}
	return all
}

func (n *naive) evict(which func(*naiveCache) bool) bool {
	least := -1
	used := func(c *naiveCache) time.Duration {
		if n.m.policy.Eviction == "creation" {
			return c.created
		}
		return max(c.created, c.matched)
	}
	for i, c := range n.caches {
		if which(c) && (least < 0 || used(c) < used(n.caches[least])) {
			least = i
		}
	}
	if least < 0 {
		return false
	}
	n.caches = slices.Delete(n.caches, least, least+1)
	n.tally.Evicted++
	return true
}

func (n *naive) byID(id string) *naiveCache {
	for _, c := range n.caches {
		if c.ID == id {
			return c
		}
	}
	return nil
}

func (n *naive) create(r CacheRequest) (string, error) {
	marked := func(c *naiveCache) bool { return !c.Automatic && c.EliminationStrategy == "LRU" }
	kept := 0
	for _, c := range n.caches {
		if !c.Automatic && !marked(c) {
			kept++
		}
	}
	if kept >= n.m.policy.ManualQuota {
		return "", ErrQuota
	}
	id := n.id("manual")
	for n.count(false) >= n.m.policy.ManualQuota {
		n.evict(marked)
	}
	c := &naiveCache{
		Cache:   Cache{ID: id, Images: r.Images, SizeGiB: max(20, r.SizeGiB), EliminationStrategy: r.EliminationStrategy, Status: StatusCreating, CreationTime: now.Add(n.now)},
		created: n.now, matched: -forever, ready: n.now + naiveBuild, expire: forever, older: map[string]bool{}, renewed: map[string]time.Duration{},
	}
	c.fails = n.huge(r.Images)
	if r.RetentionDays > 0 {
		c.expire = n.now + time.Duration(r.RetentionDays)*24*time.Hour
	}
	n.caches = append(n.caches, c)
	n.tally.Created++
	return id, nil
}

// huge: only one image of the small world is larger than a cache.
func (n *naive) huge(images []string) bool { return slices.Contains(images, "r.example/huge:1") }

func (n *naive) update(id string, images []string) error {
	c := n.byID(id)
	switch {
	case c == nil:
		return ErrNoCache
	case c.Status != StatusReady && c.Status != StatusUpdateFailed:
		return ErrStatus
	case c.Status == StatusReady && slices.Equal(images, c.Images) && len(c.older) == 0:
		return ErrNoUpdate
	}
	c.Status, c.next, c.nextOlder, c.ready, c.fails = StatusUpdating, images, map[string]bool{}, n.now+naiveBuild, n.huge(images)
	return nil
}

func (n *naive) release(ref string) []string {
	var ids []string
	for _, c := range n.caches {
		if c.given && n.now < 0 {
			continue
		}
		if slices.Contains(c.next, ref) {
			c.nextOlder[ref] = true
		}
		if slices.Contains(c.Images, ref) {
			c.older[ref] = true
			delete(c.renewed, ref)
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (n *naive) renew(id string) {
	c := n.byID(id)
	for ref := range c.older {
		if _, under := c.renewed[ref]; !under {
			c.renewed[ref] = n.now + naiveBuild
		}
	}
}

// state is what both stores must agree on.
func (n *naive) state() []string {
	var lines []string
	for _, c := range n.caches {
		status := c.Status
		if status == StatusCreating && n.now < c.created+108*time.Second {
			status = StatusPreparing
		}
		older := make([]string, 0, len(c.older))
		for _, ref := range c.Images {
			if c.older[ref] {
				older = append(older, ref)
			}
		}
		lines = append(lines, fmt.Sprint(c.ID, " ", status, " of ", c.Images, " older ", older, ", used ", c.matched, ", until ", c.expire))
	}
	return lines
}

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
			if c.contentDigest(ref) == "" {
				older = append(older, ref)
			}
		}
		lines = append(lines, fmt.Sprint(c.ID, " ", c.Status, " of ", c.Images, " older ", older, ", used ", matched, ", until ", expire))
	}
	return lines
}

// storeWorld has world's images, one by the tag latest and one larger than a cache.
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
	return inv, refs
}

// TestStoreAgainstNaive, on random histories of a small world under random
// policies: after every event both stores hold the same caches in the same states,
// every start finds and makes the same, and every request ends the same.
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
		s := New(inv, "linux/amd64", now, p).NewStore(groups, given, StoreOptions{BuildTime: func([]string, float64) time.Duration { return naiveBuild }})
		n := &naive{m: New(inv, "linux/amd64", now, p), now: -forever}
		for _, c := range given {
			n.give(c)
		}
		at := time.Duration(rapid.SampledFrom([]int{-300, -24, 0}).Draw(t, "begin")) * time.Hour
		matched := map[string]time.Time{}
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			at += time.Duration(rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3, 24, 71, 72, 73, 168, 719, 720}).Draw(t, "hours")) * time.Hour
			n.pass(at)
			naiveEvent(t, n, s, groups, refs, at)
			n.pass(at)
			if diff := cmp.Diff(n.state(), stateOf(s, at)); diff != "" {
				t.Fatalf("at %v, -naive +Store:\n%s", at, diff)
			}
			checkStore(t, s, n, p, at, matched)
		}
	})
}

func storeGroup(t *rapid.T, refs []string) Group {
	return Group{
		Name:   "app",
		Images: rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 2, rapid.ID[string]).Draw(t, "images"), PullPolicy: rapid.SampledFrom([]string{"", "Always", "IfNotPresent"}).Draw(t, "pull policy"),
		InitImages:      rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 0, 1, rapid.ID[string]).Draw(t, "init images"),
		ExtraStorageGiB: rapid.SampledFrom([]float64{0, 0, 10}).Draw(t, "extra"),
		NoMatching:      rapid.IntRange(0, 9).Draw(t, "matching") == 0, PerfectMatch: rapid.IntRange(0, 5).Draw(t, "perfect") == 0,
		CacheID: rapid.SampledFrom([]string{"", "", "", "", "", "", "given-0", "manual-1"}).Draw(t, "explicit"),
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
		picked, hit, made := n.start(groups[g])
		served := s.Match(g, at)
		want, got = []string{picked, string(hit), made}, []string{served.CacheID, string(served.Hit), served.Made}
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
