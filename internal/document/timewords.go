package document

import (
	"fmt"
	"time"
)

// FormatTime writes a time for people, to the second, in the two units that suit: 3 days 4 h.
func FormatTime(d time.Duration) string {
	const day = 24 * time.Hour
	units := []struct {
		length time.Duration
		word   string
	}{{day, "days"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	d = d.Round(time.Second)
	for i, u := range units[:3] {
		if d < u.length {
			continue
		}
		next := units[i+1]
		d = d.Round(next.length)
		words := fmt.Sprintf("%d %s", d/u.length, u.word)
		if i == 0 && d/day == 1 {
			words = "1 day"
		}
		if rest := d % u.length / next.length; rest > 0 {
			words += fmt.Sprintf(" %d %s", rest, next.word)
		}
		return words
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
