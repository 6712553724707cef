package matcher

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// Candidate is one cache with the keys that placed it.
type Candidate struct {
	CacheID string `json:"cacheId" document:"required"`
	// Qualified caches may be picked; Reason says why another may not.
	Qualified bool   `json:"qualified"`
	Reason    string `json:"reason,omitempty"`
	// PlacedBy is the key that places it behind the candidate before it; empty
	// for the first.
	PlacedBy string `json:"placedBy,omitempty" document:"enum=qualification|match degree|kind|size|creation time|tie rule"`
	// FullImages counts the group's images that the cache holds by repository
	// and tag or digest.
	FullImages int `json:"fullImages"`
	// RepositoryImages counts further images of which it holds another version.
	RepositoryImages int `json:"repositoryImages"`
	// SizeGiB is the cache's size.
	SizeGiB float64 `json:"sizeGiB"`
	// SizeDistanceGiB is how far the cache's size is from the instance's
	// temporary storage; used when policy size is closest.
	SizeDistanceGiB float64 `json:"sizeDistanceGiB"`
	// MatchedBytes are compressed bytes of the fully matched images.
	MatchedBytes int64     `json:"matchedBytes"`
	CreationTime time.Time `json:"creationTime"`
	Automatic    bool      `json:"automatic,omitempty"`
	// LayerFraction is the share of the group's compressed bytes whose layers
	// the cache holds by chain; reported beside the degree, not used in it unless
	// policy degree is layers.
	LayerFraction float64 `json:"layerFraction"`
	// Images say how far it holds each image of the group, and Lacks which layers
	// would still be pulled, in the group's order; both only in an explanation.
	Images []CandidateImage `json:"images,omitempty"`
	Lacks  []LackedLayer    `json:"lacks,omitempty"`
}

// CandidateImage says how far a cache holds one image of a group.
type CandidateImage struct {
	Reference string `json:"reference" document:"required"`
	// Agreement is by name: the image, another version of its repository, or
	// nothing.
	Agreement string `json:"agreement" document:"enum=image|repository|none"`
	// Held is the cache's reference that agrees.
	Held string `json:"held,omitempty"`
	// Stale says that the cache holds what the tag meant before it moved.
	Stale bool `json:"stale,omitempty"`
	// Uncounted images play no part in the match degree (policy init-images).
	Uncounted bool `json:"uncounted,omitempty"`
}

// LackedLayer is a layer that a cache does not spare a group.
type LackedLayer struct {
	// Reference is the first of the group's images that needs the layer.
	Reference string        `json:"reference" document:"required"`
	Digest    layers.Digest `json:"digest" document:"required"`
	// CompressedBytes are to be downloaded; absent where the blob is present and
	// only the unpacking is left.
	CompressedBytes int64 `json:"compressedBytes,omitempty"`
	// UnpackedBytes are to be unpacked; absent when unknown.
	UnpackedBytes *int64 `json:"unpackedBytes,omitempty"`
	// CreatedBy is the build step that made the layer.
	CreatedBy string `json:"createdBy,omitempty"`
}

// The keys by which candidates are placed, in ECI's order (eci §1.9), the last
// of eci §6 #6.
const (
	keyQualified = "qualification"
	keyDegree    = "match degree"
	keyKind      = "kind"
	keySize      = "size"
	keyCreation  = "creation time"
	keyTie       = "tie rule"
)

// rival is a cache in the comparison for one group: its keys in numbers, without
// the words of a Candidate.
type rival struct {
	// cache is its position in the list.
	cache        int
	refusal      refusal
	full         int
	repositories int
	fullByLayers int
	distanceGiB  float64
	// matchedBytes and layerFraction are counted only where a comparison comes to
	// them, or a Candidate shows them; matchedBytes is -1 until then.
	matchedBytes  int64
	layerFraction float64
}

// compare orders by qualified, match degree, kind, size, newest, and the tie
// rule, and returns the key that decides.
func (p *Picker) compare(q *query, x, y *rival) (order int, key string) {
	a, b := &p.caches[x.cache], &p.caches[y.cache]
	if c := cmp.Compare(min(x.refusal, 1), min(y.refusal, 1)); c != 0 {
		return c, keyQualified
	}
	if c := p.compareDegree(x, y); c != 0 {
		return c, keyDegree
	}
	if c := p.compareKind(a.Automatic, b.Automatic); c != 0 {
		return c, keyKind
	}
	if c := p.compareSize(x, y); c != 0 {
		return c, keySize
	}
	if c := b.CreationTime.Compare(a.CreationTime); c != 0 {
		return c, keyCreation
	}
	return p.compareTie(q, x, y), keyTie
}

