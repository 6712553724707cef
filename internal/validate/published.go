package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// published is a start or pull whose time someone else published, with what is
// known of it.
type published struct {
	what   string
	figure string // as it was published
	// seconds is the figure to compare with.
	seconds float64
	source  string
	profile string
	// set are values of the profile that are known of it.
	set func(*simulate.Profile)
	// compressed and unpacked are each image's MB, in layers of equal size.
	compressed, unpacked float64
	layers               int
	// files a layer; 0 is as many as its bytes suggest.
	files int64
	// images of a start; 0 is one.
	images int
	// present: the node holds the images; asks: it asks all the same what their tags mean.
	present, asks bool
	// cached starts it from a cache that holds the images.
	cached bool
	// starts at once, on instances of their own; 0 is one.
	starts int
	part   part
	// assumed is what is not published of it and was chosen here.
	assumed []string
	note    string
}

// part is the part of a start whose time was published.
type part int

const (
	thePull     part = iota // resolve, fetch and unpack
	theUnpack               // unpack alone, once all is fetched
	untilPulled             // from the request until the images are there
	untilReady              // from the request until it is ready
)

// The sources that are named more than once.
const (
	chonks   = "converged-computing/container-chonks"
	spegel   = "spegel-org/benchmark"
	clusters = "public documents with kubelet events, 115 cold pulls"
	c2886    = "containerd/containerd #2886"
	eciCache = "Alibaba Cloud, overview of image caches (2026-05)"
	ack      = "Alibaba Cloud, ACK auto scaling overview"
	onDemand = "Alibaba Cloud, on-demand image loading (2026-03)"
	overlay  = "containerd/accelerated-container-image, performance and TurboOCI documents"
	gitlab   = "notes on GitLab runners on ECI (kaniko events)"
	spark    = "Alibaba Cloud, run Spark on ECI"
	mosuke   = "mosuke.tech on image caches of serverless Kubernetes (2021-09)"
)

// What is assumed of several.
const (
	oneFile   = "a file a layer, for the bytes are random; as large unpacked"
	usualSize = "2.6 times as large unpacked"
	anySize   = "sizes, of which nothing is fetched"
	fitted11  = "the profile's own values were chosen by hits of 11 to 12 s"
	fitted40  = "the profile's speed of a connection was chosen so that these pulls are met"
)

// publishedCases are the published times that can be put to the model.
func publishedCases() []published {
	return append(publishedOnNodes(), publishedOnECI()...)
}

