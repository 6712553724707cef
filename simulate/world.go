package simulate

import (
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/cachebench/cachebench/internal/segment"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// world is what all repeats share: the inventory and the profile in the form in
// which the engine reads them.
type world struct {
	inv     *layers.Inventory
	profile *Profile
	// chainIDs are, for each image, its chains, base first (layers.Chains);
	// chainBytes is the unpacked size of each chain's top layer.
	chainIDs   [][]int32
	chainBytes []int64
	// segments are made when there is a node that keeps layers.
	segments *segment.Segments
	split    sync.Once
	// cold are the steps of each image where nothing is present.
	cold   []steps
	layers []layerFacts
	// imageKeys and names are of the images: the key of its draws, and whether it
	// is asked for again when no pull policy is given.
	imageKeys []uint64
	names     []string
	latest    []bool
	usable    []bool // all its layers
	indexed   []bool // it stands behind an index
	classes   map[string]*class
	// given is the profile before change, which is made to it and to each class;
	// nil makes none.
	given  *Profile
	change func(*Profile)
}

// layerFacts is what the engine asks about a layer.
type layerFacts struct {
	compressed, unpacked int64
	key                  uint64 // of its draws
	files                uint32
	codec                codec
	usable               bool
}

type codec uint8

const (
	stored codec = iota // uncompressed
	gzipped
	zstd
)

func newWorld(inv *layers.Inventory, profile *Profile) (*world, error) {
	return newChangedWorld(inv, profile, nil)
}

// newChangedWorld is a world whose profile, and each class of it, is changed where
// change is not nil.
func newChangedWorld(inv *layers.Inventory, profile *Profile, change func(*Profile)) (*world, error) {
	if err := profile.Validate(); err != nil {
		return nil, err
	}
	changed := profile
	if change != nil {
		copied := *profile
		changed = &copied
		change(changed)
	}
	w := &world{
		inv: inv, profile: changed, given: profile, change: change, classes: make(map[string]*class),
		layers: make([]layerFacts, len(inv.Layers)), imageKeys: make([]uint64, len(inv.Images)), latest: make([]bool, len(inv.Images)),
		names: make([]string, len(inv.Images)), usable: make([]bool, len(inv.Images)), indexed: make([]bool, len(inv.Images)),
	}
	for i := range inv.Layers {
		w.layers[i] = factsOf(&inv.Layers[i])
	}
	chains := inv.Chains()
	w.chainBytes = make([]int64, len(chains.Parents))
	w.chainIDs, w.cold = make([][]int32, len(inv.Images)), make([]steps, len(inv.Images))
	nothing := func(int32) bool { return false }
	for i := range inv.Images {
		img := &inv.Images[i]
		w.chainIDs[i] = make([]int32, len(img.Layers))
		w.cold[i] = steps{fetch: make([]int32, 0, len(img.Layers)), units: make([]unit, 0, len(img.Layers))}
		for j, l := range img.Layers {
			c := chains.Images[i][j]
			w.chainIDs[i][j] = int32(c)
			w.chainBytes[c] = w.layers[l].unpacked
		}
		w.addSteps(&w.cold[i], i, nothing, nothing)
		w.names[i], w.indexed[i] = img.Reference, img.IndexDigest != ""
		w.usable[i] = len(img.Layers) <= most && !slices.ContainsFunc(img.Layers, func(l int) bool { return !w.layers[l].usable })
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
	const largest = 1 << 53 // 9 petabytes
	if l.UnpackedBytes == nil || min(l.CompressedBytes, *l.UnpackedBytes) < 0 || max(l.CompressedBytes, *l.UnpackedBytes) > largest {
		return f
	}
	files := *l.UnpackedBytes / BytesPerFile
	if l.Files != nil {
		files = *l.Files
	}
	f.usable, f.unpacked, f.files = true, *l.UnpackedBytes, uint32(min(files, math.MaxUint32))
	switch {
	case strings.HasSuffix(l.MediaType, "zstd"):
		f.codec = zstd
	case strings.HasSuffix(l.MediaType, "gzip"):
		f.codec = gzipped
	}
	return f
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
// where there is one, and tokens before them. Of an image that is stored only the
// check is left. All but the tokens and the check have bodies.
func (w *world) requests(c *class, image int, stored bool) (all, bodies int) {
	n := int(c.Pull.ResolveRequests.Value)
	if stored {
		n = int(c.Pull.RepeatRequests.Value)
	} else if w.indexed[image] {
		n++
	}
	return n + int(c.Network.TokenRequests.Value), max(0, n-1)
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
	// unpacked is the unpacked size of those to unpack, in bytes.
	unpacked int64
}

// unit is one layer to unpack.
type unit struct {
	layer, chain int32
	// from is its place in fetch; none when the blob is present or comes by
	// another pull.
	from int32
	// slot: it has one of unpack.maxConcurrent, on a node.
	slot bool
}

const none = -1

// template is what starts that are alike share.
type template struct {
	app     string
	policy  string
	names   []string
	held    []int
	cacheID string
	class   *class
	// never: images that are absent are not pulled.
	never bool
	pulls []imagePull
	only  [1]imagePull // its room where there is one
	// chains are those of all images, each once; on an instance of its own that
	// begins with what is held, so many are reused and missing, and so many bytes
	// are on the cache's disk.
	chains          []int32
	reused, missing int32
	firstReadBytes  int64
}

// imagePull is one of a template's images.
type imagePull struct {
	image int
	// again: it is asked for though present.
	again bool
	// On an instance of its own: its steps, and whether it is present with its
	// manifest and all its layers.
	steps  *steps
	stored bool
}

// skip: it is not pulled.
func (p *imagePull) skip() bool { return p.stored && !p.again }

// follow makes t, which is empty, the template of s.
func (w *world) follow(t *template, s *Start) {
	c := w.classes[s.NodeClass]
	t.app, t.policy, t.cacheID, t.class = s.App, s.PullPolicy, s.CacheID, c
	t.never = s.PullPolicy == "Never"
	if s.CacheID != "" {
		t.held = slices.Clone(s.Held)
	}
	if i := s.Images[0]; len(s.Images) == 1 && len(t.held) == 0 {
		t.names, t.pulls = w.names[i:i+1:i+1], t.only[:]
		t.pulls[0] = w.imagePull(s, i)
		t.chains = w.chainIDs[i]
		t.missing = int32(len(t.chains))
		return
	}
	t.names, t.pulls = make([]string, len(s.Images)), make([]imagePull, len(s.Images))
	for k, i := range s.Images {
		t.names[k], t.pulls[k] = w.names[i], w.imagePull(s, i)
	}
	w.plan(t)
}

func (w *world) imagePull(s *Start, i int) imagePull {
	return imagePull{image: i, again: w.asksAgain(s, i), steps: &w.cold[i]}
}

// plan works out what an instance of its own does.
func (w *world) plan(t *template) {
	chains, blobs, images := map[int32]bool{}, map[int32]bool{}, map[int]bool{}
	keep := t.class.Pull.KeepBlobs.Value
	for _, i := range t.held {
		images[i] = true
		for j, l := range w.inv.Images[i].Layers {
			chains[w.chainIDs[i][j]] = true
			if keep {
				blobs[int32(l)] = true
			}
		}
	}
	counted := map[int32]bool{}
	for _, p := range t.pulls {
		for _, c := range w.chainIDs[p.image] {
			if counted[c] {
				continue
			}
			counted[c] = true
			t.chains = append(t.chains, c)
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
	for k := range t.pulls {
		p := &t.pulls[k]
		p.steps = &steps{}
		w.addSteps(p.steps, p.image, func(c int32) bool { return chains[c] }, func(l int32) bool { return blobs[l] })
		p.stored = images[p.image] && len(p.steps.units) == 0
		if k == len(t.pulls)-1 {
			break // nothing is asked of what the last one brings
		}
		images[p.image] = true
		for _, u := range p.steps.units {
			chains[u.chain] = true
			if keep {
				blobs[u.layer] = true
			}
		}
	}
}

// addSteps lists what pulling an image asks for.
func (w *world) addSteps(p *steps, image int, hasChain, hasBlob func(int32) bool) {
	for j, l := range w.inv.Images[image].Layers {
		c := w.chainIDs[image][j]
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
		p.units = append(p.units, unit{layer: layer, chain: c, from: from})
		p.unpacked += w.layers[l].unpacked
	}
}
