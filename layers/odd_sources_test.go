package layers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	v1spec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/layers/local"
)

// engineOf is a Docker engine with images, on a unix socket. sizes are those of
// the steps of an image's history, 0 for one that it leaves out.
func engineOf(t *testing.T, images map[string]v1.Image, sizes func(int) int64, write func(*testing.T, v1.Image, string) string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.45") })
	for name, img := range images {
		conf, _ := img.ConfigFile()
		id, _ := img.ConfigName()
		history := []map[string]any{}
		for i := len(conf.History) - 1; i >= 0; i-- {
			if size := sizes(i); size != 0 {
				history = append(history, map[string]any{"CreatedBy": conf.History[i].CreatedBy, "Size": size})
			}
		}
		archive := write(t, img, name)
		mux.HandleFunc("/v1.45/images/"+name+"/json", func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(map[string]any{
				"Id": id.String(), "RepoTags": []string{name}, "Os": "linux", "Architecture": "amd64",
				"RootFS": map[string]any{"Type": "layers", "Layers": conf.RootFS.DiffIDs},
			})
		})
		mux.HandleFunc("/v1.45/images/"+name+"/history", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(history) })
		mux.HandleFunc("/v1.45/images/"+name+"/get", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, archive) })
	}
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return "unix://" + socket
}

// TestEngineImagesShare: of two images of an engine that share layers, the
// second's own layer is found in its export among those that were read with the
// first.
func TestEngineImagesShare(t *testing.T) {
	app := realImage(t)
	next, err := mutate.Append(app, mutate.Addendum{Layer: realLayer(t, map[string]string{"srv/d": "d"}), History: v1.History{CreatedBy: "RUN step 3"}})
	if err != nil {
		t.Fatal(err)
	}
	host := engineOf(t, map[string]v1.Image{"team/app:1": app, "team/next:1": next}, func(int) int64 { return 1000 }, writeDockerArchive)
	references := []string{"docker-daemon:team/app:1", "docker-daemon:team/next:1"}
	for name, opt := range map[string]Options{"deep": {Deep: true}, "compress": {Compress: true}} {
		t.Run(name, func(t *testing.T) {
			opt.Docker = host
			inv, err := Resolve(t.Context(), references, opt)
			if err != nil || len(inv.Layers) != 4 || len(inv.Unscanned) > 0 || len(inv.Doubts) > 0 {
				t.Fatalf("err %v, %d layers, unscanned %v, doubts %v", err, len(inv.Layers), inv.Unscanned, inv.Doubts)
			}
			for i, l := range inv.Layers {
				if opt.Deep && l.Scan == nil || opt.Compress && l.CompressedSource != Measured {
					t.Errorf("layer %d was not read: %+v", i, l)
				}
			}
		})
	}
}

// TestEngineKeepsBlobs: the export of an engine with containerd's image store has
// compressed layers; what they are is measured, not compressed again.
func TestEngineKeepsBlobs(t *testing.T) {
	img := realImage(t)
	host := engineOf(t, map[string]v1.Image{"team/app:1": img}, func(int) int64 { return 1000 }, func(t *testing.T, img v1.Image, ref string) string {
		file := filepath.Join(t.TempDir(), "image.tar")
		tag, _ := name.NewTag(ref)
		if err := tarball.WriteToFile(file, tag, img); err != nil {
			t.Fatal(err)
		}
		return file
	})
	inv, err := Resolve(t.Context(), []string{"docker-daemon:team/app:1"}, Options{Docker: host, Compress: true})
	if err != nil || len(inv.Doubts) > 0 || len(inv.Layers) != 3 {
		t.Fatalf("err %v, doubts %v, unresolved %v", err, inv.Doubts, inv.Unresolved)
	}
	all, _ := img.Layers()
	for i, l := range inv.Layers {
		size, _ := all[i].Size()
		unpacked, _ := plainLayer{all[i]}.Size()
		if l.CompressedBytes != size || l.CompressedSource != Measured || *l.UnpackedBytes != unpacked || l.UnpackedSource != Measured {
			t.Errorf("layer %d is of %d bytes (%s), want %d", i, l.CompressedBytes, l.CompressedSource, size)
		}
	}
}

