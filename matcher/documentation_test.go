package matcher

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// statement is one thing that the documentation says, with what it means here.
type statement struct {
	// section is that of facts sheet "eci", with its source where it names one.
	section, says string
	policies      []string
	group         Group
	caches        []Cache
	// picks is the cache that the answer must name; holds is asked besides.
	picks string
	holds func(*Match) bool
}

func manual(id string, images ...string) Cache { return cache(id, 30, day, images...) }

func (c Cache) with(change func(*Cache)) Cache {
	change(&c)
	return c
}

func (g Group) with(change func(*Group)) Group {
	change(&g)
	return g
}

// automaticOf is an automatic cache of the instance's own size.
func automaticOf(id string, images ...string) Cache {
	return cache(id, AutomaticCacheGiB, day, images...).with(func(c *Cache) { c.Automatic = true })
}

// documented are the statements about matching and what follows it, in the order
// of the fact sheet.
func documented() []statement {
	list := []statement{
		{"§0 point 9, S2", "the match degree is about repository and version, not layers", nil,
			// a:2 and b:1 share their base with a:1 by digest; that is no match.
			group("a:1"), []Cache{manual("layers", "a:2", "b:1")}, "", func(m *Match) bool { return m.Hit == Miss }},
		{"§1.1, S2", "matching searches all caches of the region", nil,
			group("a:1").with(func(g *Group) { g.Region = "cn-hangzhou" }),
			[]Cache{
				manual("elsewhere", "a:1").with(func(c *Cache) { c.Region = "cn-beijing"; c.CreationTime = now }),
				manual("here", "a:1").with(func(c *Cache) { c.Region = "cn-hangzhou" }),
			}, "here", nil},
		{"§1.2, S2", "an automatic cache is a side effect of a start with automatic matching on when nothing matches", nil,
			group("a:1"), nil, "", func(m *Match) bool { return m.CreatesAutomatic }},
		{"§1.2, S2", "its default size is 30 GiB", nil,
			group("a:1"), nil, "", func(m *Match) bool { return m.AutomaticGiB == 30 }},
		{"§1.2, S2", "with extra ephemeral storage E its size is 30 + E GiB", nil,
			group("a:1").with(func(g *Group) { g.ExtraStorageGiB = 12 }), nil, "", func(m *Match) bool { return m.AutomaticGiB == 42 }},
		{"§1.2, S2 and S5", "never used, it is deleted 7 days after creation", nil,
			group("a:1"), nil, "", func(m *Match) bool { return m.AutomaticExpires.Equal(now.Add(7 * day)) }},
		{"§1.2, S1", "or 3 days after, by the older text", []string{"retention=older"},
			group("a:1"), nil, "", func(m *Match) bool { return m.AutomaticExpires.Equal(now.Add(3 * day)) }},
		{"§1.8, S2 and S9", "without automatic matching no cache is chosen and none is made", nil,
			group("a:1").with(func(g *Group) { g.NoMatching = true }), []Cache{manual("c", "a:1")}, "",
			func(m *Match) bool { return m.Hit == Miss && !m.CreatesAutomatic && m.Fails == "" }},
		{"§1.9 step A, S2", "a candidate's size fits the instance's temporary storage", nil,
			group("a:1"), []Cache{automaticOf("larger", "a:1").with(func(c *Cache) { c.SizeGiB = 31 })}, "", nil},
		{"§1.9 step A, S2", "which extra ephemeral storage enlarges", nil,
			group("a:1").with(func(g *Group) { g.ExtraStorageGiB = 1 }),
			[]Cache{automaticOf("larger", "a:1").with(func(c *Cache) { c.SizeGiB = 31 })}, "larger", nil},
		{"§1.9 step B 1, S2", "the higher match degree wins, before size and age", nil,
			group("a:1", "b:1"), []Cache{cache("exact-size-and-new", 30, 0, "a:1"), cache("whole", 200, 90*day, "a:1", "b:1")}, "whole", nil},
		{"§1.9 step B 1, S2", "the version counts, not the repository alone", nil,
			group("a:1"), []Cache{cache("other-version", 30, 0, "a:2"), cache("version", 200, 90*day, "a:1")}, "version", nil},
		{"§1.9 step B 2, S2", "then the cache whose size is closest to the instance's", nil,
			group("a:1"), []Cache{cache("far", 45, 0, "a:1"), cache("close", 25, 90*day, "a:1")}, "close", nil},
		{"§1.9 step B 2, S11", "or the size of the matched images decides", []string{"size=matched-bytes"},
			// One image of two each: c:1 has 16 bytes, a:1 has 3.
			group("a:1", "c:1"), []Cache{cache("close", 30, 0, "a:1"), cache("large-image", 200, 90*day, "c:1")}, "large-image", nil},
		{"§1.9 step B 3, S2", "then the most recently created cache wins", nil,
			group("a:1"), []Cache{cache("old", 30, 90*day, "a:1"), cache("new", 30, 89*day, "a:1")}, "new", nil},
		{"§1.9, S11 and S15", "imc-perfect-match: all images of the pod must be fully matched, else the cache is not used", nil,
			group("a:1", "b:1").with(func(g *Group) { g.PerfectMatch = true }), []Cache{manual("half", "a:1", "b:2")}, "", nil},
		{"§1.9, S11 and S15", "imc-match-count-request: at least N images must be fully matched", nil,
			group("a:1", "b:1", "c:1").with(func(g *Group) { g.MatchCount = 2 }),
			[]Cache{manual("one", "a:1"), cache("two", 200, 90*day, "a:1", "c:1")}, "two", nil},
		{"§1.9, S11 and S15", "both set, perfect match wins", nil,
			group("a:1", "b:1", "c:1").with(func(g *Group) { g.PerfectMatch, g.MatchCount = true, 2 }), []Cache{manual("two", "a:1", "c:1")}, "", nil},
		{"§1.9, S11 and S12", "an explicit choice beats the automatic one", nil,
			group("a:1").with(func(g *Group) { g.CacheID = "asked" }), []Cache{manual("best", "a:1"), manual("asked", "c:1")}, "asked", nil},
		{"§1.9, S10", "full match: the cache's images are the container images", nil,
			// a:2 and a:1 under one name each; by name a:1 is held.
			group("a:1").with(func(g *Group) { g.PerfectMatch = true }), []Cache{manual("c", "a:1")}, "c", nil},
		{"§1.9, S9", "or its layers contain all image layers", []string{"full-match=layers", "threshold=layer"},
			// base, of two images, is base of a:1; a cache of a:1 holds all of it.
			group("base:1").with(func(g *Group) { g.PerfectMatch = true }), []Cache{manual("c", "a:1")}, "c", nil},
		{"§1.10 row 1, S2 and S27", "nothing matches: an ordinary pull, and an automatic cache in parallel", nil,
			group("a:1"), []Cache{manual("c", "c:1")}, "",
			func(m *Match) bool {
				return m.Hit == Miss && m.CreatesAutomatic && m.Overlap.ByChain.FetchBytes == 3
			}},
		{"§1.10 row 2, S11", "not fully matched: an automatic cache is made at the same time", nil,
			group("a:1", "c:1"), []Cache{manual("c", "a:1")}, "c", func(m *Match) bool { return m.CreatesAutomatic && m.Hit == PartialHit }},
		{"§1.10 row 3, S12", "older behaviour of a partial match: no automatic cache", []string{"create-on-partial=false"},
			group("a:1", "c:1"), []Cache{manual("c", "a:1")}, "c", func(m *Match) bool { return !m.CreatesAutomatic }},
		{"§1.10 row 4, S2", "a hit with layers missing: those are pulled, the rest is not", nil,
			group("a:1", "b:1"), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool { return m.Overlap.ByChain.FetchBytes == 8 && m.Overlap.ByChain.UnpackBytes == 80 }},
		{"§1.10 row 5, S27 and S29", "IfNotPresent and the exact reference cached: no pull", nil,
			group("a:1").with(func(g *Group) { g.PullPolicy = "IfNotPresent" }), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool {
				return m.Hit == FullHit && m.Overlap.ByChain.FetchBytes == 0 && m.Revalidated == nil
			}},
		{"§1.10 row 6, S28", ":latest with no policy set asks the registry, the layers come from disk", nil,
			group("a:latest"), []Cache{manual("c", "a:latest")}, "c",
			func(m *Match) bool {
				return m.Overlap.ByChain.FetchBytes == 0 && len(m.Revalidated) == 1
			}},
		{"§1.10 row 7, S12", "an explicit cache that is not Ready: the start fails", nil,
			group("a:1").with(func(g *Group) { g.CacheID = "c" }), []Cache{manual("c", "a:1").with(func(c *Cache) { c.Status = StatusCreating })}, "",
			func(m *Match) bool { return strings.Contains(m.Fails, "ImageSnapshot.IncorrectStatus") }},
		{"§2.6", "an explicit cache that does not exist: ImageSnapshot.NotFound", nil,
			group("a:1").with(func(g *Group) { g.CacheID = "gone" }), []Cache{manual("c", "a:1")}, "",
			func(m *Match) bool { return strings.Contains(m.Fails, "ImageSnapshot.NotFound") }},
		{"§1.10 row 8", "an explicit cache that lacks an image: it is pulled", nil,
			group("a:1", "c:1").with(func(g *Group) { g.CacheID = "c" }), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool {
				return m.Fails == "" && m.Overlap.ByChain.FetchBytes == 16 && !m.CreatesAutomatic
			}},
		{"§1.10, S9", "Always asks the registry for an image that is there, pulls only missing layers", nil,
			group("a:1").with(func(g *Group) { g.PullPolicy = "Always" }), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool { return len(m.Revalidated) == 1 && m.Overlap.ByChain.FetchBytes == 0 }},
		{"§1.10, S9", "Never pulls nothing: an image that is not in the cache fails the start", nil,
			group("a:1", "c:1").with(func(g *Group) { g.PullPolicy = "Never" }), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool { return strings.Contains(m.Fails, "r.example/c:1") && !m.CreatesAutomatic }},
		{"§1.10, S9", "Never with every image in the cache starts", nil,
			group("a:1").with(func(g *Group) { g.PullPolicy = "Never" }), []Cache{manual("c", "a:1")}, "c",
			func(m *Match) bool { return m.Fails == "" && m.Hit == FullHit }},
		{"§1.10", "with IfNotPresent a stale tag is silently used", nil,
			group("moved:1"), []Cache{manual("c", "moved:1")}, "c",
			func(m *Match) bool { return len(m.Stale) == 1 && m.Overlap.ByChain.FetchBytes == 0 }},
		{"§1.10, §6 #11", "Always compares manifests of a stale tag and pulls the missing digests", nil,
			group("moved:1").with(func(g *Group) { g.PullPolicy = "Always" }), []Cache{manual("c", "moved:1")}, "c",
			func(m *Match) bool {
				return m.Stale == nil && m.Overlap.ByChain.FetchBytes == 8 && len(m.Revalidated) == 1
			}},
		{"§1.10, S2", "an automatic cache is built from the images declared in the instance", nil,
			group("a:1"), []Cache{automaticOf("auto-create-for-eci-1", "a:1")}, "auto-create-for-eci-1", func(m *Match) bool { return !m.CreatesAutomatic }},
		{"§1.10, S8", "Job-type instances refuse an explicit cache", nil,
			group("a:1").with(func(g *Group) { g.Job, g.CacheID = true, "c" }), []Cache{manual("c", "a:1")}, "",
			func(m *Match) bool { return strings.Contains(m.Fails, "JobInstanceImageCacheNotSupport") }},
		{"§1.11, S9", "ImageSnapshotId takes the image cache's ID", nil,
			group("a:1").with(func(g *Group) { g.CacheID = "imc-2ze5a" }), []Cache{manual("imc-2ze5a", "a:1")}, "imc-2ze5a", nil},
		{"§1.11, S7", "Docker Hub short names are accepted: they name the same image", nil,
			Group{Name: "app", Images: []string{"nginx:1.7.9"}}, []Cache{{ID: "c", Images: []string{"docker.io/library/nginx:1.7.9"}, Status: StatusReady, SizeGiB: 20}}, "c", nil},
		{"§1.11, S1 and S7", "public and VPC name of a registry: not said to be one", nil,
			Group{Name: "app", Images: []string{"registry.cn-hangzhou.aliyuncs.com/ns/a:1"}},
			[]Cache{{ID: "c", Images: []string{"registry-vpc.cn-hangzhou.aliyuncs.com/ns/a:1"}, Status: StatusReady}}, "", nil},
		{"§4.2, S14", "a cache for arm64 does not serve amd64", nil,
			group("a:1"), []Cache{manual("c", "a:1").with(func(c *Cache) { c.Architecture = "arm64" })}, "", nil},
		{"§4.2, S14", "a cache for Windows does not serve Linux", nil,
			group("a:1"), []Cache{manual("c", "a:1").with(func(c *Cache) { c.OSType = "windows" })}, "", nil},
	}
	for _, names := range [][2]string{ // the forms of §1.11
		{"registry.cn-hangzhou.aliyuncs.com/ns/a:1", "registry-vpc.cn-hangzhou.aliyuncs.com/ns/a:1"},
		{"corp-registry.cn-hangzhou.cr.aliyuncs.com/ns/a:1", "corp-registry-vpc.cn-hangzhou.cr.aliyuncs.com/ns/a:1"},
		{"registry-cn-hangzhou.ack.aliyuncs.com/acs/a:1", "registry-cn-hangzhou-vpc.ack.aliyuncs.com/acs/a:1"},
	} {
		list = append(list, statement{"§1.11, S7, S27, S44", "the two names of one registry, where they are taken as one: " + names[1], []string{"registry-names=equal"},
			Group{Name: "app", Images: names[:1]}, []Cache{{ID: "c", Images: names[1:], Status: StatusReady}}, "c", nil})
	}
	for _, status := range []string{StatusPreparing, StatusCreating, StatusFailed, StatusUpdating, StatusUpdateFailed} {
		list = append(list, statement{"§1.3, S8 and S10", "a cache is usable only in Ready, not when " + status, nil,
			group("a:1"), []Cache{manual("c", "a:1").with(func(c *Cache) { c.Status = status })}, "", nil})
	}
	return list
}

