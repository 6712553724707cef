//go:build unix

package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal: one that comes twice at once, as timeout sends it, is one; a later one
// is the second.
func TestSecondSignal(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	hurry, stop := secondSignal(ctx, 200*time.Millisecond)
	defer stop()
	send := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	send()
	end()
	send()
	select {
	case <-hurry:
		t.Fatal("a doubled signal is taken for a second one")
	case <-time.After(400 * time.Millisecond):
	}
	send()
	select {
	case <-hurry:
	case <-time.After(10 * time.Second):
		t.Error("the second signal is not seen")
	}
}
