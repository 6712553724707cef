package document

import (
	"testing"
	"time"
)

func TestFormatTime(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0 s", 90 * time.Second: "1 min 30 s", 59900 * time.Millisecond: "1 min", time.Hour: "1 h", 5*time.Hour + 20*time.Minute + 40*time.Second: "5 h 21 min",
		23*time.Hour + 59*time.Minute + 50*time.Second: "1 day", day + 10*time.Minute: "1 day", 3*day + 4*time.Hour: "3 days 4 h", 30 * day: "30 days",
		day + 23*time.Hour + 45*time.Minute: "2 days", 45 * time.Second: "45 s",
	} {
		if got := FormatTime(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
