//go:build linux

package containerd

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

const (
	host = "registry.example.com"
	base = host + "/base/app:1" // a layer
	web  = host + "/shop/web:1" // that of base and two more
	api  = host + "/shop/api:1" // that of base and one more
	bare = host + "/bare/app:1" // that of base, and no command
)

// TestMain lets the test binary be a program that is killed (cleanup_test.go).
func TestMain(m *testing.M) {
	if root := os.Getenv(victimRoot); root != "" {
		victim(root)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// daemonProgram finds a containerd for tests that need one.
func daemonProgram(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("containerd takes root")
	}
	made, _ := filepath.Abs("../../build/bin/containerd")
	for _, name := range []string{os.Getenv("CACHEBENCH_CONTAINERD"), made, "containerd"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if _, err := findBeside(path); err == nil {
			return path
		}
	}
	t.Skip("no containerd with its shim and runc on PATH or in $CACHEBENCH_CONTAINERD: make build/bin/containerd builds one")
	return ""
}

// imageSet is what the tests' images are made of, as it was when they were built.
type imageSet struct {
	dir string
	// layers of web, base first, and then api's own.
	layers []v1.Layer
	// unpackedBytes of the layers.
	unpackedBytes []int64
}

var (
	buildOnce sync.Once
	built     string
	theImages *imageSet
	buildErr  error
)

// testImages builds the images once.
func testImages(t *testing.T) *imageSet {
	t.Helper()
	buildOnce.Do(func() { theImages, buildErr = buildImages() })
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return theImages
}

func buildImages() (*imageSet, error) {
	dir, err := os.MkdirTemp("", "cachebench-images-")
	if err != nil {
		return nil, err
	}
	built = dir
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the images' program: %w: %s", err, out)
	}
	program, err := os.ReadFile(filepath.Join(dir, "program"))
	if err != nil {
		return nil, err
	}
	c := &imageSet{dir: filepath.Join(dir, "layout")}
	for i, files := range []map[string][]byte{
		{"program": program, "base/data": noise(1, 3<<20)},
		{"middle/data": noise(2, 1<<20)},
		{"last/data": noise(3, 1<<19)},
		{"api/data": noise(4, 1<<20)},
	} {
		raw := tarOf(i, files)
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		c.layers, c.unpackedBytes = append(c.layers, layer), append(c.unpackedBytes, int64(len(raw)))
	}
	path, err := layout.Write(c.dir, empty.Index)
	if err != nil {
		return nil, err
	}
	for ref, list := range map[string][]v1.Layer{base: c.layers[:1], web: c.layers[:3], api: {c.layers[0], c.layers[3]}, bare: c.layers[:1]} {
		if err := appendImage(path, ref, list); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func appendImage(path layout.Path, ref string, list []v1.Layer) error {
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), list...)
	if err != nil {
		return err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	if ref != bare {
		config.Config.Entrypoint = []string{"/program"}
	}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return err
	}
	return path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref}))
}

func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	r.Read(b)
	return b
}

// tarOf is a layer with some more files, of which each takes its time.
func tarOf(number int, files map[string][]byte) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range 20 {
		files[fmt.Sprintf("etc/%d/%d", number, i)] = []byte(strings.Repeat("x", 100*i))
	}
	for name, data := range files {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg})
		w.Write(data)
	}
	w.Close()
	return buf.Bytes()
}

func (c *imageSet) digest(t *testing.T, i int) layers.Digest {
	t.Helper()
	d, err := c.layers[i].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return layers.Digest(d.String())
}

func (c *imageSet) size(t *testing.T, list ...int) (compressed, unpacked int64) {
	t.Helper()
	for _, i := range list {
		n, err := c.layers[i].Size()
		if err != nil {
			t.Fatal(err)
		}
		compressed, unpacked = compressed+n, unpacked+c.unpackedBytes[i]
	}
	return compressed, unpacked
}

// rawManifest is a manifest with its type.
type rawManifest struct {
	mediaType string
	raw       []byte
}

// manifest returns that of an image as the registry at an address has it.
func (b *bench) manifest(t *testing.T, address, reference string) rawManifest {
	t.Helper()
	path, tag, _ := strings.Cut(strings.TrimPrefix(reference, host+"/"), ":")
	resp, err := http.Get("http://" + address + "/v2/" + path + "/manifests/" + tag)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return rawManifest{resp.Header.Get("Content-Type"), raw}
}

