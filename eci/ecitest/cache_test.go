package ecitest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/matcher"
)

// TestCacheLife is one cache by hand: web:1 has 100 MB, 10 s; the helper takes 10 s,
// the snapshot 100 s.
func TestCacheLife(t *testing.T) {
	s, c := plain(t, fleet...)
	id := c.createCache("web", []string{"web:1", "tool:1"}, "RetentionDays", "2")
	for _, step := range []struct {
		at               time.Duration
		status, progress string
		events           int
	}{
		{0, "Preparing", "0%", 1},
		{9 * time.Second, "Preparing", "0%", 1},
		{10 * time.Second, "Creating", "0%", 1},
		{20 * time.Second, "Creating", "5%", 2},  // web:1 is pulled: 10 of 112 s
		{22 * time.Second, "Creating", "10%", 4}, // tool:1 too, and the sandbox's image
		{121 * time.Second, "Creating", "95%", 4},
		{122 * time.Second, "Ready", "100%", 4},
		{48*time.Hour - time.Second, "Ready", "100%", 4},
	} {
		s.Advance(step.at - s.Now().Sub(start))
		r := c.cache(id)
		if r.text("Status") != step.status || r.text("Progress") != step.progress || len(r.list("Events")) != step.events {
			t.Errorf("after %v: %s %s with %d events, want %s %s with %d", step.at, r.text("Status"), r.text("Progress"), len(r.list("Events")), step.status, step.progress, step.events)
		}
		if (r.text("SnapshotId") != "") != (step.status == "Ready") || r.text("FlashSnapshotId") != "" {
			t.Errorf("after %v: snapshots %q and %q", step.at, r.text("SnapshotId"), r.text("FlashSnapshotId"))
		}
	}
	r := c.cache(id)
	if got := r.text("Events.1.Message"); got != "Success pull image web:1" || r.text("Events.1.FirstTimestamp") != "2026-03-01T00:00:20Z" {
		t.Errorf("event %v", r.body["Events"])
	}
	s.Advance(time.Second) // its retention ends
	if n := len(c.do("DescribeImageCaches").list("ImageCaches")); n != 0 {
		t.Errorf("%d caches after their retention", n)
	}
}

// TestFlash: usable 20 s after the pull instead of 100, from a local snapshot that
// goes when the regular one is there (eci §1.7).
func TestFlash(t *testing.T) {
	s, c := plain(t, fleet...)
	id := c.createCache("flash", []string{"web:1"}, "Flash", "true")
	for _, step := range []struct {
		at               time.Duration
		status, progress string
		local, regular   bool
	}{
		{39 * time.Second, "Creating", "25%", false, false},
		{40 * time.Second, "Ready", "25%", true, false}, // 30 of 110 s
		{119 * time.Second, "Ready", "95%", true, false},
		{120 * time.Second, "Ready", "100%", false, true},
	} {
		s.Advance(step.at - s.Now().Sub(start))
		r := c.cache(id)
		if r.text("Status") != step.status || r.text("Progress") != step.progress || (r.text("FlashSnapshotId") != "") != step.local || (r.text("SnapshotId") != "") != step.regular {
			t.Errorf("after %v: %s %s, local %q, regular %q; want %+v", step.at, r.text("Status"), r.text("Progress"), r.text("FlashSnapshotId"), r.text("SnapshotId"), step)
		}
		if step.at == 40*time.Second {
			c.createGroup("early", []string{"web:1"}, "ImageSnapshotId", id) // from the local snapshot
		}
	}
}

