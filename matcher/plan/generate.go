package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// imageSet is a set of references on its way to become a candidate.
type imageSet struct {
	images []string
	layers layerSet
	// sizeGiB is that of the cache; 0 is the smallest that holds them.
	sizeGiB float64
	// starts a month of the apps whose own images these are.
	starts float64
}

// key tells sets apart.
func (s imageSet) key() string {
	key := strings.Join(s.images, "\n")
	if s.sizeGiB > 0 {
		key += fmt.Sprintf("\n%v GiB", s.sizeGiB)
	}
	return key
}

func (p *Problem) imageSet(references []string) imageSet {
	images := slices.Clone(references)
	slices.Sort(images)
	images = slices.Compact(images)
	return imageSet{images: images, layers: p.layersOf(images)}
}

func union(x, y imageSet) imageSet {
	images := slices.Concat(x.images, y.images)
	slices.Sort(images)
	all := slices.Concat(x.layers, y.layers)
	slices.Sort(all)
	return imageSet{images: slices.Compact(images), layers: slices.Compact(all)}
}

// fits says whether a cache may hold so many images.
func (s imageSet) fits() bool { return len(s.images) <= matcher.MaxCacheImages }

// The generator compares all pairs of sets only among so many: those with the most
// starts, by layer and in all.
const (
	mostAlike = 100
	mostSeeds = 100
)

// generator collects the sets to consider, each once. It makes them in four ways, each
// with a part of the limit, and what one leaves the next may use:
//
//   - cores, which several apps have in common: images of a cache that serves many a
//     little;
//   - pairs of apps that share layers, for one cache stores them once;
//   - groups that grow from one app by what shares most with them;
//   - groups that grow as long as the disk does not: every running instance pays for a
//     disk of the cache's size, in whole GiB from 20, so that what fits into it is free
//     but for storage, and takes no place of its own under the quota.
type generator struct {
	problem *Problem
	limit   int
	seen    map[string]bool
	sets    []imageSet
	// made counts generated sets, beyond those that the limit left out.
	made, beyond int
	// neighbours counts those of chosen caches that were left out.
	neighbours     int
	tooMany, large []string
}

func (p *Problem) newGenerator() *generator {
	return &generator{problem: p, limit: cmp.Or(p.MaxCandidates, defaultMaxCandidates), seen: make(map[string]bool)}
}

// generate returns what to consider first, in the order of its images.
func (g *generator) generate() []imageSet {
	own := g.ownSets()
	busiest := slices.Clone(own)
	slices.SortStableFunc(busiest, func(x, y imageSet) int { return cmp.Compare(y.starts, x.starts) })
	busiest = busiest[:min(len(busiest), mostSeeds)]
	g.within(1, func() { g.cores(own) })
	g.within(2, func() { g.pairs(own) })
	g.within(3, func() { g.grow(busiest, g.mostShared) })
	g.within(4, func() { g.grow(busiest, g.packed) })
	slices.SortFunc(g.sets, func(x, y imageSet) int { return slices.Compare(x.images, y.images) })
	return g.sets
}

// given are the sets that were given and are not generated.
func (g *generator) given() []imageSet {
	before := len(g.sets)
	for _, c := range g.problem.Candidates {
		s := g.problem.imageSet(c.Images)
		s.sizeGiB = c.SizeGiB
		g.add(s)
	}
	given := slices.Clone(g.sets[before:])
	slices.SortFunc(given, func(x, y imageSet) int {
		return cmp.Or(slices.Compare(x.images, y.images), cmp.Compare(x.sizeGiB, y.sizeGiB))
	})
	return given
}

// within lets the first so many of four ways make their part of the limit.
func (g *generator) within(ways int, generate func()) {
	whole := g.limit
	g.limit = whole * ways / 4
	generate()
	g.limit = whole
}

// ownSets are the distinct image sets of apps.
func (g *generator) ownSets() []imageSet {
	var own []imageSet
	at := make(map[string]int)
	for _, a := range g.problem.Apps {
		s := g.problem.imageSet(a.App.AllImages())
		if !s.fits() {
			g.tooMany = append(g.tooMany, a.App.Name)
			continue
		}
		i, ok := at[s.key()]
		if !ok {
			i = len(own)
			at[s.key()] = i
			own = append(own, s)
			g.add(s)
		}
		own[i].starts += a.App.StartsPerMonth()
	}
	slices.SortFunc(own, func(x, y imageSet) int { return slices.Compare(x.images, y.images) })
	return own
}

// add considers a set, unless no cache can hold it.
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

// offer is add within the limit.
func (g *generator) offer(s imageSet) {
	switch {
	case g.seen[s.key()]:
	case g.made >= g.limit:
		g.beyond++
	case g.add(s):
		g.made++
	}
}

