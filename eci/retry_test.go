package eci_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestRepeats: what may pass is repeated with one client token, doubling waits and
// their jitter; what the service has decided is not.
func TestRepeats(t *testing.T) {
	good := ok(`{"RequestId":"R","ImageCacheId":"imc-1"}`)
	lost := answer{lost: true}
	for _, test := range []struct {
		name    string
		answers []answer
		want    error
		sent    int
	}{
		{"throttled", []answer{refusal(400, "Throttling"), refusal(400, "Throttling.User"), good}, nil, 3},
		{"failing", []answer{refusal(500, "InternalError"), refusal(503, "ServiceUnavailable"), {502, "<html>", false}, good}, nil, 4},
		{"answers lost", []answer{lost, lost, good}, nil, 3},
		{"answer cut", []answer{{200, `{"RequestId":"R","Image`, false}, {200, "", false}, good}, nil, 3},
		{"failing well", []answer{{200, `{"requestId":"x","code":"ServiceUnavailable","message":"m"}`, false}, {200, `{"requestId":"x","code":"Throttling.Api"}`, false}, good}, nil, 3},
		{"refused well", []answer{{200, `{"RequestId":"x","Code":"QuotaExceeded"}`, false}}, eci.ErrQuota, 1},
		{"failing as a bad request", []answer{refusal(400, "InternalError"), refusal(400, "ServiceUnavailable"), good}, nil, 3},
		{"still being worked on", []answer{refusal(409, "IdempotentProcessing"), good}, nil, 2},
		{"nonce used", []answer{refusal(400, "SignatureNonceUsed"), good}, nil, 2},
		{"flow control", []answer{refusal(400, "EipPurchaseFlowControl"), good}, nil, 2},
		{"the day's vCPUs", []answer{refusal(403, "Throttling.Vcpu.PerDay")}, eci.ErrQuota, 1},
		{"quota", []answer{refusal(403, "QuotaExceeded")}, eci.ErrQuota, 1},
		{"then refused", []answer{refusal(500, "InternalError"), refusal(403, "OperationDenied.NoStock")}, eci.ErrNoStock, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, func(n int, _ url.Values) answer { return test.answers[n] })
			c, clock := client(t, s)
			made, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx"}})
			if !errors.Is(err, test.want) {
				t.Fatal(err)
			}
			requests, naps := s.seen(), clock.slept()
			if len(requests) != test.sent || len(naps) != test.sent-1 {
				t.Fatalf("%d requests, %d waits, want %d", len(requests), len(naps), test.sent)
			}
			token := requests[0].Get("ClientToken")
			for _, q := range requests {
				if got := q.Get("ClientToken"); got != token || len(got) < 16 || len(got) > 64 {
					t.Errorf("token %q after %q", got, token)
				}
			}
			if err == nil && made.ClientToken != token {
				t.Errorf("reported token %q, sent %q", made.ClientToken, token)
			}
			for i, nap := range naps {
				if whole := 500 * time.Millisecond << i; nap < whole/2 || nap >= whole {
					t.Errorf("wait %d is %v, not between %v and %v", i+1, nap, whole/2, whole)
				}
			}
		})
	}
}

// TestGivesUp: attempts and time are limited, and the error tells how often and
// whether anything may have happened.
func TestGivesUp(t *testing.T) {
	for _, test := range []struct {
		name      string
		answer    answer
		retry     eci.Retry
		sent      int
		uncertain bool
		kind      error
	}{
		{"attempts", refusal(503, "ServiceUnavailable"), eci.Retry{Attempts: 4}, 4, true, eci.ErrUnavailable},
		{"time of throttles", refusal(400, "Throttling"), eci.Retry{Attempts: 4, Total: time.Minute, Base: 8 * time.Second, Max: 8 * time.Second}, 0, false, eci.ErrThrottled},
		{"never though throttled", refusal(400, "Throttling"), eci.Retry{Attempts: 1}, 1, false, eci.ErrThrottled},
		{"time", refusal(500, "InternalError"), eci.Retry{Attempts: 1000, Total: time.Minute, Base: 8 * time.Second, Max: 8 * time.Second}, 0, true, eci.ErrUnavailable},
		{"never", answer{lost: true}, eci.Retry{Attempts: 1}, 1, true, eci.ErrUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, func(int, url.Values) answer { return test.answer })
			c, clock := client(t, s, func(c *eci.Config) { c.Retry = test.retry })
			start := clock.Now()
			_, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}})
			var e *eci.Error
			if !errors.As(err, &e) || !errors.Is(err, test.kind) || e.Uncertain != test.uncertain || e.ClientToken == "" {
				t.Fatalf("%v %+v", err, e)
			}
			if e.Attempts != len(s.seen()) || test.sent != 0 && e.Attempts != test.sent {
				t.Errorf("%d attempts told, %d made, want %d", e.Attempts, len(s.seen()), test.sent)
			}
			spent := clock.Now().Sub(start)
			if strings.HasPrefix(test.name, "time") && (spent > time.Minute || spent < 52*time.Second) {
				t.Errorf("gave up after %v", spent)
			}
		})
	}
}

