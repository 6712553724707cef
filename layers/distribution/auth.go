package distribution

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// authorize answers a 401 with a fresh grant. Goroutines that were refused with
// one grant wait for the first of them to get another.
func (c *Client) authorize(ctx context.Context, r *request, held *grant, challenges []challenge, refusal *Error) (*grant, error) {
	p := r.place
	if err := p.granting.enter(ctx); err != nil {
		return nil, err
	}
	defer p.granting.leave()
	if now := p.grant.Load(); now != held {
		return now, now.err
	}
	fresh, err := c.exchange(ctx, r, held, challenges, refusal)
	if ended := ctx.Err(); ended != nil {
		return nil, ended
	}
	if err != nil {
		e := *asError(err)
		e.repeat = never
		fresh = c.newGrant("", false)
		fresh.err = &e
	}
	p.grant.Store(fresh)
	return fresh, fresh.err
}

// exchange turns the user's login into what the challenges ask for.
func (c *Client) exchange(ctx context.Context, r *request, held *grant, challenges []challenge, refusal *Error) (*grant, error) {
	p := r.place
	if refused := p.host.login.refused.Load(); refused != nil {
		return nil, refused
	}
	if len(challenges) == 0 {
		refusal.Advice = "it does not say how to log in: WWW-Authenticate is missing or not understood"
		return nil, refusal
	}
	who, err := c.credentials(ctx, p)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(challenges, func(ch challenge) bool { return ch.scheme == "bearer" && ch.parameters["realm"] != "" }); i >= 0 {
		token, err := c.token(ctx, r, challenges[i], who)
		if err != nil {
			return nil, err
		}
		return c.newGrant("Bearer "+token, false), nil
	}
	if !slices.ContainsFunc(challenges, func(ch challenge) bool { return ch.scheme == "basic" }) {
		refusal.Advice = fmt.Sprintf("it wants a login by %q; Basic and Bearer are known here", schemeName(challenges[0].scheme))
		return nil, refusal
	}
	basic := basicAuthorization(who)
	if basic == "" || basic == held.authorization {
		return nil, refusal
	}
	return c.newGrant(basic, true), nil
}

// judge remembers whether a Basic login works: a refused one is not sent again for
// every image, which could lock the account.
func (c *Client) judge(p *place, fresh *grant, status int) {
	if !fresh.basic {
		return
	}
	if status != http.StatusUnauthorized {
		p.host.basic.CompareAndSwap(nil, fresh)
		return
	}
	if p.host.basic.Load() == nil {
		p.host.login.refuse(p.host.host, "the registry refuses the login", c.loginAgain())
	}
}

// login is a host's credentials, looked up once.
type login struct {
	gate  gate
	known bool
	who   authn.AuthConfig
	err   error
	// refused is set once the credentials prove wrong.
	refused atomic.Pointer[Error]
}

// loginAgain is what to do about a login that is refused, by where it is from.
func (c *Client) loginAgain() string {
	if c.opt.Username != "" {
		return "check the user name and the password given"
	}
	return "log in again with docker login"
}

func (l *login) refuse(host, problem, advice string) *Error {
	e := &Error{
		Host: host, Status: http.StatusUnauthorized, Problem: problem,
		Advice: advice + "; it is not tried again in this run",
	}
	l.refused.CompareAndSwap(nil, e)
	return e
}

// credentials asks the keychain for a registry's login, once. The login that the
// caller gave is the registry's and goes to no mirror.
func (c *Client) credentials(ctx context.Context, p *place) (authn.AuthConfig, error) {
	if c.opt.Username != "" && !p.mirror {
		return authn.AuthConfig{Username: c.opt.Username, Password: c.opt.Password}, nil
	}
	h := p.host
	l := &h.login
	if err := l.gate.enter(ctx); err != nil {
		return authn.AuthConfig{}, err
	}
	defer l.gate.leave()
	if l.known {
		return l.who, l.err
	}
	who, err := lookUp(ctx, c.opt.Keychain, h.host)
	if ended := ctx.Err(); ended != nil {
		return authn.AuthConfig{}, ended
	}
	if err != nil {
		l.err = keychainError(h.host, err)
	} else {
		l.who = who
	}
	l.known = true
	return l.who, l.err
}

