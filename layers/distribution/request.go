package distribution

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// request is one thing to ask for.
type request struct {
	// verb, repo and reference are for errors: "fetch manifest", of what.
	verb      string
	repo      Repository
	reference string // tag, digest or empty
	method    string // GET where empty
	kind      kind
	// tail comes after /v2/NAME/.
	tail, query string
	// byteRange is a Range field, or empty.
	byteRange string

	// place is set while the request is under way; nil for a token server's.
	place *place
	token *tokenRequest
}

// op is what an Error says was tried.
func (r *request) op() string {
	switch {
	case r.reference == "":
		return r.verb + " " + r.repo.String()
	case isDigest(r.reference):
		return r.verb + " " + r.repo.String() + "@" + r.reference
	}
	return r.verb + " " + r.repo.String() + ":" + r.reference
}

// ask tries the places of a repository in order. use reads the answer and closes
// it; it may be called more than once.
func (c *Client) ask(ctx context.Context, r request, use func(*response) error) error {
	t, err := c.target(ctx, r.repo)
	if err != nil {
		return r.named(ctx, err)
	}
	places := t.places
	if r.kind == lists {
		places = places[len(places)-1:]
	}
	var before []*Error
	for _, p := range places {
		r.place = p
		attempts := c.opt.Attempts
		if p.mirror {
			if p.host.unfit() {
				continue
			}
			attempts = 1
		}
		err = c.try(ctx, &r, attempts, use)
		if err == nil || ctx.Err() != nil || !p.mirror {
			break
		}
		before = append(before, p.failed(err))
	}
	return r.named(ctx, err, before...)
}

// asideFor is how long a mirror that fails is passed over.
const asideFor = time.Minute

// failed judges whether a mirror is to be passed over next time: not for what it
// merely does not hold.
func (p *place) failed(err error) *Error {
	e := asError(err)
	if e.Status == 0 || e.repeat != never {
		p.host.setAside(time.Now().Add(asideFor))
	}
	return e
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Problem: err.Error(), Err: err}
}

// named says in an error what was tried, and what the mirrors answered before.
func (r *request) named(ctx context.Context, err error, before ...*Error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	e := *asError(err)
	e.Op = r.op()
	for _, mirror := range before {
		e.Problem += "; before that, " + mirror.Problem
	}
	return &e
}

// try asks one place until it answers, the fault is one that stays, or the
// attempts are used up.
func (c *Client) try(ctx context.Context, r *request, attempts int, use func(*response) error) error {
	again := false
	for n := 1; ; n++ {
		resp, err := c.send(ctx, r)
		if err == nil {
			err = use(resp)
		}
		if err == nil {
			return nil
		}
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		e := asError(err)
		switch {
		case e.repeat == never, e.repeat == once && again:
			return e
		case e.repeat == once:
			again = true
			continue
		case n >= attempts:
			if n > 1 {
				e.Problem += fmt.Sprintf(", %d times in a row", n)
			}
			return e
		case e.busy != nil:
			e.busy.pause(time.Now().Add(backOff(n)))
		case e.repeat == later:
			if err := sleep(ctx, backOff(n)); err != nil {
				return err
			}
		}
	}
}

// Back-off doubles from firstBackOff to maxBackOff.
const (
	firstBackOff = 500 * time.Millisecond
	maxBackOff   = 30 * time.Second
)

// backOff is the wait after the nth failure: anything up to the doubled time
// ("full jitter"), so that goroutines that failed together do not come back
// together.
func backOff(n int) time.Duration {
	limit := maxBackOff
	if n < 10 {
		limit = min(limit, firstBackOff<<(n-1))
	}
	return rand.N(limit)
}