// TestEngineWithoutSizes: a size that the engine does not state is not 0.
func TestEngineWithoutSizes(t *testing.T) {
	host := engineOf(t, map[string]v1.Image{"team/app:1": realImage(t)}, func(i int) int64 { return int64(i % 2 * 1000) }, writeDockerArchive)
	for _, compress := range []bool{false, true} {
		inv, err := Resolve(t.Context(), []string{"docker-daemon:team/app:1"}, Options{Docker: host, Compress: compress})
		if err != nil || len(inv.Layers) != 3 {
			t.Fatalf("err %v, unresolved %v", err, inv.Unresolved)
		}
		for i, l := range inv.Layers {
			want := Estimated
			if compress {
				want = Measured
			}
			if l.CompressedSource != want || l.UnpackedSource != want || compress && (l.CompressedBytes < 100 || *l.UnpackedBytes < 2048) {
				t.Errorf("compress %v: layer %d is of %d bytes (%s), unpacked %d (%s)", compress, i, l.CompressedBytes, l.CompressedSource, *l.UnpackedBytes, l.UnpackedSource)
			}
		}
		if said := len(inv.Unscanned) == 3 && strings.Contains(inv.Unscanned[0].Reason, "does not state its size"); said == compress {
			t.Errorf("compress %v: unscanned %v", compress, inv.Unscanned)
		}
	}
}

// TestKnownEstimates: what OLD only estimates is not measured in NEW.
func TestKnownEstimates(t *testing.T) {
	archive := "docker-archive:" + writeDockerArchive(t, realImage(t), "registry.example.com/team/app:1")
	old, err := Resolve(t.Context(), []string{archive}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Resolve(t.Context(), []string{archive}, Options{Known: old.ByDiffID()})
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range inv.Layers {
		if l.CompressedSource != Estimated {
			t.Errorf("layer %d is %s", i, l.CompressedSource)
		}
	}
}

// TestTableOrder: what is said of a blob that an archive and two manifests
// contradict each other on does not depend on which was read first.
func TestTableOrder(t *testing.T) {
	blob, diffID := hash{1}, hash{2}
	manifest := func(name byte, size int64) func(*table) {
		return func(tab *table) {
			doc := &manifestDocument{layers: []descriptor{{hash: blob, size: size}}}
			tab.intern(hash{name}, doc, &config{hashes: []hash{diffID}}, []jsonText{{}})
		}
	}
	archive := func(name byte, size int64) func(*table) {
		return func(tab *table) {
			_, err := tab.internStored(hash{name}, &local.DockerImage{Layers: []local.DockerLayer{{
				DiffID: diffID.String(), StoredDigest: blob.String(), StoredBytes: size, Compression: "gzip",
			}}})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, read := range [][]func(*table){
		{manifest(5, 10), archive(3, 20)},
		{manifest(3, 10), archive(5, 20)},
		{manifest(4, 10), manifest(5, 11), archive(3, 10)},
	} {
		var want []string
		for range 2 {
			tab := newTable()
			for _, f := range read {
				f(tab)
			}
			if got := append(tab.doubts(), fmt.Sprintf("%+v", tab.entries[0].layer())); want == nil {
				want = got
			} else if !slices.Equal(got, want) {
				t.Errorf("in another order:\n%q\nwant\n%q", got, want)
			}
			if len(tab.doubts()) != 1 {
				t.Errorf("doubts %q", tab.doubts())
			}
			slices.Reverse(read)
		}
	}
}

// TestOtherHolder: a layer that its registry does not give is read from another
// image that has it, and one on this machine first.
func TestOtherHolder(t *testing.T) {
	img := realImage(t)
	var blobs atomic.Int64 // several requests come at once
	host := fakeRegistry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/denied/blobs/") && r.Method == http.MethodGet {
				if id, _ := img.ConfigName(); !strings.HasSuffix(r.URL.Path, id.String()) {
					blobs.Add(1)
					w.WriteHeader(http.StatusForbidden)
					return
				}
			}
			h.ServeHTTP(w, r)
		})
	})
	push(t, host+"/team/denied:1", img)
	push(t, host+"/team/open:1", img)
	for _, other := range []string{host + "/team/open:1", "oci:" + writeLayout(t, img, "x")} {
		blobs.Store(0)
		inv, err := Resolve(t.Context(), []string{host + "/team/denied:1", other}, Options{Deep: true, Jobs: 1})
		if err != nil || len(inv.Images) != 2 || len(inv.Unscanned) > 0 || inv.Layers[2].Scan == nil {
			t.Errorf("%s: err %v, unresolved %v, unscanned %v", other, err, inv.Unresolved, inv.Unscanned)
		}
		if local := strings.HasPrefix(other, "oci:"); local != (blobs.Load() == 0) {
			t.Errorf("%s: %d layers were asked of the registry that denies them", other, blobs.Load())
		}
	}
	inv, err := Resolve(t.Context(), []string{host + "/team/denied:1"}, Options{Deep: true})
	if err != nil || len(inv.Unscanned) != 3 || !strings.Contains(inv.Unscanned[0].Reason, "403") {
		t.Errorf("err %v, unscanned %v", err, inv.Unscanned)
	}
}

