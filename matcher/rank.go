package matcher

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/workload"
)

// GroupOf returns the container group that a start of app asks for.
func GroupOf(app *workload.App) Group {
	return Group{
		Name: app.Name, Images: app.Images, InitImages: app.InitImages,
		ExtraStorageGiB: app.ExtraStorageGiB, PullPolicy: app.PullPolicy,
	}
}

// all returns the references that count in the match degree: init containers
// included (eci §6 #1), each once.
func (g *Group) all() []string {
	refs := slices.Concat(g.InitImages, g.Images)
	slices.Sort(refs)
	return slices.Compact(refs)
}

// Rank orders caches for g: the qualified ones first, in ECI's order (eci §1.9),
// then the others, each with the keys that placed it. How two caches compare
// does not depend on which others are in the list.
func (m *Matcher) Rank(g Group, caches []Cache) []Candidate {
	g = m.placed(g)
	ranked := make([]rankedCache, len(caches))
	for i := range caches {
		ranked[i] = m.candidate(&g, &caches[i])
	}
	slices.SortStableFunc(ranked, m.compare)
	candidates := make([]Candidate, len(ranked))
	for i, r := range ranked {
		candidates[i] = r.Candidate
	}
	return candidates
}

// placed gives g the architecture and OS of the Matcher's platform where it
// states none: a cache for others cannot serve it (eci §6 #9).
func (m *Matcher) placed(g Group) Group {
	parts := strings.Split(m.platform, "/")
	if len(parts) < 2 {
		return g
	}
	if g.OSType == "" {
		g.OSType = parts[0]
	}
	if g.Architecture == "" {
		g.Architecture = parts[1]
	}
	return g
}

// rankedCache is a candidate with the tie keys that it does not show.
type rankedCache struct {
	Candidate
	sizeGiB float64
}

// compare orders by qualified, match degree, size, newest, and the tie rule of
// eci §6 #6: larger matched bytes, smaller cache, ID.
func (m *Matcher) compare(x, y rankedCache) int {
	return cmp.Or(
		boolCompare(y.Qualified, x.Qualified),
		m.compareDegree(&x.Candidate, &y.Candidate),
		m.compareSize(&x.Candidate, &y.Candidate),
		y.CreationTime.Compare(x.CreationTime),
		cmp.Compare(y.MatchedBytes, x.MatchedBytes),
		cmp.Compare(x.sizeGiB, y.sizeGiB),
		strings.Compare(x.CacheID, y.CacheID),
	)
}