// Login looks a host's login up in a keychain, nil for the docker configuration, as a
// Client does: for those who speak to registries by another client. Without a login
// the result is empty.
func Login(ctx context.Context, keychain authn.Keychain, host string) (authn.AuthConfig, error) {
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	who, err := lookUp(ctx, keychain, normalHost(host))
	if ended := ctx.Err(); ended != nil {
		return authn.AuthConfig{}, ended
	}
	if err != nil {
		return authn.AuthConfig{}, keychainError(host, err)
	}
	return who, nil
}

// lookUp leaves a credential helper behind when the context ends: helpers may ask
// the user and cannot be stopped from here.
func lookUp(ctx context.Context, keychain authn.Keychain, host string) (authn.AuthConfig, error) {
	registry, err := name.NewRegistry(host, name.WeakValidation)
	if err != nil {
		return authn.AuthConfig{}, err
	}
	type found struct {
		who *authn.AuthConfig
		err error
	}
	done := make(chan found, 1)
	go func() {
		a, err := authn.Resolve(ctx, keychain, registry)
		if err != nil {
			done <- found{err: err}
			return
		}
		who, err := authn.Authorization(ctx, a)
		done <- found{who, err}
	}()
	select {
	case f := <-done:
		if f.err != nil || f.who == nil {
			return authn.AuthConfig{}, f.err
		}
		return *f.who, nil
	case <-ctx.Done():
		return authn.AuthConfig{}, ctx.Err()
	}
}

// keychainError words why there are no credentials. What a helper printed may hold
// some and is left out.
func keychainError(host string, err error) *Error {
	text, _, _ := strings.Cut(err.Error(), ", out: ")
	e := &Error{Host: host, Problem: fmt.Sprintf("the credentials for %s cannot be read: %s", host, text)}
	if _, after, ok := strings.Cut(text, `exec: "`); ok && strings.Contains(text, "not found") {
		helper, _, _ := strings.Cut(after, `"`)
		e.Problem = fmt.Sprintf("the credential helper %s, which the docker configuration names for %s, is not installed", helper, host)
		e.Advice = "install it, or take it out of credsStore and credHelpers in the docker configuration"
	}
	return e
}

// basicAuthorization is empty where there is no login for it.
func basicAuthorization(who authn.AuthConfig) string {
	switch {
	case who.Username != "" && who.Username != "<token>":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(who.Username+":"+who.Password))
	case who.Auth != "" && isHeaderValue(who.Auth):
		return "Basic " + who.Auth
	}
	return ""
}

// tokenRequest is a request to a token server.
type tokenRequest struct {
	host   *host
	url    *url.URL
	header http.Header
	form   string // posted when not empty
}

// maxTokenBytes is more than any token, since tokens must fit into a header.
const maxTokenBytes = 256 << 10

// token gets a token for the repository: with an identity token by OAuth2 (Docker
// registry documentation, "OAuth2 token authentication"), else by a GET with the
// login, if any ("Token authentication specification").
func (c *Client) token(ctx context.Context, r *request, ch challenge, who authn.AuthConfig) (string, error) {
	if who.RegistryToken != "" {
		if !isHeaderValue(who.RegistryToken) {
			return "", &Error{Host: r.place.host.host, Problem: "the registry token in the docker configuration has bytes that no token has"}
		}
		return who.RegistryToken, nil
	}
	realm, h, err := c.realm(r.place, ch)
	if err != nil {
		return "", err
	}
	query := url.Values{}
	if service := ch.parameters["service"]; service != "" {
		query.Set("service", service)
	}
	query.Set("scope", r.place.scope(ch))
	if who.IdentityToken != "" {
		token, err := c.oauth(ctx, r, h, realm, query, who)
		var e *Error
		// Not every token server knows OAuth2.
		if !errors.As(err, &e) || e.Status != http.StatusNotFound && e.Status != http.StatusMethodNotAllowed {
			return token, err
		}
	}
	basic := basicAuthorization(who)
	header := http.Header{"User-Agent": {c.opt.UserAgent}, "Accept": {"application/json"}}
	if basic != "" {
		header["Authorization"] = []string{basic}
		if who.Username != "" {
			query.Set("account", who.Username)
		}
	}
	to := *realm
	to.RawQuery = joinQuery(to.RawQuery, query)
	return c.askToken(ctx, r, &tokenRequest{host: h, url: &to, header: header}, basic != "")
}

