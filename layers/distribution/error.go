package distribution

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// What callers act on; see Error.
var (
	// ErrNotFound: the registry has no such repository, tag or blob.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized: a login is missing, refused, or may not read the repository.
	ErrUnauthorized = errors.New("not authorized")
	// ErrRateLimited: the registry wants fewer requests.
	ErrRateLimited = errors.New("rate limited")
	// ErrNoRanges: the registry serves blobs only whole.
	ErrNoRanges = errors.New("blobs are served only whole")
)

// Error is why a registry was asked in vain. Neither its text nor its fields hold
// credentials, tokens or the queries of URLs.
type Error struct {
	// Op is what was tried: "fetch manifest registry.example.com/team/app:1".
	Op string
	// Host answered, or did not: the registry, its mirror, its token server or where
	// it redirects to. With its port where one is given.
	Host string
	// Status is HTTP's; 0 without an answer.
	Status int
	// Codes are the specification's, such as MANIFEST_UNKNOWN, as far as the answer
	// has them.
	Codes []string
	// Problem is what happened, in plain words.
	Problem string
	// Advice is what to do about it; often empty.
	Advice string
	// RetryAt is when the registry wants to be asked again; zero if it did not say.
	RetryAt time.Time
	// Err is a cause that callers may look for; often nil.
	Err error

	repeat repeat
	// busy is a host that wants a pause but does not say how long.
	busy *host
}

// repeat is what may help against a fault.
type repeat int

const (
	never repeat = iota
	// later: it may pass.
	later
	// once: a second try shows whether it was chance.
	once
	// afterPause: the host was paused already.
	afterPause
)

// Error is Op and Reason.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Reason()
	}
	return e.Op + ": " + e.Reason()
}

// Reason is the error without what was tried, for lists that say it elsewhere.
func (e *Error) Reason() string {
	if e.Advice == "" {
		return e.Problem
	}
	return e.Problem + " (" + e.Advice + ")"
}

func (e *Error) Unwrap() error { return e.Err }

// Is tells ErrNotFound, ErrUnauthorized and ErrRateLimited by status and codes.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrRateLimited:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

// speaker names who answered.
func (r *request) speaker(h *host) string {
	switch {
	case r.place == nil:
		return "the token server " + h.host
	case h != r.place.host:
		return h.host + ", to which the registry redirects,"
	case r.place.mirror:
		return "the mirror " + h.host
	}
	return "the registry"
}

// statusError words an answer that is no success. It reads the body's codes.
func (r *request) statusError(resp *response) *Error {
	e := &Error{Host: resp.host.host, Status: resp.StatusCode, Codes: resp.codes()}
	e.Problem = fmt.Sprintf("%s answers %d", r.speaker(resp.host), e.Status)
	if text := http.StatusText(e.Status); text != "" {
		e.Problem += " " + text
	}
	for _, code := range e.Codes {
		e.Problem += ", " + code
	}
	e.Advice = r.advice(resp.host, e.Status)
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout,
		http.StatusTooManyRequests, http.StatusServiceUnavailable:
		e.repeat = later
	}
	return e
}

// advice is what to do about an answer of a host.
func (r *request) advice(h *host, status int) string {
	elsewhere := r.place != nil && h != r.place.host
	switch status {
	case http.StatusBadRequest:
		return "check the reference"
	case http.StatusUnauthorized, http.StatusForbidden:
		if elsewhere {
			return "the registry's address there is refused: try again, and check the proxy"
		}
		return loginAdvice
	case http.StatusNotFound:
		switch {
		case r.place == nil:
			return ""
		case r.kind == lists:
			return "no such repository"
		case r.kind == blobs:
			return "the registry does not hold this blob: push the image again"
		case isDigest(r.reference):
			return "the registry does not hold this manifest: push the image again"
		}
		return "no such repository or tag"
	case http.StatusTooManyRequests:
		return "the registry limits requests: log in, or try later"
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "try again later"
	}
	return ""
}

// Advice that several faults have in common.
const (
	loginAdvice   = "log in with docker login, or check that the repository exists"
	networkAdvice = "check the network and the proxy, or try again later"
	proxyAdvice   = "is it a registry, and is there a proxy or a login page before it?"
	ownerAdvice   = "tell those who run the registry"
)

// maxErrorBytes is how much of an answer that is no success is read.
const maxErrorBytes = 64 << 10

// maxCodes is how many of an answer's codes are kept.
const maxCodes = 5

