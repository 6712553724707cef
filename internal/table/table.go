// Package table holds numbered values that come and go: they stand in blocks that
// do not move, and a number that was given back is given out again.
package table

// Table is a table of values numbered from 0. The zero value is empty and ready to
// use.
type Table[T any] struct {
	blocks []*[blockSize]T
	used   int
	// free are the numbers given back, in blocks too, so that nothing is copied
	// and left behind as the table grows.
	free  []*[blockSize]int32
	given int
}

const (
	blockBits = 8
	blockSize = 1 << blockBits
	blockMask = blockSize - 1
)

// At is the value of a number that was taken; it stays where it is.
func (t *Table[T]) At(id int32) *T { return &t.blocks[id>>blockBits][id&blockMask] }

// Reset gives all numbers back; values are as they were left.
func (t *Table[T]) Reset() { t.used, t.given = 0, 0 }

// Used is how many numbers there have been at once at most: all are below it.
func (t *Table[T]) Used() int { return t.used }

// Len is how many numbers are taken.
func (t *Table[T]) Len() int { return t.used - t.given }

// Take returns the number of a value, which is as it was left: the one given back
// last, where there is one.
func (t *Table[T]) Take() int32 {
	if t.given > 0 {
		t.given--
		return t.free[t.given>>blockBits][t.given&blockMask]
	}
	if t.used>>blockBits == len(t.blocks) {
		t.blocks = append(t.blocks, new([blockSize]T))
	}
	t.used++
	return int32(t.used - 1)
}

// Give gives a number back.
func (t *Table[T]) Give(id int32) {
	if t.given>>blockBits == len(t.free) {
		t.free = append(t.free, new([blockSize]int32))
	}
	t.free[t.given>>blockBits][t.given&blockMask] = id
	t.given++
}