// TestLayerReuse: AutoMatchImageCache on a creation spares the layers that another
// cache holds (eci §1.8): of api:1 only 50 of 100 MB are pulled.
func TestLayerReuse(t *testing.T) {
	s, c := plain(t, fleet...)
	c.createCache("base", []string{"web:1"})
	s.Advance(time.Hour)
	from := s.Now()
	with := c.createCache("with", []string{"api:1"}, "AutoMatchImageCache", "true")
	without := c.createCache("without", []string{"api:1"})
	ready := make(map[string]time.Duration)
	for len(ready) < 2 {
		s.Advance(time.Second)
		for _, cache := range s.Caches() {
			if _, known := ready[cache.ID]; !known && cache.Status == matcher.StatusReady && cache.CreationTime.Equal(from) {
				ready[cache.ID] = s.Now().Sub(from)
			}
		}
	}
	if ready[with] != 115*time.Second || ready[without] != 120*time.Second {
		t.Errorf("Ready after %v with reuse and %v without, want 115 s and 120 s", ready[with], ready[without])
	}
}

func TestCacheFailures(t *testing.T) {
	s, c := plain(t, fleet...)
	unknown := c.createCache("unknown", []string{"web:1", "nowhere:1"})
	large := c.createCache("large", []string{"big:1"}, "RetentionDays", "5") // 27 GB unpacked into 20 GiB
	fits := c.createCache("fits", []string{"big:1"}, "ImageCacheSize", "26")
	s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{
		{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Nth: 1, Reason: "no disk of that category"}, {Action: "CreateImageCache", Kind: ecitest.FaultStuck, Nth: 2},
	}})
	broken := c.createCache("broken", []string{"web:1"})
	stuck := c.createCache("stuck", []string{"web:1"})
	s.Advance(22 * time.Hour)
	for id, want := range map[string]string{unknown: "nowhere:1", large: "25.1 GiB unpacked", broken: "no disk of that category"} {
		r := c.cache(id)
		events := r.list("Events")
		if message := fmt.Sprint(at(events[len(events)-1], "Message")); r.text("Status") != "Failed" || !strings.Contains(message, want) {
			t.Errorf("%s: %s, %s; want Failed for %q", r.text("ImageCacheName"), r.text("Status"), message, want)
		}
	}
	if got := c.cache(fits).text("Status"); got != "Ready" {
		t.Errorf("27 GB in 26 GiB is %s", got)
	}
	if r := c.cache(stuck); r.text("Status") != "Creating" || r.text("Progress") != "0%" {
		t.Errorf("stuck is %s %s", r.text("Status"), r.text("Progress"))
	}
	// Failed caches are kept for a day (eci §1.3), the stuck one as long as nobody
	// deletes it.
	s.Advance(3 * time.Hour)
	left := s.Leftovers()
	if len(left) != 2 {
		t.Errorf("left after a day: %q, want those that fit and that is stuck", left)
	}
	c.do("DeleteImageCache", "ImageCacheId", stuck)
	c.refused(404, "ImageCache.NotFound", "DeleteImageCache", "ImageCacheId", stuck)
}

// TestHelper: the helper instance of a build is a group, whose deletion breaks the
// cache (eci §1.1); it goes when the build is over.
func TestHelper(t *testing.T) {
	s, c := plain(t, fleet...)
	helpers := func() int { return len(c.do("DescribeContainerGroups").list("ContainerGroups")) }
	one := c.createCache("one", []string{"web:1"})
	two := c.createCache("two", []string{"web:1"})
	s.Advance(15 * time.Second)
	if n := helpers(); n != 2 {
		t.Fatalf("%d helpers, want 2", n)
	}
	helper := c.cache(one).text("ContainerGroupId")
	if got := c.group(helper).text("Status"); got != "Running" {
		t.Errorf("helper is %s", got)
	}
	c.do("DeleteContainerGroup", "ContainerGroupId", helper)
	s.Advance(time.Second)
	if a, b := c.cache(one).text("Status"), c.cache(two).text("Status"); a != "Failed" || b != "Creating" {
		t.Errorf("the caches are %s and %s, want Failed and Creating", a, b)
	}
	s.Advance(2 * time.Minute)
	if n := helpers(); n != 0 || c.cache(two).text("Status") != "Ready" {
		t.Errorf("%d helpers are left", n)
	}
}

