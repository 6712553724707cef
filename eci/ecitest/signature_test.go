package ecitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	sdk_eci "github.com/aliyun/alibaba-cloud-sdk-go/services/eci"

	"github.com/cachebench/cachebench/eci/ecitest"
)

func TestSignature(t *testing.T) {
	now := start
	s, c := serve(t, ecitest.Options{
		SignatureTime: func() time.Time { return now },
		AccessKeys: []ecitest.AccessKey{
			ecitest.TestKey(), {ID: "temporary", Secret: "sts-secret", SecurityToken: "token", Expires: start.Add(time.Hour)},
		},
	})
	stamp := now
	c.stamp = func() time.Time { return stamp }
	// changed calls with signed parameters that are changed afterwards.
	changed := func(change func(url.Values)) *reply {
		v := c.parameters("DescribeRegions")
		change(v)
		r, err := c.send(v)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	signed := func(change func(url.Values)) *reply {
		return changed(func(v url.Values) {
			v.Del("Signature")
			change(v)
			v.Set("Signature", sign(c.method, v, c.key.Secret))
		})
	}

	t.Run("accepted", func(t *testing.T) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			c.method = method
			c.do("DescribeRegions", "Odd", "a b+c*d~e/f&g=h%i ü ' \"")
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		response, err := http.Post(s.URL+"/?"+c.parameters("DescribeRegions").Encode()+"&Odd=%zz", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if data, _ := io.ReadAll(response.Body); !json.Valid(data) || !strings.Contains(string(data), "cannot be read") || response.StatusCode != http.StatusBadRequest {
			t.Errorf("got %d %s, want a refusal in JSON", response.StatusCode, data)
		}
	})
	for _, test := range []struct {
		name   string
		answer func() *reply
		status int
		code   string
	}{
		{"changed afterwards", func() *reply { return changed(func(v url.Values) { v.Set("RegionId", "cn-beijing") }) }, 400, "SignatureDoesNotMatch"},
		{"no signature", func() *reply { return changed(func(v url.Values) { v.Del("Signature") }) }, 400, "MissingParameter"},
		{"no nonce", func() *reply { return signed(func(v url.Values) { v.Del("SignatureNonce") }) }, 400, "MissingParameter"},
		{"another method of signing", func() *reply { return signed(func(v url.Values) { v.Set("SignatureMethod", "HMAC-SHA256") }) }, 400, "InvalidParameter"},
		{"another version", func() *reply { return signed(func(v url.Values) { v.Set("Version", "2014-05-26") }) }, 400, "InvalidVersion"},
		{"another action", func() *reply { return signed(func(v url.Values) { v.Set("Action", "RunInstances") }) }, 404, "InvalidAction.NotFound"},
		{"an unknown key", func() *reply { return signed(func(v url.Values) { v.Set("AccessKeyId", "other") }) }, 404, "InvalidAccessKeyId.NotFound"},
		{"a token that the key does not have", func() *reply { return signed(func(v url.Values) { v.Set("SecurityToken", "x") }) }, 400, "InvalidSecurityToken.MismatchWithAccessKey"},
		{"a time that is none", func() *reply { return signed(func(v url.Values) { v.Set("Timestamp", "yesterday") }) }, 400, "InvalidTimeStamp.Expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := test.answer()
			if r.status != test.status || r.code() != test.code {
				t.Errorf("got %d %s, want %d %s", r.status, r.raw, test.status, test.code)
			}
			if r.text("RequestId") == "" || r.text("HostId") == "" || r.text("Message") == "" || r.text("Recommend") == "" {
				t.Errorf("the error %s lacks a part of eci §2.1", r.raw)
			}
			if strings.Contains(string(r.raw), c.key.Secret) {
				t.Error("the answer has the secret")
			}
		})
	}
	t.Run("a nonce is used once", func(t *testing.T) {
		v := c.parameters("DescribeRegions")
		for i, want := range []string{"", "SignatureNonceUsed", "SignatureNonceUsed"} {
			if r, err := c.send(v); err != nil || r.code() != want {
				t.Fatalf("use %d: %v %v, want %q", i+1, r, err, want)
			}
			now = now.Add(5 * time.Minute) // still within the 15 minutes of the Timestamp
		}
		now = start
	})
	t.Run("a nonce stamped ahead is remembered as long as its time is accepted", func(t *testing.T) {
		stamp = start.Add(15 * time.Minute)
		v := c.parameters("DescribeRegions")
		for _, want := range []string{"", "SignatureNonceUsed"} {
			if r, err := c.send(v); err != nil || r.code() != want {
				t.Errorf("after %v: %v %v, want %q", now.Sub(start), r, err, want)
			}
			for range 3 {
				now = now.Add(9 * time.Minute)
				stamp = now
				c.do("DescribeRegions")
			}
		}
		now, stamp = start, start
	})
	t.Run("timestamps within 15 minutes", func(t *testing.T) {
		defer func() { stamp = start }()
		for off, want := range map[time.Duration]string{
			-15 * time.Minute: "", 15 * time.Minute: "", -15*time.Minute - time.Second: "InvalidTimeStamp.Expired", 15*time.Minute + time.Second: "InvalidTimeStamp.Expired",
		} {
			stamp = start.Add(off)
			if r := c.try("DescribeRegions"); r.code() != want {
				t.Errorf("off by %v: %s, want %q", off, r.raw, want)
			}
		}
	})
	t.Run("clock skew of the server", func(t *testing.T) {
		s.AddFaults(ecitest.Faults{ClockSkew: -20 * time.Minute})
		defer s.ClearFaults()
		c.refused(400, "InvalidTimeStamp.Expired", "DescribeRegions")
		response, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if date, err := http.ParseTime(response.Header.Get("Date")); err != nil || !date.Equal(start.Add(-20*time.Minute)) {
			t.Errorf("Date is %v, %v: want the server's time, for a client to see the skew", date, err)
		}
	})
	t.Run("temporary key", func(t *testing.T) {
		temporary := *c
		temporary.t, temporary.key = t, ecitest.AccessKey{ID: "temporary", Secret: "sts-secret"}
		temporary.refused(400, "MissingSecurityToken", "DescribeRegions")
		temporary.key.SecurityToken = "token"
		temporary.do("DescribeRegions")
		now = start.Add(time.Hour)
		stamp = now
		temporary.refused(400, "InvalidSecurityToken.Expired", "DescribeRegions")
		c.do("DescribeRegions")
	})
}