// send asks once, logging in where that is wanted. It returns a success with an
// open body.
func (c *Client) send(ctx context.Context, r *request) (*response, error) {
	var held *grant
	if r.place != nil {
		held = r.place.grant.Load()
	}
	resp, err := c.follow(ctx, r, held)
	if err != nil {
		return nil, err
	}
	if r.place != nil && resp.StatusCode == http.StatusUnauthorized && resp.host == r.place.host {
		fields := resp.Header["Www-Authenticate"]
		refusal := r.statusError(resp)
		fresh, err := c.authorize(ctx, r, held, parseChallenges(fields), refusal)
		if err != nil {
			return nil, err
		}
		if resp, err = c.follow(ctx, r, fresh); err != nil {
			return nil, err
		}
		c.judge(r.place, fresh, resp.StatusCode)
		if fresh.basic && resp.StatusCode == http.StatusUnauthorized {
			e := r.statusError(resp)
			e.Advice = c.loginAgain() + ", or see whether that login may read the repository"
			return nil, e
		}
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent {
		return resp, nil
	}
	return nil, c.refused(r, resp)
}

// refused words an answer that is no success and pauses a host that asks for it.
func (c *Client) refused(r *request, resp *response) *Error {
	field := resp.Header.Get("Retry-After")
	e := r.statusError(resp)
	if e.Status != http.StatusTooManyRequests && e.Status != http.StatusServiceUnavailable {
		return e
	}
	now := time.Now()
	wait, stated := parseRetryAfter(field, now)
	if !stated || wait == 0 {
		e.busy = resp.host
		return e
	}
	until := now.Add(wait)
	e.RetryAt, e.repeat = until, afterPause
	resp.host.pause(until)
	if wait > c.opt.MaxWait {
		e.repeat = never
		e.Advice = waitTooLong(resp.host.host, until).Advice
	}
	return e
}

const maxRedirects = 10

// follow asks and goes where redirects lead. Authorization goes to the place's
// own host and, once a redirect has left it, to none.
func (c *Client) follow(ctx context.Context, r *request, held *grant) (*response, error) {
	h, u, header := r.start(held)
	for redirects := 0; ; redirects++ {
		resp, err := c.hop(ctx, r, h, u, header)
		if err != nil || !isRedirect(resp.StatusCode) {
			return resp, err
		}
		location := resp.Header.Get("Location")
		resp.drain()
		if redirects == maxRedirects {
			return nil, &Error{Host: h.host, Status: resp.StatusCode, Problem: fmt.Sprintf("%s redirects more than %d times", r.speaker(h), maxRedirects), Advice: ownerAdvice}
		}
		next, err := r.redirected(h, u, location)
		if err != nil {
			return nil, err
		}
		to, err := c.host(newOrigin(next.Scheme, next.Host))
		if err != nil {
			return nil, err
		}
		if to != h {
			header = withoutAuthorization(header)
		}
		h, u = to, next
	}
}

// start is where a request goes first, and with what headers.
func (r *request) start(held *grant) (*host, *url.URL, http.Header) {
	if r.token != nil {
		return r.token.host, r.token.url, r.token.header
	}
	header := held.headers[r.kind]
	if r.byteRange != "" {
		header = header.Clone()
		header["Range"] = []string{r.byteRange}
	}
	return r.place.host, r.place.url(r.tail, r.query), header
}

func withoutAuthorization(header http.Header) http.Header {
	if _, ok := header["Authorization"]; !ok {
		return header
	}
	header = header.Clone()
	delete(header, "Authorization")
	return header
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected judges a Location, which may be a signed URL and is not quoted.
func (r *request) redirected(h *host, from *url.URL, location string) (*url.URL, error) {
	bad := func(format string, args ...any) (*url.URL, error) {
		return nil, &Error{Host: h.host, Problem: r.speaker(h) + " " + fmt.Sprintf(format, args...), Advice: ownerAdvice}
	}
	if r.method == http.MethodPost {
		return bad("redirects a login, which is not followed")
	}
	if location == "" {
		return bad("redirects to nowhere: Location is missing")
	}
	to, err := from.Parse(location)
	if err != nil {
		return bad("redirects to what is not a URL")
	}
	switch {
	case to.Scheme == "http" && from.Scheme == "https":
		return bad("redirects from HTTPS to plain HTTP at %q, which is refused", to.Host)
	case to.Scheme != "http" && to.Scheme != "https":
		return bad("redirects to a URL of scheme %q, which is refused", to.Scheme)
	case !validHost(strings.ToLower(to.Host)):
		return bad("redirects to %q, which is not a host", to.Host)
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, nil
}

// hop sends one HTTP request, in its turn.
func (c *Client) hop(ctx context.Context, r *request, h *host, u *url.URL, header http.Header) (*response, error) {
	if err := h.enter(ctx); err != nil {
		return nil, err
	}
	w := watch(ctx, c.opt.StallAfter)
	req := c.template.WithContext(w.ctx)
	req.URL, req.Header = u, header
	if r.method != "" {
		req.Method = r.method
	}
	if r.token != nil && r.token.form != "" {
		req.Body = io.NopCloser(strings.NewReader(r.token.form))
		req.ContentLength = int64(len(r.token.form))
	}
	res, err := h.transport.RoundTrip(req)
	if err != nil {
		stalled := w.stalled()
		w.stop()
		h.leave()
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		return nil, r.networkError(h, err, stalled)
	}
	h.observe(res.Header)
	return &response{Response: res, host: h, request: r, watchdog: w}, nil
}
