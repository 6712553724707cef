package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// published is a start or pull whose time someone else published, with what is
// known of it.
type published struct {
	what   string
	figure string // as it was published
	// seconds is the figure to compare with, 0 where it is a range that figure tells.
	seconds float64
	source  string
	profile string
	// set are values of the profile that are known of it.
	set func(*simulate.Profile)
	// compressed and unpacked are the image's MB, in layers of equal size.
	compressed, unpacked float64
	layers               int
	// files a layer; 0 is as many as its bytes suggest.
	files int64
	// cached starts it from a cache that holds the image.
	cached bool
	// starts at once, on instances of their own; 0 is one.
	starts int
	// whole counts the time to ready, otherwise the pull alone.
	whole bool
	note  string
}

const (
	chonks  = "converged-computing/container-chonks (facts on real pulls)"
	spegel  = "spegel-org benchmarks (facts on real pulls)"
	random  = "random bytes, so as large unpacked; one file a layer is assumed"
	ratio26 = "unpacked size assumed, 2.6 times the compressed one"
)

// publishedCases are the published times that can be put to the model: those with a
// size. Lazy formats and peer-to-peer are not modelled.
func publishedCases() []published {
	gke := func(what string, mb float64, n int, s float64) published {
		return published{what: what, figure: fmt.Sprintf("%.1f s", s), seconds: s, source: chonks, profile: "containerd", compressed: mb, unpacked: mb, layers: n, files: 1, note: random}
	}
	balanced := func(mb float64, n int) float64 { return 0.62 + 0.032*float64(n) + 0.0052*mb }
	ssd := func(mb float64, n int) float64 { return 0.21 + 0.021*float64(n) + 0.0044*mb }
	eci := func(what string, s, mb, unpacked float64, n int, source, note string) published {
		return published{what: what, figure: fmt.Sprintf("%g s", s), seconds: s, source: "eci §1.12, " + source, profile: "eci", compressed: mb, unpacked: unpacked, layers: n, note: note}
	}
	return []published{
		gke("GKE, balanced disk, 48 MB in 3 layers (their fit)", 48, 3, balanced(48, 3)),
		gke("GKE, balanced disk, 500 MB in 30 layers (their fit)", 500, 30, balanced(500, 30)),
		gke("GKE, balanced disk, 2.8 GB in 125 layers (their fit)", 2800, 125, balanced(2800, 125)),
		gke("GKE, local SSD, 500 MB in 30 layers (their fit)", 500, 30, ssd(500, 30)),
		{what: "GKE, an application, about 390 MB, mostly one layer", figure: "12.6 to 15.7 s", seconds: 14.15, source: chonks, profile: "containerd", compressed: 390, unpacked: 1014, layers: 1, note: ratio26},
		{what: "1 GB in 1 layer", figure: "8.4 s", seconds: 8.4, source: spegel, profile: "containerd", compressed: 1000, unpacked: 1000, layers: 1, files: 1, note: random},
		{what: "1 GB in 4 layers", figure: "7.3 s", seconds: 7.3, source: spegel, profile: "containerd", compressed: 1000, unpacked: 1000, layers: 4, files: 1, note: random},
		{what: "10 MB image", figure: "1.2 to 1.4 s", seconds: 1.3, source: spegel, profile: "containerd", compressed: 10, unpacked: 10, layers: 1, files: 1, note: random},
		{what: "people's clusters, 100 MB at their median of 13 MB/s", figure: "7.7 s", seconds: 7.7, source: "public documents, 115 cold pulls (facts on real pulls)", profile: "containerd", compressed: 100, unpacked: 260, layers: 5, note: ratio26},
		{what: "14 layers, 728 MB, 2.08 GB unpacked, 1 vCPU, containerd", figure: "70 s", seconds: 70, source: "containerd/containerd #2886 (facts on real pulls)", profile: "containerd-1", set: func(p *simulate.Profile) { p.Unpack.Cores.Value = 1 }, compressed: 728, unpacked: 2080, layers: 14},
		{what: "the same, docker", figure: "57 s", seconds: 57, source: "containerd/containerd #2886 (facts on real pulls)", profile: "docker", set: func(p *simulate.Profile) { p.Unpack.Cores.Value = 1 }, compressed: 728, unpacked: 2080, layers: 14},
		eci("Flink from Docker Hub, image preparation", 50, 386.26, 1004, 10, "S2, S3", "across the internet, whose rate is not published; "+ratio26),
		eci("NodeBB 1.34 GB from Docker Hub, pull", 36, 1340, 3484, 10, "S31", ratio26),
		eci("ai-cat-or-dog, 730.2 MB, 1.81 GB unpacked", 30.77, 730.2, 1810, 10, "S33", "10 layers assumed"),
		eci("php-laravel-nginx, 193.3 MB, 567 MB unpacked", 9.47, 193.3, 567, 10, "S33", "10 layers assumed"),
		eci("python-small-import, 728.1 MB, 2.51 GB unpacked", 30.38, 728.1, 2510, 10, "S33", "10 layers assumed"),
		eci("python-large-import, 728.1 MB, 2.51 GB unpacked", 31.2, 728.1, 2510, 10, "S33", "10 layers assumed"),
		{what: "a hit, two containers: until Pulled", figure: "11 s", seconds: 11, source: "eci §1.12, S29", profile: "eci", compressed: 100, unpacked: 260, layers: 5, cached: true, whole: true, note: "the profile's own values were chosen by this figure"},
		{what: "1,000 pods in one batch, with caches", figure: "15 s", seconds: 15, source: "eci §1.12, S30", profile: "eci-virtual-nodes", compressed: 100, unpacked: 260, layers: 5, cached: true, starts: 1000, whole: true, note: "images not published; those of the row above assumed"},
		{what: "the same, without", figure: "30 s", seconds: 30, source: "eci §1.12, S30", profile: "eci-virtual-nodes", compressed: 100, unpacked: 260, layers: 5, starts: 1000, whole: true, note: "images not published; those of the row above assumed"},
	}
}

