package matcher

import (
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// Which cache is picked goes by names: repository and version, as eci §1.9 words
// the match degree. Layers play no part (eci §0, point 9). Names are numbered
// once, so that comparing them is comparing numbers.

// wantedImage is a reference of a group, as it is compared.
type wantedImage struct {
	reference string
	version
	// image is what the reference means now, in the Inventory; -1 when unknown.
	image int
	// asks says that a pull asks the registry though the reference is present.
	asks bool
	// never says that it is not pulled at all.
	never bool
}

// heldImage is an image of a cache, as it is compared.
type heldImage struct {
	reference string
	version
	// content is what the reference meant when the cache was built, in the
	// Inventory; -1 when unknown.
	content int
	// stale says that it means something else by now.
	stale bool
}

// version is a reference in numbers: its repository; its tag in that repository,
// none (0) for a reference by digest; and the digests that it is known to mean,
// of a wanted reference now, of a held one when its cache was built.
type version struct {
	repository, tag int32
	digests         []int32
}

// numbers gives equal texts equal numbers, above 0.
type numbers map[string]int32

func (n numbers) of(text string) int32 {
	id, ok := n[text]
	if !ok {
		id = int32(len(n) + 1)
		n[text] = id
	}
	return id
}

// name normalises a reference; one that does not parse matches only itself.
func (m *Matcher) name(reference string) layers.Name {
	n, ok := m.names[reference]
	if !ok {
		var err error
		if n, err = layers.ParseName(reference); err != nil {
			n = layers.Name{Repository: reference}
		}
		n = m.aliased(n)
		m.names[reference] = n
	}
	return n
}

// aliased is a name in the registry that is compared: the user's alias for it,
// and where the names of one registry are taken as one, its public name or that
// one's alias.
func (m *Matcher) aliased(n layers.Name) layers.Name {
	if _, ok := m.policy.Aliases[n.Registry]; !ok && m.policy.Registries == registriesEqual {
		n.Registry = publicName(n.Registry)
	}
	return n.At(m.policy.Aliases)
}

// publicName is the public name of an Alibaba Cloud registry that is reached by
// its name in a VPC (the forms of eci §1.11); any other name stays.
func publicName(registry string) string {
	switch {
	case strings.HasPrefix(registry, "registry-vpc.") && strings.HasSuffix(registry, ".aliyuncs.com"):
		return "registry." + strings.TrimPrefix(registry, "registry-vpc.")
	case strings.HasSuffix(registry, ".cr.aliyuncs.com"):
		return strings.Replace(registry, "-registry-vpc.", "-registry.", 1)
	case strings.HasSuffix(registry, ".ack.aliyuncs.com"):
		return strings.Replace(registry, "-vpc.ack.", ".ack.", 1)
	}
	return registry
}

// version numbers a reference. The digests are those of the image at position
// image, of its index, and the reference's own.
func (m *Matcher) version(reference, digest string, image int) version {
	n := m.name(reference)
	repository := n.RepositoryName()
	v := version{repository: m.repositories.of(repository)}
	if n.Digest == "" {
		v.tag = m.tags.of(repository + ":" + n.Tag)
	}
	add := func(digest string) {
		if digest == "" {
			return
		}
		if id := m.digests.of(digest); !slices.Contains(v.digests, id) {
			v.digests = append(v.digests, id)
		}
	}
	add(string(n.Digest))
	add(digest)
	if image >= 0 {
		add(string(m.inv.Images[image].Digest))
		add(string(m.inv.Images[image].IndexDigest))
	}
	return v
}

// wanted are the references of a group, each once; init containers' first.
func (m *Matcher) wanted(g *Group) []wantedImage {
	refs := slices.Concat(g.InitImages, g.Images)
	wanted := make([]wantedImage, 0, len(refs))
	for i, ref := range refs {
		if slices.Contains(refs[:i], ref) {
			continue
		}
		image := m.find(ref, m.at)
		wanted = append(wanted, wantedImage{
			reference: ref, version: m.version(ref, "", image), image: image,
			asks: m.asks(ref, g.PullPolicy), never: g.PullPolicy == "Never",
		})
	}
	return wanted
}

// counted are the wanted images that count in the match degree.
func (m *Matcher) counted(g *Group, wanted []wantedImage) []wantedImage {
	if m.policy.InitImages == initCount {
		return wanted
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(w wantedImage) bool {
		return !slices.Contains(g.Images, w.reference)
	})
}

// heldKey is what decides what a cache's reference holds.
type heldKey struct {
	reference, digest string
	created           time.Time
}

// held is the image of a cache behind one of its references.
func (m *Matcher) held(c *Cache, reference string) heldImage {
	key := heldKey{reference: reference, created: c.CreationTime}
	for _, content := range c.Contents {
		if content.Reference == reference {
			key.digest = content.Digest
		}
	}
	if h, ok := m.known[key]; ok {
		return h
	}
	content := m.content(reference, key.digest, c.CreationTime)
	h := heldImage{reference: reference, content: content, version: m.version(reference, key.digest, content)}
	if now := m.find(reference, m.at); now >= 0 && len(h.digests) > 0 {
		h.stale = !common(h.digests, m.version(reference, "", now).digests)
	}
	m.known[key] = h
	return h
}

// content is what a cache's reference meant when it was built, in the Inventory:
// by the digest where it is known, else by the time of creation; -1 when unknown.
func (m *Matcher) content(reference, digest string, created time.Time) int {
	if digest != "" {
		return m.byDigest(digest)
	}
	if i := m.find(reference, created); i >= 0 {
		return i
	}
	return m.find(reference, m.at)
}

// asks says whether a pull asks the registry though the reference is present.
func (m *Matcher) asks(reference, pullPolicy string) bool {
	switch {
	case pullPolicy != "":
		return pullPolicy == "Always"
	case m.policy.PullPolicy == pullFresh:
		return true
	case m.policy.PullPolicy == pullPresent:
		return false
	}
	n := m.name(reference)
	return n.Digest == "" && n.Tag == "latest"
}

// How far a cache holds an image by name.
const (
	noImage = iota
	sameRepository
	sameImage
)

// agreement compares what is wanted with one image held. A reference by digest
// agrees with any reference to that digest, as a runtime that pulled a tag knows
// the image by its digest too.
func (m *Matcher) agreement(w *wantedImage, h *heldImage) int {
	switch {
	case h.repository != w.repository:
		return noImage
	case w.tag != 0 && h.tag == w.tag:
		if h.stale && m.policy.StaleTags == staleDiffer {
			return sameRepository
		}
		return sameImage
	case (w.tag == 0 || h.tag == 0) && common(w.digests, h.digests):
		return sameImage
	}
	return sameRepository
}

func common(x, y []int32) bool {
	for _, a := range x {
		if slices.Contains(y, a) {
			return true
		}
	}
	return false
}

// present says that a runtime finds what is wanted under its own name, so that
// IfNotPresent pulls nothing.
func present(w *wantedImage, h *heldImage) bool {
	if h.repository != w.repository {
		return false
	}
	return w.tag != 0 && h.tag == w.tag || w.tag == 0 && common(w.digests, h.digests)
}

// holds says that one of the images held is what is wanted under its own name.
func holds(held []heldImage, w *wantedImage) bool {
	return slices.ContainsFunc(held, func(h heldImage) bool { return present(w, &h) })
}