func TestUpdate(t *testing.T) {
	s, c := plain(t, fleet...)
	id := c.createCache("web", []string{"web:1"})
	c.refused(400, "ImageCache.IncorrectStatus", "UpdateImageCache", "ImageCacheId", id, "Image.1", "web:2")
	s.Advance(10 * time.Minute)
	c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id)
	c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id, "Image.1", "web:1", "ImageCacheSize", "20")
	c.refused(404, "ImageCache.NotFound", "UpdateImageCache", "ImageCacheId", "imc-none")
	c.refused(400, "MissingParameter", "UpdateImageCache")

	c.do("UpdateImageCache", "ImageCacheId", id, "Image.1", "web:2", "ImageCacheSize", "30", "ImageCacheName", "web2", "RetentionDays", "5")
	if r := c.cache(id); r.text("Status") != "Updating" || r.text("Images.0") != "web:1" || r.text("ImageCacheSize") != "20" {
		t.Errorf("while it is updated: %v", r.body)
	}
	c.refused(400, "ImageSnapshot.IncorrectStatus", "CreateContainerGroup", append(groupParameters("web", []string{"web:1"}), "ImageSnapshotId", id)...)
	s.Advance(120 * time.Second)
	if r := c.cache(id); r.text("Status") != "Ready" || r.text("Images.0") != "web:2" || r.text("ImageCacheSize") != "30" || r.text("ImageCacheName") != "web2" || r.text("ExpireDateTime") != "2026-03-06T00:00:00Z" || len(r.list("Events")) != 6 {
		t.Errorf("after it: %v", r.body)
	}
	c.do("UpdateImageCache", "ImageCacheId", id, "EliminationStrategy", "LRU")
	s.Advance(120 * time.Second)
	c.do("UpdateImageCache", "ImageCacheId", id, "EliminationStrategy", "") // given without a value, it is taken away
	s.Advance(120 * time.Second)
	if got := c.cache(id).text("EliminationStrategy"); got != "" {
		t.Errorf("the strategy is %q", got)
	}
	c.do("UpdateImageCache", "ImageCacheId", id, "Image.1", "nowhere:1")
	s.Advance(120 * time.Second)
	if r := c.cache(id); r.text("Status") != "UpdateFailed" || r.text("Images.0") != "web:2" {
		t.Errorf("after one of an unknown image: %v", r.body)
	}
	c.do("UpdateImageCache", "ImageCacheId", id) // again, as it was: it is to be repaired
	s.Advance(120 * time.Second)
	if got := c.cache(id).text("Status"); got != "Ready" {
		t.Errorf("after the repair: %s", got)
	}
}

// TestMovedTag: a tag that means something else by now is something to update.
func TestMovedTag(t *testing.T) {
	inv := inventory(t, "web:1 base:50 web:50", "web:2 base:50 web2:50")
	inv.Images[1].Reference, inv.Images[1].From = "web:1", start.Add(time.Hour)
	s, c := serve(t, ecitest.Options{Profile: plainProfile(), Inventory: inv})
	id := c.createCache("web", []string{"web:1"})
	s.Advance(59 * time.Minute)
	c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id)
	s.Advance(time.Minute)
	old := s.Caches()[0].Contents[0].Digest

	// A start that does not ask the registry uses the old content; one that asks
	// fetches the one layer that is new, 50 MB in 5 s (eci §6 #11).
	kept := c.createGroup("kept", []string{"web:1"}, "ImageSnapshotId", id, "Container.1.ImagePullPolicy", "IfNotPresent")
	fresh := c.createGroup("fresh", []string{"web:1"}, "ImageSnapshotId", id, "Container.1.ImagePullPolicy", "Always")
	began := s.Now()
	s.Advance(time.Minute)
	check(t, "a stale image", moments(c.group(kept), began)[2:4], []string{"15 Pulled web:1 already present on machine", "15 Created"})
	check(t, "an image asked for", moments(c.group(fresh), began)[2:4], []string{"15 Pulling web:1", "20 Pulled web:1 in 5s (5s including waiting)"})
	if status := c.do("DescribeContainerGroupStatus", "ContainerGroupIds", `["`+kept+`"]`); !strings.HasSuffix(status.text("Data.0.PodStatus.ContainerStatuses.0.ImageID"), old) {
		t.Errorf("the stale image runs as %s", status.raw)
	}

	c.do("UpdateImageCache", "ImageCacheId", id)
	s.Advance(time.Hour)
	if got := s.Caches()[0].Contents[0].Digest; got == old || got != string(inv.Images[1].Digest) {
		t.Errorf("the cache holds %s after the update, it held %s; want %s", got, old, inv.Images[1].Digest)
	}
}

