package table

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestHeap: what comes out is what a sorted list has first.
func TestHeap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Heap[int]{Before: func(a, b *int) bool { return *a < *b }}
		var want []int
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			x := rapid.IntRange(0, 50).Draw(t, "value")
			switch step := rapid.IntRange(0, 3).Draw(t, "step"); {
			case step < 2:
				h.Push(x)
				want = append(want, x)
			case len(want) == 0:
			case step == 2:
				if got := h.Pop(); got != want[0] {
					t.Fatalf("Pop() = %d, want %d", got, want[0])
				}
				want = want[1:]
			default:
				*h.Top() = x
				h.Fix()
				want[0] = x
			}
			slices.Sort(want)
			if h.Len() != len(want) || len(want) > 0 && *h.Top() != want[0] {
				t.Fatalf("%d values, want %v", h.Len(), want)
			}
		}
	})
}
