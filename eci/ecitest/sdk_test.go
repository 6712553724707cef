package ecitest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	sdk_eci "github.com/aliyun/alibaba-cloud-sdk-go/services/eci"

	"github.com/cachebench/cachebench/eci/ecitest"
)

// sdkClient is the vendor's own client of a server (eci §2.9).
func sdkClient(t *testing.T, s *ecitest.Server, secret string) *sdk_eci.Client {
	c, err := sdk_eci.NewClientWithOptions("cn-hangzhou", sdk.NewConfig().WithScheme("HTTP").WithTimeout(10*time.Second),
		credentials.NewAccessKeyCredential(ecitest.TestKey().ID, secret))
	if err != nil {
		t.Fatal(err)
	}
	c.Domain = strings.TrimPrefix(s.URL, "http://")
	c.SetNoProxy("127.0.0.1")
	return c
}

// TestSDK: where the SDK's types are right, its requests are understood and its
// decoder understands the answers.
func TestSDK(t *testing.T) {
	s, _ := serve(t, ecitest.Options{Strict: true})
	c := sdkClient(t, s, ecitest.TestKey().Secret)

	create := sdk_eci.CreateCreateImageCacheRequest()
	create.ImageCacheName, create.SecurityGroupId, create.VSwitchId = "a+b *~ c/ü", "sg-1", "vsw-1,vsw-2"
	create.Image = []string{"nginx:1.27", "redis:7"}
	create.ImageCacheSize, create.RetentionDays = requests.NewInteger(25), requests.NewInteger(7)
	create.ImageRegistryCredential = &[]sdk_eci.CreateImageCacheImageRegistryCredential{{Server: "registry.example", UserName: "u", Password: "p&=%"}}
	create.ClientToken = "token-1"
	create.QueryParams["Flash"] = "true"
	create.QueryParams["AcrRegistryInfo.1.InstanceId"] = "cri-1"
	create.QueryParams["AcrRegistryInfo.1.Domain.1"] = "a.example"
	created, err := c.CreateImageCache(create)
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Hour)
	describe := sdk_eci.CreateDescribeImageCachesRequest()
	describe.ImageCacheId = created.ImageCacheId
	caches, err := c.DescribeImageCaches(describe)
	if err != nil {
		t.Fatal(err)
	}
	if len(caches.ImageCaches) != 1 {
		t.Fatalf("%d caches, want 1", len(caches.ImageCaches))
	}
	got := caches.ImageCaches[0]
	if got.ImageCacheName != create.ImageCacheName || got.Status != "Ready" || got.Progress != "100%" || len(got.Images) != 2 || got.ContainerGroupId != created.ContainerGroupId ||
		got.ExpireDateTime != "2026-03-08T00:00:00Z" || len(got.Events) != 4 || got.SnapshotId == "" {
		t.Errorf("the SDK decodes %+v", got)
	}

	group := sdk_eci.CreateCreateContainerGroupRequest()
	group.ContainerGroupName = "web"
	group.ImageSnapshotId = created.ImageCacheId
	group.Cpu, group.Memory = requests.NewFloat(0.25), requests.NewFloat(0.5)
	group.Tag = &[]sdk_eci.CreateContainerGroupTag{{Key: "run", Value: "1"}}
	group.InitContainer = &[]sdk_eci.CreateContainerGroupInitContainer{{Name: "init", Image: "redis:7", Command: []string{"true"}}}
	for name, value := range map[string]string{"Container.1.Name": "c", "Container.1.Image": "nginx:1.27", "Container.1.Arg.1": "-x"} {
		group.QueryParams[name] = value
	}
	made, err := c.CreateContainerGroup(group)
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Minute)
	list := sdk_eci.CreateDescribeContainerGroupsRequest()
	list.WithEvent = requests.NewBoolean(true)
	list.Tag = &[]sdk_eci.DescribeContainerGroupsTag{{Key: "run", Value: "1"}}
	groups, err := c.DescribeContainerGroups(list)
	if err != nil {
		t.Fatal(err)
	}
	if len(groups.ContainerGroups) != 1 || groups.TotalCount != 1 {
		t.Fatalf("%d groups of %d, want 1", len(groups.ContainerGroups), groups.TotalCount)
	}
	g := groups.ContainerGroups[0]
	if g.ContainerGroupId != made.ContainerGroupId || g.Status != "Running" || g.Cpu != 0.25 || len(g.Events) == 0 || g.Tags[0].Key != "run" ||
		g.Containers[0].CurrentState.State != "Running" || !g.Containers[0].Ready || g.InitContainers[0].CurrentState.State != "Terminated" {
		t.Errorf("the SDK decodes %+v", g)
	}

	remove := sdk_eci.CreateDeleteContainerGroupRequest()
	remove.ContainerGroupId = made.ContainerGroupId
	if _, err := c.DeleteContainerGroup(remove); err != nil {
		t.Error(err)
	}
	drop := sdk_eci.CreateDeleteImageCacheRequest()
	drop.ImageCacheId = created.ImageCacheId
	if _, err := c.DeleteImageCache(drop); err != nil {
		t.Error(err)
	}
	regions, err := c.DescribeRegions(sdk_eci.CreateDescribeRegionsRequest())
	if err != nil || len(regions.Regions) != 3 || regions.Regions[0].RegionEndpoint != "eci.cn-hangzhou.aliyuncs.com" || len(regions.Regions[0].Zones) != 3 {
		t.Errorf("regions %v, %v", regions, err)
	}
	if left := s.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// TestSDKFailures: what the SDK's types get wrong goes wrong here as on the