func publishedOnNodes() []published {
	oneCore := func(p *simulate.Profile) { p.Unpack.Cores.Value = 1 }
	decoding := func(p *simulate.Profile) { p.Unpack.Cores.Value, p.Unpack.Disk.Value = 1, network.Unlimited }
	balanced := func(mb float64, n int) float64 { return 0.62 + 0.032*float64(n) + 0.0052*mb }
	ssd := func(mb float64, n int) float64 { return 0.21 + 0.021*float64(n) + 0.0044*mb }
	gke := func(what string, mb float64, n int, s float64) published {
		return published{what: what, figure: fmt.Sprintf("%.1f s", s), seconds: s, source: chonks, profile: "containerd", compressed: mb, unpacked: mb, layers: n, files: 1, assumed: []string{oneFile}}
	}
	benchmark := func(what, figure string, s, mb float64, n, starts int) published {
		return published{what: what, figure: figure, seconds: s, source: spegel, profile: "containerd", compressed: mb, unpacked: mb, layers: n, files: 1, starts: starts, assumed: []string{oneFile}}
	}
	return []published{
		gke("GKE, balanced disk, 48 MB in 3 layers (their fit)", 48, 3, balanced(48, 3)),
		gke("GKE, balanced disk, 500 MB in 30 layers (their fit)", 500, 30, balanced(500, 30)),
		gke("GKE, balanced disk, 2.8 GB in 125 layers (their fit)", 2800, 125, balanced(2800, 125)),
		gke("GKE, local SSD, 500 MB in 30 layers (their fit)", 500, 30, ssd(500, 30)),
		{what: "GKE, an application, about 390 MB, mostly one layer", figure: "12.6 to 15.7 s", seconds: 14.15, source: chonks, profile: "containerd", compressed: 390, unpacked: 1014, layers: 1, assumed: []string{"one layer", usualSize}, note: "309 to 477 MB; compared with the middle"},
		benchmark("1 GB in 1 layer", "8.4 s", 8.4, 1000, 1, 1),
		benchmark("1 GB in 4 layers", "7.3 s", 7.3, 1000, 4, 1),
		benchmark("1 GB in 1 layer, 50 nodes at once", "27.7 s", 27.7, 1000, 1, 50),
		benchmark("1 GB in 4 layers, 50 nodes at once", "16.8 s", 16.8, 1000, 4, 50),
		{what: "10 MB image", figure: "1.2 to 1.4 s", seconds: 1.3, source: spegel, profile: "containerd", compressed: 10, unpacked: 10, layers: 1, files: 1, assumed: []string{"one layer", oneFile}, note: "compared with the middle"},
		{what: "people's clusters, 100 MB at their median of 13 MB/s", figure: "7.7 s", seconds: 7.7, source: clusters, profile: "containerd", compressed: 100, unpacked: 260, layers: 5, assumed: []string{"5 layers", usualSize}, note: "one in ten at 1.8 MB/s, one at 43"},
		{what: "people's clusters, layers already there, the median", figure: "0.61 s", seconds: 0.61, source: clusters, profile: "containerd", compressed: 100, unpacked: 260, layers: 5, present: true, asks: true, assumed: []string{anySize}, note: "0.10 to 2.4 s; the way to the registry is not published"},
		{what: "2.7 GiB in one gzip layer, one core: inflating", figure: "about 30 s", seconds: 30, source: "containerd/containerd #13559", profile: "containerd", set: decoding, compressed: 2899, unpacked: 2.6 * 2899, layers: 1, files: 1, part: theUnpack, assumed: []string{"the size is the compressed one", usualSize, "few files"}, note: "beside 15 s to fetch and 10 s to write"},
		{what: "14 layers, 728 MB, 2.08 GB unpacked, 1 vCPU, containerd", figure: "70 s", seconds: 70, source: c2886, profile: "containerd-1", set: oneCore, compressed: 728, unpacked: 2080, layers: 14},
		{what: "the same 14 layers, docker", figure: "57 s", seconds: 57, source: c2886, profile: "docker", set: oneCore, compressed: 728, unpacked: 2080, layers: 14},
	}
}

func publishedOnECI() []published {
	pull := func(what string, s, mb, unpacked float64, source string, assumed ...string) published {
		return published{what: what, figure: fmt.Sprintf("%g s", s), seconds: s, source: source, profile: "eci", compressed: mb, unpacked: unpacked, layers: 10, assumed: append(assumed, "10 layers"), note: fitted40}
	}
	hit := func(what string, s float64, images int, part part, source string) published {
		return published{what: what, figure: fmt.Sprintf("%g s", s), seconds: s, source: source, profile: "eci", compressed: 100, unpacked: 260, layers: 5, images: images, cached: true, part: part, assumed: []string{anySize}, note: "from the event of the hit, simulated from the request; " + fitted11}
	}
	batch := func(what string, s float64, cached bool) published {
		return published{what: what, figure: fmt.Sprintf("%g s", s), seconds: s, source: ack, profile: "eci-virtual-nodes", compressed: 100, unpacked: 260, layers: 5, cached: cached, starts: 1000, part: untilReady, assumed: []string{"an image of 100 MB", "5 layers", usualSize}}
	}
	asked := hit("a hit, busybox:latest: its pull, though all is there", 1.54, 1, thePull, mosuke)
	asked.asks, asked.note = true, "the way to the registry is not published"
	flink := pull("Flink, 386 MB from Docker Hub, image preparation", 50, 386.26, 2.6*386.26, eciCache, usualSize)
	flink.note = "across the internet, at a rate that is not published"
	return []published{
		flink,
		pull("NodeBB, 1.34 GB from Docker Hub", 36, 1340, 2.6*1340, onDemand, usualSize),
		pull("ai-cat-or-dog, 730.2 MB, 1.81 GB unpacked", 30.77, 730.2, 1810, overlay),
		pull("php-laravel-nginx, 193.3 MB, 567 MB unpacked", 9.47, 193.3, 567, overlay),
		pull("python-small-import, 728.1 MB, 2.51 GB unpacked", 30.38, 728.1, 2510, overlay),
		pull("python-large-import, 728.1 MB, 2.51 GB unpacked", 31.2, 728.1, 2510, overlay),
		hit("a hit, busybox: until Pulling", 12, 1, untilPulled, mosuke),
		asked,
		hit("a hit, busybox: until Running", 17, 1, untilReady, mosuke),
		hit("a hit, two containers: until Pulled", 11, 2, untilPulled, gitlab),
		hit("a hit, Spark: until Pulled", 19, 1, untilPulled, spark),
		hit("a hit, Spark: until Started", 20, 1, untilReady, spark),
		batch("1,000 pods in one batch, with caches", 15, true),
		batch("the same, without", 30, false),
	}
}

