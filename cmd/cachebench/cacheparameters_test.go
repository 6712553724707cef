package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sentTo is a server that takes every call and keeps the parameters of those of one
// action, but for what every call has.
func sentTo(t *testing.T, action, reply string) (server *httptest.Server, sent *map[string]string) {
	sent = new(map[string]string)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		if r.Form.Get("Action") != action {
			w.Write([]byte(reply))
			return
		}
		*sent = make(map[string]string)
		for key, values := range r.Form {
			switch key {
			case "Action", "Version", "Format", "AccessKeyId", "Timestamp", "SignatureMethod", "SignatureVersion", "SignatureType", "SignatureNonce", "Signature":
			default:
				(*sent)[key] = strings.Join(values, "|")
			}
		}
		w.Write([]byte(`{"RequestId": "1", "ImageCacheId": "imc-1", "ContainerGroupId": "eci-1"}`))
	}))
	t.Cleanup(server.Close)
	t.Setenv(endpointVariable, server.URL)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("LOGIN", "user:pass:word")
	return server, sent
}

const noCaches = `{"RequestId": "1", "TotalCount": 0, "NextToken": "", "ImageCaches": [], "Attributes": {}, "Regions": []}`

// everyParameter are those of CreateImageCache (eci §2.2) but for Annotations, which is
// not for public use.
var everyParameter = map[string]string{
	"RegionId": "cn-beijing", "ZoneId": "cn-beijing-k", "SecurityGroupId": "sg-1", "VSwitchId": "vsw-1,vsw-2", "ImageCacheName": "web",
	"Image.1": "nginx:1.27", "Image.2": "redis:7", "ImageCacheSize": "40", "RetentionDays": "30", "AutoMatchImageCache": "true", "Flash": "true",
	"FlashCopyCount": "3", "StandardCopyCount": "2", "EliminationStrategy": "LRU",
	"ImageRegistryCredential.1.Server": "a.example.com", "ImageRegistryCredential.1.UserName": "user", "ImageRegistryCredential.1.Password": "pass:word",
	"AcrRegistryInfo.1.InstanceId": "cri-1", "AcrRegistryInfo.1.InstanceName": "shop", "AcrRegistryInfo.1.RegionId": "cn-hangzhou",
	"AcrRegistryInfo.1.Domain.1": "b.example.com", "AcrRegistryInfo.1.Domain.2": "c.example.com",
	"AcrRegistryInfo.1.ArnService": "acs:ram::1:role/s", "AcrRegistryInfo.1.ArnUser": "acs:ram::2:role/u",
	"EipInstanceId": "eip-1", "ResourceGroupId": "rg-1", "Tag.1.Key": "team", "Tag.1.Value": "shop",
	"PlainHttpRegistry": "d.example.com,e.example.com", "InsecureRegistry": "f.example.com", "OsType": "Linux", "ClientToken": "token-1",
}

var everyFlag = []string{
	"--region", "cn-beijing", "--size-gib", "40", "--retention-days", "30", "--reuse", "--flash", "--flash-copies", "3", "--standard-copies", "2",
	"--elimination", "LRU", "--registry-login", "a.example.com=env:LOGIN", "--eip", "eip-1", "--resource-group", "rg-1", "--tag", "team=shop",
	"--acr", "instanceId=cri-1,instanceName=shop,regionId=cn-hangzhou,domain=b.example.com,domain=c.example.com,arnService=acs:ram::1:role/s,arnUser=acs:ram::2:role/u",
	"--security-group", "sg-1", "--vswitch", "vsw-1,vsw-2", "--client-token", "token-1",
}

const everyKey = `apiVersion: cachebench/v1
kind: CacheSet
region: cn-beijing
defaults:
  zoneId: cn-beijing-k
  securityGroupId: sg-1
  vSwitchIds: [vsw-1, vsw-2]
  eipInstanceId: another-eip
  acr:
    - instanceId: cri-1
      instanceName: shop
      regionId: cn-hangzhou
      domains: [b.example.com, c.example.com]
      arnService: acs:ram::1:role/s
      arnUser: acs:ram::2:role/u
  registryLogins: [{server: a.example.com, from: "env:LOGIN"}]
  plainHTTPRegistries: [d.example.com, e.example.com]
caches:
  - name: web
    images: [nginx:1.27, redis:7]
    sizeGiB: 40
    retentionDays: 30
    autoMatchImageCache: true
    flash: true
    flashCopyCount: 3
    standardCopyCount: 2
    eliminationStrategy: LRU
    eipInstanceId: eip-1
    resourceGroupId: rg-1
    tags: {team: shop}
    insecureRegistries: [f.example.com]
    osType: Linux
`

// TestEveryParameter: every parameter of a creation can be given on the command line and
// in a file, and is then sent as it was given.
func TestEveryParameter(t *testing.T) {
	_, sent := sentTo(t, "CreateImageCache", noCaches)
	for _, variable := range []string{"CACHEBENCH_REGION", "ALIBABA_CLOUD_REGION_ID", "ALIBABA_CLOUD_REGION"} {
		t.Setenv(variable, "") // the file's region counts
	}
	file := filepath.Join(t.TempDir(), "set.yaml")
	if err := os.WriteFile(file, []byte(everyKey), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := append([]string{"cache", "create", "nginx:1.27", "redis:7", "--name", "web", "--no-size-check", "-q"}, everyFlag...)
	flags = append(flags, "--zone", "cn-beijing-k", "--plain-http-registry", "d.example.com,e.example.com", "--insecure-registry", "f.example.com", "--os-type", "Linux")
	for name, args := range map[string][]string{
		"flags": flags,
		"file":  {"cache", "create", "-f", file, "--no-size-check", "-q", "--client-token", "token-1"},
	} {
		var out, errOut bytes.Buffer
		if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != exitDone {
			t.Errorf("%s: exit code %d: %s", name, code, errOut.String())
		}
		if diff := cmp.Diff(everyParameter, *sent); diff != "" {
			t.Errorf("%s: wanted, sent: %s", name, diff)
		}
		if strings.Contains(out.String()+errOut.String(), "pass:word") {
			t.Errorf("%s: the password is shown", name)
		}
	}
}

// TestEveryUpdateParameter: so can those of an update (eci §2.3), which has less.
func TestEveryUpdateParameter(t *testing.T) {
	cache := strings.Replace(noCaches, "[]", `[{"ImageCacheId": "imc-1", "ImageCacheName": "old", "Images": ["nginx:1"], "ImageCacheSize": 20, "Status": "Ready"}]`, 1)
	_, sent := sentTo(t, "UpdateImageCache", cache)
	args := append([]string{"cache", "update", "imc-1", "--name", "web", "--image", "nginx:1.27", "--image", "redis:7", "--no-size-check", "-q"}, everyFlag...)
	for i, arg := range args {
		args[i] = strings.TrimSuffix(arg, ",arnService=acs:ram::1:role/s,arnUser=acs:ram::2:role/u")
	}
	var out, errOut bytes.Buffer
	if code := run(context.Background(), args, strings.NewReader(""), &out, &errOut); code != exitDone {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
	want := map[string]string{"ImageCacheId": "imc-1"}
	for key, value := range everyParameter {
		switch key {
		case "ZoneId", "PlainHttpRegistry", "InsecureRegistry", "OsType", "AcrRegistryInfo.1.ArnService", "AcrRegistryInfo.1.ArnUser":
		default:
			want[key] = value
		}
	}
	if diff := cmp.Diff(want, *sent); diff != "" {
		t.Error("wanted, sent:", diff)
	}
}
