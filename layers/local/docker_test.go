package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// checkDocker compares an archive's image with go-containerregistry.
func checkDocker(t *testing.T, a *DockerArchive, reference string, img v1.Image) {
	t.Helper()
	got, err := a.Image(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	checkDescription(t, got, img)
	if id := must[v1.Hash](t)(img.ConfigName()).String(); got.ID != id || digestOf(got.Config) != id {
		t.Errorf("ID %s of a config with digest %s, want %s", got.ID, digestOf(got.Config), id)
	}
	for i, want := range must[[]v1.Layer](t)(img.Layers()) {
		l := got.Layers[i]
		stored := readAll(t, must[io.ReadCloser](t)(a.OpenLayer(t.Context(), l)))
		unpacked := readAll(t, must[io.ReadCloser](t)(want.Uncompressed()))
		switch {
		case int64(len(stored)) != l.StoredBytes:
			t.Errorf("layer %d: %d bytes, said to be %d", i, len(stored), l.StoredBytes)
		case l.Compression == Gzip && !bytes.Equal(stored, readAll(t, must[io.ReadCloser](t)(want.Compressed()))):
			t.Errorf("layer %d: the compressed content differs", i)
		case l.Compression == "" && (!bytes.Equal(stored, unpacked) || l.UnpackedBytes != int64(len(unpacked))):
			t.Errorf("layer %d: the content differs, or its length %d", i, l.UnpackedBytes)
		case l.Compression != "" && l.UnpackedBytes != -1:
			t.Errorf("layer %d: unpacked size %d of a compressed layer", i, l.UnpackedBytes)
		case l.StoredDigest != "" && l.StoredDigest != digestOf(stored):
			t.Errorf("layer %d: stored digest %s, want %s", i, l.StoredDigest, digestOf(stored))
		case l.FileBytes != -1:
			t.Errorf("layer %d: sum of file sizes %d in an archive", i, l.FileBytes)
		}
	}
}

// checkDescription compares what any source tells of an image.
func checkDescription(t *testing.T, got *DockerImage, img v1.Image) {
	t.Helper()
	config := must[*v1.ConfigFile](t)(img.ConfigFile())
	if got.OS != config.OS || got.Architecture != config.Architecture || got.Variant != config.Variant || !got.Created.Equal(config.Created.Time) {
		t.Errorf("%s/%s/%s created %v, want %s of %v", got.OS, got.Architecture, got.Variant, got.Created, config.Platform(), config.Created)
	}
	var steps []string
	for _, h := range config.History {
		if !h.EmptyLayer {
			steps = append(steps, h.CreatedBy)
		}
	}
	if len(got.Layers) != len(config.RootFS.DiffIDs) || len(got.History) != len(config.History) {
		t.Fatalf("%d layers, %d steps, want %d, %d", len(got.Layers), len(got.History), len(config.RootFS.DiffIDs), len(config.History))
	}
	for i, want := range config.RootFS.DiffIDs {
		if l := got.Layers[i]; l.DiffID != want.String() || l.CreatedBy != steps[i] {
			t.Errorf("layer %d is %s by %q, want %s by %q", i, l.DiffID, l.CreatedBy, want, steps[i])
		}
	}
	for i, want := range config.History {
		if s := got.History[i]; s.CreatedBy != want.CreatedBy || s.Empty != want.EmptyLayer {
			t.Errorf("step %d is %+v, want %+v", i, s, want)
		}
	}
}

// savedImage is an image as a docker save writes it.
type savedImage struct {
	tags []string
	img  v1.Image
}

// legacyFiles are the files of docker save before 25: a directory for each
// layer, in which one that was written before is a link to it, and manifest.json
// at the end.
func legacyFiles(t testing.TB, images ...savedImage) []file {
	t.Helper()
	var files []file
	var items []map[string]any
	first := map[string]string{} // directory by diffID
	for i, s := range images {
		raw := must[[]byte](t)(s.img.RawConfigFile())
		config := strings.TrimPrefix(digestOf(raw), "sha256:") + ".json"
		item := map[string]any{"Config": config, "RepoTags": s.tags}
		var names []string
		for j, l := range must[[]v1.Layer](t)(s.img.Layers()) {
			diffID := must[v1.Hash](t)(l.DiffID()).String()
			dir := fmt.Sprintf("%064x", i*100+j)
			files = append(files, file{name: dir + "/"}, file{name: dir + "/VERSION", content: []byte("1.0")}, file{name: dir + "/json", content: []byte("{}")})
			layer := file{name: dir + "/layer.tar"}
			if before, ok := first[diffID]; ok {
				layer.link = "../" + before + "/layer.tar"
			} else {
				first[diffID] = dir
				layer.content = readAll(t, must[io.ReadCloser](t)(l.Uncompressed()))
			}
			files, names = append(files, layer), append(names, layer.name)
		}
		item["Layers"] = names
		items = append(items, item)
		if !slices.ContainsFunc(files, func(f file) bool { return f.name == config }) {
			files = append(files, file{name: config, content: raw})
		}
	}
	return append(files, file{name: "manifest.json", content: must[[]byte](t)(json.Marshal(items))}, file{name: "repositories", content: []byte("{}")})
}

// modernFiles are the files of docker save since 25: blobs, beside an OCI index.
// The layers are compressed as with the containerd image store, or not, as with
// the classic one.
func modernFiles(t testing.TB, compressed bool, images ...savedImage) []file {
	t.Helper()
	blobs := map[string][]byte{}
	put := func(content []byte) string {
		name := must[string](t)(blobPath(digestOf(content)))
		blobs[name] = content
		return name
	}
	var items []map[string]any
	for _, s := range images {
		item := map[string]any{"Config": put(must[[]byte](t)(s.img.RawConfigFile())), "RepoTags": s.tags}
		var names []string
		for _, l := range must[[]v1.Layer](t)(s.img.Layers()) {
			open := l.Uncompressed
			if compressed {
				open = l.Compressed
			}
			names = append(names, put(readAll(t, must[io.ReadCloser](t)(open()))))
		}
		item["Layers"] = names
		items = append(items, item)
	}
	files := []file{{name: "blobs/"}, {name: "blobs/sha256/"}}
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		files = append(files, file{name: name, content: blobs[name]})
	}
	return append(files,
		file{name: "index.json", content: []byte(`{"schemaVersion":2,"manifests":[]}`)},
		file{name: "manifest.json", content: must[[]byte](t)(json.Marshal(items))},
		file{name: "oci-layout", content: []byte(`{"imageLayoutVersion":"1.0.0"}`)})
}

