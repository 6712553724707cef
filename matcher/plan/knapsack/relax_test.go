package knapsack

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestFirstOf: the first places are those that sorting gives.
func TestFirstOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		worths := rapid.SliceOfN(rapid.IntRange(0, 9), 1, 40).Draw(t, "worths")
		var list []ranked
		for j, w := range worths {
			list = append(list, ranked{int32(j), float64(w)})
		}
		places := rapid.IntRange(0, len(list)).Draw(t, "places")
		want := slices.Clone(list)
		order := func(x, y ranked) int { return cmp.Or(cmp.Compare(y.worth, x.worth), cmp.Compare(x.set, y.set)) }
		slices.SortFunc(want, order)
		list = rapid.Permutation(list).Draw(t, "order")
		firstOf(list, places)
		slices.SortFunc(list[:places], order)
		slices.SortFunc(list[places:], order)
		if !slices.Equal(list, want) {
			t.Errorf("%d first are %v, want %v", places, list[:places], want[:places])
		}
	})
}