// codes reads the specification's error codes ("Error Codes"). What else the body
// says may hold anything and is left out.
func (r *response) codes() (codes []string) {
	defer r.close()
	body, err := r.read(nil, maxErrorBytes)
	if err != nil {
		return nil
	}
	var doc struct {
		Errors []struct {
			Code string `json:"code"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return nil
	}
	for _, e := range doc.Errors {
		if e.Code != "" && len(e.Code) <= 40 && only(e.Code, "_") && len(codes) < maxCodes {
			codes = append(codes, e.Code)
		}
	}
	return codes
}

// waitTooLong is for a host that wants to be left alone for longer than the
// caller wants to wait.
func waitTooLong(host string, until time.Time) *Error {
	return &Error{
		Host: host, Status: http.StatusTooManyRequests, RetryAt: until,
		Problem: fmt.Sprintf("%s takes no more requests for now", host),
		Advice:  fmt.Sprintf("try again after %s, in %s", until.Format(time.RFC3339), time.Until(until).Round(time.Second)),
	}
}

// errStalled ends the context of a request whose host sends nothing.
var errStalled = errors.New("the host sends nothing")

// networkError words a request without an answer or whose body broke off.
func (r *request) networkError(h *host, err error, stalled time.Duration) *Error {
	e := &Error{Host: h.host, Err: err}
	var dns *net.DNSError
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var notTLS tls.RecordHeaderError
	var timeout net.Error
	switch {
	case stalled > 0:
		e.Problem, e.Err, e.repeat = fmt.Sprintf("%s sends nothing for %s", r.speaker(h), stalled), nil, later
		e.Advice = outsideAdvice(h.host, networkAdvice)
	case errors.As(err, &notTLS) && string(notTLS.RecordHeader[:]) == "HTTP/":
		e.Problem = fmt.Sprintf("%s speaks plain HTTP, not HTTPS", r.at(h))
		e.Advice = "if that is meant, name it with --plain-http " + h.host
	case errors.As(err, &unknown):
		e.Problem = fmt.Sprintf("the certificate of %s is signed by an authority that is not trusted", h.host)
		e.Advice = "name the authority's certificate with --ca-file, or in /etc/docker/certs.d/" + h.host
	case errors.As(err, &verification):
		e.Problem = fmt.Sprintf("the certificate of %s is not valid: %s", h.host, verification.Err)
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Problem, e.Advice = fmt.Sprintf("no host is named %s", hostname(h.host)), outsideAdvice(h.host, "check the name, the network and the proxy")
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Problem, e.Advice = fmt.Sprintf("nothing listens at %s", h.host), outsideAdvice(h.host, "check the name and the port")
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Problem, e.repeat = fmt.Sprintf("%s is not reached in time", r.at(h)), later
		e.Advice = outsideAdvice(h.host, networkAdvice)
	case brokenConnection(err):
		e.Problem, e.repeat = fmt.Sprintf("the connection to %s breaks off", h.host), later
		e.Advice = outsideAdvice(h.host, networkAdvice)
	default:
		e.Problem, e.Err = fmt.Sprintf("%s is not understood: %s", r.at(h), plain(err)), nil
	}
	return e
}

// outsideAdvice is advice on a host that is not reached: one that only a VPC reaches may
// have a public name.
func outsideAdvice(host, advice string) string {
	if public, ok := PublicHost(host); ok {
		return fmt.Sprintf("only a VPC reaches it; from outside of it give --registry-alias %s=%s", host, public)
	}
	return advice
}

func (r *request) at(h *host) string {
	if who := strings.TrimSuffix(r.speaker(h), ","); who != "the registry" {
		return who
	}
	return "the registry " + h.host
}

// plain is an error's text without what a server wrote, which Go quotes.
func plain(err error) string {
	text, _, _ := strings.Cut(err.Error(), `"`)
	return strings.TrimRight(text, " :")
}

// brokenConnection is true for what passes when asked anew.
func brokenConnection(err error) bool {
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, known) {
			return true
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary
	}
	// The errors of Go's bundled HTTP/2 have no exported names.
	text := err.Error()
	return strings.HasPrefix(text, "http2: ") || strings.HasPrefix(text, "stream error: ") ||
		strings.Contains(text, "server closed idle connection") || strings.Contains(text, "transport connection broken")
}

// typeName is a content type for an error: without parameters, and nothing that
// is no type at all.
func typeName(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil || !only(t, "-._/+") || len(t) > 100 {
		return "no known type"
	}
	return t
}
