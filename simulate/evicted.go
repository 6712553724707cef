package simulate

// evictions are what full disks did to a start; few starts have any.
type evictions struct {
	images    int32 // that went for its pulls
	refetched int64 // compressed bytes, of what it fetched
}

// gone has a bit for each layer that was on a node and went with an image from its
// full disk.
type gone []uint64

func (g gone) has(layer int) bool { return layer>>6 < len(g) && g[layer>>6]&(1<<(layer&63)) != 0 }

func (g *gone) set(layer int) {
	for len(*g) <= layer>>6 {
		*g = append(*g, 0)
	}
	(*g)[layer>>6] |= 1 << (layer & 63)
}

func (g gone) clear(layer int) {
	if g.has(layer) {
		g[layer>>6] &^= 1 << (layer & 63)
	}
}

// evicted notes that an image has gone from a full disk, for a start's pull: what
// the node no longer has of it would be fetched again.
func (n *node) evicted(e *engine, image int, start int32) {
	x := e.evictions[start]
	x.images++
	e.setEvictions(start, x)
	for j, l := range e.w.inv.Images[image].Layers {
		if n.chain(e, e.w.chainIDs[image][j]) == absent {
			n.gone.set(l)
		}
	}
}

// refetches counts a layer that has arrived once more for want of room.
func (n *node) refetches(e *engine, layer, start int32) {
	if n.gone.has(int(layer)) {
		n.gone.clear(int(layer))
		x := e.evictions[start]
		x.refetched += e.w.layers[layer].compressed
		e.setEvictions(start, x)
	}
}

func (e *engine) setEvictions(start int32, x evictions) {
	if e.evictions == nil {
		e.evictions = make(map[int32]evictions)
	}
	e.evictions[start] = x
}
