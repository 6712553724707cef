package ecitest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

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

// TestTerraform: the provider creates through the SDK's type, then asks every 10 s
// until the cache is Ready, takes only Preparing and Creating meanwhile and gives up
// after 60 minutes (eci §1.3, S40).
func TestTerraform(t *testing.T) {
	s, c := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, 10*time.Second), Profile: plainProfile(), Inventory: inventory(t, fleet...), Strict: true})
	id := c.createCache("terraform", []string{"web:1"}, "ImageCacheSize", "20", "RetentionDays", "7", "ResourceGroupId", "rg", "ZoneId", "cn-hangzhou-b",
		"ImageRegistryCredential.1.Server", "r.example", "ImageRegistryCredential.1.UserName", "u", "ImageRegistryCredential.1.Password", "p")
	polls, status := 0, ""
	for status != "Ready" {
		polls++
		if status = c.cache(id).text("Status"); status != "Preparing" && status != "Creating" && status != "Ready" || polls > 360 {
			t.Fatalf("poll %d: %s", polls, status)
		}
	}
	// 10 s for the helper, 10 s for 100 MB, 100 s for the snapshot; a poll is 10 s.
	if polls != 12 || s.Now().Sub(start) != 130*time.Second {
		t.Errorf("Ready at poll %d, %v after the start, want poll 12, 130 s", polls, s.Now().Sub(start))
	}
	c.do("DeleteImageCache", "ImageCacheId", id)
}
