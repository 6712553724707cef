package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// eciUntil is the script command eci-until ACTION N: it waits until an action has made so
// many resources.
func eciUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: eci-until ACTION N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	server := ts.Value(eciKey{}).(map[string]*ecitest.Server)["server"]
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if server.Created(args[0]) >= want {
			return
		}
	}
	ts.Fatalf("%s has made %d, not %s", args[0], server.Created(args[0]), args[1])
}

// TestCompareMatches: an answer that is ours is no doubt; one that is not is told with
// both, and with the reading under which ours would agree.
func TestCompareMatches(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	cache := func(id string, gib int, minute time.Duration) eci.ImageCache {
		return eci.ImageCache{ID: id, Images: []string{"web:1"}, SizeGiB: gib, Status: eci.CacheReady, CreatedAt: at.Add(minute * time.Minute)}
	}
	// The one of 30 GiB is closest to the instance's storage, the other newer (eci §1.9).
	caches := []eci.ImageCache{cache("imc-30", 30, 0), cache("imc-20", 20, 5)}
	compare := compareMatches("cn-hangzhou")
	if got := compare(caches, []string{"web:1"}, []string{"imc-30", "imc-20"}); len(got) != 0 {
		t.Errorf("our own answer: %q", got)
	}
	got := compare(caches, []string{"web:1"}, []string{"imc-20", "imc-30"})
	if len(got) != 1 || !strings.HasPrefix(got[0], "the service matches imc-20, ours imc-30 (") || !strings.Contains(got[0], "ours would agree with --policy size=matched-bytes") {
		t.Errorf("another: %q", got)
	}
	if got := compare(caches, []string{"web:1"}, nil); len(got) != 1 || !strings.Contains(got[0], "matches no cache, ours imc-30 (it names none)") {
		t.Errorf("none: %q", got)
	}
}
