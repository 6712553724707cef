package eci_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// metadata stands for the metadata service of an ECS instance, at its real address
// for the SDK: its requests are led here by the proxy of http's default transport.
type metadata struct {
	// name is the key that is given; empty while the service fails.
	name atomic.Value
}

func serveMetadata(t *testing.T) *metadata {
	t.Helper()
	m := &metadata{}
	m.name.Store("")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := m.name.Load().(string)
		if name == "" || r.Method != "GET" || !strings.HasSuffix(r.URL.Path, "/the-role") {
			w.WriteHeader(503)
			return
		}
		// It expires at once, so that the SDK asks each time.
		fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"AccessKeySecret":%q,"SecurityToken":"t","Expiration":"2020-01-01T00:00:00Z"}`, name, testSecret)
	}))
	t.Cleanup(s.Close)
	here, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport)
	before := transport.Proxy
	t.Cleanup(func() { transport.Proxy = before })
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Host == "100.100.100.200" {
			return here, nil
		}
		return nil, nil
	}
	return m
}

// TestAccountStays: neither the SDK's ECS role nor the default chain with it turns to
// another account, in the middle of a call or between calls, when its provider fails.
// Until the service calls the last key expired that is used; then the provider is
// waited for.
func TestAccountStays(t *testing.T) {
	for name, from := range map[string]eci.Credentials{"role": {ECSRole: "the-role"}, "chain": {}} {
		t.Run(name, func(t *testing.T) {
			noCredentials(t)
			role := serveMetadata(t)
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, `{"AccessKeyId":"of-another-account","AccessKeySecret":"`+testSecret+`","SecurityToken":"t","Expiration":"2099-01-01T00:00:00Z"}`)
			}))
			defer other.Close()
			t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "")
			t.Setenv("ALIBABA_CLOUD_ECS_METADATA", "the-role")
			t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", other.URL)

			expired := ""
			s := serve(t, func(_ int, q url.Values) answer {
				if q.Get("AccessKeyId") == expired {
					return refusal(400, "InvalidSecurityToken.Expired")
				}
				return ok(`{"RequestId":"R","ImageCacheId":"imc-1"}`)
			})
			comesBack := false
			c, clock := client(t, s, func(c *eci.Config) {
				c.Credentials, c.Retry.Attempts = from, 5
				sleep := c.Sleep
				naps := 0
				c.Sleep = func(ctx context.Context, d time.Duration) error {
					if naps++; comesBack && naps > 6 {
						role.name.Store("key-2")
					}
					return sleep(ctx, d)
				}
			})
			create := func() (string, error) {
				_, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "n", Images: []string{"i"}})
				seen := s.seen()
				return seen[len(seen)-1].Get("AccessKeyId"), err
			}
			wants := func(when, want string) {
				t.Helper()
				if got, err := create(); err != nil || got != want {
					t.Errorf("%s: %s, %v, want %s", when, got, err, want)
				}
			}
			role.name.Store("key-1")
			wants("at first", "key-1")
			role.name.Store("")
			wants("away", "key-1")
			wants("still", "key-1")
			expired = "key-1"
			if got, err := create(); !errors.Is(err, eci.ErrCredentials) || got != "key-1" || len(clock.slept()) < 3 {
				t.Errorf("expired and away: by %s, %v after %v", got, err, clock.slept())
			}
			comesBack = true
			wants("back", "key-2")
		})
	}
}

// TestURIIsNotPrinted: the URL that gives keys is as good as a key. The SDK prints to
// the standard output, so a process of its own is needed.
func TestURIIsNotPrinted(t *testing.T) {
	if os.Getenv("ECI_TEST_URI") != "" {
		c, err := eci.New(eci.Config{RegionID: "cn-hangzhou", Retry: eci.Retry{Attempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.ListUsage(context.Background())
		fmt.Println(err)
		return
	}
	noCredentials(t)
	command := exec.Command(os.Args[0], "-test.run=^TestURIIsNotPrinted$")
	command.Env = append(os.Environ(), "ECI_TEST_URI=1", "ALIBABA_CLOUD_CREDENTIALS_URI=http://127.0.0.1:1/"+ticket)
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "cannot be reached") || strings.Contains(string(out), ticket) {
		t.Errorf("%v: %s", err, out)
	}
}
