package main

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// TestFlashCopiesWantFlash: a number of local snapshots alone is not sent by an update
// either: nothing says that one without Flash makes any.
func TestFlashCopiesWantFlash(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	if _, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}}); err != nil {
		t.Fatal(err)
	}
	server.Advance(time.Hour)
	for _, args := range [][]string{{"--flash-copies", "2"}, {"--flash-copies", "2", "--flash=false"}} {
		code, _, errOut := program(server, append([]string{"cache", "update", "web", "--no-size-check", "--yes"}, args...)...)
		if code != exitUsage || !strings.Contains(errOut, "only --flash makes: give it too") || server.Count("UpdateImageCache") != 0 {
			t.Errorf("%v: exit code %d, %d sent: %s", args, code, server.Count("UpdateImageCache"), errOut)
		}
	}
	if code, _, errOut := program(server, "cache", "update", "web", "--no-size-check", "--yes", "--flash-copies", "2", "--flash"); code != exitDone {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

// TestEliminationStays: a file cannot end LRU; an apply says so and how it is tried, and
// builds nothing, however often.
func TestEliminationStays(t *testing.T) {
	restoreEnvironment(t)
	server, _ := newAccount(t)
	defer server.Close()
	if code, _, errOut := applied(t, server, "name: shop\ncaches: [{name: web-1, images: [\"nginx:1.27\"], sizeGiB: 20, eliminationStrategy: LRU}]\n", "--wait"); code != exitDone {
		t.Fatal(errOut)
	}
	for range 2 {
		code, out, errOut := applied(t, server, oldRelease, "--wait")
		if words := strings.Join(strings.Fields(out), " "); code != exitDone || !strings.Contains(words, `--elimination ""`) || server.Count("UpdateImageCache") != 0 {
			t.Errorf("exit code %d\n%s%s", code, out, errOut)
		}
	}
	if code, out, errOut := program(server, "cache", "update", "web-1", "--elimination", "", "--no-size-check", "--yes"); code != exitDone || server.Count("UpdateImageCache") != 1 {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
}
