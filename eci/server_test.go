package eci_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

const (
	testID     = "LTAI-test-key"
	testSecret = "secret+of/the key~*"
	testToken  = "sts+token/of the test"
)

// answer is what a server says to one request.
type answer struct {
	status int
	body   string
	// lost: the server takes the request and closes the connection.
	lost bool
}

func ok(body string) answer { return answer{200, body, false} }

func refusal(status int, code string) answer {
	return answer{status, fmt.Sprintf(`{"RequestId":"R-ERR","HostId":"eci","Code":%q,"Message":"about %s","Recommend":"https://x/?a=b"}`, code, code), false}
}

// server answers the API on loopback and checks of every request what the
// service checks: method, place of the parameters, signature, nonce, time.
type server struct {
	*httptest.Server
	t      *testing.T
	secret string

	lock     sync.Mutex
	requests []url.Values
	nonces   map[string]bool
}

// serve answers the n-th request, from 0.
func serve(t *testing.T, answer func(n int, q url.Values) answer) *server {
	t.Helper()
	s := &server{t: t, secret: testSecret, nonces: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := s.take(r)
		a := answer(n, r.URL.Query())
		if a.lost {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
		w.WriteHeader(a.status)
		io.WriteString(w, a.body)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

func (s *server) take(r *http.Request) int {
	s.lock.Lock()
	defer s.lock.Unlock()
	q := r.URL.Query()
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) != 0 || r.Method != "POST" || r.URL.Path != "/" {
		s.t.Errorf("%s %s with a body of %d bytes (%v): want POST / without", r.Method, r.URL.Path, len(body), err)
	}
	if got, want := q.Get("Signature"), signature(r.Method, q, s.secret); got != want {
		s.t.Errorf("%s is signed %s, want %s", q.Get("Action"), got, want)
	}
	nonce := q.Get("SignatureNonce")
	if len(nonce) < 16 || s.nonces[nonce] {
		s.t.Errorf("nonce %q is short or was used", nonce)
	}
	s.nonces[nonce] = true
	at, err := time.Parse("2006-01-02T15:04:05Z", q.Get("Timestamp"))
	if err != nil || time.Since(at).Abs() > time.Minute {
		s.t.Errorf("timestamp %q: %v", q.Get("Timestamp"), err)
	}
	for name, values := range q {
		if len(values) != 1 {
			s.t.Errorf("%s is given %d times", name, len(values))
		}
	}
	s.requests = append(s.requests, q)
	return len(s.requests) - 1
}

func (s *server) seen() []url.Values {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.requests)
}

// signature is Alibaba's for RPC calls, from its own description (eci §2.1):
// nothing of the SDK, nor of net/url's escaping.
func signature(method string, q url.Values, secret string) string {
	var pairs []string
	for name := range q {
		if name != "Signature" {
			pairs = append(pairs, percent(name)+"="+percent(q.Get(name)))
		}
	}
	slices.Sort(pairs)
	signed := method + "&" + percent("/") + "&" + percent(strings.Join(pairs, "&"))
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(signed))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percent is RFC 3986's: all but letters, digits and -_.~ as %XX.
func percent(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// clock stands still but for sleepers, whose naps it keeps.
type clock struct {
	lock sync.Mutex
	now  time.Time
	naps []time.Duration
}

func (c *clock) Now() time.Time {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.now = c.now.Add(d)
	c.naps = append(c.naps, d)
	return ctx.Err()
}

func (c *clock) slept() []time.Duration {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.naps)
}

// client calls a server on a clock of its own; adjust may change the rest.
func client(t *testing.T, s *server, adjust ...func(*eci.Config)) (*eci.Client, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	config := eci.Config{
		RegionID: "cn-hangzhou", Endpoint: s.URL, NoLimiter: true, Now: c.Now, Sleep: c.Sleep,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: testToken}},
	}
	for _, a := range adjust {
		a(&config)
	}
	made, err := eci.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return made, c
}

// common are the parameters of every request; those that differ each time are
// checked by the server.
func business(q url.Values) map[string]string {
	got := map[string]string{}
	for name := range q {
		switch name {
		case "Signature", "SignatureNonce", "Timestamp":
		default:
			got[name] = q.Get(name)
		}
	}
	return got
}
