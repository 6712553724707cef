package table

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestSparse: whatever is set, it holds what a map does; and its room is in
// proportion to what is not zero, not to all that ever was.
func TestSparse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Sparse[int]
		want, most := make(map[int32]int), 0
		for range rapid.IntRange(0, 2000).Draw(t, "changes") {
			id := rapid.Int32Range(0, 1<<rapid.IntRange(1, 30).Draw(t, "bits")).Draw(t, "id")
			value := rapid.IntRange(0, 2).Draw(t, "value")
			if want[id] = value; value == 0 {
				delete(want, id)
			}
			*s.At(id) = value
			most = max(most, len(want))
			if got := s.Find(id); *got != value {
				t.Fatalf("Find(%d) = %d, want %d", id, *got, value)
			}
		}
		got := make(map[int32]int)
		s.All(func(id int32, value int) { got[id] = value })
		if !maps.Equal(got, want) {
			t.Fatalf("it holds %v, want %v", got, want)
		}
		if len(s.slots) > max(1<<leastBits, 8*most) {
			t.Fatalf("%d slots for %d values at most", len(s.slots), most)
		}
	})
}

// TestSparseChurn: numbers that come and go leave no room behind.
func TestSparseChurn(t *testing.T) {
	var s Sparse[int]
	for id := range int32(1_000_000) {
		*s.At(id) = 1
		*s.At(max(0, id-100)) = 0
	}
	if len(s.slots) > 512 {
		t.Errorf("%d slots for 100 values", len(s.slots))
	}
}