// TestFormBody: parameters may come in the form of a POST, as clients of the newer
// generation and the Terraform provider send them; the signature covers them.
func TestFormBody(t *testing.T) {
	s, c := serve(t, ecitest.Options{Strict: true})
	v := c.parameters("CreateContainerGroup", groupParameters("web", []string{"nginx:1.27"})...)
	query, form := url.Values{}, url.Values{}
	for name, values := range v {
		if strings.HasPrefix(name, "Container") {
			form[name] = values
		} else {
			query[name] = values
		}
	}
	response, err := http.PostForm(s.URL+"/?"+query.Encode(), form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct{ ContainerGroupId, Code string }
	data, _ := io.ReadAll(response.Body)
	if err := json.Unmarshal(data, &body); err != nil || !strings.HasPrefix(body.ContainerGroupId, "eci-") {
		t.Errorf("got %s, %v", data, err)
	}
}

// TestCommandLine: the aliyun command line sends each parameter of its metadata by
// itself, in the query, by GET or POST (eci §2.1, S26).
func TestCommandLine(t *testing.T) {
	s, c := serve(t, ecitest.Options{Strict: true})
	c.method = http.MethodGet
	id := c.createCache("cli", []string{"nginx:1.27"},
		"ZoneId", "cn-hangzhou-b", "ImageCacheSize", "30", "RetentionDays", "3", "AutoMatchImageCache", "true", "Flash", "true", "FlashCopyCount", "2",
		"StandardCopyCount", "2", "EliminationStrategy", "LRU", "ImageRegistryCredential.1.Server", "registry.example", "ImageRegistryCredential.1.UserName", "u",
		"ImageRegistryCredential.1.Password", "p", "AcrRegistryInfo.1.InstanceId", "cri-1", "AcrRegistryInfo.1.InstanceName", "n", "AcrRegistryInfo.1.RegionId", "cn-hangzhou",
		"AcrRegistryInfo.1.Domain.1", "a.example", "AcrRegistryInfo.1.Domain.2", "b.example", "AcrRegistryInfo.1.ArnService", "acs:ram::1:role/s", "AcrRegistryInfo.1.ArnUser",
		"acs:ram::1:role/u", "EipInstanceId", "eip-1", "ResourceGroupId", "rg-1", "Tag.1.Key", "k", "Tag.1.Value", "v", "PlainHttpRegistry", "a.example", "InsecureRegistry",
		"b.example", "OsType", "Linux", "Annotations", "{}", "ClientToken", "cli-1", "OwnerId", "1", "OwnerAccount", "a", "ResourceOwnerId", "1", "ResourceOwnerAccount", "a")
	s.Advance(time.Hour)
	r := c.do("DescribeImageCaches", "ImageCacheId", id, "ImageCacheName", "cli", "Image", "nginx", "ResourceGroupId", "rg-1", "Tag.1.Key", "k", "Tag.1.Value", "v",
		"MatchImage.1", "nginx:1.27", "ImageFullMatch", "true", "ImageMatchCountRequest", "1", "Limit", "20")
	for path, want := range map[string]string{
		"ImageCacheId": id, "ImageCacheSize": "30", "EliminationStrategy": "LRU", "ResourceGroupId": "rg-1", "Tags.0.Key": "k", "Tags.0.Value": "v", "RegionId": "cn-hangzhou",
		"ExpireDateTime": "2026-03-04T00:00:00Z", "CreationTime": "2026-03-01T00:00:00Z", "LastMatchedTime": "", "FlashSnapshotId": "", "Status": "Ready",
	} {
		if got := r.text("ImageCaches.0." + path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	c.do("UpdateImageCache", "ImageCacheId", id, "ImageCacheName", "cli2", "Image.1", "redis:7", "ImageCacheSize", "40", "Flash", "true", "ClientToken", "cli-2",
		"AcrRegistryInfo.1.InstanceId", "cri-1", "SecurityGroupId", "sg-1", "VSwitchId", "vsw-1")
	c.refused(400, "InvalidParameter", "UpdateImageCache", "ImageCacheId", id, "ZoneId", "cn-hangzhou-b") // eci §2.3: it has none
	c.refused(400, "InvalidParameter", "DescribeImageCaches", "ImageId", "misspelt")
	s.Advance(time.Hour)
	c.do("DeleteImageCache", "ImageCacheId", id, "ClientToken", "cli-3")
}

// TestCommandLineGroups: so it does of a container group, and of what its shape costs and
// the account has used (eci §2.6, §2.7).
func TestCommandLineGroups(t *testing.T) {
	s, c := serve(t, ecitest.Options{Strict: true})
	c.method = http.MethodGet
	cache := c.createCache("cli", []string{"nginx:1.27"})
	s.Advance(time.Hour)
	id := c.createGroup("cli", []string{"nginx:1.27", "redis:7"},
		"ZoneId", "cn-hangzhou-i", "SecurityGroupId", "sg-1", "VSwitchId", "vsw-1,vsw-2", "Cpu", "2.0", "Memory", "4.0", "AutoMatchImageCache", "true",
		"ImageSnapshotId", cache, "EphemeralStorage", "20", "ImageAccelerateMode", "imc", "ScheduleStrategy", "VSwitchOrdered", "RestartPolicy", "Never",
		"ActiveDeadlineSeconds", "3600", "TerminationGracePeriodSeconds", "30", "SpotStrategy", "SpotWithPriceLimit", "SpotPriceLimit", "0.5", "SpotDuration", "1",
		"StrictSpot", "true", "AutoCreateEip", "true", "EipBandwidth", "5", "ComputeCategory.1", "economy", "CpuArchitecture", "AMD64", "OsType", "Linux",
		"MaxPendingMinute", "10", "HostName", "host", "DataCacheBucket", "default", "DataCachePL", "PL1", "FixedIp", "true", "FixedIpRetainHour", "24",
		"Container.1.ImagePullPolicy", "IfNotPresent", "Container.1.Cpu", "1.0", "Container.1.Memory", "2.0", "Container.1.Command.1", "sleep", "Container.1.Arg.1", "60",
		"Container.1.EnvironmentVar.1.Key", "K", "Container.1.EnvironmentVar.1.Value", "v", "Container.1.Port.1.Port", "80", "Container.1.Port.1.Protocol", "TCP",
		"InitContainer.1.Name", "init", "InitContainer.1.Image", "redis:7", "InitContainer.1.Command.1", "true",
		"ImageRegistryCredential.1.Server", "registry.example", "ImageRegistryCredential.1.UserName", "u", "ImageRegistryCredential.1.Password", "p",
		"AcrRegistryInfo.1.InstanceId", "cri-1", "AcrRegistryInfo.1.Domain.1", "a.example", "PlainHttpRegistry", "a.example", "InsecureRegistry", "b.example",
		"Tag.1.Key", "k", "Tag.1.Value", "v", "ResourceGroupId", "rg-1", "RamRoleName", "role", "ClientToken", "cli-1", "OwnerId", "1", "OwnerAccount", "a",
		"ResourceOwnerId", "1", "ResourceOwnerAccount", "a")
	g := c.group(id)
	for path, want := range map[string]string{
		"ContainerGroupId": id, "ContainerGroupName": "cli", "ZoneId": "cn-hangzhou-i", "SecurityGroupId": "sg-1", "VSwitchId": "vsw-1", "Cpu": "2", "Memory": "4",
		"EphemeralStorage": "20", "RestartPolicy": "Never", "SpotStrategy": "SpotWithPriceLimit", "ResourceGroupId": "rg-1", "Tags.0.Key": "k", "Tags.0.Value": "v",
		"Containers.0.Image": "nginx:1.27", "Containers.0.Commands.0": "sleep", "Containers.0.Args.0": "60", "Containers.0.EnvironmentVars.0.Key": "K",
		"Containers.0.Ports.0.Port": "80", "Containers.1.Image": "redis:7", "InitContainers.0.Name": "init",
	} {
		if got := g.text(path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	c.refused(400, "InvalidParameter", "CreateContainerGroup", append(groupParameters("cli", []string{"nginx:1.27"}), "ImageCacheId", cache)...) // ImageSnapshotId

	// 2 vCPU and 4 GiB are the published example (eci §2.7); the type's are the same.
	for _, shape := range [][]string{{"Cpu", "2.0", "Memory", "4.0"}, {"InstanceType", "ecs.c6.large"}} {
		price := c.do("DescribeContainerGroupPrice", append(shape, "ZoneId", "cn-hangzhou-i", "SpotStrategy", "SpotWithPriceLimit", "SpotPriceLimit", "0.5",
			"SpotDuration", "1", "ComputeCategory", "economy", "OwnerId", "1")...)
		if got, _ := at(price.body, "PriceInfo.Price.TradePrice").(float64); got < 0.0001225 || got > 0.0001226 || len(price.list("PriceInfo.SpotPrices.SpotPrice")) != 1 {
			t.Errorf("%v: %s, want 0.00012252 a second and a price of spot instances", shape, price.raw)
		}
	}
	c.refused(400, "InvalidParameter", "DescribeContainerGroupPrice", "Cpu", "2", "Memory", "4", "OsType", "Linux")
	for path, want := range map[string]string{"UsedCpu": "2", "UsedImageCacheCount": "1", "UsedAutoImageCacheCount": "0"} {
		if usage := c.do("ListUsage", "OwnerId", "1"); usage.text("Attributes."+path) != want {
			t.Errorf("%s: want %s of %s", usage.raw, want, path)
		}
	}
	c.do("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true", "ClientToken", "cli-2")
	if got := c.do("ListUsage").text("Attributes.UsedCpu"); got != "0" {
		t.Errorf("%s vCPU are used of none", got)
	}
}

// TestTerraform: the provider creates through the SDK's type, then asks every 10 s
// until the cache is Ready, takes only Preparing and Creating meanwhile and gives up
// after 60 minutes (eci §1.3, S40).
func TestTerraform(t *testing.T) {
	s, _ := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, 10*time.Second), Profile: plainProfile(), Inventory: inventory(t, fleet...), Strict: true})
	provider := sdkClient(t, s, ecitest.TestKey().Secret)
	create := sdk_eci.CreateCreateImageCacheRequest()
	create.ImageCacheName, create.Image, create.SecurityGroupId, create.VSwitchId = "terraform", []string{"web:1"}, "sg-1", "vsw-1"
	create.ImageCacheSize, create.RetentionDays = requests.NewInteger(20), requests.NewInteger(7)
	create.ResourceGroupId, create.ZoneId, create.EipInstanceId = "rg", "cn-hangzhou-b", "eip-1"
	create.ImageRegistryCredential = &[]sdk_eci.CreateImageCacheImageRegistryCredential{{Server: "r.example", UserName: "u", Password: "p"}}
	created, err := provider.CreateImageCache(create)
	if err != nil {
		t.Fatal(err)
	}
	describe := sdk_eci.CreateDescribeImageCachesRequest()
	describe.ImageCacheId = created.ImageCacheId
	polls, status := 0, ""
	for status != "Ready" {
		polls++
		caches, err := provider.DescribeImageCaches(describe)
		if err != nil || len(caches.ImageCaches) != 1 {
			t.Fatalf("poll %d: %v, %v", polls, caches, err)
		}
		if status = caches.ImageCaches[0].Status; status != "Preparing" && status != "Creating" && status != "Ready" || polls > 360 {
			t.Fatalf("poll %d: %s", polls, status)
		}
	}
	// 10 s for the helper, 10 s for 100 MB, 100 s for the snapshot; a poll is 10 s.
	if polls != 12 || s.Now().Sub(start) != 130*time.Second {
		t.Errorf("Ready at poll %d, %v after the start, want poll 12, 130 s", polls, s.Now().Sub(start))
	}
	drop := sdk_eci.CreateDeleteImageCacheRequest()
	drop.ImageCacheId = created.ImageCacheId
	if _, err := provider.DeleteImageCache(drop); err != nil || len(s.Leftovers()) > 0 {
		t.Errorf("deleted with %v, left: %q", err, s.Leftovers())
	}
}
