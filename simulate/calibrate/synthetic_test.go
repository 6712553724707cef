package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// world is a made-up host: a profile that is the truth, images, and experiments that
// are simulated on it with noise and then called measured.
type world struct {
	t      *testing.T
	truth  *simulate.Profile
	inv    *layers.Inventory
	random *rand.Rand
	// sigma is the standard deviation of the logarithm of each parameter, run by run.
	sigma float64
	// outliers is the share of runs that take three times as long.
	outliers float64
	// bare runs have no creation, as of measure pull.
	bare bool
	// ready is the programs' own time to ready.
	ready    time.Duration
	timeline *simulate.Timeline
}

type known struct {
	goodput, gzip, zstd, disk, node float64
	request, layer, file, create    time.Duration
}

var truth = known{
	goodput: 0.93, gzip: 250e6, zstd: 520e6, disk: 2e9, node: 300e6,
	request: 3 * time.Millisecond, layer: 20 * time.Millisecond, file: 150 * time.Microsecond, create: 140 * time.Millisecond,
}

func (k known) profile() *simulate.Profile {
	p := simulate.Containerd()
	p.Name = "truth"
	p.Pull.MaxParallelPulls.Value = 1000
	p.Network.Goodput.Value, p.Network.Node.Value, p.Network.Request.Value = k.goodput, network.Rate(k.node), k.request
	u := &p.Unpack
	u.Gzip.Value, u.Zstd.Value, u.Disk.Value = network.Rate(k.gzip), network.Rate(k.zstd), network.Rate(k.disk)
	u.Layer.Value, u.File.Value = k.layer, k.file
	p.Start.Provision.Value, p.Start.Create.Value = 0, k.create
	return p
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, truth: truth.profile(), random: rand.New(rand.NewPCG(seed, 1)), sigma: 0.04}
	w.inv = w.images(6, true)
	w.timeline = &simulate.Timeline{Measurement: &simulate.Measurement{
		Tool: "containerd", Inventory: w.inv,
		Facts: []simulate.Fact{{Name: "containerd", Value: "2.4.2"}, {Name: "cores", Value: "2"}},
	}}
	return w
}

// images share a base; every third has zstd layers where wanted.
func (w *world) images(n int, zstd bool) *layers.Inventory {
	inv := &layers.Inventory{}
	add := func(name string, compressed, unpacked, files int64, codec string) int {
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: layers.Digest(fmt.Sprintf("sha256:%064x", len(inv.Layers))), DiffID: layers.Digest("diff " + name), MediaType: "application/vnd.oci.image.layer.v1.tar+" + codec,
			CompressedBytes: compressed, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured, Files: &files,
		})
		return len(inv.Layers) - 1
	}
	image := func(name string, list []int) {
		inv.Images = append(inv.Images, layers.Image{
			Reference: "example.com/" + name + ":1", Digest: layers.Digest(fmt.Sprintf("sha256:%064x", 1000+len(inv.Images))), Platform: "linux/amd64", Layers: list,
		})
	}
	base := add("base", 28e6, 75e6, 3400, "gzip")
	image("base", []int{base})
	for i := range n {
		codec := "gzip"
		if zstd && i%3 == 2 {
			codec = "zstd"
		}
		list := []int{base}
		for j := range 2 + i {
			compressed := int64(math.Exp(w.random.NormFloat64()*1.2) * 6e6)
			unpacked := int64(float64(compressed)*(1.8+1.8*w.random.Float64())) + 2048
			files := int64(float64(unpacked) / math.Exp(9.6+1.2*w.random.NormFloat64()))
			list = append(list, add(fmt.Sprint(i, " ", j), compressed, unpacked, min(files, unpacked/512), codec))
		}
		image(fmt.Sprint("app", i), list)
	}
	return inv
}

