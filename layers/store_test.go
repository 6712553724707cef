package layers

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/docstore"
)

// asked notes what a registry is asked for, but for pushes and the API check.
type asked struct {
	mu   sync.Mutex
	list []string
}

func (a *asked) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path != "/v2/" || r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/") {
			a.mu.Lock()
			a.list = append(a.list, r.Method+" "+r.URL.Path)
			a.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	})
}

// since returns what was asked and forgets it.
func (a *asked) since() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return list
}

// run resolves with the store in dir, as one run of the program does.
func runWithStore(t *testing.T, dir string, references []string, opt Options) *Inventory {
	t.Helper()
	store, err := docstore.Open(dir, docstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opt.Store = store
	inv, err := Resolve(t.Context(), references, opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return inv
}

// TestSecondRun: a second run asks at most one request an image for a tag and
// none for a digest; offline it asks nothing; a tag that moved is followed; and
// what was damaged is fetched again.
func TestSecondRun(t *testing.T) {
	var log asked
	host := fakeRegistry(t, log.wrap)
	a, b := randomImage(t, 1, 3), randomImage(t, 2, 2)
	push(t, host+"/team/a:1", a)
	push(t, host+"/team/b:1", b)
	digest, _ := b.Digest()
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: a, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, _ := name.ParseReference(host + "/team/a:multi")
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	references := []string{host + "/team/a:1", host + "/team/a:multi", host + "/team/b@" + digest.String()}
	dir := t.TempDir()
	log.since()

	first := runWithStore(t, dir, references, Options{})
	if n := len(log.since()); len(first.Images) != 3 || n < 5 || n > 6 {
		t.Errorf("the first run has %d images by %d requests; unresolved %v", len(first.Images), n, first.Unresolved)
	}
	second := runWithStore(t, dir, references, Options{})
	got := log.since()
	slices.Sort(got)
	if diff := cmp.Diff([]string{"HEAD /v2/team/a/manifests/1", "HEAD /v2/team/a/manifests/multi"}, got); diff != "" {
		t.Errorf("the second run asks -want +got:\n%s", diff)
	}
	offline := runWithStore(t, dir, append(slices.Clone(references), host+"/team/never:1"), Options{Offline: true})
	if got := log.since(); len(got) > 0 {
		t.Errorf("offline it asks %v", got)
	}
	for _, inv := range []*Inventory{second, offline} {
		inv.Unresolved = nil
		if diff := cmp.Diff(first, inv); diff != "" {
			t.Errorf("a later run differs -first +later:\n%s", diff)
		}
	}

	// The tag moves.
	push(t, host+"/team/a:1", b)
	log.since()
	moved := runWithStore(t, dir, references[:1], Options{})
	if string(moved.Images[0].Digest) != digest.String() {
		t.Errorf("after the tag moved it is %s, want %s", moved.Images[0].Digest, digest)
	}
	log.since()

	// Every file of the store is damaged.
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil || len(raw) < 100 {
			continue
		}
		for i := 60; i < len(raw); i += 97 {
			raw[i] ^= 0x55
		}
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	healed := runWithStore(t, dir, references[1:], Options{})
	if diff := cmp.Diff(first.Images[1:], healed.Images, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Layers" }, cmp.Ignore())); diff != "" {
		t.Errorf("after damage -want +got:\n%s", diff)
	}
	if len(log.since()) == 0 {
		t.Error("after damage nothing is asked again")
	}
}

// TestHeadRefused: a registry that knows no HEAD is asked by GET in a second run
// too.
func TestHeadRefused(t *testing.T) {
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		host := fakeRegistry(t, func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead && r.UserAgent() == "cachebench" {
					w.WriteHeader(status)
					return
				}
				h.ServeHTTP(w, r)
			})
		})
		push(t, host+"/team/a:1", randomImage(t, 1, 1))
		dir := t.TempDir()
		for run := range 2 {
			if inv := runWithStore(t, dir, []string{host + "/team/a:1"}, Options{}); len(inv.Images) != 1 {
				t.Errorf("HEAD answered %d, run %d: unresolved %v", status, run, inv.Unresolved)
			}
		}
	}
}

// TestOfflineLacks: what was never looked up is said to be so.
func TestOfflineLacks(t *testing.T) {
	inv := runWithStore(t, t.TempDir(), []string{"registry.example.com/a:1", "registry.example.com/a@sha256:" + strings.Repeat("a", 64)}, Options{Offline: true})
	if len(inv.Unresolved) != 2 || !strings.Contains(inv.Unresolved[0].Reason, "never looked up here: look it up once without --offline") || !strings.Contains(inv.Unresolved[1].Reason, "not kept here") {
		t.Errorf("%v", inv.Unresolved)
	}
}

// TestOneManifestManyTags: tags that mean one manifest cost one config.
func TestOneManifestManyTags(t *testing.T) {
	var log asked
	host := fakeRegistry(t, log.wrap)
	img := randomImage(t, 1, 3)
	var references []string
	for i := range 20 {
		references = append(references, fmt.Sprintf("%s/team/a:%d", host, i))
		push(t, references[i], img)
	}
	log.since()
	inv, err := Resolve(t.Context(), references, Options{})
	if err != nil || len(inv.Images) != 20 {
		t.Fatalf("err %v, %d images", err, len(inv.Images))
	}
	if n := len(log.since()); n != 21 {
		t.Errorf("%d requests, want 20 manifests and a config", n)
	}
}