func boolCompare(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

func (m *Matcher) compareDegree(x, y *Candidate) int {
	if m.policy.Degree == "layers" {
		return cmp.Compare(y.LayerFraction, x.LayerFraction)
	}
	return cmp.Or(cmp.Compare(y.FullImages, x.FullImages), cmp.Compare(y.RepositoryImages, x.RepositoryImages))
}

func (m *Matcher) compareSize(x, y *Candidate) int {
	if m.policy.Size == "matched-bytes" {
		return cmp.Compare(y.MatchedBytes, x.MatchedBytes)
	}
	return cmp.Compare(x.SizeDistanceGiB, y.SizeDistanceGiB)
}

// byLayers says whether a cache that holds none of a group's repositories may
// matter to it.
func (m *Matcher) byLayers() bool {
	return m.policy.Threshold == "layer"
}

func (m *Matcher) candidate(g *Group, c *Cache) rankedCache {
	need := g.all()
	storage := FreeStorageGiB + g.ExtraStorageGiB
	k := Candidate{
		CacheID: c.ID, CreationTime: c.CreationTime,
		SizeDistanceGiB: math.Abs(c.SizeGiB - storage),
	}
	var full []string
	for _, ref := range need {
		switch m.agreement(ref, c) {
		case sameImage:
			k.FullImages++
			full = append(full, ref)
		case sameRepository:
			k.RepositoryImages++
		}
	}
	k.MatchedBytes = m.inv.Union(m.images(full)...).CompressedBytes
	if o := m.overlap(m.images(need), m.store(m.Held(c, g.PullPolicy))); o.CompressedBytes > 0 {
		k.LayerFraction = float64(o.ByChain.PresentBytes) / float64(o.CompressedBytes)
	}
	k.Reason = m.refusal(g, c, &k, len(need), storage)
	k.Qualified = k.Reason == ""
	return rankedCache{k, c.SizeGiB}
}

// How far a cache holds an image by name.
const (
	noImage = iota
	sameRepository
	sameImage
)

// agreement compares by repository and version, as eci §1.9 words the match
// degree: layers play no part (eci §0, point 9).
func (m *Matcher) agreement(reference string, c *Cache) int {
	need := m.name(reference)
	best := noImage
	for _, ref := range c.Images {
		held := m.name(ref)
		if held.RepositoryName() != need.RepositoryName() {
			continue
		}
		best = max(best, sameRepository)
		digest := string(held.Digest)
		for _, content := range c.Contents {
			if content.Reference == ref {
				digest = content.Digest
			}
		}
		if need.Digest != "" && digest == string(need.Digest) || need.Digest == "" && held.Digest == "" && held.Tag == need.Tag {
			return sameImage
		}
		if i := m.find(reference, m.at); need.Digest == "" && held.Digest != "" && i >= 0 && m.inv.Images[i].Digest == held.Digest {
			return sameImage
		}
	}
	return best
}

// refusal says why a cache may not be picked, or nothing.
func (m *Matcher) refusal(g *Group, c *Cache, k *Candidate, images int, storage float64) string {
	switch {
	case c.Status != StatusReady:
		return fmt.Sprintf("is %s, not Ready", c.Status)
	case !c.ExpireTime.IsZero() && !c.ExpireTime.After(m.at):
		return "has expired"
	case differ(c.Region, g.Region):
		return fmt.Sprintf("is in region %s, not %s", c.Region, g.Region)
	case differ(c.Architecture, g.Architecture):
		return fmt.Sprintf("is for %s, not %s", c.Architecture, g.Architecture)
	case differ(c.OSType, g.OSType):
		return fmt.Sprintf("is for %s, not %s", c.OSType, g.OSType)
	case c.SizeGiB > storage && (c.Automatic || m.policy.StrictSize):
		return fmt.Sprintf("has %g GiB, more than the instance's temporary storage of %g GiB", c.SizeGiB, storage)
	case g.PerfectMatch && k.FullImages < images:
		return fmt.Sprintf("holds %d of %d images, a perfect match is asked for", k.FullImages, images)
	case !g.PerfectMatch && k.FullImages < g.MatchCount:
		return fmt.Sprintf("holds %d images, at least %d are asked for", k.FullImages, g.MatchCount)
	case k.FullImages == 0 && m.policy.Threshold == "image":
		if k.RepositoryImages > 0 {
			return "holds other versions only"
		}
		return "holds none of the images"
	case k.FullImages == 0 && k.LayerFraction == 0:
		return "holds none of the layers"
	}
	return ""
}

func differ(have, want string) bool {
	return have != "" && want != "" && !strings.EqualFold(have, want)
}

// Match returns the cache that ECI would pick for g, why, and what it saves.
func (m *Matcher) Match(g Group, caches []Cache) Match {
	candidates := m.Rank(g, caches)
	match := Match{App: g.Name, Candidates: candidates}
	var picked *Cache
	switch {
	case g.CacheID != "":
		picked, match.Reason = explicit(g.CacheID, caches)
	case len(candidates) > 0 && candidates[0].Qualified:
		picked = byID(caches, candidates[0].CacheID)
		match.Reason = m.whyPicked(&g, candidates)
	default:
		match.Reason = whyNone(candidates)
	}
	held := store{}
	if picked != nil {
		match.CacheID = picked.ID
		held = m.store(m.Held(picked, g.PullPolicy))
	}
	match.Overlap = m.overlap(m.images(g.all()), held)
	match.Hit = match.Overlap.hit()
	if picked == nil {
		match.Hit = Miss
	}
	m.follow(&match, &g)
	return match
}

// follow says whether an automatic cache is made from the start (eci §1.10).
func (m *Matcher) follow(match *Match, g *Group) {
	full := match.CacheID != "" && len(match.Candidates) > 0 && match.Candidates[0].FullImages == len(g.all())
	partial := match.CacheID != "" && !full
	if g.CacheID != "" || full || partial && !m.policy.CreateOnPartial {
		return
	}
	match.CreatesAutomatic = true
	match.AutomaticGiB = AutomaticCacheGiB + g.ExtraStorageGiB
}

func byID(caches []Cache, id string) *Cache {
	for i := range caches {
		if caches[i].ID == id {
			return &caches[i]
		}
	}
	return nil
}

func explicit(id string, caches []Cache) (*Cache, string) {
	c := byID(caches, id)
	switch {
	case c == nil:
		return nil, fmt.Sprintf("cache %s, asked for explicitly, does not exist: the start fails", id)
	case c.Status != StatusReady:
		return nil, fmt.Sprintf("cache %s, asked for explicitly, is %s: the start fails (eci §1.10)", id, c.Status)
	}
	return c, "asked for explicitly"
}

func (m *Matcher) whyPicked(g *Group, candidates []Candidate) string {
	first := candidates[0]
	degree := fmt.Sprintf("holds %d of %d images by name", first.FullImages, len(g.all()))
	if m.policy.Degree == "layers" {
		degree = fmt.Sprintf("holds %.0f %% of the bytes", 100*first.LayerFraction)
	}
	if len(candidates) == 1 || !candidates[1].Qualified {
		return degree + "; no other cache qualifies"
	}
	second := candidates[1]
	switch {
	case m.compareDegree(&first, &second) != 0:
		return degree + ", more than " + second.CacheID
	case m.compareSize(&first, &second) != 0 && m.policy.Size == "matched-bytes":
		return degree + " as " + second.CacheID + " does, and the matched images are larger"
	case m.compareSize(&first, &second) != 0:
		return degree + " as " + second.CacheID + " does, and its size is closer to the instance's storage"
	case !first.CreationTime.Equal(second.CreationTime):
		return degree + " as " + second.CacheID + " does, and it is newer"
	}
	return degree + " as " + second.CacheID + " does; the tie rule decides (eci §6 #6)"
}

func whyNone(candidates []Candidate) string {
	if len(candidates) == 0 {
		return "there are no caches"
	}
	reasons := make([]string, 0, 3)
	for _, c := range candidates[:min(3, len(candidates))] {
		reasons = append(reasons, c.CacheID+" "+c.Reason)
	}
	if len(candidates) > 3 {
		reasons = append(reasons, fmt.Sprintf("and %d more do not qualify", len(candidates)-3))
	}
	return "no cache qualifies: " + strings.Join(reasons, "; ")
}
