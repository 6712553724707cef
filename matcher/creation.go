package matcher

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// CreationKind is the kind of a saved Creation.
const CreationKind = "Creation"

// NewCache is a cache that is to be created.
type NewCache struct {
	// Groups are the images that are started together, each group's in one cache
	// where it has no more than a cache can hold. An image may be in several.
	Groups [][]string
	// SizeGiB is the size to create it with, a whole number; 0 takes the smallest
	// that holds it.
	SizeGiB float64
	// Region, Architecture and OSType are those of the cache; empty matches any,
	// and the Matcher's platform where it has one.
	Region, Architecture, OSType string
}

// CreationWork is what making a cache takes to do.
type CreationWork struct {
	// Images are pulled one after another (eci §6 #19).
	Images []string
	// Held are positions in the Inventory of the images that the base holds; nil
	// without reuse.
	Held    []int
	SizeGiB float64
	// Flash makes the cache usable from a local snapshot (eci §1.7).
	Flash bool
}

// CreationTimes tells how long a creation takes until the cache is Ready and what
// it costs; nil where that is unknown.
type CreationTimes func(CreationWork) (until *time.Duration, price *cost.Money)

// Creation says what creating a cache of some images comes to.
type Creation struct {
	// Policies are the readings of undocumented rules that were used.
	Policies map[string]string `json:"policies"`
	// At is the time as of which caches were looked at.
	At time.Time `json:"at"`
	// Caches are those to create: one, or several where one cannot hold all.
	Caches []CreatedCache `json:"caches"`
	// Split says why there are several.
	Split string `json:"split,omitempty"`
	// Repeated counts images that were named more than once.
	Repeated int `json:"repeated,omitempty"`
}

// CreatedCache is one cache to create.
type CreatedCache struct {
	Images []string `json:"images"`
	// UnpackedBytes must fit; EstimatedBytes of them are estimated.
	UnpackedBytes  int64 `json:"unpackedBytes"`
	EstimatedBytes int64 `json:"estimatedBytes,omitempty"`
	// UnknownLayers have no unpacked size and are missing from UnpackedBytes;
	// AssumedBytes is what they are taken to have, AssumedUnpackRatio times their
	// compressed size.
	UnknownLayers int   `json:"unknownLayers,omitempty"`
	AssumedBytes  int64 `json:"assumedBytes,omitempty"`
	// SizeGiB is the size asked for, or else SuggestedGiB: the smallest that holds
	// the images with headroom, AssumedBytes among them; it is above MaxCacheGiB
	// where no cache holds them. ThumbGiB is the vendor's rule of thumb, twice the
	// images' compressed size (eci §1.4).
	SizeGiB      float64 `json:"sizeGiB"`
	SuggestedGiB float64 `json:"suggestedGiB"`
	ThumbGiB     float64 `json:"thumbGiB"`
	// Fails says why the creation fails, by measured bytes alone; empty when it does
	// not.
	Fails string `json:"fails,omitempty"`
	// MayFail says why it fails if EstimatedBytes and AssumedBytes are right; empty
	// when it does not, or fails anyhow.
	MayFail string `json:"mayFail,omitempty"`
	// Bases are the caches whose layers are reused: one, unless policy
	// reuse-several is true; none where no cache shares a byte.
	Bases []string `json:"bases,omitempty"`
	// Overlap is what the bases hold: layers present by digest are not downloaded
	// again.
	Overlap Overlap `json:"overlap"`
	// Candidates are the first of the caches that share a byte, in the order of
	// policy reuse-base, those that cannot be used last. MoreCandidates counts the
	// rest of them.
	Candidates     []BaseCandidate `json:"candidates,omitempty"`
	MoreCandidates int             `json:"moreCandidates,omitempty"`
	// Times are the four variants: without and with reuse, without and with Flash.
	Times []CreationTime `json:"times"`
}

// BaseCandidate is a cache that might be reused, with the keys that placed it.
type BaseCandidate struct {
	CacheID string `json:"cacheId" document:"required"`
	Usable  bool   `json:"usable"`
	// Reason says why it is not usable.
	Reason string `json:"reason,omitempty"`
	// SharedBytes are compressed bytes of layers that it holds by digest,
	// SharedUnpackedBytes are unpacked bytes that it holds by chain.
	SharedBytes         int64 `json:"sharedBytes"`
	SharedUnpackedBytes int64 `json:"sharedUnpackedBytes"`
	SharedLayers        int   `json:"sharedLayers"`
	// FullImages and RepositoryImages are the match degree as a Candidate has it.
	FullImages       int       `json:"fullImages"`
	RepositoryImages int       `json:"repositoryImages"`
	CreationTime     time.Time `json:"creationTime"`
	Automatic        bool      `json:"automatic,omitempty"`
}

// CreationTime is one variant of a creation.
type CreationTime struct {
	Reuse bool `json:"reuse"`
	Flash bool `json:"flash"`
	// Until is the time until the cache is Ready; absent when unknown. It is
	// estimated.
	Until *time.Duration `json:"untilSeconds,omitempty"`
	// Cost is what the creation costs; absent when unknown.
	Cost *cost.Money `json:"cost,omitempty"`
}