// TestTrailers: unpacked sizes come from the ends of blobs, by range, and a
// second run knows them.
func TestTrailers(t *testing.T) {
	var log asked
	host := fakeRegistry(t, log.wrap)
	img := realImage(t)
	push(t, host+"/team/a:1", img)
	dir := t.TempDir()
	log.since()
	for _, requests := range []int{5, 1} {
		inv := runWithStore(t, dir, []string{host + "/team/a:1"}, Options{Trailers: true})
		if got := len(log.since()); got != requests {
			t.Errorf("%d requests, want %d", got, requests)
		}
		all, _ := img.Layers()
		for i, l := range inv.Layers {
			want, _ := plainLayer{all[i]}.Size()
			if *l.UnpackedBytes != want || l.UnpackedMethod != GzipTrailer || l.UnpackedSource != Estimated {
				t.Errorf("layer %d: %d bytes by %s, want %d", i, *l.UnpackedBytes, l.UnpackedMethod, want)
			}
		}
	}
}

// TestTrailersRefused: a registry that knows no ranges costs no whole blobs; the
// sizes stay estimates by ratio, and that is said.
func TestTrailersRefused(t *testing.T) {
	var log asked
	host := fakeRegistry(t, func(h http.Handler) http.Handler {
		return log.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			h.ServeHTTP(w, r)
		}))
	})
	push(t, host+"/team/a:1", realImage(t))
	dir := t.TempDir()
	log.since()
	// Manifest, config and at most one range of each of 3 layers; then a HEAD.
	for _, most := range []int{5, 1} {
		inv := runWithStore(t, dir, []string{host + "/team/a:1"}, Options{Trailers: true})
		if got := log.since(); len(got) > most {
			t.Errorf("%d requests, want at most %d: %v", len(got), most, got)
		}
		for i, l := range inv.Layers {
			if l.UnpackedMethod != ByRatio {
				t.Errorf("layer %d: %s", i, l.UnpackedMethod)
			}
		}
		if len(inv.Doubts) != 1 || !strings.Contains(inv.Doubts[0], "The ends of 3 layers could not be read by range") {
			t.Errorf("doubts %v", inv.Doubts)
		}
	}
}

// TestLastTags takes the newest images by the time in their configs.
func TestLastTags(t *testing.T) {
	host := fakeRegistry(t, same)
	for i, tags := range [][]string{{"1.9"}, {"1.10", "1.10.2"}, {"1.2.3"}, {"sha256-abc.sig"}} {
		img, err := mutate.CreatedAt(randomImage(t, int64(i+1), 1), v1.Time{Time: time.Date(2026, 1, 10-i, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tags {
			push(t, host+"/team/a:"+tag, img)
		}
	}
	got, said, err := LastTags(t.Context(), host+"/team/a", 2, Options{})
	if err != nil || len(said) > 0 {
		t.Fatalf("err %v, said %v", err, said)
	}
	if diff := cmp.Diff([]string{host + "/team/a:1.9", host + "/team/a:1.10.2"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, _, err := LastTags(t.Context(), host+"/team/a:1.9", 2, Options{}); err == nil {
		t.Error("a repository with a tag is accepted")
	}
	for _, bad := range []string{"docker-daemon:team/a", "oci:" + t.TempDir()} {
		if _, _, err := LastTags(t.Context(), bad, 2, Options{}); err == nil || !strings.Contains(err.Error(), "no repository of a registry") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, n := range []int{0, -1} {
		if _, _, err := LastTags(t.Context(), host+"/team/a", n, Options{}); err == nil {
			t.Errorf("%d newest tags are accepted", n)
		}
	}
	if _, _, err := LastTags(t.Context(), host+"/team/none", 2, Options{}); err == nil {
		t.Error("a repository that does not exist is accepted")
	}
}

// TestVersionOrder: numbers by value, a longer version after its beginning.
func TestVersionOrder(t *testing.T) {
	want := []string{"", "1", "1.2", "1.2.3", "1.9", "1.10", "1.10-rc1", "2", "10", "latest", "v1", "v2", "v10"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, versionOrder)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, tag := range want {
		if versionOrder(tag, tag) != 0 {
			t.Errorf("%q is not equal to itself", tag)
		}
	}
}

// TestHeadroom: a big run is told how many requests a registry leaves before it
// begins.
func TestHeadroom(t *testing.T) {
	var told []distribution.Headroom
	var log asked
	host := fakeRegistry(t, func(h http.Handler) http.Handler {
		return log.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("RateLimit-Limit", "100;w=21600")
			w.Header().Set("RateLimit-Remaining", "76;w=21600")
			h.ServeHTTP(w, r)
		}))
	})
	push(t, host+"/team/a:1", randomImage(t, 1, 1))
	references := make([]string, BigRun)
	for i := range references {
		references[i] = host + "/team/a:1"
	}
	log.since()
	_, err := Resolve(t.Context(), references, Options{Headroom: func(h distribution.Headroom) {
		if got := log.since(); len(told) == 0 && !slices.Equal(got, []string{"HEAD /v2/team/a/manifests/1"}) {
			t.Errorf("told after %v", got)
		}
		told = append(told, h)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Remaining != 76 || told[0].Limit != 100 || told[0].Window != 6*time.Hour {
		t.Errorf("told %+v", told)
	}
}
