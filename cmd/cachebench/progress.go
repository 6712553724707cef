package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// progressLine is one line on a terminal that tells how far a part of the work
// is, once it has taken a second. It goes on telling while nothing is done, so
// that a host that does not answer is seen.
type progressLine struct {
	to  io.Writer
	now func() time.Time

	mu   sync.Mutex
	last layers.Progress
	// begun is when the part began, moved when something of it was last done,
	// written when the line was last written.
	begun, moved, written time.Time
	// tick writes the line again; nil while there is none.
	tick *time.Timer
}

// clearLine goes to the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

const (
	// refresh is how often the line is written at most, heartbeat at least.
	refresh   = 100 * time.Millisecond
	heartbeat = time.Second
	// silence is for how long nothing is done before the line says so.
	silence = 5 * time.Second
)

func (l *progressLine) show(p layers.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if p.What != l.last.What || p.Total != l.last.Total {
		l.begun = now
	}
	l.last, l.moved = p, now
	if p.Done >= p.Total {
		l.stop()
		fmt.Fprint(l.to, clearLine)
		return
	}
	if l.tick == nil {
		l.tick = time.AfterFunc(heartbeat, l.beat)
	}
	l.write(now)
}

// beat writes the line again.
func (l *progressLine) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tick == nil {
		return
	}
	l.write(l.now())
	l.tick.Reset(heartbeat)
}

// pause keeps the line from being written until more is done.
func (l *progressLine) pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop()
}

func (l *progressLine) stop() {
	if l.tick != nil {
		l.tick.Stop()
		l.tick = nil
	}
}

func (l *progressLine) write(now time.Time) {
	elapsed := now.Sub(l.begun)
	if elapsed < time.Second || now.Sub(l.written) < refresh {
		return
	}
	l.written = now
	rate := float64(l.last.Done) / elapsed.Seconds()
	words := progressWords(l.last, rate)
	switch idle := now.Sub(l.moved); {
	case idle >= silence:
		words += fmt.Sprintf(", no answer for %s", idle.Round(time.Second))
	case rate > 0:
		left := time.Duration(float64(l.last.Total-l.last.Done) / rate * float64(time.Second))
		words += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	fmt.Fprint(l.to, clearLine+words)
}

func progressWords(p layers.Progress, rate float64) string {
	if p.What == "layers" {
		return fmt.Sprintf("read %.0f of %.0f MB of layers, %.0f MB/s", float64(p.Done)/1e6, float64(p.Total)/1e6, rate/1e6)
	}
	return fmt.Sprintf("looked up %d of %d %s, %.0f/s", p.Done, p.Total, p.What, rate)
}
