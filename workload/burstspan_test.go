package workload

import (
	"testing"
	"time"
)

// TestBurstLastsFromFirstToLast: 100 starts within 10 s, on two days, are bursts of 10 s, also
// where they lie across two of the bins that tell them.
func TestBurstLastsFromFirstToLast(t *testing.T) {
	midnight := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).Unix() // a Monday
	for _, offset := range []int64{2*3600 + 17, 2*3600 + 295} {
		var b burstFinder
		for d := range int64(2) {
			for i := range int64(101) {
				b.add(midnight+d*86400+offset+i/10, 1)
			}
		}
		b.restart()
		got := b.bursts(48 * time.Hour)
		if len(got) != 1 || got[0].Count != 101 || got[0].Within != 10*time.Second || got[0].First != time.Duration(offset)*time.Second {
			t.Errorf("from %d s: %+v", offset, got)
		}
	}
}