func TestDockerArchives(t *testing.T) {
	web, api := testImage(t, 1, 3), testImage(t, 2, 1)
	saved := []savedImage{{[]string{"web:1", "example.com/web:1"}, web}, {[]string{"docker.io/library/api:latest"}, api}}
	archives := map[string][]byte{
		"go-containerregistry": must[[]byte](t)(os.ReadFile(writeTarball(t, map[string]v1.Image{"web:1": web, "api:latest": api}))),
		"legacy":               makeTar(t, legacyFiles(t, saved...)...),
		"modern":               makeTar(t, modernFiles(t, false, saved...)...),
		"modern compressed":    makeTar(t, modernFiles(t, true, saved...)...),
	}
	for _, kind := range slices.Sorted(maps.Keys(archives)) {
		archives[kind+" gzip"] = gzipped(t, archives[kind])
		archives[kind+" zstd"] = zstded(t, archives[kind])
	}
	for kind, content := range archives {
		t.Run(kind, func(t *testing.T) {
			a := must[*DockerArchive](t)(OpenDockerArchive(t.Context(), writeFile(t, content)))
			defer a.Close()
			for _, ref := range []string{"web:1", "docker.io/library/web:1", "index.docker.io/library/web:1"} {
				checkDocker(t, a, ref, web)
			}
			checkDocker(t, a, "api", api)
			var all []string
			for i, refs := range a.References() {
				all = append(all, refs...)
				img := must[*DockerImage](t)(a.Image(t.Context(), fmt.Sprintf("@%d", i)))
				if diff := cmp.Diff(refs, img.References); diff != "" {
					t.Error(diff)
				}
			}
			if len(a.References()) != 2 || len(all) < 2 {
				t.Errorf("references %v", a.References())
			}
			for ref, want := range map[string]string{"": "it holds 2 images: name one of", "web:2": "it has no image web:2; it has", "@2": "there are 2", "@x": "it has no image @x"} {
				_, err := a.Image(t.Context(), ref)
				wantError(t, ref, err, want)
			}
		})
	}
}

