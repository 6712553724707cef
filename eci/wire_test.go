package eci_test

import (
	"context"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

var (
	fullACR = []eci.ACRRegistry{
		{InstanceID: "cri-1", InstanceName: "one", RegionID: "cn-beijing", Domains: []string{"a.example.com", "b.example.com"}, ARNService: "acs:ram::1:role/s", ARNUser: "acs:ram::1:role/u"},
		{InstanceID: "cri-2", Domains: []string{"c.example.com"}},
	}
	fullLogins = []eci.RegistryCredential{{Server: "r.example.com", UserName: "u1", Password: "p&=+ 1"}, {Server: "q.example.com", UserName: "u2", Password: "p~*2"}}
	fullTags   = []eci.Tag{{Key: "team", Value: "a b"}, {Key: "only-key"}}

	fullCache = eci.ImageCacheSpec{
		Name: "web", Images: []string{"nginx:1.25", "registry-vpc.cn-hangzhou.aliyuncs.com/a/b:1"}, SizeGiB: 40, RetentionDays: 7,
		ReuseLayers: true, Flash: true, FlashCopies: 2, StandardCopies: 3, Elimination: "LRU",
		RegistryCredentials: fullLogins, ACR: fullACR, EIPInstanceID: "eip-1", ResourceGroupID: "rg-1", Tags: fullTags,
		PlainHTTPHosts: []string{"h1:5000", "h2"}, InsecureHosts: []string{"h3", "h4"}, OSType: "Linux",
		SecurityGroupID: "sg-1", VSwitchIDs: []string{"vsw-1", "vsw-2"}, ZoneID: "cn-hangzhou-h", Annotations: `{"a":"b"}`, ClientToken: "token-1",
	}
	// shared is what the caches' parameters and those of groups have in common.
	shared = map[string]string{
		"ImageRegistryCredential.1.Server": "r.example.com", "ImageRegistryCredential.1.UserName": "u1", "ImageRegistryCredential.1.Password": "p&=+ 1",
		"ImageRegistryCredential.2.Server": "q.example.com", "ImageRegistryCredential.2.UserName": "u2", "ImageRegistryCredential.2.Password": "p~*2",
		"AcrRegistryInfo.1.InstanceId": "cri-1", "AcrRegistryInfo.1.InstanceName": "one", "AcrRegistryInfo.1.RegionId": "cn-beijing",
		"AcrRegistryInfo.1.Domain.1": "a.example.com", "AcrRegistryInfo.1.Domain.2": "b.example.com",
		"AcrRegistryInfo.1.ArnService": "acs:ram::1:role/s", "AcrRegistryInfo.1.ArnUser": "acs:ram::1:role/u",
		"AcrRegistryInfo.2.InstanceId": "cri-2", "AcrRegistryInfo.2.Domain.1": "c.example.com",
		"EipInstanceId": "eip-1", "ResourceGroupId": "rg-1", "Tag.1.Key": "team", "Tag.1.Value": "a b", "Tag.2.Key": "only-key",
		"PlainHttpRegistry": "h1:5000,h2", "InsecureRegistry": "h3,h4", "OsType": "Linux",
		"SecurityGroupId": "sg-1", "VSwitchId": "vsw-1,vsw-2", "ZoneId": "cn-hangzhou-h", "ClientToken": "token-1",
	}

	fullUpdate = eci.ImageCacheUpdate{
		ID: "imc-1", Name: "web", Images: []string{"nginx:1.26"}, SizeGiB: 60, RetentionDays: 9, ReuseLayers: ptr(false), Flash: ptr(true),
		FlashCopies: 1, StandardCopies: 2, Elimination: ptr(""), RegistryCredentials: fullLogins[:1],
		ACR:           []eci.ACRRegistry{{InstanceID: "cri-1", InstanceName: "one", RegionID: "cn-beijing", Domains: []string{"a.example.com"}}},
		EIPInstanceID: "eip-1", ResourceGroupID: "rg-1", Tags: fullTags[:1], SecurityGroupID: "sg-1", VSwitchIDs: []string{"vsw-1"}, ClientToken: "token-2",
	}

	fullGroup = eci.ContainerGroupSpec{
		Name: "web-1", VCPU: 0.25, MemoryGiB: 0.5, InstanceTypes: []string{"ecs.c6.large", "ecs.c5.large"},
		Containers: []eci.Container{
			{Name: "app", Image: "nginx:1.25", VCPU: 0.25, MemoryGiB: 0.5, PullPolicy: eci.PullIfNotPresent, Command: []string{"/bin/sh", "-c"}, Args: []string{"a b", "c&d"},
				Environment: []eci.Environment{{Name: "A", Value: "1=2"}, {Name: "EMPTY"}}, Ports: []eci.Port{{Port: 80, Protocol: "TCP"}, {Port: 81}}},
			{Name: "side", Image: "busybox"},
		},
		InitContainers:      []eci.Container{{Name: "init", Image: "alpine:3", PullPolicy: eci.PullAlways, VCPU: 1, MemoryGiB: 2, Command: []string{"true"}, Args: []string{"x"}, Environment: []eci.Environment{{Name: "B", Value: "v"}}, Ports: []eci.Port{{Port: 1}}}},
		AutoMatchImageCache: true, ImageCacheID: "imc-1", AccelerateMode: "nydus", EphemeralStorageGiB: 20,
		RegistryCredentials: fullLogins, ACR: fullACR, PlainHTTPHosts: []string{"h1:5000", "h2"}, InsecureHosts: []string{"h3", "h4"},
		ZoneID: "cn-hangzhou-h", SecurityGroupID: "sg-1", VSwitchIDs: []string{"vsw-1", "vsw-2"}, ScheduleStrategy: "VSwitchRandom",
		AutoCreateEIP: true, EIPBandwidthMbit: 10, FixedIP: true, FixedIPRetainHours: 24, HostName: "host",
		RestartPolicy: "Never", ActiveDeadline: 600 * time.Second, TerminationGrace: 5 * time.Second, MaxPending: 30 * time.Minute,
		SpotStrategy: "SpotWithPriceLimit", SpotPriceLimit: 0.025, SpotDurationHours: ptr(0), StrictSpot: true,
		ComputeCategories: []string{"economy", "general"}, CPUArchitecture: "ARM64", OSType: "Linux",
		DataCacheBucket: "bucket", DataCachePL: "PL1", DataCacheProvisionedIOPS: 40000, DataCacheBursting: true,
		Tags: fullTags, ResourceGroupID: "rg-1", RAMRoleName: "role", DryRun: true, ClientToken: "token-1",
	}
)

// with is a map of pairs over others.
func with(base map[string]string, pairs ...string) map[string]string {
	m := map[string]string{}
	for k, v := range base {
		m[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func without(base map[string]string, names ...string) map[string]string {
	m := with(base)
	for _, name := range names {
		delete(m, name)
	}
	return m
}

// TestParametersOnTheWire compares what every call sends with the tables of eci
// §2.2 to §2.7, written out by hand.
func TestParametersOnTheWire(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct {
		name, action string
		call         func(*eci.Client) error
		want         map[string]string
	}{
		{"create cache", "CreateImageCache", func(c *eci.Client) error { _, err := c.CreateImageCache(ctx, fullCache); return err },
			with(shared, "ImageCacheName", "web", "Image.1", "nginx:1.25", "Image.2", "registry-vpc.cn-hangzhou.aliyuncs.com/a/b:1",
				"ImageCacheSize", "40", "RetentionDays", "7", "AutoMatchImageCache", "true", "Flash", "true", "FlashCopyCount", "2",
				"StandardCopyCount", "3", "EliminationStrategy", "LRU", "Annotations", `{"a":"b"}`)},
		{"create least cache", "CreateImageCache", func(c *eci.Client) error {
			_, err := c.CreateImageCache(ctx, eci.ImageCacheSpec{Name: "n", Images: []string{"i"}, ClientToken: "t"})
			return err
		}, map[string]string{"ImageCacheName": "n", "Image.1": "i", "ClientToken": "t"}},
		{"update cache", "UpdateImageCache", func(c *eci.Client) error { return c.UpdateImageCache(ctx, fullUpdate) },
			map[string]string{"ImageCacheId": "imc-1", "ImageCacheName": "web", "Image.1": "nginx:1.26", "ImageCacheSize": "60", "RetentionDays": "9",
				"AutoMatchImageCache": "false", "Flash": "true", "FlashCopyCount": "1", "StandardCopyCount": "2", "EliminationStrategy": "",
				"ImageRegistryCredential.1.Server": "r.example.com", "ImageRegistryCredential.1.UserName": "u1", "ImageRegistryCredential.1.Password": "p&=+ 1",
				"AcrRegistryInfo.1.InstanceId": "cri-1", "AcrRegistryInfo.1.InstanceName": "one", "AcrRegistryInfo.1.RegionId": "cn-beijing", "AcrRegistryInfo.1.Domain.1": "a.example.com",
				"EipInstanceId": "eip-1", "ResourceGroupId": "rg-1", "Tag.1.Key": "team", "Tag.1.Value": "a b", "SecurityGroupId": "sg-1", "VSwitchId": "vsw-1", "ClientToken": "token-2"}},
		{"update least of a cache", "UpdateImageCache", func(c *eci.Client) error {
			return c.UpdateImageCache(ctx, eci.ImageCacheUpdate{ID: "imc-1", ClientToken: "t"})
		}, map[string]string{"ImageCacheId": "imc-1", "ClientToken": "t"}},
		{"delete cache", "DeleteImageCache", func(c *eci.Client) error { return c.DeleteImageCache(ctx, "imc-1", "t") },
			map[string]string{"ImageCacheId": "imc-1", "ClientToken": "t"}},
		{"describe caches", "DescribeImageCaches", func(c *eci.Client) error {
			_, err := c.DescribeImageCaches(ctx, eci.ImageCacheQuery{ID: "imc-1", Name: "web", SnapshotID: "s-1", Image: "nginx", ResourceGroupID: "rg-1",
				Tags: fullTags, MatchImages: []string{"a:1", "b:2"}, FullMatch: true, MatchCount: 2, Limit: 50, NextToken: "next"})
			return err
		}, map[string]string{"ImageCacheId": "imc-1", "ImageCacheName": "web", "SnapshotId": "s-1", "Image": "nginx", "ResourceGroupId": "rg-1",
			"Tag.1.Key": "team", "Tag.1.Value": "a b", "Tag.2.Key": "only-key", "MatchImage.1": "a:1", "MatchImage.2": "b:2",
			"ImageFullMatch": "true", "ImageMatchCountRequest": "2", "Limit": "50", "NextToken": "next"}},
		{"create group", "CreateContainerGroup", func(c *eci.Client) error { _, err := c.CreateContainerGroup(ctx, fullGroup); return err },
			with(without(shared, "EipInstanceId"), "ContainerGroupName", "web-1", "Cpu", "0.25", "Memory", "0.5", "InstanceType", "ecs.c6.large,ecs.c5.large",
				"Container.1.Name", "app", "Container.1.Image", "nginx:1.25", "Container.1.Cpu", "0.25", "Container.1.Memory", "0.5", "Container.1.ImagePullPolicy", "IfNotPresent",
				"Container.1.Command.1", "/bin/sh", "Container.1.Command.2", "-c", "Container.1.Arg.1", "a b", "Container.1.Arg.2", "c&d",
				"Container.1.EnvironmentVar.1.Key", "A", "Container.1.EnvironmentVar.1.Value", "1=2", "Container.1.EnvironmentVar.2.Key", "EMPTY",
				"Container.1.Port.1.Port", "80", "Container.1.Port.1.Protocol", "TCP", "Container.1.Port.2.Port", "81",
				"Container.2.Name", "side", "Container.2.Image", "busybox",
				"InitContainer.1.Name", "init", "InitContainer.1.Image", "alpine:3", "InitContainer.1.Cpu", "1", "InitContainer.1.Memory", "2", "InitContainer.1.ImagePullPolicy", "Always",
				"InitContainer.1.Command.1", "true", "InitContainer.1.Arg.1", "x", "InitContainer.1.EnvironmentVar.1.Key", "B", "InitContainer.1.EnvironmentVar.1.Value", "v", "InitContainer.1.Port.1.Port", "1",
				"AutoMatchImageCache", "true", "ImageSnapshotId", "imc-1", "ImageAccelerateMode", "nydus", "EphemeralStorage", "20",
				"ScheduleStrategy", "VSwitchRandom", "AutoCreateEip", "true", "EipBandwidth", "10", "FixedIp", "true", "FixedIpRetainHour", "24", "HostName", "host",
				"RestartPolicy", "Never", "ActiveDeadlineSeconds", "600", "TerminationGracePeriodSeconds", "5", "MaxPendingMinute", "30",
				"SpotStrategy", "SpotWithPriceLimit", "SpotPriceLimit", "0.025", "SpotDuration", "0", "StrictSpot", "true",
				"ComputeCategory.1", "economy", "ComputeCategory.2", "general", "CpuArchitecture", "ARM64",
				"DataCacheBucket", "bucket", "DataCachePL", "PL1", "DataCacheProvisionedIops", "40000", "DataCacheBurstingEnabled", "true",
				"RamRoleName", "role", "DryRun", "true")},
		{"create least group", "CreateContainerGroup", func(c *eci.Client) error {
			_, err := c.CreateContainerGroup(ctx, eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}, EIPInstanceID: "eip-2", ClientToken: "t"})
			return err
		}, map[string]string{"ContainerGroupName": "g1", "Container.1.Name": "c", "Container.1.Image": "i", "AutoMatchImageCache": "false", "EipInstanceId": "eip-2", "ClientToken": "t"}},
		{"describe groups", "DescribeContainerGroups", func(c *eci.Client) error {
			_, err := c.DescribeContainerGroups(ctx, eci.ContainerGroupQuery{IDs: []string{"eci-1", "eci-2"}, Name: "web", Status: eci.GroupRunning, Tags: fullTags[:1], WithEvents: true,
				ZoneID: "z", VSwitchID: "vsw-1", SecurityGroupID: "sg-1", ResourceGroupID: "rg-1", ComputeCategory: "economy", Limit: 10, NextToken: "next"})
			return err
		}, map[string]string{"ContainerGroupIds": `["eci-1","eci-2"]`, "ContainerGroupName": "web", "Status": "Running", "Tag.1.Key": "team", "Tag.1.Value": "a b", "WithEvent": "true",
			"ZoneId": "z", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1", "ResourceGroupId": "rg-1", "ComputeCategory": "economy", "Limit": "10", "NextToken": "next"}},
		{"events", "DescribeContainerGroupEvents", func(c *eci.Client) error {
			_, err := c.DescribeContainerGroupEvents(ctx, eci.GroupEventQuery{IDs: []string{"eci-1"}, Source: eci.EventsOfPlatform, Since: time.Minute, Limit: 200, Tags: fullTags[:1],
				ZoneID: "z", VSwitchID: "vsw-1", SecurityGroupID: "sg-1", ResourceGroupID: "rg-1"})
			return err
		}, map[string]string{"ContainerGroupIds": `["eci-1"]`, "EventSource": "EciService", "SinceSecond": "60", "Limit": "200", "Tag.1.Key": "team", "Tag.1.Value": "a b",
			"ZoneId": "z", "VSwitchId": "vsw-1", "SecurityGroupId": "sg-1", "ResourceGroupId": "rg-1"}},
		{"status", "DescribeContainerGroupStatus", func(c *eci.Client) error {
			_, err := c.DescribeContainerGroupStatus(ctx, eci.GroupEventQuery{IDs: []string{"eci-1"}})
			return err
		}, map[string]string{"ContainerGroupIds": `["eci-1"]`}},
		{"delete group", "DeleteContainerGroup", func(c *eci.Client) error {
			return c.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: "eci-1", Force: true, ClientToken: "t"})
		}, map[string]string{"ContainerGroupId": "eci-1", "Force": "true", "ClientToken": "t"}},
		{"price", "DescribeContainerGroupPrice", func(c *eci.Client) error {
			_, err := c.DescribeContainerGroupPrice(ctx, eci.PriceQuery{VCPU: 2, MemoryGiB: 4, InstanceType: "ecs.c6.large", EphemeralStorageGiB: 10, ZoneID: "z",
				SpotStrategy: "SpotAsPriceGo", SpotPriceLimit: 0.1, SpotDurationHours: ptr(1), ComputeCategory: "economy"})
			return err
		}, map[string]string{"Cpu": "2", "Memory": "4", "InstanceType": "ecs.c6.large", "EphemeralStorage": "10", "ZoneId": "z",
			"SpotStrategy": "SpotAsPriceGo", "SpotPriceLimit": "0.1", "SpotDuration": "1", "ComputeCategory": "economy"}},
		{"usage", "ListUsage", func(c *eci.Client) error { _, err := c.ListUsage(ctx); return err }, nil},
		{"regions", "DescribeRegions", func(c *eci.Client) error { _, err := c.DescribeRegions(ctx); return err }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, func(int, url.Values) answer {
				return ok(`{"RequestId":"R","ImageCacheId":"imc-1","ContainerGroupId":"eci-1","ImageCaches":null,"ContainerGroups":[],"Data":{"List":[]},"Regions":[],"PriceInfo":{"Price":{"Currency":"CNY","TradePrice":1}}}`)
			})
			c, _ := client(t, s)
			if err := test.call(c); err != nil {
				t.Fatal(err)
			}
			want := with(test.want, "Action", test.action, "Version", "2018-08-08", "Format", "JSON", "RegionId", "cn-hangzhou", "AccessKeyId", testID,
				"SecurityToken", testToken, "SignatureMethod", "HMAC-SHA1", "SignatureVersion", "1.0", "SignatureType", "")
			requests := s.seen()
			if len(requests) != 1 {
				t.Fatalf("%d requests", len(requests))
			}
			got := business(requests[0])
			if got["DryRun"] == "true" { // has a token of its own
				if got["ClientToken"] == want["ClientToken"] || len(got["ClientToken"]) != 32 {
					t.Errorf("a dry run has the token %q of the real call", got["ClientToken"])
				}
				delete(want, "ClientToken")
				delete(got, "ClientToken")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFullSpecsAreFull: a field that is added to a request is added to the test of
// the wire, too.
func TestFullSpecsAreFull(t *testing.T) {
	for _, full := range []any{fullCache, fullUpdate, fullGroup, fullGroup.Containers[0], fullGroup.InitContainers[0], fullACR[0], fullLogins[0], fullTags[0]} {
		v := reflect.ValueOf(full)
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Field(i).IsZero() && !(v.Type() == reflect.TypeFor[eci.ContainerGroupSpec]() && name == "EIPInstanceID") {
				t.Errorf("%s.%s is not tested", v.Type(), name)
			}
		}
	}
}
