package matcher

import (
	"slices"
	"testing"
)

// TestSensitivity: the readings that change a hand-made choice are named, and
// those alone; each really gives the answer that is told.
func TestSensitivity(t *testing.T) {
	// close is nearer in size, large holds the larger image; both one image each.
	caches := []Cache{cache("close", 30, day, "a:1"), cache("large", 100, day, "c:1")}
	g := group("a:1", "c:1")
	m := New(world(), "linux/amd64", now, DefaultPolicy())
	answer := m.Match(g, caches)
	if answer.CacheID != "close" {
		t.Fatalf("picked %s", answer.CacheID)
	}
	s := m.Sensitivity(caches)
	got := make(map[string]string)
	for _, r := range s.Readings(g, &answer) {
		got[r.Policy+"="+r.Value] = r.CacheID
		under := New(world(), "linux/amd64", now, policy(t, r.Policy+"="+r.Value)).Match(g, caches)
		if under.CacheID != r.CacheID || under.Reason != r.Reason {
			t.Errorf("%s=%s is told to pick %q (%s), and picks %q (%s)", r.Policy, r.Value, r.CacheID, r.Reason, under.CacheID, under.Reason)
		}
		if slices.Contains(r.Changes, "cache") != (r.CacheID != answer.CacheID) {
			t.Errorf("%s=%s picks %q, and changes %v", r.Policy, r.Value, r.CacheID, r.Changes)
		}
	}
	want := map[string]string{
		"size=matched-bytes": "large", // 16 bytes against 3
		"degree=layers":      "large", // 16 of 19 bytes
		"use-partial=false":  "",      // neither is whole
	}
	for reading, id := range want {
		if have, ok := got[reading]; !ok || have != id {
			t.Errorf("%s: %q %v, want %q", reading, have, ok, id)
		}
	}
	if have, ok := got["create-on-partial=false"]; !ok || have != "close" {
		t.Errorf("create-on-partial=false changes whether an automatic cache is made: %q %v", have, ok)
	}
	for _, same := range []string{"stale-tags=differ", "kinds=manual-first", "platform=any", "states=ready-or-updating", "strict-size=false"} {
		if _, ok := got[same]; ok {
			t.Errorf("%s is said to change the answer", same)
		}
	}
	if s.Tried() < len(got) || s.Tried() < 15 {
		t.Errorf("%d readings tried, %d change the answer", s.Tried(), len(got))
	}
}