// ReadCreation reads a Creation from the bytes of the file called name.
func ReadCreation(name string, data []byte) (*Creation, error) {
	var c Creation
	if err := document.Read(name, data, CreationKind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Create says what creating the cache comes to: of which existing cache it would
// reuse layers (AutoMatchImageCache of CreateImageCache, eci §1.8), what is not
// downloaded again, how long it takes, and whether the images fit. More than
// MaxCacheImages images are split. Every image must be in the Inventory.
func (m *Matcher) Create(c NewCache, caches []Cache, times CreationTimes) (*Creation, error) {
	if err := checkSize(c.SizeGiB); err != nil {
		return nil, fmt.Errorf("create a cache: %w", err)
	}
	named, distinct := 0, make(map[string]bool)
	for _, group := range c.Groups {
		for _, ref := range group {
			if m.find(ref, m.at) < 0 {
				return nil, fmt.Errorf("create a cache: image %s is not in the inventory for %s: name it to be looked up", ref, cmp.Or(m.platform, "any platform"))
			}
			named++
			distinct[ref] = true
		}
	}
	if named == 0 {
		return nil, fmt.Errorf("create a cache: no image is named")
	}
	creation := &Creation{Policies: m.policy.Map(), At: m.at, Repeated: named - len(distinct)}
	sets := m.split(c.Groups)
	if len(sets) > 1 {
		creation.Split = fmt.Sprintf("a cache holds at most %d images: %d images make %d caches; those that share most layers are together", // eci §1.4
			MaxCacheImages, len(distinct), len(sets))
	}
	p := m.compared(caches)
	for _, images := range sets {
		creation.Caches = append(creation.Caches, p.create(&c, images, times))
	}
	return creation, nil
}

func (p *Picker) create(c *NewCache, images []string, times CreationTimes) CreatedCache {
	created := CreatedCache{Images: images}
	need := p.m.images(images)
	p.m.fit(c.SizeGiB, need, &created)
	group := p.m.placed(Group{Images: images, Region: c.Region, Architecture: c.Architecture, OSType: c.OSType})
	bases := p.bases(&group, need)
	var held []int
	for _, b := range p.reused(need, bases) {
		created.Bases = append(created.Bases, p.caches[b.cache].ID)
		held = append(held, p.contents(b.cache)...)
	}
	created.Overlap = p.m.overlap(need, p.m.store(held))
	for _, b := range bases[:min(maxCandidates, len(bases))] {
		created.Candidates = append(created.Candidates, b.BaseCandidate)
	}
	created.MoreCandidates = len(bases) - len(created.Candidates)
	for _, variant := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		work := CreationWork{Images: images, SizeGiB: created.SizeGiB, Flash: variant[1]}
		if variant[0] {
			work.Held = held
		}
		t := CreationTime{Reuse: variant[0], Flash: variant[1]}
		if times != nil {
			t.Until, t.Cost = times(work)
		}
		created.Times = append(created.Times, t)
	}
	return created
}

// base is a cache that shares a byte with a new one.
type base struct {
	cache int
	BaseCandidate
}

// contents are the images of the Inventory that a cache holds, as of when it was
// built.
func (p *Picker) contents(cache int) []int {
	var images []int
	for _, h := range p.held[cache] {
		if h.content >= 0 {
			images = append(images, h.content)
		}
	}
	return images
}

// bases are the caches that share a byte with the images, in the order of policy
// reuse-base; those that cannot be used last. Manual and automatic caches alike may
// lend layers (not documented).
func (p *Picker) bases(g *Group, need []int) []base {
	wanted, lending := p.m.wanted(g), p.m.lending(need)
	var bases []base
	for i := range p.caches {
		c := &p.caches[i]
		shared := lending.of(p.contents(i))
		if shared.compressedBytes == 0 && shared.chains == 0 {
			continue
		}
		b := base{cache: i, BaseCandidate: BaseCandidate{
			CacheID: c.ID, SharedBytes: shared.compressedBytes, SharedUnpackedBytes: shared.unpackedBytes,
			SharedLayers: shared.blobs, CreationTime: c.CreationTime, Automatic: c.Automatic, Reason: p.words(&query{group: *g}, &rival{cache: i, refusal: p.barred(g, c)}),
		}}
		b.Usable = b.Reason == ""
		for k := range wanted {
			switch best, _ := p.agreement(&wanted[k], p.held[i]); best {
			case sameImage:
				b.FullImages++
			case sameRepository:
				b.RepositoryImages++
			}
		}
		bases = append(bases, b)
	}
	slices.SortFunc(bases, p.m.compareBases)
	return bases
}

// compareBases orders by policy reuse-base; what that leaves equal goes by shared
// bytes, then the newest, then the ID.
func (m *Matcher) compareBases(x, y base) int {
	if c := boolCompare(x.Usable, y.Usable); c != 0 {
		return c
	}
	first := 0
	switch m.policy.Base {
	case baseDegree:
		first = cmp.Or(cmp.Compare(y.FullImages, x.FullImages), cmp.Compare(y.RepositoryImages, x.RepositoryImages))
	case baseNewest:
		first = y.CreationTime.Compare(x.CreationTime)
	}
	return cmp.Or(first, cmp.Compare(y.SharedBytes, x.SharedBytes), cmp.Compare(y.SharedUnpackedBytes, x.SharedUnpackedBytes),
		y.CreationTime.Compare(x.CreationTime), strings.Compare(x.CacheID, y.CacheID), cmp.Compare(x.cache, y.cache))
}

// boolCompare orders true before false.
func boolCompare(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// reused are the usable bases whose layers are taken: the first, and where
// several may be (policy reuse-several), each further one that spares bytes.
func (p *Picker) reused(need []int, bases []base) []base {
	var taken []base
	var held []int
	left := int64(-1)
	for _, b := range bases {
		if !b.Usable {
			break
		}
		more := slices.Concat(held, p.contents(b.cache))
		o := p.m.overlap(need, p.m.store(more))
		if left >= 0 && o.ByDigest.FetchBytes == left {
			continue
		}
		taken, held, left = append(taken, b), more, o.ByDigest.FetchBytes
		if !p.m.policy.ReuseSeveral || left == 0 {
			break
		}
	}
	return taken
}