// TestLegacyLinks: layers of a second image that are links to the first one's.
func TestLegacyLinks(t *testing.T) {
	img := testImage(t, 1, 2)
	files := legacyFiles(t, savedImage{[]string{"a:1"}, img}, savedImage{nil, img})
	if !slices.ContainsFunc(files, func(f file) bool { return f.link != "" }) {
		t.Fatal("the archive has no link")
	}
	a := must[*DockerArchive](t)(OpenDockerArchive(t.Context(), writeFile(t, makeTar(t, files...))))
	checkDocker(t, a, "@1", img)
	checkDocker(t, a, "a:1", img)
}

func TestDockerArchiveFaults(t *testing.T) {
	img := testImage(t, 1, 2)
	whole := legacyFiles(t, savedImage{[]string{"x:1"}, img})
	with := func(name string, f func([]byte) []byte) []file {
		files := slices.Clone(whole)
		for i := range files {
			if strings.HasSuffix(files[i].name, name) {
				files[i].content = f(files[i].content)
			}
		}
		return files
	}
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%s has no %s", b, old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	without := func(name string) []file {
		return slices.DeleteFunc(slices.Clone(whole), func(f file) bool { return strings.HasSuffix(f.name, name) })
	}
	config := strings.TrimPrefix(must[v1.Hash](t)(img.ConfigName()).String(), "sha256:") + ".json"
	manifest := must[[]byte](t)(json.Marshal([]dockerItem{{"a", []string{"x:1"}, nil}, {"b", []string{"x:1"}, nil}}))
	for _, test := range []struct {
		title, ref string
		files      []file
		want       string
	}{
		{"OCI archive", "", []file{{name: "index.json", content: []byte("{}")}}, "oci-archive:"},
		{"Docker before 1.10", "", []file{{name: "repositories", content: []byte("{}")}}, "before 1.10"},
		{"something else", "", []file{{name: "README", content: []byte("x")}}, "it has no manifest.json"},
		{"manifest twice", "", append(slices.Clone(whole), whole[len(whole)-2]), "manifest.json 2 times"},
		{"manifest is no JSON", "", with("manifest.json", func([]byte) []byte { return []byte("x") }), "manifest.json is not JSON"},
		{"manifest is no list", "", with("manifest.json", func([]byte) []byte { return []byte("{}") }), "manifest.json is not JSON of a list"},
		{"no image", "", with("manifest.json", func([]byte) []byte { return []byte("[]") }), "lists no image"},
		{"no config", "", without(config), config + " is not there"},
		{"config twice", "", append(slices.Clone(whole), file{name: config, content: []byte("{}")}), "2 times"},
		{"config is no JSON", "", with(config, func([]byte) []byte { return []byte("[]") }), "not JSON of an image's config"},
		{"a layer more", "", with("manifest.json", replace(`"Layers":[`, `"Layers":["x",`)), "2 diffIDs, manifest.json 3 layers"},
		{"a bad diffID", "", with(config, replace(`"diff_ids":["sha256:`, `"diff_ids":["sha1:`)), "diffID: digest"},
		{"no layer", "", without("1/layer.tar"), "layer.tar is not there"},
		{"a dangling link", "", append(without("1/layer.tar"), file{name: fmt.Sprintf("%064x/layer.tar", 1), link: "../gone"}), "is a link to gone, which is not there"},
		{"a layer in bzip2", "", with("1/layer.tar", func([]byte) []byte { return []byte("BZh91AY") }), "compressed with bzip2"},
		{"two of a tag", "x:1", []file{{name: "manifest.json", content: manifest}}, "two images are tagged x:1: choose @0 or @1"},
	} {
		a, err := OpenDockerArchive(t.Context(), writeFile(t, makeTar(t, test.files...)))
		if err == nil {
			_, err = a.Image(t.Context(), test.ref)
		}
		wantError(t, test.title, err, test.want)
	}
	_, err := OpenDockerArchive(t.Context(), writeFile(t, makeTar(t, whole...)[:3000]))
	wantError(t, "cut off", err, "it ends early")
}