func (p *Picker) compareDegree(x, y *rival) int {
	switch {
	case p.m.policy.Degree == degreeLayers:
		return cmp.Compare(y.layerFraction, x.layerFraction)
	case p.m.policy.Repositories == repositoriesNone:
		return cmp.Compare(y.full, x.full)
	}
	return cmp.Or(cmp.Compare(y.full, x.full), cmp.Compare(y.repositories, x.repositories))
}

func (p *Picker) compareKind(x, y bool) int {
	if p.m.policy.Kinds == kindsEqual || x == y {
		return 0
	}
	if x == (p.m.policy.Kinds == kindsAuto) {
		return -1
	}
	return 1
}

func (p *Picker) compareSize(x, y *rival) int {
	if p.m.policy.Size == sizeMatchedBytes {
		return cmp.Compare(y.matchedBytes, x.matchedBytes)
	}
	return cmp.Compare(x.distanceGiB, y.distanceGiB)
}

// compareTie is the tie rule of eci §6 #6 in the policy's order; the ID, and
// where that is the same the position, is always last, so that an answer repeats.
func (p *Picker) compareTie(q *query, x, y *rival) int {
	a, b := &p.caches[x.cache], &p.caches[y.cache]
	last := cmp.Or(strings.Compare(a.ID, b.ID), cmp.Compare(x.cache, y.cache))
	if p.m.policy.Ties == tiesID {
		return last
	}
	p.countMatched(q, x)
	p.countMatched(q, y)
	matched, smaller := cmp.Compare(y.matchedBytes, x.matchedBytes), cmp.Compare(a.SizeGiB, b.SizeGiB)
	if p.m.policy.Ties == tiesSmaller {
		return cmp.Or(smaller, matched, last)
	}
	return cmp.Or(matched, smaller, last)
}

// rival counts what the keys of the cache at position i are for the query. The
// keys that need layers are left out unless a policy compares them.
func (p *Picker) rival(q *query, i int) rival {
	r := rival{cache: i, distanceGiB: math.Abs(p.caches[i].SizeGiB - q.storageGiB), matchedBytes: -1}
	held := p.held[i]
	for k := range q.counted {
		switch best, _ := p.agreement(&q.counted[k], held); best {
		case sameImage:
			r.full++
		case sameRepository:
			r.repositories++
		}
	}
	if p.byLayers {
		p.countLayers(q, &r)
	}
	if p.m.policy.Size == sizeMatchedBytes {
		p.countMatched(q, &r)
	}
	r.refusal = p.refusal(q, &r)
	return r
}

// agreement is how far held images agree with one that is wanted, and with which.
func (p *Picker) agreement(w *wantedImage, held []heldImage) (best, which int) {
	which = -1
	for k := range held {
		if a := p.m.agreement(w, &held[k]); a > best {
			best, which = a, k
		}
	}
	return best, which
}

// countMatched counts the distinct layers of the fully matched images, once.
func (p *Picker) countMatched(q *query, r *rival) {
	if r.matchedBytes >= 0 {
		return
	}
	r.matchedBytes = 0
	s := &p.m.scratch
	s.begin(p.m)
	for k := range q.counted {
		w := &q.counted[k]
		if w.image < 0 {
			continue
		}
		if a, _ := p.agreement(w, p.held[r.cache]); a != sameImage {
			continue
		}
		for _, l := range p.m.inv.Images[w.image].Layers {
			if s.blob(l) {
				r.matchedBytes += p.m.inv.Layers[l].CompressedBytes
			}
		}
	}
}

// countLayers counts the share of bytes present by chain, and the images whose
// every layer is.
func (p *Picker) countLayers(q *query, r *rival) {
	s := &p.m.scratch
	s.begin(p.m)
	p.markHeld(q, r.cache)
	total, fetch := int64(0), int64(0)
	r.fullByLayers = 0
	for k := range q.wanted {
		w := &q.wanted[k]
		if w.image < 0 {
			continue
		}
		whole := true
		for j, l := range p.m.inv.Images[w.image].Layers {
			chain, bytes := p.m.chains.Images[w.image][j], p.m.inv.Layers[l].CompressedBytes
			held := s.heldChain(chain)
			whole = whole && held
			if !s.chain(chain) {
				continue
			}
			if s.blob(l) {
				total += bytes
			}
			if !held && s.fetch(l) {
				fetch += bytes
			}
		}
		if whole && q.counts(w) {
			r.fullByLayers++
		}
	}
	r.layerFraction = 0
	if total > 0 {
		r.layerFraction = float64(total-fetch) / float64(total)
	}
}

// markHeld marks the chains that a start of the query finds in a cache.
func (p *Picker) markHeld(q *query, cache int) {
	for k := range p.held[cache] {
		h := &p.held[cache][k]
		if h.content >= 0 {
			p.m.scratch.hold(p.m.chains.Images[h.content])
		}
		for j := range q.wanted {
			if w := &q.wanted[j]; w.image >= 0 && w.image != h.content && !w.asks && present(w, h) {
				p.m.scratch.hold(p.m.chains.Images[w.image])
			}
		}
	}
}

