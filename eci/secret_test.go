package eci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/eci"
)

const (
	password = "pass&word +1"
	// ticket is a secret that only the query of a URL gives away.
	ticket = "one-time-ticket"
)

// spellings are the forms in which a secret could come out.
func spellings(secret string) []string {
	once := url.QueryEscape(secret)
	return []string{secret, once, url.QueryEscape(once), strings.ReplaceAll(once, "+", "%20"), percent(secret), percent(percent(secret))}
}

func leaks(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, testID, testSecret, testToken, password, ticket) {
		for _, spelling := range spellings(secret) {
			if strings.Contains(text, spelling) {
				t.Errorf("%s shows %q: %s", where, secret, text)
			}
		}
	}
	for _, part := range []string{"Signature=", "AccessKeyId", "ImageRegistryCredential", "Post "} {
		if strings.Contains(text, part) {
			t.Errorf("%s shows %s of a signed request: %s", where, part, text)
		}
	}
}

// rendered is every way that a value may be printed or kept.
func rendered(v any) string {
	text := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q\n%x\n", v, v, v, v, v, v)
	if marshalled, err := json.Marshal(v); err == nil {
		text += string(marshalled) + "\n"
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	for err, is := v.(error); is && err != nil; err = errors.Unwrap(err) {
		text += err.Error()
	}
	return text + log.String()
}

// TestRequestsAreMasked: specs may be printed, logged and journalled.
func TestRequestsAreMasked(t *testing.T) {
	logins := []eci.RegistryCredential{{Server: "r", UserName: "u", Password: password}}
	hidden := []any{
		eci.Secret(password), eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: testToken},
		eci.Config{Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: testToken}}},
		eci.ImageCacheSpec{RegistryCredentials: logins}, &eci.ImageCacheUpdate{RegistryCredentials: logins},
		eci.ContainerGroupSpec{RegistryCredentials: logins, Containers: []eci.Container{{Environment: []eci.Environment{{Name: "A", Value: password}}}}},
	}
	c, _ := client(t, serve(t, nil))
	for _, v := range append(hidden, c, struct{ C *eci.Client }{c}, struct{ c *eci.Client }{c}) {
		leaks(t, fmt.Sprintf("%T", v), rendered(v), hexOf(password), hexOf(testSecret))
	}
	var back eci.ImageCacheSpec
	text, err := json.Marshal(hidden[3])
	if err != nil || !strings.Contains(string(text), `"password":"***"`) {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal(text, &back); err == nil {
		t.Error("a masked password was read back as a password")
	}
	if err := json.Unmarshal([]byte(`{"registryCredentials":[{"password":"x y"}]}`), &back); err != nil || back.RegistryCredentials[0].Password != "x y" {
		t.Errorf("%q, %v", string(back.RegistryCredentials[0].Password), err)
	}
}

func hexOf(text string) string { return fmt.Sprintf("%x", text) }

// roundTrip is a transport of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestErrorsAreMasked makes errors of every kind that could hold a secret, and
// searches all that is printed and logged for them.
func TestErrorsAreMasked(t *testing.T) {
	echo := func(q url.Values) answer {
		signed := "POST&%2F&" + percent("AccessKeyId="+percent(testID)+"&ImageRegistryCredential.1.Password="+percent(password))
		body, _ := json.Marshal(map[string]string{"RequestId": "R", "Code": "SignatureDoesNotMatch",
			"Message": "Specified signature is not matched with our calculation. server string to sign is:" + signed})
		return answer{400, string(body), false}
	}
	quoting := func(q url.Values) answer {
		all, _ := json.Marshal(map[string]string{"RequestId": "R" + testID, "Code": "InvalidParameter",
			"Message": "bad request https://eci.example.com/?" + q.Encode() + " with " + q.Get("Signature") + " and " + password + " of " + testID})
		return answer{400, string(all), false}
	}
	for _, test := range []struct {
		name   string
		answer func(url.Values) answer
		adjust func(*eci.Config)
	}{
		{"signature", echo, nil},
		{"parameters quoted", quoting, nil},
		{"parameters quoted escaped", func(q url.Values) answer {
			all, _ := json.Marshal(map[string]string{"RequestId": "R", "Code": "InvalidParameter",
				"Message": "of " + percent(testToken) + ", " + url.QueryEscape(url.QueryEscape(password)) + " and " + percent(percent(testSecret)) + ": see https://x.example.com/help?ticket=" + ticket})
			return answer{400, string(all), false}
		}, nil},
		{"code", func(url.Values) answer { return answer{400, `{"RequestId":"R","Code":"` + testID + `"}`, false} }, nil},
		{"lost", func(url.Values) answer { return answer{lost: true} }, nil},
		{"failing", func(q url.Values) answer { return answer{500, q.Encode(), false} }, nil},
		{"redirect", func(url.Values) answer { return answer{302, "", false} }, nil},
		{"nobody", nil, func(c *eci.Config) { c.Endpoint = "http://127.0.0.1:1" }},
		{"no name", nil, func(c *eci.Config) { c.Endpoint, c.PlainHTTP = "http://eci.invalid", true }},
		{"transport", nil, func(c *eci.Config) {
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) { return nil, errors.New("send " + r.URL.String()) })
		}},
		{"transport's URL error", nil, func(c *eci.Config) {
			c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: errors.New("GET " + r.URL.RawQuery + " http://user:" + ticket + "@proxy/")}
			})
		}},
		{"source", nil, func(c *eci.Config) {
			c.Credentials = eci.Credentials{Source: func(context.Context) (eci.AccessKey, error) {
				return eci.AccessKey{}, errors.New("login " + testSecret + " " + testID)
			}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, func(_ int, q url.Values) answer { return test.answer(q) })
			var log bytes.Buffer
			c, _ := client(t, s, func(c *eci.Config) {
				c.Retry.Attempts = 2
				c.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				if test.adjust != nil {
					test.adjust(c)
				}
			})
			_, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "web", Images: []string{"i"},
				RegistryCredentials: []eci.RegistryCredential{{Server: "r", UserName: "u", Password: password}}})
			if err == nil {
				t.Fatal("no error")
			}
			var signatures []string
			for _, q := range s.seen() {
				signatures = append(signatures, q.Get("Signature"))
			}
			leaks(t, "the error", rendered(err), signatures...)
			leaks(t, "the log", log.String(), signatures...)
			if log.Len() == 0 {
				t.Error("nothing was logged")
			}
		})
	}
}