// engine answers as a Docker engine 27 does (Docker Engine API v1.47), for one
// image, which it calls name.
type engine struct {
	name    string
	inspect string
	history string
	archive []byte
	asked   []string
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.asked = append(e.asked, r.Method+" "+r.URL.Path)
	h := w.Header()
	h.Set("Api-Version", "1.47")
	h.Set("Docker-Experimental", "false")
	h.Set("Ostype", "linux")
	h.Set("Server", "Docker/27.5.1 (linux)")
	if r.URL.Path == "/_ping" {
		io.WriteString(w, "OK")
		return
	}
	h.Set("Content-Type", "application/json")
	if r.URL.Path == "/v1.47/images/get" { // how docker save asks
		r.URL.Path = "/v1.47/images/" + r.FormValue("names") + "/get"
	}
	rest, versioned := strings.CutPrefix(r.URL.Path, "/v1.47/images/")
	i := strings.LastIndex(rest, "/")
	switch {
	case !versioned || i < 0:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"page not found"}`)
	case rest[:i] != e.name:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"message":"No such image: %s"}`, rest[:i])
	case rest[i:] == "/json":
		io.WriteString(w, e.inspect)
	case rest[i:] == "/history":
		io.WriteString(w, e.history)
	case rest[i:] == "/get":
		h.Set("Content-Type", "application/x-tar")
		for chunk := range slices.Chunk(e.archive, 1000) { // as a chunked stream
			w.Write(chunk)
			w.(http.Flusher).Flush()
		}
	}
}

// newEngine describes img as an engine does: the shape is that of a real reply,
// the history is newest first and does not say which steps made no layer.
func newEngine(t testing.TB, name string, img v1.Image, archive []byte) *engine {
	t.Helper()
	config := must[*v1.ConfigFile](t)(img.ConfigFile())
	var diffIDs []string
	for _, d := range config.RootFS.DiffIDs {
		diffIDs = append(diffIDs, d.String())
	}
	id := must[v1.Hash](t)(img.ConfigName()).String()
	inspect := fmt.Sprintf(`{"Id":%q,"RepoTags":[%q],"RepoDigests":["example.com/x@sha256:%064d"],"Parent":"","Comment":"buildkit.dockerfile.v0",
"Created":%q,"DockerVersion":"","Author":"","Config":{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,
"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"],"Image":"","Volumes":null,
"WorkingDir":"/","Entrypoint":null,"OnBuild":null,"Labels":null},"Architecture":%q,"Variant":%q,"Os":%q,"Size":74751411,
"GraphDriver":{"Data":{"MergedDir":"/var/lib/docker/overlay2/a/merged","UpperDir":"/var/lib/docker/overlay2/a/diff","WorkDir":"/var/lib/docker/overlay2/a/work"},"Name":"overlay2"},
"RootFS":{"Type":"layers","Layers":%s},"Metadata":{"LastTagTime":"2026-01-02T03:04:05.678901234Z"}}`,
		id, name, 7, config.Created.Format(time.RFC3339Nano), config.Architecture, config.Variant, config.OS, must[[]byte](t)(json.Marshal(diffIDs)))
	var history []map[string]any
	for i, h := range config.History {
		size := int64(1000 + i)
		if h.EmptyLayer {
			size = 0
		}
		history = append(history, map[string]any{"Id": "<missing>", "Created": h.Created.Unix(), "CreatedBy": h.CreatedBy, "Tags": nil, "Size": size, "Comment": "buildkit.dockerfile.v0"})
	}
	slices.Reverse(history)
	return &engine{name, inspect, string(must[[]byte](t)(json.Marshal(history))), archive, nil}
}

