package matcher

import (
	"maps"
	"slices"
)

// Fork is a Store that stands as s does and goes its own way from here. Both count in the
// same Matcher's memory, so they are not safe to be used at the same time.
func (s *Store) Fork() *Store {
	f := *s
	known := make(map[*stored]*stored, len(s.byID))
	of := func(c *stored) *stored {
		if known[c] == nil {
			known[c] = c.fork()
		}
		return known[c]
	}
	f.caches, f.gone = make([]*stored, 0, len(s.byID)), 0
	for _, c := range s.caches {
		if !c.gone {
			f.caches = append(f.caches, of(c))
		}
	}
	f.byID, f.making = maps.Clone(s.byID), maps.Clone(s.making)
	for id, c := range f.byID {
		f.byID[id] = of(c)
	}
	for key, c := range f.making {
		f.making[key] = of(c)
	}
	f.due = slices.Clone(s.due)
	for i, c := range f.due {
		f.due[i] = of(c)
	}
	used := func(l *usageLink) *usageLink { return &of(l.c).used }
	f.automatic, f.manual = s.automatic.fork(used), s.manual.fork(used)
	f.evictable = s.evictable.fork(func(l *usageLink) *usageLink { return of(l.c).evictable })
	shelf := make(map[*shelf]*shelf)
	f.shapes = s.shapes.fork(of, shelf)
	f.groups = slices.Clone(s.groups)
	for i := range f.groups {
		f.groups[i].fork(shelf)
	}
	return &f
}

// fork is the cache in another Store; its images and contents are never changed in place.
func (c *stored) fork() *stored {
	f := *c
	f.used.c = &f
	if c.evictable != nil {
		f.evictable = &usageLink{c: &f, index: c.evictable.index}
	}
	f.states = slices.Clone(c.states)
	if c.next != nil {
		f.next = &update{images: c.next.images, states: slices.Clone(c.next.states)}
	}
	return &f
}

func (u *usage) fork(of func(*usageLink) *usageLink) usage {
	f := usage{links: slices.Clone(u.links), byCreation: u.byCreation}
	for i, l := range f.links {
		f.links[i] = of(l)
	}
	return f
}

// fork has the caches of another Store; shelves is filled with the new shelf of each.
func (t *shapes) fork(of func(*stored) *stored, shelves map[*shelf]*shelf) shapes {
	f := shapes{all: slices.Clone(t.all), byKey: maps.Clone(t.byKey), shelves: maps.Clone(t.shelves), serving: t.serving}
	picker := *t.picker
	picker.caches, picker.held = slices.Clone(picker.caches), slices.Clone(picker.held)
	picker.met, picker.seen = slices.Clone(picker.met), slices.Clone(picker.seen)
	f.picker = &picker
	for repository, on := range t.shelves {
		shelves[on] = &shelf{shapes: slices.Clone(on.shapes), changes: slices.Clone(on.changes)}
		f.shelves[repository] = shelves[on]
	}
	for i := range f.all {
		shape := &f.all[i]
		shape.caches, shape.shelves = slices.Clone(shape.caches), slices.Clone(shape.shelves)
		for k, c := range shape.caches {
			shape.caches[k] = of(c)
		}
		for k, on := range shape.shelves {
			shape.shelves[k] = shelves[on]
		}
	}
	return f
}

// fork goes to the new shelves, with what is known of their shapes.
func (a *asker) fork(shelves map[*shelf]*shelf) {
	a.shelves, a.seen, a.rank, a.found = slices.Clone(a.shelves), slices.Clone(a.seen), slices.Clone(a.rank), slices.Clone(a.found)
	for i, on := range a.shelves {
		a.shelves[i] = shelves[on]
	}
}
