package matcher

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// A Matcher answers for the images of one Inventory on one platform as of one
// time. It remembers names, so it is not safe for concurrent use.
type Matcher struct {
	// BuildTime, when not nil, is how long making a cache of these images takes
	// until it is Ready; without it a Match tells no such time.
	BuildTime func(images []string, sizeGiB float64) time.Duration

	inv      *layers.Inventory
	lookup   *layers.Lookup
	chains   *layers.Chains
	platform string
	at       time.Time
	policy   Policy

	names                       map[string]layers.Name
	repositories, tags, digests numbers
	known                       map[heldKey]heldImage
	positions                   map[string]int
	// forms are the references of the Inventory by name; nil until asked for.
	forms   map[layers.Name][]string
	scratch scratch
}

// New prepares matching of the Inventory's images on platform (empty: the first
// listed) as of at, under policy.
func New(inv *layers.Inventory, platform string, at time.Time, policy Policy) *Matcher {
	m := &Matcher{inv: inv, lookup: inv.Lookup(), chains: inv.Chains(), platform: platform, at: at, policy: policy}
	m.forget()
	return m
}

// forget starts anew to number names.
func (m *Matcher) forget() {
	m.names, m.known = make(map[string]layers.Name), make(map[heldKey]heldImage)
	m.repositories, m.tags, m.digests = make(numbers), make(numbers), make(numbers)
}

// Policy returns the policies that the Matcher answers under.
func (m *Matcher) Policy() Policy { return m.policy }

// find returns the image that reference means at time at, or -1: the Inventory's
// under the reference as it is written, else the one of its digest, else one under
// another form of its name.
func (m *Matcher) find(reference string, at time.Time) int {
	if i := m.lookup.Find(reference, m.platform, at); i >= 0 {
		return i
	}
	n := m.contentName(reference)
	if n.Digest != "" {
		return m.byDigest(string(n.Digest))
	}
	m.learnForms()
	for _, form := range m.forms[n] {
		if i := m.lookup.Find(form, m.platform, at); i >= 0 {
			return i
		}
	}
	return -1
}

// contentName is what references to one content have in common: the public and the
// VPC name of a registry serve the same layers, whether or not matching takes them
// as one (eci §1.11).
func (m *Matcher) contentName(reference string) layers.Name {
	n := m.name(reference)
	n.Registry = publicName(n.Registry)
	return n
}

// learnForms collects the references of the Inventory by name.
func (m *Matcher) learnForms() {
	if m.forms != nil {
		return
	}
	m.forms = make(map[layers.Name][]string, len(m.inv.Images))
	for i := range m.inv.Images {
		ref := m.inv.Images[i].Reference
		n := m.contentName(ref)
		if !slices.Contains(m.forms[n], ref) {
			m.forms[n] = append(m.forms[n], ref)
		}
	}
}

// byDigest returns the image whose manifest has the digest, or the one of the
// platform (the first listed where none is given) whose index has it; else -1.
func (m *Matcher) byDigest(digest string) int {
	if m.positions == nil {
		m.positions = make(map[string]int, 2*len(m.inv.Images))
		for i := len(m.inv.Images) - 1; i >= 0; i-- {
			img := &m.inv.Images[i]
			m.positions[string(img.Digest)] = i
			if img.IndexDigest != "" && (m.platform == "" || img.Platform == m.platform) {
				m.positions[string(img.IndexDigest)] = i
			}
		}
	}
	if i, ok := m.positions[digest]; ok {
		return i
	}
	return -1
}

// store is what a node, a cache or a disk holds.
type store struct {
	layers map[int]bool
	chains map[int]bool
}

func (m *Matcher) store(images []int) store {
	s := store{make(map[int]bool), make(map[int]bool)}
	for _, i := range images {
		for j, l := range m.inv.Images[i].Layers {
			s.layers[l] = true
			s.chains[m.chains.Images[i][j]] = true
		}
	}
	return s
}