// serveUnix serves a handler on a unix socket.
func serveUnix(t testing.TB, handler http.Handler) (host string) {
	t.Helper()
	dir := must[string](t)(os.MkdirTemp("", "engine")) // a socket's path is short
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener := must[net.Listener](t)(net.Listen("unix", filepath.Join(dir, "docker.sock")))
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return "unix://" + filepath.Join(dir, "docker.sock")
}

func TestDockerEngine(t *testing.T) {
	img := testImage(t, 1, 3)
	e := newEngine(t, "registry.example.com/team/x:1", img, nil)
	tcp := httptest.NewServer(e)
	t.Cleanup(tcp.Close)
	for _, host := range []string{serveUnix(t, e), tcp.URL, strings.Replace(tcp.URL, "http", "tcp", 1)} {
		e.asked = nil
		d := must[*Docker](t)(NewDocker(host))
		got, err := d.Image(t.Context(), "registry.example.com/team/x:1")
		if err != nil {
			t.Fatal(err)
		}
		checkDescription(t, got, img)
		if got.ID != must[v1.Hash](t)(img.ConfigName()).String() || got.Config != nil || len(got.RepoDigests) != 1 {
			t.Errorf("ID %s, config %s, digests %v", got.ID, got.Config, got.RepoDigests)
		}
		for i, want := range []int64{1000, 1002, 1003} { // 1001 is the empty step
			if l := got.Layers[i]; l.FileBytes != want || l.UnpackedBytes != -1 || l.StoredBytes != -1 {
				t.Errorf("layer %d: %+v, want files of %d bytes", i, l, want)
			}
		}
		want := []string{"GET /_ping", "GET /v1.47/images/registry.example.com/team/x:1/json", "GET /v1.47/images/registry.example.com/team/x:1/history"}
		if diff := cmp.Diff(want, e.asked); diff != "" {
			t.Error(diff)
		}
		_, err = d.Image(t.Context(), "y")
		wantError(t, "no such image", err, "image y of the Docker engine at "+host+": there is no such image")
		if !IsAbsent(err) {
			t.Error("an image that is not there is not absent")
		}
		d.Close()
	}
}

