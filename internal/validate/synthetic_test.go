package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// simulatedRunner stands for containerd: its runs are simulated on a profile that is
// the truth here, with noise on each of its speeds.
type simulatedRunner struct {
	inv    *layers.Inventory
	random *rand.Rand
	// broken is how many runs fail yet before the first that is well.
	broken int
}

func (*simulatedRunner) Finish(context.Context) error { return nil }

func (r *simulatedRunner) Tool() string                                { return "containerd" }
func (r *simulatedRunner) Settings(*measure.Arm) string                { return "" }
func (r *simulatedRunner) CheckArm(*measure.Arm) error                 { return nil }
func (r *simulatedRunner) Processes() []int                            { return nil }
func (r *simulatedRunner) Close() error                                { return nil }
func (r *simulatedRunner) Prepare(context.Context, *measure.Arm) error { return nil }
func (r *simulatedRunner) Facts(context.Context) ([]simulate.Fact, error) {
	return []simulate.Fact{{Name: "containerd", Value: "2.4.2"}, {Name: "file system", Value: "tmpfs on tmpfs"}}, nil
}

func (r *simulatedRunner) Run(ctx context.Context, a *measure.Arm) ([]simulate.Startup, error) {
	if r.broken > 0 {
		r.broken--
		return nil, errors.New("the daemon went away")
	}
	var starts []simulate.Start
	var nodes []simulate.NewNode
	for _, s := range a.Starts {
		node := measure.NodeName(s.Node)
		starts = append(starts, simulate.Start{App: s.Image, Images: []int{r.image(s.Image)}, Node: node, PullPolicy: "Always"})
		if len(nodes) == 0 || nodes[len(nodes)-1].Name != node {
			nodes = append(nodes, simulate.NewNode{Name: node, Up: true, Setup: &simulate.NodeSetup{Held: r.images(a.Keep)}})
		}
	}
	return simulate.Run(ctx, r.inv, r.profile(a), starts, simulate.Options{Arm: a.Name, Seed: r.random.Uint64(), NewNodes: nodes, Spans: func(int) bool { return true }})
}

func (r *simulatedRunner) image(reference string) int { return r.inv.Find(reference, "", time.Time{}) }

func (r *simulatedRunner) images(references []string) []int {
	list := make([]int, len(references))
	for i, reference := range references {
		list[i] = r.image(reference)
	}
	return list
}

// profile is the truth as one run of an arm meets it.
func (r *simulatedRunner) profile(a *measure.Arm) *simulate.Profile {
	vary := func() float64 { return math.Exp(0.03 * r.random.NormFloat64()) }
	p := simulate.Containerd()
	p.Pull.MaxParallelPulls.Value = 1000
	p.Start.Provision.Value = 0
	p.Start.Create.Value = time.Duration(140e6 * vary())
	p.Network.Goodput.Value = 0.94
	p.Network.Node.Value = network.Rate(300e6 * vary())
	p.Network.Request.Value = time.Duration(3e6 * vary())
	p.Unpack.Gzip.Value, p.Unpack.Disk.Value = network.Rate(230e6*vary()), 2e9
	p.Unpack.Layer.Value, p.Unpack.File.Value = time.Duration(12e6*vary()), time.Duration(120e3*vary())
	if l := a.Link; l != nil {
		if l.Rate != network.Unlimited {
			p.Network.Registry.Value = l.Rate
		}
		if l.Delay > 0 {
			p.Network.RoundTrip.Value = l.Delay
		}
	}
	return p
}

// madeUpImages are three images on one base, of two layers each besides.
func madeUpImages() *layers.Inventory {
	random := rand.New(rand.NewPCG(7, 7))
	inv := &layers.Inventory{}
	add := func(compressed float64) int {
		unpacked := int64(compressed * (1.8 + 1.8*random.Float64()))
		files := unpacked / int64(8000+random.IntN(30000))
		n := len(inv.Layers)
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: layers.Digest(fmt.Sprintf("sha256:%064x", n)), DiffID: layers.Digest(fmt.Sprintf("sha256:%064x", 100+n)), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: int64(compressed), UnpackedBytes: &unpacked, UnpackedSource: layers.Measured, Files: &files,
		})
		return n
	}
	base := add(28e6)
	image := func(name string, list ...int) {
		inv.Images = append(inv.Images, layers.Image{
			Reference: host + "/" + name + ":1", Digest: layers.Digest(fmt.Sprintf("sha256:%064x", 1000+len(inv.Images))), Platform: "linux/amd64", Layers: list,
		})
	}
	image("base", base)
	for _, name := range []string{"a", "b", "c"} {
		image(name, base, add(math.Exp(random.NormFloat64()/2)*20e6), add(math.Exp(random.NormFloat64()/2)*9e6))
	}
	return inv
}

const madeUpMemory = `
apiVersion: cachebench/v1
kind: Experiment
warmup: 0
grids:
- images: [registry.example.com/a:1, registry.example.com/b:1, registry.example.com/c:1]
  keep: [nothing, base, itself]
  base: [registry.example.com/base:1]
  links: [100Mbit/s, 300Mbit/s, unlimited]
- together: [[registry.example.com/a:1, registry.example.com/b:1]]
  links: [300Mbit/s, 600Mbit/s]
- images: [registry.example.com/c:1]
  nodes: [2]
  links: [300Mbit/s, 600Mbit/s]
- images: [registry.example.com/c:1]
  keep: [nothing]
  links: [{bytesPerSecond: 300Mbit/s, delaySeconds: 20ms}]
`

const madeUpDisk = `
apiVersion: cachebench/v1
kind: Experiment
warmup: 0
grids:
- images: [registry.example.com/a:1, registry.example.com/b:1, registry.example.com/c:1]
  keep: [nothing, base]
  base: [registry.example.com/base:1]
  links: [300Mbit/s, unlimited]
`

const madeUpPullers = `
apiVersion: cachebench/v1
kind: Experiment
warmup: 0
grids:
- name: containerd
  images: [registry.example.com/a:1]
  links: [300Mbit/s, unlimited]
- name: pull
  images: [registry.example.com/a:1]
  links: [300Mbit/s, unlimited]
`

// measureMadeUp makes an experiment on the simulated host; its first runs fail.
func measureMadeUp(t *testing.T, text string, broken int) *simulate.Timeline {
	t.Helper()
	exp, err := measure.ReadExperiment("made-up.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	inv := madeUpImages()
	timeline, err := measure.Run(t.Context(), exp, inv, &simulatedRunner{inv: inv, random: rand.New(rand.NewPCG(1, 2)), broken: broken}, measure.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return timeline
}

// madeUp is a validation of which everything is measured, and only the document is left
// to write.
func madeUp(t *testing.T) *validation {
	t.Helper()
	dir := t.TempDir()
	v := &validation{state: dir, document: filepath.Join(dir, "validation.md"), record: filepath.Join(dir, "record"), samples: 20, draws: 1, stderr: io.Discard}
	for file, timeline := range map[string]*simulate.Timeline{
		memoryTimeline:  measureMadeUp(t, madeUpMemory, 1),
		diskTimeline:    measureMadeUp(t, madeUpDisk, 0),
		pullersTimeline: measureMadeUp(t, madeUpPullers, 0),
	} {
		if err := writeTimeline(filepath.Join(dir, file), timeline); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// section is the text below a heading, up to the next of its level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut("\n"+page, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("there is no %q in:\n%s", heading, page)
	}
	text, _, _ := strings.Cut(rest, "\n"+strings.Repeat("#", strings.Count(heading, "#"))+" ")
	return text
}
