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
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	v1 "github.com/google/go-containerregistry/pkg/v1"

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
  keep: [nothing, base]
  base: [registry.example.com/base:1]
  links: [100Mbit/s]
`

// TestSmallValidation measures two images behind one link, cold and with their base
// present, fits a profile to the runs and predicts them: what make validate does, in
// small. The machine may be busy, so it holds the errors to what no noise explains.
func TestSmallValidation(t *testing.T) {
	dir := t.TempDir()
	writeImages(t, dir)
	for _, test := range []struct {
		name   string
		runner func(*testing.T, *measure.Site) measure.Runner
	}{
		{"pull", func(t *testing.T, site *measure.Site) measure.Runner {
			r, err := pull.NewRunner(pull.Options{Host: pull.HostOptions{Root: filepath.Join(t.TempDir(), "root"), Decoder: "go"}, Lab: site.Lab, Served: site.Hosts, Inventory: site.Inventory})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}},
		{"containerd", func(t *testing.T, site *measure.Site) measure.Runner {
			r, err := containerd.NewRunner(t.Context(), containerd.Options{Inventory: site.Inventory, Binary: containerdProgram(t), Root: t.TempDir(), Lab: site.Lab, Decoder: "go"})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			exp, err := measure.ReadExperiment("small.yaml", []byte(smallExperiment))
			if err != nil {
				t.Fatal(err)
			}
			exp = exp.With(measure.Start{PullOnly: true})
			site, err := measure.NewSite(t.Context(), measure.SiteOptions{
				References: exp.References(), Layouts: map[string]string{host: dir}, Resolve: layers.Options{Now: time.Now()}, Lab: lab.Options{Nodes: 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer site.Close()
			r := test.runner(t, site)
			defer r.Close()
			timeline, err := measure.Run(t.Context(), exp, site.Inventory, r, measure.Options{Version: "test", Site: site})
			if err != nil {
				t.Fatal(err)
			}
			judge(t, timeline)
		})
	}
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

func judge(t *testing.T, timeline *simulate.Timeline) {
	data, err := calibrate.Load([]calibrate.File{{Name: "small.json", Timeline: timeline}}, calibrate.Options{Seed: 1, Folds: 2, Samples: 20})
	if err != nil {
		t.Fatal(err)
	}
	c, profile, err := data.Fit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	fitted, bytes := c.Totals[0].Of(calibrate.ByFit), c.Totals[0].Of(calibrate.ByBytes)
	t.Logf("%d runs of %d arms: fitted %.0f %%, bytes / bandwidth %.0f %%, noise %.0f %%", c.Runs, c.Arms, 100*fitted.Mean, 100*bytes.Mean, 100*c.Totals[0].Of(calibrate.Noise).Mean)
	if c.Runs != 12 || c.Arms != 4 {
		t.Errorf("%d runs of %d arms, want 12 of 4; void: %v", c.Runs, c.Arms, voidsOf(timeline))
	}
	if fitted.Mean > 0.5 {
		t.Errorf("the fitted profile is off by %.0f %% on what it was fitted to", 100*fitted.Mean)
	}
	if err := profile.Validate(); err != nil {
		t.Error(err)
	}
}

func voidsOf(timeline *simulate.Timeline) (list []string) {
	for _, r := range timeline.Measurement.Runs {
		if r.Void != "" {
			list = append(list, r.Void)
		}
	}
	return list
}

// writeImages writes three images that share a base: text that compresses, and bytes
// that do not, in many files and in few.
func writeImages(t *testing.T, dir string) {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	base := layerOf(t, 1, 300, 12_000)
	for name, list := range map[string][]v1.Layer{
		"base":  {base},
		"small": {base, layerOf(t, 2, 50, 20_000)},
		"large": {base, layerOf(t, 3, 20, 300_000), layerOf(t, 4, 600, 4_000)},
	} {
		img, err := mutate.AppendLayers(empty.Image, list...)
		if err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.ConfigFile(img, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: rootOf(t, list)}); err != nil {
			t.Fatal(err)
		}
		called := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": fmt.Sprintf("%s/%s:1", host, name)})
		if err := path.AppendImage(img, called); err != nil {
			t.Fatal(err)
		}
	}
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

// layerOf is a layer of so many files of so many bytes, half of which compress well.
func layerOf(t *testing.T, seed uint64, files, bytesEach int) v1.Layer {
	draw := rand.New(rand.NewPCG(seed, 0))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range files {
		content := make([]byte, bytesEach)
		for j := range content {
			content[j] = byte(draw.Uint32())
			if i%2 == 1 {
				content[j] = "layer "[j%6]
			}
		}
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("files-%d/%04d", seed, i), Mode: 0o644, Size: int64(bytesEach)}); err != nil {
			t.Fatal(err)
		}
		w.Write(content)
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

// TestPublished: every published time can be put to the model, and none is off by
// more than what unknown hosts and links explain.
func TestPublished(t *testing.T) {
	for _, p := range publishedCases() {
		got, err := p.simulated(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ratio := got.Seconds() / p.seconds; ratio < 0.1 || ratio > 10 {
			t.Errorf("%s: %v simulated, %s published", p.what, got, p.figure)
		}
	}
}

// TestExperimentsAreLargeEnough: the grid is what the aims are about.
func TestExperimentsAreLargeEnough(t *testing.T) {
	exp, err := measure.ReadExperiment("experiment.yaml", memoryExperiment)
	if err != nil {
		t.Fatal(err)
	}
	if err := exp.Validate(); err != nil {
		t.Fatal(err)
	}
	single, several := 0, 0
	links, images := map[string]bool{}, map[string]bool{}
	for _, a := range exp.Expand() {
		if len(a.Starts) > 1 {
			several++
			continue
		}
		single++
		images[a.Starts[0].Image] = true
		links[a.Link.String()] = true
	}
	if single < 8*4*3 || len(images) < 8 || len(links) < 4 || several < 12 || exp.Repeats < 5 {
		t.Errorf("%d single arms of %d images on %d links, %d of several starts, %d repeats", single, len(images), len(links), several, exp.Repeats)
	}
	for _, text := range [][]byte{diskExperiment, pullersExperiment} {
		exp, err := measure.ReadExperiment("experiment", text)
		if err == nil {
			err = exp.Validate()
		}
		if err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(string(pullersExperiment), strings.TrimSpace(ownArm)) {
		t.Error("no arm of measure pull")
	}
}
