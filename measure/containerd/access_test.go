//go:build linux

package containerd

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
)

// TestRegistryHosts: containerd's own reader makes of what is written for a registry
// the hosts that our client would ask, in its order.
func TestRegistryHosts(t *testing.T) {
	certificates := t.TempDir()
	trusted := filepath.Join(certificates, "private.example.com")
	if err := os.Mkdir(trusted, 0o755); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	authority := filepath.Join(trusted, "ca.crt")
	if err := os.WriteFile(authority, certificatePEM(s), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		access Access
		host   string
		want   []string // as scheme://host/path
		plain  bool     // containerd's own rules would do
	}{
		"hub":         {Access{}, "docker.io", []string{"https://registry-1.docker.io/v2"}, true},
		"other":       {Access{PlainHTTP: []string{"plain.example.com"}}, "registry.example.com", []string{"https://registry.example.com/v2"}, true},
		"plain":       {Access{PlainHTTP: []string{"Plain.example.com:8080"}}, "plain.example.com:8080", []string{"http://plain.example.com:8080/v2"}, false},
		"alias":       {Access{Aliases: map[string]string{"registry.example.com": "registry-vpc.example.com"}}, "registry.example.com", []string{"https://registry-vpc.example.com/v2"}, false},
		"to the hub":  {Access{Aliases: map[string]string{"registry.example.com": "index.docker.io"}}, "registry.example.com", []string{"https://registry-1.docker.io/v2"}, false},
		"plain alias": {Access{Aliases: map[string]string{"registry.example.com": "127.0.0.1:5000"}, PlainHTTP: []string{"127.0.0.1:5000"}}, "registry.example.com", []string{"http://127.0.0.1:5000/v2"}, false},
		"mirrors": {
			Access{Mirrors: map[string][]string{"index.docker.io": {"one.example.com", "two.example.com:5000/hub/"}}, PlainHTTP: []string{"two.example.com:5000"}}, "docker.io",
			[]string{"https://one.example.com/v2", "http://two.example.com:5000/v2/hub", "https://registry-1.docker.io/v2"}, false,
		},
		"mirror of an alias": {
			Access{Aliases: map[string]string{"registry.example.com": "b.example.com"}, Mirrors: map[string][]string{"b.example.com": {"c.example.com"}, "registry.example.com": {"d.example.com"}}}, "registry.example.com",
			[]string{"https://c.example.com/v2", "https://b.example.com/v2"}, false,
		},
		"authority": {Access{CAFiles: []string{authority}}, "registry.example.com", []string{"https://registry.example.com/v2"}, false},
		"directory": {Access{CertificatesDir: certificates}, "private.example.com", []string{"https://private.example.com/v2"}, false},
		// TLS is tried first, as containerd does with a loopback address.
		"loopback alias": {Access{Aliases: map[string]string{"registry.example.com": "localhost:5000"}}, "registry.example.com", []string{"https://localhost:5000/v2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := c.access.registry(c.host)
			if err != nil {
				t.Fatal(err)
			}
			if (r.file == "") != c.plain {
				t.Errorf("the file is %q", r.file)
			}
			n := &node{places: placesIn(t.TempDir()), runner: &Runner{registries: []registryHost{r}}}
			if err := n.writeHosts(); err != nil {
				t.Fatal(err)
			}
			if (n.hostDir() == "") != c.plain {
				t.Errorf("the directory of hosts is %q", n.hostDir())
			}
			hosts, err := config.ConfigureHosts(t.Context(), config.HostOptions{HostDir: config.HostDirFromRoot(n.places.hosts)})(c.host)
			if err != nil {
				t.Fatal(err)
			}
			var got, asked []string
			for _, h := range hosts {
				got = append(got, h.Scheme+"://"+h.Host+h.Path)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s\n%s", diff, r.file)
			}
			for _, a := range r.asked { // the registry itself, then its mirrors
				asked = append(asked, a.host)
			}
			for i, h := range hosts {
				if want := asked[(i+1)%len(asked)]; h.Host != want {
					t.Errorf("host %d is %s, logins are for %s", i, h.Host, want)
				}
			}
		})
	}
}

// TestAuthority: an authority of one's own is trusted for an alias's target and for a
// mirror, where the system's are not enough.
func TestAuthority(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, certificatePEM(s), 0o644); err != nil {
		t.Fatal(err)
	}
	address := s.Listener.Addr().String()
	for _, c := range []struct {
		access  Access
		trusted bool
	}{
		{Access{Aliases: map[string]string{host: address}}, false}, {Access{Aliases: map[string]string{host: address}, CAFiles: []string{authority}}, true},
		{Access{Mirrors: map[string][]string{host: {address}}}, false}, {Access{Mirrors: map[string][]string{host: {address}}, CAFiles: []string{authority}}, true},
	} {
		r, err := c.access.registry(host)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{places: placesIn(t.TempDir()), runner: &Runner{registries: []registryHost{r}}}
		if err := n.writeHosts(); err != nil {
			t.Fatal(err)
		}
		hosts, err := config.ConfigureHosts(t.Context(), config.HostOptions{HostDir: config.HostDirFromRoot(n.places.hosts)})(host)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := hosts[0].Client.Get("https://" + address)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.trusted {
			t.Errorf("%s\nthe first host answers: %v", r.file, err)
		}
	}
}