// documentedWorld is world with base:1, which is the base of a:1 alone; a:latest,
// which is a:1; and moved:1, which was a:1 when the caches were built and has the
// layers of b:1 since an hour.
func documentedWorld() *layers.Inventory {
	inv := world()
	add := func(ref string, from time.Time, ls ...int) {
		inv.Images = append(inv.Images, layers.Image{
			Reference: "r.example/" + ref, Digest: layers.Digest("sha256:" + strings.Repeat("e", 60) + ref[:4]), Platform: "linux/amd64", From: from, Layers: ls,
		})
	}
	add("base:1", time.Time{}, 0)
	add("a:latest", time.Time{}, 0, 1)
	add("moved:1", time.Time{}, 0, 1)
	add("moved:1", now.Add(-time.Hour), 0, 3)
	inv.Images[len(inv.Images)-1].Digest = "sha256:f0"
	return inv
}

// TestDocumentation: what the official documentation says about matching, one
// statement a case, by the sections of the fact sheet.
func TestDocumentation(t *testing.T) {
	for _, s := range documented() {
		t.Run(s.section+" "+s.says, func(t *testing.T) {
			m := New(documentedWorld(), "linux/amd64", now, policy(t, s.policies...))
			got := m.Match(s.group, s.caches)
			if got.CacheID != s.picks {
				t.Errorf("picked %q (%s), want %q", got.CacheID, got.Reason, s.picks)
			}
			if s.holds != nil && !s.holds(&got) {
				t.Errorf("the answer does not say so: %+v", got)
			}
			if got.CacheID == "" && got.Hit != Miss {
				t.Errorf("no cache, and a %s", got.Hit)
			}
		})
	}
}
