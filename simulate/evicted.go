package simulate

// evicted notes that an image has gone from a full disk, for a start's pull: what
// the node no longer has of it would be fetched again.
func (n *node) evicted(e *engine, image int, s *startup) {
	s.evicted++
	for j, l := range e.w.inv.Images[image].Layers {
		if n.chains.state(int(e.w.chainIDs[image][j])) == absent {
			n.blobs.at(l).evicted = true
		}
	}
}

// refetches counts a layer that has arrived once more for want of room.
func (n *node) refetches(e *engine, layer int32, s *startup) {
	if x := n.blobs.at(int(layer)); x.evicted {
		x.evicted = false
		s.refetched += e.w.layers[layer].compressed
	}
}
