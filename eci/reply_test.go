package eci_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/google/go-cmp/cmp"
)

// replied makes one call that is answered with a body.
func replied[T any](t *testing.T, body string, call func(*eci.Client) (T, error)) T {
	t.Helper()
	s := serve(t, func(int, url.Values) answer { return ok(body) })
	c, _ := client(t, s)
	got, err := call(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func differs(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// TestImageCacheReply reads the reply of eci §2.5, and one without most of it.
func TestImageCacheReply(t *testing.T) {
	got := replied(t, `{"RequestId":"R-1","NextToken":"","TotalCount":2,"ImageCaches":[
		{"ImageCacheId":"imc-2ze1","ImageCacheName":"web","ImageCacheSize":40,"Images":["nginx:1.25","redis:7"],"Status":"Ready","Progress":"100%",
		 "SnapshotId":"s-1","FlashSnapshotId":"s-2","ContainerGroupId":"eci-1","CreationTime":"2026-05-01T12:00:00Z","ExpireDateTime":"2026-05-08T12:00:00Z",
		 "LastMatchedTime":"2026-05-01T12:10:00Z","RegionId":"cn-hangzhou","ResourceGroupId":"rg-1","EliminationStrategy":"LRU",
		 "Tags":[{"Key":"a","Value":"b"}],
		 "Events":[{"Type":"Normal","Reason":"Started","Name":"web.1","Message":"Successfully check image cache resource.","Count":1,
			"FirstTimestamp":"2026-05-01T12:00:01Z","LastTimestamp":"2026-05-01T12:00:02Z"}]},
		{"ImageCacheId":"imc-2ze2","ImageCacheName":"auto-create-for-eci-7","Images":[],"Status":"Creating","Progress":"40%","CreationTime":"","ExpireDateTime":null}]}`,
		func(c *eci.Client) (eci.ImageCachePage, error) {
			return c.DescribeImageCaches(context.Background(), eci.ImageCacheQuery{})
		})
	differs(t, got, eci.ImageCachePage{RequestID: "R-1", TotalCount: ptr(2), ImageCaches: []eci.ImageCache{
		{ID: "imc-2ze1", Name: "web", Images: []string{"nginx:1.25", "redis:7"}, SizeGiB: 40, Status: eci.CacheReady, Progress: "100%", SnapshotID: "s-1", FlashSnapshotID: "s-2",
			ContainerGroupID: "eci-1", CreatedAt: noon, ExpiresAt: noon.AddDate(0, 0, 7), LastMatchedAt: after(600), RegionID: "cn-hangzhou", ResourceGroupID: "rg-1",
			Elimination: "LRU", Tags: []eci.Tag{{Key: "a", Value: "b"}},
			Events: []eci.Event{{Type: "Normal", Reason: "Started", Name: "web.1", Message: "Successfully check image cache resource.", Count: 1, FirstAt: after(1), LastAt: after(2)}}},
		{ID: "imc-2ze2", Name: "auto-create-for-eci-7", Status: eci.CacheCreating, Progress: "40%"},
	}})
	if progress, known := got.ImageCaches[1].ProgressFraction(); progress != 0.4 || !known {
		t.Errorf("progress %v, %v", progress, known)
	}
	if group, automatic := got.ImageCaches[1].Automatic(); group != "eci-7" || !automatic {
		t.Errorf("%q, %v", group, automatic)
	}
	if _, automatic := got.ImageCaches[0].Automatic(); automatic {
		t.Error("a cache made by hand is taken for an automatic one")
	}
}

// TestGroupReply reads the reply of eci §2.7.
func TestGroupReply(t *testing.T) {
	got := replied(t, `{"RequestId":"R-2","NextToken":"n","TotalCount":21,"ContainerGroups":[
		{"ContainerGroupId":"eci-1","ContainerGroupName":"web-1","Status":"Succeeded","RegionId":"cn-hangzhou","ZoneId":"cn-hangzhou-h","VSwitchId":"vsw-1",
		 "SecurityGroupId":"sg-1","ResourceGroupId":"rg-1","RestartPolicy":"Never","InstanceType":"ecs.c6.large","IntranetIp":"10.0.0.1","InternetIp":"1.2.3.4",
		 "CreationTime":"2026-05-01T12:00:00Z","SucceededTime":"2026-05-01T12:01:00Z","ExpiredTime":"2026-05-02T12:00:00Z",
		 "Cpu":0.25,"Memory":0.5,"EphemeralStorage":20,"Discount":80,"Volumes":[{"Name":"v"}],"Tags":[{"Key":"a","Value":"b"}],
		 "Containers":[{"Name":"app","Image":"nginx:1.25","Ready":true,"RestartCount":1,"Cpu":0.25,"Memory":0.5,"EnvironmentVars":[{"Key":"P","Value":"secret"}],
			"CurrentState":{"State":"Terminated","DetailStatus":"Completed","StartTime":"2026-05-01T12:00:30Z","FinishTime":"2026-05-01T12:00:50Z","ExitCode":0,"Reason":"Completed"},
			"PreviousState":{"State":"Waiting","Reason":"ContainerCreating","Message":"m"}}],
		 "InitContainers":[{"Name":"init","Image":"alpine:3","CurrentState":{"State":"Terminated","ExitCode":137,"Signal":9}}],
		 "Events":[{"Type":"Warning","Reason":"ImageCacheMissed","Message":"[eci.imagecache]Missed image cache.","Name":"web-1.2","Count":3,
			"FirstTimestamp":"2026-05-01T12:00:01Z","LastTimestamp":"2026-05-01T12:00:01Z"}]}]}`,
		func(c *eci.Client) (eci.ContainerGroupPage, error) {
			return c.DescribeContainerGroups(context.Background(), eci.ContainerGroupQuery{})
		})
	differs(t, got, eci.ContainerGroupPage{RequestID: "R-2", NextToken: "n", TotalCount: ptr(21), ContainerGroups: []eci.ContainerGroup{{
		ID: "eci-1", Name: "web-1", Status: eci.GroupSucceeded, RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h", VSwitchID: "vsw-1", SecurityGroupID: "sg-1",
		ResourceGroupID: "rg-1", RestartPolicy: "Never", InstanceType: "ecs.c6.large", IntranetIP: "10.0.0.1", InternetIP: "1.2.3.4",
		CreatedAt: noon, SucceededAt: after(60), ExpiredAt: noon.AddDate(0, 0, 1), VCPU: 0.25, MemoryGiB: 0.5, EphemeralStorageGiB: 20, Discount: ptr(80.0),
		Tags: []eci.Tag{{Key: "a", Value: "b"}},
		Containers: []eci.GroupContainer{{Name: "app", Image: "nginx:1.25", Ready: true, RestartCount: 1, VCPU: 0.25, MemoryGiB: 0.5,
			Current:  eci.ContainerState{State: "Terminated", DetailStatus: "Completed", StartedAt: after(30), FinishedAt: after(50), ExitCode: ptr(0), Reason: "Completed"},
			Previous: eci.ContainerState{State: "Waiting", Reason: "ContainerCreating", Message: "m"}}},
		InitContainers: []eci.GroupContainer{{Name: "init", Image: "alpine:3", Current: eci.ContainerState{State: "Terminated", ExitCode: ptr(137), Signal: ptr(9)}}},
		Events:         []eci.Event{{Type: "Warning", Reason: "ImageCacheMissed", Message: "[eci.imagecache]Missed image cache.", Name: "web-1.2", Count: 3, FirstAt: after(1), LastAt: after(1)}},
	}}})
}

// TestEventStyles: both spellings of events (eci §0.4, §2.7, §3.2) say the same.
func TestEventStyles(t *testing.T) {
	want := []eci.GroupEvents{{GroupID: "eci-1", Name: "web-1", Namespace: "default", UID: "u-1", Annotations: map[string]string{eci.MatchedCacheAnnotation: "imc-9", "n": "2"},
		Events: []eci.Event{{Type: "Normal", Reason: "Pulled", Name: "web-1.17", Message: `Container image "nginx:1.25" already present on machine`, Count: 1,
			FirstAt: after(5), LastAt: after(5), Component: "kubelet", Host: "eci", ObjectKind: "Pod", ObjectName: "web-1"}}}}
	for style, body := range map[string]string{
		"upper": `{"RequestId":"R","Data":[{"ContainerGroupId":"eci-1","Name":"web-1","Namespace":"default","uuid":"u-1",
			"Annotations":"{\"k8s.aliyun.com/eci-matched-image-cache\":\"imc-9\",\"n\":2}",
			"Events":[{"Type":"Normal","Reason":"Pulled","Count":1,"FirstTimestamp":"2026-05-01T12:00:05Z","LastTimestamp":"2026-05-01T12:00:05Z",
			"Message":"Container image \"nginx:1.25\" already present on machine","ReportingComponent":"","ReportingInstance":"",
			"Source":{"Component":"kubelet","Host":"eci"},"Metadata":{"Name":"web-1.17","Namespace":"default"},"involvedObject":{"Kind":"Pod","Name":"web-1","Uid":"u"}}]}]}`,
		"lower": `{"requestId":"R","data":[{"containerGroupId":"eci-1","name":"web-1","namespace":"default","uuid":"u-1",
			"annotations":{"k8s.aliyun.com/eci-matched-image-cache":"imc-9","n":"2"},
			"events":[{"type":"Normal","reason":"Pulled","count":"1","firstTimestamp":"2026-05-01T12:00:05Z","lastTimestamp":"2026-05-01T20:00:05+08:00",
			"message":"Container image \"nginx:1.25\" already present on machine","reportingComponent":"kubelet","reportingInstance":"eci",
			"metadata":{"name":"web-1.17"},"involvedObject":{"kind":"Pod","name":"web-1"}}]}]}`,
	} {
		got := replied(t, body, func(c *eci.Client) ([]eci.GroupEvents, error) {
			return c.DescribeContainerGroupEvents(context.Background(), eci.GroupEventQuery{IDs: []string{"eci-1"}})
		})
		t.Run(style, func(t *testing.T) { differs(t, got, want) })
	}
}

// TestOddMembers: what is of another form than documented is as if it were not told;
// the rest of the answer is not lost for it.
func TestOddMembers(t *testing.T) {
	groups := replied(t, `{"RequestId":"R","ContainerGroups":[{"ContainerGroupId":"eci-1","Status":"Running","Containers":[{"Name":"app","CurrentState":"","PreviousState":[]}],
		"Events":[{"Reason":"Pulled","source":"kubelet","Metadata":7,"involvedObject":[],"ReportingComponent":"kubelet"}]}]}`,
		func(c *eci.Client) ([]eci.ContainerGroup, error) {
			return c.AllContainerGroups(context.Background(), eci.ContainerGroupQuery{})
		})
	differs(t, groups, []eci.ContainerGroup{{ID: "eci-1", Status: eci.GroupRunning, Containers: []eci.GroupContainer{{Name: "app"}}, Events: []eci.Event{{Reason: "Pulled", Component: "kubelet"}}}})
	for _, status := range []string{`""`, `{"Phase":"Running","ContainerStatuses":[{"Name":"a","State":"","LastState":{"Running":"now","Terminated":[]}}]}`} {
		states := replied(t, `{"RequestId":"R","Data":[{"ContainerGroupId":"eci-1","PodStatus":`+status+`}]}`, func(c *eci.Client) ([]eci.GroupState, error) {
			return c.DescribeContainerGroupStatus(context.Background(), eci.GroupEventQuery{})
		})
		want := eci.PodState{}
		if status != `""` {
			want = eci.PodState{Phase: "Running", Containers: []eci.PodContainer{{Name: "a"}}}
		}
		differs(t, states, []eci.GroupState{{GroupID: "eci-1", Pod: want}})
	}
	usage := replied(t, `{"RequestId":"R","Attributes":[]}`, func(c *eci.Client) (eci.Usage, error) { return c.ListUsage(context.Background()) })
	differs(t, usage, eci.Usage{RequestID: "R", Attributes: map[string]float64{}})
}

// TestStatusReply reads the keys of eci §2.7, StartedAtstartedAt among them.
func TestStatusReply(t *testing.T) {
	body := func(key string) string {
		return `{"RequestId":"R","TotalCount":1,"Data":[{"ContainerGroupId":"eci-1","Name":"web-1","Namespace":"default","Status":"Running","uuid":"u-1","Annotations":"",
		"PodStatus":{"Phase":"Running","StartTime":"2026-05-01T12:00:00Z","PodIp":"10.0.0.1","QosClass":"Burstable",
		"Conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-05-01T12:00:20Z","Reason":"r","Message":"m"}],
		"ContainerStatuses":[{"Name":"app","Image":"nginx:1.25","ImageID":"nginx@sha256:1","Ready":true,"RestartCount":0,"Started":true,
			"State":{"Running":{"` + key + `":"2026-05-01T12:00:19Z"}},
			"LastState":{"Terminated":{"StartedAt":"2026-05-01T12:00:10Z","FinishedAt":"2026-05-01T12:00:15Z","ExitCode":1,"Reason":"Error"}}},
			{"Name":"side","State":{"Waiting":{"Reason":"ContainerCreating"}}}]}}]}`
	}
	want := []eci.GroupState{{GroupID: "eci-1", Name: "web-1", Namespace: "default", UID: "u-1", Status: eci.GroupRunning,
		Pod: eci.PodState{Phase: "Running", StartedAt: noon, PodIP: "10.0.0.1", QOSClass: "Burstable",
			Conditions: []eci.PodCondition{{Type: "Ready", Status: "True", LastTransitionAt: after(20), Reason: "r", Message: "m"}},
			Containers: []eci.PodContainer{
				{Name: "app", Image: "nginx:1.25", ImageID: "nginx@sha256:1", Ready: true, Started: ptr(true), State: eci.ContainerState{State: "Running", StartedAt: after(19)},
					Last: eci.ContainerState{State: "Terminated", StartedAt: after(10), FinishedAt: after(15), ExitCode: ptr(1), Reason: "Error"}},
				{Name: "side", State: eci.ContainerState{State: "Waiting", Reason: "ContainerCreating"}},
			}}}}
	for _, key := range []string{"StartedAt", "startedAt", "StartedAtstartedAt"} {
		got := replied(t, body(key), func(c *eci.Client) ([]eci.GroupState, error) {
			return c.DescribeContainerGroupStatus(context.Background(), eci.GroupEventQuery{IDs: []string{"eci-1"}})
		})
		t.Run(key, func(t *testing.T) { differs(t, got, want) })
	}
}

// TestPriceReply reads the documented example, which the SDK's types cannot
// (eci §0.3, §2.7): 2 vCPU and 4 GiB at the rates of eci §5.2, for a second.
func TestPriceReply(t *testing.T) {
	got := replied(t, `{"RequestId":"R","PriceInfo":{"Price":{"Currency":"CNY","OriginalPrice":0.00012252,"DiscountPrice":0,"TradePrice":"0.00012252",
		"DetailInfos":{"DetailInfo":[{"Resource":"cpu","OriginalPrice":0.000098,"DiscountPrice":0,"TradePrice":0.000098,"Rules":{"Rule":[]}},
			{"Resource":"mem","OriginalPrice":0.00002452,"DiscountPrice":0,"TradePrice":0.00002452}]}},
		"SpotPrices":{"SpotPrice":[{"ZoneId":"z","InstanceType":"ecs.c6.large","SpotPrice":0.1,"OriginPrice":0.4}]},
		"Rules":{"Count":1,"Rule":[{"RuleId":587,"Description":"d"}]}}}`,
		func(c *eci.Client) (eci.Price, error) {
			return c.DescribeContainerGroupPrice(context.Background(), eci.PriceQuery{VCPU: 2, MemoryGiB: 4})
		})
	differs(t, got, eci.Price{Currency: "CNY", OriginalPerSecond: ptr(0.00012252), DiscountPerSecond: ptr(0.0), TradePerSecond: 0.00012252, RequestID: "R",
		Details: []eci.PriceDetail{{Resource: "cpu", OriginalPerSecond: ptr(0.000098), DiscountPerSecond: ptr(0.0), TradePerSecond: ptr(0.000098)}, {Resource: "mem", OriginalPerSecond: ptr(0.00002452), DiscountPerSecond: ptr(0.0), TradePerSecond: ptr(0.00002452)}},
		Spot:    []eci.SpotPrice{{ZoneID: "z", InstanceType: "ecs.c6.large", Spot: ptr(0.1), Original: ptr(0.4)}}, Rules: []eci.PriceRule{{ID: "587", Description: "d"}}})
	if sum := 2*0.000049 + 4*0.00000613; got.TradePerSecond-sum > 1e-12 || sum-got.TradePerSecond > 1e-12 {
		t.Errorf("%v is not %v", got.TradePerSecond, sum)
	}
}

// TestPriceNotTold: a price that is not told, or not a number, is not 0.
func TestPriceNotTold(t *testing.T) {
	ask := func(c *eci.Client) (eci.Price, error) {
		return c.DescribeContainerGroupPrice(context.Background(), eci.PriceQuery{VCPU: 2, MemoryGiB: 4})
	}
	got := replied(t, `{"RequestId":"R","PriceInfo":{"Price":{"Currency":"CNY","TradePrice":1,"OriginalPrice":"much",
		"DetailInfos":{"DetailInfo":[{"Resource":"cpu","TradePrice":"-"}]}},"SpotPrices":{"SpotPrice":[{"ZoneId":"z","OriginPrice":null}]}}}`, ask)
	differs(t, got, eci.Price{Currency: "CNY", TradePerSecond: 1, RequestID: "R", Details: []eci.PriceDetail{{Resource: "cpu"}}, Spot: []eci.SpotPrice{{ZoneID: "z"}}})
	for _, price := range []string{`{"Currency":"CNY","TradePrice":"-"}`, `{"Currency":"CNY"}`, `{"TradePrice":1}`, `null`, `"much"`} {
		s := serve(t, func(int, url.Values) answer { return ok(`{"RequestId":"R","PriceInfo":{"Price":` + price + `}}`) })
		c, _ := client(t, s)
		if got, err := ask(c); !errors.Is(err, eci.ErrReply) {
			t.Errorf("%s: %+v, %v", price, got, err)
		}
	}
}

// TestUsageReply: what is not told is not zero, and not full.
func TestUsageReply(t *testing.T) {
	usage := replied(t, `{"RequestId":"R","Attributes":{"UsedCpu":"12.5","MaxCpu":1000,"MaxImageCacheCount":50,"UsedImageCacheCount":50,"MaxAutoImageCacheCount":50,"Odd":"many"}}`,
		func(c *eci.Client) (eci.Usage, error) { return c.ListUsage(context.Background()) })
	differs(t, usage.VCPU(), eci.Quota{Used: ptr(12.5), Max: ptr(1000.0)})
	differs(t, usage.ImageCaches(), eci.Quota{Used: ptr(50.0), Max: ptr(50.0)})
	differs(t, usage.AutomaticImageCaches(), eci.Quota{Max: ptr(50.0)})
	differs(t, usage.DataCaches(), eci.Quota{})
	if !usage.ImageCaches().Full() || usage.AutomaticImageCaches().Full() || usage.VCPU().Full() {
		t.Error("which quotas are full is wrong")
	}
}

// TestRegionsReply reads regions.
func TestRegionsReply(t *testing.T) {
	got := replied(t, `{"RequestId":"R","Regions":[{"RegionId":"cn-hangzhou","RegionEndpoint":"eci.aliyuncs.com","Zones":["a","b"]}]}`,
		func(c *eci.Client) ([]eci.Region, error) { return c.DescribeRegions(context.Background()) })
	differs(t, got, []eci.Region{{ID: "cn-hangzhou", Endpoint: "eci.aliyuncs.com", Zones: []string{"a", "b"}}})
}

// TestOne looks for one ID, and does not take another row for it.
func TestOne(t *testing.T) {
	s := serve(t, func(int, url.Values) answer {
		return ok(`{"RequestId":"R","ImageCaches":[{"ImageCacheId":"imc-2"},{"ImageCacheId":"imc-1","Status":"Ready"}],"ContainerGroups":[{"ContainerGroupId":"eci-1"}]}`)
	})
	c, _ := client(t, s)
	ctx := context.Background()
	if cache, err := c.ImageCache(ctx, "imc-1"); err != nil || cache.Status != eci.CacheReady {
		t.Errorf("%+v, %v", cache, err)
	}
	if group, err := c.ContainerGroup(ctx, "eci-1"); err != nil || group.ID != "eci-1" {
		t.Errorf("%+v, %v", group, err)
	}
	_, noCache := c.ImageCache(ctx, "imc-3")
	_, noGroup := c.ContainerGroup(ctx, "eci-3")
	for _, err := range []error{noCache, noGroup} {
		if err == nil || !cmp.Equal(isKinds(err), []error{eci.ErrNotFound}, cmp.Comparer(func(a, b error) bool { return a == b })) {
			t.Errorf("%v", err)
		}
	}
}

// TestStates: which states are what (eci §1.3, §3.1).
func TestStates(t *testing.T) {
	for state, want := range map[eci.GroupStatus][2]bool{ // ended, billed
		eci.GroupScheduling: {false, false}, eci.GroupPending: {false, true}, eci.GroupRunning: {false, true}, eci.GroupRestarting: {false, true},
		eci.GroupUpdating: {false, true}, eci.GroupTerminating: {false, true}, eci.GroupSucceeded: {true, false}, eci.GroupFailed: {true, false},
		eci.GroupExpired: {true, false}, eci.GroupScheduleFailed: {true, false}, "New": {false, true},
	} {
		if got := [2]bool{state.Ended(), state.Billed()}; got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
	for state, want := range map[eci.ImageCacheStatus][3]bool{ // usable, updatable, settled
		eci.CachePreparing: {}, eci.CacheCreating: {}, eci.CacheUpdating: {}, eci.CacheReady: {true, true, true},
		eci.CacheFailed: {false, false, true}, eci.CacheUpdateFailed: {false, true, true},
	} {
		if got := [3]bool{state.Usable(), state.Updatable(), state.Settled()}; got != want {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
}