func certificatePEM(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// TestCredentialsOf: each kind of login that docker's configuration can have.
func TestCredentialsOf(t *testing.T) {
	for _, c := range []struct {
		who  authn.AuthConfig
		want registry.Credentials
		bad  bool
	}{
		{authn.AuthConfig{}, registry.Credentials{Host: "h"}, false},
		{authn.AuthConfig{Username: "ann", Password: "secret"}, registry.Credentials{Host: "h", Username: "ann", Secret: "secret"}, false},
		{authn.AuthConfig{Auth: base64.StdEncoding.EncodeToString([]byte("ann:sec:ret"))}, registry.Credentials{Host: "h", Username: "ann", Secret: "sec:ret"}, false},
		{authn.AuthConfig{Auth: "%"}, registry.Credentials{}, true},
		{authn.AuthConfig{Username: "ann", IdentityToken: "token"}, registry.Credentials{Host: "h", Secret: "token"}, false},
		{authn.AuthConfig{Username: "<token>", Password: "token"}, registry.Credentials{Host: "h", Secret: "token"}, false},
		{authn.AuthConfig{RegistryToken: "token"}, registry.Credentials{}, true},
	} {
		if got, err := credentialsOf("h", c.who); (err != nil) != c.bad || got != c.want {
			t.Errorf("%+v: %+v, %v", c.who, got, err)
		}
	}
}

// keychain has logins by registry, and fails for what it has not.
type keychain map[string]authn.AuthConfig

func (k keychain) Resolve(r authn.Resource) (authn.Authenticator, error) {
	who, ok := k[r.RegistryStr()]
	if !ok {
		return nil, fmt.Errorf("no helper for %s, out: `secret`", r.RegistryStr())
	}
	return authn.FromConfig(who), nil
}

// TestLogins: whose login goes where.
func TestLogins(t *testing.T) {
	access := &Access{
		Keychain: keychain{"index.docker.io": {Username: "hub", Password: "1"}, "mirror.example.com": {Username: "mirror", Password: "2"}},
		Mirrors:  map[string][]string{"docker.io": {"mirror.example.com/hub"}},
	}
	get := func(l *logins, host string) string {
		c, err := l.GetCredentials(t.Context(), "", host)
		if err != nil {
			t.Error(err)
		}
		return c.Username
	}
	renewed := func(names ...string) *logins {
		var hosts []registryHost
		for _, name := range names {
			r, err := access.registry(name)
			if err != nil {
				t.Fatal(err)
			}
			hosts = append(hosts, r)
		}
		l := &logins{access: access}
		if err := l.renew(t.Context(), hosts); err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := renewed("docker.io")
	if hub, mirror := get(l, "registry-1.docker.io"), get(l, "mirror.example.com"); hub != "hub" || mirror != "mirror" || !l.any() {
		t.Errorf("the hub's login is %q, the mirror's %q", hub, mirror)
	}
	if err := l.why(os.ErrInvalid); err != os.ErrInvalid {
		t.Errorf("nothing was missing: %v", err)
	}
	access.Username, access.Password = "given", "3"
	l = renewed("docker.io")
	if hub, mirror, other := get(l, "registry-1.docker.io"), get(l, "mirror.example.com"), get(l, "cdn.example.com"); hub != "given" || mirror != "mirror" || other != "" {
		t.Errorf("the login that was given goes to the hub as %q, the mirror as %q, others as %q", hub, mirror, other)
	}
	access.Username = ""
	// A login that cannot be looked up is told of once it is asked for, without what a
	// helper said.
	l = renewed("registry.example.com")
	if err := l.why(os.ErrInvalid); err != os.ErrInvalid {
		t.Errorf("before it is asked for: %v", err)
	}
	if who := get(l, "registry.example.com"); who != "" || !l.any() {
		t.Errorf("the login is %q", who)
	}
	if err := l.why(os.ErrInvalid); !strings.Contains(err.Error(), "no helper for registry.example.com") || strings.Contains(err.Error(), "secret") {
		t.Errorf("once it is asked for: %v", err)
	}
	access.Keychain = keychain{"registry.example.com": {}}
	if l = renewed("registry.example.com"); l.any() {
		t.Error("there is a login where there is none")
	}
	// Of a directory of hosts it is not known before which hosts there are.
	l.anywhere, access.Keychain = true, keychain{"later.example.com": {Username: "later", Password: "4"}}
	if who := get(l, "later.example.com"); who != "later" || !l.any() {
		t.Errorf("the login of a host of a directory is %q", who)
	}
}

// locked is a registry that wants a login, and counts what it lets in.
type locked struct {
	http.Handler
	user, password string

	passed atomic.Int64
}

func (l *locked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != l.user || password != l.password {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	l.passed.Add(1)
	l.Handler.ServeHTTP(w, r)
}

// TestLoginProtected: containerd pulls from a registry under another name, in plain
// HTTP, behind a login, after a mirror that has nothing; without the login the start is
// void and says why.
func TestLoginProtected(t *testing.T) {
	b := newBench(t)
	registry := &locked{Handler: b, user: "ann", password: "correct horse"}
	s := httptest.NewServer(registry)
	defer s.Close()
	var mirrored atomic.Int64
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mirrored.Add(1); http.NotFound(w, r) }))
	defer mirror.Close()
	address, mirrorAddress := s.Listener.Addr().String(), mirror.Listener.Addr().String()
	for _, method := range []string{MethodTransfer, MethodClient} {
		for name, c := range map[string]struct {
			access Access
			void   string
		}{
			"given":    {Access{Username: "ann", Password: "correct horse"}, ""},
			"keychain": {Access{Keychain: keychain{address: {Username: "ann", Password: "correct horse"}, mirrorAddress: {}}}, ""},
			"wrong":    {Access{Username: "ann", Password: "wrong"}, "401"},
			"helper":   {Access{Keychain: keychain{}}, "no helper for " + address},
		} {
			t.Run(method+" "+name, func(t *testing.T) {
				access := c.access
				access.Aliases = map[string]string{host: address}
				access.Mirrors = map[string][]string{address: {mirrorAddress + "/hub"}}
				access.PlainHTTP = []string{address, mirrorAddress}
				mirrored.Store(0)
				root := shortDir(t)
				r := start(t, Options{Binary: daemonProgram(t), Root: root, Inventory: b.inventory, Method: method, Access: access})
				u := once(t, r, &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: web, PullOnly: true}}})[0]
				if c.void != "" {
					if !strings.Contains(u.Void, c.void) {
						t.Errorf("void %q, want %q", u.Void, c.void)
					}
					return
				}
				checkPull(t, b, &u, []int{0, 1, 2}, 0)
				if mirrored.Load() == 0 {
					t.Error("the mirror was not asked")
				}
				nowhere(t, root, "correct horse")
			})
		}
	}
	if registry.passed.Load() == 0 {
		t.Error("nobody was let in")
	}
}