// scratch marks layers and chains that were seen in one count, without
// allocating: a mark is of this count when it is the count's number.
type scratch struct {
	count                            uint32
	blobs, fetched, chains, heldMark []uint32
}

func (s *scratch) begin(m *Matcher) {
	if s.blobs == nil || s.count == math.MaxUint32 {
		s.count = 0
		s.blobs, s.fetched = make([]uint32, len(m.inv.Layers)), make([]uint32, len(m.inv.Layers))
		s.chains, s.heldMark = make([]uint32, len(m.chains.Parents)), make([]uint32, len(m.chains.Parents))
	}
	s.count++
}

// mark says whether i was not marked yet.
func (s *scratch) mark(marks []uint32, i int) bool {
	fresh := marks[i] != s.count
	marks[i] = s.count
	return fresh
}

func (s *scratch) blob(layer int) bool  { return s.mark(s.blobs, layer) }
func (s *scratch) fetch(layer int) bool { return s.mark(s.fetched, layer) }
func (s *scratch) chain(chain int) bool { return s.mark(s.chains, chain) }

func (s *scratch) hold(chains []int) {
	for _, c := range chains {
		s.heldMark[c] = s.count
	}
}

func (s *scratch) heldChain(chain int) bool { return s.heldMark[chain] == s.count }

// heldBlob says whether a layer was marked by blob.
func (s *scratch) heldBlob(layer int) bool { return s.blobs[layer] == s.count }

// candidate puts a rival into words.
func (p *Picker) candidate(q *query, r *rival) Candidate {
	c := &p.caches[r.cache]
	p.countLayers(q, r)
	p.countMatched(q, r)
	return Candidate{
		CacheID: c.ID, Qualified: r.refusal == qualified, Reason: p.words(q, r),
		FullImages: r.full, RepositoryImages: r.repositories, SizeGiB: c.SizeGiB, SizeDistanceGiB: r.distanceGiB,
		MatchedBytes: r.matchedBytes, CreationTime: c.CreationTime, Automatic: c.Automatic, LayerFraction: r.layerFraction,
	}
}

// explained adds to a candidate what it holds of each image, and what it lacks.
func (p *Picker) explained(q *query, r *rival) Candidate {
	c := p.candidate(q, r)
	held := p.held[r.cache]
	for k := range q.wanted {
		w := &q.wanted[k]
		image := CandidateImage{Reference: w.reference, Uncounted: !q.counts(w)}
		best, which := p.agreement(w, held)
		image.Agreement = []string{"none", "repository", "image"}[best]
		if which >= 0 {
			image.Held, image.Stale = held[which].reference, held[which].stale && held[which].tag == w.tag
		}
		c.Images = append(c.Images, image)
	}
	c.Lacks = p.m.lacks(q.wanted, p.m.heldBy(q.wanted, held))
	return c
}

// lacks lists the layers that s does not spare the wanted images.
func (m *Matcher) lacks(wanted []wantedImage, s store) []LackedLayer {
	var lacked []LackedLayer
	seen, fetched := make(map[int]bool), make(map[int]bool)
	for _, w := range wanted {
		if w.image < 0 {
			continue
		}
		for j, l := range m.inv.Images[w.image].Layers {
			chain := m.chains.Images[w.image][j]
			if s.chains[chain] || seen[chain] {
				continue
			}
			seen[chain] = true
			layer := &m.inv.Layers[l]
			lack := LackedLayer{Reference: w.reference, Digest: layer.Digest, UnpackedBytes: layer.UnpackedBytes, CreatedBy: layer.CreatedBy}
			if !s.layers[l] && !fetched[l] {
				fetched[l] = true
				lack.CompressedBytes = layer.CompressedBytes
			}
			lacked = append(lacked, lack)
		}
	}
	return lacked
}

// heldBy is what a start that wants these images finds in a cache's: what the
// references meant when it was built; and a wanted image that is present by its
// own name and not asked for again is used as it is, stale or not (eci §6 #11),
// so that nothing of it is pulled.
func (m *Matcher) heldBy(wanted []wantedImage, held []heldImage) store {
	return m.store(m.heldImages(wanted, held))
}

func (m *Matcher) heldImages(wanted []wantedImage, held []heldImage) []int {
	var images []int
	add := func(i int) {
		if i >= 0 && !slices.Contains(images, i) {
			images = append(images, i)
		}
	}
	for k := range held {
		add(held[k].content)
		for j := range wanted {
			if w := &wanted[j]; !w.asks && present(w, &held[k]) {
				add(w.image)
			}
		}
	}
	return images
}
