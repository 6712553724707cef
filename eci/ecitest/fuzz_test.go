package ecitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzParameters: whatever a query holds, lists are in order, bounded and of what was
// given, and what was read is not unknown.
func FuzzParameters(f *testing.F) {
	for _, query := range []string{
		"Image.1=a&Image.3=b&Image.2=c&ImageCacheName=n", "Image.0=a&Image.x=b&Image.=c&Image=d", "Tag.1.Key=k&Tag.1.Value=v&Tag.20.Key=z", "A.1.B.1=x&A.1.B.2=y&A.2=z",
		"Image.00000000001=a", "Image.99999999999999999999=a", "Image.-1=a&Image.+1=b", "%zz=1;a=b&=&&=x", "Limit=1e3&Flag=TRUE&Number=Inf", "Image.1=<[]string Value>",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		given, err := url.ParseQuery(query)
		if err != nil {
			t.Skip()
		}
		p := parse(given)
		for _, name := range []string{"Image", "Tag", "A", "A.1.B"} {
			indices := p.elements(name, 20)
			if len(indices) > 20 || !slices.IsSorted(indices) || len(slices.Compact(slices.Clone(indices))) != len(indices) {
				t.Fatalf("%s: indices %v", name, indices)
			}
			for _, text := range p.list(name, 20) {
				if text == "" || !slices.Contains(slices.Concat(slices.Collect(valuesOf(given))...), text) {
					t.Fatalf("%s holds %q, which was not given", name, text)
				}
			}
		}
		if n := p.integer("Limit", 1, 50, 7); n < 1 || n > 50 {
			t.Fatalf("Limit %d", n)
		}
		if x := p.number("Number", 0); !(x >= 0) {
			t.Fatalf("Number %v", x)
		}
		p.flag("Flag")
		for _, name := range p.unknown() {
			if p.read[name] || given.Get(name) == "" {
				t.Fatalf("%q is unknown", name)
			}
		}
		if p.fingerprint() != parse(given).fingerprint() {
			t.Fatal("two fingerprints of one query")
		}
	})
}

func valuesOf(v url.Values) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for _, values := range v {
			if !yield(values) {
				return
			}
		}
	}
}

// FuzzCalls: whatever a signed caller sends, in whatever order, the server answers
// with JSON, and with no error of its own.
func FuzzCalls(f *testing.F) {
	for _, calls := range []string{
		"Action=CreateImageCache&ImageCacheName=a&Image.1=x:1\n60\nAction=DescribeImageCaches&MatchImage.1=x:1\n3600\nAction=ListUsage",
		"Action=CreateContainerGroup&ContainerGroupName=web&Container.1.Name=c&Container.1.Image=x:1&AutoMatchImageCache=true\n30\nAction=DescribeContainerGroups&WithEvent=true\n9\nAction=DescribeContainerGroupStatus\n1\nAction=DescribeContainerGroupEvents",
		"Action=CreateContainerGroup&ContainerGroupName=web&Container.1.Name=c&Container.1.Image=x@sha256:1&InitContainer.1.Name=i&InitContainer.1.Image=x&RestartPolicy=Never&Container.1.Command.1=sleep&Container.1.Command.2=5\n600\nAction=DescribeContainerGroups",
		"Action=CreateContainerGroup&ContainerGroupName=web&Container.1.Name=c&Container.1.Image=x&CpuArchitecture=ARM64&OsType=Windows\n9\nAction=DescribeRegions\n5\nAction=DescribeContainerGroupPrice&InstanceType=a..xlarge",
		"Action=UpdateImageCache&ImageCacheId=imc-1\nAction=DeleteImageCache&ImageCacheId=\nAction=DeleteContainerGroup&ContainerGroupId=x\nAction=DescribeContainerGroups&ContainerGroupIds=[1]&NextToken=MQ",
	} {
		f.Add(calls, true)
	}
	f.Fuzz(func(t *testing.T, calls string, lower bool) {
		lines := strings.Split(calls, "\n")
		if len(lines) > 12 {
			t.Skip()
		}
		s := NewHandler(Options{LowerCamelEvents: lower, Limits: map[string]Limit{}})
		for _, line := range lines {
			if d, err := time.ParseDuration(line + "s"); err == nil {
				s.Advance(min(max(d, 0), 100*day))
				continue
			}
			given, err := url.ParseQuery(line)
			if err != nil {
				t.Skip()
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, signedRequest(given))
			if w.Code >= http.StatusInternalServerError || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s: %d %s", line, w.Code, w.Body)
			}
			s.Leftovers()
			s.Groups()
		}
	})
}

func signedRequest(given url.Values) *http.Request {
	for name, value := range map[string]string{
		"Version": version, "AccessKeyId": TestKey().ID, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		"Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z"), "SignatureNonce": time.Now().String(),
	} {
		given.Set(name, value)
	}
	if given.Get("RegionId") == "" {
		given.Set("RegionId", "cn-hangzhou")
	}
	given.Del("Signature")
	given.Set("Signature", signature(stringToSign(http.MethodPost, given), TestKey().Secret))
	return httptest.NewRequest(http.MethodPost, "/?"+given.Encode(), nil)
}
