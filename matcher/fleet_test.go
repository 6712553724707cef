package matcher

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// fleet is a large seeded set of images and of caches of them: bases, runtimes
// on bases, apps on runtimes, images that are versions of apps, each with layers
// of its own, all picked by Zipf's law.
type fleet struct {
	sizes []int64
	// images and caches are distinct layers by number, an image's base first.
	images, caches [][]uint32
	// apps is the app of each image, of each cache the images that it holds.
	apps []int
	held [][]int
}

// fleetShape says how large a fleet is.
type fleetShape struct {
	images, caches, imagesPerCache int
	// zipf is the exponent of the picks; 0 picks evenly.
	zipf float64
	// byApp lists the images of an app one after another, as registries do.
	byApp bool
}

// theFleet is the one of the benchmark figures that others are compared with.
var theFleet = fleetShape{images: 100_000, caches: 10_000, imagesPerCache: 6, zipf: 1}

// newFleet makes the fleet of a shape: 500 bases, 5,000 runtimes and 15,000 apps.
func newFleet(shape fleetShape) *fleet {
	rng := rand.New(rand.NewPCG(1, 2))
	f := &fleet{}
	bases := f.stack(rng, 500, nil, nil, 1, 5)
	runtimes := f.stack(rng, 5000, bases, picker(rng, 500, shape.zipf), 1, 4)
	apps := f.stack(rng, 15_000, runtimes, picker(rng, 5000, shape.zipf), 1, 3)
	pick := picker(rng, 15_000, shape.zipf)
	order := make([]int, shape.images)
	for i := range order {
		order[i] = pick()
	}
	if shape.byApp {
		slices.Sort(order)
	}
	for _, app := range order {
		f.apps = append(f.apps, app)
		f.images = append(f.images, f.grow(rng, apps[app], 1, 4))
	}
	for range shape.caches {
		held, union := f.union(rng, 1+rng.IntN(shape.imagesPerCache))
		f.held, f.caches = append(f.held, held), append(f.caches, union)
	}
	return f
}

// union is a cache of n images.
func (f *fleet) union(rng *rand.Rand, n int) (held []int, union []uint32) {
	for range n {
		i := rng.IntN(len(f.images))
		held = append(held, i)
		union = append(union, f.images[i]...)
	}
	slices.Sort(union)
	return held, slices.Compact(union)
}

// more are n further caches of 3 images.
func (f *fleet) more(n int) [][]uint32 {
	rng := rand.New(rand.NewPCG(5, 6))
	caches := make([][]uint32, n)
	for i := range caches {
		_, caches[i] = f.union(rng, 3)
	}
	return caches
}

// stack makes n lists of layers, each grown on one of those below.
func (f *fleet) stack(rng *rand.Rand, n int, below [][]uint32, pick func() int, least, most int) [][]uint32 {
	all := make([][]uint32, n)
	for i := range all {
		var under []uint32
		if below != nil {
			under = below[pick()]
		}
		all[i] = f.grow(rng, under, least, most)
	}
	return all
}

// grow adds new layers, least to most, of lognormal sizes with a median of about
// 470 kB as layers of real images have (shared/data: p50 474 k).
func (f *fleet) grow(rng *rand.Rand, under []uint32, least, most int) []uint32 {
	grown := slices.Clone(under)
	for range least + rng.IntN(most-least+1) {
		grown = append(grown, uint32(len(f.sizes)))
		f.sizes = append(f.sizes, int64(470_000*math.Exp(2.6*rng.NormFloat64())))
	}
	return grown
}

// picker picks one of n with the frequencies of Zipf's law.
func picker(rng *rand.Rand, n int, exponent float64) func() int {
	sums := make([]float64, n)
	total := 0.0
	for i := range sums {
		total += math.Pow(float64(i+1), -exponent)
		sums[i] = total
	}
	return func() int { return sort.SearchFloat64s(sums, total*rng.Float64()) }
}

func (f *fleet) String() string {
	count := func(sets [][]uint32) float64 {
		n := 0
		for _, s := range sets {
			n += len(s)
		}
		return float64(n) / float64(len(sets))
	}
	return fmt.Sprintf("%d images of %.1f layers, %d distinct; %d caches of %.1f", len(f.images), count(f.images), len(f.sizes), len(f.caches), count(f.caches))
}

// named is the fleet as an Inventory with a repository for each app and a tag for
// each of its images, and its caches.
func (f *fleet) named() (*layers.Inventory, []Cache) {
	rng := rand.New(rand.NewPCG(3, 4))
	inv := &layers.Inventory{Layers: make([]layers.Layer, len(f.sizes)), Images: make([]layers.Image, len(f.images))}
	for l, size := range f.sizes {
		inv.Layers[l] = layers.Layer{Digest: layers.Digest(fmt.Sprintf("sha256:%064x", l)), CompressedBytes: size}
	}
	tags := make(map[int]int)
	for i, image := range f.images {
		tags[f.apps[i]]++
		img := &inv.Images[i]
		img.Reference = fmt.Sprintf("registry.example.com/team/app-%d:1.%d", f.apps[i], tags[f.apps[i]])
		img.Platform, img.Digest = "linux/amd64", layers.Digest(fmt.Sprintf("sha256:f%063x", i))
		img.Layers = make([]int, len(image))
		for j, l := range image {
			img.Layers[j] = int(l)
		}
	}
	caches := make([]Cache, len(f.held))
	for i, held := range f.held {
		caches[i] = Cache{
			ID: fmt.Sprintf("imc-%05d", i), Status: StatusReady, SizeGiB: float64(20 + 10*rng.IntN(4)),
			CreationTime: now.Add(-time.Duration(rng.IntN(720)) * time.Hour), Automatic: rng.IntN(2) == 0,
		}
		for _, k := range held {
			if ref := inv.Images[k].Reference; !slices.Contains(caches[i].Images, ref) {
				caches[i].Images = append(caches[i].Images, ref)
			}
		}
	}
	return inv, caches
}
