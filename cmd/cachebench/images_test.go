package main

import (
	"archive/tar"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cachebench/cachebench/internal/registry"
)

// Scripts that read layers themselves have small images with real ones:
//
//	team/base:1            a base layer
//	team/app:1, :2, :3     base and a layer of an app: in 2 the files of 1 with other
//	                       timestamps, in 3 other files; made a week apart
//	team/multi:1           for linux/amd64 and linux/arm64
//
// make-images writes them as the layout oci/ under the registry registry.test, its
// tar oci.tar, and app:2 as docker save does, app.tar. make-images runnable adds
//
//	team/run:1             a layer and one with a program, for this host, that says "up"
//	                       and goes on

// appRelease is when app:1 was made.
var appRelease = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// A checker ends a script or a test with an error.
type checker interface{ Check(err error) }

// makeImages is the script command make-images.
func makeImages(ts *testscript.TestScript, neg bool, args []string) {
	runnable := slices.Equal(args, []string{"runnable"})
	if neg || len(args) > 0 && !runnable {
		ts.Fatalf("usage: make-images [runnable]")
	}
	root := ts.MkAbs("oci")
	ts.Check(os.MkdirAll(root, 0o755))
	path, err := layout.Write(root, empty.Index)
	ts.Check(err)
	named := func(tag string) layout.Option {
		return layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "registry.test/team/" + tag})
	}
	base := grown(ts, platformImage(ts, "amd64"), "ADD rootfs.tar /", appRelease, files("usr/lib/", 40, appRelease))
	ts.Check(path.AppendImage(base, named("base:1")))
	for i, content := range []string{"app/", "app/", "app/v3-"} {
		at := appRelease.AddDate(0, 0, 7*i)
		app := grown(ts, base, "COPY app /app", at, files(content, 10, at))
		ts.Check(path.AppendImage(app, named(fmt.Sprintf("app:%d", i+1))))
		if i == 1 {
			tag, err := name.NewTag("registry.test/team/app:2")
			ts.Check(err)
			ts.Check(tarball.WriteToFile(ts.MkAbs("app.tar"), tag, app))
		}
	}
	ts.Check(path.AppendIndex(bothPlatforms(ts), named("multi:1")))
	if runnable {
		ts.Check(path.AppendImage(runnableImage(ts), named("run:1")))
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	ts.Check(w.AddFS(os.DirFS(root)))
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs("oci.tar"), archive.Bytes(), 0o644))
}

func platformImage(ts checker, architecture string) v1.Image {
	img, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{OS: "linux", Architecture: architecture})
	ts.Check(err)
	return mutate.ConfigMediaType(img, types.OCIConfigJSON)
}

// runnableImage has the program of measure/containerd's tests.
func runnableImage(ts *testscript.TestScript) v1.Image {
	program := ts.MkAbs("program")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "../../measure/containerd/testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		ts.Fatalf("build the image's program: %v: %s", err, out)
	}
	content, err := os.ReadFile(program)
	ts.Check(err)
	img := grown(ts, platformImage(ts, runtime.GOARCH), "ADD rootfs.tar /", appRelease, files("usr/lib/", 40, appRelease))
	img, err = mutate.Config(grown(ts, img, "COPY program /", appRelease, tarOf("program", content, appRelease)), v1.Config{Entrypoint: []string{"/program"}, Cmd: []string{"say", "up"}})
	ts.Check(err)
	return img
}

func bothPlatforms(ts *testscript.TestScript) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		img := grown(ts, platformImage(ts, architecture), "ADD "+architecture+".tar /", appRelease, files(architecture+"/", 5, appRelease))
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	return index
}

// grown is an image with one layer more.
func grown(ts checker, img v1.Image, by string, at time.Time, content []byte) v1.Image {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(content)
		err := w.Close()
		return io.NopCloser(&packed), err
	}, tarball.WithMediaType(types.OCILayer))
	ts.Check(err)
	img, err = mutate.Append(img, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{CreatedBy: by, Created: v1.Time{Time: at}}})
	ts.Check(err)
	img, err = mutate.CreatedAt(img, v1.Time{Time: at})
	ts.Check(err)
	return img
}

// files is a tar of n small files.
func files(prefix string, n int, modified time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range n {
		content := strings.Repeat(fmt.Sprintf("%s%d\n", prefix, i), 400)
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s%d", prefix, i), Mode: 0o644, Size: int64(len(content)), ModTime: modified})
		io.WriteString(w, content)
	}
	w.Close()
	return b.Bytes()
}

// tarOf is a tar of one file that may be run.
func tarOf(name string, content []byte, modified time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content)), ModTime: modified})
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// scriptRegistry is a registry that a script started.
type scriptRegistry struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

// The login that a registry with one wants.
const (
	scriptUser     = "ann"
	scriptPassword = "correct-horse-battery"
)

type registriesKey struct{}

// startRegistry is the script command registry: it serves oci/ on loopback, and
// sets $NAME to the address. With login it wants ann's, which NAME.json has as
// docker's configuration; with tls it has a certificate, which is in NAME.pem.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: registry NAME [login] [tls]")
	}
	serve, err := registry.Handler("registry.test", os.DirFS(ts.MkAbs("oci")))
	ts.Check(err)
	r := &scriptRegistry{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, request.Method+" "+request.URL.Path)
		r.mu.Unlock()
		user, password, _ := request.BasicAuth()
		if slices.Contains(args, "login") && (user != scriptUser || password != scriptPassword) {
			w.Header().Set("WWW-Authenticate", `Basic realm="script"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serve.ServeHTTP(w, request)
	}))
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that a script lets fail
	if slices.Contains(args, "tls") {
		r.TLS = &tls.Config{}
		r.StartTLS()
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pem"), certificatePEM(r.Certificate()), 0o644))
	} else {
		r.Start()
	}
	if slices.Contains(args, "login") {
		auth := base64.StdEncoding.EncodeToString([]byte(scriptUser + ":" + scriptPassword))
		config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, r.Listener.Addr(), auth)
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+".json"), []byte(config), 0o644))
	}
	ts.Defer(r.Close)
	ts.Value(registriesKey{}).(map[string]*scriptRegistry)[args[0]] = r
	ts.Setenv(args[0], r.Listener.Addr().String())
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// stopRegistry is the script command stop-registry.
func stopRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stop-registry NAME")
	}
	ts.Value(registriesKey{}).(map[string]*scriptRegistry)[args[0]].Close()
}

// requests is the script command requests: it writes what a registry was asked
// since the last time, sorted, to a file.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: requests NAME FILE")
	}
	r := ts.Value(registriesKey{}).(map[string]*scriptRegistry)[args[0]]
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.asked)
	var b strings.Builder
	for _, line := range r.asked {
		b.WriteString(line + "\n")
	}
	r.asked = nil
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o644))
}

// nowhere is the script command nowhere: no file below the directories may have
// the text.
func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nowhere TEXT FILE...")
	}
	read := 0
	for _, root := range args[1:] {
		ts.Check(filepath.WalkDir(ts.MkAbs(root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			read++
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(args[0])) {
				ts.Fatalf("%s has %s", path, args[0])
			}
			return err
		}))
	}
	if read == 0 {
		ts.Fatalf("there are no files")
	}
}