// TestQuota: at the quota a creation is refused, unless caches are marked LRU: then
// the least recently used of those goes (eci §1.2, §1.5).
func TestQuota(t *testing.T) {
	policy := matcher.DefaultPolicy()
	policy.ManualQuota, policy.AutomaticQuota = 3, 2
	s, c := serve(t, ecitest.Options{Profile: plainProfile(), Policy: &policy})
	var ids []string
	for i := range 3 {
		strategy := []string{"EliminationStrategy", "LRU"}
		if i == 0 {
			strategy = nil
		}
		ids = append(ids, c.createCache(fmt.Sprint("c", i), []string{fmt.Sprintf("image%d:1", i)}, strategy...))
		s.Advance(5 * time.Minute)
	}
	c.createGroup("uses-it", []string{"image1:1"}, "AutoMatchImageCache", "true")
	s.Advance(time.Minute)
	elsewhere := *c
	elsewhere.region = "cn-beijing"
	elsewhere.createCache("other", []string{"image0:1"}) // the quota is the region's
	ids = append(ids, c.createCache("c3", []string{"image3:1"}))
	if got := manual(s, "cn-hangzhou"); !slices.Equal(got, []string{ids[0], ids[1], ids[3]}) {
		t.Errorf("left are %v of %v: the third matched longest ago", got, ids)
	}
	c.createCache("c4", []string{"image4:1"}) // the second goes, the last that may
	c.refused(403, "QuotaExceeded", "CreateImageCache", cacheParameters("c5", []string{"image5:1"})...)
	usage := c.do("ListUsage")
	for name, want := range map[string]string{"MaxImageCacheCount": "3", "UsedImageCacheCount": "3", "MaxAutoImageCacheCount": "2", "UsedAutoImageCacheCount": "0"} {
		if got := usage.text("Attributes." + name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	// Automatic ones are evicted by the service.
	for i := range 4 {
		c.createGroup(fmt.Sprint("group", i), []string{fmt.Sprintf("auto%d:1", i)}, "AutoMatchImageCache", "true")
		s.Advance(time.Minute)
	}
	if got := c.do("ListUsage").text("Attributes.UsedAutoImageCacheCount"); got != "2" || s.Created("AutomaticImageCache") != 4 {
		t.Errorf("%s automatic caches of %d made, want 2 of 4", got, s.Created("AutomaticImageCache"))
	}
}

func manual(s *ecitest.Server, region string) (ids []string) {
	for _, c := range s.Caches() {
		if c.Region == region && !c.Automatic {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func TestCacheParameters(t *testing.T) {
	_, c := plain(t, fleet...)
	good := cacheParameters("web", []string{"web:1"})
	with := func(more ...string) []string { return append(slices.Clone(good), more...) }
	var many []string
	for i := range 21 {
		many = append(many, fmt.Sprintf("web:%d", i))
	}
	for _, test := range []struct {
		code  string
		pairs []string
	}{
		{"MissingParameter", good[2:]},
		{"MissingParameter", good[:2]},
		{"MissingParameter", with("RegionId", "")},
		{"InvalidRegionId.NotFound", with("RegionId", "mars-1")},
		{"InvalidParameter", with("ImageCacheSize", "19")},
		{"InvalidParameter", with("ImageCacheSize", "32769")},
		{"InvalidParameter", with("ImageCacheSize", "2e1")},
		{"InvalidParameter", with("RetentionDays", "0")},
		{"InvalidParameter", with("Flash", "yes")},
		{"InvalidParameter", with("EliminationStrategy", "FIFO")},
		{"InvalidParameter", with("Image.0", "web:2")},
		{"InvalidParameter", with("Image.02", "web:2")},
		{"InvalidParameter", with("Image.1", "Web:1")},
		{"InvalidParameter", with("VSwitchId", "1,2,3,4,5,6,7,8,9,10,11")},
		{"MissingParameter", with("AcrRegistryInfo.1.Domain.1", "a.example")}, // without InstanceId
		{"InvalidParameter", with("ImageRegistryCredential.1.Server", "https://r.example", "ImageRegistryCredential.1.UserName", "u", "ImageRegistryCredential.1.Password", "p")},
		{"InvalidParameter", with("ClientToken", strings.Repeat("x", 65))},
		{"InvalidParameter", with("ClientToken", "é")},
		{"InvalidParameter", cacheParameters("web", many)},
		{"DryRunOperation", with("DryRun", "true")},
	} {
		if r := c.try("CreateImageCache", test.pairs...); r.code() != test.code || r.status != 400 && r.status != 404 {
			t.Errorf("%v: %d %s, want %s", test.pairs, r.status, r.raw, test.code)
		}
	}
	if n := len(c.do("DescribeImageCaches").list("ImageCaches")); n != 0 {
		t.Errorf("%d caches were made by what was refused", n)
	}
}

// TestUpdateReadings: what the service does not document of updates is an option: whether
// a tag that moved is a reason for one, and whether its events are told.
func TestUpdateReadings(t *testing.T) {
	for _, byParameters := range []bool{false, true} {
		// web:1 means another image from 30 minutes on.
		moved := inventory(t, "web:1 base:50 web:50", "web:1 base:50 web2:50")
		moved.Images[1].From = start.Add(30 * time.Minute)
		s, c := serve(t, ecitest.Options{Profile: plainProfile(), Inventory: moved, UpdateByParameters: byParameters, SilentUpdates: byParameters})
		id := c.createCache("web", []string{"web:1"}, "StandardCopyCount", "2")
		s.Advance(time.Hour)
		events := len(c.cache(id).list("Events"))
		if byParameters {
			c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id, "StandardCopyCount", "2", "Image.1", "web:1")
		} else {
			c.do("UpdateImageCache", "ImageCacheId", id, "StandardCopyCount", "2", "Image.1", "web:1")
			s.Advance(time.Hour)
		}
		c.do("UpdateImageCache", "ImageCacheId", id, "FlashCopyCount", "3")
		s.Advance(time.Hour)
		if more := len(c.cache(id).list("Events")) > events; more == byParameters {
			t.Errorf("silent %v: more events: %v", byParameters, more)
		}
		if standard, flash := s.Copies(id); standard != 2 || flash != 3 {
			t.Errorf("%d and %d copies", standard, flash)
		}
	}
}

// TestRequireNetwork: as the pages say it, not the schema (eci §2.2).
func TestRequireNetwork(t *testing.T) {
	_, c := serve(t, ecitest.Options{RequireNetwork: true})
	c.refused(400, "MissingParameter", "CreateImageCache", "ImageCacheName", "web", "Image.1", "web:1", "SecurityGroupId", "sg-1")
	c.do("CreateImageCache", "ImageCacheName", "web", "Image.1", "web:1", "SecurityGroupId", "sg-1", "VSwitchId", "vsw-1")
}
