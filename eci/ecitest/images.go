package ecitest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// images are those that the server has heard of, as its registry has them.
type images struct {
	opt *Options
	// inv has each content of each reference once; it only grows.
	inv     *layers.Inventory
	layerAt map[layers.Digest]int
	// known are positions in inv by name; given those in Options.Inventory, where
	// there is one, and byDigest its images by either digest.
	known, given map[layers.Name][]int
	byDigest     map[layers.Digest][]int
}

func newImages(opt *Options) images {
	im := images{opt: opt, inv: &layers.Inventory{}, layerAt: make(map[layers.Digest]int), known: make(map[layers.Name][]int)}
	if opt.Inventory == nil {
		return im
	}
	opt.Inventory = opt.Inventory.Estimated()
	im.given, im.byDigest = make(map[layers.Name][]int), make(map[layers.Digest][]int)
	for i, img := range opt.Inventory.Images {
		if n, err := layers.ParseName(img.Reference); err == nil {
			im.given[n] = append(im.given[n], i)
		}
		for _, d := range []layers.Digest{img.Digest, img.IndexDigest} {
			if d != "" {
				im.byDigest[d] = append(im.byDigest[d], i)
			}
		}
	}
	return im
}

// pull is the position in inv of what a reference means now.
func (im *images) pull(ctx context.Context, reference, platform string, now time.Time) (int, error) {
	n, err := layers.ParseName(reference)
	if err != nil {
		return -1, err
	}
	switch {
	case im.given != nil:
		im.learn(n)
		if i := im.find(n, platform, now); i >= 0 {
			return i, nil
		}
	case im.opt.Resolve != nil:
		return im.resolve(ctx, n, reference, platform, now)
	default:
		if i := im.find(n, platform, now); i >= 0 {
			return i, nil
		}
		return im.add(n, invented(n, reference, platform), 0), nil
	}
	return -1, fmt.Errorf("%s: not found", reference)
}

// find is the last of what a name has meant until now, or -1.
func (im *images) find(n layers.Name, platform string, now time.Time) int {
	best := -1
	for _, i := range im.known[n] {
		img := &im.inv.Images[i]
		if img.Platform != platform || img.From.After(now) || best >= 0 && !img.From.After(im.inv.Images[best].From) {
			continue
		}
		best = i
	}
	return best
}

// learn takes all that the given Inventory says of a name.
func (im *images) learn(n layers.Name) {
	if _, ok := im.known[n]; ok {
		return
	}
	positions := im.given[n]
	if n.Digest != "" {
		positions = im.byDigest[n.Digest]
	}
	im.known[n] = nil
	for _, i := range positions {
		im.add(n, im.opt.Inventory, i)
	}
}

// resolve asks the registry. A reference that means something else than before is
// a tag that has moved.
func (im *images) resolve(ctx context.Context, n layers.Name, reference, platform string, now time.Time) (int, error) {
	inv, err := im.opt.Resolve(ctx, reference, platform)
	switch {
	case err != nil:
		return -1, err
	case len(inv.Images) == 0 && len(inv.Unresolved) > 0:
		return -1, fmt.Errorf("%s: %s", reference, inv.Unresolved[0].Reason)
	case len(inv.Images) == 0:
		return -1, fmt.Errorf("%s: not found", reference)
	}
	before := im.find(n, platform, now)
	if before >= 0 && im.inv.Images[before].Digest == inv.Images[0].Digest {
		return before, nil
	}
	i := im.add(n, inv, 0)
	im.inv.Images[i].From = time.Time{}
	if before >= 0 {
		im.inv.Images[i].From = now
	}
	return i, nil
}

// add takes over an image of another Inventory. Sizes that are not known are
// estimated, for a build and a start take time for them too.
func (im *images) add(n layers.Name, from *layers.Inventory, i int) int {
	from = from.Estimated()
	img := from.Images[i]
	img.Layers, img.Hidden = im.intern(from, img.Layers), nil
	im.inv.Images = append(im.inv.Images, img)
	at := len(im.inv.Images) - 1
	im.known[n] = append(im.known[n], at)
	return at
}

// intern gives layers their positions in inv.
func (im *images) intern(from *layers.Inventory, positions []int) []int {
	interned := make([]int, len(positions))
	for j, l := range positions {
		layer := &from.Layers[l]
		at, ok := im.layerAt[layer.Digest]
		if !ok {
			at = len(im.inv.Layers)
			im.inv.Layers = append(im.inv.Layers, *layer)
			im.layerAt[layer.Digest] = at
		}
		interned[j] = at
	}
	return interned
}

// invented is an image of a reference that nobody has described: a base that all
// share, a layer of its repository and one of its own.
func invented(n layers.Name, reference, platform string) *layers.Inventory {
	const mega = 1_000_000
	inv := &layers.Inventory{}
	img := layers.Image{
		Reference: reference, Platform: platform, Digest: digestOf("manifest " + n.String() + " " + platform),
		MediaType: "application/vnd.oci.image.manifest.v1+json",
	}
	for _, l := range []struct {
		of          string
		least, more uint64
	}{
		{"base", 30 * mega, 1},
		{"repository " + n.RepositoryName(), 20 * mega, 180 * mega},
		{"version " + n.String(), 2 * mega, 30 * mega},
	} {
		h := fnv.New64a()
		h.Write([]byte(l.of))
		compressed := int64(l.least + h.Sum64()%l.more)
		unpacked := compressed * 5 / 2
		inv.Layers = append(inv.Layers, layers.Layer{
			Digest: digestOf("blob " + l.of), DiffID: digestOf("tar " + l.of), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: compressed, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
		})
		img.Layers = append(img.Layers, len(img.Layers))
	}
	inv.Images = []layers.Image{img}
	return inv
}

func digestOf(text string) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))))
}

// only is an Inventory of the images at some positions of inv and no other, in
// their order, each once, with where each of them is in it.
func (im *images) only(positions ...int) (*layers.Inventory, map[int]int) {
	part := images{inv: &layers.Inventory{}, layerAt: make(map[layers.Digest]int)}
	at := make(map[int]int, len(positions))
	for _, i := range positions {
		if _, ok := at[i]; ok {
			continue
		}
		img := im.inv.Images[i]
		img.Layers = part.intern(im.inv, img.Layers)
		at[i] = len(part.inv.Images)
		part.inv.Images = append(part.inv.Images, img)
	}
	return part.inv, at
}

// digest is that of the image at a position.
func (im *images) digest(i int) string { return string(im.inv.Images[i].Digest) }