// errSome stands for an error of no kind.
var errSome = errors.New("some error")

// TestThrottlesBesideFaults: a storm of throttles leaves a call its attempts, and one
// that is longer than those attempts would wait loses no start.
func TestThrottlesBesideFaults(t *testing.T) {
	made := ok(`{"RequestId":"R","ContainerGroupId":"eci-1"}`)
	for _, test := range []struct {
		name string
		last []answer
		want error
	}{
		{"then made", []answer{made}, nil},
		{"then failing", []answer{refusal(500, "InternalError"), {lost: true}, refusal(500, "InternalError")}, eci.ErrUnavailable},
	} {
		s := serve(t, func(n int, _ url.Values) answer {
			if n < 18 {
				return refusal(400, "Throttling")
			}
			return test.last[n-18]
		})
		c, clock := client(t, s, func(c *eci.Config) { c.Retry.Attempts = len(test.last) })
		if test.want == nil {
			c, clock = client(t, s) // the defaults
		}
		start := clock.Now()
		_, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}})
		if !errors.Is(err, test.want) || len(s.seen()) != 18+len(test.last) {
			t.Errorf("%s: %v after %d", test.name, err, len(s.seen()))
		}
		if spent := clock.Now().Sub(start); spent < 2*time.Minute {
			t.Errorf("%s: the storm took %v only", test.name, spent)
		}
	}
}

// TestDeleteAfterLostAnswer: a second delete that finds nothing has done its work;
// a first one that finds nothing has not.
func TestDeleteAfterLostAnswer(t *testing.T) {
	missing := refusal(404, "InvalidImageCacheId.NotFound")
	for _, test := range []struct {
		answers []answer
		want    error
	}{
		{[]answer{{lost: true}, missing}, nil},
		{[]answer{refusal(500, "InternalError"), missing}, nil},
		{[]answer{missing}, eci.ErrNotFound},
		{[]answer{refusal(400, "Throttling"), missing}, eci.ErrNotFound},
		{[]answer{{lost: true}, refusal(400, "InvalidParameter.NotFound")}, nil},
		// These say nothing of the cache.
		{[]answer{{lost: true}, refusal(404, "ContainerGroup.NotFound")}, errSome},
		{[]answer{{lost: true}, refusal(404, "InvalidProduct.NotFound")}, eci.ErrNotSupported},
		{[]answer{{lost: true}, refusal(404, "InvalidVSwitchId.NotFound")}, eci.ErrInvalid},
		{[]answer{{lost: true}, refusal(404, "NotFound")}, errSome},
		{[]answer{{lost: true}, {404, `{"Code":"ImageCache.NotFound"}`, false}}, errSome},
		{[]answer{{lost: true}, refusal(503, "ImageCache.NotFound"), refusal(403, "NoPermission")}, eci.ErrNoPermission},
	} {
		s := serve(t, func(n int, _ url.Values) answer { return test.answers[n] })
		c, _ := client(t, s)
		err := c.DeleteImageCache(context.Background(), "imc-1", "")
		if test.want == errSome && err != nil && len(isKinds(err)) == 0 {
			continue
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%v: %v, want %v", test.answers, err, test.want)
		}
	}
}

// TestTimeout: an answer that does not come in time is asked for again.
func TestTimeout(t *testing.T) {
	stuck := make(chan struct{})
	s := serve(t, func(n int, _ url.Values) answer {
		if n == 0 {
			<-stuck
		}
		return ok(`{"RequestId":"R","ContainerGroupId":"eci-1"}`)
	})
	defer close(stuck)
	c, _ := client(t, s, func(c *eci.Config) { c.ConnectTimeout, c.ReadTimeout = 100*time.Millisecond, 200*time.Millisecond })
	if _, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: "g1", Containers: []eci.Container{{Name: "c", Image: "i"}}}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.seen()); n < 2 {
		t.Errorf("%d requests", n)
	}
}

// TestNobodyThere: a connection that is refused has no effect, and says so.
func TestNobodyThere(t *testing.T) {
	s := serve(t, func(int, url.Values) answer { return answer{} })
	s.Close()
	c, clock := client(t, s, func(c *eci.Config) { c.Retry.Attempts = 3 })
	err := c.DeleteImageCache(context.Background(), "imc-1", "")
	var e *eci.Error
	if !errors.As(err, &e) || !errors.Is(err, eci.ErrUnavailable) || e.Uncertain || len(clock.slept()) != 2 {
		t.Errorf("%v after %v", err, clock.slept())
	}
}

// TestUntrusted: a certificate that nobody signed is not asked for again, and
// nothing was sent to whoever holds it.
func TestUntrusted(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	c, clock := client(t, serve(t, nil), func(c *eci.Config) { c.Endpoint = s.URL })
	err := c.DeleteImageCache(context.Background(), "imc-1", "")
	var e *eci.Error
	if !errors.As(err, &e) || !errors.Is(err, eci.ErrUnavailable) || e.Uncertain || e.Attempts != 1 || len(clock.slept()) != 0 || !strings.Contains(e.Advice, "certificates") {
		t.Errorf("%v", err)
	}
}

