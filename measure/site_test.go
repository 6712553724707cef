package measure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
)

// writeLayout writes a layout with an image for each name, all different, and returns
// their digests.
func writeLayout(t *testing.T, dir string, names ...string) map[string]layers.Digest {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]layers.Digest{}
	for _, name := range names {
		img := someImage(t)
		if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": name})); err != nil {
			t.Fatal(err)
		}
		digests[name] = digestOf(t, img)
	}
	return digests
}

func someImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(2000, 2)
	if err == nil {
		var config *v1.ConfigFile
		if config, err = img.ConfigFile(); err == nil {
			config.OS, config.Architecture = "linux", "amd64"
			img, err = mutate.ConfigFile(img, config)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digestOf(t *testing.T, img interface{ Digest() (v1.Hash, error) }) layers.Digest {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return layers.Digest(d.String())
}

// noNetwork refuses all connections but to loopback, and counts them.
type noNetwork struct{ asked []string }

func (n *noNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		n.asked = append(n.asked, addr)
		return nil, errors.New("no network in this test")
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// newSite makes a site without a network.
func newSite(t *testing.T, opt SiteOptions) (*Site, error) {
	t.Helper()
	none := &noNetwork{}
	if opt.Resolve.DialContext == nil {
		opt.Resolve.DialContext = none.dial
	}
	if opt.Copies == "" {
		opt.Copies = t.TempDir()
	}
	opt.Lab = lab.Options{Loopback: true}
	s, err := NewSite(t.Context(), opt)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	if len(none.asked) > 0 {
		t.Errorf("connected to %q", none.asked)
	}
	return s, err
}

// holds checks that the site measures these images for the references, by both ways
// to ask its registry.
func (s *Site) holds(t *testing.T, want map[string]layers.Digest) {
	t.Helper()
	names := map[string]string{}
	for reference, digest := range want {
		name := s.Served(reference)
		if other, taken := names[name]; taken {
			t.Errorf("%s and %s are both called %s", reference, other, name)
		}
		names[name] = reference
		i := slices.IndexFunc(s.Inventory.Images, func(img layers.Image) bool { return img.Reference == name })
		if i < 0 || s.Inventory.Images[i].Digest != digest {
			t.Errorf("%s, called %s, is not %s", reference, name, digest)
			continue
		}
		n, err := layers.ParseName(name)
		if err != nil {
			t.Fatal(err)
		}
		url := fmt.Sprintf("http://%s/v2/%s/manifests/%s", s.Lab.Addr(0), n.Repository, n.Tag)
		byNS, byHost := request(t, url+"?ns="+n.Registry, ""), request(t, url, n.Registry)
		if top := topOf(&s.Inventory.Images[i]); byNS != top || byHost != top {
			t.Errorf("%s is served as %s by ns and %s by host, want %s", name, byNS, byHost, top)
		}
		if !slices.Contains(s.Hosts, n.Registry) {
			t.Errorf("%s is of none of the registries %q", name, s.Hosts)
		}
	}
}

// request asks for a manifest and returns its digest.
func request(t *testing.T, url, host string) layers.Digest {
	t.Helper()
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return layers.Digest(resp.Header.Get("Docker-Content-Digest"))
}

// elsewhere serves a layout as a registry that a site is to copy from.
func elsewhere(t *testing.T, host, dir string) map[string]string {
	t.Helper()
	handler, err := registry.Handler(host, os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	server, err := registry.Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return map[string]string{host: server.Addr}
}

// TestSiteRegistries: images of one repository and tag in several registries, served
// from layouts and copied, are each measured for what they are.
func TestSiteRegistries(t *testing.T) {
	const a, b, c = "a.example/team/web:1", "b.example/team/web:1", "mirror.local/team/web:1"
	dirs := [3]string{t.TempDir(), t.TempDir(), t.TempDir()}
	inA, inB, inC := writeLayout(t, dirs[0], a), writeLayout(t, dirs[1], b), writeLayout(t, dirs[2], c)
	for range 3 { // maps have no order
		s, err := newSite(t, SiteOptions{
			References: []string{b, c, a},
			Layouts:    map[string]string{"a.example": dirs[0], "b.example": dirs[1]},
			Resolve:    layers.Options{Registries: elsewhere(t, "mirror.local", dirs[2])},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.holds(t, map[string]layers.Digest{a: inA[a], b: inB[b], c: inC[c]})
		if got := request(t, "http://"+s.Lab.Addr(0)+"/v2/team/web/manifests/1", ""); got != "" {
			t.Errorf("whoever names no registry gets %s", got)
		}
	}
	_, err := newSite(t, SiteOptions{References: []string{a}, Layouts: map[string]string{"docker.io": dirs[0], "index.docker.io": dirs[1]}})
	if err == nil {
		t.Error("two layouts are served as one registry")
	}
}

// TestSiteLocal: a source on this machine is measured itself, whatever a layout or a
// registry has under its name; each has a name of its own, and one that a runtime can
// pull by.
func TestSiteLocal(t *testing.T) {
	const name = "registry.example.com/app:1"
	parent := t.TempDir()
	dir := func(elem ...string) string { return filepath.Join(append([]string{parent}, elem...)...) }
	served := writeLayout(t, dir("served"), name)
	local := writeLayout(t, dir("local"), name, "other.example.com:5000/app:1", "latest", "team/app:2")
	dashed, nested := writeLayout(t, dir("a-b"), "latest"), writeLayout(t, dir("a", "b"), "latest")
	same := "oci:" + dir("local") + ":latest"
	s, err := newSite(t, SiteOptions{
		References: []string{
			name, "oci:" + dir("local") + ":" + name, "oci:" + dir("local") + ":other.example.com:5000/app:1",
			same, "oci:" + dir("a-b") + ":latest", "oci:" + dir("a", "b") + ":latest", "oci:" + dir("local") + ":team/app:2",
		},
		Layouts: map[string]string{"registry.example.com": dir("served")},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, map[string]layers.Digest{
		name: served[name], "oci:" + dir("local") + ":" + name: local[name],
		"oci:" + dir("local") + ":other.example.com:5000/app:1": local["other.example.com:5000/app:1"],
		same: local["latest"], "oci:" + dir("a-b") + ":latest": dashed["latest"], "oci:" + dir("a", "b") + ":latest": nested["latest"],
		"oci:" + dir("local") + ":team/app:2": local["team/app:2"],
	})
	if got := s.Served("oci:" + dir("local") + ":other.example.com:5000/app:1"); got != "other.example.com:5000/app:1" {
		t.Errorf("an image with a registry in its name is called %s", got)
	}
	for reference, served := range s.Names {
		if strings.Contains(served, "docker.io") {
			t.Errorf("%s is called %s, of Docker Hub", reference, served)
		}
	}
}

// TestSiteOCIHost: a registry whose name begins as a transport does is a registry.
func TestSiteOCIHost(t *testing.T) {
	dir := t.TempDir()
	const name = "oci.example.com/app:1"
	in := writeLayout(t, dir, name)
	s, err := newSite(t, SiteOptions{References: []string{name}, Layouts: map[string]string{"oci.example.com": dir}})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, in)
}

// TestSiteDockerHub: a layout is served as Docker Hub by either of its names, to
// references in any form.
func TestSiteDockerHub(t *testing.T) {
	dir := t.TempDir()
	in := writeLayout(t, dir, "docker.io/library/nginx:1.25")
	for _, host := range []string{"docker.io", "index.docker.io"} {
		s, err := newSite(t, SiteOptions{
			References: []string{"nginx:1.25", "docker.io/library/nginx:1.25"}, Layouts: map[string]string{host: dir}, Copies: filepath.Join(dir, "none"),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.holds(t, map[string]layers.Digest{"nginx:1.25": in["docker.io/library/nginx:1.25"]})
		if len(s.Inventory.Images) != 1 || s.Served("nginx:1.25") != s.Served("docker.io/library/nginx:1.25") {
			t.Errorf("two spellings: %+v", s.Inventory.Images)
		}
	}
}

// TestSiteAway: what is read of the served images comes from the site alone, whatever
// is in the registries' place on the network.
func TestSiteAway(t *testing.T) {
	dir := t.TempDir()
	const name = "registry.example.com/app:1"
	in := writeLayout(t, dir, name)
	s, err := newSite(t, SiteOptions{
		References: []string{name}, Layouts: map[string]string{"registry.example.com": dir},
		Resolve: layers.Options{
			Aliases: map[string]string{"registry.example.com": "registry-vpc.example.com"}, Mirrors: map[string][]string{"registry.example.com": {"mirror.example.com"}},
			Digests: map[string]layers.Digest{name: "sha256:" + layers.Digest(strings.Repeat("0", 64))}, Offline: true,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, in)
}

// TestSitePinned: references with a digest are served by it, beside the tag that
// means another image by now.
func TestSitePinned(t *testing.T) {
	dir := t.TempDir()
	const name = "mirror.local/app:1"
	in := writeLayout(t, dir, "mirror.local/app:0", name)
	pinned := name + "@" + string(in["mirror.local/app:0"])
	s, err := newSite(t, SiteOptions{References: []string{pinned, name}, Resolve: layers.Options{Registries: elsewhere(t, "mirror.local", dir)}})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, map[string]layers.Digest{name: in[name]})
	for _, img := range s.Inventory.Images {
		if img.Reference == s.Served(pinned) && img.Digest != in["mirror.local/app:0"] {
			t.Errorf("%s is %s", pinned, img.Digest)
		}
	}
	if s.Served(pinned) != pinned || len(s.Inventory.Images) != 2 {
		t.Errorf("%s is called %s", pinned, s.Served(pinned))
	}
}

// TestSiteIndex: an image of several platforms is copied with its index, so that its
// pulls ask for it; the others' images are not needed.
func TestSiteIndex(t *testing.T) {
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	ours := someImage(t)
	index := v1.ImageIndex(empty.Index)
	for _, p := range []string{"arm64", "amd64"} {
		img := ours
		if p != "amd64" {
			img = someImage(t)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: p}}})
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "several"})); err != nil {
		t.Fatal(err)
	}
	reference := "oci:" + dir + ":several"
	s, err := newSite(t, SiteOptions{References: []string{reference}})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(t, map[string]layers.Digest{reference: digestOf(t, ours)})
	if got, want := s.Inventory.Images[0].IndexDigest, digestOf(t, index); got != want {
		t.Errorf("the copy has the index %q, want %q", got, want)
	}
}

// TestSiteCopies: without anything to copy no place for copies is needed; with it the
// error says what to set. Experiments that run at once share the place.
func TestSiteCopies(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CACHE_HOME", "")
	dir := t.TempDir()
	const name = "registry.example.com/app:1"
	writeLayout(t, dir, name, "one", "two")
	layouts := map[string]string{"registry.example.com": dir}
	bare := SiteOptions{References: []string{name}, Layouts: layouts, Lab: lab.Options{Loopback: true}}
	s, err := NewSite(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	bare.References = []string{"oci:" + dir + ":one"}
	if _, err := NewSite(t.Context(), bare); err == nil || !strings.Contains(err.Error(), "set XDG_CACHE_HOME") {
		t.Errorf("without a place for copies: %v", err)
	}
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "index.json", "none")) // none can be made there
	if _, err := NewSite(t.Context(), bare); err == nil || !strings.Contains(err.Error(), "have XDG_CACHE_HOME name a directory of your own") {
		t.Errorf("with a place where nothing can be made: %v", err)
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	first, err := NewSite(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	bare.References = []string{"oci:" + dir + ":two"}
	second, err := NewSite(t.Context(), bare)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	// The first serves on, though the second has written the index, or anybody else.
	if err := os.WriteFile(filepath.Join(cache, "cachebench", "images", "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Site{first, second} {
		s.holds(t, map[string]layers.Digest{onlyKey(s.Names): s.Inventory.Images[0].Digest})
	}
}

func onlyKey(m map[string]string) string {
	for key := range m {
		return key
	}
	return ""
}

// TestSiteWarm: after the page cache was emptied for an arm, all that the registry
// serves to its starts is read, and nothing else.
func TestSiteWarm(t *testing.T) {
	dir := t.TempDir()
	const app, other = "registry.example.com/app:1", "registry.example.com/other:1"
	writeLayout(t, dir, app, other)
	s, err := newSite(t, SiteOptions{References: []string{app, other}, Layouts: map[string]string{"registry.example.com": dir}})
	if err != nil {
		t.Fatal(err)
	}
	opened := &opens{FS: os.DirFS(dir)}
	host := s.hosts["registry.example.com"]
	host.dir = opened
	s.hosts["registry.example.com"] = host
	f := newFake()
	f.inv = s.Inventory
	e := &Experiment{Images: []string{app, other}, Repeats: 1, Warmup: none(), Arms: []Arm{
		{Name: "dropped", Starts: []Start{{Image: app}, {Image: app, Node: 1}}, DropPageCache: true},
	}}
	opt := f.options()
	opt.Site = s
	if _, err := Run(t.Context(), e, s.Inventory, f, opt); err != nil {
		t.Fatal(err)
	}
	img := s.Inventory.Images[slices.IndexFunc(s.Inventory.Images, func(i layers.Image) bool { return i.Reference == app })]
	want := []string{string(img.Digest), string(img.ConfigDigest)}
	for _, l := range img.Layers {
		want = append(want, string(s.Inventory.Layers[l].Digest))
	}
	for i, digest := range want {
		want[i] = "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")
	}
	slices.Sort(want)
	slices.Sort(opened.names)
	if got := slices.Compact(opened.names); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	// What cannot be read is an error of the run, not a cold blob.
	if err := os.Remove(filepath.Join(dir, want[0])); err != nil {
		t.Fatal(err)
	}
	if tl, err := Run(t.Context(), e, s.Inventory, f, opt); err == nil || !strings.Contains(tl.Measurement.Runs[0].Void, "read what the registry serves of "+app) {
		t.Errorf("a blob that is gone: %v", err)
	}
}

// opens notes what is opened.
type opens struct {
	fs.FS
	names []string
}

func (o *opens) Open(name string) (fs.File, error) {
	o.names = append(o.names, name)
	return o.FS.Open(name)
}
