package simulate

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// world is what all repeats share: the inventory and the profile in the form in
// which the engine reads them.
type world struct {
	inv     *layers.Inventory
	profile *Profile
	// chains has, for each image, its chains, base first; chainBytes is the
	// unpacked size of each chain's top layer.
	chains     *layers.Chains
	chainBytes []int64
	layers     []layerFacts
	// imageKeys and names are of the images: the key of its draws, and whether it
	// is asked for again when no pull policy is given.
	imageKeys []uint64
	latest    []bool
	classes   map[string]*class
}

// layerFacts is what the engine asks about a layer.
type layerFacts struct {
	compressed int64
	unpack     unpack.Layer
	codec      codec
	key        uint64 // of its draws
	usable     bool
}

type codec uint8

const (
	stored codec = iota // uncompressed
	gzipped
	zstd
)

// class is a node class of the profile, or the profile itself.
type class struct {
	*Profile
	name  string
	costs unpack.Costs
	// lane: one layer after another is unpacked, and nothing but the node's own
	// pull needs its cores and disk, so that no event is needed for each layer.
	lane bool
	// links are those of the network that its nodes are dealt to in turn.
	links []string
	// quick: an answer takes no time.
	quick bool
}

func newWorld(inv *layers.Inventory, profile *Profile) (*world, error) {
	if err := profile.Validate(); err != nil {
		return nil, err
	}
	w := &world{
		inv: inv, profile: profile, chains: inv.Chains(), classes: make(map[string]*class),
		layers: make([]layerFacts, len(inv.Layers)), imageKeys: make([]uint64, len(inv.Images)), latest: make([]bool, len(inv.Images)),
	}
	for i := range inv.Layers {
		w.layers[i] = factsOf(&inv.Layers[i])
	}
	w.chainBytes = make([]int64, len(w.chains.Parents))
	for i := range inv.Images {
		img := &inv.Images[i]
		for j, l := range img.Layers {
			w.chainBytes[w.chains.Images[i][j]] = w.layers[l].unpack.UnpackedBytes
		}
		w.imageKeys[i] = keyOf(string(img.Digest))
		n, err := layers.ParseName(img.Reference)
		w.latest[i] = err == nil && n.Digest == "" && n.Tag == "latest"
	}
	for name := range profile.NodeClasses {
		if _, err := w.class(name); err != nil {
			return nil, err
		}
	}
	_, err := w.class("")
	return w, err
}

