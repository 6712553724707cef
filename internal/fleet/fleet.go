// Package fleet generates fleets of nodes that pull images, as plain values,
// for benchmarks and for comparison with other simulators.
//
// The model of a pull is the same for every engine that runs a Fleet. From the
// pull's start up to Slots layers are fetched at once, requested in manifest
// order (base first), the next as soon as one ends. Each fetch is a flow over
// the links from the root to the node's link and over the node's own link, at
// most at the node's rate of a connection; flows share links max-min fairly. A
// layer is unpacked when it is fetched and the layer below is unpacked, in
// bytes / UnpackBytesPerSecond; every pull unpacks on a core of its own. A pull
// is ready when its last layer is unpacked.
//
// It knows no latency, no round trips, no ramp of a young connection and no
// limit on requests: other engines call these by other rules, so that they
// could not agree. Bytes are the layer's compressed ones throughout, for
// unpacking too: one figure a layer is enough to compare engines.
//
// Use: Star or Tree, perhaps WithConnectionCaps or FromCatalogue; then hand the
// values to an engine, WriteSimGrid them for SimGrid, or ask Reference.
package fleet

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Fleet is a tree of links with nodes at them and the pulls of those nodes.
type Fleet struct {
	// Slots is how many layers a pull fetches at once, at least 1.
	Slots int
	// UnpackBytesPerSecond is the speed of unpacking, in bytes of the layer as
	// it is fetched; +Inf takes no time.
	UnpackBytesPerSecond float64
	// Links form a tree; a parent comes before its children.
	Links []Link
	// Nodes are named by their place here: node0, node1 and so on.
	Nodes []Node
	// Pulls are in no order of start.
	Pulls []Pull
}

// Link is shared by all flows to the nodes below it.
type Link struct {
	// Name is one word.
	Name string
	// Parent is the place in Fleet.Links of the link above; -1 is the root.
	Parent int
	// BytesPerSecond is above 0.
	BytesPerSecond float64
}

// Node is a machine with a link of its own below one of the fleet's.
type Node struct {
	// Link is the place in Fleet.Links of the link that the node hangs on.
	Link int
	// BytesPerSecond is the speed of the node's own link, above 0.
	BytesPerSecond float64
	// ConnectionBytesPerSecond bounds each fetch; +Inf is unlimited.
	ConnectionBytesPerSecond float64
}

// Pull is one image that a node fetches and unpacks.
type Pull struct {
	// Node is the place in Fleet.Nodes.
	Node int
	// Start is from the beginning of the simulation.
	Start time.Duration
	// Layers are the layers' bytes, base first. Pulls may share the slice.
	Layers []int64
}

// The workload on which simulators are compared.
const (
	slots                = 3
	unpackBytesPerSecond = 60e6
	// uplinkBytesPerSecond is the registry's speed for each node of the fleet.
	uplinkBytesPerSecond = 12e6
	startsWithin         = 20 * time.Second
	fewestLayers         = 5
	mostLayers           = 11
	meanLayers           = 8.2
	medianLayerBytes     = 13e6
	// layerSigma is of the logarithm of a layer's bytes: a layer has 35 MB in the
	// mean, one in a hundred is above 338 MB, an image has 284 MB, and the
	// registry's link needs 24 s for what is asked for within 20 s. It is chosen:
	// with it SimGrid is about as fast as in earlier runs on such a workload (600
	// to 1,000 pulls per CPU second at 1,000 nodes, 49 at 5,000).
	layerSigma = 1.4
	// leastLayerBytes is about what a layer of one small file takes.
	leastLayerBytes = 1000
)