// TestVariants: a machine takes the nearest variant that it runs, as containerd
// does.
func TestVariants(t *testing.T) {
	children := func(platforms ...string) (all []descriptor) {
		for _, s := range platforms {
			p, err := parsePlatform(s)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, descriptor{platform: p, states: true})
		}
		return all
	}
	for _, test := range []struct {
		asked string
		have  []string
		want  string
	}{
		{"linux/arm/v7", []string{"linux/arm/v5", "linux/arm/v6"}, "linux/arm/v6"},
		{"linux/arm/v7", []string{"linux/arm/v6", "linux/arm"}, "linux/arm"},
		{"linux/arm/v6", []string{"linux/arm/v7", "linux/arm/v5"}, "linux/arm/v5"},
		{"linux/arm/v6", []string{"linux/arm/v7"}, ""},
		{"linux/amd64", []string{"linux/amd64/v3"}, ""},
		{"linux/amd64/v3", []string{"linux/amd64", "linux/amd64/v2"}, "linux/amd64/v2"},
		{"linux/arm64", []string{"linux/arm/v7"}, ""},
		{"linux/arm64", []string{"linux/arm64/v8"}, "linux/arm64/v8"},
	} {
		asked, _ := parsePlatform(test.asked)
		got, err := choose(children(test.have...), asked)
		if (err != nil) != (test.want == "") || err == nil && got[0].platform.String() != test.want {
			t.Errorf("%s of %v: %v, %v, want %s", test.asked, test.have, got, err, test.want)
		}
	}
}

// TestPlainJSON: a document that neither states its type nor comes with one is
// known by its shape.
func TestPlainJSON(t *testing.T) {
	manifest := `{"schemaVersion":2,"config":` + blob(1, v1spec.MediaTypeImageConfig, 2) + `,"layers":[` + blob(2, v1spec.MediaTypeImageLayerGzip, 0) + `]}`
	for _, contentType := range []string{"", "application/json", "application/json; charset=utf-8", "application/octet-stream"} {
		if doc, err := parseManifest([]byte(manifest), contentType); err != nil || doc.mediaType != v1spec.MediaTypeImageManifest {
			t.Errorf("%q: %v", contentType, err)
		}
	}
	if _, err := parseManifest([]byte(manifest), "application/vnd.example"); err == nil {
		t.Error("a document of another type is accepted")
	}
	s := newShelf()
	s.image("empty", 1, []string{blob(2, v1spec.MediaTypeImageLayerGzip, 0)})
	if inv := s.resolve(t, "empty", Options{}); len(inv.Doubts) != 1 || !strings.Contains(inv.Doubts[0], "0 bytes") {
		t.Errorf("doubts %v", inv.Doubts)
	}
}
