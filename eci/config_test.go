package eci_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// noCredentials hides those of whoever runs the test, and gives an empty home.
func noCredentials(t *testing.T) string {
	t.Helper()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "ALIBABA_CLOUD_") || strings.HasPrefix(name, "ALICLOUD_") || name == "CACHEBENCH_REGION" {
			t.Setenv(name, "")
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	return home
}

// asked is the request that a client sends to see usage.
func asked(t *testing.T, config eci.Config) (*http.Request, error) {
	t.Helper()
	var sent *http.Request
	config.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"RequestId":"R"}`)), Request: r}, nil
	})
	c, err := eci.New(config)
	if err != nil {
		return nil, err
	}
	_, err = c.ListUsage(context.Background())
	return sent, err
}

// TestEndpoint: HTTPS to the region's own, unless said otherwise.
func TestEndpoint(t *testing.T) {
	key := eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret}}
	for given, want := range map[string]string{
		"":                       "https://eci.cn-beijing.aliyuncs.com",
		"eci-vpc.example.com":    "https://eci-vpc.example.com",
		"127.0.0.1:8443":         "https://127.0.0.1:8443",
		"http://127.0.0.1:8080/": "http://127.0.0.1:8080",
		"HTTPS://[::1]:1":        "https://[::1]:1",
	} {
		r, err := asked(t, eci.Config{RegionID: "cn-beijing", Endpoint: given, Credentials: key})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.URL.Scheme + "://" + r.URL.Host; got != want || r.URL.Query().Get("RegionId") != "cn-beijing" {
			t.Errorf("%q goes to %s as %s, want %s", given, got, r.URL.Query().Get("RegionId"), want)
		}
	}
}

// TestPlainHTTP: without TLS only to this machine, unless it is asked for.
func TestPlainHTTP(t *testing.T) {
	for endpoint, here := range map[string]bool{
		"http://127.0.0.1:1": true, "http://localhost:8080": true, "http://[::1]": true, "http://127.9.9.9": true,
		"http://eci.example.com": false, "HTTP://10.0.0.1": false, "http://localhost.example.com": false, "https://10.0.0.1": true,
	} {
		for _, allowed := range []bool{false, true} {
			_, err := eci.New(eci.Config{RegionID: "cn-hangzhou", Endpoint: endpoint, PlainHTTP: allowed})
			if good := here || allowed; good && err != nil || !good && !errors.Is(err, eci.ErrInvalid) {
				t.Errorf("%s, allowed %t: %v", endpoint, allowed, err)
			}
		}
	}
}

// TestRegion: given, or by the environment, the program's own variable first.
func TestRegion(t *testing.T) {
	noCredentials(t)
	if _, err := eci.New(eci.Config{}); !errors.Is(err, eci.ErrNoRegion) || !strings.Contains(err.Error(), "CACHEBENCH_REGION") {
		t.Errorf("without any: %v", err)
	}
	for _, step := range []struct{ variable, region string }{
		{"ALIBABA_CLOUD_REGION", "us-east-1"}, {"ALIBABA_CLOUD_REGION_ID", "cn-shanghai"}, {"CACHEBENCH_REGION", "eu-central-1"},
	} {
		t.Setenv(step.variable, step.region)
		c, err := eci.New(eci.Config{})
		if err != nil || c.RegionID() != step.region || c.Endpoint() != "https://eci."+step.region+".aliyuncs.com" {
			t.Errorf("%s: %v, %v", step.variable, c, err)
		}
	}
	if c, err := eci.New(eci.Config{RegionID: "cn-beijing"}); err != nil || c.RegionID() != "cn-beijing" {
		t.Errorf("%v, %v", c, err)
	}
	for _, bad := range []string{"cn hangzhou", "x.example.com/", "CN", "-a"} {
		if _, err := eci.New(eci.Config{RegionID: bad}); !errors.Is(err, eci.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestCredentialsChain: where the SDK's chain finds them, and what is said where it
// finds none.
func TestCredentialsChain(t *testing.T) {
	home := noCredentials(t)
	config := eci.Config{RegionID: "cn-beijing", Retry: eci.Retry{Attempts: 1}}
	if _, err := asked(t, config); !errors.Is(err, eci.ErrCredentials) || !strings.Contains(err.Error(), "ALIBABA_CLOUD_ACCESS_KEY_ID") {
		t.Errorf("without any: %v", err)
	}
	write := func(name, content string) {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	id := func(where string, config eci.Config) string {
		r, err := asked(t, config)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		return r.URL.Query().Get("AccessKeyId") + " " + r.URL.Query().Get("SecurityToken")
	}
	uri := serve(t, nil)
	uri.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"AccessKeyId":"by-uri","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2099-01-01T00:00:00Z"}`)
	})
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri.URL)
	if got := id("URI", config); got != "by-uri t" {
		t.Errorf("URI: %s", got)
	}
	write(".alibabacloud/credentials", "[default]\ntype = access_key\naccess_key_id = by-ini\naccess_key_secret = s\n")
	if got := id("ini", config); got != "by-ini " {
		t.Errorf("ini: %s", got)
	}
	write(".aliyun/config.json", `{"current":"one","profiles":[{"name":"one","mode":"AK","access_key_id":"by-cli","access_key_secret":"s","region_id":"eu-west-1"},
		{"name":"two","mode":"StsToken","access_key_id":"by-two","access_key_secret":"s","sts_token":"t"}]}`)
	if got := id("profile", config); got != "by-cli " {
		t.Errorf("profile: %s", got)
	}
	named := config
	named.Credentials.Profile = "two"
	if got := id("named profile", named); got != "by-two t" {
		t.Errorf("named profile: %s", got)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "by-environment")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s")
	if got := id("environment", config); got != "by-environment " {
		t.Errorf("environment: %s", got)
	}
}

