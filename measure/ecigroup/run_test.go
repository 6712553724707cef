package ecigroup

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// TestAllArms makes starts in every arm. Each is started from what it is to be, its
// phases add up to its time, a start with all its images is faster than one without,
// and the making of each cache is timed.
func TestAllArms(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(Arms()...)
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	w.leaves()
	if left := w.journals(); len(left) > 0 {
		t.Errorf("journals are left: %q", left)
	}
	app := "registry.example.com/team/web:1.4"
	ready := map[string]time.Duration{}
	for key, u := range counted(t, timeline) {
		ready[key.arm] = u.Ready
		if key.arm == app+" cold" {
			if u.Hit != matcher.Miss || u.CacheID != "" {
				t.Errorf("%v: %s of cache %q", key, u.Hit, u.CacheID)
			}
		} else if u.CacheID == "" {
			t.Errorf("%v names no cache", key)
		}
		if u.Phases.Provision == nil && u.Phases.Pull == nil {
			continue // a making
		}
		var sum time.Duration
		for _, p := range simulate.AllPhases() {
			d, _ := u.Phases.Of(p)
			sum += d
		}
		if sum != u.Ready {
			t.Errorf("%v: the phases %v add up to %v, ready in %v", key, u.Phases, sum, u.Ready)
		}
	}
	for _, kind := range []string{ArmAutomatic, ArmExplicit, ArmFlash, ArmReuse} {
		if ready[app+" "+kind] >= ready[app+" cold"] {
			t.Errorf("%s was ready in %v, cold in %v", kind, ready[app+" "+kind], ready[app+" cold"])
		}
		if ready[app+" make "+kind] == 0 {
			t.Errorf("the making of the cache of arm %s is not timed", kind)
		}
	}
	// A cache with Flash can be used before its regular snapshot is there (eci §1.7).
	if flash, plain := ready[app+" make flash"], ready[app+" make explicit"]; flash >= plain {
		t.Errorf("a cache with Flash took %v, without %v", flash, plain)
	}
	// With the same layers in another cache nothing is downloaded again (eci §1.8).
	all := counted(t, timeline)
	reuse, plain := all[runKey{app + " make reuse", 0}].Phases.Pull, all[runKey{app + " make explicit", 0}].Phases.Pull
	if reuse == nil || plain == nil || *reuse >= *plain {
		t.Errorf("the pulls of a cache that reuses layers took %v, without %v", reuse, plain)
	}
}

// TestTogether: of a group of two images the pull is that of both, and a cache holds both.
func TestTogether(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold, ArmExplicit)
	exp.Apps[0].Images = append(exp.Apps[0].Images, "registry.example.com/mesh/proxy:1.2")
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	for key, u := range counted(t, timeline) {
		p := u.Phases
		switch {
		case strings.Contains(key.arm, " make "):
		case p.Provision == nil || p.Pull == nil || p.Create == nil || p.Ready == nil || *p.Provision+*p.Pull+*p.Create+*p.Ready != u.Ready:
			t.Errorf("%v: the phases %v do not add up to %v", key, p, u.Ready)
		case strings.HasSuffix(key.arm, ArmCold) != (*p.Pull > 0):
			t.Errorf("%v: pulled in %v", key, *p.Pull)
		case strings.HasSuffix(key.arm, ArmExplicit) && u.Hit != matcher.FullHit:
			t.Errorf("%v: %s", key, u.Hit)
		}
	}
	w.leaves()
}

// TestShort: groups that end at once were started, which is what their time goes to;
// when they were ready is not known.
func TestShort(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold)
	exp.Args = []string{"true"}
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	for key, u := range counted(t, timeline) {
		if u.Phases.Ready != nil || u.Phases.Pull == nil || u.Phases.Create == nil || u.Ready != *u.Phases.Provision+*u.Phases.Pull+*u.Phases.Create {
			t.Errorf("%v: %v in %v", key, u.Phases, u.Ready)
		}
	}
	w.leaves()
}

// TestGivenCache starts from a cache that exists, and leaves it.
func TestGivenCache(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmExplicit)
	theirs, err := w.client().CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "theirs", Images: exp.Apps[0].Images, SizeGiB: 40})
	if err != nil {
		t.Fatal(err)
	}
	exp.CacheID = theirs.ID
	if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), "groups start from caches that are Ready") {
		t.Errorf("of a cache that is not ready: %v", err)
	}
	w.server.Advance(time.Hour)
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	for key, u := range counted(t, timeline) {
		if u.CacheID != theirs.ID {
			t.Errorf("%v was started from %s", key, u.CacheID)
		}
	}
	w.leaves("cache " + theirs.ID)
}
