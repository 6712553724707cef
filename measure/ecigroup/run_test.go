package ecigroup

import (
	"testing"
	"time"

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
