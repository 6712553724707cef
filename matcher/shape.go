package matcher

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Many of the caches that a Store sees in a month are alike in all that matching
// looks at, but for their ID and their creation: they have one shape. How a
// group's start ranks a shape, and what it finds there, is worked out once. Of the
// caches of one shape only the newest can be picked (eci §1.9, 3).

// shapes are those in use, as the caches of one Picker.
type shapes struct {
	picker *Picker
	all    []shape
	byKey  map[string]int
	// shelves hold the shapes of which there are caches, by repository number;
	// where any shared layer counts, all stand on one.
	shelves map[int32]*shelf
	// serving counts the caches.
	serving int
	// keySpace is where keys are written.
	keySpace []byte
}

// shape is caches that are alike.
type shape struct {
	// caches can be used; the one that is picked, the newest, is last.
	caches []*stored
	// shelves are none where matching passes the caches over.
	shelves []*shelf
	// images and states are those of the caches.
	images []string
	states []staleness
}

// shelf is the shapes that a group may find there. changes lists those of which
// another cache became the newest, or none was left, as it happened.
type shelf struct {
	shapes  []int
	changes []int32
}

// asker is a group with its last pick, and what it finds in each shape.
type asker struct {
	query   *query
	images  []string
	making  makingKey
	shelves []*shelf
	// picked is the shape that was picked when the shelves had seen that many
	// changes; known is false before the first pick.
	picked int
	seen   []int
	known  bool
	// rank are the positions of shapes in found, plus 1; 0 is unknown, and those
	// that do not qualify are negative.
	rank  []int32
	found []finds
}

// finds is how a group ranks a shape and what it finds in it.
type finds struct {
	rival rival
	known bool
	// images and stale are as in Served. complete says that no automatic cache is
	// made.
	images, stale  []string
	full, complete bool
	hit            Hit
	// fails says that an image is neither held nor pulled.
	fails bool
}

func (t *shapes) init(m *Matcher) {
	t.picker, t.byKey, t.shelves = m.compared(nil), make(map[string]int), make(map[int32]*shelf)
}

// asker prepares a group.
func (t *shapes) asker(g Group) asker {
	m := t.picker.m
	q := m.ask(g)
	images := slices.Concat(g.InitImages, g.Images)
	a := asker{query: &q, images: images, making: makingKey{listKey(images), AutomaticCacheGiB + g.ExtraStorageGiB}, picked: -1}
	for i := range q.wanted {
		if on := t.shelf(q.wanted[i].repository); !slices.Contains(a.shelves, on) {
			a.shelves = append(a.shelves, on)
		}
	}
	a.seen = make([]int, len(a.shelves))
	return a
}

// shelf is where shapes stand that hold an image of the repository.
func (t *shapes) shelf(repository int32) *shelf {
	if t.picker.m.policy.Threshold == thresholdLayer {
		repository = 0
	}
	on := t.shelves[repository]
	if on == nil {
		on = &shelf{}
		t.shelves[repository] = on
	}
	return on
}

// newest is the cache that is picked of a shape.
func (t *shapes) newest(shape int) *stored {
	caches := t.all[shape].caches
	return caches[len(caches)-1]
}

// pick is the shape whose newest cache automatic matching picks for the group, or
// -1. As long as the shape last picked did not change, only those that did since
// then can come before it.
func (t *shapes) pick(a *asker) int {
	shapes, changes := 0, 0
	for i, on := range a.shelves {
		shapes += len(on.shapes)
		changes += len(on.changes) - a.seen[i]
	}
	switch {
	case a.known && changes == 0:
		return a.picked
	case !a.known || changes > shapes || a.lost():
		a.picked = -1
		for _, on := range a.shelves {
			for _, shape := range on.shapes {
				t.consider(a, shape)
			}
		}
	default:
		for i, on := range a.shelves {
			for _, shape := range on.changes[a.seen[i]:] {
				if len(t.all[shape].caches) > 0 {
					t.consider(a, int(shape))
				}
			}
		}
	}
	for i, on := range a.shelves {
		a.seen[i] = len(on.changes)
	}
	a.known = true
	return a.picked
}

