package distribution

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestAgainstPuller: go-containerregistry's client pushes and reads the same
// documents, blobs and tags from the same server on loopback.
func TestAgainstPuller(t *testing.T) {
	server := httptest.NewServer(store())
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	c, err := New(Options{Keychain: keys{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	repo := Repository{host, "team/app"}
	for i := range 3 {
		img, err := random.Image(int64(1000+i), 3)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := name.ParseReference(fmt.Sprintf("%s:%d", repo, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, img); err != nil {
			t.Fatal(err)
		}
		theirs, err := remote.Get(ref)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := c.Manifest(t.Context(), repo, fmt.Sprint(i), nil)
		if err != nil || !bytes.Equal(ours.Body, theirs.Manifest) || ours.Digest != theirs.Digest.String() || ours.ContentType != string(theirs.MediaType) {
			t.Errorf("%+v %v", ours, err)
		}
		config, _ := img.ConfigName()
		want, _ := img.RawConfigFile()
		if got, err := c.Document(t.Context(), repo, config.String(), int64(len(want)), nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("config %s %v", got, err)
		}
		layers, _ := img.Layers()
		for _, layer := range layers {
			digest, _ := layer.Digest()
			size, _ := layer.Size()
			blob, err := c.Blob(t.Context(), repo, digest.String(), size)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(blob)
			blob.Close()
			if err != nil || digestOf(got, "") != digest.String() {
				t.Errorf("layer %s: %d bytes, %v", digest, len(got), err)
			}
		}
	}
	registry, _ := name.NewRepository(repo.String())
	theirs, err := remote.List(registry)
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for page, err := range c.Tags(t.Context(), repo) {
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, page...)
	}
	if strings.Join(ours, " ") != strings.Join(theirs, " ") {
		t.Errorf("tags %v, want %v", ours, theirs)
	}
}

// TestReset: a connection that the kernel resets is asked anew.
func TestReset(t *testing.T) {
	f := &faulty{Good: store()}
	put(t, f.Good, "team/app")
	f.Meet(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	server := httptest.NewServer(f)
	defer server.Close()
	c, err := New(Options{Keychain: keys{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Manifest(t.Context(), Repository{strings.TrimPrefix(server.URL, "http://"), "team/app"}, "1", nil); err != nil {
		t.Error(err)
	}
	if n := len(f.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// tlsServer serves over TLS with HTTP/2 and writes its certificate to a file.
func tlsServer(t *testing.T, h http.Handler) (host, certificate string) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.crt")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(server.URL, "https://"), file
}

// TestTLS: a certificate is trusted when it is named, for all hosts or for one,
// and HTTP/2 is spoken.
func TestTLS(t *testing.T) {
	f := &faulty{Good: store()}
	put(t, f.Good, "team/app")
	version := 0
	host, ca := tlsServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		version = r.ProtoMajor
		f.ServeHTTP(w, r)
	}))
	dir, other := t.TempDir(), t.TempDir()
	for place, name := range map[string]string{dir: host, other: "registry.test"} {
		if err := os.Mkdir(filepath.Join(place, name), 0o700); err != nil {
			t.Fatal(err)
		}
		pem, _ := os.ReadFile(ca)
		if err := os.WriteFile(filepath.Join(place, name, "ca.crt"), pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	untrusted := "the certificate of " + host + " is signed by an authority that is not trusted (name the authority's certificate with --ca-file, or in /etc/docker/certs.d/" + host + ")"
	for _, test := range []struct {
		name string
		opt  Options
		want string
	}{
		{"CA file", Options{CAFiles: []string{ca}}, ""},
		{"host's directory", Options{CertificatesDir: dir}, ""},
		{"another host's directory", Options{CertificatesDir: other}, untrusted},
		{"neither", Options{}, untrusted},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.opt.Keychain = keys{}
			c, err := New(test.opt)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Manifest(t.Context(), Repository{host, "team/app"}, "1", nil)
			if test.want == "" && (err != nil || version != 2) {
				t.Errorf("%v, HTTP/%d", err, version)
			}
			if test.want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+test.want)) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	if _, err := New(Options{CAFiles: []string{filepath.Join(dir, "missing")}}); err == nil {
		t.Error("a missing CA file is accepted")
	}
	empty := filepath.Join(dir, "empty")
	os.WriteFile(empty, nil, 0o600)
	if _, err := New(Options{CAFiles: []string{empty}}); err == nil || !strings.Contains(err.Error(), "holds none in PEM form") {
		t.Errorf("an empty CA file: %v", err)
	}
}

// TestPlainHTTP: a server without TLS is refused unless it is named or on
// loopback.
func TestPlainHTTP(t *testing.T) {
	f := &faulty{Good: store()}
	put(t, f.Good, "team/app")
	server := httptest.NewServer(f)
	defer server.Close()
	addr := strings.TrimPrefix(server.URL, "http://")
	ask := func(host string, opt Options) error {
		opt.Keychain = keys{}
		c, err := New(opt)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.transport.Proxy = nil
		dial := c.transport.DialContext
		c.transport.DialContext = func(ctx context.Context, network, to string) (net.Conn, error) {
			if strings.HasPrefix(to, "registry.test:") {
				to = addr
			}
			return dial(ctx, network, to)
		}
		_, err = c.Manifest(t.Context(), Repository{host, "team/app"}, "1", nil)
		return err
	}
	want := "fetch manifest registry.test:5000/team/app:1: the registry registry.test:5000 speaks plain HTTP, not HTTPS (if that is meant, name it with --plain-http registry.test:5000)"
	if err := ask("registry.test:5000", Options{}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	port := addr[strings.LastIndex(addr, ":"):]
	for host, opt := range map[string]Options{
		addr:                   {},
		"localhost" + port:     {},
		"registry.test:5000":   {PlainHTTP: []string{"registry.test:5000"}},
		"served.test":          {Dial: map[string]string{"served.test": addr}},
		"served.test:5000":     {Dial: map[string]string{"served.test": addr}},
		"served.test:5001":     {Dial: map[string]string{"served.test:5001": addr}},
		"docker.io":            {Dial: map[string]string{"docker.io": addr}},
		"index.docker.io":      {Dial: map[string]string{"docker.io": addr}},
		"Registry.Test:5000":   {PlainHTTP: []string{"REGISTRY.test:5000"}},
		"registry.test:80":     {PlainHTTP: []string{"registry.test:80"}},
		"a.b.localhost" + port: {Dial: map[string]string{"a.b.localhost": addr}},
	} {
		if err := ask(host, opt); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Logf("no IPv6 here: %v", err)
		return
	}
	six := httptest.NewUnstartedServer(f)
	six.Listener.Close()
	six.Listener = listener
	six.Start()
	defer six.Close()
	if err := ask(listener.Addr().String(), Options{}); err != nil {
		t.Error(err)
	}
}

// TestProxy: the environment's proxy is used, but not for what the caller serves.
func TestProxy(t *testing.T) {
	c, err := New(Options{Dial: map[string]string{"served.test": "127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	proxy := func(u string) (*url.URL, error) {
		r, _ := http.NewRequest(http.MethodGet, u, nil)
		return c.transport.Proxy(r)
	}
	r, _ := http.NewRequest(http.MethodGet, "https://registry.test/", nil)
	want, _ := http.ProxyFromEnvironment(r)
	if got, err := proxy("https://registry.test/"); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := proxy("http://served.test:5000/"); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
}

// TestNobodyThere: refused connections and unknown names are worded and not
// retried.
func TestNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	c, err := New(Options{Keychain: keys{}, Dial: map[string]string{"served.test": addr}})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{addr, "served.test"} {
		_, err := c.Manifest(t.Context(), Repository{host, "a"}, "1", nil)
		if want := fmt.Sprintf("fetch manifest %s/a:1: nothing listens at %s (check the name and the port)", host, host); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if n := c.Requests()[host]; n != 1 {
			t.Errorf("%d requests to %s, want 1", n, host)
		}
	}
	inBubble(t, func(t *testing.T, w *wire) {
		w.serve(registryHost, store())
		c := w.client(Options{PlainHTTP: []string{"nowhere.test:81"}})
		_, err := c.Manifest(t.Context(), Repository{"nowhere.test:81", "a"}, "1", nil)
		if want := "fetch manifest nowhere.test:81/a:1: no host is named nowhere.test (check the name, the network and the proxy)"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// TestMirrors: they are asked first, fall behind the registry when they fail, and
// are passed over for a while.
func TestMirrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		mirror fault
		// mirrored and own are the requests by three fetches at once after another.
		mirrored, own int
	}{
		{"good", nil, 3, 0},
		{"does not hold it", answers(404, ""), 3, 3},
		{"wants a login", answers(401, ""), 3, 3},
		{"fails", answers(500, ""), 1, 3},
		{"resets", reset(), 1, 3},
		{"limits", answers(429, "", "Retry-After", "10"), 1, 3},
		{"limits for hours", answers(429, "", "Retry-After", "10000"), 1, 3},
		{"stalls", stalled(-1), 1, 3},
		{"stalls within", stalled(10), 1, 3},
		{"lies", corrupted(), 2, 3},
		{"HTML", typed("text/html"), 3, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				own := &faulty{Good: store()}
				mirror := &faulty{Good: store(), Always: test.mirror}
				img := put(t, own.Good, "team/app")
				put(t, mirror.Good, "hub/team/app")
				w.serve(registryHost, own)
				w.serve("mirror.test", mirror)
				c := w.client(Options{Mirrors: map[string][]string{registryHost: {"mirror.test/hub"}}})
				for range 3 {
					doc, err := c.Manifest(t.Context(), repository("team/app"), img.digest, nil)
					if err != nil || doc.Digest != img.digest {
						t.Errorf("%v %v", doc, err)
					}
				}
				if m, o := len(mirror.Requests()), len(own.Requests()); m != test.mirrored || o != test.own {
					t.Errorf("%d requests to the mirror and %d to the registry, want %d and %d", m, o, test.mirrored, test.own)
				}
				time.Sleep(time.Hour)
				before := len(mirror.Requests())
				c.Manifest(t.Context(), repository("team/app"), img.digest, nil)
				if len(mirror.Requests()) == before && test.name != "limits for hours" {
					t.Error("the mirror is never asked again")
				}
				before = len(mirror.Requests())
				for range c.Tags(t.Context(), repository("team/app")) {
				}
				if len(mirror.Requests()) != before {
					t.Error("the mirror is asked for tags")
				}
			})
		})
	}
}

// TestMirrorsAllFail: the registry's answer counts, and what the mirrors said is
// not lost.
func TestMirrorsAllFail(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		w.serve(registryHost, &faulty{Always: answers(404, "")})
		w.serve("a.test", &faulty{Always: answers(503, "")})
		w.serve("b.test", &faulty{Always: answers(401, "")})
		c := w.client(Options{Mirrors: map[string][]string{registryHost: {"a.test", "b.test"}}})
		_, err := c.Manifest(t.Context(), repository("team/app"), "1", nil)
		want := "fetch manifest registry.test/team/app:1: the registry answers 404 Not Found; before that, the mirror a.test answers 503 Service Unavailable; before that, the mirror b.test answers 401 Unauthorized (no such repository or tag)"
		if err == nil || err.Error() != want || !errors.Is(err, ErrNotFound) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

// TestClientCertificate: a server that wants one gets the one of its directory.
func TestClientCertificate(t *testing.T) {
	good := store()
	put(t, good, "team/app")
	server := httptest.NewUnstartedServer(good)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	dir := t.TempDir()
	place := filepath.Join(dir, host)
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key := keyPEM(t, server.TLS.Certificates[0])
	for file, content := range map[string][]byte{"ca.crt": certificate, "client.cert": certificate, "client.key": key} {
		if err := os.WriteFile(filepath.Join(place, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for d, want := range map[string]bool{dir: true, t.TempDir(): false} {
		c, err := New(Options{Keychain: keys{}, CertificatesDir: d, CAFiles: []string{filepath.Join(place, "ca.crt")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Manifest(t.Context(), Repository{host, "team/app"}, "1", nil); (err == nil) != want {
			t.Errorf("with %s: %v", d, err)
		}
		c.Close()
	}
	os.Remove(filepath.Join(place, "client.key"))
	c, err := New(Options{Keychain: keys{}, CertificatesDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Manifest(t.Context(), Repository{host, "team/app"}, "1", nil); err == nil || !strings.Contains(err.Error(), "read the client certificate") {
		t.Errorf("without the key: %v", err)
	}
}

func keyPEM(t *testing.T, c tls.Certificate) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestSlotsOfWaiters: whoever waits for a slot leaves with its context.
func TestSlotsOfWaiters(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: store(), Always: stalled(-1)}
		img := put(t, f.Good, "team/app")
		w.serve(registryHost, f)
		c := w.client(Options{RequestsAtOnce: 1})
		long, stop := context.WithCancel(t.Context())
		go c.Manifest(long, repository(img.repo), "1", nil)
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Manifest(short, repository(img.repo), "1", nil); err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		stop()
	})
}
