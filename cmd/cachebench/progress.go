package main

import (
	"fmt"
	"io"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// progressLine is one line on a terminal that tells how far a part of the work
// is, once it has taken a second.
type progressLine struct {
	to   io.Writer
	now  func() time.Time
	what string
	// begun is when the part began, written when the line was last written.
	begun, written time.Time
}

// clearLine goes to the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

// refresh is how often the line is written at most.
const refresh = 100 * time.Millisecond

func (l *progressLine) show(p layers.Progress) {
	now := l.now()
	if p.What != l.what {
		l.what, l.begun = p.What, now
	}
	elapsed := now.Sub(l.begun)
	switch {
	case p.Done >= p.Total:
		fmt.Fprint(l.to, clearLine)
		return
	case elapsed < time.Second, now.Sub(l.written) < refresh:
		return
	}
	l.written = now
	rate := float64(p.Done) / elapsed.Seconds()
	fmt.Fprintf(l.to, clearLine+"%s", progressWords(p, rate))
	if rate > 0 {
		left := time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second))
		fmt.Fprintf(l.to, ", %s left", left.Round(time.Second))
	}
}

func progressWords(p layers.Progress, rate float64) string {
	if p.What == "layers" {
		return fmt.Sprintf("read %.0f of %.0f MB of layers, %.0f MB/s", float64(p.Done)/1e6, float64(p.Total)/1e6, rate/1e6)
	}
	return fmt.Sprintf("looked up %d of %d %s, %.0f/s", p.Done, p.Total, p.What, rate)
}
