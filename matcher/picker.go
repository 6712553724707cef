package matcher

import (
	"slices"
	"strings"
)

// A Picker answers for many groups which of the same caches ECI would pick. It
// finds by name the few caches that can be picked instead of comparing all. It
// counts in its Matcher's memory, so it is not safe for concurrent use.
type Picker struct {
	m      *Matcher
	caches []Cache
	held   [][]heldImage
	// byLayers says that the policies compare what is present by chain.
	byLayers bool
	// tagged, pinned and repository hold the caches, in order, of each tag, each
	// digest and each repository, by number; rooted those of each chain of one
	// layer, which whatever shares a layer with an image by chain holds.
	tagged, pinned, repository, rooted [][]int32
	// met are the caches that a query has met, seen marks them.
	met   []int32
	seen  []uint32
	query uint32
}

// query is a group, as it is compared.
type query struct {
	group Group
	// wanted are its images, counted those that count in the match degree.
	wanted, counted []wantedImage
	storageGiB      float64
}

// counts says whether an image counts in the match degree.
func (q *query) counts(w *wantedImage) bool {
	return slices.ContainsFunc(q.counted, func(c wantedImage) bool { return c.reference == w.reference })
}

// Picker prepares to answer about caches, which must not change meanwhile.
func (m *Matcher) Picker(caches []Cache) *Picker {
	p := m.compared(caches)
	for i := range caches {
		p.enter(int32(i))
	}
	return p
}

// compared is a Picker that knows no cache by name yet.
func (m *Matcher) compared(caches []Cache) *Picker {
	p := &Picker{m: m, caches: caches, held: make([][]heldImage, len(caches)), seen: make([]uint32, len(caches))}
	pol := &m.policy
	p.byLayers = pol.Degree == degreeLayers || pol.Threshold == thresholdLayer || pol.FullMatch == fullLayers
	for i := range caches {
		images := make([]heldImage, len(caches[i].Images))
		for j, ref := range caches[i].Images {
			images[j] = m.held(&caches[i], ref)
		}
		p.held[i] = images
	}
	return p
}

// enter lets a cache be found by its names.
func (p *Picker) enter(i int32) {
	for k := range p.held[i] {
		h := &p.held[i][k]
		enter(&p.repository, h.repository, i)
		if h.tag != 0 {
			enter(&p.tagged, h.tag, i)
		}
		for _, d := range h.digests {
			enter(&p.pinned, d, i)
		}
		if root := p.m.root(h.content); root >= 0 {
			enter(&p.rooted, int32(root), i)
		}
	}
}

// root is the chain of an image's base layer, -1 where it has none.
func (m *Matcher) root(image int) int {
	if image < 0 || len(m.chains.Images[image]) == 0 {
		return -1
	}
	return m.chains.Images[image][0]
}

func enter(lists *[][]int32, id, cache int32) {
	if missing := int(id) + 1 - len(*lists); missing > 0 {
		*lists = append(*lists, make([][]int32, missing)...)
	}
	list := &(*lists)[id]
	if n := len(*list); n == 0 || (*list)[n-1] != cache {
		*list = append(*list, cache)
	}
}

