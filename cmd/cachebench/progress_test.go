package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// TestProgressLine: the line comes after a second, says when nothing is
// answered, goes when the part is done, and stays away while others write.
func TestProgressLine(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	line := &progressLine{to: &out, now: func() time.Time { return at }}
	defer line.pause()
	show := func(done int64) {
		line.show(layers.Progress{What: "images", Done: done, Total: 10})
	}
	for _, step := range []struct {
		name string
		wait time.Duration
		do   func()
		want string
	}{
		{"begin", 0, func() { show(0) }, ""},
		{"too early", 900 * time.Millisecond, func() { show(1) }, ""},
		{"after a second", 100 * time.Millisecond, func() { show(2) }, clearLine + "looked up 2 of 10 images, 2/s, 4s left"},
		{"too soon again", 50 * time.Millisecond, func() { show(3) }, ""},
		{"beat", 950 * time.Millisecond, line.beat, clearLine + "looked up 3 of 10 images, 2/s, 5s left"},
		{"silence", 10 * time.Second, line.beat, clearLine + "looked up 3 of 10 images, 0/s, no answer for 11s"},
		{"pause", time.Second, func() { line.pause(); line.beat() }, ""},
		{"more is done", time.Second, func() { show(5) }, clearLine + "looked up 5 of 10 images, 0/s, 14s left"},
		{"done", time.Second, func() { show(10); line.beat() }, clearLine},
	} {
		out.Reset()
		at = at.Add(step.wait)
		step.do()
		if got := out.String(); got != step.want {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
	}
}