// put stores a manifest in a node's namespace.
func put(t *testing.T, n *node, m rawManifest) {
	t.Helper()
	desc := ocispec.Descriptor{MediaType: m.mediaType, Digest: digest.FromBytes(m.raw), Size: int64(len(m.raw))}
	if err := content.WriteBlob(n.ctx(t.Context()), n.client.ContentStore(), "put", bytes.NewReader(m.raw), desc); err != nil {
		t.Fatal(err)
	}
}

// bench is a registry with the tests' images and what came to it.
type bench struct {
	*imageSet
	inventory *layers.Inventory
	handler   http.Handler

	mu    sync.Mutex
	blobs map[string]int // how often each was asked for
	// delay is of one blob, or of each where delayed is all.
	delayed layers.Digest
	delay   time.Duration
	// waiting are in their delay, most at once.
	waiting, most int
}

const all = "all"

func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, digest, blob := strings.Cut(r.URL.Path, "/blobs/")
	if blob && r.Method == http.MethodGet {
		b.mu.Lock()
		b.blobs[digest]++
		wait := time.Duration(0)
		if b.delayed == layers.Digest(digest) || b.delayed == all {
			wait = b.delay
		}
		b.waiting++
		b.most = max(b.most, b.waiting)
		b.mu.Unlock()
		time.Sleep(wait)
		b.mu.Lock()
		b.waiting--
		b.mu.Unlock()
	}
	b.handler.ServeHTTP(w, r)
}

// atOnce returns how many blobs were asked for at once since the last call.
func (b *bench) atOnce() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	most := b.most
	b.most = 0
	return most
}

// asked returns how often each blob was asked for since the last call.
func (b *bench) asked() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := b.blobs
	b.blobs = map[string]int{}
	return asked
}

func newBench(t *testing.T) *bench {
	t.Helper()
	daemonProgram(t)
	b := &bench{imageSet: testImages(t), blobs: map[string]int{}}
	var err error
	if b.handler, err = registry.Handler(host, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	s, err := registry.Serve(b.handler)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b.inventory, err = layers.Resolve(t.Context(), []string{base, web, api, bare}, layers.Options{
		Aliases: map[string]string{host: s.Addr}, PlainHTTP: []string{s.Addr}, Platforms: []string{"linux/" + runtime.GOARCH}, Deep: true,
	})
	if err != nil || len(b.inventory.Unresolved) > 0 {
		t.Fatal(err, b.inventory.Unresolved)
	}
	return b
}

// newRunner is a runner in a lab of its own, with nothing left of it after the test.
func (b *bench) newRunner(t *testing.T, opt Options) *Runner {
	t.Helper()
	if opt.Address == "" {
		opt.Binary = daemonProgram(t)
	}
	l, err := lab.New(t.Context(), b, lab.Options{Nodes: opt.Nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	opt.Lab, opt.Inventory, opt.Root = l, b.inventory, shortDir(t)
	return start(t, opt)
}

// onHost is a runner on the host's own network, with a registry there.
func (b *bench) onHost(t *testing.T, opt Options) *Runner {
	t.Helper()
	s, err := registry.Serve(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	opt.Registry, opt.Inventory, opt.Root = s.Addr, b.inventory, shortDir(t)
	return start(t, opt)
}

// start makes a runner, with nothing left of it after the test.
func start(t *testing.T, opt Options) *Runner {
	t.Helper()
	r, err := NewRunner(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		nothingLeft(t, opt.Root)
	})
	return r
}

// shortDir is a temporary directory whose path leaves room for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// nothingLeft looks for what a runner may leave: files, processes, mounts, control
// groups.
func nothingLeft(t *testing.T, root string) {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in %s: %v %v", root, entries, err)
	}
	if list := processesWith(root); len(list) > 0 {
		t.Errorf("left running: %q", list)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), root) {
		t.Errorf("left mounted below %s: %v", root, err)
	}
}

// processesWith are the command lines that name a path.
func processesWith(path string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if raw, err := os.ReadFile(file); err == nil && strings.Contains(string(raw), path) {
			found = append(found, string(raw))
		}
	}
	return found
}

// once prepares and makes one run of an arm.
func once(t *testing.T, r *Runner, arm *measure.Arm) []simulate.Startup {
	t.Helper()
	if err := r.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	list, err := r.Run(t.Context(), arm)
	if err := errors.Join(err, r.Finish(t.Context())); err != nil {
		t.Fatal(err)
	}
	if len(list) != len(arm.Starts) {
		t.Fatalf("%d startups of %d starts", len(list), len(arm.Starts))
	}
	return list
}