// lost says whether the shape last picked changed since.
func (a *asker) lost() bool {
	for i, on := range a.shelves {
		if slices.Contains(on.changes[a.seen[i]:], int32(a.picked)) {
			return true
		}
	}
	return false
}

// consider picks a shape if it comes before the one picked so far.
func (t *shapes) consider(a *asker, shape int) {
	if shape < len(a.rank) && a.rank[shape] < 0 {
		return
	}
	r := &t.ranked(a, shape).rival
	if r.refusal != qualified {
		return
	}
	if a.picked >= 0 {
		if order, _ := t.picker.compare(a.query, r, &t.ranked(a, a.picked).rival); order >= 0 {
			return
		}
	}
	a.picked = shape
}

// ranked is what places a shape for a group.
func (t *shapes) ranked(a *asker, shape int) *finds {
	if shape >= len(a.rank) {
		a.rank = append(a.rank, make([]int32, len(t.all)-len(a.rank))...)
	}
	if a.rank[shape] == 0 {
		f := finds{rival: t.picker.rival(a.query, shape)}
		a.found = append(a.found, f)
		a.rank[shape] = int32(len(a.found))
		if f.rival.refusal != qualified {
			a.rank[shape] = -a.rank[shape]
		}
	}
	return &a.found[max(a.rank[shape], -a.rank[shape])-1]
}

// finds is what a start of the group finds in the caches of a shape.
func (t *shapes) finds(a *asker, shape int) *finds {
	f := t.ranked(a, shape)
	if f.known {
		return f
	}
	f.known = true
	m, q, held := t.picker.m, a.query, t.picker.held[shape]
	f.full = f.rival.full == len(q.counted)
	f.complete = f.full
	if m.policy.FullMatch == fullLayers {
		f.complete = f.rival.fullByLayers == len(q.counted)
	}
	f.images = []string{}
	s := &t.all[shape]
	for i, ref := range s.images {
		used := s.states[i] == current || slices.ContainsFunc(q.wanted, func(w wantedImage) bool { return !w.asks && present(&w, &held[i]) })
		if used {
			f.images = append(f.images, ref)
		} else {
			f.stale = append(f.stale, ref)
		}
	}
	var need []int
	for i := range q.wanted {
		if image := q.wanted[i].image; image >= 0 {
			need = append(need, image)
		}
	}
	o := m.overlap(need, m.heldBy(q.wanted, held))
	f.hit = o.hit(q.wanted, held)
	f.fails = unpullable(q, held) != ""
	return f
}

// put lets starts find a cache, in the shape that it has now.
func (t *shapes) put(c *stored) {
	shape := t.shapeOf(c)
	if c.shape == shape {
		return
	}
	t.take(c)
	s := &t.all[shape]
	i := len(s.caches)
	for i > 0 && newer(s.caches[i-1], c) {
		i--
	}
	s.caches = slices.Insert(s.caches, i, c)
	c.shape = shape
	t.serving++
	if len(s.caches) == 1 {
		for _, on := range s.shelves {
			on.shapes = append(on.shapes, shape)
		}
	}
	t.changed(shape, i == len(s.caches)-1)
}

// take lets starts no longer find a cache.
func (t *shapes) take(c *stored) {
	if c.shape < 0 {
		return
	}
	s := &t.all[c.shape]
	i := slices.Index(s.caches, c)
	last := i == len(s.caches)-1
	s.caches = slices.Delete(s.caches, i, i+1)
	t.serving--
	if len(s.caches) == 0 {
		for _, on := range s.shelves {
			at := slices.Index(on.shapes, c.shape)
			on.shapes[at] = on.shapes[len(on.shapes)-1]
			on.shapes = on.shapes[:len(on.shapes)-1]
		}
	}
	t.changed(c.shape, last)
	c.shape = -1
}