// TestFilesAreMasked: the SDK quotes files that it cannot read whole.
func TestFilesAreMasked(t *testing.T) {
	home := noCredentials(t)
	for name, content := range map[string]string{
		".aliyun/config.json":       `{"current":"default","profiles":[{"access_key_secret":"` + testSecret + `",}]}`,
		".alibabacloud/credentials": "[default\naccess_key_secret=" + testSecret,
	} {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _ := client(t, serve(t, nil), func(c *eci.Config) { c.Credentials = eci.Credentials{} })
	_, err := c.ListUsage(context.Background())
	if !errors.Is(err, eci.ErrCredentials) || !strings.Contains(err.Error(), "ALIBABA_CLOUD_ACCESS_KEY_ID") {
		t.Errorf("got %v", err)
	}
	leaks(t, "the error", rendered(err))
}

// TestRefusedEndpointIsNotQuoted: a URL may hold a password.
func TestRefusedEndpointIsNotQuoted(t *testing.T) {
	for _, endpoint := range []string{"https://user:" + testSecret + "@host", "https://host/?x=" + testID, "ftp://" + testID, "http://a b/" + testSecret} {
		_, err := eci.New(eci.Config{RegionID: "cn-hangzhou", Endpoint: endpoint})
		if !errors.Is(err, eci.ErrInvalid) {
			t.Errorf("%s: %v", endpoint, err)
		}
		leaks(t, "the error", rendered(err))
	}
}

// TestRedirectIsNotFollowed: what is signed for the service is shown to no other.
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := serve(t, func(int, url.Values) answer { return ok(`{"RequestId":"R"}`) })
	for _, status := range []int{302, 307, 308} {
		s := serve(t, nil)
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), status)
		})
		c, _ := client(t, s)
		if _, err := c.ListUsage(context.Background()); err == nil || !strings.Contains(err.Error(), "redirects elsewhere") {
			t.Errorf("%d: %v", status, err)
		}
	}
	if n := len(elsewhere.seen()); n != 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

// TestReadableErrors: what a caller must know of an error is not masked for a variable
// or a short password that is a part of it.
func TestReadableErrors(t *testing.T) {
	const id = "2F6BC0D1-1A2B-4C3D-8E4F-0123456789AB"
	s := serve(t, func(int, url.Values) answer {
		return answer{403, `{"RequestId":"` + id + `","Code":"QuotaExceeded","Message":"Info: quota exceeded in cn-hangzhou for 2F6B by somebody"}`, false}
	})
	c, _ := client(t, s)
	_, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: "g1",
		RegistryCredentials: []eci.RegistryCredential{{Server: "r", UserName: "u", Password: "2F6B"}},
		Containers: []eci.Container{{Name: "c", Image: "i", Environment: []eci.Environment{
			{Name: "LEVEL", Value: "Info"}, {Name: "A", Value: "Quota"}, {Name: "B", Value: "exce"}, {Name: "REGION", Value: "cn-hangzhou"}, {Name: "USER", Value: "somebody"}}}}})
	var e *eci.Error
	if !errors.As(err, &e) || e.RequestID != id || e.Message != "Info: quota exceeded in cn-hangzhou for *** by ***" {
		t.Errorf("%+v", e)
	}
}