// TestExpiredToken: keys that ran out are renewed once, at once, and the call goes
// on with the new ones and its old token.
func TestExpiredToken(t *testing.T) {
	asked := 0
	s := serve(t, func(n int, q url.Values) answer {
		if q.Get("SecurityToken") == "old" {
			return refusal(400, "InvalidSecurityToken.Expired")
		}
		return ok(`{"RequestId":"R","ImageCacheId":"imc-1"}`)
	})
	c, clock := client(t, s, func(c *eci.Config) {
		c.Credentials = eci.Credentials{Source: func(context.Context) (eci.AccessKey, error) {
			asked++
			if asked == 1 {
				return eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: "old"}, nil
			}
			return eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: "new"}, nil
		}}
	})
	if _, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "n", Images: []string{"i"}}); err != nil {
		t.Fatal(err)
	}
	requests := s.seen()
	if len(requests) != 2 || len(clock.slept()) != 0 || requests[0].Get("ClientToken") != requests[1].Get("ClientToken") {
		t.Errorf("%d requests, waits %v", len(requests), clock.slept())
	}

	// A token that stays expired is an error after one renewal.
	c, _ = client(t, s, func(c *eci.Config) {
		c.Credentials = eci.Credentials{AccessKey: eci.AccessKey{ID: testID, Secret: testSecret, SecurityToken: "old"}}
	})
	if _, err := c.ListUsage(context.Background()); !errors.Is(err, eci.ErrExpiredToken) || len(s.seen()) != 4 {
		t.Errorf("%v after %d requests", err, len(s.seen())-2)
	}
}

// TestLimiter: a thousand starts at once keep to a burst of 100 and 20 a second
// (eci §2.8), reckoned apart from the program's own.
func TestLimiter(t *testing.T) {
	s := serve(t, func(int, url.Values) answer { return ok(`{"RequestId":"R","ContainerGroupId":"eci-1"}`) })
	c, clock := client(t, s, func(c *eci.Config) { c.NoLimiter = false })
	start := clock.Now()
	const starts = 300
	for i := range starts {
		if _, err := c.CreateContainerGroup(context.Background(), eci.ContainerGroupSpec{Name: fmt.Sprintf("g-%d", i), Containers: []eci.Container{{Name: "c", Image: "i"}}}); err != nil {
			t.Fatal(err)
		}
	}
	want := time.Duration(starts-100) * time.Second / 20
	if took := clock.Now().Sub(start); took < want-time.Millisecond || took > want+100*time.Millisecond {
		t.Errorf("%d starts took %v, want %v", starts, took, want)
	}
}

// TestSameRandomOtherTokens: clients of one source of numbers wait alike, but neither
// gets what the other made.
func TestSameRandomOtherTokens(t *testing.T) {
	s := serve(t, func(n int, _ url.Values) answer {
		if n%2 == 0 {
			return refusal(500, "InternalError")
		}
		return ok(`{"RequestId":"R","ImageCacheId":"imc-1"}`)
	})
	tokens, naps := map[string]bool{}, map[time.Duration]bool{}
	for range 2 {
		c, clock := client(t, s, func(c *eci.Config) { c.Random = bytes.NewReader([]byte("0123456789abcdef")) })
		made, err := c.CreateImageCache(context.Background(), eci.ImageCacheSpec{Name: "n", Images: []string{"i"}})
		if err != nil {
			t.Fatal(err)
		}
		tokens[made.ClientToken], naps[clock.slept()[0]] = true, true
	}
	// 500 ms: a half, and of the other half the fraction 0x3031.../2^64, or 48/256 and
	// a bit: 188.2/1000.
	if want := 250*time.Millisecond + 188*250*time.Millisecond/1000; len(tokens) != 2 || len(naps) != 1 || !near(naps, want) {
		t.Errorf("tokens %v, waits %v, want %v", tokens, naps, want)
	}
}

func near(naps map[time.Duration]bool, want time.Duration) bool {
	for nap := range naps {
		return (nap - want).Abs() < time.Millisecond
	}
	return false
}

// halfBody answers with less than it promised.
type halfBody struct{ sent int }

func (h *halfBody) RoundTrip(r *http.Request) (*http.Response, error) {
	h.sent++
	body := io.MultiReader(bytes.NewReader([]byte(`{"RequestId":"R",`)), failing{})
	if h.sent > 1 {
		body = bytes.NewReader([]byte(`{"RequestId":"R","Attributes":{"UsedCpu":1}}`))
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(body), Request: r}, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestHalfAnAnswer is no answer.
func TestHalfAnAnswer(t *testing.T) {
	transport := &halfBody{}
	c, _ := client(t, serve(t, nil), func(c *eci.Config) { c.Transport = transport })
	usage, err := c.ListUsage(context.Background())
	if err != nil || transport.sent != 2 || usage.Attributes["UsedCpu"] != 1 {
		t.Errorf("%v, %v after %d", usage, err, transport.sent)
	}
}