// notSimulated are the published times that cannot be put to the model, and why not.
func notSimulated() []string {
	return []string{
		"Spark 3.5.0 and 3.5.2 on ECI without a cache, 101 s and about 100 s (" + spark + "); WordPress 5.7.0 on overlaybd, 15.3 s and 6.4 s (" + overlay + "); Function Compute, \"GB-level image: minutes\"; SAE, over 10 s: the sizes of the images are not published.",
		"GKE image streaming, 1.1 to 1.2 s warm and 36 to 38 s the first time (" + chonks + "); eStargz, 2 GB and 8 GB; overlaybd and TurboOCI, 3.6 to 14.65 s (" + overlay + "); NodeBB by DADI, 4 s, and its whole start, 9 s beside 38 s (" + onDemand + "): formats that load what is read are not modelled.",
		"10,000 containers on 1,000 hosts within 4 s (DADI, USENIX ATC 2020); 1,000 nodes by ACR's peers, over 95 % less: transfers between nodes are not modelled.",
		"A 15 GB image in a node's snapshot, over 10 minutes (aws-samples/bottlerocket-images-cache #13); first reads of a volume, 5 to 300 MiB/s: that is a value of a profile, `cache.firstReadBytesPerSecond`, and no start.",
		"Creation of caches, 131 s after the last pull and 2 to 13 minutes in all: a value of a profile as well, `cache.buildSeconds`.",
		"10,000 pods a minute on virtual nodes (" + ack + "): the value that the profile eci-virtual-nodes has. 100 nodes in 103 s and 45 s (the same): nodes that boot, and no pull.",
		"Flink with a cache: no time to prepare images in one copy of the page, 5 s in older ones (" + eciCache + ").",
	}
}

func (d *page) published(ctx context.Context) error {
	d.heading("## Published pulls")
	d.text("Times that others published, and what the built-in profiles give for what is known of them. No value was fitted to these, but those of the `eci` profiles where the last column says so; no value of those was measured on ECI by this project. Hosts, links and registries are mostly unknown, so that a difference says little.")
	var rows [][]string
	for _, p := range publishedCases() {
		got, err := p.simulated(ctx)
		if err != nil {
			return err
		}
		rows = append(rows, []string{p.what, p.figure, briefly(got), fmt.Sprintf("%.2g", got.Seconds()/p.seconds), p.profile, p.source, p.remarks()})
	}
	d.table("what|>published|>simulated|>ratio|profile|source|assumed and noted", rows)
	d.text("Published, and not here:")
	d.list(notSimulated())
	return nil
}

// briefly is a time to a tenth of a second, or in milliseconds.
func briefly(t time.Duration) string {
	if t < 100*time.Millisecond {
		return shortly(t)
	}
	return fmt.Sprintf("%.1f s", t.Seconds())
}

// remarks are what was assumed, and the note.
func (p *published) remarks() string {
	words := ""
	if len(p.assumed) > 0 {
		words = "assumed: " + strings.Join(p.assumed, ", ")
	}
	if words != "" && p.note != "" {
		words += "; "
	}
	return words + p.note
}

