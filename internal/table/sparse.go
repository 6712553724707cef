package table

import "slices"

// Sparse holds values for a few of many numbers from 0. A number that it does not
// hold has the zero value, and one whose value is zero again is forgotten in time.
// The zero Sparse is empty and ready to use.
type Sparse[T comparable] struct {
	// slots are open addressing with linear probing, at most three quarters full.
	slots []slot[T]
	used  int
	shift uint8 // of a hash to a slot
}

type slot[T comparable] struct {
	key   int32 // the number and 1; 0 is free
	value T
}

const leastBits = 3

// Find is the value of a number; nil stands for zero.
func (s *Sparse[T]) Find(id int32) *T {
	if len(s.slots) > 0 {
		if x := s.slot(id + 1); x.key != 0 {
			return &x.value
		}
	}
	return nil
}

// At is the value of a number, to be changed; it stays where it is until the next
// At.
func (s *Sparse[T]) At(id int32) *T {
	if x := s.Find(id); x != nil {
		return x
	}
	if s.used >= len(s.slots)/4*3 {
		s.rebuild()
	}
	s.used++
	x := s.slot(id + 1)
	x.key = id + 1
	return &x.value
}

// All calls do for each number whose value is not zero, in no order that tells.
func (s *Sparse[T]) All(do func(id int32, value T)) {
	var zero T
	for i := range s.slots {
		if x := &s.slots[i]; x.value != zero {
			do(x.key-1, x.value)
		}
	}
}

// Clone is a Sparse with the same values.
func (s *Sparse[T]) Clone() Sparse[T] {
	c := *s
	c.slots = slices.Clone(s.slots)
	return c
}

// slot is that of a key, or the free one where it would be.
func (s *Sparse[T]) slot(key int32) *slot[T] {
	const golden = 2654435769 // 2^32 over the golden ratio: Fibonacci hashing
	for i := uint32(key) * golden >> s.shift; ; i = (i + 1) & uint32(len(s.slots)-1) {
		if x := &s.slots[i]; x.key == key || x.key == 0 {
			return x
		}
	}
}

// rebuild forgets what is zero and makes room for as much again.
func (s *Sparse[T]) rebuild() {
	var zero T
	live := 0
	for i := range s.slots {
		if s.slots[i].value != zero {
			live++
		}
	}
	bits := uint8(leastBits)
	for 1<<bits/8*3 < live {
		bits++
	}
	old := s.slots
	s.slots, s.shift, s.used = make([]slot[T], 1<<bits), 32-bits, live
	for i := range old {
		if x := &old[i]; x.value != zero {
			*s.slot(x.key) = *x
		}
	}
}