// Finds returns the images of the Inventory that a start of g finds in a cache:
// what each reference meant when the cache was built; and an image of g that is
// there under its own name and that the pull policy does not ask the registry
// for, which is used as it is, stale or not (eci §6 #11).
func (m *Matcher) Finds(g Group, c *Cache) []int {
	held := make([]heldImage, len(c.Images))
	for i, ref := range c.Images {
		held[i] = m.held(c, ref)
	}
	return m.heldImages(m.wanted(&g), held)
}

// Held returns the images that a start with this pull policy, which wants all
// that the cache holds, finds in it.
func (m *Matcher) Held(c *Cache, pullPolicy string) []int {
	return m.Finds(Group{Images: c.Images, PullPolicy: pullPolicy}, c)
}

func (m *Matcher) images(references []string) []int {
	var images []int
	for _, ref := range references {
		if i := m.find(ref, m.at); i >= 0 {
			images = append(images, i)
		}
	}
	return images
}

// Overlap says what a store that holds the images held spares the images need;
// both are references, those that the Inventory lacks are left out.
func (m *Matcher) Overlap(need, held []string) Overlap {
	return m.overlap(m.images(need), m.store(m.images(held)))
}

func (m *Matcher) overlap(need []int, s store) Overlap {
	var o Overlap
	wanted := make(map[int]bool)
	fetched := make(map[int]bool)
	chain := make(map[int]bool)
	for _, i := range need {
		for j, l := range m.inv.Images[i].Layers {
			c := m.chains.Images[i][j]
			if chain[c] {
				// A second image's layer above the same layers is unpacked already,
				// whatever its blob: also one of another digest is not fetched.
				continue
			}
			chain[c] = true
			layer := &m.inv.Layers[l]
			o.addChain(layer, s.chains[c])
			if !wanted[l] {
				wanted[l] = true
				o.addBlob(layer, s.layers[l])
			}
			if !s.chains[c] && !fetched[l] {
				fetched[l] = true
				o.ByChain.FetchBytes += layer.CompressedBytes
			}
		}
	}
	o.ByDigest.UnpackBytes = o.UnpackedBytes
	o.ByChain.PresentBytes = o.CompressedBytes - o.ByChain.FetchBytes
	return o
}

// addBlob counts a distinct stored blob. A blob that is present must still be
// unpacked: ByDigest.UnpackBytes is the whole need.
func (o *Overlap) addBlob(l *layers.Layer, present bool) {
	o.Layers++
	o.CompressedBytes += l.CompressedBytes
	if present {
		o.ByDigest.PresentLayers++
		o.ByDigest.PresentBytes += l.CompressedBytes
	} else {
		o.ByDigest.MissingLayers++
		o.ByDigest.FetchBytes += l.CompressedBytes
	}
}

// addChain counts a distinct chain.
func (o *Overlap) addChain(l *layers.Layer, present bool) {
	unpacked := int64(0)
	if l.UnpackedBytes != nil {
		unpacked = *l.UnpackedBytes
	} else {
		o.UnknownLayers++
	}
	o.UnpackedBytes += unpacked
	if present {
		o.ByChain.PresentLayers++
		return
	}
	o.ByChain.MissingLayers++
	o.ByChain.UnpackBytes += unpacked
}

// hit says what a start finds that wants images where others are held: by unpacked
// layers, and of an image that the Inventory lacks by whether it is used as it is.
// What else is there of such an image is not known and not counted.
func (o *Overlap) hit(wanted []wantedImage, held []heldImage) Hit {
	found, missing := o.ByChain.PresentLayers > 0, o.ByChain.MissingLayers > 0
	for k := range wanted {
		w := &wanted[k]
		switch {
		case w.image >= 0:
		case !w.asks && holds(held, w):
			found = true
		default:
			missing = true
		}
	}
	switch {
	case !missing:
		return FullHit
	case found:
		return PartialHit
	}
	return Miss
}
