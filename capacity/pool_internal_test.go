package capacity

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestWaitsAreThoseOfAQueue: what is worked out by sorting is what comes of playing it: each
// start takes the instance that is ready first, or waits for it, and one is begun in its
// place.
func TestWaitsAreThoseOfAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, warm := rapid.IntRange(1, 30).Draw(t, "n"), rapid.IntRange(0, 12).Draw(t, "warm")
		var arrivals []arrival
		at := time.Duration(0)
		for range n {
			at += time.Duration(rapid.IntRange(0, 5).Draw(t, "gap")) * time.Second
			arrivals = append(arrivals, arrival{at, time.Duration(rapid.IntRange(0, 20).Draw(t, "takes")) * time.Second})
		}
		// Played second by second: who waits, in order; what is begun, with its end.
		free, got := warm, make([]time.Duration, n)
		var queue []int
		var begun []time.Duration
		next := 0
		for now := time.Duration(0); next < n || len(queue) > 0; now += time.Second {
			for next < n && arrivals[next].at == now {
				begun = append(begun, now+arrivals[next].takes)
				queue = append(queue, next)
				next++
			}
			begun = slices.DeleteFunc(begun, func(end time.Duration) bool {
				if end <= now {
					free++
				}
				return end <= now
			})
			for free > 0 && len(queue) > 0 {
				got[queue[0]] = now - arrivals[queue[0]].at
				queue, free = queue[1:], free-1
			}
		}
		if want := waits(arrivals, warm, 0); !slices.Equal(got, want) {
			t.Fatalf("%d warm, %v: played %v, worked out %v", warm, arrivals, got, want)
		}
		for i, w := range waits(arrivals, warm+1, time.Second) {
			if w > got[i]+time.Second || w < time.Second {
				t.Fatalf("one more warm instance makes start %d wait %v after %v", i, w, got[i])
			}
		}
	})
}

func TestParseSLO(t *testing.T) {
	for text, want := range map[string]SLO{"p99<=20s": {"p99", 20 * time.Second}, " mean <= 1.5m ": {"mean", 90 * time.Second}, "slowest<500ms": {"slowest", 500 * time.Millisecond}} {
		if got, err := ParseSLO(text); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"": "has no <=", "p99=20s": "has no <=", "p98<=20s": `"p98" is no figure`, "p99<=": "time", "p99<=0s": "not above 0", "p99<=-1s": "negative"} {
		if _, err := ParseSLO(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
