package simulate

type heldImage struct {
	image          int
	users          int
	previous, next *heldImage // among the idle
	idle           bool
}

// pages keep a small state for each of many numbers, most of them unused.
type pages [][]entry

type entry struct {
	refs  uint16
	state uint8
	// unread: present on a disk made from a snapshot, which is slow the first time.
	unread bool
}

// The states of a chain or a blob.
const (
	absent  = iota
	present // unpacked, or stored
	claimed // about to be, by a pull
)

const pageBits = 6

func (p *pages) at(id int) *entry {
	for len(*p) <= id>>pageBits {
		*p = append(*p, nil)
	}
	if (*p)[id>>pageBits] == nil {
		(*p)[id>>pageBits] = make([]entry, 1<<pageBits)
	}
	return &(*p)[id>>pageBits][id&(1<<pageBits-1)]
}

func (p pages) state(id int) uint8 {
	if id>>pageBits >= len(p) || p[id>>pageBits] == nil {
		return absent
	}
	return p[id>>pageBits][id&(1<<pageBits-1)].state
}

// addRefs notes that an image's layers are needed once more, or once less; a
// layer that nobody needs goes. Blobs are needed by pulls, and by images where
// they are kept.
func (n *node) addRefs(e *engine, image int, chains, blobs int) {
	for j, l := range e.w.inv.Images[image].Layers {
		c := int(e.w.chainIDs[image][j])
		x := n.chains.at(c)
		x.refs = uint16(int(x.refs) + chains)
		if x.refs == 0 && x.state == present {
			x.state = absent
			n.bytes -= e.w.chainBytes[c]
		}
		x = n.blobs.at(l)
		x.refs = uint16(int(x.refs) + blobs)
		if x.refs == 0 && x.state == present {
			x.state = absent
			n.bytes -= e.w.layers[l].compressed
		}
	}
}

func (n *node) lease(e *engine, image int)   { n.addRefs(e, image, 1, 1) }
func (n *node) release(e *engine, image int) { n.addRefs(e, image, -1, -1) }

// setChain notes that a chain is there, and whether it is on a disk made from a
// snapshot.
func (n *node) setChain(e *engine, c int, unread bool) {
	if x := n.chains.at(c); x.state != present {
		x.state, x.unread = present, unread
		n.bytes += e.w.chainBytes[c]
	}
}

func (n *node) setBlob(e *engine, l int) {
	if x := n.blobs.at(l); x.state != present {
		x.state = present
		n.bytes += e.w.layers[l].compressed
	}
}

// keep makes an image one that the node holds.
func (n *node) keep(e *engine, image int) *heldImage {
	h := n.images[image]
	if h == nil {
		h = &heldImage{image: image}
		n.images[image] = h
		kept := 0
		if n.class.keep {
			kept = 1
		}
		n.addRefs(e, image, 1, kept)
	}
	return h
}

// use notes that one more start uses an image.
func (n *node) use(e *engine, image int) {
	h := n.keep(e, image)
	h.users++
	n.unlist(h)
}

// leave ends a start's use of its images.
func (n *node) leave(e *engine, t *template) {
	for _, p := range t.pulls {
		if h := n.images[p.image]; h != nil {
			if h.users--; h.users == 0 {
				n.enlist(h)
			}
		}
	}
}

func (n *node) enlist(h *heldImage) {
	n.unlist(h)
	h.idle, h.previous, h.next = true, n.idleLast, nil
	if n.idleLast != nil {
		n.idleLast.next = h
	} else {
		n.idleFirst = h
	}
	n.idleLast = h
}

func (n *node) unlist(h *heldImage) {
	if !h.idle {
		return
	}
	if h.previous != nil {
		h.previous.next = h.next
	} else {
		n.idleFirst = h.next
	}
	if h.next != nil {
		h.next.previous = h.previous
	} else {
		n.idleLast = h.previous
	}
	h.idle, h.previous, h.next = false, nil, nil
}

// hold puts an image's layers on the node, unpacked; with their blobs where the
// runtime that filled the disk keeps them. Those of a disk made from a snapshot, as a
// cache's, are unread.
func (n *node) hold(e *engine, image int, unread bool) {
	h := n.keep(e, image)
	for j, l := range e.w.inv.Images[image].Layers {
		n.setChain(e, int(e.w.chainIDs[image][j]), unread)
		if n.class.keep {
			n.setBlob(e, l)
		}
	}
	if h.users == 0 {
		n.enlist(h)
	}
	n.wake(e)
}

// has says whether the node holds an image with all its layers.
func (n *node) has(e *engine, image int) bool {
	if n.images[image] == nil {
		return false
	}
	for _, c := range e.w.chainIDs[image] {
		if n.chains.state(int(c)) != present {
			return false
		}
	}
	return true
}

// count notes how many of a start's layers are present.
func (n *node) count(e *engine, s *startup, t *template) {
	for _, c := range t.chains {
		if n.chains.state(int(c)) != present {
			s.missing++
			continue
		}
		s.reused++
		if x := n.chains.at(int(c)); x.unread {
			s.firstReadBytes += e.w.chainBytes[c]
			x.unread = false
		}
	}
}

// evict removes images that no start uses, least recently used first, when the
// disk is fuller than the high mark, until it is no fuller than the low one (the
// kubelet's image garbage collection).
func (n *node) evict(e *engine) {
	disk := n.class.Node.DiskGiB.Value * (1 << 30)
	if float64(n.bytes) <= n.class.Node.HighFraction.Value*disk {
		return
	}
	low := n.class.Node.LowFraction.Value * disk
	for n.idleFirst != nil && float64(n.bytes) > low {
		h := n.idleFirst
		n.unlist(h)
		delete(n.images, h.image)
		kept := 0
		if n.class.keep {
			kept = -1
		}
		n.addRefs(e, h.image, -1, kept)
	}
}