func (c *Client) oauth(ctx context.Context, r *request, h *host, realm *url.URL, query url.Values, who authn.AuthConfig) (string, error) {
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {who.IdentityToken}, "client_id": {c.opt.UserAgent}}
	for name, values := range query {
		form[name] = values
	}
	header := http.Header{"User-Agent": {c.opt.UserAgent}, "Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}}
	return c.askToken(ctx, r, &tokenRequest{host: h, url: realm, header: header, form: form.Encode()}, true)
}

// scope is what the challenge asks for, else to pull from the repository.
func (p *place) scope(ch challenge) string {
	if scope := ch.parameters["scope"]; scope != "" {
		return scope
	}
	return "repository:" + p.name + ":pull"
}

func joinQuery(a string, b url.Values) string {
	if a == "" {
		return b.Encode()
	}
	return a + "&" + b.Encode()
}

// realm judges where a login would be sent: over TLS, or to a host that is known
// to speak plain HTTP, as the registry itself does.
func (c *Client) realm(p *place, ch challenge) (*url.URL, *host, error) {
	bad := func(format string, args ...any) (*url.URL, *host, error) {
		return nil, nil, &Error{Host: p.host.host, Problem: "the registry names a token server " + fmt.Sprintf(format, args...)}
	}
	u, err := url.Parse(ch.parameters["realm"])
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !validHost(strings.ToLower(u.Host)) {
		return bad("that is not a URL")
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	at := newOrigin(u.Scheme, u.Host)
	if at.scheme == "http" && !c.plain(p, at) {
		u, h, err := bad("that speaks plain HTTP, at %s", at.host)
		err.(*Error).Advice = "if that is meant, name it with --plain-http " + at.host
		return u, h, err
	}
	h, err := c.host(at)
	return u, h, err
}

// plain is true where credentials may go over plain HTTP.
func (c *Client) plain(p *place, at origin) bool {
	if at == p.host.origin || slices.Contains(c.opt.PlainHTTP, at.host) {
		return true
	}
	if _, served := c.served(at.host); served {
		return true
	}
	return p.host.scheme == "http" && loopback(at.host)
}

// askToken asks a token server. A login that it refuses is not sent again.
func (c *Client) askToken(ctx context.Context, r *request, t *tokenRequest, login bool) (string, error) {
	ask := request{kind: lists, token: t}
	if t.form != "" {
		ask.method = http.MethodPost
	}
	var token string
	err := c.try(ctx, &ask, c.opt.Attempts, func(resp *response) error {
		defer resp.close()
		body, err := resp.read(nil, maxTokenBytes)
		if err != nil {
			return err
		}
		token, err = resp.token(body)
		return err
	})
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized && login {
		return "", r.place.host.login.refuse(t.host.host, fmt.Sprintf("the token server %s refuses the login", t.host.host), c.loginAgain())
	}
	return token, err
}

func (r *response) token(body []byte) (string, error) {
	var doc struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return "", r.nonsense("a token")
	}
	token := doc.Token
	if token == "" {
		token = doc.AccessToken
	}
	if token == "" || !isHeaderValue(token) {
		return "", &Error{Host: r.host.host, Problem: r.request.speaker(r.host) + " answers without a usable token"}
	}
	return token, nil
}

// isHeaderValue is true for what may stand in a header as it is.
func isHeaderValue(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// schemeName is a challenge's scheme for an error.
func schemeName(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return s
}
