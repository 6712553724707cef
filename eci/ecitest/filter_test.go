package ecitest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// names are those of a list's rows, in order.
func (r *reply) names(list, field string) (all []string) {
	for _, row := range r.list(list) {
		all = append(all, fmt.Sprint(at(row, field)))
	}
	return all
}

// TestFilters: what may be asked of the lists (eci §2.5, §2.7), newest first.
func TestFilters(t *testing.T) {
	s, c := plain(t, fleet...)
	web := c.createCache("web", []string{"web:1", "tool:1"}, "ResourceGroupId", "rg-1", "Tag.1.Key", "team", "Tag.1.Value", "a")
	s.Advance(time.Second)
	c.createCache("api", []string{"api:1"}, "Tag.1.Key", "team", "Tag.1.Value", "b")
	s.Advance(time.Second)
	c.createCache("web", []string{"web:2"})
	s.Advance(time.Hour)
	snapshot := c.cache(web).text("SnapshotId")
	for _, test := range []struct {
		pairs []string
		want  []string
	}{
		{nil, []string{"web:2", "api:1", "web:1"}},
		{[]string{"ImageCacheName", "web"}, []string{"web:2", "web:1"}},
		{[]string{"ImageCacheId", web}, []string{"web:1"}},
		{[]string{"SnapshotId", snapshot}, []string{"web:1"}},
		{[]string{"Image", "web"}, []string{"web:2", "web:1"}},
		{[]string{"Image", "web:2"}, []string{"web:2"}},
		{[]string{"Image", "docker.io/library/web:2"}, []string{"web:2"}},
		{[]string{"Image", "b"}, nil},
		{[]string{"ResourceGroupId", "rg-1"}, []string{"web:1"}},
		{[]string{"Tag.1.Key", "team"}, []string{"api:1", "web:1"}},
		{[]string{"Tag.1.Key", "team", "Tag.1.Value", "b"}, []string{"api:1"}},
		{[]string{"MatchImage.1", "web:1"}, []string{"web:1"}},
		{[]string{"MatchImage.1", "web:1", "MatchImage.2", "api:1"}, []string{"api:1", "web:1"}}, // one image each: the newer
		{[]string{"MatchImage.1", "web:1", "MatchImage.2", "api:1", "ImageFullMatch", "true"}, nil},
		{[]string{"MatchImage.1", "nowhere:1"}, nil},
	} {
		r := c.do("DescribeImageCaches", test.pairs...)
		if got := r.names("ImageCaches", "Images.0"); !slices.Equal(got, test.want) || r.text("TotalCount") != fmt.Sprint(len(test.want)) {
			t.Errorf("%v: %v of %s, want %v", test.pairs, got, r.text("TotalCount"), test.want)
		}
	}
	first := c.do("DescribeImageCaches", "MatchImage.1", "web:1", "MatchImage.2", "api:1", "Limit", "1")
	second := c.do("DescribeImageCaches", "MatchImage.1", "web:1", "MatchImage.2", "api:1", "Limit", "1", "NextToken", first.text("NextToken"))
	if first.text("ImageCaches.0.ImageCacheName") != "api" || second.text("ImageCaches.0.ImageCacheName") != "web" || second.text("NextToken") != "" {
		t.Errorf("pages of a ranked list: %s %s", first.raw, second.raw)
	}

	a := c.createGroup("group-a", []string{"web:1"}, "ZoneId", "cn-hangzhou-i", "VSwitchId", "vsw-1,vsw-2", "SecurityGroupId", "sg-1", "Tag.1.Key", "run", "Tag.1.Value", "1")
	c.createGroup("group-b", []string{"web:1"}, "ResourceGroupId", "rg-1", "RestartPolicy", "Never", "Container.1.Command.1", "true")
	s.Advance(time.Hour)
	for _, test := range []struct {
		pairs []string
		want  []string
	}{
		{nil, []string{"group-b", "group-a"}},
		{[]string{"ContainerGroupIds", `["` + a + `","eci-none"]`}, []string{"group-a"}},
		{[]string{"ContainerGroupName", "group-b"}, []string{"group-b"}},
		{[]string{"Status", "Running"}, []string{"group-a"}},
		{[]string{"Status", "Succeeded"}, []string{"group-b"}},
		{[]string{"ZoneId", "cn-hangzhou-i"}, []string{"group-a"}},
		{[]string{"VSwitchId", "vsw-1"}, []string{"group-a"}},
		{[]string{"SecurityGroupId", "sg-2"}, nil},
		{[]string{"ResourceGroupId", "rg-1"}, []string{"group-b"}},
		{[]string{"Tag.1.Key", "run"}, []string{"group-a"}},
		{[]string{"RegionId", "cn-beijing"}, nil},
	} {
		for action, list := range map[string][2]string{"DescribeContainerGroups": {"ContainerGroups", "ContainerGroupName"}, "DescribeContainerGroupStatus": {"Data", "Name"}, "DescribeContainerGroupEvents": {"Data", "Name"}} {
			if got := c.do(action, test.pairs...).names(list[0], list[1]); !slices.Equal(got, test.want) {
				t.Errorf("%s %v: %v, want %v", action, test.pairs, got, test.want)
			}
		}
	}
}

