package matcher

import (
	"time"

	"github.com/cachebench/cachebench/layers"
)

// A Matcher answers for the images of one Inventory on one platform as of one
// time. It remembers names, so it is not safe for concurrent use.
type Matcher struct {
	inv      *layers.Inventory
	lookup   *layers.Lookup
	chains   *layers.Chains
	platform string
	at       time.Time
	policy   Policy
	names    map[string]layers.Name
}

// New prepares matching of the Inventory's images on platform (empty: the first
// listed) as of at, under policy.
func New(inv *layers.Inventory, platform string, at time.Time, policy Policy) *Matcher {
	return &Matcher{inv, inv.Lookup(), inv.Chains(), platform, at, policy, make(map[string]layers.Name)}
}

// Policy returns the policies that the Matcher answers under.
func (m *Matcher) Policy() Policy { return m.policy }

// find returns the image that reference means at time at, or -1.
func (m *Matcher) find(reference string, at time.Time) int {
	return m.lookup.Find(reference, m.platform, at)
}

// name normalises a reference; one that does not parse matches only itself.
func (m *Matcher) name(reference string) layers.Name {
	n, ok := m.names[reference]
	if !ok {
		var err error
		if n, err = layers.ParseName(reference); err != nil {
			n = layers.Name{Repository: reference}
		}
		n = n.At(m.policy.Aliases)
		m.names[reference] = n
	}
	return n
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

// Held returns the images of the Inventory that a start with this pull policy
// finds in a cache: what each reference meant when the cache was built. A
// reference that means another digest by now is used as it is, stale, unless the
// policy is to ask the registry (eci §6 #11); then only the layers of its older
// content are of use, where the Inventory knows them.
func (m *Matcher) Held(c *Cache, pullPolicy string) []int {
	digests := make(map[string]string, len(c.Contents))
	for _, content := range c.Contents {
		digests[content.Reference] = content.Digest
	}
	var images []int
	for _, ref := range c.Images {
		i := m.content(ref, digests[ref], c.CreationTime)
		if now := m.find(ref, m.at); now >= 0 && !m.asks(ref, pullPolicy) {
			i = now
		}
		if i >= 0 {
			images = append(images, i)
		}
	}
	return images
}

// asks says whether a pull asks the registry though the reference is present.
func (m *Matcher) asks(reference, pullPolicy string) bool {
	if pullPolicy != "" {
		return pullPolicy == "Always"
	}
	n := m.name(reference)
	return n.Digest == "" && n.Tag == "latest"
}

func (m *Matcher) content(reference, digest string, created time.Time) int {
	if digest != "" {
		for i, img := range m.inv.Images {
			if string(img.Digest) == digest || string(img.IndexDigest) == digest && img.Platform == m.platform {
				return i
			}
		}
		return -1
	}
	if i := m.find(reference, created); i >= 0 {
		return i
	}
	return m.find(reference, m.at)
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

// hit says what the share of unpacked layers means for a start.
func (o *Overlap) hit() Hit {
	switch {
	case o.ByChain.MissingLayers == 0:
		return FullHit
	case o.ByChain.PresentLayers > 0:
		return PartialHit
	}
	return Miss
}