// TestCredentialsAreRenewed: temporary keys about to expire are asked for again.
func TestCredentialsAreRenewed(t *testing.T) {
	noCredentials(t)
	given := 0
	uri := serve(t, nil)
	uri.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		given++
		expiry := "2020-01-01T00:00:00Z"
		if given > 1 {
			expiry = "2099-01-01T00:00:00Z"
		}
		io.WriteString(w, `{"AccessKeyId":"`+testID+`","AccessKeySecret":"`+testSecret+`","SecurityToken":"t","Expiration":"`+expiry+`"}`)
	})
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri.URL)
	s := serve(t, func(int, url.Values) answer { return ok(`{"RequestId":"R"}`) })
	c, _ := client(t, s, func(c *eci.Config) { c.Credentials = eci.Credentials{} })
	for range 4 {
		if _, err := c.ListUsage(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if given != 2 {
		t.Errorf("keys were asked for %d times", given)
	}
}

// TestBrokenProvider: an answer that is no key is an error that says so.
func TestBrokenProvider(t *testing.T) {
	noCredentials(t)
	metadata := serve(t, nil)
	metadata.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", metadata.URL)
	if _, err := asked(t, eci.Config{RegionID: "cn-beijing", Retry: eci.Retry{Attempts: 1}}); !errors.Is(err, eci.ErrCredentials) || !strings.Contains(err.Error(), "HTTP 500") {
		t.Error(err)
	}
}

// TestOneKindOfCredentials: two are not guessed between, and what cannot do is refused
// before any call.
func TestOneKindOfCredentials(t *testing.T) {
	key := eci.AccessKey{ID: testID, Secret: testSecret}
	for _, given := range []eci.Credentials{
		{AccessKey: key, Profile: "p"}, {ECSRole: "r", Profile: "p"}, {AccessKey: eci.AccessKey{ID: testID}}, {Role: &eci.Role{ARN: "a"}},
		{AccessKey: key, Role: &eci.Role{}}, {AccessKey: key, Role: &eci.Role{ARN: "a", Duration: time.Minute}},
		{AccessKey: key, Role: &eci.Role{ARN: "a", Duration: time.Hour + 1}},
	} {
		if _, err := eci.New(eci.Config{RegionID: "cn-beijing", Credentials: given}); !errors.Is(err, eci.ErrCredentials) {
			t.Errorf("%+v: %v", given, err)
		}
	}
}

// TestProxy: the environment's proxy is asked, but not for this machine. The
// standard library reads the environment once, so a process of its own is needed.
func TestProxy(t *testing.T) {
	if os.Getenv("ECI_TEST_ENDPOINT") != "" {
		c, err := eci.New(eci.Config{
			RegionID: "cn-hangzhou", Endpoint: os.Getenv("ECI_TEST_ENDPOINT"), PlainHTTP: true, Retry: eci.Retry{Attempts: 1},
			Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.ListUsage(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	answering := func(int, url.Values) answer { return ok(`{"RequestId":"R"}`) }
	proxy, direct := serve(t, answering), serve(t, answering)
	for endpoint, want := range map[string]*server{direct.URL: direct, "http://eci.invalid": proxy} {
		before := len(want.seen())
		command := exec.Command(os.Args[0], "-test.run=^TestProxy$")
		command.Env = append(os.Environ(), "ECI_TEST_ENDPOINT="+endpoint, "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", endpoint, err, out)
		}
		if len(want.seen()) != before+1 {
			t.Errorf("a request to %s did not arrive where it should", endpoint)
		}
	}
}
