package eci

import (
	"net"
	"net/http"
	"net/url"
	"time"
)

// newHTTPClient sends through a transport, or one of its own. It follows no
// redirect: that would carry a signed URL to somebody else.
func newHTTPClient(transport http.RoundTripper, connect time.Duration) *http.Client {
	if transport == nil {
		transport = newTransport(connect)
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func newTransport(connect time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                 proxyOf,
		DialContext:           (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connect,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   64, // a burst of starts goes to one host
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// proxyOf is the environment's proxy, but never for this machine: the SDK's
// transport would send even that through it (eci §2.9).
func proxyOf(r *http.Request) (*url.URL, error) {
	if loopback(r.URL.Host) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}
