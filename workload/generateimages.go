package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// MadeImage is an image that is made up, with its layers, base first.
type MadeImage struct {
	Reference string
	Layers    []MadeLayer
}

// MadeLayer is a layer of it. Name is the same where images share it, and no other's.
type MadeLayer struct {
	Name                           string
	CompressedBytes, UnpackedBytes int64
}

// quantile is a point of a distribution: so much of it is at most value.
type quantile struct{ share, value float64 }

// The sizes of images that were published, of 1,521 repositories (converged-computing/
// container-chonks, 2024): layers of an image, compressed bytes of an image and of a layer.
// The least of each is assumed; 32 bytes are an empty layer's.
var (
	layerCounts = []quantile{{0, 1}, {0.25, 6}, {0.5, 9}, {0.75, 14}, {0.9, 22}, {0.95, 31}, {1, 163}}
	imageBytes  = []quantile{{0, 2e6}, {0.25, 54e6}, {0.5, 132e6}, {0.75, 393e6}, {0.9, 1.18e9}, {0.95, 2.78e9}, {1, 19e9}}
	layerBytes  = []quantile{{0, 32}, {0.25, 627}, {0.5, 474e3}, {0.75, 15.6e6}, {0.9, 75e6}, {0.95, 188e6}, {1, 9.07e9}}
)

const (
	// unpackedRatio is the median of a layer's unpacked bytes over its compressed ones (Zhao
	// et al., CLUSTER 2019).
	unpackedRatio = 2.6
	// sharedLayers, with the sizes of families, is chosen so that 59 % of the layers are in one
	// image only, as was found of those repositories: how many of an image's layers are of
	// its family's base. That these have baseBytes of the least that a member may have is
	// assumed.
	sharedLayers, baseBytes = 0.78, 0.3
	// Members are so far from their family's number of layers and size, as shares of the
	// distributions: assumed.
	countSpread, sizeSpread = 0.02, 0.15
	least                   = 32 // bytes of a layer
)

// familySizes are those of the families of a dozen images: assumed.
var familySizes = []int{6, 3, 2, 1}

// valueAt is the value below which a share of the distribution is, along straight lines between
// the points, of the values' logarithms.
func valueAt(points []quantile, share float64) float64 {
	share = max(0, share)
	for n := 1; n < len(points); n++ {
		if low, high := points[n-1], points[n]; share <= high.share {
			part := (share - low.share) / (high.share - low.share)
			return math.Exp(math.Log(low.value) + part*(math.Log(high.value)-math.Log(low.value)))
		}
	}
	return points[len(points)-1].value
}

// Images makes up the layers of the images of a workload that was made up from the same
// seed. Images come in families, whose members have the lower layers of one base in common.
// Where a release replaces a part of an image, upper layers that no other image has make up
// that part, as far as the base leaves room.
func (w *Workload) Images(seed uint64) []MadeImage {
	fresh := map[string]*float64{}
	for i := range w.Apps {
		a := &w.Apps[i]
		if fresh[a.Images[0]] == nil {
			fresh[a.Images[0]] = a.ReleaseNewBytesFraction
		}
	}
	m := &imageMaker{seed: seed, families: map[int]*imageFamily{}}
	var images []MadeImage
	for n, ref := range w.References() {
		images = append(images, m.image(ref, n, fresh[ref]))
	}
	return images
}

// imageMaker makes images, each from a stream of its own.
type imageMaker struct {
	seed     uint64
	families map[int]*imageFamily
}

// imageFamily is a base and what its members have in common; count and size are shares of
// the distributions.
type imageFamily struct {
	count, size float64
	base        []MadeLayer
}

func (m *imageMaker) stream(kind, n int) *rand.Rand {
	return rand.New(rand.NewPCG(m.seed, uint64(kind)<<40+uint64(n)))
}

// familyOf is the family of an image, by the dozen that it is in.
func (m *imageMaker) familyOf(n int) *imageFamily {
	dozen := 0
	for _, size := range familySizes {
		dozen += size
	}
	place := m.stream(1, n/dozen).Perm(dozen)[n%dozen]
	family := 0
	for ; place >= familySizes[family]; family++ {
		place -= familySizes[family]
	}
	id := n/dozen*len(familySizes) + family
	f := m.families[id]
	if f == nil {
		rng := m.stream(2, id)
		f = &imageFamily{count: rng.Float64(), size: rng.Float64()}
		most := sharedLayers * valueAt(layerCounts, f.count+countSpread)
		var base MadeImage
		base.add(rng, fmt.Sprintf("base %d", id), int(math.Round(most)), baseBytes*valueAt(imageBytes, f.size-sizeSpread))
		f.base = base.Layers
		m.families[id] = f
	}
	return f
}

func (m *imageMaker) image(ref string, n int, fresh *float64) MadeImage {
	family, rng := m.familyOf(n), m.stream(3, n)
	// What would be beyond the ends comes back from them, so that shares stay even.
	near := func(share, spread float64) float64 {
		v := math.Abs(share + spread*(2*rng.Float64()-1))
		return min(v, 2-v)
	}
	count := int(math.Round(valueAt(layerCounts, near(family.count, countSpread))))
	total := valueAt(imageBytes, near(family.size, sizeSpread))
	base := family.base[:min(len(family.base), count-1, int(math.Round(sharedLayers*float64(count))))]
	image := MadeImage{Reference: ref, Layers: slices.Clone(base)}
	below := 0.0
	for _, l := range base {
		below += float64(l.CompressedBytes)
	}
	own := count - len(base)
	rest := max(total-below, float64(least*own))
	// The lower of the image's own layers outlast a release, the upper are replaced by it.
	upper, stay := own, 0.0
	if fresh != nil && *fresh < 1 && own > 1 {
		if kept := (1-*fresh)*(below+rest) - below; kept > 0 && kept < rest {
			upper, stay = max(1, min(own-1, int(math.Round(float64(own)*(rest-kept)/rest)))), kept
		}
	}
	image.add(rng, ref, own-upper, stay)
	image.add(rng, ref, upper, rest-stay)
	return image
}

// add adds layers that have so many bytes together, in proportion to what layers have.
func (i *MadeImage) add(rng *rand.Rand, name string, count int, total float64) {
	sizes, sum := make([]float64, count), 0.0
	for n := range sizes {
		sizes[n] = valueAt(layerBytes, rng.Float64())
		sum += sizes[n]
	}
	for _, size := range sizes {
		i.Layers = append(i.Layers, madeLayer(fmt.Sprintf("%s layer %d", name, len(i.Layers)), total*size/sum))
	}
}

func madeLayer(name string, compressed float64) MadeLayer {
	bytes := max(least, int64(math.Round(compressed)))
	return MadeLayer{name, bytes, int64(math.Round(unpackedRatio * float64(bytes)))}
}

// ImageNotes say where the parameters of Images are from.
func ImageNotes() []string {
	return []string{
		"The images are made up, and no registry has them.",
		"Layers and bytes of an image follow what was published of 1,521 repositories (converged-computing/container-chonks, 2024): half have at most 9 layers and 132 MB, a tenth more than 22 layers and 1.18 GB; number and size are drawn independently, which is assumed.",
		"Images share the lower layers of their family's base, so that about 59 % of the layers are in one image only, as of those repositories; families of 1, 2, 3 and 6 images of like sizes are assumed.",
		"Unpacked bytes are 2.6 times the compressed ones, the median of layers (Zhao et al., CLUSTER 2019).",
	}
}