// arm measures runs of images started together, each on a node.
func (w *world) arm(name string, overlay string, kept []int, repeats int, starts ...start) {
	w.t.Helper()
	setup := simulate.ArmSetup{Arm: name}
	for _, k := range kept {
		setup.Kept = append(setup.Kept, w.inv.Images[k].Reference)
	}
	if overlay != "" {
		var err error
		if setup.Profile, err = document.Whole("arm", []byte(overlay)); err != nil {
			w.t.Fatal(err)
		}
	}
	m := w.timeline.Measurement
	m.Arms = append(m.Arms, setup)
	for k := range repeats {
		p := w.noisy()
		if err := setup.Profile.Decode(p); err != nil {
			w.t.Fatal(err)
		}
		if w.bare {
			p.Start.Create.Value = 0
		}
		var list []simulate.Start
		var nodes []simulate.NewNode
		for _, s := range starts {
			n := fmt.Sprint("node-", s.node)
			list = append(list, simulate.Start{App: w.inv.Images[s.image].Reference, Images: []int{s.image}, Node: n, PullPolicy: "Always", Ready: &w.ready})
			if len(nodes) == 0 || nodes[len(nodes)-1].Name != n {
				nodes = append(nodes, simulate.NewNode{Name: n, Up: true, Setup: &simulate.NodeSetup{Held: kept}})
			}
		}
		got, err := simulate.Run(w.t.Context(), w.inv, p, list, simulate.Options{Arm: name, Seed: w.random.Uint64(), NewNodes: nodes, Spans: func(int) bool { return true }})
		if err != nil {
			w.t.Fatal(err)
		}
		slow := w.random.Float64() < w.outliers
		for i := range got {
			s := &got[i]
			s.Source, s.Repeat = simulate.Measured, k
			s.Requested += time.Duration(len(m.Runs)) * time.Minute
			if slow {
				stretch(s, 3)
			}
		}
		w.timeline.Startups = append(w.timeline.Startups, got...)
		m.Runs = append(m.Runs, simulate.MeasuredRun{Arm: name, Repeat: k, At: time.Date(2026, 11, 29, 12, 0, len(m.Runs), 0, time.UTC)})
	}
}

type start struct{ image, node int }

// stretch makes everything in a startup take so much longer.
func stretch(s *simulate.Startup, by time.Duration) {
	s.Ready *= by
	s.FetchBusy *= by
	s.UnpackBusy *= by
	for _, p := range simulate.AllPhases() {
		if d, ok := s.Phases.Of(p); ok {
			long := d * by
			switch p {
			case simulate.Resolve:
				s.Phases.Resolve = &long
			case simulate.Fetch:
				s.Phases.Fetch = &long
			case simulate.Unpack:
				s.Phases.Unpack = &long
			case simulate.Create:
				s.Phases.Create = &long
			}
		}
	}
	for i := range s.Spans {
		s.Spans[i].Start *= by
		s.Spans[i].End *= by
	}
}

// noisy is the truth as one run meets it.
func (w *world) noisy() *simulate.Profile {
	p := *w.truth
	f := func() float64 { return math.Exp(w.sigma * w.random.NormFloat64()) }
	d := func(t *time.Duration) { *t = time.Duration(float64(*t) * f()) }
	r := func(x *network.Rate) { *x *= network.Rate(f()) }
	d(&p.Network.Request.Value)
	d(&p.Unpack.Layer.Value)
	d(&p.Unpack.File.Value)
	d(&p.Start.Create.Value)
	r(&p.Unpack.Gzip.Value)
	r(&p.Unpack.Zstd.Value)
	r(&p.Unpack.Disk.Value)
	r(&p.Network.Node.Value)
	p.Network.Goodput.Value = min(1, p.Network.Goodput.Value*math.Exp(w.sigma/2*w.random.NormFloat64()))
	return &p
}

func (w *world) load(opt Options) *Data {
	w.t.Helper()
	d, err := Load([]File{{"measured.json", w.timeline}}, opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}
