package distribution

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// keys is a keychain by registry.
type keys map[string]authn.AuthConfig

func (k keys) Resolve(r authn.Resource) (authn.Authenticator, error) {
	config, ok := k[r.RegistryStr()]
	if !ok {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(config), nil
}

const tokenHost = "auth.test"

// guarded is a registry that wants the token of the moment; its token server gives
// it to the right login.
type guarded struct {
	good  http.Handler
	realm string

	mu     sync.Mutex
	serial int
	// login is the Authorization that the token server wants; empty: none.
	login string
}

func (g *guarded) token() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprintf("token-%d", g.serial)
}

func (g *guarded) expire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serial++
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+g.token() {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+g.realm+`",service="the service",scope="repository:team/app:pull"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	g.good.ServeHTTP(w, r)
}

// tokens is the token server.
func (g *guarded) tokens(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	if g.login != "" && r.Header.Get("Authorization") != g.login && r.PostForm.Get("refresh_token") != g.login {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, g.token())
}

func basicLogin(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// authWorld is a guarded registry with its token server, both of which can fail.
type authWorld struct {
	*guarded
	img              image
	registry, server *faulty
}

func (w *wire) guard(login string) *authWorld {
	g := &guarded{good: store(), realm: "http://" + tokenHost + "/token?x=y", login: login}
	a := &authWorld{guarded: g, img: put(w.t, g.good, "team/app")}
	a.registry, a.server = &faulty{Good: g}, &faulty{Good: http.HandlerFunc(g.tokens)}
	w.serve(registryHost, a.registry)
	w.serve(tokenHost, a.server)
	return a
}

func (a *authWorld) fetch(t *testing.T, c *Client) error {
	t.Helper()
	_, err := c.Manifest(t.Context(), repository(a.img.repo), "1", nil)
	return err
}

// TestToken: one token serves all requests, is fetched once however many wait for
// it, and is fetched anew once it is refused.
func TestToken(t *testing.T) {
	for _, test := range []struct {
		name, login string
		keys        keys
		opt         Options
	}{
		{name: "anonymous"},
		{name: "login", login: basicLogin("ann", "pass:word"), keys: keys{registryHost: {Username: "ann", Password: "pass:word"}}},
		{name: "auth field", login: basicLogin("ann", "pw"), keys: keys{registryHost: {Auth: strings.TrimPrefix(basicLogin("ann", "pw"), "Basic ")}}},
		{name: "stated login", login: basicLogin("bob", "pw"), keys: keys{registryHost: {Username: "ann", Password: "x"}}, opt: Options{Username: "bob", Password: "pw"}},
		{name: "identity token", login: "identity", keys: keys{registryHost: {IdentityToken: "identity"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				a := w.guard(test.login)
				test.opt.Keychain = test.keys
				c := w.client(test.opt)
				ask := func() {
					var group sync.WaitGroup
					for range 12 {
						group.Go(func() {
							if err := a.fetch(t, c); err != nil {
								t.Error(err)
							}
						})
					}
					group.Wait()
				}
				ask()
				if n := len(a.server.Requests()); n != 1 {
					t.Errorf("%d tokens were asked for, want 1", n)
				}
				a.expire()
				ask()
				if n := len(a.server.Requests()); n != 2 {
					t.Errorf("%d tokens were asked for after the first expired, want 2", n)
				}
				r := a.server.Requests()[0]
				u, _ := url.Parse(r.URL)
				query := u.Query()
				if r.Method == http.MethodPost {
					query, _ = url.ParseQuery(r.Form)
					if query.Get("grant_type") != "refresh_token" || query.Get("client_id") == "" {
						t.Errorf("form %v", query)
					}
				}
				if query.Get("service") != "the service" || query.Get("scope") != "repository:team/app:pull" || u.Query().Get("x") != "y" {
					t.Errorf("the token server is asked %v", query)
				}
				for _, r := range a.registry.Requests() {
					if r.Authorization != "" && !strings.HasPrefix(r.Authorization, "Bearer ") {
						t.Errorf("the registry gets %q", r.Authorization)
					}
				}
			})
		})
	}
}

// TestTokenFaults: what the token server does wrong is worded, passing faults are
// retried, a refused login is sent once.
func TestTokenFaults(t *testing.T) {
	ann := keys{registryHost: {Username: "ann", Password: "pass-secret"}}
	for _, test := range []struct {
		name   string
		keys   keys
		always fault
		once   fault
		want   string
		// requests to the token server by two fetches
		requests int
	}{
		{name: "500 once", once: answers(500, ""), requests: 2},
		{name: "reset once", once: reset(), requests: 2},
		{name: "429 once", once: answers(429, "", "Retry-After", "3"), requests: 2},
		{name: "500", always: answers(500, ""), want: "the token server auth.test answers 500 Internal Server Error, 5 times in a row", requests: 10},
		{name: "403", always: answers(403, ""), want: "the token server auth.test answers 403 Forbidden (log in with docker login, or check that the repository exists)", requests: 2},
		{name: "401 anonymous", always: answers(401, ""), want: "the token server auth.test answers 401 Unauthorized (log in with docker login, or check that the repository exists)", requests: 2},
		{name: "401", keys: ann, always: answers(401, ""), want: "the token server auth.test refuses the login (log in again with docker login; it is not tried again in this run)", requests: 1},
		{name: "HTML", always: answers(200, "<html>", "Content-Type", "text/html"), want: "the token server auth.test answers with text/html, not with a token (is it", requests: 2},
		{name: "no token", always: answers(200, `{"expires_in":1}`), want: "the token server auth.test answers without a usable token", requests: 2},
		{name: "a token of two lines", always: answers(200, `{"token":"a\nb"}`), want: "the token server auth.test answers without a usable token", requests: 2},
		{name: "too long", always: answers(200, strings.Repeat(" ", maxTokenBytes+1)), want: "the token server auth.test sends more than 262144 bytes", requests: 2},
		{name: "stalls", always: stalled(-1), want: "the token server auth.test sends nothing for 30s, 5 times in a row", requests: 10},
		{name: "access_token", once: answers(200, `{"access_token":"token-0"}`), requests: 1},
		{name: "no OAuth2", keys: keys{registryHost: {IdentityToken: "identity"}}, once: answers(404, ""), requests: 2},
		{name: "redirects the login", keys: keys{registryHost: {IdentityToken: "identity"}}, always: redirects(307, "http://evil.test/"), want: "the token server auth.test redirects a login, which is not followed", requests: 2},
		{name: "redirects", keys: ann, once: redirects(307, "http://evil.test/"), requests: 1, want: ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				a := w.guard("")
				evil := &faulty{Always: answers(200, `{"token":"token-0"}`)}
				w.serve("evil.test", evil)
				if test.once != nil {
					a.server.Meet(test.once)
				}
				a.server.Always = test.always
				c := w.client(Options{Keychain: test.keys})
				for range 2 {
					err := a.fetch(t, c)
					switch {
					case test.want == "" && err != nil:
						t.Error(err)
					case test.want != "" && (err == nil || !strings.Contains(err.Error(), ": "+test.want)):
						t.Errorf("got  %v\nwant %s", err, test.want)
					}
				}
				if n := len(a.server.Requests()); n != test.requests {
					t.Errorf("%d requests to the token server, want %d", n, test.requests)
				}
				for _, r := range evil.Requests() {
					if r.Authorization != "" || r.Form != "" {
						t.Errorf("the redirect's host gets %+v", r)
					}
				}
			})
		})
	}
}

// TestUnauthorizedLoop: a registry that is never content ends in one sentence.
func TestUnauthorizedLoop(t *testing.T) {
	const advice = " (log in with docker login, or check that the repository exists)"
	ann := keys{registryHost: {Username: "ann", Password: "pw"}}
	for _, test := range []struct {
		name      string
		challenge []string
		keys      keys
		want      string
		requests  int
	}{
		{"bearer", []string{"Www-Authenticate", `Bearer realm="http://auth.test/token"`}, nil, "the registry answers 401 Unauthorized" + advice, 4},
		{"basic, no login", []string{"Www-Authenticate", `Basic realm="x"`}, nil, "the registry answers 401 Unauthorized" + advice, 2},
		{"basic", []string{"Www-Authenticate", `Basic realm="x"`}, ann, "", 3},
		{"no challenge", nil, nil, "the registry answers 401 Unauthorized (it does not say how to log in: WWW-Authenticate is missing or not understood)", 2},
		{"negotiate", []string{"Www-Authenticate", `Negotiate`}, nil, `the registry answers 401 Unauthorized (it wants a login by "negotiate"; Basic and Bearer are known here)`, 2},
		{"realm in plain HTTP", []string{"Www-Authenticate", `Bearer realm="http://other.test/token?secret"`}, nil,
			"the registry names a token server that speaks plain HTTP, at other.test (if that is meant, name it with --plain-http other.test)", 2},
		{"realm is no URL", []string{"Www-Authenticate", `Bearer realm="secret"`}, nil, "the registry names a token server that is not a URL", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				a := w.guard("")
				a.registry.Always = answers(401, "", test.challenge...)
				c := w.client(Options{Keychain: test.keys})
				for range 2 {
					if err := a.fetch(t, c); err == nil || !strings.HasSuffix(err.Error(), test.want) || !isError(err, ErrUnauthorized) && !strings.Contains(test.want, "token server") {
						t.Errorf("got  %v\nwant %s", err, test.want)
					}
				}
				if n := len(a.registry.Requests()); n != test.requests {
					t.Errorf("%d requests by two fetches, want %d", n, test.requests)
				}
			})
		})
	}
}

// TestBasic: the login goes with every request once the registry has asked, other
// repositories' among them, and among several challenges one is known.
func TestBasic(t *testing.T) {
	for _, challenge := range []string{`Basic realm="x"`, `Negotiate, Basic realm="x, y"`, `Digest nonce=abc, basic`} {
		inBubble(t, func(t *testing.T, w *wire) {
			f := &faulty{Good: store()}
			put(t, f.Good, "team/app")
			put(t, f.Good, "team/other")
			want := basicLogin("ann", "pw")
			f.Always = func(w http.ResponseWriter, r *http.Request, h http.Handler) {
				if r.Header.Get("Authorization") != want {
					answers(401, "", "Www-Authenticate", challenge)(w, r, h)
					return
				}
				h.ServeHTTP(w, r)
			}
			w.serve(registryHost, f)
			c := w.client(Options{Keychain: keys{registryHost: {Username: "ann", Password: "pw"}}})
			for _, path := range []string{"team/app", "team/app", "team/other"} {
				if _, err := c.Manifest(t.Context(), repository(path), "1", nil); err != nil {
					t.Errorf("%s: %v", challenge, err)
				}
			}
			if n := len(f.Requests()); n != 4 {
				t.Errorf("%s: %d requests, want 4", challenge, n)
			}
		})
	}
}

// TestRegistryToken is sent as it is.
func TestRegistryToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		a := w.guard("")
		if err := a.fetch(t, w.client(Options{Keychain: keys{registryHost: {RegistryToken: "token-0"}}})); err != nil {
			t.Error(err)
		}
		if n := len(a.server.Requests()); n != 0 {
			t.Errorf("the token server was asked %d times", n)
		}
	})
}

// TestPlainRealm: where a login may go.
func TestPlainRealm(t *testing.T) {
	c, err := New(Options{PlainHTTP: []string{"plain.test:5000"}, Dial: map[string]string{"served.test": "127.0.0.1:1"}, Keychain: keys{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		registry, realm string
		want            bool
	}{
		{"registry.test", "https://auth.test/token", true},
		{"registry.test", "https://10.0.0.1:8443/token", true},
		{"registry.test", "http://auth.test/token", false},
		{"registry.test", "http://registry.test/token", false},
		{"registry.test", "http://127.0.0.1/token", false},
		{"registry.test", "http://plain.test/token", false},
		{"registry.test", "http://plain.test:5000/token", true},
		{"plain.test:5000", "http://plain.test:5000/token", true},
		{"plain.test:5000", "http://plain.test:5001/token", false},
		{"plain.test:5000", "http://localhost:5001/token", true},
		{"plain.test:5000", "http://served.test/token", true},
		{"plain.test:5000", "ftp://plain.test:5000/token", false},
		{"plain.test:5000", "http://[x/token", false},
		{"plain.test:5000", "/token", false},
	} {
		target, err := c.target(t.Context(), Repository{test.registry, "a"})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = c.realm(target.places[0], challenge{parameters: map[string]string{"realm": test.realm}})
		if (err == nil) != test.want {
			t.Errorf("%s for %s: %v", test.realm, test.registry, err)
		}
	}
}

// TestCredentialHelpers: docker's configuration with a helper that knows the
// login, one that has none, one that is missing and one that breaks.
func TestCredentialHelpers(t *testing.T) {
	bin, home := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HOME", home)
	t.Setenv("DOCKER_CONFIG", home)
	script := func(name, body string) {
		if err := os.WriteFile(filepath.Join(bin, "docker-credential-"+name), []byte("#!/bin/sh\n"+body), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script("knows", `read host; echo "{\"ServerURL\":\"$host\",\"Username\":\"ann\",\"Secret\":\"pw of $host\"}"`)
	script("empty", `echo "credentials not found in native keychain"; exit 1`)
	script("breaks", `echo "secret-output"; exit 1`)
	config := `{"credHelpers":{"knows.test":"knows","empty.test":"empty","missing.test":"missing","breaks.test":"breaks","https://index.docker.io/v1/":"knows"}}`
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ host, user, password, err string }{
		{"knows.test", "ann", "pw of knows.test", ""},
		{"docker.io", "ann", "pw of https://index.docker.io/v1/", ""},
		{"empty.test", "", "", ""},
		{"unnamed.test", "", "", ""},
		{"missing.test", "", "", "the credential helper docker-credential-missing, which the docker configuration names for missing.test, is not installed (install it,"},
		{"breaks.test", "", "", "the credentials for breaks.test cannot be read: error getting credentials - err: exit status 1"},
	} {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		target, err := c.target(t.Context(), Repository{test.host, "a"})
		if err != nil {
			t.Fatal(err)
		}
		who, err := c.credentials(t.Context(), target.places[0])
		if who.Username != test.user || who.Password != test.password {
			t.Errorf("%s: %+v", test.host, who)
		}
		if (err == nil) != (test.err == "") || err != nil && !strings.HasPrefix(err.Error(), test.err) || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", test.host, err, test.err)
		}
	}
}

// slowKeys is a credential helper that asks its user.
type slowKeys struct{ answer chan struct{} }

func (k slowKeys) Resolve(authn.Resource) (authn.Authenticator, error) {
	<-k.answer
	return authn.FromConfig(authn.AuthConfig{Username: "ann", Password: "pw"}), nil
}

// TestSlowHelper: a context's end does not wait for a credential helper, and a
// later request does.
func TestSlowHelper(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		a := w.guard(basicLogin("ann", "pw"))
		k := slowKeys{make(chan struct{})}
		c := w.client(Options{Keychain: k})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Manifest(ctx, repository("team/app"), "1", nil); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
		close(k.answer)
		if err := a.fetch(t, c); err != nil {
			t.Error(err)
		}
	})
}

// TestRedirects: storage gets no authorization, and what leads nowhere ends.
func TestRedirects(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		a := w.guard(basicLogin("ann", "pw"))
		storage := &faulty{Good: a.good}
		w.serve("storage.test", storage)
		c := w.client(Options{Keychain: keys{registryHost: {Username: "ann", Password: "pw"}}})
		if err := a.fetch(t, c); err != nil {
			t.Fatal(err)
		}
		blob := "/v2/team/app/blobs/" + a.img.configDigest
		for _, status := range []int{301, 302, 303, 307, 308} {
			a.registry.Meet(redirects(status, "http://storage.test"+blob+"?signature=secret"))
			if _, err := c.Document(t.Context(), repository("team/app"), a.img.configDigest, -1, nil); err != nil {
				t.Errorf("%d: %v", status, err)
			}
		}
		if n := len(storage.Requests()); n != 5 {
			t.Errorf("storage has %d requests", n)
		}
		// There and back: what has left the registry comes back without authorization.
		a.registry.Meet(redirects(307, "http://storage.test/back"), answers(403, ""))
		storage.Meet(redirects(307, "http://registry.test"+blob))
		if _, err := c.Document(t.Context(), repository("team/app"), a.img.configDigest, -1, nil); err == nil {
			t.Error("the registry's refusal is lost")
		}
		for _, r := range storage.Requests() {
			if r.Authorization != "" {
				t.Errorf("storage gets %q", r.Authorization)
			}
		}
		all := a.registry.Requests()
		if last := all[len(all)-1]; last.Authorization != "" {
			t.Errorf("a redirect from storage to the registry carries %q", last.Authorization)
		}
		// A part and another path of the same host.
		a.registry.Meet(redirects(307, blob))
		if part, total, err := c.Range(t.Context(), repository("team/app"), a.img.configDigest, 2, 4); err != nil || string(part) != string(a.img.config[2:6]) || total != int64(len(a.img.config)) {
			t.Errorf("%q of %d, %v", part, total, err)
		}
	})
}

func TestBadRedirects(t *testing.T) {
	for _, test := range []struct {
		name     string
		fault    fault
		requests int
		want     string
	}{
		{"loop", redirects(302, "?again"), 11, "the registry redirects more than 10 times"},
		{"nowhere", redirects(302, ""), 1, "the registry redirects to nowhere: Location is missing"},
		{"no URL", redirects(302, "http://%zz/secret"), 1, "the registry redirects to what is not a URL"},
		{"file", redirects(302, "file:///etc/secret"), 1, `the registry redirects to a URL of scheme "file", which is refused`},
		{"unknown host", redirects(302, "http://nowhere.test/?secret"), 1, "no host is named nowhere.test"},
		{"storage says no", redirects(302, "http://storage.test/?secret"), 1, "storage.test, to which the registry redirects, answers 403 Forbidden"},
		{"storage wants a login", redirects(302, "http://storage.test/401?secret"), 1, "storage.test, to which the registry redirects, answers 401 Unauthorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				f := &faulty{Good: store(), Always: test.fault}
				w.serve(registryHost, f)
				w.serve("storage.test", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/401" {
						w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
						w.WriteHeader(401)
						return
					}
					w.WriteHeader(403)
				}))
				_, err := w.client(Options{Username: "ann", Password: "secret"}).Document(t.Context(), repository("team/app"), digestOf(nil, ""), -1, nil)
				if err == nil || !strings.Contains(err.Error(), ": "+test.want) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got  %v\nwant %s", err, test.want)
				}
				if n := len(f.Requests()); n != test.requests {
					t.Errorf("%d requests, want %d", n, test.requests)
				}
			})
		})
	}
	r := request{place: &place{host: &host{origin: origin{"https", registryHost}}}}
	from := &url.URL{Scheme: "https", Host: registryHost, Path: "/v2/"}
	if _, err := r.redirected(r.place.host, from, "http://storage.test/?secret"); err == nil || err.Error() != `the registry redirects from HTTPS to plain HTTP at "storage.test", which is refused (tell those who run the registry)` {
		t.Errorf("got %v", err)
	}
}

// TestOrigin: only an equal scheme, host and port is the same place.
func TestOrigin(t *testing.T) {
	same := newOrigin("https", "registry.test")
	for _, other := range []origin{newOrigin("http", "registry.test"), newOrigin("https", "registry.test:5000"), newOrigin("https", "registry.test:80"), newOrigin("https", "a.registry.test"), newOrigin("http", "registry.test:443")} {
		if other == same {
			t.Errorf("%v is taken for %v", other, same)
		}
	}
	if newOrigin("https", "Registry.test:443") != same {
		t.Error("the default port makes another origin")
	}
}

// TestSecrets: whatever goes wrong wherever, no error has a secret.
func TestSecrets(t *testing.T) {
	body := `{"errors":[{"code":"DENIED","message":"secret-message"}]} secret-body`
	faults := []fault{
		answers(400, body), answers(401, body), answers(403, body), answers(404, body), answers(429, body, "Retry-After", "9999"), answers(500, body),
		answers(401, body, "Www-Authenticate", `Bearer realm="https://secret-user:secret-password@nowhere.test/?secret-query"`),
		answers(401, body, "Www-Authenticate", `Odd x="secret-challenge"`),
		answers(200, "secret-body", "Content-Type", "text/plain; secret=1"), answers(307, "", "Location", "http://nowhere.test/secret-path?secret-query"),
		answers(307, "", "Location", "http://secret user:secret@storage.test/%"), answers(307, "", "Location", "/again?secret-query"),
		truncated(3), reset(), stalled(-1), corrupted(),
		func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			conn, out, _ := w.(http.Hijacker).Hijack()
			out.WriteString("HTTP/1.1 secret-status secret\r\nsecret-header secret\r\n\r\n")
			out.Flush()
			conn.Close()
		},
	}
	for i, one := range faults {
		for _, where := range []string{"registry", "token server"} {
			t.Run(fmt.Sprintf("%s %d", where, i), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *wire) {
					a := w.guard("")
					if where == "registry" {
						a.registry.Always = one
					} else {
						a.server.Always = one
					}
					c := w.client(Options{Keychain: keys{registryHost: {Username: "secret-user", Password: "secret-password"}}, MaxWait: time.Minute})
					_, manifest := c.Manifest(t.Context(), repository("team/app"), "1", nil)
					_, _, _, head := c.Head(t.Context(), repository("team/app"), "1")
					_, config := c.Document(t.Context(), repository("team/app"), a.img.configDigest, -1, nil)
					_, _, part := c.Range(t.Context(), repository("team/app"), a.img.configDigest, 0, 10)
					_, blob := c.Blob(t.Context(), repository("team/app"), a.img.configDigest, -1)
					errs := []error{manifest, head, config, part, blob}
					for _, err := range c.Tags(t.Context(), repository("team/app")) {
						errs = append(errs, err)
					}
					count := 0
					for _, err := range errs {
						if err == nil {
							continue
						}
						count++
						text := fmt.Sprintf("%v %+v %#v", err, err, err)
						encoded := base64.StdEncoding.EncodeToString([]byte("secret-user:secret-password"))
						if strings.Contains(strings.ToLower(text), "secret") || strings.Contains(text, encoded) || strings.Contains(text, "token-0") {
							t.Errorf("%s", text)
						}
					}
					if count == 0 && !slices.Contains([]int{8, 15}, i) {
						t.Error("nothing went wrong")
					}
				})
			})
		}
	}
}

// TestLoginNotForMirrors: the login that the caller gave is the registry's, and a
// mirror that asks for one does not get it.
func TestLoginNotForMirrors(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		var own, mirror []string
		basic := func(seen *[]string, good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if *seen = append(*seen, r.Header.Get("Authorization")); r.Header.Get("Authorization") == "" {
					w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				good.ServeHTTP(w, r)
			})
		}
		good := store()
		img := put(t, good, "team/app")
		w.serve(registryHost, basic(&own, good))
		w.serve("mirror.test", basic(&mirror, good))
		c := w.client(Options{Keychain: keys{}, Username: "me", Password: "secret", Mirrors: map[string][]string{registryHost: {"mirror.test"}}})
		if _, err := c.Manifest(t.Context(), repository("team/app"), img.digest, nil); err != nil {
			t.Error(err)
		}
		if len(mirror) == 0 || slices.ContainsFunc(mirror, func(s string) bool { return s != "" }) {
			t.Errorf("the mirror was sent %q", mirror)
		}
		if len(own) != 2 || own[1] == "" {
			t.Errorf("the registry was sent %q", own)
		}
	})
}
