package distribution

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// fault is what one request meets in place of, or on the way to, a good answer.
type fault func(w http.ResponseWriter, r *http.Request, good http.Handler)

// seen is what a server saw of a request.
type seen struct {
	method, url, authorization, byteRange, form string
	at                                          time.Time
}

// faulty is a server that meets its requests with faults, in order, and after
// those is good.
type faulty struct {
	good http.Handler

	mu     sync.Mutex
	faults []fault
	always fault
	seen   []seen
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(form))
	f.mu.Lock()
	f.seen = append(f.seen, seen{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Range"), string(form), time.Now()})
	next := f.always
	if len(f.faults) > 0 {
		next, f.faults = f.faults[0], f.faults[1:]
	}
	f.mu.Unlock()
	if next == nil {
		f.good.ServeHTTP(w, r)
		return
	}
	next(w, r, f.good)
}

func (f *faulty) meet(faults ...fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

func (f *faulty) requests() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

// answers gives a status, headers (name, value, …) and a body.
func answers(status int, body string, headers ...string) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// changed gives the good answer with something done to it.
func changed(change func(a *httptest.ResponseRecorder) []byte) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		body := change(a)
		for name, values := range a.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(a.Code)
		w.Write(body)
	}
}

// corrupted turns a byte around.
func corrupted() fault {
	return changed(func(a *httptest.ResponseRecorder) []byte {
		body := bytes.Clone(a.Body.Bytes())
		body[len(body)/2] ^= 1
		return body
	})
}

// typed states another content type.
func typed(contentType string) fault {
	return changed(func(a *httptest.ResponseRecorder) []byte {
		a.Header().Set("Content-Type", contentType)
		return a.Body.Bytes()
	})
}

// truncated breaks the connection after n bytes of a good body.
func truncated(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		for name, values := range a.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(a.Body.Len()))
		w.WriteHeader(a.Code)
		w.Write(a.Body.Bytes()[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// stalled sends n bytes of a good body and then nothing; negative: no headers.
func stalled(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		if n >= 0 {
			a := httptest.NewRecorder()
			h.ServeHTTP(a, r)
			w.Header().Set("Content-Length", strconv.Itoa(a.Body.Len()))
			w.WriteHeader(a.Code)
			w.Write(a.Body.Bytes()[:n])
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// slow sends a good body in pieces of n bytes, with a wait before each.
func slow(n int, wait time.Duration) fault {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) {
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		w.Header().Set("Content-Length", strconv.Itoa(a.Body.Len()))
		w.WriteHeader(a.Code)
		for piece := range slices.Chunk(a.Body.Bytes(), n) {
			time.Sleep(wait)
			w.Write(piece)
			w.(http.Flusher).Flush()
		}
	}
}

// reset breaks the connection before any answer.
func reset() fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// redirects sends the client elsewhere; the path is kept where to has none.
func redirects(status int, to string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

// wire is a network within a test's bubble, where time passes only when all wait.
type wire struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]chan net.Conn
}

// inBubble runs a test on a wire.
func inBubble(t *testing.T, test func(t *testing.T, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, &wire{t: t, servers: make(map[string]chan net.Conn)})
	})
}

// serve gives a host a server.
func (w *wire) serve(host string, h http.Handler) {
	conns := make(chan net.Conn)
	w.mu.Lock()
	w.servers[net.JoinHostPort(host, "80")] = conns
	w.mu.Unlock()
	l := &wireListener{conns: conns, closed: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go server.Serve(l)
	w.t.Cleanup(func() { server.Close() })
}

func (w *wire) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	w.mu.Lock()
	conns := w.servers[addr]
	w.mu.Unlock()
	if conns == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}}
	}
	ours, theirs := net.Pipe()
	select {
	case conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// client speaks plain HTTP to all hosts of the wire.
func (w *wire) client(opt Options) *Client {
	w.t.Helper()
	for addr := range w.servers {
		host, _, _ := net.SplitHostPort(addr)
		opt.PlainHTTP = append(opt.PlainHTTP, host)
	}
	if opt.Keychain == nil {
		opt.Keychain = keys{}
	}
	c, err := New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	c.transport.DialContext = w.dial
	c.transport.Proxy = nil
	w.t.Cleanup(c.Close)
	return c
}

type wireListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *wireListener) Addr() net.Addr { return &net.TCPAddr{} }

// store is go-containerregistry's registry in memory.
func store() http.Handler { return registry.New(registry.Logger(log.New(io.Discard, "", 0))) }

// image is what the tests' registries hold.
type image struct {
	repo             string
	manifest, config []byte
	digest           string // of the manifest
	configDigest     string
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

// put pushes an image, tagged 1, past all faults.
func put(t *testing.T, h http.Handler, repo string) image {
	t.Helper()
	img := image{repo: repo, config: []byte(`{"os":"linux","architecture":"amd64","author":"` + path.Base(repo) + `"}`)}
	img.configDigest = digestOf(img.config, "")
	img.manifest = []byte(`{"schemaVersion":2,"mediaType":"` + ociManifest + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` +
		img.configDigest + `","size":` + strconv.Itoa(len(img.config)) + `},"layers":[]}`)
	img.digest = digestOf(img.manifest, "")
	putBlob(t, h, repo, img.config)
	push(t, h, http.MethodPut, "/v2/"+repo+"/manifests/1", img.manifest, ociManifest)
	return img
}

func putBlob(t *testing.T, h http.Handler, repo string, blob []byte) (digest string) {
	t.Helper()
	digest = digestOf(blob, "")
	push(t, h, http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+digest, blob, "application/octet-stream")
	return digest
}

func push(t *testing.T, h http.Handler, method, url string, body []byte, contentType string) {
	t.Helper()
	r := httptest.NewRequest(method, url, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		t.Fatalf("%s %s: %d %s", method, url, w.Code, w.Body)
	}
}

func isError(err, target error) bool { return errors.Is(err, target) }
