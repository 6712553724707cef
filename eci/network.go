package eci

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// errNoAnswer tells the client's own timeout from one of the caller's.
var errNoAnswer = errors.New("no answer in time")

// proxyRefused is a proxy that does not lead to the service.
type proxyRefused struct{ status int }

func (e *proxyRefused) Error() string { return fmt.Sprintf("the proxy answers HTTP %d", e.status) }

// connecting watches whether a request got a connection to be sent on.
type connecting struct{ wanted, had atomic.Bool }

func (c *connecting) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.wanted.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.had.Store(true) },
	})
}

// none says whether nothing can have been sent. A transport that tells nothing of its
// connections may have sent all.
func (c *connecting) none() bool { return c.wanted.Load() && !c.had.Load() }

// networkFault is a request without a whole answer; unsent, if it is known that
// nothing of it went out.
func networkFault(ctx context.Context, err error, unsent bool, hide func(string) string) *fault {
	f := &fault{Error: Error{Kind: ErrUnavailable, Advice: "check the network, the region and the endpoint"}, repeat: unanswered}
	if unsent {
		f.repeat = later
	}
	var place *url.Error
	for errors.As(err, &place) {
		if err = place.Err; err == nil { // without the URL, which is signed
			err = errNoAnswer
		}
	}
	switch {
	case context.Cause(ctx) == errNoAnswer && unsent:
		f.Problem = "no connection in time"
	case context.Cause(ctx) == errNoAnswer:
		f.Problem = errNoAnswer.Error()
	case unsent:
		f.unreached(err, hide)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		f.Problem = "the connection closed before the whole answer had come"
	default:
		f.Problem = hide(err.Error())
	}
	f.uncertain = f.repeat == unanswered
	return f
}

// unreached says why there was no connection, and whether there may be one later.
func (f *fault) unreached(err error, hide func(string) string) {
	f.Problem = hide(err.Error())
	var certificate *tls.CertificateVerificationError
	var unknown *net.DNSError
	var proxy *proxyRefused
	switch {
	case errors.As(err, &certificate):
		f.Problem, f.repeat = hide(certificate.Error()), refused
		f.Advice = "check the endpoint, this machine's clock and its certificates"
	case errors.Is(err, http.ErrSchemeMismatch):
		f.Problem, f.repeat = "the endpoint speaks HTTP without TLS", refused
		f.Advice = "check the endpoint; http:// before it sends without TLS"
	case errors.As(err, &proxy) && proxy.status/100 == 4:
		f.repeat, f.Advice = refused, "check the proxy (HTTPS_PROXY) and what it allows"
	case errors.As(err, &unknown) && unknown.IsNotFound:
		f.repeat = twice
	}
}
