package eci_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// quiet is a server that does not log what goes wrong.
func quiet(t *testing.T, tls bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// through is a transport like the client's own, through a proxy that the environment
// cannot name for loopback.
func through(t *testing.T, proxy string) http.RoundTripper {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	transport := eci.NewTransport(time.Second)
	transport.Proxy = http.ProxyURL(u)
	return transport
}

// TestNothingWasSent: of a fault before there was a connection it is known that it
// had no effect. What no waiting helps against is not asked again, or not often.
func TestNothingWasSent(t *testing.T) {
	never := func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }
	plain, untrusted := quiet(t, false, never), quiet(t, true, never)
	refusing := func(status int) string {
		return quiet(t, false, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect {
				t.Error("a request was sent")
			}
			w.WriteHeader(status)
		}).URL
	}
	hangUp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp.Close()
	go func() {
		for {
			connection, err := hangUp.Accept()
			if err != nil {
				return
			}
			// The alert handshake_failure (RFC 8446, section 6), in answer to the hello.
			connection.Read(make([]byte, 1))
			connection.Write([]byte{21, 3, 3, 0, 2, 2, 40})
			connection.Close()
		}
	}()
	const attempts = 5
	for _, test := range []struct {
		name, endpoint string
		transport      http.RoundTripper
		tries          int
		want           string
	}{
		{"HTTP for HTTPS", "https://" + strings.TrimPrefix(plain.URL, "http://"), nil, 1, "without TLS"},
		{"certificate", untrusted.URL, nil, 1, "certificate"},
		{"CONNECT refused", "https://eci.invalid", through(t, refusing(403)), 1, "the proxy answers HTTP 403"},
		{"CONNECT without a login", "https://eci.invalid", through(t, refusing(407)), 1, "HTTPS_PROXY"},
		{"CONNECT failing", "https://eci.invalid", through(t, refusing(503)), attempts, "the proxy answers HTTP 503"},
		{"no proxy", "https://eci.invalid", through(t, "http://127.0.0.1:1"), attempts, "proxyconnect"},
		{"TLS alert", "https://" + hangUp.Addr().String(), nil, attempts, "tls"},
		{"nobody", "http://127.0.0.1:1", nil, attempts, "refused"},
		{"no such host", "http://eci.invalid", dialing(&net.DNSError{Err: "no such host", Name: "eci.invalid", IsNotFound: true}), 3, "no such host"},
		{"names do not come", "http://eci.invalid", dialing(&net.DNSError{Err: "server misbehaving", Name: "eci.invalid", IsTemporary: true}), attempts, "misbehaving"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, clock := client(t, serve(t, nil), func(c *eci.Config) {
				c.Endpoint, c.PlainHTTP, c.Transport, c.Retry.Attempts = test.endpoint, true, test.transport, attempts
			})
			err := c.DeleteImageCache(context.Background(), "imc-1", "")
			var e *eci.Error
			if !errors.As(err, &e) || e.Kind != eci.ErrUnavailable || e.Uncertain || e.Attempts != test.tries || len(clock.slept()) != test.tries-1 {
				t.Errorf("%v: %+v after %v", err, e, clock.slept())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q lacks %q", err, test.want)
			}
		})
	}
}

func dialing(err error) http.RoundTripper {
	transport := eci.NewTransport(time.Second)
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	return transport
}