// changed notes that another cache is the newest of a shape.
func (t *shapes) changed(shape int, newest bool) {
	s := &t.all[shape]
	if !newest {
		return
	}
	if len(s.caches) > 0 {
		c := s.caches[len(s.caches)-1]
		t.picker.caches[shape].ID, t.picker.caches[shape].CreationTime = c.cache.ID, c.cache.CreationTime
	}
	for _, on := range s.shelves {
		on.changes = append(on.changes, int32(shape))
	}
}

// newer is the order in which caches of one shape are picked: created last, then
// by ID, as all else is the same (eci §1.9, §6 #6).
func newer(x, y *stored) bool {
	if c := x.cache.CreationTime.Compare(y.cache.CreationTime); c != 0 {
		return c > 0
	}
	return x.cache.ID < y.cache.ID
}

// shapeOf is the shape that a cache has now.
func (t *shapes) shapeOf(c *stored) int {
	key := t.key(c)
	shape, ok := t.byKey[string(key)]
	if !ok {
		shape = t.add(c)
		t.byKey[string(key)] = shape
	}
	return shape
}

// key is all that matching looks at of a cache, but for its ID and creation. What
// its images meant depends on when it was created.
func (t *shapes) key(c *stored) []byte {
	m := t.picker.m
	key := t.keySpace[:0]
	key = strconv.AppendBool(key, c.cache.Automatic)
	key = strconv.AppendBool(key, c.namedOnly)
	key = strconv.AppendFloat(key, c.cache.SizeGiB, 'g', -1, 64)
	for _, part := range []string{c.cache.Region, c.cache.Architecture, c.cache.OSType} {
		key = strconv.AppendQuote(key, part)
	}
	for i, ref := range c.cache.Images {
		digest := c.cache.contentDigest(ref)
		key = append(append(key, '\n'), ref...)
		key = strconv.AppendInt(append(key, ' '), int64(c.states[i].staleness), 10)
		key = append(append(key, ' '), digest...)
		key = strconv.AppendInt(append(key, ' '), int64(m.content(ref, digest, c.cache.CreationTime)), 10)
	}
	t.keySpace = key
	return key
}

// add makes a shape of a cache.
func (t *shapes) add(c *stored) int {
	like := c.cache
	like.Status, like.ExpireTime = StatusReady, time.Time{}
	like.Images, like.Contents = nil, nil
	s := shape{images: c.cache.Images}
	for i, ref := range c.cache.Images {
		state := c.states[i].staleness
		s.states = append(s.states, state)
		shown, digest := t.seen(ref, c.cache.contentDigest(ref), state)
		like.Images = append(like.Images, shown)
		if digest != "" {
			like.Contents = append(like.Contents, Content{shown, digest})
		}
	}
	p := t.picker
	p.caches = append(p.caches, like)
	held := make([]heldImage, len(like.Images))
	for i, ref := range like.Images {
		held[i] = p.m.held(&like, ref)
		if on := t.shelf(held[i].repository); !c.namedOnly && !slices.Contains(s.shelves, on) {
			s.shelves = append(s.shelves, on)
		}
	}
	p.held = append(p.held, held)
	t.all = append(t.all, s)
	return len(t.all) - 1
}

// supersededDigest stands for a content that is not known any more.
const supersededDigest = "superseded"

// seen is how the Picker sees an image of a cache: one that a release left behind
// as another tag of its repository, which no reference can be, or as the same tag
// with a digest that is not known.
func (t *shapes) seen(reference, digest string, state staleness) (as, asDigest string) {
	switch state {
	case superseded:
		older := reference + " before its release"
		n := t.picker.m.name(reference)
		n.Tag, n.Digest = older, ""
		t.picker.m.names[older] = n
		return older, ""
	case moved:
		return reference, supersededDigest
	}
	return reference, digest
}

// contentDigest is what a reference is said to have meant when the cache was
// built; empty when that is not said.
func (c *Cache) contentDigest(reference string) string {
	for i := range c.Contents {
		if c.Contents[i].Reference == reference {
			return c.Contents[i].Digest
		}
	}
	return ""
}

// listKey is a key of references in their order; none holds a line end.
func listKey(references []string) string { return strings.Join(references, "\n") }