// Star returns nodes that pull one image each from one registry link of nodes ×
// 12 MB/s; the nodes' own links have 60, 125 or 250 MB/s. The same arguments
// give the same fleet.
func Star(nodes int, seed uint64) Fleet {
	speeds := []float64{60e6, 125e6, 250e6}
	draw := stream(seed, streamNodes)
	f := withPulls(nodes, seed)
	f.Links = []Link{registry(nodes)}
	for range nodes {
		f.Nodes = append(f.Nodes, Node{
			BytesPerSecond:           speeds[draw.IntN(len(speeds))],
			ConnectionBytesPerSecond: math.Inf(1),
		})
	}
	return f
}

// Tree returns the pulls of Star on nodes in racks (at least 1) below the same
// registry link. A rack's link has 0.5 to 2 times its share of the registry's,
// so that some racks hold their nodes up and at times the registry does; each
// node's own link has a speed of its own from 40 to 260 MB/s.
func Tree(nodes, racks int, seed uint64) Fleet {
	racks = max(1, racks)
	draw := stream(seed, streamNodes)
	f := withPulls(nodes, seed)
	f.Links = []Link{registry(nodes)}
	for i := range racks {
		share := f.Links[0].BytesPerSecond / float64(racks)
		f.Links = append(f.Links, Link{
			Name:           fmt.Sprintf("rack%d", i),
			BytesPerSecond: math.Round(share * (0.5 + 1.5*draw.Float64())),
		})
	}
	for i := range nodes {
		f.Nodes = append(f.Nodes, Node{
			Link:                     1 + i%racks,
			BytesPerSecond:           float64(40_000_000 + draw.IntN(220_000_001)),
			ConnectionBytesPerSecond: math.Inf(1),
		})
	}
	return f
}

// WithConnectionCaps returns the fleet with each node's connections bounded by
// 15, 30 or 45 MB/s.
func (f Fleet) WithConnectionCaps(seed uint64) Fleet {
	caps := []float64{15e6, 30e6, 45e6}
	draw := stream(seed, streamCaps)
	f.Nodes = slices.Clone(f.Nodes)
	for i := range f.Nodes {
		f.Nodes[i].ConnectionBytesPerSecond = caps[draw.IntN(len(caps))]
	}
	return f
}

// FromCatalogue returns the fleet with so many different images (at least 1):
// pull i has the layers, the same slice, of pull i % images.
func (f Fleet) FromCatalogue(images int) Fleet {
	images = max(1, images)
	f.Pulls = slices.Clone(f.Pulls)
	for i := range f.Pulls {
		f.Pulls[i].Layers = f.Pulls[i%images].Layers
	}
	return f
}

// Streams of random numbers, so that what is drawn for one thing does not
// change what is drawn for another.
const (
	streamImages = iota
	streamStarts
	streamNodes
	streamCaps
)

func stream(seed, number uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, number)) }

func registry(nodes int) Link {
	return Link{Name: "registry", Parent: -1, BytesPerSecond: float64(nodes) * uplinkBytesPerSecond}
}

// withPulls is a fleet of which only links and nodes are missing.
func withPulls(nodes int, seed uint64) Fleet {
	images, starts := stream(seed, streamImages), stream(seed, streamStarts)
	f := Fleet{Slots: slots, UnpackBytesPerSecond: unpackBytesPerSecond}
	for i := range nodes {
		f.Pulls = append(f.Pulls, Pull{
			Node:   i,
			Start:  time.Duration(starts.Int64N(int64(startsWithin))),
			Layers: image(images),
		})
	}
	return f
}

// image draws the layers of an image. Their number is the fewest plus a
// binomial one, which has the wanted range and mean.
func image(draw *rand.Rand) []int64 {
	const spread = mostLayers - fewestLayers
	count := fewestLayers
	for range spread {
		if draw.Float64() < (meanLayers-fewestLayers)/spread {
			count++
		}
	}
	layers := make([]int64, count)
	for i := range layers {
		bytes := medianLayerBytes * math.Exp(layerSigma*draw.NormFloat64())
		layers[i] = max(leastLayerBytes, int64(math.Round(bytes)))
	}
	return layers
}
