package local

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.etcd.io/bbolt"
)

// containerdRoot writes a store as containerd does: the blobs of an OCI layout
// and a metadata database, which stays open, and so locked, as while containerd
// runs.
func containerdRoot(t testing.TB, layoutDir string) (root string, db *bbolt.DB) {
	t.Helper()
	root = t.TempDir()
	for _, dir := range []string{"io.containerd.content.v1.content", "io.containerd.metadata.v1.bolt"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if layoutDir != "" {
		if err := os.CopyFS(filepath.Join(root, "io.containerd.content.v1.content/blobs"), os.DirFS(filepath.Join(layoutDir, "blobs"))); err != nil {
			t.Fatal(err)
		}
	}
	db = must[*bbolt.DB](t)(bbolt.Open(filepath.Join(root, "io.containerd.metadata.v1.bolt/meta.db"), 0o644, &bbolt.Options{NoSync: true}))
	t.Cleanup(func() { db.Close() })
	return root, db
}

// putImage records an image, by the schema of containerd's buckets.go.
func putImage(tx *bbolt.Tx, namespace, name string, d Descriptor) error {
	b, err := buckets(tx, "v1", namespace, "images", name, "target")
	if err != nil {
		return err
	}
	size := binary.AppendVarint(nil, d.Size)
	for key, value := range map[string][]byte{"digest": []byte(d.Digest), "mediatype": []byte(d.MediaType), "size": size} {
		if err := b.Put([]byte(key), value); err != nil {
			return err
		}
	}
	_, err = buckets(tx, "v1", namespace, "content", "blob", d.Digest)
	return err
}

func buckets(tx *bbolt.Tx, path ...string) (*bbolt.Bucket, error) {
	b, err := tx.CreateBucketIfNotExists([]byte(path[0]))
	for _, key := range path[1:] {
		if err != nil {
			return nil, err
		}
		b, err = b.CreateBucketIfNotExists([]byte(key))
	}
	return b, err
}

func descriptorOf(t testing.TB, img v1.Image) Descriptor {
	t.Helper()
	return Descriptor{
		string(must[*v1.Manifest](t)(img.Manifest()).MediaType), must[v1.Hash](t)(img.Digest()).String(), must[int64](t)(img.Size()),
	}
}

func containerdStore(t testing.TB, layoutDir, namespace string, images map[string]v1.Image) *Containerd {
	t.Helper()
	root, db := containerdRoot(t, layoutDir)
	err := db.Update(func(tx *bbolt.Tx) error {
		for name, img := range images {
			if err := putImage(tx, namespace, name, descriptorOf(t, img)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return must[*Containerd](t)(OpenContainerd(t.Context(), root, namespace))
}

// TestContainerdNames: a name as given, spelt out, in another namespace, and
// content that is absent.
func TestContainerdNames(t *testing.T) {
	root, db := containerdRoot(t, "")
	a, b := Descriptor{"m", digestOf([]byte("a")), 300}, Descriptor{"m", digestOf([]byte("b")), 1 << 40}
	err := db.Update(func(tx *bbolt.Tx) error {
		for _, err := range []error{
			putImage(tx, "default", "docker.io/library/nginx:latest", a),
			putImage(tx, "k8s.io", "registry.example.com/x:1", b),
			putImage(tx, "moby", "registry.example.com/x:1", b),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTAINERD_ROOT", root)
	c := must[*Containerd](t)(OpenContainerd(t.Context(), "", ""))
	for _, name := range []string{"", "nginx", "index.docker.io/library/nginx", "docker.io/library/nginx:latest", a.Digest} {
		if d, err := c.Lookup(t.Context(), name); err != nil || d != a {
			t.Errorf("%q: %+v, %v", name, d, err)
		}
	}
	_, err = c.Lookup(t.Context(), "registry.example.com/x:1")
	wantError(t, "another namespace", err, "namespace default: it has no image registry.example.com/x:1, but namespace k8s.io, moby has: set CONTAINERD_NAMESPACE")
	_, err = c.Lookup(t.Context(), "y")
	wantError(t, "nowhere", err, "it has no image y; it has docker.io/library/nginx:latest")
	_, err = c.Blob(t.Context(), a.Digest)
	wantError(t, "a lost blob", err, "recorded but missing on disk")
	_, err = c.Blob(t.Context(), b.Digest)
	wantError(t, "a dropped blob", err, "discard_unpacked_layers")
	if !IsAbsent(err) {
		t.Errorf("a dropped blob is not absent: %v", err)
	}
	t.Setenv("CONTAINERD_NAMESPACE", "k8s.io")
	c = must[*Containerd](t)(OpenContainerd(t.Context(), "", ""))
	if d, err := c.Lookup(t.Context(), "registry.example.com/x:1"); err != nil || d != b {
		t.Errorf("in k8s.io: %+v, %v", d, err)
	}
	c = must[*Containerd](t)(OpenContainerd(t.Context(), "", "none"))
	_, err = c.Lookup(t.Context(), "")
	wantError(t, "an empty namespace", err, "namespace none: it holds 0 images")
	_, err = OpenContainerd(t.Context(), t.TempDir(), "")
	wantError(t, "no store", err, "there is no containerd store at")
}

// TestMetadataFaults: databases that are none, or damaged, give an error.
func TestMetadataFaults(t *testing.T) {
	root, db := containerdRoot(t, "")
	if err := db.Update(func(tx *bbolt.Tx) error {
		for i := range 500 {
			if err := putImage(tx, "default", fmt.Sprintf("x:%d", i), Descriptor{"m", digestOf(binaryName(i)), 1}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "io.containerd.metadata.v1.bolt/meta.db")
	whole := must[[]byte](t)(os.ReadFile(path))
	pageBytes := os.Getpagesize()
	// The root page is damaged so that it points beyond the file.
	damaged := append([]byte(nil), whole...)
	for i := 2 * pageBytes; i < len(damaged); i++ {
		damaged[i] = 0xff
	}
	for title, content := range map[string][]byte{
		"empty": nil, "text": []byte(strings.Repeat("text", 10000)), "only the first page": whole[:pageBytes], "pages of ones": damaged,
	} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenContainerd(t.Context(), root, ""); err == nil || !strings.Contains(err.Error(), "open containerd's store at "+root) {
			t.Errorf("%s: %v", title, err)
		}
	}
}

// TestSnapshot: a copy that is taken while another goroutine commits is one of
// its transactions whole. Each transaction gives every image one size and
// rewrites the whole tree.
func TestSnapshot(t *testing.T) {
	root, db := containerdRoot(t, "")
	const images = 60
	commit := func(size int64) error {
		return db.Update(func(tx *bbolt.Tx) error {
			for i := range images {
				if err := putImage(tx, "default", fmt.Sprintf("registry.example.com/x:%d", i), Descriptor{"m", digestOf(nil), size}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := commit(1); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan bool), make(chan error)
	go func() {
		for size := int64(2); ; size++ {
			select {
			case <-stop:
				done <- nil
				return
			// As a busy containerd: some commits a second, at times two at once.
			case <-time.After(time.Duration(size%3) * 10 * time.Millisecond):
			}
			if err := commit(size); err != nil {
				done <- err
				return
			}
		}
	}()
	sizes := map[int64]bool{}
	for len(sizes) < 8 {
		c, err := OpenContainerd(t.Context(), root, "")
		if err != nil {
			if strings.Contains(err.Error(), "containerd changed it during each of") {
				continue // which a slow machine may see
			}
			t.Fatal(err)
		}
		all := c.metadata.images["default"]
		first := all["registry.example.com/x:0"].Size
		sizes[first] = true
		for name, d := range all {
			if d.Size != first || d.Digest != digestOf(nil) {
				t.Errorf("%s is of transaction %d, x:0 of %d", name, d.Size, first)
			}
		}
		if len(all) != images {
			t.Errorf("%d images, want %d", len(all), images)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestRealContainerd: a running containerd's store, where one may be started.
func TestRealContainerd(t *testing.T) {
	daemon, err := exec.LookPath("containerd")
	ctr, err2 := exec.LookPath("ctr")
	if err != nil || err2 != nil || os.Getuid() != 0 {
		return // the other tests do not need it
	}
	tmp := must[string](t)(os.MkdirTemp("", "ctd"))
	t.Cleanup(func() { os.RemoveAll(tmp) })
	config := filepath.Join(tmp, "config.toml")
	plugins := `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
`
	if err := os.WriteFile(config, []byte(plugins), 0o644); err != nil {
		t.Fatal(err)
	}
	root, socket := filepath.Join(tmp, "root"), filepath.Join(tmp, "c.sock")
	cmd := exec.Command(daemon, "--config", config, "--root", root, "--state", filepath.Join(tmp, "state"), "--address", socket, "--log-level", "error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	run := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), ctr, append([]string{"--address", socket, "--connect-timeout", "20s"}, args...)...).CombinedOutput()
		return string(out), err
	}
	img := testImage(t, 9, 3)
	dir := writeLayout(t, named{"registry.example.com/x:1", img})
	archive := writeFile(t, makeTar(t, layoutFiles(t, dir)...))
	for attempt := 0; ; attempt++ {
		out, err := run("-n", "k8s.io", "images", "import", "--no-unpack", "--all-platforms", archive)
		if err == nil {
			break
		}
		if attempt == 50 {
			t.Fatalf("ctr images import: %v: %s", err, out)
		}
		time.Sleep(200 * time.Millisecond)
	}
	list, err := run("-n", "k8s.io", "images", "ls", "-q")
	if err != nil {
		t.Fatal(err)
	}
	c := must[*Containerd](t)(OpenContainerd(t.Context(), root, "k8s.io"))
	checkStore(t, c, strings.TrimSpace(list), img)
	c = must[*Containerd](t)(OpenContainerd(t.Context(), root, "default"))
	_, err = c.Lookup(t.Context(), strings.TrimSpace(list))
	wantError(t, "another namespace", err, "but namespace k8s.io has")
	exported := filepath.Join(tmp, "exported.tar")
	if out, err := run("-n", "k8s.io", "images", "export", "--all-platforms", exported, strings.TrimSpace(list)); err != nil {
		t.Fatalf("ctr images export: %v: %s", err, out)
	}
	checkStore(t, must[*Archive](t)(OpenArchive(t.Context(), exported)), strings.TrimSpace(list), img)
}
