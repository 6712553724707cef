package plan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

const bytesPerGiB = 1 << 30

// candidate is a cache that might be built.
type candidate struct {
	// images are sorted.
	images []string
	layers layerSet
	// unpackedBytes counts each layer once; assumedBytes of it rest on
	// matcher.AssumedUnpackRatio.
	unpackedBytes, assumedBytes int64
	cache                       matcher.Cache
	build                       time.Duration
	// builds is the first build and the rebuilds of a month.
	builds                float64
	buildMoney, keepMoney float64
}

func (c *candidate) fixed() float64 { return c.buildMoney + c.keepMoney }

// layerSet holds positions in Inventory.Layers, sorted, each once.
type layerSet []int

func (p *Problem) layersOf(images []string) layerSet {
	var all layerSet
	for _, ref := range images {
		if i := p.find(ref); i >= 0 {
			all = append(all, p.Inventory.Images[i].Layers...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compressedShared is the compressed bytes of the layers in both sets.
func (p *Problem) compressedShared(x, y layerSet) int64 {
	var total int64
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			total += p.Inventory.Layers[x[0]].CompressedBytes
			x, y = x[1:], y[1:]
		}
	}
	return total
}

func share(x, y layerSet) bool {
	for _, l := range x {
		if _, ok := slices.BinarySearch(y, l); ok {
			return true
		}
	}
	return false
}

func (p *Problem) unpacked(set layerSet) (total, assumed int64) {
	for _, l := range set {
		layer := &p.Inventory.Layers[l]
		if layer.UnpackedBytes == nil {
			total += matcher.AssumedUnpackRatio * layer.CompressedBytes
			assumed += matcher.AssumedUnpackRatio * layer.CompressedBytes
			continue
		}
		total += *layer.UnpackedBytes
	}
	return total, assumed
}

// imageSet is a set of references on its way to become a candidate.
type imageSet struct {
	images []string
	layers layerSet
}

func (s imageSet) key() string { return strings.Join(s.images, "\n") }

func (p *Problem) imageSet(references []string) imageSet {
	images := slices.Clone(references)
	slices.Sort(images)
	images = slices.Compact(images)
	return imageSet{images, p.layersOf(images)}
}

func union(x, y imageSet) imageSet {
	images := slices.Concat(x.images, y.images)
	slices.Sort(images)
	all := slices.Concat(x.layers, y.layers)
	slices.Sort(all)
	return imageSet{slices.Compact(images), slices.Compact(all)}
}

// generator collects the sets to consider, each once.
type generator struct {
	problem *Problem
	seen    map[string]bool
	sets    []imageSet
	// unions counts generated unions, beyond those that were left out because
	// the limit was reached.
	unions, beyond int
	tooMany, large []string
}

// imageSets returns what to consider, in the order of its images, and says what
// was left out.
func (p *Problem) imageSets() (sets []imageSet, leftOut string) {
	g := &generator{problem: p, seen: make(map[string]bool)}
	for _, images := range p.Candidates {
		g.add(p.imageSet(images))
	}
	own := g.ownSets()
	g.grow(own, g.pairs(own))
	slices.SortFunc(g.sets, func(x, y imageSet) int { return slices.Compare(x.images, y.images) })
	return g.sets, g.leftOut()
}

// ownSets are the distinct image sets of apps.
func (g *generator) ownSets() []imageSet {
	var own []imageSet
	seen := make(map[string]bool)
	for _, a := range g.problem.Apps {
		s := g.problem.imageSet(a.App.AllImages())
		if len(s.images) > matcher.MaxCacheImages {
			g.tooMany = append(g.tooMany, a.App.Name)
			continue
		}
		if !seen[s.key()] {
			seen[s.key()] = true
			own = append(own, s)
			g.add(s)
		}
	}
	slices.SortFunc(own, func(x, y imageSet) int { return slices.Compare(x.images, y.images) })
	return own
}

func (g *generator) add(s imageSet) bool {
	if g.seen[s.key()] {
		return false
	}
	g.seen[s.key()] = true
	if total, _ := g.problem.unpacked(s.layers); matcher.SizeToHold(total) > matcher.MaxCacheGiB {
		g.large = append(g.large, s.images[0])
		return false
	}
	g.sets = append(g.sets, s)
	return true
}

// addUnion is add within the limit.
func (g *generator) addUnion(s imageSet) {
	limit := g.problem.MaxCandidates
	if limit == 0 {
		limit = defaultMaxCandidates
	}
	switch {
	case g.seen[s.key()]:
	case g.unions >= limit:
		g.beyond++
		g.seen[s.key()] = true
	case g.add(s):
		g.unions++
	}
}

// pair is two positions among the apps' own sets.
type pair struct {
	i, j   int
	shared int64
}

// pairs adds the unions of two apps' sets that share layers, those that share
// most bytes first.
func (g *generator) pairs(own []imageSet) []pair {
	var pairs []pair
	for i := range own {
		for j := i + 1; j < len(own); j++ {
			if shared := g.problem.compressedShared(own[i].layers, own[j].layers); shared > 0 {
				pairs = append(pairs, pair{i, j, shared})
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y pair) int { return cmp.Compare(y.shared, x.shared) })
	for _, p := range pairs {
		if u := union(own[p.i], own[p.j]); len(u.images) <= matcher.MaxCacheImages {
			g.addUnion(u)
		}
	}
	return pairs
}

// grow starts from each set that shares layers and adds the one that shares most
// with the union so far, as long as the images fit in one cache.
func (g *generator) grow(own []imageSet, pairs []pair) {
	sharing := make([]bool, len(own))
	for _, p := range pairs {
		sharing[p.i], sharing[p.j] = true, true
	}
	for i := range own {
		if !sharing[i] {
			continue
		}
		used := make([]bool, len(own))
		used[i] = true
		for s := own[i]; ; {
			next := g.mostShared(s, own, used)
			if next < 0 {
				break
			}
			used[next] = true
			s = union(s, own[next])
			g.addUnion(s)
		}
	}
}

// mostShared is the unused set that shares most bytes with s and fits beside it.
func (g *generator) mostShared(s imageSet, own []imageSet, used []bool) int {
	best, most := -1, int64(0)
	for i, o := range own {
		if used[i] {
			continue
		}
		shared := g.problem.compressedShared(s.layers, o.layers)
		if shared > most && len(union(s, o).images) <= matcher.MaxCacheImages {
			best, most = i, shared
		}
	}
	return best
}

func (g *generator) leftOut() string {
	parts := []string{"sets that are not the images of whole apps", "unions of apps that share no layer"}
	if g.beyond > 0 {
		parts = append(parts, fmt.Sprintf("%d unions beyond the limit of %d", g.beyond, g.unions))
	}
	if len(g.tooMany) > 0 {
		parts = append(parts, fmt.Sprintf("the sets of %s, of more than %d images", strings.Join(g.tooMany, ", "), matcher.MaxCacheImages))
	}
	if len(g.large) > 0 {
		parts = append(parts, fmt.Sprintf("%d sets of more than %d GiB", len(g.large), matcher.MaxCacheGiB))
	}
	return strings.Join(parts, "; ")
}

// newCandidate sizes and prices a set. Its name says which app it was made for
// and tells sets apart.
func (p *Problem) newCandidate(s imageSet) (*candidate, error) {
	c := &candidate{images: s.images, layers: s.layers, builds: 1}
	c.unpackedBytes, c.assumedBytes = p.unpacked(s.layers)
	size := matcher.SizeToHold(c.unpackedBytes)
	c.cache = matcher.Cache{
		ID: p.nameOf(s), Images: s.images, SizeGiB: size,
		Status: matcher.StatusReady, CreationTime: p.At,
	}
	for _, a := range p.Apps {
		if slices.Contains(s.images, a.App.Images[0]) {
			c.builds += a.App.ReleasesPerMonth
		}
	}
	c.build = p.BuildTime(s.images, size)
	build, err := p.Prices.Build(c.build, size)
	if err != nil {
		return nil, err
	}
	keep, err := p.Prices.Keep(float64(c.unpackedBytes)/bytesPerGiB, month)
	if err != nil {
		return nil, err
	}
	c.buildMoney, c.keepMoney = build.Amount*c.builds, keep.Amount
	return c, nil
}

func (p *Problem) nameOf(s imageSet) string {
	first := ""
	for _, a := range p.Apps {
		held := true
		for _, ref := range a.App.AllImages() {
			held = held && slices.Contains(s.images, ref)
		}
		if held {
			first = a.App.Name
			break
		}
	}
	if first == "" {
		first = "part"
	}
	sum := sha256.Sum256([]byte(s.key()))
	return fmt.Sprintf("%s-%x", plain(first), sum[:4])
}

// plain keeps what every service allows in a name.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
}
