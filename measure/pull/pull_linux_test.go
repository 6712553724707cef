package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

func spansOf(r *Result, phase simulate.Phase) (list []simulate.Span) {
	for _, s := range r.Startup.Spans {
		if s.Phase == phase {
			list = append(list, s)
		}
	}
	return list
}

func spanOf(t *testing.T, r *Result, phase simulate.Phase, l testLayer) simulate.Span {
	t.Helper()
	for _, s := range spansOf(r, phase) {
		if s.Layer == sha(l.blob) {
			return s
		}
	}
	t.Fatalf("no span of %s for %s", phase, sha(l.blob))
	return simulate.Span{}
}

func read(t *testing.T, r *Result, layer int, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.Layers[layer].Dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// TestPull: an image of each compression, cold and again, with what is asked for.
func TestPull(t *testing.T) {
	f := newRegistry(t)
	base, middle, top := layerOf(t, file("a", "base")), layerOf(t, file("b", "middle")), layerOf(t, file("c", "top"))
	middle.blob, middle.mediaType = zstded(t, middle.tar), v1.MediaTypeImageLayerZstd
	top.blob, top.mediaType = top.tar, v1.MediaTypeImageLayer
	ref := f.push(t, "team/app:1", base, middle, top)
	h := hostFor(t, f, HostOptions{Decoder: "go"})
	cold, err := h.Pull(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"base", "middle", "top"} {
		if got := read(t, cold, i, string(rune('a'+i))); got != want {
			t.Errorf("layer %d holds %q", i, got)
		}
	}
	s := cold.Startup
	if want := int64(len(base.blob) + len(middle.blob) + len(top.blob)); s.FetchedBytes != want {
		t.Errorf("fetched %d bytes, want %d", s.FetchedBytes, want)
	}
	if want := int64(len(base.tar) + len(middle.tar) + len(top.tar)); s.UnpackedBytes != want {
		t.Errorf("unpacked %d bytes, want %d", s.UnpackedBytes, want)
	}
	if s.Hit != matcher.Miss || s.LayersReused != 0 || s.Source != simulate.Measured || s.Void != "" {
		t.Errorf("cold: %+v", s)
	}
	checkTimes(t, cold)
	asked := f.requests()
	if len(asked) != 6 || asked[0] != "HEAD 1" || !strings.HasPrefix(asked[1], "GET sha256:") {
		t.Errorf("asked for %q, want HEAD, manifest, config and three blobs", asked)
	}
	again, err := h.Pull(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if s := again.Startup; s.Hit != matcher.FullHit || s.LayersReused != 3 || s.FetchedBytes != 0 || s.UnpackedBytes != 0 || len(spansOf(again, simulate.Fetch)) > 0 {
		t.Errorf("again: %+v", s)
	}
	if asked := f.requests(); len(asked) != 1 {
		t.Errorf("asked again for %q, want HEAD alone", asked)
	}
}

// checkTimes holds a pull to what its times must be whatever the machine does.
func checkTimes(t *testing.T, r *Result) {
	t.Helper()
	s := r.Startup
	if s.Phases.Create != nil || s.Phases.Ready != nil || s.Phases.Admit != nil || s.Phases.Resolve == nil {
		t.Errorf("phases that are not known have a value, or known ones none: %+v", s.Phases)
	}
	var sum time.Duration
	for _, p := range simulate.AllPhases() {
		d, _ := s.Phases.Of(p)
		sum += d
	}
	if sum != s.Ready {
		t.Errorf("phases make %v together, ready is %v", sum, s.Ready)
	}
	var below time.Duration
	for _, l := range r.Layers {
		for _, u := range spansOf(r, simulate.Unpack) {
			if u.Layer != l.Digest {
				continue
			}
			if u.Start < below {
				t.Errorf("layer %s is unpacked from %v on, the one below until %v", l.Digest, u.Start, below)
			}
			below = u.End
			for _, fetch := range spansOf(r, simulate.Fetch) {
				if fetch.Layer == l.Digest && u.Start < fetch.End {
					t.Errorf("layer %s is unpacked from %v on, fetched until %v", l.Digest, u.Start, fetch.End)
				}
			}
		}
	}
	if s.Ready < below {
		t.Errorf("ready at %v, the last unpack ends at %v", s.Ready, below)
	}
}

// TestPullIndex chooses a platform and follows nested indexes.
func TestPullIndex(t *testing.T) {
	f := newRegistry(t)
	amd, arm := layerOf(t, file("arch", "amd64")), layerOf(t, file("arch", "arm64"))
	inner := v1.Index{MediaType: v1.MediaTypeImageIndex}
	inner.SchemaVersion = 2
	inner.Manifests = []v1.Descriptor{f.manifest(t, "arm64", []testLayer{arm}), f.manifest(t, "amd64", []testLayer{amd})}
	d := f.put(asJSON(t, inner), v1.MediaTypeImageIndex)
	f.tags["app:1"] = string(d.Digest)
	for platform, want := range map[string]string{"": "amd64", "linux/arm64": "arm64"} {
		r, err := hostFor(t, f, HostOptions{Platform: platform}).Pull(context.Background(), testHost+"/app:1")
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, r, 0, "arch"); got != want {
			t.Errorf("%s: got the image of %s", platform, got)
		}
	}
	_, err := hostFor(t, f, HostOptions{Platform: "linux/s390x"}).Pull(context.Background(), testHost+"/app:1")
	if err == nil || !strings.Contains(err.Error(), "linux/arm64, linux/amd64") {
		t.Errorf("a platform that is not there: %v", err)
	}
}

// TestDelayedFetch: a registry that delays the base layer's blob shows in that fetch
// and in no unpack.
func TestDelayedFetch(t *testing.T) {
	const delay = 500 * time.Millisecond
	f := newRegistry(t)
	base, top := sized(t, "base", 1000), sized(t, "top", 1000)
	ref := f.push(t, "app:1", base, top)
	before, err := hostFor(t, f, HostOptions{Decoder: "go"}).Pull(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) == string(sha(base.blob)) {
			time.Sleep(delay)
		}
		return false
	}
	after, err := hostFor(t, f, HostOptions{Decoder: "go"}).Pull(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if s := spanOf(t, after, simulate.Fetch, base); s.End-s.Start < delay {
		t.Errorf("the delayed fetch took %v, before %v", s.End-s.Start, before.Startup.Ready)
	}
	// While the base is fetched nothing is unpacked, so that the whole delay is in the
	// phase of fetch; checkTimes holds unpacks to come after it.
	if fetch, _ := after.Startup.Phases.Of(simulate.Fetch); fetch < delay {
		t.Errorf("the phase of fetch has %v of a delay of %v", fetch, delay)
	}
	checkTimes(t, after)
}

// TestDelayedUnpack: a decompressor that is slow at the last layer shows in that
// unpack and in no fetch.
func TestDelayedUnpack(t *testing.T) {
	const delay = 500 * time.Millisecond
	gzipProgram, err := exec.LookPath("gzip")
	if err != nil {
		t.Skip("no gzip on PATH")
	}
	f := newRegistry(t)
	base, top := sized(t, "base", 1000), sized(t, "top", 50_000)
	ref := f.push(t, "app:1", base, top)
	bin := t.TempDir()
	// What is told apart by its size is the blob that comes on standard input.
	script := fmt.Sprintf("#!/bin/sh\n[ $(stat -Lc %%s /dev/stdin) = %d ] && sleep 0.5\nexec %s \"$@\"\n", len(top.blob), gzipProgram)
	if err := os.WriteFile(filepath.Join(bin, "igzip"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("CONTAINERD_DISABLE_IGZIP", "")
	h := hostFor(t, f, HostOptions{})
	if h.Decoder() != "igzip" {
		t.Fatalf("the decoder is %s", h.Decoder())
	}
	r, err := h.Pull(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if s := spanOf(t, r, simulate.Unpack, top); s.End-s.Start < delay {
		t.Errorf("the delayed unpack took %v", s.End-s.Start)
	}
	// All else is over when the last layer's unpack begins; checkTimes holds the base's
	// unpack and the fetch of the last layer to that.
	for _, s := range spansOf(r, simulate.Fetch) {
		if s.End > spanOf(t, r, simulate.Unpack, top).Start {
			t.Errorf("the fetch of %s ends in the delayed unpack", s.Layer)
		}
	}
	if unpack, _ := r.Startup.Phases.Of(simulate.Unpack); unpack < delay {
		t.Errorf("the phase of unpack has %v of a delay of %v", unpack, delay)
	}
	checkTimes(t, r)
}

func TestFindDecoder(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"igzip", "unpigz"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, igzip, pigz, asked, want string }{
		{bin, "", "", "", "igzip"}, {bin, "1", "", "", "pigz"}, {bin, "true", "1", "", "go"}, {bin, "no bool", "", "", "igzip"},
		{t.TempDir(), "", "", "", "go"}, {bin, "1", "", "igzip", "igzip"}, {bin, "", "", "go-std", "go-std"},
		{t.TempDir(), "", "", "pigz", ""}, {bin, "", "", "gunzip", ""},
	} {
		t.Setenv("PATH", c.path)
		t.Setenv("CONTAINERD_DISABLE_IGZIP", c.igzip)
		t.Setenv("CONTAINERD_DISABLE_PIGZ", c.pigz)
		d, err := findDecoder(c.asked)
		if d.Name != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: got %q, %v", c, d.Name, err)
		}
	}
}

// TestDecoders: all inflate the same.
func TestDecoders(t *testing.T) {
	f := newRegistry(t)
	l := sized(t, "x", 300_000)
	// Two gzip members are one stream (RFC 1952, section 2.2).
	l.blob = append(gzipped(t, l.tar[:1000]), gzipped(t, l.tar[1000:])...)
	ref := f.push(t, "app:1", l)
	for _, d := range simulate.Decoders() {
		if _, err := findDecoder(d.Name); err != nil {
			t.Log(err)
			continue
		}
		if _, err := hostFor(t, f, HostOptions{Decoder: d.Name}).Pull(context.Background(), ref); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

// TestBadBlobs: what is wrong with a blob is told with its digest, and nothing of it
// is left.
func TestBadBlobs(t *testing.T) {
	whole := sized(t, "x", 100_000)
	for name, c := range map[string]struct {
		served []byte
		layer  testLayer
	}{
		"corrupted": {append(slices.Clone(whole.blob[:len(whole.blob)-9]), 0, 1, 2, 3, 4, 5, 6, 7, 8), whole},
		"truncated": {whole.blob[:1000], whole},
		"too long":  {append(slices.Clone(whole.blob), 0), whole},
		"bad gzip":  {nil, testLayer{whole.tar, whole.blob[:1000], whole.mediaType}},
		"no tar":    {nil, testLayer{[]byte(strings.Repeat("x", 2000)), gzipped(t, []byte(strings.Repeat("x", 2000))), whole.mediaType}},
		"diffID":    {nil, testLayer{[]byte("another"), whole.blob, whole.mediaType}},
	} {
		for _, decoder := range []string{"", "go"} {
			t.Run(name+" "+decoder, func(t *testing.T) {
				f := newRegistry(t)
				ref := f.push(t, "app:1", c.layer)
				digest := string(sha(c.layer.blob))
				if c.served != nil {
					f.blobs[digest] = c.served
				}
				h := hostFor(t, f, HostOptions{Decoder: decoder})
				r, err := h.Pull(context.Background(), ref)
				if err == nil || !strings.Contains(err.Error(), digest) || !strings.Contains(err.Error(), ref) {
					t.Fatalf("the error is %v", err)
				}
				t.Log(err)
				if r == nil || r.Startup.Void == "" {
					t.Error("the startup is not void")
				}
				nothingHalf(t, h)
			})
		}
	}
}

// TestBomb: a blob that inflates to more than is allowed of it, after a tar that is
// fine, is not read to its end. TestTarBytes has how much that is.
func TestBomb(t *testing.T) {
	f := newRegistry(t)
	content := append(tarOf(t, file("x", "x")), make([]byte, 3<<20)...)
	l := testLayer{content, gzipped(t, content), v1.MediaTypeImageLayerGzip}
	ref := f.push(t, "bomb:1", l)
	for limits, taken := range map[Limits]bool{{MaxUnpackedBytes: 1 << 20}: false, {MaxUnpackedBytes: 4 << 20}: true, {}: true} {
		h := hostFor(t, f, HostOptions{Decoder: "go", Limits: limits})
		_, err := h.Pull(context.Background(), ref)
		if taken && err != nil || !taken && (err == nil || !strings.Contains(err.Error(), "more than the 1048576 bytes")) {
			t.Errorf("with %+v: %v", limits, err)
		}
		nothingHalf(t, h)
	}
}

// nothingHalf checks that no unfinished files are left.
func nothingHalf(t *testing.T, h *Host) {
	t.Helper()
	_, blobs, err := h.content.list()
	_, chains, err2 := h.snapshots.list()
	if blobs+chains > 0 || err != nil || err2 != nil {
		t.Errorf("%d unfinished blobs and %d unfinished layers are left (%v, %v)", blobs, chains, err, err2)
	}
}

// TestBrokenConnection: a transfer that breaks off fails by name.
func TestBrokenConnection(t *testing.T) {
	f := newRegistry(t)
	l := sized(t, "x", 1_000_000)
	ref := f.push(t, "app:1", l)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) != string(sha(l.blob)) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(l.blob)))
		w.Write(l.blob[:len(l.blob)/2])
		panic(http.ErrAbortHandler)
	}
	h := hostFor(t, f, HostOptions{})
	if _, err := h.Pull(context.Background(), ref); err == nil || !strings.Contains(err.Error(), string(sha(l.blob))) {
		t.Errorf("the error is %v", err)
	}
	nothingHalf(t, h)
}

