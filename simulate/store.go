package simulate

import "math/bits"

// chain is the state of a chain on the node, blob that of a layer's blob.
func (n *node) chain(e *engine, c int32) uint8 {
	p := e.w.segments.Chains[c]
	if x := n.store.Find(p.Segment()); x != nil {
		return x.chains.state(p.Bit())
	}
	return absent
}

func (n *node) blob(e *engine, l int32) uint8 {
	p := e.w.segments.Layers[l]
	if x := n.store.Find(p.Segment()); x != nil {
		return x.blobs.state(p.Bit())
	}
	return absent
}

func (n *node) chainAt(e *engine, c int32) (h *holding, bit uint32) {
	p := e.w.segments.Chains[c]
	return &n.store.At(p.Segment()).chains, p.Bit()
}

func (n *node) blobAt(e *engine, l int32) (h *holding, bit uint32) {
	p := e.w.segments.Layers[l]
	return &n.store.At(p.Segment()).blobs, p.Bit()
}

func (n *node) claimChain(e *engine, c int32) {
	h, bit := n.chainAt(e, c)
	h.claimed |= bit
}

func (n *node) claimBlob(e *engine, l int32) {
	h, bit := n.blobAt(e, l)
	h.claimed |= bit
}

func (n *node) unclaimChain(e *engine, c int32) {
	h, bit := n.chainAt(e, c)
	h.claimed &^= bit
}

func (n *node) unclaimBlob(e *engine, l int32) {
	h, bit := n.blobAt(e, l)
	h.claimed &^= bit
}

// lacksAll says that nothing of an image is on the node or claimed; claimAll then
// claims all of it.
func (n *node) lacksAll(e *engine, image int) bool {
	for _, id := range e.w.segments.OfImage[image] {
		if x := n.store.At(id); x.chains.present|x.chains.claimed|x.blobs.present|x.blobs.claimed != 0 {
			return false
		}
	}
	return true
}

func (n *node) claimAll(e *engine, image int) {
	for _, id := range e.w.segments.OfImage[image] {
		x, facts := n.store.At(id), &e.w.segments.All[id]
		x.chains.claimed = facts.AllChains()
		x.blobs.claimed = facts.Blobs
	}
}

// setChain notes that a chain is there, and whether it is on a disk made from a
// snapshot.
func (n *node) setChain(e *engine, c int32, unread bool) {
	h, bit := n.chainAt(e, c)
	if !h.set(bit) {
		return
	}
	n.bytes += e.w.chainBytes[c]
	if unread {
		if n.unread == nil {
			n.unread = make(map[int32]bool)
		}
		n.unread[c] = true
	}
}

func (n *node) setBlob(e *engine, l int32) {
	if h, bit := n.blobAt(e, l); h.set(bit) {
		n.bytes += e.w.layers[l].compressed
	}
}

// need notes that an image's chains, and its blobs, are needed so many times more,
// or less; what nobody needs goes. Blobs are needed by pulls, and by images where
// they are kept.
func (n *node) need(e *engine, image, chains, blobs int) {
	for _, id := range e.w.segments.OfImage[image] {
		x := n.store.At(id)
		goneChains, goneBlobs := x.chains.need(chains), x.blobs.need(blobs)
		if goneChains|goneBlobs == 0 {
			continue
		}
		facts := &e.w.segments.All[id]
		for b := goneChains; b != 0; b &= b - 1 {
			c := facts.Chains[bits.TrailingZeros32(b)]
			n.bytes -= e.w.chainBytes[c]
			delete(n.unread, c)
		}
		for b := goneBlobs; b != 0; b &= b - 1 {
			n.bytes -= e.w.layers[facts.Layers[bits.TrailingZeros32(b)]].compressed
		}
	}
}

// kept is how often an image that is held needs its blobs.
func (n *node) kept() int {
	if n.class.keep {
		return 1
	}
	return 0
}

func (n *node) lease(e *engine, image int)   { n.need(e, image, 1, 1) }
func (n *node) release(e *engine, image int) { n.need(e, image, -1, -1) }

// hold puts an image's layers on the node, unpacked; with their blobs where the
// runtime that filled the disk keeps them. Those of a disk made from a snapshot, as a
// cache's, are unread.
func (n *node) hold(e *engine, image int, unread bool) {
	if n.images.has(image) {
		n.images.touch(image)
	} else {
		n.images.add(image, false)
		n.need(e, image, 1, n.kept())
		for j, c := range e.w.chainIDs[image] {
			layer := e.w.inv.Images[image].Layers[j]
			n.setChain(e, c, unread)
			if n.class.keep {
				n.setBlob(e, int32(layer))
			}
			n.gone.clear(layer)
		}
	}
	n.wake(e)
}

// holdPulled makes an image that was pulled one that the node holds, which a start
// uses; the image needs from then on what the pull did.
func (n *node) holdPulled(e *engine, image int) {
	if n.images.has(image) {
		n.images.use(image)
		n.release(e, image)
		return
	}
	n.images.add(image, true)
	if !n.class.keep {
		n.need(e, image, 0, -1)
	}
}

// leave ends a start's use of its images.
func (n *node) leave(t *template) {
	for i := range t.pulls {
		n.images.leave(t.pulls[i].image)
	}
}

// count notes how many of a start's layers are present.
func (n *node) count(e *engine, s *startup, t *template) {
	if len(n.unread) == 0 && n.hasAll(t) {
		s.reused = int32(len(t.chains))
		return
	}
	for _, c := range t.chains {
		if n.chain(e, c) != present {
			s.missing++
			continue
		}
		s.reused++
		if t.cacheID != "" || n.unread[c] {
			e.aside(s).firstReadBytes += e.w.chainBytes[c]
			delete(n.unread, c)
		}
	}
}

func (n *node) hasAll(t *template) bool {
	for i := range t.pulls {
		if !n.images.has(t.pulls[i].image) {
			return false
		}
	}
	return true
}

// evict removes images that no start uses, least recently used first, when the
// disk is fuller than the high mark, until it is no fuller than the low one (the
// kubelet's image garbage collection). That is told of the start whose pull has
// filled the disk.
func (n *node) evict(e *engine, start int32) {
	disk := n.class.Node.DiskGiB.Value * (1 << 30)
	if float64(n.bytes) <= n.class.Node.HighFraction.Value*disk {
		return
	}
	low := n.class.Node.LowFraction.Value * disk
	for float64(n.bytes) > low {
		image, ok := n.images.drop()
		if !ok {
			return
		}
		n.need(e, image, -1, -n.kept())
		n.evicted(e, image, start)
	}
}