// TestExport: the engine's stream, in both layouts, gives every layer once, and
// the image afterwards.
func TestExport(t *testing.T) {
	img := testImage(t, 1, 4)
	saved := savedImage{[]string{"x:1"}, img}
	for kind, files := range map[string][]file{
		"legacy": legacyFiles(t, saved), "modern": modernFiles(t, false, saved), "modern compressed": modernFiles(t, true, saved),
	} {
		t.Run(kind, func(t *testing.T) {
			d := must[*Docker](t)(NewDocker(serveUnix(t, newEngine(t, "x:1", img, makeTar(t, files...)))))
			seen := map[string]string{}
			got, err := d.Export(t.Context(), "x:1", func(entry string, r io.Reader) error {
				raw, err := io.ReadAll(r)
				if seen[entry] != "" {
					t.Errorf("%s comes twice", entry)
				}
				seen[entry] = digestOf(raw)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			checkDescription(t, got, img)
			for i, l := range got.Layers {
				want := l.DiffID
				if l.Compression == Gzip {
					want = must[v1.Hash](t)(must[[]v1.Layer](t)(img.Layers())[i].Digest()).String()
				}
				if seen[l.Entry] != want {
					t.Errorf("layer %d, %s: content %s, want %s", i, l.Entry, seen[l.Entry], want)
				}
			}
			stop := errors.New("enough")
			if _, err := d.Export(t.Context(), "x:1", func(string, io.Reader) error { return stop }); !errors.Is(err, stop) {
				t.Errorf("visit's error ends as %v", err)
			}
			partly := 0
			if _, err := d.Export(t.Context(), "x:1", func(_ string, r io.Reader) error { partly++; return nil }); err != nil || partly < 4 {
				t.Errorf("layers that are not read: %v, %d seen", err, partly)
			}
		})
	}
	// The first layer begins after five headers and two small files.
	short := makeTar(t, legacyFiles(t, saved)...)[:7*512+1000]
	d := must[*Docker](t)(NewDocker(serveUnix(t, newEngine(t, "x:1", img, short))))
	_, err := d.Export(t.Context(), "x:1", func(_ string, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
	wantError(t, "a stream that is cut off", err, "it ends early")
}

// TestDockerClient: docker itself, where it is at hand, understands the engine of
// these tests as we do, so that its replies have the real shape.
func TestDockerClient(t *testing.T) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return // the other tests do not need it
	}
	img := testImage(t, 1, 3)
	archive := makeTar(t, legacyFiles(t, savedImage{[]string{"x:1"}, img})...)
	host := serveUnix(t, newEngine(t, "x:1", img, archive))
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), docker, append([]string{"-H", host}, args...)...)
		cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+t.TempDir(), "DOCKER_API_VERSION=1.47")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("docker %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	d := must[*Docker](t)(NewDocker(host))
	got := must[*DockerImage](t)(d.Image(t.Context(), "x:1"))
	want := got.ID + " " + got.Architecture
	for _, l := range got.Layers {
		want += " " + l.DiffID
	}
	if out := run("image", "inspect", "-f", "{{.Id}} {{.Architecture}}{{range .RootFS.Layers}} {{.}}{{end}}", "x:1"); out != want {
		t.Errorf("docker image inspect: %s, want %s", out, want)
	}
	var steps []string
	for _, s := range slices.Backward(got.History) {
		steps = append(steps, s.CreatedBy)
	}
	if out := run("history", "--no-trunc", "--format", "{{.CreatedBy}}", "x:1"); out != strings.Join(steps, "\n") {
		t.Errorf("docker history: %s, want %v", out, steps)
	}
	saved := filepath.Join(t.TempDir(), "saved.tar")
	run("save", "-o", saved, "x:1")
	a := must[*DockerArchive](t)(OpenDockerArchive(t.Context(), saved))
	checkDocker(t, a, "x:1", img)
}

// TestLayerSteps: which steps of an engine's history made layers.
func TestLayerSteps(t *testing.T) {
	for _, test := range []struct {
		title string
		steps []engineStep // oldest first
		n     int
		want  string // one letter a step; empty for unknown
	}{
		{"sizes tell", []engineStep{{0, "ADD file:1 in /", 5}, {0, `CMD ["bash"]`, 0}, {0, "RUN x", 7}}, 2, "L-L"},
		{"an empty layer", []engineStep{{0, "/bin/sh -c #(nop) ADD file:1 in / ", 5}, {0, `/bin/sh -c #(nop)  CMD ["bash"]`, 0}, {0, "/bin/sh -c #(nop) WORKDIR /srv", 0}}, 2, "L-L"},
		{"BuildKit's words", []engineStep{{0, "RUN /bin/sh -c apt-get update # buildkit", 5}, {0, "ENV A=b", 0}, {0, "COPY a b # buildkit", 0}, {0, "ENTRYPOINT [\"x\"]", 0}}, 2, "L-L-"},
		{"every step a layer", []engineStep{{0, "bazel", 0}, {0, "LABEL a=b", 0}}, 2, "LL"},
		{"unclear", []engineStep{{0, "WORKDIR /a", 0}, {0, "WORKDIR /a", 0}, {0, "RUN x", 3}}, 2, ""},
		{"no history", nil, 2, ""},
		{"nothing", nil, 0, ""},
	} {
		got := ""
		for _, made := range layerSteps(test.steps, test.n) {
			got += map[bool]string{true: "L", false: "-"}[made]
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.title, got, test.want)
		}
	}
	unclear := &engineImage{}
	unclear.RootFS.Layers = []string{digestOf(nil), digestOf(nil)}
	img, err := unclear.image([]engineStep{{0, "RUN x", 3}})
	if err != nil || img.Layers[0].FileBytes != -1 || img.Layers[0].CreatedBy != "" || img.History[0].Empty || !img.Created.IsZero() {
		t.Errorf("an unclear history: %+v, %v", img, err)
	}
}