// TestDownloadSlots: no more transfers at once than the host has slots, manifests
// and configs among them, whatever the number of pulls.
func TestDownloadSlots(t *testing.T) {
	f := newRegistry(t)
	var refs []string
	for i := range 3 {
		var list []testLayer
		for j := range 5 {
			list = append(list, sized(t, fmt.Sprint(i, j), 2000))
		}
		refs = append(refs, f.push(t, fmt.Sprintf("app%d:1", i), list...))
	}
	var mu sync.Mutex
	at, most := 0, 0
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead {
			return false
		}
		mu.Lock()
		at++
		most = max(most, at)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		mu.Lock()
		at--
		mu.Unlock()
		return false
	}
	h := hostFor(t, f, HostOptions{MaxConcurrentDownloads: 2})
	results := pullAll(t, h, refs...)
	if most > 2 {
		t.Errorf("%d transfers at once, want 2 at most", most)
	}
	waited := 0
	for _, r := range results {
		waited += len(spansOf(r, simulate.WaitSlot))
	}
	if waited == 0 {
		t.Error("no span tells of waiting for a slot")
	}
}

func pullAll(t *testing.T, h *Host, refs ...string) []*Result {
	t.Helper()
	results := make([]*Result, len(refs))
	var all sync.WaitGroup
	for i, ref := range refs {
		all.Go(func() {
			var err error
			if results[i], err = h.Pull(context.Background(), ref); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return results
}

// TestSharedPulls: pulls at once fetch a digest once and unpack a chain once, and one
// waits for the other.
func TestSharedPulls(t *testing.T) {
	for _, unpacks := range []int{1, 3} {
		f := newRegistry(t)
		base, middle := sized(t, "base", 100_000), sized(t, "middle", 100_000)
		a := f.push(t, "a:1", base, middle, sized(t, "a", 1000))
		b := f.push(t, "b:1", base, middle, sized(t, "b", 1000))
		h := hostFor(t, f, HostOptions{MaxConcurrentUnpacks: unpacks})
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if path.Base(r.URL.Path) == string(sha(base.blob)) {
				waitForUsers(h, sha(base.tar), 2)
			}
			return false
		}
		results := pullAll(t, h, a, b)
		asked := f.requests()
		for _, l := range []testLayer{base, middle} {
			if n := count(asked, "GET "+string(sha(l.blob))); n != 1 {
				t.Errorf("a shared blob was fetched %d times", n)
			}
			if n := len(unpacksOf(results, l)); n != 1 {
				t.Errorf("a shared layer was unpacked %d times", n)
			}
		}
		if n := len(spansOf(results[0], simulate.WaitOtherPull)) + len(spansOf(results[1], simulate.WaitOtherPull)); n == 0 {
			t.Error("no span tells of waiting for the other pull")
		}
	}
}

// waitForUsers waits until so many pulls want a layer of the base, whose chainID is
// its diffID.
func waitForUsers(h *Host, chain layers.Digest, users int) {
	for {
		h.locks.mu.Lock()
		k := h.locks.keys[chainKey(chain)]
		enough := k != nil && k.users >= users
		h.locks.mu.Unlock()
		if enough {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func count(list []string, what string) (n int) {
	for _, s := range list {
		if s == what {
			n++
		}
	}
	return n
}

func unpacksOf(results []*Result, l testLayer) (list []simulate.Span) {
	for _, r := range results {
		for _, s := range spansOf(r, simulate.Unpack) {
			if s.Layer == sha(l.blob) {
				list = append(list, s)
			}
		}
	}
	return list
}

// TestSecondPullRequestsNothing: while the first missing layer is another pull's, the
// second pull asks for none of its layers.
func TestSecondPullRequestsNothing(t *testing.T) {
	f := newRegistry(t)
	base, other := sized(t, "base", 1000), sized(t, "other", 1000)
	first, second := f.push(t, "a:1", base), f.push(t, "b:1", base, other)
	unpacking, proceed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) == string(sha(base.blob)) {
			once.Do(func() { close(unpacking); <-proceed })
		}
		return false
	}
	h := hostFor(t, f, HostOptions{})
	var all sync.WaitGroup
	all.Go(func() { pullAll(t, h, first) })
	<-unpacking
	f.requests()
	all.Go(func() { pullAll(t, h, second) })
	waitForUsers(h, sha(base.tar), 2)
	if asked := f.requests(); count(asked, "GET "+string(sha(other.blob))) > 0 {
		t.Errorf("the second pull asks for %q before the first has unpacked the layer below", asked)
	}
	close(proceed)
	all.Wait()
}

// TestBlobAboveOthers: a layer above another parent is not fetched again, but is
// unpacked again.
func TestBlobAboveOthers(t *testing.T) {
	f := newRegistry(t)
	same := sized(t, "same", 1000)
	one, two := f.push(t, "a:1", sized(t, "1", 1000), same), f.push(t, "b:1", sized(t, "2", 1000), same)
	h := hostFor(t, f, HostOptions{})
	pullAll(t, h, one)
	r := pullAll(t, h, two)[0]
	if s := r.Startup; s.Hit != matcher.Miss || s.LayersReused != 0 || len(spansOf(r, simulate.Fetch)) != 1 || len(spansOf(r, simulate.Unpack)) != 2 {
		t.Errorf("%+v", s)
	}
	// A partial hit: the base is there.
	r = pullAll(t, h, f.push(t, "c:1", sized(t, "1", 1000), sized(t, "3", 1000)))[0]
	if s := r.Startup; s.Hit != matcher.PartialHit || s.LayersReused != 1 || len(spansOf(r, simulate.Unpack)) != 1 {
		t.Errorf("%+v", s)
	}
}

// TestParallelUnpack: layers at once are the same in the end, and committed from the
// base up.
func TestParallelUnpack(t *testing.T) {
	f := newRegistry(t)
	var list []testLayer
	for i := range 8 {
		list = append(list, sized(t, fmt.Sprint(i), 20_000))
	}
	ref := f.push(t, "app:1", list...)
	r := pullAll(t, hostFor(t, f, HostOptions{MaxConcurrentUnpacks: 4}), ref)[0]
	if len(spansOf(r, simulate.Unpack)) != 8 {
		t.Errorf("%d layers were unpacked", len(spansOf(r, simulate.Unpack)))
	}
	for i, l := range list {
		if got := read(t, r, i, fmt.Sprint(i)); !strings.Contains(string(l.tar), got) || len(got) != 20_000 {
			t.Errorf("layer %d holds something else", i)
		}
	}
	// A layer that is wrong in the middle: those above it are not committed.
	list[3].tar = []byte("another")
	h := hostFor(t, f, HostOptions{MaxConcurrentUnpacks: 4})
	_, err := h.Pull(context.Background(), f.push(t, "bad:1", list...))
	if err == nil || !strings.Contains(err.Error(), string(sha(list[3].blob))) {
		t.Errorf("the error is %v", err)
	}
	chains, _, _ := h.snapshots.list()
	if len(chains) != 3 {
		t.Errorf("%d layers were committed, want the three below", len(chains))
	}
	nothingHalf(t, h)
}

// TestCancel: the end of a context leaves nothing half done, in a fetch or in an
// unpack.
func TestCancel(t *testing.T) {
	f := newRegistry(t)
	l := sized(t, "x", 100_000)
	ref := f.push(t, "app:1", sized(t, "base", 1000), l)
	ctx, cancel := context.WithCancel(context.Background())
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if path.Base(r.URL.Path) == string(sha(l.blob)) {
			w.Header().Set("Content-Length", fmt.Sprint(len(l.blob)))
			w.Write(l.blob[:len(l.blob)/2])
			http.NewResponseController(w).Flush()
			cancel()
			<-r.Context().Done()
			return true
		}
		return false
	}
	h := hostFor(t, f, HostOptions{})
	if _, err := h.Pull(ctx, ref); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	nothingHalf(t, h)
	root := h.opt.Root
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left after Close: %v, %v", left, err)
	}
}

// TestBadDocuments: manifests and configs that cannot be, by name.
func TestBadDocuments(t *testing.T) {
	f := newRegistry(t)
	l := layerOf(t, file("a", "x"))
	good := f.manifest(t, "amd64", []testLayer{l})
	for name, c := range map[string]struct{ body, want string }{
		"layers":   {strings.Replace(string(f.blobs[string(good.Digest)]), `"layers":[`, `"layers":[`+string(asJSON(t, v1.Descriptor{MediaType: "x", Digest: "sha256:" + v1.DescriptorEmptyJSON.Digest[7:], Size: 2}))+",", 1), "2 layers and its config 1 diffIDs"},
		"digest":   {`{"schemaVersion":2,"config":{"digest":"md5:x","size":1}}`, "md5:x"},
		"size":     {`{"schemaVersion":2,"config":{"digest":"` + string(layers.Digest(sha(nil))) + `","size":-1}}`, "size"},
		"schema 1": {`{"schemaVersion":1}`, "schema 1"},
		"no JSON":  {`{`, "manifest"},
	} {
		d := f.put([]byte(c.body), v1.MediaTypeImageManifest)
		f.tags["bad:1"] = string(d.Digest)
		if _, err := hostFor(t, f, HostOptions{}).Pull(context.Background(), testHost+"/bad:1"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := hostFor(t, f, HostOptions{}).Pull(context.Background(), testHost+"/missing:1"); err == nil {
		t.Error("an image that is not there is pulled")
	}
}
