package matcher

import "slices"

// A Search asks an Index. It has space of its own, so that searches may run at
// the same time, one by each Search.
type Search struct {
	x *Index
	// classes are those of the image in question, rarest first, with the bytes
	// of its layers in each.
	classes []weighed
}

// weighed is a class with the compressed bytes that an image has in it, and the
// bytes that it has in this class and those after it.
type weighed struct {
	class       uint32
	caches      int32
	bytes, rest int64
}

// Search returns a Search of the Index.
func (x *Index) Search() *Search { return &Search{x: x, classes: make([]weighed, 0, 64)} }

// Best is the cache that shares most compressed bytes with an image; of several
// the one with the lowest number; none (-1) where no cache shares a byte.
type Best struct {
	Cache       int
	SharedBytes int64
}

// holds says whether some cache has or had a layer.
func (x *Index) holds(layer uint32) bool {
	return int(layer) < len(x.layers) && x.layers[layer].class != 0
}

// Best answers for an image of distinct layers.
func (s *Search) Best(image []uint32) Best {
	s.weigh(image)
	return s.best()
}

// weigh finds the classes of the image's layers.
func (s *Search) weigh(image []uint32) {
	x, list := s.x, s.classes[:0]
	for _, l := range image {
		if !x.holds(l) {
			continue
		}
		entry := x.layers[l]
		if entry.bytes == 0 {
			continue
		}
		bytes := int64(entry.bytes)
		if entry.bytes == largeLayer {
			bytes = x.large[l]
		}
		// Layers of a chain come class by class, so the last is the likely one.
		i := len(list) - 1
		for i >= 0 && list[i].class != entry.class {
			i--
		}
		if i >= 0 {
			list[i].bytes += bytes
		} else if n := len(x.classes[entry.class].caches); n > 0 {
			list = append(list, weighed{class: entry.class, caches: int32(n), bytes: bytes})
		}
	}
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && list[j].caches < list[j-1].caches; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	var rest int64
	for i := len(list) - 1; i >= 0; i-- {
		rest += list[i].bytes
		list[i].rest = rest
	}
	s.classes = list
}

// best looks, class by class from the rarest, for a cache that shares more than
// the best so far. A cache of a later class that is in no earlier one shares at
// most the rest, so the search ends when the rest is less. A cache that has the
// whole rest cannot be beaten: later ones of its class have higher numbers.
func (s *Search) best() Best {
	best := Best{Cache: -1}
	for i := range s.classes {
		w := &s.classes[i]
		if w.rest < best.SharedBytes {
			break
		}
		for _, cache := range s.x.classes[w.class].caches {
			shared := s.shared(cache, i, best.SharedBytes)
			if shared > best.SharedBytes || shared == best.SharedBytes && int(cache) < best.Cache {
				best = Best{int(cache), shared}
			}
			if shared == w.rest {
				break
			}
		}
	}
	return best
}

// shared counts what a cache of class i shares in it and those after it; less
// than it is, once it cannot reach enough.
func (s *Search) shared(cache uint32, i int, enough int64) int64 {
	shared := s.classes[i].bytes
	for j := i + 1; j < len(s.classes); j++ {
		w := &s.classes[j]
		if shared+w.rest < enough {
			break
		}
		if s.x.has(&s.x.classes[w.class], cache) {
			shared += w.bytes
		}
	}
	return shared
}

// BestOfAll answers for many images at once: answers[i] for images[i]. Images
// that differ only in layers that no cache holds have the same answer: it is
// looked up by the topmost layer that some cache holds, and taken over from an
// earlier image whose layers up to there are the same.
func (s *Search) BestOfAll(images [][]uint32, answers []Best) {
	earlier := make([]uint32, len(s.x.layers))
	for i, image := range images {
		top := s.top(image)
		if top < 0 {
			answers[i] = Best{Cache: -1}
			continue
		}
		last := &earlier[image[top]]
		if *last > 0 && slices.Equal(s.upTo(images[*last-1], top), image[:top+1]) {
			answers[i] = answers[*last-1]
			continue
		}
		*last = uint32(i + 1)
		answers[i] = s.Best(image[:top+1])
	}
}

// top is the position of the last layer of an image that some cache holds, -1
// where none is.
func (s *Search) top(image []uint32) int {
	for i := len(image) - 1; i >= 0; i-- {
		if s.x.holds(image[i]) {
			return i
		}
	}
	return -1
}

// upTo is an image up to a position, whole where it is shorter.
func (s *Search) upTo(image []uint32, top int) []uint32 { return image[:min(top+1, len(image))] }