// documentation's own answers (eci §0), and flat parameters do not.
func TestSDKFailures(t *testing.T) {
	s, plain := serve(t, ecitest.Options{LowerCamelEvents: true})
	c := sdkClient(t, s, ecitest.TestKey().Secret)

	t.Run("prices do not decode", func(t *testing.T) {
		price := sdk_eci.CreateDescribeContainerGroupPriceRequest()
		price.QueryParams["Cpu"], price.QueryParams["Memory"] = "2", "4"
		_, err := c.DescribeContainerGroupPrice(price)
		var failed sdkerrors.Error
		if !errors.As(err, &failed) || failed.ErrorCode() != sdkerrors.JsonUnmarshalErrorCode {
			t.Errorf("got %v, want %s (eci §0 point 3)", err, sdkerrors.JsonUnmarshalErrorCode)
		}
	})
	t.Run("containers send probes that were not set", func(t *testing.T) {
		group := sdk_eci.CreateCreateContainerGroupRequest()
		group.ContainerGroupName = "typed"
		group.Container = &[]sdk_eci.CreateContainerGroupContainer{{Name: "c", Image: "nginx:1.27"}}
		if _, err := c.CreateContainerGroup(group); err != nil {
			t.Fatal(err)
		}
		calls := s.Calls()
		if last := calls[len(calls)-1]; !strings.Contains(strings.Join(last.Malformed, " "), "<[]string Value>") {
			t.Errorf("the server notes %q as malformed, want the reflection text that eci §0 point 2 found", last.Malformed)
		}
	})
	t.Run("lower camel events are lost", func(t *testing.T) {
		id := plain.createCache("one", []string{"nginx:1.27"})
		describe := sdk_eci.CreateDescribeImageCachesRequest()
		describe.ImageCacheId = id
		caches, err := c.DescribeImageCaches(describe)
		if err != nil {
			t.Fatal(err)
		}
		if e := caches.ImageCaches[0].Events; len(e) != 1 || e[0].Message != "" {
			t.Errorf("the SDK decodes %+v, want an event without text (eci §0 point 4)", e)
		}
		var kept struct {
			ImageCaches []struct{ Events []struct{ Reason string } }
		}
		if err := json.Unmarshal(caches.GetHttpContentBytes(), &kept); err != nil || kept.ImageCaches[0].Events[0].Reason != "Started" {
			t.Errorf("encoding/json decodes %+v, %v; want reason Started", kept, err)
		}
	})
	t.Run("a wrong secret", func(t *testing.T) {
		_, err := sdkClient(t, s, "wrong").DescribeRegions(sdk_eci.CreateDescribeRegionsRequest())
		var failed *sdkerrors.ServerError
		if !errors.As(err, &failed) || failed.ErrorCode() != "SignatureDoesNotMatch" || !strings.Contains(failed.Recommend(), "InvalidAccessKeySecret") {
			t.Errorf("got %v; the SDK finds the same string to sign and blames the secret", err)
		}
	})
	t.Run("throttling is not tried again", func(t *testing.T) {
		s.AddFaults(ecitest.Faults{Rules: []ecitest.Fault{{Action: "DescribeRegions", Kind: ecitest.FaultThrottle, Nth: 1, Count: 5}}})
		before := s.Count("DescribeRegions")
		retrying := sdkClient(t, s, ecitest.TestKey().Secret)
		retrying.GetConfig().WithAutoRetry(true).WithMaxRetryTime(2)
		_, err := retrying.DescribeRegions(sdk_eci.CreateDescribeRegionsRequest())
		var failed *sdkerrors.ServerError
		if !errors.As(err, &failed) || failed.ErrorCode() != "Throttling" || s.Count("DescribeRegions") != before+1 {
			t.Errorf("got %v after %d requests, want Throttling after 1 (eci §0 point 6)", err, s.Count("DescribeRegions")-before)
		}
	})
}
