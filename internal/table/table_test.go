package table

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTable: values stand where they stood, a number is not given out twice, and
// the one given back last is the next one out.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table Table[int]
		taken := map[int32]*int{}
		var back []int32
		for range rapid.IntRange(0, 2000).Draw(t, "steps") {
			if len(taken) > 0 && rapid.IntRange(0, 4).Draw(t, "give") == 0 {
				for id := range int32(table.Used()) { // the first that is taken
					if taken[id] != nil {
						table.Give(id)
						delete(taken, id)
						back = append(back, id)
						break
					}
				}
			} else {
				id := table.Take()
				if taken[id] != nil {
					t.Fatalf("number %d is given out twice", id)
				}
				if last := len(back) - 1; last >= 0 {
					if id != back[last] {
						t.Fatalf("number %d is given out, not %d, which was given back last", id, back[last])
					}
					back = back[:last]
				}
				taken[id] = table.At(id)
				*taken[id] = int(id)
			}
			if table.Len() != len(taken) || table.Used() != len(taken)+len(back) {
				t.Fatalf("%d of %d numbers are taken, not %d of %d", table.Len(), table.Used(), len(taken), len(taken)+len(back))
			}
		}
		for id, value := range taken {
			if table.At(id) != value || *value != int(id) {
				t.Fatalf("value %d has moved or changed", id)
			}
		}
	})
}
