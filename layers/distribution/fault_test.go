package distribution

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	faults "github.com/cachebench/cachebench/internal/registry/faulty"
)

// fault is what one request meets in place of, or on the way to, a good answer.
type fault = faults.Fault

// faulty is a server that meets its requests with faults, in order, and after
// those is good.
type faulty = faults.Server

// meeting is a faulty server whose first requests meet faults.
func meeting(good http.Handler, always fault, first []fault) *faulty {
	f := &faulty{Good: good, Always: always}
	f.Meet(first...)
	return f
}

// The faults that all tests of registries share, under short names.

func answers(status int, body string, headers ...string) fault {
	return faults.Answers(status, body, headers...)
}
func corrupted() fault                      { return faults.Corrupted() }
func typed(contentType string) fault        { return faults.Typed(contentType) }
func truncated(n int) fault                 { return faults.Truncated(n) }
func stalled(n int) fault                   { return faults.Stalled(n) }
func slow(n int, wait time.Duration) fault  { return faults.Slow(n, wait) }
func reset() fault                          { return faults.Reset() }
func redirects(status int, to string) fault { return faults.Redirects(status, to) }

// wire is a network within a test's bubble, where time passes only when all wait.
type wire struct {
	*faults.Network
	t *testing.T
}

// inBubble runs a test on a wire.
func inBubble(t *testing.T, test func(t *testing.T, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := faults.NewNetwork()
		t.Cleanup(network.Close)
		test(t, &wire{network, t})
	})
}

// serve gives a host a server.
func (w *wire) serve(host string, h http.Handler) { w.Serve(host, h) }

// client speaks plain HTTP to all hosts of the wire.
func (w *wire) client(opt Options) *Client {
	w.t.Helper()
	opt.PlainHTTP = append(opt.PlainHTTP, w.Hosts()...)
	opt.DialContext = w.Dial
	if opt.Keychain == nil {
		opt.Keychain = keys{}
	}
	c, err := New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

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