// TestReadings: the server reads what is not documented as its policy does.
func TestReadings(t *testing.T) {
	policy := matcher.DefaultPolicy()
	for _, reading := range []string{"retention=older", "automatic-ready=at-once", "repeat-automatic=true", "states=ready-or-updating", "pull-policy=always", "eviction=creation"} {
		if err := policy.Set(reading); err != nil {
			t.Fatal(err)
		}
	}
	profile := plainProfile()
	profile.Network.Request.Value = time.Second
	s, c := serve(t, ecitest.Options{Profile: profile, Inventory: inventory(t, fleet...), Policy: &policy})
	images := []string{"web:1"}
	c.createGroup("miss", images, "AutoMatchImageCache", "true")
	automatic := s.Caches()[0]
	if automatic.Status != matcher.StatusReady || !automatic.ExpireTime.Equal(start.AddDate(0, 0, 3)) {
		t.Errorf("%s until %v, want Ready at once and for 3 days", automatic.Status, automatic.ExpireTime)
	}
	s.Advance(24 * time.Hour)
	id := c.createGroup("hit", images, "AutoMatchImageCache", "true")
	if got := s.Caches()[0].ExpireTime; !got.Equal(start.AddDate(0, 0, 4)) {
		t.Errorf("after a match it lives until %v, want 3 days from then", got)
	}
	cache := c.createCache("web", images)
	s.Advance(time.Hour)
	if got := c.group(id).reasons(); !slices.Contains(got, "SuccessfulHitImageCache") || !slices.Contains(got, "Pulling") {
		t.Errorf("events %v: what is held is asked for all the same", got)
	}
	c.do("UpdateImageCache", "ImageCacheId", cache, "Image.1", "web:2")
	c.createGroup("updating", images, "ImageSnapshotId", cache)
}

// TestRegistryMoves: a tag that is pushed again is another image from then on.
func TestRegistryMoves(t *testing.T) {
	before, after := inventory(t, "web:1 base:50 web:50"), inventory(t, "web:1 base:50 new:50")
	now := before
	s, c := serve(t, ecitest.Options{Profile: plainProfile(), Resolve: func(_ context.Context, reference, _ string) (*layers.Inventory, error) {
		if reference != "web:1" {
			return &layers.Inventory{Unresolved: []layers.Unresolved{{Reference: reference, Reason: "MANIFEST_UNKNOWN"}}}, nil
		}
		return now, nil
	}})
	id := c.createCache("web", []string{"web:1"})
	c.createCache("no", []string{"no:1"})
	s.Advance(time.Hour)
	c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id)
	now = after
	c.do("UpdateImageCache", "ImageCacheId", id)
	s.Advance(time.Hour)
	c.refused(400, "NoNeedUpdate", "UpdateImageCache", "ImageCacheId", id)
	caches := s.Caches()
	if len(caches) != 2 || caches[0].Contents[0].Digest != string(after.Images[0].Digest) || caches[1].Status != matcher.StatusFailed {
		t.Errorf("caches %+v", caches)
	}
}

// TestRealTime: on this machine's clock a server answers all the same.
func TestRealTime(t *testing.T) {
	_, c := serve(t, ecitest.Options{Clock: ecitest.RealClock{}})
	r := c.cache(c.createCache("web", []string{"web:1"}))
	created, err := time.Parse(time.RFC3339, r.text("CreationTime"))
	if err != nil || time.Since(created).Abs() > time.Hour || r.text("Status") != "Preparing" {
		t.Errorf("%s since %v, %v", r.text("Status"), created, err)
	}
}
