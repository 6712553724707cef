package eci

import (
	"context"
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
		Proxy:                 http.ProxyFromEnvironment, // never for loopback, unlike the SDK's (eci §2.9)
		DialContext:           (&net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connect,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   64, // a burst of starts goes to one host
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// The transport's own error has the status in words only.
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return &proxyRefused{answer.StatusCode}
			}
			return nil
		},
	}
}