// cores adds what several apps' sets have in common, and single images of apps that
// have several, by the starts that would find them and the bytes that they would find.
func (g *generator) cores(own []imageSet) {
	holders := make(map[string][]int)
	for i, s := range own {
		for _, ref := range s.images {
			holders[ref] = append(holders[ref], i)
		}
	}
	found := make(map[string]imageSet)
	for _, ref := range sortedKeys(holders) {
		list := g.busiest(own, holders[ref])
		for k, i := range list {
			if len(own[i].images) > 1 {
				s := g.problem.imageSet([]string{ref})
				found[s.key()] = s
			}
			for _, j := range list[k+1:] {
				s := g.problem.imageSet(common(own[i].images, own[j].images))
				found[s.key()] = s
			}
		}
	}
	worth := make(map[string]float64, len(found))
	for key, s := range found {
		bytes, _ := g.problem.unpacked(s.layers)
		for _, i := range holders[s.images[0]] {
			if contains(own[i].images, s.images) {
				worth[key] += own[i].starts * float64(bytes)
			}
		}
	}
	keys := sortedKeys(found)
	slices.SortStableFunc(keys, func(x, y string) int { return cmp.Compare(worth[y], worth[x]) })
	for _, key := range keys {
		g.offer(found[key])
	}
}

// busiest are those of the positions with the most starts, as many as are compared.
func (g *generator) busiest(own []imageSet, positions []int) []int {
	list := slices.Clone(positions)
	slices.SortStableFunc(list, func(x, y int) int { return cmp.Compare(own[y].starts, own[x].starts) })
	return list[:min(len(list), mostAlike)]
}

// common are the strings in both of two sorted lists.
func common(x, y []string) []string {
	var both []string
	for _, s := range x {
		if _, ok := slices.BinarySearch(y, s); ok {
			both = append(both, s)
		}
	}
	return both
}

// contains says whether all of part are in whole, which is sorted.
func contains(whole, part []string) bool { return len(common(part, whole)) == len(part) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// pairs adds the unions of two apps' sets that share layers, those that share
// most bytes first.
func (g *generator) pairs(own []imageSet) {
	holders := make(map[int][]int)
	for i, s := range own {
		for _, l := range s.layers {
			holders[l] = append(holders[l], i)
		}
	}
	type pair struct{ i, j int }
	shared := make(map[pair]int64)
	for l, all := range holders {
		list := g.busiest(own, all)
		for k, i := range list {
			for _, j := range list[k+1:] {
				shared[pair{min(i, j), max(i, j)}] += g.problem.Inventory.Layers[l].CompressedBytes
			}
		}
	}
	list := make([]pair, 0, len(shared))
	for p := range shared {
		list = append(list, p)
	}
	slices.SortFunc(list, func(x, y pair) int {
		return cmp.Or(cmp.Compare(shared[y], shared[x]), cmp.Compare(x.i, y.i), cmp.Compare(x.j, y.j))
	})
	for _, p := range list {
		if u := union(own[p.i], own[p.j]); u.fits() {
			g.offer(u)
		}
	}
}

// grow starts from each set and adds one after another as next says, as long as the
// images fit into one cache.
func (g *generator) grow(sets []imageSet, next func(s imageSet, sets []imageSet, used []bool) int) {
	for i := range sets {
		used := make([]bool, len(sets))
		used[i] = true
		for s := sets[i]; g.made < g.limit; {
			k := next(s, sets, used)
			if k < 0 {
				break
			}
			used[k] = true
			s = union(s, sets[k])
			g.offer(s)
		}
	}
}

// mostShared is the unused set that shares most bytes with s and fits beside it.
func (g *generator) mostShared(s imageSet, sets []imageSet, used []bool) int {
	best, most := -1, int64(0)
	for i, o := range sets {
		if used[i] {
			continue
		}
		shared := g.problem.compressedShared(s.layers, o.layers)
		if shared > most && union(s, o).fits() {
			best, most = i, shared
		}
	}
	return best
}

// packed is the unused set with the most starts that fits into the disk of s, and is
// not in it.
func (g *generator) packed(s imageSet, sets []imageSet, used []bool) int {
	held, _ := g.problem.unpacked(s.layers)
	for i, o := range sets {
		if used[i] || contains(s.images, o.images) {
			continue
		}
		u := union(s, o)
		if all, _ := g.problem.unpacked(u.layers); u.fits() && matcher.SizeToHold(all) == matcher.SizeToHold(held) {
			return i
		}
	}
	return -1
}

func (g *generator) leftOut() string {
	parts := []string{"sets that are neither images of whole apps nor what several apps have in common", "groups of apps that share no layer where a group needs a larger disk than its first app"}
	if g.beyond > 0 {
		parts = append(parts, fmt.Sprintf("%d sets beyond the limit of %d", g.beyond, cmp.Or(g.problem.MaxCandidates, defaultMaxCandidates)))
	}
	if g.neighbours > 0 {
		parts = append(parts, fmt.Sprintf("%d sets that differ a little from chosen ones, beyond the first %d of each round", g.neighbours, mostNeighbours))
	}
	if len(g.tooMany) > 0 {
		parts = append(parts, fmt.Sprintf("the sets of %s, of more than %d images", strings.Join(g.tooMany, ", "), matcher.MaxCacheImages))
	}
	if len(g.large) > 0 {
		parts = append(parts, fmt.Sprintf("%d sets of more than %d GiB", len(g.large), matcher.MaxCacheGiB))
	}
	return strings.Join(parts, "; ")
}