// simulated is the time that the model gives: of the last start to be ready, or of
// its pull.
func (p *published) simulated(ctx context.Context) (time.Duration, error) {
	profile, err := simulate.BuiltIn(p.profile)
	if err != nil {
		return 0, err
	}
	if p.set != nil {
		p.set(profile)
	}
	inv := p.inventory()
	starts := make([]simulate.Start, max(1, p.starts))
	for i := range starts {
		starts[i] = simulate.Start{App: "app", Images: []int{0}, PullPolicy: "IfNotPresent"}
		if p.cached {
			starts[i].Held, starts[i].CacheID = []int{0}, "cache"
		}
	}
	startups, err := simulate.Run(ctx, inv, profile, starts, simulate.Options{Arm: simulate.ArmCold, Seed: 1})
	if err != nil {
		return 0, fmt.Errorf("simulate %s: %w", p.what, err)
	}
	last := time.Duration(0)
	for i := range startups {
		s := &startups[i]
		t := s.Requested + s.Ready
		if !p.whole {
			t = 0
			for _, phase := range []simulate.Phase{simulate.Resolve, simulate.Fetch, simulate.Unpack} {
				d, _ := s.Phases.Of(phase)
				t += d
			}
		}
		last = max(last, t)
	}
	return last, nil
}

// inventory is one image of the case's size.
func (p *published) inventory() *layers.Inventory {
	digest := func(i int) layers.Digest {
		return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Append(nil, p.what, i))))
	}
	img := layers.Image{Reference: "registry.example.com/published:1", Digest: digest(-1), ConfigDigest: digest(-2), Platform: layers.DefaultPlatform, MediaType: "application/vnd.oci.image.manifest.v1+json"}
	inv := &layers.Inventory{}
	for i := range p.layers {
		unpacked := int64(p.unpacked * 1e6 / float64(p.layers))
		l := layers.Layer{
			Digest: digest(i), DiffID: digest(-3 - i), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: int64(p.compressed * 1e6 / float64(p.layers)), UnpackedBytes: &unpacked,
		}
		if p.files > 0 {
			l.Files = &p.files
		}
		inv.Layers = append(inv.Layers, l)
		img.Layers = append(img.Layers, i)
	}
	inv.Images = []layers.Image{img}
	return inv
}
