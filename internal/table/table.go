// Package table holds numbered values that come and go: they stand in blocks that
// do not move, and a number that was given back is given out again.
package table

// Table is a table of values numbered from 0. The zero value is empty and ready to
// use.
type Table[T any] struct {
	blocks [][]T
	used   int
	free   []int32
}

const (
	blockBits = 8
	blockMask = 1<<blockBits - 1
)

// At is the value of a number that was taken; it stays where it is.
func (t *Table[T]) At(id int32) *T { return &t.blocks[id>>blockBits][id&blockMask] }

// Used is how many numbers there have been at once at most: all are below it.
func (t *Table[T]) Used() int { return t.used }

// Len is how many numbers are taken.
func (t *Table[T]) Len() int { return t.used - len(t.free) }

// Take returns the number of a value, which is as it was left.
func (t *Table[T]) Take() int32 {
	if last := len(t.free) - 1; last >= 0 {
		id := t.free[last]
		t.free = t.free[:last]
		return id
	}
	if t.used>>blockBits == len(t.blocks) {
		t.blocks = append(t.blocks, make([]T, 1<<blockBits))
	}
	t.used++
	return int32(t.used - 1)
}

// Give gives a number back.
func (t *Table[T]) Give(id int32) { t.free = append(t.free, id) }
