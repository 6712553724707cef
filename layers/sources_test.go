package layers

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	bolt "go.etcd.io/bbolt"
)

// realLayer is a layer with files, whose compressed blob is gzip.
func realLayer(t *testing.T, files map[string]string) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[name])
	}
	w.Close()
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

// realImage is an image of three layers, of which the last overwrites a file of
// the first and deletes one of the second.
func realImage(t *testing.T) v1.Image {
	t.Helper()
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	for i, files := range []map[string]string{
		{"etc/a": strings.Repeat("a", 1000), "etc/b": "b"},
		{"usr/c": strings.Repeat("c", 3000)},
		{"etc/a": "changed", "usr/.wh.c": ""},
	} {
		var err error
		img, err = mutate.Append(img, mutate.Addendum{
			Layer: realLayer(t, files), MediaType: types.OCILayer, History: v1.History{CreatedBy: fmt.Sprintf("RUN step %d", i)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	conf, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	conf = conf.DeepCopy()
	conf.OS, conf.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, conf); err != nil {
		t.Fatal(err)
	}
	return img
}

func writeLayout(t *testing.T, img v1.Image, ref string) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": ref})); err != nil {
		t.Fatal(err)
	}
	return dir
}

// writeTar puts a directory into a tar.
func writeTar(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// writeDockerArchive writes an image as docker save did until version 24: its
// layers are plain tars.
func writeDockerArchive(t *testing.T, img v1.Image, ref string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image.tar")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	add := func(name string, content []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
	}
	id, _ := img.ConfigName()
	config, _ := img.RawConfigFile()
	item := map[string]any{"Config": id.Hex + ".json", "RepoTags": []string{ref}}
	add(id.Hex+".json", config)
	all, _ := img.Layers()
	var names []string
	for i, l := range all {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprintf("%064d/layer.tar", i))
		add(names[i], content)
	}
	item["Layers"] = names
	manifest, _ := json.Marshal([]any{item})
	add("manifest.json", manifest)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// plainLayer has the size of its tar.
type plainLayer struct{ v1.Layer }

func (p plainLayer) Size() (int64, error) {
	r, err := p.Layer.Uncompressed()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

// writeContainerd is a containerd root that holds a layout's content.
func writeContainerd(t *testing.T, dir string, img v1.Image, ref string) string {
	t.Helper()
	root := t.TempDir()
	content := filepath.Join(root, "io.containerd.content.v1.content")
	if err := os.CopyFS(content, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	meta := filepath.Join(root, "io.containerd.metadata.v1.bolt")
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(meta, "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	digest, _ := img.Digest()
	size, _ := img.Size()
	err = db.Update(func(tx *bolt.Tx) error {
		var b interface {
			CreateBucketIfNotExists([]byte) (*bolt.Bucket, error)
		} = tx
		var target *bolt.Bucket
		for _, key := range []string{"v1", "default", "images", ref, "target"} {
			var err error
			if target, err = b.CreateBucketIfNotExists([]byte(key)); err != nil {
				return err
			}
			b = target
		}
		varint := make([]byte, 10)
		n := putVarint(varint, size)
		target.Put([]byte("digest"), []byte(digest.String()))
		target.Put([]byte("mediatype"), []byte(types.OCIManifestSchema1))
		return target.Put([]byte("size"), varint[:n])
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// putVarint is encoding/binary's, as containerd writes sizes.
func putVarint(buf []byte, x int64) int {
	ux := uint64(x) << 1
	i := 0
	for ux >= 0x80 {
		buf[i] = byte(ux) | 0x80
		ux >>= 7
		i++
	}
	buf[i] = byte(ux)
	return i + 1
}

// fakeEngine is a Docker engine with one image, on a unix socket.
func fakeEngine(t *testing.T, img v1.Image, archive string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	conf, _ := img.ConfigFile()
	id, _ := img.ConfigName()
	type step struct {
		CreatedBy string
		Size      int64
	}
	var history []step
	for i := len(conf.History) - 1; i >= 0; i-- {
		history = append(history, step{conf.History[i].CreatedBy, []int64{1001, 3000, 7}[i]})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.45") })
	mux.HandleFunc("/v1.45/images/team/app:1/json", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{
			"Id": id.String(), "RepoTags": []string{"team/app:1"}, "Os": "linux", "Architecture": "amd64",
			"RootFS": map[string]any{"Type": "layers", "Layers": conf.RootFS.DiffIDs},
		})
	})
	mux.HandleFunc("/v1.45/images/team/app:1/history", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(history) })
	mux.HandleFunc("/v1.45/images/team/app:1/get", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, archive) })
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return "unix://" + socket
}

// TestSources reads one image from every kind of source, with its layers: the
// same chains, sizes and files come out, and what a source does not state is
// marked.
func TestSources(t *testing.T) {
	img := realImage(t)
	const ref = "registry.example.com/team/app:1"
	host := fakeRegistry(t, same)
	push(t, host+"/team/app:1", img)
	dir := writeLayout(t, img, ref)
	archive := writeDockerArchive(t, img, ref)
	containerd := writeContainerd(t, dir, img, ref)
	engine := fakeEngine(t, img, archive)
	digest, _ := img.Digest()
	id, _ := img.ConfigName()
	for _, test := range []struct {
		reference  string
		compressed bool
		digest     v1.Hash
	}{
		{host + "/team/app:1", true, digest},
		{"docker://" + host + "/team/app:1", true, digest},
		{"oci:" + dir, true, digest},
		{"oci:" + dir + ":" + ref, true, digest},
		{"oci-archive:" + writeTar(t, dir) + ":" + ref, true, digest},
		{"containerd:" + ref, true, digest},
		{"docker-archive:" + archive, false, id},
		{"docker-archive:" + archive + ":" + ref, false, id},
		{"docker-daemon:team/app:1", false, id},
	} {
		t.Run(strings.SplitN(test.reference, ":", 2)[0], func(t *testing.T) {
			opt := Options{Docker: engine, ContainerdRoot: containerd}
			stated, err := Resolve(t.Context(), []string{test.reference}, opt)
			if err != nil || len(stated.Unresolved) > 0 {
				t.Fatalf("err %v, unresolved %v", err, stated.Unresolved)
			}
			if got := stated.Images[0]; string(got.Digest) != test.digest.String() || got.Platform != "linux/amd64" {
				t.Errorf("digest %s for %s, want %s", got.Digest, got.Platform, test.digest)
			}
			opt.Deep, opt.Compress = true, true
			inv, err := Resolve(t.Context(), []string{test.reference}, opt)
			if err != nil || len(inv.Unscanned) > 0 || len(inv.Doubts) > 0 {
				t.Fatalf("err %v, unscanned %v, doubts %v", err, inv.Unscanned, inv.Doubts)
			}
			compareLayers(t, img, inv, test.compressed)
			want := []Hidden{{}, {}, {OverwrittenBytes: 1000, DeletedBytes: 3000}}
			if diff := cmp.Diff(want, inv.Images[0].Hidden); diff != "" {
				t.Errorf("hidden -want +got:\n%s", diff)
			}
		})
	}
}

func compareLayers(t *testing.T, img v1.Image, inv *Inventory, isCompressed bool) {
	t.Helper()
	all, _ := img.Layers()
	if len(all) != len(inv.Images[0].Layers) {
		t.Fatalf("%d layers, want %d", len(inv.Images[0].Layers), len(all))
	}
	for i, l := range all {
		got := inv.Layers[inv.Images[0].Layers[i]]
		digest, _ := l.Digest()
		diffID, _ := l.DiffID()
		size, _ := l.Size()
		unpacked, _ := plainLayer{l}.Size()
		if string(got.DiffID) != diffID.String() || *got.UnpackedBytes != unpacked || got.UnpackedSource != Measured || got.Scan == nil || got.CreatedBy != fmt.Sprintf("RUN step %d", i) {
			t.Errorf("layer %d: %+v, want diffID %s and %d bytes", i, got, diffID, unpacked)
		}
		if isCompressed && (string(got.Digest) != digest.String() || got.CompressedBytes != size || got.CompressedSource != "") {
			t.Errorf("layer %d: digest %s of %d bytes, want %s of %d", i, got.Digest, got.CompressedBytes, digest, size)
		}
		// Another level of gzip gives another size, but not by much.
		if !isCompressed && (got.Digest != got.DiffID || got.CompressedSource != Measured || got.CompressedBytes < size*3/4 || got.CompressedBytes > size*4/3) {
			t.Errorf("layer %d: digest %s of %d bytes (%s), want about %d", i, got.Digest, got.CompressedBytes, got.CompressedSource, size)
		}
	}
}

// TestStoredSizes: without reading its layers, a source without compressed blobs
// has estimated sizes; a layer that another image has takes that one's.
func TestStoredSizes(t *testing.T) {
	img := realImage(t)
	archive := writeDockerArchive(t, img, "registry.example.com/team/app:1")
	engine := fakeEngine(t, img, archive)
	inv, err := Resolve(t.Context(), []string{"docker-archive:" + archive, "docker-daemon:team/app:1"}, Options{Docker: engine})
	if err != nil || len(inv.Images) != 2 || len(inv.Layers) != 3 {
		t.Fatalf("err %v, %d images, %d layers, unresolved %v", err, len(inv.Images), len(inv.Layers), inv.Unresolved)
	}
	for _, l := range inv.Layers {
		if l.CompressedSource != Estimated || l.UnpackedSource != Measured {
			t.Errorf("layer of an archive: %+v", l)
		}
	}
	inv, err = Resolve(t.Context(), []string{"docker-daemon:team/app:1"}, Options{Docker: engine})
	if err != nil || len(inv.Images) != 1 {
		t.Fatalf("err %v, unresolved %v", err, inv.Unresolved)
	}
	if l := inv.Layers[1]; l.UnpackedMethod != Engine || *l.UnpackedBytes != 3000 || l.CompressedSource != Estimated {
		t.Errorf("layer of an engine: %+v", l)
	}
	old, err := Resolve(t.Context(), []string{"oci:" + writeLayout(t, img, "x")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	inv, err = Resolve(t.Context(), []string{"docker-archive:" + archive}, Options{Known: old.ByDiffID()})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range inv.Layers {
		if l.CompressedSource != Measured || l.CompressedBytes != old.Layers[i].CompressedBytes {
			t.Errorf("layer %d that OLD has is of %d bytes (%s), want %d", i, l.CompressedBytes, l.CompressedSource, old.Layers[i].CompressedBytes)
		}
	}
}

// TestCorruptLayers: a blob that is not what the manifest promises is named, and
// the others are kept.
func TestCorruptLayers(t *testing.T) {
	img := realImage(t)
	dir := writeLayout(t, img, "x")
	all, _ := img.Layers()
	for i, change := range map[int]func([]byte) []byte{
		0: func(b []byte) []byte { return b[:len(b)-5] },
		1: func(b []byte) []byte { b = slices.Clone(b); b[len(b)/2] ^= 1; return b },
	} {
		digest, _ := all[i].Digest()
		name := filepath.Join(dir, "blobs/sha256", digest.Hex)
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(name)
		if err := os.WriteFile(name, change(raw), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := Resolve(t.Context(), []string{"oci:" + dir}, Options{Deep: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Unscanned) != 2 {
		t.Fatalf("unscanned %v", inv.Unscanned)
	}
	if inv.Layers[2].Scan == nil || inv.Images[0].Hidden != nil {
		t.Errorf("scan %v, hidden %v", inv.Layers[2].Scan, inv.Images[0].Hidden)
	}
	for i, want := range []string{"truncated: ", "corrupt compression: "} {
		digest, _ := all[i].Digest()
		if u := inv.Unscanned[i]; string(u.Digest) != digest.String() || !strings.HasPrefix(u.Reason, want) {
			t.Errorf("layer %d: %s: %s, want %s", i, u.Digest, u.Reason, want)
		}
	}
}

// TestMissingSources: what is not there is named, with what to do where that helps.
func TestMissingSources(t *testing.T) {
	dir := t.TempDir()
	for reference, want := range map[string]string{
		"oci:" + dir + "/none":           "open OCI layout",
		"oci-archive:" + dir + "/none":   "open OCI archive",
		"docker-archive:" + dir + "/no":  "open docker archive " + dir + "/no: no such file",
		"docker-daemon:team/app:1":       "no engine is running there: start it, or set ",
		"containerd:docker.io/library/a": "there is no containerd store at " + dir + "/none: set --containerd-root or CONTAINERD_ROOT",
	} {
		inv, err := Resolve(t.Context(), []string{reference}, Options{Docker: "unix://" + dir + "/none.sock", ContainerdRoot: dir + "/none"})
		if err != nil || len(inv.Unresolved) != 1 || !strings.Contains(inv.Unresolved[0].Reason, want) {
			t.Errorf("%s: err %v, unresolved %v, want %q", reference, err, inv.Unresolved, want)
		}
	}
}