// ask prepares a group to be asked for.
func (m *Matcher) ask(g Group) query {
	q := query{group: m.placed(g), storageGiB: FreeStorageGiB + g.ExtraStorageGiB}
	q.wanted = m.wanted(&g)
	q.counted = m.counted(&g, q.wanted)
	return q
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

// A Query is a group made ready to be asked for many times.
type Query struct{ q query }

// Query makes a group ready to be asked for.
func (p *Picker) Query(g Group) *Query { return &Query{p.m.ask(g)} }

// Pick returns the position of the cache that automatic matching picks, or -1.
func (p *Picker) Pick(query *Query) int {
	best, ok := p.pick(&query.q)
	if !ok {
		return -1
	}
	return best.cache
}

// Before says whether ECI puts the cache at a position before that at a position of another
// Picker of the same Matcher.
func (p *Picker) Before(query *Query, position int, other *Picker, otherPosition int) bool {
	pair := Picker{m: p.m, byLayers: p.byLayers,
		caches: []Cache{other.caches[otherPosition], p.caches[position]},
		held:   [][]heldImage{other.held[otherPosition], p.held[position]},
	}
	x, y := pair.rival(&query.q, 1), pair.rival(&query.q, 0)
	return pair.before(&query.q, &x, &y)
}

// Order returns the positions of the caches that qualify for g, in ECI's order:
// the first is picked, the second would be without it, and so on.
func (p *Picker) Order(g Group) []int {
	q := p.m.ask(g)
	met := p.meet(&q)
	var order []int
	for _, r := range p.ranked(&q, met, len(met)) {
		if r.refusal == qualified {
			order = append(order, r.cache)
		}
	}
	return order
}

// pick is the first of the caches that qualify.
func (p *Picker) pick(q *query) (best rival, ok bool) {
	for _, i := range p.meet(q) {
		r := p.rival(q, int(i))
		if r.refusal == qualified && (!ok || p.before(q, &r, &best)) {
			best, ok = r, true
		}
	}
	return best, ok
}

// meet returns the caches that can qualify: those that hold one of the images by
// name, or where a shared layer is enough, its base layer. They are good until the
// next call.
func (p *Picker) meet(q *query) []int32 {
	p.met = p.met[:0]
	if q.group.NoMatching || q.group.Job {
		return nil
	}
	p.query++
	if p.query == 0 {
		clear(p.seen)
		p.query = 1
	}
	for k := range q.wanted {
		w := &q.wanted[k]
		if w.tag != 0 && int(w.tag) < len(p.tagged) {
			p.meetNew(p.tagged[w.tag])
		}
		for _, d := range w.digests {
			if int(d) < len(p.pinned) {
				p.meetNew(p.pinned[d])
			}
		}
	}
	if p.m.policy.Threshold == thresholdLayer {
		for k := range q.wanted {
			p.meetNew(p.onRoot(&q.wanted[k]))
		}
	}
	return p.met
}

// onRoot are the caches that hold the base layer of what is wanted.
func (p *Picker) onRoot(w *wantedImage) []int32 {
	if root := p.m.root(w.image); root >= 0 && root < len(p.rooted) {
		return p.rooted[root]
	}
	return nil
}

// meetNew adds the caches that the query has not met yet.
func (p *Picker) meetNew(caches []int32) {
	for _, i := range caches {
		if p.seen[i] != p.query {
			p.seen[i] = p.query
			p.met = append(p.met, i)
		}
	}
}

// before says whether x comes before y.
func (p *Picker) before(q *query, x, y *rival) bool {
	order, _ := p.compare(q, x, y)
	return order < 0
}

// ranked are the first of the caches at the positions given, in ECI's order.
func (p *Picker) ranked(q *query, positions []int32, most int) []rival {
	rivals := make([]rival, 0, min(2*most, len(positions)))
	order := func(x, y rival) int {
		c, _ := p.compare(q, &x, &y)
		return c
	}
	bounded := false
	for _, i := range positions {
		r := p.rival(q, int(i))
		if bounded && p.before(q, &rivals[most-1], &r) {
			continue
		}
		rivals = append(rivals, r)
		if len(rivals) == 2*most {
			slices.SortFunc(rivals, order)
			rivals, bounded = rivals[:most], true
		}
	}
	slices.SortFunc(rivals, order)
	return rivals[:min(most, len(rivals))]
}

// related are the caches that hold an image of one of the group's repositories,
// in order; where a shared layer is enough, those that hold a base layer too.
func (p *Picker) related(q *query) []int32 {
	var related []int32
	for k := range q.wanted {
		if p.m.policy.Threshold == thresholdLayer {
			related = append(related, p.onRoot(&q.wanted[k])...)
		}
		if r := q.wanted[k].repository; int(r) < len(p.repository) {
			related = append(related, p.repository[r]...)
		}
	}
	slices.Sort(related)
	return slices.Compact(related)
}

func (p *Picker) all() []int32 {
	all := make([]int32, len(p.caches))
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// candidates puts rivals into words, in their order.
func (p *Picker) candidates(q *query, rivals []rival, explain bool) []Candidate {
	candidates := make([]Candidate, len(rivals))
	for i := range rivals {
		if explain {
			candidates[i] = p.explained(q, &rivals[i])
		} else {
			candidates[i] = p.candidate(q, &rivals[i])
		}
		if i > 0 {
			_, candidates[i].PlacedBy = p.compare(q, &rivals[i-1], &rivals[i])
		}
	}
	return candidates
}

// Rank orders caches for g: the qualified ones first, in ECI's order (eci §1.9),
// then the others, each with the keys that placed it. How two caches compare
// does not depend on which others are in the list.
func (m *Matcher) Rank(g Group, caches []Cache) []Candidate {
	p := m.compared(caches)
	q := m.ask(g)
	return p.candidates(&q, p.ranked(&q, p.all(), len(caches)), false)
}