func keyOf(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// BytesPerFile is assumed where a layer's number of tar entries is unknown: the
// 56 recorded layers of testdata/images have as many unpacked bytes an entry,
// taken together (testdata/images/layers.csv, 2026-11; the median layer has
// 21,700, a tar of Debian packages in the benchmark workloads 76,000).
const BytesPerFile = 31_600

func factsOf(l *layers.Layer) layerFacts {
	f := layerFacts{compressed: l.CompressedBytes, key: keyOf(string(l.Digest)), codec: stored}
	if l.UnpackedBytes == nil || l.CompressedBytes < 0 || *l.UnpackedBytes < 0 {
		return f
	}
	f.usable = true
	f.unpack = unpack.Layer{UnpackedBytes: *l.UnpackedBytes, Files: *l.UnpackedBytes / BytesPerFile}
	if l.Files != nil {
		f.unpack.Files = *l.Files
	}
	switch {
	case strings.HasSuffix(l.MediaType, "zstd"):
		f.codec = zstd
	case strings.HasSuffix(l.MediaType, "gzip"):
		f.codec = gzipped
	}
	return f
}

// class returns a node class, read once.
func (w *world) class(name string) (*class, error) {
	if c, ok := w.classes[name]; ok {
		return c, nil
	}
	p, err := w.profile.Class(name)
	if err != nil {
		return nil, err
	}
	c := &class{Profile: p, name: name, links: p.Network.Attach}
	c.costs = unpack.Costs{
		Layer: typical(&p.Unpack.Layer), File: typical(&p.Unpack.File),
		Cores: p.Unpack.Cores.Value, DiskBytesPerSecond: float64(typical(&p.Unpack.Disk)),
		FetchCores: p.Unpack.FetchCores.Value, FetchDiskFraction: p.Unpack.FetchDiskFraction.Value,
	}
	c.lane = !p.Unpack.Parallel.Value && p.Pull.MaxParallelImages.Value == 1 &&
		c.costs.FetchCores == 0 && c.costs.FetchDiskFraction == 0
	c.quick = p.Network.RoundTrip == constantZero(&p.Network.RoundTrip) && p.Network.Request == constantZero(&p.Network.Request)
	w.classes[name] = c
	return c, nil
}

func constantZero(p *Parameter[time.Duration]) Parameter[time.Duration] {
	return Parameter[time.Duration]{Source: p.Source}
}

// demand is what unpacking a layer asks for on nodes of a class.
func (c *class) demand(f *layerFacts) unpack.Layer {
	d := f.unpack
	switch f.codec {
	case zstd:
		d.DecodeBytesPerSecond = float64(typical(&c.Unpack.Zstd))
	case gzipped:
		d.DecodeBytesPerSecond = float64(typical(&c.Unpack.Gzip))
	default:
		d.DecodeBytesPerSecond = math.Inf(1)
	}
	return d
}

// alone is how long a layer takes to unpack when nothing else does.
func (c *class) alone(f *layerFacts) time.Duration {
	d := c.costs.Alone(c.demand(f))
	if c.costs.Cores < 1 {
		d = time.Duration(math.Round(float64(d) / c.costs.Cores))
	}
	return d
}

// nodeRate is what a node can take in: its interface, and its disk where blobs
// are written to it at the disk's pace.
func (c *class) nodeRate() network.Rate { return typical(&c.Network.Node) }

// check refuses a start that cannot be simulated, by name.
func (w *world) check(s *Start) error {
	if s.Requested < 0 || s.Runtime < 0 {
		return fmt.Errorf("simulate app %s: a time is negative (requested %v, runtime %v)", s.App, s.Requested, s.Runtime)
	}
	if s.Ready != nil && *s.Ready < 0 {
		return fmt.Errorf("simulate app %s: its time to ready is negative (%v)", s.App, *s.Ready)
	}
	if s.ReadFraction != nil && !(*s.ReadFraction >= 0 && *s.ReadFraction <= 1) {
		return fmt.Errorf("simulate app %s: readFraction %v is not a share from 0 to 1", s.App, *s.ReadFraction)
	}
	if len(s.Images) == 0 {
		return fmt.Errorf("simulate app %s: it names no image", s.App)
	}
	for _, images := range [][]int{s.Images, s.Held} {
		if err := w.checkImages(s.App, images); err != nil {
			return err
		}
	}
	if _, err := w.class(s.NodeClass); err != nil {
		return fmt.Errorf("simulate app %s: %w", s.App, err)
	}
	return nil
}

func (w *world) checkImages(app string, images []int) error {
	for _, i := range images {
		if i < 0 || i >= len(w.inv.Images) {
			return fmt.Errorf("simulate app %s: image %d is not in the inventory (%d images)", app, i, len(w.inv.Images))
		}
		for _, l := range w.inv.Images[i].Layers {
			if !w.layers[l].usable {
				return fmt.Errorf("simulate app %s: layer %s of image %s has no usable size: analyze the image again, or give unpackedBytes in the inventory", app, w.inv.Layers[l].Digest, w.inv.Images[i].Reference)
			}
		}
	}
	return nil
}

// asksAgain says whether an image is asked for at the registry though it is
// present.
func (w *world) asksAgain(s *Start, image int) bool {
	switch s.PullPolicy {
	case "Always":
		return true
	case "IfNotPresent", "Never":
		return false
	}
	return w.latest[image]
}

// requests counts what a pull asks before its first layer: a check that the
// reference exists, the manifest and the config (facts on real pulls), an index
// where there is one, and tokens.
func (w *world) requests(c *class, image int) int {
	n := int(c.Pull.ResolveRequests.Value) + int(c.Network.TokenRequests.Value)
	if w.inv.Images[image].IndexDigest != "" {
		n++
	}
	return n
}

// hit words what a start found. A start that needs no layer found nothing unless
// a cache was matched.
func hit(cached bool, present, missing int) matcher.Hit {
	switch {
	case missing == 0 && (present > 0 || cached):
		return matcher.FullHit
	case present > 0:
		return matcher.PartialHit
	}
	return matcher.Miss
}

// steps is the pull of one image where what is present is known: the layers to
// fetch, base first, and those to unpack.
type steps struct {
	fetch []int32
	units []unit
}

// unit is one layer to unpack.
type unit struct {
	layer, chain int32
	// from is its place in fetch; none when the blob is present or comes by
	// another pull.
	from int32
}

const none = -1

// template is what starts that are alike share.
type template struct {
	app      string
	images   []int
	names    []string
	held     []int
	cacheID  string
	class    *class
	runtime  time.Duration
	ready    *time.Duration
	fraction float64
	// again says, image by image, whether it is asked for though present.
	again []bool
	// pulls are the steps of each image on an instance of its own, which begins
	// with what is held; an image that needs none and is not asked for has skip.
	pulls           []steps
	skip            []bool
	reused, missing int32
	// chains are those of all images, each once.
	chains []int32
	// firstRead is the time to read what is needed of a cache's disk.
	firstReadBytes int64
}

func (w *world) newTemplate(s *Start) *template {
	c := w.classes[s.NodeClass]
	t := &template{
		app: s.App, images: slices.Clone(s.Images), held: slices.Clone(s.Held), cacheID: s.CacheID,
		class: c, runtime: s.Runtime, ready: s.Ready, fraction: c.Cache.ReadFraction.Value,
	}
	if s.ReadFraction != nil {
		t.fraction = *s.ReadFraction
	}
	if s.CacheID == "" {
		t.held = nil
	}
	for _, i := range t.images {
		t.names = append(t.names, w.inv.Images[i].Reference)
		t.again = append(t.again, w.asksAgain(s, i))
	}
	w.plan(t)
	return t
}

// plan works out what an instance of its own does.
func (w *world) plan(t *template) {
	chains, blobs, images := map[int]bool{}, map[int32]bool{}, map[int]bool{}
	keep := t.class.Pull.KeepBlobs.Value
	for _, i := range t.held {
		images[i] = true
		for j, l := range w.inv.Images[i].Layers {
			chains[w.chains.Images[i][j]] = true
			if keep {
				blobs[int32(l)] = true
			}
		}
	}
	counted := map[int]bool{}
	for _, i := range t.images {
		for _, c := range w.chains.Images[i] {
			if counted[c] {
				continue
			}
			counted[c] = true
			t.chains = append(t.chains, int32(c))
			if chains[c] {
				t.reused++
				t.firstReadBytes += w.chainBytes[c]
			} else {
				t.missing++
			}
		}
	}
	if t.cacheID == "" {
		t.firstReadBytes = 0
	}
	for k, i := range t.images {
		var p steps
		w.addSteps(&p, i, func(c int) bool { return chains[c] }, func(l int32) bool { return blobs[l] })
		t.pulls = append(t.pulls, p)
		t.skip = append(t.skip, images[i] && !t.again[k] && len(p.units) == 0)
		images[i] = true
		for _, u := range p.units {
			chains[int(u.chain)] = true
			if keep {
				blobs[u.layer] = true
			}
		}
	}
}

// addSteps lists what pulling an image asks for.
func (w *world) addSteps(p *steps, image int, hasChain func(int) bool, hasBlob func(int32) bool) {
	for j, l := range w.inv.Images[image].Layers {
		c := w.chains.Images[image][j]
		if hasChain(c) {
			continue
		}
		layer := int32(l)
		from := int32(none)
		if !hasBlob(layer) {
			if from = int32(slices.Index(p.fetch, layer)); from == none {
				from = int32(len(p.fetch))
				p.fetch = append(p.fetch, layer)
			}
		}
		p.units = append(p.units, unit{layer, int32(c), from})
	}
}
