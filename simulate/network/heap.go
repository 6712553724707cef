package network

// heap is a 4-ary heap of numbered items by key, least first. Where an item
// stands is kept in a slice of positions by number, so that a key can change.
type heap struct{ items []item }

type item struct {
	key float64
	id  int32
}

func (h *heap) empty() bool { return len(h.items) == 0 }

// set inserts an item or changes its key.
func (h *heap) set(position []int32, id int32, key float64) {
	i := position[id]
	if i == none {
		h.items = append(h.items, item{key, id})
		h.up(position, int32(len(h.items)-1))
		return
	}
	old := h.items[i].key
	h.items[i].key = key
	if key < old {
		h.up(position, i)
	} else if key > old {
		h.down(position, i)
	}
}

// remove takes an item out; one that is not in stays out.
func (h *heap) remove(position []int32, id int32) {
	i := position[id]
	if i == none {
		return
	}
	position[id] = none
	last := len(h.items) - 1
	moved := h.items[last]
	h.items = h.items[:last]
	if int(i) == last {
		return
	}
	old := h.items[i].key
	h.items[i] = moved
	if moved.key < old {
		h.up(position, i)
	} else {
		h.down(position, i)
	}
}

func (h *heap) up(position []int32, i int32) {
	x := h.items[i]
	for i > 0 {
		parent := (i - 1) >> 2
		if h.items[parent].key <= x.key {
			break
		}
		h.items[i] = h.items[parent]
		position[h.items[i].id] = i
		i = parent
	}
	h.items[i] = x
	position[x.id] = i
}

func (h *heap) down(position []int32, i int32) {
	x := h.items[i]
	n := int32(len(h.items))
	for {
		child := 4*i + 1
		if child >= n {
			break
		}
		least := child
		for c := child + 1; c < min(child+4, n); c++ {
			if h.items[c].key < h.items[least].key {
				least = c
			}
		}
		if h.items[least].key >= x.key {
			break
		}
		h.items[i] = h.items[least]
		position[h.items[i].id] = i
		i = least
	}
	h.items[i] = x
	position[x.id] = i
}
