package table

import "slices"

// Heap holds values of which the first by Before is on top.
type Heap[T any] struct {
	Before func(a, b *T) bool
	items  []T
}

// Len is how many values there are.
func (h *Heap[T]) Len() int { return len(h.items) }

// Top is the first value, to be looked at, or changed and then Fixed.
func (h *Heap[T]) Top() *T { return &h.items[0] }

// Clone is a Heap with the same values.
func (h *Heap[T]) Clone() Heap[T] { return Heap[T]{h.Before, slices.Clone(h.items)} }

// All are the values, in no order, to be looked at.
func (h *Heap[T]) All() []T { return h.items }

// Push adds a value.
func (h *Heap[T]) Push(x T) {
	h.items = append(h.items, x)
	i := len(h.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h.Before(&x, &h.items[parent]) {
			break
		}
		h.items[i] = h.items[parent]
		i = parent
	}
	h.items[i] = x
}

// Pop takes the first value.
func (h *Heap[T]) Pop() T {
	top := h.items[0]
	last := len(h.items) - 1
	h.items[0] = h.items[last]
	var zero T
	h.items[last] = zero
	if h.items = h.items[:last]; last > 0 {
		h.Fix()
	}
	return top
}

// Fix puts the value on top, which has changed, in its place.
func (h *Heap[T]) Fix() {
	i, n := 0, len(h.items)
	x := h.items[0]
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if right := child + 1; right < n && h.Before(&h.items[right], &h.items[child]) {
			child = right
		}
		if !h.Before(&h.items[child], &x) {
			break
		}
		h.items[i] = h.items[child]
		i = child
	}
	h.items[i] = x
}