// TestSignedRedirect: where a store refuses what a registry has redirected to it, the
// start is void and says so, without the signature in the URL.
func TestSignedRedirect(t *testing.T) {
	b := newBench(t)
	const signature = "X-Amz-Signature=topsecret"
	var refused atomic.Int64
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == signature {
			refused.Add(1)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer store.Close()
	last := "/blobs/" + string(b.digest(t, 2))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, last) {
			http.Redirect(w, r, store.URL+"/blob?"+signature, http.StatusTemporaryRedirect)
			return
		}
		b.ServeHTTP(w, r)
	}))
	defer s.Close()
	for _, method := range []string{MethodTransfer, MethodClient} {
		t.Run(method, func(t *testing.T) {
			refused.Store(0)
			r := start(t, Options{Binary: daemonProgram(t), Root: shortDir(t), Inventory: b.inventory, Method: method, Registry: s.Listener.Addr().String()})
			u := once(t, r, &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: web, PullOnly: true}}})[0]
			if refused.Load() == 0 || !strings.Contains(u.Void, "403") || !strings.Contains(u.Void, store.URL) || strings.Contains(u.Void, "topsecret") {
				t.Errorf("%d requests were refused, and void is %q", refused.Load(), u.Void)
			}
		})
	}
}

// nowhere makes sure that a secret is in no file.
func nowhere(t *testing.T, root, secret string) {
	t.Helper()
	files := 0
	filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		files++
		for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte("ann:" + secret))} {
			if raw, err := os.ReadFile(path); err == nil && strings.Contains(string(raw), form) {
				t.Errorf("%s has the password", path)
			}
		}
		return nil
	})
	if files == 0 {
		t.Error("there are no files")
	}
}

// TestAccessNotTaken: a directory of registry hosts is for images from where they are.
func TestAccessNotTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("containerd takes root")
	}
	for _, c := range []struct {
		opt  Options
		want string
	}{
		{Options{HostDir: t.TempDir(), Registry: "127.0.0.1:1", Inventory: &layers.Inventory{}}, "leave it out"},
		{Options{HostDir: t.TempDir() + "/none", Inventory: &layers.Inventory{}}, "no such file"},
	} {
		if r, err := NewRunner(context.Background(), c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v", c.opt, r, err)
		}
	}
}
