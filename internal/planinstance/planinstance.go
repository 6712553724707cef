// Package planinstance holds instances of the planning problem for benchmarks: images
// with layers and pods, candidate caches as sets of layers, and a budget. It reads the
// stored ones and generates more that look the same, by a seed.
//
// How the stored ones are made was found by looking at them; New does the same. Layers
// are numbered as they come. There are four levels of nodes, each with the layers of its
// parent and some of its own:
//
//	level      nodes             layers of its own  mean MB  parent
//	base       3 + images / 50   1 to 3             60       none
//	runtime    5 + images / 10   1 or 2             80       a base
//	framework  5 + images / 3    1 or 2             40       a runtime
//	image      images            1 to 3             20       a framework
//
// A layer's size is 0.5 MB and an exponential draw. Parents are drawn with a weight of (v + place)^−1.1, with v of 2, 3 and 6 for
// bases, runtimes and frameworks: earlier ones have more children. An image's pods are 1
// and a draw below 5,000 with a weight of (2 + draw)^−1.3. Candidates are all runtimes,
// all frameworks, all images, and as many unions of 2 to 5 nodes as there are images, each
// node any framework or any image with even chance. The budget is a quarter of the bytes
// of all layers, and every chosen cache costs 100 MB beside its layers. A pod saves, of
// each layer that its cache holds, a time of fetching at 80 MB/s and 20 ms.
//
// A Market is another kind: caches of apps in money, with disks for every start, in which
// who serves whom counts.
//
// TestLikeTheStored compares figures of 20 seeds with those of the stored files.
//
// It imports nothing of the project, so that any package's tests may use it.
package planinstance

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
)

// Instance is one, with the keys of the stored files.
type Instance struct {
	BudgetMB float64 `json:"budgetMB"`
	// Candidates are caches, as positions in LayerMB in rising order.
	Candidates [][]int `json:"candidates"`
	// FixedMBPerCache is what a chosen cache costs beside its layers.
	FixedMBPerCache    float64   `json:"fixedMBPerCache"`
	Images             []Image   `json:"images"`
	LayerMB            []float64 `json:"layerMB"`
	MegabytesPerSecond float64   `json:"megabytesPerSecond"`
	SecondsPerLayer    float64   `json:"secondsPerLayer"`
}

// Image is what pods start.
type Image struct {
	// Layers are positions in Instance.LayerMB, in rising order.
	Layers []int   `json:"layers"`
	Pods   float64 `json:"pods"`
}

// Read reads a stored instance, JSON packed by gzip.
func Read(path string) (*Instance, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	in := new(Instance)
	if err := json.NewDecoder(z).Decode(in); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return in, nil
}

// Write writes an instance as one line of JSON.
func (in *Instance) Write(w io.Writer) error { return json.NewEncoder(w).Encode(in) }

// LayerSeconds are what one pod saves by each layer that its cache holds.
func (in *Instance) LayerSeconds() []float64 {
	seconds := make([]float64, len(in.LayerMB))
	for l, mb := range in.LayerMB {
		seconds[l] = mb/in.MegabytesPerSecond + in.SecondsPerLayer
	}
	return seconds
}

// level is how the nodes of one are made.
type level struct {
	nodes, mostLayers int
	meanMB            float64
	// shift of the weights of nodes as parents: larger is more even.
	shift float64
}

// What draws follow; sizes are in MB.
const (
	leastMB     = 0.5
	parentPower = 1.1
	podsPower   = 1.3
	podsShift   = 2
	mostPods    = 5000
	mostInUnion = 5
)

// New generates an instance with a number of images, at least 1, by a seed.
func New(images int, seed uint64) *Instance {
	g := &generator{
		in:     &Instance{FixedMBPerCache: 100, MegabytesPerSecond: 80, SecondsPerLayer: 0.02},
		random: rand.New(rand.NewPCG(seed, uint64(images))),
	}
	parents, parentShift := [][]int{nil}, 1.0
	var nodes [4][][]int
	for k, l := range []level{
		{3 + images/50, 3, 60, 2},
		{5 + images/10, 2, 80, 3},
		{5 + images/3, 2, 40, 6},
		{images, 3, 20, 0},
	} {
		nodes[k] = g.level(l, parents, parentShift)
		parents, parentShift = nodes[k], l.shift
	}
	frameworks, leaves := nodes[2], nodes[3]
	pods := rand.NewZipf(g.random, podsPower, podsShift, mostPods-1)
	for _, layers := range leaves {
		g.in.Images = append(g.in.Images, Image{layers, float64(1 + pods.Uint64())})
	}
	g.in.Candidates = slices.Concat(nodes[1], frameworks, leaves)
	for range images {
		g.in.Candidates = append(g.in.Candidates, g.union(frameworks, leaves))
	}
	total := 0.0
	for _, mb := range g.in.LayerMB {
		total += mb
	}
	g.in.BudgetMB = total / 4
	return g.in
}

type generator struct {
	in     *Instance
	random *rand.Rand
}

// level makes nodes under parents, which are drawn by their places.
func (g *generator) level(l level, parents [][]int, shift float64) [][]int {
	parent := rand.NewZipf(g.random, parentPower, shift, uint64(len(parents)-1))
	nodes := make([][]int, l.nodes)
	for k := range nodes {
		nodes[k] = slices.Clone(parents[parent.Uint64()])
		for range 1 + g.random.IntN(l.mostLayers) {
			nodes[k] = append(nodes[k], len(g.in.LayerMB))
			g.in.LayerMB = append(g.in.LayerMB, leastMB+l.meanMB*g.random.ExpFloat64())
		}
	}
	return nodes
}

// union is the layers of some frameworks and images.
func (g *generator) union(frameworks, images [][]int) []int {
	var layers []int
	for range 2 + g.random.IntN(mostInUnion-1) {
		node := images[g.random.IntN(len(images))]
		if g.random.IntN(2) == 0 {
			node = frameworks[g.random.IntN(len(frameworks))]
		}
		layers = append(layers, node...)
	}
	slices.Sort(layers)
	return slices.Compact(layers)
}
