package ecigroup

import (
	"testing"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// diesSaving makes a run die once that many startups are saved, and then be gone on with.
func (w *world) diesSaving(exp *Experiment, startups int) {
	w.t.Helper()
	m := &mortal{die: func() {}}
	w.transport, w.retry = m, eci.Retry{Attempts: 1}
	w.opt.Save = func(timeline *simulate.Timeline) error {
		if len(timeline.Startups) >= startups {
			m.stop()
		}
		return w.save(timeline)
	}
	if _, err := w.run(exp); err == nil {
		w.t.Fatal("it did not die")
	}
	w.transport, w.retry, w.opt.Save, w.opt.Resume = nil, eci.Retry{}, w.save, w.saved
}

// TestAutomaticIsGoneOnWith: what is gone on with in the rounds starts arm automatic from the
// automatic cache that is there; where that cannot be, or its making is still to be timed,
// from a new one, which no cache that was made for another arm keeps from being made.
func TestAutomaticIsGoneOnWith(t *testing.T) {
	for _, how := range []string{"there", "gone", "not timed"} {
		w := newWorld(t, ecitest.Options{})
		exp := web(ArmCold, ArmAutomatic, ArmExplicit)
		exp.Repeats, exp.Concurrency = 6, 1
		w.diesSaving(exp, 2+8)
		var automatic string
		for _, c := range w.server.Caches() {
			if c.Automatic {
				automatic = c.ID
			}
		}
		switch how {
		case "gone": // as it may by its retention (eci §1.2)
			if err := w.client().DeleteImageCache(t.Context(), automatic, ""); err != nil {
				t.Fatal(err)
			}
		case "not timed":
			exp.MakeRepeats = 2
		}
		primed := w.server.Created("CreateContainerGroup")
		timeline, err := w.run(exp)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		fromItsOwn(t, w.server, timeline)
		for key, u := range counted(t, timeline) {
			if how == "there" && key.arm == "registry.example.com/team/web:1.4 automatic" && u.CacheID != automatic {
				t.Errorf("%v was started from %s, where %s was there", key, u.CacheID, automatic)
			}
		}
		// 10 starts are left, and one to warm up.
		if n := w.server.Created("CreateContainerGroup") - primed; (how == "there") != (n == 11) {
			t.Errorf("%s: %d groups were made", how, n)
		}
		if n, want := len(makingsOf(t, timeline)[ArmAutomatic]), exp.MakeRepeats; n != want {
			t.Errorf("%s: %d makings are timed, want %d", how, n, want)
		}
		w.leaves()
	}
}