// TestEngineFaults: what is said when an engine cannot be asked or refuses.
func TestEngineFaults(t *testing.T) {
	for host, want := range map[string]string{
		"ssh://user:secret@host": "docker-archive:FILE",
		"npipe:////./pipe/x":     "scheme npipe is not known",
		"nonsense":               "neither unix:///PATH nor tcp://",
		"tcp://":                 "neither unix:///PATH nor tcp://",
		"tcp://[":                "not a URL",
	} {
		_, err := NewDocker(host)
		wantError(t, host, err, want)
		if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: the error has the password: %v", host, err)
		}
	}
	image := func(host string) error {
		d := must[*Docker](t)(NewDocker(host))
		defer d.Close()
		_, err := d.Image(t.Context(), "x")
		return err
	}
	wantError(t, "no socket", image("unix:///no/such.sock"), "no engine is running there: start it, or set --docker-host or DOCKER_HOST")
	listener := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	listener.Close()
	wantError(t, "no listener", image("tcp://"+listener.Addr().String()), "no engine is running there")
	for _, test := range []struct {
		status      int
		body, want  string
		contentType string
	}{
		{500, `{"message":"disk\u001b[2J failed"}`, "the engine answers 500 Internal Server Error: disk [2J failed", "application/json"},
		{502, "<html>proxy</html>", "the engine answers 502 Bad Gateway", "text/html"},
		{400, `{"message":"client version 1.20 is too old"}`, "too old", "application/json"},
		{301, "", "the engine answers 301", "text/html"},
		{200, "<html>", "is not what an engine says", "text/html"},
		{200, `{"RootFS":{"Layers":["x"]}}`, "is not what an engine says", "application/json"}, // of the history
		{200, strings.Repeat(" ", maxIndexBytes+1), "more than", "application/json"},
		{404, `{"message":"page not found"}`, "404 Not Found: page not found", "application/json"},
	} {
		host := serveUnix(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/_ping" { // no Api-Version: paths have none
				return
			}
			if !strings.HasPrefix(r.URL.Path, "/images/x/") {
				t.Errorf("asked for %s", r.URL.Path)
			}
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		}))
		wantError(t, test.body[:min(50, len(test.body))], image(host), test.want)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	d := must[*Docker](t)(NewDocker("unix:///no/such.sock"))
	if _, err := d.Image(stopped, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	wantError(t, "permission", unreachable(fmt.Errorf("dial: %w", os.ErrPermission)), "group docker")
}

// TestDockerHost: the host is the argument, else DOCKER_HOST, else the default.
func TestDockerHost(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
	if d := must[*Docker](t)(NewDocker("")); d.base != "http://127.0.0.1:1" {
		t.Errorf("DOCKER_HOST leads to %s", d.base)
	}
	if d := must[*Docker](t)(NewDocker("unix:///x")); d.base != "http://docker" {
		t.Errorf("an argument leads to %s", d.base)
	}
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", t.TempDir())
	_, err := NewDocker("")
	wantError(t, "no certificates", err, "certificate authority")
	t.Setenv("DOCKER_HOST", "")
	if d := must[*Docker](t)(NewDocker("")); d.host != DefaultDockerHost {
		t.Errorf("without a host: %s", d.host)
	}
}
