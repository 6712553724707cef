package main

import (
	"bytes"
	"testing"
	"time"
)

// TestStageLine: what is being done is told at once, after a second with the time, and
// where it is counted with the rate and the time left; a new stage begins anew.
func TestStageLine(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	line := &stageLine{to: &out, now: func() time.Time { return at }}
	defer line.pause()
	for _, step := range []struct {
		name string
		wait time.Duration
		do   func()
		want string
	}{
		{"begin", 0, func() { line.show("choosing caches for 3 apps") }, "choosing caches for 3 apps…"},
		{"beat", 2 * time.Second, line.beat, "choosing caches for 3 apps… 2s"},
		{"another", time.Second, func() { line.show("simulating arm cold") }, "simulating arm cold…"},
		{"counted", 2 * time.Second, func() { line.show("simulating arm cold: 10 % of 5000 starts") }, "simulating arm cold: 10 % of 5000 starts, 250/s, 18s left"},
		{"further", 2 * time.Second, func() { line.show("simulating arm cold: 50 % of 5000 starts") }, "simulating arm cold: 50 % of 5000 starts, 625/s, 4s left"},
		{"slower", 4 * time.Second, line.beat, "simulating arm cold: 50 % of 5000 starts, 312/s, 8s left"},
		{"next arm", time.Second, func() { line.show("simulating arm cached: 0 % of 5000 starts") }, "simulating arm cached: 0 % of 5000 starts…"},
		{"nothing done", 3 * time.Second, line.beat, "simulating arm cached: 0 % of 5000 starts… 3s"},
		{"of another kind", time.Second, func() { line.show("fitting with some arms left out: 0 % of 10 fits") }, "fitting with some arms left out: 0 % of 10 fits…"},
		{"slow", 10 * time.Second, func() { line.show("fitting with some arms left out: 20 % of 10 fits") }, "fitting with some arms left out: 20 % of 10 fits, 0.2/s, 40s left"},
		{"pause", time.Second, func() { line.pause(); line.beat() }, ""},
	} {
		out.Reset()
		at = at.Add(step.wait)
		step.do()
		want := step.want
		if want != "" {
			want = clearLine + want
		}
		if got := out.String(); got != want {
			t.Errorf("%s: %q, want %q", step.name, got, want)
		}
	}
}
