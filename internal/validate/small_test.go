package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/containerd"
	"github.com/cachebench/cachebench/measure/pull"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

const smallExperiment = `
apiVersion: cachebench/v1
kind: Experiment
repeats: 3
grids:
- images: [registry.example.com/small:1, registry.example.com/large:1]
  keep: [nothing, base, itself]
  base: [registry.example.com/base:1]
  links: [200Mbit/s]
- images: [registry.example.com/small:1, registry.example.com/large:1]
  keep: [nothing]
  links: [100Mbit/s]
`

// smallRunners make the runs of the small validation: by themselves, and by containerd,
// which also starts a program.
func smallRunners() map[string]func(*testing.T, *measure.Site) measure.Runner {
	return map[string]func(*testing.T, *measure.Site) measure.Runner{
		"pull": func(t *testing.T, site *measure.Site) measure.Runner {
			r, err := pull.NewRunner(pull.Options{Host: pull.HostOptions{Root: filepath.Join(t.TempDir(), "root"), Decoder: "go"}, Lab: site.Lab, Served: site.Hosts, Inventory: site.Inventory})
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
		"containerd": func(t *testing.T, site *measure.Site) measure.Runner {
			r, err := containerd.NewRunner(t.Context(), containerd.Options{Inventory: site.Inventory, Binary: containerdProgram(t), Root: t.TempDir(), Lab: site.Lab, Decoder: "go"})
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
	}
}

// TestSmallValidation measures two images behind a link, cold, with their base
// present and with all present, and predicts each arm by a fit without it: what make
// validate does, in small. The machine may be busy, so it holds the errors to those of
// the naive prediction that knows no unpacking.
func TestSmallValidation(t *testing.T) {
	dir := t.TempDir()
	writeImages(t, dir)
	for name, runner := range smallRunners() {
		t.Run(name, func(t *testing.T) {
			var start measure.Start
			if name == "containerd" {
				start.Args = []string{"/" + program}
			}
			timeline := measureSmall(t, dir, start, runner)
			c := judgeSmall(t, timeline)
			if create := parameterOf(t, c, "start.createSeconds"); (create.CannotBeTold == "") != (name == "containerd") {
				t.Errorf("creation is told by containerd alone, and it is %+v", create)
			}
		})
	}
}

func measureSmall(t *testing.T, dir string, start measure.Start, runner func(*testing.T, *measure.Site) measure.Runner) *simulate.Timeline {
	t.Helper()
	exp, err := measure.ReadExperiment("small.yaml", []byte(smallExperiment))
	if err != nil {
		t.Fatal(err)
	}
	exp = exp.With(start)
	site, err := measure.NewSite(t.Context(), measure.SiteOptions{
		References: exp.References(), Layouts: map[string]string{host: dir}, Resolve: layers.Options{Now: time.Now()}, Lab: lab.Options{Nodes: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer site.Close()
	r := runner(t, site)
	defer r.Close()
	timeline, err := measure.Run(t.Context(), exp, site.Inventory, r, measure.Options{Version: "test", Site: site})
	if err != nil {
		t.Fatal(err)
	}
	return timeline
}

// containerdProgram is a containerd to start; the test is left out where the kernel
// or the user forbids to, and where none is installed.
func containerdProgram(t *testing.T) string {
	if os.Geteuid() != 0 {
		t.Skip("containerd takes root")
	}
	built, _ := filepath.Abs("../../build/bin/containerd")
	for _, name := range []string{os.Getenv("CACHEBENCH_CONTAINERD"), built, "containerd"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no containerd: make build/bin/containerd builds one")
	return ""
}

// judgeSmall fails where arms were not predicted by fits without them, or no better than
// by bytes over bandwidth.
func judgeSmall(t *testing.T, timeline *simulate.Timeline) *calibrate.Calibration {
	t.Helper()
	data, err := calibrate.Load([]calibrate.File{{Name: "small.json", Timeline: timeline}}, calibrate.Options{Seed: 1, Samples: 20})
	if err != nil {
		t.Fatal(err)
	}
	c, profile, err := data.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if c.Runs != 24 || c.Arms != 8 {
		t.Errorf("%d runs of %d arms, want 24 of 8; void: %v", c.Runs, c.Arms, voidRuns(timeline.Measurement))
	}
	fit := &trial{result: c}
	held, naive := scored(fit, calibrate.ClassShaped, calibrate.ByHeldOut), scored(fit, calibrate.ClassShaped, calibrate.ByBytes)
	if held == nil || naive == nil || held.Count != 6 {
		t.Fatalf("six arms fetch something, and left out were %+v", held)
	}
	t.Logf("held out %.0f %%, at worst %.0f %%; bytes / bandwidth %.0f %%", 100*held.Mean, 100*held.Worst, 100*naive.Mean)
	if nearer(naive, held) {
		t.Errorf("arms that the fit did not know are predicted with an error of %.0f %%, by bytes over bandwidth with %.0f %%", 100*held.Mean, 100*naive.Mean)
	}
	if err := profile.Validate(); err != nil {
		t.Error(err)
	}
	return c
}

func parameterOf(t *testing.T, c *calibrate.Calibration, name string) *calibrate.Parameter {
	t.Helper()
	for i := range c.Parameters {
		if c.Parameters[i].Name == name {
			return &c.Parameters[i]
		}
	}
	t.Fatalf("nothing is said of %s", name)
	return nil
}

const program = "true"

// writeImages writes three images that share a base with a program in it: text that
// compresses, and bytes that do not, in many files and in few. It is the files, not the
// bytes, that take the time, so that bytes over bandwidth is far off.
func writeImages(t *testing.T, dir string) {
	t.Helper()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	base := layerOf(t, 1, 500, 2_000, buildProgram(t))
	for name, list := range map[string][]v1.Layer{
		"base":  {base},
		"small": {base, layerOf(t, 2, 200, 4_000, nil)},
		"large": {base, layerOf(t, 3, 10, 300_000, nil), layerOf(t, 4, 1000, 1_000, nil)},
	} {
		img, err := mutate.AppendLayers(empty.Image, list...)
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, RootFS: rootOf(t, list)}); err != nil {
			t.Fatal(err)
		}
		called := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": fmt.Sprintf("%s/%s:1", host, name)})
		if err := path.AppendImage(img, called); err != nil {
			t.Fatal(err)
		}
	}
}

// buildProgram builds a program that ends at once and needs no other file.
func buildProgram(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), program)
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", file, "./testdata/true")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the images' program: %v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func rootOf(t *testing.T, list []v1.Layer) v1.RootFS {
	root := v1.RootFS{Type: "layers"}
	for _, l := range list {
		id, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		root.DiffIDs = append(root.DiffIDs, id)
	}
	return root
}

// layerOf is a layer of so many files of so many bytes, half of which compress well, and
// of a program where one is given.
func layerOf(t *testing.T, seed uint64, files, bytesEach int, executable []byte) v1.Layer {
	t.Helper()
	draw := rand.New(rand.NewPCG(seed, 0))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(name string, mode int64, content []byte) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		content := make([]byte, bytesEach)
		for j := range content {
			content[j] = byte(draw.Uint32())
			if i%2 == 1 {
				content[j] = "layer "[j%6]
			}
		}
		add(fmt.Sprintf("files-%d/%04d", seed, i), 0o644, content)
	}
	if executable != nil {
		add(program, 0o755, executable)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}
