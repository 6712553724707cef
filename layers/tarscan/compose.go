package tarscan

// Composition is what happens to a layer's files, and what it does to those of
// lower layers, when an image's layers are laid over each other. All bytes are
// contents of regular files, unpacked.
//
// Contents count as hidden once no path leads to them any more: a file with
// several hard links stays until the last is gone.
type Composition struct {
	// OverwrittenBytes are contents of lower layers that this one replaces at the
	// same path; of several hard links that go in one layer, at one of theirs.
	OverwrittenBytes int64
	// DeletedBytes are contents of lower layers that this one removes by a
	// whiteout, an opaque directory, or something else where a directory was.
	DeletedBytes int64
	// RepeatedBytes are the layer's own contents that it replaces itself.
	RepeatedBytes int64
	// HiddenBytes are the layer's own contents that nobody sees in the image:
	// RepeatedBytes and what layers above overwrite or delete.
	HiddenBytes int64
}

// WastedBytes is what an image carries and nobody sees.
func WastedBytes(layers []Composition) int64 {
	var sum int64
	for _, c := range layers {
		sum += c.HiddenBytes
	}
	return sum
}

// Compose lays an image's layers over each other, base layer first, and returns
// what that does to each. A nil Footprint is a layer of which nothing is known:
// it counts as empty, and the sums are lower bounds.
//
// Symbolic links are not followed: where a lower layer has a link lib to usr/lib,
// lib/x does not replace usr/lib/x.
func Compose(layers []*Footprint) []Composition {
	c := composer{
		layers:   make([]Composition, len(layers)),
		nodes:    make(map[pathHash]node),
		children: make(map[pathHash][]pathHash),
	}
	for i, f := range layers {
		if f != nil {
			c.lay(i, f)
		}
	}
	return c.layers
}

// composer holds the file system as it looks so far.
type composer struct {
	layers   []Composition
	layer    int // that is being laid
	nodes    map[pathHash]node
	children map[pathHash][]pathHash // may name what is gone again
	contents []content
	// gone are contents that the layer took the last link off.
	gone []int
	// touched are contents of which the layer replaced a path.
	touched []int
}

// node is a path that exists.
type node struct {
	parent pathHash
	kind   pathKind
	// content is a position in contents, -1 for none.
	content int
}

// content is a file's, with the layer that it comes from.
type content struct {
	bytes int64
	layer int
	links int
	// overwritten says that the layer being laid replaced a path of it.
	overwritten bool
}

// lay puts a layer on top. What it hides of lower layers goes first, since that
// never touches its own entries; links come last, since they need their targets.
func (c *composer) lay(i int, f *Footprint) {
	c.layer = i
	c.layers[i].RepeatedBytes += f.repeatedBytes
	c.layers[i].HiddenBytes += f.repeatedBytes
	for _, e := range f.paths {
		switch e.kind() {
		case hidden:
			c.remove(e.path)
		case hiddenBelow:
			c.removeBelow(e.path)
		}
	}
	links := make(map[pathHash]pathHash)
	for _, e := range f.paths {
		switch e.kind() {
		case hidden, hiddenBelow:
		case linked:
			links[e.path] = pathHash(e.value())
		case regular:
			c.contents = append(c.contents, content{bytes: int64(e.value()), layer: i})
			c.put(e, len(c.contents)-1)
		default:
			c.put(e, -1)
		}
	}
	for _, e := range f.paths {
		if e.kind() == linked {
			c.put(e, c.target(links, e.path))
		}
	}
	c.book()
}

// book counts what the layer took the last link off, once all of it is laid: the
// order of its paths must not matter.
func (c *composer) book() {
	for _, i := range c.gone {
		gone := c.contents[i]
		here := &c.layers[c.layer]
		switch {
		case gone.layer == c.layer:
			here.RepeatedBytes += gone.bytes
		case gone.overwritten:
			here.OverwrittenBytes += gone.bytes
		default:
			here.DeletedBytes += gone.bytes
		}
		c.layers[gone.layer].HiddenBytes += gone.bytes
	}
	c.gone = c.gone[:0]
	for _, i := range c.touched {
		c.contents[i].overwritten = false
	}
	c.touched = c.touched[:0]
}

// target returns the content that a hard link leads to, -1 for none. Links to
// links of the same layer are followed a few steps: writers of tars link to the
// first name.
func (c *composer) target(links map[pathHash]pathHash, link pathHash) int {
	for range 8 {
		to := links[link]
		if _, again := links[to]; !again {
			if n, ok := c.nodes[to]; ok {
				return n.content
			}
			return -1
		}
		link = to
	}
	return -1
}

// put makes the path lead to what the layer has there.
func (c *composer) put(e pathEntry, content int) {
	old, exists := c.nodes[e.path]
	if exists && e.kind() == impliedFolder {
		return
	}
	if content >= 0 {
		c.contents[content].links++
	}
	if exists {
		if isFolder(old.kind) && !isFolder(e.kind()) {
			c.removeBelow(e.path)
		}
		if old.content >= 0 {
			c.contents[old.content].overwritten = true
			c.touched = append(c.touched, old.content)
		}
		c.release(old.content)
	} else {
		c.children[e.parent] = append(c.children[e.parent], e.path)
	}
	c.nodes[e.path] = node{e.parent, e.kind(), content}
}

func isFolder(k pathKind) bool { return k == folder || k == impliedFolder }

// remove deletes a path and all below it.
func (c *composer) remove(path pathHash) {
	gone := []pathHash{path}
	for len(gone) > 0 {
		last := len(gone) - 1
		p := gone[last]
		gone = gone[:last]
		if n, ok := c.nodes[p]; ok {
			delete(c.nodes, p)
			c.release(n.content)
			gone = append(gone, c.children[p]...)
			delete(c.children, p)
		}
	}
}

// removeBelow deletes what is in a directory.
func (c *composer) removeBelow(path pathHash) {
	below := c.children[path]
	delete(c.children, path)
	for _, p := range below {
		if p != path { // the root is its own parent
			c.remove(p)
		}
	}
}

// release takes one link off a content.
func (c *composer) release(content int) {
	if content < 0 {
		return
	}
	if c.contents[content].links--; c.contents[content].links == 0 {
		c.gone = append(c.gone, content)
	}
}