// simulated is the time that the model gives, of the last start.
func (p *published) simulated(ctx context.Context) (time.Duration, error) {
	profile, err := simulate.BuiltIn(p.profile)
	if err != nil {
		return 0, err
	}
	if p.set != nil {
		p.set(profile)
	}
	startups, err := simulate.Run(ctx, p.inventory(), profile, p.startList(), simulate.Options{Arm: simulate.ArmCold, Seed: 1, NewNodes: p.newNodes()})
	if err != nil {
		return 0, fmt.Errorf("simulate %s: %w", p.what, err)
	}
	last, err := p.part.last(startups)
	if err != nil {
		return 0, fmt.Errorf("simulate %s: %w", p.what, err)
	}
	return last, nil
}

// last is how long the part takes in the startup that takes longest. A start that never
// becomes ready has no such time.
func (p part) last(startups []simulate.Startup) (time.Duration, error) {
	last := time.Duration(0)
	for i := range startups {
		if void := startups[i].Void; void != "" {
			return 0, errors.New(void)
		}
		last = max(last, p.of(&startups[i]))
	}
	return last, nil
}

// of is how long the part takes in a startup.
func (p part) of(s *simulate.Startup) time.Duration {
	sum := func(phases ...simulate.Phase) (total time.Duration) {
		for _, phase := range phases {
			d, _ := s.Phases.Of(phase)
			total += d
		}
		return total
	}
	switch p {
	case thePull:
		return sum(simulate.Resolve, simulate.Fetch, simulate.Unpack)
	case theUnpack:
		return sum(simulate.Unpack)
	case untilPulled:
		return s.Requested + sum(simulate.Admit, simulate.Provision, simulate.Attach, simulate.Resolve, simulate.Fetch, simulate.Unpack)
	default:
		return s.Requested + s.Ready
	}
}

const publishedNode = "node"

func (p *published) imageList() []int {
	list := make([]int, max(1, p.images))
	for i := range list {
		list[i] = i
	}
	return list
}

func (p *published) startList() []simulate.Start {
	starts := make([]simulate.Start, max(1, p.starts))
	for i := range starts {
		starts[i] = simulate.Start{App: "app", Images: p.imageList(), PullPolicy: "IfNotPresent"}
		if p.cached {
			starts[i].Held, starts[i].CacheID = p.imageList(), "cache"
		}
		if p.present {
			starts[i].Node = publishedNode
		}
		if p.asks {
			starts[i].PullPolicy = "Always"
		}
	}
	return starts
}

func (p *published) newNodes() []simulate.NewNode {
	if !p.present {
		return nil
	}
	return []simulate.NewNode{{Name: publishedNode, Up: true, Setup: &simulate.NodeSetup{Held: p.imageList()}}}
}

// inventory has the case's images, each of its size.
func (p *published) inventory() *layers.Inventory {
	inv := &layers.Inventory{}
	for i := range p.imageList() {
		p.addImage(inv, i)
	}
	return inv
}

func (p *published) addImage(inv *layers.Inventory, n int) {
	digest := func(i int) layers.Digest {
		return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Append(nil, p.what, n, i))))
	}
	img := layers.Image{
		Reference: fmt.Sprintf("registry.example.com/published-%d:1", n), Digest: digest(-1), ConfigDigest: digest(-2),
		Platform: layers.DefaultPlatform, MediaType: "application/vnd.oci.image.manifest.v1+json",
	}
	for i := range p.layers {
		unpacked := int64(p.unpacked * 1e6 / float64(p.layers))
		l := layers.Layer{
			Digest: digest(i), DiffID: digest(-3 - i), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: int64(p.compressed * 1e6 / float64(p.layers)), UnpackedBytes: &unpacked,
		}
		if p.files > 0 {
			l.Files = &p.files
		}
		img.Layers = append(img.Layers, len(inv.Layers))
		inv.Layers = append(inv.Layers, l)
	}
	inv.Images = append(inv.Images, img)
}
